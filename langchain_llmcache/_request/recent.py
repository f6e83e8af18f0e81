"""A bounded map that forgets what was not used for a while. Shared by threads without a lock."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps at least what was used since half of its room was filled anew.

    Two generations: what is used moves to the younger one; when that is full, the older one is
    dropped. Each step is one operation of a ``dict``, so threads need no lock; at worst one of
    them works out again what another has put a moment ago.

    Args:
        room: The sum of sizes that is kept at most.
        size: Returns the size of an item.

    Attributes:
        younger: Where to look first, if each step counts.
    """

    __slots__ = ("_filled", "_half", "_older", "_size", "younger")

    def __init__(self, room: int, size: Callable[[K, V], int]) -> None:
        self._half = room // 2
        self._size = size
        self._filled = 0
        self.younger: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value, or None."""
        found = self.younger.get(key)
        if found is None:
            found = self._older.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Keep a value. One that alone takes more than half of the room is not kept."""
        size = self._size(key, value)
        if size > self._half:
            return
        if self._filled + size > self._half:
            self._older, self.younger, self._filled = self.younger, {}, 0
        self._filled += size
        self.younger[key] = value

    def forget(self, key: K | None = None) -> None:
        """Let go of a value, or of all."""
        if key is None:
            self.younger, self._older, self._filled = {}, {}, 0
        else:
            self.younger.pop(key, None)
            self._older.pop(key, None)

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self.younger.keys() | self._older.keys())
