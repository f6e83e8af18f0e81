"""The model that asks is part of the request: real classes, at a local endpoint.

Each row has models that LangChain's text does not tell apart, although what they send differs:
each of them pays for its own answer once, and shares it with models that are made alike.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, Field, SecretStr

from langchain_llmcache import LLMCache
from langchain_llmcache._request.maker import KeyMaker
from langchain_llmcache._request.texts import request_of
from langchain_llmcache.streaming import with_cache
from tests.support import models
from tests.support.providers import ModelServer

QUESTION = "What is a lease?"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A model server, and nothing in the environment that leads elsewhere."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "OPENAI_", "ANTHROPIC_", "OLLAMA_", "DEEPSEEK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with models.quickly(), ModelServer() as server:
        yield server


@pytest.fixture
def other(server: ModelServer) -> Iterator[ModelServer]:
    """Another server."""
    with ModelServer() as other:
        yield other


def openai_text(url: str, **fields: Any) -> Any:
    """Return OpenAI's text model."""
    from langchain_openai import OpenAI

    return OpenAI(model="instruct", api_key=SecretStr("k"), base_url=f"{url}/v1", **fields)


def ollama_text(url: str, **fields: Any) -> Any:
    """Return Ollama's text model."""
    from langchain_ollama import OllamaLLM

    return OllamaLLM(**{"model": "llama3", "base_url": url, **fields})


def _aws(url: str) -> dict[str, Any]:
    secret = SecretStr("x")
    return {
        "aws_access_key_id": secret,
        "aws_secret_access_key": secret,
        "region_name": "us-east-1",
        "endpoint_url": url,
    }


def bedrock_text(url: str, **fields: Any) -> Any:
    """Return Bedrock's text model."""
    from langchain_aws import BedrockLLM

    return BedrockLLM(**{"model": "amazon.titan-text-express-v1", **_aws(url), **fields})


def deepseek(url: str, **fields: Any) -> Any:
    """Return a model of DeepSeek's."""
    from langchain_deepseek import ChatDeepSeek

    own = {"model": "deepseek-chat", "api_key": SecretStr("k"), "api_base": f"{url}/v1"}
    return ChatDeepSeek(**{**own, **fields})


def cohere(url: str, **fields: Any) -> Any:
    """Return a model of Cohere's."""
    from langchain_cohere import ChatCohere

    return ChatCohere(model="command-a", cohere_api_key=SecretStr("k"), base_url=url, **fields)


def anthropic(url: str, **fields: Any) -> Any:
    """Return a model of Anthropic's."""
    return models.anthropic(url, **fields)


def ollama(url: str, **fields: Any) -> Any:
    """Return a model of Ollama's."""
    return models.ollama(url, **{"model": "llama3", **fields})


def openai(url: str, **fields: Any) -> Any:
    """Return a model of OpenAI's."""
    return models.openai(url, **fields)


Make = Callable[..., Any]
MCP = {"type": "url", "name": "crm", "url": "https://a.example/mcp", "authorization_token": "a"}

