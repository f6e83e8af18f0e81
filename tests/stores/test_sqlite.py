"""``sqlite://`` where there is much: nothing stalls callers, other processes, or the file."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from langgraph.cache.sqlite import SqliteCache

from langchain_llmcache import LLMCache
from langchain_llmcache import _threads as threads_module
from langchain_llmcache._stores import sqlite as module
from tests.support.patience import LATE, SOON, collect_garbage, eventually, soon
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is going to be."""
    return tmp_path / "cache.db"


def fill(path: Path, rows: int, *, seconds: float = 3600, size: int = 1000) -> None:
    """Add rows that expire so many seconds from now."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO cache VALUES ('llm_cache%3A,m', ?, ?, 'bytes', ?)",
            ((f"{seconds} {number}", time.time() + seconds, b"x" * size) for number in range(rows)),
        )
        connection.commit()


def count(path: Path, condition: str = "1") -> int:
    """Return how many rows meet a condition."""
    with closing(sqlite3.connect(path)) as connection:
        [[number]] = connection.execute(f"SELECT count(*) FROM cache WHERE {condition}")  # noqa: S608
        return int(number)


def size_of(path: Path) -> int:
    """Return the bytes of the file."""
    return path.stat().st_size


def cache_at(path: Path, **options: Any) -> LLMCache:
    """Return a cache in a file that is there."""
    cache = LLMCache.from_url(f"sqlite:///{path}", **options)
    cache.update(PROMPT, LLM_STRING, answer("found"))
    return cache


# --- expired rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("indexed", [True, False])
def test_expired_rows_go_a_few_at_a_time(
    path: Path, indexed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No store removes more than a piece; and in time they are gone."""
    if not indexed:
        monkeypatch.setattr(module, "_INDEXED_AT_ONCE", -1)
    with cache_at(path) as cache:
        fill(path, 2000, seconds=-1)
        fill(path, 500)
        left = [2000]
        while left[-1] and len(left) < 1000:
            cache.update(f"{PROMPT} {len(left)}", LLM_STRING, answer())
            left.append(count(path, "expiry < strftime('%s')"))
        assert left[-1] == 0
        assert max(before - after for before, after in pairwise(left)) <= 200
        assert count(path) == 500 + len(left)
        assert cache.stats().errors == 0


def test_large_expired_rows_go_by_their_bytes(path: Path) -> None:
    """A store does not remove megabytes at once."""
    with cache_at(path) as cache:
        fill(path, 10, seconds=-1, size=600_000)
        for number in range(16):
            cache.update(f"{PROMPT} {number}", LLM_STRING, answer())
        assert count(path, "length(val) > 500000") == 9


def test_a_new_file_has_an_index_of_the_expiries(path: Path) -> None:
    """So that what has expired is found without reading what has not."""
    cache_at(path).close()
    with closing(sqlite3.connect(path)) as connection:
        [[*_, plan]] = connection.execute(
            "EXPLAIN QUERY PLAN SELECT rowid FROM cache WHERE expiry < 1 ORDER BY expiry LIMIT 9"
        )
    assert "cache_expiry" in plan


def test_a_file_of_langgraphs_own(path: Path) -> None:
    """What LangGraph's class has made is read, indexed, and read by it again."""
    theirs: SqliteCache[Any] = SqliteCache(path=str(path))
    LLMCache(theirs).update(PROMPT, LLM_STRING, answer("theirs"))
    with LLMCache.from_url(f"sqlite:///{path}") as cache:
        assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["theirs"]
        cache.update(PROMPT, LLM_STRING, answer("ours"))
    assert texts(LLMCache(theirs).lookup(PROMPT, LLM_STRING)) == ["ours"]
    theirs._conn.close()


# --- whoever else writes -----------------------------------------------------------------------


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Another process's transaction that does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers wait for others for a moment only, and lookups have their time all the same."""
    monkeypatch.setattr(module, "_PATIENCE", 0.01)


@pytest.mark.usefixtures("impatient")
async def test_a_writer_keeps_no_lookup_waiting(path: Path, half: Halves) -> None:
    """A lookup is a hit while another process writes; a store is given up in time."""
    with cache_at(path, timeout=SOON) as cache:
        with writing(path), soon():
            assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["found"]
            await half(cache).update(f"{PROMPT} 2", LLM_STRING, answer())
        stats = cache.stats()
        assert (stats.hits, stats.shed, stats.errors, stats.breaker) == (1, 1, 0, "closed")
        await half(cache).update(f"{PROMPT} 2", LLM_STRING, answer())
        assert cache.stats().stores == 2


