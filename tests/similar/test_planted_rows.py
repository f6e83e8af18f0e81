"""What somebody else wrote into an index is left out, or leads to nothing of another namespace."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage

from langchain_llmcache import LLMCache, Similar
from tests.similar.embedders import WordEmbeddings
from tests.support.patience import eventually
from tests.support.targets import LLM_STRING, answer

ASKED, ALIKE = "How do I reset my password?", "How can I reset my password?"
OTHER = "How do I change my email?"


def prompt(question: str) -> str:
    """Return a request as langchain-core hands it to caches."""
    return dumps([HumanMessage(question)])


def cache_at(path: Path, **options: Any) -> LLMCache:
    """Return a cache that serves matches at once."""
    similar = Similar(WordEmbeddings(), min_similarity=0.8, audit=0.0, first_audits=0, timeout=30)
    return LLMCache.from_url(f"sqlite:///{path}", similar=similar, timeout=30, **options)


def rows(path: Path, statement: str, *given: Any) -> list[Any]:
    """Run a statement on the file."""
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as file, file:
        return file.execute(statement, given).fetchall()


def learned(path: Path, count: int) -> bool:
    """Tell whether so many questions are in the index."""
    try:
        return rows(path, "SELECT count(*) FROM llmcache_similar") == [(count,)]
    except sqlite3.OperationalError:
        return False


def test_a_row_leads_to_no_answer_of_another_namespace(tmp_path: Path) -> None:
    """Not even if it was moved to the questions of this one."""
    path = tmp_path / "answers.db"
    with cache_at(path, namespace="a") as ours, cache_at(path, namespace="b") as theirs:
        ours.update(prompt(OTHER), LLM_STRING, answer())
        assert eventually(lambda: learned(path, 1))
        [(kin,)] = rows(path, "SELECT kin FROM llmcache_similar")
        theirs.update(prompt(ASKED), LLM_STRING, answer())
        assert eventually(lambda: learned(path, 2))
        assert theirs.lookup(prompt(ALIKE), LLM_STRING) is not None
        rows(path, "UPDATE llmcache_similar SET kin = ?", kin)
        assert ours.lookup(prompt(ALIKE), LLM_STRING) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("signature", "[" * 100_000),
        ("signature", "5"),
        ("signature", '{"tables": "", "negations": 1e999}'),
        ("path", 5),
        ("path", b"x"),
        ("audits", "many"),
        ("refuted", "x"),
        ("vector", "a text as long as a vector"),
        ("vector", b""),
    ],
)
def test_a_row_of_another_form_is_left_out(tmp_path: Path, column: str, value: Any) -> None:
    """The others are found as before."""
    path = tmp_path / "answers.db"
    with cache_at(path) as cache:
        cache.update(prompt(ASKED), LLM_STRING, answer())
        assert eventually(lambda: learned(path, 1))
        copied = "kin, vector, signature, text, audits, refuted"
        copy = f"INSERT INTO llmcache_similar (path, {copied}) SELECT 'x', {copied}"
        rows(path, f"{copy} FROM llmcache_similar")
        if isinstance(value, str) and column == "vector":
            [(size,)] = rows(path, "SELECT length(vector) FROM llmcache_similar WHERE path = 'x'")
            value = value.ljust(size)[:size]
        rows(path, f"UPDATE llmcache_similar SET {column} = ? WHERE path = 'x'", value)  # noqa: S608
        assert cache.lookup(prompt(ALIKE), LLM_STRING) is not None
        assert cache.stats().similar.failed == 0
