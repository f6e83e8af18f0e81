"""The options of a cache: said once, told by ``help``, and refused at once where they are wrong."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import typing
from datetime import timedelta
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.outputs import Generation
from valkey.asyncio import Valkey as AsyncValkey

from langchain_llmcache import (
    CacheEvent,
    CacheOptions,
    ConfigurationError,
    LLMCache,
    NearCache,
    Similar,
    cache_options,
)
from langchain_llmcache._flow.settings import Settings
from langchain_llmcache.demo import demo_model
from langchain_llmcache.stores import NodeSerializer
from langchain_llmcache.telemetry.logs import LogEvents
from langchain_llmcache.telemetry.otel import OpenTelemetryMetrics
from langchain_llmcache.telemetry.prometheus import PrometheusMetrics

NOT_SECONDS = [math.inf, -math.inf, math.nan, 1e10, 0, -1, True, "1", None, [1], 1 + 0j]


def test_each_option_has_a_type_a_default_and_a_text() -> None:
    """The two lists of options are one, and each option is described."""
    fields = {field.name: field.type for field in dataclasses.fields(Settings)}
    assert list(fields) == list(CacheOptions.__annotations__)
    told = inspect.cleandoc(CacheOptions.__doc__ or "")
    assert [name for name in fields if f"\n    {name}: " not in told] == []
    assert typing.get_type_hints(Settings).keys() == typing.get_type_hints(CacheOptions).keys()


@pytest.mark.parametrize(
    "constructor", [LLMCache, LLMCache.from_url, LLMCache.from_elasticache], ids=repr
)
def test_help_tells_every_option(constructor: Any) -> None:
    """Signature and docstring of each constructor have every option."""
    told = constructor.__doc__
    for field in dataclasses.fields(Settings):
        parameter = inspect.signature(constructor).parameters[field.name]
        assert parameter.default == field.default
        assert f"\n    {field.name}: " in told


@pytest.mark.parametrize("name", ["timeout", "max_wait", "lease"])
@pytest.mark.parametrize("value", NOT_SECONDS, ids=repr)
@pytest.mark.parametrize("url", ["memory://", "valkey://127.0.0.1:1"])
def test_what_is_no_number_of_seconds_is_refused(name: str, value: Any, url: str) -> None:
    """The message names the option; only ``lease`` may be None."""
    options: Any = {name: value}
    if name == "lease" and value is None:
        LLMCache.from_url(url, **options).close()
        return
    for make in (LLMCache, lambda **given: LLMCache.from_url(url, **given)):
        with pytest.raises(ConfigurationError, match=f"^{name} is .*; expected seconds"):
            make(**options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("near", True),
        ("near", 5),
        ("near", {"ttl": 5}),
        ("near", NearCache),
        ("ttl_jitter", math.nan),
        ("ttl_jitter", 1.5),
        ("ttl_jitter", True),
        ("ttl_jitter", "0.5"),
        ("ttl", math.inf),
        ("ttl", math.nan),
        ("ttl", 0),
        ("ttl", True),
        ("ttl", "60"),
        ("single_flight", "no"),
        ("single_flight", None),
        ("hit_usage", "none"),
        ("hit_usage", None),
        ("max_entry_bytes", math.inf),
        ("max_entry_bytes", 0),
        ("max_entry_bytes", 1.5),
        ("should_store", True),
        ("redact", "***"),
        ("on_event", "print"),
        ("prices", {"m": (math.inf, 0)}),
        ("namespace", 5),
    ],
)
def test_a_wrong_option_is_refused_by_its_name(name: str, value: Any) -> None:
    """Each constructor says at once which option is wrong."""
    options: Any = {name: value}
    for make in (LLMCache, LLMCache.from_url):
        with pytest.raises(ConfigurationError, match=name):
            make(**options)


@pytest.mark.parametrize("bound", ["max_entries", "max_bytes", "ttl"])
@pytest.mark.parametrize("value", [math.inf, math.nan, 0, -1, True, "1", None])
def test_bounds_of_the_near_cache_are_finite(bound: str, value: Any) -> None:
    """No bound may be infinite, and none may be something else than a number."""
    options: Any = {bound: value}
    with pytest.raises(ConfigurationError, match=bound):
        NearCache(**options)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tll", "did you mean ttl"),
        ("namespaces", "did you mean namespace"),
        ("verbose", "expected one of ttl, namespace"),
        ("host", "part of the URL"),
        ("max_entries", "part of the URL"),
    ],
)
def test_an_unknown_option_is_told_with_what_to_write_instead(name: str, said: str) -> None:
    """It is a TypeError, as for any function of Python, and names nothing private."""
    options: Any = {name: 60}
    for make in (LLMCache, LLMCache.from_url):
        with pytest.raises(ConfigurationError, match=f"^{name} is not an option.*{said}") as caught:
            make(**options)
        assert isinstance(caught.value, TypeError)
        assert "Settings" not in str(caught.value)


def test_an_option_of_another_constructor_is_told_where_it_belongs() -> None:
    """``LLMCache(prefix=...)`` is what many write first."""
    for name in ("prefix", "url", "cluster"):
        options: Any = {name: "x"}
        with pytest.raises(ConfigurationError, match=f"^{name} .*LLMCache.from_url takes it"):
            LLMCache(**options)


ENDPOINT = "my-cache-a1b2c3.serverless.use1.cache.amazonaws.com"


@pytest.mark.parametrize(
    ("where", "name", "value", "said"),
    [
        ("valkey://h", "cluster", "no", "expected True or False, or None"),
        ("valkey://h", "cluster", 0, "expected True or False, or None"),
        ("valkey://h", "read_from_replicas", "false", "expected True or False$"),
        ("valkey://h", "read_from_replicas", None, "expected True or False$"),
        ("valkey://h", "address_remap", 5, "is an int; expected a function"),
        ("valkey://h", "serde", 5, "is an int; expected a serializer"),
        ("sqlite:///answers.db", "serde", "aes", "is a str; expected a serializer"),
        ("memory://", "serde", object, "is the class object; expected a serializer"),
        (ENDPOINT, "cluster", "no", "expected True or False, or None"),
        (ENDPOINT, "tls", "no", "expected True or False, or None"),
        (ENDPOINT, "serverless", "yes", "expected True or False, or None"),
        (ENDPOINT, "read_from_replicas", 1, "expected True or False$"),
        (ENDPOINT, "user", 5, "is an int; expected a text"),
        (ENDPOINT, "password", b"s3cr3t", "is a bytes; expected a text"),
        (ENDPOINT, "cache_name", True, "is a bool; expected a text"),
        (ENDPOINT, "region", 1, "is an int; expected a text"),
        (ENDPOINT, "ca_certs", ["ca.crt"], "is a list; expected a text"),
        (f" {ENDPOINT}", "password", "s3cr3t", "not host or host:port"),
        (f"valkeys://{ENDPOINT}", "password", "s3cr3t", "for a URL use LLMCache.from_url"),
    ],
)
def test_where_a_store_is_has_the_right_types(where: str, name: str, value: Any, said: str) -> None:
    """A flag that is a text would be true, whatever it says; no secret is repeated."""
    options: Any = {name: value}
    make = LLMCache.from_elasticache if ENDPOINT in where else LLMCache.from_url
    with pytest.raises(ConfigurationError, match=said) as caught:
        make(where, **options)
    assert "s3cr3t" not in str(caught.value)


class Telling:
    """A listener whose call is a coroutine."""

    async def __call__(self, event: CacheEvent) -> None:
        """Never run: nothing would await it."""


@pytest.mark.parametrize(
    ("listener", "said"),
    [
        (LogEvents, r"the class LogEvents; expected an object of it: LogEvents\(\)"),
        ([print, LogEvents], "the class LogEvents"),
        (Telling(), "an async function"),
        (Telling().__call__, "an async function"),
    ],
)
def test_listeners_that_would_never_be_told_are_refused(listener: Any, said: str) -> None:
    """A class would only be made, and a coroutine never awaited, once for each event."""
    with pytest.raises(ConfigurationError, match=f"^on_event is {said}"):
        LLMCache(on_event=listener)


@pytest.mark.parametrize(
    "call",
    [
        lambda cache: cache.clear(model=5),
        lambda cache: cache.delete(key=5),
        lambda _: PrometheusMetrics(5),
        lambda _: PrometheusMetrics(cache=5),  # type: ignore[arg-type]
        lambda _: OpenTelemetryMetrics(5),  # type: ignore[arg-type]
        lambda _: NodeSerializer(allow=int),  # type: ignore[arg-type]
        lambda _: demo_model("1"),  # type: ignore[arg-type]
        lambda _: LLMCache.from_env({"LLMCACHE_TTL": "0"}),
        lambda _: LLMCache.from_env({"LLMCACHE_TTL": "nan"}),
        lambda _: Similar(DeterministicFakeEmbedding(size=2), tools="no"),  # type: ignore[arg-type]
        lambda _: Similar(LLMCache),  # type: ignore[arg-type]
        lambda _: cache_options(max_age=timedelta(1)),  # type: ignore[arg-type]
    ],
)
def test_every_other_argument_is_checked_too(call: Any) -> None:
    """What was wrong, and what was expected: not an AttributeError of code that is not theirs."""
    with pytest.raises(ConfigurationError, match=r"(is|5) .*; expected"):
        call(LLMCache())


@pytest.mark.parametrize(
    ("ttl", "said"),
    [
        (lambda: 60, r"ttl failed \(TypeError\)"),
        (lambda _: 1 / 0, r"ttl failed \(ZeroDivisionError\)"),
        (lambda _: 0, "ttl returned 0; expected seconds"),
        (lambda _: timedelta(-1), "ttl returned -1 day, 0:00:00; expected seconds"),
        (lambda entry: entry.generations[0].text, "ttl returned a str; expected seconds"),
    ],
)
def test_a_ttl_function_that_fails_is_told_as_such(
    ttl: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the application's error, not the store's: like ``should_store`` and ``redact``."""
    cache = LLMCache(ttl=ttl)
    cache.update("prompt", "settings", [Generation(text="s3cr3t")])
    assert cache.stats().refused == 1
    assert cache.stats().errors == 0
    assert re.search(f"answer not stored: {said}", caplog.text)
    assert "s3cr3t" not in caplog.text


