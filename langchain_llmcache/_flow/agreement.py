"""Who asks the model, of all who ask the same: in this process, and in others.

Callers of one process share a flight (``single_flight``); one of them agrees with the other
processes (``leases``). Rule of this file: however a lookup ends, the others go on.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from weakref import ref

from langchain_core.outputs import Generation

from langchain_llmcache._answer.entries import LEASE
from langchain_llmcache._flow.gate import FAILED, Failed
from langchain_llmcache._flow.leases import Leases
from langchain_llmcache._flow.parts import NoAnswer, Parts, Request
from langchain_llmcache._flow.ports import Entries, Side
from langchain_llmcache._flow.reading import Reader
from langchain_llmcache._flow.rounds import Ending
from langchain_llmcache._flow.single_flight import Asker, Flight, Flights, State, begins_to_ask


def _slot(request: Request) -> Hashable:
    """Return what a call's flight is found by; None: it stays apart from the others'.

    A caller with max_age never holds up callers without one.
    """
    key, options = request.key, request.options
    if not options.read:
        return None
    return key if options.max_age is None else (key, "max_age")


def _give_up(
    agreement: ref[Agreement], entries: ref[Entries], asker: Asker, ending: Ending
) -> None:
    """End a lookup whose call of the model gave no answer.

    A call that never comes back keeps neither the cache nor its connections.
    """
    whose, store = agreement(), entries()
    if whose is not None and store is not None:
        whose.leave(Side(store, asker.caller), asker, ending)


class Agreement:
    """Has callers who ask the same agree.

    Args:
        parts: Of the cache.
        reader: Looks what there is.

    Attributes:
        stored: Another object after each store.
        abandon: Lets go of calls that never came back.
    """

    def __init__(self, parts: Parts, reader: Reader) -> None:
        settings, monotonic = parts.settings, parts.monotonic
        self._reader = reader
        self._observer = parts.gate.observer
        self._monotonic = monotonic
        self._flights = Flights(
            monotonic=monotonic, longest=settings.max_wait, shared=settings.single_flight
        )
        self._leases = Leases(parts, self._flights, reader)
        self.stored: object = None
        self.abandon = self._flights.abandon

    async def answer(
        self, request: Request, found: NoAnswer, stored: object
    ) -> list[Generation] | None:
        """Return the answer that another caller gets; None: this one asks the model.

        Args:
            request: What is asked.
            found: What there is in the place of an answer.
            stored: What had been stored last before that was found.
        """
        asker = Asker(request.key, _slot(request), request.side.caller, request.began)
        asker.give_up = partial(_give_up, ref(self), ref(request.side.entries), asker)
        try:
            if request.options.read:
                return await self._together(request, asker, found, stored)
            begins_to_ask(asker)
        except BaseException:
            self.leave(request.side, asker, "cancelled")
            raise
        return None

    def asked(self, request: Request) -> Asker | None:
        """Return the lookup after which the model was asked for an answer, if it is known."""
        return self._flights.asked(request.key, _slot(request))

    def share(self, request: Request, entry: bytes) -> Flight | None:
        """Give an answer to all who wait for it, and to those who come until the flight lands."""
        return self._flights.share(_slot(request), entry)

    def end(self, side: Side, asker: Asker | None, flight: Flight | None) -> None:
        """End a lookup and its flight, even if a signal handler raises in the middle of it."""
        try:
            self._end(side, asker, flight)
        except BaseException:
            self._end(side, asker, flight)
            raise

    def _end(self, side: Side, asker: Asker | None, flight: Flight | None) -> None:
        if flight is not None:
            self._flights.land(flight)
        if asker is not None:
            self.leave(side, asker, "declined")

    def leave(self, side: Side, asker: Asker, ending: Ending, *, alone: bool = False) -> None:
        """Let the others go on, here and elsewhere, if they have no answer.

        Args:
            side: The entries and their caller.
            asker: The lookup.
            ending: How its call of the model ended.
            alone: It goes on, and no other caller waits for it any more.
        """
        flight, key, give_back = asker.flight, asker.key, self._leases.give_back
        others = self._flights.leave(asker, ending, alone=alone)
        lease, asker.lease = asker.lease, None
        if lease is not None:
            side.caller.spawn(lambda: give_back(side, key, lease, ending, others=others))
        elif flight is not None and flight.left is not None and not others:
            left = flight.left
            side.caller.spawn(lambda: give_back(side, key, left, None, others=False))

    async def _together(
        self, request: Request, asker: Asker, found: NoAnswer, stored: object
    ) -> list[Generation] | None:
        answer = await self._shared(request, asker)
        # What was stored meanwhile may be what this caller has just missed: a look costs less
        # than the model. (A store that does not answer is asked once.)
        again = found is not FAILED and (asker.waited or stored is not self.stored)
        if answer is FAILED and asker.state is State.LEADING:
            answer = await self._lead(request, asker, found, again=again)
        elif answer is FAILED:
            answer = await self._go_alone(request, asker, found, again=again)
        if answer is None:
            begins_to_ask(asker)
            asker.began = self._monotonic()
            if asker.give_up is not None and not asker.held:
                request.side.caller.when_gone(asker.give_up)
        return answer

    async def _shared(self, request: Request, asker: Asker) -> list[Generation] | Failed | None:
        """Return the answer that another caller of this process got.

        Returns:
            ``FAILED`` if there is none; None if it is not what this caller wants.
        """
        while True:
            self._flights.join(asker)
            if asker.state is State.WAITING or asker.state is State.ANSWERED:
                if asker.begins_to_wait():
                    self._observer.count("waits", asker.key)
                await self._wait(request.side, asker)
            if asker.entry is None:
                return FAILED
            answer = await self._reader.answer(request, asker.entry)
            if isinstance(answer, list):
                self.leave(request.side, asker, "cancelled")
                return answer
            if answer is FAILED or asker.refused is not None:
                asker.state = State.ALONE
                self._observer.missed(asker.key, request.began, stale=answer is None)
                return None
            # Nor is it what others want who wait: of these, one asks.
            asker.refused, asker.entry = asker.entry, None

    async def _wait(self, side: Side, asker: Asker) -> None:
        """Wait for the answer, for the turn to ask the model, or long enough."""
        while asker.state is State.WAITING and asker.waiter is not None:
            seconds = self._flights.seconds_to_wait(asker)
            if seconds <= 0:
                self._flights.go_alone(asker)
                return
            await asker.waiter.wait(seconds)
            for leader in self._flights.look(asker):
                self.leave(side, leader, "cancelled", alone=True)

    async def _go_alone(
        self, request: Request, asker: Asker, found: NoAnswer, *, again: bool
    ) -> list[Generation] | None:
        """Look once more; None: the caller asks the model for itself."""
        if again:
            look = await self._reader.look(request)
            if isinstance(look, list):
                self.leave(request.side, asker, "cancelled")
                return look
            found = look
        self._reader.missed(request, found)
        return None

    async def _lead(
        self, request: Request, asker: Asker, found: NoAnswer, *, again: bool
    ) -> list[Generation] | None:
        """Look on behalf of all who ask the same; None: the caller asks the model for all."""
        side = request.side
        if again:
            found = await self._reader.find(side, request.key)
        if found is None or (found is not FAILED and found.startswith(LEASE)):
            found = await self._leases.claim(side, asker, found)
            if found is None:
                self._reader.missed(request, None)
        if isinstance(found, bytes):
            answer = await self._reader.answer(request, found)
            if isinstance(answer, list):
                self._end(side, asker, self._flights.share(asker.slot, found))
                return answer
            if answer is None:
                # It stays where it is until ``update`` replaces it: others may take it.
                self._reader.missed(request, found)
        return None
