"""Who asks: how the model is found, and what is done where it is not."""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import Any, ClassVar

import pytest
from langchain_core.caches import BaseCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import (
    LLM,
    BaseChatModel,
    FakeListChatModel,
    GenericFakeChatModel,
)
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from langchain_llmcache import ConfigurationError, LLMCache, asking
from langchain_llmcache._request import identity, maker
from langchain_llmcache._request.asking import Asked, who_asks
from langchain_llmcache._request.prompts import canonical_prompt
from langchain_llmcache.streaming import with_cache
from tests.support.patience import collect_garbage

QUESTION = "What is a lease?"


class Chat(BaseChatModel):
    """Answers with what it is made of; states nothing of it."""

    temperature: float | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    anything: Any = None
    token: SecretStr | None = None
    persona: SecretStr | None = None
    _asked: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "chat"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self._asked += 1
        persona = self.persona and self.persona.get_secret_value()
        text = f"{self.temperature} {persona}"
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


class Nested(BaseModel):
    """Data inside of a model."""

    city: str


@dataclass
class Prepared:
    """Data that is not a field."""

    given: InitVar[str]

    def __post_init__(self, given: str) -> None:
        self.made = given.upper()


class Text(LLM):
    """Answers with the options of the call; states nothing."""

    temperature: float | None = None
    _asked: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "text"

    def _call(self, prompt: str, *_: Any, **kwargs: Any) -> str:
        self._asked += 1
        kwargs.pop("run_manager", None)
        return f"{self.temperature} {sorted(kwargs)}"


@pytest.fixture
def cache() -> Iterator[LLMCache]:
    """The cache of all models."""
    cache = LLMCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


def asked(model: Any, times: int = 2) -> int:
    """Ask a model several times, and return how often it was really asked."""
    before = model._asked
    for _ in range(times):
        model.invoke(QUESTION)
    count: int = model._asked - before
    return count


