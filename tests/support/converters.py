"""The real converters of provider packages: from messages to what is sent, as text.

A package that is not installed has no converter here. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage

from tests.support import models

Converter: TypeAlias = Callable[[Sequence[BaseMessage]], Any]


def _openai(**options: Any) -> Converter:
    model = models.openai(**options)
    return lambda messages: model._get_request_payload(list(messages))


def _anthropic() -> Converter:
    model = models.anthropic()
    return lambda messages: model._get_request_payload(list(messages))


def _converse(provider: str = "anthropic") -> Converter:
    from langchain_aws.chat_models.bedrock_converse import _messages_to_bedrock

    return lambda messages: _messages_to_bedrock(list(messages), provider=provider)


def _bedrock_anthropic() -> Converter:
    from langchain_aws.chat_models.bedrock import _format_anthropic_messages

    return lambda messages: _format_anthropic_messages(list(messages))


def _ollama() -> Converter:
    from langchain_ollama import ChatOllama

    model = ChatOllama(model="llama3")
    return lambda messages: model._convert_messages_to_ollama_messages(list(messages))


def _gemini() -> Converter:
    parse = _named("langchain_google_genai.chat_models", "_parse_chat_history")
    return lambda messages: parse(list(messages), model="gemini-2.5-pro")


def _vertex() -> Converter:
    parse = _named("langchain_google_vertexai.chat_models", "_parse_chat_history_gemini")
    loader = _named("langchain_google_vertexai._image_utils", "ImageBytesLoader")()
    return lambda messages: parse(list(messages), loader)


def _vertex_anthropic() -> Converter:
    format_ = _named("langchain_google_vertexai._anthropic_utils", "_format_messages_anthropic")
    return lambda messages: format_(list(messages), None)


def _cohere() -> Converter:
    request = _named("langchain_cohere.chat_models", "get_cohere_chat_request_v2")
    return lambda messages: request(list(messages))


def _named(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _each(module: str, function: str) -> Callable[[], Converter]:
    def made() -> Converter:
        convert = _named(module, function)
        return lambda messages: [convert(message) for message in messages]

    return made


def _method(module: str, cls: str, method: str, **fields: Any) -> Callable[[], Converter]:
    def made() -> Converter:
        model = _named(module, cls)(**fields)
        return lambda messages: getattr(model, method)(list(messages), None)

    return made


def _payload(module: str, cls: str, **fields: Any) -> Callable[[], Converter]:
    def made() -> Converter:
        model = _named(module, cls)(**fields)
        return lambda messages: model._get_request_payload(list(messages))

    return made


_CONVERTERS: dict[str, tuple[str, Callable[[], Converter]]] = {
    "openai chat": ("langchain_openai", _openai),
    "openai responses": ("langchain_openai", lambda: _openai(use_responses_api=True)),
    "openai responses v1": (
        "langchain_openai",
        lambda: _openai(use_responses_api=True, output_version="v1"),
    ),
    "openai responses, remembered": (
        "langchain_openai",
        lambda: _openai(use_responses_api=True, use_previous_response_id=True),
    ),
    "anthropic": ("langchain_anthropic", _anthropic),
    "converse": ("langchain_aws", _converse),
    "converse nova": ("langchain_aws", lambda: _converse("amazon")),
    "bedrock anthropic": ("langchain_aws", _bedrock_anthropic),
    "ollama": ("langchain_ollama", _ollama),
    "gemini": ("langchain_google_genai", _gemini),
    "vertex": ("langchain_google_vertexai", _vertex),
    "vertex anthropic": ("langchain_google_vertexai", _vertex_anthropic),
    "cohere": ("langchain_cohere", _cohere),
    "mistral": (
        "langchain_mistralai",
        _each("langchain_mistralai.chat_models", "_convert_message_to_mistral_chat_message"),
    ),
    "groq": ("langchain_groq", _each("langchain_groq.chat_models", "_convert_message_to_dict")),
    "fireworks": (
        "langchain_fireworks",
        _each("langchain_fireworks.chat_models", "_convert_message_to_dict"),
    ),
    "perplexity": (
        "langchain_perplexity",
        _method(
            "langchain_perplexity.chat_models",
            "ChatPerplexity",
            "_create_message_dicts",
            model="m",
            api_key="k",
        ),
    ),
    "huggingface": (
        "langchain_huggingface",
        _each("langchain_huggingface.chat_models.huggingface", "_convert_message_to_dict"),
    ),
    "watsonx": ("langchain_ibm", _each("langchain_ibm.chat_models", "_convert_message_to_dict")),
    "openrouter": (
        "langchain_openrouter",
        _each("langchain_openrouter.chat_models", "_convert_message_to_dict"),
    ),
    "litellm": (
        "langchain_litellm",
        _each("langchain_litellm.chat_models.litellm", "_convert_message_to_dict"),
    ),
    "sambanova": (
        "langchain_sambanova",
        _each("langchain_sambanova.chat_models", "_convert_message_to_dict"),
    ),
    "cloudflare": (
        "langchain_cloudflare",
        _each("langchain_cloudflare.chat_models", "_convert_message_to_dict"),
    ),
    "databricks": (
        "databricks_langchain",
        _each("databricks_langchain.chat_models", "_convert_message_to_dict"),
    ),
    "deepseek": (
        "langchain_deepseek",
        _payload("langchain_deepseek", "ChatDeepSeek", model="m", api_key="k"),
    ),
    "xai": ("langchain_xai", _payload("langchain_xai", "ChatXAI", model="m", api_key="k")),
}


def converters() -> dict[str, Converter]:
    """Return those of the packages that are installed."""
    return {
        name: made()
        for name, (package, made) in _CONVERTERS.items()
        if importlib.util.find_spec(package) is not None
    }


def sent(convert: Converter, messages: Sequence[BaseMessage]) -> str:
    """Return what a converter makes of messages, in order, or the error that it raises."""
    copies = [message.model_copy(deep=True) for message in messages]
    try:
        return json.dumps(convert(copies), default=_plain)
    except Exception as error:
        return re.sub(r"0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "model_dump"):
        return {name: item for name, item in vars(value).items() if item is not None}
    if hasattr(type(value), "to_json"):  # of proto-plus, whose mappings have no order
        return json.loads(type(value).to_json(value, sort_keys=True))
    return repr(value)
