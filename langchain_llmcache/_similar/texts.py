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
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

from langchain_llmcache._similar.language import Language, words

Refusal: TypeAlias = Literal[
    "tables", "numbers", "names", "literals", "negation", "opposites", "question", "words", "order"
]

# What reading a row of an index raises that this version did not write.
UNREADABLE: Final = (
    AttributeError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)

# Texts that are longer are documents, not questions.
LONGEST: Final = 2000

_TOKEN: Final = re.compile(
    r"(?P<literal>https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.-]+"  # addresses
    r"|```.*?```|`[^`\n]+`|\"[^\"\n]+\"|“[^”\n]+”|«[^»\n]+»|(?<!\w)'[^'\n]{2,}'(?!\w)"  # quotations
    r"|[^\W\d]\w*(?:[_:/\\]\w+)+(?:\(\))?|[^\W\d]\w*\(\)|\w+(?:\.[^\W\d]\w+){1,}(?:\(\))?"  # code
    r"|(?<!\w)--?[a-z][\w-]*|/\w[\w./-]*|(?<=\s)[^\w\s]+(?=\s)|[:;=][-']?[()DPpO/\\|]"
    r"|(?<![^\W_])[A-Z][+-](?![^\W_])|(?<=\d)[!'\"]|\.[A-Z]\w+\b)"  # grades, factorials, .NET
    r"|(?P<number>[-+−]?[$€£¥]?\.?\d+(?:[.,:/]\d+)*(?:(?:st|nd|rd|th)\b)?\s?(?:[%°$€£¥]|[^\W\d_]+\b)?)"
    r"|(?P<word>[^\W\d_][^\W_]*(?:['’-][^\W_]+)*(?:\+\+|\#)?\.?(?=\W|$)|[^\W_]+)"
    r"|(?P<symbol>[^\w\s.,;:!?()\[\]{}'\"’“”…-])",
    re.DOTALL,
)
# Code among words: what stands before, in or after them is not the punctuation of a sentence.
_CODE: Final = re.compile(
    r"""(?<!\S)(?:
        [.!?,;:'"…()]+(?=\s+\S)                       # "..." and "!" that stand alone
      | [(\["']*(?:[!~?]|\.\.?(?=[/\\\w]))[\w/\\(]\S*     # !x, ./a, ../a
      | \S*[\[\]{}<>\\|^*~@\#=&]\S*                    # [a-z], a|b, x->y
      | \S*\(\?\S*                                     # (?:a)
      | \w+(?:[?!](?=\s+[a-z])|'(?=\s|[?.!]*$))         # x? and a' amid a sentence
      | \w+\.\.+\w+|\w+(?:--|\+\+)(?!\w)|_\w*|\w+_(?!\w)     # 1..5, x--, _x, x_
      | \w[\w.]*'*\(\S*                                   # f(x), f'(x)
      | [a-z]{2,}[A-Z]\w*                               # fooBar
    )""",
    re.VERBOSE,
)
_TOKEN_OF_FORMULA: Final = re.compile(_TOKEN.pattern + r"|(?P<bracket>[()\[\]{}])", re.DOTALL)
_UNIT: Final = re.compile(r"^(?P<amount>.*?\d)\s*(?P<unit>[^\d\s]*)$")
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?:]\s+|\n\s*)$")
# Letters of a short word that are all capital are a name in any place.
_ACRONYM: Final = re.compile(r"[^\W\d_a-z]{2,}|[^\W\d_]+[A-Z][^\W_]*")
_MONTHS_AND_DAYS: Final = words(
    "january february april june july august september october november december monday "
    "tuesday wednesday thursday friday saturday sunday"
)
_PAST: Final = re.compile(r"\w{3,}ed")
_HOW_MUCH: Final = words(
    "many much long far old often tall big fast deep wide large high soon heavy hot"
)
# In units of few letters, a capital is another unit (Mb and MB), except in these.
_SHORT_UNIT: Final = 4
_UNITS_IN_ANY_CASE: Final = words(
    "am pm km kg cm mm lb lbs oz ft mph kmh usd eur gbp inr day days year hour week best top"
)
# Of names of few letters, each letter's case counts: Pa and PA.
_SHORT_NAME: Final = 3
# What an apostrophe parts from a word, with what it stands for; "'s" and "'d" stand for several words.
_TAILS: Final = {"s": "'s", "d": "'d", "m": "am", "re": "are", "ve": "have", "ll": "will"}
# With fewer words besides those that are light, "the" makes another question: "what is the time".
_TOLD_BY_ARTICLES: Final = 3
# An "A" amid a sentence is a name: vitamin A.
_LETTERS: Final = frozenset("A")
_ARTICLES: Final = {"a": "a", "an": "a", "the": "t"}
# "What are" asks for several things, "what is" for one.
_SEVERAL: Final = frozenset(["are", "were"])
# Fewer words have no order that could tell a turned phrase from a swap.
_TURNED_FROM: Final = 4
# Marks the digest of a word that a turned phrase may begin with.
_FRONT: Final = "<"
_SUPERLATIVE: Final = re.compile(r"\w{2,}(?:est|most)")
_AS_NAME: Final = " as a name"
_SHORTEST_STEM: Final = 3
_SIGN_OF_CODE: Final = re.compile(r"[\[\](){}<>;=_#$/\\]")
_FORMULA: Final = re.compile(r"[\d=*/^<>]")
# What a letter or a digit that is raised, lowered or a fraction gets in front when it becomes a plain one.
_RAISED: Final = {"<super>": "^", "<sub>": "_", "<fraction>": " "}


