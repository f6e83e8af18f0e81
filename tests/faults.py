"""What happens to an application while its cache is in trouble, measured on real servers.

    python -m tests.faults            prints the table of docs/failures.md, in Markdown
    python -m tests.faults frozen     only the faults with that in their name
    python -m tests.faults --similar  with near-identical matching: the table of docs/near-identical.md

``tests/flow/test_faults.py`` holds the same measurements to their promises.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from unittest import mock

from langchain_core.load import dumps
from langchain_core.messages import HumanMessage
from langgraph_checkpoint_aws import ValkeyCache

from langchain_llmcache import CacheStats, LLMCache, Similar
from tests.similar.embedders import WordEmbeddings
from tests.support import acl
from tests.support.patience import LATE
from tests.support.proxy import (
    BlackHole,
    Delay,
    Drip,
    FaultProxy,
    Garbage,
    HangingListener,
    NotValkey,
    Refuse,
    Reset,
    Truncate,
)
from tests.support.proxy import Fault as Network
from tests.support.sentinel import SERVICE, ValkeySentinel
from tests.support.servers import (
    HOST,
    ValkeyClusterServers,
    ValkeyServer,
    search_modules,
    wait_until,
)
from tests.support.targets import LLM_STRING, Half, answer

PROMPT: Final = "How do I renew a lease?"
TIMEOUT: Final = 0.5
CALLS: Final = 1000
_LOAD: Final = 4  # callers at once
_ENTRIES: Final = _LOAD * 2 + 1  # that they ask for
_GIVE_UP: Final = LATE

Kind = Literal["sync", "async"]


# Set while near-identical matching is switched on: of all scenes, whose threads are many.
_similar: Final = threading.Event()
_times: Final = itertools.count()


def nothing() -> None:
    """Do nothing."""


def _server(*directives: str, **options: Any) -> ValkeyServer:
    """Return a server, which can search if it has to."""
    return ValkeyServer(*_modules(), *directives, **options)


def _modules() -> list[str]:
    return search_modules() if _similar.is_set() else []


def _options() -> dict[str, Any]:
    """Return what every cache is made with."""
    if not _similar.is_set():
        return {"timeout": TIMEOUT}
    similar = Similar(WordEmbeddings(), min_similarity=0.8, audit=0.0, first_audits=0)
    return {"timeout": TIMEOUT, "similar": similar}


def _asked(question: str) -> str:
    """Return a prompt; with matching, another one each time, spaced in its own way."""
    if not _similar.is_set():
        return question
    spaces = f"{next(_times):b}".replace("0", " ").replace("1", "\t")
    return dumps([HumanMessage(question + spaces)])


def _entries(client: Any) -> list[bytes]:
    """Return the keys of some stored answers: all there are, without matching."""
    return [key for key in client.keys("*llm_cache:*") if b":similar" not in key][:_ENTRIES]


@dataclass
class Scene:
    """A store, and how to break it.

    Attributes:
        url: Where it is.
        begin: Breaks it.
        end: Mends it.
        healthy: Whether it works before ``begin``.
        served: Whether hits go on while it is broken.
        opens: Whether the breaker is expected to open.
        calls: Calls that are averaged.
        make: Makes the cache; None: ``LLMCache.from_url(url)``.
        using: What measures, for a fault of the application's own.
    """

    url: str
    begin: Callable[[], None] = nothing
    end: Callable[[], None] = nothing
    healthy: bool = True
    served: bool = False
    opens: bool = True
    calls: int = CALLS
    make: Callable[[], LLMCache] | None = None
    using: Using | None = None

    def cache(self) -> LLMCache:
        """Return a cache on the store."""
        if self.make is not None:
            return self.make()
        return LLMCache.from_url(self.url, **_options())


@dataclass(frozen=True)
class Using:
    """The application: its cache, the half that it uses, and its event loop."""

    cache: LLMCache
    kind: Kind
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True)
class Fault:
    """A way to break a store.

    Attributes:
        is_costly: Whether the suite leaves it out, unless asked for what takes long.
    """

    name: str
    title: str
    open: Callable[[], AbstractContextManager[Scene]]
    is_costly: bool = False


FAULTS: Final[list[Fault]] = []
FAULTS_OF_MATCHING: Final[list[Fault]] = []


def fault(
    title: str, *, is_costly: bool = False
) -> Callable[[Callable[[], Iterator[Scene]]], Callable[[], AbstractContextManager[Scene]]]:
    """Enter a fault into the table."""

    def enter(
        scene: Callable[[], Iterator[Scene]],
    ) -> Callable[[], AbstractContextManager[Scene]]:
        opened = contextmanager(scene)
        FAULTS.append(Fault(scene.__name__, title, opened, is_costly))
        return opened

    return enter


# ---------------------------------------------------------------------------- the server is gone


@fault("down when the application starts")
def down_at_start() -> Iterator[Scene]:
    """Down when the application starts."""
    with _server() as server:
        server.kill()
        yield Scene(server.url, end=lambda: (server.start(), None)[1], healthy=False)


@fault("killed under load, and restarted")
def killed() -> Iterator[Scene]:
    """Killed under load, and restarted."""
    with _server() as server:
        yield Scene(server.url, server.kill, lambda: (server.start(), None)[1])


@fault("frozen (SIGSTOP), and continued")
def frozen() -> Iterator[Scene]:
    """Frozen (SIGSTOP), and continued."""
    with _server() as server:
        yield Scene(server.url, server.freeze, server.thaw)


@fault("`CLIENT PAUSE`")
def paused() -> Iterator[Scene]:
    """`CLIENT PAUSE`."""
    # (UNPAUSE would be paused, too.)
    with _server() as server, server.client() as client:
        yield Scene(server.url, lambda: client.client_pause(3000), client.ping)


@fault("something else listens at its port")
def not_valkey() -> Iterator[Scene]:
    """Something else listens at its port."""
    with _server() as server, contextlib.ExitStack() as stack:
        other: list[NotValkey] = []

        def begin() -> None:
            server.kill()
            other.append(stack.enter_context(NotValkey(server.port)))

        def end() -> None:
            stack.close()
            server.start()

        yield Scene(server.url, begin, end)


# ---------------------------------------------------------------------------- the network


@fault("connects hang (accept queue full)")
def connects_hang() -> Iterator[Scene]:
    """Connects hang (accept queue full)."""
    with HangingListener() as listener, contextlib.ExitStack() as stack:

        def end() -> None:
            listener.close()
            server = _server()
            server._port = listener.port
            stack.enter_context(server)

        yield Scene(listener.url, end=end, healthy=False)


@contextmanager
def _name_server(lookup: Callable[[], None]) -> Iterator[Scene]:
    """The host's name is looked up by ``lookup`` at first, and is known in the end."""
    with _server() as server:
        real = socket.getaddrinfo
        known = threading.Event()
        name = f"cache-{server.port}.test"

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host != name:
                return real(host, *args, **kwargs)
            if not known.is_set():
                lookup()
            return real(HOST, *args, **kwargs)

        with mock.patch.object(socket, "getaddrinfo", getaddrinfo):
            yield Scene(f"valkey://{name}:{server.port}", end=known.set, healthy=False)


