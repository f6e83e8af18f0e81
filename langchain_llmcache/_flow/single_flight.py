"""Single-flight: of all who ask for the same thing at once, one asks the model.

In one process, shared by threads and tasks. The first to ask leads; the others follow, and
wait for the answer, for their turn to ask (``rounds`` says how many at once), or until they
have waited long enough. A caller never waits for itself, however many others stand between.

Rules of this file: everything that threads share changes under one lock, in steps after each
of which a signal handler may come along, or an exception out of one. So an ending can be told
again, and what a step left undone is done by the next caller that looks (``look``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from langchain_llmcache._contexts import holding
from langchain_llmcache._flow.ports import Caller, Place, Waiter
from langchain_llmcache._flow.rounds import Ending, Round
from langchain_llmcache._forks import is_held_here, new_lock, tell_of_forks
from langchain_llmcache._request.key import Key

# More questions than this are not on their way at once: the rest never came back for an update.
_KEPT: Final = 10_000
_LED_KEPT: Final = 255
# Seconds after which the first of those who wait looks whether waiting makes sense, and again.
_LOOK_EVERY: Final = 0.25
# Seconds without progress (a stream that is not read, a thread that has ended) after which a
# leader is not waited for.
_PATIENCE: Final = 1.0

# One for all caches: a caller that waits in one may be waited for in another.
_lock: Final = new_lock()


class State(Enum):
    """Where a lookup stands."""

    NEW = "new"
    WAITING = "waiting"
    """For the answer, or for its turn."""
    LEADING = "leading"
    """It asks the model, for all."""
    ALONE = "alone"
    """It asks the model for itself. Its answer is shared all the same."""
    ANSWERED = "answered"
    OVER = "over"


@dataclass(slots=True, eq=False)
class Asker:
    """A lookup that found nothing, among those that ask the same.

    Attributes:
        key: What is asked.
        slot: What its flight is found by; None: it stays apart.
        state: What it is at.
        began: When it turned to the model.
        until: When it does not wait any longer.
        entry: The answer, once it has one.
        refused: An answer of another caller that is not what it wants.
        lease: Token of what holds the place in the store meanwhile, if anything does. Who goes
            away leaves it to the next one.
        held: Whether its end is seen to, see ``held``.
        waited: Whether it has waited for others.
        suspended: Since when it makes no progress, if it makes none.
        give_up: Ends it without an answer; None once it is over.
        place: Where it runs.
        waiter: Where it waits.
        flight: What it takes part in.
        led: Those on whose behalf it waits: the running code leads them.
        waits: What is waited for on its behalf.
    """

    key: Key
    slot: Hashable
    caller: Caller
    began: float
    state: State = State.NEW
    until: float = float("-inf")
    entry: bytes | None = None
    refused: bytes | None = None
    lease: bytes | None = None
    held: bool = False
    waited: bool = False
    suspended: float | None = None
    give_up: Callable[[Ending], None] | None = None
    place: Place | None = None
    waiter: Waiter | None = None
    flight: Flight | None = None
    led: tuple[Asker, ...] = ()
    waits: list[Flight] = field(default_factory=list)

    def begins_to_wait(self) -> bool:
        """Note that it waits; tell whether that is new."""
        before, self.waited = self.waited, True
        return not before


@dataclass(slots=True, eq=False)
class Flight:
    """One question on its way to the model. Everything in it changes under the lock only.

    Attributes:
        slot: What it is found by.
        began: When the latest of those who lead turned to the model.
        failed: Rounds that ended without an answer.
        free: Callers that may ask the model too.
        leading: Those who ask it.
        waiting: Those who wait, in the order in which they came. The first one looks around.
        watching: Which one does.
        left: Token of a lease that was given back for those who wait here.
        entry: The answer, once it is known.
    """

    slot: Hashable
    began: float
    failed: int = 0
    free: int = 0
    leading: dict[Asker, None] = field(default_factory=dict)
    waiting: dict[Asker, None] = field(default_factory=dict)
    watching: Asker | None = None
    left: bytes | None = None
    entry: bytes | None = None

    def leave(self, asker: Asker, ending: Ending) -> None:
        """Note that one of those who lead has ended without an answer."""
        round_ = Round(self.failed, len(self.leading), self.free).left(ending)
        del self.leading[asker]
        self.failed, self.free = round_.failed, round_.free


# Those that the running code leads, or that code leads on whose behalf it runs.
_LED: Final[ContextVar[tuple[Asker, ...]]] = ContextVar("llmcache_led", default=())


def led_here() -> tuple[Asker, ...]:
    """Return the lookups after which the running code asks the model, and that are not over."""
    return tuple(asker for asker in _LED.get() if asker.state is not State.OVER)


# Where the running code collects the lookups after which it asks the model.
_HELD: Final[ContextVar[list[Asker] | None]] = ContextVar("llmcache_held", default=None)


@contextmanager
def held() -> Iterator[list[Asker]]:
    """Collect the lookups of the block after which the model is asked, for code that ends them.

    A stream does: it may go on after the task that began it, and end before.
    """
    askers: list[Asker] = []
    with holding(_HELD, askers):
        yield askers


def begins_to_ask(asker: Asker) -> None:
    """Note that the running code asks the model after this lookup."""
    holder = _HELD.get()
    if holder is not None and asker not in holder:
        asker.held = True
        holder.append(asker)
    if asker not in _LED.get():
        _LED.set((*led_here()[-_LED_KEPT:], asker))


class Flights:
    """All flights of one cache.

    Args:
        monotonic: Seconds that never go back.
        longest: Seconds that a caller waits at most.
        shared: Whether callers wait for each other at all.
    """

    def __init__(
        self, *, monotonic: Callable[[], float], longest: float, shared: bool = True
    ) -> None:
        self._monotonic = monotonic
        self._longest = longest
        self._shared = shared
        self._lock = _lock
        self._flights: OrderedDict[Hashable, Flight] = OrderedDict()
        tell_of_forks(self)

    def join(self, asker: Asker) -> None:
        """Let a lookup lead, follow, or go alone: its state says which."""
        may_wait = self._shared and not is_held_here(self._lock) and asker.caller.may_wait()
        led = led_here()
        asker.place = asker.caller.place()
        with self._lock:
            flight = self._flights.get(asker.slot)
            if (
                flight is None
                or flight.began + self._longest <= self._monotonic()
                # That answer is not for those who want another: of these, the first one asks.
                or (asker.refused is not None and flight.entry is asker.refused)
            ):
                self._begin(asker)
                return
            if flight.entry is not None and self._shared:
                asker.entry, asker.state = flight.entry, State.ANSWERED
                return
            self._leave_own_streams(asker, flight, led)
            if not may_wait or _waits_for_itself(asker, flight, led):
                asker.state = State.ALONE
            elif flight.free:
                self._lead(asker, flight)
            else:
                self._wait(asker, flight, led)
        if asker.state is not State.WAITING:
            begins_to_ask(asker)

    def seconds_to_wait(self, asker: Asker) -> float:
        """Return how long it may wait before it looks around, or goes alone."""
        left = asker.until - self._monotonic()
        flight = asker.flight
        is_first = flight is not None and next(iter(flight.waiting), None) is asker
        return min(left, _LOOK_EVERY) if is_first else left

    def go_alone(self, asker: Asker) -> None:
        """Let one who waits ask the model itself, unless it has got an answer or its turn."""
        with self._lock:
            if asker.state is State.WAITING and asker.flight is not None:
                self._stop_waiting(asker, State.ALONE)
                self._watch(asker.flight)

    def look(self, asker: Asker) -> list[Asker]:
        """Look whether it makes sense to wait, for all who wait; return the leaders to leave."""
        flight = asker.flight
        if flight is None or asker.state is not State.WAITING:
            return []
        with self._lock:
            if not flight.leading:  # an exception came in between
                flight.free = max(1, flight.free)
                self._call_up(flight)
            for leader in list(flight.leading):
                self._free_those_awaited_by(leader, flight)
            return [leader for leader in flight.leading if self._is_getting_nowhere(leader)]

    def admit(self, flight: Flight) -> None:
        """Let one more of those who wait ask, or look whether it may."""
        with self._lock:
            flight.free += 1
            self._call_up(flight)

    def leave(self, asker: Asker, ending: Ending, *, alone: bool = False) -> bool:
        """End the part of a caller; tell whether others are left.

        Args:
            asker: The caller. It may be over already.
            ending: How its call of the model ended.
            alone: It goes on, and no other caller waits for it any more.
        """
        with self._lock:
            flight, others = asker.flight, False
            if flight is not None:
                if asker in flight.leading:
                    # With a lease, it says there how many go on: here, one looks it up.
                    flight.leave(asker, ending if asker.lease is None else "cancelled")
                    successor = self._call_up(flight)
                    if successor is not None and ending == "cancelled":
                        successor.lease, asker.lease = asker.lease, None
                elif asker in flight.waiting:
                    self._stop_waiting(asker, State.OVER)
                    self._watch(flight)
                others = bool(flight.leading or flight.waiting)
                if not others:
                    self.land(flight)
                elif asker.lease is not None:
                    flight.left = asker.lease
            asker.state = State.ALONE if alone else State.OVER
            if not alone:
                asker.flight = asker.give_up = None
            return others

    def share(self, slot: Hashable, entry: bytes) -> Flight | None:
        """Give the answer to all who wait, and to those who come until the flight lands.

        For as long as the answer is on its way to the store, where they would not find it yet.

        Returns:
            The flight, if there is one.
        """
        with self._lock:
            flight = self._flights.get(slot)
            if flight is not None:
                flight.entry = entry
                for asker in list(flight.waiting):
                    asker.entry = entry
                    self._stop_waiting(asker, State.ANSWERED)
            return flight

    def land(self, flight: Flight) -> None:
        """End a flight: from now on, it is found no more."""
        with self._lock:
            if self._flights.get(flight.slot) is flight:
                del self._flights[flight.slot]

    def asked(self, key: Key, slot: Hashable) -> Asker | None:
        """Return the lookup after which the running code asked the model for this, if it is known.

        If the code does not know (another task looked up), the one that has led for the longest.
        """
        for asker in reversed(_LED.get()):
            if asker.key == key and asker.slot == slot and asker.state is not State.OVER:
                return asker
        flight = self._flights.get(slot)
        return None if flight is None else next(iter(flight.leading), None)

    def forget_other_threads(self) -> None:
        """After a fork: the parent's flights do not land here, so no caller waits for them."""
        self._flights = OrderedDict()

    def abandon(self) -> None:
        """The cache is gone, and so are all who could wait: let go of what the lookups hold.

        Without the lock: this is called from anywhere, when the garbage is collected.
        """
        flights, self._flights = self._flights, OrderedDict()
        for flight in flights.values():
            for asker in flight.leading:
                asker.give_up = None

    # --- under the lock ---

    def _begin(self, asker: Asker) -> None:
        if len(self._flights) >= _KEPT:
            _, abandoned = self._flights.popitem(last=False)
            for waiting in list(abandoned.waiting):
                self._stop_waiting(waiting, State.ALONE)
        flight = Flight(asker.slot, self._monotonic())
        self._lead(asker, flight)
        # Now, so that whatever happens next, the flight ends with the lookup.
        begins_to_ask(asker)
        self._flights[asker.slot] = flight
        self._flights.move_to_end(asker.slot)

    def _leave_own_streams(self, asker: Asker, flight: Flight, led: tuple[Asker, ...]) -> None:
        """Wait for no stream whose reader asks here, instead of reading on."""
        for leader in list(flight.leading):
            if leader.suspended is not None and leader in led:
                flight.leave(leader, "cancelled")
                leader.state = State.ALONE
                successor = self._call_up(flight) or asker
                successor.lease, leader.lease = leader.lease, None

    def _lead(self, asker: Asker, flight: Flight) -> None:
        asker.flight = flight
        flight.began = self._monotonic()
        if asker.until <= flight.began:
            asker.until = flight.began + self._longest
        flight.leading[asker] = None
        flight.free = max(0, flight.free - 1)
        asker.state = State.LEADING

    def _wait(self, asker: Asker, flight: Flight, led: tuple[Asker, ...]) -> None:
        asker.flight = flight
        longest = flight.began + self._longest
        # (Who waits again has waited before.)
        asker.until = longest if asker.until <= asker.began else min(asker.until, longest)
        asker.waiter = asker.caller.waiter()
        asker.led = led
        for leader in led:
            leader.waits.append(flight)
        asker.state = State.WAITING
        flight.waiting[asker] = None
        if flight.watching is None:
            flight.watching = asker

    def _stop_waiting(self, asker: Asker, state: State) -> bool:
        """Let one who waits go on; tell whether it can."""
        flight = asker.flight
        asker.state = state
        awake = asker.waiter is None or asker.waiter.wake()
        if flight is not None:
            flight.waiting.pop(asker, None)
            for leader in asker.led:
                if flight in leader.waits:
                    leader.waits.remove(flight)
        asker.led = ()
        return awake

    def _call_up(self, flight: Flight) -> Asker | None:
        """Let as many waiting callers ask the model as are allowed; return the first of them."""
        first = None
        while flight.free and flight.waiting:
            asker = next(iter(flight.waiting))
            self._lead(asker, flight)
            if not self._stop_waiting(asker, State.LEADING):
                # Its loop is closed.
                asker.state = State.OVER
                flight.leave(asker, "cancelled")
                continue
            first = first or asker
            for other in list(flight.waiting):
                if _blocks(other, asker):
                    self._stop_waiting(other, State.ALONE)
        self._watch(flight)
        return first

    def _watch(self, flight: Flight) -> None:
        """Make sure that the first waiting caller looks after the flight."""
        while (first := next(iter(flight.waiting), None)) is not flight.watching:
            flight.watching = first
            if first is not None and first.waiter is not None and not first.waiter.wake():
                self._stop_waiting(first, State.OVER)

    def _is_getting_nowhere(self, leader: Asker) -> bool:
        now = self._monotonic()
        if not leader.held and leader.place is not None:
            if not leader.place.is_idle():
                leader.suspended = None
            elif leader.suspended is None:
                leader.suspended = now
        return leader.suspended is not None and now - leader.suspended >= _PATIENCE

    def _free_those_awaited_by(self, leader: Asker, flight: Flight) -> None:
        awaited = leader.place.awaits() if leader.place is not None and not leader.held else ()
        if awaited:
            for asker in list(flight.waiting):
                if asker.place is not None and not asker.place.names().isdisjoint(awaited):
                    self._stop_waiting(asker, State.ALONE)
            self._watch(flight)


def _waits_for_itself(asker: Asker, flight: Flight, led: tuple[Asker, ...]) -> bool:
    """Tell whether the code that would wait for a flight is what the flight waits for."""
    seen: set[Flight] = set()
    left = [flight]
    while left:
        each = left.pop()
        if each in seen:
            continue
        seen.add(each)
        for leader in list(each.leading):
            if leader in led or _blocks(asker, leader):
                return True
            left += leader.waits
    return False


def _blocks(asker: Asker, other: Asker) -> bool:
    return asker.place is not None and other.place is not None and asker.place.blocks(other.place)
