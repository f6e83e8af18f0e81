"""A failed call is noticed at once, and others never notice that a cache looks for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from langchain_core.caches import BaseCache
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    AsyncCallbackManager,
    BaseCallbackHandler,
    CallbackManager,
)
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel, FakeStreamingListLLM
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from pydantic import PrivateAttr

from langchain_llmcache import LLMCache

# Seconds; far longer than any test takes.
FOR_EVER = 300.0


class Down(Exception):  # noqa: N818 - the provider is down
    """What a provider raises."""


class _Calls:
    """Calls of a model that wait to be let go, and fail as often as they are told to."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.count = 0
        self.managers: list[Any] = []
        self.go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, run_manager: Any) -> str:
        with self._lock:
            self.count += 1
            self.managers.append(run_manager)
            fails = self.count <= self.failures
        if fails:
            assert self.go.wait(60)
            raise Down
        return "an answer"


class Chat(BaseChatModel):
    """A chat model of one of those."""

    model: str = "chat"
    _calls: _Calls = PrivateAttr()

    def __init__(self, calls: _Calls, **fields: Any) -> None:
        super().__init__(**fields)
        self._calls = calls

    @property
    def _llm_type(self) -> str:
        return "chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any
    ) -> ChatResult:
        text = self._calls(run_manager)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


class Text(LLM):
    """A text model of one of those."""

    model: str = "text"
    _calls: _Calls = PrivateAttr()

    def __init__(self, calls: _Calls, **fields: Any) -> None:
        super().__init__(**fields)
        self._calls = calls

    @property
    def _llm_type(self) -> str:
        return "text"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any) -> str:
        return self._calls(run_manager)


MODELS: list[Any] = [Chat, Text]


class _Wrapping(BaseCache):
    """Somebody else's cache around ours."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache

    def lookup(self, prompt: str, llm_string: str) -> Any:
        return self._cache.lookup(prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        self._cache.update(prompt, llm_string, return_val)

    async def alookup(self, prompt: str, llm_string: str) -> Any:
        return await self._cache.alookup(prompt, llm_string)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Any) -> None:
        await self._cache.aupdate(prompt, llm_string, return_val)

    def clear(self, **_: Any) -> None:
        self._cache.clear()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)


# --- noticed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_thread_that_fails_releases_its_follower(kind: Any, wrapped: bool) -> None:
    """A follower goes on when the leader's call has failed, and not when its patience ends."""
    cache = LLMCache(max_wait=FOR_EVER)
    calls = _Calls(failures=1)
    model = kind(calls, cache=_Wrapping(cache) if wrapped else cache)
    leader = asyncio.create_task(asyncio.to_thread(model.invoke, "a question"))
    await until(lambda: calls.count == 1)
    follower = asyncio.create_task(asyncio.to_thread(model.invoke, "a question"))
    await until(lambda: cache.stats().waits == 1)
    calls.go.set()
    with pytest.raises(Down):
        await leader
    assert await asyncio.wait_for(follower, 60)
    assert calls.count == 2


@pytest.mark.parametrize("kind", MODELS)
async def test_a_task_that_goes_on_after_a_failure_keeps_nobody(kind: Any) -> None:
    """The follower of a failed call goes on while the task that made the call does other things."""
    cache = LLMCache(max_wait=FOR_EVER)
    calls = _Calls(failures=1)
    model = kind(calls, cache=cache)
    answered = asyncio.Event()

    async def lead() -> None:
        with pytest.raises(Down):
            await model.ainvoke("a question")
        await asyncio.wait_for(answered.wait(), 60)

    leader = asyncio.create_task(lead())
    await until(lambda: calls.count == 1)
    follower = asyncio.create_task(model.ainvoke("a question"))
    await until(lambda: cache.stats().waits == 1)
    calls.go.set()
    assert await asyncio.wait_for(follower, 60)
    answered.set()
    await leader
    assert calls.count == 2


