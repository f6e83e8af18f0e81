"""``llmcache demo``: ask each prompt of a file through the cache, and show what that saved.

The model is the real ``ChatBedrockConverse`` either way: against a local endpoint that needs no
account, or with ``--live`` against Amazon Bedrock.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from langchain_core.globals import get_llm_cache, set_llm_cache
from rich import box
from rich.table import Table
from rich.text import Text

from langchain_llmcache import LLMCache
from langchain_llmcache._cli.options import StoreChoice, of_store
from langchain_llmcache._cli.output import (
    BAD_CONFIGURATION,
    INTERRUPTED,
    fail,
    note,
    stdout,
)
from langchain_llmcache._cli.pool import asking_each
from langchain_llmcache._cli.prompts import BUNDLED_PROMPTS, read_prompts
from langchain_llmcache._cli.text import counted
from langchain_llmcache._demo import DEFAULT_MODEL, ConverseEndpoint, chat_model
from langchain_llmcache.errors import LLMCacheError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.language_models import BaseChatModel

_LIVE_MAX_TOKENS = 300
# Seconds from which on a latency is shown in whole milliseconds.
_SHOWN_WHOLE = 0.01


@dataclass(frozen=True)
class _Asked:
    prompt: str
    hit: bool
    seconds: float
    # What the model took when it was asked, in seconds; known for hits.
    saved: float | None


@dataclass(frozen=True)
class _Totals:
    calls_made: int
    calls_saved: int
    median_miss: float | None
    median_hit: float | None
    speedup: float | None
    seconds_saved: float | None


@of_store(default="memory://")
def demo(
    prompts_file: Annotated[
        Path | None,
        typer.Argument(
            help="A text file with one prompt a line (# starts a comment), or a .jsonl file of "
            'strings or {"prompt": "..."} objects. Default: a bundled one with repeats.',
            show_default=False,
        ),
    ] = None,
    *,
    choice: StoreChoice,
    ttl: Annotated[float, typer.Option(metavar="SECONDS", help="How long an entry lives.")] = 3600,
    latency: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, help="How long the local endpoint takes to answer."),
    ] = 1.0,
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, help="Prompts asked at a time.")
    ] = 1,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Ask Amazon Bedrock with your AWS credentials. This is billed."
        ),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The model id; by default a Claude Haiku.", show_default=False
        ),
    ] = DEFAULT_MODEL,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="AWS region for --live. Default: that of your AWS settings.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Ask each prompt of a file through the cache: misses, hits, latencies, and what was saved.

    Needs no account: a local endpoint stands in for Amazon Bedrock, unless you say --live.
    Run it twice on sqlite:///FILE or on a Valkey server, and the second run hits from the start.
    """
    prompts = read_prompts(prompts_file or BUNDLED_PROMPTS)
    try:
        with ExitStack() as stack:
            cache = _open_cache(choice, ttl)
            stack.callback(cache.close)
            endpoint = None
            if live:
                chat = _live_model(model, region)
            else:
                endpoint = stack.enter_context(ConverseEndpoint(latency=latency))
                chat = _local_model(endpoint, model)
            stack.callback(set_llm_cache, get_llm_cache())
            set_llm_cache(cache)
            asked = _ask(chat, prompts, concurrency)
            misses = sum(not one.hit for one in asked)
            totals = _total(asked, misses if endpoint is None else endpoint.calls)
            store_errors = cache.stats().errors
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    source = "Amazon Bedrock" if live else f"local endpoint, {latency:g} s an answer"
    if as_json:
        _print_json(asked, totals, store=choice.shown, model=model, live=live)
    else:
        title = f"{counted(len(asked), 'prompt')} to {model} ({source}), cached in {choice.shown}"
        _print_table(asked, totals, title)
    if store_errors:
        failed = counted(store_errors, "operation")
        note(f"The store failed {failed}: not all answers are cached.")
    if choice.is_memory and not as_json:
        note(
            "memory:// forgets at exit. With --url sqlite:///demo.db a second run hits from the "
            "start."
        )


def _open_cache(choice: StoreChoice, ttl: float) -> LLMCache:
    try:
        cache = choice.cache(ttl=ttl)
    except (LLMCacheError, ValueError, ImportError) as error:
        choice.fail(f"{error}.", code=BAD_CONFIGURATION)
    # Lookups never raise: without this, a server that is down would only look like misses.
    try:
        cache.ping()
    except LLMCacheError as error:
        cache.close()
        choice.fail(f"cannot use the store {choice.shown}: {error}.")
    return cache


def _local_model(endpoint: ConverseEndpoint, model: str) -> BaseChatModel:
    try:
        return chat_model(endpoint, model=model)
    except ImportError:
        _fail_without_aws()
    except ValueError as error:
        fail(str(error), code=BAD_CONFIGURATION)


