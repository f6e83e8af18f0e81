"""The options that say which store and which of its entries, and how commands get at it."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass, field
from operator import getitem
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeAlias

import typer

from langchain_llmcache._cli.output import (
    BAD_CONFIGURATION,
    FAILED,
    INTERRUPTED,
    fail,
    note,
    shown_url,
    stderr,
)
from langchain_llmcache._request.key import (
    AnyScope,
    NodeScope,
    Scope,
    encode_model,
    encode_part,
)
from langchain_llmcache._stores.open import DEFAULT_PREFIX, file_of
from langchain_llmcache._valkey.url import split
from langchain_llmcache.errors import (
    ConfigurationError,
    LLMCacheError,
    StoreError,
    UnsupportedOperationError,
)

if TYPE_CHECKING:
    from langchain_llmcache import LLMCache
    from langchain_llmcache._stores.admin import Administration
    from langchain_llmcache._valkey.settings import ConnectionSettings

Namespace: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Only entries of this namespace and below. Several go deeper, outermost first.",
        show_default=False,
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only entries of this model.", show_default=False),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

DEFAULT_TIMEOUT = 5.0


# What messages for applications call an argument.
_AS_OPTIONS: Final = {
    "cache_name=": "--cache-name",
    "a password=": "LLMCACHE_PASSWORD",
    "LLMCache.from_url": "--url",
}


@dataclass(frozen=True)
class StoreChoice:
    """The store that the command line and the environment name.

    Attributes:
        url: Its URL, unless it is a cache of ElastiCache.
        elasticache: Arguments of ``LLMCache.from_elasticache``, unless it has a URL.
        prefix: What its keys begin with.
        timeout: Seconds that one exchange may take.
    """

    url: str | None
    elasticache: Mapping[str, Any] | None = field(repr=False)
    prefix: str
    timeout: float

    @property
    def shown(self) -> str:
        """The store as people know it, without anything secret."""
        if self.elasticache is not None:
            return str(self.elasticache["endpoint"])
        return shown_url(self.url or "")

    @property
    def is_memory(self) -> bool:
        """Whether it ends with the process."""
        return self.url is not None and self.url.startswith("memory:")

    @property
    def file(self) -> Path | None:
        """The file of ``sqlite://``; None for any other store."""
        if self.url is None:
            return None
        parts = split(self.url)
        return Path(file_of(parts)) if parts.scheme == "sqlite" else None

    @property
    def is_missing(self) -> bool:
        """Whether it is a file that does not exist yet, or holds no cache yet."""
        from langchain_llmcache._stores.admin import holds_cache

        return self.file is not None and not holds_cache(self.file)

    def settings(self) -> ConnectionSettings:
        """Return how to connect to the server.

        Raises:
            ConfigurationError: something is missing, or does not go together.
        """
        if self.elasticache is not None:
            from langchain_llmcache.elasticache import connection_settings

            return connection_settings(**self.elasticache, timeout=self.timeout)
        from langchain_llmcache._valkey.settings import ConnectionSettings

        return ConnectionSettings.from_url(self.url or "", timeout=self.timeout)

    def cache(self, **options: Any) -> LLMCache:
        """Return an ``LLMCache`` there, as an application makes it.

        Raises:
            ConfigurationError: something is missing, or does not go together.
        """
        from langchain_llmcache import LLMCache

        options = {"prefix": self.prefix, "timeout": self.timeout, **options}
        if self.elasticache is not None:
            return LLMCache.from_elasticache(**self.elasticache, **options)
        return LLMCache.from_url(self.url, **options)

    def administration(self, *, must_exist: bool = True) -> Administration:
        """Return its operator's side.

        Args:
            must_exist: Whether a file that is not there is an error.

        Raises:
            ConfigurationError: something is missing, or does not go together.
            UnsupportedOperationError: it is ``memory://``.
            StoreError: the file is not there.
        """
        from langchain_llmcache._stores import admin

        if self.elasticache is not None:
            return admin.administer_server(self.settings(), self.prefix)
        return admin.open_administration(
            self.url or "", prefix=self.prefix, timeout=self.timeout, must_exist=must_exist
        )

    def fail(self, message: str, *, code: int = FAILED) -> NoReturn:
        """End the command with one line on stderr that holds nothing of the URL's secrets."""
        for argument, option in _AS_OPTIONS.items():
            message = message.replace(argument, option)
        fail(message, code=code, url=self.url)


