"""What the flow asks of a store and of its caller, and how to run it without an event loop.

Both come in two kinds: for asyncio, and blocking, with methods that are ``async def`` but
never suspend, so that ``run`` can drive the same flow to its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from langchain_core.outputs import Generation

from langchain_llmcache._flow.rounds import Ending
from langchain_llmcache._request.key import AnyScope, Key

T = TypeVar("T")


class Entries(Protocol):
    """Entries (bytes) by key. Any of these may raise anything."""

    async def get(self, key: Key) -> bytes | None:
        """Return the entry, or None."""

    async def put(self, key: Key, entry: bytes, ttl: int | None) -> None:
        """Store the entry together with its TTL (milliseconds; None: forever)."""

    async def delete(self, key: Key) -> bool:
        """Remove the entry; tell whether there was one."""

    async def clear(self, scope: AnyScope) -> int | None:
        """Remove every entry of the scope, or raise; return how many, or None if unknown."""

    async def ping(self) -> None:
        """Return if the store answers, else raise."""


@runtime_checkable
class LeasingEntries(Entries, Protocol):
    """A store in which processes can agree on who asks the model."""

    async def claim(self, key: Key, lease: bytes, milliseconds: int) -> bytes | None:
        """Put a lease where nothing is. Return None, or what is there instead."""

    async def swap(
        self, key: Key, lease: bytes, other: bytes | None, milliseconds: int | None
    ) -> bytes | None:
        """Put another lease in the place of this one, or nothing.

        Args:
            key: Where.
            lease: What is to be there.
            other: What is to be there then; None: nothing.
            milliseconds: How long; None: as long as the old one would have been.

        Returns:
            ``lease`` if that was there; else the lease that is, and None if there is no lease.
        """


class Waiter(Protocol):
    """Where a caller waits until it is woken."""

    def wake(self) -> bool:
        """End the waiting, or the next one, from any thread; tell whether the caller still is."""

    async def wait(self, seconds: float) -> None:
        """Return when woken, or after so many seconds, or earlier."""


class Place(Protocol):
    """Where a caller runs, as far as that can be seen from elsewhere."""

    def is_idle(self) -> bool:
        """Tell whether nothing goes on there: its thread has ended, or its loop does not run."""

    def blocks(self, other: Place) -> bool:
        """Tell whether a caller that waits here keeps ``other`` from going on."""

    def awaits(self) -> set[int]:
        """Return what the code there is seen to wait for: the names of other places."""

    def names(self) -> set[int]:
        """Return what others wait for if they wait for the code there."""


class Caller(Protocol):
    """The thread or task that runs the flow."""

    def place(self) -> Place:
        """Return where it runs."""

    def waiter(self) -> Waiter:
        """Return something to wait on."""

    def may_wait(self) -> bool:
        """Tell whether it can wait for others: a signal handler cannot."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def compute(self, work: Callable[[], T]) -> T:
        """Return the result of work that takes a while, without holding up other callers."""

    def when_gone(self, told: Callable[[Ending], None]) -> None:
        """Call ``told`` when the caller's model call has ended without an answer.

        As soon and as far as that can be seen; more than once, and after an answer, too.
        """

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``work``, now or soon, and again if that was cancelled; its result is dropped."""


class Question(NamedTuple):
    """A request whose question may be answered by the answer to another one.

    Attributes:
        path: The path of its own key.
        scope: Its namespace and model.
        rest: Digest of everything but the question.
        text: The question.
    """

    path: str
    scope: str
    rest: str
    text: str


class Match(NamedTuple):
    """The path of another question's answer, and how similar the two questions are."""

    path: str
    similarity: float


class Matcher(Protocol):
    """What knows which questions mean the same (an option). It never raises, but in ``drop`` and ``remove``."""

    def split(self, prompt: str, llm_string: str) -> tuple[str, str] | None:
        """Return the question of a prompt and the prompt without it; None: it is not for this."""

    async def find(self, question: Question) -> Match | None:
        """Return the question whose answer may be given."""

    async def learn(
        self,
        question: Question,
        generations: Sequence[Generation],
        lifetime: int | None,
        load: Callable[[str], Awaitable[Sequence[Generation] | None]],
    ) -> None:
        """Take in the answer that was just stored for so many milliseconds, now or soon.

        ``load`` returns the stored answer at a path.
        """

    async def drop(self, path: str) -> None:
        """Forget the question whose answer lies there."""

    async def remove(self, covers: Callable[[str], bool], start: str) -> None:
        """Forget the questions whose path ``covers`` accepts; all of them begin alike."""


class Matchers(Protocol):
    """Matching for both kinds of callers."""

    blocking: Matcher
    asynchronous: Matcher

    def stats(self) -> object:
        """Return what matching did."""


@runtime_checkable
class Similarity(Protocol):
    """What a user gives as ``similar=``."""

    def attach(
        self,
        *,
        blocking: Entries,
        asynchronous: Entries,
        prefix: str,
        file: str | None,
        secret: bytes,
        redact: Callable[[str], str] | None,
        seal: object | None,
        told: Callable[[str, Question], None],
    ) -> Matchers:
        """Return matching for one cache."""


class Side(NamedTuple):
    """One side of a cache, sync or async: its entries, the caller that waits, and its matcher."""

    entries: Entries
    caller: Caller
    matcher: Matcher | None = None


class PartlyDownError(ConnectionError):
    """A part of the store does not answer. Others do, so the breaker stays closed."""


class Overloaded(Exception):  # noqa: N818 - not the store's failure
    """Too much was asked of the store at once. It answers, so the breaker stays closed."""


class Refused(Exception):  # noqa: N818 - the server's answer, not its failure
    """The server understood, and said no: it is there, and other commands may work."""


class NotTheStoreError(RuntimeError):
    """The caller cannot ask: it has no event loop of asyncio, or can have no thread.

    So this says nothing about the store.
    """


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end a coroutine that never suspends, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    msg = "a blocking side suspended"
    raise RuntimeError(msg)
