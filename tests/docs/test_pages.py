"""The Python blocks of the guide's pages run, each page by itself, in their order.

The page's server, its model (``model``, which pages take as given) and its home are stood in for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from langchain_llmcache._demo.endpoint import ConverseEndpoint, chat_model
from tests.support import ROOT

PAGES = sorted(ROOT.glob("docs/**/*.md"))


def test_there_are_pages() -> None:
    """The folder is where these tests look for it."""
    assert len(PAGES) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_every_block_of_a_page_runs(
    page: Path,
    valkey_url: str,
    endpoint: ConverseEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each block runs after the ones before it on its page."""
    text = page.read_text(encoding="utf-8")
    if "```python\n" not in text:
        return
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / page.name
    copy.write_text(text.replace("valkey://localhost:6379", valkey_url), encoding="utf-8")
    document = Document.parse(str(copy), PythonCodeBlockParser())
    model: Any = chat_model(endpoint)
    document.namespace["model"] = model
    examples = list(document.examples())
    assert len(examples) == text.count("```python\n")
    for example in examples:
        example.evaluate()
