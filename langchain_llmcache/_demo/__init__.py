"""A local stand-in for Amazon Bedrock, for the demo and the notebooks."""

from langchain_llmcache._demo.endpoint import DEFAULT_MODEL, ConverseEndpoint, chat_model

__all__ = ["DEFAULT_MODEL", "ConverseEndpoint", "chat_model"]
