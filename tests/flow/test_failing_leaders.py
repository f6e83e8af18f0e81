"""A hundred who ask the same: how many of them the model is asked by, whatever becomes of the first.

The table in ``docs/failures.md`` says it; here it is counted, for tasks, threads and processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from langchain_llmcache import LLMCache, NewEntry
from langchain_llmcache._flow.rounds import Round, read_lease
from tests.support.bedrock import ConverseEndpoint, ConverseError, ConverseRequest
from tests.support.patience import LATE, PATIENT, eventually, soon
from tests.support.servers import Server
from tests.support.targets import LLM_STRING
from tests.support.workers import go, workers

QUESTION = "How many calls is this?"
ASKERS = 100
TABLE = Path(__file__).parents[2] / "docs" / "failures.md"


class Case(NamedTuple):
    """What becomes of the calls.

    Attributes:
        row: Of the table.
        fails: Whether the call of that number (the first one is 1) fails.
        cancelled: Whether the first call is cancelled.
        kept: Whether answers are stored.
    """

    row: str
    fails: Callable[[int], bool] = lambda _: False
    cancelled: bool = False
    kept: bool = True


CASES = [
    Case("the first call succeeds"),
    Case("the first call is cancelled", cancelled=True),
    Case("the first call fails", fails=lambda number: number == 1),
    Case("every call fails", fails=lambda _: True),
    Case("no answer is stored", kept=False),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.row)


def said(case: Case, column: int) -> int:
    """Return how many calls the documentation says."""
    row = re.search(rf"^\| {case.row} \|(.*)\|$", TABLE.read_text(), re.MULTILINE)
    assert row is not None
    return int(row[1].split("|")[column])


class Calls:
    """Counts calls of a model, and makes sure that no more are made than the rule says.

    Args:
        case: What becomes of them.
        seconds: How long each takes.
    """

    def __init__(self, case: Case, seconds: float = 0.01) -> None:
        self.case = case
        self.seconds = seconds
        self.begun = self.failed = self.at_once = self.rounds = 0
        self._open = 0
        self._lock = threading.Lock()
        self.too_many: list[str] = []
        # The first call ends when all others wait.
        self.all_wait: Callable[[], bool] = lambda: True

    def model(self, cache: LLMCache, waiting: int = 0) -> Counted:
        """Return the model. Its first call ends when so many wait."""
        self.all_wait = lambda: cache.stats().waits >= waiting
        model = Counted(cache=cache)
        model._calls = self
        return model

    def begin(self) -> int:
        """Count a call; return its number."""
        with self._lock:
            self.begun += 1
            self.rounds += not self._open
            self._open += 1
            self.at_once = max(self.at_once, self._open)
            cancelled = self.case.cancelled and self.begun > 1
            allowed = 2 ** self.failed.bit_length() if self.failed else 1
            if self.begun - cancelled > allowed:
                self.too_many.append(f"{self.begun} calls, {self.failed} have failed")
            return self.begun

    def end(self, number: int) -> None:
        """Count the end of a call, or raise what becomes of it."""
        with self._lock:
            self._open -= 1
            failed = self.case.fails(number)
            self.failed += failed or not self.case.kept
        if failed:
            msg = "the model is down"
            raise ConnectionError(msg)
        if self.case.cancelled and number == 1:
            raise asyncio.CancelledError


class Counted(BaseChatModel):
    """A model that answers, or not, in threads and in tasks."""

    _calls: Any = PrivateAttr()

    @property
    def _llm_type(self) -> str:
        return "counted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": "counted-1"}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        number = self._calls.begin()
        assert number > 1 or eventually(self._calls.all_wait)
        time.sleep(self._calls.seconds)
        return self._answer(number)

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **kwargs: Any) -> ChatResult:
        number = self._calls.begin()
        assert number > 1 or await asyncio.to_thread(eventually, self._calls.all_wait)
        await asyncio.sleep(self._calls.seconds)
        return self._answer(number)

    def _answer(self, number: int) -> ChatResult:
        self._calls.end(number)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"answer {number}"))])


def keeps(case: Case) -> Callable[[NewEntry], bool]:
    """Return the policy of a case."""
    return lambda _: case.kept


@pytest.fixture
def counted(case: Case) -> Iterator[tuple[Counted, Calls]]:
    """A model of a case, and its calls, which keep to the rule."""
    calls = Calls(case)
    cache = LLMCache(should_store=keeps(case), max_wait=LATE)
    yield calls.model(cache, ASKERS - 1), calls
    assert calls.too_many == []


def check_outcomes(case: Case, outcomes: list[Any]) -> None:
    """Make sure that each has an answer, or its own error."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    expected = case.cancelled + sum(map(case.fails, range(1, ASKERS + 1)))
    assert len(errors) == expected
    answers = {outcome.content for outcome in outcomes if isinstance(outcome, AIMessage)}
    assert len(answers) == (ASKERS if not case.kept else expected < ASKERS)


