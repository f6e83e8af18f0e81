"""Events on their way to listeners, in a thread of their own.

A listener that raises, is slow or never returns costs the application nothing but its events:
they wait in a bounded queue, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from inspect import iscoroutinefunction
from queue import SimpleQueue
from typing import Any, Final

from langchain_llmcache._checks import kind_of
from langchain_llmcache._forks import new_lock
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.events import CacheEvent, Listener

_LOG = logging.getLogger("langchain_llmcache")
_QUEUED: Final = 10_000
# Seconds that a close, and the end of the process, wait for listeners.
_PATIENCE: Final = 2.0
_LOG_INTERVAL: Final = 60.0

# Whether the running code is a listener's, or was started by one. What it does with a cache is told
# to no listener: each event would lead to others, without end.
_LISTENS: Final[ContextVar[bool]] = ContextVar("llmcache_listens", default=False)
_all: Final[weakref.WeakSet[Listeners]] = weakref.WeakSet()


def checked_listeners(on_event: Listener | Sequence[Listener] | None) -> tuple[Listener, ...]:
    """Return one listener, or several, as a tuple.

    Raises:
        ConfigurationError: if one of them cannot be called.
    """
    given: Any = () if on_event is None else on_event
    listeners = (given,) if callable(given) else given
    if not isinstance(listeners, (tuple, list)) or not all(map(callable, listeners)):
        msg = f"on_event is {on_event!r}; expected a function of a CacheEvent, or several"
        raise ConfigurationError(msg)
    for each in listeners:
        if isinstance(each, type):
            msg = f"on_event is {kind_of(each)}; expected an object of it: {each.__qualname__}()"
            raise ConfigurationError(msg)
        if iscoroutinefunction(each) or iscoroutinefunction(type(each).__call__):
            msg = "on_event is an async function; expected a plain one (it runs in its own thread)"
            raise ConfigurationError(msg)
    return tuple(listeners)


class Listeners:
    """Listeners, the events that wait for them, and the thread that brings them there.

    The thread begins with the first event, ends with ``close``, and begins again with the next.

    Args:
        listeners: Called with each event, one after the other, in the order of the events.
        queued: Events that may wait.
    """

    def __init__(self, listeners: Sequence[Listener], queued: int = _QUEUED) -> None:
        self._queue = _Queue(listeners, queued)
        # The thread has the queue only: a cache that is no longer referenced ends it.
        weakref.finalize(self, _Queue.close, self._queue, 0.0).atexit = False
        _all.add(self)

    @property
    def dropped(self) -> int:
        """Events that did not fit into the queue."""
        return self._queue.dropped

    def tell(self, event: CacheEvent) -> None:
        """Queue an event. Never waits, never raises."""
        self._queue.put(event)

    def close(self, patience: float = _PATIENCE) -> None:
        """Wait until all events are told, but only so many seconds, and end the thread."""
        self._queue.close(patience)


class _Queue:
    """Events, and whose turn it is to tell them. No part of it waits.

    A signal handler that is told to end may close the cache while its own thread is putting an
    event here.
    """

    def __init__(self, listeners: Sequence[Listener], queued: int) -> None:
        self._listeners = tuple(listeners)
        self._queued = queued
        self._logged: dict[str, float] = {}
        self._lock = new_lock()
        self.dropped = 0
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        # None: tell what is queued before it, then end.
        self._waiting: SimpleQueue[CacheEvent | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        # Empty while there is a thread.
        self._turn = deque([None])

    def put(self, event: CacheEvent) -> None:
        if _LISTENS.get():
            return
        if self._process != os.getpid():
            self._begin()  # a fork took no thread with it
        if self._waiting.qsize() >= self._queued:
            with self._lock:
                self.dropped += 1
            return
        self._waiting.put(event)
        if self._turn:
            self._start()

    def close(self, patience: float) -> None:
        thread = self._thread
        if self._process == os.getpid() and thread and thread is not threading.current_thread():
            self._waiting.put(None)
            thread.join(patience)

    def _start(self) -> None:
        if not _takes(self._turn):  # another thread was quicker
            return
        # The new thread takes this when it begins, or this one if that did not come to it.
        begins = deque([None])
        try:
            thread = threading.Thread(
                target=self._begin_to_tell, args=(begins,), name="llmcache-events", daemon=True
            )
            thread.start()
            self._thread = thread
        except BaseException as error:
            if _takes(begins):
                self._thread = None
                self._turn.append(None)
            pass_on(error)
            if not isinstance(error, RuntimeError):  # no more threads at the process's end
                raise

    def _begin_to_tell(self, begins: deque[None]) -> None:
        if _takes(begins):
            self._thread = threading.current_thread()
            self._tell()

    def _tell(self) -> None:
        _LISTENS.set(True)
        while True:
            event = self._waiting.get()
            if event is not None:
                self._tell_all(event)
                continue
            self._thread = None
            self._turn.append(None)
            # What came since is told by this thread, or by the next one.
            if self._waiting.empty() or not _takes(self._turn):
                return
            self._thread = threading.current_thread()

    def _tell_all(self, event: CacheEvent) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except BaseException as error:  # noqa: BLE001 - not even SystemExit is for us
                self._log(listener, error)

    def _log(self, listener: Listener, error: BaseException) -> None:
        # Not the error's text: it may repeat anything.
        name = getattr(listener, "__qualname__", type(listener).__qualname__)
        said = f"the listener {name} raised {type(error).__name__}"
        now = time.monotonic()
        if now - self._logged.get(said, float("-inf")) >= _LOG_INTERVAL:
            self._logged[said] = now
            _LOG.warning("%s (logged at most once a minute)", said)


def _takes(turn: deque[None]) -> bool:
    """Take a turn, unless it is taken: one of several threads does."""
    try:
        turn.pop()
    except IndexError:
        return False
    return True


def _close_all() -> None:
    end = time.monotonic() + _PATIENCE
    closers: list[Callable[[float], None]] = [each.close for each in _all]
    for close in closers:
        close(max(0.0, end - time.monotonic()))


atexit.register(_close_all)
