"""Hits: a fresh, correct object for each caller.

Nothing here that can change is shared between two callers or with the store: entries are decoded
anew, or copied from what was decoded (``Answers``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache._answer.call_ids import own_ids, renew
from langchain_llmcache._answer.codec import revive
from langchain_llmcache._answer.entries import StoredEntry
from langchain_llmcache._answer.usage import no_usage, without_usage
from langchain_llmcache._request.key import Key

HitUsage: TypeAlias = Literal["keep", "zero"]

MARKER = "llmcache"
# Where some providers write what was used besides ``response_metadata``.
_IN_ADDITIONAL = frozenset({"usage", "token_usage", "usage_metadata"})
_ANSWERS = frozenset({"AIMessage", "AIMessageChunk"})


def repeated_ids(entry: StoredEntry, key: Key) -> dict[str, str]:
    """Return the ids that the model gave to earlier calls too, each with that call's id now."""
    return {
        call_id: key.call_ids[place]
        for call_id, place in entry.repeated.items()
        if 0 <= place < len(key.call_ids)
    }


def has_calls(generation: Generation) -> bool:
    """Tell whether a revived generation has tool calls with ids."""
    message = generation.__dict__.get("message")
    return message is not None and any(own_ids(message.__dict__))


def marker_of(entry: StoredEntry, path: str, now: float) -> dict[str, Any]:
    """Return the marker that hits of this moment carry."""
    age = entry.age(now)
    age = None if age is None else int(age * 1000) / 1000
    return {"hit": True, "age": age, "saved": entry.seconds, "key": path}


def revived(entry: StoredEntry, usage: HitUsage) -> list[Generation]:
    """Return what all hits of ``entry`` have in common. Takes the entry's data over.

    Its ``usage_metadata`` stays valid when langchain-core adds ``total_cost`` to it.
    """
    for fields in entry.generations:
        message = fields.get("message")
        if message is None:
            continue
        kept = message["fields"]
        if kept.get("id") is not None:
            _keep_item_id(kept)
        kept.setdefault("response_metadata", {})
        if message["class"] in _ANSWERS and (usage == "zero" or "usage_metadata" not in kept):
            kept["usage_metadata"] = no_usage()
    answer = [revive(fields) for fields in entry.generations]
    if usage == "zero":
        for generation in answer:
            _free_of_charge(generation)
    return answer


def make_new(
    generation: Generation, marker: dict[str, Any], again: Mapping[str, str] | None
) -> None:
    """Turn a revived generation into that of a new hit.

    Its message gets a new id (LangGraph's ``add_messages`` replaces by id, so an old one would
    lose a message) and the marker ``response_metadata["llmcache"]``, which tells the entry's
    ``key`` (its path) too. Tool calls get new ids too: an answer may be given twice, and both end
    in one history, where a provider refuses an id that stands twice. (One that the model itself
    gave to an earlier call too is the id that this call has in the conversation.)

    Args:
        generation: It.
        marker: What it tells of its entry. It is taken over.
        again: Ids that the model gave to an earlier call too, and those of that call now. None:
            it has no calls.
    """
    message = generation.__dict__.get("message")
    if message is None:
        return
    # Nothing of it needs to be validated, as an assignment to an attribute would be.
    fields = message.__dict__
    if fields["id"] is not None:
        # Not from ``random``: an application may have seeded that.
        fields["id"] = f"lc_run--{os.urandom(16).hex()}"
    if again is not None:
        renew(fields, again)
    fields["response_metadata"][MARKER] = marker


def mark_similarity(answer: list[Generation], similarity: float) -> None:
    """Have a hit tell that it answers another question, and how similar that is."""
    for generation in answer:
        if isinstance(generation, ChatGeneration):
            generation.message.response_metadata[MARKER]["similarity"] = round(similarity, 4)


def _keep_item_id(message: dict[str, Any]) -> None:
    """Leave the id of an item of OpenAI's Responses API where its next request reads it.

    With ``output_version="v0"`` it is the message's own, which a hit cannot have; in its texts,
    it is read all the same. (OpenAI refuses a thought whose item is missing.)
    """
    item = message["id"]
    response = message.get("response_metadata", {}).get("id")
    content = message.get("content")
    if (
        isinstance(content, list)
        and str(item).startswith("msg_")
        and str(response).startswith("resp_")
    ):
        for block in content:
            if isinstance(block, dict) and block.get("type") == "text":
                block.setdefault("id", item)


def _free_of_charge(generation: Generation) -> None:
    """Report zero usage wherever trackers look for it."""
    if generation.generation_info:
        generation.generation_info = without_usage(generation.generation_info)
    if isinstance(generation, ChatGeneration):
        message = generation.message
        message.response_metadata = without_usage(message.response_metadata)
        # Elsewhere in there, names mean what the model has called them.
        message.additional_kwargs = {
            name: without_usage({name: value})[name] if name in _IN_ADDITIONAL else value
            for name, value in message.additional_kwargs.items()
        }
