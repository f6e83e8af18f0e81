"""From connection settings to both ways to a store. Nothing is connected here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from langchain_llmcache._valkey.aio import LoopNodes
from langchain_llmcache._valkey.router import Nodes, Router
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache._valkey.sync import SyncNodes, ThreadNodes
from langchain_llmcache._valkey.topology import Topology


@dataclass(frozen=True)
class Routers:
    """Both ways to a store.

    Attributes:
        blocking: For threads.
        asynchronous: For event loops.
        close: Releases what no event loop owns.
        aclose: Releases the rest, on the running loop.
    """

    blocking: Router
    asynchronous: Router
    close: Callable[[], None]
    aclose: Callable[[], Awaitable[None]]


def open_routers(
    settings: ConnectionSettings, prefix: str, settle: Callable[[], Awaitable[None]]
) -> Routers:
    """Return the ways to where these settings lead.

    Args:
        settings: How to make connections.
        prefix: What all keys begin with.
        settle: Waits for what still needs the connections of the running loop when they are to
            be closed.
    """
    topology = _topology(settings)
    of_threads = SyncNodes(settings)
    # A connection class without an asyncio counterpart is used from threads.
    of_loops: ThreadNodes | LoopNodes = ThreadNodes(of_threads)
    if settings.asynchronous is not None:
        of_loops = LoopNodes(settings, settle)

    def router(nodes: Nodes) -> Router:
        return Router(
            topology,
            nodes,
            timeout=settings.timeout,
            prefix=prefix,
            read_from_replicas=settings.cluster.read_from_replicas,
        )

    def close() -> None:
        of_threads.close()
        if settings.credentials is not None:
            settings.credentials.close()
        of_loops.abandon()

    async def aclose() -> None:
        await settle()
        await of_loops.close()
        close()

    return Routers(router(of_threads), router(of_loops), close, aclose)


def _topology(settings: ConnectionSettings) -> Topology:
    """Return what is known before anything was asked."""
    if settings.address is None:
        # Unix sockets and others' connection classes lead to one server.
        return Topology((), is_cluster=False)
    cluster = settings.cluster
    seeds = cluster.seeds or (settings.address,)
    return Topology(seeds, cluster.remap, is_cluster=cluster.enabled)
