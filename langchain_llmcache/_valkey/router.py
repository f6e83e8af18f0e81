"""What is sent where, and what is done about the answer: written once, for threads and loops.

A single server is a router with one shard, which nothing is asked about; at the first MOVED or
CROSSSLOT it turns out to be a cluster. There each command goes to the node that has its key,
wherever that is by now.

Over the connections of this package, not valkey-py's ``ValkeyCluster``, whose asyncio client
forgets its start nodes when a cluster of one endpoint stalls and never recovers (valkey-py
issue 327), loses connections to calls that are cancelled, may let an AttributeError out
while slots move, and multiplies timeouts by its attempts; and which needs COMMAND, and drops
``ssl_check_hostname``. Here the start nodes are kept (``Topology``), an exchange outlives
whoever waits for it, and one deadline holds over all attempts.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Protocol, TypeAlias

from valkey.crc import key_slot
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import (
    InvalidResponse,
    NoPermissionError,
    ReadOnlyError,
    ResponseError,
    ValkeyError,
)
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from langchain_llmcache._flow.ports import Overloaded, PartlyDownError
from langchain_llmcache._signals import pass_on
from langchain_llmcache._valkey.sizes import Suspects, TooLargeError
from langchain_llmcache._valkey.topology import LATELY, Address, Shard, Topology

# The words of a command, its name first.
Command: TypeAlias = tuple[Any, ...]
# The key that a command is about, and the command.
Item: TypeAlias = tuple[bytes, Command]

# How often one command is sent on: redirections, and nodes that went away.
_TURNS: Final = 8
# Seconds between two questions about the cluster because of failures, and because of MOVED.
_ASK_AGAIN: Final = 0.2
_ASK_AFTER_MOVED: Final = 1.0
# Seconds for which a node that was silent twice in a row is left alone.
_REST: Final = 1.0
# Nodes asked for a view of the cluster that covers all slots.
_VIEWS: Final = 3

_SLOTS: Final = ("CLUSTER", "SLOTS")
_ASKING: Final = ("ASKING",)
# (asyncio's is another class before Python 3.11.)
_TIMEOUTS: Final = (ValkeyTimeoutError, TimeoutError, asyncio.TimeoutError)
_FAILURES: Final = (ValkeyError, OSError, Overloaded, *_TIMEOUTS)
_REDIRECTIONS: Final = frozenset({"MOVED", "ASK", "TRYAGAIN"})
_UNFIT: Final = frozenset({"CLUSTERDOWN", "MASTERDOWN"})


class Nodes(Protocol):
    """Connections to nodes. A node that is None is where the settings lead.

    Deadlines are in terms of ``time.monotonic``.
    """

    def exchange(
        self,
        node: Address | None,
        commands: Sequence[Command],
        deadline: float,
        largest: int | None = None,
    ) -> Awaitable[list[Any]]:
        """Send commands together and return their replies, refusals among them.

        A reply of more than ``largest`` bytes is not read, but raises ``TooLargeError``.
        """

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def share(self, work: Callable[[], Coroutine[Any, Any, None]], deadline: float) -> None:
        """Do this work, or wait for the same work that is being done already."""

    async def retain(self, nodes: set[Address]) -> None:
        """Close the connections to all other nodes."""


class Router:
    """The way to a server or a cluster.

    Args:
        topology: What is known about it; others may share it.
        nodes: The connections.
        timeout: Seconds for an operation, all attempts together.
        prefix: What all keys begin with, and so what the user may touch.
        read_from_replicas: Whether reads may go to any node of a shard.
    """

    def __init__(
        self,
        topology: Topology,
        nodes: Nodes,
        *,
        timeout: float,
        prefix: str,
        read_from_replicas: bool = False,
    ) -> None:
        self._topology = topology
        self._nodes = nodes
        self._timeout = timeout
        self._prefix = prefix
        self._turn = itertools.count() if read_from_replicas else None
        self._asked_at = self._learned_at = float("-inf")
        self._suspects = Suspects()

    # -- one command about one key, or many of them

    async def send(
        self, name: bytes, command: Command, *, read: bool = False, largest: int | None = None
    ) -> Any:
        """Return the reply to a command about a key.

        Args:
            name: The key.
            command: The command's words.
            read: Whether a replica will do.
            largest: Bytes that the reply may have; None: any number.

        Raises:
            TooLargeError: if it has more.
        """
        if largest is not None and name in self._suspects:
            await self._check_size(name, largest)
        deadline = time.monotonic() + self._timeout
        try:
            if not self._topology.is_cluster:
                [reply] = await self._nodes.exchange(None, (command,), deadline, largest)
                if not isinstance(reply, Exception):
                    return reply
                if not self._topology.reveals_cluster(reply):
                    raise reply
            return await self._send_in_cluster(name, command, deadline, largest, read=read)
        except (PartlyDownError, *_TIMEOUTS):
            if largest is not None:
                self._suspects.add(name)
            raise

    async def _check_size(self, name: bytes, largest: int) -> None:
        """Ask for the size of a value that did not come in time, before it is asked for again."""
        try:
            size = await self.send(name, ("STRLEN", name), read=True)
        except ResponseError as error:
            self._suspects.cleared(name, for_good=is_not_to_be_had(error))
            return
        self._suspects.cleared(name)
        if size > largest:
            raise TooLargeError(f"a value of {size} bytes, where at most {largest} are expected")

    async def _send_in_cluster(
        self, name: bytes, command: Command, deadline: float, largest: int | None, *, read: bool
    ) -> Any:
        await self._prepare(deadline)
        node = self._node_of(name, read=read)
        [reply] = await self._send_to(node, [(name, command)], deadline, largest)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def together(self, items: Sequence[Item]) -> list[Any]:
        """Return the replies to commands about keys, sent together; refusals are among them."""
        deadline = time.monotonic() + self._timeout
        if not self._topology.is_cluster:
            commands = [command for _, command in items]
            replies = await self._nodes.exchange(None, commands, deadline)
            if not any(map(self._topology.reveals_cluster, replies)):
                return replies
        await self._prepare(deadline)
        replies = [None] * len(items)
        for node, indices in self._by_node(items).items():
            batch = [items[index] for index in indices]
            answers = await self._send_to(node, batch, time.monotonic() + self._timeout)
            for index, answer in zip(indices, answers, strict=True):
                replies[index] = answer
        return replies

    # -- all of it

    async def everywhere(self, *command: Any) -> dict[str, Any]:
        """Return each primary's reply to a command about no key; refusals are among them."""
        with contextlib.suppress(ResponseError):  # it stays unknown
            await self._find_out()
        await self._learn_anew()
        deadline = time.monotonic() + self._timeout
        replies = {}
        for node in self.primaries():
            [replies["" if node is None else str(node)]] = await self._exchange(
                node, [command], deadline
            )
        return replies

    async def ask(self, node: Address | None, *command: Any) -> Any:
        """Return one node's reply to a command about no key."""
        [reply] = await self._exchange(node, [command], time.monotonic() + self._timeout)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def primaries(self) -> Sequence[Address | None]:
        """Return the nodes that serve keys, as far as is known."""
        return self._topology.primaries() if self._topology.is_cluster else [None]

    async def survey(self) -> int:
        """Learn who serves what by now; return a number that differs when that has changed.

        Raises:
            ConnectionError: (valkey-py's) a part of the cluster is served by no node.
        """
        await self._find_out()
        if not await self._learn_anew():
            return 0
        if uncovered := self._topology.uncovered():
            raise ValkeyConnectionError(f"{uncovered} slots of the cluster are served by no node")
        return self._topology.changes

    async def _learn_anew(self) -> bool:
        """Learn who serves what by now, if it is a cluster; tell whether it is."""
        if self._topology.is_cluster:
            now = time.monotonic()
            await self._learn(now + self._timeout, since=now)
        return bool(self._topology.is_cluster)

    async def _find_out(self) -> None:
        # One node of a cluster would list its own keys and give no sign. A command about two keys
        # in different slots makes it: keys that nobody has, and a right that clearing needs (or,
        # for who may only read, one that looking up needs).
        # (A replica of a cluster redirects; one that refuses to write belongs to none.) Where the
        # prefix has a hash tag, all keys share a slot: its node has to be asked.
        # What looks like a single server may become a cluster: its sign is heeded at any time.
        if self._topology.is_cluster is not None or self._topology.looks_single:
            return
        deadline = time.monotonic() + self._timeout
        first, second = two_keys_of_nobody(self._prefix)
        if key_slot(first) == key_slot(second):
            [slots] = await self._nodes.exchange(None, [_SLOTS], deadline)
            if isinstance(slots, list):
                self._topology.is_cluster = True
                return
        reply: Any = None
        for word in ("UNLINK", "MGET"):
            [reply] = await self._nodes.exchange(None, [(word, first, second)], deadline)
            if self._topology.reveals_cluster(reply):
                return
            if not isinstance(reply, Exception) or isinstance(reply, ReadOnlyError):
                self._topology.looks_single = True
                return
        raise reply

    # -- the nodes of a cluster

    async def _prepare(self, deadline: float) -> None:
        """Learn the cluster, if that was not done yet."""
        if not self._topology.known:
            await self._learn(deadline, since=float("-inf"))

    def _node_of(self, name: bytes, *, read: bool) -> Address | None:
        """Return the node for a key; None if nobody serves it."""
        shard = self._topology.shard(key_slot(name))
        if shard is None:
            return None
        if self._turn is None or not read:
            return shard[0]
        now = time.monotonic()
        awake = [node for node in shard if not self._topology.is_resting(node, now)] or shard
        return awake[next(self._turn) % len(awake)]

    def _by_node(self, items: Sequence[Item]) -> dict[Address | None, list[int]]:
        """Return at which places there are the commands for each node."""
        of_node: defaultdict[Address | None, list[int]] = defaultdict(list)
        for index, (name, _) in enumerate(items):
            of_node[self._node_of(name, read=False)].append(index)
        return of_node

    async def _send_to(
        self,
        node: Address | None,
        items: Sequence[Item],
        deadline: float,
        largest: int | None = None,
    ) -> list[Any]:
        """Send commands about keys of one node; what it has no answer to goes on by itself.

        Returns:
            The replies in order; in place of one, the exception that came of it.
        """
        try:
            if node is None:
                raise ValkeyConnectionError("a part of the cluster is served by no node")
            if self._topology.is_silent(node):
                node = await self._successor(node, items[0][0], deadline)
            replies = await self._exchange(
                node, [command for _, command in items], deadline, largest
            )
        except _FAILURES as error:
            pass_on(error)
            replies = [error] * len(items)
        for index, (name, command) in enumerate(items):
            if isinstance(replies[index], Exception):
                try:
                    replies[index] = await self._send_on(
                        key_slot(name), command, node, replies[index], deadline, largest
                    )
                except _FAILURES as error:
                    pass_on(error)
                    replies[index] = self._in_perspective(error, node)
        return replies

    async def _send_on(
        self,
        slot: int,
        command: Command,
        node: Address | None,
        problem: Exception,
        deadline: float,
        largest: int | None,
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
                    node, [_ASKING, command] if asking else [command], deadline, largest
                )
            except _FAILURES as error:
                pass_on(error)
                problem = error
                continue
            if not isinstance(replies[-1], Exception):
                return replies[-1]
            problem = replies[-1]
        raise problem

    async def _exchange(
        self,
        node: Address | None,
        commands: Sequence[Command],
        deadline: float,
        largest: int | None = None,
    ) -> list[Any]:
        if node is None:
            return await self._nodes.exchange(None, commands, deadline, largest)
        if self._topology.take_rest(node, time.monotonic(), _REST):
            raise ValkeyConnectionError(f"{node} did not answer in time lately")
        try:
            replies = await self._nodes.exchange(node, commands, deadline, largest)
        except (ValkeyConnectionError, OSError, *_TIMEOUTS) as error:
            pass_on(error)
            if isinstance(error, _TIMEOUTS):
                self._topology.was_silent(node, time.monotonic(), _REST)
            if self._topology.was_never_reached(node):
                raise _never_reached(node, error) from error
            raise
        except TooLargeError:  # an answer, too
            self._topology.has_answered(node, time.monotonic())
            raise
        self._topology.has_answered(node, time.monotonic())
        return replies

    def _in_perspective(self, problem: Exception, node: Address | None) -> Exception:
        """Tell the failure of one part of the cluster from that of all of it."""
        if isinstance(problem, (ResponseError, Overloaded)) or not self._topology.others_answer(
            node, time.monotonic() - LATELY
        ):
            return problem
        apart = PartlyDownError(f"a part of the cluster: {str(problem) or type(problem).__name__}")
        apart.__cause__ = problem
        return apart

    async def _successor(self, node: Address, name: bytes, deadline: float) -> Address:
        """Return who serves a key of a node that was silent: it may have got another address."""
        await self._learn_quietly(deadline, after=_ASK_AGAIN)
        shard = self._topology.shard(key_slot(name))
        return node if shard is None or node in shard else shard[0]

    # -- learning

    async def _learn_quietly(self, deadline: float, *, after: float) -> None:
        """Learn the cluster anew if that was not just tried. What is known stays if it fails."""
        now = time.monotonic()
        if now - self._asked_at >= after:
            try:
                await self._learn(deadline, since=now)
            except _FAILURES as error:
                pass_on(error)

    async def _learn(self, deadline: float, *, since: float) -> None:
        """Learn the cluster, unless that was begun after ``since``. Many share one answer.

        Raises:
            Exception: what the last node said, or its silence.
        """
        while not (self._topology.known and self._learned_at > since):
            await self._nodes.share(self._ask_for_slots, deadline)
            if since == float("-inf"):
                return

    async def _ask_for_slots(self) -> None:
        began = self._asked_at = time.monotonic()
        # Its own: whoever needs the answer may have been kept from asking, by a busy loop.
        deadline = began + self._timeout
        best: list[Shard | None] | None = None
        views = 0
        problem: Exception = ValkeyConnectionError("no node of the cluster can be reached")
        for node in self._topology.candidates():
            # Half of what is left, so that the next one has a chance if this one is silent.
            now = time.monotonic()
            if now >= deadline:
                break
            try:
                reply = await self._nodes.exchange(node, [_SLOTS], (now + deadline) / 2)
            except _FAILURES as error:
                pass_on(error)
                never = self._topology.was_never_reached(node)
                problem = _never_reached(node, error) if never else error
                continue
            if isinstance(reply[0], ResponseError):
                problem = _explained(reply[0], node)
                continue
            try:
                shards = self._topology.parse(reply[0], node)
            except InvalidResponse as error:
                pass_on(error)
                problem = error
                continue
            views += 1
            if best is None or shards.count(None) < best.count(None):
                best = shards
            if None not in best or views == _VIEWS:
                break
        if best is None:
            raise problem
        self._topology.learn(best)
        self._learned_at = began
        await self._nodes.retain(self._topology.nodes())


