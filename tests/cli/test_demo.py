"""The command ``llmcache demo``: what it prints, what it leaves alone, and how it fails."""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from typer.testing import CliRunner, Result

import langchain_llmcache
from langchain_llmcache._cli.app import app
from tests.support import ROOT
from tests.support.bedrock import ConverseEndpoint
from tests.support.patience import LATE
from tests.support.servers import Server

demo_module = importlib.import_module("langchain_llmcache._cli.demo")

FAST = ("--latency", "0")


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither credentials nor a region, wherever botocore looks for them."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def run(*arguments: object) -> Result:
    """Run ``llmcache demo`` in this process."""
    return CliRunner().invoke(app, ["demo", *map(str, arguments)])


def run_json(*arguments: object) -> Any:
    """Run it with ``--json``; return what it printed, parsed."""
    result = run(*arguments, *FAST, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def outcomes(document: Any) -> list[str]:
    """Hit or miss, for each prompt."""
    return [one["cache"] for one in document["prompts"]]


def error_line(result: Result) -> str:
    """The one line that a failed command prints, nowhere but on stderr."""
    assert result.stdout == ""
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1
    return str(result.stderr)


def prompts_file(folder: Path, name: str, *lines: str) -> Path:
    """Write a file of prompts."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# ---------------------------------------------------------------------------- the job


def test_the_bundled_prompts_hit_from_their_second_occurrence() -> None:
    """Each prompt is a miss when it is new and a hit when it was asked before."""
    document = run_json()

    prompts = [one["prompt"] for one in document["prompts"]]
    expected = [
        "hit" if prompt in prompts[:position] else "miss" for position, prompt in enumerate(prompts)
    ]
    assert outcomes(document) == expected
    assert 0.4 < expected.count("hit") / len(expected) < 0.6
    assert document["calls_made"] == expected.count("miss")
    assert document["calls_saved"] == expected.count("hit")


def test_the_medians_and_the_speed_up_are_those_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A miss takes the latency that was asked for, a hit much less, and the totals say so."""
    path = prompts_file(tmp_path, "p.txt", "One?", "One?", "Two?", "Two?")
    # Each look at the clock takes a millisecond, and what the model takes is added to that.
    clock = itertools.count()
    taken: list[float] = []
    usual = demo_module.ConverseEndpoint.pause

    def pause(endpoint: Any, seconds: float) -> None:
        taken.append(seconds)
        usual(endpoint, seconds)

    monkeypatch.setattr(demo_module.ConverseEndpoint, "pause", pause)
    told = SimpleNamespace(perf_counter=lambda: next(clock) / 1000 + sum(taken))
    monkeypatch.setattr(demo_module, "time", told)

    document = json.loads(run(path, "--latency", "0.3", "--json").stdout)

    first, again, second, _ = (one["latency_ms"] for one in document["prompts"])
    assert min(first, second) >= 300
    assert again < 300
    assert document["median_miss_ms"] == pytest.approx((first + second) / 2, abs=0.01)
    ratio = document["median_miss_ms"] / document["median_hit_ms"]
    assert document["speedup"] == pytest.approx(ratio, rel=0.02)
    assert document["seconds_saved"] > 0.3


def test_a_second_run_on_a_file_hits_from_the_start(tmp_path: Path) -> None:
    """SQLite keeps the answers between runs, also of the time that they once took."""
    url = f"sqlite:///{tmp_path / 'cache.sqlite'}"

    first, second = run_json("--url", url), run_json("--url", url)

    assert first["calls_made"] == 12
    assert second["calls_made"] == 0
    assert set(outcomes(second)) == {"hit"}
    assert second["median_miss_ms"] is None
    assert second["speedup"] > 0
    assert run("--url", url, *FAST).exit_code == 0


def test_a_second_run_on_a_server_hits_from_the_start(server: Server) -> None:
    """Valkey keeps the answers between runs, under the prefix that was given."""
    first = run_json("--url", server.url, "--prefix", "one:")
    second = run_json("--url", server.url, "--prefix", "one:")
    other = run_json("--url", server.url, "--prefix", "two:")

    assert [run["calls_made"] for run in (first, second, other)] == [12, 0, 12]
    with server.client() as client:
        keys = [bytes(key) for key in client.scan_iter()]
        lifetimes = [client.ttl(key) for key in keys]
    assert sorted({key[:4] for key in keys}) == [b"one:", b"two:"]
    assert all(0 < seconds <= 3600 for seconds in lifetimes)


def test_several_prompts_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``--concurrency``, the rows keep the order of the file and the wait is shared."""
    names = [f"Question {number}?" for number in range(16)]
    path = prompts_file(tmp_path, "p.txt", *names)

    everybody = threading.Barrier(16, timeout=LATE)
    endpoint = importlib.import_module("langchain_llmcache._demo.endpoint")
    usual = endpoint.answer

    def answer_all(*args: Any, **kwargs: Any) -> Any:
        everybody.wait()
        return usual(*args, **kwargs)

    monkeypatch.setattr(endpoint, "answer", answer_all)
    result = run(path, *FAST, "--concurrency", "16", "--json")

    document = json.loads(result.stdout)
    assert [one["prompt"] for one in document["prompts"]] == names
    assert document["calls_made"] == 16


def test_the_table_fits_eighty_columns(tmp_path: Path) -> None:
    """A row for each prompt and the totals, plain and unharmed by markup or control codes."""
    path = prompts_file(
        tmp_path, "p.txt", "[bold]Why[/bold]?", "[bold]Why[/bold]?", "\x1b[31m" * 40
    )

    result = run(path, *FAST)

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert re.search(r"^ *1 +miss +[\d.,]+ ms +\[bold\]Why\[/bold\]\?", result.stdout, re.MULTILINE)
    assert re.search(r"^ *2 +hit +[\d.,]+ ms ", result.stdout, re.MULTILINE)
    assert re.search(r"^model calls made +2 *$", result.stdout, re.MULTILINE)
    assert re.search(r"^model calls saved +1 \(33%\) *$", result.stdout, re.MULTILINE)
    assert re.search(r"^speed-up +[\d,]+x *$", result.stdout, re.MULTILINE)
    assert "memory:// forgets at exit" in result.stderr


@pytest.mark.parametrize("fails", [False, True])
def test_the_applications_own_cache_is_put_back(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """After a run, good or bad, the global cache is what it was before."""
    if fails:
        failing = functools.partial(ConverseEndpoint, fail_rate=1)
        monkeypatch.setattr(demo_module, "ConverseEndpoint", failing)
    own = InMemoryCache()
    set_llm_cache(own)

    assert (run(*FAST).exit_code == 0) is not fails
    assert get_llm_cache() is own


# ---------------------------------------------------------------------------- files of prompts


def test_text_files_have_comments_and_blank_lines(tmp_path: Path) -> None:
    """Only lines that are neither blank nor comments are prompts, whoever's editor wrote them."""
    path = prompts_file(tmp_path, "p.txt", "\ufeff# A comment", "One?\r", "", "  # no", " Zwölf? ")

    assert [one["prompt"] for one in run_json(path)["prompts"]] == ["One?", "Zwölf?"]


def test_jsonl_files_hold_strings_or_objects(tmp_path: Path) -> None:
    """A line of JSONL is a string, or an object whose ``prompt`` is one; # is no comment there."""
    lines = ['"# One?"', "", '{"prompt": "Two\\nlines?", "id": 7}']
    path = prompts_file(tmp_path, "p.JSONL", *lines)

    assert [one["prompt"] for one in run_json(path)["prompts"]] == ["# One?", "Two\nlines?"]


@pytest.mark.parametrize("line", ["{", "17", '{"text": "One?"}', '{"prompt": 3}', '"  "', "One?"])
def test_a_bad_line_of_jsonl_is_named(tmp_path: Path, line: str) -> None:
    """The message gives the number of the line, and what was expected."""
    path = prompts_file(tmp_path, "p.jsonl", '"One?"', "", line)

    result = run(path)

    assert result.exit_code == 2
    assert f"line 3 of {path}" in error_line(result)
    assert '{"prompt": "..."}' in result.stderr


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    """A missing, empty or binary file, or a folder, each get a sentence of their own."""
    empty = prompts_file(tmp_path, "empty.txt", "# nothing")
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00")
    expected = {
        tmp_path / "none.txt": "there is no prompts file",
        empty: "holds no prompt",
        binary: "is not UTF-8 text",
        tmp_path: "cannot read the prompts file",
    }

    for path, sentence in expected.items():
        result = run(path)
        assert result.exit_code == 2
        assert sentence in error_line(result)
        assert str(path) in result.stderr


# ---------------------------------------------------------------------------- trouble


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--url", "ftp://user:hunter2@host/"], "valkey://"),
        (["--url", "localhost:6379"], "valkey://"),
        (["--url", "sqlite://"], "sqlite:///"),
        (["--ttl", "0"], "ttl"),
        (["--ttl", "nan"], "ttl"),
        (["--prefix", ""], "prefix"),
    ],
)
def test_bad_settings_are_explained(options: list[str], sentence: str) -> None:
    """A setting that cannot be used ends the command with 2 and what was expected."""
    result = run(*options)

    assert result.exit_code == 2
    assert sentence in error_line(result)
    assert "hunter2" not in result.stderr


