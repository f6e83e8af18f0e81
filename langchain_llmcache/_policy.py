"""Which answers are stored, and in which words.

Rules of this file: it decides and never touches a store; the answer that the caller of a miss
gets is never changed; whatever a user's callable raises stays in here, without its text.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

from langchain_llmcache._codec import data_of_model
from langchain_llmcache._entries import Flaw, NewEntry, NotStorableError
from langchain_llmcache.errors import ConfigurationError

DEFAULT_MAX_ENTRY_BYTES: Final = 4 * 2**20  # an answer with a few pictures in it


class Declined(Exception):  # noqa: N818 - an outcome, not an error
    """This answer could be stored, but is not to be."""


@dataclass(frozen=True)
class StorePolicy:
    """What a user says about storing.

    Attributes:
        should_store: Decides instead of ``NewEntry.flaw``.
        redact: Is applied to every text that is stored.
        max_entry_bytes: Larger entries are neither stored nor read; None for no bound.

    Raises:
        ConfigurationError: if one of them is of the wrong kind.
    """

    should_store: Callable[[NewEntry], bool] | None = None
    redact: Callable[[str], str] | None = None
    max_entry_bytes: int | None = DEFAULT_MAX_ENTRY_BYTES

    def __post_init__(self) -> None:
        for name in ("should_store", "redact"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                msg = f"{name} is {value!r}; expected a function, or None"
                raise ConfigurationError(msg)
        bound = self.max_entry_bytes
        if bound is not None and (not isinstance(bound, int) or bound is True or bound <= 0):
            msg = f"max_entry_bytes is {bound!r}; expected a positive number of bytes, or None"
            raise ConfigurationError(msg)

    def to_store(self, generations: Sequence[Generation]) -> Sequence[Generation]:
        """Return the generations as they are to be stored.

        Raises:
            NotStorableError: if they cannot be redacted.
        """
        if self.redact is None:
            return generations
        return [_redacted_generation(generation, self._redact) for generation in generations]

    def check(self, entry: NewEntry) -> None:
        """Return if an answer is to be stored.

        Raises:
            Declined: if it is not.
            NotStorableError: if it is too large, or ``should_store`` does not tell.
        """
        if self.max_entry_bytes is not None and entry.size > self.max_entry_bytes:
            msg = f"its entry is larger than max_entry_bytes ({self.max_entry_bytes})"
            raise NotStorableError(msg)
        try:
            verdict: object = (
                entry.flaw is None if self.should_store is None else self.should_store(entry)
            )
        except Exception as error:
            msg = f"should_store failed ({type(error).__name__})"
            raise NotStorableError(msg) from error
        if not isinstance(verdict, bool):
            msg = f"should_store returned a {type(verdict).__name__}, not a bool"
            raise NotStorableError(msg)
        if not verdict:
            raise Declined

    def _redact(self, text: str) -> str:
        assert self.redact is not None  # noqa: S101 - see to_store
        try:
            redacted: object = self.redact(text)
        except Exception as error:
            msg = f"redact failed ({type(error).__name__})"
            raise NotStorableError(msg) from error
        if not isinstance(redacted, str):
            msg = f"redact returned a {type(redacted).__name__}, not a str"
            raise NotStorableError(msg)
        return redacted


# --- flaws -----------------------------------------------------------------------------------

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
    incomplete = _mapping(metadata.get("incomplete_details")).get("reason")  # OpenAI Responses
    feedback = _mapping(metadata.get("prompt_feedback")).get("block_reason")  # Google
    return (
        _plain(incomplete) in _BLOCKED_STOPS
        or (bool(feedback) and _plain(feedback) != "block_reason_unspecified")
        or metadata.get("amazon-bedrock-guardrailAction") == "INTERVENED"
    )


def _kind(block: Mapping[str, Any]) -> object:
    """Return the type of a content block; Bedrock's own blocks have only a field of that name."""
    return block.get("type") or next(iter(block), "text")


