"""What stands between a graph and its cache: LangGraph does not catch what its cache raises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._flow.gate import FAILED, Gate
from langchain_llmcache._insight.errors import describe
from langchain_llmcache._insight.observer import Observer

T = TypeVar("T")


@dataclass(frozen=True)
class Guard:
    """What stands between a graph and its cache.

    Attributes:
        gate: Asks the store, unless the breaker is open, and counts whatever comes of it.
        observer: Is told of values that cannot be read or stored.
        ttl: Seconds, for values that come without their own; None: they do not expire.
    """

    gate: Gate
    observer: Observer
    ttl: float | None

    async def read(self, operation: Callable[[], Awaitable[T]]) -> T | None:
        """Return what the store holds, if it can be asked and read."""
        try:
            reply = await self.gate.ask("node lookup", operation)
        except CorruptEntryError as error:
            self.unreadable(error)
            return None
        return None if reply is FAILED else reply

    def lifetime(self, ttl: float | None) -> float | None:
        """Return the seconds to keep a value for, given those that came with it."""
        return self.ttl if ttl is None else ttl

    async def write(self, operation: Callable[[], Awaitable[object]]) -> None:
        """Store something, if that can be done."""
        await self.gate.ask("node store", operation)

    def unreadable(self, error: Exception) -> None:
        """Note a value that could not be read."""
        self.observer.trouble(
            "corrupt", f"unreadable node value, treated as a miss: {describe(error)}"
        )

    def unstorable(self, reason: NotStorableError) -> None:
        """Note a value that cannot be stored."""
        self.observer.trouble("refused", f"node value not stored: {reason}")
