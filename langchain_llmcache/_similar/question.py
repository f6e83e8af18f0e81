"""A request as a question and the rest: only the text of the last human message may differ."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache._signals import pass_on

# Settings that make an answer more than a text: its shape depends on the words of the question.
_MORE_THAN_TEXT: Final = re.compile(
    r"""['"](?:tools|functions|tool_choice|function_call|tool_config|toolConfig|response_format"""
    r"""|ls_structured_output_format|output_config|output_format|response_schema"""
    r"""|response_mime_type|format|n|candidate_count)['"],?:? ?"""
    r"""(?!,?:? ?(?:None|null|1\b|\[\]|\{\}|['"]{2}))"""
)


def question_of(prompt: str) -> tuple[str, str] | None:
    """Return the question of a prompt, and the prompt without it; None: it has no question.

    A prompt has one if it is a list of messages, the last of which is a human's with exactly one
    text.
    """
    if not prompt.startswith("["):
        return None
    try:
        messages = json.loads(prompt)
        last = messages[-1]["kwargs"]
        if messages[-1]["id"][-1] != "HumanMessage":
            return None
        text = _take_text(last)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        pass_on(error)
        return None
    if not text or not text.strip():
        return None
    return text, json.dumps(messages)


def _take_text(message: dict[str, Any]) -> str | None:
    """Return the one text of a message, and leave an empty one in its place."""
    content = message["content"]
    if isinstance(content, str):
        message["content"] = ""
        return content
    texts = [block for block in content if isinstance(block, dict) and block.get("type") == "text"]
    if len(texts) != 1 or any(isinstance(block, str) for block in content):
        return None
    text = texts[0]["text"]
    texts[0]["text"] = ""
    return str(text)


def asks_for_more_than_text(llm_string: str) -> bool:
    """Tell whether settings ask for tool calls, structured output or several answers."""
    return _MORE_THAN_TEXT.search(llm_string) is not None


def is_more_than_text(generations: Sequence[Generation]) -> bool:
    """Tell whether an answer is more than one text."""
    if len(generations) != 1:
        return True
    message = generations[0].message if isinstance(generations[0], ChatGeneration) else None
    return bool(
        getattr(message, "tool_calls", None) or getattr(message, "invalid_tool_calls", None)
    )
