"""How a cache gets into another process: it is pickled as the call that made it.

Never a secret: a URL with a password, a key and the like are pickled as the name of the
environment variable that they came from, or not at all.
"""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langchain_llmcache._forks import new_lock
from langchain_llmcache._stores.node_values import NodeSerializer
from langchain_llmcache._valkey.url import has_password
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_llmcache.cache import LLMCache

# Arguments that are secret whatever they say.
_SECRETS: Final = frozenset({"password", "key_secret"})
# What belongs to one process, and what to do instead.
_OF_A_PROCESS: Final = {
    "aws_credentials": "leave aws_credentials= to AWS's own chain of providers",
    "aws_session": "leave aws_session= to AWS's own configuration",
    "serde": "make the cache in each process, for example with LLMCache.from_url(..., serde=...)",
}
# A shorter value may be in an unrelated variable by chance.
_SHORTEST: Final = 6


class NotPicklableError(ConfigurationError, pickle.PicklingError):
    """A cache cannot be pickled as it is; the message says what to do."""


@dataclass(frozen=True)
class Recipe:
    """How a cache was made.

    Attributes:
        constructor: Name of the class method; empty: the class itself.
        arguments: Its arguments.
    """

    constructor: str
    arguments: Mapping[str, Any] = field(repr=False)

    def portable(self) -> dict[str, Any]:
        """Return the arguments as they may be pickled.

        Raises:
            NotPicklableError: if one of them is secret, and is not in an environment variable.
        """
        return {name: _portable(name, value) for name, value in self.arguments.items()}


@dataclass(frozen=True)
class _Variable:
    """A secret, as the environment variable that holds it."""

    name: str
    is_bytes: bool

    def read(self) -> str | bytes:
        text = os.environ.get(self.name)
        if text is None:
            msg = f"this pickled LLMCache needs the environment variable {self.name}, which is not set"
            raise ConfigurationError(msg)
        return text.encode() if self.is_bytes else text


def _portable(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _OF_A_PROCESS and not _is_plain(value):
        raise NotPicklableError(
            f"an LLMCache with {name}= cannot be pickled; {_OF_A_PROCESS[name]}"
        )
    if name in _SECRETS or (name == "url" and has_password(value)):
        return _variable_of(name, value)
    return value


def _is_plain(serde: Any) -> bool:
    return isinstance(serde, NodeSerializer) or type(serde) is JsonPlusSerializer


def _variable_of(name: str, value: str | bytes) -> _Variable:
    is_bytes = isinstance(value, bytes)
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if len(text) >= _SHORTEST:
        for variable, stands_there in sorted(os.environ.items(), key=_ours_first):
            if stands_there == text:
                return _Variable(variable, is_bytes)
    what = "a URL with a password" if name == "url" else f"{name}="
    raise NotPicklableError(
        f"an LLMCache with {what} is not pickled, because the pickle would carry the secret; put the "
        "whole of it into an environment variable that the other process has too, and take it from "
        "there: LLMCache.from_env(), or os.environ[...]"
    )


def _ours_first(item: tuple[str, str]) -> tuple[bool, str]:
    return not item[0].startswith("LLMCACHE_"), item[0]


# --- caches that were pickled, or came out of a pickle -----------------------------------------

_lock: Final = new_lock()
_caches: Final[WeakValueDictionary[str, LLMCache]] = WeakValueDictionary()


def label_of(cache: LLMCache) -> str:
    """Return what all pickles of a cache have in common."""
    with _lock:
        for label, known in _caches.items():
            if known is cache:
                return label
        label = secrets.token_hex(16)
        _caches[label] = cache
        return label


def remade(
    cls: type[LLMCache], label: str, constructor: str, arguments: dict[str, Any]
) -> LLMCache:
    """Return the cache of a pickle: the one that is here already, or another made like it."""
    with _lock:
        cache = _caches.get(label)
        if cache is None:
            plain = {
                name: value.read() if isinstance(value, _Variable) else value
                for name, value in arguments.items()
            }
            make: Any = getattr(cls, constructor) if constructor else cls
            cache = _caches[label] = make(**plain)
        return cache
