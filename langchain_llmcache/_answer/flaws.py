"""Answers that are flawed: empty, with an invalid tool call, or blocked."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache._answer.entries import Flaw
from langchain_llmcache._request.llm_strings import as_mapping

# Where providers say why an answer ended, and what they say when it is not the model's own end.
# An answer that was cut at ``max_tokens`` is stored: the limit is part of the request.
_STOP_FIELDS = ("finish_reason", "stop_reason", "stopReason", "completionReason", "done_reason")


_BLOCKED_STOPS = frozenset(
    {
        "content_filter",  # OpenAI, Azure, Mistral, ...
        "content_filtered",  # Bedrock Converse, Amazon Titan
        "guardrail_intervened",  # Bedrock Converse
        "refusal",  # Anthropic
        # Google
        "safety",
        "recitation",
        "language",
        "blocklist",
        "prohibited_content",
        "spii",
        "image_safety",
        "image_prohibited_content",
        "image_recitation",
        "error_toxic",  # Cohere
        "error",  # Cohere, Mistral
    }
)


_BROKEN_CALL_STOPS = frozenset(
    {
        "malformed_function_call",  # Google
        "unexpected_tool_call",
        "malformed_model_output",  # Bedrock Converse
        "malformed_tool_use",
    }
)


_WORDS = frozenset(
    {"text", "output_text", "reasoning", "reasoning_content", "thinking", "redacted_thinking"}
)


# Answers that some packages keep beside the content.
_BESIDE_CONTENT = ("audio", "function_call", "tool_calls", "tool_outputs")


def flaw_of(generations: Sequence[Generation]) -> Flaw | None:
    """Return why an answer should not be given again, or None if nothing speaks against it."""
    flaws = [_flaw_of_one(generation) for generation in generations]
    return next((flaw for flaw in flaws if flaw is not None), None)


def _flaw_of_one(generation: Generation) -> Flaw | None:
    message = generation.message if isinstance(generation, ChatGeneration) else None
    kwargs = {} if message is None else message.additional_kwargs
    stops: set[str] = set()
    for metadata in (
        generation.generation_info or {},
        {} if message is None else message.response_metadata,
        kwargs,
    ):
        if _is_blocked(metadata):
            return "blocked"
        stops.update(_plain(metadata.get(field)) for field in _STOP_FIELDS)
    blocks = list(_blocks(message))
    if stops & _BLOCKED_STOPS or kwargs.get("refusal") or any(map(_is_refusal, blocks)):
        return "blocked"
    broken = isinstance(message, AIMessage) and message.invalid_tool_calls
    if broken or stops & _BROKEN_CALL_STOPS:
        return "invalid tool call"
    called = isinstance(message, AIMessage) and message.tool_calls
    more = any(_kind(block) not in _WORDS for block in blocks)
    beside = any(kwargs.get(field) for field in _BESIDE_CONTENT)
    return None if generation.text.strip() or called or more or beside else "empty"


def _is_blocked(metadata: Mapping[str, Any]) -> bool:
    incomplete = as_mapping(metadata.get("incomplete_details")).get("reason")  # OpenAI Responses
    feedback = as_mapping(metadata.get("prompt_feedback")).get("block_reason")  # Google
    return (
        _plain(incomplete) in _BLOCKED_STOPS
        or (bool(feedback) and _plain(feedback) != "block_reason_unspecified")
        or metadata.get("amazon-bedrock-guardrailAction") == "INTERVENED"
    )


def _kind(block: Mapping[str, Any]) -> object:
    """Return the type of a content block; Bedrock's own blocks have only a field of that name."""
    return block.get("type") or next(iter(block), "text")


def _is_refusal(block: Mapping[str, Any]) -> bool:
    inner = as_mapping(block.get("value"))  # of a ``non_standard`` block
    return block.get("type") == "refusal" or bool(inner.get("refusal"))


def _blocks(message: BaseMessage | None) -> Iterator[Mapping[str, Any]]:
    if message is not None and isinstance(message.content, list):
        for block in message.content:
            if isinstance(block, dict):
                yield block


def _plain(reason: Any) -> str:
    """Return a reason's bare word: ``FinishReason.SAFETY`` is ``safety``."""
    text = reason.name if isinstance(reason, enum.Enum) else str(reason)
    return text.rpartition(".")[2].lower()