async def test_a_thread_that_waits_for_a_writer_for_too_long(path: Path) -> None:
    """That it comes back late, on a busy machine, is no failure of the file."""
    with cache_at(path, timeout=0.5) as cache:
        store: Any = cache.store
        with writing(path), mock.patch.object(module, "_PATIENCE", 1000.0):
            await cache.aupdate(f"{PROMPT} 2", LLM_STRING, answer())
            await cache.aupdate(f"{PROMPT} 3", LLM_STRING, answer())
            stats = cache.stats()
            assert (stats.shed, stats.errors, stats.breaker) == (2, 0, "closed")
            assert store._file.is_waiting
        await cache.aupdate(f"{PROMPT} 4", LLM_STRING, answer())
        assert cache.stats().stores == 2


@pytest.mark.usefixtures("impatient")
async def test_a_writer_of_this_process_keeps_no_lookup_waiting(path: Path, half: Halves) -> None:
    """Lookups have connections of their own."""
    with cache_at(path, timeout=SOON) as cache:
        store: Any = cache.store
        begun, over = threading.Event(), threading.Event()

        def write() -> None:
            with store._lock:
                begun.set()
                over.wait(LATE)

        writer = threading.Thread(target=write)
        writer.start()
        begun.wait(LATE)
        try:
            assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["found"]
            await half(cache).update(f"{PROMPT} 2", LLM_STRING, answer())
            assert cache.stats().shed == 1
        finally:
            over.set()
            writer.join()


async def test_what_was_given_up_does_not_come_after_a_clear(path: Path) -> None:
    """A store that waits behind another and is cancelled is not made up for later."""
    with cache_at(path, timeout=SOON) as cache:
        store: Any = cache.store
        with store._lock:
            first = asyncio.create_task(cache.aupdate(f"{PROMPT} 1", LLM_STRING, answer()))
            await asyncio.sleep(0.1)  # it waits for the lock by now
            second = asyncio.create_task(cache.aupdate(f"{PROMPT} 2", LLM_STRING, answer()))
            await asyncio.sleep(0.05)
            second.cancel()
            await asyncio.wait([second])
        await first
        await cache.aclear()
        await cache.aupdate(f"{PROMPT} 3", LLM_STRING, answer())
        assert await cache.alookup(f"{PROMPT} 2", LLM_STRING) is None


def rows_after_store_of_child(cache: LLMCache, path: Path, *, blocking: bool = False) -> int:
    """Return how many rows there are when a child process has stored an answer."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            if blocking:
                cache.update(f"{PROMPT} of the child", LLM_STRING, answer())
            else:
                asyncio.run(cache.aupdate(f"{PROMPT} of the child", LLM_STRING, answer()))
            code = count(path)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def leave_what_waits(path: Path) -> None:
    """Fork while tasks wait to store something."""
    with cache_at(path, timeout=SOON) as cache:
        store: Any = cache.store
        with store._lock:
            storing = [
                asyncio.create_task(cache.aupdate(f"{PROMPT} {number}", LLM_STRING, answer()))
                for number in range(3)
            ]
            await asyncio.sleep(0.1)  # they wait for the lock by now
            assert rows_after_store_of_child(cache, path) == 2
        await asyncio.gather(*storing)
        assert count(path) == 5


def leave_the_lock(path: Path) -> None:
    """Fork while another thread is about to write, which nobody will finish in the child."""
    with cache_at(path, timeout=SOON) as cache, ThreadPoolExecutor(1) as threads:
        store: Any = cache.store
        threads.submit(store._lock.acquire).result()
        try:
            assert rows_after_store_of_child(cache, path, blocking=True) == 2
        finally:
            threads.submit(store._lock.release).result()


def fork_twice(folder: Path) -> None:
    """Do both."""
    asyncio.run(leave_what_waits(folder / "tasks.db"))
    leave_the_lock(folder / "lock.db")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_child_leaves_to_its_parent_what_waits_there(
    tmp_path: Path, small_process: Callable[..., Any]
) -> None:
    """What is about to be stored when a process forks is stored once, and by the parent."""
    small_process(fork_twice, tmp_path)


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("begun", flush=True)
sys.stdin.read()
"""


