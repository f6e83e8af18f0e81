"""``llmcache doctor``: it finds what is wrong, says what to do, and leaves the store as it was."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache import LLMCache
from langchain_llmcache._cli import checks
from tests.support import cli
from tests.support.acl import MINIMAL_USER, denied
from tests.support.certificates import Certificates
from tests.support.patience import LATE
from tests.support.servers import Server, StartServer, ValkeyClusterServers, ValkeyServer
from tests.support.targets import answer, llm_string

Found = dict[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no slow server."""
    monkeypatch.setattr(checks, "_SLOW", LATE)


def examine(url: str, code: int = 0, *options: object) -> Found:
    """Return the findings of each check; the worst one where it has several."""
    result = cli.run("doctor", "--url", url, "--json", *options)
    assert result.exit_code == code, result.output
    found: Found = {}
    order = ["ok", "note", "warning", "problem"]
    for finding in json.loads(result.stdout)["findings"]:
        known = found.get(finding["check"])
        if known is None or order.index(finding["level"]) > order.index(known["level"]):
            found[finding["check"]] = finding
    return found


def levels(found: Found) -> dict[str, str]:
    """Return the level of each check."""
    return {name: finding["level"] for name, finding in found.items()}


# ---------------------------------------------------------------------------- servers


def test_a_good_server_is_found_good(own_valkey_server: StartServer) -> None:
    """Everything is looked at, nothing is wrong, and nothing is left behind."""
    server = own_valkey_server("maxmemory 100mb", "maxmemory-policy allkeys-lru")
    cli.fill(server.url, 3)
    found = examine(server.url)
    assert set(found) == {
        "connection",
        "TLS",
        "permissions",
        "search",
        "round trip",
        "version",
        "memory",
        "TTL",
        "entries",
    }
    assert set(levels(found).values()) == {"ok"}
    assert cli.good("doctor", "--url", server.url).stdout.endswith("All is well.\n")
    with server.client() as client:
        assert client.dbsize() == 3


def test_a_server_that_is_down_is_a_problem() -> None:
    """With what the wire said, and without the password."""
    found = examine("valkey://user:hunter2@127.0.0.1:1", 1)
    assert levels(found) == {"connection": "problem"}
    assert "Connection refused" in found["connection"]["said"]
    assert "Is the server running" in found["connection"]["remedy"]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("://", "://nobody:hunter2@"), "correct them in the URL"),
        (("/0", "/99"), "use another in the URL"),
        (("valkey://", "valkeys://"), "TLS"),
    ],
)
def test_what_is_known_of_an_error_is_said(
    server: Server, change: tuple[str, str], words: str
) -> None:
    """The remedy is that of the table of advice."""
    url = (server.url if server.url.endswith("/0") else server.url + "/0").replace(*change, 1)
    found = examine(url, 1, "--timeout", 1)
    assert words in str(found["connection"]["remedy"]) + found["connection"]["said"]
    assert "hunter2" not in str(found)


def test_missing_rights_are_named_one_by_one(server: Server) -> None:
    """What the cache needs is a problem; what only other commands need is a note."""
    with server.client() as client:
        rights = ["+get", "+mget", "+unlink", "+info"]
        client.execute_command("ACL", "SETUSER", "app", "on", ">hunter2", "~*", *rights)
        try:
            url = server.url.replace("://", "://app:hunter2@", 1)
            result = cli.run("doctor", "--url", url)
            client.execute_command("ACL", "SETUSER", "app", "+set")
            weaker = examine(url)
            client.execute_command("ACL", "SETUSER", "app", "resetkeys", "~other:*")
            elsewhere = examine(url, 1)
        finally:
            client.execute_command("ACL", "DELUSER", "app")
    shown = " ".join(result.stdout.split())
    assert result.exit_code == 1
    assert "SET is refused" in shown
    assert "ACL SETUSER <user> +set" in shown
    assert "note permissions EVAL is refused" in shown
    assert weaker["permissions"]["level"] == "note"
    assert "~llm_cache:*" in elsewhere["permissions"]["remedy"]