_patching = threading.Lock()  # one name server at a time


@fault("the name server does not answer")
def name_server_hangs() -> Iterator[Scene]:
    """The name server does not answer."""
    over = threading.Event()
    with _patching, _name_server(lambda: (over.wait(20), None)[1]) as scene:
        yield scene
        over.set()


@fault("the name is not known")
def name_unknown() -> Iterator[Scene]:
    """The name is not known."""

    def fail() -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with _patching, _name_server(fail) as scene:
        yield scene


@fault("a name whose first address is silent")
def two_addresses() -> Iterator[Scene]:
    """A name whose first address is silent."""
    with _server() as server, HangingListener("127.0.0.2", server.port), _patching:
        real = socket.getaddrinfo
        name = f"two-{server.port}.test"

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host != name:
                return real(host, *args, **kwargs)
            return real("127.0.0.2", *args, **kwargs) + real(HOST, *args, **kwargs)

        with mock.patch.object(socket, "getaddrinfo", getaddrinfo):
            yield Scene(f"valkey://{name}:{server.port}", served=True, opens=False)


@fault("idle connections forgotten, without a word (NAT, load balancer)")
def forgotten() -> Iterator[Scene]:
    """Idle connections forgotten, without a word (NAT, load balancer)."""
    with _server() as server, FaultProxy(server.port) as proxy:
        # It mends itself: what is measured comes after the cut.
        yield Scene(proxy.url, end=lambda: (proxy.forget(), None)[1], opens=False)


