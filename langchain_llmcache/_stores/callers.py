"""Who calls: a thread or a task, and how each waits, wakes others, and ends."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from langchain_llmcache._flow.ports import Ending, run


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

    def when_gone(self, told: Callable[[Ending], None]) -> None:
        _when_call_fails(told)

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
        # What a flight is told by goes when it lands: a task that never ends keeps none of those.
        self._told: weakref.WeakKeyDictionary[
            asyncio.Task[object], weakref.WeakSet[Callable[[Ending], None]]
        ] = weakref.WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()  # a loop keeps its tasks only weakly

    def waiter(self) -> _AsyncWaiter:
        return _AsyncWaiter()

    def can_wait_for(self, thread: int) -> bool:
        return True

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def when_gone(self, told: Callable[[Ending], None]) -> None:
        """Call ``told`` when the call has failed, or else the running task has ended."""
        _when_call_fails(told)
        task = asyncio.current_task()
        if task is None:
            return
        known = self._told.get(task)
        if known is None:
            known = self._told[task] = weakref.WeakSet()
            task.add_done_callback(self._gone)
        known.add(told)

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # from another thread, or at the end of the loop: a lease expires
            return
        task = loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _gone(self, task: asyncio.Task[object]) -> None:
        # (Not ``task.exception()``: the application is to hear of one that it never looked at.)
        ending: Ending = "cancelled" if task.cancelled() else "failed"
        for told in list(self._told.pop(task, ())):
            told(ending)


def _when_call_fails(told: Callable[[Ending], None]) -> None:
    # Imported here: it brings langchain-core's callbacks with it, which a model has loaded anyway.
    from langchain_llmcache._flow.failed_calls import when_call_fails

    when_call_fails(told)
