"""Results of tools: whose they are, which are kept, and that equal calls at once run once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, cast

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt
from pydantic import BaseModel, PrivateAttr
from typing_extensions import TypedDict

from langchain_llmcache import ConfigurationError, LLMCache, cache_options
from langchain_llmcache._stores.turns import Turns
from langchain_llmcache.agents import CacheMiddleware
from tests.support.targets import Target

QUESTION: dict[str, Any] = {"messages": [HumanMessage("go")]}


def request_of(
    called: BaseTool, args: Any = None, *, name: str | None = None, call_id: Any = "1"
) -> ToolCallRequest:
    """Return a call of a tool, as an agent hands it to its middleware."""
    call: Any = {
        "name": called.name if name is None else name,
        "args": {"q": "x"} if args is None else args,
        "id": call_id,
        "type": "tool_call",
    }
    return ToolCallRequest(tool_call=call, tool=called, state={}, runtime=cast("Any", None))


def run_tool(request: ToolCallRequest) -> ToolMessage:
    """Run a tool as an agent does."""
    message: ToolMessage = cast("BaseTool", request.tool).invoke(cast("Any", request.tool_call))
    return message


async def arun_tool(request: ToolCallRequest) -> ToolMessage:
    """Run a tool as an agent does, asynchronously."""
    message: ToolMessage = await cast("BaseTool", request.tool).ainvoke(
        cast("Any", request.tool_call)
    )
    return message


def ask(middleware: CacheMiddleware, called: BaseTool, **request: Any) -> Any:
    """Return what a tool says, through the middleware."""
    return middleware.wrap_tool_call(request_of(called, **request), run_tool)


class Caller(BaseChatModel):
    """A chat model that calls a tool so many times at once, and then ends."""

    name_of_tool: str = "search"
    times: int = 1
    args: dict[str, Any] = {"q": "x"}  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "caller"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.name_of_tool, "times": self.times}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Take any tools."""
        return self

    def _generate(self, messages: Any, *_: Any, **__: Any) -> ChatResult:
        calls = [
            tool_call(name=self.name_of_tool, args=self.args, id=f"call_{number}")
            for number in range(self.times if isinstance(messages[-1], HumanMessage) else 0)
        ]
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=calls))])


# --- whose they are ---------------------------------------------------------------------------


def search_in(index: str, log: list[str] | None = None) -> BaseTool:
    """Return a tool that was made for an index."""

    @tool
    def search(q: str) -> str:
        """Search."""
        if log is not None:
            log.append(index)
        return f"{q} in {index}"

    return search


def searching(index: str, q: str) -> str:
    """Search."""
    return f"{q} in {index}"


class Index:
    """Something with a method."""

    def search(self, q: str) -> str:
        """Search."""
        return f"{q} in an index"


class OtherIndex(Index):
    """Something of another kind."""

    def search(self, q: str) -> str:
        """Search."""
        return f"{q} in another index"


class SearchTool(BaseTool):
    """Another way to make a tool."""

    name: str = "search"
    description: str = "Search."

    def _run(self, q: str) -> str:
        return f"{q} in a class"


class OtherSearchTool(SearchTool):
    """Another class of that kind."""

    def _run(self, q: str) -> str:
        return f"{q} in another class"


class PlacedTool(BaseTool):
    """A tool with fields."""

    name: str = "search"
    description: str = "Search."
    place: str = ""
    places: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    index: Any = None
    _hidden: str = PrivateAttr(default="")

    def _run(self, q: str) -> str:
        return f"{q} in {self.place} {self.places} {vars(self.index or self)} {self._hidden}"


def hidden(place: str) -> PlacedTool:
    """Return one whose place is in no field."""
    tool = PlacedTool()
    tool._hidden = place
    return tool


class Place:
    """Something of which there are several."""

    def __init__(self, place: str) -> None:
        self.place = place

    def search(self, q: str) -> str:
        """Search."""
        return f"{q} in {self.place}"


