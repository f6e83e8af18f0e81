"""What grows with the number of entries, callers and bytes, and what must not.

    python notebooks/growth.py sqlite --entries 10000 100000 1000000
    python notebooks/growth.py valkey --entries 10000 100000 1000000
    python notebooks/growth.py commands --entries 1000000

For Valkey a server is started, and figures are added for callers at once (1 to 16,384 tasks), for
the size of answers (1 KB to 10 MB), and for processes (1 to 8). For the command line, one server has
so many small entries, and another one 250 of 3.9 MB.

Only the public API is used, so that another version of the package can be measured with the
same file: ``--before /path/to/it`` measures it first, and prints "before → now" in each cell.
Prints tables in Markdown; ``docs/growth.md`` has them, and the curves that ``--plots`` draws.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
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
from typing import Any, TypeAlias

from langchain_core.outputs import Generation

from langchain_llmcache import LLMCache

# What was measured, by the headings of its columns; what grows comes first.
Figures: TypeAlias = dict[str, float]

MODEL = "growth"
ANSWER = [Generation(text="An answer of a few hundred bytes. " * 15)]
# Share of the entries that are expired, and so wait to be removed.
EXPIRED = 0.1
PROCESSES, STORES = 4, 800


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=["sqlite", "valkey", "commands"])
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--tasks", type=int, nargs="*", default=[4**power for power in range(8)])
    parser.add_argument(
        "--bytes", type=int, nargs="*", default=[10**power for power in range(3, 8)]
    )
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--before", type=Path, help="the tree of another version")
    parser.add_argument("--plots", action="store_true", help="draw the curves into docs/plots")
    parser.add_argument("--json", action="store_true", help="print JSON Lines")
    arguments = parser.parse_args()
    if arguments.store == "commands":
        print_commands(max(arguments.entries))
        return
    before = iter(measured_in(arguments.before) if arguments.before else ())
    for name, rows in curves(arguments):
        if arguments.json:
            print(json.dumps(rows), flush=True)
            continue
        old = next(before, None)
        print(f"{table(rows, old or rows)}\n", flush=True)
        if arguments.plots:
            plot(name, rows, old)


def curves(arguments: argparse.Namespace) -> Iterator[tuple[str, list[Figures]]]:
    """Yield the name and the rows of each curve."""
    if arguments.store == "sqlite":
        yield "sqlite", [sqlite_figures(number) for number in arguments.entries]
        return
    for name, figures, numbers in (
        ("tasks", tasks_figures, arguments.tasks),
        ("bytes", bytes_figures, arguments.bytes),
        ("processes", processes_figures, arguments.processes),
        ("entries", entries_figures, arguments.entries),
    ):
        if numbers:
            yield name, [on_a_server(figures, number) for number in numbers]


def measured_in(tree: Path) -> list[list[Figures]]:
    """Return what this command measures with the package of another tree."""
    words = [word for word in sys.argv if word not in {"--before", str(tree), "--plots"}]
    done = subprocess.run(  # noqa: S603 - the same command
        [sys.executable, *words, "--json"],
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(rows: Sequence[Figures], before: Sequence[Figures]) -> str:
    """Return rows of figures as Markdown, before and now."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names)]
    for row, old in zip(rows, before, strict=True):
        pairs = [(cell(old[name]), cell(row[name])) for name in names]
        lines.append([now if was == now else f"{was} → {now}" for was, now in pairs])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: float) -> str:
    """Return a figure for the table."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def plot(name: str, rows: Sequence[Figures], before: Sequence[Figures] | None) -> None:
    """Draw what grows with the first column, but not what is zero throughout."""
    import style
    from matplotlib import pyplot as plt

    style.begin()
    drawn = [("now", "#0072B2", rows)]
    if before is not None:
        drawn.insert(0, ("before", "#6B6B6B", before))
    first, *names = rows[0]
    names = [each for each in names if any(row[each] for *_, some in drawn for row in some)]
    columns = min(len(names), 4)
    rows_of_panels = -(-len(names) // columns)
    figure = plt.figure(figsize=(2.7 * columns, 2.7 * rows_of_panels + 0.3))
    for place, what in enumerate(names, start=1):
        panel = figure.add_subplot(rows_of_panels, columns, place)
        for label, colour, some in drawn:
            grows, values = zip(*((row[first], row[what]) for row in some), strict=True)
            panel.plot(grows, values, "o-", c=colour, label=label)
        panel.set_title(what, fontsize=8)
        panel.set(xlabel=first, xscale="log", ylim=(0, None))
    style.legend_below(figure)
    style.keep(figure, f"growth_{name}")


def warm_up() -> None:
    """Import what the first use imports: that is not measured."""
    with tempfile.TemporaryDirectory() as folder:
        for url in ("memory://", f"sqlite:///{folder}/warm.db"):
            with LLMCache.from_url(url) as cache:
                cache.update("prompt", MODEL, ANSWER)
                cache.lookup("prompt", MODEL)


# --- SQLite ------------------------------------------------------------------------------------


def sqlite_figures(entries: int) -> Figures:
    """Measure a file of so many entries."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cache.db")
        fill(path, entries)
        url = f"sqlite:///{path}"
        figures: Figures = {"entries": entries, "first store, ms": 1000 * first_store(url)}
        with looking_up(url) as longest:
            lost = sum(stores_lost(url))
        figures["longest lookup meanwhile, ms"] = 1000 * max(longest)
        figures[f"lost of {PROCESSES} x {STORES:,} stores"] = lost
        figures["a hit, executor full, ms"] = 1000 * asyncio.run(hit_beside_slow_calls(url))
        size = path.stat().st_size
        began = time.perf_counter()
        with looking_up(url) as longest, LLMCache.from_url(url) as cache:
            cache.clear()
        figures["clear, s"] = time.perf_counter() - began
        figures["longest lookup during clear, ms"] = 1000 * max(longest)
        figures["file, MB"] = size / 1e6
        figures["file after clear, MB"] = path.stat().st_size / 1e6
    return figures


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
    warm_up()
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
    """Look up in this process all the while; the list holds how long each lookup took.

    (A garbage collection that looks at all of LangChain stops every thread for about 50 ms: what
    was imported is kept out of it.)
    """
    gc.collect()
    gc.freeze()
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