# --- what counts -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"temperature": 0.1}, {"temperature": 0.2}),
        ({"temperature": 0.0}, {"temperature": -0.0}),
        ({"settings": {"a": 1}}, {"settings": {"a": True}}),
        ({"settings": {"a": 1}}, {"settings": {"a": 1.0}}),
        ({"settings": {"a": 1, "b": 2}}, {"settings": {"b": 2, "a": 1}}),
        ({"settings": {"a": "1"}}, {"settings": {"a": 1}}),
        ({"settings": {"a": None}}, {"settings": {}}),
        ({"anything": b"a"}, {"anything": "a"}),
        ({"anything": {"a"}}, {"anything": {"a", "b"}}),
        ({"anything": SecretStr("a")}, {"anything": SecretStr("b")}),
        ({"persona": SecretStr("a")}, {"persona": SecretStr("b")}),
        ({"anything": len}, {"anything": sorted}),
        ({"anything": int}, {"anything": str}),
        ({"anything": list[int]}, {"anything": list[str]}),
        ({"anything": Chat(temperature=0.1)}, {"anything": Chat(temperature=0.2)}),
        ({"anything": [Text(temperature=0.1)]}, {"anything": [Text(temperature=0.2)]}),
        ({"anything": Prepared("a")}, {"anything": Prepared("b")}),
    ],
)
def test_what_two_models_differ_in_keeps_them_apart(
    cache: LLMCache, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Values of fields, their types and their order; of nested models, their fields."""
    assert asked(Chat(**first)) == 1
    assert asked(Chat(**second)) == 1
    assert asked(Chat(**first)) == 0
    assert cache.stats().uncacheable == 0


@pytest.mark.parametrize(
    "ignored",
    [
        {"token": SecretStr("a")},
        {"tags": ["a"]},
        {"metadata": {"a": 1}},
        {"name": "a"},
        {"verbose": True},
        {"callbacks": []},
        {"custom_get_token_ids": lambda _: [1]},
    ],
)
def test_credentials_and_how_a_model_is_run_do_not_count(
    cache: LLMCache, ignored: dict[str, Any]
) -> None:
    """Who pays, and langchain-core's own fields, shape no answer."""
    assert asked(Chat(temperature=0.1)) == 1
    assert asked(Chat(temperature=0.1, **ignored)) == 0


class Marking(Chat):
    """Writes its prompts with marks."""

    user_token: str = ""
    mask_token: str = ""


@pytest.mark.parametrize(
    ("name", "mark", "other"),
    [("user_token", "<|user|>", "[INST]"), ("mask_token", "MASK", "BLANK")],
)
def test_tokens_of_text_are_no_credentials(
    cache: LLMCache, name: str, mark: str, other: str
) -> None:
    """They are what a prompt is made of."""
    made: Any = Marking  # whose fields mypy would compare with each value
    assert asked(made(**{name: mark})) == 1
    assert asked(made(**{name: other})) == 1
    assert asked(Marking(user_token="c2VjcmV0LXRva2Vu")) == 1
    assert asked(Marking(user_token="YW5vdGhlcg==")) == 0


def test_classes_are_told_apart(cache: LLMCache) -> None:
    """A subclass may have its parent's fields and type, and answers otherwise."""

    class Loud(Chat):
        pass

    assert asked(Chat()) == 1
    assert asked(Loud()) == 1
    assert asked(with_cache(Chat(), cache)) == 0


def _local(answer: Any) -> Any:
    """Return a model of a class that was made with an answer."""

    class Local(Chat):
        def _generate(self, *_: Any, **__: Any) -> ChatResult:
            self._asked += 1
            return ChatResult(generations=[ChatGeneration(message=AIMessage(str(answer)))])

    return Local()


def test_two_classes_of_one_name_are_not_cached(cache: LLMCache) -> None:
    """Of classes in functions, nobody knows which a name means, while both are alive."""
    first = _local(bytearray(b"1"))
    assert asked(first) == 1
    second = _local(bytearray(b"2"))
    assert (asked(first), asked(second)) == (0, 2)
    assert second.invoke(QUESTION).text == "bytearray(b'2')"
    assert cache.stats().uncacheable


def test_two_classes_of_one_name_are_told_apart_by_data(cache: LLMCache) -> None:
    """A test that runs with several parameters, or a cell that is run again, is cached."""
    first, second = _local("a"), _local("b")
    assert (asked(first), asked(second), asked(_local("a"))) == (1, 1, 0)
    assert (first.invoke(QUESTION).text, second.invoke(QUESTION).text) == ("a", "b")
    assert cache.stats().uncacheable == 0


def _defined(how: str, answer: str) -> Any:
    """Return a model of a class that a function makes anew each time."""
    settings = {"answers": [answer]}

    def said() -> str:
        return settings["answers"][0]

    class Above(Chat):
        who: ClassVar[str] = answer if how == "a class variable" else ""

        @cached_property
        def word(self) -> str:
            return answer if how == "a property" else ""

    class Made(Above):
        def _generate(
            self, *_: Any, given: str = answer if how == "a default" else "", **__: Any
        ) -> ChatResult:
            text = {"a closure": lambda: answer, "a function": said}.get(how, str)()
            text = text or given or self.who or self.word
            return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    return Made()


@pytest.mark.parametrize(
    "how", ["a closure", "a function", "a default", "a class variable", "a property"]
)
def test_a_class_that_is_gone_is_told_from_its_like(cache: LLMCache, how: str) -> None:
    """A function that defines a class defines another one each time, under the same name."""
    answers = []
    for answer in ("a", "b", "a", "b"):
        answers.append(_defined(how, answer).invoke(QUESTION).text)
        collect_garbage()
    assert answers == ["a", "b", "a", "b"]
    assert (cache.stats().hits, cache.stats().uncacheable) == (2, 0)


def test_a_subclass_that_goes_by_its_parents_place_is_told_apart(cache: LLMCache) -> None:
    """LangChain's text names the parent's place and the subclass, wherever that is defined."""

    class Parent(Chat):
        @classmethod
        def is_lc_serializable(cls) -> bool:
            return True

        @classmethod
        def get_lc_namespace(cls) -> list[str]:
            return ["somewhere"]

    child = type("Parent", (Parent,), {"__module__": "elsewhere", "__qualname__": "Parent"})
    first, second = Parent(), child()
    assert first._get_llm_string() == second._get_llm_string()
    assert (asked(first), asked(second), asked(first)) == (1, 1, 0)


class Serializable(Chat):
    """States what LangChain serializes."""

    hidden: dict[str, int] = Field(default_factory=dict, exclude=True)
    servers: list[str] = []  # noqa: RUF012 - pydantic copies it
    api_key: SecretStr | None = None
    max_retries: int = 2

    model_config = ConfigDict(extra="allow")

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Tell LangChain to serialize it."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Name what LangChain leaves out."""
        return {"api_key": "API_KEY", "servers": "SERVERS"}


@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": {"a": 1}},
        {"servers": ["a"]},
        {"more": 1},
        {"anything": SecretStr("a")},
        {"settings": {"b": 1, "a": 2}},
        {"anything": len},
    ],
)
def test_what_langchain_leaves_out_of_its_text_counts(
    cache: LLMCache, fields: dict[str, Any]
) -> None:
    """Excluded fields, extras, objects, secrets that are no credentials, the order of keys."""
    assert asked(Serializable()) == 1
    assert asked(Serializable(**fields)) == 1
    assert asked(Serializable(**fields)) == 0
    assert cache.stats().uncacheable == 0


