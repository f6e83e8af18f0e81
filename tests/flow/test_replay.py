"""``cache_options(on_miss="raise")``: runs that neither pay nor drift."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.globals import set_llm_cache
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.outputs import Generation

from langchain_llmcache import (
    CacheMissError,
    ConfigurationError,
    LLMCache,
    LLMCacheError,
    NearCache,
    cache_options,
)
from langchain_llmcache.streaming import with_cache
from tests.support import cli
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.targets import PROMPT, Half, Target, answer, llm_string, texts

Halves = Callable[[LLMCache], Half]
REPLAY = cache_options(on_miss="raise")
REQUEST = (PROMPT, llm_string("model-a"))


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A model server that counts its calls."""
    with ConverseEndpoint() as running:
        yield running


async def test_what_is_stored_is_answered_on_every_store(target: Target, half: Halves) -> None:
    """A hit as ever; a miss raises, with the key and the model and without the prompt."""
    cache = target.make()
    both = half(cache)
    await both.update(*REQUEST, answer("pinned"))
    with REPLAY:
        assert texts(await both.lookup(*REQUEST)) == ["pinned"]
        with pytest.raises(CacheMissError) as caught:
            await both.lookup("another prompt", REQUEST[1])
    error = caught.value
    assert isinstance(error, LLMCacheError)
    assert error.model == "model-a"
    assert error.key is not None
    assert error.key.startswith("model-a/")
    assert error.key in str(error)
    assert "another prompt" not in str(error)
    assert await both.lookup("another prompt", REQUEST[1]) is None
    assert cache.stats().misses == 2
    await cache.aclose()


async def test_it_reaches_the_caller_through_langchain(endpoint: ConverseEndpoint) -> None:
    """Invoke, ainvoke, batch, streams: no call of the model, and the error is the caller's."""
    cache = LLMCache.from_url("memory://")
    set_llm_cache(cache)
    model = chat_model(endpoint)
    known = model.invoke("Known?")
    with cache_options(on_miss="raise"):
        assert model.invoke("Known?").content == known.content
        assert (await model.ainvoke("Known?")).content == known.content
        with pytest.raises(CacheMissError):
            model.invoke("Unknown?")
        with pytest.raises(CacheMissError):
            await model.ainvoke("Unknown?")
        mixed = model.batch(["Known?", "Unknown?"], return_exceptions=True)
        assert [type(each).__name__ for each in mixed] == ["AIMessage", "CacheMissError"]
        streaming = with_cache(model, cache)
        assert "".join(chunk.text for chunk in streaming.stream("Known?")) == known.text
        with pytest.raises(CacheMissError):
            list(streaming.stream("Unknown?"))
        with pytest.raises(CacheMissError):
            [chunk async for chunk in streaming.astream("Unknown?")]
    assert endpoint.calls == 1


async def test_nobody_is_waited_for(endpoint: ConverseEndpoint, half: Halves) -> None:
    """A replay neither leads nor follows: another caller's request goes on by itself."""
    cache = LLMCache.from_url("memory://", max_wait=30)
    both = half(cache)
    assert await both.lookup(*REQUEST) is None  # somebody asks the model now
    with REPLAY, pytest.raises(CacheMissError):
        await asyncio.wait_for(both.lookup(*REQUEST), 20)
    await both.update(*REQUEST, answer())
    assert cache.stats().waits == 0


async def test_an_old_answer_is_none(half: Halves) -> None:
    """With ``max_age`` an answer that is too old is missing, and the error says so."""
    both = half(LLMCache.from_url("memory://"))
    await both.update(*REQUEST, answer())
    await asyncio.sleep(0.01)
    with (
        cache_options(on_miss="raise", max_age=0.001),
        pytest.raises(CacheMissError, match="older than max_age"),
    ):
        await both.lookup(*REQUEST)


