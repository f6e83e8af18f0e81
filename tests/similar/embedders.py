"""Embedders for the tests: a real one that needs no network, and ones that misbehave."""

from __future__ import annotations

import asyncio
import functools
import threading
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from tests.support.patience import LATE


@functools.cache
def _model() -> Any:
    """Return the static model that the package ``wordllama`` ships."""
    import wordllama

    home = str(Path(wordllama.__file__).parent)
    return wordllama.WordLlama.load(dim=256, cache_dir=home, disable_download=True)


class WordEmbeddings(Embeddings):
    """Real embeddings of 256 numbers, which count what they are asked."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self._known: dict[str, list[float]] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """As LangChain says."""
        self.batches.append(len(texts))
        new = [text for text in texts if text not in self._known]
        if new:
            self._known |= zip(new, _model().embed(new, norm=True).tolist(), strict=True)
        return [self._known[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """As LangChain says."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """As LangChain says."""
        return self.embed_documents(texts)


class SlowEmbeddings(WordEmbeddings):
    """The same, while it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.let_go.set()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """As LangChain says."""
        vectors = super().embed_documents(texts)
        self.let_go.wait(LATE)
        return vectors

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """As LangChain says."""
        vectors = super().embed_documents(texts)
        while not self.let_go.is_set():  # noqa: ASYNC110 - it is set from anywhere
            await asyncio.sleep(0.01)
        return vectors
