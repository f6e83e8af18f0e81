"""The typer application: each command is a module in this folder."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from langchain_llmcache import __version__
from langchain_llmcache._cli.demo import demo
from langchain_llmcache._cli.doctor import doctor
from langchain_llmcache._cli.entries import clear, delete, ls, show
from langchain_llmcache._cli.export_import import export, import_
from langchain_llmcache._cli.output import EXIT_CODES
from langchain_llmcache._cli.stats import stats
from langchain_llmcache._cli.warm import warm


def _flags_without_type(params: list[Any]) -> list[Any]:
    """Take away the word for the type that help shows beside each option: a flag takes no value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _flags_without_type(super().get_params(ctx))


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _flags_without_type(super().get_params(ctx))


def _help(command: Callable[..., Any]) -> str:
    """Return a docstring whose paragraphs are one line each: the terminal breaks them."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


app = typer.Typer(
    name="llmcache",
    cls=_Group,
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
    app.command(name, cls=_Command, help=_help(command), epilog=EXIT_CODES)(command)


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
