"""What the pieces of the flow are made of, and what they hand each other."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._flow.gate import Failed, Gate
from langchain_llmcache._flow.ports import Side
from langchain_llmcache._flow.settings import Settings
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.blocks import Options
from langchain_llmcache._request.key import Key
from langchain_llmcache._request.maker import KeyMaker

# Not the module's own: an application may have seeded that, and a fork would repeat it.
_RANDOM: Final = random.SystemRandom()

# What a key leads to that is no answer for the one who asks: a lease, or an entry that is too old
# for it; None: nothing; ``FAILED``: the store could not be asked, or the entry was removed.
NoAnswer: TypeAlias = bytes | Failed | None

# Is told which entries the caller's model call stores or hits, and the run that the call is a
# part of.
Note: TypeAlias = Callable[[Key, bytes, UUID | None], None]


@dataclass(slots=True, init=False)
class Request:
    """What a caller asks, or has the answer of.

    What is known of it is set bit by bit: a constructor would be felt by each hit.

    Attributes:
        side: The entries, their caller, and what matches questions, if anything does.
        key: Its key.
        model: The name of its model, if that is known.
        prompt: As LangChain gives it.
        asked: Who asks.
        options: Of the caller.
        began: When the cache was asked.
    """

    side: Side
    key: Key
    model: str | None
    prompt: str
    asked: Asked
    options: Options
    began: float


class Parts(NamedTuple):
    """What one cache is made of.

    Attributes:
        settings: How to behave.
        keys: Makes the keys.
        codec: Makes and reads the entries.
        gate: Asks the store, and has the observer, who is told every outcome.
        now: Unix seconds.
        monotonic: Seconds that never go back.
        draw: Returns a number from 0 to 1, for the jitter.
        note: Is told which entries the caller's model call stores or hits.
    """

    settings: Settings
    keys: KeyMaker
    codec: Codec
    gate: Gate
    now: Callable[[], float]
    monotonic: Callable[[], float]
    draw: Callable[[], float] = _RANDOM.random
    note: Note | None = None
