"""What code is made of, where its name says too little: it may have been made with something.

A function that defines a class, or another function, defines another one each time. It is told by
its code and by what that refers to: plain values, other functions, and the texts that objects
hold. What the code changes itself (a counter, a log) tells nothing.

Rule of this file: it reads what is there, and calls nothing of it.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from langchain_llmcache._request.canonical import tagged
from langchain_llmcache._request.definitions import (
    OF_PYTHON,
    by_code,
    is_importable,
    is_plain,
    path_of,
    underlying,
)
from langchain_llmcache._request.fields import is_credential
from langchain_llmcache._request.llm_strings import as_bytes
from langchain_llmcache._signals import pass_on

_KNOWN: Final[WeakKeyDictionary[type, tuple[bytes, bool]]] = WeakKeyDictionary()
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
        parts = [
            as_bytes(part)
            for base in cls.__mro__
            if not is_importable(base)
            for name, item in sorted(vars(base).items())
            for part in (name, *told.by_member(name, item))
        ]
        _KNOWN[cls] = tagged(b"+", *parts), told.is_whole
    return _KNOWN[cls]


class Told:
    """What identifies one thing, with all that is in it, as texts.

    Attributes:
        is_whole: Whether nothing was met so far of which texts do not tell all.
    """

    def __init__(self) -> None:
        self.is_whole = True
        self._seen: set[int] = set()

    def by_member(self, name: str, item: Any) -> Iterator[str]:
        """Yield what identifies an attribute of a class."""
        item = underlying(item)
        if isinstance(item, types.FunctionType) or not name.startswith(OF_PYTHON):
            yield from self.by(item)

    def by(self, item: Any) -> Iterator[str]:
        """Yield what identifies a function, an object or a plain value."""
        if is_plain(item):
            yield f"{type(item).__name__} {item!r}"
        elif id(item) not in self._seen:
            self._seen.add(id(item))
            if isinstance(item, types.FunctionType):
                yield from self._by_function(item)
            elif isinstance(item, (types.MethodType, partial, tuple)):
                for part in _parts(item):
                    yield from self.by(part)
            elif isinstance(item, (type, types.BuiltinFunctionType)) and is_importable(item):
                yield path_of(item)
            elif not isinstance(item, types.ModuleType):
                yield path_of(type(item))
                attributes = getattr(item, "__dict__", {"": item})
                self.is_whole &= all(isinstance(each, str) for each in attributes.values())
                yield from _texts_of(attributes)

    def _by_function(self, function: types.FunctionType) -> Iterator[str]:
        yield path_of(function)
        yield from self.by(getattr(function, "__wrapped__", None))
        if not is_importable(function):
            yield from by_code(function.__code__)
        stored, changes = _changed_by(function.__code__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        held = [_content(cell) for name, cell in cells if name not in {"__class__", *stored}]
        for item in (*held, *(function.__defaults__ or ()), function.__kwdefaults__):
            if not changes or not isinstance(item, (list, dict, set)):
                yield from self.by(item)


def _parts(item: Any) -> tuple[Any, ...]:
    if isinstance(item, types.MethodType):
        return item.__func__, item.__self__
    return (item.func, *item.args, *item.keywords.items()) if isinstance(item, partial) else item


def _texts_of(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Yield an object's texts, without credentials: whose it is, or of which place."""
    for name, value in sorted(attributes.items()):
        if isinstance(value, str) and not is_credential(name, value):
            yield f"{name} {value!r}"


def _changed_by(code: types.CodeType) -> tuple[set[str], bool]:
    """Return the outer variables that code stores, and whether it may change a container."""
    steps = list(dis.get_instructions(code))
    stored = {step.argval for step in steps if step.opname == "STORE_DEREF"}
    changes = not _MUTATORS.isdisjoint(code.co_names) or any(
        step.opname in _STORES for step in steps
    )
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            of_inner, inner_changes = _changed_by(inner)
            stored, changes = stored | of_inner, changes or inner_changes
    return stored, changes


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError as error:  # nothing yet
        pass_on(error)
        return None
