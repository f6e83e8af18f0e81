"""Who calls: a thread or a task, and how each waits, wakes others, and ends."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from langchain_llmcache._flow.ports import run


class _BlockingWaiter:
    """A thread that waits for an entry."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._outcome: bytes | None = None

    def wake(self, outcome: bytes) -> None:
        self._outcome = outcome
        self._event.set()

    async def wait(self, seconds: float) -> bytes | None:
        self._event.wait(seconds)
        return self._outcome


class BlockingCaller:
    """Threads."""

    def waiter(self) -> _BlockingWaiter:
        return _BlockingWaiter()

    def can_wait_for(self, thread: int) -> bool:
        # Whatever that thread does, it does not go on while this, the same thread, waits.
        return thread != threading.get_ident()

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no loop to keep waiting

    def when_gone(self, release: Callable[[], None]) -> None:
        """Do nothing: langchain-core tells of a failed call, see ``_failures``."""

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        run(work())


class _AsyncWaiter:
    """A task that waits for an entry. Woken from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._future: asyncio.Future[bytes | None] = self._loop.create_future()

    def wake(self, outcome: bytes) -> None:
        if threading.get_ident() == self._thread:
            self._settle(outcome)  # a hundred followers, and no need to write to the loop's pipe
            return
        try:
            self._loop.call_soon_threadsafe(self._settle, outcome)
        except RuntimeError:  # that loop is closed: no caller waits
            return

    async def wait(self, seconds: float) -> bytes | None:
        if self._future.done():
            return self._future.result()
        timer = self._loop.call_later(seconds, self._settle, None)
        try:
            return await self._future
        finally:
            timer.cancel()

    def _settle(self, outcome: bytes | None) -> None:
        if not self._future.done():
            self._future.set_result(outcome)


class AsyncCaller:
    """Tasks of any event loop."""

    def __init__(self) -> None:
        # A flight that has landed drops its release: a task that never ends keeps none of those.
        self._releases: weakref.WeakKeyDictionary[
            asyncio.Task[object], weakref.WeakSet[Callable[[], None]]
        ] = weakref.WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()  # a loop keeps its tasks only weakly

    def waiter(self) -> _AsyncWaiter:
        return _AsyncWaiter()

    def can_wait_for(self, thread: int) -> bool:
        return True

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def when_gone(self, release: Callable[[], None]) -> None:
        """Call ``release`` when the running task has ended, however it did."""
        task = asyncio.current_task()
        if task is None:
            return
        releases = self._releases.get(task)
        if releases is None:
            releases = self._releases[task] = weakref.WeakSet()
            task.add_done_callback(self._gone)
        releases.add(release)

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # from another thread, or at the end of the loop: a lease expires
            return
        task = loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _gone(self, task: asyncio.Task[object]) -> None:
        for release in list(self._releases.pop(task, ())):
            release()
