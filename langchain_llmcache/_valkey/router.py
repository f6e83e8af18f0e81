"""A Valkey Cluster: each command goes to the node that has its key, wherever that is by now.

Over the connections of this package, not valkey-py's ``ValkeyCluster``, whose asyncio client
forgets its start nodes when a cluster of one endpoint stalls and never recovers (valkey-py
issue 327), loses connections to calls that are cancelled, may let an AttributeError out
while slots move, and multiplies timeouts by its attempts; and which needs COMMAND, and drops
``ssl_check_hostname``. Here the start nodes are kept (``Topology``), an exchange outlives
whoever waits for it (``Operations``), and one deadline holds over all attempts.

The decisions are written once (``Router``), for threads and for event loops (``Nodes``).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Protocol

from valkey.connection import AbstractConnection
from valkey.crc import key_slot
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import NoPermissionError, ReadOnlyError, ResponseError, ValkeyError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from langchain_llmcache._flow.ports import PartlyDownError
from langchain_llmcache._forks import new_lock
from langchain_llmcache._valkey import commands
from langchain_llmcache._valkey.aio import (
    READ_BATCH,
    AsyncPool,
    Operations,
    Read,
    Reads,
    answering,
)
from langchain_llmcache._valkey.commands import Command
from langchain_llmcache._valkey.in_thread import timeout
from langchain_llmcache._valkey.per_loop import PerLoop
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache._valkey.sync import BlockingPool
from langchain_llmcache._valkey.topology import Address, Shard, Topology

# How often one command is sent on: redirections, and nodes that went away.
_TURNS: Final = 8
# Seconds between two questions about the cluster because of failures, and because of MOVED.
_ASK_AGAIN: Final = 0.2
_ASK_AFTER_MOVED: Final = 1.0
# Seconds for which a node that was silent twice in a row is left alone.
_REST: Final = 1.0
# Seconds within which another node has to have answered for a failure to be that node's own.
_LATELY: Final = 2.0
# Nodes asked for a view of the cluster that covers all slots.
_VIEWS: Final = 3
# Scans of a cluster whose slots move meanwhile.
_SCANS: Final = 10
_UNLINK_BATCH: Final = 500

_SLOTS: Final = ("CLUSTER", "SLOTS")
_ASKING: Final = ("ASKING",)
# (asyncio's is another class before Python 3.11.)
_TIMEOUTS: Final = (ValkeyTimeoutError, TimeoutError, asyncio.TimeoutError)
_FAILURES: Final = (ValkeyError, OSError, *_TIMEOUTS)
_REDIRECTIONS: Final = frozenset({"MOVED", "ASK", "TRYAGAIN"})
_UNFIT: Final = frozenset({"CLUSTERDOWN", "MASTERDOWN"})


class Nodes(Protocol):
    """Connections to the nodes of a cluster. Deadlines are in terms of ``now``."""

    def now(self) -> float:
        """Return seconds that never go back."""

    async def exchange(
        self, node: Address, commands: Sequence[Command], deadline: float
    ) -> list[Any]:
        """Send commands together and return their replies, refusals among them."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def alone(self, deadline: float) -> AbstractAsyncContextManager[None]:
        """Keep others out of the block."""

    async def retain(self, nodes: set[Address]) -> None:
        """Close the connections to all other nodes."""


