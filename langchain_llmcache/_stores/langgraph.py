"""Any LangGraph cache as entries, through its own six methods.

LangGraph's interface neither lists entries nor removes a single one. A store may offer both
(``spaces`` and ``remove``, see ``Listing``); the stores of LangGraph itself are known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

from langgraph.cache.base import BaseCache, FullKey
from langgraph.cache.memory import InMemoryCache

from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._flow.ports import run
from langchain_llmcache._request.key import AnyScope, Key, encode_part
from langchain_llmcache._signals import pass_on
from langchain_llmcache._stores.memory import MemoryStore
from langchain_llmcache._stores.only_bytes import reading_only_bytes
from langchain_llmcache._stores.own import OwnStore
from langchain_llmcache._threads import Threads, in_thread
from langchain_llmcache.errors import UnsupportedOperationError

Space = tuple[str, ...]

# Written over an entry that a store cannot remove; gone after a second.
_REMOVED = b""
_REMOVED_SECONDS = 1


@runtime_checkable
class Listing(Protocol):
    """What a store may offer besides LangGraph's interface."""

    def spaces(self) -> Iterable[Space]:
        """Return the namespaces (in LangGraph's sense) that hold anything."""


class Face(Protocol):
    """A LangGraph cache, seen from the flow: its blocking methods or its asyncio ones.

    Attributes:
        peek: Returns the value of a key, or None, without waiting for anything, if it can.
    """

    peek: Callable[[FullKey], Any] | None

    async def get(self, keys: list[FullKey]) -> dict[Any, Any]:
        """Return the values of the keys that are there."""

    async def set(self, pairs: dict[FullKey, tuple[bytes, Any]]) -> None:
        """Store values, each with its TTL in seconds."""

    async def clear(self, scope: AnyScope) -> int | None:
        """Remove the values of the namespaces that belong to ``scope``; return how many, if known."""


class _Own:
    """A store of ours under LangGraph's names: its bytes, and not the values of graphs."""

    def __init__(self, store: OwnStore) -> None:
        self.spaces = store.spaces
        self.get, self.set, self.clear = store.read, store.write, store.drop
        self.aget, self.aset, self.aclear = store.aread, store.awrite, store.adrop
        # Of a store in this process: a look that waits for nothing.
        self.peek = store.read_one if isinstance(store, MemoryStore) and not store.seals else None


def _bytes_of(store: BaseCache[Any]) -> Any:
    view = reading_only_bytes(store)
    return _Own(view) if isinstance(view, OwnStore) else view


def _peek_of(store: Any) -> Callable[[FullKey], Any] | None:
    return store.peek if isinstance(store, _Own) else None


class BlockingFace:
    """The blocking methods of a LangGraph cache."""

    def __init__(self, store: BaseCache[Any]) -> None:
        self._store = _bytes_of(store)
        self.peek = _peek_of(self._store)

    async def get(self, keys: list[FullKey]) -> dict[Any, Any]:
        found: dict[Any, Any] = self._store.get(keys)
        return found

    async def set(self, pairs: dict[FullKey, tuple[bytes, Any]]) -> None:
        self._store.set(pairs)

    async def clear(self, scope: AnyScope) -> int | None:
        removed: int | None = self._store.clear(_spaces_of(self._store, scope))
        return removed


class AsyncFace:
    """The asyncio methods of a LangGraph cache."""

    def __init__(self, store: BaseCache[Any]) -> None:
        self._store = _bytes_of(store)
        self.peek = _peek_of(self._store)

    async def get(self, keys: list[FullKey]) -> dict[Any, Any]:
        found: dict[Any, Any] = await self._store.aget(keys)
        return found

    async def set(self, pairs: dict[FullKey, tuple[bytes, Any]]) -> None:
        await self._store.aset(pairs)

    async def clear(self, scope: AnyScope) -> int | None:
        spaces = await in_thread(lambda: _spaces_of(self._store, scope))
        removed: int | None = await self._store.aclear(spaces)
        return removed


