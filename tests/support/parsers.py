"""The parser that valkey-py falls back to without libvalkey, in any environment."""

from __future__ import annotations

from typing import Any

import pytest
from valkey._parsers import _AsyncRESP2Parser

from langchain_llmcache._valkey.settings import ConnectionSettings


def use_own_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have new asyncio connections parse replies as they do without libvalkey."""
    fastest = ConnectionSettings.async_connection

    def made(settings: ConnectionSettings) -> Any:
        connection = fastest(settings)
        connection.set_parser(_AsyncRESP2Parser)
        return connection

    monkeypatch.setattr(ConnectionSettings, "async_connection", made)
