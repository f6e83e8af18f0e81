"""What a plain `pytest` leaves out: other Pythons, the oldest dependencies, and what takes minutes.

`nox` runs all of it; `nox -s fast-3.13` one Python; `nox -s long` what takes minutes. CI runs
`nox` as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.error_on_missing_interpreters = False  # "that is found"; nox names those that are not
nox.options.reuse_venv = "yes"

SUPPORTED = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
FAST = ("pytest", "-q", "-n", "2", "-m", "not server")
PROPERTIES = (
    "tests/answer/test_properties.py",
    "tests/answer/test_objects.py",
    "tests/stores/test_node_values.py",
)
# What the tests with the marker `tools` run.
TOOLS = ("valkey-server", "valkey-cli", "openssl")
TOOL_PACKAGES = ("celery", "fastapi", "langchain-google-genai", "pandas", "rq")


def works(python: Path | str) -> bool:
    """Whether an interpreter starts: a pyenv shim may only say "command not found"."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def find_pythons() -> list[str]:
    """Folders with the supported Pythons that the PATH does not already lead to."""
    roots = [os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"]
    folders = []
    for version in SUPPORTED:
        name = f"python{version}"
        if (on_path := shutil.which(name)) and works(on_path):
            continue
        candidates = (
            python
            for root in roots
            if root
            for python in sorted(Path(root).glob(f"versions/{version}*/bin/{name}"))
        )
        folders += [str(python.parent) for python in candidates if works(python)][:1]
    return folders


os.environ["PATH"] = os.pathsep.join([*find_pythons(), os.environ["PATH"]])


@nox.session(python=SUPPORTED)
def fast(session: nox.Session) -> None:
    """The tests that need no server, on one Python, with the newest dependencies."""
    session.install("-e", ".[test]")
    session.run(*FAST, *session.posargs)


@nox.session(python=SUPPORTED[0])
def lowest(session: nox.Session) -> None:
    """The same on the oldest Python and the oldest dependencies that we claim to support."""
    session.install("-e", ".[test]", "-c", "tests/lowest.txt")
    # What old releases warn of has been mended in newer ones.
    session.run(*FAST, "-W", "default", *session.posargs)


@nox.session
def long(session: nox.Session) -> None:
    """Every interleaving, a long fuzz, a soak; what docker-compose.yml runs, where that is there."""
    session.install("-e", ".[test]", *TOOL_PACKAGES)
    chosen = "long or tools" if all(map(shutil.which, TOOLS)) else "long"
    session.run("pytest", "-n", "2", "--dist=load", "-m", chosen, *session.posargs)
    # Properties, with ten times as many examples.
    session.run("pytest", "-n", "2", *PROPERTIES, env={"LLMCACHE_EXAMPLES": "10"})
