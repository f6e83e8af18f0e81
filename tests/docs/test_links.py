"""What people look for is two clicks away from the README, and no link leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("docs/*.md")), ROOT / "notebooks" / "README.md"]
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
# What is looked for: what stands there, and how the links to it are named in README and guide.
WANTED = {
    "delete one bad answer": r"cache\.delete\(key=|llmcache delete",
    "my app's tests": r"(?s)pytest.*memory://",
    "a metric's name": r"llmcache_events_total",
    "the key": r"(?i)sha-?256",
    "retry after a bad parse": r"OutputParserException|parser refuses",
    "IAM": r"IAM tokens",
    "which Python and LangChain versions": r"Python \| 3\.10 to 3\.14(?s:.)*langchain-core \| 1\.2\.7",
}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield where the links of a page lead in the repository: the file, and the heading in it."""
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    for target in LINK.findall(text):
        path, _, heading = target.partition("#")
        if "://" not in target and not target.startswith("mailto:"):
            yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """Return what a link can name in a page, as MkDocs and GitHub make it."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", title.lower()).strip() for title in found]
    return {re.sub(r"\s+", "-", title) for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    """Its file is there, and so is its heading."""
    for target, heading in links(page):
        assert target.exists(), (page, target)
        if heading and target.suffix == ".md":
            assert heading in headings(target), (page, target, heading)


@pytest.mark.parametrize("wanted", WANTED)
def test_it_is_found_within_two_clicks(wanted: str) -> None:
    """Whichever way the reader takes from the README."""
    pages, reached = {README}, {README}
    for _ in range(2):
        pages = {target for page in pages for target, _ in links(page) if target.suffix == ".md"}
        reached |= pages
    there = [page for page in reached if re.search(WANTED[wanted], page.read_text("utf-8"))]
    assert there
    # And at least one of them with the first click.
    first = {target for target, _ in links(README)}
    assert first & set(there)
