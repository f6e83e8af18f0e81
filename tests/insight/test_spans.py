"""Hits in traces: the span that is current when a hit is found says so."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable

import pytest
from langchain_core.globals import set_llm_cache
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from langchain_llmcache import LLMCache
from tests.support import cli
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.targets import Half, llm_string

Halves = Callable[[LLMCache], Half]
REQUEST = ("prompt", llm_string("m"))


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Where finished spans are kept."""
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> trace.Tracer:
    """A tracer of its own, not the global one."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider.get_tracer("test")


async def test_a_hit_marks_the_current_span(
    spans: InMemorySpanExporter, tracer: trace.Tracer, half: Halves
) -> None:
    """Hit, age, seconds and tokens saved; a miss marks nothing."""
    both = half(LLMCache.from_url("memory://"))
    with tracer.start_as_current_span("miss"):
        await both.lookup(*REQUEST)
    await asyncio.sleep(0.02)
    await both.update(*REQUEST, cli.message("a"))
    with tracer.start_as_current_span("hit"):
        await both.lookup(*REQUEST)
    miss, hit = spans.get_finished_spans()
    assert not miss.attributes
    assert hit.attributes is not None
    assert hit.attributes["llmcache.hit"] is True
    assert hit.attributes["llmcache.saved.tokens"] == 30
    assert 0.01 < float(str(hit.attributes["llmcache.saved.time"])) < 60
    assert 0 <= float(str(hit.attributes["llmcache.age"])) < 60


async def test_through_langchain(spans: InMemorySpanExporter, tracer: trace.Tracer) -> None:
    """Invoke, ainvoke and batch: the caller's own span, in whatever thread or task it is looked up."""
    with ConverseEndpoint() as endpoint:
        set_llm_cache(LLMCache.from_url("memory://"))
        model = chat_model(endpoint)
        model.invoke("One?")
        with tracer.start_as_current_span("sync"):
            model.invoke("One?")
        with tracer.start_as_current_span("async"):
            await model.ainvoke("One?")
        with tracer.start_as_current_span("batch"):
            model.batch(["One?", "One?"])
    assert [
        (span.name, (span.attributes or {}).get("llmcache.hit"))
        for span in spans.get_finished_spans()
    ] == [
        ("sync", True),
        ("async", True),
        ("batch", True),
    ]


async def test_without_a_span_nothing_happens(half: Halves) -> None:
    """No span, or one that records nothing, is no error."""
    cache = LLMCache.from_url("memory://")
    await half(cache).update(*REQUEST, cli.message("a"))
    assert await half(cache).lookup(*REQUEST) is not None
    with trace.use_span(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)):
        assert await half(cache).lookup(*REQUEST) is not None


async def test_a_tracer_that_fails_costs_no_hit(half: Halves) -> None:
    """Whatever a span raises."""

    class Broken(trace.NonRecordingSpan):
        def is_recording(self) -> bool:
            raise RuntimeError

    cache = LLMCache.from_url("memory://")
    await half(cache).update(*REQUEST, cli.message("a"))
    with trace.use_span(Broken(trace.INVALID_SPAN_CONTEXT)):
        assert await half(cache).lookup(*REQUEST) is not None
    assert cache.stats().errors == 0


def test_opentelemetry_is_not_imported_for_it() -> None:
    """A process without it stays without it."""
    code = (
        "import sys\n"
        "from langchain_core.outputs import Generation\n"
        "from langchain_llmcache import LLMCache\n"
        "cache = LLMCache.from_url('memory://')\n"
        "cache.update('p', 's', [Generation(text='x')])\n"
        # (Some versions of langsmith import it.)
        "before = 'opentelemetry' in sys.modules\n"
        "assert cache.lookup('p', 's')\n"
        "assert ('opentelemetry' in sys.modules) == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
