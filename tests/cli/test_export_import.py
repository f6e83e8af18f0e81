"""``llmcache export`` and ``import``: the same hits elsewhere, for as long, from a file in between."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._cli.export_import import DamagedLineError, entry_of, line_of
from langchain_llmcache._request.key import Key
from langchain_llmcache._stores.admin import Held, each_once, open_administration
from tests.support import ROOT, cli
from tests.support.servers import Server, StartServer
from tests.support.targets import answer, llm_string, texts


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file's URL."""
    return f"sqlite:///{tmp_path / 'one.db'}"


def left(url: str) -> dict[str, float | None]:
    """Return the seconds left of each entry, by its key."""
    return {row["key"]: row["ttl"] for row in cli.lines("ls", "--url", url, "--limit", 0)}


# ---------------------------------------------------------------------------- there and back


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite", "sqlite"),
        pytest.param("sqlite", "valkey", marks=pytest.mark.server),
        pytest.param("valkey", "cluster", marks=pytest.mark.server),
        pytest.param("cluster", "valkey", marks=pytest.mark.server),
        pytest.param("cluster", "sqlite", marks=pytest.mark.server),
    ],
)
def test_the_other_store_answers_as_the_first(
    source: str,
    target: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """The same hits, TTLs within a second, for ever stays for ever; from any store to any."""
    url, other = cli.url_of(source, request), cli.url_of(target, request)
    if source == target:
        other = f"sqlite:///{tmp_path / 'two.db'}"
    cli.fill(url, 20, ttl=500.5)
    cli.fill(url, 5, ttl=None, model="b/c", namespace=("acme", "eu,west"))
    file = tmp_path / "entries.jsonl"

    assert cli.as_json("export", file, "--url", url) == {"exported": 25, "sealed": 0, "damaged": 0}
    done = cli.as_json("import", file, "--url", other)
    assert done == {"imported": 25, "kept": 0, "expired": 0, "damaged": 0}

    assert cli.hits(other, 20) == 20
    assert cli.hits(other, 5, model="b/c", namespace=("acme", "eu,west")) == 5
    began = time.monotonic()
    before, after = left(url), left(other)
    took = time.monotonic() - began
    assert before.keys() == after.keys()
    for key, ttl in before.items():
        seconds = after[key]
        assert seconds == ttl or -1 - took < (seconds or 0) - (ttl or 0) < 1


def test_an_entry_that_is_listed_twice_is_counted_once() -> None:
    """A cluster lists keys again while it changes; what is remembered of them is bounded."""
    keys = [Key(("m",), f"{number:064x}") for number in range(5)]
    listed = [keys[:3], keys[1:4], keys]
    assert list(each_once(listed)) == [keys[:3], [keys[3]], [keys[4]]]
    assert list(each_once([keys[:2], keys[:3]], 1)) == [keys[:2], keys[1:3]]


def test_a_choice_of_entries_can_be_exported(sqlite_url: str, tmp_path: Path) -> None:
    """By namespace and by model."""
    cli.fill(sqlite_url, 3, namespace="acme")
    cli.fill(sqlite_url, 2, model="model-b")
    file = tmp_path / "acme.jsonl"
    cli.good("export", file, "--url", sqlite_url, "--namespace", "acme")
    assert len(file.read_text().splitlines()) == 3
    cli.good("export", file, "--url", sqlite_url, "--model", "model-b", "--force")
    assert len(file.read_text().splitlines()) == 2


def test_standard_streams_are_files_too(sqlite_url: str, tmp_path: Path) -> None:
    """``-`` writes lines and nothing else to stdout, and reads them from stdin."""
    cli.fill(sqlite_url, 4)
    exported = cli.good("export", "-", "--url", sqlite_url)
    assert len([json.loads(line) for line in exported.stdout.splitlines()]) == 4
    other = f"sqlite:///{tmp_path / 'two.db'}"
    cli.good("import", "-", "--url", other, input=exported.stdout)
    assert cli.hits(other, 4) == 4


def test_sealed_entries_stay_sealed(tmp_path: Path, server: Server) -> None:
    """An encrypted store's entries are no clearer in the file, and open elsewhere with its key."""
    serde = EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef")
    with LLMCache.from_url(server.url, serde=serde) as cache:
        cache.update("q", llm_string("m"), answer("a secret"))
    file = tmp_path / "sealed.jsonl"
    assert cli.as_json("export", file, "--url", server.url)["sealed"] == 1
    assert "secret" not in file.read_text()
    other = f"sqlite:///{tmp_path / 'two.db'}"
    cli.good("import", file, "--url", other)
    with LLMCache.from_url(other, serde=serde) as cache:
        assert texts(cache.lookup("q", llm_string("m"))) == ["a secret"]
    cli.good("clear", "--url", server.url, "--yes")
    cli.good("export", file, "--url", other, "--force")
    cli.good("import", file, "--url", server.url)
    with LLMCache.from_url(server.url, serde=serde) as cache:
        assert texts(cache.lookup("q", llm_string("m"))) == ["a secret"]


# ---------------------------------------------------------------------------- export


def test_the_file_appears_when_it_is_complete(sqlite_url: str, tmp_path: Path) -> None:
    """Readable by its owner only, never over another without ``--force``, nothing beside it."""
    cli.fill(sqlite_url, 3)
    folder = tmp_path / "out"
    folder.mkdir()
    file = folder / "entries.jsonl"
    cli.good("export", file, "--url", sqlite_url)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [file]
    assert "--force" in cli.error_line(cli.run("export", file, "--url", sqlite_url), 2)
    missing = folder / "none" / "entries.jsonl"
    assert "cannot write" in cli.error_line(cli.run("export", missing, "--url", sqlite_url), 2)


def test_a_failed_export_leaves_the_old_file(
    tmp_path: Path, own_valkey_server: StartServer
) -> None:
    """A server that goes away in the middle: what was there before is there still."""
    server = own_valkey_server()
    cli.fill(server.url, 3)
    file = tmp_path / "entries.jsonl"
    file.write_text("old")
    dying = (
        "import os, signal, langchain_llmcache._stores.admin as admin\n"
        "read = admin.ValkeyAdministration.read\n"
        "def last(self, keys):\n"
        f"    os.kill({server.pid}, signal.SIGKILL)\n"
        "    return read(self, keys)\n"
        "admin.ValkeyAdministration.read = last\n"
    )
    process = cli.start("export", str(file), "--force", "--url", server.url, code=dying + cli.MAIN)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("llmcache: valkey://127.0.0.1")
    assert file.read_text() == "old"
    assert list(tmp_path.glob("*.part")) == list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize("command", ["export", "import"])
def test_an_interrupt_leaves_nothing_half_done(
    command: str, server: Server, tmp_path: Path
) -> None:
    """Ctrl-C: no file, or whole entries only; a second run of import finishes the job."""
    cli.fill(server.url, 150)
    file = tmp_path / "entries.jsonl"
    if command == "import":
        cli.good("export", file, "--url", server.url)
        cli.good("clear", "--url", server.url, "--yes")
    method = "read" if command == "export" else "put"
    slow = (
        "import langchain_llmcache._stores.admin as admin, time\n"
        f"usual = admin.ValkeyAdministration.{method}\n"
        "def slowly(self, *a, **k):\n"
        "    result = usual(self, *a, **k)\n"
        "    print('one batch', flush=True)\n"
        "    time.sleep(60)\n"
        "    return result\n"
        f"admin.ValkeyAdministration.{method} = slowly\n"
    )
    process = cli.start(command, str(file), "--url", server.url, code=slow + cli.MAIN)
    assert process.stdout is not None
    assert process.stdout.readline() == "one batch\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "Interrupted: " in errors
    assert "Traceback" not in errors
    if command == "export":
        assert list(tmp_path.iterdir()) == []
    else:
        assert cli.hits(server.url, 150) == 100
        cli.good("import", file, "--url", server.url)
        assert cli.hits(server.url, 150) == 150


def test_damaged_entries_are_left_out_and_counted(server: Server, tmp_path: Path) -> None:
    """What would not be a hit anyway is not passed on."""
    cli.fill(server.url, 2)
    with server.client() as client:
        client.set("llm_cache:model-a/" + "0" * 64, b"llm2:{}")
        client.set("llm_cache:model-a/" + "1" * 64, b"lease:0123")
    file = tmp_path / "entries.jsonl"
    counts = cli.as_json("export", file, "--url", server.url)
    assert counts == {"exported": 2, "sealed": 0, "damaged": 1}
    said = cli.good("export", file, "--url", server.url, "--force").stderr
    assert "Damaged, and left out: 1." in said


# ---------------------------------------------------------------------------- import


def test_a_damaged_line_is_named_and_nothing_is_stored(sqlite_url: str, tmp_path: Path) -> None:
    """By its number; with ``--skip-damaged`` it is reported and the others are stored."""
    cli.fill(sqlite_url, 5)
    file = tmp_path / "entries.jsonl"
    cli.good("export", file, "--url", sqlite_url)
    lines = file.read_text().splitlines()
    lines[2] = lines[2].replace("answer", "ANSWER")
    lines.insert(1, "")
    lines.append('{"key": ')
    file.write_text("\n".join(lines))
    other = f"sqlite:///{tmp_path / 'two.db'}"

    said = cli.error_line(cli.run("import", file, "--url", other), 1)
    assert "line 4 is damaged: its entry is altered" in said
    assert "--skip-damaged" in said
    assert not Path(other.removeprefix("sqlite:///")).exists()

    result = cli.good("import", file, "--url", other, "--skip-damaged")
    assert "line 4 is damaged: its entry is altered" in result.stderr
    assert "line 7 is damaged: it is not JSON" in result.stderr
    assert "Imported 4 entries." in result.stderr
    assert cli.hits(other, 5) == 4


def test_import_is_safe_to_repeat(sqlite_url: str, tmp_path: Path) -> None:
    """The second time changes nothing; with ``--keep`` what is there already stays."""
    cli.fill(sqlite_url, 3)
    file = tmp_path / "entries.jsonl"
    cli.good("export", file, "--url", sqlite_url)
    other = f"sqlite:///{tmp_path / 'two.db'}"
    with LLMCache.from_url(other) as cache:
        cache.update("q0", llm_string("model-a"), answer("mine"))
    assert cli.as_json("import", file, "--url", other, "--keep") == {
        "imported": 2,
        "kept": 1,
        "expired": 0,
        "damaged": 0,
    }
    with LLMCache.from_url(other) as cache:
        assert texts(cache.lookup("q0", llm_string("model-a"))) == ["mine"]
    for _ in range(2):
        assert cli.as_json("import", file, "--url", other)["imported"] == 3
        assert cli.hits(other, 3) == 3


def test_keep_does_not_keep_what_has_expired(sqlite_url: str, tmp_path: Path) -> None:
    """A row of a file whose time is over is not there, though nobody removed it yet."""
    cli.fill(sqlite_url, 1)
    file = tmp_path / "entries.jsonl"
    cli.good("export", file, "--url", sqlite_url)
    other = f"sqlite:///{tmp_path / 'two.db'}"
    cli.fill(other, 1, ttl=0.001)
    time.sleep(0.01)
    assert cli.as_json("import", file, "--url", other, "--keep")["imported"] == 1
    assert cli.hits(other, 1) == 1


def test_keep_on_a_server_leaves_what_is_there(server: Server, tmp_path: Path) -> None:
    """Also there, an entry of now is not replaced by one of the file."""
    cli.fill(server.url, 3)
    file = tmp_path / "entries.jsonl"
    cli.good("export", file, "--url", server.url)
    cli.good("clear", "--url", server.url, "--model", "model-a", "--yes")
    with LLMCache.from_url(server.url) as cache:
        cache.update("q0", llm_string("model-a"), answer("mine"))
        assert cli.as_json("import", file, "--url", server.url, "--keep")["kept"] == 1
        assert texts(cache.lookup("q0", llm_string("model-a"))) == ["mine"]


def test_what_expired_meanwhile_is_left_out(sqlite_url: str, tmp_path: Path) -> None:
    """Unless ``--ttl`` gives everything new time, or none."""
    cli.fill(sqlite_url, 2)
    file = tmp_path / "entries.jsonl"
    cli.good("export", file, "--url", sqlite_url)
    exported = file.read_text()
    file.write_text(re.sub(r'"expires":[\d.]+', f'"expires":{time.time() - 1}', exported))
    other = f"sqlite:///{tmp_path / 'two.db'}"
    assert cli.as_json("import", file, "--url", other)["expired"] == 2
    cli.good("import", file, "--url", other, "--ttl", 60)
    assert all(0 < (ttl or 0) <= 60 for ttl in left(other).values())
    cli.good("import", file, "--url", other, "--ttl", "none")
    assert set(left(other).values()) == {None}
    assert cli.hits(other, 2) == 2


@pytest.mark.parametrize("ttl", ["0", "-1", "soon", "nan"])
def test_a_ttl_that_is_none_is_refused(ttl: str, sqlite_url: str, tmp_path: Path) -> None:
    """Before anything is read."""
    result = cli.run("import", tmp_path / "no file", "--url", sqlite_url, "--ttl", ttl)
    assert "ttl" in cli.error_line(result, 2)


def test_a_file_that_is_not_there_is_said_so(sqlite_url: str, tmp_path: Path) -> None:
    """One line, exit code 2."""
    result = cli.run("import", tmp_path / "no file", "--url", sqlite_url)
    assert "cannot read" in cli.error_line(result, 2)


KEY = Key(("m",), "0123456789abcdef" * 4)
PREFIX = "llm_cache:"
CODEC = Codec(Binding(PREFIX))
GOOD = json.loads(
    line_of(Held(KEY, CODEC.encode(answer(), created=1.0, seconds=2.0, key=KEY), 1000), 0, PREFIX)
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": "what"}, "its key"),
        ({"key": "a b/" + KEY.path}, "its key"),
        ({"key": "m/" + "0" * 64}, "another key"),
        ({"expires": "tomorrow"}, "its expires"),
        ({"expires": True}, "its expires"),
        ({"expires": float("nan")}, "its expires"),
        ({"entry": "lease:0123"}, "no entry"),
        ({"entry": 3}, "no entry"),
        ({"entry": "llm2:\ud800"}, "no entry"),
        ({"entry": "llm1:{}"}, "unknown tag"),
        ({"prefix": "other:"}, "another key"),
        ({"prefix": 3}, "its prefix"),
        ({"entry": None, "sealed": "%%%"}, "no entry"),
        ({"entry": None, "sealed": "bGVhc2U6MDEyMw=="}, "no entry"),
        ({"entry": None}, "no entry"),
    ],
)
def test_whatever_is_no_entry_is_damaged(change: dict[str, Any], words: str) -> None:
    """Each part of a line is looked at, and the message says which is wrong."""
    with pytest.raises(DamagedLineError, match=words):
        entry_of(json.dumps({**GOOD, **change}), 0.0, PREFIX)


