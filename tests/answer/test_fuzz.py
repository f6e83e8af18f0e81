"""Random and altered entries on a real server: misses, no exception, no foreign object.

A part of it runs each time. Longer runs:

    pytest -m long tests/answer/test_fuzz.py
    LLMCACHE_FUZZ_PAYLOADS=1000000 pytest -m long tests/answer/test_fuzz.py -s --timeout 7200

``LLMCACHE_FUZZ_SEED`` repeats a run; the seed is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from datetime import time as daytime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from langchain_core.messages.base import TextAccessor
from pydantic import BaseModel

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.classes import GENERATIONS, MESSAGES
from langchain_llmcache._answer.entries import TAG
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.key import Key
from tests.support.samples import SAMPLES, to_entry
from tests.support.servers import Server
from tests.support.targets import LLM_STRING

FEW: Final = 1000
MANY: Final = int(os.environ.get("LLMCACHE_FUZZ_PAYLOADS", "100000"))
_BATCH: Final = 250

# The table: nothing else may come out of an entry.
_CLASSES: Final = frozenset((*GENERATIONS.values(), *MESSAGES.values()))
# (TextAccessor: langchain-core's own kind of str, of a message's text.)
_VALUES: Final = frozenset(
    (
        str,
        TextAccessor,
        int,
        float,
        bool,
        bytes,
        type(None),
        datetime,
        date,
        daytime,
        timedelta,
        Decimal,
        UUID,
    )
)
_CONTAINERS: Final = frozenset((dict, list, tuple))

_WORDS: Final = [
    *(cls.__name__ for cls in _CLASSES),
    *("os.system", "builtins.eval", "langchain_core.load.dump", "BaseMessage", "Exception"),
    *("class", "message", "fields", "text", "content", "tool_calls", "generation_info", "m", "g"),
    *("$", "v", "dict", "bytes", "Decimal", "datetime", "tuple", "timedelta", "UUID", "lc", "id"),
    *("__class__", "__init__", "__reduce__", "response_metadata", "usage_metadata", "type"),
    *("", "\x00", "\u2028", "9" * 400, "NaN", "1e999", "2024-13-45", "====", "llm1:", "lease:"),
]
_SCALARS: Final[list[Any]] = [
    *(None, True, False, 0, -1, 1e308, -1e308, 2**63, -(2**63), 1e-320, 1e12, [], {}, "", [[]]),
    {"$": "int", "v": "9" * 5000},
    {"$": "dict", "v": [[[], 1]]},
    {"$": "Decimal", "v": "1e999999999"},
    {"$": "timedelta", "v": [10**12, 0, 0]},
    {"$": "tuple", "v": [{"$": "tuple", "v": []}]},
    {"$": "object", "v": "os"},
    {"$": "str", "v": "\\ud800"},
]


class Mutator:
    """Makes entries that nobody wrote."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._good = [to_entry(sample) for sample in SAMPLES.values()]
        self._bodies = [json.loads(entry.split(b":", 2)[2]) for entry in self._good]

    def payload(self, key: Key) -> bytes:
        """Return the next one, for the place of ``key``."""
        kind = self._random.random()
        if kind < 0.10:
            return self._random.randbytes(self._random.randrange(300))
        if kind < 0.15:
            return self._random.choice(_PREFIXES) + self._random.randbytes(
                self._random.randrange(100)
            )
        if kind < 0.35:
            return self._altered(self._random.choice(self._good))
        if kind < 0.45:
            # Well sealed, and no JSON, or not quite.
            *_, body = self._random.choice(self._good).split(b":", 2)
            return self._sealed(key, self._altered(body))
        # Well sealed, JSON, and yet nothing that was ever written.
        body = json.loads(json.dumps(self._random.choice(self._bodies)))
        change = self._changed if kind < 0.8 else self._leaf
        for _ in range(self._random.choice((1, 1, 2, 3, 8))):
            body = change(body)
        return self._sealed(key, json.dumps(body).encode())

    @staticmethod
    def _sealed(key: Key, body: bytes) -> bytes:
        return Binding("llm_cache:").bind(TAG, key, body)

    def _altered(self, entry: bytes) -> bytes:
        data = bytearray(entry)
        for _ in range(self._random.choice((1, 1, 1, 2, 5, 20))):
            at = self._random.randrange(len(data) + 1)
            match self._random.randrange(5):
                case 0:
                    data[at : at + 1] = self._random.randbytes(1)
                case 1:
                    del data[at : at + self._random.randrange(1, 30)]
                case 2:
                    data[at:at] = self._random.choice(_WORDS).encode()
                case 3:
                    del data[at:]
                case _:
                    other = self._random.choice(self._good)
                    start = self._random.randrange(len(other))
                    data[at:at] = other[start : start + self._random.randrange(60)]
        return bytes(data)

    def _changed(self, value: Any) -> Any:
        """Return JSON data with a change somewhere inside."""
        if isinstance(value, dict) and value and self._random.random() < 0.85:
            name = self._random.choice(list(value))
            match self._random.randrange(8):
                case 0:
                    value.pop(name)
                case 1:
                    value[self._random.choice(_WORDS)] = value.pop(name)
                case 2:
                    value[self._random.choice(_WORDS)] = self._any()
                case _:
                    value[name] = self._changed(value[name])
            return value
        if isinstance(value, list) and value and self._random.random() < 0.85:
            at = self._random.randrange(len(value))
            match self._random.randrange(6):
                case 0:
                    del value[at]
                case 1:
                    value.append(self._any())
                case 2:
                    value *= 2
                case _:
                    value[at] = self._changed(value[at])
            return value
        return self._any()

    def _leaf(self, value: Any) -> Any:
        """Return JSON data with another value of the same type somewhere inside."""
        if isinstance(value, (dict, list)) and value:
            at = self._random.choice(list(value) if isinstance(value, dict) else range(len(value)))
            value[at] = self._leaf(value[at])
            return value
        same = [each for each in (*_SCALARS, *_WORDS) if type(each) is type(value)]
        return copy.deepcopy(self._random.choice(same)) if same else value

    def _any(self) -> Any:
        match self._random.randrange(4):
            case 0:
                return copy.deepcopy(self._random.choice(_SCALARS))
            case 1:
                return self._random.choice(_WORDS)
            case 2:
                return {self._random.choice(_WORDS): copy.deepcopy(self._random.choice(_SCALARS))}
            case _:
                nested: Any = self._random.choice(_WORDS)
                for _ in range(self._random.choice((1, 3, 300))):
                    nested = [nested] if self._random.random() < 0.5 else {"$": nested}
                return nested


