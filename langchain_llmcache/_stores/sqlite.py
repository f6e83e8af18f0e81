"""LangGraph's SqliteCache, opened on first use: a store that survives a restart.

Nothing in here keeps other threads and processes waiting for long: lookups have connections of
their own, and what may be much (expired rows, a clear, a file that shrinks) is done in pieces.
"""

from __future__ import annotations

import math
import os
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.serde.base import SerializerProtocol

from langchain_llmcache._flow.ports import Overloaded, Refused
from langchain_llmcache._forks import is_held_here
from langchain_llmcache._signals import another, pass_on, suppressed
from langchain_llmcache._stores.node_values import NodeSerializer
from langchain_llmcache._stores.own import OwnStore
from langchain_llmcache._threads import Threads, in_thread

# Every so many writes look for expired rows, for keys that are not asked for again.
_PURGE_EVERY: Final = 16
# What one transaction removes: rows, bytes.
_PIECE_ROWS: Final = 200
_PIECE_BYTES: Final = 1 << 20
# In a file with more rows than that, making the index would keep writers waiting.
_INDEXED_AT_ONCE: Final = 10_000
# Pages that one step gives back to the disk, and how many free ones are kept.
_PAGES: Final = 500
# Bytes of a log that are kept on the disk; what a long reader (a backup, say) made it grow by is not.
_LOG_BYTES: Final = 1 << 24
# Of the timeout, what a writer waits for others: then it can still tell so in time.
_PATIENCE: Final = 0.9
# Idle connections kept for lookups.
_READERS: Final = 4
# Seconds between two pieces, at most: other writers come in between.
_LONGEST_PAUSE: Final = 0.05

# (Expired rows are left to the writers, so that no lookup waits for one.)
_FIND: Final = (
    "SELECT encoding, val FROM cache WHERE ns = ? AND key = ? AND (expiry IS NULL OR expiry > ?)"
)
_SIZE: Final = "SELECT rowid, length(val) FROM cache WHERE ns = ? AND key = ?"
_NAMESPACES: Final = """
    WITH RECURSIVE found(ns) AS (
        SELECT min(ns) FROM cache
        UNION ALL
        SELECT (SELECT min(ns) FROM cache WHERE ns > found.ns) FROM found WHERE ns IS NOT NULL
    ) SELECT ns FROM found WHERE ns IS NOT NULL"""


