"""An answer that a parser refuses does not stay: the entry that it came from is removed.

Otherwise each retry of the chain would get it again, until its TTL ends. langchain-core tells a
cache nothing of chains. So the managers of runs of chains (not of models, nor of tools) get a
subclass of their class, which sees how the run ends; no handler is added to any list.

What a chain's model calls stored or hit is noted with the run above the call, and goes up with
each run that ends. Where a refusal passes, the nearest run that knows of any answers removes
them: those that no parser has accepted since, if there are such.

Rules of this file: without a cache that heals, nothing is looked at; what is noted is bounded;
an error that is not a parser's refusal removes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID
from weakref import WeakMethod, WeakSet, finalize

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForChainRun,
    CallbackManager,
    CallbackManagerForChainRun,
)
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import BaseMessage
from langchain_core.tracers.context import register_configure_hook

from langchain_llmcache._flow.core_calls import calling_manager
from langchain_llmcache._request.blocks import UNSET
from langchain_llmcache._request.key import Key
from langchain_llmcache._signals import suppressed

T = TypeVar("T")

# Runs that are remembered, and answers of each: more than are open at once, unless their end is
# never told.
_RUNS: Final = 4096
_ANSWERS: Final = 256
# Enough of an entry to tell it from others of its key: checksum and time.
_HEAD_BYTES: Final = 128


class Remover(NamedTuple):
    """How a cache, while it is there, removes an entry if it still begins like that."""

    remove: WeakMethod[Callable[[Key, bytes], None]]
    aremove: WeakMethod[Callable[[Key, bytes], Coroutine[Any, Any, None]]]


@dataclass(slots=True, eq=False)
class _Answer:
    """An entry that a model call stored or hit."""

    remover: Remover
    key: Key
    head: bytes
    # By a parser, which has made something else of it.
    accepted: bool = False

    def remove(self) -> None:
        remove = self.remover.remove()
        if remove is not None:
            remove(self.key, self.head)

    async def aremove(self) -> None:
        remove = self.remover.aremove()
        if remove is not None:
            await remove(self.key, self.head)


@dataclass(slots=True, eq=False)
class _Run:
    """What is known of a run that has not ended."""

    answers: list[_Answer] = field(default_factory=list)
    # That of a run below, on its way up; and whether its answers were found there.
    refusal: BaseException | None = None
    settled: bool = False


_runs: Final[dict[UUID, _Run]] = {}
# Refusals that some run has seen. (A batch shows one input's to the runs of all the others.)
_seen: Final[WeakSet[BaseException]] = WeakSet()


def _run(run_id: UUID) -> _Run:
    # Without a lock: a signal handler may come in between, and ask a model.
    while len(_runs) >= _RUNS and run_id not in _runs:
        with suppressed(RuntimeError, StopIteration):  # another thread was quicker
            _runs.pop(next(iter(_runs)), None)
    return _runs.setdefault(run_id, _Run())


def note(remover: Remover, key: Key, entry: bytes, above: UUID | None = UNSET) -> None:
    """Note that the call that asks the cache right now has stored or hit an entry.

    Args:
        remover: Of the cache.
        key: Of the entry.
        entry: It.
        above: The run that the call is a part of, if that is known already.
    """
    if above is UNSET:
        manager = calling_manager()
        above = None if manager is None else manager.parent_run_id
    if above is not None:
        _add(_run(above), [_Answer(remover, key, entry[:_HEAD_BYTES])])


def _add(run: _Run, answers: list[_Answer]) -> None:
    run.answers += answers
    del run.answers[:-_ANSWERS]


# --- how a run ends ---------------------------------------------------------------------------


def _ended(run: Any, outputs: object) -> None:
    mine = _runs.pop(run.run_id, None)
    if run.parent_run_id is None:
        return
    if mine is not None and mine.answers:
        _add(_run(run.parent_run_id), mine.answers)
    # Whatever a parser leaves a text (as StrOutputParser does), it has not judged.
    if run.llmcache_parses and not isinstance(outputs, (str, BaseMessage)):
        above = _runs.get(run.parent_run_id)
        for answer in [] if above is None else above.answers:
            answer.accepted = True


def _failed(run: Any, error: BaseException) -> list[_Answer]:
    """Return the answers that a failure refuses."""
    mine = _runs.pop(run.run_id, None) or _Run()
    from_below = mine.refusal is error
    if not (from_below or _refuses(run, error)):
        if mine.answers and run.parent_run_id is not None:
            _add(_run(run.parent_run_id), mine.answers)
        return []
    refused = []
    if not (from_below and mine.settled):
        refused = [answer for answer in mine.answers if not answer.accepted] or mine.answers
    if run.parent_run_id is not None:
        above = _run(run.parent_run_id)
        _add(above, [answer for answer in mine.answers if answer not in refused])
        above.refusal = error
        # What a parser asks a model itself is only a part of what went wrong.
        above.settled = mine.settled or (bool(refused) and not run.llmcache_parses)
    return refused


def _refuses(run: Any, error: BaseException) -> bool:
    """Tell whether an error that begins in this run is a parser's refusal."""
    if isinstance(error, _refusals()):
        first = error not in _seen
        _seen.add(error)
        return first
    # pydantic's ValidationError, and what parsers raise that know no better.
    return run.llmcache_parses and isinstance(error, ValueError)


