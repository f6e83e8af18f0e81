"""Node values as bytes: what LangGraph's nodes write, without code that comes back from a store.

LangGraph's own serializer imports and calls whatever a value names; where it is told not to, it
returns the bare fields of an object in place of the object. Here a value comes back as it was,
of the same class, or it is neither stored nor returned.

    msgpack, in which what JSON has no word for is Ext(16, [name of its kind, state])

Rules of this file: of the names in a value only those in the table of kinds count; a value is
compared by its bytes and never by ``==``, which may raise, or lie; what is read is bounded.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Final

import ormsgpack
from langgraph.checkpoint.serde.base import SerializerProtocol

from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._answer.hashes import check_hashes
from langchain_llmcache._checks import kind_of
from langchain_llmcache._stores.node_kinds import (
    ARRAY,
    KINDS,
    OF_GRAPHS,
    SCALAR,
    Kind,
    UnlikeError,
    array_kind,
    class_kind,
    has_form,
)
from langchain_llmcache.errors import ConfigurationError

# (LangGraph's own numbers, in values that older versions stored, are 0 to 7.)
_OBJECT: Final = 16
_SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})
# Objects in one value, and how deeply they may lie in each other.
_MOST_OBJECTS: Final = 100_000
_DEEPEST: Final = 100
# Bytes that begin a short list or mapping, each of which takes half a hundred in memory.
_CONTAINERS: Final = bytes(range(0x80, 0xA0))
_MANY: Final = 2**19
_SETS: Final = frozenset({"set", "frozenset"})
_HASHED: Final = _SETS | {"dict", "OrderedDict", "Counter", "defaultdict"}


class NodeSerializer(SerializerProtocol):
    """The serializer of node values.

    It knows Python's plain data and collections, dates, messages, documents, LangGraph's
    commands, and numpy's arrays.

    Args:
        allow: Further classes whose objects nodes may write: dataclasses, pydantic models,
            enums, named tuples, and classes whose objects have nothing but attributes. Objects
            get their state back without a call of the class.

    Raises:
        ConfigurationError: if one of them is no such class, or two have one name.
    """

    def __init__(self, allow: Iterable[type] = ()) -> None:
        self._kinds = dict(KINDS)
        allowed: object = allow
        if not isinstance(allowed, Iterable):
            msg = f"allow is {kind_of(allowed)}; expected classes, as in allow=[Invoice]"
            raise ConfigurationError(msg)
        for cls in allowed:
            if not isinstance(cls, type):
                msg = f"allow holds {cls!r}; expected classes"
                raise ConfigurationError(msg)
            if cls not in self._kinds and array_kind(cls) is None:
                self._kinds[cls] = class_kind(cls)
        self._named = {kind.name: kind for kind in (*self._kinds.values(), ARRAY, SCALAR)}
        if len(self._named) != len(self._kinds) + 2:
            msg = (
                "allow holds two classes of one module and name, which nothing in a stored value "
                "could tell apart; define each at the top of a module"
            )
            raise ConfigurationError(msg)

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return a value as bytes, proven to come back.

        Raises:
            NotStorableError: if it would not.
        """
        if type(obj) is bytes:
            return "bytes", obj
        try:
            data = _Writer(self).packed(obj)
            again = _Writer(self).packed(_Reader(self).value(data))
        except NotStorableError:
            raise
        except Exception as error:
            reason = error if isinstance(error, UnlikeError) else type(error).__name__
            msg = f"what the node wrote does not come back from bytes ({reason})"
            raise NotStorableError(msg) from error
        if again != data:
            msg = "what the node wrote comes back from bytes as something else"
            raise NotStorableError(msg)
        return "msgpack", data

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value.

        Raises:
            CorruptEntryError: if these bytes are not one of this version, or name a class that
                is not known.
        """
        kind, encoded = data
        if kind == "bytes":
            return encoded
        if kind != "msgpack":
            msg = "unknown tag"
            raise CorruptEntryError(msg)
        try:
            return _Reader(self).value(encoded)
        except Exception as error:
            msg = "not a node value of this version"
            raise CorruptEntryError(msg) from error

    def kind_of(self, cls: type) -> Kind | None:
        """Return the kind of a class's objects, or None if they are not stored."""
        kind = self._kinds.get(cls) or array_kind(cls)
        if kind is None and cls.__qualname__ in OF_GRAPHS.get(cls.__module__, ()):
            kind = self.kind_named(f"{cls.__module__}.{cls.__qualname__}")
            return kind if kind is self._kinds.get(cls) else None
        return kind

    def kind_named(self, name: str) -> Kind | None:
        """Return the kind of a name, or None if the name is not known."""
        kind = self._named.get(name)
        module, _, cls_name = name.rpartition(".")
        if kind is None and cls_name in OF_GRAPHS.get(module, ()):
            cls = getattr(importlib.import_module(module), cls_name)
            kind = self._kinds[cls] = self._named[name] = class_kind(cls)
        return kind


