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
from langchain_llmcache._answer.codec import decode
from langchain_llmcache._answer.entries import TAG, CorruptEntryError
from langchain_llmcache._request.key import encode_part
from langchain_llmcache._request.maker import KeyMaker
from tests.support.samples import KEY, SAMPLES, from_entry, to_entry

GOLDEN = Path(__file__).parent / "golden"
ENTRIES = sorted(GOLDEN.glob("*.llm1"))


def name_of(path: Path) -> str:
    """Return the name of a golden entry's sample."""
    return path.stem.replace("_", " ")


@pytest.mark.parametrize("path", ENTRIES, ids=name_of)
def test_stored_entries_stay_readable(path: Path) -> None:
    """An entry of an earlier release is still the answer that it was."""
    entry = path.read_bytes()
    stored = decode(entry, key=KEY)
    assert (stored.created, stored.seconds) == (1_700_000_000.123, 1.5)
    assert from_entry(entry) == SAMPLES[name_of(path)]


def test_every_kind_of_answer_is_frozen() -> None:
    """Each sample has its golden entry."""
    assert {name_of(path) for path in ENTRIES} == set(SAMPLES)


@pytest.mark.parametrize("path", ENTRIES, ids=name_of)
def test_a_newer_version_is_a_clean_miss(path: Path) -> None:
    """What a later release may write is not taken for something else."""
    with pytest.raises(CorruptEntryError, match="unknown tag"):
        decode(b"llm2" + path.read_bytes()[4:], key=KEY)


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
            "us.anthropic.claude-sonnet-4-20250514-v1%3A0/b1c23cfaa64e59f06ba920149a083fde508dc175d9d8cd7f0885daa916cb03e1",
        ),
        (
            {},
            ("tenant/1", "app"),
            f"[{HUMAN}, {CALLING}, {RESULT}]",
            BEDROCK,
            "tenant%2F1/app/us.anthropic.claude-sonnet-4-20250514-v1%3A0/21b74eb2a8b1fa5fc3a1633ca408180d2c9c4f41577ed4d48cdad172ae07a65e",
        ),
        (
            {},
            (),
            f"[{HUMAN.replace('What', chr(92) + 'ud800 NaN')}]",
            OPAQUE,
            "-/16b01492176885533798e85bebf37a2e7a2d13ab54aa5e5c946d3644090f5cdc",
        ),
        (
            {},
            (),
            "Grüße",
            OPAQUE,
            "-/2a31044b89b9256c4a527447c2c750efc2c2cac29d933e651c2d48d2f124748e",
        ),
        (
            {"extra": {"region": "eu", "v": 2}},
            (),
            "Grüße",
            OPAQUE,
            "-/dce4b0aed917a8f6fcf15f31771d213762c938bda1818dc4e54a4a405333d012",
        ),
        (
            {"secret": "pepper"},
            (),
            "Grüße",
            OPAQUE,
            "-/114c960524fcb272b1a51a3e446a2000e8b4dd355525e2f02e421cd5fe43ab51",
        ),
        (
            {"extra": {"model": "llama3"}},
            (),
            "Grüße",
            "[('_type', 'chat-ollama'), ('stop', [])]",
            "llama3/dbb9859e25555970c76a7879a4fb016b3a1e4da1b2651c709233f1c239eba177",
        ),
    ],
)
def test_keys_stay_the_same(
    options: dict[str, Any], namespace: tuple[str, ...], prompt: str, llm_string: str, path: str
) -> None:
    """A new release finds what an earlier one stored."""
    key, _ = KeyMaker(**options).key(tuple(map(encode_part, namespace)), prompt, llm_string)
    assert key.path == path


def test_an_unknown_version_in_the_store_is_a_miss() -> None:
    """An entry of a version to come is replaced by what this version can read."""
    cache = LLMCache()
    answer = SAMPLES["text"]
    cache.update("q", OPAQUE, answer)
    store = cache.store
    ((key, value),) = vars(store)["_items"]._items.items()
    store.set({key: (value.value.replace(TAG, b"llm2:"), None)})
    assert cache.lookup("q", OPAQUE) is None
    cache.update("q", OPAQUE, answer)
    assert cache.lookup("q", OPAQUE) == answer


if __name__ == "__main__":
    for sample, generations in SAMPLES.items():
        target = GOLDEN / f"{sample.replace(' ', '_')}.llm1"
        if not target.exists():
            target.write_bytes(to_entry(generations))
