"""``with_cache`` over models that are made, or chosen, when they are asked."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.globals import set_llm_cache
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

from langchain_llmcache import ConfigurationError, LLMCache
from langchain_llmcache.agents import CacheMiddleware
from langchain_llmcache.streaming import with_cache
from tests.support.providers import ModelServer
from tests.support.scripted import ScriptedModel

QUESTION = "What is a lease?"


@pytest.fixture
def provider() -> Iterator[ModelServer]:
    """A local server that speaks OpenAI's protocol."""
    with ModelServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_was_asked() -> None:
    ScriptedModel.calls.clear()


def configured(**fields: Any) -> dict[str, Any]:
    """Return a config that chooses."""
    return {"configurable": fields}


def configurable(provider: ModelServer, **options: Any) -> Any:
    """Return what ``init_chat_model`` makes of a choice of models."""
    return init_chat_model(
        model_provider="openai",
        base_url=f"{provider.url}/v1",
        api_key="none",
        configurable_fields=("model", "temperature"),
        **options,
    )


def is_hit(answer: Any) -> bool:
    """Tell whether a message, or the chunks of one, come from the cache."""
    last = answer[-1] if isinstance(answer, list) else answer
    return "llmcache" in last.response_metadata


async def ask(model: Any, how: str, config: Any) -> Any:
    """Ask in one of the four ways."""
    match how:
        case "invoke":
            return model.invoke(QUESTION, config)
        case "ainvoke":
            return await model.ainvoke(QUESTION, config)
        case "stream":
            return list(model.stream(QUESTION, config))
        case _:
            return [chunk async for chunk in model.astream(QUESTION, config)]


HOW = ["invoke", "ainvoke", "stream", "astream"]


# --- init_chat_model --------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
async def test_what_is_configured_is_cached(provider: ModelServer, how: str) -> None:
    """Each configuration has its answers; all four ways share them."""
    model = with_cache(configurable(provider), LLMCache())
    for name in ("gpt-4o", "gpt-4o-mini"):
        assert not is_hit(await ask(model, how, configured(model=name)))
        for again in HOW:
            assert is_hit(await ask(model, again, configured(model=name)))
    assert not is_hit(await ask(model, how, configured(model="gpt-4o", temperature=1)))
    assert provider.calls == 3


async def test_what_is_derived_is_cached_too(provider: ModelServer) -> None:
    """Tools, configs, bound arguments and output schemas come behind the cache."""

    class Out(BaseModel):
        city: str

    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    model = with_cache(configurable(provider, model="gpt-4o"), LLMCache())
    for derived in (
        model.bind_tools([weather]),
        model.with_config(configured(model="gpt-4o-mini")),
        model.bind(stop=["x"]),
        model.bind_tools([weather]).with_config(configured(temperature=0.5)),
        model.with_retry(),
    ):
        before = provider.calls
        assert not is_hit(list(derived.stream(QUESTION)))
        assert is_hit(await derived.ainvoke(QUESTION))
        assert provider.calls == before + 1
    parsed = model.with_structured_output(Out, include_raw=True)
    assert not is_hit(parsed.invoke(QUESTION)["raw"])
    assert is_hit(parsed.invoke(QUESTION)["raw"])


def test_a_wrapped_model_is_what_it_was(provider: ModelServer) -> None:
    """Its class, its attributes, and the original without a cache."""
    plain = configurable(provider, model="gpt-4o", temperature=0)
    model = with_cache(plain, LLMCache())
    assert isinstance(model, type(plain))
    assert type(model).__name__ == type(plain).__name__
    assert model.temperature == 0
    assert model.get_num_tokens_from_messages is not None
    with pytest.raises(AttributeError):
        _ = model.nonsense
    assert not is_hit(plain.invoke(QUESTION))
    assert not is_hit(plain.invoke(QUESTION))
    assert is_hit(with_cache(model, LLMCache()).invoke(QUESTION)) is False


def test_copies_and_pickles(provider: ModelServer) -> None:
    """They go on with the same cache."""
    cache = LLMCache()
    model = with_cache(configurable(provider, model="gpt-4o"), cache)
    model.invoke(QUESTION)
    for copied in (
        copy.copy(model),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),  # noqa: S301 - our own
        copy.deepcopy(model.bind(stop=None)),
    ):
        assert is_hit(copied.invoke(QUESTION))


