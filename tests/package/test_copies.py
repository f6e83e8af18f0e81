"""Copies and pickles: a cache is a handle, and no secret leaves the process in a pickle."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langgraph.cache.memory import InMemoryCache as NodeCache
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph_checkpoint_aws import ValkeyCache
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict
from valkey import Valkey

from langchain_llmcache import CacheEvent, ConfigurationError, LLMCache, NearCache
from langchain_llmcache.agents import CacheMiddleware
from langchain_llmcache.streaming import with_cache
from langchain_llmcache.telemetry.logs import LogEvents
from langchain_llmcache.telemetry.otel import OpenTelemetryMetrics
from langchain_llmcache.telemetry.prometheus import PrometheusMetrics
from tests.support import ROOT
from tests.support.patience import LATE, PATIENT, eventually
from tests.support.servers import Server, StartServer
from tests.support.targets import LLM_STRING, PROMPT, answer, texts

SECRET = "s3cr3t-of-this-test"


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("valkey", marks=pytest.mark.server),
        pytest.param("wrapped", marks=pytest.mark.server),
    ]
)
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LLMCache]:
    """A cache of each kind, with all that may be hard to copy."""
    options: dict[str, Any] = {
        "on_event": [PrometheusMetrics(CollectorRegistry()), lambda _: None],
        "ttl": lambda _: 60,
        "near": NearCache(),
        "key_secret": SECRET,
    }
    make: dict[str, Callable[[], LLMCache]] = {
        "memory": lambda: LLMCache(**options),
        "sqlite": lambda: LLMCache.from_url(f"sqlite:///{tmp_path / 'cache.db'}", **options),
        "valkey": lambda: LLMCache.from_url(f"valkey://u:{SECRET}@127.0.0.1:1", **options),
        "wrapped": lambda: LLMCache(ValkeyCache(Valkey(port=1)), **options),
    }
    with make[request.param]() as made:
        if request.param != "wrapped":
            _ = made.store
        yield made


# --- copies ------------------------------------------------------------------------------------


def model(cache: Any) -> FakeListChatModel:
    """Return a model with a cache of its own."""
    return FakeListChatModel(responses=["a"], cache=cache)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_cache(cache: LLMCache, copied: Callable[[Any], Any]) -> None:
    """Also inside of what is copied."""
    assert copied(cache) is cache
    assert copied(model(cache)).cache is cache
    assert copied(with_cache(model(cache))).cache is cache
    assert copied([cache])[0] is cache


def test_a_copied_model_keeps_its_cache(cache: LLMCache) -> None:
    """Models, bound models, chains, agents: whatever holds a cache can be copied deeply."""
    assert model(cache).model_copy(deep=True).cache is cache
    bound: Any = copy.deepcopy(with_cache(model(cache)).bind(stop=["x"]))
    assert bound.bound.cache is cache
    chain: Any = ChatPromptTemplate.from_template("{x}") | model(cache) | StrOutputParser()
    copied: Any = copy.deepcopy(chain)
    assert copied.steps[1].cache is cache
    assert copy.deepcopy(chain).model_copy(deep=True).steps[1].cache is cache
    assert copy.deepcopy(CacheMiddleware(cache)) is not None
    agent = create_agent(model(cache), middleware=[CacheMiddleware(cache)])
    assert copy.copy(agent).invoke({"messages": ["hi"]})["messages"][-1].text == "a"


def test_models_with_caches_as_defaults(cache: LLMCache) -> None:
    """Pydantic copies defaults for each object."""

    class Settings(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        model: Any = model(cache)
        plain: Any = cache

    assert Settings().model.cache is cache
    assert Settings().plain is cache
    assert Settings().model_copy(deep=True).plain is cache


def test_a_store_is_a_handle_too(cache: LLMCache) -> None:
    """The LangGraph cache of a graph that is copied stays the same."""
    if type(cache.store) is not ValkeyCache:  # the user's own
        assert copy.deepcopy(cache.store) is cache.store


# --- pickles -----------------------------------------------------------------------------------


def sixty(_: object) -> float:
    """Return a TTL, as an application's function would."""
    return 60.0


