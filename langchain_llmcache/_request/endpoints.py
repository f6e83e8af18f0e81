"""Where a model's requests go, as its client knows: constructors read the environment and files.

Rule of this file: it looks at attributes that are there, and asks a client for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from langchain_llmcache._request.watch import attribute
from langchain_llmcache._signals import suppressed

# Where models keep their clients: for threads, and for event loops.
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
_PLACES: Final = ("region_name", "location", "project")
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
        places: Region, location and project, as far as they are known.
    """

    address: str | None
    places: tuple[str, ...]


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


def endpoint_of(clients: Mapping[str, Any]) -> Endpoint:
    """Return where a model's clients lead.

    Raises:
        TwoEndpoints: if that depends on which of them is used.
    """
    found: list[Endpoint] = []
    for pair in _PAIRS:
        of_pair = {_looked_up(clients[name]) for name in pair if name in clients}
        if len({endpoint.address for endpoint in of_pair} - {None}) > 1:
            raise TwoEndpoints
        found += of_pair
    addresses = [endpoint.address for endpoint in found if endpoint.address]
    places = sorted({place for endpoint in found for place in endpoint.places})
    return Endpoint(addresses[0] if addresses else None, tuple(places))


def is_default(endpoint: Endpoint, cls: type[Any], settings: Mapping[str, Any]) -> bool:
    """Tell whether the settings of a model say all of where its requests go.

    Args:
        endpoint: Where they go.
        cls: The model's class.
        settings: Its settings, as its text has them.
    """
    said = {value.rstrip("/") for value in settings.values() if isinstance(value, str)}
    if not said.issuperset(endpoint.places):
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
    for attributes in _levels(client):
        if address is None:
            address = next(
                filter(None, (_as_text(attributes.get(name)) for name in _ADDRESSES)), None
            )
        places += [attributes[name] for name in _PLACES if isinstance(attributes.get(name), str)]
    return Endpoint(address, tuple(sorted(set(places))))


def _levels(client: Any) -> Iterator[Mapping[str, Any]]:
    level = [client]
    for _ in range(_LEVELS):
        attributes = [getattr(item, "__dict__", {}) for item in level]
        yield from attributes
        level = [
            found[name] for found in attributes for name in _INNER if found.get(name) is not None
        ]


def _as_text(address: Any) -> str | None:
    if isinstance(address, str) or type(address).__name__.lower().endswith("url"):
        return str(address).rstrip("/") or None
    return None
