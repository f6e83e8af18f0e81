"""What a name leads to: classes, functions and members that a model holds, and what comes after them."""

from __future__ import annotations

import enum
import sys
import types
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import LLM, BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field, PrivateAttr

from langchain_llmcache import LLMCache

MODULE = "edited_by_a_user"


class Chat(BaseChatModel):
    """Counts how often it is asked."""

    anything: Any = None
    _asked: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "chat"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self._asked += 1
        return ChatResult(generations=[ChatGeneration(message=AIMessage("x"))])


@pytest.fixture
def cache() -> Iterator[LLMCache]:
    """The cache of all models."""
    cache = LLMCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


@pytest.fixture(autouse=True)
def module() -> Iterator[None]:
    """A module whose contents are defined again."""
    sys.modules[MODULE] = types.ModuleType(MODULE)
    yield
    del sys.modules[MODULE]


def defined(source: str, name: str = "it") -> Any:
    """Return what a name of the module leads to once it was edited like this."""
    module = sys.modules[MODULE]
    exec(source, vars(module))  # noqa: S102 - as a notebook does
    return getattr(module, name)


def is_asked(model: Any, given: Any = "q", **options: Any) -> bool:
    """Tell whether a model was asked for an answer."""
    before = model._asked
    model.invoke(given, **options)
    asked: bool = model._asked > before
    return asked


ENUM = "import enum\nclass it(enum.Enum):\n    FAST = {}"
STR_ENUM = "import enum\nclass it(str, enum.Enum):\n    FAST = {}"
FUNCTION = "def it(city: {}, {}: int = {}) -> str:\n    '''{}'''\n    return {}"
TYPED_DICT = (
    "from typing import Annotated\nfrom typing_extensions import TypedDict\n"
    "class Inner(TypedDict):\n    a: Annotated[str, ..., {}]\n"
    "class it(TypedDict):\n    b: list[Inner]\n    c: Annotated[int, {}, 'c']"
)
DATACLASS = "from dataclasses import dataclass\n@dataclass\nclass it:\n    a: {} = None"
CLASS = "class it:\n    limit = {}\n    def parse(self, text):\n        return text + {}"
CHILD = CLASS.replace("class it", "class Base") + "\nclass it(Base):\n    pass"
WRAPPED = (
    "import functools\ndef quiet(f):\n    return functools.wraps(f)(lambda *given: f(*given))\n"
    "@quiet\ndef it(text):\n    return text + {}"
)


@pytest.mark.parametrize("is_option", [False, True], ids=["field", "option"])
@pytest.mark.parametrize(
    ("first", "second", "member"),
    [
        (ENUM.format("'small'"), ENUM.format("'large'"), "FAST"),
        (ENUM.format("('m', 1)"), ENUM.format("('m', 2)"), "FAST"),
        (STR_ENUM.format("'small'"), STR_ENUM.format("'large'"), "FAST"),
        (ENUM.format("1"), ENUM.format("1\n    SLOW = 2"), None),
        *(
            (FUNCTION.format("str", "days", 1, "Tell.", 1), FUNCTION.format(*other), None)
            for other in (
                ("str", "days", 1, "Say.", 1),
                ("str", "hours", 1, "Tell.", 1),
                ("str", "days", 2, "Tell.", 1),
                ("list[str]", "days", 1, "Tell.", 1),
                ("str", "days", 1, "Tell.", 2),
            )
        ),
        (TYPED_DICT.format("'a'", "..."), TYPED_DICT.format("'other'", "..."), None),
        (TYPED_DICT.format("'a'", "..."), TYPED_DICT.format("'a'", "7"), None),
        (DATACLASS.format("int"), DATACLASS.format("str"), None),
        (CLASS.format(1, "'a'"), CLASS.format(2, "'a'"), None),
        (CLASS.format(1, "'a'"), CLASS.format(1, "'b'"), None),
        (CHILD.format(1, "'a'"), CHILD.format(1, "'b'"), None),
        (WRAPPED.format("'a'"), WRAPPED.format("'b'"), None),
    ],
)
def test_what_a_name_led_to_before_is_told_apart(
    cache: LLMCache, first: str, second: str, member: str | None, *, is_option: bool
) -> None:
    """Of members, their values; of tools and schemas, what is sent; of other code, the code."""
    for source, expected in ((first, True), (second, True), (second, False), (first, False)):
        it = defined(source)
        it = it if member is None else getattr(it, member)
        asked = is_asked(Chat(), it=it) if is_option else is_asked(Chat(anything=it))
        assert asked is expected
    assert cache.stats().uncacheable == 0


