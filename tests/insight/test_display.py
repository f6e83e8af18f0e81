"""What a cache and its counts look like in a shell, a notebook, a data frame, and JSON."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from pydantic import TypeAdapter

from langchain_llmcache import CacheStats, Latency, LLMCache, ModelStats
from tests.support import cli
from tests.support.targets import llm_string

STATS = CacheStats(
    hits=3,
    misses=1,
    stores=1,
    errors=2,
    breaker="open",
    input_tokens_saved=30,
    output_tokens_saved=60,
    seconds_saved=4.5,
    money_saved=1.25,
    hit_latency=Latency(3, 0.001, 0.001, 0.002, 0.003, 0.004),
    models={"<b>m</b>": ModelStats(3, 30, 60, 4.5, 900, 1.25)},
)


def used_cache() -> LLMCache:
    """Return a cache that had a miss and two hits."""
    cache = LLMCache.from_url("memory://", namespace=("acme", "<eu>"))
    for _ in range(3):
        if cache.lookup("q", llm_string("m")) is None:
            cache.update("q", llm_string("m"), cli.message("a"))
    return cache


class Cells(HTMLParser):
    """Collects the texts of a table, and that all is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note a tag."""
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


def test_a_line_says_what_matters() -> None:
    """Ratio, counts, savings, and trouble if there was any."""
    assert repr(STATS) == (
        "CacheStats(hit_ratio=0.75, hits=3, misses=1, stores=1, tokens_saved=90, "
        "seconds_saved=4.5, money_saved=1.25, errors=2, breaker='open')"
    )
    assert "errors" not in repr(CacheStats())


def test_a_notebook_shows_a_small_table() -> None:
    """Hit ratio, savings, latencies, models; nothing in it is markup of somebody else's."""
    cells = Cells(STATS._repr_html_())
    assert cells.open == []
    for text in ("75% (3 of 4 lookups)", "90 tokens, 4.5 s, 1.25 in money", "open", "<b>m</b>"):
        assert text in cells.texts
    assert cells.texts[cells.texts.index("hit") :][:5] == ["hit", "1 ms", "2 ms", "3 ms", "4 ms"]
    assert Cells(CacheStats()._repr_html_()).texts[:2] == ["hit ratio", "0% (0 of 0 lookups)"]


def test_a_cache_says_which_one_it_is() -> None:
    """Its place and namespace, what it did, and nothing confidential."""
    cache = used_cache()
    assert repr(cache) == "<LLMCache memory://, namespace acme/<eu>: 2 of 3 lookups were hits>"
    assert "LLMCache memory://, namespace acme/<eu>" in Cells(cache._repr_html_()).texts
    secret = LLMCache.from_url("valkey://user:hunter2@127.0.0.1:1/0")
    assert repr(secret).endswith(": not asked yet>")
    assert "127.0.0.1:1" in repr(secret)
    assert "hunter2" not in repr(secret) + secret._repr_html_()


def test_many_models_are_a_short_table() -> None:
    """The busiest ten, and how many more there are."""
    models = {f"m{number}": ModelStats(number, 0, 0, 0.0, 0) for number in range(40)}
    texts = Cells(CacheStats(models=models)._repr_html_()).texts
    assert "m39" in texts
    assert "m29" not in texts
    assert "… and 30 more" in texts


def test_plain_data_has_the_ratios_in_it() -> None:
    """``as_dict`` is JSON, and so is what pydantic makes of it."""
    document = json.loads(json.dumps(used_cache().stats().as_dict()))
    assert document["hit_ratio"] == pytest.approx(2 / 3)
    assert (document["lookups"], document["hits"], document["tokens_saved"]) == (3, 2, 60)
    assert document["hit_latency"]["count"] == 2
    assert document["models"]["m"]["hits"] == 2
    assert TypeAdapter(CacheStats).validate_json(TypeAdapter(CacheStats).dump_json(STATS)) == STATS


@pytest.mark.tools
def test_data_frames_take_the_models() -> None:
    """By rows and by columns."""
    pandas = pytest.importorskip("pandas")
    models = STATS.models
    rows = pandas.DataFrame(models.values(), index=models)
    assert rows.loc["<b>m</b>", "input_tokens"] == 30
    columns = pandas.DataFrame(STATS.as_dict()["models"])
    assert columns.loc["output_tokens", "<b>m</b>"] == 60


@pytest.mark.tools
def test_fastapi_serializes_it() -> None:
    """As the answer of an endpoint: the object, and its dictionary."""
    encoders = pytest.importorskip("fastapi.encoders")
    assert encoders.jsonable_encoder(STATS)["models"]["<b>m</b>"]["bytes"] == 900
    assert encoders.jsonable_encoder(STATS.as_dict())["hit_ratio"] == 0.75
