"""The test support does what it says: otherwise the tests that lean on it prove nothing."""

from __future__ import annotations

import os
import socket
import time

import pytest
from valkey import exceptions as errors

from tests.support import ROOT, servers
from tests.support.certificates import Certificates
from tests.support.patience import SOON
from tests.support.proxy import (
    BlackHole,
    Delay,
    Drip,
    FaultProxy,
    Garbage,
    HangingListener,
    Pass,
    Refuse,
    Reset,
    Truncate,
)
from tests.support.servers import (
    HOST,
    SLOTS,
    Server,
    StartCluster,
    StartServer,
    ValkeyServer,
    free_port,
)

pytest_plugins = ["pytester"]


# ---------------------------------------------------------------------------- the shared server


def test_shared_server_is_empty_and_speaks_by_url(server: Server, valkey_url: str) -> None:
    """Each test finds the shared server empty, whatever the one before left there."""
    client = server.client()
    assert client.dbsize() == 0
    client.set("left", "behind")
    assert server.url == valkey_url
    assert client.get("left") == b"behind"
    server.flush()
    assert client.get("left") is None


def test_monitor_sees_every_command_exactly(server: Server) -> None:
    """MONITOR gives names and bytes of all commands inside the block, binary ones too."""
    client = server.client()
    client.set("before", 1)
    odd = bytes(range(256))
    with server.monitor() as seen:
        for number in range(50):
            client.get(f"key-{number}")
        client.set('qu"ote \\x41', odd, px=1500)
        assert len(seen.commands) == 51
    client.get("after")
    assert seen.names == ["GET"] * 50 + ["SET"]
    assert seen.commands[-1].args == (b'qu"ote \\x41', odd, b"PX", b"1500")


def test_monitor_can_start_anew(server: Server) -> None:
    """``forget`` drops what was seen, and the introductions of new clients do not count."""
    with server.monitor() as seen:
        server.client().get("first")
        seen.forget()
        client = server.client()
        client.client_setname("somebody")
        client.get("second")
        assert [command.args for command in seen.commands] == [(b"second",)]
        assert "CLIENT" in {command.name for command in seen.all_commands}


