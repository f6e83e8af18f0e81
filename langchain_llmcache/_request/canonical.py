"""Values as bytes: the same for equal values in every process, different for different ones.

Rules of this file: it reads data and calls nothing that a value brings along; a value without
such a form is refused by a message that names its place and its class, and never the value.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

from langchain_llmcache._request.definitions import (
    is_importable,
    notes_in,
    path_of,
    redefined,
    slots_of,
    told_as_tool,
)
from langchain_llmcache._request.fields import is_model, told_by
from langchain_llmcache._signals import pass_on

_DEEPEST: Final = 30
# Names of arguments and settings; anything longer or stranger might be a user's data.
_NAME: Final = re.compile(r"[\w.$-]{1,60}")


class NoForm(Exception):  # noqa: N818 - an outcome, not an error
    """A value has no canonical form.

    Attributes:
        path: Where in the whole it stands, such as ``['headers'][0].url``.
        kind: What it is, without its value.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.path = ""
        self.kind = kind


def tagged(tag: bytes, *parts: bytes) -> bytes:
    """Return parts as one, each preceded by its length, so that none can reach into the next."""
    return tag + b"".join(
        [piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)]
    )


# --- classes by their schemas -----------------------------------------------------------


# Each with the identity of what it was derived from, which a rebuilt class has anew.
_SCHEMAS: Final[WeakKeyDictionary[type, tuple[int, bytes | None]]] = WeakKeyDictionary()


def schema_of(cls: type) -> bytes | None:
    """Return the JSON schema of a class, its fields in order, or None if it has none."""
    source = id(getattr(cls, "__pydantic_core_schema__", None))
    known = _SCHEMAS.get(cls)
    if known is not None and known[0] == source:
        return known[1]
    try:
        schema = json.dumps(TypeAdapter(cls).json_schema()).encode()
    except Exception as error:  # noqa: BLE001 - whatever pydantic says of a class without a schema
        pass_on(error)
        schema = None
    _SCHEMAS[cls] = (id(getattr(cls, "__pydantic_core_schema__", None)), schema)
    return schema


# --- the forms -------------------------------------------------------------------------------


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _moment(value: datetime | time) -> str:
    """Return a date or a time, with the name of its zone: two zones may have the same offset."""
    zone = value.tzinfo
    if not value.fold and (zone is None or type(zone) is timezone):
        return value.isoformat()
    return f"{value.isoformat()} {value.fold} {getattr(zone, 'key', zone)!r}"


# Immutable values whose text tells all. Each is told from the others, and from that text.
_BY_TEXT: Final[dict[type, Callable[[Any], str]]] = {
    bool: repr,
    complex: repr,
    date: date.isoformat,
    datetime: _moment,
    time: _moment,
    timedelta: repr,
    Decimal: str,
    Fraction: str,
    UUID: str,
    range: repr,
    IPv4Address: str,
    IPv6Address: str,
    IPv4Network: str,
    IPv6Network: str,
}
_OF_COLLECTIONS: Final = frozenset({"builtins", "collections", "types"})
# Of other packages, which need not be installed.
_URLS: Final = frozenset({"httpx", "httpx2", "yarl", "pydantic", "pydantic_core"})
_PROTOBUF: Final = ("google.protobuf", "google._upb", "proto.message")