@contextmanager
def _behind_a_proxy(fault: Network, **options: Any) -> Iterator[Scene]:
    with _server() as server, FaultProxy(server.port) as proxy:
        good = proxy.fault

        def begin() -> None:
            proxy.fault = fault

        def end() -> None:
            proxy.fault = good
            if not isinstance(fault, Delay):
                proxy.cut()

        yield Scene(proxy.url, begin, end, **options)


def _network(name: str, title: str, fault: Network, **options: Any) -> None:
    FAULTS.append(Fault(name, title, lambda: _behind_a_proxy(fault, **options)))


_network("black_hole", "black hole in mid-conversation", BlackHole())
_network("reset", "connections reset", Reset())
_network("refused", "connections refused", Refuse())
_network("truncated", "replies cut short", Truncate())
_network("garbage", "garbage for replies", Garbage())
_network("drip", "replies drip in, 20 bytes a second", Drip(0.05))
_network(
    "slow",
    "replies 300 ms late (within the deadline)",
    Delay(0.3),
    served=True,
    opens=False,
    calls=5,
)
_network("too_slow", "replies 800 ms late", Delay(0.8))


# ---------------------------------------------------------------------------- the server says no


@contextmanager
def _configured(
    begin: Sequence[Any], end: Sequence[Any], *directives: str, **options: Any
) -> Iterator[Scene]:
    with _server(*directives) as server, server.client() as client:
        yield Scene(
            server.url,
            lambda: client.execute_command(*begin),
            lambda: client.execute_command(*end),
            **options,
        )


def _command(
    name: str,
    title: str,
    begin: Sequence[Any],
    end: Sequence[Any],
    faults: list[Fault] = FAULTS,
    **options: Any,
) -> None:
    faults.append(Fault(name, title, lambda: _configured(begin, end, **options)))


_command(
    "out_of_memory",
    "memory full, `noeviction` (OOM)",
    ("CONFIG", "SET", "maxmemory", "1"),
    ("CONFIG", "SET", "maxmemory", "0"),
    served=True,
    opens=False,
)
_command(
    "read_only",
    "turned into a replica (READONLY)",
    ("REPLICAOF", HOST, "1"),
    ("REPLICAOF", "NO", "ONE"),
    served=True,
    opens=False,
)
_command(
    "index_dropped",
    "its index dropped",
    ("FT.DROPINDEX", "llm_cache:similar-256"),
    ("PING",),
    FAULTS_OF_MATCHING,
    opens=False,
)
_command("flushed", "all of it flushed", ("FLUSHALL",), ("PING",), FAULTS_OF_MATCHING, opens=False)


@fault("loading its data (LOADING)")
def loading() -> Iterator[Scene]:
    """Loading its data (LOADING)."""
    with _server() as server:
        with server.client() as client:
            client.mset({f"key {number}": "x" for number in range(50_000)})

        def begin() -> None:
            with server.client() as client:
                client.save()
            server._directives = (
                *_modules(),
                "key-load-delay 1200",
                "loading-process-events-interval-bytes 1024",
            )
            server.restart(loaded=False)

        def end() -> None:
            with server.client() as client:
                client.config_set("key-load-delay", 0)  # else it would take a minute
                wait_until(client.ping, "loaded")

        yield Scene(server.url, begin, end)


def _denied(command: str, *, served: bool, faults: list[Fault] = FAULTS) -> None:
    @contextmanager
    def scene() -> Iterator[Scene]:
        users = acl.rules(acl.SIMILAR if _similar.is_set() else acl.SINGLE)
        with _server(users=users) as server, server.client() as client:
            yield Scene(
                server.url_for(*acl.MINIMAL_USER),
                lambda: client.execute_command("ACL", "SETUSER", "app", f"-{command}"),
                lambda: client.execute_command("ACL", "SETUSER", "app", f"+{command}"),
                served=served,
                opens=False,
            )

    faults.append(Fault(f"denied_{command}", f"no permission for `{command.upper()}`", scene))


