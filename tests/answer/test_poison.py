"""An entry that somebody else wrote executes nothing, costs little, and is a miss."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pickle
import sqlite3
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_SINGLE_ARG

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.compression import zstd
from langchain_llmcache._answer.entries import TAG, CorruptEntryError
from langchain_llmcache._answer.policy import DEFAULT_MAX_ENTRY_BYTES
from tests.support.patience import SOON
from tests.support.samples import CODEC, KEY, SAMPLES, hit_of, to_entry
from tests.support.servers import Server

# What a payload would do, seen by the interpreter itself.
EXECUTION = {
    "exec",
    "compile",
    "import",
    "marshal.loads",
    "os.mkdir",
    "os.system",
    "os.posix_spawn",
    "pickle.find_class",
    "subprocess.Popen",
}
_seen: list[str] | None = None


def _audit(event: str, _: object) -> None:
    if _seen is not None and event in EXECUTION:
        _seen.append(event)


sys.addaudithook(_audit)


@contextlib.contextmanager
def nothing_executed() -> Iterator[None]:
    """Fail if code is compiled, imported, unpickled or started inside."""
    global _seen  # noqa: PLW0603 - an audit hook can be neither removed nor given an argument
    _seen = []
    try:
        yield
        assert not _seen
    finally:
        _seen = None


# What the payloads would make.
FOLDER = Path(tempfile.gettempdir(), f"llmcache-poison-{os.getpid()}")


class Payload:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(FOLDER),)


EXTENSION = ormsgpack.packb(
    ormsgpack.Ext(
        EXT_CONSTRUCTOR_SINGLE_ARG,
        ormsgpack.packb(("os", "mkdir", str(FOLDER))),
    )
)
CONSTRUCTOR = {
    "lc": 1,
    "type": "constructor",
    "id": ["subprocess", "Popen"],
    "kwargs": {"args": ["true"]},
}


def forged(rest: bytes | dict[str, Any]) -> bytes:
    """Return an entry as an attacker writes it who knows all but a way in."""
    if isinstance(rest, dict):
        rest = json.dumps({"t": 1.0, "d": None, **rest}).encode()[1:]
    return Binding().bind(TAG, KEY, b"{" + rest)


def one(generation: object, **body: Any) -> bytes:
    """Return a forged entry of one generation."""
    return forged({"g": [generation], **body})


def message(name: object = "AIMessage", fields: object = None) -> bytes:
    """Return a forged entry of one message."""
    fields = {"content": "a"} if fields is None else fields
    return one({"class": "ChatGeneration", "message": {"class": name, "fields": fields}})


def value(marked: object) -> bytes:
    """Return a forged entry with a value in it."""
    info = {"value": marked}
    return one({"class": "Generation", "text": "a", "generation_info": info}, m=1)


def marked(kind: object, inner: object) -> bytes:
    """Return a forged entry with a marked value in it."""
    return value({"$": kind, "v": inner})


POISON: dict[str, bytes] = {
    "pickle": pickle.dumps(Payload()),
    "pickle behind the tag": TAG + pickle.dumps(Payload()),
    "upstream pickle": b"pickle:" + pickle.dumps(Payload()),
    "msgpack": b"msgpack:" + EXTENSION,
    "msgpack behind the tag": TAG + EXTENSION,
    "constructor": b"json:" + json.dumps(CONSTRUCTOR).encode(),
    "constructor as an entry": forged({"g": [CONSTRUCTOR]}),
    "constructor as a message": one({"class": "ChatGeneration", "message": CONSTRUCTOR}),
    "constructor as fields": message(fields=CONSTRUCTOR),
    "class of another module": message("subprocess.Popen"),
    "class of ours": message("BaseMessage"),
    "generation for a message": message("Generation"),
    "message for a generation": one({"class": "AIMessage", "content": "a"}),
    "no class": one({"text": "a"}),
    "class that is no name": message({"a": 1}),
    "class that is a list": one({"class": ["Generation"], "text": "a"}),
    "fields that are none": message(fields=[1]),
    "content of a wrong type": message(fields={"content": 5}),
    "tool calls of a wrong type": message(fields={"content": "", "tool_calls": "x"}),
    "metadata of a wrong type": message(fields={"content": "", "response_metadata": "x"}),
    "usage of a wrong type": message(fields={"content": "", "usage_metadata": {"x": 1}}),
    "text of a wrong type": one({"class": "Generation", "text": 5}),
    "generation info of a wrong type": one(
        {"class": "Generation", "text": "a", "generation_info": 5}
    ),
    "unknown kind": marked("eval", "1"),
    "kind that is a list": marked(["bytes"], "1"),
    "kind without a value": value({"$": "bytes"}),
    "bytes that are none": marked("bytes", "%%%"),
    "date that is none": marked("date", "2026-99-99"),
    "string that escapes": marked("str", '" + "'),
    "huge integer": marked("int", "9" * 1_000_000),
    "huge timedelta": marked("timedelta", [10**9, 0, 0]),
    "unhashable key": marked("dict", [[{"$": "dict", "v": []}, 1]]),
    "deep marks": forged(
        b'"t":1.0,"d":null,"m":1,"g":' + b'{"$":"tuple","v":[' * 400 + b"1" + b"]}" * 400 + b"}"
    ),
    "deep lists": forged(b'"t":1.0,"d":null,"g":' + b"[" * 1_000_000),
    "deep mappings": forged(b'"t":1.0,"d":null,"g":[' + b'{"a":' * 200_000),
    "huge number": forged(b'"t":1e999,"d":null,"g":[{"class":"Generation","text":"a"}]}'),
    "long number": forged(b'"t":' + b"9" * 1_000_000 + b',"d":null,"g":[]}'),
    "not a number": forged(b'"t":NaN,"d":null,"g":[{"class":"Generation","text":"a"}]}'),
    "negative time": forged({"t": -1, "g": [{"class": "Generation", "text": "a"}]}),
    "time that is true": forged({"t": True, "g": [{"class": "Generation", "text": "a"}]}),
    "duration that is text": forged({"d": "x", "g": [{"class": "Generation", "text": "a"}]}),
    "no generations": forged({"g": []}),
    "generations that are none": forged({"g": {"0": 1}}),
    "no fields": forged(b"}"),
    "many empty mappings": forged(b'"t":1.0,"d":null,"g":[' + b"{}," * 1_300_000 + b"{}]}"),
    "many empty blocks": forged(
        b'"t":1.0,"d":null,"g":[{"class":"ChatGeneration","message":{"class":"AIMessage","fields":'
        b'{"content":[' + b"{}," * 1_390_000 + b"{}]}}}]}"
    ),
    "many calls": forged(
        b'"t":1.0,"d":null,"g":[{"class":"ChatGeneration","message":{"class":"AIMessageChunk",'
        b'"fields":{"content":"","tool_call_chunks":['
        + b'{"name":"","args":"[","id":"","index":1},' * 95_000
        + b"{}]}}}]}"
    ),
    "many numbers": forged(
        b'"t":1.0,"d":null,"g":[{"class":"Generation","text":"a","generation_info":{"a":['
        + b"0," * 2_000_000
        + b"0]}}]}"
    ),
    "many texts in texts": forged(
        b'"t":1.0,"d":null,"g":[{"class":"Generation","text":"a","generation_info":{"a":['
        + b'"[,\\",",' * 520_000
        + b"0]}}]}"
    ),
    "keys of one hash": marked(
        "dict",
        [[{"$": "int", "v": str((2**61 - 1) * (2**10 + each))}, 1] for each in range(20_000)],
    ),
    "invalid UTF-8": forged(b'"t":1.0,"d":null,"g":[{"class":"Generation","text":"\xff"}]}'),
    "lone surrogate": forged(b'"t":1.0,"d":null,"g":[{"class":"Generation","text":"\\ud800"}]}'),
    "NUL": b"\0" * 1000,
    "empty": b"",
    "lease-like": b"leas",
    "too large": TAG + b" " * 50_000_000,
}


def compressed(entry: bytes) -> bytes:
    """Return a forged entry as a forger compresses it."""
    library = zstd()
    if library is None:
        pytest.skip("no zstd")
    head = Binding().size + len(TAG)
    return Binding().bind(b"llm2z1:", KEY, library.compress(entry[head:]))


def read(entry: bytes) -> None:
    """Do with an entry what a lookup does."""
    hit_of(entry, codec=Codec(Binding(), max_bytes=DEFAULT_MAX_ENTRY_BYTES))


@pytest.mark.parametrize("form", [bytes, compressed])
@pytest.mark.parametrize("name", POISON)
def test_poison_is_no_answer(name: str, form: Callable[[bytes], bytes]) -> None:
    """It is refused soon, and runs nothing; compressed, as a forger would do it, too."""
    entry = form(POISON[name])
    for good in (to_entry(SAMPLES["values"]), compressed(to_entry(SAMPLES["values"]))):
        read(good)  # what a first time imports is not the poison's
    started = time.process_time()
    with nothing_executed(), pytest.raises(Exception) as refusal:
        read(entry)
    assert time.process_time() - started < SOON
    assert not isinstance(refusal.value, MemoryError)
    assert not FOLDER.exists()


@pytest.mark.parametrize("name", ["many empty mappings", "deep lists", "long number", "too large"])
def test_poison_takes_little_memory(name: str) -> None:
    """The largest entry that is read at all cannot grow without bounds while it is."""
    entry = compressed(POISON[name])
    tracemalloc.start()
    try:
        for form in (POISON[name], entry):
            with pytest.raises(Exception):  # noqa: B017 - the flow treats all of it alike
                read(form)
        assert tracemalloc.get_traced_memory()[1] < 40 * DEFAULT_MAX_ENTRY_BYTES
    finally:
        tracemalloc.stop()


def test_a_foreign_entry_is_not_even_parsed() -> None:
    """Bytes that this cache did not seal cost one pass over them and no memory, whatever they say."""
    junk = to_entry(SAMPLES["ai"])[:60] + b"[" * 50_000_000
    tracemalloc.start()
    try:
        with pytest.raises(CorruptEntryError):
            CODEC.decode(junk, key=KEY)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


async def poisoned(cache: LLMCache) -> None:
    """Ask a poisoned cache, both ways; afterwards it works again."""
    cache.lookup("another", "m")  # what a first miss imports is not the poison's
    with nothing_executed():
        assert cache.lookup("q", "m") is None
        assert await cache.alookup("q", "m") is None
    cache.update("q", "m", SAMPLES["text"])
    assert cache.lookup("q", "m") == SAMPLES["text"]
    assert cache.stats().corrupt >= 1


@pytest.mark.parametrize("name", ["pickle", "msgpack", "constructor", "deep lists", "too large"])
async def test_poison_on_a_server_is_a_miss(name: str, server: Server) -> None:
    """Whoever can write to the server can remove answers, and no more."""
    with LLMCache.from_url(server.url) as cache, contextlib.closing(server.client()) as client:
        cache.update("q", "m", SAMPLES["text"])
        await cache.alookup("q", "m")  # connected, and everything imported
        (name_of_entry,) = client.keys("*")
        client.set(name_of_entry, POISON[name])
        await poisoned(cache)
        await cache.aclose()


def test_a_wrapped_store_outlives_the_cache(tmp_path: Path) -> None:
    """What reads nothing but bytes shares the store's state, and does not end it."""
    store: Any = SqliteCache(path=str(tmp_path / "cache.db"))
    with LLMCache(store) as cache:
        cache.update("q", "m", SAMPLES["text"])
    del cache
    gc.collect()
    store.set({(("ns",), "key"): ({"any": "value"}, None)})
    assert store.get([(("ns",), "key")]) == {(("ns",), "key"): {"any": "value"}}
    assert LLMCache(store).lookup("q", "m") == SAMPLES["text"]
    vars(store)["_conn"].close()  # it has no close()


@pytest.mark.parametrize(
    ("encoding", "stored"),
    [("msgpack", EXTENSION), ("json", json.dumps(CONSTRUCTOR).encode()), ("pickle", b"")],
    ids=["msgpack", "json", "pickle"],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["sqlite://", "SqliteCache"])
async def test_poison_in_a_file_is_a_miss(
    tmp_path: Path, encoding: str, stored: bytes, *, wrapped: bool
) -> None:
    """LangGraph's serializer, which builds what a value names, is never asked to."""
    path = tmp_path / "cache.db"
    store: Any = SqliteCache(path=str(path)) if wrapped else None
    cache = LLMCache(store) if wrapped else LLMCache.from_url(f"sqlite:///{path}")
    cache.update("q", "m", SAMPLES["text"])
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        changed = connection.execute("UPDATE cache SET encoding=?, val=?", (encoding, stored))
        assert changed.rowcount == 1
    await poisoned(cache)
    cache.close()
    if wrapped:
        assert cache.store is store
        vars(store)["_conn"].close()  # it has no close()
