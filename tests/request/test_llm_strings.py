"""What a model's settings say: whose answers these are, and when that cannot be known."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import pytest
from langchain_core.language_models import (
    BaseChatModel,
    FakeListChatModel,
    GenericFakeChatModel,
)
from langchain_core.messages import AIMessage
from langchain_core.outputs import Generation
from pydantic import BaseModel, Field, create_model

from langchain_llmcache import LLMCache
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.llm_strings import Uncacheable, parse_llm_string
from langchain_llmcache._request.maker import KeyMaker
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.models import anthropic, ollama, openai
from tests.support.patience import collect_garbage

HEAD = '{"kwargs": {"model_name": "gpt"}, "lc": 1, "type": "constructor"}---'


class Out(BaseModel):
    """A class as structured output has it, found by its name."""

    a: int


def settings(model: BaseChatModel, /, **kwargs: Any) -> str:
    """Return what a model tells of its settings."""
    return model._get_llm_string(**kwargs)


def digest(llm_string: str, model: Any = None, **options: Any) -> str:
    """Return the digest of a request with such settings, of a model that is known or is not."""
    key, _ = KeyMaker(**options).key((), "q", Asked(llm_string, model, {}))
    return key.digest


Text = str | Callable[[], str]


def text_of(text: Text) -> str:
    """Return a text, or what writes it: only a test makes a model of a provider."""
    return text if isinstance(text, str) else text()


# --- the model's name ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("llm_string", "name"),
    [
        (lambda: settings(openai()), "gpt-4o"),
        (lambda: settings(openai(), model="gpt-5"), "gpt-5"),
        (lambda: settings(anthropic(model="claude")), "claude"),
        (settings(FakeListChatModel(responses=["a"])), None),
        ("[('_type', 'fake-list'), ('responses', ['a']), ('stop', None)]", None),
        ("[('_type', 'openai'), ('model_name', 'instruct'), ('stop', None)]", "instruct"),
        ("[('_type', 'x'), ('model', 'm'), ('tool', <Unreadable '>), ('stop', None)]", "m"),
        ("Sample LLM string configuration.", None),
        ("", None),
        ("{", None),
        ('{"kwargs": 1}', None),
        ("[(", None),
    ],
)
def test_the_name_of_the_model_is_read(llm_string: Text, name: str | None) -> None:
    """The model's name is found where langchain-core puts it, and nothing is made of other text."""
    llm_string = text_of(llm_string)
    assert parse_llm_string(llm_string).model == name


def test_the_name_of_a_bedrock_model_is_read() -> None:
    """The model of a ChatBedrockConverse is its model id."""
    with ConverseEndpoint() as endpoint:
        model = chat_model(endpoint, model="us.anthropic.claude")
        assert parse_llm_string(settings(model)).model == "us.anthropic.claude"


