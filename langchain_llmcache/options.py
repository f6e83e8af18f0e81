"""Options for the calls inside a block: ``with cache_options(ttl=60): model.invoke(...)``.

They go along into the tasks and threads that LangChain starts, LangGraph's nodes and agents, and
into no others.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, cast

from langchain_llmcache._answer.ttl import Ttl, checked_ttl
from langchain_llmcache._checks import checked_flag, checked_number
from langchain_llmcache._request.blocks import (
    UNSET,
    Block,
    OnMiss,
    enter,
    innermost,
    leave,
    resumed,
)
from langchain_llmcache._request.key import namespace_parts
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["cache_options"]

P = ParamSpec("P")
T = TypeVar("T")
_Test: TypeAlias = Callable[[object], bool]
_Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


class cache_options:  # noqa: N801 - used like a function
    """Options for the LangChain calls inside a block, or inside a decorated function.

    Blocks nest: an inner one changes what it names. Works with ``with``, ``async with``, and
    as a decorator of functions, coroutine functions, generators and async generators.

    Decorate a generator rather than have a block in it around a ``yield``: the options of a
    decorated one hold while its own code runs, and not in its caller while it is suspended.

    Args:
        ttl: As for ``LLMCache``; takes precedence over the cache's own.
        read: False asks the model, and stores what it says (a refresh).
        write: False stores nothing. ``read=False, write=False`` bypasses the cache.
        namespace: Below the cache's own, and below that of an outer block. Holds for ``delete``
            and ``clear`` too.
        max_age: Seconds; an older answer is a miss. None accepts any age.
        on_miss: ``"raise"`` raises ``CacheMissError`` where there is no stored answer, for runs
            that must neither pay nor drift; ``"ask"``, the default, asks the model.

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
        on_miss: OnMiss = UNSET,
    ) -> None:
        given: dict[str, Any] = {
            "ttl": ttl,
            "read": read,
            "write": write,
            "max_age": max_age,
            "on_miss": on_miss,
        }
        self._given = {name: value for name, value in given.items() if value is not UNSET}
        if namespace is not UNSET:
            self._given["namespace"] = namespace_parts(namespace)
        if "ttl" in self._given:
            checked_ttl(ttl)
        for name in ("read", "write"):
            checked_flag(name, self._given.get(name, True))
        if self._given.get("on_miss", "ask") not in ("ask", "raise"):
            raise ConfigurationError(f"on_miss is {on_miss!r}; expected 'ask' or 'raise'")
        if on_miss == "raise" and read is False:
            msg = "on_miss='raise' and read=False leave nothing to answer with; give one of them"
            raise ConfigurationError(msg)
        if self._given.get("max_age") is not None:
            checked_number("max_age", max_age, least=0, unit="seconds")
        # Blocks that are open anywhere, the newest last. (One object may serve many threads.)
        self._blocks: dict[Block, None] = {}

    def __enter__(self) -> Self:
        block = Block(self, self._given)
        enter(block)
        self._blocks[block] = None
        return self

    def __exit__(self, *exc_info: object) -> None:
        block = innermost(self) or next(reversed(self._blocks), None)
        if block is not None:
            self._blocks.pop(block, None)
            leave(block)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        self.__exit__(*exc_info)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return a function whose own code runs with these options.

        A generator's while it runs, and not while it is suspended.

        Raises:
            ConfigurationError: (a ``ValueError``) if it is a class, or not callable.
        """
        given: Any = function
        if isinstance(given, (staticmethod, classmethod)):
            return cast("Callable[P, T]", type(given)(self(given.__func__)))
        if isinstance(given, type) or not callable(given):
            what = f"the class {given.__qualname__}" if isinstance(given, type) else repr(given)
            msg = f"cache_options decorates functions and methods, and not {what}"
            raise ConfigurationError(msg)
        return cast("Callable[P, T]", functools.wraps(function)(self._around(given)))

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of the same kind, because frameworks look at that."""
        for is_function, _, around in self._kinds():
            if is_function(function) or is_function(getattr(function, "__call__", None)):  # noqa: B004
                return around(function)

        def plain(*args: Any, **kwargs: Any) -> Any:
            with self:
                result = function(*args, **kwargs)
            for _, is_result, around in self._kinds():
                if is_result(result):
                    return around(lambda: result)()
            return result

        return plain

    def _kinds(self) -> tuple[tuple[_Test, _Test, _Decorator], ...]:
        """Return how to tell functions whose code runs later, and what they return."""
        return (
            (inspect.iscoroutinefunction, inspect.iscoroutine, self._coroutine),
            (inspect.isgeneratorfunction, inspect.isgenerator, self._generator),
            (inspect.isasyncgenfunction, inspect.isasyncgen, self._async_generator),
        )

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return coroutine

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            inner = function(*args, **kwargs)
            own = [Block(self, self._given)]
            step = functools.partial(inner.send, None)
            while True:
                with resumed(own):
                    try:
                        item = step()
                    except StopIteration as stop:
                        return stop.value
                try:
                    step = functools.partial(inner.send, (yield item))
                except GeneratorExit:
                    with resumed(own):
                        inner.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - for the generator to catch
                    step = functools.partial(inner.throw, error)

        return generator

    def _async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def generator(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            inner = function(*args, **kwargs)
            own = [Block(self, self._given)]
            step = functools.partial(inner.asend, None)
            while True:
                with resumed(own):
                    try:
                        item = await step()
                    except StopAsyncIteration:
                        return
                try:
                    step = functools.partial(inner.asend, (yield item))
                except GeneratorExit:
                    with resumed(own):
                        await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - for the generator to catch
                    step = functools.partial(inner.athrow, error)

        return generator
