"""How long things took lately, and what that says of percentiles."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from langchain_llmcache._signals import pass_on

# Of each kind. A ring of plain numbers costs less on a hit than a histogram, and is exact.
KEPT: Final = 2048


@dataclass(frozen=True)
class Latency:
    """How long the latest ones took (2,048 at most), in seconds. All 0 where there were none.

    Attributes:
        count: How many these are.
        mean: On average.
        p50: Half of them took no longer.
        p90: Nine of ten.
        p99: 99 of a hundred.
        max: None took longer.
    """

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    max: float = 0.0


class Latencies:
    """The latest durations. Adding one is safe in any thread."""

    __slots__ = ("_kept", "add")

    def __init__(self) -> None:
        self._kept: deque[float] = deque(maxlen=KEPT)
        self.add: Final = self._kept.append

    def latency(self) -> Latency:
        """Return their percentiles."""
        ordered: list[float] | None = None
        while ordered is None:
            try:
                ordered = sorted(self._kept)
            except RuntimeError as error:  # another thread added one meanwhile
                pass_on(error)
        if not ordered:
            return Latency()
        count = len(ordered)
        p50, p90, p99 = (ordered[max(0, -(-count * share // 100) - 1)] for share in (50, 90, 99))
        return Latency(count, sum(ordered) / count, p50, p90, p99, ordered[-1])
