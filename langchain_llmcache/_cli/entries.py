"""``llmcache ls``, ``show``, ``delete`` and ``clear``: list entries, look at one, and remove some."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table
from rich.text import Text

from langchain_llmcache._cli.contents import REASONS, Content, content_of, described, place_of
from langchain_llmcache._cli.listing import Listing
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
from langchain_llmcache._request.key import AnyScope, Key
from langchain_llmcache._stores.admin import Administration, Held, each_once, find

_CANDIDATES = 10
# Entries read together, and the bytes of one that are enough for its row.
_BATCH = 100
_HEAD = 2**16

Keys = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY...",
        help="Whole keys, or the first 4 or more digits of their digests, as `llmcache ls` shows.",
    ),
]


# --- ls ----------------------------------------------------------------------------------------


@of_store
def ls(
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    model: Model = None,
    containing: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Only entries whose answer has this text in it, in small or capital letters. "
            "(Prompts are not stored.)",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Entries shown; 0 for all.")] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines, one object an entry, for scripts.")
    ] = False,
) -> None:
    """List entries: model, namespace, age, time left, size. Never what they say (see `show`).

    In no order: stores keep none. Results of tools and values of graphs' nodes are listed as such.
    """
    listing = Listing(stdout())
    more = False
    with opened_store(choice) as store:
        for row in _rows(store, scope_of(namespace, model), containing):
            if limit and listing.rows == limit:
                more = True
                break
            if as_json:
                listing.rows += 1
                del row["shown"], row["state"]
                print(json.dumps(row))
            else:
                listing.add(row)
        listing.end()
    if as_json:
        return
    if not listing.rows:
        note("No entries." if containing is None else "No entry has that text in it.")
    if more:
        note(f"There are more than {limit}: --limit 0 shows all.")


def _rows(
    store: Administration, scope: AnyScope, containing: str | None
) -> Iterator[dict[str, Any]]:
    """Yield entries as they are listed; only as much of each is read as is needed."""
    most = _HEAD if containing is None else None
    wanted = None if containing is None else containing.casefold()
    for keys in each_once(store.keys(scope)):
        for first in range(0, len(keys), _BATCH):
            for held in store.read(keys[first : first + _BATCH], most):
                if held.is_lease:
                    continue
                content = content_of(held, store)
                if wanted is None or any(wanted in text.casefold() for text in content.texts):
                    yield {**_listed(held, content), "shown": place_of(held.key).shown}


def _listed(held: Held, content: Content) -> dict[str, Any]:
    return {
        **described(held.key),
        "bytes": held.bytes,
        "ttl": None if held.left is None else held.left / 1000,
        "created": content.created,
        "seconds": content.seconds,
        "readable": content.is_readable,
        "state": content.state,
    }


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

    Also the result of a tool, or the value of a graph's node. The prompt is not in the store: only a
    digest of it is, in the key.
    """
    with opened_store(choice) as store:
        [found] = _found(store, [key], scope_of(namespace, None))
        held = next(store.read([found]), None)
        if held is None:
            fail(f"the entry {found.path} has expired meanwhile, or is not a text.")
        if held.is_lease:
            fail(
                f"{found.path} holds no answer yet: another process is asking the model right now."
            )
        content = content_of(held, store)
        if not content.is_readable:
            fail(f"the entry {found.path} cannot be shown: it {REASONS[content.state]}.")
        if as_json:
            document = _listed(held, content)
            del document["state"]
            name = "generations" if place_of(found).kind == "model" else "value"
            print(json.dumps({**document, name: content.data}, indent=2, default=str))
        else:
            _print_entry(held, content)


def _found(store: Administration, texts: Sequence[str], scope: AnyScope) -> list[Key]:
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


def _print_entry(held: Held, content: Content) -> None:
    console = stdout()
    about = Table.grid(padding=(0, 2))
    about.add_column(style="dim", no_wrap=True)
    about.add_column(overflow="fold")
    for name, value in _about(held, content):
        about.add_row(name, Text(harmless(value)))
    console.print(about)
    for title, texts in content.parts:
        console.print()
        console.rule(Text(harmless(title)), align="left")
        for text in texts:
            # Not through rich's wrapping: an answer's own line breaks are part of it.
            console.print(Text(harmless(text)), soft_wrap=True)


def _about(held: Held, content: Content) -> Iterator[tuple[str, str]]:
    """Yield what is known about an entry."""
    place = place_of(held.key)
    left = None if held.left is None else held.left / 1000
    yield "key", held.key.path
    yield place.kind, place.name or "-"
    yield "namespace", "/".join(place.namespace) or "-"
    if content.created is not None:
        created = datetime.fromtimestamp(content.created).astimezone()
        age = duration(time.time() - content.created)
        yield "stored", f"{created:%Y-%m-%d %H:%M:%S %z} ({age} ago)"
    yield "expires", "never" if left is None else f"in {duration(left)}"
    yield "size", size(held.bytes)
    if place.kind == "model":
        input_tokens, output_tokens = content.tokens
        yield "model took", "unknown" if content.seconds is None else f"{content.seconds:g} s"
        yield (
            "tokens",
            f"{input_tokens:,} in, {output_tokens:,} out" if any(content.tokens) else "not told",
        )


# --- delete and clear --------------------------------------------------------------------------


@of_store
def delete(
    keys: Keys,
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Remove entries by key, such as one bad answer, without asking.

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

    Answers, results of tools and values of graphs' nodes; of a model, its answers. Only what an
    LLMCache wrote is removed. In batches: interrupted, the rest stays as it was.
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
