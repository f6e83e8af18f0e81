"""What ``compression="zstd"`` leaves of entries, and what it costs: ``python notebooks/compression.py``.

The answers are cut from the texts of installed packages (their descriptions), from Python's own code,
and from made-up JSON; each of the two codecs takes its turn.
"""

from __future__ import annotations

import importlib.metadata
import json
import random
import re
import statistics
import sysconfig
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._request.key import Key

KEY = Key(("model",), "0123456789abcdef" * 4)
PLAIN, SMALL = Codec(Binding()), Codec(Binding(compresses=True))
SIZES = (500, 2_000, 8_000, 32_000)
ANSWERS = 9
RANDOM = random.Random(3)  # noqa: S311 - the same answers each time


def prose() -> Iterator[str]:
    """Yield paragraphs of English."""
    for package in importlib.metadata.distributions():
        for part in str(package.metadata.json.get("description", "")).split("\n\n"):
            text = re.sub(r"\s+", " ", part).strip()
            plain = sum(char.isalpha() or char in " .,;'" for char in text)
            if len(text) > 120 and plain > 0.95 * len(text):
                yield text


def code() -> Iterator[str]:
    """Yield modules of Python."""
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:120]:
        yield path.read_text(encoding="utf-8", errors="replace")


def records() -> Iterator[str]:
    """Yield a list of records."""
    for start in range(0, 4000, 40):
        yield json.dumps(
            [
                {"id": number, "name": f"customer {number}", "price": RANDOM.random(), "paid": True}
                for number in range(start, start + 40)
            ]
        )


def answers(texts: list[str], size: int) -> Iterator[list[ChatGeneration]]:
    """Yield answers of so many characters."""
    pool = "\n\n".join(RANDOM.sample(texts, len(texts)))
    for _ in range(ANSWERS):
        start = RANDOM.randrange(max(1, len(pool) - size))
        message = AIMessage(
            pool[start : start + size],
            id="run-1",
            response_metadata={"model_name": "gpt-4o", "finish_reason": "stop"},
            usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        )
        yield [ChatGeneration(message=message)]


def entry(codec: Codec, answer: list[ChatGeneration]) -> bytes:
    """Return an entry."""
    return codec.encode(answer, created=1.7e9, seconds=1.0, key=KEY)


def microseconds(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    return min(timeit.repeat(function, number=20, repeat=7)) / 20 * 1e6


def main() -> None:
    """Print a row for each kind and size: the share that is left, and microseconds more."""
    print(f"{'':8}{'size':>8}{'left':>8}{'hit':>8}{'store':>8}")
    for name, texts in (
        ("prose", list(prose())),
        ("code", list(code())),
        ("JSON", list(records())),
    ):
        for size in SIZES:
            rows = []
            for answer in answers(texts, size):
                plain, small = entry(PLAIN, answer), entry(SMALL, answer)
                hits = [
                    microseconds(lambda c=codec, e=each: c.decode(e, key=KEY))  # type: ignore[misc]
                    for codec, each in ((PLAIN, plain), (SMALL, small))
                ]
                stores = [
                    microseconds(lambda c=codec, a=answer: entry(c, a))  # type: ignore[misc]
                    for codec in (PLAIN, SMALL)
                ]
                rows.append((len(small) / len(plain), hits[1] - hits[0], stores[1] - stores[0]))
            left, hit, store = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{name:8}{size:8}{left:8.2f}{hit:+8.0f}{store:+8.0f}")


if __name__ == "__main__":
    main()
