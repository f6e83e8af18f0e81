"""Our own stores, in this process or in a file: bytes for an ``LLMCache``, values for graphs."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from langgraph.cache.base import FullKey, Namespace

from langchain_llmcache._stores.node_cache import NodeCache, NodeFace

if TYPE_CHECKING:
    from typing_extensions import Self


class OwnStore(NodeFace):
    """A store with two sides.

    ``read`` and its like raise what goes wrong, and are for the entries of an ``LLMCache``.
    LangGraph's own methods never do, and are for graphs.
    """

    @cached_property
    def nodes(self) -> NodeCache:  # type: ignore[override]
        """The values of graphs that use this store without an ``LLMCache``."""
        from langchain_llmcache._stores.open import nodes_without_cache

        return nodes_without_cache(self)

    def with_nodes(self, nodes: NodeCache) -> Self:
        """Return the same store as the graphs of an ``LLMCache`` get it."""
        view = copy.copy(self)
        view.__dict__["nodes"] = nodes
        return view

    @abstractmethod
    def read(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""

    @abstractmethod
    def write(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry)."""

    @abstractmethod
    def drop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""

    @abstractmethod
    def spaces(self) -> Iterable[Namespace]:
        """Return the namespaces that hold anything."""

    @abstractmethod
    async def aread(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""

    @abstractmethod
    async def awrite(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry)."""

    @abstractmethod
    async def adrop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the same store: it is a handle."""
        return self