@pytest.mark.parametrize(
    ("directives", "level", "words"),
    [
        (["maxmemory 0"], "note", "only TTLs make room"),
        (["maxmemory 100mb", "maxmemory-policy noeviction"], "warning", "nothing is stored"),
        (["maxmemory 100mb", "maxmemory-policy volatile-lru"], "note", "without a TTL"),
        (["maxmemory 100mb", "maxmemory-policy allkeys-lfu"], "ok", "allkeys-lfu"),
    ],
)
def test_the_eviction_policy_is_judged(
    own_valkey_server: StartServer, directives: list[str], level: str, words: str
) -> None:
    """What happens to a cache when the memory is full."""
    found = examine(own_valkey_server(*directives).url)
    assert found["memory"]["level"] == level
    assert words in found["memory"]["said"]


def test_a_full_server_is_a_problem(own_valkey_server: StartServer) -> None:
    """Nothing can be stored any more, and the doctor tries."""
    server = own_valkey_server("maxmemory 100kb", "maxmemory-policy noeviction")  # its own need
    found = examine(server.url, 1)
    assert found["memory"]["level"] == "problem"
    assert found["permissions"]["level"] == "problem"
    assert "allkeys-lru" in found["permissions"]["remedy"]


def test_a_replica_is_a_problem(own_valkey_server: StartServer) -> None:
    """It answers reads, and stores nothing."""
    primary = own_valkey_server()
    replica = own_valkey_server(f"replicaof 127.0.0.1 {primary.port}")
    found = examine(replica.url, 1)
    assert found["role"]["level"] == "problem"
    assert "primary" in found["role"]["remedy"]


def test_entries_without_an_end_are_warned_of(server: Server) -> None:
    """Where they are not evicted, they stay for ever."""
    cli.fill(server.url, 2, ttl=60)
    cli.fill(server.url, 3, ttl=None, model="model-b")
    found = examine(server.url)
    assert found["TTL"]["level"] == "warning"
    assert "3 of 5 entries never expire" in found["TTL"]["said"]


def test_damaged_entries_are_told(server: Server) -> None:
    """They are misses, and go by themselves."""
    cli.fill(server.url, 1)
    with server.client() as client:
        client.set("llm_cache:m/" + "0" * 64, b"llm2:{}", ex=60)
    found = examine(server.url)
    assert found["entries"]["level"] == "warning"
    assert "1 of 2 cannot be read" in found["entries"]["said"]


def test_a_server_that_tells_nothing_of_itself_is_no_problem(server: Server) -> None:
    """Without INFO, what it would have told is said to be unknown."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">x", "~*", "+@all", "-info")
        try:
            found = examine(server.url.replace("://", "://app:x@", 1))
        finally:
            client.execute_command("ACL", "DELUSER", "app")
    assert found["server"]["level"] == "note"
    assert "could not be checked" in found["server"]["said"]


def test_tls_and_its_certificate_are_looked_at(
    own_valkey_server: StartServer, certificates: Certificates
) -> None:
    """The protocol, whether the certificate was verified, and how long it is valid."""
    server = own_valkey_server(certificates=certificates)
    url = f"{server.url}?ssl_ca_certs={certificates.ca}"
    found = examine(url)
    assert "TLSv1.3, certificate verified" in found["TLS"]["said"]
    assert found["certificate"]["level"] == "ok"
    careless = examine(f"{server.url}?ssl_cert_reqs=none")
    assert careless["TLS"]["level"] == "warning"
    assert "anybody could pass" in careless["TLS"]["said"]
    untrusted = examine(server.url, 1)
    assert untrusted["connection"]["level"] == "problem"


def test_a_cluster_is_looked_at_as_a_whole(cluster: ValkeyClusterServers) -> None:
    """Its shape, and each of its primaries."""
    cli.fill(cluster.url, 5)
    found = examine(cluster.url)
    assert found["cluster"]["level"] == "ok"
    assert "3 primaries, 3 replicas, 16,384 slots" in found["cluster"]["said"]
    shown = cli.good("doctor", "--url", cluster.url).stdout
    assert shown.count("127.0.0.1:") >= 4


# ---------------------------------------------------------------------------- files


def test_a_good_file_is_found_good(tmp_path: Path) -> None:
    """Undamaged, writable, its entries expire."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    cli.fill(url, 3)
    found = examine(url)
    assert set(levels(found)) == {"file", "TTL", "entries"}
    assert set(levels(found).values()) == {"ok"}


