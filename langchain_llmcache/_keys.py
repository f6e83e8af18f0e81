"""Requests as keys: everything that shapes the answer is in the key, and nothing else.

Rules of this file: two requests that may get different answers never share a key; what it
drops never reaches a provider. Prompts and llm_strings go into a digest and nowhere else.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import hmac
import json
import re
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote
from weakref import WeakKeyDictionary

import orjson
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

from langchain_llmcache._entries import NotStorableError
from langchain_llmcache.errors import ConfigurationError

# Part of every digest: another number is another key space.
_VERSION: Final = b"llmcache/1"
# Where a model has no name, its part of the key says so; a model that is called so is escaped.
NO_MODEL: Final = "-"
_LLM_STRINGS_KEPT: Final = 256


class Key(NamedTuple):
    """Where an entry lives.

    Attributes:
        space: Percent-encoded parts: the namespace's, then the model's.
        digest: SHA-256 (or HMAC-SHA-256) of the canonical request, 64 hex digits.
        call_ids: Ids of tool calls that the digest knows by number only. An answer that
            repeats one of them is good for this request alone, and has no place here.
    """

    space: tuple[str, ...]
    digest: str
    call_ids: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The key without its store's prefix: ``namespace…/model/digest``."""
        return f"{'/'.join(self.space)}/{self.digest}"


class Scope(NamedTuple):
    """A set of entries: those of a namespace and below, of all models or one.

    Attributes:
        namespace: Percent-encoded parts.
        model: Percent-encoded, or None for all models.
    """

    namespace: tuple[str, ...]
    model: str | None = None

    def covers(self, space: Sequence[str]) -> bool:
        """Tell whether entries in ``space`` belong to this set."""
        depth = len(self.namespace)
        return (
            len(space) > depth
            and tuple(space[:depth]) == self.namespace
            and (self.model is None or space[-1] == self.model)
        )


_PATH = re.compile(r"((?:[A-Za-z0-9_.~%-]+/)+)([0-9a-f]{64})")


def parse_path(path: str) -> Key | None:
    """Return the key whose ``path`` this is, or None if no ``LLMCache`` writes such a key."""
    match = _PATH.fullmatch(path)
    return None if match is None else Key(tuple(match[1][:-1].split("/")), match[2])


def encode_part(text: str) -> str:
    """Return ``text`` percent-encoded, so that no two texts and no two levels can meet."""
    return quote(text, safe="", errors="surrogatepass")


def encode_model(model: str | None) -> str:
    """Return a model's part of the key."""
    if model is None:
        return NO_MODEL
    return "%2D" if model == NO_MODEL else encode_part(model)


def namespace_parts(namespace: str | Sequence[str]) -> tuple[str, ...]:
    """Return ``namespace`` as its parts; a string is one part.

    Raises:
        ConfigurationError: if a part is no string, or empty.
    """
    parts: Any = (namespace,) if isinstance(namespace, str) else namespace
    if not isinstance(parts, (tuple, list)) or not all(
        isinstance(part, str) and part for part in parts
    ):
        msg = f"namespace is {namespace!r}; expected non-empty strings, outermost first"
        raise ConfigurationError(msg)
    return tuple(parts)


class Uncacheable(Exception):  # noqa: N818 - an outcome, not an error
    """This request has no safe key; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What one llm_string says: its share of the digest, and whose answers these are."""

    seed: Any  # a hash object, to be copied
    model: str | None
    model_part: str


