"""``CacheMiddleware``: a cache for one agent, and for the results of the tools that it names."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain.tools import InjectedState, ToolRuntime
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import (
    BaseTool,
    InjectedToolCallId,
    StructuredTool,
    ToolException,
    tool,
)
from langgraph.types import Command

from langchain_llmcache import LLMCache
from langchain_llmcache.agents import CacheMiddleware, depends_on_more
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.options import cache_options
from langchain_llmcache.streaming import with_cache
from tests.support.bedrock import ConverseEndpoint, ConverseRequest, chat_model, reply
from tests.support.patience import outlive
from tests.support.targets import Target

QUESTION: dict[str, Any] = {"messages": [HumanMessage("Where is Ann's order?")]}


@pytest.fixture
def ran() -> list[str]:
    """What the tools were run with."""
    return []


@pytest.fixture
def find_order(ran: list[str]) -> BaseTool:
    """A tool that depends on nothing but its argument."""

    @tool
    def find_order(customer: str) -> str:
        """Find a customer's latest order."""
        ran.append(customer)
        return f"order of {customer}"

    return find_order


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[..., Awaitable[list[Any]]]:
    """Run an agent in each half."""

    async def messages(agent: Any, given: Any = QUESTION) -> list[Any]:
        state = agent.invoke(given) if request.param == "sync" else await agent.ainvoke(given)
        said: list[Any] = state["messages"]
        return said

    return messages


Run = Callable[..., Awaitable[list[Any]]]


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A model that calls the tool for whom it was asked about, then answers."""

    def script(request: ConverseRequest) -> dict[str, Any]:
        results = sum(
            "toolResult" in block for said in request.messages for block in said["content"]
        )
        use = {"name": "find_order", "input": {"customer": "Ann"}}
        if results == 0:
            return reply({"toolUse": {**use, "toolUseId": f"tooluse_{running.calls}"}})
        return reply("It is in Oslo.")

    with ConverseEndpoint() as running:
        running.script = script
        yield running


def tool_messages(messages: list[Any]) -> list[ToolMessage]:
    """Return the results among messages."""
    return [message for message in messages if isinstance(message, ToolMessage)]


# --- the model ---


async def test_the_cache_of_an_agent(
    endpoint: ConverseEndpoint, find_order: BaseTool, run: Run
) -> None:
    """The middleware's cache serves its agent, and nobody else; without one it changes nothing."""
    model = chat_model(endpoint)
    cache = LLMCache()
    cached: Any = create_agent(model, tools=[find_order], middleware=[CacheMiddleware(cache)])
    plain: Any = create_agent(model, tools=[find_order], middleware=[CacheMiddleware()])
    await run(cached)
    await run(cached)
    assert endpoint.calls == 2
    await run(plain)
    assert endpoint.calls == 4
    set_llm_cache(LLMCache())
    await run(plain)
    await run(plain)
    assert endpoint.calls == 6


async def test_a_cached_model_needs_no_middleware(
    endpoint: ConverseEndpoint, find_order: BaseTool, run: Run
) -> None:
    """``create_agent(with_cache(model, cache))`` does the same for one model."""
    agent: Any = create_agent(with_cache(chat_model(endpoint), LLMCache()), tools=[find_order])
    await run(agent)
    await run(agent)
    assert endpoint.calls == 2


class Chooses(AgentMiddleware):
    """Chooses another model while the agent runs."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[..., ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Choose."""
        return handler(request.override(model=self.model))


def test_models_that_other_middleware_chooses(
    endpoint: ConverseEndpoint, find_order: BaseTool
) -> None:
    """That is what the middleware adds: a model that nobody could wrap before is cached too."""
    agent: Any = create_agent(
        chat_model(endpoint, model="never-asked"),
        tools=[find_order],
        middleware=[Chooses(chat_model(endpoint)), CacheMiddleware(LLMCache())],
    )
    agent.invoke(QUESTION)
    agent.invoke(QUESTION)
    assert endpoint.calls == 2
    assert {request.model_id for request in endpoint.requests}.isdisjoint({"never-asked"})


@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="on Python 3.10, asyncio carries no context: LangGraph hears of no tokens of ainvoke",
)
async def test_an_agent_that_streams(endpoint: ConverseEndpoint, find_order: BaseTool) -> None:
    """With ``stream_mode="messages"`` a repeated run streams the same answers from the cache."""
    agent: Any = create_agent(
        chat_model(endpoint), tools=[find_order], middleware=[CacheMiddleware(LLMCache())]
    )

    async def texts() -> list[str]:
        chunks = [chunk async for chunk, _ in agent.astream(QUESTION, stream_mode="messages")]
        return ["".join(chunk.text for chunk in chunks if chunk.type.startswith("AI"))]

    assert await texts() == await texts() == ["It is in Oslo."]
    assert endpoint.calls == 2


