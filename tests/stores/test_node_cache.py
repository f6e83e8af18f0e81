"""Our stores as LangGraph's cache of nodes: ``graph.compile(cache=LLMCache(...).store)``.

The first part is what LangGraph's own tests ask of a cache, on each of our stores.
"""

from __future__ import annotations

import logging
import pickle
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.cache.base import BaseCache, FullKey
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy, Command, Interrupt, Send, interrupt

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache.errors import ConfigurationError, StoreError
from langchain_llmcache.stores import NodeSerializer
from tests.support.patience import LATE, outlive
from tests.support.servers import Server, StartServer
from tests.support.targets import LLM_STRING, PROMPT, answer, keep_open, texts

ONE: FullKey = (("graph", "node"), "one")
TWO: FullKey = (("graph", "node"), "two")
OTHER: FullKey = (("graph", "other"), "one")
KEYS = (ONE, TWO, OTHER)


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("valkey", marks=pytest.mark.server),
        pytest.param("cluster", marks=pytest.mark.server),
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Make caches on one store, each store in turn."""
    kind: str = request.param
    url = {"memory": None, "sqlite": f"sqlite:///{tmp_path}/nodes.db"}.get(kind)
    if kind in ("valkey", "cluster"):
        url = request.getfixturevalue("server" if kind == "valkey" else "cluster").url
    made: list[LLMCache] = []

    def cache(**options: Any) -> LLMCache:
        if kind == "memory" and made and "serde" not in options:
            made.append(LLMCache(made[0].store, **options))
        else:
            made.append(LLMCache.from_url(url, **options))
        return made[-1]

    yield cache
    for opened in made:
        opened.close()


Make = Callable[..., LLMCache]


class Half:
    """One half of LangGraph's interface, under the sync names."""

    def __init__(self, kind: str, store: BaseCache[Any]) -> None:
        self._kind = kind
        self._store: Any = store

    async def get(self, keys: Any) -> Any:
        """Get, either way."""
        return await self._store.aget(keys) if self._kind == "async" else self._store.get(keys)

    async def set(self, pairs: Any) -> None:
        """Set, either way."""
        if self._kind == "async":
            await self._store.aset(pairs)
        else:
            self._store.set(pairs)

    async def clear(self, namespaces: Any = None) -> None:
        """Clear, either way."""
        if self._kind == "async":
            await self._store.aclear(namespaces)
        else:
            self._store.clear(namespaces)


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each half in turn. The sync one runs in a running loop too."""
    half: str = request.param
    return half


@pytest.fixture
def store(make: Make, kind: str) -> Half:
    """A store, as a graph gets it."""
    return Half(kind, make().store)


# --- what LangGraph asks of a cache ---


async def test_what_was_set_is_there(store: Half) -> None:
    """Several values go in and come out together, under the keys that were asked for."""
    await store.set({key: ({"result": number}, None) for number, key in enumerate(KEYS)})
    assert await store.get(KEYS) == {key: {"result": number} for number, key in enumerate(KEYS)}
    assert await store.get([TWO, (("nobody",), "x")]) == {TWO: {"result": 1}}


async def test_nothing_asked_nothing_done(store: Half) -> None:
    """No keys, no values; an unknown key has none."""
    assert await store.get([]) == {}
    await store.set({})
    assert await store.get([ONE]) == {}


async def test_values_are_replaced(store: Half) -> None:
    """A second value takes the place of the first."""
    await store.set({ONE: ("first", None)})
    await store.set({ONE: ("second", 60)})
    assert await store.get([ONE]) == {ONE: "second"}


async def test_values_expire(store: Half) -> None:
    """A TTL ends its own value only, to fractions of a second; none or less is no value."""

    async def set_all(seconds: float) -> None:
        await store.set({ONE: ("short", seconds), TWO: ("long", LATE), OTHER: ("never", 0)})

    async def all_are_there() -> bool:
        found: dict[FullKey, Any] = await store.get(KEYS)
        return found == {ONE: "short", TWO: "long"}

    await outlive(set_all, all_are_there)
    assert await store.get(KEYS) == {TWO: "long"}


async def test_clear_by_namespace(store: Half) -> None:
    """``clear`` removes the values of the namespaces that it is given, and no others."""
    below: FullKey = (("graph", "node", "below"), "one")
    await store.set(dict.fromkeys((*KEYS, below), ("x", None)))
    await store.clear([("graph", "node")])
    assert await store.get((*KEYS, below)) == {OTHER: "x", below: "x"}
    await store.clear()
    assert await store.get((*KEYS, below)) == {}


@pytest.mark.parametrize(
    "keys",
    [
        [(("a", "b"), "c"), (("a/b",), "c")],
        [(("a",), "b/c"), (("a", "b"), "c")],
        [(("a*",), "c"), (("ab",), "c")],
        [(("a:b", "n-1"), "k_1"), (("a", "b:n-1"), "k_1")],
        [(("Ålesund 🙂",), "☃"), (("Ålesund",), "🙂☃")],
    ],
)
async def test_no_two_namespaces_meet(make: Make, kind: str, keys: list[FullKey]) -> None:
    """Separators and wildcards in a part of a key are part of it."""
    store = Half(kind, make().store)
    await store.set({key: (number, None) for number, key in enumerate(keys)})
    assert await store.get(keys) == {key: number for number, key in enumerate(keys)}
    await store.clear([keys[0][0]])
    assert await store.get(keys) == {keys[1]: 1}


async def test_no_namespace_is_not_an_empty_one(store: Half) -> None:
    """Also in a table of LangGraph's, which would write both alike."""
    nowhere, nameless = ((), "a"), (("",), "a")
    await store.set({nowhere: (0, None), nameless: (1, None)})
    assert await store.get([nowhere, nameless]) == {nowhere: 0, nameless: 1}


