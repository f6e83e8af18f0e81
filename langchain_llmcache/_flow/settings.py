"""The options of a cache: their names, texts, types, defaults and checks, all in this file.

``CacheOptions`` is what constructors take (``**options: Unpack[CacheOptions]``), ``Settings``
what they make of it. A test holds the two lists together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final, TypedDict

from langchain_llmcache._answer.compression import Compression, check_compression
from langchain_llmcache._answer.entries import NewEntry
from langchain_llmcache._answer.hits import HitUsage
from langchain_llmcache._answer.policy import DEFAULT_MAX_ENTRY_BYTES, StorePolicy
from langchain_llmcache._answer.ttl import Ttl, checked_ttl
from langchain_llmcache._checks import checked_flag, checked_number, checked_seconds
from langchain_llmcache._flow.near import NearCache
from langchain_llmcache._flow.ports import Similarity
from langchain_llmcache._insight.listeners import checked_listeners
from langchain_llmcache._insight.savings import Prices, checked_prices
from langchain_llmcache._request.blocks import UNSET
from langchain_llmcache._request.key import namespace_parts
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.events import Listener

DEFAULT_TTL: Final = 3600.0


class CacheOptions(TypedDict, total=False):
    """Options of ``LLMCache`` and of each of its other constructors.

    Attributes:
        ttl: How long answers are kept: seconds, a ``timedelta``, None (forever), or a
            callable that is given the ``NewEntry`` and returns one of these. Default: the
            ``ValkeyCache``'s own, else an hour.
        namespace: Keeps this cache's answers apart from others' under the same prefix: a
            string, or several, outermost first.
        key_extra: Anything else that shapes answers (region, account, version): JSON data.
            Its ``"model"`` names a model whose own settings do not.
        key_secret: Makes keys HMACs, so that they do not tell who asked what.
        ignore_fields: Names of model fields that do not affect answers: loggers, counters.
        hit_usage: ``"keep"`` (the default) leaves the token counts of the first call on hits,
            ``"zero"`` sets them to 0, for cost trackers.
        should_store: Decides, given a ``NewEntry``, whether an answer is stored. By default
            those without a ``NewEntry.flaw``: not empty, no invalid tool call, not blocked by
            a content filter, a guardrail or a refusal. Truncated answers are stored, because
            the limit is part of the request.
        redact: Is applied to every text that is stored: contents, reasoning, string values
            of tool call arguments. Keys are made of the request as it is, and the caller that
            asks the model gets the answer as it is; hits have the redacted one.
        max_entry_bytes: Larger entries are neither stored nor read; None for no bound. 4 MiB
            by default.
        single_flight: Of all callers in this process that ask the same at once, one asks the
            model and the others wait for its answer. True by default.
        max_wait: Seconds that they wait at most, from the moment the leader asked; then
            they ask the model themselves. 30 by default.
        lease: Extends ``single_flight`` to other processes (on Valkey): seconds after which they
            assume that the process that asks has died. None: processes do not wait.
        near: Keeps copies of hot entries in this process for a few seconds.
        similar: Lets questions that mean the same share an answer: ``Similar(embeddings)``.
        heal: When a parser refuses an answer, removes the entries that the model calls of that
            chain stored or hit, so that the next attempt asks the model. True by default.
        imported: Looks, on a miss, among the answers that ``import_from`` or ``llmcache import
            --from`` brought from a cache that keeps hashes of requests only (both RedisCaches).
        ttl_jitter: Shortens each TTL by up to this share of it (0 to 1, drawn anew for each
            entry), so that what was stored together does not expire together.
        on_event: Is called with a ``CacheEvent`` for everything that happens; or several such
            functions. They run in a thread of their own, and cannot break or slow a call.
        prices: What models cost, for ``stats().money_saved``: ``{model: (price of a million
            input tokens, price of a million output tokens)}``.
        timeout: Seconds that an operation may take at most, 0.5 by default.
        compression: ``"zstd"`` makes what is stored smaller (the extra ``compression``, or Python
            3.14). Any process with zstd reads it, with or without this option.
    """

    ttl: Ttl
    namespace: str | Sequence[str]
    key_extra: Any
    key_secret: str | bytes | None
    ignore_fields: Sequence[str]
    hit_usage: HitUsage
    should_store: Callable[[NewEntry], bool] | None
    redact: Callable[[str], str] | None
    max_entry_bytes: int | None
    single_flight: bool
    max_wait: float
    lease: float | None
    near: NearCache | None
    similar: Similarity | None
    heal: bool
    imported: bool
    ttl_jitter: float
    on_event: Listener | Sequence[Listener] | None
    prices: Prices | None
    timeout: float
    compression: Compression | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of one cache, checked; see ``CacheOptions``.

    Raises:
        ConfigurationError: (a ``ValueError``) an option is wrong; the message says which.
    """

    ttl: Ttl = UNSET  # the store's own, else ``DEFAULT_TTL``
    namespace: str | Sequence[str] = ()
    key_extra: Any = None
    key_secret: str | bytes | None = None
    ignore_fields: Sequence[str] = ()
    hit_usage: HitUsage = "keep"
    should_store: Callable[[NewEntry], bool] | None = None
    redact: Callable[[str], str] | None = None
    max_entry_bytes: int | None = DEFAULT_MAX_ENTRY_BYTES
    single_flight: bool = True
    max_wait: float = 30.0
    lease: float | None = None
    near: NearCache | None = None
    similar: Similarity | None = None
    heal: bool = True
    imported: bool = False
    ttl_jitter: float = 0.0
    on_event: Listener | Sequence[Listener] | None = None
    prices: Prices | None = None
    timeout: float = 0.5
    compression: Compression | None = None

    def __post_init__(self) -> None:
        if self.ttl is not UNSET:
            checked_ttl(self.ttl)
        checked_seconds("timeout", self.timeout)
        checked_seconds("max_wait", self.max_wait)
        if self.lease is not None:
            checked_seconds("lease", self.lease)
        checked_number("ttl_jitter", self.ttl_jitter, least=0, most=1)
        given: Any = self
        check_compression(given.compression)
        if given.hit_usage not in ("keep", "zero"):
            msg = f"hit_usage is {given.hit_usage!r}; expected 'keep' or 'zero'"
            raise ConfigurationError(msg)
        for name in ("single_flight", "heal", "imported"):
            checked_flag(name, getattr(given, name))
        if given.similar is not None and not isinstance(given.similar, Similarity):
            msg = f"similar is {given.similar!r}; expected Similar(embeddings), or None"
            raise ConfigurationError(msg)
        if not isinstance(given.near, NearCache | None):
            msg = f"near is {given.near!r}; expected NearCache(...), or None for no copies"
            raise ConfigurationError(msg)
        checked_listeners(self.on_event)
        checked_prices(self.prices)
        # Both check what they are made of.
        _ = self.namespace_parts, self.policy

    @cached_property
    def namespace_parts(self) -> tuple[str, ...]:
        """The namespace, outermost part first."""
        return namespace_parts(self.namespace)

    @cached_property
    def policy(self) -> StorePolicy:
        """What is stored, and what is redacted first."""
        return StorePolicy(self.should_store, self.redact, self.max_entry_bytes)


