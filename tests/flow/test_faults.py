"""The promises about a broken store, on real servers: see ``tests/faults.py`` for the faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import FAULTS, TIMEOUT, Fault, Kind, Row, measure_all

pytestmark = [pytest.mark.server, pytest.mark.slow]

# The deadline and a fifth, and what a busy machine may take to wake somebody.
LONGEST = 1.2 * TIMEOUT + 0.25
# (Below 1 ms where nobody else needs the processor: see the table in the README.)
MEAN = 2e-3
# Where the server goes on answering, each call is a round trip; below 1 ms on an idle machine.
MEAN_OF_ROUND_TRIPS = 5e-3
# The breaker probes after about a second at first; a start of the server is part of some.
BACK = 8.0

Rows = dict[tuple[str, Kind], Row]


@pytest.fixture(scope="module")
def rows(server_binary: str, request: pytest.FixtureRequest) -> Rows:
    """All measurements that are asked for, made side by side."""
    mine: list[Any] = [
        item
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_a_broken_store_is_hardly_noticed"
    ]
    wanted: list[tuple[Fault, Kind]] = [
        (item.callspec.params["fault"], item.callspec.params["kind"]) for item in mine
    ]
    return measure_all(wanted)


@pytest.mark.timeout(240)  # the first one waits for all
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_store_is_hardly_noticed(
    rows: Rows, fault: Fault, kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    """No exception, no wrong answer, one short deadline, then nothing; and hits come back."""
    row = rows[fault.name, kind]
    for name in ("longest", "mean", "back"):
        record_property(name, getattr(row, name))
    print(f"longest {row.longest:.3f} s, mean {row.mean * 1e6:.0f} µs, back {row.back:.2f} s")  # noqa: T201
    assert row.exceptions == []
    assert row.wrong == 0
    assert row.longest <= LONGEST
    if row.opens:
        assert row.stats.skipped > 0
        # (Where replies drip, stores may still succeed: each of those lets a lookup try again.)
        assert row.mean <= (4e-3 if fault.name == "drip" else MEAN)
    elif fault.name != "slow":
        assert row.mean <= MEAN_OF_ROUND_TRIPS
    assert row.back is not None
    assert row.back <= BACK
    if row.served:
        assert row.back <= LONGEST
