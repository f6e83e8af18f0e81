"""Events: one for everything that happens, and listeners that cannot get in the way."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache import CacheEvent, ConfigurationError, LLMCache, cache_options
from langchain_llmcache._insight.listeners import Listeners
from tests.support import ROOT
from tests.support.patience import LATE, SOON, eventually, soon
from tests.support.targets import (
    LLM_STRING,
    PROMPT,
    Half,
    Target,
    answer,
    keep_open,
    set_clock,
    texts,
)

Halves = Callable[[LLMCache], Half]
USAGE: Any = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
SECRET = "a-word-that-nobody-else-says"


class Seen(list[CacheEvent]):
    """A listener that keeps what it was told."""

    def __call__(self, event: CacheEvent) -> None:
        """Keep an event."""
        self.append(event)

    def kinds(self, cache: LLMCache) -> list[str]:
        """Return the kinds so far, once all are told."""
        cache.close()
        return [event.kind for event in self]

    def last(self, cache: LLMCache) -> CacheEvent:
        """Return the last event, once all are told."""
        cache.close()
        return self[-1]


@pytest.fixture
def seen() -> Seen:
    """A listener."""
    return Seen()


def threads() -> list[threading.Thread]:
    """Return the threads of listeners."""
    return [thread for thread in threading.enumerate() if thread.name == "llmcache-events"]


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    """A cache that is gone leaves no thread behind."""
    yield
    if threads():
        gc.collect()
    assert eventually(lambda: not threads())


# ---------------------------------------------------------------------------- what is told


async def test_a_miss_a_store_and_a_hit_are_told(target: Target, half: Halves, seen: Seen) -> None:
    """In this order, with all that can be said of them without saying anything confidential."""
    cache = target.make(
        namespace=("acme", "eu/west"),
        on_event=seen,
        prices={"model-a": (1.0, 2.0)},
        timeout=10,
    )
    calls = half(cache)
    message = AIMessage("text", usage_metadata=USAGE)
    assert await calls.lookup(PROMPT, LLM_STRING) is None
    await calls.update(PROMPT, LLM_STRING, [ChatGeneration(message=message)])
    assert texts(await calls.lookup(PROMPT, LLM_STRING)) == ["text"]

    assert seen.kinds(cache) == ["miss", "store", "hit"]
    miss, store, hit = seen
    for event in seen:
        assert (event.namespace, event.model) == (("acme", "eu/west"), "model-a")
        assert event.digest == miss.digest
        assert event.seconds is not None
        assert 0 < event.seconds < LATE
        assert abs(event.time - time.time()) < LATE
        assert event.error is event.reason is None
    assert len(str(miss.digest)) == 12
    assert miss.money is None
    assert store.saved is not None
    assert hit.saved == pytest.approx(store.saved, abs=0.001)
    assert hit.age is not None
    assert 0 <= hit.age < LATE
    assert hit.bytes == store.bytes > 0
    assert (hit.input_tokens, hit.output_tokens) == (10, 20)
    assert hit.money == store.money == pytest.approx((10 * 1.0 + 20 * 2.0) / 1e6)


async def test_waiting_is_told(seen: Seen) -> None:
    """Somebody who begins to wait, and then has a hit."""
    cache = LLMCache(on_event=seen)
    leader_asks, answered = asyncio.Event(), asyncio.Event()

    async def lead() -> None:
        await cache.alookup(PROMPT, LLM_STRING)
        leader_asks.set()
        await answered.wait()
        await cache.aupdate(PROMPT, LLM_STRING, answer())

    leader = asyncio.create_task(lead())
    await leader_asks.wait()
    follower = asyncio.create_task(cache.alookup(PROMPT, LLM_STRING))
    assert await asyncio.to_thread(eventually, lambda: [e for e in seen if e.kind == "wait"])
    await asyncio.sleep(0.02)
    answered.set()
    await asyncio.gather(leader, follower)
    await cache.aclose()
    assert [event.kind for event in seen] == ["miss", "wait", "store", "hit"]
    assert seen[-1].seconds is not None
    assert seen[-1].seconds >= 0.01


def test_what_is_not_stored_is_told_with_its_reason(seen: Seen) -> None:
    """Declined by a rule, refused because it cannot come back, uncacheable from the start."""
    cache = LLMCache(on_event=seen)
    cache.update(PROMPT, LLM_STRING, answer(""))
    with cache_options(write=False):
        cache.update(PROMPT, LLM_STRING, answer())
    cache.update(PROMPT, LLM_STRING, [Generation(text="", generation_info={"x": object()})])
    cache.lookup(PROMPT, "[('_type', 'chat-ollama'), ('stop', None)]")
    with cache_options(read=False):
        cache.lookup(PROMPT, LLM_STRING)
    assert seen.kinds(cache) == ["declined", "declined", "refused", "uncacheable", "bypass"]
    assert [event.reason for event in seen][1::3] == ["write=False", "read=False"]
    assert "builtins.object" in str(seen[2].reason)
    assert "asking(model" in str(seen[3].reason)


def test_a_stale_answer_is_told_as_such(seen: Seen) -> None:
    """A miss because of ``max_age`` says so."""
    cache = LLMCache(on_event=seen)
    cache.update(PROMPT, LLM_STRING, answer())
    set_clock(cache, lambda: time.time() + 100)
    with cache_options(max_age=10):
        assert cache.lookup(PROMPT, LLM_STRING) is None
    assert (seen.last(cache).kind, seen.last(cache).reason) == ("miss", "max_age")


def test_removals_are_told_with_their_number(target: Target, seen: Seen) -> None:
    """``delete`` says how many there were; ``clear`` too, where the store knows."""
    cache = target.make(on_event=seen, namespace="acme", timeout=10)
    for number in range(3):
        cache.update(f"q{number}", LLM_STRING, answer())
    cache.close()
    seen.clear()
    assert cache.delete("q0", LLM_STRING)
    assert not cache.delete("nothing", LLM_STRING)
    cache.clear(namespace="below", model="x/y")
    cache.clear()
    assert seen.kinds(cache) == ["delete", "delete", "clear", "clear"]
    assert [event.count for event in seen[:2]] == [1, 0]
    assert (seen[2].namespace, seen[2].model) == (("acme", "below"), "x/y")
    assert (seen[3].namespace, seen[3].model) == (("acme",), None)
    if target.name in {"valkey", "ValkeyCache", "cluster", "fakeredis"}:
        assert [event.count for event in seen[2:]] == [0, 2]


def test_trouble_with_the_store_is_told(seen: Seen) -> None:
    """Errors with their name and what is known about them, the breaker, and what it skips."""
    cache = LLMCache.from_url("valkey://127.0.0.1:1", on_event=seen, namespace="acme")
    keep_open(cache)
    for _ in range(5):
        cache.lookup(PROMPT, LLM_STRING)
    kinds = seen.kinds(cache)
    assert kinds == ["error", "error", "error", "breaker", "skipped", "skipped"]
    assert seen[0].error == "ConnectionError"
    assert "Connection refused" in str(seen[0].reason)
    assert seen[3].breaker == "open"
    # Whose request it was is known: of trouble as of hits.
    about = {(event.kind, event.namespace, event.model, event.digest) for event in seen}
    digest = seen[0].digest
    assert len(str(digest)) == 12
    assert about == {
        ("error", ("acme",), "model-a", digest),
        ("skipped", ("acme",), "model-a", digest),
        ("breaker", (), None, None),
    }


def test_a_misconfiguration_is_told_by_its_name(valkey_url: str, seen: Seen) -> None:
    """An error that does not pass by itself carries the name of the advice."""
    url = valkey_url.replace("://", "://nobody:wrong@", 1)
    cache = LLMCache.from_url(url, on_event=seen)
    cache.lookup(PROMPT, LLM_STRING)
    assert seen.last(cache).advice == "wrong-password"


def test_a_damaged_entry_is_told(seen: Seen) -> None:
    """What cannot be read was removed, and is a miss."""
    cache = LLMCache(on_event=seen)
    cache.update(PROMPT, LLM_STRING, answer())
    items = vars(cache.store)["_items"]
    for place in list(items.keys()):
        items.put(place, b"bytes:llm2:{", None)
    assert cache.lookup(PROMPT, LLM_STRING) is None
    assert "corrupt" in seen.kinds(cache)


def test_nothing_confidential_is_told(seen: Seen) -> None:
    """No prompt, answer, llm_string, tool argument, secret or error text is in any event."""

    def failing(_: Any) -> bool:
        raise RuntimeError(SECRET)

    def refuse(_: str) -> str:
        raise RuntimeError(SECRET)

    llm_string = LLM_STRING.replace("('stop', None)", f"('api_key', '{SECRET}'), ('stop', None)")
    good = [Generation(text=SECRET)]
    for options in ({}, {"should_store": failing}, {"redact": refuse}, {"key_secret": SECRET}):
        cache = LLMCache(on_event=seen, key_extra={"x": SECRET}, **options)
        cache.lookup(SECRET, llm_string)
        cache.update(SECRET, llm_string, good)
        cache.update(SECRET, llm_string, [Generation(text=SECRET, generation_info={"x": seen})])
        cache.lookup(SECRET, llm_string)
        cache.lookup(SECRET, f"[('_type', '{SECRET}'), ('stop', None)]")
        cache.delete(SECRET, llm_string)
        cache.close()
    bad = LLMCache.from_url(f"valkey://user:{SECRET}@127.0.0.1:1/0", on_event=seen)
    bad.lookup(SECRET, llm_string)
    bad.close()
    assert {"hit", "store", "refused", "uncacheable", "error"} <= {event.kind for event in seen}
    for event in seen:
        assert SECRET not in repr(asdict(event))


def test_events_are_frozen(seen: Seen) -> None:
    """A listener cannot change what the next one sees."""
    cache = LLMCache(on_event=seen)
    cache.lookup(PROMPT, LLM_STRING)
    with pytest.raises(FrozenInstanceError):
        seen.last(cache).kind = "hit"  # type: ignore[misc]


# ---------------------------------------------------------------------------- listeners


def test_listeners_that_raise_break_nothing(caplog: pytest.LogCaptureFixture, seen: Seen) -> None:
    """Whatever a listener raises, calls go on, and so do the other listeners."""

    def bad(_: CacheEvent) -> None:
        raise SystemExit(SECRET)

    def worse(_: CacheEvent) -> None:
        raise RuntimeError(SECRET)

    with caplog.at_level(logging.WARNING):
        cache = LLMCache(on_event=[bad, seen, worse])
        for _ in range(3):
            assert cache.lookup(PROMPT, LLM_STRING) is None
            cache.update(PROMPT, LLM_STRING, answer("good"))
            assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["good"]
            cache.delete(PROMPT, LLM_STRING)
        assert len(seen.kinds(cache)) == 12
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "bad raised SystemExit" in lines[0]
    assert SECRET not in caplog.text


def test_a_listener_that_never_returns_slows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls take no longer, what does not fit into the queue is counted, a close gives up."""
    monkeypatch.setattr(Listeners.close, "__defaults__", (0.1,))
    told, stop = threading.Event(), threading.Event()

    def never_returns(_: CacheEvent) -> None:
        told.set()
        stop.wait(LATE)

    cache = LLMCache(on_event=never_returns)
    cache._observer._listeners = Listeners([never_returns], queued=10)
    try:
        cache.update(PROMPT, LLM_STRING, answer())
        assert told.wait(SOON)
        with soon():
            for _ in range(1000):
                assert cache.lookup(PROMPT, LLM_STRING)
        assert cache.stats().hits == 1000
        # One is being told, ten wait.
        assert cache.stats().dropped_events == 1001 - 11
        with soon():
            cache.close()
    finally:
        stop.set()


