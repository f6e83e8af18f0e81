"""valkey-py's blocking connections, with a deadline for all that one operation sends and reads.

A socket's own timeout is one for each read: a server that sends a byte now and then could
keep an operation waiting forever.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from valkey.connection import AbstractConnection

from langchain_llmcache._valkey.sizes import FIRST_LINE, FLOWING, check_size

T = TypeVar("T")

# Bytes from which on it is worth a look how many there will be.
_MANY: Final = 16_384


class Flow:
    """When much was last on its way, over any of the connections that share this.

    Attributes:
        at: ``time.monotonic()``.
    """

    at = 0.0


class _Deadline:
    """A moment that a connection and its socket share, and how much may come until then."""

    __slots__ = ("arrived", "at", "flow", "half", "largest", "moved", "start")

    def __init__(self) -> None:
        self.flow = Flow()
        self.begin(float("inf"), None)

    def begin(self, at: float, largest: int | None) -> None:
        """Begin an operation."""
        self.at = at
        self.half = (time.monotonic() + at) / 2
        self.largest = largest
        self.arrived = self.moved = 0
        self.start = b""

    def remaining(self) -> float:
        """Return the seconds that are left.

        If they are over, this thread was kept from looking, which is no silence of the server:
        it gets back as much time as it is late. (With 0 a socket gives what has come already.)
        """
        left = self.at - time.monotonic()
        if left < 0:
            self.at -= 2 * left
        return abs(left)

    def note(self, count: int) -> None:
        """Note that so many bytes went out or came in."""
        self.moved += count
        if self.moved >= FLOWING:
            self.flow.at = time.monotonic()

    def check(self, data: Any, count: int) -> None:
        """Refuse to read more than may come."""
        self.note(count)
        if self.largest is None:
            return
        if self.arrived == 0:
            self.start = bytes(data[:FIRST_LINE])
        self.arrived += count
        if self.arrived >= _MANY:
            check_size(self.start, self.arrived, self.largest)


# What a socket without any time left says.
_NOTHING_THERE: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _DeadlineSocket:
    """A socket whose every wait ends by the deadline."""

    __slots__ = ("_deadline", "_sock")

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def recv_into(self, buffer: Any) -> int:
        count = self._in_time(self._sock.recv_into, buffer)
        self._deadline.check(buffer, count)
        return count

    def recv(self, size: int) -> bytes:
        data = self._in_time(self._sock.recv, size)
        self._deadline.check(data, len(data))
        return data

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            count = self._in_time(self._sock.send, left)
            self._deadline.note(count)
            left = left[count:]

    def _in_time(self, operation: Callable[[Any], T], argument: Any) -> T:
        self._sock.settimeout(self._deadline.remaining())
        try:
            return operation(argument)
        except _NOTHING_THERE:
            raise TimeoutError("deadline") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class DeadlineConnection(AbstractConnection):
    """What ``with_deadline`` adds to a connection class."""

    def __init__(self, **arguments: Any) -> None:
        self._deadline = _Deadline()
        super().__init__(**arguments)

    def set_deadline(self, at: float, largest: int | None = None) -> None:
        """End every wait by ``at`` (``time.monotonic()``), and read no value of more bytes."""
        self._deadline.begin(at, largest)

    def share(self, flow: Flow) -> None:
        """Note there, too, what is on its way here."""
        self._deadline.flow = flow

    @property
    def is_flowing(self) -> bool:
        """Whether much was on its way, over this connection or another one, late in the time."""
        return self._deadline.flow.at > self._deadline.half

    def _connect(self) -> Any:
        sock = super()._connect()  # type: ignore[safe-super]
        # fakeredis has sockets of its own, which never wait.
        return _DeadlineSocket(sock, self._deadline) if isinstance(sock, socket.socket) else sock


_classes: dict[type[AbstractConnection], type[DeadlineConnection]] = {}


def with_deadline(cls: type[AbstractConnection]) -> type[DeadlineConnection]:
    """Return ``cls`` as a ``DeadlineConnection``."""
    if cls not in _classes:
        _classes[cls] = type(f"Deadline{cls.__name__}", (DeadlineConnection, cls), {})
    return _classes[cls]
