"""What a matcher asks of the place where questions are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from langchain_llmcache._similar.texts import Signature


@dataclass(frozen=True)
class Item:
    """A question whose answer is stored.

    Attributes:
        path: Where its answer lies: the key's path.
        scope: The namespace and the model, as in the path.
        kin: What all that may match has in common: a digest of everything but the question.
        vector: The question's embedding, of length 1, as little-endian 32-bit floats.
        signature: What decides what it asks.
        text: The question, where the user wants it kept.
    """

    path: str
    scope: str
    kin: str
    vector: bytes
    signature: Signature
    text: str | None = None


@dataclass(frozen=True)
class Found:
    """A question that is near.

    Attributes:
        path: Where its answer lies.
        similarity: Cosine of the two embeddings.
        signature: As stored.
        text: As stored.
        audits: How often it was audited, and right.
        refuted: The greatest similarity at which its answer was wrong, if any.
    """

    path: str
    similarity: float
    signature: Signature
    text: str | None
    audits: int
    refuted: float | None


class NoSearchError(Exception):
    """The place where questions are kept cannot be searched; the text says why, and what to do."""


class Index(Protocol):
    """Questions by their embeddings, and the evidence on them. Any of these may raise anything."""

    async def add(self, item: Item, milliseconds: int | None) -> None:
        """Keep a question for as long as its answer."""

    async def nearest(self, kin: str, vector: bytes, count: int) -> list[Found]:
        """Return the nearest of the questions that have all else in common, nearest first."""

    async def audited(self, path: str, scope: str, similarity: float, *, agreed: bool) -> None:
        """Note what the audit of a match said, with the question and in the scope's outcomes."""

    async def outcomes(self, scope: str) -> str:
        """Return the latest outcomes of a scope, oldest first."""

    async def drop(self, path: str) -> None:
        """Remove the question of one answer."""

    async def remove(self, covers: Callable[[str], bool], start: str) -> None:
        """Remove the questions whose path ``covers`` accepts.

        Args:
            covers: Tells of a path whether it goes.
            start: What all these paths begin with, for stores that list keys.
        """
