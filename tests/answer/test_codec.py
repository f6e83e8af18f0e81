"""What is stored comes back as it was, or is not stored."""

from __future__ import annotations

import enum
import json
import math
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from types import MappingProxyType
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import TAG, CorruptEntryError, NotStorableError
from langchain_llmcache._request.key import Key
from tests.support.samples import CODEC, KEY, SAMPLES, chat, from_entry, to_entry


def with_info(value: Any) -> list[Generation]:
    """Return an answer that holds a value."""
    return [Generation(text="a", generation_info={"value": value})]


def stored_info(value: Any) -> Any:
    """Return what a value comes back as."""
    info = from_entry(to_entry(with_info(value)))[0].generation_info
    assert info is not None
    return info["value"]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_of_answer_comes_back(name: str) -> None:
    """Classes, fields, order and types are those that were stored."""
    back = from_entry(to_entry(SAMPLES[name]))
    assert back == SAMPLES[name]
    assert list(map(type, back)) == list(map(type, SAMPLES[name]))
    assert repr(back) == repr(SAMPLES[name])  # equality does not tell 1 from 1.0


def test_nan_comes_back() -> None:
    """A value that equals nothing, itself included, is kept all the same."""
    assert math.isnan(stored_info([math.nan])[0])


def test_an_answer_is_not_changed_by_storing_it() -> None:
    """The caller of the miss keeps exactly what the model said."""
    for generations in SAMPLES.values():
        before = repr(generations)
        to_entry(generations)
        assert repr(generations) == before


# --- values ----------------------------------------------------------------------------------


class Finish(str, enum.Enum):
    """An enumeration whose members are strings."""

    STOP = "stop"


class Color(enum.Enum):
    """An enumeration whose members are equal to nothing else."""

    RED = 1


class Shouted(str):
    """A string that shows itself as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


class Small(int):
    """An integer of a class of its own."""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Finish.STOP, "stop"),
        (Shouted("a"), "a"),
        (Small(3), 3),
        (Small(2**70), 2**70),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, {"a": [1]}), {"a": [1]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
    ],
)
def test_an_equal_plain_value_is_stored_of_a_subclass(value: Any, plain: Any) -> None:
    """Subclasses of plain types come back as the plain value that they equal."""
    back = stored_info(value)
    assert back == plain == value
    assert type(back) is type(plain)


class Point(namedtuple("Point", "x y")):  # noqa: PYI024 - the plain kind is what is tested
    """A tuple with names."""

    __slots__ = ()


class Case(UserDict[str, int]):
    """A mapping that is no dict and equals none."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


cyclic: list[Any] = []
cyclic.append(cyclic)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        bytearray(b"x"),
        Color.RED,
        Point(1, 2),
        Case(a=1),
        1j,
        print,
        AIMessage,
        cyclic,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_come_back_is_refused(value: Any) -> None:
    """An answer with a value that would not come back equal is not stored."""
    with pytest.raises(NotStorableError):
        to_entry(with_info(value))


def test_answers_nested_too_deeply_are_refused() -> None:
    """What no JSON reader would accept again is not written."""
    value: Any = 1
    for _ in range(500):
        value = {"a": value}
    with pytest.raises(NotStorableError):
        to_entry(with_info(value))


class Custom(AIMessage):
    """A message class of somebody's own."""


class CustomGeneration(Generation):
    """A generation class of somebody's own."""


@pytest.mark.parametrize(
    "generations",
    [[], chat(Custom(content="a")), [CustomGeneration(text="a")], [{"text": "a"}], ["a"], [None]],
    ids=["none", "message", "generation", "dict", "str", "nothing"],
)
def test_foreign_classes_are_refused(generations: Any) -> None:
    """Only classes of langchain-core's own are stored."""
    with pytest.raises(NotStorableError):
        to_entry(generations)


def test_an_answer_that_validation_would_change_comes_back_as_it_was() -> None:
    """What the classes themselves would make of it does not count: it is built, not validated."""
    message = SAMPLES["openai tool calls"][0].message.model_copy()  # type: ignore[attr-defined]
    message.tool_calls = []
    [again] = from_entry(to_entry(chat(message)))
    assert again.message.tool_calls == []  # type: ignore[attr-defined]
    assert again.message.additional_kwargs["tool_calls"]  # type: ignore[attr-defined]


def test_a_text_that_was_set_apart_from_its_message_comes_back() -> None:
    """A generation whose text was changed afterwards keeps it."""
    generation = ChatGeneration(message=AIMessage("message"))
    generation.text = "text"
    assert from_entry(to_entry([generation]))[0].text == "text"


# --- pydantic objects ------------------------------------------------------------------------


class Inner(BaseModel):
    """A part of a structured answer."""

    when: str = Field(alias="at")


