"""Busy loops and bursts: the deadline judges the server, and nothing else."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from valkey import Connection
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from langchain_llmcache import LLMCache
from langchain_llmcache._flow.ports import Overloaded
from langchain_llmcache._valkey import aio_line, deadline
from langchain_llmcache._valkey.aio_line import Line
from langchain_llmcache._valkey.sync_pool import SyncPool
from tests.support.patience import LATE, PATIENT, eventually, soon
from tests.support.proxy import BlackHole, Delay, Drip, FaultProxy, Throttle
from tests.support.servers import HOST, Server, ValkeyClusterServers
from tests.support.targets import LLM_STRING, PROMPT, answer, texts

pytestmark = pytest.mark.server

# Seconds: the deadline that users get if they say nothing.
DEFAULT = 0.5


@pytest.fixture(params=["server", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    """URL of a single server, and of a cluster."""
    servers: Any = request.getfixturevalue(request.param)
    where: str = servers.url
    return where


def prompts(count: int) -> list[str]:
    """Return so many prompts."""
    return [f"{PROMPT} {number}" for number in range(count)]


async def store(cache: LLMCache, asked: list[str], text: str = "") -> None:
    """Store an answer for each prompt, at once."""
    await asyncio.gather(
        *(cache.aupdate(prompt, LLM_STRING, answer(text or prompt)) for prompt in asked)
    )


def block(seconds: float) -> None:
    """Do what keeps a loop from its work."""
    time.sleep(seconds)


async def hits(cache: LLMCache, asked: list[str]) -> int:
    """Look all prompts up at once; return how many were found. Each has its own answer."""
    found = await asyncio.gather(*(cache.alookup(prompt, LLM_STRING) for prompt in asked))
    for prompt, each in zip(asked, found, strict=True):
        assert texts(each) in (None, [prompt])
    return sum(each is not None for each in found)


def untroubled(cache: LLMCache) -> bool:
    """Tell whether nothing was lost."""
    stats = cache.stats()
    return (stats.errors, stats.shed, stats.skipped, stats.breaker) == (0, 0, 0, "closed")


# ---------------------------------------------------------------------------- busy loops


@pytest.mark.parametrize("seconds", [0.6, 2.0])
async def test_a_loop_that_is_blocked_after_each_question(url: str, seconds: float) -> None:
    """Replies that lie in the socket are taken, however late the loop looks."""
    async with LLMCache.from_url(url, timeout=DEFAULT, lease=30) as cache:
        await store(cache, prompts(2))
        for prompt in prompts(2):
            asking = asyncio.create_task(cache.alookup(prompt, LLM_STRING))
            await asyncio.sleep(0.01)
            block(seconds)
            assert texts(await asking) == [prompt]
        # A store, and a lease, while the loop is blocked.
        asking = asyncio.create_task(cache.alookup("new", LLM_STRING))
        await asyncio.sleep(0.01)
        block(seconds)
        assert await asking is None
        storing = asyncio.create_task(cache.aupdate("new", LLM_STRING, answer("new")))
        await asyncio.sleep(0)
        block(seconds)
        await storing
        assert await hits(cache, ["new"]) == 1
        assert untroubled(cache)


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_a_loop_that_is_blocked_at_any_moment(url: str, turns: int) -> None:
    """From the first turn on, the connection and the cluster's slots included."""
    asked = prompts(20)
    async with LLMCache.from_url(url, timeout=DEFAULT) as writer:
        await store(writer, asked)
    for first in (True, False):
        async with LLMCache.from_url(url, timeout=DEFAULT) as cache:
            if not first:
                assert await hits(cache, asked) == len(asked)
            asking = asyncio.create_task(hits(cache, asked))
            for _ in range(turns):
                await asyncio.sleep(0)
            block(0.6)
            assert await asking == len(asked)
            assert untroubled(cache)


async def test_a_loop_that_is_blocked_again_and_again(url: str) -> None:
    """CPU-bound steps between all turns."""
    asked = prompts(40)
    async with LLMCache.from_url(url, timeout=DEFAULT) as cache:
        await store(cache, asked)
        over = False

        async def work() -> None:
            while not over:
                block(0.3)
                await asyncio.sleep(0)

        blocking = asyncio.create_task(work())
        for prompt in asked[:2]:
            assert await hits(cache, [prompt]) == 1
        assert await hits(cache, asked) == len(asked)
        over = True
        await blocking
        assert untroubled(cache)


