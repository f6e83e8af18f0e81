"""A local model server that speaks the protocols of OpenAI, Anthropic, Ollama, Bedrock and Cohere.

Just enough of each for the real LangChain classes: text, tool calls, structured output; of
OpenAI's two, streams; and what text models are asked by. Of Bedrock and Cohere, text alone. Every
answer carries a number of its own, and ids are drawn at random, as the services do: a second
call never looks like a hit.
"""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final

from typing_extensions import Self

Body = dict[str, Any]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # bursts: what does not fit would be tried again after a second


class ModelServer:
    """A context manager; ``url`` is where it listens, ``requests`` what it was asked.

    Args:
        counts_streams: Whether streams of Chat Completions tell their usage; None: as OpenAI's, if
            they are asked to.
    """

    def __init__(self, *, counts_streams: bool | None = True) -> None:
        self.requests: list[Body] = []
        numbers = itertools.count(1)
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                requests.append(body)
                said = _protocol(self.path)(body, next(numbers))
                counted = counts_streams
                if counted is None:
                    counted = bool((body.get("stream_options") or {}).get("include_usage"))
                streamed = body.get("stream") and self.path in _STREAMS
                kind = "text/event-stream" if streamed else "application/json"
                answer = (
                    b"".join(_STREAMS[self.path](said if counted else {**said, "usage": None}))
                    if streamed
                    else json.dumps(said).encode() + b"\n"
                )
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                # The clients keep connections for ever, and nothing of them closes one.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                """Print nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def calls(self) -> int:
        """How many model calls arrived."""
        return len(self.requests)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _sample(schema: Mapping[str, Any]) -> Body:
    """Return an object of a (flat) JSON schema."""
    return {
        name: 7 if part.get("type") == "integer" else "Oslo"
        for name, part in schema["properties"].items()
    }


def _text(body: Body, number: int) -> str:
    return f"Answer {number} of {body['model']}."


def _openai_chat(body: Body, number: int) -> Body:
    message: Body = {"role": "assistant", "content": _text(body, number), "refusal": None}
    if body.get("tools") and body["messages"][-1]["role"] != "tool":
        function = body["tools"][0]["function"]
        arguments = json.dumps(_sample(function["parameters"]))
        message["content"] = None
        message["tool_calls"] = [
            {
                "id": f"call_{secrets.token_hex(12)}",
                "type": "function",
                "function": {"name": function["name"], "arguments": arguments},
            }
        ]
    elif "response_format" in body:
        schema = body["response_format"]["json_schema"]["schema"]
        message["content"] = json.dumps(_sample(schema))
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": 1_700_000_000 + number,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": number, "total_tokens": 10 + number},
    }


def _openai_responses(body: Body, number: int) -> Body:
    text = _text(body, number)
    if "format" in body.get("text", {}):
        text = json.dumps(_sample(body["text"]["format"]["schema"]))
    output: list[Body] = [
        {
            "type": "message",
            "id": f"msg_{secrets.token_hex(12)}",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }
    ]
    answered = any(item.get("type") == "function_call_output" for item in body["input"])
    if body.get("tools") and not answered:
        tool = body["tools"][0]
        output = [
            {
                "type": "function_call",
                "id": f"fc_{secrets.token_hex(12)}",
                "call_id": f"call_{secrets.token_hex(12)}",
                "name": tool["name"],
                "arguments": json.dumps(_sample(tool["parameters"])),
                "status": "completed",
            }
        ]
    return {
        "id": f"resp_{secrets.token_hex(12)}",
        "object": "response",
        "created_at": 1_700_000_000 + number,
        "model": body["model"],
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": number,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 10 + number,
        },
    }


def _anthropic(body: Body, number: int) -> Body:
    content: list[Body] = [{"type": "text", "text": _text(body, number)}]
    last = body["messages"][-1]["content"]
    answered = isinstance(last, list) and last[-1].get("type") == "tool_result"
    if body.get("tools") and not answered:
        tool = body["tools"][0]
        content.append(
            {
                "type": "tool_use",
                "id": f"toolu_{secrets.token_hex(12)}",
                "name": tool["name"],
                "input": _sample(tool["input_schema"]),
            }
        )
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": "tool_use" if len(content) > 1 else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": number},
    }


def _ollama(body: Body, number: int) -> Body:
    message: Body = {"role": "assistant", "content": _text(body, number)}
    if body.get("tools") and body["messages"][-1]["role"] != "tool":
        function = body["tools"][0]["function"]
        arguments = _sample(function["parameters"])
        message["content"] = ""
        message["tool_calls"] = [{"function": {"name": function["name"], "arguments": arguments}}]
    elif isinstance(body.get("format"), dict):
        message["content"] = json.dumps(_sample(body["format"]))
    return {
        "model": body["model"],
        "created_at": "2026-01-02T03:04:05.678901Z",
        "message": message,
        "done": True,
        "done_reason": "stop",
        "total_duration": number,
        "prompt_eval_count": 10,
        "eval_count": number,
    }


