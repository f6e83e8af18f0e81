"""Hits: a fresh, correct object for each caller.

Nothing here is shared between two callers or with the store: entries are decoded anew.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypeAlias

from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache._answer.call_ids import renew
from langchain_llmcache._answer.codec import revive
from langchain_llmcache._answer.entries import StoredEntry
from langchain_llmcache._answer.usage import no_usage, without_usage

HitUsage: TypeAlias = Literal["keep", "zero"]

MARKER = "llmcache"
# Where some providers write what was used besides ``response_metadata``.
_IN_ADDITIONAL = frozenset({"usage", "token_usage", "usage_metadata"})
_ANSWERS = frozenset({"AIMessage", "AIMessageChunk"})


def from_entry(
    entry: StoredEntry, *, key: str, now: float, usage: HitUsage, taken: Sequence[str] = ()
) -> list[Generation]:
    """Return the generations of ``entry`` as an answer of now. Takes the entry's data over.

    Messages get a new id (LangGraph's ``add_messages`` replaces by id, so an old one would lose
    a message), the marker ``response_metadata["llmcache"]``, which tells the entry's ``key`` (its
    path) too, and a ``usage_metadata`` that stays valid when langchain-core adds ``total_cost``
    to it. A tool call gets a new id in place of one that is ``taken`` in the conversation.
    """
    age = entry.age(now)
    age = None if age is None else round(age, 3)
    for fields in entry.generations:
        message = fields.get("message")
        if message is None:
            continue
        kept = message["fields"]
        if kept.get("id") is not None:
            # Not from ``random``: an application may have seeded that.
            kept["id"] = f"lc_run--{os.urandom(16).hex()}"
        if taken:
            renew(kept, taken)
        metadata = kept.setdefault("response_metadata", {})
        metadata[MARKER] = {
            "hit": True,
            "age": age,
            "saved": entry.seconds,
            "key": key,
        }
        if message["class"] in _ANSWERS and (usage == "zero" or "usage_metadata" not in kept):
            kept["usage_metadata"] = no_usage()
    answer = [revive(fields) for fields in entry.generations]
    if usage == "zero":
        for generation in answer:
            _free_of_charge(generation)
    return answer


def mark_similarity(answer: list[Generation], similarity: float) -> None:
    """Have a hit tell that it answers another question, and how similar that is."""
    for generation in answer:
        if isinstance(generation, ChatGeneration):
            generation.message.response_metadata[MARKER]["similarity"] = round(similarity, 4)


def _free_of_charge(generation: Generation) -> None:
    """Have trackers see a generation that used nothing, wherever they look."""
    if generation.generation_info:
        generation.generation_info = without_usage(generation.generation_info)
    if isinstance(generation, ChatGeneration):
        message = generation.message
        marker = message.response_metadata.pop(MARKER, None)
        message.response_metadata = {**without_usage(message.response_metadata), MARKER: marker}
        # Elsewhere in there, names mean what the model has called them.
        message.additional_kwargs = {
            name: without_usage({name: value})[name] if name in _IN_ADDITIONAL else value
            for name, value in message.additional_kwargs.items()
        }