def test_the_text_of_a_plain_model_is_the_whole_request(cache: LLMCache) -> None:
    """Where there is nothing to add, a text finds what the model has stored, and removes it."""
    model = Serializable(temperature=0.5, api_key=SecretStr("k"), max_retries=7)
    model.invoke(QUESTION)
    spied: list[tuple[str, str]] = []

    class Spy(BaseCache):
        def lookup(self, prompt: str, llm_string: str) -> Any:
            spied.append((prompt, llm_string))

        update = clear = lambda *_, **__: None  # type: ignore[assignment]

    Serializable(temperature=0.5, cache=Spy()).invoke(QUESTION)
    assert cache.lookup(*spied[0]) is not None
    assert cache.delete(*spied[0])
    assert cache.lookup(*spied[0]) is None


# --- what has no form ------------------------------------------------------------------------


class Opaque:
    """Holds something that nobody can see."""


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (Opaque(), "Chat.anything holds a "),
        ({"a": [Opaque()]}, "Chat.anything['a'][0] holds a "),
        ({"a b c, and a secret": Opaque()}, "Chat.anything['…'] holds a "),
        (lambda: None, "Chat.anything holds a function"),
        (Opaque().__hash__, "Chat.anything holds a "),
        (threading.Lock(), "Chat.anything holds a _thread.lock"),
        (iter([1]), "Chat.anything holds a builtins.list_iterator"),
        (Chat(anything=Opaque()), "Chat.anything.anything holds a "),
    ],
)
def test_a_value_without_a_form_is_not_cached(
    cache: LLMCache, caplog: pytest.LogCaptureFixture, value: Any, place: str
) -> None:
    """One line names the field and says what to do; the value is not in it."""
    model = Chat(anything=value, persona=SecretStr("s3cret"), settings={"key": "s3cret"})
    assert asked(model) == 2
    assert cache.stats().uncacheable == 4
    [record] = caplog.records
    assert place in record.getMessage()
    assert "ignore_fields=('anything',)" in record.getMessage()
    assert "s3cret" not in caplog.text


def test_a_reference_to_itself_is_not_cached(cache: LLMCache) -> None:
    """There is an end to a value that is inside of itself, and to a very deep one."""
    loop: list[Any] = []
    loop.append(loop)
    assert asked(Chat(anything=loop)) == 2
    deep: Any = None
    for _ in range(1000):
        deep = [deep]
    assert asked(Chat(anything=deep)) == 2
    model = Chat()
    model.anything = {"me": model}
    assert asked(model) == 2


def test_fields_can_be_left_out_by_name(cache: LLMCache) -> None:
    """``ignore_fields`` is for what shapes no answer, in nested models too."""
    ignoring = LLMCache(cache.store, ignore_fields=("anything",))
    assert asked(Chat(anything=Opaque(), cache=ignoring)) == 1
    assert asked(Chat(anything=lambda: None, cache=ignoring)) == 0
    assert asked(Chat(settings={"a": Chat(anything=Opaque())}, cache=ignoring)) == 1


