"""A table of entries that is printed as it comes: a hundred thousand rows need no memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from langchain_llmcache._cli.text import duration, harmless, size

_DIGEST: Final = 12
_AGE: Final = 7
_EXPIRES: Final = 7
_SIZE: Final = 8
_GAP: Final = "  "
_STATES: Final = {"unknown class": "class?"}
# The rows that are looked at before the first is printed, for the columns that there are.
_FIRST: Final = 200
_MOST_NAMESPACE: Final = 5
_LEAST: Final = 8


class Listing:
    """Prints rows, each an object as ``llmcache ls --json`` prints it.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: list[Mapping[str, Any]] = []
        self._namespace: int | None = None
        self._name = 0
        self._now = time.time()
        self.rows = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Print a row, soon."""
        self.rows += 1
        if self._namespace is None:
            self._waiting.append(row)
            if len(self._waiting) >= _FIRST:
                self._begin(more=True)
        else:
            self._print(row)

    def end(self) -> None:
        """Print what is left."""
        if self._namespace is None and self._waiting:
            self._begin(more=False)

    def _begin(self, *, more: bool) -> None:
        """Choose the columns, and print what waits."""
        fixed = _DIGEST + _AGE + _EXPIRES + _SIZE + 4 * len(_GAP)
        room = max(_LEAST, self._console.width - fixed)
        longest = max(cell_len(_joined(row)) for row in self._waiting)
        if more or any(row["namespace"] for row in self._waiting):
            most = max(len("namespace"), self._console.width // _MOST_NAMESPACE)
            self._namespace = min(max(longest, len("namespace")), most)
            room -= self._namespace + len(_GAP)
        else:
            self._namespace = 0
        self._name = max(_LEAST, room)
        self._line("key", "model", "namespace", "age", "expires", "size", heading=True)
        dash = "-" if self._console.options.ascii_only else "─"
        rule = [dash * width for width in self._widths()]
        self._console.print(_GAP.join(rule), style="dim", soft_wrap=True)
        for row in self._waiting:
            self._print(row)
        self._waiting.clear()

    def _widths(self) -> list[int]:
        spaces = [self._namespace] if self._namespace else []
        return [_DIGEST, self._name, *spaces, _AGE, _EXPIRES, _SIZE]

    def _print(self, row: Mapping[str, Any]) -> None:
        created = row["created"]
        if row["readable"]:
            age = "-" if created is None else duration(self._now - created, 1)
        else:
            age = _STATES.get(row["state"], row["state"])
        self._line(
            row["key"].rpartition("/")[2],
            row["shown"],
            _joined(row),
            age,
            duration(row["ttl"], 1),
            size(row["bytes"]),
        )

    def _line(
        self,
        key: str,
        name: str,
        namespace: str,
        age: str,
        expires: str,
        bytes_: str,
        *,
        heading: bool = False,
    ) -> None:
        spaces = [_fitted(namespace, self._namespace)] if self._namespace else []
        right = (
            _fitted(text, width, right=True)
            for text, width in ((age, _AGE), (expires, _EXPIRES), (bytes_, _SIZE))
        )
        rest = _GAP.join([_fitted(name, self._name), *spaces, *right])
        style = "bold" if self._console.color_system and not heading else ""
        digest = key[:_DIGEST].ljust(_DIGEST)
        start = f"\x1b[1m{digest}\x1b[0m" if style else digest
        # Not through rich's own table, which wants to know all rows, and takes a millisecond each.
        self._console.file.write(f"{start}{_GAP}{rest}".rstrip() + "\n")


def _joined(row: Mapping[str, Any]) -> str:
    return "/".join(row["namespace"]) or "-"


def _fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return a text with exactly this width, cut if need be."""
    text = harmless(text).replace("\n", " ").replace("\t", " ")
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    return " " * (width - length) + text if right else text + " " * (width - length)
