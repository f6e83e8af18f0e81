"""Valkey, natively: the commands, written once, over a blocking or an asyncio transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, runtime_checkable

from valkey.exceptions import InvalidResponse, ResponseError

from langchain_llmcache._answer.entries import LEASE, CorruptEntryError
from langchain_llmcache._answer.seal import Seal
from langchain_llmcache._flow.ports import Refused
from langchain_llmcache._request.key import AnyScope, Key
from langchain_llmcache._valkey.commands import Command

# Of a value that is not a lease, only that it is none: it may be large.
SWAP_SCRIPT: Final = """
local there = redis.call('GET', KEYS[1])
if there ~= ARGV[1] then
  return there and string.sub(there, 1, 6) == 'lease:' and there
elseif ARGV[2] == '' then redis.call('UNLINK', KEYS[1])
elseif ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return there
"""
_GLOB: Final = str.maketrans({char: f"\\{char}" for char in "\\*?[]^-"})


class Transport(Protocol):
    """Sends commands to one server or a cluster; each returns or raises within the deadline.

    Names are whole keys, bytes. Any of these may raise what valkey-py raises.
    """

    async def get(self, name: bytes) -> bytes | None:
        """Return the value of a key. Many at once may travel together."""

    async def call(self, command: str, name: bytes, *arguments: Any) -> Any:
        """Return the reply to a command about one key."""

    async def eval(self, script: str, name: bytes, *arguments: Any) -> Any:
        """Run a script about one key."""

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys, however many; return how many there were."""

    def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, of all servers, in batches; some more than once."""


@runtime_checkable
class BulkTransport(Transport, Protocol):
    """For administration: a transport of threads."""

    async def together(self, items: Sequence[tuple[bytes, Command]]) -> list[Any]:
        """Return the replies to commands about keys, sent together; refusals are among them."""

    async def everywhere(self, *command: Any) -> dict[str, Any]:
        """Return each server's reply to a command about no key; refusals are among them."""


class ValkeyEntries:
    """One key for each entry: ``GET``, ``SET … PX``, ``UNLINK``, ``SCAN``; nothing else.

    Args:
        transport: Blocking or asyncio.
        prefix: What all keys begin with.
        seal: Seals entries (encryption); None stores them as they are.
    """

    def __init__(self, transport: Transport, prefix: str, seal: Seal | None = None) -> None:
        self.transport = self._transport = transport
        self.prefix = self._prefix = prefix
        self._seal = seal

    async def get(self, key: Key) -> bytes | None:
        try:
            stored = await self._transport.get(self._name(key))
        except ResponseError as error:  # as in translated, which takes longer
            if str(error).startswith("WRONGTYPE"):
                raise CorruptEntryError("another kind of value than a string") from error
            raise Refused(str(error)) from error
        return self._opened(stored)

    async def put(self, key: Key, entry: bytes, ttl: int | None) -> None:
        if self._seal is not None:
            entry = self._seal.wrap(entry)
        expiry = () if ttl is None else ("PX", ttl)
        with translated():
            await self._transport.call("SET", self._name(key), entry, *expiry)

    async def delete(self, key: Key) -> bool:
        with translated():
            return bool(await self._transport.unlink([self._name(key)]))

    async def claim(self, key: Key, lease: bytes, milliseconds: int) -> bytes | None:
        # One command decides, on any topology, without a script: Valkey 7 and later.
        with translated():
            name = self._name(key)
            there = await self._transport.call("SET", name, lease, "NX", "GET", "PX", milliseconds)
            return self._opened(there)

    async def swap(
        self, key: Key, lease: bytes, other: bytes | None, milliseconds: int | None
    ) -> bytes | None:
        with translated():
            there: bytes | None = await self._transport.eval(
                SWAP_SCRIPT, self._name(key), lease, other or b"", milliseconds or b""
            )
            return there

    async def clear(self, scope: AnyScope) -> int:
        start = escape_glob(self._prefix)
        with translated():
            return sum(
                [
                    await remove_matching(
                        self._transport, start + glob, lambda name: self._belongs(name, scope)
                    )
                    for glob in scope.globs(escape_glob)
                ]
            )

    async def ping(self) -> None:
        # A lookup of a key that nobody has: it needs no more rights than the cache itself.
        with translated():
            await self._transport.get(f"{self._prefix}ping".encode())

    def _name(self, key: Key) -> bytes:
        return f"{self._prefix}{key.path}".encode("utf-8", "surrogatepass")

    def _belongs(self, name: bytes, scope: AnyScope) -> bool:
        """Tell whether a key is one of this cache's: a pattern matches other things too."""
        path = name.decode("utf-8", "surrogateescape").removeprefix(self._prefix)
        return scope.matches(path)

    def _opened(self, stored: bytes | None) -> bytes | None:
        if stored is not None and not isinstance(stored, bytes):
            raise InvalidResponse("a value that is no string")
        if stored is None or self._seal is None or stored.startswith(LEASE):
            return stored
        return self._seal.unwrap(stored)


@contextmanager
def translated() -> Iterator[None]:
    """Tell the server's refusals from its failures."""
    try:
        yield
    except ResponseError as error:
        raise Refused(str(error)) from error


def escape_glob(text: str) -> str:
    """Return the pattern that matches ``text`` itself and nothing else."""
    return text.translate(_GLOB)


async def remove_matching(
    transport: Transport, pattern: str, wanted: Callable[[bytes], bool]
) -> int:
    """Remove the keys that match ``pattern`` and are wanted, in batches, blocking nobody for long.

    Returns how many there were.

    Keys that are written meanwhile may stay.
    """
    removed = 0
    async for names in transport.scan(pattern):
        found = [name for name in names if wanted(name)]
        if found:
            removed += await transport.unlink(found)
    return removed