async def test_large_values(store: Half) -> None:
    """A value of a megabyte comes back."""
    value = {"numbers": list(range(1000)), "text": "x" * 2**20}
    await store.set({ONE: (value, None)})
    assert await store.get([ONE]) == {ONE: value}


async def test_values_without_a_ttl_live_as_long_as_answers(server: Server, kind: str) -> None:
    """On a server, a value that came without a TTL gets the cache's own."""
    for ttl, expected in ((100, 100), (None, -1), (lambda _: 5, 3600)):
        with LLMCache.from_url(server.url, ttl=ttl) as cache, server.client() as client:
            await Half(kind, cache.store).set({ONE: ("x", None), TWO: ("x", 7)})
            left = set(map(client.ttl, client.scan_iter()))
            assert any(abs(expected - each) <= 1 for each in left), left
            assert any(abs(7 - each) <= 1 for each in left)
            await cache.aclose()


async def test_reads_travel_together(server: Server) -> None:
    """Several values of one step are one MGET."""
    async with LLMCache.from_url(server.url) as cache:
        await cache.store.aset(dict.fromkeys(KEYS, ("x", None)))
        with server.monitor() as monitor:
            assert len(await cache.store.aget(KEYS)) == 3
            assert [command.name for command in monitor.all_commands] == ["MGET"]


async def test_answers_and_values_share_a_store(make: Make, kind: str) -> None:
    """Clearing the answers of models leaves the values of nodes alone, and the other way round."""
    cache = make()
    store = Half(kind, cache.store)
    cache.update(PROMPT, LLM_STRING, answer())
    await store.set({ONE: ("x", None)})
    await store.clear([ONE[0]])
    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["A promise with a date."]
    await store.set({ONE: ("x", None)})
    cache.clear()
    assert await store.get([ONE]) == {ONE: "x"}


# --- graphs ---


class State(TypedDict, total=False):
    """A number that grows."""

    number: int
    seen: list[Any]


Runs = list[int]


@pytest.fixture
def runs() -> Runs:
    """The numbers that the node was run with."""
    return []


def compiled(cache: LLMCache, runs: Runs, **policy: Any) -> Any:
    """Return a graph with one costly node."""

    def costly(state: State) -> State:
        runs.append(state["number"])
        return {"number": state["number"] + 1, "seen": [AIMessage("done", id="1"), (1, 2)]}

    graph = StateGraph(State)
    graph.add_node("costly", costly, cache_policy=CachePolicy(**policy))
    graph.add_edge(START, "costly")
    return graph.compile(cache=cache.store)


async def run_graph(app: Any, kind: str, number: int = 1) -> Any:
    """Run it, either way."""
    given = {"number": number}
    return await app.ainvoke(given) if kind == "async" else app.invoke(given)


async def test_a_node_runs_once(make: Make, kind: str, runs: Runs) -> None:
    """The second run of a node with the same input is skipped, also by another graph's object."""
    first = await run_graph(compiled(make(), runs), kind)
    again = await run_graph(compiled(make(), runs), kind)
    other = await run_graph(compiled(make(), runs), kind, number=5)
    assert runs == [1, 5]
    assert (first["number"], again["number"], other["number"]) == (2, 2, 6)
    assert again["seen"][0] == first["seen"][0]