@each_case
async def test_tasks(case: Case, counted: tuple[Counted, Calls]) -> None:
    """100 tasks."""
    model, calls = counted
    with soon():
        outcomes = await asyncio.gather(
            *(model.ainvoke(QUESTION) for _ in range(ASKERS)), return_exceptions=True
        )
    check_outcomes(case, outcomes)
    assert calls.begun == said(case, 0)


@each_case
def test_threads(case: Case, counted: tuple[Counted, Calls]) -> None:
    """100 threads."""
    model, calls = counted

    def ask(_: int) -> Any:
        try:
            return model.invoke(QUESTION)
        except (Exception, asyncio.CancelledError) as error:
            return error

    with soon(), ThreadPoolExecutor(ASKERS) as threads:
        outcomes = list(threads.map(ask, range(ASKERS)))
    check_outcomes(case, outcomes)
    assert calls.begun == said(case, 1)


# --- processes ---

WORKER = """
    import asyncio, sys
    from langchain_llmcache import LLMCache
    from tests.support.bedrock import chat_model

    class Endpoint:
        url = sys.argv[1]

    async def main(server, askers, seconds, kept):
        cache = LLMCache.from_url(
            server, timeout=5, lease=60, max_wait=120, should_store=lambda _: kept
        )
        model = chat_model(Endpoint, cache=cache)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(askers))

        async def ask():
            return await asyncio.wait_for(model.ainvoke("How many calls is this?"), seconds)

        print("ready", flush=True)
        sys.stdin.readline()
        outcomes = await asyncio.gather(*(ask() for _ in range(askers)), return_exceptions=True)
        print(sum(isinstance(outcome, BaseException) for outcome in outcomes), flush=True)
        await cache.aclose()

    from concurrent.futures import ThreadPoolExecutor
    asyncio.run(main(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5] == "True"))
"""