class Forms:
    """Makes the form of one thing, with all that is in it.

    Args:
        of_model: Returns the form of a language model, for which it is given these.

    Attributes:
        has_halves: Whether a model in it sends something else along in async calls.
    """

    def __init__(self, of_model: Callable[[Any, Forms], bytes]) -> None:
        self.has_halves = False
        self._of_model = of_model
        self._open: set[int] = set()

    def of(self, value: Any) -> bytes:  # noqa: C901, PLR0911 - a case for each kind
        """Return the form of data, of an object of data, or of what is found by its name.

        Raises:
            NoForm: if it has none.
        """
        if value is None or value is ...:
            return b"n" if value is None else b"."
        if isinstance(value, Enum) and is_importable(type(value)):
            return self._of_member(value)
        if isinstance(value, str):
            return tagged(b"s", _text(str.__str__(value)))
        if (by_text := _BY_TEXT.get(type(value))) is not None:
            return tagged(b"v", type(value).__name__.encode(), _text(by_text(value)))
        if isinstance(value, int):
            return tagged(b"i", int.__repr__(value).encode())
        if isinstance(value, float):
            return tagged(b"f", float.__repr__(value).encode())
        if isinstance(value, (bytes, bytearray)):
            return tagged(b"b", bytes(value))
        if isinstance(value, PurePath):
            return tagged(b"p", _text(str(value)))
        if isinstance(value, re.Pattern):
            return tagged(b"r", self.of(value.pattern), str(value.flags).encode())
        if isinstance(value, type) or typing.get_origin(value) is not None:
            return self._of_type(value)
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
            return self._of_function(value)
        if type(value).__name__.lower().endswith("url") and _package(value) in _URLS:
            return tagged(b"u", _text(str(value)))
        return self._inside(value)

    def _inside(self, value: Any) -> bytes:
        if id(value) in self._open:
            msg = "a reference to itself"
            raise NoForm(msg)
        if len(self._open) >= _DEEPEST:
            msg = f"a value nested more than {_DEEPEST} levels deep"
            raise NoForm(msg)
        self._open.add(id(value))
        try:
            return self._of_whole(value)
        finally:
            self._open.discard(id(value))

    def _of_whole(self, value: Any) -> bytes:  # noqa: PLR0911 - a case for each kind
        if isinstance(value, (dict, types.MappingProxyType)):
            return self._of_kind(value, tagged(b"m", *self._pairs(value.items(), "[{}]")))
        if isinstance(value, (list, tuple)):
            items = (self._at(f"[{at}]", item) for at, item in enumerate(value))
            return self._of_kind(value, tagged(b"l", *items))
        if isinstance(value, (set, frozenset)):
            items = (self._at("[…]", item) for item in value)
            return self._of_kind(value, tagged(b"t", *sorted(items)))
        if is_model(value):
            return tagged(b"a", self._of_model(value, self))
        if isinstance(value, partial):
            parts = (value.func, value.args, value.keywords)
            return tagged(b"c", *(self._at("", part) for part in parts))
        if hasattr(type(value), "get_secret_value") and _package(value) == "pydantic":
            return tagged(b"x", self.of(value.get_secret_value()))
        if (message := _protobuf(value)) is not None:
            return tagged(b"g", _text(path_of(type(value))), message)
        if (told := told_by(value)) is not None:
            return tagged(b"k", *self._pairs(told.items(), ".{}"))
        fields = _fields_of(value)
        if fields is None or not is_importable(type(value)):
            raise NoForm(_kind(value))
        pairs = self._pairs(fields.items(), ".{}")
        return tagged(b"o", _text(path_of(type(value))), *pairs)

    def _of_member(self, value: Enum) -> bytes:
        name = value.name or repr(value.value)
        # Where the name is not the value, the same name may stand for another one tomorrow.
        told = () if type(value.value) is str and value.value == name else (value.value,)
        path = _text(path_of(type(value)))
        return tagged(b"e", path, _text(name), *(self._at("", each) for each in told))

    def _of_kind(self, value: Any, form: bytes) -> bytes:
        """Return the form of a collection, with its class and attributes if it is no plain one."""
        held = getattr(value, "__dict__", {})
        if type(value).__module__ in _OF_COLLECTIONS and not held:
            return form
        return tagged(b"z", _text(path_of(type(value))), form, *self._pairs(held.items(), ".{}"))

    def _pairs(self, items: Iterable[tuple[Any, Any]], place: str) -> Iterable[bytes]:
        for key, item in items:
            shown = key if isinstance(key, str) and _NAME.fullmatch(key) else "…"
            if place == "[{}]":
                shown = repr(shown)
            yield self._at("", key)
            yield self._at(place.format(shown), item)

    def _at(self, place: str, value: Any) -> bytes:
        try:
            return self.of(value)
        except NoForm as error:
            error.path = place + error.path
            raise

    def _of_type(self, value: Any) -> bytes:
        origin = typing.get_origin(value)
        if origin is not None:
            # Of list[X], X | Y, Annotated[X, ...]: the fields of X are in its schema.
            arguments = (*typing.get_args(value), *getattr(value, "__metadata__", ()))
            return tagged(b"q", _text(str(origin)), *(self._at("", item) for item in arguments))
        if issubclass(value, BaseModel) or is_typeddict(value):
            # Its name says nothing about its fields.
            schema = schema_of(value)
            if schema is None:
                msg = f"the class {value.__qualname__}, which has no JSON schema"
                raise NoForm(msg)
            # (Of a ``TypedDict``, it leaves out what ``Annotated`` says of a field.)
            notes = () if issubclass(value, BaseModel) else notes_in(value)
            return tagged(b"j", _text(value.__name__), schema, *(self._at("", n) for n in notes))
        if not is_importable(value):
            msg = f"the class {value.__qualname__}, which no import leads to"
            raise NoForm(msg)
        if issubclass(value, Enum):
            members = {name: member.value for name, member in value.__members__.items()}
            return tagged(b"j", _text(path_of(value)), *self._pairs(members.items(), ".{}"))
        cls: Any = value
        if dataclasses.is_dataclass(value) and (schema := schema_of(cls)) is not None:
            return tagged(b"j", _text(path_of(cls)), schema)
        return _by_name(cls)

    def _of_function(self, value: Any) -> bytes:
        if not is_importable(value):
            msg = "a function that no import leads to (a lambda, a closure, a method of an object)"
            raise NoForm(msg)
        if not isinstance(value, types.FunctionType):
            return _by_name(value)
        return _by_name(value, *map(_text, told_as_tool(value)))


def _by_name(item: Any, *more: bytes) -> bytes:
    return tagged(b"y", _text(path_of(item)), *more, *filter(None, [redefined(item)]))


def _fields_of(value: Any) -> Mapping[str, Any] | None:
    """Return the attributes of an object that is nothing but its attributes."""
    if isinstance(value, BaseModel):
        declared = type(value).model_fields
        kept = {name: item for name, item in value.__dict__.items() if name in declared}
        return {**kept, **(value.__pydantic_extra__ or {})}
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {**getattr(value, "__dict__", {}), **fields, **slots_of(value)}
    if hasattr(type(value), "__attrs_attrs__"):
        fields = {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}
        return {**fields, **getattr(value, "__dict__", {}), **slots_of(value)}
    return vars(value) if type(value) is types.SimpleNamespace else None


def _protobuf(value: Any) -> bytes | None:
    modules = [base.__module__ for base in type(value).__mro__]
    if not any(module.startswith(_PROTOBUF) for module in modules):
        return None
    message: Any = getattr(value, "_pb", value)  # of proto-plus
    return bytes(message.SerializeToString(deterministic=True))


def _package(value: Any) -> str:
    return str(type(value).__module__).partition(".")[0]


def _kind(value: Any) -> str:
    return f"a {type(value).__module__}.{type(value).__qualname__}"
