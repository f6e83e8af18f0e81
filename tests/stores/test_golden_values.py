"""The format of node values is frozen: what a released version wrote stays readable.

``tests/stores/golden`` holds the writes of a node for each kind of value, as they lie in a store: bound to
their key, with a checksum and with the MAC of a ``key_secret``. ``python -m tests.stores.test_golden_values``
adds those that are missing; it never changes one. Bytes that cannot be read any more need another tag.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address, ip_network
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.types import Command, Send

from langchain_llmcache import LLMCache
from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._request.key import Key
from langchain_llmcache.stores import MemoryStore, NodeSerializer
from tests.stores.test_node_values import (
    NOW,
    Colour,
    Frozen,
    Level,
    Order,
    Pair,
    Point,
    Rights,
    Slotted,
    Word,
    same,
)

GOLDEN = Path(__file__).parent / "golden"
SECRETS = {"plain": None, "secret": "pepper"}
KEY = (("__pregel_cache", "node", "4f1e"), "k" * 32)
ALLOW = [Colour, Frozen, Level, Order.Item, Pair, Point, Rights, Slotted, Word]
SAMPLES: dict[str, Any] = {
    "plain data": {"a": [None, True, 1, -1.5, "Grüße", b"\0\xff", 2**63], "big": [2**200, -(2**64)]},
    "collections": [
        *((1, ("two",)), {1, 2}, frozenset({"a"}), deque([1, 2], maxlen=3), OrderedDict(b=1, a=2)),
        *(Counter("abba"), defaultdict(list, x=[1]), {1: "one", (2, 3): "pair"}),
    ],
    "dates": [
        *(NOW, datetime(2026, 1, 1, tzinfo=timezone.utc), date(2026, 2, 3), time(4, 5, 6, 7, fold=1)),
        *(timedelta(days=-1, microseconds=1), timezone(timedelta(minutes=7), "seven")),
    ],
    "numbers and names": [
        *(Decimal("1.10"), Fraction(1, 3), 1 + 2j, UUID(int=5), PurePosixPath("/a/b")),
        *(ip_address("::1"), ip_network("10.0.0.0/8")),
    ],
    "messages": [
        *(HumanMessage("hi", id="h"), SystemMessage("be"), ToolMessage("r", tool_call_id="t", artifact={"n": (1,)})),
        AIMessage(
            [{"type": "text", "text": "so"}],
            id="a",
            tool_calls=[{"name": "f", "args": {"x": 1}, "id": "t", "type": "tool_call"}],
            usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        ),
        Document("page", id="d", metadata={"source": "s", "scores": [0.5]}),
    ],
    "commands": [Command(update={"x": 1}, goto=[Send("next", {"y": (2,)})]), Send("node", "arg")],
    "arrays": [np.arange(6, dtype="<i2").reshape(2, 3), np.float32(1.5), np.array(["a", "bc"])],
    "classes": [
        *(Colour.BLUE, Level.LOW, Word.A, Rights.READ | Rights.WRITE, Pair(1, "2")),
        *(Point(1, more=[2]), Frozen("f"), Slotted(1, (2,)), Order.Item("of an order")),
    ],
}  # fmt: skip
CASES = [(name, kind) for name in SAMPLES for kind in SECRETS]


def place(name: str, kind: str) -> Path:
    """Return where a golden value is."""
    return GOLDEN / f"{name.replace(' ', '_')}.{kind}"


def nodes(kind: str) -> Any:
    """Return the cache of node values of a kind."""
    store = MemoryStore(serde=NodeSerializer(allow=ALLOW))
    cache = LLMCache(store, namespace=("acme",), key_secret=SECRETS[kind])
    return cache._opened.nodes(cache._guard())


def key_in(cache: Any) -> Key:
    """Return the place of the golden values."""
    key: Key = cache._name(KEY)
    return key


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_stored_values_stay_readable(name: str, kind: str) -> None:
    """The writes of an earlier release's node are still what they were."""
    cache = nodes(kind)
    if name == "commands" and not hasattr(Send, "timeout"):  # an older LangGraph: a clean miss
        with pytest.raises(CorruptEntryError):
            cache._value(key_in(cache), place(name, kind).read_bytes())
        return
    [(channel, value)] = cache._value(key_in(cache), place(name, kind).read_bytes())
    assert channel == name
    assert same(value, SAMPLES[name])


# (What LangChain and LangGraph put into theirs changes with their versions.)
@pytest.mark.parametrize(
    ("name", "kind"), [case for case in CASES if case[0] not in {"messages", "commands"}]
)
def test_what_is_written_today_is_the_same(name: str, kind: str) -> None:
    """So that an older release, in the other half of a deployment, reads it too."""
    cache = nodes(kind)
    written = cache._entry(key_in(cache), [(name, SAMPLES[name])])
    assert written == place(name, kind).read_bytes()


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, kind in CASES:
        cache = nodes(kind)
        if not place(name, kind).exists():
            place(name, kind).write_bytes(cache._entry(key_in(cache), [(name, SAMPLES[name])]))