MODEL = (
    "from tests.request.test_definitions import Chat as Above\n"
    "class it(Above):\n"
    "    @classmethod\n    def is_lc_serializable(cls):\n        return {}\n"
    "    @property\n    def _llm_type(self):\n        return 'it'\n"
    "    def _generate(self, messages, *_, **__):\n"
    "        return super()._generate([*messages, {}])\n"
)


@pytest.mark.parametrize("serializable", [False, True])
def test_the_class_of_a_model_may_be_edited(cache: LLMCache, *, serializable: bool) -> None:
    """Its module is reloaded, with other code or with the same."""
    steps = [("'a'", True), ("'b'", True), ("'b'", False), ("'a'", False)]
    for code, expected in steps:
        assert is_asked(defined(MODEL.format(serializable, code))()) is expected


class Kept(dict[str, int]):
    """A mapping with an attribute."""

    mode = ""


class Above:
    """Has slots, one of which is its own."""

    __slots__ = ("__given__", "__own", "hidden")

    def keep(self, own: int) -> None:
        """Put something into its own slot."""
        self.__own = own

    def give(self, given: int) -> None:
        """Put something into the slot with a name like Python's."""
        self.__given__ = given


@dataclass
class Below(Above):
    """Has its parent's slot, too, which is no field of it."""

    shown: int


def kept(mode: str) -> Kept:
    """Return a mapping with an attribute."""
    made = Kept(a=1)
    made.mode = mode
    return made


def below(hidden: int) -> Below:
    """Return an object with something in a slot."""
    made = Below(1)
    made.hidden = hidden  # type: ignore[attr-defined]
    return made


def owning(own: int) -> Below:
    """Return an object with something in a slot that is its parent's own."""
    made = Below(1)
    made.keep(own)
    return made


def given(given: int) -> Below:
    """Return an object with something in a slot with a name like Python's."""
    made = Below(1)
    made.give(given)
    return made


Top = namedtuple("Top", "count")  # noqa: PYI024 - the older kind, too
Beam = namedtuple("Beam", "count")  # noqa: PYI024
WINTER = datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Top(5), Beam(5)),
        (Kept(a=1), {"a": 1}),
        (kept("a"), kept("b")),
        (below(1), below(2)),
        (owning(1), owning(2)),
        (given(1), given(2)),
        (WINTER, WINTER.replace(tzinfo=timezone(timedelta(hours=1)))),
        (WINTER, WINTER.replace(tzinfo=ZoneInfo("Europe/Paris"))),
        (datetime(2024, 1, 1), datetime(2024, 1, 1, fold=1)),  # noqa: DTZ001 - without a zone
        (time(1), time(1, fold=1)),
    ],
)
def test_what_objects_of_one_text_differ_in(cache: LLMCache, first: Any, second: Any) -> None:
    """The class of a collection, attributes and slots besides its fields, the name of a zone."""
    for value in (first, second):
        assert is_asked(Chat(anything=[value]))
        assert not is_asked(Chat(anything=[value]))
    assert cache.stats().uncacheable == 0


def test_plain_collections_are_one(cache: LLMCache) -> None:
    """A provider is sent the same of them."""
    assert is_asked(Chat(anything={"a": [1]}))
    assert not is_asked(Chat(anything=OrderedDict(a=(1,))))


class Size(enum.Enum):
    """An object without a text of data."""

    SMALL = 1


