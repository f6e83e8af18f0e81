"""Messages with the ids of their tool calls as numbers: a hit draws new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def numbered(fields: Any) -> Any:
    """Return the fields of a message, or of anything with ``tool_calls``, with numbers for ids."""
    ids = [
        call["id"]
        for name in ("tool_calls", "invalid_tool_calls")
        for call in fields.get(name) or ()
        if call["id"]
    ]
    return _renamed(fields, {call_id: f"call {number}" for number, call_id in enumerate(ids)})


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {names.get(name, name): _renamed(item, names) for name, item in value.items()}
    return value
