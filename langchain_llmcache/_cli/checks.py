"""What ``llmcache doctor`` looks at, one finding for each; nothing is printed here.

It leaves a store as it was: one key of its own is written, and removed again.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import re
import shutil
import socket
import ssl
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from valkey.exceptions import NoPermissionError, ResponseError, ValkeyError

from langchain_llmcache._cli.contents import WORDS, content_of, place_of
from langchain_llmcache._cli.text import counted, duration, entries, size
from langchain_llmcache._flow.ports import run
from langchain_llmcache._insight.errors import advice_for, describe, remedy_for
from langchain_llmcache._request.key import Key, NodeScope
from langchain_llmcache._stores.admin import (
    Administration,
    Held,
    Measured,
    SqliteAdministration,
    ValkeyAdministration,
    each_once,
)
from langchain_llmcache._valkey.entries import SWAP_SCRIPT
from langchain_llmcache._valkey.settings import ConnectionSettings
from langchain_llmcache.errors import StoreError

Level: TypeAlias = Literal["ok", "note", "warning", "problem"]
Findings: TypeAlias = Iterator["Finding"]

_ROUND_TRIPS: Final = 30
_SLOW: Final = 0.02
_TOO_SLOW: Final = 0.1
_SAMPLE: Final = 2000
_READ: Final = 100
_READ_UNMEASURED: Final = 10
# Bytes of an entry; of a larger one its beginning has to do.
_WHOLE: Final = 2**20
_OLDEST: Final = 7
_NEARLY: Final = 0.9
_CERTIFICATE_DAYS: Final = 21
_SLOTS: Final = 16_384
_ROOM: Final = 100 * 2**20


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: What was looked at.
        level: ``ok``; ``note`` (worth knowing); ``warning`` (will cause trouble); ``problem``
            (the cache does not work as it should).
        said: What is the case.
        remedy: What to do about it.
    """

    check: str
    level: Level
    said: str
    remedy: str | None = None


def _problem(check: str, error: BaseException) -> Finding:
    return Finding(check, "problem", describe(error), remedy_for(error))


# --- servers and clusters ----------------------------------------------------------------------


def of_server(settings: ConnectionSettings, store: ValkeyAdministration) -> Findings:
    """Look at a server or a cluster."""
    try:
        connected = list(_connection(settings))
    except (ValkeyError, OSError, StoreError) as error:
        yield _problem("connection", error)
        return
    yield from connected
    try:
        yield from _rights(store)
        yield _search(store)
        yield _latency(store)
        infos = _infos(store)
        yield from _servers(infos)
        if any(info.get("cluster_enabled") == "1" for info in infos.values()):
            yield from _cluster(store)
        # (The servers of a cluster have names.)
        if any(infos) and _has_hash_tag(store.prefix):
            yield _ONE_SLOT
        try:
            yield from _entries(store, infos)
        except StoreError as error:
            if not isinstance(error.__cause__, NoPermissionError):
                raise
            yield Finding("entries", "note", f"not known: {error}")
    except (ValkeyError, OSError, StoreError) as error:
        yield _problem("commands", error)


def _connection(settings: ConnectionSettings) -> Findings:
    connection: Any = settings.connection()
    connection.set_deadline(time.monotonic() + settings.timeout)
    began = time.monotonic()
    try:
        settings.connect(connection)
        took = time.monotonic() - began
        yield Finding("connection", "ok", f"connected in {took * 1000:.1f} ms")
        yield from _encryption(settings.arguments, connection._sock)  # noqa: SLF001 - the one place that knows
    finally:
        connection.disconnect()
        if settings.credentials is not None:
            settings.credentials.close()


