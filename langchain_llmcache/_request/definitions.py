"""What classes and functions are, where a key tells them by name.

A name leads to one thing in every process, so the name is enough. But within a process it may be
defined again: a module is reloaded, a cell of a notebook is edited. What comes under a name that
led to other code before is told by its code too.

Rule of this file: it reads what is there, and calls nothing of it.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import types
import typing
from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePath
from typing import Any, Final
from weakref import WeakKeyDictionary

from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

# By name: the code that it led to first.
_FIRST: Final[dict[str, bytes]] = {}
_CODE: Final[WeakKeyDictionary[Any, bytes]] = WeakKeyDictionary()


def is_plain(value: Any) -> bool:
    """Tell whether a value is JSON data: its ``repr`` tells all of it."""
    kind = type(value)
    if kind is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if kind is list or kind is tuple:
        return all(map(is_plain, value))
    return value is None or kind in (str, int, float, bool)


def path_of(item: Any) -> str:
    """Return the name that a class or a function is imported by, the same in each run.

    The program's main module goes by its name or its file: it is ``__mp_main__`` in the
    processes that it starts.
    """
    module = item.__module__
    if module in ("__main__", "__mp_main__"):
        main = sys.modules.get(module) or sys.modules["__main__"]
        spec = getattr(main, "__spec__", None)
        file = getattr(main, "__file__", None)
        module = spec.name if spec is not None else PurePath(file).stem if file else "__main__"
    return f"{module}:{item.__qualname__}"


def is_importable(item: Any) -> bool:
    """Tell whether a class or a function is what its name leads to."""
    found: Any = sys.modules.get(getattr(item, "__module__", None) or "")
    for name in item.__qualname__.split("."):
        # Of a module only what is there: its ``__getattr__`` might import more.
        found = (
            vars(found).get(name)
            if isinstance(found, types.ModuleType)
            else getattr(found, name, None)
        )
    return found is item


def redefined(item: Any) -> bytes:
    """Return what tells an importable class or function from what its name led to before.

    Returns:
        A digest of the code; of what the name led to first, nothing.
    """
    if isinstance(item, type):
        changed = [_changed(base) for base in item.__mro__ if base.__module__ != "builtins"]
        return b"".join(changed)
    return _changed(item) if isinstance(item, types.FunctionType) else b""


def _changed(item: Any) -> bytes:
    if item not in _CODE:
        text = "\0".join(_by_members(item))
        _CODE[item] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    code = _CODE[item]
    return b"" if _FIRST.setdefault(path_of(item), code) == code else code


def _by_members(item: Any) -> Iterator[str]:
    if isinstance(item, types.FunctionType):
        yield from by_code(item.__code__)
        yield from _by_members(getattr(item, "__wrapped__", None))
    for name, member in sorted(vars(item).items()) if isinstance(item, type) else ():
        held = underlying(member)
        if isinstance(held, types.FunctionType):
            yield name
            yield from _by_members(held)
        elif is_plain(held) and not is_of_python(name):
            yield f"{name} {held!r}"


def is_of_python(name: str) -> bool:
    """Tell whether Python or pydantic put an attribute of this name into a class."""
    return name.startswith(("__", "_abc_")) or (
        name.startswith("model_") and hasattr(BaseModel, name)
    )


def underlying(member: Any) -> Any:
    """Return the function of an attribute of a class; of any other attribute, the attribute."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, cached_property):
        return member.func
    if isinstance(member, (classmethod, staticmethod)):
        return member.__func__
    return member


def slots_of(value: Any) -> dict[str, Any]:
    """Return what an object holds in slots, those of the classes above its own included."""
    names = [
        name  # as it is kept: of ``__mode``, with that of its class in front
        for base in type(value).__mro__
        if "__slots__" in vars(base)
        for name, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType) and not name.startswith("__pydantic_")
    ]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def by_code(code: types.CodeType) -> Iterator[str]:
    """Yield what identifies code."""
    yield code.co_code.hex()
    yield repr(code.co_names)
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            yield from by_code(value)
        elif is_plain(value):
            yield repr(value)


def told_as_tool(function: types.FunctionType) -> tuple[str, str]:
    """Return what a provider is sent of a function that is a tool: its description, its arguments."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    annotations = getattr(function, "__annotations__", {})
    kinds = [annotations.get(name) for name in names]
    shown = [
        kind if isinstance(kind, str) else getattr(kind, "__qualname__", kind) for kind in kinds
    ]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    told = [*zip(names, map(str, shown), strict=True), *filter(is_plain, defaults)]
    return inspect.cleandoc(function.__doc__ or ""), repr(told)


def notes_in(hint: Any, seen: set[Any] | None = None) -> Iterator[Any]:
    """Yield what ``Annotated`` says in a type, and in the types that it consists of."""
    seen = set() if seen is None else seen
    yield from getattr(hint, "__metadata__", ())
    inner: Any = typing.get_args(hint)
    if is_typeddict(hint) and id(hint) not in seen:
        seen.add(id(hint))
        inner = get_type_hints(hint, include_extras=True).values()
    for each in inner:
        yield from notes_in(each, seen)