# --- which store ---------------------------------------------------------------------------------


def _option(*names: str, variable: str | None = None, panel: str | None = None, **more: Any) -> Any:
    return typer.Option(
        *names,
        envvar=None if variable is None else f"LLMCACHE_{variable}",
        rich_help_panel=panel,
        **{"show_default": False, **more},
    )


def _of_elasticache(variable: str, text: str, *names: str, **more: Any) -> Any:
    return _option(*names, variable=variable, panel="Amazon ElastiCache", help=text, **more)


Url: TypeAlias = Annotated[
    str | None,
    _option(
        variable="URL",
        metavar="URL",
        help="The store: valkey://, valkeys://, redis://, rediss://, unix:// or sqlite:///FILE.",
    ),
]
Endpoint: TypeAlias = Annotated[
    str | None,
    _of_elasticache(
        "ELASTICACHE",
        "In place of a URL: a cache's endpoint, host or host:port.",
        metavar="ENDPOINT",
    ),
]
User: TypeAlias = Annotated[
    str | None,
    _of_elasticache(
        "USER",
        "The ElastiCache user. It authenticates with IAM, unless LLMCACHE_PASSWORD is set.",
        metavar="NAME",
    ),
]
CacheName: TypeAlias = Annotated[
    str | None,
    _of_elasticache(
        "CACHE_NAME",
        "Name of the serverless cache, or id of the replication group, where the endpoint does "
        "not tell.",
        metavar="NAME",
    ),
]
CacheRegion: TypeAlias = Annotated[
    str | None,
    _of_elasticache(
        "CACHE_REGION", "Its AWS region, where the endpoint does not tell.", metavar="NAME"
    ),
]
Serverless: TypeAlias = Annotated[
    bool,
    _of_elasticache(
        "SERVERLESS", "It is serverless, where the endpoint does not tell.", "--serverless"
    ),
]
CaCerts: TypeAlias = Annotated[
    str | None,
    _of_elasticache("CA_CERTS", "Authorities to trust in place of the system's.", metavar="FILE"),
]
Prefix: TypeAlias = Annotated[
    str,
    _option(
        variable="PREFIX", metavar="TEXT", help="Prefix of the cache's keys.", show_default=True
    ),
]
Timeout: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0.01, help="How long one exchange with the store may take."
    ),
]


def chosen_store(
    ctx: typer.Context,
    *,
    url: Url = None,
    prefix: Prefix = DEFAULT_PREFIX,
    timeout: Timeout = DEFAULT_TIMEOUT,
    elasticache: Endpoint = None,
    user: User = None,
    cache_name: CacheName = None,
    cache_region: CacheRegion = None,
    serverless: Serverless = False,
    ca_certs: CaCerts = None,
) -> StoreChoice:
    """Return the store that the options name, or end the command because they do not."""
    if url and elasticache:
        # An option takes precedence over the environment.
        given = {name for name in ("url", "elasticache") if _was_typed(ctx, name)}
        if len(given) != 1:
            fail("give either --url or --elasticache.", code=BAD_CONFIGURATION)
        url, elasticache = (url, None) if "url" in given else (None, elasticache)
    if elasticache:
        arguments = {
            "endpoint": elasticache,
            "user": user,
            "password": os.environ.get("LLMCACHE_PASSWORD") or None,
            "cache_name": cache_name,
            "region": cache_region,
            "serverless": serverless or None,
            "ca_certs": ca_certs,
        }
        return StoreChoice(None, arguments, prefix, timeout)
    if not url:
        fail(
            "which store? Give --url (valkey://host:6379, sqlite:///cache.db) or --elasticache, or "
            "set LLMCACHE_URL.",
            code=BAD_CONFIGURATION,
        )
    for name, option in _ONLY_OF_ELASTICACHE.items():
        if _was_typed(ctx, name):
            fail(f"{option} goes with --elasticache, not with a URL.", code=BAD_CONFIGURATION)
    return StoreChoice(url, None, prefix, timeout)


