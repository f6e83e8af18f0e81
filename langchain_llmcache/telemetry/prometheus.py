"""Events as Prometheus metrics. Needs the extra ``prometheus``.

| metric | kind | labels |
|---|---|---|
| ``llmcache_events_total`` | counter | ``event``, ``model`` |
| ``llmcache_lookup_seconds`` | histogram | ``event`` (hit, miss) |
| ``llmcache_store_seconds`` | histogram | |
| ``llmcache_saved_tokens_total`` | counter | ``type`` (input, output), ``model`` |
| ``llmcache_saved_seconds_total`` | counter | ``model`` |
| ``llmcache_saved_cost_total`` | counter | ``model`` |
| ``llmcache_bytes_total`` | counter | ``direction`` (read, written) |
| ``llmcache_breaker_state`` | gauge: 0 closed, 1 half-open, 2 open | ``cache`` |

The label ``model`` is empty where a request or an event tells none. ``cache`` tells the caches of
a process apart: by their stores and namespaces, as in the log. Where several processes write into
one directory (``PROMETHEUS_MULTIPROC_DIR``), the gauge is the worst state of those that live.
"""

from __future__ import annotations

from pickle import PicklingError
from typing import Any, Final
from weakref import WeakKeyDictionary

from langchain_llmcache._checks import checked_text, kind_of
from langchain_llmcache._forks import new_lock
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.events import CacheEvent
from langchain_llmcache.telemetry._metrics import BOUNDARIES, STATES, Labels

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:
    msg = 'Prometheus metrics need an extra: pip install "langchain-llmcache[prometheus]"'
    raise ImportError(msg) from error


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.models = Labels()
        self.caches = Labels()
        self.events = Counter(
            "llmcache_events", "What the cache did.", ["event", "model"], registry=registry
        )
        self.lookups = Histogram(
            "llmcache_lookup_seconds",
            "How long lookups took, waiting included.",
            ["event"],
            buckets=BOUNDARIES,
            registry=registry,
        )
        self.stores = Histogram(
            "llmcache_store_seconds",
            "How long it took to store.",
            buckets=BOUNDARIES,
            registry=registry,
        )
        self.tokens = Counter(
            "llmcache_saved_tokens", "Tokens that hits saved.", ["type", "model"], registry=registry
        )
        self.seconds = Counter(
            "llmcache_saved_seconds",
            "Seconds of the model that hits saved.",
            ["model"],
            registry=registry,
        )
        self.cost = Counter(
            "llmcache_saved_cost",
            "Money that hits saved, by the cache's prices.",
            ["model"],
            registry=registry,
        )
        self.bytes = Counter(
            "llmcache_bytes",
            "Size of the entries read and written.",
            ["direction"],
            registry=registry,
        )
        self.breaker = Gauge(
            "llmcache_breaker_state",
            "0: closed, 1: half-open, 2: open.",
            ["cache"],
            registry=registry,
            multiprocess_mode="livemax",
        )


_lock: Final = new_lock()
# A registry takes each name once: the caches of a process share its metrics.
_of_registry: Final[WeakKeyDictionary[CollectorRegistry, _Metrics]] = WeakKeyDictionary()


class PrometheusMetrics:
    """A listener that counts into a registry. Several caches may have one each.

    Args:
        registry: Where to; by default that of ``prometheus_client``.
        cache: The label ``cache``, in place of store and namespace.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY, *, cache: str = "") -> None:
        given: object = registry
        if not isinstance(given, CollectorRegistry):
            msg = f"registry is {kind_of(given)}; expected a CollectorRegistry of prometheus_client"
            raise ConfigurationError(msg)
        checked_text("cache", cache)
        self._registry = registry
        self._cache = cache
        with _lock:
            metrics = _of_registry.get(registry)
            if metrics is None:
                metrics = _of_registry[registry] = _Metrics(registry)
        self._metrics = metrics

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the listener of the same registry, which must be the process's own."""
        if self._registry is not REGISTRY:
            msg = "a PrometheusMetrics with a registry of its own cannot be pickled"
            raise PicklingError(msg)
        return _of_this_process, (self._cache,)

    def __call__(self, event: CacheEvent) -> None:
        """Count one event."""
        metrics = self._metrics
        model = metrics.models.label(event.model or "")
        metrics.events.labels(event.kind, model).inc()
        match event.kind:
            case "hit":
                metrics.lookups.labels("hit").observe(event.seconds or 0.0)
                metrics.bytes.labels("read").inc(event.bytes)
                metrics.tokens.labels("input", model).inc(event.input_tokens)
                metrics.tokens.labels("output", model).inc(event.output_tokens)
                metrics.seconds.labels(model).inc(event.saved or 0.0)
                metrics.cost.labels(model).inc(event.money or 0.0)
            case "miss":
                metrics.lookups.labels("miss").observe(event.seconds or 0.0)
            case "store":
                metrics.stores.observe(event.seconds or 0.0)
                metrics.bytes.labels("written").inc(event.bytes)
            case "breaker" if event.breaker is not None:
                metrics.breaker.labels(metrics.caches.label(self._cache or event.cache)).set(
                    STATES[event.breaker]
                )
            case _:
                pass


def _of_this_process(cache: str) -> PrometheusMetrics:
    return PrometheusMetrics(cache=cache)
