"""Callers that go away in the middle: no connection is lost, and nobody gets another's answer."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from langchain_llmcache import LLMCache
from tests.support.patience import LATE, SOON, eventually
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, answer, texts
from tests.valkey.test_loops_and_processes import descriptors

LOOKUPS = 20_000
TASKS = 50
ENTRIES = 40


def text_of(number: int) -> str:
    """Return an answer; of different lengths, so that a reply read from the middle makes no sense."""
    return f"{number} " + "x" * 97 * number


class Load:
    """Lookups that end as they should, and lookups that are cancelled at any moment."""

    def __init__(self, cache: LLMCache) -> None:
        self._cache = cache
        self._draw = random.Random(20_000)
        self.cancelled = 0
        self.right = 0

    async def look(self) -> None:
        """Look up an answer, and check it."""
        number = self._draw.randrange(ENTRIES)
        found = await self._cache.alookup(f"{number}", LLM_STRING)
        assert texts(found) == [text_of(number)]
        self.right += 1

    async def cancel(self, lookups: int) -> None:
        """Begin so many lookups, and cancel them."""
        for _ in range(lookups):
            task = asyncio.create_task(self.look())
            # Up to a few turns of the loop later: before the request is sent, after it, while
            # the reply comes in.
            for _ in range(self._draw.randrange(8)):
                await asyncio.sleep(0)
            if self._draw.random() < 0.3:
                await asyncio.sleep(self._draw.random() * 0.001)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                self.cancelled += 1

    async def look_until_all_are_cancelled(self) -> None:
        """Look up all the time."""
        while self.cancelled < LOOKUPS:
            await self.look()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
@pytest.mark.timeout(300)
async def test_20000_cancelled_lookups(server: Server) -> None:
    """Under load, 20,000 lookups are cancelled at any moment: no leak, no crossed answer."""
    cache = LLMCache.from_url(server.url, timeout=30)
    for number in range(ENTRIES):
        await cache.aupdate(f"{number}", LLM_STRING, answer(text_of(number)))
    before = descriptors()
    load = Load(cache)
    bystanders = [asyncio.create_task(load.look_until_all_are_cancelled()) for _ in range(10)]
    while load.cancelled < LOOKUPS:  # some end before they can be cancelled
        share = -(-(LOOKUPS - load.cancelled) // TASKS)
        await asyncio.gather(*(load.cancel(share) for _ in range(TASKS)))
    await asyncio.gather(*bystanders)
    assert load.right > 1000
    assert cache.stats().errors == 0
    assert cache.stats().corrupt == 0
    with server.client() as client:  # (It may see late that one is closed.)
        assert await asyncio.to_thread(eventually, lambda: len(client.client_list()) <= 33 + 1)
    assert descriptors() <= before + 33
    await cache.aclose()
    await asyncio.to_thread(server.expect_clients, 0)
    assert descriptors() < before


async def test_cancelled_misses_leave_nobody_waiting(server: Server) -> None:
    """Cancelled leaders and followers, at any moment: the next one to ask does not wait for them."""
    draw = random.Random(4)
    async with LLMCache.from_url(server.url, lease=60, max_wait=60) as cache:
        for number in range(200):
            tasks = [asyncio.create_task(cache.alookup(f"{number}", LLM_STRING)) for _ in range(3)]
            for _ in range(draw.randrange(12)):
                await asyncio.sleep(0)
            for task in draw.sample(tasks, 3):
                task.cancel()
                await asyncio.sleep(0)
            # Who got an answer (that there is none) before it was cancelled has ended by now too.
            await asyncio.gather(*tasks, return_exceptions=True)
            # (In a task of its own: with that, its lease ends.)
            next_one = asyncio.create_task(cache.alookup(f"{number}", LLM_STRING))
            assert await asyncio.wait_for(next_one, SOON) is None
        with server.client() as client:
            assert await asyncio.to_thread(eventually, lambda: client.keys() == [])


async def test_a_cancelled_store_ends_its_flight(server: Server) -> None:
    """A cancelled ``aupdate`` has given its answer to those who wait, and keeps nobody."""
    async with LLMCache.from_url(server.url) as cache:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def leader() -> None:
            assert await cache.alookup("p", LLM_STRING) is None
            begun.set()
            await go_on.wait()
            await cache.aupdate("p", LLM_STRING, answer("paid"))

        storing = asyncio.create_task(leader())
        await begun.wait()
        waiting = asyncio.create_task(cache.alookup("p", LLM_STRING))
        assert await asyncio.to_thread(eventually, lambda: cache.stats().waits)
        with server.client() as client:
            client.client_pause(round(LATE * 1000), all=False)  # what writes
            try:
                go_on.set()
                await asyncio.sleep(0.05)
                storing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await storing
            finally:
                client.client_unpause()
        assert texts(await asyncio.wait_for(waiting, SOON)) == ["paid"]
