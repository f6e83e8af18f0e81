"""``llmcache ls``, ``show``, ``delete`` and ``clear``: what is in there, and away with it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import CorruptEntryError, StoredEntry
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
from langchain_llmcache._cli.output import (
    BAD_CONFIGURATION,
    INTERRUPTED,
    fail,
    note,
    stdout,
)
from langchain_llmcache._cli.text import duration, entries, harmless, size
from langchain_llmcache._insight.savings import tokens_of
from langchain_llmcache._request.key import Key, Scope, model_name, plain_parts
from langchain_llmcache._stores.admin import Administration, Held, each_once, find

_DIGEST_SHOWN = 12
_CANDIDATES = 10

Keys = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY...",
        help="Whole keys, or the first 4 or more digits of their digests, as `llmcache ls` shows.",
    ),
]


def described(key: Key) -> dict[str, Any]:
    """Return what a key says, for JSON."""
    return {
        "key": key.path,
        "model": model_name(key.space[-1]),
        "namespace": list(plain_parts(key.space[:-1])),
    }


def read_entry(held: Held, codec: Codec) -> StoredEntry | None:
    """Return what is in an entry; None if it is sealed, or cannot be read."""
    try:
        return codec.decode(held.value, key=held.key)
    except CorruptEntryError:
        return None


# --- ls ----------------------------------------------------------------------------------------


@of_store
def ls(
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    model: Model = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Entries shown; 0 for all.")] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines, one object an entry, for scripts.")
    ] = False,
) -> None:
    """List entries: model, namespace, age, time left, size. Never what they say (see `show`).

    In no order: stores keep none.
    """
    rows: list[dict[str, Any]] = []
    shown = 0
    more = False
    with opened_store(choice) as store:
        for keys in each_once(store.keys(scope_of(namespace, model))):
            # One entry more than wanted tells that there are more.
            wanted = keys if not limit else keys[: limit + 1 - shown]
            for held in store.read(wanted):
                if held.is_lease:
                    continue
                if limit and shown == limit:
                    more = True
                    break
                shown += 1
                row = _listed(held, store.codec)
                if as_json:
                    print(json.dumps(row))
                else:
                    rows.append(row)
            if more:
                break
    if as_json:
        return
    if rows:
        _print_rows(rows)
    else:
        note("No entries.")
    if more:
        note(f"There are more than {limit}: --limit 0 shows all.")


def _listed(held: Held, codec: Codec) -> dict[str, Any]:
    entry = read_entry(held, codec)
    return {
        **described(held.key),
        "bytes": len(held.value),
        "ttl": None if held.left is None else held.left / 1000,
        "created": None if entry is None else entry.created,
        "seconds": None if entry is None else entry.seconds,
        "readable": entry is not None,
    }


def _print_rows(rows: list[dict[str, Any]]) -> None:
    console = stdout()
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, expand=True
    )
    table.add_column("key", min_width=_DIGEST_SHOWN, style="bold")
    # Only these give way on a narrow terminal.
    table.add_column("model", overflow="ellipsis", no_wrap=True, ratio=1)
    spaces = any(row["namespace"] for row in rows)
    if spaces:
        table.add_column(
            "namespace", overflow="ellipsis", no_wrap=True, max_width=console.width // 5
        )
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("expires", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    now = time.time()
    for row in rows:
        created = row["created"]
        age = "unreadable" if created is None else duration(now - created, 1)
        table.add_row(
            row["key"].rpartition("/")[2][:_DIGEST_SHOWN],
            Text(harmless(row["model"] or "-")),
            *([Text(harmless("/".join(row["namespace"]) or "-"))] if spaces else []),
            age,
            duration(row["ttl"], 1),
            size(row["bytes"]),
        )
    console.print(table)


# --- show --------------------------------------------------------------------------------------


@of_store
def show(
    key: Annotated[
        str,
        typer.Argument(
            help="A whole key, or the first 4 or more digits of its digest, as `llmcache ls` shows."
        ),
    ],
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Show one entry: the answer that it holds, and what is known about it.

    The prompt is not in the store: only a digest of it is, in the key.
    """
    with opened_store(choice) as store:
        [found] = _found(store, [key], scope_of(namespace, None))
        held = next(store.read([found]), None)
        if held is None:
            fail(f"the entry {found.path} is gone.")
        if held.is_lease:
            fail(
                f"{found.path} holds no answer yet: another process is asking the model right now."
            )
        entry = read_entry(held, store.codec)
        if entry is None:
            reason = (
                "is damaged, or of an older version"
                if held.is_readable
                else "is sealed (encrypted), or not an entry"
            )
            fail(f"the entry {found.path} cannot be shown: it {reason}.")
        if as_json:
            body = orjson.loads(store.codec.body(held.value, key=held.key))
            document = {**_listed(held, store.codec), "generations": body["g"]}
            print(json.dumps(document, indent=2))
        else:
            _print_entry(held, entry)


def _found(store: Administration, texts: Sequence[str], scope: Scope) -> list[Key]:
    """Return the key that each text means, or end the command because one means none or several."""
    try:
        found = find(store, texts, store.prefix, scope)
    except ValueError as error:
        fail(f"{error}.", code=BAD_CONFIGURATION)
    for text, keys in found.items():
        if not keys:
            fail(f"there is no entry {text}.")
        if len(keys) > 1:
            _ask_for_more(text, keys)
    return [keys[0] for keys in found.values()]