def test_a_file_that_is_not_there_yet_is_no_problem(tmp_path: Path) -> None:
    """Unless it cannot be made; and the doctor does not make it."""
    path = tmp_path / "cache.db"
    assert levels(examine(f"sqlite:///{path}")) == {"file": "note"}
    assert not path.exists()
    assert levels(examine(f"sqlite:///{tmp_path / 'none' / 'c.db'}", 1)) == {"file": "problem"}


def test_a_damaged_file_is_a_problem(tmp_path: Path) -> None:
    """One that is no database, and one whose pages are damaged."""
    other = tmp_path / "other.db"
    other.write_bytes(b"no database at all, but long enough to look like one" * 100)
    found = examine(f"sqlite:///{other}", 1)
    assert found["file"]["level"] == "problem"
    assert "path" in found["file"]["remedy"]
    path = tmp_path / "cache.db"
    cli.fill(f"sqlite:///{path}", 200)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    pages = bytearray(path.read_bytes())
    pages[8192:40_000] = b"\xff" * (40_000 - 8192)
    path.write_bytes(pages)
    assert examine(f"sqlite:///{path}", 1)["file"]["level"] == "problem"


def test_expired_rows_are_no_entries(tmp_path: Path) -> None:
    """They are counted apart."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    with LLMCache.from_url(url) as cache:
        cache.update("q0", llm_string("m"), answer())
        cache.update("q1", llm_string("m"), answer(), ttl=0.001)
    found = examine(url)
    assert found["expired"]["said"].startswith("1 row expired")
    assert "all expire: the last of 1 entry" in found["TTL"]["said"]


# ---------------------------------------------------------------------------- the least rights


@pytest.mark.parametrize("kind", ["minimal_server", "minimal_cluster"])
def test_the_documented_rights_are_enough(
    kind: str, request: pytest.FixtureRequest, certificates: Certificates
) -> None:
    """The doctor needs no more than the cache does; what it may not ask is not known, not wrong."""
    nodes: list[ValkeyServer] = request.getfixturevalue(kind)
    url = f"{nodes[0].url_for(*MINIMAL_USER)}?ssl_ca_certs={certificates.ca}"
    cli.fill(url, 3)
    denied(nodes)
    found = examine(url)
    wanted = {"permissions": "note", "server": "note", "TTL": "note"}
    assert {name: level for name, level in levels(found).items() if level != "ok"} == wanted
    assert {"connection", "TLS", "certificate", "round trip", "entries"} < set(found)
    assert found["TTL"]["said"].startswith("not known: ")
    assert found["entries"]["said"] == "3 read, none is damaged"
    assert sum(node.client().dbsize() for node in nodes) == 3
    # What it tried beyond the cache's own rights, and no key outside of the prefix.
    assert {*denied(nodes)} <= {
        "command: pttl",
        "command: strlen",
        "command: info",
        "command: ft.search",
    }


def test_a_user_that_may_not_list(server: Server) -> None:
    """Without SCAN, what lies there is not known."""
    cli.fill(server.url, 1)
    with server.client() as client:
        rights = ["+get", "+mget", "+set", "+unlink"]
        client.execute_command("ACL", "SETUSER", "app", "on", ">x", "~llm_cache:*", *rights)
        try:
            found = examine(server.url.replace("://", "://app:x@", 1))
        finally:
            client.execute_command("ACL", "DELUSER", "app")
    assert found["entries"]["level"] == "note"
    assert found["entries"]["said"].startswith("not known: ")


def test_a_prefix_with_a_hash_tag_is_told_of(cluster: ValkeyClusterServers, server: Server) -> None:
    """In a cluster it puts all answers onto one primary; elsewhere it is a prefix like others."""
    for prefix, warned in (
        ("{app}:", True),
        ("x{a}b{c}:", True),
        ("{}{a}:", False),
        ("a}{", False),
    ):
        with LLMCache.from_url(cluster.url, prefix=prefix) as cache:
            cache.update("q", llm_string("m"), answer())
        found = examine(cluster.url, 0, "--prefix", prefix)
        assert ("prefix" in found) is warned, prefix
    for node in cluster.primaries:  # also the one that has that slot
        assert "one slot" in examine(node.url, 0, "--prefix", "{app}:")["prefix"]["said"]
    assert "prefix" not in examine(server.url, 0, "--prefix", "{app}:")
