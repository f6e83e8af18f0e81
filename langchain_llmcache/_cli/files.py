"""Files that commands write and read: whole or not at all, plain or gzip, - for the streams."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from langchain_llmcache._cli.output import BAD_CONFIGURATION, fail

STDIO: Final = Path("-")
_GZIP: Final = ".gz"
# What other compressed files are called, and how they begin.
_OTHERS: Final = {
    ".zst": b"\x28\xb5\x2f\xfd",
    ".bz2": b"BZh",
    ".xz": b"\xfd7zXZ\x00",
    ".zip": b"PK\x03\x04",
    ".7z": b"7z\xbc\xaf\x27\x1c",
}
_MAGIC: Final = 6


def check_target(path: Path, *, force: bool) -> None:
    """End the command if a file is not one that can be written."""
    if path == STDIO:
        return
    if path.is_dir():
        fail(f"{path} is a folder; give the name of a file in it.", code=BAD_CONFIGURATION)
    if path.suffix.lower() in _OTHERS:
        fail(
            f"{path} would have to be compressed as {path.suffix}; llmcache writes plain files and "
            f"gzip: {path.stem}.gz.",
            code=BAD_CONFIGURATION,
        )
    if path.exists() and not force:
        fail(f"the file {path} exists: give --force to replace it.", code=BAD_CONFIGURATION)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[IO[str]]:
    """Give a file that replaces the target if the block succeeds, and is removed if it fails.

    Text is UTF-8, whatever the terminal's encoding is, with plain line ends.
    """
    if path == STDIO:
        # What cannot be written there is told where the command ends.
        with _text(sys.stdout.buffer) as out:
            yield out
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # Answers may be confidential.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"cannot write {path}: {_why(path.parent, error)}.", code=BAD_CONFIGURATION)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            with _compressed(path, raw) as out:
                yield out
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.")
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Iterator[bytes]]:
    """Give the lines of a file, plain or gzip; one that cannot be read ends the command."""
    if path == STDIO:
        if sys.stdin is None:
            fail("the standard input is closed.", code=BAD_CONFIGURATION)
        # (A stand-in for the standard input may not be able to look ahead.)
        yield _lines(path, io.BufferedReader(sys.stdin.buffer))  # type: ignore[arg-type]
        return
    if path.is_dir():
        fail(f"{path} is a folder; give the name of a file in it.", code=BAD_CONFIGURATION)
    try:
        opened = path.open("rb")
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}.", code=BAD_CONFIGURATION)
    with opened:
        yield _lines(path, opened)


def _lines(path: Path, raw: io.BufferedReader) -> Iterator[bytes]:
    name = "the standard input" if path == STDIO else str(path)
    try:
        start = raw.peek(_MAGIC)
        for suffix, magic in _OTHERS.items():
            if start.startswith(magic):
                fail(
                    f"{name} is compressed as {suffix}; llmcache reads plain files and gzip.",
                    code=BAD_CONFIGURATION,
                )
        yield from gzip.GzipFile(fileobj=raw) if start.startswith(b"\x1f\x8b") else raw
    except (EOFError, OSError, zlib.error) as error:
        fail(f"cannot read {name} to its end: {getattr(error, 'strerror', None) or error}.")


@contextlib.contextmanager
def _compressed(path: Path, raw: IO[bytes]) -> Iterator[IO[str]]:
    if path.suffix.lower() != _GZIP:
        with _text(raw) as out:
            yield out
        return
    # Neither name nor time: equal entries make equal files.
    with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed, _text(packed) as out:
        yield out


@contextlib.contextmanager
def _text(raw: Any) -> Iterator[IO[str]]:
    out = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="\n")
    try:
        yield out
        out.flush()
    finally:
        out.detach()


def _why(folder: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not folder.exists():
        return f"there is no folder {folder}"
    return str(error.strerror)
