"""What travels between the parts: an entry to store, one that was read, why one is not stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from langchain_core.outputs import (
    Generation,
)

# How the answers of models begin, and the values of graphs' nodes and tools.
TAG: Final = b"llm2:"
# Of earlier versions; theirs are misses.
OLD_TAGS: Final = (b"llm1:",)
NODE_TAG: Final = b"node1:"
# What all versions of them begin with, compressed or not.
ANSWERS: Final = (b"llm2:", b"llm2z")
VALUES: Final = (b"node1:", b"node1z")

# When an answer was created that came from elsewhere, without a date.
UNKNOWN_AGE: Final = 0.0

# Seconds by which the clocks of hosts may differ without a mistake.
CLOCKS_DIFFER: Final = 1.0

# In the place of an entry: a caller is asking the model.
LEASE: Final = b"lease:"


class CorruptEntryError(Exception):
    """These bytes are not an entry that this version wrote for this key."""


Flaw: TypeAlias = Literal["empty", "invalid tool call", "blocked"]


class NotStorableError(Exception):
    """This answer cannot be stored; the message says why, and never what the answer is."""


@dataclass(frozen=True)
class NewEntry:
    """An answer about to be stored, as ``ttl=`` and ``should_store=`` callables see it.

    Attributes:
        model: The model's name, or None if the request does not tell.
        namespace: The namespace that the entry goes to.
        generations: What the model answered. Not to be changed.
        size: Bytes of the encoded entry.
        seconds: How long the model took, or None if this cache saw no lookup before.
        flaw: Why such an answer is not stored by default, or None.
    """

    model: str | None
    namespace: tuple[str, ...]
    generations: Sequence[Generation]
    size: int
    seconds: float | None
    flaw: Flaw | None = None

    @property
    def usage(self) -> dict[str, int]:
        """Tokens of all generations: ``input_tokens``, ``output_tokens``, ``total_tokens``."""
        total = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        for generation in self.generations:
            reported = getattr(getattr(generation, "message", None), "usage_metadata", None) or {}
            for name in total:
                total[name] += reported.get(name, 0)
        return total


class StoredEntry(NamedTuple):
    """A decoded entry: plain data, owned by the caller who decoded it.

    Attributes:
        created: When it was stored, Unix seconds.
        seconds: How long the model took, or None if unknown.
        generations: One mapping for each: its class, its message's class and fields, ...
        is_uncounted: Whether it came as a stream that told no usage.
        repeated: Ids that the answer gave to calls of its own although earlier calls had them,
            with the places of those in ``Key.call_ids``.
    """

    created: float
    seconds: float | None
    generations: list[dict[str, Any]]
    is_uncounted: bool = False
    repeated: Mapping[str, int] = MappingProxyType({})

    def age(self, now: float) -> float | None:
        """Return the seconds since it was stored; None: it came from elsewhere, without a date."""
        return None if self.created == UNKNOWN_AGE else max(0.0, now - self.created)

    def is_within(self, now: float, max_age: float) -> bool:
        """Tell whether it was stored at most ``max_age`` seconds ago.

        What a host has stored whose clock is ahead seems younger than it is. A little is usual;
        what seems to come from later than that may be of any age.
        """
        return -min(max_age, CLOCKS_DIFFER) <= now - self.created <= max_age
