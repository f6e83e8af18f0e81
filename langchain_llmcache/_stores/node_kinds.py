"""The kinds of object that a node value may hold: how the state of each is taken and put back.

Rules of this file: the state tells all of an object, or taking it fails; what is made from a
state has exactly the class of its kind; nothing is imported, called or compared because a state
says so. A state of another form than the kind's is not even looked at: a text for a number, or a
range for a list, may cost any amount of memory and time.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, Final, NamedTuple
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

from langchain_core import messages
from langchain_core.documents import Document
from pydantic import BaseModel

from langchain_llmcache._answer.classes import MESSAGES
from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._answer.objects import check_fields, plan_of
from langchain_llmcache.errors import ConfigurationError

_set: Final = object.__setattr__


class Kind(NamedTuple):
    """A kind of object.

    Attributes:
        name: What it is called in a value.
        take: Returns the state of an object: plain data, or objects of other kinds.
        make: Returns the object of a state.
        form: What a state consists of: a class, several of which it is one, or a list of forms;
            ``object``: anything.
    """

    name: str
    take: Callable[[Any], Any]
    make: Callable[[Any], Any]
    form: Any


class UnlikeError(Exception):
    """The state of this object would not tell all of it."""


def has_form(value: Any, form: Any) -> bool:
    """Tell whether a state, or a part of it, is of a form."""
    if isinstance(form, list):
        return type(value) is list and len(value) == len(form) and all(map(has_form, value, form))
    if isinstance(form, tuple):
        return any(has_form(value, each) for each in form)
    return form is object or type(value) is form


def _items(value: Mapping[Any, Any]) -> list[list[Any]]:
    if getattr(value, "__dict__", None):
        raise UnlikeError("a mapping with attributes")
    return [[key, item] for key, item in value.items()]


# --- Python's own ------------------------------------------------------------------------------

_FACTORIES: Final[dict[str | None, Callable[[], Any] | None]] = {
    None: None,
    **{
        cls.__name__: cls
        for cls in (
            bool,
            bytes,
            Counter,
            defaultdict,
            deque,
            dict,
            float,
            frozenset,
            int,
            list,
            OrderedDict,
            set,
            str,
            tuple,
        )
    },
}


def _take_defaultdict(value: defaultdict[Any, Any]) -> list[Any]:
    for name, factory in _FACTORIES.items():
        if value.default_factory is factory:
            return [name, _items(value)]
    raise UnlikeError("a defaultdict whose default is a function")


def _make_defaultdict(state: Any) -> Any:
    name, items = state
    return defaultdict(_FACTORIES[name], items)


def _take_clock(value: datetime | time) -> list[Any]:
    return [value.hour, value.minute, value.second, value.microsecond, value.fold, value.tzinfo]


def _make_time(state: Any) -> time:
    hour, minute, second, microsecond, fold, zone = state
    return time(hour, minute, second, microsecond, zone, fold=fold)


def _take_datetime(value: datetime) -> list[Any]:
    return [value.year, value.month, value.day, *_take_clock(value)]


def _make_datetime(state: Any) -> datetime:
    year, month, day, hour, minute, second, microsecond, fold, zone = state
    return datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


def _take_timezone(value: timezone) -> list[Any]:
    return list(value.__getinitargs__())  # type: ignore[attr-defined]


def _take_zone(value: ZoneInfo) -> str:
    if ZoneInfo(value.key) is not value:
        raise UnlikeError("a time zone that is not the system's")
    return value.key


def _make_fraction(state: Any) -> Fraction:
    if max(number.bit_length() for number in state) > _LARGEST:
        raise CorruptEntryError("a fraction of numbers that take long to divide")
    return Fraction(*state)


def _take_int(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


# In bits: of larger numbers, a common divisor is not looked for.
_LARGEST: Final = 100_000
_NUMBERS_3: Final = [int, int, int]
_CLOCK: Final = [int, int, int, int, int, object]
_PYTHON: Final[dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any], Any]]] = {
    tuple: (list, tuple, list),
    set: (list, set, list),
    frozenset: (list, frozenset, list),
    deque: (
        lambda value: [list(value), value.maxlen],
        lambda state: deque(*state),
        [list, (int, type(None))],
    ),
    dict: (_items, dict, list),
    OrderedDict: (_items, OrderedDict, list),
    Counter: (_items, lambda state: Counter(dict(state)), list),
    defaultdict: (_take_defaultdict, _make_defaultdict, [(str, type(None)), list]),
    bytearray: (bytes, bytearray, bytes),
    range: (
        lambda value: [value.start, value.stop, value.step],
        lambda state: range(*state),
        _NUMBERS_3,
    ),
    int: (_take_int, lambda state: int.from_bytes(state, "big", signed=True), bytes),
    complex: (
        lambda value: [value.real, value.imag],
        lambda state: complex(*state),
        [float, float],
    ),
    Decimal: (str, Decimal, str),
    Fraction: (lambda value: [value.numerator, value.denominator], _make_fraction, [int, int]),
    date: (
        lambda value: [value.year, value.month, value.day],
        lambda state: date(*state),
        _NUMBERS_3,
    ),
    time: (_take_clock, _make_time, _CLOCK),
    datetime: (_take_datetime, _make_datetime, [*_NUMBERS_3, *_CLOCK]),
    timedelta: (
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda state: timedelta(*state),
        _NUMBERS_3,
    ),
    timezone: (
        _take_timezone,
        lambda state: timezone(*state),
        ([timedelta], [timedelta, str]),
    ),
    ZoneInfo: (_take_zone, ZoneInfo, str),
    UUID: (
        lambda value: [value.bytes, value.is_safe.value],
        lambda state: UUID(bytes=state[0], is_safe=SafeUUID(state[1])),
        [bytes, (int, type(None))],
    ),
    **{
        cls: (str, cls, str)
        for cls in (
            PosixPath,
            PurePosixPath,
            PureWindowsPath,
            WindowsPath,
            IPv4Address,
            IPv4Interface,
            IPv4Network,
            IPv6Address,
            IPv6Interface,
            IPv6Network,
        )
    },
}


# --- arrays ------------------------------------------------------------------------------------

_NUMBERS: Final = "biufcmMSUV"


def array_kind(cls: type) -> Kind | None:
    """Return the kind of numpy's arrays, or of its numbers, if a class is one of those."""
    np = sys.modules.get("numpy")
    if np is None or cls.__module__ != "numpy":
        return None
    if cls is np.ndarray:
        return ARRAY
    return SCALAR if issubclass(cls, np.generic) else None