class Router:
    """What is sent where, and what is done about the answer.

    Args:
        topology: What is known about the cluster; others may share it.
        nodes: The connections.
        settings: Of them the timeout, for all attempts together, and what is said of replicas.
    """

    def __init__(self, topology: Topology, nodes: Nodes, settings: ConnectionSettings) -> None:
        self._topology = topology
        self._nodes = nodes
        self._timeout = settings.timeout
        self._turn = itertools.count() if settings.cluster.read_from_replicas else None
        self._asked_at = float("-inf")

    @property
    def is_ready(self) -> bool:
        """Whether the cluster is known."""
        return self._topology.known

    def deadline(self) -> float:
        """Return when an operation that begins now ends."""
        return self._nodes.now() + self._timeout

    async def prepare(self, deadline: float) -> None:
        """Learn the cluster, if that was not done yet."""
        if not self._topology.known:
            await self._learn(deadline, since=float("-inf"))

    def node_of(self, name: bytes, *, read: bool) -> Address | None:
        """Return the node for a key; None if nobody serves it."""
        shard = self._topology.shard(key_slot(name))
        if shard is None:
            return None
        return shard[0] if self._turn is None or not read else shard[next(self._turn) % len(shard)]

    async def send(self, name: bytes, command: Command, *, read: bool = False) -> Any:
        """Return the reply to a command about a key."""
        deadline = self.deadline()
        await self.prepare(deadline)
        node = self.node_of(name, read=read)
        [reply] = await self.send_together(node, [(name, command)], deadline)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _in_perspective(self, problem: Exception, node: Address | None) -> Exception:
        """Tell the failure of one part of the cluster from that of all of it."""
        if isinstance(problem, ResponseError) or not self._topology.others_answer(
            node, self._nodes.now() - _LATELY
        ):
            return problem
        apart = PartlyDownError(f"a part of the cluster: {str(problem) or type(problem).__name__}")
        apart.__cause__ = problem
        return apart

    async def send_together(
        self, node: Address | None, items: Sequence[tuple[bytes, Command]], deadline: float
    ) -> list[Any]:
        """Send commands about keys of one node; what it has no answer to goes on by itself.

        Returns:
            The replies in order; in place of one, the exception that came of it.
        """
        try:
            if node is None:
                raise ValkeyConnectionError("a part of the cluster is served by nobody")
            replies = await self._exchange(node, [command for _, command in items], deadline)
        except _FAILURES as error:
            replies = [error] * len(items)
        for index, (name, command) in enumerate(items):
            if isinstance(replies[index], Exception):
                try:
                    replies[index] = await self._send_on(
                        key_slot(name), command, node, replies[index], deadline
                    )
                except _FAILURES as error:
                    replies[index] = self._in_perspective(error, node)
        return replies

    async def together(self, items: Sequence[tuple[bytes, Command]]) -> list[Any]:
        """Return the replies to commands about keys; in place of one, what came of it."""
        await self.prepare(self.deadline())
        of_node: defaultdict[Address | None, list[int]] = defaultdict(list)
        for index, (name, _) in enumerate(items):
            of_node[self.node_of(name, read=False)].append(index)
        replies: list[Any] = [None] * len(items)
        for node, indices in of_node.items():
            batch = [items[index] for index in indices]
            answers = await self.send_together(node, batch, self.deadline())
            for index, answer in zip(indices, answers, strict=True):
                replies[index] = answer
        return replies

    async def everywhere(self, command: Command) -> dict[str, Any]:
        """Return each primary's reply to a command about no key; refusals are among them."""
        await self._learn(self.deadline(), since=self._nodes.now())
        replies = {}
        for node in self._topology.primaries():
            [replies[str(node)]] = await self._exchange(node, [command], self.deadline())
        return replies

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys; return how many there were."""
        await self.prepare(self.deadline())
        # One command for each key: many keys in one would have to share a slot.
        of_node: defaultdict[Address | None, list[tuple[bytes, Command]]] = defaultdict(list)
        for name in names:
            of_node[self.node_of(name, read=False)].append((name, ("UNLINK", name)))
        removed = 0
        for node, items in of_node.items():
            for first in range(0, len(items), _UNLINK_BATCH):
                batch = items[first : first + _UNLINK_BATCH]
                for reply in await self.send_together(node, batch, self.deadline()):
                    if isinstance(reply, Exception):
                        raise reply
                    removed += reply
        return removed

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, of all primaries, and again while slots move."""
        for _ in range(_SCANS):
            await self._learn(self.deadline(), since=self._nodes.now())
            if uncovered := self._topology.uncovered():
                raise ValkeyConnectionError(
                    f"{uncovered} slots of the cluster are served by nobody"
                )
            changes = self._topology.changes
            for node in self._topology.primaries():

                async def send(*command: Any, node: Address = node) -> Any:
                    [reply] = await self._exchange(node, [command], self.deadline())
                    if isinstance(reply, Exception):
                        raise reply
                    return reply

                async for names in commands.scan(send, pattern):
                    yield names
            await self._learn(self.deadline(), since=self._nodes.now())
            # A slot that moves from a node still to be scanned to one already done is missed.
            if self._topology.changes == changes:
                return
        raise ValkeyConnectionError("the slots of the cluster kept moving")

    async def _send_on(
        self,
        slot: int,
        command: Command,
        node: Address | None,
        problem: Exception,
        deadline: float,
    ) -> Any:
        """Follow redirections, and find who took over from a node that is gone.

        Raises:
            Exception: the last problem, where nothing more can be done about it.
        """
        for turn in range(_TURNS):
            word, _, rest = str(problem).partition(" ")
            where = rest.partition(" ")[2]  # MOVED 3999 host:port
            asking = False
            if isinstance(problem, ResponseError) and node is not None and word in _REDIRECTIONS:
                if word == "ASK":
                    node, asking = self._topology.target(where, node), True
                elif word == "MOVED":
                    node = self._topology.moved(slot, where, node)
                    await self._learn_quietly(deadline, after=_ASK_AFTER_MOVED)
                else:
                    await self._nodes.sleep(0.01 * (turn + 1))
            elif _is_unfit(problem, word):
                await self._learn_quietly(deadline, after=_ASK_AGAIN)
                shard = self._topology.shard(slot)
                if shard is None or shard[0] == node:
                    raise problem
                node = shard[0]
            else:
                raise problem
            try:
                replies = await self._exchange(
                    node, [_ASKING, command] if asking else [command], deadline
                )
            except _FAILURES as error:
                problem = error
                continue
            if not isinstance(replies[-1], Exception):
                return replies[-1]
            problem = replies[-1]
        raise problem

    async def _exchange(
        self, node: Address, commands: Sequence[Command], deadline: float
    ) -> list[Any]:
        if self._topology.is_resting(node, self._nodes.now(), _REST):
            raise ValkeyConnectionError(f"{node} did not answer in time lately")
        try:
            replies = await self._nodes.exchange(node, commands, deadline)
        except _TIMEOUTS:
            self._topology.was_silent(node, self._nodes.now(), _REST)
            raise
        self._topology.has_answered(node, self._nodes.now())
        return replies

    async def _learn_quietly(self, deadline: float, *, after: float) -> None:
        """Learn the cluster anew if that was not just tried. What is known stays if it fails."""
        now = self._nodes.now()
        if now - self._asked_at >= after:
            try:
                await self._learn(deadline, since=now)
            except _FAILURES:
                return

    async def _learn(self, deadline: float, *, since: float) -> None:
        """Learn the cluster, unless somebody else did so since.

        Raises:
            Exception: what the last node said, or its silence.
        """
        async with self._nodes.alone(deadline):
            if self._asked_at > since and self._topology.known:
                return
            self._asked_at = self._nodes.now()
            best: list[Shard | None] | None = None
            views = 0
            problem: Exception = ValkeyConnectionError("no node of the cluster can be reached")
            for node in self._topology.candidates():
                # Half of what is left, so that the next one has a chance if this one is silent.
                now = self._nodes.now()
                if now >= deadline:
                    break
                try:
                    reply = await self._nodes.exchange(node, [_SLOTS], (now + deadline) / 2)
                except _FAILURES as error:
                    problem = error
                    continue
                if isinstance(reply[0], ResponseError):
                    problem = _explained(reply[0], node)
                    continue
                shards = self._topology.parse(reply[0], node)
                views += 1
                if best is None or shards.count(None) < best.count(None):
                    best = shards
                if None not in best or views == _VIEWS:
                    break
            if best is None:
                raise problem
            self._topology.learn(best)
            await self._nodes.retain(self._topology.nodes())


