"""Values that are too large: they are not read, but removed and counted, and delay no one."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from langchain_llmcache import LLMCache
from tests.support.acl import MINIMAL_USER, rules
from tests.support.patience import PATIENT
from tests.support.proxy import BlackHole, FaultProxy, Pass
from tests.support.servers import (
    HOST,
    Server,
    StartCluster,
    StartServer,
    ValkeyClusterServers,
    ValkeyServer,
)
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]

HUGE = 60_000_000


@pytest.fixture(params=["server", "cluster"])
def servers(request: pytest.FixtureRequest) -> Any:
    """A single server, and a cluster."""
    return request.getfixturevalue(request.param)


@contextlib.contextmanager
def client_of(servers: Server | ValkeyClusterServers) -> Iterator[Any]:
    """Yield a client of a server or of a cluster."""
    with contextlib.closing(servers.client()) as client:
        yield client


async def store(cache: LLMCache, prompts: list[str]) -> None:
    """Store an answer for each prompt."""
    for prompt in prompts:
        await cache.aupdate(prompt, LLM_STRING, answer(prompt))


async def make_huge(cache: LLMCache, servers: Any, prompt: str) -> bytes:
    """Put something large in the place of an answer; return its key."""
    with client_of(servers) as client:
        before = set(client.scan_iter("*"))
        await cache.aupdate(prompt, LLM_STRING, answer(prompt))
        [key] = set(client.scan_iter("*")) - before
        client.setrange(key, HUGE, b"x")
        made: bytes = key
        return made


def keys_at(node: ValkeyServer) -> set[bytes]:
    """Return the keys of one node."""
    with node.client() as client:
        return set(client.keys("*"))


def peak() -> int:
    """Return the most bytes that this process had so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def test_a_huge_value_is_removed_and_counted(servers: Any, half: Halves) -> None:
    """It costs no deadline, no memory, and no other lookup."""
    async with LLMCache.from_url(servers.url, timeout=PATIENT) as cache:
        await store(cache, ["another"])
        key = await make_huge(cache, servers, PROMPT)
        before = peak()
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        assert texts(await half(cache).lookup("another", LLM_STRING)) == ["another"]
        assert peak() - before < HUGE / 2
        stats = cache.stats()
        assert (stats.corrupt, stats.errors, stats.breaker) == (1, 0, "closed")
        with client_of(servers) as client:
            assert client.exists(key) == 0
        await half(cache).update(PROMPT, LLM_STRING, answer("new"))
        assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["new"]


async def test_one_huge_value_among_many(servers: Any) -> None:
    """What is asked for in the same turn is found all the same."""
    prompts = [f"{PROMPT} {number}" for number in range(64)]
    async with LLMCache.from_url(servers.url, timeout=PATIENT) as cache:
        await store(cache, prompts)
        await make_huge(cache, servers, PROMPT)
        asked = [*prompts[:32], PROMPT, *prompts[32:]]
        found = await asyncio.gather(*(cache.alookup(each, LLM_STRING) for each in asked))
        for prompt, hit in zip(asked, found, strict=True):
            assert texts(hit) == (None if prompt == PROMPT else [prompt])
        assert (cache.stats().corrupt, cache.stats().errors) == (1, 0)


async def test_a_huge_value_that_many_want(servers: Any) -> None:
    """It is asked for once for all of them, and given up once."""
    async with LLMCache.from_url(servers.url, timeout=PATIENT, single_flight=False) as cache:
        await store(cache, ["another"])
        await make_huge(cache, servers, PROMPT)
        asked = [PROMPT] * 50 + ["another"] * 50
        found = await asyncio.gather(*(cache.alookup(each, LLM_STRING) for each in asked))
        assert [texts(hit) for hit in found] == [None] * 50 + [["another"]] * 50
        assert cache.stats().errors == 0


async def test_a_huge_value_on_a_node_that_was_silent(
    valkey_cluster: StartCluster, half: Halves
) -> None:
    """It is an answer: the node is not left alone, so that the value can be removed at once."""
    servers = valkey_cluster(2, 0)
    prompts = [f"{PROMPT} {number}" for number in range(3)]
    url, prefix = servers.url, "{app}llm_cache:"  # all on one node
    async with LLMCache.from_url(url, cluster=True, timeout=0.5, prefix=prefix) as cache:
        await store(cache, prompts[:2])
        key = await make_huge(cache, servers, prompts[2])
        [holder] = [node for node in servers.primaries if key in keys_at(node)]
        holder.freeze()
        for prompt in prompts[:2]:
            assert await half(cache).lookup(prompt, LLM_STRING) is None
        holder.thaw()
        for _ in range(10):  # a busy server is silent again
            await asyncio.sleep(1.1)  # as long as it is left alone
            assert await half(cache).lookup(prompts[2], LLM_STRING) is None
            if cache.stats().corrupt:
                break
        assert cache.stats().corrupt == 1
        assert key not in keys_at(holder)
        assert texts(await half(cache).lookup(prompts[0], LLM_STRING)) == [prompts[0]]


