"""One server, or a cluster? What the server answers tells, when it is first used.

Nothing is asked for it: a lookup on a single server stays one GET, and no more rights are
needed than the cache has anyway. The node of a cluster gives itself away by a redirection, or
by refusing two keys in one command.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final

from valkey.crc import key_slot
from valkey.exceptions import ReadOnlyError, ResponseError

from langchain_llmcache._valkey.commands import Command
from langchain_llmcache._valkey.entries import BulkTransport, Transport

_OF_A_CLUSTER: Final = frozenset({"MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN"})
# What stands in a pattern before its first wildcard.
_LITERAL: Final = re.compile(r"(?:[^\\*?\[]|\\.)*", re.DOTALL)


class Finding:
    """What was found out; both halves of a cache share it."""

    def __init__(self) -> None:
        self.is_cluster: bool | None = None


class AutoTransport:
    """A server, until it turns out to be a cluster.

    Args:
        single: For one server.
        cluster: For a cluster.
        finding: What was found out so far.
    """

    def __init__(self, single: Transport, cluster: Transport, finding: Finding) -> None:
        self._single = single
        self._cluster = cluster
        self._finding = finding

    async def get(self, name: bytes) -> bytes | None:
        """Return the value of a key."""
        if self._finding.is_cluster:
            return await self._cluster.get(name)
        try:
            return await self._single.get(name)
        except ResponseError as error:
            self._learn_from(error)
        return await self._cluster.get(name)

    async def call(self, command: str, name: bytes, *arguments: Any) -> Any:
        """Return the reply to a command about one key."""
        return await self._either(lambda to: to.call(command, name, *arguments))

    async def eval(self, script: str, name: bytes, *arguments: Any) -> Any:
        """Run a script about one key."""
        return await self._either(lambda to: to.eval(script, name, *arguments))

    async def together(self, items: Sequence[tuple[bytes, Command]]) -> list[Any]:
        """Return the replies to commands about keys, sent together; refusals are among them."""
        if not self._finding.is_cluster:
            replies: list[Any] = await self._blocking(self._single).together(items)
            if not any(map(_is_of_a_cluster, replies)):
                return replies
            self._finding.is_cluster = True
        return await self._blocking(self._cluster).together(items)

    async def everywhere(self, *command: Any) -> dict[str, Any]:
        """Return each server's reply to a command about no key; refusals are among them."""
        if self._finding.is_cluster is None:
            await self._find_out("")
        to = self._cluster if self._finding.is_cluster else self._single
        return await self._blocking(to).everywhere(*command)

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys, however many; return how many there were."""
        removed: int = await self._either(lambda to: to.unlink(names))
        return removed

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, of all servers, in batches; some more than once."""
        if self._finding.is_cluster is None:
            await self._find_out(pattern)
        async for names in (self._cluster if self._finding.is_cluster else self._single).scan(
            pattern
        ):
            yield names

    async def close(self) -> None:
        """Close what an asyncio transport has on the running loop."""
        for transport in self._both():
            await transport.close()

    def abandon(self) -> None:
        """Close the sockets of closed loops."""
        for transport in self._both():
            transport.abandon()

    def _both(self) -> Iterator[Any]:
        yield self._single
        yield self._cluster

    async def _either(self, do: Callable[[Transport], Any]) -> Any:
        if not self._finding.is_cluster:
            try:
                return await do(self._single)
            except ResponseError as error:
                self._learn_from(error)
        return await do(self._cluster)

    async def _find_out(self, pattern: str) -> None:
        # One node of a cluster would list its own keys and give no sign. UNLINK of two keys
        # in different slots makes it: keys that nobody has, and a right that clearing needs.
        # (A replica of a cluster redirects; one that refuses to write belongs to none.)
        with contextlib.suppress(ReadOnlyError):
            await self.unlink(_two_keys_of_nobody(pattern))
        self._finding.is_cluster = bool(self._finding.is_cluster)

    @staticmethod
    def _blocking(transport: Transport) -> BulkTransport:
        if not isinstance(transport, BulkTransport):
            raise TypeError(f"{type(transport).__name__} sends one command at a time")
        return transport

    def _learn_from(self, error: ResponseError) -> None:
        """Note that it is a cluster, or raise the error."""
        if not _is_of_a_cluster(error):
            raise error
        self._finding.is_cluster = True


def _is_of_a_cluster(reply: object) -> bool:
    return isinstance(reply, ResponseError) and str(reply).partition(" ")[0] in _OF_A_CLUSTER


def _two_keys_of_nobody(pattern: str) -> list[bytes]:
    """Return two keys that do not exist, where the pattern looks, in different slots."""
    literal = _LITERAL.match(pattern)
    start = re.sub(r"\\(.)", r"\1", literal[0] if literal else "", flags=re.DOTALL).encode(
        "utf-8", "surrogatepass"
    )
    first = start + uuid.uuid4().hex.encode()
    second = first
    for _ in range(100):  # a prefix with {a hash tag} has all its keys in one slot
        second = start + uuid.uuid4().hex.encode()
        if key_slot(second) != key_slot(first):
            break
    return [first, second]
