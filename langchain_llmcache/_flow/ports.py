"""What the flow asks of a store and of its caller, and how to run it without an event loop.

Both come in two kinds: for asyncio, and blocking, with methods that are ``async def`` but
never suspend, so that ``run`` can drive the same flow to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from langchain_llmcache._request.key import Key, Scope

T = TypeVar("T")

# How a model call ended that gave no answer. A cancelled one says nothing about the model.
Ending: TypeAlias = Literal["failed", "cancelled"]

# What a waiter is woken with where there is no entry: go on by yourself.
RELEASED = b""


class Entries(Protocol):
    """Entries (bytes) by key. Any of these may raise anything."""

    async def get(self, key: Key) -> bytes | None:
        """Return the entry, or None."""

    async def put(self, key: Key, entry: bytes, ttl: int | None) -> None:
        """Store the entry together with its TTL (milliseconds; None: forever)."""

    async def delete(self, key: Key) -> bool:
        """Remove the entry; tell whether there was one."""

    async def clear(self, scope: Scope) -> int | None:
        """Remove every entry of the scope, or raise; return how many, or None if unknown."""

    async def ping(self) -> None:
        """Return if the store answers, else raise."""


@runtime_checkable
class LeasingEntries(Entries, Protocol):
    """A store in which processes can agree on who asks the model."""

    async def claim(self, key: Key, lease: bytes, milliseconds: int) -> bytes | None:
        """Put a lease where nothing is. Return None, or what is there instead."""

    async def release(self, key: Key, lease: bytes) -> None:
        """Remove the lease if it is still there."""


class Waiter(Protocol):
    """A caller that waits for another caller's answer."""

    def wake(self, outcome: bytes) -> None:
        """End the waiting, from any thread: with an entry, or with ``RELEASED``."""

    async def wait(self, seconds: float) -> bytes | None:
        """Return what it was woken with, or None after so many seconds."""


class Caller(Protocol):
    """The thread or task that runs the flow."""

    def waiter(self) -> Waiter:
        """Return something to wait on."""

    def can_wait_for(self, thread: int) -> bool:
        """Tell whether a call that began in that thread can end while this caller waits."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def when_gone(self, told: Callable[[Ending], None]) -> None:
        """Call ``told`` when the caller's model call has ended without an answer.

        As soon and as far as that can be seen; more than once, and after an answer, too.
        """

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``work``, now or soon; whatever comes of it is lost."""


class Side(NamedTuple):
    """One side of a cache, sync or async: its entries, and the caller that waits."""

    entries: Entries
    caller: Caller


class PartlyDownError(ConnectionError):
    """A part of the store does not answer; others do, so there is no reason to leave it alone."""


class Refused(Exception):  # noqa: N818 - the server's answer, not its failure
    """The server understood, and said no: it is there, and other commands may work."""


class NotTheStoreError(RuntimeError):
    """The caller cannot ask: it has no event loop of asyncio, or can have no thread.

    So this says nothing about the store.
    """


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end a coroutine that never suspends, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    msg = "a blocking side suspended"
    raise RuntimeError(msg)
