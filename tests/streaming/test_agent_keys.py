"""Conversations and agents: what ran once makes no model call when it runs again.

Real ``ChatBedrockConverse``, real ``create_agent``, a local endpoint that draws the ids of tool
calls at random, as the service does. LangChain's own cache stands beside ours for comparison.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain_aws import ChatBedrockConverse
from langchain_core.caches import BaseCache, InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from langchain_llmcache import LLMCache
from tests.support.bedrock import ConverseEndpoint, ConverseRequest, chat_model, reply

Kind = Literal["sync", "async"]
KINDS: tuple[Kind, ...] = ("sync", "async")
Run = Callable[[ChatBedrockConverse, Kind], Awaitable[list[BaseMessage]]]


def find_order(customer: str) -> str:
    """Find a customer's latest order."""
    return f"order of {customer}"


def track(order: str) -> str:
    """Tell where an order is."""
    return f"{order} is in Oslo"


def three_steps(request: ConverseRequest) -> dict[str, Any]:
    """Call one tool, then the other, then answer: as often as results are there."""
    results = sum("toolResult" in block for said in request.messages for block in said["content"])
    use: dict[str, Any] = {"toolUseId": f"tooluse_{secrets.token_urlsafe(16)}"}
    if results == 0:
        return reply({"toolUse": {**use, "name": "find_order", "input": {"customer": "Ann"}}})
    if results == 1:
        return reply({"toolUse": {**use, "name": "track", "input": {"order": "order of Ann"}}})
    return reply("It is in Oslo.")


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A model server of one's own."""
    with ConverseEndpoint() as endpoint:
        yield endpoint


async def agent(model: ChatBedrockConverse, kind: Kind) -> list[BaseMessage]:
    """Return the messages of a run of three steps."""
    graph: Any = create_agent(model, tools=[find_order, track], system_prompt="Be brief.")
    question = {"messages": [HumanMessage("Where is Ann's order?")]}
    state = graph.invoke(question) if kind == "sync" else await graph.ainvoke(question)
    messages: list[BaseMessage] = state["messages"]
    return messages


async def conversation(model: ChatBedrockConverse, kind: Kind) -> list[BaseMessage]:
    """Return the messages of a conversation of three turns."""
    messages: list[BaseMessage] = []
    for question in ("What is a lease?", "Who holds it?", "And when it expires?"):
        messages.append(HumanMessage(question))
        answer = model.invoke(messages) if kind == "sync" else await model.ainvoke(messages)
        messages.append(answer)
    return messages


def contents(messages: list[BaseMessage]) -> list[tuple[str, str]]:
    """Return who said what."""
    return [(message.type, message.text) for message in messages]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("run", [agent, conversation])
@pytest.mark.parametrize(
    ("make", "calls"),
    [(LLMCache, [3, 0, 0]), (InMemoryCache, [3, 2, 1])],
    ids=["LLMCache", "InMemoryCache"],
)
async def test_a_second_run_makes_no_model_call(
    endpoint: ConverseEndpoint,
    make: Callable[[], BaseCache],
    calls: list[int],
    run: Run,
    kind: Kind,
) -> None:
    """Three steps or turns cost three calls once; LangChain's own cache needs three runs to learn."""
    endpoint.script = three_steps if run is agent else None
    model = chat_model(endpoint)
    set_llm_cache(make())
    made, said = [], []
    for _ in range(3):
        before = endpoint.calls
        said.append(contents(await run(model, kind)))
        made.append(endpoint.calls - before)
    assert made == calls
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize("kind", KINDS)
async def test_later_steps_survive_the_loss_of_the_first(
    endpoint: ConverseEndpoint, kind: Kind
) -> None:
    """When the first step's entry has expired, only that step is paid for again."""
    endpoint.script = three_steps
    model = chat_model(endpoint)
    asked: list[tuple[str, str]] = []

    class Recording(LLMCache):
        """Notes what was asked."""

        def lookup(self, prompt: str, llm_string: str) -> Any:
            asked.append((prompt, llm_string))
            return super().lookup(prompt, llm_string)

        async def alookup(self, prompt: str, llm_string: str) -> Any:
            asked.append((prompt, llm_string))
            return await super().alookup(prompt, llm_string)

    cache = Recording()
    set_llm_cache(cache)
    first = await agent(model, kind)
    assert cache.delete(*asked[0])
    second = await agent(model, kind)
    assert endpoint.calls == 3 + 1
    assert contents(second) == contents(first)
    ids = [
        {call["id"] for call in message.tool_calls}
        for message in (first[1], second[1])
        if isinstance(message, AIMessage)
    ]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("call_id", ["1", "call_0", "functions.track:0"])
async def test_an_agent_whose_ids_are_counted_anew_makes_no_calls_again(
    endpoint: ConverseEndpoint, call_id: str
) -> None:
    """Some servers, and most fake models, call the first tool call of each turn the same."""

    def steps(request: ConverseRequest) -> dict[str, Any]:
        said = three_steps(request)
        for block in said["output"]["message"]["content"]:
            if "toolUse" in block:
                block["toolUse"]["toolUseId"] = call_id
        return said

    endpoint.script = steps
    set_llm_cache(LLMCache())
    first = await agent(chat_model(endpoint), "sync")
    assert endpoint.calls == 3
    second = await agent(chat_model(endpoint), "async")
    assert endpoint.calls == 3
    assert contents(second) == contents(first)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_repeated_question_in_a_thread_has_two_answers(
    endpoint: ConverseEndpoint, kind: Kind
) -> None:
    """With a checkpointer, a hit does not take the place of the first answer."""
    model = chat_model(endpoint)

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"][-1:])]}

    async def aask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"][-1:])]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", ask if kind == "sync" else aask)
    builder.add_edge(START, "ask")
    graph: Any = builder.compile(checkpointer=InMemorySaver())
    set_llm_cache(LLMCache())
    config = {"configurable": {"thread_id": "1"}}
    state: dict[str, list[BaseMessage]] = {}
    for _ in range(2):
        question = {"messages": [HumanMessage("What is a lease?")]}
        if kind == "sync":
            state = graph.invoke(question, config)
        else:
            state = await graph.ainvoke(question, config)
    messages = state["messages"]
    assert [message.type for message in messages] == ["human", "ai", "human", "ai"]
    assert isinstance(messages[-1], AIMessage)
    assert messages[1].content == messages[3].content
    assert endpoint.calls == 1


async def test_what_an_agent_is_told_matters(endpoint: ConverseEndpoint) -> None:
    """Another system prompt, other tools, or another order of questions is another conversation."""
    model = chat_model(endpoint)
    set_llm_cache(LLMCache())
    one, two = HumanMessage("one"), HumanMessage("two")
    for messages in ([one, two], [two, one], [one], [one, AIMessage("x"), two]):
        before = endpoint.calls
        for _ in range(2):
            model.invoke(messages)
        assert endpoint.calls == before + 1, dumps(messages)
    before = endpoint.calls
    for bound in (model, model.bind_tools([track]), model.bind_tools([find_order])):
        for _ in range(2):
            bound.invoke([one])
    assert endpoint.calls == before + 2  # the first of the three had been asked
