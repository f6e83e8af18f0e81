"""Signal handlers may use a cache, and what they raise belongs to the application."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import contextvars
import functools
import gc
import inspect
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import langchain_llmcache
from langchain_llmcache import LLMCache, cache_options
from langchain_llmcache._signals import raised_by_handler, runs_in_handler
from tests.support.patience import PATIENT, eventually
from tests.support.servers import Server, ValkeyServer
from tests.support.targets import LLM_STRING, PROMPT, answer, texts

StartServer = Callable[..., ValkeyServer]
# pytest-timeout has SIGALRM.
SIGNAL = signal.SIGUSR1


class LimitExceeded(Exception):  # noqa: N818 - as RQ and Celery name theirs
    """The time limit of an application."""


@contextlib.contextmanager
def handling(handler: Any) -> Iterator[None]:
    """Handle a signal in this way."""
    before = signal.signal(SIGNAL, handler)
    try:
        yield
    finally:
        signal.signal(SIGNAL, before)


def interrupt() -> None:
    """Send the signal to this thread: the handler runs before the next line."""
    signal.raise_signal(SIGNAL)


# --- which exceptions are a handler's ---


def _function(number: int, frame: Any) -> None:
    raise LimitExceeded


def _deep(number: int, frame: Any) -> None:
    _function(number, None)


def _forgetful(number: int, frame: Any) -> None:
    del number, frame
    raise LimitExceeded


def _once(number: int, frame: Any) -> None:
    signal.signal(SIGNAL, signal.SIG_DFL)
    raise LimitExceeded


def _raises(*_: Any) -> None:
    raise LimitExceeded


class _Limit:
    def __call__(self, number: int, frame: Any) -> None:
        raise LimitExceeded

    def handle(self, number: int, frame: Any) -> None:
        raise LimitExceeded


HANDLERS = {
    "a function": _function,
    "what a function calls": _deep,
    "a function that forgets its arguments": _forgetful,
    "a function that removes itself": _once,
    "a lambda": lambda *_: _raises(),
    "a method": _Limit().handle,
    "an object": _Limit(),
    "a partial": functools.partial(_function),
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_what_a_handler_raises_is_known(handler: Any) -> None:
    """Whatever kind of callable it is, and whatever became of its exception."""

    def made_of_it() -> None:
        try:
            interrupt()
        except LimitExceeded:
            raise ConnectionError from None

    with handling(handler):
        with pytest.raises(LimitExceeded) as own:
            interrupt()
        assert raised_by_handler(own.value) is own.value
    with handling(handler):
        with pytest.raises(ConnectionError) as other:
            made_of_it()
        assert raised_by_handler(other.value) is other.value.__context__


def test_what_a_store_raises_is_not_a_handlers() -> None:
    """Neither is an error that has nothing to do with signals, even where there is a handler."""

    def raising(frame: Any) -> None:
        raise ConnectionError

    def calling() -> None:
        raising(sys._getframe(1))

    with handling(_function):
        with pytest.raises(ConnectionError) as caught:
            calling()
        assert raised_by_handler(caught.value) is None


def test_a_handler_knows_that_it_is_one() -> None:
    """Nothing in it waits for other callers."""
    seen = []
    with handling(lambda *_: seen.append(runs_in_handler())):
        assert not runs_in_handler()
        interrupt()
    assert seen == [True]


# --- nothing in the package keeps one ---

# Whatever may be the type of a handler's exception, and what ours are made of.
_CAUGHT = {
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
} - {
    *("StopIteration", "StopAsyncIteration", "GeneratorExit", "KeyboardInterrupt", "SystemExit"),
    *("ImportError", "ModuleNotFoundError", "IndexError", "NameError"),
    *("UnicodeEncodeError", "UnicodeDecodeError"),
}  # fmt: skip
_CAUGHT |= {
    "CorruptEntryError",
    "NotStorableError",
    "Uncacheable",
    "NotTheStoreError",
    "CannotWatch",
}
_CAUGHT |= {"_FAILURES", "_TIMEOUTS"}
# What makes it known to the application.
_TELLS = {"pass_on", "break_off"}
# Rooms of their own: a command line has no caller.
_LEFT_OUT = {"_cli", "_demo", "cli.py"}
# Where it is right to keep one, and why.
_KEPT = {
    "_insight/listeners.py: _tell_all": "in a thread of its own, where no handler runs",
    "_threads.py: _do": "likewise",
    "_valkey/sync_pool.py: run": "likewise, and it is raised where it is waited for",
    "_signals.py: another": "what a handler raised is told before",
    "_valkey/aio_line.py: _connected": "those who wait for the connection are told",
    "_valkey/aio_wire.py: _read": "those who wait for the replies are told",
    "_similar/embedding.py: work": "in a thread of its own, and raised where it is waited for",
    "options.py: generator": "the generator is thrown it",
}


def _names(kind: ast.expr | None) -> set[str]:
    if kind is None:
        return {"BaseException"}
    if isinstance(kind, ast.Tuple):
        return set().union(*map(_names, kind.elts))
    if isinstance(kind, ast.Starred):
        return _names(kind.value)
    return {ast.unparse(kind).rpartition(".")[2]}


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Tell whether what is caught is passed on, or raises what is made of it."""
    called = {
        ast.unparse(node.func).rpartition(".")[2]
        for node in ast.walk(handler)
        if isinstance(node, ast.Call)
    }
    leaves = (ast.Return, ast.Continue, ast.Break)
    return not called.isdisjoint(_TELLS) or (
        isinstance(handler.body[-1], ast.Raise)
        and not any(isinstance(node, leaves) for node in ast.walk(handler))
    )


