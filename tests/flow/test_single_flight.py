"""Of all who ask the same at once, one asks the model."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_aws import ChatBedrockConverse
from langchain_core.globals import set_llm_cache
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_llmcache import LLMCache
from tests.support.bedrock import ConverseEndpoint, ConverseError, chat_model
from tests.support.patience import LATE, PATIENT, SOON, eventually, soon
from tests.support.servers import Server
from tests.support.targets import LLM_STRING, PROMPT, Half, Target, answer, texts
from tests.support.workers import go, workers

QUESTION = "How many calls is this?"
Halves = Callable[[LLMCache], Half]


@pytest.fixture
def endpoint() -> Iterator[ConverseEndpoint]:
    """A model that takes a while."""
    with ConverseEndpoint(latency=0.3) as running:
        yield running


@pytest.fixture
def model(endpoint: ConverseEndpoint) -> ChatBedrockConverse:
    """A real model class that talks to it."""
    return chat_model(endpoint)


def broken(_: Any) -> ConverseError:
    """Let the model fail."""
    return ConverseError("down")


def after(wait: Callable[[], object]) -> Callable[[Any], None]:
    """Let the model answer as usual, but not before."""

    def script(_: Any) -> None:
        wait()

    return script


# --- in one process ---


async def test_a_hundred_tasks_make_one_call(
    target: Target, endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """``abatch`` of 100 equal prompts: one model call, 100 answers."""
    cache = target.make()
    set_llm_cache(cache)
    endpoint.script = after(lambda: eventually(lambda: cache.stats().waits == 99))
    answers = await model.abatch([QUESTION] * 100)
    assert endpoint.calls == 1
    assert len({message.content for message in answers}) == 1
    assert len({message.id for message in answers}) == 100
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.waits, stats.stores) == (99, 1, 99, 1)


def test_32_threads_make_one_call(
    target: Target, endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """32 threads that ask the same at once: one model call."""
    set_llm_cache(target.make())
    barrier = threading.Barrier(32)

    def ask(_: int) -> str:
        barrier.wait()
        return str(model.invoke(QUESTION).content)

    with ThreadPoolExecutor(32) as threads:
        assert len(set(threads.map(ask, range(32)))) == 1
    assert endpoint.calls == 1


def test_batch_makes_one_call(endpoint: ConverseEndpoint, model: ChatBedrockConverse) -> None:
    """``batch`` of equal prompts: one model call."""
    set_llm_cache(LLMCache())
    model.batch([QUESTION] * 16)
    assert endpoint.calls == 1


async def test_threads_and_tasks_wait_for_each_other(
    endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """A thread and two tasks that ask the same share one call."""
    set_llm_cache(LLMCache())
    await asyncio.gather(
        model.ainvoke(QUESTION), asyncio.to_thread(model.invoke, QUESTION), model.ainvoke(QUESTION)
    )
    assert endpoint.calls == 1


async def test_different_questions_do_not_wait(
    endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """Only equal requests share a call: the model answers none before it has got all."""
    set_llm_cache(LLMCache())
    everybody = threading.Barrier(4, timeout=LATE)
    endpoint.script = after(everybody.wait)
    await asyncio.gather(*(model.ainvoke(f"Question {number}") for number in range(4)))
    assert endpoint.calls == 4


async def test_single_flight_can_be_switched_off(
    endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """With ``single_flight=False`` everybody makes a call of their own."""
    set_llm_cache(LLMCache(single_flight=False))
    await model.abatch([QUESTION] * 5)
    assert endpoint.calls == 5


# --- a leader that fails ---


async def test_a_cancelled_leader_keeps_nobody_waiting(
    endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """When the leader is cancelled, a follower makes the call."""
    set_llm_cache(LLMCache(max_wait=LATE))
    over = threading.Event()
    endpoint.script = after(lambda: endpoint.calls > 1 or over.wait(LATE))
    leader = asyncio.create_task(model.ainvoke(QUESTION))
    assert await asyncio.to_thread(eventually, lambda: endpoint.calls)
    follower = asyncio.create_task(model.ainvoke(QUESTION))
    await asyncio.sleep(0.1)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    assert (await asyncio.wait_for(follower, SOON)).content
    over.set()


async def test_a_cancelled_follower_disturbs_nobody(
    endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """Cancelling one of the waiting leaves the leader and the others alone."""
    set_llm_cache(LLMCache())
    cancelled = threading.Event()
    endpoint.script = after(lambda: cancelled.wait(LATE))
    calls = [asyncio.create_task(model.ainvoke(QUESTION)) for _ in range(5)]
    await asyncio.sleep(0.1)
    calls[2].cancel()
    cancelled.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(outcomes[2], asyncio.CancelledError)
    assert len({o.content for i, o in enumerate(outcomes) if i != 2}) == 1  # type: ignore[union-attr]
    assert endpoint.calls == 1


# --- a caller never waits for itself ---


class Nested(LLM):
    """A model that asks itself the same again before it answers."""

    depth: int = 0
    name_of_model: str = "nested"

    @property
    def _llm_type(self) -> str:
        return "nested"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.name_of_model}

    def _call(self, prompt: str, *args: Any, **kwargs: Any) -> str:
        self.depth += 1
        return "bottom" if self.depth > 2 else self.invoke(prompt)

    async def _acall(self, prompt: str, *args: Any, **kwargs: Any) -> str:
        self.depth += 1
        if self.depth > 2:
            return "bottom"
        return await asyncio.create_task(self.ainvoke(prompt))


@pytest.mark.timeout(20)
async def test_a_nested_call_does_not_wait_for_its_caller() -> None:
    """A call within a call of the same request goes on, sync and async, in a task of its own too."""
    set_llm_cache(LLMCache())
    assert Nested().invoke("again") == "bottom"
    assert await Nested(name_of_model="other").ainvoke("again") == "bottom"


async def test_a_thread_does_not_wait_for_its_own_loop(
    endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """Sync ``invoke`` on the loop's thread does not wait for a task of that loop."""
    set_llm_cache(LLMCache(max_wait=LATE))
    went_on = threading.Event()
    endpoint.script = after(lambda: endpoint.calls > 1 or went_on.wait(LATE))
    task = asyncio.create_task(model.ainvoke(QUESTION))
    assert await asyncio.to_thread(eventually, lambda: endpoint.calls)
    with soon():
        assert model.invoke(QUESTION).content
    went_on.set()
    assert (await task).content
    assert endpoint.calls == 2


