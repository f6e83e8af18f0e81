"""What networks do: connections are forgotten, a name has several addresses, some lead nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Valkey
from valkey.sentinel import Sentinel

from langchain_llmcache import CacheEvent, ConfigurationError, LLMCache, StoreError
from langchain_llmcache._valkey import addresses, settings
from tests.support.certificates import Certificates
from tests.support.patience import LATE, PATIENT, SOON, soon
from tests.support.proxy import (
    BlackHole,
    Delay,
    Fault,
    FaultProxy,
    Garbage,
    HangingListener,
    Pass,
    Refuse,
    Reset,
    Truncate,
)
from tests.support.sentinel import SERVICE, ValkeySentinel
from tests.support.servers import (
    HOST,
    Server,
    StartCluster,
    StartServer,
    ValkeyClusterServers,
    ValkeyServer,
    free_port,
)
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]

# Seconds: long enough for a reply on a busy machine, and short enough to be waited for a few times.
TIMEOUT = 1.0
# Lookups, after which something has to have happened.
MANY = 200


async def first_hit(half: Half, prompt: str = PROMPT) -> int:
    """Look up until there is a hit; return how many lookups that took."""
    for number in range(1, MANY):
        if await half.lookup(prompt, LLM_STRING) is not None:
            return number
        await asyncio.sleep(0.02)
    raise AssertionError("no hit at all")


async def make_connections(half: Half, kind: str, count: int) -> None:
    """Use a cache so much at once that it keeps several connections."""
    if kind == "async":
        await asyncio.gather(
            *(half.update(f"{PROMPT} {n}", LLM_STRING, answer()) for n in range(count))
        )
        return
    barrier = threading.Barrier(count)

    def store(number: int) -> None:
        barrier.wait()
        # (Large enough to be under way for a moment.)
        asyncio.run(half.update(f"{PROMPT} {number}", LLM_STRING, answer("x" * 100_000)))

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(store, range(count)))


@contextlib.asynccontextmanager
async def connected(
    url: str, kind: Any, count: int, **options: Any
) -> AsyncIterator[tuple[LLMCache, Half]]:
    """Yield a cache that keeps several connections, and lost nothing while it made them.

    (The proxies of these tests stand still where this process does, as no server would.)
    """
    for _ in range(10):
        async with LLMCache.from_url(url, **{"timeout": TIMEOUT, **options}) as cache:
            half = Half(kind, cache)
            await half.update(PROMPT, LLM_STRING, answer())
            await make_connections(half, kind, count)
            if cache.stats().errors == 0:
                yield cache, half
                return
    raise AssertionError("this machine is too busy for a deadline of a second")


# ---------------------------------------------------------------------------- forgotten connections


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("share", [1.0, 0.5])
async def test_idle_connections_that_were_forgotten(
    server: Server, fault_proxy: FaultProxy, kind: Any, share: float
) -> None:
    """After a silent cut of idle connections, one lookup is lost, whatever their number.

    (And perhaps another on a busy machine. A deadline for each of them would be 32.)
    """
    async with connected(fault_proxy.url, kind, 32) as (cache, half):
        fault_proxy.forget(share)
        assert await first_hit(half) <= 4
        assert cache.stats().errors <= 2
        assert cache.stats().breaker == "closed"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_forgotten_connections_in_use_by_many(
    server: Server, fault_proxy: FaultProxy, kind: Any
) -> None:
    """Many callers at once lose their lookups and open the breaker; its first probe closes it."""
    states: list[str | None] = []

    def note(event: CacheEvent) -> None:
        states.append(event.breaker)

    async with connected(fault_proxy.url, kind, 16, on_event=note, single_flight=False) as (
        cache,
        half,
    ):
        states.clear()
        fault_proxy.forget()
        if kind == "async":
            await asyncio.gather(*(half.lookup(PROMPT, LLM_STRING) for _ in range(16)))
        else:
            barrier = threading.Barrier(16)

            def look(_: int) -> None:
                barrier.wait()
                asyncio.run(half.lookup(PROMPT, LLM_STRING))

            with ThreadPoolExecutor(16) as threads:
                list(threads.map(look, range(16)))
        await first_hit(half)
        assert cache.stats().breaker == "closed"
    assert [state for state in states if state] == ["open", "half-open", "closed"]


async def test_forgotten_in_the_middle_of_a_pipeline(fault_proxy: FaultProxy) -> None:
    """What was under way is lost in time; nobody gets another's answer afterwards."""
    async with LLMCache.from_url(fault_proxy.url, timeout=TIMEOUT) as cache:
        prompts = [f"{PROMPT} {number}" for number in range(64)]
        for prompt in prompts:
            await cache.aupdate(prompt, LLM_STRING, answer(prompt))
        fault_proxy.fault = Delay(LATE)
        lost = [asyncio.create_task(cache.alookup(prompt, LLM_STRING)) for prompt in prompts]
        await asyncio.sleep(0.05)
        fault_proxy.forget()
        fault_proxy.fault = Pass()
        assert await asyncio.gather(*lost) == [None] * 64
        await first_hit(Half("async", cache), prompts[0])
        for prompt in prompts:
            assert texts(await cache.alookup(prompt, LLM_STRING)) == [prompt]


