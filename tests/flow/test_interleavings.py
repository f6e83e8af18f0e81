"""Single-flight and leases, in every order of events, whatever goes wrong.

``tests/support/explorer.py`` says how. Each scenario notes how many schedules it stands for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from langchain_llmcache._flow.agreement import Agreement
from langchain_llmcache._flow.leases import Leases
from langchain_llmcache._flow.rounds import Round
from langchain_llmcache._flow.single_flight import Flight, Flights
from tests.support.explorer import Scenario, Server, Violation, explore

# Both are multiples of the flow's first pause (15 ms), so that few moments differ.
LEASE = 0.045
SHORT = 0.015


def one_process(clients: int) -> tuple[tuple[int, str], ...]:
    """Return clients that share a process, with one question."""
    return ((0, "q"),) * clients


def processes(clients: int) -> tuple[tuple[int, str], ...]:
    """Return clients with a process each, with one question."""
    return tuple((process, "q") for process in range(clients))


# A stream whose reader does not ask for more.
STALLED = Scenario(one_process(3), max_wait=3, faults=1, kinds=("suspend",))

EXPLORE_ALL = os.environ.get("LLMCACHE_EXPLORE") == "all"

QUICK = [
    # All goes well, and takes its time or not.
    ("2 tasks", Scenario(one_process(2)), 246),
    ("3 tasks", Scenario(one_process(3)), 153_000),
    ("2 processes", Scenario(processes(2), lease=LEASE), 1_300),
    ("3 processes", Scenario(processes(3), lease=LEASE), 4_900_000),
    # Others have written into the cache's keys.
    ("3 tasks, garbage", Scenario(one_process(3), garbage=True), 1_600_000),
    # Anything goes wrong, once or twice, at any step.
    ("2 tasks, 2 faults", Scenario(one_process(2), faults=2), 31_000),
    ("2 processes, a fault", Scenario(processes(2), lease=LEASE, faults=1), 111_000),
    # The model fails, and the caller asks again.
    (
        "2 tasks that try again",
        Scenario(one_process(2), faults=2, kinds=("model", "request", "crash"), retries=1),
        36_000,
    ),
]
LONGER = [
    # The model takes longer than a lease.
    ("3 processes, short leases", Scenario(processes(3), lease=SHORT), 8_900_000),
    # Answers expire while others still ask.
    ("3 processes, short TTL", Scenario(processes(3), lease=LEASE, ttl=0.02), 6_900_000),
    ("3 processes, garbage", Scenario(processes(3), lease=LEASE, garbage=True), 1_700_000),
    ("2 tasks and a process", Scenario(((0, "q"), (0, "q"), (1, "q")), lease=LEASE), 1_900_000),
    ("2 questions", Scenario(((0, "q"), (1, "q"), (0, "r")), lease=LEASE), 2_900_000),
    ("3 tasks, a fault", Scenario(one_process(3), faults=1), 4_100_000),
    ("4 tasks", Scenario(one_process(4)), 520_000_000),
    ("4 processes", Scenario(processes(4), lease=0.03, max_wait=SHORT), 34_000_000_000),
    ("2 processes, 2 faults", Scenario(processes(2), lease=LEASE, faults=2), 360_000),
    (
        "3 processes, a fault",
        Scenario(processes(3), lease=0.03, max_wait=SHORT, faults=1),
        84_000_000,
    ),
    (
        "2 processes that try again",
        Scenario(
            processes(2), lease=LEASE, faults=2, kinds=("model", "request", "crash"), retries=1
        ),
        850_000,
    ),
]
# Minutes each: with LLMCACHE_EXPLORE=all.
LONGEST = [
    (
        "3 processes, a failure",
        Scenario(processes(3), lease=SHORT, faults=1, kinds=("model",)),
        370_000_000,
    ),
    (
        "4 tasks, a fault",
        Scenario(one_process(4), faults=1, kinds=("request", "model", "cancel")),
        860_000_000,
    ),
    (
        "4 processes, a crash",
        Scenario(processes(4), lease=0.03, max_wait=SHORT, faults=1, kinds=("crash",)),
        89_000_000_000,
    ),
    (
        "4 processes, a failure",
        Scenario(processes(4), lease=0.03, max_wait=SHORT, faults=1, kinds=("model", "request")),
        210_000_000_000,
    ),
    (
        "2 tasks in each of 2 processes",
        Scenario(((0, "q"), (0, "q"), (1, "q"), (1, "q")), lease=0.03, max_wait=SHORT),
        4_700_000_000,
    ),
]


@pytest.mark.parametrize(
    ("scenario", "schedules"),
    [pytest.param(scenario, count, id=name) for name, scenario, count in QUICK]
    + [
        pytest.param(scenario, count, id=name, marks=pytest.mark.long)
        for name, scenario, count in LONGER + (LONGEST if EXPLORE_ALL else [])
    ],
)
@pytest.mark.timeout(900)
def test_every_interleaving(scenario: Scenario, schedules: int) -> None:
    """One leader in a lease, the right answer, none lost, none asked for twice, no endless wait."""
    assert explore(scenario).schedules >= schedules


# --- the explorer finds what is wrong ---


class CarelessRelease(Server):
    """Removes a lease, whoever's it is."""

    def swap(
        self, key: str, lease: bytes, other: bytes | None, now: float, expires: float | None
    ) -> bytes | None:
        """Do not compare."""
        if other is None:
            self.delete(key)
        else:
            self.put(key, other, now + LEASE if expires is None else expires)
        return lease


