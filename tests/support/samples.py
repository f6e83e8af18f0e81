"""An answer of every kind: each message class and content type of langchain-core."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
)

from langchain_llmcache._answer.answers import Opened
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec, revive
from langchain_llmcache._answer.hits import HitUsage
from langchain_llmcache._request.key import Key

KEY: Final = Key(("model",), "0123456789abcdef" * 4)
CODEC: Final = Codec(Binding())
USAGE: Final[Any] = {
    "input_tokens": 10,
    "output_tokens": 20,
    "total_tokens": 30,
    "input_token_details": {"cache_read": 5},
    "output_token_details": {"reasoning": 7},
}
UTC = timezone.utc
CREATED: Final = 1_700_000_000.123


def to_entry(generations: Sequence[Generation]) -> bytes:
    """Return the entry of an answer."""
    return CODEC.encode(generations, created=CREATED, seconds=1.5, key=KEY)


def from_entry(entry: bytes) -> list[Generation]:
    """Return the answer of an entry, as it was stored."""
    return [revive(fields) for fields in CODEC.decode(entry, key=KEY).generations]


def hit_of(
    entry: bytes, *, now: float = 2.0, usage: HitUsage = "keep", codec: Codec = CODEC
) -> list[Generation]:
    """Return what a caller gets for an entry."""
    return Opened(codec.decode(entry, key=KEY), usage, KEY, len(entry)).generations(now)


def chat(*messages: BaseMessage, **info: Any) -> list[Generation]:
    """Return messages as a chat model's answer."""
    return [
        (ChatGenerationChunk if isinstance(message, BaseMessageChunk) else ChatGeneration)(
            message=message,  # type: ignore[arg-type]
            generation_info=info or None,
        )
        for message in messages
    ]


def blocks(*content: dict[str, Any]) -> list[Generation]:
    """Return content blocks as a chat model's answer."""
    return chat(AIMessage(list(content)))


CALL: Final[Any] = {
    "name": "weather",
    "args": {"city": "Oslo", "days": [1, 2], "unit": None},
    "id": "toolu_1",
    "type": "tool_call",
}

SAMPLES: Final[dict[str, list[Generation]]] = {
    "text": [Generation(text="Grüße 🚀", generation_info={"finish_reason": "stop"})],
    "text chunk": [GenerationChunk(text="part")],
    "ai": chat(
        AIMessage(
            "Hello.",
            id="run-1",
            name="assistant",
            usage_metadata=USAGE,
            response_metadata={"model_name": "m", "stopReason": "end_turn", "latency": [1.5]},
            additional_kwargs={"refusal": None},
        ),
        finish_reason="stop",
        logprobs=None,
    ),
    "several": chat(AIMessage("one"), AIMessage("two"), AIMessage("three")),
    "tool calls": chat(
        AIMessage(
            [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": CALL["args"]},
            ],
            tool_calls=[CALL, {**CALL, "id": None}],
            invalid_tool_calls=[
                {
                    "name": "weather",
                    "args": '{"city": ',
                    "id": "toolu_2",
                    "error": "cut off",
                    "type": "invalid_tool_call",
                }
            ],
        )
    ),
    "openai tool calls": chat(
        AIMessage(
            "",
            additional_kwargs={
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                    }
                ]
            },
            tool_calls=[{"name": "weather", "args": {"city": "Oslo"}, "id": "call_1"}],
        )
    ),
    "function call": chat(
        AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}})
    ),
    "reasoning": blocks(
        {"type": "reasoning", "reasoning": "Hmm.", "extras": {"signature": "c2ln"}},
        {"type": "thinking", "thinking": "Hmm.", "signature": "c2ln", "index": 0},
        {"type": "reasoning_content", "reasoning_content": {"text": "Hmm.", "signature": "s"}},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
    ),
    "media": blocks(
        {"type": "image", "base64": "aW1n", "mime_type": "image/png", "id": "lc_1"},
        {"type": "image", "url": "https://example.org/a.png"},
        {"type": "audio", "base64": "YXVk", "mime_type": "audio/wav"},
        {"type": "video", "file_id": "file_1"},
        {"type": "file", "base64": "ZmlsZQ==", "mime_type": "application/pdf"},
        {"type": "text-plain", "text": "notes", "mime_type": "text/plain"},
        {"image": {"format": "png", "source": {"bytes": b"\x89PNG\x00"}}},
    ),
    "citations": blocks(
        {
            "type": "text",
            "text": "It is so.",
            "annotations": [
                {
                    "type": "citation",
                    "url": "https://example.org",
                    "title": "A page",
                    "start_index": 0,
                    "end_index": 9,
                    "cited_text": "so",
                }
            ],
        }
    ),
    "server tools": blocks(
        {"type": "server_tool_call", "id": "srv_1", "name": "web_search", "args": {"q": "x"}},
        {"type": "server_tool_result", "tool_call_id": "srv_1", "output": [], "status": "success"},
        {"type": "non_standard", "value": {"type": "odd", "deep": [{"a": [None, True]}]}},
    ),
    "mixed content": chat(AIMessage(["plain", {"type": "text", "text": "block"}, {"text": "old"}])),
    "no content": chat(AIMessage([])),
    "extra fields": chat(
        AIMessage("a", **{"class": "HumanMessage", "fields": {}, "text_": None, "unset": []})
    ),
    "human": chat(HumanMessage("q", name="Ann")),
    "system": chat(SystemMessage("s")),
    "chat": chat(ChatMessage(content="c", role="critic")),
    "function": chat(FunctionMessage(content="f", name="fn")),
    "tool": chat(
        ToolMessage("t", tool_call_id="call_1", artifact={"rows": [1]}, status="error"),
        ToolMessage("t", tool_call_id="call_1", artifact=[]),
    ),
    "ai chunk": chat(
        AIMessageChunk(
            content="",
            id="run-1",
            tool_call_chunks=[
                {
                    "name": "weather",
                    "args": '{"city": "Oslo"}',
                    "id": "call_1",
                    "index": 0,
                    "type": "tool_call_chunk",
                }
            ],
            usage_metadata=USAGE,
            chunk_position="last",
        )
    ),
    "other chunks": chat(
        HumanMessageChunk(content="q"),
        SystemMessageChunk(content="s"),
        ChatMessageChunk(content="c", role="critic"),
        FunctionMessageChunk(content="f", name="fn"),
        ToolMessageChunk(content="t", tool_call_id="call_1"),
    ),
    "values": [
        Generation(
            text="lone \ud800 surrogate",
            generation_info={
                "bytes": b"\x00\xff",
                "datetime": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
                "naive": datetime(2026, 1, 2),  # noqa: DTZ001
                "date": date(2026, 1, 2),
                "time": time(3, 4, 5),
                "timedelta": timedelta(days=-1, microseconds=1),
                "decimal": [Decimal("1.10"), Decimal("1E+400")],
                "uuid": UUID(int=1),
                "tuple": (1, (2, "x"), []),
                "int": [2**63, 2**64, -(2**63) - 1, 10**100],
                "float": [0.1, -0.0, 1e308, 5e-324, float("inf"), float("-inf")],
                "keys": {1: "one", None: "none", ("a", 2): "pair", "\ud800": "odd"},
                "$": {"$": "bytes", "v": "not bytes"},
                "deep": {"a": [{"b": [[[b"x"]]]}]},
            },
        )
    ],
}
