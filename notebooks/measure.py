"""How the notebooks measure: by turns, in short rounds, so that a busy moment hits everybody.

Ratios are taken within a round and reported with their quartiles. Load stays on this machine,
and every loop has an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from style import spread

_SHUFFLE: Final = random.Random(8)  # noqa: S311 - an order, not a secret


@dataclass(frozen=True)
class Samples:
    """What was measured of one subject: seconds (or operations per second), by round."""

    rounds: list[list[float]]

    @property
    def all(self) -> list[float]:
        """Every sample, sorted."""
        return sorted(value for each in self.rounds for value in each)

    @property
    def medians(self) -> list[float]:
        """The median of each round."""
        return [median(each) for each in self.rounds]

    def quantile(self, share: float) -> float:
        """Return the value below which this share of the samples lies."""
        values = self.all
        return values[min(len(values) - 1, int(share * len(values)))]

    def ratio_to(self, base: Samples) -> tuple[float, float, float]:
        """Return median and quartiles of the ratios of the rounds' medians."""
        return spread([mine / its for mine, its in zip(self.medians, base.medians, strict=True)])


def by_turns(
    subjects: Mapping[str, Callable[[int], object]], *, rounds: int, calls: int
) -> dict[str, Samples]:
    """Time each call of each subject, a few at a time, in a new order every round.

    Args:
        subjects: By name: a function of a running number.
        rounds: How many rounds; one more goes before them, unmeasured.
        calls: Calls of each subject in a round.
    """
    samples: dict[str, list[list[float]]] = {name: [] for name in subjects}
    clock = time.perf_counter
    for turn in range(rounds + 1):
        for name in _SHUFFLE.sample(list(subjects), len(subjects)):
            function, times = subjects[name], []
            for number in range(calls):
                began = clock()
                function(number)
                times.append(clock() - began)
            if turn:
                samples[name].append(times)
    return {name: Samples(each) for name, each in samples.items()}


async def aby_turns(
    subjects: Mapping[str, Callable[[int], Awaitable[object]]], *, rounds: int, calls: int
) -> dict[str, Samples]:
    """Do the same with coroutine functions, one call at a time."""
    samples: dict[str, list[list[float]]] = {name: [] for name in subjects}
    clock = time.perf_counter
    for turn in range(rounds + 1):
        for name in _SHUFFLE.sample(list(subjects), len(subjects)):
            function, times = subjects[name], []
            for number in range(calls):
                began = clock()
                await function(number)
                times.append(clock() - began)
            if turn:
                samples[name].append(times)
    return {name: Samples(each) for name, each in samples.items()}


async def athroughput(
    subjects: Mapping[str, Callable[[int], Awaitable[object]]],
    *,
    askers: int,
    rounds: int,
    calls: int,
) -> dict[str, Samples]:
    """Return operations per second of so many tasks that ask again and again, by turns."""
    samples: dict[str, list[list[float]]] = {name: [] for name in subjects}

    async def ask(function: Callable[[int], Awaitable[object]], first: int) -> None:
        for number in range(max(1, calls // askers)):
            await function(first + number)

    for turn in range(rounds + 1):
        for name in _SHUFFLE.sample(list(subjects), len(subjects)):
            began = time.perf_counter()
            await asyncio.gather(*(ask(subjects[name], 7 * asker) for asker in range(askers)))
            took = time.perf_counter() - began
            if turn:
                samples[name].append([max(1, calls // askers) * askers / took])
    return {name: Samples(each) for name, each in samples.items()}


def throughput(
    subjects: Mapping[str, Callable[[int], object]], *, askers: int, rounds: int, calls: int
) -> dict[str, Samples]:
    """Return operations per second of so many threads that ask again and again, by turns."""
    samples: dict[str, list[list[float]]] = {name: [] for name in subjects}
    each = max(1, calls // askers)

    def ask(function: Callable[[int], object], first: int) -> None:
        for number in range(each):
            function(first + number)

    with ThreadPoolExecutor(askers) as pool:
        for turn in range(rounds + 1):
            for name in _SHUFFLE.sample(list(subjects), len(subjects)):
                began = time.perf_counter()
                for done in [pool.submit(ask, subjects[name], 7 * n) for n in range(askers)]:
                    done.result()
                took = time.perf_counter() - began
                if turn:
                    samples[name].append([each * askers / took])
    return {name: Samples(values) for name, values in samples.items()}


def seconds_of(function: Callable[[], Any], *, limit: float) -> tuple[float, Any]:
    """Return the seconds that a call takes, and its result or exception.

    The call runs in a thread of its own. Where it takes longer than the limit, seconds are the
    limit and the result is a ``TimeoutError``; it is then left alone.
    """
    results: list[tuple[float, Any]] = []

    def call() -> None:
        began = time.perf_counter()
        result: Any
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - the table shows it
            result = error
        results.append((time.perf_counter() - began, result))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(limit)
    return results[0] if results else (limit, TimeoutError(f"no answer in {limit:g} s"))


_PROBE: Final = """
import sys, time
from valkey import Valkey
client = Valkey.from_url(sys.argv[1], socket_timeout=30)
client.set("probe", b"x" * 100)
worst, end = 0.0, time.perf_counter() + float(sys.argv[2])
print("ready", flush=True)
import threading
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(1), stop.set()), daemon=True).start()
while not stop.is_set() and time.perf_counter() < end:
    began = time.perf_counter()
    client.get("probe")
    worst = max(worst, time.perf_counter() - began)
    time.sleep(0.0002)
print(worst, flush=True)
"""


@dataclass
class Stall:
    """What another client saw."""

    worst: float = 0.0


@contextmanager
def others_stall(url: str, *, limit: float = 60.0) -> Iterator[Stall]:
    """Ask for a key from another process all the while; tell its slowest answer, in seconds."""
    stall = Stall()
    with subprocess.Popen(  # noqa: S603 - this Python, our own lines
        [sys.executable, "-c", _PROBE, url, str(limit)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05)
        try:
            yield stall
        finally:
            with contextlib.suppress(BrokenPipeError):
                said, _ = process.communicate("x")
                stall.worst = float(said.strip() or "nan")
