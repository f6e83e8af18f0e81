"""langchain-tests' own suites for caches, on every store."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from tests.support.targets import Target


def checks_of(suite: Any) -> list[Any]:
    """Return the methods of a suite that are given an empty cache."""
    methods = [getattr(suite, name) for name in dir(suite) if name.startswith("test_")]
    return [method for method in methods if "cache" in inspect.signature(method).parameters]


@pytest.mark.parametrize("half", ["Sync", "Async"])
async def test_the_suite_passes(target: Target, half: str) -> None:
    """Whatever langchain-tests asks of a cache holds."""
    from langchain_tests.integration_tests import cache as suites

    checks = checks_of(getattr(suites, f"{half}CacheTestSuite")())
    assert len(checks) >= 7
    for check in checks:
        cache = target.make()
        cache.clear()
        result = check(cache)
        if inspect.isawaitable(result):
            await result
