"""The blocks of ``cache_options`` that the running code is in.

A ``ContextVar`` holds them, so they go along into the tasks and threads that LangChain starts.
But it knows nothing of generators: what is set in the body of one stays set in its caller while
it is suspended. So a block is an object, which is removed by identity and not by position,
wherever it is left: after others that began later, or in another task.

Rules of this file: what is current is cheap to ask; tasks that began inside a block keep it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, cast

from langchain_llmcache._contexts import holding
from langchain_llmcache._signals import pass_on

if TYPE_CHECKING:
    from langchain_llmcache._answer.ttl import Ttl


OnMiss: TypeAlias = Literal["ask", "raise"]


class Unset:
    """The default of an option, where None means something."""

    def __repr__(self) -> str:
        return "unset"


UNSET: Final = cast("Any", Unset())


@dataclass(frozen=True)
class Options:
    """What holds for a call.

    Attributes:
        ttl: How long its answer is kept; ``UNSET``: as the cache says.
        read: Whether stored answers are used.
        write: Whether its answer is stored.
        namespace: Parts below the cache's own.
        max_age: Seconds; older answers are not used. None: any age will do.
        on_miss: What comes of a request without a stored answer.
    """

    ttl: Ttl = UNSET
    read: bool = True
    write: bool = True
    namespace: tuple[str, ...] = ()
    max_age: float | None = None
    on_miss: OnMiss = "ask"


DEFAULTS: Final = Options()


class Block:
    """One entry into a ``cache_options`` object.

    Args:
        owner: The object.
        given: The options that it names, ``namespace`` included.
    """

    __slots__ = ("given", "left", "owner", "token")

    def __init__(self, owner: object, given: Mapping[str, Any]) -> None:
        self.owner = owner
        self.given = given
        # Tells whether a context is the one that the block was entered in.
        self.token: Token[_Open] | None = None
        # Left in another context: the one that it was entered in has yet to remove it.
        self.left = False

    def over(self, outer: Options) -> Options:
        """Return what holds inside of the block."""
        namespace = (*outer.namespace, *self.given.get("namespace", ()))
        return replace(outer, **{**self.given, "namespace": namespace})


class _Open(NamedTuple):
    """Blocks, innermost last, and what comes of them."""

    blocks: tuple[Block, ...]
    options: Options


_NONE: Final = _Open((), DEFAULTS)
_open: Final[ContextVar[_Open]] = ContextVar("llmcache_options", default=_NONE)


def current() -> Options:
    """Return the options of the running code."""
    now = _open.get()
    for block in now.blocks:
        if block.left:
            return _tidied().options
    return now.options


@contextmanager
def during(options: Options) -> Iterator[None]:
    """Let the options of another moment hold inside a block, which yields to nothing else."""
    with holding(_open, _Open((), options)):
        yield


def enter(block: Block) -> None:
    """Begin a block in the running context."""
    before = _tidied()
    block.token = _open.set(_Open((*before.blocks, block), block.over(before.options)))


def innermost(owner: object) -> Block | None:
    """Return the innermost block of an object that the running code is in."""
    return next((block for block in reversed(_open.get().blocks) if block.owner is owner), None)


def leave(block: Block) -> None:
    """End a block: in the running context, and in the one that it was entered in."""
    blocks = _open.get().blocks
    block.left = not _is_here(block)
    _set(tuple(each for each in blocks if each is not block))


@contextmanager
def resumed(own: list[Block]) -> Iterator[None]:
    """Let blocks hold while a generator runs, and keep those that are open when it is suspended.

    Args:
        own: The generator's blocks, outermost first.
    """
    before = _tidied().blocks
    _set((*before, *own))
    try:
        yield
    finally:
        now = _open.get().blocks
        own[:] = [block for block in now if block not in before]
        _set(tuple(block for block in now if block in before))


def _tidied() -> _Open:
    """Return the open blocks, without those that were entered here and left elsewhere."""
    blocks = _open.get().blocks
    over = [block for block in blocks if block.left and _is_here(block)]
    if over:
        _set(tuple(block for block in blocks if block not in over))
    return _open.get()


def _is_here(block: Block) -> bool:
    """Tell, once, whether this is the context that the block was entered in. Changes what is open."""
    token, block.token = block.token, None
    if token is None:
        return False
    try:
        _open.reset(token)
    except ValueError as error:
        pass_on(error)
        block.token = token
        return False
    return True


def _set(blocks: tuple[Block, ...]) -> None:
    options = DEFAULTS
    for block in blocks:
        options = block.over(options)
    _open.set(_Open(blocks, options) if blocks else _NONE)
