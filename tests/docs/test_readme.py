"""The README's Python blocks run, in their order, with its server stood in for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.documents import parse

README = ROOT / "README.md"


def test_every_block_runs(valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block runs after the ones before it; what it calls ``answer`` is a hit."""
    monkeypatch.chdir(tmp_path)
    document, examples = parse(README, tmp_path, valkey_url)
    hits = []
    for example in examples:
        example.evaluate()
        if (answer := document.namespace.pop("answer", None)) is not None:
            hits.append(answer.response_metadata["llmcache"]["hit"])
    assert hits == [True] * 3  # in the process, in a file, in Valkey


def test_it_is_short() -> None:
    """A newcomer reads all of it, and finds the rest by a link that leads somewhere."""
    text = README.read_text(encoding="utf-8")
    assert text.count("\n") <= 250
    linked = [path for path in re.findall(r"\]\(([^)#]+)", text) if "://" not in path]
    assert [path for path in linked if not (ROOT / path).exists()] == []
