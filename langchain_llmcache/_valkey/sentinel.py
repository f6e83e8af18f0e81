"""Connections to wherever Sentinels say that a primary, or one of its replicas, is by now.

valkey-py's own are made by its pools. These are made by ours, so each asks anew: after a
failover the next connection leads to the new primary.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

from valkey import Valkey
from valkey.asyncio import connection as aio
from valkey.asyncio import sentinel as aio_sentinel
from valkey.connection import AbstractConnection, Connection, ConnectionPool
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError
from valkey.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from langchain_llmcache._signals import pass_on
from langchain_llmcache._threads import in_thread
from langchain_llmcache._valkey.addresses import (
    AsyncNamedConnection,
    NamedConnection,
    by_name,
    distrust,
)
from langchain_llmcache._valkey.tls import AsyncTlsConnection, TlsConnection


class _BySentinels(Connection):
    """What both kinds of blocking connections do.

    Args:
        connection_pool: Asks the Sentinels: a pool of valkey-py, or what it gives its connections.
        arguments: Of a ``Connection``.
    """

    def __init__(self, *, connection_pool: Any, **arguments: Any) -> None:
        self._sentinels = connection_pool
        super().__init__(**arguments)

    def _connect(self) -> Any:
        for address in _addresses(self._sentinels):
            self.host, self.port = address
            try:
                return super()._connect()
            except OSError as error:
                pass_on(error)
                if self._sentinels.is_master:
                    raise
        raise ValkeyConnectionError("no replica can be reached")


class SentinelConnection(_BySentinels, NamedConnection):
    """A blocking connection."""


class SentinelTlsConnection(_BySentinels, TlsConnection, NamedConnection):
    """A blocking connection with TLS."""


class AsyncSentinelConnection(AsyncNamedConnection, aio.Connection):
    """An asyncio connection. The Sentinels are asked in a thread, in any event loop.

    Args:
        connection_pool: As for blocking ones.
        arguments: Of a ``Connection``.
    """

    def __init__(self, *, connection_pool: Any, **arguments: Any) -> None:
        self._sentinels = connection_pool
        super().__init__(**arguments)

    async def _connect(self) -> None:
        addresses = _addresses(self._sentinels)
        while address := await in_thread(lambda: next(addresses, None)):
            self.host, self.port = address
            try:
                await super()._connect()
            except OSError as error:
                pass_on(error)
                if self._sentinels.is_master:
                    raise
            else:
                return
        raise ValkeyConnectionError("no replica can be reached")


class AsyncSentinelTlsConnection(AsyncSentinelConnection, AsyncTlsConnection):
    """An asyncio connection with TLS."""


# valkey-py's classes, and ours for them.
BLOCKING: Final[dict[type[AbstractConnection], type[AbstractConnection]]] = {
    SentinelManagedConnection: SentinelConnection,
    SentinelManagedSSLConnection: SentinelTlsConnection,
}
ASYNC: Final[dict[type[aio.AbstractConnection], type[aio.AbstractConnection]]] = {
    aio_sentinel.SentinelManagedConnection: AsyncSentinelConnection,
    aio_sentinel.SentinelManagedSSLConnection: AsyncSentinelTlsConnection,
}


def asking(
    pool: SentinelConnectionPool | aio_sentinel.SentinelConnectionPool, seconds: float
) -> SentinelConnectionPool:
    """Return a pool that asks the same Sentinels, in threads, and does not wait long for them.

    Args:
        pool: The user's.
        seconds: For connecting, all in all.
    """
    manager = pool.sentinel_manager
    if isinstance(manager, aio_sentinel.Sentinel):  # its clients belong to one event loop
        places = [client.connection_pool.connection_kwargs for client in manager.sentinels]
        manager = Sentinel(
            [(place["host"], place["port"]) for place in places],
            min_other_sentinels=manager.min_other_sentinels,
            sentinel_kwargs=manager.sentinel_kwargs,
        )
    manager = copy.copy(manager)
    # One that is silent leaves time for another, or for being noticed.
    manager.sentinels = [_within(seconds / 2, client) for client in manager.sentinels]
    return SentinelConnectionPool(
        pool.service_name,
        manager,
        is_master=pool.is_master,
        check_connection=pool.check_connection,
    )


def _within(seconds: float, client: Valkey) -> Valkey:
    """Return a client with the same settings that waits no longer than so."""
    pool = client.connection_pool
    own: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": None,
        "retry_on_timeout": False,
        "retry_on_error": [],
    }
    settings = {**pool.connection_kwargs, **own}
    asking = type("AskingConnection", (_AskingConnection, by_name(pool.connection_class)), {})
    return Valkey(connection_pool=ConnectionPool(asking, **settings))


class _AskingConnection(AbstractConnection):
    """A connection to a Sentinel, whose name may have several addresses."""

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except (ValkeyConnectionError, ValkeyTimeoutError):
            distrust(self)
            raise


def _addresses(pool: Any) -> Iterator[tuple[str, int]]:
    """Yield where to connect to: the primary, or the replicas in turn (and at last the primary)."""
    if pool.is_master:
        yield pool.get_master_address()
    else:
        yield from pool.rotate_slaves()
