"""An answer that a parser refuses is asked for again, and nothing else is."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import StructuredOutputValidationError, ToolStrategy
from langchain_core.callbacks import CallbackManager
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import (
    BaseOutputParser,
    JsonOutputParser,
    PydanticOutputParser,
    StrOutputParser,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.runnables.config import get_callback_manager_for_config
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy
from pydantic import BaseModel, Field, PrivateAttr, ValidationError
from typing_extensions import TypedDict

from langchain_llmcache import CacheEvent, ConfigurationError, LLMCache, NearCache, cache_options
from langchain_llmcache._flow import healing
from langchain_llmcache.streaming import with_cache
from tests.support.patience import collect_garbage, eventually
from tests.support.targets import Target

GOOD = '{"title": "t", "severity": 3}'
BAD = 'Sorry, {"title": '


class Ticket(BaseModel):
    """What the parsers want."""

    title: str = Field()
    severity: int = Field()


class Scripted(BaseChatModel):
    """A chat model that says what is next for a question, and its last answer for ever."""

    model: str = "scripted"
    script: dict[str, list[str]] = {}  # noqa: RUF012 - pydantic copies it
    as_tool_call: bool = False
    _asked: list[str] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "as_tool_call": self.as_tool_call}

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self._asked)

    def asked(self, question: str) -> int:
        """Return how often it was asked that."""
        return self._asked.count(question)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Take any tools."""
        return self

    def _message(self, messages: list[BaseMessage]) -> AIMessage:
        question = str(messages[-1].content)
        answers = self.script.get(question, [BAD, GOOD])
        text = answers[min(self.asked(question), len(answers) - 1)]
        self._asked.append(question)
        if not self.as_tool_call:
            return AIMessage(text)
        severity: Any = 3 if text == GOOD else "high"
        call = {"name": "Ticket", "args": {"title": "t", "severity": severity}, "id": "c1"}
        return AIMessage("", tool_calls=[call])

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._message(messages))])

    def _stream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> Iterator[ChatGenerationChunk]:
        text = self._message(messages).text
        for part in (text[:5], text[5:]):
            yield ChatGenerationChunk(message=AIMessageChunk(content=part))


class Text(LLM):
    """A text model that does the same."""

    script: list[str] = [BAD, GOOD]  # noqa: RUF012 - pydantic copies it
    _count: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "text"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": "text"}

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return self._count

    def _call(self, prompt: str, *_: Any, **__: Any) -> str:
        self._count += 1
        return self.script[min(self._count, len(self.script)) - 1]


class Judge(BaseOutputParser[str]):
    """A user's own parser, which knows nothing of OutputParserException."""

    def parse(self, text: str) -> str:
        """Refuse with a ValueError, as many do."""
        if text != GOOD:
            msg = "not a ticket"
            raise ValueError(msg)
        return text


def judge(text: Any) -> Any:
    """Refuse in a function."""
    if str(getattr(text, "content", text)) != GOOD:
        raise OutputParserException("not a ticket")
    return text


def everything_inside(model: Any) -> Any:
    """Ask and parse in the code of one step."""
    parser = JsonOutputParser()
    return RunnableLambda(lambda question: parser.invoke(model.invoke(question)))


def parsed_by_hand(model: Any) -> Any:
    """Ask and parse in the code of one step, without a run for the parser."""
    parser = PydanticOutputParser(pydantic_object=Ticket)
    return RunnableLambda(lambda question: parser.parse(model.invoke(question).text))


CHAINS: dict[str, Callable[[Any], Any]] = {
    "model | parser": lambda model: model | JsonOutputParser(),
    "pydantic": lambda model: model | PydanticOutputParser(pydantic_object=Ticket),
    "prompt | model | parser": lambda model: (
        ChatPromptTemplate.from_messages([("human", "{q}")]) | model | JsonOutputParser()
    ),
    "text between": lambda model: model | StrOutputParser() | JsonOutputParser(),
    "a step between": lambda model: (
        model | RunnableLambda(lambda message: message.text.strip()) | JsonOutputParser()
    ),
    "the model in a retry": lambda model: model.with_retry() | StrOutputParser() | judge,
    "the model in fallbacks": lambda model: model.with_fallbacks([model]) | JsonOutputParser(),
    "a bound model": lambda model: model.bind(stop=["x"]) | JsonOutputParser(),
    "a nested sequence": lambda model: (
        (model | RunnablePassthrough()).with_config(run_name="inner") | JsonOutputParser()
    ),
    "a function that refuses": lambda model: model | judge,
    "a parser of one's own": lambda model: model | Judge(),
    "two parsers side by side": lambda model: model | {"a": StrOutputParser(), "b": Judge()},
    "several steps": lambda model: (
        {"answer": model} | RunnablePassthrough.assign(parsed=lambda known: judge(known["answer"]))
    ),
    "inside of one step": everything_inside,
    "by hand": parsed_by_hand,
}