def on_a_server(figures: Callable[[str, int], Figures], number: int) -> Figures:
    """Measure something on a new server."""
    from _server import own_server

    warm_up()
    with own_server() as url:
        return figures(url, number)


def tasks_figures(url: str, tasks: int) -> Figures:
    """Measure so many callers at once, on one event loop."""
    prompts = [f"prompt {number}" for number in range(tasks)]
    stores, lost_stores, stored, connections = asyncio.run(at_once(url, prompts))
    hits, lost_hits, found, _ = asyncio.run(
        at_once(
            url, [prompts[number % min(DIFFERENT, tasks)] for number in range(tasks)], read=True
        )
    )
    return {
        "tasks at once": tasks,
        "stores lost": lost_stores,
        "stores/s": stores / stored,
        "hits lost": lost_hits,
        "hits/s": hits / found,
        "connections": connections,
    }


def bytes_figures(url: str, size: int) -> Figures:
    """Measure answers of so many bytes, of which many are asked for at once."""
    text = "x" * size
    prompts = [f"prompt {number}" for number in range(AT_ONCE)]
    stores, lost_stores, stored, _ = asyncio.run(at_once(url, prompts, text=text))
    for prompt in prompts:  # one by one, those that were lost
        asyncio.run(at_once(url, [prompt], text=text))
    hits, lost_hits, found, _ = asyncio.run(at_once(url, prompts, read=True))
    return {
        "bytes of an answer": size,
        f"of {AT_ONCE} stores lost": lost_stores,
        "stored, MB/s": size * stores / stored / 1e6,
        f"of {AT_ONCE} hits lost": lost_hits,
        "read, MB/s": size * hits / found / 1e6,
    }


def processes_figures(url: str, processes: int) -> Figures:
    """Measure so many processes with 64 tasks each."""
    asyncio.run(at_once(url, [f"prompt {number}" for number in range(DIFFERENT)]))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        done = pool.starmap(_hit_for_a_while, [(url,)] * processes)
    return {
        "processes": processes,
        "hits lost": sum(lost for _, lost in done),
        "hits/s": sum(hits for hits, _ in done) / SECONDS,
    }


