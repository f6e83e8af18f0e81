"""The way of one event loop to one server: what is asked in one turn of the loop travels together.

Reads become one MGET, where the server is no node of a cluster; everything else goes out in one
pipeline. What does not fit under way waits for its turn.

The deadline judges the server, and nothing else. While anything is waited for, a timer fires
again and again: by as much as it is late, the application kept its loop busy, and all that waited
has that time again. An operation that waits behind others is no failure of the server, and is told
from one (``Overloaded``).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import Context
from itertools import chain
from typing import Any, Final

from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import InvalidResponse, ReadOnlyError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from langchain_llmcache._flow.ports import Overloaded
from langchain_llmcache._signals import another, raised_by_handler
from langchain_llmcache._valkey.addresses import distrust
from langchain_llmcache._valkey.aio_wire import Sent, Wire, wire_of
from langchain_llmcache._valkey.packing import pack
from langchain_llmcache._valkey.router import Command, is_not_to_be_had
from langchain_llmcache._valkey.settings import ConnectionSettings, FailoverProbe
from langchain_llmcache._valkey.sizes import TooLargeError, not_in_time

# Keys of one MGET. A longer one would keep the server from its other clients.
_READ_BATCH: Final = 128
# Bytes that the reply to one MGET should have, and may have if values are larger than was thought.
_READ_BYTES: Final = 2**20
_READ_BYTES_AT_MOST: Final = 16 * 2**20
# Of a value, before any was seen; and how much of the last estimate remains after smaller ones.
_FIRST_ESTIMATE: Final = _READ_BYTES
_REMAINS: Final = 0.5
# Seconds by which a timer may be late without the loop having been busy.
_LATE: Final = 0.02
# Of the timeout: the time between two looks.
_LOOK_AGAIN: Final = 0.05
# Of the timeout: what there is for a reply, in any case.
_AT_LEAST: Final = 0.1


class Ask:
    """Commands that travel together, and who waits for their replies.

    Attributes:
        weight: Bytes of the request.
        seconds: That it may take, while the loop is free.
        resent: Whether it was sent once more already.
        alone: Whether it is to have a command of its own, because its value is large.
    """

    weight = 0
    resent = False
    alone = False

    def __init__(
        self,
        commands: Sequence[Command],
        deadline: float,
        largest: int | None,
        future: asyncio.Future[list[Any]],
    ) -> None:
        self.began = time.monotonic()
        self.commands = commands
        self.deadline = deadline
        self.seconds = deadline - self.began
        self.largest = largest
        self.future = future
        self.replies: list[Any] = []

    @property
    def is_read(self) -> bool:
        """Whether this is one GET."""
        return len(self.commands) == 1 and self.commands[0][0] == "GET"

    @property
    def done(self) -> bool:
        return self.future.done()

    def take(self, reply: Any) -> bool:
        self.replies.append(reply)
        if len(self.replies) < len(self.commands):
            return False
        if not self.future.done():
            self.future.set_result(self.replies)
        return True

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits what went wrong."""
        if not self.future.done():
            self.future.set_exception(another(error))
            self.future.exception()  # seen, even if nobody waits for it any more


class Reads:
    """Reads that travel as one command. Many may want the same, and it may be large."""

    def __init__(self, asks: dict[bytes, list[Ask]], weight: int, line: Line) -> None:
        self.asks = asks
        self.weight = weight
        sizes = {each.largest for each in chain.from_iterable(asks.values())}
        bound = None if None in sizes else max(size for size in sizes if size is not None)
        self.largest = _READ_BYTES_AT_MOST if bound is not None and len(asks) > 1 else bound
        self._line = line

    @property
    def command(self) -> Command:
        """The command to send."""
        return ("GET" if len(self.asks) == 1 else "MGET", *self.asks)

    @property
    def deadline(self) -> float:
        return min(each.deadline for each in chain.from_iterable(self.asks.values()))

    @property
    def done(self) -> bool:
        return all(each.done for each in chain.from_iterable(self.asks.values()))

    def take(self, reply: Any) -> bool:
        values = [reply] if len(self.asks) == 1 else reply
        if isinstance(values, Exception):
            values = [values] * len(self.asks)
        elif not isinstance(values, list) or len(values) != len(self.asks):
            values = [InvalidResponse("not as many values as keys")] * len(self.asks)
        self._line.learn_sizes(values)
        for of_name, value in zip(self.asks.values(), values, strict=True):
            for each in of_name:
                each.take(another(value) if isinstance(value, Exception) else value)
        return True


