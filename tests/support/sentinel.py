"""A real Sentinel that watches a real server, and the servers that a failover needs."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from valkey.asyncio.sentinel import Sentinel as AsyncSentinel
from valkey.sentinel import Sentinel

from tests.support.patience import PATIENT
from tests.support.servers import HOST, ValkeyServer, wait_until

SERVICE = "mymaster"


class ValkeySentinel(ValkeyServer):
    """A Sentinel of one's own, alone enough for a failover.

    Args:
        primary: Whom it watches; None: nobody.
        options: Of a ``ValkeyServer``: a password of its own, TLS.
    """

    _flags = ("--sentinel",)

    def __init__(self, primary: ValkeyServer | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._primary = primary

    def client(self, **options: Any) -> Any:
        """A new raw client of valkey-py."""
        return self.sentinel().sentinels[0]

    def sentinel(self) -> Sentinel:
        """The client that asks it, for threads."""
        return Sentinel([(HOST, self.port)], sentinel_kwargs=self._login, socket_timeout=PATIENT)

    def async_sentinel(self) -> AsyncSentinel:
        """The client that asks it, for an event loop."""
        return AsyncSentinel(
            [(HOST, self.port)], sentinel_kwargs=self._login, socket_timeout=PATIENT
        )

    @property
    def _login(self) -> dict[str, Any]:
        login: dict[str, Any] = {"password": self._password, "socket_timeout": PATIENT}
        if self._key_pair is not None and self.certificates is not None:
            login |= {"ssl": True, "ssl_ca_certs": str(self.certificates.ca)}
        return login

    def knows_replicas(self, number: int) -> None:
        """Wait until it has seen so many replicas."""
        wait_until(
            lambda: len(self.sentinel().discover_slaves(SERVICE)) == number, "replicas are known"
        )

    def _configuration(self, port: int, bus_port: int | None, plain_port: int) -> str:
        lines = [
            f"bind {HOST}",
            *self._own_tls(port),
            f"port {plain_port}",
            "daemonize no",
            f'dir "{self.directory}"',
            f'logfile "{self.directory / "log"}"',
        ]
        if self._password is not None:
            lines.append(f'requirepass "{self._password}"')
        if self._primary is not None:
            lines += [
                f"sentinel monitor {SERVICE} {HOST} {self._primary.port} 1",
                f"sentinel down-after-milliseconds {SERVICE} 3000",
                f"sentinel failover-timeout {SERVICE} 5000",
                *self._tls_of(self._primary),
            ]
        if self._primary is not None and self._primary._password is not None:
            lines.append(f'sentinel auth-pass {SERVICE} "{self._primary._password}"')
        return "\n".join(lines) + "\n"

    def _tls_of(self, primary: ValkeyServer) -> list[str]:
        if primary.certificates is None:
            return []
        if self._key_pair is not None:  # it shows its own
            return ["tls-replication yes"]
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
