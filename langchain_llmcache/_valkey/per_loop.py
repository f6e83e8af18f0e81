"""One object for each event loop, closed with its loop.

What holds asyncio connections lives and dies with a loop. A loop that ends in an orderly way
(``asyncio.run`` does) closes the asynchronous generators that were begun on it: one is begun for
each object, and its end closes the object. What a carelessly closed loop left behind is
abandoned when the next loop comes along.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from typing import Generic, Protocol, TypeVar

from langchain_llmcache._forks import new_lock


class OfLoop(Protocol):
    """What can be kept for a loop."""

    async def close(self) -> None:
        """Release everything, on the loop."""

    def abandon(self) -> None:
        """Release what can be released without the loop, which is closed."""


T = TypeVar("T", bound=OfLoop)


class PerLoop(Generic[T]):
    """The objects of all loops of this process, made when a loop first asks.

    Args:
        make: Makes the object of a loop; called on that loop.
    """

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        self._make = make
        # Loops are found by address, and an address is used again: the loop itself is compared.
        self._kept: dict[int, tuple[asyncio.AbstractEventLoop, T, AsyncGenerator[None, None]]] = {}
        self._lock = new_lock()
        self._process = os.getpid()
        self._of_parent: list[object] = []

    async def get(self) -> T:
        """Return the object of the running loop."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(id(loop))
        if kept is not None and kept[0] is loop and self._process == os.getpid():
            return kept[1]
        with self._lock:
            self._check_process()
            self._sweep()
            made = self._make(loop)
            end = self._until_shutdown(made)
            self._kept[id(loop)] = (loop, made, end)
        await anext(end)
        return made

    def here(self) -> T | None:
        """Return the object of the running loop if there is one already."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(id(loop))
        known = kept is not None and kept[0] is loop and self._process == os.getpid()
        return kept[1] if known and kept is not None else None

    async def close(self) -> None:
        """Close the object of the running loop, and abandon those of closed loops."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._check_process()
            self._sweep()
            kept = self._kept.get(id(loop))
        if kept is not None and kept[0] is loop:
            await kept[2].aclose()

    def abandon(self) -> None:
        """Abandon the objects of closed loops; those of running ones cannot be closed from here."""
        with self._lock:
            self._check_process()
            self._sweep()

    async def _until_shutdown(self, made: T) -> AsyncGenerator[None, None]:
        loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            with self._lock:
                kept = self._kept.get(id(loop))
                if kept is not None and kept[1] is made:
                    del self._kept[id(loop)]
            await made.close()

    def _sweep(self) -> None:
        for address, (loop, made, _) in list(self._kept.items()):
            if loop.is_closed():
                del self._kept[address]
                made.abandon()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            # After a fork the sockets are the parent's. They are kept, because a connection
            # that is collected says goodbye to its server, in the parent's name.
            self._of_parent.append(self._kept)
            self._kept, self._process = {}, os.getpid()
