"""What can be raised: configuration and administration only.

Nothing here ever leaves ``lookup`` or ``update``: a cache in trouble is a miss.
"""


class LLMCacheError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(LLMCacheError, ValueError):
    """A setting is wrong; the message names it and says what is expected."""


class StoreError(LLMCacheError):
    """The store could not carry out an operator's command (``clear``, ``delete``, ``ping``)."""


class UnsupportedOperationError(LLMCacheError):
    """The wrapped store has no way to do what was asked; the message says what it can do."""
