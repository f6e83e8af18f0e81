"""How many callers with the same question ask the model at once, while there is no answer.

One asks first. After a round that failed, one more asks; after that 2, 4, 8 and so on: a model
that is down is not stormed, and all callers still know after log2(n) rounds. A caller that
goes away is followed by exactly one. These are numbers only, for one process (``single_flight``)
and, in the text of a lease, for all of them.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, TypeAlias

from langchain_llmcache._answer.entries import LEASE

# After so many rounds all callers may ask.
_MOST_FAILED: Final = 20
_LEASE_TEXT: Final = re.compile(rb"([0-9a-f]{32})(?::(\d{1,2}):(\d{1,7}):(\d{1,7}):([01]))?")


# How a call of the model ended that gave the others nothing. A cancelled one says nothing about
# the model; of one that was declined the answer is not stored.
Ending: TypeAlias = Literal["failed", "cancelled", "declined"]


class Round(NamedTuple):
    """Who asks the model for one thing.

    Attributes:
        failed: Rounds that ended without an answer.
        asking: Callers that ask the model.
        free: Callers that may ask it too.
    """

    failed: int = 0
    asking: int = 1
    free: int = 0

    def joined(self) -> Round:
        """Return the round when one of the free places is taken."""
        return Round(self.failed, self.asking + 1, self.free - 1)

    def left(self, ending: Ending) -> Round:
        """Return the round when one of those who ask has ended without an answer."""
        asking = max(0, self.asking - 1)
        if ending == "cancelled":
            return Round(self.failed, asking, self.free + 1)
        if asking or self.free:
            return Round(self.failed, asking, self.free)
        return Round(min(self.failed + 1, _MOST_FAILED), 0, 2**self.failed)


class Lease(NamedTuple):
    """What stands in the place of an answer while processes ask the model for it.

    Attributes:
        token: Says whose it is: of the process that found nothing there.
        round: Who asks the model; None: its owner does, and nothing has happened yet.
        shared: Whether another process has seen it, and waits.
    """

    token: bytes
    round: Round | None = None
    shared: bool = False

    def text(self) -> bytes:
        """Return it as it is stored."""
        numbers = b"" if self.round is None else b":%d:%d:%d:%d" % (*self.round, self.shared)
        return LEASE + self.token + numbers

    def joined(self, *, is_own: bool) -> Lease | None:
        """Return the lease when one more takes a place, or says that it waits for one.

        Args:
            is_own: Whether it is of the process whose lease this is.

        Returns:
            None: that changes nothing, and there is no place.
        """
        if self.round is None:
            return None if is_own else Lease(self.token, Round(), shared=True)
        if not self.round.free:
            return None
        return Lease(self.token, self.round.joined(), self.shared or not is_own)

    def left(self, ending: Ending | None, *, others: bool) -> Lease | None:
        """Return the lease when one of those who ask has ended; None: it is of no use any more.

        Args:
            ending: How; None: it has ended before.
            others: Whether its process has others that wait.
        """
        round_ = self.round if ending is None else (self.round or Round()).left(ending)
        if not others and not self.shared and (round_ is None or not round_.asking):
            return None
        return Lease(self.token, round_, self.shared)


def read_lease(value: bytes) -> Lease | None:
    """Return the lease in a value that begins like one; None: another version wrote it."""
    match = _LEASE_TEXT.fullmatch(value[len(LEASE) :])
    if match is None:
        return None
    if match[2] is None:
        return Lease(match[1])
    round_ = Round(int(match[2]), int(match[3]), int(match[4]))
    lease = Lease(match[1], round_, match[5] == b"1")
    return lease if lease.text() == value else None
