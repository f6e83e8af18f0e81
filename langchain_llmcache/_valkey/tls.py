"""valkey-py's TLS connections, with one SSLContext for all of them and errors that say what to do.

valkey-py makes a context for each blocking connection: 15 ms that a connect need not take.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from valkey import connection as blocking
from valkey.asyncio import connection as aio

from langchain_llmcache._threads import in_thread

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21})
_OTHER_HOST: Final = frozenset({62, 64})

# Of the time for connecting, so that a server that leaves a handshake unanswered, because it
# does not know what that is, is told from one that cannot be reached.
_HANDSHAKE_SHARE: Final = 0.7
_NO_HANDSHAKE: Final = "no answer to the handshake"


class TlsOptions(NamedTuple):
    """What a context is made of. Paths name PEM files."""

    ca_certs: str | None
    ca_path: str | None
    ca_data: str | bytes | None
    certfile: str | None
    keyfile: str | None
    password: str | None
    cert_reqs: ssl.VerifyMode
    check_hostname: bool
    min_version: ssl.TLSVersion | None
    ciphers: str | None

    def written(self) -> tuple[float, ...]:
        """Return when the files were last written: certificates are renewed in place."""
        files = (self.ca_certs, self.certfile, self.keyfile)
        return tuple(os.stat(file).st_mtime for file in files if file)  # noqa: PTH116

    def make_context(self) -> ssl.SSLContext:
        """Return a context. Own authorities stand in for the system's."""
        context = ssl.create_default_context(
            cafile=self.ca_certs, capath=self.ca_path, cadata=self.ca_data
        )
        context.check_hostname = self.check_hostname
        context.verify_mode = self.cert_reqs
        context.minimum_version = self.min_version or ssl.TLSVersion.TLSv1_2
        if self.certfile:
            context.load_cert_chain(self.certfile, self.keyfile, self.password)
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        return context


_contexts: dict[tuple[TlsOptions, tuple[float, ...]], ssl.SSLContext] = {}
_CONTEXTS_KEPT: Final = 32


def shared_context(options: TlsOptions) -> ssl.SSLContext:
    """Return the context of these options, made anew when a file has changed.

    Raises:
        OSError: a file cannot be read (``ssl.SSLError``: or is not what it should be).
    """
    key = (options, options.written())
    context = _contexts.get(key)
    if context is None:
        context = options.make_context()
        while len(_contexts) >= _CONTEXTS_KEPT:
            _contexts.pop(next(iter(_contexts)), None)
        _contexts[key] = context
    return context


class TlsConnection(blocking.SSLConnection):
    """A blocking TLS connection. Takes the arguments of valkey-py's, except for OCSP."""

    def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
        options = TlsOptions(
            self.ca_certs,
            self.ca_path,
            self.ca_data,
            self.certfile,
            self.keyfile,
            self.certificate_password,
            ssl.VerifyMode(self.cert_reqs),
            bool(self.check_hostname),
            self.ssl_min_version,
            self.ssl_ciphers,
        )
        sock.settimeout(_handshake_seconds(self.socket_connect_timeout))
        try:
            wrapped = shared_context(options).wrap_socket(sock, server_hostname=self.host)
        except TimeoutError as error:
            raise ConnectionAbortedError(_NO_HANDSHAKE) from error
        wrapped.settimeout(self.socket_timeout)
        return wrapped

    def _error_message(self, exception: BaseException) -> str:
        plain = str(super()._error_message(exception))
        return explained(exception, self._host_error()) or plain


class AsyncTlsConnection(aio.SSLConnection):
    """An asyncio TLS connection. Takes the arguments of the blocking one."""

    def __init__(
        self,
        *,
        ssl_ca_path: str | None = None,
        ssl_password: str | None = None,
        ssl_cert_reqs: Any = "required",
        **arguments: Any,
    ) -> None:
        if isinstance(ssl_cert_reqs, int):  # ssl.CERT_NONE: the blocking one takes it, too
            ssl_cert_reqs = ssl.VerifyMode(ssl_cert_reqs).name.removeprefix("CERT_").lower()
        super().__init__(ssl_cert_reqs=ssl_cert_reqs, **arguments)
        given = self.ssl_context
        self._options = TlsOptions(
            given.ca_certs,
            ssl_ca_path,
            given.ca_data,
            given.certfile,
            given.keyfile,
            ssl_password,
            ssl.VerifyMode(given.cert_reqs),
            bool(given.check_hostname),
            given.min_version,
            given.ciphers,
        )

    async def _connect(self) -> None:
        # Reading the authorities' certificates takes long enough for a loop to notice.
        self.ssl_context.context = await in_thread(lambda: shared_context(self._options))
        await super()._connect()

    def _connection_arguments(self) -> Mapping[str, Any]:
        handshake = _handshake_seconds(self.socket_connect_timeout)
        return {**super()._connection_arguments(), "ssl_handshake_timeout": handshake}

    def _error_message(self, exception: BaseException) -> str:
        plain = str(super()._error_message(exception))
        return explained(exception, self._host_error()) or plain


def _handshake_seconds(connect_timeout: float | None) -> float | None:
    return None if connect_timeout is None else connect_timeout * _HANDSHAKE_SHARE


def explained(error: BaseException, host: str) -> str | None:
    """Return what went wrong while connecting to ``host``, and what to do; None if not TLS's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _refused(error, host)
    # (asyncio aborts a handshake that takes too long.)
    if isinstance(error, (ssl.SSLEOFError, ConnectionAbortedError)) or (
        isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER"
    ):
        return f"{host} does not speak TLS; is valkey:// meant, or another port?"
    if isinstance(error, ssl.SSLError):
        said = error.reason or error.strerror or "unknown reason"
        return f"TLS with {host} failed: {said.replace('_', ' ').lower()}"
    if isinstance(error, OSError) and error.filename:
        return f"the file {error.filename!r} for TLS cannot be read: {error.strerror}"
    return None


def _refused(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code == _EXPIRED:
        return f"the certificate of {host} has expired"
    if error.verify_code == _NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet; is this machine's clock right?"
    if error.verify_code in _OTHER_HOST:
        return f"the certificate of {host} is for another name; connect by a name that is in it"
    if error.verify_code in _UNTRUSTED:
        return (
            f"the certificate of {host} is signed by an authority that is not trusted here; "
            "for a private one, give its certificate with ?ssl_ca_certs=/path/ca.pem"
        )
    return f"the certificate of {host} was refused: {error.verify_message}"
