"""What holds on every store, sync and async."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache import LLMCache
from langchain_llmcache._valkey import aio_line
from langchain_llmcache._valkey.aio_wire import Wire, wire_of
from tests.support.call_ids import numbered
from tests.support.parsers import use_own_parser
from tests.support.patience import collect_garbage, outlive
from tests.support.targets import (
    LLM_STRING,
    PROMPT,
    Half,
    Target,
    all_targets,
    answer,
    llm_string,
    texts,
)

Halves = Callable[[LLMCache], Half]
ON_SERVERS = [each for each in all_targets() if each.marks]


async def test_an_answer_comes_back_complete_and_in_order(target: Target, half: Halves) -> None:
    """All generations are kept, in order, with tool calls, usage, metadata and content blocks."""
    message = AIMessage(
        content=[{"type": "text", "text": "héllo"}, {"type": "image_url", "image_url": "data:,"}],
        tool_calls=[{"name": "find", "args": {"n": 1.0, "s": "ü"}, "id": "call-1"}],
        usage_metadata={"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
        response_metadata={"model_name": "model-a", "nested": {"list": [1, None, True]}},
        additional_kwargs={"reasoning": "because"},
        id="run-1",
    )
    stored = [
        ChatGeneration(message=message, generation_info={"finish_reason": "stop"}),
        ChatGeneration(message=AIMessage("second")),
        Generation(text="third", generation_info={"score": 0.5}),
    ]
    cache = half(target.make())

    await cache.update(PROMPT, LLM_STRING, stored)
    hit = await cache.lookup(PROMPT, LLM_STRING)

    assert type(hit) is list
    assert [type(generation) for generation in hit] == [type(generation) for generation in stored]
    assert hit[2] == stored[2]
    assert hit[0].generation_info == {"finish_reason": "stop"}
    marker = hit[0].message.response_metadata.pop("llmcache")
    assert marker["hit"] is True
    assert hit[0].message.id not in (None, "run-1")
    found = hit[0].message.model_copy(update={"id": "run-1"})
    assert numbered(found.model_dump()) == numbered(message.model_dump())
    assert hit[1].message.content == "second"


async def test_requests_are_told_apart(target: Target, half: Halves) -> None:
    """Another prompt or other settings are another entry."""
    cache = half(target.make())
    await cache.update(PROMPT, LLM_STRING, answer("one"))

    assert await cache.lookup(PROMPT + " ", LLM_STRING) is None
    assert await cache.lookup(PROMPT, llm_string("model-b")) is None
    assert texts(await cache.lookup(PROMPT, LLM_STRING)) == ["one"]


@pytest.mark.parametrize("target", ON_SERVERS, indirect=True)
@pytest.mark.parametrize("parser", ["own", "fastest"])
async def test_collected_garbage_takes_no_connection_along(
    target: Target, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a loop that rests holds of a cache is no garbage, however replies are read."""
    made = Counter[str]()

    def counted(connection: Any, owner: Any) -> Wire:
        made["connections"] += 1
        return wire_of(connection, owner)

    monkeypatch.setattr(aio_line, "wire_of", counted)
    if parser == "own":
        use_own_parser(monkeypatch)
    cache = target.make(timeout=5)
    prompts = [f"{PROMPT} {number}" for number in range(20)]
    for prompt in prompts:
        await cache.aupdate(prompt, LLM_STRING, answer())
    before = made.copy()
    await asyncio.sleep(0.3)  # until no timer is left
    collect_garbage()
    for prompt in prompts:
        assert await cache.alookup(prompt, LLM_STRING) is not None
    assert made == before
    await cache.aclose()


async def test_a_later_answer_replaces_an_earlier_one(target: Target, half: Halves) -> None:
    """Storing twice keeps the second answer."""
    cache = half(target.make())
    await cache.update(PROMPT, LLM_STRING, answer("one"))
    await cache.update(PROMPT, LLM_STRING, answer("two"))

    assert texts(await cache.lookup(PROMPT, LLM_STRING)) == ["two"]


async def test_sync_and_async_share_their_entries(target: Target) -> None:
    """What one half stores, the other finds."""
    cache = target.make()
    cache.update("sync", LLM_STRING, answer("one"))
    await cache.aupdate("async", LLM_STRING, answer("two"))

    assert texts(await cache.alookup("sync", LLM_STRING)) == ["one"]
    assert texts(cache.lookup("async", LLM_STRING)) == ["two"]


async def test_two_hits_share_no_object(target: Target, half: Halves) -> None:
    """A caller that changes its answer changes nobody else's."""
    cache = half(target.make())
    await cache.update(PROMPT, LLM_STRING, answer("one"))
    first = await cache.lookup(PROMPT, LLM_STRING)
    second = await cache.lookup(PROMPT, LLM_STRING)

    first[0].message.content = "changed"
    first[0].message.response_metadata["llmcache"]["hit"] = False

    assert first[0].message.id != second[0].message.id
    assert second[0].message.response_metadata["llmcache"]["hit"] is True
    assert texts(await cache.lookup(PROMPT, LLM_STRING)) == ["one"]


