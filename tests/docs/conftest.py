"""What the documents need to run: an endpoint for their models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import langchain_aws
import pytest

from tests.support.bedrock import ConverseEndpoint, chat_model


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConverseEndpoint]:
    """Let the ``ChatBedrockConverse`` of a document talk to a local endpoint."""
    real = langchain_aws.ChatBedrockConverse

    def local(**arguments: Any) -> langchain_aws.ChatBedrockConverse:
        # ``chat_model`` itself asks for the class, with a client.
        return real(**arguments) if "client" in arguments else chat_model(running, **arguments)

    with ConverseEndpoint() as running:
        monkeypatch.setattr(langchain_aws, "ChatBedrockConverse", local)
        yield running
