"""Threads that do the blocking work of event loops: one for a call, or a few for many of them.

Not asyncio's default executor: that is the application's, and may be full of its own slow calls.
And ``asyncio.run`` waits for its threads, which may hang in a name server or a metadata service.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeVar

from langchain_llmcache._flow.ports import NotTheStoreError, Overloaded
from langchain_llmcache._forks import new_lock
from langchain_llmcache._signals import pass_on

T = TypeVar("T")

# Threads of one pool: readers of a file wait for the disk, and not for each other.
_MOST: Final = 4
# Seconds by which a timer may be late without the loop having been busy.
_LATE: Final = 0.02


def _drop(_: object) -> None:
    """Do nothing with what came too late."""


async def in_thread(call: Callable[[], T], discard: Callable[[T], object] = _drop) -> T:
    """Return what a blocking call returns.

    What comes when it is not waited for any more is given to ``discard``.

    Raises:
        NotTheStoreError: no thread can be had.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    start_thread(lambda: _do(call, future, discard), "llmcache-wait")
    return await future


def start_thread(work: Callable[[], None], name: str) -> None:
    """Do some work in a thread that nothing waits for at the end of the process.

    Raises:
        NotTheStoreError: no thread can be had: at the end of the process, or at its limits.
    """
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        msg = "no thread can be started (is the process ending?)"
        raise NotTheStoreError(msg) from error


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
            Overloaded: if its turn did not come in time, although others' did.
            NotTheStoreError: if no thread can be had any more, at the end of the process.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        crew = self._submit(lambda: _do(function, future))
        if seconds is None:
            return await future
        patience = _Patience(future, crew, seconds)
        try:
            return await future
        finally:
            patience.timer.cancel()

    async def compute(self, work: Callable[[], T]) -> T:
        """Return the result of work that takes a while, in the caller's context."""
        try:
            return await self.call(partial(copy_context().run, work), None)
        except NotTheStoreError as error:
            pass_on(error)
            return work()  # there is no thread to be had

    def close(self) -> None:
        """End the threads when they have done what waits. Later work begins new ones."""
        with self._lock:
            crew, self._crew = self._crew, _Crew()
            weakref.finalize(self, _Crew.dismiss, self._crew).atexit = False
        crew.dismiss()

    def _submit(self, work: Callable[[], None]) -> _Crew:
        with self._lock:
            if not self._crew.is_of_here():
                self._crew = _Crew()
                weakref.finalize(self, _Crew.dismiss, self._crew).atexit = False
            self._crew.submit(work, self._name, self._most)
            return self._crew


class _Crew:
    """Threads that share their work. They hold nothing else.

    All of it is of ``threading``, so that green threads (gevent, eventlet) are all or nothing.

    Attributes:
        count: How often one of them was done with something.
    """

    def __init__(self) -> None:
        self.count = 0
        self._process = os.getpid()
        self._kind = threading.Lock
        # (Reentrant: garbage may be collected, and a signal be handled, at any moment. What enters
        # the lock itself, and not the condition, leaves it even if a handler raises right then.)
        self._lock = threading.RLock()
        self._change = threading.Condition(self._lock)
        self._work: deque[Callable[[], None]] = deque()
        self._threads = self._idle = 0
        self._dismissed = False

    def is_of_here(self) -> bool:
        """Tell whether its threads are: a fork takes none along, and green ones are of a kind."""
        return self._process == os.getpid() and self._kind is threading.Lock

    def submit(self, work: Callable[[], None], name: str, most: int) -> None:
        with self._lock:
            if len(self._work) >= self._idle and self._threads < most:
                try:
                    start_thread(self._serve, name)
                    self._threads += 1
                except NotTheStoreError as error:
                    pass_on(error)
                    if not self._threads:
                        raise
            self._work.append(work)
            self._change.notify()

    def dismiss(self) -> None:
        with self._lock:
            self._dismissed = True
            self._change.notify_all()

    def _serve(self) -> None:
        while work := self._next():
            work()
            del work  # it holds the caller's future
            self.count += 1

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            self._idle += 1
            while not self._work and not self._dismissed:
                self._change.wait()
            self._idle -= 1
            return self._work.popleft() if self._work else None


def _do(
    function: Callable[[], T], future: asyncio.Future[T], discard: Callable[[T], object] = _drop
) -> None:
    if future.done():
        return
    result: Any = None
    error: BaseException | None = None
    try:
        result = function()
    except BaseException as raised:  # noqa: BLE001 - it is raised where it is waited for
        error = raised
    try:
        future.get_loop().call_soon_threadsafe(_settle, future, result, error, discard)
    except RuntimeError as closed:  # the loop is: no one waits
        pass_on(closed)
        if error is None:
            discard(result)


def _settle(
    future: asyncio.Future[T],
    result: T,
    error: BaseException | None,
    discard: Callable[[T], object],
) -> None:
    if future.done():
        if error is None:
            discard(result)
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


class _Patience:
    """Gives a caller up in time.

    It has as much time again behind others that were served meanwhile; and if the loop was too busy
    to hear what it waits for, what that took.

    Attributes:
        timer: What is to be cancelled.
    """

    def __init__(self, future: asyncio.Future[Any], crew: _Crew, seconds: float) -> None:
        self._future = future
        self._crew = crew
        self._count = crew.count
        self._seconds = seconds
        self.timer = future.get_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        loop = self._future.get_loop()
        late = loop.time() - self.timer.when()
        if self._is_moving:
            self.timer = loop.call_later(self._seconds, self._give_up)
        elif late > _LATE:
            # (What keeps the loop keeps the threads, too.)
            self.timer = loop.call_later(min(late, self._seconds), self._give_up)
        else:
            self._give_up()

    @property
    def _is_moving(self) -> bool:
        return self._crew.count != self._count

    def _give_up(self) -> None:
        if self._future.done():
            return
        if self._is_moving:
            said = "too much at once: its turn did not come in time"
            self._future.set_exception(Overloaded(said))
        else:
            self._future.set_exception(TimeoutError("the file did not answer in time"))
