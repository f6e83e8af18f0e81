"""What the stand-in model says: one request in, one Converse response body out.

Pure functions, no I/O. The same request to the same model always gets the same words, and every
answer carries its own question, so that an answer given to the wrong question is visible. Only
what the service itself draws at random (the ids of tool uses) differs from call to call.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CHARS_PER_TOKEN = 4
_QUOTE_CHARS = 160
# Below this depth of a tool's input only what its schema requires is filled in: a schema that
# refers to itself must come to an end.
_FULL_DEPTH = 2

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

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The JSON schema of each tool that the model may call, by name."""
        listed = (self.body.get("toolConfig") or {}).get("tools") or []
        specs = [tool["toolSpec"] for tool in listed if "toolSpec" in tool]
        return {spec["name"]: (spec.get("inputSchema") or {}).get("json") or {} for spec in specs}


def reply(
    *content: Mapping[str, Any] | str,
    stop_reason: str | None = None,
    usage: Mapping[str, int] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Build a response body.

    Args:
        content: Content blocks in the protocol's shape; a string is a text block.
        stop_reason: By default ``tool_use`` where a block asks for a tool, else ``end_turn``.
        usage: ``inputTokens`` and so on; estimated from the content where it is not given.
        fields: Further top-level fields, such as ``additionalModelResponseFields``.
    """
    blocks = [{"text": block} if isinstance(block, str) else dict(block) for block in content]
    if stop_reason is None:
        stop_reason = "tool_use" if any("toolUse" in block for block in blocks) else "end_turn"
    return {
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": stop_reason,
        "usage": dict(usage) if usage is not None else _usage(0, _size(blocks)),
        **fields,
    }


def answer(request: ConverseRequest, *, answer_bytes: int | None = None) -> dict[str, Any]:
    """Answer as a model would: with a tool use where tools are on offer, otherwise with text.

    Args:
        request: The request to answer.
        answer_bytes: The exact size of a text answer in UTF-8; by default that of a paragraph.
    """
    prompt_size = _size([request.body.get(part) for part in ("system", "messages", "toolConfig")])
    called = _tools_to_call(request)
    if called:
        blocks: list[dict[str, Any]] = [_tool_use(request, name) for name in called]
        stop_reason = "tool_use"
    else:
        text, stop_reason = _limited(request, _text(request, answer_bytes))
        blocks = [*_reasoning(request), {"text": text}]
    return reply(*blocks, stop_reason=stop_reason, usage=_usage(prompt_size, _size(blocks)))


def _text(request: ConverseRequest, answer_bytes: int | None) -> str:
    schema = _output_schema(request)
    if schema is not None:
        return json.dumps(_sample(schema, request.text, schema), ensure_ascii=False)
    digest = _digest(request)
    parts = [f"Answer {digest[:12]}."]
    if request.text:
        parts.append(f'You asked: "{_shortened(request.text, _QUOTE_CHARS)}".')
    parts.extend(
        f'The tool returned: "{_shortened(result, _QUOTE_CHARS)}".'
        for result in _tool_results(request)
    )
    parts.extend(_ranked(_SENTENCES, digest)[:4])
    text = " ".join(parts)
    if answer_bytes is None:
        return text
    filler = " ".join(_ranked(_SENTENCES, digest[::-1]))
    if missing := max(0, answer_bytes - len(text.encode())):
        text += (" " + filler) * (missing // (len(filler) + 1) + 1)
    # A cut inside a character would not be UTF-8: drop the rest of it and make up for the bytes.
    cut = text.encode()[:answer_bytes].decode(errors="ignore")
    return cut + "." * (answer_bytes - len(cut.encode()))


def _limited(request: ConverseRequest, text: str) -> tuple[str, str]:
    """Cut the text as the request's own limits demand; return it with the reason for the stop."""
    config = request.body.get("inferenceConfig") or {}
    reason = "end_turn"
    limit = config.get("maxTokens")
    if limit is not None and len(text) > limit * _CHARS_PER_TOKEN:
        text, reason = text[: limit * _CHARS_PER_TOKEN], "max_tokens"
    found = [
        at for stop in config.get("stopSequences") or [] if stop and (at := text.find(stop)) >= 0
    ]
    if found:
        text, reason = text[: min(found)], "stop_sequence"
    return text, reason


def _reasoning(request: ConverseRequest) -> list[dict[str, Any]]:
    thinking = (request.body.get("additionalModelRequestFields") or {}).get("thinking") or {}
    if thinking.get("type") not in {"enabled", "adaptive"}:
        return []
    digest = _digest(request)
    thought = (
        f'The question is "{_shortened(request.text, _QUOTE_CHARS)}". '
        f"{_ranked(_SENTENCES, digest)[0]} I will answer briefly."
    )
    return [{"reasoningContent": {"reasoningText": {"text": thought, "signature": digest}}}]


def _tools_to_call(request: ConverseRequest) -> list[str]:
    """Choose the tools to call now: none where text is due.

    A forced choice is obeyed also after a tool result, as the service does; ``any`` then takes a
    tool that this conversation has not used yet, so that an agent's loop comes to its end.
    """
    tools = list(request.tools)
    if not tools or not request.messages:
        return []
    choice = request.body["toolConfig"].get("toolChoice") or {}
    if "tool" in choice:
        return [choice["tool"]["name"]]
    if not _tool_results(request):
        named = [name for name in tools if re.search(rf"\b{re.escape(name)}\b", request.text)]
        return named or tools[:1]
    if "any" in choice:
        used = {
            block["toolUse"]["name"]
            for message in request.messages
            for block in _blocks(message)
            if "toolUse" in block
        }
        return ([name for name in tools if name not in used] or tools[-1:])[:1]
    return []


def _tool_use(request: ConverseRequest, name: str) -> dict[str, Any]:
    schema = request.tools.get(name, {})
    value = _sample(schema, request.text, schema)
    return {
        "toolUse": {
            "toolUseId": f"tooluse_{secrets.token_urlsafe(16)}",
            "name": name,
            "input": value if isinstance(value, dict) else {},
        }
    }


def _tool_results(request: ConverseRequest) -> list[str]:
    """The texts of the tool results in the last message; empty where it holds none."""
    if not request.messages:
        return []
    return [
        " ".join(
            part["text"] if "text" in part else json.dumps(part, sort_keys=True)
            for part in block["toolResult"].get("content") or []
        )
        for block in _blocks(request.messages[-1])
        if "toolResult" in block
    ]


def _output_schema(request: ConverseRequest) -> dict[str, Any] | None:
    text_format = (request.body.get("outputConfig") or {}).get("textFormat") or {}
    declared = (text_format.get("structure") or {}).get("jsonSchema") or {}
    if "schema" not in declared:
        return None
    schema: dict[str, Any] = json.loads(declared["schema"])
    return schema


def _sample(schema: Mapping[str, Any], text: str, root: Mapping[str, Any], depth: int = 0) -> Any:
    """Build a value that the JSON schema accepts, out of the text where it asks for text."""
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds if isinstance(kinds, str) else next((k for k in kinds if k != "null"), "null")
    value: Any = {"boolean": True, "null": None}.get(kind)
    if kind == "object":
        value = _sample_object(schema, text, root, depth)
    elif kind == "array":
        count = schema.get("minItems", 1 if depth <= _FULL_DEPTH else 0)
        value = [_sample(schema.get("items") or {}, text, root, depth + 1) for _ in range(count)]
    elif kind in {"integer", "number"}:
        value = _sample_number(schema, text, kind)
    elif kind == "string":
        value = _sample_string(schema, text)
    return value


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and take the first alternative that is not null, until a type is found."""
    while True:
        options = [
            option
            for union in ("anyOf", "oneOf", "allOf")
            for option in schema.get(union) or []
            if option.get("type") != "null"
        ]
        if "$ref" in schema:
            target: Any = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        elif options:
            schema = options[0]
        else:
            return schema


def _sample_object(
    schema: Mapping[str, Any], text: str, root: Mapping[str, Any], depth: int
) -> dict[str, Any]:
    required = set(schema.get("required") or ())
    return {
        name: _sample(part, text, root, depth + 1)
        for name, part in (schema.get("properties") or {}).items()
        if name in required or (depth < _FULL_DEPTH and "default" not in part)
    }


def _sample_number(schema: Mapping[str, Any], text: str, kind: str) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 1_000_000))
    for found in re.findall(r"-?\d+(?:\.\d+)?", text):
        value = float(found)
        if low <= value < high or value == schema.get("maximum"):
            return int(value) if kind == "integer" else value
    return int(low) if kind == "integer" else float(low)


def _sample_string(schema: Mapping[str, Any], text: str) -> str:
    fixed = {
        "date": "2025-01-31",
        "date-time": "2025-01-31T09:30:00Z",
        "time": "09:30:00Z",
        "email": "someone@example.com",
        "uri": "https://example.com/",
        "uuid": "2f1c9a52-6d0e-4b53-9d3f-0c7a4f5b8e11",
    }.get(schema.get("format", ""))
    value = fixed if fixed is not None else _shortened(text, 80)
    value = value.ljust(schema.get("minLength", 0), ".")
    return value[: schema.get("maxLength", len(value))]


def _digest(request: ConverseRequest) -> str:
    """Identify the request: everything in it but the random ids of earlier tool uses."""
    whole = {"model": request.model_id, "body": _without_ids(request.body)}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ids(part) for key, part in value.items() if key != "toolUseId"}
    if isinstance(value, list):
        return [_without_ids(part) for part in value]
    return value


def _ranked(sentences: Sequence[str], salt: str) -> list[str]:
    return sorted(sentences, key=lambda text: hashlib.sha256((salt + text).encode()).digest())


def _blocks(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from message.get("content") or []


def _joined_text(message: Mapping[str, Any]) -> str:
    return "\n".join(block["text"] for block in _blocks(message) if "text" in block)


def _shortened(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def _usage(prompt_chars: int, answer_chars: int) -> dict[str, int]:
    read = -(-prompt_chars // _CHARS_PER_TOKEN)
    written = -(-answer_chars // _CHARS_PER_TOKEN)
    return {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}
