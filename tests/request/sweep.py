"""Every model class of the provider packages that are installed, field by field.

Each field is given other values. Where that changes what is sent, it must change the key; two
models that are made alike must share theirs. What would be sent is caught at the HTTP clients:
nothing leaves the process.

``python -m tests.request.sweep docs/models.md`` writes the table of all packages that are
installed; ``test_sweep.py`` checks the classes of the packages that the tests install.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import logging
import os
import pkgutil
import re
import sys
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from langchain_core.language_models import BaseChatModel, BaseLLM
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from langchain_llmcache._request.fields import is_credential, never_sent
from langchain_llmcache._request.llm_strings import Uncacheable
from langchain_llmcache._request.maker import KeyMaker
from langchain_llmcache._request.texts import request_of
from tests.support.models import quickly

QUESTION: Final = "What is a lease?"
# Of requests: who asks, when, with which software.
_NOT_COMPARED: Final = re.compile(
    r"authorization|api-key|api_key|x-goog-api-key|user-agent|date|amz-sdk|x-amz|content-length|"
    r"x-stainless|traceparent|request-id|x-goog-api-client|accept|connection|host|idempotency|"
    r"x-api-source|x-client|timeout",
    re.IGNORECASE,
)
_ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_EC2_METADATA_DISABLED": "true",
    "LANGSMITH_TRACING": "false",
}
# What constructors want, by the name of a field or of its alias.
_GIVEN: Final[dict[str, Any]] = {
    "model": "a-model",
    "model_name": "a-model",
    "model_id": "anthropic.claude-v2",
    "api_key": "k",
    "api_version": "2024-10-21",
    "azure_endpoint": "https://azure.invalid",
    "azure_deployment": "a-deployment",
    "region_name": "us-east-1",
    "region": "us-east-1",
    "endpoint_name": "an-endpoint",
    "endpoint_url": "https://endpoint.invalid",
    "endpoint": "https://endpoint.invalid",
    "base_url": "https://base.invalid/v1",
    "repo_id": "owner/model",
    "project": "a-project",
    "project_id": "a-project",
    "location": "us-central1",
    "account_id": "an-account",
    "deployment": "a-deployment",
    "credentials": "k",
    "compartment_id": "a-compartment",
    "max_retries": 0,
}
# For some classes, others; None: nothing.
_GIVEN_TO: Final[dict[str, dict[str, Any]]] = {
    "AzureChatOpenAI": {"base_url": None},
    "AzureOpenAI": {"base_url": None},
    "BedrockLLM": {"model": "amazon.titan-text-express-v1", "api_key": None},
    "ChatBedrock": {"model": "anthropic.claude-3-haiku-20240307-v1:0", "api_key": None},
    "ChatBedrockConverse": {"provider": "anthropic", "api_key": None},
}
# Values that a type does not tell, by the name of the field.
_OTHERS: Final[dict[str, Any]] = {
    "async_client_kwargs": {"headers": {"x-zz": "1"}},
    "client_kwargs": {"headers": {"x-zz": "1"}},
    "extra_headers": {"x-zz": "1"},
    "default_headers": {"x-zz": "1"},
    "logit_bias": {"7": 1},
    "sync_client_kwargs": {"headers": {"x-zz": "1"}},
}
_OF_TYPES: Final[dict[Any, Any]] = {int: 7, float: 0.37, str: "another", SecretStr: SecretStr("zz")}


class Caught(Exception):  # noqa: N818 - not an error
    """A request would have been sent."""


@dataclass
class Result:
    """What was found out about one class.

    Attributes:
        name: Of the class.
        sent: Fields whose values change what is sent, and the key.
        kept_apart: Fields whose values change the key only.
        alike: Fields whose values change neither.
        missed: Fields whose values change what is sent, and not the key. There must be none.
        untested: Fields of which no other value could be made.
        problem: Why nothing could be tried at all.
    """

    name: str
    sent: list[str] = field(default_factory=list)
    kept_apart: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    problem: str | None = None


# --- what is sent ----------------------------------------------------------------------------


@contextlib.contextmanager
def caught() -> Iterator[list[str]]:
    """Have every request of the usual HTTP clients end in a list, and in an exception."""
    requests: list[str] = []

    def keep(method: str, url: object, headers: Mapping[str, Any], body: object) -> None:
        kept = sorted(
            f"{name.lower()}: {value}"
            for name, value in dict(headers or {}).items()
            if not _NOT_COMPARED.search(_text(name))
        )
        requests.append("\n".join([f"{method} {url}", *kept, _body(body)]))
        raise Caught

    def of_httpx(_: Any, request: Any, **__: Any) -> None:
        keep(request.method, request.url, request.headers, request.read())

    async def of_async_httpx(_: Any, request: Any, **__: Any) -> None:
        keep(request.method, request.url, request.headers, await request.aread())

    def of_requests(_: Any, request: Any, **__: Any) -> None:
        keep(request.method, request.url, request.headers, request.body)

    def of_botocore(_: Any, request: Any) -> None:
        keep(request.method, request.url, request.headers, request.body)

    targets: list[tuple[str, Callable[..., Any]]] = [
        ("httpx.Client.send", of_httpx),
        ("httpx.AsyncClient.send", of_async_httpx),
        ("requests.Session.send", of_requests),
        ("botocore.httpsession.URLLib3Session.send", of_botocore),
        ("httpx2.Client.send", of_httpx),
        ("httpx2.AsyncClient.send", of_async_httpx),
    ]
    with contextlib.ExitStack() as stack:
        for name, replacement in targets:
            module = name.rpartition(".")[0].rpartition(".")[0]
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
                stack.enter_context(mock.patch(name, replacement))
        yield requests


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _body(body: object) -> str:
    """Return a body as text, without what is drawn at random."""
    text = _text(body)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>", text)


def sent_by(model: Any) -> str | None:
    """Return what a model sends to be asked a question, or None if nothing is known to be sent."""
    with caught() as requests, contextlib.suppress(Exception):
        model.invoke(QUESTION)
    return requests[-1] if requests else None


def key_of(model: Any) -> str:
    """Return the key of that question.

    Raises:
        Uncacheable: if it has none.
    """
    return KeyMaker().key((), *request_of(model, QUESTION, None, {}))[0].path


# --- models ----------------------------------------------------------------------------------


def classes(packages: typing.Iterable[str]) -> list[type[Any]]:
    """Return the model classes of provider packages that can be instantiated."""
    for package in packages:
        _import_all(package)
    found: list[type[Any]] = [BaseChatModel, BaseLLM]
    for cls in found:  # grows while it is walked
        found += [below for below in cls.__subclasses__() if below not in found]
    return sorted(
        {
            cls
            for cls in found
            if cls.__module__.partition(".")[0] in set(packages)
            and not inspect.isabstract(cls)
            and not cls.__name__.startswith("_")
        },
        key=lambda cls: (cls.__module__, cls.__name__),
    )


def _import_all(package: str) -> None:
    with contextlib.suppress(Exception):
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{package}."):
            if re.search(r"chat_models|llms|llm\b|model_garden|vision", found.name):
                with contextlib.suppress(Exception):
                    importlib.import_module(found.name)


def made(cls: type[Any], **fields: Any) -> Any:
    """Return a model with what its constructor wants, and these fields."""
    wanted = _GIVEN | _GIVEN_TO.get(cls.__name__, {})
    given: dict[str, Any] = {}
    for name, info in cls.model_fields.items():
        names = {name, info.alias, info.validation_alias}
        if names & set(fields):
            continue
        if re.search(r"(?:api_key|apikey|token|secret)$", name):
            given[info.alias or name] = "k"
        for known in sorted(wanted.keys() & names):
            given[info.alias or name] = wanted[known]
    given = {name: value for name, value in given.items() if value is not None} | fields
    for _ in range(len(cls.model_fields)):
        try:
            return cls(**given)
        except Exception as error:
            refused = _refused(error, given)
            if refused is None or refused in fields:
                raise
            del given[refused]
    raise TypeError


def _refused(error: Exception, given: Mapping[str, Any]) -> str | None:
    """Return an argument that an error speaks of."""
    text = str(error)
    return next((name for name in reversed(list(given)) if re.search(rf"\b{name}\b", text)), None)


def others(name: str, value: Any, annotation: Any) -> Iterator[Any]:
    """Yield values for a field that are not its own."""
    if name in _OTHERS:
        yield _OTHERS[name]
    elif re.search(r"(?:url|endpoint|base|host)$", name):
        yield "https://another.invalid/v1"
    else:
        yield from _of_type(value, annotation)


def _of_type(value: Any, annotation: Any) -> Iterator[Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        yield from (argument for argument in arguments if argument != value)
    elif origin in (typing.Union, types.UnionType, typing.Annotated):
        for argument in arguments[:1] if origin is typing.Annotated else arguments:
            yield from _of_type(value, argument)
    elif annotation is bool:
        yield not value
    elif annotation in _OF_TYPES:
        yield _OF_TYPES[annotation]
        yield value + 1 if type(value) in (int, float) else _OF_TYPES[annotation]
    elif annotation is Any:
        yield from ("another", 7, ["another"], {"zz": 1})
    else:
        yield from _of_container(origin or annotation, arguments)


def _of_container(kind: Any, arguments: tuple[Any, ...]) -> Iterator[Any]:
    if kind in (list, Sequence):
        yield from ([item] for item in _of_type(None, arguments[0] if arguments else str))
    elif kind in (dict, Mapping):
        yield {"zz": next(_of_type(None, arguments[1]), 1) if len(arguments) > 1 else 1}


# --- the sweep -------------------------------------------------------------------------------


def swept(cls: type[Any]) -> Result:
    """Return what changing each field of a class changes."""
    result = Result(f"{cls.__module__.partition('.')[0]}.{cls.__name__}")
    with mock.patch.dict(os.environ, _ENVIRONMENT), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            first, second = made(cls), made(cls)
            sent, key = sent_by(first), key_of(first)
            if key_of(second) != key:
                result.missed.append("(two equal models have two keys)")
            steady = sent is not None and sent_by(second) == sent
        except Uncacheable as reason:
            result.problem = f"not cached: {str(reason).partition(',')[0]}"
            return result
        except Exception as error:
            result.problem = f"cannot be made here ({type(error).__name__})"
            return result
        if sent is None:
            result.problem = "sends nothing through the HTTP clients that are watched"
        left_out = never_sent(cls)
        for name in sorted(cls.model_fields):
            if name not in left_out and not is_credential(name, getattr(first, name, None)):
                _sweep_field(second, name, sent if steady else None, key, result)
    return result


def _sweep_field(first: Any, name: str, sent: str | None, key: str, result: Result) -> None:
    cls = type(first)
    info, own = cls.model_fields[name], getattr(first, name, None)
    tried, differs, told_apart = False, False, False
    default = None if info.default is PydanticUndefined else info.default
    for value in others(name, default, info.annotation):
        try:
            changed = made(cls, **{info.alias or name: value})
            if getattr(changed, name) == own:
                continue
            tried = True
            is_other = key_of(changed) != key
            differs_here = sent is not None and sent_by(changed) not in (None, sent)
        except Exception:  # noqa: S112 - the value is not one for this field
            continue
        if differs_here and not is_other:
            result.missed.append(name)
            return
        differs, told_apart = differs or differs_here, told_apart or is_other
    if not tried:
        result.untested.append(name)
    elif differs:
        result.sent.append(name)
    else:
        (result.kept_apart if told_apart else result.alike).append(name)


def table(results: list[Result]) -> str:
    """Return the results as a table in Markdown, and what could not be tried as a list."""
    lines = [
        "| class | sent, and in the key | in the key only | not tried |",
        "|---|---|---|---|",
    ]
    problems: dict[str, list[str]] = {}
    for result in results:
        if result.problem is not None and not result.sent and not result.kept_apart:
            problems.setdefault(result.problem, []).append(f"`{result.name}`")
            continue
        cells = [str(len(result.sent)), str(len(result.kept_apart))]
        neither = [f"{name} (changes neither)" for name in result.alike]
        cells.append(", ".join([*neither, *result.untested]))
        lines.append(f"| `{result.name}` | {' | '.join(cells)} |")
    lines += [f"\n- {problem}: {', '.join(names)}" for problem, names in sorted(problems.items())]
    return "\n".join(lines)


def installed() -> list[str]:
    """Return the provider packages that are installed."""
    ours = {"langchain_core", "langchain_llmcache", "langchain_tests", "langchain_text_splitters"}
    return sorted(
        module.name
        for module in pkgutil.iter_modules()
        if re.match(r"langchain_|databricks_langchain", module.name) and module.name not in ours
    )


def main(target: str | None = None) -> int:
    """Sweep all classes of all packages, and write or print the table."""
    logging.disable(logging.CRITICAL)
    results = []
    with quickly():
        for cls in classes(installed()):
            results.append(swept(cls))
            print(json.dumps(vars(results[-1])), file=sys.stderr)  # noqa: T201 - a script
    missed = [result for result in results if result.missed]
    if target is None:
        print(table(results))  # noqa: T201 - likewise
    else:
        path = Path(target)
        head, _, _ = path.read_text().partition("<!-- from tests/request/sweep.py -->")
        path.write_text(f"{head}<!-- from tests/request/sweep.py -->\n\n{table(results)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