async def test_forgotten_in_the_middle_of_the_handshake(
    own_valkey_server: StartServer, half: Halves
) -> None:
    """A connection that was forgotten while it authenticated is followed by another."""
    server = own_valkey_server(password="secret")
    with FaultProxy(server.port) as proxy:
        url = server.url.replace(f":{server.port}", f":{proxy.port}")
        async with LLMCache.from_url(url, timeout=TIMEOUT) as cache:
            proxy.fault = BlackHole()
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
            proxy.forget()
            proxy.fault = Pass()
            await half(cache).update(PROMPT, LLM_STRING, answer())
            await first_hit(half(cache))
            assert cache.stats().errors <= 2


async def test_forgotten_connections_with_tls(
    own_valkey_server: StartServer, certificates: Certificates, half: Halves
) -> None:
    """The same over TLS, sync and async."""
    server = own_valkey_server(certificates=certificates)
    kind = "async" if half(LLMCache())._prefix else "sync"
    with FaultProxy(server.port) as proxy:
        url = f"valkeys://{HOST}:{proxy.port}?ssl_ca_certs={certificates.ca}"
        async with connected(url, kind, 8, timeout=2 * TIMEOUT) as (cache, both):
            proxy.forget()
            assert await first_hit(both) <= 4
            assert cache.stats().errors <= 2


@contextlib.contextmanager
def proxied(servers: ValkeyClusterServers) -> Iterator[tuple[list[FaultProxy], Any]]:
    """Yield a proxy for each node, and what turns the nodes' addresses into theirs."""
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(FaultProxy(node.port)) for node in servers.nodes]
        ports = {proxy.upstream: proxy.port for proxy in proxies}
        yield proxies, lambda address: (address[0], ports.get(address[1], address[1]))


async def test_forgotten_connections_to_a_cluster(
    cluster: ValkeyClusterServers, half: Halves
) -> None:
    """One lookup is lost, however many nodes there are; then all are hits.

    (And perhaps another on a busy machine. A deadline for each node would be three.)
    """
    prompts = [f"{PROMPT} {number}" for number in range(30)]
    with proxied(cluster) as (proxies, remap):
        async with LLMCache.from_url(
            proxies[0].url, timeout=TIMEOUT, cluster=True, address_remap=remap
        ) as cache:
            for prompt in prompts:
                await half(cache).update(prompt, LLM_STRING, answer(prompt))
            for proxy in proxies:
                proxy.forget()
            for prompt in prompts:
                await half(cache).lookup(prompt, LLM_STRING)
            assert cache.stats().errors <= 2
            for prompt in prompts:
                await first_hit(half(cache), prompt)


