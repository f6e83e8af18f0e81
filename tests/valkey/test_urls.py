"""Settings as text: URLs and environment variables."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest
from langgraph.cache.sqlite import SqliteCache
from langgraph_checkpoint_aws import ValkeyCache

from langchain_llmcache import ConfigurationError, LLMCache, LLMCacheError, StoreError
from langchain_llmcache._stores.memory import MemoryStore
from langchain_llmcache._valkey.settings import ConnectionSettings
from tests.support.servers import StartServer, ValkeyServer
from tests.support.targets import LLM_STRING, PROMPT, answer, texts


def settings(url: str) -> dict[str, Any]:
    """Return the connection arguments of a URL."""
    return ConnectionSettings.from_url(url, timeout=0.5).arguments


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("valkey://h", {"host": "h", "port": 6379}),
        ("redis://h:7/2", {"host": "h", "port": 7, "db": 2}),
        ("valkey://", {"host": "localhost", "port": 6379}),
        ("valkey://[::1]:7", {"host": "::1", "port": 7}),
        (
            "valkey://u:p%40%2F%3A@h",
            {"host": "h", "port": 6379, "username": "u", "password": "p@/:"},
        ),
        ("valkey://:p@h", {"host": "h", "port": 6379, "password": "p"}),
        (
            "valkey://h?db=3&client_name=app",
            {"host": "h", "port": 6379, "db": 3, "client_name": "app"},
        ),
        (
            "valkey://h?socket_keepalive=false",
            {"host": "h", "port": 6379, "socket_keepalive": False},
        ),
        ("unix:///run/v.sock?db=1", {"path": "/run/v.sock", "db": 1}),
        ("unix://u:p@/run/v.sock", {"path": "/run/v.sock", "username": "u", "password": "p"}),
        ("valkeys://h", {"host": "h", "port": 6379, "ssl_check_hostname": True}),
        (
            "rediss://h?ssl_ca_certs=/ca.pem&ssl_check_hostname=no",
            {"host": "h", "port": 6379, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False},
        ),
    ],
)
def test_a_servers_url(url: str, arguments: dict[str, Any]) -> None:
    """Every part of a URL is read; TLS checks host names unless told otherwise."""
    assert settings(url) == arguments


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("localhost:6379", "no scheme; expected valkey://"),
        ("http://user:secret@h", "http://; expected valkey://"),
        ("valkey://h:port", "valid host and port"),
        ("valkey://user:secret@h:99999", "valid host and port"),
        ("valkey://user:secret@h/name", "database number"),
        (
            "valkey://h?decode_responses=true",
            "unknown option 'decode_responses'.*known: client_name",
        ),
        ("valkey://h?ssl_ca_certs=x", "unknown option 'ssl_ca_certs'"),
        ("valkey://h?db=one", "'db'.*a whole number"),
        ("valkey://h?socket_keepalive=maybe", "'socket_keepalive'.*true or false"),
        ("unix://", "unix:///run/valkey.sock"),
        ("unix://relative/path", "unix:///run/valkey.sock"),
        ("memory://x", "memory:// takes nothing"),
        ("sqlite://", "three slashes"),
        ("sqlite://cache.db", "three slashes"),
        ("sqlite:///:memory:", "memory://"),
        ("", "expected valkey://"),
    ],
)
def test_a_bad_url_is_explained(url: str, match: str) -> None:
    """A URL that is not understood raises at once, and the message keeps its secrets."""
    with pytest.raises(ConfigurationError, match=match) as caught:
        LLMCache.from_url(url)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, LLMCacheError)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"prefix": ""},
        {"prefix": None},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "1"},
        {"timeout": True},
        {"timeout": float("nan")},
        {"hit_usage": "drop"},
        {"key_extra": object()},
        {"key_secret": ""},
        {"ttl": 0},
        {"namespace": ""},
    ],
)
def test_a_bad_argument_is_explained(arguments: dict[str, Any]) -> None:
    """An argument that cannot be meant raises a ValueError that names it."""
    [name] = arguments
    with pytest.raises(ConfigurationError, match=name):
        LLMCache.from_url("memory://", **arguments)


def test_a_constructor_does_not_connect() -> None:
    """Making a cache for a host that does not answer takes no time."""
    start = time.monotonic()
    for url in ("valkey://192.0.2.1", "valkeys://192.0.2.1", "valkey://no-such-host.invalid"):
        cache = LLMCache.from_url(url)
        assert isinstance(cache.store, ValkeyCache)
    assert time.monotonic() - start < 5


def test_sqlite_is_opened_on_first_use(tmp_path: Path) -> None:
    """Making a cache on a file makes no file."""
    path = tmp_path / "cache.db"
    cache = LLMCache.from_url(f"sqlite:///{path}")
    assert isinstance(cache.store, SqliteCache)
    assert not path.exists()
    cache.lookup(PROMPT, LLM_STRING)
    assert path.exists()
    cache.close()


def test_no_url_is_memory() -> None:
    """Without a URL, answers are kept in the process."""
    assert isinstance(LLMCache.from_url().store, MemoryStore)
    assert isinstance(LLMCache().store, MemoryStore)


def test_the_environment(server: ValkeyServer) -> None:
    """``from_env`` reads URL, prefix, TTL and namespace; what is missing has its default."""
    with LLMCache.from_env(
        {
            "LLMCACHE_URL": server.url,
            "LLMCACHE_PREFIX": "app:",
            "LLMCACHE_TTL": "1.5",
            "LLMCACHE_NAMESPACE": "a/b",
        }
    ) as cache:
        cache.update(PROMPT, LLM_STRING, answer())
    with server.client() as client:
        [key] = client.keys()
        assert key.startswith(b"app:a%2Fb/")
        assert 0 < client.pttl(key) <= 1500
    assert isinstance(LLMCache.from_env({"LLMCACHE_URL": ""}).store, MemoryStore)


@pytest.mark.parametrize("text", ["none", "None", " NONE "])
def test_no_ttl_in_the_environment(server: ValkeyServer, text: str) -> None:
    """``LLMCACHE_TTL=none`` keeps entries for ever."""
    with LLMCache.from_env({"LLMCACHE_URL": server.url, "LLMCACHE_TTL": text}) as cache:
        cache.update(PROMPT, LLM_STRING, answer())
    with server.client() as client:
        assert client.pttl(client.keys()[0]) == -1


def test_a_bad_ttl_in_the_environment() -> None:
    """A TTL that is no number names its variable."""
    with pytest.raises(ConfigurationError, match="LLMCACHE_TTL is '1h'"):
        LLMCache.from_env({"LLMCACHE_TTL": "1h"})


def test_the_real_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``from_env`` reads the process's own environment."""
    monkeypatch.setenv("LLMCACHE_URL", "nonsense")
    with pytest.raises(ConfigurationError, match="no scheme"):
        LLMCache.from_env()


