"""The client that a user already has, as connection settings. Nothing here connects.

Its connections' class and arguments are taken over, also those that only that class knows.
What does not serve is refused at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from valkey import Valkey
from valkey.asyncio import Valkey as AsyncValkey
from valkey.asyncio import ValkeyCluster as AsyncValkeyCluster
from valkey.asyncio import connection as aio
from valkey.asyncio import sentinel as aio_sentinel
from valkey.cluster import ValkeyCluster
from valkey.connection import AbstractConnection, ConnectionPool, SSLConnection
from valkey.sentinel import Sentinel, SentinelConnectionPool

from langchain_llmcache._valkey import sentinel
from langchain_llmcache._valkey.green import check_patches
from langchain_llmcache._valkey.settings import ASYNC_CLASSES, OWN, ConnectionSettings
from langchain_llmcache._valkey.tls import AsyncTlsConnection, TlsConnection
from langchain_llmcache._valkey.topology import Address, ClusterSettings
from langchain_llmcache.errors import ConfigurationError

# What our connections decide for themselves.
_OURS: Final = {
    *OWN,
    "socket_timeout",
    "socket_connect_timeout",
    "parser_class",
    "command_packer",
}
# Where asyncio has the same connection. Any other class is used from threads.
_COUNTERPARTS: Final[dict[type[AbstractConnection], type[aio.AbstractConnection]]] = {
    **ASYNC_CLASSES,
    sentinel.SentinelConnection: sentinel.AsyncSentinelConnection,
    sentinel.SentinelTlsConnection: sentinel.AsyncSentinelTlsConnection,
}


def settings_of(
    client: object, async_client: object | None, *, timeout: float
) -> ConnectionSettings:
    """Take over the settings of a client (and of an asyncio client, where one is given).

    Raises:
        ConfigurationError: if it is no client of valkey-py, or its connections cannot be made.
    """
    check_patches()
    connection, arguments, cluster = _of_client(client, timeout)
    counterpart: type[aio.AbstractConnection] | None
    if async_client is not None:
        counterpart, kept = _of_async_client(async_client, timeout)
    else:
        counterpart = _COUNTERPARTS.get(connection)
        if arguments.get("valkey_connect_func") is not None:
            counterpart = None  # that function deals with blocking connections
        kept = {} if counterpart is None else _accepted(counterpart, arguments)
    settings = ConnectionSettings(
        connection, arguments, counterpart, kept, timeout, cluster=cluster
    )
    _check(settings)
    return settings


def _of_client(
    client: object, timeout: float
) -> tuple[type[AbstractConnection], dict[str, Any], ClusterSettings]:
    """Return class and arguments of a client's connections, and what it says of a cluster."""
    given: Any = client
    cluster = ClusterSettings()
    if isinstance(given, ValkeyCluster):
        cluster = _cluster_settings(given)
        # Its connections are made by a client for each node. (Nothing is connected for this.)
        given = given.get_valkey_connection(given.get_default_node())
    if not isinstance(given, Valkey):
        instead = "a Sentinel's client for the service: sentinel.master_for(name)"
        if not isinstance(given, (Sentinel, aio_sentinel.Sentinel)):
            instead = (
                "a valkey.Valkey or ValkeyCluster client (an asyncio client goes to async_client=)"
            )
        raise ConfigurationError(
            f"the ValkeyCache holds a {_name(type(client))}; expected {instead}"
        )
    connection, arguments = _replaced(given.connection_pool, timeout)
    arguments = _handed_through(arguments)
    if isinstance(client, ValkeyCluster):
        # Its own would change the parser, and ask for replicas: both are ours to do.
        arguments["valkey_connect_func"] = _greeting(client.user_on_connect_func)
    return connection, arguments, cluster


def _greeting(own: Callable[[Any], Any] | None) -> Callable[[Any], None] | None:
    """Return how a connection begins where the user of a cluster's client wants more of it."""
    if own is None:
        return None

    def greet(connection: Any) -> None:
        connection.on_connect()
        own(connection)

    return greet


def _cluster_settings(client: ValkeyCluster) -> ClusterSettings:
    manager = client.nodes_manager
    return ClusterSettings(
        enabled=True,
        read_from_replicas=client.read_from_replicas,
        seeds=tuple(Address(node.host, int(node.port)) for node in manager.startup_nodes.values()),
        remap=manager.address_remap,
    )


def _replaced(
    pool: ConnectionPool, timeout: float
) -> tuple[type[AbstractConnection], dict[str, Any]]:
    """Return the connection class of a user's pool, or ours for it, and the arguments."""
    arguments = pool.connection_kwargs
    if isinstance(pool, SentinelConnectionPool):
        arguments = {**arguments, "connection_pool": sentinel.asking(pool, timeout)}
    if any(value for name, value in arguments.items() if "ocsp" in name):
        return pool.connection_class, arguments  # only valkey-py's own asks for that
    if pool.connection_class is SSLConnection:
        return TlsConnection, arguments
    return sentinel.BLOCKING.get(pool.connection_class, pool.connection_class), arguments


def _of_async_client(
    client: object, timeout: float
) -> tuple[type[aio.AbstractConnection], dict[str, Any]]:
    """Return the connection class and the arguments of a user's asyncio client.

    Raises:
        ConfigurationError: if it is not one.
    """
    if isinstance(client, AsyncValkey):
        pool: Any = client.connection_pool
        connection = pool.connection_class
        arguments = dict(pool.connection_kwargs)
        if connection in sentinel.ASYNC:
            connection = sentinel.ASYNC[connection]
            arguments["connection_pool"] = sentinel.asking(pool, timeout)
    elif isinstance(client, AsyncValkeyCluster):
        first = next(iter(client.nodes_manager.startup_nodes.values()))
        connection = first.connection_class
        arguments = {**first.connection_kwargs, "valkey_connect_func": None}
    else:
        msg = (
            f"async_client is a {_name(type(client))}; expected a valkey.asyncio.Valkey or "
            "ValkeyCluster client"
        )
        raise ConfigurationError(msg)
    if connection is aio.SSLConnection:
        connection = AsyncTlsConnection
    return connection, _handed_through(arguments)


def _handed_through(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a connection's arguments without those that this package decides."""
    return {name: value for name, value in arguments.items() if name not in _OURS}


def _accepted(cls: type[Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those arguments of a connection that its asyncio counterpart knows."""
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in vars(base):
            names.update(inspect.signature(vars(base)["__init__"]).parameters)
    return {name: value for name, value in arguments.items() if name in names}


def _check(settings: ConnectionSettings) -> None:
    """Make connections, without connecting, to see whether that can be done.

    Raises:
        ConfigurationError: if not.
    """
    try:
        settings.connection()
        if settings.asynchronous is not None:
            settings.async_connection()
    except Exception as error:
        # (Of the error's text only what is about names: others may repeat a password.)
        said = f": {error}" if isinstance(error, TypeError) else ""
        msg = (
            f"no connections of the client's own kind ({_name(settings.blocking)}) can be made: "
            f"{type(error).__name__}{said}. A connection class takes the arguments of its pool, and "
            "those of valkey-py's connections"
        )
        raise ConfigurationError(msg) from error


def _name(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
