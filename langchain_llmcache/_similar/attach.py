"""Matching for one cache: its two sides, over the index that goes with the cache's store."""

from __future__ import annotations

import asyncio
import base64
import random
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from langchain_core.outputs import Generation

from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._answer.seal import Seal
from langchain_llmcache._flow.ports import Match, Question, run
from langchain_llmcache._signals import pass_on
from langchain_llmcache._similar.embedding import (
    AsyncEmbedder,
    BlockingEmbedder,
    Embedder,
    within,
)
from langchain_llmcache._similar.index import Found, Index, Item
from langchain_llmcache._similar.matcher import Load, Matching, Memory
from langchain_llmcache._similar.memory import MemoryIndex
from langchain_llmcache._similar.question import asks_for_more_than_text, question_of
from langchain_llmcache._threads import Threads
from langchain_llmcache.similar import Similar, SimilarStats

T = TypeVar("T")

_RANDOM: Final = random.SystemRandom()
# Answers that are taken in at once by threads of their own; more are left out.
_AT_ONCE: Final = 16


@dataclass
class Attached:
    """Matching for both kinds of callers.

    Attributes:
        blocking: For threads.
        asynchronous: For event loops.
        stats: Returns what happened.
    """

    blocking: BlockingMatcher
    asynchronous: AsyncMatcher
    stats: Callable[[], SimilarStats]


def attach(
    similar: Similar,
    *,
    blocking: object,
    asynchronous: object,
    prefix: str,
    file: str | None,
    secret: bytes,
    redact: Callable[[str], str] | None,
    seal: Seal | None,
    told: Callable[[str, Question], None],
) -> Attached:
    """Return matching for a cache.

    Args:
        similar: What the user wants.
        blocking: The entries of the sync side.
        asynchronous: Those of the other side.
        prefix: What all keys in it begin with.
        file: The SQLite file that holds the entries, if it is one.
        secret: Makes digests of words HMACs.
        redact: Is applied to questions that are kept.
        seal: Seals them.
        told: Is told of outcomes.
    """
    memory = Memory(
        similar,
        secret,
        _Texts(redact, seal) if similar.keep_questions else None,
        draw=_RANDOM.random,
        monotonic=time.monotonic,
        told=told,
    )
    threads = Threads("llmcache-questions")
    here, there = _indexes(blocking, asynchronous, prefix, file)
    seconds = similar.timeout

    async def judge_here(call: Callable[[], Any]) -> Any:
        return within(seconds, call)

    async def judge_there(call: Callable[[], Any]) -> Any:
        return await threads.call(call, seconds)

    one: Embedder = BlockingEmbedder(similar.embeddings, seconds)
    other: Embedder = AsyncEmbedder(similar.embeddings, seconds)
    return Attached(
        BlockingMatcher(similar, Matching(memory, here, one, judge_here), here),
        AsyncMatcher(similar, Matching(memory, there, other, judge_there), there),
        memory.stats,
    )


def _indexes(
    blocking: Any, asynchronous: Any, prefix: str, file: str | None
) -> tuple[Index, Index]:
    if hasattr(blocking, "router"):
        from langchain_llmcache._similar.valkey import ValkeyIndex

        return (
            ValkeyIndex(blocking.router, blocking.prefix),
            ValkeyIndex(asynchronous.router, asynchronous.prefix),
        )
    if file is not None:
        from langchain_llmcache._similar.sqlite import SqliteIndex

        of_file = SqliteIndex(file, prefix, timeout=5.0)
        return of_file, InThreads(of_file)
    in_process = MemoryIndex()
    return in_process, in_process


class InThreads:
    """A blocking index, for event loops."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._searching = Threads("llmcache-questions")
        # Apart, and one: writers wait for each other, and searches for none of them.
        self._writing = Threads("llmcache-questions", 1)

    async def add(self, item: Item, milliseconds: int | None) -> None:
        await self._write(lambda: self._index.add(item, milliseconds))

    async def nearest(self, kin: str, vector: bytes, count: int) -> list[Found]:
        return await self._read(lambda: self._index.nearest(kin, vector, count))

    async def audited(self, path: str, scope: str, similarity: float, *, agreed: bool) -> None:
        await self._write(lambda: self._index.audited(path, scope, similarity, agreed=agreed))

    async def outcomes(self, scope: str) -> str:
        return await self._read(lambda: self._index.outcomes(scope))

    async def drop(self, path: str) -> None:
        await self._write(lambda: self._index.drop(path))

    async def remove(self, covers: Callable[[str], bool], start: str) -> None:
        await self._write(lambda: self._index.remove(covers, start))

    async def _read(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await self._searching.call(lambda: run(operation()), None)

    async def _write(self, operation: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._writing.call(lambda: run(operation()), None)


class _Texts:
    """Questions that are kept: redacted, and sealed where entries are."""

    def __init__(self, redact: Callable[[str], str] | None, seal: Seal | None) -> None:
        self._redact = redact
        self._seal = seal

    def stored(self, text: str) -> str:
        """Return a question as it is stored."""
        if self._redact is not None:
            text = self._redact(text)
        if self._seal is None:
            return text
        return base64.b64encode(self._seal.wrap(text.encode("utf-8", "surrogatepass"))).decode()

    def read(self, stored: str) -> str | None:
        """Return a stored question; None if it is not ours."""
        if self._seal is None:
            return stored
        try:
            text = self._seal.unwrap(base64.b64decode(stored, validate=True))
        except (CorruptEntryError, ValueError) as error:
            pass_on(error)
            return None
        return text.decode("utf-8", "surrogatepass")


class _Matcher:
    def __init__(self, similar: Similar, matching: Matching, index: Index) -> None:
        self._similar = similar
        self._matching = matching
        self._index = index

    def split(self, prompt: str, llm_string: str) -> tuple[str, str] | None:
        if not self._similar.tools and asks_for_more_than_text(llm_string):
            return None
        return question_of(prompt)

    async def find(self, question: Question) -> Match | None:
        return await self._matching.find(question)

    async def drop(self, path: str) -> None:
        await self._index.drop(path)

    async def remove(self, covers: Callable[[str], bool], start: str) -> None:
        await self._index.remove(covers, start)


class BlockingMatcher(_Matcher):
    """For threads: what is learned is learned in a thread of its own."""

    def __init__(self, similar: Similar, matching: Matching, index: Index) -> None:
        super().__init__(similar, matching, index)
        self._free = threading.BoundedSemaphore(_AT_ONCE)

    async def learn(
        self,
        question: Question,
        generations: Sequence[Generation],
        lifetime: int | None,
        load: Load,
    ) -> None:
        if not self._free.acquire(blocking=False):
            return

        def work() -> None:
            try:
                run(self._matching.learn(question, generations, lifetime, load))
            finally:
                self._free.release()

        threading.Thread(target=work, name="llmcache-similar", daemon=True).start()


class AsyncMatcher(_Matcher):
    """For event loops: what is learned is learned in a task of its own."""

    def __init__(self, similar: Similar, matching: Matching, index: Index) -> None:
        super().__init__(similar, matching, index)
        self._tasks: set[asyncio.Task[None]] = set()

    async def learn(
        self,
        question: Question,
        generations: Sequence[Generation],
        lifetime: int | None,
        load: Load,
    ) -> None:
        task = asyncio.get_running_loop().create_task(
            self._matching.learn(question, generations, lifetime, load)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
