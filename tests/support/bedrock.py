"""The stand-in for Bedrock with all that tests need: tools, reasoning, failures, scripts.

``langchain_llmcache._demo`` answers with texts; this one also does what a model does that is offered
tools or asked to think, and what a service does that fails. Its ids of tool uses are drawn at random,
as the service's are.
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

_KEPT_REQUESTS = 1000
_FAILURES = (
    (503, "ServiceUnavailableException", "The service is temporarily unavailable."),
    (500, "InternalServerException", "The system encountered an unexpected error."),
    (429, "ThrottlingException", "Too many requests, please wait before trying again."),
)


class ConverseEndpoint(endpoint.ConverseEndpoint):
    """A local model server; also a context manager. Its options may be changed while it runs.

    Args:
        latency: Seconds that an answer takes, errors included; or a function of the request.
        fail_rate: The share of requests, 0 to 1, answered with a 503, a 500 or a 429.
        seed: Seeds the failures.
        answer_bytes: The size of text answers in UTF-8; by default that of a paragraph.
        script: Called with each request. It returns a response body (see ``reply``), returns or
            raises a ``ConverseError``, or returns None for the usual answer.
    """

    def __init__(
        self,
        *,
        latency: float | Callable[[ConverseRequest], float] = 0.0,
        fail_rate: float = 0.0,
        seed: int | None = None,
        answer_bytes: int | None = None,
        script: Script | None = None,
    ) -> None:
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
            fails = self._random.random() < self.fail_rate
            failure = self._random.choice(_FAILURES)
        seconds, answered = super().respond(request)
        if fails:
            status, code, message = failure
            answered = ConverseError(message, code=code, status=status)
        if isinstance(answered, ConverseError):
            with self._drawing:
                self._failed += 1
        return seconds, answered

    def seconds(self, request: ConverseRequest) -> float:
        """Return how long the answer takes."""
        return float(self.latency(request) if callable(self.latency) else self.latency)

    def answer(self, request: ConverseRequest) -> dict[str, Any]:
        """Do as the script says; by default, call tools as a model does.

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
    asked = [request.body.get(part) for part in ("system", "messages", "toolConfig")]
    blocks = _tool_uses(request)
    if not blocks:
        told = [f'The tool returned: "{shortened(result)}".' for result in _tool_results(request)]
        text = answers.text_for(request, answer_bytes, told=told)
        blocks = [*_reasoning(request), {"text": text}]
    return reply(*blocks, usage=answers.estimated_usage(asked, blocks))


def _reasoning(request: ConverseRequest) -> list[dict[str, Any]]:
    thinking = (request.body.get("additionalModelRequestFields") or {}).get("thinking") or {}
    if thinking.get("type") != "enabled":
        return []
    digest = answers.digest_of(request)
    thought = (
        f'The question is "{shortened(request.text)}". '
        f"{answers.ranked_sentences(digest)[0]} I will answer briefly."
    )
    return [{"reasoningContent": {"reasoningText": {"text": thought, "signature": digest}}}]


def _tool_uses(request: ConverseRequest) -> list[dict[str, Any]]:
    """Call the tools that the user's text names, or the first one; none after a tool result."""
    tools = tools_of(request)
    if _tool_results(request):
        return []
    named = [name for name in tools if re.search(rf"\b{re.escape(name)}\b", request.text)]
    return [_tool_use(name, tools[name], request.text) for name in named or list(tools)[:1]]


def _tool_use(name: str, schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Call a tool whose arguments are texts: each is what the user says."""
    arguments = dict.fromkeys(schema.get("properties") or (), shortened(text, 80))
    drawn = f"tooluse_{secrets.token_urlsafe(16)}"
    return {"toolUse": {"toolUseId": drawn, "name": name, "input": arguments}}


def _tool_results(request: ConverseRequest) -> list[str]:
    """The texts of the tool results in the last message; empty where it holds none."""
    return [
        " ".join(part["text"] for part in block["toolResult"]["content"])
        for message in request.messages[-1:]
        for block in blocks_of(message)
        if "toolResult" in block
    ]


# ---------------------------------------------------------------------------- streams


def _block_events(block: Mapping[str, Any]) -> Iterator[eventstream.Event]:
    if "toolUse" in block:
        start = {key: block["toolUse"][key] for key in ("toolUseId", "name")}
        yield "contentBlockStart", {"start": {"toolUse": start}}
        for piece in eventstream.pieces(json.dumps(block["toolUse"]["input"], ensure_ascii=False)):
            yield "contentBlockDelta", {"delta": {"toolUse": {"input": piece}}}
    elif "reasoningContent" in block:
        reasoning = block["reasoningContent"]["reasoningText"]
        for piece in eventstream.pieces(reasoning["text"]):
            yield "contentBlockDelta", {"delta": {"reasoningContent": {"text": piece}}}
        signature = {"signature": reasoning["signature"]}
        yield "contentBlockDelta", {"delta": {"reasoningContent": signature}}
    else:
        yield from eventstream.text_events(block)
