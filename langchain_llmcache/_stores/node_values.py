"""Node values as bytes: what LangGraph's nodes write, without code that comes back from a store.

LangGraph's own serializer imports and calls whatever a value names; where it is told not to, it
returns the bare fields of an object in place of the object. Here a value comes back as it was,
made by a fixed table of classes, or it is neither stored nor returned.

Rules of this file: no import by name; of the names in a value only those in the table count.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import ormsgpack
from langchain_core import messages
from langchain_core.documents import Document
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache.errors import ConfigurationError

# The numbers that LangGraph gives to kinds of objects, in its checkpoints too.
_ONE_ARGUMENT, _ARGUMENTS, _KEYWORDS, _METHOD, _PYDANTIC, _NUMPY = 0, 1, 2, 3, 5, 6
_Name = tuple[str, str]

_PLAIN_KINDS: Final = frozenset({"null", "bytes", "bytearray"})
_MESSAGES: Final = tuple(
    getattr(messages, f"{kind}Message{suffix}")
    for kind in ("AI", "Chat", "Function", "Human", "System", "Tool")
    for suffix in ("", "Chunk")
)
_CLASSES: Final = (
    (_ONE_ARGUMENT, (UUID, Decimal, set, frozenset, deque, ZoneInfo)),
    (_ONE_ARGUMENT, (IPv4Address, IPv4Interface, IPv4Network)),
    (_ONE_ARGUMENT, (IPv6Address, IPv6Interface, IPv6Network)),
    (_ARGUMENTS, (date, timedelta, timezone, type(Path()))),
    (_KEYWORDS, (time,)),
    (_PYDANTIC, (*_MESSAGES, messages.RemoveMessage, Document)),
)
# LangGraph's own, imported when there is a graph that uses them: they take a second.
_OF_GRAPHS: Final = {
    ("langgraph.types", "Send"): _ARGUMENTS,
    ("langgraph.types", "Command"): _KEYWORDS,
    ("langgraph.types", "Interrupt"): _KEYWORDS,
    ("langgraph.types", "Overwrite"): _KEYWORDS,
    ("langgraph.store.base", "Item"): _KEYWORDS,
}


class NodeSerializer(SerializerProtocol):
    """The serializer of node values, in LangGraph's own format.

    It knows Python's plain data, messages, documents, LangGraph's commands, and numpy arrays.
    Tuples come back as lists, as from every LangGraph cache.

    Args:
        allow: Further classes whose objects nodes may write: dataclasses, pydantic models,
            enums, named tuples. They are called with what the store returns.

    Raises:
        ConfigurationError: if one of them is no class.
    """

    def __init__(self, allow: Iterable[type] = ()) -> None:
        self._makers: dict[tuple[int, str, str], Callable[[Any], Any]] = {}
        for kind, classes in _CLASSES:
            for cls in classes:
                self._add(kind, cls)
        allowed: Iterable[object] = allow
        for cls in allowed:
            if not isinstance(cls, type):
                msg = f"allow holds {cls!r}; expected classes"
                raise ConfigurationError(msg)
            for kind in (_ONE_ARGUMENT, _ARGUMENTS, _KEYWORDS, _PYDANTIC):
                self._add(kind, cls)
        self._encoder = JsonPlusSerializer(pickle_fallback=False)

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return a value as bytes, proven to come back.

        Raises:
            NotStorableError: if it would not.
        """
        unknown: list[str] = []
        try:
            kind, data = self._encoder.dumps_typed(obj)
            if kind in _PLAIN_KINDS:
                return kind, bytes(data)
            again = self._decoded(data, unknown)
        except Exception as error:
            if unknown:
                msg = (
                    f"the node wrote a {unknown[0]}; list its class in "
                    "NodeSerializer(allow=[...]), and give that as serde="
                )
                raise NotStorableError(msg) from None
            msg = f"what the node wrote does not come back from bytes ({type(error).__name__})"
            raise NotStorableError(msg) from error
        if not _same(again, obj):
            msg = "what the node wrote comes back from bytes as something else"
            raise NotStorableError(msg)
        return kind, data

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value.

        Raises:
            CorruptEntryError: if these bytes are not a value, or name a class that is not known.
        """
        kind, encoded = data
        if kind == "msgpack":
            try:
                return self._decoded(encoded, [])
            except Exception as error:
                msg = "no node value of this version"
                raise CorruptEntryError(msg) from error
        if kind not in _PLAIN_KINDS:
            msg = "unknown tag"
            raise CorruptEntryError(msg)
        return self._encoder.loads_typed((kind, encoded))

    def _add(self, kind: int, cls: type) -> None:
        def make(argument: Any) -> Any:
            if kind == _ONE_ARGUMENT:
                return cls(argument)
            return cls(*argument) if kind == _ARGUMENTS else cls(**argument)

        self._makers[kind, cls.__module__, cls.__name__] = make

    def _decoded(self, data: bytes, unknown: list[str]) -> Any:
        """Return a value, or raise and put the name of a class that is not known into ``unknown``."""
        return ormsgpack.unpackb(
            data,
            ext_hook=lambda kind, part: self._object(kind, part, unknown),
            option=ormsgpack.OPT_NON_STR_KEYS,
        )

    def _object(self, kind: int, data: bytes, unknown: list[str]) -> Any:
        parts = self._decoded(data, unknown)
        if kind == _NUMPY:
            return _array(*parts)
        module, name, argument, *method = parts
        if kind == _METHOD:
            if (module, name, method) == ("datetime", "datetime", ["fromisoformat"]):
                return datetime.fromisoformat(argument)
        elif make := self._makers.get((kind, module, name)):
            return make(argument)
        elif _OF_GRAPHS.get((module, name)) == kind:
            cls = getattr(importlib.import_module(module), name)
            return cls(*argument) if kind == _ARGUMENTS else cls(**argument)
        # (What is raised in here reaches nobody but ormsgpack, which raises its own.)
        unknown.append(f"{module}.{name}")
        raise ValueError


def _array(dtype: str, shape: list[int], order: Any, buffer: bytes) -> Any:
    import numpy as np  # type: ignore[import-not-found, unused-ignore]

    return np.frombuffer(buffer, dtype=np.dtype(dtype)).reshape(shape, order=order)


def _same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal, tuples and lists with the same items included."""
    if isinstance(right, (list, tuple, deque)):
        return (
            isinstance(left, (list, tuple, deque))
            and len(left) == len(right)
            and all(map(_same, left, right))
        )
    if isinstance(right, Mapping):
        return (
            isinstance(left, Mapping)
            and left.keys() == right.keys()
            and all(_same(left[key], right[key]) for key in right)
        )
    if type(left) is not type(right):
        # A subclass of str or int comes back as the plain value.
        return (
            left == right and isinstance(right, (str, int, float)) and not isinstance(right, Enum)
        )
    if type(right).__module__ == "numpy":
        same: bool = left.dtype == right.dtype and left.tobytes() == right.tobytes()
        return same and left.shape == right.shape
    return bool(left == right or (left != left and right != right))  # noqa: PLR0124 - NaN
