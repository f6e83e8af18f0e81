"""How commands start and what they print into: full disks, closed pipes, other encodings."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import lzma
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import langchain_llmcache
from langchain_llmcache import LLMCache
from langchain_llmcache._cli.app import COMMANDS
from langchain_llmcache._cli.listing import Listing
from tests.support import acl, cli
from tests.support.servers import StartServer
from tests.support.targets import llm_string

ROOT = Path(langchain_llmcache.__file__).parents[1]
FULL = Path("/dev/full")


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``python -m langchain_llmcache`` to its end."""
    environment = {**os.environ, **options.pop("env", {})}
    given: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "timeout": 100,
        **options,
    }
    command = [sys.executable, "-m", "langchain_llmcache", *map(str, arguments)]
    return subprocess.run(command, check=False, cwd=ROOT, env=environment, **given)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file with two answers, one of them in other letters than ASCII's."""
    place = f"sqlite:///{tmp_path / 'cache.db'}"
    with LLMCache.from_url(place, timeout=10) as cache:
        cache.update("a", llm_string("m"), cli.message("plain"))
        cache.update("b", llm_string("m"), cli.message("→ žluťoučký 日本 \ud800"))
    return place


# ---------------------------------------------------------------------------- full disks, pipes


PRINTING = [
    *(("ls",), ("ls", "--json"), ("stats",), ("stats", "--json"), ("doctor",)),
    *(("doctor", "--json"), ("show", "KEY"), ("show", "KEY", "--json"), ("delete", "KEY")),
    *(("clear", "--yes"), ("clear", "--dry-run", "--json"), ("export", "-")),
    *(("demo", "--latency", "0"), ("demo", "--latency", "0", "--json")),
    *(("--help",), ("ls", "--help"), ("--version",)),
]

# Each is a process of its own.
FEW = [("ls",), ("show", "KEY", "--json"), ("export", "-"), ("--help",)]


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command, id=" ".join(command), marks=() if command in FEW else pytest.mark.long
        )
        for command in PRINTING
    ],
)
def test_a_full_disk_is_one_line(command: tuple[str, ...], url: str) -> None:
    """Whatever prints: exit code 1, what is wrong, no traceback."""
    key = cli.lines("ls", "--url", url)[0]["key"]
    words = [key if word == "KEY" else word for word in command]
    with FULL.open("w") as full:
        done = process(*words, stdout=full, env={"LLMCACHE_URL": url})
    assert done.returncode == 1
    *notes, last = done.stderr.splitlines()
    assert last == "llmcache: cannot write to the standard output: No space left on device."
    assert len(notes) <= 1


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_for_errors_too(url: str) -> None:
    """Nothing can be said then, and nothing else happens."""
    with FULL.open("w") as full:
        # (What fails is kept in a buffer, and fails once more in the end.)
        buffered = {"LLMCACHE_URL": url, "PYTHONUNBUFFERED": ""}
        done = process("ls", stdout=full, stderr=full, env=buffered)
    assert done.returncode == 1


@pytest.mark.parametrize("command", [("ls", "--json", "--limit", "0"), ("export", "-")])
def test_a_reader_that_goes_away_is_no_error(command: tuple[str, ...], tmp_path: Path) -> None:
    """As with ``| head``: nothing on stderr."""
    place = f"sqlite:///{tmp_path / 'many.db'}"
    cli.fill(place, 400)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = process(*command, stdout=writing, env={"LLMCACHE_URL": place})
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("closed", [">&-", "--limit 1 >&- 2>&-"])
def test_a_closed_standard_output_is_no_error(closed: str, url: str) -> None:
    """As with ``>&-``; with ``--limit 1`` there is something to say on the standard error, too."""
    script = f'exec "{sys.executable}" -m langchain_llmcache ls --url "{url}" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", script], check=False, cwd=ROOT, capture_output=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, b"")


# ---------------------------------------------------------------------------- encodings, colours


@pytest.mark.long
def test_an_export_is_utf8_whatever_the_terminal_is(url: str, tmp_path: Path) -> None:
    """What a terminal cannot show is replaced on it, and never in a file or a pipe of entries."""
    latin = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    lines = process("export", "-", "--url", url, env=latin, text=False).stdout
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert process("import", "-", "--url", other, input=lines, text=False).returncode == 0
    with LLMCache.from_url(other, timeout=10) as cache:
        [found] = cache.lookup("b", llm_string("m")) or []
    assert found.text == "→ žluťoučký 日本 \ud800"
    for row in cli.lines("ls", "--url", url):
        shown = process("show", row["key"], "--url", url, env=latin, encoding="latin-1")
        assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize(("encoding", "rule"), [("ascii", "------------  -"), ("utf-8", "─" * 12)])