class Stating(Chat):
    """States what is in no field."""

    _mode: str = PrivateAttr(default="a")

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": "m", "mode": self._mode, "size": Size.SMALL, "it": [("x", self._mode)]}


class StatingText(LLM):
    """The same, for texts."""

    _mode: str = PrivateAttr(default="a")
    _asked: int = PrivateAttr(default=0)

    @property
    def _llm_type(self) -> str:
        return "text"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"mode": self._mode, "size": Size.SMALL}

    def _call(self, prompt: str, *_: Any, **__: Any) -> str:
        self._asked += 1
        return "x"


class Serialized(Stating):
    """States it as an attribute for LangChain's serialization."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Tell that it is."""
        return True

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """Tell what is in no field."""
        return {"mode": self._mode}


@pytest.mark.parametrize("cls", [Stating, StatingText, Serialized])
@pytest.mark.parametrize("options", [{}, {"size": Size.SMALL}], ids=["plain", "object"])
def test_what_a_model_states_counts(cache: LLMCache, cls: Any, options: dict[str, Any]) -> None:
    """Private state that its author gives to LangChain, with an object in the same text."""
    for mode, expected in (("a", True), ("b", True), ("a", False)):
        model = cls()
        model._mode = mode
        assert is_asked(model, **options) is expected
    assert cache.stats().uncacheable == 0


def _placed(module: str) -> Any:
    """Return a class that says its place in LangChain's list, made in a module."""
    body: dict[str, Any] = {
        "__module__": module,
        "is_lc_serializable": classmethod(lambda _: True),
        "get_lc_namespace": classmethod(lambda _: ["app", "models"]),
    }
    cls: Any = type("Placed", (Chat,), body)
    vars(sys.modules[module])["Placed"] = cls
    return cls


def test_a_place_of_ones_own_choice_tells_no_class(cache: LLMCache) -> None:
    """Two packages of the application may choose the same."""
    assert is_asked(_placed(MODULE)())
    assert is_asked(_placed(__name__)())


def _message(name: str, above: type[BaseMessage]) -> Callable[[], BaseMessage]:
    """Return what makes a message of a class of the application's."""
    cls = type(name, (above,), {"__module__": MODULE, "__annotations__": {}})
    return lambda: cls(content="x")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (_message("Note", HumanMessage), _message("Note", SystemMessage)),
        (_message("SystemMessage", HumanMessage), lambda: SystemMessage("x")),
        (_message("Note", AIMessage), _message("Note", HumanMessage)),
    ],
)
def test_messages_are_sent_as_what_they_derive_from(
    cache: LLMCache, first: Callable[[], BaseMessage], second: Callable[[], BaseMessage]
) -> None:
    """LangChain's text has the name of a message's class, and not whose name that is."""
    for make in (first, second):
        assert is_asked(Chat(), [HumanMessage("q"), make()])
        assert not is_asked(Chat(), [HumanMessage("q"), make()])


class Named(Chat):
    """Has fields with the names of credentials and of clients, which are neither."""

    style_token: str = ""
    session: str | None = None
    client: dict[str, str] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"style_token": "formal"}, {"style_token": "casual"}),
        ({"style_token": "FORMAL"}, {"style_token": "very formal"}),
        ({"session": "alice"}, {"session": "bob"}),
        ({"client": {"a": "b"}}, {"client": {"a": "c"}}),
    ],
)
def test_names_alone_leave_nothing_out(
    cache: LLMCache, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """A word is no token of access, and a field that holds data is no client."""
    made: Any = Named
    assert is_asked(made(**first))
    assert is_asked(made(**second))
    assert not is_asked(made(**first))


class Reaching(Chat):
    """Has a token of access."""

    api_token: str = ""
    vendor_token: str = ""


def test_tokens_of_access_do_not_count(cache: LLMCache) -> None:
    """Even one that reads like a word, or that has a name of the vendor's."""
    assert is_asked(Reaching(api_token="old", vendor_token="hf_Ab3x9QpLk2"))
    assert not is_asked(Reaching(api_token="new", vendor_token="hf_Zy8w7TmNj4"))
