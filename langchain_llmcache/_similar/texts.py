"""The gate: what two questions must have in common besides a similar vector.

Embeddings bring questions together that differ in a number, a name, a negation or the order of
two names. So a question is reduced to a *signature*: the things in it that decide what is asked,
in their order. Two questions may share an answer only if their signatures agree.

A signature holds digests of words, not words: it can be stored where the question must not be.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

from langchain_llmcache._similar.language import Language

Refusal: TypeAlias = Literal[
    "tables", "numbers", "names", "literals", "negation", "opposites", "question", "words", "order"
]

# Texts that are longer are documents, not questions.
LONGEST: Final = 2000

_TOKEN: Final = re.compile(
    r"(?P<literal>https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.-]+"  # addresses
    r"|```.*?```|`[^`\n]+`|\"[^\"\n]+\"|“[^”\n]+”|«[^»\n]+»|(?<!\w)'[^'\n]{2,}'(?!\w)"  # quotations
    r"|[^\W\d]\w*(?:[_:/\\]\w+)+(?:\(\))?|[^\W\d]\w*\(\)|\w+(?:\.[^\W\d]\w+){1,}(?:\(\))?"  # code
    r"|(?<!\w)--?[a-z][\w-]*|/\w[\w./-]*)"
    r"|(?P<number>[-+−]?[$€£¥]?\d+(?:[.,:/]\d+)*(?:(?:st|nd|rd|th)\b)?\s?(?:[%°$€£¥]|[^\W\d_]+\b)?)"
    r"|(?P<word>[^\W\d_][^\W_]*(?:['’-][^\W_]+)*(?:\+\+|\#)?\.?(?=\W|$)|[^\W_]+)"
    r"|(?P<symbol>[^\w\s.,;:!?()\[\]{}'\"’“”…-])",
    re.DOTALL,
)
_UNIT: Final = re.compile(r"^(?P<amount>.*?\d)\s*(?P<unit>[^\d\s]*)$")
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?:]\s+|\n\s*)$")
# Letters of a short word that are all capital are a name in any place.
_ACRONYM: Final = re.compile(r"[^\W\d_a-z]{2,}|[^\W\d_]+[A-Z][^\W_]*")
_MONTHS_AND_DAYS: Final = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ]
) - {"march", "may"}
_PAST: Final = re.compile(r"\w{3,}ed")
_HOW_MUCH: Final = frozenset(
    [
        "many",
        "much",
        "long",
        "far",
        "old",
        "often",
        "tall",
        "big",
        "fast",
        "deep",
        "wide",
        "large",
        "high",
        "soon",
        "heavy",
        "hot",
    ]
)
# Fewer content words have no order that could tell a turned phrase from a swap.
_TURNED_FROM: Final = 3


@dataclass(frozen=True)
class Signature:
    """What decides what a text asks.

    Attributes:
        tables: The version of the language's tables.
        numbers: Numbers with their units and dates, in order.
        names: Names, in order.
        literals: Quoted text, code, identifiers and addresses, in order.
        negations: How many negations there are.
        opposites: Sides of the pairs of opposites that occur.
        question: The kinds of answer wanted, the tense and the persons.
        words: All other content words, names among them, in order.
        fixed: Whether the order of the words is part of the meaning in any case.
    """

    tables: str
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    literals: tuple[str, ...]
    negations: int
    opposites: tuple[str, ...]
    question: tuple[str, ...]
    words: tuple[str, ...]
    fixed: bool

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> Signature:
        """Return the signature of ``as_data``.

        Raises:
            KeyError, TypeError: if this is something else.
        """
        lists = {
            name: tuple(map(str, data[name]))
            for name in ("numbers", "names", "literals", "opposites", "question", "words")
        }
        return cls(
            tables=str(data["tables"]),
            negations=int(data["negations"]),
            fixed=bool(data["fixed"]),
            **lists,
        )


def signature(text: str, language: Language, secret: bytes = b"") -> Signature:
    """Return what decides what ``text`` asks.

    Args:
        text: A question.
        language: Tables of words.
        secret: Makes the digests of words HMACs.
    """
    return _Reader(language, secret).read(text)


def refusal(asked: Signature, stored: Signature) -> Refusal | None:
    """Return why two questions may not share an answer, or None if nothing speaks against it."""
    checks: tuple[tuple[Refusal, bool], ...] = (
        ("tables", asked.tables == stored.tables),
        ("numbers", asked.numbers == stored.numbers),
        ("literals", asked.literals == stored.literals),
        ("negation", asked.negations == stored.negations),
        ("opposites", not _opposed(asked.opposites, stored.opposites)),
        ("question", asked.question == stored.question),
        ("names", sorted(_shared(asked, stored)) == sorted(_shared(stored, asked))),
        ("words", sorted(asked.words) == sorted(stored.words)),
        ("order", _same_order(asked, stored)),
    )
    return next((name for name, holds in checks if not holds), None)


def _shared(one: Signature, other: Signature) -> list[str]:
    """Return the words of ``one`` that either text writes as a name."""
    names = {*one.names, *other.names}
    return [word for word in one.words if word in names]


def _opposed(asked: tuple[str, ...], stored: tuple[str, ...]) -> bool:
    """Tell whether one text has a side of a pair, and the other one only the other side."""
    left, right = set(asked), set(stored)
    turned = str.maketrans("+-", "-+")
    return any(
        side.translate(turned) in right and side not in right and side.translate(turned) not in left
        for side in left
    )


def _same_order(asked: Signature, stored: Signature) -> bool:
    """Tell whether the words stand in one order, or the same phrases in another one.

    "In Paris, what is the weather?" turns "What is the weather in Paris?" round. A swap of two
    names is no such turn, and where a word of direction stands between them none is believed.
    """
    if asked.words == stored.words:
        return True
    if asked.fixed or stored.fixed or len(asked.words) < _TURNED_FROM:
        return False
    if _in_order(asked) != _in_order(stored):
        return False
    return any(
        asked.words[turn:] + asked.words[:turn] == stored.words
        for turn in range(1, len(asked.words))
    )


def _in_order(text: Signature) -> tuple[str, ...]:
    return text.names if len(text.names) > 1 else ()


class _Reader:
    def __init__(self, language: Language, secret: bytes) -> None:
        self._language = language
        self._secret = secret

    def read(self, text: str) -> Signature:
        plain = unicodedata.normalize("NFKC", text).replace("’", "'").strip()
        framed = self._without_framing(plain)
        numbers: list[str] = []
        names: list[str] = []
        literals: list[str] = []
        words: list[str] = []
        seen: list[str] = []  # every word, light ones too
        for kind, token, first in _tokens(framed):
            if kind in {"literal", "symbol"}:
                literals.append(token)
            elif kind == "number":
                numbers.append(_number(token))
            else:
                self._word(token, numbers, names, words, seen, first=first)
        digest = self._digest
        return Signature(
            tables=self._language.version,
            numbers=tuple(map(digest, numbers)),
            names=tuple(map(digest, names)),
            literals=tuple(map(digest, literals)),
            negations=sum(map(self._is_negation, seen)),
            opposites=self._opposites(seen),
            question=self._question(seen),
            words=tuple(map(digest, words)),
            fixed=not self._language.light.intersection(seen)
            or bool(self._language.directions.intersection(seen)),
        )

    def _without_framing(self, text: str) -> str:
        """Return the text without polite or wordy beginnings; its names keep their capitals."""
        changed = True
        while changed:
            changed = False
            for pattern, instead in self._language.framing:
                shorter = re.sub(pattern, instead, text, flags=re.IGNORECASE)
                if shorter != text and shorter.strip(" ?.!"):
                    text, changed = shorter, True
        return text

    def _word(
        self,
        token: str,
        numbers: list[str],
        names: list[str],
        words: list[str],
        seen: list[str],
        *,
        first: bool,
    ) -> None:
        language = self._language
        word = token.casefold().rstrip(".") if token[:-1].count(".") == 0 else token.casefold()
        for part in _parts(word):
            seen.append(part)
            if part in language.numbers:
                numbers.append(language.numbers[part])
                return
            if part in _MONTHS_AND_DAYS:
                numbers.append(part)
                return
            named = (token[:1].isupper() and not first and part != "i") or bool(
                _ACRONYM.fullmatch(token)
            )
            if self._is_light(part) and not (named and _ACRONYM.fullmatch(token)):
                continue
            canonical = self._canonical(part)
            words.append(canonical)
            if named:
                names.append(canonical)

    def _is_light(self, word: str) -> bool:
        language = self._language
        return (
            word in language.light
            or word in language.questions
            or word in language.negations
            or word in language.persons
        )

    def _canonical(self, word: str) -> str:
        known = self._language.canonical
        stem = known.get(word) or _stem(word)
        return known.get(stem, stem)

    def _is_negation(self, word: str) -> bool:
        return word in self._language.negations

    def _opposites(self, seen: list[str]) -> tuple[str, ...]:
        sides = self._language.sides
        found = chain.from_iterable(
            sides.get(word) or sides.get(_stem(word)) or () for word in seen
        )
        return tuple(sorted(set(found)))

    def _question(self, seen: list[str]) -> tuple[str, ...]:
        """Return the kinds of answer that are wanted, the tense, and whom it is about."""
        language = self._language
        kinds = [
            f"how {following}"
            if word == "how" and following in _HOW_MUCH
            else language.questions[word]
            for word, following in zip(seen, chain(seen[1:], ("",)), strict=False)
            if word in language.questions
        ]
        if not kinds and language.questions and seen and seen[0] in language.light:
            kinds = [_MODALS.get(seen[0], "")]
        past = any(word in language.past or bool(_PAST.fullmatch(word)) for word in seen)
        future = any(word in language.future for word in seen)
        persons = sorted(set(seen) & language.persons)
        tense = ["past"] * past + ["future"] * future
        return (*filter(None, kinds), *tense, *persons)

    def _digest(self, word: str) -> str:
        return hmac.new(
            self._secret, word.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()[:12]


# What a question that is answered by yes or no asks for.
_MODALS: Final = {
    word: f"whether {kind}"
    for kind, words in {
        "is": "is are am was were",
        "does": "do does did have has had",
        "can": "can could may might",
        "should": "should shall must",
        "will": "will would",
    }.items()
    for word in words.split()
}


def _tokens(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield kind, token and whether it begins a sentence."""
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        token = match.group()
        yield kind, token, bool(_SENTENCE_START.search(text[: match.start()][-4:]))


