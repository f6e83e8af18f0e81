"""An object that was built is the one that pydantic would have made of the same fields."""

from __future__ import annotations

import copy
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel, PrivateAttr, ValidationError, field_validator

from langchain_llmcache._answer.classes import GENERATIONS, MESSAGES
from langchain_llmcache._answer.codec import revive
from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._answer.objects import build, plan_of
from tests.support.examples import examples
from tests.support.samples import CODEC, KEY, SAMPLES, to_entry

CLASSES: list[type[BaseModel]] = [*MESSAGES.values(), *GENERATIONS.values()]


def validated(cls: type[BaseModel], fields: dict[str, Any]) -> Any:
    """Return what pydantic makes of fields, as the constructors of langchain-core let it."""
    instance = cls.__new__(cls)
    cls.__pydantic_validator__.validate_python(fields, self_instance=instance)
    return instance


def inside(value: Any) -> Any:
    """Return all that an object is made of, in its order."""
    if isinstance(value, BaseModel):
        return (
            type(value),
            [(name, inside(item)) for name, item in value.__dict__.items()],
            value.__pydantic_fields_set__,
            value.__pydantic_extra__,
            value.__pydantic_private__,
        )
    return type(value), value


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_of_an_entry_is_understood(cls: type[BaseModel]) -> None:
    """None of langchain-core's is left to pydantic in this version."""
    assert plan_of(cls) is not None


@pytest.mark.parametrize("name", SAMPLES)
def test_every_answer_is_as_validated(name: str) -> None:
    """Each kind of answer, from the entry that holds it."""
    for fields in CODEC.decode(to_entry(SAMPLES[name]), key=KEY).generations:
        expected = copy.deepcopy(fields)
        cls: type[BaseModel] = GENERATIONS[expected.pop("class")]
        message = expected.pop("message", None)
        text = expected.pop("text", None)
        if message is not None:
            expected["message"] = validated(MESSAGES[message["class"]], message["fields"])
        if text is not None and message is None:
            expected["text"] = text
        made = revive(fields)
        assert inside(made) == inside(validated(cls, expected))
        assert dumps(made) == dumps(validated(cls, expected))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
CALL = st.fixed_dictionaries(
    {
        "name": st.text(max_size=3),
        "args": st.dictionaries(st.text(max_size=2), JSON, max_size=2),
        "id": st.none() | st.text(max_size=3),
        "type": st.just("tool_call"),
    }
)
BROKEN = st.fixed_dictionaries(
    {
        **dict.fromkeys(("name", "args", "id", "error"), st.none() | st.text(max_size=3)),
        "type": st.just("invalid_tool_call"),
    }
)
PIECE = st.fixed_dictionaries(
    {
        **dict.fromkeys(("name", "args", "id"), st.none() | st.text(max_size=3)),
        "index": st.none() | st.integers(0, 9),
        "type": st.just("tool_call_chunk"),
    }
)
USAGE = st.fixed_dictionaries(
    dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), st.integers(0, 9)),
    optional={
        "input_token_details": st.fixed_dictionaries(
            {}, optional={"cache_read": st.integers(0, 9)}
        ),
        "output_token_details": st.fixed_dictionaries(
            {}, optional={"reasoning": st.integers(0, 9)}
        ),
    },
)
OBJECT = st.dictionaries(st.text(max_size=3), JSON, max_size=2)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "content": st.text(max_size=3) | st.lists(st.text(max_size=3) | OBJECT, max_size=2),
    "additional_kwargs": OBJECT,
    "response_metadata": OBJECT,
    "name": st.text(max_size=3),
    "id": st.none() | st.text(max_size=3),
    "tool_calls": st.lists(CALL, max_size=2),
    "invalid_tool_calls": st.lists(BROKEN, max_size=2),
    "tool_call_chunks": st.lists(PIECE, max_size=2),
    "usage_metadata": st.none() | USAGE,
    "chunk_position": st.none() | st.just("last"),
    "tool_call_id": st.text(max_size=3),
    "artifact": JSON,
    "status": st.sampled_from(["success", "error"]),
    "role": st.text(max_size=3),
    "another": JSON,
}


