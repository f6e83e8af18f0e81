"""Near-identical prompts: ``LLMCache(..., similar=Similar(embeddings))``. Off by default.

An exact cache answers equal requests. This adds answers to questions that mean the same, where
that can be told with care: everything but the last human message has to be equal, a gate looks
for what embeddings do not see (numbers, names, negations, opposites, order), and a share of
the matches is checked against the model all the time. When in doubt, the model is asked.

Needs the extra ``[near]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.outputs import Generation

from langchain_llmcache._checks import (
    checked_count,
    checked_flag,
    checked_number,
    checked_seconds,
    kind_of,
)
from langchain_llmcache._similar.language import ENGLISH, Language
from langchain_llmcache.errors import ConfigurationError

__all__ = ["ENGLISH", "Language", "Similar", "SimilarStats"]


@dataclass(frozen=True)
class SimilarStats:
    """What matching did in this process, and what the store knows of its errors.

    Attributes:
        candidates: Questions that were near enough to be looked at.
        refused: Those that the gate refused, by reason.
        served: Matches that were served.
        audited: Would-be matches for which the model was asked too, and the answers compared.
        refuted: Those of them whose answers did not agree.
        failed: Questions without an embedding or a reply of the index.
        serving: Whether matches are served, in the scope of the latest audit.
        error: The observed share of wrong matches there.
        error_interval: What it is with 95 % certainty each: at least, at most.
    """

    candidates: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    served: int = 0
    audited: int = 0
    refuted: int = 0
    failed: int = 0
    serving: bool = True
    error: float = 0.0
    error_interval: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Similar:
    """How questions that mean the same share an answer.

    Args:
        embeddings: Any LangChain ``Embeddings``. Questions are embedded with
            ``embed_documents``, those of one event loop turn together.
        min_similarity: Cosine from which on two questions may match at all.
        audit: Share of would-be matches (0 to 1) for which the model is asked all the same, and
            the two answers are compared in the background.
        first_audits: How many audits an answer has to pass before it is served at all.
        max_error: Share of wrong matches that is tolerated. When the audits show with 95 % certainty
            that there are more, no match is served until they show otherwise.
        same: Has the last word on two questions, given the new one and the stored one: an NLI
            model, or a model as a judge. It is asked at most once for each candidate, and may also
            let words differ that the gate does not know. Needs ``keep_questions``.
        agree: Tells whether two answers say the same, given the stored one and the model's. By
            default equal text, else near embeddings without a contradiction that the gate sees.
        language: The gate's tables of words.
        tools: Whether requests with tools, structured output or several answers match too.
        keep_questions: Whether questions are stored as text, after ``redact``, and sealed where
            entries are. Otherwise embeddings are stored, and digests of words.
        candidates: Nearest questions that are looked at.
        timeout: Seconds that the embedder may take; a slow one is a miss.

    Raises:
        ConfigurationError: (a ``ValueError``) an argument is wrong, or the extra is missing.
    """

    embeddings: Embeddings
    _: KW_ONLY
    min_similarity: float = 0.9
    audit: float = 0.1
    first_audits: int = 1
    max_error: float = 0.02
    same: Callable[[str, str], bool] | None = None
    agree: Callable[[Generation, Generation], bool] | None = None
    language: Language = ENGLISH
    tools: bool = False
    keep_questions: bool = False
    candidates: int = 8
    timeout: float = 1.0

    def __post_init__(self) -> None:
        given: Any = self
        for name, kind, wanted in (
            ("embeddings", Embeddings, "an Embeddings of LangChain"),
            ("language", Language, "a Language"),
        ):
            value = getattr(given, name)
            if not isinstance(value, kind):
                msg = f"{name} is {kind_of(value)}; expected {wanted}"
                raise ConfigurationError(msg)
        for name in ("min_similarity", "audit", "max_error"):
            checked_number(name, getattr(given, name), least=0, most=1)
        checked_number("first_audits", self.first_audits, least=0)
        checked_count("candidates", self.candidates)
        checked_seconds("timeout", self.timeout)
        for name in ("tools", "keep_questions"):
            checked_flag(name, getattr(given, name))
        for name in ("same", "agree"):
            value = getattr(given, name)
            if value is not None and not callable(value):
                raise ConfigurationError(f"{name} is {value!r}; expected a function, or None")
        if self.same is not None and not self.keep_questions:
            msg = "same= compares texts: it needs keep_questions=True, which stores them"
            raise ConfigurationError(msg)

    def attach(self, **cache: Any) -> Any:
        """Return matching for one cache, which calls this."""
        from langchain_llmcache._similar.attach import attach

        return attach(self, **cache)
