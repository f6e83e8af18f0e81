"""Clients of a Sentinel: they lend their way to the primary, wherever it is by now."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, ClassVar

import pytest
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Connection, ConnectionPool, Valkey
from valkey.asyncio import Valkey as AsyncValkey
from valkey.asyncio.sentinel import Sentinel as AsyncSentinel
from valkey.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection

from langchain_llmcache import ConfigurationError, LLMCache
from tests.support.certificates import Certificates
from tests.support.sentinel import SERVICE, ValkeySentinel
from tests.support.servers import HOST, StartServer, ValkeyServer, speaks_tls, wait_until
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]
Servers = tuple[ValkeyServer, ValkeyServer, ValkeySentinel]


@pytest.fixture
def servers(own_valkey_server: StartServer) -> Iterator[Servers]:
    """A primary, its replica, and a Sentinel that knows both."""
    primary = own_valkey_server()
    replica = own_valkey_server(f"replicaof 127.0.0.1 {primary.port}")
    with ValkeySentinel(primary) as watching:
        watching.knows_replicas(1)
        yield primary, replica, watching


async def found(cache: LLMCache, half: Halves, prompt: str = PROMPT) -> list[str] | None:
    """Store an answer, and look it up."""
    await half(cache).update(prompt, LLM_STRING, answer("found"))
    return texts(await half(cache).lookup(prompt, LLM_STRING))


async def test_the_primarys_client(servers: Servers, half: Halves) -> None:
    """``master_for`` serves both halves."""
    *_, watching = servers
    cache = LLMCache(ValkeyCache(watching.sentinel().master_for(SERVICE)), timeout=5)
    assert await found(cache, half) == ["found"]
    await half(cache).ping()
    await half(cache).clear()
    assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    stats = cache.stats()
    assert (stats.errors, stats.denied, stats.breaker) == (0, 0, "closed")
    await cache.aclose()


def test_in_any_number_of_event_loops(servers: Servers) -> None:
    """Also with an asyncio client of a Sentinel, which valkey-py binds to its first loop."""
    *_, watching = servers
    store = ValkeyCache[Any](watching.sentinel().master_for(SERVICE))

    async def make() -> LLMCache:
        # (Nothing else holds this client.)
        async_client = watching.async_sentinel().master_for(SERVICE)
        return LLMCache(store, async_client=async_client, timeout=5)

    async def use(cache: LLMCache) -> None:
        await cache.aupdate(PROMPT, LLM_STRING, answer("found"))
        assert texts(await cache.alookup(PROMPT, LLM_STRING)) == ["found"]
        await cache.aclose()

    for cache in (LLMCache(store, timeout=5), asyncio.run(make())):
        for _ in range(3):
            asyncio.run(use(cache))
        assert cache.stats().errors == 0


async def test_a_replicas_client_reads(servers: Servers, half: Halves) -> None:
    """``slave_for`` hits; what it may not do is told apart, and the breaker stays closed."""
    primary, replica, watching = servers
    with LLMCache.from_url(primary.url) as writer:
        writer.update(PROMPT, LLM_STRING, answer("found"))
    with closing(replica.client()) as raw:
        wait_until(raw.dbsize, "the replica has the entry")
    client = watching.sentinel().slave_for(SERVICE)
    cache = LLMCache(ValkeyCache(client, prefix="llm_cache:"), timeout=5)
    assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["found"]
    await half(cache).update(f"{PROMPT} 2", LLM_STRING, answer())
    stats = cache.stats()
    assert (stats.hits, stats.denied, stats.errors, stats.breaker) == (1, 1, 0, "closed")
    await cache.aclose()


async def test_a_failover_is_survived(servers: Servers, half: Halves) -> None:
    """The primary dies; the Sentinel promotes the replica; stores and hits are back by themselves."""
    primary, replica, watching = servers
    cache = LLMCache(ValkeyCache(watching.sentinel().master_for(SERVICE)), timeout=2)
    assert await found(cache, half) == ["found"]
    primary.kill()
    for number in range(1000):
        if await found(cache, half, f"{PROMPT} {number}") == ["found"]:
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the new primary was never found")
    with closing(replica.client()) as raw:
        assert raw.role()[0] == b"master"
    before = cache.stats()
    assert await found(cache, half, "after") == ["found"]
    assert cache.stats().errors == before.errors
    assert cache.stats().breaker == "closed"
    await cache.aclose()


async def test_a_primary_that_becomes_a_replica(servers: Servers, half: Halves) -> None:
    """Kept connections lead to what is a replica by now; the next store finds the new primary."""
    _, replica, watching = servers
    cache = LLMCache(ValkeyCache(watching.sentinel().master_for(SERVICE)), timeout=2)
    assert await found(cache, half) == ["found"]
    with closing(watching.client()) as raw:
        # (It must have heard of the replica a short while ago.)
        wait_until(lambda: raw.execute_command("SENTINEL", "FAILOVER", SERVICE), "a failover")
    with closing(replica.client()) as raw:
        wait_until(lambda: raw.role()[0] == b"master", "the replica is the primary")
        for number in range(1000):
            if await found(cache, half, f"{PROMPT} {number}") == ["found"] and raw.dbsize() > 1:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("nothing was stored on the new primary")
    await cache.aclose()


async def test_a_sentinels_client_with_tls(
    own_valkey_server: StartServer, certificates: Certificates, half: Halves
) -> None:
    """TLS to the primary, with its settings, in both halves; also with an asyncio client."""
    primary = own_valkey_server(certificates=certificates)
    if not speaks_tls(primary._binary):
        return  # a Sentinel needs a server that replicates with TLS
    tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(certificates.ca)}
    with ValkeySentinel(primary) as watching:
        watching.knows_replicas(0)
        store = ValkeyCache[Any](watching.sentinel().master_for(SERVICE, **tls))
        async_client = watching.async_sentinel().master_for(SERVICE, **tls)
        for options in ({}, {"async_client": async_client}):
            cache = LLMCache(store, timeout=5, **options)
            assert await found(cache, half) == ["found"]
            assert cache.stats().errors == 0
            await cache.aclose()
        untrusted = LLMCache(ValkeyCache(watching.sentinel().master_for(SERVICE, ssl=True)))
        assert await found(untrusted, half) is None
        assert untrusted.stats().errors > 0
        await untrusted.aclose()


async def test_sentinels_with_a_password_and_tls_of_their_own(
    server_binary: str, own_valkey_server: StartServer, certificates: Certificates, half: Halves
) -> None:
    """``sentinel_kwargs`` are for the Sentinels, the rest is for the server."""
    both: dict[str, Any] = {}
    tls: dict[str, Any] = {}
    if speaks_tls(server_binary):
        both = {"certificates": certificates}
        tls = {"ssl": True, "ssl_ca_certs": str(certificates.ca)}
    primary = own_valkey_server(password="server's", **both)
    with ValkeySentinel(primary, password="sentinel's", **both) as watching:
        watching.knows_replicas(0)
        for own, expected in (("server's", ["found"]), ("sentinel's", None)):
            options = {"password": own, **tls}
            store = _holding(watching.sentinel().master_for(SERVICE, **options))
            async_client = watching.async_sentinel().master_for(SERVICE, **options)
            for more in ({}, {"async_client": async_client}):
                cache = LLMCache(store, timeout=5, **more)
                assert await found(cache, half) == expected
                assert (cache.stats().errors == 0) == bool(expected)
                await cache.aclose()


async def test_no_sentinel_answers(half: Halves, caplog: pytest.LogCaptureFixture) -> None:
    """A miss, as for a server that is down; and the log says where to look."""
    nobody = ValkeySentinel()
    nobody._port = 1
    try:
        cache = LLMCache(ValkeyCache(nobody.sentinel().master_for(SERVICE)))
        assert await found(cache, half) is None
        assert cache.stats().errors == 2
        assert "Do the Sentinels answer" in caplog.text
        assert f"(Sentinel service {SERVICE}" in caplog.text
        await cache.aclose()
    finally:
        nobody.close()


async def test_a_sentinel_that_says_nothing(own_valkey_server: StartServer, half: Halves) -> None:
    """The next one is asked within the deadline, whatever the user's own clients would wait."""
    primary = own_valkey_server()
    with ValkeySentinel(primary) as watching, socket.create_server((HOST, 0)) as silent:
        watching.knows_replicas(0)
        places = [(HOST, silent.getsockname()[1]), (HOST, watching.port)]
        client = Sentinel(places).master_for(SERVICE)
        async_client = AsyncSentinel(places).master_for(SERVICE)
        for more in ({}, {"async_client": async_client}):
            cache = LLMCache(_holding(client), timeout=1, **more)
            for _ in range(20):
                if await found(cache, half):
                    break
                await asyncio.sleep(0.1)
            else:
                pytest.fail("the other Sentinel was never asked")
            await cache.aclose()


