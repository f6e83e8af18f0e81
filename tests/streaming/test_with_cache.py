"""``with_cache``: a streamed answer is a hit for everybody, and everybody's answer for a stream."""

from __future__ import annotations

import asyncio
import pickle
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    message_chunk_to_message,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langgraph.cache.memory import InMemoryCache as LangGraphMemory
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel

from langchain_llmcache import LLMCache
from langchain_llmcache._flow import single_flight
from langchain_llmcache.errors import ConfigurationError
from langchain_llmcache.options import cache_options
from langchain_llmcache.streaming import with_cache
from tests.support import models
from tests.support.bedrock import ConverseEndpoint, chat_model
from tests.support.call_ids import numbered
from tests.support.patience import LATE, SOON, eventually, soon
from tests.support.providers import ModelServer
from tests.support.scripted import DumbModel, ScriptedModel, SyncOnlyModel
from tests.support.servers import Server
from tests.support.targets import Target

QUESTION = "What is a lease?"
C = TypeVar("C")


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


def total(chunks: list[Any]) -> Any:
    """Return what chunks add up to."""
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


async def listed(chunks: AsyncIterator[C]) -> list[C]:
    """Return what an async iterator yields."""
    return [chunk async for chunk in chunks]


def essence(message: Any) -> dict[str, Any]:
    """Return a message without its id, what marks a hit, and what only chunks have."""
    if isinstance(message, AIMessageChunk):
        message = message_chunk_to_message(message)
    fields: dict[str, Any] = message.model_dump(exclude={"id"})
    fields["response_metadata"].pop("llmcache", None)
    (fields["usage_metadata"] or {}).pop("total_cost", None)  # langchain-core's own, on every hit
    return numbered(fields)  # type: ignore[no-any-return]


def calls_of(message: Any) -> Any:
    """Return the tool calls of a message, with numbers for ids."""
    return numbered({"tool_calls": message.tool_calls})


@pytest.fixture(autouse=True)
def _nothing_was_asked() -> None:
    ScriptedModel.calls.clear()


@pytest.fixture
def cache() -> LLMCache:
    """A cache of one's own, for which a scripted model is the same however fast it speaks."""
    return LLMCache(ignore_fields=("pause", "fails_at"))


@pytest.fixture
def model(cache: LLMCache) -> ScriptedModel:
    """A model with it."""
    return with_cache(ScriptedModel(), cache)


