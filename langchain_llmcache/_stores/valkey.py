"""A ValkeyCache that never connects before it is used, and whose methods are native.

Upstream's constructor talks to the server, its blocking methods start an event loop, its
asyncio ones use threads, its keys let two namespaces meet, its ``clear`` uses KEYS with an
unescaped pattern, and a graph fails with its server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.cache.base import BaseCache
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Valkey

from langchain_llmcache._stores.node_cache import NodeCache, NodeFace

if TYPE_CHECKING:
    from typing_extensions import Self


class ValkeyStore(NodeFace, ValkeyCache[Any]):
    """What ``LLMCache.from_url`` wraps, as the cache of a graph's nodes.

    Args:
        client: A client with the same settings, for those who want to look at the server.
        prefix: What all keys begin with.
        nodes: Does what is asked.
    """

    def __init__(self, client: Valkey, prefix: str, nodes: NodeCache) -> None:
        # Not ValkeyCache's own constructor, which talks to the server.
        BaseCache.__init__(self, serde=nodes.serde)
        self.client = client
        self.prefix = prefix
        self.ttl = None
        self.nodes = nodes

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the same store: it is a handle."""
        return self
