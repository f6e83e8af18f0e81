"""How to reach a server: a URL, or the client that a user already has, as connection settings.

Nothing here connects. Connections are this package's own, so that the deadline holds
whatever the given client was made with; ``decode_responses`` and the like stay with that client.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol

from valkey import Valkey
from valkey.asyncio import connection as aio
from valkey.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from valkey.exceptions import AuthenticationError, InvalidResponse, ReadOnlyError, ResponseError
from valkey.exceptions import ConnectionError as ValkeyConnectionError

from langchain_llmcache._threads import in_thread
from langchain_llmcache._valkey.addresses import by_name, distrust
from langchain_llmcache._valkey.deadline import DeadlineConnection, with_deadline
from langchain_llmcache._valkey.green import check_later_patches
from langchain_llmcache._valkey.tls import AsyncTlsConnection, TlsConnection
from langchain_llmcache._valkey.topology import Address, ClusterSettings
from langchain_llmcache._valkey.url import (
    FLAG,
    NUMBER,
    PORT,
    TEXT,
    Option,
    options_of,
    refuse,
    server_of,
    socket_of,
    split,
)

# valkey-py's connections, and the same for asyncio.
ASYNC_CLASSES: Final[dict[type[AbstractConnection], type[aio.AbstractConnection]]] = {
    Connection: aio.Connection,
    TlsConnection: AsyncTlsConnection,
    UnixDomainSocketConnection: aio.UnixDomainSocketConnection,
}
_WITH_HOST: Final = frozenset({Connection, SSLConnection, TlsConnection})
_HOST: Final = "localhost"
# What these connections decide for themselves: entries are bytes, retries are the cache's, and
# no CLIENT SETINFO (two round trips, and a command that a minimal ACL does not allow).
OWN: Final = {
    "decode_responses": False,
    "retry": None,
    "retry_on_error": None,
    "retry_on_timeout": False,
    "health_check_interval": 0,
    "lib_name": None,
    "lib_version": None,
    "cache_enabled": False,
    "client_cache": None,
}


# What may stand behind the question mark of a URL.
_OPTIONS: Final = {
    "db": NUMBER,
    "username": TEXT,
    "password": TEXT,
    "client_name": Option("[!-~]+", str, "a name without spaces, of ASCII characters"),
    "protocol": Option("[23]", int, "2 or 3"),
    "socket_keepalive": FLAG,
}
_TLS_OPTIONS: Final = {
    "ssl_ca_certs": TEXT,
    "ssl_certfile": TEXT,
    "ssl_keyfile": TEXT,
    "ssl_cert_reqs": Option("none|optional|required", str, "none, optional or required"),
    "ssl_check_hostname": FLAG,
}
_ONLY_TLS: Final = dict.fromkeys(_TLS_OPTIONS, "it is one of TLS, that is of valkeys://")


# As valkey-py says that a conversation ended.
_CUT: Final = re.compile("Error while reading|while writing to socket|Connection closed")
# Where a connection keeps when it is to be replaced.
_ENDS: Final = "_llmcache_ends"
# Seconds between two looks whether the name of a replica leads to a primary by now.
_LOOK_ELSEWHERE: Final = 1.0


class Credentials(Protocol):
    """User and password that change with time: also a credential provider of valkey-py."""

    def at_hand(self) -> bool:
        """Tell whether ``get_credentials`` would answer at once."""

    def get_credentials(self) -> tuple[str, str]:
        """Return user and password. May take a while, or raise what valkey-py may raise."""

    def renew(self) -> None:
        """Make others, because the server has refused these."""

    def close(self) -> None:
        """Stop whatever goes on in the background. A later use begins anew."""


@dataclass(frozen=True)
class ConnectionSettings:
    """How to make one connection, blocking or asyncio.

    Attributes:
        blocking: The connection class of valkey-py, and its arguments.
        asynchronous: The same for asyncio; None where asyncio has no such connection.
        timeout: Seconds that an operation may take.
        max_age: Seconds after which a connection is not used again; None: any number.
        credentials: Makes the credentials of new connections, where they do not stand in
            ``arguments``.
        cluster: What is said about a cluster.
    """

    blocking: type[AbstractConnection]
    arguments: dict[str, Any] = field(repr=False)
    asynchronous: type[aio.AbstractConnection] | None
    async_arguments: dict[str, Any] = field(repr=False)
    timeout: float
    max_age: float | None = None
    credentials: Credentials | None = field(default=None, repr=False)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)

    @property
    def name(self) -> str:
        """Scheme, host and port, or the like: what a log line may tell."""
        if "path" in self.arguments:
            return f"unix://{self.arguments['path']}"
        if self.address is None:
            service = getattr(self.arguments.get("connection_pool"), "service_name", None)
            return f"Sentinel service {service}" if service else self.blocking.__name__
        scheme = "valkeys" if issubclass(self.blocking, SSLConnection) else "valkey"
        database = f"/{self.arguments['db']}" if self.arguments.get("db") else ""
        host, port = self.address
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{database}"

    @property
    def address(self) -> Address | None:
        """Host and port; None where these lead elsewhere (a socket, others' connection classes)."""
        # A pool that was told neither leaves them to valkey-py's own connections.
        is_usual = self.blocking in _WITH_HOST
        host = self.arguments.get("host", _HOST if is_usual else None)
        return None if host is None else Address(host, int(self.arguments.get("port", PORT)))

    def at(self, node: Address | None) -> ConnectionSettings:
        """Return the same settings for a node of a cluster; None: for where these lead."""
        if node is None:
            return self
        own: dict[str, Any] = {"host": node.host, "port": node.port}
        async_own = dict(own)
        if self.cluster.read_from_replicas:
            greet = self.arguments.get("valkey_connect_func")
            own["valkey_connect_func"] = partial(_begin_readonly, greet)
            async_own["valkey_connect_func"] = _async_begin_readonly
        return replace(
            self,
            arguments={**self.arguments, **own},
            async_arguments={**self.async_arguments, **async_own},
        )

    def connection(self) -> DeadlineConnection:
        """Return a new blocking connection, not yet connected."""
        check_later_patches()
        return with_deadline(by_name(self.blocking))(**self.arguments, **self._own())

    def async_connection(self) -> aio.AbstractConnection:
        """Return a new asyncio connection, not yet connected."""
        if self.asynchronous is None:
            msg = f"{self.blocking.__name__} has no asyncio counterpart"
            raise TypeError(msg)
        # The deadline is kept around whole operations; a timer for each write costs more than it.
        own = {**self._own(), "socket_timeout": None}
        made: aio.AbstractConnection = by_name(self.asynchronous)(**self.async_arguments, **own)
        return made

    def connect(self, connection: AbstractConnection) -> None:
        """Connect and authenticate."""
        self._begun(connection)
        with _connecting(connection):
            if self.credentials is not None:
                # At first, so that their absence is told, not a timeout that comes of it.
                self.credentials.get_credentials()
            try:
                connection.connect()
            except AuthenticationError:
                if self.credentials is None:
                    raise
                self.credentials.renew()
                connection.connect()

    async def async_connect(self, connection: aio.AbstractConnection) -> None:
        """Connect and authenticate, without the loop waiting for credentials."""
        self._begun(connection)
        credentials = self.credentials
        if credentials is not None and not credentials.at_hand():
            await in_thread(credentials.get_credentials)
        with _connecting(connection):
            try:
                await connection.connect()
            except AuthenticationError:
                if credentials is None:
                    raise
                await in_thread(credentials.renew)
                await connection.connect()

    def with_hint(self, error: ValkeyConnectionError) -> ValkeyConnectionError:
        """Return why a new connection failed; if it was just cut, with what may be the cause."""
        if not _CUT.search(str(error)):
            return error
        if not issubclass(self.blocking, SSLConnection):
            return ValkeyConnectionError(
                f"{error} (Perhaps it wants TLS: valkeys://, or it is not a Valkey server)"
            )
        if not self.arguments.get("ssl_certfile"):
            return ValkeyConnectionError(
                f"{error} (Perhaps it wants a client certificate: ssl_certfile=)"
            )
        return error

    def is_too_old(self, connection: AbstractConnection | aio.AbstractConnection) -> bool:
        """Tell whether a connection is to be replaced."""
        return self.max_age is not None and time.monotonic() > getattr(connection, _ENDS, 0.0)

    def _begun(self, connection: AbstractConnection | aio.AbstractConnection) -> None:
        if self.max_age is not None:
            # Spread, so that connections made together do not end together.
            share = random.uniform(0.9, 1.0)  # noqa: S311 - no secret
            setattr(connection, _ENDS, time.monotonic() + share * self.max_age)

    def client(self) -> Valkey:
        """Return a client with these settings, not yet connected."""
        pool = ConnectionPool(self.blocking, **self.arguments, **self._own())
        return Valkey(connection_pool=pool)

    def _own(self) -> dict[str, Any]:
        return {
            **OWN,
            "retry_on_error": [],  # valkey-py appends to it
            "socket_timeout": self.timeout,
            "socket_connect_timeout": self.timeout,
        }

    @classmethod
    def from_url(cls, url: str, *, timeout: float) -> ConnectionSettings:
        """Read ``valkey://``, ``valkeys://``, ``redis://``, ``rediss://`` and ``unix://`` URLs.

        Raises:
            ConfigurationError: anything in the URL that is not understood. The message never
                repeats the URL, which may hold a password.
        """
        parts = split(url)
        tls = parts.scheme in {"valkeys", "rediss"}
        arguments = options_of(
            parts, {**_OPTIONS, **(_TLS_OPTIONS if tls else {})}, None if tls else _ONLY_TLS
        )
        is_socket = parts.scheme == "unix"
        server = socket_of(parts) if is_socket else server_of(parts)
        for name, value in zip(("username", "password", "db"), server[2:], strict=True):
            if value is None:
                continue
            if name in arguments:
                refuse(f"the store's URL has {name!r} twice")
            arguments[name] = value
        if is_socket:
            arguments["path"] = server.host
            return cls.native(UnixDomainSocketConnection, arguments, timeout=timeout)
        arguments.update(host=server.host, port=server.port)
        if not tls:
            return cls.native(Connection, arguments, timeout=timeout)
        _check_tls(arguments)
        # valkey-py's own default accepts any host's certificate.
        arguments.setdefault("ssl_check_hostname", arguments.get("ssl_cert_reqs") != "none")
        return cls.native(TlsConnection, arguments, timeout=timeout)

    @classmethod
    def native(
        cls, blocking: type[AbstractConnection], arguments: dict[str, Any], *, timeout: float
    ) -> ConnectionSettings:
        """Return the settings of a class that has an asyncio counterpart with the same arguments."""
        return cls(blocking, arguments, ASYNC_CLASSES[blocking], arguments, timeout)


def _check_tls(arguments: dict[str, Any]) -> None:
    """Refuse options that a TLS connection would trip over only when it is made."""
    if arguments.get("ssl_cert_reqs") == "none" and arguments.get("ssl_check_hostname"):
        refuse("ssl_check_hostname=true in the store's URL does not go with ssl_cert_reqs=none")
    if "ssl_keyfile" in arguments and "ssl_certfile" not in arguments:
        refuse("ssl_keyfile in the store's URL goes with ssl_certfile, which is missing")


@contextlib.contextmanager
def _connecting(connection: AbstractConnection | aio.AbstractConnection) -> Iterator[None]:
    """Make a refusal while connecting (SELECT, CLIENT SETNAME, HELLO) what it is: no connection.

    Elsewhere a refusal means that the server is there and other commands may work.
    """
    try:
        yield
    except ResponseError as error:
        distrust(connection)
        raise ValkeyConnectionError(str(error)) from error
    except Exception as error:
        distrust(connection)
        if isinstance(error, ValueError) and "invalid literal" in str(error):  # as in replies
            raise InvalidResponse(str(error)) from error
        raise


def _begin_readonly(greet: Callable[[Any], None] | None, connection: AbstractConnection) -> None:
    # Without READONLY a replica redirects reads to its primary.
    if greet is None:
        connection.on_connect()
    else:
        greet(connection)
    connection.send_command("READONLY", check_health=False)
    connection.read_response()


async def _async_begin_readonly(connection: Any) -> None:
    await connection.on_connect()
    await connection.send_command("READONLY", check_health=False)
    await connection.read_response()


class FailoverProbe:
    """Whether the name of a replica was just seen to lead to no primary.

    After a failover, a fresh connection finds the new primary. Where there is none, the replica
    goes on answering reads, and each store would cost its connections.
    """

    def __init__(self) -> None:
        self._until = 0.0

    def see(self, replies: Sequence[Any]) -> None:
        """Look at the replies of a fresh connection."""
        if any(isinstance(reply, ReadOnlyError) for reply in replies):
            self._until = time.monotonic() + _LOOK_ELSEWHERE

    def was_tried(self) -> bool:
        """Tell whether a fresh connection was of no use a short while ago."""
        return self._until > 0 and time.monotonic() < self._until


def is_worth_a_fresh_connection(error: Exception) -> bool:
    """Tell whether an operation that failed on a kept connection may work on a new one.

    The server closed it while it was idle; or it is a primary no longer (ReadOnlyError), or still
    loads its data, and the name leads elsewhere by now. Time that is over is over.
    """
    return isinstance(error, (ValkeyConnectionError, ReadOnlyError))
