"""Blocking connections to one server, shared by all threads; every operation has a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import (
    InvalidResponse,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004 - valkey's is meant
)

from langchain_llmcache._forks import this_process
from langchain_llmcache._signals import Latch, pass_on
from langchain_llmcache._threads import start_thread
from langchain_llmcache._valkey.addresses import distrust
from langchain_llmcache._valkey.deadline import DeadlineConnection, Flow
from langchain_llmcache._valkey.green import runs_apart
from langchain_llmcache._valkey.packing import pack
from langchain_llmcache._valkey.router import Command
from langchain_llmcache._valkey.settings import (
    ConnectionSettings,
    FailoverProbe,
    is_worth_a_fresh_connection,
)
from langchain_llmcache._valkey.sizes import not_in_time

# Idle connections kept for the next operation; more are made when more are needed at once.
_IDLE_KEPT: Final = 32
# What is said by an address that is of no use, be the connection new or not.
_OF_NO_USE: Final = (TimeoutError, InvalidResponse, ReadOnlyError)
# Seconds between two looks for a connection that is free before a new one is there.
_LOOK_AGAIN: Final = 0.05
# Seconds by which a thread may be late without having been kept from looking.
_LATE: Final = 0.02


class SyncPool:
    """Connections to one server: one for each exchange that is under way.

    Args:
        settings: How to make connections.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._idle: list[DeadlineConnection] = []
        self._process = this_process()
        self._probe = FailoverProbe()
        self._flow = Flow()

    def exchange(
        self, commands: Sequence[Command], deadline: float, largest: int | None = None
    ) -> list[Any]:
        """Send commands together, over one connection, and return their replies.

        Args:
            commands: Each is sent even if an earlier one fails, and perhaps twice: a kept
                connection may turn out to be dead.
            deadline: Of all of it, ``time.monotonic()``.
            largest: Bytes that the reply to a single command may have.

        Returns:
            The replies in order; a refusal of the server is a ``ResponseError`` among them.
        """
        if self._process != this_process():
            # After a fork the sockets are the parent's: they are dropped, not shut down.
            self._idle, self._process = [], this_process()
        kept = self._kept()
        if kept is not None:
            try:
                last = self._probe.was_tried()
                return self._exchange(kept, commands, deadline, largest, last=last)
            except (TimeoutError, ValkeyConnectionError, ResponseError) as error:
                pass_on(error)
                # Most likely its idle neighbours are no better: where a connection was cut
                # silently, each of them would cost another deadline.
                self.close()
                if not is_worth_a_fresh_connection(error):
                    raise
        try:
            fresh = self._connected(deadline, or_kept=kept is None)
            replies = self._exchange(fresh, commands, deadline, largest, last=True)
        except ValkeyConnectionError as error:
            raise self._settings.with_hint(error) from error.__cause__
        self._probe.see(replies)
        return replies

    @property
    def has_idle(self) -> bool:
        """Whether there is a connection that was kept, and that this thread can use."""
        return bool(self._idle) and not runs_apart()

    def close(self) -> None:
        """Close the idle connections. A later exchange opens new ones."""
        while self._idle:
            try:
                self._idle.pop().disconnect()
            except IndexError:  # another thread took it
                return

    def _kept(self) -> DeadlineConnection | None:
        while self.has_idle:
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
        largest: int | None,
        *,
        last: bool,
    ) -> list[Any]:
        connection.share(self._flow)
        connection.set_deadline(deadline, largest)
        try:
            chunks = [chunk for command in commands for chunk in pack(*command)]
            packed = chunks if len(commands) == 1 else [b"".join(chunks)]
            connection.send_packed_command(packed, check_health=False)
            replies = [_reply(connection, last=last) for _ in commands]
        except BaseException as error:
            # A reply may still be on its way: nobody else must read it.
            connection.disconnect()
            pass_on(error)
            if isinstance(error, TimeoutError) and connection.is_flowing:
                raise not_in_time() from error
            # (A kept one may have been closed by a server that is well.)
            if isinstance(error, _OF_NO_USE) or (last and isinstance(error, ValkeyConnectionError)):
                distrust(connection)
            raise
        self._release(connection)
        return replies

    def _release(self, connection: DeadlineConnection) -> None:
        if len(self._idle) < _IDLE_KEPT and not runs_apart():
            self._idle.append(connection)
        else:
            connection.disconnect()

    def _connected(self, deadline: float, *, or_kept: bool) -> DeadlineConnection:
        """Return a new connection, or raise by the deadline.

        Looking up a name cannot be interrupted: so a thread connects, and whoever needs the
        connection waits no longer than it may. A connection that comes too late serves another
        caller.

        Args:
            deadline: ``time.monotonic()``.
            or_kept: Whether one that another thread does not need any more will do: where many
                connect at once, the server's part in that (with TLS, above all) takes long.
        """
        attempt = _Attempt(self._settings, deadline, self._release)
        start_thread(attempt.run, "llmcache-connect")
        while or_kept and not attempt.is_over_by(min(deadline, time.monotonic() + _LOOK_AGAIN)):
            kept = self._kept()
            if kept is not None:
                if attempt.leave():
                    return kept
                self._release(kept)
            or_kept = time.monotonic() < deadline
        return attempt.result(deadline)


def _reply(connection: DeadlineConnection, *, last: bool) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        if not last and is_worth_a_fresh_connection(error):
            raise
        return error  # the server's answer; the conversation itself is intact
    except ValueError as error:  # valkey-py's own parser expected a number
        raise InvalidResponse(str(error)) from error


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
        # One that comes too late for its first caller may still serve another.
        self._connection.set_deadline(deadline + settings.timeout)
        self._release = release
        self._lock = threading.Lock()
        self._over = Latch()
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
            self._over.open()
            late = self._given_up and self._error is None
        if late:
            self._release(self._connection)

    def result(self, deadline: float) -> DeadlineConnection:
        """Return the connection, or raise by the deadline."""
        if not self._is_over(deadline) and self.leave():
            distrust(self._connection)
            raise TimeoutError("Timeout connecting to server")
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # no reference cycle through its traceback
        return self._connection

    def leave(self) -> bool:
        """Let another caller have the connection, unless it is there; tell whether it is not."""
        with self._lock:
            self._given_up = not self._over.is_open
        return self._given_up

    def is_over_by(self, moment: float) -> bool:
        """Wait until then, ``time.monotonic()``; tell whether there is an outcome."""
        return self._over.wait(moment - time.monotonic())

    def _is_over(self, deadline: float) -> bool:
        if self.is_over_by(deadline):
            return True
        # If this thread was kept from looking, so was the one that connects.
        late = time.monotonic() - deadline
        return late > _LATE and self._over.wait(min(late, self._settings.timeout))
