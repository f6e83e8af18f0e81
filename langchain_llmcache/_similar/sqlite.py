"""Questions in the SQLite file of a cache, in a table of their own.

The search is numpy's, over a copy of the vectors in this process: sqlite-vec is an extension, and
the sqlite3 of many Pythons (pyenv, macOS) is built without a way to load one.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from langchain_llmcache._request.key import encode_part
from langchain_llmcache._signals import pass_on
from langchain_llmcache._similar.evidence import AGREED, REFUTED, WINDOW
from langchain_llmcache._similar.index import Found, Item
from langchain_llmcache._similar.memory import Matrix
from langchain_llmcache._similar.texts import UNREADABLE, Signature

_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS llmcache_similar (
        number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE NOT NULL, kin TEXT NOT NULL,
        vector BLOB NOT NULL, signature TEXT NOT NULL, text TEXT, expires REAL,
        audits INTEGER NOT NULL DEFAULT 0, refuted REAL);
    CREATE INDEX IF NOT EXISTS llmcache_similar_kin ON llmcache_similar (kin, number);
    CREATE INDEX IF NOT EXISTS llmcache_similar_expires ON llmcache_similar (expires);
    CREATE TABLE IF NOT EXISTS llmcache_similar_outcomes (
        number INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, outcome TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS llmcache_similar_scope
        ON llmcache_similar_outcomes (scope, number);
"""
_PURGED_AT_ONCE: Final = 200
# Sets of vectors that are kept in this process.
_COPIES: Final = 64


class _Copy:
    """The vectors of one set, as far as they were read."""

    def __init__(self, width: int) -> None:
        self.matrix = Matrix(width)
        self.read = 0


class SqliteIndex:
    """Questions of one file.

    Args:
        path: The file.
        prefix: What tells the questions of one cache from those of others in the same file.
        timeout: Seconds that another process's write is waited for.
    """

    def __init__(self, path: str, prefix: str, timeout: float) -> None:
        self._path = path
        # Ends where no other does: "a:" is not to cover what "a:b:" has.
        self._prefix = f"{encode_part(prefix)}:"
        self._timeout = timeout
        self._lock = threading.RLock()
        self._copies: dict[tuple[str, int], _Copy] = {}
        self._ready = False

    async def add(self, item: Item, milliseconds: int | None) -> None:
        expires = None if milliseconds is None else time.time() + milliseconds / 1000
        with self._connection() as connection:
            connection.execute(
                "DELETE FROM llmcache_similar WHERE number IN (SELECT number FROM llmcache_similar "
                "WHERE expires <= ? LIMIT ?)",
                (time.time(), _PURGED_AT_ONCE),
            )
            # A new number for what is replaced, so that copies of the vectors hear of it.
            path = self._prefix + item.path
            connection.execute("DELETE FROM llmcache_similar WHERE path = ?", (path,))
            connection.execute(
                "INSERT INTO llmcache_similar (path, kin, vector, signature, text, expires) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    path,
                    self._prefix + item.kin,
                    item.vector,
                    json.dumps(item.signature.as_data()),
                    item.text,
                    expires,
                ),
            )

    async def nearest(self, kin: str, vector: bytes, count: int) -> list[Found]:
        with self._lock, self._connection() as connection:
            copy = self._copy(connection, self._prefix + kin, len(vector) // 4)
            found: list[Found] = []
            for number, similarity in copy.matrix.nearest(vector, 2 * count):
                row = connection.execute(
                    "SELECT path, signature, text, audits, refuted FROM llmcache_similar "
                    "WHERE number = ? AND (expires IS NULL OR expires > ?)",
                    (number, time.time()),
                ).fetchone()
                if row is None:
                    copy.matrix.remove(number)
                    continue
                path, signed, text, audits, refuted = row
                try:
                    signature = Signature.of_data(json.loads(signed))
                    path = path.removeprefix(self._prefix)
                    refuted = None if refuted is None else float(refuted)
                    found.append(Found(path, similarity, signature, text, int(audits), refuted))
                except UNREADABLE as error:  # of another version
                    pass_on(error)
            return found[:count]

    async def audited(self, path: str, scope: str, similarity: float, *, agreed: bool) -> None:
        with self._connection() as connection:
            if agreed:
                connection.execute(
                    "UPDATE llmcache_similar SET audits = audits + 1 WHERE path = ?",
                    (self._prefix + path,),
                )
            else:
                connection.execute(
                    "UPDATE llmcache_similar SET refuted = max(coalesce(refuted, -1), ?) "
                    "WHERE path = ?",
                    (similarity, self._prefix + path),
                )
            connection.execute(
                "INSERT INTO llmcache_similar_outcomes (scope, outcome) VALUES (?, ?)",
                (self._prefix + scope, AGREED if agreed else REFUTED),
            )
            connection.execute(
                "DELETE FROM llmcache_similar_outcomes WHERE scope = ? AND number <= "
                "(SELECT number FROM llmcache_similar_outcomes WHERE scope = ? "
                "ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (self._prefix + scope, self._prefix + scope, WINDOW),
            )

    async def outcomes(self, scope: str) -> str:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT outcome FROM llmcache_similar_outcomes WHERE scope = ? "
                "AND typeof(outcome) = 'text' ORDER BY number",
                (self._prefix + scope,),
            )
            return "".join(row[0] for row in rows)

    async def drop(self, path: str) -> None:
        with self._connection() as connection:
            connection.execute(
                "DELETE FROM llmcache_similar WHERE path = ?", (self._prefix + path,)
            )

    async def remove(self, covers: Callable[[str], bool], start: str) -> None:
        with self._connection() as connection:
            paths = [row[0] for row in connection.execute("SELECT path FROM llmcache_similar")]
            gone = [
                (path,)
                for path in paths
                if path.startswith(self._prefix) and covers(path.removeprefix(self._prefix))
            ]
            connection.executemany("DELETE FROM llmcache_similar WHERE path = ?", gone)
        with self._lock:
            self._copies.clear()

    def _copy(self, connection: sqlite3.Connection, kin: str, width: int) -> _Copy:
        """Return the vectors of a set, with those that came since."""
        copy = self._copies.pop((kin, width), None) or _Copy(width)
        self._copies[kin, width] = copy  # the latest used stands last
        while len(self._copies) > _COPIES:
            del self._copies[next(iter(self._copies))]
        for number, vector in connection.execute(
            "SELECT number, vector FROM llmcache_similar WHERE kin = ? AND number > ? "
            "AND typeof(vector) = 'blob' AND length(vector) = ? ORDER BY number",
            (kin, copy.read, 4 * width),
        ):
            copy.matrix.put(number, vector)
            copy.read = number
        return copy

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to a block, and commit what it did."""
        connection = sqlite3.connect(self._path, timeout=self._timeout)
        try:
            if not self._ready:
                connection.executescript(_TABLES)
                self._ready = True
            with connection:
                yield connection
        finally:
            connection.close()
