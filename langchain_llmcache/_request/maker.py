"""Requests as keys: everything that shapes the answer is in the key, and nothing else.

Rules of this file: two requests that may get different answers never share a key; what it
drops never reaches a provider. Prompts and llm_strings go into a digest and nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from langchain_llmcache._request.key import Key, encode_model
from langchain_llmcache._request.llm_strings import (
    Uncacheable,
    as_bytes,
    model_of,
    parse_llm_string,
    schema_of_class,
)
from langchain_llmcache._request.prompts import canonical_prompt
from langchain_llmcache.errors import ConfigurationError

# Part of every digest: another number is another key space.
_VERSION: Final = b"llmcache/1"
_LLM_STRINGS_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What one llm_string says: its share of the digest, and whose answers these are."""

    seed: Any  # a hash object, to be copied
    model: str | None
    model_part: str


class KeyMaker:
    """Turns ``(prompt, llm_string)`` into keys; remembers what it parsed of llm_strings.

    Args:
        extra: Anything else that shapes answers (region, account, version): JSON data. Its
            ``"model"`` names a model whose own settings do not.
        secret: Makes the digests HMAC-SHA-256, so that nobody without it can tell from
            the keys whether a certain prompt was asked.

    Raises:
        ConfigurationError: if ``extra`` is not JSON data or ``secret`` is no text or empty.
    """

    def __init__(self, *, extra: Any = None, secret: str | bytes | None = None) -> None:
        try:
            # Not orjson: it would write distinct values (a UUID and its string) alike.
            self._extra = b"" if extra is None else json.dumps(extra, sort_keys=True).encode()
        except (TypeError, ValueError) as error:
            msg = f"key_extra is not JSON data ({type(error).__name__}); pass strings, numbers, ..."
            raise ConfigurationError(msg) from error
        if secret is not None and (not isinstance(secret, (str, bytes)) or not secret):
            msg = "key_secret is not a non-empty str or bytes; pass None for plain digests"
            raise ConfigurationError(msg)
        self._model = model_of(extra) if isinstance(extra, Mapping) else None
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self._known: OrderedDict[str, _Configuration] = OrderedDict()

    def key(
        self, namespace: tuple[str, ...], prompt: str, llm_string: str
    ) -> tuple[Key, str | None]:
        """Return the key of a request in an (encoded) namespace, and its model's name.

        Raises:
            Uncacheable: if no key could tell this request from others.
        """
        configuration = self._known.get(llm_string) or self._configuration(llm_string)
        canonical, call_ids = canonical_prompt(prompt)
        digest = configuration.seed.copy()
        digest.update(canonical)
        return (
            Key((*namespace, configuration.model_part), digest.hexdigest(), call_ids),
            configuration.model,
        )

    def _configuration(self, llm_string: str) -> _Configuration:
        parsed = parse_llm_string(llm_string)
        if parsed.anonymous and self._model is None:
            msg = (
                "the model's settings do not say which model it is (its llm_string names no "
                "model), so two models would share answers; give each of them a cache of its "
                "own that says it: cache=LLMCache(..., key_extra={'model': ...})"
            )
            raise Uncacheable(msg)
        model = self._model if parsed.anonymous else parsed.model
        # Each part is preceded by its length, so that no two lists of parts read the same.
        message = b"".join(
            len(part).to_bytes(8, "big") + part
            for part in (
                _VERSION,
                self._extra,
                as_bytes(parsed.canonical),
                *map(schema_of_class, parsed.classes),
            )
        )
        seed = (
            hashlib.sha256(message)
            if self._secret is None
            else hmac.new(self._secret, message, hashlib.sha256)
        )
        configuration = _Configuration(seed, model, encode_model(model))
        # A class may be edited and defined again under its name: such a string is read anew.
        if not parsed.classes:
            self._known[llm_string] = configuration
            while len(self._known) > _LLM_STRINGS_KEPT:
                self._known.popitem(last=False)
        return configuration


# --- prompts ---------------------------------------------------------------------------------


# --- llm_strings -----------------------------------------------------------------------------