# --- tools ---


def agent_with(endpoint: ConverseEndpoint, tools: list[Any], cache: Any, **lifetimes: Any) -> Any:
    """Return an agent whose tools are cached, and its model is not."""
    return create_agent(
        chat_model(endpoint, cache=False),
        tools=tools,
        middleware=[_ToolsOnly(cache, tools=lifetimes or {"find_order": 60})],
    )


class _ToolsOnly(CacheMiddleware):
    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(request)

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        return await handler(request)


async def test_a_named_tool_runs_once(
    target: Target, endpoint: ConverseEndpoint, find_order: BaseTool, ran: list[str], run: Run
) -> None:
    """A result is kept on every store, and comes back with the id of the new call."""
    cache = target.make()
    agent = agent_with(endpoint, [find_order], cache)
    first, again = await run(agent), await run(agent)
    assert ran == ["Ann"]
    [live], [hit] = tool_messages(first), tool_messages(again)
    assert hit.content == live.content == "order of Ann"
    assert hit.name == live.name == "find_order"
    assert hit.tool_call_id == again[1].tool_calls[0]["id"] != live.tool_call_id
    assert hit.response_metadata["llmcache"] == {"hit": True}
    assert "llmcache" not in live.response_metadata
    await cache.aclose()


async def test_only_named_tools(
    endpoint: ConverseEndpoint, find_order: BaseTool, ran: list[str], run: Run
) -> None:
    """A tool that was not named runs each time."""
    agent = agent_with(endpoint, [find_order], LLMCache(), another=60)
    await run(agent)
    await run(agent)
    assert ran == ["Ann", "Ann"]


async def test_each_tool_has_its_ttl(
    endpoint: ConverseEndpoint, find_order: BaseTool, ran: list[str], run: Run
) -> None:
    """A result ends with its tool's TTL, whatever the cache's own is."""
    cache, ttl = LLMCache(ttl=3600), timedelta()

    async def run_once() -> None:
        await run(agent_with(endpoint, [find_order], cache, find_order=ttl))

    async def run_for(seconds: float) -> None:
        nonlocal ttl
        ttl = timedelta(seconds=seconds)
        ran.clear()
        await run_once()

    async def is_kept() -> bool:
        await run_once()
        return ran == ["Ann"]

    await outlive(run_for, is_kept, moments=(0.3, 1.5, 7.5))
    assert not await is_kept()


@pytest.mark.parametrize("handled", [True, False])
async def test_errors_are_not_kept(
    endpoint: ConverseEndpoint, ran: list[str], run: Run, handled: bool
) -> None:
    """A tool that fails runs again, whether the agent is told of the error or raises it."""

    @tool
    def find_order(customer: str) -> str:
        """Find a customer's latest order."""
        ran.append(customer)
        raise ToolException("unknown customer")

    find_order.handle_tool_error = handled
    agent = agent_with(endpoint, [find_order], LLMCache())
    for _ in range(2):
        if handled:
            [message] = tool_messages(await run(agent))
            assert message.status == "error"
        else:
            with pytest.raises(ToolException):
                await run(agent)
    assert ran == ["Ann", "Ann"]


async def test_options_and_tenants_hold_for_tools(
    endpoint: ConverseEndpoint, find_order: BaseTool, ran: list[str], run: Run
) -> None:
    """Namespaces, ``key_extra`` and ``cache_options`` keep results apart as they do answers."""
    base = LLMCache()
    for cache in (base, LLMCache(base.store, namespace="acme"), LLMCache(base.store, key_extra=2)):
        agent = agent_with(endpoint, [find_order], cache)
        await run(agent)
        await run(agent)
    assert len(ran) == 3
    agent = agent_with(endpoint, [find_order], base)
    for changes in ({"read": False}, {"namespace": "b", "write": False}, {"namespace": "b"}):
        options: dict[str, Any] = changes
        with cache_options(**options):
            await run(agent)
    assert len(ran) == 6


async def test_the_global_cache_serves_tools(
    endpoint: ConverseEndpoint, find_order: BaseTool, ran: list[str], run: Run
) -> None:
    """Without a cache of its own the middleware uses the global ``LLMCache``, if it is one."""
    agent = agent_with(endpoint, [find_order], None)
    await run(agent)
    set_llm_cache(InMemoryCache())
    await run(agent)
    set_llm_cache(LLMCache())
    await run(agent)
    await run(agent)
    assert len(ran) == 3


