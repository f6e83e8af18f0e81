"""One bad answer can be removed: a message leads back to the entry that it came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from pydantic import PrivateAttr

from langchain_llmcache import CacheEvent, ConfigurationError, LLMCache, NearCache, cache_options
from langchain_llmcache._answer import origins
from langchain_llmcache._request.key import parse_path
from langchain_llmcache.streaming import with_cache
from tests.support.patience import eventually
from tests.support.targets import Half, Target

Halves = Callable[[LLMCache], Half]


class Model(BaseChatModel):
    """A chat model that counts its calls, and calls a tool first where there are some."""

    model: str = "m"
    _asked: list[str] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "m"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self._asked)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Take any tools."""
        return self.bind(tools=[each.name for each in tools])

    def _message(self, messages: list[BaseMessage], tools: list[str]) -> AIMessageChunk:
        self._asked.append(messages[-1].text)
        chunk = tool_call_chunk(
            name="weather", args='{"city": "Oslo"}', id=f"call_{self.calls}", index=0
        )
        calls = [chunk] if tools and isinstance(messages[-1], HumanMessage) else []
        return AIMessageChunk(content="an answer", tool_call_chunks=calls)

    def _generate(self, messages: Any, *_: Any, tools: Any = (), **__: Any) -> ChatResult:
        message: Any = message_chunk_to_message(self._message(messages, tools))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages: Any, *_: Any, tools: Any = (), **__: Any) -> Any:
        yield ChatGenerationChunk(message=self._message(messages, tools))
        yield ChatGenerationChunk(message=AIMessageChunk(content=" and more"))


def stream(model: Any, question: Any) -> Any:
    """Return the sum of a stream's chunks."""
    chunks = list(model.stream(question))
    return sum(chunks[1:], chunks[0])


def astream(model: Any, question: Any) -> Any:
    """Do the same, asynchronously."""

    async def read() -> Any:
        chunks = [chunk async for chunk in model.astream(question)]
        return sum(chunks[1:], chunks[0])

    return asyncio.run(read())


def invoke(model: Any, question: Any) -> Any:
    """Return the whole answer."""
    return model.invoke(question)


def ainvoke(model: Any, question: Any) -> Any:
    """Do the same, asynchronously."""
    return asyncio.run(model.ainvoke(question))


WAYS = pytest.mark.parametrize("ask", [invoke, ainvoke, stream, astream])


async def test_the_entry_of_a_hit_is_removed(target: Target, half: Halves) -> None:
    """Its marker tells the key; the next call asks the model."""
    cache = target.make()
    model = Model(cache=cache)
    model.invoke("a question")
    model.invoke("another")
    hit = model.invoke("a question")
    assert parse_path(hit.response_metadata["llmcache"]["key"]) is not None
    assert await half(cache).forget(hit) is True
    assert await half(cache).forget(hit) is False
    model.invoke("a question")
    model.invoke("another")
    assert model.calls == 3


@WAYS
def test_the_entry_of_a_live_answer_is_removed(ask: Any) -> None:
    """An answer that was just paid for has no marker, and is known by its id."""
    cache = LLMCache()
    model = with_cache(Model(), cache)
    live = ask(model, "a question")
    assert "llmcache" not in live.response_metadata
    assert cache.forget(live)
    assert "llmcache" not in ask(model, "a question").response_metadata
    hit = ask(model, "a question")
    assert cache.forget(hit)
    assert model.calls == 2


def test_a_message_that_was_saved_still_leads_back() -> None:
    """Through JSON, a checkpoint, another process: the marker is data."""
    cache = LLMCache()
    model = Model(cache=cache)
    model.invoke("a question")
    saved = model.invoke("a question").model_dump_json()
    assert cache.forget(AIMessage.model_validate_json(saved))


def test_messages_of_an_agent_lead_back() -> None:
    """Each step of an agent is an entry, also where tool calls have ids that are numbered."""

    @tool
    def weather(city: str) -> str:
        """Tell the weather."""
        return f"fine in {city}"

    near = LLMCache(near=NearCache())
    model = Model(cache=near)
    agent: Any = create_agent(model, [weather])
    question = {"messages": [HumanMessage("weather?")]}
    agent.invoke(question)
    answers = [m for m in agent.invoke(question)["messages"] if isinstance(m, AIMessage)]
    calls = model.calls
    assert len(answers) == calls
    for answer in answers:
        assert near.forget(answer)
    agent.invoke(question)
    assert model.calls == 2 * calls


def test_the_namespace_of_a_block_does_not_matter() -> None:
    """A key is a key, wherever it is used."""
    cache = LLMCache(namespace="app", key_secret="s")
    model = Model(cache=cache)
    with cache_options(namespace="tenant"):
        model.invoke("a question")
        hit = model.invoke("a question")
    assert cache.forget(hit)


def test_another_namespace_is_refused() -> None:
    """A message that a user sends in is no way into another tenant's answers."""
    ours = LLMCache(namespace="a")
    model = Model(cache=LLMCache(ours.store, namespace="b"))
    model.invoke("a question")
    hit = model.invoke("a question")
    with pytest.raises(ConfigurationError, match="another namespace"):
        ours.forget(hit)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (AIMessage("hello"), "does not tell its entry"),
        (AIMessage("hello", id="lc_run--1"), "does not tell its entry"),
        (HumanMessage("hello"), "does not tell its entry"),
        (ToolMessage("hello", tool_call_id="1"), "does not tell its entry"),
        (AIMessage("", response_metadata={"llmcache": 3}), "does not tell its entry"),
        (AIMessage("", response_metadata={"llmcache": {"key": 3}}), "does not tell its entry"),
        (AIMessage("", response_metadata={"llmcache": {"key": "a/../b"}}), "does not tell"),
        (AIMessage("", response_metadata={"llmcache": {"key": "*"}}), "does not tell its entry"),
        ("hello", "message is a str"),
        (None, "message is None"),
        ({"role": "ai", "content": "hello"}, "message is a dict"),
    ],
)
async def test_what_leads_nowhere_is_refused(message: Any, said: str, half: Halves) -> None:
    """Rather than claim that there is no such entry."""
    with pytest.raises(ConfigurationError, match=said):
        await half(LLMCache()).forget(message)


def test_it_is_told() -> None:
    """An event of the kind ``delete``, of that request."""
    events: list[CacheEvent] = []
    with LLMCache(on_event=events.append) as cache:
        model = Model(cache=cache)
        assert cache.forget(model.invoke("a question"))
    assert eventually(lambda: any(event.kind == "delete" for event in events))
    kinds = [(event.kind, event.digest, event.count) for event in events]
    assert kinds[-1] == ("delete", kinds[0][1], 1)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old answers are no longer known by their ids; as hits they always are."""
    monkeypatch.setattr(origins, "_KEPT", 2)
    cache = LLMCache()
    model = Model(cache=cache)
    answers = [model.invoke(str(number)) for number in range(4)]
    with pytest.raises(ConfigurationError):
        cache.forget(answers[1])
    assert cache.forget(answers[2])
    assert cache.forget(model.invoke("0"))