def test_a_sentinel_in_the_place_of_its_client(servers: Servers) -> None:
    """The message says what to call."""
    *_, watching = servers
    with pytest.raises(ConfigurationError, match=r"sentinel.master_for\(name\)"):
        LLMCache(_holding(watching.sentinel()))


# --- connection classes that know more than valkey-py's --------------------------------------


def _holding(client: Any) -> ValkeyCache[Any]:
    """Return a ValkeyCache that holds something."""
    cache: ValkeyCache[Any] = ValkeyCache(Valkey(port=1))
    cache.client = client
    return cache


class Told(Connection):
    """A connection whose argument is in no signature."""

    told: ClassVar[list[Any]] = []

    def __init__(self, **arguments: Any) -> None:
        self.told.append(arguments.pop("token"))
        super().__init__(**arguments)  # type: ignore[no-untyped-call]


class Strict(Connection):
    """A connection that takes nothing but what it names."""

    def __init__(self, *, host: str, port: int, token: str) -> None:
        super().__init__(host=host, port=port)  # type: ignore[no-untyped-call]


class Managed(SentinelManagedConnection):
    """A user's own kind of valkey-py's connection."""


async def test_arguments_in_no_signature_are_handed_through(
    own_valkey_server: StartServer, half: Halves
) -> None:
    """As the client's own pool does."""
    server = own_valkey_server()
    pool = ConnectionPool(Told, host="127.0.0.1", port=server.port, token="t")
    Told.told.clear()
    cache = LLMCache(ValkeyCache(_client(pool)), timeout=5)
    assert await found(cache, half) == ["found"]
    assert set(Told.told) == {"t"}
    await cache.aclose()


