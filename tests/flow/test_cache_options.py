"""``cache_options``: what holds for the calls inside a block, and for nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langgraph.graph import END, START, StateGraph
from pydantic import PrivateAttr
from typing_extensions import TypedDict

from langchain_llmcache import ConfigurationError, LLMCache, NearCache, NewEntry, cache_options
from langchain_llmcache._request.blocks import DEFAULTS, Options, current
from langchain_llmcache._request.key import Key
from tests.support.patience import LATE, SOON
from tests.support.targets import LLM_STRING, PROMPT, Half, Target, answer, set_clock, texts

Halves = Callable[[LLMCache], Half]


class Numbered(BaseChatModel):
    """A chat model whose answers are numbered, and which takes its time if told to."""

    model: str = "numbered"
    seconds: float = 0.0
    _asked: list[str] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "numbered"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Take any tools, and call none."""
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        time.sleep(self.seconds)
        self._asked.append(str(messages[-1].content))
        message = AIMessage(f"answer {len(self._asked)}")
        return ChatResult(generations=[ChatGeneration(message=message)])


@pytest.fixture
def model() -> Numbered:
    """A model without a past."""
    return Numbered()


@pytest.fixture
def cache() -> Iterator[LLMCache]:
    """A cache in memory, for every model."""
    with LLMCache() as made:
        set_llm_cache(made)
        yield made


def is_hit(message: Any) -> bool:
    """Tell whether an answer came from the cache."""
    return bool(message.response_metadata.get("llmcache", {}).get("hit"))


def later(cache: LLMCache, seconds: float) -> None:
    """Turn the cache's clock on."""
    set_clock(cache, lambda: time.time() + seconds)


