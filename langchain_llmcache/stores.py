"""The stores that ``LLMCache.from_url`` builds: LangGraph caches, for the nodes of graphs too."""

from __future__ import annotations

from langchain_llmcache._stores.memory import MemoryStore
from langchain_llmcache._stores.node_values import NodeSerializer

__all__ = ["MemoryStore", "NodeSerializer"]
