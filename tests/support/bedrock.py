"""The stand-in for Bedrock with all that tests need: tools, schemas, reasoning, failures, scripts.

``langchain_llmcache._demo`` answers with texts; this one does what a model does that is offered tools
or asked for structured output, and what a service does that fails. Its ids of tool uses are drawn at
random, as the service's are.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langchain_llmcache._demo import answers, endpoint, eventstream
from langchain_llmcache._demo.answers import ConverseError, ConverseRequest, blocks_of, shortened
from langchain_llmcache._demo.endpoint import DEFAULT_MODEL, chat_model

__all__ = [
    "DEFAULT_MODEL",
    "ConverseEndpoint",
    "ConverseError",
    "ConverseRequest",
    "chat_model",
    "reply",
]

Script = Callable[[ConverseRequest], Mapping[str, Any] | ConverseError | None]

_CHARS_PER_TOKEN = 4
_KEPT_REQUESTS = 1000
# Below this depth of a tool's input only what its schema requires is filled in: a schema that
# refers to itself must come to an end.
_FULL_DEPTH = 2
_FAILURES = (
    (503, "ServiceUnavailableException", "The service is temporarily unavailable."),
    (500, "InternalServerException", "The system encountered an unexpected error."),
    (429, "ThrottlingException", "Too many requests, please wait before trying again."),
)


class ConverseEndpoint(endpoint.ConverseEndpoint):
    """A local model server; also a context manager. Its options may be changed while it runs.

    Args:
        latency: Seconds that an answer takes, errors included; or a function of the request.
        jitter: Up to this many seconds more, drawn uniformly for each request.
        fail_rate: The share of requests, 0 to 1, answered with a 503, a 500 or a 429.
        seed: Seeds jitter and failures.
        answer_bytes: The size of text answers in UTF-8; by default that of a paragraph.
        script: Called with each request. It returns a response body (see ``reply``), returns or
            raises a ``ConverseError``, or returns None for the usual answer.
    """

    def __init__(
        self,
        *,
        latency: float | Callable[[ConverseRequest], float] = 0.0,
        jitter: float = 0.0,
        fail_rate: float = 0.0,
        seed: int | None = None,
        answer_bytes: int | None = None,
        script: Script | None = None,
    ) -> None:
        if not 0 <= fail_rate <= 1:
            raise ValueError(f"fail_rate must be between 0 and 1, not {fail_rate!r}")
        self.jitter = jitter
        self.fail_rate = fail_rate
        self.script = script
        self._random = random.Random(seed)
        self._failed = 0
        self._requests: deque[ConverseRequest] = deque(maxlen=_KEPT_REQUESTS)
        self._drawing = threading.Lock()
        super().__init__(answer_bytes=answer_bytes)
        self.latency: Any = latency

    @property
    def failures(self) -> int:
        """How many model calls were answered with an error."""
        with self._drawing:
            return self._failed

    @property
    def requests(self) -> list[ConverseRequest]:
        """The latest requests, oldest first (a copy)."""
        with self._drawing:
            return list(self._requests)

    def respond(self, request: ConverseRequest) -> tuple[float, dict[str, Any] | ConverseError]:
        """Keep the request, and draw what befalls it."""
        with self._drawing:
            self._requests.append(request)
            extra = self._random.uniform(0, self.jitter)
            fails = self._random.random() < self.fail_rate
            failure = self._random.choice(_FAILURES)
        seconds, answered = super().respond(request)
        if fails:
            status, code, message = failure
            answered = ConverseError(message, code=code, status=status)
        if isinstance(answered, ConverseError):
            with self._drawing:
                self._failed += 1
        return seconds + extra, answered

    def seconds(self, request: ConverseRequest) -> float:
        """Return how long the answer takes."""
        return float(self.latency(request) if callable(self.latency) else self.latency)

    def answer(self, request: ConverseRequest) -> dict[str, Any]:
        """Do as the script says; by default, call tools and fill in schemas as a model does.

        Raises:
            ConverseError: says the script.
        """
        scripted = self.script(request) if self.script is not None else None
        if isinstance(scripted, ConverseError):
            raise scripted
        return _usual_answer(request, self.answer_bytes) if scripted is None else dict(scripted)

    def block_events(self, block: Mapping[str, Any]) -> Iterator[eventstream.Event]:
        """Stream tool uses and reasoning too."""
        return _block_events(block)


def reply(
    *content: Mapping[str, Any] | str, stop_reason: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Build a response body, that of a tool use where a block is one; see ``answers.reply``."""
    if stop_reason is None:
        stop_reason = "tool_use" if any("toolUse" in block for block in content) else "end_turn"
    return answers.reply(*content, stop_reason=stop_reason, **fields)


