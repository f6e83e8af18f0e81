"""The real classes of other providers: hits that equal the answer, and answers kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from pydantic import BaseModel, Field, create_model, field_validator

from langchain_llmcache import LLMCache
from tests.support import models
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.call_ids import numbered
from tests.support.patience import collect_garbage
from tests.support.providers import ModelServer

if TYPE_CHECKING:
    from langchain_anthropic import ChatAnthropic
    from langchain_ollama import ChatOllama
    from langchain_openai import ChatOpenAI

Kind = Literal["sync", "async"]


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    degrees: int


class Aliased(BaseModel):
    """A class whose fields have other names outside."""

    city_name: str = Field(alias="cityName")


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A model server, and no proxy on the way to it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ModelServer() as server:
        yield server


def openai(server: ModelServer, **options: Any) -> ChatOpenAI:
    """Return a model of OpenAI's Chat Completions."""
    return models.openai(server.url, **options)


def responses(server: ModelServer, **options: Any) -> ChatOpenAI:
    """Return a model of OpenAI's Responses API."""
    return models.openai(server.url, use_responses_api=True, **options)


def anthropic(server: ModelServer) -> ChatAnthropic:
    """Return a model of Anthropic's."""
    return models.anthropic(server.url)


def ollama(server: ModelServer, model: str = "llama3", **options: Any) -> ChatOllama:
    """Return a model of Ollama's."""
    return models.ollama(server.url, model, **options)


PROVIDERS: list[Callable[..., BaseChatModel]] = [openai, responses, anthropic, ollama]


async def ask(model: Any, question: Any, kind: Kind) -> Any:
    """Ask a model."""
    return model.invoke(question) if kind == "sync" else await model.ainvoke(question)


def comparable(answer: Any) -> Any:
    """Return an answer without what is meant to differ on a hit."""
    if not isinstance(answer, AIMessage):
        return answer
    fields = answer.model_dump(exclude={"id"})
    fields["response_metadata"].pop("llmcache", None)
    fields["usage_metadata"].pop("total_cost", None)
    parsed = fields["additional_kwargs"].get("parsed")
    if isinstance(parsed, BaseModel):
        fields["additional_kwargs"]["parsed"] = parsed.model_dump()
    return numbered(fields)


def cached(name: str) -> LLMCache:
    """Install a cache that knows the model's name, for settings that do not tell."""
    cache = LLMCache(key_extra={"model": name})
    set_llm_cache(cache)
    return cache


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_hit_equals_the_answer(
    server: ModelServer, provider: Callable[..., BaseChatModel], kind: Kind
) -> None:
    """Chat, tool calls and structured output: the second call is no call, and its result the same."""
    cached("m")
    model = provider(server)
    hit: Any = None
    for number, asked in enumerate(
        (model, model.bind_tools([weather]), model.with_structured_output(Weather)), start=1
    ):
        cold = await ask(asked, "How warm is it in Oslo?", kind)
        hit = await ask(asked, "How warm is it in Oslo?", kind)
        assert server.calls == number
        assert comparable(hit) == comparable(cold)
        assert type(hit) is type(cold)
    assert hit == Weather(city="Oslo", degrees=7)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_conversation_with_tools_is_repeated_from_the_cache(
    server: ModelServer, provider: Callable[..., BaseChatModel], kind: Kind
) -> None:
    """A question, a tool call, its result, an answer, a second question: nothing is asked twice."""
    cached("m")
    model = provider(server).bind_tools([weather])

    async def converse() -> list[BaseMessage]:
        messages: list[BaseMessage] = [HumanMessage("How warm is it in Oslo?")]
        messages.append(await ask(model, messages, kind))
        (call,) = messages[-1].tool_calls  # type: ignore[attr-defined]
        messages.append(ToolMessage("7 degrees", tool_call_id=call["id"]))
        messages.append(await ask(model, messages, kind))
        return messages

    first = await converse()
    assert server.calls == 2
    second = await converse()
    assert server.calls == 2
    assert comparable(second[1]) == comparable(first[1])
    assert comparable(second[3]) == comparable(first[3])