class ThreadFace:
    """The blocking methods of a LangGraph cache, for asyncio.

    For a cache whose own asyncio methods wait for a place in the application's executor.

    Args:
        store: The cache.
        timeout: Seconds that a lookup or a store may take.
    """

    def __init__(self, store: BaseCache[Any], timeout: float) -> None:
        self._blocking = BlockingFace(store)
        self.peek: Callable[[FullKey], Any] | None = None
        self._timeout = timeout
        self._threads = Threads("llmcache-store")

    async def get(self, keys: list[FullKey]) -> dict[Any, Any]:
        return await self._threads.call(lambda: run(self._blocking.get(keys)), self._timeout)

    async def set(self, pairs: dict[FullKey, tuple[bytes, Any]]) -> None:
        await self._threads.call(lambda: run(self._blocking.set(pairs)), self._timeout)

    async def clear(self, scope: AnyScope) -> int | None:
        return await self._threads.call(lambda: run(self._blocking.clear(scope)), None)


def async_face(store: BaseCache[Any], timeout: float) -> Face:
    """Return a cache as tasks use it."""
    # LangGraph's own class for files: its asyncio methods are ``asyncio.to_thread``.
    is_file = type(store).aget.__module__ == "langgraph.cache.sqlite"
    return ThreadFace(store, timeout) if is_file else AsyncFace(store)


class LangGraphEntries:
    """Entries in a LangGraph cache.

    Args:
        store: The cache, blocking or asyncio.
        prefix: First part of all namespaces, which keeps other users of the store apart.
    """

    def __init__(self, store: Face, prefix: str) -> None:
        self._store = store
        self._prefix = encode_part(prefix)
        self._peek = store.peek

    async def get(self, key: Key) -> bytes | None:
        name = self._name(key)
        if self._peek is not None:
            value = self._peek(name)
        else:
            value = next(iter((await self._store.get([name])).values()), None)
        if value is not None and not isinstance(value, bytes):
            raise CorruptEntryError("not an entry")
        return None if value == _REMOVED else value

    async def put(self, key: Key, entry: bytes, ttl: int | None) -> None:
        # LangGraph's stores add the seconds to a date: a fraction is fine.
        seconds = None if ttl is None else ttl / 1000
        await self._store.set({self._name(key): (entry, seconds)})

    async def delete(self, key: Key) -> bool:
        try:
            found = await self.get(key) is not None
        except CorruptEntryError as error:
            pass_on(error)
            found = True
        await self._store.set({self._name(key): (_REMOVED, _REMOVED_SECONDS)})
        return found

    async def clear(self, scope: AnyScope) -> int | None:
        return await self._store.clear(scope._replace(namespace=(self._prefix, *scope.namespace)))

    async def ping(self) -> None:
        await self._store.get([self._name(_PING)])

    def _name(self, key: Key) -> FullKey:
        return ((self._prefix, *key.space), key.digest)


_PING = Key(("ping",), "ping")


def _spaces_of(store: BaseCache[Any], scope: AnyScope) -> list[Space]:
    """Return the namespaces of the store that belong to ``scope``.

    Raises:
        UnsupportedOperationError: if the store cannot tell.
    """
    # LangGraph's interface has no listing; of its own classes the insides are known.
    insides: Any = store
    if isinstance(store, Listing):
        spaces = store.spaces()
    elif isinstance(store, InMemoryCache):
        spaces = list(insides._cache)  # noqa: SLF001
    elif any(cls.__module__ == "langgraph.cache.sqlite" for cls in type(store).__mro__):
        with insides._lock:  # noqa: SLF001
            rows = insides._conn.execute("SELECT DISTINCT ns FROM cache").fetchall()  # noqa: SLF001
        spaces = [tuple(row[0].split(",")) for row in rows]
    else:
        msg = (
            f"{type(store).__name__} cannot list its entries, so the cache's own cannot be told "
            "from others; entries expire by their TTL, delete() removes one, and the store's "
            "clear() empties it"
        )
        raise UnsupportedOperationError(msg)
    return [space for space in spaces if scope.covers(space)]