_denied("get", served=False)
_denied("mget", served=True)
_denied("set", served=True)
_denied("unlink", served=True)
_denied("ft.search", served=False, faults=FAULTS_OF_MATCHING)
_denied("hset", served=True, faults=FAULTS_OF_MATCHING)


@fault("wrong password")
def wrong_password() -> Iterator[Scene]:
    """Wrong password."""
    with _server(password="right") as server, server.client() as client:
        yield Scene(
            server.url_for("", "wrong"),
            end=lambda: client.config_set("requirepass", "wrong"),
            healthy=False,
        )


@fault("no password given (NOAUTH)")
def no_password() -> Iterator[Scene]:
    """No password given (NOAUTH)."""
    with _server(password="right") as server, server.client() as client:
        yield Scene(
            f"valkey://{HOST}:{server.port}",
            end=lambda: client.config_set("requirepass", ""),
            healthy=False,
        )


@fault("no connections left (`maxclients`)")
def too_many_clients() -> Iterator[Scene]:
    """No connections left (`maxclients`)."""
    with _server() as server, server.client() as client:

        def begin() -> None:
            client.config_set("maxclients", 1)
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        yield Scene(server.url, begin, lambda: client.config_set("maxclients", 1000))


@fault("another type at the key (WRONGTYPE)")
def wrong_type() -> Iterator[Scene]:
    """Another type at the key (WRONGTYPE)."""
    with _server() as server, server.client() as client:

        def begin() -> None:
            for key in client.keys("llm_cache:*"):
                client.pipeline().delete(key).rpush(key, "not an entry").execute()

        # The next store replaces it: the cache mends this fault by itself.
        yield Scene(server.url, begin, served=True, opens=False)


def _others(client: Any, size: int, count: int, tag: str = "") -> list[str]:
    """Make large values of another's, to be renamed to keys: making them takes a while."""
    names = [f"{tag}another's {number}" for number in range(count)]
    for name in names:
        client.setrange(name, size, b"x")
    return names


def _put(names: Sequence[str], client: Any) -> None:
    """Put another's values in the place of entries."""
    for name, key in zip(names, _entries(client), strict=False):
        client.rename(name, key)


@fault("another's value of 60 MB at the key")
def large_value() -> Iterator[Scene]:
    """Another's value of 60 MB at the key."""
    with _server() as server, server.client() as client:
        others = _others(client, 60_000_000, _ENTRIES)
        # It is removed, and the next store puts an answer in its place.
        yield Scene(server.url, lambda: _put(others, client), served=True, opens=False)


@fault("another's value of 400 MB at a key", is_costly=True)
def huge_value() -> Iterator[Scene]:
    """Another's value of 400 MB at a key."""
    with _server() as server, server.client() as client:
        others = _others(client, 400_000_000, 1)
        yield Scene(server.url, lambda: _put(others, client), served=True, opens=False)


# ---------------------------------------------------------------------------- several servers


@fault("Sentinel: the primary is killed, the replica promoted", is_costly=True)
def sentinel_failover() -> Iterator[Scene]:
    """Sentinel: the primary is killed, the replica promoted."""
    with (
        _server() as primary,
        _server(f"replicaof {HOST} {primary.port}") as replica,
        ValkeySentinel(primary) as watching,
        replica.client() as client,
    ):
        watching.knows_replicas(1)
        yield Scene(
            primary.url,
            primary.kill,
            lambda: wait_until(lambda: client.role()[0] == b"master", "the replica took over"),
            make=lambda: LLMCache(
                ValkeyCache(watching.sentinel().master_for(SERVICE), prefix="llm_cache:"),
                **_options(),
            ),
            opens=False,  # the replica may take over before
        )


@contextmanager
def _cluster() -> Iterator[tuple[ValkeyClusterServers, Callable[..., LLMCache]]]:
    """Yield a cluster, and what makes a cache all of whose entries are on one of its nodes."""
    with ValkeyClusterServers(3, 3, *_modules()) as servers:

        def make(url: str = servers.url, **options: Any) -> LLMCache:
            return LLMCache.from_url(
                url, cluster=True, prefix="{app}llm_cache:", **_options(), **options
            )

        yield servers, make


