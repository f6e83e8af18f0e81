"""A LangGraph cache, seen through a serializer that reads nothing but bytes.

LangGraph's own serializer builds objects of any class that a stored value names. Entries are
bytes, so whatever else stands in a store was not written here, and is not looked into.
"""

from __future__ import annotations

from typing import Any, TypeVar

from langgraph.cache.base import BaseCache
from langgraph.checkpoint.serde.base import SerializerProtocol

from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._answer.seal import Seal, seal_of
from langchain_llmcache._stores.node_values import NodeSerializer

Cache = TypeVar("Cache", bound=BaseCache[Any])


def seal_in(serde: SerializerProtocol | None) -> Seal | None:
    """Return the seal that a store's serializer is, or None if it leaves bytes readable.

    Raises:
        ConfigurationError: if it does not open what it seals.
    """
    return None if isinstance(serde, NodeSerializer) else seal_of(serde)


class _OnlyBytes(SerializerProtocol):
    """Bytes, as they are or sealed.

    Args:
        serde: The store's own serializer.

    Raises:
        ConfigurationError: if it does not open what it seals.
    """

    def __init__(self, serde: SerializerProtocol) -> None:
        self._seal = seal_in(serde)

    @property
    def seals(self) -> bool:
        """Whether what is stored is not the bytes as they are."""
        return self._seal is not None

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        return ("bytes", obj) if self._seal is None else self._seal.seal(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        kind, stored = data
        if self._seal is not None:
            return self._seal.open(kind, stored)
        if kind != "bytes":
            msg = "not stored as bytes"
            raise CorruptEntryError(msg)
        return stored


def reading_only_bytes(store: Cache) -> Cache:
    """Return an object that shares everything with ``store`` but its serializer.

    A store that cannot be shared like this is returned as it is.
    """
    cls = type(store)
    serde = getattr(store, "serde", None)
    state = getattr(store, "__dict__", None)
    if serde is None or state is None:
        return store
    view_class = type(
        cls.__name__,
        (cls,),
        {
            "__module__": cls.__module__,
            "__del__": lambda _: None,  # what it holds is the store's
            # On the class: a property takes precedence over the attribute in the state they share.
            "serde": property(lambda _: guard),
        },
    )
    guard = _OnlyBytes(serde)
    view: Cache = object.__new__(view_class)
    view.__dict__ = state
    return view