def is_not_to_be_had(refusal: Exception) -> bool:
    """Tell whether a command is refused for what it is: not permitted, renamed, or not known.

    (What is refused for other reasons has a code, such as MOVED.)
    """
    word = str(refusal).partition(" ")[0]
    return isinstance(refusal, NoPermissionError) or (
        type(refusal) is ResponseError and not word.isupper()
    )


def _is_unfit(problem: Exception, word: str) -> bool:
    """Tell whether another node may be able to do what this one was not."""
    if isinstance(problem, ResponseError):
        return isinstance(problem, ReadOnlyError) or word in _UNFIT
    return isinstance(problem, (ValkeyConnectionError, OSError)) and not isinstance(
        problem, _TIMEOUTS
    )


def _never_reached(node: Address, error: Exception) -> Exception:
    """Say of a node that only the cluster knows where it is."""
    kind = ValkeyTimeoutError if isinstance(error, _TIMEOUTS) else ValkeyConnectionError
    return kind(f"{node}, as the cluster names a node, was never reached: {error}")


def _explained(refusal: ResponseError, node: Address) -> ResponseError:
    if isinstance(refusal, NoPermissionError):
        return NoPermissionError(
            f"a client of a cluster has to ask for CLUSTER SLOTS, which {node} does not permit "
            "this user: add +cluster|slots to its rules"
        )
    if "cluster support disabled" in str(refusal):
        return ResponseError(f"{node} belongs to no cluster: leave out cluster=True")
    return refusal


def two_keys_of_nobody(prefix: str) -> list[bytes]:
    """Return two keys under the prefix that do not exist, in different slots where it allows."""
    start = prefix.encode("utf-8", "surrogatepass")
    first = start + uuid.uuid4().hex.encode()
    second = first
    for _ in range(100):  # a prefix with {a hash tag} has all its keys in one slot
        second = start + uuid.uuid4().hex.encode()
        if key_slot(second) != key_slot(first):
            break
    return [first, second]