async def test_connections_that_were_reset(
    server: Server, fault_proxy: FaultProxy, half: Halves
) -> None:
    """Connections that the other side has closed cost nothing: what was sent is sent once more."""
    kind: Any = "async" if half(LLMCache())._prefix else "sync"
    async with LLMCache.from_url(fault_proxy.url, timeout=PATIENT) as cache:
        await half(cache).update(PROMPT, LLM_STRING, answer())
        await make_connections(half(cache), kind, 8)
        fault_proxy.cut()
        found = [await half(cache).lookup(PROMPT, LLM_STRING) for _ in range(10)]
        assert all(found)
        assert cache.stats().errors == 0


async def test_a_server_that_was_restarted(own_valkey_server: StartServer, half: Halves) -> None:
    """All kept connections are dead after a restart: no lookup is lost for that."""
    server = own_valkey_server("save 3600 1")
    kind: Any = "async" if half(LLMCache())._prefix else "sync"
    async with LLMCache.from_url(server.url, timeout=PATIENT) as cache:
        await half(cache).update(PROMPT, LLM_STRING, answer())
        await make_connections(half(cache), kind, 8)
        with server.client() as client:
            client.save()
        server.restart()
        assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
        assert cache.stats().errors == 0


# ---------------------------------------------------------------------------- names


NAME = "cache.test"


class NameServer:
    """Knows the addresses of one name, and lets them change.

    Attributes:
        hosts: Of the name, in order.
    """

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """In the place of ``socket.getaddrinfo``."""
        if host != NAME:
            return self._real(host, port, *args, **kwargs)
        return [each for known in self.hosts for each in self._real(known, port, *args, **kwargs)]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> NameServer:
    """A name server; what was remembered of names is put aside."""
    own = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", own.getaddrinfo)
    monkeypatch.setattr(addresses, "_worked", {})
    monkeypatch.setattr(addresses, "_failed", {})
    return own


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts to which a connection was begun, in their order."""
    hosts: list[str] = []
    begin = addresses._Race._begin

    def note(self: Any, address: Any) -> None:
        hosts.append(address[1][0])
        begin(self, address)

    monkeypatch.setattr(addresses._Race, "_begin", note)
    return hosts


# "silent": connects hang; "refusing": no one listens; "none": an address of another network.
@pytest.mark.parametrize(
    "others",
    [
        [],
        ["silent"],
        ["silent", "silent"],
        ["refusing"],
        ["refusing", "refusing"],
        ["refusing", "silent"],
        ["silent", "refusing"],
        ["none", "silent"],
    ],
    ids=" ".join,
)
async def test_a_name_with_several_addresses(
    server: Server, half: Halves, name_server: NameServer, begun: list[str], others: list[str]
) -> None:
    """Addresses that lead nowhere cost no lookup, and the one that works is remembered."""
    port = server.port
    with contextlib.ExitStack() as stack:
        for number, other in enumerate(others, 2):
            host = "255.255.255.255" if other == "none" else f"127.0.0.{number}"
            if other == "silent":
                stack.enter_context(HangingListener(host, port))
            name_server.hosts.append(host)
        name_server.hosts.append(HOST)
        async with LLMCache.from_url(f"valkey://{NAME}:{port}", timeout=PATIENT) as cache:
            await half(cache).update(PROMPT, LLM_STRING, answer())
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
            assert begun == name_server.hosts
            await cache.aclose()
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
            assert begun == [*name_server.hosts, HOST]
            assert cache.stats().errors == 0


async def test_a_name_whose_first_address_says_nothing(
    server: Server, half: Halves, name_server: NameServer
) -> None:
    """One that connects and then says nothing is tried last from then on."""
    with (
        FaultProxy(server.port, BlackHole(), host="127.0.0.2") as hole,
        FaultProxy(server.port, port=hole.port),
    ):
        name_server.hosts = ["127.0.0.2", HOST]
        async with LLMCache.from_url(f"valkey://{NAME}:{hole.port}", timeout=TIMEOUT) as cache:
            for _ in range(5):  # (perhaps more than two on a busy machine)
                await half(cache).update(PROMPT, LLM_STRING, answer())
                if cache.stats().stores:
                    break
            assert await first_hit(half(cache)) <= 4


@pytest.mark.parametrize(
    "fault",
    [None, Reset(), Garbage(), Truncate()],
    ids=["closed", "reset", "garbage", "cut short"],
)
async def test_addresses_that_connect_and_are_of_no_use(
    server: Server, half: Halves, name_server: NameServer, fault: Fault | None
) -> None:
    """Each of them costs one store at most, however many there are; then comes the next."""
    nowhere = server.port if fault else free_port()
    with FaultProxy(server.port) as good, contextlib.ExitStack() as stack:
        for host in ("127.0.0.2", "127.0.0.3"):
            stack.enter_context(FaultProxy(nowhere, fault, host=host, port=good.port))
            name_server.hosts.append(host)
        name_server.hosts.append(HOST)
        async with LLMCache.from_url(f"valkey://{NAME}:{good.port}", timeout=SOON) as cache:
            for _ in range(3):
                await half(cache).update(PROMPT, LLM_STRING, answer())
            assert cache.stats().errors <= 2
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None


async def test_an_address_of_a_replica(
    server: Server,
    own_valkey_server: StartServer,
    half: Halves,
    name_server: NameServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a name leads to a replica first, stores go to the primary after the first refusal."""
    monkeypatch.setattr(settings, "_LOOK_ELSEWHERE", 0.0)
    replica = own_valkey_server()
    with replica.client() as client:
        client.execute_command("REPLICAOF", HOST, server.port)
    with (
        FaultProxy(replica.port, host="127.0.0.2") as first,
        FaultProxy(server.port, port=first.port),
    ):
        name_server.hosts = ["127.0.0.2", HOST]
        async with LLMCache.from_url(f"valkey://{NAME}:{first.port}", timeout=SOON) as cache:
            for _ in range(2):
                await half(cache).update(PROMPT, LLM_STRING, answer())
            assert (cache.stats().denied, cache.stats().stores) == (1, 1)


