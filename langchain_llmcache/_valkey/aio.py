"""Asyncio connections to one server, apart for each event loop; every operation has a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from valkey.asyncio.connection import AbstractConnection
from valkey.connection import PythonRespSerializer
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import InvalidResponse, NoPermissionError, ResponseError

from langchain_llmcache._flow.ports import run
from langchain_llmcache._valkey import commands
from langchain_llmcache._valkey.commands import Command
from langchain_llmcache._valkey.entries import Transport
from langchain_llmcache._valkey.in_thread import timeout
from langchain_llmcache._valkey.per_loop import PerLoop
from langchain_llmcache._valkey.settings import (
    ConnectionSettings,
    FailoverProbe,
    is_worth_a_fresh_connection,
)

T = TypeVar("T")
# A key, and who waits for its value.
Read: TypeAlias = "tuple[bytes, asyncio.Future[bytes | None]]"

# Connections of one loop to one server. More operations than that wait for their turn.
_CONNECTIONS: Final = 32
# Keys of one MGET. A longer one would keep the server from its other clients.
READ_BATCH: Final = 128


class ThreadTransport:
    """The blocking transport from asyncio, for connections that asyncio does not have."""

    def __init__(self, blocking: Transport) -> None:
        self._blocking = blocking

    async def get(self, name: bytes) -> bytes | None:
        """Return the value of a key."""
        return await asyncio.to_thread(lambda: run(self._blocking.get(name)))

    async def call(self, command: str, name: bytes, *arguments: Any) -> Any:
        """Return the reply to a command about one key."""
        return await asyncio.to_thread(lambda: run(self._blocking.call(command, name, *arguments)))

    async def eval(self, script: str, name: bytes, *arguments: Any) -> Any:
        """Run a script about one key."""
        return await asyncio.to_thread(lambda: run(self._blocking.eval(script, name, *arguments)))

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys; return how many there were."""
        return await asyncio.to_thread(lambda: run(self._blocking.unlink(names)))

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, in batches."""

        async def collect() -> list[list[bytes]]:
            return [names async for names in self._blocking.scan(pattern)]

        for names in await asyncio.to_thread(lambda: run(collect())):
            yield names

    async def close(self) -> None:
        """Do nothing: the connections belong to the blocking transport."""

    def abandon(self) -> None:
        """Do nothing: the connections belong to the blocking transport."""


class AsyncTransport:
    """Connections of ``valkey.asyncio``, in any number of event loops.

    Args:
        settings: How to make connections.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._loops = PerLoop(lambda loop: _LoopConnections(loop, settings))

    async def get(self, name: bytes) -> bytes | None:
        """Return the value of a key. Those asked for in one turn of the loop travel together."""
        connections = self._loops.here() or await self._loops.get()
        return await connections.get(name)

    async def call(self, command: str, name: bytes, *arguments: Any) -> Any:
        """Return the reply to a command about one key."""
        return await self._send(command, name, *arguments)

    async def eval(self, script: str, name: bytes, *arguments: Any) -> Any:
        """Run a script about one key."""
        return await self._send("EVAL", script, 1, name, *arguments)

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys; return how many there were."""
        return await commands.unlink(self._send, names)

    def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, in batches."""
        return commands.scan(self._send, pattern)

    async def close(self) -> None:
        """Close the connections of the running loop. A later operation opens new ones."""
        await self._loops.close()

    def abandon(self) -> None:
        """Close the sockets of closed loops."""
        self._loops.abandon()

    async def _send(self, *command: Any) -> Any:
        connections = self._loops.here() or await self._loops.get()
        return await connections.send(command)


class _LoopConnections:
    """A server, for one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: ConnectionSettings) -> None:
        self._timeout = settings.timeout
        self._pool = AsyncPool(settings)
        self._operations = Operations(loop)
        self._reads = Reads(loop, self._depart)

    def get(self, name: bytes) -> asyncio.Future[bytes | None]:
        """Return the value of a key, later."""
        return self._reads.ask(name)

    async def send(self, command: Command) -> Any:
        """Return the reply, or raise what valkey-py raises."""
        return await asyncio.shield(self._operations.begin(self._operation(command)))

    async def close(self) -> None:
        """Let what is under way end, and close all connections."""
        await self._operations.end()
        await self._pool.close()

    def abandon(self) -> None:
        """Close the sockets without the loop, which is closed."""
        self._pool.abandon()

    def _depart(self, reads: list[Read]) -> None:
        for first in range(0, len(reads), READ_BATCH):
            self._operations.begin(self._read(reads[first : first + READ_BATCH]))

    async def _read(self, batch: list[Read]) -> None:
        # Many may want the same at once, and it may be large.
        names = list(dict.fromkeys(name for name, _ in batch))
        with answering(batch) as answers:
            values = await self._values(names)
            if len(values) == len(names) < len(batch):
                value_of = dict(zip(names, values, strict=True))
                values = [value_of[name] for name, _ in batch]
            answers.extend(values)

    async def _values(self, names: list[bytes]) -> list[Any]:
        if len(names) == 1:
            return [await self._operation(("GET", names[0]))]
        try:
            values: list[Any] = await self._operation(("MGET", *names))
        except NoPermissionError:
            # Some are granted GET only. So each asks for itself, in the same breath.
            async with timeout(self._timeout):
                values = await self._pool.exchange([("GET", name) for name in names])
        return values

    async def _operation(self, command: Command) -> Any:
        async with timeout(self._timeout):
            [reply] = await self._pool.exchange([command])
        if isinstance(reply, ResponseError):
            raise reply
        return reply


class Operations:
    """What is under way on one loop, each in a task of its own.

    Whoever waits for an operation may be cancelled without breaking the conversation, and so
    without losing the connection or its neighbours' replies.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, operation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start an operation."""
        task = self._loop.create_task(operation)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def end(self) -> None:
        """Wait until all have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits for it any more


class Reads:
    """Gathers the reads of one turn of a loop.

    Args:
        loop: The loop.
        depart: Given them, those that nobody waits for any more left out.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, depart: Callable[[list[Read]], None]
    ) -> None:
        self._loop = loop
        self._depart = depart
        self._waiting: list[Read] = []

    def ask(self, name: bytes) -> asyncio.Future[bytes | None]:
        """Return the value of a key, later."""
        future: asyncio.Future[bytes | None] = self._loop.create_future()
        self._waiting.append((name, future))
        if len(self._waiting) == 1:
            # Runs when all that is ready in this turn of the loop has asked.
            self._loop.call_soon(self._turn)
        return future

    def _turn(self) -> None:
        reads, self._waiting = self._waiting, []
        if wanted := [read for read in reads if not read[1].done()]:
            self._depart(wanted)


