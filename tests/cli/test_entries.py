"""``llmcache ls``, ``show``, ``delete``, ``clear`` and ``stats``, on each store."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from langchain_core.outputs import Generation

from langchain_llmcache import LLMCache
from langchain_llmcache._cli.output import note
from langchain_llmcache._cli.text import counted, duration, harmless, size
from tests.support import ROOT, cli
from tests.support.patience import LATE
from tests.support.servers import Server
from tests.support.targets import answer, llm_string

stores = pytest.mark.parametrize("store_url", cli.STORES, indirect=True)


@pytest.fixture
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a store with nothing in it."""
    return cli.url_of(request.param, request)


# ---------------------------------------------------------------------------- ls


@stores
def test_ls_shows_each_entry_and_not_what_it_says(store_url: str) -> None:
    """Key, model, namespace, time left and size, for people and for scripts."""
    cli.fill(store_url, 3, namespace=("acme", "eu/west"), ttl=5000)
    rows = cli.lines("ls", "--url", store_url)
    table = cli.good("ls", "--url", store_url)

    assert len(rows) == 3
    for row in rows:
        assert row["key"].startswith("acme/eu%2Fwest/model-a/")
        assert (row["model"], row["namespace"]) == ("model-a", ["acme", "eu/west"])
        assert 4900 < row["ttl"] <= 5000
        assert abs(row["created"] - time.time()) < 100
        assert row["bytes"] > 100
        assert row["readable"] is True
        digest = row["key"].rpartition("/")[2][:12]
        assert re.search(rf"^ *{digest} +model-a +acme/eu/west +.*1 h", table.stdout, re.MULTILINE)
    assert "answer" not in table.stdout + json.dumps(rows)
    assert "\x1b" not in table.output
    assert max(map(len, table.stdout.splitlines())) <= 80


@stores
def test_ls_shows_as_many_as_wanted(store_url: str) -> None:
    """``--limit`` says that there are more, 0 shows all; namespace and model choose."""
    cli.fill(store_url, 7)
    cli.fill(store_url, 2, model="model-b", namespace="below")
    limited = cli.good("ls", "--url", store_url, "--limit", 4, "--json")
    assert len(limited.stdout.splitlines()) == 4
    assert "more than 4" in cli.good("ls", "--url", store_url, "--limit", 4).stderr
    assert "more than" not in cli.good("ls", "--url", store_url, "--limit", 9).stderr
    assert len(cli.lines("ls", "--url", store_url, "--limit", 0)) == 9
    assert len(cli.lines("ls", "--url", store_url, "--model", "model-b")) == 2
    assert len(cli.lines("ls", "--url", store_url, "--namespace", "below")) == 2
    nothing = cli.good("ls", "--url", store_url, "--namespace", "elsewhere")
    assert (nothing.stdout, nothing.stderr) == ("", "No entries.\n")


def test_ls_leaves_other_things_alone(server: Server) -> None:
    """Leases, other prefixes, and keys of another form are no entries."""
    cli.fill(server.url, 1)
    cli.fill(server.url, 1, prefix="other:")
    with server.client() as client:
        client.set("llm_cache:model-a/" + "0" * 64, b"lease:0123")
        client.set("llm_cache:settings", b"x")
        client.lpush("llm_cache:model-a/" + "1" * 64, b"a list")
    assert len(cli.lines("ls", "--url", server.url)) == 1
    assert len(cli.lines("ls", "--url", server.url, "--prefix", "other:")) == 1


