"""Blocking connections to one server, shared by all threads; every operation has a deadline."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import ResponseError, TimeoutError  # noqa: A004 - valkey's is meant

from langchain_llmcache._valkey import commands
from langchain_llmcache._valkey.commands import Command
from langchain_llmcache._valkey.deadline import DeadlineConnection
from langchain_llmcache._valkey.in_thread import start_thread
from langchain_llmcache._valkey.settings import (
    ConnectionSettings,
    FailoverProbe,
    is_worth_a_fresh_connection,
)

# Idle connections kept for the next operation; more are made when more are needed at once.
_IDLE_KEPT: Final = 32


class BlockingPool:
    """Connections to one server: one for each exchange that is under way.

    Args:
        settings: How to make connections.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._idle: list[DeadlineConnection] = []
        self._process = os.getpid()
        self._elsewhere = FailoverProbe()

    def exchange(self, commands: Sequence[Command], deadline: float) -> list[Any]:
        """Send commands together, over one connection, and return their replies.

        Args:
            commands: Each is sent even if an earlier one fails, and perhaps twice: a kept
                connection may turn out to be dead.
            deadline: Of all of it, ``time.monotonic()``.

        Returns:
            The replies in order; a refusal of the server is a ``ResponseError`` among them.
        """
        if self._process != os.getpid():
            # After a fork the sockets are the parent's: they are dropped, not shut down.
            self._idle, self._process = [], os.getpid()
        kept = self._kept()
        if kept is not None:
            try:
                return self._exchange(kept, commands, deadline, last=self._elsewhere.was_tried())
            except Exception as error:
                if not is_worth_a_fresh_connection(error):
                    raise
                # Most likely its idle neighbours are no better.
                self.close()
        try:
            replies = self._exchange(self._connected(deadline), commands, deadline, last=True)
        except ValkeyConnectionError as error:
            raise self._settings.with_hint(error) from error.__cause__
        self._elsewhere.see(replies)
        return replies

    def close(self) -> None:
        """Close the idle connections. A later exchange opens new ones."""
        while self._idle:
            try:
                self._idle.pop().disconnect()
            except IndexError:  # another thread took it
                return

    def _kept(self) -> DeadlineConnection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                break
            if not self._settings.is_too_old(connection):
                return connection
            connection.disconnect()
        return None

    def _exchange(
        self,
        connection: DeadlineConnection,
        commands: Sequence[Command],
        deadline: float,
        *,
        last: bool,
    ) -> list[Any]:
        connection.set_deadline(deadline)
        try:
            for command in commands:
                packed = connection.pack_command(*command)
                connection.send_packed_command(packed, check_health=False)
            replies = [_reply(connection, last=last) for _ in commands]
        except BaseException:
            # A reply may still be on its way: nobody else must read it.
            connection.disconnect()
            raise
        self._release(connection)
        return replies

    def _release(self, connection: DeadlineConnection) -> None:
        if len(self._idle) < _IDLE_KEPT:
            self._idle.append(connection)
        else:
            connection.disconnect()

    def _connected(self, deadline: float) -> DeadlineConnection:
        """Return a new connection, or raise by the deadline.

        Looking up a name cannot be interrupted, and an address that does not answer is followed
        by the next one: so a thread connects, and whoever needs the connection waits no longer
        than it may. A connection that comes too late serves somebody else.
        """
        attempt = _Attempt(self._settings, deadline, self._release)
        start_thread(attempt.run, "llmcache-connect")
        return attempt.result(deadline - time.monotonic())


class BlockingTransport:
    """A server, for any thread.

    Args:
        settings: How to make connections.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._timeout = settings.timeout
        self._pool = BlockingPool(settings)

    async def get(self, name: bytes) -> bytes | None:
        """Return the value of a key."""
        reply: bytes | None = self._send("GET", name)
        return reply

    async def call(self, command: str, name: bytes, *arguments: Any) -> Any:
        """Return the reply to a command about one key."""
        return self._send(command, name, *arguments)

    async def eval(self, script: str, name: bytes, *arguments: Any) -> Any:
        """Run a script about one key."""
        return self._send("EVAL", script, 1, name, *arguments)

    async def together(self, items: Sequence[tuple[bytes, Command]]) -> list[Any]:
        """Return the replies to commands about keys, sent together; refusals are among them."""
        commands = [command for _, command in items]
        return self._pool.exchange(commands, time.monotonic() + self._timeout)

    async def everywhere(self, *command: Any) -> dict[str, Any]:
        """Return each server's reply to a command about no key; refusals are among them."""
        [reply] = self._pool.exchange([command], time.monotonic() + self._timeout)
        return {"": reply}

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys; return how many there were."""
        return await commands.unlink(self._call, names)

    def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, in batches."""
        return commands.scan(self._call, pattern)

    def close(self) -> None:
        """Close the idle connections. A later operation opens new ones."""
        self._pool.close()

    async def _call(self, *command: Any) -> Any:
        return self._send(*command)

    def _send(self, *command: Any) -> Any:
        [reply] = self._pool.exchange([command], time.monotonic() + self._timeout)
        if isinstance(reply, ResponseError):
            raise reply
        return reply


def _reply(connection: DeadlineConnection, *, last: bool) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        if not last and is_worth_a_fresh_connection(error):
            raise
        return error  # the server's answer; the conversation itself is intact


class _Attempt:
    """A connection in the making, and who wants it."""

    def __init__(
        self,
        settings: ConnectionSettings,
        deadline: float,
        release: Callable[[DeadlineConnection], None],
    ) -> None:
        self._settings = settings
        self._connection = settings.connection()
        self._connection.set_deadline(deadline)
        self._release = release
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._given_up = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Connect, in a thread of its own."""
        try:
            self._settings.connect(self._connection)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._error = error
            self._connection.disconnect()
        with self._lock:
            self._over.set()
            late = self._given_up and self._error is None
        if late:
            self._release(self._connection)

    def result(self, seconds: float) -> DeadlineConnection:
        """Return the connection, or raise after so many seconds."""
        if not self._over.wait(max(0.0, seconds)):
            with self._lock:
                self._given_up = not self._over.is_set()
            if self._given_up:
                raise TimeoutError("Timeout connecting to server")
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # no reference cycle through its traceback
        return self._connection
