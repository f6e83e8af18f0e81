"""Statistics: what a cache did and saved, as exact as somebody else's count of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache import CacheStats, ConfigurationError, Latency, LLMCache, cache_options
from langchain_llmcache._insight.latency import Latencies
from langchain_llmcache._insight.savings import tokens_of
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.servers import Monitor, Server
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, llm_string

Halves = Callable[[LLMCache], Half]


def usage(given: int, taken: int) -> Any:
    """Return what a model says of its tokens."""
    return {"input_tokens": given, "output_tokens": taken, "total_tokens": given + taken}


def paid(given: int, taken: int, text: str = "text") -> list[Generation]:
    """Return an answer that took these tokens."""
    return [ChatGeneration(message=AIMessage(text, usage_metadata=usage(given, taken)))]


def keys_read(monitor: Monitor) -> int:
    """Return how many keys the server was asked for."""
    return sum(len(each.args) for each in monitor.commands if each.name in {"GET", "MGET"})


@pytest.mark.long
async def test_the_counts_are_the_servers_and_the_endpoints(server: Server) -> None:
    """Under threads and tasks: reads, writes and model calls as the server and the model saw them."""
    events: list[str] = []
    with ConverseEndpoint(latency=0.01) as endpoint, server.monitor() as monitor:
        cache = LLMCache.from_url(server.url, on_event=lambda event: events.append(event.kind))
        set_llm_cache(cache)
        model = chat_model(endpoint)
        prompts = [f"Question {number % 60}?" for number in range(240)]

        with ThreadPoolExecutor(12) as threads:
            loop = asyncio.get_running_loop()
            in_threads = [loop.run_in_executor(threads, model.invoke, prompt) for prompt in prompts]
            in_tasks = [model.ainvoke(prompt + "?") for prompt in prompts]
            answers = await asyncio.gather(*in_threads, *in_tasks)
            stats, reads = cache.stats(), keys_read(monitor)
            again = [loop.run_in_executor(threads, model.invoke, prompt) for prompt in prompts]
            await asyncio.gather(*again)
        later, reads_later = cache.stats(), keys_read(monitor)
        await cache.aclose()
        writes = monitor.names.count("SET")
        calls = endpoint.calls

    assert stats.misses == calls == 120
    assert stats.stores == writes == 120
    assert stats.hits == 480 - calls
    # Each thread looks once, and who is to ask the model perhaps once more; tasks that ask the same
    # in one turn of the loop are read for together.
    assert 240 + 60 <= reads <= stats.lookups + stats.misses
    # A hit is one read, by threads of the same question too.
    assert later.hits - stats.hits == reads_later - reads == 240
    assert (later.misses, later.waits) == (stats.misses, stats.waits)
    assert Counter(events) == {
        "hit": later.hits,
        "miss": later.misses,
        "store": later.stores,
        "wait": later.waits,
    }
    hits = [reply for reply in answers if reply.response_metadata.get("llmcache")]
    assert len(hits) == stats.hits
    used: list[Any] = [hit.usage_metadata for hit in hits]
    assert stats.input_tokens_saved == sum(each["input_tokens"] for each in used)
    assert stats.output_tokens_saved == sum(each["output_tokens"] for each in used)
    saved = sum(hit.response_metadata["llmcache"]["saved"] for hit in hits)
    assert stats.seconds_saved == pytest.approx(saved)


def test_counts_of_many_threads_are_exact() -> None:
    """No hit is lost where many threads count at once, and sums are asked for meanwhile."""
    cache = LLMCache()
    cache.update(PROMPT, LLM_STRING, paid(3, 5))

    def work(_: int) -> None:
        for _ in range(500):
            cache.lookup(PROMPT, LLM_STRING)

    with ThreadPoolExecutor(8) as threads:
        done = [threads.submit(work, number) for number in range(8)]
        while not all(future.done() for future in done):
            stats = cache.stats()
            assert stats.input_tokens_saved == 3 * stats.hits
    stats = cache.stats()
    assert (stats.hits, stats.input_tokens_saved, stats.output_tokens_saved) == (
        4000,
        12_000,
        20_000,
    )


async def test_hits_save_tokens_seconds_and_money(half: Halves) -> None:
    """Of each model by its own price; hits of a model without one are counted."""
    prices = {"model-a": (1.0, 5.0), "model-b": (0.25, 1.25)}
    cache = LLMCache(prices=prices, hit_usage="zero")
    calls = half(cache)
    for name, tokens, hits in (
        ("model-a", (100, 10), 2),
        ("model-b", (8, 4), 3),
        ("c/d", (1, 1), 4),
    ):
        await calls.lookup(PROMPT, llm_string(name))
        await calls.update(PROMPT, llm_string(name), paid(*tokens))
        for _ in range(hits):
            await calls.lookup(PROMPT, llm_string(name))

    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.hit_ratio) == (9, 3, 0.75)
    assert stats.input_tokens_saved == 2 * 100 + 3 * 8 + 4
    assert stats.output_tokens_saved == 2 * 10 + 3 * 4 + 4
    assert stats.tokens_saved == stats.input_tokens_saved + stats.output_tokens_saved
    of_a = 2 * (100 * 1.0 + 10 * 5.0) / 1e6
    of_b = 3 * (8 * 0.25 + 4 * 1.25) / 1e6
    assert stats.money_saved == pytest.approx(of_a + of_b)
    assert stats.unpriced_hits == 4
    assert set(stats.models) == {"model-a", "model-b", "c/d"}
    assert stats.models["model-a"].money == pytest.approx(of_a)
    assert stats.models["c/d"].money is None
    assert (stats.models["model-b"].hits, stats.models["model-b"].output_tokens) == (3, 12)


async def test_bytes_are_those_of_the_entries(half: Halves, server: Server) -> None:
    """Written once, read with each hit, as long as the server says they are."""
    cache = LLMCache.from_url(server.url)
    calls = half(cache)
    await calls.update(PROMPT, LLM_STRING, answer())
    await calls.lookup(PROMPT, LLM_STRING)
    await calls.lookup(PROMPT, LLM_STRING)
    with server.client() as client:
        [name] = client.keys()
        size = client.strlen(name)
    assert (cache.stats().bytes_written, cache.stats().bytes_read) == (size, 2 * size)
    await cache.aclose()


def test_seconds_saved_are_those_of_the_model() -> None:
    """As long as the model took for the first answer, for each hit."""
    cache = LLMCache()
    cache.lookup(PROMPT, LLM_STRING)
    time.sleep(0.05)
    cache.update(PROMPT, LLM_STRING, answer())
    [hit] = cache.lookup(PROMPT, LLM_STRING) or []
    cache.lookup(PROMPT, LLM_STRING)
    saved = hit.message.response_metadata["llmcache"]["saved"]  # type: ignore[attr-defined]
    assert saved >= 0.05
    assert cache.stats().seconds_saved == pytest.approx(2 * saved)


def test_latencies_are_told_apart() -> None:
    """Hits, misses and stores each have their own percentiles."""
    cache = LLMCache()
    cache.lookup(PROMPT, LLM_STRING)
    stats = cache.stats()
    assert stats.miss_latency.count == 1
    assert stats.miss_latency.max > 0
    assert stats.hit_latency == stats.store_latency == Latency()
    cache.update(PROMPT, LLM_STRING, answer())
    cache.lookup(PROMPT, LLM_STRING)
    stats = cache.stats()
    assert (stats.hit_latency.count, stats.store_latency.count) == (1, 1)


def test_percentiles_are_exact_for_what_is_kept() -> None:
    """The smallest value that so many are not above; the latest 2,048 count."""
    latencies = Latencies()
    for number in range(1, 101):
        latencies.add(float(number))
    latency = latencies.latency()
    assert (latency.p50, latency.p90, latency.p99, latency.max) == (50.0, 90.0, 99.0, 100.0)
    assert (latency.count, latency.mean) == (100, 50.5)
    for _ in range(2048):
        latencies.add(7.0)
    assert latencies.latency() == Latency(2048, 7.0, 7.0, 7.0, 7.0, 7.0)


def test_a_call_that_says_its_usage_in_each_generation_used_it_once() -> None:
    """Several generations that repeat the call's usage count as one; different ones add up."""

    def decoded(*usages: Any) -> list[dict[str, Any]]:
        return [{"message": {"fields": {"usage_metadata": each}}} for each in usages]

    assert tokens_of(decoded(usage(5, 7), usage(5, 7))) == (5, 7)
    assert tokens_of(decoded(usage(5, 7), usage(1, 2))) == (6, 9)
    assert tokens_of(decoded(usage(5, 7), None)) == (5, 7)
    assert tokens_of([{"text": "plain"}]) == (0, 0)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"input_tokens": 1},
        {"input_tokens": [], "output_tokens": 1},
        {"input_tokens": -1, "output_tokens": 1},
        {"input_tokens": 1, "output_tokens": 2**63},
        {"input_tokens": float("nan"), "output_tokens": 1},
    ],
)
def test_usage_that_makes_no_sense_costs_no_hit(odd: Any) -> None:
    """It counts as none."""
    assert tokens_of([{"message": {"fields": {"usage_metadata": odd}}}]) == (0, 0)
    assert tokens_of([{"message": {"fields": {"usage_metadata": odd}}}] * 2) == (0, 0)


