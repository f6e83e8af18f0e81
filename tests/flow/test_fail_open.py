"""A store in trouble is a miss; whoever asks for more than that is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from langgraph.cache.base import BaseCache, FullKey, Namespace

from langchain_llmcache import LLMCache, StoreError, UnsupportedOperationError
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.patience import LATE
from tests.support.servers import StartServer
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]


class Spy(BaseCache[Any]):
    """A third party's cache that works, but can list nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[FullKey, Any] = {}

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what is there."""
        return {key: self.kept[key] for key in keys if key in self.kept}

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what is there."""
        return self.get(keys)

    def set(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Keep."""
        self.kept.update({key: value for key, (value, _) in pairs.items()})

    async def aset(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Keep."""
        self.set(pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget all."""
        self.kept.clear()

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget all."""
        self.clear()


class Broken(Spy):
    """One that fails at everything."""

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Fail."""
        raise RuntimeError("secret text")

    set = clear = get  # type: ignore[assignment]


async def test_a_server_that_comes_and_goes(own_valkey_server: StartServer, half: Halves) -> None:
    """While the server is down, lookups are misses and stores are lost; then hits are back."""
    server = own_valkey_server()
    cache = LLMCache.from_url(server.url)
    both = half(cache)
    await both.update(PROMPT, LLM_STRING, answer())
    assert await both.lookup(PROMPT, LLM_STRING) is not None

    server.kill()
    for _ in range(3):
        assert await both.lookup(PROMPT, LLM_STRING) is None
        await both.update(PROMPT, LLM_STRING, answer())
    stats = cache.stats()
    assert stats.errors + stats.skipped == 6
    assert stats.breaker == "open"

    server.restart()
    deadline = time.monotonic() + LATE
    while await both.lookup(PROMPT, LLM_STRING) is None and time.monotonic() < deadline:
        await both.update(PROMPT, LLM_STRING, answer())
        await asyncio.sleep(0.02)
    assert await both.lookup(PROMPT, LLM_STRING) is not None
    assert cache.stats().errors == stats.errors
    assert cache.stats().breaker == "closed"
    await cache.aclose()


async def test_a_model_answers_without_its_cache(own_valkey_server: StartServer) -> None:
    """A chat model whose cache is down answers as if it had none."""
    server = own_valkey_server()
    server.kill()
    with ConverseEndpoint() as endpoint:
        model = chat_model(endpoint, cache=LLMCache.from_url(server.url))
        assert model.invoke("Hello?").content
        assert (await model.ainvoke("Hello?")).content
        assert endpoint.calls == 2


async def test_any_error_of_a_store_is_a_miss(
    half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a store raises stays inside, is counted, and is logged once without its text."""
    cache = LLMCache(Broken())
    for _ in range(5):
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        await half(cache).update(PROMPT, LLM_STRING, answer())
    stats = cache.stats()
    assert stats.errors + stats.skipped == 10
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(" ")[0] for line in lines] == ["lookup", "store", "breaker"]
    assert all("RuntimeError" in line for line in lines[:2])
    assert "secret" not in caplog.text


async def test_administration_fails_loudly(half: Halves, own_valkey_server: StartServer) -> None:
    """``clear`` and ``delete`` raise if they did not do what they were told to."""
    server = own_valkey_server()
    server.kill()
    cache = LLMCache.from_url(server.url)
    with pytest.raises(StoreError, match="clear failed: ConnectionError"):
        await half(cache).clear()
    with pytest.raises(StoreError, match="delete failed: ConnectionError"):
        await half(cache).delete(PROMPT, LLM_STRING)


async def test_what_a_store_cannot_do_is_said(half: Halves) -> None:
    """A third party's store serves answers; ``clear``, which it cannot do exactly, is refused."""
    store = Spy()
    cache = LLMCache(store)
    await half(cache).update(PROMPT, LLM_STRING, answer("kept"))
    assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["kept"]
    assert await half(cache).delete(PROMPT, LLM_STRING) is True
    assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    with pytest.raises(UnsupportedOperationError, match="Spy cannot list"):
        await half(cache).clear()


async def test_a_store_that_returns_nonsense(half: Halves) -> None:
    """A value that is no entry is a miss and is removed."""
    store = Spy()
    cache = LLMCache(store)
    await half(cache).update(PROMPT, LLM_STRING, answer())
    for nonsense in ("text", 7, [b"llm2:{}"], b"llm2:{}"):
        store.kept = dict.fromkeys(store.kept, nonsense)
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    assert cache.stats().corrupt == 4


async def test_a_file_that_is_no_database(tmp_path: Path, half: Halves) -> None:
    """A damaged file is a miss, and ``clear`` says what is wrong with it."""
    path = tmp_path / "cache.db"
    path.write_bytes(b"this is not a database" * 100)
    cache = LLMCache.from_url(f"sqlite:///{path}")
    assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    await half(cache).update(PROMPT, LLM_STRING, answer())
    assert cache.stats().errors == 2
    with pytest.raises(StoreError, match="file is not a database"):
        await half(cache).clear()


async def test_a_callable_ttl_that_fails_stores_nothing(
    half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """A ``ttl`` function that raises, or returns nonsense, costs the entry and nothing else."""

    def fails(_: Any) -> float:
        raise RuntimeError("secret text")

    for ttl in (fails, lambda _: -1):
        cache = LLMCache(ttl=ttl)
        await half(cache).update(PROMPT, LLM_STRING, answer())
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        assert (cache.stats().refused, cache.stats().errors) == (1, 0)
    assert "secret" not in caplog.text


async def test_log_lines_are_rare(
    half: Halves, own_valkey_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A hundred failures of one kind are one line, without prompt and settings in it."""
    server = own_valkey_server()
    server.kill()
    cache = LLMCache.from_url(server.url)
    with caplog.at_level(logging.DEBUG, logger="langchain_llmcache"):
        for number in range(100):
            await half(cache).lookup(f"{PROMPT} {number}", LLM_STRING)
    assert len(caplog.records) == 2  # and one that the breaker is open
    assert "lookup failed, treated as a miss: ConnectionError" in caplog.text
    assert PROMPT not in caplog.text
    assert "model-a" not in caplog.text
