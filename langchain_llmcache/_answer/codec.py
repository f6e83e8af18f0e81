"""Answers as entries: ``llm2:`` and UTF-8 JSON, readable with valkey-cli.

    llm2:<what ties it to its key>:{"t":created,"d":seconds,"g":[generation, ...]}

Rules of this file: what is written decodes to what was given, or is refused; what is
read comes from a fixed table of classes, never from a name that the data chose; what is large is
refused before it is built, in both directions.
The format is frozen by the golden files under ``tests/answer/golden``.
"""

from __future__ import annotations

import base64
import enum
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.call_ids import own_ids, refers
from langchain_llmcache._answer.classes import GENERATIONS, MESSAGES
from langchain_llmcache._answer.entries import TAG, CorruptEntryError, NotStorableError, StoredEntry
from langchain_llmcache._answer.hashes import check_hashes
from langchain_llmcache._answer.objects import build, plan_of
from langchain_llmcache._request.key import Key
from langchain_llmcache._signals import pass_on

# What a field holds where it was not set; such fields are left out.
_DEFAULTS: Final[dict[type[BaseMessage], dict[str, Any]]] = {
    cls: {
        name: field.get_default(call_default_factory=True)
        for name, field in cls.model_fields.items()
        if not field.is_required()
    }
    for cls in MESSAGES.values()
}

# A mapping with this key is not data but a value that JSON cannot carry: {"$": kind, "v": value}.
_MARK: Final = "$"
_MARKED: Final = b'"$"'
# Seconds; more is no date and no duration.
_FOREVER: Final = 1e12
_INT64 = range(-(2**63), 2**64)
# Values in one entry: some hundred milliseconds to build.
_MOST_PARTS: Final = 500_000
# What orjson would write as something that reads like another value.
_NOT_SILENTLY: Final = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
# What langchain-core sets itself in a chunk that has pieces of tool calls.
_SET_OF_CHUNKS: Final = ("tool_calls", "invalid_tool_calls")
_Text: Final[type[str]] = type(HumanMessage("").text)


