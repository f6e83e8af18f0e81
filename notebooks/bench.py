"""How fast a hit is: measured by turns, printed as ratios.

    python notebooks/bench.py [--url valkey://localhost:6379/15] [--quick] [--json FILE]
    python notebooks/bench.py --against DIRECTORY

The second form compares this tree with another one of this repository (``git worktree add``):
each has a process of its own, and they take turns. ``own`` is the time that a lookup takes
where langchain-core asks for it, in the middle of an ``invoke``.

Everything that is compared takes its turn in each round, in a new order, so that a busy moment
of the machine hits all of them. A ratio is taken within a round; what is printed is the median
of the rounds' ratios and their quartiles. Absolute times say little about another machine.

Compared are:

- LLMCache on Valkey, and with a near cache in front;
- by hand: a BaseCache over langgraph-checkpoint-aws's ValkeyCache, as a reader of its guide
  would write it, with the same answers in it;
- the raw client: one GET of the same bytes with the key at hand; nothing is decoded;
- langchain-core's InMemoryCache;
- the floor: a cache that sends that GET and gives InMemoryCache's answer. No cache that asks a
  server with this client can be faster.

A server that is started here gets a CPU of its own while one caller at a time is measured, as it
has one in production: a server that shares the caller's CPU makes the raw client several times
as fast, or not, as the scheduler likes.

Answers come from a real ChatBedrockConverse on a local stand-in for Amazon Bedrock.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import platform
import random
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from subprocess import PIPE, Popen
from typing import Any, Final

from _server import apart, own_server
from langchain_core.caches import RETURN_VAL_TYPE, BaseCache, InMemoryCache
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps, loads
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Valkey
from valkey.asyncio import Valkey as AsyncValkey

from langchain_llmcache import LLMCache, NearCache
from langchain_llmcache._demo import ConverseEndpoint, chat_model

PREFIX: Final = "llmcache_bench:"
OURS, NEAR, BY_HAND, RAW, MEMORY, FLOOR = (
    "LLMCache",
    "LLMCache, near",
    "by hand",
    "raw client",
    "InMemoryCache",
    "floor",
)
_SHUFFLE: Final = random.Random(4)  # noqa: S311 - an order, not a secret
Request = tuple[str, str, RETURN_VAL_TYPE]
Sync = Mapping[str, Callable[[int], object]]
Async = Mapping[str, Callable[[int], Awaitable[object]]]


class ByHand(BaseCache):
    """What a reader of ValkeyCache's guide writes to have it under ``set_llm_cache``."""

    def __init__(self, client: Valkey) -> None:
        self.store: Any = ValkeyCache(client, prefix=f"{PREFIX}by_hand:", ttl=3600)

    @staticmethod
    def _key(prompt: str, llm_string: str) -> tuple[tuple[str, ...], str]:
        content = f"{llm_string}|{prompt.strip()}"
        return (("llm_responses",), hashlib.sha256(content.encode()).hexdigest()[:16])

    @staticmethod
    def _read(cached: Sequence[str]) -> RETURN_VAL_TYPE:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [loads(text, allowed_objects="core") for text in cached]

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Look up."""
        key = self._key(prompt, llm_string)
        found = self.store.get([key])
        return self._read(found[key]) if key in found else None

    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Look up."""
        key = self._key(prompt, llm_string)
        found = await self.store.aget([key])
        return self._read(found[key]) if key in found else None

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Store."""
        texts = [dumps(generation) for generation in return_val]
        self.store.set({self._key(prompt, llm_string): (texts, 3600)})

    def clear(self, **kwargs: Any) -> None:
        """Clear."""
        self.store.clear()


class Floor(BaseCache):
    """One GET, and an answer that was there all the time."""

    def __init__(self, client: Valkey, memory: BaseCache) -> None:
        self.client = client
        self.memory = memory

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Look up."""
        self.client.get(raw_name(prompt))
        return self.memory.lookup(prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Do nothing: both have it."""

    def clear(self, **kwargs: Any) -> None:
        """Do nothing: they clear themselves."""


class Recorder(BaseCache):
    """Writes down what langchain-core asks a cache, and what it gives it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Know nothing."""
        return None

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Write it down."""
        self.requests.append((prompt, llm_string, return_val))

    def clear(self, **kwargs: Any) -> None:
        """Forget."""
        self.requests.clear()


# --- measuring -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        group: What was measured.
        name: Of whom.
        unit: ``µs`` (of one hit) or ``hits/s``.
        median: Of the rounds.
        base: What it is compared with.
        ratio: Median of the rounds' ratios to the base: of times, how many times as slow; of
            hits per second, how many times as fast.
        low: Lower quartile of these ratios.
        high: Upper quartile.
    """

    group: str
    name: str
    unit: str
    median: float
    base: str
    ratio: float
    low: float
    high: float


def rows_of(group: str, unit: str, rounds: Mapping[str, list[float]], base: str) -> list[Row]:
    """Return a row for each name, from the value of each round."""
    rows = []
    for name, values in rounds.items():
        ratios = [mine / its for mine, its in zip(values, rounds[base], strict=True)]
        low, middle, high = quantiles(ratios, n=4, method="inclusive")
        rows.append(Row(group, name, unit, median(values), base, middle, low, high))
    return rows


def seconds_by_turns(subjects: Sync, *, rounds: int, calls: int) -> dict[str, list[float]]:
    """Return the median time of a call in µs: of each subject, in each round."""
    result: dict[str, list[float]] = {name: [] for name in subjects}
    clock = time.perf_counter
    for turn in range(-1, rounds):  # the first one warms up
        for name in _SHUFFLE.sample(list(subjects), len(subjects)):
            call, times = subjects[name], []
            for number in range(calls):
                began = clock()
                call(number)
                times.append(clock() - began)
            if turn >= 0:
                result[name].append(1e6 * median(times))
    return result


async def rates_by_turns(
    subjects: Async, *, askers: int, rounds: int, calls: int
) -> dict[str, list[float]]:
    """Return the hits per second of so many tasks: of each subject, in each round."""
    result: dict[str, list[float]] = {name: [] for name in subjects}
    each = max(1, calls // askers)

    async def ask(call: Callable[[int], Awaitable[object]], first: int) -> None:
        for number in range(each):
            await call(first + number)

    for turn in range(-1, rounds):
        for name in _SHUFFLE.sample(list(subjects), len(subjects)):
            began = time.perf_counter()
            await asyncio.gather(*(ask(subjects[name], 7 * asker) for asker in range(askers)))
            if turn >= 0:
                result[name].append(each * askers / (time.perf_counter() - began))
    return result


# --- what is measured ----------------------------------------------------------------------------


class Bench:
    """The caches, on one server, with the same answers in them.

    Args:
        url: The server.
        quick: Few rounds: shows that it works, not how fast.
        ours: Whether the server was started for this, and may be moved to another CPU.
    """

    def __init__(self, url: str, *, quick: bool, ours: bool) -> None:
        self.quick = quick
        self.movable = ours
        self.client: Any = Valkey.from_url(url, socket_timeout=5)
        self.aclient: Any = AsyncValkey.from_url(url, socket_timeout=5)
        far = NearCache(max_entries=100_000, max_bytes=2**30, ttl=3600)
        self.ours = LLMCache.from_url(url, prefix=f"{PREFIX}ours:", max_entry_bytes=2**23)
        self.near = LLMCache.from_url(url, prefix=f"{PREFIX}ours:", max_entry_bytes=2**23, near=far)
        self.caches: dict[str, BaseCache] = {
            OURS: self.ours,
            NEAR: self.near,
            BY_HAND: ByHand(Valkey.from_url(url)),
            MEMORY: InMemoryCache(),
        }
        self.floor = Floor(self.client, self.caches[MEMORY])

    def apart(self) -> AbstractContextManager[None]:
        """Give the server a CPU of its own, if it may be moved."""
        return apart(self.client.info("server")["process_id"] if self.movable else None)

    def fill(self, requests: Sequence[Request]) -> None:
        """Give the answers to every cache; check that each of them gives them back."""
        for prompt, llm_string, answer in requests:
            for name, cache in self.caches.items():
                cache.update(prompt, llm_string, answer)
                found = cache.lookup(prompt, llm_string)
                if found is None or found[0].text != answer[0].text:
                    raise RuntimeError(f"{name} does not give the answer back")
            self.client.set(raw_name(prompt), dumps(answer[0]), px=3_600_000)

    def lookups(self, requests: Sequence[Request]) -> Sync:
        """Return a hit of each, as a function of a running number."""
        count = len(requests)

        def of(cache: BaseCache) -> Callable[[int], object]:
            return lambda number: cache.lookup(*requests[number % count][:2])

        names = [raw_name(prompt) for prompt, _, _ in requests]

        def raw(number: int) -> object:
            return self.client.get(names[number % count])

        return {RAW: raw, **{name: of(cache) for name, cache in self.caches.items()}}

    def alookups(self, requests: Sequence[Request]) -> Async:
        """Do the same with asyncio."""
        count = len(requests)

        def of(cache: BaseCache) -> Callable[[int], Awaitable[object]]:
            return lambda number: cache.alookup(*requests[number % count][:2])

        names = [raw_name(prompt) for prompt, _, _ in requests]

        async def raw(number: int) -> object:
            return await self.aclient.get(names[number % count])

        return {RAW: raw, **{name: of(cache) for name, cache in self.caches.items()}}

    def hits(self, requests: Sequence[Request]) -> list[Row]:
        """Measure a sync hit."""
        rounds, calls = (3, 10) if self.quick else (60, 100)
        with self.apart():
            times = seconds_by_turns(self.lookups(requests), rounds=rounds, calls=calls)
        return rows_of("sync hit", "µs", times, RAW)

    async def throughput(self, requests: Sequence[Request]) -> list[Row]:
        """Measure how many hits per second tasks get."""
        rows = []
        for askers in (1, 16, 64, 256):
            rounds, calls = (3, askers) if self.quick else (25, max(256, 4 * askers))
            rates = await rates_by_turns(
                self.alookups(requests), askers=askers, rounds=rounds, calls=calls
            )
            rows += rows_of(f"async hits, {askers} tasks", "hits/s", rates, BY_HAND)
        return rows

    def calls(self, models: Mapping[str, BaseChatModel], questions: Sequence[str]) -> list[Row]:
        """Measure a whole ``invoke`` that is a hit."""
        rounds, calls = (3, 10) if self.quick else (60, 60)

        def of(model: BaseChatModel) -> Callable[[int], object]:
            return lambda number: model.invoke(questions[number % len(questions)])

        subjects = {name: of(model) for name, model in models.items()}
        with self.apart():
            times = seconds_by_turns(subjects, rounds=rounds, calls=calls)
        return rows_of("invoke", "µs", times, MEMORY)

    async def acalls(
        self, models: Mapping[str, BaseChatModel], questions: Sequence[str]
    ) -> list[Row]:
        """Measure a whole ``ainvoke`` that is a hit: one at a time, and 64."""
        rows = []

        def of(model: BaseChatModel) -> Callable[[int], Awaitable[object]]:
            return lambda number: model.ainvoke(questions[number % len(questions)])

        subjects = {name: of(model) for name, model in models.items()}
        for askers in (1, 64):
            rounds, calls = (3, askers) if self.quick else (25, 256)
            rates = await rates_by_turns(subjects, askers=askers, rounds=rounds, calls=calls)
            rows += rows_of(f"ainvoke, {askers} tasks", "hits/s", rates, BY_HAND)
        return rows

    def sizes(self) -> list[Row]:
        """Measure a sync hit by the size of the answer."""
        rows = []
        rounds, calls = (3, 3) if self.quick else (20, 20)
        for kilobytes in (1, 10, 100, 1000):
            requests = record([f"An answer of {kilobytes} kB?"], answer_bytes=1000 * kilobytes)
            self.fill(requests)
            with self.apart():
                times = seconds_by_turns(self.lookups(requests), rounds=rounds, calls=calls)
            rows += rows_of(f"sync hit, {kilobytes} kB", "µs", times, RAW)
        return rows

    def entries(self, request: Request) -> list[Row]:
        """Measure a sync hit by the number of entries."""
        rows = []
        rounds, calls = (3, 10) if self.quick else (20, 100)
        prompt, llm_string, answer = request
        filled = 0
        for count in (10, 30) if self.quick else (100, 1_000, 10_000):
            for place in range(filled, count):
                for cache in (self.ours, self.near):
                    cache.update(f"{place} {prompt}", llm_string, answer)
            filled = count

            def of(cache: BaseCache, count: int = count) -> Callable[[int], object]:
                return lambda number: cache.lookup(f"{97 * number % count} {prompt}", llm_string)

            subjects = {RAW: self.lookups([request])[RAW], OURS: of(self.ours), NEAR: of(self.near)}
            with self.apart():
                times = seconds_by_turns(subjects, rounds=rounds, calls=calls)
            rows += rows_of(f"sync hit, {count} entries", "µs", times, RAW)
        return rows

    async def close(self) -> None:
        """Remove what was stored, and close connections."""
        names = list(self.client.scan_iter(f"{PREFIX}*", count=1000))
        for first in range(0, len(names), 1000):
            self.client.unlink(*names[first : first + 1000])
        self.client.close()
        await self.aclient.aclose()
        await self.ours.aclose()
        await self.near.aclose()


def record(questions: Sequence[str], *, answer_bytes: int = 1000) -> list[Request]:
    """Return the requests for these questions as langchain-core hands them to a cache."""
    recorder = Recorder()
    with ConverseEndpoint(answer_bytes=answer_bytes) as endpoint:
        model = chat_model(endpoint, cache=recorder)
        for question in questions:
            model.invoke(question)
    return recorder.requests


def raw_name(prompt: str) -> str:
    """Return the raw client's key for a request."""
    return f"{PREFIX}raw:{hashlib.sha256(prompt.encode()).hexdigest()}"


async def measure(url: str, *, quick: bool, ours: bool) -> list[Row]:
    """Return all rows."""
    bench = Bench(url, quick=quick, ours=ours)
    questions = [f"How do I export the last {7 + day} days of orders?" for day in range(50)]
    try:
        requests = record(questions, answer_bytes=2000)
        # In a thread, because ValkeyCache's blocking methods refuse to run where a loop runs.
        await asyncio.to_thread(bench.fill, requests)
        rows = await asyncio.to_thread(bench.hits, requests)
        rows += await bench.throughput(requests)
        with ConverseEndpoint() as endpoint:
            models: dict[str, BaseChatModel] = {
                name: chat_model(endpoint, cache=cache) for name, cache in bench.caches.items()
            }
            floor = {FLOOR: chat_model(endpoint, cache=bench.floor)}
            rows += await asyncio.to_thread(bench.calls, {**models, **floor}, questions)
            rows += await bench.acalls(models, questions)
            if endpoint.calls:
                raise RuntimeError("not every call was a hit")
        rows += await asyncio.to_thread(bench.sizes)
        rows += await asyncio.to_thread(bench.entries, requests[0])
    finally:
        await bench.close()
    return rows


# What is compared, and with what of the same tree.
BARS: Final = {
    "lookup": "GET",
    "near lookup": "GET",
    "invoke": "invoke, floor",
    "invoke, near": "invoke, InMemoryCache",
    "64 tasks": "64, by hand",
}


class Tree:
    """A process that measures one tree.

    Args:
        root: The tree.
        url: A server.
        name: What keeps its entries apart.
    """

    def __init__(self, root: Path, url: str, name: str) -> None:
        script = Path(__file__).with_name("_tree.py")
        command = [sys.executable, "-W", "ignore", str(script), str(root.resolve()), url, name]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, text=True)  # noqa: S603
        self.subjects = self._read().split("\t")

    def measure(self, subject: str) -> float:
        """Return the value of one round."""
        assert self._process.stdin is not None
        print(subject, file=self._process.stdin, flush=True)
        return float(self._read())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit("a tree could not be measured; its process says why")
        return line


