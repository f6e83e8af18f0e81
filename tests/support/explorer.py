"""Every interleaving of a few clients of the flow, over a store and a clock made of numbers.

Clients are coroutines that stop at each operation of the store, at each wait and at the model's
answer. A schedule says who goes on, and what goes wrong. A coroutine cannot be copied, so
another schedule is the same beginning once more. Not gone through again is what would only
repeat something:

- a state that was reached before, up to the names of clients, processes and questions;
- a move of a client that could be exchanged for another one, who has made it;
- another order of two moves that do not see each other: a client whose wait is over goes on at
  once, since it meets nobody before its next stop; and what goes wrong inside one process goes
  wrong right after a move of that process, or after time has passed.

Time passes only when nobody has anything to do at this moment, from one moment at which something
is due to the next, but as long as it likes while the model thinks. (A process that stands still
meanwhile is a fault like others.)
"""

from __future__ import annotations

import contextvars
import types
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from langchain_core.outputs import Generation
from typing_extensions import Self

from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.entries import LEASE
from langchain_llmcache._flow.breaker import Breaker
from langchain_llmcache._flow.flow import Flow
from langchain_llmcache._flow.gate import Gate
from langchain_llmcache._flow.parts import Parts
from langchain_llmcache._flow.ports import Place, Side
from langchain_llmcache._flow.rounds import Ending, read_lease
from langchain_llmcache._flow.settings import Settings
from langchain_llmcache._flow.single_flight import _LED, Asker, Flight, State, led_here
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.blocks import Options
from langchain_llmcache._request.key import AnyScope, Key

T = TypeVar("T")
Ref = Callable[[int], int]

# Of floating-point sums, in seconds.
_DIGITS: Final = 6
# In the place of a process: nothing goes wrong before the next move.
_SETTLED: Final = -1
_LLM_STRING: Final = "a model"
# Seconds that a stream may stand still before all others must have noticed.
_STANDS: Final = 1.25 + 10**-_DIGITS
# What a client has to do with the store or the model, and so may be interrupted at.
_ASKING: Final = frozenset({"call", "upda"})
_STORE: Final = frozenset({"get", "put", "claim", "swap", "delete"})
_WRITES: Final = frozenset({"put", "claim", "swap", "delete"})
# What goes wrong outside of the store: the rule of rounds holds all the same.
_CALLERS: Final = frozenset({"model", "decline", "cancel", "suspend"})


class Violation(AssertionError):  # noqa: N818 - what was looked for, not an error
    """A schedule that breaks a promise."""


class Lost(Exception):  # noqa: N818 - a fault made on purpose
    """A store operation that failed on purpose."""


class Cancelled(BaseException):
    """A task that was cancelled on purpose."""


@dataclass(frozen=True)
class Scenario:
    """Who asks what, and what may go wrong.

    Attributes:
        clients: Of each, its process and its question.
        lease: As the option of ``LLMCache``.
        max_wait: Likewise.
        faults: How many things may go wrong in one schedule.
        kinds: Which: ``request`` (the store never sees an operation), ``reply`` (its reply is
            lost), ``model`` (the model fails), ``decline`` (its answer is not stored),
            ``cancel`` (a task; what it asked of the store is never done), ``late`` (likewise, but
            it is done), ``crash`` (a process), ``stall`` (a process stands still while time
            passes), ``suspend`` (a stream whose reader does not ask for more for a while).
        retries: How often a client asks again when the model failed.
        ttl: Seconds that answers are kept; None: for ever.
        garbage: Whether the store holds something unreadable from the start.
    """

    clients: tuple[tuple[int, str], ...]
    lease: float | None = None
    max_wait: float = 0.03
    faults: int = 0
    kinds: tuple[str, ...] = ("request", "reply", "model", "cancel", "late", "crash", "stall")
    retries: int = 0
    ttl: float | None = None
    garbage: bool = False


class Move(NamedTuple):
    """What happens next.

    Attributes:
        task: Number of the task to which it happens; -1: to all.
        what: ``go on``, ``time passes``, or a fault.
        times: To how many tasks it could happen with no difference.
    """

    task: int
    what: str
    times: int = 1


@dataclass
class Step:
    """Where a coroutine has stopped.

    Attributes:
        kind: ``start``, ``model``, ``wait``, ``sleep``, ``reply`` (on its way), or the store's
            operation.
        key: What it is about.
        data: The bytes of an operation.
        other: What a swap puts in their place.
        seconds: How long a wait or a lease is.
        began: When a wait began.
        until: When it ends.
        waiter: Whose wake ends it earlier.
        reply: What the store has said.
    """

    kind: str
    key: str = ""
    data: bytes = b""
    other: bytes | None = None
    seconds: float = 0.0
    began: float = 0.0
    until: float = 0.0
    waiter: _Waiter | None = None
    reply: bytes | None = None


