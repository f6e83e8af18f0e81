"""Entries of a cache in Valkey: the commands, written once, for threads and for event loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from valkey.exceptions import InvalidResponse, ResponseError

from langchain_llmcache._answer.entries import LEASE, CorruptEntryError
from langchain_llmcache._answer.seal import LARGE, Seal
from langchain_llmcache._flow.ports import Caller, Refused
from langchain_llmcache._request.key import AnyScope, Key
from langchain_llmcache._valkey import commands
from langchain_llmcache._valkey.commands import escape_glob, remove_matching
from langchain_llmcache._valkey.router import Router
from langchain_llmcache._valkey.sizes import TooLargeError

# Of a value that is not a lease, it tells only that it is not one: it may be large.
SWAP_SCRIPT: Final = """
local there = redis.call('GET', KEYS[1])
if there ~= ARGV[1] then
  return there and string.sub(there, 1, 6) == 'lease:' and there
elseif ARGV[2] == '' then redis.call('UNLINK', KEYS[1])
elseif ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return there
"""
# Bytes that a seal may add to an entry.
_SEALING: Final = 1024


class ValkeyEntries:
    """One key for each entry.

    Args:
        router: The way to the server, of threads or of event loops.
        prefix: What all keys begin with.
        seal: Seals entries (encryption); None stores them as they are.
        caller: Does what takes a while, such as to seal a large entry.
    """

    def __init__(self, router: Router, prefix: str, seal: Seal | None, caller: Caller) -> None:
        self._caller = caller
        self.router = self._router = router
        self._largest: int | None = None
        self.prefix = self._prefix = prefix
        self._seal = seal

    def bound(self, largest: int | None) -> None:
        """Read no value that is larger than an entry of so many bytes. None: any value."""
        # (What seals an entry may also write it as text.)
        self._largest = None if largest is None else 2 * largest + _SEALING

    async def get(self, key: Key) -> bytes | None:
        try:
            stored = await commands.get(self._router, self._name(key), self._largest)
        except TooLargeError as error:
            raise CorruptEntryError(str(error)) from error
        except ResponseError as error:  # as in translated, which takes longer
            if str(error).startswith("WRONGTYPE"):
                raise CorruptEntryError("another kind of value than a string") from error
            raise Refused(str(error)) from error
        return await self._opened(stored)

    async def put(self, key: Key, entry: bytes, ttl: int | None) -> None:
        if self._seal is not None:
            entry = await self._sealing(self._seal.wrap, entry)
        with translated():
            await commands.put(self._router, self._name(key), entry, ttl)

    async def delete(self, key: Key) -> bool:
        with translated():
            name = self._name(key)
            return bool(await self._router.send(name, ("UNLINK", name)))

    async def claim(self, key: Key, lease: bytes, milliseconds: int) -> bytes | None:
        # One command decides, on any topology, without a script: Valkey 7 and later.
        with translated():
            name = self._name(key)
            claim = ("SET", name, lease, "NX", "GET", "PX", milliseconds)
            return await self._opened(await self._router.send(name, claim))

    async def swap(
        self, key: Key, lease: bytes, other: bytes | None, milliseconds: int | None
    ) -> bytes | None:
        with translated():
            there: bytes | None = await commands.evaluate(
                self._router,
                SWAP_SCRIPT,
                self._name(key),
                lease,
                other or b"",
                milliseconds or b"",
            )
            return there

    async def clear(self, scope: AnyScope) -> int:
        start = escape_glob(self._prefix)
        with translated():
            return sum(
                [
                    await remove_matching(
                        self._router, start + glob, lambda name: self._belongs(name, scope)
                    )
                    for glob in scope.globs(escape_glob)
                ]
            )

    async def ping(self) -> None:
        # A lookup of a key that no entry has: it needs no more rights than the cache itself.
        with translated():
            await commands.get(self._router, f"{self._prefix}ping".encode())

    def _name(self, key: Key) -> bytes:
        return f"{self._prefix}{key.path}".encode("utf-8", "surrogatepass")

    def _belongs(self, name: bytes, scope: AnyScope) -> bool:
        """Tell whether a key is one of this cache's: a pattern matches other things too."""
        path = name.decode("utf-8", "surrogateescape").removeprefix(self._prefix)
        return scope.matches(path)

    async def _opened(self, stored: bytes | None) -> bytes | None:
        if stored is not None and not isinstance(stored, bytes):
            raise InvalidResponse("a value that is not a string")
        if stored is None or self._seal is None or stored.startswith(LEASE):
            return stored
        return await self._sealing(self._seal.unwrap, stored)

    async def _sealing(self, work: Callable[[bytes], bytes], data: bytes) -> bytes:
        return work(data) if len(data) < LARGE else await self._caller.compute(partial(work, data))


@contextmanager
def translated() -> Iterator[None]:
    """Tell the server's refusals from its failures."""
    try:
        yield
    except ResponseError as error:
        raise Refused(str(error)) from error