def invoke(chain: Runnable[Any, Any], question: Any) -> Any:
    """Ask in a thread."""
    return chain.invoke(question)


def ainvoke(chain: Runnable[Any, Any], question: Any) -> Any:
    """Ask in a task."""
    return asyncio.run(chain.ainvoke(question))


def batch(chain: Runnable[Any, Any], question: Any) -> Any:
    """Ask in a batch of one."""
    return chain.batch([question])[0]


def abatch(chain: Runnable[Any, Any], question: Any) -> Any:
    """Ask in an asynchronous batch of one."""
    return asyncio.run(chain.abatch([question]))[0]


def stream(chain: Runnable[Any, Any], question: Any) -> Any:
    """Ask in a stream of chunks."""
    return list(chain.stream(question))[-1]


def astream(chain: Runnable[Any, Any], question: Any) -> Any:
    """Ask in an asynchronous stream of chunks."""

    async def read() -> Any:
        return [chunk async for chunk in chain.astream(question)][-1]

    return asyncio.run(read())


WAYS: list[Any] = [invoke, ainvoke, batch, abatch, stream, astream]
ways = pytest.mark.parametrize("ask", WAYS)
# Before Python 3.11, LangChain does not tell the runs above a call that is made in a task, unless
# the code hands the config on.
UNKNOWN: list[Any] = [] if sys.version_info >= (3, 11) else [ainvoke, abatch, astream]
in_tasks = pytest.mark.parametrize("asynchronous", [False] if UNKNOWN else [False, True])
# In a stream, LangChain's own parsers of JSON make the best of what they get.
STREAMED = ["a function that refuses", "a parser of one's own", "inside of one step", "by hand"]
REFUSED = (OutputParserException, ValueError)


@pytest.fixture
def cache() -> Iterator[LLMCache]:
    """A cache that heals, as it does by default."""
    healing._runs.clear()  # what other tests left
    yield LLMCache()
    assert not healing._runs  # whatever ended is forgotten


# --- a refusal heals --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "ask"),
    [
        (chain, ask)
        for chain in CHAINS
        for ask in WAYS
        if (ask in WAYS[:4] or chain in STREAMED)
        and not (ask in UNKNOWN and chain in {"inside of one step", "by hand"})
    ],
)
def test_the_next_attempt_asks_the_model(cache: LLMCache, chain: str, ask: Any) -> None:
    """A refused answer is gone: the model is asked again, and what parses is a hit from then on."""
    model = Scripted(cache=cache)
    made = CHAINS[chain](with_cache(model))
    question: Any = {"q": "a ticket"} if chain.startswith("prompt") else "a ticket"
    with pytest.raises(REFUSED):
        ask(made, question)
    for _ in range(3):
        ask(made, question)
    assert model.calls == 2
    assert cache.stats().healed == 1


@pytest.mark.parametrize("ask", WAYS[:4])  # LangChain retries no streams
def test_with_retry_gets_a_good_answer(cache: LLMCache, ask: Any) -> None:
    """LangChain's own retries are of use: two model calls, then hits."""
    model = Scripted(cache=cache)
    chain: Any = model | JsonOutputParser()
    retrying = chain.with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    for _ in range(3):
        assert ask(retrying, "a ticket") == {"title": "t", "severity": 3}
    assert model.calls == 2