class _Writer:
    """One value on its way to bytes."""

    def __init__(self, serializer: NodeSerializer) -> None:
        self._kind_of = serializer.kind_of
        self._raised: BaseException | None = None

    def packed(self, value: Any) -> bytes:
        return self._packed(self._plain(value))

    def _packed(self, plain: Any) -> bytes:
        # The one thing that is left for the hook: integers beyond 64 bits.
        try:
            return ormsgpack.packb(
                plain, default=self._hook, option=ormsgpack.OPT_PASSTHROUGH_BIG_INT
            )
        except Exception as error:
            _tell(error, self._raised)
            raise

    def _hook(self, value: Any) -> ormsgpack.Ext:
        try:
            return self._object(value)
        except BaseException as error:
            self._raised = error
            raise

    def _plain(self, value: Any) -> Any:
        """Return a value in types that msgpack has."""
        cls = type(value)
        if cls in _SCALARS:
            return value
        if cls is list:
            if _SCALARS.issuperset(map(type, value)):
                return value
            return [self._plain(item) for item in value]
        if cls is dict and all(type(key) is str for key in value):
            return {key: self._plain(item) for key, item in value.items()}
        return self._object(value)

    def _object(self, value: Any) -> ormsgpack.Ext:
        cls = type(value)
        kind = self._kind_of(cls)
        if kind is None:
            msg = (
                f"the node wrote a {cls.__module__}.{cls.__qualname__}; list its class in "
                "NodeSerializer(allow=[...]), and give that as serde="
            )
            raise NotStorableError(msg)
        state = self._plain(kind.take(value))
        if kind.name in _SETS:
            # Two equal sets list their members as they like.
            state = sorted(state, key=self._packed)
        return ormsgpack.Ext(_OBJECT, self._packed([kind.name, state]))


class _Reader:
    """The bytes of one value on their way back."""

    def __init__(self, serializer: NodeSerializer) -> None:
        self._kind_named = serializer.kind_named
        self._depth = 0
        self._objects = 0
        self._raised: BaseException | None = None

    def value(self, data: bytes) -> Any:
        if len(data) > _MANY and len(data.translate(None, _CONTAINERS)) < len(data) // 4:
            raise CorruptEntryError("hardly more than empty lists and mappings")
        try:
            return ormsgpack.unpackb(data, ext_hook=self._hook)
        except Exception as error:
            _tell(error, self._raised)
            raise

    def _hook(self, code: int, data: bytes) -> Any:
        try:
            return self._object(code, data)
        except BaseException as error:
            self._raised = error
            raise

    def _object(self, code: int, data: bytes) -> Any:
        self._objects += 1
        self._depth += 1
        if code != _OBJECT or self._objects > _MOST_OBJECTS or self._depth > _DEEPEST:
            raise CorruptEntryError
        name, state = self.value(data)
        self._depth -= 1
        kind = self._kind_named(name)
        if kind is None or not has_form(state, kind.form):
            raise CorruptEntryError
        if name in _HASHED:
            items = state[1] if name == "defaultdict" else state
            check_hashes(items if name in _SETS else [key for key, _ in items])
        return kind.make(state)


def _tell(error: Exception, raised: BaseException | None) -> None:
    """Add what a hook raised to ormsgpack's error, which does not tell it.

    Raises:
        raised: if it is not an ``Exception``, such as the user's Ctrl-C.
    """
    if raised is not None and not isinstance(raised, Exception):
        raise raised
    error.__cause__ = raised
