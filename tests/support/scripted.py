"""A chat model that says what it was told to, in chunks, and counts how often it is asked."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


def text_chunks() -> list[AIMessageChunk]:
    """Return an answer in words."""
    words = ("A ", "promise ", "with ", "a ", "date.")
    return [AIMessageChunk(content=word) for word in words] + [
        AIMessageChunk(content="", usage_metadata=USAGE)
    ]


def tool_chunks() -> list[AIMessageChunk]:
    """Return two tool calls in pieces."""
    pieces = [
        {"name": "weather", "args": "", "id": "call-1", "index": 0},
        {"name": None, "args": '{"city": "Os', "id": None, "index": 0},
        {"name": None, "args": 'lo", "days": [1, 2.5, null]}', "id": None, "index": 0},
        {"name": "weather", "args": '{"city": "Ål"}', "id": "call-2", "index": 1},
    ]
    return [
        *(AIMessageChunk(content="", tool_call_chunks=[piece]) for piece in pieces),  # type: ignore[list-item]
        AIMessageChunk(
            content="", usage_metadata=USAGE, response_metadata={"stop_reason": "tool_use"}
        ),
    ]


def reasoning_chunks() -> list[AIMessageChunk]:
    """Return a signed thought and an answer, as blocks."""
    blocks: list[str | dict[str, Any]] = [
        {"type": "reasoning", "reasoning": "Think ", "index": 0},
        {"type": "reasoning", "reasoning": "first.", "index": 0},
        {"type": "reasoning", "extras": {"signature": "c2ln"}, "index": 0},
        {"type": "text", "text": "It is ", "index": 1},
        {"type": "text", "text": "so.", "index": 1},
    ]
    chunks = [AIMessageChunk(content=[block]) for block in blocks]
    return [*chunks, AIMessageChunk(content=[], usage_metadata=USAGE)]


SCRIPTS: dict[str, Any] = {
    "text": text_chunks,
    "tools": tool_chunks,
    "reasoning": reasoning_chunks,
}


class ScriptedModel(BaseChatModel):
    """Streams natively, in both halves."""

    model_name: str = "scripted-1"
    script: str = "text"
    pause: float = 0.0
    """Seconds before each chunk."""
    fails_at: int | None = None
    """Number of the chunk in whose place it fails."""

    calls: ClassVar[list[str]] = []
    """How it was asked, of all models of a test."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "script": self.script}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Return the model with the names of the tools in its arguments."""
        return self.bind(tools=[tool.__name__ for tool in tools], **kwargs)

    def _chunks(self, kind: str) -> Iterator[ChatGenerationChunk]:
        self.calls.append(kind)
        for number, message in enumerate(SCRIPTS[self.script]()):
            time.sleep(self.pause)
            if number == self.fails_at:
                msg = "the model is down"
                raise ConnectionError(msg)
            yield ChatGenerationChunk(message=message, generation_info={"logprobs": None})

    def _generate(self, messages: list[BaseMessage], *_: Any, **kwargs: Any) -> ChatResult:
        return generate_from_stream(self._chunks("generate"))

    def _stream(
        self, messages: list[BaseMessage], *_: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        yield from self._chunks("stream")

    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        import asyncio

        pause, self.pause = self.pause, 0.0
        try:
            for chunk in self._chunks("astream"):
                await asyncio.sleep(pause)
                yield chunk
        finally:
            self.pause = pause


class SyncOnlyModel(ScriptedModel):
    """Has no ``_astream`` of its own."""

    _astream = BaseChatModel._astream


class DumbModel(SyncOnlyModel):
    """Does not stream at all."""

    _stream = BaseChatModel._stream
