"""What the stand-in model says: one request in, one Converse response body out.

Pure functions, no I/O. The same request to the same model always gets the same words, and every
answer carries its own question, so that an answer given to the wrong question is visible.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CHARS_PER_TOKEN = 4
_QUOTE_CHARS = 160

_SENTENCES = (
    "Start with the settings page: most cases are solved there without a restart.",
    "The change takes effect for new sessions; sessions that are already open keep the old value.",
    "If the numbers still differ, compare the time zones of the two reports first.",
    "An administrator can confirm this in the audit log, which keeps ninety days of events.",
    "Run it against a copy of the data before you touch production.",
    "The limit is counted per workspace, not per user, which explains the jump that you see.",
    "Add an index on the column that the filter uses, and measure again with a warm cache.",
    "A retry with exponential backoff is safe here because the request carries a unique key.",
    "Refunds reach the original payment method within five to seven business days.",
    "Rotate the key if it was ever pasted into a ticket, a log line or a shared notebook.",
    "For a quick check, export the last thirty days and group them by week.",
    "The older endpoint keeps working until the end of the quarter, with a deprecation header.",
    "Nothing is deleted by this: you can switch it back at any time.",
    "Tell the customer what happened, what you have done, and when you will write again.",
)


class ConverseError(Exception):
    """An error answer of the service.

    Args:
        message: What the service says.
        code: Its exception name, as sent in ``x-amzn-ErrorType``.
        status: The HTTP status.
    """

    def __init__(
        self, message: str, *, code: str = "ServiceUnavailableException", status: int = 503
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class ConverseRequest:
    """One call of ``Converse`` or ``ConverseStream``, as it arrived."""

    model_id: str
    body: dict[str, Any]
    stream: bool = False

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation, in the protocol's own shape."""
        found: list[dict[str, Any]] = self.body.get("messages") or []
        return found

    @property
    def text(self) -> str:
        """The last text that the user wrote."""
        for message in reversed(self.messages):
            if message.get("role") == "user" and (text := _joined_text(message)):
                return text
        return ""


def reply(
    *content: Mapping[str, Any] | str,
    stop_reason: str = "end_turn",
    usage: Mapping[str, int] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Build a response body.

    Args:
        content: Content blocks in the protocol's shape; a string is a text block.
        stop_reason: As the service calls it.
        usage: ``inputTokens`` and so on; estimated from the content where it is not given.
        fields: Further top-level fields, such as ``additionalModelResponseFields``.
    """
    blocks = [{"text": block} if isinstance(block, str) else dict(block) for block in content]
    return {
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": stop_reason,
        "usage": dict(usage) if usage is not None else estimated_usage([], blocks),
        **fields,
    }


def answer(request: ConverseRequest, *, answer_bytes: int | None = None) -> dict[str, Any]:
    """Answer with a text.

    Args:
        request: The request to answer.
        answer_bytes: The exact size of the text in UTF-8; by default that of a paragraph.
    """
    text = {"text": text_for(request, answer_bytes)}
    return reply(text, usage=estimated_usage([request.body.get("messages")], [text]))


def text_for(
    request: ConverseRequest, answer_bytes: int | None = None, *, told: Sequence[str] = ()
) -> str:
    """Write an answer that quotes its question, and whatever else the model was ``told``."""
    digest = digest_of(request)
    parts = [f"Answer {digest[:12]}."]
    if request.text:
        parts.append(f'You asked: "{shortened(request.text)}".')
    parts.extend(told)
    parts.extend(ranked_sentences(digest)[:4])
    text = " ".join(parts)
    return text if answer_bytes is None else _sized(text, answer_bytes, digest)


def _sized(text: str, size: int, digest: str) -> str:
    filler = " ".join(ranked_sentences(digest[::-1]))
    if missing := max(0, size - len(text.encode())):
        text += (" " + filler) * (missing // (len(filler) + 1) + 1)
    # A cut inside a character would not be UTF-8: drop the rest of it and make up for the bytes.
    cut = text.encode()[:size].decode(errors="ignore")
    return cut + "." * (size - len(cut.encode()))


def digest_of(request: ConverseRequest) -> str:
    """Identify the request: everything in it but the ids of tool uses, which are drawn at random."""
    whole = {"model": request.model_id, "body": _without_ids(request.body)}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ids(part) for key, part in value.items() if key != "toolUseId"}
    if isinstance(value, list):
        return [_without_ids(part) for part in value]
    return value


def ranked_sentences(salt: str) -> list[str]:
    """Return what the model knows, in an order that follows from the salt."""
    return sorted(_SENTENCES, key=lambda text: hashlib.sha256((salt + text).encode()).digest())


def blocks_of(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a message's content blocks."""
    yield from message.get("content") or []


def _joined_text(message: Mapping[str, Any]) -> str:
    return "\n".join(block["text"] for block in blocks_of(message) if "text" in block)


def shortened(text: str, limit: int = _QUOTE_CHARS) -> str:
    """Return a text on one line, of so many characters at most."""
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."


def estimated_usage(asked: Sequence[Any], answered: Sequence[Any]) -> dict[str, int]:
    """Count the tokens of what was asked and answered, about as the service would."""
    read, written = _tokens(asked), _tokens(answered)
    return {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}


def _tokens(value: Sequence[Any]) -> int:
    return -(-len(json.dumps(value, ensure_ascii=False)) // _CHARS_PER_TOKEN) if value else 0
