"""The gate, on pairs of questions: nothing that differs passes, and most paraphrases do."""

from __future__ import annotations

import functools
import json

import pytest

from langchain_llmcache._similar.language import ENGLISH
from langchain_llmcache._similar.texts import Signature, refusal, signature
from tests.similar.pairs import DIFFERENT, PARAPHRASES, Pair


@functools.cache
def _signature(text: str) -> Signature:
    return signature(text, ENGLISH)


def refused(left: str, right: str) -> str | None:
    """Return why two questions may not share an answer."""
    return refusal(_signature(left), _signature(right))


@pytest.mark.parametrize("kind", DIFFERENT)
def test_what_differs_never_passes(kind: str) -> None:
    """Of each kind, in both directions."""
    passed = [
        pair for pair in DIFFERENT[kind] if refused(*pair) is None or refused(*pair[::-1]) is None
    ]
    assert passed == []


def test_paraphrases_pass() -> None:
    """Many of them: the others are asked again, which costs a call and no wrong answer."""
    passed = [pair for pair in PARAPHRASES if refused(*pair) is None]
    assert len(passed) >= 0.65 * len(PARAPHRASES)


def test_there_are_many_pairs() -> None:
    """At least 400, without repeats."""
    pairs: list[Pair] = [*PARAPHRASES, *(pair for kind in DIFFERENT.values() for pair in kind)]
    assert len(set(pairs)) == len(pairs) >= 400


def test_a_question_matches_itself() -> None:
    """Whatever its case and its punctuation."""
    for left, right in PARAPHRASES:
        for text in (left, right):
            assert refused(text, text) is None
            assert refused(text, text.rstrip(".?") + " ") is None


def test_a_signature_holds_no_word() -> None:
    """It survives JSON, and what it says of words are digests; a secret changes all of them."""
    text = "Does Alice owe Bob 500 euros for the `invoice`?"
    plain, keyed = signature(text, ENGLISH), signature(text, ENGLISH, b"secret")
    stored = json.dumps(plain.as_data())
    assert Signature.of_data(json.loads(stored)) == plain
    for word in ("alice", "bob", "500", "euro", "invoice", "owe"):
        assert word not in stored.lower()
    assert not set(plain.words) & set(keyed.words)
    assert refusal(plain, keyed) is not None
