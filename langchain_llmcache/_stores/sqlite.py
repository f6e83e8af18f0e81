"""LangGraph's SqliteCache, opened on first use: a store that survives a restart."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.cache.sqlite import SqliteCache
from langgraph.checkpoint.serde.base import SerializerProtocol

from langchain_llmcache._flow.ports import run
from langchain_llmcache._stores.node_cache import Guarded, node_serializer

# Expired rows of keys that are not asked for again are removed every so many writes.
_PURGE_EVERY = 500


class SqliteStore(Guarded, SqliteCache[Any]):
    """A LangGraph cache in one file, for several threads and processes.

    Args:
        path: The file; made when first needed.
        timeout: Seconds to wait for another process's write.
        serde: Serializer of the values; a ``NodeSerializer`` by default.
    """

    def __init__(
        self, *, path: str, timeout: float = 0.5, serde: SerializerProtocol | None = None
    ) -> None:
        # Not SqliteCache's own constructor, which opens the file.
        BaseCache.__init__(self, serde=node_serializer(serde))
        self.path = path
        self._file = _File(path, timeout)
        self._lock = self._file.lock

    @property
    def _conn(self) -> sqlite3.Connection:  # type: ignore[override]
        return self._file.connection()

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Remove the values of these namespaces, or all."""
        spaces = None if namespaces is None else [_plain(space) for space in namespaces]

        async def remove() -> None:
            SqliteCache.clear(self, spaces)

        run(remove() if self._guard is None else self._guard.gate.administer("clear", remove()))

    def spaces(self) -> list[Namespace]:
        """Return the namespaces that hold anything."""
        with self._lock, self._conn:
            rows = self._conn.execute("SELECT DISTINCT ns FROM cache").fetchall()
        return [tuple(row[0].split(",")) for row in rows]

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        self._file.close()

    def _get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        values = {}
        for key in keys:
            # Under the key that was asked for: a namespace does not always come back as it was.
            for value in SqliteCache.get(self, [(_plain(key[0]), key[1])]).values():
                values[key] = value
        return values

    def _set(self, pairs: Mapping[FullKey, tuple[Any, Any]]) -> None:
        SqliteCache.set(self, {(_plain(key[0]), key[1]): pair for key, pair in pairs.items()})
        with self._lock, self._conn:
            self._file.writes += 1
            if self._file.writes % _PURGE_EVERY == 1:
                self._conn.execute("DELETE FROM cache WHERE expiry < ?", (time.time(),))

    def __del__(self) -> None:
        """Leave the file to ``_File``: the store may have another face."""


class _File:
    """The file, and the one connection to it."""

    def __init__(self, path: str, timeout: float) -> None:
        self.lock = threading.RLock()
        self.writes = 0
        self._path = path
        self._timeout = timeout
        self._opened: tuple[int, sqlite3.Connection] | None = None

    def connection(self) -> sqlite3.Connection:
        """Return the connection, which SQLite forbids to carry across a fork."""
        with self.lock:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = (os.getpid(), self._open())
            return self._opened[1]

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        with self.lock:
            if self._opened is not None and self._opened[0] == os.getpid():
                self._opened[1].close()
            self._opened = None

    def __del__(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=self._timeout, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            # Safe against a crash of the process; a power cut may lose the newest answers.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS cache (ns TEXT, key TEXT, expiry REAL, "
                "encoding TEXT NOT NULL, val BLOB NOT NULL, PRIMARY KEY (ns, key))"
            )
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection


def _plain(space: Namespace) -> Namespace:
    # LangGraph joins the parts with commas: one inside a part would make another namespace.
    return tuple(part.replace(",", "%2C") for part in space)
