"""What a cache did: counts, and log lines that are rare and say nothing confidential.

Never a prompt, an answer, an llm_string or a credential: of errors, only those of the wire
are quoted, because any other text may repeat what it was about.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import repeat
from typing import Any, Final

from langchain_llmcache._answer.entries import NewEntry, StoredEntry
from langchain_llmcache._flow.ports import Question
from langchain_llmcache._forks import new_lock
from langchain_llmcache._insight.errors import Advice, advice_for, describe, remedy_for, sentence
from langchain_llmcache._insight.latency import Latencies
from langchain_llmcache._insight.listeners import Listeners
from langchain_llmcache._insight.savings import Hit, Prices, Savings, money
from langchain_llmcache._insight.spans import mark_hit
from langchain_llmcache._insight.stats import CacheStats
from langchain_llmcache._request.key import Key, Scope, model_name, parse_path, plain_parts
from langchain_llmcache.events import CacheEvent, EventKind, State

_LOG = logging.getLogger("langchain_llmcache")
# Seconds between two lines about the same: trouble that may pass, and trouble that will not.
_LOG_INTERVAL: Final = 60.0
_ADVICE_INTERVAL: Final = 3600.0
# Kinds of trouble that are remembered; more than there are, unless a server invents them.
_KINDS: Final = 200
# Hits that wait to be summed up.
_PENDING: Final = 1000
# Hex digits of a key's digest in events.
_DIGEST_SHOWN: Final = 12


# What is counted, and the event that goes with it.
_KIND_OF: Final[dict[str, EventKind]] = {
    "misses": "miss",
    "waits": "wait",
    "bypassed": "bypass",
    "stores": "store",
    "uncacheable": "uncacheable",
    "declined": "declined",
    "refused": "refused",
    "corrupt": "corrupt",
    "denied": "denied",
    "errors": "error",
    "shed": "shed",
    "skipped": "skipped",
    "healed": "heal",
}


class Observer:
    """Counts outcomes, tells listeners, and logs each kind of trouble once in a while.

    Safe in any thread.

    Args:
        monotonic: Seconds that never go back.
        now: Unix seconds.
        listeners: Told every event; None: there are none, and no event is made.
        prices: Per model, what a million input tokens and a million output tokens cost.
        cache: Which cache this is, in log lines and events: its store and its namespace.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        now: Callable[[], float] = time.time,
        listeners: Listeners | None = None,
        prices: Prices | None = None,
        cache: str = "",
    ) -> None:
        self.cache = cache
        self._monotonic = monotonic
        self._now = now
        self._listeners = listeners
        self._prices: Prices = {} if prices is None else prices
        self._lock = new_lock()
        # (Hits and their bytes are counted by model.)
        self._counts = {"stale": 0, "bytes_written": 0, **dict.fromkeys(_KIND_OF, 0)}
        self._savings = Savings()
        self._pending: deque[Hit] = deque()
        self._hits, self._misses, self._stores = Latencies(), Latencies(), Latencies()
        self._breaker: State = "closed"
        self._breaker_logged: State = "closed"
        self._logged: dict[str, float] = {}

    # --- outcomes ---

    def hit(
        self, key: Key, began: float, size: int, entry: StoredEntry, tokens: tuple[int, int]
    ) -> None:
        """Count a hit of a lookup that began then, by ``monotonic``."""
        seconds = self._monotonic() - began
        self._hits.add(seconds)
        pending = self._pending
        # Safe without the lock. Sums are made of many at once.
        pending.append((key.space[-1], size, entry.seconds, tokens))
        if len(pending) > _PENDING:
            with self._lock:
                self._sum_up()
        mark_hit(entry, tokens, self._now)
        if self._listeners is not None:
            age = entry.age(self._now())
            saved = entry.seconds
            self._tell("hit", key, seconds=seconds, age=age, saved=saved, tokens=tokens, bytes=size)

    def missed(self, key: Key, began: float, *, stale: bool = False) -> None:
        """Count a miss of a lookup that began then; ``stale``: it found an older answer."""
        seconds = self._monotonic() - began
        self._misses.add(seconds)
        with self._lock:
            self._counts["misses"] += 1
            self._counts["stale"] += stale
        if self._listeners is not None:
            self._tell("miss", key, seconds=seconds, reason="max_age" if stale else None)

    def stored(self, key: Key, began: float, *, size: int, new: NewEntry | None = None) -> None:
        """Count an answer stored; storing it began then."""
        seconds = self._monotonic() - began
        self._stores.add(seconds)
        with self._lock:
            self._counts["stores"] += 1
            self._counts["bytes_written"] += size
        if self._listeners is not None:
            saved, tokens = None, (0, 0)
            if new is not None:
                usage = new.usage
                saved, tokens = new.seconds, (usage["input_tokens"], usage["output_tokens"])
            self._tell("store", key, seconds=seconds, saved=saved, tokens=tokens, bytes=size)

    def count(self, outcome: str, key: Key | None = None, *, reason: str | None = None) -> None:
        """Add one to the outcome of that name in ``CacheStats``."""
        with self._lock:
            self._counts[outcome] += 1
        if self._listeners is not None:
            self._tell(_KIND_OF[outcome], key, reason=reason)

    def matched(self, what: str, question: Question) -> None:
        """Tell what came of looking for a question that means the same."""
        if self._listeners is not None:
            self._tell("similar", parse_path(question.path), reason=what)

    def administered(
        self, kind: EventKind, scope: Scope | None, key: Key | None, count: int | None
    ) -> None:
        """Tell that entries were removed on purpose."""
        if self._listeners is None:
            return
        if scope is not None:
            namespace, model = plain_parts(scope.namespace), scope.model and model_name(scope.model)
            event = CacheEvent(kind, self._now(), namespace, model, count=count, cache=self.cache)
            self._listeners.tell(event)
        else:
            self._tell(kind, key, count=count)

    # --- trouble ---

    def trouble(
        self,
        outcome: str,
        message: str,
        *,
        remedy: str | None = None,
        kind: str | None = None,
        advice: Advice | None = None,
        key: Key | None = None,
        error: str | None = None,
    ) -> None:
        """Count an outcome that needs a person's attention, and log it unless that was done recently.

        Args:
            outcome: Of that name in ``CacheStats``.
            message: What happened.
            remedy: A sentence that says what to do, or what to look at first.
            kind: Messages of one kind are logged once in a while; by default the message itself.
            advice: What is wrong, if it will not pass by itself.
            key: What it is about.
            error: Name of the error that came of it.
        """
        now = self._monotonic()
        interval = _LOG_INTERVAL if advice is None else _ADVICE_INTERVAL
        kind = kind or message
        with self._lock:
            self._counts[outcome] += 1
            last = self._logged.get(kind)
            due = last is None or now - last >= interval
            if due:
                if last is None and len(self._logged) >= _KINDS:
                    self._logged.pop(next(iter([*self._logged])), None)
                self._logged[kind] = now
        if self._listeners is not None:
            code = None if advice is None else advice.code
            self._tell(_KIND_OF[outcome], key, reason=message, error=error, advice=code)
        if not due:
            return
        where = f"{self.cache}; " if self.cache else ""
        said = message if remedy is None else f"{sentence(message)} {remedy}"
        if advice is not None:
            _LOG.error("%s (%slogged at most once an hour)", said, where)
        else:
            _LOG.warning("%s (%slogged at most once a minute)", said, where)

    def failed(self, outcome: str, what: str, error: BaseException, key: Key | None = None) -> None:
        """Count and log an operation that failed."""
        advice = advice_for(error)
        name = type(error).__name__
        kind = f"{what}: {name}" if advice is None else f"{what}: {advice.code}"
        message = f"{what}: {describe(error)}"
        remedy = remedy_for(error)
        self.trouble(outcome, message, remedy=remedy, kind=kind, advice=advice, key=key, error=name)

    def breaker_changed(self, state: State) -> None:
        """Note, and log, that the breaker opened or closed; not that a probe failed."""
        self._breaker = state
        if self._listeners is not None:
            self._listeners.tell(
                CacheEvent("breaker", self._now(), breaker=state, cache=self.cache)
            )
        if state in ("half-open", self._breaker_logged):
            return
        self._breaker_logged = state
        where = f" ({self.cache})" if self.cache else ""
        if state == "open":
            _LOG.warning(
                "breaker open: the store failed several times in a row; lookups are misses "
                "without asking it, until one that tries succeeds%s",
                where,
            )
        else:
            _LOG.warning("breaker closed: the store answers again%s", where)

    # --- what came of it ---

    def stats(self) -> CacheStats:
        """Return the counts of one moment."""
        with self._lock:
            self._sum_up()
            models = self._savings.by_model(self._prices)
            return CacheStats(
                **self._counts,
                hits=sum(each.hits for each in models.values()),
                bytes_read=sum(each.bytes for each in models.values()),
                breaker=self._breaker,
                input_tokens_saved=sum(each.input_tokens for each in models.values()),
                output_tokens_saved=sum(each.output_tokens for each in models.values()),
                seconds_saved=sum(each.seconds for each in models.values()),
                money_saved=sum(each.money or 0.0 for each in models.values()),
                unpriced_hits=sum(each.hits for each in models.values() if each.money is None),
                hit_latency=self._hits.latency(),
                miss_latency=self._misses.latency(),
                store_latency=self._stores.latency(),
                models=models,
                dropped_events=0 if self._listeners is None else self._listeners.dropped,
            )

    def close(self) -> None:
        """Wait a little until listeners have been told everything."""
        if self._listeners is not None:
            self._listeners.close()

    @property
    def has_listeners(self) -> bool:
        """Whether there are listeners."""
        return self._listeners is not None

    def _sum_up(self) -> None:
        """Add the pending hits to the sums. Only under the lock."""
        hits: list[Hit] = []
        with contextlib.suppress(IndexError):  # a signal handler has summed them up
            hits.extend(map(deque.popleft, repeat(self._pending, len(self._pending))))
        for hit, times in Counter(hits).items():
            self._savings.add(hit, times)

    def _tell(
        self,
        kind: EventKind,
        key: Key | None,
        *,
        tokens: tuple[int, int] = (0, 0),
        **details: Any,
    ) -> None:
        if self._listeners is None:
            return
        namespace: tuple[str, ...] = ()
        model = digest = None
        if key is not None:
            namespace, model = plain_parts(key.space[:-1]), model_name(key.space[-1])
            digest = key.digest[:_DIGEST_SHOWN]
        if tokens != (0, 0) and model is not None:
            details["money"] = money(self._prices.get(model), tokens)
        self._listeners.tell(
            CacheEvent(
                kind,
                self._now(),
                namespace,
                model,
                digest,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
                cache=self.cache,
                **details,
            )
        )