def _take_dtype(dtype: Any) -> Any:
    import numpy as np

    taken = np.lib.format.dtype_to_descr(dtype)
    again = np.lib.format.descr_to_dtype(taken)
    if (
        dtype.kind not in _NUMBERS
        or dtype.hasobject
        or not dtype.itemsize
        or dtype.metadata
        or type(again) is not type(dtype)
        or (again, again.isalignedstruct) != (dtype, dtype.isalignedstruct)
    ):
        raise UnlikeError("an array whose items are not plain numbers")
    return taken


def _make_dtype(state: Any) -> Any:
    import numpy as np

    dtype = np.lib.format.descr_to_dtype(state)
    if dtype.kind not in _NUMBERS or dtype.hasobject or not dtype.itemsize:
        raise CorruptEntryError("an array whose items are not plain numbers")
    return dtype


def _take_array(value: Any) -> list[Any]:
    flags = value.flags
    order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    dtype = _take_dtype(value.dtype)
    return [dtype, list(value.shape), order, flags.writeable, value.tobytes(order=order)]


def _make_array(state: Any) -> Any:
    import numpy as np

    descr, shape, order, writeable, data = state
    view: Any = np.ndarray(shape, _make_dtype(descr), buffer=data, order=order)
    if view.nbytes != len(data):
        raise CorruptEntryError("an array of another size")
    array = view.copy(order=order)
    array.flags.writeable = writeable
    return array


def _take_scalar(value: Any) -> list[Any]:
    if value.dtype.type is not type(value) or value.dtype.names:
        raise UnlikeError("a number of numpy's that is not a plain one")
    return [_take_dtype(value.dtype), value.tobytes()]


def _make_scalar(state: Any) -> Any:
    import numpy as np

    descr, data = state
    (value,) = np.frombuffer(data, _make_dtype(descr))
    return value


ARRAY: Final = Kind("ndarray", _take_array, _make_array, [object, list, str, bool, bytes])
SCALAR: Final = Kind("numpy scalar", _take_scalar, _make_scalar, [object, bytes])


# --- classes -----------------------------------------------------------------------------------