# --- one answer for all ---


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A stand-in for Bedrock."""
    with ConverseEndpoint() as running:
        yield running


@pytest.fixture
def openai() -> Iterator[ModelServer]:
    """A stand-in for OpenAI."""
    with ModelServer() as running:
        yield running


@pytest.fixture(
    params=["bedrock", "bedrock thinks", "openai", "openai responses", "scripted", "thinks"]
)
def provider(request: pytest.FixtureRequest) -> tuple[Any, Callable[[], int]]:
    """Each model class in turn, and how often it was asked."""
    name: str = request.param
    if name.startswith("bedrock"):
        bedrock: ConverseEndpoint = request.getfixturevalue("endpoint")
        fields = {"thinking": {"type": "enabled"}} if name == "bedrock thinks" else None
        model = chat_model(bedrock, additional_model_request_fields=fields)
        return model, lambda: bedrock.calls
    if name.startswith("openai"):
        server: ModelServer = request.getfixturevalue("openai")
        chat = models.openai(
            server.url,
            stream_usage=True,
            use_responses_api=name == "openai responses",
        )
        return chat, lambda: server.calls
    scripted = ScriptedModel(script="reasoning" if name == "thinks" else "text")
    return scripted, lambda: len(ScriptedModel.calls)


@pytest.mark.parametrize("first", ["stream", "astream", "invoke", "ainvoke"])
@pytest.mark.parametrize("tools", [False, True], ids=["text", "tools"])
async def test_all_ways_to_ask_share_one_answer(
    provider: tuple[Any, Callable[[], int]], cache: LLMCache, first: str, tools: bool
) -> None:
    """However a question is asked first, all other ways to ask it make no model call."""
    plain, calls = provider
    if isinstance(plain, ScriptedModel) and tools and plain.script == "text":
        plain = ScriptedModel(script="tools")
    asked: Any = with_cache(plain, cache)
    if tools:
        asked = asked.bind_tools([weather])
    ways: dict[str, Callable[[], Any]] = {
        "stream": lambda: total(list(asked.stream(QUESTION))),
        "astream": lambda: listed(asked.astream(QUESTION)),
        "invoke": lambda: asked.invoke(QUESTION),
        "ainvoke": lambda: asked.ainvoke(QUESTION),
        "batch": lambda: asked.batch([QUESTION])[0],
        "abatch": lambda: asked.abatch([QUESTION]),
    }

    async def ask(way: str) -> Any:
        said = ways[way]()
        if asyncio.iscoroutine(said):
            said = await said
            said = total(said) if isinstance(said, list) else said
        return said

    live = await ask(first)
    assert calls() == 1
    assert "llmcache" not in live.response_metadata
    assert bool(live.tool_calls) is (tools and getattr(plain, "script", "tools") == "tools")
    hits = [await ask(way) for way in ways]
    assert calls() == 1
    for hit in hits:
        assert hit.response_metadata["llmcache"]["hit"] is True
        assert essence(hit) == essence(live)
    assert len({live.id, *(hit.id for hit in hits)}) == 1 + len(hits)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.stores) == (len(hits), 1, 1)


def test_on_every_store(target: Target, endpoint: ConverseEndpoint) -> None:
    """A streamed answer is a streamed hit and a hit of ``invoke``, on each store."""
    model = with_cache(chat_model(endpoint), target.make())
    live = total(list(model.stream(QUESTION)))
    hit = total(list(model.stream(QUESTION)))
    assert essence(hit) == essence(live) == essence(model.invoke(QUESTION))
    assert endpoint.calls == 1


@pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])
@pytest.mark.parametrize("tools", [False, True], ids=["text", "tools"])
def test_standard_content(
    openai: ModelServer, cache: LLMCache, responses: bool, tools: bool
) -> None:
    """With ``output_version="v1"`` a hit has the standard blocks of the live stream."""
    asked: Any = with_cache(
        models.openai(
            openai.url,
            output_version="v1",
            use_responses_api=responses,
        ),
        cache,
    )
    if tools:
        asked = asked.bind_tools([weather])

    def blocks(message: Any) -> list[Any]:
        # Where a block was in its stream, streams do not always tell.
        told = [{k: v for k, v in block.items() if k != "index"} for block in message.content]
        return numbered({"tool_calls": message.tool_calls, "content": told})["content"]  # type: ignore[no-any-return]

    live = total(list(asked.stream(QUESTION)))
    hit = total(list(asked.stream(QUESTION)))
    assert openai.calls == 1
    assert blocks(hit) == blocks(live) == blocks(asked.invoke(QUESTION))
    assert [block["type"] for block in blocks(hit)] == ["tool_call" if tools else "text"]
    assert calls_of(hit) == calls_of(live)


def test_a_hit_is_one_complete_chunk(cache: LLMCache) -> None:
    """A streamed hit is one last chunk, with pieces of tool calls too, and the run's id."""
    model = with_cache(ScriptedModel(script="tools"), cache)
    live = total(list(model.stream(QUESTION)))
    [chunk] = list(model.stream(QUESTION))
    assert isinstance(chunk, AIMessageChunk)
    assert chunk.chunk_position == "last"
    assert calls_of(chunk) == calls_of(live)
    assert [piece["index"] for piece in chunk.tool_call_chunks] == [0, 1]
    assert chunk.id is not None
    assert chunk.id.startswith("lc_run-")
    # It adds to others as any chunk does.
    assert calls_of(chunk + AIMessageChunk(content="")) == calls_of(live)


def test_a_miss_is_what_the_model_streams() -> None:
    """On a miss the model's own chunks arrive, each when the model says it."""
    plain = list(ScriptedModel().stream(QUESTION))
    said: list[object] = []

    class Counted(ScriptedModel):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            for chunk in super()._stream(*args, **kwargs):
                said.append(chunk)
                yield chunk

    chunks = []
    for chunk in with_cache(Counted(), LLMCache()).stream(QUESTION):
        chunks.append(chunk)
        assert len(chunks) - len(said) in {0, 1}  # langchain-core adds a last one
    assert [chunk.content for chunk in chunks] == [chunk.content for chunk in plain]