async def test_tools_with_the_store_down(
    endpoint: ConverseEndpoint, find_order: BaseTool, ran: list[str], run: Run
) -> None:
    """With the server down the tools run."""
    cache = LLMCache.from_url("valkey://127.0.0.1:1", timeout=0.2)
    agent = agent_with(endpoint, [find_order], cache)
    await run(agent)
    assert [message.content for message in tool_messages(await run(agent))] == ["order of Ann"]
    assert len(ran) == 2
    await cache.aclose()


async def test_commands_are_not_kept(endpoint: ConverseEndpoint, ran: list[str], run: Run) -> None:
    """A tool that steers the graph does so each time."""

    @tool
    def find_order(customer: str, call: Annotated[str, InjectedToolCallId]) -> Command[Any]:
        """Find a customer's latest order."""
        ran.append(customer)
        return Command(update={"messages": [ToolMessage("done", tool_call_id=call)]})

    agent = agent_with(endpoint, [find_order], LLMCache())
    await run(agent)
    await run(agent)
    assert ran == ["Ann", "Ann"]


@tool
def with_state(customer: str, state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Depend on the state."""
    return customer + str(state)


@tool
def with_runtime(customer: str, runtime: ToolRuntime) -> str:
    """Depend on the runtime."""
    return customer + str(runtime)


@tool
def with_config(customer: str, config: RunnableConfig) -> str:
    """Depend on the config."""
    return customer + str(config)


@tool
def with_call_id(customer: str, call: Annotated[str, InjectedToolCallId]) -> str:
    """Depend on the call."""
    return customer + call


@tool
async def with_runtime_later(customer: str, runtime: ToolRuntime) -> str:
    """Depend on the runtime, in a coroutine."""
    return customer + str(runtime)


@tool
async def plain_later(customer: str) -> str:
    """Depend on the argument."""
    return customer


class PlainTool(BaseTool):
    """Depends on its argument."""

    name: str = "plain"
    description: str = "Depends on its argument."

    def _run(self, customer: str) -> str:
        return customer


class ConfiguredTool(PlainTool):
    """Depends on the config."""

    def _run(self, customer: str, config: RunnableConfig) -> str:  # type: ignore[override]
        return customer + str(config)


async def remote(**arguments: Any) -> str:
    """Depend on the arguments, as a tool of an MCP server does."""
    return str(arguments)


async def remote_with_config(config: RunnableConfig, **arguments: Any) -> str:
    """Depend on the config."""
    return str(config) + str(arguments)


def of_json(coroutine: Any) -> BaseTool:
    """Return a tool whose arguments are told by a JSON schema."""
    schema = {"type": "object", "properties": {"customer": {"type": "string"}}}
    return StructuredTool(
        name=coroutine.__name__, description="", args_schema=schema, coroutine=coroutine
    )


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        (of_json(remote), False),
        (of_json(remote_with_config), True),
        (with_state, True),
        (with_runtime, True),
        (with_config, True),
        (with_call_id, True),
        (with_runtime_later, True),
        (ConfiguredTool(), True),
        (plain_later, False),
        (PlainTool(), False),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_tools_that_depend_on_more(asked: BaseTool, more: bool) -> None:
    """A tool that is given anything beside its arguments is not cached, even if it is named."""
    assert depends_on_more(asked) is more


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cache": "valkey://localhost"}, "cache is a str"),
        ({"cache": InMemoryCache(), "tools": {"a": 1}}, "expected an LLMCache"),
        ({"tools": {"a": None}}, "ttl of the tool a is None"),
        ({"tools": {"a": 0}}, "more than 0"),
    ],
)
def test_what_it_does_not_take(arguments: dict[str, Any], message: str) -> None:
    """A wrong argument is refused with a reason."""
    with pytest.raises(ConfigurationError, match=message):
        CacheMiddleware(**arguments)


def test_an_answer_is_an_answer(endpoint: ConverseEndpoint, find_order: BaseTool) -> None:
    """A hit of the model in an agent is marked, as everywhere."""
    agent: Any = create_agent(
        chat_model(endpoint), tools=[find_order], middleware=[CacheMiddleware(LLMCache())]
    )
    agent.invoke(QUESTION)
    said = agent.invoke(QUESTION)["messages"]
    assert all(
        message.response_metadata["llmcache"]["hit"]
        for message in said
        if isinstance(message, AIMessage)
    )
