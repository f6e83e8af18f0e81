"""What shapes a model's answers, read from its fields: LangChain's text does not tell all of it.

Of a serializable chat model the text counts, and here is what it leaves out; of any other model
every field counts that reaches the provider. Private attributes never do.

Rules of this file: two models that may answer differently have two identities, in every
process; nothing here keeps a model alive, and no value of a field is ever shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from langchain_core.load import dumpd
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from langchain_llmcache._request.bodies import body_of
from langchain_llmcache._request.canonical import Forms, NoForm, tagged
from langchain_llmcache._request.definitions import is_importable, path_of, redefined
from langchain_llmcache._request.endpoints import (
    Endpoint,
    TwoEndpoints,
    client_names,
    clients_of,
    endpoints_of,
    is_default,
    sent_along_in,
)
from langchain_llmcache._request.fields import (
    is_credential,
    is_model,
    is_of_the_wire,
    never_sent,
    without_wire,
)
from langchain_llmcache._request.llm_strings import (
    Uncacheable,
    as_bytes,
    head_of,
    model_of,
    open_settings,
)
from langchain_llmcache._request.recent import Recent
from langchain_llmcache._request.watch import CannotWatch, Parts, Watch
from langchain_llmcache._signals import pass_on

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel, BaseLanguageModel

# Models, whose identities are remembered.
_KEPT: Final = 4096
# Packages whose classes have places of their own in LangChain's list.
_LANGCHAINS: Final = "langchain"


class Identity:
    """What one model adds to its requests. Its ``repr`` shows the digest only.

    Attributes:
        head: Of a serializable chat model: what counts of the text that langchain-core writes.
        added: All that counts and is not in there.
        token: A digest of both.
        model: The model's name, if a field tells.
        by_text: Whether the text alone counts.
        reads_text: Whether it is a text model: each character of a prompt counts.
        last: The text of the model's latest request, and what was made of both.
        of_async: What holds for async calls instead, if their client sends something else along.
    """

    __slots__ = ("added", "by_text", "head", "last", "model", "of_async", "reads_text", "token")

    def __init__(
        self,
        head: str | None,
        added: bytes,
        model: str | None,
        *,
        by_text: bool = False,
        reads_text: bool = False,
    ) -> None:
        self.head = head
        self.added = added
        self.token = hashlib.sha256(tagged(b"", as_bytes(head or ""), added)).digest()
        self.model = model
        self.by_text = by_text
        self.reads_text = reads_text
        self.last: tuple[str, Any] | None = None
        self.of_async: Identity | None = None

    def __repr__(self) -> str:
        return f"Identity({self.token.hex()})"


class Identities:
    """Tells the identities of models, and remembers them as long as nothing changes.

    Args:
        ignored: Names of fields that do not count, besides those that never do.
    """

    def __init__(self, ignored: frozenset[str] = frozenset()) -> None:
        self._ignored = ignored
        self._known: Recent[int, tuple[Watch, Identity]] = Recent(_KEPT, _one)

    def of(self, model: BaseLanguageModel[Any]) -> Identity:
        """Return the identity of a model in sync calls, which has that in async ones.

        Raises:
            Uncacheable: if a field holds what no key can tell, or if it cannot be known where
                its requests go or which class it is.
        """
        known = self._known.younger.get(id(model)) or self._known.get(id(model))
        if known is not None:
            watch, identity = known
            if watch.watched() is model and watch.holds(model):
                return identity
        watching = self._watch(model)  # before anything is read: what changes later is seen
        try:
            forms = Forms(self._of_nested)
            identity = self._read(model, forms)
            if forms.has_halves:
                # (``added`` tells what both send along.)
                identity.of_async = Identity(
                    identity.head,
                    tagged(b"~", identity.added),
                    identity.model,
                    reads_text=identity.reads_text,
                )
        except NoForm as error:
            raise Uncacheable(_advice(f"{type(model).__name__}{error.path}", error.kind)) from None
        if watching is not None:
            self._known.put(id(model), (watching, identity))
        return identity

    def of_options(self, options: Mapping[str, Any]) -> bytes:
        """Return the form of what one call gives a model besides its prompt.

        Raises:
            Uncacheable: if it has none.
        """
        try:
            return Forms(self._of_nested).of(dict(sorted(options.items())))
        except NoForm as error:
            raise Uncacheable(_advice(f"the call's options{error.path}", error.kind)) from None

    def changed_field(self, model: BaseLanguageModel[Any]) -> str | None:
        """Return a field of a model that is not what it was when the model asked, if any."""
        known = self._known.get(id(model))
        return known[0].changed(model) if known and known[0].watched() is model else None

    def _watch(self, model: BaseLanguageModel[Any]) -> Watch | None:
        """Return what tells whether a model changes, or None if nothing could."""
        try:
            return Watch(model, self._parts)
        except (CannotWatch, RuntimeError) as error:
            pass_on(error)
            return None

    def _parts(self, watched: BaseModel) -> Parts:
        if is_cores(watched):
            return Parts(())
        if is_model(watched):
            return Parts(self._counting(watched), client_names(type(watched)))
        return Parts(tuple(type(watched).model_fields))

    def _counting(self, model: BaseLanguageModel[Any]) -> list[str]:
        """Return the names of a model's fields that count, in order."""
        left_out = never_sent(plain_class(model)) | self._ignored
        values = model.__dict__
        return [
            name
            for name in sorted(type(model).model_fields)
            if name not in left_out
            and not is_credential(name, values.get(name))
            and not is_of_the_wire(values.get(name))
        ]

    def _read(self, model: BaseLanguageModel[Any], forms: Forms) -> Identity:
        from langchain_core.language_models import BaseChatModel, BaseLLM

        reads_text = isinstance(model, BaseLLM)
        if is_cores(model):
            kind = b"text" if reads_text else b"chat"
            return Identity(None, kind, None, by_text=True, reads_text=reads_text)
        if isinstance(model, BaseChatModel) and model.is_lc_serializable():
            return self._beyond_text(model, forms)
        name = model_of({name: model.__dict__.get(name) for name in self._counting(model)})
        return Identity(None, forms.of(model), name, reads_text=reads_text)

    def _of_nested(self, model: BaseLanguageModel[Any], forms: Forms) -> bytes:
        """Return the form of a model of which no text counts."""
        values = model.__dict__
        # A field of a later version that is not used changes no key.
        used = [name for name in self._counting(model) if values.get(name) is not None]
        pairs = [self._pair(model, name, forms) for name in used] + self._extras(model, forms)
        where = _where(self._endpoints(model, forms))
        return tagged(b"+", _of_class(model), *sum(pairs, ()), *where)

    def _beyond_text(self, model: BaseChatModel, forms: Forms) -> Identity:
        """Return what a serializable model's text says, and all that it leaves out."""
        dumped = dumpd(model)
        # Through JSON, so that it is what is read of a text.
        read = open_settings(json.loads(json.dumps(dumped, sort_keys=True)), self._ignored)
        fields = self._counting(model)
        own, extra = type(model).model_fields, model.__pydantic_extra__ or {}
        stated = [name for name in read if name not in own and name not in extra]
        told = {
            name: read[name]
            for name in (*fields, *stated)
            if name in read and _is_told(dumped, name)
        }
        rest = [name for name in fields if name not in told and not _is_default(model, name)]
        pairs = [self._pair(model, name, forms) for name in rest] + self._extras(model, forms)
        added = list(sum(pairs, ()))
        if redefined(plain_class(model)) or not _is_told_by_id(model, dumped["id"]):
            added.append(_of_class(model))
        endpoints = self._endpoints(model, forms)
        if not all(is_default(endpoint, type(model), told) for endpoint in endpoints):
            added += _where(endpoints)
        return Identity(
            head_of(dumped, told), tagged(b"+", *added) if added else b"", model_of(told)
        )

    def _endpoints(self, model: BaseLanguageModel[Any], forms: Forms) -> tuple[Endpoint, Endpoint]:
        """Return where a model's sync and async calls go, and what its fields do not tell of them."""
        values = model.__dict__
        told = set(sent_along_in([values.get(name) for name in self._counting(model)]))
        told.add(("api-version", str(values.get("openai_api_version"))))  # Azure's
        try:
            endpoints = endpoints_of(clients_of(model), told)
        except TwoEndpoints:
            msg = (
                f"the clients of a {type(model).__name__} for sync and for async calls lead to two "
                "servers; use a model for each"
            )
            raise Uncacheable(msg) from None
        forms.has_halves |= endpoints[0] != endpoints[1]
        return endpoints

    def _extras(self, model: BaseLanguageModel[Any], forms: Forms) -> list[tuple[bytes, bytes]]:
        extras = model.__pydantic_extra__ or {}
        names = [
            name
            for name in sorted(extras)
            if name not in self._ignored and not is_credential(name, extras[name])
        ]
        return [self._pair(model, name, forms) for name in names]

    def _pair(self, model: BaseLanguageModel[Any], name: str, forms: Forms) -> tuple[bytes, bytes]:
        values = model.__dict__ if name in type(model).model_fields else model.__pydantic_extra__
        try:
            return as_bytes(name), forms.of(without_wire(name, (values or {}).get(name)))
        except NoForm as error:
            error.path = f".{name}{error.path}"
            raise