def _openai_text(body: Body, number: int) -> Body:
    return {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": 1_700_000_000 + number,
        "model": body["model"],
        "choices": [
            {"index": index, "text": f"Answer {number}.", "finish_reason": "stop", "logprobs": None}
            for index in range(len(body["prompt"]))
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": number, "total_tokens": 10 + number},
    }


def _ollama_text(body: Body, number: int) -> Body:
    return {
        "model": body["model"],
        "created_at": "2026-01-02T03:04:05.678901Z",
        "response": f"Answer {number}.",
        "done": True,
        "done_reason": "stop",
    }


def _titan(body: Body, number: int) -> Body:
    answer = {"tokenCount": number, "outputText": f"Answer {number}.", "completionReason": "FINISH"}
    return {"inputTextTokenCount": 10, "results": [answer]}


def _converse(body: Body, number: int) -> Body:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": f"Answer {number}."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 10, "outputTokens": number, "totalTokens": 10 + number},
        "metrics": {"latencyMs": 1},
    }


def _cohere(body: Body, number: int) -> Body:
    return {
        "id": secrets.token_hex(12),
        "finish_reason": "COMPLETE",
        "message": {
            "role": "assistant",
            "content": [{"type": "text", "text": _text(body, number)}],
        },
        "usage": {"tokens": {"input_tokens": 10, "output_tokens": number}},
    }


def _event(data: Body) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), 5):
        yield text[start : start + 5]


def _openai_chat_stream(said: Body) -> Iterator[bytes]:
    [choice] = said["choices"]
    message = choice["message"]

    def event(delta: Body, reason: str | None = None) -> bytes:
        changed = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return _event({**head, "choices": [changed], "usage": None})

    head = {**said, "object": "chat.completion.chunk"}
    yield event({"role": "assistant", "content": ""})
    for piece in _pieces(message["content"] or ""):
        yield event({"content": piece})
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        opened = {**call, "index": index, "function": {**function, "arguments": ""}}
        yield event({"tool_calls": [opened]})
        for piece in _pieces(function["arguments"]):
            yield event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield event({}, choice["finish_reason"])
    yield _event({**head, "choices": []})
    yield b"data: [DONE]\n\n"


def _openai_responses_stream(said: Body) -> Iterator[bytes]:
    numbers = itertools.count()

    def event(kind: str, **fields: Any) -> bytes:
        return _event({"type": f"response.{kind}", "sequence_number": next(numbers), **fields})

    yield event("created", response={**said, "status": "in_progress", "output": [], "usage": None})
    for index, item in enumerate(said["output"]):
        where = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "function_call":
            yield event("output_item.added", output_index=index, item={**item, "arguments": ""})
            for piece in _pieces(item["arguments"]):
                yield event("function_call_arguments.delta", **where, delta=piece)
            yield event("function_call_arguments.done", **where, arguments=item["arguments"])
        else:
            [part] = item["content"]
            where["content_index"] = 0
            yield event("output_item.added", output_index=index, item={**item, "content": []})
            yield event("content_part.added", **where, part={**part, "text": ""})
            for piece in _pieces(part["text"]):
                yield event("output_text.delta", **where, delta=piece, logprobs=[])
            yield event("output_text.done", **where, text=part["text"], logprobs=[])
            yield event("content_part.done", **where, part=part)
        yield event("output_item.done", output_index=index, item=item)
    yield event("completed", response=said)


_STREAMS: Final[dict[str, Callable[[Body], Iterator[bytes]]]] = {
    "/v1/chat/completions": _openai_chat_stream,
    "/v1/responses": _openai_responses_stream,
}

_PROTOCOLS: Final[dict[str, Callable[[Body, int], Body]]] = {
    "/v1/chat/completions": _openai_chat,
    "/v1/responses": _openai_responses,
    "/v2/chat": _cohere,
    "/v1/completions": _openai_text,
    "/v1/messages": _anthropic,
    "/api/chat": _ollama,
    "/api/generate": _ollama_text,
}
# Of Bedrock, where the model is a part of the path.
_ENDINGS: Final[dict[str, Callable[[Body, int], Body]]] = {
    "/invoke": _titan,
    "/converse": _converse,
}


def _protocol(path: str) -> Callable[[Body, int], Body]:
    path = path.partition("?")[0]
    return _PROTOCOLS.get(path) or _ENDINGS[path[path.rindex("/") :]]
