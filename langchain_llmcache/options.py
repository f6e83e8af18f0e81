"""Options for the calls inside a block: ``with cache_options(ttl=60): model.invoke(...)``.

A ``ContextVar`` carries them: into the tasks and threads that LangChain starts, LangGraph's
nodes and agents, and not into anybody else's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from langchain_llmcache._answer.ttl import Ttl, checked_ttl
from langchain_llmcache._numbers import checked_number
from langchain_llmcache._request.key import namespace_parts
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from typing_extensions import Self

P = ParamSpec("P")
T = TypeVar("T")


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
    """

    ttl: Ttl = UNSET
    read: bool = True
    write: bool = True
    namespace: tuple[str, ...] = ()
    max_age: float | None = None


DEFAULTS: Final = Options()
# One for each block that is open, innermost last. (No tokens: one object may serve many threads.)
_blocks: Final[ContextVar[tuple[Options, ...]]] = ContextVar("llmcache_options", default=())


def current() -> Options:
    """Return the options of the running code."""
    blocks = _blocks.get()
    return blocks[-1] if blocks else DEFAULTS


@contextmanager
def during(options: Options) -> Iterator[None]:
    """Let the options of another moment hold inside a block."""
    token = _blocks.set((options,))
    try:
        yield
    finally:
        _blocks.reset(token)


class cache_options:  # noqa: N801 - used like a function
    """Options for the LangChain calls inside a block, or inside a decorated function.

    Blocks nest: an inner one changes what it names. Works with ``with``, ``async with``, and
    as a decorator of functions and coroutine functions.

    Args:
        ttl: As for ``LLMCache``; goes before the cache's own.
        read: False asks the model, and stores what it says (a refresh).
        write: False stores nothing. ``read=False, write=False`` goes past the cache.
        namespace: Below the cache's own, and below that of an outer block. Holds for ``delete``
            and ``clear`` too.
        max_age: Seconds; older answers are asked for again. None takes any.

    Raises:
        ConfigurationError: (a ``ValueError``) an option is wrong; the message says which.
    """

    def __init__(
        self,
        *,
        ttl: Ttl = UNSET,
        read: bool = UNSET,
        write: bool = UNSET,
        namespace: str | Sequence[str] = UNSET,
        max_age: float | None = UNSET,
    ) -> None:
        given: dict[str, Any] = {"ttl": ttl, "read": read, "write": write, "max_age": max_age}
        self._given = {name: value for name, value in given.items() if value is not UNSET}
        self._namespace = () if namespace is UNSET else namespace_parts(namespace)
        if "ttl" in self._given:
            checked_ttl(ttl)
        for name in ("read", "write"):
            if not isinstance(self._given.get(name, True), bool):
                raise ConfigurationError(f"{name} is {self._given[name]!r}; expected True or False")
        if self._given.get("max_age") is not None:
            checked_number("max_age", max_age, least=0)

    def __enter__(self) -> Self:
        outer = current()
        namespace = (*outer.namespace, *self._namespace)
        options = replace(outer, namespace=namespace, **self._given)
        _blocks.set((*_blocks.get(), options))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _blocks.set(_blocks.get()[:-1])

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return a function whose calls are inside such a block.

        Raises:
            ConfigurationError: if it is a generator function, whose body would not be.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigurationError(
                f"{function.__qualname__} is a generator, which runs outside of the block; "
                "use `with cache_options(...)` inside of it"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast("Callable[P, T]", later)

        @functools.wraps(function)
        def now(*args: P.args, **kwargs: P.kwargs) -> T:
            with self:
                return function(*args, **kwargs)

        return now
