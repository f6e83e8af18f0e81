"""What grows with the number of entries, callers and bytes, and what must not.

    python notebooks/growth.py sqlite --entries 10000 100000 1000000

Only the public API is used, so that another version of the package can be measured with the
same file: ``PYTHONPATH=/path/to/it python notebooks/growth.py ...``. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from langchain_core.outputs import Generation

from langchain_llmcache import LLMCache

MODEL = "growth"
ANSWER = [Generation(text="An answer of a few hundred bytes. " * 15)]
# Share of the entries that are expired, and so wait to be removed.
EXPIRED = 0.1
PROCESSES, STORES = 4, 800


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=["sqlite"])
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    arguments = parser.parse_args()
    rows = [sqlite_figures(number) for number in arguments.entries]
    print(table(rows))


def table(rows: Sequence[dict[str, str]]) -> str:
    """Return rows of figures as Markdown."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- SQLite ------------------------------------------------------------------------------------


def sqlite_figures(entries: int) -> dict[str, str]:
    """Measure a file of so many entries."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cache.db")
        fill(path, entries)
        url = f"sqlite:///{path}"
        figures = {"entries": f"{entries:,}", "first store": milliseconds(first_store(url))}
        with looking_up(url) as longest:
            lost = sum(stores_lost(url))
        figures["longest lookup meanwhile"] = milliseconds(max(longest))
        figures[f"lost of {PROCESSES} x {STORES:,} stores"] = f"{lost:,}"
        figures["a hit, executor full"] = milliseconds(asyncio.run(hit_beside_slow_calls(url)))
        before = path.stat().st_size
        began = time.perf_counter()
        with looking_up(url) as longest, LLMCache.from_url(url) as cache:
            cache.clear()
        figures["clear"] = f"{time.perf_counter() - began:.1f} s"
        figures["longest lookup during clear"] = milliseconds(max(longest))
        figures["file"] = f"{before / 1e6:,.0f} → {path.stat().st_size / 1e6:,.1f} MB"
    return figures


def milliseconds(seconds: float) -> str:
    """Return a duration for the table."""
    return f"{1000 * seconds:,.1f} ms"


def fill(path: Path, entries: int) -> None:
    """Put entries into a file as the cache would, but faster."""
    with LLMCache.from_url(f"sqlite:///{path}") as cache:
        cache.update("prompt", MODEL, ANSWER)
    now = time.time()

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(entries):
            expiry = now - 60 if number % 100 < 100 * EXPIRED else now + 3600
            yield namespace, f"{number:064x}", expiry, encoding, value

    with closing(sqlite3.connect(path)) as connection:
        [(namespace, encoding, value)] = connection.execute("SELECT ns, encoding, val FROM cache")
        connection.executemany("INSERT INTO cache VALUES (?, ?, ?, ?, ?)", rows())
        connection.commit()


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def first_store(url: str) -> float:
    """Return how long the first store of a process takes."""
    result: float = in_process(_first_store, url)
    return result


def _first_store(url: str) -> float:
    with LLMCache.from_url("sqlite:///" + tempfile.mkdtemp() + "/warm.db") as warm:
        warm.update("prompt", MODEL, ANSWER)  # imports are not measured
    with LLMCache.from_url(url) as cache:
        began = time.perf_counter()
        cache.update("first", MODEL, ANSWER)
        return time.perf_counter() - began


def stores_lost(url: str) -> list[int]:
    """Return how many stores each of several processes loses."""
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        return pool.starmap(_store_many, [(url, number) for number in range(PROCESSES)])


def _store_many(url: str, process: int) -> int:
    with LLMCache.from_url(url) as cache:
        for number in range(STORES):
            cache.update(f"{process} {number}", MODEL, ANSWER)
        return STORES - cache.stats().stores


@contextmanager
def looking_up(url: str) -> Iterator[list[float]]:
    """Look up in this process all the while; the list holds how long each lookup took."""
    took = [0.0]
    over = threading.Event()

    def look() -> None:
        with LLMCache.from_url(url) as cache:
            while not over.wait(0.002):
                began = time.perf_counter()
                cache.lookup("prompt", MODEL)
                took.append(time.perf_counter() - began)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


async def hit_beside_slow_calls(url: str) -> float:
    """Return how long a hit takes while the application's executor is full of slow calls."""
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(2)
    loop.set_default_executor(executor)
    with LLMCache.from_url(url) as cache:
        await cache.aupdate("prompt", MODEL, ANSWER)
        slow = [loop.run_in_executor(None, time.sleep, 1.0) for _ in range(4)]
        began = time.perf_counter()
        await cache.alookup("prompt", MODEL)
        took = time.perf_counter() - began
        await asyncio.gather(*slow)
    return took


if __name__ == "__main__":
    main()
