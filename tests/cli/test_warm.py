"""``llmcache warm``: answers that are there before anybody asks."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.prompts import ChatPromptTemplate

from langchain_llmcache import LLMCache
from tests.support import cli
from tests.support.bedrock import ConverseEndpoint, chat_model


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A model server."""
    with ConverseEndpoint() as running:
        yield running


@pytest.fixture
def app(endpoint: ConverseEndpoint, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an application's module, with a model, a function that makes one, a chain."""
    module: Any = type(sys)("warm_app")
    module.model = chat_model(endpoint)
    module.make = lambda: chat_model(endpoint)
    template = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])
    module.chain = template | module.model
    module.number = 3
    monkeypatch.setitem(sys.modules, "warm_app", module)
    return "warm_app"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store."""
    return f"sqlite:///{tmp_path / 'cache.db'}"


def prompts(folder: Path, *lines: Any, name: str = "prompts.txt") -> Path:
    """Write a file of prompts."""
    path = folder / name
    texts = lines if name.endswith(".txt") else map(json.dumps, lines)
    path.write_text("\n".join(texts))
    return path


@pytest.mark.parametrize("name", ["model", "make"])
def test_the_application_finds_the_answers(
    name: str, app: str, url: str, endpoint: ConverseEndpoint, tmp_path: Path
) -> None:
    """Its own model's calls are hits afterwards, and a second run asks nothing."""
    path = prompts(tmp_path, "One?", "# a comment", "Two?", "One?")
    first = cli.as_json("warm", path, "--object", f"{app}:{name}", "--url", url)
    assert first["prompts"] == first["asked"] == 3
    assert first["stored"] == endpoint.calls == 2
    assert (first["there_already"], first["failed"], first["interrupted"]) == (1, 0, False)

    set_llm_cache(LLMCache.from_url(url))
    assert chat_model(endpoint).invoke("Two?").response_metadata["llmcache"]["hit"]
    set_llm_cache(None)
    second = cli.as_json("warm", path, "--object", f"{app}:{name}", "--url", url)
    assert (second["there_already"], second["stored"], endpoint.calls) == (3, 0, 2)


def test_a_refresh_asks_again(
    app: str, url: str, endpoint: ConverseEndpoint, tmp_path: Path
) -> None:
    """Also what is there."""
    path = prompts(tmp_path, "One?", "Two?")
    for _ in range(2):
        done = cli.as_json("warm", path, "--object", f"{app}:model", "--url", url, "--refresh")
        assert done["stored"] == 2
    assert endpoint.calls == 4


def test_messages_and_inputs_of_chains_can_be_asked(
    app: str, url: str, endpoint: ConverseEndpoint, tmp_path: Path
) -> None:
    """What an application really sends: system prompts, several turns, a chain's variables."""
    path = prompts(
        tmp_path,
        "Plain?",
        {"prompt": "Named?"},
        {"messages": [["system", "Be brief."], ["human", "Why?"]]},
        {"messages": [{"role": "user", "content": "And?"}]},
        name="prompts.jsonl",
    )
    assert cli.as_json("warm", path, "--object", f"{app}:model", "--url", url)["stored"] == 4
    chain = prompts(tmp_path, {"input": {"question": "Why?"}}, name="chain.jsonl")
    # The very same request: the chain makes the third prompt of the first file.
    assert (
        cli.as_json("warm", chain, "--object", f"{app}:chain", "--url", url)["there_already"] == 1
    )
    assert endpoint.calls == 4


def test_namespace_prefix_and_ttl_are_those_of_the_application(
    app: str, url: str, tmp_path: Path
) -> None:
    """So that it looks where the answers are."""
    path = prompts(tmp_path, "One?")
    options = ["--namespace", "acme", "--namespace", "eu", "--prefix", "mine:", "--ttl", 90]
    cli.good("warm", path, "--object", f"{app}:model", "--url", url, *options)
    [row] = cli.lines("ls", "--url", url, "--prefix", "mine:")
    assert row["namespace"] == ["acme", "eu"]
    assert 80 < row["ttl"] <= 90


def test_failures_are_reported_and_the_rest_is_stored(
    app: str, url: str, endpoint: ConverseEndpoint, tmp_path: Path
) -> None:
    """Exit code 1, each failure with the number of its prompt, no answer lost."""
    endpoint.fail_rate = 0.5
    path = prompts(tmp_path, *(f"Question {number}?" for number in range(30)))
    result = cli.run("warm", path, "--object", f"{app}:model", "--url", url, "--json")
    assert result.exit_code == 1
    done = json.loads(result.stdout)
    assert done["failed"] == endpoint.failures > 0
    assert done["stored"] == 30 - done["failed"]
    assert result.stderr.count("got no answer: ") == min(10, done["failed"])
    endpoint.fail_rate = 0
    again = cli.as_json("warm", path, "--object", f"{app}:model", "--url", url)
    assert again["stored"] == done["failed"]


