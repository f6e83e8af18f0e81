"""The circuit breaker: a state machine on a virtual clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from langchain_llmcache import LLMCache
from langchain_llmcache._flow.breaker import Breaker
from langchain_llmcache.events import State
from tests.support.servers import StartServer
from tests.support.targets import LLM_STRING, PROMPT, Half, answer, keep_open

Halves = Callable[[LLMCache], Half]


class World:
    """A breaker, its clock, and what it said."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.now = 1000.0
        self.said: list[State] = []
        self.jitter = jitter
        self.breaker = Breaker(
            monotonic=lambda: self.now, changed=self.said.append, draw=lambda: self.jitter
        )

    def state(self) -> State:
        """Return the breaker's state."""
        return self.breaker.state

    def fail(self, times: int) -> None:
        """Fail as often as the breaker lets somebody try."""
        for _ in range(times):
            assert self.breaker.allows()
            self.breaker.failed()


@pytest.fixture
def world() -> World:
    """A breaker that saw nothing yet."""
    return World()


def test_it_opens_after_three_failures_in_a_row(world: World) -> None:
    """Two failures are borne; the third opens it, and nothing is tried any more."""
    world.fail(2)
    assert world.state() == "closed"
    world.fail(1)
    assert world.state() == "open"
    assert not world.breaker.allows()
    assert world.said == ["open"]


def test_failures_now_and_then_are_borne(world: World) -> None:
    """One failure in three calls never opens it, however long that goes on."""
    for _ in range(100):
        world.fail(1)
        world.breaker.succeeded()
        world.breaker.succeeded()
    assert world.state() == "closed"
    assert world.said == []


def test_every_other_call_fails(world: World) -> None:
    """It opens, too, where small replies arrive and large ones do not."""
    for _ in range(4):
        world.fail(1)
        world.breaker.succeeded()
    world.fail(1)
    assert world.state() == "open"


def test_one_probe_at_a_time(world: World) -> None:
    """After the pause one caller may try, and nobody else before it is told how that went."""
    world.fail(3)
    world.now += 0.99
    assert not world.breaker.allows()
    world.now += 0.02
    assert [world.breaker.allows() for _ in range(5)] == [True, False, False, False, False]
    assert world.state() == "half-open"


def test_a_probe_that_succeeds_closes_it(world: World) -> None:
    """One success is enough; but one failure soon after it opens it again."""
    world.fail(3)
    world.now += 1.01
    assert world.breaker.allows()
    world.breaker.succeeded()
    assert world.said == ["open", "half-open", "closed"]
    world.fail(1)
    assert world.state() == "open"


def test_trust_comes_back(world: World) -> None:
    """After a few successes two failures are borne again."""
    world.fail(3)
    world.breaker.succeeded()
    for _ in range(4):
        world.breaker.succeeded()
    world.fail(2)
    assert world.state() == "closed"


def test_pauses_double_up_to_half_a_minute(world: World) -> None:
    """Each probe that fails doubles the pause, up to 30 s; a good while makes it short again."""
    world.fail(3)
    pauses = []
    for _ in range(8):
        began = world.now
        while not world.breaker.allows():
            world.now += 0.125
        pauses.append(world.now - began)
        world.breaker.failed()
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    world.now += 31
    assert world.breaker.allows()
    world.breaker.succeeded()
    world.now += 61
    world.fail(1)
    world.now += 1.01
    assert world.breaker.allows()


def test_opening_again_at_once_doubles_the_pause(world: World) -> None:
    """A store that answers probes and nothing else is probed ever more rarely."""
    world.fail(2)
    for pause in (1, 2, 4, 8):
        world.fail(1)
        world.now += pause - 0.01
        assert not world.breaker.allows()
        world.now += 0.02
        assert world.breaker.allows()
        world.breaker.succeeded()


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 0.75), (1.0, 1.25)])
def test_pauses_are_spread(jitter: float, pause: float) -> None:
    """Processes that saw the same failure do not probe at the same moment."""
    world = World(jitter)
    world.fail(3)
    world.now += pause - 0.01
    assert not world.breaker.allows()
    world.now += 0.02
    assert world.breaker.allows()


def test_a_probe_that_never_reports_back(world: World) -> None:
    """A probe whose caller was cancelled keeps others from probing for one pause only."""
    world.fail(3)
    world.now += 1.01
    assert world.breaker.allows()
    assert not world.breaker.allows()
    world.now += 1.01
    assert world.breaker.allows()
    assert world.said == ["open", "half-open"]


def test_stragglers_do_not_prolong_it(world: World) -> None:
    """Calls that began before it opened, and fail after it, change nothing."""
    world.fail(3)
    world.now += 0.5
    for _ in range(100):
        world.breaker.failed()
    world.now += 0.51
    assert world.breaker.allows()
    assert world.said == ["open", "half-open"]


def test_a_straggler_that_succeeds_closes_it(world: World) -> None:
    """Whoever gets an answer while it is open has shown that the store is there."""
    world.fail(3)
    world.breaker.succeeded()
    assert world.state() == "closed"
    assert world.said == ["open", "closed"]


def test_many_threads_see_one_state(world: World) -> None:
    """64 threads that fail at once open it once; of 64 that come after the pause, one probes."""
    barrier = threading.Barrier(64)

    def fail(_: int) -> None:
        barrier.wait()
        world.breaker.failed()

    def probe(_: int) -> bool:
        barrier.wait()
        return world.breaker.allows()

    with ThreadPoolExecutor(64) as threads:
        list(threads.map(fail, range(64)))
        assert world.said == ["open"]
        world.now += 1.01
        assert sum(threads.map(probe, range(64))) == 1
    assert world.said == ["open", "half-open"]


async def test_one_log_line_for_each_change(
    own_valkey_server: StartServer, half: Halves, caplog: pytest.LogCaptureFixture
) -> None:
    """However many calls see an outage: one line when it begins, one when it ends."""
    server = own_valkey_server()
    cache = LLMCache.from_url(server.url)
    assert cache.stats().breaker == "closed"
    keep_open(cache)
    server.kill()
    for number in range(200):
        await half(cache).update(f"{PROMPT} {number}", LLM_STRING, answer())
    assert cache.stats().breaker == "open"
    assert cache.stats().skipped == 197
    cache._flow._gate._breaker._until = 0.0  # a probe finds it down
    await half(cache).update(PROMPT, LLM_STRING, answer())
    assert (cache.stats().breaker, cache.stats().errors) == ("open", 4)
    server.start()
    cache._flow._gate._breaker._until = 0.0  # the pause is over
    await half(cache).update(PROMPT, LLM_STRING, answer())
    assert cache.stats().breaker == "closed"
    lines = [line for line in caplog.messages if line.startswith("breaker")]
    assert [line.split(":")[0] for line in lines] == ["breaker open", "breaker closed"]
    await cache.aclose()


async def test_refusals_do_not_open_it(own_valkey_server: StartServer, half: Halves) -> None:
    """A server that says no is there: stores that it refuses do not cost the hits."""
    server = own_valkey_server()
    cache = LLMCache.from_url(server.url)
    await half(cache).update(PROMPT, LLM_STRING, answer())
    with server.client() as client:
        client.config_set("maxmemory", 1)
    for number in range(20):
        await half(cache).update(f"{PROMPT} {number}", LLM_STRING, answer())
        assert await half(cache).lookup(PROMPT, LLM_STRING) is not None
    stats = cache.stats()
    assert (stats.denied, stats.errors, stats.breaker) == (20, 0, "closed")
    await cache.aclose()