def _holder(servers: ValkeyClusterServers) -> ValkeyServer:
    """Return the primary that has the entries."""

    def entries(node: ValkeyServer) -> int:
        with node.client() as client:
            return int(client.dbsize())

    return max(servers.primaries, key=entries)


@fault("cluster: a primary is killed, its replica takes over", is_costly=True)
def cluster_failover() -> Iterator[Scene]:
    """Cluster: a primary is killed, its replica takes over."""
    with _cluster() as (servers, make):
        gone: list[ValkeyServer] = []

        def begin() -> None:
            gone.append(_holder(servers))
            gone[0].kill()

        # (That it is gone is no news to it.)
        yield Scene(servers.url, begin, lambda: (servers.fail_over(gone[0]), None)[1], make=make)


@fault("cluster: a primary is frozen, and continued", is_costly=True)
def cluster_frozen() -> Iterator[Scene]:
    """Cluster: a primary is frozen, and continued."""
    with _cluster() as (servers, make):
        gone: list[ValkeyServer] = []

        def begin() -> None:
            gone.append(_holder(servers))
            gone[0].freeze()

        def end() -> None:
            gone[0].thaw()

        yield Scene(servers.url, begin, end, make=make)


@fault("cluster: idle connections forgotten, without a word", is_costly=True)
def cluster_forgotten() -> Iterator[Scene]:
    """Cluster: idle connections forgotten, without a word."""
    with _cluster() as (servers, make), contextlib.ExitStack() as stack:
        proxies = {node.port: stack.enter_context(FaultProxy(node.port)) for node in servers.nodes}

        def forget() -> None:
            for proxy in proxies.values():
                proxy.forget()

        url = proxies[servers.nodes[0].port].url
        remap = lambda address: (HOST, proxies[address[1]].port)  # noqa: E731
        yield Scene(url, end=forget, opens=False, make=lambda: make(url, address_remap=remap))


@fault("cluster: another's value of 60 MB at the key", is_costly=True)
def cluster_large_value() -> Iterator[Scene]:
    """Cluster: another's value of 60 MB at the key."""
    with _cluster() as (servers, make):
        with contextlib.closing(servers.client()) as client:
            others = _others(client, 60_000_000, _ENTRIES, tag="{app}")

        def begin() -> None:
            with _holder(servers).client() as client:
                _put(others, client)

        yield Scene(servers.url, begin, served=True, opens=False, make=make)


@fault("cluster: its node announces an address that nobody reaches (NAT), until it can be")
def behind_nat() -> Iterator[Scene]:
    """Cluster: its node announces an address that nobody reaches (NAT), until it can be."""
    with ValkeyClusterServers(1, 0, *_modules()) as servers:
        [node] = servers.nodes
        where = ["127.0.0.9"]

        def end() -> None:
            where[:] = [HOST]

        with HangingListener(where[0], node.port):
            yield Scene(
                node.url,
                end=end,
                healthy=False,
                make=lambda: LLMCache.from_url(
                    node.url,
                    cluster=True,
                    prefix="{app}llm_cache:",
                    **_options(),
                    address_remap=lambda told: (where[0], told[1]),
                ),
            )


# ---------------------------------------------------------------------------- the application


