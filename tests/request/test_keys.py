"""Which requests share an answer, and which never do."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.language_models import LLM
from langchain_core.load import dumps
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.content import create_image_block, create_text_block
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

from langchain_llmcache import ConfigurationError, LLMCache
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.key import (
    Key,
    Scope,
    encode_model,
    encode_part,
    namespace_parts,
    parse_path,
)
from langchain_llmcache._request.llm_strings import Uncacheable
from langchain_llmcache._request.maker import KeyMaker
from langchain_llmcache._request.prompts import canonical_prompt

MODEL = '{"kwargs": {"model": "m"}}---[(\'stop\', None)]'
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def digest_of_text(prompt: str, llm_string: str = MODEL, **options: Any) -> str:
    """Return the digest of a text prompt."""
    key, _ = KeyMaker(**options).key((), prompt, Asked(llm_string))
    return key.digest


def digest(*messages: BaseMessage, **options: Any) -> str:
    """Return the digest of messages."""
    return digest_of_text(dumps(list(messages)), **options)


def conversation(call_id: str, *, tool_result: str = "18 degrees") -> list[BaseMessage]:
    """Return a question, a tool call and its result."""
    call = {"name": "weather", "args": {"city": "Oslo"}, "id": call_id}
    return [
        HumanMessage("How warm is it?"),
        AIMessage(
            [{"type": "tool_use", "id": call_id, "name": "weather", "input": {"city": "Oslo"}}],
            tool_calls=[call],
        ),
        ToolMessage(tool_result, tool_call_id=call_id),
    ]


# --- one request -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(HumanMessage("q", id="1"), HumanMessage("q", id="2"), id="message id"),
        pytest.param(
            AIMessage("a"), AIMessage("a", usage_metadata=USAGE), id="usage of an earlier answer"
        ),
        pytest.param(
            AIMessage("a", response_metadata={"ResponseMetadata": {"RequestId": "1"}}),
            AIMessage("a", response_metadata={"ResponseMetadata": {"RequestId": "2"}}),
            id="request id of an earlier answer",
        ),
        pytest.param(
            AIMessage("a"),
            AIMessage("a", response_metadata={"llmcache": {"hit": True}}),
            id="marker of a hit",
        ),
        pytest.param(AIMessage("a"), AIMessageChunk(content="a"), id="streamed answer"),
        pytest.param(
            HumanMessage([create_text_block("a")]),  # type: ignore[list-item]
            HumanMessage([create_text_block("a")]),  # type: ignore[list-item]
            id="generated block id",
        ),
        pytest.param(
            AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c", "type": "tool_call"}]),
            AIMessage("", tool_calls=[{"id": "c", "type": "tool_call", "args": {}, "name": "f"}]),
            id="order of names in a tool call",
        ),
        pytest.param(
            AIMessage("a", additional_kwargs={"refusal": None, "reasoning_content": "r"}),
            AIMessage("a", additional_kwargs={"reasoning_content": "r", "refusal": None}),
            id="order of additional kwargs",
        ),
        pytest.param(AIMessage("a"), AIMessage("a", name=None), id="field that is not set"),
        pytest.param(
            AIMessage("{}", additional_kwargs={"parsed": {"a": 1}}),
            AIMessage("{}"),
            id="parsed content",
        ),
        pytest.param(
            ToolMessage("r", tool_call_id="c", artifact={"rows": 1}),
            ToolMessage("r", tool_call_id="c", artifact=object()),
            id="artifact of a tool",
        ),
    ],
)
def test_what_no_provider_sees_is_not_in_the_key(first: BaseMessage, second: BaseMessage) -> None:
    """Two requests that reach the provider as one have one key."""
    assert digest(first) == digest(second)


def test_parsed_structured_output_in_the_history_keeps_its_key() -> None:
    """A parsed pydantic object, which a hit has as plain data, does not change the next key."""

    class Out(BaseModel):
        a: int

    cold = AIMessage('{"a":1}', additional_kwargs={"parsed": Out(a=1), "refusal": None})
    hit = AIMessage('{"a":1}', additional_kwargs={"parsed": {"a": 1}, "refusal": None})
    assert digest(cold) == digest(hit)


# --- two requests ----------------------------------------------------------------------------

CALL: Any = {"name": "f", "id": "call_1", "type": "tool_call"}
CHUNK: Any = {"name": "f", "args": "{}", "id": "call_1", "index": 0, "type": "tool_call_chunk"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

DIFFERENT: list[Any] = [
    pytest.param(
        [AIMessage("", tool_calls=[{**CALL, "args": {"a": 1, "b": 2}}])],
        [AIMessage("", tool_calls=[{**CALL, "args": {"b": 2, "a": 1}}])],
        id="order of a tool's arguments",
    ),
    pytest.param(
        [ToolMessage([{"rows": {"a": 1, "b": 2}}], tool_call_id="c")],
        [ToolMessage([{"rows": {"b": 2, "a": 1}}], tool_call_id="c")],
        id="order of what a tool said",
    ),
    pytest.param(
        [HumanMessage([{"type": "text", "text": "a"}])],
        [HumanMessage([{"text": "a", "type": "text"}])],
        id="order of names in a block",
    ),
    pytest.param(
        [AIMessage([PICTURE])], [AIMessageChunk(content=[PICTURE])], id="streamed picture"
    ),
    pytest.param(
        [AIMessage("a", response_metadata={"output_version": "v1"})],
        [AIMessageChunk(content="a", response_metadata={"output_version": "v1"})],
        id="streamed answer in blocks",
    ),
    pytest.param(
        [AIMessage("a"), AIMessage("b")],
        [AIMessageChunk(content="a"), AIMessage("b")],
        id="streamed answer before another answer",
    ),
    pytest.param(
        [AIMessageChunk(content="", tool_call_chunks=[CHUNK]), AIMessageChunk(content="b")],
        [
            AIMessageChunk(content="", tool_call_chunks=[CHUNK | {"index": 1}]),
            AIMessageChunk(content="b"),
        ],
        id="pieces of streamed answers side by side",
    ),
    pytest.param([AIMessage("a"), AIMessage("b")], [AIMessage("ab")], id="two answers"),
    pytest.param([HumanMessage("a")], [HumanMessage("b")], id="text"),
    pytest.param([HumanMessage("a")], [SystemMessage("a")], id="role"),
    pytest.param([HumanMessage("a")], [HumanMessage("a ")], id="white space"),
    pytest.param([HumanMessage("é")], [HumanMessage("e\u0301")], id="unicode form"),
    pytest.param([HumanMessage("a")], [HumanMessage("a", name="Ann")], id="name"),
    pytest.param([HumanMessage("")], [HumanMessage([])], id="empty contents"),
    pytest.param(
        [HumanMessage("a"), HumanMessage("b")], [HumanMessage("b"), HumanMessage("a")], id="order"
    ),
    pytest.param(
        [HumanMessage("a"), HumanMessage("b")], [HumanMessage("ab")], id="border of messages"
    ),
    pytest.param([SystemMessage("s"), HumanMessage("a")], [HumanMessage("a")], id="system prompt"),
    pytest.param(
        [ChatMessage(content="a", role="x")],
        [ChatMessage(content="a", role="y")],
        id="role of a chat message",
    ),
    pytest.param(
        [FunctionMessage(content="a", name="f")],
        [FunctionMessage(content="a", name="g")],
        id="function",
    ),
    pytest.param(
        [HumanMessage([create_image_block(url="http://x/1.png")])],  # type: ignore[list-item]
        [HumanMessage([create_image_block(url="http://x/2.png")])],  # type: ignore[list-item]
        id="image",
    ),
    pytest.param(
        [HumanMessage([{"type": "file", "source_type": "id", "id": f"lc_{'0' * 36}"}])],
        [HumanMessage([{"type": "file", "source_type": "id", "id": f"lc_{'1' * 36}"}])],
        id="reference to a file",
    ),
    pytest.param(
        [HumanMessage([{"image": {"source": {"bytes": b"1"}}}])],
        [HumanMessage([{"image": {"source": {"bytes": b"2"}}}])],
        id="bytes",
    ),
    pytest.param(
        [HumanMessage([{"n": Decimal(1)}])], [HumanMessage([{"n": Decimal("1.0")}])], id="decimal"
    ),
    pytest.param(
        [ToolMessage("r", tool_call_id="c")],
        [ToolMessage("r", tool_call_id="c", status="error")],
        id="status of a tool",
    ),
    pytest.param(
        [AIMessage("a")],
        [AIMessage("a", additional_kwargs={"reasoning_content": "r"})],
        id="additional kwargs",
    ),
    *(
        pytest.param(
            [AIMessage("a", response_metadata={field: first})],
            [AIMessage("a", response_metadata={field: second})],
            id=f"read back: {field}",
        )
        for field, first, second in (
            ("model_provider", "openai", "anthropic"),
            ("model_name", "a", "b"),
            ("output_version", "v0", "v1"),
            ("container", {"id": "1"}, {"id": "2"}),
            ("grounding_metadata", {"x": 1}, {"x": 2}),
            ("is_blocked", False, True),
            ("id", "resp_1", "resp_2"),  # OpenAI remembers that conversation
        )
    ),
    pytest.param(
        [AIMessage([{"type": "reasoning", "id": "rs_1", "summary": []}])],
        [AIMessage([{"type": "reasoning", "id": "rs_2", "summary": []}])],
        id="reference to reasoning",
    ),
    *(
        pytest.param(
            [HumanMessage([{"type": "x", "value": first}])],
            [HumanMessage([{"type": "x", "value": second}])],
            id=f"{first!r:.20} and {second!r:.20}",
        )
        for first, second in (
            (float("nan"), None),
            (float("inf"), None),
            (float("nan"), float("inf")),
            (1, 1.0),
            (1, True),
            (0, False),
            (0, None),
            ("", None),
            ("1", 1),
            (0.0, -0.0),
            (2**63, 2**63 + 1),
            (2**64, 2**64 + 1),
            (10**400, 10**400 + 1),
            (-(2**64), -(2**64) - 1),
            (float(2**64), 2**64),
            ([2**64, float("nan")], [2**64, None]),
            ("\ud800", "\ud801"),
            ("\ud800", "\\ud800"),
            ("\ud800", "?"),
            ([[]], []),
            ({"a": None}, {}),
        )
    ),
]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_what_a_provider_sees_is_in_the_key(
    first: list[BaseMessage], second: list[BaseMessage]
) -> None:
    """Two requests that differ in anything a provider is sent have two keys."""
    assert digest(*first) != digest(*second)
    assert digest(*first) == digest(*first)


def test_text_and_messages_never_meet() -> None:
    """A text prompt and messages that read the same have two keys."""
    prompt = dumps([HumanMessage("a")])
    assert digest_of_text(prompt) != digest_of_text(f" {prompt}")
    assert len({digest_of_text(text) for text in ("", " ", "[]", "a", "[a]", "\ud800", "?")}) == 7


@pytest.mark.parametrize(
    "prompt",
    [
        '[{"lc": 1, "type": "constructor", "id": ["langchain"',
        '[{"lc": 1, "type": "constructor", "id": ["langchain"]}]',
        '[{"lc": 1, "type": "constructor", "id": ["langchain"], "kwargs": 1}]',
        '[{"lc": 1, "type": "constructor", "id": ["langchain"], "kwargs": {}, "more": 1}]',
        '[{"lc": 1, "type": "constructor", "id": ["langchain"], "kwargs": {"a": 1}}, 2]',
        (
            '[{"lc": 1, "type": "constructor", "id": ["langchain"], "kwargs": {"a": 1}}, '
            '{"x": 1, "type": "constructor", "id": ["langchain"], "kwargs": {"a": 1}}]'
        ),
        '[{"lc": 1, "type": "constructor", "id": ["langchain", "x"], "kwargs": {"content": '
        + "[" * 100_000,
    ],
)
def test_a_text_that_only_looks_like_messages_is_a_text(prompt: str) -> None:
    """Every character counts in a prompt that is not quite what langchain-core serializes."""
    assert canonical_prompt(prompt) == (b"t" + prompt.encode(), ())


def test_deeply_nested_messages_have_a_key() -> None:
    """What is nested deeper than the fast JSON writer goes is keyed all the same."""

    def nested(leaf: int) -> HumanMessage:
        value: Any = leaf
        for _ in range(300):
            value = [value]
        return HumanMessage([{"type": "x", "value": value}])

    assert digest(nested(1)) == digest(nested(1)) != digest(nested(2))


def test_a_text_model_is_asked_each_character() -> None:
    """What does not count in messages does where a text model is asked a text that looks so."""

    class Echo(LLM):
        """Says what it was asked."""

        _llm_type = "echo"

        def _call(self, prompt: str, *_: Any, **__: Any) -> str:
            return prompt

    plain = dumps([HumanMessage("q")])
    model = Echo(cache=LLMCache())
    for _ in range(2):
        for prompt in (plain, plain.replace('"q"', '"q", "id": "1"')):
            assert model.invoke(prompt) == prompt


# --- ids of tool calls -----------------------------------------------------------------------


def test_the_names_of_tool_calls_do_not_matter() -> None:
    """A repeated step that drew another id for its tool call leads to the same next request."""
    first, second = conversation("toolu_1"), conversation("toolu_2")
    assert digest(*first) == digest(*second)
    assert digest(*first) != digest(*conversation("toolu_1", tool_result="other"))


def test_what_refers_to_what_matters() -> None:
    """Results that are swapped between two calls make another request."""

    def two_calls(first: str, second: str) -> list[BaseMessage]:
        return [
            AIMessage(
                "",
                tool_calls=[
                    {"name": "weather", "args": {"city": "Oslo"}, "id": "call_a"},
                    {"name": "weather", "args": {"city": "Rome"}, "id": "call_b"},
                ],
            ),
            ToolMessage("cold", tool_call_id=first),
            ToolMessage("warm", tool_call_id=second),
        ]

    straight = digest(*two_calls("call_a", "call_b"))
    assert straight != digest(*two_calls("call_b", "call_a"))
    assert straight != digest(*two_calls("call_a", "call_a"))
    assert straight != digest(*two_calls("call_a", "call_c"))


@pytest.mark.parametrize("mention", ["see toolu_1", "toolu_1", "toolu_12", '"toolu_1"'])
def test_an_id_that_is_mentioned_elsewhere_is_kept(mention: str) -> None:
    """An id that a text mentions is more than a reference, and stays in the key."""
    first = digest(*conversation("toolu_1"), HumanMessage(mention))
    assert first != digest(*conversation("toolu_2"), HumanMessage(mention))


@pytest.mark.parametrize(
    ("first", "second"),
    [("a\ud800", "b\ud800"), ('a"', 'b"'), ("a\\", "b\\"), ("ä", "ö"), ("", "a")],
)
def test_an_id_that_json_would_escape_is_kept(first: str, second: str) -> None:
    """Only ids that read the same inside JSON are replaced."""
    assert digest(*conversation(first)) != digest(*conversation(second))


def test_a_number_for_an_id_never_meets_a_numbered_one() -> None:
    """A conversation whose ids are numbers already is keyed as it is."""

    def used(call_id: Any) -> AIMessage:
        return AIMessage([{"type": "tool_use", "id": call_id, "name": "f", "input": {}}])

    assert digest(used("toolu_1")) == digest(used("toolu_2"))
    assert digest(used("toolu_1"), used(1)) != digest(used("toolu_1"), used("toolu_2"))
    others: list[Any] = [0, 1, None, [], {}, ""]
    assert len({digest(used(call_id)) for call_id in ("toolu_1", *others)}) == 7


RANDOM = "toolu_01A09q90qw90lq917835lq9"


@pytest.mark.parametrize(
    ("call_id", "message"),
    [
        ("call_1", AIMessage("your call_1.")),
        (RANDOM, AIMessage(f"about {RANDOM}")),
        (RANDOM, AIMessage("a", additional_kwargs={"x": [{"about": RANDOM}]})),
        ("7", AIMessage([{"type": "web_search_tool_result", "tool_use_id": "7"}])),
        ("zq", ToolMessage("a", tool_call_id="zq")),
    ],
)
def test_an_answer_that_refers_to_an_id_is_not_stored(call_id: str, message: BaseMessage) -> None:
    """An answer that names an earlier call is good for that conversation only."""
    cache = LLMCache()
    prompt = dumps(conversation(call_id))
    cache.update(prompt, MODEL, [ChatGeneration(message=message)])
    assert cache.lookup(prompt, MODEL) is None
    assert cache.stats().refused == 1


@pytest.mark.parametrize("call_id", ["7", "0", "zq", "call_0", "functions.f:0", RANDOM])
def test_ids_that_are_counted_anew_do_not_keep_answers_out(call_id: str) -> None:
    """Fake models, and some servers, call each turn's calls the same: later steps are stored too."""
    cache = LLMCache()
    block = {"type": "tool_use", "id": call_id, "name": "f", "input": {"n": "7", "zq": 0}}
    calls: Any = [{"name": "f", "args": {"n": "7", "zq": 0}, "id": call_id, "type": "tool_call"}]
    message = AIMessage(
        ["0 of 7 zq", block],
        tool_calls=calls,
        additional_kwargs={"signatures": {call_id: "1x1"}},
    )
    prompt = dumps(conversation(call_id))
    cache.update(prompt, MODEL, [ChatGeneration(message=message)])
    [hit] = cache.lookup(prompt, MODEL) or []
    again: Any = hit.message  # type: ignore[attr-defined]
    assert again.tool_calls == calls
    assert again.content == message.content
    [hit] = cache.lookup(dumps(conversation("call_7x")), MODEL) or []
    assert hit.message.tool_calls[0]["id"] == "call_7x"  # type: ignore[attr-defined]


