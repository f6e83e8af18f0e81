"""The Python blocks of the guide's pages run, each page by itself, in their order.

The page's server, its model (``model``, which pages take as given) and its home are stood in for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.documents import parse

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
    monkeypatch.chdir(tmp_path)
    document, examples = parse(page, tmp_path, valkey_url)
    document.namespace["model"] = chat_model(endpoint)
    for example in examples:
        example.evaluate()
