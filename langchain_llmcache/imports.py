"""The result of importing the answers of another cache."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImportReport:
    """What ``LLMCache.import_from`` did.

    Attributes:
        imported: Answers that are hits from now on.
        hashed: Answers whose requests are known by a hash only: hits of caches with
            ``imported=True``, and of the one that took them over.
        kept: Answers left out because this cache has one already.
        incomplete: Answers left out because the text of the model does not tell all of its
            settings, so that they may be another model's.
        declined: Answers left out because they are flawed (``NewEntry.flaw``), or because
            ``should_store`` said so.
        unreadable: Answers left out because they are not exactly an answer of langchain-core.
    """

    imported: int = 0
    hashed: int = 0
    kept: int = 0
    incomplete: int = 0
    declined: int = 0
    unreadable: int = 0

    @property
    def total(self) -> int:
        """How many answers the other cache has."""
        return (
            self.imported
            + self.hashed
            + self.kept
            + self.incomplete
            + self.declined
            + self.unreadable
        )
