"""Stores as they are deployed, each with the variables that an application finds it by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from tests.support import acl
from tests.support.servers import StartCluster, StartServer

Environment: TypeAlias = Mapping[str, str]

_TOKENS = "developer_toolkit_elasticache.token_generator.ElastiCacheIAMAuthTokenProvider.get_token"
_TOKEN = "app/?Action=connect&User=app&X-Amz-Signature=0123456789abcdef"


def _sqlite(request: pytest.FixtureRequest) -> Environment:
    return {"LLMCACHE_URL": f"sqlite:///{request.getfixturevalue('tmp_path') / 'cache.db'}"}


def _server(request: pytest.FixtureRequest) -> Environment:
    return {"LLMCACHE_URL": str(request.getfixturevalue("valkey_url"))}


def _cluster(request: pytest.FixtureRequest) -> Environment:
    return {"LLMCACHE_URL": str(request.getfixturevalue("cluster").url)}


def _tls(request: pytest.FixtureRequest) -> Environment:
    start: StartServer = request.getfixturevalue("own_valkey_server")
    certificates = request.getfixturevalue("certificates")
    users = acl.rules(f"{acl.SINGLE} {acl.OPERATOR}")
    url = start(certificates=certificates, users=users).url_for(*acl.MINIMAL_USER)
    return {"LLMCACHE_URL": f"{url}?ssl_ca_certs={certificates.ca}"}


def _iam(request: pytest.FixtureRequest) -> Environment:
    """The template's cache: TLS, one endpoint of a cluster, a user without a password."""
    start: StartCluster = request.getfixturevalue("valkey_cluster")
    certificates = request.getfixturevalue("certificates")
    # (A token is a password to a server.)
    rights = f"{acl.CLUSTER} {acl.OPERATOR} +readonly"
    user = f"on >{_TOKEN} ~llm_cache:* resetchannels -@all {rights}"
    [node] = start(primaries=1, certificates=certificates, users={"app": user}).nodes
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patch.setattr(_TOKENS, lambda _: _TOKEN)
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    return {
        "LLMCACHE_ELASTICACHE": f"127.0.0.1:{node.port}",
        "LLMCACHE_USER": "app",
        "LLMCACHE_CACHE_NAME": "answers",
        "LLMCACHE_CACHE_REGION": "eu-west-1",
        "LLMCACHE_SERVERLESS": "1",
        "LLMCACHE_CA_CERTS": str(certificates.ca),
    }


_ALL: Mapping[str, Callable[[pytest.FixtureRequest], Environment]] = {
    "sqlite": _sqlite,
    "server": _server,
    "cluster": _cluster,
    "tls": _tls,
    "iam": _iam,
}
# For ``pytest.mark.parametrize("deployment", DEPLOYMENTS)``.
DEPLOYMENTS: list[Any] = [
    kind if kind == "sqlite" else pytest.param(kind, marks=pytest.mark.server) for kind in _ALL
]


def environment_of(kind: str, request: pytest.FixtureRequest) -> Environment:
    """Return the variables that name an empty store of this kind."""
    return _ALL[kind](request)


def options_of(environment: Environment) -> list[str]:
    """Return the same as options of ``llmcache``."""
    options = []
    for variable, value in environment.items():
        option = "--" + variable.removeprefix("LLMCACHE_").lower().replace("_", "-")
        options += [option] if option == "--serverless" else [option, value]
    return options