async def test_a_loop_that_is_blocked_while_it_connects(url: str) -> None:
    """CPU-bound steps between the turns of a cache's first use, each longer than the deadline."""
    asked = prompts(20)
    async with LLMCache.from_url(url, timeout=0.2) as cache:

        async def work() -> None:
            for _ in range(6):
                block(0.3)
                await asyncio.sleep(0)

        for use in (store(cache, asked), hits(cache, asked)):
            blocking = asyncio.create_task(work())
            await use
            await blocking
        assert await hits(cache, asked) == len(asked)
        assert untroubled(cache)


async def test_a_frozen_server_and_a_loop_that_never_rests(own_valkey_server: Any) -> None:
    """A server that is silent is left alone, although each turn of the loop takes long."""
    server = own_valkey_server()
    async with LLMCache.from_url(server.url, timeout=0.1) as cache:
        await cache.aupdate(PROMPT, LLM_STRING, answer())
        with server.frozen(), soon():
            asking = asyncio.create_task(cache.alookup(PROMPT, LLM_STRING))
            while not asking.done():
                block(0.03)
                await asyncio.sleep(0)
        assert await asking is None
        assert cache.stats().errors == 1


async def test_large_answers_and_a_blocked_loop(server: Server) -> None:
    """What does not fit into the socket's buffers goes on to come when the loop is free."""
    asked = prompts(16)
    async with LLMCache.from_url(server.url, timeout=DEFAULT) as cache:
        for prompt in asked:
            await cache.aupdate(prompt, LLM_STRING, answer(prompt + "x" * 1_000_000))
        asking = [asyncio.create_task(cache.alookup(prompt, LLM_STRING)) for prompt in asked]
        await asyncio.sleep(0.002)
        block(1)
        assert all(await asyncio.gather(*asking))
        assert untroubled(cache)


async def test_what_waits_while_a_loop_is_blocked() -> None:
    """It has that time again; what came later has not; a connection that is made gives as much."""
    settings: Any = SimpleNamespace(timeout=DEFAULT)
    line: Any = Line(asyncio.get_running_loop(), settings, gathers=True, leave_idle=lambda: None)
    line._connecting = asyncio.get_running_loop().create_future()
    now = time.monotonic()
    asking = line.exchange([("GET", b"key")], now + DEFAULT, None)
    line._shed(now + 1.9 * DEFAULT)
    assert not asking.done()
    began = line._waiting[0].began
    line._wakes_at = began + 0.1
    line._give_back(began + 4.1)  # the loop was busy for 4 seconds
    assert line._waiting[0].deadline == pytest.approx(now + DEFAULT + 4)
    later = line.exchange([("GET", b"key")], now + 4.2 + DEFAULT, None)
    line._waiting[1].began = began + 4.05  # in the turn that took so long
    line._give_back(began + 4.1)
    assert line._waiting[1].deadline == pytest.approx(now + 4.25 + DEFAULT, abs=0.01)
    line._connecting = None
    line._shed(now + 99)
    for each in (asking, later):
        with pytest.raises(ValkeyTimeoutError, match="connecting"):
            await each
    line.let_go()


async def test_a_server_that_is_slow_and_not_silent() -> None:
    """What waited for a connection, and then for a slow reply, has more time; none is its failure."""
    settings: Any = SimpleNamespace(timeout=LATE)
    line: Any = Line(asyncio.get_running_loop(), settings, gathers=True, leave_idle=lambda: None)
    now = time.monotonic()
    line._wire = SimpleNamespace(sent=[], since=now + 0.6 * LATE)
    line._has_turn = True  # nothing is sent
    asking = line.exchange([("GET", b"key")], now + LATE, None)
    shorter = line.exchange([("GET", b"key")], now + 0.4 * LATE, None)
    line._shed(now + 1.1 * LATE)
    assert not asking.done()
    line._wire.since = now + 1.9 * LATE
    line._shed(now + 2.1 * LATE)
    line._wire = None
    line.let_go()
    with pytest.raises(Overloaded):
        await asking
    with pytest.raises(ValkeyTimeoutError, match="reading"):
        await shorter


class Hanging:
    """Settings with which no connection comes about."""

    timeout = 2.0

    def async_connection(self) -> Any:
        """Return what has only to be closed."""
        return mock.AsyncMock()

    async def async_connect(self, _: Any) -> None:
        """Hang."""
        await asyncio.get_running_loop().create_future()


