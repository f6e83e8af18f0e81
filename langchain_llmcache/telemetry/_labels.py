"""Names as labels of metrics: as many as ``stats().models`` tells apart, and no more.

Each one makes time series that last as long as the process; names may come from users.
"""

from __future__ import annotations

from typing import Final

from langchain_llmcache._insight.savings import MODELS_KEPT, OTHERS

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
