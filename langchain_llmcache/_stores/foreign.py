"""The answers of other caches, read only: langchain-core's, langchain-community's, langchain-redis's.

Some keep the request with the answer, others only a hash of it. Both are read here.

Rules of this file: nothing of another cache is changed, and nothing in it is run, imported or
shown: what is not exactly an object of langchain-core is no answer.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache._answer.classes import GENERATIONS, MESSAGES
from langchain_llmcache._insight.errors import describe
from langchain_llmcache._request.hashed import ForeignAnswer
from langchain_llmcache._signals import pass_on
from langchain_llmcache._stores.open import file_of
from langchain_llmcache._valkey.url import split
from langchain_llmcache.errors import ConfigurationError, LLMCacheError, StoreError

_CLASSES: Final[dict[str, type[Any]]] = {**GENERATIONS, **MESSAGES}
_USAGE: Final = ("input_tokens", "output_tokens", "total_tokens")
# What langchain-core writes for a value that it cannot write, and for data that looks like its own.
_UNTOLD: Final = frozenset({"lc", "__lc_escaped__"})
_BATCH: Final = 20


def read_foreign(source: object, *, prefix: str = "redis") -> Iterator[ForeignAnswer]:
    """Yield the answers of another cache.

    Args:
        source: An ``InMemoryCache``, a ``SQLAlchemyCache`` (such as ``SQLiteCache``), a
            ``RedisCache`` of either package; or the URL of a server, or a file of SQLite.
        prefix: Of the keys of langchain-redis, where a URL does not tell.

    Raises:
        ConfigurationError: if it is something else.
        StoreError: if it cannot be read.
    """
    if isinstance(source, (str, Path)):
        yield from _of_place(str(source), prefix)
        return
    names = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(source).__mro__}
    for name, reader in _READERS.items():
        if name in names:
            yield from reader(source)
            return
    raise ConfigurationError(
        f"the answers of a {type(source).__module__}.{type(source).__qualname__} cannot be taken "
        "over; expected an InMemoryCache, a SQLAlchemyCache such as SQLiteCache, a RedisCache of "
        "langchain-community or langchain-redis, or the URL of one"
    )


# --- what an answer looks like ---------------------------------------------------------------


def _answer(texts: Sequence[Any]) -> list[Generation] | None:
    """Return the generations of some JSON documents; None if one of them is anything else."""
    try:
        return [_generation(json.loads(text)) for text in texts] or None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        pass_on(error)
        return None


def _generation(document: Any) -> Generation:
    cls, fields = _constructor(document)
    if not issubclass(cls, Generation):
        raise TypeError
    if issubclass(cls, ChatGeneration):
        message, told = _constructor(fields.pop("message"))
        if not issubclass(message, BaseMessage):
            raise TypeError
        fields.pop("text", None)  # it follows from the message
        fields["message"] = message(**_checked(_with_true_usage(told)))
    fields.pop("type", None)
    return cls(**_checked(fields))


def _constructor(document: Any) -> tuple[type[Any], dict[str, Any]]:
    if document["lc"] != 1 or document["type"] != "constructor":
        raise ValueError
    *where, name = document["id"]
    if where[0] not in {"langchain", "langchain_core"}:
        raise ValueError
    return _CLASSES[name], dict(document["kwargs"])


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields that are plain data at every depth."""
    left: list[Any] = list(fields.values())
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if not _UNTOLD.isdisjoint(value):
                raise ValueError
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return fields


def _with_true_usage(fields: dict[str, Any]) -> dict[str, Any]:
    """Take back what langchain-core adds to the usage of a hit, in the very object that is cached."""
    usage = fields.get("usage_metadata")
    if isinstance(usage, dict):
        told = {name: value for name, value in usage.items() if name != "total_cost"}
        fields["usage_metadata"] = told if all(name in told for name in _USAGE) else None
    return fields


# --- in this process -------------------------------------------------------------------------