@pytest.mark.parametrize("names", ["anything", [1], 7])
def test_wrong_names_of_fields_are_refused(names: Any) -> None:
    """A single string would be read letter by letter."""
    with pytest.raises(ConfigurationError, match="ignore_fields"):
        LLMCache(ignore_fields=names)


def test_a_field_that_a_model_changes_itself_is_named(
    cache: LLMCache, caplog: pytest.LogCaptureFixture
) -> None:
    """Its answers are never found again: one line says which field, and what to do."""

    class Counting(Chat):
        count: int = 0

        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            self.count += 1
            return super()._generate(*args, **kwargs)

    assert asked(Counting(), times=3) == 3
    [record] = caplog.records
    assert "Counting.count was changed while the model answered" in record.getMessage()
    assert "ignore_fields=('count',)" in record.getMessage()
    assert asked(Counting(cache=LLMCache(ignore_fields=["count"])), times=3) == 1


@pytest.mark.parametrize(
    "model",
    [
        FakeListChatModel(responses=["a"]),
        type("Scripted", (FakeListChatModel,), {"__module__": __name__})(responses=["a"]),
    ],
)
def test_scripted_answers_of_fake_models_are_cached(cache: LLMCache, model: Any) -> None:
    """Where a fake model's script has got to is no setting."""
    for _ in range(3):
        model.invoke(QUESTION)
    assert (cache.stats().hits, cache.stats().misses) == (2, 1)


def test_an_iterator_of_answers_is_not_cached(cache: LLMCache) -> None:
    """Two models with other scripts would read the same."""

    class Scripted(GenericFakeChatModel):
        pass

    for text in ("a", "b"):
        model = Scripted(messages=iter([AIMessage(text)] * 2))
        assert [model.invoke(QUESTION).text for _ in range(2)] == [text, text]
    assert cache.stats().hits == 0


# --- keys that stay ---


@pytest.mark.parametrize(
    ("model", "options", "digest"),
    [
        (Chat(temperature=0.5, settings={"a": [1, None, "é"]}), {}, "242e657508b5208c"),
        (Chat(anything=Nested(city="Oslo"), persona=SecretStr("a")), {}, "7b3dc64e10d3c527"),
        (Text(temperature=0.5), {}, "5b7947a18185ded6"),
        (Text(temperature=0.5), {"stop": ["x"], "max_tokens": 5}, "4bb2716f353cfc86"),
    ],
)
def test_the_keys_of_models_are_the_released_ones(
    model: Any, options: dict[str, Any], digest: str
) -> None:
    """In each Python, with each langchain-core. A change makes misses of all that is stored."""
    asked = Asked("[('_type', 'a-type'), ('stop', None)]", model, options)
    assert maker.KeyMaker().key((), "a prompt", asked)[0].digest[:16] == digest


# --- how the model is found ------------------------------------------------------------------


class Wrapper(BaseCache):
    """Another cache around ours."""

    def __init__(self, inner: LLMCache, ask: Callable[..., Any] | None = None) -> None:
        self.inner = inner
        self.ask = ask or (lambda call: call())

    def lookup(self, prompt: str, llm_string: str) -> Any:
        """Ask the other cache."""
        return self.ask(lambda: self.inner.lookup(prompt, llm_string))

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        """Tell the other cache."""
        self.ask(lambda: self.inner.update(prompt, llm_string, return_val))

    def clear(self, **_: Any) -> None:
        """Do nothing."""


def test_the_model_is_found_through_another_cache(cache: LLMCache) -> None:
    """Frames between langchain-core and us make no difference."""
    wrapper = Wrapper(cache)
    assert asked(Chat(temperature=0.1, cache=wrapper)) == 1
    assert asked(Chat(temperature=0.2, cache=wrapper)) == 1
    assert asked(Text(temperature=0.2, cache=wrapper)) == 1
    assert asked(Chat(temperature=0.1)) == 0


