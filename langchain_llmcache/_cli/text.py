"""Numbers, sizes and durations as the command line writes them."""

from __future__ import annotations

import re


def counted(number: int, one: str, more: str | None = None) -> str:
    """Return a number of things: ``1 entry``, ``2,000 entries``; by default with an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def entries(number: int) -> str:
    """Return a number of entries."""
    return counted(number, "entry", "entries")


def size(number: float) -> str:
    """Return a number of bytes: ``812 B``, ``1.2 kB``, ``3.4 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float | None, units: int = 2) -> str:
    """Return a duration in its largest units: ``3 d 4 h``, ``12 s``, ``0.3 s``, ``never``."""
    if seconds is None:
        return "never"
    if seconds < 1:
        return f"{max(0.0, seconds):.1f} s"
    left = int(seconds)
    parts: list[str] = []
    for length, unit in _UNITS:
        number, left = divmod(left, length)
        if number or parts:
            parts.append(f"{number} {unit}")
        if len(parts) == units:
            break
    return " ".join(part for part in parts if not part.startswith("0 "))


def harmless(text: str) -> str:
    """Return text without what would steer a terminal; line breaks and tabs stay."""
    return re.sub(r"[^\S\n\t ]|[^\x20-\U0010ffff\n\t]|[\x7f-\x9f]", " ", text)
