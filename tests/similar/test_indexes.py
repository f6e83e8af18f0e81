"""The places where questions lie: the same behaviour on each."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from langchain_llmcache._similar import valkey
from langchain_llmcache._similar.attach import InThreads
from langchain_llmcache._similar.index import Index, Item
from langchain_llmcache._similar.language import ENGLISH
from langchain_llmcache._similar.memory import MemoryIndex
from langchain_llmcache._similar.sqlite import SqliteIndex
from langchain_llmcache._similar.texts import signature
from tests.support.patience import LATE, soon


def vector(*numbers: float) -> bytes:
    """Return a vector of length 1."""
    row = np.asarray(numbers, dtype="<f4")
    return bytes((row / np.linalg.norm(row)).astype("<f4").tobytes())


def item(path: str, *numbers: float, kin: str = "kin", text: str | None = None) -> Item:
    """Return a question about its own path."""
    scope = path.rpartition("/")[0]
    return Item(path, scope, kin, vector(*numbers), signature(path, ENGLISH), text)


@pytest.fixture(params=["memory", "sqlite"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    """Each index."""
    if request.param == "memory":
        yield MemoryIndex()
    else:
        yield SqliteIndex(str(tmp_path / "questions.sqlite"), "a:", 5.0)


def paths(found: Any) -> list[str]:
    """Return where the found ones lie."""
    return [one.path for one in found]


async def test_the_nearest_come_first(index: Index) -> None:
    """With their cosine, and as many as asked for."""
    for number in range(40):
        await index.add(item(f"m/{number}", 1.0, number / 10), None)
    found = await index.nearest("kin", vector(1.0, 0.0), 3)
    assert paths(found) == ["m/0", "m/1", "m/2"]
    assert found[0].similarity == pytest.approx(1.0)
    assert found[1].similarity == pytest.approx(1 / np.sqrt(1.01))


async def test_only_kin_is_found(index: Index) -> None:
    """All else of the request has to be equal; and vectors of another size are another embedder's."""
    await index.add(item("m/1", 1.0, 0.0, kin="one"), None)
    await index.add(item("m/2", 1.0, 0.0, 0.0), None)
    assert await index.nearest("kin", vector(1.0, 0.0), 8) == []
    assert paths(await index.nearest("one", vector(1.0, 0.0), 8)) == ["m/1"]
    assert paths(await index.nearest("kin", vector(1.0, 0.0, 0.0), 8)) == ["m/2"]


async def test_a_question_lives_as_long_as_its_answer(index: Index) -> None:
    """Then it is not found any more."""
    await index.add(item("m/1", 1.0, 0.0), 50)
    await index.add(item("m/2", 1.0, 0.0), None)
    await asyncio.sleep(0.1)
    assert paths(await index.nearest("kin", vector(1.0, 0.0), 8)) == ["m/2"]


async def test_a_question_that_is_stored_again_is_replaced(index: Index) -> None:
    """With a clean slate: its answer is another one."""
    await index.add(item("m/1", 1.0, 0.0), None)
    await index.audited("m/1", "m", 0.97, agreed=False)
    await index.add(item("m/1", 0.0, 1.0, text="as asked"), None)
    [found] = await index.nearest("kin", vector(0.0, 1.0), 8)
    assert found.similarity == pytest.approx(1.0)
    assert (found.refuted, found.text) == (None, "as asked")


async def test_evidence_is_kept(index: Index) -> None:
    """Of the question, and of its scope."""
    await index.add(item("m/1", 1.0, 0.0), None)
    for similarity, agreed in [(0.99, True), (0.93, False), (0.95, False), (0.91, False)]:
        await index.audited("m/1", "m", similarity, agreed=agreed)
    [found] = await index.nearest("kin", vector(1.0, 0.0), 8)
    assert found.audits == 1
    assert found.refuted == pytest.approx(0.95)
    assert await index.outcomes("m") == "1000"
    assert await index.outcomes("elsewhere") == ""
    for _ in range(450):
        await index.audited("gone", "m", 0.9, agreed=True)
    assert await index.outcomes("m") == "1" * 400