class Spied:
    """What a cache was told to store, and for how many milliseconds."""

    def __init__(self, cache: LLMCache, monkeypatch: pytest.MonkeyPatch) -> None:
        # (One list: threads store side by side.)
        self._stored: list[tuple[Key, int | None]] = []
        for backend in (cache._opened.blocking, cache._opened.asynchronous):
            self._spy(backend.entries, monkeypatch)

    @property
    def keys(self) -> list[Key]:
        """Of all entries."""
        return [key for key, _ in self._stored]

    @property
    def lifetimes(self) -> list[int | None]:
        """Of all entries, in the same order."""
        return [ttl for _, ttl in self._stored]

    def _spy(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        put = store.put

        async def spy(key: Key, entry: bytes, ttl: int | None) -> None:
            self._stored.append((key, ttl))
            await put(key, entry, ttl)

        monkeypatch.setattr(store, "put", spy)


@pytest.fixture
def spied(cache: LLMCache, monkeypatch: pytest.MonkeyPatch) -> Spied:
    """What ``cache`` is told to store."""
    return Spied(cache, monkeypatch)


# ---------------------------------------------------------------------------- each option


async def test_read_false_asks_again_and_stores_the_new_answer(
    target: Target, half: Halves
) -> None:
    """A refresh: the old answer is not looked at, and the new one takes its place."""
    cache = target.make()
    calls = half(cache)
    await calls.update(PROMPT, LLM_STRING, answer("old"))

    async with cache_options(read=False):
        assert await calls.lookup(PROMPT, LLM_STRING) is None
        await calls.update(PROMPT, LLM_STRING, answer("new"))
    assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["new"]
    assert cache.stats().bypassed == 1


async def test_write_false_stores_nothing(target: Target, half: Halves) -> None:
    """A look without a trace: hits are hits, and what a miss leads to is not kept."""
    cache = target.make()
    calls = half(cache)
    async with cache_options(write=False):
        assert await calls.lookup(PROMPT, LLM_STRING) is None
        await calls.update(PROMPT, LLM_STRING, answer("lost"))
    assert await calls.lookup(PROMPT, LLM_STRING) is None
    await calls.update(PROMPT, LLM_STRING, answer("kept"))
    async with cache_options(write=False):
        assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["kept"]
    assert cache.stats().declined == 1


async def test_neither_reading_nor_writing_goes_past_the_cache(
    target: Target, half: Halves
) -> None:
    """With both False, the stored answer is neither used nor replaced."""
    calls = half(target.make())
    await calls.update(PROMPT, LLM_STRING, answer("stored"))
    with cache_options(read=False, write=False):
        assert await calls.lookup(PROMPT, LLM_STRING) is None
        await calls.update(PROMPT, LLM_STRING, answer("past"))
    assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["stored"]


async def test_namespaces_nest_below_the_caches_own(target: Target, half: Halves) -> None:
    """An answer of one namespace is not found in another; an inner block goes further down."""
    calls = half(target.make(namespace="app"))
    with cache_options(namespace="acme"):
        await calls.update(PROMPT, LLM_STRING, answer("acme"))
        with cache_options(namespace=("europe", "west")):
            assert await calls.lookup(PROMPT, LLM_STRING) is None
            await calls.update(PROMPT, LLM_STRING, answer("west"))
        assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["acme"]
    assert await calls.lookup(PROMPT, LLM_STRING) is None
    below = half(target.make(namespace=("app", "acme", "europe", "west")))
    assert texts(await below.lookup(PROMPT, LLM_STRING)) == ["west"]


async def test_delete_and_clear_stay_inside_the_blocks_namespace(
    target: Target, half: Halves
) -> None:
    """Inside a tenant's block, its answers are removed and nobody else's."""
    calls = half(target.make())
    for tenant in ("acme", "other"):
        with cache_options(namespace=tenant):
            await calls.update(PROMPT, LLM_STRING, answer(tenant))

    with cache_options(namespace="acme"):
        assert await calls.delete(PROMPT, LLM_STRING) is True
        await calls.update(PROMPT, LLM_STRING, answer("again"))
        await calls.clear()
        assert await calls.lookup(PROMPT, LLM_STRING) is None
    with cache_options(namespace="other"):
        assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["other"]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_ttl_of_an_update_goes_before_the_blocks_and_the_caches(
    cache: LLMCache, spied: Spied, kind: Any
) -> None:
    """First what ``update`` is told, then the option, then the cache; callables see the entry."""
    calls = Half(kind, cache)
    seen: list[NewEntry] = []

    def by_entry(entry: NewEntry) -> float:
        seen.append(entry)
        return 7

    await calls.update("a", LLM_STRING, answer())
    with cache_options(ttl=60):
        await calls.update("b", LLM_STRING, answer())
        await calls.update("c", LLM_STRING, answer(), ttl=0.25)
        with cache_options(ttl=None):
            await calls.update("d", LLM_STRING, answer())
        with cache_options(ttl=by_entry, namespace="acme"):
            await calls.update("e", LLM_STRING, answer())
    assert spied.lifetimes == [3_600_000, 60_000, 250, None, 7000]
    assert (seen[0].model, seen[0].namespace) == ("model-a", ("acme",))
    assert seen[0].size > 0


async def test_older_answers_are_asked_for_again(target: Target, half: Halves) -> None:
    """``max_age`` takes younger answers only; an older one stays until the new one is there."""
    cache = target.make()
    calls = half(cache)
    await calls.update(PROMPT, LLM_STRING, answer("old"))
    later(cache, 100)

    with cache_options(max_age=200):
        assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["old"]
    with cache_options(max_age=50):
        assert await calls.lookup(PROMPT, LLM_STRING) is None
        with cache_options(max_age=None):
            assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["old"]
        await calls.update(PROMPT, LLM_STRING, answer("new"))
        assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["new"]
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.stale, stats.corrupt) == (3, 1, 1, 0)


@pytest.mark.parametrize(
    ("ahead", "max_age", "is_hit"),
    [
        (86400, 3600, False),
        (86400, 10**9, False),
        (60, 30, False),
        (5, 10, False),
        (0.5, 10, True),
        (0.5, 0.1, False),
        (0.05, 0.1, True),
        (-5, 10, True),
        (-20, 10, False),
    ],
)
async def test_what_a_clock_ahead_has_stored_is_of_no_known_age(
    target: Target, half: Halves, ahead: float, max_age: float, is_hit: bool
) -> None:
    """An entry from the future may be of any age, and satisfies no ``max_age``; others take it."""
    cache = target.make()
    calls = half(cache)
    now = time.time()  # the same moment for all
    set_clock(cache, lambda: now + ahead)
    await calls.update(PROMPT, LLM_STRING, answer("from there"))
    set_clock(cache, lambda: now)
    [hit] = await calls.lookup(PROMPT, LLM_STRING) or []
    assert hit.message.response_metadata["llmcache"]["age"] >= 0
    with cache_options(max_age=max_age):
        assert (await calls.lookup(PROMPT, LLM_STRING) is not None) is is_hit
        if not is_hit:
            await calls.update(PROMPT, LLM_STRING, answer("from here"))
            assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["from here"]