async def test_a_hit_does_not_take_the_models_time(endpoint: ConverseEndpoint) -> None:
    """The first chunk of a hit comes in the time of a lookup, not of the model."""
    model = with_cache(chat_model(endpoint), LLMCache())
    await listed(model.astream(QUESTION))
    endpoint.latency = LATE
    with soon():
        list(model.stream(QUESTION))
        await listed(model.astream(QUESTION))


def test_whoever_gets_a_chunk_may_change_it(cache: LLMCache) -> None:
    """What is done to the chunks of a miss, or of a hit, does not get into the cache."""
    model = with_cache(ScriptedModel(script="reasoning"), cache)
    for _ in range(3):
        for chunk in model.stream(QUESTION):
            for block in chunk.content:
                assert isinstance(block, dict)
                block.clear()
    assert model.invoke(QUESTION).text == "It is so."


# --- callbacks and events ---


class Recorder(BaseCallbackHandler):
    """Notes what is called."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.tokens: list[Any] = []
        self.ends: list[Any] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        """Note it."""
        self.names.append("start")

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        """Note it."""
        self.names.append("token")
        self.tokens.append(kwargs["chunk"].message)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Note it."""
        self.names.append("end")
        self.ends.append(response.generations[0][0].message)

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        """Note it."""
        self.names.append("error")


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_callbacks(model: ScriptedModel, kind: str) -> None:
    """A hit starts, tells its token and ends, as a live answer does."""

    async def heard() -> Recorder:
        recorder = Recorder()
        config: Any = {"callbacks": [recorder]}
        if kind == "sync":
            list(model.stream(QUESTION, config))
        else:
            await listed(model.astream(QUESTION, config))
        return recorder

    live, hit = await heard(), await heard()
    assert live.names == ["start", *["token"] * 7, "end"]
    assert hit.names == ["start", "token", "end"]
    assert essence(hit.ends[0]) == essence(total(hit.tokens)) == essence(total(live.tokens))


async def test_events_of_version_2(model: ScriptedModel) -> None:
    """``astream_events`` of a chain tells of a hit what it tells of a live answer."""
    chain = ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()

    async def events() -> list[Any]:
        return await listed(chain.astream_events({"question": QUESTION}, version="v2"))

    def of_model(told: list[Any], name: str) -> list[Any]:
        return [event["data"] for event in told if event["event"] == f"on_chat_model_{name}"]

    live, hit = await events(), await events()
    assert len(ScriptedModel.calls) == 1
    for name in ("start", "end"):
        assert len(of_model(hit, name)) == len(of_model(live, name)) == 1
    said = [total([part["chunk"] for part in of_model(told, "stream")]) for told in (live, hit)]
    assert essence(said[0]) == essence(said[1])
    assert of_model(hit, "end")[0]["output"].content == "A promise with a date."


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("script", ["text", "tools", "reasoning"])
async def test_events_of_version_3(cache: LLMCache, script: str) -> None:
    """The protocol's events add up to one message, live and of a hit, in both halves."""
    model: Any = with_cache(ScriptedModel(script=script), cache)
    if not hasattr(model, "_achat_model_stream_v3"):
        pytest.skip("this langchain-core has no version 3")
    stream = model.stream_events(QUESTION, version="v3")
    live = stream.output
    hit = model.stream_events(QUESTION, version="v3").output
    later = await (await model.astream_events(QUESTION, version="v3")).output
    assert ScriptedModel.calls == ["stream"]
    for message in (hit, later):
        assert message.text == live.text
        assert calls_of(message) == calls_of(live)
        assert message.response_metadata["llmcache"]["hit"] is True
    types = [[block["type"] for block in message.content] for message in (live, hit, later)]
    assert types[0] == types[1] == types[2]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_a_graph_that_streams_messages(model: ScriptedModel, way: str) -> None:
    """Two equal questions: LangGraph streams both answers, and the state holds both."""
    if way == "ainvoke" and sys.version_info < (3, 11):
        pytest.skip("on Python 3.10, asyncio carries no context: LangGraph hears of no tokens")

    def node(state: MessagesState) -> dict[str, Any]:
        last = state["messages"][-1:]
        said = model.invoke(last) if way == "invoke" else total(list(model.stream(last)))
        return {"messages": [said]}

    async def anode(state: MessagesState) -> dict[str, Any]:
        last = state["messages"][-1:]
        if way == "ainvoke":
            return {"messages": [await model.ainvoke(last)]}
        return {"messages": [total(await listed(model.astream(last)))]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", anode if way.startswith("a") else node)
    graph.add_edge(START, "model")
    app: Any = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}

    async def ask() -> tuple[list[Any], list[Any]]:
        question = {"messages": [HumanMessage(QUESTION)]}
        modes = ["messages", "updates"]
        if way.startswith("a"):
            told = await listed(app.astream(question, config, stream_mode=modes))
        else:
            told = list(app.stream(question, config, stream_mode=modes))
        tokens = [data[0] for mode, data in told if mode == "messages"]
        return tokens, [data for mode, data in told if mode == "updates"]

    live, hit = await ask(), await ask()
    assert len(ScriptedModel.calls) == 1
    for tokens, updates in (live, hit):
        assert all(isinstance(token, AIMessageChunk) for token in tokens)
        assert total(tokens).content == "A promise with a date."
        [update] = updates
        assert update["model"]["messages"][0].id == tokens[0].id
    assert len(hit[0]) == 1
    assert hit[0][0].response_metadata["llmcache"]["hit"] is True
    state: list[BaseMessage] = app.get_state(config).values["messages"]
    texts = [message.content for message in state]
    assert texts == [QUESTION, "A promise with a date."] * 2
    assert len({message.id for message in state}) == 4