def test_ping(server: ValkeyServer, own_valkey_server: StartServer) -> None:
    """``ping`` returns where the store answers, and raises a clear error where it does not."""
    LLMCache().ping()
    LLMCache.from_url(server.url).ping()
    gone = own_valkey_server(password="s3cret")
    with pytest.raises(StoreError, match="ping failed: AuthenticationError"):
        LLMCache.from_url(f"valkey://:wr0ng@127.0.0.1:{gone.port}").ping()
    gone.kill()
    with pytest.raises(StoreError, match=r"ping failed: ConnectionError.*refused") as caught:
        LLMCache.from_url(gone.url).ping()
    assert "s3cret" not in str(caught.value)


async def test_aping(server: ValkeyServer, own_valkey_server: StartServer) -> None:
    """``aping`` is the same for a running loop."""
    await LLMCache().aping()
    async with LLMCache.from_url(server.url) as cache:
        await cache.aping()
    gone = own_valkey_server()
    gone.kill()
    with pytest.raises(StoreError, match=r"ping failed: ConnectionError.*onnect"):
        await LLMCache.from_url(gone.url).aping()


def test_credentials_are_shown_nowhere(
    own_valkey_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A password is in no repr, no error and no log line."""
    server = own_valkey_server(password="s3cret")
    url = f"valkey://someone:wr0ng-secret@127.0.0.1:{server.port}"
    with caplog.at_level(logging.DEBUG):
        cache = LLMCache.from_url(url)
        cache.update(PROMPT, LLM_STRING, answer())
        assert cache.lookup(PROMPT, LLM_STRING) is None
        with pytest.raises(StoreError) as caught:
            cache.clear()
    shown = f"{cache!r}{cache._opened!r}{caught.value!r}{caplog.text}"
    assert "AuthenticationError" in caplog.text
    assert "wr0ng-secret" not in shown


def test_two_processes_on_one_file(tmp_path: Path) -> None:
    """Caches on one file see each other's answers, also after a restart."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    with LLMCache.from_url(url) as one, LLMCache.from_url(url) as two:
        one.update(PROMPT, LLM_STRING, answer("kept"))
        assert texts(two.lookup(PROMPT, LLM_STRING)) == ["kept"]
    with LLMCache.from_url(url) as later:
        assert texts(later.lookup(PROMPT, LLM_STRING)) == ["kept"]
