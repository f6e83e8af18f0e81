"""The end of things: close, garbage collection, exit of the interpreter, forks."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache import LLMCache
from langchain_llmcache._flow.single_flight import Flight
from tests.support import ROOT
from tests.support.patience import LATE, PATIENT, SOON
from tests.support.proxy import HangingListener
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, answer, texts


@pytest.fixture
def cache(valkey_url: str) -> Iterator[LLMCache]:
    """A cache on the shared server, with one entry."""
    with LLMCache.from_url(valkey_url) as opened:
        opened.update(PROMPT, LLM_STRING, answer())
        yield opened


# ---------------------------------------------------------------------------- close


async def test_close_may_be_repeated(server: Server, cache: LLMCache) -> None:
    """``close`` and ``aclose`` may be called again, before any use, and in any order."""
    await LLMCache.from_url(server.url).aclose()
    LLMCache.from_url(server.url).close()
    await cache.alookup(PROMPT, LLM_STRING)
    for _ in range(3):
        cache.close()
        await cache.aclose()
    await asyncio.gather(*(cache.aclose() for _ in range(10)))
    await asyncio.to_thread(server.expect_clients, 0)
    assert await cache.alookup(PROMPT, LLM_STRING) is not None
    await cache.aclose()


def test_threads_that_close_while_others_work(server: Server, cache: LLMCache) -> None:
    """Closing under load costs nobody anything: whoever needs a connection makes one."""
    over = threading.Event()

    def look() -> int:
        found = 0
        while not over.is_set():
            assert cache.lookup(PROMPT, LLM_STRING) is not None
            found += 1
        return found

    def close() -> None:
        for _ in range(50):
            cache.close()
            time.sleep(0.002)

    with ThreadPoolExecutor(12) as threads:
        looking = [threads.submit(look) for _ in range(8)]
        for closing in [threads.submit(close) for _ in range(4)]:
            closing.result()
        over.set()
        assert all(each.result() for each in looking)
    assert cache.stats().errors == 0
    cache.close()
    server.expect_clients(0)


async def test_tasks_that_close_while_others_work(server: Server, cache: LLMCache) -> None:
    """The same on an event loop."""

    async def look() -> None:
        for _ in range(50):
            assert await cache.alookup(PROMPT, LLM_STRING) is not None
            await asyncio.sleep(0)

    async def close() -> None:
        for _ in range(20):
            await cache.aclose()
            await asyncio.sleep(0.002)

    await asyncio.gather(*(look() for _ in range(8)), *(close() for _ in range(4)))
    assert cache.stats().errors == 0
    await cache.aclose()
    await asyncio.to_thread(server.expect_clients, 0)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_embedded_stores_close_and_open_again(kind: str, tmp_path: Path) -> None:
    """A closed file is opened again by the next use."""
    url = f"sqlite:///{tmp_path / 'c.db'}" if kind == "sqlite" else "memory://"
    cache = LLMCache.from_url(url)
    cache.update(PROMPT, LLM_STRING, answer())
    for _ in range(2):
        cache.close()
        await cache.aclose()
        assert await cache.alookup(PROMPT, LLM_STRING) is not None
    cache.close()


# ---------------------------------------------------------------------------- nobody closed it


def test_a_cache_that_is_dropped(server: Server) -> None:
    """A cache that nobody uses any more closes its connections, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache = LLMCache.from_url(server.url)
        cache.update(PROMPT, LLM_STRING, answer())
        asyncio.run(cache.alookup(PROMPT, LLM_STRING))
        server.expect_clients(1)
        del cache
        gc.collect()
        server.expect_clients(0)


