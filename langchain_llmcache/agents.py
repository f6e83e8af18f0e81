"""``CacheMiddleware``: a cache for one ``create_agent``, and for the results of tools it names.

For the model alone, ``set_llm_cache`` or ``with_cache`` do the same; the middleware also reaches
models that other middleware chooses while the agent runs.

Rules of this file: a tool's result is kept only if the tool was named; errors, commands, and what
came of an interrupt never are; whatever is wrong with the cache, the model and the tool run.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_type_hints

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool

from langchain_llmcache._answer.hits import MARKER
from langchain_llmcache._answer.ttl import to_milliseconds
from langchain_llmcache._checks import kind_of
from langchain_llmcache._forks import new_lock
from langchain_llmcache._request.blocks import current
from langchain_llmcache._signals import pass_on
from langchain_llmcache._stores.tool_results import (
    Results,
    identity_of,
    kept,
    key_of_result,
    results_of,
    state_of,
)
from langchain_llmcache.cache import LLMCache
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.streaming import with_cache

try:
    from langchain.agents.middleware import AgentMiddleware
    from langchain.agents.structured_output import StructuredOutputError
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

# Models, and tools, of which something is remembered: the object, what it told then, what was found.
_KEPT: Final = 64
_Known: TypeAlias = "OrderedDict[int, tuple[Any, Any, Any]]"
# In the configuration of a step, as LangGraph itself calls it (1.0 to 1.2).
_RESUMING: Final = "__pregel_resuming"
# In an agent's state: the calls that a human changed, by their ids, as ``HumanInTheLoopMiddleware``
# calls it (langchain 1.5).
_EDITED: Final = "hitl_edited_tool_calls"


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
            msg = f"cache is {kind_of(given)}; expected {wanted}"
            raise ConfigurationError(msg)
        self._cache = cache
        self._lifetimes = _lifetimes({} if tools is None else tools)
        self._lock = new_lock()
        self._models: _Known = OrderedDict()
        self._tools: _Known = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle what it was made of."""
        return _made_again, (type(self), self._cache, self._lifetimes)

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Let the model of this step use the cache; what it says stays only if the agent takes it."""
        try:
            return handler(self._with_cache(request))
        except StructuredOutputError as refusal:
            if (cache := self._own()) is not None:
                cache._heal_message(refusal.ai_message)  # noqa: SLF001 - of this package
            raise

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Let the model of this step use the cache; what it says stays only if the agent takes it."""
        try:
            return await handler(self._with_cache(request))
        except StructuredOutputError as refusal:
            if (cache := self._own()) is not None:
                await cache._aheal_message(refusal.ai_message)  # noqa: SLF001 - of this package
            raise

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Return what the tool said before, or run it."""
        asked = self._asked(request)
        if asked is None:
            return handler(request)
        results, key = asked
        options = current()
        with results.turns.turn((key, options)) as turn:
            turn.result = turn.wait()
            if turn.result is None and options.read:
                turn.result = _found(results.store.get([key]))
            if turn.result is not None:
                return _as_answer(turn.result, request)
            result = handler(request)
            turn.result = kept(result)
            if turn.result is not None and options.write:
                results.store.set({key: (turn.result, self._lifetime(request))})
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
        results, key = asked
        options = current()
        with results.turns.turn((key, options)) as turn:
            turn.result = await turn.await_()
            if turn.result is None and options.read:
                turn.result = _found(await results.store.aget([key]))
            if turn.result is not None:
                return _as_answer(turn.result, request)
            result = await handler(request)
            turn.result = kept(result)
            if turn.result is not None and options.write:
                await results.store.aset({key: (turn.result, self._lifetime(request))})
            return result

    def _with_cache(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        try:
            return request.override(model=self._cached(request.model))
        except ConfigurationError as error:  # a model that ``with_cache`` does not take
            self._tell(f"an agent's model is not cached: {error}")
            return request

    def _tell(self, what: str) -> None:
        if (cache := self._own()) is not None:
            cache._observer.trouble("uncacheable", what)  # noqa: SLF001 - of this package

    def _own(self) -> LLMCache | None:
        """Return the cache that serves, if it is one of ours."""
        cache = get_llm_cache() if self._cache is None else self._cache
        return cache if isinstance(cache, LLMCache) else None

    def _cached(self, model: BaseChatModel) -> BaseChatModel:
        """Return the model with the cache: the same one each time, as it remembers its settings."""
        cached: BaseChatModel = self._known(
            self._models, model, (), lambda: with_cache(model, self._cache)
        )
        return cached

    def _identity(self, tool: BaseTool) -> str | None:
        """Return what tells a tool; None if its results depend on more."""
        told = (tool.name, tool.description, id(tool.args_schema), state_of(tool))
        identity: str | None = self._known(
            self._tools, tool, told, lambda: None if depends_on_more(tool) else identity_of(tool)
        )
        return identity

    def _known(self, known: _Known, thing: Any, told: Any, find: Callable[[], Any]) -> Any:
        """Return what was found for an object, as long as it tells the same."""
        with self._lock:
            found = known.get(id(thing))
            if found is None or found[0] is not thing or found[1] != told:
                found = known[id(thing)] = (thing, told, find())
                while len(known) > _KEPT:
                    known.popitem(last=False)
        return found[2]

    def _asked(self, request: ToolCallRequest) -> tuple[Results, FullKey] | None:
        """Return where to look for a result, or None if that of this call is not kept."""
        name, cache, tool = request.tool_call["name"], self._own(), request.tool
        if name not in self._lifetimes or cache is None or tool is None or _is_human(request):
            return None
        try:
            identity = self._identity(tool)
            if identity is None:
                return None
            key = key_of_result(cache, identity, name, request.tool_call["args"])
            return results_of(cache), key
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            pass_on(error)
            why = "its arguments or its schema are not plain JSON data"
            self._tell(f"the result of a tool is not cached: {why} ({type(error).__name__})")
            return None

    def _lifetime(self, request: ToolCallRequest) -> Any:
        return self._lifetimes[request.tool_call["name"]]


def depends_on_more(tool: BaseTool) -> bool:
    """Tell whether a tool is given anything besides the arguments that the model chose."""
    # (A JSON schema, as tools of MCP servers have, is what the model chooses, and no more.)
    chosen = _fields(tool.tool_call_schema)
    if not isinstance(tool.args_schema, Mapping) and _fields(tool.get_input_schema()) - chosen:
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
    while isinstance(function, partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001 - names that are not imported
        pass_on(error)
        return inspect.get_annotations(function)


def _fields(schema: Any) -> frozenset[str]:
    if isinstance(schema, dict):
        return frozenset(schema.get("properties", ()))
    fields: Mapping[str, Any] = (
        getattr(schema, "model_fields", None) or getattr(schema, "__fields__", None) or {}
    )
    return frozenset(fields)


def _is_human(request: ToolCallRequest) -> bool:
    """Tell whether a human said what is run here, or the step waits for that: it belongs to a thread.

    That is so if the step goes on after an interrupt, or if the call was edited. (The middleware
    that asked may stand inside of this one, and change the arguments there.)
    """
    config: Any = getattr(getattr(request, "runtime", None), "config", None) or {}
    state: Any = request.state
    edited = state.get(_EDITED) if isinstance(state, Mapping) else getattr(state, _EDITED, None)
    return bool((config.get("configurable") or {}).get(_RESUMING)) or (
        isinstance(edited, Mapping) and request.tool_call["id"] in edited
    )


def _found(found: Mapping[Any, Any]) -> ToolMessage | None:
    message = next(iter(found.values()), None)
    return message if isinstance(message, ToolMessage) else None


def _as_answer(result: ToolMessage, request: ToolCallRequest) -> ToolMessage:
    """Return a result as the answer to this call."""
    answer = result.model_copy(deep=True)
    answer.tool_call_id = request.tool_call["id"] or ""
    answer.response_metadata[MARKER] = {"hit": True}
    return answer


def _made_again(
    cls: type[CacheMiddleware], cache: BaseCache | None, tools: dict[str, float]
) -> CacheMiddleware:
    return cls(cache, tools=tools)


def _lifetimes(tools: object) -> dict[str, float]:
    if not isinstance(tools, Mapping) or not all(isinstance(name, str) for name in tools):
        msg = f"tools is {tools!r}; expected {{name: seconds, or a timedelta}}"
        raise ConfigurationError(msg)
    return {name: _seconds(name, ttl) for name, ttl in tools.items()}


def _seconds(name: str, ttl: object) -> float:
    milliseconds = None if ttl is None else to_milliseconds(ttl)  # type: ignore[arg-type]
    if milliseconds is None:
        msg = f"the ttl of the tool {name} is None; expected seconds, or a timedelta"
        raise ConfigurationError(msg)
    return milliseconds / 1000
