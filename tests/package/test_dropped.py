"""Caches that are dropped without being closed: nothing outlives them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from langchain_llmcache import CacheEvent, LLMCache, NearCache, cache_options
from langchain_llmcache.streaming import with_cache
from tests.support.patience import collect_garbage, eventually
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, Half, answer

Halves = Callable[[LLMCache], Half]
Settled = Callable[[], Awaitable[bool]]
# More than the calls that one context remembers.
CACHES = 100


def threads() -> set[threading.Thread]:
    """Return the threads of ours."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("llmcache")}


@pytest.fixture
def nothing_is_left(server: Server) -> Iterator[Callable[[], Awaitable[bool]]]:
    """Tell whether all threads and connections that a test begins are gone, or are so soon."""
    with server.client() as client:

        def connections() -> set[Any]:
            return {each["id"] for each in client.client_list()}

        # (Whatever other tests left is not this one's.)
        others = threads(), connections()

        def is_gone() -> bool:
            collect_garbage()
            return threads() <= others[0] and connections() <= others[1]

        async def nothing_is_left() -> bool:
            return await asyncio.to_thread(eventually, is_gone)

        yield nothing_is_left


def listener(_: CacheEvent) -> None:
    """Have a thread of events."""


@pytest.mark.parametrize(
    "options", [{}, {"lease": 30}, {"near": NearCache()}, {"single_flight": False}]
)
async def test_a_dropped_cache_leaves_nothing(
    server: Server, half: Halves, options: Any, nothing_is_left: Settled
) -> None:
    """Lookups that were never followed by an update keep neither connections nor threads."""
    for number in range(CACHES):
        cache = LLMCache.from_url(server.url, on_event=listener, timeout=5, **options)
        assert await half(cache).lookup(f"{PROMPT} {number}", LLM_STRING) is None
        del cache
    assert await nothing_is_left()


async def test_whatever_it_was_used_for(
    server: Server, half: Halves, nothing_is_left: Settled
) -> None:
    """Hits, stores, lookups that were passed by, clears, graphs' stores."""
    for number in range(20):
        cache = LLMCache.from_url(server.url, on_event=listener, timeout=5)
        await half(cache).update(f"{PROMPT} {number}", LLM_STRING, answer())
        await half(cache).lookup(f"{PROMPT} {number}", LLM_STRING)
        with cache_options(read=False):
            await half(cache).lookup(PROMPT, LLM_STRING)
        assert cache.store is not None
        await half(cache).clear()
        del cache
    assert await nothing_is_left()


async def test_a_dropped_model_takes_its_cache_along(
    server: Server, nothing_is_left: Settled
) -> None:
    """In the middle of a stream, too."""
    for _ in range(20):
        cache = LLMCache.from_url(server.url, on_event=listener, timeout=5)
        model = with_cache(FakeListChatModel(responses=["abc"], cache=cache))
        stream = model.stream("hi")
        next(stream)
        astream = model.astream("hi there")
        await anext(astream)
        del cache, model, stream, astream
    assert await nothing_is_left()


async def until_one_waits(cache: LLMCache) -> None:
    """Return when a caller follows another one."""
    assert await asyncio.to_thread(eventually, lambda: cache.stats().waits)


async def test_a_call_that_is_under_way_keeps_its_cache(server: Server) -> None:
    """Followers get their answer although nothing else holds the cache any more."""
    cache = LLMCache.from_url(server.url, timeout=5)
    asked, answered = asyncio.Event(), asyncio.Event()

    async def lead(cache: LLMCache) -> None:
        assert await cache.alookup(PROMPT, LLM_STRING) is None
        asked.set()
        await answered.wait()
        await cache.aupdate(PROMPT, LLM_STRING, answer("found"))

    leader = asyncio.create_task(lead(cache))
    await asked.wait()
    follower = asyncio.create_task(cache.alookup(PROMPT, LLM_STRING))
    await until_one_waits(cache)
    del cache
    collect_garbage()
    answered.set()
    await leader
    found = await follower
    assert found is not None
    assert found[0].text == "found"