def search_by(given: Any) -> BaseTool:
    """Return a tool that was made with something that is no text."""

    @tool
    def search(q: str) -> str:
        """Search."""
        return f"{q} in {given}"

    return search


@dataclass
class Limits:
    """Settings."""

    most: int


class Slotted:
    """Something that holds what it was made with in slots, one of which is its own."""

    __slots__ = ("__index", "shard")

    def __init__(self, index: str, shard: int = 1) -> None:
        self.__index = index
        self.shard = shard

    def search(self, q: str) -> str:
        """Search."""
        return f"{q} in {self.__index}, {self.shard}"


class Working:
    """Something that is made with numbers and settings, and counts what it does."""

    def __init__(self, shard: int, most: int = 1) -> None:
        self.shard = shard
        self.limits = Limits(most)
        self.runs = 0
        self._log: list[str] = []

    def search(self, q: str) -> str:
        """Search."""
        self.runs += 1
        self._log.append(q)
        return f"{q} in {self.shard}, {self.limits}"


def local(answer: Callable[[], str]) -> BaseTool:
    """Return a tool of a class that a function makes anew each time."""

    class Search(BaseTool):
        name: str = "search"
        description: str = "Search."

        def _run(self, q: str) -> str:
            return f"{q}: {self.found()}"

        def found(self) -> str:
            return answer()

    return Search()


def by_model(name_of_model: str) -> BaseTool:
    """Return a tool of a class that says by which model it answers."""

    class Search(SearchTool):
        model_name: ClassVar[str] = name_of_model

        def _run(self, q: str) -> str:
            return f"{q} by {self.model_name}"

    return Search()


def edited(code: str) -> BaseTool:
    """Return a tool of a function of this module, as an editor of a notebook leaves it."""
    source = f"def noted(q: str) -> str:\n    'Search.'\n    return q + {code}"
    exec(source, globals())  # noqa: S102 - as a notebook does
    return made(globals()["noted"])


def edited_class(code: str) -> BaseTool:
    """Return a tool of a class of this module, likewise."""
    source = (
        f"class Noted(SearchTool):\n    def _run(self, q: str) -> str:\n        return q + {code}"
    )
    exec(source, globals())  # noqa: S102 - likewise
    noted: BaseTool = globals()["Noted"]()
    return noted


def made(function: Any, **changes: Any) -> BaseTool:
    """Return a tool called "search" that runs a function."""
    wanted: dict[str, Any] = {"name": "search", "description": "Search.", **changes}
    return StructuredTool.from_function(function, **wanted)


# Of a function whose own is not asked for.
ONE_TEXT: dict[str, Any] = {
    "infer_schema": False,
    "args_schema": {"type": "object", "properties": {"q": {"type": "string"}}},
}


def elsewhere(q: str) -> str:
    """Search."""
    return f"{q} elsewhere"


def with_default(q: str, limit: int = 3) -> str:
    """Search."""
    return f"{q}, {limit}"


with_default.__qualname__ = elsewhere.__qualname__


