"""Which fields of a model never reach its provider.

Rule of this file: a field is left out because of what it is for, by name and where that may
mean two things by its value too. Whatever is not known to be harmless counts: it costs a miss.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import TypeGuard

    from langchain_core.language_models import BaseLanguageModel

# langchain-core's own: how a model is run, traced and named.
_CORES: Final = frozenset(
    (
        "cache callback_manager callbacks custom_get_token_ids disable_streaming profile "
        "rate_limiter verbose"
    ).split()
)
# Likewise, unless a class makes something else of the name.
CORES_NAMES: Final = ("metadata", "name", "tags")
# Where the scripts of langchain-core's fake models have got to.
_FAKES: Final = "langchain_core.language_models.fake"
_CURSOR: Final = "i"
_WAITS_AND_TRIES: Final = frozenset(
    (
        "connect_timeout default_request_timeout max_concurrent_requests max_retries read_timeout "
        "request_parallelism request_timeout retries retry_max_seconds retry_min_seconds "
        "sleep_interval stream_chunk_timeout timeout timeout_seconds"
    ).split()
)
_CLIENTS: Final = frozenset(
    (
        "_async_client _client async_client async_client_running bedrock_client cached_client "
        "client client_preview custom_client http_async_client http_client http_socket_options "
        "kdbc root_async_client root_client session"
    ).split()
)
_BOOKKEEPING: Final = frozenset(
    (
        "allowed_special aws_access_key_id credentials_profile_name disallowed_special "
        "include_response_headers print_request stream_usage tiktoken_model_name user_agent "
        "validate_base_url validate_model_on_init"
    ).split()
)
NEVER_SENT: Final = _CORES | _WAITS_AND_TRIES | _CLIENTS | _BOOKKEEPING

# What a field of a client's name holds, if it is not one.
_DATA_TYPES: Final = frozenset({bool, dict, float, int, list, str, tuple, typing.Literal})

_CREDENTIAL: Final = re.compile(
    r"(?:^|_)(?:api_key|apikey|secret|secret_key|access_key|access_key_id|private_key|password"
    r"|credentials|jwt|authorization|ak|sk|token_provider|token)$"
)
_TOKENS_OF_TEXT: Final = re.compile(
    r"(?:^|_)(?:begin|bos|cls|end|eos|image|mask|pad|sep|special|start|stop|think|unk)_token$"
)
# Nor is one what no header could carry (RFC 6750, section 2.1): ``<|user|>``, ``[INST]``, ``###``.
_MARK: Final = re.compile(r"[^A-Za-z0-9._~+/= :-]")
# Nor are words, as in ``style_token="formal"``, unless the name says that it gives access.
_WORDS: Final = re.compile(r"[A-Za-z]?(?:[a-z]+|[A-Z]+)(?:[ _-](?:[A-Z]?[a-z]+|[A-Z]+))*")
_TOKEN_OF_ACCESS: Final = re.compile(
    r"(?:^|_)(?:access|ad|api|auth|bearer|hub|iam|id|refresh|secret|security|service|session)_token$"
)
# Objects of these packages are how a request travels, whatever the field is called.
_WIRE: Final = frozenset(
    "aiohttp botocore boto3 grpc httpcore httpx httpx2 requests ssl urllib3".split()
)
_WIRE_DATA: Final = frozenset({"URL", "Headers", "QueryParams", "Cookies"})

# In the arguments of a client, given as a mapping.
_CLIENT_ARGUMENTS: Final = re.compile(r"client_(?:kwargs|args|options)$")
_OF_THE_WIRE: Final = frozenset(
    (
        "auth cert client_cert_source client_encrypted_cert_source credentials_file event_hooks "
        "follow_redirects http1 http2 limits mounts retries timeout transport trust_env verify"
    ).split()
)
# Of a router's model: made of its settings, credentials included.
_MADE: Final = frozenset({"model_info"})


@functools.cache
def _cores_fields() -> dict[str, Any]:
    from langchain_core.language_models import BaseChatModel, BaseLLM

    return {**BaseLLM.model_fields, **BaseChatModel.model_fields}


def is_model(value: object) -> TypeGuard[BaseLanguageModel[Any]]:
    """Tell whether a value is a model of langchain-core's."""
    from langchain_core.language_models import BaseLanguageModel

    return isinstance(value, BaseLanguageModel)


def never_sent(cls: type[Any]) -> frozenset[str]:
    """Return the names of a model class's fields that never count, whatever is in them."""
    left_out, of_core = set(NEVER_SENT), _cores_fields()
    left_out -= {
        name
        for name in _CLIENTS & cls.model_fields.keys()
        if _is_data_type(cls.model_fields[name].annotation)
    }
    for name in CORES_NAMES:
        own, cores = cls.model_fields.get(name), of_core[name]
        if own is None or (own.annotation, own.default) == (cores.annotation, cores.default):
            left_out.add(name)
    if any(
        base.__module__.startswith(_FAKES) and _CURSOR in getattr(base, "model_fields", {})
        for base in cls.__mro__
    ):
        left_out.add(_CURSOR)
    return frozenset(left_out)


def _is_data_type(annotation: Any) -> bool:
    """Tell whether a type is one of data, so that what has a client's name is not a client."""
    kinds = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    named = {typing.get_origin(kind) or kind for kind in kinds} - {type(None)}
    return bool(named) and named <= _DATA_TYPES


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def is_credential(name: str, value: object) -> bool:
    """Tell whether a field is a credential: its name says so, and its value can be one."""
    if not _CREDENTIAL.search(name) or _TOKENS_OF_TEXT.search(name):
        return False
    if name.endswith("_token") and type(value) is str:
        is_word = _WORDS.fullmatch(value) and not _TOKEN_OF_ACCESS.search(name)
        if is_word or _MARK.search(value):
            return False
    return not isinstance(value, (bool, int, float, dict, list, tuple))


def is_of_the_wire(value: object) -> bool:
    """Tell whether an object belongs to what sends requests, and is not data."""
    return is_class_of_the_wire([*type(value).__module__.split("."), type(value).__name__])


def is_class_of_the_wire(path: Sequence[str]) -> bool:
    """Tell whether a class, given as LangChain writes its place, is one of those."""
    return bool(path) and path[0] in _WIRE and path[-1] not in _WIRE_DATA


def without_wire(name: str, value: Any) -> Any:
    """Return the arguments of a client without those that say how it travels; else the value."""
    if type(value).__module__ == "google.api_core.client_options":
        value = {key: item for key, item in vars(value).items() if item is not None}
    if not isinstance(value, dict) or not _CLIENT_ARGUMENTS.search(name):
        return value
    return {
        key: item
        for key, item in value.items()
        if key not in _OF_THE_WIRE and not is_credential(str(key), item)
    }


def told_by(value: Any) -> dict[str, Any] | None:
    """Return what is known of an object that holds a model: which one it is; None if nothing is.

    Of a pipeline of ``transformers``, the name or path and the revision of its model; of
    ``litellm``'s router, its list of models, without credentials.
    """
    package, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if package == "transformers" and kind.endswith("Pipeline"):
        settings = getattr(value.model, "config", None)
        names = ("_name_or_path", "_commit_hash")
        told = {name: getattr(settings, name, None) for name in names}
        return {**told, "task": value.task} if told["_name_or_path"] else None
    if package == "litellm" and kind == "Router":
        return {"models": [_without_credentials(each) for each in value.model_list]}
    return None


def _without_credentials(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_credentials(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name not in _MADE and not is_credential(name, value)
    }
