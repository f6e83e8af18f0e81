"""From a message back to the entry that it came from.

A hit says so itself, in its marker. The answer that was stored goes to its caller as the model
gave it, without a marker; its id is remembered for a while, in the process that stored it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from langchain_core.messages import BaseMessage
from langchain_core.outputs import Generation

from langchain_llmcache._answer.hits import MARKER
from langchain_llmcache._checks import kind_of
from langchain_llmcache._request.key import Key, parse_path
from langchain_llmcache._signals import suppressed
from langchain_llmcache.errors import ConfigurationError

# Messages that are remembered by their ids.
_KEPT: Final = 4096


class Origins:
    """Where messages came from.

    Args:
        namespace: The (encoded) one of the cache: what lies outside is not its own.
    """

    def __init__(self, namespace: tuple[str, ...]) -> None:
        self._namespace = namespace
        self._stored: dict[str, Key] = {}

    def note(self, key: Key, generations: Iterable[Generation]) -> None:
        """Remember where an answer went to."""
        for generation in generations:
            message_id = getattr(getattr(generation, "message", None), "id", None)
            if isinstance(message_id, str):
                while len(self._stored) >= _KEPT:
                    with suppressed(RuntimeError, StopIteration):  # of another thread
                        self._stored.pop(next(iter(self._stored)), None)
                self._stored[message_id] = key

    def of(self, message: object) -> Key:
        """Return the key of the entry that a message came from.

        Raises:
            ConfigurationError: if it is no message, or its entry is not known or not this cache's.
        """
        if not isinstance(message, BaseMessage):
            msg = f"message is {kind_of(message)}; expected a message of a chat model"
            raise ConfigurationError(msg)
        key = _marked(message) or self._stored.get(message.id or "")
        if key is None:
            msg = (
                f"the message does not tell its entry: it is not a hit "
                f"(response_metadata[{MARKER!r}]['key']), and this process has not stored it "
                "lately; ask again, and forget the hit"
            )
            raise ConfigurationError(msg)
        if key.space[: len(self._namespace)] != self._namespace:
            msg = "the message came from another namespace than this cache's"
            raise ConfigurationError(msg)
        return key


def _marked(message: BaseMessage) -> Key | None:
    marker: Any = message.response_metadata.get(MARKER)
    path = marker.get("key") if isinstance(marker, dict) else None
    return parse_path(path) if isinstance(path, str) else None
