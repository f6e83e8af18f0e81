"""gevent and eventlet, patched wholly, by halves, late: it works, or says so at once.

Each case is a process of its own: patches cannot be taken back.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.servers import Server

SCRIPT = """
import asyncio, importlib, json, logging, sys, threading, time, warnings
warnings.simplefilter("ignore")
library, when, how, url = sys.argv[1:]

def patch():
    options = json.loads(how)
    if library == "gevent":
        from gevent import monkey
        monkey.patch_all(**options)
    else:
        import eventlet
        eventlet.monkey_patch(**options)

if when == "first":
    patch()
from langchain_core.outputs import Generation
from langchain_llmcache import ConfigurationError, LLMCache

if when == "after the import":
    patch()
lines = []

class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

logging.getLogger("langchain_llmcache").addHandler(Lines())
try:
    cache = LLMCache.from_url(url, timeout=10, max_wait=5)
except ConfigurationError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
if when == "after the first use":
    cache.update("question", "m", [Generation(text="x")])
    patch()

def spawn(number, work):
    if library == "gevent":
        import gevent
        gevent.joinall([gevent.spawn(work) for _ in range(number)], raise_error=True)
    else:
        from eventlet import GreenPool
        pool = GreenPool(number)
        for _ in range(number):
            pool.spawn(work)
        pool.waitall()

cache.update("question", "m", [Generation(text="x")])
spawn(20, lambda: [cache.lookup("question", "m") for _ in range(10)])
threads = [threading.Thread(target=lambda: cache.lookup("question", "m")) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if library == "gevent":
    pool = importlib.import_module("gevent").get_hub().threadpool
    for _ in range(2):
        [job.get() for job in [pool.spawn(cache.lookup, "question", "m") for _ in range(5)]]
        cache.lookup("question", "m")
hits, calls = cache.stats().hits, []

def ask():
    if cache.lookup("another", "m") is None:
        calls.append(1)
        time.sleep(0.3)
        cache.update("another", "m", [Generation(text="y")])

spawn(30, ask)

async def use():
    await cache.aupdate("third", "m", [Generation(text="z")])
    found = await asyncio.gather(*(cache.alookup("third", "m") for _ in range(20)))
    await cache.aclose()
    return sum(each is not None for each in found)

ahits = asyncio.run(use())
cache.close()
stats = cache.stats()
print(json.dumps({"hits": hits, "ahits": ahits, "calls": len(calls), "errors": stats.errors,
                  "breaker": stats.breaker, "lines": lines}))
"""
NO_THREADS = '{"thread": false}'
ALL = "{}"


def outcome(library: str, when: str, how: str, url: str) -> dict[str, Any]:
    """Return what the script tells."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed here")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, library, when, how, url],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def url_of(kind: str, server: Server, path: Path) -> str:
    """Return the URL of a store."""
    return server.url if kind == "valkey" else f"sqlite:///{path / 'cache.db'}"


@pytest.mark.parametrize(
    ("library", "when", "kind"),
    [
        ("gevent", "first", "valkey"),
        ("eventlet", "after the import", "valkey"),
        ("gevent", "after the first use", "sqlite"),
        *(
            pytest.param(library, when, kind, marks=pytest.mark.long)
            for library in ("gevent", "eventlet")
            for when in ("first", "after the import", "after the first use")
            for kind in ("valkey", "sqlite")
        ),
    ],
)
def test_patched_wholly(library: str, when: str, kind: str, server: Server, tmp_path: Path) -> None:
    """Every lookup is a hit, one of many askers asks the model, and both halves work.

    Also in the real threads of gevent's pool, whose sockets serve no other thread.
    """
    found = outcome(library, when, ALL, url_of(kind, server, tmp_path))
    assert found["hits"] == (217 if library == "gevent" else 205)
    assert found["ahits"] == 20
    assert found["calls"] == 1
    assert (found["errors"], found["breaker"], found["lines"]) == (0, "closed", [])


def test_eventlet_without_threads(server: Server) -> None:
    """It works; green threads of one thread do not wait for each other."""
    found = outcome("eventlet", "first", NO_THREADS, server.url)
    assert (found["hits"], found["ahits"]) == (205, 20)
    assert (found["errors"], found["breaker"]) == (0, "closed")


def test_gevent_without_threads_is_refused(server: Server) -> None:
    """A connection would belong to the thread that made it: that is said at once."""
    found = outcome("gevent", "after the import", NO_THREADS, server.url)
    assert "gevent has patched sockets but not threads" in found["refused"]
    assert "monkey.patch_all()" in found["refused"]


@pytest.mark.long
def test_gevent_without_threads_serves_files(tmp_path: Path, server: Server) -> None:
    """There, no connection is handed from thread to thread."""
    found = outcome("gevent", "first", NO_THREADS, url_of("sqlite", server, tmp_path))
    assert (found["hits"], found["ahits"]) == (217, 20)


@pytest.mark.long
def test_gevent_without_threads_after_the_first_use(server: Server) -> None:
    """Connections that are there go on; others are not made, and one line says why."""
    found = outcome("gevent", "after the first use", NO_THREADS, server.url)
    assert found["breaker"] == "closed"
    assert found["errors"] == 0 or any("monkey.patch_all()" in line for line in found["lines"])
