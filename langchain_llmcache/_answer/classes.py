"""The classes of langchain-core that an answer consists of."""

from __future__ import annotations

from typing import Final

from langchain_core import messages
from langchain_core.messages import BaseMessage
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
)

GENERATIONS: Final[dict[str, type[Generation]]] = {
    cls.__name__: cls for cls in (Generation, GenerationChunk, ChatGeneration, ChatGenerationChunk)
}
MESSAGES: Final[dict[str, type[BaseMessage]]] = {
    name: getattr(messages, name)
    for kind in ("AI", "Chat", "Function", "Human", "System", "Tool")
    for name in (f"{kind}Message", f"{kind}MessageChunk")
}
