"""Names, URLs and servers that mean no good: on a real server, and in what is logged."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from langchain_llmcache import CacheEvent, ConfigurationError, LLMCache, StoreError
from tests.support.patience import LATE, eventually
from tests.support.proxy import FaultProxy, Garbage, HangingListener, NotValkey, Truncate
from tests.support.servers import HOST, Server, StartServer, ValkeyServer
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, llm_string, texts

Halves = Callable[[LLMCache], Half]

PROMPTS = {
    "NULs": "a\x00b\x00",
    "one NUL more": "a\x00b\x00\x00",
    "protocol": "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    "lone surrogates": "\ud800 and \udfff",
    "other surrogates": "\ud801 and \udfff",
    "megabytes": "0123456789" * 400_000,
    "megabytes, and one letter": "0123456789" * 400_000 + "x",
    "nothing": "",
    "a space": " ",
    "JSON that is not messages": '{"lc": 1, "type": "constructor", "id": ["os", "system"]}',
    "deep JSON": "[" * 50_000 + "]" * 50_000,
    "right to left": "\u202etxt.exe",
    "composed": "\u00e9",
    "decomposed": "e\u0301",
}


async def test_any_text_may_be_asked(server: Server, half: Halves) -> None:
    """Prompts of any content and size have answers of their own, in short keys."""
    async with LLMCache.from_url(server.url, timeout=5) as cache:
        for name, prompt in PROMPTS.items():
            await half(cache).update(prompt, LLM_STRING, answer(name))
        for name, prompt in PROMPTS.items():
            assert texts(await half(cache).lookup(prompt, LLM_STRING)) == [name]
        assert cache.stats().errors == cache.stats().denied == 0
    with server.client() as client:
        keys = client.keys()
        assert len(keys) == len(PROMPTS)
        assert max(map(len, keys)) < 200


async def test_any_model_may_be_asked(server: Server, half: Halves) -> None:
    """Neither do names of models break keys, whatever is in them."""
    models = ["m/odel", "m%2Fodel", "a\x00b", "\ud800", "*", "[x]", "ü" * 500, "{tag}", "\r\n"]
    async with LLMCache.from_url(server.url) as cache:
        for number, name in enumerate(models):
            await half(cache).update(PROMPT, llm_string(name), answer(str(number)))
        for number, name in enumerate(models):
            assert texts(await half(cache).lookup(PROMPT, llm_string(name))) == [str(number)]
        assert cache.stats().errors == 0
        for name in models:
            await half(cache).clear(model=name)
    with server.client() as client:
        assert client.keys() == []


@pytest.mark.parametrize(
    "name",
    [
        "app[prod]:",
        "a*b?:",
        "with space and\r\nnew line:",
        "*3\r\n$3\r\nSET\r\n",
        "nul\x00:",
        "ünï-код:",
        "{tag}:",
        "%s%d{0}:",
        "back\\slash:",
        "'quotes\":",
        "-^]:",
    ],
)
async def test_any_prefix_and_namespace(server: Server, half: Halves, name: str) -> None:
    """A prefix or namespace of protocol and pattern characters holds, and clears, its own only."""
    neighbours = [LLMCache.from_url(server.url, prefix=each) for each in ("a", "app[prod]", "x:")]
    with server.client() as client:
        # What its pattern would match if it were one.
        for key in (b"appp:x/y", b"axb!:m/d", b"nul", b"tag:"):
            client.set(key, b"somebody else's")
        for neighbour in neighbours:
            neighbour.update(PROMPT, LLM_STRING, answer("neighbour"))
            neighbour.close()
        before = set(client.keys())
        every: list[dict[str, Any]] = [
            {"prefix": name},
            {"namespace": name},
            {"prefix": name, "namespace": name},
        ]
        for options in every:
            async with LLMCache.from_url(server.url, **options) as cache:
                await half(cache).update(PROMPT, LLM_STRING, answer(name))
                assert texts(await half(cache).lookup(PROMPT, LLM_STRING)) == [name]
                assert set(client.keys()) > before
                await half(cache).clear()
                assert set(client.keys()) == before
                assert cache.stats().errors == 0


async def test_credentials_of_any_characters(own_valkey_server: StartServer, half: Halves) -> None:
    """User and password are percent-encoded in a URL, and arrive as they are."""
    password = "p@ss/w:rd%#?&=+ü[]"
    server = own_valkey_server(users={"us@r": "on nopass ~* +@all"})
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "us@r", "resetpass", f">{password}")
    async with LLMCache.from_url(server.url_for("us@r", password)) as cache:
        await half(cache).update(PROMPT, LLM_STRING, answer())
        assert await half(cache).lookup(PROMPT, LLM_STRING) is not None


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("valkey://u:S3CRET@h?sockettimeout=1", "unknown option 'sockettimeout'.*known: "),
        ("valkey://u:S3CRET@h?decode_responses=false", "unknown option"),
        ("valkey://u:S3CRET@h?socket_keepalive=2", "not true or false"),
        ("valkey://u:S3CRET@h?db=-x", "not a whole number"),
        ("valkey://u:S3CRET@h?=", "unknown option ''"),
        ("valkey://u:S3CRET@h:6379x", "valid host and port"),
        ("valkey://u:S3CRET@[::1", "valid host and port"),
        ("http://u:S3CRET@h", "expected valkey://"),
        ("valkey:u:S3CRET@h", "expected valkey://"),
        ("u:S3CRET@h:6379", "expected valkey://"),
        ("sqlite://u:S3CRET@h/x", "three slashes"),
        ("memory://u:S3CRET@h", "takes nothing"),
        ("unix://u:S3CRET@relative", "unix:///run"),
        ("valkey://u:S3CRET@h/notanumber", "database number"),
        ("valkey://u:S3CRET@h\x00", "invisible character"),
        ("valkey://u:S3CRET@" + "h" * 5000, "valid host"),
        ("valkey://u:S3CRET@" + "h." * 2500 + "invalid", None),
    ],
)
def test_urls_that_make_no_sense(url: str, match: str | None) -> None:
    """A URL that is not understood is refused at once, and never repeated."""
    try:
        cache = LLMCache.from_url(url)
    except ConfigurationError as error:
        assert match is not None
        shown = "".join(traceback.format_exception(error))
        assert "S3CRET" not in shown.replace(f'"{url}"', "")
        with pytest.raises(ConfigurationError, match=match):
            raise
    else:
        assert match is None  # a host is as good as another, until it is asked
        assert cache.lookup(PROMPT, LLM_STRING) is None


@pytest.mark.parametrize(
    "said",
    [
        b"$-1\r\n",
        b"*0\r\n",
        b"+OK\r\n",
        b"*2\r\n$10\r\ninvalidate\r\n*0\r\n",
        b"*2\r\n$1\r\n0\r\n$-1\r\n",
    ],
)
async def test_a_scan_that_is_none_has_an_end(
    monkeypatch: pytest.MonkeyPatch, half: Halves, said: bytes
) -> None:
    """``clear`` says that this is no Valkey, and does not go on for ever."""
    monkeypatch.setattr(NotValkey, "ANSWER", said)
    with NotValkey() as other:
        async with LLMCache.from_url(other.url, cluster=False) as cache:
            with pytest.raises(StoreError, match="does not speak Valkey"):
                await half(cache).clear()


async def test_another_type_in_the_place_of_a_lease(server: Server, half: Halves) -> None:
    """A list that takes the place of a lease is an answer to nobody, and raises nothing."""
    async with LLMCache.from_url(server.url, lease=LATE, max_wait=1) as cache:
        assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        with server.client() as client:
            [key] = client.keys()
            client.delete(key)
            client.rpush(key, "a list")
            # Not stored (an empty answer is flawed), so the lease is given back.
            await half(cache).update(PROMPT, LLM_STRING, answer(""))
            assert await asyncio.to_thread(eventually, lambda: cache.stats().denied == 1)
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
            await half(cache).update(PROMPT, LLM_STRING, answer())
            assert await half(cache).lookup(PROMPT, LLM_STRING) is not None


# ---------------------------------------------------------------------------- nothing slips out


class Echo:
    """A server that answers each request with an error that repeats it, as some do."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(2)
                try:
                    while data := client.recv(65_536):
                        said = data.replace(b"\r\n", b" ")
                        client.sendall(
                            b"-ERR unknown command 'X', with args beginning with: '%b'\r\n" % said
                        )
                except OSError:
                    continue

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)  # its thread sits in accept
        self._listener.close()


