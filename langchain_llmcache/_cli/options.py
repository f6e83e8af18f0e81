"""The options that say which store and which of its entries, and how commands get at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from langchain_llmcache._cli.output import (
    BAD_CONFIGURATION,
    INTERRUPTED,
    fail,
    note,
    shown_url,
    stderr,
)
from langchain_llmcache._request.key import Scope, encode_model, encode_part
from langchain_llmcache._stores.admin import Administration, open_administration
from langchain_llmcache.errors import (
    ConfigurationError,
    LLMCacheError,
    StoreError,
    UnsupportedOperationError,
)

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="LLMCACHE_URL",
        help="The store: valkey://, valkeys://, redis://, rediss://, unix:// or sqlite:///FILE.",
        show_default=False,
    ),
]
Prefix: TypeAlias = Annotated[
    str, typer.Option(metavar="TEXT", envvar="LLMCACHE_PREFIX", help="Prefix of the cache's keys.")
]
Namespace: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Only entries of this namespace and below. Several go deeper, outermost first.",
        show_default=False,
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only entries of this model.", show_default=False),
]
Timeout: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0.01, help="How long one exchange with the store may take."
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

DEFAULT_TIMEOUT = 5.0


def scope_of(namespace: Sequence[str] | None, model: str | None) -> Scope:
    """Return the entries that ``--namespace`` and ``--model`` mean."""
    return Scope(
        tuple(encode_part(part) for part in namespace or ()),
        None if model is None else encode_model(model),
    )


def checked_url(url: str | None) -> str:
    """Return the store's URL, or end the command because there is none."""
    if not url:
        fail(
            "which store? Give --url (valkey://host:6379, sqlite:///cache.db), or set LLMCACHE_URL.",
            code=BAD_CONFIGURATION,
        )
    return url


@contextmanager
def opened_store(
    url: str | None,
    prefix: str,
    timeout: float,
    *,
    must_exist: bool = True,
    interrupted: Callable[[], str] | None = None,
) -> Iterator[Administration]:
    """Give a command the store; what goes wrong with it ends the command with one line.

    Args:
        url: Of the store.
        prefix: Of the keys.
        timeout: Seconds that one exchange may take.
        must_exist: Whether a file that is not there is an error.
        interrupted: Returns what to say after Ctrl-C.
    """
    url = checked_url(url)
    try:
        administration = open_administration(
            url, prefix=prefix, timeout=timeout, must_exist=must_exist
        )
    except StoreError as error:
        fail(f"cannot use the store {shown_url(url)}: {error}.", url=url)
    except (ConfigurationError, UnsupportedOperationError) as error:
        fail(f"{error}.", code=BAD_CONFIGURATION, url=url)
    try:
        yield administration
    except LLMCacheError as error:
        fail(f"{shown_url(url)}: {error}.", url=url)
    except KeyboardInterrupt:
        if interrupted is not None:
            note(f"Interrupted: {interrupted()}")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        administration.close()


@contextmanager
def counting(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show progress on a terminal; give a function that counts on."""
    console = stderr()
    columns = (
        (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        if total is not None
        else (
            SpinnerColumn(),
            TextColumn("{task.description} {task.completed:,}"),
            TimeElapsedColumn(),
        )
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(description, total=total)
        yield lambda number: progress.advance(task, number)


# --- for people --------------------------------------------------------------------------------
