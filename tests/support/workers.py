"""Processes that do something when they are told to, all at once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def workers(script: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that run a script with arguments; they are killed at the end of the block.

    The script prints ``ready`` and reads a line before it does its work: see ``go``.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()


def go(*processes: subprocess.Popen[str]) -> None:
    """Let processes begin their work."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