class Aliased(BaseModel):
    """A structured answer that is built by its aliases only."""

    first_name: str = Field(alias="firstName")
    inner: Inner


class Named(BaseModel):
    """A structured answer that is built by its own names, and takes nothing else."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    first_name: str = Field(alias="firstName")


class Narrow(BaseModel):
    """A structured answer that writes less than it holds."""

    n: int

    @field_serializer("n")
    def hide(self, n: int) -> int:
        """Write something else."""
        return 0


class Secret(BaseModel):
    """A structured answer with a value that hides itself."""

    s: SecretStr


@pytest.mark.parametrize(
    "parsed",
    [
        Aliased(firstName="Ann", inner=Inner(at="noon")),
        Named(firstName="Ann"),
    ],
)
def test_parsed_objects_come_back_as_the_data_that_builds_them(parsed: BaseModel) -> None:
    """LangChain's parser makes the same object from what a hit holds: ``schema(**parsed)``."""
    message = AIMessage("{}", additional_kwargs={"parsed": parsed})
    back: Any = from_entry(to_entry(chat(message)))[0]
    assert type(parsed)(**back.message.additional_kwargs["parsed"]) == parsed


@pytest.mark.parametrize("parsed", [Narrow(n=1), Secret(s=SecretStr("x"))])
def test_parsed_objects_that_cannot_be_built_again_are_refused(parsed: BaseModel) -> None:
    """An object whose data does not lead back to it is not stored."""
    with pytest.raises(NotStorableError):
        to_entry(chat(AIMessage("{}", additional_kwargs={"parsed": parsed})))


# --- the format ------------------------------------------------------------------------------


def test_an_entry_answers_under_its_own_key_only() -> None:
    """A copy of an entry under another key is no answer."""
    entry = to_entry(SAMPLES["ai"])
    with pytest.raises(CorruptEntryError, match="another key"):
        CODEC.decode(entry, key=Key(KEY.space, "f" * 64))


@pytest.mark.parametrize(
    "entry",
    [
        *(b"", b"llm", b"llm1:", b"llm2:", b"llm2:k", b"json:{}", b"lease:x"),
        b"llm3:" + to_entry(SAMPLES["ai"])[5:],
        b"llm2:m" + to_entry(SAMPLES["ai"])[6:],
    ],
)
def test_an_unknown_version_is_no_answer(entry: bytes) -> None:
    """What this version did not write is a clean miss."""
    with pytest.raises(CorruptEntryError):
        CODEC.decode(entry, key=KEY)


def test_every_cut_and_every_flipped_bit_is_noticed() -> None:
    """An entry that lost its end, or one bit, is no answer: never another one."""
    entry = to_entry(SAMPLES["ai"])
    for end in range(len(entry)):
        with pytest.raises(CorruptEntryError):
            CODEC.decode(entry[:end], key=KEY)
    for position in range(len(entry)):
        for bit in range(8):
            altered = bytearray(entry)
            altered[position] ^= 1 << bit
            with pytest.raises(CorruptEntryError):
                CODEC.decode(bytes(altered), key=KEY)


def test_a_text_may_hold_any_number_of_commas() -> None:
    """What is counted are values, and not what looks like some in a text."""
    text = 'a,b;{[",' * 300_000
    assert from_entry(to_entry(chat(AIMessage(text))))[0].text == text
    assert from_entry(to_entry(chat(AIMessage([text, {"type": "text", "text": text}]))))
    with pytest.raises(NotStorableError, match="more than 500000 values"):
        to_entry(chat(AIMessage([{}] * 600_000)))


def test_entries_beyond_the_bound_are_not_read() -> None:
    """An entry larger than allowed is not even looked into."""
    entry = to_entry(SAMPLES["ai"])
    assert Codec(Binding(), max_bytes=len(entry)).decode(entry, key=KEY)
    with pytest.raises(CorruptEntryError, match="max_entry_bytes"):
        Codec(Binding(), max_bytes=len(entry) - 1).decode(entry, key=KEY)


def test_entries_are_readable() -> None:
    """An operator with valkey-cli sees plain JSON after the tag."""
    entry = CODEC.encode(chat(HumanMessage("Grüße")), created=1.5, seconds=None, key=KEY)
    assert entry.startswith(TAG + b"k")
    assert json.loads(entry.split(b":", 2)[2])["t"] == 1.5
    assert "Grüße" in entry.decode()


def test_what_is_not_stored_is_counted_and_still_answered() -> None:
    """An answer that cannot be kept reaches its caller; the cache says so once and counts it."""
    cache = LLMCache()
    cache.update("q", "m", with_info(object()))
    assert cache.lookup("q", "m") is None
    assert cache.stats().refused == 1