@pytest.mark.parametrize("ask", WAYS[:4])
def test_structured_output_heals(cache: LLMCache, ask: Any) -> None:
    """Tool calls whose arguments are refused by a class: pydantic's error is the parser's."""
    model = Scripted(cache=cache, as_tool_call=True)
    chain = model.with_structured_output(Ticket)
    with pytest.raises(ValidationError):
        ask(chain, "a ticket")
    for _ in range(2):
        assert ask(chain, "a ticket") == Ticket(title="t", severity=3)
    assert model.calls == 2


def test_include_raw_does_not_fail_and_keeps_the_answer(cache: LLMCache) -> None:
    """Who asks for the raw answer has it: nothing fails, and nothing is removed."""
    model = Scripted(cache=cache, as_tool_call=True)
    chain = model.with_structured_output(Ticket, include_raw=True)
    for _ in range(2):
        answer: Any = chain.invoke("a ticket")
        assert isinstance(answer["parsing_error"], ValidationError)
    assert model.calls == 1


@pytest.mark.parametrize("ask", WAYS[:4])
def test_text_models_heal(cache: LLMCache, ask: Any) -> None:
    """Their hits have no run of their own."""
    model = Text(cache=cache, script=[BAD, BAD, GOOD])
    chain: Any = model | JsonOutputParser()
    model.invoke("a ticket")  # then it is a hit
    for _ in range(2):
        with pytest.raises(OutputParserException):
            ask(chain, "a ticket")
    for _ in range(2):
        ask(chain, "a ticket")
    assert (model.calls, cache.stats().healed) == (3, 2)


def test_text_models_heal_each_prompt_of_a_batch(cache: LLMCache) -> None:
    """One call asks for many prompts: each belongs to a run of its own."""
    model = Text(cache=cache, script=[GOOD, BAD, GOOD])
    chain: Any = model | JsonOutputParser()
    answers = chain.batch(["a", "b", "c"], return_exceptions=True)
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    answers = chain.batch(["a", "b", "c"], return_exceptions=True)
    assert not any(isinstance(answer, Exception) for answer in answers)
    assert model.calls == 4


def test_a_hit_heals_too(target: Target) -> None:
    """An answer that another process stored, on every store, sync and async."""
    cache = target.make()
    model = Scripted(cache=cache, script={"a": [BAD, BAD, GOOD]})
    chain: Any = model | JsonOutputParser()
    model.invoke("a")
    with pytest.raises(OutputParserException):
        chain.invoke("a")
    model.invoke("a")
    with pytest.raises(OutputParserException):
        asyncio.run(chain.ainvoke("a"))
    assert chain.invoke("a")
    assert (model.calls, cache.stats().healed) == (3, 2)


def test_a_copy_in_the_process_heals(cache: LLMCache) -> None:
    """The near cache forgets it too."""
    near = LLMCache(cache.store, near=NearCache())
    model = Scripted(cache=near)
    chain: Any = model | JsonOutputParser()
    model.invoke("a ticket")
    with pytest.raises(OutputParserException):
        chain.invoke("a ticket")
    assert chain.invoke("a ticket")


def test_fallbacks_heal_what_they_fall_back_from(cache: LLMCache) -> None:
    """A chain whose refusal is caught heals all the same: next time its model is asked first."""
    first = Scripted(cache=cache)
    second = Scripted(cache=cache, model="second", script={"a": [GOOD]})
    chain = (first | JsonOutputParser()).with_fallbacks([second | JsonOutputParser()])
    for _ in range(3):
        assert chain.invoke("a")
    assert (first.calls, second.calls) == (2, 1)


# --- agents and graphs ------------------------------------------------------------------------


class State(TypedDict):
    """Of the graphs."""

    answer: Any


@in_tasks
def test_a_node_that_refuses_heals(cache: LLMCache, asynchronous: bool) -> None:
    """A node may ask and parse in its own code; LangGraph's retries are of use."""
    model = Scripted(cache=cache)
    parser = PydanticOutputParser(pydantic_object=Ticket)

    def node(state: State) -> Any:
        return {"answer": parser.parse(model.invoke("a ticket").text)}

    async def anode(state: State) -> Any:
        return {"answer": parser.parse((await model.ainvoke("a ticket")).text)}

    policy = RetryPolicy(initial_interval=0.01, retry_on=OutputParserException)
    builder: Any = StateGraph(State)
    builder.add_node("other", lambda _: {"answer": model.invoke("another question").text})
    builder.add_node("node", anode if asynchronous else node, retry_policy=policy)
    builder.add_edge(START, "other")
    builder.add_edge("other", "node")
    graph = builder.compile()
    for _ in range(2):
        found = asyncio.run(graph.ainvoke({})) if asynchronous else graph.invoke({})
        assert found["answer"] == Ticket(title="t", severity=3)
    assert (model.asked("a ticket"), model.asked("another question")) == (2, 1)