async def test_a_class_of_ones_own_over_a_sentinels(servers: Servers, half: Halves) -> None:
    """It is used as it is, from threads."""
    *_, watching = servers
    pool = SentinelConnectionPool(SERVICE, watching.sentinel(), connection_class=Managed)
    cache = LLMCache(ValkeyCache(_client(pool)), timeout=5)
    assert await found(cache, half) == ["found"]
    await cache.aclose()


def test_a_class_that_cannot_be_made_is_refused_at_once() -> None:
    """With its name, and without the values of its arguments."""
    pool = ConnectionPool(Strict, host="127.0.0.1", port=1, token="s3cret")
    with pytest.raises(ConfigurationError, match=r"Strict.*unexpected keyword") as caught:
        LLMCache(_holding(_client(pool)))
    assert "s3cret" not in str(caught.value)


def test_an_asyncio_client_that_cannot_be_made_is_refused_at_once() -> None:
    """Its class is looked at, too."""
    client = AsyncValkey()
    client.connection_pool.connection_kwargs["nonsense"] = 1
    with pytest.raises(ConfigurationError, match="nonsense"):
        LLMCache(ValkeyCache(Valkey(port=1)), async_client=client)


def _client(pool: Any) -> Valkey:
    return Valkey(connection_pool=pool)
