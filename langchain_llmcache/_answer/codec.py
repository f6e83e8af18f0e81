"""Entries as bytes: ``llm1:`` and UTF-8 JSON, readable with valkey-cli.

    llm1:{"k":key and checksum,"t":created,"d":seconds,"g":[generation, ...]}

Rules of this file: what is written decodes to what was given, or is refused; what is
read comes from a fixed table of classes, never from a name that the data chose.
The format is frozen by the golden files under ``tests/golden``.
"""

from __future__ import annotations

import base64
import enum
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar
from uuid import UUID
from zlib import crc32

import orjson
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
)
from pydantic import BaseModel

from langchain_llmcache._answer.entries import TAG, CorruptEntryError, NotStorableError, StoredEntry
from langchain_llmcache._request.key import Key

M = TypeVar("M", bound=BaseModel)


_GENERATIONS: Final[dict[str, type[Generation]]] = {
    cls.__name__: cls for cls in (Generation, GenerationChunk, ChatGeneration, ChatGenerationChunk)
}
_MESSAGES: Final[dict[str, type[BaseMessage]]] = {
    cls.__name__: cls
    for cls in (
        AIMessage,
        AIMessageChunk,
        ChatMessage,
        ChatMessageChunk,
        FunctionMessage,
        FunctionMessageChunk,
        HumanMessage,
        HumanMessageChunk,
        SystemMessage,
        SystemMessageChunk,
        ToolMessage,
        ToolMessageChunk,
    )
}

# What a field holds where it was not set; such fields are left out.
_DEFAULTS: Final[dict[type[BaseMessage], dict[str, Any]]] = {
    cls: {
        name: field.get_default(call_default_factory=True)
        for name, field in cls.model_fields.items()
        if not field.is_required()
    }
    for cls in _MESSAGES.values()
}

# A mapping with this key is not data but a value that JSON cannot carry: {"$": kind, "v": value}.
_MARK: Final = "$"
_MARKED: Final = b'"$"'
_TAG_LENGTH: Final = len(TAG)
_HEAD_LENGTH: Final = len('llm1:{"k":"0123456789abcdef01234567",')
# Seconds; more is no date and no duration.
_FOREVER: Final = 1e12
_INT64 = range(-(2**63), 2**64)


def encode(
    generations: Sequence[Generation], *, created: float, seconds: float | None, key: Key
) -> bytes:
    """Return the entry for ``generations``, proven to decode to the same.

    Args:
        generations: In order; classes of langchain-core itself.
        created: Unix seconds.
        seconds: How long the model took, or None.
        key: Where the entry goes. It comes back only under that key.

    Raises:
        NotStorableError: if the answer would not survive the round trip.
    """
    try:
        packed = [_pack_generation(generation) for generation in generations]
        entry = _sealed(packed, created, seconds, key)
        again = [_pack_generation(revive(fields)) for fields in decode(entry, key=key).generations]
        # Order within a mapping is kept but is not part of its value.
        same = _dumps(again, sort=True) == _dumps(packed, sort=True)
    except NotStorableError:
        raise
    except CorruptEntryError as error:
        raise NotStorableError(str(error)) from error
    except Exception as error:
        msg = f"it does not decode again ({type(error).__name__})"
        raise NotStorableError(msg) from error
    if not same:
        msg = "it decodes to something else"
        raise NotStorableError(msg)
    return entry


def decode(data: bytes, *, key: Key, max_bytes: int | None = None) -> StoredEntry:
    """Return the plain data of an entry.

    Raises:
        CorruptEntryError: foreign, truncated, altered, of another version or of another key, or
            larger than ``max_bytes``.
    """
    if not data.startswith(TAG):
        msg = "unknown tag"
        raise CorruptEntryError(msg)
    if max_bytes is not None and len(data) > max_bytes:
        msg = "larger than max_entry_bytes"
        raise CorruptEntryError(msg)
    # Before anything is parsed: whatever the rest is, it costs no more than reading it once.
    if data[:_HEAD_LENGTH] != _head(key, memoryview(data)[_HEAD_LENGTH:]):
        msg = "altered, or written for another key"
        raise CorruptEntryError(msg)
    if key.call_ids and any(call_id.encode() in data for call_id in key.call_ids):
        msg = "it repeats the id of a tool call, which its key has only as a number"
        raise CorruptEntryError(msg)
    try:
        body = orjson.loads(memoryview(data)[_TAG_LENGTH:])
        created, seconds, items = body["t"], body["d"], body["g"]
    except (ValueError, TypeError, LookupError) as error:
        msg = "not the fields of an entry"
        raise CorruptEntryError(msg) from error
    if (
        not isinstance(items, list)
        or not items
        or not _is_number(created)
        or not (seconds is None or _is_number(seconds))
    ):
        msg = "a field of the wrong kind"
        raise CorruptEntryError(msg)
    if "m" in body:
        items = _unpack(items)
    return StoredEntry(created, seconds, items)


def _sealed(packed: list[dict[str, Any]], created: float, seconds: float | None, key: Key) -> bytes:
    if not packed:
        msg = "it is no generation at all"
        raise NotStorableError(msg)
    body: dict[str, Any] = {
        "t": round(created, 3),
        "d": None if seconds is None else round(seconds, 3),
        "g": packed,
    }
    if _MARKED in _dumps(packed):
        body["m"] = 1
    rest = _dumps(body)[1:]
    return _head(key, rest) + rest


def _head(key: Key, rest: bytes | memoryview) -> bytes:
    """Return how an entry begins: with its key, and with what shows that nothing was altered.

    A checksum is enough: whoever can write to the store knows the key, and needs no accident.
    """
    return f'llm1:{{"k":"{key.digest[:16]}{crc32(rest):08x}",'.encode()


