"""From a name to a connected socket: its addresses are tried side by side, the best one first.

One that is silent (a dead node, IPv6 that leads nowhere) must not use up the time for all: the
next one is begun a moment later, as RFC 8305 ("happy eyeballs") has it. The address that worked is
remembered, and comes first next time; one that was of no use comes last.

This blocks, so a thread does it: looking up a name cannot be interrupted, and asyncio would do it
in the loop's default executor, whose few threads are the application's, and which ``asyncio.run``
waits for.
"""

from __future__ import annotations

import errno
import ipaddress
import math
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from typing_extensions import Self
from valkey.asyncio import connection as aio
from valkey.connection import Connection, SSLConnection

from langchain_llmcache._signals import pass_on
from langchain_llmcache._threads import in_thread
from langchain_llmcache._valkey.tls import AsyncTlsConnection, TlsConnection

T = TypeVar("T")
Name: TypeAlias = tuple[str, int]
# As ``socket.getaddrinfo`` returns them: a family, and what ``connect`` takes.
Address: TypeAlias = tuple[int, Any]

# Seconds until the next address is begun, if there is so much time for all of them.
_STAGGER: Final = 0.25
# Names whose addresses are remembered, and addresses of a name that were of no use.
_NAMES: Final = 1000
_FAILED: Final = 32
_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN})

# Of each name, the address that worked last, and those that were of no use, the latest at the
# end. Replaced and removed as a whole: any thread may.
_worked: dict[Name, Address] = {}
_failed: dict[Name, tuple[Address, ...]] = {}


def connected(name: Name, family: int, seconds: float | None) -> tuple[socket.socket, Address]:
    """Return a connected socket, and the address that it leads to.

    Args:
        name: Host and port.
        family: Of the addresses to look for; 0: any.
        seconds: For connecting, once the addresses are known; None: any number.

    Raises:
        OSError: No address is known, or all refuse.
        TimeoutError: None has answered in time.
    """
    try:
        found = socket.getaddrinfo(*name, family, socket.SOCK_STREAM)
    except UnicodeError as error:  # nor can a name server be asked for it
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from error
    addresses = _in_order(name, ((each[0], each[4]) for each in found))
    with _Race(addresses, math.inf if seconds is None else seconds) as race:
        sock, address = race.winner()
    _remember(_worked, name, address)
    return sock, address


def distrust(connection: Any) -> None:
    """Note that a connection was of no use: next time, another address is tried first.

    (Whatever accepted it is silent, or no server, or one that takes no more clients or no writes.)
    """
    address = getattr(connection, "_address", None)
    if address is None:
        return
    name = (connection.host, connection.port)
    if _worked.get(name) == address:
        _worked.pop(name, None)
    others = [each for each in _failed.get(name, ()) if each != address]
    _remember(_failed, name, (*others[1 - _FAILED :], address))


def _remember(names: dict[Name, T], name: Name, what: T) -> None:
    while len(names) >= _NAMES and name not in names:
        names.pop(next(iter(names), name), None)
    names[name] = what


def _in_order(name: Name, found: Iterable[Address]) -> list[Address]:
    """Return the addresses of a name without repetitions, the most promising first."""
    addresses = list(dict.fromkeys(found))
    worked, failed = _worked.get(name), _failed.get(name, ())
    # IPv6 and IPv4 by turns: if one of them leads nowhere, all its addresses do.
    turns: dict[int, int] = {}
    order: dict[Address, tuple[bool, int, int]] = {}
    for address in addresses:
        turns[address[0]] = turn = turns.get(address[0], -1) + 1
        last = failed.index(address) if address in failed else -1
        order[address] = (address != worked, last, turn)
    return sorted(addresses, key=order.__getitem__)


