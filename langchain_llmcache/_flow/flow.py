"""What happens on a lookup, an update, a clear: every decision, for sync and async alike.

Rules of this file: no import of asyncio, time, threading or valkey (ruff checks it); every
wait is the caller's; whatever goes wrong with a lookup or an update stays in here, but
``BaseException`` (cancellation, Ctrl-C) always passes.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Final
from uuid import UUID
from weakref import ref

from langchain_core.outputs import Generation

from langchain_llmcache._answer import hits
from langchain_llmcache._answer.answers import ROOM, Answers, Opened
from langchain_llmcache._answer.codec import Codec, revive, takes_long_to_write
from langchain_llmcache._answer.entries import (
    LEASE,
    UNKNOWN_AGE,
    CorruptEntryError,
    Flaw,
    NewEntry,
    NotStorableError,
)
from langchain_llmcache._answer.flaws import flaw_of
from langchain_llmcache._answer.origins import Origins
from langchain_llmcache._answer.policy import Declined
from langchain_llmcache._answer.ttl import Ttl, jittered, resolve_ttl
from langchain_llmcache._flow.gate import FAILED, Failed, Gate
from langchain_llmcache._flow.near import NearCopies
from langchain_llmcache._flow.ports import Entries, LeasingEntries, Matcher, Question, Side
from langchain_llmcache._flow.rounds import Ending, Lease, read_lease
from langchain_llmcache._flow.settings import Settings
from langchain_llmcache._flow.single_flight import (
    Asker,
    Flight,
    Flights,
    State,
    begins_to_ask,
    led_here,
)
from langchain_llmcache._insight.errors import describe
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.blocks import UNSET, Options, current
from langchain_llmcache._request.hashed import (
    ForeignAnswer,
    TakenOver,
    hashed_names,
    key_of_hashed,
)
from langchain_llmcache._request.key import Key, Scope, encode_model, encode_part, parse_path
from langchain_llmcache._request.llm_strings import Uncacheable
from langchain_llmcache._request.maker import KeyMaker
from langchain_llmcache._request.streams import came_as_stream, tells_no_usage, wants_stream
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import CacheMissError, ConfigurationError

# Seconds between two looks at another process's lease, at first and at most: short, because a
# failed leader must not keep anybody waiting; longer after a while, because models take seconds.
_FIRST_LOOK: Final = 0.015
_LAST_LOOK: Final = 0.06

_SILENT_KEPT: Final = 1000

# Not the module's own: an application may have seeded that, and a fork would repeat it.
_RANDOM: Final = random.SystemRandom()

# Milliseconds that a place among those who ask the model is kept for other processes: a few of
# their looks.
_FREE_PLACE: Final = 1000


def _slot(key: Key, options: Options) -> Hashable:
    """Return what a call's flight is found by; None: it stays apart from the others'.

    A caller with max_age never holds up callers without one.
    """
    if not options.read:
        return None
    return key if options.max_age is None else (key, "max_age")


def _reason(found: bytes | Failed | None, options: Options) -> str:
    """Return why a request has no answer."""
    if not options.read:
        return "read=False does not look for the stored answer"
    if found is FAILED:
        return "the store could not be asked (the log says why)"
    if found is None or found.startswith(LEASE):
        return "there is no stored answer"
    return "the stored answer is older than max_age"


class _GiveUp:
    """Ends a lookup whose call of the model gave no answer.

    A call that never comes back keeps neither the cache nor its connections.
    """

    __slots__ = ("__weakref__", "_asker", "_entries", "_flow")

    def __init__(self, flow: ref[Flow], entries: ref[Entries], asker: Asker) -> None:
        self._flow = flow
        self._entries = entries
        self._asker = asker

    def __call__(self, ending: Ending) -> None:
        flow, entries = self._flow(), self._entries()
        if flow is not None and entries is not None:
            flow.leave(Side(entries, self._asker.caller), self._asker, ending)


class Flow:
    """The cache's behaviour, over any store.

    Args:
        settings: How to behave.
        keys: Makes the keys.
        codec: Makes the entries.
        observer: Is told every outcome.
        gate: Asks the store.
        now: Unix seconds.
        monotonic: Seconds that never go back.
        draw: Returns a number from 0 to 1, for the jitter.
        note: Is told which entries the caller's model call stores or hits.
    """

    def __init__(
        self,
        settings: Settings,
        keys: KeyMaker,
        codec: Codec,
        observer: Observer,
        gate: Gate,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        draw: Callable[[], float] = _RANDOM.random,
        note: Callable[[Key, bytes, UUID | None], None] | None = None,
    ) -> None:
        self._draw = draw
        self._settings = settings
        self._keys = keys
        self._codec = codec
        near = settings.near
        self._answers = Answers(codec, settings.hit_usage, ROOM if near is None else near.max_bytes)
        self._observer = observer
        self._gate = gate
        self._now = now
        self._monotonic = monotonic
        self._namespace = tuple(map(encode_part, settings.namespace_parts))
        self._flights = Flights(
            monotonic=monotonic, longest=settings.max_wait, shared=settings.single_flight
        )
        self._note = note
        self._origins = Origins(self._namespace)
        self._near = None if near is None else NearCopies(near, monotonic)
        # Where the models lie that tell no usage in ``invoke`` either.
        self._silent: set[tuple[str, ...]] = set()
        # Another object after each store.
        self._stored: object = None
        # Whether the store may hold answers of caches that keep hashes of requests only.
        self.has_imports = settings.imported

    def abandon(self) -> None:
        """Let go of calls that never came back: they would keep the store's connections."""
        self._flights.abandon()

    # --- lookup ---

    async def lookup(  # noqa: C901, PLR0911 - each way has its own end
        self, side: Side, prompt: str, asked: Asked
    ) -> list[Generation] | None:
        """Return the stored answer, or the one that another caller is getting right now, or None.

        Raises nothing of its own, unless ``on_miss="raise"``. After None, ``update`` or a failure
        of the call is expected.

        Raises:
            CacheMissError: there is no answer, and the model must not be asked.
        """
        began = self._monotonic()
        options = current()
        if options.on_miss == "raise":
            return await self._replay(side, prompt, asked, options, began)
        request = await self._request(side, "lookup", prompt, asked, options)
        if request is None:
            return None
        key, _ = request
        asker = None
        try:
            if options.read:
                # Each caller looks first: one that finds an answer joins no flight.
                stored = self._stored
                found = await self._look(side, key, began, options.max_age, asked.above)
                if found is None and self.has_imports:
                    found = await self._look_among_imports(side, key, prompt, asked, began)
                if isinstance(found, list):
                    return found
                alike = await self._look_alike(side, key, prompt, asked, began, found)
                if alike is not None:
                    return alike
                if not options.write:
                    self._missed(key, began, found)
                    return None
                asker = self._asker(side, key, options, began)
                return await self._together(side, asker, options.max_age, found, stored)
            self._observer.count("bypassed", key, reason="read=False")
            asker = self._asker(side, key, options, began)
            begins_to_ask(asker)
        except BaseException as error:
            if asker is not None:
                self.leave(side, asker, "cancelled")
            if not isinstance(error, Exception):
                raise
            pass_on(error)
            self._gate.failed("lookup", error, key)
        return None

    @staticmethod
    def without_answer() -> None:
        """Let the model be asked without a look into the store, if it may be asked.

        Raises:
            CacheMissError: if not.
        """
        if current().on_miss == "raise":
            raise CacheMissError(None, None, _reason(FAILED, current()))

    async def _replay(
        self, side: Side, prompt: str, asked: Asked, options: Options, began: float
    ) -> list[Generation]:
        """Return the stored answer: no model is asked, so that no caller is waited for.

        Raises:
            CacheMissError: if there is none.
        """
        request = await self._request(side, "lookup", prompt, asked, options)
        if request is None:
            raise CacheMissError(None, None, "the request has no safe key (the log says why)")
        key, model = request
        found: list[Generation] | bytes | Failed | None = FAILED
        try:
            if options.read:
                found = await self._look(side, key, began, options.max_age, asked.above)
                if found is None and self.has_imports:
                    found = await self._look_among_imports(side, key, prompt, asked, began)
        except Exception as error:  # noqa: BLE001 - what is wrong is in the log
            pass_on(error)
            self._gate.failed("lookup", error, key)
        if isinstance(found, list):
            return found
        self._missed(key, began, found)
        raise CacheMissError(key.path, model, _reason(found, options))

    # --- questions that mean the same (an option) ---

    def _question(self, matcher: Matcher, key: Key, prompt: str, asked: Asked) -> Question | None:
        """Return the question of a request, if it has one that others may share."""
        parts = matcher.split(prompt, asked.llm_string)
        if parts is None:
            return None
        text, rest = parts
        around = self._keys.key(key.space[:-1], rest, asked)[0]
        return Question(key.path, "/".join(key.space), around.digest, text)

    async def _look_alike(
        self,
        side: Side,
        key: Key,
        prompt: str,
        asked: Asked,
        began: float,
        found: bytes | Failed | None,
    ) -> list[Generation] | None:
        """Return the stored answer to a question that means the same.

        Args:
            side: The entries, their caller, and what matches questions, if anything does.
            key: Of the request.
            prompt: The request's.
            asked: Who asks.
            began: When the lookup began.
            found: What the store holds for the request, which is no answer.
        """
        matcher = side.matcher
        if matcher is None or found is FAILED:
            return None
        question = self._question(matcher, key, prompt, asked)
        match = None if question is None else await matcher.find(question)
        if match is None:
            return None
        other = parse_path(match.path)
        answer = None if other is None else await self._look(side, other, began, current().max_age)
        if answer is None:  # evicted, or removed by something that knows no questions
            await self._gate.ask("lookup", partial(matcher.drop, match.path), key)
        if not isinstance(answer, list):
            return None
        hits.mark_similarity(answer, match.similarity)
        return answer

    async def _learn(
        self,
        side: Side,
        key: Key,
        prompt: str,
        asked: Asked,
        generations: Sequence[Generation],
        lifetime: int | None,
    ) -> None:
        """Have the matcher take in the answer that was just stored."""
        matcher = side.matcher
        question = None if matcher is None else self._question(matcher, key, prompt, asked)
        if matcher is not None and question is not None:
            await matcher.learn(question, generations, lifetime, partial(self._stored_at, side))

    async def _stored_at(self, side: Side, path: str) -> Sequence[Generation] | None:
        """Return the answer that is stored at a path, without counting a hit."""
        key = parse_path(path)
        entry = None if key is None else await self._gate.read(side.entries, key)
        if key is None or not isinstance(entry, bytes) or entry.startswith(LEASE):
            return None
        return [revive(fields) for fields in self._codec.decode(entry, key=key).generations]

    async def _look(
        self,
        side: Side,
        key: Key,
        began: float,
        max_age: float | None,
        above: UUID | None = UNSET,
    ) -> list[Generation] | bytes | Failed | None:
        """Return the answer in a copy of the entry, or in the store, or what is there instead.

        Returns:
            A lease, an entry that is too old for this caller, None, or ``FAILED``.
        """
        copy = None if self._near is None else self._near.get(key)
        if copy is not None:
            answer = await self._opened(side, key, copy, began, max_age, is_copy=True, above=above)
            if isinstance(answer, list):
                return answer
        entry = await self._gate.read(side.entries, key)
        if isinstance(entry, bytes) and not entry.startswith(LEASE):
            answer = await self._opened(side, key, entry, began, max_age, above=above)
            if isinstance(answer, list):
                return answer
            if answer is None:
                return entry
            return await self._discard(side, key, answer)
        if isinstance(entry, CorruptEntryError):
            return await self._discard(side, key, entry)
        return entry

    async def _look_among_imports(
        self, side: Side, key: Key, prompt: str, asked: Asked, began: float
    ) -> list[Generation] | None:
        """Return the answer that another cache gave to this request, known there by a hash only."""
        llm_string, namespace = asked.llm_string, key.space[:-1]
        try:
            # The other cache knew no more of the model than this text: it has to be enough.
            if self._keys.key(namespace, prompt, Asked(llm_string))[0] != key:
                return None
        except Uncacheable as error:
            pass_on(error)
            return None
        for name in hashed_names(prompt, llm_string):
            where = key_of_hashed(self._keys, namespace, name)
            entry = await self._find(side, where)
            if isinstance(entry, bytes):
                answer = await self._opened(side, key, entry, began, current().max_age, where=where)
                if isinstance(answer, Exception):
                    await self._discard(side, where, answer)
                elif answer is not None:
                    return answer
        return None

    async def _find(self, side: Side, key: Key) -> bytes | Failed | None:
        """Return what the store holds under the key, if it can be asked and read."""
        entry = await self._gate.read(side.entries, key)
        if isinstance(entry, CorruptEntryError):
            return await self._discard(side, key, entry)
        return entry

    def _missed(self, key: Key, began: float, found: bytes | Failed | None) -> None:
        """Count a miss, unless what went wrong is counted already."""
        if found is not FAILED:
            stale = found is not None and not found.startswith(LEASE)
            self._observer.missed(key, began, stale=stale)

    # --- all who ask the same ---

    def _asker(self, side: Side, key: Key, options: Options, began: float) -> Asker:
        asker = Asker(key, _slot(key, options), side.caller, began)
        asker.give_up = _GiveUp(ref(self), ref(side.entries), asker)
        return asker

    async def _together(
        self,
        side: Side,
        asker: Asker,
        max_age: float | None,
        found: bytes | Failed | None,
        stored: object,
    ) -> list[Generation] | None:
        """Agree with all who ask the same on who asks the model.

        Args:
            side: The entries and their caller.
            asker: The lookup.
            max_age: How old an answer may be.
            found: What it has found in the store, which is no answer.
            stored: What had been stored last before it looked there.

        Returns:
            The answer that another caller got; None: this caller asks the model.
        """
        answer = await self._shared(side, asker, max_age)
        # What was stored meanwhile may be what this caller has just missed: a look costs less
        # than the model. (A store that does not answer is asked once.)
        again = found is not FAILED and (asker.waited or stored is not self._stored)
        if answer is FAILED and asker.state is State.LEADING:
            answer = await self._lead(side, asker, max_age, found, again=again)
        elif answer is FAILED:
            answer = await self._go_alone(side, asker, max_age, found, again=again)
        if answer is None:
            begins_to_ask(asker)
            asker.began = self._monotonic()
            if asker.give_up is not None and not asker.held:
                side.caller.when_gone(asker.give_up)
        return answer

    def _note_wait(self, asker: Asker) -> None:
        if not asker.waited:
            asker.waited = True
            self._observer.count("waits", asker.key)

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

    async def _shared(
        self, side: Side, asker: Asker, max_age: float | None
    ) -> list[Generation] | Failed | None:
        """Return the answer that another caller got.

        Returns:
            ``FAILED`` if there is none; None if it is not what this caller wants.
        """
        while True:
            self._flights.join(asker)
            if asker.state is State.WAITING or asker.state is State.ANSWERED:
                self._note_wait(asker)
                await self._wait(side, asker)
            if asker.entry is None:
                return FAILED
            answer = await self._answer(side, asker.key, asker.entry, asker.began, max_age)
            if isinstance(answer, list):
                self.leave(side, asker, "cancelled")
                return answer
            if answer is FAILED or asker.refused is not None:
                asker.state = State.ALONE
                self._observer.missed(asker.key, asker.began, stale=answer is None)
                return None
            # Nor is it what others want who wait: of these, one asks.
            asker.refused, asker.entry = asker.entry, None

    async def _go_alone(
        self,
        side: Side,
        asker: Asker,
        max_age: float | None,
        found: bytes | Failed | None,
        *,
        again: bool,
    ) -> list[Generation] | None:
        """Look once more; None: the caller asks the model for itself."""
        if again:
            look = await self._look(side, asker.key, asker.began, max_age)
            if isinstance(look, list):
                self.leave(side, asker, "cancelled")
                return look
            found = look
        self._missed(asker.key, asker.began, found)
        return None

    async def _lead(
        self,
        side: Side,
        asker: Asker,
        max_age: float | None,
        entry: bytes | Failed | None,
        *,
        again: bool,
    ) -> list[Generation] | None:
        """Look on behalf of all who ask the same; None: the caller asks the model for all.

        Args:
            side: The entries and their caller.
            asker: The lookup.
            max_age: How old an answer may be.
            entry: What the caller has found in the store, which is no answer.
            again: Whether to look once more.
        """
        key, began = asker.key, asker.began
        if again:
            entry = await self._find(side, key)
        if entry is None or (entry is not FAILED and entry.startswith(LEASE)):
            entry = await self._claim(side, asker, entry)
            if entry is None:
                self._observer.missed(key, began)
        if isinstance(entry, bytes):
            answer = await self._answer(side, key, entry, began, max_age)
            if isinstance(answer, list):
                self._end(side, asker, self._flights.share(asker.slot, entry))
                return answer
            if answer is None:
                # It stays where it is until ``update`` replaces it: others may take it.
                self._observer.missed(key, began, stale=True)
        return None

    # --- all processes that ask the same ---

    async def _claim(self, side: Side, asker: Asker, there: bytes | None) -> bytes | None:
        """Agree with other processes on who asks the model.

        Args:
            side: The entries and their caller.
            asker: The lookup.
            there: What the store holds: nothing, or a lease.

        Returns:
            The entry that came meanwhile, or None: this caller asks the model.
        """
        store = side.entries
        if self._settings.lease is None or not isinstance(store, LeasingEntries):
            return None
        pause = _FIRST_LOOK
        asker.lease = await self._inherited(store, asker, there)
        while asker.lease is None:
            if there is not None and not there.startswith(LEASE):
                return there
            reply = await self._join_lease(store, asker, there)
            if reply is FAILED or asker.lease is not None:
                return None
            if reply != there:
                there = reply
                continue
            # The others ask the model: next, there will be an answer, or room for one more.
            left = asker.until - self._monotonic()
            if left <= 0:
                return None
            self._note_wait(asker)
            await side.caller.sleep(min(pause, left))
            pause = min(1.5 * pause, _LAST_LOOK)
            found = await self._find(side, asker.key)
            if found is FAILED:
                return None
            there = found
        return None

    async def _inherited(
        self, store: LeasingEntries, asker: Asker, there: bytes | None
    ) -> bytes | None:
        """Return the token of the lease that this caller has from one that went away, if it holds."""
        lease = None if there is None else read_lease(there)
        if there is None or lease is None or lease.token != asker.lease:
            return None
        await self._swap(store, asker.key, there, there, self._lease_milliseconds())
        return lease.token

    async def _join_lease(
        self, store: LeasingEntries, asker: Asker, there: bytes | None
    ) -> bytes | Failed | None:
        """Take a place among those who ask the model, if there is one.

        Args:
            store: The entries.
            asker: The lookup. If it may ask, it has a lease then.
            there: What the store holds: nothing, or a lease.

        Returns:
            What it holds now; ``FAILED``: the store does not answer.
        """
        if there is None:
            return await self._put_lease(store, asker)
        lease = read_lease(there)
        if lease is None:
            return there
        if any(lease.token == led.lease for led in led_here()):
            return FAILED  # of the code that asks: it would wait for itself
        joined = lease.joined(is_own=asker.flight is not None and asker.flight.left == lease.token)
        return there if joined is None else await self._join(store, asker, lease, joined)

    async def _join(
        self, store: LeasingEntries, asker: Asker, lease: Lease, joined: Lease
    ) -> bytes | Failed | None:
        takes_place = lease.round is not None
        # It may be so even if we do not hear of it. A place that is given back for nothing costs
        # one more call; one that is kept for nothing would keep all the others.
        asker.lease = lease.token if takes_place else None
        milliseconds = self._lease_milliseconds() if takes_place else None
        there = lease.text()
        reply = await self._swap(store, asker.key, there, joined.text(), milliseconds)
        if reply == there:
            if joined.round is not None and joined.round.free and asker.flight is not None:
                self._flights.admit(asker.flight)
            return joined.text()
        if reply is not FAILED:
            asker.lease = None
        return reply

    async def _put_lease(self, store: LeasingEntries, asker: Asker) -> bytes | Failed | None:
        # The SET may have succeeded even if we did not hear so; to give back a lease that is not
        # there is harmless.
        asker.lease = os.urandom(16).hex().encode()
        lease = Lease(asker.lease).text()
        claim = partial(store.claim, asker.key, lease, self._lease_milliseconds())
        reply = await self._gate.ask("lease", claim, asker.key)
        if isinstance(reply, bytes) and reply != lease:
            asker.lease = None
        return reply

    async def _swap(
        self,
        store: LeasingEntries,
        key: Key,
        lease: bytes,
        other: bytes | None,
        milliseconds: int | None,
    ) -> bytes | Failed | None:
        swap = partial(store.swap, key, lease, other, milliseconds)
        return await self._gate.ask("lease", swap, key)

    def _lease_milliseconds(self) -> int:
        return max(1, round((self._settings.lease or 0) * 1000))

    async def _give_back(
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
        store, there = side.entries, Lease(token).text()
        while isinstance(store, LeasingEntries):
            lease = read_lease(there)
            if lease is None or lease.token != token:
                return
            left = lease.left(ending, others=others)
            if left == lease:
                return
            # A place that is free is for those who wait for one now.
            milliseconds = self._lease_milliseconds()
            if left is not None and left.round is not None and not left.round.asking:
                milliseconds = min(milliseconds, _FREE_PLACE)
            text = None if left is None else left.text()
            reply = await self._swap(store, key, there, text, milliseconds)
            if not isinstance(reply, bytes) or reply == there:
                return
            there = reply

    # --- an entry ---

    async def _answer(
        self, side: Side, key: Key, entry: bytes, began: float, max_age: float | None
    ) -> list[Generation] | Failed | None:
        """Return the answer in an entry.

        Returns:
            None if it is too old for this caller; ``FAILED`` if there is none in it, and then
            the entry was removed.
        """
        answer = await self._opened(side, key, entry, began, max_age)
        if isinstance(answer, Exception):
            return await self._discard(side, key, answer)
        return answer

    async def _opened(
        self,
        side: Side,
        key: Key,
        entry: bytes,
        began: float,
        max_age: float | None,
        *,
        is_copy: bool = False,
        where: Key | None = None,
        above: UUID | None = UNSET,
    ) -> list[Generation] | Exception | None:
        """Return the answer in an entry.

        Args:
            side: The entries and their caller.
            key: Of the request.
            entry: Its bytes.
            began: When the lookup began.
            max_age: How old an answer may be.
            is_copy: Whether it comes from the near cache: it is not kept for another while then.
            where: The entry's own key, if it is another one.
            above: The run that the model's call is a part of, if that is known.

        Returns:
            None if it is too old for this caller, or came as a stream and does not tell its
            usage to an ``invoke``; an error if there is none in it.
        """
        read = partial(self._read, key, entry, max_age, where)
        found = await side.caller.compute(read) if self._codec.takes_long(entry) else read()
        if found is None or isinstance(found, Exception):
            return found
        opened, answer = found
        stored = opened.stored
        if stored.is_uncounted and not self._takes_uncounted(key):
            return None
        if self._near is not None and not is_copy and where is None:
            self._near.found(key, entry, began)
        self._observer.hit(key, began, len(entry), stored, opened.tokens)
        if above is not None and self._note is not None and where is None:
            options = current()
            # (A replay has nothing but what is stored: a refused parse must not remove it.)
            if options.write and options.on_miss != "raise":
                self._note(key, entry, above)
        return answer

    def _read(
        self, key: Key, entry: bytes, max_age: float | None, where: Key | None
    ) -> tuple[Opened, list[Generation]] | Exception | None:
        """Return what is in an entry, and the answer of a hit of now; None: it is too old."""
        try:
            opened = self._answers.opened(key, entry, where)
            now = self._now()
            if max_age is not None and not opened.stored.is_within(now, max_age):
                return None
            return opened, opened.generations(now)
        except Exception as error:  # noqa: BLE001 - whatever foreign bytes lead to
            pass_on(error)
            return error

    def _takes_uncounted(self, key: Key) -> bool:
        """Tell whether this caller takes an answer that came as a stream and tells no usage."""
        return key.space in self._silent or wants_stream() or current().on_miss == "raise"

    def _is_uncounted(self, key: Key, generations: Sequence[Generation]) -> bool:
        """Tell whether this answer has no usage although its model may tell it in another."""
        if not tells_no_usage(generations):
            self._silent.discard(key.space)
            return False
        if came_as_stream():
            return key.space not in self._silent
        if len(self._silent) < _SILENT_KEPT:
            self._silent.add(key.space)
        return False

    # --- update ---

    async def update(
        self,
        side: Side,
        prompt: str,
        asked: Asked,
        generations: Sequence[Generation],
        ttl: Ttl,
    ) -> None:
        """Store an answer, and give it to all who wait for it. Raises nothing of its own."""
        options = current()
        request = await self._request(side, "store", prompt, asked, options)
        if request is None:
            return
        key, model = request
        if not options.write:
            self._observer.count("declined", key, reason="write=False")
            return
        began = self._monotonic()
        slot = _slot(key, options)
        asker = self._flights.asked(key, slot)
        flight = None
        try:
            seconds = None if asker is None else began - asker.began
            entry, lifetime, new = await self._entry(
                side,
                key,
                model,
                generations,
                seconds,
                ttl,
                options,
                is_uncounted=self._is_uncounted(key, generations),
            )
            flight = self._flights.share(slot, entry)
            if self._near is not None:
                self._near.stored(key, entry, lifetime)
            reply = await self._gate.ask(
                "store", lambda: side.entries.put(key, entry, lifetime), key
            )
            self._stored = object()
            self._origins.note(key, generations)
            if self._note is not None:
                self._note(key, entry, UNSET)
            if reply is not FAILED:
                self._observer.stored(key, began, size=len(entry), new=new)
                if side.matcher is not None:
                    await self._learn(side, key, prompt, asked, generations, lifetime)
                if asker is not None:
                    asker.lease = None  # overwritten by the answer
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            pass_on(error)
            self._not_stored(key, error)
        finally:
            self._surely_end(side, asker, flight)

    def _not_stored(self, key: Key, error: Exception) -> None:
        if isinstance(error, Declined):
            self._observer.count("declined", key)
        elif isinstance(error, NotStorableError):
            self._observer.trouble("refused", f"answer not stored: {error}", key=key)
        else:
            self._gate.failed("store", error, key)

    def _surely_end(self, side: Side, asker: Asker | None, flight: Flight | None) -> None:
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
            alone: It goes on, and no caller waits for it any more.
        """
        flight = asker.flight
        others = self._flights.leave(asker, ending, alone=alone)
        lease, asker.lease = asker.lease, None
        if lease is not None:
            side.caller.spawn(
                lambda: self._give_back(side, asker.key, lease, ending, others=others)
            )
        elif flight is not None and flight.left is not None and not others:
            left = flight.left
            side.caller.spawn(lambda: self._give_back(side, asker.key, left, None, others=False))

    async def _entry(
        self,
        side: Side,
        key: Key,
        model: str | None,
        generations: Sequence[Generation],
        seconds: float | None,
        ttl: Ttl,
        options: Options,
        created: float | None = None,
        *,
        is_uncounted: bool = False,
    ) -> tuple[bytes, int | None, NewEntry]:
        """Return the bytes to store, for how many milliseconds, and what was decided upon.

        Raises:
            Declined: if the answer is not to be stored.
            NotStorableError: if it cannot be.
        """
        policy, is_large = self._settings.policy, takes_long_to_write(generations)

        def encode() -> tuple[bytes, Flaw | None]:
            encoded = self._codec.encode(
                policy.to_store(generations),
                created=self._now() if created is None else created,
                seconds=seconds,
                key=key,
                is_uncounted=is_uncounted,
                is_large=is_large,
            )
            return encoded, flaw_of(generations)

        entry, flaw = await side.caller.compute(encode) if is_large else encode()
        new = NewEntry(
            model,
            (*self._settings.namespace_parts, *options.namespace),
            generations,
            size=len(entry),
            seconds=seconds,
            flaw=flaw,
        )
        policy.check(new)
        lifetime = resolve_ttl(ttl, new)
        if self._settings.ttl_jitter:
            lifetime = jittered(lifetime, self._settings.ttl_jitter, self._draw)
        return entry, lifetime, new

    async def take_over(
        self, side: Side, answer: ForeignAnswer, ttl: Ttl, *, dry_run: bool
    ) -> TakenOver:
        """Store the answer of another cache, unless there is one already.

        Args:
            side: The entries and their caller.
            answer: It.
            ttl: How long it lives.
            dry_run: Only tell what would come of it.

        Raises:
            StoreError: if the store could not do it.
        """
        if answer.generations is None:
            return "unreadable"
        options, model = current(), None
        try:
            namespace = self._namespace_of(options)
            if answer.llm_string is None:
                key = key_of_hashed(self._keys, namespace, answer.prompt)
            else:
                key, model = self._keys.key(namespace, answer.prompt, Asked(answer.llm_string))
            # It is not known when it was given: so it is too old for any ``max_age``.
            entry, lifetime, _ = await self._entry(
                side, key, model, answer.generations, None, ttl, options, UNKNOWN_AGE
            )
        except Uncacheable as error:
            pass_on(error)
            return "incomplete"
        except Declined:
            return "declined"
        except Exception as error:  # noqa: BLE001 - whatever foreign objects lead to
            pass_on(error)
            return "unreadable"
        there = await self._gate.administer("lookup", side.entries.get(key))
        if there is not None and not there.startswith(LEASE):
            return "kept"
        if not dry_run:
            await self._gate.administer("store", side.entries.put(key, entry, lifetime))
        return "imported" if answer.llm_string is not None else "hashed"

    async def heal(self, side: Side, key: Key, head: bytes) -> None:
        """Remove an entry that was refused, if it still begins like that. Never raises."""
        try:
            entry = await self._find(side, key)
            if isinstance(entry, bytes) and entry.startswith(head):
                await self._gate.ask("heal", lambda: side.entries.delete(key), key)
                self._observer.count("healed", key)
        finally:
            self._forget_copy(key)

    async def heal_message(self, side: Side, message: object) -> None:
        """Remove the entry of a message that was refused, if it is known. Never raises."""
        if self._note is not None:
            with contextlib.suppress(ConfigurationError):
                await self.heal(side, self._origins.of(message), b"")

    # --- administration ---

    def key_of(self, prompt: str, asked: Asked) -> Key:
        """Return the key of a request, with all that sets keys apart.

        Raises:
            Uncacheable: if it has none, so that nothing is stored for it.
        """
        return self._keys.key(self._namespace_of(current()), prompt, asked)[0]

    async def delete(self, side: Side, told: tuple[str, Asked] | Key) -> bool:
        """Remove the answer of one request, or the entry of one key; tell whether there was one.

        Raises:
            ConfigurationError: if the key is that of another namespace.
            StoreError: if the store could not do it.
        """
        try:
            key = told if isinstance(told, Key) else self.key_of(*told)
        except Uncacheable as error:
            pass_on(error)
            return False
        if not Scope(self._namespace_of(current())).covers(key.space):
            msg = "this key is that of another namespace; use a cache, or cache_options, with it"
            raise ConfigurationError(msg)
        return await self._remove(side, key)

    async def forget(self, side: Side, message: object) -> bool:
        """Remove the entry that a message came from; tell whether there was one.

        Raises:
            ConfigurationError: if that is not known.
            StoreError: if the store could not do it.
        """
        return await self._remove(side, self._origins.of(message))

    async def _remove(self, side: Side, key: Key) -> bool:
        try:
            found = await self._gate.administer("delete", side.entries.delete(key))
            if side.matcher is not None:
                await self._gate.administer("delete", side.matcher.drop(key.path))
        finally:
            # Not before: meanwhile, others still find it in the store.
            self._forget_copy(key)
        self._observer.administered("delete", None, key, int(found))
        return found

    def _forget_copy(self, key: Key) -> None:
        self._answers.forget(key)
        if self._near is not None:
            self._near.forget(lambda near: near.path == key.path)

    async def clear(self, side: Side, namespace: tuple[str, ...], model: str | None) -> int | None:
        """Remove every answer of a namespace (below the cache's own), of all models or one.

        Returns how many, where the store counts them.

        Raises:
            StoreError: if the store could not do all of it.
        """
        scope = Scope(
            (*self._namespace_of(current()), *map(encode_part, namespace)),
            None if model is None else encode_model(model),
        )
        try:
            count = await self._gate.administer("clear", side.entries.clear(scope))
            if side.matcher is not None:
                alike = side.matcher.remove(
                    lambda path: (found := parse_path(path)) is None or scope.covers(found.space),
                    "".join(f"{part}/" for part in scope.namespace),
                )
                await self._gate.administer("clear", alike)
        finally:
            self._answers.forget()
            if self._near is not None:
                self._near.forget(lambda near: scope.covers(near.space))
        self._observer.administered("clear", scope, None, count)
        return count

    async def ping(self, side: Side) -> None:
        """Return if the store answers.

        Raises:
            StoreError: if it does not.
        """
        await self._gate.administer("ping", side.entries.ping())

    async def _discard(self, side: Side, key: Key, error: Exception) -> Failed:
        self._observer.trouble(
            "corrupt", f"unreadable entry removed, treated as a miss: {describe(error)}", key=key
        )
        self._forget_copy(key)
        await self._gate.ask("delete", lambda: side.entries.delete(key), key)
        return FAILED

    def namespace(self) -> tuple[str, ...]:
        """Return the (encoded) namespace of the running code's calls."""
        return self._namespace_of(current())

    def _namespace_of(self, options: Options) -> tuple[str, ...]:
        """Return the (encoded) namespace of a call."""
        if not options.namespace:
            return self._namespace
        return (*self._namespace, *map(encode_part, options.namespace))

    async def _request(
        self, side: Side, action: str, prompt: str, asked: Asked, options: Options
    ) -> tuple[Key, str | None] | None:
        """Return the key of a request and its model's name, or None if it has no safe key."""
        try:
            make = partial(self._keys.key, self._namespace_of(options), prompt, asked)
            # The model is read before anything is awaited: it may be changed then.
            takes_long = self._keys.takes_long(prompt, asked)
            return await side.caller.compute(make) if takes_long else make()
        except Uncacheable as reason:
            pass_on(reason)
            self._observer.trouble("uncacheable", f"request not cached: {reason}")
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            pass_on(error)
            self._gate.failed(action, error)
        return None
