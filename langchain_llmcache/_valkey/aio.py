"""Nodes for event loops: connections of ``valkey.asyncio``, apart for each loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from langchain_llmcache._valkey.aio_line import Line
from langchain_llmcache._valkey.per_loop import PerLoop
from langchain_llmcache._valkey.router import Command
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache._valkey.topology import Address


class LoopNodes:
    """Connections of any number of event loops.

    Args:
        settings: How to make connections; a node's are the same, but for host and port.
        settle: Waits for what still needs the connections of the running loop when they are to
            be closed.
    """

    def __init__(self, settings: ConnectionSettings, settle: Callable[[], Awaitable[None]]) -> None:
        self._loops = PerLoop(lambda loop: _Lines(loop, settings, settle))

    def exchange(
        self,
        node: Address | None,
        commands: Sequence[Command],
        deadline: float,
        largest: int | None = None,
    ) -> asyncio.Future[list[Any]]:
        return self._loops.get().to(node).exchange(commands, deadline, largest)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def share(self, work: Callable[[], Coroutine[Any, Any, None]], deadline: float) -> None:
        await self._loops.get().share(work)

    async def retain(self, nodes: set[Address]) -> None:
        self._loops.get().retain(nodes)

    async def close(self) -> None:
        """Close the connections of the running loop. A later operation opens new ones."""
        await self._loops.close()

    def abandon(self) -> None:
        """Close the sockets of closed loops."""
        self._loops.abandon()


class Sharing:
    """Work that one task does for all that need its outcome."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def share(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do this work, or wait for the same work that is being done already."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.get_loop() is not loop:
            self._task = loop.create_task(work())
            self._task.add_done_callback(self._over)
        await asyncio.shield(self._task)

    def _over(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits for it any more


class _Lines(Sharing):
    """The connections of one loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: ConnectionSettings,
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__()
        self.closed = False
        self._settle = settle
        self._loop = loop
        self._settings = settings
        self._lines: dict[Address | None, Line] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def to(self, node: Address | None) -> Line:
        """Return the line to a node."""
        line = self._lines.get(node)
        if line is None:
            # Keys of a cluster that are asked for together may belong to different slots.
            line = self._lines[node] = Line(
                self._loop,
                self._settings.at(node),
                gathers=node is None,
                leave_idle=self.leave_idle,
            )
        return line

    def leave_idle(self) -> None:
        for line in self._lines.values():
            line.leave_idle()

    def retain(self, nodes: set[Address]) -> None:
        for node in self._lines.keys() - nodes:
            task = self._loop.create_task(self._lines.pop(node).aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        await self._settle()
        self.closed = True
        for line in list(self._lines.values()):
            await line.aclose()

    def let_go(self) -> None:
        self.closed = True
        for line in self._lines.values():
            line.let_go()

    def abandon(self) -> None:
        self.closed = True
        for line in self._lines.values():
            line.abandon()
