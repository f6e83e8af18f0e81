"""LangChain's text of a model and its settings (``llm_string``), read.

Rule of this file: two texts that may lead to different answers never become one.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pydantic import BaseModel


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


MEMORY_ADDRESS = re.compile(r"(?: at |@)0x[0-9a-fA-F]+")


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
    if MEMORY_ADDRESS.search(llm_string):
        msg = (
            "the model's settings hold an object without a value of its own (its llm_string "
            "shows a memory address); give that object a __repr__ that tells its value"
        )
        raise Uncacheable(msg)
    constructor, head, text = _split(llm_string)
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
    canonical = head + text
    if (
        parameters.get("stop") == []
        and _Opaque not in parameters.values()
        # A model with stop sequences of its own may take an empty list as "none of them".
        and llm_string.count("stop") == 1
    ):
        # "No stop sequences", the way langchain-core writes it where they are not mentioned.
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
                if not (
                    as_mapping(value).get("lc") == 1 and as_mapping(value).get("type") == "secret"
                )
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


def model_of(settings: Mapping[str, Any]) -> str | None:
    for field in _MODEL_FIELDS:
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
    schemas = {_schema(cls) for cls in _models_named(name)}
    if not schemas and name.partition(".")[0] in _STANDARD:
        return b""  # those are never edited
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
