"""What will not get better by itself is named, once, with what to do; the rest is told apart."""

from __future__ import annotations

import logging
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest
from valkey import exceptions as errors
from valkey.utils import LIBVALKEY_AVAILABLE

from langchain_llmcache import LLMCache, StoreError
from langchain_llmcache._flow.ports import Refused
from langchain_llmcache._insight.errors import _TABLE, advice_for, describe
from langchain_llmcache._insight.observer import Observer
from tests.support.proxy import NotValkey
from tests.support.sentinel import ValkeySentinel
from tests.support.servers import HOST, Server, StartServer
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, keep_open

Halves = Callable[[LLMCache], Half]

APP = "on >secret ~llm_cache:* "
ALL = "+get +set +mget +unlink +scan +eval"


async def use(cache: LLMCache, half: Halves, times: int = 20) -> None:
    """Use a cache that is in trouble, as an application would."""
    keep_open(cache)
    for number in range(times):
        assert await half(cache).lookup(f"{PROMPT} {number}", LLM_STRING) is None
        await half(cache).update(f"{PROMPT} {number}", LLM_STRING, answer())
    await cache.aclose()


def advised(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines that say what to do."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


async def test_wrong_password(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password is said once for lookups and once for stores, not for each call."""
    server = own_valkey_server(password="s3cret")
    cache = LLMCache.from_url(server.url_for("", "wr0ng"))
    with server.client() as client:
        before = client.info("stats")["total_connections_received"]
        await use(cache, half)
        # Nor is a connection made for each.
        assert client.info("stats")["total_connections_received"] - before <= 4
    lines = advised(caplog)
    assert len(lines) <= 2
    assert "does not accept this user and password" in lines[0]
    assert "%40" in lines[0]
    assert cache.stats().errors == 3
    assert cache.stats().breaker == "open"


async def test_no_password(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing password is told from a wrong one."""
    server = own_valkey_server(password="s3cret")
    await use(LLMCache.from_url(f"valkey://{HOST}:{server.port}"), half)
    assert "wants a password, and was given none" in advised(caplog)[0]


async def test_a_password_that_nobody_wants(
    server: Server, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A password for a server without one is named."""
    await use(LLMCache.from_url(f"valkey://:secret@{HOST}:{server.port}"), half)
    assert "given to a server that has none" in advised(caplog)[0]


@pytest.mark.parametrize("command", ["get", "set"])
async def test_no_permission(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    """A command that the user may not run is named, and counts as denied, not as an error."""
    server = own_valkey_server(users={"app": f"{APP}{ALL} -{command}"})
    cache = LLMCache.from_url(server.url_for("app", "secret"))
    if command == "get":
        await use(cache, half)
    else:
        for _ in range(20):
            await half(cache).update(PROMPT, LLM_STRING, answer())
        await cache.aclose()
    [line] = advised(caplog)
    assert f"'{command}'" in line.lower()
    assert "ACL SETUSER <user> +get +set +mget" in line
    assert (cache.stats().denied, cache.stats().errors) == (20, 0)
    assert cache.stats().breaker == "closed"


async def test_no_permission_for_keys(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A prefix that the user may not touch is told from a command."""
    server = own_valkey_server(users={"app": f"{APP}{ALL}"})
    cache = LLMCache.from_url(server.url_for("app", "secret"), prefix="other:")
    await use(cache, half)
    assert "no access to this cache's keys" in advised(caplog)[0]


async def test_no_permission_while_connecting(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """What is refused while connecting does not cost a connection for each call."""
    server = own_valkey_server(users={"app": f"{APP}{ALL}"})
    cache = LLMCache.from_url(server.url_for("app", "secret") + "/3")
    with server.client() as client:
        before = client.info("stats")["total_connections_received"]
        await use(cache, half)
        assert client.info("stats")["total_connections_received"] - before <= 4
    assert "'select'" in advised(caplog)[0].lower()
    assert cache.stats().breaker == "open"


async def test_a_database_that_is_not_there(
    server: Server, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A database number that is too high is named."""
    await use(LLMCache.from_url(f"{server.url}?db=4000"), half)
    assert "no database of this number" in advised(caplog)[0]


async def test_out_of_memory(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A full server that evicts nothing goes on answering, and what to set is named."""
    server = own_valkey_server("maxmemory-policy noeviction")
    cache = LLMCache.from_url(server.url)
    await half(cache).update(PROMPT, LLM_STRING, answer())
    with server.client() as client:
        client.config_set("maxmemory", 1)
    for _ in range(20):
        await half(cache).update(f"{PROMPT} another", LLM_STRING, answer())
        assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
    [line] = advised(caplog)
    assert "maxmemory-policy to allkeys-lru" in line
    assert (cache.stats().hits, cache.stats().denied) == (20, 20)
    await cache.aclose()


async def test_a_replica(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A replica answers; its refusals are no storm of connections."""
    server = own_valkey_server()
    cache = LLMCache.from_url(server.url)
    await half(cache).update(PROMPT, LLM_STRING, answer())
    with server.client() as client:
        client.execute_command("REPLICAOF", HOST, "1")
        before = client.info("stats")["total_connections_received"]
        for _ in range(50):
            await half(cache).update(f"{PROMPT} another", LLM_STRING, answer())
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
        assert client.info("stats")["total_connections_received"] - before <= 10
    [line] = advised(caplog)
    assert "address of the primary" in line
    assert (cache.stats().hits, cache.stats().denied) == (50, 50)
    await cache.aclose()


async def test_no_valkey(half: Halves, caplog: pytest.LogCaptureFixture) -> None:
    """Something else that listens is said to be something else; its words are not repeated."""
    with NotValkey() as other:
        await use(LLMCache.from_url(other.url), half)
    assert "does not speak Valkey's protocol" in advised(caplog)[0]
    assert "HTTP" not in caplog.text


async def test_tls_where_there_is_none(
    half: Halves, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """valkeys:// to a server without TLS is named."""
    monkeypatch.setattr(NotValkey, "ANSWER", b"-ERR unknown command\r\n")  # Valkey's own
    with NotValkey() as service:
        await use(LLMCache.from_url(f"valkeys://{HOST}:{service.port}"), half)
    assert "? There is no TLS connection" in advised(caplog)[0]
    assert "valkey://" in advised(caplog)[0]


async def test_a_host_that_does_not_exist(
    half: Halves, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is not known is named."""
    import socket

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    await use(LLMCache.from_url("valkey://cache.test"), half)
    assert "no host of this name" in advised(caplog)[0]


async def test_a_file_that_is_none(
    tmp_path: Path, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A path where no file can be is named."""
    await use(LLMCache.from_url(f"sqlite:///{tmp_path}"), half)
    assert "can be neither opened nor made" in advised(caplog)[0]


FILES: dict[str, tuple[str, str]] = {
    "text": ("not a database", "damaged file can be deleted"),
    "folder/missing/cache.db": ("unable to open", "its folder has to be there"),
    "table": ("no such column", "a path of its own"),
    "full": ("disk is full", "make room"),
    "view": ("views may not be indexed", "a path of its own"),
}


@pytest.mark.parametrize("name", FILES)
async def test_what_is_wrong_with_a_file(
    tmp_path: Path, half: Halves, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Each is said once for lookups and once for stores, with what to do."""
    path = tmp_path / name
    cache = LLMCache.from_url(f"sqlite:///{path}")
    if name == "text":
        path.write_bytes(b"this is not a database" * 100)
    elif name == "full":
        cast("Any", cache.store)._conn.execute("PRAGMA max_page_count = 5")
    elif name in ("table", "view"):
        with closing(sqlite3.connect(path)) as other:
            kind = {"table": "TABLE cache (id, text)", "view": "VIEW cache AS SELECT 1"}[name]
            other.execute(f"CREATE {kind}")
    for number in range(20):
        await half(cache).update(f"{PROMPT} {number}", LLM_STRING, answer("x" * 5000))
        await half(cache).lookup(f"{PROMPT} {number}", LLM_STRING)
    await cache.aclose()
    said, remedy = FILES[name]
    lines = advised(caplog)
    assert 1 <= len(lines) <= 2
    assert said in lines[0]
    assert remedy in lines[0]
    assert cache.stats().breaker == ("closed" if name == "full" else "open")


async def test_administration_says_it_too(own_valkey_server: StartServer, half: Halves) -> None:
    """The error of ``ping`` and ``clear`` says what to do."""
    server = own_valkey_server(password="s3cret")
    cache = LLMCache.from_url(server.url_for("", "wr0ng"))
    for command in (half(cache).ping, half(cache).clear):
        with pytest.raises(StoreError, match="does not accept this user and password: correct"):
            await command()


async def test_five_outcomes_are_told_apart(own_valkey_server: StartServer, half: Halves) -> None:
    """A miss, a refusal, a corrupt entry, an error and an open breaker are counted apart."""
    server = own_valkey_server()
    cache = LLMCache.from_url(server.url)
    await half(cache).lookup("a miss", LLM_STRING)
    await half(cache).update(PROMPT, LLM_STRING, answer())
    await half(cache).lookup(PROMPT, LLM_STRING)
    with server.client() as client:
        client.set(client.keys()[0], b"poison")
        await half(cache).lookup(PROMPT, LLM_STRING)
        client.config_set("maxmemory", 1)
        await half(cache).update(PROMPT, LLM_STRING, answer())
    server.kill()
    for _ in range(5):
        await half(cache).lookup(PROMPT, LLM_STRING)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.stores) == (1, 1, 1)
    assert (stats.corrupt, stats.denied, stats.errors, stats.skipped) == (1, 1, 3, 2)
    assert stats.breaker == "open"
    await cache.aclose()


# ---------------------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.AuthenticationError("Authentication required."), "no-password"),
        (errors.AuthenticationError("invalid username-password pair or user is disabled."), "wrong-password"),
        (errors.NoPermissionError("No permissions to access a key"), "key-not-permitted"),
        (errors.NoPermissionError("User app has no permissions to run the 'get' command"), "command-not-permitted"),
        (errors.ConnectionError("User app has no permissions to run the 'select' command"), "greeting-not-permitted"),
        (errors.ConnectionError("User app has no permissions to run the 'client|setname' command"), "greeting-not-permitted"),
        (errors.ConnectionError("User app has no permissions to run the 'cluster|slots' command"), "command-not-permitted"),
        (errors.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "out-of-memory"),
        (errors.ReadOnlyError("You can't write against a read only replica."), "read-only"),
        (errors.ResponseError("MISCONF Valkey is configured to save RDB snapshots"), "cannot-persist"),
        (errors.ResponseError("unknown command 'UNLINK', with args beginning with: "), "unknown-command"),
        (errors.ResponseError("syntax error"), "unknown-command"),
        (errors.ResponseError("MOVED 3999 127.0.0.1:6381"), "cluster"),
        (errors.ResponseError("DENIED Valkey is running in protected mode"), "protected-mode"),
        (errors.ConnectionError("max number of clients reached"), "too-many-clients"),
        (errors.InvalidResponse("Protocol Error: b'HTTP'"), "not-valkey"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "read-only-file"),
        (errors.ConnectionError("Error 111 connecting to h:1. Connection refused."), None),
        (errors.TimeoutError("Timeout reading from socket"), None),
        (errors.BusyLoadingError("Valkey is loading the dataset in memory"), None),
        (sqlite3.OperationalError("database is locked"), None),
        (RuntimeError("NOAUTH Authentication required"), None),
    ],
)  # fmt: skip
def test_what_passes_by_itself_has_no_advice(error: Exception, code: str | None) -> None:
    """Advice is given for what will not pass by itself, and for nothing else."""
    refused = Refused(str(error))
    refused.__cause__ = error
    for each in (error, refused):
        advice = advice_for(each)
        assert (advice.code if advice else None) == code


SERVICES = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n": "a web server",
    b"<!DOCTYPE HTML>\n<html>": "a web server",
    b"SSH-2.0-OpenSSH_9.2p1\r\n": "an SSH server",
    b"220 mail.example.com ESMTP\r\n": "a mail or FTP server",
    b"ERROR\r\n": "memcached",
    b"AMQP\x00\x00\x09\x01": "a message broker",
    b"\x15\x03\x01\x00\x02\x02\x46": "expects TLS",
    b"* OK secret IMAP4rev1\r\n": "does not speak Valkey's protocol",
    b":secret NOTICE\r\n": "does not speak Valkey's protocol",
    b"secret words\r\n": "does not speak Valkey's protocol",
}


@pytest.mark.parametrize("login", ["", "app:pw@"])
@pytest.mark.parametrize("said", SERVICES)
async def test_a_wrong_service_is_named(
    said: bytes, login: str, half: Halves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What listens at the port tells what it is; of its words nothing is repeated."""
    monkeypatch.setattr(NotValkey, "ANSWER", said)
    with NotValkey() as service:
        cache = LLMCache.from_url(service.url.replace("://", f"://{login}"), timeout=5)
        named = SERVICES[said]
        if version("valkey") < "6.2" or (not LIBVALKEY_AVAILABLE and not said.endswith(b"\r\n")):
            # An older valkey-py, and a parser that waits for a line's end, only tell that the
            # connection was closed.
            named += "|not a Valkey server"
        with pytest.raises(StoreError, match=named) as caught:
            await half(cache).ping()
        await cache.aclose()
    if "not a Valkey server" in str(caught.value):
        return
    assert "correct host and port" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("server_binary")
async def test_a_sentinel_is_named(half: Halves) -> None:
    """It speaks the protocol, and holds no data."""
    with ValkeySentinel() as sentinel:
        cache = LLMCache.from_url(sentinel.url, timeout=5)
        with pytest.raises(StoreError, match=r"perhaps it is a Sentinel.*master_for\(name\)"):
            await half(cache).ping()
        await cache.aclose()


def test_every_code_is_used_once() -> None:
    """A program can rely on the codes."""
    codes = [advice.code for _, advice in _TABLE]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    "text",
    [
        "unknown command 'SET', with args beginning with: 'llm_cache:k' 'SECRET' ",
        'unsupported request "SET k SECRET"',
        "unexpected 'SECRET'\r\n-ERR SECRET",
        "weird\nSECRET",
    ],
)
def test_a_server_that_repeats_what_it_was_told(text: str) -> None:
    """Arguments that a server quotes in its errors are not in what is logged."""
    assert "SECRET" not in describe(errors.ResponseError(text))
    refused = errors.ConnectionError(text)
    refused.__cause__ = errors.ResponseError(text)  # while connecting
    assert "SECRET" not in describe(refused)
    assert describe(errors.ResponseError("\x1b[31mred\x07")).isprintable()


def test_trouble_is_remembered_in_bounds() -> None:
    """However many kinds of trouble a server invents, the memory of what was logged is bounded."""
    observer = Observer()
    for number in range(5000):
        observer.trouble("errors", f"trouble {number}")
    assert len(observer._logged) <= 200
    assert observer.stats().errors == 5000


def test_lines_come_again_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """Passing trouble is logged again after a minute, lasting trouble after an hour."""
    now = [0.0]
    observer = Observer(monotonic=lambda: now[0])
    passing, lasting = errors.TimeoutError("Timeout"), errors.OutOfMemoryError("full")
    for seconds in range(0, 7200, 30):
        now[0] = float(seconds)
        observer.failed("errors", "lookup failed", passing)
        observer.failed("denied", "store refused", lasting)
    lines = [message.split(":")[0] for message in caplog.messages]
    assert lines.count("lookup failed") == 120
    assert lines.count("store refused") == 2


@pytest.mark.parametrize(
    ("url", "options", "name"),
    [
        ("valkey://app:s3cret@127.0.0.1:1", {}, "valkey://127.0.0.1:1"),
        ("rediss://app:s3cret@[::1]:1/2", {}, "valkeys://[::1]:1/2"),
        ("unix://:s3cret@/no/v.sock", {}, "unix:///no/v.sock"),
        (
            "valkey://127.0.0.1:1?password=s3cret",
            {"namespace": ("acme", "x"), "prefix": "app:"},
            "valkey://127.0.0.1:1, prefix app:, namespace acme/x",
        ),
        ("sqlite:////no/such/folder/cache.db", {}, "sqlite:////no/such/folder/cache.db"),
    ],
)
async def test_log_lines_say_which_cache(
    url: str, options: Any, name: str, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors and the breaker's changes name store and namespace, and no credentials."""
    await use(LLMCache.from_url(url, **options, timeout=1), half)
    assert any(message.startswith("breaker open") for message in caplog.messages)
    assert all(name in message for message in caplog.messages)
    assert "s3cret" not in caplog.text


async def test_a_refused_connection_has_a_hint(
    half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """What the doctor says of it, too."""
    await use(LLMCache.from_url("valkey://127.0.0.1:1"), half, times=1)
    assert caplog.text.count("Is the server running, and may this machine reach it?") == 2


async def test_a_silent_server_has_a_hint(half: Halves, caplog: pytest.LogCaptureFixture) -> None:
    """It accepts connections, and answers nothing: the log says what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"valkey://127.0.0.1:{silent.getsockname()[1]}"
        await use(LLMCache.from_url(url, timeout=0.1), half, times=1)
    assert caplog.text.count("Is the server frozen or busy") == 2
