"""From connection settings to transports: one server, a cluster, or whatever it turns out to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from langchain_llmcache._valkey.aio import AsyncTransport, ThreadTransport
from langchain_llmcache._valkey.detect import AutoTransport, Finding
from langchain_llmcache._valkey.entries import Transport
from langchain_llmcache._valkey.router import AsyncClusterTransport, BlockingClusterTransport
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache._valkey.sync import BlockingTransport
from langchain_llmcache._valkey.topology import Address, Topology


@dataclass(frozen=True)
class Transports:
    """Both halves of a way to a store.

    Attributes:
        blocking: For threads.
        asynchronous: For event loops.
        close: Releases what no event loop owns.
        aclose: Releases the rest, on the running loop.
    """

    blocking: Transport
    asynchronous: Transport
    close: Callable[[], None]
    aclose: Callable[[], Awaitable[None]]


class _OfLoops(Transport, Protocol):
    async def close(self) -> None: ...

    def abandon(self) -> None: ...


def open_transports(settings: ConnectionSettings) -> Transports:
    """Return the transports for these settings. Nothing is connected."""
    wanted = settings.cluster.enabled
    single = BlockingTransport(settings)
    if wanted is False or "host" not in settings.arguments:
        # Unix sockets and others' connection classes lead to one server.
        return _both(settings, [single], single, lambda: AsyncTransport(settings))
    seeds = settings.cluster.seeds or (
        Address(settings.arguments["host"], int(settings.arguments["port"])),
    )
    topology = Topology(seeds, settings.cluster.remap)
    cluster = BlockingClusterTransport(settings, topology)
    if wanted:
        return _both(
            settings, [cluster], cluster, lambda: AsyncClusterTransport(settings, topology)
        )
    finding = Finding()
    return _both(
        settings,
        [single, cluster],
        AutoTransport(single, cluster, finding),
        lambda: AutoTransport(
            AsyncTransport(settings), AsyncClusterTransport(settings, topology), finding
        ),
    )


def _both(
    settings: ConnectionSettings,
    of_threads: list[BlockingTransport | BlockingClusterTransport],
    blocking: Transport,
    make_asynchronous: Callable[[], _OfLoops],
) -> Transports:
    # A connection class without an asyncio counterpart is used from threads.
    asynchronous = None if settings.asynchronous is None else make_asynchronous()

    def close() -> None:
        for transport in of_threads:
            transport.close()
        if settings.credentials is not None:
            settings.credentials.close()
        if asynchronous is not None:
            asynchronous.abandon()

    async def aclose() -> None:
        if asynchronous is not None:
            await asynchronous.close()
        close()

    return Transports(blocking, asynchronous or ThreadTransport(blocking), close, aclose)
