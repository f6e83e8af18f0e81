"""A serializer as a seal: of bytes, and only if it opens what it seals."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._answer.seal import Seal, seal_of
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.stores import MemoryStore, NodeSerializer
from tests.support.targets import LLM_STRING, PROMPT, answer, texts

AES = pytest.importorskip("Crypto.Cipher.AES")

KEY = b"0123456789abcdef"
aes: Any = EncryptedSerializer.from_pycryptodome_aes


def sealed(**options: Any) -> Seal:
    """Return LangGraph's encryption as a seal."""
    seal = seal_of(aes(**options))
    assert seal is not None
    return seal


@pytest.mark.parametrize("key", [KEY, KEY * 2, KEY[:8] * 3])
@pytest.mark.parametrize("mode", [None, AES.MODE_EAX, AES.MODE_GCM])
def test_it_opens_what_it_seals(key: bytes, mode: int | None) -> None:
    """Bytes of all kinds come back, and are not readable in between."""
    seal = sealed(key=key, mode=mode)
    for data in (b"", b"x", b":", b"bytes:" + b"secret" * 100, bytes(range(256))):
        wrapped = seal.wrap(data)
        assert seal.unwrap(wrapped) == data
        assert len(data) < 2 or data not in wrapped


@pytest.mark.parametrize("length", [0, 1, 15, 17, 31, 33, 64])
def test_keys_of_a_wrong_length_are_refused(length: int, tmp_path: Path) -> None:
    """When the cache is made, on every store; not when nothing is ever found."""
    for make in (
        lambda serde: LLMCache.from_url(serde=serde),
        lambda serde: LLMCache.from_url(f"sqlite:///{tmp_path}/c.db", serde=serde),
        lambda serde: LLMCache.from_url("valkey://127.0.0.1:1", serde=serde),
        lambda serde: LLMCache(MemoryStore(serde=serde)),
        lambda serde: LLMCache(InMemoryCache(serde=serde)),
    ):
        make_any: Any = make
        with pytest.raises(ConfigurationError, match="16, 24 or 32 bytes"):
            make_any(aes(key=b"x" * length))


OTHER_MODES = {
    name: getattr(AES, f"MODE_{name}")
    for name in ("CBC", "CCM", "CFB", "CTR", "ECB", "OCB", "OFB", "OPENPGP", "SIV")
}


@pytest.mark.parametrize(
    "options", [{"mode": mode} for mode in OTHER_MODES.values()], ids=OTHER_MODES
)
def test_modes_that_cannot_open_are_refused(options: dict[str, Any]) -> None:
    """A mode without a tag, or with a nonce of another length, never opens what it seals."""
    with pytest.raises(ConfigurationError, match="EAX"):
        seal_of(aes(key=KEY, **options))
    with pytest.raises(ConfigurationError, match="EAX"):
        LLMCache.from_url(serde=aes(key=KEY, **options))


@pytest.mark.parametrize(
    "options", [{"mac_len": 8}, {"nonce": b"0" * 8}, {"nonce": b"0" * 16}, {"what": 1}]
)
def test_other_settings_that_cannot_open_are_refused(options: dict[str, Any]) -> None:
    """Likewise a short tag, or a nonce that is given."""
    with pytest.raises(ConfigurationError, match="cannot seal"):
        seal_of(aes(key=KEY, **options))


class Scripted(SerializerProtocol):
    """A serializer that does as it is told.

    Args:
        kind: What it calls bytes.
        opened: What it returns for them; None: them.
    """

    def __init__(self, kind: Any = "bytes+mine", opened: Any = None) -> None:
        self.kind = kind
        self.opened = opened

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the bytes backwards."""
        return self.kind, obj[::-1]

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return them forwards."""
        return data[1][::-1] if self.opened is None else self.opened


@pytest.mark.parametrize("opened", [b"other", bytearray(b"x"), "text", 1, False])
def test_a_serializer_that_opens_something_else_is_refused(opened: Any) -> None:
    """What comes back has to be the bytes that were given."""
    with pytest.raises(ConfigurationError, match="does not open what it seals"):
        seal_of(Scripted(opened=opened))


@pytest.mark.parametrize("kind", [None, 3, "by:tes", b"bytes"])
def test_a_serializer_that_names_no_kind_is_refused(kind: Any) -> None:
    """Its name stands before a colon in the store."""
    with pytest.raises(ConfigurationError, match="does not open what it seals"):
        seal_of(Scripted(kind))


def test_only_the_seals_own_kind_is_opened(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever else a serializer could read is not handed to it."""
    seal = seal_of(Scripted())
    assert seal is not None
    assert "does not notice changed bytes" in caplog.text
    for kind in ("bytes", "msgpack", "msgpack+mine", "bytes+other", "", "bytes+mine+mine"):
        with pytest.raises(CorruptEntryError, match="not sealed"):
            seal.open(kind, b"x")
    for stored in (b"", b":", b"bytes+mine", b"\\xff:x", b"bytes:x"):
        if stored != b"bytes+mine":
            with pytest.raises(CorruptEntryError):
                seal.unwrap(stored)


def test_what_fails_later_costs_the_value_only() -> None:
    """A serializer that breaks in use makes values that are not stored, or not read."""
    serde = Scripted()
    seal = seal_of(serde)
    assert seal is not None
    serde.kind = "another"
    with pytest.raises(NotStorableError):
        seal.seal(b"x")
    serde.opened = 5
    with pytest.raises(CorruptEntryError):
        seal.open("bytes+mine", b"x")
    with pytest.raises(NotStorableError):
        seal.seal(5)  # type: ignore[arg-type]


class Pickling(SerializerProtocol):
    """A serializer that is none for bytes from elsewhere."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return a pickle."""
        return "pickle", pickle.dumps(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Fail the test."""
        if b"planted" in data[1]:
            raise AssertionError
        return pickle.loads(data[1])  # noqa: S301 - in a probe of our own


class Own(JsonPlusSerializer):
    """LangGraph's, by another name."""


@pytest.mark.parametrize("serde", [None, JsonPlusSerializer(), Own(), NodeSerializer(), Pickling()])
def test_what_leaves_bytes_readable_is_not_used(
    serde: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Entries have a format of their own; a serializer that is no seal is told so, once."""
    assert seal_of(serde) is None
    assert ("is not used" in caplog.text) is isinstance(serde, Pickling)
    cache = LLMCache.from_url(serde=serde)
    cache.update(PROMPT, LLM_STRING, answer())
    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["A promise with a date."]