class KeyMaker:
    """Turns ``(prompt, llm_string)`` into keys; remembers what it parsed of llm_strings.

    Args:
        extra: Anything else that shapes answers (region, account, version): JSON data. Its
            ``"model"`` names a model whose own settings do not.
        secret: Makes the digests HMAC-SHA-256, so that nobody without it can tell from
            the keys whether a certain prompt was asked.

    Raises:
        ConfigurationError: if ``extra`` is not JSON data or ``secret`` is no text or empty.
    """

    def __init__(self, *, extra: Any = None, secret: str | bytes | None = None) -> None:
        try:
            # Not orjson: it would write distinct values (a UUID and its string) alike.
            self._extra = b"" if extra is None else json.dumps(extra, sort_keys=True).encode()
        except (TypeError, ValueError) as error:
            msg = f"key_extra is not JSON data ({type(error).__name__}); pass strings, numbers, ..."
            raise ConfigurationError(msg) from error
        if secret is not None and (not isinstance(secret, (str, bytes)) or not secret):
            msg = "key_secret is not a non-empty str or bytes; pass None for plain digests"
            raise ConfigurationError(msg)
        self._model = _model_of(extra) if isinstance(extra, Mapping) else None
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self._known: OrderedDict[str, _Configuration] = OrderedDict()

    def key(
        self, namespace: tuple[str, ...], prompt: str, llm_string: str
    ) -> tuple[Key, str | None]:
        """Return the key of a request in an (encoded) namespace, and its model's name.

        Raises:
            Uncacheable: if no key could tell this request from others.
        """
        configuration = self._known.get(llm_string) or self._configuration(llm_string)
        canonical, call_ids = canonical_prompt(prompt)
        digest = configuration.seed.copy()
        digest.update(canonical)
        return (
            Key((*namespace, configuration.model_part), digest.hexdigest(), call_ids),
            configuration.model,
        )

    def _configuration(self, llm_string: str) -> _Configuration:
        parsed = parse_llm_string(llm_string)
        if parsed.anonymous and self._model is None:
            msg = (
                "the model's settings do not say which model it is (its llm_string names no "
                "model), so two models would share answers; give each of them a cache of its "
                "own that says it: cache=LLMCache(..., key_extra={'model': ...})"
            )
            raise Uncacheable(msg)
        model = self._model if parsed.anonymous else parsed.model
        # Each part is preceded by its length, so that no two lists of parts read the same.
        message = b"".join(
            len(part).to_bytes(8, "big") + part
            for part in (
                _VERSION,
                self._extra,
                _bytes(parsed.canonical),
                *map(_schema_of_class, parsed.classes),
            )
        )
        seed = (
            hashlib.sha256(message)
            if self._secret is None
            else hmac.new(self._secret, message, hashlib.sha256)
        )
        configuration = _Configuration(seed, model, encode_model(model))
        # A class may be edited and defined again under its name: such a string is read anew.
        if not parsed.classes:
            self._known[llm_string] = configuration
            while len(self._known) > _LLM_STRINGS_KEPT:
                self._known.popitem(last=False)
        return configuration


# --- prompts ---------------------------------------------------------------------------------

# What a later request repeats of an earlier answer without sending it to the provider.
# (``type`` follows from the class.)
_NEVER_SENT = frozenset(
    {"id", "type", "usage_metadata", "artifact", "tool_call_chunks", "chunk_position"}
)
# What provider packages read back from an answer's metadata, beside an ``id`` of OpenAI's
# Responses API, which stands for a conversation that the server remembers.
_READ_BACK = frozenset(
    {"model_provider", "model_name", "output_version", "container", "grounding_metadata"}
)
_REMEMBERED_ID = "resp_"
_UNSET: tuple[Any, ...] = (None, [], {})
_MESSAGE_START = '[{"lc": 1, "type": "constructor", "id": ["langchain"'
_MESSAGE_PARTS = 4  # lc, type, id, kwargs
_GENERATED_ID = re.compile(r"lc_[0-9a-f-]{36}")
# Integers that orjson would round to floats, so that two of them could meet.
_ROUNDED_FROM = 2.0**63
_Dump: TypeAlias = Callable[[Any], bytes]


def canonical_prompt(prompt: str) -> tuple[bytes, tuple[str, ...]]:
    """Return what of ``prompt`` shapes the answer, and the ids that stand in it as numbers.

    Messages, as langchain-core serializes them, lose what never reaches a provider (ids of
    messages, usage, most response metadata) and get sorted keys; any other text is kept as it is.

    Raises:
        Uncacheable: if a message holds an object of which its text does not tell all.
    """
    if prompt.startswith(_MESSAGE_START):
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
    return b"t" + _bytes(prompt), ()


