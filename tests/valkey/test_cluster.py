"""Valkey Cluster: every key where it belongs, and whatever happens to the nodes."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langgraph_checkpoint_aws import ValkeyCache
from typing_extensions import Self
from valkey import ConnectionPool, Valkey
from valkey.asyncio import ValkeyCluster as AsyncValkeyCluster
from valkey.crc import key_slot
from valkey.exceptions import InvalidResponse, ResponseError

from langchain_llmcache import ConfigurationError, LLMCache, StoreError
from langchain_llmcache._valkey.router import Router, two_keys_of_nobody
from langchain_llmcache._valkey.topology import Address, Topology
from tests.support.patience import LATE, PATIENT, SOON, soon
from tests.support.servers import (
    Server,
    StartCluster,
    StartServer,
    ValkeyClusterServers,
    ValkeyServer,
    wait_until,
)
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]
# Enough for each of three primaries to have many of them.
PROMPTS = [f"prompt {number}" for number in range(60)]


@pytest.fixture
def cache(cluster: ValkeyClusterServers) -> Iterator[LLMCache]:
    """A cache on the shared cluster, which it has to find out to be one."""
    with LLMCache.from_url(cluster.url, timeout=PATIENT) as opened:
        yield opened


async def fill(half: Half, prompts: list[str] = PROMPTS) -> None:
    """Store an answer for each prompt."""
    for prompt in prompts:
        await half.update(prompt, LLM_STRING, answer(prompt))


async def hits(half: Half, prompts: list[str] = PROMPTS) -> int:
    """Return how many prompts have their own answer; another's fails the test."""
    found = [texts(await half.lookup(prompt, LLM_STRING)) for prompt in prompts]
    for prompt, answers in zip(prompts, found, strict=True):
        assert answers in (None, [prompt])
    return sum(answers is not None for answers in found)


def keys_of(nodes: list[ValkeyServer]) -> list[int]:
    """Return how many keys each node has."""
    counts = []
    for node in nodes:
        with node.client() as client:
            counts.append(client.dbsize())
    return counts


# --- where commands go ---


@pytest.mark.parametrize("wanted", [None, True])
async def test_entries_are_spread_and_found(
    cluster: ValkeyClusterServers, half: Halves, wanted: bool | None
) -> None:
    """Answers go to all primaries and are found again, from whichever node one begins with."""
    for node in cluster.nodes:
        cluster.flush()
        async with LLMCache.from_url(node.url, cluster=wanted, timeout=PATIENT) as cache:
            await fill(half(cache))
            assert await hits(half(cache)) == len(PROMPTS)
            assert cache.stats().errors == 0
        assert min(keys_of(cluster.primaries)) > 0
        assert sum(keys_of(cluster.primaries)) == len(PROMPTS)


async def test_a_lookup_is_one_get_at_one_node(
    cluster: ValkeyClusterServers, cache: LLMCache, half: Halves
) -> None:
    """Once the cluster is known, a lookup is one GET to the key's primary, a store one SET."""
    await fill(half(cache))
    with cluster.monitor() as monitors:
        assert await hits(half(cache), ["prompt 7"]) == 1
        # (What was stored before may reach a replica only now.)
        seen = [command.name for monitor in monitors for command in monitor.all_commands]
        assert [name for name in seen if name != "SET"] == ["GET"]
        for monitor in monitors:
            monitor.forget()
        await half(cache).update("prompt 7", LLM_STRING, answer("prompt 7"))
        names = [c.name for m in monitors[:3] for c in m.all_commands]
        assert names == ["SET"]


async def test_concurrent_lookups_travel_together(
    cluster: ValkeyClusterServers, cache: LLMCache
) -> None:
    """64 lookups of one turn of the loop need one connection to each primary, not 64."""
    both = Half("async", cache)
    await fill(both)
    await cache.aclose()
    found = await asyncio.gather(
        *(cache.alookup(PROMPTS[number % 60], LLM_STRING) for number in range(64))
    )
    assert all(found)
    for node in cluster.primaries:
        with node.client() as client:
            ours = [c for c in client.client_list() if c["cmd"] in {"get", "cluster|slots"}]
            assert len(ours) <= 2  # one of them asked for the slots
    await cache.aclose()


