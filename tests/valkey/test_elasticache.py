"""Amazon ElastiCache: endpoints, IAM tokens, and a server that has only what Serverless has."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.server
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from botocore.credentials import Credentials
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from langchain_llmcache import ConfigurationError, LLMCache, StoreError
from langchain_llmcache._valkey import settings as module
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache.elasticache import Endpoint, IamCredentials, read_endpoint
from tests.support import ROOT, acl
from tests.support.certificates import Certificates
from tests.support.patience import LATE, SOON, soon
from tests.support.servers import StartCluster, StartServer, ValkeyServer, wait_until
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, texts

Halves = Callable[[LLMCache], Half]
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = Credentials("AKIDEXAMPLE", SECRET, "session-token-example")
SERVERLESS = "my-cache-a1b2c3.serverless.use1.cache.amazonaws.com"
PROVIDER = "developer_toolkit_elasticache.token_generator.ElastiCacheIAMAuthTokenProvider"

# What ElastiCache Serverless does not have; a test with this user fails if it is needed.
SERVERLESS_RULES = (
    "~* +@all -keys -config -client|list -client|id -client|info -client|kill -client|tracking "
    "-client|setinfo -client|setname -function -memory -object -wait -monitor -flushall -flushdb "
    "-dbsize -info -select -swapdb -move -debug -acl -script -latency -slowlog -subscribe"
)


# --- endpoints ---


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (
            f"{SERVERLESS}:6379",
            Endpoint(SERVERLESS, 6379, "my-cache", "us-east-1", True, True, True),
        ),
        (
            "clustercfg.my-group.a1b2c3.euc1.cache.amazonaws.com:6380",
            Endpoint(
                "clustercfg.my-group.a1b2c3.euc1.cache.amazonaws.com",
                6380,
                "my-group",
                "eu-central-1",
                False,
                True,
                True,
            ),
        ),
        (
            "master.my-group.a1b2c3.apse2.cache.amazonaws.com",
            Endpoint(
                "master.my-group.a1b2c3.apse2.cache.amazonaws.com",
                6379,
                "my-group",
                "ap-southeast-2",
                False,
                True,
                False,
            ),
        ),
        (
            "my-group.a1b2c3.ng.0001.usw2.cache.amazonaws.com",
            Endpoint(
                "my-group.a1b2c3.ng.0001.usw2.cache.amazonaws.com",
                6379,
                "my-group",
                "us-west-2",
                False,
                False,
                False,
            ),
        ),
        (
            "my-group.a1b2c3.clustercfg.cnn1.cache.amazonaws.com.cn",
            Endpoint(
                "my-group.a1b2c3.clustercfg.cnn1.cache.amazonaws.com.cn",
                6379,
                "my-group",
                "cn-north-1",
                False,
                False,
                True,
            ),
        ),
        (
            "a-b-c-x1y2z3.serverless.us-west-2.cache.amazonaws.com",
            Endpoint(
                "a-b-c-x1y2z3.serverless.us-west-2.cache.amazonaws.com",
                6379,
                "a-b-c",
                "us-west-2",
                True,
                True,
                True,
            ),
        ),
        ("cache.internal:7000", Endpoint("cache.internal", 7000)),
    ],
)
def test_an_endpoint_tells(text: str, endpoint: Endpoint) -> None:
    """A name of ElastiCache's tells name, region, TLS, serverless and cluster mode; others none."""
    assert read_endpoint(text) == endpoint


