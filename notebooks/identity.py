"""What a hit costs with the model itself in the key, and by LangChain's text of it alone.

    python notebooks/identity.py [--url valkey://localhost:6379/15]

Both take turns in one run, in the cache itself (``lookup``) and as an application sees it
(``invoke``). A ratio is taken within a round; what is printed is the median of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any
from unittest import mock

from langchain_core.caches import BaseCache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from measure import Samples, by_turns
from pydantic import SecretStr

from langchain_llmcache import LLMCache
from langchain_llmcache import cache as cache_module
from langchain_llmcache._request.asking import Asked, who_asks
from langchain_llmcache.demo import demo_model

QUESTION = "What is Amazon ElastiCache for Valkey?"
ANSWER = ChatResult(generations=[ChatGeneration(message=AIMessage("A managed service. " * 20))])


def by_text(_: str, llm_string: str) -> Asked:
    """Do what the cache did before it knew models."""
    asked = Asked(llm_string)
    asked.above = None
    return asked


def turns(call: Callable[[], object], calls: int) -> dict[str, Samples]:
    """Time a hit both ways."""

    def subject(ask: Callable[[str, str], Asked]) -> Callable[[int], object]:
        def ask_so(_: int) -> object:
            cache_module.who_asks = ask  # type: ignore[assignment,attr-defined]
            return call()

        return ask_so

    subjects = {"text": subject(by_text), "model": subject(who_asks)}
    with mock.patch.object(cache_module, "who_asks", who_asks):
        return by_turns(subjects, rounds=100, calls=calls)


class Timing(BaseCache):
    """Times its cache where langchain-core asks it."""

    def __init__(self, inner: LLMCache) -> None:
        self.inner = inner
        self.samples: dict[str, Samples] = {}

    def lookup(self, prompt: str, llm_string: str) -> Any:
        """Look up many times."""
        self.samples = turns(lambda: self.inner.lookup(prompt, llm_string), calls=20)
        return self.inner.lookup(prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        """Do nothing: it is always a hit."""

    def clear(self, **_: Any) -> None:
        """Do nothing."""


def show(what: str, samples: dict[str, Samples]) -> None:
    """Print one line."""
    text, model = samples["text"], samples["model"]
    low, ratio = text.quantile(0.25) * 1e6, model.ratio_to(text)[0]
    print(
        f"{what:24} {low:7.1f} µs by text, {model.quantile(0.25) * 1e6:7.1f} µs, ratio {ratio:.2f}"
    )


def measure(model: BaseChatModel, url: str) -> None:
    """Measure the hits of one model on one store."""
    cache = LLMCache.from_url(url, prefix="identity:")
    model.cache = cache
    for ask in (by_text, who_asks):
        with mock.patch.object(cache_module, "who_asks", ask):
            model.invoke(QUESTION)
    name = f"{type(model).__name__}, {url.partition(':')[0]}"
    show(f"{name}: invoke", turns(lambda: model.invoke(QUESTION), calls=5))
    model.cache = timing = Timing(cache)
    model.invoke(QUESTION)
    show(f"{name}: lookup", timing.samples)
    cache.clear()


def main() -> None:
    """Measure two models, whose texts were enough for a key before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a Valkey server, too")
    url = parser.parse_args().url
    models = [ChatOpenAI(model="gpt-4o", api_key=SecretStr("k")), demo_model()]
    for model in models:
        with mock.patch.object(type(model), "_generate", return_value=ANSWER):
            for store in filter(None, ("memory://", url)):
                measure(model, store)


if __name__ == "__main__":
    main()
