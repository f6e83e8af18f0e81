"""``CacheMiddleware``: a cache for one ``create_agent``, and for the results of tools it names.

For the model alone, ``set_llm_cache`` or ``with_cache`` do the same; the middleware also reaches
models that other middleware chooses while the agent runs.

Rules of this file: a tool's result is kept only if the tool was named; errors and commands never
are; whatever is wrong with the cache, the tool runs.
"""

from __future__ import annotations

import inspect
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool

from langchain_llmcache._answer.hits import MARKER
from langchain_llmcache._answer.ttl import to_milliseconds
from langchain_llmcache._forks import new_lock
from langchain_llmcache._request.blocks import current
from langchain_llmcache._stores.tool_results import key_of_result, results_of
from langchain_llmcache.cache import LLMCache
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.streaming import with_cache

try:
    from langchain.agents.middleware import AgentMiddleware
except ImportError as error:
    _MISSING = 'agents need an extra: pip install "langchain-llmcache[agents]"'
    raise ImportError(_MISSING) from error

if TYPE_CHECKING:
    from langchain.agents.middleware import ModelRequest, ModelResponse
    from langgraph.cache.base import FullKey
    from langgraph.prebuilt.tool_node import ToolCallRequest
    from langgraph.types import Command

    # The number of its parameters differs between versions.
    _Middleware = AgentMiddleware[Any, Any, Any]
else:
    _Middleware = AgentMiddleware

_MODELS_KEPT: Final = 16


class CacheMiddleware(_Middleware):
    """Gives an agent a cache.

    Args:
        cache: For the agent's models, streams included, and its tools; None: the global one,
            for tools only if it is an ``LLMCache``.
        tools: Tools whose results are kept, by name, and for how long each: seconds, or a
            ``timedelta``. A call of the same tool with the same arguments is then answered
            without running it. Name only tools that depend on nothing else; those that are
            given the state, the runtime, the store or the config are run each time.

    Raises:
        ConfigurationError: (a ``ValueError``) one of them is something else.
    """

    def __init__(
        self,
        cache: BaseCache | None = None,
        *,
        tools: Mapping[str, float | timedelta] | None = None,
    ) -> None:
        super().__init__()
        given: object = cache
        if given is not None and not isinstance(given, LLMCache if tools else BaseCache):
            wanted = "an LLMCache (others do not store results of tools)" if tools else "a cache"
            msg = f"cache is a {type(given).__qualname__}; expected {wanted}"
            raise ConfigurationError(msg)
        self._cache = cache
        self._lifetimes = {name: _seconds(name, ttl) for name, ttl in (tools or {}).items()}
        self._lock = new_lock()
        self._models: OrderedDict[int, tuple[BaseChatModel, BaseChatModel]] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle what it was made of."""
        return _made_again, (type(self), self._cache, self._lifetimes)

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Let the model of this step use the cache."""
        return handler(request.override(model=self._cached(request.model)))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Let the model of this step use the cache."""
        return await handler(request.override(model=self._cached(request.model)))

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Return what the tool said before, or run it."""
        asked = self._asked(request)
        if asked is None:
            return handler(request)
        cache, key = asked
        options = current()
        if options.read and (hit := _hit(results_of(cache).get([key]), request)):
            return hit
        result = handler(request)
        if options.write and (kept := _kept(result)):
            results_of(cache).set({key: (kept, self._lifetime(request))})
        return result

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Return what the tool said before, or run it."""
        asked = self._asked(request)
        if asked is None:
            return await handler(request)
        cache, key = asked
        options = current()
        if options.read and (hit := _hit(await results_of(cache).aget([key]), request)):
            return hit
        result = await handler(request)
        if options.write and (kept := _kept(result)):
            await results_of(cache).aset({key: (kept, self._lifetime(request))})
        return result

    def _cached(self, model: BaseChatModel) -> BaseChatModel:
        """Return the model with the cache: the same one each time, as it remembers its settings."""
        with self._lock:
            known = self._models.get(id(model))
            if known is None or known[0] is not model:
                known = self._models[id(model)] = (model, with_cache(model, self._cache))
                while len(self._models) > _MODELS_KEPT:
                    self._models.popitem(last=False)
        return known[1]

    def _asked(self, request: ToolCallRequest) -> tuple[LLMCache, FullKey] | None:
        """Return where to look for a result, or None if that of this call is not kept."""
        name = request.tool_call["name"]
        cache = get_llm_cache() if self._cache is None else self._cache
        if (
            name not in self._lifetimes
            or not isinstance(cache, LLMCache)
            or request.tool is None
            or depends_on_more(request.tool)
        ):
            return None
        try:
            arguments = json.dumps(request.tool_call["args"], sort_keys=True)
        except (TypeError, ValueError):
            return None
        return cache, key_of_result(cache, name, arguments)

    def _lifetime(self, request: ToolCallRequest) -> Any:
        return self._lifetimes[request.tool_call["name"]]


def depends_on_more(tool: BaseTool) -> bool:
    """Tell whether a tool is given anything besides the arguments that the model chose."""
    chosen = _fields(tool.tool_call_schema)
    if _fields(tool.get_input_schema()) - chosen:
        return True
    if isinstance(tool, (StructuredTool, Tool)):
        functions = [tool.func, tool.coroutine]
    else:
        functions = [type(tool)._run, type(tool)._arun]  # noqa: SLF001 - what it runs
        if functions[1] is BaseTool._arun:  # noqa: SLF001 - it runs the other
            functions.pop()
    return any(
        word in str(hint)
        for function in functions
        if function is not None
        for hint in _hints(function).values()
        for word in _GIVEN
    )


# What the arguments are made of that LangChain and LangGraph fill in, as their types show it.
_GIVEN: Final = ("Injected", "RunnableConfig", "ToolRuntime")


def _hints(function: Any) -> Mapping[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - names that are not imported
        return inspect.get_annotations(function)


def _fields(schema: Any) -> frozenset[str]:
    if isinstance(schema, dict):
        return frozenset(schema.get("properties", ()))
    fields: Mapping[str, Any] = (
        getattr(schema, "model_fields", None) or getattr(schema, "__fields__", None) or {}
    )
    return frozenset(fields)


def _hit(found: Mapping[Any, Any], request: ToolCallRequest) -> ToolMessage | None:
    """Return a stored result as the answer to this call."""
    message = next(iter(found.values()), None)
    if not isinstance(message, ToolMessage):
        return None
    metadata = {**message.response_metadata, MARKER: {"hit": True}}
    return message.model_copy(
        update={
            "tool_call_id": request.tool_call["id"],
            "id": None,
            "response_metadata": metadata,
        }
    )


def _kept(result: object) -> ToolMessage | None:
    """Return what is kept of a result: nothing of an error or of a command."""
    if not isinstance(result, ToolMessage) or result.status == "error":
        return None
    return result.model_copy(update={"tool_call_id": "", "id": None})


def _made_again(
    cls: type[CacheMiddleware], cache: BaseCache | None, tools: dict[str, float]
) -> CacheMiddleware:
    return cls(cache, tools=tools)


def _seconds(name: str, ttl: object) -> float:
    milliseconds = None if ttl is None else to_milliseconds(ttl)  # type: ignore[arg-type]
    if milliseconds is None:
        msg = f"the ttl of the tool {name} is None; expected seconds, or a timedelta"
        raise ConfigurationError(msg)
    return milliseconds / 1000
