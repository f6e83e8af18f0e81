"""A Valkey server of one's own, on a free port of 127.0.0.1; and a server on a CPU of its own."""

from __future__ import annotations

import os
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


@contextmanager
def apart(server: int | None) -> Iterator[None]:
    """Give a server a CPU of its own, and the calling thread the others.

    For measurements of one caller at a time. On a few cores, whether a server shares the caller's
    core is up to the scheduler, and makes a `GET` several times as fast, or not.

    Args:
        server: Its process id. None, for one that is not ours to move, changes nothing; nor does a
            machine with one CPU, or without a way to choose.
    """
    cpus: list[int] = []
    if server is not None and hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
    if server is None or len(cpus) < 2:
        yield
        return
    os.sched_setaffinity(server, cpus[-1:])
    os.sched_setaffinity(0, cpus[:-1])
    try:
        yield
    finally:
        os.sched_setaffinity(server, cpus)
        os.sched_setaffinity(0, cpus)


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
