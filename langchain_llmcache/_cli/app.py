"""The typer application: each command is a module beside this one."""

from __future__ import annotations

from typing import Annotated

import typer

from langchain_llmcache import __version__
from langchain_llmcache._cli.demo import demo
from langchain_llmcache._cli.doctor import doctor
from langchain_llmcache._cli.entries import clear, delete, ls, show
from langchain_llmcache._cli.output import EXIT_CODES
from langchain_llmcache._cli.stats import stats
from langchain_llmcache._cli.transfer import export, import_
from langchain_llmcache._cli.warm import warm

app = typer.Typer(
    name="llmcache",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command, name in (
    (demo, "demo"),
    (doctor, "doctor"),
    (stats, "stats"),
    (ls, "ls"),
    (show, "show"),
    (delete, "delete"),
    (clear, "clear"),
    (export, "export"),
    (import_, "import"),
    (warm, "warm"),
):
    app.command(name, epilog=EXIT_CODES)(command)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(f"llmcache {__version__}")
        raise typer.Exit


@app.callback(epilog=EXIT_CODES)
def llmcache(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """An LLM cache for LangChain, on Valkey, in memory or on SQLite."""
