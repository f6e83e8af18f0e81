"""How often matching was wrong, and whether it may go on: a circuit breaker for meaning.

Of the matches that were audited, the latest outcomes are kept. When it is certain (95 %) that
more of them were wrong than ``max_error`` allows, matching stops; every would-be match is then an
audit. It goes on as soon as the observed error is within the bound again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

# Outcomes kept: enough to tell 1 % from 3 %, few enough to forget a bad week.
WINDOW: Final = 400
AGREED: Final = "1"
REFUTED: Final = "0"
# One-sided 95 %.
_Z: Final = 1.6448536269514722


@dataclass(frozen=True)
class ObservedError:
    """The share of audited matches that were wrong.

    Attributes:
        audited: Outcomes looked at.
        refuted: Those that were wrong.
    """

    audited: int
    refuted: int

    @classmethod
    def of(cls, outcomes: str) -> ObservedError:
        """Return the error of outcomes, ``AGREED`` and ``REFUTED``."""
        return cls(len(outcomes), outcomes.count(REFUTED))

    @property
    def share(self) -> float:
        """The observed share; 0 before the first audit."""
        return self.refuted / self.audited if self.audited else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval: the share is above the first, and below the second, with 95 % each."""
        n, p = self.audited, self.share
        if not n:
            return 0.0, 1.0
        middle = p + _Z**2 / (2 * n)
        spread = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        scale = 1 + _Z**2 / n
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def may_serve(error: ObservedError, max_error: float, *, serving: bool) -> bool:
    """Tell whether matches may be served, given whether they were until now."""
    if serving:
        return error.interval[0] <= max_error
    return error.share <= max_error
