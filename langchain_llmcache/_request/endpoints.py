"""Where a model's requests go, and what is sent along, as its clients know.

Their constructors read the environment and files, and applications give them clients of their own.

Rule of this file: it looks at attributes that are there, and asks a client for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from langchain_llmcache._request.definitions import is_plain
from langchain_llmcache._request.fields import is_credential
from langchain_llmcache._request.watch import attribute
from langchain_llmcache._signals import suppressed

# Where models keep their clients: for sync calls, and for async ones.
_PAIRS: Final = (
    ("root_client", "root_async_client"),
    ("client", "async_client"),
    ("_client", "_async_client"),
)
_NAMES: Final = tuple(name for pair in _PAIRS for name in pair)

_ADDRESSES: Final = (
    "base_url",
    "_base_url",
    "_endpoint_url",
    "endpoint_url",
    "_api_endpoint",
    "api_endpoint",
    "endpoint",
    "server_url",
    "url",
    "_host",
)
_PLACES: Final = ("region_name", "location", "project", "organization")
# From what models hold to what knows the address.
_INNER: Final = (
    "meta",
    "_client_config",
    "_client",
    "client",
    "_client_wrapper",
    "_api_client",
    "_http_options",
    "_config",
    "_transport",
    "base_client",
    "credentials",
    "sdk_configuration",
)
_LEVELS: Final = 5

# What clients send with each request: those of the providers' packages, and those of HTTP.
_SENT_ALONG: Final = ("_custom_headers", "_custom_query")
_SENT_BY_HTTP: Final = ("headers", "_headers", "_default_headers", "params", "_params")
_COOKIES: Final = ("cookies", "_cookies")
_OF_HTTP: Final = frozenset({"aiohttp", "httpx", "httpx2", "requests"})
# Which software asks, and how the bytes travel.
_ABOUT_THE_WIRE: Final = re.compile(
    r"accept(-.*)?|connection|content-(length|type)|host|user-agent|x-goog-api-client|x-stainless-.*",
    re.IGNORECASE,
)

# Where a class's requests go by default, by its package.
_DEFAULTS: Final[Mapping[str, str]] = {
    "langchain_anthropic": "https://api.anthropic.com",
    "langchain_fireworks": "https://api.fireworks.ai",
    "langchain_google_genai": "https://generativelanguage.googleapis.com",
    "langchain_groq": "https://api.groq.com",
    "langchain_mistralai": "https://api.mistral.ai/v1",
    "langchain_openai": "https://api.openai.com/v1",
    "langchain_xai": "https://api.x.ai/v1",
}


class Endpoint(NamedTuple):
    """Where requests go.

    Attributes:
        address: The address, if the client tells.
        places: Region, location, project and organization, as far as they are known.
        along: Headers, parameters and cookies that clients add to each request, without credentials.
    """

    address: str | None
    places: tuple[str, ...]
    along: tuple[tuple[str, str], ...] = ()


class TwoEndpoints(Exception):  # noqa: N818 - an outcome, not an error
    """The sync and the async half of a model do not ask the same server."""


def client_names(cls: type[Any]) -> list[str]:
    """Return the names under which a class of models may hold its clients."""
    return [
        name
        for name in _NAMES
        if name in cls.model_fields
        or name in cls.__private_attributes__
        or isinstance(getattr(cls, name, None), cached_property)
    ]


def clients_of(model: Any) -> dict[str, Any]:
    """Return the clients that a model holds, by name; those that it makes when it is asked, too."""
    names = client_names(type(model))
    for pair in _PAIRS:
        if not any(attribute(model, name) for name in pair):
            _make_one(model, [name for name in pair if name in names])
    found = {name: attribute(model, name) for name in names}
    return {name: client for name, client in found.items() if client is not None}


def _make_one(model: Any, names: list[str]) -> None:
    for name in names:
        if isinstance(getattr(type(model), name, None), cached_property):
            # What is missing will be said by the call.
            with suppressed(Exception):
                getattr(model, name)
                return


def endpoints_of(
    clients: Mapping[str, Any], told: Collection[tuple[str, str]]
) -> tuple[Endpoint, Endpoint]:
    """Return where a model's clients lead, and what they send along: of sync and of async calls.

    Args:
        clients: The clients, by name.
        told: Headers and the like that the model's own fields tell.

    Raises:
        TwoEndpoints: if the address depends on which of them is used.
    """
    found = {name: _looked_up(client) for name, client in clients.items()}
    for pair in _PAIRS:
        of_pair = {found[name].address for name in pair if name in found}
        if len(of_pair - {None}) > 1:
            raise TwoEndpoints
    addresses = [endpoint.address for endpoint in found.values() if endpoint.address]
    places = sorted({place for endpoint in found.values() for place in endpoint.places})
    along = [
        {sent for name in half if name in found for sent in found[name].along if sent not in told}
        for half in zip(*_PAIRS, strict=True)
        if any(name in found for name in half)
    ] or [set()]
    endpoints = [
        Endpoint(addresses[0] if addresses else None, tuple(places), tuple(sorted(sent)))
        for sent in along
    ]
    return endpoints[0], endpoints[-1]


def is_default(endpoint: Endpoint, cls: type[Any], settings: Mapping[str, Any]) -> bool:
    """Tell whether a model's settings alone say where its requests go.

    Args:
        endpoint: Where they go.
        cls: The model's class.
        settings: Its settings, as its text has them.
    """
    said = {value.rstrip("/") for value in settings.values() if isinstance(value, str)}
    if endpoint.along or not said.issuperset(endpoint.places):
        return False
    address = endpoint.address
    if address is None or address in said:
        return True
    azure = settings.get("azure_endpoint")
    if isinstance(azure, str) and address.startswith(azure.rstrip("/") + "/openai"):
        return True
    if any(
        address == f"https://bedrock-runtime.{place}.amazonaws.com" for place in endpoint.places
    ):
        return True
    packages = (base.__module__.partition(".")[0] for base in cls.__mro__)
    return address == next((_DEFAULTS[name] for name in packages if name in _DEFAULTS), None)


def _looked_up(client: Any) -> Endpoint:
    address, places = None, []
    along: set[tuple[str, str]] = set()
    for item in _levels(client):
        attributes = getattr(item, "__dict__", {})
        along.update(_along(item, attributes))
        if address is None:
            address = next(
                filter(None, (_as_text(attributes.get(name)) for name in _ADDRESSES)), None
            )
        places += [attributes[name] for name in _PLACES if isinstance(attributes.get(name), str)]
    return Endpoint(address, tuple(sorted(set(places))), tuple(along))


def _levels(client: Any) -> Iterator[Any]:
    level = [client]
    for _ in range(_LEVELS):
        yield from level
        attributes = [getattr(item, "__dict__", {}) for item in level]
        level = [
            found[name] for found in attributes for name in _INNER if found.get(name) is not None
        ]


def _along(client: Any, attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a client adds to each request."""
    packages = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    is_of_http = not packages.isdisjoint(_OF_HTTP)
    for name in (*_SENT_ALONG, *_SENT_BY_HTTP) if is_of_http else _SENT_ALONG:
        yield from _counting(attributes.get(name))
    for name in _COOKIES if is_of_http else ():
        jar = getattr(attributes.get(name), "jar", attributes.get(name))
        # A server's cookies name their domain; the application's need not, and are not renewed.
        yield from ((c.name, str(c.value)) for c in jar or () if not getattr(c, "domain", "-"))


def sent_along_in(value: Any) -> Iterator[tuple[str, str]]:
    """Yield what may be headers or parameters in a model's fields."""
    if isinstance(value, dict):
        yield from _counting(value)
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from sent_along_in(item)


def _counting(values: Any) -> Iterator[tuple[str, str]]:
    """Yield the headers or parameters that may shape an answer."""
    items: Any = getattr(values, "multi_items", getattr(values, "items", tuple))()
    for name, value in items:
        shown = str(name).lower()
        if (
            value is not None
            and is_plain(value)
            and not _ABOUT_THE_WIRE.fullmatch(shown)
            and not is_credential(shown.replace("-", "_"), str(value))
        ):
            yield shown, str(value)


def _as_text(address: Any) -> str | None:
    if isinstance(address, str) or type(address).__name__.lower().endswith("url"):
        return str(address).rstrip("/") or None
    return None