def test_every_setting_counts() -> None:
    """Temperature, stop sequences, tools and the tool choice each lead to another key."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    other = {"type": "function", "function": {"name": "g", "parameters": {}}}
    strings = [
        settings(openai()),
        settings(openai(temperature=0.5)),
        settings(openai(), stop=["\n"]),
        settings(openai(), stop=["END"]),
        settings(openai(), tools=[tool]),
        settings(openai(), tools=[other]),
        settings(openai(), tools=[tool, other]),
        settings(openai(), tools=[tool], tool_choice="any"),
        settings(openai("http://other")),
        settings(anthropic(model="gpt-4o")),
    ]
    assert len(set(map(digest, strings))) == len(strings)


# --- stop sequences --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [openai, lambda: FakeListChatModel(responses=["a"])], ids=["serializable", "other"]
)
def test_no_stop_sequences_are_no_stop_sequences(make: Callable[[], BaseChatModel]) -> None:
    """An empty list of stop sequences is the request that does not mention any."""
    model = make()
    without, empty = settings(model), settings(model, stop=[])
    assert without != empty
    other = settings(model, stop=["x"])
    assert digest(without, model) == digest(empty, model) != digest(other, model)


def test_an_empty_list_of_stop_sequences_may_override_the_models_own() -> None:
    """Where the model has stop sequences of its own, an empty list is another request."""
    model = openai(stop=["END"])
    assert digest(settings(model)) != digest(settings(model, stop=[]))
    text = {"description": "('stop', [])"}
    assert digest(settings(openai(), tools=[text])) != digest(
        settings(openai(), tools=[{"description": "('stop', None)"}])
    )


# --- no identity -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "llm_string",
    [
        lambda: settings(ollama(model="a")),
        "[('_type', 'x'), ('model', 'm'), ('stop', None)]",
        "[('_type', 'fake-list'), ('responses', ['a']), ('stop', None)]",
    ],
)
def test_a_list_of_settings_without_its_model_is_not_cached(llm_string: Text) -> None:
    """Such a text tells what its author chose to state: nobody knows what it leaves out."""
    with pytest.raises(Uncacheable, match=r"asking\(model, prompt, llm_string\)"):
        digest(text_of(llm_string))
    with pytest.raises(Uncacheable, match=r"asking\(model, prompt, llm_string\)"):
        digest(text_of(llm_string), extra={"model": "a"})


FAKE = GenericFakeChatModel(messages=iter([AIMessage("a")]))
OF_AN_OBJECT = (
    '{"kwargs": {"llm": {"lc": 1, "type": "not_implemented", "id": ["x"]}}}---[(\'stop\', None)]'
)


@pytest.mark.parametrize(("llm_string", "model"), [(settings(FAKE), FAKE), (OF_AN_OBJECT, None)])
def test_settings_that_name_no_model_are_not_cached(llm_string: str, model: Any) -> None:
    """Where two models could have the same settings, and no others tell more, there is no key."""
    for extra in (None, {"region": "eu"}):
        with pytest.raises(Uncacheable, match="key_extra"):
            digest(llm_string, model, extra=extra)


def test_a_cache_can_name_the_model_of_settings_without_one() -> None:
    """key_extra's "model" is the opt-in: it separates the models, and names them in the key."""
    first, second = (
        KeyMaker(extra={"model": name}).key((), "q", Asked(settings(FAKE), FAKE, {}))
        for name in ("a", "b")
    )
    assert first[1] == "a"
    assert first[0].space == ("a",)
    assert first[0].digest != second[0].digest


def test_a_text_without_its_model_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """One warning says what to do; the requests are counted."""
    cache = LLMCache()
    llm_string = settings(ollama(model="a"))
    with caplog.at_level(logging.WARNING, "langchain_llmcache"):
        for _ in range(3):
            assert cache.lookup("q", llm_string) is None
            cache.update("q", llm_string, [Generation(text="a")])
            assert cache.lookup("q", llm_string) is None
    assert len(caplog.records) == 1
    assert "asking(model" in caplog.text
    assert cache.stats().uncacheable >= 6
    assert cache.stats().stores == 0


# --- memory addresses ------------------------------------------------------------------------


def test_a_memory_address_is_not_cached() -> None:
    """Settings that show where an object lies, instead of what it is, have no key."""

    class Plain:
        pass

    shown: list[Any] = [
        Plain(),
        [Plain()],
        lambda: None,
        partial(print, Plain()),
        Plain().__hash__,
        test_a_memory_address_is_not_cached,
    ]
    for value in shown:
        with pytest.raises(Uncacheable, match="memory address"):
            digest(settings(openai(), callback=value))


def test_hexadecimal_numbers_are_no_addresses() -> None:
    """A tool that takes 0x… values is cached."""
    assert digest(settings(openai(), tools=[{"description": "an account, such as 0x52908400"}]))


# --- classes ---------------------------------------------------------------------------------


def of_class(cls: object) -> str:
    """Return the settings of a model with such a response format."""
    return f"{HEAD}[('response_format', {cls}), ('stop', None)]"


def define(module: str = __name__, **fields: Any) -> type[BaseModel]:
    """Define a class again under the name ``Edited``, as a notebook cell does."""
    collect_garbage()  # what an earlier test leaves in a cycle is as alive as any class
    return create_model("Edited", __module__=module, **fields)


