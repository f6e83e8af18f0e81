"""``LLMCache``: LangChain's cache protocol over a LangGraph cache. The flow decides."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from uuid import UUID

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache

from langchain_llmcache._answer.binding import Binding
from langchain_llmcache._answer.codec import Codec
from langchain_llmcache._answer.ttl import Ttl, checked_ttl, to_milliseconds
from langchain_llmcache._checks import checked_text, kind_of
from langchain_llmcache._environment import arguments_from
from langchain_llmcache._flow.breaker import Breaker
from langchain_llmcache._flow.flow import Flow
from langchain_llmcache._flow.gate import Gate
from langchain_llmcache._flow.parts import Parts
from langchain_llmcache._flow.ports import Matchers, NotTheStoreError, run
from langchain_llmcache._flow.settings import (
    DEFAULT_TTL,
    CacheOptions,
    Settings,
    checked_options,
    timeout_of,
)
from langchain_llmcache._insight.display import as_html
from langchain_llmcache._insight.listeners import Listeners, checked_listeners
from langchain_llmcache._insight.observer import Observer
from langchain_llmcache._insight.savings import checked_prices
from langchain_llmcache._insight.stats import CacheStats
from langchain_llmcache._recipes import NotPicklableError, Recipe, label_of, remade
from langchain_llmcache._request.asking import Asked, missed, who_asked, who_asks
from langchain_llmcache._request.blocks import UNSET, current
from langchain_llmcache._request.key import Key, namespace_parts
from langchain_llmcache._request.maker import KeyMaker
from langchain_llmcache._request.texts import told_request
from langchain_llmcache._signals import pass_on
from langchain_llmcache._stores.guard import Guard
from langchain_llmcache._stores.open import (
    DEFAULT_PREFIX,
    Opened,
    open_server,
    open_store,
    open_url,
)
from langchain_llmcache._threads import in_thread
from langchain_llmcache._valkey.url import UrlError
from langchain_llmcache.errors import ConfigurationError, UnsupportedOperationError
from langchain_llmcache.imports import ImportReport

if TYPE_CHECKING:
    from botocore.credentials import Credentials as AwsCredentials
    from botocore.session import Session as AwsSession
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import Generation
    from langgraph.cache.base import BaseCache as LangGraphCache
    from langgraph.checkpoint.serde.base import SerializerProtocol
    from typing_extensions import Self, Unpack
    from valkey.asyncio import Valkey as AsyncValkey
    from valkey.asyncio import ValkeyCluster as AsyncValkeyCluster

    from langchain_llmcache._valkey.topology import AddressRemap

P = ParamSpec("P")
T = TypeVar("T")


def _telling_options(constructor: Callable[P, T]) -> Callable[P, T]:
    """Have ``help`` and notebooks tell the options that a constructor takes in ``**options``."""
    signature = inspect.signature(constructor)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    of_a_cache = inspect.signature(Settings).parameters.values()
    target: Any = constructor
    target.__signature__ = signature.replace(parameters=[*own, *of_a_cache])
    if constructor.__doc__:
        target.__doc__ = _with_options(constructor.__doc__)
    return constructor


def _with_options(text: str) -> str:
    options = inspect.cleandoc(CacheOptions.__doc__ or "").partition("Attributes:\n")[2]
    return f"{inspect.cleandoc(text)}\n\nOptions:\n{options}"


class LLMCache(BaseCache):
    """A cache of model answers for LangChain, in Valkey or any other LangGraph cache.

    ``lookup`` and ``update`` never raise: a store in trouble is a miss. Making one does no I/O.

    Args:
        store: A LangGraph cache, above all ``langgraph_checkpoint_aws.ValkeyCache``, whose
            prefix, TTL, serializer and connection settings are used. None: a bounded store
            in this process.
        async_client: A ``valkey.asyncio`` client whose connection settings are used for the
            async half, where the ``ValkeyCache``'s own client has no asyncio counterpart.
        options: See ``CacheOptions``.

    Raises:
        ConfigurationError: (a ``ValueError``) an argument is wrong; the message says which.
    """

    @_telling_options
    def __init__(
        self,
        store: LangGraphCache[Any] | None = None,
        *,
        async_client: AsyncValkey | AsyncValkeyCluster | None = None,
        **options: Unpack[CacheOptions],
    ) -> None:
        settings = checked_options(options)
        given: object = store
        if isinstance(given, Opened):  # of another constructor
            self._opened = given
        elif store is not None:
            self._opened = open_store(store, async_client=async_client, timeout=settings.timeout)
        elif async_client is not None:
            msg = "async_client goes with a ValkeyCache; give that first: LLMCache(store, ...)"
            raise ConfigurationError(msg)
        else:
            self._opened = open_url(None, prefix=DEFAULT_PREFIX, timeout=settings.timeout)
        self._recipe = Recipe("", options) if store is None else None
        self._opened.bound(settings.max_entry_bytes)
        default = DEFAULT_TTL if self._opened.ttl is None else self._opened.ttl
        self._ttl = checked_ttl(default if settings.ttl is UNSET else settings.ttl)
        self._store: LangGraphCache[Any] | None = None
        listeners = checked_listeners(settings.on_event)
        self._observer = Observer(
            listeners=Listeners(listeners) if listeners else None,
            prices=checked_prices(settings.prices),
            cache=_name(self._opened.name, settings.namespace_parts),
        )
        self._breaker = Breaker(monotonic=time.monotonic, changed=self._observer.breaker_changed)
        self._gate = Gate(self._breaker, self._observer)
        self._matchers = self._attached(settings)
        self._keys = KeyMaker(
            settings.namespace_parts,
            extra=settings.key_extra,
            secret=settings.key_secret,
            ignore_fields=settings.ignore_fields,
        )
        self._binding = Binding(
            self._opened.prefix,
            settings.key_secret,
            compresses=settings.compression is not None,
        )
        self._max_bytes = settings.max_entry_bytes
        parts = Parts(
            settings,
            self._keys,
            Codec(self._binding, max_bytes=self._max_bytes),
            self._gate,
            now=time.time,
            monotonic=time.monotonic,
            note=self._healing() if settings.heal else None,
        )
        self._flow = Flow(parts)
        # Calls that were never followed by an ``update`` live on in the contexts of their callers.
        weakref.finalize(self, self._flow.abandon).atexit = False

    @classmethod
    @_telling_options
    def from_url(
        cls,
        url: str | None = None,
        *,
        prefix: str = DEFAULT_PREFIX,
        serde: SerializerProtocol | None = None,
        cluster: bool | None = None,
        read_from_replicas: bool = False,
        address_remap: AddressRemap | None = None,
        **options: Unpack[CacheOptions],
    ) -> Self:
        """Return a cache in the store of a URL; nothing is connected before it is used.

        Args:
            url: ``valkey://``, ``valkeys://`` (TLS), ``redis://``, ``rediss://``, ``unix://``,
                ``sqlite:///path`` or ``memory://``; None means ``memory://``.
            prefix: What all keys begin with.
            serde: Seals the stored entries, e.g. LangGraph's ``EncryptedSerializer``.
            cluster: Whether the server belongs to a cluster; None: it is found out on first use.
            read_from_replicas: Lets lookups in a cluster ask replicas too, which may not have
                the newest answers yet.
            address_remap: Turns an address (host and port) that a cluster's nodes tell of each
                other into one that can be reached from here, behind NAT or with Docker; as
                valkey-py's ``ValkeyCluster`` takes it.
            options: See ``CacheOptions``.

        Raises:
            ConfigurationError: (a ``ValueError``) an argument is wrong; the message says which,
                and never repeats the URL.
        """
        where: dict[str, Any] = {
            "url": url,
            "prefix": prefix,
            "serde": serde,
            "cluster": cluster,
            "read_from_replicas": read_from_replicas,
            "address_remap": address_remap,
        }
        opened = open_url(**where, timeout=timeout_of(options))
        return cls._made(opened, options, "from_url", where)

    @classmethod
    @_telling_options
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
            region: Where it is; otherwise AWS's own configuration decides.
            cluster: Whether it is in cluster mode.
            tls: Whether it encrypts.
            ca_certs: A file of authorities to trust in place of the system's.
            read_from_replicas: As for ``from_url``.
            aws_credentials: A botocore credentials object to sign with, in place of what
                AWS's chain of providers finds.
            aws_session: The botocore session that is asked for credentials and region.
            prefix: As for ``from_url``.
            serde: As for ``from_url``.
            options: See ``CacheOptions``. (Serverless never evicts entries without a ``ttl``.)

        Raises:
            ConfigurationError: (a ``ValueError``) an argument is wrong, or an extra is missing.
        """
        from langchain_llmcache.elasticache import connection_settings

        where: dict[str, Any] = {
            "endpoint": endpoint,
            "user": user,
            "password": password,
            "cache_name": cache_name,
            "serverless": serverless,
            "region": region,
            "cluster": cluster,
            "tls": tls,
            "ca_certs": ca_certs,
            "read_from_replicas": read_from_replicas,
            "aws_credentials": aws_credentials,
            "aws_session": aws_session,
        }
        settings = connection_settings(**where, timeout=timeout_of(options))
        opened = open_server(settings, prefix=prefix, serde=serde)
        where |= {"prefix": prefix, "serde": serde}
        return cls._made(opened, options, "from_elasticache", where)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return a cache as the environment describes it.

        Args:
            environ: ``LLMCACHE_URL``, ``LLMCACHE_PREFIX``, ``LLMCACHE_TTL`` (seconds, or
                ``none``) and ``LLMCACHE_NAMESPACE``; each may be missing or empty, and then
                the default of ``from_url`` holds. In place of a URL, for
                ``from_elasticache``: ``LLMCACHE_ELASTICACHE`` (the endpoint),
                ``LLMCACHE_USER``, ``LLMCACHE_PASSWORD``, ``LLMCACHE_CACHE_NAME``,
                ``LLMCACHE_CACHE_REGION``, ``LLMCACHE_SERVERLESS`` (1 or 0) and
                ``LLMCACHE_CA_CERTS``.

        Raises:
            ConfigurationError: (a ``ValueError``) a variable is wrong; the message says which.
        """
        arguments = arguments_from(environ)
        make = cls.from_elasticache if "endpoint" in arguments else cls.from_url
        try:
            made = make(**arguments)
        except UrlError as error:
            raise ConfigurationError(f"LLMCACHE_URL: {error}") from None
        if environ is os.environ:
            made._recipe = Recipe("from_env", {})  # noqa: SLF001 - its own
        return made

    @classmethod
    def _made(
        cls, opened: Opened, options: CacheOptions, constructor: str, where: Mapping[str, Any]
    ) -> Self:
        made = cls(cast("LangGraphCache[Any]", opened), **options)
        given = {name: value for name, value in where.items() if value is not None}
        made._recipe = Recipe(constructor, {**given, **options})
        return made

    def _attached(self, settings: Settings) -> Matchers | None:
        """Return what matches questions that mean the same, and give it to both sides."""
        if settings.similar is None:
            return None
        opened, secret = self._opened, settings.key_secret or b""
        matchers = settings.similar.attach(
            blocking=opened.blocking.entries,
            asynchronous=opened.asynchronous.entries,
            prefix=opened.prefix,
            file=opened.file,
            secret=secret.encode() if isinstance(secret, str) else secret,
            redact=settings.redact,
            seal=opened.seal,
            told=self._observer.matched,
        )
        self._opened = replace(
            opened,
            blocking=opened.blocking._replace(matcher=matchers.blocking),
            asynchronous=opened.asynchronous._replace(matcher=matchers.asynchronous),
        )
        return matchers

    @property
    def store(self) -> LangGraphCache[Any]:
        """The LangGraph cache that holds the entries, for ``graph.compile(cache=...)`` too.

        It never raises, except in ``clear``, and keeps node values without a TTL of their own as
        long as answers. (A store that you passed in is returned as it is.)
        """
        if self._store is None:
            self._store = self._opened.store(self._guard())
        return self._store

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Return the stored answer of a request as new objects, or None. Never raises.

        Raises:
            CacheMissError: only inside of ``cache_options(on_miss="raise")``.
        """
        asked = who_asks(prompt, llm_string)
        answer = run(self._flow.lookup(self._opened.blocking, prompt, asked))
        if answer is None:
            missed(asked)
        return answer

    async def alookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Return the stored answer of a request as new objects, or None. Never raises.

        Raises:
            CacheMissError: only inside of ``cache_options(on_miss="raise")``.
        """
        if not self._is_in_asyncio("lookup"):
            return self._flow.without_answer()
        asked = who_asks(prompt, llm_string)
        asked.is_async = True
        answer = await self._flow.lookup(self._opened.asynchronous, prompt, asked)
        if answer is None:
            missed(asked)
        return answer

    def update(
        self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE, *, ttl: Ttl = UNSET
    ) -> None:
        """Store the answer of a request, for ``ttl`` instead of the cache's own if given.

        Raises:
            ConfigurationError: (a ``ValueError``) only if ``ttl`` is not a duration.
        """
        lifetime = self._lifetime(ttl)
        asked = self._who_asked(prompt, llm_string)
        run(self._flow.update(self._opened.blocking, prompt, asked, return_val, lifetime))

    async def aupdate(
        self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE, *, ttl: Ttl = UNSET
    ) -> None:
        """Store the answer of a request, for ``ttl`` instead of the cache's own if given.

        Raises:
            ConfigurationError: (a ``ValueError``) only if ``ttl`` is not a duration.
        """
        lifetime = self._lifetime(ttl)
        if not self._is_in_asyncio("store"):
            return
        asked = self._who_asked(prompt, llm_string)
        asked.is_async = True
        await self._flow.update(self._opened.asynchronous, prompt, asked, return_val, lifetime)

    def delete(
        self,
        prompt: str | None = None,
        llm_string: str | None = None,
        *,
        key: str | None = None,
        model: Any = None,
        input: Any = None,  # noqa: A002 - as ``invoke`` calls it
        stop: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> bool:
        """Remove the stored answer of one request; tell whether there was one.

        Give ``prompt`` and ``llm_string``, or ``key``, or ``model`` and ``input``.

        Args:
            prompt: As LangChain passes it to the cache, with ``llm_string``.
            llm_string: Of a serializable chat model; those of other models do not say enough.
            key: The entry's, as a hit has it in ``response_metadata["llmcache"]["key"]``.
            model: The model, or one with bound arguments, with ``input``.
            input: What ``model.invoke`` was called with.
            stop: Likewise.
            kwargs: Likewise.

        Raises:
            ConfigurationError: (a ``ValueError``) if these do not identify a request.
            StoreError: if the store could not do it.
        """
        told = told_request(prompt, llm_string, key, model, input, stop, kwargs)
        return run(self._flow.removal.delete(self._opened.blocking, told))

    async def adelete(
        self,
        prompt: str | None = None,
        llm_string: str | None = None,
        *,
        key: str | None = None,
        model: Any = None,
        input: Any = None,  # noqa: A002 - as ``invoke`` calls it
        stop: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> bool:
        """Remove the stored answer of one request; tell whether there was one.

        Args:
            prompt: As for ``delete``; so are the others.
            llm_string: As for ``delete``.
            key: As for ``delete``.
            model: As for ``delete``.
            input: As for ``delete``.
            stop: As for ``delete``.
            kwargs: As for ``delete``.

        Raises:
            ConfigurationError: (a ``ValueError``) if these do not identify a request.
            StoreError: if the store could not do it.
        """
        _check_asyncio("adelete", "delete")
        told = told_request(prompt, llm_string, key, model, input, stop, kwargs)
        return await self._flow.removal.delete(self._opened.asynchronous, told)

    def forget(self, message: BaseMessage) -> bool:
        """Remove the stored answer that a message came from; tell whether there was one.

        Args:
            message: A hit (its ``response_metadata["llmcache"]["key"]`` names the entry), or an
                answer that this object stored recently.

        Raises:
            ConfigurationError: (a ``ValueError``) if the message does not tell its entry, or the
                entry is not in this cache's namespace.
            StoreError: if the store could not do it.
        """
        return run(self._flow.removal.forget(self._opened.blocking, message))

    async def aforget(self, message: BaseMessage) -> bool:
        """Remove the stored answer that a message came from; tell whether there was one.

        Args:
            message: As for ``forget``.

        Raises:
            ConfigurationError: (a ``ValueError``) if the message does not tell its entry, or the
                entry is not in this cache's namespace.
            StoreError: if the store could not do it.
        """
        _check_asyncio("aforget", "forget")
        return await self._flow.removal.forget(self._opened.asynchronous, message)

    # Unlike the protocol's, these take no unknown arguments: a misspelt one would clear all.
    def clear(  # type: ignore[override]
        self, *, namespace: str | Sequence[str] = (), model: str | None = None
    ) -> int | None:
        """Remove the stored answers under this cache's prefix and namespace; return how many.

        None: a store from elsewhere, which does not count.

        Args:
            namespace: Only those of this namespace below the cache's own.
            model: Only those of the model of this name.

        Raises:
            StoreError: if the store could not remove all of them.
            UnsupportedOperationError: if it has no way to find them.
        """
        parts = namespace_parts(namespace)
        checked_text("model", model)
        return run(self._flow.removal.clear(self._opened.blocking, parts, model))

    async def aclear(  # type: ignore[override]
        self, *, namespace: str | Sequence[str] = (), model: str | None = None
    ) -> int | None:
        """Remove the stored answers under this cache's prefix and namespace; return how many.

        None: a store from elsewhere, which does not count.

        Args:
            namespace: Only those of this namespace below the cache's own.
            model: Only those of the model of this name.

        Raises:
            StoreError: if the store could not remove all of them.
            UnsupportedOperationError: if it has no way to find them.
        """
        parts = namespace_parts(namespace)
        checked_text("model", model)
        _check_asyncio("aclear", "clear")
        return await self._flow.removal.clear(self._opened.asynchronous, parts, model)

    def import_from(
        self,
        other: object,
        *,
        ttl: Ttl = UNSET,
        prefix: str = "redis",
        dry_run: bool = False,
        on_answer: Callable[[str], object] | None = None,
    ) -> ImportReport:
        """Take over the answers of another cache, which stays as it is.

        What this cache already has is kept. An answer that is not exactly one of langchain-core's,
        or may be another model's, is counted and left out.

        Args:
            other: An ``InMemoryCache``; a ``SQLAlchemyCache`` of langchain-community, such as its
                ``SQLiteCache``; a ``RedisCache`` of langchain-community or langchain-redis. Or
                its place: a SQLite file, ``sqlite:///path``, or the URL of a server.
            ttl: How long the answers live; by default what is left of their own TTL, else the
                cache's TTL.
            prefix: Of langchain-redis, for a URL.
            dry_run: Only count.
            on_answer: Called with the outcome of each answer, a field name of ``ImportReport``.

        Raises:
            ConfigurationError: (a ``ValueError``) it is another kind of cache.
            StoreError: if one of the stores failed. What was taken over until then stays.
        """
        from langchain_llmcache._stores.foreign import read_foreign

        counts: Counter[str] = Counter()
        usual = self._lifetime(ttl)
        for answer in read_foreign(other, prefix=prefix):
            own = ttl is UNSET and answer.left is not None
            lifetime = (answer.left or 1) / 1000 if own else usual
            side = self._opened.blocking
            outcome = run(self._flow.take_over(side, answer, lifetime, dry_run=dry_run))
            counts[outcome] += 1
            if on_answer is not None:
                on_answer(outcome)
        return ImportReport(**counts)

    def ping(self) -> None:
        """Check that the store answers. For start-up checks: the cache itself never needs it.

        Raises:
            StoreError: if it does not; the message says why.
        """
        run(self._gate.administer("ping", self._opened.blocking.entries.ping()))

    async def aping(self) -> None:
        """Check that the store answers. For start-up checks: the cache itself never needs it.

        Raises:
            StoreError: if it does not; the message says why.
        """
        _check_asyncio("aping", "ping")
        await self._gate.administer("ping", self._opened.asynchronous.entries.ping())

    def stats(self) -> CacheStats:
        """Return what this object did since it was made."""
        # Threads may tell the observer of two changes in the wrong order.
        return replace(
            self._observer.stats(),
            breaker=self._breaker.state,
            evictions=self._opened.evictions(),
            similar=None if self._matchers is None else self._matchers.stats(),
        )

    def __repr__(self) -> str:
        stats = self.stats()
        asked = (
            f"{stats.hits} of {stats.lookups} lookups were hits"
            if stats.lookups
            else "not asked yet"
        )
        return f"<{type(self).__name__} {self._observer.cache}: {asked}>"

    def _repr_html_(self) -> str:
        """Return it as Jupyter shows it: which cache it is, and what it did."""
        return as_html(self.stats(), f"{type(self).__name__} {self._observer.cache}")

    def close(self) -> None:
        """Close the connections that no running event loop owns. A later use opens new ones.

        Waits up to two seconds for listeners to be told the events that are still queued.
        """
        self._opened.close()
        self._observer.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop too. A later use opens new ones.

        Waits up to two seconds for listeners to be told the events that are still queued.

        Raises:
            UnsupportedOperationError: if that loop is not one of asyncio.
        """
        _check_asyncio("aclose", "close")
        await self._opened.aclose()
        if self._observer.has_listeners:
            await in_thread(self._observer.close)

    def __copy__(self) -> Self:
        """Return the same cache: it is a handle."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the same cache: it is a handle, and a copy of a model goes on using it."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it was made."""
        if self._recipe is None:
            raise NotPicklableError(
                f"an LLMCache over {kind_of(self.store)} cannot be pickled, because a live "
                "store does not travel; make the cache in each process, with LLMCache.from_url or "
                "LLMCache.from_env (caches made by these can be pickled)"
            )
        recipe = self._recipe
        return remade, (type(self), label_of(self), recipe.constructor, recipe.portable())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def _is_in_asyncio(self, action: str) -> bool:
        """Tell whether an event loop of asyncio is running. If not, that is not the store's fault."""
        if _is_in_asyncio():
            return True
        error = NotTheStoreError("no event loop of asyncio is running here")
        self._gate.failed(action, error)
        return False

    def _healing(self) -> Callable[[Key, bytes, UUID | None], None]:
        """Return the function that notes which entries model calls store and hit."""
        # Imported here: it brings langchain-core's callbacks and tracers with it.
        from langchain_llmcache._flow.healing import Remover, note, watch_for

        watch_for(self)
        return partial(
            note, Remover(weakref.WeakMethod(self._heal), weakref.WeakMethod(self._aheal))
        )

    def _heal(self, key: Key, head: bytes) -> None:
        run(self._flow.removal.heal(self._opened.blocking, key, head))

    async def _aheal(self, key: Key, head: bytes) -> None:
        if self._is_in_asyncio("heal"):
            await self._flow.removal.heal(self._opened.asynchronous, key, head)

    def _who_asked(self, prompt: str, llm_string: str) -> Asked:
        asked = who_asked(prompt, llm_string, self._keys)
        said = self._keys.changes(asked)
        if said is not None:
            self._observer.trouble("uncacheable", said)
        return asked

    def _heal_message(self, message: BaseMessage) -> None:
        """Remove the entry of a message that an agent refused, if it is known. Never raises."""
        run(self._flow.removal.heal_message(self._opened.blocking, message))

    async def _aheal_message(self, message: BaseMessage) -> None:
        """Remove the entry of a message that an agent refused, if it is known. Never raises."""
        await self._flow.removal.heal_message(self._opened.asynchronous, message)

    def _guard(self) -> Guard:
        # A callable is asked about answers of models only.
        milliseconds = to_milliseconds(DEFAULT_TTL if callable(self._ttl) else self._ttl)
        seconds = None if milliseconds is None else milliseconds / 1000
        return Guard(
            self._gate,
            self._observer,
            self._binding,
            namespace=self._keys.namespace,
            ttl=seconds,
            max_bytes=self._max_bytes,
        )

    def _lifetime(self, ttl: Ttl) -> Ttl:
        if ttl is not UNSET:
            return checked_ttl(ttl)
        option = current().ttl
        return self._ttl if option is UNSET else option


def _is_in_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError as error:
        pass_on(error)
        return False
    return True


def _check_asyncio(method: str, instead: str) -> None:
    if not _is_in_asyncio():
        msg = (
            f"{method}() needs asyncio, and no event loop of asyncio is running here (under trio, "
            f"use {instead}(), in a thread)"
        )
        raise UnsupportedOperationError(msg)


def _name(store: str, namespace: Sequence[str]) -> str:
    """Return what log lines call a cache."""
    name = f"{store}, namespace {'/'.join(namespace)}" if namespace else store
    return "".join(char if char.isprintable() else "?" for char in name)


LLMCache.__doc__ = _with_options(LLMCache.__doc__ or "")
