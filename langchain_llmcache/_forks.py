"""What a fork does to objects that threads share: in the child, there is only one thread left.

A lock that another thread held would never be released there, and what another thread was
about to do will never happen.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Final, Protocol


class Forgetful(Protocol):
    """Something that other threads are about to finish."""

    def forget_other_threads(self) -> None:
        """Give up waiting for them."""


_locks: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_forgetful: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_process = os.getpid()


def new_lock() -> threading.RLock:
    """Return a lock that is open in a child, and never keeps its own thread out.

    A signal handler may want it while the code that it interrupts has it. So the steps that it
    protects may be left halfway, and begun again in between.
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def is_held_here(lock: Any) -> bool:
    """Tell whether the running thread has the lock: a signal handler runs in between."""
    return bool(lock._is_owned())  # noqa: SLF001 - as ``threading.Condition`` asks it


def this_thread() -> int:
    """Return the identifier of the running thread."""
    return threading.get_ident()


def this_process() -> int:
    """Return the identifier of the running process, without asking the system for it."""
    return _process


def tell_of_forks(forgetful: Forgetful) -> None:
    """Have an object told, in each child, that the other threads are gone."""
    _forgetful.add(forgetful)


def _in_child() -> None:
    global _process  # noqa: PLW0603 - there is one
    _process = os.getpid()
    for lock in list(_locks):
        lock._at_fork_reinit()  # noqa: SLF001 - as the standard library does
    for forgetful in list(_forgetful):
        forgetful.forget_other_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
