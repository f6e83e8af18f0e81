"""One connection of an event loop: commands go out, and replies come back in their order.

valkey-py connects and authenticates. Then replies are read where their bytes arrive, without a
task that waits for them: by libvalkey, or by valkey-py's own parser, step by step.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Final, Protocol

from valkey._parsers.libvalkey import NOT_ENOUGH_DATA
from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import InvalidResponse, ResponseError, ValkeyError

from langchain_llmcache._signals import pass_on, suppressed
from langchain_llmcache._valkey.sizes import FIRST_LINE, FLOWING, TooLargeError, check_size

# Bytes under way, of requests and of the replies that are expected, before others wait.
_ROOM: Final = 4 * 2**20
# Bytes of an incomplete reply, from which on it is worth a look how many there will be.
_MANY: Final = 65_536
_UNASKED: Final = "a reply to no question"


class Sent(Protocol):
    """What was sent, and waits for a reply, or for several.

    Attributes:
        weight: Bytes of the request, and of what is expected to come.
        largest: Bytes that a reply may have; None: any number.
    """

    weight: int
    largest: int | None

    @property
    def deadline(self) -> float:
        """When those who wait want to hear, ``time.monotonic()``."""

    @property
    def done(self) -> bool:
        """Whether nobody waits for it any more."""

    def take(self, reply: Any) -> bool:
        """Take the next reply; tell whether it was the last."""


class Owner(Protocol):
    """Whoever sends over a connection."""

    def refuses(self, wire: Wire, reply: Exception) -> bool:
        """Tell whether an error is no answer to what was asked; then it was dealt with."""

    def heard(self, wire: Wire) -> None:
        """Go on, after whatever came."""

    def lost(self, wire: Wire, error: Exception) -> None:
        """Hear that the connection is of no use any more."""

    def break_off(self, error: BaseException) -> None:
        """Tell all who wait what has interrupted a callback of the loop."""


class Wire:
    """A connection, and what is under way on it.

    Attributes:
        connection: Of valkey-py.
        sent: What waits for replies, in their order.
        began: When it was ready, ``time.monotonic()``.
        since: When the server began with the first of ``sent``, as far as can be seen.
        is_partial: Whether a part of the first reply is here.
        arrived: Bytes of it, about.
        count: How often anything came.
    """

    def __init__(self, connection: AbstractConnection, owner: Owner) -> None:
        self.connection = connection
        self.sent: deque[Sent] = deque()
        self.began = self.since = time.monotonic()
        self.is_partial = False
        self.arrived = 0
        self.count = 0
        self.is_open = True
        self._owner = owner
        self._writer: Any = connection._writer  # noqa: SLF001 - valkey-py has no public way
        self._weight = 0
        self._is_paused = False

    @property
    def is_flowing(self) -> bool:
        """Whether the first reply is a large one, and much of it is here."""
        return self.is_partial and self.arrived >= FLOWING

    def has_room(self, more: int) -> bool:
        """Tell whether anything may be sent after so many more bytes."""
        weight = self._weight + more
        return not weight or (weight < _ROOM and not self._is_paused)

    def add(self, sent: Sent) -> None:
        """Expect replies to this, which is written next."""
        if not self.sent:
            self.since = time.monotonic()
        self._weight += sent.weight
        self.sent.append(sent)

    def drop_first(self) -> Sent:
        """Expect no reply to the first any more, because it is here or the wire is closed."""
        first = self.sent.popleft()
        self._weight -= first.weight
        return first

    def write(self, chunks: list[bytes]) -> None:
        """Send packed commands."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection, without waiting for it."""
        raise NotImplementedError

    def drop(self) -> None:
        """Close it at once: what was written, and a farewell, would not arrive."""
        self.close()

    async def closed(self, seconds: float) -> None:
        """Wait until it is closed, and no longer than so many seconds."""

    def abandon(self) -> None:
        """Close the socket without the loop, which is closed: its transport no longer can."""
        self.is_open = False
        self.connection._reader = self.connection._writer = None  # noqa: SLF001
        sock = getattr(self._writer.get_extra_info("socket"), "_sock", None)
        if sock is not None:
            sock.close()

    def _take(self, reply: Any) -> bool:
        """Give a reply to whoever asked; tell whether the connection can still be used."""
        if not self.sent:
            self._end(reply if isinstance(reply, ValkeyError) else InvalidResponse(_UNASKED))
        elif isinstance(reply, ValkeyConnectionError):
            self._end(reply)
        elif isinstance(reply, Exception) and self._owner.refuses(self, reply):
            pass
        elif self.sent[0].take(reply):
            self.drop_first()
        self.since = time.monotonic()
        return self.is_open

    def _end(self, error: Exception) -> None:
        if self.is_open:
            self.drop()
            self._owner.lost(self, error)


