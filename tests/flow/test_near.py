"""The near cache: hot answers from this process, within bounds, and never much older than the store's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from langchain_llmcache import ConfigurationError, LLMCache, NearCache, cache_options
from langchain_llmcache._flow.near import NearCopies
from langchain_llmcache._request.key import Key
from tests.support.patience import soon
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, llm_string, texts

Halves = Callable[[LLMCache], Half]


def key(name: str) -> Key:
    """Return a key."""
    return Key(("model",), name)


class Clock:
    """Seconds that go by when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return what time it is."""
        return self.now


# --- bounds ---


def test_entries_are_bounded() -> None:
    """The least recently used copies go when there are too many."""
    near = NearCopies(NearCache(max_entries=3), Clock())
    for name in "abc":
        near.found(key(name), b"entry", 0.0)
    assert near.get(key("a")) == b"entry"
    near.found(key("d"), b"entry", 0.0)
    assert [near.get(key(name)) is not None for name in "abcd"] == [True, False, True, True]


def test_bytes_are_bounded() -> None:
    """They go when they are too large together; one that alone is too large is not kept."""
    near = NearCopies(NearCache(max_bytes=10_000), Clock())
    for name in "abc":
        near.found(key(name), bytes(4000), 0.0)
    assert [near.get(key(name)) is not None for name in "abc"] == [False, True, True]
    near.found(key("d"), bytes(10_001), 0.0)
    assert near.get(key("d")) is None
    assert near.get(key("c")) is not None


def test_a_copy_is_used_for_its_ttl_and_not_longer() -> None:
    """Using a copy does not make it younger."""
    clock = Clock()
    near = NearCopies(NearCache(ttl=5), clock)
    near.found(key("a"), b"entry", clock.now)
    for clock.now in (2.0, 4.0, 4.9):
        assert near.get(key("a")) == b"entry"
        near.found(key("a"), b"entry", clock.now)
    clock.now = 5.1
    assert near.get(key("a")) is None


def test_a_copy_does_not_outlive_its_entry() -> None:
    """What is stored for a moment is kept near for that moment."""
    clock = Clock()
    near = NearCopies(NearCache(ttl=5), clock)
    near.stored(key("a"), b"entry", 1000)
    clock.now = 0.9
    assert near.get(key("a")) is not None
    clock.now = 1.1
    assert near.get(key("a")) is None


def test_what_was_asked_for_before_a_removal_is_not_kept() -> None:
    """It may be what was removed."""
    clock = Clock()
    near = NearCopies(NearCache(), clock)
    asked, clock.now = 1.0, 2.0
    near.forget(lambda _: True)
    near.found(key("a"), b"entry", asked)
    assert near.get(key("a")) is None
    near.found(key("a"), b"entry", 3.0)
    assert near.get(key("a")) is not None


@pytest.mark.parametrize("bound", ["max_entries", "max_bytes", "ttl"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), True, "many"])
def test_bounds_are_positive(bound: str, value: Any) -> None:
    """A bound that is none is an error that names it."""
    with pytest.raises(ConfigurationError, match=bound):
        NearCache(**{bound: value})


# --- in front of a server ---


@pytest.fixture
def cache(server: Server) -> Iterator[LLMCache]:
    """A cache with copies that last longer than any test."""
    with LLMCache.from_url(server.url, near=NearCache(ttl=600)) as opened:
        yield opened


@pytest.fixture
def other(server: Server) -> Iterator[LLMCache]:
    """Another process, as far as the first one can see."""
    with LLMCache.from_url(server.url) as opened:
        yield opened


async def gone(cache: Half) -> bool:
    """Tell whether the request is a miss; ask as a bystander, who takes part in no flight."""
    with cache_options(write=False):
        return await cache.lookup(PROMPT, LLM_STRING) is None


async def test_a_near_hit_does_not_ask_the_server(
    server: Server, cache: LLMCache, half: Halves
) -> None:
    """After the first hit, and after an update, the server hears nothing more."""
    near = half(cache)
    await near.update(PROMPT, LLM_STRING, answer())
    with server.monitor() as monitor:
        assert texts(await near.lookup(PROMPT, LLM_STRING)) == ["A promise with a date."]
        assert monitor.names == []
    assert cache.stats().hits == 1
    await cache.aclose()


async def test_what_others_stored_is_kept_after_a_hit(
    server: Server, cache: LLMCache, other: LLMCache, half: Halves
) -> None:
    """The first lookup asks the server, the second does not."""
    other.update(PROMPT, LLM_STRING, answer())
    with server.monitor() as monitor:
        for _ in range(3):
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
        assert monitor.names == ["GET"]
    await cache.aclose()


async def test_near_hits_are_fresh_objects(cache: LLMCache, half: Halves) -> None:
    """What a caller does to a hit does not reach the next one; each has its own id."""
    await half(cache).update(PROMPT, LLM_STRING, answer())
    first = await half(cache).lookup(PROMPT, LLM_STRING)
    first[0].message.content = "changed"
    first[0].message.response_metadata["changed"] = True
    second = await half(cache).lookup(PROMPT, LLM_STRING)
    assert texts(second) == ["A promise with a date."]
    assert "changed" not in second[0].message.response_metadata
    assert second[0].message.id != first[0].message.id
    await cache.aclose()


async def test_cleared_here_is_gone_here(cache: LLMCache, half: Halves) -> None:
    """``clear``, ``clear(model=)`` and ``delete`` remove the copies too, at once."""
    near = half(cache)
    await near.update(PROMPT, LLM_STRING, answer())
    await near.delete(PROMPT, LLM_STRING)
    assert await gone(near)
    await near.update(PROMPT, LLM_STRING, answer())
    await near.clear()
    assert await gone(near)
    await near.update(PROMPT, LLM_STRING, answer())
    await near.update(PROMPT, llm_string("model-b"), answer("b"))
    await near.clear(model="model-a")
    assert await gone(near)
    assert texts(await near.lookup(PROMPT, llm_string("model-b"))) == ["b"]
    await cache.aclose()


async def test_replaced_here_is_replaced_here(cache: LLMCache, half: Halves) -> None:
    """``update`` replaces the copy, at once."""
    near = half(cache)
    for text in ("first", "second"):
        await near.update(PROMPT, LLM_STRING, answer(text))
        assert texts(await near.lookup(PROMPT, LLM_STRING)) == [text]
    await cache.aclose()


async def test_cleared_while_somebody_reads_is_gone(server: Server, half: Halves) -> None:
    """A reply that was on its way while others cleared is given to its caller, and not kept."""
    cache = LLMCache.from_url(server.url, near=NearCache(ttl=600))
    near = half(cache)
    await near.update(PROMPT, LLM_STRING, answer())
    cache._flow._reader._near._entries.discard(lambda _: True)  # type: ignore[union-attr]
    for side in (cache._opened.blocking, cache._opened.asynchronous):
        get = side.entries.get

        async def read_and_clear(key: Key, get: Any = get) -> Any:
            entry = await get(key)
            cache.clear()
            return entry

        side.entries.get = read_and_clear  # type: ignore[method-assign]
    assert texts(await near.lookup(PROMPT, LLM_STRING)) == ["A promise with a date."]
    assert await gone(near)
    await cache.aclose()


async def test_a_copy_that_expires_in_use_is_not_kept_once_more(
    cache: LLMCache, other: LLMCache, half: Halves
) -> None:
    """Its bytes are as old as before: kept anew, a hot entry would never be seen to change."""
    near = half(cache)
    await near.update(PROMPT, LLM_STRING, answer())
    copies = cache._flow._reader._near
    assert copies is not None
    get = copies.get

    def get_at_the_last_moment(key: Key) -> bytes | None:
        entry = get(key)
        copies._entries.discard(lambda _: True)
        return entry

    copies.get = get_at_the_last_moment
    assert await near.lookup(PROMPT, LLM_STRING) is not None
    other.clear()
    assert await gone(near)
    await cache.aclose()


async def test_another_process_is_seen_within_the_ttl(
    server: Server, other: LLMCache, half: Halves
) -> None:
    """What another process replaces or removes is answered from here for ``ttl`` at most."""
    with LLMCache.from_url(server.url, near=NearCache(ttl=0.4)) as cache:
        near = half(cache)
        other.update(PROMPT, LLM_STRING, answer("old"))
        assert texts(await near.lookup(PROMPT, LLM_STRING)) == ["old"]
        other.update(PROMPT, LLM_STRING, answer("new"))
        seen = ["old"]
        with soon():
            while seen == ["old"]:
                seen = texts(await near.lookup(PROMPT, LLM_STRING)) or []
        assert seen == ["new"]
        other.clear()
        with soon():
            while not await gone(near):
                time.sleep(0.01)  # noqa: ASYNC251 - nothing else runs
        await cache.aclose()


async def test_an_unreadable_entry_is_not_kept(
    server: Server, cache: LLMCache, other: LLMCache, half: Halves
) -> None:
    """Bytes without an answer in them are no copy: the next caller asks the server again."""
    other.update(PROMPT, LLM_STRING, answer())
    with server.client() as client:
        [name] = client.keys()
        whole = client.get(name)
        client.set(name, whole[:-10])
        assert await gone(half(cache))
        client.set(name, whole)
        assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["A promise with a date."]
    assert cache.stats().corrupt == 1
    await cache.aclose()