async def test_the_policy_of_a_node(make: Make, kind: str, runs: Runs) -> None:
    """``CachePolicy(ttl=...)`` ends its value."""
    number = 0  # another one in each try

    async def run_once() -> None:
        await run_graph(compiled(make(), runs, ttl=number), kind, number=number)

    async def run_for(seconds: float) -> None:
        nonlocal number
        number = round(seconds)
        await run_once()

    async def is_kept() -> bool:
        await run_once()
        return runs.count(number) == 1

    await outlive(run_for, is_kept, moments=(1, 4, 16))
    assert not await is_kept()


async def test_clearing_the_cache_of_a_graph(make: Make, kind: str, runs: Runs) -> None:
    """``graph.clear_cache`` forgets the values of its nodes."""
    app = compiled(make(), runs)
    if kind == "async":
        await app.aclear_cache()
    else:
        app.clear_cache()
    await run_graph(app, kind)
    if kind == "async":
        await app.aclear_cache(["costly"])
    else:
        app.clear_cache(["costly"])
    await run_graph(app, kind)
    assert runs == [1, 1]


async def test_commands_and_sends(make: Make, kind: str) -> None:
    """A cached node that says where to go next says it again."""
    runs: list[str] = []

    def router(state: State) -> Command[Any]:
        runs.append("router")
        return Command(update={"number": 7}, goto=[Send("worker", {"number": 8})])

    def worker(state: State) -> State:
        runs.append("worker")
        return {"seen": [state["number"]]}

    graph = StateGraph(State)
    graph.add_node("router", router, cache_policy=CachePolicy(), destinations=("worker",))
    graph.add_node("worker", worker, cache_policy=CachePolicy())
    graph.add_edge(START, "router")
    graph.add_edge("worker", END)
    app: Any = graph.compile(cache=make().store)
    first = await run_graph(app, kind)
    assert await run_graph(app, kind) == first == {"number": 7, "seen": [8]}
    assert runs == ["router", "worker"]


# --- in no graph's way ---


