"""What can be raised: configuration and administration only.

None of these leaves ``lookup`` or ``update``: a cache in trouble is a miss. (Except
``CacheMissError``, which the caller asked for.)
"""


class LLMCacheError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(LLMCacheError, ValueError):
    """A setting is wrong; the message names it and says what is expected."""


class StoreError(LLMCacheError):
    """The store could not carry out an operator's command (``clear``, ``delete``, ``ping``)."""


class CacheMissError(LLMCacheError):
    """There is no stored answer, and ``cache_options(on_miss="raise")`` forbids asking the model.

    The one error that leaves ``lookup``, and so ``invoke``, on purpose.

    Args:
        key: Where the answer would be, as ``llmcache show`` takes it; None: the request has no key.
        model: The model's name, where the request tells.
        reason: Why there is none.
    """

    def __init__(self, key: str | None, model: str | None, reason: str) -> None:
        super().__init__(key, model, reason)
        self.key = key
        self.model = model
        self.reason = reason

    def __str__(self) -> str:
        asked = f"the model {self.model}" if self.model else "the model"
        where = f" (key {self.key})" if self.key else ""
        return f"{self.reason}{where}, and on_miss='raise' forbids asking {asked}"


class UnsupportedOperationError(LLMCacheError):
    """The wrapped store has no way to do what was asked; the message says what it can do."""
