"""Near-identical prompts, as an application sees them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_llmcache import CacheEvent, ConfigurationError, LLMCache, Similar, cache_options
from langchain_llmcache._demo.endpoint import ConverseEndpoint, chat_model
from tests.similar.embedders import WordEmbeddings
from tests.support.servers import wait_until

ASKED = "How do I reset my password?"
ALIKE = "How can I reset my password?"
ALSO = "Please tell me how to reset my password."


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A model server whose answers follow from what is asked."""
    with ConverseEndpoint() as running:
        yield running


class Half:
    """One half of the cache, through a real chat model."""

    def __init__(self, endpoint: ConverseEndpoint, cache: LLMCache, *, sync: bool) -> None:
        self.cache = cache
        self.sync = sync
        self.endpoint = endpoint
        self.model = chat_model(endpoint, cache=cache)
        self._loop = asyncio.new_event_loop()

    def ask(self, messages: Any, **options: Any) -> dict[str, Any]:
        """Return the marker of an answer: empty for a miss."""
        learned = self.cache.stats().similar
        if self.sync:
            answer = self.model.invoke(messages, **options)
        else:
            answer = self._loop.run_until_complete(self._ask(messages, **options))
        assert learned is not None
        marker: dict[str, Any] = answer.response_metadata.get("llmcache", {})
        if not marker:
            self.settle()
        return marker

    async def _ask(self, messages: Any, **options: Any) -> Any:
        answer = await self.model.ainvoke(messages, **options)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        return answer

    def settle(self) -> None:
        """Wait until what was answered has been learned."""
        wait_until(
            lambda: not [t for t in threading.enumerate() if t.name == "llmcache-similar"],
            "the learning threads to end",
        )

    def close(self) -> None:
        """End it."""
        self._loop.run_until_complete(self.cache.aclose())
        self._loop.close()


@pytest.fixture(params=["sync", "async"])
def sync(request: pytest.FixtureRequest) -> bool:
    """Both halves."""
    return bool(request.param == "sync")


