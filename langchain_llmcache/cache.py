"""``LLMCache``: LangChain's cache protocol over a LangGraph cache. Thin: the flow decides."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache

from langchain_llmcache._answer.entries import NewEntry
from langchain_llmcache._answer.hits import HitUsage
from langchain_llmcache._answer.policy import DEFAULT_MAX_ENTRY_BYTES, StorePolicy
from langchain_llmcache._answer.ttl import Ttl, checked_ttl, to_milliseconds
from langchain_llmcache._flow.breaker import Breaker
from langchain_llmcache._flow.flow import Flow, Settings
from langchain_llmcache._flow.gate import Gate
from langchain_llmcache._flow.near import NearCache
from langchain_llmcache._flow.ports import run
from langchain_llmcache._insight.listeners import Listeners, checked_listeners
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._insight.savings import Prices, checked_prices
from langchain_llmcache._insight.stats import CacheStats
from langchain_llmcache._request.key import namespace_parts
from langchain_llmcache._request.maker import KeyMaker
from langchain_llmcache._stores.guard import Guard
from langchain_llmcache._stores.open import (
    DEFAULT_PREFIX,
    Opened,
    open_server,
    open_store,
    open_url,
)
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.events import Listener
from langchain_llmcache.options import UNSET, current

if TYPE_CHECKING:
    from botocore.credentials import Credentials as AwsCredentials
    from botocore.session import Session as AwsSession
    from langchain_core.outputs import Generation
    from langgraph.cache.base import BaseCache as LangGraphCache
    from langgraph.checkpoint.serde.base import SerializerProtocol
    from typing_extensions import Self, Unpack
    from valkey.asyncio import Valkey as AsyncValkey
    from valkey.asyncio import ValkeyCluster as AsyncValkeyCluster


DEFAULT_TTL: Final = 3600.0
DEFAULT_TIMEOUT: Final = 0.5
DEFAULT_MAX_WAIT: Final = 30.0


class _Unset:
    """The default of ``ttl``, because None means "never expires"."""

    def __repr__(self) -> str:
        return "the cache's"


_UNSET: Final = cast("Ttl", _Unset())


class CacheOptions(TypedDict, total=False):
    """Options of ``LLMCache`` that ``from_elasticache`` hands on; see there."""

    namespace: str | Sequence[str]
    key_extra: Any
    key_secret: str | bytes | None
    hit_usage: HitUsage
    should_store: Callable[[NewEntry], bool] | None
    redact: Callable[[str], str] | None
    max_entry_bytes: int | None
    single_flight: bool
    max_wait: float
    lease: float | None
    near: NearCache | None
    ttl_jitter: float
    on_event: Listener | Sequence[Listener] | None
    prices: Prices | None


class LLMCache(BaseCache):
    """A cache of model answers for LangChain, in Valkey or any other LangGraph cache.

    ``lookup`` and ``update`` never raise: a store in trouble is a miss. Making one does no I/O.

    Args:
        store: A LangGraph cache, above all ``langgraph_checkpoint_aws.ValkeyCache``, whose
            prefix, TTL, serializer and connection settings are used. None: a bounded store
            in this process.
        ttl: How long answers are kept: seconds, a ``timedelta``, None (for ever), or a
            callable that is given the ``NewEntry`` and returns one of these. Default: the
            ``ValkeyCache``'s own, else an hour.
        namespace: Keeps this cache's answers apart from others' under the same prefix: a
            string, or several, outermost first.
        key_extra: Anything else that shapes answers (region, account, version): JSON data.
            Its ``"model"`` names a model whose own settings do not.
        key_secret: Makes keys HMACs, so that they do not tell who asked what.
        hit_usage: ``"keep"`` leaves the token counts of the first call on hits, ``"zero"``
            sets them to 0, for cost trackers.
        should_store: Decides, given a ``NewEntry``, whether an answer is stored. By default
            those without a ``NewEntry.flaw``: not empty, no invalid tool call, not blocked by
            a content filter, a guardrail or a refusal. Truncated answers are stored, because
            the limit is part of the request.
        redact: Is applied to every text that is stored: contents, reasoning, string values
            of tool call arguments. Keys are made of the request as it is, and whoever pays for
            the answer gets it as it is; hits have the redacted one.
        max_entry_bytes: Larger entries are neither stored nor read; None for no bound.
        single_flight: Of all who ask the same at once in this process, one asks the model
            and the others wait for its answer.
        max_wait: Seconds that they wait at most, from the moment the first one asked; then
            they ask the model themselves.
        lease: Makes other processes wait too (stores that can: Valkey): seconds after which
            they no longer believe that the one who asks is alive. None: they do not wait.
        near: Keeps copies of hot entries in this process for a few seconds.
        ttl_jitter: Shortens each TTL by up to this share of it (0 to 1, drawn anew for each
            entry), so that what was stored together does not expire together.
        on_event: Is called with a ``CacheEvent`` for everything that happens; or several such
            functions. They run in a thread of their own, and cannot break or slow a call.
        prices: What models cost, for ``stats().money_saved``: ``{model: (price of a million
            input tokens, price of a million output tokens)}``.
        timeout: Seconds that an operation may take at most.
        async_client: A ``valkey.asyncio`` client whose connection settings are used for the
            async half, where the ``ValkeyCache``'s own client has no asyncio counterpart.

    Raises:
        ConfigurationError: (a ``ValueError``) an argument is wrong; the message says which.
    """

    def __init__(
        self,
        store: LangGraphCache[Any] | None = None,
        *,
        ttl: Ttl = _UNSET,
        namespace: str | Sequence[str] = (),
        key_extra: Any = None,
        key_secret: str | bytes | None = None,
        hit_usage: HitUsage = "keep",
        should_store: Callable[[NewEntry], bool] | None = None,
        redact: Callable[[str], str] | None = None,
        max_entry_bytes: int | None = DEFAULT_MAX_ENTRY_BYTES,
        single_flight: bool = True,
        max_wait: float = DEFAULT_MAX_WAIT,
        lease: float | None = None,
        near: NearCache | None = None,
        ttl_jitter: float = 0.0,
        on_event: Listener | Sequence[Listener] | None = None,
        prices: Prices | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        async_client: AsyncValkey | AsyncValkeyCluster | None = None,
    ) -> None:
        timeout = _seconds("timeout", timeout)
        given: object = store
        if isinstance(given, Opened):  # of ``from_elasticache``
            opened = given
        elif store is None:
            opened = open_url(None, prefix=DEFAULT_PREFIX, timeout=timeout, serde=None)
        else:
            opened = open_store(store, async_client=async_client, timeout=timeout)
        self._begin(
            opened,
            ttl=ttl,
            namespace=namespace,
            key_extra=key_extra,
            key_secret=key_secret,
            hit_usage=hit_usage,
            policy=StorePolicy(should_store, redact, max_entry_bytes),
            single_flight=single_flight,
            max_wait=max_wait,
            lease=lease,
            near=near,
            ttl_jitter=ttl_jitter,
            on_event=on_event,
            prices=prices,
        )

    @classmethod
    def from_url(
        cls,
        url: str | None = None,
        *,
        prefix: str = DEFAULT_PREFIX,
        ttl: Ttl = DEFAULT_TTL,
        namespace: str | Sequence[str] = (),
        key_extra: Any = None,
        key_secret: str | bytes | None = None,
        hit_usage: HitUsage = "keep",
        should_store: Callable[[NewEntry], bool] | None = None,
        redact: Callable[[str], str] | None = None,
        max_entry_bytes: int | None = DEFAULT_MAX_ENTRY_BYTES,
        single_flight: bool = True,
        max_wait: float = DEFAULT_MAX_WAIT,
        lease: float | None = None,
        near: NearCache | None = None,
        ttl_jitter: float = 0.0,
        on_event: Listener | Sequence[Listener] | None = None,
        prices: Prices | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        serde: SerializerProtocol | None = None,
        cluster: bool | None = None,
        read_from_replicas: bool = False,
    ) -> Self:
        """Return a cache in the store of a URL; nothing is connected before it is used.

        Args:
            url: ``valkey://``, ``valkeys://`` (TLS), ``redis://``, ``rediss://``, ``unix://``,
                ``sqlite:///path`` or ``memory://``; None means ``memory://``.
            prefix: What all keys begin with.
            ttl: As for ``LLMCache``; an hour by default.
            namespace: As for ``LLMCache``.
            key_extra: As for ``LLMCache``.
            key_secret: As for ``LLMCache``.
            hit_usage: As for ``LLMCache``.
            should_store: As for ``LLMCache``.
            redact: As for ``LLMCache``.
            max_entry_bytes: As for ``LLMCache``.
            single_flight: As for ``LLMCache``.
            max_wait: As for ``LLMCache``.
            lease: As for ``LLMCache``.
            near: As for ``LLMCache``.
            ttl_jitter: As for ``LLMCache``.
            on_event: As for ``LLMCache``.
            prices: As for ``LLMCache``.
            timeout: As for ``LLMCache``.
            serde: Seals the stored entries, e.g. LangGraph's ``EncryptedSerializer``.
            cluster: Whether the server belongs to a cluster; None: it is found out on first use.
            read_from_replicas: Lets lookups in a cluster ask replicas too, which may not have
                the newest answers yet.

        Raises:
            ConfigurationError: (a ``ValueError``) an argument is wrong; the message says which,
                and never repeats the URL.
        """
        self = cls.__new__(cls)
        opened = open_url(
            url,
            prefix=prefix,
            timeout=_seconds("timeout", timeout),
            serde=serde,
            cluster=cluster,
            read_from_replicas=read_from_replicas,
        )
        self._begin(
            opened,
            ttl=ttl,
            namespace=namespace,
            key_extra=key_extra,
            key_secret=key_secret,
            hit_usage=hit_usage,
            policy=StorePolicy(should_store, redact, max_entry_bytes),
            single_flight=single_flight,
            max_wait=max_wait,
            lease=lease,
            near=near,
            ttl_jitter=ttl_jitter,
            on_event=on_event,
            prices=prices,
        )
        return self

    @classmethod
    def from_elasticache(
        cls,
        endpoint: str,
        *,
        user: str | None = None,
        password: str | None = None,
        cache_name: str | None = None,
        serverless: bool | None = None,
        region: str | None = None,
        cluster: bool | None = None,
        tls: bool | None = None,
        ca_certs: str | None = None,
        read_from_replicas: bool = False,
        aws_credentials: AwsCredentials | None = None,
        aws_session: AwsSession | None = None,
        prefix: str = DEFAULT_PREFIX,
        ttl: Ttl = DEFAULT_TTL,
        timeout: float = DEFAULT_TIMEOUT,
        serde: SerializerProtocol | None = None,
        **options: Unpack[CacheOptions],
    ) -> Self:
        """Return a cache in Amazon ElastiCache for Valkey; nothing is connected before it is used.

        Args:
            endpoint: As ElastiCache shows it, with or without a port: of a serverless cache,
                the configuration endpoint of a cluster, or the primary endpoint of a group.
            user: The ElastiCache user. Without a password it authenticates with IAM tokens.
            password: Of the user, or without one the AUTH token of the group.
            cache_name: Name of the serverless cache, or id of the replication group. As with
                the next five: what is not given is taken from the endpoint's name.
            serverless: Whether it is a serverless cache.
            region: Where it is; at last, as AWS's configuration says.
            cluster: Whether it is in cluster mode.
            tls: Whether it encrypts.
            ca_certs: A file of authorities to trust in place of the system's.
            read_from_replicas: As for ``from_url``.
            aws_credentials: A botocore credentials object to sign with, in place of what
                AWS's chain of providers finds.
            aws_session: The botocore session that is asked for credentials and region.
            prefix: As for ``from_url``.
            ttl: As for ``from_url``. Serverless never evicts entries without a TTL.
            timeout: As for ``LLMCache``.
            serde: As for ``from_url``.
            options: As for ``LLMCache``.

        Raises:
            ConfigurationError: (a ``ValueError``) an argument is wrong, or an extra is missing.
        """
        from langchain_llmcache.elasticache import connection_settings

        settings = connection_settings(
            endpoint,
            user=user,
            password=password,
            cache_name=cache_name,
            serverless=serverless,
            region=region,
            cluster=cluster,
            tls=tls,
            ca_certs=ca_certs,
            read_from_replicas=read_from_replicas,
            timeout=_seconds("timeout", timeout),
            aws_credentials=aws_credentials,
            aws_session=aws_session,
        )
        opened = open_server(settings, prefix=prefix, serde=serde)
        return cls(cast("LangGraphCache[Any]", opened), ttl=ttl, **options)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return a cache as the environment describes it.

        Args:
            environ: ``LLMCACHE_URL``, ``LLMCACHE_PREFIX``, ``LLMCACHE_TTL`` (seconds, or
                ``none``) and ``LLMCACHE_NAMESPACE``; each may be missing or empty, and then
                the default of ``from_url`` holds.

        Raises:
            ConfigurationError: (a ``ValueError``) a variable is wrong; the message says which.
        """
        arguments: dict[str, Any] = {}
        for name in ("url", "prefix", "ttl", "namespace"):
            text = environ.get(f"LLMCACHE_{name.upper()}", "")
            if text:
                arguments[name] = text
        if "ttl" in arguments:
            arguments["ttl"] = _ttl_from_text(arguments["ttl"])
        return cls.from_url(**arguments)

    def _begin(
        self,
        opened: Opened,
        *,
        ttl: Ttl,
        namespace: str | Sequence[str],
        key_extra: Any,
        key_secret: str | bytes | None,
        hit_usage: HitUsage,
        policy: StorePolicy,
        single_flight: bool,
        max_wait: float,
        lease: float | None,
        near: NearCache | None,
        ttl_jitter: float,
        on_event: Listener | Sequence[Listener] | None,
        prices: Prices | None,
    ) -> None:
        if ttl is _UNSET:
            ttl = DEFAULT_TTL if opened.ttl is None else opened.ttl
        if hit_usage not in ("keep", "zero"):
            msg = f"hit_usage is {hit_usage!r}; expected 'keep' or 'zero'"
            raise ConfigurationError(msg)
        self._opened = opened
        self._store: LangGraphCache[Any] | None = None
        self._ttl = checked_ttl(ttl)
        if isinstance(ttl_jitter, bool) or not (
            isinstance(ttl_jitter, (int, float)) and 0 <= ttl_jitter <= 1
        ):
            raise ConfigurationError(f"ttl_jitter is {ttl_jitter!r}; expected a share from 0 to 1")
        listeners = checked_listeners(on_event)
        self._observer = Observer(
            listeners=Listeners(listeners) if listeners else None, prices=checked_prices(prices)
        )
        if single_flight:
            # Imported here: it brings langchain-core's callbacks and tracers with it.
            from langchain_llmcache._flow.failed_calls import watch

            watch()
        self._breaker = Breaker(monotonic=time.monotonic, changed=self._observer.breaker_changed)
        self._gate = Gate(self._breaker, self._observer)
        self._flow = Flow(
            Settings(
                namespace=namespace_parts(namespace),
                hit_usage=hit_usage,
                policy=policy,
                single_flight=single_flight,
                max_wait=_seconds("max_wait", max_wait),
                lease=None if lease is None else _seconds("lease", lease),
                near=near,
                ttl_jitter=ttl_jitter,
            ),
            KeyMaker(extra=key_extra, secret=key_secret),
            self._observer,
            self._gate,
            now=time.time,
            monotonic=time.monotonic,
        )

    @property
    def store(self) -> LangGraphCache[Any]:
        """The LangGraph cache that holds the entries, for ``graph.compile(cache=...)`` too.

        Unless it is one of your own, it never raises but in ``clear``, and keeps the values of
        nodes without a TTL of their own as long as the answers of models.
        """
        if self._store is None:
            self._store = self._opened.store(self._guard())
        return self._store

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Return the stored answer of a request as new objects, or None. Never raises."""
        return run(self._flow.lookup(self._opened.blocking, prompt, llm_string))

    async def alookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Return the stored answer of a request as new objects, or None. Never raises."""
        return await self._flow.lookup(self._opened.asynchronous, prompt, llm_string)

    def update(
        self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE, *, ttl: Ttl = _UNSET
    ) -> None:
        """Store the answer of a request, for ``ttl`` instead of the cache's own if given.

        Raises:
            ConfigurationError: (a ``ValueError``) only if ``ttl`` is no duration.
        """
        lifetime = self._lifetime(ttl)
        run(self._flow.update(self._opened.blocking, prompt, llm_string, return_val, lifetime))

    async def aupdate(
        self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE, *, ttl: Ttl = _UNSET
    ) -> None:
        """Store the answer of a request, for ``ttl`` instead of the cache's own if given.

        Raises:
            ConfigurationError: (a ``ValueError``) only if ``ttl`` is no duration.
        """
        lifetime = self._lifetime(ttl)
        await self._flow.update(self._opened.asynchronous, prompt, llm_string, return_val, lifetime)

    def delete(self, prompt: str, llm_string: str) -> bool:
        """Remove the stored answer of one request; tell whether there was one.

        Raises:
            StoreError: if the store could not do it.
        """
        return run(self._flow.delete(self._opened.blocking, prompt, llm_string))

    async def adelete(self, prompt: str, llm_string: str) -> bool:
        """Remove the stored answer of one request; tell whether there was one.

        Raises:
            StoreError: if the store could not do it.
        """
        return await self._flow.delete(self._opened.asynchronous, prompt, llm_string)

    # Unlike the protocol's, these take no unknown arguments: a misspelt one would clear all.
    def clear(  # type: ignore[override]
        self, *, namespace: str | Sequence[str] = (), model: str | None = None
    ) -> None:
        """Remove the stored answers under this cache's prefix and namespace.

        Args:
            namespace: Only those of this namespace below the cache's own.
            model: Only those of the model of this name.

        Raises:
            StoreError: if the store could not remove all of them.
            UnsupportedOperationError: if it has no way to find them.
        """
        parts = namespace_parts(namespace)
        run(self._flow.clear(self._opened.blocking, parts, model))

    async def aclear(  # type: ignore[override]
        self, *, namespace: str | Sequence[str] = (), model: str | None = None
    ) -> None:
        """Remove the stored answers under this cache's prefix and namespace.

        Args:
            namespace: Only those of this namespace below the cache's own.
            model: Only those of the model of this name.

        Raises:
            StoreError: if the store could not remove all of them.
            UnsupportedOperationError: if it has no way to find them.
        """
        parts = namespace_parts(namespace)
        await self._flow.clear(self._opened.asynchronous, parts, model)

    def ping(self) -> None:
        """Return if the store answers. For start-up checks: the cache itself never needs it.

        Raises:
            StoreError: if it does not; the message says why.
        """
        run(self._flow.ping(self._opened.blocking))

    async def aping(self) -> None:
        """Return if the store answers. For start-up checks: the cache itself never needs it.

        Raises:
            StoreError: if it does not; the message says why.
        """
        await self._flow.ping(self._opened.asynchronous)

    def stats(self) -> CacheStats:
        """Return what this object did since it was made."""
        # Threads may tell the observer of two changes in the wrong order.
        return replace(self._observer.stats(), breaker=self._breaker.state)

    def close(self) -> None:
        """Close the connections that no running event loop owns. A later use opens new ones.

        Listeners are told what they were not told yet, for two seconds at most.
        """
        self._opened.close()
        self._observer.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop too. A later use opens new ones.

        Listeners are told what they were not told yet, for two seconds at most.
        """
        await self._opened.aclose()
        if self._observer.has_listeners:
            await asyncio.to_thread(self._observer.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _guard(self) -> Guard:
        # A callable is asked about answers of models only.
        milliseconds = to_milliseconds(DEFAULT_TTL if callable(self._ttl) else self._ttl)
        seconds = None if milliseconds is None else milliseconds / 1000
        return Guard(self._gate, self._observer, seconds)

    def _lifetime(self, ttl: Ttl) -> Ttl:
        if ttl is not _UNSET:
            return checked_ttl(ttl)
        option = current().ttl
        return self._ttl if option is UNSET else option


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigurationError(f"{name} is {value!r}; expected seconds, more than 0")
    return float(value)


def _ttl_from_text(text: str) -> float | None:
    if text.strip().lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        msg = f"LLMCACHE_TTL is {text!r}; expected seconds, or none for entries that never expire"
        raise ConfigurationError(msg) from None