def _of_memory(cache: Any) -> Iterator[ForeignAnswer]:
    for (prompt, llm_string), generations in list(cache._cache.items()):  # noqa: SLF001 - no other way
        yield ForeignAnswer(prompt, llm_string, _untouched(generations))


def _untouched(generations: Any) -> list[Generation] | None:
    """Return copies of an answer's objects, as the model gave them."""
    if not isinstance(generations, Sequence) or not generations:
        return None
    copies = []
    for generation in generations:
        if not isinstance(generation, Generation):
            return None
        copy = generation.model_copy()
        if isinstance(copy, ChatGeneration) and isinstance(copy.message, AIMessage):
            fields = _with_true_usage({"usage_metadata": copy.message.usage_metadata})
            copy.message = copy.message.model_copy(update=fields)
        copies.append(copy)
    return copies


# --- tables of SQL ---------------------------------------------------------------------------

_TABLES: Final = ("full_llm_cache", "full_md5_llm_cache")


def _of_rows(rows: Iterable[Sequence[Any]]) -> Iterator[ForeignAnswer]:
    """Yield the answers of rows: prompt, llm_string, index, generation; those of one together."""
    for (prompt, llm_string), group in groupby(rows, key=lambda row: (row[0], row[1])):
        numbered = [(row[2], row[3]) for row in group]
        whole = [number for number, _ in numbered] == list(range(len(numbered)))
        answer = _answer([text for _, text in numbered]) if whole else None
        yield ForeignAnswer(str(prompt), str(llm_string), answer)


def _of_sqlalchemy(cache: Any) -> Iterator[ForeignAnswer]:
    import sqlalchemy

    schema = cache.cache_schema
    columns = (schema.prompt, schema.llm, schema.idx, schema.response)
    query = sqlalchemy.select(*columns).order_by(*columns[:3])
    try:
        with cache.engine.connect() as connection:
            rows = connection.execution_options(stream_results=True, yield_per=500).execute(query)
            yield from _of_rows(rows)
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise StoreError(f"the other cache cannot be read: {type(error).__name__}") from error


def _of_sqlite_file(path: str) -> Iterator[ForeignAnswer]:
    if Path(path).is_dir():
        raise StoreError(f"{path} is a folder")
    if not Path(path).is_file():
        raise StoreError(f"there is no file {path}")
    with _failing(path), closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as file:
        there = {row[0] for row in file.execute("SELECT name FROM sqlite_master")}
        tables = [table for table in _TABLES if table in there]
        if not tables:
            raise ConfigurationError(
                f"{path} holds no table of langchain-community's SQLiteCache ({_TABLES[0]}); for "
                "one of this package, use `llmcache export` and `import`"
            )
        for table in tables:
            query = f"SELECT prompt, llm, idx, response FROM {table} ORDER BY prompt, llm, idx"  # noqa: S608
            yield from _of_rows(file.execute(query))


