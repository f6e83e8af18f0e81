"""Waiting on an event loop: for a while, or for a call that blocks."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from langchain_llmcache._flow.ports import NotTheStoreError

if sys.version_info >= (3, 11, 3):  # earlier ones can lose a cancellation
    from asyncio import timeout  # type: ignore[attr-defined]  # mypy looks at 3.11 only
else:
    from async_timeout import timeout

__all__ = ["in_thread", "start_thread", "timeout"]

T = TypeVar("T")


async def in_thread(call: Callable[[], T], discard: Callable[[T], object] | None = None) -> T:
    """Return what a blocking call returns.

    What comes when it is not waited for any more is given to ``discard``.

    Not with ``asyncio.to_thread``: ``asyncio.run`` waits for its threads, and this one may
    hang in a name server or a metadata service.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            if error is None and discard is not None:
                discard(result)  # type: ignore[arg-type]
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 - it is raised where it is waited for
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is closed: there is no caller to tell
            if error is None and discard is not None:
                discard(result)  # type: ignore[arg-type]

    start_thread(work, "llmcache-wait")
    return await future


def start_thread(work: Callable[[], None], name: str) -> None:
    """Do some work in a thread that nothing waits for at the end of the process.

    Raises:
        NotTheStoreError: no thread can be had: at the end of the process, or at its limits.
    """
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        msg = "no thread can be started (is the process ending?)"
        raise NotTheStoreError(msg) from error