@pytest.mark.parametrize(
    ("one", "another"),
    [
        pytest.param(search_in("a"), search_in("b"), id="what it was made with"),
        pytest.param(
            made(partial(searching, "a"), **ONE_TEXT),
            made(partial(searching, "b"), **ONE_TEXT),
            id="a partial",
        ),
        pytest.param(made(elsewhere), search_in("a"), id="another function"),
        pytest.param(made(elsewhere), made(with_default), id="another schema"),
        pytest.param(
            made(elsewhere), made(elsewhere, description="Search fast."), id="another description"
        ),
        pytest.param(made(Index().search), made(OtherIndex().search), id="another class's method"),
        pytest.param(SearchTool(), OtherSearchTool(), id="another class"),
        pytest.param(PlacedTool(place="a"), PlacedTool(place="b"), id="a field"),
        pytest.param(PlacedTool(places={"a": [1]}), PlacedTool(places={"a": [2]}), id="a mapping"),
        pytest.param(
            PlacedTool(index=Place("a")), PlacedTool(index=Place("b")), id="an object in a field"
        ),
        pytest.param(hidden("a"), hidden("b"), id="a private attribute"),
        pytest.param(made(Place("a").search), made(Place("b").search), id="an object's method"),
        pytest.param(search_by(Place("a")), search_by(Place("b")), id="an object"),
        pytest.param(search_by({"at": "a"}), search_by({"at": "b"}), id="made with a mapping"),
        pytest.param(search_by(["a"]), search_by(["b"]), id="made with a list"),
        pytest.param(search_by(Place("a").search), search_by(Place("b").search), id="a method"),
        pytest.param(local(lambda: "a"), local(lambda: "b"), id="a class made in a function"),
        pytest.param(by_model("a"), by_model("b"), id="a class's attribute"),
        pytest.param(edited("'a'"), edited("'b'"), id="edited code"),
        pytest.param(edited_class("'a'"), edited_class("'b'"), id="an edited class"),
        *(
            pytest.param(search_by(one), search_by(another), id=f"made with {one!r}")
            for one, another in (
                (Decimal(1), Decimal(2)),
                (date(2024, 1, 1), date(2024, 1, 2)),
                (b"a", b"b"),
                (frozenset("a"), frozenset("b")),
                ({"a": {1}}, {"a": {2}}),
                (Limits(1), Limits(2)),
                ([Limits(1)], [Limits(2)]),
            )
        ),
        pytest.param(search_by(Working(1)), search_by(Working(2)), id="an object's number"),
        pytest.param(made(Working(1).search), made(Working(2).search), id="its method"),
        pytest.param(made(Working(1, 3).search), made(Working(1, 4).search), id="its settings"),
        pytest.param(made(Slotted("a").search), made(Slotted("b").search), id="its own slot"),
        pytest.param(made(Slotted("a", 1).search), made(Slotted("a", 2).search), id="its slot"),
        pytest.param(
            made(lambda q: f"{q} a", **ONE_TEXT), made(lambda q: f"{q} b", **ONE_TEXT), id="lambdas"
        ),
    ],
)
def test_two_tools_of_one_name_share_nothing(one: BaseTool, another: BaseTool) -> None:
    """Two agents may each have a ``search`` of their own, and one cache."""
    cache = LLMCache()
    ours = CacheMiddleware(cache, tools={"search": 60})
    theirs = CacheMiddleware(cache, tools={"search": 60})
    first = ask(ours, one)
    assert "llmcache" not in ask(theirs, another).response_metadata
    assert ask(theirs, one).content == first.content
    assert ask(theirs, one).response_metadata["llmcache"] == {"hit": True}


def test_a_field_that_is_changed_counts() -> None:
    """Also in the tool that was asked before."""
    cache = CacheMiddleware(LLMCache(), tools={"search": 60})
    tool = PlacedTool(place="a")
    assert "in a " in ask(cache, tool).content
    tool.place = "b"
    assert "in b " in ask(cache, tool).content


def test_credentials_are_in_no_key() -> None:
    """With another one, the result is the same."""

    class Paying(PlacedTool):
        api_key: str = ""

    cache = CacheMiddleware(LLMCache(), tools={"search": 60})
    ask(cache, Paying(api_key="one"))
    assert ask(cache, Paying(api_key="another")).response_metadata["llmcache"] == {"hit": True}


def test_what_a_tool_counts_does_not_keep_it_from_its_results() -> None:
    """A counter, a log and a memory are no part of what it was made with."""
    runs = 0
    log: list[str] = []
    seen: dict[str, int] = {}

    def counting() -> BaseTool:
        @tool
        def search(q: str) -> str:
            """Search."""
            nonlocal runs
            runs += 1
            log.append(q)
            seen[q] = runs
            return f"{q}, run {runs}"

        return search

    cache = LLMCache()
    for _ in range(3):
        ask(CacheMiddleware(cache, tools={"search": 60}), counting())
    assert runs == 1


