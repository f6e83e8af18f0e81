"""Embedders under a deadline: batches of a loop turn, failures, slowness, nonsense."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from langchain_llmcache._flow.ports import run
from langchain_llmcache._similar.embedding import (
    AsyncEmbedder,
    BlockingEmbedder,
    EmbeddingFailedError,
)
from tests.similar.embedders import WordEmbeddings
from tests.support.patience import LATE


class Broken(Embeddings):
    """Returns what it is told to, or raises it."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply

    def embed_documents(self, texts: list[str]) -> Any:
        """As the class says."""
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def embed_query(self, text: str) -> list[float]:
        """Never called."""
        raise AssertionError(text)


class Hanging(Embeddings):
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """As the class says."""
        self.let_go.wait(LATE)
        return [[1.0, 0.0]] * len(texts)

    def embed_query(self, text: str) -> list[float]:
        """Never called."""
        raise AssertionError(text)


NONSENSE: list[Any] = [
    ValueError("a secret question"),
    None,
    [],
    [[]],
    [[0.0, 0.0]],
    [[float("nan"), 1.0]],
    [["a"]],
    [[1.0], [2.0]],
    [1.0, 2.0],
    "vector",
]


@pytest.mark.parametrize("reply", NONSENSE, ids=repr)
async def test_whatever_an_embedder_does_wrong_is_told_without_its_text(reply: Any) -> None:
    """Sync and async: one error of ours."""
    with pytest.raises(EmbeddingFailedError) as failure:
        run(BlockingEmbedder(Broken(reply), LATE).embed("a secret question"))
    assert "secret" not in str(failure.value)
    with pytest.raises(EmbeddingFailedError) as failure:
        await AsyncEmbedder(Broken(reply), LATE).embed("a secret question")
    assert "secret" not in str(failure.value)


async def test_a_vector_has_length_one() -> None:
    """Whatever the embedder's own scale is."""
    vector = np.frombuffer(await AsyncEmbedder(Broken([[3.0, 4.0]]), LATE).embed("x"), "<f4")
    assert vector.tolist() == pytest.approx([0.6, 0.8])


async def test_the_texts_of_a_loop_turn_travel_together() -> None:
    """Equal ones once."""
    embeddings = WordEmbeddings()
    embedder = AsyncEmbedder(embeddings, LATE)
    texts = [f"question {number % 10}" for number in range(50)]
    vectors = await asyncio.gather(*map(embedder.embed, texts))
    assert embeddings.batches == [10]
    assert len(set(vectors)) == 10
    assert run(BlockingEmbedder(embeddings, LATE).embed("question 3")) == vectors[3]


async def test_a_slow_embedder_is_not_waited_for() -> None:
    """Sync and async, and for all who wait."""
    hanging = Hanging()
    try:
        with pytest.raises(EmbeddingFailedError, match="too long"):
            run(BlockingEmbedder(hanging, 0.05).embed("x"))
        embedder = AsyncEmbedder(hanging, 0.05)
        failures = await asyncio.gather(
            embedder.embed("x"), embedder.embed("y"), return_exceptions=True
        )
        assert [type(failure) for failure in failures] == [EmbeddingFailedError] * 2
    finally:
        hanging.let_go.set()


async def test_a_cancelled_caller_leaves_the_others_alone() -> None:
    """They share a batch."""
    embedder = AsyncEmbedder(WordEmbeddings(), LATE)
    one, other = (asyncio.ensure_future(embedder.embed("x")) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    assert isinstance(await other, bytes)
