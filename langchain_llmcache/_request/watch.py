"""Whether a model is as it was when something was found out about it.

Settings may be reassigned, or changed in place. So each use compares them all: values that
cannot change by comparison, containers with what they were written as, other objects by identity.

Rule of this file: it holds data and weak references, never an object that may lead back to the
model and keep it alive.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from operator import is_, itemgetter
from pathlib import PurePath
from typing import Any, Final, NamedTuple
from uuid import UUID
from weakref import ref

from pydantic import BaseModel, SecretStr

from langchain_llmcache._signals import pass_on

_DEEPEST: Final = 8
# Of marshal: the last one that writes equal data alike, however many references there are to it.
_BY_VALUE: Final = 2
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
    """The watched parts of an object.

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
        "_data",
        "_elsewhere",
        "_exact",
        "_exactly",
        "_extra",
        "_inner",
        "_is_simple",
        "_names",
        "_numbers",
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
        inner = {name: value for name, value in held.items() if isinstance(value, BaseModel)}
        self._inner = [Watch(value, parts_of, depth + 1) for value in inner.values()]
        self._names = [name for name, value in held.items() if _is_plain(value)]
        self._plain = _getter(self._names)
        # Of what is empty, an empty copy of its own.
        self._seen = tuple([value or copy(value) for value in self._plain(values)])
        self._numbers = [name for name in self._names if _has_equals(held[name])]
        self._exact = _getter(self._numbers)
        self._exactly = self._exact(values)
        rest = {name: held[name] for name in held if name not in inner and name not in self._names}
        written = {name: _written(value) for name, value in rest.items()}
        self._data = [(name, data) for name, data in written.items() if data is not None]
        self._containers = [
            (name, frozen(rest[name])) for name, data in written.items() if data is None
        ]
        apart = {name: attribute(watched, name) for name in (*parts.objects, *inner)}
        found = [
            (name, None if value is None else _reference(value)) for name, value in apart.items()
        ]
        self._objects = [
            (name, weak) for name, weak in found if weak and values.get(name) is not None
        ]
        # Private ones, and those that are not there yet.
        self._elsewhere = [(name, weak) for name, weak in found if values.get(name) is None]
        self._extra = _frozen_extra(watched)
        self._is_simple = watched.__pydantic_extra__ is None and not (
            self._data or self._containers or self._elsewhere or self._inner
        )

    def holds(self, watched: BaseModel) -> bool:
        """Tell whether nothing has changed in the object, which must be the watched one."""
        values = watched.__dict__
        try:
            # This is most of what a model costs on a hit.
            if self._plain(values) != self._seen:
                return False
            exact = self._exact(values)
            # (Most often they are the same objects.)
            if not all(map(is_, exact, self._exactly)) and not all(
                map(_is_same, exact, self._exactly)
            ):
                return False
            for name, weak in self._objects:
                held = values[name]
                if held is None or held is not weak():
                    return False
            return self._is_simple or self._rest_holds(watched)
        except (KeyError, CannotWatch, RuntimeError, ValueError) as error:
            # A field is gone, holds something else than data, or another thread is at it.
            pass_on(error)
            return False

    def _rest_holds(self, watched: BaseModel) -> bool:
        values = watched.__dict__
        for name, seen in self._data:
            if marshal.dumps(values[name], _BY_VALUE) != seen:
                return False
        for name, weak in self._elsewhere:
            held = attribute(watched, name)
            if held is not None if weak is None else held is None or held is not weak():
                return False
        for name, copied in self._containers:
            if frozen(values[name]) != copied:
                return False
        return _frozen_extra(watched) == self._extra and (
            not self._inner or all(map(_holds, self._inner))
        )

    def changed(self, watched: BaseModel) -> str | None:
        """Return the name of a field whose value, a plain one or a container, has changed."""
        values = watched.__dict__
        for name, plain in zip(self._names, self._seen, strict=True):
            if values.get(name) != plain:
                return name
        for name, seen in zip(self._numbers, self._exactly, strict=True):
            if not _is_same(values.get(name), seen):
                return name
        for name, data in self._data:
            if _written(values.get(name)) != data:
                return name
        try:
            return next(name for name, seen in self._containers if frozen(values[name]) != seen)
        except (StopIteration, KeyError, CannotWatch) as error:
            pass_on(error)
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


def _is_plain(value: Any) -> bool:
    """Tell whether a comparison shows any change of a value: it cannot change, or is empty."""
    if isinstance(value, _IMMUTABLE):
        return True
    if type(value) is tuple:
        return all(type(item) is str for item in value)
    return type(value) in (dict, list) and not value


def _has_equals(value: Any) -> bool:
    """Tell whether a value is equal to some that are written otherwise: ``1 == 1.0 == True``."""
    return isinstance(value, (int, float, Decimal, datetime, time))


def _is_same(value: Any, seen: Any) -> bool:
    return type(value) is type(seen) and repr(value) == repr(seen)


def _written(value: Any) -> bytes | None:
    """Return data as bytes that tell its types and its order; None if there is something else."""
    try:
        return marshal.dumps(value, _BY_VALUE)
    except ValueError as error:
        pass_on(error)
        return None


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


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return ref(value)
    except TypeError as error:
        raise CannotWatch from error