# --- time to live ---


@pytest.mark.parametrize(
    "ttl_of",
    [
        lambda seconds: seconds,
        lambda seconds: timedelta(seconds=seconds),
        lambda seconds: lambda _: seconds,
    ],
    ids=["seconds", "timedelta", "callable"],
)
async def test_an_entry_expires(
    target: Target, half: Halves, ttl_of: Callable[[float], Any]
) -> None:
    """The cache's TTL ends an entry, to fractions of a second."""

    async def store(seconds: float) -> None:
        cache = half(target.make(ttl=ttl_of(seconds)))
        await cache.update(PROMPT, LLM_STRING, answer())

    async def look() -> Any:
        return await half(target.make()).lookup(PROMPT, LLM_STRING)

    await outlive(store, look)
    assert await look() is None


async def test_one_entry_can_have_a_ttl_of_its_own(target: Target, half: Halves) -> None:
    """The TTL of an update goes before the cache's, for that entry only."""
    cache = half(target.make(ttl=3600))
    await cache.update("long", LLM_STRING, answer())
    await outlive(
        lambda seconds: cache.update("short", LLM_STRING, answer(), ttl=seconds),
        lambda: cache.lookup("short", LLM_STRING),
    )
    assert await cache.lookup("short", LLM_STRING) is None
    assert await cache.lookup("long", LLM_STRING) is not None


async def test_none_keeps_an_entry_for_ever(target: Target, half: Halves) -> None:
    """With ``ttl=None`` an entry outlives the cache's own TTL."""
    cache = half(target.make(ttl=0.05))
    await cache.update(PROMPT, LLM_STRING, answer(), ttl=None)

    await asyncio.sleep(0.1)

    assert await cache.lookup(PROMPT, LLM_STRING) is not None


@pytest.mark.parametrize(
    "ttl", [0, -1, float("nan"), float("inf"), 1e12, timedelta(0), "60", True, [60]]
)
async def test_a_bad_ttl_is_named(target: Target, half: Halves, ttl: Any) -> None:
    """A TTL that is none raises a ValueError with the value in it, and stores nothing."""
    cache = half(target.make())
    with pytest.raises(ValueError, match="ttl is ") as caught:
        await cache.update(PROMPT, LLM_STRING, answer(), ttl=ttl)
    assert repr(ttl) in str(caught.value)
    assert await cache.lookup(PROMPT, LLM_STRING) is None
    with pytest.raises(ValueError, match="ttl is "):
        target.make(ttl=ttl)


# --- deleting and clearing ---


async def test_delete_removes_one_entry(target: Target, half: Halves) -> None:
    """``delete`` removes one answer, and tells whether there was one."""
    cache = half(target.make())
    await cache.update("one", LLM_STRING, answer())
    await cache.update("two", LLM_STRING, answer())

    assert await cache.delete("one", LLM_STRING) is True
    assert await cache.delete("one", LLM_STRING) is False

    assert await cache.lookup("one", LLM_STRING) is None
    assert await cache.lookup("two", LLM_STRING) is not None


async def test_clear_removes_everything_of_the_cache(target: Target, half: Halves) -> None:
    """``clear`` removes the answers of all models and namespaces of the cache."""
    cache = half(target.make())
    tenant = half(target.make(namespace="tenant"))
    for model in ("model-a", "model-b"):
        await cache.update(PROMPT, llm_string(model), answer())
        await tenant.update(PROMPT, llm_string(model), answer())

    await cache.clear()

    for model in ("model-a", "model-b"):
        assert await cache.lookup(PROMPT, llm_string(model)) is None
        assert await tenant.lookup(PROMPT, llm_string(model)) is None


async def test_clear_tells_how_many(target: Target, half: Halves) -> None:
    """Entries that are there: not those that were deleted or have expired. None: not known."""
    cache = target.make()
    both = half(cache)
    for number in range(5):
        await both.update(f"{number}", llm_string("model-a"), answer())
        await half(target.make(namespace="below")).update(
            f"{number}", llm_string("model-b"), answer()
        )
    await both.update("brief", llm_string("model-a"), answer(), ttl=0.001)
    await both.delete("0", llm_string("model-a"))
    await asyncio.sleep(0.05)
    counts = [
        await both.clear(model="model-b"),
        await both.clear(namespace="below"),
        await both.clear(),
    ]
    assert counts in ([5, 0, 4], [None, None, None])
    # Only LangGraph's own classes do not tell.
    assert (counts[0] is None) == (type(cache.store).__module__.startswith("langgraph.cache"))
    await cache.aclose()


