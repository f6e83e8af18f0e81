"""Entries sealed with LangGraph's EncryptedSerializer: nobody reads them, nobody plants one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph_checkpoint_aws import ValkeyCache

from langchain_llmcache import LLMCache
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

pytest.importorskip("Crypto")

Halves = Callable[[LLMCache], Half]

SECRET = "The launch is on Tuesday"
KEY = b"0123456789abcdef" * 2
OTHER = b"fedcba9876543210" * 2


def sealing(key: bytes = KEY) -> EncryptedSerializer:
    """Return a serializer that seals with a key."""
    return EncryptedSerializer.from_pycryptodome_aes(key=key)


def from_url(url: str, key: bytes = KEY) -> LLMCache:
    """Return a sealed cache in the store of a URL."""
    return LLMCache.from_url(url, serde=sealing(key))


def wrapping(url: str, key: bytes = KEY) -> LLMCache:
    """Return a cache on a ValkeyCache that seals."""
    client = Server(url).client()
    return LLMCache(ValkeyCache(client, prefix="llm_cache:", serde=sealing(key)))


def list_files(folder: Path) -> list[Path]:
    """Return the files of a folder."""
    return list(folder.iterdir())


MAKERS = pytest.mark.parametrize("make", [from_url, wrapping])
Maker = Callable[..., LLMCache]


@pytest.fixture(params=["sqlite", "SqliteCache", "memory", "InMemoryCache"])
def embedded(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a function that makes sealed caches on one and the same embedded store."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    stores: list[Any] = []

    def make(key: bytes = KEY) -> LLMCache:
        if request.param == "sqlite":
            return from_url(url, key)
        if not stores:
            if request.param == "memory":
                stores.append(from_url("memory://").store)
            elif request.param == "SqliteCache":
                stores.append(SqliteCache(path=str(tmp_path / "c.db")))
            else:
                stores.append(InMemoryCache())
        stores[0].serde = sealing(key)
        return LLMCache(stores[0])

    yield make
    for store in stores:
        if isinstance(store, SqliteCache):
            store._conn.close()


@MAKERS
async def test_nothing_is_readable_on_the_server(server: Server, half: Halves, make: Maker) -> None:
    """What the server holds shows neither the answer nor the question, yet it is a hit."""
    with make(server.url) as cache:
        await half(cache).update(PROMPT, LLM_STRING, answer(SECRET))
        assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == [SECRET]
        with server.client() as client:
            [key] = client.keys()
            held = key + client.get(key)
        for shown in (SECRET, "Tuesday", PROMPT, "AIMessage", "llm2", '"content"'):
            assert shown.encode() not in held
        await cache.aclose()


@MAKERS
async def test_another_key_is_a_miss(server: Server, half: Halves, make: Maker) -> None:
    """After the key has changed, old entries are misses that are replaced, not errors."""
    with make(server.url) as old:
        await half(old).update(PROMPT, LLM_STRING, answer("old"))
        await old.aclose()
    with make(server.url, OTHER) as cache:
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        await half(cache).update(PROMPT, LLM_STRING, answer("new"))
        assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == ["new"]
        stats = cache.stats()
        assert (stats.corrupt, stats.errors, stats.denied) == (1, 0, 0)
        assert stats.breaker == "closed"
        await cache.aclose()


def planted(entry: bytes) -> dict[str, bytes]:
    """Return what somebody who can write to the store, but has no key, may put there."""
    kind, data = JsonPlusSerializer().dumps_typed({"text": "planted"})
    _, nonsense = sealing(OTHER).dumps_typed(entry)
    return {
        "an entry in the clear": entry,
        "bytes in the clear": b"bytes:" + entry,
        "an object in the clear": f"{kind}:".encode() + data,
        "sealed by somebody else": b"bytes+aes:" + nonsense,
        "another cipher": b"bytes+rot13:" + entry,
        "nothing": b"",
        "a colon": b":",
        "a kind that is no text": b"\xff\xfe:" + entry,
        "cut short": b"bytes+aes:" + nonsense[:20],
    }


NAMES = list(planted(b""))


@MAKERS
@pytest.mark.parametrize("name", NAMES)
async def test_a_planted_entry_is_refused(
    server: Server, half: Halves, make: Maker, name: str
) -> None:
    """What was not sealed with the key is a miss that is removed (for code, see ``test_planted``)."""
    with LLMCache.from_url(server.url) as plain, server.client() as client:
        plain.update(PROMPT, LLM_STRING, answer("planted"))
        [key] = client.keys()
        client.set(key, planted(client.get(key))[name])
        with make(server.url) as cache:
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
            assert cache.stats().corrupt == 1
            assert cache.stats().errors == 0
            await cache.aclose()
        assert client.exists(key) == 0


async def test_leases_are_seen_through(server: Server, half: Halves) -> None:
    """Single-flight across processes works on a sealed store: a lease is no answer."""
    options: dict[str, Any] = {"serde": sealing(), "lease": 5, "max_wait": 5}
    async with (
        LLMCache.from_url(server.url, **options) as one,
        LLMCache.from_url(server.url, **options) as two,
    ):
        assert await half(one).lookup(PROMPT, LLM_STRING) is None  # leads
        await half(one).update(PROMPT, LLM_STRING, answer(SECRET))
        assert texts(await half(two).lookup(PROMPT, LLM_STRING)) == [SECRET]
        assert two.stats().corrupt == 0


async def test_embedded_stores_are_sealed(embedded: Maker, half: Halves, tmp_path: Path) -> None:
    """With a serializer, embedded stores hold nothing readable either; another key is a miss."""
    cache = embedded()
    await half(cache).update(PROMPT, LLM_STRING, answer(SECRET))
    assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == [SECRET]
    assert SECRET.encode() not in b"".join(each.read_bytes() for each in list_files(tmp_path))
    assert SECRET not in repr(getattr(cache.store, "_cache", ""))
    rotated = embedded(OTHER)
    assert await half(rotated).lookup(PROMPT, LLM_STRING) is None
    assert rotated.stats().errors == 0
    assert rotated.stats().corrupt == 1
    await half(rotated).update(PROMPT, LLM_STRING, answer("new"))
    assert texts(await half(rotated).lookup(PROMPT, LLM_STRING)) == ["new"]
    for each in (cache, rotated):
        with contextlib.suppress(AttributeError):
            each.close()


class Flipping:
    """A cipher of one's own, and a bad one."""

    works = True

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """Flip all bits, as long as it works."""
        if not self.works:
            raise RuntimeError(f"cannot seal {plaintext!r}")
        return "flipped", bytes(byte ^ 255 for byte in plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """Flip them back."""
        assert ciphername == "flipped"
        return self.encrypt(ciphertext)[1]


async def test_a_cipher_of_ones_own(
    server: Server, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """Any CipherProtocol will do; one that fails costs the entry and no exception."""
    cipher = Flipping()
    async with LLMCache.from_url(server.url, serde=EncryptedSerializer(cipher)) as cache:
        assert "does not notice changed bytes" in caplog.text
        await half(cache).update("another", LLM_STRING, answer(SECRET))
        assert texts(await half(cache).lookup("another", LLM_STRING)) == [SECRET]
        await half(cache).clear()
        cipher.works = False
        await half(cache).update(PROMPT, LLM_STRING, answer(SECRET))
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        stats = cache.stats()
        assert (stats.stores, stats.refused, stats.errors, stats.breaker) == (1, 1, 0, "closed")
        with server.client() as client:
            assert client.keys() == []
