"""A chat model without an account, to try the cache with (the extra ``[demo]``)."""

from __future__ import annotations

from langchain_aws import ChatBedrockConverse

from langchain_llmcache._checks import checked_number
from langchain_llmcache._demo.endpoint import ConverseEndpoint, chat_model

__all__ = ["demo_model"]


def demo_model(latency: float = 1.0) -> ChatBedrockConverse:
    """Return a real ``ChatBedrockConverse`` that talks to a stand-in for Amazon Bedrock.

    The stand-in runs in this process, on a free port of 127.0.0.1, until the process ends. It
    answers every prompt with a text that follows from it, and with token counts.

    Args:
        latency: Seconds that it takes for an answer.

    Raises:
        ConfigurationError: if it is not a number of seconds.
    """
    checked_number("latency", latency, least=0, unit="seconds")
    return chat_model(ConverseEndpoint(latency=latency))
