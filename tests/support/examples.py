"""How many examples a property is tried with: few each time, ten times as many in ``nox -s long``.

The few are the same ones each time; others are drawn in ``nox -s long``.
"""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings

_TIMES: Final = int(os.environ.get("LLMCACHE_EXAMPLES", "1"))


def examples(count: int, **options: Any) -> settings:
    """Try that many, or so many times as many as LLMCACHE_EXAMPLES says; however long one takes."""
    return settings(
        deadline=None,
        derandomize=_TIMES == 1,
        max_examples=count * _TIMES,
        suppress_health_check=[HealthCheck.too_slow],
        **options,
    )