@pytest.mark.parametrize("command", [("ls",), ("stats",), ("clear", "--yes"), ("export", "x")])
def test_an_empty_namespace_means_nothing(command: tuple[str, ...], tmp_path: Path) -> None:
    """It is refused before anything is removed."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    cli.fill(url, 1)
    result = cli.run(*command, "--url", url, "--namespace", "")
    assert "--namespace is empty" in cli.error_line(result, 2)
    assert cli.hits(url, 1) == 1


# ---------------------------------------------------------------------------- show


@stores
def test_show_decodes_an_entry(store_url: str) -> None:
    """Text, tool calls, tokens, age and time left, by the whole key or by its first digits."""
    call: Any = {"name": "weather", "args": {"city": "Oslo"}, "id": "t1", "type": "tool_call"}
    with LLMCache.from_url(store_url, ttl=5000, timeout=10) as cache:
        cache.update("q", llm_string("m"), cli.message("Two\nlines.", tool_calls=[call]))
    [row] = cli.lines("ls", "--url", store_url)
    digest = row["key"].rpartition("/")[2]

    for key in (row["key"], "llm_cache:" + row["key"], digest, digest[:12], digest[:4]):
        shown = cli.good("show", key, "--url", store_url).stdout
        for part in ("Two\nlines.", 'tool call: weather {"city": "Oslo"}', "10 in, 20 out", "1 h"):
            assert part in shown
    document = cli.as_json("show", digest[:12], "--url", store_url)
    assert document["key"] == row["key"]
    assert document["generations"][0]["message"]["fields"]["content"] == "Two\nlines."


def test_show_says_why_it_cannot(server: Server) -> None:
    """No key, no entry, several, a lease, damage: one line each."""
    url = server.url
    name = "llm_cache:model-a/" + "0" * 63
    with server.client() as client:
        client.set(name + "0", b"lease:0123")
        client.set(name + "1", b"llm2:{}")
        client.set(name + "2", b"bytes+aes:0123")
    assert "is not a key" in cli.error_line(cli.run("show", "what", "--url", url), 2)
    assert "there is no entry ffff" in cli.error_line(cli.run("show", "ffff", "--url", url), 1)
    for digit, words in (("0", "asking the model right now"), ("1", "is damaged"), ("2", "sealed")):
        assert words in cli.error_line(cli.run("show", name + digit, "--url", url), 1)


def test_several_keys_are_listed_to_choose_from(server: Server) -> None:
    """One a line, unbroken; more digits help only where the digests differ."""
    names = [
        f"llm_cache:{space}model-a/{'0' * 63}{end}"
        for space, end in (("", "0"), ("", "1"), ("acme/", "0"))
    ]
    with server.client() as client:
        for name in names:
            client.set(name, b"llm2:{}")
    several = cli.run("show", "0000", "--url", server.url)
    first, *listed = several.stderr.splitlines()
    assert (several.exit_code, several.stdout) == (1, "")
    assert first == "llmcache: 0000 begins 3 keys: give more digits, or one of these:"
    assert sorted(listed) == sorted("  " + name.removeprefix("llm_cache:") for name in names)
    same = cli.run("delete", "0" * 64, "--url", server.url)
    assert "begins 2 keys: give --namespace, or one of these:" in same.stderr


def test_show_keeps_the_terminal_as_it_is(server: Server) -> None:
    """Control codes and markup in an answer are text."""
    with LLMCache.from_url(server.url) as cache:
        cache.update(
            "q", llm_string("[red]m"), cli.message("\x1b]0;title\x07 [bold]x[/bold] \x9b2J")
        )
    [row] = cli.lines("ls", "--url", server.url)
    shown = cli.good("show", row["key"], "--url", server.url).stdout
    assert "[bold]x[/bold]" in shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


# ---------------------------------------------------------------------------- delete and clear


@stores
def test_delete_removes_what_was_named(store_url: str) -> None:
    """By whole key or first digits; nothing if one of them is not found."""
    cli.fill(store_url, 3)
    first, second, _ = (row["key"] for row in cli.lines("ls", "--url", store_url))
    assert cli.run("delete", first, "ffffffff", "--url", store_url).exit_code == 1
    assert cli.hits(store_url, 3) == 3
    digits = second.rpartition("/")[2][:16]
    result = cli.good("delete", first, digits, "--url", store_url)
    assert result.stdout == "Removed 2 entries.\n"
    assert cli.hits(store_url, 3) == 1


@stores
def test_clear_removes_what_was_chosen(store_url: str) -> None:
    """All, or a namespace, or a model; a dry run counts and removes nothing."""
    cli.fill(store_url, 4)
    cli.fill(store_url, 3, model="model-b")
    cli.fill(store_url, 2, namespace="acme")
    cli.fill(store_url, 1, prefix="other:")

    dry = cli.as_json("clear", "--url", store_url, "--dry-run")
    assert dry == {"dry_run": True, "found": 9, "removed": 0}
    assert cli.as_json("clear", "--url", store_url, "--namespace", "acme", "-y")["removed"] == 2
    assert cli.hits(store_url, 4) == 4
    assert cli.as_json("clear", "--url", store_url, "--model", "model-b", "--yes")["removed"] == 3
    assert cli.good("clear", "--url", store_url, "--yes").stdout == "Removed 4 entries.\n"
    assert cli.hits(store_url, 1, prefix="other:") == 1


@pytest.mark.parametrize(
    ("said", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 2), ("\n", 1, 2), ("", 2, 2)]
)
def test_clear_asks_first(request: pytest.FixtureRequest, said: str, code: int, left: int) -> None:
    """Only a yes removes; where nobody answers, ``--yes`` is named."""
    url = cli.url_of("sqlite", request)
    cli.fill(url, 2)
    result = cli.run("clear", "--url", url, input=said)
    assert result.exit_code == code
    assert "Remove all entries under llm_cache: in sqlite:///" in result.stderr
    assert ("--yes" in result.stderr) == (code == 2)
    assert cli.hits(url, 2) == left


def test_ctrl_c_at_the_question_removes_nothing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an interruption, and not an answer that is missing."""
    url = cli.url_of("sqlite", request)
    cli.fill(url, 2)

    def interrupted(*_: object, **__: object) -> bool:
        # Typer tells both by the same exception.
        abort = typer.Abort()
        abort.__context__ = KeyboardInterrupt()
        raise abort

    monkeypatch.setattr(typer, "confirm", interrupted)
    result = cli.run("clear", "--url", url)
    assert (result.exit_code, result.stderr) == (130, "\nInterrupted: nothing was removed.\n")
    assert cli.hits(url, 2) == 2


