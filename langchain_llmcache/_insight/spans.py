"""Hits in traces: the current OpenTelemetry span says that it was answered from the cache.

Here, where the caller is: listeners run in a thread of their own, which has no span. Where no
part of the process has imported OpenTelemetry, there is no span and nothing is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from langchain_llmcache._answer.entries import StoredEntry
from langchain_llmcache._signals import pass_on

_TRACE: Final = "opentelemetry.trace"


def mark_hit(entry: StoredEntry, tokens: tuple[int, int], now: Callable[[], float]) -> None:
    """Mark the current span, if there is one, with what a hit is and saves.

    Args:
        entry: What was found.
        tokens: Input and output tokens that asking the model would have used.
        now: Returns Unix seconds.
    """
    trace = sys.modules.get(_TRACE)
    if trace is None:
        return
    try:
        span = trace.get_current_span()
        if span.is_recording():
            attributes: dict[str, float] = {
                "llmcache.hit": True,
                "llmcache.saved.tokens": sum(tokens),
            }
            age = entry.age(now())
            if age is not None:
                attributes["llmcache.age"] = age
            if entry.seconds is not None:
                attributes["llmcache.saved.time"] = entry.seconds
            span.set_attributes(attributes)
    except Exception as error:  # noqa: BLE001 - a tracer is never in the way
        pass_on(error)
