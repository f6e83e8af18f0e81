"""The sweep over model classes, for the packages that the tests install."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.request.sweep import classes, swept
from tests.support.models import quickly

PACKAGES = (
    "langchain_anthropic",
    "langchain_aws",
    "langchain_cohere",
    "langchain_deepseek",
    "langchain_ollama",
    "langchain_openai",
)
DOCS = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.mark.parametrize(
    "package",
    [
        pytest.param(name, marks=pytest.mark.long if name == "langchain_aws" else ())
        for name in PACKAGES
    ],
)
def test_each_field_that_changes_what_is_sent_changes_the_key(package: str) -> None:
    """Of every class; and two models that are made alike share theirs."""
    with quickly():
        results = [swept(cls) for cls in classes([package])]
    assert {result.name: result.missed for result in results if result.missed} == {}
    assert sum(len(result.sent) for result in results) > 0


def test_the_table_in_the_docs_has_no_missing_field() -> None:
    """It is written by the sweep, with all packages that were installed then."""
    rows = re.findall(r"^\| `(\S+)` \|", DOCS.read_text(), re.MULTILINE)
    assert {row.partition(".")[0] for row in rows} >= set(PACKAGES)
