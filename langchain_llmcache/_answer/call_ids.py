"""Ids of tool calls in an answer: those of its own calls, and those of earlier ones.

Earlier ones are in the key as numbers only: an answer that refers to one of them would say
something else in a conversation with other ids, and is not kept. Ids of its own calls are new in
each hit, because a provider may refuse a history in which an id stands twice; but where the model
does not draw them at random, a hit has those that the model would give.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_llmcache._request.key import is_telling
from langchain_llmcache._signals import pass_on

_CALLS: Final = ("tool_calls", "invalid_tool_calls", "tool_call_chunks")
# Where a content block names a call.
_NAMES: Final = ("id", "call_id", "tool_call_id", "tool_use_id")
# Where an answer names an earlier one.
_REFERENCES: Final = frozenset({"call_id", "tool_call_id", "tool_use_id"})
# What the model wrote: text in there that looks like an id is not one.
_ARGUMENTS: Final = frozenset({"args", "arguments", "input"})
# So drawn at random that it stands for nothing else.
_RANDOM: Final = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}|[A-Za-z]{9,}$")
_SUFFIX_LENGTH: Final = 8


def renew(message: dict[str, Any], again: Mapping[str, str]) -> None:
    """Give the calls of a decoded message new ids, wherever it names them.

    Args:
        message: The fields of the message.
        again: Ids that the model gave to an earlier call too, and those of that call now.
    """
    own = {call_id: again.get(call_id) or _drawn(call_id) for call_id in own_ids(message)}
    if not own:
        return
    for call in _calls(message):
        _rename_block(call, own)
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict):
            for part in (block, block.get("value")):  # of a ``non_standard`` block
                _rename_block(part, own)
    if "additional_kwargs" in message:
        message["additional_kwargs"] = _renamed(message["additional_kwargs"], own)


def refers(message: Mapping[str, Any], call_ids: Sequence[str]) -> bool:
    """Tell whether a decoded message names one of these ids, except as that of a call of its own."""
    own = set(own_ids(message))
    return any(
        _stands_in(message, call_id, own, re.compile(_AS_A_WORD % re.escape(call_id)))
        for call_id in call_ids
    )


_AS_A_WORD: Final = "(?<![A-Za-z0-9])%s(?![A-Za-z0-9])"


def _stands_in(
    value: Any, call_id: str, own: set[str], word: re.Pattern[str], place: str | None = None
) -> bool:
    if isinstance(value, str):
        if value == call_id:
            return value not in own and (place in _REFERENCES or is_telling(call_id))
        return is_telling(call_id) and word.search(value) is not None
    if isinstance(value, list):
        return any(_stands_in(item, call_id, own, word, place) for item in value)
    if isinstance(value, dict):
        return any(
            _stands_in(name, call_id, own, word) or _stands_in(item, call_id, own, word, name)
            for name, item in value.items()
        )
    return False


def own_ids(message: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of a decoded message's own calls."""
    for call in _calls(message):
        if isinstance(call["id"], str) and call["id"]:
            yield call["id"]


def _calls(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _CALLS:
        calls = message.get(name)
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict) and "id" in call:
                yield call


def _rename_block(block: Any, own: Mapping[str, str]) -> None:
    if isinstance(block, dict):
        for name in _NAMES:
            named = block.get(name)
            if isinstance(named, str) and named in own:
                block[name] = own[named]


def _renamed(value: Any, own: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return own.get(value, value)
    if isinstance(value, list):
        return [_renamed(item, own) for item in value]
    if isinstance(value, dict):
        return {
            own.get(name, name): item if name in _ARGUMENTS else _renamed(item, own)
            for name, item in value.items()
        }
    return value


def _drawn(call_id: str) -> str:
    """Return a new id that looks like another one: providers are particular about them."""
    try:
        uuid.UUID(call_id)
    except ValueError as error:
        pass_on(error)
    else:
        return str(uuid.UUID(bytes=os.urandom(16), version=4))
    found = _RANDOM.search(call_id)
    if found is None:
        return f"{call_id}_{_digits(_SUFFIX_LENGTH)}"
    return call_id[: found.start()] + _digits(len(call_id) - found.start())


def _digits(number: int) -> str:
    return os.urandom(number).hex()[:number]
