"""Questions in Valkey, by its search module: one index, one hash for each question.

Only what valkey-search, ElastiCache 8.2 and later, and RediSearch have in common. A hash lives as
long as the answer. A server without the module refuses, which is noted once: exact matching goes
on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from valkey.exceptions import ResponseError

from langchain_llmcache._signals import pass_on
from langchain_llmcache._similar.evidence import AGREED, REFUTED, WINDOW
from langchain_llmcache._similar.index import Found, Item, NoSearchError
from langchain_llmcache._similar.texts import UNREADABLE, Signature
from langchain_llmcache._valkey import commands
from langchain_llmcache._valkey.router import Router

# Seconds after which a server that had no search module is asked again.
_ASK_AGAIN: Final = 60.0
# Seconds for which the outcomes of a scope are kept after the latest one.
_OUTCOMES_LIVE: Final = 90 * 86_400
# An audited question may have expired meanwhile: it must not come back without a TTL.
_AUDITED: Final = (
    "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end "
    "if ARGV[2] == '1' then return redis.call('HINCRBY', KEYS[1], 'audits', 1) end "
    "local known = tonumber(redis.call('HGET', KEYS[1], 'refuted') or '-1') or -1 "
    "if tonumber(ARGV[1]) > known then redis.call('HSET', KEYS[1], 'refuted', ARGV[1]) end return 1"
)
_NO_MODULE: Final = "the server has no search module (valkey-search, RediSearch)"
_FIELDS: Final = ("distance", "path", "signature", "text", "audits", "refuted")


class ValkeyIndex:
    """Questions of a server or a cluster.

    Args:
        router: The way there, of threads or of event loops.
        prefix: What all keys of the cache begin with.
    """

    def __init__(self, router: Router, prefix: str) -> None:
        self._router = router
        self._prefix = prefix
        self._made: set[int] = set()
        self._no_module_until = float("-inf")

    async def add(self, item: Item, milliseconds: int | None) -> None:
        await self._make(len(item.vector) // 4)
        name = self._name(item.path)
        fields: list[Any] = ["path", item.path, "kin", item.kin, "vector", item.vector]
        fields += ["signature", json.dumps(item.signature.as_data())]
        if item.text is not None:
            fields += ["text", item.text]
        steps: list[tuple[bytes, tuple[Any, ...]]] = [
            (name, ("UNLINK", name)),
            (name, ("HSET", name, *fields)),
        ]
        if milliseconds is not None:
            steps.append((name, ("PEXPIRE", name, milliseconds)))
        _check(await self._router.together(steps))

    async def nearest(self, kin: str, vector: bytes, count: int) -> list[Found]:
        size = len(vector) // 4
        await self._make(size)
        query = f"(@kin:{{{kin}}})=>[KNN {count} @vector $vector AS distance]"
        search = (
            "FT.SEARCH", self._index(size), query, "PARAMS", 2, "vector", vector,
            "RETURN", len(_FIELDS), *_FIELDS, "LIMIT", 0, count, "DIALECT", 2,
        )  # fmt: skip
        index = self._index(size).encode()
        try:
            reply = await self._router.send(index, search, read=True)
        except ResponseError as error:
            self._made.discard(size)
            raise self._explained(error) from error
        return _found(reply)

    async def audited(self, path: str, scope: str, similarity: float, *, agreed: bool) -> None:
        name, outcome = self._name(path), AGREED if agreed else REFUTED
        await commands.evaluate(
            self._router, _AUDITED, name, repr(similarity).encode(), outcome.encode()
        )
        kept = self._outcomes(scope)
        steps: list[tuple[bytes, tuple[Any, ...]]] = [
            (kept, ("RPUSH", kept, outcome)),
            (kept, ("LTRIM", kept, -WINDOW, -1)),
            (kept, ("EXPIRE", kept, _OUTCOMES_LIVE)),
        ]
        _check(await self._router.together(steps))

    async def outcomes(self, scope: str) -> str:
        kept = self._outcomes(scope)
        try:
            reply = await self._router.send(kept, ("LRANGE", kept, -WINDOW, -1))
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            # Not ours, and in the way: without outcomes, all starts anew.
            _check(await self._router.together([(kept, ("UNLINK", kept))]))
            return ""
        return b"".join(reply).decode("ascii", "replace")[-WINDOW:]

    async def drop(self, path: str) -> None:
        name = self._name(path)
        _check(await self._router.together([(name, ("UNLINK", name))]))

    async def remove(self, covers: Callable[[str], bool], start: str) -> None:
        before = f"{self._prefix}similar:"
        await commands.remove_matching(
            self._router,
            f"{commands.escape_glob(before + start)}*",
            lambda name: covers(name.decode("utf-8", "surrogateescape").removeprefix(before)),
        )

    async def _make(self, size: int) -> None:
        """Make the index for vectors of this size, if it is not there."""
        if size in self._made:
            return
        if time.monotonic() < self._no_module_until:
            raise NoSearchError(_NO_MODULE)
        index = self._index(size)
        create = (
            "FT.CREATE", index, "ON", "HASH", "PREFIX", 1, f"{self._prefix}similar:",
            "SCHEMA", "kin", "TAG", "vector", "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", size,
            "DISTANCE_METRIC", "COSINE",
        )  # fmt: skip
        try:
            await self._router.send(index.encode(), create)
        except ResponseError as error:
            if "already exists" not in str(error).lower():
                raise self._explained(error) from error
        self._made.add(size)

    def _explained(self, error: ResponseError) -> Exception:
        if "unknown command" not in str(error).lower():
            return error
        self._no_module_until = time.monotonic() + _ASK_AGAIN
        return NoSearchError(_NO_MODULE)

    def _index(self, size: int) -> str:
        return f"{self._prefix}similar-{size}"

    def _name(self, path: str) -> bytes:
        return f"{self._prefix}similar:{path}".encode("utf-8", "surrogatepass")

    def _outcomes(self, scope: str) -> bytes:
        return f"{self._prefix}similar-outcomes:{scope}".encode("utf-8", "surrogatepass")


def _check(replies: Sequence[Any]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _found(reply: Any) -> list[Found]:
    """Return what a search replied; what is not ours is left out."""
    found = []
    for fields in reply[2::2]:
        if fields is None:  # it expired during the search
            continue
        values = {
            bytes(name).decode(): value
            for name, value in zip(fields[::2], fields[1::2], strict=True)
        }
        try:
            text = values.get("text")
            refuted = values.get("refuted")
            found.append(
                Found(
                    path=values["path"].decode("utf-8", "surrogatepass"),
                    similarity=1.0 - float(values["distance"]),
                    signature=Signature.of_data(json.loads(values["signature"])),
                    text=None if text is None else text.decode("utf-8", "surrogatepass"),
                    audits=int(values.get("audits", 0)),
                    refuted=None if refuted is None else float(refuted),
                )
            )
        except UNREADABLE as error:
            pass_on(error)
            continue
    return sorted(found, key=lambda one: -one.similarity)
