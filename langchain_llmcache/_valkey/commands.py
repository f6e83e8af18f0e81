"""What a store asks of a server or a cluster: functions over ``Router.send``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import InvalidResponse

from langchain_llmcache._valkey.router import Router
from langchain_llmcache._valkey.topology import Address

# Of SCAN: about the keys that are looked at while other clients wait.
_SCAN_COUNT: Final = 250
# Keys that are removed together.
_UNLINK_BATCH: Final = 500
# Scans of a cluster whose slots move meanwhile.
_SCANS: Final = 10
_GLOB: Final = str.maketrans({char: f"\\{char}" for char in "\\*?[]^-"})


def get(router: Router, name: bytes, largest: int | None = None) -> Awaitable[bytes | None]:
    """Return the value of a key. Those asked for in one turn of a loop travel together.

    Raises:
        TooLargeError: if it has more than ``largest`` bytes.
    """
    return router.send(name, ("GET", name), read=True, largest=largest)


async def put(router: Router, name: bytes, value: bytes, ttl: int | None) -> None:
    """Store a value together with its TTL (milliseconds; None: forever)."""
    expiry = () if ttl is None else ("PX", ttl)
    await router.send(name, ("SET", name, value, *expiry))


async def evaluate(router: Router, script: str, name: bytes, *arguments: Any) -> Any:
    """Run a script about one key."""
    return await router.send(name, ("EVAL", script, 1, name, *arguments))


async def unlink(router: Router, names: Sequence[bytes]) -> int:
    """Remove keys, however many; return how many there were."""
    removed = 0
    for first in range(0, len(names), _UNLINK_BATCH):
        batch = names[first : first + _UNLINK_BATCH]
        # One command for each key: many keys in one would have to share a slot.
        for reply in await router.together([(name, ("UNLINK", name)) for name in batch]):
            if isinstance(reply, Exception):
                raise reply
            removed += reply
    return removed


async def scan(router: Router, pattern: str) -> AsyncIterator[list[bytes]]:
    """Yield the keys that match, of all servers, in batches; some more than once."""
    for _ in range(_SCANS):
        before = await router.survey()
        for node in router.primaries():
            async for names in _scan_node(router, node, pattern):
                yield names
        # A slot that moves from a node still to be scanned to one already done is missed.
        if await router.survey() == before:
            return
    raise ValkeyConnectionError("the slots of the cluster kept moving")


async def _scan_node(
    router: Router, node: Address | None, pattern: str
) -> AsyncIterator[list[bytes]]:
    cursor = b"0"
    while True:
        cursor, names = _page(
            await router.ask(node, "SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT)
        )
        if names:
            yield names
        if cursor == b"0":
            return


def _page(reply: Any) -> tuple[bytes, list[bytes]]:
    """Return the next cursor and the keys of a reply to SCAN.

    Raises:
        InvalidResponse: if it is something else, which might have no end.
    """
    match reply:
        case [bytes() as cursor, list() as names] if cursor.isdigit():
            return cursor, names
    raise InvalidResponse("no reply to SCAN")


async def remove_matching(router: Router, pattern: str, wanted: Callable[[bytes], bool]) -> int:
    """Remove the keys that match ``pattern`` and are wanted, in batches; no client waits for long.

    Returns how many there were.

    Keys that are written meanwhile may stay.
    """
    removed = 0
    async for names in scan(router, pattern):
        found = [name for name in names if wanted(name)]
        if found:
            removed += await unlink(router, found)
    return removed


def escape_glob(text: str) -> str:
    """Return the pattern that matches ``text`` itself and nothing else."""
    return text.translate(_GLOB)
