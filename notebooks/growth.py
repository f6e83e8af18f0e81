"""What grows with the number of entries, callers and bytes, and what must not.

    python notebooks/growth.py sqlite --entries 10000 100000 1000000
    python notebooks/growth.py valkey --entries 10000 100000 1000000

For Valkey a server is started, and figures are added for callers at once (1 to 16,384 tasks), for
the size of answers (1 KB to 10 MB), and for processes (1 to 8).

Only the public API is used, so that another version of the package can be measured with the
same file: ``--before /path/to/it`` measures it first, and prints "before → now" in each cell.
Prints tables in Markdown; ``docs/growth.md`` has them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
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
    parser.add_argument("store", choices=["sqlite", "valkey"])
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--tasks", type=int, nargs="*", default=[4**power for power in range(8)])
    parser.add_argument(
        "--bytes", type=int, nargs="*", default=[10**power for power in range(3, 8)]
    )
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--before", type=Path, help="the tree of another version")
    parser.add_argument("--json", action="store_true", help="print JSON Lines")
    arguments = parser.parse_args()
    before = iter(measured_in(arguments.before) if arguments.before else ())
    for rows in curves(arguments):
        if arguments.json:
            print(json.dumps(rows), flush=True)
        else:
            print(f"{table(beside(next(before, rows), rows))}\n", flush=True)


def curves(arguments: argparse.Namespace) -> Iterator[list[dict[str, str]]]:
    """Yield the rows of each curve."""
    if arguments.store == "sqlite":
        yield [sqlite_figures(number) for number in arguments.entries]
        return
    for figures, numbers in (
        (tasks_figures, arguments.tasks),
        (bytes_figures, arguments.bytes),
        (processes_figures, arguments.processes),
        (entries_figures, arguments.entries),
    ):
        if numbers:
            yield [on_a_server(figures, number) for number in numbers]


def measured_in(tree: Path) -> list[list[dict[str, str]]]:
    """Return what this command measures with the package of another tree."""
    words = [word for word in sys.argv if word not in {"--before", str(tree)}]
    done = subprocess.run(  # noqa: S603 - the same command
        [sys.executable, *words, "--json"],
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def beside(before: list[dict[str, str]], now: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows of two measurements as one."""
    return [
        {
            name: cell if cell == old.get(name) else f"{old.get(name)} → {cell}"
            for name, cell in row.items()
        }
        for old, row in zip(before, now, strict=True)
    ]


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
        figures["file"] = f"{before / 1e6:,.0f} MB"
        figures["file after clear"] = f"{path.stat().st_size / 1e6:,.1f} MB"
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


# --- Valkey ------------------------------------------------------------------------------------

# Of the answers looked up by many tasks; and of those that are asked for at once by size.
DIFFERENT, AT_ONCE = 64, 64
SECONDS = 2.0


def on_a_server(figures: Callable[[str, int], dict[str, str]], number: int) -> dict[str, str]:
    """Measure something on a new server."""
    from _server import own_server

    with own_server() as url:
        return figures(url, number)


def tasks_figures(url: str, tasks: int) -> dict[str, str]:
    """Measure so many callers at once, on one event loop."""
    prompts = [f"prompt {number}" for number in range(tasks)]
    stores, lost_stores, stored, connections = asyncio.run(at_once(url, prompts))
    hits, lost_hits, found, _ = asyncio.run(
        at_once(
            url, [prompts[number % min(DIFFERENT, tasks)] for number in range(tasks)], read=True
        )
    )
    return {
        "tasks at once": f"{tasks:,}",
        "stores lost": f"{lost_stores:,}",
        "stores/s": rate(stores, stored),
        "hits lost": f"{lost_hits:,}",
        "hits/s": rate(hits, found),
        "connections": connections,
    }


