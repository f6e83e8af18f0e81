"""Whether the answer that is asked for, or stored, comes as a stream: it may not tell its usage.

A provider tells the tokens of a stream only if it was asked to. So an answer without them serves
those who ask for a stream, and not an ``invoke`` that would learn them.

Rules of this file: langchain-core's own frames tell, and nothing is kept of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, Final

from langchain_core.messages import AIMessage
from langchain_core.outputs import Generation

from langchain_llmcache._request.asking import CHAT, core_frames, innermost

# What langchain-core collects there, if it streams behind an ``invoke``.
_COLLECTED: Final = ("chunks", "stream_accum")
_SILENT_KEPT: Final = 1000


class SilentModels:
    """Models that tell no usage in ``invoke`` either, each known by where its answers lie."""

    def __init__(self) -> None:
        self._spaces: set[tuple[str, ...]] = set()

    def suits(self, space: tuple[str, ...]) -> bool:
        """Tell whether the running lookup takes an answer without usage that came as a stream."""
        return space in self._spaces or wants_stream()

    def is_uncounted(self, space: tuple[str, ...], generations: Sequence[Generation]) -> bool:
        """Tell whether this answer has no usage although its model may tell it in another."""
        if not tells_no_usage(generations):
            self._spaces.discard(space)
            return False
        if came_as_stream():
            return space not in self._spaces
        if len(self._spaces) < _SILENT_KEPT:
            self._spaces.add(space)
        return False


def wants_stream() -> bool:
    """Tell whether the running lookup is of a caller who gets a stream."""
    block = innermost()
    if block is not None:
        return block.streams
    frame = _asking_frame()
    return frame is not None and _streams(frame.f_locals, frame.f_code.co_name.startswith("_a"))


def tells_no_usage(generations: Sequence[Generation]) -> bool:
    """Tell whether an answer is a chat model's, and without counts of its tokens."""
    messages = [getattr(generation, "message", None) for generation in generations]
    return all(isinstance(each, AIMessage) and each.usage_metadata is None for each in messages)


def came_as_stream() -> bool:
    """Tell whether the answer that is being stored came as a stream."""
    block = innermost()
    if block is not None:
        return block.streams
    frame = _asking_frame()
    return frame is not None and any(name in frame.f_locals for name in _COLLECTED)


def _asking_frame() -> FrameType | None:
    """Return the frame in which langchain-core asks the cache for a chat model."""
    return next((frame for frame in core_frames() if frame.f_code.co_name in CHAT), None)


def _streams(scope: Mapping[str, Any], is_async: bool) -> bool:  # noqa: FBT001 - one caller
    model, options = scope["self"], scope["kwargs"]
    asked = {"async_api": is_async, "run_manager": scope["run_manager"], **options}
    return any(
        getattr(model, name)(**asked)
        for name in ("_should_stream", "_should_use_protocol_streaming")
        if hasattr(model, name)
    )