def revive(fields: dict[str, Any]) -> Generation:
    """Return the generation of one decoded mapping, which is used up.

    Raises:
        Exception: whatever a class of langchain-core raises on fields that are not its own;
            the caller treats all of it as a corrupt entry.
    """
    cls = _GENERATIONS[fields.pop("class")]
    message = fields.get("message")
    if message is None:
        return _validated(cls, fields)
    fields["message"] = _validated(_MESSAGES[message["class"]], message["fields"])
    generation = _validated(cls, fields)
    if "text" in fields:
        generation.text = fields["text"]
    return generation


def _validated(cls: type[M], fields: dict[str, Any]) -> M:
    # What BaseModel.__init__ does, without the constructors on top of it: those sort positional
    # arguments out, and they take as long as everything else about a hit together.
    instance = cls.__new__(cls)
    cls.__pydantic_validator__.validate_python(fields, self_instance=instance)
    return instance


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _FOREVER


def _dumps(value: object, *, sort: bool = False) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else None)
    except orjson.JSONEncodeError as error:  # nesting beyond what any reader would accept
        msg = "it is nested too deeply"
        raise NotStorableError(msg) from error


def _pack_generation(generation: Generation) -> dict[str, Any]:
    name = type(generation).__name__
    if _GENERATIONS.get(name) is not type(generation):
        raise _unknown(generation)
    fields: dict[str, Any] = {"class": name}
    if isinstance(generation, ChatGeneration):
        message = generation.message
        fields["message"] = _pack_message(message)
        # The text follows from the message, unless one of them was changed afterwards.
        if type(generation)(message=message).text != generation.text:
            fields["text"] = _pack(generation.text)
    else:
        fields["text"] = _pack(generation.text)
    if generation.generation_info is not None:
        fields["generation_info"] = _pack(generation.generation_info)
    return fields


def _pack_message(message: BaseMessage) -> dict[str, Any]:
    cls = type(message)
    if _MESSAGES.get(cls.__name__) is not cls:
        raise _unknown(message)
    defaults = _DEFAULTS[cls]
    fields = {
        field: _pack(value)
        for field, value in {**message.__dict__, **(message.__pydantic_extra__ or {})}.items()
        if field not in defaults or value != defaults[field]
    }
    return {"class": cls.__name__, "fields": fields}


def _unknown(value: object) -> NotStorableError:
    cls = type(value)
    return NotStorableError(f"it holds a {cls.__module__}.{cls.__qualname__}")


def _pack(value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - a case for each kind of value
    """Return ``value`` as JSON data; what JSON cannot carry is marked with its kind.

    Of a subclass, the plain value is kept if it is equal.
    """
    match value:
        case None | bool():
            return value
        case enum.Enum():
            if value != value.value:
                raise _unknown(value)
            return _pack(value.value)
        case str():
            text = str.__str__(value)
            return text if _is_utf8(text) else _mark("str", json.dumps(text)[1:-1])
        case int():
            integer = int.__int__(value)
            return integer if integer in _INT64 else _mark("int", str(integer))
        case float():
            number = float.__float__(value)
            return number if math.isfinite(number) else _mark("float", str(number))
        case Mapping():
            plain = dict(value)
            if plain != value:
                raise _unknown(value)
            if _MARK not in plain and all(type(key) is str and _is_utf8(key) for key in plain):
                return {key: _pack(item) for key, item in plain.items()}
            return _mark("dict", [[_pack(key), _pack(item)] for key, item in plain.items()])
        case list():
            return [_pack(item) for item in value]
        case BaseModel():
            return _pack(data_of_model(value))
        case _:
            kind = type(value).__name__
            cls, to_json, from_json = _KINDS.get(kind, (None, None, None))
            if cls is not type(value) or to_json is None or from_json is None:
                raise _unknown(value)
            data = to_json(value)
            # A time zone with a name, or the second of two equal hours, has no such form.
            if cls is not tuple and repr(from_json(data)) != repr(value):
                raise _unknown(value)
            return _mark(kind, data)


def data_of_model(model: BaseModel) -> dict[str, Any]:
    """Return the data from which LangChain's output parsers build the same object again.

    Raises:
        NotStorableError: if there is none.
    """
    aliased: Literal[False, True]
    for aliased in (False, True):
        try:
            data = model.model_dump(by_alias=aliased, round_trip=True, warnings=False)
            if type(model).model_validate(data) == model and isinstance(data, dict):
                return data
        except Exception:  # noqa: BLE001, S112 - whatever its validators say; then the other way
            continue
    raise _unknown(model)


def _unpack(value: Any) -> Any:  # noqa: PLR0911 - likewise
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _MARK not in value:
        return {key: _unpack(item) for key, item in value.items()}
    kind, inner = value[_MARK], value["v"]
    match kind:
        case "str":
            return str(json.loads(f'"{inner}"'))
        case "int":
            # Python itself bounds the number of digits.
            return int(inner)
        case "float":
            return float(inner)
        case "dict":
            return {_unpack(key): _unpack(item) for key, item in inner}
        case _:
            return _KINDS[kind][2](inner)


def _mark(kind: str, value: Any) -> dict[str, Any]:
    return {_MARK: kind, "v": value}


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _pack_all(values: Sequence[Any]) -> list[Any]:
    return [_pack(value) for value in values]


def _unpack_tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_unpack(values))


# name: (class, to JSON data, from JSON data)
_KINDS: Final[dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "bytes": (bytes, _b64, _unb64),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "timedelta": (
        timedelta,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: timedelta(days=parts[0], seconds=parts[1], microseconds=parts[2]),
    ),
    "Decimal": (Decimal, str, Decimal),
    "UUID": (UUID, str, UUID),
    "tuple": (tuple, _pack_all, _unpack_tuple),
}
