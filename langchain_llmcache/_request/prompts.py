"""The canonical prompt: what a provider is sent, without what differs from run to run.

Rule of this file: what it drops never reaches a provider. Prompts go into a digest and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

import orjson

from langchain_llmcache._answer.classes import MESSAGES
from langchain_llmcache._request.key import is_telling
from langchain_llmcache._request.llm_strings import (
    Uncacheable,
    as_bytes,
    as_mapping,
    has_address,
)
from langchain_llmcache._signals import pass_on

# What a later request repeats of an earlier answer without sending it to the provider.
# (``type`` follows from langchain-core's classes.)
_NEVER_SENT = frozenset({"id", "type", "usage_metadata", "artifact"})
# Nor the pieces that a streamed answer came in, once it is the answer.
_NEVER_SENT_OF_ANSWERS = _NEVER_SENT | {"chunk_position", "tool_call_chunks"}


# What provider packages read back from an answer's metadata, besides an ``id`` of OpenAI's
# Responses API, which stands for a conversation that the server remembers.
_READ_BACK = frozenset(
    "container grounding_metadata is_blocked model_name model_provider output_version".split()
)
# The blocks of which every package makes the same, be they streamed or not.
_ALIKE = frozenset({"function_call", "reasoning", "text", "thinking", "tool_call", "tool_use"})
_STREAMED = "AIMessageChunk"
_ANSWERS = frozenset({"AIMessage", _STREAMED})


_TYPES = {name: cls.model_fields["type"].default for name, cls in MESSAGES.items()}


_REMEMBERED_ID = "resp_"


_UNSET: tuple[Any, ...] = (None, [], {})


_MESSAGE_START = '[{"lc": 1, "type": "constructor", "id": ["langchain"'


_MESSAGE_PARTS = 4  # lc, type, id, kwargs


_GENERATED_ID = re.compile(r"lc_[0-9a-f-]{36}")


# Integers that orjson would round to floats, so that two of them could meet.
_ROUNDED_FROM = 2.0**63


_Dump: TypeAlias = Callable[[Any], bytes]


def canonical_prompt(prompt: str, *, is_text: bool = False) -> tuple[bytes, tuple[str, ...]]:
    """Return what of ``prompt`` shapes the answer, and the ids that stand in it as numbers.

    Messages, as langchain-core serializes them, lose what never reaches a provider (ids of
    messages, usage, most response metadata). The order of keys counts in what is sent as text:
    the arguments of tools, contents. Any other text is kept as it is.

    Args:
        prompt: What is asked.
        is_text: Whether a text model is asked, which is given each character.

    Raises:
        Uncacheable: if a message holds an object of which its text does not tell all.
    """
    if prompt.startswith(_MESSAGE_START) and not is_text:
        read = _read_messages(prompt)
        if read is not None:
            messages, dump = read
            if '"not_implemented"' in prompt:
                _check_objects(messages)
            text = dump(messages)
            # All that refers to a tool call has one of these names in it.
            if b"tool" in text or b"function_call" in text:
                call_ids = _number_call_ids(messages, text)
                if call_ids:
                    return b"c" + dump(messages), call_ids
            return b"m" + text, ()
    return b"t" + as_bytes(prompt), ()


def _read_messages(prompt: str) -> tuple[list[dict[str, Any]], _Dump] | None:
    try:
        try:
            items = orjson.loads(prompt)
            _join_streamed(items)
            return [_canonical_message(item, check=True) for item in items], _dump
        except (orjson.JSONDecodeError, _Rounded):
            # A lone surrogate, NaN, an integer beyond 64 bits: all for Python's own JSON.
            items = json.loads(prompt)
            _join_streamed(items)
            return [_canonical_message(item, check=False) for item in items], _dump_anything
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        pass_on(error)
        return None  # it only looked like messages


class _Rounded(Exception):  # noqa: N818 - a signal between two functions
    """An integer may have been read as a float, and be equal to another now."""


def _join_streamed(items: list[dict[str, Any]]) -> None:
    """Write streamed answers in the history as whole ones, where that is sure to be the same.

    Every package sends them alike, but for some contents. And some packages put an answer
    together with the one before it, if they are of one class.
    """
    names = [item["id"][-1] for item in items]
    if _STREAMED not in names:
        return
    for at, item in enumerate(items):
        beside = (*names[at - 1 : at], *names[at + 1 : at + 2])
        if names[at] == _STREAMED and _ANSWERS.isdisjoint(beside) and _is_whole(item["kwargs"]):
            item["id"][-1], item["kwargs"]["type"] = "AIMessage", _TYPES["AIMessage"]


def _is_whole(fields: Mapping[str, Any]) -> bool:
    """Tell whether every provider's package sends this streamed answer like one that was not."""
    content = fields.get("content")
    blocks = content if isinstance(content, list) else []
    return "output_version" not in as_mapping(fields.get("response_metadata")) and all(
        isinstance(block, str) or as_mapping(block).get("type") in _ALIKE for block in blocks
    )


