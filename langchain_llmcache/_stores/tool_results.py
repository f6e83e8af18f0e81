"""Where an ``LLMCache`` keeps results of tools, and under which key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph.cache.base import BaseCache as LangGraphCache
from langgraph.cache.base import FullKey

from langchain_llmcache._request.asking import Asked

if TYPE_CHECKING:
    from langchain_llmcache.cache import LLMCache

# The first part of the namespaces of results.
TOOLS: Final = "llmcache-tools"


def results_of(cache: LLMCache) -> LangGraphCache[Any]:
    """Return a LangGraph cache in the same store that never raises, even if that is the user's."""
    return cache._opened.nodes(cache._guard())  # noqa: SLF001 - a part of the cache


def key_of_result(cache: LLMCache, tool: str, arguments: str) -> FullKey:
    """Return the key of what a tool says to these arguments, with all that sets keys apart."""
    key = cache._flow.key_of(arguments, Asked(f"tool {tool}"))  # noqa: SLF001 - likewise
    return (TOOLS, tool), key.digest