# None of these may be seen anywhere.
PASSWORD = "S3CRET-password"
QUESTION = "S3CRET-question"
ANSWER = "S3CRET-answer"
SETTING = "S3CRET-setting"
KEY_SECRET = "S3CRET-key-secret"


@contextmanager
def listener(kind: str) -> Iterator[str | None]:
    """Yield host and port of something that is no server, if that is the trouble."""
    if kind == "echo":
        echo = Echo()
        yield f"{HOST}:{echo.port}"
        echo.close()
    elif kind == "not valkey":
        with NotValkey() as other:
            yield f"{HOST}:{other.port}"
    elif kind == "hanging":
        with HangingListener() as hanging:
            yield f"{HOST}:{hanging.port}"
    elif kind == "unknown host":
        yield "no-such-host.invalid"
    else:
        yield None


@contextmanager
def trouble(kind: str, start: StartServer, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a store in trouble of some kind, with a password in it."""
    with listener(kind) as address:
        if address is not None:
            yield f"valkey://app:{PASSWORD}@{address}"
        elif kind == "no file":
            yield f"sqlite:///{tmp_path}"
        else:
            rules = "+get" if kind == "not permitted" else "+@all"
            server = start(users={"app": f"on >{PASSWORD} ~* {rules}", "other": "on >x ~* +@all"})
            with server_in_trouble(kind, server) as url:
                yield url


@contextmanager
def server_in_trouble(kind: str, server: ValkeyServer) -> Iterator[str]:
    """Yield the URL of a server in trouble."""
    url = server.url_for("app", PASSWORD)
    if kind == "wrong password":
        url = server.url_for("other", PASSWORD)
    elif kind == "down":
        server.kill()
    elif kind == "tls":
        url = url.replace("valkey:", "valkeys:")
    elif kind == "full":
        with server.client() as client:
            client.config_set("maxmemory", 1)
    elif kind in ("garbage", "cut short"):
        with FaultProxy(server.port, Garbage() if kind == "garbage" else Truncate()) as proxy:
            yield f"valkey://app:{PASSWORD}@{HOST}:{proxy.port}"
        return
    yield url


KINDS = [
    *("echo", "not valkey", "hanging", "unknown host", "no file", "wrong password", "down"),
    *("garbage", "cut short", "tls", "full", "not permitted", "poisoned"),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_confidential_is_shown(
    own_valkey_server: StartServer,
    half: Halves,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    kind: str,
) -> None:
    """In no log line, error, event or repr: credentials, questions, answers, settings, keys."""
    settings = LLM_STRING.replace("('stop', None)", f"('api_key', '{SETTING}'), ('stop', None)")
    events: list[CacheEvent] = []
    shown: list[Any] = []
    with caplog.at_level(logging.DEBUG), trouble(kind, own_valkey_server, tmp_path) as url:
        cache = LLMCache.from_url(url, timeout=0.2, key_secret=KEY_SECRET, on_event=events.append)
        for _ in range(2):
            await half(cache).update(QUESTION, settings, answer(ANSWER))
            if kind == "poisoned":
                with Server(url).client() as client:
                    for key in list(client.keys()):
                        client.set(key, f"llm2:{{{ANSWER}".encode())
            await half(cache).lookup(QUESTION, settings)
        both: Any = half(cache)
        for command in (both.ping, both.clear, lambda: both.delete(QUESTION, settings)):
            try:
                await command()
            except StoreError as error:
                shown += [str(error), repr(error)]
        shown += [
            repr(cache),
            str(cache),
            repr(cache.stats()),
            repr(cache._opened),
            repr(cache.store),
        ]
        await cache.aclose()
    assert caplog.records or kind == "poisoned"
    shown += [record.getMessage() + str(record.exc_info) for record in caplog.records]
    shown += [*events, *capfd.readouterr()]
    for line in map(str, shown):
        assert "S3CRET" not in line