async def test_a_close_on_a_loop_does_not_hold_it_up() -> None:
    """While a slow listener is waited for, the loop goes on: here, it lets the listener go on."""
    over = threading.Event()
    told: list[bool] = []
    cache = LLMCache(on_event=lambda _: told.append(over.wait(SOON)))
    await cache.alookup(PROMPT, LLM_STRING)
    closing = asyncio.create_task(cache.aclose())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not closing.done()
    over.set()
    await closing
    assert told == [True]


def test_a_listener_may_use_the_cache(seen: Seen) -> None:
    """Also its ``close``, which then waits for nobody. What it does is told to no listener."""
    caches: list[LLMCache] = []

    def nosy(event: CacheEvent) -> None:
        if event.kind == "miss" and event.model == "model-a":
            caches[0].lookup("another", LLM_STRING.replace("model-a", "model-b"))
            caches[0].close()

    caches.append(LLMCache(on_event=[nosy, seen]))
    caches[0].lookup(PROMPT, LLM_STRING)
    assert eventually(lambda: caches[0].stats().misses == 2)
    caches[0].close()
    assert [event.model for event in seen] == ["model-a"]


def test_no_listener_no_thread() -> None:
    """The thread begins with the first event of a cache that has listeners, and ends with it."""
    cache = LLMCache()
    cache.lookup(PROMPT, LLM_STRING)
    heard = LLMCache(on_event=lambda _: None)
    assert threads() == []
    heard.lookup(PROMPT, LLM_STRING)
    assert len(threads()) == 1
    heard.close()
    assert threads() == []


