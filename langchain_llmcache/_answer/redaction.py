"""Redaction: a user's function applied to every text of an answer before it is stored."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

from langchain_llmcache._answer.codec import data_of_model
from langchain_llmcache._answer.entries import NotStorableError
from langchain_llmcache._request.llm_strings import as_mapping

# What programs read, not people: names, references, reasons, and data that is no text.
_NOT_TEXT = frozenset(
    (
        "base64 call_id chunk_position done_reason encrypted_content file_id finish_reason format "
        "id media_type mime_type model model_id model_name model_provider name object "
        "output_version role signature status stopReason stop_reason system_fingerprint "
        "tool_call_id tool_use_id type"
    ).split()
)


# Below these all is the model's, whatever its name.
_ARGUMENTS = frozenset({"args", "arguments", "input", "parsed"})


_NONE: frozenset[str] = frozenset()


# They spell the text out, token by token, so that no detector would see it.
_SPELLED_OUT = ("logprobs", "logprobs_result")


_Redact = Callable[[str], str]


def redacted_generation(generation: Generation, redact: _Redact) -> Generation:
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
                msg = f"redacted, it is not a {type(value).__qualname__} any more"
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
    return bool(block.get("signature") or as_mapping(block.get("extras")).get("signature"))