class Codec:
    """Answers to entries, and back.

    Args:
        binding: Ties entries to their keys.
        max_bytes: Larger entries are neither written nor read; None for no bound.
    """

    def __init__(self, binding: Binding, *, max_bytes: int | None = None) -> None:
        self._binding = binding
        self._max_bytes = max_bytes

    def encode(
        self,
        generations: Sequence[Generation],
        *,
        created: float,
        seconds: float | None,
        key: Key,
        is_uncounted: bool = False,
        is_large: bool = True,
    ) -> bytes:
        """Return the entry for ``generations``, proven to decode to the same.

        Args:
            generations: In order; classes of langchain-core itself.
            created: Unix seconds.
            seconds: How long the model took, or None.
            key: Where the entry goes. It comes back only under that key.
            is_uncounted: Whether it came as a stream that told no usage.
            is_large: Whether it may be much too large, so that an estimate comes first.

        Raises:
            NotStorableError: if it is too large, or would not survive the round trip.
        """
        try:
            if is_large:
                self._refuse_large(_least_size(generations)[0])
            head = {"t": round(created, 3), "d": None if seconds is None else round(seconds, 3)}
            if is_uncounted:
                head["s"] = 1
            taken = [_taken(each) for each in generations]
            body, again = self._written({**head, **_repeated(taken, key)}, taken)
            _check_call_ids(body, again, key)
            for fields in again:
                _prove(fields)
        except NotStorableError:
            raise
        except CorruptEntryError as error:
            raise NotStorableError(str(error)) from error
        except Exception as error:
            msg = f"it does not decode again ({type(error).__name__})"
            raise NotStorableError(msg) from error
        return self._binding.bind(TAG, key, body)

    def decode(self, data: bytes, *, key: Key) -> StoredEntry:
        """Return the plain data of an entry.

        Raises:
            CorruptEntryError: foreign, truncated, altered, of another version or of another key,
                or too large.
        """
        return self.read(self.body(data, key=key), key=key)

    def read(self, body: bytes | memoryview, *, key: Key) -> StoredEntry:
        """Return the plain data in the JSON of an entry.

        Raises:
            CorruptEntryError: if it is not that of an entry, or of another key.
        """
        entry = _parsed(body)
        _check_call_ids(body, entry.generations, key)
        return entry

    def takes_long(self, data: bytes) -> bool:
        """Tell whether decoding this would hold up an event loop for too long."""
        if len(data) <= _SMALL and data.startswith(TAG):
            return False
        size = self._binding.payload_size(TAG, data)
        if size > len(data):  # compressed: what is in it is not seen from here
            return size > _DENSE
        return size > _LARGE or (size > _SMALL and data.count(b",") > _LOOKED_AT)

    def body(self, data: bytes, *, key: Key) -> bytes | memoryview:
        """Return the JSON of an entry: ``{"t":created,"d":seconds,"g":[generation, ...]}``.

        Raises:
            CorruptEntryError: as for ``decode``.
        """
        if self._max_bytes is not None and len(data) > self._max_bytes:
            msg = "larger than max_entry_bytes"
            raise CorruptEntryError(msg)
        # Before anything is parsed: whatever the rest is, it costs no more than reading it once.
        return self._binding.payload(TAG, key, data, self._max_bytes)

    def _written(
        self, head: dict[str, Any], taken: list[dict[str, Any]]
    ) -> tuple[bytes, list[dict[str, Any]]]:
        """Return the JSON of an entry, and what it decodes to, proven to be what was taken."""
        if not taken:
            msg = "it is not a generation"
            raise NotStorableError(msg)
        try:
            body = orjson.dumps({**head, "g": taken}, option=_NOT_SILENTLY)
            self._refuse_large(len(body))
            if _MARKED not in body:
                again = _parsed(body).generations
                if again == taken:
                    return body, again
        except (orjson.JSONEncodeError, ValueError, TypeError) as error:
            pass_on(error)  # else it holds what JSON has no word for, or something whose == fails
        packed = _pack(taken)
        marked = {"m": 1} if _MARKED in _dumps(packed) else {}
        body = _dumps({**head, "g": packed, **marked})
        self._refuse_large(len(body))
        again = _parsed(body).generations
        if _pack(again) != packed:
            msg = "it decodes to something else"
            raise NotStorableError(msg)
        return body, again

    def _refuse_large(self, size: int) -> None:
        if self._max_bytes is not None and size + len(TAG) + self._binding.size > self._max_bytes:
            msg = f"its entry is larger than max_entry_bytes ({self._max_bytes})"
            raise NotStorableError(msg)


# Whether a generation's text is an object of langchain-core's, and no plain ``str``.
_HAS_ACCESSOR: Final = type(ChatGeneration(message=AIMessage("")).text) is not str


def revive(fields: dict[str, Any]) -> Generation:
    """Return the generation of one decoded mapping, which is used up.

    Raises:
        Exception: whatever a class of langchain-core raises on fields that are not its own;
            the caller treats all of it as a corrupt entry.
    """
    cls = GENERATIONS[fields.pop("class")]
    given = fields.get("message")
    if given is None:
        return build(cls, fields)
    fields["message"] = message = build(MESSAGES[given["class"]], given["fields"])
    if isinstance(message, AIMessageChunk) and message.tool_call_chunks:
        message.model_fields_set.update(_SET_OF_CHUNKS)
    if "text" in fields:
        return build(cls, fields)
    if not _HAS_ACCESSOR:
        return cls(**fields)  # older langchain-core works the text out in its own way
    generation = build(cls, {**fields, "text": _text_of(message.content)})
    generation.text = _Text(generation.text)
    return generation