async def test_a_cache_that_is_dropped_on_its_loop(server: Server) -> None:
    """A cache that was used on a running loop, too, closes its connections when it goes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache = LLMCache.from_url(server.url)
        await asyncio.gather(*(cache.alookup(f"{PROMPT} {n}", LLM_STRING) for n in range(5)))
        del cache
        gc.collect()
        await asyncio.sleep(0.05)
        await asyncio.to_thread(server.expect_clients, 0)
        gc.collect()


# ---------------------------------------------------------------------------- exit


def exits(code: str, *arguments: str) -> str:
    """Run a script in a new interpreter, with warnings as errors; return what it printed.

    It has to end well, before what hangs in it does, and to complain about nothing.
    """
    script = textwrap.dedent(code)
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "dev",
            "-W",
            "error",
            "-W",
            "ignore::ImportWarning",
            "-c",
            script,
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LATE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


PREAMBLE = """
import asyncio, logging, socket, sys, threading, time
from langchain_llmcache import LLMCache
from langchain_llmcache._flow.single_flight import Flight
from langchain_core.outputs import Generation
LLM_STRING, PROMPT, answer = "m", "What?", lambda: [Generation(text="An answer.")]
logging.disable(logging.CRITICAL)
cache = LLMCache.from_url(sys.argv[1], timeout=float(sys.argv[2]))
"""


def script(code: str) -> str:
    """Return a script that begins with a cache."""
    return PREAMBLE + textwrap.dedent(code)


def test_exit_with_open_connections(server: Server) -> None:
    """An application that closes nothing ends without a word."""
    code = """
        cache.update(PROMPT, LLM_STRING, answer())
        print(cache.lookup(PROMPT, LLM_STRING) is not None)
        print(asyncio.run(cache.alookup(PROMPT, LLM_STRING)) is not None)
        other = LLMCache.from_url(sys.argv[1])
        print(asyncio.run(other.alookup(PROMPT, LLM_STRING)) is not None)
        """
    assert exits(script(code), server.url, "5").split() == ["True"] * 3
    server.expect_clients(0)


def test_exit_while_a_connect_hangs() -> None:
    """A connect that neither succeeds nor fails keeps no interpreter from ending."""
    code = """
        assert cache.lookup(PROMPT, LLM_STRING) is None
        assert asyncio.run(cache.alookup(PROMPT, LLM_STRING)) is None
        """
    with HangingListener() as listener:
        exits(script(code), listener.url, "0.3")


def test_exit_while_a_name_server_hangs() -> None:
    """Neither does a name server that does not answer, and the loop's threads stay free."""
    code = """
        socket.getaddrinfo = lambda *_, **__: time.sleep(600)

        async def main():
            for number in range(5):
                assert await cache.alookup(f"{PROMPT} {number}", LLM_STRING) is None
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 30) == "free"

        asyncio.run(main())
        assert cache.lookup(PROMPT, LLM_STRING) is None
        assert threading.active_count() < 16
        """
    exits(script(code), "valkey://a-name.test", "0.3")


def test_exit_while_threads_work(server: Server) -> None:
    """Threads that are in the middle of a lookup at the end are no trouble."""
    code = """
        def work():
            while True:
                cache.lookup(PROMPT, LLM_STRING)

        def work_async():
            async def forever():
                while True:
                    await cache.alookup(PROMPT, LLM_STRING)
            asyncio.run(forever())

        for target in (work, work, work_async, work_async):
            threading.Thread(target=target, daemon=True).start()
        time.sleep(0.3)
        """
    exits(script(code), server.url, "5")


def test_lookups_at_exit(server: Server) -> None:
    """A cache that is used by exit handlers answers, or misses, and raises nothing."""
    code = """
        import atexit

        @atexit.register
        def late():
            cache.update(PROMPT, LLM_STRING, answer())
            cache.lookup(PROMPT, LLM_STRING)
            cache.close()
            print("done")
        """
    assert exits(script(code), server.url, "5") == "done\n"


# ---------------------------------------------------------------------------- forks


def in_children(count: int, work: Callable[[int], bool]) -> list[int]:
    """Fork so many children at once, and return the exit codes of ``work`` in them: 0 is good."""
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if work(number) else 2
            finally:
                os._exit(code)
        children.append(child)
    deadline = time.monotonic() + LATE
    codes = []
    for child in children:
        while True:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                codes.append(os.waitstatus_to_exitcode(status))
                break
            if time.monotonic() > deadline:
                os.kill(child, 9)
            time.sleep(0.01)
    return codes