_PREFIXES: Final = [
    *(b"llm1:", b"llm2:", b"lease:", b"msgpack:", b"pickle:", b"json:", b"bytes:", b"null:"),
    *(b"llm1:{", b'llm1:{"k":"', b"msgpack:\xc7", b"\x80\x05", b"$-1\r\n", b"-ERR ", b"*1\r\n"),
]


def foreign(value: Any) -> Iterator[type]:
    """Yield the classes in ``value`` that are not in the table."""
    if isinstance(value, BaseModel):
        if type(value) not in _CLASSES:
            yield type(value)
        for fields in (value.__dict__, value.__pydantic_extra__ or {}):
            yield from foreign(dict(fields))
    elif type(value) in _CONTAINERS:
        for each in value.items() if isinstance(value, dict) else value:
            yield from foreign(each)
    elif type(value) not in _VALUES:
        yield type(value)


@pytest.mark.timeout(max(900, MANY // 100))
@pytest.mark.parametrize("payloads", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_foreign_entries_under_load(
    server: Server,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    payloads: int,
) -> None:
    """Whatever stands at a key: no exception, no object outside the table, and it heals."""
    seed = int(os.environ.get("LLMCACHE_FUZZ_SEED", "7"))
    start = time.monotonic()
    with caplog.at_level(logging.CRITICAL, logger="langchain_llmcache"):
        counts, stats = asyncio.run(_fuzz(server, seed, payloads))
    took = time.monotonic() - start
    with capsys.disabled() if payloads > FEW else contextlib.nullcontext():
        print(f"seed {seed}, {took:.0f} s: {dict(counts)}, {stats}")  # noqa: T201
    assert counts["payloads"] >= payloads
    assert not [name for name in counts if name.startswith(("exception", "foreign"))]
    assert stats.errors == stats.denied == stats.skipped == 0
    # A good part of what is well sealed is harmless, and comes back; the rest is removed.
    assert counts["hits"] + stats.corrupt + stats.misses >= counts["payloads"]
    assert counts["hits"] > counts["payloads"] / 100
    assert stats.corrupt > counts["payloads"] / 4


async def _fuzz(server: Server, seed: int, payloads: int) -> tuple[Counter[str], Any]:
    mutator = Mutator(seed)
    counts: Counter[str] = Counter()
    # (A megabyte at a time is another test's; here a busy machine may take its time.)
    async with LLMCache.from_url(server.url, single_flight=False, timeout=20) as cache:
        prompts = [f"prompt {number}" for number in range(_BATCH)]
        keys = [cache._flow._keys.key((), prompt, Asked(LLM_STRING))[0] for prompt in prompts]
        names = [f"llm_cache:{key.path}" for key in keys]

        async def look(prompt: str, lookup: Callable[..., Any]) -> None:
            try:
                found = await lookup(prompt, LLM_STRING)
                for cls in foreign(found):
                    counts[f"foreign {cls}"] += 1
                counts["hits"] += found is not None
            except Exception as error:
                counts[f"exception {error!r:.200}"] += 1

        async def blocking(prompt: str, llm_string: str) -> Any:
            return cache.lookup(prompt, llm_string)

        with server.client() as client:
            for batch in range(-(-payloads // _BATCH)):
                client.mset({n: mutator.payload(k) for n, k in zip(names, keys, strict=True)})
                lookup = blocking if batch % 5 == 4 else cache.alookup
                await asyncio.gather(*(look(prompt, lookup) for prompt in prompts))
                counts["payloads"] += _BATCH
        return counts, cache.stats()