_INCREMENTAL: Final = 2
_INDEX: Final = "CREATE INDEX IF NOT EXISTS cache_expiry ON cache (expiry) WHERE expiry IS NOT NULL"
_BUSY: Final = "others are writing to the file all the time"
_SLOW: Final = "the disk takes long to write; lookups go on"
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
        self._reading = Threads("llmcache-sqlite")
        # Apart, and one: writers wait for each other, and lookups for none of them.
        self._writing = Threads("llmcache-sqlite", 1)

    @property
    def _lock(self) -> Any:  # type: ignore[override]
        return self._file.lock

    @property
    def _conn(self) -> sqlite3.Connection:  # type: ignore[override]
        return self._file.connection()

    def spaces(self) -> list[Namespace]:
        """Return the namespaces that hold anything."""
        return [tuple(row[0].split(",")) for row in self._file.rows(_NAMESPACES)]

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        self._reading.close()
        self._writing.close()
        self._file.close()

    def read(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""
        values, now = {}, time.time()
        for key in keys:
            for kind, value in self._file.rows(_FIND, *_name(key), now):
                values[key] = (kind, value)
        return {key: self.serde.loads_typed(value) for key, value in values.items()}

    def write(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry)."""
        self._file.write(self._rows(pairs))

    def drop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""
        removed = sum(self._file.remove("ns = ?", ",".join(space)) for space in map(_plain, spaces))
        self._file.shrink()
        return removed

    async def aread(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what ``serde`` makes of the bytes of those keys that are there."""
        return await self._reading.call(lambda: self.read(keys), self._timeout)

    async def awrite(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        """Store bytes, each with its TTL (seconds; None: no expiry)."""
        store = _Store(pairs)
        waiting = self._file.waiting()
        if self._file.is_late:
            raise Overloaded(_SLOW)
        waiting.append(store)
        try:
            await self._writing.call(lambda: self._write_with_others(store), self._timeout)
        except TimeoutError as error:
            # (Whether the file can be read, the lookups tell.)
            raise Overloaded(_BUSY if self._file.is_waiting else _SLOW) from error
        finally:
            store.is_done = True  # also if it was given up: it is not to come after a clear

    async def adrop(self, spaces: Sequence[Namespace]) -> int:
        """Remove all that is in these namespaces; return how many entries there were."""
        return await in_thread(lambda: self.drop(spaces))

    def _rows(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> list[tuple[Any, ...]]:
        now = time.time()
        return [
            (*_name(key), None if ttl is None else now + ttl, *self.serde.dumps_typed(value))
            for key, (value, ttl) in pairs.items()
        ]

    def _write_with_others(self, store: _Store) -> None:
        """Store this, and as much of what waits as fits into a transaction."""
        while not store.is_done:
            batch = list(_piece(self._file.waiting()))
            self._file.began = time.monotonic()
            try:
                self._file.write([row for each in batch for row in self._rows(each.pairs)])
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                pass_on(error)
                for each in batch:
                    each.error = error
            self._file.began = math.inf
            for each in batch:
                each.is_done = True
        if store.error is not None:
            raise another(store.error)

    def __del__(self) -> None:
        """Leave the file to ``_File``: the store may have another face."""


class _Store:
    """What a task wants to store, and what came of it."""

    __slots__ = ("error", "is_done", "pairs")

    def __init__(self, pairs: Mapping[FullKey, tuple[bytes, float | None]]) -> None:
        self.pairs = pairs
        self.is_done = False
        self.error: BaseException | None = None


def _piece(stores: deque[_Store]) -> Iterator[_Store]:
    """Take away what one transaction stores."""
    size = 0
    for _ in range(_PIECE_ROWS):
        if not stores or size > _PIECE_BYTES:
            return
        store = stores.popleft()
        if not store.is_done:
            size += sum(len(value) for value, _ in store.pairs.values())
            yield store


class _File:
    """The file, the one connection that writes to it, what waits for it, and those that read.

    Args:
        path: Of the file.
        timeout: Seconds to wait for a lock.

    Attributes:
        is_waiting: Whether the thread that wants to write waits for others that do.
        began: When tasks' stores began to be written, ``time.monotonic()``; ``inf``: there are none.
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
        self.is_waiting = False
        self.began = math.inf
        # Whether the last one who wanted to write has waited in vain.
        self._is_kept_out = False
        self._waiting: deque[_Store] = deque()

    def _stay_here(self) -> None:
        """Leave to a parent what it is about to store, and its connections.

        SQLite forbids to carry them across a fork.
        """
        if self._process != os.getpid():
            _of_parents.append((self._opened, self._idle))
            self._begin()

    @property
    def is_late(self) -> bool:
        """Whether the disk takes so long already that another store would come too late as well."""
        return not self.is_waiting and time.monotonic() - self.began > self._timeout

    def waiting(self) -> deque[_Store]:
        """Return what tasks of this process want to store."""
        self._stay_here()
        return self._waiting

    def connection(self, seconds: float | None = None) -> sqlite3.Connection:
        """Return the connection that writes, made within so many seconds."""
        self._stay_here()
        with self._opening:
            if self._opened is None:
                self._opened = self._open(self._timeout if seconds is None else seconds)
            return self._opened

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        """Return what a query finds, over a connection that no writer keeps waiting."""
        self._stay_here()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect(self._timeout)
        try:
            found = connection.execute(query, parameters).fetchall()
        except BaseException as error:
            connection.close()
            pass_on(error)
            if _says(error, "no such table: cache"):  # nothing was stored so far
                return []
            raise
        if len(self._idle) < _READERS:
            self._idle.append(connection)
        else:
            connection.close()
        return found

    @contextmanager
    def writer(self, seconds: float) -> Iterator[sqlite3.Connection]:
        """Lend the connection that writes, for one transaction.

        Args:
            seconds: To wait for others that write.

        Raises:
            Overloaded: if that was not enough.
            Refused: if the file can be read, and not be written to.
        """
        self._stay_here()  # the lock, too: a thread of the parent's may have it
        deadline = time.monotonic() + seconds
        inside = is_held_here(self.lock)
        try:
            self.is_waiting = True
            if not self.lock.acquire(timeout=seconds):
                raise Overloaded(_BUSY)
            left = max(0.001, deadline - time.monotonic())
            connection = self.connection(left)
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * left)}")
            with connection:
                if not connection.in_transaction:  # which a signal handler has interrupted
                    connection.execute("BEGIN IMMEDIATE")
                self.is_waiting = False
                yield connection
            self._is_kept_out = False
        except sqlite3.Error as error:
            if _says(error, "locked"):
                self._is_kept_out = True
                raise Overloaded(_BUSY) from error
            if _says(error, "readonly", "is full"):
                raise Refused(str(error)) from error
            # The file may have been emptied, or replaced: it is opened anew.
            if not inside:
                self._let_go()
            raise
        finally:
            self.is_waiting = False
            # (A signal handler may raise as soon as the lock is there.)
            if inside or is_held_here(self.lock):
                self.lock.release()

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store rows (ns, key, expiry, encoding, val), and remove a few that are expired."""
        # (After one who has waited for another process in vain, the next ones only try.)
        seconds = 0.0 if self._is_kept_out else _PATIENCE * self._timeout
        with self.writer(seconds) as connection:
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
            with self.writer(self._timeout) as connection:
                piece = connection.execute(query, (value, _PIECE_ROWS)).fetchall()
                if not piece:
                    return removed
                done = _delete(connection, [row[:2] for row in piece])
            now = time.time()
            # (What was removed one by one may still be there, empty.)
            gone = piece[:done]
            removed += sum(1 for _, size, ends in gone if size and (ends is None or ends > now))
            _pause(began)

    def discard(self, names: Sequence[tuple[str, str]]) -> int:
        """Remove rows by their namespaces and keys, piece by piece; return how many there were."""
        removed = 0
        while names:
            began = time.monotonic()
            with self.writer(self._timeout) as connection:
                found = (connection.execute(_SIZE, name) for name in names[:_PIECE_ROWS])
                piece = list(chain.from_iterable(found))
                done = _delete(connection, piece)
            removed += done
            if done == len(piece):
                names = names[_PIECE_ROWS:]
            _pause(began)
        return removed

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
                self._let_go(but_writer=is_writing)

    def _let_go(self, *, but_writer: bool = False) -> None:
        with suppressed(IndexError):  # another thread was quicker
            while self._idle:
                self._idle.pop().close()
        if not but_writer and self._opened is not None:
            opened, self._opened = self._opened, None
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

    def _connect(self, seconds: float) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=seconds, check_same_thread=False)

    def _open(self, seconds: float) -> sqlite3.Connection:
        connection = self._connect(seconds)
        try:
            [[pages]] = connection.execute("PRAGMA page_count").fetchall()
            if not pages:  # there is nothing to lose, and a slow disk would be waited for ten times
                connection.execute("PRAGMA synchronous = OFF")
            # Of a new file only: free pages can be given back.
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("PRAGMA journal_mode = WAL")
            # Safe against a crash of the process; a power cut may lose the newest answers.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
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


def _says(error: BaseException, *words: str) -> bool:
    return isinstance(error, sqlite3.OperationalError) and any(word in str(error) for word in words)


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