class Line:
    """Connections of one loop to one server; one of them, as long as nothing goes wrong.

    Args:
        loop: The loop.
        settings: How to make connections.
        gathers: Whether several keys may stand in one command.
        leave_idle: Closes the idle connections to all servers of the cache. What it belongs to
            lives as long as anything here is on the loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: ConnectionSettings,
        *,
        gathers: bool,
        leave_idle: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._leave_all_idle = leave_idle
        self._settings = settings
        self._timeout = settings.timeout
        self._gathers = gathers
        self._waiting: deque[Ask] = deque()
        # Of these, what is on its way to a connection at this moment.
        self._taken: list[Ask] = []
        self._wire: Wire | None = None
        # Connections that are not used for anything new, but still owe replies.
        self._leaving: list[Wire] = []
        self._connecting: asyncio.Task[None] | None = None
        # An attempt that took too long for its first callers, and may still serve others.
        self._late: asyncio.Task[None] | None = None
        self._connect_began = 0.0
        # Whether the last attempt took too long.
        self._hung = False
        self._in_making: Any = None
        self._probe = FailoverProbe()
        self._estimate = _FIRST_ESTIMATE
        self._knows_sizes = False
        self._has_turn = False
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = 0.0
        # Seconds for which the loop was busy while anything was waited for, all in all.
        self._lost = 0.0
        self._when_idle: asyncio.Future[None] | None = None

    # -- asking

    def exchange(
        self, commands: Sequence[Command], deadline: float, largest: int | None
    ) -> asyncio.Future[list[Any]]:
        """Return the replies to commands, later."""
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        # (A busy loop may have kept it from being asked until now: there is time for a look.)
        deadline = max(deadline, time.monotonic() + self._timeout * _AT_LEAST)
        try:
            self._waiting.append(Ask(commands, deadline, largest, future))
            if self._timer is None or deadline < self._wakes_at:
                self._wake_at(deadline)
            self._take_turn()
        except BaseException:
            future.cancel()  # a signal handler came in between: nobody waits for it
            raise
        return future

    def _take_turn(self) -> None:
        if not self._has_turn:
            # Runs when all that is ready in this turn of the loop has asked.
            self._loop.call_soon(self._turn)
            self._has_turn = True

    def _turn(self) -> None:
        self._has_turn = False
        try:
            self._send()
            self._check_idle()
        except BaseException as error:  # noqa: BLE001 - those who wait are told
            self.break_off(error)

    def break_off(self, error: BaseException) -> None:
        """Tell all who wait what has interrupted a callback of the loop: a signal handler, perhaps.

        The loop would keep it. And what was left halfway is of no use any more.

        Raises:
            error: if there was nobody to tell, or it is not for them alone.
        """
        asks = [*self._taken, *self._waiting]
        self._taken, self._waiting = [], deque()
        for wire in list(self._wires):
            asks += _asks(wire.sent)
            wire.sent.clear()
            wire.close()
            self._forget(wire)
        waiting = [ask for ask in asks if not ask.done]
        _fail(waiting, error)
        self._check_idle()
        if not waiting or not isinstance(error, Exception):
            raise error

    def _send(self) -> None:
        """Send what waits, as much of it as there is room for."""
        wire = self._usable_wire()
        if wire is None:
            if not all(ask.done for ask in self._waiting):
                self._connect()
            return
        chunks: list[bytes] = []
        reads: dict[bytes, list[Ask]] = {}
        taken = self._taken = []
        expected = self._expected
        while self._waiting and wire.has_room(len(reads) * expected):
            taken.append(self._waiting[0])
            ask = self._waiting.popleft()
            if ask.future.done():  # cancelled
                continue
            if ask.is_read:
                reads.setdefault(ask.commands[0][1], []).append(ask)
            else:
                chunks += self._packed(wire, ask)
        for batch in self._batches(reads):
            chunks += self._gathered(wire, batch)
        if chunks:
            wire.write(chunks)
        self._taken = []

    def _usable_wire(self) -> Wire | None:
        wire = self._wire
        if wire is not None and self._settings.is_too_old(wire.connection):
            self._leave(wire)
        return self._wire

    def _packed(self, wire: Wire, ask: Ask) -> list[bytes]:
        chunks = [chunk for command in ask.commands for chunk in pack(*command)]
        ask.weight = sum(map(len, chunks))
        wire.add(ask)
        return chunks

    def _batches(self, reads: dict[bytes, list[Ask]]) -> Iterator[dict[bytes, list[Ask]]]:
        """Yield the reads that go into one command."""
        most = self._most(reads)
        batch: dict[bytes, list[Ask]] = {}
        for name, asks in reads.items():
            if asks[0].alone:
                yield {name: asks}
                continue
            batch[name] = asks
            if len(batch) == most:
                yield batch
                batch = {}
        if batch:
            yield batch

    def _most(self, reads: dict[bytes, list[Ask]]) -> int:
        """Return how many keys may stand in one command."""
        if not self._gathers:
            return 1
        if self._knows_sizes:
            return min(_READ_BATCH, max(1, _READ_BYTES // self._estimate))
        # All may be as large as entries can be, which is half of what is read at most.
        largest = max((asks[0].largest or 0 for asks in reads.values()), default=0) // 2
        return max(1, _READ_BYTES_AT_MOST // max(largest, self._estimate))

    def _gathered(self, wire: Wire, asks: dict[bytes, list[Ask]]) -> list[bytes]:
        reads = Reads(asks, self._expected * len(asks), self)
        wire.add(reads)
        return pack(*reads.command)

    @property
    def _expected(self) -> int:
        """Bytes of a reply, as far as can be known."""
        return self._estimate + 64

    def learn_sizes(self, values: Sequence[Any]) -> None:
        """Note how large values are, so that no reply becomes too large."""
        size = sum(len(value) for value in values if isinstance(value, bytes)) // len(values)
        self._estimate = max(size, int(self._estimate * _REMAINS), 1)
        self._knows_sizes = True

    # -- what comes back

    def refuses(self, wire: Wire, reply: Exception) -> bool:
        first = wire.sent[0]
        if isinstance(first, Reads) and len(first.asks) > 1 and is_not_to_be_had(reply):
            # Some are granted GET only, or not for all keys; some services and proxies know no
            # MGET. So each asks for itself.
            self._gathers = False
            self._put_back([wire.drop_first()])
            return True
        if isinstance(reply, ReadOnlyError):
            return self._looks_elsewhere(wire, reply)
        return False

    def _looks_elsewhere(self, wire: Wire, reply: ReadOnlyError) -> bool:
        """Ask again over a new connection: after a failover, the name may lead elsewhere."""
        first = wire.sent[0]
        if not isinstance(first, Ask) or first.resent or self._is_new(wire, first):
            self._probe.see([reply])
            return False
        if self._probe.was_tried():
            return False
        first.resent = True
        distrust(wire.connection)
        self._put_back([wire.drop_first()])
        if wire is self._wire:
            self._leave(wire)
        return True

    def heard(self, wire: Wire) -> None:
        if wire is not self._wire and not wire.sent:
            wire.close()
            self._forget(wire)
        if self._waiting:
            self._send()
        self._check_idle()

    def lost(self, wire: Wire, error: Exception) -> None:
        self._forget(wire)
        sent = list(wire.sent)
        wire.sent.clear()
        # (Those who waited for it would wait for another like it.)
        unused = [] if sent else [ask for ask in self._waiting if self._is_new(wire, ask)]
        raised = raised_by_handler(error)
        if raised is not None:
            _fail(_asks(sent), raised)
        elif isinstance(error, TooLargeError) and sent:
            self._set_apart(sent.pop(0), error)
            self._put_back(sent)
        elif isinstance(error, ValkeyConnectionError):
            # The server may have closed it while it was idle: what was sent is sent once more.
            error = self._settings.with_hint(error)
            asks = [*_asks(sent), *unused]
            again = [each for each in asks if not self._is_hopeless(wire, each, error)]
            if len(again) < len(asks):
                distrust(wire.connection)
            for each in again:
                each.resent = True
            self._put_back(again)
        else:
            distrust(wire.connection)
            _fail([*_asks(sent), *unused], error)
        self._take_turn()

    def _set_apart(self, first: Sent, error: TooLargeError) -> None:
        """Deal with a value that is too large, or with many that are together."""
        if isinstance(first, Reads) and len(first.asks) > 1:
            self._estimate = max(self._estimate, _READ_BYTES)
            for each in _asks([first]):
                each.alone = True
            self._put_back([first])
        else:
            _fail(_asks([first]), error)

    def _is_hopeless(self, wire: Wire, ask: Ask, error: Exception) -> bool:
        """Tell whether another connection would be no better; then the error is the answer."""
        hopeless = ask.resent or self._is_new(wire, ask)
        if hopeless:
            ask.fail(error)
        return hopeless

    def _is_new(self, wire: Wire, ask: Ask) -> bool:
        """Tell whether a connection is younger than what was asked over it."""
        return wire.began > ask.began

    def _put_back(self, sent: Iterable[Sent]) -> None:
        """Send this again, before anything else."""
        asks = [each for each in _asks(sent) if not each.done]
        for each in asks:
            each.replies = []
        self._waiting.extendleft(reversed(asks))
        self._take_turn()

    # -- connections

    def _connect(self) -> None:
        if self._connecting is None:
            self._connect_began = time.monotonic()
            # A connection outlives the call that needed it, and so must not hold its context.
            task = Context().run(self._loop.create_task, self._connected())
            self._connecting = None if task.done() else task

    async def _connected(self) -> None:
        this = asyncio.current_task()
        try:
            connection = await self._connection()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
            if this is not self._late:
                self._connecting = None
                self._fail_waiting(error)
        else:
            wire = wire_of(connection, self)
            self._hung = False
            if self._wire is None:
                self._wire = wire
            else:  # another attempt was quicker
                wire.close()
        finally:
            if this is self._connecting:
                self._connecting = None
        self._take_turn()

    async def _connection(self) -> Any:
        while True:
            began, lost = time.monotonic(), self._lost
            try:
                return await self._attempt()
            except (ValkeyConnectionError, ValkeyTimeoutError):
                # (If the loop was busy for as long as it may take, that was no attempt.)
                if self._lost == lost or time.monotonic() - began < self._timeout / 2:
                    raise

    async def _attempt(self) -> Any:
        connection = self._in_making = self._settings.async_connection()
        try:
            await self._settings.async_connect(connection)
        except BaseException as error:
            await connection.disconnect(nowait=True)
            if isinstance(error, ValkeyConnectionError):
                raise self._settings.with_hint(error) from error.__cause__
            raise
        return connection

    def leave_idle(self) -> None:
        """Close the connection, if it is not in use."""
        if self._wire is not None and not self._wire.sent:
            self._leave(self._wire)

    def _leave(self, wire: Wire) -> None:
        """Use a connection for nothing new."""
        self._wire = None
        if wire.sent:
            self._leaving.append(wire)
        else:
            wire.close()

    def _forget(self, wire: Wire) -> None:
        if wire is self._wire:
            self._wire = None
        elif wire in self._leaving:
            self._leaving.remove(wire)

    @property
    def _wires(self) -> list[Wire]:
        return self._leaving if self._wire is None else [*self._leaving, self._wire]

    def _fail_waiting(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        _fail(waiting, error)

    # -- time

    def _wake_at(self, when: float = math.inf) -> None:
        """Look then, or soon if that is sooner."""
        now = time.monotonic()
        self._wakes_at = max(now, min(when, now + self._timeout * _LOOK_AGAIN))
        timer = self._loop.call_later(self._wakes_at - now, self._look, context=Context())
        before, self._timer = self._timer, timer
        if before is not None:
            before.cancel()

    def _look(self) -> None:
        """Find out whether anything is late, or only this timer is."""
        self._timer = None
        try:
            self._look_now()
        except BaseException as error:  # noqa: BLE001 - those who wait are told
            self.break_off(error)

    def _look_now(self) -> None:
        now = time.monotonic()
        if now - self._wakes_at > _LATE:
            self._give_back(now)
        due = self._first_deadline()
        if due is None:
            return
        if due > now:
            self._wake_at(due)
        else:
            self._look_closely()

    def _give_back(self, now: float) -> None:
        """Give what waited while the loop was busy, until now, that time again."""
        start = self._wakes_at
        self._lost += now - start
        self._connect_began += now - max(start, self._connect_began)
        for wire in self._wires:
            wire.since += now - max(start, wire.since)
        for ask in [*self._waiting, *_asks(each for wire in self._wires for each in wire.sent)]:
            ask.deadline += now - max(start, ask.began)

    def _look_closely(self) -> None:
        """Let the loop read once more what has come, before anything is called late."""
        counts = {id(wire): wire.count for wire in self._wires}
        # (After two turns the selector was asked, and what it told has run.)
        self._timer = self._loop.call_later(
            0, self._loop.call_soon, self._loop.call_soon, self._judge, counts
        )

    def _judge(self, counts: dict[int, int]) -> None:
        self._timer = None
        try:
            self._judge_now(counts)
        except BaseException as error:  # noqa: BLE001 - those who wait are told
            self.break_off(error)

    def _judge_now(self, counts: dict[int, int]) -> None:
        if any(wire.count != counts.get(id(wire)) for wire in self._wires):
            # It is this process that is busy.
            self._wake_at()
            return
        now = time.monotonic()
        if self._connecting is not None and self._is_over(self._connect_began, now):
            self._takes_too_long(self._connecting)
        for wire in self._wires:
            if wire.sent and self._is_over(wire.since, now):
                self._is_silent(wire, now)
        self._shed(now)
        self._take_turn()
        due = self._first_deadline()
        if due is not None:
            self._wake_at()
        self._check_idle()

    def _first_deadline(self) -> float | None:
        dues = [wire.since + self._timeout for wire in self._wires if wire.sent]
        dues += [each.deadline for wire in self._wires for each in wire.sent if not each.done][:1]
        if self._connecting is not None:
            dues.append(self._connect_began + self._timeout)
        dues += [ask.deadline for ask in self._waiting]
        return min(dues, default=None)

    def _is_over(self, began: float, now: float) -> bool:
        # (What is due in a moment is due: what was asked was sent a moment later.)
        return now >= began + self._timeout * (1 - _LOOK_AGAIN)

    def _takes_too_long(self, connecting: asyncio.Task[None]) -> None:
        """Let no one wait for this attempt any longer; the next caller begins another."""
        distrust(self._in_making)
        if self._late is not None:
            self._late.cancel()
        self._late, self._connecting = connecting, None
        self._hung = True
        self._loop.call_later(self._timeout, connecting.cancel)

    def _is_silent(self, wire: Wire, now: float) -> None:
        """Give up a connection over which no reply has come in time."""
        wire.drop()
        self._forget(wire)
        distrust(wire.connection)
        if wire.count:
            # It worked once. Most likely what is idle was cut silently, too, and each connection
            # would cost another deadline.
            self._leave_all_idle()
        where = wire.connection._host_error()  # noqa: SLF001 - as valkey-py says it
        error: Exception = ValkeyTimeoutError(f"Timeout reading from {where}")
        if wire.is_flowing:
            error = not_in_time()
        sent = list(wire.sent)
        wire.sent.clear()
        # If a part is here, it is that reply that takes too long. The others were not even begun.
        silent = sent[:1] if wire.is_partial else sent
        _fail(_asks(silent), error)
        self._put_back(sent[len(silent) :])
        soon = now + self._timeout * _LOOK_AGAIN
        _fail((ask for ask in self._waiting if ask.deadline <= soon), error)

    def _shed(self, now: float) -> None:
        """Give up what could not be sent, or answered, in time; the oldest first.

        What waits for a connection that is being made, or over one where the server was silent for
        less than it may be, has as much time again.
        """
        since = max((wire.since for wire in self._wires), default=-math.inf)

        def is_silent(ask: Ask) -> bool:
            return now - since >= ask.seconds * (1 - _LOOK_AGAIN)

        def is_over(ask: Ask) -> bool:
            has_more = self._may_connect or not is_silent(ask)
            return ask.deadline + (self._timeout if has_more else 0.0) <= now

        sent = [each for wire in self._wires for each in wire.sent]
        over = [ask for ask in [*self._waiting, *_asks(sent)] if is_over(ask)]
        self._waiting = deque(ask for ask in self._waiting if not is_over(ask))
        where = "reading from" if self._wires else "connecting to"
        _fail(filter(is_silent, over), ValkeyTimeoutError(f"Timeout {where} server"))
        _fail(over, Overloaded("too much at once: its turn did not come in time"))

    @property
    def _may_connect(self) -> bool:
        """Whether a connection is being made, and the attempt before it did not hang as well."""
        return self._connecting is not None and not self._hung

    # -- the end

    @property
    def _is_busy(self) -> bool:
        # (What nobody waits for any more need not end.)
        asks = [*self._waiting, *(each for wire in self._wires for each in wire.sent)]
        return any(not each.done for each in asks)

    def _check_idle(self) -> None:
        if self._when_idle is not None and not self._when_idle.done() and not self._is_busy:
            self._when_idle.set_result(None)

    async def aclose(self) -> None:
        """Let what is under way end, and close all connections."""
        if self._is_busy:
            self._when_idle = self._when_idle or self._loop.create_future()
            await asyncio.shield(self._when_idle)
        wires = list(self._wires)
        self.let_go()
        for wire in wires:
            await wire.closed(self._timeout)

    def let_go(self) -> None:
        """Close all connections without waiting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for attempt in (self._connecting, self._late):
            if attempt is not None:
                attempt.cancel()
        for wire in list(self._wires):
            wire.close()
            self._forget(wire)

    def abandon(self) -> None:
        """Close the sockets without the loop, which is closed."""
        for wire in self._wires:
            wire.abandon()
        self._wire = None
        self._leaving = []


def _asks(sent: Iterable[Sent]) -> list[Ask]:
    """Return what was asked for by whatever was sent."""
    asks: list[Ask] = []
    for each in sent:
        if isinstance(each, Reads):
            asks += [ask for of_name in each.asks.values() for ask in of_name]
        elif isinstance(each, Ask):
            asks.append(each)
    return asks


def _fail(asks: Iterable[Ask], error: BaseException) -> None:
    for ask in asks:
        ask.fail(error)