def _canonical_message(message: dict[str, Any], *, check: bool) -> dict[str, Any]:
    if len(message) != _MESSAGE_PARTS or message["lc"] != 1 or message["type"] != "constructor":
        raise ValueError
    name, given = message["id"][-1], message["kwargs"]
    # A class of the application's is sent as what it is derived from, which its name does not tell.
    kind = given.get("type", _TYPES.get(name))
    left_out = _NEVER_SENT if name == _STREAMED else _NEVER_SENT_OF_ANSWERS
    fields = {}
    for field in sorted(given):
        if field in left_out:
            continue
        value = given[field]
        if type(value) is not str:
            value = _canonical_field(name, field, value)
            # A field that is not set and a field that is empty are one request.
            if not value and value in _UNSET and field != "content":
                continue
            if check:
                _check_exact(value)
        fields[field] = value
    told = {"class": name, "fields": fields}
    return told if kind == _TYPES.get(name) else {**told, "type": kind}


def _canonical_field(name: str, field: str, value: Any) -> Any:
    if field == "content" and isinstance(value, list):
        return _with_items_numbered([_without_generated_id(block) for block in value])
    if field == "response_metadata":
        return _read_back(value)
    if field == "additional_kwargs":
        # (Of "parsed": the content once more, as an object; of a hit, as that object's data.)
        parsed = "parsed" if name == "AIMessage" else None
        return {part: value[part] for part in sorted(value) if part != parsed}
    if field in ("tool_calls", "invalid_tool_calls"):
        return [dict(sorted(call.items())) for call in value]
    return value


def _read_back(metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        field: metadata[field]
        for field in sorted(metadata)
        if field in _READ_BACK
        or (field == "id" and str(metadata[field]).startswith(_REMEMBERED_ID))
    }


def _without_generated_id(block: Any) -> Any:
    """Drop the random id that langchain-core's ``create_*_block`` functions add."""
    if (
        isinstance(block, dict)
        and isinstance(block.get("id"), str)
        and _GENERATED_ID.fullmatch(block["id"])
        and block.get("source_type") != "id"  # there it is the reference to a file
    ):
        return {field: value for field, value in block.items() if field != "id"}
    return block


def _with_items_numbered(content: list[Any]) -> list[Any]:
    """Replace the ids of items of OpenAI's Responses API, which only say what belongs together.

    A single item keeps none: its id is the message's own, or is in each of its texts.
    """
    numbers: dict[str, int] = {}
    for block in content:
        if _names_item(block):
            numbers.setdefault(block["id"], len(numbers))
    if not numbers:
        return content
    return [
        {
            field: numbers[block["id"]] if field == "id" else value
            for field, value in block.items()
            if field != "id" or len(numbers) > 1
        }
        if _names_item(block)
        else block
        for block in content
    ]


def _names_item(block: Any) -> bool:
    return (
        isinstance(block, dict)
        and block.get("type") == "text"
        and isinstance(block.get("id"), str)
        and block["id"].startswith("msg_")
    )


def _check_exact(value: Any) -> None:
    kind = type(value)
    if kind is dict:
        for item in value.values():
            if type(item) is not str:
                _check_exact(item)
    elif kind is list:
        for item in value:
            if type(item) is not str:
                _check_exact(item)
    elif kind is float and abs(value) >= _ROUNDED_FROM:
        raise _Rounded


# Classes whose repr, which is what langchain-core writes of them, tells all of a value.
_TOLD_BY_REPR = frozenset(
    (
        "builtins.bytearray builtins.bytes builtins.complex datetime.date datetime.datetime "
        "datetime.time datetime.timedelta decimal.Decimal uuid.UUID"
    ).split()
)