async def test_connections_that_hang_cost_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those who came while the attempt was under way: the next one does not hold them."""
    # (A busy machine is no busy loop here, which would have more time.)
    monkeypatch.setattr(aio_line, "_LATE", LATE)
    settings: Any = Hanging()
    took = []
    for settings.timeout in (2.0, 10.0):  # it may stand still for a while, too
        line = Line(asyncio.get_running_loop(), settings, gathers=True, leave_idle=lambda: None)
        began = time.monotonic()
        asking = []
        for _ in range(5):
            deadline = time.monotonic() + settings.timeout
            asking.append(line.exchange([("GET", b"key")], deadline, None))
            await asyncio.sleep(0.01)
        failed = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(error) for error in failed] == [ValkeyTimeoutError] * 5
        took.append((time.monotonic() - began) / settings.timeout)
        line.let_go()
        if took[-1] < 1.7:
            break
    assert took[-1] < 1.7


def test_threads_while_another_one_hogs_the_interpreter(server: Server) -> None:
    """The sync half, while the interpreter is busy elsewhere: nothing is lost."""
    over = threading.Event()

    def hog() -> None:
        while not over.is_set():
            sum(range(20_000_000))  # one bytecode

    with LLMCache.from_url(server.url, timeout=0.2) as cache:
        cache.update(PROMPT, LLM_STRING, answer("x" * 300_000))
        hogging = threading.Thread(target=hog)
        hogging.start()
        try:
            for _ in range(2):
                assert cache.lookup(PROMPT, LLM_STRING) is not None
        finally:
            over.set()
            hogging.join()
        assert untroubled(cache)


async def test_a_frozen_server_and_a_blocked_loop(own_valkey_server: Any) -> None:
    """A server that is silent is left alone, although the loop is blocked all the time."""
    server = own_valkey_server()
    async with LLMCache.from_url(server.url, timeout=0.3, single_flight=False) as cache:
        await cache.aupdate(PROMPT, LLM_STRING, answer())
        with server.frozen(), soon():
            while cache.stats().breaker == "closed":
                asking = asyncio.create_task(cache.alookup(PROMPT, LLM_STRING))
                await asyncio.sleep(0)
                block(0.4)
                assert await asking is None
            assert cache.stats().errors == 3


async def test_a_frozen_server_is_left_alone_after_the_same_time(own_valkey_server: Any) -> None:
    """After one deadline, where many ask at once: with a free loop it is not waited for longer."""
    server = own_valkey_server()
    async with LLMCache.from_url(server.url, timeout=DEFAULT, single_flight=False) as cache:
        await store(cache, prompts(10))
        with server.frozen():
            began = time.monotonic()
            assert await hits(cache, prompts(10)) == 0
            assert time.monotonic() - began < 10 * DEFAULT
            assert cache.stats().breaker == "open"
            assert cache.stats().shed == 0
            assert cache.stats().errors == 10


# ---------------------------------------------------------------------------- bursts


@pytest.mark.parametrize("count", [4096])
async def test_many_stores_at_once(url: str, count: int) -> None:
    """4,096 stores at once, the first that a cache does: none is lost."""
    asked = prompts(count)
    async with LLMCache.from_url(url, timeout=20 * DEFAULT) as cache:
        await store(cache, asked)
        assert cache.stats().stores == count
        assert untroubled(cache)
        assert await hits(cache, asked) == count


@pytest.mark.parametrize("count", [4096, pytest.param(16_384, marks=pytest.mark.long)])
async def test_many_hits_at_once(server: Server, count: int) -> None:
    """4,096, and 16,384 hits at once: none is missed."""
    asked = prompts(64)
    async with LLMCache.from_url(server.url, timeout=DEFAULT) as cache:
        await store(cache, asked)
        assert await hits(cache, asked * (count // 64)) == count
        assert untroubled(cache)


@pytest.mark.parametrize("count", [64, pytest.param(256, marks=pytest.mark.long)])
async def test_many_large_hits_at_once(server: Server, count: int) -> None:
    """Many lookups of 1 MB at once: all are hits, and not all are asked for at once."""
    asked = prompts(count)
    async with LLMCache.from_url(server.url, timeout=2 * DEFAULT) as cache:
        for prompt in asked:
            await cache.aupdate(prompt, LLM_STRING, answer("x" * 1_000_000))
        await cache.aclose()
        with server.monitor() as monitor:
            found = await asyncio.gather(*(cache.alookup(prompt, LLM_STRING) for prompt in asked))
            assert max(len(each.args) for each in monitor.commands) <= 4
        assert all(found)
        assert untroubled(cache)


async def test_stores_of_a_turn_share_a_connection(server: Server) -> None:
    """What 1,000 tasks store in one turn needs no connection of its own for each."""
    async with LLMCache.from_url(server.url, timeout=PATIENT) as cache:
        await store(cache, prompts(1000))
        with server.client() as client:
            assert len(client.client_list()) <= 3


async def test_a_cluster_is_learned_once(cluster: ValkeyClusterServers) -> None:
    """Many stores that are the first to need the slots share one answer."""
    async with LLMCache.from_url(cluster.url, cluster=True, timeout=DEFAULT) as cache:
        with cluster.monitor() as monitors:
            await store(cache, prompts(1024))
            asked = [name for monitor in monitors for name in monitor.names]
        assert asked.count("CLUSTER|SLOTS") + asked.count("CLUSTER") == 1
        assert untroubled(cache)
        assert cache.stats().stores == 1024


def test_a_cluster_is_learned_once_by_threads(cluster: ValkeyClusterServers) -> None:
    """The same for 32 threads."""
    with LLMCache.from_url(cluster.url, cluster=True, timeout=PATIENT) as cache:
        barrier = threading.Barrier(32)

        def first(number: int) -> None:
            barrier.wait()
            cache.update(f"{PROMPT} {number}", LLM_STRING, answer())

        threads = [threading.Thread(target=first, args=(number,)) for number in range(32)]
        with cluster.monitor() as monitors:
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            asked = [name for monitor in monitors for name in monitor.names]
        assert asked.count("CLUSTER|SLOTS") + asked.count("CLUSTER") == 1
        assert cache.stats().stores == 32


async def test_a_cluster_that_cannot_be_learned(cluster: ValkeyClusterServers) -> None:
    """Many that need the slots of a cluster that says nothing share its silence, too."""
    with FaultProxy(cluster.nodes[0].port) as proxy:
        proxy.fault = BlackHole()
        async with LLMCache.from_url(proxy.url, cluster=True, timeout=DEFAULT) as cache:
            with soon():
                await store(cache, prompts(500))
            assert cache.stats().stores == 0
            assert cache.stats().breaker == "open"
            assert proxy.accepted <= 3


def test_a_connection_that_is_free_before_a_new_one() -> None:
    """Of threads that connect at once, one takes what another does not need any more."""
    go_on = threading.Event()
    settings: Any = SimpleNamespace(
        timeout=LATE,
        connection=mock.Mock,
        connect=lambda _: go_on.wait(LATE),
        is_too_old=lambda _: False,
    )
    pool, free = SyncPool(settings), mock.Mock()
    found: list[Any] = []

    def connect() -> None:
        found.append(pool._connected(time.monotonic() + LATE, or_kept=True))

    waiting = threading.Thread(target=connect)
    waiting.start()
    pool._release(free)
    waiting.join(LATE)
    assert found == [free]
    assert not pool.has_idle
    go_on.set()
    assert eventually(lambda: pool.has_idle)  # the new one serves another thread


# ---------------------------------------------------------------------------- slow servers


async def test_a_burst_at_a_server_that_is_far_away(
    server: Server, fault_proxy: FaultProxy
) -> None:
    """Replies that are 200 ms late are all waited for: the burst travels together."""
    fault_proxy.fault = Delay(0.2)
    async with LLMCache.from_url(fault_proxy.url, timeout=2) as cache:
        await store(cache, prompts(500))
        assert await hits(cache, prompts(500)) == 500
        assert untroubled(cache)


async def test_what_cannot_be_sent_in_time_is_shed(server: Server, fault_proxy: FaultProxy) -> None:
    """Through a thin pipe, a part of a burst is stored, and the rest given up and counted apart."""
    async with LLMCache.from_url(fault_proxy.url, timeout=1) as cache:
        await store(cache, prompts(3))
        fault_proxy.fault = Throttle(bytes_per_second=4_000_000)
        with soon():
            await store(cache, prompts(200), "x" * 100_000)  # 20 MB
        stats = cache.stats()
        assert stats.breaker == "closed"
        assert stats.shed > 0  # (the longer this process stands still, the fewer)
        assert stats.stores > 3
        assert stats.errors <= 3
        assert stats.stores + stats.shed + stats.errors == 203
        fault_proxy.fault = Delay(0)


async def test_what_waits_behind_others_has_more_time(
    server: Server, fault_proxy: FaultProxy
) -> None:
    """While the server replies to those before it, nothing is given up at the deadline already."""
    async with LLMCache.from_url(fault_proxy.url, timeout=1) as cache:
        await store(cache, prompts(1))
        fault_proxy.fault = Throttle(bytes_per_second=4_000_000)
        await store(cache, prompts(48), "x" * 100_000)  # 1.2 seconds
        assert untroubled(cache)
        fault_proxy.fault = Delay(0)


async def test_replies_that_drip_in_are_given_up(server: Server, fault_proxy: FaultProxy) -> None:
    """A server that is never done is silent, however many ask it."""
    async with LLMCache.from_url(fault_proxy.url, timeout=DEFAULT) as cache:
        await store(cache, prompts(20))
        fault_proxy.fault = Drip(0.05)
        with soon():
            while cache.stats().breaker == "closed":
                assert await hits(cache, prompts(20)) == 0


# ---------------------------------------------------------------------------- large values


class Stalling(asyncio.Protocol):
    """A server that says of each value that it has 4 MB, and sends so many bytes of it."""

    def __init__(self, count: int) -> None:
        self._count = count

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Reply to all that was asked at once."""
        value = b"$4000000\r\n" + bytes(self._count)
        self.transport.write(value if b"GET" in data else b"+OK\r\n" * data.count(b"*"))