def test_a_copy_in_the_process_that_is_too_old_is_not_the_last_word(target: Target) -> None:
    """A near cache's stale copy is passed over for a younger answer in the store."""
    near, other = target.make(near=NearCache(ttl=1000)), target.make()
    near.update(PROMPT, LLM_STRING, answer("old"))
    later(other, 60)
    other.update(PROMPT, LLM_STRING, answer("young"))
    later(near, 100)
    with cache_options(max_age=50):
        assert texts(near.lookup(PROMPT, LLM_STRING)) == ["young"]


# ---------------------------------------------------------------------------- single-flight


@pytest.mark.parametrize("options", [{"read": False}, {"write": False}])
def test_calls_past_the_cache_neither_lead_nor_follow(
    cache: LLMCache, options: dict[str, Any]
) -> None:
    """Whoever does not read or does not write waits for nobody, and nobody waits for it."""
    assert cache.lookup(PROMPT, LLM_STRING) is None  # this call leads now
    with ThreadPoolExecutor(1) as threads:
        # In another thread, which could wait for it.
        assert threads.submit(_apart, cache, options).result(SOON) is None
    assert len(cache._flow._agreement._flights._flights) == 1
    assert cache.stats().waits == 0
    cache.update(PROMPT, LLM_STRING, answer("the leader's"))
    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["the leader's"]


def _apart(cache: LLMCache, options: dict[str, Any]) -> Any:
    with cache_options(**options):
        found = cache.lookup(PROMPT, LLM_STRING)
        cache.update(PROMPT, LLM_STRING, answer("apart"))
        return found


async def test_a_hundred_who_find_an_old_answer_make_one_call(
    cache: LLMCache, model: Numbered
) -> None:
    """Of all who want a younger answer at once, one asks the model."""
    model.invoke("q")
    later(cache, 100)
    model.seconds = 0.05
    with cache_options(max_age=10):
        answers = await model.abatch(["q"] * 100)
    assert len(model._asked) == 2
    assert {message.content for message in answers} == {"answer 2"}


async def test_a_refresh_makes_nobody_wait_who_takes_any_answer(cache: LLMCache) -> None:
    """While one asks again because of ``max_age``, others get the answer that is there."""
    await cache.aupdate(PROMPT, LLM_STRING, answer("old"))
    later(cache, 100)
    go_on = asyncio.Event()

    async def refresh() -> None:
        with cache_options(max_age=10):
            assert await cache.alookup(PROMPT, LLM_STRING) is None
            await go_on.wait()  # the model takes its time
            await cache.aupdate(PROMPT, LLM_STRING, answer("new"))

    refreshing = asyncio.create_task(refresh())
    await asyncio.sleep(0.01)
    # (In a task of its own: whoever leads a flight never waits for it anyway.)
    asked = asyncio.wait_for(asyncio.create_task(cache.alookup(PROMPT, LLM_STRING)), SOON)
    assert texts(await asked) == ["old"]
    assert cache.stats().waits == 0
    go_on.set()
    await refreshing
    assert texts(await cache.alookup(PROMPT, LLM_STRING)) == ["new"]


async def test_a_follower_refuses_what_is_too_old_for_it(cache: LLMCache) -> None:
    """It goes on alone if the leader's answer is old before it has it."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def lead() -> None:
        with cache_options(max_age=1000):
            assert await cache.alookup(PROMPT, LLM_STRING) is None
            asked.set()
            await go_on.wait()
            await cache.aupdate(PROMPT, LLM_STRING, answer("old"))

    async def follow() -> Any:
        await asked.wait()
        with cache_options(max_age=10):
            return await cache.alookup(PROMPT, LLM_STRING)

    following = asyncio.create_task(follow())
    leading = asyncio.create_task(lead())
    await asyncio.wait_for(asked.wait(), SOON)
    while not cache.stats().waits:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.001)
    # The entry is written at one time, and read a hundred seconds later.
    clock = iter([time.time()])
    set_clock(cache, lambda: next(clock, time.time() + 100))
    go_on.set()
    await leading
    assert await following is None
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.stale, stats.waits) == (0, 2, 1, 1)


@pytest.mark.usefixtures("cache")
def test_a_refresh_says_how_long_the_model_took(model: Numbered) -> None:
    """Also an answer that was not looked up before knows what its hits save."""
    model.seconds = 0.03
    with cache_options(read=False):
        model.invoke("q")
    assert model.invoke("q").response_metadata["llmcache"]["saved"] >= 0.03


# ---------------------------------------------------------------------------- through LangChain


@pytest.mark.usefixtures("cache")
async def test_options_reach_invoke_and_ainvoke(model: Numbered) -> None:
    """A refresh through the model, sync and async, replaces what later calls get."""
    assert model.invoke("q").content == "answer 1"
    with cache_options(read=False):
        assert model.invoke("q").content == "answer 2"
        assert (await model.ainvoke("q")).content == "answer 3"
    assert (await model.ainvoke("q")).content == "answer 3"


async def test_options_reach_batch_and_abatch(spied: Spied) -> None:
    """The threads and the tasks that a batch starts see the caller's block."""
    model = Numbered()
    with cache_options(ttl=5, namespace="acme"):
        model.batch([f"q{number}" for number in range(8)])
        await model.abatch([f"q{number}?" for number in range(8)])
    assert spied.lifetimes == [5000] * 16
    assert {key.space[0] for key in spied.keys} == {"acme"}


