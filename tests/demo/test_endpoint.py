"""The local Converse endpoint, as the real ``ChatBedrockConverse`` sees it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
)
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import Runnable

from tests.support.bedrock import (
    ConverseEndpoint,
    ConverseError,
    ConverseRequest,
    chat_model,
    reply,
)
from tests.support.patience import LATE, SOON

QUESTION = "How do I rotate the signing key of 3 services?"


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


def get_time(zone: str) -> str:
    """Tell the time in a zone."""
    return f"noon in {zone}"


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """An endpoint that answers at once."""
    with ConverseEndpoint() as running:
        yield running


def merged(chunks: Iterator[AIMessage] | list[AIMessage]) -> AIMessage:
    """Add up the chunks of a stream."""
    parts = list(chunks)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part  # type: ignore[assignment]
    return whole


async def merged_async(model: Runnable[Any, AIMessage], prompt: str) -> AIMessage:
    """Stream without blocking, and add up."""
    return merged([chunk async for chunk in model.astream(prompt)])


def post(
    connection: http.client.HTTPConnection, path: str, body: str
) -> tuple[http.client.HTTPResponse, Any]:
    """Post JSON; return the response and its parsed body."""
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response, json.loads(response.read())


@pytest.fixture
def connection(endpoint: ConverseEndpoint) -> Iterator[http.client.HTTPConnection]:
    """A connection without botocore."""
    opened = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=10)
    yield opened
    opened.close()


# ---------------------------------------------------------------------------- text


WAYS: dict[str, Callable[[Any], AIMessage]] = {
    "invoke": lambda model: model.invoke(QUESTION),
    "ainvoke": lambda model: asyncio.run(model.ainvoke(QUESTION)),
    "batch": lambda model: model.batch([QUESTION, "Why?"])[0],
    "abatch": lambda model: asyncio.run(model.abatch([QUESTION, "Why?"]))[0],
    "stream": lambda model: merged(model.stream(QUESTION)),
    "astream": lambda model: asyncio.run(merged_async(model, QUESTION)),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_ask_gets_the_same_answer(endpoint: ConverseEndpoint, way: str) -> None:
    """The answer to a request is the same however it is asked, and is counted as one call."""
    model = chat_model(endpoint)
    expected = model.invoke(QUESTION)
    before = endpoint.calls

    answered = WAYS[way](model)

    assert answered.text == expected.text
    assert answered.usage_metadata == expected.usage_metadata
    assert answered.response_metadata["stopReason"] == "end_turn"
    assert endpoint.calls - before == (2 if "batch" in way else 1)


def test_an_answer_carries_its_question(endpoint: ConverseEndpoint) -> None:
    """Each answer quotes the question that it belongs to."""
    assert QUESTION in chat_model(endpoint).invoke(QUESTION).text


@pytest.mark.parametrize(
    ("messages", "options"),
    [
        ([("human", QUESTION + " ")], {}),
        ([("system", "Be brief."), ("human", QUESTION)], {}),
        ([("human", "Hello."), ("ai", "Hello!"), ("human", QUESTION)], {}),
        ([("human", QUESTION)], {"model": "us.amazon.nova-lite-v1:0"}),
        ([("human", QUESTION)], {"temperature": 0.5}),
    ],
    ids=["question", "system", "history", "model", "temperature"],
)
def test_a_different_request_gets_a_different_answer(
    endpoint: ConverseEndpoint, messages: list[tuple[str, str]], options: dict[str, Any]
) -> None:
    """An answer given to the wrong request can be seen to be wrong."""
    expected = chat_model(endpoint).invoke(QUESTION)

    assert chat_model(endpoint, **options).invoke(messages).text != expected.text


@pytest.mark.parametrize("size", [1, 50, 2048, 300_001])
@pytest.mark.parametrize("question", ["Why?", "ü" * 200], ids=["ascii", "umlauts"])
def test_answers_have_the_size_that_was_asked_for(
    endpoint: ConverseEndpoint, size: int, question: str
) -> None:
    """``answer_bytes`` is the exact size of the text in UTF-8, also where a cut hits a character."""
    endpoint.answer_bytes = size
    model = chat_model(endpoint)

    assert len(model.invoke(question).text.encode()) == size
    assert len(merged(model.stream(question)).text.encode()) == size


# ---------------------------------------------------------------------------- tools


def test_every_tool_that_the_text_names_is_used(endpoint: ConverseEndpoint) -> None:
    """Naming two tools gives two tool uses, with ids of their own."""
    model = chat_model(endpoint).bind_tools([get_weather, get_time])

    first = model.invoke("Ask get_weather and get_time.").tool_calls
    second = model.invoke("Ask get_weather and get_time.").tool_calls

    assert [call["name"] for call in first] == ["get_weather", "get_time"]
    assert len({call["id"] for call in first + second}) == 4


def test_a_tool_result_is_answered_with_text(endpoint: ConverseEndpoint) -> None:
    """After the tool has run, the answer quotes the question and the result."""
    model = chat_model(endpoint).bind_tools([get_weather])

    def converse() -> str:
        asked: list[BaseMessage] = [HumanMessage(QUESTION)]
        wish = model.invoke(asked)
        result = ToolMessage("sunny in Oslo", tool_call_id=wish.tool_calls[0]["id"])
        return model.invoke([*asked, wish, result]).text

    text = converse()

    assert QUESTION in text
    assert "sunny in Oslo" in text
    # The random ids of tool uses do not change what the model says.
    assert converse() == text


# ---------------------------------------------------------------------------- streaming


def test_text_is_streamed_in_pieces(
    endpoint: ConverseEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A streamed answer arrives in several pieces, the first of them before the end."""
    endpoint.latency = 0.4
    pauses: list[float] = []
    arrived = threading.Event()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) < 6 or arrived.wait(LATE)

    monkeypatch.setattr(endpoint, "pause", pause)
    pieces = []
    for chunk in chat_model(endpoint).stream(QUESTION):
        if chunk.text:
            arrived.set()
            pieces.append(chunk.text)

    assert len(pieces) > 3
    assert len(pauses) > 6
    assert sum(pauses) == pytest.approx(0.4)


