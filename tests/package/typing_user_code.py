"""What users write must type-check under mypy strict. Never run: mypy reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.globals import set_llm_cache
from langchain_core.outputs import Generation
from langgraph_checkpoint_aws import ValkeyCache
from typing_extensions import assert_type
from valkey import Valkey

from langchain_llmcache import LLMCache


def by_url() -> BaseCache:
    """The first example of the README."""
    cache = LLMCache.from_url("valkey://localhost:6379", prefix="llm_cache:", ttl=3600)
    set_llm_cache(cache)
    assert_type(cache, LLMCache)
    return cache


def around_a_store() -> LLMCache:
    """The objects of the Valkey cookbook, wrapped."""
    store: ValkeyCache[Any] = ValkeyCache(
        client=Valkey.from_url("valkey://localhost:6379"), prefix="llm_cache:", ttl=3600
    )
    set_llm_cache(LLMCache(store))
    return LLMCache()


def lifetimes() -> None:
    """A number, a timedelta, for ever."""
    LLMCache.from_url("memory://", ttl=0.5)
    LLMCache.from_url("memory://", ttl=dt.timedelta(hours=1))
    LLMCache.from_url("sqlite:///answers.db", ttl=None)


def protocol(cache: LLMCache) -> Sequence[Generation] | None:
    """LangChain's own methods, and the TTL that they may be given."""
    cache.update("prompt", "llm", [Generation(text="x")])
    cache.update("prompt", "llm", [Generation(text="x")], ttl=60)
    cache.clear()
    cache.clear(namespace="tenant")
    cache.clear(model="anthropic.claude")
    assert_type(cache.delete("prompt", "llm"), bool)
    return cache.lookup("prompt", "llm")


async def async_protocol(cache: LLMCache) -> Sequence[Generation] | None:
    """The same, awaited."""
    await cache.aupdate("p", "l", [Generation(text="x")], ttl=60)
    await cache.aclear(namespace="tenant")
    assert_type(await cache.adelete("p", "l"), bool)
    return await cache.alookup("p", "l")


def with_blocks() -> None:
    """A cache is its own context manager."""
    with LLMCache.from_url("memory://") as cache:
        assert_type(cache, LLMCache)


async def async_with_blocks() -> None:
    """In both ways."""
    async with LLMCache.from_env() as cache:
        assert_type(cache, LLMCache)


def wrong() -> None:
    """Mistakes that the types catch: an ignore that is not needed is an error, too."""
    LLMCache.from_url(6379)  # type: ignore[arg-type]
    LLMCache.from_url("memory://", tll=60)  # type: ignore[call-arg]