def test_an_interrupted_clear_leaves_the_rest_whole(server: Server) -> None:
    """Ctrl-C: exit code 130, what was done is said, every other entry answers as before."""
    cli.fill(server.url, 5)
    slow = (
        "import langchain_llmcache._stores.admin as admin, time\n"
        "remove = admin.ValkeyAdministration.remove\n"
        "def slowly(self, keys):\n"
        "    number = remove(self, keys[:2])\n"
        "    print('removed', flush=True)\n"
        "    time.sleep(60)\n"
        "    return number\n"
        "admin.ValkeyAdministration.remove = slowly\n"
    )
    process = cli.start("clear", "--yes", "--url", server.url, code=slow + cli.MAIN)
    assert process.stdout is not None
    assert process.stdout.readline() == "removed\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "the rest is as it was" in errors
    assert "Traceback" not in errors
    assert cli.hits(server.url, 5) == 3


# ---------------------------------------------------------------------------- stats


@stores
def test_stats_counts_by_model_namespace_and_time(store_url: str) -> None:
    """Entries, bytes and times are the store's own, all of them measured."""
    cli.fill(store_url, 4, ttl=60)
    cli.fill(store_url, 3, model="model-b", namespace=("acme", "eu"), ttl=7200)
    cli.fill(store_url, 3, model="model-b", ttl=None)
    document = cli.as_json("stats", "--url", store_url)
    sizes = [row["bytes"] for row in cli.lines("ls", "--url", store_url)]

    assert (document["entries"], document["sample"], document["estimated"]) == (10, 10, False)
    assert document["bytes"] == sum(sizes)
    assert document["share_expiring"] == {
        "under_1_hour": 0.4,
        "under_1_day": 0.3,
        "under_7_days": 0.0,
        "later": 0.0,
        "never": 0.3,
    }
    assert [(one["model"], one["entries"]) for one in document["models"]] == [
        ("model-b", 6),
        ("model-a", 4),
    ]
    assert {one["namespace"]: one["entries"] for one in document["namespaces"]} == {
        "": 7,
        "acme/eu": 3,
    }
    shown = cli.good("stats", "--url", store_url, "--model", "model-b").stdout
    assert re.search(r"^entries +6 *$", shown, re.MULTILINE)
    assert "sample" not in shown


@stores
def test_stats_of_a_big_store_are_of_a_sample(store_url: str) -> None:
    """All keys are counted; sizes and times are estimated, and that is said."""
    cli.fill(store_url, 60, ttl=60)
    document = cli.as_json("stats", "--url", store_url, "--sample", 20)
    exact = cli.as_json("stats", "--url", store_url)
    assert (document["entries"], document["sample"], document["estimated"]) == (60, 20, True)
    assert document["bytes"] == pytest.approx(exact["bytes"], rel=0.05)
    assert (
        "of 20 entries drawn at random"
        in cli.good("stats", "--url", store_url, "--sample", 20).stdout
    )


