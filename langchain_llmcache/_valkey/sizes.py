"""Values that are larger than anything that was stored here: they are not read.

A reply says how long it is before it comes. So no more is asked of the server than the value,
and no right but that to read. Only of a value that did not come in time, because the server
needs that long to copy it, the size is asked for (``STRLEN``) before it is asked for once more.
"""

from __future__ import annotations

from typing import Any, Final

from langchain_llmcache._flow.ports import Overloaded

# Bytes of a reply's first line, with room to spare.
FIRST_LINE: Final = 32
# Bytes from which on it is the amount that takes long, as long as more are on their way.
FLOWING: Final = 2**20
# Keys that are suspected at a time.
_SUSPECTS: Final = 1000
# What surrounds a value in a reply.
_FRAME: Final = 64


def not_in_time() -> Overloaded:
    """Return what is said of a large value that was on its way, but not there in full in time."""
    return Overloaded("too much at once: a large value was not there in full in time")


class TooLargeError(Exception):
    """A value is larger than an entry may be."""


def check_size(start: Any, arrived: int, largest: int) -> None:
    """Look at the beginning of a reply.

    Args:
        start: The bytes that it begins with.
        arrived: How many bytes of it have come by now.
        largest: How many bytes its value may have.

    Raises:
        TooLargeError: if it announces more, or more have come.
    """
    line, end, _ = bytes(start[:FIRST_LINE]).partition(b"\r\n")
    announced = int(line[1:]) if end and line[:1] == b"$" and line[1:].isdigit() else 0
    if max(announced, arrived - _FRAME) > largest:
        size = f"{announced} bytes" if announced else "too many bytes"
        raise TooLargeError(f"a value of {size}, where at most {largest} are expected")


class Suspects(dict[bytes, None]):
    """Keys whose values did not come in time."""

    _may_ask = True

    def add(self, name: bytes) -> None:
        """Suspect the value of this key of being too large."""
        while len(self) >= _SUSPECTS:
            self.pop(next(iter(self), name), None)
        if self._may_ask:
            self[name] = None

    def cleared(self, name: bytes, *, for_good: bool = False) -> None:
        """Suspect a key no more; ``for_good``: nor any other, because no size may be asked for."""
        self.pop(name, None)
        if for_good:
            self._may_ask = False
            self.clear()
