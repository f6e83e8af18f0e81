"""A model call that fails is seen here, so that no caller waits for its answer.

langchain-core tells a cache of answers only. Its callbacks tell of failures: a handler is
attached to every run of the process, and ends the flights that the failing code leads.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

from langchain_llmcache._flow.single_flight import led_here
from langchain_llmcache._forks import new_lock

_lock = new_lock()
_watching: list[ContextVar[BaseCallbackHandler | None]] = []


def watch() -> None:
    """See to it that failures are seen, from now on, once for the process."""
    with _lock:
        if not _watching:
            variable: ContextVar[BaseCallbackHandler | None] = ContextVar(
                "llmcache_failures",
                default=_FailureHandler(),  # noqa: B039 - it has no state
            )
            register_configure_hook(variable, inheritable=True)
            _watching.append(variable)


class _FailureHandler(BaseCallbackHandler):
    """Ends the flights of a call that failed."""

    # In the thread or task that made the call: that is where its flights are known.
    run_inline = True
    ignore_agent = True
    ignore_chain = True
    ignore_retriever = True
    ignore_retry = True
    ignore_custom_event = True

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing (the default would have the messages put into one text)."""

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """End the flights that the failing code leads."""
        for flight in led_here():
            if flight.give_up is not None:
                flight.give_up()