# --- one asks for all ---


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers wait for a stream that is not read, also if this process stands still."""
    monkeypatch.setattr(single_flight, "_PATIENCE", LATE)


def test_threads_follow_a_stream() -> None:
    """Threads that stream or invoke what a thread just streams get its whole answer."""
    cache = LLMCache()

    class Held(ScriptedModel):
        def _chunks(self, kind: str) -> Iterator[Any]:
            yield from super()._chunks(kind)
            assert eventually(lambda: cache.stats().waits == 11)

    model = with_cache(Held(), cache)
    barrier = threading.Barrier(12)

    def ask(number: int) -> str:
        barrier.wait()
        if number % 3 == 0:
            return str(model.invoke(QUESTION).content)
        return str(total(list(model.stream(QUESTION))).content)

    with ThreadPoolExecutor(12) as threads:
        assert set(threads.map(ask, range(12))) == {"A promise with a date."}
    assert len(ScriptedModel.calls) == 1


async def test_tasks_follow_a_stream() -> None:
    """Tasks that stream or invoke what a task just streams get its whole answer."""
    model = with_cache(ScriptedModel(pause=0.03), LLMCache(ignore_fields=["pause"]))
    said: list[Any] = await asyncio.gather(
        *(listed(model.astream(QUESTION)) for _ in range(10)),
        *(model.ainvoke(QUESTION) for _ in range(10)),
    )
    texts = {total(each).text if isinstance(each, list) else each.text for each in said}
    assert texts == {"A promise with a date."}
    assert len(ScriptedModel.calls) == 1


@pytest.mark.usefixtures("_patient")
async def test_a_stream_outlives_the_task_that_began_it() -> None:
    """Whoever reads each chunk in a task of its own still leads until the stream ends."""
    model = with_cache(ScriptedModel(pause=0.03), LLMCache(ignore_fields=["pause"]))
    stream = model.astream(QUESTION)
    await asyncio.create_task(anext(stream))  # type: ignore[arg-type]
    follower = asyncio.create_task(model.ainvoke(QUESTION))
    await asyncio.sleep(0.02)
    while True:
        try:
            await asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        except StopAsyncIteration:
            break
    assert (await follower).text == "A promise with a date."
    assert ScriptedModel.calls == ["astream"]


def _lead_in_a_thread(model: ScriptedModel) -> tuple[Iterator[Any], ThreadPoolExecutor, Any]:
    """Begin a stream in another thread; return it, the thread, and a chunk."""
    thread = ThreadPoolExecutor(1)
    stream = model.stream(QUESTION)
    return stream, thread, thread.submit(next, stream).result()


@pytest.mark.usefixtures("_patient")
def test_an_abandoned_stream_lets_others_go_on(cache: LLMCache) -> None:
    """Closing a stream ends the waiting of its followers at once, and stores nothing."""
    model = with_cache(ScriptedModel(pause=0.01), cache)
    stream, thread, _ = _lead_in_a_thread(model)
    with thread, ThreadPoolExecutor(1) as other:
        follower = other.submit(model.invoke, QUESTION)
        assert eventually(lambda: cache.stats().waits)
        assert not follower.done()
        stream.close()  # type: ignore[attr-defined]
        assert follower.result(SOON).text == "A promise with a date."
    assert ScriptedModel.calls == ["stream", "generate"]
    assert cache.stats().stores == 1


@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize("end", ["closed", "cancelled"])
async def test_an_abandoned_async_stream_lets_others_go_on(cache: LLMCache, end: str) -> None:
    """The same for asyncio: a stream that is closed, or whose task is cancelled."""
    model = with_cache(ScriptedModel(pause=0.2), cache)
    stream: Any = model.astream(QUESTION)
    leader = asyncio.create_task(listed(stream)) if end == "cancelled" else None
    if leader is None:
        await asyncio.create_task(anext(stream))
    else:
        await asyncio.sleep(0.3)
    fast = with_cache(ScriptedModel(), cache)
    follower = asyncio.create_task(fast.ainvoke(QUESTION))
    assert await asyncio.to_thread(eventually, lambda: cache.stats().waits)
    assert not follower.done()
    if leader is None:
        await stream.aclose()
    else:
        leader.cancel()
    assert (await asyncio.wait_for(follower, SOON)).text == "A promise with a date."
    assert cache.stats().stores == 1


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_stream_that_fails_is_not_stored(cache: LLMCache, kind: str) -> None:
    """The caller gets the chunks and the error; the next one asks the model at once."""
    model = with_cache(ScriptedModel(fails_at=2), cache)
    chunks = []
    recorder = Recorder()
    with pytest.raises(ConnectionError, match="the model is down"):  # noqa: PT012
        if kind == "sync":
            for chunk in model.stream(QUESTION, {"callbacks": [recorder]}):
                chunks.append(chunk)  # noqa: PERF402 - what came before the error
        else:
            async for chunk in model.astream(QUESTION, {"callbacks": [recorder]}):
                chunks.append(chunk)  # noqa: PERF401
    assert [chunk.content for chunk in chunks] == ["A ", "promise "]
    assert recorder.names == ["start", "token", "token", "error"]
    assert cache.stats().stores == 0
    with soon():
        await asyncio.to_thread(with_cache(ScriptedModel(), cache).invoke, QUESTION)


def test_a_lease_ends_with_its_stream(server: Server) -> None:
    """Other processes do not wait for a stream that was abandoned."""
    with LLMCache.from_url(server.url, lease=30) as cache, server.client() as client:
        stream: Any = with_cache(ScriptedModel(), cache).stream(QUESTION)
        next(stream)
        [key] = client.keys()
        assert client.get(key).startswith(b"lease:")
        stream.close()
        assert client.keys() == []


@pytest.mark.parametrize("how", ["a field", "an option"])
def test_several_answers_in_one_stream_are_not_stored(cache: LLMCache, how: str) -> None:
    """They come mixed into one, and ``invoke`` is asked for each of them."""

    class Several(ScriptedModel):
        n: int | None = 2 if how == "a field" else None

    options: dict[str, Any] = {} if how == "a field" else {"n": 2}
    model = with_cache(Several(), cache)
    before = len(ScriptedModel.calls)
    for _ in range(2):
        list(model.stream("q", **options))
    model.invoke("q", **options)
    assert len(ScriptedModel.calls) == before + 3
    assert cache.stats().stores == 1


def test_two_streams_side_by_side(model: ScriptedModel) -> None:
    """One thread that reads two streams of one question in turns does not wait for itself."""
    one, other = model.stream(QUESTION), model.stream(QUESTION)
    with soon():
        texts = [first.text + second.text for first, second in zip(one, other, strict=True)]
    assert texts[0] == "A A "


# --- options ---


def test_options_hold_for_streams(cache: LLMCache) -> None:
    """``cache_options`` refreshes, bypasses and moves streams as it does calls."""
    model = with_cache(ScriptedModel(), cache)
    list(model.stream(QUESTION))
    with cache_options(read=False):
        list(model.stream(QUESTION))
    with cache_options(namespace="elsewhere"):
        list(model.stream(QUESTION))
    with cache_options(write=False, namespace="nowhere"):
        list(model.stream(QUESTION))
        list(model.stream(QUESTION))
    assert len(ScriptedModel.calls) == 5
    assert cache.stats().stores == 3


def test_options_of_the_beginning_hold_to_the_end(cache: LLMCache) -> None:
    """A stream that is read on outside of the block is stored where it was looked for."""
    model = with_cache(ScriptedModel(), cache)
    stream = model.stream(QUESTION)
    with cache_options(namespace="acme"):
        next(stream)
    list(stream)
    with cache_options(namespace="acme"):
        model.invoke(QUESTION)
    assert len(ScriptedModel.calls) == 1
    model.invoke(QUESTION)
    assert len(ScriptedModel.calls) == 2


# --- the wrapper ---


def test_it_is_still_that_model(cache: LLMCache) -> None:
    """The wrapper is an instance of the model's class, by the same name and with its keys."""
    plain = ScriptedModel()
    model = with_cache(plain, cache)
    assert isinstance(model, ScriptedModel)
    assert type(model).__name__ == "ScriptedModel"
    assert model.lc_id() == plain.lc_id()
    assert model._get_llm_string() == plain._get_llm_string()
    assert plain.cache is None
    assert type(with_cache(ScriptedModel())) is type(model) is type(with_cache(model))