ROWS: dict[str, tuple[Make, list[dict[str, Any]]]] = {
    "BedrockLLM": (
        bedrock_text,
        [
            {},
            {"temperature": 0.5},
            {"max_tokens": 5},
            {"model_kwargs": {"topP": 0.1}},
            {"model": "amazon.titan-text-lite-v1"},
        ],
    ),
    "OpenAI (text)": (
        openai_text,
        [{}, {"temperature": 0.1}, {"top_p": 0.5}, {"model_kwargs": {"user": "a"}}],
    ),
    "ChatDeepSeek": (
        deepseek,
        [
            {},
            {"default_headers": {"x-tenant": "a"}},
            {"default_headers": {"x-tenant": "b"}},
            {"top_p": 0.1},
            {"extra_body": {"a": 1, "b": 2}},
            {"extra_body": {"b": 2, "a": 1}},
        ],
    ),
    "ChatCohere": (cohere, [{}, {"temperature": 0.1}, {"stop": ["x"]}, {"preamble": "a"}]),
    "ChatOllama": (
        ollama,
        [
            {},
            {"temperature": 0.1},
            {"format": "json"},
            {"num_ctx": 100},
            {"seed": 1},
            {"stop": ["x"]},
            {"model": "mistral"},
            {"reasoning": True},
            {"client_kwargs": {"headers": {"x-tenant": "a"}}},
        ],
    ),
    "OllamaLLM": (ollama_text, [{}, {"temperature": 0.1}, {"num_ctx": 100}, {"model": "mistral"}]),
    "ChatAnthropic": (
        anthropic,
        [
            {},
            {"mcp_servers": [MCP], "betas": ["mcp-client-2025-04-04"]},
            {
                "mcp_servers": [MCP | {"authorization_token": "b"}],
                "betas": ["mcp-client-2025-04-04"],
            },
        ],
    ),
    "ChatOpenAI": (
        openai,
        [
            {"extra_body": {"schema": {"a": "1", "b": "2"}}},
            {"extra_body": {"schema": {"b": "2", "a": "1"}}},
        ],
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_models_that_send_something_else_never_share_an_answer(
    server: ModelServer, other: ModelServer, row: str
) -> None:
    """Each setting, and each endpoint, has answers of its own; models made alike share them."""
    make, settings = ROWS[row]
    set_llm_cache(LLMCache())
    asked = [(server, fields) for fields in settings] + [(other, settings[0])]
    answers: list[str] = []
    for _ in range(2):
        answers = [_text(make(each.url, **fields).invoke(QUESTION)) for each, fields in asked]
    assert (server.calls, other.calls) == (len(settings), 1)
    assert len(set(answers[:-1])) == len(settings)


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else str(answer.text)


@pytest.mark.parametrize("make", [openai, ollama, anthropic, openai_text, bedrock_text])
def test_credentials_waits_and_bookkeeping_make_no_difference(
    server: ModelServer, make: Make
) -> None:
    """Who pays, how long to wait and how to log is in no key: the answer is shared."""
    set_llm_cache(LLMCache())
    changes: dict[Make, list[dict[str, Any]]] = {
        openai: [{"timeout": 9.0}, {"verbose": True}, {"tags": ["a"]}, {"stream_usage": False}],
        ollama: [{"client_kwargs": {"timeout": 9.0}}, {"name": "mine"}, {"metadata": {"a": 1}}],
        anthropic: [{"max_retries": 5}, {"default_request_timeout": 9.0}, {"tags": ["a"]}],
        openai_text: [{"max_retries": 5}, {"request_timeout": 9.0}, {"callbacks": []}],
        bedrock_text: [{"aws_secret_access_key": SecretStr("y")}, {"verbose": True}],
    }
    for fields in ({}, *changes[make]):
        make(server.url, **fields).invoke(QUESTION)
    assert server.calls == 1


# --- the options of one call -----------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {},
    {"max_tokens": 5},
    {"temperature": 0.1},
    {"model": "another"},
    {"stop": ["x"]},
    {"max_tokens": 5, "stop": ["x"]},
    {"logit_bias": {"7": 1}},
]


def test_the_options_of_a_text_models_call_count(server: ModelServer) -> None:
    """They are in no text: by ``invoke``, ``bind``, ``batch``, ``generate`` and their async twins."""
    set_llm_cache(LLMCache())
    model = openai_text(server.url)

    async def later(options: dict[str, Any]) -> None:
        await model.ainvoke(QUESTION, **options)
        await model.bind(**options).ainvoke(QUESTION)
        await model.abatch([QUESTION], **options)
        await model.agenerate([QUESTION], **options)

    for calls, options in enumerate(OPTIONS, start=1):
        model.invoke(QUESTION, **options)
        model.bind(**options).invoke(QUESTION)
        model.batch([QUESTION, QUESTION], **options)
        model.generate([QUESTION], **options)
        asyncio.run(later(options))
        assert server.calls == calls
    assert [request.get("max_tokens") for request in server.requests] == [
        256,
        5,
        256,
        256,
        256,
        5,
        256,
    ]


def test_several_prompts_of_one_call_are_each_their_own(server: ModelServer) -> None:
    """Of several prompts with options, each is found again, whichever were asked before."""
    set_llm_cache(LLMCache())
    model = openai_text(server.url, batch_size=1)
    model.generate(["a", "b"], max_tokens=5)
    assert server.calls == 2
    model.generate(["b", "c"], max_tokens=5)
    assert server.calls == 3
    model.generate(["a", "b", "c"])
    assert server.calls == 6


class Chat(BaseChatModel):
    """Answers, whatever it is given."""

    @property
    def _llm_type(self) -> str:
        return "chat"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("answer"))])


