"""Replies as they arrive on an event loop: in pieces, unasked, too early, or none at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from valkey._parsers import _AsyncRESP2Parser, _AsyncRESP3Parser
from valkey._parsers.libvalkey import NOT_ENOUGH_DATA
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import InvalidResponse, ResponseError

from langchain_llmcache import LLMCache
from langchain_llmcache._valkey.aio_wire import DirectWire, ParserReader
from langchain_llmcache._valkey.settings import ConnectionSettings
from tests.support.parsers import use_own_parser
from tests.support.patience import PATIENT
from tests.support.servers import HOST, Server
from tests.support.targets import LLM_STRING, answer, texts

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@pytest.fixture(params=["own", "fastest"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse with valkey-py's own parser, and with the fastest that is installed."""
    if request.param == "own":
        use_own_parser(monkeypatch)


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """Have connections served until their other ends close them; tell the port."""
    served: list[asyncio.Task[Any]] = []

    async def serving(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())  # type: ignore[arg-type]
        with suppress(OSError):
            await serve(source, sink)
        await closed(sink)

    listener = await asyncio.start_server(serving, HOST, 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.gather(*served)


async def closed(sink: asyncio.StreamWriter) -> None:
    """Close a connection."""
    sink.close()
    with suppress(OSError):
        await sink.wait_closed()


# ---------------------------------------------------------------------------- in pieces


def reader(parser: type[Any]) -> ParserReader:
    """Return a reader over a parser that is connected."""
    made = parser(socket_read_size=65536)
    made.encoder, made._connected = object(), True
    return ParserReader(made)


def replies(source: ParserReader) -> list[Any]:
    """Return all replies that are there in full."""
    return list(iter(lambda: source.gets(False), NOT_ENOUGH_DATA))


RESP2: dict[bytes, Any] = {
    b"+OK\r\n": b"OK",
    b":-7\r\n": -7,
    b"$0\r\n\r\n": b"",
    b"$-1\r\n": None,
    b"$9\r\na\r\nb\x00\r\n$\n\r\n": b"a\r\nb\x00\r\n$\n",
    b"*-1\r\n": None,
    b"*0\r\n": [],
    b"*3\r\n$1\r\na\r\n$-1\r\n*1\r\n:1\r\n": [b"a", None, [1]],
}
RESP3: dict[bytes, Any] = {
    b"_\r\n": None,
    b"#t\r\n": True,
    b"=5\r\ntxt:a\r\n": b"a",
    b"%1\r\n+a\r\n:1\r\n": {b"a": 1},
    b">2\r\n+message\r\n+to all\r\n+OK\r\n": b"OK",
}


@pytest.mark.parametrize(
    ("parser", "said"), [(_AsyncRESP2Parser, RESP2), (_AsyncRESP3Parser, {**RESP3, b":1\r\n": 1})]
)
def test_replies_in_pieces(parser: type[Any], said: dict[bytes, Any]) -> None:
    """Wherever the network cuts replies, they are what they were."""
    everything = b"".join(said)
    for cut in range(len(everything) + 1):
        source = reader(parser)
        source.feed(everything[:cut])
        first = replies(source)
        source.feed(everything[cut:])
        assert first + replies(source) == list(said.values())
        assert not source.has_data()
    source = reader(parser)
    one_by_one = []
    for byte in everything:
        source.feed(bytes([byte]))
        one_by_one += replies(source)
    assert one_by_one == list(said.values())


def test_errors_are_replies() -> None:
    """What a server refuses is told where it was asked; what ends the connection, too."""
    source = reader(_AsyncRESP2Parser)
    source.feed(b"-ERR no\r\n*1\r\n-ERR no\r\n-ERR max number of clients reached\r\n")
    refused, [inner], end = replies(source)
    assert isinstance(refused, ResponseError)
    assert isinstance(inner, ResponseError)
    assert isinstance(end, ValkeyConnectionError)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b":seven\r\n",
        b"$-2\r\n",
        b"$many\r\n",
        b"*many\r\n",
        b"*1\r\n" * 50_000,
        b"+" + b"endless" * 10_000,
    ],
)
def test_what_is_no_reply(said: bytes) -> None:
    """It is told as that, whatever the parser says to it."""
    source = reader(_AsyncRESP2Parser)
    source.feed(said)
    with pytest.raises(InvalidResponse):
        replies(source)


# ---------------------------------------------------------------------------- unasked


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("unasked", [b"$5\r\nhello\r\n", b"-ERR no\r\n", b"$5\r\nhel", b""])
@pytest.mark.usefixtures("parser")
async def test_a_reply_to_no_question(server: Server, unasked: bytes, protocol: int) -> None:
    """What a server says to a loop that rests is no reply to the next question.

    (It was, without libvalkey: all later replies were those to other questions.)
    """
    connections: list[asyncio.StreamWriter] = []
    ended = asyncio.Event()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
        await closed(sink)

    async def serve(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        connections.append(sink)
        replies, requests = await asyncio.open_connection(HOST, server.port)
        answering = asyncio.create_task(pump(replies, sink))
        await pump(source, requests)
        ended.set()
        await answering

    async with listening(serve) as port:
        url = f"valkey://{HOST}:{port}?protocol={protocol}"
        async with LLMCache.from_url(url, cluster=False, timeout=PATIENT) as cache:
            for name in "abc":
                await cache.aupdate(name, LLM_STRING, answer(name))
            [connection] = connections
            connection.write(unasked)
            if not unasked:
                connection.close()
            await asyncio.wait_for(ended.wait(), PATIENT)
            for name in "abc":
                assert texts(await cache.alookup(name, LLM_STRING)) == [name]
            assert len(connections) == 2
            assert cache.stats().errors == 0


# ---------------------------------------------------------------------------- too early


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"+hello\r\n", "InvalidResponse"),
        (b"-ERR max number of clients reached\r\n", "ConnectionError: max number of clients"),
    ],
)
@pytest.mark.usefixtures("parser")
async def test_a_reply_before_the_first_question(
    said: bytes, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no answer to that question; and a connection like it is not made again and again."""
    connections = 0

    async def serve(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await source.readuntil(b"AUTH")
        sink.write(b"+OK\r\n" + said)  # in one piece
        while await source.read(65536):
            pass

    async with listening(serve) as port:
        url = f"valkey://user:word@{HOST}:{port}"
        async with LLMCache.from_url(url, cluster=False, timeout=PATIENT) as cache:
            assert await cache.alookup("a", LLM_STRING) is None
            assert cache.stats().errors == 1
    assert connections == 1
    assert error in caplog.text


@pytest.mark.usefixtures("parser")
async def test_an_end_before_the_first_question() -> None:
    """A connection that its server ended meanwhile is known as ended: the loop does not say it again."""

    async def serve(*_: Any) -> None:
        """Close it at once."""

    ends: asyncio.Queue[Exception] = asyncio.Queue()

    class Owner:
        """Hears of the end."""

        def lost(self, _: object, error: Exception) -> None:
            ends.put_nowait(error)

    async with listening(serve) as port:
        settings = ConnectionSettings.from_url(f"valkey://{HOST}:{port}", timeout=PATIENT)
        connection: Any = settings.async_connection()
        await connection.connect()
        assert await connection._reader.read() == b""
        wire = DirectWire(connection, Owner())  # type: ignore[arg-type]
        assert isinstance(await asyncio.wait_for(ends.get(), PATIENT), ValkeyConnectionError)
        assert not wire.is_open
