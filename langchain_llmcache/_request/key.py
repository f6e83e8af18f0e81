"""The address of an entry: namespace, model and digest, and how their names are encoded and read back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote, unquote

from langchain_llmcache.errors import ConfigurationError

# Where a model has no name, its part of the key says so; a model that is called so is escaped.
NO_MODEL: Final = "-"
# Between a namespace and LangGraph's own, in the keys of node values. No part is encoded so.
NODES: Final = "@nodes"


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


# More than a number or a word (``1``, ``weather``), which may mean anything in a text.
_TELLING: Final = re.compile(r"[A-Za-z].*[^A-Za-z]|[^A-Za-z].*[A-Za-z]|.{12,}")


def is_telling(call_id: str) -> bool:
    """Tell whether a tool call's id that occurs in a text refers to that call."""
    return _TELLING.search(call_id) is not None


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
            and NODES not in space
        )

    def matches(self, path: str) -> bool:
        """Tell whether the path of a key is that of an entry of this set."""
        key = parse_path(path)
        return key is not None and self.covers(key.space)

    def globs(self, escape: Callable[[str], str]) -> list[str]:
        """Return patterns for all paths of this set, and maybe more."""
        start = "".join(f"{escape(part)}/" for part in self.namespace)
        return [f"{start}*" if self.model is None else f"{start}*{escape(self.model)}/*"]


class NodeScope(NamedTuple):
    """A set of node values: those of a namespace and below, of all of LangGraph's namespaces or some.

    Attributes:
        namespace: Percent-encoded parts.
        spaces: LangGraph's namespaces, percent-encoded parts each; None: all that there is in
            the namespace, answers included.
    """

    namespace: tuple[str, ...]
    spaces: frozenset[tuple[str, ...]] | None

    @classmethod
    def of(cls, namespace: tuple[str, ...], spaces: Sequence[Sequence[str]] | None) -> NodeScope:
        """Return the values of LangGraph's namespaces, as LangGraph names them."""
        if spaces is None:
            return cls(namespace, None)
        return cls(namespace, frozenset(tuple(map(encode_part, space)) for space in spaces))

    def covers(self, space: Sequence[str]) -> bool:
        """Tell whether values in ``space`` belong to this set."""
        depth = len(self.namespace)
        if tuple(space[:depth]) != self.namespace:
            return False
        if self.spaces is None:
            return True
        return NODES in space and tuple(space[space.index(NODES) + 1 :]) in self.spaces

    def matches(self, path: str) -> bool:
        """Tell whether the path of a key is that of a value of this set."""
        return _ANY_PATH.fullmatch(path) is not None and self.covers(path.split("/")[:-1])

    def globs(self, escape: Callable[[str], str]) -> list[str]:
        """Return patterns for all paths of this set, and maybe more."""
        start = "".join(f"{escape(part)}/" for part in self.namespace)
        if self.spaces is None:
            return [f"{start}*"]
        return [f"{start}*{escape('/'.join((NODES, *space)))}/*" for space in sorted(self.spaces)]


AnyScope: TypeAlias = Scope | NodeScope


# What no other prefix than the store's own leaves of a key: parts, and what is between them.
_ANY_PATH = re.compile(r"[A-Za-z0-9_.~%@/-]*")
_PATH = re.compile(r"((?:[A-Za-z0-9_.~%-]+/)+)([0-9a-f]{64})")


def parse_path(path: str) -> Key | None:
    """Return the key whose ``path`` this is, or None if no ``LLMCache`` writes such a key."""
    match = _PATH.fullmatch(path)
    return None if match is None else Key(tuple(match[1][:-1].split("/")), match[2])


def parse_any_path(path: str) -> Key | None:
    """Return the key whose ``path`` this is: of an answer, or of a value of a node or a tool."""
    key = parse_path(path)
    if key is not None or not _ANY_PATH.fullmatch(path):
        return key
    *space, name = path.split("/")
    return Key(tuple(space), name) if name and NODES in space and "" not in space else None


def node_key(namespace: tuple[str, ...], space: Sequence[str], name: str) -> Key:
    """Return the key of a node value.

    Args:
        namespace: The (encoded) namespace of the cache.
        space: LangGraph's namespace.
        name: The key in it.
    """
    return Key((*namespace, NODES, *map(encode_part, space)), encode_part(name))


def ended(prefix: str) -> str:
    """Return a prefix that no other one continues.

    Parts of keys consist of certain characters. A prefix that ends in one of those gets a colon,
    so that the keys of ``prod`` and ``prod2`` can be told apart.
    """
    return f"{prefix}:" if prefix and _ANY_PATH.fullmatch(prefix[-1]) else prefix


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
