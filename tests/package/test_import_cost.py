"""What an import costs: nothing that only some users need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import langchain_llmcache
from tests.conftest import loaded_by_collecting

HEAVY = ("boto3", "botocore", "numpy", "pandas", "rich", "typer", "valkey", "sqlite3", "httpx")


def loaded_by(code: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has after some code."""
    program = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def unavoidable() -> set[str]:
    """What langchain-core brings along by itself for a cache and its callbacks."""
    return loaded_by("import langchain_core.caches, langchain_core.tracers.context")


def test_import_is_light(unavoidable: set[str]) -> None:
    """``LLMCache`` loads no client, no AWS package, no command line."""
    new = loaded_by("from langchain_llmcache import LLMCache") - unavoidable
    assert "langchain_llmcache.cache" in new
    assert not new & set(HEAVY)


def test_the_command_begins_before_anything_is_imported() -> None:
    """Else Ctrl-C during the imports of langchain-core, which take long, is a traceback."""
    new = loaded_by("import langchain_llmcache.cli")
    assert {name for name in new if name.partition(".")[0].startswith("lang")} == {
        "langchain_llmcache",
        "langchain_llmcache.cli",
    }


def test_every_public_name_is_there() -> None:
    """For ``import *``, for completion, and each by itself; others are an error as usual."""
    assert set(langchain_llmcache.__all__) <= set(dir(langchain_llmcache))
    for name in langchain_llmcache.__all__:
        assert getattr(langchain_llmcache, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'LLMCahce'"):
        _ = langchain_llmcache.LLMCahce


def test_a_cache_in_memory_needs_no_client(unavoidable: set[str]) -> None:
    """A cache that stays in the process loads no client."""
    new = loaded_by(
        "from langchain_llmcache import LLMCache\ncache = LLMCache()\ncache.lookup('p', 'l')"
    )
    assert not (new - unavoidable) & set(HEAVY)


@pytest.mark.parametrize("url", ["valkey://localhost:1", "valkeys://localhost:1"])
def test_a_valkey_url_needs_no_aws_package(url: str) -> None:
    """``LLMCache.from_url`` loads valkey-py, and nothing of AWS: ``langgraph-checkpoint-aws`` would."""
    new = loaded_by(f"from langchain_llmcache import LLMCache\nLLMCache.from_url({url!r})")
    assert "valkey" in new
    assert not new & {"boto3", "botocore", "langgraph_checkpoint_aws", "typer", "rich", "pandas"}


def test_the_store_of_a_url_is_a_valkey_cache() -> None:
    """It is loaded when somebody asks for the LangGraph cache inside."""
    new = loaded_by(
        "from langchain_llmcache import LLMCache\n"
        "store = LLMCache.from_url('valkey://localhost:1').store\n"
        "from langgraph_checkpoint_aws import ValkeyCache\n"
        "assert isinstance(store, ValkeyCache)"
    )
    assert "langgraph_checkpoint_aws" in new


def test_collecting_the_tests_imports_nothing_heavy() -> None:
    """A developer who runs one test does not wait for packages that others need."""
    assert loaded_by_collecting == set()
