"""The main job: a real chat model, the global cache, and a second call that is no call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_aws import ChatBedrockConverse
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.call_ids import numbered
from tests.support.targets import Target

QUESTION = "Which port does Valkey listen on?"


@pytest.fixture(scope="module")
def shared_endpoint() -> Iterator[ConverseEndpoint]:
    """A model server for this module."""
    with ConverseEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(shared_endpoint: ConverseEndpoint) -> Callable[[], int]:
    """Count the requests that reached the model since the test began."""
    before = shared_endpoint.calls
    return lambda: shared_endpoint.calls - before


@pytest.fixture(scope="module")
def model(shared_endpoint: ConverseEndpoint) -> ChatBedrockConverse:
    """A real model class that talks to it."""
    return chat_model(shared_endpoint, temperature=0.2)


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


async def _invoke(model: Any, question: str) -> AIMessage:
    return model.invoke(question)  # type: ignore[no-any-return]


async def _ainvoke(model: Any, question: str) -> AIMessage:
    return await model.ainvoke(question)  # type: ignore[no-any-return]


async def _batch(model: Any, question: str) -> AIMessage:
    return model.batch([question])[0]  # type: ignore[no-any-return]


async def _abatch(model: Any, question: str) -> AIMessage:
    return (await model.abatch([question]))[0]  # type: ignore[no-any-return]


def _essence(message: AIMessage) -> dict[str, Any]:
    usage = dict(message.usage_metadata or {})
    usage.pop("total_cost", None)  # langchain-core's own, on every hit
    metadata = {k: v for k, v in message.response_metadata.items() if k != "llmcache"}
    fields = {
        "class": type(message),
        "content": message.content,
        "tool_calls": message.tool_calls,
        "usage": usage,
        "metadata": metadata,
        "additional": message.additional_kwargs,
    }
    return numbered(fields)  # type: ignore[no-any-return]


@pytest.mark.parametrize("ask", [_invoke, _ainvoke, _batch, _abatch])
@pytest.mark.parametrize("tools", [False, True], ids=["text", "tools"])
async def test_a_second_call_is_a_hit(
    target: Target,
    model: ChatBedrockConverse,
    endpoint: Callable[[], int],
    ask: Callable[..., Any],
    tools: bool,
) -> None:
    """The second call sends no request, and returns the same content, tool calls and usage."""
    set_llm_cache(target.make())
    asked: Any = model.bind_tools([weather]) if tools else model

    first = await ask(asked, QUESTION)
    assert endpoint() == 1
    assert "llmcache" not in first.response_metadata
    second = await ask(asked, QUESTION)

    assert endpoint() == 1
    assert _essence(second) == _essence(first)
    assert bool(second.tool_calls) is tools
    assert second.usage_metadata is not None
    assert second.usage_metadata["total_tokens"] > 0
    assert second.response_metadata["llmcache"]["hit"] is True
    assert second.response_metadata["llmcache"]["saved"] > 0


async def test_the_four_ways_to_ask_share_their_answers(
    target: Target, model: ChatBedrockConverse, endpoint: Callable[[], int]
) -> None:
    """An answer to ``invoke`` is a hit for ``ainvoke``, ``batch`` and ``abatch``."""
    set_llm_cache(target.make())
    for ask in (_invoke, _ainvoke, _batch, _abatch):
        await ask(model, QUESTION)
    assert endpoint() == 1


def test_the_cache_of_one_model(
    target: Target, model: ChatBedrockConverse, endpoint: Callable[[], int]
) -> None:
    """A cache can be given to one model instead of to all."""
    cached = model.model_copy(update={"cache": target.make()})
    for asked in (cached, cached, model, model):
        asked.invoke(QUESTION)
    assert endpoint() == 3


def test_a_hit_may_be_cached_by_another_cache(target: Target, model: ChatBedrockConverse) -> None:
    """A hit, with what langchain-core added to it, is an answer like any other."""
    cache = target.make()
    set_llm_cache(cache)
    model.invoke(QUESTION)
    hit = model.invoke(QUESTION)
    cache.update("another prompt", "settings", [ChatGeneration(message=hit)])
    again = cache.lookup("another prompt", "settings")
    assert again is not None
    assert again[0].text == hit.text
    assert cache.stats().refused == 0


def test_sync_calls_in_a_running_loop(
    target: Target, model: ChatBedrockConverse, endpoint: Callable[[], int]
) -> None:
    """``invoke`` works where a loop runs, as in Jupyter, and leaves the loop alone."""
    set_llm_cache(target.make())

    async def cell() -> tuple[AIMessage, AIMessage]:
        loop = asyncio.get_running_loop()
        first, second = model.invoke(QUESTION), model.invoke(QUESTION)
        assert asyncio.get_running_loop() is loop
        return first, second

    first, second = asyncio.run(cell())
    assert first.content == second.content
    assert endpoint() == 1
