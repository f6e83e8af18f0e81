"""The next turn after a hit: a provider is sent what it is sent after the live answer.

Except for the ids of tool calls: a hit has its own, because a provider refuses an id that stands
twice in one history.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_aws.chat_models.bedrock_converse import _messages_to_bedrock
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration
from langgraph.graph.message import add_messages

from langchain_llmcache import LLMCache
from langchain_llmcache._request.prompts import canonical_prompt

SETTINGS = '{"kwargs": {"model": "m"}}---[(\'stop\', None)]'
ARGS = {"city": "Oslo"}


def call(call_id: str) -> Any:
    """Return a tool call."""
    return {"name": "weather", "args": ARGS, "id": call_id, "type": "tool_call"}


RESPONSE = {"id": "resp_1", "model_name": "gpt", "model_provider": "openai"}
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
TEXT = {"type": "text", "text": "Let me see.", "annotations": []}
FUNCTION_CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_abcdefgh12345678",
    "name": "weather",
    "arguments": json.dumps(ARGS),
}
OPENAI_CALL = "call_abcdefgh12345678"

# Answers as the provider packages make them: with and without a call of a tool.
ANSWERS: dict[str, tuple[str, AIMessage]] = {
    "openai": (
        "openai",
        AIMessage("Let me see.", tool_calls=[call(OPENAI_CALL)], id="chatcmpl-1"),
    ),
    "responses v0, a thought": (
        "responses",
        AIMessage(
            [TEXT],
            id="msg_1",
            response_metadata=RESPONSE,
            additional_kwargs={"reasoning": REASONING},
        ),
    ),
    "responses v0, a thought and a call": (
        "responses",
        AIMessage(
            [TEXT],
            id="msg_1",
            tool_calls=[call(OPENAI_CALL)],
            response_metadata=RESPONSE,
            additional_kwargs={
                "reasoning": REASONING,
                "__openai_function_call_ids__": {OPENAI_CALL: "fc_1"},
            },
        ),
    ),
    "responses v0, a text": (
        "responses",
        AIMessage([TEXT], id="msg_1", response_metadata=RESPONSE),
    ),
    "responses v0, two texts": (
        "responses",
        AIMessage([TEXT, {**TEXT, "text": "Or not."}], id="msg_1", response_metadata=RESPONSE),
    ),
    "responses/v1": (
        "responses",
        AIMessage(
            [REASONING, {**TEXT, "id": "msg_1"}, FUNCTION_CALL],
            id="resp_1",
            tool_calls=[call(OPENAI_CALL)],
            response_metadata=RESPONSE,
        ),
    ),
    "v1": (
        "responses",
        AIMessage(
            [
                {"type": "reasoning", "id": "rs_1", "reasoning": "hm"},
                {**TEXT, "id": "msg_1"},
                {**call(OPENAI_CALL), "extras": {"item_id": "fc_1"}},
            ],
            id="resp_1",
            tool_calls=[call(OPENAI_CALL)],
            response_metadata={**RESPONSE, "output_version": "v1"},
        ),
    ),
    "anthropic, a thought and a call": (
        "anthropic",
        AIMessage(
            [
                {"type": "thinking", "thinking": "hm", "signature": "EqMB"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "toolu_01AbCdEfGh", "name": "weather", "input": ARGS},
            ],
            id="msg_1",
            tool_calls=[call("toolu_01AbCdEfGh")],
            response_metadata={"model_provider": "anthropic"},
        ),
    ),
    "bedrock, a thought and a call": (
        "bedrock",
        AIMessage(
            [
                {
                    "type": "reasoning_content",
                    "reasoning_content": {"text": "hm", "signature": "EqMB"},
                },
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "tooluse_AbCdEfGh12", "name": "weather", "input": ARGS},
            ],
            id="run-1",
            tool_calls=[call("tooluse_AbCdEfGh12")],
            response_metadata={"model_provider": "bedrock_converse"},
        ),
    ),
    "gemini, a thought and a call": (
        "gemini",
        AIMessage(
            [{"type": "thinking", "thinking": "hm", "signature": "EqMB"}],
            id="run-1",
            tool_calls=[call("0f1e2d3c-4b5a-4678-9a0b-1c2d3e4f5a6b")],
            additional_kwargs={
                "function_call": {"name": "weather", "arguments": json.dumps(ARGS)},
                "__gemini_function_call_thought_signatures__": {
                    "0f1e2d3c-4b5a-4678-9a0b-1c2d3e4f5a6b": "EqMB"
                },
            },
            response_metadata={"model_provider": "google_genai"},
        ),
    ),
}


def _openai(messages: list[BaseMessage]) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="m", api_key="x")._get_request_payload(messages)["messages"]  # type: ignore[arg-type]


def _responses(messages: list[BaseMessage]) -> Any:
    from langchain_openai.chat_models.base import _construct_responses_api_input

    return _construct_responses_api_input(messages)


def _anthropic(messages: list[BaseMessage]) -> Any:
    from langchain_anthropic import ChatAnthropic

    model: Any = ChatAnthropic(model_name="m", api_key="x")  # type: ignore[arg-type, call-arg]
    return model._get_request_payload(messages)["messages"]


def _bedrock(messages: list[BaseMessage]) -> Any:
    return _messages_to_bedrock(messages)


def _gemini(messages: list[BaseMessage]) -> Any:
    module: Any = pytest.importorskip("langchain_google_genai.chat_models")
    return str(module._parse_chat_history(messages))


PAYLOADS: dict[str, Callable[[list[BaseMessage]], Any]] = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _anthropic,
    "bedrock": _bedrock,
    "gemini": _gemini,
}


def hit_of(answer: AIMessage) -> AIMessage:
    """Return the answer as a hit."""
    cache = LLMCache()
    cache.update("q", SETTINGS, [ChatGeneration(message=copy.deepcopy(answer))])
    [generation] = cache.lookup("q", SETTINGS) or []
    message: Any = generation.message  # type: ignore[attr-defined]
    return message  # type: ignore[no-any-return]


def next_turn(answer: AIMessage) -> list[BaseMessage]:
    """Return the history that an agent sends after an answer."""
    results = [ToolMessage("fine", tool_call_id=each["id"]) for each in answer.tool_calls]
    return [HumanMessage("weather?"), copy.deepcopy(answer), *results, HumanMessage("And now?")]


def told(payload: Any, answer: AIMessage) -> str:
    """Return a payload as text, with numbers for the ids of tool calls."""
    text = payload if isinstance(payload, str) else json.dumps(payload, sort_keys=True, default=str)
    for number, each in enumerate(answer.tool_calls):
        text = text.replace(str(each["id"]), f"call {number}")
    return text


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.tools if provider == "gemini" else ())
        for name, (provider, _) in ANSWERS.items()
    ],
)
def test_the_next_request_after_a_hit_is_that_after_the_live_answer(name: str) -> None:
    """Ids of items, thoughts, signatures: all that the provider reads back is there."""
    provider, live = ANSWERS[name]
    payload_of = PAYLOADS[provider]
    hit = hit_of(live)
    assert told(payload_of(next_turn(hit)), hit) == told(payload_of(next_turn(live)), live)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_next_key_after_a_hit_is_that_after_the_live_answer(name: str) -> None:
    """A conversation that ran once makes no calls when it runs again."""
    _, live = ANSWERS[name]
    keys = []
    for answer in (live, hit_of(live)):
        history = [m.model_copy(update={"id": None}) for m in next_turn(answer)]
        keys.append(canonical_prompt(dumps(history))[0])
    assert keys[0] == keys[1]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_given_twice_stands_twice_in_one_history(name: str) -> None:
    """Two subagents that were asked the same end in one history: no message is lost, no id doubled."""
    _, live = ANSWERS[name]
    hits: list[Any] = [hit_of(live) for _ in range(2)]
    messages: Any = add_messages(live, hits[0])
    messages = add_messages(messages, hits[1])
    assert len(messages) == 3
    ids = [each["id"] for message in messages for each in message.tool_calls]
    assert len(set(ids)) == len(ids)
