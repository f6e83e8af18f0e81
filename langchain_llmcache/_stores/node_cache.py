"""LangGraph's cache of nodes over an ``LLMCache``'s entries. Never in a graph's way.

LangGraph does not catch what its cache raises. So here a store in trouble is a miss, a value
that cannot be read is a miss, and a value that cannot be stored is not stored: each is counted
and logged as for the answers of models, and the breaker is theirs too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from langgraph.cache.base import BaseCache, FullKey, Namespace

from langchain_llmcache._answer.entries import NODE_TAG, CorruptEntryError, NotStorableError
from langchain_llmcache._flow.ports import Entries, run
from langchain_llmcache._request.key import Key, NodeScope, node_key
from langchain_llmcache._signals import pass_on
from langchain_llmcache._stores.guard import Guard
from langchain_llmcache._stores.node_values import NodeSerializer

T = TypeVar("T")
Pairs: TypeAlias = Mapping[FullKey, "tuple[Any, float | None]"]
_Together: TypeAlias = Callable[[Sequence[Awaitable[Any]]], Awaitable[list[Any]]]

# Writes of a node that did not come to its end, which would end it for all threads, and of one
# that was resumed: what a human said belongs to one thread.
_UNFINISHED = ("__interrupt__", "__error__", "__resume__")
# How the namespaces of LangGraph's own begin.
_WRITES = "__pregel_ns_writes"
# Milliseconds; a longer TTL means that the value never expires.
_FOREVER = 2**53


class NodeCache(BaseCache[Any]):
    """The values of nodes, and the results of tools.

    Args:
        blocking: Where they lie, for the blocking methods.
        asynchronous: Where they lie, for the asyncio methods.
        guard: What stands before it.
        serializer: Knows the classes of values.
    """

    def __init__(
        self,
        blocking: Entries,
        asynchronous: Entries,
        guard: Guard,
        serializer: NodeSerializer,
    ) -> None:
        super().__init__(serde=serializer)
        self._blocking = blocking
        self._asynchronous = asynchronous
        self._guard = guard

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        return run(self._get(self._blocking, keys, _in_turn))

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        # Asked for in one turn of the loop, so they travel together.
        return await self._get(self._asynchronous, keys, _at_once)

    def set(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: the cache's own)."""
        run(self._set(self._blocking, pairs, _in_turn))

    async def aset(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: the cache's own)."""
        await self._set(self._asynchronous, pairs, _at_once)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all in the cache's own, answers included.

        Raises:
            StoreError: if the store could not remove all of them.
        """
        run(self._clear(self._blocking, namespaces))

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all in the cache's own, answers included.

        Raises:
            StoreError: if the store could not remove all of them.
        """
        await self._clear(self._asynchronous, namespaces)

    async def _get(
        self, entries: Entries, keys: Sequence[FullKey], together: _Together
    ) -> dict[FullKey, Any]:
        if not keys:
            return {}
        names = [self._name(key) for key in keys]

        async def find() -> list[bytes | CorruptEntryError | None]:
            return await together([_read(entries, name) for name in names])

        found = await self._guard.read(find)
        values = {}
        for key, name, stored in zip(keys, names, found or (), strict=False):
            if stored is None:
                continue
            try:
                values[key] = _checked(key, self._value(name, stored))
            except CorruptEntryError as error:
                pass_on(error)
                self._guard.unreadable(error)
                await self._guard.remove(entries, name)
        return values

    async def _set(self, entries: Entries, pairs: Pairs, together: _Together) -> None:
        await together([self._put(entries, key, *pair) for key, pair in pairs.items()])

    async def _put(self, entries: Entries, key: FullKey, value: Any, ttl: float | None) -> None:
        lifetime = self._guard.lifetime(ttl)
        if lifetime is not None and not lifetime > 0:
            return
        milliseconds = None if lifetime is None else max(1, round(min(lifetime * 1000, _FOREVER)))
        try:
            name = self._name(key)
            entry = self._entry(name, value)
            await self._guard.write(lambda: entries.put(name, entry, milliseconds))
        except NotStorableError as reason:
            pass_on(reason)
            self._guard.unstorable(reason)

    async def _clear(self, entries: Entries, namespaces: Sequence[Namespace] | None) -> None:
        scope = NodeScope.of(self._guard.namespace(), namespaces)
        await self._guard.gate.administer("clear", entries.clear(scope))

    def _entry(self, name: Key, value: Any) -> bytes:
        if _is_unfinished(value):
            msg = "the node was interrupted, or resumed, or failed"
            raise NotStorableError(msg)
        kind, data = self.serde.dumps_typed(value)
        entry = self._guard.binding.bind(NODE_TAG, name, b"%s:%s" % (kind.encode(), data))
        if self._guard.max_bytes is not None and len(entry) > self._guard.max_bytes:
            msg = f"it is larger than max_entry_bytes ({self._guard.max_bytes})"
            raise NotStorableError(msg)
        return entry

    def _value(self, name: Key, entry: bytes | CorruptEntryError) -> Any:
        if isinstance(entry, CorruptEntryError):
            raise entry
        if self._guard.max_bytes is not None and len(entry) > self._guard.max_bytes:
            msg = "larger than max_entry_bytes"
            raise CorruptEntryError(msg)
        most = self._guard.max_bytes
        payload = bytes(self._guard.binding.payload(NODE_TAG, name, entry, most))
        kind, _, data = payload.partition(b":")
        return self.serde.loads_typed((kind.decode("utf-8", "replace"), data))

    def _name(self, key: FullKey) -> Key:
        return node_key(self._guard.namespace(), *key)


class NodeFace(BaseCache[Any]):
    """LangGraph's six methods of a class that is another cache besides: another's, called through.

    ``isinstance`` tells what it is; what it does as a cache of nodes is in ``nodes``.
    """

    nodes: NodeCache

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        return self.nodes.get(keys)

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        return await self.nodes.aget(keys)

    def set(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: the cache's own)."""
        self.nodes.set(pairs)

    async def aset(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: the cache's own)."""
        await self.nodes.aset(pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all in the cache's own, answers included.

        Raises:
            StoreError: if the store could not remove all of them.
        """
        self.nodes.clear(namespaces)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all in the cache's own, answers included.

        Raises:
            StoreError: if the store could not remove all of them.
        """
        await self.nodes.aclear(namespaces)


def _is_unfinished(value: Any) -> bool:
    """Tell whether these are the writes of a node that was interrupted, resumed, or that failed."""
    if type(value) is deque and not value:
        return True  # (as old versions of LangGraph give them; a node that ended wrote something)
    try:
        return any(type(write) is tuple and write[0] in _UNFINISHED for write in value)
    except Exception as error:  # noqa: BLE001 - not a list of writes
        pass_on(error)
        return False


def _checked(key: FullKey, value: Any) -> Any:
    """Return a value that was read, if it is what LangGraph can use.

    Raises:
        CorruptEntryError: if it is not the writes of a node: LangGraph would raise.
    """
    if key[0][:1] == (_WRITES,) and not (
        isinstance(value, (list, tuple, deque)) and all(map(_is_finished_write, value))
    ):
        raise CorruptEntryError("not the writes of a node")
    return value


def _is_finished_write(write: Any) -> bool:
    return (
        type(write) is tuple
        and len(write) == len(("channel", "value"))
        and type(write[0]) is str
        and write[0] not in _UNFINISHED
    )


async def _read(entries: Entries, name: Key) -> bytes | CorruptEntryError | None:
    try:
        return await entries.get(name)
    except CorruptEntryError as error:
        pass_on(error)
        return error


async def _in_turn(operations: Sequence[Awaitable[T]]) -> list[T]:
    return [await operation for operation in operations]


async def _at_once(operations: Sequence[Awaitable[T]]) -> list[T]:
    try:
        asyncio.get_running_loop()
    except RuntimeError as error:  # each of them will say so
        pass_on(error)
        return await _in_turn(operations)
    return await asyncio.gather(*operations)
