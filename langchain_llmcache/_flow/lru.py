"""A bounded map of bytes: least recently used entries go first, expired ones are gone.

Shared by threads; nothing in here waits for anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from langchain_llmcache._forks import new_lock
from langchain_llmcache._signals import pass_on

K = TypeVar("K", bound=Hashable)

# What an entry costs besides its bytes, roughly: key, tuple, slots of two dictionaries.
_OVERHEAD_BYTES = 500
_COUNTED_EVERY = 1000


class _Item(NamedTuple):
    value: bytes
    expires: float | None


class Lru(Generic[K]):
    """At most so many entries and so many bytes.

    Args:
        max_entries: Entries kept.
        max_bytes: Bytes kept, with a guess of 500 bytes for what surrounds a value.
        monotonic: Seconds that never go back.

    Attributes:
        evictions: Entries that were evicted before they expired.
    """

    def __init__(self, *, max_entries: int, max_bytes: int, monotonic: Callable[[], float]) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._lock = new_lock()
        self._items: OrderedDict[K, _Item] = OrderedDict()
        self._bytes = 0
        self._puts = 0
        self.evictions = 0

    def get(self, key: K) -> bytes | None:
        """Return the value, now the most recently used one, or None."""
        # (Each step is one operation of a dictionary, so none needs the lock.)
        item = self._items.get(key)
        if item is None:
            return None
        if item.expires is not None and item.expires <= self._monotonic():
            self._remove_expired(key, item)
            return None
        try:
            self._items.move_to_end(key)
        except KeyError as error:  # it was removed meanwhile
            pass_on(error)
        return item.value

    def put(self, key: K, value: bytes, seconds: float | None) -> bool:
        """Keep the value for that many seconds (None: until it is evicted), if it is not too large."""
        with self._lock:
            self._remove(key)
            size = len(value) + _OVERHEAD_BYTES
            if size > self._max_bytes:
                return False
            expires = None if seconds is None else self._monotonic() + seconds
            self._items[key] = _Item(value, expires)
            self._bytes += size
            self._puts += 1
            if self._puts % _COUNTED_EVERY == 0:
                self._count()
            while len(self._items) > self._max_entries or self._bytes > self._max_bytes:
                self._evict()
        return True

    def discard(
        self, predicate: Callable[[K], bool], counts: Callable[[bytes], bool] = bool
    ) -> int:
        """Remove every entry whose key fits; return how many live ones had a value that counts."""
        with self._lock:
            now = self._monotonic()
            found = [item for item in list(self._items.items()) if predicate(item[0])]
            for key, _ in found:
                self._remove(key)
        return sum(
            counts(item.value) and (item.expires is None or item.expires > now) for _, item in found
        )

    def keys(self) -> list[K]:
        """Return the keys of one moment, expired ones included."""
        with self._lock:
            return list(self._items)

    def __len__(self) -> int:
        """Return the number of entries, expired ones included."""
        return len(self._items)

    def _evict(self) -> None:
        if not self._items:
            self._bytes = 0
            return
        _, item = self._items.popitem(last=False)
        size, now = len(item.value) + _OVERHEAD_BYTES, self._monotonic()
        self._bytes -= size
        self.evictions += item.expires is None or item.expires > now

    def _remove(self, key: K) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            size = len(item.value) + _OVERHEAD_BYTES
            self._bytes -= size

    def _remove_expired(self, key: K, item: _Item) -> None:
        with self._lock:
            if self._items.get(key) is item:
                self._remove(key)

    def _count(self) -> None:
        """Count the bytes again: an exception out of a signal handler may have come in between."""
        self._bytes = sum(len(item.value) + _OVERHEAD_BYTES for item in list(self._items.values()))
