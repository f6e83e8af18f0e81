"""The binary framing of AWS event streams, and a Converse response cut into its events.

Frame: total length, header length and the CRC32 of those two (big-endian, 4 bytes each), the
headers, the payload, and the CRC32 of everything before it.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING_HEADER = 7
_SHORTEST_PIECE = 24
_MOST_PIECES = 64


def encode(event_type: str, payload: Mapping[str, Any]) -> bytes:
    """Encode one event with a JSON payload."""
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (":event-type", event_type),
            (":content-type", "application/json"),
            (":message-type", "event"),
        )
    )
    body = json.dumps(payload, ensure_ascii=False).encode()
    prelude = struct.pack(">II", 12 + len(headers) + len(body) + 4, len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return frame + struct.pack(">I", zlib.crc32(frame))


def events(response: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Cut a Converse response body into what ConverseStream sends: (event type, payload)."""
    message = response["output"]["message"]
    yield "messageStart", {"role": message["role"]}
    for index, block in enumerate(message["content"]):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            start = {key: block["toolUse"][key] for key in ("toolUseId", "name")}
            yield "contentBlockStart", {"start": {"toolUse": start}, **at}
        for delta in _deltas(block):
            yield "contentBlockDelta", {"delta": delta, **at}
        yield "contentBlockStop", at
    stop = {"stopReason": response["stopReason"]}
    if "additionalModelResponseFields" in response:
        stop["additionalModelResponseFields"] = response["additionalModelResponseFields"]
    yield "messageStop", stop
    yield "metadata", {"usage": response["usage"], "metrics": response["metrics"]}


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "text" in block:
        for piece in _pieces(block["text"]):
            yield {"text": piece}
    elif "toolUse" in block:
        for piece in _pieces(json.dumps(block["toolUse"]["input"], ensure_ascii=False)):
            yield {"toolUse": {"input": piece}}
    elif "reasoningContent" in block:
        reasoning = block["reasoningContent"]
        if "redactedContent" in reasoning:
            yield {"reasoningContent": reasoning}
            return
        for piece in _pieces(reasoning["reasoningText"]["text"]):
            yield {"reasoningContent": {"text": piece}}
        if signature := reasoning["reasoningText"].get("signature"):
            yield {"reasoningContent": {"signature": signature}}
    else:
        msg = f"this endpoint cannot stream a content block of {sorted(block)}"
        raise ValueError(msg)


def _pieces(text: str) -> Iterator[str]:
    size = max(_SHORTEST_PIECE, math.ceil(len(text) / _MOST_PIECES))
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _header(name: str, value: str) -> bytes:
    key, data = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING_HEADER, len(data)) + data
