"""``llmcache import --from``: the answers of another cache, for applications that change over."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import typer

from langchain_llmcache._cli.options import StoreChoice, counting
from langchain_llmcache._cli.output import BAD_CONFIGURATION, FAILED, INTERRUPTED, note
from langchain_llmcache._cli.text import counted
from langchain_llmcache.errors import ConfigurationError, LLMCacheError
from langchain_llmcache.imports import ImportReport

_LEFT = (
    ("kept", "There already, and left so"),
    ("incomplete", "The model's text does not tell all of its settings, and left out"),
    ("declined", "Empty, broken or blocked, and left out"),
    ("unreadable", "Cannot be read as answers, and left out"),
)


def import_answers(
    choice: StoreChoice,
    source: str,
    *,
    prefix: str,
    namespace: tuple[str, ...],
    ttl: tuple[float | None] | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over the answers of the cache at a place, and say what came of them.

    Args:
        choice: Where to.
        source: A file of SQLite, or the URL of a server.
        prefix: Of langchain-redis.
        namespace: Of the cache that stores them.
        ttl: Seconds that they live; None: what is left of their own time, or an hour.
        dry_run: Only count.
        as_json: For scripts.
    """
    given: dict[str, Any] = {} if ttl is None else {"ttl": ttl[0]}
    taken = 0

    def count(outcome: str) -> None:
        nonlocal taken
        taken += outcome in {"imported", "hashed"}
        advance(1)

    try:
        with choice.cache(namespace=namespace) as cache, counting("importing") as advance:
            if choice.is_memory:
                choice.fail(
                    "memory:// forgets at exit: import into a server or a file.",
                    code=BAD_CONFIGURATION,
                )
            report = cache.import_from(
                source, prefix=prefix, dry_run=dry_run, on_answer=count, **given
            )
    except ConfigurationError as error:
        choice.fail(f"{error}.", code=BAD_CONFIGURATION)
    except LLMCacheError as error:
        choice.fail(f"{error}.")
    except KeyboardInterrupt:
        note(f"Interrupted: {counted(taken, 'answer')} stored; the same command stores the rest.")
        raise typer.Exit(INTERRUPTED) from None
    _say(report, dry_run=dry_run, as_json=as_json)
    if not (report.imported or report.hashed or report.kept) and report.total:
        raise typer.Exit(FAILED)


def _say(report: ImportReport, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(report), **({"dry_run": True} if dry_run else {})}))
        return
    done = "Would import" if dry_run else "Imported"
    note(f"{done} {counted(report.imported + report.hashed, 'answer')}.")
    if report.hashed:
        note(
            f"Known by a hash of the request only: {report.hashed:,}. Applications find them with "
            "LLMCache(..., imported=True), or LLMCACHE_IMPORTED=1 for from_env()."
        )
    for name, words in _LEFT:
        if number := getattr(report, name):
            note(f"{words}: {number:,}.")