def _keepers() -> Iterator[str]:
    root = Path(langchain_llmcache.__file__).parent
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not _LEFT_OUT.isdisjoint(path.parts):
            continue
        for function, node in _within("", ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                kept = _names(node.type) & _CAUGHT and not _passes_on(node)
            else:
                kept = _names_of_suppressed(node) & _CAUGHT
            if kept:
                yield f"{name}: {function}"


def _within(function: str, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield all nodes, each with the name of the function that it is in."""
    for child in ast.iter_child_nodes(node):
        yield function, child
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _within(child.name, child)
        else:
            yield from _within(function, child)


def _names_of_suppressed(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("contextlib.suppress"):
        return set().union(*map(_names, node.args))
    return set()


def test_no_code_keeps_what_a_handler_raises() -> None:
    """Each ``except`` that goes on calls ``pass_on`` first, or says here why not."""
    assert sorted(set(_keepers()) - set(_KEPT)) == []


# --- the application's limits ---


class Limit:
    """A handler that raises, and what became of that."""

    armed = False

    def __init__(self) -> None:
        self.raised = 0
        self.misses = 0
        # Whether it spares event loops: what is cut short in there may be the wake-up of a task.
        self.only_in_tasks = False
        # Python keeps what is raised in its own callbacks (of weak references).
        self.kept = 0

    def __call__(self, number: int, frame: Any) -> None:
        """Raise once."""
        if self.only_in_tasks and not _runs_in_task(frame):
            return
        # (In one step: on a busy machine the next signal comes while this one is handled.)
        if vars(self).pop("armed", False):
            self.raised += 1
            raise LimitExceeded

    def keep(self, unraisable: Any) -> None:
        """Count what Python keeps."""
        self.kept += isinstance(unraisable.exc_value, LimitExceeded)

    def keep_of_loop(self, _: Any, context: dict[str, Any]) -> None:
        """Count what asyncio keeps: of a task that nobody waits for any more."""
        self.kept += isinstance(context.get("exception"), LimitExceeded)


def _runs_in_task(frame: Any) -> bool:
    """Tell whether a task's coroutine runs, and nothing of asyncio inside of it."""
    while frame is not None and f"{os.sep}asyncio{os.sep}" not in frame.f_code.co_filename:
        inner, frame = frame, frame.f_back
        if frame is not None and frame.f_code.co_name == "_run":
            return bool(inner.f_code.co_flags & inspect.CO_COROUTINE)
    return False


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Limit]:
    """A time limit that is over when a signal comes."""
    limit = Limit()
    monkeypatch.setattr(sys, "unraisablehook", limit.keep)
    with handling(limit):
        yield limit
    gc.collect()


@contextlib.contextmanager
def signals(draw: random.Random, longest: float = 0.002) -> Iterator[None]:
    """Send signals to the main thread, at any moment, until the block is left."""
    over = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def send() -> None:
        while not over.wait(draw.random() * longest):
            signal.pthread_kill(main, SIGNAL)

    sender = threading.Thread(target=send)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # the sender has its turns
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()
        sys.setswitchinterval(interval)


@pytest.fixture(params=["memory", "sqlite", pytest.param("valkey", marks=pytest.mark.server)])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LLMCache]:
    """A cache on each kind of store, with all that may be interrupted."""
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/cache.db"}.get(request.param)
    if url is None:
        server: Server = request.getfixturevalue("server")
        url = server.url
    options: dict[str, Any] = {"lease": 30} if request.param == "valkey" else {}
    with LLMCache.from_url(url, timeout=PATIENT, on_event=lambda _: None, **options) as made:
        yield made


