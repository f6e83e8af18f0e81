"""Who serves what: one server, or the nodes of a cluster, as far as is known. No I/O here.

Threads and event loops share one: it changes by replacing whole values only.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from valkey.exceptions import InvalidResponse, ResponseError

from langchain_llmcache._checks import checked_flag
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError

SLOTS: Final = 16_384
_MOST_PORTS: Final = 65_535
# Seconds within which another node has to have answered for a failure to be a node's own.
LATELY: Final = 2.0
# Deadlines missed in a row before a node is left alone.
_PATIENCE: Final = 2
# How the node of a cluster gives itself away: by redirecting, or by refusing two keys at once.
_OF_A_CLUSTER: Final = frozenset({"MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN"})


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


# The nodes of one slot, its primary first.
Shard: TypeAlias = tuple[Address, ...]
AddressRemap: TypeAlias = Callable[[tuple[str, int]], tuple[str, int]]


@dataclass(frozen=True)
class ClusterSettings:
    """What a user says about a cluster.

    Attributes:
        enabled: True: it is one; False: it is a single server; None: to be found out.
        read_from_replicas: Whether reads may go to any node of a shard.
        seeds: Nodes to begin with; none: where the connection settings lead.
        remap: Turns an address that nodes tell into one that can be reached from here.

    Raises:
        ConfigurationError: if one of the first two is something else.
    """

    enabled: bool | None = None
    read_from_replicas: bool = False
    seeds: tuple[Address, ...] = ()
    remap: AddressRemap | None = None

    def __post_init__(self) -> None:
        checked_flag("cluster", self.enabled, or_none=True)
        checked_flag("read_from_replicas", self.read_from_replicas)


class Topology:
    """One server, until it turns out to be a cluster: its slots, and nodes that do not answer.

    Args:
        seeds: Where the cluster was said to be. They are never forgotten, whatever it says.
        remap: Turns an address that nodes tell into one that can be reached from here.
        is_cluster: True: it is one; False: it is a single server; None: to be found out.
    """

    def __init__(
        self,
        seeds: Sequence[Address],
        remap: AddressRemap | None = None,
        *,
        is_cluster: bool | None = True,
    ) -> None:
        self.is_cluster = is_cluster
        self.looks_single = False
        self._seeds = tuple(seeds)
        self._remap = remap
        self._shards: list[Shard | None] = [None] * SLOTS
        self._silent: dict[Address, tuple[int, float]] = {}
        self._answered: dict[Address, float] = {}
        self.changes = 0
        self.known = False

    def reveals_cluster(self, reply: object) -> bool:
        """Tell whether this reply shows that the server belongs to a cluster; if so, note it."""
        if self.is_cluster is None and _is_of_a_cluster(reply):
            self.is_cluster = True
        return bool(self.is_cluster)

    # -- slots

    def shard(self, slot: int) -> Shard | None:
        """Return the nodes that serve a slot; None if none is known."""
        return self._shards[slot]

    def primaries(self) -> list[Address]:
        """Return the nodes that serve slots."""
        return list(dict.fromkeys(shard[0] for shard in self._shards if shard))

    def nodes(self) -> set[Address]:
        """Return all nodes that are known to serve anything."""
        return {node for shard in set(self._shards) if shard for node in shard}

    def uncovered(self) -> int:
        """Return how many slots no known node serves."""
        return self._shards.count(None)

    def parse(self, reply: object, asked: Address) -> list[Shard | None]:
        """Read the reply to CLUSTER SLOTS of the node ``asked``.

        Raises:
            InvalidResponse: (valkey-py's) if it is something else.
        """
        shards: list[Shard | None] = [None] * SLOTS
        for first, last, *nodes in _ranges(reply):
            shard = tuple(self._address(node[0], node[1], asked) for node in nodes)
            if shard:
                shards[first : last + 1] = [shard] * (last + 1 - first)
        return shards

    def learn(self, shards: list[Shard | None]) -> None:
        """Take over what ``parse`` returned."""
        if shards != self._shards:
            self._shards = shards
            self.changes += 1
        self.known = True

    def moved(self, slot: int, target: str, asked: Address) -> Address:
        """Note that a slot is served elsewhere, as MOVED says; return where."""
        address = self.target(target, asked)
        if self._shards[slot] != (address,):
            self._shards[slot] = (address,)
            self.changes += 1
        return address

    def target(self, text: str, asked: Address) -> Address:
        """Return the address at the end of a MOVED or ASK.

        Raises:
            InvalidResponse: (valkey-py's) if there is none.
        """
        host, _, port = text.rpartition(":")
        if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) <= _MOST_PORTS:
            raise InvalidResponse("a redirection to nowhere")
        return self._address(host, port, asked)

    def candidates(self) -> list[Address]:
        """Return whom to ask about the cluster: some nodes, the seeds, the others; silent ones last."""
        nodes = list(self.nodes())
        random.shuffle(nodes)
        nodes.sort(key=self.is_silent)
        return sorted(dict.fromkeys((*nodes[:3], *self._seeds, *nodes[3:])), key=self.is_silent)

    # -- silence

    def is_resting(self, node: Address, now: float) -> bool:
        """Tell whether a node was silent twice in a row, a moment ago: another will do better."""
        times, until = self._silent.get(node, (0, 0.0))
        return times >= _PATIENCE and now < until

    def take_rest(self, node: Address, now: float, pause: float) -> bool:
        """Tell whether to leave a node alone; after each pause, one caller may try.

        Where no other node is asked, its silence is for the circuit breaker, which sees all of it.
        """
        if self.is_resting(node, now):
            return self.others_answer(node, now - LATELY)
        times, _ = self._silent.get(node, (0, 0.0))
        if times >= _PATIENCE:
            self._silent[node] = (times, now + pause)
        return False

    def is_silent(self, node: Address) -> bool:
        """Tell whether a node did not answer in time when it was last asked."""
        return node in self._silent

    def was_silent(self, node: Address, now: float, pause: float) -> None:
        """Note that a node did not answer in time."""
        self._silent[node] = (self._silent.get(node, (0, 0.0))[0] + 1, now + pause)

    def has_answered(self, node: Address, now: float) -> None:
        """Note that a node answered."""
        self._answered[node] = now
        if self._silent:
            self._silent.pop(node, None)

    def was_never_reached(self, node: Address) -> bool:
        """Tell whether the cluster named a node that has not answered even once."""
        return node not in self._seeds and node not in self._answered

    def others_answer(self, node: Address | None, since: float) -> bool:
        """Tell whether any other node answered since."""
        return any(at >= since for other, at in self._answered.copy().items() if other != node)

    def _address(self, host: Any, port: Any, asked: Address) -> Address:
        name = host.decode() if isinstance(host, bytes) else host
        # No name, or "?": the node does not know its own, so it is the one we know it by.
        address = Address(name if name and name != "?" else asked.host, int(port))
        return address if self._remap is None else _translated(address, self._remap)


def _translated(address: Address, remap: AddressRemap) -> Address:
    try:
        told: Any = remap(address)
    except Exception as error:
        pass_on(error)
        msg = f"address_remap failed with {type(error).__name__}, asked for {address}"
        raise ConfigurationError(msg) from error
    match told:
        case [str() as host, port] if host and re.fullmatch("[0-9]+", str(port)):
            if 0 < int(port) <= _MOST_PORTS:
                return Address(host, int(port))
    msg = f"address_remap returned something else than a pair of host and port, asked for {address}"
    raise ConfigurationError(msg)


def _ranges(reply: object) -> Sequence[Any]:
    """Return a reply to CLUSTER SLOTS: slots from, slots to, and their nodes (host, port, more)."""
    ranges = reply if isinstance(reply, list) else [reply]
    for each in ranges:
        match each:
            case [int() as first, int() as last, *nodes] if 0 <= first <= last < SLOTS:
                if all(map(_is_node, nodes)):
                    continue
        raise InvalidResponse("no reply to CLUSTER SLOTS")
    return ranges


def _is_node(node: object) -> bool:
    match node:
        case [bytes() | str() | None as host, int() as port, *_]:
            return 0 <= port <= _MOST_PORTS and (not isinstance(host, bytes) or host.isascii())
    return False


def _is_of_a_cluster(reply: object) -> bool:
    return isinstance(reply, ResponseError) and str(reply).partition(" ")[0] in _OF_A_CLUSTER
