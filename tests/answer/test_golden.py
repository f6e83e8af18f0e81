"""The formats are frozen: what a released version wrote stays readable, or is a clean miss.

``tests/answer/golden`` holds an entry of every kind. ``python -m tests.answer.test_golden`` adds those that
are missing; it never changes one. An entry that cannot be read any more needs another tag, and
a key that came out differently needs another ``_VERSION``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.codec import _HAS_ACCESSOR
from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.key import encode_part
from langchain_llmcache._request.maker import KeyMaker
from tests.support.samples import CODEC, KEY, SAMPLES, from_entry, to_entry

GOLDEN = Path(__file__).parent / "golden"
ENTRIES = sorted(GOLDEN.glob("*.llm2"))
# Bound to 16 digits of the digest only: an answer could be moved to another namespace.
OLD = sorted(GOLDEN.glob("*.llm1"))


def name_of(path: Path) -> str:
    """Return the name of a golden entry's sample."""
    return path.stem.replace("_", " ")


@pytest.mark.parametrize("path", ENTRIES, ids=name_of)
def test_stored_entries_stay_readable(path: Path) -> None:
    """An entry of an earlier release is still the answer that it was."""
    entry = path.read_bytes()
    stored = CODEC.decode(entry, key=KEY)
    assert (stored.created, stored.seconds) == (1_700_000_000.123, 1.5)
    back, sample = from_entry(entry), SAMPLES[name_of(path)]
    if not _HAS_ACCESSOR:  # older langchain-core has another idea of the text of mixed content
        for one, other in zip(back, sample, strict=True):
            one.text = other.text
    assert back == sample


def test_every_kind_of_answer_is_frozen() -> None:
    """Each sample has its golden entry."""
    assert {name_of(path) for path in ENTRIES} == set(SAMPLES)


@pytest.mark.parametrize("path", OLD, ids=name_of)
def test_an_older_version_is_a_clean_miss(path: Path) -> None:
    """What an earlier release stored without binding it to all of its key is removed, and counted."""
    with pytest.raises(CorruptEntryError, match="unknown tag"):
        CODEC.decode(path.read_bytes(), key=KEY)
    cache = LLMCache()
    cache.update("q", OPAQUE, SAMPLES["text"])
    plant(cache, path.read_bytes())
    assert cache.lookup("q", OPAQUE) is None
    assert vars(cache.store)["_items"].get(place_in(cache)) == b"bytes:"
    stats = cache.stats()
    assert (stats.corrupt, stats.errors, stats.misses) == (1, 0, 0)
    cache.update("q", OPAQUE, SAMPLES["text"])
    assert cache.lookup("q", OPAQUE) == SAMPLES["text"]


def place_in(cache: LLMCache) -> Any:
    """Return where the only entry of a store in memory is."""
    [place] = vars(cache.store)["_items"].keys()
    return place


def plant(cache: LLMCache, entry: bytes) -> None:
    """Put another entry in the place of the only one."""
    vars(cache.store)["_items"].put(place_in(cache), b"bytes:" + entry, None)


BEDROCK = (
    '{"id": ["langchain_aws", "chat_models", "ChatBedrockConverse"], "kwargs": {"model_id": '
    '"us.anthropic.claude-sonnet-4-20250514-v1:0"}, "lc": 1, "name": "ChatBedrockConverse", '
    '"type": "constructor"}---[(\'stop\', None)]'
)
MESSAGE = '{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "%s"], "kwargs": %s}'
HUMAN = MESSAGE % ("HumanMessage", '{"content": "What is ElastiCache?", "type": "human"}')
CALL = (
    '{"content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}], "type": "ai", '
    '"tool_calls": [{"name": "f", "args": {"x": 1}, "id": "toolu_1", "type": "tool_call"}], '
    '"usage_metadata": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}'
)
CALLING = MESSAGE % ("AIMessage", CALL)
RESULT = MESSAGE % ("ToolMessage", '{"content": "r\\u00e9sum\\u00e9", "tool_call_id": "toolu_1"}')
OPAQUE = "Sample LLM string configuration."


@pytest.mark.parametrize(
    ("options", "namespace", "prompt", "llm_string", "path"),
    [
        (
            {},
            (),
            f"[{HUMAN}]",
            BEDROCK,
            "us.anthropic.claude-sonnet-4-20250514-v1%3A0/e77f65c984632728764e70407cc561652a29965a28225cbc55a02bccef667c08",
        ),
        (
            {},
            ("tenant/1", "app"),
            f"[{HUMAN}, {CALLING}, {RESULT}]",
            BEDROCK,
            "tenant%2F1/app/us.anthropic.claude-sonnet-4-20250514-v1%3A0/f81c99d774ae4e645c8914a71aefe4bb405abbbc367b50f076a2e2e0613dd2d4",
        ),
        (
            {},
            (),
            f"[{HUMAN.replace('What', chr(92) + 'ud800 NaN')}]",
            OPAQUE,
            "-/120d8d07f39082e796c8d08d4e6ba054901a20a1fa8ffdf027e02d7e1359a52c",
        ),
        (
            {},
            (),
            "Grüße",
            OPAQUE,
            "-/a81060f1d08da1db862b8fe0683b3e431abb85686d5a0e87a50942fbe82bb204",
        ),
        (
            {"extra": {"region": "eu", "v": 2}},
            (),
            "Grüße",
            OPAQUE,
            "-/5023d876f6790792ae948894d0075da9ad85a4722cec92d904b6f6d5c62037fd",
        ),
        (
            {"secret": "pepper"},
            (),
            "Grüße",
            OPAQUE,
            "-/0ac8c096500589d1aab4523040a41ae32d5a1bccb7ef1966349c4d3a75e7d757",
        ),
    ],
)
def test_keys_stay_the_same(
    options: dict[str, Any], namespace: tuple[str, ...], prompt: str, llm_string: str, path: str
) -> None:
    """A new release finds what an earlier one stored."""
    key, _ = KeyMaker(**options).key(tuple(map(encode_part, namespace)), prompt, Asked(llm_string))
    assert key.path == path


if __name__ == "__main__":
    for sample, generations in SAMPLES.items():
        target = GOLDEN / f"{sample.replace(' ', '_')}.llm2"
        if not target.exists():
            target.write_bytes(to_entry(generations))
