"""The checks of numbers, flags and texts that a user gives."""

from __future__ import annotations

import math
from typing import Any, Final

from langchain_llmcache.errors import ConfigurationError

# Seconds; system calls take no more than some millions of them.
LONGEST_WAIT: Final = 86_400.0


def checked_seconds(name: str, value: Any) -> float:
    """Return seconds that something may take: more than 0, at most a day.

    Raises:
        ConfigurationError: if ``value`` is something else; the message names the option.
    """
    if not (is_number(value) and 0 < value <= LONGEST_WAIT):
        msg = f"{name} is {value!r}; expected seconds, more than 0 and at most {LONGEST_WAIT:.0f}"
        raise ConfigurationError(msg)
    return float(value)


def checked_number(
    name: str, value: Any, *, least: float, most: float = math.inf, unit: str = "a number"
) -> float:
    """Return a finite number within bounds.

    Raises:
        ConfigurationError: if ``value`` is something else; the message names the option.
    """
    if not (is_number(value) and math.isfinite(value) and least <= value <= most):
        bounds = f"{least} or more" if most == math.inf else f"from {least} to {most}"
        raise ConfigurationError(f"{name} is {value!r}; expected {unit}, {bounds}")
    return float(value)


def checked_count(name: str, value: Any) -> int:
    """Return a whole number, 1 or more.

    Raises:
        ConfigurationError: if ``value`` is something else; the message names the option.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} is {value!r}; expected a whole number, 1 or more")
    return value


def checked_flag(name: str, value: Any, *, or_none: bool = False) -> None:
    """Check that a value is a bool: of a text, "no" and "false" would be true.

    Raises:
        ConfigurationError: if ``value`` is something else; the message names the option.
    """
    if not (isinstance(value, bool) or (or_none and value is None)):
        others = ", or None to find out" if or_none else ""
        raise ConfigurationError(f"{name} is {value!r}; expected True or False{others}")


def checked_text(name: str, value: Any) -> None:
    """Check that a value is a text, or None. It may be a secret, so the message does not repeat it.

    Raises:
        ConfigurationError: if ``value`` is something else; the message names the option.
    """
    if not isinstance(value, str | None):
        raise ConfigurationError(f"{name} is {kind_of(value)}; expected a text")


def kind_of(value: object) -> str:
    """Return what a value is, as messages say it: "a str", "an int", "None"."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    name = type(value).__qualname__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def is_number(value: Any) -> bool:
    """Tell whether this is an int or a float (NaN and infinity included), and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