@contextmanager
def process_writing(path: Path) -> Iterator[None]:
    """A transaction of another process that does not end."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.communicate()


async def test_a_process_that_writes_keeps_no_lookup_waiting(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Many stores wait for its end, one timeout long; lookups of old and new caches are hits."""
    cache_at(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX cache_expiry")  # as in a file of LangGraph's
    cache = LLMCache.from_url(f"sqlite:///{path}", timeout=SOON)
    asked = [f"{PROMPT} {number}" for number in range(32)]
    with process_writing(path):
        storing = asyncio.gather(*(cache.aupdate(each, LLM_STRING, answer()) for each in asked))
        await asyncio.sleep(0.05)
        with soon():
            found = [cache.alookup(PROMPT, LLM_STRING) for _ in range(32)]
            assert all(texts(each) == ["found"] for each in await asyncio.gather(*found))
            assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["found"]
        assert not storing.done()
    await storing
    assert (cache.stats().stores, cache.stats().shed) == (32, 0)
    cache.close()
    with LLMCache.from_url(f"sqlite:///{path}", timeout=1) as cache, process_writing(path):
        with soon():  # only the first one waits for its timeout
            for number in range(20):
                cache.update(f"{PROMPT} {number}", LLM_STRING, answer())
                await cache.aupdate(f"{PROMPT} {number}", LLM_STRING, answer())
        assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["found"]
        stats = cache.stats()
        assert (stats.shed, stats.errors, stats.breaker) == (40, 0, "closed")
        [line] = [record.getMessage() for record in caplog.records]
        assert "open transaction" in line


def _store_many(url: str, process: int) -> int:
    with LLMCache.from_url(url) as cache:
        for number in range(100):
            cache.update(f"{process} {number}", LLM_STRING, answer())
        return cache.stats().stores


@pytest.mark.long
def test_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    """Also while much is expired, and while a clear is under way."""
    with cache_at(path) as cache:
        fill(path, 20_000, seconds=-1)
        url = f"sqlite:///{path}"
        with multiprocessing.get_context("spawn").Pool(3) as pool:
            result = pool.starmap_async(_store_many, [(url, number) for number in range(3)])
            cache.clear(namespace="other")
            assert result.get(110) == [100, 100, 100]


def turn_clock(seconds: float, patch: pytest.MonkeyPatch) -> None:
    """Let time pass for the timers of the running loop."""
    loop = asyncio.get_running_loop()
    time_of_day = loop.time
    patch.setattr(loop, "time", lambda: time_of_day() + seconds)


async def test_a_burst_and_a_loop_that_is_blocked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stores and lookups of a file wait out a busy loop."""
    asked = [f"{PROMPT} {number}" for number in range(1000)]
    with cache_at(path, timeout=SOON) as cache:
        storing = asyncio.gather(*(cache.aupdate(each, LLM_STRING, answer()) for each in asked))
        await asyncio.sleep(0)
        turn_clock(2 * SOON, monkeypatch)  # a loop that is blocked
        await storing
        looking = asyncio.gather(*(cache.alookup(each, LLM_STRING) for each in asked))
        await asyncio.sleep(0)
        turn_clock(2 * SOON, monkeypatch)  # likewise
        assert all(await looking)
        stats = cache.stats()
        assert (stats.stores, stats.errors, stats.shed, stats.skipped) == (1001, 0, 0, 0)


async def test_a_table_that_others_drop(path: Path, half: Halves) -> None:
    """Where the table is gone, nothing is found, and the next store but one makes it anew."""
    with cache_at(path) as cache:
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE cache")
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        for _ in range(2):
            await half(cache).update(PROMPT, LLM_STRING, answer("new"))
        assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["new"]
        assert cache.stats().breaker == "closed"


def test_threads_that_wait_for_each_other(path: Path) -> None:
    """One that waits in vain for this process's own writer does not keep the next ones from waiting."""
    with cache_at(path, timeout=1) as cache:
        store: Any = cache.store
        with store._file.lock:
            waiting = threading.Thread(target=cache.update, args=("1", LLM_STRING, answer()))
            waiting.start()
            waiting.join(LATE)
        assert cache.stats().shed == 1
        assert not store._file._is_kept_out


# --- disks -------------------------------------------------------------------------------------


async def test_a_disk_that_takes_long_to_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores are given up, and not those that come later only; lookups go on."""
    go_on, write = threading.Event(), module._File.write

    def slow(file: Any, rows: Any) -> None:
        go_on.wait(LATE)
        write(file, rows)

    with cache_at(path, timeout=1) as cache:
        monkeypatch.setattr(module._File, "write", slow)
        await asyncio.gather(*(cache.aupdate(f"{n}", LLM_STRING, answer()) for n in range(5)))
        for _ in range(3):
            with soon():
                await cache.aupdate("late", LLM_STRING, answer())
        assert texts(await cache.alookup(PROMPT, LLM_STRING)) == ["found"]
        stats = cache.stats()
        assert (stats.shed, stats.errors, stats.breaker, stats.stores) == (8, 0, "closed", 1)
        go_on.set()
        while cache.stats().stores == 1:
            await cache.aupdate("again", LLM_STRING, answer())


def test_a_new_file_does_not_wait_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as there is nothing in it; a file that is there is written as ever."""
    said: list[str] = []
    connect = sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(said.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    settings = []
    for _ in range(2):
        said.clear()
        cache_at(path).close()
        settings.append([each for each in said if "synchronous =" in each])
    normal = "PRAGMA synchronous = NORMAL"
    assert settings == [["PRAGMA synchronous = OFF", normal], [normal]]


def test_the_log_shrinks_after_a_long_reader(path: Path) -> None:
    """What a backup, say, made it grow by is given back to the disk."""
    log = Path(f"{path}-wal")
    with cache_at(path) as cache:
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM cache").fetchall()
            for number in range(20):
                cache.update(f"{number}", LLM_STRING, answer("x" * 1_000_000))
            assert size_of(log) > 19_000_000
        for number in range(3):
            cache.update(f"{number}", LLM_STRING, answer())
        assert size_of(log) < 17_000_000


# --- a clear -----------------------------------------------------------------------------------


async def test_the_file_shrinks_after_a_clear(
    path: Path, half: Halves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cleared in pieces, each a transaction, and its pages go back to the disk."""
    with cache_at(path) as cache:
        fill(path, 5000, size=2000)
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        large = size_of(path)
        pieces: list[int] = []
        delete = module._delete

        def counted(connection: sqlite3.Connection, rows: Any) -> None:
            pieces.append(len(rows))
            delete(connection, rows)

        monkeypatch.setattr(module, "_delete", counted)
        await half(cache).clear()
        assert sum(pieces) == 5001
        assert max(pieces) <= 200
        assert size_of(path) < large / 3
        assert count(path) == 0
        await half(cache).update(PROMPT, LLM_STRING, answer())
        assert count(path) == 1


# --- threads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", [False, True])
async def test_the_applications_executor_may_be_full(path: Path, theirs: bool) -> None:
    """Lookups and stores of tasks have threads of their own."""
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1)
    loop.set_default_executor(executor)
    over = threading.Event()
    slow = loop.run_in_executor(None, over.wait, 60)
    store: SqliteCache[Any] | None = SqliteCache(path=str(path)) if theirs else None
    cache = LLMCache.from_url(f"sqlite:///{path}") if store is None else LLMCache(store)
    try:
        await asyncio.wait_for(cache.aupdate(PROMPT, LLM_STRING, answer("found")), 30)
        found = await asyncio.wait_for(cache.alookup(PROMPT, LLM_STRING), 30)
        await asyncio.wait_for(cache.aclear(), 30)
        assert texts(found) == ["found"]
        assert cache.stats().errors == 0
    finally:
        over.set()
        await slow
        cache.close()
        if store is not None:
            store._conn.close()


async def test_a_file_that_hangs_is_left_in_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task waits for a disk no longer than for a server; the breaker opens as for a server."""
    over = threading.Event()
    with cache_at(path, timeout=0.05) as cache:
        monkeypatch.setattr(type(cache.store), "read", lambda *_: over.wait(60))
        with soon():
            for _ in range(10):
                assert await cache.alookup(PROMPT, LLM_STRING) is None
        assert cache.stats().breaker == "open"
        over.set()


async def test_who_waits_behind_others_has_more_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read in turn within twice the deadline is read."""
    with cache_at(path, timeout=SOON, single_flight=False) as cache:
        read: Any = vars(type(cache.store))["read"]
        turns = threading.Semaphore(0)
        begun: list[Any] = []

        def slow(*args: Any) -> Any:
            begun.append(args)
            assert turns.acquire(timeout=LATE)
            return read(*args)

        monkeypatch.setattr(type(cache.store), "read", slow)
        looking = [cache.alookup(PROMPT, LLM_STRING) for _ in range(28)]  # in four threads
        finding = asyncio.gather(*looking)
        assert await asyncio.to_thread(eventually, lambda: len(begun) == 4)
        turns.release(8)  # now that all wait
        assert await asyncio.to_thread(eventually, lambda: len(begun) == 12)
        monkeypatch.setattr(threads_module, "_LATE", float("inf"))
        turn_clock(SOON, monkeypatch)
        await asyncio.sleep(0.05)  # who has waited for the deadline
        turns.release(20)
        assert all(await finding)
        assert cache.stats().shed == 0


async def test_many_tasks_at_once(path: Path) -> None:
    """A thousand stores and lookups need five threads."""
    with cache_at(path, timeout=30) as cache:
        before = threading.active_count()
        await asyncio.gather(
            *(cache.aupdate(f"{number}", LLM_STRING, answer(f"{number}")) for number in range(500))
        )
        found = await asyncio.gather(
            *(cache.alookup(f"{number}", LLM_STRING) for number in range(500))
        )
        assert [texts(each) for each in found] == [[f"{number}"] for number in range(500)]
        assert threading.active_count() <= before + 5


async def test_threads_end_with_the_cache(path: Path) -> None:
    """A cache that is dropped keeps neither threads nor connections."""
    before = set(threading.enumerate())
    cache = cache_at(path)
    await cache.alookup(PROMPT, LLM_STRING)
    begun = set(threading.enumerate()) - before
    assert "llmcache-sqlite" in {thread.name for thread in begun}
    del cache
    collect_garbage()
    assert await asyncio.to_thread(eventually, lambda: begun.isdisjoint(threading.enumerate()))
