"""The benchmark script: it runs by itself, and reports everything that it is there for."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.servers import Server

pytestmark = pytest.mark.long

SCRIPT = ROOT / "notebooks" / "bench.py"
LOOKUPS = {"raw client", "LLMCache", "LLMCache, near", "by hand", "InMemoryCache"}
GROUPS = {
    "sync hit": LOOKUPS,
    **{f"async hits, {tasks} tasks": LOOKUPS for tasks in (1, 16, 64, 256)},
    "invoke": LOOKUPS - {"raw client"} | {"floor"},
    **{f"ainvoke, {tasks} tasks": LOOKUPS - {"raw client"} for tasks in (1, 64)},
    **{f"sync hit, {kilobytes} kB": LOOKUPS for kilobytes in (1, 10, 100, 1000)},
    **{f"sync hit, {n} entries": {"raw client", "LLMCache", "LLMCache, near"} for n in (10, 30)},
}


def run(*arguments: str) -> str:
    """Run the script; return what it prints."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def report(
    valkey_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[tuple[str, str], dict[str, Any]]]:
    """What it prints, and its rows by group and name."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    valkey_server.flush()
    printed = run("--url", valkey_server.url, "--json", str(path))
    rows = json.loads(path.read_text())["rows"]
    return printed, {(row["group"], row["name"]): row for row in rows}


def test_every_row_is_reported(
    report: tuple[str, dict[tuple[str, str], dict[str, Any]]],
) -> None:
    """Each of the caches is measured in each of the situations, printed and written to the file."""
    printed, rows = report
    assert set(rows) == {(group, name) for group, names in GROUPS.items() for name in names}
    for (group, name), row in rows.items():
        assert group in printed
        assert name in printed
        assert row["median"] > 0
        assert 0 < row["low"] <= row["ratio"] <= row["high"]


def test_ratios_are_sane(report: tuple[str, dict[tuple[str, str], dict[str, Any]]]) -> None:
    """Far beyond these bounds, it would not measure hits."""
    _, rows = report
    assert rows["sync hit", "LLMCache"]["ratio"] < 100
    assert rows["sync hit", "LLMCache, near"]["median"] < rows["sync hit", "LLMCache"]["median"]
    assert rows["async hits, 64 tasks", "LLMCache"]["ratio"] > 1
    assert rows["invoke", "LLMCache"]["ratio"] < 100


@pytest.mark.usefixtures("report")
def test_it_leaves_nothing_behind(valkey_server: Server) -> None:
    """A server named with ``--url`` has as many keys afterwards as before."""
    with valkey_server.client() as client:
        assert not list(client.scan_iter("llmcache_bench:*"))


@pytest.mark.usefixtures("report")
def test_two_trees_are_compared(valkey_server: Server) -> None:
    """By turns, each subject of both, and the distance of some to a bar; nothing is left."""
    printed = run("--url", valkey_server.url, "--against", str(ROOT))
    for subject in ("own", "lookup", "invoke, near", "64 tasks", "lookup / GET", "64 tasks / 64"):
        assert f"\n{subject}" in printed
    test_it_leaves_nothing_behind(valkey_server)


@pytest.mark.usefixtures("server_binary")
def test_it_starts_a_server_of_its_own() -> None:
    """Without ``--url`` it needs nothing but a ``valkey-server``, of pip or of the machine."""
    assert "async hits, 64 tasks" in run()