def test_an_unreachable_server_is_said_so(tmp_path: Path) -> None:
    """A server that does not answer ends the command with 1 before any prompt is asked."""
    url = "valkey://someone:hunter2@127.0.0.1:1/0?client_name=hunter2"

    result = run("--url", url)
    folder = run("--url", f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")

    assert result.exit_code == 1
    assert "cannot use the store valkey://127.0.0.1:1/0: " in error_line(result)
    assert "hunter2" not in result.stderr
    assert folder.exit_code == 1
    assert "cannot use the store sqlite:///" in error_line(folder)


def test_a_wrong_password_is_said_so_and_not_shown(server: Server) -> None:
    """What the server says of a password comes through; the password does not."""
    url = server.url.replace("://", "://someone:hunter2@", 1)

    result = run("--url", url)

    assert result.exit_code == 1
    assert "hunter2" not in error_line(result)


def test_results_do_not_show_the_password(server: Server) -> None:
    """Neither the table nor the JSON repeats what is secret in the URL."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "demo", "on", ">hunter2", "~*", "+@all")
        try:
            url = server.url.replace("://", "://demo:hunter2@", 1)
            table, document = run("--url", url, *FAST), run("--url", url, *FAST, "--json")
        finally:
            client.execute_command("ACL", "DELUSER", "demo")

    assert (table.exit_code, document.exit_code) == (0, 0)
    assert "hunter2" not in table.output + document.output
    assert json.loads(document.stdout)["calls_made"] == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [([], "--region"), (["--region", "us-west-2"], "no AWS credentials")],
)
def test_live_needs_aws_settings(options: list[str], sentence: str) -> None:
    """Without a region or credentials, ``--live`` says what is missing and calls nobody."""
    result = run("--live", *options)

    assert result.exit_code == 2
    assert sentence in error_line(result)


def test_live_asks_bedrock_and_counts_the_misses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``--live`` builds the model from the computer's own AWS settings, region and model included."""
    path = prompts_file(tmp_path, "p.txt", "One?", "One?", "Two?")
    with ConverseEndpoint() as bedrock:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", bedrock.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")

        document = run_json(
            path, "--live", "--region", "eu-west-1", "--model", "eu.amazon.nova-lite-v1:0"
        )

        assert [request.model_id for request in bedrock.requests] == [
            "eu.amazon.nova-lite-v1:0"
        ] * 2
    assert document["live"] is True
    assert outcomes(document) == ["miss", "hit", "miss"]
    assert (document["calls_made"], document["calls_saved"]) == (2, 1)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_model_that_fails_ends_the_job(monkeypatch: pytest.MonkeyPatch, concurrency: int) -> None:
    """The model's own words and the number of the prompt, exit code 1, no traceback."""
    failing = functools.partial(ConverseEndpoint, fail_rate=1)
    monkeypatch.setattr(demo_module, "ConverseEndpoint", failing)

    result = run(*FAST, "--concurrency", concurrency)

    assert result.exit_code == 1
    assert re.match(r"llmcache: prompt \d+ got no answer: .*Exception", error_line(result))