class CarelessClaim(Server):
    """Gives a lease to whoever asks."""

    def claim(self, key: str, lease: bytes, now: float, expires: float) -> bytes | None:
        """Do not look whether somebody has one."""
        self.put(key, lease, expires)
        return None


class LossyPut(Server):
    """Does not store an answer over a lease."""

    def put(self, key: str, value: bytes, expires: float) -> None:
        """Keep the lease."""
        if key not in self.values:
            super().put(key, value, expires)


@pytest.mark.parametrize(
    ("server", "scenario", "message"),
    [
        (
            CarelessRelease,
            Scenario(processes(3), lease=SHORT, faults=1, kinds=("model",)),
            "lead at once|did not get the answer|left behind",
        ),
        (CarelessClaim, Scenario(processes(2), lease=LEASE), "asks the model although"),
        (LossyPut, Scenario(processes(2), lease=LEASE), "left behind"),
    ],
)
def test_a_careless_store_is_caught(
    server: Callable[[], Server], scenario: Scenario, message: str
) -> None:
    """What the flow relies on in a store matters: without it, some schedule is a bad one."""
    with pytest.raises(Violation, match=message):
        explore(scenario, server)


def _for_ever(*_: object) -> float:
    return float("inf")


def _keep(*_: object) -> None:
    return None


def _land(flights: Flights, slot: Any, entry: bytes) -> Flight | None:
    flight = _share(flights, slot, entry)
    if flight is not None:
        flights.land(flight)
    return flight


_share = Flights.share


async def _do_nothing(*_: object, **__: object) -> None:
    return None


def _all(round_: Round, ending: str) -> Round:
    return Round(round_.failed + 1, round_.asking - 1, 100)


def _none(round_: Round, ending: str) -> Round:
    return Round(round_.failed, round_.asking - 1, round_.free)


def _nobody(*_: object) -> list[Any]:
    return []


_lead = Agreement._lead


async def _lead_hastily(self: Agreement, *arguments: Any, again: bool) -> Any:
    return await _lead(self, *arguments, again=False)


MODEL: dict[str, Any] = {"faults": 1, "kinds": ("model",)}
PAIR = one_process(2)
MISTAKES: dict[str, tuple[Any, str, Any, Scenario, str]] = {
    "a follower that never gives up": (
        *(Flights, "seconds_to_wait", _for_ever),
        *(Scenario(PAIR), "has waited"),
    ),
    "a failed leader that does not say so": (
        *(Agreement, "leave", _keep),
        *(Scenario(PAIR, **MODEL), "left behind|waits for nobody"),
    ),
    "a failed leader that keeps its lease": (
        *(Leases, "give_back", _do_nothing),
        *(Scenario(processes(2), lease=LEASE, **MODEL), "left behind"),
    ),
    "a flight that ends before its answer is stored": (
        *(Flights, "share", _land),
        *(Scenario(PAIR), "needlessly"),
    ),
    "a follower whose turn it is and that does not look again": (
        *(Agreement, "_lead", _lead_hastily),
        *(Scenario(((0, "q"), (0, "q"), (1, "q")), **MODEL), "did not get the answer"),
    ),
    "a failed leader that releases all the others": (
        *(Round, "left", _all),
        *(Scenario(one_process(4), faults=2, kinds=("model",)), "have failed, no more"),
    ),
    "a failed leader that releases all the other processes": (
        *(Round, "left", _all),
        *(
            Scenario(processes(3), lease=LEASE, faults=1, kinds=("decline",)),
            "have failed, no more",
        ),
    ),
    "a cancelled leader that nobody follows": (
        *(Round, "left", _none),
        *(Scenario(PAIR, faults=1, kinds=("cancel",)), "waits for nobody"),
    ),
    "a follower that does not look around": (
        *(Flights, "look", _nobody),
        *(STALLED, "waits for nobody"),
    ),
    "a leader that does not look again": (
        *(Agreement, "_lead", _lead_hastily),
        *(Scenario(PAIR), "although the answer is there"),
    ),
    "a leader without a lease": (
        *(Leases, "claim", _do_nothing),
        *(Scenario(processes(2), lease=LEASE), "needlessly|although the answer is there"),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_careless_flow_is_caught(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    """Each of these mistakes in the flow itself leads to a bad schedule, and that is found."""
    owner, name, mutant, scenario, message = MISTAKES[mistake]
    monkeypatch.setattr(owner, name, mutant)
    with pytest.raises(Violation, match=message):
        explore(scenario)


def test_a_violation_tells_its_schedule() -> None:
    """The message is the shortest story that one can follow by hand: who did what, and when."""
    with pytest.raises(Violation, match=r"ms  client 0 \(new\) start: go on\n"):
        explore(Scenario(processes(2), lease=LEASE), CarelessClaim)
