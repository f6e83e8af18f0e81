"""Hits: a fresh, correct object for each caller.

Nothing here is shared between two callers or with the store: entries are decoded anew.
"""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

from langchain_core.outputs import Generation

from langchain_llmcache._answer.codec import revive
from langchain_llmcache._answer.entries import StoredEntry

HitUsage: TypeAlias = Literal["keep", "zero"]

MARKER = "llmcache"
_ANSWERS = frozenset({"AIMessage", "AIMessageChunk"})


def from_entry(entry: StoredEntry, *, now: float, usage: HitUsage) -> list[Generation]:
    """Return the generations of ``entry`` as an answer of now. Takes the entry's data over.

    Messages get a new id (LangGraph's ``add_messages`` replaces by id, so an old one would lose
    a message), the marker ``response_metadata["llmcache"]``, and a ``usage_metadata`` that
    stays valid when langchain-core adds ``total_cost`` to it.
    """
    age = round(max(0.0, now - entry.created), 3)
    for fields in entry.generations:
        message = fields.get("message")
        if message is None:
            continue
        kept = message["fields"]
        if kept.get("id") is not None:
            # Not from ``random``: an application may have seeded that.
            kept["id"] = f"lc_run--{os.urandom(16).hex()}"
        metadata = kept.setdefault("response_metadata", {})
        metadata[MARKER] = {"hit": True, "age": age, "saved": entry.seconds}
        if message["class"] in _ANSWERS and (usage == "zero" or "usage_metadata" not in kept):
            kept["usage_metadata"] = _no_usage()
    return [revive(fields) for fields in entry.generations]


def _no_usage() -> dict[str, Any]:
    return {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
