"""The listeners for OpenTelemetry, Prometheus and logging show the documented names and numbers."""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest

from langchain_llmcache import LLMCache, cache_options
from langchain_llmcache._insight.savings import MODELS_KEPT, OTHERS
from langchain_llmcache.events import CacheEvent
from langchain_llmcache.telemetry import otel, prometheus
from langchain_llmcache.telemetry.logs import LogEvents
from langchain_llmcache.telemetry.otel import OpenTelemetryMetrics
from langchain_llmcache.telemetry.prometheus import PrometheusMetrics
from tests.support import ROOT
from tests.support.targets import PROMPT, llm_string

USAGE: Any = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


def exercise(listener: Callable[[CacheEvent], object]) -> LLMCache:
    """Two models, 2 misses, 2 stores, 5 hits, a bypass, an open breaker; all told."""
    cache = LLMCache(on_event=listener, prices={"model-a": (1.0, 2.0)}, namespace="acme")
    for name, hits in (("model-a", 3), ("model-b", 2)):
        assert cache.lookup(PROMPT, llm_string(name)) is None
        cache.update(
            PROMPT, llm_string(name), [ChatGeneration(message=AIMessage("a", usage_metadata=USAGE))]
        )
        for _ in range(hits):
            assert cache.lookup(PROMPT, llm_string(name))
    with cache_options(read=False):
        cache.lookup(PROMPT, llm_string("model-a"))
    cache._observer.breaker_changed("open")
    cache.close()
    return cache


# ---------------------------------------------------------------------------- OpenTelemetry


@pytest.fixture
def reader() -> InMemoryMetricReader:
    """OpenTelemetry's reader for tests."""
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    """A provider with that reader."""
    made = MeterProvider(metric_readers=[reader])
    yield made
    made.shutdown()


def points(reader: InMemoryMetricReader) -> dict[str, dict[tuple[Any, ...], Any]]:
    """Return the value (of histograms, the count) of each metric by its attributes' values."""
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[str, dict[tuple[Any, ...], Any]] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        of_metric = found.setdefault(metric.name, {})
        for point in metric.data.data_points:
            attributes = tuple(value for _, value in sorted((point.attributes or {}).items()))
            of_metric[attributes] = getattr(point, "value", None) or getattr(point, "count", 0)
    return found