def _one(_key: int, _value: object) -> int:
    return 1


def plain_class(model: Any) -> type[Any]:
    """Return a model's class, without what ``with_cache`` put in front of it."""
    cls: type[Any] = type(model)
    if cls.__bases__[0].__module__ == "langchain_llmcache.streaming":
        return cls.__bases__[1]
    return cls


def is_cores(model: Any) -> bool:
    """Tell whether a model is one of langchain-core's own: those with scripts, for tests."""
    return plain_class(model).__module__.startswith("langchain_core.")


def _of_class(model: Any) -> bytes:
    """Return the name of a model's class.

    Raises:
        Uncacheable: if another living class goes by that name, and what this one was made with
            does not tell which it is.
    """
    cls = plain_class(model)
    path = path_of(cls)
    if is_importable(cls):
        code = redefined(cls)
        return tagged(b"+", as_bytes(path), code) if code else as_bytes(path)
    body, is_whole = body_of(cls)
    if not is_whole and sum(path_of(other) == path for other in _classes()) > 1:
        msg = (
            f"there are several classes {cls.__qualname__} in {cls.__module__}, and their models "
            "would share answers; define the class once, at the top of a module"
        )
        raise Uncacheable(msg)
    return tagged(b"+", as_bytes(path), body)


def _classes() -> list[type[Any]]:
    """Return every living class of models, those of ``with_cache`` left out."""
    from langchain_core.language_models import BaseLanguageModel

    living: list[type[Any]] = [BaseLanguageModel]
    for cls in living:  # grows while it is walked
        living += [
            below
            for below in cls.__subclasses__()
            if below.__bases__[0].__module__ != "langchain_llmcache.streaming"
        ]
    return living