@pytest.mark.parametrize("options", [[], ["--live"]])
def test_langchain_aws_is_named_when_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """Without langchain-aws, the message says which extra brings it."""
    monkeypatch.setitem(sys.modules, "langchain_aws", None)

    result = run(*options)

    assert result.exit_code == 2
    assert 'pip install "langchain-llmcache[demo]"' in error_line(result)


# ---------------------------------------------------------------------------- the command


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start Python with the code of an entry point."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


MAIN = "from langchain_llmcache.cli import main; main()"


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_the_extra_is_named_when_it_is_missing(missing: str) -> None:
    """Without typer or rich, the command says how to install them, and exits with 2."""
    process = start(f"import sys; sys.modules[{missing!r}] = None; {MAIN}", "demo")
    printed, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert printed == ""
    assert (
        errors == 'llmcache needs its command-line extra: pip install "langchain-llmcache[cli]"\n'
    )


@pytest.mark.parametrize("concurrency", ["1", "4"])
def test_an_interrupt_ends_the_command_at_once(concurrency: str) -> None:
    """Ctrl-C, while the model takes its time, exits with 130 and prints no traceback."""
    # A handler that says when the model is being waited for.
    waiting = (
        "import langchain_llmcache._demo.endpoint as endpoint; usual = endpoint.answer\n"
        "def answer(*a, **k):\n"
        "    print('asked', flush=True)\n"
        "    return usual(*a, **k)\n"
        "endpoint.answer = answer\n"
    )
    process = start(waiting + MAIN, "demo", "--latency", "60", "--concurrency", concurrency)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("asked")  # perhaps twice, by two threads at once

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=50)  # less than the model's minute

    assert process.returncode == 130
    assert errors == ""


def test_a_narrow_alphabet_does_not_end_the_job(tmp_path: Path) -> None:
    """A terminal without the characters of a prompt still gets its table."""
    path = prompts_file(tmp_path, "p.txt", "Zwölf Boxkämpfer → 日本?" * 5)
    ascii_only = "import sys; sys.stdout.reconfigure(encoding='ascii');" + MAIN
    process = start(ascii_only, "demo", str(path), *FAST)
    printed, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors
    assert "Zw?lf" in printed


def test_help_and_version() -> None:
    """Help lists the commands and the exit codes; the version is the package's."""
    runner = CliRunner()
    for arguments in ([], ["--help"], ["demo", "--help"]):
        shown = runner.invoke(app, arguments).output
        assert "demo" in shown
        assert "Exit codes: 0 done, 1 the job failed, 2 bad usage" in " ".join(shown.split())
    assert (
        runner.invoke(app, ["--version"]).output == f"llmcache {langchain_llmcache.__version__}\n"
    )


@pytest.mark.parametrize("options", [["--latency", "-1"], ["--concurrency", "0"], ["--no-such"]])
def test_bad_usage_exits_with_2(options: list[str]) -> None:
    """Options out of range and unknown ones are bad usage."""
    assert run(*options).exit_code == 2
