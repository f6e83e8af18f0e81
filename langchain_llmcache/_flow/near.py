"""The near cache: copies of hot entries in this process, for a short time.

It keeps encoded bytes, so that every hit is still a fresh object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from langchain_llmcache._checks import checked_count, checked_seconds
from langchain_llmcache._flow.lru import Lru
from langchain_llmcache._request.key import Key


@dataclass(frozen=True)
class NearCache:
    """Bounds of the copies that a process keeps in front of a shared store.

    What another process clears or replaces may be answered from here for ``ttl`` seconds more;
    what this process clears or replaces is gone at once.

    Attributes:
        max_entries: Copies kept; the least recently used go first.
        max_bytes: Bytes kept; and as much again of what was built of those that are used.
        ttl: Seconds that a copy is used for.

    Raises:
        ConfigurationError: (a ``ValueError``) a bound is no positive number.
    """

    max_entries: int = 1000
    max_bytes: int = 64 * 2**20
    ttl: float = 5.0

    def __post_init__(self) -> None:
        checked_count("max_entries", self.max_entries)
        checked_count("max_bytes", self.max_bytes)
        checked_seconds("ttl", self.ttl)


class NearCopies:
    """The copies; ``get`` returns that of an entry, if there is one."""

    def __init__(self, bounds: NearCache, monotonic: Callable[[], float]) -> None:
        self._ttl = bounds.ttl
        self._monotonic = monotonic
        self._forgotten = float("-inf")
        self._entries: Lru[Key] = Lru(
            max_entries=bounds.max_entries, max_bytes=bounds.max_bytes, monotonic=monotonic
        )
        self.get = self._entries.get

    def found(self, key: Key, entry: bytes, asked: float) -> None:
        """Keep a copy of what the store holds, as read by a lookup that began at ``asked``.

        A copy is not made younger by being found again; and what was asked for before copies were
        removed may be what was removed.
        """
        if asked > self._forgotten and self._entries.get(key) is None:
            self._entries.put(key, entry, self._ttl)

    def stored(self, key: Key, entry: bytes, lifetime: int | None) -> None:
        """Keep a copy of what goes to the store for ``lifetime`` milliseconds."""
        seconds = self._ttl if lifetime is None else min(self._ttl, lifetime / 1000)
        self._entries.put(key, entry, seconds)

    def forget(self, wanted: Callable[[Key], bool]) -> None:
        """Remove copies, and those that are on their way here."""
        self._forgotten = self._monotonic()
        self._entries.discard(wanted)