def test_without_the_model_a_list_of_settings_is_not_cached(
    cache: LLMCache, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that asks in a thread says which model asks, or nothing is cached."""
    with ThreadPoolExecutor(1) as thread:
        wrapper = Wrapper(cache, lambda call: thread.submit(call).result())
        assert asked(Chat(cache=wrapper)) == 2
        assert "asking(model, prompt, llm_string)" in caplog.records[0].getMessage()
        models = [Chat(temperature=temperature) for temperature in (0.1, 0.2)]

        class Telling(Wrapper):
            def __init__(self, model: Any) -> None:
                super().__init__(cache)
                self.model = model

            def lookup(self, prompt: str, llm_string: str) -> Any:
                def ask() -> Any:
                    with asking(self.model, prompt, llm_string):
                        return self.inner.lookup(prompt, llm_string)

                return thread.submit(ask).result()

            def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
                def tell() -> None:
                    with asking(self.model, prompt, llm_string):
                        self.inner.update(prompt, llm_string, return_val)

                thread.submit(tell).result()

        for model in models:
            model.cache = Telling(model)
        assert [asked(model) for model in models] == [1, 1]
    assert [asked(Chat(temperature=temperature)) for temperature in (0.1, 0.2)] == [0, 0]


@pytest.mark.parametrize(
    ("model", "prompt", "llm_string"),
    [("model", "p", "s"), (Chat().bind(), "p", "s"), (Chat(), 1, "s"), (Chat(), "p", None)],
)
def test_asking_takes_a_model_and_two_texts(model: Any, prompt: Any, llm_string: Any) -> None:
    """Anything else is refused at once."""
    with pytest.raises(ConfigurationError):
        asking(model, prompt, llm_string)


def test_asking_holds_for_its_own_request_only(cache: LLMCache) -> None:
    """Other requests inside of the block, and those after it, are not the model's."""
    texts = "[('_type', 'a'), ('stop', None)]", "[('_type', 'b'), ('stop', None)]"
    answer = [ChatGeneration(message=AIMessage("a"))]
    with asking(Chat(), "p", texts[0]):
        cache.update("p", texts[0], answer)
        assert cache.lookup("p", texts[0])
        assert cache.lookup("another", texts[0]) is None
        assert cache.lookup("p", texts[1]) is None
        with asking(Chat(temperature=0.1), "p", texts[0]):
            assert cache.lookup("p", texts[0]) is None
        assert cache.lookup("p", texts[0])
    assert cache.lookup("p", texts[0]) is None


def test_a_model_that_asks_a_cache_itself_is_not_taken_for_the_one_that_asks(
    cache: LLMCache,
) -> None:
    """Inside of a model's answer, other requests are others'."""
    inner = Text(temperature=0.3)

    class Outer(Chat):
        def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
            found = cache.lookup("its own", "Sample LLM string configuration.")
            cache.update("its own", "Sample LLM string configuration.", [])
            inner.invoke(QUESTION)
            assert found is None
            return super()._generate(messages)

    assert asked(Outer(temperature=0.1)) == 1
    assert asked(Outer(temperature=0.2)) == 1
    assert inner._asked == 1
    assert asked(Outer(temperature=0.1)) == 0


async def test_the_model_is_found_in_every_way_of_asking(cache: LLMCache) -> None:
    """Threads, tasks, batches; text models too."""
    for make in (Chat, Text):
        models = [make(temperature=number / 10) for number in range(8)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda model: model.invoke(QUESTION), models))
        await asyncio.gather(*(model.ainvoke(QUESTION) for model in models))
        models[0].batch([QUESTION] * 3)
        await models[0].abatch([QUESTION] * 3)
        assert [model._asked for model in models] == [1] * 8


def test_tracers_and_profilers_do_no_harm(cache: LLMCache) -> None:
    """``sys.settrace`` and ``sys.setprofile`` see frames, and change none of what we see."""
    seen: list[str] = []

    def trace(frame: Any, event: str, _: Any) -> Any:
        seen.append(frame.f_code.co_name)
        frame.f_locals  # noqa: B018 - as debuggers do
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        assert asked(Chat(temperature=0.1)) == 1
        assert asked(Text(temperature=0.1)) == 1
    finally:
        sys.settrace(before)
    sys.setprofile(trace)
    try:
        assert asked(Chat(temperature=0.2)) == 1
    finally:
        sys.setprofile(None)
    assert asked(Chat(temperature=0.1)) == 0
    assert "_generate_with_cache" in seen