def check_answer(prompt: str, llm_string: str, generations: Sequence[Generation]) -> None:
    """Make sure that a prompt that was read as messages was meant as messages.

    Raises:
        NotStorableError: if a text model was asked a text that happens to be serialized
            messages: every character counts there, and the key has only what messages mean.
    """
    if (
        prompt.startswith(_MESSAGE_START)
        and llm_string.startswith(_LIST_START)
        and not all(isinstance(generation, ChatGeneration) for generation in generations)
    ):
        msg = "a text model was asked a prompt that reads like the messages for a chat model"
        raise NotStorableError(msg)


def _read_messages(prompt: str) -> tuple[list[dict[str, Any]], _Dump] | None:
    try:
        try:
            messages = [_canonical_message(item, check=True) for item in orjson.loads(prompt)]
        except (orjson.JSONDecodeError, _Rounded):
            # A lone surrogate, NaN, an integer beyond 64 bits: all for Python's own JSON.
            messages = [_canonical_message(item, check=False) for item in json.loads(prompt)]
            return messages, _dump_anything
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # it only looked like messages
    return messages, _dump


class _Rounded(Exception):  # noqa: N818 - a signal between two functions
    """An integer may have been read as a float, and be equal to another now."""


def _canonical_message(message: dict[str, Any], *, check: bool) -> dict[str, Any]:
    if len(message) != _MESSAGE_PARTS or message["lc"] != 1 or message["type"] != "constructor":
        raise ValueError
    name = message["id"][-1]
    # A streamed answer in the history is that answer.
    if name == "AIMessageChunk":
        name = "AIMessage"
    fields = {}
    for field, value in message["kwargs"].items():
        if field in _NEVER_SENT:
            continue
        if type(value) is not str:
            value = _canonical_field(name, field, value)  # noqa: PLW2901
            # A field that is not set and a field that is empty are one request.
            if not value and value in _UNSET and field != "content":
                continue
            if check:
                _check_exact(value)
        fields[field] = value
    return {"class": name, "fields": fields}


def _canonical_field(name: str, field: str, value: Any) -> Any:
    if field == "content" and isinstance(value, list):
        return [_without_generated_id(block) for block in value]
    if field == "response_metadata":
        return _read_back(value)
    if field == "additional_kwargs" and name == "AIMessage" and "parsed" in value:
        # The content once more, as an object; of a hit, as that object's data.
        return {part: item for part, item in value.items() if part != "parsed"}
    return value


def _read_back(metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        field: value
        for field, value in metadata.items()
        if field in _READ_BACK or (field == "id" and str(value).startswith(_REMEMBERED_ID))
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
    {
        "builtins.bytearray",
        "builtins.bytes",
        "builtins.complex",
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "decimal.Decimal",
        "uuid.UUID",
    }
)