def _check_objects(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _check_objects(item)
    elif isinstance(value, dict):
        if value.get("lc") == 1 and value.get("type") == "not_implemented":
            name = ".".join(map(str, value.get("id") or ()))
            if name not in _TOLD_BY_REPR or has_address(str(value.get("repr"))):
                msg = (
                    f"a message holds a {name}, whose text form may not tell two values apart; "
                    "put plain data into messages"
                )
                raise Uncacheable(msg)
        for item in value.values():
            _check_objects(item)


# Ids of this form read the same in JSON, and none of them can reach beyond its quotes.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]+")
# How an id begins is looked for first: that many characters of it, in that many bytes at most.
_BEGINNING = 5
_MOST_BYTES = 64 * 2**20
_MOST_FOUND = 100_000


def _number_call_ids(messages: list[dict[str, Any]], text: bytes) -> tuple[str, ...]:
    """Replace ids of tool calls by numbers in order of appearance, where they only refer.

    A provider draws them at random, so a repeated conversation would never hit again once its
    first step has expired. Two conversations meet only if they differ in nothing but names:

    - An id is replaced only if it stands nowhere else in the conversation, not even as a part
      of a text. (It fills each reference, so it is counted once in each and, being free of
      quotes, never across two; any other appearance makes the count larger.) A number or a word
      is replaced all the same: in a text, it means something else.
    - The numbering is one to one, and where it took place every id was a string or missing.
      So the numbers in it are ours, and a renaming leads from one conversation to the other.
    - An answer that repeats a replaced id is good for conversations that have it in the same
      place: ``Key.call_ids``.

    Returns:
        The ids that were replaced.
    """
    places = []
    for message in messages:
        for holder, field in _call_id_places(message["fields"]):
            if not isinstance(holder, dict) or holder.get(field) in (None, ""):
                continue
            if not isinstance(holder[field], str):
                return ()
            places.append((holder, field))
    maps = [(holder, name) for message in messages for holder, name in _maps(message["fields"])]
    counts = Counter(holder[field] for holder, field in places)
    counts.update(call_id for holder, name in maps for call_id in holder[name])
    plain = [call_id for call_id in counts if _PLAIN_ID.fullmatch(call_id)]
    found = _count({call_id.encode() for call_id in plain if is_telling(call_id)}, text)
    replaced = [
        call_id
        for call_id in plain
        if not is_telling(call_id) or found.get(call_id) == counts[call_id]
    ]
    numbers = {call_id: number for number, call_id in enumerate(replaced)}
    for holder, field in places:
        holder[field] = numbers.get(holder[field], holder[field])
    for holder, name in maps if numbers else ():
        pairs = [[numbers.get(call_id, call_id), told] for call_id, told in holder[name].items()]
        holder[name] = sorted(pairs, key=lambda pair: (str(type(pair[0])), pair[0]))
    return tuple(replaced)


def _count(ids: Collection[bytes], text: bytes) -> dict[str, int]:
    """Return how often each id stands in a text, parts of longer ones included.

    Providers' ids begin alike, so that the text is searched a few times, however many there
    are. Of those for which that would take long, nothing is returned.
    """
    alike: dict[bytes, set[bytes]] = {}
    for call_id in ids:
        alike.setdefault(call_id[:_BEGINNING], set()).add(call_id)
    counts: dict[bytes, int] = {}
    if len(alike) * len(text) <= _MOST_BYTES:
        for beginning, group in alike.items():
            if group == {beginning}:
                counts[beginning] = text.count(beginning)
            else:
                counts.update(_count_alike(beginning, group, text))
    return {call_id.decode(): count for call_id, count in counts.items()}


def _count_alike(beginning: bytes, ids: Collection[bytes], text: bytes) -> dict[bytes, int]:
    lengths = sorted({len(call_id) for call_id in ids})
    counts = dict.fromkeys(ids, 0)
    at = text.find(beginning)
    for _ in range(_MOST_FOUND):
        if at < 0:
            return counts
        for length in lengths:
            found = text[at : at + length]
            if found in counts:
                counts[found] += 1
        at = text.find(beginning, at + 1)
    return {}


def _maps(fields: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where a message holds what belongs to each tool call, by its id."""
    told: Any = fields.get("additional_kwargs")
    for name in _BY_CALL_ID if isinstance(told, dict) else ():
        if isinstance(told.get(name), dict):
            yield told, name


def _call_id_places(fields: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """Yield each (mapping, field) of a message that may hold the id of a tool call."""
    yield fields, "tool_call_id"
    for calls in (
        fields.get("tool_calls"),
        fields.get("invalid_tool_calls"),
        fields.get("tool_call_chunks"),
        # OpenAI's own form of them.
        as_mapping(fields.get("additional_kwargs")).get("tool_calls"),
    ):
        for call in calls if isinstance(calls, list) else ():
            yield call, "id"
    content = fields.get("content")
    for block in content if isinstance(content, list) else ():
        field = _BLOCK_REFERENCES.get(str(as_mapping(block).get("type")))
        if field is not None:
            yield block, field


# Items of OpenAI's Responses API (``output_version="v0"``), and Gemini's signatures of thoughts.
_BY_CALL_ID = ("__openai_function_call_ids__", "__gemini_function_call_thought_signatures__")
# The kinds of content block that name a tool call, and where.
_BLOCK_REFERENCES = {
    "tool_use": "id",
    "tool_call": "id",
    "invalid_tool_call": "id",
    "function_call": "call_id",
    "tool_result": "tool_use_id",
}


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return _dump_anything(value)


def _dump_anything(value: Any) -> bytes:
    return json.dumps(value).encode()
