"""The dashboard and the alerts in ``docs/dashboards``: every query asks for what is exported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from langchain_llmcache import CacheEvent
from langchain_llmcache.events import EventKind
from langchain_llmcache.telemetry.prometheus import PrometheusMetrics
from tests.support import ROOT

DASHBOARDS = ROOT / "docs" / "dashboards"
# What Prometheus itself puts on every series.
TARGET = {"job", "instance"}


class Query(NamedTuple):
    """A query, and the words that name what it returns."""

    where: str
    text: str
    legend: str


def dashboard() -> Any:
    """Return the dashboard."""
    return json.loads((DASHBOARDS / "grafana.json").read_text())


def rules() -> list[Any]:
    """Return the alerts."""
    [group] = yaml.safe_load((DASHBOARDS / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


def queries() -> list[Query]:
    """Return all of them."""
    found = [
        Query(panel["title"], target["expr"], target["legendFormat"])
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    ]
    for rule in rules():
        told = " ".join(rule["annotations"].values())
        legend = " ".join(f"{{{{{name}}}}}" for name in re.findall(r"\$labels\.(\w+)", told))
        found.append(Query(rule["alert"], rule["expr"], legend))
    return found


@pytest.fixture(scope="module")
def exported() -> dict[str, dict[str, set[str]]]:
    """The series of a process in which everything has happened: labels, and their values."""
    registry = CollectorRegistry()
    count = PrometheusMetrics(registry)
    for kind in get_args(EventKind):
        count(CacheEvent(kind, 1.0, model="m", seconds=0.1, money=1.0, bytes=5, cache="c"))
    count(CacheEvent("breaker", 1.0, breaker="open", cache="c"))
    series: dict[str, dict[str, set[str]]] = {}
    for metric in registry.collect():
        for sample in metric.samples:
            labels = series.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return series


def parsed(query: str) -> Any:
    """Return a query as Prometheus reads it, Grafana's variables filled in."""
    filled = re.sub(r"\$__(rate_interval|range)", "5m", query).replace("$job", "j")
    return promql_parser.parse(filled.replace("$model", "m"))


def parts(node: Any) -> Iterator[Any]:
    """Yield a query's node, and all below it."""
    yield node
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        below = getattr(node, name, None)
        if below is not None:
            yield from parts(below)
    for below in getattr(node, "args", None) or ():
        yield from parts(below)


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    """Return what a query selects."""
    return [n for n in parts(parsed(query)) if isinstance(n, promql_parser.VectorSelector)]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.where)
def test_a_query_asks_for_what_is_exported(
    query: Query, exported: dict[str, dict[str, set[str]]]
) -> None:
    """Names, labels, and values of labels are those of a process that exports."""
    chosen = selectors(query.text)
    assert chosen
    for selector in chosen:
        assert selector.name in exported
        labels = exported[str(selector.name)]
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels.keys() | TARGET
            if matcher.name not in TARGET | {"model"}:
                assert set(matcher.value.split("|")) <= labels[matcher.name]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.where)
def test_what_a_query_groups_by_is_there(
    query: Query, exported: dict[str, dict[str, set[str]]]
) -> None:
    """Labels that are grouped by, and those that the legend or the alert's text names."""
    labels = TARGET.union(*(exported[str(each.name)].keys() for each in selectors(query.text)))
    kept = set()
    for node in parts(parsed(query.text)):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            kept.update(node.modifier.labels)
    assert kept <= labels
    assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= kept


def test_all_that_is_exported_is_shown(exported: dict[str, dict[str, set[str]]]) -> None:
    """No metric is forgotten, and no kind of event but those of an operator."""
    asked = {str(each.name) for query in queries() for each in selectors(query.text)}
    assert asked == {name for name in exported if not name.endswith(("_created", "_sum", "_count"))}
    events = {
        value
        for query in queries()
        for each in selectors(query.text)
        for matcher in each.matchers.matchers
        if matcher.name == "event"
        for value in matcher.value.split("|")
    }
    told = set(get_args(EventKind)) - events
    assert told <= {"delete", "clear", "breaker"}


def test_the_dashboard_is_whole() -> None:
    """Each panel has its place, a unit and a source; variables are defined before they are used."""
    document = dashboard()
    places = [panel["gridPos"] for panel in document["panels"]]
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in places
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in document["panels"]}) == len(places)
    names = {each["name"] for each in document["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(document["panels"]) + json.dumps(document)))
    assert {name for name in used if not name.startswith("__")} <= names


def test_alerts_say_what_to_do() -> None:
    """Each has a severity, a summary and a description."""
    for rule in rules():
        assert rule["labels"]["severity"] in {"info", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}


@pytest.mark.tools
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Prometheus)")
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Prometheus's own tool: the rules are sound, fire in trouble, and not when all is well."""
    alerts = DASHBOARDS / "alerts.yml"
    promtool = ["/usr/bin/env", "promtool"]
    subprocess.run([*promtool, "check", "rules", str(alerts)], check=True, timeout=60)
    tests = tmp_path / "tests.yml"
    source = ROOT / "tests" / "insight" / "alerts_test.yml"
    tests.write_text(source.read_text().replace("RULES", str(alerts)))
    subprocess.run([*promtool, "test", "rules", str(tests)], check=True, timeout=60)