@pytest.mark.parametrize("provider", [openai, responses])
def test_structured_output_is_the_same_object(
    server: ModelServer, provider: Callable[..., BaseChatModel]
) -> None:
    """Parsed objects are built again from their data, with aliases and with the raw message."""
    set_llm_cache(LLMCache())
    for schema, options in ((Weather, {"include_raw": True}), (Aliased, {})):
        structured = provider(server).with_structured_output(schema, **options)
        cold, hit = structured.invoke("q"), structured.invoke("q")
        if isinstance(cold, dict) and isinstance(hit, dict):
            assert hit["parsed"] == cold["parsed"] == Weather(city="Oslo", degrees=7)
            assert hit["parsing_error"] is None
        else:
            assert hit == cold == Aliased(cityName="Oslo")
    assert server.calls == 2


def _place(size: int) -> type[BaseModel]:
    """Return a class of which only a validator is of its own."""

    class Place(BaseModel):
        city: str

        @field_validator("city")
        @classmethod
        def cut(cls, city: str) -> str:
            return city[:size]

    return Place


@pytest.mark.parametrize("provider", [openai, responses])
def test_classes_of_one_schema_read_the_same_answer_their_own_way(
    server: ModelServer, provider: Callable[..., BaseChatModel]
) -> None:
    """What is kept is what the model said, and not what one class made of it."""
    set_llm_cache(LLMCache())
    answers = [provider(server).with_structured_output(_place(n)).invoke("q") for n in (2, 9, 3)]
    assert [vars(answer)["city"] for answer in answers] == ["Os", "Oslo", "Osl"]
    assert server.calls == 1


def test_an_edited_class_never_gets_the_old_ones_answer(server: ModelServer) -> None:
    """A structured-output class that is defined again with other fields asks the model again."""
    set_llm_cache(LLMCache())

    def run(**fields: Any) -> dict[str, Any]:
        collect_garbage()
        edited = create_model("Report", __module__=__name__, **fields)
        answer: Any = openai(server).with_structured_output(edited).invoke("q")
        assert type(answer) is edited
        dumped: dict[str, Any] = answer.model_dump()
        return dumped

    first, second = {"city": (str, ...)}, {"city": (str, ...), "degrees": (int, ...)}
    assert run(**first) == {"city": "Oslo"}
    assert run(**second) == {"city": "Oslo", "degrees": 7}
    assert server.calls == 2
    assert run(**first) == {"city": "Oslo"}
    assert run(**second) == {"city": "Oslo", "degrees": 7}
    assert server.calls == 2


def test_two_ollama_models_never_share_an_answer(server: ModelServer) -> None:
    """Their settings are the same text, and each is cached with its own fields."""
    set_llm_cache(LLMCache())
    for _ in range(2):
        for name in ("llama3", "mistral"):
            assert name in ollama(server, name).invoke("q").text
    assert server.calls == 2


def test_two_regions_never_share_an_answer() -> None:
    """With the region in key_extra, each has its own answers in one store."""
    with ConverseEndpoint() as endpoint:
        store = LLMCache().store
        for _ in range(2):
            for region in ("us-east-1", "eu-west-1"):
                cache = LLMCache(store, key_extra={"region": region})
                chat_model(endpoint, region_name=region, cache=cache).invoke("q")
        assert endpoint.calls == 2


def test_a_conversation_that_openai_remembers_is_told_by_its_id(server: ModelServer) -> None:
    """With previous_response_id, what the server remembers is part of the request."""
    set_llm_cache(LLMCache())
    model = responses(server, use_previous_response_id=True)
    question, again = HumanMessage("q"), HumanMessage("again")
    first = responses(server, cache=False).invoke([question])
    other = first.model_copy(deep=True)
    other.response_metadata["id"] = "resp_other"
    for answer in (first, other, first, other):
        model.invoke([question, answer, again])
    previous = [request.get("previous_response_id") for request in server.requests]
    assert previous == [None, first.response_metadata["id"], "resp_other"]
