"""Ties stored bytes to their key, so that an entry copied to another key is a miss there.

    llm2:k<of the digest><of prefix, namespace and model><checksum of the rest>:<the rest>
    llm2:m<HMAC of all of that>:<the rest>

Without a secret it finds accidents only: anyone who can write to a store can compute it. Under a
seal it cannot be altered, so it also finds what was moved on purpose; with ``key_secret`` it is
a MAC.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from zlib import crc32

from langchain_llmcache._answer.compression import (
    FRAME_HEAD,
    MARK,
    opened,
    size_of,
    smaller,
)
from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._request.key import Key

_DIGITS: Final = 20  # 80 bits of each hash
_CRC_DIGITS: Final = 8
_MAC_DIGITS: Final = 32
_DIGEST_LENGTH: Final = 64  # of a key that is a digest itself
_PLACES_KEPT: Final = 1024
_MAC_PURPOSE: Final = b"llmcache entry"


class Binding:
    """Makes and checks how stored bytes begin.

    Args:
        prefix: What all keys of the store begin with.
        secret: ``key_secret``; None makes a checksum.
        compresses: Whether what is written is made smaller, where that is a gain.
    """

    def __init__(
        self, prefix: str = "", secret: str | bytes | None = None, *, compresses: bool = False
    ) -> None:
        self._compresses = compresses
        self._prefix = prefix.encode("utf-8", "surrogatepass")
        secret = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
        self._secret = hmac.digest(secret, _MAC_PURPOSE, "sha256") if secret else None
        self._places: dict[tuple[str, ...], str] = {}
        # Bytes between the tag and the payload.
        self.size: Final = 2 + (_MAC_DIGITS if self._secret else 2 * _DIGITS + _CRC_DIGITS)

    def bind(self, tag: bytes, key: Key, payload: bytes) -> bytes:
        """Return the bytes to store: the tag, what ties it to the key, and the payload."""
        if self._compresses and (frame := smaller(payload)) is not None:
            tag, payload = compressed(tag), frame
        return b"%b%b%b" % (tag, self._proof(tag, key, payload), payload)

    def payload(
        self, tag: bytes, key: Key, data: bytes, most: int | None = None
    ) -> bytes | memoryview:
        """Return the payload of bytes that begin with the tag, or with that of compressed ones.

        Args:
            tag: Of their kind.
            key: Where they were found.
            data: The bytes.
            most: How large compressed ones may become.

        Raises:
            CorruptEntryError: if they have another tag, were altered, or stored under another key.
        """
        if data.startswith(tag):
            return self._proven(tag, key, data)
        tag = compressed(tag)
        if not data.startswith(tag):
            raise CorruptEntryError("unknown tag")
        return opened(bytes(self._proven(tag, key, data)), most)

    def payload_size(self, tag: bytes, data: bytes) -> int:
        """Return how many bytes the payload has once it is opened, as far as the data says."""
        tag = compressed(tag)
        if not data.startswith(tag):
            return len(data)
        start = len(tag) + self.size
        return size_of(data[start : start + FRAME_HEAD])

    def _proven(self, tag: bytes, key: Key, data: bytes) -> memoryview:
        """Return what comes after the head. It costs one pass over it."""
        start = len(tag) + self.size
        payload = memoryview(data)[start:]
        if not hmac.compare_digest(data[len(tag) : start], self._proof(tag, key, payload)):
            msg = "altered, or stored under another key"
            raise CorruptEntryError(msg)
        return payload

    def _proof(self, tag: bytes, key: Key, payload: bytes | memoryview) -> bytes:
        if self._secret:
            where = b"%b\0%b\0%b\0" % (tag, self._prefix, key.path.encode())
            mac = hmac.digest(self._secret, where + payload, "sha256").hex()
            return f"m{mac[:_MAC_DIGITS]}:".encode()
        place = self._places.get(key.space) or self._place(key.space)
        digest: str = (
            key.digest if len(key.digest) == _DIGEST_LENGTH else _hash(key.digest.encode())
        )
        return f"k{digest[:_DIGITS]}{place}{crc32(payload, crc32(tag)):08x}:".encode()

    def _place(self, space: tuple[str, ...]) -> str:
        where = b"%b\0%b" % (self._prefix, "/".join(space).encode())
        if len(self._places) >= _PLACES_KEPT:
            self._places.clear()
        place = self._places[space] = _hash(where)[:_DIGITS]
        return place


class Unproven(Binding):
    """For operators, who have no secret: entries with a MAC are read without checking it."""

    def _proven(self, tag: bytes, key: Key, data: bytes) -> memoryview:
        if data[len(tag) : len(tag) + 1] == b"m":
            return memoryview(data)[len(tag) + 2 + _MAC_DIGITS :]
        return super()._proven(tag, key, data)


def compressed(tag: bytes) -> bytes:
    """Return the tag of compressed entries of the same version."""
    return tag[:-1] + MARK + b":"


def is_signed(tag: bytes, data: bytes) -> bool:
    """Tell whether bytes that begin with the tag, compressed or not, bear a MAC."""
    start = len(tag) if data.startswith(tag) else len(compressed(tag))
    return data[start : start + 1] == b"m"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