def is_consistent(cache: LLMCache) -> None:
    """Make sure that all is as if nothing had come in between."""
    cache.update("after", LLM_STRING, answer("all"))
    assert texts(cache.lookup("after", LLM_STRING)) == ["all"]
    assert texts(asyncio.run(cache.alookup("after", LLM_STRING))) == ["all"]
    stats = cache.stats()
    assert (stats.corrupt, stats.breaker) == (0, "closed")


ROUNDS = 300
# A coroutine that was interrupted before it began, a socket that was interrupted while it was made.
interrupted = pytest.mark.filterwarnings("ignore:coroutine", "ignore:unclosed")


@interrupted
def test_a_limit_passes_through_everything(cache: LLMCache, limit: Limit) -> None:
    """Every exception that the handler raises reaches the caller, wherever it struck."""
    caught = 0
    cache.update(PROMPT, LLM_STRING, answer("kept"))
    with signals(random.Random(1)):
        for number in range(ROUNDS):
            try:
                limit.armed = True
                while limit.armed:
                    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["kept"]
                    cache.lookup(f"{number}", LLM_STRING)
                    cache.update(f"{number}", LLM_STRING, answer(f"{number}"))
            except LimitExceeded:
                caught += 1
    assert limit.raised == ROUNDS
    # (valkey-py keeps what is raised while one of its connections is collected.)
    assert caught + limit.kept >= 0.95 * ROUNDS
    assert caught >= 0.9 * ROUNDS
    is_consistent(cache)
    assert cache.stats().errors == 0


@interrupted
def test_nobody_waits_for_what_was_interrupted(cache: LLMCache, limit: Limit) -> None:
    """Another thread that asks the same thing afterwards leads, or goes on in a second."""
    prompts = [f"{number}" for number in range(50)]
    with signals(random.Random(3)):
        for prompt in prompts:
            with contextlib.suppress(LimitExceeded):
                limit.armed = True
                while limit.armed:
                    cache.lookup(prompt, LLM_STRING)
                    cache.update(prompt, LLM_STRING, answer(prompt), ttl=0.001)
    with cache_options(max_age=0):  # all are misses
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(ask, cache, prompt))
            for prompt in prompts
        ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 20


def ask(cache: LLMCache, prompt: str) -> None:
    """Ask as langchain-core does."""
    if cache.lookup(prompt, LLM_STRING) is None:
        cache.update(prompt, LLM_STRING, answer(prompt))