async def test_clear_reaches_every_primary(
    cluster: ValkeyClusterServers, cache: LLMCache, half: Halves
) -> None:
    """``clear`` removes the entries of all nodes, leaves others', and is told nothing wrong."""
    for number in range(1200):
        await half(cache).update(f"prompt {number}", LLM_STRING, answer())
    with contextlib.closing(cluster.client()) as client:
        client.set("somebody:else", "1")
    with cluster.monitor() as monitors:
        await half(cache).clear()
        names = {command.name for monitor in monitors[:3] for command in monitor.commands}
        for monitor in monitors[:3]:
            assert "SCAN" in monitor.names
    assert names <= {"SCAN", "UNLINK", "CLUSTER", "REPLCONF", "PING"}
    assert sum(keys_of(cluster.primaries)) == 1


async def test_clear_is_the_first_thing_that_is_done(
    cluster: ValkeyClusterServers, half: Halves
) -> None:
    """A cache that does not know yet that it is on a cluster clears all of it."""
    async with LLMCache.from_url(cluster.url, timeout=PATIENT) as writer:
        await fill(half(writer))
    async with LLMCache.from_url(cluster.url, timeout=PATIENT) as fresh:
        await half(fresh).clear()
    assert keys_of(cluster.primaries) == [0, 0, 0]


async def test_one_node_that_has_all_slots(valkey_cluster: StartCluster, half: Halves) -> None:
    """A cluster of one node (it never redirects) is found out, and served, all the same."""
    alone = valkey_cluster(primaries=1)
    async with LLMCache.from_url(alone.url, timeout=PATIENT) as cache:
        await fill(half(cache))
        found = await asyncio.gather(*(cache.alookup(p, LLM_STRING) for p in PROMPTS))
        assert [texts(hit) for hit in found] == [[prompt] for prompt in PROMPTS]
        assert await half(cache).delete(PROMPTS[0], LLM_STRING) is True
        await half(cache).clear()
        assert await hits(half(cache)) == 0
        assert cache.stats().errors == 0


async def test_a_prefix_with_a_hash_tag(cluster: ValkeyClusterServers, half: Halves) -> None:
    """A prefix with ``{a tag}`` keeps all entries in one slot; they are found and cleared."""
    async with LLMCache.from_url(cluster.url, prefix="{tag}[*]:", timeout=PATIENT) as cache:
        await fill(half(cache))
        assert await hits(half(cache)) == len(PROMPTS)
        assert sorted(keys_of(cluster.primaries)) == [0, 0, len(PROMPTS)]
        await half(cache).clear()
    assert keys_of(cluster.primaries) == [0, 0, 0]


async def test_replicas_are_read(cluster: ValkeyClusterServers, half: Halves) -> None:
    """With ``read_from_replicas=True`` replicas answer lookups, too."""
    async with LLMCache.from_url(
        cluster.url, cluster=True, read_from_replicas=True, timeout=PATIENT
    ) as cache:
        await fill(half(cache))
        replicated = len(PROMPTS)
        wait_until(lambda: sum(keys_of(cluster.replicas)) == replicated, "replicated")
        with cluster.monitor() as monitors:
            assert await hits(half(cache)) == len(PROMPTS)
            gets = [monitor.names.count("GET") for monitor in monitors]
    assert min(gets) > 0
    assert sum(gets) == len(PROMPTS)  # none was redirected


async def test_leases(cluster: ValkeyClusterServers, half: Halves) -> None:
    """One cache asks for all, on a cluster too: another one waits for its answer."""
    async with (
        LLMCache.from_url(cluster.url, lease=LATE, timeout=PATIENT) as first,
        LLMCache.from_url(cluster.nodes[2].url, lease=LATE, timeout=PATIENT) as second,
    ):
        for prompt in PROMPTS[:5]:
            assert await half(first).lookup(prompt, LLM_STRING) is None
            # (What begins in the context of a leader does not wait for it.)
            elsewhere = contextvars.Context()
            waiting = elsewhere.run(asyncio.create_task, second.alookup(prompt, LLM_STRING))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await half(first).update(prompt, LLM_STRING, answer(prompt))
            assert texts(await waiting) == [prompt]
        assert first.stats().errors == second.stats().errors == 0


# --- clients that a user has ---


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_a_cluster_client_inside_a_valkey_cache(
    cluster: ValkeyClusterServers, half: Halves
) -> None:
    """``ValkeyCache(client=ValkeyCluster(...))``, which cannot write by itself, works."""
    with contextlib.closing(cluster.client()) as client:
        async with LLMCache(ValkeyCache(client, prefix="mine:", ttl=60), timeout=PATIENT) as cache:
            await fill(half(cache))
            assert await hits(half(cache)) == len(PROMPTS)
            await half(cache).clear()
            assert await hits(half(cache)) == 0
            assert cache.stats().errors == 0
        assert client.ping(target_nodes="all")