def test_what_an_objects_method_counts_does_not_either() -> None:
    """What its class changes later is what it works with, and not what it is made of."""
    working = Working(1)
    cache = LLMCache()
    for _ in range(3):
        ask(CacheMiddleware(cache, tools={"search": 60}), made(working.search))
    ask(CacheMiddleware(cache, tools={"search": 60}), made(Working(1).search))
    assert working.runs == 1


def test_a_tool_that_is_made_again_is_that_tool(target: Target) -> None:
    """A restart, or another worker, finds the results of the first."""
    log: list[str] = []
    cache = target.make()
    for _ in range(2):
        ask(CacheMiddleware(cache, tools={"search": 60}), search_in("a", log))
    assert log == ["a"]


# --- a human's word ---------------------------------------------------------------------------


class State(TypedDict):
    """Of the graph inside of a tool."""

    approved: str


def approval_in_a_tool() -> BaseTool:
    """Return a tool that asks a human."""

    @tool
    def search(q: str) -> str:
        """Search, if a human says yes."""
        return f"approved: {interrupt('May I?')}"

    return search


def approval_in_a_graph() -> BaseTool:
    """Return a tool that runs a graph that asks a human."""
    builder: Any = StateGraph(State)
    builder.add_node("ask", lambda _: {"approved": interrupt("May I?")})
    builder.add_edge(START, "ask")
    graph = builder.compile()

    @tool
    def search(q: str) -> str:
        """Search, if a human says yes."""
        return f"approved: {graph.invoke({'approved': ''})['approved']}"

    return search


@pytest.mark.parametrize("make", [approval_in_a_tool, approval_in_a_graph])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_a_human_said_stays_in_its_thread(
    make: Callable[[], BaseTool], times: int, asynchronous: bool
) -> None:
    """An approval is never replayed: each thread asks its human, and each call of it."""
    agent: Any = create_agent(
        Caller(times=times),
        [make()],
        middleware=[CacheMiddleware(LLMCache(), tools={"search": 60})],
        checkpointer=InMemorySaver(),
    )

    def invoke(given: Any, config: Any) -> Any:
        if asynchronous:
            return asyncio.run(agent.ainvoke(given, config))
        return agent.invoke(given, config)

    for thread in ("a", "b"):
        config = {"configurable": {"thread_id": thread}}
        asked = invoke(QUESTION, config)["__interrupt__"]
        assert len(asked) == times
        words = {each.id: f"{thread}{number}" for number, each in enumerate(asked)}
        said = invoke(Command(resume=words if times > 1 else "".join(words.values())), config)
        results = [each.content for each in said["messages"] if isinstance(each, ToolMessage)]
        assert sorted(results) == [f"approved: {thread}{number}" for number in range(times)]


@pytest.mark.parametrize("is_outermost", [False, True])
def test_what_a_human_edited_stays_in_its_thread(is_outermost: bool) -> None:
    """The edited call is what runs, and is no answer to the call that the model made."""
    ran: list[str] = []

    @tool
    def search(q: str) -> str:
        """Search."""
        ran.append(q)
        return f"found {q}"

    middleware = [
        HumanInTheLoopMiddleware(interrupt_on={"search": True}),
        CacheMiddleware(LLMCache(), tools={"search": 60}),
    ]
    agent: Any = create_agent(
        Caller(),
        [search],
        middleware=middleware[::-1] if is_outermost else middleware,
        checkpointer=InMemorySaver(),
    )
    edit = {"type": "edit", "edited_action": {"name": "search", "args": {"q": "edited"}}}
    found = []
    for thread, decision in enumerate([edit, {"type": "approve"}, edit, {"type": "approve"}]):
        config = {"configurable": {"thread_id": str(thread)}}
        assert "__interrupt__" in agent.invoke(QUESTION, config)
        said = agent.invoke(Command(resume={"decisions": [decision]}), config)
        found += [each.text.split()[-1] for each in said["messages"] if each.type == "tool"]
    asked = found[1]
    assert asked != "edited"
    assert found == ["edited", asked, "edited", asked]
    assert ran.count(asked) == 1


