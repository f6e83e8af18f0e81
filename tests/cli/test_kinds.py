"""Answers, results of tools and values of nodes: each is shown as what it is, on every store."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy

from langchain_llmcache import LLMCache
from langchain_llmcache.agents import CacheMiddleware
from langchain_llmcache.stores import NodeSerializer
from tests.support import cli
from tests.support.targets import llm_string

stores = pytest.mark.parametrize("store_url", cli.STORES, indirect=True)
KEY = b"0123456789abcdef"


@pytest.fixture
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a store with nothing in it."""
    return cli.url_of(request.param, request)


class State(TypedDict):
    """What the graph works on."""

    number: int


def costly(state: State) -> State:
    """Return what is worth caching."""
    return {"number": state["number"] + 41}


def exchange_rate(currency: str) -> str:
    """Tell what a currency is worth."""
    return f"1 {currency} is 11.7 NOK"


class Agent(GenericFakeChatModel):
    """A model that calls the tool, once."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Return itself: what it says is fixed."""
        return self


def fill(url: str, **options: Any) -> None:
    """Store a value of a node, a result of a tool, and an answer."""
    with LLMCache.from_url(url, namespace=("acme", "eu/west"), timeout=10, **options) as cache:
        builder = StateGraph(State)
        builder.add_node("costly", costly, cache_policy=CachePolicy(ttl=120))
        builder.add_edge(START, "costly")
        builder.compile(cache=cache.store).invoke({"number": 1})
        call: Any = {"name": "exchange_rate", "args": {"currency": "EUR"}, "id": "1"}
        model = Agent(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("done")]))
        agent = create_agent(
            model.model_copy(update={"cache": False}),
            tools=[exchange_rate],
            middleware=[CacheMiddleware(cache, tools={"exchange_rate": 60})],
        )
        agent.invoke({"messages": [{"role": "user", "content": "EUR?"}]})
        cache.update("q", llm_string("model-a"), cli.message("What Caching is"))


def by_kind(rows: list[Any]) -> dict[str, Any]:
    """Return rows by their kind, of which there is one each."""
    found = {row["kind"]: row for row in rows}
    assert sorted(found) == ["model", "node", "tool"]
    assert len(rows) == 3
    return found


@pytest.fixture
def filled(store_url: str) -> Iterator[str]:
    """A store with one of each."""
    fill(store_url)
    return store_url  # type: ignore[return-value]


@stores
def test_each_is_listed_as_what_it_is(filled: str) -> None:
    """With its own name and the application's namespace; the model is that of answers only."""
    rows = by_kind(cli.lines("ls", "--url", filled))
    assert [
        (rows[kind].get("name"), rows[kind]["model"]) for kind in ("node", "tool", "model")
    ] == [
        ("costly", None),
        ("exchange_rate", None),
        (None, "model-a"),
    ]
    for row in rows.values():
        assert row["namespace"] == ["acme", "eu/west"]
        assert row["readable"] is True
    table = cli.good("ls", "--url", filled).stdout
    for name in ("node: costly", "tool: exchange_rate", "model-a"):
        assert name in table
    assert max(map(len, table.splitlines())) <= 80
    assert len(cli.lines("ls", "--url", filled, "--model", "model-a")) == 1
    assert len(cli.lines("ls", "--url", filled, "--namespace", "acme")) == 3


@stores
def test_each_is_shown(filled: str) -> None:
    """By its whole key, and by the first digits of its digest."""
    rows = by_kind(cli.lines("ls", "--url", filled))
    for kind, words in (
        ("node", "42"),
        ("tool", "1 EUR is 11.7 NOK"),
        ("model", "What Caching is"),
    ):
        key = rows[kind]["key"]
        for text in (key, key.rpartition("/")[2][:8], f"acme/{key.rpartition('/')[2][:8]}"):
            assert words in cli.good("show", text, "--url", filled).stdout
    document = cli.as_json("show", rows["node"]["key"], "--url", filled)
    assert document["value"] == [["number", 42]]
    document = cli.as_json("show", rows["tool"]["key"], "--url", filled)
    assert document["value"]["content"] == "1 EUR is 11.7 NOK"


