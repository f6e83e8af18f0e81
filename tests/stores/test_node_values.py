"""Node values come back as they were, class and all, or are not stored; and nothing else happens."""

from __future__ import annotations

import collections
import math
import signal
import time as clock
import tracemalloc
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from fractions import Fraction
from functools import cached_property
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID, uuid1, uuid4
from zoneinfo import ZoneInfo

import numpy as np
import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.store.base import Item
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import BaseModel, Field, PrivateAttr, RootModel

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._stores.node_kinds import KINDS
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.stores import NodeSerializer
from tests.support.examples import examples
from tests.support.samples import SAMPLES


class Colour(Enum):
    """Not comparable with its values."""

    RED = 1
    BLUE = "b"


class Level(IntEnum):
    """Equal to its values."""

    LOW = 1


class Word(str, Enum):
    """Likewise."""

    A = "a"


class Rights(Flag):
    """Combinations have no name of their own."""

    READ = 1
    WRITE = 2


@dataclass
class Point:
    """A dataclass."""

    x: Any
    y: int = 0
    more: list[Any] = field(default_factory=list)

    @cached_property
    def sum(self) -> Any:
        """Remembered in the object."""
        return self.x + self.y


@dataclass(frozen=True)
class Frozen:
    """One that cannot be set."""

    a: Any


@dataclass(frozen=True)
class Slotted:
    """One without a __dict__."""

    __slots__ = ("a", "b")
    a: Any
    b: Any


class Order:
    """Has an ``Item``."""

    @dataclass
    class Item:
        """Of an order."""

        name: str


class Refund:
    """Has one too."""

    @dataclass
    class Item:
        """Of a refund."""

        name: str


class Pair(NamedTuple):
    """A named tuple."""

    left: Any
    right: Any


class Person(BaseModel):
    """A model with all that a model may have."""

    name: str = Field(alias="Name")
    tags: set[str] = set()
    extra: Any = None
    _secret: Any = PrivateAttr(default=None)

    @cached_property
    def loud(self) -> str:
        """Remembered in the object."""
        return self.name.upper()


class Open(BaseModel):
    """One that takes more fields."""

    model_config = {"extra": "allow", "arbitrary_types_allowed": True}
    a: Any = None


class Numbers(RootModel[list[int]]):
    """One that is a list."""


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    """One of many classes."""

    item: T


class Plain:
    """Has nothing but attributes."""

    def __init__(self, a: Any) -> None:
        self.a = a


class Slots:
    """Has nothing but slots."""

    __slots__ = ("a",)

    def __init__(self, a: Any) -> None:
        self.a = a


CLASSES: list[type] = [
    *(Colour, Level, Word, Rights, Point, Frozen, Slotted, Order.Item, Refund.Item, Pair),
    *(Person, Open, Numbers, Box[int], Plain, Slots),
]
SERDE = NodeSerializer(allow=CLASSES)
OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=OSLO)


