"""The script of notebook 06, in short: a stream of questions with planted errors."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.support import ROOT


@pytest.fixture
def near_identical(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "notebooks"))
    import near_identical  # type: ignore[import-not-found, unused-ignore]

    yield near_identical
    sys.modules.pop("near_identical", None)


@pytest.mark.long
async def test_a_stream_with_errors_is_stopped(near_identical: Any) -> None:
    """Matching serves before them, stops at once, and serves nothing that was refuted."""
    seen = await near_identical.stream(0.05, count=450)
    assert sum(seen.served[:150]) > 0
    assert 150 <= seen.stopped[0] < 300
    assert sum(seen.wrong) <= 2
    assert seen.refuted_served == 0