@dataclass(frozen=True)
class Signature:
    """What decides what a text asks.

    Attributes:
        tables: The version of the language's tables.
        numbers: Numbers with their units and dates, in order.
        names: Names, in order.
        written: Names as they are written, where capitals are used with care; else None.
        literals: Quoted text, code, identifiers and addresses, in order.
        auxiliaries: The kinds of auxiliary verbs, in order.
        negations: How many negations there are.
        opposites: Sides of the pairs of opposites that occur.
        question: The kinds of answer wanted, the tense and the persons.
        articles: Words with an article, each behind what kind it is: "a", "t" (the), or "b" (a
            plural without one).
        mark: What stands between the parts of a statement, and "?" if that makes it a question.
        words: All words that are not light, with numbers and literals, in order.
        fixed: Whether the order of the words is part of the meaning in any case.
    """

    tables: str
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    written: tuple[str, ...] | None
    literals: tuple[str, ...]
    negations: int
    opposites: tuple[str, ...]
    question: tuple[str, ...]
    auxiliaries: tuple[str, ...]
    articles: tuple[str, ...]
    mark: str
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
        lists = "numbers names literals opposites question auxiliaries articles words".split()
        return cls(
            tables=str(data["tables"]),
            negations=int(data["negations"]),
            mark=str(data["mark"]),
            written=None if data["written"] is None else tuple(map(str, data["written"])),
            fixed=bool(data["fixed"]),
            **{name: tuple(map(str, data[name])) for name in lists},
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
        ("question", asked.auxiliaries == stored.auxiliaries),
        ("question", asked.mark == stored.mark),
        ("names", sorted(_shared(asked, stored)) == sorted(_shared(stored, asked))),
        ("names", None in (asked.written, stored.written) or asked.written == stored.written),
        ("words", sorted(asked.words) == sorted(stored.words)),
        ("words", _same_articles(asked, stored)),
        ("order", _same_order(asked, stored)),
    )
    return next((name for name, holds in checks if not holds), None)


def _shared(one: Signature, other: Signature) -> list[str]:
    """Return the words of ``one`` that either text writes as a name."""
    names = {*one.names, *other.names}
    return [word for word in one.words if word in names]


def _same_articles(asked: Signature, stored: Signature) -> bool:
    """Tell whether no word is definite in one text only, as far as that matters.

    "A president" is not "the president" in any text. An article that one of them leaves out matters
    in short ones: "what is the time".
    """
    if min(len(asked.words), len(stored.words)) < _TOLD_BY_ARTICLES:
        return _definite(asked, stored) and _definite(stored, asked)
    turned = str.maketrans("at", "ta")
    left, right = set(asked.articles), set(stored.articles)
    return not any(
        kind[0].translate(turned) + kind[1:] in right and kind not in right for kind in left
    )