def compare(url: str, other: Path, *, rounds: int) -> None:
    """Print what another tree and this one take, by turns, and each one's distance to its bar."""
    roots = {"before": other, "after": Path(__file__).parent.parent}
    trees = {name: Tree(root, url, name) for name, root in roots.items()}
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    subjects = trees["after"].subjects
    for _ in range(rounds):
        for subject in _SHUFFLE.sample(subjects, len(subjects)):
            for name in _SHUFFLE.sample(list(trees), 2):
                values[name, subject].append(trees[name].measure(subject))
    for tree in trees.values():
        tree.close()
    print(f"{'':24}{'before':>12}{'after':>12}{'ratio':>8}   (quartiles)")
    for subject in subjects:
        pair = {name: values[name, subject] for name in ("before", "after")}
        first, second = rows_of(subject, "", pair, "before")
        print(
            f"{subject:24}{first.median:12,.1f}{second.median:12,.1f}{second.ratio:8.2f}"
            f"   ({second.low:.2f} to {second.high:.2f})"
        )
    for subject, bar in BARS.items():
        medians = [
            median(mine / its for mine, its in zip(values[n, subject], values[n, bar], strict=True))
            for n in trees
        ]
        print(f"{subject + ' / ' + bar:40}{medians[0]:8.2f}{medians[1]:12.2f}")


