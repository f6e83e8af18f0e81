"""What holds for every answer, every request and every name, tried with generated ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta, timezone

from hypothesis import assume, given
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.maker import KeyMaker
from tests.support.examples import examples
from tests.support.samples import CODEC, KEY, SAMPLES, from_entry, to_entry

thorough = examples(100)

# --- answers ---------------------------------------------------------------------------------

any_text = st.text(st.characters(), max_size=8)  # lone surrogates are characters too
offsets = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
plain = st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.just("$")
scalars = (
    plain
    | st.binary(max_size=8)
    | st.datetimes(timezones=st.none() | offsets)
    | st.dates()
    | st.timedeltas()
    | st.decimals()
    | st.uuids()
    | st.complex_numbers()  # which no entry can hold
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(any_text | st.just("$") | st.integers(), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers(), max_size=2)  # neither this
    ),
    max_leaves=8,
)
mappings = st.dictionaries(any_text, values, max_size=3)
blocks = st.one_of(
    any_text,
    st.fixed_dictionaries({"type": st.sampled_from(["text", "reasoning", "x"]), "text": any_text}),
    mappings,
)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "name": any_text,
            "args": st.dictionaries(any_text, values, max_size=2),
            "id": st.none() | any_text,
            "type": st.just("tool_call"),
        }
    ),
    max_size=2,
)
messages = st.builds(
    AIMessage,
    content=any_text | st.lists(blocks, max_size=3),
    additional_kwargs=mappings,
    response_metadata=mappings,
    id=st.none() | any_text,
    name=st.none() | any_text,
    tool_calls=calls,
)
generations = st.lists(
    st.builds(Generation, text=any_text, generation_info=st.none() | mappings)
    | st.builds(ChatGeneration, message=messages, generation_info=st.none() | mappings),
    min_size=1,
    max_size=3,
)


@thorough
@given(generations)
def test_every_answer_comes_back_or_is_refused(answer: list[Generation]) -> None:
    """No generated answer comes back as another one, and storing never changes it."""
    before = repr(answer)
    try:
        entry = to_entry(answer)
    except NotStorableError:
        # For a reason, not out of caution: there is something in it that no entry can hold.
        assert re.search(r"[0-9nf]j|frozenset|fold=1", before)
        return
    finally:
        assert repr(answer) == before
    assert repr(from_entry(entry)) == before


@thorough
@given(st.data(), st.sampled_from(sorted(SAMPLES)))
def test_every_altered_entry_is_a_miss(data: st.DataObject, name: str) -> None:
    """Whatever bytes of an entry change: no exception, no other answer, a miss."""
    entry = to_entry(SAMPLES[name])
    start = data.draw(st.integers(0, len(entry)))
    end = data.draw(st.integers(start, min(len(entry), start + 40)))
    altered = entry[:start] + data.draw(st.binary(max_size=40)) + entry[end:]
    assume(altered != entry)
    try:
        CODEC.decode(altered, key=KEY)
    except CorruptEntryError:
        return
    raise AssertionError


@thorough
@given(st.data())
def test_foreign_bytes_in_the_store_are_a_miss(data: st.DataObject) -> None:
    """A cache whose store holds anything at all under its keys answers nothing and raises nothing."""
    cache = LLMCache()
    cache.update("q", "m", SAMPLES["ai"])
    items = vars(cache.store)["_items"]
    [place] = items.keys()
    item = items.get(place)
    junk = data.draw(
        st.binary(max_size=64)
        | st.binary(max_size=64).map(lambda tail: b"llm2:" + tail)
        | st.integers(0, 10_000).map(lambda end: item[: end % len(item)])
    )
    items.put(place, junk, None)
    assert cache.lookup("q", "m") is None
    assert cache.stats().hits == 0


# --- requests --------------------------------------------------------------------------------

# Few and tricky ones, so that two requests are often nearly the same.
words = st.sampled_from(["", "a", "b", "a1", "call_1", "see call_2", "1", "\ud800", "\\ud800"])
call_ids = st.sampled_from(["call_1", "call_2", "call_3", "a", "1", "ä", "\ud800"])
contents = st.sampled_from(
    [
        *(None, True, False, 0, 1, 1.0, -0.0, 0.0, float("nan"), float("inf")),
        *(2**53, 2**63, 2**64, 2**64 + 1, float(2**64), "1", "", "NaN", "null"),
    ]
)
arguments = st.recursive(
    contents,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=3,
)
turns: st.SearchStrategy[BaseMessage] = st.one_of(
    st.builds(HumanMessage, words | st.lists(words, max_size=2), name=st.none() | words),
    st.builds(SystemMessage, words),
    st.builds(
        AIMessage,
        words,
        tool_calls=st.lists(
            st.fixed_dictionaries(
                {"name": words, "args": st.dictionaries(words, arguments, max_size=2)}
                | {"id": call_ids}
            ),
            max_size=2,
        ),
    ),
    st.builds(
        ToolMessage,
        words,
        tool_call_id=call_ids,
        status=st.sampled_from(["success", "error"]),
    ),
)
requests = st.lists(turns, min_size=1, max_size=4)


def sent(message: BaseMessage) -> Iterator[tuple[str, str]]:
    """Yield what a provider sees of a message, in order: (``"id"`` or ``"text"``, value)."""
    yield "text", repr((message.type, message.content, message.name))
    for call in getattr(message, "tool_calls", ()):
        yield "text", repr((call["name"], json.dumps(call["args"], sort_keys=True)))
        yield "id", call["id"]
    if isinstance(message, ToolMessage):
        yield "text", message.status
        yield "id", message.tool_call_id


def differ_only_in_names_of_calls(first: list[BaseMessage], second: list[BaseMessage]) -> bool:
    """Tell whether renaming tool calls, one to one, makes two requests the same."""
    one = [part for message in first for part in sent(message)]
    two = [part for message in second for part in sent(message)]
    renamed: dict[str, str] = {}
    return (
        [part if part[0] == "text" else "id" for part in one]
        == [part if part[0] == "text" else "id" for part in two]
        and all(
            renamed.setdefault(a, b) == b
            for (kind, a), (_, b) in zip(one, two, strict=True)
            if kind == "id"
        )
        and len(set(renamed.values())) == len(renamed)
    )


def digest(request: list[BaseMessage]) -> str:
    """Return the digest of a request."""
    return KeyMaker().key((), dumps(request), Asked("m"))[0].digest


@examples(300)
@given(requests, st.data())
def test_different_requests_have_different_keys(
    first: list[BaseMessage], data: st.DataObject
) -> None:
    """Two requests that share a key differ in nothing but the names of tool calls."""
    # Another request, or the same one with one message changed, or moved, or doubled.
    second = data.draw(
        requests
        | st.tuples(st.integers(0, len(first) - 1), turns).map(
            lambda change: [*first[: change[0]], change[1], *first[change[0] + 1 :]]
        )
        | st.permutations(first)
        | st.just([*first, first[-1]])
    )
    if digest(first) == digest(second):
        assert differ_only_in_names_of_calls(first, second)
    else:
        assert dumps(first) != dumps(second)


@thorough
@given(requests)
def test_new_names_of_tool_calls_lead_to_the_same_key(request: list[BaseMessage]) -> None:
    """A request in which every tool call has a random id has the key of its repetition."""

    def with_ids(start: int) -> list[BaseMessage]:
        names: dict[str, str] = {}

        def name(call_id: str) -> str:
            return names.setdefault(call_id, f"toolu_{start + len(names):08x}")

        renamed: list[BaseMessage] = []
        for message in request:
            if isinstance(message, AIMessage):
                tool_calls = [{**call, "id": name(str(call["id"]))} for call in message.tool_calls]
                renamed.append(message.model_copy(update={"tool_calls": tool_calls}))
            elif isinstance(message, ToolMessage):
                call_id = name(message.tool_call_id)
                renamed.append(message.model_copy(update={"tool_call_id": call_id}))
            else:
                renamed.append(message)
        return renamed

    assert digest(with_ids(0)) == digest(with_ids(2**20))


@thorough
@given(any_text, any_text)
def test_different_texts_have_different_keys(first: str, second: str) -> None:
    """Text prompts share a key only if they are the same, character by character."""

    def digest_of_text(prompt: str) -> str:
        return KeyMaker().key((), prompt, Asked("m"))[0].digest

    assert (digest_of_text(first) == digest_of_text(second)) == (first == second)


# --- names -----------------------------------------------------------------------------------

names = st.text(st.sampled_from("ab-/%*?[]\\:.ä\ud800\0 "), min_size=1, max_size=3)
namespaces = st.lists(names, max_size=2).map(tuple)
places = st.tuples(namespaces, names)


@thorough
@given(st.lists(places, min_size=1, max_size=6, unique=True), namespaces, st.none() | names)
def test_names_never_meet_and_clear_exactly_themselves(
    filled: list[tuple[tuple[str, ...], str]], namespace: tuple[str, ...], model: str | None
) -> None:
    """Whatever characters are in them, each namespace and model has its own entries."""
    store = LLMCache().store
    caches = [LLMCache(store, namespace=place) for place, _ in filled]
    strings = [f"{json.dumps({'kwargs': {'model': name}})}---[]" for _, name in filled]
    for number, (cache, llm_string) in enumerate(zip(caches, strings, strict=True)):
        assert cache.lookup("q", llm_string) is None
        cache.update("q", llm_string, [Generation(text=str(number))])
    LLMCache(store).clear(namespace=namespace, model=model)
    for number, (cache, llm_string) in enumerate(zip(caches, strings, strict=True)):
        place, name = filled[number]
        cleared = place[: len(namespace)] == namespace and model in (None, name)
        found = cache.lookup("q", llm_string)
        assert found == (None if cleared else [Generation(text=str(number))])