def _live_model(model: str, region: str | None) -> BaseChatModel:
    try:
        import botocore.session
        from botocore.exceptions import BotoCoreError
        from langchain_aws import ChatBedrockConverse
    except ImportError:
        _fail_without_aws()
    try:
        session = botocore.session.get_session()
        region = region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
        if not region:
            fail("no AWS region is set: give --region or AWS_REGION.", code=BAD_CONFIGURATION)
        if not os.environ.get("AWS_BEARER_TOKEN_BEDROCK") and session.get_credentials() is None:
            fail(
                "no AWS credentials were found for --live: run `aws configure` or `aws sso login`, "
                "or leave --live out to use the local endpoint.",
                code=BAD_CONFIGURATION,
            )
        return ChatBedrockConverse(model=model, region_name=region, max_tokens=_LIVE_MAX_TOKENS)
    except (BotoCoreError, ValueError) as error:
        fail(str(error), code=BAD_CONFIGURATION)


def _fail_without_aws() -> NoReturn:
    fail(
        'the demo needs langchain-aws: pip install "langchain-llmcache[demo]"',
        code=BAD_CONFIGURATION,
    )


def _ask(chat: BaseChatModel, prompts: Sequence[str], concurrency: int) -> list[_Asked]:
    asked: dict[int, _Asked] = {}
    with asking_each(partial(_ask_one, chat), prompts, concurrency) as outcomes:
        for place, outcome in outcomes:
            if isinstance(outcome, Exception):
                fail(f"prompt {place + 1} got no answer: {outcome}")
            asked[place] = outcome
    return [asked[place] for place in range(len(prompts))]


def _ask_one(chat: BaseChatModel, prompt: str) -> _Asked:
    started = time.perf_counter()
    message = chat.invoke(prompt)
    seconds = time.perf_counter() - started
    marker = message.response_metadata.get("llmcache") or {}
    return _Asked(prompt, bool(marker.get("hit")), seconds, marker.get("saved"))


def _total(asked: Sequence[_Asked], calls_made: int) -> _Totals:
    misses = [one.seconds for one in asked if not one.hit]
    hits = [one.seconds for one in asked if one.hit]
    saved = [one.saved for one in asked if one.saved is not None]
    median_miss = statistics.median(misses) if misses else None
    median_hit = statistics.median(hits) if hits else None
    # Where all were hits, compare with what the model took when the entries were stored.
    uncached = (
        median_miss if median_miss is not None else statistics.median(saved) if saved else None
    )
    return _Totals(
        calls_made=calls_made,
        calls_saved=len(asked) - calls_made,
        median_miss=median_miss,
        median_hit=median_hit,
        speedup=uncached / median_hit if uncached is not None and median_hit else None,
        seconds_saved=sum(saved) - sum(hits) if saved else None,
    )


def _print_table(asked: Sequence[_Asked], totals: _Totals, title: str) -> None:
    console = stdout()
    console.print(Text(title))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    # Only the prompt gives way on a narrow terminal.
    table.add_column("#", justify="right", min_width=len(str(len(asked))), style="dim")
    table.add_column("cache", min_width=5)
    table.add_column("latency", justify="right", min_width=9)
    table.add_column("prompt", no_wrap=True, overflow="ellipsis", ratio=1)
    for number, one in enumerate(asked, 1):
        result = Text("hit", style="green") if one.hit else Text("miss", style="yellow")
        table.add_row(str(number), result, _milliseconds(one.seconds), _one_line(one.prompt))
    console.print(table)
    summary = Table.grid(padding=(0, 2))
    summary.add_column()
    summary.add_column(justify="right", style="bold")
    summary.add_row("model calls made", f"{totals.calls_made:,}")
    summary.add_row(
        "model calls saved", f"{totals.calls_saved:,} ({totals.calls_saved / len(asked):.0%})"
    )
    summary.add_row("median miss", _milliseconds(totals.median_miss))
    summary.add_row("median hit", _milliseconds(totals.median_hit))
    summary.add_row("speed-up", "-" if totals.speedup is None else f"{totals.speedup:,.0f}x")
    if totals.seconds_saved is not None:
        summary.add_row("time saved", f"{totals.seconds_saved:,.1f} s")
    console.print(summary)


def _print_json(asked: Sequence[_Asked], totals: _Totals, **about: Any) -> None:
    def milliseconds(seconds: float | None) -> float | None:
        return None if seconds is None else round(seconds * 1000, 3)

    document = {
        **about,
        "prompts": [
            {
                "prompt": one.prompt,
                "cache": "hit" if one.hit else "miss",
                "latency_ms": milliseconds(one.seconds),
            }
            for one in asked
        ],
        "calls_made": totals.calls_made,
        "calls_saved": totals.calls_saved,
        "median_miss_ms": milliseconds(totals.median_miss),
        "median_hit_ms": milliseconds(totals.median_hit),
        "speedup": None if totals.speedup is None else round(totals.speedup, 1),
        "seconds_saved": None if totals.seconds_saved is None else round(totals.seconds_saved, 3),
    }
    print(json.dumps(document, indent=2))


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:,.0f} ms" if seconds >= _SHOWN_WHOLE else f"{seconds * 1000:.2f} ms"


def _one_line(prompt: str) -> Text:
    # The file may hold markup or terminal control codes: neither is for the terminal.
    return Text("".join(char if char.isprintable() else " " for char in prompt))