# --- equal calls at once ----------------------------------------------------------------------


class Slow:
    """A tool that waits until it is let go, and counts its runs."""

    def __init__(self, fails: bool = False) -> None:
        self.runs = 0
        self.go = threading.Event()
        self._fails = fails

        @tool
        def search(q: str) -> str:
            """Search."""
            self.runs += 1
            number = self.runs
            assert self.go.wait(60)
            if self._fails and number == 1:
                raise RuntimeError
            return f"result {number}"

        self.tool = search


def waiting(middleware: CacheMiddleware) -> int:
    """Return how many calls are under way."""
    from langchain_llmcache._stores.tool_results import results_of

    return len(results_of(cast("LLMCache", middleware._cache)).turns._leaders)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_equal_calls_of_one_step_run_once(asynchronous: bool) -> None:
    """A model that calls the same tool four times at once has it run once, and gets four results."""
    slow = Slow()
    slow.go.set()
    agent: Any = create_agent(
        Caller(times=4),
        [slow.tool],
        middleware=[CacheMiddleware(LLMCache(), tools={"search": 60})],
    )
    said = asyncio.run(agent.ainvoke(QUESTION)) if asynchronous else agent.invoke(QUESTION)
    results = [message for message in said["messages"] if isinstance(message, ToolMessage)]
    assert [result.content for result in results] == ["result 1"] * 4
    assert [result.tool_call_id for result in results] == [f"call_{n}" for n in range(4)]
    assert slow.runs == 1


def test_threads_and_tasks_wait_for_one_run() -> None:
    """Of two agents too, if they share a cache."""
    slow = Slow()
    cache = LLMCache()
    one, other = (CacheMiddleware(cache, tools={"search": 60}) for _ in range(2))

    async def later() -> Any:
        request = request_of(slow.tool, call_id="later")
        return await other.awrap_tool_call(request, arun_tool)

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(ask, one, slow.tool, call_id="first")
        while not slow.runs:
            pass
        others = [
            threads.submit(ask, other, slow.tool, call_id="other"),
            threads.submit(lambda: asyncio.run(later())),
        ]
        slow.go.set()
        assert first.result(60).content == "result 1"
        results = [each.result(60) for each in others]
    assert [result.content for result in results] == ["result 1"] * 2
    assert [result.tool_call_id for result in results] == ["other", "later"]
    assert slow.runs == 1
    assert not waiting(one)


def test_a_call_that_fails_keeps_no_other() -> None:
    """Its error is its own; those that waited run the tool."""
    slow = Slow(fails=True)
    middleware = CacheMiddleware(LLMCache(max_wait=300), tools={"search": 60})
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask, middleware, slow.tool)
        while not slow.runs:
            pass
        second = threads.submit(ask, middleware, slow.tool)
        slow.go.set()
        with pytest.raises(RuntimeError):
            first.result(60)
        assert second.result(60).content == "result 2"
    assert not waiting(middleware)


async def test_a_cancelled_call_keeps_no_other() -> None:
    """Neither one that waits nor the one that is waited for."""
    turns = Turns(seconds=300)
    began = asyncio.Event()

    async def call(result: str | None) -> Any:
        with turns.turn("key") as turn:
            found = await turn.await_()
            if found is None:
                began.set()
                if result is None:
                    await asyncio.sleep(300)
                turn.result = found = result
            return found

    leader = asyncio.create_task(call(None))
    await began.wait()
    impatient, patient = asyncio.create_task(call("x")), asyncio.create_task(call("y"))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0.01)
    leader.cancel()
    assert await asyncio.wait_for(patient, 60) == "y"