class Telling(Sentinel):
    """Sentinels that tell a name (``announce-hostnames``)."""

    port: int

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Tell where the primary is."""
        return NAME, self.port


async def test_a_name_that_sentinels_tell(
    server: Server, half: Halves, name_server: NameServer, begun: list[str]
) -> None:
    """Its addresses are tried side by side, too."""
    sentinel: Any = Telling([(HOST, 1)])  # type: ignore[no-untyped-call]
    sentinel.port = server.port
    store: ValkeyCache[Any] = ValkeyCache(Valkey(port=1))
    store.client = sentinel.master_for("primary")
    with HangingListener("127.0.0.2", server.port):
        name_server.hosts = ["127.0.0.2", HOST]
        async with LLMCache(store, timeout=PATIENT) as cache:
            await half(cache).update(PROMPT, LLM_STRING, answer())
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
            assert (begun, cache.stats().errors) == (name_server.hosts, 0)


async def test_a_name_of_sentinels(
    server: ValkeyServer, half: Halves, name_server: NameServer
) -> None:
    """So are those of the Sentinels themselves; one that connects and is silent is tried last."""
    store: ValkeyCache[Any] = ValkeyCache(Valkey(port=1))
    with (
        ValkeySentinel(server) as watching,
        FaultProxy(watching.port) as good,
        FaultProxy(watching.port, BlackHole(), host="127.0.0.2", port=good.port),
        HangingListener("127.0.0.3", good.port),
    ):
        name_server.hosts = ["127.0.0.2", "127.0.0.3", HOST]
        client: Any = Sentinel([(NAME, good.port)]).master_for(SERVICE)
        store.client = client
        async with LLMCache(store, timeout=TIMEOUT) as cache:
            for _ in range(MANY):
                await half(cache).update(PROMPT, LLM_STRING, answer())
                if await half(cache).lookup(PROMPT, LLM_STRING) is not None:
                    break
                await asyncio.sleep(0.05)
            else:
                pytest.fail("the Sentinel was never asked")


async def test_a_name_whose_address_changes(
    own_valkey_server: StartServer, half: Halves, name_server: NameServer
) -> None:
    """After its server is gone, the name's new address is found at once."""
    first, second = own_valkey_server(), own_valkey_server()
    with (
        FaultProxy(first.port, host="127.0.0.2") as old,
        FaultProxy(second.port, host="127.0.0.3", port=old.port),
    ):
        name_server.hosts = ["127.0.0.2"]
        async with LLMCache.from_url(f"valkey://{NAME}:{old.port}", timeout=SOON) as cache:
            await half(cache).update(PROMPT, LLM_STRING, answer("old"))
            assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["old"]
            name_server.hosts = ["127.0.0.3"]
            old.fault = Refuse()
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
            await half(cache).update(PROMPT, LLM_STRING, answer("new"))
            assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["new"]
            assert cache.stats().errors == 0


