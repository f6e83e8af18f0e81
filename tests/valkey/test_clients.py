"""A ValkeyCache may hold any client that a user has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from langgraph_checkpoint_aws import ValkeyCache
from valkey import BlockingConnectionPool, Connection, ConnectionPool, Valkey
from valkey.asyncio import Valkey as AsyncValkey
from valkey.credentials import UsernamePasswordCredentialProvider

from langchain_llmcache import ConfigurationError, LLMCache
from tests.support.certificates import Certificates
from tests.support.servers import Server, StartServer, ValkeyServer
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]


async def works(cache: LLMCache, half: Halves) -> bool:
    """Tell whether an answer is stored, found, and was not in trouble."""
    await half(cache).update(PROMPT, LLM_STRING, answer("found"))
    found = texts(await half(cache).lookup(PROMPT, LLM_STRING))
    await cache.aclose()
    return found == ["found"] and cache.stats().errors == 0


class Own(Connection):
    """A user's own kind of connection."""


@pytest.fixture
def protected(own_valkey_server: StartServer) -> ValkeyServer:
    """A server with a password of awkward characters, and a unix socket."""
    return own_valkey_server(password="p@ss/w:rd %", unix_socket=True)


CLIENTS: dict[str, Callable[[ValkeyServer], Valkey]] = {
    "url": lambda server: Valkey.from_url(server.url),
    "keywords": lambda server: Valkey(port=server.port, password="p@ss/w:rd %", db=3),
    "unix socket": lambda server: Valkey.from_url(server.unix_url),
    "decoding": lambda server: Valkey.from_url(server.url, decode_responses=True),
    "RESP3": lambda server: Valkey.from_url(server.url, protocol=3),
    "pool": lambda server: Valkey(connection_pool=ConnectionPool.from_url(server.url)),
    "small pool": lambda server: Valkey(
        connection_pool=BlockingConnectionPool.from_url(server.url, max_connections=1, timeout=1)
    ),
    "eager": lambda server: Valkey.from_url(
        server.url, health_check_interval=1, retry_on_timeout=True, socket_timeout=None
    ),
    "single connection": lambda server: Valkey(
        port=server.port, password="p@ss/w:rd %", single_connection_client=True
    ),
    "caching": lambda server: Valkey.from_url(server.url, protocol=3, cache_enabled=True),
    "credentials": lambda server: Valkey(
        port=server.port,
        credential_provider=UsernamePasswordCredentialProvider("default", "p@ss/w:rd %"),
    ),
    "own greeting": lambda server: Valkey(
        connection_pool=ConnectionPool.from_url(
            server.url, valkey_connect_func=lambda connection: connection.on_connect()
        )
    ),
}


@pytest.mark.parametrize("kind", CLIENTS)
async def test_any_client_serves(protected: ValkeyServer, half: Halves, kind: str) -> None:
    """A client from a URL or keywords, over TCP or a socket, decoding or pooled, just works."""
    with closing(CLIENTS[kind](protected)) as client:
        assert await works(LLMCache(ValkeyCache(client)), half)


async def test_a_client_of_another_encoding(server: Server, half: Halves) -> None:
    """The words of the cache's commands are what they are, with libvalkey and without."""
    with closing(Valkey.from_url(server.url, encoding="utf-16", decode_responses=True)) as client:
        cache = LLMCache(ValkeyCache(client))
        assert await works(cache, half)
        assert cache.clear() == 1


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Valkey.from_url("valkey://127.0.0.1"), "valkey://127.0.0.1:6379"),
        (lambda: Valkey.from_url("valkeys://127.0.0.1/2"), "valkeys://127.0.0.1:6379/2"),
        (lambda: Valkey.from_url("valkey://"), "valkey://localhost:6379"),
        (lambda: Valkey(connection_pool=ConnectionPool(port=1)), "valkey://localhost:1"),
        (lambda: Valkey(connection_pool=ConnectionPool(Own, host="::1")), "valkey://[::1]:6379"),
    ],
)
def test_a_client_that_was_told_no_port(make: Callable[[], Valkey], name: str) -> None:
    """Nor a host, perhaps: they are those of valkey-py."""
    store: ValkeyCache[Any] = ValkeyCache(Valkey(port=1))
    with closing(make()) as client:
        store.client = client
        assert f"<LLMCache {name}," in repr(LLMCache(store))