def _is_told_by_id(model: Any, lc_id: Sequence[str]) -> bool:
    """Tell whether the ``id`` in a serializable model's text is that of no other class."""
    cls = plain_class(model)
    if "get_lc_namespace" in vars(cls) and cls.__module__.startswith(_LANGCHAINS):
        return True
    # A class that goes by another place shares it with others of the same name.
    return (
        lc_id == [*cls.__module__.split("."), cls.__name__]
        and cls.__qualname__ == cls.__name__
        and not cls.__module__.endswith("main__")
    )


def _is_told(dumped: Mapping[str, Any], name: str) -> bool:
    """Tell whether a model's text says all of a field: it sorts keys, and leaves objects out."""
    value = dumped["kwargs"][name]
    return not _has_objects(value) and json.dumps(value) == json.dumps(value, sort_keys=True)


def _has_objects(value: Any) -> bool:
    if isinstance(value, dict):
        return "lc" in value or any(map(_has_objects, value.values()))
    return isinstance(value, list) and any(map(_has_objects, value))


def _is_default(model: Any, name: str) -> bool:
    """Tell whether a field that is not in a model's text holds its default."""
    value = model.__dict__.get(name)
    field = type(model).model_fields[name]
    default = None if field.default_factory is not None else field.default
    if value is None or value in ([], {}):
        return default is None or default is PydanticUndefined or default == value
    return type(value) is type(default) and bool(value == default)


def _where(endpoints: Sequence[Endpoint]) -> list[bytes]:
    address, places, _ = endpoints[0]
    along = dict.fromkeys(endpoint.along for endpoint in endpoints if endpoint.along)
    return [
        tagged(b"@", as_bytes(address or ""), *map(as_bytes, places)),
        *(tagged(b"h", *map(as_bytes, sum(sent, ()))) for sent in along),
    ]


def _advice(place: str, kind: str) -> str:
    field = place.partition(".")[2].partition(".")[0].partition("[")[0]
    ignore = f", or LLMCache(ignore_fields=({field!r},)) if it shapes no answer" if field else ""
    return (
        f"{place} holds {kind}, of which no key can tell which it is; use plain data in its "
        f"place{ignore}"
    )