def test_a_calls_new_id_stands_wherever_the_answer_names_it() -> None:
    """Contents and signatures go on naming the call, and texts and arguments stay as they are."""
    cache = LLMCache()
    block = {"type": "tool_use", "id": RANDOM, "name": "f", "input": {"n": "7", "zq": 0}}
    message = AIMessage(
        ["0 of 7 zq", block],
        tool_calls=[{"name": "f", "args": {"n": "7", "zq": 0}, "id": RANDOM, "type": "tool_call"}],
        additional_kwargs={"signatures": {RANDOM: "1x1"}},
    )
    cache.update(dumps(conversation("toolu_2")), MODEL, [ChatGeneration(message=message)])
    [hit] = cache.lookup(dumps(conversation("toolu_2")), MODEL) or []
    again: Any = hit.message  # type: ignore[attr-defined]
    [call] = again.tool_calls
    assert call["id"] != RANDOM
    assert again.content == ["0 of 7 zq", {**block, "id": call["id"]}]
    assert again.additional_kwargs == {"signatures": {call["id"]: "1x1"}}
    assert call["args"] == {"n": "7", "zq": 0}


def test_an_answer_never_brings_an_id_that_is_taken() -> None:
    """A conversation that uses the id of a stored answer's tool call gets another one."""
    cache = LLMCache()
    call = {"name": "f", "args": {}, "id": "call_2"}
    answer = [ChatGeneration(message=AIMessage("a", tool_calls=[call]))]
    cache.update(dumps(conversation("call_1")), MODEL, answer)
    assert cache.lookup(dumps(conversation("call_3")), MODEL) is not None
    [hit] = cache.lookup(dumps(conversation("call_2")), MODEL) or []
    assert hit.message.tool_calls[0]["id"] != "call_2"  # type: ignore[attr-defined]