@pytest.mark.parametrize(
    "text", ["", ":6379", "valkeys://host", "user:secret@host", "host:port", "host/0", "host:99999"]
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    """Anything but ``host`` or ``host:port`` is refused, without repeating it."""
    with pytest.raises(ConfigurationError, match="host:port") as caught:
        LLMCache.from_elasticache(text)
    assert "secret" not in str(caught.value)


def test_every_region_is_understood() -> None:
    """The abbreviations in endpoints stand for the regions that botocore knows, one to one."""
    session = botocore.session.Session()
    regions = [
        region
        for partition in ("aws", "aws-cn", "aws-us-gov")
        for region in session.get_available_regions("elasticache", partition)
    ]
    assert len(regions) > 30
    for region in regions:
        area, *directions, number = region.split("-")
        words = {"gov": "g", "northeast": "ne", "southeast": "se", "northwest": "nw"}
        short = area + "".join(words.get(word, word[0]) for word in directions) + number
        told = read_endpoint(f"clustercfg.g.a1.{short}.cache.amazonaws.com")
        assert told.region == region


def settings(endpoint: str, **options: Any) -> ConnectionSettings:
    """Return the settings that come of an endpoint and options."""
    cache = LLMCache.from_elasticache(endpoint, **options)
    entries: Any = cache._opened.blocking.entries
    found: ConnectionSettings = entries.router._nodes._settings
    return found


def test_what_follows_from_an_endpoint() -> None:
    """TLS with host names checked, cluster mode and credentials come from the name; options win."""
    found = settings(SERVERLESS, user="app", aws_credentials=KEYS)
    assert found.cluster.enabled is True
    assert found.arguments["ssl_check_hostname"] is True
    assert found.max_age is not None
    assert 3600 < found.max_age < 12 * 3600
    assert found.credentials is found.arguments["credential_provider"]

    found = settings("my-group.a1b2c3.ng.0001.usw2.cache.amazonaws.com")
    assert found.cluster.enabled is False
    assert (found.credentials, found.max_age) == (None, None)
    assert set(found.arguments) == {"host", "port"}

    found = settings("my-group.a1b2c3.ng.0001.usw2.cache.amazonaws.com", password="p")
    assert found.arguments["ssl_check_hostname"] is True  # a password is never sent in clear
    assert found.arguments["password"] == "p"

    found = settings("cache.internal", user="u", password="p", cluster=True, ca_certs="/ca.pem")
    assert found.cluster.enabled is True
    assert (found.arguments["username"], found.arguments["ssl_ca_certs"]) == ("u", "/ca.pem")
    assert settings("cache.internal").cluster.enabled is None
    assert "ssl_check_hostname" in settings("cache.internal").arguments
    assert "ssl_check_hostname" not in settings("cache.internal", tls=False).arguments


@pytest.mark.parametrize(
    ("endpoint", "options", "match"),
    [
        ("cache.internal", {"user": "app"}, "cache_name="),
        (SERVERLESS, {"user": "app", "tls": False}, "TLS only"),
        (SERVERLESS, {"user": "no such user!"}, "user_id"),
        (SERVERLESS, {"user": "app", "cache_name": "a/b"}, "serverless_cache_name"),
        ("cache.internal", {"password": "secret\n"}, "password has a line break"),
        (SERVERLESS, {"user": "app\r\n"}, "user has a line break"),
        (SERVERLESS, {"prefix": ""}, "prefix"),
        (SERVERLESS, {"timeout": 0}, "timeout"),
        (SERVERLESS, {"ttl": -1}, "ttl"),
    ],
)
def test_what_does_not_go_together(endpoint: str, options: dict[str, Any], match: str) -> None:
    """What cannot be meant is refused at once, and the message says what to give."""
    with pytest.raises(ConfigurationError, match=match):
        LLMCache.from_elasticache(endpoint, **options)


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without AWS's package, IAM is refused, and the message says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "developer_toolkit_elasticache", None)
    with pytest.raises(ConfigurationError, match=r"langchain-llmcache\[aws\]"):
        LLMCache.from_elasticache(SERVERLESS, user="app")
    LLMCache.from_elasticache(SERVERLESS, user="app", password="p")


# --- tokens ---


def presigned(name: str, user: str, region: str, parameters: dict[str, str]) -> str:
    """Return the token that AWS's documentation has one make with botocore itself."""
    session = botocore.session.Session()
    signer = RequestSigner(
        ServiceId("elasticache"),
        region,
        "elasticache",
        "v4",
        KEYS,
        session.get_component("event_emitter"),
    )
    query = "&".join(
        f"{k}={v}" for k, v in {"Action": "connect", "User": user, **parameters}.items()
    )
    url = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": f"https://{name}/?{query}",
            "body": {},
            "headers": {},
            "context": {},
        },
        operation_name="connect",
        expires_in=900,
        region_name=region,
    )
    return str(url).removeprefix("https://")