@pytest.fixture
def start(server: Server, case: Case) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes, each with so many askers, that begin when they are told to."""
    with workers(WORKER) as begin:

        def start(url: str, askers: int, seconds: float = LATE) -> subprocess.Popen[str]:
            return begin(url, server.url, askers, seconds, case.kept)

        yield start


@pytest.mark.long
@pytest.mark.timeout(180)
@each_case
def test_processes(case: Case, server: Server, start: Callable[..., Any]) -> None:
    """100 tasks in four processes that share a lease."""
    calls = Calls(case, seconds=0.1)
    may_end = threading.Event()

    def script(_: ConverseRequest) -> ConverseError | None:
        number = calls.begin()
        if number == 1:
            may_end.wait(LATE)
        time.sleep(calls.seconds)
        with contextlib.suppress(asyncio.CancelledError):  # its caller has gone away by now
            try:
                calls.end(number)
            except ConnectionError:
                return ConverseError("down")
        return None

    with ConverseEndpoint(latency=0, script=script) as endpoint:
        # The first one may be cancelled, the others not.
        first = start(endpoint.url, 1, 3 if case.cancelled else LATE)
        others = [start(endpoint.url, ASKERS // 3) for _ in range(3)]
        go(first)
        assert eventually(lambda: calls.begun == 1)
        go(*others)
        if not case.cancelled:
            with server.client() as client:
                # One of each process waits where the lease is.
                assert eventually(lambda: client.get(client.keys()[0]).endswith(b":1"))
            time.sleep(0.5)
        else:
            assert first.stdout is not None
            assert first.stdout.readline() == "1\n"
            assert eventually(lambda: calls.begun == 2)
        may_end.set()
        errors = [process.communicate(timeout=LATE)[0] for process in (first, *others)]
    assert calls.too_many == []
    assert sum(int(said or 0) for said in errors) == sum(map(case.fails, range(1, ASKERS + 1)))
    assert calls.begun == said(case, 2)
    assert calls.at_once <= ASKERS / 2


@pytest.mark.parametrize("how", ["closes", "returns", "is cancelled", "cancels"])
def test_a_loop_that_ends_leaves_no_lease(how: str, server: Server) -> None:
    """Also where others wait for it in other processes, so that more than one reply is needed."""
    cache = LLMCache.from_url(server.url, lease=LATE, timeout=PATIENT)
    led: list[str] = []

    async def lead() -> None:
        await cache.alookup("p", LLM_STRING)
        with server.client() as client:
            [name] = client.keys()
            value: Any = client.get(name)
            lease = read_lease(value)
            assert lease is not None
            client.set(name, lease._replace(round=Round(), shared=True).text())
        led.append(how)
        if "cancel" in how:
            await asyncio.sleep(LATE)
        raise ConnectionError

    async def main() -> None:
        task = asyncio.ensure_future(lead())
        await asyncio.to_thread(eventually, lambda: led)
        if how == "is cancelled":  # by the end of the loop
            return
        if how == "cancels":
            task.cancel()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await task
        if how == "closes":
            await cache.aclose()

    asyncio.run(main())
    with server.client() as client:
        values: Any = client.mget(client.keys() or ["no key"])
    assert led
    rounds = [lease.round for value in values if value and (lease := read_lease(value))]
    # (A place that was not taken is gone after a second.)
    assert all(round_ is not None and (round_.asking, round_.free) == (0, 1) for round_ in rounds)


# --- time ---


async def test_a_dead_model_has_told_all_after_few_rounds() -> None:
    """The last asker has its error after about log2(n) calls' time, and not after n."""
    calls = Calls(CASES[3])
    model = calls.model(LLMCache(max_wait=LATE), ASKERS - 1)
    await asyncio.gather(*(model.ainvoke(QUESTION) for _ in range(ASKERS)), return_exceptions=True)
    assert calls.rounds == 8  # 1, 1, 2, 4, 8, 16, 32 and 36 calls
    assert calls.at_once == 36


async def test_who_comes_later_belongs_to_the_same_round() -> None:
    """Askers that arrive while others fail wait as those do: there is no second herd."""
    case = Case("", fails=lambda number: number <= 3)
    calls = Calls(case, seconds=0.2)
    model = calls.model(LLMCache(max_wait=LATE))

    async def ask(number: int) -> Any:
        await asyncio.sleep(0.008 * number)
        return await model.ainvoke(QUESTION)

    outcomes = await asyncio.gather(*map(ask, range(ASKERS)), return_exceptions=True)
    assert calls.too_many == []
    assert calls.begun <= 8
    assert sum(isinstance(outcome, Exception) for outcome in outcomes) == 3


async def test_max_wait_bounds_all_rounds() -> None:
    """Whoever has waited for ``max_wait`` seconds asks the model itself, whatever the round."""
    case = Case("", fails=lambda _: True)
    calls = Calls(case, seconds=0.3)
    model = calls.model(LLMCache(max_wait=0.5))
    with soon():
        await asyncio.gather(*(model.ainvoke(QUESTION) for _ in range(50)), return_exceptions=True)
    assert calls.begun == 50
    assert calls.at_once > 18  # as many as the largest round would have