class DirectWire(Wire, asyncio.Protocol):
    """A connection whose bytes are taken from the loop's transport as they arrive."""

    def __init__(self, connection: AbstractConnection, owner: Owner) -> None:
        super().__init__(connection, owner)
        self._loop = asyncio.get_running_loop()
        parser: Any = connection._parser  # noqa: SLF001
        stream: Any = connection._reader  # noqa: SLF001
        self._reader = getattr(parser, "_reader", None) or ParserReader(parser)
        # (What is dropped while it is connected complains.)
        connection._reader = connection._writer = None  # noqa: SLF001
        self._transport: Any = self._writer.transport
        self._gone: asyncio.Future[None] | None = None
        # Of a reply that is not here in full: its beginning, where that is known.
        self._start = b""
        self._transport.set_protocol(self)
        # What came, or ended, already: the loop does not tell it again.
        early = bytes(getattr(stream, "_buffer", b""))
        if early or self._reader.has_data():
            self._loop.call_soon(self.data_received, early)
        if getattr(stream, "_eof", False) or self._transport.is_closing():
            self._loop.call_soon(self.connection_lost, stream.exception())

    @staticmethod
    def serves(connection: AbstractConnection) -> bool:
        """Tell whether this connection has what is needed."""
        transport = getattr(connection._writer, "transport", None)  # noqa: SLF001
        return hasattr(transport, "set_protocol")

    def write(self, chunks: list[bytes]) -> None:
        self._transport.write(b"".join(chunks))

    def close(self) -> None:
        self.is_open = False
        if self._gone is None:
            self._gone = self._loop.create_future()
            self._transport.close()

    def drop(self) -> None:
        self.close()
        _abort(self._transport)

    async def closed(self, seconds: float) -> None:
        if self._gone is not None and not self._gone.done():
            await asyncio.wait([self._gone], timeout=seconds)
            _abort(self._transport)

    # -- of the loop

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            return
        self.count += 1
        reader, was_partial = self._reader, self.is_partial
        try:
            reader.feed(data)
            while (reply := reader.gets(False)) is not NOT_ENOUGH_DATA:  # noqa: FBT003
                was_partial = True  # what follows does not begin with these bytes
                self.arrived = 0
                if not self._take(reply):
                    return
            self.is_partial = reader.has_data()
            if self.is_partial:
                self._check(data if not was_partial else b"", len(data))
            self._owner.heard(self)
        except (InvalidResponse, TooLargeError) as error:
            self._end(error)
        except BaseException as error:  # noqa: BLE001 - those who wait are told
            self._owner.break_off(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        where = self.connection._host_error()  # noqa: SLF001
        said = (
            "Connection closed by server."
            if exc is None
            else f"Error while reading from {where} : {exc.args}"
        )
        self._end(ValkeyConnectionError(said))

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._owner.heard(self)

    def _check(self, start: bytes, count: int) -> None:
        """Look at how much of a reply has come that is not here yet in full, and how it begins."""
        if not self.sent:
            raise InvalidResponse(_UNASKED)
        if self.arrived == 0:
            self._start = start[:FIRST_LINE]
        self.arrived += count
        if self.arrived >= _MANY and self.sent[0].largest is not None:
            check_size(self._start, self.arrived, self.sent[0].largest)


class TaskWire(Wire):
    """A connection without a transport, as a fake server's: a task reads what was asked for."""

    def __init__(self, connection: AbstractConnection, owner: Owner) -> None:
        super().__init__(connection, owner)
        self._reading: asyncio.Task[None] | None = None

    def write(self, chunks: list[bytes]) -> None:
        self._writer.writelines(chunks)
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())

    def close(self) -> None:
        self.is_open = False
        self.connection._close()  # noqa: SLF001
        if self._reading is not None and self._reading is not asyncio.current_task():
            self._reading.cancel()

    async def _read(self) -> None:
        try:
            while self.sent and self._take(await self._reply()):
                self._owner.heard(self)
        except Exception as error:  # noqa: BLE001 - those who wait are told
            self._end(error)
        except BaseException:
            self._end(ValkeyConnectionError("interrupted"))
            raise
        finally:
            self._reading = None

    async def _reply(self) -> Any:
        try:
            return await self.connection.read_response(disable_decoding=True)
        except ResponseError as error:
            return error
        except ValueError as error:  # valkey-py's own parser expected a number
            raise InvalidResponse(str(error)) from error
        finally:
            self.count += 1


