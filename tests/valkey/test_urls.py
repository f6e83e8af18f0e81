"""Settings as text: URLs and environment variables."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from langgraph.cache.sqlite import SqliteCache
from langgraph_checkpoint_aws import ValkeyCache

from langchain_llmcache import ConfigurationError, LLMCache, LLMCacheError, StoreError
from langchain_llmcache._stores.memory import MemoryStore
from langchain_llmcache._valkey.settings import ConnectionSettings
from tests.support.servers import StartServer, ValkeyServer
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts


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
        ("valkey://:p[s@s:w@h", {"host": "h", "port": 6379, "password": "p[s@s:w"}),
        ("valkey://h?password=a%2Bb%26", {"host": "h", "port": 6379, "password": "a+b&"}),
        ("valkey://H.Example./", {"host": "h.example.", "port": 6379}),
        ("valkey://bücher.example", {"host": "bücher.example", "port": 6379}),
        ("valkey://[fe80::1%25eth0]", {"host": "fe80::1%eth0", "port": 6379}),
        ("valkey://user@h", {"host": "h", "port": 6379, "username": "user"}),
        ("unix:///run/a%20b c.sock", {"path": "/run/a b c.sock"}),
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


# Each has "s3cr3t" where a password may have got to.
BAD_URLS = [
    # no URL of a store
    ("", "is empty; expected valkey://"),
    ("  ", "is empty"),
    ("'valkey://user:s3cr3t@h:6379'", "quotation marks around"),
    ('"valkey://user:s3cr3t@h:6379"\n', "quotation marks around"),
    ("localhost:6379", r"no scheme; did you mean valkey://localhost:6379\?"),
    ("user:s3cr3t@h:6379", r"no scheme; did you mean valkey://localhost:6379\?"),
    ("//user:s3cr3t@h:6379", "no scheme"),
    ("valkeys:h", r"did you mean valkeys://localhost:6379\?"),
    ("sqlite:cache.db", r"did you mean sqlite:///cache.db\?"),
    ("/var/cache/s3cr3t.db", r"did you mean sqlite:///cache.db\?"),
    ("VALKEY://user:s3cr3t@h", r"did you mean valkey://localhost:6379\?"),
    ("Rediss://user:s3cr3t@h", r"did you mean rediss://localhost:6379\?"),
    ("valky://user:s3cr3t@h", r"did you mean valkey://localhost:6379\?"),
    ("s3cr3t://h", "scheme that is not known.*expected valkey://"),
    ("http://user:s3cr3t@h", "scheme that is not known"),
    ("redis+sentinel://:s3cr3t@h/mymaster", r"master_for\(name\)"),
    # characters
    (" valkey://user:s3cr3t@h", r"before or after.*did you mean valkey://localhost:6379\?"),
    ("valkey://user:s3cr3t@h\n", r"before or after.*did you mean valkey://localhost:6379\?"),
    ("valkey://user:s3cr3t @h", "invisible character.*%20"),
    ("valkey://user:s3cr3t\n@h", "invisible character"),
    ("valkey://user:s3cr3t\x00@h", "invisible character"),
    ("valkey://user:s3cr3t\u200b@h", "invisible character"),
    ("valkey://user:s3cr3t\ud800@h", "invisible character"),
    ("sqlite:///s3cr3t\n.db", "invisible character"),
    ("valkey://user:s3cr3t%@h", "%25"),
    ("valkey://user:s3cr3t%zz@h", "%25"),
    ("valkey://user:s3cr3t%ff@h", "not UTF-8"),
    # a password that was not percent-encoded
    ("valkey://:#s3cr3t@h:6379/0", "percent-encode # [?] / @ in the password"),
    ("valkey://default:8472#s3cr3t@h:6379/0", "percent-encode #"),
    ("valkey://default:?s3cr3t@h:6379/0", "percent-encode #"),
    ("valkey://default:8472?s3cr3t@h", "percent-encode #"),
    ("valkey://default:8472?password=s3cr3t@h", "percent-encode #"),
    ("valkey://:s3/cr3t@h:6379/0", "percent-encode #"),
    ("valkey://:12/s3cr3t@h:6379/0", "percent-encode #"),
    ("valkey://default:/s3cr3t@h:6379", "percent-encode #"),
    ("valkey://u:p@s3/cr3t@h:6379", "percent-encode #"),
    ("unix://:s3/cr3t@/run/v.sock", "percent-encode #"),
    ("unix:///run/v.sock#s3cr3t", "percent-encode #"),
    ("valkey://h:6379/0#s3cr3t", "percent-encode #"),
    # host and port
    ("valkey://h:s3cr3t", "valid host and port"),
    ("valkey://user:s3cr3t@h:0", "from 1 to 65535"),
    ("valkey://user:s3cr3t@h:99999", "valid host and port"),
    ("valkey://user:s3cr3t@h:-1", "from 1 to 65535"),
    ("valkey://user:s3cr3t@h:+6379", "from 1 to 65535"),
    ("valkey://user:s3cr3t@h:６３７９", "from 1 to 65535"),
    ("valkey://user:s3cr3t@h:", "from 1 to 65535"),
    ("valkey://user:s3cr3t@", "no host"),
    ("valkey://user:s3cr3t@:6379", "no host"),
    ("valkey://user:s3cr3t@h1:6379,h2:6379", "any node of a cluster"),
    ("valkey://::1:6379", r"stands in brackets, as in valkey://\[::1\]:6379"),
    ("valkey://[s3cr3t]:6379", r"do not hold an IPv6 address"),
    ("valkey://[::1", r"valid host and port.*do not hold an IPv6 address"),
    ("valkey://-..s3cr3t", "valid host"),
    ("valkey://ü" + "ü" * 100, "valid host"),
    ("valkey://s3cr3t.user:s3cr3t@" + "h" * 64, "valid host"),
    ("valkey://[::1]6379", r"do not hold an IPv6 address"),
    ("valkey://s3cr3t..h", "valid host"),
    ("valkey://s3cr3t%2fh", "valid host"),
    # path
    ("valkey://user:s3cr3t@h/name", "database number"),
    ("valkey://h/-1", "database number"),
    ("valkey://h/0/s3cr3t", "database number"),
    ("unix://", "unix:///run/valkey.sock"),
    ("unix:///", "unix:///run/valkey.sock"),
    ("unix://relative/path", "unix:///run/valkey.sock"),
    ("unix:///run/%00", "unix:///run/valkey.sock"),
    ("unix:///" + "s3cr3t" * 20, "longer than 107 bytes"),
    # options
    ("valkey://h?s3cr3t", "unknown option.*known: client_name, db"),
    ("valkey://h?s3cr3t=1", "unknown option"),
    ("valkey://h?decode_responses=true", "unknown option 'decode_responses'.*known: client_name"),
    ("valkey://h?socket_timeuot=1", "unknown option 'socket_timeuot'.*known"),
    ("valkey://h?ssl_ca_certs=s3cr3t", "'ssl_ca_certs'.*valkeys://"),
    ("valkey://h?", "unknown option"),
    ("valkey://h?db=1&db=2", "'db'.*twice"),
    ("valkey://h/1?db=2", "'db' twice"),
    ("valkey://h/1?db=1", "'db' twice"),
    ("valkey://u:s3cr3t@h?username=u", "'username' twice"),
    ("valkey://:s3cr3t@h?password=s3cr3t2", "'password' twice"),
    ("valkey://h?db=s3cr3t", "'db'.*a whole number"),
    ("valkey://h?db=-1", "'db'.*a whole number"),
    ("valkey://h?db=", "'db'.*no value"),
    ("valkey://h?password=", "'password'.*no value"),
    ("valkey://h?password=s3+cr3t", "'password'.*%2B"),
    ("valkey://h?protocol=4", "'protocol'.*2 or 3"),
    ("valkey://h?protocol=s3cr3t", "'protocol'.*2 or 3"),
    ("valkey://h?client_name=s3cr3t%20app", "'client_name'.*without spaces"),
    ("valkey://h?client_name=s3cr3t%0a", "'client_name'.*without spaces"),
    ("valkey://h?socket_keepalive=s3cr3t", "'socket_keepalive'.*true or false"),
    ("valkeys://h?ssl_cert_reqs=CERT_NONE", "'ssl_cert_reqs'.*none, optional or required"),
    ("valkeys://h?ssl_cert_reqs=NONE", "'ssl_cert_reqs'.*none, optional or required"),
    ("valkeys://h?ssl_cert_reqs=none&ssl_check_hostname=true", "does not go with"),
    ("valkeys://h?ssl_keyfile=s3cr3t", "goes with ssl_certfile"),
    # memory and files
    ("memory://s3cr3t", "memory:// takes nothing"),
    ("memory:///s3cr3t", "memory:// takes nothing"),
    ("memory://?max_entries=0", "'max_entries'.*more than 0"),
    ("memory://?max_entries=s3cr3t", "'max_entries'.*more than 0"),
    ("memory://?max_bytes=-1", "'max_bytes'.*more than 0"),
    ("memory://?max_bytes=1MB", "'max_bytes'.*more than 0"),
    ("memory://?max_items=1", "known: max_bytes, max_entries"),
    ("sqlite://", "three slashes"),
    ("sqlite:///", "three slashes"),
    ("sqlite://s3cr3t.db", "three slashes"),
    ("sqlite:///s3cr3t/", "three slashes"),
    ("sqlite:///:memory:", "memory://"),
    ("sqlite:///s3cr3t.db?mode=ro", "takes no options"),
    ("sqlite:///s3cr3t.db%00", "three slashes"),
]


@pytest.mark.parametrize(("url", "match"), BAD_URLS)
def test_a_bad_url_is_explained(url: str, match: str) -> None:
    """A URL that cannot be meant raises at once, and the error keeps its secrets."""
    with pytest.raises(ConfigurationError, match=match) as caught:
        LLMCache.from_url(url)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, LLMCacheError)
    each: BaseException | None = caught.value
    while each is not None:
        assert "s3" not in f"{each} {each!r} {each.args}"
        each = each.__cause__ or each.__context__


@pytest.mark.parametrize("url", [b"valkey://s3cr3t", Path("s3cr3t"), 6379, object(), ["s3cr3t"]])
def test_what_is_no_text_is_no_url(url: Any) -> None:
    """The message names its type only."""
    with pytest.raises(ConfigurationError, match="expected text such as") as caught:
        LLMCache.from_url(url)
    assert "s3cr3t" not in str(caught.value)


def test_a_variable_is_named() -> None:
    """``from_env`` says which variable is wrong."""
    with pytest.raises(ConfigurationError, match=r"LLMCACHE_URL: .*did you mean") as caught:
        LLMCache.from_env({"LLMCACHE_URL": "user:s3cr3t@h"})
    assert "s3cr3t" not in f"{caught.value} {caught.value.__context__}"


def cached(cache: LLMCache, number: int) -> list[bool]:
    """Store so many answers; tell which of them are still there."""
    prompts = [f"{PROMPT} {each}" for each in range(number)]
    for prompt in prompts:
        cache.update(prompt, LLM_STRING, answer())
    return [cache.lookup(prompt, LLM_STRING) is not None for prompt in prompts]


def test_the_bounds_of_the_memory() -> None:
    """``memory://`` takes how much to keep; what was pushed out is counted."""
    with LLMCache.from_url("memory://?max_entries=2") as cache:
        assert cached(cache, 5) == [False, False, False, True, True]
        assert cache.stats().evictions == 3
    with LLMCache.from_url("memory://?max_bytes=2000") as cache:
        kept = cached(cache, 5)
        assert kept[-1]
        assert 1 <= sum(kept) < 5
        assert cache.stats().evictions == 5 - sum(kept)
    with LLMCache.from_url("memory://?max_entries=20000&max_bytes=1000000000") as cache:
        assert all(cached(cache, 10_100))  # more than there would be by default
        assert cache.stats().evictions == 0
    with LLMCache(MemoryStore(max_entries=1)) as cache:
        assert cached(cache, 2) == [False, True]
        assert cache.stats().evictions == 1