def same(left: Any, right: Any) -> bool:  # noqa: C901, PLR0911, PLR0912 - a case for each kind
    """Tell whether two values are of the same class, and hold the same, whatever ``==`` says."""
    if type(left) is not type(right):
        return False
    match left:
        case float():
            return math.copysign(1, left) == math.copysign(1, right) and (
                left == right or (math.isnan(left) and math.isnan(right))
            )
        case complex():
            return same(left.real, right.real) and same(left.imag, right.imag)
        case np.ndarray() | np.generic():
            return (
                (left.dtype, left.shape) == (right.dtype, right.shape)
                and left.tobytes() == right.tobytes()
                and (np.isscalar(left) or left.flags.writeable == right.flags.writeable)
            )
        case dict():
            return (
                all(map(same, left, right))  # keys, in their order
                and len(left) == len(right)
                and all(map(same, left.values(), right.values()))
                and getattr(left, "default_factory", 0) is getattr(right, "default_factory", 0)
            )
        case list() | tuple() | deque():
            return (
                len(left) == len(right)
                and all(map(same, left, right))
                and getattr(left, "maxlen", 0) == getattr(right, "maxlen", 0)
            )
        case set() | frozenset():
            return len(left) == len(right) and all(any(same(a, b) for b in right) for a in left)
        case datetime() | time():
            return (
                left.replace(tzinfo=None) == right.replace(tzinfo=None)
                and left.fold == right.fold
                and same(left.tzinfo, right.tzinfo)
                and left.tzname() == right.tzname()
            )
        case tzinfo() if not isinstance(left, ZoneInfo):
            return repr(left) == repr(right)
        case Decimal():
            return bool(left.as_tuple() == right.as_tuple())
        case UUID():
            return bool(left == right and left.is_safe == right.is_safe)
        case BaseModel():
            return (
                same(
                    {name: left.__dict__[name] for name in type(left).model_fields},
                    {name: right.__dict__[name] for name in type(left).model_fields},
                )
                and same(left.__pydantic_extra__, right.__pydantic_extra__)
                and same(left.__pydantic_private__, right.__pydantic_private__)
                and left.model_fields_set == right.model_fields_set
            )
        case Point() | Frozen() | Plain():
            kept = {name: item for name, item in vars(left).items() if name != "sum"}
            return same(kept, vars(right))
        case Slots() | Slotted():
            return same(left.a, right.a)
        case Send():
            return same((left.node, left.arg), (right.node, right.arg))
        case Command():
            return same((left.update, left.goto), (right.update, right.goto))
        case _:
            return bool(left == right)


def again(value: Any, serde: NodeSerializer = SERDE) -> Any:
    """Return what comes back."""
    return serde.loads_typed(serde.dumps_typed(value))


def person(**more: Any) -> Person:
    """Return a person who remembers something."""
    made = Person(Name="Ann", **more)
    assert made.loud == "ANN"
    made._secret = 7
    return made


def array(*items: Any, **options: Any) -> Any:
    """Return an array."""
    return np.array(items, **options)


def locked(value: Any) -> Any:
    """Return an array that cannot be written to."""
    value.flags.writeable = False
    return value


VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, -(10**40)),
    *(0.0, -0.0, math.inf, math.nan, 1e-320, "", "é\0🙂", b"", b"\0\xff", bytearray(b"x")),
    *([], (), {}, set(), frozenset(), deque(), [()], ([],), ((1,), [2]), {"a": (1, {"b": [()]})}),
    *({1: "a", "1": "b"}, {(1, 2): 3}, {None: 1}, {1.5: 1}, {b"x": 1}, {True: 1}, {NOW: 1}),
    *({Colour.RED: Colour.BLUE}, {Level.LOW: Level.LOW}, {Word.A: Word.A}, {Word.A, Colour.RED}),
    *({1, "a", None, (1,)}, frozenset({frozenset({1}), 2}), deque([1, (2,)], maxlen=3)),
    *(deque(maxlen=0), OrderedDict(b=1, a=(2,)), Counter("abracadabra"), range(5, 1, -2)),
    *(defaultdict(list, a=[1]), defaultdict(None, {1: 2}), defaultdict(Counter, a=Counter("b"))),
    *(1j, complex(math.nan, -0.0), Decimal("1.10"), Decimal("-0E+3"), Decimal("sNaN12")),
    *(Fraction(1, 3), date(1, 1, 1), datetime.max.replace(tzinfo=OSLO), NOW, NOW.replace(tzinfo=None), NOW.timetz()),
    *(time(1, 2, 3, 4, fold=1), time(0, tzinfo=timezone(timedelta(hours=-3, seconds=1), "X"))),
    *(timedelta.min, timedelta(microseconds=-1), timezone.utc, timezone(timedelta(0), "here")),
    *(OSLO, uuid1(), uuid4(), PurePosixPath("a/../b"), PureWindowsPath("c:/x"), ip_address("::1%2")),
    *(ip_network("10.0.0.0/8"), ip_interface("fe80::1/64"), Rights.READ | Rights.WRITE, Rights(0)),
    *(Point((1, 2), more=[Frozen(Slotted(1, b"x"))]), Order.Item("x"), Refund.Item("x")),
    *(Pair(1, Pair((), [])), person(tags={"x"}), Open.model_validate({"a": Frozen(1), "b": [2]}), Numbers([1]), Box[int](item=1)),
    *(Plain(Plain(1)), Slots((1,)), AIMessage("x").text, HumanMessage("x", id="1", other=[(1,)])),
    *(AIMessage([{"x": (1,)}]), ToolMessage("x", tool_call_id="1", artifact={1, 2}), RemoveMessage(id="1")),
    *(Document("x", metadata={"at": NOW}), Send("n", {"a": (1,)}), Command(goto=[Send("n", 1)])),
    *(Command(update={"a": AIMessage("x")}, graph=Command.PARENT), Interrupt((1,), id="x"), Overwrite([1])),
    Item(value={"a": (1,)}, key="k", namespace=("a",), created_at=NOW, updated_at=NOW),
    *(array(), array([1, 2], [3, 4]), np.asfortranarray(array([1, 2], [3, 4])), np.arange(9)[::2]),
    *(locked(np.arange(3)), np.zeros((0, 3)), np.array(1.5), array("a", "bc"), array(b"a\0")),
    *(array(1, 2, dtype=">i2"), array("2026-01-01", dtype="M8[ms]"), array(1.5, dtype=np.longdouble)),
    *(np.zeros(2, dtype=[("a", "i4"), ("b", "U3", (2,))]), np.zeros(2, "V3"), array(True, False)),
    *(np.float64(1.5), np.int8(-1), np.True_, np.str_("x"), np.datetime64("2026-01-01"), np.bytes_(b"x")),
    *(each.message for each in (item for sample in SAMPLES.values() for item in sample) if hasattr(each, "message")),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_it_comes_back_as_it_was(value: Any) -> None:
    """Equal and of the same class, by itself and in the writes of a node; and so once more."""
    assert same(again(value), value)
    writes = deque([("messages", [value]), ("state", {"v": value, "t": (value, value)})])
    assert same(again(writes), writes)
    assert same(again(again(value)), value)


class Loud(str):  # noqa: SLOT000 - as people write them
    """A string of a class of its own."""


class Own(dict[str, Any]):
    """A mapping of a class of its own."""


class Shouting(datetime):
    """A date of a class of its own."""


def with_attribute(value: Any) -> Any:
    """Return something with an attribute that its class does not list."""
    value.another = 1
    return value


class Reader(BaseModel):
    """Not allowed."""

    a: int


def partly() -> Any:
    """Return an object without one of its fields."""
    made = Point(1)
    del made.more
    return made


def looped() -> Any:
    """Return a list in itself."""
    loop: list[Any] = []
    loop.append(loop)
    return loop


def deep() -> Any:
    """Return tuples in tuples."""
    value: Any = ()
    for _ in range(2000):
        value = (value,)
    return value


