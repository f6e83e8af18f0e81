"""What holds for a while in one context."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar, Token
from typing import TypeVar

from langchain_llmcache._signals import suppressed

T = TypeVar("T")


@contextlib.contextmanager
def holding(variable: ContextVar[T], value: T) -> Iterator[None]:
    """Let a variable have a value inside of a block.

    A block that its event loop never came back to ends when it is collected, in any context.
    """
    token = variable.set(value)
    try:
        yield
    finally:
        give_back(variable, token)


def give_back(variable: ContextVar[T], token: Token[T]) -> None:
    """Give a variable the value that it had before, if this is the context of then."""
    with suppressed(ValueError):
        variable.reset(token)