def _definite(one: Signature, other: Signature) -> bool:
    """Tell whether all articles of a short text are in the other one: "eggs" are "an egg"."""
    plural = any(kind[0] == "b" for kind in other.articles)
    return all(
        kind[0] == "b" or kind in other.articles or (kind[0] == "a" and plural)
        for kind in one.articles
    )


def _plain(text: str) -> str:
    """Return a text in plain letters and digits: x² is x^2, which is not x2."""
    if not text.isascii():
        text = "".join(f"{_mark(letter)}{letter}" for letter in text)
    return unicodedata.normalize("NFKC", text)


def _mark(letter: str) -> str:
    kind = unicodedata.decomposition(letter).partition(" ")[0]
    # (H₂O is H2O.)
    return "" if kind == "<sub>" and letter.isdigit() else _RAISED.get(kind, "")


def _whole(text: str) -> str:
    """Return a text of no known language: each letter counts, in code its case too."""
    whole = " ".join(text.split())
    return whole if _SIGN_OF_CODE.search(whole) else whole.lower()


def _layout(text: str) -> str:
    """Return how the lines of a text are indented, of which code, lists and settings consist."""
    return "\n".join(line[: -len(line.lstrip())] for line in text.split("\n") if line.strip())


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

    "In Paris, what is the weather?" turns "What is the weather in Paris?" round: its last phrase,
    which a word such as "in" begins, stands first. A swap of two names is no such turn, and where
    there is a word of direction none is believed.
    """
    if asked.words == stored.words:
        return True
    if asked.fixed or stored.fixed or len(asked.words) < _TURNED_FROM:
        return False
    if _in_order(asked) != _in_order(stored):
        return False
    return _turns(asked.words, stored.words) or _turns(stored.words, asked.words)


def _turns(plain: tuple[str, ...], turned: tuple[str, ...]) -> bool:
    return any(
        plain[place:] + plain[:place] == turned
        for place in range(1, len(plain))
        if plain[place].startswith(_FRONT)
    )


def _in_order(text: Signature) -> tuple[str, ...]:
    return text.names if len(text.names) > 1 else ()


@dataclass
class _Reading:
    """What was read of a text so far."""

    numbers: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    literals: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # every word, light ones too
    articles: list[tuple[str, str]] = field(default_factory=list)
    article: str = ""  # that of the next word
    known: bool = True  # whether it is in the language of the tables
    marks: str | None = None  # those of a statement, None where something is asked
    written: list[str] = field(default_factory=list)
    cased: bool = False  # whether capitals are used with care
    before: str = ""  # the word before


class _Reader:
    def __init__(self, language: Language, secret: bytes) -> None:
        self._language = language
        self._secret = secret

    def read(self, text: str) -> Signature:
        plain = _plain(text).replace("’", "'").strip()
        if plain.isupper() and " " in plain:
            plain = plain.lower()
        known = self._knows(plain)
        framed = self._without_framing(plain) if known else plain
        tokens = list(_tokens(framed, brackets=bool(_FORMULA.search(framed))))
        seen = [part for kind, token, _ in tokens if kind == "word" for part in self._parts(token)]
        asked = known and self._language.mentions.isdisjoint(seen)
        read = _Reading(seen=seen, known=asked, marks=self._marks(plain, framed))
        layout = _layout(plain)
        read.literals += [layout] if "\n" in layout else []
        read.literals += _CODE.findall(plain) if known else [_whole(plain)]
        if known and not asked:
            read.literals.append(_whole(framed.rstrip(" ?.!")))
        read.cased = plain[:1].isupper() and not self._is_headline(tokens)
        counted = (
            read.marks is not None
            or not self._language.counting.isdisjoint(seen)
            or any(map(_SUPERLATIVE.fullmatch, seen))
        )
        for kind, token, first in tokens:
            if kind == "word":
                self._word(token, read, first=first, counted=counted)
            else:
                self._thing(kind, token, read)
        self._letter(read)
        if not read.words:  # "So what?": it stands for itself
            read.words.append(framed.casefold())
        return self._signature(read)

    def _knows(self, text: str) -> bool:
        """Tell whether a text is in the language of the tables."""
        words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text)
        parts = {part for word in words for part in self._parts(word)}
        foreign = self._language.foreign.intersection(words)
        return not foreign and not self._language.markers.isdisjoint(parts)

    def _is_headline(self, tokens: list[tuple[str, str, bool]]) -> bool:
        """Tell whether small words have capitals too: "How To Learn Docker"."""
        return any(
            token.istitle()
            and not first
            and len(token) > 1
            and self._parts(token)[0] in self._language.common
            for kind, token, first in tokens
            if kind == "word"
        )

    def _marks(self, plain: str, framed: str) -> str | None:
        """Return the punctuation of a statement or a command, None for what is a question."""
        if self._asks(framed):
            return None
        inner = "".join(re.findall(r"[.,;:!?](?=\s)", framed.rstrip()))
        asked = plain.rstrip("\"')”» ")[-1:] in {"?", "؟"} and framed == plain
        return inner + "?" * asked

    def _asks(self, text: str) -> bool:
        """Tell whether a text begins with a question word or an auxiliary, or goes on with one."""
        language = self._language
        begins = re.findall(r"(?:^|[.,;:!?]\s+)([\w']+)(?:\s+([\w']+))?", text)
        heads = [[self._parts(word)[0] for word in words] for words in begins] or [["", ""]]
        return heads[0][0] in language.auxiliaries or any(
            head in language.questions
            or (head in language.fronting | language.directions and after in language.questions)
            for head, after in heads
        )

    def _signature(self, read: _Reading) -> Signature:
        language, seen = self._language, read.seen
        digest = self._digest
        kinds = [language.auxiliaries[word] for word in seen if word in language.auxiliaries]
        return Signature(
            tables=language.version,
            numbers=tuple(map(digest, read.numbers)),
            names=tuple(map(digest, read.names)),
            written=tuple(sorted(map(digest, read.written))) if read.cased else None,
            literals=tuple(map(digest, read.literals)),
            negations=sum(word in language.negations for word in seen),
            opposites=self._opposites(seen),
            question=self._question(seen),
            auxiliaries=tuple(filter(None, kinds)),
            articles=tuple(kind + digest(word) for kind, word in read.articles),
            mark=read.marks or "",
            words=tuple(
                (_FRONT if word in language.fronting else "") + digest(word) for word in read.words
            ),
            fixed=not read.known or not language.directions.isdisjoint(seen),
        )

    def _thing(self, kind: str, token: str, read: _Reading) -> None:
        """Take in a number, or what is compared as it stands."""
        value = _number(token) if kind == "number" else token
        (read.numbers if kind == "number" else read.literals).append(value)
        read.words.append(value)

    def _parts(self, token: str) -> list[str]:
        """Return a word in the words that it stands for."""
        word = token.lower().removesuffix(".")
        if len(word) > 1 and token.removesuffix(".").isupper() and word in self._language.small:
            return [f"{word}{_AS_NAME}"]  # US, IT, WHO
        spelled = self._language.contractions.get(word)
        if spelled is None and word.endswith("n't") and self._language.contractions:
            spelled = f"{word[:-3]} not"
        return spelled.split() if spelled else list(_tail_apart(word))

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

    def _word(self, token: str, read: _Reading, *, first: bool, counted: bool) -> None:
        language = self._language
        acronym = bool(_ACRONYM.fullmatch(token.rstrip("."))) or (not first and token in _LETTERS)
        named = acronym or any(part[:1].isupper() for part in token.split("-")[first:])
        for part in self._parts(token):
            value = language.numbers.get(part) or (part if part in _MONTHS_AND_DAYS else None)
            special = acronym or (named and part in language.capitals)
            if value is not None:
                read.numbers.append(value)
                read.words.append(value)
            elif special or not self._is_light(part, read):
                name = named and part not in {"i", "'s"}
                exact = (
                    counted
                    or (name and not acronym)
                    or (acronym and token.isupper())  # HTTPS is not several of HTTP
                    or part in language.fronting
                    or language.questions.get(read.before) == "what"
                )
                if part in language.fronting or part in language.directions:
                    self._letter(read)
                word = part if exact or not read.known else self._singular(part)
                bare = word != part
                word = word if name and not acronym else language.canonical.get(word, word)
                self._article(read, word, bare=bare)
                if name and (part in language.capitals or len(part) == 1):
                    word += _AS_NAME
                read.words.append(word)
                if name:
                    read.names.append(word)
                    short = len(part) <= _SHORT_NAME and part not in language.canonical
                    if word not in language.proper:
                        read.written.append(token[: len(part)] if short else word)
            elif part in _ARTICLES:
                read.article = _ARTICLES[part]
            elif part in language.auxiliaries:
                self._letter(read)
            read.before = part

    def _letter(self, read: _Reading) -> None:
        """Take in an "a" that is not an article, because no noun follows: "vitamin a"."""
        if read.article and read.known:
            read.words.append(read.article)
        read.article = ""

    def _article(self, read: _Reading, word: str, *, bare: bool) -> None:
        """Note the article of a word."""
        kind = read.article or ("b" if bare else "")
        read.article = ""
        if kind:
            read.articles.append((kind, word))

    def _is_light(self, word: str, read: _Reading) -> bool:
        """Tell whether a word is left out: it may come and go, or is looked at elsewhere."""
        language = self._language
        if not read.known or word in language.light:
            return read.known
        return word in language.questions or (word in language.auxiliaries and read.marks is None)

    def _singular(self, word: str) -> str:
        """Return the singular of a word: too little rather than too much."""
        language = self._language
        if word in language.plurals or word.endswith(("ss", "us", "is", "ics")):
            return word
        for ending, instead in language.endings:
            stem = word.removesuffix(ending)
            if stem != word and len(stem) >= _SHORTEST_STEM:
                return stem + instead
        return word

    def _opposites(self, seen: list[str]) -> tuple[str, ...]:
        sides = self._language.sides
        found = chain.from_iterable(
            sides.get(word) or sides.get(self._singular(word)) or () for word in seen
        )
        return tuple(sorted(set(found)))

    def _question(self, seen: list[str]) -> tuple[str, ...]:
        """Return the kinds of answer that are wanted, the tense, and whom it is about."""
        language = self._language
        kinds = [
            f"how {following}"
            if word == "how" and following in _HOW_MUCH
            else language.questions[word] + (" several" if following in _SEVERAL else "")
            for word, following in zip(seen, chain(seen[1:], ("",)), strict=False)
            if word in language.questions
        ]
        if not kinds and language.questions and seen and seen[0] in language.auxiliaries:
            kinds = ["whether"]
        past = any(word in language.past or bool(_PAST.fullmatch(word)) for word in seen)
        future = any(word in language.future for word in seen)
        persons = sorted(set(seen) & language.persons)
        tense = ["past"] * past + ["future"] * future
        return (*filter(None, kinds), *tense, *persons)

    def _digest(self, word: str) -> str:
        return hmac.new(
            self._secret, word.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()[:12]


def _tokens(text: str, *, brackets: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield kind, token and whether it begins a sentence; brackets only where they count."""
    for match in (_TOKEN_OF_FORMULA if brackets else _TOKEN).finditer(text):
        kind = str(match.lastgroup)
        token = match.group()
        yield kind, token, bool(_SENTENCE_START.search(text[: match.start()][-4:]))


def _tail_apart(word: str) -> tuple[str, ...]:
    """Return a word and what an apostrophe parts from it."""
    head, apostrophe, tail = word.partition("'")
    if not apostrophe or tail not in _TAILS:
        return (word,)
    return (head, _TAILS[tail])


def _number(token: str) -> str:
    """Return a number as digits and unit: ``1,000 km`` and ``1000km`` are one."""
    match = _UNIT.match(token.replace("−", "-"))
    amount, unit = (match["amount"], match["unit"]) if match else (token, "")
    amount = re.sub(r"(?<=\d),(?=\d{3}\b)", "", amount)
    lower = unit.lower().replace("percent", "%")
    if len(unit) > _SHORT_UNIT or lower in _UNITS_IN_ANY_CASE or lower == "%":
        unit = lower
    return f"{amount} {unit}".strip()