async def test_a_store_in_trouble_is_no_answer_either(half: Halves) -> None:
    """Where the store cannot be asked, nothing may be asked for: the error says why."""
    cache = LLMCache.from_url("valkey://127.0.0.1:1", timeout=1)
    for _ in range(5):  # with the breaker closed, and open
        with REPLAY, pytest.raises(CacheMissError, match="could not be asked"):
            await half(cache).lookup(*REQUEST)
    assert cache.stats().errors >= 1
    await cache.aclose()


async def test_a_request_without_a_key_is_no_answer_either(half: Halves) -> None:
    """What is never cached cannot be replayed."""
    cache = LLMCache.from_url("memory://")
    opaque = '{"lc": 1, "type": "constructor", "kwargs": {"x": "<a at 0x7f00>"}}---[]'
    with REPLAY, pytest.raises(CacheMissError, match="no safe key") as caught:
        await half(cache).lookup("prompt", opaque)
    assert (caught.value.key, caught.value.model) == (None, None)


async def test_copies_in_the_process_count(half: Halves) -> None:
    """The near cache answers too."""
    cache = LLMCache.from_url("memory://", near=NearCache(ttl=60))
    await half(cache).update(*REQUEST, answer("near"))
    with REPLAY:
        assert texts(await half(cache).lookup(*REQUEST)) == ["near"]


def test_options_nest_and_contradict() -> None:
    """An inner block may ask again; one that leaves nothing to answer with is refused."""
    cache = LLMCache.from_url("memory://")
    with REPLAY, cache_options(on_miss="ask"):
        assert cache.lookup(*REQUEST) is None
    with (
        REPLAY,
        cache_options(read=False),
        pytest.raises(CacheMissError, match="read=False does not look"),
    ):
        cache.lookup(*REQUEST)
    with pytest.raises(ConfigurationError, match="on_miss is 'never'"):
        cache_options(on_miss="never")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="leave nothing to answer with"):
        cache_options(on_miss="raise", read=False)


def test_answers_are_pinned_by_export_and_import(
    endpoint: ConverseEndpoint, tmp_path: Path
) -> None:
    """What one run stored is a file; the next run has it and nothing else, and calls no model."""
    url, pinned = f"sqlite:///{tmp_path / 'run.db'}", f"sqlite:///{tmp_path / 'pinned.db'}"
    file = tmp_path / "answers.jsonl"
    set_llm_cache(LLMCache.from_url(url))
    first = [chat_model(endpoint).invoke(text).content for text in ("One?", "Two?")]
    cli.good("export", file, "--url", url)
    cli.good("import", file, "--url", pinned, "--ttl", "none")
    set_llm_cache(LLMCache.from_url(pinned))
    with cache_options(on_miss="raise"):
        assert [chat_model(endpoint).invoke(text).content for text in ("One?", "Two?")] == first
        with pytest.raises(CacheMissError):
            chat_model(endpoint).invoke("Three?")
    assert endpoint.calls == 2


def test_the_error_travels_between_processes() -> None:
    """It can be pickled, as what a worker raises is."""
    import pickle

    error = CacheMissError("acme/model/0123", "model", "there is no stored answer")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.key, again.model) == (str(error), error.key, error.model)


def test_an_update_still_stores() -> None:
    """Only lookups are concerned."""
    cache = LLMCache.from_url("memory://")
    with REPLAY:
        cache.update(*REQUEST, [Generation(text="stored")])
        assert texts(cache.lookup(*REQUEST)) == ["stored"]


def test_a_refused_parse_leaves_the_pinned_answer(endpoint: ConverseEndpoint) -> None:
    """Outside of a replay it heals; inside there is nothing else to answer with."""
    cache = LLMCache.from_url("memory://")
    set_llm_cache(cache)
    chain = chat_model(endpoint) | JsonOutputParser()
    chat_model(endpoint).invoke("Not JSON?")
    with cache_options(on_miss="raise"):
        for _ in range(2):
            with pytest.raises(OutputParserException):
                chain.invoke("Not JSON?")
        assert chat_model(endpoint).invoke("Not JSON?").text
    assert endpoint.calls == 1
    assert cache.stats().healed == 0
