"""The README's Python blocks run, in their order, with its server and its model stood in for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import langchain_aws
import pytest
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from langchain_llmcache._demo.endpoint import ConverseEndpoint, chat_model
from tests.support import ROOT

README = ROOT / "README.md"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConverseEndpoint]:
    """Let the README's ``ChatBedrockConverse`` talk to a local endpoint."""
    real = langchain_aws.ChatBedrockConverse

    def local(**arguments: Any) -> langchain_aws.ChatBedrockConverse:
        # ``chat_model`` itself asks for the class, with a client.
        return real(**arguments) if "client" in arguments else chat_model(running, **arguments)

    with ConverseEndpoint() as running:
        monkeypatch.setattr(langchain_aws, "ChatBedrockConverse", local)
        yield running


def test_every_block_runs(
    valkey_url: str,
    endpoint: ConverseEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each block runs after the ones before it; the second call of the first screen is a hit."""
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8")
    page = tmp_path / "README.md"
    page.write_text(text.replace("valkey://localhost:6379", valkey_url), encoding="utf-8")
    document = Document.parse(str(page), PythonCodeBlockParser())
    examples = list(document.examples())
    assert len(examples) == text.count("```python\n")
    for example in examples:
        example.evaluate()
    assert document.namespace["answer"].response_metadata["llmcache"]["hit"] is True
    # One each for the first screen and the hundred; four of the options (first, refresh, bypass,
    # namespace), one of the savings, one of the retries; one stream, an agent's two steps: the
    # rest are hits.
    assert endpoint.calls == 11
