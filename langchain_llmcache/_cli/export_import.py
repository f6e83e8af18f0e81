"""``llmcache export`` and ``import``: a store's entries as a file of JSON Lines, and back.

A line is ``{"key": "model/digest", "expires": Unix seconds or null, "entry": "llm1:..."}``;
a sealed entry is ``"sealed": base64`` instead. Lines are independent of each other, and hold all
there is to say of an entry, so that a file can be cut, joined, filtered and imported again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any, Final, NamedTuple

import typer

from langchain_llmcache._answer.codec import decode
from langchain_llmcache._answer.entries import LEASE, TAG, CorruptEntryError
from langchain_llmcache._answer.ttl import to_milliseconds
from langchain_llmcache._cli.options import (
    Json,
    Model,
    Namespace,
    StoreChoice,
    counting,
    of_store,
    opened_store,
    scope_of,
)
from langchain_llmcache._cli.output import BAD_CONFIGURATION, INTERRUPTED, fail, note
from langchain_llmcache._cli.text import entries
from langchain_llmcache._request.key import Scope, parse_path
from langchain_llmcache._stores.admin import Administration, Held, each_once
from langchain_llmcache.errors import ConfigurationError

_BATCH: Final = 100
_STDIO: Final = Path("-")


class DamagedLineError(ValueError):
    """A line of the file is no entry; the message says why."""


def line_of(held: Held, now: float) -> str:
    """Return an entry as a line, without its end."""
    expires = None if held.left is None else round(now + held.left / 1000, 3)
    document: dict[str, Any] = {"key": held.key.path, "expires": expires}
    if held.is_readable:
        document["entry"] = held.value.decode()
    else:
        document["sealed"] = base64.b64encode(held.value).decode()
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def entry_of(line: str | bytes, now: float) -> Held:
    """Return the entry of a line; what is left of its time may be 0 or less.

    Raises:
        DamagedLineError: if there is none in it.
    """
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DamagedLineError("it is not JSON") from error
    if not isinstance(document, dict):
        raise DamagedLineError("it is not an object")
    key = parse_path(str(document.get("key")))
    if key is None:
        raise DamagedLineError("its key is not one that LLMCache writes")
    expires = document.get("expires", "")
    if expires is not None and not _is_date(expires):
        raise DamagedLineError("its expires is neither a date (Unix seconds) nor null")
    value = _value(document)
    if value.startswith(TAG):
        try:
            decode(value, key=key)
        except CorruptEntryError as error:
            raise DamagedLineError(f"its entry is {error}") from error
    return Held(key, value, None if expires is None else round((expires - now) * 1000))


def _is_date(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _value(document: dict[str, Any]) -> bytes:
    entry, sealed = document.get("entry"), document.get("sealed")
    if isinstance(entry, str) and entry.startswith(TAG.decode()):
        with contextlib.suppress(UnicodeEncodeError):
            return entry.encode()
    if isinstance(sealed, str):
        with contextlib.suppress(ValueError):
            value = base64.b64decode(sealed, validate=True)
            if b":" in value and not value.startswith((TAG, LEASE)):
                return value
    raise DamagedLineError("it has no entry")


# --- export ------------------------------------------------------------------------------------


@of_store
def export(
    file: Annotated[
        Path, typer.Argument(help="The file to write, JSON Lines; - for the standard output.")
    ],
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    model: Model = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Write entries to a file, with the time at which each expires. They hold the answers.

    The file appears when it is complete, and only its owner may read it. What is stored
    meanwhile may be missing.
    """
    if file != _STDIO and file.exists() and not force:
        fail(f"the file {file} exists: give --force to replace it.", code=BAD_CONFIGURATION)
    counts = {"exported": 0, "sealed": 0, "damaged": 0}
    with (
        opened_store(choice, interrupted=lambda: "no file was written.") as store,
        _writing(file) as out,
        counting("exporting") as advance,
    ):
        for lines in _lines(store, scope_of(namespace, model), counts):
            out.write("".join(lines))
            advance(len(lines))
    if as_json and file != _STDIO:
        print(json.dumps(counts))
        return
    note(f"Exported {entries(counts['exported'])}.")
    if counts["sealed"]:
        note(f"Sealed, and left so: {counts['sealed']:,}.")
    if counts["damaged"]:
        note(f"Damaged, and left out: {counts['damaged']:,}.")


def _lines(store: Administration, scope: Scope, counts: dict[str, int]) -> Iterator[list[str]]:
    for keys in each_once(store.keys(scope)):
        for first in range(0, len(keys), _BATCH):
            lines = []
            for held in store.read(keys[first : first + _BATCH]):
                if held.is_lease:
                    continue
                if not held.is_readable:
                    counts["sealed"] += 1
                elif not _decodes(held):
                    counts["damaged"] += 1
                    continue
                lines.append(line_of(held, time.time()) + "\n")
            counts["exported"] += len(lines)
            yield lines


