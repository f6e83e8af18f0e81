"""Which answers are stored, and what is redacted first.

Rules of this file: it decides and never touches a store; the answer that the caller of a miss
gets is never changed; whatever a user's callable raises stays in here, without its text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from langchain_core.outputs import Generation

from langchain_llmcache._answer.entries import NewEntry, NotStorableError
from langchain_llmcache._answer.redaction import redacted_generation
from langchain_llmcache._checks import checked_count, kind_of
from langchain_llmcache.errors import ConfigurationError

DEFAULT_MAX_ENTRY_BYTES: Final = 4 * 2**20  # an answer with a few pictures in it


class Declined(Exception):  # noqa: N818 - an outcome, not an error
    """This answer could be stored, but should not be."""


@dataclass(frozen=True)
class StorePolicy:
    """What a user says about storing.

    Attributes:
        should_store: Decides instead of ``NewEntry.flaw``.
        redact: Is applied to every text that is stored.
        max_entry_bytes: Larger entries are neither stored nor read; None for no bound.

    Raises:
        ConfigurationError: if one of them is of the wrong kind.
    """

    should_store: Callable[[NewEntry], bool] | None = None
    redact: Callable[[str], str] | None = None
    max_entry_bytes: int | None = DEFAULT_MAX_ENTRY_BYTES

    def __post_init__(self) -> None:
        for name in ("should_store", "redact"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                msg = f"{name} is {value!r}; expected a function, or None"
                raise ConfigurationError(msg)
        if self.max_entry_bytes is not None:
            checked_count("max_entry_bytes", self.max_entry_bytes)

    def to_store(self, generations: Sequence[Generation]) -> Sequence[Generation]:
        """Return the generations as they are to be stored.

        Raises:
            NotStorableError: if they cannot be redacted.
        """
        if self.redact is None:
            return generations
        return [redacted_generation(generation, self._redact) for generation in generations]

    def check(self, entry: NewEntry) -> None:
        """Check that an answer is to be stored.

        Raises:
            Declined: if it is not.
            NotStorableError: if ``should_store`` does not tell.
        """
        try:
            verdict: object = (
                entry.flaw is None if self.should_store is None else self.should_store(entry)
            )
        except Exception as error:
            msg = f"should_store failed ({type(error).__name__})"
            raise NotStorableError(msg) from error
        if not isinstance(verdict, bool):
            msg = f"should_store returned {kind_of(verdict)}, not a bool"
            raise NotStorableError(msg)
        if not verdict:
            raise Declined

    def _redact(self, text: str) -> str:
        assert self.redact is not None  # noqa: S101 - see to_store
        try:
            redacted: object = self.redact(text)
        except Exception as error:
            msg = f"redact failed ({type(error).__name__})"
            raise NotStorableError(msg) from error
        if not isinstance(redacted, str):
            msg = f"redact returned {kind_of(redacted)}, not a str"
            raise NotStorableError(msg)
        return redacted