@pytest.mark.parametrize("serverless", [True, False])
def test_a_token_is_botocores(serverless: bool) -> None:
    """The password equals the URL that botocore presigns, byte for byte; the name in lower case."""
    parameters = {"ResourceType": "ServerlessCache"} if serverless else {}
    user = token = expected = ""
    for _ in range(3):  # a second may end in between
        credentials = IamCredentials(
            user="App-User",
            cache_name="My-Cache",
            serverless=serverless,
            region="eu-west-1",
            credentials=KEYS,
        )
        user, token = credentials.get_credentials()
        expected = presigned("my-cache", "app-user", "eu-west-1", parameters)
        credentials.close()
        if token == expected:
            break
    assert token == expected
    assert user == "app-user"
    query = parse_qs(urlsplit(f"https://{token}").query)
    assert query["X-Amz-Expires"] == ["900"]
    assert ("ResourceType" in query) == serverless


def test_a_token_is_served_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second token costs no signing; ``close`` ends the background work, a later use begins anew."""
    credentials = IamCredentials(
        user="app", cache_name="c", serverless=True, region="eu-west-1", credentials=KEYS
    )
    assert not credentials.at_hand()
    first = credentials.get_credentials()
    assert credentials.at_hand()
    with monkeypatch.context() as signing_fails:
        signing_fails.setattr(f"{PROVIDER}.get_token", None)
        for _ in range(1000):
            assert credentials.get_credentials() == first
    credentials.close()
    assert not credentials.at_hand()
    assert credentials.get_credentials()[0] == "app"
    credentials.close()


def test_dropped_credentials_sign_no_more() -> None:
    """A cache that is dropped without being closed leaves no thread that signs tokens for ever."""

    def signing() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name.startswith("elasticache-iam")}

    before = signing()
    credentials = IamCredentials(
        user="app", cache_name="c", serverless=True, region="eu-west-1", credentials=KEYS
    )
    credentials.get_credentials()
    [thread] = signing() - before
    del credentials
    gc.collect()
    thread.join(SOON)
    assert not thread.is_alive()


def test_nothing_tells_a_secret() -> None:
    """No ``repr`` shows a token or a key."""
    credentials = IamCredentials(
        user="app", cache_name="c", serverless=True, region="eu-west-1", credentials=KEYS
    )
    _, token = credentials.get_credentials()
    found = settings(SERVERLESS, user="app", aws_credentials=KEYS)
    for text in (repr(credentials), repr(found), repr(found.connection())):
        assert SECRET not in text
        assert token not in text
        assert "X-Amz" not in text
    credentials.close()


async def test_no_credentials_is_a_miss_and_explained(
    half: Halves, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without AWS credentials lookups are misses, in time, and ``ping`` says what is wrong."""
    monkeypatch.setattr("developer_toolkit_elasticache.token_manager._MAX_ATTEMPTS", 1)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with contextlib.closing(__import__("socket").create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        cache = LLMCache.from_elasticache(
            f"127.0.0.1:{port}", user="app", cache_name="c", cluster=False, timeout=SOON
        )
        with soon():
            assert await half(cache).lookup(PROMPT, LLM_STRING) is None
        with pytest.raises(StoreError, match="no IAM token for ElastiCache"):
            await half(cache).ping()
        assert "are there AWS credentials" in caplog.text
        await cache.aclose()


# --- servers ---


async def test_a_serverless_shaped_server(
    valkey_cluster: StartCluster, certificates: Certificates, half: Halves
) -> None:
    """One endpoint of a TLS cluster, without the commands that Serverless lacks: all works."""
    servers = valkey_cluster(
        primaries=1,
        certificates=certificates,
        users={"app": f"on >secret {SERVERLESS_RULES}"},
    )
    [node] = servers.nodes
    cache = LLMCache.from_elasticache(
        f"127.0.0.1:{node.port}",
        user="app",
        password="secret",
        serverless=True,
        ca_certs=str(certificates.ca),
        lease=5,
        ttl=60,
        timeout=5,
    )
    for number in range(20):
        await half(cache).update(f"prompt {number}", LLM_STRING, answer(f"{number}"))
    found = await asyncio.gather(
        *(half(cache).lookup(f"prompt {number}", LLM_STRING) for number in range(20))
    )
    assert [texts(hit) for hit in found] == [[f"{number}"] for number in range(20)]
    assert await half(cache).delete("prompt 1", LLM_STRING) is True
    assert await half(cache).lookup("prompt 1", LLM_STRING) is None
    await half(cache).clear()
    assert await half(cache).lookup("prompt 2", LLM_STRING) is None
    await half(cache).ping()
    assert cache.stats().errors == 0
    with node.client() as client:
        assert [entry["object"] for entry in client.acl_log()] == []
    await cache.aclose()


class ExpiringTokens:
    """Stands for AWS: makes tokens, each of which a server accepts for a short while only.

    Attributes:
        made: How many.
        slow: Seconds that making one takes.
    """

    def __init__(self, server: ValkeyServer, seconds: float) -> None:
        self._server = server
        self._over = threading.Event()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._valid: list[tuple[float, str]] = []
        self.made = 0
        self.let_go = threading.Event()
        self.let_go.set()
        self._thread = threading.Thread(target=self._expire, daemon=True)

    def get_token(self) -> str:
        """Make one, and tell the server."""
        assert self.let_go.wait(SOON)
        with self._lock, self._server.client() as client:
            self.made += 1
            token = f"token-{self.made}"
            client.execute_command("ACL", "SETUSER", "app", f">{token}")
            self._valid.append((time.monotonic() + self._seconds, token))
        return token

    def _expire(self) -> None:
        """Take expired tokens back, and cut connections as the server does after 12 hours."""
        while not self._over.wait(0.05):
            with self._lock, self._server.client() as client:
                for until, token in list(self._valid):
                    if until < time.monotonic():
                        self._valid.remove((until, token))
                        client.execute_command("ACL", "SETUSER", "app", f"<{token}")
                        client.execute_command("CLIENT", "KILL", "USER", "app")

    def __enter__(self) -> ExpiringTokens:  # noqa: PYI034 - never subclassed
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def tokens(
    own_valkey_server: StartServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ExpiringTokens, ValkeyServer]]:
    """A TLS server whose user ``app`` has a token for a password, for 2 seconds each."""
    server = own_valkey_server(certificates=certificates, users={"app": "on ~* +@all"})
    with ExpiringTokens(server, 2.0) as made:
        monkeypatch.setattr(f"{PROVIDER}.get_token", lambda _: made.get_token())
        yield made, server