@pytest.mark.parametrize("read_from_replicas", [False, True])
async def test_a_cluster_client_that_greets(
    cluster: ValkeyClusterServers, half: Halves, *, read_from_replicas: bool
) -> None:
    """What a user's connections do first (``valkey_connect_func``) is done on the cache's, too."""
    greeted: list[str] = []

    def greet(connection: Any) -> None:
        connection.send_command("CLIENT", "SETNAME", "greeted")
        greeted.append(connection.read_response())

    options: dict[str, Any] = {"read_from_replicas": read_from_replicas}
    with contextlib.closing(cluster.client(valkey_connect_func=greet, **options)) as client:
        async with LLMCache(ValkeyCache(client), timeout=PATIENT) as cache:
            greeted.clear()
            await fill(half(cache))
            assert len(greeted) >= len(cluster.primaries)
            assert await hits(half(cache)) == len(PROMPTS)
            assert cache.stats().errors == 0


async def test_an_asyncio_cluster_client_beside_it(cluster: ValkeyClusterServers) -> None:
    """An asyncio cluster client lends its settings to the async half."""
    async_client = AsyncValkeyCluster.from_url(cluster.url)
    with contextlib.closing(cluster.client()) as client:
        async with LLMCache(
            ValkeyCache(client), async_client=async_client, timeout=PATIENT
        ) as cache:
            await fill(Half("async", cache))
            assert await hits(Half("async", cache)) == len(PROMPTS)
    await async_client.aclose()


async def test_a_plain_client_on_a_cluster(cluster: ValkeyClusterServers, half: Halves) -> None:
    """A client for one server that was pointed at a node of a cluster serves, too."""
    pool = ConnectionPool(port=cluster.nodes[1].port)  # the host is valkey-py's own
    with contextlib.closing(Valkey(connection_pool=pool)) as client:
        async with LLMCache(ValkeyCache(client), timeout=PATIENT) as cache:
            await fill(half(cache))
            assert await hits(half(cache)) == len(PROMPTS)


async def test_wrong_expectations_are_explained(
    server: Server, cluster: ValkeyClusterServers, half: Halves
) -> None:
    """``cluster=True`` for a single server, ``False`` for a cluster: misses, and ``ping`` says why."""
    single = LLMCache.from_url(server.url, cluster=True)
    assert await half(single).lookup(PROMPT, LLM_STRING) is None
    with pytest.raises(StoreError, match="belongs to no cluster: leave out cluster=True"):
        await half(single).ping()
    stubborn = LLMCache.from_url(cluster.url, cluster=False)
    assert await hits(half(stubborn)) == 0
    with pytest.raises(ConfigurationError, match="needs a host"):
        LLMCache.from_url("unix:///run/valkey.sock", cluster=True)
    for cache in (single, stubborn):
        await cache.aclose()


# --- trouble ---


