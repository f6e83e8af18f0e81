"""Mixed load from threads, tasks and processes on a server to which bad things happen.

    python -m tests.soak --minutes 10

Every answer carries its question, so that a wrong one is seen. Ends with status 1 if anything
was raised or wrong, or if memory or descriptors grew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from valkey.exceptions import ResponseError

from langchain_llmcache import LLMCache, StoreError
from tests.support import ROOT
from tests.support.proxy import (
    BlackHole,
    Delay,
    Drip,
    FaultProxy,
    Garbage,
    Refuse,
    Reset,
    Truncate,
)
from tests.support.proxy import Fault as Network
from tests.support.servers import ValkeyServer
from tests.support.targets import LLM_STRING, answer, texts

_THREADS: Final = 4
_TASKS: Final = 12
_QUESTIONS: Final = 300
# Seconds between two silent cuts of half of the connections, besides all that happens at random.
_CUT_EVERY: Final = 60.0
# What may come and go within a run: buffers, threads that connect, the allocator's moods.
_SLACK_KIB: Final = 16 * 1024
_SLACK_DESCRIPTORS: Final = 45  # connections of 4 threads and 12 tasks, and some in the making


# ---------------------------------------------------------------------------- one process of many


class Worker:
    """A process that uses a cache in every way at once.

    Args:
        url: The store.
        seconds: How long.
        seed: Of its choices.
    """

    def __init__(self, url: str, seconds: float, seed: int) -> None:
        self._until = time.monotonic() + seconds
        self._half_way = time.monotonic() + seconds / 3
        self._random = random.Random(seed)
        self._cache = LLMCache.from_url(
            url, lease=2.0, max_wait=1.0, ttl=30, timeout=0.3, namespace="soak"
        )
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._longest = 0.0

    def run(self) -> dict[str, Any]:
        """Work until it is time, and return what happened."""
        threads = [threading.Thread(target=self._thread) for _ in range(_THREADS)]
        threads.append(threading.Thread(target=lambda: asyncio.run(self._loop())))
        for thread in threads:
            thread.start()
        time.sleep(max(0.0, self._half_way - time.monotonic()))
        early = resources()
        for thread in threads:
            thread.join()
        self._cache.close()
        gc.collect()
        late = resources()
        stats = self._cache.stats()
        return {
            **self._counts,
            "longest": round(self._longest, 3),
            "memory": [early["memory"], late["memory"]],
            "descriptors": [early["descriptors"], late["descriptors"]],
            "hits": stats.hits,
            "misses": stats.misses,
            "waits": stats.waits,
            "stores": stats.stores,
            "errors": stats.errors,
            "denied": stats.denied,
            "corrupt": stats.corrupt,
            "skipped": stats.skipped,
        }

    def _thread(self) -> None:
        while time.monotonic() < self._until:
            question = self._question()
            with self._watching():
                found = self._cache.lookup(question, LLM_STRING)
                if not self._checked(question, texts(found)):
                    time.sleep(0.003)  # the model thinks
                    self._cache.update(question, LLM_STRING, answer(f"answer to {question}"))
            with self._watching():
                self._administer_sometimes(self._cache.clear, self._cache.delete, question)
            time.sleep(0.002)

    async def _loop(self) -> None:
        await asyncio.gather(*(self._task() for _ in range(_TASKS)))
        await self._cache.aclose()

    async def _task(self) -> None:
        while time.monotonic() < self._until:
            question = self._question()
            with self._watching():
                if self._random.random() < 0.02:
                    await self._cancelled(question)
                found = await self._cache.alookup(question, LLM_STRING)
                if not self._checked(question, texts(found)):
                    await asyncio.sleep(0.003)
                    answered = answer(f"answer to {question}")
                    await self._cache.aupdate(question, LLM_STRING, answered)
            await asyncio.sleep(0.004)

    async def _cancelled(self, question: str) -> None:
        task = asyncio.create_task(self._cache.alookup(question, LLM_STRING))
        await asyncio.sleep(self._random.random() * 0.002)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def _administer_sometimes(
        self, clear: Callable[[], object], delete: Callable[[str, str], bool], question: str
    ) -> None:
        with contextlib.suppress(StoreError):  # an operator is told
            if self._random.random() < 0.01:
                delete(question, LLM_STRING)
            elif self._random.random() < 0.0005:
                clear()

    def _question(self) -> str:
        return f"question {self._random.randrange(_QUESTIONS)} {'x' * self._random.randrange(3)}"

    def _checked(self, question: str, found: list[str] | None) -> bool:
        if found is not None and found != [f"answer to {question}"]:
            self._count("wrong")
        return found is not None

    @contextmanager
    def _watching(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        except Exception as error:
            self._count(f"raised {error!r:.200}")
        self._count("calls")
        self._longest = max(self._longest, time.monotonic() - start)

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1


def resources() -> dict[str, int]:
    """Return this process's memory (KiB) and open descriptors."""
    status = Path("/proc/self/status").read_text()
    [memory] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return {
        "memory": int(memory),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }


# ---------------------------------------------------------------------------- what happens to them


