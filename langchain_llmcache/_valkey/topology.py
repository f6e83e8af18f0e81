"""Who serves which part of a cluster, as far as is known. No input or output here.

Threads and event loops share one: it changes by replacing whole values only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

SLOTS: Final = 16_384
# Deadlines missed in a row before a node is left alone.
_PATIENCE: Final = 2


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


# The nodes of one slot, its primary first.
Shard: TypeAlias = tuple[Address, ...]
Remap: TypeAlias = Callable[[tuple[str, int]], tuple[str, int]]


@dataclass(frozen=True)
class ClusterSettings:
    """What a user says about a cluster.

    Attributes:
        enabled: True: it is one; False: it is a single server; None: to be found out.
        read_from_replicas: Whether reads may go to any node of a shard.
        seeds: Nodes to begin with; none: where the connection settings lead.
        remap: Turns an address that nodes tell into one that can be reached from here.
    """

    enabled: bool | None = None
    read_from_replicas: bool = False
    seeds: tuple[Address, ...] = ()
    remap: Remap | None = None


class Topology:
    """The slots of a cluster, and the nodes that do not answer.

    Args:
        seeds: Where the cluster was said to be. They are never forgotten, whatever it says.
        remap: Turns an address that nodes tell into one that can be reached from here.
    """

    def __init__(self, seeds: Sequence[Address], remap: Remap | None = None) -> None:
        self._seeds = tuple(seeds)
        self._remap = remap
        self._shards: list[Shard | None] = [None] * SLOTS
        self._silent: dict[Address, tuple[int, float]] = {}
        self._answered: dict[Address, float] = {}
        self.changes = 0
        self.known = False

    # -- slots

    def shard(self, slot: int) -> Shard | None:
        """Return who serves a slot; None if nobody is known to."""
        return self._shards[slot]

    def primaries(self) -> list[Address]:
        """Return the nodes that serve slots."""
        return list(dict.fromkeys(shard[0] for shard in self._shards if shard))

    def nodes(self) -> set[Address]:
        """Return all nodes that are known to serve anything."""
        return {node for shard in set(self._shards) if shard for node in shard}

    def uncovered(self) -> int:
        """Return how many slots nobody serves."""
        return self._shards.count(None)

    def parse(self, reply: Sequence[Any], asked: Address) -> list[Shard | None]:
        """Read the reply to CLUSTER SLOTS of the node ``asked``."""
        shards: list[Shard | None] = [None] * SLOTS
        for first, last, *nodes in reply:
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
        """Return the address at the end of a MOVED or ASK."""
        host, _, port = text.rpartition(":")
        return self._address(host, port, asked)

    def candidates(self) -> list[Address]:
        """Return whom to ask about the cluster: nodes that answered last, then the seeds."""
        nodes = list(self.nodes())
        random.shuffle(nodes)
        nodes.sort(key=self._silent.__contains__)
        return list(dict.fromkeys((*nodes[:3], *self._seeds, *nodes[3:])))

    # -- silence

    def is_resting(self, node: Address, now: float, pause: float) -> bool:
        """Tell whether to leave a node alone; after each pause, one caller may try."""
        times, until = self._silent.get(node, (0, 0.0))
        # A single primary's silence is for the circuit breaker, which sees all of it.
        if times < _PATIENCE or len(self.primaries()) == 1:
            return False
        if now < until:
            return True
        self._silent[node] = (times, now + pause)
        return False

    def was_silent(self, node: Address, now: float, pause: float) -> None:
        """Note that a node did not answer in time."""
        self._silent[node] = (self._silent.get(node, (0, 0.0))[0] + 1, now + pause)

    def has_answered(self, node: Address, now: float) -> None:
        """Note that a node answered."""
        self._answered[node] = now
        if self._silent:
            self._silent.pop(node, None)

    def others_answer(self, node: Address | None, since: float) -> bool:
        """Tell whether any other node answered since."""
        return any(at >= since for other, at in self._answered.copy().items() if other != node)

    def _address(self, host: Any, port: Any, asked: Address) -> Address:
        name = host.decode() if isinstance(host, bytes) else host
        # No name, or "?": the node does not know its own, so it is the one we know it by.
        address = Address(name if name and name != "?" else asked.host, int(port))
        return address if self._remap is None else Address(*self._remap(address))
