"""Replies out of a connection's bytes, as libvalkey's reader gives them, where that is not installed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from valkey._parsers.libvalkey import NOT_ENOUGH_DATA
from valkey.exceptions import InvalidResponse

from langchain_llmcache._signals import pass_on

# Of arrays in arrays: more than the reply to any command has.
_DEEPEST: Final = 8
# Bytes of a line: a number, a word, or an error.
_LONGEST_LINE: Final = 65_536
# Of what is no reply, enough to tell whose words these are.
_QUOTED: Final = 20
_KINDS: Final = b"+-:$*_#,(!=~%"
# What is told by one line.
_LINES: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "+": bytes,
    ":": int,
    "(": int,
    ",": float,
    "#": lambda line: line == b"t",
    "_": lambda _: None,
}


class Replies:
    """Reads RESP2 and RESP3, as much of it as has come.

    Args:
        error_of: Makes an exception of the text of an error.
    """

    def __init__(self, error_of: Callable[[str], Exception]) -> None:
        self._error_of = error_of
        self._data = bytearray()
        self._at = 0
        # Of a reply that is not here in full.
        self._reading: Generator[None, None, Any] | None = None

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        del self._data[: self._at]
        self._at = 0
        self._data += data

    def gets(self, _: object = None) -> Any:
        """Return the next reply, or ``NOT_ENOUGH_DATA``. Errors are returned, and texts are bytes.

        Raises:
            InvalidResponse: if it is not a reply.
        """
        if self._reading is None:
            if self._at == len(self._data):
                return NOT_ENOUGH_DATA
            self._reading = self._reply(0)
        try:
            next(self._reading)
        except StopIteration as stop:
            self._reading = None
            return stop.value
        except (ValueError, TypeError) as error:
            pass_on(error)
            raise InvalidResponse("a reply with something else in the place of a number") from error
        return NOT_ENOUGH_DATA

    def has_data(self) -> bool:
        """Tell whether a part of a reply is here."""
        return self._reading is not None

    def _reply(self, depth: int) -> Generator[None, None, Any]:
        """Return the next reply; yield where more has to come first."""
        data = self._data
        while not (first := data[self._at : self._at + 1]):
            yield
        if first not in _KINDS:
            raise InvalidResponse(f"not a reply: {bytes(data[self._at : self._at + _QUOTED])!r}")
        while (end := data.find(b"\r\n", self._at)) < 0:
            if len(data) - self._at > _LONGEST_LINE:
                raise InvalidResponse("a line that does not end")
            yield
        kind, line = chr(first[0]), bytes(data[self._at + 1 : end])
        self._at = end + 2
        if kind == "$":
            return (yield from self._text(int(line)))
        if kind in _LINES:
            return _LINES[kind](line)
        if kind == "-":
            return self._error_of(line.decode(errors="replace"))
        return (yield from self._of_many(kind, int(line), depth))

    def _of_many(self, kind: str, count: int, depth: int) -> Generator[None, None, Any]:
        if kind == "=":
            return ((yield from self._text(count)) or b"")[4:]  # after "txt:"
        if kind == "!":
            return self._error_of(((yield from self._text(count)) or b"").decode(errors="replace"))
        if kind in "*~" and depth < _DEEPEST:
            return (yield from self._array(count, depth))
        if depth < _DEEPEST:  # a map
            items = (yield from self._array(2 * count, depth)) or []
            return dict(zip(items[::2], items[1::2], strict=True))
        raise InvalidResponse("replies in replies in replies")

    def _text(self, size: int) -> Generator[None, None, bytes | None]:
        if size < 0:
            return None
        while len(self._data) < self._at + size + 2:
            yield
        at = self._at
        self._at += size + 2
        return bytes(self._data[at : at + size])

    def _array(self, count: int, depth: int) -> Generator[None, None, list[Any] | None]:
        if count < 0:
            return None
        items = []
        for _ in range(count):
            items.append((yield from self._reply(depth + 1)))  # noqa: PERF401 - it yields
        return items
