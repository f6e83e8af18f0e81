"""A bounded LangGraph cache in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from langgraph.cache.base import FullKey, Namespace
from langgraph.checkpoint.serde.base import SerializerProtocol

from langchain_llmcache._answer.entries import NotStorableError
from langchain_llmcache._answer.seal import LARGE
from langchain_llmcache._checks import checked_count
from langchain_llmcache._flow.lru import Lru
from langchain_llmcache._stores.node_values import NodeSerializer
from langchain_llmcache._stores.own import OwnStore
from langchain_llmcache._threads import Threads

T = TypeVar("T")


class MemoryStore(OwnStore):
    """A LangGraph cache in this process, bounded, with TTLs.

    Args:
        max_entries: Entries kept; the least recently used go first.
        max_bytes: Bytes kept, with a guess for what surrounds each value.
        serde: Seals what is stored (an ``EncryptedSerializer``), or is the ``NodeSerializer``
            that knows your classes.

    Raises:
        ConfigurationError: if a bound is not positive.
    """

    def __init__(
        self,
        *,
        max_entries: int = 10_000,
        max_bytes: int = 256 * 2**20,
        serde: SerializerProtocol | None = None,
    ) -> None:
        super().__init__(serde=serde or NodeSerializer())
        for name, bound in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            checked_count(name, bound)
        self._threads = Threads("llmcache-large", 1)
        # A value is kept with the name of its encoding in front, as in Valkey.
        self._items: Lru[FullKey] = Lru(
            max_entries=max_entries, max_bytes=max_bytes, monotonic=time.monotonic
        )

    def read(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""
        values = {}
        for key in keys:
            value = self.read_one(_plain(key))
            if value is not None:
                values[key] = value
        return values

    def read_one(self, key: FullKey) -> Any:
        """Return what ``serde`` makes of the bytes of a key, or None."""
        item = self._items.get(key)
        if item is None:
            return None
        kind, _, data = item.partition(b":")
        return self.serde.loads_typed((kind.decode(), data))

    def write(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry).

        Raises:
            NotStorableError: if there is no room for them even alone.
        """
        for key, (value, ttl) in pairs.items():
            kind, data = self.serde.dumps_typed(value)
            is_kept = self._items.put(_plain(key), b"%s:%s" % (kind.encode(), data), ttl)
            # (What is empty says that there is nothing.)
            if value and not is_kept:
                msg = "it is larger than max_bytes of memory:// allows"
                raise NotStorableError(msg)

    def drop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""
        dropped = {tuple(space) for space in spaces}
        # (What was removed one by one may still be there, empty.)
        return self._items.discard(
            lambda key: key[0] in dropped, lambda value: bool(value.partition(b":")[2])
        )

    async def aread(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""
        return await self._computed(
            partial(self.read, keys), (self._items.get(_plain(key)) or b"" for key in keys)
        )

    async def awrite(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry)."""
        await self._computed(partial(self.write, pairs), (value for value, _ in pairs.values()))

    async def _computed(self, work: Callable[[], T], values: Iterable[bytes]) -> T:
        """Return the result of work on values: sealing large ones would hold up the loop."""
        is_large = self.seals and any(len(value) >= LARGE for value in values)
        return await self._threads.compute(work) if is_large else work()

    async def adrop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""
        return self.drop(spaces)

    def spaces(self) -> Iterable[Namespace]:
        """Return the namespaces that hold anything."""
        return {space for space, _ in self._items.keys()}  # noqa: SIM118 - not a dict

    @property
    def seals(self) -> bool:
        """Whether ``serde`` makes something else of bytes."""
        return getattr(self.serde, "seals", False)

    @property
    def evictions(self) -> int:
        """Values that had to go because of the bounds, although they had not expired."""
        return self._items.evictions

    def __bool__(self) -> bool:
        """Return True: LangGraph takes a false cache for none, and an empty one is one."""
        return True

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._items)


def _plain(key: FullKey) -> FullKey:
    return (tuple(key[0]), key[1])
