"""What notebook 06 measures, and a script that does it without one.

$ python notebooks/near_identical.py stream    # 10,000 questions with planted errors
$ python notebooks/near_identical.py size      # a near hit among 100,000 questions, on each store
$ python notebooks/near_identical.py exact     # an exact hit, with and without matching
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from langchain_core.caches import BaseCache
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult, Generation
from pydantic import PrivateAttr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from langchain_llmcache import LLMCache, Similar
from langchain_llmcache._similar.index import Item
from langchain_llmcache._similar.language import ENGLISH
from langchain_llmcache._similar.texts import refusal, signature
from tests.similar.pairs import DIFFERENT, PARAPHRASES
from tests.support.servers import ValkeyServer, find_server_binary, search_modules

WIDTH: Final = 256
# Ways to ask one thing that the gate lets pass.
PHRASINGS: Final = (
    "How do I reset device {}?",
    "How can I reset device {}?",
    "How should I reset device {}?",
    "Please tell me how to reset device {}",
    "What is the best way to reset device {}?",
    "What are the steps to reset device {}?",
    "Could you tell me how to reset device {}?",
    "I want to know how to reset device {}",
)


# ------------------------------------------------------------------------------ the parts


@functools.cache
def _word_model() -> Any:
    """Return the static model that the package ``wordllama`` ships."""
    import wordllama

    home = str(Path(wordllama.__file__).parent)
    return wordllama.WordLlama.load(dim=WIDTH, cache_dir=home, disable_download=True)


class WordEmbeddings(Embeddings):
    """Real embeddings without a network: 256 numbers of a static model."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """As LangChain says."""
        vectors: list[list[float]] = _word_model().embed(texts, norm=True).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """As LangChain says."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """As LangChain says; it takes microseconds, so without a thread."""
        return self.embed_documents(texts)


class PlantedEmbeddings(WordEmbeddings):
    """One direction for each device, and a little of one for each way to ask."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """As LangChain says."""
        return [self.vector(text).tolist() for text in texts]

    @staticmethod
    @functools.lru_cache(maxsize=100_000)
    def vector(text: str) -> Any:
        """Return the vector of a question."""
        device = "".join(filter(str.isdigit, text))
        return _of_length_one(_topic(device) + 0.25 * _direction(text, WIDTH))

    def similarity(self, one: str, other: str) -> float:
        """Return the cosine of two questions."""
        return float(self.vector(one) @ self.vector(other))


def _of_length_one(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _direction(text: str, width: int) -> Any:
    return _of_length_one(np.random.default_rng([*text.encode()]).standard_normal(width))


# Real embeddings fill a small part of their space, in which they have neighbours.
_SPACE: Final = _of_length_one(np.random.default_rng(3).standard_normal((24, WIDTH)))


def _topic(text: str) -> Any:
    return _of_length_one(_direction(text, len(_SPACE)) @ _SPACE)


class Oracle(BaseChatModel):
    """A model in this process that knows the answers."""

    # Private: what a model knows is no setting of it.
    _answers: dict[str, str] = PrivateAttr(default_factory=dict)
    _calls: int = PrivateAttr(default=0)

    def __init__(self, answers: dict[str, str], cache: Any) -> None:
        super().__init__(cache=cache)
        self._answers = answers

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return self._calls

    @property
    def _llm_type(self) -> str:
        return "oracle"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": "oracle-1"}

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self._calls += 1
        answer = self._answers[str(messages[-1].content)]
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer))])

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return self._generate(messages)


async def settled() -> None:
    """Wait until what was answered has been learned."""
    # A notebook's loop has tasks of its own, which never end.
    learning = [task for task in asyncio.all_tasks() if "learn" in repr(task.get_coro())]
    await asyncio.gather(*learning, return_exceptions=True)


@contextmanager
def search_server() -> Iterator[ValkeyServer | None]:
    """Run a server that can search; None where there is none."""
    modules = search_modules()
    if not modules or find_server_binary() is None:
        yield None
        return
    with ValkeyServer(*modules) as server:
        yield server


# ------------------------------------------------------------------------------ pairs


@dataclass(frozen=True)
class Asked:
    """Two questions: the first has an answer, the second is asked.

    Attributes:
        kind: Of pair: ``paraphrases``, or how they differ.
        stored: The first.
        new: The second.
        similarity: The cosine of their embeddings.
        refused: Why the gate refuses them; None: it does not.
    """

    kind: str
    stored: str
    new: str
    similarity: float
    refused: str | None

    @property
    def same(self) -> bool:
        """Whether they ask the same thing."""
        return self.kind == "paraphrases"


def pairs() -> list[Asked]:
    """Return the pairs of the tests, with what embeddings and the gate say."""
    groups = {"paraphrases": PARAPHRASES, **DIFFERENT}
    flat = [(kind, left, right) for kind, group in groups.items() for left, right in group]
    one, other = (
        np.asarray(WordEmbeddings().embed_documents(list(texts)))
        for texts in list(zip(*flat, strict=True))[1:]
    )
    cosines = np.sum(one * other, axis=1)
    return [
        Asked(
            kind,
            left,
            right,
            float(cosine),
            refusal(signature(left, ENGLISH), signature(right, ENGLISH)),
        )
        for (kind, left, right), cosine in zip(flat, cosines, strict=True)
    ]


def rates(asked: Sequence[Asked], served: Sequence[bool]) -> tuple[float, float]:
    """Return the share of the paraphrases that are served, and that of the served that is wrong."""
    right = sum(one.same for one, is_served in zip(asked, served, strict=True) if is_served)
    wrong = sum(served) - right
    return right / sum(one.same for one in asked), wrong / max(1, sum(served))


def prompt_of(question: str) -> str:
    """Return a request as LangChain hands it to caches."""
    return dumps([HumanMessage(question)])


def through(cache: BaseCache, asked: Sequence[Asked]) -> list[bool]:
    """Return for which pairs a cache serves the answer to the first question for the second.

    Each pair has a model of its own, so that no other pair is in its way.
    """
    for number, one in enumerate(asked):
        answer = ChatGeneration(message=AIMessage("as stored"))
        cache.update(prompt_of(one.stored), _settings(number), [answer])
    found = []
    for number, one in enumerate(asked):
        found.append(cache.lookup(prompt_of(one.new), _settings(number)) is not None)
    return found


def _settings(number: int) -> str:
    head = {
        "id": ["test", "Model"],
        "kwargs": {"model_name": f"pair-{number}"},
        "lc": 1,
        "type": "constructor",
    }
    return f"{json.dumps(head, sort_keys=True)}---[('stop', None)]"


# ------------------------------------------------------------------------------ the stream


@dataclass
class Stream:
    """What a stream of questions saw.

    Attributes:
        max_error: The bound.
        served: By question: whether a near hit was served.
        wrong: By question: whether it was wrong.
        stopped: Numbers of the questions at which matching stopped.
        back: Numbers of those at which it went on.
        refuted_served: Matches that were served although they had been refuted. There is none.
    """

    max_error: float
    served: list[bool] = field(default_factory=list)
    wrong: list[bool] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    back: list[int] = field(default_factory=list)
    refuted_served: int = 0

    @property
    def error(self) -> float:
        """The share of served matches that were wrong."""
        return sum(self.wrong) / max(1, sum(self.served))


def _questions(count: int, planted: float, devices: int) -> list[tuple[str, str]]:
    """Return questions with their true answers; in the second third, some differ by phrasing."""
    draw = random.Random(7)  # noqa: S311 - a stream that is the same each time
    truth: dict[str, str] = {}
    asked = []
    for number in range(count):
        third = 3 * number // count
        device = third * devices + draw.randrange(devices)
        question = draw.choice(PHRASINGS).format(device)
        other = third == 1 and draw.random() < planted
        truth.setdefault(question, f"{device}: {'as asked here ' + question if other else 'hold'}")
        asked.append((question, truth[question]))
    return asked


async def stream(
    max_error: float,
    *,
    count: int = 10_000,
    planted: float = 0.2,
    url: str = "memory://",
    audited: bool = True,
) -> Stream:
    """Ask questions, a third of which has planted errors, and watch what is served.

    Args:
        max_error: The bound.
        count: How many questions.
        planted: Share of the phrasings in the second third whose true answer is another one.
        url: The store.
        audited: Whether there are audits at all.
    """
    asked = _questions(count, planted, devices=max(20, count // 40))
    embeddings, refuted = PlantedEmbeddings(), dict[str, float]()
    pending = [""]

    def agree(stored: Generation, fresh: Generation) -> bool:
        says = stored.text.partition("|")[0] == fresh.text.partition("|")[0]
        if not says:
            question = stored.text.partition("|")[2]
            similarity = embeddings.similarity(question, pending[0])
            refuted[question] = max(similarity, refuted.get(question, -1.0))
        return says

    similar = Similar(
        embeddings,
        audit=0.1 if audited else 0.0,
        first_audits=int(audited),
        max_error=max_error,
        agree=agree,
        timeout=30,
    )
    cache = LLMCache.from_url(url, similar=similar)
    # What an answer says, and whose answer it is.
    model = Oracle(answers={q: f"{answer}|{q}" for q, answer in asked}, cache=cache)
    seen, serving = Stream(max_error), True
    for number, (question, answer) in enumerate(asked):
        pending[0] = question
        message = await model.ainvoke([HumanMessage(question)])
        await settled()
        says, _, owner = str(message.content).partition("|")
        similarity = message.response_metadata.get("llmcache", {}).get("similarity")
        seen.served.append(similarity is not None)
        seen.wrong.append(similarity is not None and says != answer)
        if similarity is not None and owner in refuted and similarity <= refuted[owner] - 1e-6:
            seen.refuted_served += 1
        now = cache.stats().similar.serving
        if now is not serving:
            (seen.back if now else seen.stopped).append(number)
            serving = now
    await cache.aclose()
    return seen


# ------------------------------------------------------------------------------ the size


@dataclass(frozen=True)
class Timing:
    """Medians, in seconds.

    Attributes:
        store: Which one.
        questions: Among how many.
        near: A near hit, without the embedding.
        exact: An exact hit.
        added: Keeping one question.
        found: Share of the near questions that the search found.
    """

    store: str
    questions: int
    near: float
    exact: float
    added: float
    found: float


async def near_hit(url: str, store: str, *, size: int, asked: int = 200) -> Timing:
    """Time near hits among many questions, by turns with exact hits."""
    embeddings = PlantedEmbeddings()
    similar = Similar(embeddings, audit=0.0, first_audits=0, timeout=30)
    cache = LLMCache.from_url(url, similar=similar, timeout=30)
    questions = [[phrasing.format(n) for n in range(asked)] for phrasing in PHRASINGS[:2]]
    model = Oracle(answers={q: "as ever" for pair in questions for q in pair}, cache=cache)
    for question in questions[0]:
        await model.ainvoke(question)
        await settled()
    added = await _fill(cache, model, size)
    for one in questions:  # loads what is read, and makes the vectors
        await model.ainvoke(one[0])
    near: list[float] = []
    exact: list[float] = []
    for stored, other in zip(*questions, strict=True):
        embeddings.vector(other)
        for question, times in ((other, near), (stored, exact)):
            began = time.perf_counter()
            marker = (await model.ainvoke(question)).response_metadata.get("llmcache", {})
            if marker and ("similarity" in marker) is (times is near):
                times.append(time.perf_counter() - began)
    await cache.aclose()
    return Timing(store, size, median(near), median(exact), added, len(near) / asked)


async def _fill(cache: LLMCache, model: Oracle, size: int) -> float:
    """Put other questions beside those that are asked: the index alone, without answers."""
    matcher: Any = cache._matchers.asynchronous  # type: ignore[union-attr] # noqa: SLF001
    kin = []

    class Spy(type(matcher._index)):  # type: ignore[misc] # noqa: SLF001
        async def nearest(self, kin_: str, vector: bytes, count: int) -> Any:
            kin.append(kin_)
            return []

    index, matcher._matching._index = matcher._index, Spy.__new__(Spy)  # noqa: SLF001
    model._answers["What is it?"] = "It"  # noqa: SLF001
    await model.ainvoke("What is it?")
    matcher._matching._index = index  # noqa: SLF001
    mark = signature("Is it something else?", ENGLISH)
    draw = np.random.default_rng(1)
    vectors = _of_length_one(draw.standard_normal((size, len(_SPACE))) @ _SPACE).astype("<f4")
    began = time.perf_counter()
    for first in range(0, size, 500):
        items = [
            Item(f"oracle-1/{first + n:064x}", "oracle-1", kin[0], vector.tobytes(), mark)
            for n, vector in enumerate(vectors[first : first + 500])
        ]
        await asyncio.gather(*(index.add(item, 3_600_000) for item in items))
    return (time.perf_counter() - began) / max(1, size)


async def sizes(
    size: int = 100_000, stores: Sequence[str] = ("valkey", "sqlite", "memory")
) -> list[Timing]:
    """Time near hits on each store. In the process, 10,000 questions are kept at most."""
    found = []
    with tempfile.TemporaryDirectory() as folder, search_server() as server:
        for store in stores:
            if store == "valkey" and server is None:
                continue
            url = {"valkey": server.url if server else "", "memory": "memory://"}.get(
                store, f"sqlite:///{folder}/near.db"
            )
            most = min(size, 9_000) if store == "memory" else size
            found.append(await near_hit(url, store, size=most))
    return found


# ------------------------------------------------------------------------------ exact hits


def exact(url: str, *, rounds: int = 30, calls: int = 100) -> list[float]:
    """Return the ratios, by round, of an exact hit with matching to one without it."""
    similar = Similar(PlantedEmbeddings(), timeout=30)
    caches = [
        LLMCache.from_url(url, prefix="plain:"),
        LLMCache.from_url(url, prefix="near:", similar=similar),
    ]
    question = PHRASINGS[0].format(1)
    models = [Oracle(answers={question: "as ever"}, cache=cache) for cache in caches]
    for model in models:
        model.invoke(question)
    ratios = []
    for turn in range(rounds + 1):
        took = [0.0, 0.0]
        for _ in range(calls):
            for place in (0, 1) if turn % 2 else (1, 0):
                began = time.perf_counter()
                models[place].invoke(question)
                took[place] += time.perf_counter() - began
        if turn:
            ratios.append(took[1] / took[0])
    for cache in caches:
        cache.close()
    return ratios


def main(what: str) -> None:
    """Do one of the three, and print it."""
    if what == "stream":
        for max_error in (0.01, 0.02, 0.05):
            seen = asyncio.run(stream(max_error))
            print(
                f"max_error {max_error:.0%}: {sum(seen.served)} served, {sum(seen.wrong)} of them "
                f"wrong ({seen.error:.2%}); stopped at {seen.stopped}, back at {seen.back}; "
                f"served though refuted: {seen.refuted_served}"
            )
    elif what == "size":
        for timing in asyncio.run(sizes(int(os.environ.get("SIZE", "100000")))):
            print(
                f"{timing.store}: near hit {1e3 * timing.near:.2f} ms beside the embedding, exact "
                f"hit {1e3 * timing.exact:.2f} ms, among {timing.questions} questions; each was "
                f"added in {1e6 * timing.added:.0f} µs; {timing.found:.0%} were found"
            )
    elif what == "exact":
        ratios = sorted(exact("memory://"))
        print(f"an exact hit with matching to one without: {median(ratios):.3f}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
