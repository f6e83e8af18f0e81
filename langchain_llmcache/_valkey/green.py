"""Green threads (gevent, eventlet): where the sync half of a server's cache cannot work, and why."""

from __future__ import annotations

import sys
from typing import Any

from langchain_llmcache._flow.ports import NotTheStoreError
from langchain_llmcache.errors import ConfigurationError

_HALF_PATCHED = (
    "gevent has patched sockets but not threads, so a connection would belong to the thread that "
    "made it"
)
_REMEDY = "patch both, with monkey.patch_all() as the first thing that the program does, or neither"


def check_patches() -> None:
    """See to it that connections can be handed from thread to thread.

    Raises:
        ConfigurationError: they cannot.
    """
    if _is_half_patched():
        raise ConfigurationError(f"{_HALF_PATCHED}: {_REMEDY}")


def check_later_patches() -> None:
    """Check again, before each connection: an application may patch at any time.

    Raises:
        NotTheStoreError: connections cannot be handed from thread to thread any more.
    """
    if _is_half_patched():
        raise NotTheStoreError(_HALF_PATCHED)


def runs_apart() -> bool:
    """Tell whether this is a real thread besides gevent's (one of its thread pool).

    It has a hub of its own. A socket belongs to the hub in which it was made.
    """
    return _is_patched("socket") and not sys.modules["gevent"].get_hub().main_hub


def _is_half_patched() -> bool:
    return _is_patched("socket") and not _is_patched("threading")


def _is_patched(module: str) -> bool:
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched(module))
