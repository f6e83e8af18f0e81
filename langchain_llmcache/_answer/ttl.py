"""Time to live: every form that a user may give, brought to whole milliseconds.

Seconds and ``timedelta`` outside, milliseconds (Valkey's ``PX``) inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

from langchain_llmcache._answer.entries import NewEntry, NotStorableError
from langchain_llmcache._checks import kind_of
from langchain_llmcache.errors import ConfigurationError

Duration: TypeAlias = float | timedelta | None
Ttl: TypeAlias = Duration | Callable[[NewEntry], Duration]

# Stores add a TTL to today's date; a century stays inside what each of them can represent.
_LONGEST_SECONDS = 100 * 365.25 * 86_400


def to_milliseconds(ttl: Duration) -> int | None:
    """Return ``ttl`` in whole milliseconds, at least 1, or None for "never expires".

    Args:
        ttl: Seconds, a ``timedelta``, or None.

    Raises:
        ConfigurationError: (a ``ValueError``) zero, negative, NaN, infinite, over a
            century, or not a duration at all.
    """
    if ttl is None:
        return None
    if isinstance(ttl, timedelta):
        seconds = ttl.total_seconds()
    elif isinstance(ttl, (int, float)) and not isinstance(ttl, bool):
        seconds = ttl
    else:
        msg = (
            f"ttl is {ttl!r}; expected seconds (int or float), a datetime.timedelta, "
            "or None for entries that never expire"
        )
        raise ConfigurationError(msg)
    if math.isnan(seconds) or seconds <= 0 or seconds > _LONGEST_SECONDS:
        msg = (
            f"ttl is {ttl!r}; expected more than 0 seconds and at most 100 years "
            "(None for entries that never expire)"
        )
        raise ConfigurationError(msg)
    return max(1, round(seconds * 1000))


def checked_ttl(ttl: Ttl) -> Ttl:
    """Return ``ttl`` unchanged if it can serve as one; callables are checked when they answer.

    Raises:
        ConfigurationError: as ``to_milliseconds``.
    """
    if not callable(ttl):
        to_milliseconds(ttl)
    return ttl


def resolve_ttl(ttl: Ttl, entry: NewEntry) -> int | None:
    """Return the milliseconds to keep ``entry`` for, asking a callable ``ttl`` about it.

    Raises:
        NotStorableError: the callable raised, or returned something else than a duration.
    """
    if not callable(ttl):
        return to_milliseconds(ttl)
    try:
        lifetime = ttl(entry)
    except Exception as error:
        raise NotStorableError(f"ttl failed ({type(error).__name__})") from error
    try:
        return to_milliseconds(lifetime)
    except ConfigurationError as error:
        # Of anything else than a number, the text may be the answer's own.
        is_duration = isinstance(lifetime, (int, float, timedelta))
        said = f"{lifetime}" if is_duration else kind_of(lifetime)
        msg = f"ttl returned {said}; expected seconds (more than 0), a timedelta or None"
        raise NotStorableError(msg) from error


def jittered(lifetime: int | None, share: float, draw: Callable[[], float]) -> int | None:
    """Return milliseconds shortened at random, by up to ``share`` of them.

    So entries that were stored together do not expire together.

    Args:
        lifetime: Milliseconds, or None for "never expires".
        share: From 0 to 1.
        draw: Returns a number from 0 to 1.
    """
    return None if lifetime is None else max(1, round(lifetime * (1 - share * draw())))
