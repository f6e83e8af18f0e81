"""Large answers keep neither an event loop nor other callers waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from decimal import Decimal
from selectors import EVENT_WRITE
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

from langchain_llmcache import LLMCache, NearCache
from langchain_llmcache._answer.answers import Opened
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.policy import StorePolicy
from langchain_llmcache._answer.seal import Seal
from langchain_llmcache._flow import flow
from langchain_llmcache._request import maker
from tests.support.patience import SOON, soon
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, answer

SMALL = "small"


def calls(count: int, args: dict[str, Any]) -> list[Generation]:
    """Return an answer with so many tool calls."""
    made = [
        {"name": "tool", "args": args, "id": f"call_{number}", "type": "tool_call"}
        for number in range(count)
    ]
    return [ChatGeneration(message=AIMessage(content="", tool_calls=made))]


def deep(depth: int) -> dict[str, Any]:
    """Return arguments of a depth."""
    args: dict[str, Any] = {}
    for _ in range(depth):
        args = {"a": args, "b": [1, 2]}
    return args


LARGE: dict[str, list[Generation]] = {
    "a text": answer("x" * 2_000_000),
    "a text as an argument": calls(1, {"text": "x" * 2_000_000}),
    "many tool calls": calls(2000, {"a": 1}),
    "a list as an argument": calls(1, {"items": list(range(50_000))}),
    "deep arguments": calls(20, deep(100)),
    "many blocks": [
        ChatGeneration(message=AIMessage(content=[{"type": "text", "text": "x"}] * 5000))
    ],
    "bytes": [
        ChatGeneration(message=AIMessage(content=[{"type": "image", "data": b"x" * 500_000}]))
    ],
    "what JSON has no word for": calls(1, {"x": [Decimal(1)] * 2000}),
}


@pytest.mark.parametrize("name", LARGE)
async def test_the_loop_goes_on_meanwhile(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a large answer is encoded, or decoded, another task stores and hits small ones."""
    large, went_on = LARGE[name], threading.Event()
    waited: list[bool] = []

    def slowly(method: Any) -> Any:
        def slow(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if threading.current_thread() is not threading.main_thread():
                waited.append(went_on.wait(SOON))
            return result

        return slow

    async with LLMCache.from_url("memory://", max_entry_bytes=None) as cache:
        await cache.aupdate(SMALL, LLM_STRING, answer())
        monkeypatch.setattr(Codec, "encode", slowly(Codec.encode))
        monkeypatch.setattr(Codec, "body", slowly(Codec.body))
        found: Any = None
        for work in (
            cache.aupdate(PROMPT, LLM_STRING, large),
            cache.alookup(PROMPT, LLM_STRING),
        ):
            went_on.clear()
            working: asyncio.Task[Any] = asyncio.create_task(work)
            await asyncio.sleep(0.01)
            await cache.aupdate(SMALL, LLM_STRING, answer())
            assert await cache.alookup(SMALL, LLM_STRING) is not None
            assert not working.done()
            went_on.set()
            found = await working
        assert found is not None
        assert waited == [True, True]
        assert cache.stats().stores == 4


def sealing() -> EncryptedSerializer:
    """Return a serializer that seals."""
    pytest.importorskip("Crypto")
    return EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef")


OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": dict,
    "compressed": lambda: {"compression": pytest.importorskip("backports.zstd") and "zstd"},
    "sealed": lambda: {"serde": sealing()},
    "signed": lambda: {"key_secret": "secret"},
    "redacted": lambda: {"redact": lambda text: text[:300_000]},
    "near": lambda: {"near": NearCache()},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("store", ["memory", pytest.param("valkey", marks=pytest.mark.server)])
async def test_a_loop_does_nothing_that_takes_long(
    store: str, options: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of large prompts, entries of large answers, and their seals are made elsewhere."""
    url = "memory://" if store == "memory" else request.getfixturevalue("valkey_url")
    done: dict[str, set[bool]] = {}

    def watch(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            on_loop = threading.current_thread() is threading.main_thread()
            done.setdefault(name, set()).add(on_loop)
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    async with LLMCache.from_url(url, max_entry_bytes=None, **OPTIONS[options]()) as cache:
        for owner, names in (
            (Codec, ("encode", "read")),
            (Seal, ("seal", "open")),
            (StorePolicy, ("to_store",)),
            (flow, ("flaw_of",)),
            (maker, ("canonical_prompt",)),
        ):
            for name in names:
                watch(owner, name)
        for large in (LARGE["a text"], LARGE["many blocks"]):
            prompt = PROMPT * 100_000
            await cache.aupdate(prompt, LLM_STRING, large)
            for _ in range(3):
                assert await cache.alookup(prompt, LLM_STRING)
        assert cache.stats().stores == 2
    sealed = {"seal", "open"} if options == "sealed" else set()
    assert done.keys() == {"encode", "read", "to_store", "flaw_of", "canonical_prompt", *sealed}
    # (Two kilobytes that are sealed, or a prompt that is known by now, are dealt with at once.)
    assert all(where == {False} for name, where in done.items() if name not in sealed)
    assert all(False in done[name] for name in sealed)


@pytest.mark.parametrize("name", [*[*LARGE][:2], "a list as an argument", "bytes"])
def test_what_is_too_large_is_refused_by_an_estimate(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that cannot fit is not encoded at all, wherever its bytes are."""
    with LLMCache.from_url("memory://", max_entry_bytes=90_000) as cache:
        monkeypatch.setattr(Codec, "_written", None)
        cache.update(PROMPT, LLM_STRING, LARGE[name])
        stats = cache.stats()
        assert (stats.refused, stats.stores) == (1, 0)


def test_an_estimate_is_never_too_large() -> None:
    """What fits by a few bytes (of its time) is stored."""
    for each in [*LARGE.values(), answer(), calls(1, {"a": ["b", {"c": None}]})]:
        with LLMCache.from_url("memory://?max_bytes=100000000", max_entry_bytes=None) as cache:
            cache.update(PROMPT, LLM_STRING, each)
            size = cache.stats().bytes_written
        with LLMCache.from_url("memory://", max_entry_bytes=size + 3) as cache:
            cache.update(PROMPT, LLM_STRING, each)
            assert cache.stats().stores == 1


@pytest.mark.parametrize("options", ["plain", "compressed"])
async def test_a_copy_is_kept_of_what_is_quickly_copied(
    options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of many parts is read anew for each hit, which takes less time than copies."""
    kept: list[str] = []
    asked = ""

    def share(_: Opened) -> bool:
        kept.append(asked)
        return False

    monkeypatch.setattr(Opened, "share", share)
    async with LLMCache.from_url("memory://", max_entry_bytes=None, **OPTIONS[options]()) as cache:
        for name, each in LARGE.items():
            asked = name
            await cache.aupdate(asked, LLM_STRING, each)
            for _ in range(2):
                await cache.alookup(asked, LLM_STRING)
    assert kept == ["a text", "a text as an argument", "bytes"]


@pytest.mark.server
async def test_many_large_stores_at_once(server: Server) -> None:
    """All are stored, and the loop goes on."""
    large = answer("x" * 3_000_000)
    async with LLMCache.from_url(server.url, max_entry_bytes=None) as cache:
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.001)

        counting = asyncio.create_task(count_turns())
        await asyncio.gather(
            *(cache.aupdate(f"{number}", LLM_STRING, large) for number in range(40))
        )
        counting.cancel()
        assert cache.stats().stores == 40
        assert turns > 20


@pytest.mark.server
async def test_close_while_a_cancelled_store_leaves(server: Server) -> None:
    """What is still in the connection's buffer goes out, and then it is closed without an error."""
    cache = LLMCache.from_url(server.url, max_entry_bytes=None)
    await cache.aupdate(SMALL, LLM_STRING, answer())
    loop: Any = asyncio.get_running_loop()
    storing = asyncio.create_task(cache.aupdate(PROMPT, LLM_STRING, answer("x" * 30_000_000)))
    while not any(each.events & EVENT_WRITE for each in loop._selector.get_map().values()):  # noqa: ASYNC110
        await asyncio.sleep(0)
    storing.cancel()
    with soon():
        await cache.aclose()
