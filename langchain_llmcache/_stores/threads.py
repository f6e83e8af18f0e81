"""A few threads that do the blocking work of event loops, with a deadline for each piece.

Not asyncio's default executor: that is the application's, and may be full of its own slow calls.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from langchain_llmcache._flow.ports import NotTheStoreError
from langchain_llmcache._forks import new_lock
from langchain_llmcache._valkey.in_thread import start_thread

T = TypeVar("T")

# Threads of one pool: readers of a file wait for the disk, and not for each other.
_MOST: Final = 4


class Threads:
    """Daemon threads, begun when there is work, ended with ``close`` or with this object.

    Args:
        name: Of the threads.
        most: How many there are at most.
    """

    def __init__(self, name: str, most: int = _MOST) -> None:
        self._name = name
        self._most = most
        self._lock = new_lock()
        self._crew = _Crew()
        weakref.finalize(self, _Crew.dismiss, self._crew).atexit = False

    async def call(self, function: Callable[[], T], seconds: float | None) -> T:
        """Return what a function returns.

        Args:
            function: What to do. It is left out if its time is over before it begins.
            seconds: After which the caller waits no longer; None: it waits.

        Raises:
            TimeoutError: if that takes too long.
            NotTheStoreError: if no thread can be had any more, at the end of the process.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._submit(lambda: _do(function, future, loop))
        timer = None if seconds is None else loop.call_later(seconds, _give_up, future)
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """End the threads when they have done what waits. Later work begins new ones."""
        with self._lock:
            crew, self._crew = self._crew, _Crew()
            weakref.finalize(self, _Crew.dismiss, self._crew).atexit = False
        crew.dismiss()

    def _submit(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._crew.process != os.getpid():
                self._crew = _Crew()  # a fork took no thread with it
                weakref.finalize(self, _Crew.dismiss, self._crew).atexit = False
            self._crew.submit(work, self._name, self._most)


class _Crew:
    """Threads that share a queue. They hold nothing else."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0

    def submit(self, work: Callable[[], None], name: str, most: int) -> None:
        if not self._idle.acquire(blocking=False) and self._threads < most:
            try:
                start_thread(partial(_serve, self._work, self._idle), name)
                self._threads += 1
            except NotTheStoreError:
                if not self._threads:
                    raise
        self._work.put(work)

    def dismiss(self) -> None:
        for _ in range(self._threads):
            self._work.put(None)


def _serve(queue: SimpleQueue[Callable[[], None] | None], idle: threading.Semaphore) -> None:
    while True:
        try:
            work = queue.get_nowait()
        except Empty:
            idle.release()
            work = queue.get()
        if work is None:
            return
        work()
        del work  # it holds the caller's future


def _do(
    function: Callable[[], Any], future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop
) -> None:
    if future.done():
        return
    result, error = None, None
    try:
        result = function()
    except BaseException as raised:  # noqa: BLE001 - it is raised where it is waited for
        error = raised
    try:
        loop.call_soon_threadsafe(_settle, future, result, error)
    except RuntimeError:  # the loop is closed: no one waits
        return


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError("the file did not answer in time"))
