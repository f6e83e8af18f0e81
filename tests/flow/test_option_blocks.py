"""Blocks of ``cache_options`` end where they end: generators, tasks, stacks, in any order."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from langchain_llmcache import ConfigurationError, LLMCache, cache_options
from langchain_llmcache._request.blocks import DEFAULTS, current
from tests.support.patience import collect_garbage


def tenant() -> tuple[str, ...]:
    """Return the namespace that holds for the running code."""
    return current().namespace


async def turns() -> None:
    """Give the loop as many turns as it needs to close a generator that was left."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """Whatever a test does, it leaves no block open."""
    yield
    collect_garbage()
    assert current() is DEFAULTS


# --- blocks in generators that are held across a yield ----------------------------------------


def session(name: str, steps: int = 3) -> Iterator[str]:
    """Hold a block while it is suspended."""
    with cache_options(namespace=name):
        for _ in range(steps):
            yield name


def test_blocks_of_generators_end_in_any_order() -> None:
    """Each block removes itself, and not the one that began last."""
    a, b, c = session("a"), session("b"), session("c")
    for each in (a, b, c):
        next(each)
    assert tenant() == ("a", "b", "c")
    b.close()  # type: ignore[attr-defined]
    assert tenant() == ("a", "c")
    a.close()  # type: ignore[attr-defined]
    assert tenant() == ("c",)
    with cache_options(namespace="mine"):
        c.close()  # type: ignore[attr-defined]
        assert tenant() == ("mine",)
    assert tenant() == ()


def test_a_block_inside_outlives_one_outside() -> None:
    """An outer block that ends first takes nothing from the inner one."""
    inner = session("inner")
    with cache_options(namespace="outer", ttl=5, read=False):
        next(inner)
        assert current().ttl == 5
    assert tenant() == ("inner",)
    assert current().read
    list(inner)


def test_stacks_end_their_blocks_in_any_order() -> None:
    """``ExitStack`` may hand its blocks on, and end them when it likes."""
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        first.enter_context(cache_options(namespace="a"))
        second.enter_context(cache_options(namespace="b"))
        kept = first.pop_all()
        first.enter_context(cache_options(namespace="c"))
        assert tenant() == ("a", "b", "c")
        kept.close()
        assert tenant() == ("b", "c")
        second.close()
        assert tenant() == ("c",)


def test_a_generator_left_by_break_ends_its_block() -> None:
    """What a loop leaves behind is closed at once, and with it its block."""
    for name in session("a"):
        assert tenant() == (name,)
        break
    assert tenant() == ()


async def asession(name: str, steps: int = 3) -> AsyncIterator[tuple[str, ...]]:
    """Do the same, asynchronously."""
    async with cache_options(namespace=name):
        for _ in range(steps):
            await asyncio.sleep(0)
            yield tenant()


async def test_an_async_generator_left_by_break_ends_its_block() -> None:
    """Its loop closes it in another context; the block is over all the same."""
    async for _ in asession("a"):
        break
    collect_garbage()
    await turns()
    assert tenant() == ()
    async for seen in asession("b"):
        assert seen == ("b",)
    assert tenant() == ()


async def test_a_generator_that_is_collected_elsewhere_ends_its_block() -> None:
    """The collector runs in whichever context it likes."""
    loop: list[Any] = [session("a")]
    loop.append(loop)
    next(loop[0])
    del loop
    contextvars.copy_context().run(collect_garbage)
    assert tenant() == ()


async def test_a_block_may_be_left_in_another_task() -> None:
    """As fixtures do, and whatever opens in one task and closes in another."""
    block = cache_options(namespace="a")
    with cache_options(namespace="outer"):
        block.__enter__()
        with cache_options(namespace="inner"):

            async def leave() -> tuple[str, ...]:
                async with contextlib.AsyncExitStack() as stack:
                    stack.push_async_exit(block)
                return tenant()

            assert await asyncio.create_task(leave()) == ("outer", "inner")
            assert tenant() == ("outer", "inner")
        assert tenant() == ("outer",)


async def test_a_block_is_left_in_a_task_that_never_was_inside() -> None:
    """It ends where it was entered."""
    may_leave, has_left = asyncio.Event(), asyncio.Event()
    block = cache_options(namespace="a")

    async def outsider() -> None:
        await may_leave.wait()
        block.__exit__(None, None, None)
        assert tenant() == ()
        has_left.set()

    task = asyncio.create_task(outsider())
    with block:
        may_leave.set()
        await has_left.wait()
        assert tenant() == ()
    await task


async def test_tasks_that_began_inside_keep_the_block() -> None:
    """A task that outlives the block goes on with the options that it began with."""

    async def later() -> tuple[str, ...]:
        await asyncio.sleep(0.05)
        return tenant()

    with cache_options(namespace="a"):
        task = asyncio.create_task(later())
    assert tenant() == ()
    assert await task == ("a",)


def test_one_object_may_be_entered_again_inside_itself() -> None:
    """Each entry is a block of its own."""
    shared = cache_options(namespace="s")
    with shared, cache_options(namespace="t"), shared:
        assert tenant() == ("s", "t", "s")
    assert tenant() == ()
    shared.__exit__(None, None, None)  # once too often
    assert tenant() == ()


# --- decorated generators ---------------------------------------------------------------------


@cache_options(namespace="a")
def decorated(log: list[Any] | None = None) -> Any:
    """Note what holds at each step."""
    log = [] if log is None else log
    try:
        while True:
            try:
                log.append((tenant(), (yield tenant())))
            except KeyError as error:
                log.append((tenant(), repr(error)))
            if log[-1][1] == "end":
                return "returned"
    finally:
        log.append(tenant())


@cache_options(namespace="a")
async def adecorated(log: list[Any] | None = None) -> Any:
    """Do the same, asynchronously."""
    log = [] if log is None else log
    try:
        while True:
            try:
                log.append((tenant(), (yield tenant())))
            except KeyError as error:
                await asyncio.sleep(0)
                log.append((tenant(), repr(error)))
            if log[-1][1] == "end":
                return
    finally:
        await asyncio.sleep(0)
        log.append(tenant())


def test_a_decorated_generator_holds_its_options_while_it_runs() -> None:
    """``next``, ``send``, ``throw``, ``close`` and ``return`` work, each with the options."""
    log: list[Any] = []
    running: Any = decorated(log)
    assert inspect.isgeneratorfunction(decorated)
    kind = inspect.isgenerator(running)
    assert kind
    assert next(running) == ("a",)
    assert tenant() == ()
    assert running.send(1) == ("a",)
    assert running.throw(KeyError("k")) == ("a",)
    with pytest.raises(StopIteration) as stop:
        running.send("end")
    assert stop.value.value == "returned"
    assert log == [(("a",), 1), (("a",), "KeyError('k')"), (("a",), "end"), ("a",)]
    closed: list[Any] = []
    running = decorated(closed)
    next(running)
    running.close()
    assert closed == [("a",)]
    running = decorated()
    next(running)
    with pytest.raises(ValueError, match="not caught"):
        running.throw(ValueError("not caught"))
    assert tenant() == ()


async def test_a_decorated_async_generator_holds_its_options_while_it_runs() -> None:
    """``asend``, ``athrow``, ``aclose`` work, each with the options."""
    log: list[Any] = []
    running = adecorated(log)
    assert inspect.isasyncgenfunction(adecorated)
    assert await anext(running) == ("a",)
    assert tenant() == ()
    assert await running.asend(1) == ("a",)
    assert await running.athrow(KeyError("k")) == ("a",)
    with pytest.raises(StopAsyncIteration):
        await running.asend("end")
    assert log == [(("a",), 1), (("a",), "KeyError('k')"), (("a",), "end"), ("a",)]
    closed: list[Any] = []
    running = adecorated(closed)
    await anext(running)
    await running.aclose()
    assert closed == [("a",)]
    running = adecorated()
    await anext(running)
    with pytest.raises(ValueError, match="not caught"):
        await running.athrow(ValueError("not caught"))
    assert tenant() == ()


async def test_a_decorated_async_generator_may_be_stepped_by_many_tasks() -> None:
    """Each step may run in another task, and the last one, its end, in the loop's own."""
    log: list[Any] = []
    running = adecorated(log)
    with cache_options(namespace="outer"):
        assert await asyncio.create_task(running.asend(None)) == ("outer", "a")
    assert await asyncio.create_task(running.asend(1)) == ("a",)
    del running
    collect_garbage()
    await turns()
    assert log == [(("outer", "a"), 1), ("a",)]