async def test_a_name_that_is_slow_to_look_up(
    server: Server, half: Halves, name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that takes longer than the deadline costs a few lookups, and not all."""
    name_server.hosts = [HOST]
    quick, asked = socket.getaddrinfo, 0

    # (The attempt goes on for as long as a deadline, in which a busy machine may do nothing.)
    for seconds in (0.3, 1.5, 7.5):
        known, asked = threading.Event(), 0

        def slow(*args: Any, known: threading.Event = known, **kwargs: Any) -> Any:
            nonlocal asked
            asked += 1
            known.wait(LATE)
            return quick(*args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        async with LLMCache.from_url(f"valkey://{NAME}:{server.port}", timeout=seconds) as cache:
            await half(cache).update(PROMPT, LLM_STRING, answer())
            assert (cache.stats().errors, cache.stats().stores) == (1, 0)
            # The attempt goes on, for another caller.
            known.set()
            await asyncio.sleep(seconds / 3)
            await half(cache).update(PROMPT, LLM_STRING, answer())
            assert cache.stats().stores == 1
        if asked == 1:
            break
    assert asked == 1


def test_addresses_are_tried_by_turns() -> None:
    """IPv6 and IPv4 alternate; what worked comes first, what was of no use last."""
    six = [(socket.AF_INET6, (f"::{n}", 1, 0, 0)) for n in range(3)]
    four = [(socket.AF_INET, (f"10.0.0.{n}", 1)) for n in range(3)]
    name = ("turns.test", 1)
    order = addresses._in_order(name, [*six, *four, *six])
    assert order == [six[0], four[0], six[1], four[1], six[2], four[2]]
    addresses._worked[name] = four[2]
    addresses._failed[name] = (six[0], four[0])
    try:
        order = addresses._in_order(name, [*six, *four])
    finally:
        addresses._worked.pop(name)
        addresses._failed.pop(name)
    assert order == [four[2], six[1], four[1], six[2], six[0], four[0]]


# ---------------------------------------------------------------------------- addresses of nodes


@pytest.fixture
def behind_nat(valkey_cluster: StartCluster) -> Iterator[ValkeyServer]:
    """A cluster of one node that announces an address which swallows everything."""
    [node] = valkey_cluster(1, 0, "cluster-announce-ip 127.0.0.9").nodes
    with HangingListener("127.0.0.9", node.port):
        yield node


@pytest.mark.parametrize("enabled", [None, True])
async def test_an_announced_address_that_nobody_reaches(
    behind_nat: ValkeyServer, half: Halves, enabled: bool | None
) -> None:
    """The error names the address, and says what to do."""
    async with LLMCache.from_url(behind_nat.url, cluster=enabled, timeout=0.5) as cache:
        for _ in range(2):  # the first time, and when that is known
            with pytest.raises(StoreError) as raised:
                await half(cache).clear()
            said = str(raised.value)
            assert f"127.0.0.9:{behind_nat.port}" in said
            assert "address_remap" in said
            assert "cluster-announce-ip" in said
        with behind_nat.client() as client:  # or a name that only its own network knows
            client.config_set("cluster-announce-hostname", "valkey-0.invalid")
            client.config_set("cluster-preferred-endpoint-type", "hostname")
        with pytest.raises(StoreError, match=r"valkey-0\.invalid.*address_remap"):
            await half(cache).clear()


@pytest.mark.parametrize("primaries", [1, 3])
async def test_nodes_that_got_other_addresses(
    valkey_cluster: StartCluster, half: Halves, primaries: int
) -> None:
    """All nodes are replaced, and the old addresses say nothing any more: the new ones are learned."""
    cluster = valkey_cluster(primaries=primaries)
    prompts = [f"{PROMPT} {number}" for number in range(10)]
    where = "127.0.0.9"
    with contextlib.ExitStack() as stack:
        old = [
            stack.enter_context(FaultProxy(node.port, host=where, port=node.port))
            for node in cluster.nodes
        ]
        async with LLMCache.from_url(
            cluster.url, timeout=0.5, cluster=True, address_remap=lambda told: (where, told[1])
        ) as cache:
            for prompt in prompts:
                await half(cache).update(prompt, LLM_STRING, answer(prompt))
            assert cache.stats().stores == len(prompts)
            where = HOST
            for each in old:
                each.fault = BlackHole()
            with soon(LATE):
                for prompt in prompts:
                    await first_hit(half(cache), prompt)


async def test_an_address_that_is_translated(behind_nat: ValkeyServer, half: Halves) -> None:
    """``address_remap`` turns what the nodes announce into what can be reached."""
    seen: set[tuple[str, int]] = set()

    def remap(address: tuple[str, int]) -> tuple[str, int]:
        seen.add(address)
        return HOST, address[1]

    async with LLMCache.from_url(
        behind_nat.url, cluster=True, timeout=PATIENT, address_remap=remap
    ) as cache:
        await half(cache).update(PROMPT, LLM_STRING, answer())
        assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
        await half(cache).clear()
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        assert cache.stats().errors == 0
    assert seen == {("127.0.0.9", behind_nat.port)}


async def test_what_does_not_translate(behind_nat: ValkeyServer, half: Halves) -> None:
    """What is no function is refused at once; of what returns no address, or fails, errors tell."""
    port = behind_nat.port

    async def suspended(_: object) -> Any:
        return HOST, port

    for wrong in ({"127.0.0.9": HOST}, suspended):
        with pytest.raises(
            ConfigurationError, match=r"address_remap.*a function of \(host, port\)"
        ):
            LLMCache.from_url(behind_nat.url, address_remap=wrong)  # type: ignore[arg-type]
    returned: list[Any] = [
        *(None, HOST, (HOST,), (HOST, "x"), (HOST, 0), (HOST, 99_999), (HOST, -1)),
        *((None, port), (b"127.0.0.1", port), ("", port), (HOST, port, 0)),
    ]

    def remap(told: tuple[str, int]) -> Any:
        if not returned:
            raise KeyError(told)
        return returned[-1]

    async with LLMCache.from_url(behind_nat.url, cluster=True, address_remap=remap) as cache:
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        where = f", asked for 127.0.0.9:{port}"
        while returned:
            with pytest.raises(StoreError, match=f"address_remap returned something else.*{where}"):
                await half(cache).ping()
            returned.pop()
        with pytest.raises(StoreError, match=f"address_remap failed with KeyError{where}"):
            await half(cache).ping()
    for no_name in ("a..b", "a" * 64, "\udc80"):  # of which no name server can be asked
        returned = [(no_name, port)]
        async with LLMCache.from_url(behind_nat.url, cluster=True, address_remap=remap) as cache:
            with pytest.raises(StoreError, match=r"was never reached.*address_remap"):
                await half(cache).ping()
