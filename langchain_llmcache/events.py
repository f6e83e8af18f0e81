"""Events: one frozen object for everything that a cache does.

Never a prompt, an answer, an llm_string or a credential: of a request, its namespace, its
model and the beginning of its digest; of an error, what the log says of it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["closed", "open", "half-open"]


EventKind: TypeAlias = Literal[
    "hit",
    "miss",
    "wait",
    "bypass",
    "store",
    "declined",
    "refused",
    "uncacheable",
    "corrupt",
    "denied",
    "error",
    "shed",
    "skipped",
    "heal",
    "similar",
    "delete",
    "clear",
    "breaker",
]


@dataclass(frozen=True)
class CacheEvent:
    """Something that a cache did. What does not apply is None, or 0 for tokens and bytes.

    Attributes:
        kind: What happened, in the words of ``CacheStats``: ``hit``, ``miss``, ``wait``
            (a caller began to wait for another's answer; a hit or a miss follows), ``bypass``
            (not looked up, ``read=False``), ``store``, ``declined``, ``refused``,
            ``uncacheable``, ``corrupt``, ``denied``, ``error``, ``shed`` (too much at once),
            ``skipped`` (the breaker is open), ``heal`` (an entry was removed because a parser
            refused its answer), ``similar`` (what came of looking for a question that means the
            same), ``delete``, ``clear``, ``breaker`` (it changed its state).
        time: When, Unix seconds.
        namespace: Of the request or of the command, outermost part first.
        model: The model's name, where the request tells.
        digest: The first 12 hex digits of the key's digest: enough for ``llmcache show``.
        seconds: How long the lookup took, waiting included, or the store.
        age: Seconds since the answer of a hit was stored.
        saved: Seconds that the model took when it was asked, that is what a hit saves.
        input_tokens: Of a hit, what asking the model would have used; of a store, what it used.
        output_tokens: Likewise.
        money: What those tokens cost by the cache's ``prices``.
        bytes: Size of the entry.
        reason: Why, in words.
        error: Name of the exception's class.
        advice: Name of a misconfiguration that is known, such as ``wrong-password``.
        breaker: The state that it changed to: ``closed``, ``open`` or ``half-open``.
        count: How many entries a ``delete`` or a ``clear`` removed, where the store tells.
        cache: Which cache, as in its log lines: scheme, host and port of its store (never a
            user or a password), and its own namespace.
    """

    kind: EventKind
    time: float
    namespace: tuple[str, ...] = ()
    model: str | None = None
    digest: str | None = None
    seconds: float | None = None
    age: float | None = None
    saved: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    money: float | None = None
    bytes: int = 0
    reason: str | None = None
    error: str | None = None
    advice: str | None = None
    breaker: State | None = None
    count: int | None = None
    cache: str = ""


Listener: TypeAlias = Callable[[CacheEvent], object]
