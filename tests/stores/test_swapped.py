"""What is stored is good where it lies: copied to another key, namespace, prefix or model, a miss."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.cache.base import FullKey
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

from langchain_llmcache import LLMCache
from langchain_llmcache.options import cache_options
from langchain_llmcache.stores import MemoryStore
from tests.support.targets import PROMPT, answer, llm_string

pytest.importorskip("Crypto")

SECRET = b"0123456789abcdef"
ONE: FullKey = (("graph", "node"), "one")
# Each place differs from the first in one thing.
PLACES: dict[str, dict[str, Any]] = {
    "here": {},
    "another key": {"prompt": "another prompt"},
    "another model": {"model": "model-b"},
    "another namespace": {"namespace": "other"},
    "a deeper namespace": {"namespace": ("tenant", "deeper")},
    "no namespace": {"namespace": ()},
    "another prefix": {"prefix": "other:"},
}
SECRETS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": dict,
    "key_secret": lambda: {"key_secret": SECRET},
    "sealed": lambda: {"serde": EncryptedSerializer.from_pycryptodome_aes(key=SECRET)},
    "sealed, key_secret": lambda: {
        "serde": EncryptedSerializer.from_pycryptodome_aes(key=SECRET),
        "key_secret": SECRET,
    },
}


class Store:
    """A store whose values somebody else can copy."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.memory: MemoryStore | None = None

    def cache(
        self, options: dict[str, Any], *, namespace: Any = "tenant", **place: Any
    ) -> LLMCache:
        """Return a cache in it."""
        prefix = place.get("prefix", "llm_cache:")
        return LLMCache.from_url(self.url, prefix=prefix, namespace=namespace, **options)

    def values(self) -> dict[Any, Any]:
        """Return what is in it."""
        if self.url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(self.url[len("sqlite:///") :])) as file:
                rows = file.execute("SELECT ns, key, encoding, val FROM cache").fetchall()
            return {row[:2]: row[2:] for row in rows}
        import valkey

        with valkey.Valkey.from_url(self.url) as client:
            return {key: client.get(key) for key in client.keys("*")}

    def put(self, place: Any, value: Any) -> None:
        """Put a value into the place of another."""
        if self.url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(self.url[len("sqlite:///") :])) as file, file:
                file.execute(
                    "UPDATE cache SET encoding = ?, val = ? WHERE ns = ? AND key = ?",
                    (*value, *place),
                )
            return
        import valkey

        with valkey.Valkey.from_url(self.url) as client:
            client.set(place, value)


