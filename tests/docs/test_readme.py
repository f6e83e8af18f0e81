"""The README's Python blocks run, in their order, with its server stood in for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from tests.support import ROOT

README = ROOT / "README.md"


def test_every_block_runs(valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block runs after the ones before it; what it calls ``answer`` is a hit."""
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8")
    page = tmp_path / "README.md"
    page.write_text(text.replace("valkey://localhost:6379", valkey_url), encoding="utf-8")
    document = Document.parse(str(page), PythonCodeBlockParser())
    examples = list(document.examples())
    assert len(examples) == text.count("```python\n")
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