async def test_tokens_that_expire(
    tokens: tuple[ExpiringTokens, ValkeyServer], certificates: Certificates
) -> None:
    """Tokens expire and connections are cut: over three tokens, every lookup is a hit, sync and async."""
    made, server = tokens
    cache = LLMCache.from_elasticache(
        f"127.0.0.1:{server.port}",
        user="app",
        cache_name="c",
        region="eu-west-1",
        cluster=False,
        ca_certs=str(certificates.ca),
        aws_credentials=KEYS,
        timeout=SOON,
    )
    cache.update(PROMPT, LLM_STRING, answer())
    with soon(LATE):
        while made.made < 3:
            assert cache.lookup(PROMPT, LLM_STRING) is not None
            assert await cache.alookup(PROMPT, LLM_STRING) is not None
            await asyncio.sleep(0.01)
    assert cache.stats().errors == 0
    await cache.aclose()


async def test_the_loop_never_waits_for_a_token(
    tokens: tuple[ExpiringTokens, ValkeyServer], certificates: Certificates
) -> None:
    """While a token is got, at first and after a refusal, the loop runs on: here, it ends the wait."""
    made, server = tokens
    made.let_go = threading.Event()
    cache = LLMCache.from_elasticache(
        f"127.0.0.1:{server.port}",
        user="app",
        cache_name="c",
        cluster=False,
        ca_certs=str(certificates.ca),
        aws_credentials=KEYS,
        region="eu-west-1",
        timeout=LATE,
        single_flight=False,
    )

    async def let_go() -> None:
        while True:
            made.let_go.set()
            await asyncio.sleep(0.05)
            made.let_go.clear()
            await asyncio.sleep(0.05)

    letting_go = asyncio.create_task(let_go())
    await cache.aupdate(PROMPT, LLM_STRING, answer())
    with soon(LATE):
        while made.made < 2:
            assert await cache.alookup(PROMPT, LLM_STRING) is not None
            await asyncio.sleep(0.01)
    letting_go.cancel()
    assert cache.stats().errors == 0
    await cache.aclose()