def _refusals() -> tuple[type[BaseException], ...]:
    of_agents = sys.modules.get("langchain.agents.structured_output")
    error = getattr(of_agents, "StructuredOutputError", None)
    return (OutputParserException,) if error is None else (OutputParserException, error)


# --- runs of chains ---------------------------------------------------------------------------


class _Chain(CallbackManagerForChainRun):
    """Watches a chain's run in a thread."""

    llmcache_parses = False

    def get_child(self, tag: str | None = None) -> CallbackManager:
        return _watched(super().get_child(tag))

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        _ended(self, outputs)
        super().on_chain_end(outputs, **kwargs)

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        try:
            for answer in _failed(self, error):
                answer.remove()
        finally:
            super().on_chain_error(error, **kwargs)


class _AsyncChain(AsyncCallbackManagerForChainRun):
    """Watches a chain's run in a task."""

    llmcache_parses = False

    def get_child(self, tag: str | None = None) -> AsyncCallbackManager:
        return _watched(super().get_child(tag))

    async def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        _ended(self, outputs)
        await super().on_chain_end(outputs, **kwargs)

    async def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        try:
            for answer in _failed(self, error):
                await answer.aremove()
        finally:
            await super().on_chain_error(error, **kwargs)


class _Chains(CallbackManager):
    """Starts such runs."""

    def on_chain_start(self, *args: Any, **kwargs: Any) -> CallbackManagerForChainRun:
        run = super().on_chain_start(*args, **kwargs)
        return _watched(run, parses=kwargs.get("run_type") == "parser")


class _AsyncChains(AsyncCallbackManager):
    """Starts such runs."""

    async def on_chain_start(self, *args: Any, **kwargs: Any) -> AsyncCallbackManagerForChainRun:
        run = await super().on_chain_start(*args, **kwargs)
        return _watched(run, parses=kwargs.get("run_type") == "parser")


_WATCHED: Final[dict[type, type]] = {
    cls.__bases__[0]: cls for cls in (_Chains, _AsyncChains, _Chain, _AsyncChain)
}


def _watched(thing: T, *, parses: bool = False) -> T:
    """Return a manager, or a run, as one that tells how chains end."""
    known: Any = thing
    cls = _WATCHED.get(type(thing))
    if cls is not None:
        known.__class__ = cls
        if parses:
            known.llmcache_parses = True
    return thing


# --- where langchain-core makes managers ------------------------------------------------------

_PROMPTS: Final = "langchain_core.prompts.base"
_CHAINS: Final = ("langchain_core.runnables.", "langgraph.", "langchain_classic.chains.")
# Caches that heal, as long as they live; and the hook, once there was one.
_healing: Final[set[int]] = set()
_hooked: Final[list[_Hook]] = []


class _Hook:
    """Registered as a handler hook of langchain-core: it adds no handler, but watches the manager.

    It is asked in the middle of ``_configure``, whose caller's caller tells what runs.
    """

    def get(self) -> None:
        if not _healing:
            return
        configure = sys._getframe(1)  # noqa: SLF001 - documented, and on CPython always there
        if _is_of_a_chain(configure.f_back and configure.f_back.f_back):
            _watched(configure.f_locals.get("callback_manager"))


def _is_of_a_chain(caller: FrameType | None) -> bool:
    if caller is None or not caller.f_globals.get("__name__", "").startswith(_CHAINS):
        return False
    # Prompts ask no model, and refuse nothing.
    runnable = caller.f_back and caller.f_back.f_back
    return runnable is None or runnable.f_globals.get("__name__") != _PROMPTS


def watch_for(cache: object) -> None:
    """Have refused answers of a cache removed, for as long as it lives."""
    if not _hooked:
        _hooked.append(_Hook())
        hook: Any = _hooked[0]
        register_configure_hook(hook, inheritable=False)
    _healing.add(id(cache))
    finalize(cache, _healing.discard, id(cache)).atexit = False
