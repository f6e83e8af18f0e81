"""LangGraph's SqliteCache, opened on first use: a store that survives a restart.

Nothing in here keeps other threads and processes waiting for long: lookups have connections of
their own, and what may be much (expired rows, a clear, a file that shrinks) is done in pieces.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.serde.base import SerializerProtocol

from langchain_llmcache._forks import is_held_here
from langchain_llmcache._stores.node_values import NodeSerializer
from langchain_llmcache._stores.own import OwnStore
from langchain_llmcache._threads import Threads

# Every so many writes look for expired rows, for keys that are not asked for again.
_PURGE_EVERY: Final = 16
# What one transaction removes: rows, bytes.
_PIECE_ROWS: Final = 200
_PIECE_BYTES: Final = 1 << 20
# In a file with more rows than that, making the index would keep writers waiting.
_INDEXED_AT_ONCE: Final = 10_000
# Pages that one step gives back to the disk, and how many free ones are kept.
_PAGES: Final = 500
# Idle connections kept for lookups.
_READERS: Final = 4
# Seconds between two pieces, at most: other writers come in between.
_LONGEST_PAUSE: Final = 0.05

_NAMESPACES: Final = """
    WITH RECURSIVE found(ns) AS (
        SELECT min(ns) FROM cache
        UNION ALL
        SELECT (SELECT min(ns) FROM cache WHERE ns > found.ns) FROM found WHERE ns IS NOT NULL
    ) SELECT ns FROM found WHERE ns IS NOT NULL"""


_INCREMENTAL: Final = 2
_INDEX: Final = "CREATE INDEX IF NOT EXISTS cache_expiry ON cache (expiry) WHERE expiry IS NOT NULL"
# Connections that a fork brought along: not even closed, because that would touch the file.
_of_parents: Final[list[Any]] = []


class SqliteStore(OwnStore, SqliteCache[Any]):
    """A LangGraph cache in one file, for several threads and processes.

    Args:
        path: The file; made when first needed.
        timeout: Seconds that a lookup or a store may take: for another process's write, too.
        serde: Seals what is stored (an ``EncryptedSerializer``), or is the ``NodeSerializer``
            that knows your classes.
    """

    def __init__(
        self, *, path: str, timeout: float = 0.5, serde: SerializerProtocol | None = None
    ) -> None:
        # Not SqliteCache's own constructor, which opens the file.
        BaseCache.__init__(self, serde=serde or NodeSerializer())
        self.path = path
        self._timeout = timeout
        self._file = _File(path, timeout)
        self._threads = Threads("llmcache-sqlite")

    @property
    def _lock(self) -> Any:  # type: ignore[override]
        return self._file.lock

    @property
    def _conn(self) -> sqlite3.Connection:  # type: ignore[override]
        return self._file.connection()

    def spaces(self) -> list[Namespace]:
        """Return the namespaces that hold anything."""
        with self._file.reader() as connection:
            rows = connection.execute(_NAMESPACES).fetchall()
        return [tuple(row[0].split(",")) for row in rows]

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        self._threads.close()
        self._file.close()

    def read(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""
        values, now = {}, time.time()
        with self._file.reader() as connection:
            for key in keys:
                # (Expired rows are left to the writers, so that no lookup waits for one.)
                for kind, value in connection.execute(
                    "SELECT encoding, val FROM cache WHERE ns = ? AND key = ? "
                    "AND (expiry IS NULL OR expiry > ?)",
                    (*_name(key), now),
                ).fetchall():
                    values[key] = (kind, value)
        return {key: self.serde.loads_typed(value) for key, value in values.items()}

    def write(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry)."""
        now = time.time()
        self._file.write(
            [
                (*_name(key), None if ttl is None else now + ttl, *self.serde.dumps_typed(value))
                for key, (value, ttl) in pairs.items()
            ]
        )

    def drop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""
        removed = sum(self._file.remove("ns = ?", ",".join(space)) for space in map(_plain, spaces))
        self._file.shrink()
        return removed

    async def aread(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""
        return await self._threads.call(lambda: self.read(keys), self._timeout)

    async def awrite(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry)."""
        await self._threads.call(lambda: self.write(pairs), self._timeout)

    async def adrop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""
        return await self._threads.call(lambda: self.drop(spaces), None)

    def __del__(self) -> None:
        """Leave the file to ``_File``: the store may have another face."""


class _File:
    """The file, the one connection that writes to it, and those that read.

    Args:
        path: Of the file.
        timeout: Seconds to wait for a lock.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._writes = 0
        self._swept = 0
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        # (Reentrant: a signal handler may come in between.)
        self.lock = threading.RLock()
        self._opening = threading.RLock()
        self._opened: sqlite3.Connection | None = None
        self._is_indexed = False
        self._idle: list[sqlite3.Connection] = []

    def connection(self) -> sqlite3.Connection:
        """Return the connection that writes, which SQLite forbids to carry across a fork."""
        if self._process != os.getpid():
            _of_parents.append((self._opened, self._idle))
            self._begin()
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that no writer of this process keeps waiting."""
        self.connection()  # there is a table
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < _READERS:
            self._idle.append(connection)
        else:
            connection.close()

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection that writes, for one transaction, within the timeout."""
        deadline = time.monotonic() + self._timeout
        inside = is_held_here(self.lock)
        try:
            if not self.lock.acquire(timeout=self._timeout):
                msg = "the file is busy: other threads of this process write to it"
                raise TimeoutError(msg)
            connection = self.connection()
            left = max(1, round(1000 * (deadline - time.monotonic())))
            connection.execute(f"PRAGMA busy_timeout = {left}")
            with connection:
                yield connection
        finally:
            # (A signal handler may raise as soon as the lock is there.)
            if inside or is_held_here(self.lock):
                self.lock.release()

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store rows (ns, key, expiry, encoding, val), and remove a few that are expired."""
        with self.writer() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO cache (ns, key, expiry, encoding, val) "
                "VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            self._writes += 1
            if self._writes % _PURGE_EVERY == 1:
                self._purge(connection)

    def remove(self, condition: str, value: Any) -> int:
        """Remove all rows that meet a condition, piece by piece; return how many were entries."""
        query = f"SELECT rowid, length(val), expiry FROM cache WHERE {condition} LIMIT ?"  # noqa: S608
        removed = 0
        while True:
            began = time.monotonic()
            with self.writer() as connection:
                piece = connection.execute(query, (value, _PIECE_ROWS)).fetchall()
                if not piece:
                    return removed
                done = _delete(connection, [row[:2] for row in piece])
            now = time.time()
            # (What was removed one by one may still be there, empty.)
            gone = piece[:done]
            removed += sum(1 for _, size, ends in gone if size and (ends is None or ends > now))
            _pause(began)

    def shrink(self) -> None:
        """Give free pages back to the disk, if the file was made for that."""
        while True:
            began = time.monotonic()
            with self.lock:
                connection = self.connection()
                [[mode]] = connection.execute("PRAGMA auto_vacuum").fetchall()
                [[free]] = connection.execute("PRAGMA freelist_count").fetchall()
                if mode != _INCREMENTAL or free <= _PAGES:
                    break
                # (Not execute, which would take one page only.)
                connection.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
            _pause(began)
        with self.lock:
            self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        is_writing = is_held_here(self.lock)  # and a signal handler came in between
        with self.lock, self._opening:
            if self._process == os.getpid():
                while self._idle:
                    self._idle.pop().close()
                if is_writing:
                    return
            opened, self._opened = self._opened, None
            if opened is not None and self._process == os.getpid():
                opened.close()

    def __del__(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self.close()

    def _purge(self, connection: sqlite3.Connection) -> None:
        """Remove some expired rows."""
        now = time.time()
        if self._is_indexed:
            piece = connection.execute(
                "SELECT rowid, length(val) FROM cache WHERE expiry < ? ORDER BY expiry LIMIT ?",
                (now, _PIECE_ROWS),
            ).fetchall()
        else:
            # Made by others, and large: a look at the next rows.
            rows = connection.execute(
                "SELECT rowid, length(val), expiry FROM cache WHERE rowid > ? ORDER BY rowid LIMIT ?",
                (self._swept, _PIECE_ROWS),
            ).fetchall()
            self._swept = rows[-1][0] if rows else 0
            piece = [(row, size) for row, size, expiry in rows if expiry and expiry < now]
        _delete(connection, piece)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=self._timeout, check_same_thread=False)

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            # Of a new file only: free pages can be given back.
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("PRAGMA journal_mode = WAL")
            # Safe against a crash of the process; a power cut may lose the newest answers.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS cache (ns TEXT, key TEXT, expiry REAL, "
                "encoding TEXT NOT NULL, val BLOB NOT NULL, PRIMARY KEY (ns, key))"
            )
            [[rows]] = connection.execute("SELECT coalesce(max(rowid), 0) FROM cache").fetchall()
            if rows <= _INDEXED_AT_ONCE:
                connection.execute(_INDEX)
            # Processes do not all look at the same rows first.
            self._swept = secrets.randbelow(rows + 1)
            connection.commit()
            self._is_indexed = bool(
                connection.execute(
                    "SELECT 1 FROM sqlite_master WHERE name = 'cache_expiry'"
                ).fetchone()
            )
        except BaseException:
            connection.close()
            raise
        return connection


def _delete(connection: sqlite3.Connection, rows: Sequence[tuple[int, int]]) -> int:
    """Delete rows (their numbers and sizes), but not more than a piece's bytes; return how many."""
    removed: list[tuple[int]] = []
    size = 0
    for number, length in rows:
        if removed and size + length > _PIECE_BYTES:
            break
        removed.append((number,))
        size += length
    connection.executemany("DELETE FROM cache WHERE rowid = ?", removed)
    return len(removed)


def _pause(began: float) -> None:
    """Let other writers come in between, for as long as they had to wait."""
    time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))


def _plain(space: Namespace) -> Namespace:
    # LangGraph joins the parts with commas: one inside a part would make another namespace.
    return tuple(part.replace(",", "%2C") for part in space)


def _name(key: FullKey) -> tuple[str, str]:
    return ",".join(_plain(key[0])), key[1]
