"""Events as OpenTelemetry metrics. Needs the extra ``otel``.

| instrument | kind, unit | attributes |
|---|---|---|
| ``llmcache.events`` | counter | ``llmcache.event``, ``gen_ai.request.model`` |
| ``llmcache.lookup.duration`` | histogram, s | ``llmcache.event`` (hit, miss) |
| ``llmcache.store.duration`` | histogram, s | |
| ``llmcache.saved.tokens`` | counter, {token} | ``gen_ai.token.type`` (input, output), model |
| ``llmcache.saved.time`` | counter, s | ``gen_ai.request.model`` |
| ``llmcache.saved.cost`` | counter | ``gen_ai.request.model`` |
| ``llmcache.io`` | counter, By | ``llmcache.direction`` (read, written) |
| ``llmcache.breaker.state`` | gauge | 0 closed, 1 half-open, 2 open |
"""

from __future__ import annotations

from pickle import PicklingError
from typing import Any

from langchain_llmcache._checks import kind_of
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.events import CacheEvent
from langchain_llmcache.telemetry._metrics import BOUNDARIES, STATES, Labels

try:
    from opentelemetry.metrics import MeterProvider, get_meter
except ImportError as error:
    msg = 'OpenTelemetry metrics need an extra: pip install "langchain-llmcache[otel]"'
    raise ImportError(msg) from error


class OpenTelemetryMetrics:
    """A listener that records metrics.

    Args:
        meter_provider: Where to; by default the global one.
        namespaces: Adds the attribute ``llmcache.namespace``. Off by default: where each tenant
            has a namespace, each would have time series of its own.
        caches: Adds the attribute ``llmcache.cache`` to the breaker's state, which tells the
            caches of a process apart: by their stores and namespaces, as in the log.
    """

    def __init__(
        self,
        meter_provider: MeterProvider | None = None,
        *,
        namespaces: bool = False,
        caches: bool = False,
    ) -> None:
        given: object = meter_provider
        if not isinstance(given, MeterProvider | None):
            msg = f"meter_provider is {kind_of(given)}; expected a MeterProvider of OpenTelemetry"
            raise ConfigurationError(msg)
        self._provider = meter_provider
        self._caches = caches
        meter = get_meter("langchain_llmcache", meter_provider=meter_provider)
        self._namespaces = namespaces
        self._models, self._names = Labels(), Labels()
        self._events = meter.create_counter("llmcache.events", description="What the cache did.")
        self._lookups = meter.create_histogram(
            "llmcache.lookup.duration",
            unit="s",
            description="How long lookups took, waiting included.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self._stores = meter.create_histogram(
            "llmcache.store.duration",
            unit="s",
            description="How long it took to store.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self._tokens = meter.create_counter(
            "llmcache.saved.tokens", unit="{token}", description="Tokens that hits saved."
        )
        self._time = meter.create_counter(
            "llmcache.saved.time", unit="s", description="Seconds of the model that hits saved."
        )
        self._cost = meter.create_counter(
            "llmcache.saved.cost", description="Money that hits saved, by the cache's prices."
        )
        self._io = meter.create_counter(
            "llmcache.io", unit="By", description="Size of the entries read and written."
        )
        self._breaker = meter.create_gauge(
            "llmcache.breaker.state", description="0: closed, 1: half-open, 2: open."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the listener of the global provider."""
        if self._provider is not None:
            msg = "an OpenTelemetryMetrics with a meter_provider of its own cannot be pickled"
            raise PicklingError(msg)
        return _of_this_process, (self._namespaces, self._caches)

    def __call__(self, event: CacheEvent) -> None:
        """Record one event."""
        about: dict[str, str] = {}
        if self._namespaces and event.namespace:
            about["llmcache.namespace"] = self._names.label("/".join(event.namespace))
        kind = {**about, "llmcache.event": event.kind}
        model = about
        if event.model is not None:
            model = {**about, "gen_ai.request.model": self._models.label(event.model)}
        self._events.add(1, {**model, **kind})
        match event.kind:
            case "hit":
                self._hit(event, about, model)
                self._lookups.record(event.seconds or 0.0, kind)
            case "miss":
                self._lookups.record(event.seconds or 0.0, kind)
            case "store":
                self._stores.record(event.seconds or 0.0, about)
                self._io.add(event.bytes, {**about, "llmcache.direction": "written"})
            case "breaker" if event.breaker is not None:
                self._breaker.set(
                    STATES[event.breaker], {"llmcache.cache": event.cache} if self._caches else {}
                )
            case _:
                pass

    def _hit(self, event: CacheEvent, about: dict[str, str], model: dict[str, str]) -> None:
        self._io.add(event.bytes, {**about, "llmcache.direction": "read"})
        self._tokens.add(event.input_tokens, {**model, "gen_ai.token.type": "input"})
        self._tokens.add(event.output_tokens, {**model, "gen_ai.token.type": "output"})
        self._time.add(event.saved or 0.0, model)
        if event.money is not None:
            self._cost.add(event.money, model)


def _of_this_process(*wanted: bool) -> OpenTelemetryMetrics:
    namespaces, caches = wanted
    return OpenTelemetryMetrics(namespaces=namespaces, caches=caches)