@pytest.mark.timeout(20)
async def test_a_miss_that_is_never_followed_up(half: Halves) -> None:
    """A second lookup by the same caller is a miss at once, however often."""
    cache = half(LLMCache())
    for _ in range(5):
        assert await cache.lookup(PROMPT, LLM_STRING) is None


# --- bounds ---


async def test_nobody_waits_longer_than_max_wait(
    endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """A follower makes its own call when the leader has taken ``max_wait`` seconds."""
    set_llm_cache(LLMCache(max_wait=0.2))
    followed = threading.Event()
    endpoint.script = after(lambda: endpoint.calls > 1 or followed.wait(LATE))
    leader = asyncio.create_task(model.ainvoke(QUESTION))
    await asyncio.sleep(0.1)
    with soon():
        await model.ainvoke(QUESTION)
    assert not leader.done()
    followed.set()
    await leader
    assert endpoint.calls == 2


async def test_an_answer_that_is_not_stored_ends_the_waiting(half: Halves) -> None:
    """Followers of an answer that cannot be stored go on by themselves."""
    cache = LLMCache()
    waiting = threading.Event()

    def follow() -> Any:
        waiting.set()
        return cache.lookup(PROMPT, LLM_STRING)

    assert await half(cache).lookup(PROMPT, LLM_STRING) is None
    with ThreadPoolExecutor(1) as threads:
        follower = threads.submit(follow)
        waiting.wait()
        await asyncio.sleep(0.05)
        odd = AIMessage("x", additional_kwargs={"what": object()})
        await half(cache).update(PROMPT, LLM_STRING, [ChatGeneration(message=odd)])
        assert follower.result(SOON) is None
    assert cache.stats().refused == 1


# --- across processes ---

WORKER = """
    import asyncio, sys
    from langchain_core.globals import set_llm_cache
    from langchain_llmcache import LLMCache
    from langchain_llmcache._demo.endpoint import chat_model

    class Endpoint:
        url = sys.argv[1]

    async def main():
        model = chat_model(Endpoint)
        cache = LLMCache.from_url(sys.argv[2], timeout=5, lease=float(sys.argv[3]))
        set_llm_cache(cache)
        print("ready", flush=True)
        sys.stdin.readline()
        answers = await model.abatch(["How many calls is this?"] * 25)
        print(len({answer.content for answer in answers}), cache.stats().waits, flush=True)
        await cache.aclose()

    asyncio.run(main())
"""


@pytest.fixture
def start_worker() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that ask 25 times at once when told to."""
    with workers(WORKER) as start:
        yield start


@pytest.mark.long
def test_four_processes_make_one_call(
    server: Server, endpoint: ConverseEndpoint, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    """4 processes of 25 tasks that ask the same at once: one model call with ``lease=``."""
    endpoint.latency = 1.0
    workers = [start_worker(endpoint.url, server.url, LATE) for _ in range(4)]
    for worker in workers:
        go(worker)
    for worker in workers:
        assert worker.communicate(timeout=LATE)[0].split()[0] == "1"
    assert endpoint.calls == 1


def test_a_killed_leader_is_survived(
    server: Server, endpoint: ConverseEndpoint, start_worker: Callable[..., subprocess.Popen[str]]
) -> None:
    """When the leader's process is killed, the others go on when its lease is over."""
    # (Also if the lease is over before the leader is killed.)
    endpoint.latency = lambda _: LATE if endpoint.calls == 1 else 0
    leader, follower = (start_worker(endpoint.url, server.url, 1.0) for _ in range(2))
    go(leader)
    assert eventually(lambda: endpoint.calls)
    go(follower)
    time.sleep(0.3)
    os.kill(leader.pid, signal.SIGKILL)
    assert follower.communicate(timeout=LATE / 2)[0].split()[0] == "1"
    assert endpoint.calls == 2


@pytest.fixture
def pair(server: Server) -> Iterator[tuple[LLMCache, LLMCache]]:
    """Two caches that know nothing of each other, as in two processes."""
    with (
        LLMCache.from_url(server.url, lease=LATE, max_wait=LATE) as one,
        LLMCache.from_url(server.url, lease=LATE, max_wait=LATE) as two,
    ):
        yield one, two


async def test_a_lease_holds_the_place_of_the_entry(
    server: Server, pair: tuple[LLMCache, LLMCache], half: Halves
) -> None:
    """A miss puts a lease under the entry's own key; the answer takes its place."""
    one, _ = pair
    with server.client() as client:
        assert await half(one).lookup(PROMPT, LLM_STRING) is None
        [key] = client.keys()
        assert client.get(key).startswith(b"lease:")
        assert 0 < client.pttl(key) <= LATE * 1000
        await half(one).update(PROMPT, LLM_STRING, answer())
        assert client.get(key).startswith(b"llm2:")
        assert client.pttl(key) > LATE * 1000


async def test_other_processes_wait_for_the_answer(
    pair: tuple[LLMCache, LLMCache], half: Halves
) -> None:
    """Who finds a lease waits, and gets the answer that takes its place."""
    one, two = pair
    assert await half(one).lookup(PROMPT, LLM_STRING) is None
    with ThreadPoolExecutor(1) as threads:
        following = threads.submit(lambda: asyncio.run(_look(half(two))))
        assert await asyncio.to_thread(eventually, lambda: two.stats().waits)
        assert not following.done()
        await half(one).update(PROMPT, LLM_STRING, answer("shared"))
        assert texts(following.result(SOON)) == ["shared"]
    assert two.stats().waits == 1


async def test_a_failed_leader_gives_its_lease_back(
    server: Server, pair: tuple[LLMCache, LLMCache], half: Halves
) -> None:
    """When the leader fails, its lease goes at once, and the others with their own calls."""
    one, two = pair

    led = asyncio.Event()

    async def fails() -> None:
        assert await one.alookup(PROMPT, LLM_STRING) is None
        led.set()
        await asyncio.sleep(0.3)
        raise RuntimeError

    task = asyncio.create_task(fails())
    await led.wait()

    async def follow() -> bytes:
        assert await _look(half(two)) is None
        # It is the follower now who holds the place.
        with server.client() as client:
            held: bytes = client.get(client.keys()[0])
            return held

    with soon():
        held = await asyncio.to_thread(lambda: asyncio.run(follow()))
    assert held.startswith(b"lease:")
    with pytest.raises(RuntimeError):
        await task
    await one.aclose()


def test_a_failed_model_gives_its_lease_back(
    server: Server, endpoint: ConverseEndpoint, model: ChatBedrockConverse
) -> None:
    """Sync: after a call that raised there is no lease left."""
    endpoint.script = broken
    with (
        LLMCache.from_url(server.url, timeout=PATIENT, lease=30) as cache,
        server.client() as client,
    ):
        set_llm_cache(cache)
        with pytest.raises(Exception, match="down"):
            model.invoke(QUESTION)
        assert client.keys() == []


async def test_a_lease_of_somebody_else_is_not_given_back(
    server: Server, pair: tuple[LLMCache, LLMCache]
) -> None:
    """A leader whose lease is over does not remove the next leader's, nor its answer."""
    one, _ = pair
    with server.client() as client:

        async def fails() -> None:
            await one.alookup(PROMPT, LLM_STRING)
            [key] = client.keys()
            client.set(key, b"lease:another")

        await asyncio.create_task(fails())
        await asyncio.sleep(0.1)
        assert client.get(client.keys()[0]) == b"lease:another"
    await one.aclose()


async def test_without_lease_a_lease_is_a_miss(
    server: Server, pair: tuple[LLMCache, LLMCache], half: Halves
) -> None:
    """A cache that does not take part sees a miss, does not wait, and leaves the lease alone."""
    one, _ = pair
    await half(one).lookup(PROMPT, LLM_STRING)
    with LLMCache.from_url(server.url, timeout=PATIENT) as plain, server.client() as client:
        with soon():
            assert await half(plain).lookup(PROMPT, LLM_STRING) is None
        assert client.get(client.keys()[0]).startswith(b"lease:")
        assert plain.stats().corrupt == 0
        await plain.aclose()


async def _look(cache: Half) -> Any:
    return await cache.lookup(PROMPT, LLM_STRING)
