"""The breaker for meaning: when matching stops, and when it goes on."""

from __future__ import annotations

import pytest

from langchain_llmcache._similar.evidence import ObservedError
from langchain_llmcache._similar.matcher import serves


def test_without_evidence_matches_are_served() -> None:
    """Nothing speaks against them yet; each answer has to pass an audit of its own first."""
    assert serves("", 0.02)
    assert ObservedError.of("").interval == (0.0, 1.0)


def test_agreement_never_stops_it() -> None:
    """However much of it there is."""
    assert serves("1" * 400, 0.01)


@pytest.mark.parametrize("max_error", [0.01, 0.02, 0.05])
def test_more_errors_than_allowed_stop_it(max_error: float) -> None:
    """One in five is too many for each of the bounds; the observed bound is from below."""
    outcomes = "11110" * 8
    assert ObservedError.of(outcomes).interval[0] > max_error
    assert not serves(outcomes, max_error)


@pytest.mark.parametrize("max_error", [0.01, 0.02, 0.05])
def test_it_goes_on_when_the_observed_error_is_within_the_bound(max_error: float) -> None:
    """Not before: between stopping and going on, evidence has to come in."""
    stopped = "11110" * 4
    needed = round(4 / max_error) - 16 - 4
    assert not serves(stopped + "1" * (needed - 1), max_error)
    assert serves(stopped + "1" * needed, max_error)


def test_a_few_errors_are_borne() -> None:
    """One of a hundred is no proof that more than two of a hundred are wrong."""
    assert serves("1" * 60 + "0" + "1" * 39, 0.02)


def test_the_interval_holds_the_share() -> None:
    """At least, at most: with the observed share between them."""
    low, high = ObservedError(100, 5).interval
    assert 0.02 < low < 0.05 < high < 0.12