def test_opentelemetry_shows_the_documented_numbers(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Each instrument of the module's table, with its attributes."""
    cache = exercise(OpenTelemetryMetrics(provider))
    shown = points(reader)

    stats = cache.stats()
    assert shown["llmcache.events"] == {
        ("model-a", "miss"): 1,
        ("model-a", "store"): 1,
        ("model-a", "hit"): 3,
        ("model-a", "bypass"): 1,
        ("model-b", "miss"): 1,
        ("model-b", "store"): 1,
        ("model-b", "hit"): 2,
        ("breaker",): 1,
    }
    assert shown["llmcache.lookup.duration"] == {("hit",): 5, ("miss",): 2}
    assert shown["llmcache.store.duration"] == {(): 2}
    assert shown["llmcache.saved.tokens"] == {
        ("model-a", "input"): 30,
        ("model-a", "output"): 60,
        ("model-b", "input"): 20,
        ("model-b", "output"): 40,
    }
    assert shown["llmcache.saved.cost"] == {("model-a",): pytest.approx(stats.money_saved)}
    assert shown["llmcache.io"] == {("read",): stats.bytes_read, ("written",): stats.bytes_written}
    assert sum(shown["llmcache.saved.time"].values()) == pytest.approx(stats.seconds_saved)
    assert shown["llmcache.breaker.state"] == {(): 2}


def test_opentelemetry_tells_caches_apart_on_demand(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """The state of a breaker has the name of its cache."""
    exercise(OpenTelemetryMetrics(provider, caches=True))
    assert points(reader)["llmcache.breaker.state"] == {("memory://, namespace acme",): 2}


def test_namespaces_are_attributes_only_on_demand(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """Tenants multiply time series, so somebody has to want that."""
    exercise(OpenTelemetryMetrics(provider, namespaces=True))
    assert points(reader)["llmcache.lookup.duration"] == {("hit", "acme"): 5, ("miss", "acme"): 2}


def test_opentelemetrys_table_is_complete(
    reader: InMemoryMetricReader, provider: MeterProvider
) -> None:
    """What the module's first lines document is what there is."""
    exercise(OpenTelemetryMetrics(provider))
    documented = set(re.findall(r"^\| ``(llmcache\.[a-z.]+)``", str(otel.__doc__), re.MULTILINE))
    assert documented == set(points(reader))


# ---------------------------------------------------------------------------- Prometheus


def page(registry: CollectorRegistry) -> dict[str, float]:
    """Return the samples of Prometheus' text page."""
    lines = generate_latest(registry).decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in lines
        if not line.startswith("#")
    }


def test_prometheus_shows_the_documented_numbers() -> None:
    """The text page has each metric of the module's table, with its labels."""
    registry = CollectorRegistry()
    cache = exercise(PrometheusMetrics(registry))
    shown = page(registry)

    stats = cache.stats()
    expected = {
        'llmcache_events_total{event="hit",model="model-a"}': 3,
        'llmcache_events_total{event="hit",model="model-b"}': 2,
        'llmcache_events_total{event="miss",model="model-a"}': 1,
        'llmcache_events_total{event="bypass",model="model-a"}': 1,
        'llmcache_events_total{event="breaker",model=""}': 1,
        'llmcache_lookup_seconds_count{event="hit"}': 5,
        'llmcache_lookup_seconds_count{event="miss"}': 2,
        'llmcache_lookup_seconds_bucket{event="hit",le="+Inf"}': 5,
        "llmcache_store_seconds_count": 2,
        'llmcache_saved_tokens_total{model="model-a",type="input"}': 30,
        'llmcache_saved_tokens_total{model="model-b",type="output"}': 40,
        'llmcache_saved_cost_total{model="model-a"}': pytest.approx(stats.money_saved),
        'llmcache_bytes_total{direction="read"}': stats.bytes_read,
        'llmcache_bytes_total{direction="written"}': stats.bytes_written,
        'llmcache_breaker_state{cache="memory://, namespace acme"}': 2,
    }
    assert {name: shown.get(name) for name in expected} == expected
    seconds = [
        value for name, value in shown.items() if name.startswith("llmcache_saved_seconds_t")
    ]
    assert sum(seconds) == pytest.approx(stats.seconds_saved)


def test_caches_of_one_process_share_prometheus_metrics() -> None:
    """A registry takes each name once, and several caches count into it."""
    registry = CollectorRegistry()
    for _ in range(2):
        exercise(PrometheusMetrics(registry))
    assert page(registry)['llmcache_events_total{event="hit",model="model-a"}'] == 6


def test_prometheus_tells_the_caches_of_a_process_apart() -> None:
    """The breaker of each has a label of its own: by its store, or a name that it was given."""
    registry = CollectorRegistry()
    made = [
        LLMCache(on_event=PrometheusMetrics(registry)),
        LLMCache.from_url("memory://", prefix="a:", on_event=PrometheusMetrics(registry)),
        LLMCache.from_url("valkeys://u:s3cret@h:7/2", on_event=PrometheusMetrics(registry)),
        LLMCache.from_url("unix:///v.sock", on_event=PrometheusMetrics(registry), namespace="n"),
        LLMCache(on_event=PrometheusMetrics(registry, cache="mine")),
    ]
    for number, cache in enumerate(made):
        cache._observer.breaker_changed("open" if number % 2 else "closed")
        cache.close()
    text = generate_latest(registry).decode()
    assert "s3cret" not in text
    states = {name: value for name, value in page(registry).items() if "breaker_state" in name}
    assert states == {
        'llmcache_breaker_state{cache="memory://"}': 0,
        'llmcache_breaker_state{cache="memory://, prefix a:"}': 2,
        'llmcache_breaker_state{cache="valkeys://h:7/2"}': 0,
        'llmcache_breaker_state{cache="unix:///v.sock, namespace n"}': 2,
        'llmcache_breaker_state{cache="mine"}': 0,
    }


WORKERS = """
import os, sys
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from langchain_llmcache import LLMCache
from langchain_llmcache.telemetry.prometheus import PrometheusMetrics

def worker(url):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return pid
    cache = LLMCache.from_url(url, timeout=5, on_event=PrometheusMetrics())
    for number in range(3):
        cache.lookup(f"q{number}", "m")
    cache.close()
    os._exit(0)

dead = worker("valkey://127.0.0.1:1")
worker("memory://")
for mark in (False, True):
    if mark:
        multiprocess.mark_process_dead(dead)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    print(generate_latest(registry).decode())
    print("=" * 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_gauge_of_a_dead_worker_disappears(tmp_path: Path) -> None:
    """What it counted stays; the state of its breaker goes with it."""
    text = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKERS],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    alive, dead, _ = text.split("=" * 9)
    assert 'llmcache_breaker_state{cache="valkey://127.0.0.1:1"} 2.0' in alive
    assert "llmcache_breaker_state{" not in dead
    assert 'llmcache_events_total{event="error",model=""} 3.0' in dead
    assert 'llmcache_events_total{event="miss",model=""} 3.0' in dead


def test_prometheus_table_is_complete() -> None:
    """What the module's first lines document is what there is."""
    registry = CollectorRegistry()
    exercise(PrometheusMetrics(registry))
    documented = set(re.findall(r"^\| ``(llmcache_\w+)``", str(prometheus.__doc__), re.MULTILINE))
    text = generate_latest(registry).decode()
    typed = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert documented == {name for name in typed if not name.endswith("_created")}


def test_the_readmes_table_is_complete() -> None:
    """It names each metric once, as both modules document them, in one row."""
    text = (ROOT / "docs" / "insight.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(llmcache\.[a-z.]+)` \| `(llmcache_\w+)` \|", text, re.MULTILINE)
    theirs = [
        re.findall(r"^\| ``(llmcache[\w.]+)``", str(module.__doc__), re.MULTILINE)
        for module in (otel, prometheus)
    ]
    assert rows == list(zip(*theirs, strict=True))


# ---------------------------------------------------------------------------- logging


def test_each_event_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """The message for people, all fields for those who write JSON."""
    with caplog.at_level(logging.INFO, "langchain_llmcache.events"):
        exercise(LogEvents())
    lines = [record for record in caplog.records if record.name == "langchain_llmcache.events"]
    assert [line.getMessage().partition(" ")[0] for line in lines[:3]] == ["miss", "store", "hit"]
    hit: Any = lines[2]
    assert "namespace=('acme',) model=model-a" in hit.getMessage()
    assert hit.llmcache["input_tokens"] == 10
    assert json.dumps(hit.llmcache)
    assert (hit.levelno, lines[-1].levelno) == (logging.INFO, logging.WARNING)
    assert lines[-1].getMessage() == "breaker breaker=open"


def test_an_outage_floods_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """What failed, and that the breaker opened, are warnings; not each lookup that it spares."""
    with caplog.at_level(logging.INFO, "langchain_llmcache.events"):
        with LLMCache.from_url("valkey://127.0.0.1:1", on_event=LogEvents()) as cache:
            for number in range(50):
                cache.lookup(f"{number}", "settings")
        stats = cache.stats()
    levels: dict[int, list[str]] = {logging.INFO: [], logging.WARNING: []}
    for record in caplog.records:
        if record.name == "langchain_llmcache.events":
            levels[record.levelno].append(record.getMessage().split()[0])
    assert set(levels[logging.WARNING]) == {"error", "breaker"}
    assert levels[logging.INFO] == ["skipped"] * stats.skipped != []


def test_the_logger_and_the_levels_can_be_chosen(caplog: pytest.LogCaptureFixture) -> None:
    """What is below the logger's level is not written."""
    mine = logging.getLogger("mine")
    with caplog.at_level(logging.ERROR, "mine"):
        exercise(LogEvents(mine, level=logging.DEBUG, trouble=logging.ERROR))
    assert [record.getMessage() for record in caplog.records if record.name == "mine"] == [
        "breaker breaker=open"
    ]


# ---------------------------------------------------------------------------- extras


@pytest.mark.parametrize(
    ("module", "needs", "extra"),
    [
        ("otel", "opentelemetry.metrics", "otel"),
        ("prometheus", "prometheus_client", "prometheus"),
    ],
)
def test_a_missing_extra_is_named(
    module: str, needs: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install."""
    name = f"langchain_llmcache.telemetry.{module}"
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(ImportError, match=re.escape(f'"langchain-llmcache[{extra}]"')):
        importlib.import_module(name)


def test_the_extras_are_loaded_by_nobody_else() -> None:
    """Importing the package, and making a cache with a listener, loads neither."""
    code = (
        "import sys, langchain_llmcache.telemetry\n"
        "from langchain_llmcache.telemetry.logs import LogEvents\n"
        "langchain_llmcache.LLMCache(on_event=LogEvents())\n"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'prometheus_client'})\n"
        "print('langchain_llmcache.telemetry.otel' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == ["False"]


# ---------------------------------------------------------------------------- bounds

MANY = [CacheEvent("hit", 0.0, (f"tenant {n}",), f"model {n}", cache=f"c{n}") for n in range(3000)]


def test_prometheus_labels_are_bounded() -> None:
    """Names may come from users; as many are told apart as in ``stats().models``."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    for event in MANY:
        metrics(event)
    metrics(CacheEvent("hit", 0.0, model="\ud800" + "x" * 10_000))
    told = generate_latest(registry).decode()
    models = set(re.findall(r'model="([^"]*)"', told))
    assert len(models) == MODELS_KEPT + 1
    assert {"model 0", "model 499", OTHERS} <= models
    total = sum(
        float(n) for n in re.findall(r"^llmcache_events_total\{.*\} (\S+)$", told, re.MULTILINE)
    )
    assert total == len(MANY) + 1
    assert len(told) < 2**20


def test_opentelemetry_attributes_are_bounded(reader: InMemoryMetricReader) -> None:
    """Models, and namespaces where they are wanted."""
    metrics = OpenTelemetryMetrics(MeterProvider([reader]), namespaces=True)
    seen: set[tuple[Any, Any]] = set()

    class Counting:
        def add(self, amount: float, attributes: Any) -> None:
            seen.add((attributes["gen_ai.request.model"], attributes["llmcache.namespace"]))

    metrics._events = Counting()  # type: ignore[assignment]
    for event in MANY:
        metrics(event)
    assert len(seen) == MODELS_KEPT + 1
    assert (OTHERS, OTHERS) in seen
