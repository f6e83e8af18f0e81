"""Events as log records: one line each, and every field of the event for structured logs."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Final

from langchain_llmcache.events import CacheEvent

# (While a breaker is open, each lookup is ``skipped``: its ``breaker`` event has said why.)
_TROUBLE: Final = frozenset(
    {"breaker", "corrupt", "denied", "error", "refused", "shed", "uncacheable"}
)


class LogEvents:
    """A listener that logs each event.

    The record's message reads ``miss model=... seconds=0.001``; its attribute ``llmcache``
    holds all fields that apply, for formatters that write JSON: also ``cache``, which cache it was.

    Args:
        logger: Where to; by default the logger ``langchain_llmcache.events``.
        level: Of ordinary events.
        trouble: Of those that need a person's attention.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        level: int = logging.INFO,
        trouble: int = logging.WARNING,
    ) -> None:
        self._logger = logging.getLogger("langchain_llmcache.events") if logger is None else logger
        self._level = level
        self._trouble = trouble

    def __call__(self, event: CacheEvent) -> None:
        """Log one event."""
        level = self._trouble if event.kind in _TROUBLE else self._level
        if not self._logger.isEnabledFor(level):
            return
        fields = {name: value for name, value in asdict(event).items() if value not in _NOTHING}
        shown = " ".join(
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in fields.items()
            if name not in {"kind", "time", "cache"}
        )
        self._logger.log(level, "%s %s", event.kind, shown, extra={"llmcache": fields})


# What a field holds where it does not apply.
_NOTHING: Final = (None, 0, (), "")