async def test_large_answers_of_ones_own(servers: Any, half: Halves) -> None:
    """Entries up to ``max_entry_bytes`` are read, also many at once; ``None`` reads any."""
    text = "x" * 3_900_000
    async with LLMCache.from_url(servers.url, timeout=PATIENT) as cache:
        prompts = [f"{PROMPT} {number}" for number in range(10)]
        for prompt in prompts:
            await half(cache).update(prompt, LLM_STRING, answer(text))
        for prompt in prompts:
            assert texts(await half(cache).lookup(prompt, LLM_STRING)) == [text]
        found = await asyncio.gather(*(cache.alookup(each, LLM_STRING) for each in prompts))
        assert [texts(hit) for hit in found] == [[text]] * 10
        assert cache.stats().errors == 0
    unbounded = LLMCache.from_url(servers.url, timeout=PATIENT, max_entry_bytes=None)
    async with unbounded:
        await half(unbounded).update(PROMPT, LLM_STRING, answer(5 * text))
        assert texts(await half(unbounded).lookup(PROMPT, LLM_STRING)) == [5 * text]


async def test_a_small_bound(servers: Any, half: Halves) -> None:
    """A cache with a small ``max_entry_bytes`` leaves the large entries of others unread."""
    async with LLMCache.from_url(servers.url, timeout=PATIENT) as writer:
        await store(writer, ["small"])
        await writer.aupdate(PROMPT, LLM_STRING, answer("x" * 1_000_000))
    async with LLMCache.from_url(servers.url, timeout=PATIENT, max_entry_bytes=10_000) as cache:
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        assert await half(cache).lookup("small", LLM_STRING) is not None
        assert (cache.stats().corrupt, cache.stats().errors) == (1, 0)


async def test_cancelled_while_a_large_answer_comes(server: Server) -> None:
    """Callers that go away in the middle disturb nobody's answer."""
    text = "x" * 2_000_000
    async with LLMCache.from_url(server.url, timeout=PATIENT, single_flight=False) as cache:
        await cache.aupdate(PROMPT, LLM_STRING, answer(text))
        await store(cache, ["another"])
        for turns in range(30):
            large = asyncio.create_task(cache.alookup(PROMPT, LLM_STRING))
            small = asyncio.create_task(cache.alookup("another", LLM_STRING))
            for _ in range(turns):
                await asyncio.sleep(0)
            large.cancel()
            assert texts(await small) == ["another"]
        assert texts(await cache.alookup(PROMPT, LLM_STRING)) == [text]
        assert cache.stats().errors == 0


@pytest.mark.parametrize("permitted", [True, False])
async def test_a_value_that_did_not_come_in_time(
    own_valkey_server: StartServer, half: Halves, permitted: bool
) -> None:
    """The next time its size is asked for first, if that is permitted: it may be huge."""
    user, password = MINIMAL_USER
    server = own_valkey_server(users=rules("+get +set +unlink +mget" + " +strlen" * permitted))
    with FaultProxy(server.port) as proxy, server.client() as client:
        url = f"valkey://{user}:{password}@{HOST}:{proxy.port}"
        async with LLMCache.from_url(url, timeout=0.5) as cache:
            await half(cache).update(PROMPT, LLM_STRING, answer())
            proxy.fault = BlackHole()
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
            proxy.fault = Pass()
            proxy.cut()
            with server.monitor() as monitor:
                assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) is not None
                assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) is not None
                asked = [name for name in monitor.names if name in {"GET", "STRLEN"}]
            # (What is denied is not seen by MONITOR.)
            assert asked == ["STRLEN"] * permitted + ["GET", "GET"]
            if not permitted:
                return
            proxy.fault = BlackHole()
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
            proxy.fault = Pass()
            proxy.cut()
            [key] = client.keys("llm_cache:*")
            client.setrange(key, HUGE, b"x")
            with server.monitor() as monitor:
                assert await half(cache).lookup(PROMPT, LLM_STRING) is None
                assert monitor.names == ["STRLEN", "UNLINK"]
            assert cache.stats().corrupt == 1
