"""The seal of a store: a user's serializer, used for bytes only.

Serializers read more than they write: LangGraph's ``EncryptedSerializer`` hands whatever is not
encrypted to the serializer inside, which imports and calls what a value names.

Rules of this file: only bytes are sealed; only what bears the seal's own name is opened; what
comes out is bytes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final, TypeAlias

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._checks import kind_of
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError

_logger = logging.getLogger("langchain_llmcache")

_Seal: TypeAlias = Callable[[bytes], tuple[str, bytes]]
_Open: TypeAlias = Callable[[str, bytes], object]
_PROBE_BYTES: Final = 48
# Bytes that are sealed, or opened, in a millisecond or two: more would hold up an event loop.
LARGE: Final = 2**18


class Seal:
    """Seals bytes, and opens what it sealed.

    Args:
        seal: Returns the name of a kind, and the sealed bytes.
        open_: Returns what was sealed, given both, or raises.
        kind: The only kind that is opened.
    """

    def __init__(self, seal: _Seal, open_: _Open, kind: str) -> None:
        self._seal = seal
        self._open = open_
        self._kind = kind

    def seal(self, data: bytes) -> tuple[str, bytes]:
        """Return the name of the seal's kind, and the sealed bytes.

        Raises:
            NotStorableError: if they cannot be sealed.
        """
        try:
            kind, sealed = self._seal(data)
        except Exception as error:
            msg = f"it cannot be sealed ({type(error).__name__})"
            raise NotStorableError(msg) from error
        if kind != self._kind:
            msg = "it was sealed as something else than the cache's first value"
            raise NotStorableError(msg)
        return kind, sealed

    def open(self, kind: str, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            CorruptEntryError: if this is not what the seal makes.
        """
        if kind != self._kind:
            msg = "not sealed by this store's serializer"
            raise CorruptEntryError(msg)
        try:
            data = self._open(kind, sealed)
        except Exception as error:
            msg = "sealed with another key, or damaged"
            raise CorruptEntryError(msg) from error
        if type(data) is not bytes:
            msg = "not the bytes that were sealed"
            raise CorruptEntryError(msg)
        return data

    def wrap(self, data: bytes) -> bytes:
        """Return sealed bytes with the name of their kind in front, as ``unwrap`` takes them."""
        kind, sealed = self.seal(data)
        return b"%s:%s" % (kind.encode(), sealed)

    def unwrap(self, stored: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            CorruptEntryError: if this is not what ``wrap`` makes.
        """
        kind, _, sealed = stored.partition(b":")
        return self.open(kind.decode("utf-8", "replace"), sealed)


def seal_of(serde: SerializerProtocol | None) -> Seal | None:
    """Return the seal that a store's serializer is, or None if it leaves bytes readable.

    Raises:
        ConfigurationError: if it does not open what it seals.
    """
    if serde is None or type(serde) is JsonPlusSerializer:
        return None
    given: object = serde
    if not all(hasattr(given, name) for name in ("dumps_typed", "loads_typed")):
        msg = (
            f"serde is {kind_of(given)}; expected a serializer of LangGraph, such as "
            "EncryptedSerializer.from_pycryptodome_aes(key=key)"
        )
        raise ConfigurationError(msg)
    seal, open_ = _cipher_of(serde) or (serde.dumps_typed, _loader(serde))
    probe = os.urandom(_PROBE_BYTES)
    try:
        kind, sealed = seal(probe)
        opened = open_(kind, sealed)
    except Exception as error:
        msg = (
            f"serde cannot seal bytes and open them again ({type(error).__name__}); an AES key "
            "has 16, 24 or 32 bytes, and of pycryptodome's modes EAX, the default, does"
        )
        raise ConfigurationError(msg) from error
    if type(opened) is not bytes or opened != probe or not isinstance(kind, str) or ":" in kind:
        msg = "serde does not open what it seals: other bytes come back than were given"
        raise ConfigurationError(msg)
    if probe in bytes(sealed):
        if (kind, sealed) != ("bytes", probe):
            _logger.warning(
                "serde is a %s, which leaves bytes readable, so it is not used: entries have a "
                "format of their own. For nodes that write objects of your classes, pass "
                "NodeSerializer(allow=[...]).",
                type(serde).__qualname__,
            )
        return None
    if _opens_altered(open_, kind, bytes(sealed)):
        _logger.warning(
            "The cipher of serde does not notice changed bytes, so anyone who can write to the "
            "store can forge entries. Use one that does (AES in EAX mode), or give key_secret too."
        )
    return Seal(seal, open_, kind)


def _cipher_of(serde: SerializerProtocol) -> tuple[_Seal, _Open] | None:
    """Return what LangGraph's ``EncryptedSerializer`` does, without the serializer in it."""
    cls = type(serde)
    if not (
        isinstance(serde, EncryptedSerializer)
        and cls.dumps_typed is EncryptedSerializer.dumps_typed
        and cls.loads_typed is EncryptedSerializer.loads_typed
    ):
        return None
    cipher = serde.cipher

    def seal(data: bytes) -> tuple[str, bytes]:
        name, sealed = cipher.encrypt(data)
        return f"bytes+{name}", sealed

    def open_(kind: str, sealed: bytes) -> object:
        return cipher.decrypt(kind.removeprefix("bytes+"), sealed)

    return seal, open_


def _loader(serde: SerializerProtocol) -> _Open:
    def open_(kind: str, sealed: bytes) -> object:
        return serde.loads_typed((kind, sealed))

    return open_


def _opens_altered(open_: _Open, kind: str, sealed: bytes) -> bool:
    for place in (0, len(sealed) // 2, -1):
        altered = bytearray(sealed)
        altered[place] ^= 1
        try:
            open_(kind, bytes(altered))
        except Exception as error:  # noqa: BLE001 - noticed
            pass_on(error)
            continue
        return True
    return False