class Misfortune:
    """Breaks a server and its network in random ways, and mends them.

    Args:
        server: The server.
        proxy: Through which it is reached.
        seed: Of its choices.
    """

    def __init__(self, server: ValkeyServer, proxy: FaultProxy, seed: int) -> None:
        self._server = server
        self._proxy = proxy
        self._random = random.Random(seed)
        self.counts: Counter[str] = Counter()

    def strike(self) -> None:
        """Do one bad thing for a while."""
        network: list[Network] = [
            Reset(),
            Refuse(),
            BlackHole(),
            Garbage(),
            Truncate(self._random.randrange(1, 40)),
            Drip(0.01),
            Delay(self._random.choice((0.02, 0.25, 0.6))),
        ]
        server = [self._kill, self._freeze, self._fill, self._pause, self._flush, self._plant]
        server.append(self.forget)
        if self._random.random() < 0.6:
            strike = self._random.choice(server)
            self.counts[strike.__name__.strip("_")] += 1
            strike()
            return
        choice = self._random.choice(network)
        self.counts[type(choice).__name__.lower()] += 1
        with self._proxy.faulty(choice):
            self._wait()
        if isinstance(choice, Drip | BlackHole):
            self._proxy.cut()

    def forget(self) -> None:
        """Cut half of the connections without a word, as a NAT or a load balancer does."""
        self.counts["forgotten connections"] += self._proxy.forget(0.5)

    def _wait(self) -> None:
        time.sleep(self._random.uniform(0.1, 1.5))

    def _kill(self) -> None:
        self._server.kill()
        self._wait()
        self._server.start()

    def _freeze(self) -> None:
        with self._server.frozen():
            self._wait()

    def _fill(self) -> None:
        with self._server.client() as client:
            client.config_set("maxmemory", 1)
            self._wait()
            client.config_set("maxmemory", 0)

    def _pause(self) -> None:
        with self._server.client() as client:
            client.client_pause(700)

    def _flush(self) -> None:
        self._server.flush()

    def _plant(self) -> None:
        """Exchange entries, cut some short, and put other things in the place of others."""
        with self._server.client() as client:
            keys = client.keys("llm_cache:*")
            self._random.shuffle(keys)
            for first, second in zip(keys[::2], keys[1::2], strict=False):
                match self._random.randrange(5):
                    case 0:
                        client.copy(first, second, replace=True)
                    case 1:
                        with contextlib.suppress(ResponseError):  # it may be a list by now
                            client.setrange(first, 40, "damaged")
                    case 2:
                        client.pipeline().delete(first).rpush(first, "a list").execute()
                    case 3 if self._random.random() < 0.02:
                        with contextlib.suppress(ResponseError):
                            client.setrange(first, 20_000_000, "huge")
                    case _:
                        client.set(first, "lease:of nobody", px=300)


def soak(seconds: float, *, processes: int = 3, seed: int = 1) -> dict[str, Any]:
    """Run the load, and return what happened in all processes together."""
    with ValkeyServer() as server, FaultProxy(server.port) as proxy:
        command = [sys.executable, "-m", "tests.soak", "--worker", proxy.url, "--seconds"]
        workers = [
            subprocess.Popen(
                [*command, str(seconds), "--seed", str(seed + number)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=ROOT,
            )
            for number in range(processes)
        ]
        misfortune = Misfortune(server, proxy, seed)
        until = time.monotonic() + seconds
        cut = time.monotonic()
        time.sleep(min(3.0, seconds / 4))  # they have to start, and to store something
        try:
            while time.monotonic() < until - 2:
                misfortune.strike()
                if time.monotonic() - cut > _CUT_EVERY:
                    misfortune.forget()
                    cut = time.monotonic()
                time.sleep(misfortune._random.uniform(0.2, 2.0))
            said = [each.communicate(timeout=90) for each in workers]
            reports = [json.loads(out) for out, _ in said]
        finally:
            for each in workers:
                each.kill()
                each.wait()
    total: dict[str, Any] = {"processes": reports, "misfortunes": dict(misfortune.counts)}
    sums: Counter[str] = Counter()
    for report in reports:
        for name, value in report.items():
            if isinstance(value, int):
                sums[name] += value
    total["sums"] = dict(sums)
    total["longest"] = max(report["longest"] for report in reports)
    total["problems"] = problems(reports)
    total["problems"] += [error.decode()[-2000:] for _, error in said if error]
    return total


def problems(reports: list[dict[str, Any]]) -> list[str]:
    """Return what was not as promised."""
    found = []
    for report in reports:
        found += [f"{name}: {report[name]}" for name in report if name.startswith("raised")]
        if report.get("wrong"):
            found.append(f"{report['wrong']} wrong answers")
        if not report["hits"]:
            found.append("no hits")
        early, late = report["memory"]
        if late > early * 1.1 + _SLACK_KIB:
            found.append(f"memory grew from {early} to {late} KiB")
        early, late = report["descriptors"]
        if late > _SLACK_DESCRIPTORS:
            found.append(f"{late} descriptors in the end, {early} before")
    return found


def main() -> int:
    """Soak, or be one of the processes of one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.getLogger("langchain_llmcache").setLevel(logging.CRITICAL)
    if arguments.worker:
        report = Worker(arguments.worker, arguments.seconds, arguments.seed).run()
        sys.stdout.write(json.dumps(report))
        return 0
    total = soak(arguments.minutes * 60, processes=arguments.processes, seed=arguments.seed)
    sys.stdout.write(json.dumps(total, indent=2) + "\n")
    return 1 if total["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