class Load:
    """Threads and a loop that look up and store for as long as the block lasts.

    Attributes:
        problems: What reached the application, or answered another question.
        hits: Lookups that found their answer.
        slowest: Seconds of the slowest call.
    """

    def __init__(self, cache: LLMCache) -> None:
        self._cache = cache
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(3)
        self._lock = threading.Lock()
        self.problems: list[object] = []
        self.hits = 0
        self.slowest = 0.0

    def __enter__(self) -> Self:
        self._running = [
            self._pool.submit(self._sync, 0),
            self._pool.submit(self._sync, 20),
            self._pool.submit(asyncio.run, self._async()),
        ]
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        for running in self._running:
            running.result(timeout=30)
        self._pool.shutdown()

    def _note(self, prompt: str, found: Any, began: float) -> None:
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
            if found is not None:
                self.hits += 1
                if texts(found) != [prompt]:
                    self.problems.append((prompt, texts(found)))

    def _sync(self, number: int) -> None:
        while not self._over.is_set():
            number += 1
            prompt = PROMPTS[number % 60]
            began = time.monotonic()
            try:
                found = self._cache.lookup(prompt, LLM_STRING)
                self._note(prompt, found, began)
                if found is None:
                    self._cache.update(prompt, LLM_STRING, answer(prompt))
            except BaseException as error:
                self.problems.append(error)
            time.sleep(0.01)

    async def _async(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            found = await asyncio.gather(
                *(self._cache.alookup(prompt, LLM_STRING) for prompt in PROMPTS),
                return_exceptions=True,
            )
            for prompt, hit in zip(PROMPTS, found, strict=True):
                if isinstance(hit, BaseException):
                    self.problems.append(hit)
                    continue
                self._note(prompt, hit, began)
                if hit is None:
                    await self._cache.aupdate(prompt, LLM_STRING, answer(prompt))
            await asyncio.sleep(0.05)


def descriptors() -> int:
    """Return how many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def all_hit(cache: LLMCache) -> bool:
    """Tell whether every prompt is found, sync and async; store those that are not."""

    async def found_async() -> list[Any]:
        found = []
        for prompt in PROMPTS:
            found.append(await cache.alookup(prompt, LLM_STRING))
            if found[-1] is None:
                await cache.aupdate(prompt, LLM_STRING, answer(prompt))
        return found

    return all(asyncio.run(found_async())) and all(
        cache.lookup(prompt, LLM_STRING) for prompt in PROMPTS
    )


def trouble_under_load(servers: ValkeyClusterServers, trouble: Callable[[], object]) -> LLMCache:
    """Let something happen to a cluster under load, and see the cache come back."""
    cache = LLMCache.from_url(servers.url, single_flight=False, timeout=0.5)
    assert wait_and_hit(cache)
    before = descriptors()
    with Load(cache) as load:
        time.sleep(0.3)
        trouble()
        time.sleep(0.5)
    assert load.problems == []
    assert load.hits > 0
    assert load.slowest < SOON
    assert wait_and_hit(cache)
    # The idle connections of threads, at most one for each to each node.
    assert descriptors() <= before + 3 * len(servers.nodes)
    cache.close()
    return cache


def wait_and_hit(cache: LLMCache) -> bool:
    """Wait until each shard gives hits again."""
    wait_until(lambda: all_hit(cache), "hits on every shard", seconds=LATE, every=0.1)
    return True


@pytest.mark.long
def test_a_primary_is_killed_under_load(valkey_cluster: StartCluster) -> None:
    """Failover: no exception, no wrong answer, then hits on every shard again."""
    servers = valkey_cluster(primaries=3, replicas=3)
    trouble_under_load(servers, lambda: servers.fail_over(servers.nodes[0]))


@pytest.mark.long
def test_slots_move_under_load(valkey_cluster: StartCluster) -> None:
    """800 slots with their keys move to another node: nobody notices."""
    servers = valkey_cluster(primaries=3)
    first, second, _ = servers.nodes
    trouble_under_load(servers, lambda: servers.move_slots(first, second, 800))


@pytest.mark.long
def test_all_nodes_restart_under_load(valkey_cluster: StartCluster) -> None:
    """All nodes die and come back empty: answers are stored and found again."""
    servers = valkey_cluster(primaries=3, replicas=0)
    trouble_under_load(servers, servers.restart)


async def test_a_slot_on_its_way(valkey_cluster: StartCluster, half: Halves) -> None:
    """Entries of a slot that is being moved are found in the middle of it (ASK) and after (MOVED)."""
    servers = valkey_cluster(primaries=2)
    source, target = servers.nodes
    async with LLMCache.from_url(servers.url, timeout=PATIENT) as cache:
        both = half(cache)
        with source.client() as client:
            prompt = ""
            while not client.dbsize():  # until one is stored there
                prompt = PROMPTS[PROMPTS.index(prompt) + 1] if prompt else PROMPTS[0]
                await fill(both, [prompt])
            [taken] = client.keys()
        await fill(both)
        slot = key_slot(taken)
        with source.client() as giver, target.client() as taker:
            for raw in (giver, taker):
                raw.response_callbacks.clear()
            giver_id = giver.execute_command("CLUSTER MYID").decode()
            taker_id = taker.execute_command("CLUSTER MYID").decode()
            taker.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", giver_id)
            giver.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", taker_id)
            assert await hits(both, [prompt]) == 1  # still at the source
            giver.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", taken)
            assert await hits(both, [prompt]) == 1  # ASK
            await both.update(prompt, LLM_STRING, answer(prompt))
            for raw in (taker, giver):
                raw.execute_command("CLUSTER SETSLOT", slot, "NODE", taker_id)
        assert await hits(both) == len(PROMPTS)  # MOVED
        assert cache.stats().errors == 0
        await both.clear()
        assert keys_of(servers.nodes) == [0, 0]


async def test_a_clear_while_slots_move(valkey_cluster: StartCluster, half: Halves) -> None:
    """Keys that move behind the back of ``clear`` are found by its next round."""
    servers = valkey_cluster(primaries=2)
    async with LLMCache.from_url(servers.url, timeout=PATIENT) as cache:
        await fill(half(cache), [f"prompt {number}" for number in range(300)])
        mover = threading.Thread(
            target=servers.move_slots, args=(servers.nodes[1], servers.nodes[0], 200)
        )
        mover.start()
        try:
            await half(cache).clear()
        except StoreError as error:
            assert "kept moving" in str(error)  # noqa: PT017 - it may, and must not claim to be done
        finally:
            mover.join()
        await half(cache).clear()
    assert keys_of(servers.nodes) == [0, 0]


async def test_a_stall_of_the_only_endpoint(valkey_cluster: StartCluster, half: Halves) -> None:
    """A cluster of one endpoint that stalls is used again when it goes on (valkey-py issue 327)."""
    servers = valkey_cluster(primaries=1)
    async with LLMCache.from_url(
        servers.url, cluster=True, timeout=1, single_flight=False
    ) as cache:
        await fill(half(cache))
        with servers.nodes[0].frozen():
            for _ in range(4):
                with soon():
                    assert await half(cache).lookup(PROMPTS[0], LLM_STRING) is None
        with soon(LATE):
            while await hits(half(cache)) < len(PROMPTS):
                pass


async def test_a_primary_that_hangs_leaves_reads_to_its_replica(
    valkey_cluster: StartCluster, half: Halves
) -> None:
    """With ``read_from_replicas=True`` a frozen node costs a few deadlines; then all are hits."""
    servers = valkey_cluster(primaries=1, replicas=1)
    primary, replica = servers.nodes
    with LLMCache.from_url(servers.url) as writer, contextlib.closing(primary.client()) as client:
        writer.update(PROMPT, LLM_STRING, answer())
        wait_until(lambda: f"{replica.port}" in str(client.cluster("slots")), "it is told of")
    with contextlib.closing(replica.client()) as client:
        wait_until(client.dbsize, "it has the entry")
    async with LLMCache.from_url(
        servers.url, cluster=True, read_from_replicas=True, timeout=1, single_flight=False
    ) as cache:
        await half(cache).lookup(PROMPT, LLM_STRING)
        with primary.frozen():
            found = [await half(cache).lookup(PROMPT, LLM_STRING) for _ in range(20)]
        assert sum(each is not None for each in found) > 10


def test_only_beside_others_is_a_silent_node_left_alone() -> None:
    """Where nobody asks another node, the breaker sees all of it, and no probe must be spared."""
    node, other = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
    topology = Topology((node, other))
    for _ in range(3):
        topology.was_silent(node, 100.0, pause=1.0)
    assert not topology.take_rest(node, 100.5, pause=1.0)
    topology.has_answered(other, 100.5)
    assert topology.take_rest(node, 100.5, pause=1.0)


async def test_a_node_that_hangs_delays_few(valkey_cluster: StartCluster, half: Halves) -> None:
    """A frozen primary costs a few deadlines; then its keys are misses at once, others' hits."""
    servers = valkey_cluster(primaries=3)
    async with LLMCache.from_url(servers.url, timeout=1, single_flight=False) as cache:
        await fill(half(cache))
        frozen = keys_of(servers.primaries)[2]
        with servers.nodes[2].frozen(), soon():
            assert await hits(half(cache)) == len(PROMPTS) - frozen


async def test_cancelled_calls_leave_no_connection(
    cluster: ValkeyClusterServers, cache: LLMCache
) -> None:
    """200 cancelled lookups cost no connection (valkey-py's cluster client loses some)."""
    both = Half("async", cache)
    await fill(both)
    assert await hits(both) == len(PROMPTS)

    def clients() -> int:
        total = 0
        for node in cluster.primaries:
            with node.client() as client:
                total += len(client.client_list())
        return total

    before = clients()
    for number in range(200):
        task = asyncio.create_task(cache.alookup(PROMPTS[number % 60], LLM_STRING))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.002)  # an exchange goes on when its caller is gone
    assert await hits(both) == len(PROMPTS)
    assert clients() <= before + 12
    await cache.aclose()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_one_loop_after_another(cluster: ValkeyClusterServers, cache: LLMCache) -> None:
    """100 successive ``asyncio.run`` on a cluster leave no socket open, and ask for slots once."""
    asyncio.run(fill(Half("async", cache)))
    before = descriptors()
    with cluster.monitor() as monitors:
        for number in range(100):
            assert asyncio.run(cache.alookup(PROMPTS[number % 60], LLM_STRING)) is not None
        names = {name for monitor in monitors[:3] for name in monitor.names}
    assert descriptors() <= before
    assert "GET" in names
    assert "CLUSTER" not in names