def test_refreshes_are_not_in_the_hit_ratio() -> None:
    """What did not ask the cache says nothing about it."""
    cache = LLMCache()
    cache.update(PROMPT, LLM_STRING, answer())
    cache.lookup(PROMPT, LLM_STRING)
    with cache_options(read=False):
        cache.lookup(PROMPT, LLM_STRING)
    stats = cache.stats()
    assert (stats.lookups, stats.hit_ratio, stats.bypassed) == (1, 1.0, 1)


def test_a_cache_without_a_past_has_counted_nothing() -> None:
    """All is zero, and can be written as JSON."""
    assert LLMCache().stats() == CacheStats()
    assert CacheStats().hit_ratio == 0.0
    assert asdict(CacheStats())["models"] == {}


def test_models_without_end_do_not_fill_the_memory() -> None:
    """After 500 of them the rest is counted together, and nothing is lost."""
    cache = LLMCache()
    for number in range(520):
        cache.update(PROMPT, llm_string(f"model-{number}"), paid(1, 1))
        cache.lookup(PROMPT, llm_string(f"model-{number}"))
        cache.stats()
    stats = cache.stats()
    assert stats.hits == stats.input_tokens_saved == 520
    assert len(stats.models) == 501
    assert stats.models["(others)"].hits == 20


@pytest.mark.parametrize(
    "prices",
    [
        3,
        {"m": 1},
        {"m": (1,)},
        {"m": (1, -2)},
        {"m": ("a", "b")},
        {3: (1, 2)},
        {"m": (1, float("nan"))},
    ],
)
def test_prices_that_are_none_are_refused(prices: Any) -> None:
    """The message says what a table of prices looks like."""
    with pytest.raises(ConfigurationError, match="a million input tokens"):
        LLMCache(prices=prices)
