"""Commands that go to one server in batches, for every transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

# The words of a command, its name first.
Command: TypeAlias = tuple[Any, ...]
Send = Callable[..., Awaitable[Any]]

_SCAN_COUNT: Final = 1000
# Well below the 3,999 arguments that ElastiCache Serverless accepts in one command.
_UNLINK_BATCH: Final = 500


async def scan(send: Send, pattern: str) -> AsyncIterator[list[bytes]]:
    """Yield the keys of one server that match ``pattern``, in batches."""
    cursor = b"0"
    while True:
        cursor, names = await send("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT)
        if names:
            yield names
        if cursor == b"0":
            return


async def unlink(send: Send, names: Sequence[bytes]) -> int:
    """Remove the keys of one server, in batches; return how many there were."""
    removed = 0
    for first in range(0, len(names), _UNLINK_BATCH):
        removed += await send("UNLINK", *names[first : first + _UNLINK_BATCH])
    return removed
