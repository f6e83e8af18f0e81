"""What classes of functions are made of: of those, a name says too little.

A function that defines a class defines another one each time. Those that are alive can be seen;
one that is gone, or is in another process, is told by its code and by what that refers to.

Rule of this file: what it finds is what was there when a class was first looked at.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final
from weakref import WeakKeyDictionary

from langchain_llmcache._request.canonical import is_importable, is_plain, tagged
from langchain_llmcache._request.llm_strings import as_bytes

_KNOWN: Final[WeakKeyDictionary[type, bytes]] = WeakKeyDictionary()


def body_of(cls: type) -> bytes:
    """Return the code and the data of a class, and of those above that no import leads to."""
    if cls not in _KNOWN:
        seen: set[int] = set()
        parts = [
            as_bytes(part)
            for base in cls.__mro__
            if not is_importable(base)
            for name, item in sorted(vars(base).items())
            for part in (name, *_of_item(name, item, seen))
        ]
        _KNOWN[cls] = tagged(b"+", *parts)
    return _KNOWN[cls]


def _of_item(name: str, item: Any, seen: set[int]) -> Iterator[str]:
    if isinstance(item, (property, cached_property)):
        item = getattr(item, "fget", None) or getattr(item, "func", None)
    item = getattr(item, "__func__", item)
    if isinstance(item, types.FunctionType):
        if id(item) not in seen:
            seen.add(id(item))
            yield from _of_code(item.__code__)
            held = (*map(_content, item.__closure__ or ()), item.__defaults__, item.__kwdefaults__)
            for each in held:
                yield from _of_item("", each, seen)
    elif not name.startswith("__") and is_plain(item):
        yield repr(item)


def _of_code(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for value in code.co_consts:
        if isinstance(value, types.CodeType):
            yield from _of_code(value)
        elif is_plain(value):
            yield repr(value)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing yet
        return None