def _check_objects(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _check_objects(item)
    elif isinstance(value, dict):
        if value.get("lc") == 1 and value.get("type") == "not_implemented":
            name = ".".join(map(str, value.get("id") or ()))
            if name not in _TOLD_BY_REPR or _ADDRESS.search(str(value.get("repr"))):
                msg = (
                    f"a message holds a {name}, whose text form may not tell two values apart; "
                    "put plain data into messages"
                )
                raise Uncacheable(msg)
        for item in value.values():
            _check_objects(item)


# Ids of this form read the same in JSON, and none of them can reach beyond its quotes.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]+")


def _number_call_ids(messages: list[dict[str, Any]], text: bytes) -> tuple[str, ...]:
    """Replace ids of tool calls by numbers in order of appearance, where they only refer.

    A provider draws them at random, so a repeated conversation would never hit again once its
    first step has expired. Two conversations meet only if they differ in nothing but names:

    - An id is replaced only if it stands nowhere else in the conversation, not even as a part
      of a text. (It fills each reference, so it is counted once in each and, being free of
      quotes, never across two; any other appearance makes the count larger.)
    - The numbering is one to one, and where it took place every id was a string or missing.
      So the numbers in it are ours, and a renaming leads from one conversation to the other.
    - An answer that repeats a replaced id is neither stored nor returned: ``Key.call_ids``.

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
    counts = Counter(holder[field] for holder, field in places)
    numbers: dict[str, int] = {}
    for call_id, count in counts.items():
        if _PLAIN_ID.fullmatch(call_id) and text.count(call_id.encode()) == count:
            numbers[call_id] = len(numbers)
    for holder, field in places:
        holder[field] = numbers.get(holder[field], holder[field])
    return tuple(numbers)


def _call_id_places(fields: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """Yield each (mapping, field) of a message that may hold the id of a tool call."""
    yield fields, "tool_call_id"
    for calls in (
        fields.get("tool_calls"),
        fields.get("invalid_tool_calls"),
        # OpenAI's own form of them.
        _mapping(fields.get("additional_kwargs")).get("tool_calls"),
    ):
        for call in calls if isinstance(calls, list) else ():
            yield call, "id"
    content = fields.get("content")
    for block in content if isinstance(content, list) else ():
        field = _BLOCK_REFERENCES.get(str(_mapping(block).get("type")))
        if field is not None:
            yield block, field


# The kinds of content block that name a tool call, and where.
_BLOCK_REFERENCES = {
    "tool_use": "id",
    "tool_call": "id",
    "invalid_tool_call": "id",
    "function_call": "call_id",
    "tool_result": "tool_use_id",
}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # nested deeper than orjson writes
        return _dump_anything(value)


def _dump_anything(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# --- llm_strings -----------------------------------------------------------------------------


class LlmString(NamedTuple):
    """What an llm_string says of the answers.

    Attributes:
        canonical: The text to digest.
        model: The model's name, if it tells.
        anonymous: It lists settings, and none of them can tell one model from another.
        classes: Names of classes of which it tells nothing but the name.
    """

    canonical: str
    model: str | None
    anonymous: bool
    classes: tuple[str, ...]


# In the order in which they are believed.
_MODEL_FIELDS = (
    "model",
    "model_name",
    "model_id",
    "azure_deployment",
    "deployment_name",
    "deployment",
    "endpoint_name",
    "endpoint_url",
    "repo_id",
    "engine",
    "model_path",
)
_LIST_START = "[('"
_ADDRESS = re.compile(r"(?: at |@)0x[0-9a-fA-F]+")
_CLASS = re.compile(r"<class '([^']+)'>")
_ANGLE = re.compile(r"<[^<>]*(?:<(?:locals|lambda)>[^<>]*)*>")
_NAMED = re.compile(r"\('(\w+)', '([^'\\]+)'\)")


class _Opaque:
    """A setting whose value cannot be read from its text."""


def parse_llm_string(llm_string: str) -> LlmString:
    """Read the two forms that langchain-core makes; any other text stands for itself.

    A serializable model: JSON, "---", and a list of the call's parameters. Any other model: a
    list of all its parameters.

    Raises:
        Uncacheable: if it holds a memory address, which says nothing about what is there, or
            a type in a form that does not show its fields.
    """
    if _ADDRESS.search(llm_string):
        msg = (
            "the model's settings hold an object without a value of its own (its llm_string "
            "shows a memory address); give that object a __repr__ that tells its value"
        )
        raise Uncacheable(msg)
    constructor, head, text = _split(llm_string)
    parameters = _parameters(text)
    # What a call asks for goes before what the model was made with.
    model = _model_of(parameters) or _model_of(constructor or {})
    tells_nothing = (
        "_type" in parameters
        if constructor is None
        # An object, of which langchain-core leaves only the class.
        else any(_mapping(value).get("type") == "not_implemented" for value in constructor.values())
    )
    # Scripted answers make fake models (for tests) different ones although they have no name.
    anonymous = tells_nothing and model is None and not parameters.get("responses")
    canonical = head + text
    if (
        parameters.get("stop") == []
        and _Opaque not in parameters.values()
        # A model with stop sequences of its own may take an empty list as "none of them".
        and llm_string.count("stop") == 1
    ):
        # "No stop sequences", the way langchain-core writes it where nobody mentioned them.
        canonical = head + str(sorted({**parameters, "stop": None}.items()))
    classes = tuple(dict.fromkeys(_CLASS.findall(llm_string)))
    return LlmString(canonical, model, anonymous, classes)


def _split(llm_string: str) -> tuple[dict[str, Any] | None, str, str]:
    """Return the constructor's arguments of a serializable model, their text, and the rest.

    Secrets are left out: langchain-core writes no value of theirs, only which environment
    variable they may be read from, and that only where this process read them from one.
    """
    if llm_string.startswith("{"):
        try:
            head, end = json.JSONDecoder().raw_decode(llm_string)
        except (ValueError, RecursionError):
            return None, "", llm_string
        arguments = head.get("kwargs")
        if isinstance(arguments, dict):
            open_ones = {
                name: value
                for name, value in arguments.items()
                if not (_mapping(value).get("lc") == 1 and _mapping(value).get("type") == "secret")
            }
            rest = llm_string[end:].removeprefix("---")
            if len(open_ones) == len(arguments):
                return arguments, llm_string.removesuffix(rest), rest
            head["kwargs"] = open_ones
            return open_ones, json.dumps(head, sort_keys=True) + "---", rest
    return None, "", llm_string


def _parameters(text: str) -> dict[str, Any]:
    """Return the pairs of a list as langchain-core writes it; none if this is no such list."""
    if not text.startswith(_LIST_START):
        return {}
    for source in (text, _ANGLE.sub("None()", text)):
        try:
            tree = ast.parse(source, mode="eval").body
            pairs = [pair.elts for pair in tree.elts]  # type: ignore[attr-defined]
            return {ast.literal_eval(name): _literal(value) for name, value in pairs}
        except (ValueError, TypeError, AttributeError, SyntaxError, RecursionError, MemoryError):
            continue
    return dict(_NAMED.findall(text))


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        if any(isinstance(part, (ast.Subscript, ast.BitOr)) for part in ast.walk(node)):
            msg = (
                "the model's settings name a type such as list[X] or X | Y but not the fields of "
                "X; pass its JSON schema instead"
            )
            raise Uncacheable(msg) from None
        return _Opaque


def _model_of(settings: Mapping[str, Any]) -> str | None:
    for field in _MODEL_FIELDS:
        value = settings.get(field)
        if isinstance(value, str) and value:
            return value
    return None


def _schema_of_class(name: str) -> bytes:
    """Return the JSON schema of the class, because its name says nothing about its fields.

    Raises:
        Uncacheable: if the name leads to no class with a schema, or to several that differ
            (a class that was edited while models made with the older one are still in use).
    """
    schemas = {_schema(cls) for cls in _models_named(name)}
    if not schemas and name.partition(".")[0] in _STANDARD:
        return b""  # nobody edits those
    if len(schemas) != 1 or None in schemas:
        msg = (
            f"the model's settings name the class {name} but not its fields, and its schema "
            "cannot be told for sure; define the class once, at the top of a module, or pass its "
            "JSON schema instead"
        )
        raise Uncacheable(msg)
    return schemas.pop() or b""


_STANDARD = frozenset(vars(builtins)) | sys.stdlib_module_names
# Each with the identity of what it was derived from, which a rebuilt class has anew.
_SCHEMAS: WeakKeyDictionary[type[BaseModel], tuple[int, bytes | None]] = WeakKeyDictionary()


def _schema(cls: type[BaseModel]) -> bytes | None:
    source = id(cls.__pydantic_core_schema__)
    known = _SCHEMAS.get(cls)
    if known is not None and known[0] == source:
        return known[1]
    try:
        schema = json.dumps(cls.model_json_schema(), sort_keys=True).encode()
    except Exception:  # noqa: BLE001 - whatever pydantic says of a class without a schema
        schema = None
    _SCHEMAS[cls] = (id(cls.__pydantic_core_schema__), schema)
    return schema


def _models_named(name: str) -> list[type[BaseModel]]:
    """Return every living class of that name: one may have replaced another in its module."""
    living: list[type[BaseModel]] = [BaseModel]
    for cls in living:  # grows while it is walked
        living += cls.__subclasses__()
    last = name.rpartition(".")[2]
    return [
        cls
        for cls in living
        if cls.__qualname__.endswith(last) and f"{cls.__module__}.{cls.__qualname__}" == name
    ]
