"""Who calls: a thread or a task, and how each waits, wakes others, and ends."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from langchain_llmcache._flow.ports import run
from langchain_llmcache._flow.rounds import Ending
from langchain_llmcache._signals import pass_on, runs_in_handler
from langchain_llmcache._stores.places import TaskPlace, ThreadPlace
from langchain_llmcache._threads import Threads

T = TypeVar("T")


class _BlockingWaiter:
    """A thread that waits: for a lock, which a signal handler may open too."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()

    def wake(self) -> bool:
        try:
            self._gate.release()
        except RuntimeError as error:  # it is open already
            pass_on(error)
            return True
        return True

    async def wait(self, seconds: float) -> None:
        self._gate.acquire(timeout=seconds)


class BlockingCaller:
    """Threads."""

    def place(self) -> ThreadPlace:
        return ThreadPlace()

    def waiter(self) -> _BlockingWaiter:
        return _BlockingWaiter()

    def may_wait(self) -> bool:
        return not runs_in_handler()

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - there is no loop to keep waiting

    async def compute(self, work: Callable[[], T]) -> T:
        return work()

    def when_gone(self, told: Callable[[Ending], None]) -> None:
        _when_call_fails(told)

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        run(work())


class _AsyncWaiter:
    """A task that waits. Woken from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._woken: asyncio.Future[None] = self._loop.create_future()

    def wake(self) -> bool:
        if threading.get_ident() == self._thread and not self._loop.is_closed():
            self._settle()  # a hundred followers, and no need to write to the loop's pipe
            return True
        try:
            self._loop.call_soon_threadsafe(self._settle)
        except RuntimeError as error:  # that loop is closed
            pass_on(error)
            return False
        return True

    async def wait(self, seconds: float) -> None:
        timer = self._loop.call_later(seconds, self._settle)
        try:
            await self._woken
        finally:
            timer.cancel()
        self._woken = self._loop.create_future()

    def _settle(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)


class AsyncCaller:
    """Tasks of any event loop."""

    def __init__(self) -> None:
        # What a lookup is told by goes when it is over: a task that never ends keeps none of those.
        self._told: weakref.WeakKeyDictionary[
            asyncio.Task[object], weakref.WeakSet[Callable[[Ending], None]]
        ] = weakref.WeakKeyDictionary()
        # One, so that large answers are dealt with in turn, and the loop goes on in between.
        self._threads = Threads("llmcache-large", 1)
        self._tasks: set[asyncio.Task[None]] = set()  # a loop keeps its tasks only weakly

    def place(self) -> TaskPlace:
        return TaskPlace()

    def waiter(self) -> _AsyncWaiter:
        return _AsyncWaiter()

    def may_wait(self) -> bool:
        return True

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def compute(self, work: Callable[[], T]) -> T:
        return await self._threads.compute(work)

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
        except RuntimeError as error:
            pass_on(error)
            return  # from another thread, or at the end of the loop: a lease expires
        task = loop.create_task(_to_the_end(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for what was spawned on the running loop, before its connections are closed."""
        loop = asyncio.get_running_loop()
        tasks = [task for task in list(self._tasks) if task.get_loop() is loop]
        if tasks:
            await asyncio.wait(tasks)

    def _gone(self, task: asyncio.Task[object]) -> None:
        # (Not ``task.exception()``: the application is to hear of one that it never looked at.)
        ending: Ending = "cancelled" if task.cancelled() else "failed"
        for told in list(self._told.pop(task, ())):
            told(ending)


async def _to_the_end(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await work()
    except asyncio.CancelledError:
        await work()  # a loop that ends cancels all of its tasks, once, and then waits for them
        raise


def _when_call_fails(told: Callable[[Ending], None]) -> None:
    # Imported here: it brings langchain-core's callbacks with it, which a model has loaded anyway.
    from langchain_llmcache._flow.failed_calls import when_call_fails

    when_call_fails(told)
