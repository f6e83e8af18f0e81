"""One tree of this repository, measured for ``bench.py --against``.

    python _tree.py ROOT URL NAME

It imports the package from ROOT, says ``ready``, and then, for each line that names one of its
subjects, measures that once and writes the value.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

CALLS = 150
QUESTIONS = [f"How do I export the last {7 + day} days of orders?" for day in range(50)]


class Tree:
    """What is measured of a tree.

    Args:
        bench: The module.
        url: A server.
    """

    def __init__(self, bench: Any, url: str) -> None:
        self.bench = bench
        self.caches = bench.Bench(url, quick=False, ours=False)
        self.requests = bench.record(QUESTIONS, answer_bytes=2000)
        self.caches.fill(self.requests)
        self.loop = asyncio.new_event_loop()
        self.endpoint = bench.ConverseEndpoint(answer_bytes=2000)
        self.endpoint.__enter__()
        self.own = _Timed(bench.LLMCache.from_url("memory://"))
        near = bench.NearCache(ttl=3600)
        self.own_near = _Timed(bench.LLMCache.from_url("memory://", near=near))

    def subjects(self) -> dict[str, Callable[[], float]]:
        """Return what is measured, by name: median \u00b5s of a call, or hits per second."""
        lookups = self.caches.lookups(self.requests)
        names = {"GET": self.bench.RAW, "lookup": self.bench.OURS, "near lookup": self.bench.NEAR}
        subjects: dict[str, Callable[[], float]] = {
            name: lambda call=lookups[subject]: _median(call)  # type: ignore[misc]
            for name, subject in names.items()
        }
        for name, cache in (("own", self.own), ("own, near", self.own_near)):
            subjects[name] = lambda cache=cache: self._own(cache)  # type: ignore[misc]
        for name, cache in (
            ("invoke", self.caches.ours),
            ("invoke, near", self.caches.near),
            ("invoke, floor", self.caches.floor),
            ("invoke, InMemoryCache", self.caches.caches[self.bench.MEMORY]),
        ):
            subjects[name] = self._invoke(cache)
        alookups = self.caches.alookups(self.requests)
        for name, subject in (("64 tasks", self.bench.OURS), ("64, by hand", self.bench.BY_HAND)):
            subjects[name] = lambda call=alookups[subject]: self._rate(call)  # type: ignore[misc]
        return subjects

    def _invoke(self, cache: Any) -> Callable[[], float]:
        model = self.bench.chat_model(self.endpoint, cache=cache)
        return lambda: _median(lambda number: model.invoke(QUESTIONS[number % len(QUESTIONS)]))

    def _own(self, cache: _Timed) -> float:
        model = self.bench.chat_model(self.endpoint, cache=cache)
        cache.times.clear()
        _median(lambda number: model.invoke(QUESTIONS[number % len(QUESTIONS)]))
        return median(cache.times) * 1e6

    def _rate(self, call: Callable[[int], Any]) -> float:
        async def ask(first: int) -> None:
            for number in range(8):
                await call(first + number)

        async def all_of_them() -> float:
            began = time.perf_counter()
            await asyncio.gather(*(ask(7 * asker) for asker in range(64)))
            return 64 * 8 / (time.perf_counter() - began)

        return self.loop.run_until_complete(all_of_them())

    def close(self) -> None:
        """Remove what was stored."""
        self.loop.run_until_complete(self.caches.close())
        self.endpoint.__exit__(None, None, None)


class _Timed:
    """A cache whose lookups are timed where langchain-core asks it."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self.times: list[float] = []

    def lookup(self, prompt: str, llm_string: str) -> Any:
        """Look up."""
        began = time.perf_counter()
        found = self.cache.lookup(prompt, llm_string)
        self.times.append(time.perf_counter() - began)
        return found

    def update(self, prompt: str, llm_string: str, answer: Any) -> None:
        """Store."""
        self.cache.update(prompt, llm_string, answer)

    def clear(self) -> None:
        """Do nothing."""


def _median(call: Callable[[int], object]) -> float:
    times = []
    for number in range(CALLS):
        began = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - began)
    return median(times) * 1e6


def main() -> None:
    """Measure what is asked for."""
    root, url, name = sys.argv[1:]
    sys.path.insert(0, root)
    import langchain_llmcache

    if not Path(langchain_llmcache.__file__).is_relative_to(Path(root).resolve()):
        raise SystemExit(f"the package did not come from {root}")
    import bench
    from langchain_core.caches import BaseCache

    BaseCache.register(_Timed)
    bench.PREFIX = f"{bench.PREFIX}{name}:"  # type: ignore[misc]
    tree = Tree(bench, url)
    subjects = tree.subjects()
    print(*subjects, sep="\t", flush=True)
    try:
        for line in sys.stdin:
            print(subjects[line.strip()](), flush=True)
    finally:
        tree.close()


if __name__ == "__main__":
    main()
