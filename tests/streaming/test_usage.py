"""An answer that came as a stream without counts of its tokens is not given to an ``invoke``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.event_stream import _AstreamEventsCallbackHandler

from langchain_llmcache import LLMCache
from langchain_llmcache._flow import single_flight
from langchain_llmcache.options import cache_options
from langchain_llmcache.streaming import with_cache
from tests.support import models
from tests.support.patience import LATE
from tests.support.providers import ModelServer
from tests.support.scripted import USAGE, ScriptedModel
from tests.support.targets import Target

QUESTION = "What is ElastiCache?"
ZERO = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


class Silent(ScriptedModel):
    """Tells no usage in a stream."""

    def _chunks(self, kind: str) -> Iterator[ChatGenerationChunk]:
        for chunk in super()._chunks(kind):
            if kind != "generate":
                assert isinstance(chunk.message, AIMessageChunk)
                chunk.message.usage_metadata = None
            yield chunk


class Mute(Silent):
    """Tells none at all."""

    def _generate(self, messages: list[BaseMessage], *_: Any, **kwargs: Any) -> ChatResult:
        result = super()._generate(messages)
        result.generations[0].message.usage_metadata = None  # type: ignore[attr-defined]
        return result


@pytest.fixture(autouse=True)
def _nothing_was_asked() -> None:
    ScriptedModel.calls.clear()


@pytest.fixture
def openai() -> Iterator[ModelServer]:
    """A stand-in for OpenAI. At another address than OpenAI's own, streams have no usage."""
    with ModelServer(counts_streams=None) as running:
        yield running


def usage(message: Any) -> dict[str, int]:
    """Return the counts of a message."""
    return {name: message.usage_metadata[name] for name in ZERO}


def test_openai_at_another_address(target: Target, openai: ModelServer) -> None:
    """A stream there has no usage; the ``invoke`` after it has, and so have all hits after that."""
    model = with_cache(models.openai(openai.url), target.make())
    streamed = list(model.stream(QUESTION))
    assert all(chunk.usage_metadata is None for chunk in streamed)
    [again] = model.stream(QUESTION)
    assert again.response_metadata["llmcache"]["hit"]
    assert openai.calls == 1
    live = model.invoke(QUESTION)
    assert usage(live)["output_tokens"] > 0
    assert openai.calls == 2
    assert usage(model.invoke(QUESTION)) == usage(live)
    [hit] = model.stream(QUESTION)
    assert usage(hit) == usage(live)
    assert openai.calls == 2


Ask = Callable[[Any], Any]
WAYS: dict[str, Ask] = {
    "invoke": lambda model: model.invoke(QUESTION),
    "ainvoke": lambda model: asyncio.run(model.ainvoke(QUESTION)),
    "batch": lambda model: model.batch([QUESTION])[0],
    "abatch": lambda model: asyncio.run(model.abatch([QUESTION]))[0],
}


def listening() -> RunnableConfig:
    """Return what makes langchain-core stream behind an ``invoke``, as ``astream_events`` does."""
    handler: BaseTracer | Any = _AstreamEventsCallbackHandler()
    return {"callbacks": [handler]}


@pytest.mark.parametrize("way", WAYS)
def test_whoever_wants_the_usage_asks(way: str) -> None:
    """Each way to ask without a stream asks once, and replaces the entry."""
    cache = LLMCache()
    model = with_cache(Silent(), cache)
    list(model.stream(QUESTION))
    assert usage(WAYS[way](model)) == USAGE
    assert usage(WAYS[way](model)) == USAGE
    assert len(ScriptedModel.calls) == 2
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.stale, stats.corrupt) == (1, 2, 1, 0)


@pytest.mark.parametrize("is_async", [False, True])
async def test_streams_behind_an_invoke(is_async: bool) -> None:
    """Core streams there for those who listen: they take what a stream left, others do not."""
    cache = LLMCache()
    model = Silent(cache=cache)

    async def ask(config: RunnableConfig | None = None) -> Any:
        if is_async:
            return await model.ainvoke(QUESTION, config)
        return model.invoke(QUESTION, config)

    assert (await ask(listening())).usage_metadata is None
    assert ScriptedModel.calls == ["astream" if is_async else "stream"]
    hit = await ask(listening())
    assert hit.response_metadata["llmcache"]["hit"]
    assert len(ScriptedModel.calls) == 1
    assert usage(await ask()) == USAGE
    assert usage(await ask()) == USAGE
    assert usage(await ask(listening())) == USAGE
    assert len(ScriptedModel.calls) == 2


def test_a_model_that_never_tells() -> None:
    """It is asked once more until that is known, and then its streams serve everybody."""
    model = with_cache(Mute(), LLMCache())
    list(model.stream(QUESTION))
    assert usage(with_zero(model.invoke(QUESTION))) == ZERO
    assert len(ScriptedModel.calls) == 2
    for question in ("one", "two"):
        list(model.stream(question))
        assert model.invoke(question).response_metadata["llmcache"]["hit"]
    assert len(ScriptedModel.calls) == 4


def with_zero(message: Any) -> Any:
    """Return a message, with the counts that a hit without any has."""
    message.usage_metadata = message.usage_metadata or ZERO
    return message


def test_an_invoke_that_waits_for_a_stream_asks_for_itself() -> None:
    """The leader's answer is not what it wants."""
    cache = LLMCache()
    model = with_cache(Silent(pause=0.01), cache)
    stream = model.stream(QUESTION)
    next(stream)

    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(model.invoke, QUESTION)
        while not cache.stats().waits:
            time.sleep(0.01)
        list(stream)
        assert usage(waiting.result()) == USAGE


def test_of_many_invokes_that_wait_for_a_stream_one_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others take what that one is told."""
    # (Until all wait, also if this process stands still.)
    monkeypatch.setattr(single_flight, "_PATIENCE", LATE)
    cache = LLMCache()
    model = with_cache(Silent(pause=0.01), cache)
    stream = model.stream(QUESTION)
    next(stream)

    with ThreadPoolExecutor(10) as threads:
        waiting = [threads.submit(model.invoke, QUESTION) for _ in range(10)]
        while cache.stats().waits < len(waiting):
            time.sleep(0.01)
        list(stream)
        assert [usage(each.result()) for each in waiting] == [USAGE] * len(waiting)
    assert len(ScriptedModel.calls) == 2
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (len(waiting) - 1, 2)


def test_a_replay_takes_what_there_is() -> None:
    """With ``on_miss="raise"`` nothing better can be had."""
    cache = LLMCache()
    model = with_cache(Silent(), cache)
    list(model.stream(QUESTION))
    with cache_options(on_miss="raise"):
        assert usage(model.invoke(QUESTION)) == ZERO


def test_other_models_are_left_alone() -> None:
    """An ``invoke`` without usage is a hit for all."""
    model = with_cache(FakeListChatModel(responses=["one", "two"]), LLMCache())
    assert model.invoke(QUESTION).content == "one"
    assert model.invoke(QUESTION).content == "one"
    assert "".join(str(chunk.content) for chunk in model.stream(QUESTION)) == "one"