def _ask_for_more(text: str, keys: Sequence[Key]) -> NoReturn:
    shown = [each.path for each in keys[:_CANDIDATES]]
    if len(keys) > _CANDIDATES:
        shown.append(f"... and {len(keys) - _CANDIDATES:,} more")
    # One question in two namespaces has one digest.
    wanted = "more digits" if len({each.digest for each in keys}) > 1 else "--namespace"
    fail(f"{text} begins {len(keys):,} keys: give {wanted}, or one of these:", lines=shown)


def _print_entry(held: Held, entry: StoredEntry) -> None:
    console = stdout()
    about = Table.grid(padding=(0, 2))
    about.add_column(style="dim", no_wrap=True)
    about.add_column(overflow="fold")
    described_key = described(held.key)
    left = None if held.left is None else held.left / 1000
    created = datetime.fromtimestamp(entry.created).astimezone()
    age = duration(time.time() - entry.created)
    given, taken = tokens_of(entry.generations)
    for name, value in (
        ("key", held.key.path),
        ("model", described_key["model"] or "-"),
        ("namespace", "/".join(described_key["namespace"]) or "-"),
        ("stored", f"{created:%Y-%m-%d %H:%M:%S %z} ({age} ago)"),
        ("expires", "never" if left is None else f"in {duration(left)}"),
        ("size", size(len(held.value))),
        ("model took", "unknown" if entry.seconds is None else f"{entry.seconds:g} s"),
        ("tokens", f"{given:,} in, {taken:,} out" if given or taken else "not told"),
    ):
        about.add_row(name, Text(harmless(value)))
    console.print(about)
    for number, fields in enumerate(entry.generations, 1):
        message = fields.get("message")
        kind = "text" if message is None else message["class"]
        console.print()
        console.rule(Text(f"answer {number} of {len(entry.generations)}: {kind}"), align="left")
        parts = [fields.get("text", "")] if message is None else _parts(message["fields"])
        for part in filter(None, parts):
            # Not through rich's wrapping: an answer's own line breaks are part of it.
            console.print(Text(harmless(part)), soft_wrap=True)


def _parts(fields: dict[str, Any]) -> list[str]:
    """Return what a message says, one text for each part of it."""
    content = fields.get("content", "")
    blocks = [content] if isinstance(content, str) else content
    parts = []
    for block in blocks:
        if isinstance(block, str):
            parts.append(block)
        elif isinstance(block, dict) and isinstance(block.get("text"), str):
            parts.append(block["text"])
        elif not (isinstance(block, dict) and block.get("type") in {"tool_use", "tool_call"}):
            parts.append(_compact(block))
    for name in ("tool_calls", "invalid_tool_calls"):
        for call in fields.get(name) or ():
            label = name.removesuffix("s").replace("_", " ")
            parts.append(f"{label}: {call.get('name')} {_compact(call.get('args'))}")
    return parts


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


# --- delete and clear --------------------------------------------------------------------------


@of_store
def delete(
    keys: Keys,
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Remove entries by key, such as one bad answer. Asks nothing.

    Where one of the keys is not found, or means several, none is removed.
    """
    with opened_store(choice) as store:
        found = _found(store, keys, scope_of(namespace, None))
        removed = store.remove(found)
    if as_json:
        print(json.dumps({"removed": removed, "keys": [key.path for key in found]}))
    else:
        stdout().print(f"Removed {entries(removed)}.")


@of_store
def clear(
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    model: Model = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be removed, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove all entries under the prefix, or those of a namespace or a model.

    Only what an LLMCache wrote is removed. In batches: interrupted, the rest stays as it was.
    """
    scope = scope_of(namespace, model)
    removed = found = 0

    def so_far() -> str:
        return f"{entries(removed)} removed, the rest is as it was."

    with opened_store(choice, interrupted=so_far) as store:
        if not dry_run and not yes:
            _ask(choice, namespace, model)
        with counting("counting" if dry_run else "removing") as advance:
            for keys in each_once(store.keys(scope)):
                if dry_run:
                    found += len(keys)
                    advance(len(keys))
                elif keys:
                    number = store.remove(keys)
                    removed += number
                    advance(number)
    if as_json:
        print(json.dumps({"dry_run": dry_run, "found": found or removed, "removed": removed}))
    elif dry_run:
        stdout().print(f"Would remove {entries(found)}.")
    else:
        stdout().print(f"Removed {entries(removed)}.")


def _ask(choice: StoreChoice, namespace: list[str] | None, model: str | None) -> None:
    what = "all entries" if model is None else f"the entries of the model {model}"
    where = f" in the namespace {'/'.join(namespace)}" if namespace else ""
    question = f"Remove {what}{where} under {choice.prefix} in {choice.shown}?"
    try:
        sure = typer.confirm(harmless(question), err=True)
    except typer.Abort as abort:
        typer.echo(err=True)  # the question's line is still open
        if isinstance(abort.__context__, KeyboardInterrupt):
            note("Interrupted: nothing was removed.")
            raise typer.Exit(INTERRUPTED) from None
        fail(
            "nothing was removed: there was no answer to the question; give --yes.",
            code=BAD_CONFIGURATION,
        )
    if not sure:
        fail("nothing was removed.")