def use_before_and_after_a_fork(url: str) -> None:
    """Use a cache here, in a child, and here again."""
    cache = LLMCache.from_url(url, timeout=PATIENT)
    cache.update(PROMPT, LLM_STRING, answer())
    assert cache.lookup(PROMPT, LLM_STRING) is not None
    child = os.fork()
    if child == 0:
        code = 1
        try:
            found = [cache.lookup(PROMPT, LLM_STRING) for _ in range(50)]
            found.append(asyncio.run(cache.alookup(PROMPT, LLM_STRING)))
            code = 0 if all(found) and cache.stats().errors == 0 else 2
        finally:
            os._exit(code)
    for _ in range(50):
        assert cache.lookup(PROMPT, LLM_STRING) is not None
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    cache.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_cache_made_before_a_fork(
    cluster: ValkeyClusterServers, small_process: Callable[..., Any]
) -> None:
    """A child that was forked off uses connections of its own."""
    small_process(use_before_and_after_a_fork, cluster.url)


async def test_a_cluster_that_is_not_there(half: Halves) -> None:
    """Nobody at the address: misses in time, and ``ping`` says so."""
    cache = LLMCache.from_url("valkey://127.0.0.1:1", cluster=True)
    with soon():
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1"):
        await half(cache).ping()


async def test_a_replica_that_is_gone(valkey_cluster: StartCluster, half: Halves) -> None:
    """Reads that would go to a dead replica are answered by its primary."""
    servers = valkey_cluster(primaries=1, replicas=1)
    async with LLMCache.from_url(
        servers.url, cluster=True, read_from_replicas=True, timeout=PATIENT
    ) as cache:
        await fill(half(cache))
        wait_until(lambda: keys_of(servers.nodes) == [60, 60], "replicated")
        servers.nodes[1].kill()
        assert await hits(half(cache)) == len(PROMPTS)
        assert cache.stats().errors == 0


