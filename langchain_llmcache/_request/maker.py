"""Requests as keys: everything that shapes the answer is in the key, and nothing else.

Rules of this file: two requests that may get different answers never share a key; what it
drops never reaches a provider. Prompts and settings go into a digest and nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.blocks import Options, current
from langchain_llmcache._request.canonical import tagged
from langchain_llmcache._request.definitions import is_plain
from langchain_llmcache._request.identity import Identities, Identity
from langchain_llmcache._request.key import Key, encode_model, encode_part
from langchain_llmcache._request.llm_strings import (
    Uncacheable,
    as_bytes,
    data_in,
    is_list,
    is_literal,
    model_of,
    parse_llm_string,
    rest_of,
    schema_of_class,
    without_empty_stop,
)
from langchain_llmcache._request.prompts import canonical_prompt
from langchain_llmcache._request.recent import Recent
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError

# Part of every digest: another number is another key space.
_VERSION: Final = b"llmcache/2"
# What is kept of the texts of models, in bytes (of which each costs some more than it is long).
_TEXTS_KEPT: Final = 16 * 2**20
_OVERHEAD: Final = 500
_LONG: Final = 16 * 2**10
# What is kept of prompts that were asked, in bytes: of most, the same is asked again, or nothing.
_PROMPTS_KEPT: Final = 8 * 2**20
# Characters of a prompt that is read in a few milliseconds, whatever is in it.
_LARGE: Final = 2**17


class _Settings(NamedTuple):
    """What a model and its settings say.

    Attributes:
        seed: Their share of the digest: a hash object, to be copied.
        model: The model's name, if they tell.
        part: That name as a part of keys.
        reads_text: Each character of a prompt counts, even if it looks like messages.
        name: What tells these settings from others.
    """

    seed: Any
    model: str | None
    part: str
    reads_text: bool
    name: tuple[bytes, str | None, bool]


class KeyMaker:
    """Turns requests into keys; remembers what it found out about models and their texts.

    Args:
        namespace: Of all its keys, outermost part first.
        extra: Anything else that shapes answers (region, account, version): JSON data. Its
            ``"model"`` names a model whose own settings do not.
        secret: Makes the digests HMAC-SHA-256, so that without it the keys do not
            reveal whether a certain prompt was asked.
        ignore_fields: Names of model fields that do not affect answers.

    Raises:
        ConfigurationError: if ``extra`` is not JSON data, ``secret`` is no text or empty, or
            ``ignore_fields`` holds something else than names.
    """

    def __init__(
        self,
        namespace: Sequence[str] = (),
        *,
        extra: Any = None,
        secret: str | bytes | None = None,
        ignore_fields: Sequence[str] = (),
    ) -> None:
        try:
            # Not orjson: it would write distinct values (a UUID and its string) alike.
            self._extra = b"" if extra is None else json.dumps(extra, sort_keys=True).encode()
        except (TypeError, ValueError) as error:
            msg = f"key_extra is not JSON data ({type(error).__name__}); pass strings, numbers, ..."
            raise ConfigurationError(msg) from error
        if secret is not None and (not isinstance(secret, (str, bytes)) or not secret):
            msg = "key_secret is not a non-empty str or bytes; pass None for plain digests"
            raise ConfigurationError(msg)
        self._namespace = tuple(map(encode_part, namespace))
        self._model = model_of(extra) if isinstance(extra, Mapping) else None
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self._ignored = _names(ignore_fields)
        self._identities = Identities(self._ignored)
        self._known: Recent[tuple[str, bytes], _Settings] = Recent(_TEXTS_KEPT, _size)
        # A prompt and settings, both as they are now, make the same key each time.
        self._keys: Recent[tuple[str, Any, tuple[str, ...]], tuple[Key, str | None]] = Recent(
            _PROMPTS_KEPT, lambda request, _: sys.getsizeof(request[0]) + 2 * _OVERHEAD
        )

    def namespace(self, options: Options | None = None) -> tuple[str, ...]:
        """Return the (encoded) namespace of calls with these options; of the running code's."""
        below = (options or current()).namespace
        return (*self._namespace, *map(encode_part, below)) if below else self._namespace

    def key(self, namespace: tuple[str, ...], prompt: str, asked: Asked) -> tuple[Key, str | None]:
        """Return the key of a request in an (encoded) namespace, and its model's name.

        The model is read on the first call with ``asked``.

        Raises:
            Uncacheable: if no key could tell this request from others.
        """
        made = asked.made
        if made is None:
            settings = self._settings(asked)
        else:
            # For the second time: an answer has come.
            _, settings, of_prompt, of_namespace, found = made
            asked.made = (self, settings, None, None, None)
            if of_prompt is prompt and of_namespace == namespace:
                return found  # type: ignore[no-any-return]
        request = (prompt, settings.name, namespace)
        found = self._keys.younger.get(request) or self._keys.get(request)
        if found is None:
            found = (self._key(settings, namespace, prompt), settings.model)
            self._keys.put(request, found)
        asked.made = (self, settings, prompt, namespace, found)
        return found

    def takes_long(self, prompt: str, asked: Asked) -> bool:
        """Tell whether ``key`` would hold up an event loop; then the model is read here."""
        if len(prompt) < _LARGE or (asked.made is not None and asked.made[2] is prompt):
            return False
        if asked.made is None:
            try:
                asked.made = (self, self._settings(asked), None, None, None)
            except Exception as error:  # noqa: BLE001 - ``key`` raises it, and that at once
                pass_on(error)
                return False
        return True

    @staticmethod
    def _key(settings: _Settings, namespace: tuple[str, ...], prompt: str) -> Key:
        canonical, call_ids = canonical_prompt(prompt, is_text=settings.reads_text)
        digest = settings.seed.copy()
        digest.update(canonical)
        return Key((*namespace, settings.part), digest.hexdigest(), call_ids)

    def changes(self, asked: Asked) -> str | None:
        """Return what to say of a model that has changed itself since it asked, if it has."""
        model = None if asked.whose is None or asked.made is None else asked.whose()
        field = None if model is None else self._identities.changed_field(model)
        if field is None:
            return None
        return (
            f"{type(model).__name__}.{field} was changed while the model answered; if it is so "
            "each time, no answer is found again: keep such a value in a PrivateAttr, or use "
            f"LLMCache(ignore_fields=({field!r},)) if it shapes no answer"
        )

    def _settings(self, asked: Asked) -> _Settings:
        llm_string = asked.llm_string
        if asked.model is None:
            return self._known.get((llm_string, b"")) or self._of_text(llm_string)
        identity = self._identities.of(asked.model)
        if asked.is_async:
            identity = identity.of_async or identity
        token = identity.token
        if not asked.options or not identity.reads_text:  # the text tells all of the call
            if identity.last is not None and identity.last[0] == llm_string:
                return identity.last[1]  # type: ignore[no-any-return]
            known = self._known.get((llm_string, token))
            if known is not None:
                if len(llm_string) < _LONG:
                    identity.last = (llm_string, known)
                return known
        if identity.by_text:
            return self._of_text(llm_string, identity)
        told = self._of_call(asked, identity)
        if told:
            token = hashlib.sha256(token + told).digest()
        return self._known.get((llm_string, token)) or self._of_model(asked, identity, told, token)

    def _of_call(self, asked: Asked, identity: Identity) -> bytes:
        """Return the form of a call's options where the text does not tell all of them."""
        options = asked.options
        if not options or (is_plain(options) and not identity.reads_text):
            return b""
        return self._identities.of_options(options)

    def _of_model(self, asked: Asked, identity: Identity, told: bytes, token: bytes) -> _Settings:
        """Return what is said of a request by its model, the call, and the text."""
        llm_string, options = asked.llm_string, asked.options
        listed = rest_of(llm_string) if identity.head is not None else None
        text = without_empty_stop(llm_string, llm_string if listed is None else listed)
        model = model_of(options or {}) or identity.model or self._model
        classes: tuple[str, ...] = ()
        if options is None:
            parsed = parse_llm_string(llm_string, self._ignored)
            model, classes = parsed.model or model, parsed.classes
        elif told and listed is not None:
            text = ""  # it lists the options, and these are told better
        elif not is_literal(text):
            # Objects, which the fields tell better: their text may be another in each process.
            text, told = data_in(text), told or self._identities.of_options(options)
        head = identity.head or ""
        settings = self._made(
            model,
            as_bytes(head + text),
            classes,
            identity.added,
            told,
            reads_text=identity.reads_text,
        )
        if not classes:
            self._known.put((llm_string, token), settings)
        return settings

    def _of_text(self, llm_string: str, identity: Identity | None = None) -> _Settings:
        """Return what is said of a request by the text alone: no model is known that says more."""
        if identity is None and is_list(llm_string):
            msg = (
                "this cache was asked without the model, and the text does not tell all of its "
                "settings; if another cache asks this one in a thread or a task of its own, let it "
                "do so inside `with asking(model, prompt, llm_string):`"
            )
            raise Uncacheable(msg)
        parsed = parse_llm_string(llm_string, self._ignored)
        if parsed.anonymous and self._model is None:
            msg = (
                "the model's settings do not say which model it is (its llm_string names no "
                "model), so two models would share answers; give each of them a cache of its "
                "own that says it: cache=LLMCache(..., key_extra={'model': ...})"
            )
            raise Uncacheable(msg)
        model = self._model if parsed.anonymous else parsed.model
        text = as_bytes(parsed.canonical)
        reads_text = identity is not None and identity.reads_text
        settings = self._made(model, text, parsed.classes, reads_text=reads_text)
        # A class may be edited and defined again under its name: such a text is read anew.
        if not parsed.classes:
            self._known.put((llm_string, b"" if identity is None else identity.token), settings)
        return settings

    def _made(
        self,
        model: str | None,
        text: bytes,
        classes: Sequence[str],
        *more: bytes,
        reads_text: bool,
    ) -> _Settings:
        parts = (_VERSION, self._extra, text, *map(schema_of_class, classes), *filter(None, more))
        message = tagged(b"", *parts)
        seed = (
            hashlib.sha256(message)
            if self._secret is None
            else hmac.new(self._secret, message, hashlib.sha256)
        )
        return _Settings(
            seed, model, encode_model(model), reads_text, (seed.digest(), model, reads_text)
        )


def _size(key: tuple[str, bytes], _: _Settings) -> int:
    return len(key[0]) + _OVERHEAD


def _names(given: Sequence[str]) -> frozenset[str]:
    names: Any = given
    if not isinstance(names, (list, tuple, set, frozenset)) or not all(
        isinstance(name, str) for name in names
    ):
        msg = f"ignore_fields is {given!r}; expected names of fields, such as ('logger',)"
        raise ConfigurationError(msg)
    return frozenset(names)