def entries_figures(url: str, entries: int) -> Figures:
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
        "entries": entries,
        "a hit, sync, µs": 1e6 * lookup,
        "clear, s": took,
        "longest lookup meanwhile, ms": 1000 * max(longest),
    }


async def at_once(
    url: str, prompts: Sequence[str], *, text: str | None = None, read: bool = False
) -> tuple[int, int, float, int]:
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


def connections_to(url: str) -> int:
    """Return how many connections a server has, apart from the one that asks."""
    from valkey import Valkey

    with closing(Valkey.from_url(url)) as client:
        clients: Any = client.client_list()
        return len(clients) - 1


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


# --- the command line --------------------------------------------------------------------------

LLMCACHE = (sys.executable, "-m", "langchain_llmcache")
LARGE_ENTRIES, LARGE_BYTES = 250, 3_900_000
NAMED = 40
# FILE is one that export has written; KEYS are some of those that are there.
COMMANDS = (
    "nothing",
    "doctor",
    "stats",
    "ls --limit 0",
    "ls --limit 0 --containing xyz",
    "show KEY",
    "clear --dry-run",
    "export FILE",
    "import FILE --keep",
    "import FILE",
    "delete KEYS",
    "clear --yes",
)


def print_commands(entries: int) -> None:
    """Print how long another client waits, at most, while each command runs, and how long that takes."""
    warm_up()
    small = commands_figures(entries, 500)
    large = commands_figures(LARGE_ENTRIES, LARGE_BYTES)
    each = ("longest wait, ms", "seconds")
    names = [
        f"{what}, {size}" for size in (f"{entries:,} entries", "large answers") for what in each
    ]
    print(f"| command | {' | '.join(names)} |\n|{' --- |' * 5}")
    for command in COMMANDS:
        figures = " | ".join(map(cell, (*small[command], *large[command])))
        print(f"| `{command}` | {figures} |")


def commands_figures(entries: int, size: int) -> dict[str, tuple[float, float]]:
    """Return, of each command, the longest wait of another client, and its seconds."""
    from _server import own_server

    with own_server() as url, tempfile.TemporaryDirectory() as folder:
        asyncio.run(fill_by_cache(url, entries, size))
        keys = some_keys(url)
        words = {"FILE": [f"{folder}/entries.jsonl"], "KEY": keys[:1], "KEYS": keys}
        return {
            command: command_figures(
                url, [each for word in command.split() for each in words.get(word, [word])]
            )
            for command in COMMANDS
        }


def command_figures(url: str, words: Sequence[str]) -> tuple[float, float]:
    """Return the longest wait in milliseconds, and the seconds, of a command."""
    program = [*LLMCACHE, *words, "--url", url]
    if words == ["nothing"]:
        program = [sys.executable, "-c", f"import time; time.sleep({SECONDS})"]
    with looking_up(url) as longest:
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - as above
            program, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        took = time.perf_counter() - began
    # (Where much memory is in use, the doctor finds a problem.)
    if done.returncode and words[0] != "doctor":
        raise SystemExit(f"{words[0]} failed: {done.returncode}")
    return 1000 * max(longest), took


async def fill_by_cache(url: str, entries: int, size: int) -> None:
    """Store so many answers of a size, a few at once."""
    answer = [Generation(text="x" * size)]
    at_once = max(1, min(2000, 10_000_000 // size))
    async with LLMCache.from_url(url, timeout=30) as cache:
        for first in range(0, entries, at_once):
            numbers = range(first, min(first + at_once, entries))
            await asyncio.gather(*(cache.aupdate(f"{number}", MODEL, answer) for number in numbers))
        if cache.stats().stores != entries:
            raise SystemExit(f"only {cache.stats().stores} of {entries} were stored")


def some_keys(url: str) -> list[str]:
    """Return the beginnings of some digests."""
    done = subprocess.run(  # noqa: S603 - as above
        [*LLMCACHE, "ls", "--json", "--limit", str(NAMED), "--url", url],
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line)["key"].rpartition("/")[2][:12] for line in done.stdout.splitlines()]


if __name__ == "__main__":
    main()