def test_single_servers_are_asked_nothing(own_valkey_server: StartServer) -> None:
    """Finding out costs a single server no command, but for the first ``clear``."""
    server = own_valkey_server()
    with server.monitor() as monitor, LLMCache.from_url(server.url) as cache:
        cache.update(PROMPT, LLM_STRING, answer())
        assert cache.lookup(PROMPT, LLM_STRING) is not None
        assert [command.name for command in monitor.all_commands] == ["SET", "GET"]
        cache.clear()
        monitor.forget()
        cache.clear()
        assert monitor.names == ["SCAN"]


# --- what nodes say about each other ---

ASKED = Address("first.test", 7000)


def test_slots_are_read() -> None:
    """CLUSTER SLOTS may name hosts, leave them out, or not know them."""
    topology = Topology([ASKED])
    topology.learn(
        topology.parse(
            [
                [0, 99, [b"10.0.0.1", 7001, b"id", []], [b"10.0.0.2", 7002, b"id", []]],
                [100, 199, [b"", 7003, b"id"]],
                [200, 299, [None, 7004, b"id"]],
                [300, 399, ["?", 7005, "id"]],
            ],
            ASKED,
        )
    )
    assert topology.shard(0) == (("10.0.0.1", 7001), ("10.0.0.2", 7002))
    assert [topology.shard(slot) for slot in (150, 250, 350)] == [
        (("first.test", port),) for port in (7003, 7004, 7005)
    ]
    assert topology.shard(400) is None
    assert topology.uncovered() == 16_384 - 400
    assert len(topology.primaries()) == 4
    assert len(topology.nodes()) == 5
    assert topology.candidates().count(ASKED) == 1


NODE = [b"10.0.0.1", 7001, b"id"]