class State(TypedDict):
    """What the graphs of these tests pass on."""

    question: str
    answers: list[str]


def _graph(model: Numbered) -> Any:
    def sync_node(state: State) -> dict[str, Any]:
        return {"answers": [str(model.invoke(state["question"]).content)]}

    async def async_node(state: State) -> dict[str, Any]:
        reply = await model.ainvoke(state["question"] + "?")
        return {"answers": [*state["answers"], str(reply.content)]}

    def inner_block(state: State) -> dict[str, Any]:
        with cache_options(namespace="inner"):
            reply = model.invoke(state["question"])
        return {"answers": [*state["answers"], str(reply.content)]}

    graph = StateGraph(State)
    nodes = {"sync": RunnableLambda(sync_node), "async": async_node, "inner": inner_block}
    for name, node in nodes.items():
        graph.add_node(name, node)  # type: ignore[call-overload]
    for one, other in itertools.pairwise([START, *nodes, END]):
        graph.add_edge(one, other)
    return graph.compile()


async def test_options_reach_the_nodes_of_a_graph(spied: Spied) -> None:
    """Sync nodes, which run in threads, and async ones; a block inside a node nests in it."""
    model = Numbered()
    with cache_options(namespace="graph", ttl=9):
        await _graph(model).ainvoke({"question": "q", "answers": []})
    assert [key.space[:-1] for key in spied.keys] == [("graph",), ("graph",), ("graph", "inner")]
    assert spied.lifetimes == [9000] * 3


async def test_options_reach_agents(spied: Spied, model: Numbered) -> None:
    """An agent's calls are the caller's."""
    agent: Any = create_agent(model, tools=[])
    question = {"messages": [("user", "q")]}
    with cache_options(namespace="agent", ttl=9):
        agent.invoke(question)
        await agent.ainvoke({"messages": [("user", "r")]})
        again = agent.invoke(question)
    assert [key.space[0] for key in spied.keys] == ["agent"] * 2
    assert is_hit(again["messages"][-1])


def test_options_reach_threads_that_langchain_starts(spied: Spied) -> None:
    """A parallel step runs each branch in a thread, with the caller's block."""
    model = Numbered()

    def ask(name: str) -> Any:
        return RunnableLambda(lambda prompt: model.invoke(f"{prompt} {name}"))

    with cache_options(namespace="parallel"):
        RunnableParallel({name: ask(name) for name in "abc"}).invoke("q")
    assert [key.space[0] for key in spied.keys] == ["parallel"] * 3


# ---------------------------------------------------------------------------- blocks


def test_blocks_nest_and_end() -> None:
    """An inner block changes what it names, and ends where it ends, exceptions included."""
    assert current() is DEFAULTS
    with cache_options(ttl=1, max_age=9):
        with contextlib.suppress(KeyError), cache_options(ttl=2, read=False):
            assert current() == Options(ttl=2, read=False, max_age=9)
            raise KeyError
        assert current() == Options(ttl=1, max_age=9)
    assert current() is DEFAULTS


@pytest.mark.usefixtures("cache")
async def test_functions_of_both_kinds_can_be_decorated(model: Numbered) -> None:
    """A decorated function is what it was, and each of its calls is in a block of its own."""

    @cache_options(namespace="decorated")
    def ask(prompt: str, *, loudly: bool = False) -> str:
        """Ask."""
        return str(model.invoke(prompt + "!" * loudly).content)

    @cache_options(namespace="decorated")
    async def aask(prompt: str) -> str:
        assert current().namespace == ("decorated",)
        await asyncio.sleep(0)
        return str((await model.ainvoke(prompt)).content)

    assert (ask.__name__, ask.__doc__) == ("ask", "Ask.")
    assert inspect.iscoroutinefunction(aask)
    first = ask("q", loudly=True)
    assert current() is DEFAULTS
    assert await aask("q!") == first
    assert model.invoke("q!").content != first


