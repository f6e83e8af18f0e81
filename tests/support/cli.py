"""Running ``llmcache`` in this process, on every store that it administers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from typer.testing import CliRunner, Result

from langchain_llmcache import LLMCache
from langchain_llmcache._cli.app import app
from tests.support import ROOT
from tests.support.targets import llm_string

USAGE: Any = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
MAIN = "from langchain_llmcache.cli import main; main()"

# For ``pytest.mark.parametrize("store_url", STORES, indirect=True)``.
STORES = [
    "sqlite",
    pytest.param("valkey", marks=pytest.mark.server),
    pytest.param("cluster", marks=pytest.mark.server),
]


def url_of(kind: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty store of this kind."""
    if kind == "sqlite":
        return f"sqlite:///{request.getfixturevalue('tmp_path') / 'cache.db'}"
    if kind == "valkey":
        return str(request.getfixturevalue("valkey_url"))
    return str(request.getfixturevalue("cluster").url)


def run(*arguments: object, **options: Any) -> Result:
    """Run ``llmcache`` with these arguments."""
    return CliRunner().invoke(app, list(map(str, arguments)), **options)


def good(*arguments: object, **options: Any) -> Result:
    """Run it; it has to end well."""
    result = run(*arguments, **options)
    assert result.exit_code == 0, (result.stderr, result.exception)
    return result


def as_json(*arguments: object) -> Any:
    """Run it with ``--json``; return what it printed, parsed."""
    return json.loads(good(*arguments, "--json").stdout)


def lines(*arguments: object) -> list[Any]:
    """Run it with ``--json``, and return each of the lines that it printed, parsed."""
    return [json.loads(line) for line in good(*arguments, "--json").stdout.splitlines()]


def error_line(result: Result, code: int) -> str:
    """Return the one line that a failed command prints, nowhere but on stderr."""
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert result.stdout == ""
    assert re.fullmatch(r"llmcache: [^\n]+\n", result.stderr)
    return str(result.stderr)


def message(text: str, **fields: Any) -> list[Generation]:
    """Return an answer with its usage."""
    return [ChatGeneration(message=AIMessage(text, usage_metadata=USAGE, **fields))]


def fill(url: str, number: int, *, model: str = "model-a", **options: Any) -> None:
    """Store so many answers, to the prompts ``q0``, ``q1``, ...; options as for ``from_url``."""
    with LLMCache.from_url(url, timeout=10, **options) as cache:
        for index in range(number):
            cache.lookup(f"q{index}", llm_string(model))
            cache.update(f"q{index}", llm_string(model), message(f"answer {index}"))
        assert cache.stats().stores == number


def hits(url: str, number: int, *, model: str = "model-a", **options: Any) -> int:
    """Return how many of those prompts are answered from the store, with the right answer."""
    with LLMCache.from_url(url, timeout=10, **options) as cache:
        found = 0
        for index in range(number):
            generations = cache.lookup(f"q{index}", llm_string(model))
            if generations is not None:
                assert generations[0].text == f"answer {index}"
                found += 1
        return found


def start(*arguments: str, code: str = MAIN) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
