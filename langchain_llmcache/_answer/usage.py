"""What a hit says of tokens and costs, for trackers that read it from where providers write it.

Providers have many names for it: ``token_usage``, ``usage``, ``usageMetadata``, ``eval_count``,
``amazon-bedrock-invocationMetrics``, ``billed_units``, ``cost_details``, ...
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
# A name with one of these tells what was used or charged, and so do those with all of a group.
_USED: Final = frozenset({"usage", "tokens", "cost", "costs", "billed", "credits", "price"})
_GROUPS: Final = (
    frozenset({"token", "count"}),
    frozenset({"token", "counts"}),
    frozenset({"eval", "count"}),
    frozenset({"invocation", "metrics"}),
)
# What is not: bounds and rates, and what stands in the answer itself.
_NOT_USED: Final = frozenset({"max", "limit", "ratelimit", "remaining", "logprobs", "logprob"})


def no_usage() -> dict[str, int]:
    """Return the ``usage_metadata`` of a call that used nothing."""
    return {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


def without_usage(data: Any, *, used: bool = False) -> Any:
    """Return metadata with zeros for what was used or charged.

    Args:
        data: Metadata of an answer, or a part of it. It stays as it is.
        used: Whether this part tells what was used.
    """
    if isinstance(data, dict):
        return {name: _under(name, value, used=used) for name, value in data.items()}
    if isinstance(data, list):
        return [without_usage(value, used=used) for value in data]
    if used and isinstance(data, (int, float, Decimal)) and not isinstance(data, bool):
        return type(data)(0)
    if used and isinstance(data, str) and _NUMBER.fullmatch(data):
        return "0"  # of a header
    return data


def _under(name: object, value: Any, *, used: bool) -> Any:
    words = {word.lower() for word in _WORDS.findall(str(name))}
    if words & _NOT_USED:
        return value
    return without_usage(value, used=used or _tells_usage(words))


def _tells_usage(words: set[str]) -> bool:
    return bool(words & _USED) or any(group <= words for group in _GROUPS)
