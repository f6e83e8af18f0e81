"""The typer application. Each command is a module in this folder, imported when it is run."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from langchain_llmcache import __version__
from langchain_llmcache._cli.output import EXIT_CODES


class _Where(NamedTuple):
    """A command: its module here, its function, and the first line of its help."""

    module: str
    function: str
    summary: str


COMMANDS: Final = {
    "demo": _Where(
        "demo",
        "demo",
        "Ask each prompt of a file through the cache: misses, hits, latencies, and what was saved.",
    ),
    "doctor": _Where(
        "doctor",
        "doctor",
        "Examine a store, and say what to do: connection, TLS, permissions, version, memory, TTLs, "
        "cluster.",
    ),
    "stats": _Where(
        "stats",
        "stats",
        "Count entries and bytes, by model and namespace, and say when they expire.",
    ),
    "ls": _Where(
        "entries",
        "ls",
        "List entries: model, namespace, age, time left, size. Never what they say (see `show`).",
    ),
    "show": _Where(
        "entries",
        "show",
        "Show one entry: the answer that it holds, and what is known about it.",
    ),
    "delete": _Where(
        "entries", "delete", "Remove entries by key, such as one bad answer, without asking."
    ),
    "clear": _Where(
        "entries",
        "clear",
        "Remove all entries under the prefix, or those of a namespace or a model.",
    ),
    "export": _Where(
        "export_import",
        "export",
        "Write entries to a file, with the time at which each expires. They hold the answers.",
    ),
    "import": _Where(
        "export_import",
        "import_",
        "Store the entries of a file, under the same keys: a new store answers as the old one did.",
    ),
    "warm": _Where(
        "warm",
        "warm",
        "Ask a model the prompts of a file, and store what it says. This may be billed.",
    ),
}


def _flags_without_type(params: list[Any]) -> list[Any]:
    """Take away the word for the type that help shows after each option: a flag takes no value."""
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

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is to be run, which is imported only now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else _imported(name), rest


def _help(command: Callable[..., Any]) -> str:
    """Return a docstring whose paragraphs are one line each: the terminal breaks them."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _imported(name: str) -> Any:
    where = COMMANDS[name]
    try:
        module = importlib.import_module(f"langchain_llmcache._cli.{where.module}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    function = getattr(module, where.function)
    alone = typer.Typer(add_completion=False, rich_markup_mode=app.rich_markup_mode)
    alone.command(name, cls=_Command, help=_help(function), epilog=EXIT_CODES)(function)
    return typer.main.get_command(alone)


app = typer.Typer(name="llmcache", cls=_Group, no_args_is_help=True, pretty_exceptions_enable=False)


def _listed(name: str, summary: str) -> None:
    def not_imported_yet() -> None: ...

    app.command(name, help=summary)(not_imported_yet)


for _name, _where in COMMANDS.items():
    _listed(_name, _where.summary)


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