class ParserReader:
    """valkey-py's own parser as a reader like libvalkey's, which goes on when bytes arrive.

    Args:
        parser: Of asyncio. It gets its bytes from here from now on.
    """

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._bytes = bytearray()
        self._parsing: Coroutine[Any, Any, Any] | None = None
        parser._stream = self  # noqa: SLF001

    def feed(self, data: bytes) -> None:
        self._bytes += data

    def has_data(self) -> bool:
        """Tell whether there is a part of a reply."""
        return self._parsing is not None

    def gets(self, _: bool) -> Any:  # noqa: FBT001 - as libvalkey has it
        """Return the next reply, or NOT_ENOUGH_DATA."""
        if self._parsing is None:
            if not self._bytes:
                return NOT_ENOUGH_DATA
            self._parsing = self._parser.read_response(disable_decoding=True)
        try:
            self._parsing.send(None)
        except StopIteration as end:
            reply = end.value
        except ValkeyConnectionError as error:  # so says the server
            pass_on(error)
            reply = error
        except InvalidResponse:
            raise
        except Exception as error:
            pass_on(error)
            raise InvalidResponse("no reply of a server") from error
        else:
            return NOT_ENOUGH_DATA
        self._parsing = None
        return reply

    # -- of the parser

    async def readline(self) -> bytes:
        searched = 0
        while (end := self._bytes.find(b"\r\n", searched)) < 0:
            if len(self._bytes) > _MANY:
                raise InvalidResponse("a line without an end")
            searched = max(0, len(self._bytes) - 1)
            await _more()
        return self._first(end + 2)

    async def readexactly(self, count: int) -> bytes:
        if count < 2:  # noqa: PLR2004 - with the end of a line
            raise InvalidResponse("a value of less than no bytes")
        while len(self._bytes) < count:
            await _more()
        return self._first(count)

    def _first(self, count: int) -> bytes:
        data = bytes(self._bytes[:count])
        del self._bytes[:count]
        return data


@coroutine
def _more() -> Generator[None, None, None]:
    """Wait for the next ``gets``."""
    yield


def _abort(transport: Any) -> None:
    """Close a transport at once, as far as that was not done."""
    with suppressed(AttributeError):  # of Python up to 3.11, where one with TLS has ended
        transport.abort()


def wire_of(connection: AbstractConnection, owner: Owner) -> Wire:
    """Return a wire over a connection that valkey-py has made."""
    return (DirectWire if DirectWire.serves(connection) else TaskWire)(connection, owner)