@pytest.mark.parametrize(("count", "counted"), [(2_000_000, "shed"), (1000, "errors")])
async def test_a_large_value_that_is_on_its_way(count: int, counted: str) -> None:
    """It is its size that takes long, and no failure of the server."""
    listening: Any = await asyncio.get_running_loop().create_server(lambda: Stalling(count), HOST)
    [where] = listening.sockets
    url = f"valkey://{HOST}:{where.getsockname()[1]}"
    async with LLMCache.from_url(url, cluster=False, timeout=1) as cache:
        assert await cache.alookup(PROMPT, LLM_STRING) is None
        stats = cache.stats()
    listening.close()
    assert {"shed": stats.shed, "errors": stats.errors} == {"shed": 0, "errors": 0, counted: 1}


class Pipe:
    """A socket through which a piece goes in a while, until it is full; and the time meanwhile."""

    now = 1000.0

    def __init__(self, room: int) -> None:
        self._room = room
        self._timeout = 0.0

    def settimeout(self, seconds: float) -> None:
        """Wait no longer."""
        self._timeout = seconds

    def send(self, data: memoryview) -> int:
        """Send a piece."""
        return self._moved(len(data))

    def recv_into(self, buffer: Any) -> int:
        """Receive a piece of a large value."""
        start = b"$90000000\r\n"
        buffer[: len(start)] = start
        return self._moved(len(buffer))

    def recv(self, size: int) -> bytes:
        """Do the same without libvalkey."""
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(buffer)])

    def _moved(self, count: int) -> int:
        count = min(count, 300_000, self._room)
        if not count or self._timeout < 0.004:
            self.now += self._timeout
            raise TimeoutError
        self.now += 0.004
        self._room -= count
        return count

    def shutdown(self, how: int) -> None:
        """End."""

    def close(self) -> None:
        """End."""


@pytest.mark.parametrize("word", ["SET", "GET"])
@pytest.mark.parametrize(
    ("room", "expected"), [(90_000_000, Overloaded), (3_000_000, ValkeyTimeoutError)]
)
def test_large_values_of_threads(
    monkeypatch: pytest.MonkeyPatch, word: str, room: int, expected: type[Exception]
) -> None:
    """As long as they move, nothing is wrong with the server; buffers that fill up are no sign."""
    pipe = Pipe(room)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: pipe.now))
    connection: Any = deadline.with_deadline(Connection)()
    connection._sock = deadline._DeadlineSocket(pipe, connection._deadline)  # type: ignore[arg-type]
    connection._parser.on_connect(connection)
    if word == "GET":
        pipe.send = len  # type: ignore[assignment]
    pool = SyncPool(SimpleNamespace())  # type: ignore[arg-type]
    command = (word, "key", bytes(60_000_000)) if word == "SET" else (word, "key")
    with pytest.raises(expected):
        pool._exchange(connection, [command], pipe.now + DEFAULT, None, last=True)
