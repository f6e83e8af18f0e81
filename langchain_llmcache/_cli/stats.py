"""``llmcache stats``: how much is in a store, of what, and for how long still."""

from __future__ import annotations

import json
import random
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from langchain_llmcache._cli.contents import place_of
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
from langchain_llmcache._cli.output import stdout
from langchain_llmcache._cli.text import entries, harmless, size
from langchain_llmcache._request.key import AnyScope, Key
from langchain_llmcache._stores.admin import Administration, Measured, each_once

# Upper ends of the classes of time left: name for programs, words, seconds.
_CLASSES: Final = (
    ("under_1_hour", "within an hour", 3600.0),
    ("under_1_day", "in 1 to 24 hours", 86_400.0),
    ("under_7_days", "in 1 to 7 days", 7 * 86_400.0),
    ("later", "in over 7 days", float("inf")),
)
_NEVER: Final = ("never", "never")
_ROWS: Final = 20


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        spaces: Number of entries by namespace and model, as parts of keys. All are counted.
        sample: Some of them, drawn evenly, with size and time left.
    """

    spaces: Counter[tuple[str, ...]]
    sample: list[Measured]

    @property
    def entries(self) -> int:
        """How many there are."""
        return sum(self.spaces.values())

    @property
    def is_complete(self) -> bool:
        """Whether the sample is all there is."""
        return len(self.sample) >= self.entries

    def bytes_of(self, spaces: Counter[tuple[str, ...]]) -> float:
        """Return the size of these entries, from what the sample says of each kind."""
        sizes: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for measured in self.sample:
            sizes[measured.key.space].append(measured.size)
        usual = statistics.fmean(one.size for one in self.sample) if self.sample else 0.0
        return sum(
            number * (statistics.fmean(sizes[space]) if space in sizes else usual)
            for space, number in spaces.items()
        )

    def left(self) -> dict[str, float]:
        """Return the share of the sample in each class of time left."""
        found: Counter[str] = Counter()
        for measured in self.sample:
            if measured.left is None:
                found[_NEVER[0]] += 1
            else:
                found[next(n for n, _, end in _CLASSES if measured.left / 1000 <= end)] += 1
        names = [*(name for name, _, _ in _CLASSES), _NEVER[0]]
        return {name: found[name] / max(1, len(self.sample)) for name in names}


def survey(store: Administration, scope: AnyScope, sample: int) -> Survey:
    """Count all entries of a scope, and measure some of them, each as likely as any other."""
    spaces: Counter[tuple[str, ...]] = Counter()
    drawn: list[Key] = []
    seen = 0
    chance = random.Random()  # noqa: S311 - a sample, not a secret
    with counting("counting entries") as advance:
        for keys in each_once(store.keys(scope)):
            for key in keys:
                spaces[key.space] += 1
                seen += 1
                if len(drawn) < sample:
                    drawn.append(key)
                elif (place := chance.randrange(seen)) < sample:
                    drawn[place] = key
            advance(len(keys))
    measured: list[Measured] = []
    with counting("measuring", len(drawn)) as advance:
        for first in range(0, len(drawn), 1000):
            batch = drawn[first : first + 1000]
            measured += store.measure(batch)
            advance(len(batch))
    if seen == len(drawn):
        # What expired meanwhile, or was seen twice, is not there.
        measured = list({one.key: one for one in measured}.values())
        spaces = Counter(one.key.space for one in measured)
    return Survey(spaces, measured)


@of_store
def stats(
    *,
    choice: StoreChoice,
    namespace: Namespace = None,
    model: Model = None,
    sample: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Entries measured; where there are more, sizes and times are estimates.",
        ),
    ] = 10_000,
    as_json: Json = False,
) -> None:
    """Count entries and bytes, by model and namespace, and say when they expire.

    All keys are counted; where there are more than `--sample`, sizes and times are those of a sample.
    """
    with opened_store(choice) as store:
        found = survey(store, scope_of(namespace, model), sample)
    models: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    namespaces: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    others: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for space, number in found.spaces.items():
        place = place_of(Key(space, ""))
        by = models if place.kind == "model" else others
        by[place.shown][space] += number
        namespaces["/".join(place.namespace)][space] += number
    if as_json:
        _print_json(found, choice, by=(models, namespaces, others))
        return
    console = stdout()
    console.print(Text(harmless(f"{choice.shown}, prefix {choice.prefix}")))
    console.print(_summary(found))
    if not found.entries:
        return
    for title, groups in (("model", models), ("tool or node", others), ("namespace", namespaces)):
        if groups and (title != "namespace" or set(groups) != {""}):
            console.print()
            console.print(_table(title, groups, found))


def _summary(found: Survey) -> Table:
    about = "" if found.is_complete else "about "
    summary = Table.grid(padding=(0, 2))
    summary.add_column(style="dim", no_wrap=True)
    summary.add_column()
    summary.add_row("entries", f"{found.entries:,}")
    summary.add_row("bytes", about + size(found.bytes_of(found.spaces)))
    if found.sample:
        summary.add_row(
            "median entry", about + size(statistics.median(o.size for o in found.sample))
        )
        shares = found.left()
        said = [
            f"{words} {_percent(shares[name])}"
            for name, words in (*((n, w) for n, w, _ in _CLASSES), _NEVER)
            if shares[name]
        ]
        summary.add_row("expire", ", ".join(said))
    if not found.is_complete:
        said_sample = f"sizes and times are of {entries(len(found.sample))} drawn at random"
        summary.add_row("sample", said_sample)
    return summary


def _table(title: str, groups: Any, found: Survey) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, expand=True
    )
    table.add_column(title, overflow="ellipsis", no_wrap=True, ratio=1)
    table.add_column("entries", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    ordered = sorted(groups.items(), key=lambda group: -group[1].total())
    for name, spaces in ordered[:_ROWS]:
        number = spaces.total()
        table.add_row(
            Text(harmless(name) or "-"),
            f"{number:,}",
            _percent(number / found.entries),
            size(found.bytes_of(spaces)),
        )
    if len(ordered) > _ROWS:
        rest = sum((spaces for _, spaces in ordered[_ROWS:]), Counter[Any]())
        table.add_row(
            Text(f"{len(ordered) - _ROWS:,} more", style="dim"),
            f"{rest.total():,}",
            _percent(rest.total() / found.entries),
            size(found.bytes_of(rest)),
        )
    return table


def _print_json(found: Survey, choice: StoreChoice, *, by: tuple[Any, Any, Any]) -> None:
    def groups(title: str, of: Any) -> list[dict[str, Any]]:
        return [
            {title: name, "entries": spaces.total(), "bytes": round(found.bytes_of(spaces))}
            for name, spaces in sorted(of.items(), key=lambda group: -group[1].total())
        ]

    document = {
        "store": choice.shown,
        "prefix": choice.prefix,
        "entries": found.entries,
        "sample": len(found.sample),
        "bytes": round(found.bytes_of(found.spaces)),
        "estimated": not found.is_complete,
        "share_expiring": {name: round(share, 4) for name, share in found.left().items()},
        "models": groups("model", by[0]),
        "namespaces": groups("namespace", by[1]),
        "tools_and_nodes": groups("name", by[2]),
    }
    print(json.dumps(document, indent=2))


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 or not share else "<1%"  # noqa: PLR2004
