"""valkey-py's blocking connections, with a deadline for all that one operation sends and reads.

A socket's own timeout is one for each read: a server that sends a byte now and then could
keep an operation for ever.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from valkey.connection import AbstractConnection


class _Deadline:
    """A moment that a connection and its socket share."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = float("inf")

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: if there are none.
        """
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("deadline")
        return seconds


class _DeadlineSocket:
    """A socket whose every wait ends by the deadline."""

    __slots__ = ("_deadline", "_sock")

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def recv_into(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.remaining())
        return self._sock.recv_into(buffer)

    def recv(self, size: int) -> bytes:
        self._sock.settimeout(self._deadline.remaining())
        return self._sock.recv(size)

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class DeadlineConnection(AbstractConnection):
    """What ``with_deadline`` adds to a connection class."""

    def __init__(self, **arguments: Any) -> None:
        self._deadline = _Deadline()
        super().__init__(**arguments)

    def set_deadline(self, at: float) -> None:
        """End every wait by ``at`` (``time.monotonic()``)."""
        self._deadline.at = at

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
