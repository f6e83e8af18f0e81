"""The user with the least rights that the documentation gives, and what servers denied it."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.servers import ValkeyServer

MINIMAL_USER = ("app", "secret")
# As in the deploy guide. A lease (``lease=``) needs EVAL; only clusters need the second half.
SINGLE = "+get +set +mget +unlink +scan +eval"
CLUSTER = f"{SINGLE} +cluster|slots +asking"
# What near-identical prompts need (its page says so).
SIMILAR = f"{SINGLE} +ft.create +ft.search +hset +rpush +pexpire +expire +ltrim +lrange"
# What the command line needs besides.
OPERATOR = "+pttl +strlen +getrange"


def rules(commands: str) -> dict[str, str]:
    """Return that user, for a server's ``users``."""
    name, password = MINIMAL_USER
    return {name: f"on >{password} ~llm_cache:* -@all {commands}"}


def denied(nodes: Iterable[ValkeyServer]) -> list[str]:
    """Return what servers denied since they were last asked."""
    found = []
    for node in nodes:
        log = node.operator.acl_log()
        found += [f"{entry['reason']}: {entry['object']}" for entry in log]
        node.operator.acl_log_reset()
    return found
