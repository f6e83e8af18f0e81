"""What hits saved: tokens, the model's seconds, and money by a table of prices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from langchain_llmcache._request.key import NO_MODEL, model_name
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError

# Per model: money for a million input tokens, and for a million output tokens.
Prices: TypeAlias = Mapping[str, tuple[float, float]]

# The model's part of the key, bytes, seconds that the model took, (input, output) tokens.
Hit: TypeAlias = tuple[str, int, float | None, tuple[int, int]]

_MILLION: Final = 1e6
# Tokens; no model counts more for one answer. Entries may be foreign.
_MOST: Final = 1e9
# Models that are told apart; what comes later is counted together.
MODELS_KEPT: Final = 500
OTHERS: Final = "(others)"


@dataclass(frozen=True)
class ModelStats:
    """What the hits of one model saved.

    Attributes:
        hits: How many there were.
        input_tokens: That were not sent.
        output_tokens: That were not made again.
        seconds: That the model would have taken.
        bytes: Size of the entries.
        money: That it would have cost; None if ``prices`` does not have the model.
    """

    hits: int
    input_tokens: int
    output_tokens: int
    seconds: float
    bytes: int
    money: float | None = None


def checked_prices(prices: Prices | None) -> dict[str, tuple[float, float]]:
    """Return a copy of a table of prices.

    Raises:
        ConfigurationError: if it is not one.
    """
    table: Any = {} if prices is None else prices
    try:
        checked = {
            model: (float(of_input), float(of_output))
            for model, (of_input, of_output) in dict(table).items()
        }
        good = all(
            isinstance(model, str) and all(math.isfinite(price) and price >= 0 for price in pair)
            for model, pair in checked.items()
        )
    except (TypeError, ValueError) as error:
        pass_on(error)
        checked, good = {}, False
    if not good:
        msg = (
            "prices is not a table of {model: (price of a million input tokens, price of a "
            "million output tokens)}"
        )
        raise ConfigurationError(msg)
    return checked


def money(price: tuple[float, float] | None, tokens: tuple[int, int]) -> float | None:
    """Return what input and output tokens cost, or None without a price."""
    if price is None:
        return None
    return (price[0] * tokens[0] + price[1] * tokens[1]) / _MILLION


def tokens_of(generations: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return input and output tokens of decoded generations.

    (0, 0) where nothing is said, or a number that cannot be a count.
    """
    try:
        if len(generations) == 1:
            usage = _usage(generations[0])
            if not usage:
                return 0, 0
            input_tokens, output_tokens = usage["input_tokens"], usage["output_tokens"]
        else:
            usages = [usage for fields in generations if (usage := _usage(fields))]
            # Several generations of one call may all repeat what the call used.
            if len(usages) > 1 and all(usage == usages[0] for usage in usages):
                del usages[1:]
            input_tokens = sum(usage["input_tokens"] for usage in usages)
            output_tokens = sum(usage["output_tokens"] for usage in usages)
        plausible = 0 <= input_tokens < _MOST and 0 <= output_tokens < _MOST
    except (KeyError, TypeError) as error:
        pass_on(error)
        return 0, 0
    return (input_tokens, output_tokens) if plausible else (0, 0)


def _usage(fields: Mapping[str, Any]) -> Any:
    message = fields.get("message")
    return message["fields"].get("usage_metadata") if message is not None else None


class Savings:
    """Sums of each model. Not safe by itself: it is changed under its owner's lock."""

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        # By the model's part of the key: hits, input tokens, output tokens, seconds, bytes.
        self._sums: dict[str, list[Any]] = {}

    def add(self, hit: Hit, times: int) -> None:
        """Count equal hits."""
        part, size, seconds, (input_tokens, output_tokens) = hit
        if part not in self._sums and len(self._sums) >= MODELS_KEPT:
            part = OTHERS
        sums = self._sums.setdefault(part, [0, 0, 0, 0.0, 0])
        for index, amount in enumerate((1, input_tokens, output_tokens, seconds or 0.0, size)):
            sums[index] += times * amount

    def by_model(self, prices: Prices) -> dict[str, ModelStats]:
        """Return the sums of each model by its name ("-" where the request tells none)."""
        stats = {}
        for part, (hits, input_tokens, output_tokens, seconds, size) in list(self._sums.items()):
            name = model_name(part) or NO_MODEL
            cost = money(prices.get(name), (input_tokens, output_tokens))
            stats[name] = ModelStats(hits, input_tokens, output_tokens, seconds, size, cost)
        return stats