@pytest.mark.parametrize("ask", ["batch", "generate"])
def test_a_batch_that_fails_releases_the_followers_of_each_prompt(ask: str) -> None:
    """A text model asks for many prompts in one call: all of them are released."""
    cache = LLMCache(max_wait=FOR_EVER)
    calls = _Calls(failures=1)
    model = Text(calls, cache=cache)
    prompts = [f"question {number}" for number in range(300)]

    def lead() -> None:
        with pytest.raises(Down):
            model.batch(list(prompts)) if ask == "batch" else model.generate(prompts)

    with ThreadPoolExecutor(3) as threads:
        leader = threads.submit(lead)
        asyncio.run(until(lambda: calls.count == 1))
        followers = [threads.submit(model.invoke, prompt) for prompt in (prompts[0], prompts[-1])]
        asyncio.run(until(lambda: cache.stats().waits == 2))
        calls.go.set()
        leader.result(60)
        assert [follower.result(60) for follower in followers] == ["an answer"] * 2


# --- unnoticed -------------------------------------------------------------------------------


class _Listening(AsyncCallbackHandler):
    """A user's own handler."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_llm_start(self, *_: Any, **__: Any) -> None:
        self.seen.append("start")

    async def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.seen.append("start")

    async def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.seen.append("end")

    async def on_llm_error(self, *_: Any, **__: Any) -> None:
        self.seen.append("error")


@pytest.fixture(params=["made", "global", "the model's"])
def cache(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A model's ``cache``: none while a cache exists, the global one, its own."""
    made = LLMCache(lease=10)
    if request.param == "global":
        set_llm_cache(made)
    yield {"made": False, "global": None, "the model's": made}[request.param]
    del made


@pytest.mark.parametrize("ask", ["ainvoke", "agenerate", "abatch", "astream"])
async def test_async_handlers_of_text_models_hear_everything(cache: Any, ask: str) -> None:
    """A cache takes no ``on_llm_start`` from the asynchronous handlers of others."""
    mine = _Listening()
    model = FakeStreamingListLLM(responses=["abc"], cache=cache)
    if ask == "agenerate":
        await model.agenerate(["a question"], callbacks=[cast("Any", mine)])
    elif ask == "astream":
        async for _ in model.astream("a question", {"callbacks": [mine]}):
            pass
    else:
        asked: Any = "a question" if ask == "ainvoke" else ["a question"]
        await getattr(model, ask)(asked, {"callbacks": [mine]})
    assert mine.seen == ["start", "end"]


async def test_events_of_text_models_are_complete(cache: Any) -> None:
    """``astream_events`` tells the start and the end of a text model."""
    model = FakeStreamingListLLM(responses=["abc"], cache=cache)
    events = [event["event"] async for event in model.astream_events("a question", version="v2")]
    assert (events[0], events[-1]) == ("on_llm_start", "on_llm_end")


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("fails", [False, True])
async def test_nothing_of_ours_is_in_anybodys_list(cache: Any, kind: Any, fails: bool) -> None:
    """Managers hold the handlers that they were given, before and in a call, and tell them all."""
    assert CallbackManager.configure().handlers == []
    assert AsyncCallbackManager.configure().handlers == []
    mine = _Listening()
    calls = _Calls(failures=2 if fails else 0)
    calls.go.set()
    model = kind(calls, cache=cache)
    await asyncio.gather(model.ainvoke("a", {"callbacks": [mine]}), return_exceptions=True)
    await asyncio.gather(
        asyncio.to_thread(model.invoke, "b", {"callbacks": [mine]}), return_exceptions=True
    )
    end = "error" if fails else "end"
    assert mine.seen == ["start", end] * 2
    assert [manager.handlers for manager in calls.managers] == [[mine], [mine]]
    assert [manager.inheritable_handlers for manager in calls.managers] == [[mine], [mine]]


def test_chains_and_tools_see_only_their_own_handlers(cache: Any) -> None:
    """A step of a chain finds the handlers of its config, and no others, in its managers."""
    mine = BaseCallbackHandler()
    seen: list[Any] = []

    def step(value: str, run_manager: Any, config: Any) -> str:
        seen.extend((run_manager.handlers, config["callbacks"].handlers))
        return value

    model = FakeStreamingListLLM(responses=["abc"], cache=cache)
    (RunnableLambda(step) | model | RunnableLambda(step)).invoke("a", {"callbacks": [mine]})
    assert seen == [[mine]] * 4
