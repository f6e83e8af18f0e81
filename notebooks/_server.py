"""A Valkey server of one's own: on a free port of 127.0.0.1, in memory, gone at the end."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from valkey import Valkey
from valkey.exceptions import ValkeyError

_SECONDS_TO_START = 10.0


@contextmanager
def own_server() -> Iterator[str]:
    """Start a server, and return its URL.

    Raises:
        SystemExit: if there is none on the ``PATH``, or it does not start.
    """
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        raise SystemExit("no valkey-server on the PATH: install one, or name one with --url")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = f"--port {port} --bind 127.0.0.1 --save --appendonly no --dir".split()
        with subprocess.Popen(  # noqa: S603 - found on the PATH
            [binary, *options, folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                url = f"valkey://127.0.0.1:{port}"
                _wait_for(url)
                yield url
            finally:
                process.kill()


def _wait_for(url: str) -> None:
    until = time.monotonic() + _SECONDS_TO_START
    with Valkey.from_url(url) as client:
        while True:
            try:
                client.ping()
            except ValkeyError as error:
                if time.monotonic() > until:
                    raise SystemExit("the valkey-server does not start") from error
                time.sleep(0.02)
            else:
                return
