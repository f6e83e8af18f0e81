"""Where a caller runs, and what the code there waits for, as far as that can be seen.

A thread that leads may wait for another one that follows it: it has handed the question on,
and waits for the result in ``Thread.join``, in ``Future.result``, or with ``await``. Neither of
them would go on before ``max_wait``. Seen is what the standard library's own ways to wait
show on the stack of a thread, and what tasks and futures say of each other.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import thread as _pool
from types import CodeType, FrameType
from typing import Any, Final

from langchain_llmcache._flow.ports import Place

# The functions in which threads wait for others, and the variable that says for which.
_WAITS: Final[dict[CodeType, str]] = {
    threading.Thread.join.__code__: "self",
    concurrent.futures.Future.result.__code__: "self",
    concurrent.futures.Future.exception.__code__: "self",
    concurrent.futures.wait.__code__: "fs",
    concurrent.futures.as_completed.__code__: "pending",
}
# So far above them are the locks in which the thread really hangs.
_DEPTH: Final = 8
# In which a pool's thread runs what was submitted.
_WORK: Final[CodeType] = _pool._WorkItem.run.__code__  # noqa: SLF001 - there is no other way


class ThreadPlace:
    """A thread."""

    __slots__ = ("_thread", "ident")

    def __init__(self) -> None:
        thread = threading.current_thread()
        self.ident = threading.get_ident()
        self._thread = weakref.ref(thread)

    def is_idle(self) -> bool:
        """Tell whether the thread has ended."""
        thread = self._thread()
        return thread is None or not thread.is_alive()

    def blocks(self, other: Place) -> bool:
        """Tell whether the other one is in this thread, which waits as a whole."""
        return isinstance(other, ThreadPlace) and other.ident == self.ident

    def awaits(self) -> set[int]:
        """Return what the thread waits for."""
        frame = sys._current_frames().get(self.ident)  # noqa: SLF001 - as debuggers do
        for _ in range(_DEPTH):
            if frame is None:
                break
            if frame.f_code in _WAITS:
                return set(_names(_awaited(frame)))
            frame = frame.f_back
        return set()

    def names(self) -> set[int]:
        """Return the thread, and the work of a pool that it does."""
        names = set(_names([self._thread()]))
        frame = sys._current_frames().get(self.ident)  # noqa: SLF001 - as debuggers do
        while frame is not None:
            if frame.f_code is _WORK:
                names.update(_names([getattr(frame.f_locals.get("self"), "future", None)]))
            frame = frame.f_back
        return names


class TaskPlace(ThreadPlace):
    """A task, in the thread of its event loop."""

    __slots__ = ("_loop", "_task")

    def __init__(self) -> None:
        super().__init__()
        task = asyncio.current_task()
        self._loop = weakref.ref(asyncio.get_running_loop())
        self._task = None if task is None else weakref.ref(task)

    def is_idle(self) -> bool:
        """Tell whether the loop does not run."""
        loop = self._loop()
        return loop is None or not loop.is_running() or super().is_idle()

    def blocks(self, other: Place) -> bool:
        """Return False: the loop goes on."""
        return False

    def awaits(self) -> set[int]:
        """Return what the task waits for, and what the loop does if it stands still."""
        task = self._task and self._task()
        return super().awaits() | set(_names([getattr(task, "_fut_waiter", None)]))

    def names(self) -> set[int]:
        """Return the task, its thread, and the work of a pool that the loop runs in."""
        return super().names() | set(_names([self._task and self._task()]))


def _awaited(frame: FrameType) -> Iterable[Any]:
    value = frame.f_locals.get(_WAITS[frame.f_code])
    return list(value) if isinstance(value, (set, frozenset, list, tuple, dict)) else [value]


def _names(first: Iterable[Any]) -> Iterator[int]:
    """Yield the names of threads and futures, and of those that settle together with them."""
    left = list(first)
    seen: set[int] = set()
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield id(each)
        left += _linked(each)


def _linked(future: Any) -> Iterator[Any]:
    # A task waits for this; ``gather`` for these.
    yield getattr(future, "_fut_waiter", None)
    yield from getattr(future, "_children", ())
    # A future of one kind that copies the result of one of the other kind knows it in a closure.
    if isinstance(future, concurrent.futures.Future):
        for callback in list(getattr(future, "_done_callbacks", ())):
            for cell in getattr(callback, "__closure__", None) or ():
                if isinstance(cell.cell_contents, asyncio.Future):
                    yield cell.cell_contents
