"""What somebody else puts into a store runs nothing, whatever is stored there, sealed or not."""

from __future__ import annotations

import contextlib
import json
import pickle
import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import ormsgpack
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.cache.base import FullKey
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy
from typing_extensions import TypedDict

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.entries import NODE_TAG
from langchain_llmcache._request.key import Key
from langchain_llmcache.agents import CacheMiddleware
from langchain_llmcache.stores import NodeSerializer
from tests.support.targets import LLM_STRING, PROMPT, answer

pytest.importorskip("Crypto")

KEY: FullKey = (("graph", "node"), "one")
SECRET = b"0123456789abcdef"


class Trap:
    """Says so if somebody runs it."""

    sprung = False

    @classmethod
    def spring(cls, *_: Any, **__: Any) -> str:
        """Note that code ran."""
        cls.sprung = True
        return "sprung"

    def __reduce__(self) -> Any:
        return spring, ()


def spring(*_: Any) -> str:
    """Note that code ran."""
    return Trap.spring()


class Pickling(SerializerProtocol):
    """A serializer as careless as can be."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return a pickle."""
        return "pickle", pickle.dumps(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Run a pickle."""
        return pickle.loads(data[1])  # noqa: S301 - that is the point


def aes(serde: SerializerProtocol | None = None) -> EncryptedSerializer:
    """Return LangGraph's encryption around a serializer."""
    return EncryptedSerializer.from_pycryptodome_aes(serde or JsonPlusSerializer(), key=SECRET)


SERDES: dict[str, Callable[[], SerializerProtocol | None]] = {
    "plain": lambda: None,
    "encrypted": aes,
    "encrypted pickles": lambda: aes(Pickling()),
    "encrypted, with classes": lambda: aes(NodeSerializer(allow=[Trap])),
    "LangGraph's": lambda: JsonPlusSerializer(pickle_fallback=True),
    "pickles": Pickling,
}


def extension(code: int, *parts: Any) -> bytes:
    """Return a call in LangGraph's format."""
    return ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(parts)))


CODE = {
    "msgpack": extension(0, __name__, "spring", ()),
    "pickle": pickle.dumps(Trap()),
    "json": json.dumps(
        {"lc": 2, "type": "constructor", "id": [*__name__.split("."), "spring"], "args": ["x"]}
    ).encode(),
    "object": extension(16, f"{__name__}.spring", []),
    "class": extension(16, f"{__name__}.Trap", {"a": 1}),
    "method": extension(3, __name__, "Trap", (), "spring"),
}
# The kinds under which a store may be made to read it.
KINDS = ("msgpack", "bytes", "pickle", "json", "msgpack+aes", "bytes+aes", "pickle+aes", "", "null")


class Store:
    """A store that somebody else can write to.

    Args:
        kind: Which.
        url: Its URL.
        make: Makes a cache in it.
    """

    def __init__(self, kind: str, url: str, **options: Any) -> None:
        self.kind = kind
        self.url = url
        self.cache = LLMCache.from_url(url, **options)

    def plant(self, kind: str, data: bytes) -> int:
        """Put something in the place of all that is there; return how much that was."""
        if self.kind == "memory":
            items = vars(self.cache.store)["_items"]
            keys = list(items.keys())
            for key in keys:
                items.put(key, kind.encode() + b":" + data, None)
            return len(keys)
        if self.kind == "sqlite":
            path = self.url.removeprefix("sqlite:///")
            with contextlib.closing(sqlite3.connect(path)) as file, file:
                changed = file.execute("UPDATE cache SET encoding = ?, val = ?", (kind, data))
                return changed.rowcount
        import valkey

        with valkey.Valkey.from_url(self.url) as client:
            keys = client.keys("*")
            for key in keys:
                client.set(key, kind.encode() + b":" + data)
            return len(keys)


