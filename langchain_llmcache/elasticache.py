"""Amazon ElastiCache for Valkey: what an endpoint's name tells, and IAM tokens as passwords.

Tokens are AWS's own work (``developer-toolkit-elasticache``, the extra ``aws``): signed once,
served from memory, and signed again in the background long before they expire.
"""

from __future__ import annotations

import logging
import os
import re
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from valkey.connection import AbstractConnection, Connection
from valkey.exceptions import AuthenticationError

from langchain_llmcache._checks import checked_flag, checked_text
from langchain_llmcache._forks import new_lock
from langchain_llmcache._signals import pass_on
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache._valkey.tls import TlsConnection
from langchain_llmcache._valkey.topology import ClusterSettings
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.credentials import Credentials as AwsCredentials
    from botocore.session import Session
    from developer_toolkit_elasticache import ElastiCacheIAMAuthTokenManager

_LOG = logging.getLogger("langchain_llmcache")
_LOG_INTERVAL: Final = 60.0
# A connection that was authenticated with a token is closed by the server after 12 hours.
_MAX_AGE: Final = 11 * 3600.0
# Seconds for which a token is sure to be served from memory; it is valid for 900.
_FRESH: Final = 800.0

_DOMAIN: Final = re.compile(r"\.cache\.amazonaws\.com(\.cn)?$")
# A region as endpoints write it, use1 or apse2, and what its letters stand for.
_SHORT_REGION: Final = re.compile(r"([a-z]{2})(g?)(ne|nw|se|sw|n|s|e|w|c)(\d)")
_LONG_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d")
_DIRECTIONS: Final = {
    "n": "north",
    "s": "south",
    "e": "east",
    "w": "west",
    "c": "central",
    "ne": "northeast",
    "nw": "northwest",
    "se": "southeast",
    "sw": "southwest",
}
_ROLES: Final = frozenset({"clustercfg", "master", "replica"})


@dataclass(frozen=True)
class Endpoint:
    """What the name of an endpoint tells. None: it does not tell.

    Attributes:
        host: The name itself.
        port: Its port.
        cache_name: Name of the serverless cache, or id of the replication group.
        region: As AWS writes it, ``us-east-1``.
        serverless: Whether it is a serverless cache.
        tls: Whether it speaks TLS.
        cluster: Whether it is a cluster (a serverless cache is one).
    """

    host: str
    port: int
    cache_name: str | None = None
    region: str | None = None
    serverless: bool | None = None
    tls: bool | None = None
    cluster: bool | None = None