@stores
def test_an_empty_store_has_statistics_too(store_url: str) -> None:
    """Zero entries are no error."""
    with LLMCache.from_url(store_url, timeout=10) as cache:
        cache.ping()
    assert cli.as_json("stats", "--url", store_url)["entries"] == 0
    assert "entries" in cli.good("stats", "--url", store_url).stdout


def test_servers_are_asked_without_keys_and_in_batches(server: Server) -> None:
    """Never KEYS; hundreds of entries are a few dozen round trips."""
    cli.fill(server.url, 300)
    with server.monitor() as monitor:
        cli.good("stats", "--url", server.url)
        cli.good("ls", "--url", server.url, "--limit", 0)
        names = set(monitor.names)
    assert names <= {"SCAN", "GET", "STRLEN", "PTTL", "UNLINK"}


# ---------------------------------------------------------------------------- stores


COMMANDS = [
    ("ls",),
    ("stats",),
    ("show", "abcd"),
    ("delete", "abcd"),
    ("clear", "--yes"),
    ("doctor",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_store_has_to_be_named(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """By ``--url`` or by LLMCACHE_URL; memory:// is in another process."""
    assert "LLMCACHE_URL" in cli.error_line(cli.run(*command), 2)
    monkeypatch.setenv("LLMCACHE_URL", "memory://")
    assert "memory:// is in the process that uses it" in cli.error_line(cli.run(*command), 2)
    monkeypatch.setenv("LLMCACHE_URL", "ftp://user:hunter2@host")
    assert "hunter2" not in cli.error_line(cli.run(*command), 2)


@pytest.mark.parametrize("command", COMMANDS[:5], ids=lambda command: command[0])
def test_a_store_that_cannot_be_used_is_one_line(
    command: tuple[str, ...], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down, or not there: exit code 1, no traceback, no password."""
    monkeypatch.setenv("LLMCACHE_URL", "valkey://user:hunter2@127.0.0.1:1/0")
    said = cli.error_line(cli.run(*command), 1)
    assert "valkey://127.0.0.1:1/0: " in said
    assert "hunter2" not in said
    path = tmp_path / "none.db"
    said = cli.error_line(cli.run(*command, "--url", f"sqlite:///{path}"), 1)
    assert f"there is no file {path}" in said
    assert not path.exists()


def test_a_right_that_is_missing_is_named(server: Server) -> None:
    """What the cache itself does not need may be forbidden: the command says what to grant."""
    cli.fill(server.url, 1)
    with server.client() as client:
        rights = ["+get", "+set", "+mget", "+unlink", "+scan"]
        client.execute_command("ACL", "SETUSER", "app", "on", ">hunter2", "~*", *rights)
        try:
            url = server.url.replace("://", "://app:hunter2@", 1)
            said = cli.error_line(cli.run("ls", "--url", url), 1)
        finally:
            client.execute_command("ACL", "DELUSER", "app")
    assert "PTTL" in said
    assert "+pttl" in said
    assert "hunter2" not in said


def test_who_may_only_read_may_list(server: Server) -> None:
    """Finding out whether it is a cluster needs no right to write."""
    cli.fill(server.url, 1)
    with server.client() as client:
        rights = ["+get", "+mget", "+scan", "+pttl", "+strlen", "+getrange"]
        client.execute_command("ACL", "SETUSER", "app", "on", ">x", "~llm_cache:*", *rights)
        try:
            rows = cli.lines("ls", "--url", server.url.replace("://", "://app:x@", 1))
        finally:
            client.execute_command("ACL", "DELUSER", "app")
    assert len(rows) == 1


def test_entries_of_other_kinds_are_shown_too(request: pytest.FixtureRequest) -> None:
    """A text model's answer, without a model's name in its settings, without usage."""
    url = cli.url_of("sqlite", request)
    with LLMCache.from_url(url, ttl=None) as cache:
        cache.update("q", "Sample LLM string configuration.", [Generation(text="plain")])
        cache.update("q", llm_string("m"), answer("chat"))
    rows = cli.lines("ls", "--url", url)
    assert {row["model"] for row in rows} == {None, "m"}
    plain = next(row["key"] for row in rows if row["model"] is None)
    # (Without a name, the model's part of the key is a dash.)
    shown = cli.good("show", "--url", url, "--", plain).stdout
    for words in ("plain", "never", "not told", "answer 1 of 1: text"):
        assert words in shown


# ---------------------------------------------------------------------------- how it looks


def test_every_command_explains_itself() -> None:
    """``--help`` of each begins with what it does, and ends with the exit codes; 80 columns."""
    commands = [
        "demo",
        "doctor",
        "stats",
        "ls",
        "show",
        "delete",
        "clear",
        "export",
        "import",
        "warm",
    ]
    overview = cli.good("--help").stdout
    for command in commands:
        assert re.search(rf"^│ {command} ", overview, re.MULTILINE)
        shown = cli.good(command, "--help", env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).stdout
        assert "Exit codes: 0 done, 1 the job failed" in " ".join(shown.split())
        assert max(map(len, shown.splitlines())) <= 80
        # Paragraphs are broken by the terminal, flags take no value, and nothing is cut off.
        assert not re.search(r"<bool>|…", shown)
        assert not re.search(r"^ [^│╭╰]{1,60}\n [a-z]", shown, re.MULTILINE)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_colours_are_for_terminals(request: pytest.FixtureRequest) -> None:
    """A terminal gets them, a pipe does not."""
    url = cli.url_of("sqlite", request)
    cli.fill(url, 1)
    assert "\x1b[" in _on_a_terminal("doctor", "--url", url)
    process = cli.start("doctor", "--url", url)
    piped, _ = process.communicate(timeout=60)
    assert "ok" in piped
    assert "\x1b" not in piped


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_notes_stand_above_the_progress(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What is said while a bar is shown begins a line of its own, and breaks at words."""
    url = cli.url_of("sqlite", request)
    file = tmp_path / "entries.jsonl"
    file.write_text('{"key": "model"}\n' * 3)
    shown = _on_a_terminal("import", str(file), "--url", url, "--skip-damaged")
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown))
    for number in (1, 2, 3):
        assert f"line {number} is damaged: its key is not one that LLMCache writes." in lines
    assert "Damaged, and left out: 3." in lines


def test_long_notes_break_at_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal; in a pipe they stay one line."""
    words = "valkey://host-name:6379 " * 8
    note(words)
    assert len(capsys.readouterr().err.splitlines()) == 1
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    note(words)
    two = "valkey://host-name:6379 valkey://host-name:6379"
    assert capsys.readouterr().err.splitlines() == [two] * 4


def _on_a_terminal(*arguments: str) -> str:
    # (In a process that is small: pytest's own may have become too large to be forked.)
    spawn = "import pty, sys; sys.exit(pty.spawn([sys.executable, *sys.argv[1:]]) != 0)"
    done = subprocess.run(
        [sys.executable, "-c", spawn, "-c", cli.MAIN, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
        timeout=LATE,
    )
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "never"),
        (0.25, "0.2 s"),
        (-1, "0.0 s"),
        (59, "59 s"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
    ],
)
def test_durations_read_well(seconds: float | None, words: str) -> None:
    """In their two largest units."""
    assert duration(seconds) == words


def test_numbers_of_things_read_well() -> None:
    """One entry, two entries."""
    assert [counted(number, "entry", "entries") for number in (0, 1, 2000)] == [
        "0 entries", "1 entry", "2,000 entries",
    ]  # fmt: skip
    assert counted(1, "prompt") + counted(2, "prompt") == "1 prompt2 prompts"


def test_sizes_and_texts_read_well() -> None:
    """In three digits or so; without what steers a terminal."""
    assert [size(number) for number in (0, 999, 1234, 5.6e6, 7e12)] == [
        "0 B", "999 B", "1.2 kB", "5.6 MB", "7.0 TB",
    ]  # fmt: skip
    assert harmless("a\tb\nc\x1b[31m\x9b\u2028é\r") == "a\tb\nc [31m  é "


@pytest.mark.parametrize("command", ["ls", "stats", "doctor", "clear"])
def test_the_file_of_another_program_is_left_as_it_is(command: str, tmp_path: Path) -> None:
    """It is only looked into: no table of ours is made there."""
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    result = cli.run(
        command, *(("--yes",) if command == "clear" else ()), "--url", f"sqlite:///{path}"
    )
    assert (result.exit_code, path.read_bytes()) == (0 if command == "doctor" else 1, before)
    assert "no cache" in result.output
