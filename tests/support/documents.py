"""Markdown pages whose Python blocks run, as a reader would run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def parse(page: Path, folder: Path, url: str) -> tuple[Any, list[Any]]:
    """Copy a page with another server in it, and find all of its Python blocks.

    Args:
        page: A Markdown file.
        folder: Where the copy goes.
        url: The server that stands in for ``valkey://localhost:6379``.

    Returns:
        Sybil's document, whose ``namespace`` the blocks share, and its examples in their order.
    """
    from sybil.document import Document
    from sybil.parsers.markdown import PythonCodeBlockParser

    text = page.read_text(encoding="utf-8")
    copy = folder / page.name
    copy.write_text(text.replace("valkey://localhost:6379", url), encoding="utf-8")
    document = Document.parse(str(copy), PythonCodeBlockParser())
    examples = list(document.examples())
    assert len(examples) == text.count("```python\n")
    return document, examples
