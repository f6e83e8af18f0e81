"""How long tests wait: a machine that is busy, or slow, is no fault.

What happens at once has ``SOON``. What it must not wait for takes ``LATE``, so that a fault shows on
any machine. Better than either is to count events, or to turn a clock.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

# Seconds.
PATIENT: Final = 5.0  # the deadline of caches, unless a test is about deadlines
SOON: Final = 15.0
LATE: Final = 60.0


@contextmanager
def soon(seconds: float = SOON) -> Iterator[None]:
    """Expect the block to end before what it must not wait for."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def eventually(condition: Callable[[], Any], *, seconds: float = SOON) -> bool:
    """Wait until a condition is true; False if it did not become so in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def collect_garbage() -> None:
    """Collect all garbage, also while another thread does: ``gc.collect`` does nothing then."""
    while True:
        garbage: list[object] = []
        garbage.append(garbage)
        del garbage
        if gc.collect():
            return
        time.sleep(0.001)


async def outlive(
    store: Callable[[float], Awaitable[object]],
    look: Callable[[], Awaitable[object]],
    *,
    moments: Sequence[float] = (0.1, 0.5, 2.5, 12.5),
) -> None:
    """Store something for a moment, see it, and return when the moment is over.

    Args:
        store: Stores it for so many seconds.
        look: Says whether it is there.
        moments: Seconds to try: the first in which this machine can look in time.
    """
    for seconds in moments:
        await store(seconds)
        if await look():
            await asyncio.sleep(seconds + 0.05)
            return
    raise AssertionError("It was never there")