def cpu() -> str:
    """Return what this machine calls its processors."""
    found = Path("/proc/cpuinfo")
    text = found.read_text(encoding="utf-8") if found.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return f"{os.cpu_count()} x {names[0] if names else platform.processor()}"


def print_rows(rows: Sequence[Row]) -> None:
    """Print them as a table."""
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            print(f"\n{group}  (ratio to: {row.base})")
        print(
            f"  {row.name:15} {row.median:12,.1f} {row.unit:7} "
            f"{row.ratio:7.2f} x   ({row.low:.2f} to {row.high:.2f})"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="How fast a hit of LLMCache is.")
    parser.add_argument("--url", help="a Valkey server; by default one is started")
    parser.add_argument("--quick", action="store_true", help="show that it works, not how fast")
    parser.add_argument("--against", type=Path, help="another tree of this repository")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    options = parser.parse_args(arguments)
    packages = ("langchain-core", "langgraph-checkpoint-aws", "valkey", "orjson")
    machine = {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
    print(", ".join(f"{name} {number}" for name, number in machine.items()), f"on {cpu()}")
    with nullcontext(options.url) if options.url else own_server() as url:
        if options.against is not None:
            client: Any = Valkey.from_url(url)
            with apart(None if options.url else client.info("server")["process_id"]):
                compare(url, options.against, rounds=3 if options.quick else 12)
            return
        rows = asyncio.run(measure(url, quick=options.quick, ours=not options.url))
    print_rows(rows)
    if options.json is not None:
        report = {"machine": machine, "quick": options.quick, "rows": [asdict(r) for r in rows]}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
