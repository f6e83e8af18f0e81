"""What a network does to a conversation: a TCP proxy with switchable faults, and other listeners.

A proxy works on bytes, so it fits any server, with TLS or without. All listen on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from typing_extensions import Self

from tests.support.loop_thread import LoopThread
from tests.support.servers import HOST, free_port

# ---------------------------------------------------------------------------- faults


@dataclass(frozen=True)
class Pass:
    """No fault."""


@dataclass(frozen=True)
class Delay:
    """Replies come late, in order; requests pass at once.

    The late reply of a request that was given up is still delivered: a client that goes on
    using that connection reads the answer to another question.
    """

    seconds: float


@dataclass(frozen=True)
class BlackHole:
    """Connections are accepted; what is said in either direction disappears."""


@dataclass(frozen=True)
class Reset:
    """Open connections get a TCP RST at once, new ones as soon as they are accepted."""


@dataclass(frozen=True)
class Garbage:
    """Each piece of a reply is replaced by this."""

    data: bytes = b"\x00\xff!@#$%^&*()\r\nnot the protocol\r\n" * 4


@dataclass(frozen=True)
class Truncate:
    """The next reply of each connection ends after so many bytes, and the connection with it."""

    after: int = 3


@dataclass(frozen=True)
class Drip:
    """Replies come byte by byte."""

    seconds_per_byte: float


@dataclass(frozen=True)
class Throttle:
    """Requests go through a thin pipe."""

    bytes_per_second: int


@dataclass(frozen=True)
class Refuse:
    """Nobody listens; open connections are reset."""


Fault = Pass | Delay | BlackHole | Reset | Garbage | Truncate | Drip | Throttle | Refuse


# ---------------------------------------------------------------------------- the proxy


class FaultProxy:
    """A TCP proxy in front of ``upstream``, whose fault can be changed while clients talk.

    ``proxy.fault = Delay(0.3)`` applies at once, to open connections too;
    ``with proxy.faulty(BlackHole()): ...`` only inside the block.

    Attributes:
        port: Where clients connect; it stays the same.
        upstream: Port behind it, on 127.0.0.1. A change applies to new connections.
        accepted: Connections accepted so far.
        open: Connections open now.
    """

    def __init__(
        self, upstream: int, fault: Fault | None = None, *, host: str = HOST, port: int = 0
    ) -> None:
        self.upstream = upstream
        self.accepted = 0
        self.port = port
        self._host = host
        self._fault: Fault = fault or Pass()
        self._listener: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._thread = LoopThread()
        try:
            self._thread.run(self._apply())
        except BaseException:
            self._thread.close()
            raise

    @property
    def url(self) -> str:
        """``valkey://127.0.0.1:port``."""
        return f"valkey://{HOST}:{self.port}"

    @property
    def open(self) -> int:
        """Connections open now."""
        return len(self._clients)

    @property
    def fault(self) -> Fault:
        """What goes wrong at present."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self._fault = fault
        self._thread.run(self._apply())

    @contextmanager
    def faulty(self, fault: Fault) -> Iterator[None]:
        """Something goes wrong inside the block, and what was before after it."""
        before = self.fault
        self.fault = fault
        try:
            yield
        finally:
            self.fault = before

    def cut(self) -> None:
        """Reset the open connections, once."""
        self._thread.run(self._reset_all())

    def forget(self, share: float = 1.0) -> int:
        """Forget a share of the open connections, as a NAT or a load balancer does.

        What is said over them disappears, without a reset; new connections work. Returns how
        many were forgotten.
        """
        return self._thread.run(self._forget(share))

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self.fault = Refuse()
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # -- inside, on the proxy's loop

    async def _apply(self) -> None:
        if isinstance(self._fault, Reset | Refuse):
            await self._reset_all()
        if isinstance(self._fault, Refuse):
            if self._listener is not None:
                self._listener.close()
                self._listener = None
        elif self._listener is None:
            await self._listen()

    async def _listen(self) -> None:
        for _ in range(50):
            port = self.port or free_port()
            try:
                self._listener = await asyncio.start_server(self._serve, self._host, port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                await asyncio.sleep(0.1)
            else:
                self.port = port
                return
        raise RuntimeError(f"Port {self.port} is not to be had")

    async def _reset_all(self) -> None:
        for writer in list(self._clients):
            _reset(writer)
        await asyncio.sleep(0)

    async def _forget(self, share: float) -> int:
        known = sorted(self._clients - self._forgotten, key=id)
        forgotten = known[: round(share * len(known))]
        self._forgotten.update(forgotten)
        return len(forgotten)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if isinstance(self._fault, Reset | Refuse):
            _reset(writer)
            return
        self._clients.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self.upstream)
        except BaseException as error:
            self._clients.discard(writer)
            writer.close()  # the client sees its connection closed
            if not isinstance(error, OSError):
                raise
            return
        pumps: list[asyncio.Task[None]] = []
        try:
            pumps = [
                asyncio.create_task(self._requests(reader, server_writer, writer)),
                asyncio.create_task(self._replies(server_reader, writer)),
            ]
            # One side has closed: the conversation is over.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(writer)
            self._forgotten.discard(writer)
            for pump in pumps:
                pump.cancel()
            writer.close()
            server_writer.transport.abort()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> None:
        through = 0.0  # when all that came is through
        while data := await reader.read(65_536):
            if isinstance(self._fault, Throttle):
                now = time.monotonic()
                # (What this loop is late, on a busy machine, is no thinner pipe.)
                through = max(through, now - 0.5) + len(data) / self._fault.bytes_per_second
                await asyncio.sleep(through - now)
            if not isinstance(self._fault, BlackHole) and client not in self._forgotten:
                writer.write(data)
                await writer.drain()

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            fault = self._fault
            if isinstance(fault, BlackHole) or writer in self._forgotten:
                continue
            if isinstance(fault, Truncate):
                writer.write(data[: fault.after])
                await writer.drain()
                return
            if isinstance(fault, Drip):
                for index in range(len(data)):
                    await asyncio.sleep(fault.seconds_per_byte)
                    writer.write(data[index : index + 1])
                continue
            if isinstance(fault, Delay):
                await asyncio.sleep(fault.seconds)
            writer.write(fault.data if isinstance(fault, Garbage) else data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# ---------------------------------------------------------------------------- other listeners


class HangingListener:
    """A listener whose accept queue is full: connects neither succeed nor fail."""

    def __init__(self, host: str = HOST, port: int = 0) -> None:
        self._listener = socket.socket()
        self._listener.bind((host, port))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._fillers: list[socket.socket] = []
        # The queue holds one or two; the kernel drops the handshakes of the rest.
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((host, self.port))
            self._fillers.append(filler)

    @property
    def url(self) -> str:
        """``valkey://127.0.0.1:port``."""
        return f"valkey://{HOST}:{self.port}"

    def close(self) -> None:
        """Let go of everything."""
        for each in (*self._fillers, self._listener):
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class NotValkey:
    """Something else that listens: it answers whatever is said with an HTTP error."""

    ANSWER = (
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
        b"Content-Length: 11\r\nConnection: close\r\n\r\nBad Request"
    )

    def __init__(self, port: int = 0) -> None:
        self._thread = LoopThread()
        try:
            self._server = self._thread.run(self._listen(port))
        except BaseException:
            self._thread.close()
            raise
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """``valkey://127.0.0.1:port``."""
        return f"valkey://{HOST}:{self.port}"

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, HOST, port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                if await reader.read(65_536):
                    writer.write(self.ANSWER)
                    await writer.drain()
        finally:
            writer.close()

    def close(self) -> None:
        """Stop listening."""
        self._thread.loop.call_soon_threadsafe(self._server.close)
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