def _parts(word: str) -> tuple[str, ...]:
    """Return a word in the parts that mean something by themselves."""
    if word.endswith("n't") or "'" not in word:
        return (word,)
    head, _, tail = word.partition("'")
    return (head, f"'{tail}") if tail in {"s", "m", "re", "ve", "d", "ll"} else (word,)


def _number(token: str) -> str:
    """Return a number as digits and unit: ``1,000 km`` and ``1000km`` are one."""
    match = _UNIT.match(token.replace("−", "-"))
    amount, unit = (match["amount"], match["unit"]) if match else (token, "")
    amount = re.sub(r"(?<=\d),(?=\d{3}\b)", "", amount)
    return f"{amount} {unit.casefold()}".strip()


_ENDINGS: Final[tuple[tuple[str, str], ...]] = (
    ("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("s", ""),
    ("ing", ""), ("ied", "y"), ("ed", ""),
)  # fmt: skip
_SHORTEST_STEM: Final = 3


def _stem(word: str) -> str:
    """Return a word without its plural or its ending of a verb; too little rather than too much."""
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _SHORTEST_STEM or word.endswith(("ss", "us", "is")):
            continue
        if ending in {"ing", "ed"}:
            if not re.search(r"[aeiouy]", stem):
                continue
            if stem[-1] == stem[-2] and stem[-1] not in "lsz":
                stem = stem[:-1]
        return (stem + instead).removesuffix("e")
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


Same: TypeAlias = Callable[[str, str], bool]
