"""What is stored by default, and how a user decides otherwise."""

from __future__ import annotations

import enum
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel, field_validator

from langchain_llmcache import ConfigurationError, LLMCache, NewEntry
from langchain_llmcache._answer.flaws import flaw_of
from tests.support.samples import SAMPLES, chat

INVALID: Any = {"name": "f", "args": "{", "id": "1", "error": None, "type": "invalid_tool_call"}


def stored(generations: Sequence[Generation], **options: Any) -> Any:
    """Return what the next caller gets, or None."""
    cache = LLMCache(**options)
    cache.update("q", "m", generations)
    found: Any = cache.lookup("q", "m")
    assert (found is None) == (cache.stats().stores == 0)
    return found and found[0]


def said(content: Any = "text", **fields: Any) -> list[Generation]:
    """Return a chat model's answer."""
    return chat(AIMessage(content, **fields))


# --- by default ------------------------------------------------------------------------------


class FinishReason(enum.Enum):
    """As a Google client has it."""

    SAFETY = 3


BLOCKED: list[Any] = [
    said(response_metadata={"finish_reason": "content_filter"}),  # OpenAI, Azure
    [ChatGeneration(message=AIMessage("a"), generation_info={"finish_reason": "content_filter"})],
    [Generation(text="a", generation_info={"finish_reason": "content_filter"})],
    said("", additional_kwargs={"refusal": "I cannot help with that."}),
    said([{"type": "refusal", "refusal": "I cannot."}]),  # OpenAI Responses
    said([{"type": "non_standard", "value": {"type": "refusal", "refusal": "I cannot."}}]),
    said(response_metadata={"incomplete_details": {"reason": "content_filter"}}),
    said(response_metadata={"stop_reason": "refusal"}),  # Anthropic
    said(response_metadata={"stopReason": "content_filtered"}),  # Bedrock Converse
    said(response_metadata={"stopReason": "guardrail_intervened"}),
    said(response_metadata={"completionReason": "CONTENT_FILTERED"}),  # Amazon Titan
    said(additional_kwargs={"amazon-bedrock-guardrailAction": "INTERVENED"}),
    said(response_metadata={"finish_reason": "SAFETY"}),  # Google
    said(response_metadata={"finish_reason": "FinishReason.RECITATION"}),
    said(response_metadata={"finish_reason": FinishReason.SAFETY}),
    said("", response_metadata={"prompt_feedback": {"block_reason": 2}}),
    said(response_metadata={"finish_reason": "ERROR_TOXIC"}),  # Cohere
    [*said("fine"), *said(response_metadata={"finish_reason": "content_filter"})],
]
BROKEN = [
    said(invalid_tool_calls=[INVALID]),
    said(response_metadata={"finish_reason": "MALFORMED_FUNCTION_CALL"}),  # Google
    said(response_metadata={"stopReason": "malformed_tool_use"}),  # Bedrock Converse
]
EMPTY = [
    said(""),
    said(" \n"),
    said([]),
    said([{"type": "text", "text": ""}]),
    said([{"type": "reasoning", "reasoning": "Hmm."}]),
    said([{"text": ""}, {"reasoning_content": {"text": "Hmm."}}, {}]),  # untyped: Converse
    said("", response_metadata={"finish_reason": "length"}),
    [Generation(text="")],
]
SOUND = [
    said(),
    said("", tool_calls=[{"name": "f", "args": {}, "id": "1"}]),
    said("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}),
    said("", additional_kwargs={"audio": {"id": "audio_1", "data": "YQ=="}}),
    said([{"type": "image", "base64": "aW1n"}]),
    said([{"image": {"format": "png", "source": {"bytes": "aW1n"}}}]),  # Bedrock Converse
    said("cut", response_metadata={"finish_reason": "length"}),
    said("cut", response_metadata={"stop_reason": "max_tokens"}),
    said("cut", response_metadata={"stopReason": "model_context_window_exceeded"}),
    said(response_metadata={"prompt_feedback": {"block_reason": 0}, "finish_reason": "STOP"}),
    said(additional_kwargs={"refusal": None}),
    said("The content_filter says refusal."),
    [Generation(text="a", generation_info={"finish_reason": None})],
]


@pytest.mark.parametrize(
    ("generations", "flaw"),
    [
        *((generations, "blocked") for generations in BLOCKED),
        *((generations, "invalid tool call") for generations in BROKEN),
        *((generations, "empty") for generations in EMPTY),
        *((generations, None) for generations in SOUND),
    ],
)
def test_flawed_answers_are_not_given_again(
    generations: list[Generation], flaw: str | None
) -> None:
    """Blocked, broken and empty answers are not stored; all others are, cut ones too."""
    assert flaw_of(generations) == flaw
    assert (stored(generations) is None) == (flaw is not None)


def test_declined_answers_are_counted_and_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """A flawed answer is the model's affair: it is counted, and nobody is warned."""
    cache = LLMCache()
    with caplog.at_level(logging.WARNING, "langchain_llmcache"):
        cache.update("q", "m", said(""))
    assert cache.stats().declined == 1
    assert cache.stats().refused == 0
    assert not caplog.records


# --- should_store ----------------------------------------------------------------------------


def test_should_store_decides() -> None:
    """should_store replaces the default, and can build on it."""
    assert stored(said(""), should_store=lambda _: True)
    assert not stored(said("text"), should_store=lambda _: False)
    tolerant = {"should_store": lambda entry: entry.flaw in (None, "empty")}
    assert stored(said(""), **tolerant)
    assert not stored(BLOCKED[0], **tolerant)


def test_should_store_sees_the_whole_entry() -> None:
    """Model, namespace, answer, size, usage and flaw are there to decide on."""
    seen: list[NewEntry] = []

    def note(entry: NewEntry) -> bool:
        seen.append(entry)
        return False

    cache = LLMCache(namespace="team", should_store=note)
    cache.update("q", '{"kwargs": {"model": "m"}}', SAMPLES["ai"])
    (entry,) = seen
    assert (entry.model, entry.namespace, entry.flaw) == ("m", ("team",), None)
    assert entry.generations == SAMPLES["ai"]
    assert entry.size > 100
    assert entry.usage == {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


def fail(_: object) -> Any:
    """Fail, with something in the message that nobody may see."""
    raise OSError("s3cret")


@pytest.mark.parametrize(
    "options",
    [
        {"should_store": fail},
        {"should_store": lambda _: "yes"},
        {"should_store": lambda _: None},
        {"redact": fail},
        {"redact": lambda _: None},
    ],
)
def test_a_callable_that_fails_keeps_the_answer_out(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is not stored; that is counted and logged without a word of what it was about."""
    cache = LLMCache(**options)
    with caplog.at_level(logging.DEBUG, "langchain_llmcache"):
        cache.update("q", "m", said("s3cret"))
    assert cache.lookup("q", "m") is None
    assert cache.stats().refused == 1
    assert len(caplog.records) == 1
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"should_store": True},
        {"redact": "x"},
        {"max_entry_bytes": 0},
        {"max_entry_bytes": True},
        {"max_entry_bytes": 1.5},
    ],
)
def test_a_wrong_policy_is_refused_at_once(options: dict[str, Any]) -> None:
    """What cannot be a policy is a configuration error that names the argument."""
    for make in (LLMCache, LLMCache.from_url):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            make(**options)


# --- max_entry_bytes -------------------------------------------------------------------------


def test_large_answers_are_not_stored() -> None:
    """By default four megabytes are the bound; None lifts it."""
    large = said("x" * 2**22)
    assert stored(said("x" * (2**22 - 1000)))
    assert not stored(large)
    assert stored(large, max_entry_bytes=None)
    assert not stored(said(), max_entry_bytes=50)


def test_large_entries_are_not_read() -> None:
    """An entry that somebody with a larger bound stored is a miss."""
    writer = LLMCache(max_entry_bytes=None)
    reader = LLMCache(writer.store, max_entry_bytes=50)
    writer.update("q", "m", said())
    assert reader.lookup("q", "m") is None


# --- redact ----------------------------------------------------------------------------------


def hide(text: str) -> str:
    """Hide a name."""
    return text.replace("Ann", "[NAME]")


def test_redact_is_applied_to_what_is_stored_and_to_nothing_else() -> None:
    """The caller of the miss has the answer as it was said; hits are redacted; keys are not."""
    cache = LLMCache(redact=hide)
    generations = said("Dear Ann")
    cache.update("Who is Ann?", "m", generations)
    assert generations == said("Dear Ann")
    assert cache.lookup("Who is [NAME]?", "m") is None
    found: Any = cache.lookup("Who is Ann?", "m")
    assert found[0].text == found[0].message.content == "Dear [NAME]"
    assert "Ann" not in repr(vars(cache.store)["_items"]._items)


class Person(BaseModel):
    """A structured answer."""

    name: str


class Ann(BaseModel):
    """A structured answer that takes one name only."""

    name: str

    @field_validator("name")
    def is_ann(cls, name: str) -> str:  # noqa: N805 - a class method to pydantic
        """Take one name."""
        if name != "Ann":
            raise ValueError
        return name


CALL: Any = {"name": "Ann", "args": {"to": ["Ann"], "type": "Ann", "n": 1}, "id": "Ann"}


@pytest.mark.parametrize(
    "generations",
    [
        [Generation(text="Ann", generation_info={"sources": ["Ann"]})],
        said("Ann", name="Ann"),
        said([{"type": "text", "text": "Ann", "id": "Ann"}, "Ann"]),
        said([{"type": "reasoning", "reasoning": "Ann"}], tool_calls=[CALL]),
        said([{"type": "tool_use", "id": "Ann", "name": "Ann", "input": CALL["args"]}]),
        said([{"type": "text", "text": "x", "annotations": [{"cited_text": "Ann"}]}]),
        said([{"type": "document", "mime_type": "text/plain", "data": "Ann"}]),
        said(additional_kwargs={"reasoning_content": "Ann", "tuple": ("Ann", b"x")}),
        said(additional_kwargs={"function_call": {"name": "Ann", "arguments": '{"a": "Ann"}'}}),
        said(additional_kwargs={"parsed": Person(name="Ann")}),
        said(response_metadata={"grounding_metadata": {"queries": ["Ann"]}, "model_name": "Ann"}),
        said(extra="Ann"),
        chat(
            AIMessageChunk(
                content="",
                tool_call_chunks=[
                    {
                        "name": "f",
                        "args": '{"a": "Ann"}',
                        "id": "1",
                        "index": 0,
                        "type": "tool_call_chunk",
                    }
                ],
                chunk_position="last",
            )
        ),
    ],
)
def test_every_text_is_redacted(generations: list[Generation]) -> None:
    """Wherever the model's words are, they are redacted; names, ids and references stay."""
    found = stored(generations, redact=hide, should_store=lambda _: True)
    names = repr(found).count("Ann")
    kept = repr(generations).count("Ann") - names
    assert "[NAME]" in repr(found)
    assert kept == repr(found).count("[NAME]")
    if isinstance(found, ChatGeneration):
        assert names == sum(
            repr(generations).count(text)
            for text in ("name='Ann'", "'name': 'Ann'", "'id': 'Ann'", "'model_name': 'Ann'")
        ) - repr(generations).count("Person(name='Ann')")


def test_a_redactor_that_replaces_everything_leaves_a_usable_answer() -> None:
    """Types, ids and media are no text: even the crudest redactor does not break a hit."""
    for name in ("ai", "tool calls", "media", "citations", "server tools"):
        found = stored(SAMPLES[name], redact=lambda _: "{}", should_store=lambda _: True)
        assert type(found) is type(SAMPLES[name][0]), name


@pytest.mark.parametrize(
    "generations",
    [
        said([{"type": "thinking", "thinking": "Ann", "signature": "c2ln"}]),
        said([{"type": "reasoning", "reasoning": "Ann", "extras": {"signature": "c2ln"}}]),
        said("Ann", additional_kwargs={"parsed": Ann(name="Ann")}),
        said("a", response_metadata={"logprobs": {"content": [{"token": "A"}, {"token": "nn"}]}}),
        [Generation(text="a", generation_info={"logprobs": {"tokens": ["A", "nn"]}})],
    ],
)
def test_what_redaction_would_break_or_miss_is_not_stored(generations: list[Generation]) -> None:
    """A signed thought, a checked object, a text spelled out token by token: no hit is better."""
    assert stored(generations, redact=hide, should_store=lambda _: True) is None


def test_media_are_no_text() -> None:
    """What is no text is not redacted, whatever it reads like."""
    pictures = said(
        [
            {"type": "image", "mime_type": "image/png", "data": "Ann"},
            {"type": "image", "base64": "Ann"},
            {"type": "redacted_thinking", "data": "Ann"},
        ]
    )
    assert stored(pictures, redact=hide).message.content == pictures[0].message.content  # type: ignore[attr-defined]


def test_signed_thoughts_without_personal_data_are_stored() -> None:
    """A signature only forbids changes."""
    assert stored(
        said([{"type": "thinking", "thinking": "Hm", "signature": "s"}, "Ann"]), redact=hide
    )