def test_the_summary_reads_well(app: str, url: str, tmp_path: Path) -> None:
    """What was there, what was stored, how long it took."""
    path = prompts(tmp_path, "One?", "Two?")
    shown = cli.good("warm", path, "--object", f"{app}:model", "--url", url).stdout
    rows = dict(line.split("  ", 1) for line in shown.splitlines())
    assert rows["prompts"].strip() == "2"
    assert rows["stored"].strip() == "2"
    assert "no answer" not in rows


def test_a_model_can_be_named_as_for_init_chat_model(
    endpoint: ConverseEndpoint, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any code of one's own."""
    monkeypatch.setattr(
        "langchain.chat_models.init_chat_model", lambda name: chat_model(endpoint, model=name)
    )
    path = prompts(tmp_path, "One?")
    cli.good("warm", path, "--model", "us.amazon.nova-lite-v1:0", "--url", url)
    assert [request.model_id for request in endpoint.requests] == ["us.amazon.nova-lite-v1:0"]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--model or --object"),
        (["--model", "a", "--object", "b"], "--model or --object"),
        (["--object", "no_such_module:x"], "no_such_module"),
        (["--object", "warm_app:nothing"], "nothing"),
        (["--object", "warm_app"], "package.module:name"),
        (["--object", "warm_app:number"], "is an int; expected a model"),
        (["--object", "warm_app:model", "--ttl", "0"], "ttl"),
        (["--object", "warm_app:model", "--url", "memory://"], "forgets at exit"),
        (["--object", "warm_app:model", "--url", "ftp://u:hunter2@h"], "valkey://"),
    ],
)
def test_bad_settings_are_explained(
    options: list[str], words: str, url: str, tmp_path: Path
) -> None:
    """One line and exit code 2, before anybody is asked."""
    given = options if "--url" in options else [*options, "--url", url]
    said = cli.error_line(cli.run("warm", prompts(tmp_path, "One?"), *given), 2)
    assert words in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "line", [{"messages": "no"}, {"messages": [["nobody", "x"]]}, {"text": "x"}, 3]
)
def test_a_bad_line_is_named(line: Any, app: str, url: str, tmp_path: Path) -> None:
    """With its number, before anybody is asked."""
    path = prompts(tmp_path, "One?", line, name="p.jsonl")
    result = cli.run("warm", path, "--object", f"{app}:model", "--url", url)
    assert "line 2 of" in cli.error_line(result, 2)


def test_a_store_that_is_down_is_said_so_before_anybody_is_asked(
    app: str, endpoint: ConverseEndpoint, tmp_path: Path
) -> None:
    """Nobody pays for answers that cannot be stored."""
    path = prompts(tmp_path, "One?")
    url = "valkey://127.0.0.1:1"
    result = cli.run("warm", path, "--object", f"{app}:model", "--url", url)
    assert "cannot use the store" in cli.error_line(result, 1)
    assert endpoint.calls == 0


def test_the_applications_own_cache_is_put_back(app: str, url: str, tmp_path: Path) -> None:
    """After a run, the global cache is what it was before."""
    own = LLMCache()
    set_llm_cache(own)
    cli.good("warm", prompts(tmp_path, "One?"), "--object", f"{app}:model", "--url", url)
    assert get_llm_cache() is own


def test_an_interrupt_keeps_what_was_answered(url: str, tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, a summary, and the next run asks only for the rest."""
    (tmp_path / "slow_app.py").write_text(
        "from tests.support.bedrock import ConverseEndpoint, chat_model\n"
        "def latency(request):\n"
        "    if 'slow' in str(request.messages):\n"
        "        print('waiting', flush=True)\n"
        "        return 60\n"
        "    return 0\n"
        "endpoint = ConverseEndpoint(latency=latency)\n"
        "model = chat_model(endpoint)\n"
    )
    path = prompts(tmp_path, "One?", "Two?", "A slow one?", "Three?")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {cli.MAIN}"
    options = ["--object", "slow_app:model", "--url", url, "--concurrency", "1"]
    process = cli.start("warm", str(path), *options, code=code)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "goes on from here" in errors
    assert "Traceback" not in errors
    assert "not asked" in printed
    assert len(cli.lines("ls", "--url", url)) == 2


def test_the_folder_of_the_command_is_searched(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: ConverseEndpoint
) -> None:
    """As for ``python -m``: the application need not be installed."""
    (tmp_path / "local_app.py").write_text("from warm_holder import model\n")
    holder: Any = type(sys)("warm_holder")
    holder.model = chat_model(endpoint)
    monkeypatch.setitem(sys.modules, "warm_holder", holder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    cli.good("warm", prompts(tmp_path, "One?"), "--object", "local_app:model", "--url", url)
    sys.modules.pop("local_app", None)
