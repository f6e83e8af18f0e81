"""LangChain's retries, rate limiter and fallbacks around a cached model: every paid answer stays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.globals import set_llm_cache
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableLambda

from langchain_llmcache import LLMCache
from tests.support.bedrock import (
    DEFAULT_MODEL,
    ConverseEndpoint,
    ConverseError,
    ConverseRequest,
    chat_model,
)
from tests.support.targets import Target

PROMPTS = [f"Question {number}?" for number in range(25)]
# Enough for each prompt to get an answer in the end: 0.7 ** 60 is less than a billionth.
PATIENT: dict[str, Any] = {"stop_after_attempt": 60, "wait_exponential_jitter": False}


class Counting(BaseRateLimiter):
    """A rate limiter that lets everybody through, and counts."""

    def __init__(self) -> None:
        self.passed = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        """Let a call through."""
        self.passed += 1
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Let a call through."""
        return self.acquire(blocking=blocking)


@pytest.fixture
def flaky() -> Iterator[ConverseEndpoint]:
    """A model server behind a bad network: 70 of 100 calls fail."""
    with ConverseEndpoint(fail_rate=0.7, seed=7) as endpoint:
        yield endpoint


@pytest.fixture(params=["batch", "abatch"])
def ask(request: pytest.FixtureRequest) -> Callable[[Any, list[str]], Any]:
    """Both ways to ask many prompts at once."""

    async def asked(runnable: Any, prompts: list[str]) -> list[Any]:
        if request.param == "batch":
            answers: list[Any] = runnable.batch(prompts, {"max_concurrency": 5})
        else:
            answers = await runnable.abatch(prompts, {"max_concurrency": 5})
        return answers

    return asked


async def test_every_answer_paid_for_is_stored(
    target: Target, flaky: ConverseEndpoint, ask: Any
) -> None:
    """With retries and a rate limiter: as many stores as answers, and no second call for any."""
    cache = target.make(timeout=10)
    set_llm_cache(cache)
    limiter = Counting()
    model = chat_model(flaky, rate_limiter=limiter).with_retry(**PATIENT)

    first = await ask(model, PROMPTS)
    paid = flaky.calls - flaky.failures
    assert flaky.failures > 10
    assert paid == len(PROMPTS) == cache.stats().stores
    assert limiter.passed == flaky.calls

    flaky.fail_rate = 1
    second = await ask(model, PROMPTS)
    assert [one.content for one in second] == [one.content for one in first]
    # A hit neither asks the model nor uses up anybody's rate.
    assert limiter.passed == flaky.calls == paid + flaky.failures


async def test_a_prompt_asked_by_many_is_paid_for_once(flaky: ConverseEndpoint, ask: Any) -> None:
    """While the call of the first one fails and is tried again, nobody pays twice."""
    cache = LLMCache()
    set_llm_cache(cache)
    model = chat_model(flaky).with_retry(**PATIENT)
    answers = await ask(model, ["The same?"] * 20)
    assert len({one.content for one in answers}) == 1
    paid = flaky.calls - flaky.failures
    assert cache.stats().stores == paid
    # Those who waited for a call that failed go on by themselves, and may be answered together.
    assert paid <= 5


async def test_the_answers_of_a_fallback_are_stored_too(flaky: ConverseEndpoint, ask: Any) -> None:
    """Each answer under the model that gave it; a second run pays for nothing twice."""
    cache = LLMCache()
    set_llm_cache(cache)
    with ConverseEndpoint() as reserve:
        primary = chat_model(flaky).with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
        whole = primary.with_fallbacks([chat_model(reserve, model=DEFAULT_MODEL[3:])])
        # One by one: the ``batch`` of ``with_retry`` mixes up answers where some attempts fail
        # for good (langchain issue 35475).
        model = RunnableLambda(whole.invoke, afunc=whole.ainvoke)

        await ask(model, PROMPTS)
        paid = flaky.calls - flaky.failures + reserve.calls
        assert reserve.calls > 0
        assert paid == len(PROMPTS) == cache.stats().stores

        flaky.fail_rate = 1
        calls = reserve.calls
        await ask(model, PROMPTS)
        assert reserve.calls == calls
        assert cache.stats().stores == paid


@pytest.mark.parametrize("exceptions", [True, False], ids=["exceptions", "raising"])
async def test_what_a_batch_with_retries_mixes_up_is_not_stored(exceptions: bool) -> None:
    """Whoever gets whose answer from ``with_retry(...).batch``: each prompt has its own entry."""
    failures = {"Fails once?": 1, "Fails always?": 2}

    def script(request: ConverseRequest) -> None:
        if failures.get(request.text, 0):
            failures[request.text] -= 1
            raise ConverseError("Not now.")

    prompts: list[Any] = ["Fails once?", "Fails always?", "Well?"]
    with ConverseEndpoint(script=script) as endpoint:
        set_llm_cache(LLMCache())
        model = chat_model(endpoint)
        patient = model.with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
        with contextlib.suppress(Exception):
            patient.batch(prompts, return_exceptions=exceptions)
        assert (endpoint.calls, endpoint.failures) == (5, 3)
        answers = [model.invoke(prompt) for prompt in prompts]
        assert endpoint.calls == 6
    for prompt, reply in zip(prompts, answers, strict=True):
        assert f'"{prompt}"' in reply.text


async def test_a_retried_call_never_waits_for_itself(ask: Any) -> None:
    """An attempt that failed is over: the next one asks at once, also with a long ``max_wait``."""
    with ConverseEndpoint(fail_rate=1) as down:
        set_llm_cache(LLMCache(max_wait=60))
        model = chat_model(down).with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
        with pytest.raises(Exception, match="Exception"):
            await ask(model, ["One?"])
        assert down.calls == 3
