"""Certificates for tests of TLS: good ones, and one of each kind that must be refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import trustme

HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class KeyPair:
    """Paths of a certificate (chain) and its private key, both PEM."""

    certificate: Path
    key: Path


class Certificates:
    """A private authority and what it signed, as PEM files in one directory.

    Attributes:
        ca: The authority's certificate, for ``ssl_ca_certs``.
        server: Valid for ``localhost`` and ``127.0.0.1``.
        client: A client's certificate of the same authority.
        expired: For the same hosts, expired yesterday.
        other_host: Valid, but for ``elsewhere.test``.
        unknown: For the same hosts, signed by an authority that nobody knows.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        authority = trustme.CA()
        self.ca = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))

        now = dt.datetime.now(dt.timezone.utc)
        self.server = self._write("server", authority.issue_cert(*HOSTS))
        self.client = self._write("client", authority.issue_cert("client.test"))
        self.expired = self._write(
            "expired",
            authority.issue_cert(
                *HOSTS, not_before=now - dt.timedelta(days=30), not_after=now - dt.timedelta(days=1)
            ),
        )
        self.other_host = self._write("other_host", authority.issue_cert("elsewhere.test"))
        self.unknown = self._write("unknown", trustme.CA().issue_cert(*HOSTS))

    def _write(self, name: str, leaf: trustme.LeafCert) -> KeyPair:
        pair = KeyPair(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        leaf.private_key_pem.write_to_path(str(pair.key))
        first, *chain = leaf.cert_chain_pems
        first.write_to_path(str(pair.certificate))
        for blob in chain:
            blob.write_to_path(str(pair.certificate), append=True)
        return pair
