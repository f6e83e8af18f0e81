"""A store from its operator's side: list, measure, read, put and remove entries.

Blocking, for the command line. Servers are asked with SCAN and with many commands sent
together, never KEYS, and nothing is held but one batch.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import unquote

from langchain_llmcache._answer.binding import Unproven
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import ANSWERS, LEASE, OLD_TAGS, VALUES
from langchain_llmcache._flow.ports import run
from langchain_llmcache._insight.errors import describe, with_remedy
from langchain_llmcache._request.key import (
    AnyScope,
    Key,
    Scope,
    encode_part,
    parse_any_path,
)
from langchain_llmcache._stores.open import file_of, open_server, open_url
from langchain_llmcache._valkey.url import split
from langchain_llmcache.errors import LLMCacheError, StoreError, UnsupportedOperationError

if TYPE_CHECKING:
    from langchain_llmcache._valkey.router import Router
    from langchain_llmcache._valkey.settings import ConnectionSettings

T = TypeVar("T")

# Commands sent together, and rows read together.
_BATCH: Final = 100
_ROWS: Final = 1000
# Bytes of values read together: another client of the server waits for a few milliseconds.
_BATCH_BYTES: Final = 2**20
# Keys, and bytes, that are removed together.
_FREED: Final = 500
_FREED_BYTES: Final = 8 * 2**20
# Keys that are told apart while they are listed: some tens of megabytes.
_REMEMBERED: Final = 500_000
_DIGEST_PREFIX: Final = re.compile(r"[0-9a-f]{4,64}")


class Held(NamedTuple):
    """An entry in a store.

    Attributes:
        key: Where.
        value: The entry's bytes; of a store that seals its entries, ``kind:sealed bytes``.
        left: Milliseconds that it still lives; None: it never expires.
        size: Bytes in the store, where ``value`` is only how it begins; None: all are here.
    """

    key: Key
    value: bytes
    left: int | None
    size: int | None = None

    @property
    def bytes(self) -> int:
        """How many bytes it has in the store."""
        return len(self.value) if self.size is None else self.size

    @property
    def is_lease(self) -> bool:
        """Whether a caller is asking the model right now for the answer that will be here."""
        return self.value.startswith(LEASE)

    @property
    def is_readable(self) -> bool:
        """Whether this is an entry that is not sealed."""
        return self.value.startswith((*ANSWERS, *OLD_TAGS, *VALUES))


class Measured(NamedTuple):
    """What can be said of an entry without reading it: key, bytes, milliseconds left."""

    key: Key
    size: int
    left: int | None


class Administration(Protocol):
    """A store's entries. All raise ``StoreError`` if the store cannot do it.

    Attributes:
        prefix: What its keys begin with.
        codec: Reads its entries.
    """

    prefix: str
    codec: Codec

    def keys(self, scope: AnyScope, digest: str = "") -> Iterator[list[Key]]:
        """Yield the keys of a scope whose digest begins so, in batches; some more than once."""

    def measure(self, keys: Sequence[Key]) -> list[Measured]:
        """Return size and time left of the entries that are there."""

    def read(self, keys: Sequence[Key], most: int | None = None) -> Iterator[Held]:
        """Yield the entries that are there, a few at a time; of larger ones the first ``most`` bytes."""

    def put(self, entries: Sequence[Held], *, replace: bool) -> int:
        """Store entries; ``replace=False`` leaves those that are there. Return how many."""

    def remove(self, keys: Sequence[Key]) -> int:
        """Remove entries; return how many there were."""

    def close(self) -> None:
        """Release what is held."""


def open_administration(
    url: str, *, prefix: str, timeout: float, must_exist: bool = True
) -> Administration:
    """Return the operator's side of a store.

    Args:
        url: As for ``LLMCache.from_url``.
        prefix: Likewise.
        timeout: Seconds that a batch may take.
        must_exist: Whether a file that is not there, or holds no cache, is an error.

    Raises:
        ConfigurationError: the URL or the prefix is not understood, or an extra is missing.
        UnsupportedOperationError: it is ``memory://``.
        StoreError: the file is not there, or holds no cache.
    """
    opened = open_url(url, prefix=prefix, timeout=timeout)
    store: Any = opened.blocking.entries
    scheme = url.partition("://")[0]
    if scheme == "memory":
        msg = (
            "memory:// is in the process that uses it and nowhere else; give the URL of a server "
            "or of a file"
        )
        raise UnsupportedOperationError(msg)
    if scheme == "sqlite":
        from langchain_llmcache._stores.sqlite import SqliteStore

        path = file_of(split(url))
        if must_exist and not holds_cache(Path(path)):
            what = "cache in the file" if Path(path).exists() else "file"
            raise StoreError(f"there is no {what} {path}")
        return SqliteAdministration(SqliteStore(path=path, timeout=timeout), opened.prefix)
    return ValkeyAdministration(store.router, opened.prefix, opened.close)


def holds_cache(path: Path) -> bool:
    """Tell whether there is a file, empty or with a cache. Opened as a store, others would get one."""
    if not path.exists():
        return False
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            names = [name for [name] in connection.execute("SELECT name FROM sqlite_master")]
            return not names or "cache" in names
    except sqlite3.Error:
        return True  # what is wrong with it is told when it is opened


def administer_server(settings: ConnectionSettings, prefix: str) -> Administration:
    """Return the operator's side of a server or a cluster that is reached so.

    Raises:
        ConfigurationError: the prefix is not understood.
    """
    opened = open_server(settings, prefix=prefix, serde=None)
    store: Any = opened.blocking.entries
    return ValkeyAdministration(store.router, opened.prefix, opened.close)


def each_once(batches: Iterable[list[Key]], remembered: int = _REMEMBERED) -> Iterator[list[Key]]:
    """Yield batches of keys without those seen before.

    It remembers the hashes of so many keys; in a larger store a key may be yielded twice.
    """
    seen: set[int] = set()
    for keys in batches:
        fresh = []
        for key in keys:
            known = hash(key)
            if known not in seen:
                fresh.append(key)
                if len(seen) < remembered:
                    seen.add(known)
        if fresh:
            yield fresh


def find(
    administration: Administration, texts: Sequence[str], prefix: str, scope: AnyScope
) -> dict[str, list[Key]]:
    """Return the keys that each text of a user may mean; however many, the store is read once.

    Args:
        administration: The store.
        texts: Whole keys; or the beginnings of digests, with or without the parts before them:
            ``0123abcd``, ``acme/0123abcd``.
        prefix: What may stand before a whole key.
        scope: Where to look for digests.

    Raises:
        ValueError: if one is neither.
    """
    found: dict[str, set[Key]] = {text: set() for text in texts}
    wanted: list[_Wanted] = []
    for text in found:
        path = text.removeprefix(prefix)
        key = parse_any_path(path)
        if key is not None:
            found[text] = {each.key for each in administration.measure([key])}
        else:
            wanted.append(_wanted(text, path))
    if wanted:
        # One is looked for by the server; of several, each key is compared with all of them here.
        digits = wanted[0].digits if len(wanted) == 1 else ""
        for keys in administration.keys(scope, digits):
            for key in keys:
                for each in wanted:
                    if each.means(key):
                        found[each.text].add(key)
    return {text: sorted(keys) for text, keys in found.items()}


class _Wanted(NamedTuple):
    """The beginning of a digest, and the parts of the key that stand before it."""

    text: str
    parts: tuple[str, ...]
    digits: str

    def means(self, key: Key) -> bool:
        return key.digest.startswith(self.digits) and key.space[: len(self.parts)] == self.parts


def _wanted(text: str, path: str) -> _Wanted:
    *parts, digits = path.split("/")
    if not _DIGEST_PREFIX.fullmatch(digits) or "" in parts:
        msg = (
            f"{text!r} is not a key: give its first 4 or more digits, as `llmcache ls` shows them "
            "(also after a namespace: acme/0123), or all of it, as `llmcache ls --json` does"
        )
        raise ValueError(msg)
    return _Wanted(text, tuple(encode_part(unquote(part)) for part in parts), digits)


@contextmanager
def _translated(action: str) -> Iterator[None]:
    """Turn whatever a store raises into a ``StoreError`` that says what to do."""
    try:
        yield
    except LLMCacheError:
        raise
    except Exception as error:
        said = f"{action} failed: {describe(error)}"
        raise StoreError(with_remedy(said, error)) from error


# --- servers and clusters ----------------------------------------------------------------------


class ValkeyAdministration:
    """A server or a cluster.

    Args:
        router: Of threads.
        prefix: What all keys begin with.
        close: Closes the connections.
    """

    def __init__(self, router: Router, prefix: str, close: Any) -> None:
        self.router = router
        self.prefix = prefix
        self.codec = Codec(Unproven(prefix))
        self.close = close

    def keys(self, scope: AnyScope, digest: str = "") -> Iterator[list[Key]]:
        """Yield the keys of a scope whose digest begins so, in batches; some more than once."""
        from langchain_llmcache._valkey.commands import escape_glob

        pattern = escape_glob(self.prefix + "".join(f"{part}/" for part in scope.namespace))
        model = scope.model if isinstance(scope, Scope) else None
        pattern += "*/" if model is None else f"*{escape_glob(model)}/"
        for names in self.names(f"{pattern}{digest}*"):
            found = [self._key(name) for name in names]
            yield [
                key
                for key in found
                if key is not None and scope.covers(key.space) and key.digest.startswith(digest)
            ]

    def names(self, pattern: str) -> Iterator[list[bytes]]:
        """Yield the keys of all servers that match a pattern, in batches; some more than once."""
        from langchain_llmcache._valkey.commands import scan

        batches = scan(self.router, pattern)
        while True:
            with _translated("scan"):
                names = run(_next(batches))
            if names is None:
                return
            yield names

    def measure(self, keys: Sequence[Key]) -> list[Measured]:
        """Return size and time left of the entries that are there."""
        found = []
        for first in range(0, len(keys), _BATCH):
            batch = keys[first : first + _BATCH]
            names = [self._name(key) for key in batch]
            # What a value is and how long it lives, one right after the other.
            replies = self.together(
                [words for name in names for words in (("PTTL", name), ("STRLEN", name))]
            )
            for key, left, size in zip(batch, replies[::2], replies[1::2], strict=True):
                if size and left != GONE:
                    found.append(Measured(key, size, None if left < 0 else left))
        return found

    def read(self, keys: Sequence[Key], most: int | None = None) -> Iterator[Held]:
        """Yield the entries that are there, a few at a time; of larger ones the first ``most`` bytes."""
        for batch in _by_bytes(self.measure(keys), most):
            commands = [_reading(self._name(one.key), one.size, most) for one in batch]
            for one, value in zip(batch, self.together(commands), strict=True):
                if value:  # it may have gone meanwhile
                    yield Held(one.key, value, one.left, _cut(one.size, most))

    def put(self, entries: Sequence[Held], *, replace: bool) -> int:
        """Store entries; ``replace=False`` leaves those that are there. Return how many."""
        commands: list[tuple[Any, ...]] = []
        for entry in entries:
            expiry = () if entry.left is None else ("PX", entry.left)
            only_new = () if replace else ("NX",)
            commands.append(("SET", self._name(entry.key), entry.value, *expiry, *only_new))
        return sum(reply is not None for reply in self.together(commands))

    def remove(self, keys: Sequence[Key]) -> int:
        """Remove entries; return how many there were."""
        from langchain_llmcache._valkey.commands import unlink

        removed = 0
        for names in self._by_effort([self._name(key) for key in keys]):
            with _translated("delete"):
                removed += run(_awaited(unlink(self.router, names)))
        return removed

    def _by_effort(self, names: Sequence[bytes]) -> Iterator[list[bytes]]:
        """Yield keys in batches: a server frees large values at once, while its clients wait."""
        for first in range(0, len(names), _FREED):
            batch = names[first : first + _FREED]
            with _translated("strlen"):
                items = [(name, ("STRLEN", name)) for name in batch]
                sizes = run(_awaited(self.router.together(items)))
            freed, total = [], 0
            for name, size in zip(batch, sizes, strict=True):
                # Without the permission to ask, or of another type: a middling one.
                total += size if isinstance(size, int) else _FREED_BYTES // 20
                freed.append(name)
                if total >= _FREED_BYTES:
                    yield freed
                    freed, total = [], 0
            if freed:
                yield freed

    def together(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the replies to commands about keys, sent together."""
        replies: list[Any] = []
        for first in range(0, len(commands), 2 * _BATCH):
            batch = commands[first : first + 2 * _BATCH]
            with _translated(str(batch[0][0])):
                answers = run(
                    _awaited(self.router.together([(words[1], words) for words in batch]))
                )
            for words, reply in zip(batch, answers, strict=True):
                replies.append(_checked(words[0], reply))
        return replies

    def _name(self, key: Key) -> bytes:
        return f"{self.prefix}{key.path}".encode("utf-8", "surrogatepass")

    def _key(self, name: bytes) -> Key | None:
        text = name.decode("utf-8", "surrogateescape")
        return (
            parse_any_path(text.removeprefix(self.prefix)) if text.startswith(self.prefix) else None
        )