def class_kind(cls: type) -> Kind:
    """Return the kind of a class's objects.

    Raises:
        ConfigurationError: if the state of its objects cannot be taken.
    """
    name = f"{cls.__module__}.{cls.__qualname__}"
    if issubclass(cls, Enum):
        return _enum_kind(name, cls)
    if issubclass(cls, BaseModel):
        return _model_kind(name, cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _named_tuple_kind(name, cls)
    if hasattr(cls, "__fields_set__") and hasattr(cls, "__private_attributes__"):
        return _old_model_kind(name, cls)
    try:
        object.__new__(cls)
    except TypeError as error:
        msg = (
            f"allow holds {name}; expected dataclasses, pydantic models, enums, named tuples, and "
            "classes whose objects have nothing but attributes"
        )
        raise ConfigurationError(msg) from error
    return _object_kind(name, cls)


def _enum_kind(name: str, cls: type[Enum]) -> Kind:
    def take(value: Enum) -> Any:
        # (A combination of flags has no name of its own.)
        if cls.__members__.get(value.name or "") is value:
            return value.name
        if isinstance(value, Flag) and type(value.value) is int:
            return value.value
        raise UnlikeError("a member that its class does not list")

    def make(state: Any) -> Any:
        return cls.__members__[state] if type(state) is str else cls(state)

    return Kind(name, take, make, (str, int))


def _named_tuple_kind(name: str, cls: Any) -> Kind:
    def take(value: Any) -> list[Any]:
        if getattr(value, "__dict__", None):
            raise UnlikeError("a named tuple with attributes")
        return [list(cls._fields), list(value)]

    def make(state: Any) -> Any:
        names, values = state
        if names != list(cls._fields) or len(values) != len(names):
            raise CorruptEntryError("fields that the class does not have")
        return tuple.__new__(cls, values)

    return Kind(name, take, make, [list, list])


def _model_kind(name: str, cls: type[BaseModel]) -> Kind:
    def take(value: BaseModel) -> list[Any]:
        fields = _attributes(value)
        private = value.__pydantic_private__
        _check_names(fields, cls.model_fields)
        return [fields, value.__pydantic_extra__, sorted(value.model_fields_set), private]

    def make(state: Any) -> Any:
        fields, extra, given, private = state
        plan = plan_of(cls) if name.startswith("langchain_core.") else None
        if plan is not None:
            check_fields(plan, fields)
        _check_names(fields, cls.model_fields)
        if private is not None:
            _check_names({**cls.__private_attributes__, **private}, cls.__private_attributes__)
        made = object.__new__(cls)
        _set(made, "__dict__", fields)
        _set(made, "__pydantic_fields_set__", set(given))
        if not cls.__pydantic_root_model__:  # which has neither
            _set(made, "__pydantic_extra__", extra)
            _set(made, "__pydantic_private__", private)
        return made

    return Kind(name, take, make, [dict, (dict, type(None)), list, (dict, type(None))])


def _old_model_kind(name: str, cls: Any) -> Kind:
    """Return the kind of a model of ``pydantic.v1``."""

    def take(value: Any) -> list[Any]:
        private = {key: getattr(value, key) for key in cls.__private_attributes__}
        _check_names(value.__dict__, cls.__fields__)
        return [value.__dict__, sorted(value.__fields_set__), private]

    def make(state: Any) -> Any:
        fields, given, private = state
        _check_names(fields, cls.__fields__)
        _check_names(private, cls.__private_attributes__)
        made = object.__new__(cls)
        _set(made, "__dict__", fields)
        _set(made, "__fields_set__", set(given))
        for key, item in private.items():
            _set(made, key, item)
        return made

    return Kind(name, take, make, [dict, list, dict])


def _object_kind(name: str, cls: Any) -> Kind:
    slots = [
        slot
        for base in cls.__mro__
        for slot in _listed(vars(base).get("__slots__", ()))
        if slot not in ("__dict__", "__weakref__")
    ]
    is_dataclass = dataclasses.is_dataclass(cls)
    names = [field.name for field in dataclasses.fields(cls)] if is_dataclass else slots

    def take(value: Any) -> dict[str, Any]:
        state = {slot: getattr(value, slot) for slot in slots} | _attributes(value)
        if is_dataclass or not hasattr(value, "__dict__"):
            _check_names(state, names)
        return state

    def make(state: Any) -> Any:
        if is_dataclass or not cls.__dictoffset__:
            _check_names(state, names)
        made = object.__new__(cls)
        for slot in slots:
            _set(made, slot, state.pop(slot))
        # Not one by one: a property of the class may have the name of an attribute.
        if state:
            made.__dict__.update(state)
        return made

    return Kind(name, take, make, dict)


def _attributes(value: Any) -> dict[str, Any]:
    """Return an object's attributes, without what its cached properties remember."""
    cls = type(value)
    return {
        name: item
        for name, item in getattr(value, "__dict__", {}).items()
        if not isinstance(getattr(cls, name, None), functools.cached_property)
    }


def _listed(slots: str | Iterable[str]) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots


def _check_names(state: Any, names: Iterable[str]) -> None:
    """Check that an object has the attributes that its class has now.

    Raises:
        UnlikeError: if it has not: it would come back with some missing, or with old ones.
    """
    if state.keys() != set(names):
        raise UnlikeError("attributes that its class does not list")


# --- LangChain's and LangGraph's ---------------------------------------------------------------

# Modules that are imported when there is a graph that uses them: they take a second.
OF_GRAPHS: Final = {
    "langgraph.types": ("Command", "Interrupt", "Overwrite", "Send", "TimeoutPolicy"),
    "langgraph.store.base": ("Item", "SearchItem"),
}


def _text_kind() -> dict[type, Kind]:
    """Return the kind of ``message.text``, which is a string of a class of its own."""
    cls = type(messages.HumanMessage("").text)
    return {} if cls is str else {cls: Kind("TextAccessor", str.__str__, cls, str)}


KINDS: Final[dict[type, Kind]] = {
    **{
        cls: Kind(cls.__qualname__, take, make, form) for cls, (take, make, form) in _PYTHON.items()
    },
    **{cls: class_kind(cls) for cls in MESSAGES.values()},
    **{cls: class_kind(cls) for cls in (messages.RemoveMessage, Document)},
    **_text_kind(),
}