def _encryption(options: Mapping[str, Any], sock: Any) -> Findings:
    if hasattr(sock, "getpeercert"):
        unverified = options.get("ssl_cert_reqs") == "none"
        certificate = sock.getpeercert() or {}
        said = f"{sock.version()}, " + ("not verified" if unverified else "certificate verified")
        if unverified or not options.get("ssl_check_hostname", True):
            remedy = (
                "leave ssl_cert_reqs and ssl_check_hostname out; ssl_ca_certs names your own CA"
            )
            yield Finding("TLS", "warning", f"{said}: anybody could pass for the server", remedy)
        else:
            yield Finding("TLS", "ok", said)
        if isinstance(ends := certificate.get("notAfter"), str):
            days = (ssl.cert_time_to_seconds(ends) - time.time()) / 86_400
            said = f"valid for {counted(round(days), 'day')} more"
            if days > _CERTIFICATE_DAYS:
                yield Finding("certificate", "ok", said)
            else:
                remedy = "renew it; connections fail from then on"
                yield Finding("certificate", "warning", said, remedy)
        return
    if sock.family == getattr(socket, "AF_UNIX", None) or _is_local(sock):
        yield Finding("TLS", "ok", "none, and none needed: the connection stays on this machine")
        return
    yield Finding(
        "TLS",
        "warning",
        "none: answers, and a password, travel unencrypted",
        "let the server offer TLS, and use valkeys://",
    )


def _is_local(sock: Any) -> bool:
    try:
        return ipaddress.ip_address(sock.getpeername()[0]).is_loopback
    except (OSError, ValueError):
        return False


# Commands, what needs them, and whether the cache itself does.
_COMMANDS: Final[tuple[tuple[tuple[Any, ...], str, bool], ...]] = (
    (("SET", b"llm2:doctor", "PX", 10_000), "storing", True),
    (("GET",), "looking up", True),
    (("MGET",), "looking many up at once (async), else by GET", False),
    (("PTTL",), "llmcache stats, ls and export", False),
    (("STRLEN",), "llmcache stats", False),
    (("SET", b"lease:doctor", "NX", "GET", "PX", 10_000), "lease=", False),
    (("EVAL", SWAP_SCRIPT, 1), "lease=", False),
    (("UNLINK",), "clearing, and removing damaged entries", True),
)


def _rights(store: ValkeyAdministration) -> Findings:
    """Run each command that the cache needs, on a key of its own."""
    name = f"{store.prefix}doctor/{uuid.uuid4().hex}".encode("utf-8", "surrogatepass")
    refused = False
    try:
        for words, purpose, needed in _COMMANDS:
            command = words[0]
            arguments = (name, *words[1:]) if command != "EVAL" else (*words[1:], name, b"x")
            reply = _reply(store, name, (command, *arguments))
            if isinstance(reply, Exception):
                refused = True
                shown = "SET NX GET" if "NX" in words else str(command)
                yield _refusal(shown, reply, purpose, needed=needed)
        for reply in run(_everywhere(store, "SCAN", "0", "COUNT", "1")).values():
            if isinstance(reply, Exception):
                refused = True
                yield _refusal("SCAN", reply, "clear() and llmcache", needed=False)
                break
    finally:
        _reply(store, name, ("UNLINK", name))
    if not refused:
        yield Finding("permissions", "ok", "all commands of the cache work under its prefix")


def _reply(store: ValkeyAdministration, name: bytes, command: Sequence[Any]) -> Any:
    """Return the reply to a command; what the server refuses, as an exception."""
    try:
        [reply] = run(_together(store, [(name, tuple(command))]))
    except ResponseError as error:
        return error
    return reply


def _refusal(command: str, error: Exception, purpose: str, *, needed: bool) -> Finding:
    advice = advice_for(error)
    remedy = None if advice is None else advice.remedy
    if type(error).__name__ == "NoPermissionError" and "key" not in str(error):
        remedy = f"ACL SETUSER <user> +{command.partition(' ')[0].lower()}"
    said = f"{command} is refused ({describe(error)}); it is needed for {purpose}"
    return Finding("permissions", "problem" if needed else "note", said, remedy)


def _search(store: ValkeyAdministration) -> Finding:
    """Tell whether questions that mean the same could be found here (``similar=``, an option)."""
    index = f"{store.prefix}similar-doctor"  # no index has that name: the reply says so
    reply = _reply(store, index.encode("utf-8", "surrogatepass"), ("FT.SEARCH", index, "*"))
    if isinstance(reply, NoPermissionError):
        said = "FT.SEARCH is not permitted; only similar= needs it, and +ft.create"
        return Finding("search", "ok", said)
    if isinstance(reply, Exception) and "unknown command" in str(reply).lower():
        said = "no search module: exact matching only, which is all that most caches do"
        return Finding("search", "ok", said)
    return Finding("search", "ok", "there is a search module, which similar= needs")