@stores
def test_each_is_counted(filled: str) -> None:
    """Statistics by model, tool and node; the doctor has looked at all of them."""
    document = cli.as_json("stats", "--url", filled)
    assert document["entries"] == 3
    assert [each["model"] for each in document["models"]] == ["model-a"]
    assert {each["name"] for each in document["tools_and_nodes"]} == {
        "node: costly",
        "tool: exchange_rate",
    }
    assert [each["namespace"] for each in document["namespaces"]] == ["acme/eu/west"]
    [found] = [
        each
        for each in cli.as_json("doctor", "--url", filled)["findings"]
        if each["check"] == "entries"
    ]
    assert "1 answer, 1 node value, 1 tool result" in found["said"]


@stores
def test_each_is_exported_and_imported(filled: str, tmp_path: Path) -> None:
    """Under another prefix, below another namespace: hits of a graph, an agent and a model."""
    file, other = tmp_path / "all.jsonl", f"sqlite:///{tmp_path / 'other.db'}"
    assert cli.as_json("export", file, "--url", filled)["exported"] == 3
    target = ("--url", other, "--prefix", "elsewhere:", "--namespace", "moved")
    assert cli.as_json("import", file, *target)["imported"] == 3
    there = ("--url", other, "--prefix", "elsewhere:")
    rows = by_kind(cli.lines("ls", *there))
    assert {tuple(row["namespace"]) for row in rows.values()} == {("moved", "acme", "eu/west")}
    assert all(row["readable"] for row in rows.values())
    options: Any = {"prefix": "elsewhere:", "namespace": ("moved", "acme", "eu/west")}
    with LLMCache.from_url(other, timeout=10, **options) as cache:
        builder = StateGraph(State)

        def never(state: State) -> State:
            raise AssertionError

        never.__module__, never.__qualname__ = costly.__module__, costly.__qualname__
        never.__name__ = costly.__name__
        builder.add_node("costly", never, cache_policy=CachePolicy(ttl=120))
        builder.add_edge(START, "costly")
        assert builder.compile(cache=cache.store).invoke({"number": 1}) == {"number": 42}
        assert cache.lookup("q", llm_string("model-a")) is not None


@stores
def test_each_is_removed(filled: str) -> None:
    """One by one, and together."""
    rows = by_kind(cli.lines("ls", "--url", filled))
    assert cli.as_json("delete", rows["tool"]["key"], "--url", filled)["removed"] == 1
    assert cli.as_json("clear", "--url", filled, "--model", "model-a", "--yes")["removed"] == 1
    assert [row["kind"] for row in cli.lines("ls", "--url", filled)] == ["node"]
    assert cli.as_json("clear", "--url", filled, "--yes")["removed"] == 1


@stores
def test_a_text_is_found_wherever_it_stands(filled: str) -> None:
    """In answers, results and values, in small and capital letters; never in prompts."""
    for text, kinds in (
        ("what cACHing", ["model"]),
        ("11.7 nok", ["tool"]),
        ("42", ["node"]),
        ("EUR?", []),
        ("nowhere", []),
    ):
        rows = cli.lines("ls", "--url", filled, "--containing", text)
        assert [row["kind"] for row in rows] == kinds
    nothing = cli.good("ls", "--url", filled, "--containing", "nowhere")
    assert nothing.stderr == "No entry has that text in it.\n"


# ---------------------------------------------------------------------------- what cannot be read


@dataclass
class Invoice:
    """A class of the application's own."""

    total: float


