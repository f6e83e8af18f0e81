"""Which model asks: langchain-core gives a cache a text about the model, and not the model.

It calls a cache in a few functions of its own, whose ``self`` is the model: they are found on
the call stack, by name and by module, and taken only if the prompt and the text there are the
ones that we were asked with. Code that asks this cache on behalf of a model says so: ``asking``.

Rules of this file: it is called before anything is awaited, and keeps no frame.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from weakref import ref

from langchain_llmcache._checks import kind_of
from langchain_llmcache._request.blocks import UNSET
from langchain_llmcache._signals import suppressed
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from typing_extensions import Self

# Frames that are looked at, for the model and for more: ours, and those of caches around ours.
_DEEPEST: Final = 40
_FARTHEST: Final = 60
CHAT: Final = frozenset({"_generate_with_cache", "_agenerate_with_cache"})
TEXT: Final = frozenset({"get_prompts", "aget_prompts", "update_cache", "aupdate_cache"})
_TEXT_CALLERS: Final = frozenset({"generate", "agenerate"})
# Of one context: misses whose answers are still awaited, newest first.
_AWAITED: Final = 4


class Asked:
    """Who asked what: the model is there until its key has been made.

    Attributes:
        llm_string: The text of the model and its settings.
        model: The model, or None if it is not known.
        whose: Refers to the model, after a miss: until the answer comes, it is not held.
        options: What the call gives it besides the prompt; None if that is not known.
        made: What a maker of keys made of all that, which begins with the maker itself.
        above: The run that the model's is a part of, or None; ``UNSET`` if that is not known.
        is_async: Whether it is an async call.
    """

    whose: Any = None
    made: tuple[Any, ...] | None = None
    above: UUID | None = UNSET
    is_async = False

    def __init__(
        self, llm_string: str, model: Any = None, options: Mapping[str, Any] | None = None
    ) -> None:
        self.llm_string = llm_string
        self.model = model
        self.options = options


class asking:  # noqa: N801 - used like a function
    """Says which model asks, for the calls of a cache inside a block.

    For caches that ask this one in a thread or a task of their own, or with texts of their own:
    otherwise the model is found by itself.

    Args:
        model: The chat model or text model whose request it is.
        prompt: The prompt that this cache is asked with.
        llm_string: The text that this cache is asked with.
        options: What the call gives the model besides the prompt. The text of a text model does
            not tell, and without them there are taken to be none.

    Raises:
        ConfigurationError: (a ``ValueError``) one of them is something else.
    """

    def __init__(
        self,
        model: BaseLanguageModel[Any],
        prompt: str,
        llm_string: str,
        *,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        given: dict[str, object] = {"model": model, "prompt": prompt, "llm_string": llm_string}
        from langchain_core.language_models import BaseLanguageModel

        if not isinstance(given["model"], BaseLanguageModel):
            msg = (
                f"model is {kind_of(model)}; expected the chat model or text model "
                "itself (of a bound one: its .bound)"
            )
            raise ConfigurationError(msg)
        for name in ("prompt", "llm_string"):
            if not isinstance(given[name], str):
                msg = f"{name} is {kind_of(given[name])}; expected a text"
                raise ConfigurationError(msg)
        self.model = model
        self.prompt = prompt
        self.llm_string = llm_string
        self.options = options
        # Whether a stream is asked for; ``with_cache`` knows.
        self.streams = False

    def __enter__(self) -> Self:
        _BLOCKS.set((ref(self), *_BLOCKS.get()))
        return self

    def __exit__(self, *exc_info: object) -> None:
        # No token: a generator may be closed in another context than it was in.
        blocks = list(_BLOCKS.get())
        with suppressed(ValueError):
            blocks.remove(ref(self))
        _BLOCKS.set(tuple(blocks))


# Of one context: the blocks that it is in, innermost first. Weakly, because what is begun inside of
# one (a connection) keeps the context, and must not keep the model and its cache.
_BLOCKS: Final[ContextVar[tuple[ref[asking], ...]]] = ContextVar("llmcache_asking", default=())
_MISSED: Final[ContextVar[tuple[Asked, ...]]] = ContextVar("llmcache_missed", default=())


def _blocks() -> list[asking]:
    return [block for each in _BLOCKS.get() if (block := each()) is not None]


def innermost() -> asking | None:
    """Return the block that the running code is in, if it is in one."""
    return next(iter(_blocks()), None)


@functools.cache
def core_globals() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the variables of langchain-core's modules of chat models, and of text models.

    (Imported late: importing them takes as long as the rest of this package.)
    """
    from langchain_core.language_models import chat_models, llms

    return vars(chat_models), vars(llms)


def core_frames() -> Iterator[FrameType]:
    """Yield the frames of langchain-core's models that are on the stack, nearest first."""
    chats, texts = core_globals()
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented, and on CPython always there
    for _ in range(_FARTHEST):
        if frame is None:
            return
        if frame.f_globals is chats or frame.f_globals is texts:
            yield frame
        frame = frame.f_back


def who_asks(prompt: str, llm_string: str) -> Asked:
    """Return whose request this is. To be called by a method of the cache itself."""
    if _BLOCKS.get():
        for block in _blocks():
            if block.llm_string == llm_string and block.prompt == prompt:
                return Asked(llm_string, block.model, block.options)
    chats, texts = core_globals()
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - of the method's caller
    above: UUID | None = None
    for _ in range(_DEEPEST):
        if frame is None:
            break
        namespace = frame.f_globals
        if namespace is chats or namespace is texts:
            above = UNSET  # a model's call all the same
            name = frame.f_code.co_name
            if name in CHAT or name in TEXT:
                scope = frame.f_locals
                if scope.get("prompt") == prompt and scope.get("llm_string") == llm_string:
                    return _asked(scope if name in CHAT else _of_generate(frame), llm_string)
        frame = frame.f_back
    asked = Asked(llm_string)
    asked.above = above
    return asked


def _of_generate(frame: FrameType) -> Mapping[str, Any]:
    """Return the variables of the text model's method that called the function of a frame."""
    caller = frame.f_back
    if (
        caller is None
        or caller.f_globals is not core_globals()[1]
        or caller.f_code.co_name not in _TEXT_CALLERS
    ):
        return {}
    return caller.f_locals


def _asked(scope: Mapping[str, Any], llm_string: str) -> Asked:
    options, stop = scope.get("kwargs"), scope.get("stop")
    if options is not None and stop is not None:
        options = {**options, "stop": stop}
    asked = Asked(llm_string, scope.get("self"), options)
    if "run_manager" in scope:
        asked.above = getattr(scope["run_manager"], "parent_run_id", None)
    return asked


def missed(asked: Asked) -> None:
    """Remember who asked, until the answer comes: models change while they answer."""
    if asked.model is not None:
        asked.whose = ref(asked.model)
        asked.model = asked.options = None
    _MISSED.set((asked, *_MISSED.get()[: _AWAITED - 1]))


def who_asked(prompt: str, llm_string: str, maker: object) -> Asked:
    """Return whose answer this is: of the caller that missed it with that very text, or of this one.

    Args:
        prompt: The prompt.
        llm_string: The text.
        maker: Of the cache's keys: another cache's make others.
    """
    blocks = _blocks()
    for asked in _MISSED.get():
        if (
            asked.llm_string is llm_string
            and asked.made is not None
            and asked.made[0] is maker
            and (not blocks or asked.whose is None or asked.whose() is blocks[0].model)
        ):
            return asked
    return who_asks(prompt, llm_string)
