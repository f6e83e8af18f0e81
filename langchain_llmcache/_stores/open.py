"""From what a user has (a URL, a LangGraph cache) to a store that is ready. Nothing here connects."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from langgraph.cache.base import BaseCache as LangGraphCache
from langgraph.checkpoint.serde.base import SerializerProtocol

from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.seal import Seal
from langchain_llmcache._checks import kind_of
from langchain_llmcache._flow.breaker import Breaker
from langchain_llmcache._flow.gate import Gate
from langchain_llmcache._flow.ports import Side
from langchain_llmcache._flow.settings import Settings
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._request.key import ended
from langchain_llmcache._stores.callers import AsyncCaller, BlockingCaller
from langchain_llmcache._stores.guard import Guard
from langchain_llmcache._stores.langgraph import BlockingFace, LangGraphEntries, async_face
from langchain_llmcache._stores.memory import MemoryStore
from langchain_llmcache._stores.node_cache import NodeCache
from langchain_llmcache._stores.node_values import NodeSerializer
from langchain_llmcache._stores.only_bytes import seal_in
from langchain_llmcache._stores.own import OwnStore
from langchain_llmcache._valkey.url import POSITIVE, Url, options_of, refuse, split
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from valkey.asyncio import Valkey as AsyncValkey
    from valkey.asyncio import ValkeyCluster as AsyncValkeyCluster

    from langchain_llmcache._valkey.settings import ConnectionSettings
    from langchain_llmcache._valkey.topology import AddressRemap

DEFAULT_PREFIX = "llm_cache:"
_MEMORY_OPTIONS = {"max_entries": POSITIVE, "max_bytes": POSITIVE}


@dataclass(frozen=True)
class Opened:
    """A store, ready for use.

    Attributes:
        prefix: What its keys begin with.
        blocking: For the sync half of the protocol.
        asynchronous: For the async half.
        store: Returns the LangGraph cache that holds the entries, as graphs get it.
        nodes: Returns one in the same place that never raises, even if the store is the user's own.
        close: Releases what no event loop owns.
        aclose: Releases the rest, on the running loop.
        name: Scheme, host and port, or the like; nothing confidential.
        ttl: The store's own default TTL, seconds, if it has one.
        bound: Is told how many bytes an entry may have; a larger one need not be read.
        file: The SQLite file that holds the entries, if it is one.
        seal: What seals entries, if anything does.
        evictions: Returns how many entries its bounds have pushed out, where it tells.
    """

    prefix: str
    blocking: Side
    asynchronous: Side
    store: Callable[[Guard], LangGraphCache[Any]]
    nodes: Callable[[Guard], NodeCache]
    close: Callable[[], None]
    aclose: Callable[[], Awaitable[None]]
    name: str
    ttl: float | None = None
    bound: Callable[[int | None], None] = lambda _: None
    file: str | None = None
    seal: Seal | None = None
    evictions: Callable[[], int] = int


def open_url(
    url: str | None,
    *,
    prefix: str,
    timeout: float,
    serde: SerializerProtocol | None = None,
    cluster: bool | None = None,
    read_from_replicas: bool = False,
    address_remap: AddressRemap | None = None,
) -> Opened:
    """Return the store of a URL; None means ``memory://``.

    Raises:
        ConfigurationError: the URL or the prefix is not understood, or an extra is missing.
    """
    prefix = _checked_prefix(prefix)
    parts = split("memory://" if url is None else url)
    if parts.scheme == "memory":
        return open_langgraph(_memory(parts, serde), prefix, timeout=timeout)
    if parts.scheme == "sqlite":
        return _open_sqlite(parts, prefix=prefix, timeout=timeout, serde=serde)
    from langchain_llmcache._valkey.settings import ConnectionSettings
    from langchain_llmcache._valkey.topology import ClusterSettings

    settings = ConnectionSettings.from_url(str(url), timeout=timeout)
    if cluster and parts.scheme == "unix":
        msg = "cluster=True needs a host: the nodes of a cluster cannot be reached by a socket"
        raise ConfigurationError(msg)
    remap: object = address_remap
    if remap is not None and (not callable(remap) or inspect.iscoroutinefunction(remap)):
        kind = "a coroutine function" if callable(remap) else kind_of(remap)
        msg = f"address_remap is {kind}; expected a function of (host, port)"
        raise ConfigurationError(msg)
    settings = replace(
        settings, cluster=ClusterSettings(cluster, read_from_replicas, remap=address_remap)
    )
    return open_server(settings, prefix=prefix, serde=serde)


def open_store(
    store: object, *, async_client: AsyncValkey | AsyncValkeyCluster | None, timeout: float
) -> Opened:
    """Return a user's LangGraph cache as a store.

    Raises:
        ConfigurationError: if it is not one, or holds a client that cannot serve.
    """
    if not isinstance(store, LangGraphCache):
        cls = f"{type(store).__module__}.{type(store).__qualname__}"
        msg = (
            f"the store is a {cls}; expected a LangGraph cache such as "
            "langgraph_checkpoint_aws.ValkeyCache (a valkey.Valkey client goes into one: "
            "LLMCache(ValkeyCache(client)); for a URL use LLMCache.from_url)"
        )
        raise ConfigurationError(msg)
    if not _is_valkey_cache(store):
        if async_client is not None:
            msg = "async_client goes with a ValkeyCache; this store has asyncio methods of its own"
            raise ConfigurationError(msg)
        return open_langgraph(store, DEFAULT_PREFIX, timeout=timeout)
    from langchain_llmcache._valkey.from_client import settings_of

    valkey_cache: Any = store
    if valkey_cache.ttl == 0:
        msg = (
            "the ValkeyCache cut its ttl down to 0 whole seconds and would store nothing; "
            "give the ttl to LLMCache(..., ttl=...), which keeps milliseconds"
        )
        raise ConfigurationError(msg)
    settings = settings_of(valkey_cache.client, async_client, timeout=timeout)
    return open_server(
        settings, prefix=valkey_cache.prefix, serde=valkey_cache.serde, store=valkey_cache
    )


def open_langgraph(store: LangGraphCache[Any], prefix: str, *, timeout: float) -> Opened:
    """Return any LangGraph cache as a store; ``prefix`` becomes the first part of namespaces.

    Args:
        store: The cache.
        prefix: Keeps its other users apart.
        timeout: Seconds that an operation may take, where it can be left before its end.
    """
    close: Callable[[], None] = getattr(store, "close", lambda: None)
    blocking = LangGraphEntries(BlockingFace(store), prefix)
    asynchronous = LangGraphEntries(async_face(store, timeout), prefix)

    async def aclose() -> None:
        close()

    def nodes(guard: Guard) -> NodeCache:
        return NodeCache(
            blocking, asynchronous, guard, serializer_in(getattr(store, "serde", None))
        )

    def as_own(guard: Guard) -> LangGraphCache[Any]:
        return store.with_nodes(nodes(guard)) if isinstance(store, OwnStore) else store

    return Opened(
        prefix=prefix,
        blocking=Side(blocking, BlockingCaller()),
        asynchronous=Side(asynchronous, AsyncCaller()),
        store=as_own,
        nodes=nodes,
        close=close,
        aclose=aclose,
        name=_name(_own_name(store), prefix),
        file=store.path if isinstance(store, OwnStore) and hasattr(store, "path") else None,
        seal=seal_in(store.serde) if isinstance(store, OwnStore) else None,
        evictions=lambda: store.evictions if isinstance(store, MemoryStore) else 0,
    )


def _memory(url: Url, serde: SerializerProtocol | None) -> MemoryStore:
    if url.authority or url.path:
        refuse("memory:// takes nothing but options, as in memory://?max_entries=10000")
    return MemoryStore(serde=serde, **options_of(url, _MEMORY_OPTIONS))


def file_of(url: Url) -> str:
    """Return the path of the file of a ``sqlite://`` URL.

    Raises:
        ConfigurationError: if it names none.
    """
    path = unquote(url.path[1:])
    if url.query is not None:
        refuse("sqlite:// takes no options; a ? in the name of the file is written %3F")
    if url.authority or not path or path == ":memory:" or path.endswith("/") or "\0" in path:
        refuse(
            "a file's URL has three slashes and a path: sqlite:///cache.db, or "
            "sqlite:////var/cache/llm.db for an absolute one (memory:// keeps nothing on disk)"
        )
    return path


def _open_sqlite(
    url: Url, *, prefix: str, timeout: float, serde: SerializerProtocol | None
) -> Opened:
    path = file_of(url)
    try:
        from langchain_llmcache._stores.sqlite import SqliteStore
    except ImportError as error:
        msg = 'sqlite:// needs an extra: pip install "langchain-llmcache[sqlite]"'
        raise ConfigurationError(msg) from error
    return open_langgraph(
        SqliteStore(path=path, timeout=timeout, serde=serde), prefix, timeout=timeout
    )


def open_server(
    settings: ConnectionSettings,
    *,
    prefix: str,
    serde: SerializerProtocol | None,
    store: LangGraphCache[Any] | None = None,
) -> Opened:
    """Return a server or a cluster as a store; ``store`` is the user's own, where there is one.

    Raises:
        ConfigurationError: the prefix is not one.
    """
    prefix = _checked_prefix(prefix) if store is None else ended(prefix)
    from langchain_llmcache._valkey.entries import ValkeyEntries
    from langchain_llmcache._valkey.green import check_patches
    from langchain_llmcache._valkey.open import open_routers

    check_patches()
    caller = AsyncCaller()
    routers = open_routers(settings, prefix, caller.settle)
    seal = seal_in(serde)
    threads = BlockingCaller()
    blocking = ValkeyEntries(routers.blocking, prefix, seal, threads)
    asynchronous = ValkeyEntries(routers.asynchronous, prefix, seal, caller)

    def nodes(guard: Guard) -> NodeCache:
        return NodeCache(blocking, asynchronous, guard, serializer_in(serde))

    def as_own(guard: Guard) -> LangGraphCache[Any]:
        # Imported only here: with it come boto3 and half a second.
        from langchain_llmcache._stores.valkey import ValkeyStore

        return ValkeyStore(settings.client(), prefix, nodes(guard))

    def bound(largest: int | None) -> None:
        blocking.bound(largest)
        asynchronous.bound(largest)

    return Opened(
        prefix=prefix,
        blocking=Side(blocking, threads),
        asynchronous=Side(asynchronous, caller),
        bound=bound,
        store=as_own if store is None else lambda _: store,
        nodes=nodes,
        close=routers.close,
        aclose=routers.aclose,
        name=_name(settings.name, prefix),
        ttl=getattr(store, "ttl", None),
        seal=seal,
    )


def nodes_without_cache(store: OwnStore) -> NodeCache:
    """Return the node values of graphs that use a store of ours by itself."""
    observer = Observer()
    breaker = Breaker(monotonic=time.monotonic, changed=observer.breaker_changed)
    guard = Guard(
        Gate(breaker, observer),
        observer,
        Binding(DEFAULT_PREFIX),
        namespace=tuple,
        ttl=None,
        max_bytes=None,
    )
    return open_langgraph(store, DEFAULT_PREFIX, timeout=Settings.timeout).nodes(guard)


def serializer_in(serde: SerializerProtocol | None) -> NodeSerializer:
    """Return the serializer of node values: the user's ``NodeSerializer``, or one of ours.

    It may be given by itself, or as what an ``EncryptedSerializer`` encrypts.
    """
    inner = getattr(serde, "serde", None)
    return next(
        (each for each in (serde, inner) if isinstance(each, NodeSerializer)), NodeSerializer()
    )


def _name(store: str, prefix: str) -> str:
    return store if prefix == DEFAULT_PREFIX else f"{store}, prefix {prefix}"


def _own_name(store: LangGraphCache[Any]) -> str:
    if isinstance(store, MemoryStore):
        return "memory://"
    path = getattr(store, "path", None)
    return f"sqlite:///{path}" if isinstance(store, OwnStore) else type(store).__qualname__


def _checked_prefix(prefix: object) -> str:
    if not isinstance(prefix, str) or not prefix:
        msg = f"prefix is {prefix!r}; expected a non-empty string such as {DEFAULT_PREFIX!r}"
        raise ConfigurationError(msg)
    return ended(prefix)


def _is_valkey_cache(store: object) -> bool:
    """Tell without importing ValkeyCache: its owner has imported it."""
    return any(
        cls.__name__ == "ValkeyCache" and cls.__module__.startswith("langgraph_checkpoint_aws.")
        for cls in type(store).__mro__
    )
