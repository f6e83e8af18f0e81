"""Single-flight across processes: in the place of the answer, the store holds a lease.

Its text says who asks the model, and how many may (``rounds``). Rule of this file: whatever
becomes of a command, too few leases cost a call of the model, and one too many would keep the
others waiting.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Final

from langchain_llmcache._answer.entries import LEASE
from langchain_llmcache._flow.gate import FAILED, Failed
from langchain_llmcache._flow.parts import Parts
from langchain_llmcache._flow.ports import LeasingEntries, Side
from langchain_llmcache._flow.reading import Reader
from langchain_llmcache._flow.rounds import Ending, Lease, read_lease
from langchain_llmcache._flow.single_flight import Asker, Flights, led_here
from langchain_llmcache._request.key import Key

# Seconds between two looks at another process's lease, at first and at most: short, because a
# failed leader must not keep anybody waiting; longer after a while, because models take seconds.
_FIRST_LOOK: Final = 0.015
_LAST_LOOK: Final = 0.06
# Milliseconds that a place among those who ask the model is kept for other processes: a few of
# their looks.
_FREE_PLACE: Final = 1000


class Leases:
    """The leases of one cache.

    Args:
        parts: Of the cache. (Without the option ``lease``, processes do not wait for each other.)
        flights: Are told of room for one more of this process.
        reader: Looks what there is.
    """

    def __init__(self, parts: Parts, flights: Flights, reader: Reader) -> None:
        seconds = parts.settings.lease
        self._is_used = seconds is not None
        self._milliseconds = max(1, round((seconds or 0) * 1000))
        self._flights = flights
        self._reader = reader
        self._observer = parts.gate.observer
        self._gate = parts.gate
        self._monotonic = parts.monotonic

    async def claim(self, side: Side, asker: Asker, there: bytes | None) -> bytes | None:
        """Agree with other processes on who asks the model.

        Args:
            side: The entries and their caller.
            asker: The lookup.
            there: What the store holds: nothing, or a lease.

        Returns:
            The entry that came meanwhile, or None: this caller asks the model.
        """
        store = side.entries
        if not self._is_used or not isinstance(store, LeasingEntries):
            return None
        pause = _FIRST_LOOK
        asker.lease = await self._inherited(store, asker, there)
        while asker.lease is None:
            if there is not None and not there.startswith(LEASE):
                return there
            reply = await self._join(store, asker, there)
            if reply is FAILED or asker.lease is not None:
                return None
            if reply != there:
                there = reply
                continue
            # The others ask the model: next, there will be an answer, or room for one more.
            left = asker.until - self._monotonic()
            if left <= 0:
                return None
            if asker.begins_to_wait():
                self._observer.count("waits", asker.key)
            await side.caller.sleep(min(pause, left))
            pause = min(1.5 * pause, _LAST_LOOK)
            found = await self._reader.find(side, asker.key)
            if found is FAILED:
                return None
            there = found
        return None

    async def give_back(
        self, side: Side, key: Key, token: bytes, ending: Ending | None, *, others: bool
    ) -> None:
        """Tell other processes, where the lease stands, that one who asked has ended.

        Run again after it was cancelled, it may count a caller twice: one call more is better than
        a lease that keeps others waiting.

        Args:
            side: The entries and their caller.
            key: Of the lease.
            token: Of the lease.
            ending: How the call of the model ended; None: that was told before.
            others: Whether others of this process wait.
        """
        store = side.entries
        lease: Lease | None = Lease(token)
        while isinstance(store, LeasingEntries) and lease is not None and lease.token == token:
            left = lease.left(ending, others=others)
            if left == lease:
                return
            # A place that is free is for those who wait for one now.
            is_free = left is not None and left.round is not None and not left.round.asking
            milliseconds = min(self._milliseconds, _FREE_PLACE) if is_free else self._milliseconds
            reply = await self._swap(store, key, lease, left, milliseconds)
            if not isinstance(reply, bytes) or reply == lease.text():
                return
            lease = read_lease(reply)

    async def _inherited(
        self, store: LeasingEntries, asker: Asker, there: bytes | None
    ) -> bytes | None:
        """Return the token of the lease that this caller has from one that went away, if it holds."""
        lease = read_lease(there or b"")
        if lease is None or lease.token != asker.lease:
            return None
        await self._swap(store, asker.key, lease, lease, self._milliseconds)
        return lease.token

    async def _join(
        self, store: LeasingEntries, asker: Asker, there: bytes | None
    ) -> bytes | Failed | None:
        """Take a place among those who ask the model, if there is one: then the lookup has a lease.

        Returns:
            What the store holds now; ``FAILED``: it does not answer.
        """
        if there is None:
            return await self._put(store, asker)
        lease = read_lease(there)
        if lease is None:
            return there
        if any(lease.token == led.lease for led in led_here()):
            return FAILED  # of the code that asks: it would wait for itself
        joined = lease.joined(is_own=asker.flight is not None and asker.flight.left == lease.token)
        return there if joined is None else await self._replace(store, asker, lease, joined)

    async def _replace(
        self, store: LeasingEntries, asker: Asker, lease: Lease, joined: Lease
    ) -> bytes | Failed | None:
        takes_place = lease.round is not None
        # It may be so even if we do not hear of it. A place that is given back for nothing costs
        # one more call; one that is kept for nothing would keep all the others.
        asker.lease = lease.token if takes_place else None
        milliseconds = self._milliseconds if takes_place else None
        reply = await self._swap(store, asker.key, lease, joined, milliseconds)
        if reply == lease.text():
            if joined.round is not None and joined.round.free and asker.flight is not None:
                self._flights.admit(asker.flight)
            return joined.text()
        if reply is not FAILED:
            asker.lease = None
        return reply

    async def _put(self, store: LeasingEntries, asker: Asker) -> bytes | Failed | None:
        # The SET may have succeeded even if we did not hear so; to give back a lease that is not
        # there is harmless.
        asker.lease = os.urandom(16).hex().encode()
        lease = Lease(asker.lease).text()
        claim = partial(store.claim, asker.key, lease, self._milliseconds)
        reply = await self._gate.ask("lease", claim, asker.key)
        if isinstance(reply, bytes) and reply != lease:
            asker.lease = None
        return reply

    async def _swap(
        self,
        store: LeasingEntries,
        key: Key,
        lease: Lease,
        other: Lease | None,
        milliseconds: int | None,
    ) -> bytes | Failed | None:
        text = None if other is None else other.text()
        swap = partial(store.swap, key, lease.text(), text, milliseconds)
        return await self._gate.ask("lease", swap, key)
