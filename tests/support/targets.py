"""Every store that an ``LLMCache`` runs on, and both halves of its protocol, as one table.

A test that takes the fixture ``target`` runs once for each store; one that takes ``half`` runs
once sync and once async.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from langgraph.cache.memory import InMemoryCache
from langgraph.cache.sqlite import SqliteCache
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Valkey

from langchain_llmcache import LLMCache
from tests.support.acl import MINIMAL_USER, denied
from tests.support.certificates import Certificates
from tests.support.patience import PATIENT
from tests.support.servers import ValkeyServer

# One and the same request, for tests that need any request.
PROMPT = "What is a lease?"


def llm_string(model: str) -> str:
    """Return the settings of a model of that name, as langchain-core writes them."""
    head = {
        "id": ["test", "Model"],
        "kwargs": {"model_name": model},
        "lc": 1,
        "type": "constructor",
    }
    return f"{json.dumps(head, sort_keys=True)}---[('stop', None)]"


LLM_STRING = llm_string("model-a")


def answer(text: str = "A promise with a date.") -> list[Generation]:
    """Return the answer of a chat model."""
    return [ChatGeneration(message=AIMessage(text, id="run-1"))]


def set_clock(cache: LLMCache, now: Callable[[], float]) -> None:
    """Have the cache's entries written and read at the times that a clock tells."""
    cache._flow._now = cache._flow._reader._now = now


def keep_open(cache: LLMCache) -> None:
    """Have the cache's breaker see no time pass: once it is open, no probe comes in between."""
    cache._flow._gate._breaker._monotonic = lambda: 0.0


def texts(generations: list[Generation] | None) -> list[str] | None:
    """Return the texts of an answer, or None for a miss."""
    return None if generations is None else [generation.text for generation in generations]


@dataclass(frozen=True)
class Target:
    """A store, and how to put caches on it.

    Attributes:
        name: As in the test's id.
        make: Returns a new cache on the same store; keywords as for ``LLMCache``, and
            ``prefix``, where the store has one.
        prefixes: Whether the prefix can be chosen.
    """

    name: str
    make: Callable[..., LLMCache]
    prefixes: bool = True


@contextmanager
def _memory(_: pytest.FixtureRequest) -> Iterator[Target]:
    first = LLMCache()

    def make(**options: Any) -> LLMCache:
        return LLMCache(first.store, **options)

    yield Target("memory", make, prefixes=False)


@contextmanager
def _sqlite(request: pytest.FixtureRequest) -> Iterator[Target]:
    path: Path = request.getfixturevalue("tmp_path") / "cache.db"
    with _at(f"sqlite:///{path}", "sqlite") as target:
        yield target


@contextmanager
def _fakeredis(_: pytest.FixtureRequest) -> Iterator[Target]:
    from fakeredis import FakeValkey  # not while tests are collected: it takes a second

    client = FakeValkey()

    def make(*, prefix: str = "llm_cache:", **options: Any) -> LLMCache:
        return LLMCache(ValkeyCache(client, prefix=prefix), **options)

    yield Target("fakeredis", make)


@contextmanager
def _at(url: str, name: str, *, prefixes: bool = True) -> Iterator[Target]:
    """Caches at a URL."""
    made: list[LLMCache] = []

    def make(**options: Any) -> LLMCache:
        made.append(LLMCache.from_url(url, **{"timeout": PATIENT, **options}))
        return made[-1]

    yield Target(name, make, prefixes)
    for cache in made:
        cache.close()


@contextmanager
def _valkey(request: pytest.FixtureRequest) -> Iterator[Target]:
    with _at(request.getfixturevalue("valkey_url"), "valkey") as target:
        yield target


@contextmanager
def _wrapped(request: pytest.FixtureRequest) -> Iterator[Target]:
    client = Valkey.from_url(request.getfixturevalue("valkey_url"))
    made: list[LLMCache] = []

    def make(*, prefix: str = "llm_cache:", **options: Any) -> LLMCache:
        store = ValkeyCache[Any](client, prefix=prefix)
        made.append(LLMCache(store, **{"timeout": PATIENT, **options}))
        return made[-1]

    yield Target("ValkeyCache", make)
    for cache in made:
        cache.close()
    client.close()


@contextmanager
def _cluster(request: pytest.FixtureRequest) -> Iterator[Target]:
    with _at(request.getfixturevalue("cluster_url"), "cluster") as target:
        yield target


@contextmanager
def _minimal_tls(request: pytest.FixtureRequest) -> Iterator[Target]:
    """TLS, and a user with no more rights than documented."""
    with _permitted(request.getfixturevalue("minimal_server"), request) as target:
        yield replace(target, name="minimal tls")


@contextmanager
def _minimal_cluster(request: pytest.FixtureRequest) -> Iterator[Target]:
    """A cluster with TLS, and a user with no more rights than documented."""
    with _permitted(request.getfixturevalue("minimal_cluster"), request) as target:
        yield replace(target, name="minimal cluster")


@contextmanager
def _permitted(nodes: list[ValkeyServer], request: pytest.FixtureRequest) -> Iterator[Target]:
    """A store behind a user; whatever is denied to that user fails the test."""
    certificates: Certificates = request.getfixturevalue("certificates")
    url = f"{nodes[0].url_for(*MINIMAL_USER)}?ssl_ca_certs={certificates.ca}"
    with _at(url, "", prefixes=False) as target:
        yield target
    assert denied(nodes) == []


@contextmanager
def _langgraph_memory(_: pytest.FixtureRequest) -> Iterator[Target]:
    store: InMemoryCache[Any] = InMemoryCache()

    def make(**options: Any) -> LLMCache:
        return LLMCache(store, **options)

    yield Target("InMemoryCache", make, prefixes=False)


@contextmanager
def _langgraph_sqlite(request: pytest.FixtureRequest) -> Iterator[Target]:
    store: SqliteCache[Any] = SqliteCache(path=str(request.getfixturevalue("tmp_path") / "c.db"))

    def make(**options: Any) -> LLMCache:
        return LLMCache(store, **options)

    yield Target("SqliteCache", make, prefixes=False)
    store._conn.close()  # it has no close()


_EMBEDDED = [_memory, _sqlite, _fakeredis, _langgraph_memory, _langgraph_sqlite]
_SERVERS = [_valkey, _wrapped, _cluster, _minimal_tls, _minimal_cluster]


def all_targets() -> list[Any]:
    """Return a parameter for each store; those on a real server carry its marker."""
    return [
        *(pytest.param(open_, id=open_.__name__.strip("_")) for open_ in _EMBEDDED),
        *(
            pytest.param(open_, id=open_.__name__.strip("_"), marks=pytest.mark.server)
            for open_ in _SERVERS
        ),
    ]


class Half:
    """One half of the protocol, sync or async, under the sync names.

    The sync half runs inside a running event loop too (as in Jupyter), because tests are
    coroutines.
    """

    def __init__(self, kind: Literal["sync", "async"], cache: LLMCache) -> None:
        self._prefix = "a" if kind == "async" else ""
        self._cache = cache

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the method of that name, as a coroutine function in either case."""
        method = getattr(self._cache, self._prefix + name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return call
