"""Answers as they lie in the store, or in a copy in this process: read, counted, told of.

Rule of this file: an entry that cannot be read is removed, and then there is none.
"""

from __future__ import annotations

from functools import partial

from langchain_core.outputs import Generation

from langchain_llmcache._answer.answers import ROOM, Answers, Opened
from langchain_llmcache._answer.entries import LEASE, CorruptEntryError
from langchain_llmcache._flow.gate import FAILED, Failed
from langchain_llmcache._flow.near import NearCopies
from langchain_llmcache._flow.parts import NoAnswer, Parts, Request
from langchain_llmcache._flow.ports import Side
from langchain_llmcache._insight.errors import describe
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.hashed import hashed_names, key_of_hashed
from langchain_llmcache._request.key import Key, Scope
from langchain_llmcache._request.llm_strings import Uncacheable
from langchain_llmcache._request.streams import SilentModels
from langchain_llmcache._signals import pass_on


class Reader:
    """Reads entries.

    Args:
        parts: Of the cache.
    """

    def __init__(self, parts: Parts) -> None:
        codec, near = parts.codec, parts.settings.near
        room = ROOM if near is None else near.max_bytes
        self._answers = Answers(codec, parts.settings.hit_usage, room)
        self._near = None if near is None else NearCopies(near, parts.monotonic)
        self._keys = parts.keys
        self._codec = codec
        self._observer = parts.gate.observer
        self._gate = parts.gate
        self._now = parts.now
        self._note = parts.note
        self.silent = SilentModels()
        # Whether the store may hold answers of caches that keep hashes of requests only.
        self.has_imports = parts.settings.imported

    async def look(self, request: Request) -> list[Generation] | NoAnswer:
        """Return the answer in a copy of the entry, or in the store, or what is there instead."""
        key = request.key
        copy = None if self._near is None else self._near.get(key)
        if copy is not None:
            answer = await self.answer(request, copy, is_copy=True)
            if isinstance(answer, list):
                return answer
        entry = await self._gate.read(request.side.entries, key)
        if isinstance(entry, bytes) and not entry.startswith(LEASE):
            answer = await self.answer(request, entry)
            return entry if answer is None else answer
        if isinstance(entry, CorruptEntryError):
            return await self._discard(request.side, key, entry)
        return entry

    async def look_among_imports(self, request: Request) -> list[Generation] | None:
        """Return the answer that another cache gave to this request, known there by a hash only."""
        llm_string, namespace = request.asked.llm_string, request.key.space[:-1]
        try:
            # The other cache knew no more of the model than this text: it has to be enough.
            if self._keys.key(namespace, request.prompt, Asked(llm_string))[0] != request.key:
                return None
        except Uncacheable as error:
            pass_on(error)
            return None
        for name in hashed_names(request.prompt, llm_string):
            where = key_of_hashed(self._keys, namespace, name)
            entry = await self.find(request.side, where)
            if isinstance(entry, bytes):
                answer = await self.answer(request, entry, where)
                if isinstance(answer, list):
                    return answer
        return None

    async def find(self, side: Side, key: Key) -> NoAnswer:
        """Return what the store holds under the key, an answer or not, as it lies there."""
        entry = await self._gate.read(side.entries, key)
        if isinstance(entry, CorruptEntryError):
            return await self._discard(side, key, entry)
        return entry

    async def answer(
        self, request: Request, entry: bytes, where: Key | None = None, *, is_copy: bool = False
    ) -> list[Generation] | Failed | None:
        """Return the answer in an entry.

        Args:
            request: What is asked.
            entry: The entry.
            where: Its own key, if it is another one than that of the request.
            is_copy: Whether it comes from the near cache: it is not kept for another while then.

        Returns:
            None if it is too old for this caller, or came as a stream and does not tell its
            usage to an ``invoke``; ``FAILED`` if there is none in it.
        """
        key, options = request.key, request.options
        if self._codec.takes_long(entry):
            read = partial(self._read, key, entry, options.max_age, where)
            found = await request.side.caller.compute(read)
        else:
            found = self._read(key, entry, options.max_age, where)
        if isinstance(found, Exception):
            return await self._discard(request.side, where or key, found)
        if found is None:
            return None
        opened, answer = found
        stored, replays = opened.stored, options.on_miss == "raise"
        if stored.is_uncounted and not replays and not self.silent.suits(key.space):
            return None
        if where is None and not is_copy and self._near is not None:
            self._near.found(key, entry, request.began)
        self._observer.hit(key, request.began, len(entry), stored, opened.tokens)
        above = request.asked.above
        # (A replay has nothing but what is stored: a refused parse must not remove it.)
        is_noted = above is not None and where is None and options.write and not replays
        if is_noted and self._note is not None:
            self._note(key, entry, above)
        return answer

    def missed(self, request: Request, found: NoAnswer) -> None:
        """Count a miss, unless what went wrong is counted already."""
        if found is not FAILED:
            stale = found is not None and not found.startswith(LEASE)
            self._observer.missed(request.key, request.began, stale=stale)

    def stored(self, key: Key, entry: bytes, lifetime: int | None) -> None:
        """Keep a copy of what goes to the store for ``lifetime`` milliseconds."""
        if self._near is not None:
            self._near.stored(key, entry, lifetime)

    def forget(self, key: Key) -> None:
        """Let go of the copies of an entry."""
        self._answers.forget(key)
        if self._near is not None:
            self._near.forget(lambda near: near.path == key.path)

    def forget_all(self, scope: Scope) -> None:
        """Let go of the copies of all entries of a scope, at least."""
        self._answers.forget()
        if self._near is not None:
            self._near.forget(lambda near: scope.covers(near.space))

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

    async def _discard(self, side: Side, key: Key, error: Exception) -> Failed:
        self._observer.trouble(
            "corrupt", f"unreadable entry removed, treated as a miss: {describe(error)}", key=key
        )
        self.forget(key)
        await self._gate.ask("delete", lambda: side.entries.delete(key), key)
        return FAILED
