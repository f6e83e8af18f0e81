"""A local HTTP endpoint that speaks Amazon Bedrock's Converse protocol.

It stands where the paid model would, so that the real ``ChatBedrockConverse`` and its botocore
client can be run, counted and slowed down without an account. It answers with texts, at once or
streamed. It listens on 127.0.0.1 only and checks no signature: it is for demos and benchmarks.
(``tests/support/bedrock.py`` adds what tests need: tools, reasoning, failures, scripts.)
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import socket
import socketserver
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from langchain_llmcache._demo import eventstream
from langchain_llmcache._demo.answers import ConverseError, ConverseRequest, answer

if TYPE_CHECKING:
    from langchain_aws import ChatBedrockConverse
    from typing_extensions import Self

DEFAULT_MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"

_ROUTE = re.compile(r"/model/(?P<model>[^/]+)/(?P<operation>converse|converse-stream)")
# The share of a streamed answer's latency that passes before its first piece.
_FIRST_PIECE = 0.25
# Part of the cache key, and the same for every port. Answers of this endpoint must never be
# taken for those of the real service by an application that shares the store.
_IDENTITY = "http://converse-endpoint.invalid"


class ConverseEndpoint:
    """A local model server; also a context manager.

    ``latency`` and ``answer_bytes`` may be changed while it runs.

    Args:
        latency: Seconds that an answer takes.
        answer_bytes: The size of answers in UTF-8; by default that of a paragraph.
    """

    def __init__(self, *, latency: float = 0.0, answer_bytes: int | None = None) -> None:
        self.latency = latency
        self.answer_bytes = answer_bytes
        self._lock = threading.Lock()
        self._calls = 0
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="converse-endpoint",
            daemon=True,
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The endpoint's address, as botocore's ``endpoint_url`` wants it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def calls(self) -> int:
        """How many model calls arrived, those still being answered and failed ones included."""
        with self._lock:
            return self._calls

    def close(self) -> None:
        """Stop at once: drop every connection and wait for the threads to end."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.drop_connections()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def respond(self, request: ConverseRequest) -> tuple[float, dict[str, Any] | ConverseError]:
        """Count a request; return how long its answer takes, and the answer."""
        with self._lock:
            self._calls += 1
        seconds = self.seconds(request)
        try:
            answered = self.answer(request)
        except ConverseError as error:
            return seconds, error
        answered.setdefault("metrics", {"latencyMs": max(1, round(seconds * 1000))})
        return seconds, answered

    def seconds(self, request: ConverseRequest) -> float:
        """Return how long the answer takes."""
        return self.latency

    def answer(self, request: ConverseRequest) -> dict[str, Any]:
        """Return the body of the answer."""
        return answer(request, answer_bytes=self.answer_bytes)

    def block_events(self, block: Mapping[str, Any]) -> Iterator[eventstream.Event]:
        """Cut a content block into the events of a stream."""
        return eventstream.text_events(block)

    def pause(self, seconds: float) -> None:
        """Wait, unless the endpoint is being closed."""
        if seconds > 0 and self._closing.wait(seconds):
            raise ConnectionAbortedError("the endpoint is closing")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, endpoint: ConverseEndpoint) -> None:
        self.endpoint = endpoint
        self._live: dict[threading.Thread, socket.socket] = {}
        self._live_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind asks the resolver for a host name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        # The base class keeps no track of daemon threads, so that none could be ended and joined.
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="converse-connection",
            daemon=True,
        )
        with self._live_lock:
            self._live[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._live_lock:
                self._live.pop(threading.current_thread(), None)

    def drop_connections(self) -> None:
        """End every open connection, idle ones included, and join its thread."""
        with self._live_lock:
            live = dict(self._live)
        for connection in live.values():
            # Its own thread, or the client, may be faster.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in live:
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is its own affair; anything else is a bug, worth a traceback.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            # What was still to be written to a client that is gone makes the base class raise
            # before this line, and the socket would stay open.
            self.rfile.close()

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        request = self._parsed(content)
        if isinstance(request, ConverseError):
            self._send_error(request)
            return
        seconds, answered = self.server.endpoint.respond(request)
        if request.stream and not isinstance(answered, ConverseError):
            self._send_stream(answered, seconds)
            return
        self.server.endpoint.pause(seconds)
        if isinstance(answered, ConverseError):
            self._send_error(answered)
        else:
            self._send_json(200, answered)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Print nothing: the endpoint's owner asks ``calls`` and ``requests``."""

    def _parsed(self, content: bytes) -> ConverseRequest | ConverseError:
        route = _ROUTE.fullmatch(self.path)
        if route is None:
            return ConverseError(
                f"No such operation: {self.path}", code="UnknownOperationException", status=404
            )
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return ConverseError(
                "The request body is not a JSON object.", code="SerializationException", status=400
            )
        streams = route["operation"] == "converse-stream"
        return ConverseRequest(unquote(route["model"]), body, stream=streams)

    def _send_json(self, status: int, body: Mapping[str, Any], **headers: str) -> None:
        payload = json.dumps(body, ensure_ascii=False).encode()
        self._send_head(status, "application/json", content_length=str(len(payload)), **headers)
        self.wfile.write(payload)

    def _send_error(self, error: ConverseError) -> None:
        self._send_json(error.status, {"message": error.message}, x_amzn_ErrorType=error.code)

    def _send_stream(self, response: Mapping[str, Any], seconds: float) -> None:
        events = eventstream.events(response, self.server.endpoint.block_events)
        frames = [eventstream.encode(name, payload) for name, payload in events]
        self._send_head(200, eventstream.CONTENT_TYPE, transfer_encoding="chunked")
        self.server.endpoint.pause(seconds * _FIRST_PIECE)
        for frame in frames:
            self.server.endpoint.pause(seconds * (1 - _FIRST_PIECE) / len(frames))
            self.wfile.write(b"%x\r\n%b\r\n" % (len(frame), frame))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, status: int, content_type: str, **headers: str) -> None:
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", content_type)
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def chat_model(
    endpoint: ConverseEndpoint,
    *,
    model: str = DEFAULT_MODEL,
    region_name: str = "us-west-2",
    **kwargs: Any,
) -> ChatBedrockConverse:
    """Build the real ``ChatBedrockConverse``, talking to the endpoint.

    Its client knows nothing of this computer's AWS settings: static made-up credentials, no
    profile, no configuration file, no instance metadata, no proxy, no retries.

    Args:
        endpoint: The endpoint to call.
        model: The model id.
        region_name: The AWS region.
        kwargs: Further arguments of ``ChatBedrockConverse``.
    """
    import botocore.session
    from botocore.config import Config
    from langchain_aws import ChatBedrockConverse

    nowhere = (None, None, os.devnull, None)
    session = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
    )
    session.register_component("data_loader", _descriptions())
    session.set_credentials("local-demo", "local-demo")
    client = session.create_client(
        "bedrock-runtime",
        region_name=region_name,
        endpoint_url=_IDENTITY,
        config=Config(
            # A bearer token in the environment would win over the static credentials.
            signature_version="v4",
            proxies={},
            retries={"total_max_attempts": 1, "mode": "legacy"},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=256,
        ),
    )

    def to_the_endpoint(request: Any, **_: Any) -> None:
        request.url = request.url.replace(_IDENTITY, endpoint.url, 1)

    client.meta.events.register("before-send.bedrock-runtime", to_the_endpoint)
    return ChatBedrockConverse(
        model=model,
        region_name=region_name,
        client=client,
        # Without one, it would look for credentials to build a client of the control plane.
        bedrock_client=client,
        base_url=_IDENTITY,
        **kwargs,
    )


@functools.cache
def _descriptions() -> Any:
    """AWS's descriptions of its services, for all clients: to read them takes longer than the rest."""
    from botocore.loaders import create_loader

    return create_loader()