def tools_of(request: ConverseRequest) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each tool that the model may call, by name."""
    listed = (request.body.get("toolConfig") or {}).get("tools") or []
    specs = [tool["toolSpec"] for tool in listed if "toolSpec" in tool]
    return {spec["name"]: (spec.get("inputSchema") or {}).get("json") or {} for spec in specs}


# ---------------------------------------------------------------------------- answers


def _usual_answer(request: ConverseRequest, answer_bytes: int | None) -> dict[str, Any]:
    if not request.messages:
        raise ConverseError(
            "The messages field must hold at least one message.",
            code="ValidationException",
            status=400,
        )
    asked = [request.body.get(part) for part in ("system", "messages", "toolConfig")]
    called = _tools_to_call(request)
    if called:
        blocks: list[dict[str, Any]] = [_tool_use(request, name) for name in called]
        stop_reason = "tool_use"
    else:
        text, stop_reason = _limited(request, _text(request, answer_bytes))
        blocks = [*_reasoning(request), {"text": text}]
    return reply(*blocks, stop_reason=stop_reason, usage=answers.estimated_usage(asked, blocks))


def _text(request: ConverseRequest, answer_bytes: int | None) -> str:
    schema = _output_schema(request)
    if schema is not None:
        return json.dumps(_sample(schema, request.text, schema), ensure_ascii=False)
    told = [f'The tool returned: "{shortened(result)}".' for result in _tool_results(request)]
    return answers.text_for(request, answer_bytes, told=told)


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
    digest = answers.digest_of(request)
    thought = (
        f'The question is "{shortened(request.text)}". '
        f"{answers.ranked_sentences(digest)[0]} I will answer briefly."
    )
    return [{"reasoningContent": {"reasoningText": {"text": thought, "signature": digest}}}]


def _tools_to_call(request: ConverseRequest) -> list[str]:
    """Choose the tools to call now: none where text is due.

    A forced choice is obeyed also after a tool result, as the service does; ``any`` then takes a
    tool that this conversation has not used yet, so that an agent's loop comes to its end.
    """
    tools = list(tools_of(request))
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
            for block in blocks_of(message)
            if "toolUse" in block
        }
        return ([name for name in tools if name not in used] or tools[-1:])[:1]
    return []


def _tool_use(request: ConverseRequest, name: str) -> dict[str, Any]:
    schema = tools_of(request).get(name, {})
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
        for block in blocks_of(request.messages[-1])
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
    value = fixed if fixed is not None else shortened(text, 80)
    value = value.ljust(schema.get("minLength", 0), ".")
    return value[: schema.get("maxLength", len(value))]


# ---------------------------------------------------------------------------- streams


def _block_events(block: Mapping[str, Any]) -> Iterator[eventstream.Event]:
    if "toolUse" in block:
        start = {key: block["toolUse"][key] for key in ("toolUseId", "name")}
        yield "contentBlockStart", {"start": {"toolUse": start}}
        for piece in eventstream.pieces(json.dumps(block["toolUse"]["input"], ensure_ascii=False)):
            yield "contentBlockDelta", {"delta": {"toolUse": {"input": piece}}}
    elif "reasoningContent" in block:
        for delta in _reasoning_deltas(block["reasoningContent"]):
            yield "contentBlockDelta", {"delta": {"reasoningContent": delta}}
    else:
        yield from eventstream.text_events(block)


def _reasoning_deltas(reasoning: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "redactedContent" in reasoning:
        yield dict(reasoning)
        return
    for piece in eventstream.pieces(reasoning["reasoningText"]["text"]):
        yield {"text": piece}
    if signature := reasoning["reasoningText"].get("signature"):
        yield {"signature": signature}