def test_without_frames_only_texts_are_left(
    cache: LLMCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deeper than forty frames nobody is looked for."""

    def deep(call: Callable[[], Any], depth: int = 45) -> Any:
        return deep(call, depth - 1) if depth else call()

    assert asked(Chat(cache=Wrapper(cache, deep))) == 2
    assert cache.stats().stores == 0


# --- what it costs, and what it keeps --------------------------------------------------------


def test_a_model_is_read_once(cache: LLMCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nothing in it changes, a hit compares its fields and reads none of them anew."""
    reads: list[Any] = []
    real = identity.Identities._read

    def counted(self: Any, model: Any, forms: Any) -> Any:
        reads.append(model)
        return real(self, model, forms)

    monkeypatch.setattr(identity.Identities, "_read", counted)
    models: list[Any] = [Chat(settings={"a": [1]}), Chat(anything=Chat()), Text()]
    for model in models:
        assert asked(model, times=5) == 1
    assert len(reads) == len(models)
    models[1].anything.temperature = 0.7
    assert asked(models[1], times=5) == 1
    assert len(reads) == len(models) + 1


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ({"a": {"b": 1}}, lambda value: value["a"].update(b=2)),
        ({"a": {"b": 1}}, lambda value: value["a"].update(b=True)),
        ({"a": 1, "b": 2}, lambda value: value.update(a=value.pop("a"))),
        ([{1}], lambda value: value[0].add(2)),
        ([0.0], lambda value: value.__setitem__(0, -0.0)),
        ([SecretStr("a")], lambda value: value.__setitem__(0, SecretStr("b"))),
        ([1], lambda value: value.__setitem__(0, SecretStr("b"))),
        (bytearray(b"a"), lambda value: value.__setitem__(0, 98)),
        (("a", ["b"]), lambda value: value[1].append("c")),
        (Nested(city="a"), lambda value: setattr(value, "city", "b")),
        ([Nested(city="a")], lambda value: setattr(value[0], "city", "b")),
        (Chat(settings={"a": [1]}), lambda value: value.settings["a"].append(2)),
    ],
)
def test_what_is_changed_in_place_is_seen(
    cache: LLMCache, value: Any, change: Callable[[Any], None]
) -> None:
    """Values and their types and order, however deep: the next call is another request."""
    model = Chat(anything=value)
    assert asked(model) == 1
    change(model.anything)
    assert asked(model) == 1
    assert cache.stats().uncacheable == 0


@pytest.mark.parametrize("other", [("b", "a"), ["a"], ("a", "b", "c"), ("a", None)])
def test_another_value_in_the_place_of_a_tuple_is_seen(cache: LLMCache, other: Any) -> None:
    """What cannot change in place is compared too."""
    model = Chat(anything=("a", "b"))
    assert asked(model) == 1
    model.anything = other
    assert asked(model) == 1


@pytest.mark.parametrize(("value", "other"), [(1, True), (1, 1.0), (0.0, -0.0), (True, 1)])
def test_an_equal_value_of_another_type_is_seen(cache: LLMCache, value: Any, other: Any) -> None:
    """It is sent as another text."""
    model = Chat(anything=value)
    assert asked(model) == 1
    model.anything = other
    assert (asked(model), asked(Chat(anything=value))) == (1, 0)