def test_serializable_models_keep_their_keys(openai: ModelServer) -> None:
    """A provider's class and its wrapper have the same llm_string."""
    plain = models.openai(openai.url)
    model = with_cache(plain, LLMCache())
    assert model._get_llm_string() == plain._get_llm_string()


def test_the_global_cache(cache: LLMCache) -> None:
    """Without a cache of its own the model uses the global one, and without that none."""
    model = with_cache(ScriptedModel())
    list(model.stream(QUESTION))
    set_llm_cache(cache)
    list(model.stream(QUESTION))
    list(model.stream(QUESTION))
    assert len(ScriptedModel.calls) == 2
    off = with_cache(ScriptedModel(cache=False))
    list(off.stream(QUESTION))
    assert len(ScriptedModel.calls) == 3
    set_llm_cache(None)
    with pytest.raises(ValueError, match="no cache found"):
        list(with_cache(ScriptedModel(cache=True)).stream(QUESTION))


def test_any_langchain_cache_will_do() -> None:
    """Another LangChain cache serves streams too."""
    model = with_cache(ScriptedModel(script="tools"), InMemoryCache())
    live, hit = total(list(model.stream(QUESTION))), total(list(model.stream(QUESTION)))
    assert essence(hit) == essence(live)
    assert len(ScriptedModel.calls) == 1