async def test_an_answer_for_which_memory_has_no_room(half: Callable[[LLMCache], Half]) -> None:
    """It is refused, and not counted as stored; what it was to replace is gone, as in any store."""
    with LLMCache.from_url("memory://?max_bytes=1500") as cache:
        await half(cache).update(PROMPT, LLM_STRING, answer("small"))
        await half(cache).update(PROMPT, LLM_STRING, answer("x" * 2000))
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        stats = cache.stats()
        assert (stats.stores, stats.refused, stats.errors) == (1, 1, 0)
    with LLMCache.from_url("memory://?max_bytes=1") as cache:
        await half(cache).update(PROMPT, LLM_STRING, answer())
        assert await half(cache).delete(PROMPT, LLM_STRING) is False
        assert cache.stats().refused == 1


def test_what_expires_is_not_evicted() -> None:
    """An entry that is past its time is no loss."""
    with LLMCache.from_url("memory://?max_entries=1") as cache:
        cache.update(PROMPT, LLM_STRING, answer(), ttl=0.001)
        time.sleep(0.01)
        assert cached(cache, 1) == [True]
        assert cache.stats().evictions == 0


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


def test_a_constructor_does_not_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a cache looks up no name, and connects to nothing."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("nothing connects, and no name is looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    for url in ("valkey://192.0.2.1", "valkeys://192.0.2.1", "valkey://no-such-host.invalid"):
        cache = LLMCache.from_url(url)
        assert isinstance(cache.store, ValkeyCache)


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


def test_two_processes_on_one_file(tmp_path: Path) -> None:
    """Caches on one file see each other's answers, also after a restart."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    with LLMCache.from_url(url) as one, LLMCache.from_url(url) as two:
        one.update(PROMPT, LLM_STRING, answer("kept"))
        assert texts(two.lookup(PROMPT, LLM_STRING)) == ["kept"]
    with LLMCache.from_url(url) as later:
        assert texts(later.lookup(PROMPT, LLM_STRING)) == ["kept"]
