"""How the notebooks look: tables and plots that read well in light and in dark pages.

Plots have a background of their own, colours from Okabe and Ito's palette (safe for the
colour-blind), and a marker for each cache, so that no colour has to be told from another.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

QUICK: Final = os.environ.get("LLMCACHE_QUICK") == "1"
PLOTS: Final = Path(__file__).resolve().parent.parent / "docs" / "plots"
PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmark.md"
# What stands between these on that page is an output of 02_benchmark.
PAGE_MARKS: Final = ("<!-- from notebooks/02_benchmark.ipynb -->", "<!-- end -->")
_ON_PAGE: Final = ("hit_latency", "throughput", "failover")

_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _SKY, _YELLOW, _GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#B8A800",  # darker than the palette's yellow, which white swallows
    "#6B6B6B",
)
# One look for each cache, in every plot: (colour, marker, line).
LOOKS: Final[dict[str, tuple[str, str, str]]] = {
    "LLMCache": (_BLUE, "o", "-"),
    "LLMCache memory://": (_BLUE, "s", "--"),
    "LLMCache sqlite://": (_BLUE, "^", ":"),
    "raw valkey client": (_GREY, "x", "-"),
    "ValkeyCache by hand": (_ORANGE, "D", "-"),
    "community RedisCache": (_RED, "v", "-"),
    "langchain-redis": (_RED, "P", "--"),
    "betterdb-agent-cache": (_GREEN, "p", "-"),
    "litellm": (_PURPLE, "*", "-"),
    "InMemoryCache": (_SKY, "s", "--"),
    "functools.lru_cache": (_YELLOW, "h", "--"),
    "community SQLiteCache": (_RED, "^", ":"),
    "diskcache": (_YELLOW, "<", ":"),
}
SERIES: Final = (_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _SKY)


def begin() -> None:
    """Set matplotlib up; say whether this is the quick mode."""
    mpl.rcParams.update(
        {
            "figure.facecolor": "#FFFFFF",
            "savefig.facecolor": "#FFFFFF",
            "axes.facecolor": "#FFFFFF",
            "axes.edgecolor": "#444444",
            "axes.grid": True,
            "axes.grid.which": "major",
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "figure.dpi": 100,
            "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
            "font.size": 9.5,
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "figure.constrained_layout.use": True,
        }
    )
    if QUICK:
        print("Quick mode: fewer rounds and smaller sizes; its numbers are no benchmark.")


def look(name: str) -> dict[str, Any]:
    """Return a cache's colour, marker and line, for ``Axes.plot``."""
    colour, marker, line = LOOKS.get(name, (_GREY, ".", "-"))
    ours = name == "LLMCache"
    return {
        "color": colour,
        "marker": marker,
        "linestyle": line,
        "linewidth": 2.4 if ours else 1.4,
        "zorder": 5 if ours else 3,
        "label": name,
    }


def colour(name: str) -> str:
    """Return a cache's colour."""
    return LOOKS.get(name, (_GREY, ".", "-"))[0]


def in_seconds(axis: Axis) -> None:
    """Let an axis of seconds say µs and ms at its ticks."""
    axis.set_major_formatter(EngFormatter(unit="s"))


def legend_below(figure: Figure) -> None:
    """Name everything that any of the axes shows, once, below them."""
    known: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=4, fontsize=9)


def show(figure: Figure, name: str) -> None:
    """Show a figure; keep those of the page in docs/plots, unless in quick mode."""
    if name in _ON_PAGE and not QUICK:
        keep(figure, name)
    plt.show()


def keep(figure: Figure, name: str) -> None:
    """Put a figure into docs/plots."""
    PLOTS.mkdir(exist_ok=True)
    # No Software field: the file shall change with the picture only.
    figure.savefig(PLOTS / f"{name}.png", dpi=130, metadata={"Software": None})


class Table:
    """A table: Markdown in a notebook, aligned text elsewhere.

    Args:
        rows: One dict for each row; the first one's keys are the columns.
        note: A line below.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], *, note: str = "") -> None:
        self.rows = [{key: str(value) for key, value in row.items()} for row in rows]
        self.note = note

    def markdown(self) -> str:
        """Return it as Markdown."""
        columns = list(self.rows[0])
        lines = [
            "| " + " | ".join(columns) + " |",
            "|" + "---|" * len(columns),
            *("| " + " | ".join(row.get(c, "") for c in columns) + " |" for row in self.rows),
        ]
        # Between two dollar signs, JupyterLab would see a formula.
        return "\n".join([*lines, "", self.note]).strip().replace("$", r"\$")

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def __repr__(self) -> str:
        columns = list(self.rows[0])
        widths = [max(len(c), *(len(row.get(c, "")) for row in self.rows)) for c in columns]
        lines = [columns, ["-" * w for w in widths]]
        lines += [[row.get(c, "") for c in columns] for row in self.rows]
        text = "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
        return f"{text}\n{self.note}".rstrip()


def publish(table: Table) -> Table:
    """Put a table into docs/benchmark.md, at its place, unless in quick mode; return it to be shown."""
    if not QUICK:
        begin, end = PAGE_MARKS
        before, found, rest = PAGE.read_text(encoding="utf-8").partition(f"{begin}\n")
        _, closed, after = rest.partition(f"\n{end}")
        if not (found and closed):
            raise LookupError(f"docs/benchmark.md has no place for the table: {begin} … {end}")
        text = f"{before}{found}{table.markdown()}{closed}{after}"
        PAGE.write_text(text, encoding="utf-8")
    return table


def machine(*packages: str, server: Any = None) -> Table:
    """Return what the numbers depend on: processor, Python, server, packages; and who else is busy."""
    rows: list[dict[str, Any]] = [
        {"what": "processor", "here": f"{os.cpu_count()} cores of {_processor()}"},
        {
            "what": "Python",
            "here": f"{platform.python_implementation()} {platform.python_version()}",
        },
    ]
    if server is not None:
        client = server.client()
        told: dict[str, Any] = client.info("server")
        client.close()
        name = "Valkey" if "valkey_version" in told else "Redis"
        rows.append({"what": name, "here": told.get("valkey_version") or told.get("redis_version")})
    rows += [{"what": package, "here": version(package)} for package in packages]
    if not QUICK:
        rows.append({"what": "date", "here": date.today().isoformat()})  # noqa: DTZ011 - the reader's day
    return Table(rows, note=_others())


def _processor() -> str:
    """Return what the system calls it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _others() -> str:
    """Say so where something else keeps this machine busy."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if QUICK or load < 0.75 * cores:
        return ""
    return (
        f"**Something else was running here** (load average {load:.1f} on {cores} cores, before "
        "anything was measured): ratios are by turns and bear it, absolute numbers do not."
    )


def seconds(value: float) -> str:
    """Return a duration with three significant digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and the quartiles around it."""
    if len(values) < 2:  # quartiles of one value are that value
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high