def test_other_forms_of_tool_calls_are_numbered_too() -> None:
    """OpenAI's own form, invalid calls and the blocks of other packages refer as well."""

    def history(call_id: str) -> list[BaseMessage]:
        function = {"name": "f", "arguments": "{}"}
        return [
            AIMessage(
                [
                    {"type": "function_call", "call_id": call_id, "name": "f"},
                    {"type": "tool_call", "id": call_id, "name": "f", "args": {}},
                ],
                additional_kwargs={
                    "tool_calls": [{"id": call_id, "type": "function", "function": function}]
                },
                invalid_tool_calls=[
                    {
                        "name": "f",
                        "args": "{",
                        "id": call_id,
                        "error": None,
                        "type": "invalid_tool_call",
                    }
                ],
            ),
            HumanMessage([{"type": "tool_result", "tool_use_id": call_id, "content": "r"}]),
        ]

    assert digest(*history("call_1")) == digest(*history("call_2"))
    *_, call_ids = KeyMaker().key((), dumps(history("call_1")), Asked(MODEL))[0]
    assert call_ids == ("call_1",)


# --- objects ---------------------------------------------------------------------------------


class Opaque:
    """Like an array, it shows only a part of itself."""

    def __repr__(self) -> str:
        return "Opaque(0, ..., 9)"