async def test_no_call_waits_for_itself() -> None:
    """A tool that leads back to itself runs, in a task and in a thread that it starts."""
    turns = Turns(seconds=300)

    async def call(depth: int) -> int:
        with turns.turn("key") as turn:
            found = await turn.await_()
            turn.result = depth if found is None and not depth else await inner(depth - 1)
            return cast("int", turn.result)

    async def inner(depth: int) -> int:
        if depth % 2:
            return await asyncio.create_task(call(depth))
        return await asyncio.to_thread(lambda: asyncio.run(call(depth)))

    assert await asyncio.wait_for(call(4), 60) == 0


async def test_a_thread_does_not_wait_for_a_task_of_its_own_loop() -> None:
    """It would wait for ever."""
    turns = Turns(seconds=300)
    with turns.turn("key"):

        def other() -> Any:
            with turns.turn("key") as turn:
                return turn.wait()

        import contextvars

        assert contextvars.Context().run(other) is None


def test_single_flight_can_be_switched_off() -> None:
    """As for the answers of models."""
    slow = Slow()
    slow.go.set()
    middleware = CacheMiddleware(LLMCache(single_flight=False), tools={"search": 60})
    ask(middleware, slow.tool)
    assert not waiting(middleware)


# --- whatever a model asks for ----------------------------------------------------------------


def nested(depth: int) -> Any:
    """Return arguments that are deeper than JSON goes."""
    inner: Any = "bottom"
    for _ in range(depth):
        inner = {"deeper": inner}
    return {"q": inner}


@tool
def anything(q: Any) -> str:
    """Take anything."""
    return "taken"


ODD: dict[str, Any] = {
    "surrogate": {"q": "\ud800"},
    "nan": {"q": float("nan")},
    "large": {"q": 10**400},
    "keys": {"q": {1: "a", "1": "b"}},
    "set": {"q": {1, 2}},
    "object": {"q": object()},
    "bytes": {"q": b"bytes"},
    "deep": nested(10_000),
    "none": {},
    "other": {"other": 1},
}


@pytest.mark.parametrize("args", ODD.values(), ids=ODD)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_odd_arguments_reach_the_tool(args: Any, asynchronous: bool) -> None:
    """They are cached or not; nothing of the cache's own is raised."""
    middleware = CacheMiddleware(LLMCache(), tools={"anything": 60})
    ran: list[Any] = []

    def handler(request: ToolCallRequest) -> ToolMessage:
        ran.append(request)
        return ToolMessage("taken", tool_call_id="1")

    async def ahandler(request: ToolCallRequest) -> ToolMessage:
        return handler(request)

    for _ in range(2):
        request = request_of(anything, args)
        if asynchronous:
            result = asyncio.run(middleware.awrap_tool_call(request, ahandler))
        else:
            result = middleware.wrap_tool_call(request, handler)
        assert cast("ToolMessage", result).content == "taken"
    assert ran


@pytest.mark.parametrize(
    "name",
    ["a/b", "../../x", "", " ", "ünïcödé", "*", "x" * 10_000],
    ids=["slash", "dots", "empty", "blank", "letters", "glob", "long"],
)
def test_odd_names_of_tools(target: Target, name: str) -> None:
    """Whatever a tool is called, its results are kept, and found again."""
    odd = search_in("a").model_copy(update={"name": name})
    middleware = CacheMiddleware(target.make(), tools={name: 60})
    first = middleware.wrap_tool_call(request_of(odd), lambda _: ToolMessage("x", tool_call_id="1"))
    again: Any = middleware.wrap_tool_call(request_of(odd, call_id=None), lambda _: first)
    assert again.response_metadata["llmcache"] == {"hit": True}


class _Puzzling(SearchTool):
    @property
    def tool_call_schema(self) -> Any:
        msg = "no schema today"
        raise RuntimeError(msg)


def test_a_tool_without_a_schema_runs() -> None:
    """What cannot be told is not cached, and counted."""
    cache = LLMCache()
    middleware = CacheMiddleware(cache, tools={"search": 60})
    for _ in range(2):
        result = middleware.wrap_tool_call(
            request_of(_Puzzling()), lambda _: ToolMessage("x", tool_call_id="1")
        )
        assert "llmcache" not in cast("ToolMessage", result).response_metadata
    assert cache.stats().uncacheable == 2