def test_test_without_server_fails_where_one_is_promised(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a binary: skipped on a laptop, failed with LLMCACHE_REQUIRE_SERVER or CI."""
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nmarkers = ['server']")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        "def test_it(own_valkey_server): own_valkey_server()\ndef test_other(): ..."
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", str(pytester.mkdir("empty")))
    monkeypatch.delenv("LLMCACHE_TEST_SERVER", raising=False)
    monkeypatch.setattr(servers, "_server_from_pip", lambda: None)
    for promise in ("LLMCACHE_REQUIRE_SERVER", "CI"):
        monkeypatch.delenv(promise, raising=False)
    pytester.runpytest_inprocess().assert_outcomes(passed=1, skipped=1)
    pytester.runpytest_inprocess("-m", "not server").assert_outcomes(passed=1, deselected=1)
    for promise, value in (("LLMCACHE_REQUIRE_SERVER", "1"), ("CI", "true")):
        with monkeypatch.context() as promised:
            promised.setenv(promise, value)
            pytester.runpytest_inprocess().assert_outcomes(passed=1, errors=1)


def test_shared_server_can_be_somebody_elses_but_must_be_empty(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, own_valkey_server: StartServer
) -> None:
    """LLMCACHE_TEST_URL is used, is left empty, and is refused if it holds anything."""
    other = own_valkey_server()
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nmarkers = ['server']")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        f"def test_it(server):\n    assert server.port == {other.port}\n"
        "    server.client().set('a', 1)"
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("LLMCACHE_TEST_URL", other.url)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    client = other.client()
    assert client.dbsize() == 0
    client.set("precious", "data")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*holds 1 keys*empty one*"])
    assert client.get("precious") == b"data"


# ---------------------------------------------------------------------------- a server of one's own


def test_own_server_dies_and_comes_back_on_its_port(own_valkey_server: StartServer) -> None:
    """Killed, connections are refused; restarted, the same URL answers, with nothing kept."""
    server = own_valkey_server()
    url, pid = server.url, server.pid
    client = server.client()
    client.set("a", 1)
    server.kill()
    with pytest.raises(errors.ConnectionError):
        client.get("a")
    server.start()
    assert server.url == url
    assert server.pid != pid
    assert server.client().get("a") is None


def test_frozen_server_accepts_and_says_nothing(own_valkey_server: StartServer) -> None:
    """A frozen server lets a client connect and wait; thawed, it answers."""
    server = own_valkey_server()
    with server.frozen():
        socket.create_connection((HOST, server.port), timeout=SOON).close()
        with pytest.raises(errors.TimeoutError):
            server.client(socket_timeout=0.2).get("a")
    assert server.client().get("a") is None


def test_nothing_of_a_server_stays(server_binary: str) -> None:
    """After ``close`` there is no process and no directory."""
    with ValkeyServer() as server:
        pid, directory = server.pid, server.directory
        assert directory.is_dir()
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_own_server_takes_directives(own_valkey_server: StartServer) -> None:
    """A full server refuses writes, and a password and a user's rules are enforced."""
    server = own_valkey_server(
        "maxmemory 1mb",
        "maxmemory-policy noeviction",
        password="p@ss:/word%",
        users={"reader": "on >rd ~llm_cache:* +get"},
    )
    with pytest.raises(errors.OutOfMemoryError):
        server.client().set("big", "x" * 2_000_000)
    reader = Server(server.url_for("reader", "rd")).client()
    assert reader.get("llm_cache:a") is None
    with pytest.raises(errors.NoPermissionError):
        reader.set("llm_cache:a", 1)
    with pytest.raises(errors.AuthenticationError):
        Server(f"valkey://{HOST}:{server.port}").client().ping()


def test_bad_directive_is_reported_with_the_servers_words(own_valkey_server: StartServer) -> None:
    """A server that does not start says why."""
    with pytest.raises(RuntimeError, match="no-such-directive"):
        own_valkey_server("no-such-directive yes")


def test_taken_port_is_no_failure(
    own_valkey_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds the port taken by somebody faster tries another one."""
    first = own_valkey_server()
    ports = iter([first.port, first.port])
    monkeypatch.setattr(servers, "free_port", lambda: next(ports, None) or free_port())
    assert own_valkey_server().port != first.port


# ---------------------------------------------------------------------------- TLS


def test_own_server_speaks_tls(own_valkey_server: StartServer, certificates: Certificates) -> None:
    """With certificates the URL is valkeys://, and whoever checks the name is satisfied."""
    server = own_valkey_server(certificates=certificates)
    assert server.url.startswith("valkeys://")
    client = server.client(ssl_check_hostname=True)
    assert client.ping()
    with pytest.raises(errors.ConnectionError):
        Server(server.url).client().ping()  # does not know the authority


# ---------------------------------------------------------------------------- a cluster


def test_cluster_serves_and_fails_over(valkey_cluster: StartCluster) -> None:
    """A cluster takes writes on each shard; a killed primary is replaced; restarted, it is whole."""
    cluster = valkey_cluster(primaries=3, replicas=3)
    assert len(cluster.primaries) == len(cluster.replicas) == 3
    assert sum(cluster.slots_of(node) for node in cluster.primaries) == SLOTS
    client = cluster.client()
    with cluster.monitor() as seen:
        for number in range(60):
            client.set(f"key-{number}", number)
        assert all("SET" in monitor.names for monitor in seen[:3])
    lost = cluster.node_of("key-1")
    promoted = cluster.fail_over(lost)
    assert promoted in cluster.replicas
    assert promoted is cluster.node_of("key-1")
    lost.start()
    cluster.wait_until_whole()
    assert not cluster.is_primary(lost)
    client.close()


# ---------------------------------------------------------------------------- the proxy


def test_proxy_passes_and_counts(fault_proxy: FaultProxy) -> None:
    """Without a fault the proxy is invisible, and counts connections."""
    client = Server(fault_proxy.url).client()
    client.set("a", "x" * 1_000_000)
    assert len(client.get("a")) == 1_000_000
    assert fault_proxy.accepted == 1
    assert fault_proxy.open == 1
    client.close()


def test_proxy_delays_replies(fault_proxy: FaultProxy) -> None:
    """``Delay`` makes an open connection slow, and the late reply still arrives."""
    client = Server(fault_proxy.url).client()
    client.ping()
    with fault_proxy.faulty(Delay(0.2)):
        start = time.monotonic()
        client.get("a")
        assert time.monotonic() - start >= 0.2
    assert fault_proxy.fault == Pass()


def test_proxy_swallows(fault_proxy: FaultProxy, server: Server) -> None:
    """``BlackHole`` lets nothing through in either direction."""
    with socket.create_connection((HOST, fault_proxy.port), timeout=SOON) as plain:
        plain.sendall(b"PING\r\n")
        assert plain.recv(100) == b"+PONG\r\n"
        with server.monitor() as seen, fault_proxy.faulty(BlackHole()):
            plain.sendall(b"GET a\r\n")
            plain.settimeout(0.2)
            with pytest.raises(TimeoutError):
                plain.recv(100)
            assert seen.names == []


def test_proxy_resets(fault_proxy: FaultProxy) -> None:
    """``Reset`` cuts open connections at once and new ones as they come."""
    with socket.create_connection((HOST, fault_proxy.port), timeout=SOON) as waiting:
        waiting.sendall(b"PING\r\n")
        assert waiting.recv(100) == b"+PONG\r\n"
        with fault_proxy.faulty(Reset()):
            with pytest.raises(ConnectionResetError):
                waiting.recv(100)
            with pytest.raises((errors.ConnectionError, OSError)):
                Server(fault_proxy.url).client().ping()
    assert Server(fault_proxy.url).client().ping()


def test_proxy_garbles(fault_proxy: FaultProxy) -> None:
    """``Garbage`` answers in no protocol."""
    with (
        fault_proxy.faulty(Garbage(b"?what\r\n")),
        socket.create_connection((HOST, fault_proxy.port), timeout=SOON) as plain,
    ):
        plain.sendall(b"PING\r\n")
        assert plain.recv(100) == b"?what\r\n"


def test_proxy_truncates(fault_proxy: FaultProxy) -> None:
    """``Truncate`` ends a reply, and its connection, in the middle."""
    with (
        fault_proxy.faulty(Truncate(3)),
        socket.create_connection((HOST, fault_proxy.port), timeout=SOON) as plain,
    ):
        plain.sendall(b"PING\r\n")
        received = b"".join(iter(lambda: plain.recv(100), b""))
    assert received == b"+PO"


def test_proxy_drips(fault_proxy: FaultProxy) -> None:
    """``Drip`` sends a reply byte by byte: each read is quick, the whole is slow."""
    with (
        fault_proxy.faulty(Drip(0.03)),
        socket.create_connection((HOST, fault_proxy.port), timeout=SOON) as plain,
    ):

        def dripped() -> list[bytes]:
            pieces: list[bytes] = []
            start = time.monotonic()
            plain.sendall(b"PING\r\n")
            while b"".join(pieces) != b"+PONG\r\n":
                pieces.append(plain.recv(100))
            assert time.monotonic() - start >= 0.03 * 7
            return pieces

        # (A busy machine may read several of them at once.)
        assert any(len(dripped()) >= 4 for _ in range(20))


def test_proxy_refuses_and_listens_again(fault_proxy: FaultProxy) -> None:
    """``Refuse`` closes the port, and the same port opens again after it."""
    port = fault_proxy.port
    with fault_proxy.faulty(Refuse()), pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=SOON)
    assert fault_proxy.port == port
    assert Server(fault_proxy.url).client().ping()


# ---------------------------------------------------------------------------- other listeners


def test_connects_to_a_full_queue_hang() -> None:
    """A connect to ``HangingListener`` neither succeeds nor fails."""
    with HangingListener() as listener, pytest.raises(TimeoutError):
        socket.create_connection((HOST, listener.port), timeout=0.3)
