"""One object for each event loop, which lives and dies with its loop.

What holds asyncio connections cannot outlive their loop. Nothing here holds a loop, or what
belongs to it: an open connection is registered with its loop, and so the loop holds the
connection, and that holds the object. A loop that is dropped without being closed is collected,
and all of it with the loop.

A loop that ends in an orderly way (``asyncio.run`` does) closes the asynchronous generators that
were begun on it; the object is announced as one of those. What a carelessly closed loop left
behind is abandoned when the next loop comes along, and what a cache left behind that was dropped
itself is let go on its loop.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from langchain_llmcache._forks import new_lock, this_process
from langchain_llmcache._signals import suppressed


class OfLoop(Protocol):
    """What can be kept for a loop."""

    closed: bool

    async def aclose(self) -> None:
        """Release everything, on the loop. May be called again."""

    def let_go(self) -> None:
        """Release everything, on the loop, without waiting."""

    def abandon(self) -> None:
        """Release what can be released without the loop, which is closed."""


T = TypeVar("T", bound=OfLoop)


@dataclass
class _Kept(Generic[T]):
    """The objects of one process, by the addresses of their loops."""

    process: int = field(default_factory=this_process)
    # An address is used again: the loop itself is compared.
    of_loops: dict[int, tuple[weakref.ref[asyncio.AbstractEventLoop], weakref.ref[T]]] = field(
        default_factory=dict
    )


class PerLoop(Generic[T]):
    """The objects of all loops of this process, made when a loop first asks.

    Args:
        make: Makes the object of a loop; called on that loop. The object must not hold what
            holds this.
    """

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        self._make = make
        self._kept: _Kept[T] = _Kept()
        self._lock = new_lock()
        self._of_parent: list[T] = []
        weakref.finalize(self, _let_go, self._kept).atexit = False

    def get(self) -> T:
        """Return the object of the running loop."""
        loop = asyncio.get_running_loop()
        kept = self._kept.of_loops.get(id(loop))
        if kept is not None and kept[0]() is loop and self._kept.process == this_process():
            made = kept[1]()
            if made is not None and not made.closed:
                return made
        return self._new(loop)

    async def close(self) -> None:
        """Close the object of the running loop, and abandon those of closed loops."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._check_process()
            self._sweep()
            kept = self._kept.of_loops.get(id(loop))
        made = None if kept is None or kept[0]() is not loop else kept[1]()
        if made is not None:
            await made.aclose()

    def abandon(self) -> None:
        """Abandon the objects of closed loops; those of running ones cannot be closed from here."""
        with self._lock:
            self._check_process()
            self._sweep()

    def _new(self, loop: asyncio.AbstractEventLoop) -> T:
        with self._lock:
            self._check_process()
            self._sweep()
            made = self._make(loop)
            self._kept.of_loops[id(loop)] = (weakref.ref(loop), weakref.ref(made))
        begin = sys.get_asyncgen_hooks().firstiter
        if begin is not None:
            # All that a loop wants of a generator is that it can be closed.
            begin(made)  # type: ignore[arg-type]
        return made

    def _sweep(self) -> None:
        for address, (loop_ref, made_ref) in list(self._kept.of_loops.items()):
            loop, made = loop_ref(), made_ref()
            if loop is None or made is None or loop.is_closed():
                del self._kept.of_loops[address]
                if made is not None:
                    made.abandon()

    def _check_process(self) -> None:
        if self._kept.process != this_process():
            # After a fork the sockets are the parent's. They are kept, because a connection
            # that is collected says goodbye to its server, in the parent's name.
            self._of_parent += [
                made for _, ref in self._kept.of_loops.values() if (made := ref()) is not None
            ]
            self._kept.process = this_process()
            self._kept.of_loops.clear()


def _let_go(kept: _Kept[T]) -> None:
    """Close what belonged to a cache that is no longer referenced."""
    if kept.process != this_process():
        return
    for loop_ref, made_ref in list(kept.of_loops.values()):
        loop, made = loop_ref(), made_ref()
        if loop is None or made is None:
            continue
        if loop.is_closed():
            made.abandon()
            continue
        with suppressed(RuntimeError):  # closed meanwhile
            loop.call_soon_threadsafe(made.let_go)
