"""``llmcache export`` and ``import``: a store's entries as a file of JSON Lines, and back.

A line is ``{"prefix": "llm_cache:", "key": "model/digest", "expires": Unix seconds or null,
"entry": "llm2:..."}``; the value of a node or a tool is ``"value": base64`` instead, a sealed entry
``"sealed": base64``. Lines are independent of each other, and hold all there is to say of an entry, so
that a file can be cut, joined, filtered and imported again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Annotated, Any, Final, NamedTuple

import typer

from langchain_llmcache._answer.binding import Binding, Unproven, is_signed
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import (
    ANSWERS,
    LEASE,
    NODE_TAG,
    OLD_TAGS,
    TAG,
    VALUES,
    CorruptEntryError,
)
from langchain_llmcache._answer.ttl import to_milliseconds
from langchain_llmcache._cli.contents import Content, content_of
from langchain_llmcache._cli.files import STDIO, check_target, reading, writing
from langchain_llmcache._cli.foreign import import_answers
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
from langchain_llmcache._cli.readable import Csv, JsonLines, rows_of
from langchain_llmcache._cli.text import entries
from langchain_llmcache._request.key import AnyScope, ended, parse_any_path
from langchain_llmcache._stores.admin import Administration, Held, each_once
from langchain_llmcache.errors import ConfigurationError

# Entries, and bytes, that are stored together.
_BATCH: Final = 100
_BATCH_BYTES: Final = 2**20


class Format(str, Enum):
    """What is written of an entry."""

    LOSSLESS = "lossless"
    READABLE = "readable"


class DamagedLineError(ValueError):
    """A line of the file is not an entry; the message says why."""


# What stands in a line as base64: values of nodes, and answers that are compressed.
_BINARY: Final = (*VALUES, ANSWERS[1])


def line_of(held: Held, now: float, prefix: str) -> str:
    """Return an entry as a line, without its end."""
    expires = None if held.left is None else round(now + held.left / 1000, 3)
    document: dict[str, Any] = {"prefix": prefix, "key": held.key.path, "expires": expires}
    if held.value.startswith(_BINARY):
        document["value"] = base64.b64encode(held.value).decode()
    elif held.is_readable:
        document["entry"] = held.value.decode()
    else:
        document["sealed"] = base64.b64encode(held.value).decode()
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def entry_of(line: str | bytes, now: float, prefix: str, below: tuple[str, ...] = ()) -> Held:
    """Return the entry of a line, for a store; what is left of its time may be 0 or less.

    Args:
        line: The line.
        now: Unix seconds.
        prefix: Of the store.
        below: The namespace to put it below (encoded parts).

    Raises:
        DamagedLineError: if there is no entry in it, or it belongs elsewhere for good.
    """
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DamagedLineError("it is not JSON, as lines of `llmcache export` are") from error
    if not isinstance(document, dict):
        raise DamagedLineError("it is not an object")
    key = parse_any_path(str(document.get("key")))
    if key is None:
        raise DamagedLineError("its key is not one that LLMCache writes")
    expires = document.get("expires", "")
    if expires is not None and not _is_date(expires):
        raise DamagedLineError("its expires is neither a date (Unix seconds) nor null")
    held = Held(key, _value(document), None if expires is None else round((expires - now) * 1000))
    source = document.get("prefix", prefix)
    if not isinstance(source, str):
        raise DamagedLineError("its prefix is not a string")
    if held.is_readable:
        try:
            if held.value.startswith(VALUES):
                Unproven(source).payload(NODE_TAG, key, held.value)
            else:
                Codec(Unproven(source)).decode(held.value, key=key)
        except CorruptEntryError as error:
            raise DamagedLineError(f"its entry is {error}") from error
    return _moved(held, source, prefix, below)


def _moved(held: Held, source: str, prefix: str, below: tuple[str, ...]) -> Held:
    """Return an entry as it is under another prefix and below a namespace: bound to its new key."""
    key = held.key._replace(space=(*below, *held.key.space))
    if (source, held.key) == (prefix, key):
        return held
    tag = NODE_TAG if held.value.startswith(VALUES) else TAG
    if not held.is_readable or is_signed(tag, held.value):
        how = "signed with key_secret" if held.is_readable else "sealed"
        raise DamagedLineError(f"its entry is {how}, for the prefix {source} and its own key only")
    payload = Binding(source).payload(tag, held.key, held.value)
    return held._replace(key=key, value=Binding(prefix).bind(tag, key, bytes(payload)))


def _is_date(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _value(document: dict[str, Any]) -> bytes:
    entry, sealed, value = (document.get(name) for name in ("entry", "sealed", "value"))
    if isinstance(entry, str):
        with contextlib.suppress(UnicodeEncodeError):
            if (data := entry.encode()).startswith((TAG, *OLD_TAGS)):
                return data
    for text, is_sealed in ((sealed, True), (value, False)):
        if isinstance(text, str):
            with contextlib.suppress(ValueError):
                data = base64.b64decode(text, validate=True)
                if is_sealed and _may_be_sealed(data):
                    return data
                if not is_sealed and data.startswith(_BINARY):
                    return data
    raise DamagedLineError("it has no entry, as an export with --format readable has none")


def _may_be_sealed(data: bytes) -> bool:
    return b":" in data and not data.startswith((*ANSWERS, *OLD_TAGS, *VALUES, LEASE))


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
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="lossless: for import. readable: a row for each answer, for people and data "
            "frames; CSV where the file is called so, else JSON Lines.",
        ),
    ] = Format.LOSSLESS,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Write entries to a file, with the time at which each expires. They hold the answers.

    The file appears when it is complete, and only its owner may read it; called .gz, it is
    compressed. What is stored meanwhile may be missing.
    """
    check_target(file, force=force)
    is_csv = ".csv" in (suffix.lower() for suffix in file.suffixes[-2:])
    if is_csv and form is Format.LOSSLESS:
        fail("CSV cannot be imported again: give --format readable.", code=BAD_CONFIGURATION)
    job = _Export(form)
    with (
        opened_store(choice, interrupted=lambda: "no file was written.") as store,
        writing(file) as out,
        counting("exporting") as advance,
    ):
        job.run(store, scope_of(namespace, model), out, advance, is_csv=is_csv)
    if as_json and file != STDIO:
        print(json.dumps(job.counts))
        return
    note(f"Exported {entries(job.counts['exported'])}.")
    if job.counts["sealed"]:
        left = "left so" if form is Format.LOSSLESS else "left out"
        note(f"Sealed, and {left}: {job.counts['sealed']:,}.")
    if job.counts["damaged"]:
        note(f"Damaged, and left out: {job.counts['damaged']:,}.")