@pytest.mark.parametrize("value", [Opaque(), object(), {1, 2}, {(1, 2): 3}, Opaque])
def test_an_object_that_may_not_tell_all_is_not_cached(value: object) -> None:
    """A message with an object in it, of which langchain-core writes the repr, has no safe key."""
    with pytest.raises(Uncacheable, match="plain data"):
        digest(HumanMessage([{"type": "x", "value": value}]))


def test_text_about_objects_is_text() -> None:
    """Addresses and the word not_implemented in somebody's question do no harm."""
    question = '"not_implemented" <object object at 0x7f0000000000>'
    assert digest(HumanMessage(question)) != digest(HumanMessage(question.upper()))
    assert digest(HumanMessage("not_implemented"))


# --- what the user adds ----------------------------------------------------------------------


def test_key_extra_keeps_answers_apart() -> None:
    """Regions, accounts or versions in key_extra have answers of their own."""
    extras = [None, {}, "", "eu", {"region": "eu"}, {"region": "us"}, {"region": "eu", "v": 1}, 0]
    assert len({digest_of_text("q", extra=extra) for extra in extras}) == len(extras)
    first = digest_of_text("q", extra={"a": 1, "b": 2})
    assert first == digest_of_text("q", extra={"b": 2, "a": 1})


def test_parts_of_a_key_cannot_be_shifted() -> None:
    """What moves from one part of the key to the next makes another key."""
    assert digest_of_text("bc", "a") != digest_of_text("c", "ab")
    assert digest_of_text("q", "b", extra="a") != digest_of_text("q", 'a"b', extra="")