@pytest.mark.parametrize(
    ("model", "cache", "message"),
    [
        (RunnableLambda(str), None, "expected a chat model"),
        (ScriptedModel(), LangGraphMemory(), "LLMCache\\(cache\\)"),
        ("gpt-5-mini", None, "model is a str"),
    ],
)
def test_what_it_does_not_take(model: Any, cache: Any, message: str) -> None:
    """Anything that is no chat model, or no LangChain cache, is refused with a reason."""
    with pytest.raises(ConfigurationError, match=message):
        with_cache(model, cache)


@pytest.mark.parametrize("cls", [ScriptedModel, SyncOnlyModel, DumbModel])
async def test_models_that_stream_less(cache: LLMCache, cls: type[ScriptedModel]) -> None:
    """A model without ``_astream``, or that does not stream at all, is asked and cached once."""
    model = with_cache(cls(), cache)
    await listed(model.astream(QUESTION))
    list(model.stream(QUESTION))
    await listed(model.astream(QUESTION))
    assert len(ScriptedModel.calls) == 1
    stats = cache.stats()
    assert (stats.misses, stats.hits, stats.stores) == (1, 2, 1)


async def test_invoke_that_streams_inside(cache: LLMCache, openai: ModelServer) -> None:
    """``streaming=True``: ``invoke`` asks the cache once, and listeners hear of a hit too."""
    model = with_cache(
        models.openai(
            openai.url,
            streaming=True,
        ),
        cache,
    )
    live, hit, later = Recorder(), Recorder(), Recorder()
    model.invoke(QUESTION, {"callbacks": [live]})
    model.invoke(QUESTION, {"callbacks": [hit]})
    await model.ainvoke(QUESTION, {"callbacks": [later]})
    assert live.names.count("token") > 1
    assert hit.names == later.names == ["start", "token", "end"]
    assert total(hit.tokens).content == total(live.tokens).content
    stats = cache.stats()
    assert (stats.misses, stats.hits, stats.stores) == (1, 2, 1)


