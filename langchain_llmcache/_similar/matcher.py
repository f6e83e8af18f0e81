"""From a question to the stored answer of another one, or to None: every decision of matching.

Rules of this file: when in doubt there is no match; nothing of a question is logged; what the
embedder, the index or a user's function raises is a miss that is counted.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from langchain_core.outputs import Generation

from langchain_llmcache._flow.breaker import Breaker
from langchain_llmcache._flow.ports import Match, Question
from langchain_llmcache._insight.errors import remedy_for, sentence
from langchain_llmcache._signals import pass_on
from langchain_llmcache._similar.embedding import Embedder, EmbeddingFailedError, cosine
from langchain_llmcache._similar.evidence import REFUTED, ObservedError, may_serve
from langchain_llmcache._similar.index import Found, Index, Item, NoSearchError
from langchain_llmcache._similar.question import is_more_than_text
from langchain_llmcache._similar.texts import LONGEST, Signature, refusal, signature
from langchain_llmcache.similar import Similar, SimilarStats

_LOG = logging.getLogger("langchain_llmcache")
# Questions whose answer is awaited, at most.
_AWAITED: Final = 4096
# Seconds for which the outcomes of other processes may be old.
_OUTCOMES_KEPT: Final = 1.0
# Cosine from which on two answers say the same, and words up to which the gate looks at them too.
_AGREE: Final = 0.85
_SHORT_ANSWER: Final = 40
# Seconds from which on a failure is one that a caller has waited for.
_SLOW: Final = 0.1
# What the gate does not know for sure; ``same=`` may decide it.
_DOUBTS: Final = frozenset({"words"})


class _Awaited(NamedTuple):
    """What a lookup found out, for the update that follows."""

    vector: bytes
    signature: Signature
    match: Match | None  # to be audited


class Texts(Protocol):
    """How questions are kept as text."""

    def stored(self, text: str) -> str:
        """Return a question as it is stored."""

    def read(self, stored: str) -> str | None:
        """Return a stored question; None if it is not ours."""


class Memory:
    """What the two sides of one cache know together.

    Args:
        similar: The user's settings.
        secret: Makes digests of words HMACs.
        texts: Stores and reads questions, if they are kept.
        draw: Returns a number from 0 to 1.
        monotonic: Seconds that never go back.
        told: Is told what happened to a question: the reason, and where.
    """

    def __init__(
        self,
        similar: Similar,
        secret: bytes,
        texts: Texts | None,
        *,
        draw: Callable[[], float],
        monotonic: Callable[[], float],
        told: Callable[[str, Question], None],
    ) -> None:
        self.similar = similar
        self.texts = texts
        self.draw = draw
        self.monotonic = monotonic
        self.told = told
        # The store's own breaker hears nothing of searches: it may serve exact hits all the while.
        self.breaker = Breaker(monotonic=monotonic, changed=lambda _: None, draw=draw)
        self._secret = secret
        self._lock = threading.RLock()
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._awaited: OrderedDict[str, _Awaited] = OrderedDict()
        self._outcomes: dict[str, tuple[float, str]] = {}
        self._serving: dict[str, bool] = {}
        self._latest: ObservedError = ObservedError(0, 0)
        self._said: set[str] = set()

    def signature(self, text: str) -> Signature:
        """Return what decides what a text asks."""
        return signature(text, self.similar.language, self._secret)

    def count(self, what: str, asked: Question, reason: str | None = None) -> None:
        """Count an outcome."""
        with self._lock:
            if what == "refused" and reason is not None:
                self._refused[reason] += 1
            else:
                self._counts[what] += 1
        self.told(what if reason is None else f"{what}: {reason}", asked)

    def failed(self, asked: Question, error: Exception) -> None:
        """Count a question that could not be matched, and log each reason once."""
        reason = _name(error)
        self.count("failed", asked, reason)
        with self._lock:
            if reason in self._said:
                return
            self._said.add(reason)
        _LOG.warning(
            "near-identical prompts: a question could not be matched, exact matching goes on: %s. "
            "%s (each reason is logged once; stats().similar.failed counts)",
            reason,
            sentence(remedy_for(error) or _what_to_do(error)),
        )

    def expect(self, asked: Question, awaited: _Awaited) -> None:
        """Keep what a lookup found out until the answer is there."""
        with self._lock:
            self._awaited[asked.path] = awaited
            while len(self._awaited) > _AWAITED:
                self._awaited.popitem(last=False)

    def expected(self, asked: Question) -> _Awaited | None:
        """Return what the lookup before this update found out."""
        with self._lock:
            return self._awaited.pop(asked.path, None)

    def outcomes_known(self, scope: str) -> str | None:
        """Return the outcomes of a scope, if they are known well enough."""
        with self._lock:
            known = self._outcomes.get(scope)
        return None if known is None or known[0] < self.monotonic() else known[1]

    def note_outcomes(self, scope: str, outcomes: str) -> bool:
        """Take in what the store says, and tell whether matches may be served."""
        serving = serves(outcomes, self.similar.max_error)
        with self._lock:
            self._outcomes[scope] = (self.monotonic() + _OUTCOMES_KEPT, outcomes)
            before = self._serving.get(scope, True)
            self._serving[scope] = serving
            error = self._latest = ObservedError.of(outcomes)
        if before is not serving:
            _LOG.warning(
                "near-identical prompts: matching %s (%d of the latest %d audited matches were "
                "wrong; max_error is %g)",
                "goes on" if serving else "stops until audits agree again",
                error.refuted,
                error.audited,
                self.similar.max_error,
            )
        return serving

    def forget_outcomes(self, scope: str) -> None:
        """Forget the outcomes read so far, because this process has just added to them."""
        with self._lock:
            self._outcomes.pop(scope, None)

    def stats(self) -> SimilarStats:
        """Return what happened so far."""
        with self._lock:
            counts, error = self._counts, self._latest
            return SimilarStats(
                candidates=counts["candidates"],
                refused=dict(self._refused),
                served=counts["served"],
                audited=counts["audited"],
                refuted=counts["refuted"],
                failed=counts["failed"],
                serving=all(self._serving.values()),
                error=error.share,
                error_interval=error.interval,
            )


@lru_cache(maxsize=256)
def serves(outcomes: str, max_error: float) -> bool:
    """Tell whether matches may be served after these outcomes, oldest first."""
    serving, refuted = True, 0
    for audited, outcome in enumerate(outcomes, start=1):
        refuted += outcome == REFUTED
        serving = may_serve(ObservedError(audited, refuted), max_error, serving=serving)
    return serving


Load = Callable[[str], Awaitable[Sequence[Generation] | None]]


class Matching:
    """Matching, for one kind of caller.

    Args:
        memory: What both kinds know.
        index: Where questions lie.
        embedder: Makes vectors.
        judge: Calls the user's ``same`` under its deadline.
    """

    def __init__(
        self,
        memory: Memory,
        index: Index,
        embedder: Embedder,
        judge: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> None:
        self._memory = memory
        self._index = index
        self._embedder = embedder
        self._judge = judge

    async def find(self, asked: Question) -> Match | None:
        """Return a match to serve, or None: the model is to be asked. Never raises."""
        memory = self._memory
        if len(asked.text) > LONGEST:
            return None
        if not memory.breaker.allows():
            memory.count("failed", asked, "too slow, lately")
            return None
        began = memory.monotonic()
        try:
            vector = await self._embedder.embed(asked.text)
            own = memory.signature(asked.text)
            found = await self._index.nearest(self._kin(asked), vector, memory.similar.candidates)
            match = await self._best(asked, own, found)
            serve = match is not None and await self._may_serve(asked, match)
        except Exception as error:  # noqa: BLE001 - matching is never in the way
            pass_on(error)
            memory.failed(asked, error)
            if memory.monotonic() - began < _SLOW:
                memory.breaker.succeeded()
            else:
                memory.breaker.failed()
            return None
        memory.breaker.succeeded()
        if match is not None and serve:
            memory.count("served", asked)
            return Match(match.path, match.similarity)
        to_audit = None if match is None else Match(match.path, match.similarity)
        memory.expect(asked, _Awaited(vector, own, to_audit))
        return None

    async def learn(
        self, asked: Question, generations: Sequence[Generation], lifetime: int | None, load: Load
    ) -> None:
        """Keep the question of an answer that was just stored, and audit the match it had.

        Never raises.

        Args:
            asked: The question.
            generations: The model's answer.
            lifetime: Milliseconds for which the answer is stored; None: forever.
            load: Returns the stored answer of another question.
        """
        memory = self._memory
        try:
            awaited = memory.expected(asked)
            if is_more_than_text(generations) and not memory.similar.tools:
                return
            if len(asked.text) > LONGEST:
                return
            if awaited is None:
                vector = await self._embedder.embed(asked.text)
                awaited = _Awaited(vector, memory.signature(asked.text), None)
            if awaited.match is not None:
                await self._audit(asked, awaited.match, generations, load)
            text = None if memory.texts is None else memory.texts.stored(asked.text)
            item = Item(
                asked.path, asked.scope, self._kin(asked), awaited.vector, awaited.signature, text
            )
            await self._index.add(item, lifetime)
        except Exception as error:  # noqa: BLE001 - likewise
            pass_on(error)
            memory.failed(asked, error)

    def _kin(self, asked: Question) -> str:
        """Return what questions that may match have in common: all else, and their embedder."""
        embeddings: Any = self._memory.similar.embeddings
        names = (getattr(embeddings, field, "") for field in ("model", "model_name", "model_id"))
        said = [type(embeddings).__qualname__, *(name for name in names if isinstance(name, str))]
        return hashlib.sha256("\n".join([asked.scope, asked.rest, *said]).encode()).hexdigest()[:32]

    async def _best(self, asked: Question, own: Signature, found: Sequence[Found]) -> Found | None:
        """Return the nearest question that may share its answer."""
        memory = self._memory
        for candidate in found:
            # (Not "<": a forged similarity may be no number.)
            if not candidate.similarity >= memory.similar.min_similarity:
                break
            # (Nor is an answer of another namespace or model, whatever a forged row says.)
            if candidate.path == asked.path or _space(candidate) != _space(asked):
                continue
            memory.count("candidates", asked)
            reason: str | None = refusal(own, candidate.signature)
            if reason is None or reason in _DOUBTS:
                reason = await self._judged(asked, candidate, reason)
            if reason is None and candidate.similarity <= (candidate.refuted or -1.0):
                reason = "refuted"
            if reason is None:
                return candidate
            memory.count("refused", asked, reason)
        return None

    async def _judged(self, asked: Question, candidate: Found, reason: str | None) -> str | None:
        """Return the reason for a refusal once ``same`` was asked."""
        same = self._memory.similar.same
        if same is None:
            return reason
        texts = self._memory.texts
        kept = None if texts is None else candidate.text
        stored = None if kept is None or texts is None else texts.read(kept)
        if stored is None:
            return reason or "same"
        return None if await self._judge(lambda: same(asked.text, stored)) is True else "same"

    async def _may_serve(self, asked: Question, match: Found) -> bool:
        """Tell whether a match is served; otherwise the model is asked, and the match audited."""
        memory = self._memory
        outcomes = memory.outcomes_known(asked.scope)
        if outcomes is None:
            outcomes = await self._index.outcomes(asked.scope)
        if not memory.note_outcomes(asked.scope, outcomes):
            memory.count("refused", asked, "stopped")
            return False
        return match.audits >= memory.similar.first_audits and memory.draw() >= memory.similar.audit

    async def _audit(
        self, asked: Question, match: Match, generations: Sequence[Generation], load: Load
    ) -> None:
        """Compare the answer that would have been served with the model's own."""
        memory = self._memory
        stored = await load(match.path)
        if not stored:
            return
        agreed = await self._agree(stored[0], generations[0])
        memory.count("audited", asked)
        if not agreed:
            memory.count("refuted", asked)
        await self._index.audited(match.path, asked.scope, match.similarity, agreed=agreed)
        memory.forget_outcomes(asked.scope)
        memory.note_outcomes(asked.scope, await self._index.outcomes(asked.scope))

    async def _agree(self, stored: Generation, fresh: Generation) -> bool:
        """Tell whether two answers say the same."""
        agree = self._memory.similar.agree
        if agree is not None:
            return await self._judge(lambda: agree(stored, fresh)) is True
        left, right = stored.text.split(), fresh.text.split()
        if [word.casefold() for word in left] == [word.casefold() for word in right]:
            return True
        if not left or not right:
            return False
        if len(left) <= _SHORT_ANSWER and len(right) <= _SHORT_ANSWER:
            one, other = map(self._memory.signature, (stored.text, fresh.text))
            if (one.numbers, one.negations) != (other.numbers, other.negations) or set(
                one.names
            ) != set(other.names):
                return False
        vectors = [await self._embedder.embed(" ".join(words)) for words in (left, right)]
        return cosine(*vectors) >= _AGREE


def _what_to_do(error: Exception) -> str:
    if isinstance(error, EmbeddingFailedError):
        return "See whether the embedder answers by itself, or give it more time: Similar(timeout=)"
    if isinstance(error, NoSearchError):
        return "Load the module into the server, or leave similar= out"
    return "`llmcache doctor` looks at the store and its search module"


def _name(error: Exception) -> str:
    # Our own says why, and no text; any other may repeat the question.
    is_ours = isinstance(error, (EmbeddingFailedError, NoSearchError))
    return str(error) if is_ours else type(error).__name__


def _space(place: Question | Found) -> str:
    """Return the namespace and the model of a key."""
    return place.path.rpartition("/")[0]