REFUSED: dict[str, Any] = {
    "object": object(),
    "function": len,
    "lambda": lambda: None,
    "class": dict,
    "exception": ValueError("as text"),
    "exception inside": {"nested": [ValueError("as text")]},
    "lone surrogate": "\ud800",
    "Ellipsis": ...,
    "generator": iter(()),
    "a string of a class": Loud("x"),
    "a mapping of a class": Own(a=1),
    "a date of a class": Shouting(2026, 1, 1),
    "a default that is a function": defaultdict(lambda: 1, a=1),
    "a zone that is not the system's": datetime(2026, 1, 1, tzinfo=ZoneInfo.no_cache("Europe/Oslo")),
    "a mapping with an attribute": with_attribute(Counter("a")),
    "an object with another attribute": with_attribute(Point(1)),
    "an object without one": partly(),
    "a class that is not allowed": Reader(a=1),
    "a message with a class in it": AIMessage("x", additional_kwargs={"parsed": Reader(a=1)}),
    "loop": looped(),
    "deep": deep(),
    "masked": np.ma.masked_array([1, 2], mask=[False, True]),
    "objects": array(1, None, dtype=object),
    "objects in records": np.zeros(1, dtype=[("a", "O")]),
    "strings of any length": array("x", dtype=np.dtypes.StringDType()),
    "a number with parts": np.zeros(1, dtype=[("a", "i4")])[0],
    "view": memoryview(b"x"),
    "too many objects": [()] * 100_001,
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_change_is_refused(name: str) -> None:
    """Never an exception of another kind, and never a value in its place."""
    for value in (REFUSED[name], [("channel", REFUSED[name])]):
        with pytest.raises(NotStorableError):
            SERDE.dumps_typed(value)


class Raises:
    """What a hostile object does when it is looked at."""

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError

    def __bool__(self) -> bool:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError


@dataclass(eq=True)
class Holder:
    """Whose ``==`` is that of what it holds."""

    item: Any


@pytest.mark.parametrize(
    "value",
    [
        Document("x", metadata={"embedding": np.arange(3)}),
        AIMessage("x", additional_kwargs={"embedding": np.arange(3)}),
        ToolMessage("x", tool_call_id="1", artifact=np.arange(3)),
        Holder(np.arange(3)),
        Open(a=np.arange(3)),
        {"a": [np.arange(3), (np.arange(3),)]},
        np.ma.masked_array([1, 2], mask=[False, True]),
        Holder(np.ma.masked_array([1, 2], mask=[False, True])),
        Raises(),
        [Raises()],
        Holder(Raises()),
        {"a": Raises()},
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_cannot_be_compared(value: Any) -> None:
    """It comes back or is not stored; its ``==`` is not asked."""
    serde = NodeSerializer(allow=[Holder, Open])
    try:
        kind, data = serde.dumps_typed(value)
    except NotStorableError:
        cache = LLMCache()
        cache.store.set({(("g",), "k"): (value, None)})
        assert (cache.stats().refused, cache.stats().errors) == (1, 0)
        return
    assert serde.dumps_typed(serde.loads_typed((kind, data))) == (kind, data)


# --- any value ---------------------------------------------------------------------------------

ZONES = st.sampled_from([None, timezone.utc, OSLO, timezone(timedelta(minutes=7), "seven")])
HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from([*Colour, *Level, *Word, *Rights])
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.complex_numbers()
    | st.uuids()
    | st.dates()
    | st.datetimes(timezones=ZONES, allow_imaginary=True)
    | st.times()
    | st.timedeltas()
    | st.ip_addresses(),
    lambda inner: (
        st.tuples(inner, inner)
        | st.frozensets(inner, max_size=3)
        | st.builds(Frozen, inner)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=5,
)
ARRAYS = numpy_st.arrays(
    numpy_st.scalar_dtypes() | numpy_st.array_dtypes(max_size=3),
    numpy_st.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
ANY: st.SearchStrategy[Any] = st.recursive(
    HASHABLE | ARRAYS | st.sampled_from([*VALUES, object(), len, Loud("x")]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3, dict_class=OrderedDict)
        | st.dictionaries(HASHABLE, inner, max_size=3).map(lambda items: defaultdict(list, items))
        | st.sets(HASHABLE, max_size=3)
        | st.builds(deque, st.lists(inner, max_size=3), st.none() | st.integers(0, 4))
        | st.builds(Counter, st.lists(HASHABLE, max_size=4))
        | st.builds(Point, inner)
        | st.builds(Slotted, inner, inner)
        | st.builds(Plain, inner)
        | st.builds(Open, a=inner, b=inner)
        | st.builds(lambda item: person(extra=item), inner)
        | st.builds(lambda item: Document("x", metadata={"item": item}), inner)
        | st.builds(lambda item: AIMessage("x", additional_kwargs={"item": item}), inner)
        | st.builds(lambda item: ToolMessage("x", tool_call_id="", artifact=item), inner)
        | st.builds(Send, st.text(max_size=3), inner)
        | st.builds(lambda item: Command(update={"item": item}), inner)
    ),
    max_leaves=12,
)


@examples(100)
@given(ANY)
def test_whatever_a_node_writes(value: Any) -> None:
    """It comes back of the same class with the same in it, or it is refused: nothing else."""
    try:
        stored = SERDE.dumps_typed(value)
    except NotStorableError:
        return
    assert same(SERDE.loads_typed(stored), value)


@examples(100)
@given(ANY, st.data())
def test_whatever_is_read(value: Any, data: st.DataObject) -> None:
    """Altered bytes are a value of the table's classes, or a ``CorruptEntryError``: nothing else."""
    try:
        kind, stored = SERDE.dumps_typed(value)
    except NotStorableError:
        return
    altered = bytearray(stored)
    for _ in range(data.draw(st.integers(1, 4))):
        if altered:
            altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    try:
        SERDE.loads_typed((kind, bytes(altered)))
    except CorruptEntryError:
        return


# --- classes -----------------------------------------------------------------------------------


def test_two_classes_of_one_name_are_told_apart() -> None:
    """A class is known by its whole name, and only the class itself is."""
    serde = NodeSerializer(allow=[Order.Item])
    assert again(Order.Item("x"), serde) == Order.Item("x")
    with pytest.raises(NotStorableError, match=r"Refund\.Item; list its class"):
        serde.dumps_typed(Refund.Item("x"))
    kind, data = NodeSerializer(allow=[Refund.Item]).dumps_typed(Refund.Item("x"))
    with pytest.raises(CorruptEntryError):
        serde.loads_typed((kind, data))


def defined_here(value: int) -> type:
    """Return a class whose name others have too."""

    @dataclass
    class Local:
        a: int = value

    return Local


def test_two_classes_that_nothing_tells_apart_are_refused() -> None:
    """A class that was defined twice in one place cannot be found again by its name."""
    first, second = defined_here(1), defined_here(2)
    with pytest.raises(ConfigurationError, match="two classes of one module and name"):
        NodeSerializer(allow=[first, second])
    NodeSerializer(allow=[first, first])
    with pytest.raises(NotStorableError):
        NodeSerializer(allow=[first]).dumps_typed(second())


@pytest.mark.parametrize("cls", [str, list, Loud, Own, ValueError, type, np.dtype, Shouting])
def test_classes_whose_state_cannot_be_taken_are_refused(cls: type) -> None:
    """When the serializer is made, and by name."""
    with pytest.raises(ConfigurationError, match=f"{cls.__name__}; expected dataclasses"):
        NodeSerializer(allow=[cls])


def test_a_class_that_was_edited_is_a_miss() -> None:
    """A value with fields that its class has no longer, or not yet, does not come back."""

    def named(*fields: str) -> type:
        namespace: dict[str, Any] = {"__annotations__": dict.fromkeys(fields, int)}
        cls = type("Edited", (), {**namespace, "__module__": __name__, "__qualname__": "Edited"})
        return dataclass(cls)

    old, new = named("a", "b"), named("a", "c")
    stored = NodeSerializer(allow=[old]).dumps_typed(old(1, 2))
    with pytest.raises(CorruptEntryError):
        NodeSerializer(allow=[new]).loads_typed(stored)


@dataclass
class Watched:
    """Counts what is called."""

    a: int
    calls = 0

    def __post_init__(self) -> None:
        type(self).calls += 1


def test_reading_calls_nothing_of_a_class() -> None:
    """No constructor, no validator: the state is put back."""
    serde = NodeSerializer(allow=[Watched])
    stored = serde.dumps_typed(Watched(1))
    assert Watched.calls == 1
    assert serde.loads_typed(stored) == Watched(1)
    assert Watched.calls == 2  # to compare with


class Guarded:
    """Has a property that can be set."""

    calls = 0

    @property
    def door(self) -> int:
        """Nothing."""
        return 0

    @door.setter
    def door(self, value: int) -> None:
        type(self).calls += 1


@pytest.mark.parametrize("name", ["door", "__class__", "__dict__"])
def test_a_forged_attribute_calls_no_property(name: str) -> None:
    """What a state names is an attribute, and nothing that a class does with one."""
    forged = packed([f"{__name__}.Guarded", {name: {}}])
    made = NodeSerializer(allow=[Guarded]).loads_typed(("msgpack", forged))
    assert type(made) is Guarded
    assert Guarded.calls == 0


# --- bounds ------------------------------------------------------------------------------------


def packed(value: Any) -> bytes:
    """Return an object as the serializer writes it."""
    return ormsgpack.packb(ormsgpack.Ext(16, ormsgpack.packb(value)))


def nested(depth: int) -> bytes:
    """Return objects in objects."""
    data = packed(["tuple", []])
    for _ in range(depth):
        data = ormsgpack.packb(
            ormsgpack.Ext(16, b"\x92" + ormsgpack.packb("tuple") + b"\x91" + data)
        )
    return data


def same_hashes(number: int) -> list[Any]:
    """Return integers whose hashes are all the same."""
    step = 2**61 - 1
    integers = (each * step for each in range(2**10, 2**10 + number))
    return [
        ormsgpack.Ext(16, ormsgpack.packb(["int", each.to_bytes(16, "big")])) for each in integers
    ]


MEGABYTES = 4 * 2**20
RANGE = ormsgpack.Ext(16, ormsgpack.packb(["range", [0, 2**60, 1]]))
LONG = ormsgpack.Ext(16, ormsgpack.packb(["int", b"\x01" * MEGABYTES]))
HOSTILE: dict[str, bytes | Callable[[], bytes]] = {
    "deep": nested(500),
    "many objects": b"\xdd" + (300_000).to_bytes(4, "big") + packed(["tuple", []]) * 300_000,
    "empty lists": b"\xdd" + (MEGABYTES - 5).to_bytes(4, "big") + b"\x90" * (MEGABYTES - 5),
    "empty mappings": b"\xdd" + (MEGABYTES - 5).to_bytes(4, "big") + b"\x80" * (MEGABYTES - 5),
    "one slot of a set": lambda: packed(["set", same_hashes(100_000)]),
    "one slot of a dict": lambda: packed(["dict", [[key, 1] for key in same_hashes(100_000)]]),
    "a large array": packed(["ndarray", ["f8", [2**40], "C", True, b""]]),
    "an array of nothing": packed(["ndarray", ["V0", [2**40], "C", True, b""]]),
    "an array of objects": packed(["ndarray", ["O", [1], "C", True, b"\x01" * 8]]),
    "an array that is too small": packed(["ndarray", ["f8", [1], "C", True, b"x" * 16]]),
    "a large range in a tuple": packed(["tuple", 2**60]),
    "a range for a set": packed(["set", RANGE]),
    "a range for a deque": packed(["deque", [RANGE, None]]),
    "a range for the names of fields": packed([KINDS[Document].name, [{}, None, RANGE, None]]),
    "a number for bytes": packed(["bytearray", 2**32]),
    "a number for the bytes of an array": packed(
        [
            "ndarray",
            ["u1", [2**32], "C", True, ormsgpack.Ext(16, ormsgpack.packb(["bytearray", 2**32]))],
        ]
    ),
    "a text for a fraction": packed(["Fraction", ["1e999999999", None]]),
    "a fraction of long numbers": lambda: packed(["Fraction", [LONG, LONG]]),
    "a fraction of nothing": packed(["Fraction", [1, 0]]),
    "a year": packed(["date", [10**9, 1, 1]]),
    "a zone of another place": packed(["ZoneInfo", "../../etc/passwd"]),
    "a default that is called": packed(["defaultdict", ["eval", []]]),
    "a message without fields": packed(
        ["langchain_core.messages.ai.AIMessage", [{}, {}, [], None]]
    ),
    "an unknown kind": packed(["subprocess.Popen", ["true"]]),
    "a kind that is none": packed([None, 1]),
    "no state": packed(["tuple"]),
    "unhashable": packed(["set", [[]]]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_forger_writes_costs_little(name: str) -> None:
    """It is refused in a short time and with little memory."""
    again(VALUES[-1])
    made = HOSTILE[name]
    data = made() if callable(made) else made
    began = clock.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(CorruptEntryError):
            SERDE.loads_typed(("msgpack", data))
        assert tracemalloc.get_traced_memory()[1] < 40 * MEGABYTES
    finally:
        tracemalloc.stop()
    assert clock.process_time() - began < 10


def wrong(**changed: Any) -> bytes:
    """Return a message with a field of the wrong kind."""
    message = AIMessage("x")
    name = KINDS[AIMessage].name
    state = [{**message.__dict__, **changed}, {}, ["content"], None]
    return packed([name, state])


@pytest.mark.parametrize(
    "changed",
    [
        {"content": 5},
        {"content": [5]},
        {"additional_kwargs": None},
        {"response_metadata": []},
        {"tool_calls": "x"},
        {"tool_calls": [1]},
        {"tool_calls": [{"name": "f"}]},
        {"invalid_tool_calls": [{"name": 1, "args": None, "id": None, "error": None}]},
        {"usage_metadata": {"x": 1}},
        {"usage_metadata": {"input_tokens": "1", "output_tokens": 1, "total_tokens": 1}},
        {"id": 5},
        {"name": b"x"},
        {"type": "human"},
        {"another": 1},
    ],
)
def test_a_message_with_a_field_of_the_wrong_kind(changed: dict[str, Any]) -> None:
    """A forged message is no message."""
    with pytest.raises(CorruptEntryError):
        SERDE.loads_typed(("msgpack", wrong(**changed)))
    assert SERDE.loads_typed(("msgpack", wrong())) == AIMessage("x")


def test_a_set_of_many_plain_things_is_stored() -> None:
    """The bound on keys is for those whose hashes a forger has chosen."""
    for value in (
        set(range(50_000)),
        {str(number): number for number in range(50_000)},
        dict.fromkeys(range(20_000), ()),
        collections.Counter(range(50_000)),
        {(number, -number) for number in range(20_000)},
        {UUID(int=number << 60): Decimal(number) for number in range(10_000)},
    ):
        assert again(value) == value


class Interrupting(Flag):
    """Raises a signal while a combination of it is made again, once."""

    ONE = 1
    TWO = 2

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if armed:
            armed.clear()
            signal.raise_signal(signal.SIGINT)
        return super()._missing_(value)


armed: list[bool] = []


class LimitExceeded(Exception):  # noqa: N818 - as they are called
    """What a handler raises."""


@pytest.mark.parametrize("kind", [LimitExceeded, KeyboardInterrupt])
def test_what_a_signal_handler_raises_in_a_value_passes(kind: type[BaseException]) -> None:
    """It says nothing about the value, which stays."""

    def limit(*_: Any) -> None:
        raise kind

    cache = LLMCache.from_url("memory://", serde=NodeSerializer(allow=[Interrupting]))
    key = (("graph", "node"), "one")
    value = [Interrupting(3)]
    cache.store.set({key: (value, None)})
    Interrupting._value2member_map_.pop(3, None)  # (Python remembers combinations.)
    before = signal.signal(signal.SIGINT, limit)
    try:
        armed.append(True)
        with pytest.raises(kind):
            cache.store.get([key])
    finally:
        armed.clear()
        signal.signal(signal.SIGINT, before)
    assert cache.stats().corrupt == 0
    assert list(cache.store.get([key])) == [key]
