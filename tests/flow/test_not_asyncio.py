"""Callers without asyncio, or at the end of their process: one clear line, and no blame."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
from langgraph.cache.base import FullKey

from langchain_llmcache import LLMCache, UnsupportedOperationError
from tests.support import ROOT
from tests.support.targets import LLM_STRING, PROMPT, Half, Target, answer, texts

Halves = Callable[[LLMCache], Half]
KEY: FullKey = (("graph",), "key")


@pytest.fixture
def cache(target: Target) -> Iterator[LLMCache]:
    """A cache in each store in turn, with one entry."""
    cache = target.make()
    cache.update(PROMPT, LLM_STRING, answer("found"))
    yield cache
    cache.close()


async def use(cache: LLMCache, times: int = 10) -> None:
    """Use the asyncio half as LangChain would."""
    for _ in range(times):
        assert await cache.alookup(PROMPT, LLM_STRING) is None
        await cache.aupdate(PROMPT, LLM_STRING, answer())


def run_with_anyio(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run on trio, the way of anyio."""
    return anyio.run(function, *arguments, backend="trio")


@pytest.mark.parametrize("run", [trio.run, run_with_anyio])
def test_trio_is_said_clearly(
    cache: LLMCache, run: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Lookups are misses, stores are lost, one line says why, and the breaker stays closed."""
    run(use, cache)
    stats = cache.stats()
    assert (stats.errors, stats.breaker) == (20, "closed")
    lines = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert len(lines) == 2  # of lookups, and of stores
    assert "no event loop of asyncio is running here" in lines[0]
    assert "use the sync methods in a thread" in lines[0]
    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["found"]


@pytest.mark.parametrize("method", ["aclose", "aping", "aclear", "adelete"])
def test_commands_on_trio_say_what_to_call(cache: LLMCache, method: str) -> None:
    """They cannot do what they are for; their sync twins can."""
    arguments = (PROMPT, LLM_STRING) if method == "adelete" else ()
    with pytest.raises(
        UnsupportedOperationError, match=rf"{method}\(\).*asyncio.*{method[1:]}\(\)"
    ):
        trio.run(lambda: getattr(cache, method)(*arguments))
    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["found"]


def test_a_block_on_trio_says_what_to_use(cache: LLMCache) -> None:
    """``async with`` needs asyncio too."""

    async def block() -> None:
        async with cache:
            pass

    with pytest.raises(UnsupportedOperationError, match=r"use close\(\)"):
        trio.run(block)


def test_a_graph_on_trio_goes_on(target: Target) -> None:
    """The cache of its nodes is empty, and its breaker closed."""
    if target.name in {"InMemoryCache", "SqliteCache", "ValkeyCache", "fakeredis"}:
        return  # the user's own store
    cache = target.make()

    async def nodes() -> None:
        for _ in range(5):
            await cache.store.aset({KEY: ("value", None)})
            await cache.store.aget([KEY])

    trio.run(nodes)
    assert cache.stats().breaker == "closed"
    cache.store.set({KEY: ("value", None)})
    assert cache.store.get([KEY]) == {KEY: "value"}
    cache.close()


def test_the_sync_half_on_trio(cache: LLMCache) -> None:
    """In a thread, as the message says."""

    async def look() -> Any:
        return await trio.to_thread.run_sync(cache.lookup, PROMPT, LLM_STRING)

    assert texts(trio.run(look)) == ["found"]


# --- a process that is ending -------------------------------------------------------------------


async def test_where_no_thread_can_be_had(
    half: Halves, tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of a process: a miss, and not the store's fault."""

    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    host = valkey_url.replace("127.0.0.1", "localhost")
    for url in (f"sqlite:///{tmp_path / 'cache.db'}", host):
        with LLMCache.from_url(url, timeout=5) as cache:
            with monkeypatch.context() as patched:
                patched.setattr(threading.Thread, "start", no_more)
                for _ in range(10):
                    await half(cache).lookup(PROMPT, LLM_STRING)
            assert cache.stats().breaker == "closed"
            await half(cache).update(PROMPT, LLM_STRING, answer("found"))
            assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["found"]
            await cache.aclose()


AT_EXIT = """
import asyncio, atexit, logging, sys
from langchain_core.outputs import Generation
from langchain_llmcache import LLMCache
from langgraph.cache.sqlite import SqliteCache

url, path = sys.argv[1:]
caches = [LLMCache.from_url(url, timeout=5), LLMCache(SqliteCache(path=path))]

async def use(cache):
    for number in range(5):
        await cache.aupdate("q", "m", [Generation(text="x")])
        await cache.alookup("q", "m")
    await cache.aclose()

@atexit.register
def last():
    for cache in caches:
        asyncio.run(use(cache))
        for number in range(5):
            cache.update("q", "m", [Generation(text="x")])
            cache.lookup("q", "m")
        cache.close()
        print(cache.stats().breaker)
"""


@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("valkey", marks=pytest.mark.server), "memory"]
)
def test_at_the_exit_of_a_process(kind: str, valkey_url: str, tmp_path: Path) -> None:
    """``atexit`` may use both halves: what does not work any more is not blamed on the store."""
    url = {"sqlite": f"sqlite:///{tmp_path / 'a.db'}", "valkey": valkey_url, "memory": "memory://"}
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT, url[kind], str(tmp_path / "b.db")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["closed", "closed"], done.stderr
    assert "Traceback" not in done.stderr
