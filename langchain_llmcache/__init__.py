"""A cache of LLM answers for LangChain, in Valkey: correct, fail-open, and fast."""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    # An option of its own, which most applications never load.
    if name == "Similar":
        from langchain_llmcache.similar import Similar

        return Similar
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
