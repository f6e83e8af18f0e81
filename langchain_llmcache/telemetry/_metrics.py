"""What both kinds of metrics have in common: buckets, numbers for states, and labels.

Names become as many labels as ``stats().models`` tells apart, and no more: each one makes time
series that last as long as the process, and names may come from users.
"""

from __future__ import annotations

from typing import Final

from langchain_llmcache._insight.savings import MODELS_KEPT, OTHERS

# The breaker's, in metrics.
STATES: Final = {"closed": 0, "half-open": 1, "open": 2}
# Of histograms, seconds: from the process's own memory to a slow model.
BOUNDARIES: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
# Characters; a longer name says no more to those who read a dashboard.
_LONGEST: Final = 200


class Labels:
    """Names that are told apart, in the order in which they came; later ones are one."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, name: str) -> str:
        """Return the label of a name."""
        shown = name[:_LONGEST].encode("utf-8", "replace").decode()
        if shown not in self._known:
            if len(self._known) >= MODELS_KEPT:
                return OTHERS
            self._known.add(shown)
        return shown
