"""What lies under a key: the answer of a model, the result of a tool, or the value of a node."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from langchain_core.messages import BaseMessage

from langchain_llmcache._answer.binding import Unproven
from langchain_llmcache._answer.entries import (
    NODE_TAG,
    OLD_TAGS,
    UNKNOWN_AGE,
    VALUES,
    CorruptEntryError,
    StoredEntry,
)
from langchain_llmcache._insight.savings import tokens_of
from langchain_llmcache._request.hashed import IMPORTED
from langchain_llmcache._request.key import NODES, Key, model_name, plain_parts
from langchain_llmcache._stores.admin import Administration, Held
from langchain_llmcache._stores.node_values import NodeSerializer
from langchain_llmcache._stores.tool_results import TOOLS

Kind: TypeAlias = Literal["model", "tool", "node"]
# What lies there, in words.
WORDS: Final[dict[Kind, str]] = {"model": "answer", "tool": "tool result", "node": "node value"}
State: TypeAlias = Literal["readable", "sealed", "old", "damaged", "unknown class"]

REASONS: Final[dict[str, str]] = {
    "sealed": "is sealed (encrypted), or not an entry",
    "old": "is of an older version, and a miss",
    "damaged": "is damaged",
    "unknown class": "holds objects of a class that only its application knows",
}


class Place(NamedTuple):
    """What a key says.

    Attributes:
        kind: Whose word lies there.
        name: Of the model, the tool or the node; None: a model without a name.
        namespace: As the application names it.
    """

    kind: Kind
    name: str | None
    namespace: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The name for people: a model's as it is, others with what they are."""
        name = self.name or "-"
        return name if self.kind == "model" else f"{self.kind}: {name}"


class Content(NamedTuple):
    """What an entry holds.

    Attributes:
        state: Whether it could be read, and if not, why.
        created: When it was stored, Unix seconds; None: it does not say.
        seconds: How long the model took; None: it does not say.
        tokens: Input and output tokens.
        parts: Titles, and texts to each.
        data: The same as JSON data.
    """

    state: State
    created: float | None = None
    seconds: float | None = None
    tokens: tuple[int, int] = (0, 0)
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    data: Any = None

    @property
    def is_readable(self) -> bool:
        """Whether all of it is known."""
        return self.state == "readable"

    @property
    def texts(self) -> Iterator[str]:
        """All that it says."""
        for _, texts in self.parts:
            yield from texts


def place_of(key: Key) -> Place:
    """Return what a key says."""
    if key.space[-1] == IMPORTED:
        return Place("model", "(imported)", plain_parts(key.space[:-1]))
    if NODES not in key.space:
        return Place("model", model_name(key.space[-1]), plain_parts(key.space[:-1]))
    border = key.space.index(NODES)
    namespace, inner = plain_parts(key.space[:border]), plain_parts(key.space[border + 1 :])
    if inner[:1] == (TOOLS,):
        return Place("tool", inner[1] if len(inner) > 1 else None, namespace)
    return Place("node", inner[-1] if inner else None, namespace)


def described(key: Key) -> dict[str, Any]:
    """Return what a key says, for JSON."""
    place = place_of(key)
    return {
        "key": key.path,
        "kind": place.kind,
        "model": place.name if place.kind == "model" else None,
        **({} if place.kind == "model" else {"name": place.name}),
        "namespace": list(place.namespace),
    }


def content_of(held: Held, store: Administration) -> Content:
    """Return what an entry holds; of one that is read in part, what its beginning tells."""
    if held.size is not None:
        return _of_beginning(held)
    if held.value.startswith(OLD_TAGS):
        return Content("old")
    if not held.is_readable:
        return Content("sealed")
    try:
        if held.value.startswith(VALUES):
            return _of_value(Unproven(store.prefix).payload(NODE_TAG, held.key, held.value))
        return _of_answer(store.codec.decode(held.value, key=held.key))
    except CorruptEntryError:
        return Content("damaged")


# The first fields of an answer's JSON.
_HEAD: Final = re.compile(rb'\{"t":([0-9.]+),"d":(null|[0-9.]+),')
_HEAD_LENGTH: Final = 200


def _of_beginning(held: Held) -> Content:
    head = _HEAD.search(held.value, 0, _HEAD_LENGTH)
    if head is None:
        known: State = "readable" if held.value.startswith(VALUES) else "sealed"
        return Content("old" if held.value.startswith(OLD_TAGS) else known)
    seconds = None if head[2] == b"null" else float(head[2])
    return Content("readable", float(head[1]) or None, seconds)


# --- answers ---------------------------------------------------------------------------------


def _of_answer(entry: StoredEntry) -> Content:
    count = len(entry.generations)
    parts = []
    for number, fields in enumerate(entry.generations, 1):
        message = fields.get("message")
        kind = "text" if message is None else message["class"]
        texts = [fields.get("text", "")] if message is None else _said(message["fields"])
        parts.append((f"answer {number} of {count}: {kind}", tuple(filter(None, texts))))
    tokens = tokens_of(entry.generations)
    created = None if entry.created == UNKNOWN_AGE else entry.created
    return Content("readable", created, entry.seconds, tokens, tuple(parts), entry.generations)


def _said(fields: dict[str, Any]) -> list[str]:
    """Return what a message says, one text for each part of it."""
    parts = [
        block if isinstance(block, str) else _text_of(block) or compact(block)
        for block in blocks_of(fields)
        if not _is_call(block)
    ]
    for name in ("tool_calls", "invalid_tool_calls"):
        for call in fields.get(name) or ():
            label = name.removesuffix("s").replace("_", " ")
            parts.append(f"{label}: {call.get('name')} {compact(call.get('args'))}")
    return parts


def blocks_of(fields: dict[str, Any]) -> list[Any]:
    """Return the blocks of a message's content; a text is one."""
    content = fields.get("content", "")
    return content if isinstance(content, list) else [content]


def text_of(fields: dict[str, Any]) -> str:
    """Return the text of a message, without what is not text."""
    texts = (block if isinstance(block, str) else _text_of(block) for block in blocks_of(fields))
    return "".join(filter(None, texts))


def _text_of(block: Any) -> str | None:
    text = block.get("text") if isinstance(block, dict) else None
    return text if isinstance(text, str) else None


def _is_call(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in {"tool_use", "tool_call"}


def compact(value: Any) -> str:
    """Return a value in one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


# --- values of nodes and tools ---------------------------------------------------------------


def _of_value(payload: bytes | memoryview) -> Content:
    kind, _, data = bytes(payload).partition(b":")
    try:
        value = NodeSerializer().loads_typed((kind.decode("utf-8", "replace"), data))
    except CorruptEntryError:
        # What binds it to its key is right: so its class is not one that is known here.
        return Content("unknown class")
    if isinstance(value, BaseMessage):
        fields = {"content": value.content, **_calls(value)}
        return Content("readable", parts=(("result", tuple(_said(fields))),), data=fields)
    shown = compact(_plain(value))
    return Content("readable", parts=(("value", (shown,)),), data=json.loads(shown))


def _calls(message: BaseMessage) -> dict[str, Any]:
    calls = getattr(message, "tool_calls", None)
    return {"tool_calls": calls} if calls else {}


def _plain(value: Any) -> Any:
    """Return a value as JSON data, approximately."""
    if isinstance(value, BaseMessage):
        return {"type": value.type, "content": value.content, **_calls(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return repr(value)
