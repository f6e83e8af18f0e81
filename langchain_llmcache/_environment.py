"""What the environment says of a cache: the variables, and the arguments that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langchain_llmcache._answer.ttl import to_milliseconds
from langchain_llmcache.errors import ConfigurationError

_OF_EVERY_CACHE: Final = ("url", "elasticache", "prefix", "ttl", "namespace", "imported")
# As arguments of ``from_elasticache``.
_OF_ELASTICACHE: Final = {
    "user": "user",
    "password": "password",
    "cache_name": "cache_name",
    "cache_region": "region",
    "serverless": "serverless",
    "ca_certs": "ca_certs",
}


def arguments_from(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of ``from_elasticache`` if they have an endpoint, else of ``from_url``.

    Raises:
        ConfigurationError: a variable is wrong; the message says which.
    """
    given = {
        name: text
        for name in (*_OF_EVERY_CACHE, *_OF_ELASTICACHE)
        if (text := environ.get(f"LLMCACHE_{name.upper()}", ""))
    }
    if "url" in given and "elasticache" in given:
        msg = "LLMCACHE_URL and LLMCACHE_ELASTICACHE are set; expected one of them"
        raise ConfigurationError(msg)
    arguments: dict[str, Any] = {
        name: given[name] for name in ("url", "prefix", "namespace") if name in given
    }
    if "ttl" in given:
        arguments["ttl"] = _ttl(given["ttl"])
    if "imported" in given:
        arguments["imported"] = _flag("LLMCACHE_IMPORTED", given["imported"])
    if "elasticache" in given:
        arguments["endpoint"] = given["elasticache"]
        arguments |= {new: given[name] for name, new in _OF_ELASTICACHE.items() if name in given}
    if "serverless" in arguments:
        arguments["serverless"] = _flag("LLMCACHE_SERVERLESS", arguments["serverless"])
    return arguments


def _ttl(text: str) -> float | None:
    if text.strip().lower() == "none":
        return None
    try:
        seconds = float(text)
        to_milliseconds(seconds)
    except ValueError:
        msg = (
            f"LLMCACHE_TTL is {text!r}; expected seconds, more than 0, or none for entries that "
            "never expire"
        )
        raise ConfigurationError(msg) from None
    return seconds


def _flag(name: str, text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    word = text.strip().lower()
    if word not in words:
        raise ConfigurationError(f"{name} is {text!r}; expected 1 or 0")
    return words[word]