class Hidden(BaseModel):
    """Its repr does not show its field."""

    secret: str = Field(repr=False)


@pytest.mark.parametrize(
    ("option", "other"),
    [
        (SecretStr("a"), SecretStr("b")),
        ({"nested": [SecretStr("a")]}, {"nested": [SecretStr("b")]}),
        (Hidden(secret="a"), Hidden(secret="b")),
    ],
)
def test_what_a_text_hides_of_a_chat_models_call_counts(option: Any, other: Any) -> None:
    """A secret in a call's options reads ``**********`` in the text, and is sent."""
    cache = LLMCache()
    model = Chat(cache=cache)
    for extra in (option, other, option):
        model.invoke(QUESTION, extra=extra)
    assert (cache.stats().misses, cache.stats().hits) == (2, 1)


# --- the environment -------------------------------------------------------------------------


def _converse(**fields: Any) -> Any:
    from langchain_aws import ChatBedrockConverse

    secret = SecretStr("x")
    return ChatBedrockConverse(
        model="us.anthropic.claude-haiku-4-5-20251001-v1:0",
        provider="anthropic",
        aws_access_key_id=secret,
        aws_secret_access_key=secret,
        **fields,
    )


def test_where_the_environment_leads_openai_counts(
    server: ModelServer, other: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``OPENAI_BASE_URL`` is read by OpenAI's own client, and stands in no text."""
    set_llm_cache(LLMCache())
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    for each in (server, other) * 2:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{each.url}/v1")
        models.openai().invoke(QUESTION)
    assert (server.calls, other.calls) == (1, 1)


def test_where_the_environment_leads_converse_counts(
    server: ModelServer, other: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``AWS_ENDPOINT_URL_BEDROCK_RUNTIME`` and the region are read by botocore."""
    set_llm_cache(LLMCache())
    asked = [(server, "us-east-1"), (server, "eu-west-1"), (other, "us-east-1")]
    for each, region in asked * 2:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", each.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        _converse().invoke(QUESTION)
    assert (server.calls, other.calls) == (2, 1)


def test_where_the_environment_leads_ollama_counts(
    server: ModelServer, other: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``OLLAMA_HOST`` is read by Ollama's own client."""
    set_llm_cache(LLMCache())
    for each in (server, other) * 2:
        monkeypatch.setenv("OLLAMA_HOST", each.url)
        models.ollama().invoke(QUESTION)
    assert (server.calls, other.calls) == (1, 1)


def test_two_clients_that_lead_apart_are_not_cached(
    server: ModelServer, other: ModelServer
) -> None:
    """Which server answers would depend on whether the call is sync: there is no key."""
    own = LLMCache()
    model = openai(server.url, cache=own)
    model.root_async_client = openai(other.url).root_async_client
    for _ in range(2):
        model.invoke(QUESTION)
    assert server.calls == 2
    assert own.stats().uncacheable == 4


# --- what clients send along -----------------------------------------------------------------


def http(*, is_async: bool = False, **fields: Any) -> Any:
    """Return an HTTP client of the application's own, for OpenAI's models."""
    import openai

    return (openai.DefaultAsyncHttpxClient if is_async else openai.DefaultHttpxClient)(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"x-tenant": "a"}},
        {"headers": {"x-tenant": "b"}},
        {"params": {"version": "2"}},
        {"cookies": {"tenant": "a"}},
    ],
)
@pytest.mark.parametrize("make", [openai, openai_text, deepseek])
def test_what_a_client_of_the_applications_own_sends_counts(
    server: ModelServer, make: Make, fields: dict[str, Any]
) -> None:
    """Headers, parameters and cookies of ``http_client`` are sent, and are in no field."""
    set_llm_cache(LLMCache())
    for own in ({}, fields, {"headers": {"x-tenant": "another"}}) * 2:
        make(server.url, http_client=http(**own)).invoke(QUESTION)
    assert server.calls == 3
    for same in (
        {
            "headers": {
                "user-agent": "mine",
                "Authorization": "k",
                "x-api-key": "k",
                "Accept": "*/*",
            }
        },
        {"timeout": 7.0},
    ):
        make(server.url, http_client=http(**same)).invoke(QUESTION)
    make(server.url).invoke(QUESTION)
    assert server.calls == 3