def _is_refusal(block: Mapping[str, Any]) -> bool:
    inner = _mapping(block.get("value"))  # of a ``non_standard`` block
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


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# --- redaction -------------------------------------------------------------------------------

# What programs read, not people: names, references, reasons, and data that is no text.
_NOT_TEXT = frozenset(
    {
        "base64",
        "call_id",
        "chunk_position",
        "done_reason",
        "encrypted_content",
        "file_id",
        "finish_reason",
        "format",
        "id",
        "media_type",
        "mime_type",
        "model",
        "model_id",
        "model_name",
        "model_provider",
        "name",
        "object",
        "output_version",
        "role",
        "signature",
        "status",
        "stopReason",
        "stop_reason",
        "system_fingerprint",
        "tool_call_id",
        "tool_use_id",
        "type",
    }
)
# Below these all is the model's, whatever its name.
_ARGUMENTS = frozenset({"args", "arguments", "input", "parsed"})
_NONE: frozenset[str] = frozenset()
# They spell the text out, token by token, so that no detector would see it.
_SPELLED_OUT = ("logprobs", "logprobs_result")

_Redact = Callable[[str], str]


def _redacted_generation(generation: Generation, redact: _Redact) -> Generation:
    info = _redacted_metadata(generation.generation_info, redact)
    if not isinstance(generation, ChatGeneration):
        return generation.model_copy(
            update={"text": redact(generation.text), "generation_info": info}
        )
    message = generation.message
    fields = {
        field: _redacted_metadata(value, redact)
        if field == "response_metadata"
        else _redacted(value, redact, _NOT_TEXT)
        for field, value in {**message.__dict__, **(message.__pydantic_extra__ or {})}.items()
        if field not in _NOT_TEXT
    }
    return type(generation)(
        message=message.model_copy(update=fields),
        generation_info=info,
    )


def _redacted_metadata(metadata: dict[str, Any] | None, redact: _Redact) -> Any:
    if metadata and any(metadata.get(field) for field in _SPELLED_OUT):
        msg = "its log-probabilities spell out the text that is to be redacted"
        raise NotStorableError(msg)
    return _redacted(metadata, redact, _NOT_TEXT)


def _redacted(value: Any, redact: _Redact, kept: frozenset[str]) -> Any:  # noqa: PLR0911
    """Return ``value`` with every text redacted but those under the names in ``kept``."""
    match value:
        case enum.Enum():
            return value
        case str():
            return redact(value)
        case Mapping():
            return _redacted_mapping(value, redact, kept)
        case list():
            return [_redacted(item, redact, kept) for item in value]
        case tuple() if type(value) is tuple:
            return tuple(_redacted(item, redact, kept) for item in value)
        case BaseModel():
            data = _redacted(data_of_model(value), redact, _NONE)
            try:
                return type(value).model_validate(data)
            except ValueError as error:
                msg = f"redacted, it is no {type(value).__qualname__} any more"
                raise NotStorableError(msg) from error
        case _:
            return value


def _redacted_mapping(
    mapping: Mapping[str, Any], redact: _Redact, kept: frozenset[str]
) -> Mapping[str, Any]:
    redacted = {
        name: item
        if name in kept or (kept and name == "data" and _is_media(mapping))
        else _redacted(item, redact, _NONE if name in _ARGUMENTS else kept)
        for name, item in mapping.items()
    }
    if kept and redacted != mapping and _is_signed(mapping):
        msg = "redacted, a signed part of it would be refused by its provider"
        raise NotStorableError(msg)
    return redacted


def _is_media(block: Mapping[str, Any]) -> bool:
    kind = block.get("mime_type") or block.get("media_type")
    return block.get("type") == "redacted_thinking" or (
        isinstance(kind, str) and not kind.startswith("text/")
    )


def _is_signed(block: Mapping[str, Any]) -> bool:
    return bool(block.get("signature") or _mapping(block.get("extras")).get("signature"))