class _Export:
    """An export on its way."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self.counts = {"exported": 0, "sealed": 0, "damaged": 0}

    def run(
        self,
        store: Administration,
        scope: AnyScope,
        out: IO[str],
        advance: Callable[[int], None],
        *,
        is_csv: bool,
    ) -> None:
        """Write the entries of a scope."""
        rows = None
        if self._form is Format.READABLE:
            rows = Csv(out) if is_csv else JsonLines(out)
        for keys in each_once(store.keys(scope)):
            for first in range(0, len(keys), _BATCH):
                for held in store.read(keys[first : first + _BATCH]):
                    if held.is_lease:
                        continue
                    content = content_of(held, store)
                    if not self._counted(content):
                        continue
                    if rows is None:
                        out.write(line_of(held, time.time(), store.prefix) + "\n")
                    else:
                        for row in rows_of(held, content, time.time()):
                            rows.write(row)
                    advance(1)

    def _counted(self, content: Content) -> bool:
        """Count an entry; tell whether it is written."""
        if content.state in {"damaged", "old"}:
            self.counts["damaged"] += 1
            return False
        if content.state == "sealed" or (
            content.state == "unknown class" and self._form is Format.READABLE
        ):
            self.counts["sealed"] += 1
            if self._form is Format.READABLE:
                return False
        self.counts["exported"] += 1
        return True


# --- import ------------------------------------------------------------------------------------


class _Counts(NamedTuple):
    imported: int = 0
    kept: int = 0
    expired: int = 0
    damaged: int = 0


@dataclass
class _Import:
    """An import on its way: what it does with lines, and what came of them."""

    prefix: str
    below: tuple[str, ...]
    lifetime: tuple[int | None] | None
    replace: bool
    skip_damaged: bool
    dry_run: bool
    counts: _Counts = field(default_factory=_Counts)
    batch: list[Held] = field(default_factory=list)
    size: int = 0

    def take(self, store: Administration, line: bytes, number: int) -> None:
        """Put the entry of a line into the batch, if it is one that still lives."""
        try:
            held = entry_of(line, time.time(), self.prefix, self.below)
        except DamagedLineError as error:
            self._damaged(number, error)
            return
        if self.lifetime is not None:
            held = held._replace(left=self.lifetime[0])
        if held.left is not None and held.left <= 0:
            self.counts = self.counts._replace(expired=self.counts.expired + 1)
            return
        self.batch.append(held)
        self.size += len(held.value)
        if len(self.batch) >= _BATCH or self.size >= _BATCH_BYTES:
            self.store(store)

    def store(self, store: Administration) -> None:
        """Store the batch."""
        if self.dry_run:
            there = 0 if self.replace else len(store.measure([held.key for held in self.batch]))
            stored = len(self.batch) - there
        else:
            stored = store.put(self.batch, replace=self.replace) if self.batch else 0
        self.counts = self.counts._replace(
            imported=self.counts.imported + stored,
            kept=self.counts.kept + len(self.batch) - stored,
        )
        self.batch.clear()
        self.size = 0

    def check(self, file: Path) -> int:
        """Return the number of lines; a damaged one ends the command unless it may be skipped."""
        number = 0
        try:
            with reading(file) as lines, counting("checking") as advance:
                for number, line in enumerate(lines, 1):
                    if line.strip() and not self.skip_damaged:
                        try:
                            entry_of(line, 0.0, self.prefix, self.below)
                        except DamagedLineError as error:
                            self._damaged(number, error)
                    advance(1)
        except KeyboardInterrupt:
            note("Interrupted: nothing was stored.")
            raise typer.Exit(INTERRUPTED) from None
        return number

    def so_far(self) -> str:
        """Return what to say after Ctrl-C."""
        if not self.counts.imported or self.dry_run:
            return "nothing was stored."
        return (
            f"{entries(self.counts.imported)} stored; the same command, once more, stores the rest."
        )

    def report(self, *, as_json: bool) -> None:
        """Say what came of it."""
        if as_json:
            also = {"dry_run": True} if self.dry_run else {}
            print(json.dumps({**self.counts._asdict(), **also}))
            return
        note(f"{'Would import' if self.dry_run else 'Imported'} {entries(self.counts.imported)}.")
        for words, number in (
            ("There already, and left so", self.counts.kept),
            ("Expired, and left out (--ttl gives them new time)", self.counts.expired),
            ("Damaged, and left out", self.counts.damaged),
        ):
            if number:
                note(f"{words}: {number:,}.")

    def _damaged(self, number: int, error: DamagedLineError) -> None:
        said = f"line {number} is damaged: {error}"
        if not self.skip_damaged:
            stored = self.counts.imported
            before = "Nothing was stored" if not stored else f"Stored before it: {entries(stored)}"
            fail(f"{said}. {before}; --skip-damaged leaves such lines out.")
        note(f"{said}.")
        self.counts = self.counts._replace(damaged=self.counts.damaged + 1)


@of_store
def import_(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A file that export wrote, plain or gzip; - for the standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    choice: StoreChoice,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Put all entries below this namespace. Several go deeper, outermost first.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CACHE",
            help="In place of a file, another cache: a SQLite file of langchain-community, or the "
            "URL of a server with a RedisCache of langchain-community or langchain-redis.",
            show_default=False,
        ),
    ] = None,
    source_prefix: Annotated[
        str,
        typer.Option("--from-prefix", metavar="TEXT", help="Prefix of langchain-redis's keys."),
    ] = "redis",
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be stored, and store nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Store the entries of a file, under the same keys: a new store answers as the old one did.

    A file is checked from beginning to end before anything is stored. Safe to repeat: interrupted,
    the same command goes through all of it again. --from takes over the answers of another cache,
    which stays as it is; what is there already is left alone.
    """
    if (file is None) == (source is None):
        fail("what to import? Give either a file or --from.", code=BAD_CONFIGURATION)
    if file is None:
        lifetime = _lifetime(ttl)
        import_answers(
            choice,
            str(source),
            prefix=source_prefix,
            namespace=tuple(namespace or ()),
            ttl=lifetime and (lifetime[0] and lifetime[0] / 1000,),
            dry_run=dry_run,
            as_json=as_json,
        )
        return
    job = _Import(
        ended(choice.prefix),
        scope_of(namespace, None).namespace,
        _lifetime(ttl),
        # (In a file that is not there yet, nothing is there already.)
        replace=not keep or (dry_run and choice.is_missing),
        skip_damaged=skip_damaged,
        dry_run=dry_run,
    )
    total = None if file == STDIO else job.check(file)
    with (
        opened_store(choice, must_exist=False, interrupted=job.so_far) as store,
        reading(file) as lines,
        counting("importing", total) as advance,
    ):
        for number, line in enumerate(lines, 1):
            if line.strip():
                job.take(store, line, number)
            advance(1)
        job.store(store)
    job.report(as_json=as_json)


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
