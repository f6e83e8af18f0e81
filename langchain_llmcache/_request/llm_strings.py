"""LangChain's text of a model and its settings (``llm_string``), read.

Rule of this file: two texts that may lead to different answers never become one.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from langchain_llmcache._request.canonical import schema_of
from langchain_llmcache._request.fields import (
    CORES_NAMES,
    NEVER_SENT,
    is_class_of_the_wire,
    is_credential,
    without_wire,
)
from langchain_llmcache._signals import pass_on


class Uncacheable(Exception):  # noqa: N818 - an outcome, not an error
    """This request has no safe key; the message says why, and what to do."""


def as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


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
MODEL_FIELDS = (
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


_ASKED_FOR = frozenset({*MODEL_FIELDS, "_type", "responses", "stop"})
_LIST_START = "[('"
_ADDRESS = re.compile(r"(?: at |@)0x[0-9a-fA-F]+")
_CLASS = re.compile(r"<class '([^']+)'>")
_ANGLE = re.compile(r"<[^<>]*(?:<(?:locals|lambda)>[^<>]*)*>")
_NAMED = re.compile(r"\('(\w+)', '([^'\\]+)'\)")
_EMPTY_STOP = "('stop', [])"
# Of literals, as ``repr`` writes them; in the place of each character of a string stands one.
# (Texts are long: without a choice for each character, this takes a third of the time.)
_STRING = re.compile(
    r"'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\"",
    re.DOTALL,
)
_FILLER = "_"
_PLAIN = r"[\s_\[\](){},:\d.+-]*"
_LITERAL = re.compile(rf"{_PLAIN}(?:(?:e[+-]|None|True|False|inf|nan){_PLAIN})*")
# A set: its order is another in each process.
_SET = re.compile(r"\{[^{}:]+\}")
_BRACKET = re.compile(r"[\[\](){}]")
_PAIR_DEPTH = 2


class _Opaque:
    """A setting whose value cannot be read from its text."""


def parse_llm_string(llm_string: str, ignored: frozenset[str] = frozenset()) -> LlmString:
    """Read the two forms that langchain-core makes; any other text stands for itself.

    A serializable model: JSON, "---", and a list of the call's parameters. Any other model: a
    list of all its parameters.

    Args:
        llm_string: The text.
        ignored: Names of settings that shape no answer.

    Raises:
        Uncacheable: if it holds a memory address, which says nothing about what is there, or
            a type in a form that does not show its fields.
    """
    check_addresses(llm_string)
    constructor, head, text = _split(llm_string, ignored)
    parameters = _parameters(text)
    # What a call asks for goes before what the model was made with.
    model = model_of(parameters) or model_of(constructor or {})
    tells_nothing = (
        "_type" in parameters
        if constructor is None
        # An object, of which langchain-core leaves only the class.
        else any(
            as_mapping(value).get("type") == "not_implemented" for value in constructor.values()
        )
    )
    # Scripted answers make fake models (for tests) different ones although they have no name.
    anonymous = tells_nothing and model is None and not parameters.get("responses")
    if parameters.get("stop") == [] and _Opaque not in parameters.values():
        text = without_empty_stop(llm_string, text)
    classes = tuple(dict.fromkeys(_CLASS.findall(llm_string)))
    return LlmString(head + text, model, anonymous, classes)


def check_addresses(llm_string: str) -> None:
    """Check that a text is the same in each process, as what goes into a key has to be.

    Raises:
        Uncacheable: if it shows a memory address.
    """
    if "0x" in llm_string and _ADDRESS.search(llm_string):
        msg = (
            "the model's settings hold an object without a value of its own (its llm_string "
            "shows a memory address); give that object a __repr__ that tells its value"
        )
        raise Uncacheable(msg)


def has_address(text: str) -> bool:
    """Tell whether a text shows where in memory an object lies."""
    return _ADDRESS.search(text) is not None


def is_list(llm_string: str) -> bool:
    """Tell whether this is the text of a model of which langchain-core lists the parameters."""
    return llm_string.startswith(_LIST_START)


def is_literal(text: str) -> bool:
    """Tell whether a list of parameters is nothing but data, in the same order in each process."""
    skeleton = _STRING.sub(_FILLER, text)
    return _LITERAL.fullmatch(skeleton) is not None and not _SET.search(skeleton)


def without_empty_stop(llm_string: str, text: str) -> str:
    """Return the parameters with an empty list of stop sequences written as None.

    Args:
        llm_string: All of the text: a model with stop sequences of its own may take an empty
            list as "none of them".
        text: The list of parameters in it.
    """
    if _EMPTY_STOP in text and llm_string.count("stop") == 1:
        return text.replace(_EMPTY_STOP, "('stop', None)")
    return text


# --- the head of a serializable model's text ---------------------------------------------------


def rest_of(llm_string: str) -> str | None:
    """Return the list of parameters behind a serializable model's head; None for other texts."""
    read = _read_head(llm_string)
    return None if read is None else read[1]