@pytest.fixture(params=["sqlite", pytest.param("valkey", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store in turn."""
    if request.param == "sqlite":
        yield Store(f"sqlite:///{tmp_path}/cache.db")
    else:
        yield Store(request.getfixturevalue("server").url)


def ask_answer(cache: LLMCache, place: dict[str, Any]) -> Any:
    """Ask for the answer of a model, and store one."""
    prompt, model = place.get("prompt", PROMPT), llm_string(place.get("model", "model-a"))
    found = cache.lookup(prompt, model)
    if found is None:
        cache.update(prompt, model, answer())
    return found


def ask_node(cache: LLMCache, place: dict[str, Any]) -> Any:
    """Ask for the writes of a node, and store some."""
    key: FullKey = (("graph", place.get("model", "node")), place.get("prompt", "one"))
    found = cache.store.get([key]).get(key)
    if found is None:
        cache.store.set({key: ([("messages", "x")], None)})
    return found


ASKING = pytest.mark.parametrize("ask", [ask_answer, ask_node])


@ASKING
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", PLACES)
def test_what_was_copied_is_a_miss(
    store: Store, secret: str, name: str, ask: Callable[..., Any]
) -> None:
    """Bytes that belong to one place are no answer in any other, and are removed there."""
    options = SECRETS[secret]()
    place = PLACES[name]
    with store.cache(options) as here, store.cache(options, **place) as there:
        assert ask(here, {}) is None
        [(source, value)] = store.values().items()
        found = ask(there, place)
        if name == "here":
            assert found is not None
            return
        assert found is None
        [target] = store.values().keys() - {source}
        assert ask(there, place) is not None
        store.put(target, value)
        assert ask(there, place) is None
        assert there.stats().corrupt == 1
        assert there.stats().errors == 0
        # It was replaced, and the original is where it was.
        assert ask(there, place) is not None
        assert ask(here, {}) is not None


@ASKING
def test_who_has_no_secret_makes_no_entries(store: Store, ask: Callable[..., Any]) -> None:
    """An entry with a plain checksum, or another's MAC, is nothing under ``key_secret``."""
    secret = {"key_secret": SECRET}
    with store.cache(secret) as signed:
        assert ask(signed, {}) is None
        [(place, value)] = store.values().items()
        data: bytes = value[1] if isinstance(value, tuple) else value
        forged = []
        for position in range(len(data)):
            altered = bytearray(data)
            altered[position] ^= 1
            forged.append(bytes(altered))
        head, body = data.split(b":", 2)[:2], data.split(b":", 2)[2]
        import zlib

        checksum = b"k" + head[1][1:33] + b"0" * 8 + b"%08x" % zlib.crc32(body)
        forged += [b"%s:%s:%s" % (head[0], checksum, body), b"%s::%s" % (head[0], body)]
        for each in forged:
            store.put(place, (value[0], each) if isinstance(value, tuple) else each)
            assert ask(signed, {}) is None
        assert signed.stats().corrupt == len(forged)


def test_a_namespace_for_some_calls_holds_for_nodes(store: Store) -> None:
    """``cache_options(namespace=)`` tells tenants apart in graphs, too."""
    with store.cache({}) as cache:
        for tenant in ("a", "b"):
            with cache_options(namespace=tenant):
                assert cache.store.get([ONE]) == {}
                cache.store.set({ONE: (f"secret of {tenant}", None)})
                assert cache.store.get([ONE]) == {ONE: f"secret of {tenant}"}
        assert cache.store.get([ONE]) == {}


def test_clearing_a_namespace_leaves_the_others(store: Store) -> None:
    """The nodes of one tenant, of a graph, or of all below a namespace."""
    other: FullKey = (("graph", "other"), "one")

    def left() -> set[str]:
        found = set()
        for name, cache in caches.items():
            found |= {f"{name} {key[0][1]}" for key in cache.store.get([ONE, other])}
        return found

    caches = {
        name: store.cache({}, namespace=namespace)
        for name, namespace in {"all": (), "a": "a", "deeper": ("a", "x"), "b": "b"}.items()
    }
    caches["prefix"] = store.cache({}, prefix="other:", namespace=())
    for cache in caches.values():
        cache.store.set({ONE: (1, None), other: (2, None)})
        cache.update(PROMPT, llm_string("model-a"), answer())
    caches["a"].store.clear([ONE[0]])
    everything = {f"{name} {node}" for name in caches for node in ("node", "other")}
    assert left() == everything - {"a node", "deeper node"}
    caches["a"].store.clear()
    assert left() == {name for name in everything if name.split()[0] in ("all", "b", "prefix")}
    assert caches["a"].lookup(PROMPT, llm_string("model-a")) is None
    assert caches["b"].lookup(PROMPT, llm_string("model-a")) is not None
    caches["all"].clear()
    assert left() == {name for name in everything if name.split()[0] in ("all", "b", "prefix")}
    caches["all"].store.clear()
    assert left() == {"prefix node", "prefix other"}
    assert caches["prefix"].lookup(PROMPT, llm_string("model-a")) is not None
    for cache in caches.values():
        cache.close()


@pytest.mark.parametrize(
    ("prefix", "other"),
    [
        ("prod", "prod2"),
        ("prod", "prod:x"),
        ("prod_", "prod_2"),
        ("app/", "app/v2/"),
        ("app-", "app-x-"),
        ("p.", "p.p."),
        ("{app}", "{app}2"),
        ("app:", "app:v2:"),
        ("app:", "app"),
        ("a%", "a%25"),
    ],
)
@pytest.mark.parametrize("what", ["answers", "nodes", "all"])
def test_no_prefix_reaches_another(store: Store, prefix: str, other: str, what: str) -> None:
    """Clearing one leaves the keys of a longer one, whatever they end in."""
    with (
        store.cache({}, prefix=prefix, namespace=()) as mine,
        store.cache({}, prefix=other, namespace=()) as theirs,
    ):
        for cache in (mine, theirs):
            cache.store.set({ONE: (1, None)})
            cache.update(PROMPT, llm_string("model-a"), answer())
        if what == "answers":
            mine.clear()
        else:
            mine.store.clear([ONE[0]] if what == "nodes" else None)
        is_same = (prefix, other) == ("app:", "app")
        assert (theirs.store.get([ONE]) == {ONE: 1}) is (not is_same or what == "answers")
        assert (theirs.lookup(PROMPT, llm_string("model-a")) is None) is (
            is_same and what != "nodes"
        )
