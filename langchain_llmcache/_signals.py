"""What signal handlers do to the code that they interrupt, and what follows for us.

A handler runs between two bytecodes of the main thread, in the middle of anything. It may use
a cache: so every lock is one that its own thread can take again (``new_lock``), and nothing
waits for another caller from inside a handler. And it may raise, as the time limits of RQ,
Celery and SIGALRM do: that exception belongs to the application, whatever its type and
whatever code it happened to interrupt. Code here that catches exceptions passes it on.
"""

from __future__ import annotations

import copy
import functools
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, MethodType
from typing import Any

_OURS = __name__.partition(".")[0]
try:  # what the standard library wraps: its enumerations would take twenty times as long
    from _signal import getsignal as _handler_of  # type: ignore[import-not-found]
except ImportError:
    _handler_of = signal.getsignal


class Latch:
    """A gate at which threads wait until it is opened, once and for all.

    Not an event of ``threading``: that has a lock of its own, which is written in Python, and so
    can be left closed by an exception out of a handler.
    """

    __slots__ = ("_lock", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let all waiting threads go on. To be called once."""
        self.is_open = True
        self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Tell whether it is open, after so many seconds at most."""
        if not self._lock.acquire(timeout=max(0.0, seconds)):
            return False
        self._lock.release()
        return True


def pass_on(error: BaseException) -> None:
    """Raise what a signal handler raised, if ``error`` is that, or came of it."""
    raised = raised_by_handler(error)
    if raised is not None:
        raise raised


@contextmanager
def suppressed(*kinds: type[Exception]) -> Iterator[None]:
    """Suppress exceptions of these kinds, unless a signal handler raised them."""
    try:
        yield
    except kinds as error:
        pass_on(error)


def raised_by_handler(error: BaseException) -> BaseException | None:
    """Return the exception that a signal handler raised, if ``error`` is that, or came of it.

    valkey-py, for one, makes an error of its own of every ``TimeoutError``.
    """
    handlers = _handlers()
    return next((each for each in _origins(error) if _passed_a_handler(each, handlers)), None)


def another(error: BaseException) -> BaseException:
    """Return the same error as another object: one that is raised in many places only grows.

    (That of a signal handler is known by where it was raised.)
    """
    raised = raised_by_handler(error)
    if raised is not None:
        return raised
    try:
        same = copy.copy(error)
    except TypeError:  # its class takes other arguments
        return error
    same.__cause__ = error.__cause__
    return same


def runs_in_handler() -> bool:
    """Tell whether the running code was called by a signal handler."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = _handlers()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the standard library's own way
    while handlers and frame is not None:
        if frame.f_code in handlers:
            return True
        frame = frame.f_back
    return False


def _origins(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, and all that it came of."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def _passed_a_handler(error: BaseException, handlers: frozenset[CodeType]) -> bool:
    interrupted: FrameType | None = None
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code in handlers or (interrupted and _was_given(frame, interrupted)):
            return True
        interrupted, trace = frame, trace.tb_next
    return False


def _was_given(frame: FrameType, interrupted: FrameType) -> bool:
    """Tell whether a function was called with the frame that it interrupted, as handlers are."""
    code = frame.f_code
    if str(frame.f_globals.get("__name__")).partition(".")[0] == _OURS:
        return False
    variadic = bool(code.co_flags & 0x04)  # it takes *args
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + variadic]
    for value in map(frame.f_locals.get, names):
        if value is interrupted:
            return True
        if isinstance(value, tuple) and any(item is interrupted for item in value):
            return True
    return False


def _handlers() -> frozenset[CodeType]:
    """Return the code of the signal handlers of this moment."""
    handlers = map(_handler_of, range(1, signal.NSIG))
    codes = (_code_of(handler) for handler in handlers if callable(handler))
    return frozenset(code for code in codes if code is not None)


def _code_of(handler: Any) -> CodeType | None:
    while isinstance(handler, (functools.partial, MethodType)):
        handler = handler.func if isinstance(handler, functools.partial) else handler.__func__
    if callable(handler) and not hasattr(handler, "__code__"):
        handler = getattr(type(handler), "__call__", None)  # noqa: B004 - it is looked at
    code = getattr(handler, "__code__", None)
    return code if isinstance(code, CodeType) else None