async def test_the_server_down(kind: str, runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    """With the server down the graph runs, the breaker opens, and the log says it once."""
    cache = LLMCache.from_url("valkey://127.0.0.1:1")
    keep_open(cache)
    app = compiled(cache, runs)
    for _ in range(4):
        assert (await run_graph(app, kind))["number"] == 2
    assert runs == [1] * 4
    stats = cache.stats()
    assert stats.breaker == "open"
    assert stats.errors == 3
    assert stats.skipped == 5
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 3  # a lookup, a store, the breaker
    await cache.aclose()


async def test_the_server_goes_and_comes(
    own_valkey_server: StartServer, kind: str, runs: Runs
) -> None:
    """A server that stops in the middle costs the values of that time only."""
    server = own_valkey_server()
    cache = LLMCache.from_url(server.url)
    app = compiled(cache, runs)
    await run_graph(app, kind)
    server.kill()
    await run_graph(app, kind)
    assert runs == [1, 1]
    server.start()
    await run_graph(app, kind)
    await run_graph(app, kind)
    assert runs == [1, 1, 1]
    await cache.aclose()


async def test_a_file_that_cannot_be_used(tmp_path: Path, kind: str, runs: Runs) -> None:
    """A file that cannot be opened is a miss for a graph, and counted."""
    cache = LLMCache.from_url(f"sqlite:///{tmp_path}")  # a folder
    app = compiled(cache, runs)
    assert (await run_graph(app, kind))["number"] == 2
    assert cache.stats().errors == 2


async def test_an_operators_clear_tells(kind: str) -> None:
    """``clear`` does not claim what it did not do."""
    cache = LLMCache.from_url("valkey://127.0.0.1:1", timeout=0.2)
    with pytest.raises(StoreError, match="clear failed"):
        await Half(kind, cache.store).clear([ONE[0]])
    await cache.aclose()


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"no colon",
        b"msgpack:\xc1",
        b"msgpack:",
        b"pickle:" + pickle.dumps({"a": 1}),
        b'json:{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["true"]}',
        b"llm1:{}",
        b"lease:abc",
        b"\xff\xfe:x",
    ],
)
async def test_what_is_no_value_is_a_miss(
    server: Server, kind: str, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Foreign, damaged and poisoned values are misses, beside others that are not."""
    with LLMCache.from_url(server.url) as cache, server.client() as client:
        store = Half(kind, cache.store)
        await store.set({ONE: ("damaged", None), TWO: ("whole", None)})
        [name] = [key for key in client.scan_iter() if key.endswith(b"one")]
        client.set(name, junk)
        assert await store.get([ONE, TWO]) == {TWO: "whole"}
        assert cache.stats().corrupt == 1
        assert "unreadable node value" in caplog.text
        await cache.aclose()


# --- values ---


@dataclass
class Point:
    """Of our own."""

    x: int
    y: int


def test_classes_of_ones_own() -> None:
    """Objects of other classes are stored only if their class is allowed, and then whole."""
    point = Point(1, 2)
    with pytest.raises(NotStorableError, match="Point; list its class"):
        NodeSerializer().dumps_typed([point])
    serde = NodeSerializer(allow=[Point])
    stored = serde.dumps_typed([point])
    assert serde.loads_typed(stored) == [point]
    with pytest.raises(CorruptEntryError):
        NodeSerializer().loads_typed(stored)
    with pytest.raises(ConfigurationError, match="expected classes"):
        NodeSerializer(allow=[point])  # type: ignore[list-item]


async def test_a_node_that_writes_something_else(
    make: Make, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The graph runs, nothing is stored, and the log says what to do."""
    runs: list[int] = []

    def node(state: State) -> State:
        runs.append(1)
        return {"seen": [Point(1, 2)]}

    def app(cache: LLMCache) -> Any:
        graph = StateGraph(State)
        graph.add_node("node", node, cache_policy=CachePolicy())
        graph.add_edge(START, "node")
        return graph.compile(cache=cache.store)

    cache = make()
    for _ in range(2):
        assert (await run_graph(app(cache), kind))["seen"] == [Point(1, 2)]
    assert len(runs) == 2
    assert cache.stats().refused == 2
    assert caplog.text.count("Point; list its class in NodeSerializer(allow=[...])") == 1

    allowing = make(serde=NodeSerializer(allow=[Point]))
    graph = app(allowing)
    for _ in range(2):
        assert (await run_graph(graph, kind))["seen"] == [Point(1, 2)]
    assert len(runs) == 3


def test_allowing_classes_keeps_the_answers(server: Server) -> None:
    """A ``NodeSerializer`` as ``serde=`` is for nodes: the answers of models stay readable."""
    with LLMCache.from_url(server.url) as plain:
        plain.update(PROMPT, LLM_STRING, answer())
    with LLMCache.from_url(server.url, serde=NodeSerializer(allow=[Point])) as cache:
        assert cache.lookup(PROMPT, LLM_STRING) is not None


def test_an_empty_store_is_a_cache() -> None:
    """LangGraph takes a false cache for none: an empty one is not false."""
    assert bool(LLMCache().store)


def test_the_store_of_another_cache(make: Make) -> None:
    """A cache around another cache's store holds the same answers."""
    one = make()
    one.update(PROMPT, LLM_STRING, answer())
    other = LLMCache(one.store)
    assert texts(other.lookup(PROMPT, LLM_STRING)) == ["A promise with a date."]
    other.close()


# --- nodes that do not come to their end ---


def asking(cache: LLMCache, approved: list[Any]) -> Any:
    """Return a graph with a node that asks a human."""

    def approve(state: State) -> State:
        answer = interrupt("Is that so?")
        approved.append(answer)
        return {"number": state["number"] + 1}

    graph = StateGraph(State)
    graph.add_node("approve", approve, cache_policy=CachePolicy())
    graph.add_edge(START, "approve")
    return graph.compile(cache=cache.store, checkpointer=InMemorySaver())


async def test_an_interrupted_node_is_asked_again(make: Make, kind: str) -> None:
    """A node that waits for a human is resumed, and each thread has a human of its own."""
    if kind == "async" and sys.version_info < (3, 11):
        pytest.skip("LangGraph needs Python 3.11 for interrupts of async graphs")
    approved: list[Any] = []
    app = asking(make(), approved)

    async def run(given: Any, thread: str) -> Any:
        config: Any = {"configurable": {"thread_id": thread}}
        if kind == "async":
            return await app.ainvoke(given, config)
        return app.invoke(given, config)

    for thread in ("one", "two"):
        assert "__interrupt__" in await run({"number": 1}, thread)
    assert (await run(Command(resume="yes"), "one"))["number"] == 2
    assert approved == ["yes"]
    # What a human said stays in its thread.
    assert "__interrupt__" in await run({"number": 1}, "three")
    assert (await run(Command(resume="no"), "two"))["number"] == 2
    assert approved == ["yes", "no"]


@pytest.mark.parametrize("channel", ["__interrupt__", "__error__", "__resume__"])
async def test_writes_of_a_node_that_did_not_end_are_not_stored(
    make: Make, kind: str, channel: str
) -> None:
    """Old versions of LangGraph would replay them to all threads."""
    cache = make()
    store = Half(kind, cache.store)
    writes = deque([("messages", []), (channel, [Interrupt("x", id="1")])])
    await store.set({ONE: (writes, None), TWO: ([("messages", [channel])], None)})
    await store.set({OTHER: (deque(), None)})
    assert await store.get([ONE, TWO, OTHER]) == {TWO: [("messages", [channel])]}
    assert cache.stats().refused == 2
