"""Counts as people look at them: one line for a prompt, a small table for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langchain_llmcache._insight.latency import Latency
    from langchain_llmcache._insight.stats import CacheStats

# In the order in which they are shown, where there were any.
_TROUBLE: Final = ("errors", "skipped", "denied", "corrupt", "uncacheable", "declined", "refused")
_MODELS_SHOWN: Final = 10
_UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def in_a_line(stats: CacheStats) -> str:
    """Return the counts that say most, and all trouble."""
    parts = [
        f"hit_ratio={stats.hit_ratio:.2f}",
        *(f"{name}={getattr(stats, name)}" for name in ("hits", "misses", "stores")),
        f"tokens_saved={stats.tokens_saved}",
        f"seconds_saved={stats.seconds_saved:.1f}",
    ]
    if stats.money_saved:
        parts.append(f"money_saved={stats.money_saved:.4g}")
    parts += [f"{name}={count}" for name in _TROUBLE if (count := getattr(stats, name))]
    if stats.breaker != "closed":
        parts.append(f"breaker={stats.breaker!r}")
    return f"CacheStats({', '.join(parts)})"


def as_html(stats: CacheStats, title: str = "") -> str:
    """Return a table of the counts, latencies and models, for notebooks."""
    about = [
        ("hit ratio", f"{stats.hit_ratio:.0%} ({stats.hits:,} of {stats.lookups:,} lookups)"),
        ("saved", _savings(stats)),
        ("stored", f"{stats.stores:,}"),
        *((name, f"{count:,}") for name in _TROUBLE if (count := getattr(stats, name))),
    ]
    if stats.breaker != "closed":
        about.append(("breaker", stats.breaker))
    parts = [_table((), about)]
    took = [
        (name, *map(_time, (latency.p50, latency.p90, latency.p99, latency.max)))
        for name, latency in _latencies(stats)
        if latency.count
    ]
    if took:
        parts.append(_table(("took", "p50", "p90", "p99", "max"), took))
    if stats.models:
        parts.append(_table(("model", "hits", "tokens saved", "seconds saved"), _models(stats)))
    caption = f"<b>{escape(title)}</b>" if title else ""
    return f"<div>{caption}{''.join(parts)}</div>"


def _savings(stats: CacheStats) -> str:
    money = f", {stats.money_saved:,.2f} in money" if stats.money_saved else ""
    return f"{stats.tokens_saved:,} tokens, {stats.seconds_saved:,.1f} s{money}"


def _latencies(stats: CacheStats) -> Sequence[tuple[str, Latency]]:
    return (
        ("hit", stats.hit_latency),
        ("miss", stats.miss_latency),
        ("store", stats.store_latency),
    )


def _models(stats: CacheStats) -> list[tuple[str, ...]]:
    busiest = sorted(stats.models.items(), key=lambda item: -item[1].hits)
    rows: list[tuple[str, ...]] = [
        (
            model,
            f"{each.hits:,}",
            f"{each.input_tokens + each.output_tokens:,}",
            f"{each.seconds:,.1f}",
        )
        for model, each in busiest[:_MODELS_SHOWN]
    ]
    if len(busiest) > _MODELS_SHOWN:
        rows.append((f"… and {len(busiest) - _MODELS_SHOWN:,} more", "", "", ""))
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{escape(text)}</th>" for text in head)] if head else []
    for name, *cells in rows:
        row = "".join(f"<td>{escape(text)}</td>" for text in cells)
        lines.append(f'<th style="text-align:left">{escape(name)}</th>{row}')
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _time(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= unit or name == "µs":
            return f"{seconds / unit:.3g} {name}"
    raise AssertionError  # pragma: no cover - for type checkers