@pytest.mark.parametrize("line", ["", "[]", "3", "null", "{", "[" * 100_000])
def test_whatever_is_no_object_is_damaged(line: str) -> None:
    """Also what JSON readers choke on."""
    with pytest.raises(DamagedLineError):
        entry_of(line, 0.0, PREFIX)


# ---------------------------------------------------------------------------- other places


def test_entries_move_to_another_prefix(sqlite_url: str, tmp_path: Path) -> None:
    """They are bound to their key, so an import under another prefix binds them anew."""
    file = tmp_path / "answers.jsonl"
    cli.fill(sqlite_url, 2)
    cli.good("export", file, "--url", sqlite_url)
    cli.good("import", file, "--url", sqlite_url, "--prefix", "other")
    assert cli.hits(sqlite_url, 2, prefix="other") == 2


def test_an_entry_below_another_namespace_is_bound_to_it() -> None:
    """What comes of the line is good there, and nowhere else."""
    held = entry_of(json.dumps(GOOD), 0.0, PREFIX)
    below = entry_of(json.dumps(GOOD), 0.0, PREFIX, ("acme",))
    assert below.key.space == ("acme", "m")
    assert CODEC.decode(below.value, key=below.key)
    with pytest.raises(CorruptEntryError):
        CODEC.decode(below.value, key=held.key)
    with pytest.raises(CorruptEntryError):
        CODEC.decode(held.value, key=below.key)


