"""``docker-compose.yml``, without Docker: its form, and what its containers would run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from valkey import Valkey

from langchain_llmcache import LLMCache
from tests.support import ROOT
from tests.support.patience import LATE
from tests.support.servers import HOST, free_port, wait_until
from tests.support.targets import LLM_STRING, answer

FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
SERVERS = [name for name in SERVICES if not name.startswith("test")]


def test_what_is_started_by_default() -> None:
    """Without a profile there is one server; each server says when it is healthy."""
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["valkey"]
    assert all("healthcheck" in SERVICES[name] for name in SERVERS)


def test_nothing_is_open_to_the_network() -> None:
    """Ports are published on this machine only, because there are no passwords."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_documented_lines() -> None:
    """Profiles, services and ports in the file's head are those of the file."""
    head = TEXT[: TEXT.index("x-test:")]
    profiles = {profile for service in SERVICES.values() for profile in service.get("profiles", [])}
    assert set(re.findall(r"--profile (\S+)", head)) <= profiles
    runs = re.findall(r"docker compose run --rm (\S+)", head)
    assert sorted(runs) == sorted(name for name in SERVICES if name.startswith("test"))
    for port in re.findall(r"localhost:(\d+)", head):
        assert f"127.0.0.1:{port}" in TEXT


@pytest.mark.parametrize("name", [name for name, each in SERVICES.items() if "depends_on" in each])
def test_dependencies_are_started_too(name: str) -> None:
    """What a service depends on belongs to each of its profiles, and is waited for."""
    service = SERVICES[name]
    for other, how in service["depends_on"].items():
        assert how == {"condition": "service_healthy"}
        if "profiles" in SERVICES[other]:
            assert set(service["profiles"]) <= set(SERVICES[other]["profiles"])


# --- what would run in the containers ---


def command(name: str) -> list[str]:
    """Return a service's command line, as the container would get it."""
    service = SERVICES[name]
    return [
        word.replace("$$", "$") for word in (*service.get("entrypoint", []), *service["command"])
    ]


def healthcheck(name: str) -> str:
    """Return a service's health check, as a shell would run it."""
    kind, *words = SERVICES[name]["healthcheck"]["test"]
    line = words[0] if kind == "CMD-SHELL" else " ".join(words)
    return str(line).replace("$$", "$")


@contextlib.contextmanager
def running(words: list[str], directory: Path, **environment: str) -> Iterator[None]:
    """Run a command for as long as the block lasts, and end it as Docker would."""
    process = subprocess.Popen(
        words,
        cwd=directory,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(ProcessLookupError):
            if process.wait(timeout=LATE) is None:  # pragma: no cover
                os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def is_healthy(line: str, **environment: str) -> bool:
    """Tell whether a health check passes."""
    run = subprocess.run(
        ["/bin/sh", "-c", line],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        timeout=LATE,
    )
    return run.returncode == 0


async def serves(url: str) -> None:
    """Expect a cache to work there, sync and async."""
    async with LLMCache.from_url(url, timeout=5) as cache:
        for number in range(30):
            cache.update(f"{number}", LLM_STRING, answer())
        found = await asyncio.gather(*(cache.alookup(f"{n}", LLM_STRING) for n in range(30)))
        assert all(found)
        await cache.aclear()
        assert cache.stats().errors == 0


@pytest.mark.tools
async def test_the_single_server(tmp_path: Path) -> None:
    """The default service's command line is a cache's server: bounded, evicting, not persistent."""
    port = free_port()
    words = [*command("valkey"), "--port", str(port), "--bind", HOST]
    check = healthcheck("valkey").replace("valkey-cli", f"valkey-cli -p {port}")
    with running(words, tmp_path):
        wait_until(lambda: is_healthy(check), "healthy")
        await serves(f"valkey://{HOST}:{port}")
        with Valkey(port=port) as client:
            found = client.config_get("maxmemory*")
            assert found["maxmemory"] == str(256 * 2**20)
            assert found["maxmemory-policy"] == "volatile-lru"
            assert client.config_get("save") == {"save": ""}


@pytest.mark.tools
async def test_the_cluster_forms(tmp_path: Path) -> None:
    """The cluster's script forms six nodes into a cluster that is healthy, and serves."""
    first = next(port for port in iter(free_port, None) if _all_free(range(port, port + 6)))
    environment = {"FIRST_PORT": str(first), "BIND": HOST}
    with running(command("cluster"), tmp_path, **environment):
        wait_until(
            lambda: is_healthy(healthcheck("cluster"), **environment),
            "healthy",
            seconds=60,
            every=0.5,
        )
        await serves(f"valkey://{HOST}:{first + 3}")
        with Valkey(port=first) as client:
            client.response_callbacks.clear()
            wait_until(
                lambda: client.execute_command("CLUSTER NODES").count(b"slave") == 3, "replicas"
            )
    wait_until(lambda: _all_free(range(first, first + 6)), "all nodes ended")


def _all_free(ports: range) -> bool:
    for port in (*ports, *(port + 10_000 for port in ports)):  # and the cluster's bus
        with socket.socket() as probe:
            if port > 65_535 or probe.connect_ex((HOST, port)) == 0:
                return False
    return True


@pytest.mark.tools
def test_the_server_with_tls(tmp_path: Path) -> None:
    """The certificates' script and the TLS server's command line go together."""
    port = free_port()
    subprocess.run(
        command("certificates"),
        env={**os.environ, "TLS_DIRECTORY": str(tmp_path), "THEN": "true"},
        check=True,
        capture_output=True,
        timeout=60,
    )

    def here(text: str) -> str:
        return re.sub(r"\b6379\b", str(port), text.replace("/tls/", f"{tmp_path}/"))

    words = [*map(here, command("valkey-tls")), "--bind", HOST]
    check = here(healthcheck("valkey-tls")).replace("valkey-cli", f"valkey-cli -p {port}")
    with running(words, tmp_path):
        wait_until(lambda: is_healthy(check), "healthy")
        for host in (HOST, "localhost"):
            asyncio.run(serves(f"valkeys://{host}:{port}?ssl_ca_certs={tmp_path}/ca.crt"))
