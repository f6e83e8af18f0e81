"""Asks prompts in threads, a few at a time, so that Ctrl-C ends the command at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from langchain_llmcache._cli.options import counting

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def asking_each(
    ask: Callable[[T], R], items: Sequence[T], concurrency: int
) -> Iterator[Iterator[tuple[int, R | Exception]]]:
    """Give the place and the result of each item as soon as it is there; show progress.

    Args:
        ask: Called with each item, in daemon threads. What it raises is the result.
        items: What to ask.
        concurrency: How many at a time.
    """
    todo: SimpleQueue[tuple[int, T]] = SimpleQueue()
    done: SimpleQueue[tuple[int, R | Exception]] = SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        with suppress(Empty):
            while not stop.is_set():
                place, item = todo.get_nowait()
                try:
                    done.put((place, ask(item)))
                except Exception as error:  # noqa: BLE001 - whatever the model raises
                    done.put((place, error))

    for numbered in enumerate(items):
        todo.put(numbered)
    for _ in range(min(concurrency, len(items))):
        # Not an executor: the process would wait for its threads, and Ctrl-C for a slow model.
        threading.Thread(target=work, name="llmcache-asks", daemon=True).start()

    def come() -> Iterator[tuple[int, R | Exception]]:
        left = len(items)
        while left:
            # A wait without end may miss a Ctrl-C that comes just before it begins.
            with suppress(Empty):
                outcome = done.get(timeout=0.2)
                left -= 1
                advance(1)
                yield outcome

    try:
        with counting("asking", len(items)) as advance:
            yield come()
    finally:
        stop.set()