def _by_bytes(found: Sequence[Measured], most: int | None) -> Iterator[list[Measured]]:
    """Yield what is there in batches of few bytes; a large entry travels alone."""
    batch: list[Measured] = []
    total = 0
    for one in found:
        size = one.size if most is None else min(one.size, most)
        if batch and (total + size > _BATCH_BYTES or len(batch) == _BATCH):
            yield batch
            batch, total = [], 0
        batch.append(one)
        total += size
    if batch:
        yield batch


def _cut(size: int, most: int | None) -> int | None:
    """Return the size of an entry of which only the beginning is read."""
    return size if most is not None and size > most else None


def _reading(name: bytes, size: int, most: int | None) -> tuple[Any, ...]:
    if most is None or size <= most:
        return ("GET", name)
    return ("GETRANGE", name, 0, most - 1)


# Of PTTL: there is no such key.
GONE: Final = -2


def _checked(command: str, reply: Any) -> Any:
    """Return a reply; raise what stands in the place of one.

    Raises:
        StoreError: if the server refused or failed.
    """
    if not isinstance(reply, Exception):
        return reply
    if str(reply).startswith("WRONGTYPE"):
        return None  # foreign data in the place of an entry
    if type(reply).__name__ == "NoPermissionError" and " key" not in str(reply):
        msg = (
            f"the user may not run {command}, which this needs: ACL SETUSER <user> +get +set "
            "+unlink +scan +pttl +strlen +getrange"
        )
        raise StoreError(msg) from reply
    with _translated(command):
        raise reply
    raise AssertionError  # pragma: no cover - for type checkers


