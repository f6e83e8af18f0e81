"""Models of other providers, at a server of ours.

Their packages take seconds to import, so nothing here imports one before a test asks for a model.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from pydantic import SecretStr

if TYPE_CHECKING:
    from langchain_anthropic import ChatAnthropic
    from langchain_ollama import ChatOllama
    from langchain_openai import ChatOpenAI

_KEY: Final = SecretStr("no-secret")


def openai(url: str | None = None, model: str = "gpt-4o", **options: Any) -> ChatOpenAI:
    """Return a model of OpenAI's: Chat Completions, or with ``use_responses_api`` Responses."""
    from langchain_openai import ChatOpenAI

    where = None if url is None else f"{url}/v1"
    return ChatOpenAI(model=model, api_key=_KEY, base_url=where, max_retries=0, **options)


def anthropic(
    url: str | None = None, model: str = "claude-haiku-4-5", **options: Any
) -> ChatAnthropic:
    """Return a model of Anthropic's."""
    from langchain_anthropic import ChatAnthropic

    options = {"timeout": None, "stop": None, "max_retries": 0} | options
    return ChatAnthropic(model_name=model, api_key=_KEY, base_url=url, **options)


def ollama(url: str | None = None, model: str = "llama3", **options: Any) -> ChatOllama:
    """Return a model of Ollama's."""
    from langchain_ollama import ChatOllama

    return ChatOllama(model=model, base_url=url, **options)


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """Have clients share what they would read from the same files each time."""
    context = ssl.create_default_context()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("ssl.create_default_context", return_value=context))
        with contextlib.suppress(ImportError):
            from botocore.loaders import JSONFileLoader

            reader, read = JSONFileLoader(), cache(JSONFileLoader.load_file)
            stack.enter_context(
                mock.patch.object(JSONFileLoader, "load_file", lambda _, path: read(reader, path))
            )
        yield