@pytest.mark.parametrize("name", ["OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"])
def test_headers_of_the_environment_count(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The providers' own clients read them, in some versions."""
    make, client = (openai, "root_client") if name.startswith("OPENAI") else (anthropic, "_client")
    set_llm_cache(LLMCache())
    sent = []
    for tenant in ("a", "b") * 2:
        monkeypatch.setenv(name, f"x-tenant: {tenant}")
        model = make(server.url)
        model.invoke(QUESTION)
        sent.append(getattr(model, client)._custom_headers.get("x-tenant"))
    assert server.calls == len(set(sent))


def test_a_client_that_is_replaced_by_one_with_headers_counts(server: ModelServer) -> None:
    """It goes to the same address, and sends something else."""
    set_llm_cache(LLMCache())
    model = openai(server.url)
    for tenant in ("a", "b", "b"):
        client = model.root_client.with_options(default_headers={"x-tenant": tenant})
        model.client = client.chat.completions
        model.invoke(QUESTION)
    assert server.calls == 2


async def test_what_only_one_half_sends_counts_for_that_half(server: ModelServer) -> None:
    """Of a model whose async client sends nothing along, async calls are others' requests."""
    set_llm_cache(LLMCache())
    for _ in range(2):
        model = openai(server.url, http_client=http(headers={"x-tenant": "a"}))
        model.invoke(QUESTION)
        await model.ainvoke(QUESTION)
    assert server.calls == 2
    whole = openai(
        server.url,
        http_client=http(headers={"x-tenant": "a"}),
        http_async_client=http(is_async=True, headers={"x-tenant": "a"}),
    )
    whole.invoke(QUESTION)
    await whole.ainvoke(QUESTION)
    assert server.calls == 2


def test_what_a_field_tells_of_a_client_is_told_once(server: ModelServer) -> None:
    """Headers that a field has are in the key by the field; and a server's cookies are in none."""
    maker = KeyMaker()

    def key(model: Any) -> str:
        return maker.key((), *request_of(model, QUESTION, None, {}))[0].digest

    def renewed(model: Any) -> Any:
        model.root_client._client.cookies.set("session", "1", domain="127.0.0.1")
        return model

    told = {"default_headers": {"x-tenant": "a"}, "default_query": {"q": "1"}}
    assert key(openai(server.url, **told)) == key(
        openai(server.url, http_client=http(headers={"x-tenant": "a"}), **told)
    )
    assert key(renewed(openai(server.url))) == key(openai(server.url))


# --- settings that are changed ---------------------------------------------------------------


@pytest.mark.parametrize("make", [openai, ollama, openai_text])
def test_a_setting_that_is_changed_after_the_first_call_counts(
    server: ModelServer, make: Make
) -> None:
    """LangChain goes on with the text of the first call; the key does not."""
    set_llm_cache(LLMCache())
    model = make(server.url)
    for temperature in (0.1, 0.2, 0.1, 0.2):
        model.temperature = temperature
        model.invoke(QUESTION)
    assert server.calls == 2
    assert make(server.url, temperature=0.2).invoke(QUESTION)
    assert model.model_copy(update={"temperature": 0.1}).invoke(QUESTION)
    assert server.calls == 2
    model.model_copy(update={"temperature": 0.3}).invoke(QUESTION)
    assert server.calls == 3


def test_a_setting_that_is_changed_in_place_counts(server: ModelServer) -> None:
    """Nested mappings and lists are compared with what they were, their order included."""
    set_llm_cache(LLMCache())
    model = openai(server.url, extra_body={"schema": {"a": "1"}})
    model.invoke(QUESTION)
    model.extra_body["schema"]["a"] = "2"
    model.invoke(QUESTION)
    model.extra_body["schema"]["b"] = "1"
    model.invoke(QUESTION)
    model.extra_body["schema"] = dict(reversed(model.extra_body["schema"].items()))
    model.invoke(QUESTION)
    model.invoke(QUESTION)
    assert [json.dumps(request["schema"]) for request in server.requests] == [
        '{"a": "1"}',
        '{"a": "2"}',
        '{"a": "2", "b": "1"}',
        '{"b": "1", "a": "2"}',
    ]


def test_a_client_that_is_replaced_counts(server: ModelServer, other: ModelServer) -> None:
    """Where requests go is what the client says that the model has now."""
    set_llm_cache(LLMCache())
    model, elsewhere = openai(server.url), openai(other.url)
    for _ in range(2):
        model.invoke(QUESTION)
    model.client = elsewhere.client
    model.root_client = elsewhere.root_client
    model.async_client = elsewhere.async_client
    model.root_async_client = elsewhere.root_async_client
    for _ in range(2):
        model.invoke(QUESTION)
    assert (server.calls, other.calls) == (1, 1)


# --- every way to ask ------------------------------------------------------------------------


@pytest.mark.parametrize("make", [openai, ollama])
async def test_every_way_to_ask_shares_the_answer(server: ModelServer, make: Make) -> None:
    """Sync, async, batches, chains, bindings, with_cache and its streams make one key."""
    cache = LLMCache()
    set_llm_cache(cache)
    model = make(server.url)
    model.invoke(QUESTION)
    cached = with_cache(make(server.url), cache)
    await model.ainvoke(QUESTION)
    model.batch([QUESTION] * 3)
    await model.abatch([QUESTION] * 3)
    model.bind().invoke(QUESTION)
    (model | (lambda message: message.text)).invoke(QUESTION)
    model.with_retry().invoke(QUESTION)
    model.with_config(tags=["a"]).invoke(QUESTION)
    cached.invoke(QUESTION)
    assert "".join(chunk.text for chunk in cached.stream(QUESTION))
    async for _ in cached.astream(QUESTION):
        pass
    assert server.calls == 1
    list(with_cache(make(server.url), cache).stream("another"))
    make(server.url).invoke("another")
    assert server.calls == 2


# --- processes -------------------------------------------------------------------------------


def keys() -> list[str]:
    """Return the keys of a question to models whose packages are imported quickly."""
    return [
        KeyMaker().key((), *request_of(make("http://127.0.0.1:9", **fields), "q", None, {}))[0].path
        for make, settings in (ROWS[row] for row in ("ChatDeepSeek", "ChatOllama", "OpenAI (text)"))
        for fields in settings
    ]


def main() -> None:
    """Print them."""
    print(json.dumps(keys()))  # noqa: T201 - the test reads it


@pytest.mark.long
def test_another_process_makes_the_same_keys() -> None:
    """Whatever the seed of its hashes, and wherever its objects lie."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            "from tests.models.test_who_asks import main; main()",
        ],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
    )
    found = keys()
    assert json.loads(done.stdout) == found
    assert len(set(found)) == len(found)