@types.coroutine
def _stop(step: Step) -> Generator[Step, Any, Any]:
    return (yield step)


class _Waiter:
    """Where a client waits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.woken_at: float | None = None

    def wake(self) -> bool:
        if self.woken_at is None:
            self.woken_at = self._world.now
        return True

    async def wait(self, seconds: float) -> None:
        now = self._world.now
        await _stop(Step("wait", seconds=seconds, began=now, until=now + seconds, waiter=self))
        self.woken_at = None


class _Place:
    """Nothing can be seen of where a client runs."""

    def is_idle(self) -> bool:
        return False

    def blocks(self, other: Place) -> bool:
        return False

    def awaits(self) -> set[int]:
        return set()

    def names(self) -> set[int]:
        return set()


class _Caller:
    """Clients as the flow sees them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def place(self) -> _Place:
        return _Place()

    def waiter(self) -> _Waiter:
        return _Waiter(self._world)

    def may_wait(self) -> bool:
        return True

    async def sleep(self, seconds: float) -> None:
        now = self._world.now
        await _stop(Step("sleep", seconds=seconds, began=now, until=now + seconds))

    async def compute(self, work: Callable[[], T]) -> T:
        return work()

    def when_gone(self, told: Callable[[Ending], None]) -> None:
        self._world.running.releases.append(told)

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._world.spawn(work)


class _Store:
    """A client's way to the store: every operation is a stop."""

    async def get(self, key: Key) -> bytes | None:
        found: bytes | None = await _stop(Step("get", _question(key)))
        return found

    async def put(self, key: Key, entry: bytes, ttl: int | None) -> None:
        seconds = 0.0 if ttl is None else ttl / 1000
        await _stop(Step("put", _question(key), entry, seconds=seconds))

    async def delete(self, key: Key) -> bool:
        return bool(await _stop(Step("delete", _question(key))))

    async def clear(self, scope: AnyScope) -> int | None:
        raise NotImplementedError

    async def ping(self) -> None:
        raise NotImplementedError

    async def claim(self, key: Key, lease: bytes, milliseconds: int) -> bytes | None:
        step = Step("claim", _question(key), lease, seconds=milliseconds / 1000)
        there: bytes | None = await _stop(step)
        return there

    async def swap(
        self, key: Key, lease: bytes, other: bytes | None, milliseconds: int | None
    ) -> bytes | None:
        seconds = 0.0 if milliseconds is None else milliseconds / 1000
        step = Step("swap", _question(key), lease, other, seconds=seconds)
        there: bytes | None = await _stop(step)
        return there


