"""What a caller gets on a hit: the stored answer, made new for this caller."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import Generation
from langgraph.graph.message import add_messages

from langchain_llmcache import ConfigurationError, LLMCache
from langchain_llmcache._answer.codec import decode
from langchain_llmcache._answer.hits import HitUsage, from_entry
from tests.support.samples import KEY, SAMPLES, USAGE, chat, to_entry

MODEL = '{"kwargs": {"model": "m"}}---[(\'stop\', None)]'
NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


def hit(
    generations: list[Generation], *, usage: HitUsage = "keep", later: float = 60.0
) -> list[Any]:
    """Return what a caller gets for a stored answer."""
    stored = decode(to_entry(generations), key=KEY)
    return from_entry(stored, now=stored.created + later, usage=usage)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_hit_is_the_stored_answer(name: str) -> None:
    """Apart from its id, its usage and the marker, a hit equals what the model said."""
    hits = hit(SAMPLES[name])
    assert len(hits) == len(SAMPLES[name])
    said: Any
    for got, said in zip(hits, copy.deepcopy(SAMPLES[name]), strict=True):
        assert type(got) is type(said)
        if hasattr(said, "message"):
            marker = got.message.response_metadata.pop("llmcache")
            assert marker == {"hit": True, "age": 60.0, "saved": 1.5}
            assert (got.message.id is None) == (said.message.id is None)
            got.message.id = said.message.id
            if isinstance(said.message, AIMessage) and said.message.usage_metadata is None:
                assert got.message.usage_metadata == NO_USAGE
                got.message.usage_metadata = None
        assert got == said


def test_every_hit_has_an_id_of_its_own() -> None:
    """LangGraph keeps both answers when the same question was answered twice."""
    question = HumanMessage("q", id="q1")
    cold: Any = SAMPLES["ai"][0]
    messages: Any = add_messages(question, cold.message)
    for number in (2, 3):
        messages = add_messages(messages, HumanMessage("q", id=f"q{number}"))
        messages = add_messages(messages, hit(SAMPLES["ai"])[0].message)
    assert [message.type for message in messages] == ["human", "ai"] * 3


@pytest.mark.parametrize("name", ["ai", "several", "ai chunk"])
def test_usage_stays_valid_after_langchains_own_edit(name: str) -> None:
    """langchain-core adds total_cost to a hit's usage; the message is still a valid one."""
    edited = FakeMessagesListChatModel(responses=[])._convert_cached_generations(hit(SAMPLES[name]))
    for generation in edited:
        message: Any = generation.message
        assert message.usage_metadata["total_cost"] == 0
        assert {"input_tokens", "output_tokens", "total_tokens"} <= message.usage_metadata.keys()
        assert type(message).model_validate(message.model_dump()).content == message.content


def test_usage_is_kept_or_zero() -> None:
    """Hits report the tokens of the first call, or none for those who count costs."""
    assert hit(SAMPLES["ai"])[0].message.usage_metadata == USAGE
    assert hit(SAMPLES["ai"], usage="zero")[0].message.usage_metadata == NO_USAGE
    with pytest.raises(ConfigurationError, match="hit_usage"):
        LLMCache(hit_usage="none")  # type: ignore[arg-type]


def test_a_clock_that_went_back_makes_no_negative_age() -> None:
    """An entry from a machine whose clock is ahead is of age 0."""
    assert hit(SAMPLES["ai"], later=-5.0)[0].message.response_metadata["llmcache"]["age"] == 0.0


def test_two_callers_share_nothing() -> None:
    """Whatever one caller does to a hit, the next one gets what the model said."""
    cache = LLMCache()
    said = chat(AIMessage([{"type": "text", "text": "a"}], additional_kwargs={"deep": [{"x": 1}]}))
    cache.update("q", MODEL, said)
    said[0].message.content[0]["text"] = "changed by the caller of the miss"  # type: ignore[attr-defined]
    for _ in range(2):
        found: Any = cache.lookup("q", MODEL)
        message: BaseMessage = found[0].message
        assert message.content == [{"type": "text", "text": "a"}]
        assert message.additional_kwargs == {"deep": [{"x": 1}]}
        message.content[0]["text"] = "changed by a caller"  # type: ignore[index]
        message.additional_kwargs["deep"][0]["x"] = 2
        found.clear()
