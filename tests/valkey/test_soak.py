"""Ten seconds of ``python -m tests.soak``, which runs for as long as one likes."""

from __future__ import annotations

import pytest

from tests.soak import soak


@pytest.mark.long
def test_a_short_soak(server_binary: str) -> None:
    """Threads, tasks and processes, and bad luck: no exception, no wrong answer, no leak."""
    total = soak(10, processes=2)
    assert total["problems"] == []
    assert total["sums"]["calls"] > 100
    assert total["sums"]["hits"] > 10
    assert total["misfortunes"]
