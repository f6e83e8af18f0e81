"""What code is made of, where its name says too little: it may have been made with something.

A function that defines a class, or another function, defines another one each time. It is told by
its code and by what that refers to: plain values, other functions, and the texts that objects
hold. What the code changes itself (a counter, a log) tells nothing.

Rule of this file: it reads what is there, and calls nothing of it.
"""

from __future__ import annotations

import dataclasses
import dis
import re
import types
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cached_property, partial
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from pydantic import BaseModel

from langchain_llmcache._request.canonical import tagged
from langchain_llmcache._request.definitions import (
    by_code,
    is_importable,
    is_of_python,
    is_plain,
    path_of,
    redefined,
    slots_of,
    underlying,
)
from langchain_llmcache._request.fields import is_credential
from langchain_llmcache._request.llm_strings import as_bytes
from langchain_llmcache._signals import pass_on

_KNOWN: Final[WeakKeyDictionary[type, tuple[bytes, bool]]] = WeakKeyDictionary()
_CHANGED: Final[WeakKeyDictionary[type, tuple[set[str], bool]]] = WeakKeyDictionary()
# Values that cannot change, of which the text tells all.
_CONSTANTS: Final = (
    *(bytes, complex, date, datetime, Decimal, Fraction, PurePath, range, re.Pattern, time),
    *(timedelta, UUID),
)
_MUTABLE: Final = (dict, list, set)
_CONTAINERS: Final = (*_MUTABLE, frozenset)
_CODE: Final = (types.FunctionType, partial)
# Of a larger collection (an index), only the size is told.
_FEW: Final = 1000
# Where an object gets what it is made with.
_MAKERS: Final = frozenset("__init__ __new__ __post_init__ __setstate__ model_post_init".split())
# How code changes what it refers to.
_STORES: Final = frozenset({"DELETE_SUBSCR", "STORE_SUBSCR"})
_MUTATORS: Final = frozenset(
    {"add", "append", "appendleft", "clear", "extend", "insert", "pop", "popleft", "remove"}
    | {"setdefault", "update"}
)


def body_of(cls: type) -> tuple[bytes, bool]:
    """Return the code and the data of a class, and of those above that no import leads to.

    What is returned of a class stays the same, whatever its code refers to later.

    Returns:
        Bytes, and whether they tell all that it was made with.
    """
    if cls not in _KNOWN:
        told = Told()
        _KNOWN[cls] = tagged(b"+", *map(as_bytes, told.by_members(cls))), told.is_whole
    return _KNOWN[cls]