async def test_clear_of_a_namespace(target: Target, half: Halves) -> None:
    """``clear(namespace=)`` removes that namespace and those below it, nothing beside it."""
    kept = [(), ("a",), ("a", "bc"), ("ab",), ("b",), ("b", "a")]
    gone = [("a", "b"), ("a", "b", "c")]
    caches = {parts: half(target.make(namespace=parts)) for parts in (*kept, *gone)}
    for cache in caches.values():
        await cache.update(PROMPT, LLM_STRING, answer())

    await caches[("a",)].clear(namespace="b")

    for parts, cache in caches.items():
        found = await cache.lookup(PROMPT, LLM_STRING)
        assert (found is None) == (parts in gone), parts


async def test_clear_of_a_model(target: Target, half: Halves) -> None:
    """``clear(model=)`` removes that model's answers in all namespaces of the cache."""
    cache = half(target.make())
    tenant = half(target.make(namespace=("tenant", "model-a")))
    for model in ("model-a", "model-b", "model-"):
        await cache.update(PROMPT, llm_string(model), answer())
        await tenant.update(PROMPT, llm_string(model), answer())

    await cache.clear(model="model-a")

    for each in (cache, tenant):
        assert await each.lookup(PROMPT, llm_string("model-a")) is None
        assert await each.lookup(PROMPT, llm_string("model-b")) is not None
        assert await each.lookup(PROMPT, llm_string("model-")) is not None


@pytest.mark.parametrize("part", ["a/b", "*", "[a]", "?", "\\", "a,b", "%", "ü\x00", "-", "a:b"])
async def test_namespaces_and_models_with_any_characters(
    target: Target, half: Halves, part: str
) -> None:
    """Separators and wildcards in a namespace or a model mean nothing but themselves."""
    odd = half(target.make(namespace=part))
    plain = half(target.make(namespace="a"))
    for cache in (odd, plain):
        await cache.update(PROMPT, LLM_STRING, answer())
        await cache.update(PROMPT, llm_string(part), answer())

    await half(target.make()).clear(model=part)
    assert await odd.lookup(PROMPT, llm_string(part)) is None
    assert await odd.lookup(PROMPT, LLM_STRING) is not None

    await plain.clear()
    assert await odd.lookup(PROMPT, LLM_STRING) is not None

    await half(target.make()).clear(namespace=part)
    assert await odd.lookup(PROMPT, LLM_STRING) is None


async def test_clear_knows_no_other_arguments(target: Target, half: Halves) -> None:
    """A misspelt argument of ``clear`` is an error, and clears nothing."""
    cache = half(target.make())
    await cache.update(PROMPT, LLM_STRING, answer())
    with pytest.raises(TypeError):
        await cache.clear(namespaces="tenant")
    assert await cache.lookup(PROMPT, LLM_STRING) is not None


@pytest.mark.parametrize("namespace", ["", ("",), ("a", ""), 7, (7,)])
async def test_a_bad_namespace_is_refused(target: Target, namespace: Any) -> None:
    """A namespace is made of non-empty strings; an empty one would clear more than meant."""
    with pytest.raises(ValueError, match="namespace is"):
        target.make(namespace=namespace)


# --- odd requests ---


@pytest.mark.parametrize(
    "text", ["", "\x00", "\ud800", "a" * 3_000_000, '[{"lc": 1', "[]", "{}", "🙂", "\r\n*3\r\n"]
)
async def test_any_text_is_a_request(target: Target, half: Halves, text: str) -> None:
    """Prompts and settings of any characters and any length are stored and found."""
    cache = half(target.make())
    await cache.update(text, LLM_STRING, answer("prompt"))
    await cache.update(PROMPT, "settings" + text, answer("settings"))

    assert texts(await cache.lookup(text, LLM_STRING)) == ["prompt"]
    assert texts(await cache.lookup(PROMPT, "settings" + text)) == ["settings"]


async def test_a_large_answer(target: Target, half: Halves) -> None:
    """An answer of a megabyte comes back whole."""
    cache = half(target.make())
    text = "0123456789abcdef" * 65_536
    await cache.update(PROMPT, LLM_STRING, answer(text))
    assert texts(await cache.lookup(PROMPT, LLM_STRING)) == [text]


async def test_statistics_count_what_happened(target: Target, half: Halves) -> None:
    """``stats`` counts misses, stores and hits."""
    cache = target.make()
    both = half(cache)
    await both.lookup(PROMPT, LLM_STRING)
    await both.update(PROMPT, LLM_STRING, answer())
    await both.lookup(PROMPT, LLM_STRING)

    stats = cache.stats()
    assert (stats.misses, stats.stores, stats.hits, stats.errors) == (1, 1, 1, 0)
    assert stats.hit_ratio == 0.5
