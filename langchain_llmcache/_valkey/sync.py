"""Nodes for threads: blocking connections, shared by all of them; and threads for loops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError
from valkey.exceptions import ValkeyError

from langchain_llmcache._flow.ports import run
from langchain_llmcache._forks import new_lock, tell_of_forks
from langchain_llmcache._signals import Latch, pass_on
from langchain_llmcache._threads import Threads
from langchain_llmcache._valkey.aio import Sharing
from langchain_llmcache._valkey.router import Command
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache._valkey.sync_pool import SyncPool
from langchain_llmcache._valkey.topology import Address

_THREADS: Final = 32


class _Learning:
    """Work that one thread does for all that need its outcome."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.over = Latch()
        self.error: Exception | None = ValkeyConnectionError("learning the cluster was interrupted")


class SyncNodes:
    """Connections of threads.

    Args:
        settings: How to make connections; a node's are the same, but for host and port.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._pools: dict[Address | None, SyncPool] = {}
        self._lock = new_lock()
        self._learning: _Learning | None = None
        tell_of_forks(self)

    async def exchange(
        self,
        node: Address | None,
        commands: Sequence[Command],
        deadline: float,
        largest: int | None = None,
    ) -> list[Any]:
        pool = self._pools.get(node)
        if pool is None:
            pool = self._pools.setdefault(node, SyncPool(self._settings.at(node)))
        was_kept = pool.has_idle
        try:
            return pool.exchange(commands, deadline, largest)
        except ValkeyTimeoutError:
            if was_kept:
                # If connections are cut silently, those to other nodes are, too.
                self.close()
            raise

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - never on a loop

    async def share(self, work: Callable[[], Coroutine[Any, Any, None]], deadline: float) -> None:
        with self._lock:
            learning = self._learning
            # (What this thread has begun waits for the end of a signal handler.)
            is_mine = learning is None or learning.thread == threading.get_ident()
            if learning is None or is_mine:
                learning = self._learning = _Learning()
        if is_mine:
            self._do(work, learning)
        elif not learning.over.wait(deadline - time.monotonic()):
            raise ValkeyTimeoutError("Timeout learning the cluster")
        if learning.error is not None:
            raise learning.error

    def _do(self, work: Callable[[], Coroutine[Any, Any, None]], learning: _Learning) -> None:
        try:
            run(work())
            learning.error = None
        except (ValkeyError, OSError) as error:
            pass_on(error)
            learning.error = error
        finally:
            self._learning = None
            learning.over.open()

    async def retain(self, nodes: set[Address]) -> None:
        for node in self._pools.keys() - nodes:
            self._pools.pop(node).close()

    def forget_other_threads(self) -> None:
        """Give up what another thread was about to learn: in a child there is no such thread."""
        self._learning = None

    def close(self) -> None:
        """Close the idle connections. A later operation opens new ones."""
        for pool in list(self._pools.values()):
            pool.close()


class ThreadNodes:
    """The nodes of threads, for event loops: asyncio has no such connections.

    Args:
        nodes: Of threads.
    """

    def __init__(self, nodes: SyncNodes) -> None:
        self._nodes = nodes
        self._sharing = Sharing()
        # Not the loop's default ones, which are the application's.
        self._threads = Threads("llmcache-wait", _THREADS)

    async def exchange(
        self,
        node: Address | None,
        commands: Sequence[Command],
        deadline: float,
        largest: int | None = None,
    ) -> list[Any]:
        # To wait for a thread is no failure of the server.
        seconds = deadline - time.monotonic()

        def work() -> list[Any]:
            end = time.monotonic() + seconds
            return run(self._nodes.exchange(node, commands, end, largest))

        return await self._threads.call(work, None)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def share(self, work: Callable[[], Coroutine[Any, Any, None]], deadline: float) -> None:
        await self._sharing.share(work)

    async def retain(self, nodes: set[Address]) -> None:
        await self._nodes.retain(nodes)

    async def close(self) -> None:
        """Do nothing: the connections belong to the nodes of threads."""

    def abandon(self) -> None:
        """End the threads; the connections belong to the nodes of threads."""
        self._threads.close()
