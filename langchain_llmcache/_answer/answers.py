"""Reads answers from entries; those asked for repeatedly stay built, so that a hit is a copy.

Rule of this file: what is kept of an entry serves the same bytes under the same key only, and is
never handed out: callers get copies that share nothing with it that can change.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from langchain_core.outputs import Generation

from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import StoredEntry
from langchain_llmcache._answer.hits import (
    HitUsage,
    has_calls,
    make_new,
    marker_of,
    repeated_ids,
    revived,
)
from langchain_llmcache._answer.objects import CannotCopy, Mould
from langchain_llmcache._insight.savings import tokens_of
from langchain_llmcache._request.key import Key
from langchain_llmcache._request.recent import Recent

# Bytes that are kept, by an estimate, unless a near cache has bounds of its own.
ROOM: Final = 16 * 2**20
# Values of an entry; of more, a copy is no quicker made than the entry is read.
_FEW: Final = 2000
# What a built answer takes: a few times its bytes, and what surrounds it.
_TIMES: Final = 4
_OVERHEAD: Final = 3000


class Opened:
    """An entry that was read.

    Attributes:
        stored: What it says of itself. (Its generations are used up.)
        size: Bytes that were read.
        tokens: Input and output tokens of its answer.
    """

    __slots__ = ("_again", "_answer", "_moulds", "_path", "size", "stored", "tokens")

    def __init__(self, stored: StoredEntry, usage: HitUsage, key: Key, size: int) -> None:
        self.stored = stored
        self.size = size
        self.tokens = tokens_of(stored.generations)
        self._path = key.path
        self._answer = revived(stored, usage)
        self._again = repeated_ids(stored, key) if any(map(has_calls, self._answer)) else None
        self._moulds: list[Mould] = []

    def share(self) -> bool:
        """Keep the answer built, so that each caller gets a copy; tell whether it can be copied."""
        try:
            self._moulds = [Mould(generation) for generation in self._answer]
        except CannotCopy:
            return False
        return True

    def generations(self, now: float) -> list[Generation]:
        """Return the answer as a hit of this moment."""
        answer = [mould() for mould in self._moulds] or self._answer
        for generation in answer:
            make_new(generation, marker_of(self.stored, self._path, now), self._again)
        return answer


# Of an entry: its bytes, and once it was read again, what is in it, or False: it is to be read each
# time.
_Kept: TypeAlias = tuple[bytes, Opened | Literal[False] | None]


class Answers:
    """Reads entries.

    Args:
        codec: Decodes them.
        usage: What hits say of tokens.
        room: Bytes that are kept, by an estimate.
    """

    def __init__(self, codec: Codec, usage: HitUsage, room: int = ROOM) -> None:
        self._codec = codec
        self._usage: HitUsage = usage
        self._kept: Recent[Key, _Kept] = Recent(room, _size)

    def opened(self, key: Key, data: bytes, where: Key | None = None) -> Opened:
        """Return what is in an entry.

        Args:
            key: Of the request.
            data: The entry.
            where: The entry's own key, if it is another one.

        Raises:
            Exception: whatever foreign bytes lead to.
        """
        if where is not None:
            return self._read(self._codec.body(data, key=where), where, key)
        known, found = self._kept.younger.get(key) or self._kept.get(key) or (None, None)
        is_same = known == data
        if found and is_same:
            return found
        body = self._codec.body(data, key=key)
        opened = self._read(body, key, key)
        if not is_same:
            self._kept.put(key, (data, None))
        elif found is None:
            is_kept = bytes(body).count(b",") <= _FEW and opened.share()
            self._kept.put(key, (data, is_kept and opened))
        return opened

    def _read(self, body: bytes | memoryview, where: Key, key: Key) -> Opened:
        return Opened(self._codec.read(body, key=where), self._usage, key, len(body))

    def forget(self, key: Key | None = None) -> None:
        """Drop what is kept of an entry, or of all entries, once they are gone from the store."""
        self._kept.forget(key)


def _size(_: Key, kept: _Kept) -> int:
    data, opened = kept
    return _OVERHEAD + _TIMES * opened.size if isinstance(opened, Opened) else 500 + len(data)