def test_blocks_inside_a_decorated_generator_are_suspended_with_it() -> None:
    """What is open in its body is its own, and not its caller's."""

    @cache_options(namespace="a")
    def steps() -> Iterator[Any]:
        with cache_options(namespace="b", ttl=5):
            yield tenant(), current().ttl
            yield tenant(), current().ttl
        yield tenant()

    running = steps()
    assert next(running) == (("a", "b"), 5)
    assert tenant() == ()
    with cache_options(namespace="outer"):
        assert next(running) == (("outer", "a", "b"), 5)
        assert tenant() == ("outer",)
    assert next(running) == ("a",)
    running.close()  # type: ignore[attr-defined]


class _Answering(BaseChatModel):
    """A model that answers with the namespace in which it was asked."""

    model: str = "m"

    @property
    def _llm_type(self) -> str:
        return "m"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("/".join(tenant())))])


def test_interleaved_sessions_get_their_own_answers() -> None:
    """Two decorated generators in turn, whose tenants ask the same: each gets its own answer."""
    model = _Answering(cache=LLMCache())

    def talk(name: str) -> Iterator[str]:
        @cache_options(namespace=name)
        def steps() -> Iterator[str]:
            for question in ("hello", "my balance?", "hello"):
                yield str(model.invoke(question).content)

        return steps()

    pairs = list(zip(talk("a"), talk("b"), strict=True))
    assert pairs == [("a", "b")] * 3