def _decodes(held: Held) -> bool:
    try:
        decode(held.value, key=held.key)
    except CorruptEntryError:
        return False
    return True


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[IO[str]]:
    """Give a file that takes its place when the block ends well, and is gone if it does not."""
    if path == _STDIO:
        yield sys.stdout
        sys.stdout.flush()
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # Answers may be confidential.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.", code=BAD_CONFIGURATION)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.")
    finally:
        part.unlink(missing_ok=True)


# --- import ------------------------------------------------------------------------------------


class _Counts(NamedTuple):
    imported: int = 0
    kept: int = 0
    expired: int = 0
    damaged: int = 0


@of_store
def import_(
    file: Annotated[
        Path, typer.Argument(help="A file that export wrote; - for the standard input.")
    ],
    *,
    choice: StoreChoice,
    ttl: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Seconds that all entries live from now, or none for no expiry. Default: what is left "
            "of their own time; expired ones are left out.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave entries as they are that are there already.")
    ] = False,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Report damaged lines, and import the others.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Store the entries of a file, under the same keys: a new store answers as the old one did.

    A file is checked from beginning to end before anything is stored. Safe to repeat: interrupted,
    the same command goes through all of it again.
    """
    lifetime = _lifetime(ttl)
    total = None if file == _STDIO else _check(file, skip_damaged=skip_damaged)
    counts = _Counts()

    def so_far() -> str:
        return f"{entries(counts.imported)} stored; the same command, once more, stores the rest."

    with (
        opened_store(choice, must_exist=False, interrupted=so_far) as store,
        _reading(file) as lines,
        counting("importing", total) as advance,
    ):
        batch: list[Held] = []
        for number, line in enumerate(lines, 1):
            if line.strip():
                counts = _take(batch, line, number, counts, lifetime, skip_damaged=skip_damaged)
            if len(batch) >= _BATCH:
                counts = _put(store, batch, counts, replace=not keep)
            advance(1)
        counts = _put(store, batch, counts, replace=not keep)
    _report(counts, as_json=as_json)


def _take(
    batch: list[Held],
    line: bytes,
    number: int,
    counts: _Counts,
    lifetime: tuple[int | None] | None,
    *,
    skip_damaged: bool,
) -> _Counts:
    """Put the entry of a line into the batch, if it is one that still lives."""
    try:
        held = entry_of(line, time.time())
    except DamagedLineError as error:
        _damaged(number, error, skip_damaged=skip_damaged)
        return counts._replace(damaged=counts.damaged + 1)
    if lifetime is not None:
        held = held._replace(left=lifetime[0])
    if held.left is not None and held.left <= 0:
        return counts._replace(expired=counts.expired + 1)
    batch.append(held)
    return counts


def _put(store: Administration, batch: list[Held], counts: _Counts, *, replace: bool) -> _Counts:
    stored = store.put(batch, replace=replace) if batch else 0
    counts = counts._replace(
        imported=counts.imported + stored, kept=counts.kept + len(batch) - stored
    )
    batch.clear()
    return counts


def _report(counts: _Counts, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(counts._asdict()))
        return
    note(f"Imported {entries(counts.imported)}.")
    for words, number in (
        ("There already, and left so", counts.kept),
        ("Expired, and left out (--ttl gives them new time)", counts.expired),
        ("Damaged, and left out", counts.damaged),
    ):
        if number:
            note(f"{words}: {number:,}.")


def _lifetime(ttl: str | None) -> tuple[int | None] | None:
    """Return the milliseconds of ``--ttl``; None if it is not given."""
    if ttl is None:
        return None
    if ttl.strip().lower() == "none":
        return (None,)
    try:
        return (to_milliseconds(float(ttl)),)
    except ConfigurationError as error:
        fail(f"{error}.", code=BAD_CONFIGURATION)
    except ValueError:
        fail(f"--ttl is {ttl!r}; expected seconds, or none.", code=BAD_CONFIGURATION)


def _check(file: Path, *, skip_damaged: bool) -> int:
    """Return the number of lines; a damaged one ends the command unless it may be skipped."""
    number = 0
    try:
        with _reading(file) as lines, counting("checking") as advance:
            for number, line in enumerate(lines, 1):
                if line.strip() and not skip_damaged:
                    try:
                        entry_of(line, 0.0)
                    except DamagedLineError as error:
                        _damaged(number, error, skip_damaged=False)
                advance(1)
    except KeyboardInterrupt:
        note("Interrupted: nothing was stored.")
        raise typer.Exit(INTERRUPTED) from None
    return number


def _damaged(number: int, error: DamagedLineError, *, skip_damaged: bool) -> None:
    said = f"line {number} is damaged: {error}"
    if not skip_damaged:
        fail(f"{said}. Nothing from there on was stored; --skip-damaged leaves such lines out.")
    note(f"{said}.")


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[IO[bytes]]:
    if file == _STDIO:
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}.", code=BAD_CONFIGURATION)
    with opened:
        yield opened
