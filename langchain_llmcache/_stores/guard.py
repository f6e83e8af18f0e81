"""What stands between a graph and its cache: LangGraph does not catch what its cache raises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._flow.gate import FAILED, Gate
from langchain_llmcache._flow.ports import Entries
from langchain_llmcache._insight.errors import describe
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._request.key import Key

T = TypeVar("T")


@dataclass(frozen=True)
class Guard:
    """What stands between a graph and its cache.

    Attributes:
        gate: Asks the store, unless the breaker is open, and counts whatever comes of it.
        observer: Is told of values that cannot be read or stored.
        binding: Ties values to their keys.
        namespace: Returns the (encoded) namespace of the running code's values.
        ttl: Seconds, for values that come without their own; None: they do not expire.
        max_bytes: Larger values are neither stored nor read; None for no bound.
    """

    gate: Gate
    observer: Observer
    binding: Binding
    namespace: Callable[[], tuple[str, ...]]
    ttl: float | None
    max_bytes: int | None

    async def read(self, operation: Callable[[], Awaitable[T]]) -> T | None:
        """Return what the store holds, if it can be asked and read."""
        reply = await self.gate.ask("node lookup", operation)
        return None if reply is FAILED else reply

    def lifetime(self, ttl: float | None) -> float | None:
        """Return the seconds to keep a value for, given those that came with it."""
        return self.ttl if ttl is None else ttl

    async def write(self, operation: Callable[[], Awaitable[object]]) -> None:
        """Store something, if that can be done.

        Raises:
            NotStorableError: if what was given cannot be stored.
        """
        await self.gate.ask("node store", operation)

    async def remove(self, entries: Entries, key: Key) -> None:
        """Remove a value that could not be read, if that can be done."""
        await self.gate.ask("node delete", lambda: entries.delete(key))

    def unreadable(self, error: CorruptEntryError) -> None:
        """Note a value that could not be read."""
        self.observer.trouble(
            "corrupt", f"unreadable node value removed, treated as a miss: {describe(error)}"
        )

    def unstorable(self, reason: NotStorableError) -> None:
        """Note a value that cannot be stored."""
        self.observer.trouble("refused", f"node value not stored: {reason}")