def test_tool_uses_are_streamed(endpoint: ConverseEndpoint) -> None:
    """The input of a tool use, cut into pieces, comes together again."""
    model = chat_model(endpoint).bind_tools([get_time])

    streamed = merged(model.stream(QUESTION * 3))

    (call,) = streamed.tool_calls
    assert call["args"] == model.invoke(QUESTION * 3).tool_calls[0]["args"]
    assert streamed.response_metadata["stopReason"] == "tool_use"


def test_reasoning_is_answered_and_streamed(endpoint: ConverseEndpoint) -> None:
    """With thinking on, a signed reasoning block comes before the text."""
    model = chat_model(
        endpoint,
        max_tokens=2000,
        additional_model_request_fields={"thinking": {"type": "enabled", "budget_tokens": 1024}},
    )

    asked = model.invoke(QUESTION)
    streamed = merged(model.stream(QUESTION))

    assert isinstance(asked.content, list)
    reasoning, text = asked.content
    assert isinstance(reasoning, dict)
    assert isinstance(text, dict)
    assert QUESTION in reasoning["reasoning_content"]["text"]
    assert reasoning["reasoning_content"]["signature"]
    assert text["type"] == "text"
    assert [{**block, "index": n} for n, block in enumerate([reasoning, text])] == streamed.content


# ---------------------------------------------------------------------------- scripts


@pytest.mark.parametrize("streamed", [False, True], ids=["converse", "stream"])
def test_a_script_forces_the_answer(endpoint: ConverseEndpoint, streamed: bool) -> None:
    """Content, stop reason, usage and further fields are those of the script."""
    fields = {"usage": {"output_tokens_details": {"thinking_tokens": 5}}}
    endpoint.script = lambda _: reply(
        "One.",
        {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"at": ["ü"]}}},
        stop_reason="max_tokens",
        usage={"inputTokens": 7, "outputTokens": 8, "totalTokens": 15},
        additionalModelResponseFields=fields,
    )
    model = chat_model(endpoint)

    answered = merged(model.stream("Why?")) if streamed else model.invoke("Why?")

    assert answered.text == "One."
    assert answered.tool_calls == [
        {"name": "look", "args": {"at": ["ü"]}, "id": "t1", "type": "tool_call"}
    ]
    assert answered.response_metadata["stopReason"] == "max_tokens"
    assert answered.usage_metadata is not None
    assert answered.usage_metadata["total_tokens"] == 15
    assert answered.response_metadata["additionalModelResponseFields"] == fields


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_a_script_forces_an_error(endpoint: ConverseEndpoint, way: str) -> None:
    """An error that a script returns reaches botocore in Bedrock's own shape."""
    endpoint.script = lambda _: ConverseError("Not yet.", code="ModelNotReadyException", status=429)

    with pytest.raises(ClientError, match="Not yet") as caught:
        WAYS[way](chat_model(endpoint))

    assert caught.value.response["Error"]["Code"] == "ModelNotReadyException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert (endpoint.calls, endpoint.failures) == (1, 1)


# ---------------------------------------------------------------------------- latency, failures


