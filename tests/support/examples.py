"""How many examples a property is tried with: few each time, ten times as many in ``nox -s long``."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import settings

_TIMES: Final = int(os.environ.get("LLMCACHE_EXAMPLES", "1"))


def examples(count: int, **options: Any) -> settings:
    """Try that many, or so many times as many as LLMCACHE_EXAMPLES says; no deadline for one."""
    return settings(deadline=None, max_examples=count * _TIMES, **options)
