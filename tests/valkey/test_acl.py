"""Users with few rights: the documented ones are enough, and what is missing is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from langchain_llmcache import LLMCache, StoreError
from tests.support import acl
from tests.support.servers import StartCluster, StartServer, ValkeyServer, wait_until
from tests.support.targets import LLM_STRING, PROMPT, Half, answer

Halves = Callable[[LLMCache], Half]


def url_of(server: ValkeyServer) -> str:
    """Return the URL for the user with few rights."""
    return server.url_for(*acl.MINIMAL_USER)


async def everything(cache: LLMCache, half: Halves) -> None:
    """Do all that a cache does."""
    both = half(cache)
    for number in range(20):
        await both.lookup(f"{number}", LLM_STRING)
        await both.update(f"{number}", LLM_STRING, answer())
    found = await asyncio.gather(*(both.lookup(f"{n}", LLM_STRING) for n in range(20)))
    assert all(found)
    await both.delete("1", LLM_STRING)
    await both.ping()
    await both.clear()
    assert await both.lookup("2", LLM_STRING) is None
    stats = cache.stats()
    assert (stats.errors, stats.denied) == (0, 0)
    await cache.aclose()


async def test_a_server(own_valkey_server: StartServer, half: Halves) -> None:
    """All that the cache does on a server, leases too, needs the documented rights only."""
    server = own_valkey_server(users=acl.rules(acl.SINGLE))
    await everything(LLMCache.from_url(url_of(server), lease=5, timeout=5), half)
    assert acl.denied([server]) == []


@pytest.mark.parametrize("wanted", [None, True])
@pytest.mark.parametrize("replicas", [False, True])
async def test_a_cluster(
    valkey_cluster: StartCluster, half: Halves, wanted: bool | None, replicas: bool
) -> None:
    """On a cluster it needs two more, to read from replicas another one."""
    rights = f"{acl.CLUSTER} +readonly" if replicas else acl.CLUSTER
    servers = valkey_cluster(primaries=2, replicas=2 if replicas else 0, users=acl.rules(rights))
    cache = LLMCache.from_url(
        url_of(servers.nodes[0]), lease=5, timeout=5, cluster=wanted, read_from_replicas=replicas
    )
    if replicas:  # a replica may not have it yet
        await half(cache).update(PROMPT, LLM_STRING, answer())
        wait_until(lambda: sum(node.client().dbsize() for node in servers.nodes) == 2, "replicated")
        for _ in range(4):
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
        await half(cache).clear()
        await cache.aclose()
    else:
        await everything(cache, half)
    assert acl.denied(servers.nodes) == []


async def test_slots_are_denied(valkey_cluster: StartCluster, half: Halves) -> None:
    """A user who may not ask a cluster for its slots: misses, and the message says what to add."""
    servers = valkey_cluster(primaries=2, users=acl.rules(acl.SINGLE))
    cache = LLMCache.from_url(url_of(servers.nodes[0]), timeout=5)
    with pytest.raises(StoreError, match=r"add \+cluster\|slots to its rules"):
        await half(cache).clear()
    for number in range(10):
        await half(cache).lookup(f"{number}", LLM_STRING)
    assert cache.stats().denied > 0
    await cache.aclose()


async def test_a_slot_on_its_way_without_asking(valkey_cluster: StartCluster, half: Halves) -> None:
    """Slots that have moved are followed even by a user who may not say ASKING."""
    servers = valkey_cluster(primaries=2, users=acl.rules(f"{acl.SINGLE} +cluster|slots"))
    cache = LLMCache.from_url(url_of(servers.nodes[0]), timeout=5)
    for number in range(30):
        await half(cache).update(f"{number}", LLM_STRING, answer())
    servers.move_slots(servers.nodes[0], servers.nodes[1], 150)
    for number in range(30):
        assert await half(cache).lookup(f"{number}", LLM_STRING) is not None
    await cache.aclose()


@pytest.mark.parametrize("missing", ["+get", "+set", "+scan", "+unlink"])
async def test_a_missing_right_is_named(
    own_valkey_server: StartServer, half: Halves, missing: str
) -> None:
    """Without a right, what needs it fails as documented, and tells the command."""
    server = own_valkey_server(users=acl.rules(acl.SINGLE.replace(missing, "")))
    cache = LLMCache.from_url(url_of(server))
    await half(cache).update(PROMPT, LLM_STRING, answer())
    found = await half(cache).lookup(PROMPT, LLM_STRING)
    assert (found is None) == (missing in {"+get", "+set"})
    if missing in {"+scan", "+unlink"}:
        with pytest.raises(StoreError, match=f"(?i){missing.strip('+')}"):
            await half(cache).clear()
    else:
        assert cache.stats().denied > 0
    await cache.aclose()


async def test_a_server_without_mget(own_valkey_server: StartServer, half: Halves) -> None:
    """What a service has renamed or disabled is done without, if that can be."""
    server = own_valkey_server('rename-command MGET ""', 'rename-command STRLEN ""')
    await everything(LLMCache.from_url(server.url, lease=5, timeout=5), half)