def test_a_hit_is_nobody_elses() -> None:
    """What one caller does to a result, no other sees."""
    middleware = CacheMiddleware(LLMCache(), tools={"search": 60})
    given: Any = [{"type": "text", "text": "a"}]

    def handler(_: ToolCallRequest) -> ToolMessage:
        return ToolMessage(given, tool_call_id="1", artifact={"rows": [1]})

    called = search_in("a")
    for _ in range(3):
        result: Any = middleware.wrap_tool_call(request_of(called), handler)
        assert (result.content, result.artifact) == ([{"type": "text", "text": "a"}], {"rows": [1]})
        if "llmcache" in result.response_metadata:
            result.content.append("mine")
            result.artifact["rows"].append("mine")


@pytest.mark.parametrize("tools", [["search"], "search", {1: 60}, {("search",): 60}, 3])
def test_tools_are_named_with_their_ttls(tools: Any) -> None:
    """Anything else is refused with a reason."""
    with pytest.raises(ConfigurationError, match="tools is"):
        CacheMiddleware(LLMCache(), tools=tools)


def test_options_hold_for_equal_calls() -> None:
    """A refresh does not take what another call gets."""
    slow = Slow()
    slow.go.set()
    middleware = CacheMiddleware(LLMCache(), tools={"search": 60})
    ask(middleware, slow.tool)
    with cache_options(read=False):
        assert ask(middleware, slow.tool).content == "result 2"
    assert ask(middleware, slow.tool).content == "result 2"


# --- beside other middleware ------------------------------------------------------------------


class Ticket(BaseModel):
    """What an agent is to return."""

    severity: int


class Unsure(Caller):
    """A model that calls the tool of a structured output, badly the first time."""

    name_of_tool: str = "Ticket"
    _asked: list[int] = PrivateAttr(default_factory=list)

    def _generate(self, messages: Any, *_: Any, **__: Any) -> ChatResult:
        self._asked.append(1)
        severity: Any = "high" if len(self._asked) == 1 else 3
        call: Any = {"name": "Ticket", "args": {"severity": severity}, "id": "call_1"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])


@pytest.mark.parametrize("asynchronous", [False, True])
def test_retries_around_the_cache_get_another_answer(asynchronous: bool) -> None:
    """``ModelRetryMiddleware`` outside, the cache inside: a refused output is asked for anew."""
    model, cache = Unsure(), LLMCache()
    agent: Any = create_agent(
        model,
        middleware=[ModelRetryMiddleware(initial_delay=0.01), CacheMiddleware(cache)],
        response_format=cast("Any", ToolStrategy(Ticket, handle_errors=False)),
    )
    for _ in range(2):
        said = asyncio.run(agent.ainvoke(QUESTION)) if asynchronous else agent.invoke(QUESTION)
        assert said["structured_response"] == Ticket(severity=3)
    assert len(model._asked) == 2
    assert cache.stats().healed == 1


def test_a_fallback_inside_of_it_is_cached() -> None:
    """``ModelFallbackMiddleware`` outside, the cache inside: what the fallback says is a hit."""

    class Down(Caller):
        def _generate(self, messages: Any, *_: Any, **__: Any) -> ChatResult:
            raise ConnectionError

    cache = LLMCache()
    fallback = Caller(times=0)
    agent: Any = create_agent(
        Down(), middleware=[ModelFallbackMiddleware(fallback), CacheMiddleware(cache)]
    )
    agent.invoke(QUESTION)
    agent.invoke(QUESTION)
    assert cache.stats().hits == 0  # an empty answer is not kept
    fallback.times = 1
    cached: Any = create_agent(
        Down(),
        [search_in("a")],
        middleware=[ModelFallbackMiddleware(fallback), CacheMiddleware(cache)],
    )
    cached.invoke(QUESTION)
    before = cache.stats().hits
    cached.invoke(QUESTION)
    assert cache.stats().hits > before
