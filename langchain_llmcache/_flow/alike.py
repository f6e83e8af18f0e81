"""Questions that mean the same (an option): their matcher says which, and their answers lie in the store."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import partial

from langchain_core.outputs import Generation

from langchain_llmcache._answer import hits
from langchain_llmcache._answer.codec import revive
from langchain_llmcache._answer.entries import LEASE
from langchain_llmcache._flow.gate import FAILED
from langchain_llmcache._flow.parts import NoAnswer, Parts, Request
from langchain_llmcache._flow.ports import Matcher, Question, Side
from langchain_llmcache._flow.reading import Reader
from langchain_llmcache._request.key import parse_path


class Alike:
    """Lets questions that mean the same share an answer.

    Args:
        parts: Of the cache.
        reader: Reads the answers that are given.
    """

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._keys = parts.keys
        self._codec = parts.codec
        self._reader = reader
        self._gate = parts.gate

    async def look(self, request: Request, found: NoAnswer) -> list[Generation] | None:
        """Return the stored answer to a question that means the same, in place of what was found."""
        matcher = request.side.matcher
        question = None if found is FAILED else self._question(matcher, request)
        match = None if matcher is None or question is None else await matcher.find(question)
        if matcher is None or match is None:
            return None
        key = parse_path(match.path)
        other = copy(request)
        other.key = key or request.key
        answer = None if key is None else await self._reader.look(other)
        if answer is None:  # evicted, or removed by something that knows no questions
            await self._gate.ask("lookup", partial(matcher.drop, match.path), request.key)
        if not isinstance(answer, list):
            return None
        hits.mark_similarity(answer, match.similarity)
        return answer

    async def learn(
        self, request: Request, generations: Sequence[Generation], lifetime: int | None
    ) -> None:
        """Have the matcher take in the answer that was just stored for so many milliseconds."""
        matcher = request.side.matcher
        question = self._question(matcher, request)
        if matcher is not None and question is not None:
            load = partial(self._stored_at, request.side)
            await matcher.learn(question, generations, lifetime, load)

    def _question(self, matcher: Matcher | None, request: Request) -> Question | None:
        """Return the question of a request, if it has one that others may share."""
        asked, key = request.asked, request.key
        parts = None if matcher is None else matcher.split(request.prompt, asked.llm_string)
        if parts is None:
            return None
        text, rest = parts
        around = self._keys.key(key.space[:-1], rest, asked)[0]
        return Question(key.path, "/".join(key.space), around.digest, text)

    async def _stored_at(self, side: Side, path: str) -> Sequence[Generation] | None:
        """Return the answer that is stored at a path, without counting a hit."""
        key = parse_path(path)
        entry = None if key is None else await self._gate.read(side.entries, key)
        if key is None or not isinstance(entry, bytes) or entry.startswith(LEASE):
            return None
        return [revive(fields) for fields in self._codec.decode(entry, key=key).generations]