@pytest.mark.parametrize(
    "reply",
    [
        1,
        None,
        [0, 1],
        [[0]],
        [[0, 10**12, NODE]],  # would take terabytes
        [[-5, -1, NODE]],
        [[9, 1, NODE]],
        [[b"0", b"1", NODE]],
        [[0, 1, b"10.0.0.1"]],
        [[0, 1, [b"10.0.0.1", 70_000]]],
        [[0, 1, [b"\xff", 7001]]],
        [[0, 1, [[], 7001]]],
    ],
)
def test_slots_that_are_none_are_refused(reply: Any) -> None:
    """What no cluster says about itself is told, and costs nothing."""
    with pytest.raises(InvalidResponse):
        Topology([ASKED]).parse(reply, ASKED)


@pytest.mark.parametrize("text", ["", "10.0.0.1", "10.0.0.1:", "10.0.0.1:x", ":-1"])
def test_redirections_to_nowhere_are_refused(text: str) -> None:
    """A MOVED or ASK without a port is no answer of a cluster."""
    with pytest.raises(InvalidResponse):
        Topology([ASKED]).target(text, ASKED)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.9:7009", ("10.0.0.9", 7009)),
        ("node.test:1", ("node.test", 1)),
        (":7009", ("first.test", 7009)),
        ("::1:7009", ("::1", 7009)),
    ],
)
def test_redirections_are_read(text: str, address: tuple[str, int]) -> None:
    """MOVED and ASK name a host, or only a port, or an IPv6 address."""
    topology = Topology([ASKED])
    assert topology.target(text, ASKED) == address
    assert topology.moved(5, text, ASKED) == address
    assert topology.shard(5) == (address,)


def test_addresses_are_remapped() -> None:
    """``address_remap`` of a user's client holds for slots and redirections."""
    topology = Topology([ASKED], lambda at: ("outside.test", at[1] + 1000))
    topology.learn(topology.parse([[0, 16_383, [b"10.0.0.1", 7001, b"id"]]], ASKED))
    assert topology.shard(0) == (("outside.test", 8001),)
    assert topology.target("10.0.0.1:7001", ASKED) == ("outside.test", 8001)


def test_seeds_are_never_forgotten() -> None:
    """Whatever the cluster says about itself, the address from the start stays a way in."""
    topology = Topology([ASKED])
    topology.learn(topology.parse([[0, 16_383, [b"10.0.0.1", 7001, b"id"]]], ASKED))
    for _ in range(5):
        topology.was_silent(Address("10.0.0.1", 7001), 0.0, 1.0)
    assert ASKED in topology.candidates()


class Becoming:
    """The connections to a server that becomes part of a cluster."""

    is_in_cluster = False

    async def exchange(self, node: Address | None, commands: Any, *_: Any) -> list[Any]:
        """Answer as that server, or as the node that has its keys by now."""
        if not self.is_in_cluster:
            return [0 for _ in commands]
        if commands == [("CLUSTER", "SLOTS")]:
            return [[[0, 16_383, [b"10.0.0.1", 7001, b"id"]]]]
        there = node == Address("10.0.0.1", 7001)
        return [b"value" if there else ResponseError("MOVED 5 10.0.0.1:7001") for _ in commands]

    async def share(self, work: Callable[[], Any], _: float) -> None:
        """Do it."""
        await work()

    async def sleep(self, _: float) -> None:
        """Do not."""

    async def retain(self, nodes: set[Address]) -> None:
        """Keep all."""


async def test_a_server_that_becomes_part_of_a_cluster() -> None:
    """That it was none when all keys were looked for is not remembered for good."""
    nodes = Becoming()
    here = Topology([ASKED], is_cluster=None)
    router = Router(here, nodes, timeout=PATIENT, prefix="llm_cache:")
    assert await router.survey() == 0
    nodes.is_in_cluster = True
    assert await router.send(b"key", ("GET", b"key")) == b"value"
    assert await router.survey() > 0


@pytest.mark.parametrize("prefix", ["llm_cache:", "app[prod]*?\\^-:", "ü:", "{tag}:", ""])
def test_keys_of_nobody_are_under_the_prefix(prefix: str) -> None:
    """The keys that find out a cluster begin with the prefix, as a user's rights may demand."""
    first, second = two_keys_of_nobody(prefix)
    assert first != second
    assert all(key.startswith(prefix.encode()) for key in (first, second))
    assert (key_slot(first) == key_slot(second)) == (prefix == "{tag}:")
