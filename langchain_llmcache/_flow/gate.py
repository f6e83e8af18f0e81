"""How the store is asked: behind the breaker, with every failure counted and none passed on.

Commands of an operator are the exception: they are always tried, and their failure is raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, TypeVar

from langchain_llmcache._answer.entries import CorruptEntryError, NotStorableError
from langchain_llmcache._flow.breaker import Breaker
from langchain_llmcache._flow.ports import Entries, Overloaded, PartlyDownError, Refused
from langchain_llmcache._insight.errors import describe, is_of_the_caller, with_remedy
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._request.key import Key
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError, LLMCacheError, StoreError

T = TypeVar("T")


class Failed(Enum):
    """No reply; None is a reply: not found."""

    FAILED = "failed"


FAILED: Final = Failed.FAILED


class Gate:
    """The way to the store.

    Args:
        breaker: Says whether the store is worth a try.
        observer: Is told every outcome.

    Attributes:
        observer: Likewise, by those who ask here.
    """

    def __init__(self, breaker: Breaker, observer: Observer) -> None:
        self._breaker = breaker
        self.observer = observer

    async def ask(
        self, action: str, operation: Callable[[], Awaitable[T]], key: Key | None = None
    ) -> T | Failed:
        """Return the store's reply; ``FAILED`` if it is not to be asked, or does not answer.

        Raises:
            CorruptEntryError: if that is its reply.
        """
        if not self._breaker.allows():
            self.observer.count("skipped", key)
            return FAILED
        try:
            reply = await operation()
        except Exception as error:
            pass_on(error)
            if not isinstance(error, (CorruptEntryError, NotStorableError)):  # the bytes' fault
                return self._no_reply(action, error, key)
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return reply

    async def read(self, entries: Entries, key: Key) -> bytes | CorruptEntryError | Failed | None:
        """Return what a store holds under a key; an error if it is not an entry."""
        if not self._breaker.allows():
            self.observer.count("skipped", key)
            return FAILED
        try:
            entry = await entries.get(key)
        except Exception as error:  # noqa: BLE001 - a cache is never in the way
            pass_on(error)
            if not isinstance(error, CorruptEntryError):
                return self._no_reply("lookup", error, key)
            self._breaker.succeeded()
            return error
        self._breaker.succeeded()
        return entry

    def _no_reply(self, action: str, error: Exception, key: Key | None) -> Failed:
        """Count what a store has raised, and tell the breaker what it means."""
        self.failed(action, error, key)
        if isinstance(error, Refused):
            self._breaker.succeeded()
        elif not isinstance(error, (PartlyDownError, Overloaded)) and not is_of_the_caller(error):
            self._breaker.failed()
        return FAILED

    async def administer(self, action: str, operation: Awaitable[T]) -> T:
        """Carry out an operator's command, whether or not the breaker is open.

        Raises:
            StoreError: if the store could not do it.
        """
        try:
            result = await operation
        except Exception as error:
            pass_on(error)
            if isinstance(error, LLMCacheError) and not isinstance(error, ConfigurationError):
                raise
            said = f"{action} failed: {describe(error)}"
            raise StoreError(with_remedy(said, error)) from error
        self._breaker.succeeded()
        return result

    def failed(self, action: str, error: Exception, key: Key | None = None) -> None:
        """Count and log an operation that failed, and what follows from it."""
        consequence = {"lookup": "treated as a miss", "store": "the answer is not stored"}
        said = consequence.get(action, "going on")
        if isinstance(error, Refused):
            self.observer.failed("denied", f"{action} refused, {said}", error, key)
        elif isinstance(error, Overloaded):
            self.observer.failed("shed", f"{action} given up, {said}", error, key)
        else:
            self.observer.failed("errors", f"{action} failed, {said}", error, key)