@pytest.fixture(params=["memory", "sqlite", pytest.param("valkey", marks=pytest.mark.server)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Make stores of each kind in turn."""
    kind: str = request.param
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/cache.db"}.get(kind)
    made: list[Store] = []

    def store(**options: Any) -> Store:
        place = url or request.getfixturevalue("server").url
        made.append(Store(kind, place, **options))
        return made[-1]

    yield store
    for each in made:
        each.cache.close()


@tool
def look_up(what: str) -> str:
    """Look something up."""
    RAN.append(what)
    return f"about {what}"


RAN: list[str] = []


class Request:
    """What an agent hands to its middleware."""

    tool = look_up
    runtime = None
    state: dict[str, Any] = {}  # noqa: RUF012
    tool_call: dict[str, Any] = {"name": "look_up", "args": {"what": "x"}, "id": "1"}  # noqa: RUF012


def ask_answer(cache: LLMCache) -> Any:
    """Ask for the answer of a model."""
    found = cache.lookup(PROMPT, LLM_STRING)
    if found is None:
        cache.update(PROMPT, LLM_STRING, answer())
    return found


def ask_node(cache: LLMCache) -> Any:
    """Ask for the writes of a node, as LangGraph does."""
    found = cache.store.get([KEY]).get(KEY)
    if found is None:
        cache.store.set({KEY: ([("messages", [AIMessage("x"), HumanMessage("y")])], None)})
    return found


def ask_tool(cache: LLMCache) -> Any:
    """Ask for the result of a tool, as an agent does."""
    before = len(RAN)
    request: Any = Request()
    CacheMiddleware(cache, tools={"look_up": 60}).wrap_tool_call(
        request, lambda _: ToolMessage(look_up.invoke({"what": "x"}), tool_call_id="1")
    )
    return len(RAN) == before or None


ASKING = pytest.mark.parametrize("ask", [ask_answer, ask_node, ask_tool])


@ASKING
@pytest.mark.parametrize("serde", SERDES)
def test_planted_code_does_not_run(
    make: Callable[..., Store], serde: str, ask: Callable[[LLMCache], Any]
) -> None:
    """Whatever stands in the place of an answer, a node value or a result is a miss and is gone."""
    store = make(serde=SERDES[serde]())
    assert ask(store.cache) is None
    assert ask(store.cache) is not None
    planted = 0
    for kind in KINDS:
        for code in CODE.values():
            assert store.plant(kind, code) == 1
            planted += 1
            assert ask(store.cache) is None
            assert not Trap.sprung
            assert ask(store.cache) is not None
    stats = store.cache.stats()
    assert (stats.corrupt, stats.errors, stats.breaker) == (planted, 0, "closed")


@ASKING
@pytest.mark.parametrize("name", CODE)
def test_planted_under_the_seal_of_another(
    make: Callable[..., Store], ask: Callable[[LLMCache], Any], name: str
) -> None:
    """Sealed with another key, or by the same serializer for another purpose: a miss."""
    store = make(serde=aes())
    for sealing in (aes(), EncryptedSerializer.from_pycryptodome_aes(key=SECRET[::-1])):
        ask(store.cache)
        for prefix in (b"", b"msgpack:", b"bytes:", b"pickle:"):
            kind, sealed = sealing.dumps_typed(prefix + CODE[name])
            assert store.plant(kind, sealed) == 1
            assert ask(store.cache) is None
            assert not Trap.sprung
    assert store.cache.stats().errors == 0


@ASKING
def test_what_is_sealed_is_not_readable(
    make: Callable[..., Store], ask: Callable[[LLMCache], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cipher's serializer is not asked: what is in it is ours."""
    used: list[Any] = []

    def dumps_typed(_: Any, obj: Any) -> tuple[str, bytes]:
        used.append(obj)
        return "pickle", b"x"

    monkeypatch.setattr(Pickling, "dumps_typed", dumps_typed)
    store = make(serde=aes(Pickling()))
    assert ask(store.cache) is None
    assert ask(store.cache) is not None
    assert used == []


class Numbered(TypedDict):
    """The state of a graph."""

    number: int


def counted(state: Numbered) -> Numbered:
    """Count."""
    return {"number": state["number"] + 1}


@pytest.mark.parametrize(
    "value",
    [
        *(None, 5, "x", b"x", {"number": 1}, [5], ["ab"], [["number", 5]], [("number",)]),
        *([("number", 1, 2)], [(1, 2)], [(None, 1)], [([], 1)], deque([5]), {("number", 1)}),
        *([("__interrupt__", ())], [("__error__", "x")], [("__resume__", [1])]),
    ],
    ids=repr,
)
def test_planted_writes_of_another_form_are_misses(value: Any) -> None:
    """LangGraph would raise, or take a word for a human's: those who can write may forge an entry."""
    cache = LLMCache()
    builder = StateGraph(Numbered)
    builder.add_node("counted", counted, cache_policy=CachePolicy())
    builder.add_edge(START, "counted")
    graph = builder.compile(cache=cache.store)
    graph.invoke({"number": 1})
    items = vars(cache.store)["_items"]
    [place] = items.keys()
    (prefix, *space), name = place
    kind, data = NodeSerializer().dumps_typed(value)
    entry = Binding(unquote(prefix)).bind(
        NODE_TAG, Key(tuple(space), name), b"%b:%b" % (kind.encode(), data)
    )
    items.put(place, b"bytes:" + entry, None)
    assert graph.invoke({"number": 1}) == {"number": 2}
    assert cache.stats().corrupt == 1


def test_a_forger_without_the_key_learns_nothing_by_importing() -> None:
    """Reading a forged value imports no module and calls no function that it names."""
    sys.modules.pop("antigravity", None)
    for code in range(20):
        for module, name in (("antigravity", "geohash"), (__name__, "spring")):
            for parts in ((module, name, 1), (module, name, (), "x"), (f"{module}.{name}", 1)):
                with contextlib.suppress(Exception):
                    NodeSerializer().loads_typed(("msgpack", extension(code, *parts)))
    assert "antigravity" not in sys.modules
    assert not Trap.sprung
