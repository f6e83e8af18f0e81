"""What ``LLMCache.stats()`` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from langchain_llmcache._insight.display import as_html, in_a_line
from langchain_llmcache._insight.latency import Latency
from langchain_llmcache._insight.savings import ModelStats
from langchain_llmcache.events import State

_NO_LATENCY: Final = Latency()


@dataclass(frozen=True, repr=False)
class CacheStats:
    """What one cache object did in this process since it was made.

    Attributes:
        hits: Lookups answered from the store.
        misses: Lookups that found nothing (errors and corrupt entries are counted apart).
        stale: Those of the misses that found an answer, but one older than ``max_age``.
        waits: Lookups that waited for another caller's answer; each is a hit or a miss too.
        bypassed: Calls that did not look up at all (``read=False``).
        stores: Answers stored.
        uncacheable: Requests without a safe key, neither looked up nor stored.
        declined: Answers not stored because they are flawed (``NewEntry.flaw``), or because
            ``should_store`` or ``write=False`` said so.
        refused: Answers not stored because they would not come back as they are, are too
            large, or because ``should_store``, ``redact`` or a function for ``ttl`` failed.
        corrupt: Entries that could not be read; each was a miss and was removed.
        denied: Operations that the server refused (no permission, no memory, a replica); each
            was a miss or a lost store.
        errors: Operations in which the store failed; each was a miss or a lost store.
        shed: Operations given up because too many were under way at once: the store answered, but
            not to these in time; each was a miss or a lost store.
        skipped: Operations not tried because the breaker was open; each was a miss or a lost store.
        healed: Entries removed because a parser had refused their answers.
        breaker: State of the breaker: ``closed`` (all is well), ``open`` or ``half-open``.
        input_tokens_saved: Input tokens of the hits, as the model counted them.
        output_tokens_saved: Output tokens of the hits.
        seconds_saved: Seconds that the model took for the answers of the hits.
        money_saved: What those tokens cost, by ``prices``.
        unpriced_hits: Hits of models that ``prices`` does not have.
        bytes_read: Size of the entries of the hits.
        bytes_written: Size of the entries stored.
        hit_latency: How long the latest lookups took that were hits, waiting included.
        miss_latency: How long the latest lookups took that were misses, waiting included.
        store_latency: How long the latest stores took.
        models: What the hits of each model saved, by its name ("-" where none is told).
        dropped_events: Events that listeners were too slow for.
        similar: What matching of near-identical prompts did, a ``SimilarStats``; None: it is off.
        evictions: Entries that the bounds of ``memory://`` pushed out before they expired. (What
            a server evicts, it tells itself: ``evicted_keys`` of INFO.)
    """

    hits: int = 0
    misses: int = 0
    stale: int = 0
    waits: int = 0
    bypassed: int = 0
    stores: int = 0
    uncacheable: int = 0
    declined: int = 0
    refused: int = 0
    corrupt: int = 0
    denied: int = 0
    errors: int = 0
    shed: int = 0
    skipped: int = 0
    healed: int = 0
    breaker: State = "closed"
    input_tokens_saved: int = 0
    output_tokens_saved: int = 0
    seconds_saved: float = 0.0
    money_saved: float = 0.0
    unpriced_hits: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    hit_latency: Latency = _NO_LATENCY
    miss_latency: Latency = _NO_LATENCY
    store_latency: Latency = _NO_LATENCY
    models: Mapping[str, ModelStats] = field(default_factory=dict)
    dropped_events: int = 0
    evictions: int = 0
    similar: Any = None

    @property
    def lookups(self) -> int:
        """Lookups of any outcome, without the uncacheable ones."""
        return self.hits + self.misses + self.corrupt

    @property
    def hit_ratio(self) -> float:
        """Share of the lookups that were hits, 0 to 1; 0 if there were none."""
        return self.hits / self.lookups if self.lookups else 0.0

    @property
    def tokens_saved(self) -> int:
        """Input and output tokens of the hits."""
        return self.input_tokens_saved + self.output_tokens_saved

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain data: for JSON, logs, and data frames.

        The ratios and sums are in it too; latencies and models are dictionaries.
        """
        return {
            "hit_ratio": self.hit_ratio,
            "lookups": self.lookups,
            "tokens_saved": self.tokens_saved,
            **asdict(self),
        }

    def __repr__(self) -> str:
        return in_a_line(self)

    def _repr_html_(self) -> str:
        """Return it as Jupyter shows it."""
        return as_html(self)
