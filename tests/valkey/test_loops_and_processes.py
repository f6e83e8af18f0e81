"""Event loops, threads and processes that come and go."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache import LLMCache
from tests.support.patience import PATIENT
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, answer, texts


@pytest.fixture
def cache(valkey_url: str) -> Iterator[LLMCache]:
    """A cache on the shared server, with one entry."""
    with LLMCache.from_url(valkey_url, timeout=PATIENT) as opened:
        opened.update(PROMPT, LLM_STRING, answer())
        yield opened


def descriptors() -> int:
    """Return how many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_one_loop_after_another(server: Server, cache: LLMCache) -> None:
    """300 successive ``asyncio.run`` on one cache: no error, and no socket left open."""
    asyncio.run(cache.alookup(PROMPT, LLM_STRING))
    before = descriptors()
    for _ in range(300):
        assert texts(asyncio.run(cache.alookup(PROMPT, LLM_STRING))) is not None
    assert descriptors() <= before
    assert cache.stats().errors == 0
    # The connections are closed with the loop, not with the next one.
    server.expect_clients(1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_loops_that_are_closed_carelessly(cache: LLMCache) -> None:
    """Sockets of loops that were closed without a shutdown go when the next loop comes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # what carelessness is told
        before = descriptors()
        for _ in range(50):
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(cache.alookup(PROMPT, LLM_STRING)) is not None
            loop.close()
        assert descriptors() <= before + 2
        asyncio.run(cache.aclose())
        gc.collect()
    assert descriptors() <= before


def test_loops_in_several_threads(cache: LLMCache) -> None:
    """Loops that run side by side in threads share one cache and no connection."""

    async def many() -> int:
        found = await asyncio.gather(*(cache.alookup(PROMPT, LLM_STRING) for _ in range(50)))
        return sum(hit is not None for hit in found)

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: asyncio.run(many()), range(16)))
    assert counts == [50] * 16
    assert cache.stats().errors == 0


def test_threads_share_a_cache(cache: LLMCache) -> None:
    """32 threads at once get their own answers."""
    for number in range(32):
        cache.update(f"prompt {number}", LLM_STRING, answer(f"answer {number}"))
    barrier = threading.Barrier(32)

    def ask(number: int) -> list[list[str] | None]:
        barrier.wait()
        return [texts(cache.lookup(f"prompt {number}", LLM_STRING)) for _ in range(30)]

    with ThreadPoolExecutor(32) as threads:
        for number, found in enumerate(threads.map(ask, range(32))):
            assert found == [[f"answer {number}"]] * 30


async def test_connections_are_bounded(server: Server, cache: LLMCache) -> None:
    """A thousand lookups at once do not make a thousand connections."""
    found = await asyncio.gather(*(cache.alookup(PROMPT, LLM_STRING) for _ in range(1000)))
    assert all(found)
    with server.client() as client:
        assert len(client.client_list()) < 50
    await cache.aclose()


async def test_aclose_closes_and_a_later_use_opens_again(server: Server, cache: LLMCache) -> None:
    """After ``aclose`` the server sees no connection of the cache; it still works."""
    await cache.alookup(PROMPT, LLM_STRING)
    cache.lookup(PROMPT, LLM_STRING)
    await asyncio.to_thread(server.expect_clients, 2)
    await cache.aclose()
    await asyncio.to_thread(server.expect_clients, 0)
    assert await cache.alookup(PROMPT, LLM_STRING) is not None
    assert cache.lookup(PROMPT, LLM_STRING) is not None
    await cache.aclose()


def test_context_managers(server: Server) -> None:
    """Both ``with`` and ``async with`` close the connections."""
    with LLMCache.from_url(server.url, timeout=PATIENT) as cache:
        cache.lookup(PROMPT, LLM_STRING)
        server.expect_clients(1)
    server.expect_clients(0)

    async def use() -> None:
        async with LLMCache.from_url(server.url, timeout=PATIENT) as cache:
            await cache.alookup(PROMPT, LLM_STRING)
            await asyncio.to_thread(server.expect_clients, 1)
        await asyncio.to_thread(server.expect_clients, 0)

    asyncio.run(use())


def use_before_and_after_a_fork(url: str) -> None:
    """Use a cache here, in a child, and here again."""
    cache = LLMCache.from_url(url, timeout=PATIENT)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(cache.alookup(PROMPT, LLM_STRING))
        cache.lookup(PROMPT, LLM_STRING)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                sync_hit = cache.lookup(PROMPT, LLM_STRING)
                async_hit = asyncio.run(cache.alookup(PROMPT, LLM_STRING))
                code = 0 if sync_hit and async_hit and cache.stats().errors == 0 else 2
            finally:
                os._exit(code)
        for _ in range(100):
            assert cache.lookup(PROMPT, LLM_STRING) is not None
            assert loop.run_until_complete(cache.alookup(PROMPT, LLM_STRING)) is not None
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert cache.stats().errors == 0
        loop.run_until_complete(cache.aclose())
    finally:
        loop.close()
        cache.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.usefixtures("cache")  # which has stored something
def test_a_cache_made_before_a_fork(server: Server, small_process: Callable[..., Any]) -> None:
    """A child that was forked off uses connections of its own; the parent's go on."""
    small_process(use_before_and_after_a_fork, server.url)