class Told:
    """What identifies one thing, with all that is in it, as texts.

    Attributes:
        is_whole: Whether nothing was met so far of which texts do not tell all.
    """

    def __init__(self) -> None:
        self.is_whole = True
        self._seen: set[int] = set()
        self._changed: set[str] = set()

    def by_member(self, name: str, item: Any) -> Iterator[str]:
        """Yield what identifies an attribute of a class."""
        item = underlying(item)
        if isinstance(item, types.FunctionType) or not is_of_python(name):
            yield from self.by(item)

    def by(self, item: Any) -> Iterator[str]:
        """Yield what identifies a function, a class, an object or a value."""
        if is_plain(item) or isinstance(item, _CONSTANTS):
            yield f"{type(item).__name__} {item!r}"
        elif id(item) not in self._seen:
            self._seen.add(id(item))
            yield from self._by_parts(item)

    def _by_parts(self, item: Any) -> Iterator[str]:
        if isinstance(item, types.FunctionType):
            yield from self._by_function(item)
        elif isinstance(item, (types.MethodType, partial, tuple)):
            for part in _parts(item):
                yield from self.by(part)
        elif isinstance(item, _CONTAINERS):
            yield from self._by_container(item)
        elif isinstance(item, type):
            yield from self._by_class(item)
        elif isinstance(item, types.BuiltinFunctionType) and is_importable(item):
            yield path_of(item)
        elif not isinstance(item, types.ModuleType):
            yield from self._by_object(item)

    def _by_container(self, items: Any) -> Iterator[str]:
        self.is_whole = False  # it may change
        yield f"{type(items).__name__} {len(items)}"
        if len(items) <= _FEW:
            parts = items.items() if isinstance(items, dict) else items
            told = ["\0".join(self.by(part)) for part in parts]
            yield from sorted(told) if isinstance(items, (set, frozenset)) else told

    def _by_class(self, cls: type) -> Iterator[str]:
        yield path_of(cls)
        if is_importable(cls):
            yield from filter(None, [redefined(cls).hex()])
        else:
            yield from self.by_members(cls)

    def by_members(self, cls: type) -> Iterator[str]:
        """Yield what identifies a class: its code and data, and of those above that no import leads to."""
        for base in cls.__mro__:
            for name, item in () if is_importable(base) else sorted(vars(base).items()):
                yield name
                yield from self.by_member(name, item)

    def _by_object(self, item: Any) -> Iterator[str]:
        """Yield whose an object is, or of which place: its data, without credentials."""
        yield from self._by_class(type(item))
        held = slots_of(item)
        attributes = {**getattr(item, "__dict__", {} if held else {"": item}), **held}
        self.is_whole &= all(isinstance(each, str) for each in attributes.values())
        changed, changes = _changed_in(type(item))
        for name, value in sorted(attributes.items()):
            if name in changed or name in self._changed or is_credential(name, value):
                continue
            if isinstance(getattr(type(item), name, None), cached_property):
                continue
            if isinstance(value, str):
                yield f"{name} {value!r}"
            elif _is_data(value) and not (changes and isinstance(value, _MUTABLE)):
                yield name
                yield from self.by(value)

    def _by_function(self, function: types.FunctionType) -> Iterator[str]:
        yield path_of(function)
        yield from self.by(getattr(function, "__wrapped__", None))
        if is_importable(function):
            yield from filter(None, [redefined(function).hex()])
        else:
            yield from by_code(function.__code__)
        stored, attributes, changes = _changed_by(function.__code__)
        self._changed |= attributes
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        held = [_content(cell) for name, cell in cells if name not in {"__class__", *stored}]
        for item in (*held, *(function.__defaults__ or ()), function.__kwdefaults__):
            if not changes or not isinstance(item, _MUTABLE):
                yield from self.by(item)


def _parts(item: Any) -> tuple[Any, ...]:
    if isinstance(item, types.MethodType):
        return item.__func__, item.__self__
    return (item.func, *item.args, *item.keywords.items()) if isinstance(item, partial) else item


def _is_data(value: Any) -> bool:
    """Tell whether an object's attribute may say what it is made of, and is not what it works with."""
    return (
        is_plain(value)
        or isinstance(value, (*_CONSTANTS, *_CONTAINERS, tuple, Enum, BaseModel, *_CODE))
        or dataclasses.is_dataclass(value)
    )


def _changed_in(cls: type) -> tuple[set[str], bool]:
    """Return the attributes that a class sets later, and whether it may change a container."""
    if cls not in _CHANGED:
        found: tuple[set[str], bool] = set(), False
        for base in cls.__mro__:
            for name, member in vars(base).items():
                held = underlying(member)
                if isinstance(held, types.FunctionType) and name not in _MAKERS:
                    _, attributes, changes = _changed_by(held.__code__)
                    found = found[0] | attributes, found[1] or changes
        _CHANGED[cls] = found
    return _CHANGED[cls]


def _changed_by(code: types.CodeType) -> tuple[set[str], set[str], bool]:
    """Return the outer variables and the attributes that code sets, and whether it may change a container."""
    steps = list(dis.get_instructions(code))
    stored = {step.argval for step in steps if step.opname == "STORE_DEREF"}
    attributes = {step.argval for step in steps if step.opname == "STORE_ATTR"}
    changes = not _MUTATORS.isdisjoint(code.co_names) or any(
        step.opname in _STORES for step in steps
    )
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            more = _changed_by(inner)
            stored, attributes, changes = stored | more[0], attributes | more[1], changes or more[2]
    return stored, attributes, changes


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError as error:  # nothing yet
        pass_on(error)
        return None
