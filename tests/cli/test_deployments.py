"""Every command on every deployment: a file, a server, a cluster, TLS, ElastiCache with IAM."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache import ConfigurationError, LLMCache
from tests.support import cli
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.deployments import DEPLOYMENTS, Environment, environment_of, options_of
from tests.support.targets import llm_string

deployments = pytest.mark.parametrize("kind", DEPLOYMENTS)
Named = Callable[[Environment], list[str]]


@pytest.fixture(params=["options", "environment"])
def named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Named:
    """How commands are told the store: what they take besides, and it is in the environment."""

    def tell(environment: Environment) -> list[str]:
        if request.param == "options":
            return options_of(environment)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return []

    return tell


def fill(environment: Environment, number: int) -> None:
    """Store answers as an application that is configured so."""
    with LLMCache.from_env(environment) as cache:
        for index in range(number):
            cache.lookup(f"q{index}", llm_string("model-a"))
            cache.update(f"q{index}", llm_string("model-a"), cli.message(f"answer {index}"))
        assert cache.stats().stores == number


@deployments
def test_each_command_reaches_it(
    kind: str, request: pytest.FixtureRequest, named: Named, tmp_path: Path
) -> None:
    """Looking, finding, removing, exporting and importing, as the deployment's own user."""
    environment = environment_of(kind, request)
    store = named(environment)
    fill(environment, 5)

    findings = json.loads(cli.run("doctor", "--json", *store).stdout)["findings"]
    assert [each for each in findings if each["level"] == "problem"] == []
    assert cli.as_json("stats", *store)["entries"] == 5
    rows = cli.lines("ls", *store)
    assert len(rows) == 5
    digest = rows[0]["key"].rpartition("/")[2][:12]
    assert "answer " in cli.good("show", digest, *store).stdout
    assert cli.as_json("delete", digest, *store)["removed"] == 1
    assert cli.as_json("clear", "--dry-run", *store)["found"] == 4
    file = tmp_path / "answers.jsonl"
    assert cli.as_json("export", file, *store)["exported"] == 4
    assert cli.as_json("clear", "--yes", *store)["removed"] == 4
    assert cli.as_json("import", file, *store)["imported"] == 4
    with LLMCache.from_env(environment) as cache:
        found = [cache.lookup(f"q{index}", llm_string("model-a")) for index in range(5)]
    assert sum(answer is not None for answer in found) == 4


@deployments
def test_commands_that_ask_models_reach_it(
    kind: str,
    request: pytest.FixtureRequest,
    named: Named,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``warm`` and ``demo`` store where they are told to, with a timeout of the user's own."""
    environment = environment_of(kind, request)
    store = named(environment)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("One?\nTwo?\n")
    module: Any = type(sys)("deployed_app")
    monkeypatch.setitem(sys.modules, "deployed_app", module)
    with ConverseEndpoint() as endpoint:
        module.model = chat_model(endpoint)
        for there in (0, 2):
            done = cli.as_json(
                "warm", prompts, "--object", "deployed_app:model", "--timeout", 9, *store
            )
            assert (done["there_already"], done["failed"]) == (there, 0)
    if store:  # a demonstration does not look into the environment
        prompts.write_text("Three?\nFour?\n")
        for calls in (2, 0):
            shown = cli.as_json("demo", prompts, "--latency", 0, *store)
            assert shown["calls_made"] == calls


# ---------------------------------------------------------------------------- what goes together


def test_what_stands_in_the_command_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is typed is taken, whatever the environment names."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    cli.fill(url, 1)
    monkeypatch.setenv("LLMCACHE_ELASTICACHE", "127.0.0.1:1")
    monkeypatch.setenv("LLMCACHE_USER", "app")
    assert len(cli.lines("ls", "--url", url)) == 1
    monkeypatch.setenv("LLMCACHE_URL", url)
    said = cli.error_line(cli.run("ls"), 2)
    assert "give either --url or --elasticache" in said
    said = cli.error_line(
        cli.run("ls", "--elasticache", "127.0.0.1:1", "--timeout", 0.2, "--cache-name", "c"), 1
    )
    assert said.startswith("llmcache: 127.0.0.1:1: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--user", "app"), "--user goes with --elasticache"),
        (("--serverless",), "--serverless goes with --elasticache"),
        (("--elasticache", "127.0.0.1:1"), "give either --url or --elasticache"),
    ],
)
def test_what_does_not_go_together_is_said(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """An option that would be ignored ends the command."""
    result = cli.run("ls", "--url", f"sqlite:///{tmp_path / 'cache.db'}", *arguments)
    assert said in cli.error_line(result, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--elasticache", "http://x/y", "--user", "app"), "the endpoint is not host or host:port"),
        (("--elasticache", "cache.test", "--user", "app"), "give --cache-name"),
    ],
)
def test_an_endpoint_that_does_not_tell_enough(arguments: tuple[str, ...], said: str) -> None:
    """One line says what to add."""
    assert said in cli.error_line(cli.run("ls", *arguments), 2)


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from the environment, and goes nowhere but to the server."""
    monkeypatch.setenv("LLMCACHE_PASSWORD", "hunter2-very-secret")
    said = cli.run(
        *("ls", "--elasticache", "127.0.0.1:1", "--user", "app", "--timeout", 0.2)
    ).stderr
    assert "127.0.0.1:1" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"LLMCACHE_URL": "memory://", "LLMCACHE_ELASTICACHE": "x"},
            "LLMCACHE_URL and LLMCACHE_ELASTICACHE",
        ),
        ({"LLMCACHE_ELASTICACHE": "x:1", "LLMCACHE_SERVERLESS": "perhaps"}, "LLMCACHE_SERVERLESS"),
        ({"LLMCACHE_ELASTICACHE": "x:1", "LLMCACHE_TTL": "soon"}, "LLMCACHE_TTL"),
    ],
)
def test_an_environment_that_contradicts_itself(environment: Environment, said: str) -> None:
    """``from_env`` names the variable."""
    with pytest.raises(ConfigurationError, match=said):
        LLMCache.from_env(environment)


def test_ttl_and_namespace_hold_for_elasticache_too() -> None:
    """What ``from_env`` reads besides the place goes to either constructor."""
    environment = {
        "LLMCACHE_ELASTICACHE": "127.0.0.1:1",
        "LLMCACHE_PASSWORD": "hunter2",
        "LLMCACHE_TTL": "5",
        "LLMCACHE_PREFIX": "app:",
        "LLMCACHE_NAMESPACE": "acme",
    }
    with LLMCache.from_env(environment) as cache:
        assert "hunter2" not in repr(cache)
        assert json.dumps(cache.stats().hits) == "0"


def test_a_url_without_a_scheme_is_corrected() -> None:
    """The proposal can be copied, although it contains what was given."""
    said = cli.error_line(cli.run("ls", "--url", "localhost:6379"), 2)
    assert "did you mean valkey://localhost:6379?" in said
