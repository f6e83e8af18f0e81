"""What a caller gets on a hit: the stored answer, made new for this caller."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import Generation
from langgraph.graph.message import add_messages

from langchain_llmcache import ConfigurationError, LLMCache
from langchain_llmcache._answer.hits import HitUsage
from tests.support.call_ids import numbered
from tests.support.samples import CREATED, KEY, SAMPLES, USAGE, chat, hit_of, to_entry

MODEL = '{"kwargs": {"model": "m"}}---[(\'stop\', None)]'
NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


def hit(
    generations: list[Generation], *, usage: HitUsage = "keep", later: float = 60.0
) -> list[Any]:
    """Return what a caller gets for a stored answer."""
    return hit_of(to_entry(generations), now=CREATED + later, usage=usage)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_hit_is_the_stored_answer(name: str) -> None:
    """Apart from its ids, its usage and the marker, a hit equals what the model said."""
    hits = hit(SAMPLES[name])
    assert len(hits) == len(SAMPLES[name])
    said: Any
    for got, said in zip(hits, copy.deepcopy(SAMPLES[name]), strict=True):
        assert type(got) is type(said)
        if hasattr(said, "message"):
            marker = got.message.response_metadata.pop("llmcache")
            assert marker == {"hit": True, "age": 60.0, "saved": 1.5, "key": KEY.path}
            assert (got.message.id is None) == (said.message.id is None)
            got.message.id = said.message.id
            if isinstance(said.message, AIMessage) and said.message.usage_metadata is None:
                assert got.message.usage_metadata == NO_USAGE
                got.message.usage_metadata = None
            assert numbered(got.message.model_dump()) == numbered(said.message.model_dump())
            got.message = said.message
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


# Where providers write what was used or charged: as they write it, and as a tracker is to see it.
METADATA: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (  # OpenAI, Azure, Groq, Mistral, DeepSeek, NVIDIA, Hugging Face
        {
            "token_usage": {
                "completion_tokens": 7,
                "prompt_tokens": 5,
                "total_tokens": 12,
                "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": None},
                "prompt_cache_hit_tokens": 2,
            },
            "model_name": "gpt-4o",
            "finish_reason": "stop",
            "logprobs": {"content": [{"token": "a", "logprob": -0.5, "bytes": [97]}]},
        },
        {
            "token_usage": {
                "completion_tokens": 0,
                "prompt_tokens": 0,
                "total_tokens": 0,
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": None},
                "prompt_cache_hit_tokens": 0,
            },
            "model_name": "gpt-4o",
            "finish_reason": "stop",
            "logprobs": {"content": [{"token": "a", "logprob": -0.5, "bytes": [97]}]},
        },
    ),
    (  # Anthropic, ChatBedrock
        {"usage": {"input_tokens": 5, "service_tier": "standard", "cache": {"ttl_5m": 4}}},
        {"usage": {"input_tokens": 0, "service_tier": "standard", "cache": {"ttl_5m": 0}}},
    ),
    (  # Ollama
        {"prompt_eval_count": 5, "eval_count": 7, "total_duration": 9, "done": True},
        {"prompt_eval_count": 0, "eval_count": 0, "total_duration": 9, "done": True},
    ),
    (  # Google
        {"usage_metadata": {"promptTokenCount": 5}, "usageMetadata": {"total": 2}, "index": 3},
        {"usage_metadata": {"promptTokenCount": 0}, "usageMetadata": {"total": 0}, "index": 3},
    ),
    (  # Bedrock
        {
            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 7},
            "ResponseMetadata": {
                "HTTPStatusCode": 200,
                "HTTPHeaders": {"x-amzn-bedrock-input-token-count": "5", "content-length": "9"},
            },
            "metrics": {"latencyMs": [12]},
        },
        {
            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 0, "outputTokenCount": 0},
            "ResponseMetadata": {
                "HTTPStatusCode": 200,
                "HTTPHeaders": {"x-amzn-bedrock-input-token-count": "0", "content-length": "9"},
            },
            "metrics": {"latencyMs": [12]},
        },
    ),
    (  # Cohere, OpenRouter, LiteLLM, Perplexity
        {
            "token_count": {"total": 3.0},
            "meta": {"billed_units": {"input": 5.5}, "api_version": {"version": 1}},
            "cost": 0.25,
            "cost_details": {"upstream_inference_cost": 0.125},
            "num_search_queries": 2,
            "max_tokens": 100,
            "headers": {
                "x-ratelimit-remaining-tokens": "99",
                "x-litellm-response-cost": "2.85e-05",
            },
            "is_cached_tokens": True,
        },
        {
            "token_count": {"total": 0.0},
            "meta": {"billed_units": {"input": 0.0}, "api_version": {"version": 1}},
            "cost": 0.0,
            "cost_details": {"upstream_inference_cost": 0.0},
            "num_search_queries": 2,
            "max_tokens": 100,
            "headers": {"x-ratelimit-remaining-tokens": "99", "x-litellm-response-cost": "0"},
            "is_cached_tokens": True,
        },
    ),
]


@pytest.mark.parametrize(("said", "seen"), METADATA)
def test_no_tracker_charges_a_hit(said: dict[str, Any], seen: dict[str, Any]) -> None:
    """What was used is 0 wherever providers write it; the rest is as they wrote it."""
    message = AIMessage(
        "a",
        response_metadata=copy.deepcopy(said),
        usage_metadata=USAGE,
        additional_kwargs={"usage": {"total": 3}, "cost": 3, "refusal": None},
    )
    [got] = hit(chat(message), usage="zero")
    marker = got.message.response_metadata.pop("llmcache")
    assert marker == {"hit": True, "age": 60.0, "saved": 1.5, "key": KEY.path}
    assert got.message.response_metadata == seen
    assert got.message.additional_kwargs == {"usage": {"total": 0}, "cost": 3, "refusal": None}
    assert got.message.usage_metadata == NO_USAGE
    [kept] = hit(chat(message))
    assert said.items() <= kept.message.response_metadata.items()
    [text] = hit([Generation(text="a", generation_info=copy.deepcopy(said))], usage="zero")
    assert text.generation_info == seen


@pytest.mark.parametrize("name", SAMPLES)
def test_an_answer_free_of_charge_is_the_same_answer(name: str) -> None:
    """Contents, tool calls and everything else are not touched."""
    for free, kept in zip(hit(SAMPLES[name], usage="zero"), hit(SAMPLES[name]), strict=True):
        assert free.text == kept.text
        if hasattr(kept, "message"):
            one, other = (numbered(each.message.model_dump()) for each in (free, kept))
            for field in ("content", "tool_calls", "invalid_tool_calls", "name"):
                assert one.get(field) == other.get(field)


def test_a_clock_that_went_back_makes_no_negative_age() -> None:
    """An entry from a machine whose clock is ahead is of age 0."""
    assert hit(SAMPLES["ai"], later=-5.0)[0].message.response_metadata["llmcache"]["age"] == 0.0