def test_the_fields_of_a_class_are_in_the_key() -> None:
    """A class that was edited after its first use never meets the answers of the older one."""
    edited = define(a=(int, ...))
    maker = KeyMaker()
    first, _ = maker.key((), "q", Asked(of_class(edited)))
    assert first == maker.key((), "q", Asked(of_class(edited)))[0]
    del edited
    for fields in ({"a": (str, ...)}, {"a": (int, 1)}, {"a": (int, Field(description="d"))}):
        edited = define(**fields)
        assert maker.key((), "q", Asked(of_class(edited)))[0] != first
        del edited
    again = define(a=(int, ...))
    assert maker.key((), "q", Asked(of_class(again)))[0] == first


def test_two_classes_of_one_name_are_not_cached() -> None:
    """While a model with the older class may still be in use, nobody knows who asks."""
    older, newer = define(a=(int, ...)), define(a=(str, ...))
    assert str(older) == str(newer)
    with pytest.raises(Uncacheable, match="Edited"):
        digest(of_class(newer))
    del older
    collect_garbage()
    assert digest(of_class(newer))


def test_a_class_that_was_rebuilt_has_its_new_fields() -> None:
    """A class whose fields are changed in place has another key."""
    edited = define(a=(int, ...))
    first = digest(of_class(edited))
    edited.model_fields["a"].description = "changed"
    edited.model_rebuild(force=True)
    assert digest(of_class(edited)) != first


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A generic class: its name has brackets in it."""

    items: list[T]


def test_every_form_of_class_is_found() -> None:
    """Classes of functions, generic ones and those in the constructor are looked up as well."""

    class Local(BaseModel):
        b: int

    classes = (Out, Local, Page[int], Page[str], Page[Local])
    assert all(parse_llm_string(of_class(cls)).classes for cls in classes)
    assert len({digest(of_class(cls)) for cls in classes}) == len(classes)
    model = openai(model_kwargs={"response_format": Out})
    assert parse_llm_string(settings(model)).classes == (f"{__name__}.Out",)


@pytest.mark.parametrize(
    "value",
    ["<class 'nowhere.Gone'>", f"<class '{__name__}.settings'>", list[Out], Out | None],
)
def test_a_class_that_cannot_be_seen_into_is_not_cached(value: object) -> None:
    """A name that leads to no pydantic class, and a type expression, have no key."""
    with pytest.raises(Uncacheable, match="schema"):
        digest(of_class(value))


def test_classes_of_python_itself_need_no_schema() -> None:
    """Nobody edits int."""
    assert digest(of_class(int)) != digest(of_class(str))


# --- secrets ---------------------------------------------------------------------------------


def test_secrets_in_the_settings_reach_neither_log_nor_store(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever goes wrong with settings, they are never repeated."""
    cache = LLMCache()
    with caplog.at_level(logging.DEBUG):
        for value in (object(), list[Out], "plain"):
            model = openai(default_headers={"x-key": "s3cret"})
            llm_string = settings(model, extra_body=value, header="s3cret")
            cache.update("q", llm_string, [Generation(text="a")])
            cache.lookup("q", llm_string)
    assert cache.stats().uncacheable >= 2
    assert cache.stats().hits == 1
    assert "s3cret" not in caplog.text + repr(cache.stats())
    items: Any = vars(cache.store)["_items"]
    assert "s3cret" not in repr(list(items._items.items()))


def test_where_credentials_come_from_is_not_in_the_key() -> None:
    """A process with its credentials in the environment shares answers with one that has a file."""

    def bedrock(region: str, *secrets: str) -> str:
        named = {name.lower(): {"lc": 1, "type": "secret", "id": [name]} for name in secrets}
        head = {"lc": 1, "type": "constructor", "kwargs": {"model_id": "m", "region_name": region}}
        head["kwargs"] |= named  # type: ignore[operator]
        return f"{json.dumps(head, sort_keys=True)}---[('stop', None)]"

    of_a_file = bedrock("us-west-2")
    of_the_environment = bedrock("us-west-2", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert digest(of_a_file) == digest(of_the_environment)
    assert digest(of_a_file) != digest(bedrock("eu-west-1", "AWS_ACCESS_KEY_ID"))
