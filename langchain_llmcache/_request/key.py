"""The address of an entry: namespace, model and digest, and how their names are encoded and read back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from langchain_llmcache.errors import ConfigurationError

# Where a model has no name, its part of the key says so; a model that is called so is escaped.
NO_MODEL: Final = "-"


class Key(NamedTuple):
    """Where an entry lives.

    Attributes:
        space: Percent-encoded parts: the namespace's, then the model's.
        digest: SHA-256 (or HMAC-SHA-256) of the canonical request, 64 hex digits.
        call_ids: Ids of tool calls that the digest knows by number only. An answer that
            repeats one of them is good for this request alone, and has no place here.
    """

    space: tuple[str, ...]
    digest: str
    call_ids: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The key without its store's prefix: ``namespace…/model/digest``."""
        return f"{'/'.join(self.space)}/{self.digest}"


class Scope(NamedTuple):
    """A set of entries: those of a namespace and below, of all models or one.

    Attributes:
        namespace: Percent-encoded parts.
        model: Percent-encoded, or None for all models.
    """

    namespace: tuple[str, ...]
    model: str | None = None

    def covers(self, space: Sequence[str]) -> bool:
        """Tell whether entries in ``space`` belong to this set."""
        depth = len(self.namespace)
        return (
            len(space) > depth
            and tuple(space[:depth]) == self.namespace
            and (self.model is None or space[-1] == self.model)
        )


_PATH = re.compile(r"((?:[A-Za-z0-9_.~%-]+/)+)([0-9a-f]{64})")


def parse_path(path: str) -> Key | None:
    """Return the key whose ``path`` this is, or None if no ``LLMCache`` writes such a key."""
    match = _PATH.fullmatch(path)
    return None if match is None else Key(tuple(match[1][:-1].split("/")), match[2])


def encode_part(text: str) -> str:
    """Return ``text`` percent-encoded, so that no two texts and no two levels can meet."""
    return quote(text, safe="", errors="surrogatepass")


def encode_model(model: str | None) -> str:
    """Return a model's part of the key."""
    if model is None:
        return NO_MODEL
    return "%2D" if model == NO_MODEL else encode_part(model)


def namespace_parts(namespace: str | Sequence[str]) -> tuple[str, ...]:
    """Return ``namespace`` as its parts; a string is one part.

    Raises:
        ConfigurationError: if a part is no string, or empty.
    """
    parts: Any = (namespace,) if isinstance(namespace, str) else namespace
    if not isinstance(parts, (tuple, list)) or not all(
        isinstance(part, str) and part for part in parts
    ):
        msg = f"namespace is {namespace!r}; expected non-empty strings, outermost first"
        raise ConfigurationError(msg)
    return tuple(parts)


def model_name(part: str) -> str | None:
    """Return the model that a part of a key stands for."""
    return None if part == NO_MODEL else unquote(part, errors="surrogatepass")


def plain_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """Return encoded parts of a namespace as they were given."""
    return tuple(unquote(part, errors="surrogatepass") for part in parts)