def test_events_go_on_after_a_close(seen: Seen) -> None:
    """As the cache itself does."""
    cache = LLMCache(on_event=seen)
    for number in range(3):
        cache.lookup(f"q{number}", LLM_STRING)
        assert len(seen.kinds(cache)) == number + 1


def test_a_cache_that_nobody_holds_ends_its_thread(seen: Seen) -> None:
    """Also without a close; what waited is still told."""
    LLMCache(on_event=seen).update(PROMPT, LLM_STRING, answer())
    gc.collect()
    assert eventually(lambda: not threads())
    assert [event.kind for event in seen] == ["store"]


def test_the_end_of_the_process_waits_for_listeners() -> None:
    """A short script without a close loses no event."""
    code = (
        "import time\n"
        "from langchain_llmcache import LLMCache\n"
        "def slow(event): time.sleep(0.1); print(event.kind, flush=True)\n"
        "cache = LLMCache(on_event=slow)\n"
        "for n in range(3): cache.lookup(str(n), 's')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.stdout.split() == ["miss"] * 3
    assert done.stderr == ""


def told_by_parent_and_child(path: Path) -> None:
    """Fork, and tell something in both."""

    def listener(event: CacheEvent) -> None:
        with path.open("a") as file:
            file.write(f"{os.getpid()} {event.kind}\n")

    def is_told() -> bool:
        return f"{os.getpid()} miss" in path.read_text()

    path.touch()
    cache = LLMCache(on_event=listener)
    cache.lookup(PROMPT, LLM_STRING)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            cache.lookup(PROMPT + "?", LLM_STRING)
            eventually(is_told)
            cache.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert eventually(is_told)
    cache.close()
    lines = sorted(path.read_text().split("\n")[:-1])
    assert lines == sorted([f"{os.getpid()} miss", f"{child} miss"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_tells_its_own_events(
    tmp_path: Path, small_process: Callable[..., Any]
) -> None:
    """The parent's thread is not there, so a child begins one of its own."""
    small_process(told_by_parent_and_child, tmp_path / "events")


@pytest.mark.parametrize("on_event", [3, "print", [print, 3], [None]])
def test_what_cannot_be_called_is_refused(on_event: Any) -> None:
    """A mistake is an error where it is made."""
    with pytest.raises(ConfigurationError, match=r"^on_event is"):
        LLMCache(on_event=on_event)


def test_from_url_takes_listeners(tmp_path: Path, seen: Seen) -> None:
    """As the constructor does."""
    cache = LLMCache.from_url(f"sqlite:///{tmp_path / 'c.db'}", on_event=[seen])
    cache.lookup(PROMPT, LLM_STRING)
    assert seen.kinds(cache) == ["miss"]


def test_a_listener_that_uses_the_cache_hears_nothing_of_that() -> None:
    """Its own lookups would be told to it, and those that come of that, without end."""
    caches: list[LLMCache] = []
    heard: list[str] = []

    def ask(event: CacheEvent) -> None:
        heard.append(event.kind)
        for cache in caches:
            cache.lookup("of the listener", LLM_STRING)
            thread_pool.submit(copy_context().run, cache.lookup, "in a thread", LLM_STRING).result()
            asyncio.run(cache.alookup("in a loop", LLM_STRING))

    with ThreadPoolExecutor(1) as thread_pool:
        caches += [LLMCache(on_event=ask) for _ in range(2)]
        caches[0].lookup(PROMPT, LLM_STRING)
        for cache in caches:
            cache.close()
    assert heard == ["miss"]
    assert [cache.stats().misses for cache in caches] == [4, 3]
    caches[1].lookup(PROMPT, LLM_STRING)
    caches[1].close()
    assert heard == ["miss"] * 2