def _latency(store: ValkeyAdministration) -> Finding:
    name = f"{store.prefix}doctor/ping".encode("utf-8", "surrogatepass")
    times = []
    for _ in range(_ROUND_TRIPS):
        began = time.perf_counter()
        run(_together(store, [(name, ("GET", name))]))
        times.append(time.perf_counter() - began)
    median = statistics.median(times)
    said = f"{median * 1000:.2f} ms a lookup (median of {len(times)}), {max(times) * 1000:.2f} ms at most"
    if median < _SLOW:
        return Finding("round trip", "ok", said)
    remedy = "use a store in the same region and zone; near=NearCache() keeps hot answers here"
    return Finding("round trip", "note" if median < _TOO_SLOW else "warning", said, remedy)


Info: TypeAlias = Mapping[str, str]


def _infos(store: ValkeyAdministration) -> dict[str, Info]:
    """Return what each server says of itself; empty where it may not be asked."""
    infos: dict[str, Info] = {}
    for node, reply in run(_everywhere(store, "INFO")).items():
        lines = reply.decode("utf-8", "replace").splitlines() if isinstance(reply, bytes) else ()
        infos[node] = dict(line.split(":", 1) for line in lines if ":" in line)
    return infos


def _servers(infos: Mapping[str, Info]) -> Findings:
    for node, info in infos.items():
        at = f"{node}: " if len(infos) > 1 else ""
        if not info:
            yield Finding(
                "server",
                "note",
                f"{at}INFO is not permitted: version, memory and eviction could not be checked",
                "run the doctor as a user who may: ACL SETUSER <user> +info",
            )
            continue
        yield _version(info, at)
        if info.get("role") == "slave":
            yield Finding(
                "role",
                "problem",
                f"{at}the server is a replica: nothing can be stored",
                "use the address of the primary",
            )
        yield from _memory(info, at)
        yield from _health(info, at)


def _version(info: Info, at: str) -> Finding:
    valkey = info.get("valkey_version")
    said = f"{at}Valkey {valkey}" if valkey else f"{at}Redis {info.get('redis_version', '?')}"
    major = re.match(r"\d+", valkey or info.get("redis_version", ""))
    if major and int(major[0]) < _OLDEST:
        return Finding("version", "note", said, "lease= needs Valkey 7.2 or Redis 7, or later")
    return Finding("version", "ok", said)


def _memory(info: Info, at: str) -> Findings:
    used, limit = _number(info, "used_memory"), _number(info, "maxmemory")
    policy = info.get("maxmemory_policy", "")
    lru = "set maxmemory-policy to allkeys-lru: the least recently used answers make room"
    if not limit:
        yield Finding(
            "memory",
            "note",
            f"{at}{size(used)} used, without a limit (maxmemory is 0): only TTLs make room",
            "set maxmemory, and maxmemory-policy to allkeys-lru",
        )
        return
    said = f"{at}{size(used)} of {size(limit)} used ({used / limit:.0%}), {policy}"
    if policy == "noeviction":
        level: Level = "problem" if used > _NEARLY * limit else "warning"
        yield Finding("memory", level, f"{said}: when it is full, nothing is stored", lru)
    elif policy.startswith("volatile"):
        remedy = "keep a ttl on all entries, or " + lru
        yield Finding("memory", "note", f"{said}: entries without a TTL are never evicted", remedy)
    else:
        yield Finding("memory", "ok", said)


def _health(info: Info, at: str) -> Findings:
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        yield Finding(
            "disk",
            "warning",
            f"{at}the last save to disk failed; the server may refuse to store",
            "look into the server's log, or set stop-writes-on-bgsave-error to no",
        )
    clients, most = _number(info, "connected_clients"), _number(info, "maxclients")
    if most and clients > _NEARLY * most:
        remedy = "raise maxclients, or run fewer processes; each keeps up to 32 connections"
        yield Finding("clients", "warning", f"{at}{clients} of {most} connections in use", remedy)
    if info.get("loading") == "1":
        yield Finding(
            "disk",
            "note",
            f"{at}the server is still loading its data",
            "wait: until then, lookups are misses",
        )


def _number(info: Info, name: str) -> int:
    text = info.get(name, "0")
    return int(text) if text.isdecimal() else 0