def _is_unfit(problem: Exception, word: str) -> bool:
    """Tell whether another node may be able to do what this one was not."""
    if isinstance(problem, ResponseError):
        return isinstance(problem, ReadOnlyError) or word in _UNFIT
    return isinstance(problem, (ValkeyConnectionError, OSError)) and not isinstance(
        problem, _TIMEOUTS
    )


def _explained(refusal: ResponseError, node: Address) -> ResponseError:
    if isinstance(refusal, NoPermissionError):
        return NoPermissionError(
            f"a client of a cluster has to ask for CLUSTER SLOTS, which {node} does not permit "
            "this user: add +cluster|slots to its rules"
        )
    if "cluster support disabled" in str(refusal):
        return ResponseError(f"{node} belongs to no cluster: leave out cluster=True")
    return refusal


def _at(settings: ConnectionSettings, node: Address) -> ConnectionSettings:
    where = {"host": node.host, "port": node.port}
    return replace(
        settings,
        arguments={**settings.arguments, **where},
        async_arguments={**settings.async_arguments, **where},
    )


# ---------------------------------------------------------------------------- threads


class _BlockingNodes:
    """Blocking connections to each node, shared by all threads."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._pools: dict[Address, BlockingPool] = {}
        self._lock = new_lock()

    def now(self) -> float:
        return time.monotonic()

    async def exchange(
        self, node: Address, commands: Sequence[Command], deadline: float
    ) -> list[Any]:
        pool = self._pools.get(node)
        if pool is None:
            pool = self._pools.setdefault(node, BlockingPool(_at(self._settings, node)))
        return pool.exchange(commands, deadline)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - never on a loop

    @asynccontextmanager
    async def alone(self, deadline: float) -> AsyncIterator[None]:
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ValkeyTimeoutError("Timeout learning the cluster")
        try:
            yield
        finally:
            self._lock.release()

    async def retain(self, nodes: set[Address]) -> None:
        for node in self._pools.keys() - nodes:
            self._pools.pop(node).close()

    def close(self) -> None:
        for pool in list(self._pools.values()):
            pool.close()


class BlockingClusterTransport:
    """A cluster, for any thread.

    Args:
        settings: How to make connections; host and port are each node's own.
        topology: What is known about the cluster.
    """

    def __init__(self, settings: ConnectionSettings, topology: Topology) -> None:
        self._nodes = _BlockingNodes(_for_nodes(settings))
        self._router = Router(topology, self._nodes, settings)

    async def get(self, name: bytes) -> bytes | None:
        """Return the value of a key."""
        value: bytes | None = await self._router.send(name, ("GET", name), read=True)
        return value

    async def call(self, command: str, name: bytes, *arguments: Any) -> Any:
        """Return the reply to a command about one key."""
        return await self._router.send(name, (command, name, *arguments))

    async def eval(self, script: str, name: bytes, *arguments: Any) -> Any:
        """Run a script about one key."""
        return await self._router.send(name, ("EVAL", script, 1, name, *arguments))

    async def together(self, items: Sequence[tuple[bytes, Command]]) -> list[Any]:
        """Return the replies to commands about keys; in place of one, what came of it."""
        return await self._router.together(items)

    async def everywhere(self, *command: Any) -> dict[str, Any]:
        """Return each primary's reply to a command about no key; refusals are among them."""
        return await self._router.everywhere(command)

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys, however many; return how many there were."""
        return await self._router.unlink(names)

    def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, of all nodes, in batches; some more than once."""
        return self._router.scan(pattern)

    def close(self) -> None:
        """Close the idle connections. A later operation opens new ones."""
        self._nodes.close()