def test_a_call_makes_one_key(cache: LLMCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lookup has made of the prompt is there when the answer comes."""
    prompts: list[str] = []
    real = canonical_prompt

    def counted(prompt: str, **options: Any) -> Any:
        prompts.append(prompt)
        return real(prompt, **options)

    monkeypatch.setattr(maker, "canonical_prompt", counted)
    Chat().invoke(QUESTION)
    Text().invoke(QUESTION)
    assert len(prompts) == 2
    assert cache.stats().stores == 2


def test_many_models_are_remembered() -> None:
    """One for each user's settings, say: none of them is read again at each call."""
    models = [Chat(temperature=number) for number in range(1000)]
    known = identity.Identities()
    first = [known.of(model) for model in models]
    assert all(known.of(model) is each for model, each in zip(models, first, strict=True))


def test_nothing_keeps_a_model_alive(cache: LLMCache) -> None:
    """Neither what is remembered of it, nor of a request of its that was never answered."""

    class Failing(Chat):
        def _generate(self, *_: Any, **__: Any) -> ChatResult:
            raise ConnectionError

    models: list[Any] = [Chat(), Chat(anything=Chat()), Text(), Failing()]
    models[0].settings = {"handler": None}
    for model in models[:-1]:
        model.invoke(QUESTION)
    with pytest.raises(ConnectionError):
        models[-1].invoke(QUESTION)
    references = [weakref.ref(model) for model in models]
    del model, models
    collect_garbage()
    assert [reference() for reference in references] == [None] * 4


def test_another_model_in_the_same_place_is_read_anew(cache: LLMCache) -> None:
    """The address of a model that is gone is soon another's."""
    for number in range(50):
        model = Chat(temperature=float(number))
        assert model.invoke(QUESTION).text.startswith(f"{float(number)} ")
        del model


def test_identities_show_nothing() -> None:
    """Their repr is a digest."""
    model = Chat(persona=SecretStr("s3cret"), settings={"key": "s3cret"})
    found = identity.Identities().of(model)
    assert "s3cret" not in repr(found)
    assert found.token.hex() in repr(found)


def test_who_asks_keeps_no_frame() -> None:
    """What it returns leads to the model, and to nothing else of the call."""
    kept: list[Any] = []

    class Spy(BaseCache):
        def lookup(self, prompt: str, llm_string: str) -> Any:
            kept.append(who_asks(prompt, llm_string))

        update = clear = lambda *_, **__: None  # type: ignore[assignment]

    class Marker(str):
        __slots__ = ("__weakref__",)

    message = HumanMessage(QUESTION)
    reference = weakref.ref(message)
    model = Chat(cache=Spy())
    model.invoke([message])
    del message
    collect_garbage()
    assert kept[0].model is model
    assert reference() is None


# --- one answer is removed -------------------------------------------------------------------


@pytest.mark.parametrize("make", [Chat, Text, Serializable])
async def test_an_answer_is_removed_by_its_model_and_input(cache: LLMCache, make: Any) -> None:
    """As the model was invoked, with its options, in both halves."""
    model = make()
    model.invoke(QUESTION)
    model.invoke(QUESTION, stop=["x"])
    model.bind(top_k=3).invoke(QUESTION)
    assert model._asked == 3
    assert not cache.delete(model=model, input="another")
    assert not cache.delete(model=model, input=QUESTION, top_k=4)
    assert cache.delete(model=model.bind(top_k=3), input=QUESTION)
    assert cache.delete(model=make(), input=QUESTION, stop=["x"])
    assert await cache.adelete(model=model, input=QUESTION)
    assert not cache.delete(model=model, input=QUESTION)
    assert cache.stats().hits == 0
    if make is not Text:
        model.invoke([HumanMessage("a", id="1"), AIMessage("b", id="2"), HumanMessage("c")])
        same = [("human", "a"), ("ai", "b"), ("human", "c")]
        assert cache.delete(model=with_cache(model, cache), input=same)


def test_an_answer_is_removed_by_its_key(cache: LLMCache) -> None:
    """A hit tells its key; that of another namespace is refused."""
    model = Chat()
    model.invoke(QUESTION)
    key = model.invoke(QUESTION).response_metadata["llmcache"]["key"]
    with pytest.raises(ConfigurationError, match="namespace"):
        LLMCache(cache.store, namespace="tenant").delete(key=key)
    assert cache.delete(key=key)
    assert not cache.delete(key=key)
    assert asked(model) == 1


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {}),
        (("p",), {}),
        (("p", "[('_type', 'x'), ('stop', None)]"), {}),
        (("p", "s"), {"model": Chat(), "input": "q"}),
        (("p", "s"), {"key": "m/" + "0" * 64}),
        (("p", "s"), {"temperature": 1}),
        ((), {"key": "no key"}),
        ((), {"model": "gpt", "input": "q"}),
        ((), {"model": Chat() | str, "input": "q"}),
        ((), {"model": Chat(), "input": 7}),
    ],
)
def test_what_tells_no_request_is_refused(
    cache: LLMCache, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """The message names the ways that there are."""
    with pytest.raises(ConfigurationError):
        cache.delete(*arguments, **options)