def test_an_async_client_needs_a_store() -> None:
    """It was ignored."""
    with pytest.raises(ConfigurationError, match="async_client goes with a ValkeyCache"):
        LLMCache(async_client=AsyncValkey())


class Tenant(LLMCache):
    """A subclass with a constructor of its own."""

    def __init__(self, *args: Any, tenant: str = "none", **options: Any) -> None:
        super().__init__(*args, namespace=tenant, **options)
        self.tenant = tenant


@pytest.mark.parametrize(
    "make",
    [
        Tenant,
        Tenant.from_url,
        lambda **given: Tenant.from_env({}, **given),
        lambda **given: Tenant.from_elasticache("cache.internal:6379", tls=False, **given),
    ],
    ids=["init", "from_url", "from_env", "from_elasticache"],
)
def test_every_constructor_runs_that_of_a_subclass(make: Any) -> None:
    """Its own arguments arrive, and its own attributes are there."""
    with make() as cache:
        assert cache.tenant == "none"


def test_a_subclass_gets_its_own_arguments_from_each_constructor() -> None:
    """What ``from_url`` does not know is the subclass's."""
    make: Any = Tenant.from_url
    with make("memory://", tenant="acme") as cache:
        assert (cache.tenant, cache._flow._settings.namespace_parts) == ("acme", ("acme",))