def test_a_listeners_thread_whose_start_is_interrupted_is_not_left_over(
    limit: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began all the same: it tells the events, and ends with the cache."""
    told: list[str] = []
    begun: list[threading.Thread] = []
    cache = LLMCache(on_event=lambda event: told.append(event.kind))
    begin = threading.Thread.start

    def interrupted_start(thread: threading.Thread) -> None:
        begin(thread)
        begun.append(thread)
        limit.armed = True
        interrupt()

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted_start)
        with pytest.raises(LimitExceeded):
            cache.lookup(PROMPT, LLM_STRING)
    assert cache.lookup("another", LLM_STRING) is None
    cache.close()
    assert eventually(lambda: told.count("miss") >= 1)
    assert begun
    assert eventually(lambda: not any(thread.is_alive() for thread in begun))


@interrupted
def test_a_limit_passes_through_asyncio(cache: LLMCache, limit: Limit) -> None:
    """Likewise in coroutines, and in what they have begun."""
    cache.update(PROMPT, LLM_STRING, answer("kept"))
    caught = 0

    limit.only_in_tasks = True

    async def asked(number: int) -> None:
        asyncio.get_running_loop().set_exception_handler(limit.keep_of_loop)
        limit.armed = True
        while limit.armed:
            found = texts(await cache.alookup(PROMPT, LLM_STRING))
            limit.misses += found != ["kept"]
            await cache.alookup(f"{number}", LLM_STRING)
            await cache.aupdate(f"{number}", LLM_STRING, answer(f"{number}"))

    with signals(random.Random(2), 0.005):
        for number in range(ROUNDS // 3):
            try:
                asyncio.run(asked(number))
            except LimitExceeded:
                caught += 1
    assert limit.raised == ROUNDS // 3
    # (And what ends a task that is being cancelled reaches whoever cancelled it, if anyone.)
    assert caught >= 0.9 * limit.raised - limit.kept
    # What is raised in a task of the store's costs a lookup its time.
    assert limit.misses <= 0.1 * limit.raised
    is_consistent(cache)


# --- while it waits ---


def interrupted_while(waits: Callable[[], object]) -> None:
    """Do something; after a moment, the signal comes."""
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.3, signal.pthread_kill, (main, SIGNAL))
    try:
        timer.start()
        waits()
    finally:
        timer.join()


def lookup(cache: LLMCache) -> Any:
    """Look up, sync."""
    return cache.lookup(PROMPT, LLM_STRING)


def alookup(cache: LLMCache) -> Any:
    """Look up, async."""
    return asyncio.run(cache.alookup(PROMPT, LLM_STRING))


@pytest.mark.parametrize("look", [lookup, alookup])
def test_a_limit_passes_while_a_leader_is_waited_for(
    cache: LLMCache, limit: Limit, look: Callable[[LLMCache], Any]
) -> None:
    """A follower is over its limit when the limit is over, and the leader's answer is stored."""
    asked, answered = threading.Event(), threading.Event()

    def lead() -> None:
        assert cache.lookup(PROMPT, LLM_STRING) is None
        asked.set()
        answered.wait()
        cache.update(PROMPT, LLM_STRING, answer("late"))

    leader = threading.Thread(target=lead)
    leader.start()
    asked.wait()
    limit.armed = True
    try:
        with pytest.raises(LimitExceeded):
            interrupted_while(lambda: look(cache))
        assert not answered.is_set()
    finally:
        answered.set()
        leader.join()
    assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["late"]


@pytest.mark.parametrize("look", [lookup, alookup])
def test_a_limit_passes_while_a_server_is_frozen(
    own_valkey_server: StartServer, limit: Limit, look: Callable[[LLMCache], Any]
) -> None:
    """In the middle of an exchange, and while it connects: nothing is read by the next one."""
    server = own_valkey_server()
    with LLMCache.from_url(server.url, timeout=60) as cache:
        for warm in (False, True):
            if warm:
                cache.update(PROMPT, LLM_STRING, answer("kept"))
                cache.update("other", LLM_STRING, answer("another"))
            with server.frozen():
                limit.armed = True
                with pytest.raises(LimitExceeded):
                    interrupted_while(lambda: look(cache))
        assert texts(cache.lookup("other", LLM_STRING)) == ["another"]
        assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["kept"]
        assert (cache.stats().errors, cache.stats().breaker) == (0, "closed")


@pytest.mark.parametrize("kind", [TimeoutError, ConnectionError, ValueError, RuntimeError])
def test_whatever_type_a_limit_has(own_valkey_server: StartServer, kind: type[Exception]) -> None:
    """A handler may raise what sockets raise too, and what valkey-py makes its own errors of."""
    server = own_valkey_server()

    def over(*_: Any) -> None:
        raise kind("over")

    with LLMCache.from_url(server.url, timeout=60) as cache, handling(over):
        cache.update(PROMPT, LLM_STRING, answer("kept"))
        with server.frozen(), pytest.raises(kind, match=r"^over$") as caught:
            interrupted_while(lambda: cache.lookup(PROMPT, LLM_STRING))
        assert type(caught.value) is kind
        assert texts(cache.lookup(PROMPT, LLM_STRING)) == ["kept"]
        assert (cache.stats().errors, cache.stats().breaker) == (0, "closed")


# --- handlers that use the cache ---


def _interrupted(cache: LLMCache, what: str, number: int) -> None:
    if what == "lookup":
        cache.lookup("kept", LLM_STRING)
        cache.lookup(f"{number}", LLM_STRING)
    elif what == "update":
        cache.update(f"{number % 100}", LLM_STRING, answer())
    elif what == "stats":
        cache.lookup("kept", LLM_STRING)
        cache.stats()
    else:
        cache.lookup("kept", LLM_STRING)
        cache.close()


@pytest.mark.parametrize("count", [200, pytest.param(5_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("what", ["lookup", "update", "stats", "close"])
def test_many_signals(cache: LLMCache, what: str, count: int) -> None:
    """Handlers that call ``stats``, ``close``, ``lookup`` and ``update`` lock nothing up."""
    cache.update("kept", LLM_STRING, answer("kept"))
    assert cache.lookup("missed", LLM_STRING) is None  # what is imported late, is
    handled = 0
    inside = False

    def handle(*_: Any) -> None:
        nonlocal handled, inside
        handled += 1
        if inside:  # as deep as signals come
            return
        inside = True
        cache.stats()
        if handled % 50 == 0:
            cache.close()
        # (None if the interrupted code was about to close the connection, or to remove the copy.)
        assert texts(cache.lookup("kept", LLM_STRING)) in (["kept"], None)
        cache.lookup(f"{handled % 100}", LLM_STRING)
        cache.update(f"{handled % 100}", LLM_STRING, answer("of a handler"))
        inside = False

    number = 0
    with handling(handle), signals(random.Random(5), 0.001):
        while handled < count:
            number += 1
            _interrupted(cache, what, number)
    assert texts(cache.lookup("kept", LLM_STRING)) == ["kept"]
    assert cache.stats().stores >= count / 50
    assert cache.stats().errors == 0