@in_tasks
def test_an_agent_whose_output_is_refused_heals(cache: LLMCache, asynchronous: bool) -> None:
    """An agent that fails with a bad structured output asks anew in its next run."""
    model = Scripted(cache=cache, as_tool_call=True)
    strategy: Any = ToolStrategy(Ticket, handle_errors=False)
    agent: Any = create_agent(model, response_format=strategy)
    question = {"messages": [{"role": "user", "content": "a ticket"}]}

    def ask() -> Any:
        return asyncio.run(agent.ainvoke(question)) if asynchronous else agent.invoke(question)

    with pytest.raises(StructuredOutputValidationError):
        ask()
    for _ in range(2):
        assert ask()["structured_response"] == Ticket(title="t", severity=3)
    assert model.calls == 2


# --- and nothing else does --------------------------------------------------------------------


def fails(error: Exception) -> Callable[[Any], Any]:
    """Return a step that has nothing to do with parsing."""

    def step(_: Any) -> Any:
        raise error

    return step


def wants_another_class(_: Any) -> Any:
    """Validate something of the application's own."""
    return Ticket(title="t", severity="high")  # type: ignore[arg-type]


@ways
@pytest.mark.parametrize(
    "step",
    [
        fails(KeyError("k")),
        fails(ValueError("v")),
        fails(RuntimeError("r")),
        wants_another_class,
    ],
)
def test_an_error_that_is_no_refusal_removes_nothing(cache: LLMCache, step: Any, ask: Any) -> None:
    """The application's own errors behind a parser are not the answer's fault."""
    model = Scripted(cache=cache, script={"a": [GOOD]})
    chain = with_cache(model) | JsonOutputParser() | RunnableLambda(step)
    for _ in range(2):
        with pytest.raises((KeyError, ValueError, RuntimeError)):
            ask(chain, "a")
    assert model.calls == 1


@pytest.mark.parametrize("ask", WAYS[:4])
def test_an_answer_that_parses_is_left_alone(cache: LLMCache, ask: Any) -> None:
    """In a chain of two models, only the refused answer is asked for again."""
    first = Scripted(cache=cache, model="first", script={"a": [GOOD]})
    second = Scripted(cache=cache, model="second")
    chain = first | JsonOutputParser() | (lambda _: "b") | second | JsonOutputParser()
    with pytest.raises(OutputParserException):
        ask(chain, "a")
    assert ask(chain, "a")
    assert (first.calls, second.calls) == (1, 2)


@pytest.mark.parametrize("ask", WAYS[:4])
def test_a_neighbour_is_left_alone(cache: LLMCache, ask: Any) -> None:
    """Of two branches, only the one that was refused is asked again."""
    good = Scripted(cache=cache, model="good", script={"a": [GOOD]})
    bad = Scripted(cache=cache, model="bad")
    chain: Any = RunnableParallel(
        good=good | JsonOutputParser(), bad=bad | JsonOutputParser()
    ) | RunnableLambda(lambda known: known)
    good.invoke("a")
    with pytest.raises(OutputParserException):
        ask(chain, "a")
    assert ask(chain, "a")
    assert (good.calls, bad.calls) == (1, 2)


