"""What happens on a lookup, an update, a clear: every decision, for sync and async alike.

Rules of this file: no import of asyncio, time, threading or valkey (ruff checks it); every
wait is the caller's; whatever goes wrong with a lookup or an update stays in here, but
``BaseException`` (cancellation, Ctrl-C) always passes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from typing import Final

from langchain_core.outputs import Generation

from langchain_llmcache._answer import codec, hits
from langchain_llmcache._answer.entries import LEASE, CorruptEntryError, NewEntry, NotStorableError
from langchain_llmcache._answer.flaws import flaw_of
from langchain_llmcache._answer.policy import Declined
from langchain_llmcache._answer.ttl import Ttl, jittered, resolve_ttl
from langchain_llmcache._flow.gate import FAILED, Failed, Gate
from langchain_llmcache._flow.near import NearCopies
from langchain_llmcache._flow.ports import (
    Ending,
    LeasingEntries,
    Side,
    Waiter,
)
from langchain_llmcache._flow.settings import Settings
from langchain_llmcache._flow.single_flight import Flight, Flights
from langchain_llmcache._insight.errors import describe
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._insight.savings import tokens_of
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.blocks import Options, current
from langchain_llmcache._request.key import Key, Scope, encode_model, encode_part
from langchain_llmcache._request.llm_strings import Uncacheable
from langchain_llmcache._request.maker import KeyMaker
from langchain_llmcache.errors import CacheMissError, ConfigurationError

# Seconds between two looks at another process's lease, at first and at most: short, because a
# failed leader must not keep anybody waiting; longer after a while, because models take seconds.
_FIRST_LOOK: Final = 0.015
_LAST_LOOK: Final = 0.06

# Not the module's own: an application may have seeded that, and a fork would repeat it.
_RANDOM: Final = random.SystemRandom()

# The request that the running code did not look up, and when (``read=False``): its answer will
# say how long the model took.
_PASSED_BY: Final[ContextVar[tuple[Key, float] | None]] = ContextVar(
    "llmcache_passed_by", default=None
)


def _slot(key: Key, max_age: float | None) -> Hashable:
    """Return what a call's flight is found by.

    A caller with max_age never holds up callers without one.
    """
    return key if max_age is None else (key, "max_age")


def _reason(found: bytes | Failed | None, options: Options) -> str:
    """Return why a request has no answer."""
    if not options.read:
        return "read=False does not look for the stored answer"
    if found is FAILED:
        return "the store could not be asked (the log says why)"
    if found is None or found.startswith(LEASE):
        return "there is no stored answer"
    return "the stored answer is older than max_age"


class Flow:
    """The cache's behaviour, over any store.

    Args:
        settings: How to behave.
        keys: Makes the keys.
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
        observer: Observer,
        gate: Gate,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        draw: Callable[[], float] = _RANDOM.random,
        note: Callable[[Key, bytes], None] | None = None,
    ) -> None:
        self._draw = draw
        self._settings = settings
        self._keys = keys
        self._observer = observer
        self._gate = gate
        self._now = now
        self._monotonic = monotonic
        self._namespace = tuple(map(encode_part, settings.namespace_parts))
        self._flights = Flights(
            monotonic=monotonic, longest=settings.max_wait, shared=settings.single_flight
        )
        self._note = note
        self._near = None if settings.near is None else NearCopies(settings.near, monotonic)
        # Another object after each store.
        self._stored: object = None

    def abandon(self) -> None:
        """Let go of calls that never came back: they would keep the store's connections."""
        self._flights.abandon()

    # --- lookup ---

    async def lookup(  # noqa: C901, PLR0911 - each way has its own end
        self, side: Side, prompt: str, asked: Asked
    ) -> list[Generation] | None:
        """Return the stored answer, or the one that another caller is getting right now, or None.

        Never raises, unless ``on_miss="raise"``. After None, ``update`` or a failure of the call
        is expected.

        Raises:
            CacheMissError: there is no answer, and the model must not be asked.
        """
        began = self._monotonic()
        options = current()
        if options.on_miss == "raise":
            return await self._replay(side, prompt, asked, options, began)
        request = self._request("lookup", prompt, asked, options)
        if request is None:
            return None
        key, _ = request
        try:
            if not options.read:
                self._observer.count("bypassed", key, reason="read=False")
                _PASSED_BY.set((key, began))
                return None
            max_age = options.max_age
            if self._near is not None:
                answer = await self._look_near(self._near, side, key, began, max_age)
                if answer is not None:
                    return answer
            # Each caller looks first: one that finds an answer joins no flight.
            stored = self._stored
            found = await self._look(side, key, began, max_age)
            if isinstance(found, list):
                return found
            if options.write:
                flight, waiter = self._flights.join(key, side.caller, _slot(key, max_age))
                if waiter is not None and flight is not None:
                    return await self._follow(side, flight, waiter, began, max_age, found)
                if flight is not None:
                    # What was stored meanwhile may be what this caller has just missed. (A store
                    # that does not answer is asked once.)
                    again = found is not FAILED and stored is not self._stored
                    return await self._lead(side, flight, began, max_age, found, again=again)
            self._missed(key, began, found)
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
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
        request = self._request("lookup", prompt, asked, options)
        if request is None:
            raise CacheMissError(None, None, "the request has no safe key (the log says why)")
        key, model = request
        found: list[Generation] | bytes | Failed | None = FAILED
        try:
            if options.read and self._near is not None:
                found = await self._look_near(self._near, side, key, began, options.max_age)
            if options.read and not isinstance(found, list):
                found = await self._look(side, key, began, options.max_age)
        except Exception as error:  # noqa: BLE001 - what is wrong is in the log
            self._gate.failed("lookup", error, key)
        if isinstance(found, list):
            return found
        self._missed(key, began, found)
        raise CacheMissError(key.path, model, _reason(found, options))

    async def _follow(
        self,
        side: Side,
        flight: Flight,
        waiter: Waiter,
        began: float,
        max_age: float | None,
        found: bytes | Failed | None,
    ) -> list[Generation] | None:
        """Wait for the answer that another caller is getting.

        Args:
            side: The entries and their caller.
            flight: What is asked for.
            waiter: Waits for it.
            began: When the lookup began.
            max_age: How old an answer may be.
            found: What the caller has found in the store, which is no answer.
        """
        self._observer.count("waits", flight.key)
        entry = await waiter.wait(self._flights.seconds_left(flight))
        if not entry:
            # The leader failed, or takes too long: each caller asks on its own. What came into the
            # store meanwhile costs a look, and the model more.
            if found is not FAILED:
                look = await self._look(side, flight.key, began, max_age)
                if isinstance(look, list):
                    return look
                found = look
            self._missed(flight.key, began, found)
            return None
        answer = await self._answer(side, flight.key, entry, began, max_age)
        if isinstance(answer, list):
            return answer
        self._observer.missed(flight.key, began, stale=answer is None)
        return None

    async def _look_near(
        self, near: NearCopies, side: Side, key: Key, began: float, max_age: float | None
    ) -> list[Generation] | None:
        """Return the answer in the copy of an entry, if there is one."""
        entry = near.get(key)
        if entry is None:
            return None
        answer = await self._answer(side, key, entry, began, max_age, is_copy=True)
        return answer if isinstance(answer, list) else None

    async def _look(
        self, side: Side, key: Key, began: float, max_age: float | None
    ) -> list[Generation] | bytes | Failed | None:
        """Return the answer in the store, or what is there instead.

        Returns:
            A lease, an entry that is too old for this caller, None, or ``FAILED``.
        """
        entry = await self._find(side, key)
        if not isinstance(entry, bytes) or entry.startswith(LEASE):
            return entry
        answer = await self._answer(side, key, entry, began, max_age)
        return entry if answer is None else answer

    def _missed(self, key: Key, began: float, found: bytes | Failed | None) -> None:
        """Count a miss, unless what went wrong is counted already."""
        if found is not FAILED:
            stale = found is not None and not found.startswith(LEASE)
            self._observer.missed(key, began, stale=stale)

    async def _lead(
        self,
        side: Side,
        flight: Flight,
        began: float,
        max_age: float | None,
        entry: bytes | Failed | None,
        *,
        again: bool,
    ) -> list[Generation] | None:
        """Look on behalf of all who ask the same; None: the caller asks the model for all.

        Args:
            side: The entries and their caller.
            flight: What is asked for.
            began: When the lookup began.
            max_age: How old an answer may be.
            entry: What the caller has found in the store, which is no answer.
            again: Whether to look once more.
        """
        try:
            if again:
                entry = await self._find(side, flight.key)
            if entry is None or (entry is not FAILED and entry.startswith(LEASE)):
                entry = await self._claim(side, flight, entry)
                if entry is None:
                    self._observer.missed(flight.key, began)
            if isinstance(entry, bytes):
                answer = await self._answer(side, flight.key, entry, began, max_age)
                if isinstance(answer, list):
                    self._flights.land(flight, entry)
                    return answer
                if answer is None:
                    # It stays where it is until ``update`` replaces it: others may take it.
                    self._observer.missed(flight.key, began, stale=True)
        except BaseException:
            self._give_up(side, flight, "cancelled")
            raise
        flight.give_up = lambda ending: self._give_up(side, flight, ending)
        if not flight.held:
            side.caller.when_gone(flight.give_up)
        return None

    async def _claim(self, side: Side, flight: Flight, there: bytes | None) -> bytes | None:
        """Agree with other processes on who asks the model.

        Args:
            side: The entries and their caller.
            flight: What is asked for.
            there: What the store holds: nothing, or another caller's lease.

        Returns:
            The entry that came meanwhile, or None: this caller asks the model.
        """
        store = side.entries
        if self._settings.lease is None or not isinstance(store, LeasingEntries):
            return None
        lease = LEASE + os.urandom(16).hex().encode()
        milliseconds = max(1, round(self._settings.lease * 1000))
        pause = _FIRST_LOOK
        waited = False
        while True:
            if there is None:
                # The SET may have succeeded even if we did not hear so; releasing a lease that
                # is not there is harmless.
                flight.lease = lease
                reply = await self._gate.ask(
                    "lease", lambda: store.claim(flight.key, lease, milliseconds), flight.key
                )
                if reply is None or reply is FAILED or reply == lease:
                    return None
                flight.lease = None
                if waited and reply.startswith(LEASE):
                    # The leader failed, and another was quicker: once is enough to wait.
                    return None
                there = reply
            if not there.startswith(LEASE):
                return there
            left = self._flights.seconds_left(flight)
            if left <= 0:
                return None
            if not waited:
                waited = True
                self._observer.count("waits", flight.key)
            await side.caller.sleep(min(pause, left))
            pause = min(1.5 * pause, _LAST_LOOK)
            found = await self._find(side, flight.key)
            if found is FAILED:
                return None
            there = found

    async def _find(self, side: Side, key: Key) -> bytes | Failed | None:
        """Return what the store holds under the key, if it can be asked and read."""
        try:
            return await self._gate.ask("lookup", lambda: side.entries.get(key), key)
        except CorruptEntryError as error:
            await self._discard(side, key, error)
            return FAILED

    async def _answer(
        self,
        side: Side,
        key: Key,
        entry: bytes,
        began: float,
        max_age: float | None,
        *,
        is_copy: bool = False,
    ) -> list[Generation] | Failed | None:
        """Return the answer in an entry.

        Args:
            side: The entries and their caller.
            key: Of the entry.
            entry: Its bytes.
            began: When the lookup began.
            max_age: How old an answer may be.
            is_copy: Whether it comes from the near cache: it is not kept for another while then.

        Returns:
            None if it is too old for this caller; ``FAILED`` if there is none in it, and then
            the entry was removed.
        """
        try:
            bound = self._settings.policy.max_entry_bytes
            stored = codec.decode(entry, key=key, max_bytes=bound)
            now = self._now()
            if max_age is not None and now - stored.created > max_age:
                return None
            tokens = tokens_of(stored.generations)
            answer = hits.from_entry(stored, now=now, usage=self._settings.hit_usage)
        except Exception as error:  # noqa: BLE001 - whatever foreign bytes lead to
            await self._discard(side, key, error)
            return FAILED
        if self._near is not None and not is_copy:
            self._near.found(key, entry, began)
        self._observer.hit(key, began, len(entry), stored, tokens)
        if self._note is not None:
            self._note(key, entry)
        return answer

    # --- update ---

    async def update(  # noqa: C901 - each outcome has its own line
        self,
        side: Side,
        prompt: str,
        asked: Asked,
        generations: Sequence[Generation],
        ttl: Ttl,
    ) -> None:
        """Store an answer, and give it to all who wait for it. Never raises."""
        options = current()
        request = self._request("store", prompt, asked, options)
        if request is None:
            return
        key, model = request
        if not options.write:
            self._observer.count("declined", key, reason="write=False")
            return
        began = self._monotonic()
        flight, since = self._since(key, options)
        try:
            seconds = None if since is None else began - since
            entry, lifetime, new = self._entry(key, model, generations, seconds, ttl, options)
            if flight is not None:
                self._flights.share(flight, entry)
            if self._near is not None:
                self._near.stored(key, entry, lifetime)
            reply = await self._gate.ask(
                "store", lambda: side.entries.put(key, entry, lifetime), key
            )
            self._stored = object()
            if self._note is not None:
                self._note(key, entry)
            if reply is not FAILED:
                self._observer.stored(key, began, size=len(entry), new=new)
                if flight is not None:
                    flight.lease = None  # overwritten by the answer
        except Declined:
            self._observer.count("declined", key)
        except NotStorableError as reason:
            self._observer.trouble("refused", f"answer not stored: {reason}", key=key)
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            self._gate.failed("store", error, key)
        finally:
            if flight is not None:
                self._give_up(side, flight, "failed")

    def _since(self, key: Key, options: Options) -> tuple[Flight | None, float | None]:
        """Return the flight whose answer this is, if any, and when the model was asked."""
        if not options.read:
            # It went past the flights of others: it has nothing to say to their followers.
            passed_by = _PASSED_BY.get()
            return None, passed_by[1] if passed_by is not None and passed_by[0] == key else None
        flight = self._flights.current(_slot(key, options.max_age))
        return flight, None if flight is None else flight.began

    def _entry(
        self,
        key: Key,
        model: str | None,
        generations: Sequence[Generation],
        seconds: float | None,
        ttl: Ttl,
        options: Options,
    ) -> tuple[bytes, int | None, NewEntry]:
        """Return the bytes to store, for how many milliseconds, and what was decided upon.

        Raises:
            Declined: if the answer is not to be stored.
            NotStorableError: if it cannot be.
        """
        policy = self._settings.policy
        entry = codec.encode(
            policy.to_store(generations), created=self._now(), seconds=seconds, key=key
        )
        new = NewEntry(
            model,
            (*self._settings.namespace_parts, *options.namespace),
            generations,
            size=len(entry),
            seconds=seconds,
            flaw=flaw_of(generations),
        )
        policy.check(new)
        lifetime = resolve_ttl(ttl, new)
        if self._settings.ttl_jitter:
            lifetime = jittered(lifetime, self._settings.ttl_jitter, self._draw)
        return entry, lifetime, new

    def _give_up(self, side: Side, flight: Flight, ending: Ending) -> None:
        """Let the followers go on, here and elsewhere; nothing happens if they have an answer."""
        flight.ending = ending
        self._flights.land(flight)
        lease, flight.lease = flight.lease, None
        if lease is not None:
            side.caller.spawn(lambda: self._release(side, flight.key, lease))

    async def _release(self, side: Side, key: Key, lease: bytes) -> None:
        store = side.entries
        if isinstance(store, LeasingEntries):
            await self._gate.ask("release", lambda: store.release(key, lease), key)

    async def heal(self, side: Side, key: Key, head: bytes) -> None:
        """Remove an entry that was refused, if it still begins like that. Never raises."""
        try:
            entry = await self._find(side, key)
            if isinstance(entry, bytes) and entry.startswith(head):
                await self._gate.ask("heal", lambda: side.entries.delete(key), key)
                self._observer.count("healed", key)
        finally:
            if self._near is not None:
                self._near.forget(lambda near: near == key)

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
        except Uncacheable:
            return False
        if not Scope(self._namespace_of(current())).covers(key.space):
            msg = "this key is that of another namespace; use a cache, or cache_options, with it"
            raise ConfigurationError(msg)
        try:
            found = await self._gate.administer("delete", side.entries.delete(key))
        finally:
            # Not before: meanwhile, others still find it in the store.
            if self._near is not None:
                self._near.forget(lambda near: near.path == key.path)
        self._observer.administered("delete", None, key, int(found))
        return found

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
        finally:
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

    async def _discard(self, side: Side, key: Key, error: Exception) -> None:
        self._observer.trouble(
            "corrupt", f"unreadable entry removed, treated as a miss: {describe(error)}", key=key
        )
        if self._near is not None:
            self._near.forget(lambda near: near == key)
        await self._gate.ask("delete", lambda: side.entries.delete(key), key)

    def _namespace_of(self, options: Options) -> tuple[str, ...]:
        """Return the (encoded) namespace of a call."""
        if not options.namespace:
            return self._namespace
        return (*self._namespace, *map(encode_part, options.namespace))

    def _request(
        self, action: str, prompt: str, asked: Asked, options: Options
    ) -> tuple[Key, str | None] | None:
        """Return the key of a request and its model's name, or None if it has no safe key.

        Before anything is awaited: the model may be changed then.
        """
        try:
            return self._keys.key(self._namespace_of(options), prompt, asked)
        except Uncacheable as reason:
            self._observer.trouble("uncacheable", f"request not cached: {reason}")
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            self._gate.failed(action, error)
        return None
