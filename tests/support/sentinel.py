"""A real Sentinel that watches a real server, and the servers that a failover needs."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from valkey.asyncio.sentinel import Sentinel as AsyncSentinel
from valkey.sentinel import Sentinel

from tests.support.servers import HOST, ValkeyServer, wait_until

SERVICE = "mymaster"


class ValkeySentinel(ValkeyServer):
    """A Sentinel of one's own, alone enough for a failover.

    Args:
        primary: Whom it watches; None: nobody.
    """

    _flags = ("--sentinel",)

    def __init__(self, primary: ValkeyServer | None = None) -> None:
        super().__init__()
        self._primary = primary

    def client(self, **options: Any) -> Any:
        """A new raw client of valkey-py."""
        return Sentinel([(HOST, self.port)], socket_timeout=5.0).sentinels[0]

    def sentinel(self) -> Sentinel:
        """The client that asks it, for threads."""
        return Sentinel([(HOST, self.port)], socket_timeout=1.0)

    def async_sentinel(self) -> AsyncSentinel:
        """The client that asks it, for an event loop."""
        return AsyncSentinel([(HOST, self.port)], socket_timeout=1.0)

    def knows_replicas(self, number: int) -> None:
        """Wait until it has seen so many replicas."""
        wait_until(
            lambda: len(self.sentinel().discover_slaves(SERVICE)) == number, "replicas are known"
        )

    def _configuration(self, port: int, bus_port: int, plain_port: int) -> str:
        lines = [
            f"bind {HOST}",
            f"port {port}",
            "daemonize no",
            f'dir "{self.directory}"',
            f'logfile "{self.directory / "log"}"',
        ]
        if self._primary is not None:
            lines += [
                f"sentinel monitor {SERVICE} {HOST} {self._primary.port} 1",
                f"sentinel down-after-milliseconds {SERVICE} 500",
                f"sentinel failover-timeout {SERVICE} 5000",
                *self._tls_of(self._primary),
            ]
        return "\n".join(lines) + "\n"

    def _tls_of(self, primary: ValkeyServer) -> list[str]:
        if primary.certificates is None:
            return []
        pair = primary.certificates.client
        return [
            "tls-replication yes",
            f'tls-cert-file "{pair.certificate}"',
            f'tls-key-file "{pair.key}"',
            f'tls-ca-cert-file "{primary.certificates.ca}"',
        ]

    def _answers(self, port: int, *, loaded: bool) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1.0):
            return "sentinel" in self._log().lower()
        return False
