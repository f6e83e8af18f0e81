"""Questions in this process: one matrix for each set that may match."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from langchain_llmcache._similar.evidence import AGREED, REFUTED, WINDOW
from langchain_llmcache._similar.index import Found, Item

_ROWS_AT_FIRST: Final = 16


@dataclass
class _Row:
    item: Item
    expires: float | None
    audits: int = 0
    refuted: float | None = None


class Matrix:
    """Vectors of one length, by name. Not safe by itself."""

    def __init__(self, width: int) -> None:
        self._vectors: Any = np.zeros((_ROWS_AT_FIRST, width), dtype="<f4")
        self._names: list[Any] = []
        self._places: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def put(self, name: Any, vector: bytes) -> None:
        """Add or replace a vector."""
        place = self._places.get(name, len(self._names))
        if place == len(self._names):
            if place == len(self._vectors):
                self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._names.append(name)
            self._places[name] = place
        self._vectors[place] = np.frombuffer(vector, dtype="<f4")

    def remove(self, name: Any) -> None:
        """Remove a vector; the last one takes its place."""
        place = self._places.pop(name, None)
        if place is None:
            return
        last = self._names.pop()
        if place < len(self._names):
            self._names[place] = last
            self._places[last] = place
            self._vectors[place] = self._vectors[len(self._names)]

    def nearest(self, vector: bytes, count: int) -> list[tuple[Any, float]]:
        """Return the names and cosines of the nearest vectors, nearest first."""
        size = len(self._names)
        wanted = np.frombuffer(vector, dtype="<f4")
        if not size or wanted.shape[0] != self._vectors.shape[1]:
            return []
        cosines = self._vectors[:size] @ wanted
        some = np.argpartition(cosines, -count)[-count:] if size > count else np.arange(size)
        ordered = some[np.argsort(-cosines[some])]
        return [(self._names[place], float(cosines[place])) for place in ordered]


class MemoryIndex:
    """Questions of this process; the least recently added go first.

    Args:
        max_items: How many are kept.
    """

    def __init__(self, max_items: int = 10_000) -> None:
        self._max_items = max_items
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._kin: dict[tuple[str, int], Matrix] = {}
        self._outcomes: dict[str, str] = {}
        self._lock = threading.RLock()

    async def add(self, item: Item, milliseconds: int | None) -> None:
        expires = None if milliseconds is None else time.monotonic() + milliseconds / 1000
        with self._lock:
            self._drop(item.path)
            self._rows[item.path] = _Row(item, expires)
            size = (item.kin, len(item.vector))
            matrix = self._kin.setdefault(size, Matrix(len(item.vector) // 4))
            matrix.put(item.path, item.vector)
            while len(self._rows) > self._max_items:
                self._drop(next(iter(self._rows)))

    async def nearest(self, kin: str, vector: bytes, count: int) -> list[Found]:
        with self._lock:
            matrix = self._kin.get((kin, len(vector)))
            found = [] if matrix is None else matrix.nearest(vector, count)
            now = time.monotonic()
            gone = [path for path, _ in found if self._is_over(path, now)]
            for path in gone:
                self._drop(path)
            return [
                Found(
                    path,
                    similarity,
                    row.item.signature,
                    row.item.text,
                    row.audits,
                    row.refuted,
                )
                for path, similarity in found
                if (row := self._rows.get(path)) is not None
            ]

    async def audited(self, path: str, scope: str, similarity: float, *, agreed: bool) -> None:
        with self._lock:
            kept = self._outcomes.get(scope, "") + (AGREED if agreed else REFUTED)
            self._outcomes[scope] = kept[-WINDOW:]
            row = self._rows.get(path)
            if row is not None and agreed:
                row.audits += 1
            elif row is not None:
                row.refuted = max(similarity, row.refuted or 0.0)

    async def outcomes(self, scope: str) -> str:
        with self._lock:
            return self._outcomes.get(scope, "")

    async def drop(self, path: str) -> None:
        with self._lock:
            self._drop(path)

    async def remove(self, covers: Callable[[str], bool], start: str) -> None:
        with self._lock:
            for path in [path for path in self._rows if covers(path)]:
                self._drop(path)

    def _is_over(self, path: str, now: float) -> bool:
        row = self._rows.get(path)
        return row is None or (row.expires is not None and row.expires <= now)

    def _drop(self, path: str) -> None:
        row = self._rows.pop(path, None)
        if row is None:
            return
        size = (row.item.kin, len(row.item.vector))
        matrix = self._kin.get(size)
        if matrix is not None:
            matrix.remove(path)
            if not len(matrix):
                del self._kin[size]
