"""A ValkeyCache that never connects before it is used, and whose methods are native.

Upstream's constructor talks to the server, its blocking methods start an event loop, its
asyncio ones use threads, its keys let two namespaces meet, its ``clear`` uses KEYS with an
unescaped pattern, and a graph fails with its server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Valkey

from langchain_llmcache._flow.ports import run
from langchain_llmcache._request.key import encode_part
from langchain_llmcache._stores.guard import Guard
from langchain_llmcache._stores.node_cache import node_serializer, packed, unpacked
from langchain_llmcache._valkey.entries import (
    Transport,
    escape_glob,
    remove_matching,
    translated,
)

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class ValkeyStore(ValkeyCache[Any]):
    """What ``LLMCache.from_url`` wraps, as the cache of a graph's nodes.

    Args:
        client: A client with the same settings, for whoever wants to look at the server.
        blocking: Sends the commands of the blocking methods.
        asynchronous: Sends those of the asyncio methods.
        prefix: What all keys begin with.
        guard: What stands before it.
        serde: Serializer of the values; a ``NodeSerializer`` by default.
    """

    def __init__(
        self,
        client: Valkey,
        blocking: Transport,
        asynchronous: Transport,
        *,
        prefix: str,
        guard: Guard,
        serde: SerializerProtocol | None = None,
    ) -> None:
        # Not ValkeyCache's own constructor, which talks to the server.
        BaseCache.__init__(self, serde=node_serializer(serde))
        self.client = client
        self.prefix = prefix
        self.ttl = None
        self._blocking = blocking
        self._asynchronous = asynchronous
        self._guard = guard

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the same store: it is a handle."""
        return self

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        if not keys:
            return {}

        async def find() -> dict[FullKey, bytes | None]:
            with translated():
                return {key: await self._blocking.get(self._name(key)) for key in keys}

        return self._opened(run(self._guard.read(find)))

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return the values of the keys that are there."""
        if not keys:
            return {}

        async def find() -> dict[FullKey, bytes | None]:
            with translated():
                # Asked for in one turn of the loop, so they travel as one MGET.
                found = await _together([self._asynchronous.get(self._name(key)) for key in keys])
            return dict(zip(keys, found, strict=True))

        return self._opened(await self._guard.read(find))

    def set(self, pairs: Mapping[FullKey, tuple[Any, float | None]]) -> None:
        """Store values, each with its TTL (seconds; None: the cache's own)."""
        for key, (value, ttl) in packed(self.serde, self._guard, pairs).items():
            run(self._put(self._blocking, key, value, ttl))

    async def aset(self, pairs: Mapping[FullKey, tuple[Any, float | None]]) -> None:
        """Store values, each with its TTL (seconds; None: the cache's own)."""
        await _together(
            [
                self._put(self._asynchronous, key, value, ttl)
                for key, (value, ttl) in packed(self.serde, self._guard, pairs).items()
            ]
        )

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all under the prefix.

        Raises:
            StoreError: if the store could not remove all of them.
        """
        run(self._guard.gate.administer("clear", self._clear(self._blocking, namespaces)))

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all under the prefix.

        Raises:
            StoreError: if the store could not remove all of them.
        """
        await self._guard.gate.administer("clear", self._clear(self._asynchronous, namespaces))

    async def _put(
        self, transport: Transport, key: FullKey, value: bytes, ttl: float | None
    ) -> None:
        async def put() -> None:
            expiry = () if ttl is None else ("PX", max(1, round(ttl * 1000)))
            with translated():
                await transport.call("SET", self._name(key), value, *expiry)

        await self._guard.write(put)

    async def _clear(self, transport: Transport, namespaces: Sequence[Namespace] | None) -> None:
        if namespaces is None:
            await remove_matching(transport, f"{escape_glob(self.prefix)}*", lambda _: True)
            return
        for namespace in namespaces:
            start = self._make_key(namespace, "").encode()
            await remove_matching(
                transport,
                f"{escape_glob(start.decode())}*",
                lambda name, start=start: b"/" not in name[len(start) :],  # type: ignore[misc]
            )

    def _opened(self, found: Mapping[FullKey, bytes | None] | None) -> dict[FullKey, Any]:
        there = {key: stored for key, stored in (found or {}).items() if stored is not None}
        return unpacked(self.serde, self._guard, there)

    def _name(self, key: FullKey) -> bytes:
        return self._make_key(*key).encode()

    def _make_key(self, ns: Namespace, key: str) -> str:
        # Percent-encoded and ended, each part: no two namespaces meet in one key.
        return f"{self.prefix}{''.join(f'{encode_part(part)}/' for part in ns)}{encode_part(key)}"


async def _together(awaitables: Sequence[Awaitable[T]]) -> list[T]:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # each of them will say so
        return [await each for each in awaitables]
    return await asyncio.gather(*awaitables)
