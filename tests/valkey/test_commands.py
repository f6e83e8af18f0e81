"""What reaches the server, seen by the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from langgraph_checkpoint_aws import ValkeyCache
from valkey import Valkey

from langchain_llmcache import LLMCache
from tests.support.patience import PATIENT
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, llm_string, texts

Halves = Callable[[LLMCache], Half]


@pytest.fixture
def cache(valkey_url: str) -> Iterator[LLMCache]:
    """A cache on the shared server."""
    with LLMCache.from_url(valkey_url, timeout=PATIENT, ttl=60) as opened:
        yield opened


async def test_a_lookup_is_one_get(server: Server, cache: LLMCache, half: Halves) -> None:
    """A miss and a hit send one read each, and nothing before the first."""
    with server.monitor() as monitor:
        await half(cache).lookup(PROMPT, LLM_STRING)
        first = [command.name for command in monitor.all_commands]
        await half(cache).update(PROMPT, LLM_STRING, answer())
        monitor.forget()
        await half(cache).lookup(PROMPT, LLM_STRING)
        second = [command.name for command in monitor.all_commands]
    assert first in (["GET"], ["MGET"])
    assert second in (["GET"], ["MGET"])


@pytest.mark.parametrize(
    ("ttl", "expiry"), [(60, (b"PX", b"60000")), (0.0015, (b"PX", b"2")), (None, ())]
)
async def test_a_store_is_one_set(
    server: Server, cache: LLMCache, half: Halves, ttl: float | None, expiry: tuple[bytes, ...]
) -> None:
    """An answer and its TTL travel in one ``SET … PX``, in milliseconds."""
    with server.monitor() as monitor:
        await half(cache).update(PROMPT, LLM_STRING, answer(), ttl=ttl)
    [command] = monitor.all_commands
    assert command.name == "SET"
    key, value, *rest = command.args
    assert key.startswith(b"llm_cache:model-a/")
    assert value.startswith(b"llm2:k")
    assert tuple(rest) == expiry


async def test_a_delete_is_one_unlink(server: Server, cache: LLMCache, half: Halves) -> None:
    """``delete`` sends one UNLINK of one key."""
    with server.monitor() as monitor:
        await half(cache).delete(PROMPT, LLM_STRING)
    [command] = monitor.all_commands
    assert (command.name, len(command.args)) == ("UNLINK", 1)


async def test_a_clear_is_scan_and_unlink(server: Server, cache: LLMCache, half: Halves) -> None:
    """``clear`` sends SCAN and UNLINK, and no command that stops the server or wipes others."""
    with server.client() as client:
        client.set("somebody:else", "1")
        for number in range(2500):
            await half(cache).update(f"prompt {number}", LLM_STRING, answer())
        with server.monitor() as monitor:
            await half(cache).clear()
        assert set(monitor.names) == {"SCAN", "UNLINK"}
        assert max(len(command.args) for command in monitor.commands) < 3999
        assert client.keys() == [b"somebody:else"]


async def test_an_unreadable_entry_is_removed(
    server: Server, cache: LLMCache, half: Halves
) -> None:
    """Bytes that are no entry are a miss, are removed, and are counted apart."""
    await half(cache).update(PROMPT, LLM_STRING, answer())
    with server.client() as client:
        [key] = client.keys()
        for bytes_ in (b"", b"hello", b"msgpack:\x81", b"llm1:{}", b"llm2:{}", b"llm9:{}"):
            client.set(key, bytes_)
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
            assert client.get(key) is None
    stats = cache.stats()
    assert (stats.corrupt, stats.misses, stats.hits) == (6, 0, 0)


# --- prefixes ---

WILDCARDS = ["app[prod]:", "app*:", "app?:", "app\\:", "a^b-c:", "app[!p]:", "ü:", "a b:"]


@pytest.mark.parametrize("prefix", WILDCARDS)
async def test_a_prefix_with_wildcards_clears_its_own_entries(
    server: Server, half: Halves, prefix: str
) -> None:
    """A prefix means itself, whatever it would mean in a pattern."""
    with server.client() as client:
        for other in ("appp:", "appx:", "app:", "appd:", "app\\\\:", "aXb-c:"):
            client.set(f"{other}model-a/{'0' * 64}", b"llm1:{}")
        others = set(client.keys())
        with LLMCache.from_url(server.url, timeout=PATIENT, prefix=prefix) as cache:
            await half(cache).update(PROMPT, LLM_STRING, answer())
            assert len(client.keys()) == len(others) + 1
            await half(cache).clear()
        assert set(client.keys()) == others


async def test_a_prefix_that_ends_like_a_namespace(server: Server, half: Halves) -> None:
    """``a/`` with namespace ``b`` and ``a/b/`` are two places: a prefix like that gets a colon."""
    outer = LLMCache.from_url(server.url, timeout=PATIENT, prefix="a/", namespace="b")
    inner = LLMCache.from_url(server.url, timeout=PATIENT, prefix="a/b/")
    await half(inner).update(PROMPT, LLM_STRING, answer("inner"))
    assert await half(outer).lookup(PROMPT, LLM_STRING) is None

    await half(LLMCache.from_url(server.url, timeout=PATIENT, prefix="a/")).clear()

    assert texts(await half(inner).lookup(PROMPT, LLM_STRING)) == ["inner"]
    for cache in (outer, inner):
        await cache.aclose()


async def test_clear_leaves_other_keys_under_the_prefix(
    server: Server, cache: LLMCache, half: Halves
) -> None:
    """What no ``LLMCache`` wrote stays, even under its prefix."""
    with server.client() as client:
        kept = {
            b"llm_cache:config",
            b"llm_cache:llm_responses/0123456789abcdef",
            b"llm_cache:" + b"0" * 64,
            b"llm_cache:model-a/" + b"0" * 63,
        }
        for key in kept:
            client.set(key, "1")
        await half(cache).update(PROMPT, LLM_STRING, answer())
        await half(cache).clear()
        assert set(client.keys()) == kept


async def test_the_key_is_readable_but_tells_no_prompt(server: Server, half: Halves) -> None:
    """A key shows prefix, namespace and model; the request is a SHA-256."""
    tenant = LLMCache.from_url(server.url, timeout=PATIENT, namespace=("acme", "eu/1"))
    await half(tenant).update(PROMPT, llm_string("anthropic.claude:0"), answer())
    with server.client() as client:
        [key] = client.keys()
    path, _, digest = key.decode().rpartition("/")
    assert path == "llm_cache:acme/eu%2F1/anthropic.claude%3A0"
    assert len(bytes.fromhex(digest)) == 32
    await tenant.aclose()


def test_upstream_reads_past_our_entries(server: Server, cache: LLMCache) -> None:
    """A ValkeyCache on the same keys sees an encoding that it does not know, and no error."""
    cache.update(PROMPT, LLM_STRING, answer())
    with Valkey.from_url(server.url) as client:
        upstream: ValkeyCache[str] = ValkeyCache(client, prefix="llm_cache:")
        [key] = client.keys()
        space, digest = key.decode().removeprefix("llm_cache:").split("/")
        assert upstream.get([((space,), digest)]) == {}
