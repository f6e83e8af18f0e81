"""The ``llmcache`` command's way in: it starts the application, or says how to install it."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO

_FAILED = 1
_INTERRUPTED = 130


def main() -> None:
    """Run ``llmcache`` with the arguments of the process."""
    _prepare_streams()
    try:
        from langchain_llmcache._cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"click", "rich", "typer"}:
            raise
        print(
            'llmcache needs its command-line extra: pip install "langchain-llmcache[cli]"',
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    _run(app)


def _prepare_streams() -> None:
    """Make printing safe: a character that a terminal cannot show must not end the job."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell closed it: >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _run(app: Callable[[], object]) -> None:
    """Run the application, and tell in one line if what it prints cannot be written."""
    code: object = 0
    try:
        try:
            app()
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error)
    raise SystemExit(code)


def _unwritten(error: OSError) -> int:
    _give_up(sys.stdout)
    if error.errno != errno.EPIPE:  # its reader has read enough, such as head
        said = f"llmcache: cannot write to the standard output: {error.strerror}."
        try:
            print(said, file=sys.stderr)
        except OSError:
            _give_up(sys.stderr)
    return _FAILED


def _give_up(stream: TextIO) -> None:
    # What is still in the buffer would fail once more when the process ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
