"""Pairs of conversations, drawn at random: the second differs from the first in one respect.

Some of the differences are none to any provider, some are to a few, and some to all of them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

Conversation: TypeAlias = list[BaseMessage]

_PICTURE = (  # one point
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
_PROVIDERS = (
    None,
    "openai",
    "anthropic",
    "google_genai",
    "google_vertexai",
    "bedrock",
    "bedrock_converse",
    "groq",
    "ollama",
    "somebody",
)
_WORDS = ("Oslo", "a lease", "", " warm ", "7", "\n", "Grüße", '{"a": 1}', "call_0")


def _text(draw: random.Random) -> str:
    return " ".join(draw.choices(_WORDS, k=draw.randint(1, 3)))


def _data(draw: random.Random) -> dict[str, Any]:
    values: list[Any] = [1, 1.0, True, None, "x", [1, 2], {"c": 1, "b": {"z": 1, "a": 2}}]
    names = draw.sample(["city", "days", "b", "a", "unit"], k=draw.randint(1, 4))
    return {name: draw.choice(values) for name in names}


def _block(draw: random.Random) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": _text(draw)},
        {"type": "text", "text": "a", "id": f"lc_{draw.getrandbits(128):032x}ffff"[:39]},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PICTURE}"}},
        {"type": "image", "base64": _PICTURE, "mime_type": "image/png"},
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "json", "value": _data(draw)},
    ]
    return draw.choice(blocks)


def _call_id(draw: random.Random) -> str:
    return draw.choice(
        [f"call_{draw.getrandbits(48):012x}", f"toolu_{draw.getrandbits(48):x}", "1"]
    )


def _answer(draw: random.Random, ids: list[str]) -> AIMessage:
    calls: list[Any] = [
        {
            "name": draw.choice(["weather", "find"]),
            "args": _data(draw),
            "id": call_id,
            "type": "tool_call",
        }
        for call_id in ids
    ]
    content: Any = draw.choice([_text(draw), "", [_block(draw) for _ in range(draw.randint(1, 2))]])
    if calls and isinstance(content, list) and draw.random() < 0.5:
        content += [
            {"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["args"]}
            for call in calls
        ]
    metadata: dict[str, Any] = {"finish_reason": "stop", "request": draw.getrandbits(32)}
    provider = draw.choice(_PROVIDERS)
    if provider is not None:
        metadata["model_provider"] = provider
    if draw.random() < 0.15:
        metadata["output_version"] = "v1"
    extra: dict[str, Any] = draw.choice([{}, {}, {"reasoning_content": "hm"}, {"refusal": None}])
    return AIMessage(content, tool_calls=calls, response_metadata=metadata, additional_kwargs=extra)


def _content(draw: random.Random) -> Any:
    return draw.choice([_text(draw), [_block(draw)]])


def conversation(draw: random.Random) -> Conversation:
    """Return questions, answers, tool calls and their results, ending in a question or a result."""
    messages: Conversation = [SystemMessage(_text(draw))] if draw.random() < 0.5 else []
    for _ in range(draw.randint(1, 3)):
        messages.append(HumanMessage(_content(draw)))
        ids = [_call_id(draw) for _ in range(draw.randint(0, 2))]
        messages.append(_answer(draw, ids))
        messages += [ToolMessage(_content(draw), tool_call_id=each, name="weather") for each in ids]
        if draw.random() < 0.3:
            messages.append(_answer(draw, []))
    return [*messages, HumanMessage(_text(draw))]


# --- differences -----------------------------------------------------------------------------

Change: TypeAlias = Callable[[random.Random, Conversation], Conversation]


def _one(kind: type[BaseMessage], change: Callable[[random.Random, Any], Any]) -> Change:
    """Return a change of one message of a kind."""

    def changed(draw: random.Random, messages: Conversation) -> Conversation:
        places = [at for at, message in enumerate(messages) if isinstance(message, kind)]
        if not places:
            return messages
        at = draw.choice(places)
        return [*messages[:at], change(draw, messages[at]), *messages[at + 1 :]]

    return changed


def _updated(**fields: Any) -> Callable[[random.Random, Any], Any]:
    return lambda _, message: message.model_copy(update=fields)


def _metadata(**fields: Any) -> Callable[[random.Random, Any], Any]:
    return lambda _, message: message.model_copy(
        update={"response_metadata": {**message.response_metadata, **fields}}
    )


def _streamed(draw: random.Random, message: AIMessage) -> AIMessageChunk:
    pieces: list[Any] = [
        {
            "name": call["name"],
            "args": json.dumps(call["args"]),
            "id": call["id"],
            "index": draw.choice([number, None]),
            "type": "tool_call_chunk",
        }
        for number, call in enumerate(message.tool_calls)
    ]
    return AIMessageChunk(
        content=message.content,
        tool_call_chunks=pieces,
        response_metadata=message.response_metadata,
        additional_kwargs=message.additional_kwargs,
        chunk_position=draw.choice([None, "last"]),
    )


def _turned(value: Any) -> Any:
    """Return data with the keys of each mapping in the opposite order."""
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(list(value))}
    return [_turned(item) for item in value] if isinstance(value, list) else value


def _other_arguments(_: random.Random, message: AIMessage) -> AIMessage:
    calls = [{**call, "args": _turned(call["args"])} for call in message.tool_calls]
    return message.model_copy(update={"tool_calls": calls})


def _turned_calls(_: random.Random, message: AIMessage) -> AIMessage:
    calls = [dict(reversed(list(call.items()))) for call in message.tool_calls]
    return message.model_copy(update={"tool_calls": calls})


def _turned_content(_: random.Random, message: BaseMessage) -> BaseMessage:
    return message.model_copy(update={"content": _turned(message.content)})


def _other_id(draw: random.Random, message: ToolMessage) -> ToolMessage:
    return message.model_copy(update={"tool_call_id": _call_id(draw)})


def _split(draw: random.Random, messages: Conversation) -> Conversation:
    """Make two answers of one."""
    places = [at for at, message in enumerate(messages) if isinstance(message, AIMessage)]
    at = draw.choice(places)
    first = messages[at]
    return [*messages[:at], AIMessage("first"), first, *messages[at + 1 :]]


def _streamed_beside(draw: random.Random, messages: Conversation) -> Conversation:
    """Make the first of two answers that stand side by side a streamed one."""
    for at, (one, next_one) in enumerate(pairwise(messages)):
        if isinstance(one, AIMessage) and isinstance(next_one, AIMessage):
            return [*messages[:at], _streamed(draw, one), *messages[at + 1 :]]
    return messages


def _swapped(draw: random.Random, messages: Conversation) -> Conversation:
    at = draw.randrange(len(messages) - 1)
    return [*messages[:at], messages[at + 1], messages[at], *messages[at + 2 :]]


CHANGES: dict[str, Change] = {
    "usage": _one(
        AIMessage,
        _updated(usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
    ),
    "request id": _one(AIMessage, _metadata(request="another", finish_reason="length")),
    "marker of a hit": _one(AIMessage, _metadata(llmcache={"hit": True})),
    "artifact": _one(ToolMessage, _updated(artifact={"rows": 1})),
    "message id": _one(BaseMessage, _updated(id="another")),
    "streamed": _one(AIMessage, _streamed),
    "blocked": _one(AIMessage, _metadata(is_blocked=True)),
    "provider": _one(AIMessage, _metadata(model_provider="openai")),
    "version": _one(AIMessage, _metadata(output_version="v1")),
    "order of arguments": _one(AIMessage, _other_arguments),
    "order in calls": _one(AIMessage, _turned_calls),
    "order in contents": _one(BaseMessage, _turned_content),
    "id of a result": _one(ToolMessage, _other_id),
    "status of a result": _one(ToolMessage, _updated(status="error")),
    "name": _one(BaseMessage, _updated(name="ann")),
    "text": _one(BaseMessage, _updated(content="another text")),
    "two answers": _split,
    "streamed beside another": _streamed_beside,
    "order of messages": _swapped,
    "refusal": _one(AIMessage, _updated(additional_kwargs={"refusal": "no"})),
    "nothing": lambda _, messages: messages,
}


def renamed(draw: random.Random, messages: Conversation) -> Conversation:
    """Return a conversation with other ids of tool calls, in the same places."""
    ids = {call["id"] for message in messages for call in getattr(message, "tool_calls", ())}
    names = {str(call_id): f"call_{draw.getrandbits(64):016x}" for call_id in sorted(ids)}
    return [_with_ids(message, names) for message in messages]


def _with_ids(message: BaseMessage, names: dict[str, str]) -> BaseMessage:
    if isinstance(message, ToolMessage):
        call_id = names.get(message.tool_call_id, message.tool_call_id)
        return message.model_copy(update={"tool_call_id": call_id})
    if not isinstance(message, AIMessage):
        return message
    content: Any = message.content
    if isinstance(content, list):
        content = [
            {**block, "id": names.get(block["id"], block["id"])}
            if isinstance(block, dict) and block.get("type") == "tool_use"
            else block
            for block in content
        ]
    fields = {"content": content}
    for field in ("tool_calls", "tool_call_chunks"):
        if hasattr(message, field):
            calls = getattr(message, field)
            fields[field] = [{**call, "id": names.get(call["id"], call["id"])} for call in calls]
    return message.model_copy(update=fields)
