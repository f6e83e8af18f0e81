"""What happens on a lookup and an update: every decision, for sync and async alike.

Rules of this file: no import of asyncio, time, threading or valkey (ruff checks it); every
wait is the caller's; whatever goes wrong with a lookup or an update stays in here, but
``BaseException`` (cancellation, Ctrl-C) always passes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial

from langchain_core.outputs import Generation

from langchain_llmcache._answer.codec import takes_long_to_write
from langchain_llmcache._answer.entries import (
    LEASE,
    UNKNOWN_AGE,
    Flaw,
    NewEntry,
    NotStorableError,
)
from langchain_llmcache._answer.flaws import flaw_of
from langchain_llmcache._answer.origins import Origins
from langchain_llmcache._answer.policy import Declined
from langchain_llmcache._answer.ttl import Ttl, jittered, resolve_ttl
from langchain_llmcache._flow.agreement import Agreement
from langchain_llmcache._flow.alike import Alike
from langchain_llmcache._flow.gate import FAILED
from langchain_llmcache._flow.parts import NoAnswer, Parts, Request
from langchain_llmcache._flow.ports import Side
from langchain_llmcache._flow.reading import Reader
from langchain_llmcache._flow.removal import Removal
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.blocks import DEFAULTS, UNSET, Options, current
from langchain_llmcache._request.hashed import ForeignAnswer, TakenOver, key_of_hashed
from langchain_llmcache._request.key import Key
from langchain_llmcache._request.llm_strings import Uncacheable
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import CacheMissError


def _reason(found: NoAnswer, options: Options) -> str:
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
        parts: Of the cache.

    Attributes:
        removal: Removes what was stored.
        abandon: Lets go of calls that never came back: they would keep the store's connections.
    """

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings
        self._keys = parts.keys
        self._codec = parts.codec
        self._observer = parts.gate.observer
        self._gate = parts.gate
        self._now = parts.now
        self._monotonic = parts.monotonic
        self._draw = parts.draw
        self._note = parts.note
        self._origins = Origins(self._keys.namespace(DEFAULTS))
        self._reader = Reader(parts)
        self._agreement = Agreement(parts, self._reader)
        self.abandon = self._agreement.abandon
        self._alike = Alike(parts, self._reader)
        self.removal = Removal(parts, self._origins, self._reader)

    @staticmethod
    def without_answer(why: str | None = None) -> None:
        """Let the model be asked without a look into the store, if it may be asked.

        Raises:
            CacheMissError: if not; ``why`` says why there is no answer.
        """
        options = current()
        if options.on_miss == "raise":
            raise CacheMissError(None, None, why or _reason(FAILED, options))

    async def lookup(self, side: Side, prompt: str, asked: Asked) -> list[Generation] | None:
        """Return the stored answer, or the one that another caller is getting right now, or None.

        Raises nothing of its own, unless ``on_miss="raise"``. After None, ``update`` or a failure
        of the call is expected.

        Raises:
            CacheMissError: there is no answer, and the model must not be asked.
        """
        request = self._request("lookup", side, prompt, asked)
        if request is not None and not isinstance(request, Request):
            request = await request
        if request is None:
            return self.without_answer("the request has no safe key (the log says why)")
        options = request.options
        found: NoAnswer = FAILED
        try:
            stored = self._agreement.stored
            if options.read:
                # Each caller looks first: one that finds an answer joins no flight.
                answer = await self._reader.look(request)
                if answer is None and self._reader.has_imports:
                    answer = await self._reader.look_among_imports(request)
                if isinstance(answer, list):
                    return answer
                found = answer
            if options.on_miss != "raise":
                return await self._missed(request, found, stored)
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            pass_on(error)
            self._gate.failed("lookup", error, request.key)
        if options.on_miss == "raise":
            self._reader.missed(request, found)
            raise CacheMissError(request.key.path, request.model, _reason(found, options))
        return None

    async def _missed(
        self, request: Request, found: NoAnswer, stored: object
    ) -> list[Generation] | None:
        """Return the answer of another request, or of another caller; None: the model is asked."""
        options = request.options
        if options.read:
            alike = await self._alike.look(request, found)
            if alike is not None:
                return alike
            if not options.write:
                self._reader.missed(request, found)
                return None
        else:
            self._observer.count("bypassed", request.key, reason="read=False")
        return await self._agreement.answer(request, found, stored)

    async def update(
        self,
        side: Side,
        prompt: str,
        asked: Asked,
        generations: Sequence[Generation],
        ttl: Ttl,
    ) -> None:
        """Store an answer, and give it to all who wait for it. Raises nothing of its own."""
        request = self._request("store", side, prompt, asked)
        if request is not None and not isinstance(request, Request):
            request = await request
        if request is None:
            return
        key = request.key
        if not request.options.write:
            self._observer.count("declined", key, reason="write=False")
            return
        asker = self._agreement.asked(request)
        flight = None
        try:
            seconds = None if asker is None else request.began - asker.began
            is_uncounted = self._reader.silent.is_uncounted(key.space, generations)
            entry, lifetime, new = await self._entry(
                request, generations, ttl, self._now(), seconds, is_uncounted=is_uncounted
            )
            flight = self._agreement.share(request, entry)
            self._reader.stored(key, entry, lifetime)
            reply = await self._gate.ask(
                "store", lambda: side.entries.put(key, entry, lifetime), key
            )
            self._agreement.stored = object()
            self._origins.note(key, generations)
            if self._note is not None:
                self._note(key, entry, UNSET)
            if reply is not FAILED:
                self._observer.stored(key, request.began, size=len(entry), new=new)
                await self._alike.learn(request, generations, lifetime)
                if asker is not None:
                    asker.lease = None  # overwritten by the answer
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            pass_on(error)
            self._not_stored(key, error)
        finally:
            self._agreement.end(side, asker, flight)

    def _not_stored(self, key: Key, error: Exception) -> None:
        if isinstance(error, Declined):
            self._observer.count("declined", key)
        elif isinstance(error, NotStorableError):
            self._observer.trouble("refused", f"answer not stored: {error}", key=key)
        else:
            self._gate.failed("store", error, key)

    async def take_over(
        self, side: Side, answer: ForeignAnswer, ttl: Ttl, *, dry_run: bool
    ) -> TakenOver:
        """Store the answer of another cache, unless there is one already, or only tell (``dry_run``).

        Raises:
            StoreError: if the store could not do it.
        """
        if answer.generations is None:
            return "unreadable"
        options, model = current(), None
        namespace = self._keys.namespace(options)
        try:
            if answer.llm_string is None:
                key = key_of_hashed(self._keys, namespace, answer.prompt)
                self._reader.has_imports |= not dry_run
            else:
                key, model = self._keys.key(namespace, answer.prompt, Asked(answer.llm_string))
            request = Request()
            request.side, request.key = side, key
            request.model, request.options = model, options
            # It is not known when it was given: so it is too old for any ``max_age``.
            entry, lifetime, _ = await self._entry(request, answer.generations, ttl, UNKNOWN_AGE)
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

    async def _entry(
        self,
        request: Request,
        generations: Sequence[Generation],
        ttl: Ttl,
        created: float,
        seconds: float | None = None,
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
                created=created,
                seconds=seconds,
                key=request.key,
                is_uncounted=is_uncounted,
                is_large=is_large,
            )
            return encoded, flaw_of(generations)

        entry, flaw = await request.side.caller.compute(encode) if is_large else encode()
        new = NewEntry(
            request.model,
            (*self._settings.namespace_parts, *request.options.namespace),
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

    def _request(
        self, action: str, side: Side, prompt: str, asked: Asked
    ) -> Request | Awaitable[Request | None] | None:
        """Return what is asked, or None if it has no safe key; later, if the prompt is large."""
        request = Request()
        request.began = self._monotonic()
        request.side = side
        request.prompt = prompt
        request.asked = asked
        request.options = current()
        # The model is read before anything is awaited: it may be changed then.
        if self._keys.takes_long(prompt, asked):
            return side.caller.compute(partial(self._with_key, action, request))
        return self._with_key(action, request)

    def _with_key(self, action: str, request: Request) -> Request | None:
        try:
            namespace = self._keys.namespace(request.options)
            request.key, request.model = self._keys.key(namespace, request.prompt, request.asked)
        except Uncacheable as reason:
            pass_on(reason)
            self._observer.trouble("uncacheable", f"request not cached: {reason}")
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            pass_on(error)
            self._gate.failed(action, error)
        else:
            return request
        return None
