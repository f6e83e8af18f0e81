"""Guards against keys and members of sets that an attacker has chosen to have equal hashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final

from langchain_llmcache._answer.entries import CorruptEntryError

# So many are compared with each other without a notice.
_MOST_ALIKE: Final = 50
# Python draws the hashes of these at random, for each process.
_RANDOM: Final = frozenset({str, bytes})


def check_hashes(keys: Sequence[Hashable]) -> None:
    """Check that it takes little time to put these into a dict or a set.

    Raises:
        CorruptEntryError: if many have the same hash: each would be compared with all of them.
    """
    if len(keys) <= _MOST_ALIKE or _RANDOM.issuperset(map(type, keys)):
        return
    [(_, number)] = Counter(map(hash, keys)).most_common(1)
    if number > _MOST_ALIKE:
        msg = "keys that were chosen to be slow"
        raise CorruptEntryError(msg)