def test_key_secret_hides_what_was_asked() -> None:
    """Keys made with a secret cannot be told without it, and differ for two secrets."""
    secrets = [None, "one", "two"]
    assert len({digest_of_text("q", secret=secret) for secret in secrets}) == 3
    assert digest_of_text("q", secret="one") == digest_of_text("q", secret=b"one")


@pytest.mark.parametrize(
    "options", [{"extra": object()}, {"extra": {1, 2}}, {"secret": ""}, {"secret": 5}]
)
def test_wrong_additions_are_refused_at_once(options: dict[str, Any]) -> None:
    """A key_extra that is no JSON data and a key_secret that is no text are configuration errors."""
    with pytest.raises(ConfigurationError):
        KeyMaker(**options)


# --- where entries are -----------------------------------------------------------------------


def test_paths_are_read_back() -> None:
    """The path of a key says where its entry lives, and nothing else is such a path."""
    key = Key(("a%2Fb", "m"), "0" * 64)
    assert parse_path(key.path) == key
    for path in (
        "",
        "0" * 64,
        f"a//{'0' * 64}",
        f"a/{'0' * 63}",
        f"a*b/{'0' * 64}",
        f"{key.path}x",
    ):
        assert parse_path(path) is None


def test_namespaces_and_models_never_meet() -> None:
    """A slash in a name, or a model that is called like no model, does not lead elsewhere."""
    assert encode_part("a/b") != "a/b"
    assert encode_model(None) == "-" != encode_model("-")
    assert encode_part("\ud800") != encode_part("?")
    assert namespace_parts("a/b") == ("a/b",)
    assert namespace_parts(("a", "b")) == ("a", "b")
    for wrong in ("", ("a", ""), ("a", 1), {"a"}):
        with pytest.raises(ConfigurationError):
            namespace_parts(wrong)  # type: ignore[arg-type]