@pytest.mark.parametrize("exceptions", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_batch_loses_only_what_was_refused(
    cache: LLMCache, exceptions: bool, asynchronous: bool
) -> None:
    """langchain-core tells all runs of a batch of one input's failure."""
    model = Scripted(cache=cache, script={"a": [GOOD], "b": [BAD, GOOD], "c": [GOOD]})
    chain: Any = model | JsonOutputParser()
    questions = ["a", "b", "c"]

    def ask() -> Any:
        if asynchronous:
            return asyncio.run(chain.abatch(questions, return_exceptions=exceptions))
        return chain.batch(questions, return_exceptions=exceptions)

    if exceptions:
        assert isinstance(ask()[1], OutputParserException)
    else:
        with pytest.raises(OutputParserException):
            ask()
    assert ask() == [{"title": "t", "severity": 3}] * 3
    assert [model.asked(question) for question in questions] == [1, 2, 1]


def test_a_newer_answer_is_left_alone(cache: LLMCache) -> None:
    """Another caller has a good answer stored while this one's is refused: that one stays."""
    model = Scripted(cache=cache)

    def too_late(message: Any) -> Any:
        def refresh() -> None:
            with cache_options(read=False):
                model.invoke("a ticket")

        if message.text == BAD:
            other = threading.Thread(target=refresh)
            other.start()
            other.join()
        return judge(message)

    chain: Any = model | RunnableLambda(too_late)
    with pytest.raises(OutputParserException):
        chain.invoke("a ticket")
    assert chain.invoke("a ticket").text == GOOD
    assert (model.calls, cache.stats().healed) == (2, 0)


# --- switched on and off, counted -------------------------------------------------------------


def test_it_can_be_switched_off() -> None:
    """With ``heal=False`` an answer stays, whatever a parser says of it."""
    model = Scripted(cache=LLMCache(heal=False))
    chain: Any = model | JsonOutputParser()
    for _ in range(2):
        with pytest.raises(OutputParserException):
            chain.invoke("a ticket")
    assert model.calls == 1
    with pytest.raises(ConfigurationError, match="heal is 1"):
        LLMCache(heal=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"write": False}, {"on_miss": "raise"}])
def test_a_reader_removes_nothing(cache: LLMCache, options: Any) -> None:
    """Where nothing is to be written, and in a replay, what is stored stays."""
    model = Scripted(cache=cache)
    model.invoke("a ticket")
    with cache_options(**options), pytest.raises(OutputParserException):
        (model | JsonOutputParser()).invoke("a ticket")
    model.invoke("a ticket")
    assert model.calls == 1


def test_it_is_told() -> None:
    """It is an event, of that request, and a count."""
    events: list[CacheEvent] = []
    with LLMCache(on_event=events.append) as cache:
        model = Scripted(cache=cache)
        with pytest.raises(OutputParserException):
            (model | JsonOutputParser()).invoke("a ticket")
    assert eventually(lambda: any(event.kind == "heal" for event in events))
    [event] = [event for event in events if event.kind == "heal"]
    stored = next(event for event in events if event.kind == "store")
    assert (event.model, event.digest) == ("scripted", stored.digest)
    assert cache.stats().healed == 1


def test_a_store_that_is_down_is_in_nobodys_way() -> None:
    """The parser's own error reaches the application."""
    model = Scripted(cache=LLMCache.from_url("valkey://127.0.0.1:1", timeout=0.1))
    with pytest.raises(OutputParserException):
        (model | JsonOutputParser()).invoke("a ticket")
    with pytest.raises(OutputParserException):
        asyncio.run((model | JsonOutputParser()).ainvoke("another"))


def test_nothing_is_watched_without_a_cache_that_heals() -> None:
    """When the last such cache is gone, langchain-core's managers are its own again."""
    cache = LLMCache()
    mine = id(cache)
    assert mine in healing._healing
    assert type(get_callback_manager_for_config({})) is not CallbackManager
    del cache
    collect_garbage()
    assert mine not in healing._healing
    if not healing._healing:
        assert type(get_callback_manager_for_config({})) is CallbackManager


def test_runs_that_never_end_are_bounded(cache: LLMCache) -> None:
    """What is known of runs and their answers is bounded."""
    model = Scripted(cache=cache, script={str(number): [GOOD] for number in range(300)})

    def many(_: Any) -> Any:
        for number in range(300):
            model.invoke(str(number))
        [run] = healing._runs.values()
        assert len(run.answers) == healing._ANSWERS

    RunnableLambda(many).invoke("go")
    for number in range(healing._RUNS + 10):
        healing._run(number)  # type: ignore[arg-type]
    assert len(healing._runs) == healing._RUNS
    healing._runs.clear()