def open_settings(head: Mapping[str, Any], ignored: frozenset[str]) -> dict[str, Any]:
    """Return the constructor's arguments that count.

    Secrets do not: langchain-core writes no value of theirs, only which environment variable
    they may be read from, and that only where this process read them from one.
    """
    return {
        name: without_wire(name, value)
        for name, value in head["kwargs"].items()
        if name not in NEVER_SENT
        and name not in ignored
        and name not in CORES_NAMES
        and not _is_secret(value)
        and not is_credential(name, _value_of(value))
        and not is_class_of_the_wire(as_mapping(value).get("id") or ())
    }


def head_of(head: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return what counts of a head: whose constructor it is, and its arguments."""
    return json.dumps({"id": head.get("id"), "kwargs": settings}, sort_keys=True) + "---"


def _is_secret(value: Any) -> bool:
    return as_mapping(value).get("lc") == 1 and as_mapping(value).get("type") == "secret"


def _value_of(value: Any) -> Any:
    """Return a value that stands for one of which there is only the class."""
    return object() if as_mapping(value).get("type") == "not_implemented" else value


def _read_head(llm_string: str) -> tuple[dict[str, Any], str] | None:
    if llm_string.startswith("{"):
        try:
            head, end = json.JSONDecoder().raw_decode(llm_string)
        except (ValueError, RecursionError) as error:
            pass_on(error)
            return None
        if isinstance(head.get("kwargs"), dict):
            return head, llm_string[end:].removeprefix("---")
    return None


def _split(llm_string: str, ignored: frozenset[str]) -> tuple[dict[str, Any] | None, str, str]:
    """Return a serializable model's settings, the text of what counts of them, and the rest."""
    read = _read_head(llm_string)
    if read is None:
        return None, "", llm_string
    settings = open_settings(read[0], ignored)
    return settings, head_of(read[0], settings), read[1]


# --- the list of parameters --------------------------------------------------------------------


def _parameters(text: str) -> dict[str, Any]:
    """Return the pairs of a list as langchain-core writes it; empty if this is not one.

    Of a list that is nothing but data, only the values that are needed are read.
    """
    if not text.startswith(_LIST_START):
        return {}
    if is_literal(text):
        return _asked_for(text)
    for source in (text, _ANGLE.sub("None()", text)):
        try:
            tree = ast.parse(source, mode="eval").body
            pairs = [pair.elts for pair in tree.elts]  # type: ignore[attr-defined]
            return {ast.literal_eval(name): _literal(value) for name, value in pairs}
        except (
            ValueError,
            TypeError,
            AttributeError,
            SyntaxError,
            RecursionError,
            MemoryError,
        ) as error:
            pass_on(error)
            continue
    return dict(_NAMED.findall(text))


def data_in(text: str) -> str:
    """Return those pairs of a list of parameters that are nothing but data."""
    return repr([pair for pair in _pairs_in(text) if is_literal(pair) and not has_address(pair)])


def _asked_for(text: str) -> dict[str, Any]:
    found = {}
    for pair in _pairs_in(text):
        name, _, value = pair.partition(", ")
        name = name.strip("'\"")
        if name in _ASKED_FOR:
            found[name] = ast.literal_eval(value)
    return found


def _pairs_in(text: str) -> Iterator[str]:
    """Yield the pairs of a list, without their brackets."""
    skeleton = _STRING.sub(lambda string: _FILLER * len(string[0]), text)
    depth = start = 0
    for bracket in _BRACKET.finditer(skeleton):
        if bracket[0] in "[({":
            depth += 1
            start = bracket.end() if depth == _PAIR_DEPTH else start
        else:
            if depth == _PAIR_DEPTH:
                yield text[start : bracket.start()]
            depth -= 1


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        pass_on(error)
        if any(isinstance(part, (ast.Subscript, ast.BitOr)) for part in ast.walk(node)):
            msg = (
                "the model's settings name a type such as list[X] or X | Y but not the fields of "
                "X; pass its JSON schema instead"
            )
            raise Uncacheable(msg) from None
        return _Opaque


def model_of(settings: Mapping[str, Any]) -> str | None:
    for field in MODEL_FIELDS:
        value = settings.get(field)
        if isinstance(value, str) and value:
            return value
    return None


def schema_of_class(name: str) -> bytes:
    """Return the JSON schema of the class, because its name says nothing about its fields.

    Raises:
        Uncacheable: if the name leads to no class with a schema, or to several that differ
            (a class that was edited while models made with the older one are still in use).
    """
    schemas = {schema_of(cls) for cls in _models_named(name)}
    if not schemas and name.partition(".")[0] in _STANDARD:
        return b""  # these do not change
    if len(schemas) != 1 or None in schemas:
        msg = (
            f"the model's settings name the class {name} but not its fields, and its schema "
            "cannot be told for sure; define the class once, at the top of a module, or pass its "
            "JSON schema instead"
        )
        raise Uncacheable(msg)
    return schemas.pop() or b""


_STANDARD = frozenset(vars(builtins)) | sys.stdlib_module_names


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
