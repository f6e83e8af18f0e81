"""The texts with which langchain-core asks a cache, made for a model that is not being asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from langchain_core.load import dumps
from langchain_core.messages import BaseMessage

from langchain_llmcache._checks import checked_text, kind_of
from langchain_llmcache._request.asking import Asked, who_asks
from langchain_llmcache._request.key import Key, parse_path
from langchain_llmcache._request.llm_strings import is_list
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel, BaseLLM

# What core takes out of a call's options before it asks the cache.
_FOR_TRACES: Final = ("ls_structured_output_format", "structured_output_format")
_OTHER_WAYS: Final = (
    "cache.forget(message) with a hit's message, delete(model=..., input=..., stop=..., **kwargs) "
    "as the model was invoked, or delete(key=...)"
)


def told_request(
    prompt: str | None,
    llm_string: str | None,
    key: str | None,
    model: Any,
    given: Any,
    stop: Sequence[str] | None,
    options: Mapping[str, Any],
) -> tuple[str, Asked] | Key:
    """Return the request that an entry is the answer of, or the entry's key.

    Raises:
        ConfigurationError: if it is not identified in one of the three ways.
    """
    checked_text("key", key)
    if key is not None and prompt is llm_string is model is given is None:
        found = parse_path(key)
        if found is not None:
            return found
        msg = "key is not one that LLMCache writes; a hit has it in response_metadata['llmcache']"
        raise ConfigurationError(msg)
    if model is not None and prompt is llm_string is key is None:
        return request_of(model, given, stop, options)
    alone = key is model is given is stop is None and not options
    if not alone or not isinstance(prompt, str) or not isinstance(llm_string, str):
        msg = f"this identifies no request; give prompt and llm_string, or use {_OTHER_WAYS}"
        raise ConfigurationError(msg)
    asked = who_asks(prompt, llm_string)
    if asked.model is None and is_list(llm_string):
        msg = f"this llm_string does not tell all of the model's settings; use {_OTHER_WAYS}"
        raise ConfigurationError(msg)
    return prompt, asked


def request_of(
    model: Any, given: Any, stop: Sequence[str] | None, options: Mapping[str, Any]
) -> tuple[str, Asked]:
    """Return the prompt of a call and who asks, as ``model.invoke(given, stop=…, …)`` would.

    Raises:
        ConfigurationError: if it is not a model, or does not take such an input.
    """
    from langchain_core.language_models import BaseChatModel, BaseLLM
    from langchain_core.language_models._utils import _normalize_messages
    from langchain_core.runnables import RunnableBinding

    while isinstance(model, RunnableBinding):
        options = {**model.kwargs, **options}
        model = model.bound
    options = {name: value for name, value in options.items() if name not in _FOR_TRACES}
    bound = options.pop("stop", None)
    stop = bound if stop is None else stop
    if not isinstance(model, (BaseChatModel, BaseLLM)):
        msg = (
            f"model is {kind_of(model)}; expected a chat model or a text model, or one "
            "with bound arguments (of a chain: its step with the model)"
        )
        raise ConfigurationError(msg)
    try:
        value = model._convert_input(given)  # noqa: SLF001 - as ``invoke`` does
    except (ValueError, TypeError) as error:
        msg = f"input is {kind_of(given)}; expected what model.invoke takes"
        raise ConfigurationError(msg) from error
    if isinstance(model, BaseLLM):
        prompt, llm_string = value.to_string(), _text_of(model, stop)
    else:
        messages = _normalize_messages(value.to_messages())
        prompt, llm_string = texts_of_chat(model, messages, stop, options)
    told = options if stop is None else {**options, "stop": stop}
    return prompt, Asked(llm_string, model, told)


def texts_of_chat(
    model: BaseChatModel, messages: list[BaseMessage], stop: Any, options: Mapping[str, Any]
) -> tuple[str, str]:
    """Return a chat model's prompt and text."""
    prompt = dumps(
        [
            message if message.id is None else message.model_copy(update={"id": None})
            for message in messages
        ]
    )
    return prompt, model._get_llm_string(stop=stop, **options)  # noqa: SLF001 - as core does


def _text_of(model: BaseLLM, stop: Any) -> str:
    # The newer core's way to call ``dict``, which warns.
    said = getattr(model, "_dict_for_compat", model.dict)
    return str(sorted({**said(), "stop": stop}.items()))