def _cluster(store: ValkeyAdministration) -> Findings:
    shards = _shards(store)
    covered = sum(shard.slots for shard in shards)
    serving = [shard for shard in shards if shard.slots]
    replicas = sum(shard.replicas for shard in shards)
    said = (
        f"{counted(len(serving), 'primary', 'primaries')}, {counted(replicas, 'replica')}, "
        f"{covered:,} slots served"
    )
    alone = sum(not shard.replicas for shard in serving)
    if covered < _SLOTS:
        remedy = "bring its node back, or run valkey-cli --cluster fix"
        yield Finding("cluster", "problem", f"{said} of {_SLOTS:,}", remedy)
    elif alone:
        remedy = "add a replica to each, if a lost primary must not cost its share of the hits"
        yield Finding("cluster", "note", f"{said}; primaries without a replica: {alone}", remedy)
    else:
        yield Finding("cluster", "ok", said)


_ONE_SLOT: Final = Finding(
    "prefix",
    "warning",
    "it holds a hash tag ({...}), so all answers lie in one slot, on one primary of the cluster",
    "use a prefix without braces, unless other code needs the answers in one slot",
)


def _has_hash_tag(prefix: str) -> bool:
    """Tell whether a cluster looks at a part of the prefix only, to find a key's slot."""
    start = prefix.find("{")
    return start >= 0 and prefix.find("}", start) > start + 1


class _Shard(NamedTuple):
    slots: int
    replicas: int


def _shards(store: ValkeyAdministration) -> list[_Shard]:
    """Return the parts of a cluster, as any of its nodes sees them.

    CLUSTER SLOTS, which is allowed to every client, does not know replicas without data.
    """
    for reply in run(_everywhere(store, "CLUSTER", "SHARDS")).values():
        if isinstance(reply, list):
            shards = [_mapping(shard) for shard in reply]
            return [
                _Shard(_length(shard[b"slots"]), sum(map(_is_replica, shard[b"nodes"])))
                for shard in shards
            ]
    for reply in run(_everywhere(store, "CLUSTER", "SLOTS")).values():
        if isinstance(reply, list):
            counts: Counter[tuple[Any, ...]] = Counter()
            replicas: dict[tuple[Any, ...], int] = {}
            for first, last, primary, *others in reply:
                counts[tuple(primary[:2])] += last - first + 1
                replicas[tuple(primary[:2])] = len(others)
            return [_Shard(number, replicas[node]) for node, number in counts.items()]
    return []


def _mapping(pairs: Sequence[Any]) -> dict[Any, Any]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def _length(ranges: Sequence[int]) -> int:
    return sum(last - first + 1 for first, last in zip(ranges[::2], ranges[1::2], strict=True))


def _is_replica(node: Sequence[Any]) -> bool:
    about = _mapping(node)
    return bool(about[b"role"] == b"replica" and about[b"health"] != b"fail")


# --- entries -----------------------------------------------------------------------------------


def _entries(store: Administration, infos: Mapping[str, Info]) -> Findings:
    """Look at some entries: do they expire, can they be read?"""
    keys: list[Key] = list(
        itertools.islice(
            itertools.chain.from_iterable(each_once(store.keys(NodeScope((), None)))), _SAMPLE
        )
    )
    if not keys:
        yield Finding("entries", "ok", "none yet under this prefix")
        return
    try:
        yield _lifetimes(store.measure(keys), len(keys), infos)
    except StoreError as error:
        if not isinstance(error.__cause__, NoPermissionError):
            raise
        yield Finding("TTL", "note", f"not known: {error}")
    yield from _contents(store, keys)


def _lifetimes(measured: Sequence[Measured], seen: int, infos: Mapping[str, Info]) -> Finding:
    """Tell whether entries expire."""
    never = sum(one.left is None for one in measured)
    some = ("" if seen < _SAMPLE else "the first ") + entries(len(measured))
    if not never:
        longest = max((one.left for one in measured if one.left is not None), default=0) / 1000
        return Finding("TTL", "ok", f"all expire: the last of {some} in {duration(longest)}")
    policies = {info.get("maxmemory_policy", "") for info in infos.values()}
    risky = not all(policy.startswith("allkeys") for policy in policies) or not policies
    remedy = "give the cache a ttl; `llmcache export`, then `import --ttl`, gives one to these"
    said = f"{never:,} of {some} never {'expires' if never == 1 else 'expire'}"
    return Finding("TTL", "warning" if risky else "note", said, remedy if risky else None)


