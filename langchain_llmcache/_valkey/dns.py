"""valkey-py's asyncio connections, looking names up where nobody else has to wait for it.

asyncio looks them up in the loop's default executor: a name server that does not answer would
hold its few threads, which the application uses too, and ``asyncio.run`` would wait for them.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any, Final

from valkey.asyncio import connection as aio

from langchain_llmcache._valkey.in_thread import in_thread
from langchain_llmcache._valkey.tls import AsyncTlsConnection


class ResolvingConnection(aio.AbstractConnection):
    """What ``without_executor`` adds to a connection class."""

    host: str
    port: int
    socket_type: int
    _address: str | None = None

    async def _connect(self) -> None:
        addresses = await self._addresses()
        for address in addresses:
            self._address = address
            try:
                await super()._connect()  # type: ignore[safe-super]
            except OSError:
                if address is addresses[-1]:
                    raise
            else:
                return

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = dict(super()._connection_arguments())  # type: ignore[misc]
        if self._address is not None:
            arguments["host"] = self._address
            if arguments.get("ssl"):
                arguments["server_hostname"] = self.host
        return arguments

    async def _addresses(self) -> list[str | None]:
        """Return where to connect to, in order; None: to the host as it is written."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            pass
        else:
            return [None]
        host, port = self.host, self.port
        found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        # (An address with a zone, as in fe80::1%eth0, is written in full.)
        return list(
            dict.fromkeys(socket.getnameinfo(address, _NUMERIC)[0] for *_, address in found)
        )

    def __del__(self, _warnings: Any = None) -> None:
        """Close quietly: a cache that is not used any more need not have been closed."""
        if getattr(self, "_writer", None):
            self._close()


_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


# Not subclasses of these: whatever they connect to, they know best.
_BY_NAME: Final = (aio.Connection, aio.SSLConnection, AsyncTlsConnection)
_CLASSES: Final[dict[type[aio.AbstractConnection], type[aio.AbstractConnection]]] = {
    cls: type(f"Resolving{cls.__name__}", (ResolvingConnection, cls), {}) for cls in _BY_NAME
}


def without_executor(cls: type[aio.AbstractConnection]) -> type[aio.AbstractConnection]:
    """Return ``cls`` as one that needs no thread of the default executor."""
    return _CLASSES.get(cls, cls)