def listener(_: CacheEvent) -> None:
    """Listen."""


def in_another_process(pickled: bytes) -> tuple[Any, ...]:
    """Look up with a cache, or with a model, that was pickled; here twice."""
    first, second = pickle.loads(pickled), pickle.loads(pickled)  # noqa: S301 - our own
    caches = [getattr(each, "cache", each) for each in (first, second)]
    found: list[list[str]] = []

    def finds() -> list[list[str]]:
        answered = texts(caches[0].lookup(PROMPT, LLM_STRING))
        found.extend([] if answered is None else [answered])
        return found

    # (A new process on a busy machine may need more than half a second; then the breaker is open.)
    eventually(finds, seconds=LATE)
    return found[0], caches[0] is caches[1], caches[0]._ttl, caches[0]._opened.name


def elsewhere(function: Callable[[bytes], Any], *pickled: bytes) -> list[Any]:
    """Call a function in a new process, with one after the other."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(function, pickled)


def test_it_is_made_again_from_its_arguments(server: Server) -> None:
    """Another process looks up where this one has stored; twice pickled is one cache there."""
    made = LLMCache.from_url(
        server.url,
        prefix="app:",
        namespace=["a", "b"],
        ttl=sixty,
        near=NearCache(),
        on_event=[listener, LogEvents(), PrometheusMetrics(), OpenTelemetryMetrics()],
    )
    made.update(PROMPT, LLM_STRING, answer("found"))
    sent = (made, model(made), with_cache(model(made)).bind(stop=["x"]).bound)
    for found, is_one, ttl, name in elsewhere(in_another_process, *map(pickle.dumps, sent)):
        assert (found, is_one, ttl.__name__) == (["found"], True, "sixty")
        assert name == f"{server.url.removesuffix('/0')}, prefix app:"
    made.close()


def test_here_it_is_the_same_cache(cache: LLMCache) -> None:
    """What comes back into its own process is the cache that it was."""
    plain = LLMCache.from_url("memory://?max_entries=5", ttl=timedelta(days=1))
    assert pickle.loads(pickle.dumps(plain)) is plain  # noqa: S301
    assert pickle.loads(pickle.dumps(model(plain))).cache is plain  # noqa: S301
    assert cloudpickle.loads(cloudpickle.dumps(plain)) is plain


def test_secrets_travel_by_the_variable_that_they_came_from(
    own_valkey_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pickle has the names of the variables, and the other process their values."""
    server = own_valkey_server(password=SECRET)
    monkeypatch.setenv("LLMCACHE_URL", server.url)
    monkeypatch.setenv("MY_CACHE", server.url)
    monkeypatch.setenv("MY_KEY", SECRET)
    made = [
        LLMCache.from_env(),
        LLMCache.from_url(os.environ["MY_CACHE"]),
        LLMCache.from_url(os.environ["MY_CACHE"], key_secret=SECRET, ttl=9),
        LLMCache.from_url(server.url, key_secret=SECRET.encode()),
    ]
    for each in made:
        each.update(PROMPT, LLM_STRING, answer("found"))
        assert SECRET.encode() not in cloudpickle.dumps(model(each))
        each.close()
    pickled = [pickle.dumps(each) for each in made]
    assert SECRET.encode() not in b"".join(pickled)
    found = elsewhere(in_another_process, *pickled)
    assert [texts for texts, *_ in found] == [["found"]] * 4
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(ConfigurationError, match="MY_KEY, which is not set"):
        elsewhere(in_another_process, pickled[3])