def test_the_rule_of_a_table_can_be_printed(encoding: str, rule: str) -> None:
    """With ``LC_ALL=C``, it was a row of question marks."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    listing = Listing(Console(file=out, width=80))
    row = {"key": "-/" + "0" * 64, "shown": "m", "namespace": [], "bytes": 5}
    listing.add({**row, "ttl": None, "created": 0.0, "readable": True})
    listing.end()
    out.seek(0)
    assert out.readlines()[1].startswith(rule)


@pytest.mark.parametrize(
    "command",
    [
        ("ls",),
        *(pytest.param(each, marks=pytest.mark.long) for each in (("stats",), ("show", "KEY"))),
    ],
)
def test_colours_can_be_left_out(command: tuple[str, ...], url: str) -> None:
    """NO_COLOR holds on a terminal too; where the output is no terminal there are none anyway."""
    key = cli.lines("ls", "--url", url)[0]["key"]
    words = [key if word == "KEY" else word for word in command]
    for environment in ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, {}):
        done = process(*words, "--url", url, env=environment)
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]", done.stdout)


# ---------------------------------------------------------------------------- the start


def test_help_does_not_import_what_commands_need() -> None:
    """The list of commands needs no client, no model, no provider; nor does a command's own help."""
    for words in (["--help"], ["ls", "--help"]):
        code = (
            f"import sys; sys.argv = ['llmcache', *{words!r}]\n"
            "from langchain_llmcache.cli import main\n"
            "try: main()\n"
            "finally:\n"
            "    heavy = {'valkey', 'boto3', 'botocore', 'langchain_aws', 'langchain',\n"
            "             'langgraph_checkpoint_aws', 'rich.progress', 'http.server'}\n"
            "    print(sorted(heavy & sys.modules.keys()), file=sys.stderr)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True
        )
        assert done.stderr == "[]\n"
        assert done.returncode == 0


def test_the_list_says_what_each_command_says() -> None:
    """The one line in the list is the first line of the command's own help."""
    for name, where in COMMANDS.items():
        help_text = " ".join(cli.good(name, "--help").stdout.split())
        assert where.summary.replace("`", "") in help_text.replace("`", "")
    listed = cli.good("--help").stdout
    assert [name for name in COMMANDS if re.search(rf"^. {name} ", listed, re.MULTILINE)] == [
        *COMMANDS
    ]


def test_an_unknown_command_is_bad_usage() -> None:
    """Exit code 2, and the way to the help."""
    result = cli.run("lss")
    assert result.exit_code == 2
    assert "No such command 'lss'" in result.stderr


def test_it_runs_as_a_module() -> None:
    """For where the script is not on the PATH."""
    done = process("--version")
    assert done.stdout == f"llmcache {langchain_llmcache.__version__}\n"


def completed(instruction: str, words: str = "") -> str:
    """Return what the command says to a shell."""
    environment = {
        "_LLMCACHE_COMPLETE": instruction,
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    code = "import sys; sys.argv[0] = 'llmcache'\nfrom langchain_llmcache.cli import main; main()"
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    ).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_script_for_completion(shell: str) -> None:
    """It has the shell ask the command for what may follow."""
    assert "_LLMCACHE_COMPLETE=complete_" in completed(f"source_{shell}")


def test_commands_and_options_are_completed() -> None:
    """Also those of the commands, and those that name the store."""
    assert completed("complete_bash", "llmcache ").split() == list(COMMANDS)
    assert completed("complete_bash", "llmcache ex").split() == ["export"]
    assert completed("complete_bash", "llmcache ls --elas").split() == ["--elasticache"]


# ---------------------------------------------------------------------------- commands' errors


def test_advice_is_a_sentence_of_its_own(own_valkey_server: StartServer) -> None:
    """What is wrong ends with a full stop; what to do about it begins with a capital letter."""
    server = own_valkey_server(users=acl.rules(acl.SINGLE))
    url = server.url_for("app", "not-the-secret")
    for command in (("ls",), ("stats",), ("show", "abcd"), ("clear", "--yes")):
        said = cli.error_line(cli.run(*command, "--url", url), 1)
        assert re.search(r"\w\. The server does not accept this user and password: correct", said)


