"""The binary framing of AWS event streams, and a Converse response cut into its events.

Frame: total length, header length and the CRC32 of those two (big-endian, 4 bytes each), the
headers, the payload, and the CRC32 of everything before it.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

# Its type, and its payload.
Event = tuple[str, dict[str, Any]]

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


def events(
    response: Mapping[str, Any], block_events: Callable[[Mapping[str, Any]], Iterable[Event]]
) -> Iterator[Event]:
    """Cut a Converse response body into what ConverseStream sends.

    Args:
        response: The body.
        block_events: Cuts a content block: ``text_events``, for texts.
    """
    message = response["output"]["message"]
    yield "messageStart", {"role": message["role"]}
    for index, block in enumerate(message["content"]):
        at = {"contentBlockIndex": index}
        for name, payload in block_events(block):
            yield name, payload | at
        yield "contentBlockStop", at
    stop = {"stopReason": response["stopReason"]}
    if "additionalModelResponseFields" in response:
        stop["additionalModelResponseFields"] = response["additionalModelResponseFields"]
    yield "messageStop", stop
    yield "metadata", {"usage": response["usage"], "metrics": response["metrics"]}


def text_events(block: Mapping[str, Any]) -> Iterator[Event]:
    """Cut a text."""
    if "text" not in block:
        raise ValueError(f"this endpoint cannot stream a content block of {sorted(block)}")
    for piece in pieces(block["text"]):
        yield "contentBlockDelta", {"delta": {"text": piece}}


def pieces(text: str) -> Iterator[str]:
    """Cut a text into at most 64 pieces."""
    size = max(_SHORTEST_PIECE, math.ceil(len(text) / _MOST_PIECES))
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _header(name: str, value: str) -> bytes:
    key, data = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING_HEADER, len(data)) + data
