"""Keys and what the real provider packages send: two of one exactly where two of the other are.

CI draws the same pairs each time, most of them in the tests marked ``long``.
``LLMCACHE_PAIRS=10000 pytest -m long tests/request/test_converters.py`` draws so many others for
each change, and its failures tell the seed. The more provider packages are installed, the more it
compares.
"""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Iterable, Iterator

import pytest
from langchain_core.load import dumps

from langchain_llmcache._request.prompts import canonical_prompt
from tests.request.conversations import CHANGES, Conversation, conversation, renamed
from tests.support.converters import Converter, converters, sent

PAIRS = int(os.environ.get("LLMCACHE_PAIRS", "0"))
FEW = range(8)
MANY = range(8, 100) if not PAIRS else [random.SystemRandom().getrandbits(48) for _ in range(PAIRS)]

# Differences that only cost a miss: a package may send them one day.
COSTS_A_MISS = {
    "provider",  # it decides how packages read the contents, and here it decided nothing
    "version",
    "blocked",
    "name",
    "refusal",
    "streamed",
    "order in contents",
    "two answers",
    "streamed beside another",
    "status of a result",
}


def key(messages: Conversation) -> bytes:
    """Return what of a conversation is in its key, as langchain-core asks a cache."""
    plain = [message.model_copy(update={"id": None}) for message in messages]
    return canonical_prompt(dumps(plain))[0]


@pytest.fixture(scope="module")
def packages() -> Iterator[dict[str, Converter]]:
    """The converters of all packages that are installed."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield converters()
    logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", CHANGES)
def test_one_key_is_one_request_to_every_package(
    packages: dict[str, Converter], change: str
) -> None:
    """Two that share a key are sent as one; two that are sent as one share a key, mostly."""
    compare(packages, change, FEW)


@pytest.mark.long
@pytest.mark.timeout(3600 if PAIRS else 300)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", CHANGES)
def test_one_key_is_one_request_in_thousands_of_pairs(
    packages: dict[str, Converter], change: str
) -> None:
    """The same, of more pairs."""
    compare(packages, change, MANY)


def compare(packages: dict[str, Converter], change: str, seeds: Iterable[int]) -> None:
    """Compare keys and what is sent, of a pair for each seed."""
    for seed in seeds:
        draw = random.Random(f"{change} {seed}")
        first = conversation(draw)
        second = CHANGES[change](draw, first)
        same_key = key(first) == key(second)
        if not same_key and change in COSTS_A_MISS:
            continue
        differing = [
            name
            for name, convert in packages.items()
            if sent(convert, first) != sent(convert, second)
        ]
        if same_key:
            assert not differing, f"seed {seed}: {differing} are sent something else"
        else:
            assert differing, f"seed {seed}: every package is sent the same"


@pytest.mark.parametrize("change", ["nothing", "streamed", "id of a result"])
def test_ids_of_tool_calls_count_by_their_places(change: str) -> None:
    """A conversation with other ids in the same places has the same key, unless a text has one."""
    for seed in (*FEW, *MANY):
        draw = random.Random(f"{change} {seed}")
        messages = CHANGES[change](draw, conversation(draw))
        ids = [call["id"] for message in messages for call in getattr(message, "tool_calls", ())]
        if "1" not in ids and len(set(ids)) == len(ids):
            assert key(messages) == key(renamed(draw, messages)), f"seed {seed}"
