"""A local stand-in for Amazon Bedrock, for the demo, the benchmarks and the tests."""

from langchain_llmcache._demo.answers import ConverseError, ConverseRequest, reply
from langchain_llmcache._demo.endpoint import DEFAULT_MODEL, ConverseEndpoint, chat_model

__all__ = [
    "DEFAULT_MODEL",
    "ConverseEndpoint",
    "ConverseError",
    "ConverseRequest",
    "chat_model",
    "reply",
]