async def test_interleaved_async_sessions_get_their_own_answers() -> None:
    """The same for async generators, in one task."""
    model = _Answering(cache=LLMCache())

    def talk(name: str) -> AsyncIterator[str]:
        @cache_options(namespace=name)
        async def steps() -> AsyncIterator[str]:
            for question in ("hello", "my balance?", "hello"):
                yield str((await model.ainvoke(question)).content)

        return steps()

    a, b = talk("a"), talk("b")
    assert [(await anext(a), await anext(b)) for _ in range(3)] == [("a", "b")] * 3
    await asyncio.gather(anext(a, None), anext(b, None))


# --- whatever else can be decorated -----------------------------------------------------------


class Service:
    """Methods of each kind."""

    @cache_options(namespace="m")
    def plain(self) -> Any:
        """Tell what holds."""
        return tenant()

    @cache_options(namespace="m")
    def steps(self) -> Iterator[Any]:
        """Tell what holds."""
        yield tenant()

    @cache_options(namespace="m")
    async def coroutine(self) -> Any:
        """Tell what holds."""
        await asyncio.sleep(0)
        return tenant()

    @cache_options(namespace="m")
    async def asteps(self) -> AsyncIterator[Any]:
        """Tell what holds."""
        yield tenant()

    @cache_options(namespace="m")
    @staticmethod
    def static() -> Any:
        """Tell what holds."""
        return tenant()

    @cache_options(namespace="m")
    @classmethod
    def of_class(cls) -> Any:
        """Tell what holds."""
        return cls.__name__, tenant()

    @cache_options(namespace="m")
    def __call__(self) -> Any:
        """Tell what holds."""
        return tenant()


async def test_methods_of_every_kind() -> None:
    """A decorated method is a method still."""
    service = Service()
    assert service.plain() == service() == Service.static() == service.static() == ("m",)
    assert Service.of_class() == service.of_class() == ("Service", ("m",))
    assert list(service.steps()) == [("m",)]
    assert await service.coroutine() == ("m",)
    assert [each async for each in service.asteps()] == [("m",)]


class _Called:
    async def __call__(self) -> Any:
        await asyncio.sleep(0)
        return tenant()


async def _coroutine() -> Any:
    await asyncio.sleep(0)
    return tenant()


@pytest.mark.parametrize(
    "function",
    [
        _coroutine,
        functools.partial(_coroutine),
        _Called(),
        lambda: _coroutine(),  # noqa: PLW0108 - no coroutine function, but returns a coroutine
    ],
)
async def test_what_returns_a_coroutine(function: Callable[[], Any]) -> None:
    """The code of a coroutine runs with the options, whoever made it."""
    assert await cache_options(namespace="a")(function)() == ("a",)


async def test_what_returns_a_generator() -> None:
    """The code of a generator runs with the options, whoever made it."""
    block = cache_options(namespace="a")
    assert list(block(lambda: (tenant() for _ in range(2)))()) == [("a",)] * 2
    assert [each async for each in block(lambda: adecorated_once())()] == [("a",)]  # noqa: PLW0108


async def adecorated_once() -> AsyncIterator[Any]:
    """Tell what holds."""
    yield tenant()


@pytest.mark.parametrize("what", [Service, 3, "name", None])
def test_what_cannot_be_decorated_is_named(what: Any) -> None:
    """A class, or nothing to call, is a mistake that is told at once."""
    with pytest.raises(ConfigurationError, match="decorates functions and methods"):
        cache_options(ttl=1)(what)