def test_one_object_serves_many_threads_at_once() -> None:
    """It holds nothing of the blocks that are open."""
    shared = cache_options(namespace="shared")
    together = threading.Barrier(16, timeout=LATE)
    seen: list[tuple[str, ...]] = []

    def work(number: int) -> None:
        with cache_options(namespace=f"t{number}"):
            together.wait()
            with shared, shared:
                together.wait()
                seen.append(current().namespace)
            together.wait()
            seen.append(current().namespace)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own = [(f"t{number}",) for number in range(16)]
    assert sorted(seen) == sorted([*own, *((*each, "shared", "shared") for each in own)])
    assert current() is DEFAULTS


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"ttl": 0}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
        ({"read": 1}, "read"),
        ({"write": None}, "write"),
        ({"max_age": -1}, "max_age"),
        ({"max_age": True}, "max_age"),
        ({"max_age": float("nan")}, "max_age"),
        ({"namespace": ""}, "namespace"),
        ({"namespace": ["a", 1]}, "namespace"),
    ],
)
def test_bad_options_are_named_at_once(options: dict[str, Any], name: str) -> None:
    """A mistake is an error where it is made, not in the middle of a call."""
    with pytest.raises(ValueError, match=f"^{name} is"):
        cache_options(**options)


# ---------------------------------------------------------------------------- all at once


async def test_a_thousand_calls_each_see_their_own_options(spied: Spied) -> None:
    """Threads and tasks with mixed options, nested and not, at the same time."""
    model = Numbered()

    def options(number: int) -> dict[str, Any]:
        # Distinct for each call, so that no neighbour's could pass for it.
        return {"namespace": f"n{number}", "ttl": number + 1}

    def work(number: int) -> None:
        with cache_options(**options(number)):
            if number % 3 == 0:
                with cache_options(namespace="inner", ttl=10_000 + number):
                    model.invoke(f"inner {number}")
            model.invoke(f"q {number}")

    async def awork(number: int) -> None:
        async with cache_options(**options(number)):
            await asyncio.sleep(0)
            if number % 3 == 0:
                async with cache_options(namespace="inner", ttl=10_000 + number):
                    await model.ainvoke(f"inner {number}")
            await model.ainvoke(f"q {number}")

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(16) as threads:
        await asyncio.gather(
            *(loop.run_in_executor(threads, work, number) for number in range(0, 750, 2)),
            *(awork(number) for number in range(1, 750, 2)),
        )
    expected = {f"n{number}": 1000 * (number + 1) for number in range(750)}
    for number in range(0, 750, 3):
        expected[f"n{number}/inner"] = 1000 * (10_000 + number)
    seen = {
        "/".join(key.space[:-1]): lifetime
        for key, lifetime in zip(spied.keys, spied.lifetimes, strict=True)
    }
    assert len(spied.keys) == 1000
    assert seen == expected


# ---------------------------------------------------------------------------- jitter


def test_jitter_shortens_every_finite_ttl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the drawn share of at most ``ttl_jitter``, also those of options and of ``update``."""
    cache = LLMCache(ttl=100, ttl_jitter=0.2)
    spied = Spied(cache, monkeypatch)
    draws = iter([0.0, 1.0, 0.5, 0.25, 0.5])
    cache._flow._draw = lambda: next(draws)

    cache.update("a", LLM_STRING, answer())
    cache.update("b", LLM_STRING, answer())
    with cache_options(ttl=10):
        cache.update("c", LLM_STRING, answer())
        cache.update("d", LLM_STRING, answer(), ttl=1)
        cache.update("e", LLM_STRING, answer(), ttl=None)
    assert spied.lifetimes == [100_000, 80_000, 9000, 950, None]


def test_jitter_spreads_what_is_stored_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred entries stored at once expire over the whole share, none later than asked."""
    cache = LLMCache(ttl=1000, ttl_jitter=0.5)
    spied = Spied(cache, monkeypatch)
    for number in range(100):
        cache.update(f"q{number}", LLM_STRING, answer())
    lifetimes = [lifetime for lifetime in spied.lifetimes if lifetime is not None]
    assert len(lifetimes) == 100
    assert 500_000 <= min(lifetimes) < 650_000
    assert 850_000 < max(lifetimes) <= 1_000_000


@pytest.mark.parametrize("jitter", [-0.1, 1.1, True, "0.1", float("nan"), None])
def test_a_jitter_that_is_no_share_is_refused(jitter: Any) -> None:
    """It is a share from 0 to 1."""
    with pytest.raises(ConfigurationError, match=r"^ttl_jitter is"):
        LLMCache(ttl_jitter=jitter)