def _contents(store: Administration, keys: Sequence[Key]) -> Findings:
    """Read some entries, and say what they are."""
    states: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for held in _some(store, keys):
        if not held.is_lease:
            states[content_of(held, store).state] += 1
            kinds[WORDS[place_of(held.key).kind]] += 1
    looked_at = kinds.total()
    if states["damaged"]:
        remedy = (
            "nothing needs to be done: a damaged entry is a miss, and is removed when it is met"
        )
        said = f"{states['damaged']} of {looked_at} cannot be read"
        yield Finding("entries", "warning", said, remedy)
    else:
        many = len(kinds) > 1 or "answer" not in kinds
        of = [counted(number, kind) for kind, number in sorted(kinds.items()) if many]
        told = f" ({', '.join(of)})" if of else ""
        if states["sealed"]:
            told += f", {states['sealed']} of them sealed"
        yield Finding("entries", "ok", f"{looked_at} read{told}, none is damaged")
    if states["old"]:
        remedy = "nothing needs to be done: they expire; `llmcache clear` removes them now"
        said = f"{states['old']} of {looked_at} are of an older version: each is a miss"
        yield Finding("entries", "note", said, remedy)


def _some(store: Administration, keys: Sequence[Key]) -> Iterator[Held]:
    """Yield some entries; where no sizes are told, only a few, read as the cache reads them."""
    try:
        yield from store.read(keys[:_READ], _WHOLE)
    except StoreError as error:
        if not isinstance(error.__cause__, NoPermissionError) or not isinstance(
            store, ValkeyAdministration
        ):
            raise
    else:
        return
    for key in keys[:_READ_UNMEASURED]:
        name = f"{store.prefix}{key.path}".encode("utf-8", "surrogatepass")
        value = _reply(store, name, ("GET", name))
        if isinstance(value, bytes):
            yield Held(key, value, None)


# --- files -------------------------------------------------------------------------------------


def of_missing_file(path: Path) -> Findings:
    """Look at where a file is going to be."""
    folder = path.absolute().parent
    if not folder.is_dir():
        yield Finding("file", "problem", f"there is no folder {folder}", "make it")
    elif not os.access(folder, os.W_OK):
        yield Finding("file", "problem", f"this user may not write to {folder}", "use another path")
    else:
        said = "holds no cache" if path.exists() else "does not exist"
        yield Finding("file", "note", f"{path} {said} yet; the first answer makes it")


def of_file(path: Path, store: SqliteAdministration) -> Findings:
    """Look at a file of ``sqlite://``."""
    try:
        yield from _file(path, store)
        yield from _entries(store, {"": {"maxmemory_policy": ""}})
    except StoreError as error:
        yield _problem("file", error.__cause__ or error)


def _file(path: Path, store: SqliteAdministration) -> Findings:
    [[verdict]] = store.query("PRAGMA quick_check(1)")
    if verdict != "ok":
        remedy = "delete the file: it is a cache, and fills again"
        yield Finding("file", "problem", "the file is damaged", remedy)
        return
    began = time.perf_counter()
    store.query("BEGIN IMMEDIATE")
    store.query("ROLLBACK")
    took = time.perf_counter() - began
    yield Finding(
        "file", "ok", f"{size(path.stat().st_size)}, undamaged, writable in {took * 1000:.1f} ms"
    )
    [[mode]] = store.query("PRAGMA journal_mode")
    if mode != "wal":
        remedy = "a file on a network drive cannot have one; use a server for several machines"
        yield Finding("journal", "note", f"{mode}: readers wait for writers", remedy)
    free = shutil.disk_usage(path.absolute().parent).free
    if free < _ROOM:
        remedy = "make room; nothing more can be stored without"
        yield Finding("disk", "warning", f"{size(free)} left", remedy)
    [[expired]] = store.query("SELECT count(*) FROM cache WHERE expiry <= ?", (time.time(),))
    if expired:
        yield Finding(
            "expired", "ok", f"{counted(expired, 'row')} expired, to go with one of the next writes"
        )


def checked_at() -> str:
    """Return the time of a report."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


async def _together(store: ValkeyAdministration, items: Sequence[Any]) -> list[Any]:
    return await store.router.together(items)


async def _everywhere(store: ValkeyAdministration, *command: Any) -> dict[str, Any]:
    return await store.router.everywhere(*command)
