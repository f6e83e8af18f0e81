"""Commands among many entries and large ones: small batches, one pass, and no more memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import TAG
from langchain_llmcache._request.key import Key, Scope
from langchain_llmcache._stores import admin, sqlite
from langchain_llmcache._stores.admin import Held, open_administration
from langchain_llmcache._valkey import commands
from langchain_llmcache._valkey.router import Router
from tests.cli.test_export_import import peak
from tests.support import cli
from tests.support.servers import Server
from tests.support.targets import answer

PREFIX = "llm_cache:"
LARGE = 3_900_000


def held(number: int, length: int, *, space: tuple[str, ...] = ("acme", "model-a")) -> Held:
    """Return an entry of this size."""
    binding = Binding(PREFIX)
    key = Key(space, hashlib.sha256(str(number).encode()).hexdigest())
    entry = Codec(binding).encode(answer("x" * length), created=time.time(), seconds=1.0, key=key)
    assert entry.startswith(TAG)
    return Held(key, entry, 3_600_000)


@pytest.fixture
def large(server: Server) -> Iterator[str]:
    """A server with a dozen answers of 3.9 MB, and a hundred small ones."""
    store = open_administration(server.url, prefix=PREFIX, timeout=30)
    store.put([held(number, LARGE) for number in range(12)], replace=True)
    store.put([held(100 + number, 100) for number in range(100)], replace=True)
    store.close()
    yield server.url
    server.flush()


@pytest.mark.parametrize(
    ("command", "reads_all"),
    [
        (("ls", "--limit", "0", "--json"), False),
        (("ls", "--limit", "0"), False),
        (("doctor",), False),
        (("stats",), False),
        (("clear", "--dry-run"), False),
        (("ls", "--containing", "yyy"), True),
        (("export", "FILE"), True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_no_exchange_is_large(
    command: tuple[str, ...],
    reads_all: bool,
    large: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A large answer travels alone, and as its beginning where that is enough."""
    exchanges: list[list[int]] = []
    together = admin.ValkeyAdministration.together

    def watched(
        self: admin.ValkeyAdministration, commands: list[tuple[object, ...]]
    ) -> list[object]:
        replies: list[object] = together(self, commands)
        exchanges.append([len(reply) for reply in replies if isinstance(reply, bytes)])
        return replies

    monkeypatch.setattr(admin.ValkeyAdministration, "together", watched)
    words = [str(tmp_path / "all.jsonl") if word == "FILE" else word for word in command]
    result = cli.run(*words, "--url", large)
    assert result.exit_code == 0, result.stderr
    for sizes in exchanges:
        assert sum(sizes) <= 2**20 or len(sizes) == 1
        assert reads_all or max(sizes, default=0) <= 2**20
    assert sum(size > LARGE for sizes in exchanges for size in sizes) == (12 if reads_all else 0)


def test_a_row_of_a_large_answer_is_whole(large: str) -> None:
    """Size, age and the model's time come from its beginning."""
    rows = [row for row in cli.lines("ls", "--limit", 0, "--url", large) if row["bytes"] > LARGE]
    assert len(rows) == 12
    assert all(row["readable"] and row["seconds"] == 1.0 for row in rows)
    assert all(abs(row["created"] - time.time()) < 600 for row in rows)


def test_large_answers_are_removed_a_few_at_a_time(
    large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server frees them at once, while others wait."""
    batches: list[int] = []
    unlink = commands.unlink

    async def watched(router: Router, names: Sequence[bytes]) -> int:
        batches.append(len(names))
        return await unlink(router, names)

    monkeypatch.setattr(commands, "unlink", watched)
    assert cli.as_json("clear", "--yes", "--url", large)["removed"] == 112
    assert 4 <= len(batches) <= 10
    assert sum(batches) == 112


def test_many_digests_are_one_pass(server: Server) -> None:
    """Forty of them cost as many SCANs as one."""
    store = open_administration(server.url, prefix=PREFIX, timeout=30)
    store.put([held(number, 10) for number in range(3000)], replace=True)
    store.close()
    rows = cli.lines("ls", "--limit", 3000, "--url", server.url)
    digests = [row["key"].rpartition("/")[2][:16] for row in rows]
    scans = []
    for chosen in (digests[:1], digests[1:41]):
        with server.monitor() as monitor:
            removed = cli.as_json("delete", *chosen, "--url", server.url)["removed"]
            scans.append(monitor.names.count("SCAN"))
        assert removed == len(chosen)
    assert scans[1] <= scans[0] + 2


def test_a_digest_of_several_namespaces(server: Server) -> None:
    """``--namespace``, and namespace/digits, say which one is meant."""
    store = open_administration(server.url, prefix=PREFIX, timeout=30)
    for space in (("model-a",), ("acme", "model-a"), ("a%20b", "eu%2Fwest", "model-a")):
        store.put([held(1, 10, space=space)], replace=True)
    store.close()
    digest = hashlib.sha256(b"1").hexdigest()
    url = ("--url", server.url)
    said = cli.run("show", digest[:8], *url)
    assert "begins 3 keys: give --namespace, or one of these:" in said.stderr
    document = cli.as_json("show", digest[:8], *url, "--namespace", "acme")
    assert document["namespace"] == ["acme"]
    document = cli.as_json("show", f"a b/{digest[:8]}", *url)
    assert document["namespace"] == ["a b", "eu/west"]
    document = cli.as_json("show", f"a%20b/eu%2Fwest/{digest[:8]}", *url)
    assert document["namespace"] == ["a b", "eu/west"]
    deleted = cli.as_json("delete", f"model-a/{digest[:6]}", *url)
    assert deleted == {"removed": 1, "keys": [f"model-a/{digest}"]}
    assert "there is no entry" in cli.error_line(
        cli.run("show", digest[:8], *url, "--namespace", "elsewhere"), 1
    )


@pytest.mark.long
def test_rows_need_no_memory(server: Server) -> None:
    """Twenty thousand rows of a table take what a few take."""
    store = open_administration(server.url, prefix=PREFIX, timeout=30)
    for first in range(0, 20_000, 1000):
        store.put([held(first + number, 500) for number in range(1000)], replace=True)
    store.close()
    few = peak("ls", "--limit", "10", "--url", server.url)
    many = peak("ls", "--limit", "0", "--url", server.url)
    assert many - few < 30e6


def test_a_cleared_file_becomes_smaller(tmp_path: Path) -> None:
    """``clear`` removes a megabyte at a time, so that others can write, and gives the space back."""
    path = tmp_path / "cache.db"
    store = open_administration(f"sqlite:///{path}", prefix=PREFIX, timeout=30, must_exist=False)
    store.put([held(number, 300_000) for number in range(30)], replace=True)
    pieces: list[int] = []

    def watched(connection: Any, rows: Sequence[tuple[int, int]]) -> int:
        done = delete(connection, rows)
        pieces.append(done)
        return done

    delete = sqlite._delete
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "_delete", watched)
        keys = [key for batch in store.keys(Scope(())) for key in batch]
        assert store.remove(keys) == 30
    store.close()
    assert max(pieces) <= 4
    assert path.stat().st_size < 3_000_000
