"""The call of langchain-core on whose behalf the cache is asked, as its own functions know it.

langchain-core hands a cache two texts, and nothing of the run that they belong to. The run's
manager is a local variable of the function that asks, so it is looked for on the stack.

Rules of this file: no frame is kept, and nothing is imported; where langchain-core is not the
one that asks, there is no call.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Final

_CHAT_MODELS: Final = "langchain_core.language_models.chat_models"
_TEXT_MODELS: Final = "langchain_core.language_models.llms"
# In ``BaseLLM.generate`` these look up, and store, one prompt after the other.
_OF_A_TEXT_MODEL: Final = frozenset(
    {"get_prompts", "aget_prompts", "update_cache", "aupdate_cache"}
)
# Frames between the cache and the function that asks it: ours, and those of caches around ours.
_FARTHEST: Final = 40


def calling_manager() -> Any:
    """Return what manages the callbacks of the call that asks the cache, or None.

    Returns:
        The run's manager where a chat model asks; the callback manager, which has yet to start
        the run, where a text model does. Both know the run above by its ``parent_run_id``.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented, and on CPython always there
    for _ in range(_FARTHEST):
        if frame is None:
            return None
        module = frame.f_globals.get("__name__")
        if module == _CHAT_MODELS:
            known = frame.f_locals
            if "run_manager" in known:
                return known["run_manager"]
        elif module == _TEXT_MODELS and frame.f_code.co_name in _OF_A_TEXT_MODEL:
            return _manager_of_prompt(frame)
        frame = frame.f_back
    return None


def _manager_of_prompt(frame: FrameType) -> Any:
    """Return the callback manager of the prompt that a text model asks about right now."""
    known = frame.f_locals
    generate = frame.f_back
    managers = None if generate is None else generate.f_locals.get("callback_managers")
    index = known.get("i")
    if not isinstance(managers, list) or not isinstance(index, int):
        return None
    missing = known.get("missing_prompt_idxs")
    if "new_results" in known and isinstance(missing, list):
        index = missing[index]
    return managers[index] if index < len(managers) else None