def read_endpoint(text: str) -> Endpoint:
    """Read an endpoint as the console and the API show it, ``host`` or ``host:port``.

    Raises:
        ConfigurationError: if it is neither.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port or 6379
    except ValueError as error:
        pass_on(error)
        parts, host, port = urlsplit(""), "", 0
    if not host or parts.netloc != text or "@" in text or " " in text:
        msg = (
            "the endpoint is not host or host:port, as ElastiCache shows it (without a scheme such "
            "as valkeys://; for a URL use LLMCache.from_url)"
        )
        raise ConfigurationError(msg)
    domain = _DOMAIN.search(host)
    if domain is None:
        return Endpoint(host, port)
    *labels, where = host[: domain.start()].split(".")
    found = Endpoint(host, port, region=_region(where))
    if labels[1:] == ["serverless"]:
        # my-cache-a1b2c3.serverless.use1
        name = labels[0].rpartition("-")[0] or None
        return replace(found, cache_name=name, serverless=True, tls=True, cluster=True)
    found = replace(found, serverless=False)
    if labels[0] in _ROLES and len(labels) > 1:
        # clustercfg.my-group.a1b2c3.use1, master.my-group.a1b2c3.use1
        return replace(found, cache_name=labels[1], tls=True, cluster=labels[0] == "clustercfg")
    # my-group.a1b2c3.clustercfg.use1, my-group.a1b2c3.ng.0001.use1: without encryption
    return replace(found, cache_name=labels[0], tls=False, cluster="clustercfg" in labels)


def _region(label: str) -> str | None:
    if _LONG_REGION.fullmatch(label):
        return label
    match = _SHORT_REGION.fullmatch(label)
    if match is None:
        return None
    area, government, direction, number = match.groups()
    government = "-gov" if government else ""
    return f"{area}{government}-{_DIRECTIONS[direction]}-{number}"


def connection_settings(
    endpoint: str,
    *,
    timeout: float,
    user: str | None = None,
    password: str | None = None,
    cache_name: str | None = None,
    serverless: bool | None = None,
    region: str | None = None,
    cluster: bool | None = None,
    tls: bool | None = None,
    ca_certs: str | None = None,
    read_from_replicas: bool = False,
    aws_credentials: AwsCredentials | None = None,
    aws_session: Session | None = None,
) -> ConnectionSettings:
    """Return how to reach a cache of ElastiCache. What is None is taken from the endpoint's name.

    Raises:
        ConfigurationError: something is missing or does not go together.
    """
    checked_flag("serverless", serverless, or_none=True)
    checked_flag("tls", tls, or_none=True)
    _check_texts(
        user=user, password=password, cache_name=cache_name, region=region, ca_certs=ca_certs
    )
    told = read_endpoint(endpoint)
    serverless = bool(told.serverless) if serverless is None else serverless
    # ElastiCache has passwords on encrypted connections only; so an unknown name is TLS, too.
    encrypted = told.tls in (None, True) or bool(user or password) if tls is None else tls
    arguments: dict[str, Any] = {"host": told.host, "port": told.port}
    credentials = None
    if user and password is None:
        if not encrypted:
            msg = "an IAM token is sent over TLS only; give a password=, or leave out tls=False"
            raise ConfigurationError(msg)
        name = cache_name or told.cache_name
        if not name:
            msg = (
                "the endpoint's name does not tell the cache's; give cache_name=, the name of the "
                "serverless cache or the id of the replication group (or a password=, if the user "
                "has one)"
            )
            raise ConfigurationError(msg)
        credentials = arguments["credential_provider"] = IamCredentials(
            user=user,
            cache_name=name,
            serverless=serverless,
            region=region or told.region,
            credentials=aws_credentials,
            session=aws_session,
        )
    elif password is not None:
        arguments["password"] = password
        if user:
            arguments["username"] = user
    connection: type[AbstractConnection] = Connection
    if encrypted:
        connection = TlsConnection
        arguments["ssl_check_hostname"] = True
        if ca_certs:
            arguments["ssl_ca_certs"] = ca_certs
    if cluster is None:
        cluster = True if serverless else told.cluster
    return replace(
        ConnectionSettings.native(connection, arguments, timeout=timeout),
        max_age=_MAX_AGE if credentials else None,
        credentials=credentials,
        cluster=ClusterSettings(cluster, read_from_replicas),
    )


def _check_texts(**texts: str | None) -> None:
    for option, text in texts.items():
        checked_text(option, text)
        if text and not text.isprintable():  # files of secrets end with a line break
            msg = f"{option} has a line break or an invisible character in it; remove it"
            raise ConfigurationError(msg)


class IamCredentials:
    """User and IAM token for new connections: a credential provider of valkey-py.

    Tokens come from AWS's token manager, which is made when first needed: that may look for a
    region and for credentials, in files and with a metadata service.

    Args:
        user: Id of the ElastiCache user (which is its name too, for IAM).
        cache_name: Name of the serverless cache, or id of the replication group.
        serverless: Which of them it is.
        region: Where the cache is; None: as AWS's configuration says.
        credentials: What to sign with; None: as AWS's chain of providers says.
        session: The botocore session whose chain that is.

    Raises:
        ConfigurationError: the extra ``aws`` is missing, or AWS would not allow a name like this.
    """

    def __init__(
        self,
        *,
        user: str,
        cache_name: str,
        serverless: bool,
        region: str | None,
        credentials: AwsCredentials | None = None,
        session: Session | None = None,
    ) -> None:
        toolkit = _toolkit()
        self._arguments: dict[str, Any] = {
            "user_id": user,
            "serverless_cache_name" if serverless else "replication_group_id": cache_name,
            "region": region,
            "credentials": credentials,
            "session": session,
        }
        try:
            # Checks the names. The region given here is not the one that is used.
            checked = toolkit.ElastiCacheIAMAuthTokenProvider(
                **{**self._arguments, "region": region or "us-east-1"}
            )
        except toolkit.InvalidParameterError as error:
            raise ConfigurationError(str(error)) from None
        self._user = checked.user_id
        self._manager: ElastiCacheIAMAuthTokenManager | None = None
        self._process = os.getpid()
        self._lock = new_lock()
        self._signed_at = self._logged_at = float("-inf")

    def __repr__(self) -> str:
        return f"IamCredentials(user={self._user!r})"

    def at_hand(self) -> bool:
        """Tell whether ``get_credentials`` would answer at once: a token is in memory."""
        # By the wall clock, as the server counts: a suspended machine wakes with an old token.
        is_fresh = time.time() - self._signed_at < _FRESH
        return is_fresh and self._process == os.getpid()

    def get_credentials(self) -> tuple[str, str]:
        """Return the user and a valid token.

        Raises:
            AuthenticationError: (of valkey-py) no token can be signed.
        """
        return self._user, self._token(lambda manager: manager.get_token())

    def renew(self) -> None:
        """Sign another token: the server has refused this one.

        Raises:
            AuthenticationError: (of valkey-py) no token can be signed.
        """
        self._token(lambda manager: manager.refresh_token())

    def close(self) -> None:
        """Stop signing in the background. A later use starts it again."""
        with self._lock:
            manager, self._manager = self._manager, None
            self._signed_at = float("-inf")
        if manager is not None:
            manager.close()

    def _token(self, ask: Any) -> str:
        try:
            token: str = ask(self._ready_manager())
        except Exception as error:
            # Of the error's own text nothing is repeated: it may quote a service's answer.
            said = (
                f"no IAM token for ElastiCache could be signed: {type(error).__name__}; "
                "are there AWS credentials, and a region?"
            )
            # Signing is tried for longer than a lookup waits: that one sees a timeout only.
            self._log(said)
            raise AuthenticationError(said) from error
        return token

    def _log(self, message: str) -> None:
        now = time.monotonic()
        if now - self._logged_at >= _LOG_INTERVAL:
            self._logged_at = now
            _LOG.warning("%s (logged at most once a minute)", message)

    def _ready_manager(self) -> ElastiCacheIAMAuthTokenManager:
        with self._lock:
            if self._manager is None or self._process != os.getpid():
                # (After a fork the thread that signs in the background is the parent's.)
                self._signed_at = float("-inf")
                self._process = os.getpid()
                self._manager = _toolkit().ElastiCacheIAMAuthTokenManager(
                    **self._arguments, on_token_changed=_weakly(self._signed)
                )
                # A cache that is dropped without being closed ends the signing, too.
                weakref.finalize(self, self._manager.close).atexit = False
            return self._manager

    def _signed(self, _: str) -> None:
        self._signed_at = time.time()


def _weakly(method: Callable[[str], None]) -> Callable[[str], None]:
    """Return what calls a method as long as its object is there, and does not hold it."""
    there = weakref.WeakMethod(method)

    def call(value: str) -> None:
        bound = there()
        if bound is not None:
            bound(value)

    return call


def _toolkit() -> Any:
    try:
        import developer_toolkit_elasticache
    except ImportError as error:
        msg = 'IAM authentication needs an extra: pip install "langchain-llmcache[aws]"'
        raise ConfigurationError(msg) from error
    return developer_toolkit_elasticache