def _parsed(body: bytes | memoryview) -> StoredEntry:
    """Return what the JSON of an entry says.

    Raises:
        CorruptEntryError: if it is not that of an entry.
    """
    if len(body) > _MOST_PARTS:
        _check_parts(bytes(body))
    try:
        document = orjson.loads(body)
        created, seconds, items = document["t"], document["d"], document["g"]
        repeated = document.get("r", {})
    except (ValueError, TypeError, LookupError) as error:
        msg = "not the fields of an entry"
        raise CorruptEntryError(msg) from error
    if (
        not isinstance(items, list)
        or not items
        or not _is_number(created)
        or not (seconds is None or _is_number(seconds))
        or not (isinstance(repeated, dict) and all(type(n) is int for n in repeated.values()))
    ):
        msg = "a field of the wrong kind"
        raise CorruptEntryError(msg)
    if "m" in document:
        items = _unpack(items)
    return StoredEntry(created, seconds, items, "s" in document, repeated)


def _check_parts(body: bytes) -> None:
    """Check that a JSON text does not hold too many values to build.

    Raises:
        CorruptEntryError: if there are.
    """
    # (Texts are full of commas, too; to leave them out takes longer than to count.)
    if _parts(body) > _MOST_PARTS and _parts(_outside_of_texts(body)) > _MOST_PARTS:
        msg = f"more than {_MOST_PARTS} values in one entry"
        raise CorruptEntryError(msg)


def _outside_of_texts(body: bytes) -> bytes:
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")
    return b"".join(plain.split(b'"')[::2])


def _parts(text: bytes) -> int:
    # Each value but the outermost comes after one of these.
    return sum(map(text.count, (b",", b"[", b"{")))


def _repeated(taken: list[dict[str, Any]], key: Key) -> dict[str, dict[str, int]]:
    """Return which ids of earlier calls an answer gave to calls of its own, if any."""
    own = {call_id for fields in taken for call_id in own_ids(_message_in(fields))}
    repeated = {call_id: place for place, call_id in enumerate(key.call_ids) if call_id in own}
    return {"r": repeated} if repeated else {}


def _check_call_ids(body: bytes | memoryview, generations: list[dict[str, Any]], key: Key) -> None:
    """Check that an answer refers to no tool call that its key holds only as a number.

    Raises:
        CorruptEntryError: if it does: for another conversation, it would be about another call.
    """
    if not key.call_ids:
        return
    text = bytes(body)
    found = [call_id for call_id in key.call_ids if call_id.encode() in text]
    if found and any(refers(_message_in(fields), found) for fields in generations):
        msg = "it refers to a tool call, which its key has only as a number"
        raise CorruptEntryError(msg)


def _message_in(generation: dict[str, Any]) -> dict[str, Any]:
    """Return what a decoded generation says: the fields of its message, and its own."""
    message = generation.get("message")
    return {**generation, "message": None, **(message["fields"] if message else {})}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _FOREVER


