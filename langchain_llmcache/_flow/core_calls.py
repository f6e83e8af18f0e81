"""The call of langchain-core on whose behalf the cache is asked, as its own functions know it.

langchain-core hands a cache two texts, and nothing of the run that they belong to. The run's
manager is a local variable of the function that asks, so it is looked for on the stack.

Rule of this file: no frame is kept. Where langchain-core is not the one that asks, there is no call.
"""

from __future__ import annotations

from types import FrameType
from typing import Any

from langchain_llmcache._request.asking import TEXT, core_frames, core_globals


def calling_manager() -> Any:
    """Return what manages the callbacks of the call that asks the cache, or None.

    Returns:
        The run's manager where a chat model asks; the callback manager, which has yet to start
        the run, where a text model does. Both know the run above by its ``parent_run_id``.
    """
    chats, _ = core_globals()
    for frame in core_frames():
        if frame.f_globals is chats:
            known = frame.f_locals
            if "run_manager" in known:
                return known["run_manager"]
        # In ``BaseLLM.generate`` these look up, and store, one prompt after the other.
        elif frame.f_code.co_name in TEXT:
            return _manager_of_prompt(frame)
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
