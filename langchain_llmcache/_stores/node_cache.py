"""LangGraph's cache of nodes on our stores: never in a graph's way.

LangGraph does not catch what its cache raises. So here a store in trouble is a miss, a value
that cannot be read is a miss, and a value that cannot be stored is not stored: each is counted
and logged as for the answers of models, and the breaker is theirs too.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._flow.ports import run
from langchain_llmcache._stores.guard import Guard
from langchain_llmcache._stores.node_values import NodeSerializer

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
Pairs: TypeAlias = Mapping[FullKey, "tuple[Any, float | None]"]


class Guarded(BaseCache[Any]):
    """A store in this process or in a file, with two faces.

    As it is made, it raises what goes wrong: that is how an ``LLMCache`` uses it. What
    ``guarded`` returns never does: that is what graphs get.
    """

    _guard: Guard | None = None

    def guarded(self, guard: Guard) -> Self:
        """Return the same store as graphs get it."""
        view = copy.copy(self)
        view._guard = guard  # noqa: SLF001 - its own
        return view

    def unguarded(self) -> Self:
        """Return the same store as an ``LLMCache`` uses it."""
        if self._guard is None:
            return self
        raw = copy.copy(self)
        raw._guard = None  # noqa: SLF001 - its own
        return raw

    @abstractmethod
    def _get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there, or raise."""

    @abstractmethod
    def _set(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: no expiry), or raise."""

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        if self._guard is None:
            return self._get(keys)

        async def find(some: Sequence[FullKey]) -> dict[FullKey, Any]:
            return self._get(some)

        return run(self._find(self._guard, keys, find))

    def set(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: no expiry)."""
        if self._guard is None:
            self._set(pairs)
            return

        async def put(some: Pairs) -> None:
            self._set(some)

        run(self._put(self._guard, pairs, put))

    async def _find(
        self,
        guard: Guard,
        keys: Sequence[FullKey],
        find: Callable[[Sequence[FullKey]], Awaitable[dict[FullKey, Any]]],
    ) -> dict[FullKey, Any]:
        values: dict[FullKey, Any] = {}
        for key in keys:
            # One by one: a value that cannot be read does not cost the others.
            values.update(await guard.read(partial(find, [key])) or {})
        return values

    async def _put(
        self, guard: Guard, pairs: Pairs, put: Callable[[Pairs], Awaitable[None]]
    ) -> None:
        async def try_to_put(pair: Pairs) -> None:
            try:
                await put(pair)
            except NotStorableError as reason:
                guard.unstorable(reason)

        for key, (value, ttl) in pairs.items():
            lifetime = guard.lifetime(ttl)
            if lifetime is None or lifetime > 0:
                await guard.write(partial(try_to_put, {key: (value, lifetime)}))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the same store: it is a handle."""
        return self


class ForeignNodes(BaseCache[Any]):
    """Any LangGraph cache, for what we store in it ourselves.

    Args:
        store: Somebody else's.
        guard: What stands before it.
    """

    def __init__(self, store: BaseCache[Any], guard: Guard) -> None:
        super().__init__(serde=NodeSerializer())
        self._store = store
        self._guard = guard

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""

        async def find() -> dict[FullKey, Any]:
            return self._store.get(keys)

        return self._opened(run(self._guard.read(find)))

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        return self._opened(await self._guard.read(lambda: self._store.aget(keys)))

    def set(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: no expiry)."""

        async def put() -> None:
            self._store.set(ready)

        if ready := self._packed(pairs):
            run(self._guard.write(put))

    async def aset(self, pairs: Pairs) -> None:
        """Store values, each with its TTL (seconds; None: no expiry)."""
        if ready := self._packed(pairs):
            await self._guard.write(lambda: self._store.aset(ready))

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all."""
        self._store.clear(namespaces)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all."""
        await self._store.aclear(namespaces)

    def _opened(self, found: Mapping[FullKey, Any] | None) -> dict[FullKey, Any]:
        return unpacked(self.serde, self._guard, found or {})

    def _packed(self, pairs: Pairs) -> dict[FullKey, tuple[Any, Any]]:
        return packed(self.serde, self._guard, pairs)


def packed(
    serde: SerializerProtocol, guard: Guard, pairs: Pairs
) -> dict[FullKey, tuple[bytes, float | None]]:
    """Return the bytes of those values that can be stored, and their TTLs."""
    encoded = {}
    for key, (value, ttl) in pairs.items():
        lifetime = guard.lifetime(ttl)
        if lifetime is not None and not lifetime > 0:
            continue
        try:
            kind, data = serde.dumps_typed(value)
        except NotStorableError as reason:
            guard.unstorable(reason)
        else:
            encoded[key] = (b"%s:%s" % (kind.encode(), data), lifetime)
    return encoded


def unpacked(
    serde: SerializerProtocol, guard: Guard, found: Mapping[FullKey, Any]
) -> dict[FullKey, Any]:
    """Return the values that decode."""
    values = {}
    for key, stored in found.items():
        kind, colon, data = stored.partition(b":") if isinstance(stored, bytes) else (b"", b"", b"")
        try:
            if not colon:
                msg = "not a node value"
                raise CorruptEntryError(msg)  # noqa: TRY301 - as whatever serializers raise
            values[key] = serde.loads_typed((kind.decode("utf-8", "replace"), data))
        except CorruptEntryError as error:
            guard.unreadable(error)
    return values


class _Translated(SerializerProtocol):
    """A user's serializer; whatever it raises is about the value, and not about the store."""

    def __init__(self, serde: SerializerProtocol) -> None:
        self.serde = serde

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        try:
            return self.serde.dumps_typed(obj)
        except NotStorableError:
            raise
        except Exception as error:
            msg = f"its serializer failed ({type(error).__name__})"
            raise NotStorableError(msg) from error

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        try:
            return self.serde.loads_typed(data)
        except CorruptEntryError:
            raise
        except Exception as error:
            msg = "its serializer cannot read it"
            raise CorruptEntryError(msg) from error


def node_serializer(serde: SerializerProtocol | None) -> SerializerProtocol:
    """Return the serializer of a store's values; by default the one that runs no code."""
    if serde is None:
        return NodeSerializer()
    return serde if isinstance(serde, (NodeSerializer, _Translated)) else _Translated(serde)


def seal_of(serde: SerializerProtocol | None) -> SerializerProtocol | None:
    """Return what seals the answers of models, if a serializer does more than serialize."""
    if isinstance(serde, _Translated):
        serde = serde.serde
    return None if type(serde) is JsonPlusSerializer or isinstance(serde, NodeSerializer) else serde