def test_an_answer_takes_its_latency(endpoint: ConverseEndpoint) -> None:
    """``latency`` may depend on the request, holds for errors too, and shows in the metrics."""
    endpoint.latency = lambda request: 0.3 if "slow" in request.text else 0.0
    model = chat_model(endpoint)
    model.invoke("warm up")

    started = time.perf_counter()
    slow = model.invoke("slow")
    took = time.perf_counter() - started
    endpoint.fail_rate = 1
    started = time.perf_counter()
    with pytest.raises(ClientError):
        model.invoke("slow")

    assert 0.3 <= took < SOON
    assert slow.response_metadata["metrics"]["latencyMs"] == [300]
    assert time.perf_counter() - started >= 0.3


# ---------------------------------------------------------------------------- the server


CLIENTS = 24


def test_many_clients_at_once_are_counted_exactly(endpoint: ConverseEndpoint) -> None:
    """Concurrent calls are answered side by side and none is lost in the count."""
    everybody = threading.Barrier(CLIENTS, timeout=LATE)

    def script(_: ConverseRequest) -> None:
        everybody.wait()

    endpoint.script = script
    model = chat_model(endpoint)
    with ThreadPoolExecutor(CLIENTS) as pool:
        texts = list(pool.map(lambda n: model.invoke(f"Question {n}?").text, range(CLIENTS)))

    assert all(f"Question {n}?" in text for n, text in enumerate(texts))
    assert (endpoint.calls, endpoint.failures, len(endpoint.requests)) == (CLIENTS, 0, CLIENTS)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/model/m/invoke", "{}", 404, "UnknownOperationException"),
        ("/model/m/converse", "{", 400, "SerializationException"),
        ("/model/m/converse", "[]", 400, "SerializationException"),
    ],
)
def test_bad_requests_are_refused_and_the_connection_lives(
    connection: http.client.HTTPConnection, path: str, body: str, status: int, code: str
) -> None:
    """A request that is not Converse's gets an error in Bedrock's shape; the next one is served."""
    response, error = post(connection, path, body)
    good, _ = post(
        connection, "/model/m/converse", '{"messages": [{"role": "user", "content": []}]}'
    )

    assert (response.status, response.headers["x-amzn-ErrorType"]) == (status, code)
    assert error["message"]
    assert good.status == 200


def test_closing_is_prompt_and_leaves_no_thread() -> None:
    """Neither a slow answer nor an idle connection holds up ``close``."""
    before = set(threading.enumerate())
    endpoint = ConverseEndpoint()
    idle = chat_model(endpoint)
    idle.invoke("Why?")
    endpoint.latency = 60
    with ThreadPoolExecutor(8) as pool:
        pending = [pool.submit(chat_model(endpoint).invoke, "slow") for _ in range(8)]
        while endpoint.calls < 9:
            time.sleep(0.01)

        started = time.perf_counter()
        endpoint.close()
        took = time.perf_counter() - started

        for future in pending:
            with pytest.raises(ConnectionClosedError):
                future.result(SOON)
    endpoint.close()

    assert took < SOON
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_a_client_that_goes_away_leaves_no_traceback(
    endpoint: ConverseEndpoint, capfd: pytest.CaptureFixture[str], operation: str
) -> None:
    """Writing to a connection that is gone ends that connection quietly, and nothing else."""
    endpoint.latency = 0.2
    endpoint.answer_bytes = 5_000_000
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=10)
    body = {"messages": [{"role": "user", "content": [{"text": "Why?"}]}]}
    connection.request("POST", f"/model/m/{operation}", json.dumps(body))
    while not endpoint.calls:
        time.sleep(0.01)
    connection.close()
    time.sleep(0.5)

    assert chat_model(endpoint).invoke("Still there?").text.startswith("Answer")
    assert capfd.readouterr() == ("", "")


# ---------------------------------------------------------------------------- the model


def test_the_model_ignores_the_aws_settings_of_the_computer(
    endpoint: ConverseEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profiles, tokens and proxies of the environment are neither needed nor sent."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "a-real-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another-secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    sent: list[str] = []
    model = chat_model(endpoint)
    model.client.meta.events.register(
        "before-send.bedrock-runtime.Converse",
        lambda request, **_: sent.append(str(dict(request.headers))),
    )

    assert QUESTION in model.invoke(QUESTION).text
    assert "Credential=local-demo/" in sent[0]
    assert "secret" not in sent[0]


def test_the_cache_key_names_this_endpoint_but_not_its_port(endpoint: ConverseEndpoint) -> None:
    """Runs share their entries, and never with an application that calls the real service."""
    with ConverseEndpoint() as other:
        first, second = (
            chat_model(one)._get_llm_string(stop=None)  # what LangChain's cache is keyed by
            for one in (endpoint, other)
        )

    assert first == second
    assert "converse-endpoint.invalid" in first
