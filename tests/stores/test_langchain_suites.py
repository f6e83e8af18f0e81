"""langchain-tests' own suites for caches, on every store."""

from __future__ import annotations

import pytest
from langchain_core.caches import BaseCache
from langchain_tests.integration_tests.cache import AsyncCacheTestSuite, SyncCacheTestSuite

from tests.support.targets import Target


class TestSync(SyncCacheTestSuite):
    """The contract of the sync half."""

    @pytest.fixture
    def cache(self, target: Target) -> BaseCache:
        """An empty cache."""
        return target.make()


class TestAsync(AsyncCacheTestSuite):
    """The contract of the async half."""

    @pytest.fixture
    async def cache(self, target: Target) -> BaseCache:
        """An empty cache."""
        return target.make()