@examples(100)
@given(st.data(), st.sampled_from(sorted(MESSAGES)))
def test_every_message_is_as_validated(data: st.DataObject, name: str) -> None:
    """Any fields of any class: the same object, or both refuse it."""
    cls = MESSAGES[name]
    names = [*cls.model_fields, "another"]
    fields = {
        field: data.draw(FIELDS[field])
        for field in names
        if field in FIELDS and (field == "content" or data.draw(st.booleans()))
    }
    if name == "AIMessageChunk":
        # Pydantic would make one of these from another: an entry holds both as they were.
        fields.setdefault("tool_calls", [])
        fields.setdefault("tool_call_chunks", [])
    before = copy.deepcopy(fields)
    try:
        expected = validated(cls, copy.deepcopy(fields))
    except (ValidationError, KeyError):  # (as the validators of ToolMessage have it)
        with pytest.raises(CorruptEntryError):
            build(cls, fields)
        return
    made = build(cls, fields)
    if name not in ("AIMessage", "AIMessageChunk"):
        assert inside(made) == inside(expected)
    # (A message of a model has validators that fill in what is not given.)
    assert {**made.__dict__, **(made.__pydantic_extra__ or {})}.items() >= before.items()
    assert made.__dict__.keys() == expected.__dict__.keys()
    assert type(made) is type(expected)


@examples(100)
@given(st.data(), st.sampled_from(sorted(MESSAGES)))
def test_a_field_of_the_wrong_kind_is_refused(data: st.DataObject, name: str) -> None:
    """Whatever pydantic refuses is refused; what it would turn into something else, too."""
    cls = MESSAGES[name]
    fields = {"content": "x", "role": "r", "name": "n", "tool_call_id": "1"}
    fields = {field: value for field, value in fields.items() if field in cls.model_fields}
    field = data.draw(st.sampled_from(sorted(cls.model_fields)))
    value = data.draw(JSON | st.lists(OBJECT, max_size=2))
    given_fields = {**fields, field: value}
    try:
        made = build(cls, dict(given_fields))
    except CorruptEntryError:
        return
    assert getattr(made, field) == value
    if name != "AIMessageChunk":
        assert inside(validated(cls, given_fields))[1] == inside(made)[1]


@pytest.mark.parametrize("missing", ["content", "tool_call_id"])
def test_a_field_that_is_missing_is_refused(missing: str) -> None:
    """There is no message without content, and none of a tool without its call."""
    fields: dict[str, Any] = {"content": "x", "tool_call_id": "1"}
    del fields[missing]
    with pytest.raises(CorruptEntryError, match="missing"):
        build(ToolMessage, fields)


def test_a_field_that_there_is_not_is_refused() -> None:
    """A generation has no more fields than those."""
    with pytest.raises(CorruptEntryError, match="there is not"):
        build(Generation, {"text": "x", "another": 1})
    with pytest.raises(CorruptEntryError):
        build(ChatGeneration, {"text": "x", "message": "not a message"})


def test_nothing_is_shared_between_two() -> None:
    """What has a factory is made for each object."""
    one, other = build(AIMessage, {"content": "x"}), build(AIMessage, {"content": "x"})
    for name in ("additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls"):
        assert getattr(one, name) == getattr(other, name)
        assert getattr(one, name) is not getattr(other, name)
    assert one.model_copy(update={"content": "y"}).content == "y"
    assert one == AIMessage("x")
    assert (one + AIMessageChunk(content="y")) is not None


class Validating(BaseModel):
    """Not to be built without its validators."""

    a: int
    _private: int = PrivateAttr(default=1)

    @field_validator("a")
    @classmethod
    def double(cls, value: int) -> int:
        """Make something else of it."""
        return 2 * value


class Odd(BaseModel):
    """A field of a kind that is not understood."""

    a: frozenset[Literal[1]] = frozenset()


@pytest.mark.parametrize(("cls", "fields"), [(Validating, {"a": 1}), (Odd, {"a": {1}})])
def test_what_is_not_understood_is_validated(cls: type[BaseModel], fields: dict[str, Any]) -> None:
    """Private attributes, other types: pydantic makes the object."""
    assert plan_of(cls) is None
    assert inside(build(cls, fields)) == inside(cls(**fields))