class Server:
    """What the store's operations do. Values expire as of a moment."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, float]] = {}

    def get(self, key: str, now: float) -> bytes | None:
        """Return a value that has not expired."""
        value, expires = self.values.get(key, (None, 0.0))
        return value if value is not None and expires > now else None

    def put(self, key: str, value: bytes, expires: float) -> None:
        """Store a value."""
        self.values[key] = (value, expires)

    def delete(self, key: str) -> bool:
        """Remove a value; tell whether there was one."""
        return self.values.pop(key, None) is not None

    def claim(self, key: str, lease: bytes, now: float, expires: float) -> bytes | None:
        """Store a lease where nothing is; return what was there."""
        there = self.get(key, now)
        if there is None:
            self.put(key, lease, expires)
        return there

    def swap(
        self, key: str, lease: bytes, other: bytes | None, now: float, expires: float | None
    ) -> bytes | None:
        """Replace this very lease; return it, or the lease that is there instead."""
        there = self.get(key, now)
        if there == lease and other is None:
            self.delete(key)
        elif there == lease and other is not None:
            self.put(key, other, self.values[key][1] if expires is None else expires)
        return there if there is not None and there.startswith(LEASE) else None


class _Keys:
    """Requests as keys: the question itself."""

    def namespace(self, options: Options | None = None) -> tuple[str, ...]:
        return ()

    def key(
        self, namespace: tuple[str, ...], prompt: str, llm_string: str
    ) -> tuple[Key, str | None]:
        return _key(prompt), "model"

    def takes_long(self, prompt: str, asked: Any) -> bool:
        return False


def _key(question: str) -> Key:
    return Key(("model",), question.ljust(64, "0"))


def _question(key: Key) -> str:
    return key.digest.rstrip("0")


class _Observer(Observer):
    """Lets nothing pass that no fault explains."""

    def trouble(self, outcome: str, message: str, **details: Any) -> None:
        if "Lost" not in message and outcome != "corrupt":
            raise Violation(f"the flow swallowed: {outcome}: {message}")


_OBSERVER: Final = _Observer()


@dataclass
class Task:
    """A client, or what the flow began on behalf of one.

    Attributes:
        number: Its place among all tasks.
        process: Where it runs.
        question: What it asks; "" if it is no client.
        coroutine: It.
        context: In which it runs.
        step: Where it stopped; None: it is over.
        phase: What a client is at.
        history: What it met in this phase, which is all that its insides depend on.
        releases: What is to be called at its end.
        waited: Seconds that its present lookup waited.
        was_stored: Whether the answer was in the store when its present lookup began.
        landing: The flight that its update is about.
        asker: Its lookup, among those that ask the same.
        stored: What was the latest store of its process when its present lookup began.
        twin_of: Who could be exchanged for it without any difference.
    """

    number: int
    process: int
    question: str
    coroutine: Coroutine[Any, Any, None]
    context: contextvars.Context
    step: Step | None
    phase: str = "new"
    history: list[Any] = field(default_factory=list)
    releases: list[Callable[[Ending], None]] = field(default_factory=list)
    waited: float = 0.0
    was_stored: bool = False
    landing: Flight | None = None
    asker: Asker | None = None
    stored: object = None
    twin_of: Task | None = None


class World:
    """One schedule on its way.

    Args:
        scenario: Who asks what.
        server: What the store's operations do.
    """

    def __init__(self, scenario: Scenario, server: Callable[[], Server] = Server) -> None:
        self._scenario = scenario
        self.now = 0.0
        self.server = server()
        if scenario.garbage:
            for _, question in scenario.clients:
                self.server.put(question, b"garbage", float("inf"))
        self.faults: list[str] = []
        self.calls = 0
        self._answers: dict[str, tuple[str, int]] = {}
        self._stored: dict[str, float] = {}
        # Who was told that it leads, and until when that holds: by question.
        self._granted: dict[str, tuple[Task, float]] = {}
        # Calls of the model since the last answer, the cancelled ones left out: begun, and failed.
        self._begun: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        # Questions about which a caller has lost patience, or may have left something behind.
        self._loose: set[str] = set()
        self._leases: dict[bytes, tuple[int, str]] = {}
        self._expired: set[str] = set()
        # Longer than anybody waits and any lease holds: so long may a model take, once.
        self._long = 1.5 * max(scenario.max_wait, scenario.lease or 0.0)
        self._has_dawdled = False
        # Whose move was the last; None: time's.
        self._last: int | None = _SETTLED
        settings = Settings(max_wait=scenario.max_wait, lease=scenario.lease)
        self._flows = {
            process: Flow(
                Parts(
                    settings,
                    _Keys(),  # type: ignore[arg-type]
                    Codec(Binding()),
                    Gate(
                        Breaker(monotonic=self._clock, changed=lambda _: None, draw=lambda: 0.5),
                        _OBSERVER,
                    ),
                    now=lambda: 0.0,
                    monotonic=self._clock,
                )
            )
            for process, _ in scenario.clients
        }
        self._side = Side(_Store(), _Caller(self))
        self.tasks: list[Task] = []
        self.running: Task = None  # type: ignore[assignment]
        for process, question in scenario.clients:
            self._add(process, question, self._client, contextvars.Context())

    def _clock(self) -> float:
        return self.now

    # --- tasks ---

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin a task in the process of the running one."""
        running = self.running.process
        self._add(running, "", lambda _: work(), contextvars.copy_context(), _purpose(work))

    def _add(
        self,
        process: int,
        question: str,
        work: Callable[[Task], Coroutine[Any, Any, None]],
        context: contextvars.Context,
        phase: str = "new",
    ) -> None:
        task = Task(len(self.tasks), process, question, None, context, Step("start"), phase)  # type: ignore[arg-type]
        task.coroutine = work(task)
        self.tasks.append(task)
        if not question:
            # It begins at once: up to its first operation it meets nobody.
            running = self.running
            self._go_on(task)
            self.running = running

    async def _client(self, task: Task) -> None:
        """Ask as langchain-core does."""
        flow, question = self._flows[task.process], task.question
        for attempt in range(1 + self._scenario.retries):
            self._enter(task, f"lookup {attempt}")
            task.waited = 0.0
            task.was_stored = self._stored.get(question, 0.0) > self.now
            task.stored = flow._agreement.stored
            found = await flow.lookup(self._side, question, Asked(_LLM_STRING))
            if found is not None:
                self._check_answer(task, [generation.text for generation in found])
                return
            self._check_miss(task)
            self._enter(task, f"call {attempt}")
            self.calls += 1
            self._check_round(task)
            text: str | None = await _stop(Step("model"))
            self._failed[question] += not text
            if text is None:
                # What langchain-core's callback leads to.
                for asker in led_here():
                    if asker.give_up is not None:
                        asker.give_up("failed")
                continue
            self._answers[text] = (question, task.number)
            self._enter(task, f"update {attempt}")
            task.landing = flow._agreement._flights._flights.get(_key(question))
            await flow.update(
                self._side,
                question,
                Asked(_LLM_STRING),
                [Generation(text=text)],
                self._scenario.ttl,
            )
            return

    def _enter(self, task: Task, phase: str) -> None:
        task.phase, task.history = phase, []

    def _go_on(self, task: Task, value: Any = None, error: BaseException | None = None) -> None:
        self.running = task
        try:
            if error is None:
                task.step = task.context.run(task.coroutine.send, value)
            else:
                task.step = task.context.run(task.coroutine.throw, error)
        except (StopIteration, Cancelled) as end:
            if isinstance(end, Cancelled) and end is not error:
                raise
            self._end(task, "cancelled" if isinstance(end, Cancelled) else "failed")
        except Violation:
            raise
        except Exception as raised:
            raise Violation(f"client {task.number}: the flow raised {raised!r}") from raised
        if task.step is not None and task.step.kind == "claim":
            self._leases.setdefault(_token(task.step.data), (task.number, task.phase))
        if task.step is not None and task.step.kind == "wait":
            task.asker = self._asker_of(task)
        if task.step is not None and task.step.kind == "sleep":
            # After a sleep the flow looks anew: all it still knows is how often it slept.
            task.history = [event for event in task.history if event[0] == "sleep"]

    def _asker_of(self, task: Task) -> Asker:
        assert task.step is not None
        for flight in self._flows[task.process]._agreement._flights._flights.values():
            for asker in flight.waiting:
                if asker.waiter is task.step.waiter:
                    return asker
        raise Violation(f"client {task.number} waits for nothing")

    def _end(self, task: Task, ending: Ending = "failed") -> None:
        if ending == "cancelled" and task.phase.startswith("call"):
            self._begun[task.question] -= 1
        task.step, task.phase, task.history, task.landing = None, "over", [], None
        task.asker = None
        releases, task.releases = task.releases, []
        for release in releases:
            task.context.run(release, ending)

    # --- what can happen ---

    def moves(self) -> list[Move]:  # noqa: C901 - a rule for each kind of move
        """Return all that can happen next, in an order that depends on nothing else."""
        moves = []
        busy = False
        for task in self.tasks:
            if task.step is None:
                continue
            if task.step.kind in ("wait", "sleep"):
                if self._is_due(task.step):
                    # Up to its next stop it meets nobody: it might as well be the first.
                    return [Move(task.number, "go on")]
                continue
            if task.twin_of is None:
                twins = sum(other.twin_of is task for other in self.tasks)
                moves.append(Move(task.number, "go on", 1 + twins))
            busy = busy or task.step.kind not in ("start", "model")
        if self._last != _SETTLED and len(self.faults) < self._scenario.faults:
            wrong = [move for move in self._faults() if move.what in self._scenario.kinds]
            if wrong:
                return [*wrong, Move(-1, "settle")]
        awaited = any(task.question and task.step is not None for task in self.tasks)
        if awaited and self._next_moment() is not None and not busy:
            moves.append(Move(-1, "time passes"))
        if len(self.faults) < self._scenario.faults:
            moves += [
                Move(task.number, what)
                for task in self.tasks
                if task.step is not None and task.step.kind in _WRITES
                for what in ("reply", "late")
                if what in self._scenario.kinds and (what == "reply" or task.question)
            ]
            if "stall" in self._scenario.kinds and busy and self._next_moment() is not None:
                moves.append(Move(-1, "stall"))
        return moves

    def _faults(self) -> Iterator[Move]:
        """Yield what can go wrong: in the process that moved last, or in any if time did.

        What goes wrong is seen by the process alone: it might as well have gone wrong before
        the others' moves.
        """
        for task in self.tasks:
            if task.step is None or task.step.kind == "start" or not self._moved(task.process):
                continue
            if task.step.kind in _STORE:
                yield Move(task.number, "request")
            if task.step.kind == "model":
                for what in ("model", "decline", "suspend"):
                    yield Move(task.number, what)
            if task.question:
                yield Move(task.number, "cancel")
        for process in self._flows:
            tasks = [task for task in self.tasks if task.process == process and task.step]
            if self._moved(process) and any(task.phase not in ("new", "over") for task in tasks):
                yield Move(tasks[0].number, "crash")

    def _moved(self, process: int) -> bool:
        return self._last is None or self._last == process

    def _is_due(self, step: Step) -> bool:
        woken = step.waiter is not None and step.waiter.woken_at is not None
        return woken or step.until <= self.now

    def _next_moment(self) -> float | None:
        moments = [
            task.step.until for task in self.tasks if task.step and not self._is_due(task.step)
        ]
        moments += [expires for _, expires in self.server.values.values()]
        moments = [at for at in moments if self.now < at < float("inf")]
        if not moments and not self._has_dawdled:
            return self.now + self._long
        return min(moments, default=None)

    def do(self, move: Move) -> None:  # noqa: C901, PLR0912 - likewise
        """Let it happen.

        Raises:
            Violation: if that breaks a promise.
        """
        if move.what in ("time passes", "stall"):
            if move.what == "time passes":
                self._check_leases()
            moment = self._next_moment()
            assert moment is not None
            self._has_dawdled = self._has_dawdled or moment == self.now + self._long
            self.now = moment
            for key, (_, expires) in list(self.server.values.items()):
                if expires <= self.now:
                    self.server.delete(key)
                    self._expired.add(key)
        if move.what == "settle":
            self._last = _SETTLED
            return
        if move.what not in ("time passes", "go on"):
            self.faults.append(move.what)
        if move.task < 0:
            self._last = None if len(self.faults) < self._scenario.faults else _SETTLED
            return
        task = self.tasks[move.task]
        self._last = task.process if len(self.faults) < self._scenario.faults else _SETTLED
        assert task.step is not None
        match move.what:
            case "go on" if task.step.kind == "get" and not task.history:
                # What a client finds at first may be old before it hears of it. (Of all other
                # operations the reply comes at once: it can mislead nobody in any other way.)
                task.step = Step("reply", task.step.key, reply=self._operate(task, task.step))
            case "go on":
                self._go_on(task, self._result(task, task.step))
            case "late":
                self._loosen(task)
                self._operate(task, task.step)
                self._go_on(task, error=Cancelled())
            case "request" | "reply":
                if move.what == "reply":
                    self._operate(task, task.step)
                task.history.append((task.step.kind, "lost"))
                self._go_on(task, error=Lost())
            case "model":
                self._go_on(task, None)
            case "decline":
                self._go_on(task, "")
            case "suspend":
                self._suspend(task)
            case "cancel":
                self._loosen(task)
                self._go_on(task, error=Cancelled())
            case "crash":
                self._crash(task.process)

    def _loosen(self, task: Task) -> None:
        """Note that what a cancelled client had asked of the store may or may not be done."""
        if task.step is not None and task.step.kind in _WRITES:
            self._loose.add(task.question)

    def _suspend(self, task: Task) -> None:
        for asker in task.context.get(_LED, ()):
            if asker.state is State.LEADING:
                asker.held, asker.suspended = True, self.now
        # Another one may ask in its place.
        self._begun[task.question] -= 1

    def _crash(self, process: int) -> None:
        for task in self.tasks:
            if task.process == process:
                task.coroutine.close() if task.step and task.step.kind == "start" else None
                task.step, task.phase, task.releases = None, "over", []

    def _result(self, task: Task, step: Step) -> Any:
        if step.kind == "start":
            return None
        if step.kind == "model":
            return f"{task.question} {task.number} {task.phase}"
        if step.kind in ("wait", "sleep"):
            woken_at = None if step.waiter is None else step.waiter.woken_at
            ended = step.until if woken_at is None else min(step.until, woken_at)
            self._check_wait(task, max(0.0, ended - step.began))
            if step.kind == "wait" and woken_at is None:
                self._check_awaited(task)
            if step.kind == "wait":  # for nothing perhaps, but the answer may have come meanwhile
                task.was_stored = self._stored.get(task.question, 0.0) > self.now
            else:
                task.history.append((step.kind, round(step.seconds, _DIGITS)))
            return None
        result = step.reply if step.kind == "reply" else self._operate(task, step)
        task.history.append((step.kind, self._label(result)))
        return result

    def _operate(self, task: Task, step: Step) -> Any:
        key, server = step.key, self.server
        match step.kind:
            case "get":
                return server.get(key, self.now)
            case "put":
                expires = self.now + step.seconds if step.seconds else float("inf")
                server.put(key, step.data, expires)
                self._stored[key] = expires
                self._granted.pop(key, None)
                return None
            case "delete":
                # Of something unreadable; it may meanwhile be an answer, which counts as lost.
                self._stored.pop(key, None)
                self._granted.pop(key, None)
                return server.delete(key)
            case "claim":
                there = server.claim(key, step.data, self.now, self.now + step.seconds)
                if there is None:
                    self._grant(task, key, self.now + step.seconds)
                return there
            case _:
                if server.get(key, self.now) == step.data:
                    self._granted.pop(key, None)
                until = self.now + step.seconds if step.seconds else None
                return server.swap(key, step.data, step.other, self.now, until)

    # --- promises ---

    def _grant(self, task: Task, key: str, until: float) -> None:
        holder, end = self._granted.get(key, (task, 0.0))
        if holder is not task and holder.step is not None and end > self.now:
            raise Violation(f"clients {holder.number} and {task.number} lead at once: {key}")
        self._granted[key] = (task, until)

    def _check_answer(self, task: Task, texts: list[str]) -> None:
        if len(texts) != 1 or self._answers.get(texts[0], ("",))[0] != task.question:
            raise Violation(f"client {task.number} asked {task.question!r} and got {texts}")

    def _check_round(self, task: Task) -> None:
        """Make sure that the rule of rounds lets it ask the model."""
        question = task.question
        self._begun[question] += 1
        if task.waited >= self._scenario.max_wait - 10**-_DIGITS or self._is_overdue(question):
            self._loose.add(question)
        told = self._scenario.lease is not None or len(self._flows) == 1
        known = question in self._expired or question in self._loose or self._scenario.garbage
        if known or not told or not set(self.faults) <= _CALLERS:
            return
        failed = self._failed[question]
        if self._begun[question] > (2 ** failed.bit_length() if failed else 1):
            raise Violation(f"client {task.number} asks although {failed} have failed, no more")

    def _check_miss(self, task: Task) -> None:
        """Make sure that there is a reason to ask the model."""
        question, scenario = task.question, self._scenario
        stored = self._stored.get(question, 0.0) > self.now
        if task.was_stored and stored and set(self.faults) <= {"model", "decline", "crash"}:
            raise Violation(f"client {task.number} did not get the answer that is stored")
        told = scenario.lease is not None or len(self._flows) == 1
        if self.faults or scenario.garbage or not told or question in self._expired:
            return
        if task.waited >= scenario.max_wait - 10**-_DIGITS:
            return
        bounds = [bound for bound in (scenario.max_wait, scenario.lease) if bound]
        for other in self.tasks:
            if other is task or other.question != question or other.phase[:4] not in _ASKING:
                continue
            for asker in other.context.get(_LED, ()):
                if asker.state is not State.LEADING or asker.flight is None:
                    continue
                if self.now - asker.flight.began < min(bounds) - 10**-_DIGITS:
                    raise Violation(f"client {task.number} asks the model needlessly")
        if stored:
            raise Violation(f"client {task.number} asks the model although the answer is there")

    def _is_overdue(self, question: str) -> bool:
        """Tell whether a client asks the model for longer than others wait for it."""
        return any(
            asker.flight is not None
            and asker.flight.began + self._scenario.max_wait <= self.now + 10**-_DIGITS
            for task in self.tasks
            if task.question == question and task.phase[:4] in _ASKING
            for asker in task.context.get(_LED, ())
        )

    def _check_leases(self) -> None:
        """Make sure that whoever is done holds nothing any more."""
        if set(self.faults) <= {*_CALLERS, "late"}:
            for value, _ in self.server.values.values():
                lease = read_lease(value) if value.startswith(LEASE) else None
                if lease is None or not (lease.round is None or lease.round.asking):
                    continue
                if not any(self._may_hold(task, lease.token) for task in self.tasks):
                    owner, _ = self._leases.get(lease.token, (-1, ""))
                    raise Violation(f"the lease of client {owner} is left behind")

    def _may_hold(self, task: Task, token: bytes) -> bool:
        if task.step is None:
            return False
        if not task.question:
            return True  # it gives something back
        askers = [*task.context.get(_LED, ()), *([task.asker] if task.asker else [])]
        return any(asker.lease == token for asker in askers)

    def _check_awaited(self, task: Task) -> None:
        """Make sure that one whom nobody has woken waits for one who is there, and goes on."""
        flight = None if task.asker is None else task.asker.flight
        living = [
            asker
            for other in self.tasks
            if other.step is not None
            for asker in (*other.context.get(_LED, ()), other.asker)
        ]
        leading = [] if flight is None else [each for each in flight.leading if each in living]
        standing = [
            0.0 if each.suspended is None else self.now - each.suspended for each in leading
        ]
        if min(standing, default=_STANDS) >= _STANDS:
            raise Violation(f"client {task.number} waits for nobody")

    def _check_wait(self, task: Task, seconds: float) -> None:
        task.waited += seconds
        if task.waited > self._scenario.max_wait + 10**-_DIGITS:
            raise Violation(f"client {task.number} has waited for {task.waited:.3f} s")

    def check_end(self) -> None:
        """Make sure that the schedule, in which nothing can happen any more, is a good one.

        Raises:
            Violation: if it is not.
        """
        stuck = [task.number for task in self.tasks if task.step is not None]
        if stuck:
            raise Violation(f"{stuck} never go on")
        self._check_leases()
        if set(self.faults) <= {*_CALLERS, "late", "stall", "suspend"}:
            for flow in self._flows.values():
                if flow._agreement._flights._flights:
                    raise Violation("a flight is left behind")

    # --- states ---

    def state(self) -> Any:
        """Return what determines all that can happen from here, up to names."""
        clients = [task for task in self.tasks if task.question]
        blind = {task.number: hash(self._told(task, _nobody)) for task in clients}
        seeing = {task.number: hash(self._told(task, blind.__getitem__)) for task in clients}
        looks = {task.number: (blind[task.number], seeing[task.number]) for task in clients}
        order = sorted(clients, key=lambda task: looks[task.number])
        for task in clients:
            task.twin_of = None
        state = self._described(order)
        for place in range(1, len(order)):
            one, other = order[place - 1 : place + 1]
            if other.step is not None and looks[one.number] == looks[other.number]:
                swapped = [*order[: place - 1], other, one, *order[place + 1 :]]
                if self._described(swapped) == state:
                    other.twin_of = one.twin_of if one.twin_of is not None else one
        return state

    def _described(self, order: list[Task]) -> Any:
        places = {task.number: place for place, task in enumerate(order)}
        processes: dict[int, int] = {}
        questions: dict[str, int] = {}
        told = []
        for task in order:
            process = processes.setdefault(task.process, len(processes))
            question = questions.setdefault(task.question, len(questions))
            told.append((process, question, self._told(task, places.__getitem__)))
        others = [
            (processes[task.process], self._told(task, places.__getitem__))
            for task in self.tasks
            if not task.question and task.step is not None
        ]
        return (
            tuple(told),
            tuple(sorted(others, key=hash)),
            tuple(self._told_of_question(question, places) for question in questions),
            tuple(self._told_of_process(process, places) for process in processes),
            tuple(sorted(set(self.faults))),
            len(self.faults),
            self._has_dawdled,
            None if self._last is None else processes.get(self._last),
        )

    def _label(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, bytes) or not value:
            return ("plain", value)
        if value.startswith(LEASE):
            owner = self._leases.get(_token(value), (-1, ""))
            return ("lease", *owner, value.partition(b":")[2].partition(b":")[2])
        return ("entry", value)

    def _renamed(self, label: tuple[Any, ...], ref: Ref) -> tuple[Any, ...]:
        if label[0] == "lease" and label[1] >= 0:
            return ("lease", ref(label[1]), *label[2:])
        if label[0] == "entry":
            for text, (_, number) in self._answers.items():
                if f'"{text}"'.encode() in label[1]:
                    return ("answer", ref(number), text.rpartition(" ")[2])
        return label

    def _told(self, task: Task, ref: Ref) -> Any:
        """Return what a task will do, as far as it depends on itself."""
        step = task.step
        if step is None:
            return ("over",)
        return (
            task.phase,
            step.kind,
            self._renamed(self._label(step.data), ref) if step.kind in _STORE else None,
            self._renamed(self._label(step.other), ref),
            self._renamed(self._label(step.reply), ref),
            round(max(0.0, step.until - self.now), _DIGITS),
            step.waiter is not None and step.waiter.woken_at is not None,
            round(task.waited, _DIGITS),
            task.was_stored,
            task.stored is self._flows[task.process]._agreement.stored,
            tuple(
                tuple(
                    self._renamed(part, ref) if isinstance(part, tuple) else part for part in event
                )
                for event in task.history
            ),
            tuple(self._told_of_asker(asker, ref) for asker in task.context.get(_LED, ())),
            self._told_of_asker(task.asker, ref),
            len(task.releases),
            self._told_of_flight(task.landing, ref),
        )

    def _told_of_asker(self, asker: Asker | None, ref: Ref) -> Any:
        if asker is None or asker.state is State.OVER:
            return None
        flight = asker.flight
        since = None if asker.suspended is None else round(self.now - asker.suspended, _DIGITS)
        return (
            asker.state.value,
            round(max(0.0, asker.until - self.now), _DIGITS),
            self._renamed(self._label(asker.entry), ref),
            self._renamed(self._label(asker.lease and LEASE + asker.lease), ref),
            since,
            list(flight.waiting).index(asker) if flight and asker in flight.waiting else None,
            self._told_of_flight(flight, ref),
        )

    def _told_of_flight(self, flight: Flight | None, ref: Ref) -> Any:
        if flight is None:
            return None
        return (
            round(min(self.now - flight.began, self._scenario.max_wait), _DIGITS),
            flight.failed,
            flight.free,
            self._renamed(self._label(flight.entry), ref),
            self._renamed(self._label(flight.left and LEASE + flight.left), ref),
        )

    def _told_of_question(self, question: str, places: dict[int, int]) -> Any:
        value, expires = self.server.values.get(question, (None, float("inf")))
        holder, until = self._granted.get(question, (None, 0.0))
        return (
            self._renamed(self._label(value), places.__getitem__),
            round(expires - self.now, _DIGITS),
            places[holder.number] if holder is not None and holder.step is not None else None,
            round(max(0.0, until - self.now), _DIGITS),
            self._stored.get(question, 0.0) > self.now,
            question in self._expired,
            question in self._loose,
            self._begun[question],
            self._failed[question],
        )

    def _told_of_process(self, process: int, places: dict[int, int]) -> Any:
        flow = self._flows[process]
        owners = {
            asker: places[task.number]
            for task in self.tasks
            if task.question
            for asker in (*task.context.get(_LED, ()), task.asker)
            if asker is not None
        }
        flights = tuple(
            sorted(
                (
                    self._told_of_flight(flight, places.__getitem__),
                    tuple(sorted(owners.get(asker, -1) for asker in flight.leading)),
                    tuple(owners.get(asker, -1) for asker in flight.waiting),
                )
                for flight in flow._agreement._flights._flights.values()
            )
        )
        return (flights, flow._gate._breaker._failures)

    def close(self) -> None:
        """Throw the coroutines away, whatever they are in the middle of."""
        for task in self.tasks:
            if task.step is not None:
                task.step = None
                task.context.run(task.coroutine.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _token(lease: bytes) -> bytes:
    return lease.removeprefix(LEASE).partition(b":")[0]


def _purpose(work: Callable[[], Any]) -> str:
    """Return what the flow begins on behalf of a client, as far as it depends on that."""
    code: Any = work.__code__
    cells = [cell.cell_contents for cell in work.__closure__ or ()]
    return f"{code.co_names} {[each for each in cells if isinstance(each, (str, bool))]}"


def _nobody(_: int) -> int:
    return 0


class Explored(NamedTuple):
    """What was gone through.

    Attributes:
        states: Different ones, up to names.
        schedules: From the beginning to an end, each different from the others.
        longest: Steps of the longest one.
    """

    states: int
    schedules: int
    longest: int


def explore(  # noqa: C901, PLR0912 - a loop, where a recursion would be too deep
    scenario: Scenario, server: Callable[[], Server] = Server
) -> Explored:
    """Go through every schedule.

    Raises:
        Violation: with the first schedule that breaks a promise.
    """
    # Of each state, how many schedules go on from it, and how many steps the longest of them has.
    known: dict[Any, tuple[int, int]] = {}
    # Of each state on the present path: its key, the moves that are left, what they led to.
    path: list[tuple[Any, list[Move], list[tuple[int, int, int]]]] = []
    schedule: list[Move] = []
    world: World | None = None
    found: tuple[int, int] | None = None
    try:
        while True:
            if world is None:
                world = World(scenario, server)
                for move in schedule:
                    world.do(move)
            key = world.state()
            found = known.get(key)
            if found is None:
                moves = world.moves()
                if moves:
                    path.append((key, moves[::-1], []))
                else:
                    world.check_end()
                    found = known[key] = (1, 0)
            while found is not None:
                if world is not None:
                    world.close()
                    world = None
                if not path:
                    return Explored(len(known), *found)
                path[-1][2].append((schedule.pop().times, *found))
                if path[-1][1]:
                    found = None
                else:
                    key, _, ends = path.pop()
                    found = known[key] = (
                        sum(times * count for times, count, _ in ends),
                        1 + max(longest for _, _, longest in ends),
                    )
            if world is None:
                world = World(scenario, server)
                for move in schedule:
                    world.do(move)
            move = path[-1][1].pop()
            schedule.append(move)
            world.do(move)
    except Violation as violation:
        if world is not None:
            world.close()
        raise Violation(f"{violation}\n{_story(scenario, server, schedule)}") from violation


def _story(scenario: Scenario, server: Callable[[], Server], schedule: list[Move]) -> str:
    """Return a schedule, a line for each step."""
    lines = []
    with World(scenario, server) as world:
        for move in schedule:
            at = f"{world.now * 1000:6.1f} ms"
            if move.task < 0:
                lines.append(f"{at}  {move.what}")
            else:
                task = world.tasks[move.task]
                kind = "" if task.step is None else task.step.kind
                name = f"client {task.number}" if task.question else f"helper {task.number}"
                lines.append(f"{at}  {name} ({task.phase}) {kind}: {move.what}")
            try:
                world.do(move)
            except Violation:
                break
    return "\n".join(lines)