# ---------------------------------------------------------------------------- files


def test_a_folder_is_no_file(url: str, tmp_path: Path) -> None:
    """Export and import say that it is a folder."""
    for command in ("export", "import"):
        said = cli.error_line(cli.run(command, tmp_path, "--url", url), 2)
        assert f"{tmp_path} is a folder" in said
    missing = tmp_path / "none" / "answers.jsonl"
    said = cli.error_line(cli.run("export", missing, "--url", url), 2)
    assert f"there is no folder {missing.parent}" in said


def test_a_folder_without_permission(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line; the refusal is made here, because root may write anywhere."""
    usual = os.open

    def refuse(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).endswith(".part"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return usual(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    said = cli.error_line(cli.run("export", tmp_path / "answers.jsonl", "--url", url), 2)
    assert "Permission denied" in said


def test_gzip_is_written_and_read(url: str, tmp_path: Path) -> None:
    """By the name when written, by the content when read, through the streams too."""
    plain, packed = tmp_path / "answers.jsonl", tmp_path / "answers.jsonl.gz"
    cli.good("export", plain, "--url", url)
    cli.good("export", packed, "--url", url)
    unpacked = gzip.decompress(packed.read_bytes()).splitlines()
    entries = [
        sorted(json.loads(line)["entry"] for line in lines)
        for lines in (unpacked, plain.read_bytes().splitlines())
    ]
    assert entries[0] == entries[1]
    renamed = tmp_path / "renamed"
    renamed.write_bytes(packed.read_bytes())
    for number, file in enumerate((packed, renamed)):
        other = f"sqlite:///{tmp_path / f'{number}.db'}"
        assert cli.as_json("import", file, "--url", other)["imported"] == 2
    other = f"sqlite:///{tmp_path / 'stdin.db'}"
    done: Any = process("import", "-", "--url", other, input=packed.read_bytes(), text=False)
    assert (done.returncode, done.stderr) == (0, b"Imported 2 entries.\n")


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".bz2", bz2.compress), (".xz", lzma.compress), (".zip", None)]
)
def test_other_compression_is_refused_by_name(
    suffix: str, pack: Any, url: str, tmp_path: Path
) -> None:
    """Neither written under its name, nor read as if it were lines."""
    file = tmp_path / f"answers.jsonl{suffix}"
    assert suffix in cli.error_line(cli.run("export", file, "--url", url), 2)
    file.write_bytes(b"PK\x03\x04..." if pack is None else pack(b"{}"))
    assert f"compressed as {suffix}" in cli.error_line(cli.run("import", file, "--url", url), 2)


def test_a_gzip_file_that_was_cut(url: str, tmp_path: Path) -> None:
    """It is named, and nothing is stored."""
    packed, cut = tmp_path / "answers.jsonl.gz", tmp_path / "cut.jsonl.gz"
    cli.good("export", packed, "--url", url)
    cut.write_bytes(packed.read_bytes()[:-10])
    other = tmp_path / "other.db"
    said = cli.error_line(cli.run("import", cut, "--url", f"sqlite:///{other}"), 1)
    assert f"cannot read {cut} to its end" in said
    assert not other.exists()


def test_nothing_was_stored_is_said_where_nothing_was(url: str, tmp_path: Path) -> None:
    """A file is checked first; of the standard input, what came before the damage is stored."""
    file = tmp_path / "answers.jsonl"
    cli.good("export", file, "--url", url)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    lines = file.read_text() + "damaged\n"
    file.write_text(lines)
    said = cli.error_line(cli.run("import", file, "--url", other), 1)
    assert (
        "line 3 is damaged: it is not JSON, as lines of `llmcache export` are. Nothing was stored; --skip-damaged"
        in said
    )
    many = "".join(lines.splitlines(keepends=True)[:2] * 60) + "damaged\n"
    result = cli.run("import", "-", "--url", other, input=many)
    assert (
        "line 121 is damaged: it is not JSON, as lines of `llmcache export` are. Stored before it: 100 entries; "
        in result.stderr
    )
    few = cli.run("import", "-", "--url", other, input=lines)
    assert "Nothing was stored; " in few.stderr
