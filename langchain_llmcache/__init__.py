"""A cache of LLM answers for LangChain, in Valkey: correct, fail-open, and fast."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langchain_llmcache._answer.entries import NewEntry
    from langchain_llmcache._flow.near import NearCache
    from langchain_llmcache._flow.settings import CacheOptions
    from langchain_llmcache._insight.latency import Latency
    from langchain_llmcache._insight.savings import ModelStats
    from langchain_llmcache._insight.stats import CacheStats
    from langchain_llmcache._request.asking import asking
    from langchain_llmcache.cache import LLMCache
    from langchain_llmcache.errors import (
        CacheMissError,
        ConfigurationError,
        LLMCacheError,
        StoreError,
        UnsupportedOperationError,
    )
    from langchain_llmcache.events import CacheEvent
    from langchain_llmcache.imports import ImportReport
    from langchain_llmcache.options import cache_options
    from langchain_llmcache.similar import Similar

__version__ = "0.1.0"

__all__ = [
    "CacheEvent",
    "CacheMissError",
    "CacheOptions",
    "CacheStats",
    "ConfigurationError",
    "ImportReport",
    "LLMCache",
    "LLMCacheError",
    "Latency",
    "ModelStats",
    "NearCache",
    "NewEntry",
    "Similar",
    "StoreError",
    "UnsupportedOperationError",
    "asking",
    "cache_options",
]

# Modules are imported when a name of theirs is used: the command line has to begin without them,
# because Ctrl-C during an import is a traceback.
_HOMES: Final = {
    "CacheEvent": "events",
    "CacheOptions": "_flow.settings",
    "CacheStats": "_insight.stats",
    "ImportReport": "imports",
    "LLMCache": "cache",
    "Latency": "_insight.latency",
    "ModelStats": "_insight.savings",
    "NearCache": "_flow.near",
    "NewEntry": "_answer.entries",
    "Similar": "similar",
    "asking": "_request.asking",
    "cache_options": "options",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