def _hog(seconds: float) -> None:
    """Keep the interpreter busy, in pieces of about a second in each of which no thread runs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(20_000_000))


@fault("a busy application: its loop blocked for 1 s, five times; the interpreter hogged for 3 s")
def busy() -> Iterator[Scene]:
    """A busy application: its loop blocked for 1 s, five times; the interpreter hogged for 3 s."""
    with _server() as server:
        scene = Scene(server.url, served=True, opens=False)

        def begin() -> None:
            assert scene.using is not None
            if scene.using.kind == "sync":
                _hog(3)
                return
            for number in range(5):
                scene.using.loop.call_soon_threadsafe(
                    scene.using.loop.call_later, number * 1.02, time.sleep, 1.0
                )

        scene.begin = begin
        yield scene


@contextmanager
def _burst(scene: Scene) -> Iterator[Scene]:
    def begin() -> None:
        assert scene.using is not None
        cache, loop = scene.using.cache, scene.using.loop
        prompts = [_asked(f"How do I survive burst {number}?") for number in range(4096)]
        if scene.using.kind == "async":

            async def store() -> None:
                await asyncio.gather(
                    *(cache.aupdate(prompt, LLM_STRING, answer(prompt)) for prompt in prompts)
                )

            asyncio.run_coroutine_threadsafe(store(), loop).result()
            return
        with ThreadPoolExecutor(256) as threads:
            list(threads.map(lambda each: cache.update(each, LLM_STRING, answer(each)), prompts))

    scene.begin = begin
    yield scene


@fault("a burst: 4,096 stores at once (sync: by 256 threads)", is_costly=True)
def burst() -> Iterator[Scene]:
    """A burst: 4,096 stores at once (sync: by 256 threads)."""
    with _server() as server, _burst(Scene(server.url, served=True, opens=False)) as scene:
        yield scene


@fault("cluster: the same burst", is_costly=True)
def cluster_burst() -> Iterator[Scene]:
    """Cluster: the same burst."""

    def make() -> LLMCache:
        # (RediSearch finds the questions of its index's slot only.)
        prefix = "{app}llm_cache:" if _similar.is_set() else "llm_cache:"
        return LLMCache.from_url(servers.url, prefix=prefix, **_options())

    with (
        ValkeyClusterServers(3, 0, *_modules()) as servers,
        _burst(Scene(servers.url, served=True, opens=False, make=make)) as scene,
    ):
        yield scene


# ---------------------------------------------------------------------------- measuring


@dataclass
class Row:
    """What came of one fault, for one half of the protocol. All times in seconds.

    Attributes:
        exceptions: That the application saw.
        longest: Duration of the slowest single call.
        mean: Mean duration of the calls after the first failures, while the store was broken.
        asked: How many of those calls reached for the store.
        back: From the end of the fault to the first hit; None: hits never ceased.
        stats: Of the cache, in the end.
        wrong: Answers to another question.
        served: Whether hits were to go on.
        opens: Whether the breaker was to open.
    """

    exceptions: list[BaseException] = field(default_factory=list)
    longest: float = 0.0
    mean: float = 0.0
    asked: int = 0
    back: float | None = None
    stats: CacheStats = field(default_factory=CacheStats)
    wrong: int = 0
    served: bool = False
    opens: bool = True


class _Measuring:
    """Calls a cache as an application does, and looks at the clock."""

    def __init__(self, half: Half) -> None:
        self._half = half
        self.row = Row()

    async def timed(self, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        start = time.perf_counter()
        try:
            return await call(*args)
        except Exception as error:
            self.row.exceptions.append(error)
            return None
        finally:
            self.row.longest = max(self.row.longest, time.perf_counter() - start)

    async def cycle(self, prompt: str) -> bool:
        """Look a prompt up and store its answer; tell whether it was a hit."""
        asked, text = _asked(prompt), f"answer to {prompt}"
        found = await self.timed(self._half.lookup, asked, LLM_STRING)
        if found is not None and found[0].text != text:
            self.row.wrong += 1
        await self.timed(self._half.update, asked, LLM_STRING, answer(text))
        return found is not None

    async def mean(self, calls: int) -> float:
        start = time.perf_counter()
        for _ in range(max(1, calls // 2)):
            await self.cycle(PROMPT)
        return (time.perf_counter() - start) / (2 * max(1, calls // 2))


# The calls of one measurement are averaged while the others wait.
_averaging = threading.Lock()


def measure(fault: Fault, kind: Kind, calls: int = CALLS) -> Row:
    """Break a store, and see what an application notices."""
    with fault.open() as scene:
        scene.calls = min(scene.calls, calls)
        return asyncio.run(_measure(scene, kind))


async def _measure(scene: Scene, kind: Kind) -> Row:
    cache = scene.cache()
    scene.using = Using(cache, kind, asyncio.get_running_loop())
    measuring = _Measuring(Half(kind, cache))
    row = measuring.row
    if scene.healthy:
        for _ in range(5):
            await measuring.cycle(PROMPT)
        row.longest = 0.0
    async with _load(measuring, kind):
        await asyncio.to_thread(scene.begin)
        start = time.perf_counter()
        longest = 10 * TIMEOUT if scene.opens else 2.2 * TIMEOUT
        while cache.stats().breaker == "closed" and time.perf_counter() - start < longest:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
    await asyncio.to_thread(_averaging.acquire)
    try:
        skipped = cache.stats().skipped
        row.mean = await measuring.mean(scene.calls)
        row.asked = scene.calls - (cache.stats().skipped - skipped)
    finally:
        _averaging.release()
    row.served, row.opens = scene.served, scene.opens
    await asyncio.to_thread(scene.end)
    start = time.perf_counter()
    while not await measuring.cycle(PROMPT) and time.perf_counter() - start < _GIVE_UP:  # noqa: ASYNC110 - likewise
        await asyncio.sleep(0.01)
    row.back = time.perf_counter() - start
    row.stats = cache.stats()
    await cache.aclose()
    return row


@asynccontextmanager
async def _load(measuring: _Measuring, kind: Kind) -> AsyncIterator[None]:
    """Several callers at once, as long as the block runs, and at least three cycles each."""
    over = threading.Event()

    async def call(caller: int) -> None:
        for turn in itertools.count():
            if over.is_set() and turn >= 3:
                return
            await measuring.cycle(f"{PROMPT} {caller} {turn % 2}")
            await asyncio.sleep(0.001)

    if kind == "async":
        tasks = [asyncio.create_task(call(caller)) for caller in range(_LOAD)]
        await asyncio.sleep(0.05)
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*tasks)
        return
    with ThreadPoolExecutor(_LOAD) as threads:
        loops = [
            asyncio.get_running_loop().run_in_executor(threads, lambda n: asyncio.run(call(n)), n)
            for n in range(_LOAD)
        ]
        await asyncio.sleep(0.05)
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*loops)


def measure_all(
    wanted: Sequence[tuple[Fault, Kind]],
    *,
    at_once: int = 8,
    calls: int = CALLS,
    similar: bool = False,
) -> dict[tuple[str, Kind], Row]:
    """Return the rows of all wanted measurements, several made at once.

    Args:
        wanted: Which ones.
        at_once: How many.
        calls: Calls of each that are averaged.
        similar: Whether near-identical matching is switched on. Then no lookup is an exact hit:
            each one searches, for the same question with other spaces.
    """
    with ThreadPoolExecutor(at_once) as threads, _switched(similar):
        rows = threads.map(lambda each: measure(each[0], each[1], calls), wanted)
        return {(fault.name, kind): row for (fault, kind), row in zip(wanted, rows, strict=True)}


@contextmanager
def _switched(similar: bool) -> Iterator[None]:
    if similar:
        _similar.set()
    try:
        yield
    finally:
        _similar.clear()


# ---------------------------------------------------------------------------- the table


def table(
    faults: Sequence[Fault], rows: dict[tuple[str, Kind], Row], *, similar: bool = False
) -> str:
    """Return the rows as a table in Markdown: sync / async in each cell."""
    third = () if similar else ("mean of the next 1,000",)
    titles = ["fault", "longest call", *third, "hits are back after"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for each in faults:
        pair = [rows[each.name, kind] for kind in ("sync", "async")]
        bad = sum(len(row.exceptions) + row.wrong for row in pair)
        cells = [
            f"{each.title}: **{bad} exceptions or wrong answers**" if bad else each.title,
            " / ".join(_seconds(row.longest) for row in pair),
            *(" / ".join(_seconds(row.mean) for row in pair) for _ in third),
            "they go on" if pair[0].served else " / ".join(_seconds(row.back or 0) for row in pair),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _seconds(seconds: float) -> str:
    if seconds >= 0.1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def main(names: Sequence[str]) -> None:
    """Measure, and print."""
    logging.getLogger("langchain_llmcache").setLevel(logging.CRITICAL)
    similar = "--similar" in names
    names = [name for name in names if name != "--similar"]
    known = [*FAULTS, *FAULTS_OF_MATCHING] if similar else FAULTS
    faults = [each for each in known if not names or any(name in each.name for name in names)]
    kinds: tuple[Kind, ...] = ("sync", "async")
    wanted = [(each, kind) for each in faults for kind in kinds]
    rows = measure_all(wanted, at_once=1, similar=similar)
    sys.stdout.write(table(faults, rows, similar=similar) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