def test_a_scope_covers_itself_and_what_is_below() -> None:
    """Clearing a namespace takes what is in it, not a model of its name."""
    scope = Scope(("a",))
    assert scope.covers(("a", "m"))
    assert scope.covers(("a", "b", "m"))
    assert not scope.covers(("a",))
    assert not scope.covers(("ab", "m"))
    assert not Scope(("a",), "m").covers(("a", "n"))


def test_prompts_are_not_in_the_store() -> None:
    """Neither keys nor entries hold the prompt or the model's settings."""
    cache = LLMCache(namespace="tenant")
    cache.update("my secret question", '{"kwargs": {"api": "my secret"}}', [Generation(text="a")])
    stored = json.dumps(repr(list(vars(cache.store)["_items"]._items.items())))
    assert "tenant" in stored
    assert "my secret" not in stored


def test_messages_changed_in_place_have_another_key() -> None:
    """What is remembered of a prompt is that of its text, and never of the objects in it."""
    maker = KeyMaker()
    message = HumanMessage([{"type": "text", "text": "a"}])
    keys = []
    for text in ("a", "b", "a"):
        message.content[0]["text"] = text  # type: ignore[index]
        message.id = f"of {text}"
        keys += [maker.key((), dumps([message]), Asked(MODEL)) for _ in range(2)]
    assert keys[0] == keys[1] == keys[4] == keys[5]
    assert keys[2] == keys[3] != keys[0]
    assert [each[0].digest for each in keys[:3:2]] == [
        digest(HumanMessage([{"type": "text", "text": text}])) for text in ("a", "b")
    ]


def test_what_is_remembered_of_prompts_is_told_apart() -> None:
    """By settings, by namespaces, and by whether each character counts; it has a bound of bytes."""
    maker = KeyMaker()
    prompts = [dumps([HumanMessage(f"{number}" * 1000)]) for number in range(500)] * 2
    asked = [
        (prompt, space, llm_string)
        for prompt in prompts[:3] * 2
        for space in ((), ("a",))
        for llm_string in (MODEL, MODEL.replace('"m"', '"n"'))
    ]
    for prompt, space, llm_string in asked:
        fresh = KeyMaker().key(space, prompt, Asked(llm_string))
        assert maker.key(space, prompt, Asked(llm_string)) == fresh
    long = [f"{number}" + "x" * 1_000_000 for number in range(30)]
    for prompt in [*prompts, *long]:
        maker.key((), prompt, Asked(MODEL))
    kept = maker._keys
    assert sum(len(prompt) for prompt, *_ in (*kept.younger, *kept._older)) <= 8 * 2**20
