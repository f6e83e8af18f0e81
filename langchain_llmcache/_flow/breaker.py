"""The circuit breaker: after a few failures no caller waits for the store any more.

A pure state machine: it is told what happened and when, and says whether to try.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from langchain_llmcache._forks import new_lock
from langchain_llmcache.events import State

_FAILURES: Final = 3.0
# What a success makes good: stores may work where lookups, with their long replies, do not.
_SUCCESS: Final = 0.5
# After a probe that succeeded, one failure is enough, until a few more successes.
_PROBATION: Final = 2.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


class Breaker:
    """Closed: everything is tried. Open: nothing is. Half-open: one probe is on its way.

    It opens after three failures in a row, or when failures are more than a third of all calls
    for a while. Then it lets one probe through after about a second, after about twice as long
    each time the probe fails (or it opens again at once), up to half a minute. Shared by
    threads and event loops.

    Args:
        monotonic: Seconds that never go back.
        changed: Told each change of state, outside the lock.
        draw: Returns a number from 0 to 1, for the jitter that keeps processes apart.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        changed: Callable[[State], None],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._monotonic = monotonic
        self._changed = changed
        self._draw = draw
        self._lock = new_lock()
        self._state: State = "closed"
        self._failures = 0.0
        self._pause = _FIRST_PAUSE / 2  # it doubles before it is used
        self._until = 0.0
        self._closed_at = float("-inf")

    @property
    def state(self) -> State:
        """The state of this moment."""
        return self._state

    def allows(self) -> bool:
        """Tell whether to try now. A caller that may try reports how it went."""
        if self._state == "closed":
            return True
        with self._lock:
            if self._is_closed():  # by now
                return True
            if self._monotonic() < self._until:
                return False
            # A probe that never reports back does not keep others from probing.
            self._until = self._monotonic() + self._pause
            changed = self._state != "half-open"
            self._state = "half-open"
        if changed:
            self._changed("half-open")
        return True

    def succeeded(self) -> None:
        """Note that the store answered."""
        if self._state == "closed" and not self._failures:
            return
        with self._lock:
            changed = self._state != "closed"
            if changed:
                self._state = "closed"
                self._failures = _PROBATION
                self._closed_at = self._monotonic()
            else:
                self._failures = max(0.0, self._failures - _SUCCESS)
        if changed:
            self._changed("closed")

    def failed(self) -> None:
        """Note that the store did not answer."""
        with self._lock:
            if self._state == "open":
                return
            now = self._monotonic()
            if self._state == "closed":
                self._failures += 1
                if self._failures < _FAILURES:
                    return
                if now - self._closed_at > 2 * self._pause:
                    self._pause = _FIRST_PAUSE / 2
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._until = now + self._pause * (0.75 + 0.5 * self._draw())
            self._state = "open"
        self._changed("open")

    def _is_closed(self) -> bool:
        return self._state == "closed"
