"""The notebooks, as they are committed: executed from top to bottom, and clean."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support import ROOT

PAGE = ROOT / "docs" / "benchmark.md"
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Paths and addresses of the machine that ran them, and package registries.
OF_A_MACHINE = re.compile(
    r"/(?:tmp|home|root|work|opt|usr|Users|private)/|127\.0\.0\.1:\d{4,}|localhost:\d{4,5}\b(?<!:6379)"
    r"|site-packages|pypi|npmjs"
)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    """Each notebook."""
    return json.loads(request.param.read_text(encoding="utf-8"))


def code_cells(notebook: Any) -> list[Any]:
    """Return the cells that run."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks() -> None:
    """The folder is where these tests look for it."""
    assert len(NOTEBOOKS) >= 4


def test_each_cell_ran_in_order(notebook: Any) -> None:
    """What is shown is what one run of the whole notebook gave."""
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_cell_fails_or_warns(notebook: Any) -> None:
    """There is no error, and nothing on stderr."""
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    assert outputs
    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []


def test_nothing_tells_of_the_machine(notebook: Any) -> None:
    """Neither paths and ports nor the time of the run are committed."""
    for cell in notebook["cells"]:
        assert "execution" not in cell["metadata"]
        for output in cell.get("outputs", []):
            for kind, text in output.get("data", {"text": output.get("text")}).items():
                if not kind.startswith("image/"):
                    assert not OF_A_MACHINE.search("".join(text or "")), (cell["id"], text)


def test_the_readme_shows_what_was_measured() -> None:
    """The table of docs/benchmark.md is an output of the benchmark as it is committed, to the letter."""
    page = PAGE.read_text(encoding="utf-8")
    shown = re.findall(
        r"^<!-- from notebooks/02_benchmark\.ipynb -->\n(.+?)\n<!-- end -->$",
        page,
        re.MULTILINE | re.DOTALL,
    )
    assert len(shown) == 1
    notebook = json.loads((FOLDER / "02_benchmark.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    if any("".join(output.get("text", "")).startswith("Quick mode") for output in outputs):
        pytest.skip("a quick run is no benchmark, and leaves the page alone")
    assert shown[0] in ["".join(o.get("data", {}).get("text/markdown", "")) for o in outputs]


def test_the_readmes_plots_are_there() -> None:
    """Each picture that it shows is in the repository."""
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert shown
    assert [path for path in shown if not (PAGE.parent / path).is_file()] == []


def test_the_first_cell_says_what_it_needs(notebook: Any) -> None:
    """A reader knows before running anything."""
    first = notebook["cells"][0]
    assert first["cell_type"] == "markdown"
    assert "**It needs**" in "".join(first["source"])