async def test_a_tls_client(
    own_valkey_server: StartServer, certificates: Certificates, half: Halves
) -> None:
    """A client with TLS settings of its own lends them to the cache, sync and async."""
    server = own_valkey_server(certificates=certificates)
    with closing(server.client()) as client:
        assert await works(LLMCache(ValkeyCache(client)), half)


async def test_a_client_that_others_use(protected: ValkeyServer, half: Halves) -> None:
    """The user's own client goes on working beside the cache, with its own settings."""
    with closing(Valkey.from_url(protected.url, decode_responses=True)) as client:
        cache = LLMCache(ValkeyCache(client))
        await half(cache).update(PROMPT, LLM_STRING, answer())
        client.set("mine", "text")
        await half(cache).lookup(PROMPT, LLM_STRING)
        assert client.get("mine") == "text"
        await cache.aclose()
        assert client.get("mine") == "text"


async def test_a_fake_server_for_the_users_tests(half: Halves) -> None:
    """FakeValkey serves both halves, with the same entries."""
    from fakeredis import FakeValkey

    cache = LLMCache(ValkeyCache(FakeValkey()))
    assert await works(cache, half)
    assert texts(await cache.alookup(PROMPT, LLM_STRING)) == ["found"]
    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["found"]


async def test_an_asyncio_fake_beside_it(half: Halves) -> None:
    """FakeAsyncValkey serves the async half, given as ``async_client``."""
    from fakeredis import FakeAsyncValkey, FakeServer, FakeValkey

    server = FakeServer()
    cache = LLMCache(
        ValkeyCache(FakeValkey(server=server)), async_client=FakeAsyncValkey(server=server)
    )
    cache.update(PROMPT, LLM_STRING, answer("found"))
    assert texts(await cache.alookup(PROMPT, LLM_STRING)) == ["found"]
    assert await works(cache, half)


async def test_an_asyncio_client_beside_it(protected: ValkeyServer, half: Halves) -> None:
    """An asyncio client lends its settings to the async half."""
    client = Valkey.from_url(protected.url)
    async_client = AsyncValkey.from_url(protected.url, decode_responses=True)
    with closing(client):
        assert await works(LLMCache(ValkeyCache(client), async_client=async_client), half)
    await async_client.aclose()


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # upstream's, by its clients
async def test_an_asyncio_client_in_its_place(protected: ValkeyServer) -> None:
    """An asyncio client inside the ValkeyCache is refused, and the message says where it goes."""
    async_client = AsyncValkey.from_url(protected.url)
    with pytest.raises(ConfigurationError, match="async_client="):
        LLMCache(ValkeyCache(async_client))
    await async_client.aclose()


@pytest.mark.parametrize(
    ("store", "match"),
    [
        (Valkey(), r"LLMCache\(ValkeyCache\(client\)\)"),
        ("valkey://localhost", "from_url"),
        (object(), "expected a LangGraph cache"),
    ],
)
def test_something_else_is_refused(store: Any, match: str) -> None:
    """What is no LangGraph cache is refused, and the message says what to do."""
    with pytest.raises(ConfigurationError, match=match):
        LLMCache(store)


def test_the_stores_ttl_prefix_and_serializer_are_used(protected: ValkeyServer) -> None:
    """A wrapped ValkeyCache's own TTL and prefix hold unless ``LLMCache`` is told otherwise."""
    with closing(protected.client()) as client:
        LLMCache(ValkeyCache(client, prefix="mine:", ttl=77)).update(PROMPT, LLM_STRING, answer())
        [key] = client.keys("mine:*")
        assert 70_000 < client.pttl(key) <= 77_000
        LLMCache(ValkeyCache(client, prefix="mine:")).update(PROMPT, LLM_STRING, answer())
        assert 3_500_000 < client.pttl(key) <= 3_600_000
        LLMCache(ValkeyCache(client, prefix="mine:"), ttl=None).update(PROMPT, LLM_STRING, answer())
        assert client.pttl(key) == -1


def test_a_ttl_that_upstream_cut_to_nothing_is_refused() -> None:
    """``ValkeyCache(ttl=0.5)`` would store nothing; ``LLMCache`` says so."""
    from fakeredis import FakeValkey

    with pytest.raises(ConfigurationError, match=r"LLMCache\(..., ttl=...\)"):
        LLMCache(ValkeyCache(FakeValkey(), ttl=0.5))