# ---------------------------------------------------------------------------- event loops


class _LoopCluster:
    """A cluster, for one event loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: ConnectionSettings, topology: Topology
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._pools: dict[Address, AsyncPool] = {}
        self._operations = Operations(loop)
        self._learning = asyncio.Lock()
        self._reads = Reads(loop, self._depart)
        self.router = Router(topology, self, settings)

    def get(self, name: bytes) -> asyncio.Future[bytes | None]:
        """Return the value of a key, later."""
        return self._reads.ask(name)

    async def close(self) -> None:
        """Let what is under way end, and close all connections."""
        await self._operations.end()
        for pool in list(self._pools.values()):
            await pool.close()

    def abandon(self) -> None:
        """Close the sockets without the loop, which is closed."""
        for pool in self._pools.values():
            pool.abandon()

    # -- nodes

    def now(self) -> float:
        return self._loop.time()

    async def exchange(
        self, node: Address, commands: Sequence[Command], deadline: float
    ) -> list[Any]:
        operation = self._exchange(node, commands, deadline)
        return await asyncio.shield(self._operations.begin(operation))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def alone(self, deadline: float) -> AsyncIterator[None]:
        async with timeout(max(0.0, deadline - self._loop.time())):
            await self._learning.acquire()
        try:
            yield
        finally:
            self._learning.release()

    async def retain(self, nodes: set[Address]) -> None:
        for node in self._pools.keys() - nodes:
            await self._pools.pop(node).close(wait=False)

    async def _exchange(
        self, node: Address, commands: Sequence[Command], deadline: float
    ) -> list[Any]:
        pool = self._pools.get(node)
        if pool is None:
            pool = self._pools[node] = AsyncPool(_at(self._settings, node))
        async with timeout(max(0.0, deadline - self._loop.time())):
            return await pool.exchange(commands)

    # -- reads of one turn of the loop

    def _depart(self, reads: list[Read]) -> None:
        if self.router.is_ready:
            for node, batch in self._by_node(reads):
                self._operations.begin(self._read(node, batch))
        else:
            self._operations.begin(self._read_first(reads))

    async def _read_first(self, reads: list[Read]) -> None:
        deadline = self.router.deadline()
        with answering(reads) as answers:
            await self.router.prepare(deadline)
            replies = {}
            for node, batch in self._by_node(reads):
                gets = [(name, ("GET", name)) for name, _ in batch]
                for (name, _), reply in zip(
                    batch, await self.router.send_together(node, gets, deadline), strict=True
                ):
                    replies[name] = reply
            answers.extend(replies[name] for name, _ in reads)

    async def _read(self, node: Address | None, reads: list[Read]) -> None:
        gets = [(name, ("GET", name)) for name, _ in reads]
        with answering(reads) as answers:
            answers.extend(await self.router.send_together(node, gets, self.router.deadline()))

    def _by_node(self, reads: list[Read]) -> Iterable[tuple[Address | None, list[Read]]]:
        of_node: defaultdict[Address | None, list[Read]] = defaultdict(list)
        for read in reads:
            of_node[self.router.node_of(read[0], read=True)].append(read)
        for node, batch in of_node.items():
            for first in range(0, len(batch), READ_BATCH):
                yield node, batch[first : first + READ_BATCH]


class AsyncClusterTransport:
    """A cluster, in any number of event loops.

    Args:
        settings: How to make connections; host and port are each node's own.
        topology: What is known about the cluster.
    """

    def __init__(self, settings: ConnectionSettings, topology: Topology) -> None:
        settings = _for_nodes(settings)
        self._loops = PerLoop(lambda loop: _LoopCluster(loop, settings, topology))

    async def get(self, name: bytes) -> bytes | None:
        """Return the value of a key. Those asked for in one turn of the loop travel together."""
        here = self._loops.here() or await self._loops.get()
        return await here.get(name)

    async def call(self, command: str, name: bytes, *arguments: Any) -> Any:
        """Return the reply to a command about one key."""
        return await (await self._loops.get()).router.send(name, (command, name, *arguments))

    async def eval(self, script: str, name: bytes, *arguments: Any) -> Any:
        """Run a script about one key."""
        command = ("EVAL", script, 1, name, *arguments)
        return await (await self._loops.get()).router.send(name, command)

    async def unlink(self, names: Sequence[bytes]) -> int:
        """Remove keys, however many; return how many there were."""
        return await (await self._loops.get()).router.unlink(names)

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match, of all nodes, in batches; some more than once."""
        async for names in (await self._loops.get()).router.scan(pattern):
            yield names

    async def close(self) -> None:
        """Close the connections of the running loop. A later operation opens new ones."""
        await self._loops.close()

    def abandon(self) -> None:
        """Close the sockets of closed loops."""
        self._loops.abandon()


# ---------------------------------------------------------------------------- replicas


def _for_nodes(settings: ConnectionSettings) -> ConnectionSettings:
    """Return settings whose connections may read from replicas, if that is wanted."""
    if not settings.cluster.read_from_replicas:
        return settings
    return replace(
        settings,
        arguments={**settings.arguments, "valkey_connect_func": _begin_readonly},
        async_arguments={**settings.async_arguments, "valkey_connect_func": _async_begin_readonly},
    )


def _begin_readonly(connection: AbstractConnection) -> None:
    # Without READONLY a replica redirects reads to its primary.
    connection.on_connect()
    connection.send_command("READONLY", check_health=False)
    connection.read_response()


async def _async_begin_readonly(connection: Any) -> None:
    await connection.on_connect()
    await connection.send_command("READONLY", check_health=False)
    await connection.read_response()