def many_children(cache: LLMCache, server: Server) -> None:
    """A cache that was used before the workers were forked works in each of them, and here."""
    assert asyncio.run(cache.alookup(PROMPT, LLM_STRING)) is not None

    def work(number: int) -> bool:
        mine = f"{PROMPT} {number}"
        cache.update(mine, LLM_STRING, answer(mine))
        for _ in range(50):
            if texts(cache.lookup(mine, LLM_STRING)) != [mine]:
                return False
        if texts(asyncio.run(cache.alookup(mine, LLM_STRING))) != [mine]:
            return False
        cache.close()
        asyncio.run(cache.aclose())
        return cache.stats().errors == 0

    assert in_children(8, work) == [0] * 8
    for number in range(8):
        mine = f"{PROMPT} {number}"
        assert texts(cache.lookup(mine, LLM_STRING)) == [mine]
    assert cache.stats().errors == 0
    server.expect_clients(1)


def children_that_close_first(cache: LLMCache, server: Server) -> None:
    """A child that closes the cache it was born with does not close the parent's connections."""
    cache.lookup(PROMPT, LLM_STRING)

    def work(_: int) -> bool:
        cache.close()
        asyncio.run(cache.aclose())
        gc.collect()
        return True

    with server.client() as client:
        before = {each["id"] for each in client.client_list()}
        assert in_children(4, work) == [0] * 4
        assert cache.lookup(PROMPT, LLM_STRING) is not None
        assert {each["id"] for each in client.client_list()} == before


def a_fork_in_the_middle_of_things(cache: LLMCache, server: Server) -> None:
    """A child of a process whose other threads use the cache waits for none of them."""
    over = threading.Event()

    def busy(number: int) -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            cache.lookup(f"{PROMPT} {number} {turn % 7}", LLM_STRING)
            cache.update(f"{PROMPT} {number} {turn % 7}", LLM_STRING, answer())

    def work(_: int) -> bool:
        return cache.lookup(PROMPT, LLM_STRING) is not None

    with ThreadPoolExecutor(4) as threads:
        for number in range(4):
            threads.submit(busy, number)
        try:
            for _ in range(10):
                assert in_children(3, work) == [0] * 3
        finally:
            over.set()


def a_fork_while_a_lock_is_held(cache: LLMCache, _: Server) -> None:
    """A lock that another thread holds at the moment of the fork is open in the child."""
    locks = [
        cache._observer._lock,
        cache._flow._agreement._flights._lock,
        cache._flow._gate._breaker._lock,
    ]
    for lock in locks:
        lock.acquire()

    def work(_: int) -> bool:
        cache._flow._gate._breaker.failed()
        return cache.lookup(PROMPT, LLM_STRING) is not None

    try:
        assert in_children(1, work) == [0]
    finally:
        for lock in locks:
            lock.release()


def a_fork_during_a_model_call(cache: LLMCache, _: Server) -> None:
    """A child does not wait for an answer that another thread of its parent was getting."""
    assert cache.lookup("asked by the parent", LLM_STRING) is None

    def work(_: int) -> bool:
        thread = threading.Thread(target=cache.lookup, args=("asked by the parent", LLM_STRING))
        thread.start()
        thread.join(SOON)
        return not thread.is_alive()

    assert in_children(1, work) == [0]


def fork_with_a_cache(forks: Callable[[LLMCache, Server], None], url: str) -> None:
    """Do that with a cache that has one entry."""
    with LLMCache.from_url(url, timeout=PATIENT) as cache:
        cache.update(PROMPT, LLM_STRING, answer())
        forks(cache, Server(url))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize(
    "forks",
    [
        many_children,
        children_that_close_first,
        a_fork_in_the_middle_of_things,
        a_fork_while_a_lock_is_held,
        a_fork_during_a_model_call,
    ],
)
def test_forks(
    forks: Callable[[LLMCache, Server], None], server: Server, small_process: Callable[..., Any]
) -> None:
    """What the function says."""
    small_process(fork_with_a_cache, forks, server.url)


# ---------------------------------------------------------------------------- nothing accumulates


async def test_a_task_that_never_ends_keeps_nothing(server: Server) -> None:
    """A task that asks for ever (a consumer of a queue) does not remember what it asked."""

    def flights() -> int:
        gc.collect()
        return sum(type(each) is Flight for each in gc.get_objects())

    async with LLMCache.from_url(server.url, timeout=5) as cache:
        before = flights()  # of other tests
        for number in range(200):
            assert await cache.alookup(f"{PROMPT} {number}", LLM_STRING) is None
            await cache.aupdate(f"{PROMPT} {number}", LLM_STRING, answer())
        assert flights() < before + 10
