"""``llmcache warm``: ask the prompts of a file, so that their answers are there when users ask."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.runnables import Runnable
from rich.table import Table

from langchain_llmcache import LLMCache, cache_options
from langchain_llmcache._answer.ttl import to_milliseconds
from langchain_llmcache._checks import kind_of
from langchain_llmcache._cli.options import Json, StoreChoice, of_store
from langchain_llmcache._cli.output import (
    BAD_CONFIGURATION,
    FAILED,
    INTERRUPTED,
    fail,
    note,
    stdout,
)
from langchain_llmcache._cli.pool import asking_each
from langchain_llmcache._cli.prompts import read_inputs
from langchain_llmcache._cli.text import duration, harmless
from langchain_llmcache._insight.stats import CacheStats
from langchain_llmcache.errors import LLMCacheError

_FAILURES_SHOWN = 10


@dataclass(frozen=True)
class _Outcome:
    asked: int
    failed: int
    interrupted: bool
    seconds: float
    stats: CacheStats


@of_store
def warm(
    prompts_file: Annotated[
        Path,
        typer.Argument(
            help="A text file with one prompt a line (# starts a comment), or a .jsonl file: "
            'strings, {"prompt": "..."}, {"messages": [["system", "..."], ["human", "..."]]}, or '
            '{"input": ...} for a chain.'
        ),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER:MODEL",
            help="A chat model for init_chat_model, such as openai:gpt-5-mini.",
            show_default=False,
        ),
    ] = None,
    use: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="MODULE:NAME",
            help="Your application's own model or chain, such as shop.chat:model (an object, or a "
            "function that returns one). The best choice: answers are found again only by "
            "calls with the very same settings.",
            show_default=False,
        ),
    ] = None,
    choice: StoreChoice,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="The application's namespace; several go deeper.",
            show_default=False,
        ),
    ] = None,
    ttl: Annotated[float, typer.Option(metavar="SECONDS", help="How long an answer lives.")] = 3600,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask again where an answer is there, too.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, help="Prompts asked at a time.")
    ] = 4,
    as_json: Json = False,
) -> None:
    """Ask a model the prompts of a file, and store what it says. This may be billed.

    What is answered already is not asked again, so that a repeated or interrupted run goes on
    where the last one ended. Exits with 1 if a prompt got no answer.
    """
    inputs = read_inputs(prompts_file)
    runnable = _runnable(model, use)
    with ExitStack() as stack:
        try:
            to_milliseconds(ttl)
            cache = choice.cache(ttl=ttl, namespace=tuple(namespace or ()))
            stack.callback(cache.close)
        except LLMCacheError as error:
            choice.fail(f"{error}.", code=BAD_CONFIGURATION)
        if choice.is_memory:
            fail("memory:// forgets at exit: warm a server or a file.", code=BAD_CONFIGURATION)
        try:
            cache.ping()
        except LLMCacheError as error:
            choice.fail(f"cannot use the store {choice.shown}: {error}.")
        stack.callback(set_llm_cache, get_llm_cache())
        set_llm_cache(cache)
        outcome = _ask_all(runnable, inputs, concurrency, refresh=refresh, cache=cache)
    _print(outcome, len(inputs), as_json=as_json)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
    if outcome.failed or outcome.stats.errors or outcome.stats.denied:
        raise typer.Exit(FAILED)


def _runnable(model: str | None, use: str | None) -> Runnable[Any, Any]:
    if (model is None) == (use is None):
        fail("which model? Give either --model or --object.", code=BAD_CONFIGURATION)
    try:
        made = _initialized(str(model)) if use is None else _imported(use)
    except Exception as error:  # noqa: BLE001 - whatever the application's own code raises
        fail(f"cannot make the model {model or use}: {error}", code=BAD_CONFIGURATION)
    if not isinstance(made, Runnable):
        fail(
            f"{model or use} is {kind_of(made)}; expected a model or a chain of LangChain.",
            code=BAD_CONFIGURATION,
        )
    return made


def _initialized(model: str) -> Any:
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as error:
        msg = "--model needs langchain (pip install langchain); --object does not"
        raise ImportError(msg) from error
    return init_chat_model(model)


def _imported(path: str) -> Any:
    module, colon, name = path.partition(":")
    if not colon or not name:
        msg = "expected package.module:name"
        raise ValueError(msg)
    # As with `python -m`: the application is where the command is run.
    sys.path.insert(0, "")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found if isinstance(found, Runnable) or not callable(found) else found()


def _ask_all(
    runnable: Runnable[Any, Any],
    inputs: Sequence[Any],
    concurrency: int,
    *,
    refresh: bool,
    cache: LLMCache,
) -> _Outcome:
    began = time.monotonic()
    asked = failed = 0
    interrupted = False

    def ask(given: Any) -> None:
        with cache_options(read=not refresh):
            runnable.invoke(given)

    try:
        with asking_each(ask, inputs, concurrency) as outcomes:
            for place, error in outcomes:
                asked += 1
                if error is not None:
                    failed += 1
                    _print_failure(place + 1, error, failed)
    except KeyboardInterrupt:
        interrupted = True
    return _Outcome(asked, failed, interrupted, time.monotonic() - began, cache.stats())


def _print_failure(number: int, error: Exception, failed: int) -> None:
    if failed <= _FAILURES_SHOWN:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        note(harmless(f"prompt {number} got no answer: {said}"))
    elif failed == _FAILURES_SHOWN + 1:
        note("... and so on.")


def _print(outcome: _Outcome, prompts: int, *, as_json: bool) -> None:
    stats = outcome.stats
    not_stored = stats.declined + stats.refused + stats.uncacheable
    if as_json:
        document = {
            "prompts": prompts,
            "asked": outcome.asked,
            "there_already": stats.hits,
            "stored": stats.stores,
            "not_stored": not_stored,
            "failed": outcome.failed,
            "seconds": round(outcome.seconds, 3),
            "interrupted": outcome.interrupted,
        }
        print(json.dumps(document, indent=2))
        return
    rows: list[tuple[str, str, bool]] = [
        ("prompts", f"{prompts:,}", True),
        ("there already", f"{stats.hits:,}", True),
        ("stored", f"{stats.stores:,}", True),
        (
            "not stored",
            f"{not_stored:,} (flawed, too large, or without a safe key)",
            not_stored > 0,
        ),
        ("store errors", f"{stats.errors + stats.denied:,}", stats.errors + stats.denied > 0),
        ("no answer", f"{outcome.failed:,}", outcome.failed > 0),
        ("not asked", f"{prompts - outcome.asked:,}", outcome.interrupted),
        ("time", duration(outcome.seconds), True),
    ]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="bold")
    for name, value, shown in rows:
        if shown:
            table.add_row(name, value)
    stdout().print(table)
    if outcome.interrupted:
        note("Interrupted: what is stored stays, and the same command goes on from here.")