def test_the_global_cache(provider: ModelServer) -> None:
    """Without a cache of its own, the one of the moment of the call."""
    model = with_cache(configurable(provider, model="gpt-4o"))
    set_llm_cache(LLMCache())
    assert not is_hit(list(model.stream(QUESTION)))
    assert is_hit(list(model.stream(QUESTION)))


def test_in_an_agent(provider: ModelServer) -> None:
    """The middleware wraps it as any other model."""
    cache = LLMCache()
    cached: Any = CacheMiddleware(cache)._cached(configurable(provider, model="gpt-4o"))
    assert not is_hit(cached.invoke(QUESTION))
    assert is_hit(cached.invoke(QUESTION))


# --- langchain-core's ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
async def test_configurable_fields(how: str) -> None:
    """``configurable_fields``: the default, and what is configured in its place."""
    fields = {"model_name": ConfigurableField(id="which")}
    model = with_cache(ScriptedModel().configurable_fields(**fields), LLMCache())
    for config in ({}, configured(which="scripted-2")):
        assert not is_hit(await ask(model, how, config))
        for again in HOW:
            assert is_hit(await ask(model, again, config))
    assert len(ScriptedModel.calls) == 2


@pytest.mark.parametrize("how", HOW)
async def test_configurable_alternatives(how: str) -> None:
    """``configurable_alternatives``: models, models that are made when chosen, bound ones."""
    model = with_cache(
        ScriptedModel().configurable_alternatives(
            ConfigurableField(id="which"),
            default_key="one",
            two=ScriptedModel(model_name="scripted-2"),
            three=lambda: ScriptedModel(model_name="scripted-3"),
            four=ScriptedModel(model_name="scripted-4").bind(stop=["x"]),
        ),
        LLMCache(),
    )
    for name in ("one", "two", "three", "four"):
        assert not is_hit(await ask(model, how, configured(which=name)))
        for again in HOW:
            assert is_hit(await ask(model, again, configured(which=name)))
    assert len(ScriptedModel.calls) == 4


async def test_fields_of_alternatives() -> None:
    """One inside of the other."""
    fields = {"model_name": ConfigurableField(id="name")}
    model = with_cache(
        ScriptedModel()
        .configurable_fields(**fields)
        .configurable_alternatives(
            ConfigurableField(id="which"), two=ScriptedModel(script="tools")
        ),
        LLMCache(),
    )
    for config in (configured(name="a"), configured(name="b"), configured(which="two")):
        assert not is_hit(await ask(model, "stream", config))
        assert is_hit(await ask(model, "ainvoke", config))


@pytest.mark.parametrize("how", HOW)
async def test_fallbacks_and_retries(how: str) -> None:
    """The model that answers is the one whose answer is found again."""
    failing = ScriptedModel(model_name="down", fails_at=0)
    model = with_cache(
        failing.with_retry(stop_after_attempt=1).with_fallbacks([ScriptedModel()]), LLMCache()
    )
    assert not is_hit(await ask(model, how, {}))
    calls = len(ScriptedModel.calls)
    assert is_hit(await ask(model, how, {}))
    assert len(ScriptedModel.calls) == calls + 1  # of the one that is down


@pytest.mark.parametrize("wrong", [lambda model: model | str, lambda _: "text", lambda _: None])
def test_what_holds_no_model_is_refused(wrong: Any) -> None:
    """A chain, and anything else."""
    with pytest.raises(ConfigurationError, match="wrap the model"):
        with_cache(wrong(ScriptedModel()), LLMCache())


def test_real_models_with_configurable_fields(provider: ModelServer) -> None:
    """A provider's class is made anew for each configuration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_openai import ChatOpenAI

        plain = ChatOpenAI(model="gpt-4o", base_url=f"{provider.url}/v1", api_key="none")  # type: ignore[arg-type]
        model: Any = with_cache(
            plain.configurable_fields(temperature=ConfigurableField(id="t")), LLMCache()
        )
        for config in ({}, configured(t=0.5)):
            assert not is_hit(list(model.stream(QUESTION, config)))
            assert is_hit(model.invoke(QUESTION, config))
    assert provider.calls == 2