@contextlib.contextmanager
def answering(reads: Sequence[Read]) -> Iterator[list[Any]]:
    """Give whoever waits for ``reads`` what the block put into the list, or its error.

    A ``ResponseError`` in the list is raised by the one whose answer it is.
    """
    answers: list[Any] = []
    try:
        yield answers
    except BaseException as error:
        if not isinstance(error, Exception):
            for _, future in reads:
                future.cancel()
            raise
        answers = [error] * len(reads)
    if len(answers) != len(reads):  # nobody may wait for an answer that never comes
        answers = [InvalidResponse("not as many values as keys")] * len(reads)
    for (_, future), answer in zip(reads, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


class AsyncPool:
    """Connections of one loop to one server: one for each exchange that is under way.

    Args:
        settings: How to make connections.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._idle: list[AbstractConnection] = []
        self._closed = False
        self._busy: set[AbstractConnection] = set()
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._elsewhere = FailoverProbe()

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together, over one connection, and return their replies.

        Args:
            commands: Each is sent even if an earlier one fails, and perhaps twice: a kept
                connection may turn out to be dead.

        Returns:
            The replies in order; a refusal of the server is a ``ResponseError`` among them.
        """
        async with self._slots:
            kept = await self._kept()
            if kept is not None:
                try:
                    return await self._exchange(kept, commands, last=self._elsewhere.was_tried())
                except Exception as error:
                    if not is_worth_a_fresh_connection(error):
                        raise
                    # Most likely its idle neighbours are no better.
                    await self._close_idle(wait=False)
            fresh = self._settings.async_connection()
            try:
                replies = await self._exchange(fresh, commands, last=True)
            except ValkeyConnectionError as error:
                raise self._settings.with_hint(error) from error.__cause__
            self._elsewhere.see(replies)
            return replies

    async def close(self, *, wait: bool = True) -> None:
        """Close the idle connections, and from now on each one after its exchange."""
        self._closed = True  # somebody may have got hold of the pool before, and use it once more
        await self._close_idle(wait=wait)

    async def _close_idle(self, *, wait: bool) -> None:
        """Close the idle connections."""
        while self._idle:
            connection = self._idle.pop()
            with contextlib.suppress(Exception):  # it is as good as closed
                await connection.disconnect(nowait=not wait)

    def abandon(self) -> None:
        """Close the sockets without the loop, which is closed."""
        for connection in (*self._idle, *self._busy):
            _close_socket(connection)
        self._idle.clear()
        self._busy.clear()

    async def _kept(self) -> AbstractConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if not self._settings.is_too_old(connection):
                return connection
            await connection.disconnect(nowait=True)
        return None

    async def _exchange(
        self, connection: AbstractConnection, commands: Sequence[Command], *, last: bool
    ) -> list[Any]:
        self._busy.add(connection)
        try:
            if not connection.is_connected:
                await self._settings.async_connect(connection)
            packed = [chunk for command in commands for chunk in _pack(*command)]
            await connection.send_packed_command(packed, check_health=False)
            replies = [await _reply(connection, last=last) for _ in commands]
        except BaseException:
            # A reply may still be on its way: nobody else must read it.
            await connection.disconnect(nowait=True)
            raise
        finally:
            self._busy.discard(connection)
        if self._closed:
            await connection.disconnect(nowait=True)
        else:
            self._idle.append(connection)
        return replies


async def _reply(connection: AbstractConnection, *, last: bool) -> Any:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        if not last and is_worth_a_fresh_connection(error):
            raise
        return error  # the server's answer; the conversation itself is intact


def _packer() -> Callable[..., list[bytes]]:
    """Return valkey-py's fastest way to write a command."""
    try:
        from valkey.connection import LibvalkeyRespSerializer

        LibvalkeyRespSerializer().pack("PING")
    except (ImportError, NameError):  # without libvalkey

        def encode(value: Any) -> bytes:
            return value if isinstance(value, bytes) else str(value).encode()

        pack = PythonRespSerializer(6000, encode).pack
    else:
        pack = LibvalkeyRespSerializer().pack
    result: Callable[..., list[bytes]] = pack
    return result


_pack = _packer()


def _close_socket(connection: AbstractConnection) -> None:
    """Close the socket of a connection whose loop is closed: its transport no longer can."""
    writer = connection._writer  # noqa: SLF001 - valkey-py has no public way
    connection._reader = connection._writer = None  # noqa: SLF001
    if writer is not None:
        sock = getattr(writer.get_extra_info("socket"), "_sock", None)
        if sock is not None:
            sock.close()
