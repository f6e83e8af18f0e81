"""Streams that are left behind, and caches of others beneath ``with_cache``."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import FakeListChatModel

from langchain_llmcache.streaming import with_cache
from tests.support.scripted import ScriptedModel

LEFT = """
    import asyncio, gc, threading
    from langchain_llmcache import LLMCache, cache_options
    from langchain_llmcache.streaming import with_cache
    from tests.support.scripted import ScriptedModel, SyncOnlyModel

    loop, tasks = asyncio.new_event_loop(), []

    async def read(model):
        with cache_options(ttl=5):
            async for _ in model.astream("hi"):
                pass

    class Blocked(SyncOnlyModel):
        def _stream(self, *args, **options):
            go_on.wait(60)
            yield from super()._stream(*args, **options)

    go_on = threading.Event()

    async def main():
        for model in (ScriptedModel(pause=60), Blocked()):
            tasks.append(loop.create_task(read(with_cache(model, LLMCache()) if WRAPPED else model)))
        await asyncio.sleep(0.1)

    loop.run_until_complete(main())
    loop.close()
    tasks.clear()
    gc.collect()
    go_on.set()
"""


def said(wrapped: bool) -> list[str]:
    """Return what a process prints that closes its loop in the middle of two streams."""
    code = f"WRAPPED = {wrapped}\n{textwrap.dedent(LEFT)}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return [line.partition(":")[0] for line in done.stderr.splitlines()]


def test_a_loop_that_is_closed_in_the_middle_of_a_stream_prints_nothing_of_ours() -> None:
    """What asyncio says of the tasks themselves is the same without a cache."""
    assert said(wrapped=True) == said(wrapped=False)


@pytest.mark.parametrize("everywhere", [False, True])
async def test_the_caches_of_others_keep_what_they_hold(
    everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one caller does to an answer, the next one gets what the model said."""
    monkeypatch.setattr(ScriptedModel, "calls", [])
    cache = InMemoryCache()
    if everywhere:
        set_llm_cache(cache)
    model: Any = with_cache(ScriptedModel(script="tools"), None if everywhere else cache)
    for _ in range(2):
        for answer in (
            model.invoke("hi"),
            await model.ainvoke("hi"),
            *model.stream("hi"),
            *[chunk async for chunk in model.astream("hi")],
        ):
            for call in answer.tool_calls:
                assert "mine" not in call["args"]
                call["args"]["mine"] = True
            answer.response_metadata["mine"] = True
            answer.additional_kwargs["mine"] = True
    assert len(model.calls) == 1
    [[generation]] = cache._cache.values()
    message: Any = generation.message  # type: ignore[attr-defined]
    assert "mine" not in message.response_metadata | message.additional_kwargs
    assert [sorted(call["args"]) for call in message.tool_calls] == [["city", "days"], ["city"]]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_stream_of_what_another_cache_holds_without_usage(is_async: bool) -> None:
    """Core leaves a cost there, and no tokens: which is no usage that a chunk could have."""
    model: Any = with_cache(FakeListChatModel(responses=["one", "two"]), InMemoryCache())
    for _ in range(2):
        assert model.invoke("hi").content == "one"
    chunks = [chunk async for chunk in model.astream("hi")] if is_async else [*model.stream("hi")]
    assert [chunk.content for chunk in chunks] == ["one"]
    assert chunks[0].usage_metadata["total_tokens"] == 0