@pytest.fixture(params=["memory", "sqlite", pytest.param("valkey", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each store."""
    if request.param == "valkey":
        server = request.getfixturevalue("search_server")
        server.flush()
        return str(server.url)
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/answers.db"


@pytest.fixture
def make(endpoint: ConverseEndpoint, sync: bool, url: str) -> Iterator[Any]:
    """Make halves of caches."""
    halves: list[Half] = []

    def half(cache_of: dict[str, Any] | None = None, **options: Any) -> Half:
        options = {"agree": lambda *_: True, **options}
        similar = Similar(WordEmbeddings(), min_similarity=0.8, audit=0.0, timeout=30, **options)
        cache = LLMCache.from_url(url, similar=similar, timeout=5, **(cache_of or {}))
        halves.append(Half(endpoint, cache, sync=sync))
        return halves[-1]

    yield half
    for one in halves:
        one.close()


def test_a_question_that_means_the_same_is_answered_after_an_audit(make: Any) -> None:
    """Its marker tells how similar it is, and whose answer that is."""
    half = make()
    assert half.ask(ASKED) == {}
    assert half.ask(ALIKE) == {}  # the first one is an audit
    marker = half.ask(ALSO)
    assert 0.8 <= marker["similarity"] < 1
    assert marker["hit"] is True
    assert half.endpoint.calls == 2
    stats = half.cache.stats()
    assert (stats.similar.served, stats.similar.audited, stats.similar.refuted) == (1, 1, 0)
    assert "similarity" not in half.ask(ASKED)


@pytest.mark.parametrize(
    "other",
    [
        "How do I reset your password?",
        "How do I not reset my password?",
        "How do I reset my 2 passwords?",
        "How do I reset my Gmail password?",
        "Why do I reset my password?",
    ],
)
def test_the_gate_refuses_what_differs(make: Any, other: str) -> None:
    """However near the embeddings are."""
    half = make(first_audits=0)
    half.ask(ASKED)
    assert half.ask(other) == {}
    assert half.endpoint.calls == 2


def test_all_else_has_to_be_equal(make: Any) -> None:
    """System prompt, history, settings, namespace, media."""
    half = make(first_audits=0)
    half.ask([SystemMessage("Be brief."), HumanMessage(ASKED)])
    assert half.ask([SystemMessage("Be long."), HumanMessage(ALIKE)]) == {}
    assert half.ask([SystemMessage("Be brief."), HumanMessage("Hi"), HumanMessage(ALIKE)]) == {}
    assert half.ask([SystemMessage("Be brief."), HumanMessage(ALIKE)], temperature=0.3) == {}
    with cache_options(namespace="other"):
        assert half.ask([SystemMessage("Be brief."), HumanMessage(ALIKE)]) == {}
    assert half.ask([SystemMessage("Be brief."), HumanMessage(ALSO)])["similarity"]


def test_an_answer_that_was_refuted_is_not_served_at_that_similarity(make: Any) -> None:
    """Nor below it."""
    half = make(first_audits=1, agree=lambda *_: False, max_error=1.0)
    half.ask(ASKED)
    half.ask(ALIKE)
    for _ in range(3):
        with cache_options(read=True, write=False):
            assert half.ask(ALSO) == {}
    stats = half.cache.stats().similar
    assert (stats.served, stats.refuted) == (0, 1)
    assert stats.refused["refuted"] >= 1


def test_errors_stop_it_and_agreement_brings_it_back(
    make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One log line for each; the questions are asked of the model meanwhile."""
    right = [False]
    half = make(agree=lambda *_: right[0], max_error=0.05)
    half.ask("What is the capital of France?")
    half.ask("What's the capital of France?")
    assert half.cache.stats().similar.serving is False
    right[0] = True
    for number in range(25):
        half.ask(f"What is the capital of region {number}?")
        half.ask(f"What's the capital of region {number}?")
    assert half.cache.stats().similar.serving is True
    assert half.ask("tell me the capital of region 3")["similarity"]
    said = [record.getMessage() for record in caplog.records if "near-identical" in record.message]
    assert len(said) == 2
    assert not any("capital" in line for line in said)


def test_clearing_and_deleting_cover_questions(make: Any) -> None:
    """A question without an answer is not matched."""
    half = make(first_audits=0)
    half.ask(ASKED)
    half.cache.clear()
    half.ask(ALIKE)
    assert half.endpoint.calls == 2
    answer = half.ask(ASKED)
    assert half.cache.delete(key=answer["key"])
    assert half.ask(ALSO) == {}


def test_a_failing_embedder_is_a_miss(
    make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Exact matching goes on; one line says so, without what the embedder said."""
    half = make()

    def fail(*_: Any) -> Any:
        raise RuntimeError(ASKED)

    monkeypatch.setattr(WordEmbeddings, "embed_documents", fail)
    assert half.ask(ASKED) == {}
    assert half.ask(ASKED)["hit"] is True
    assert half.ask(ALSO) == {}
    assert half.cache.stats().similar.failed
    [line] = [record.getMessage() for record in caplog.records if "near" in record.getMessage()]
    assert "exact matching goes on: the embedder failed (RuntimeError). See whether" in line
    assert "password" not in caplog.text


def test_an_exact_hit_embeds_nothing(make: Any) -> None:
    """It costs nothing more."""
    half = make()
    half.ask(ASKED)
    embeddings = half.cache._flow._settings.similar.embeddings
    embeddings.batches.clear()
    assert half.ask(ASKED)["hit"] is True
    assert embeddings.batches == []


def test_same_has_the_last_word(make: Any) -> None:
    """It sees both questions, and may let words differ that the gate does not know."""
    asked: list[tuple[str, str]] = []

    def same(new: str, stored: str) -> bool:
        asked.append((new, stored))
        return "credential" in new

    half = make(first_audits=0, keep_questions=True, same=same)
    half.ask("How do I reset my password today?")
    assert half.ask("How can I reset my password today?") == {}
    assert half.ask("How do I reset my password credential today?")["similarity"]
    assert ("How can I reset my password today?", "How do I reset my password today?") in asked


def test_kept_questions_are_redacted(make: Any) -> None:
    """As answers are."""
    seen: list[str] = []
    redact = {"redact": lambda text: text.replace("Ann", "NAME")}

    def same(_: str, kept: str) -> bool:
        seen.append(kept)
        return False

    half = make(redact, first_audits=0, keep_questions=True, same=same)
    half.ask("Where does Ann live?")
    half.ask("Do you know where Ann lives? Where does Ann live?")
    half.ask("where does Ann live")
    assert set(seen) <= {
        "Where does NAME live?",
        "Do you know where NAME lives? Where does NAME live?",
    }
    assert seen


def test_listeners_hear_of_it(make: Any) -> None:
    """With the reason, and without a word of the question."""
    events: list[CacheEvent] = []
    half = make({"on_event": events.append}, first_audits=0)
    half.ask(ASKED)
    half.ask(ALIKE)
    half.ask("How do I reset your password?")
    half.cache.close()
    reasons = [event.reason for event in events if event.kind == "similar"]
    assert "served" in reasons
    assert "refused: question" in reasons
    assert not any("password" in repr(event) for event in events)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_similarity": 2}, "min_similarity"),
        ({"audit": -0.1}, "audit"),
        ({"max_error": float("nan")}, "max_error"),
        ({"same": True, "keep_questions": True}, "same"),
        ({"same": lambda *_: True}, "keep_questions"),
        ({"language": "English"}, "language"),
        ({"timeout": 0}, "timeout"),
        ({"candidates": 0}, "candidates"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match=said):
        Similar(WordEmbeddings(), **settings)


def test_embeddings_have_to_be_langchains() -> None:
    """And ``similar=`` takes a ``Similar``."""
    wrong: Any = "text-embedding-3-small"
    with pytest.raises(ConfigurationError, match="embeddings"):
        Similar(wrong)
    with pytest.raises(ConfigurationError, match="similar"):
        LLMCache(similar=wrong)
