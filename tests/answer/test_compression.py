"""``compression="zstd"``: smaller entries, which everybody reads who has zstd."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from langgraph.cache.base import FullKey

from langchain_llmcache import LLMCache
from langchain_llmcache._answer import compression
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec, revive
from langchain_llmcache._answer.entries import TAG, CorruptEntryError
from langchain_llmcache.errors import ConfigurationError
from tests.support.samples import CODEC, KEY, SAMPLES
from tests.support.targets import LLM_STRING, PROMPT, Target, answer, texts

pytest.importorskip("backports.zstd")

TEXT = "The cache keeps what the model has said, and gives it to those who ask the same. " * 20
SMALL = Codec(Binding(compresses=True), max_bytes=2**20)
GOLDEN = Path(__file__).parent / "golden"
LIBRARIES = {
    "backports.zstd": compression._of_python,
    "zstandard": compression._of_zstandard,
}


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> compression.Zstd:
    """Each library in turn."""
    pytest.importorskip(request.param)
    made = LIBRARIES[request.param](importlib.import_module(request.param))
    monkeypatch.setattr(compression, "zstd", lambda: made)
    return made


def encoded(codec: Codec, generations: Any) -> bytes:
    """Return an entry."""
    return codec.encode(generations, created=1.0, seconds=2.0, key=KEY)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", SAMPLES)
def test_every_answer_comes_back(name: str) -> None:
    """As it does without; and never larger."""
    small, plain = encoded(SMALL, SAMPLES[name]), encoded(CODEC, SAMPLES[name])
    assert len(small) <= len(plain)
    for codec in (SMALL, CODEC):
        stored = codec.decode(small, key=KEY)
        assert [revive(fields) for fields in stored.generations] == SAMPLES[name]


def test_it_is_smaller() -> None:
    """Of a plain answer of a hundred words, half of its entry is left, at most."""
    small, plain = encoded(SMALL, answer(TEXT)), encoded(CODEC, answer(TEXT))
    assert small.startswith(b"llm2z1:k")
    assert len(small) < len(plain) / 2


def test_frames_of_one_library_are_read_by_the_other() -> None:
    """A fleet may have several."""
    pytest.importorskip("zstandard")
    one, other = (make(importlib.import_module(name)) for name, make in LIBRARIES.items())
    data = TEXT.encode()
    for writer, reader in ((one, other), (other, one)):
        assert reader.decompress(writer.compress(data)) == data
        assert reader.size(writer.compress(data)) == len(data)


@pytest.mark.usefixtures("library")
def test_what_is_no_frame_is_a_miss() -> None:
    """Cut, altered, foreign, or with something behind it."""
    binding = Binding()
    frame = compression.smaller(TEXT.encode())
    assert frame is not None
    altered = bytearray(frame)
    altered[len(frame) // 2] ^= 255
    for each in (b"", b"x", frame[:-1], bytes(altered), frame + b"x", frame + frame, TEXT.encode()):
        entry = binding.bind(b"llm2z1:", KEY, each)
        with pytest.raises(CorruptEntryError):
            SMALL.decode(entry, key=KEY)
    for tag in (b"llm2z2:", b"llm2z:", b"llm3z1:"):
        with pytest.raises(CorruptEntryError, match="unknown tag"):
            SMALL.decode(binding.bind(tag, KEY, frame), key=KEY)


def test_a_bomb_is_not_opened(library: compression.Zstd) -> None:
    """What becomes too large is refused by what it says of itself, before it is opened."""
    bomb = library.compress(b"\0" * 20_000_000)
    assert len(bomb) < 10_000
    entry = Binding().bind(b"llm2z1:", KEY, bomb)
    opened: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            compression,
            "zstd",
            lambda: library._replace(decompress=opened.append),  # type: ignore[arg-type]
        )
        with pytest.raises(CorruptEntryError, match="too large"):
            SMALL.decode(entry, key=KEY)
    assert opened == []


def test_without_zstd_it_is_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without the library says what is missing, and stores what all can read."""
    small = encoded(SMALL, answer(TEXT))
    monkeypatch.setattr(compression, "zstd", lambda: None)
    with pytest.raises(CorruptEntryError, match=r"langchain-llmcache\[compression\]"):
        CODEC.decode(small, key=KEY)
    assert encoded(SMALL, answer(TEXT)).startswith(TAG)
    with pytest.raises(ConfigurationError, match=r"langchain-llmcache\[compression\]"):
        LLMCache(compression="zstd")


@pytest.mark.parametrize("given", ["gzip", True, 3, ""])
def test_other_compressions_are_refused(given: Any) -> None:
    """There is one."""
    with pytest.raises(ConfigurationError, match="expected 'zstd', or None"):
        LLMCache(compression=given)


@pytest.mark.parametrize("options", [{}, {"key_secret": "secret"}], ids=["plain", "signed"])
def test_mixed_fleets_read_both(target: Target, options: dict[str, Any]) -> None:
    """Answers and node values, written with and without, on each store."""
    small = target.make(compression="zstd", **options)
    plain = target.make(**options)
    for writer, reader in ((small, plain), (plain, small)):
        writer.update(PROMPT, LLM_STRING, answer(TEXT))
        assert texts(reader.lookup(PROMPT, LLM_STRING)) == [TEXT]
        assert reader.stats().corrupt == 0


def test_node_values_are_smaller_too() -> None:
    """The values of nodes, and results of tools."""
    node: FullKey = (("graph", "node"), "one")
    cache = LLMCache(compression="zstd")
    cache.store.set({node: ([("text", TEXT)], None)})
    items = vars(cache.store)["_items"]
    [place] = items.keys()
    item = items.get(place)
    assert item.startswith(b"bytes:node1z1:k")
    assert len(item) < len(TEXT) / 2
    assert cache.store.get([node]) == {node: [("text", TEXT)]}


@pytest.mark.usefixtures("library")
def test_the_golden_entry_stays_readable() -> None:
    """The dictionary of a version is never changed."""
    stored = CODEC.decode((GOLDEN / "text.llm2z1").read_bytes(), key=KEY)
    assert [revive(fields) for fields in stored.generations] == answer(TEXT)
