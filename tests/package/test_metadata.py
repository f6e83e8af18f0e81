"""What the project promises about itself, where two places could disagree."""

from __future__ import annotations

import importlib.metadata
import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import langchain_llmcache
from tests.support import ROOT

OLDEST = {"python_version": "3.10", "python_full_version": "3.10.0"}
NOT_FOR_USERS = {"dev", "docs", "notebooks", "test"}


def test_lowest_versions_are_the_lower_bounds() -> None:
    """``nox -s lowest`` tests what is claimed: the lower bound of each dependency, nothing else."""
    provided = importlib.metadata.metadata("langchain-llmcache").get_all("Provides-Extra") or []
    extras = {"", *provided} - NOT_FOR_USERS
    claimed = {
        (canonicalize_name(requirement.name), specifier.version)
        for requirement in map(Requirement, importlib.metadata.requires("langchain-llmcache") or ())
        for specifier in requirement.specifier
        if specifier.operator == ">="
        and any(
            requirement.marker is None or requirement.marker.evaluate(OLDEST | {"extra": extra})
            for extra in extras
        )
    }
    pins = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==([\w.]+)$", pins, re.MULTILINE)
    assert {(canonicalize_name(name), version) for name, version in pinned} == claimed


def test_public_names_are_there() -> None:
    """Each name of ``__all__`` can be imported, the lazy ones too."""
    for name in langchain_llmcache.__all__:
        assert getattr(langchain_llmcache, name) is not None