_ONLY_OF_ELASTICACHE: Final = {
    "user": "--user",
    "cache_name": "--cache-name",
    "cache_region": "--cache-region",
    "serverless": "--serverless",
    "ca_certs": "--ca-certs",
}


def _was_typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def of_store(
    command: Callable[..., None] | None = None, *, default: str | None = None
) -> Callable[..., Any]:
    """Give a command the options of ``chosen_store`` in place of its parameter ``choice``.

    Args:
        command: The command.
        default: URL of the store where none is named; the environment is then not asked.
    """
    if command is None:
        return functools.partial(of_store, default=default)
    added = _store_parameters(default)

    @functools.wraps(command)
    def with_store(ctx: typer.Context, **given: Any) -> None:
        chosen = {name: given.pop(name) for name in added}
        if chosen["elasticache"] and not _was_typed(ctx, "url"):
            chosen["url"] = None if default else chosen["url"]
        command(choice=chosen_store(ctx, **chosen), **given)

    context = inspect.Parameter("ctx", _KEYWORD, annotation=typer.Context)
    parameters: list[inspect.Parameter] = [context]
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        # (Keyword-only, so that parameters without a default may follow those with one.)
        parameters += added.values() if name == "choice" else [parameter.replace(kind=_KEYWORD)]
    told: Any = with_store
    told.__signature__ = inspect.Signature(parameters)
    told.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_store


_KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY


def _store_parameters(default: str | None) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(chosen_store, eval_str=True).parameters)
    del parameters["ctx"]
    if default is not None:
        for name, parameter in parameters.items():
            option = copy(parameter.annotation.__metadata__[0])
            option.envvar = None
            plain = getitem(Annotated, (parameter.annotation.__origin__, option))
            parameters[name] = parameter.replace(annotation=plain)
        parameters["url"] = parameters["url"].replace(default=default)
    return parameters


# --- which entries -------------------------------------------------------------------------------


def scope_of(namespace: Sequence[str] | None, model: str | None) -> AnyScope:
    """Return the entries that ``--namespace`` and ``--model`` mean.

    Without a model, the results of tools and the values of nodes are among them.
    """
    if namespace and not all(namespace):
        fail("--namespace is empty; leave it out to mean all.", code=BAD_CONFIGURATION)
    parts = tuple(encode_part(part) for part in namespace or ())
    return NodeScope(parts, None) if model is None else Scope(parts, encode_model(model))


# --- while it is used ----------------------------------------------------------------------------


@contextmanager
def opened_store(
    choice: StoreChoice,
    *,
    must_exist: bool = True,
    interrupted: Callable[[], str] | None = None,
) -> Iterator[Administration]:
    """Give a command the store; what goes wrong with it ends the command with one line.

    Args:
        choice: Which one.
        must_exist: Whether a file that is not there is an error.
        interrupted: Returns what to say after Ctrl-C.
    """
    try:
        administration = choice.administration(must_exist=must_exist)
    except StoreError as error:
        choice.fail(f"cannot use the store {choice.shown}: {error}.")
    except (ConfigurationError, UnsupportedOperationError) as error:
        choice.fail(f"{error}.", code=BAD_CONFIGURATION)
    try:
        with closing(administration):
            yield administration
    except LLMCacheError as error:
        choice.fail(f"{choice.shown}: {error}.")
    except KeyboardInterrupt:
        if interrupted is not None:
            note(f"Interrupted: {interrupted()}")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def counting(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show progress on a terminal; give a function that counts on."""
    console = stderr()
    if not console.is_terminal:
        yield lambda _: None
        return
    from rich import progress

    elapsed = progress.TimeElapsedColumn()
    if total is None:
        told = progress.TextColumn("{task.description} {task.completed:,}")
        columns: tuple[progress.ProgressColumn, ...] = (progress.SpinnerColumn(), told, elapsed)
    else:
        words = progress.TextColumn("{task.description}")
        columns = (words, progress.BarColumn(), progress.MofNCompleteColumn(), elapsed)
    with progress.Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(description, total=total)
        yield lambda number: shown.advance(task, number)
