"""Single-flight: of all who ask for the same thing at once, one asks the model.

In one process, shared by threads and tasks. The first to ask leads; the others follow, and
wait for the leader's answer, for its failure, or until they have waited long enough. A
caller never waits for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from langchain_llmcache._flow.ports import RELEASED, Caller, Ending, Waiter
from langchain_llmcache._forks import new_lock, tell_of_forks, this_thread
from langchain_llmcache._request.key import Key


class Flight:
    """One question on its way to the model.

    Attributes:
        key: What was asked.
        slot: What it is found by: the key, and more where not every caller may share an answer.
        began: When, on the clock of ``Flights``.
        thread: In which thread.
        lease: What holds the place in the store meanwhile, if anything does.
        entry: The answer, once it is known.
        landed: Whether it is over.
        held: Whether a block sees to its end, see ``held``.
        give_up: Ends it without an answer; set once the model is to be asked.
        ending: How that came, if it did.
    """

    __slots__ = (
        "_waiters",
        "began",
        "ending",
        "entry",
        "give_up",
        "held",
        "key",
        "landed",
        "lease",
        "slot",
        "thread",
    )

    def __init__(self, key: Key, began: float, slot: Hashable) -> None:
        self.key = key
        self.slot = slot
        self.began = began
        self.thread = this_thread()
        self.lease: bytes | None = None
        self.entry: bytes | None = None
        self.landed = False
        self.held = False
        self.give_up: Callable[[Ending], None] | None = None
        self.ending: Ending | None = None
        self._waiters: list[Waiter] = []

    def add(self, waiter: Waiter) -> None:
        """Let a caller wait. Only under the lock of ``Flights``."""
        self._waiters.append(waiter)

    def leave(self) -> list[Waiter]:
        """Return who waits, no more from now on. Only under the lock of ``Flights``."""
        waiters, self._waiters = self._waiters, []
        return waiters


# More questions than this are not on their way at once: the rest never came back for an update.
_KEPT: Final = 10_000
_LED_KEPT: Final = 255

# The flights that the running code leads, or that code leads on whose behalf it runs.
_LED: Final[ContextVar[tuple[Flight, ...]]] = ContextVar("llmcache_led", default=())


def led_here() -> tuple[Flight, ...]:
    """Return the flights that the running code leads, and that have not landed."""
    return tuple(flight for flight in _LED.get() if not flight.landed)


# Where the running code collects the flights that it begins to lead.
_HELD: Final[ContextVar[list[Flight] | None]] = ContextVar("llmcache_held", default=None)


@contextmanager
def held() -> Iterator[list[Flight]]:
    """Collect the flights that the block begins to lead, for a caller that will end them itself.

    A stream does: it may go on after the task that began it, and end before.
    """
    flights: list[Flight] = []
    token = _HELD.set(flights)
    try:
        yield flights
    finally:
        _HELD.reset(token)


class Flights:
    """All flights of one cache.

    Args:
        monotonic: Seconds that never go back.
        longest: Seconds after which no caller waits for a flight any more.
        shared: Whether anybody waits for another at all.
    """

    def __init__(
        self, *, monotonic: Callable[[], float], longest: float, shared: bool = True
    ) -> None:
        self._monotonic = monotonic
        self._longest = longest
        self._shared = shared
        self._lock = new_lock()
        self._flights: OrderedDict[Hashable, Flight] = OrderedDict()
        tell_of_forks(self)

    def join(self, key: Key, caller: Caller, slot: Hashable) -> tuple[Flight | None, Waiter | None]:
        """Return the flight to lead; or that to follow, and how to wait; or nothing: go alone.

        Args:
            key: What is asked.
            caller: By whom.
            slot: Only callers with the same share a flight; usually the key.
        """
        abandoned = None
        with self._lock:
            flight = self._flights.get(slot)
            if flight is not None and self._shared and flight.entry is not None:
                waiter = caller.waiter()
                waiter.wake(flight.entry)
                return flight, waiter
            if flight is not None and self.seconds_left(flight) > 0:
                if (
                    not self._shared
                    or flight in _LED.get()
                    or not caller.can_wait_for(flight.thread)
                ):
                    return None, None
                waiter = caller.waiter()
                flight.add(waiter)
                return flight, waiter
            if flight is None and len(self._flights) >= _KEPT:
                _, abandoned = self._flights.popitem(last=False)
            flight = self._flights[slot] = Flight(key, self._monotonic(), slot)
        if abandoned is not None:
            self.land(abandoned)
        _LED.set((*led_here()[-_LED_KEPT:], flight))
        holder = _HELD.get()
        if holder is not None:
            flight.held = True
            holder.append(flight)
        return flight, None

    def seconds_left(self, flight: Flight) -> float:
        """Return how long a caller may still wait for it."""
        return flight.began + self._longest - self._monotonic()

    def forget_other_threads(self) -> None:
        """After a fork: the parent's flights do not land here, so no caller may wait for them."""
        self._flights = OrderedDict()

    def abandon(self) -> None:
        """The cache is gone, and so are all who could wait: let go of what the flights hold.

        Without the lock: this is called from anywhere, when the garbage is collected.
        """
        flights, self._flights = self._flights, OrderedDict()
        for flight in flights.values():
            flight.landed = True
            flight.give_up = None

    def current(self, slot: Hashable) -> Flight | None:
        """Return the flight of a slot, if there is one."""
        return self._flights.get(slot)

    def share(self, flight: Flight, entry: bytes) -> None:
        """Give the answer to all followers, and to those who come until the flight lands.

        For as long as the answer is on its way to the store, where they would not find it yet.
        """
        with self._lock:
            flight.entry = entry
            waiters = flight.leave()
        for waiter in waiters:
            waiter.wake(entry)

    def land(self, flight: Flight, entry: bytes = RELEASED) -> None:
        """End a flight: with the entry that all its followers get, or without.

        Only the first end of a flight has an effect.
        """
        with self._lock:
            if self._flights.get(flight.slot) is flight:
                del self._flights[flight.slot]
            flight.landed = True
            flight.give_up = None
            waiters = flight.leave()
        for waiter in waiters:
            waiter.wake(entry)