async def test_questions_are_removed_with_their_answers(index: Index) -> None:
    """Those that are covered, and no others."""
    for path in ("a/m/1", "a/m/2", "b/m/1"):
        await index.add(item(path, 1.0, 0.0), None)
    await index.remove(lambda path: path.startswith("a/"), "a/")
    assert paths(await index.nearest("kin", vector(1.0, 0.0), 8)) == ["b/m/1"]


async def test_one_question_is_removed_by_its_path(index: Index) -> None:
    """What is not there is no error."""
    for path in ("m/1", "m/2"):
        await index.add(item(path, 1.0, 0.0), None)
    await index.drop("m/1")
    await index.drop("m/3")
    assert paths(await index.nearest("kin", vector(1.0, 0.0), 8)) == ["m/2"]


def test_a_question_that_expired_during_a_search_is_left_out() -> None:
    """RediSearch replies nothing for it; the others are found."""
    signed = json.dumps(signature("m/2", ENGLISH).as_data()).encode()
    fields = [b"distance", b"0.1", b"path", b"m/2", b"signature", signed]
    [found] = valkey._found([2, b"q:m/1", None, b"q:m/2", fields])
    assert found.path == "m/2"
    assert found.similarity == pytest.approx(0.9)


async def test_memory_is_bounded() -> None:
    """The least recently added go first."""
    index = MemoryIndex(max_items=3)
    for number in range(5):
        await index.add(item(f"m/{number}", 1.0, number), None)
    found = await index.nearest("kin", vector(1.0, 0.0), 8)
    assert sorted(paths(found)) == ["m/2", "m/3", "m/4"]


async def test_a_restart_keeps_evidence(tmp_path: Path) -> None:
    """Another process reads what this one wrote, and hears of what it adds."""
    path = str(tmp_path / "questions.sqlite")
    one, other = SqliteIndex(path, "a:", 5.0), SqliteIndex(path, "a:", 5.0)
    await one.add(item("m/1", 1.0, 0.0), None)
    await one.audited("m/1", "m", 0.9, agreed=True)
    [found] = await other.nearest("kin", vector(1.0, 0.0), 8)
    assert (found.path, found.audits, await other.outcomes("m")) == ("m/1", 1, "1")
    await one.add(item("m/2", 1.0, 0.0), None)
    assert len(await other.nearest("kin", vector(1.0, 0.0), 8)) == 2


async def test_a_writer_keeps_no_search_waiting(tmp_path: Path) -> None:
    """While another process writes to the file, questions are found; new ones wait for it."""
    path = str(tmp_path / "questions.sqlite")
    index = InThreads(SqliteIndex(path, "a:", LATE))
    await index.add(item("m/1", 1.0, 0.0), None)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        adding = [
            *(asyncio.create_task(index.add(item(f"n/{n}", 0.0, 1.0), None)) for n in range(8)),
            asyncio.create_task(index.drop("n/9")),
            asyncio.create_task(index.remove(lambda path: path == "n/9", "")),
        ]
        await asyncio.sleep(0.05)
        with soon():
            assert paths(await index.nearest("kin", vector(1.0, 0.0), 8)) == ["m/1"]
            assert await index.outcomes("m") == ""
    await asyncio.gather(*adding)
    assert len(await index.nearest("kin", vector(1.0, 0.0), 16)) == 9


@pytest.mark.parametrize("prefixes", [("a:", "b:"), ("a:b:", "a:"), ("a:b:", ""), ("a", "a:")])
async def test_caches_that_share_a_file_do_not_share_questions(
    tmp_path: Path, prefixes: tuple[str, str]
) -> None:
    """Their prefixes keep them apart, in searches, evidence and removals."""
    path = str(tmp_path / "questions.sqlite")
    one, other = (SqliteIndex(path, prefix, 5.0) for prefix in prefixes)
    await one.add(item("m/1", 1.0, 0.0), None)
    await one.audited("m/1", "m", 0.9, agreed=True)
    assert await other.nearest("kin", vector(1.0, 0.0), 8) == []
    assert await other.outcomes("m") == ""
    await other.remove(lambda _: True, "")
    assert paths(await one.nearest("kin", vector(1.0, 0.0), 8)) == ["m/1"]