def test_what_only_the_cache_could_bind_stays_where_it_is() -> None:
    """A sealed entry, or one with a MAC, is imported under its own key and no other."""
    entry = Codec(Binding(PREFIX, "secret")).encode(answer(), created=1.0, seconds=2.0, key=KEY)
    for value in (entry, b"bytes+aes:0123"):
        held = Held(KEY, value, 1000)
        line = line_of(held, 0.0, PREFIX)
        assert entry_of(line, 0.0, PREFIX) == held
        with pytest.raises(DamagedLineError, match="for the prefix"):
            entry_of(line, 0.0, "other:")


# ---------------------------------------------------------------------------- size


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_megabytes_need_no_more_memory_than_a_few_entries(
    server: Server, tmp_path: Path
) -> None:
    """Export and import hold one batch at a time, and all entries arrive."""
    store = open_administration(server.url, prefix="llm_cache:", timeout=10)
    text = "x" * 50_000
    for first in range(0, 2_000, 100):
        batch = []
        for number in range(first, first + 100):
            key = Key(("m",), f"{number:064x}")
            entry = CODEC.encode(answer(text), created=1.0, seconds=2.0, key=key)
            batch.append(Held(key, entry, 3_600_000))
        assert store.put(batch, replace=True) == 100
    store.close()
    file = tmp_path / "many.jsonl"

    few = peak("export", str(tmp_path / "few.jsonl"), "--url", server.url, "--model", "none")
    exported = peak("export", str(file), "--url", server.url)
    with file.open("rb") as lines:
        assert sum(1 for _ in lines) >= 2_000
    server.flush()
    imported = peak("import", str(file), "--url", server.url)
    with server.client() as client:
        assert client.dbsize() == 2_000
    # The file alone has more than a hundred megabytes.
    assert file.stat().st_size > 100e6
    assert exported - few < 40e6
    assert imported - few < 40e6


def peak(*arguments: str) -> int:
    """Run the command, and return the most bytes that it held."""
    report = (
        "import resource, sys\n"
        "try:\n"
        f"    {cli.MAIN}\n"
        "finally:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", report, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout.split()[-1]) * unit
