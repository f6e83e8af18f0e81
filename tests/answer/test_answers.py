"""What is kept of answers that are asked for again: every hit is equal, and the caller's own."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration
from pydantic import BaseModel

from langchain_llmcache import LLMCache, NearCache
from langchain_llmcache._answer.answers import Answers
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._answer.objects import CannotCopy, Mould
from langchain_llmcache._request.key import Key
from tests.support.samples import CODEC, KEY, SAMPLES, hit_of, to_entry
from tests.support.targets import LLM_STRING, PROMPT, answer

NOW = 100.0


@pytest.fixture
def same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn at random is the same each time."""
    monkeypatch.setattr(os, "urandom", lambda count: b"\x5a" * count)


def inside(value: Any) -> Any:
    """Return all that a value is made of, classes and order included."""
    if isinstance(value, BaseModel):
        parts = inside(value.__dict__), inside(value.__pydantic_extra__)
        return type(value), *parts, set(value.__pydantic_fields_set__), value.__pydantic_private__
    if isinstance(value, dict):
        return dict, [(key, inside(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [inside(item) for item in value]
    return type(value), value


def spoil(value: Any) -> None:
    """Change all that can be changed in an answer, at every depth."""
    if isinstance(value, BaseModel):
        spoil(value.__dict__)
        spoil(value.__pydantic_extra__)
        value.__pydantic_fields_set__.clear()
    elif isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value.clear()
    elif isinstance(value, (list, tuple)):
        for item in value:
            spoil(item)
        if isinstance(value, list):
            value.clear()


@pytest.mark.usefixtures("same_ids")
@pytest.mark.parametrize("name", SAMPLES)
def test_each_hit_is_as_the_first(name: str) -> None:
    """Read, read again and kept, copied, however much the callers before did to theirs."""
    entry = to_entry(SAMPLES[name])
    answers = Answers(CODEC, "keep")
    expected = inside(hit_of(entry, now=NOW))
    for _ in range(4):
        hit = answers.opened(KEY, bytes(bytearray(entry))).generations(NOW)
        assert inside(hit) == expected
        for generation in hit:
            spoil(generation)


@pytest.mark.parametrize("options", [{}, {"near": NearCache()}], ids=["store", "near"])
def test_callers_share_nothing(options: Any) -> None:
    """What the caller of the miss, or of a hit, does to its answer reaches no other."""
    with LLMCache(**options) as cache:
        stored = ChatGeneration(
            message=AIMessage(
                [{"type": "text", "text": "a", "parts": [{"b": [1]}]}],
                additional_kwargs={"deep": {"deeper": [{"c": 1}]}},
                response_metadata={"list": [[1], {"d": ({"e": [2]},)}]},
                tool_calls=[{"name": "t", "args": {"x": {"y": [3]}}, "id": "call_1"}],
            ),
            generation_info={"logprobs": [{"token": "a", "top": [["b", -1.5]]}] * 100},
        )
        said = copy.deepcopy(stored)
        cache.update(PROMPT, LLM_STRING, [said])
        spoil(said)
        seen = set()
        for _ in range(4):
            [hit] = cache.lookup(PROMPT, LLM_STRING) or []
            message: Any = hit.message  # type: ignore[attr-defined]
            assert message.content == stored.message.content
            assert message.tool_calls[0]["args"] == {"x": {"y": [3]}}
            assert message.response_metadata["list"] == stored.message.response_metadata["list"]
            assert hit.generation_info == stored.generation_info
            seen |= {message.id, message.tool_calls[0]["id"]}
            spoil(hit)
        assert len(seen) == 8 - 3 * (None in seen)


def test_other_bytes_are_read() -> None:
    """What is kept is good for the very same bytes, under the very same key."""
    answers = Answers(CODEC, "keep")
    entry, other = to_entry(SAMPLES["ai"]), to_entry(SAMPLES["text"])
    for _ in range(3):
        answers.opened(KEY, entry)
    altered = entry[:-3] + bytes([entry[-3] ^ 1]) + entry[-2:]
    with pytest.raises(CorruptEntryError):
        answers.opened(KEY, altered)
    with pytest.raises(CorruptEntryError):
        answers.opened(Key(KEY.space, "f" * 64), entry)
    assert answers.opened(KEY, other).generations(NOW) == SAMPLES["text"]
    assert type(answers.opened(KEY, entry).generations(NOW)[0]) is ChatGeneration


def test_what_is_kept_has_bounds() -> None:
    """Of many answers, what fits is kept; forgotten ones are gone."""
    answers = Answers(CODEC, "keep", room=200_000)
    keys = [Key(("m",), f"{number:064x}") for number in range(500)]
    for key in keys:
        entry = CODEC.encode(answer("x" * 1000), created=1.0, seconds=None, key=key)
        for _ in range(2):
            answers.opened(key, entry)
    kept = answers._kept
    assert 5 < len(kept) < 60
    assert kept.get(keys[-1]) is not None
    answers.forget(keys[-1])
    assert kept.get(keys[-1]) is None
    answers.forget()
    assert len(kept) == 0


def test_what_is_kept_is_measured_as_it_is_built() -> None:
    """A compressed entry takes little room, and what is built of it does not."""
    pytest.importorskip("backports.zstd")
    codec = Codec(Binding(compresses=True))
    answers = Answers(codec, "keep", room=1_000_000)
    keys = [Key(("m",), f"{number:064x}") for number in range(50)]
    for key in keys:
        entry = codec.encode(answer("x" * 30_000), created=1.0, seconds=None, key=key)
        assert len(entry) < 500
        for _ in range(3):
            answers.opened(key, entry)
    kept = [answers._kept.get(key) for key in keys]
    assert 1 < sum(each is not None for each in kept) <= 1_000_000 / 30_000


def test_what_only_pydantic_knows_has_no_mould() -> None:
    """Objects with private attributes, or with others in their data, are made anew each time."""

    class Private(AIMessage):
        _private: int = 3

    with pytest.raises(CannotCopy):
        Mould(Private(content="a"))
    with pytest.raises(CannotCopy):
        Mould(ToolMessage("a", tool_call_id="1", artifact={"a": AIMessage("b")}))
