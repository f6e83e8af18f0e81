"""``llmcache doctor``: is this store fit for a cache, and if not, what to do?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Final

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from langchain_llmcache import __version__
from langchain_llmcache._cli import checks
from langchain_llmcache._cli.checks import Finding
from langchain_llmcache._cli.options import Json, StoreChoice, of_store
from langchain_llmcache._cli.output import (
    BAD_CONFIGURATION,
    FAILED,
    INTERRUPTED,
    stdout,
)
from langchain_llmcache._cli.text import counted, harmless
from langchain_llmcache._stores.admin import (
    SqliteAdministration,
    ValkeyAdministration,
)
from langchain_llmcache.errors import ConfigurationError, UnsupportedOperationError

_STYLES: Final = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red"}


@of_store
def doctor(
    *,
    choice: StoreChoice,
    as_json: Json = False,
) -> None:
    """Examine a store, and say what to do: connection, TLS, permissions, version, memory, TTLs, cluster.

    Exits with 1 if there is a problem; notes and warnings leave it at 0. One key is written under
    the prefix, and removed again.
    """
    try:
        findings = list(_examine(choice))
    except (ConfigurationError, UnsupportedOperationError) as error:
        choice.fail(f"{error}.", code=BAD_CONFIGURATION)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        document = {
            "store": choice.shown,
            "prefix": choice.prefix,
            "version": __version__,
            "time": checks.checked_at(),
            "findings": [asdict(finding) for finding in findings],
        }
        print(json.dumps(document, indent=2))
    else:
        _print(choice, findings)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(FAILED)


def _examine(choice: StoreChoice) -> Iterator[Finding]:
    path = choice.file
    if path is not None and choice.is_missing:
        yield from checks.of_missing_file(path)
        return
    with closing(choice.administration()) as store:
        if path is not None and isinstance(store, SqliteAdministration):
            yield from checks.of_file(path, store)
        elif isinstance(store, ValkeyAdministration):
            yield from checks.of_server(choice.settings(), store)


def _print(choice: StoreChoice, findings: list[Finding]) -> None:
    console = stdout()
    console.print(Text(harmless(f"{choice.shown} (llmcache {__version__})")))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        said = Text(harmless(finding.said))
        if finding.remedy is not None:
            said.append(f"\n→ {harmless(finding.remedy)}", style="dim")
        table.add_row(Text(finding.level, style=_STYLES[finding.level]), finding.check, said)
    console.print(Padding(table, (1, 0)))
    counts = Counter(finding.level for finding in findings)
    verdict = ", ".join(
        counted(counts[level], level) for level in ("problem", "warning", "note") if counts[level]
    )
    console.print(f"{verdict or 'All is well'}.")
