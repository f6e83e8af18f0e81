"""A model call that ends without an answer is noticed here, so that its followers go on.

langchain-core tells a cache of answers, and callback handlers of failures. A handler for all
runs would stand in the lists of others (and for text models langchain-core tells inline
handlers *or else* the others, langchain issue 39633). So only the call whose lookup has just
missed is watched: its own manager, which no other call shares, gets a subclass of its class.

In asyncio the end of the task tells the same, but a text model may be asked by a task that goes
on for long after the call has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForLLMRun,
)

from langchain_llmcache._flow.core_calls import calling_manager
from langchain_llmcache._flow.rounds import Ending


def when_call_fails(told: Callable[[Ending], None]) -> None:
    """Have ``told`` called, in any thread, when the call that asks the cache right now fails.

    It may be called several times, and never if langchain-core is not the one that asks.
    """
    manager = calling_manager()
    if manager is not None:
        _watch(manager, [told])


def _watch(manager: Any, told: list[Callable[[Ending], None]]) -> None:
    watched = _WATCHED.get(type(manager))
    if watched is not None:
        manager.__class__ = watched
        manager.llmcache_told = told
    elif type(manager) in _WATCHED.values():
        manager.llmcache_told += told


def _tell(manager: Any, error: BaseException) -> None:
    # What is not an Exception (CancelledError, KeyboardInterrupt) says nothing about the model.
    ending: Ending = "failed" if isinstance(error, Exception) else "cancelled"
    for told in manager.llmcache_told:
        told(ending)


class _Call(CallbackManagerForLLMRun):
    """Watches a call in a thread."""

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        _tell(self, error)
        super().on_llm_error(error, **kwargs)


class _AsyncCall(AsyncCallbackManagerForLLMRun):
    """Watches a call in a task."""

    async def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        _tell(self, error)
        await super().on_llm_error(error, **kwargs)


class _TextCall(CallbackManager):
    """Watches a text model's call that is yet to start, in a thread."""

    llmcache_told: list[Callable[[Ending], None]]

    def on_llm_start(self, *args: Any, **kwargs: Any) -> list[CallbackManagerForLLMRun]:
        runs = super().on_llm_start(*args, **kwargs)
        for run in runs:
            _watch(run, self.llmcache_told)
        return runs


class _AsyncTextCall(AsyncCallbackManager):
    """Watches a text model's call that is yet to start, in a task."""

    llmcache_told: list[Callable[[Ending], None]]

    async def on_llm_start(self, *args: Any, **kwargs: Any) -> list[AsyncCallbackManagerForLLMRun]:
        runs = await super().on_llm_start(*args, **kwargs)
        for run in runs:
            _watch(run, self.llmcache_told)
        return runs


_WATCHED: Final[dict[type, type]] = {
    cls.__bases__[0]: cls for cls in (_Call, _AsyncCall, _TextCall, _AsyncTextCall)
}
