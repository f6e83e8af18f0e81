"""``llmcache doctor``: is this store fit for a cache, and if not, what to do?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from langchain_llmcache import __version__
from langchain_llmcache._cli import checks
from langchain_llmcache._cli.checks import Finding
from langchain_llmcache._cli.options import DEFAULT_TIMEOUT, Json, Prefix, Timeout, Url, checked_url
from langchain_llmcache._cli.output import (
    BAD_CONFIGURATION,
    FAILED,
    INTERRUPTED,
    fail,
    shown_url,
    stdout,
)
from langchain_llmcache._cli.text import counted, harmless
from langchain_llmcache._stores.admin import (
    SqliteAdministration,
    ValkeyAdministration,
    open_administration,
)
from langchain_llmcache._stores.open import DEFAULT_PREFIX, file_of
from langchain_llmcache._valkey.url import split
from langchain_llmcache.errors import ConfigurationError, UnsupportedOperationError

_STYLES: Final = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red"}


def doctor(
    *,
    url: Url = None,
    prefix: Prefix = DEFAULT_PREFIX,
    timeout: Timeout = DEFAULT_TIMEOUT,
    as_json: Json = False,
) -> None:
    """Examine a store, and say what to do: connection, TLS, permissions, version, memory, TTLs, cluster.

    Exits with 1 if there is a problem; notes and warnings leave it at 0. One key is written under
    the prefix, and removed again.
    """
    url = checked_url(url)
    try:
        findings = list(_examine(url, prefix, timeout))
    except (ConfigurationError, UnsupportedOperationError) as error:
        fail(f"{error}.", code=BAD_CONFIGURATION, url=url)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        document = {
            "store": shown_url(url),
            "prefix": prefix,
            "version": __version__,
            "time": checks.checked_at(),
            "findings": [asdict(finding) for finding in findings],
        }
        print(json.dumps(document, indent=2))
    else:
        _print(url, findings)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(FAILED)


def _examine(url: str, prefix: str, timeout: float) -> Iterator[Finding]:
    parts = split(url)
    if parts.scheme == "sqlite" and not (path := Path(file_of(parts))).exists():
        yield from checks.of_missing_file(path)
        return
    store: Any = open_administration(url, prefix=prefix, timeout=timeout)
    with closing(store):
        if isinstance(store, SqliteAdministration):
            yield from checks.of_file(url, store)
        elif isinstance(store, ValkeyAdministration):
            yield from checks.of_server(url, store, timeout)


def _print(url: str, findings: list[Finding]) -> None:
    console = stdout()
    console.print(Text(harmless(f"{shown_url(url)} (llmcache {__version__})")))
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