class Lease(BaseModel):
    """What a lease is."""

    city: str


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # langchain-openai's
def test_structured_output(openai: ModelServer, cache: LLMCache) -> None:
    """``with_structured_output`` stays cached, streamed and not."""
    model = with_cache(
        models.openai(openai.url),
        cache,
    ).with_structured_output(Lease)
    assert list(model.stream(QUESTION))[-1] == Lease(city="Oslo")
    assert list(model.stream(QUESTION))[-1] == Lease(city="Oslo")
    assert model.invoke(QUESTION) == Lease(city="Oslo")
    assert openai.calls == 1


def test_composition(cache: LLMCache) -> None:
    """Chains, retries, fallbacks, bindings, copies and config keep the cache."""
    model = with_cache(ScriptedModel(), cache)
    broken = with_cache(ScriptedModel(model_name="down", fails_at=0), cache)
    prompt = ChatPromptTemplate.from_template("{question}")
    asked = {"question": QUESTION}
    parser = StrOutputParser()
    chains: list[Any] = [
        prompt | model | parser,
        prompt | model.with_retry(stop_after_attempt=2) | parser,
        prompt | broken.with_fallbacks([model]) | parser,
        prompt | model.with_config(tags=["a"]) | parser,
        prompt | model.model_copy() | parser,
        prompt | with_cache(ScriptedModel().bind(), cache) | parser,
        prompt | model.configurable_fields(pause=ConfigurableField("pause")) | parser,
    ]
    for chain in chains:
        for config in ({}, {"configurable": {"pause": 0.001}}):
            assert "".join(chain.stream(asked, config)) == "A promise with a date."
    # One for the answer, two for the model that is down.
    assert len(ScriptedModel.calls) == 3


def test_settings_that_were_changed_before(cache: LLMCache, openai: ModelServer) -> None:
    """A model that was changed after its first call is asked as what it is now."""
    plain = models.openai(openai.url)
    list(with_cache(plain, cache).stream(QUESTION))
    plain.temperature = 0.9
    list(with_cache(plain, cache).stream(QUESTION))
    assert openai.calls == 2


def test_pickling(cache: LLMCache) -> None:
    """A pickled wrapper comes back as one, and uses the global cache of its new process."""
    model = pickle.loads(pickle.dumps(with_cache(ScriptedModel(script="tools"))))  # noqa: S301
    set_llm_cache(cache)
    list(model.stream(QUESTION))
    list(model.stream(QUESTION))
    assert len(ScriptedModel.calls) == 1


class Limiter(BaseRateLimiter):
    """Lets everybody pass, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        """Let pass."""
        self.asked += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Let pass."""
        return self.acquire()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_hits_are_not_rate_limited(cache: LLMCache, kind: str) -> None:
    """The model's rate limiter is asked about misses, streamed or not, and not about hits."""
    limiter = Limiter()
    model = with_cache(ScriptedModel(rate_limiter=limiter), cache)

    async def ask(question: str) -> None:
        if kind == "sync":
            list(model.stream(question))
        else:
            await listed(model.astream(question))

    for _ in range(20):
        await ask("one")
    assert limiter.asked == 1
    await ask("two")
    model.invoke("three")
    assert limiter.asked == 3


def test_disabled_streaming(cache: LLMCache) -> None:
    """``disable_streaming`` keeps its meaning: the answer comes whole, and is cached."""
    model = with_cache(ScriptedModel(disable_streaming=True), cache)
    for _ in range(2):
        [chunk] = list(model.stream(QUESTION))
        assert isinstance(chunk, AIMessage)
    assert ScriptedModel.calls == ["generate"]


def test_the_store_down(caplog: pytest.LogCaptureFixture) -> None:
    """With the server down, streams are the model's own."""
    cache = LLMCache.from_url("valkey://127.0.0.1:1", timeout=0.1)
    model = with_cache(ScriptedModel(), cache)
    for _ in range(3):
        assert total(list(model.stream(QUESTION))).content == "A promise with a date."
    assert len(ScriptedModel.calls) == 3
    assert QUESTION not in caplog.text
