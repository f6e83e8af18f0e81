"""The options of a cache: said once, told by ``help``, and refused at once where they are wrong."""

from __future__ import annotations

import dataclasses
import inspect
import math
import typing
from typing import Any

import pytest
from valkey.asyncio import Valkey as AsyncValkey

from langchain_llmcache import CacheOptions, ConfigurationError, LLMCache, NearCache
from langchain_llmcache._flow.settings import Settings

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


def test_an_unknown_option_is_a_type_error() -> None:
    """As for any Python function."""
    for make in (LLMCache, LLMCache.from_url):
        with pytest.raises(TypeError, match="tll"):
            make(tll=60)  # type: ignore[call-arg]


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