def bytes_figures(url: str, size: int) -> dict[str, str]:
    """Measure answers of so many bytes, of which many are asked for at once."""
    text = "x" * size
    prompts = [f"prompt {number}" for number in range(AT_ONCE)]
    stores, lost_stores, stored, _ = asyncio.run(at_once(url, prompts, text=text))
    for prompt in prompts:  # one by one, those that were lost
        asyncio.run(at_once(url, [prompt], text=text))
    hits, lost_hits, found, _ = asyncio.run(at_once(url, prompts, read=True))
    return {
        "bytes of an answer": f"{size:,}",
        f"of {AT_ONCE} stores lost": f"{lost_stores:,}",
        "stored": f"{size * stores / stored / 1e6:,.0f} MB/s",
        f"of {AT_ONCE} hits lost": f"{lost_hits:,}",
        "read": f"{size * hits / found / 1e6:,.0f} MB/s",
    }


def processes_figures(url: str, processes: int) -> dict[str, str]:
    """Measure so many processes with 64 tasks each."""
    asyncio.run(at_once(url, [f"prompt {number}" for number in range(DIFFERENT)]))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        done = pool.starmap(_hit_for_a_while, [(url,)] * processes)
    return {
        "processes": str(processes),
        "hits lost": f"{sum(lost for _, lost in done):,}",
        "hits/s": f"{sum(hits for hits, _ in done) / SECONDS:,.0f}",
    }


def entries_figures(url: str, entries: int) -> dict[str, str]:
    """Measure a server with so many entries."""
    with LLMCache.from_url(url) as cache:
        cache.update("prompt", MODEL, ANSWER)
        fill_server(url, entries)
        began = time.perf_counter()
        for _ in range(1000):
            cache.lookup("prompt", MODEL)
        lookup = (time.perf_counter() - began) / 1000
        with looking_up(url) as longest:
            began = time.perf_counter()
            cache.clear()
            took = time.perf_counter() - began
    return {
        "entries": f"{entries:,}",
        "a hit, sync": f"{1e6 * lookup:,.0f} µs",
        "clear": f"{took:.1f} s",
        "longest lookup meanwhile": milliseconds(max(longest)),
    }


def rate(count: int, seconds: float) -> str:
    """Return how many there were in a second."""
    return f"{count / seconds:,.0f}"


async def at_once(
    url: str, prompts: Sequence[str], *, text: str | None = None, read: bool = False
) -> tuple[int, int, float, str]:
    """Store an answer for each prompt, or look all up, at once and over new connections.

    Returns how many that were, how many were lost, in how many seconds, and what the server says
    of connections.
    """
    answer = ANSWER if text is None else [Generation(text=text)]
    async with LLMCache.from_url(url, max_entry_bytes=None) as cache:
        began = time.perf_counter()
        if read:
            await asyncio.gather(*(cache.alookup(prompt, MODEL) for prompt in prompts))
        else:
            await asyncio.gather(*(cache.aupdate(prompt, MODEL, answer) for prompt in prompts))
        took = time.perf_counter() - began
        stats = cache.stats()
        done = stats.hits if read else stats.stores
        return done, len(prompts) - done, took, connections_to(url)


def connections_to(url: str) -> str:
    """Return how many connections a server has, apart from the one that asks."""
    from valkey import Valkey

    with closing(Valkey.from_url(url)) as client:
        clients: Any = client.client_list()
        return str(len(clients) - 1)


def _hit_for_a_while(url: str) -> tuple[int, int]:
    async def hit() -> tuple[int, int]:
        async with LLMCache.from_url(url) as cache:
            end = time.perf_counter() + SECONDS

            async def ask(number: int) -> None:
                while time.perf_counter() < end:
                    await cache.alookup(f"prompt {number}", MODEL)

            await asyncio.gather(*(ask(number) for number in range(DIFFERENT)))
            stats = cache.stats()
            return stats.hits, stats.misses + stats.errors + stats.skipped

    return asyncio.run(hit())


def fill_server(url: str, entries: int) -> None:
    """Put entries into a server as the cache would, but faster: copies of the one that is there."""
    from valkey import Valkey

    with closing(Valkey.from_url(url)) as client:
        names: Any = client.keys("*")
        [name] = names
        value: Any = client.get(name)
        start = name.rpartition(b"/")[0]
        for first in range(0, entries, 10_000):
            numbers = range(first, min(first + 10_000, entries))
            client.mset({b"%b/%064x" % (start, number): value for number in numbers})


if __name__ == "__main__":
    main()
