"""Where an ``LLMCache`` keeps results of tools, and under which keys.

A result belongs to one tool: its name alone says little, because two agents may each have a
``search`` of their own.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from langchain_core.messages import ToolMessage
from langgraph.cache.base import BaseCache as LangGraphCache
from langgraph.cache.base import FullKey

from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.bodies import Told
from langchain_llmcache._request.definitions import is_plain
from langchain_llmcache._request.fields import is_credential
from langchain_llmcache._stores.turns import Turns

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from langchain_llmcache.cache import LLMCache

# The first part of the namespaces of results.
TOOLS: Final = "llmcache-tools"
# Characters of a tool's name in its namespace, for those who look at keys.
_NAME_SHOWN: Final = 64


class Results(NamedTuple):
    """Results of tools in the store of one cache.

    Attributes:
        store: A LangGraph cache that never raises, even if the store is the user's own.
        turns: Of equal calls at once.
    """

    store: LangGraphCache[Any]
    turns: Turns


_known: Final[WeakKeyDictionary[LLMCache, Results]] = WeakKeyDictionary()


def results_of(cache: LLMCache) -> Results:
    """Return where the results are that a cache keeps."""
    results = _known.get(cache)
    if results is None:
        settings = cache._flow._settings  # noqa: SLF001 - a part of the cache, as the next line
        store = cache._opened.nodes(cache._guard())  # noqa: SLF001
        turns = Turns(settings.max_wait if settings.single_flight else 0.0)
        results = _known[cache] = Results(store, turns)
    return results


def key_of_result(cache: LLMCache, tool: str, name: str, arguments: object) -> FullKey:
    """Return the key of a tool's result for these arguments, with all that sets keys apart.

    Args:
        cache: Where the result is kept.
        tool: Identifies the tool, see ``identity_of``.
        name: What the model calls it.
        arguments: What the model gives it.

    Raises:
        Exception: if the arguments are no JSON data.
    """
    text = json.dumps(arguments, sort_keys=True)
    keys = cache._keys  # noqa: SLF001 - likewise
    key, _ = keys.key(keys.namespace(), text, Asked(f"tool {tool}"))
    return (TOOLS, name[:_NAME_SHOWN]), key.digest


def identity_of(tool: BaseTool) -> str:
    """Return what identifies a tool: its code, what that was made with, and its description.

    Raises:
        Exception: if its schema is no JSON data.
    """
    schema: Any = tool.tool_call_schema
    if not isinstance(schema, Mapping):
        schema = schema.model_json_schema()
    code = [list(Told().by(each)) for each in _functions(tool)]
    told = json.dumps([tool.name, tool.description, schema, code, state_of(tool)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def state_of(tool: BaseTool) -> str:
    """Return what a tool of a class of its own holds: which index, which tenant."""
    names = type(tool).model_fields.keys() - _fields_of_cores()
    values = {
        **{name: tool.__dict__.get(name) for name in names},
        **(tool.__pydantic_private__ or {}),
    }
    told = {
        name: value
        for name, value in sorted(values.items())
        if is_plain(value) and not is_credential(name, value)
    }
    others = {name: value for name, value in sorted(values.items()) if not is_plain(value)}
    return repr([told, *(part for value in others.values() for part in Told().by(value))])


@functools.cache
def _fields_of_cores() -> frozenset[str]:
    from langchain_core.tools import StructuredTool, Tool

    return frozenset({*StructuredTool.model_fields, *Tool.model_fields})


def _functions(tool: BaseTool) -> list[Any]:
    given = [getattr(tool, "func", None), getattr(tool, "coroutine", None)]
    return [each for each in given if callable(each)] or [type(tool)]


def kept(result: object) -> ToolMessage | None:
    """Return what is kept of a result: nothing of an error or of a command."""
    if not isinstance(result, ToolMessage) or result.status == "error":
        return None
    return result.model_copy(update={"tool_call_id": "", "id": None})
