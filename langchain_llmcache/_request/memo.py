"""What was found out about a model, for as long as nothing in it changes.

Settings may be assigned anew, and changed in place. So each use compares them all: values that
cannot change by comparison, containers with a copy, other objects by identity.

Rule of this file: it holds data and weak references, never an object that may lead back to the
model and keep it alive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from operator import itemgetter
from pathlib import PurePath
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID
from weakref import ref

from pydantic import BaseModel, SecretStr

from langchain_llmcache._request.recent import Recent

T = TypeVar("T")

_KEPT: Final = 512
_DEEPEST: Final = 8
_IMMUTABLE: Final = (
    str,
    int,
    float,
    bytes,
    Enum,
    SecretStr,
    Decimal,
    UUID,
    date,
    datetime,
    time,
    timedelta,
    PurePath,
    re.Pattern,
    range,
    type(None),
)


class CannotWatch(Exception):  # noqa: N818 - a signal between two functions
    """A value may change in a way that no comparison shows."""


class Parts(NamedTuple):
    """What of an object is watched.

    Attributes:
        fields: Names of fields, by their values.
        objects: Names of attributes that may hold an object, by its identity.
    """

    fields: Sequence[str]
    objects: Sequence[str] = ()


class Watch:
    """Tells whether an object is as it was, and those that its fields hold.

    Args:
        watched: The object.
        parts_of: Returns what of an object is watched.
        depth: How many others it is inside of.

    Raises:
        CannotWatch: if something in it is neither data nor a pydantic object.
    """

    __slots__ = (
        "_containers",
        "_extra",
        "_inner",
        "_names",
        "_objects",
        "_plain",
        "_seen",
        "watched",
    )

    def __init__(
        self, watched: BaseModel, parts_of: Callable[[BaseModel], Parts], depth: int = 0
    ) -> None:
        if depth > _DEEPEST:
            raise CannotWatch
        self.watched = ref(watched)
        parts = parts_of(watched)
        values = watched.__dict__
        held = {name: values.get(name) for name in parts.fields}
        plain = [name for name, value in held.items() if isinstance(value, _IMMUTABLE)]
        inner = [name for name, value in held.items() if isinstance(value, BaseModel)]
        self._names = plain
        self._plain = _getter(plain)
        self._seen = self._plain(values)
        self._containers = [
            (name, frozen(value))
            for name, value in held.items()
            if name not in plain and name not in inner
        ]
        self._inner = [Watch(values[name], parts_of, depth + 1) for name in inner]
        objects = (*parts.objects, *inner)
        self._objects = [(name, _reference(attribute(watched, name))) for name in objects]
        self._extra = _frozen_extra(watched)

    def holds(self, watched: BaseModel) -> bool:
        """Tell whether nothing has changed in the object, which must be the watched one."""
        values = watched.__dict__
        try:
            if self._plain(values) != self._seen:
                return False
            for name, reference in self._objects:
                held = attribute(watched, name)
                if held is not reference() or (held is None and reference is not _none):
                    return False
            for name, seen in self._containers:
                if frozen(values[name]) != seen:
                    return False
            if _frozen_extra(watched) != self._extra:
                return False
        except (KeyError, CannotWatch, RuntimeError):  # a field is gone; another thread is at it
            return False
        return not self._inner or all(map(_holds, self._inner))

    def changed(self, watched: BaseModel) -> str | None:
        """Return the name of a field whose value, a plain one or a container, has changed."""
        values = watched.__dict__
        for name, seen in zip(self._names, self._seen, strict=True):
            if values.get(name) != seen:
                return name
        try:
            return next(name for name, seen in self._containers if frozen(values[name]) != seen)
        except (StopIteration, KeyError, CannotWatch):
            return None


def _holds(watch: Watch) -> bool:
    watched = watch.watched()
    return watched is not None and watch.holds(watched)


def attribute(watched: BaseModel, name: str) -> Any:
    """Return what an object holds under a name, be it public or private; None if nothing."""
    held = watched.__dict__.get(name)
    if held is None and watched.__pydantic_private__:
        return watched.__pydantic_private__.get(name)
    return held


def frozen(value: Any) -> Any:
    """Return a copy of data that is equal only to one of the same types and order.

    Raises:
        CannotWatch: if there is something else in it.
    """
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind is dict:
        return dict, *[(key, frozen(item)) for key, item in value.items()]
    if kind is list or kind is tuple:
        return kind, *map(frozen, value)
    if isinstance(value, _IMMUTABLE):
        return kind, value
    raise CannotWatch


def _frozen_extra(watched: BaseModel) -> Any:
    extra = watched.__pydantic_extra__
    return frozen(extra) if extra else None


def _getter(names: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


def _none() -> None:
    """Refer to nothing."""


def _reference(value: Any) -> Callable[[], Any]:
    if value is None:
        return _none
    try:
        return ref(value)
    except TypeError as error:
        raise CannotWatch from error


class Memo(Generic[T]):
    """Keeps what was found out about the objects that were used lately.

    Args:
        parts_of: Returns what of an object is watched.
    """

    def __init__(self, parts_of: Callable[[BaseModel], Parts]) -> None:
        self._parts_of = parts_of
        self._known: Recent[int, tuple[Watch, T]] = Recent(_KEPT, lambda _key, _value: 1)

    def get(self, watched: BaseModel) -> T | None:
        """Return what was found out, or None if nothing was, or something has changed since."""
        known = self._known.get(id(watched))
        if known is not None:
            watch, found = known
            if watch.watched() is watched and watch.holds(watched):
                return found
        return None

    def watch(self, watched: BaseModel) -> Watch | None:
        """Return what tells whether an object changes from now on, or None if nothing could."""
        try:
            return Watch(watched, self._parts_of)
        except (CannotWatch, RuntimeError):
            return None

    def put(self, watched: BaseModel, watch: Watch, found: T) -> None:
        """Keep what was found out after ``watch`` was made."""
        self._known.put(id(watched), (watch, found))

    def changed(self, watched: BaseModel) -> str | None:
        """Return the name of a field that has changed since something was found out, if any."""
        known = self._known.get(id(watched))
        if known is None or known[0].watched() is not watched:
            return None
        return known[0].changed(watched)