def test_a_class_that_only_the_application_knows(tmp_path: Path) -> None:
    """It is named as the reason, is no damage, and travels all the same."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    with LLMCache.from_url(url, serde=NodeSerializer(allow=[Invoice])) as cache:
        cache.store.set({(("node",), "a" * 32): ([("bill", Invoice(1.5))], 60)})
    [row] = cli.lines("ls", "--url", url)
    assert (row["kind"], row["readable"]) == ("node", False)
    assert "class?" in cli.good("ls", "--url", url).stdout
    said = cli.error_line(cli.run("show", row["key"], "--url", url), 1)
    assert "of a class that only its application knows" in said
    file, other = tmp_path / "all.jsonl", f"sqlite:///{tmp_path / 'other.db'}"
    assert cli.as_json("export", file, "--url", url) == {"exported": 1, "sealed": 0, "damaged": 0}
    cli.good("import", file, "--url", other)
    with LLMCache.from_url(other, serde=NodeSerializer(allow=[Invoice])) as cache:
        found = cache.store.get([(("node",), "a" * 32)])
    assert list(found.values()) == [[("bill", Invoice(1.5))]]


@stores
def test_what_is_sealed_stays_so(store_url: str, tmp_path: Path) -> None:
    """Nothing of it is shown; each is still listed as what it is, and exported as it is."""
    fill(store_url, serde=EncryptedSerializer.from_pycryptodome_aes(key=KEY))
    rows = by_kind(cli.lines("ls", "--url", store_url))
    assert not any(row["readable"] for row in rows.values())
    assert "sealed" in cli.good("ls", "--url", store_url).stdout
    for row in rows.values():
        assert "is sealed" in cli.error_line(cli.run("show", row["key"], "--url", store_url), 1)
    file = tmp_path / "all.jsonl"
    assert cli.as_json("export", file, "--url", store_url)["sealed"] == 3
    readable = cli.as_json(
        "export", tmp_path / "all.csv", "--format", "readable", "--url", store_url
    )
    assert readable == {"exported": 0, "sealed": 3, "damaged": 0}


def test_a_signed_entry_is_read_by_its_operator(tmp_path: Path) -> None:
    """With ``key_secret`` entries bear a MAC: shown without a check, and bound to where they are."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    fill(url, key_secret="hunter2")
    rows = by_kind(cli.lines("ls", "--url", url))
    assert all(row["readable"] for row in rows.values())
    assert "What Caching is" in cli.good("show", rows["model"]["key"], "--url", url).stdout
    file, other = tmp_path / "all.jsonl", f"sqlite:///{tmp_path / 'other.db'}"
    assert cli.as_json("export", file, "--url", url)["exported"] == 3
    assert cli.as_json("import", file, "--url", other)["imported"] == 3
    moved = cli.run("import", file, "--url", other, "--namespace", "x")
    assert "signed with key_secret" in cli.error_line(moved, 1)


# ---------------------------------------------------------------------------- readable exports


def test_a_readable_export_is_a_table(tmp_path: Path) -> None:
    """One row an answer: model, namespace, age, tokens, text, tool calls; JSON Lines or CSV."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    fill(url)
    call: Any = {"name": "weather", "args": {"city": "Tromsø"}, "id": "t1", "type": "tool_call"}
    blocks: Any = [{"type": "text", "text": 'say "hi",\n'}, {"type": "text", "text": "=1+1"}]
    with LLMCache.from_url(url, timeout=10) as cache:
        two = [*cli.message("one"), *cli.message("two")]
        cache.update("n=2", llm_string("model-b"), two)
        cache.update("call", llm_string("model-c"), cli.message(blocks, tool_calls=[call]))

    lines = tmp_path / "answers.jsonl"
    cli.good("export", lines, "--format", "readable", "--url", url)
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(rows) == 6
    by_model = {row["model"]: row for row in rows}
    assert by_model["model-c"]["text"] == 'say "hi",\n=1+1'
    assert by_model["model-c"]["tool_calls"] == [
        {"name": "weather", "args": {"city": "Tromsø"}, "id": "t1"}
    ]
    assert by_model["model-a"]["namespace"] == "acme/eu/west"
    assert (by_model["model-a"]["input_tokens"], by_model["model-a"]["output_tokens"]) == (10, 20)
    assert 0 <= by_model["model-a"]["age"] < 300
    assert 3000 < by_model["model-a"]["expires"] <= 3600
    assert by_model["exchange_rate"]["text"] == "1 EUR is 11.7 NOK"
    assert [row["text"] for row in rows if row["model"] == "model-b"] == ["one", "two"]

    table = tmp_path / "answers.csv"
    cli.good("export", table, "--format", "readable", "--url", url)
    with table.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == list(rows[0])
    assert {row["text"] for row in found} == {row["text"] for row in rows}
    [calls] = [row["tool_calls"] for row in found if row["model"] == "model-c"]
    assert json.loads(calls)[0]["args"] == {"city": "Tromsø"}
    packed = tmp_path / "answers.csv.gz"
    cli.good("export", packed, "--format", "readable", "--url", url)
    with gzip.open(packed, "rt", encoding="utf-8", newline="") as opened:
        again = [row["text"] for row in csv.DictReader(opened)]
    assert again == [row["text"] for row in found]


def test_a_readable_export_is_not_imported(tmp_path: Path) -> None:
    """Neither by its name, nor by its content."""
    url = f"sqlite:///{tmp_path / 'cache.db'}"
    cli.fill(url, 1)
    said = cli.error_line(cli.run("export", tmp_path / "x.csv", "--url", url), 2)
    assert "--format readable" in said
    file = tmp_path / "x.jsonl"
    cli.good("export", file, "--format", "readable", "--url", url)
    said = cli.error_line(cli.run("import", file, "--url", url), 1)
    assert "line 1 is damaged" in said