def test_elasticache_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With IAM as it is; with a password by its variable."""
    endpoint = "my-cache-a1b2c3.serverless.use1.cache.amazonaws.com"
    name = f"valkeys://{endpoint}:6379"
    iam = LLMCache.from_elasticache(endpoint, user="app", ttl=9)
    with_password = LLMCache.from_elasticache(endpoint, user="app", password=SECRET)
    with pytest.raises(pickle.PicklingError, match=r"password=.*environment variable"):
        pickle.dumps(with_password)
    monkeypatch.setenv("CACHE_PASSWORD", SECRET)
    pickled = pickle.dumps(with_password)
    assert SECRET.encode() not in pickled
    monkeypatch.setenv("LLMCACHE_ELASTICACHE", endpoint)
    from_env = pickle.dumps(LLMCache.from_env())
    there = elsewhere(named, pickle.dumps(iam), pickled, from_env)
    assert [there[0], *(name for name, _ in there[1:])] == [(name, 9), name, name]


def named(pickled: bytes) -> tuple[str, Any]:
    """Return the name of a cache that was pickled, and its TTL."""
    cache = pickle.loads(pickled)  # noqa: S301 - our own
    return cache._opened.name, cache._ttl


REFUSED: dict[str, tuple[Callable[[], LLMCache], str]] = {
    "password": (lambda: LLMCache.from_url(f"valkey://u:{SECRET}@h"), "environment variable"),
    "password option": (
        lambda: LLMCache.from_url(f"valkey://h?password={SECRET}"),
        "environment variable",
    ),
    "other environment": (
        lambda: LLMCache.from_env({"LLMCACHE_URL": f"valkey://:{SECRET}@h"}),
        "environment variable",
    ),
    "key": (lambda: LLMCache(key_secret=SECRET), "key_secret=.*environment variable"),
    "short key": (lambda: LLMCache(key_secret=os.environ["SHORT"]), "key_secret="),
    "serializer": (
        lambda: LLMCache.from_url(
            "memory://", serde=EncryptedSerializer.from_pycryptodome_aes(key=SECRET[:16].encode())
        ),
        "serde=.*in each process",
    ),
    "live client": (
        lambda: LLMCache(ValkeyCache(Valkey(port=1))),
        "over a ValkeyCache.*in each process, with LLMCache.from_url",
    ),
    "live store": (lambda: LLMCache(NodeCache()), "over an InMemoryCache.*in each process"),
    "registry": (
        lambda: LLMCache(on_event=PrometheusMetrics(CollectorRegistry())),
        "registry of its own",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_what_cannot_travel_says_what_to_do(
    kind: str, dumps: Callable[[Any], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, without the secret; the cache goes on working here."""
    monkeypatch.setenv("SHORT", "x1y2")
    make, match = REFUSED[kind]
    cache = make()
    for each in (cache, model(cache), with_cache(model(cache))):
        with pytest.raises(pickle.PicklingError, match=match) as caught:
            dumps(each)
        assert SECRET not in str(caught.value)
    assert copy.deepcopy(cache) is cache


SCRIPT = """
import sys, cloudpickle
from langchain_core.outputs import Generation
cache = cloudpickle.loads(sys.stdin.buffer.read()).cache
cache.update("prompt", "model", [Generation(text="long enough")])
cache.update("prompt 2", "model", [Generation(text="short")])
print(cache.lookup("prompt", "model")[0].text, cache.lookup("prompt 2", "model"))
"""


def test_lambdas_travel_with_cloudpickle() -> None:
    """As Ray and Dask send them."""
    cache = LLMCache(ttl=lambda _: 60, should_store=lambda new: len(new.generations[0].text) > 5)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(cache)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=cloudpickle.dumps(model(cache)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split() == ["long", "enough", "None"]


def test_the_caches_of_others_are_none_of_our_business() -> None:
    """LangChain's own cache is pickled as ever."""
    assert pickle.loads(pickle.dumps(model(InMemoryCache()))).cache._cache == {}  # noqa: S301


def after_a_fork(url: str) -> int:
    """Fork, and return 0 if the child finds all."""
    made = LLMCache.from_url(url, timeout=PATIENT)
    made.update(PROMPT, LLM_STRING, answer("found"))
    pickled = pickle.dumps(made)
    pid = os.fork()
    if pid == 0:
        same = pickle.loads(pickled) is made  # noqa: S301
        found = made.lookup(PROMPT, LLM_STRING) is not None
        os._exit(0 if same and found else 1)
    return os.waitpid(pid, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_the_same_cache(
    server: Server, small_process: Callable[..., Any]
) -> None:
    """There is nothing to be made again."""
    assert small_process(after_a_fork, server.url) == 0