async def _next(batches: Any) -> list[bytes] | None:
    return await anext(batches, None)


async def _awaited(operation: Awaitable[T]) -> T:
    return await operation


# --- files -------------------------------------------------------------------------------------


class SqliteAdministration:
    """A file of ``sqlite://``.

    Args:
        store: The store.
        prefix: First part of all namespaces.
    """

    def __init__(self, store: Any, prefix: str) -> None:
        self.store = store
        self.prefix = prefix
        self.codec = Codec(Unproven(prefix))
        self._prefix = encode_part(prefix)
        self._has_removed = False

    def keys(self, scope: AnyScope, digest: str = "") -> Iterator[list[Key]]:
        """Yield the keys of a scope whose digest begins so, in batches."""
        last = -1
        while True:
            rows = self.query(
                "SELECT rowid, ns, key FROM cache WHERE rowid > ? AND length(val) > 0 "
                "AND (expiry IS NULL OR expiry > ?) ORDER BY rowid LIMIT ?",
                (last, time.time(), _ROWS),
            )
            if not rows:
                return
            last = rows[-1][0]
            found = (self._key(space, name) for _, space, name in rows)
            yield [
                key
                for key in found
                if key is not None and scope.covers(key.space) and key.digest.startswith(digest)
            ]

    def measure(self, keys: Sequence[Key]) -> list[Measured]:
        """Return size and time left of the entries that are there."""
        return [Measured(key, size, left) for key, (size,), left in self._of(keys, "length(val)")]

    def read(self, keys: Sequence[Key], most: int | None = None) -> Iterator[Held]:
        """Yield the entries that are there; of larger ones the first ``most`` bytes."""
        part = "val" if most is None else f"substr(val, 1, {most:d})"
        for key, (kind, size, value), left in self._of(keys, f"encoding, length(val), {part}"):
            if isinstance(value, bytes):
                # As in a server: a plain entry as it is, a sealed one with the name of its kind.
                if kind != "bytes":
                    value = b"%s:%s" % (kind.encode(), value)  # noqa: PLW2901
                yield Held(key, value, left, _cut(size, most))

    def put(self, entries: Sequence[Held], *, replace: bool) -> int:
        """Store entries; ``replace=False`` leaves those that are there. Return how many."""
        now = time.time()
        rows = []
        for entry in entries:
            kind, value = "bytes", entry.value
            if not entry.is_readable:
                name, _, value = entry.value.partition(b":")
                kind = name.decode()
            expiry = None if entry.left is None else now + entry.left / 1000
            rows.append((*self._name(entry.key), expiry, kind, value))
        with _translated("SET"), self.store._lock, self.store._conn as connection:  # noqa: SLF001
            if not replace:
                connection.executemany(
                    "DELETE FROM cache WHERE ns = ? AND key = ? AND expiry <= ?",
                    [(row[0], row[1], now) for row in rows],
                )
            before = connection.total_changes
            connection.executemany(
                f"INSERT OR {'REPLACE' if replace else 'IGNORE'} INTO cache "  # noqa: S608
                "(ns, key, expiry, encoding, val) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            stored: int = len(rows) if replace else connection.total_changes - before
        return stored

    def remove(self, keys: Sequence[Key]) -> int:
        """Remove entries; return how many there were."""
        with _translated("delete"):
            removed: int = self.store._file.discard([self._name(key) for key in keys])  # noqa: SLF001
        self._has_removed = self._has_removed or removed > 0
        return removed

    def close(self) -> None:
        """Close the file, which becomes smaller if there is less in it now."""
        if self._has_removed:
            with suppress(sqlite3.Error):  # others are at work: then it may stay
                self.store._file.shrink()  # noqa: SLF001
        self.store.close()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query."""
        with _translated("SELECT"), self.store._lock:  # noqa: SLF001
            connection: sqlite3.Connection = self.store._conn  # noqa: SLF001
            return connection.execute(sql, values).fetchall()

    def _of(
        self, keys: Sequence[Key], what: str
    ) -> Iterator[tuple[Key, tuple[Any, ...], int | None]]:
        now = time.time()
        for key in keys:
            for *values, expiry in self.query(
                f"SELECT {what}, expiry FROM cache WHERE ns = ? AND key = ? "  # noqa: S608
                "AND length(val) > 0 AND (expiry IS NULL OR expiry > ?)",
                (*self._name(key), now),
            ):
                left = None if expiry is None else max(1, round((expiry - now) * 1000))
                yield key, tuple(values), left

    def _name(self, key: Key) -> tuple[str, str]:
        return ",".join((self._prefix, *key.space)), key.digest

    def _key(self, space: str, name: str) -> Key | None:
        first, *parts = space.split(",")
        return parse_any_path("/".join((*parts, name))) if first == self._prefix else None