async def test_connections_are_renewed_in_time(
    own_valkey_server: StartServer,
    certificates: Certificates,
    half: Halves,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that has reached its age is replaced before its next use."""
    server = own_valkey_server(certificates=certificates, users={"app": "on >p ~* +@all"})
    hours = 0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 3600 * hours)
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(f"{PROVIDER}.get_token", lambda _: "p")
    cache = LLMCache.from_elasticache(
        f"127.0.0.1:{server.port}",
        user="app",
        cache_name="c",
        cluster=False,
        region="eu-west-1",
        ca_certs=str(certificates.ca),
        aws_credentials=KEYS,
    )
    with server.client() as client:

        def identities() -> set[str]:
            return {c["id"] for c in client.client_list() if c["user"] == "app"}

        await half(cache).update(PROMPT, LLM_STRING, answer())
        first = identities()
        assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
        assert identities() == first
        hours = 11  # a connection is ended by ElastiCache after 12
        assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
        await asyncio.to_thread(wait_until, lambda: len(identities()) == 1, "the old one is gone")
        assert identities() != first
        assert cache.stats().errors == 0
    await cache.aclose()


# --- credentials that rotate ---


class MetadataEndpoint:
    """A container's credentials endpoint on this machine; credentials that expire, after a while.

    Attributes:
        asked: How often it was asked.
    """

    def __init__(self) -> None:
        endpoint = self
        self.asked = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked += 1
                time.sleep(0.3)
                expires = datetime.now(timezone.utc) + timedelta(seconds=LATE)
                body = json.dumps(
                    {
                        "AccessKeyId": f"AKID{endpoint.asked}",
                        "SecretAccessKey": SECRET,
                        "Token": "t",
                        "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/credentials"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> MetadataEndpoint:  # noqa: PYI034 - never subclassed
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_rotating_credentials_are_picked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token signed anew is signed with the credentials that are valid then."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with MetadataEndpoint() as endpoint:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.url)
        credentials = IamCredentials(
            user="app", cache_name="c", serverless=True, region="eu-west-1"
        )
        signed_by = []
        for _ in range(3):
            _, token = credentials.get_credentials()
            scope = parse_qs(urlsplit(f"https://{token}").query)["X-Amz-Credential"][0]
            signed_by.append(scope.partition("/")[0])
            credentials.renew()
        credentials.close()
    assert len(set(signed_by)) == 3
    assert endpoint.asked >= 3


# --- the template ---

TEMPLATE = ROOT / "docs" / "elasticache.yaml"


def test_the_templates_user_has_the_tested_rights() -> None:
    """The user of the template may do what the tests' user may do, and read from replicas."""
    [access] = re.findall(r"AccessString: !Sub >-\n((?: {8}.+\n)+)", TEMPLATE.read_text())
    assert access.split() == [
        *("on", "~${Prefix}*", "resetchannels", "-@all"),
        *acl.CLUSTER.split(),
        *acl.OPERATOR.split(),
        "+readonly",
    ]