@contextmanager
def _failing(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {describe(error)}") from error


# --- servers ---------------------------------------------------------------------------------

# Of langchain-redis behind its prefix, and of community's RedisCache: all that a key is.
_TWO_HASHES: Final = re.compile(r"[0-9a-f]{32}:[0-9a-f]{32}")
_ONE_HASH: Final = re.compile(r"[0-9a-f]{32}")

# Keys that match a pattern, in batches; replies to commands, exceptions among them.
_Scan = Callable[[str], Iterable[list[bytes]]]
_Send = Callable[[Sequence[tuple[Any, ...]]], Sequence[Any]]


def _of_server(scan: _Scan, send: _Send, prefix: str | None) -> Iterator[ForeignAnswer]:
    """Yield the answers on a server.

    Args:
        scan: Lists keys.
        send: Sends commands.
        prefix: Of langchain-redis; None: community's RedisCache, whose keys have none.
    """
    from langchain_llmcache._stores.admin import GONE
    from langchain_llmcache._valkey.commands import escape_glob

    if prefix is None:
        start, form, command = "", _ONE_HASH, "HGETALL"
    else:
        start, form, command = f"{prefix}:", _TWO_HASHES, "JSON.GET"
    for names in scan(f"{escape_glob(start)}*"):
        ours = [name for name in names if form.fullmatch(_rest(name, start))]
        for first in range(0, len(ours), _BATCH):
            batch = ours[first : first + _BATCH]
            replies = send([words for name in batch for words in ((command, name), ("PTTL", name))])
            for name, value, left in zip(batch, replies[::2], replies[1::2], strict=True):
                if not isinstance(left, int) or left == GONE:
                    continue
                known = "community" if prefix is None else "langchain-redis"
                answer = _of_hash(value) if prefix is None else _of_json(value)
                told = f"{known}:{_rest(name, start)}"
                yield ForeignAnswer(told, None, answer, None if left < 0 else left)


def _rest(name: bytes, start: str) -> str:
    text = name.decode("utf-8", "replace")
    return text[len(start) :] if text.startswith(start) else ""


def _of_hash(reply: Any) -> list[Generation] | None:
    """Return the answer in a hash of indexes and generations."""
    if isinstance(reply, (list, tuple)):
        reply = dict(zip(reply[::2], reply[1::2], strict=True))
    if not isinstance(reply, Mapping):
        return None
    try:
        numbered = sorted((int(index), text) for index, text in reply.items())
    except ValueError as error:
        pass_on(error)
        return None
    if [number for number, _ in numbered] != list(range(len(numbered))):
        return None
    return _answer([text for _, text in numbered])


def _of_json(reply: Any) -> list[Generation] | None:
    """Return the answer in a document: a list of generations, or of older versions a single one."""
    try:
        # (A client that knows the module has read it already.)
        document = reply if isinstance(reply, (list, dict)) else json.loads(reply)
        found = document if isinstance(document, list) else [document]
        return [_generation(each) for each in found] or None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        pass_on(error)
        return None


def _of_client(client: Any, prefix: str | None) -> Iterator[ForeignAnswer]:
    """Yield the answers that a client of redis-py reaches."""

    def scan(pattern: str) -> Iterator[list[bytes]]:
        names = []
        for name in client.scan_iter(match=pattern, count=1000):
            names.append(name if isinstance(name, bytes) else str(name).encode())
            if len(names) >= _BATCH:
                yield names
                names = []
        yield names

    def send(commands: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        with client.pipeline(transaction=False) as pipe:
            for words in commands:
                pipe.execute_command(*words)
            replies: Sequence[Any] = pipe.execute(raise_on_error=False)
        return replies

    try:
        yield from _of_server(scan, send, prefix)
    except LLMCacheError:
        raise
    except Exception as error:  # whatever its client raises
        raise StoreError(f"the other cache cannot be read: {describe(error)}") from error


def _of_place(place: str, prefix: str) -> Iterator[ForeignAnswer]:
    scheme, separator, _ = place.partition("://")
    if not separator:
        yield from _of_sqlite_file(place)
        return
    if scheme == "sqlite":
        yield from _of_sqlite_file(file_of(split(place)))
        return
    from langchain_llmcache._stores.admin import ValkeyAdministration, open_administration

    store = open_administration(place, prefix="llm_cache:", timeout=_TIMEOUT)
    if not isinstance(store, ValkeyAdministration):
        raise ConfigurationError("expected the URL of a server, or a file of SQLite")
    with closing(store):
        # Of both kinds: which one an application used, its keys tell.
        for kind in (prefix, None):
            yield from _of_server(store.names, store.together, kind)


_TIMEOUT: Final = 10.0

_READERS: Final[dict[str, Callable[[Any], Iterator[ForeignAnswer]]]] = {
    "langchain_core.caches.InMemoryCache": _of_memory,
    "langchain_community.cache.InMemoryCache": _of_memory,
    "langchain_community.cache.SQLAlchemyCache": _of_sqlalchemy,
    "langchain_community.cache.SQLAlchemyMd5Cache": _of_sqlalchemy,
    "langchain_community.cache.RedisCache": lambda cache: _of_client(cache.redis, None),
    "langchain_redis.cache.RedisCache": lambda cache: _of_client(cache.redis, cache.prefix),
}