class _Race:
    """Attempts to connect, of which the first to succeed wins."""

    def __init__(self, addresses: list[Address], seconds: float) -> None:
        self._waiting = deque(addresses)
        self._stagger = min(_STAGGER, seconds / (2 * max(1, len(addresses))))
        self._deadline = time.monotonic() + seconds
        self._selector = selectors.DefaultSelector()
        self._problem = OSError(errno.EADDRNOTAVAIL, "the name has no address")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for key in list(self._selector.get_map().values()):
            self._end(key.fileobj)
        self._selector.close()

    def winner(self) -> tuple[socket.socket, Address]:
        """Return the first socket that is connected, and its address."""
        next_begin = 0.0
        while True:
            now = time.monotonic()
            if self._waiting and now >= next_begin:
                self._begin(self._waiting.popleft())
                next_begin = now + self._stagger
            if not self._selector.get_map():
                if not self._waiting:
                    raise self._problem
                next_begin = 0.0  # all have refused so far
                continue
            until = min(self._deadline, next_begin) if self._waiting else self._deadline
            left = max(0.0, until - time.monotonic())
            for key, _ in self._selector.select(None if left == math.inf else left):
                sock: Any = key.fileobj
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    self._selector.unregister(sock)
                    return sock, key.data
                self._problem = OSError(code, os.strerror(code))
                self._end(sock)
                next_begin = 0.0
            if time.monotonic() >= self._deadline and self._selector.get_map():
                raise TimeoutError("timed out")

    def _begin(self, address: Address) -> None:
        family, where = address
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # this machine has no such addresses
            pass_on(error)
            self._problem = error
            return
        sock.settimeout(0)
        code = sock.connect_ex(where)
        if code in _UNDER_WAY:
            self._selector.register(sock, selectors.EVENT_WRITE, address)
        else:
            self._problem = OSError(code, os.strerror(code))
            sock.close()

    def _end(self, sock: Any) -> None:
        self._selector.unregister(sock)
        sock.close()


class NamedConnection(Connection):
    """A blocking connection to any of a name's addresses."""

    _address: Address | None = None

    def _connect(self) -> socket.socket:
        seconds = self.socket_connect_timeout
        sock, self._address = connected((self.host, self.port), self.socket_type, seconds)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.socket_keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in self.socket_keepalive_options.items():
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
            sock.settimeout(self.socket_timeout)
        except BaseException:
            sock.close()
            raise
        return sock


class AsyncNamedConnection(aio.AbstractConnection):
    """What ``by_name`` adds to an asyncio connection class."""

    host: str
    port: int
    socket_type: int
    socket_connect_timeout: float | None
    _address: Address | None = None
    _sock: socket.socket | None = None

    async def _connect(self) -> None:
        if not _is_address(self.host):
            name, seconds = (self.host, self.port), self.socket_connect_timeout
            sock, self._address = await in_thread(
                lambda: connected(name, self.socket_type, seconds),
                discard=lambda won: won[0].close(),
            )
            self._sock = sock
        try:
            await super()._connect()  # type: ignore[safe-super]
        except BaseException:
            if self._sock is not None:
                self._sock.close()
            raise
        finally:
            self._sock = None  # it is the transport's

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = dict(super()._connection_arguments())  # type: ignore[misc]
        if self._sock is not None:
            del arguments["host"], arguments["port"]
            arguments["sock"] = self._sock
            if arguments.get("ssl"):
                arguments["server_hostname"] = self.host
        return arguments

    def __del__(self, _warnings: Any = None) -> None:
        """Close quietly: a cache that is not used any more need not have been closed."""
        if getattr(self, "_writer", None):
            self._close()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        pass_on(error)
        return False
    return True


# Not subclasses of these: whatever they connect to, they know best.
_BY_NAME: Final[dict[type[Any], type[Any]]] = {
    Connection: NamedConnection,
    **{
        cls: type(f"Named{cls.__name__}", (cls, NamedConnection), {})
        for cls in (SSLConnection, TlsConnection)
    },
    **{
        cls: type(f"Named{cls.__name__}", (AsyncNamedConnection, cls), {})
        for cls in (aio.Connection, AsyncTlsConnection)
    },
}


def by_name(cls: type[Any]) -> type[Any]:
    """Return a connection class as one that tries all addresses of a name."""
    return _BY_NAME.get(cls, cls)