def _dumps(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:  # nesting beyond what any reader would accept
        msg = "it is nested too deeply"
        raise NotStorableError(msg) from error


# --- objects -----------------------------------------------------------------------------------


def _taken(generation: Generation) -> dict[str, Any]:
    """Return a generation's fields, as they are."""
    name = type(generation).__name__
    if GENERATIONS.get(name) is not type(generation):
        raise _unknown(generation)
    fields: dict[str, Any] = {"class": name}
    if isinstance(generation, ChatGeneration):
        message = generation.message
        fields["message"] = _taken_message(message)
        # The text follows from the message, unless one of them was changed afterwards.
        if _text_of(message.content) != generation.text:
            fields["text"] = str.__str__(generation.text)
    else:
        fields["text"] = generation.text
    if generation.generation_info is not None:
        fields["generation_info"] = generation.generation_info
    return fields


def _taken_message(message: BaseMessage) -> dict[str, Any]:
    cls = type(message)
    if MESSAGES.get(cls.__name__) is not cls:
        raise _unknown(message)
    defaults = _DEFAULTS[cls]
    fields = {
        field: value
        for field, value in {**message.__dict__, **(message.__pydantic_extra__ or {})}.items()
        if field not in defaults or value != defaults[field]
    }
    told = fields.get("additional_kwargs")
    if isinstance(told, dict) and isinstance(told.get("parsed"), BaseModel):
        data = _data_of_parsed(told["parsed"], _text_of(message.content))
        fields["additional_kwargs"] = {**told, "parsed": data}
    return {"class": cls.__name__, "fields": fields}


def _prove(fields: dict[str, Any]) -> None:
    """Check that a decoded generation can be built. Uses it up.

    Raises:
        NotStorableError: if a class that validates its fields makes something else of them.
    """
    message = fields.get("message")
    classes = [GENERATIONS[fields["class"]], *([MESSAGES[message["class"]]] if message else [])]
    if all(map(plan_of, classes)):
        revive(fields)
        return
    before = _dumps(_pack(fields))
    if _dumps(_pack(_taken(revive(fields)))) != before:
        msg = "it decodes to something else"
        raise NotStorableError(msg)


def _text_of(content: Any) -> str:
    """Return the text of a message's content. Part of the format: other texts are stored."""
    if isinstance(content, str):
        return content
    return "".join(
        block if isinstance(block, str) else block["text"]
        for block in content
        if isinstance(block, str)
        or (block.get("type") == "text" and isinstance(block.get("text"), str))
    )


def takes_long_to_write(generations: Sequence[Generation]) -> bool:
    """Tell whether encoding these would hold up an event loop for too long."""
    size, all_seen = _least_size(generations)
    return size > _LARGE or not all_seen


def _least_size(generations: Sequence[Generation]) -> tuple[int, bool]:
    """Return a lower bound of the entry's size, and whether all of it was looked at."""
    size, all_seen = 0, True
    todo: list[Any] = [_outer(each) for each in generations]
    for _ in range(_LOOKED_AT):
        if not todo:
            return size, all_seen
        value = todo.pop()
        if isinstance(value, (str, bytes)):
            size += len(value)
        elif type(value) in (dict, list, tuple):
            size += 2 * len(value)
            room = max(0, _LOOKED_AT - len(todo))
            all_seen = all_seen and len(value) <= room
            todo += islice(value.values() if type(value) is dict else value, room)
    return size, False


def _outer(generation: Generation) -> tuple[Any, ...]:
    message = getattr(generation, "message", None)
    return (
        generation.text if message is None else message.__dict__,
        generation.generation_info,
    )


# Bytes of an answer that is dealt with in a millisecond or two, and values likewise.
_LARGE: Final = 2**18
_LOOKED_AT: Final = 1000
# Bytes of an entry that is read in no more time, whatever is in it; and in hardly more.
_SMALL: Final = 2**14
_DENSE: Final = 2**16


def _unknown(value: object) -> NotStorableError:
    cls = type(value)
    return NotStorableError(f"it holds a {cls.__module__}.{cls.__qualname__}")


# --- values ------------------------------------------------------------------------------------


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


def _data_of_parsed(model: BaseModel, text: str) -> dict[str, Any]:
    """Return the data of an object that was parsed from an answer's text: what the model said.

    Another class of the same schema may make something else of it, with validators of its own.

    Raises:
        NotStorableError: if there is none.
    """
    try:
        said = json.loads(text)
        if isinstance(said, dict) and type(model).model_validate(said) == model:
            return said
    except Exception as error:  # noqa: BLE001 - whatever its validators say
        pass_on(error)
    return data_of_model(model)


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
        except Exception as error:  # noqa: BLE001 - whatever its validators say; then the other way
            pass_on(error)
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
            keys = [_unpack(key) for key, _ in inner]
            check_hashes(keys)
            return dict(zip(keys, (_unpack(item) for _, item in inner), strict=True))
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
