"""Of equal calls at the same time, one does the work and the others get its result.

For threads and tasks of one process. If it raises, only its own caller hears of that, and the
others do the work themselves; so does a call that cannot wait, because it would wait for itself
or for a task of its own thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextvars import ContextVar
from typing import Any, Final

from typing_extensions import Self

from langchain_llmcache._contexts import give_back
from langchain_llmcache._forks import new_lock, tell_of_forks, this_thread
from langchain_llmcache._signals import pass_on, runs_in_handler

# Those whose work the running code does.
_OURS: Final[ContextVar[frozenset[Turn]]] = ContextVar("llmcache_turns", default=frozenset())


class Turn:
    """A call, from the moment it comes until it has its result.

    Attributes:
        result: What the others get; None: nothing, they work themselves.
    """

    def __init__(self, turns: Turns, key: Hashable, leader: Turn | None) -> None:
        self.result: Any = None
        self._turns = turns
        self._key = key
        self._leader = leader
        self._thread = this_thread()
        self._done: Future[Any] = Future()
        # From now on, a waiting task that is cancelled does not cancel it for the others.
        self._done.set_running_or_notify_cancel()

    def wait(self) -> Any:
        """Return the result of the call that does the work; None: do it yourself."""
        if self._leader is None or self._leader._thread == this_thread() or runs_in_handler():  # noqa: SLF001
            return None
        try:
            return self._leader._done.result(self._turns.seconds)  # noqa: SLF001 - of its kind
        except FutureTimeoutError:
            return None

    async def await_(self) -> Any:
        """Return the result of the call that does the work; None: do it yourself."""
        if self._leader is None:
            return None
        done = self._leader._done  # noqa: SLF001 - likewise
        try:
            return await asyncio.wait_for(asyncio.wrap_future(done), self._turns.seconds)
        except asyncio.TimeoutError as error:
            pass_on(error)
            return None

    def __enter__(self) -> Self:
        self._token = _OURS.set(_OURS.get() | {self})
        return self

    def __exit__(self, *exc_info: object) -> None:
        give_back(_OURS, self._token)
        self._turns.end(self._key, self)
        self._done.set_result(self.result)


class Turns:
    """All calls at once.

    Args:
        seconds: How long one waits for another.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = new_lock()
        self._leaders: dict[Hashable, Turn] = {}
        tell_of_forks(self)

    def turn(self, key: Hashable) -> Turn:
        """Return the turn of a call that comes now."""
        with self._lock:
            leader = self._leaders.get(key)
            turn = Turn(self, key, None if leader in _OURS.get() else leader)
            if leader is None and self.seconds > 0:
                self._leaders[key] = turn
            return turn

    def end(self, key: Hashable, turn: Turn) -> None:
        """Let later calls do the work themselves."""
        with self._lock:
            if self._leaders.get(key) is turn:
                del self._leaders[key]

    def forget_other_threads(self) -> None:
        """After a fork: the parent's calls do not end here."""
        self._leaders = {}