class UnknownOptionError(ConfigurationError, TypeError):
    """There is no such option."""


# What users look for among the options, and where it is.
_ELSEWHERE: Final = {
    **dict.fromkeys(
        ("url", "prefix", "serde", "cluster", "read_from_replicas", "address_remap"),
        "LLMCache.from_url takes it",
    ),
    **dict.fromkeys(
        ("host", "port", "db", "username", "user", "password", "ssl", "tls"),
        "it is a part of the URL: from_url('valkeys://user:password@host:6379/0')",
    ),
    **dict.fromkeys(
        ("max_entries", "max_bytes", "max_size", "maxsize"),
        "it is a part of the URL: from_url('memory://?max_entries=1000')",
    ),
}


def checked_options(options: CacheOptions) -> Settings:
    """Return the options of one cache, checked.

    Raises:
        ConfigurationError: (a ``ValueError``) an option is wrong, or unknown (then it is a
            ``TypeError`` too); the message says which.
    """
    known = CacheOptions.__annotations__
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = _ELSEWHERE.get(name) or (
                f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
            )
            raise UnknownOptionError(f"{name} is not an option of LLMCache(...); {hint}")
    return Settings(**options)


def timeout_of(options: CacheOptions) -> float:
    """Return the seconds that an operation may take, of options that are not checked yet.

    Raises:
        ConfigurationError: if that is no number of seconds.
    """
    return checked_seconds("timeout", options.get("timeout", Settings.timeout))
