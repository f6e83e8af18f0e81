"""What a language's words do to the meaning of a question: the tables of the gate.

English is built in. A table for another language is a ``Language`` with its own words; without
one, texts of that language match only where they have the same words in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class Language:
    """The words of a language that the gate knows.

    Attributes:
        light: Words that may come and go without changing what is asked.
        negations: Words that turn a meaning round.
        opposites: Pairs of words that never stand for each other.
        synonyms: Groups of words that may stand for each other.
        framing: Regular expressions (of lower-case text) for polite or wordy beginnings, each
            with what stands in its place.
        questions: Words that say what kind of answer is wanted, each with its kind.
        directions: Words that make the order of what they connect matter.
        numbers: Number words, each with its digits.
        past: Words that place a question in the past.
        future: Words that place it in the future.
        persons: Pronouns that say whom a question is about.
    """

    light: frozenset[str] = frozenset()
    negations: frozenset[str] = frozenset()
    opposites: tuple[tuple[str, str], ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    framing: tuple[tuple[str, str], ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)
    directions: frozenset[str] = frozenset()
    numbers: Mapping[str, str] = field(default_factory=dict)
    past: frozenset[str] = frozenset()
    future: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()

    @cached_property
    def canonical(self) -> dict[str, str]:
        """Each synonym with the first word of its group."""
        return {word: group[0] for group in self.synonyms for word in group}

    @cached_property
    def sides(self) -> dict[str, tuple[str, ...]]:
        """Each word that has opposites, with its side of each pair."""
        found: dict[str, list[str]] = {}
        for number, pair in enumerate(self.opposites):
            for side, word in zip("+-", pair, strict=True):
                found.setdefault(word, []).append(f"{number}{side}")
        return {word: tuple(sides) for word, sides in found.items()}

    @cached_property
    def version(self) -> str:
        """A digest of the tables: signatures made by other tables are not compared."""
        tables = [
            sorted(value) if isinstance(value, frozenset) else value
            for name, value in sorted(vars(self).items())
            if name in self.__dataclass_fields__
        ]
        return hashlib.sha256(repr(tables).encode()).hexdigest()[:8]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (pair.split("/") for pair in text.split())
    return tuple((left, right) for left, right in pairs)


ENGLISH = Language(
    light=_words(
        "a an the this that these those there here it is are am be been being was were do does did "
        "done have has had having can could may might will would shall should must i you we me us my "
        "mine one of in at for to on by with as about into onto so then than if whether and or but "
        "from up out please kindly thanks thank hello hi hey ok okay just exactly actually really "
        "basically ever get got 's 'm 're 've 'd 'll"
    ),
    negations=_words(
        "not no never none nobody nothing nowhere neither nor cannot without except unless hardly "
        "barely stop avoid prevent n't isn't aren't wasn't weren't don't doesn't didn't can't couldn't "
        "won't wouldn't shan't shouldn't mustn't haven't hasn't hadn't ain't"
    ),
    opposites=_pairs(
        "on/off in/out up/down enable/disable enabled/disabled activate/deactivate before/after "
        "min/max minimum/maximum minimal/maximal buy/sell from/to to/from open/close opened/closed "
        "start/stop begin/end first/last increase/decrease raise/lower more/less most/least add/remove "
        "add/subtract add/delete insert/delete create/delete create/destroy install/uninstall "
        "import/export upload/download encrypt/decrypt encode/decode compress/decompress zip/unzip "
        "lock/unlock mute/unmute show/hide allow/deny allow/forbid allow/block permit/forbid "
        "accept/reject accept/decline approve/reject approve/deny connect/disconnect attach/detach "
        "subscribe/unsubscribe follow/unfollow like/dislike love/hate win/lose push/pull lend/borrow "
        "give/take give/receive send/receive import/sell and/or with/without always/never all/none "
        "best/worst good/bad better/worse big/small large/small biggest/smallest largest/smallest fastest/slowest long/short tall/short high/low hot/cold "
        "warm/cool fast/slow quick/slow early/late old/new old/young ancient/modern cheap/expensive "
        "easy/hard easy/difficult simple/complex safe/dangerous safe/unsafe legal/illegal "
        "possible/impossible true/false yes/no right/wrong left/right correct/incorrect correct/wrong "
        "public/private internal/external inside/outside input/output upper/lower top/bottom "
        "front/back above/below over/under male/female man/woman men/women boy/girl mother/father "
        "husband/wife brother/sister son/daughter king/queen employer/employee teacher/student "
        "parent/child north/south east/west summer/winter spring/autumn spring/fall day/night "
        "morning/evening today/tomorrow today/yesterday yesterday/tomorrow past/future positive/negative "
        "advantage/disadvantage advantages/disadvantages pro/con pros/cons benefit/risk benefits/risks "
        "cause/effect causes/effects strength/weakness strengths/weaknesses profit/loss gain/lose "
        "gain/loss rise/fall import/remove arrive/depart arrival/departure enter/exit entry/exit "
        "login/logout signin/signout odd/even ascending/descending horizontal/vertical row/column "
        "rows/columns server/client read/write lossy/lossless sync/async synchronous/asynchronous "
        "static/dynamic mutable/immutable local/remote local/global serial/parallel success/failure "
        "succeed/fail pass/fail alive/dead life/death born/die birth/death war/peace rich/poor "
        "strong/weak heavy/light light/dark wet/dry full/empty thick/thin wide/narrow deep/shallow "
        "sweet/bitter near/far asset/liability assets/liabilities debit/credit deposit/withdraw "
        "deposit/withdrawal bull/bear bullish/bearish long/shorter visible/invisible include/exclude "
        "including/excluding same/different agree/disagree appear/disappear expand/collapse "
        "expand/contract grow/shrink merge/split freeze/melt heat/cool boil/freeze hire/fire "
        "optional/required mandatory/optional temporary/permanent single/married singular/plural"
    ),
    synonyms=(
        ("buy", "purchase"),
        ("photo", "photograph", "picture", "pic"),
        ("movie", "film"),
        ("car", "automobile"),
        ("phone", "telephone", "smartphone"),
        ("repair", "fix", "mend"),
        ("begin", "start", "commence"),
        ("end", "finish"),
        ("quick", "fast", "rapid", "quickly", "rapidly"),
        ("kid", "child", "children"),
        ("doctor", "physician"),
        ("remove", "delete", "erase"),
        ("change", "modify", "alter"),
        ("choose", "pick", "select"),
        ("error", "mistake"),
        ("reply", "answer", "respond"),
        ("hard", "difficult"),
        ("large", "big"),
        ("largest", "biggest"),
        ("small", "little"),
        ("mean", "meaning"),
        ("often", "frequently"),
        ("about", "regarding", "concerning"),
        ("job", "occupation"),
        ("lawyer", "attorney"),
        ("holiday", "vacation"),
        ("email", "e-mail", "mail"),
        ("app", "application"),
        ("info", "information"),
        ("pc", "computer"),
        ("tv", "television"),
        ("maths", "math", "mathematics"),
        ("usa", "u.s.", "us.", "u.s.a."),
        ("uk", "u.k."),
        ("colour", "color"),
        ("favourite", "favorite"),
        ("organise", "organize"),
        ("center", "centre"),
    ),
    framing=(
        (r"^(?:please|kindly|hello|hi|hey|ok|okay|so|well|thanks)\b[\s,.!:]*", ""),
        (
            (
                r"^(?:can|could|would|will) (?:you|someone|somebody|anyone|anybody) (?:please |kindly )?"
                r"(?=(?:tell|show|explain|help|give|describe|let|list|write|name|summarize|translate)\b)"
            ),
            "",
        ),
        (r"^let (?:me|us) know(?: about| if| whether)?\b[\s,:]*", ""),
        (r"^help (?:me|us)(?: to)? (?:understand|learn|know)\b[\s,:]*", ""),
        (
            (
                r"^(?:i|we)(?: would|'d|’d)? (?:want|need|like|wish|am trying|have|try) to "
                r"(?:know|understand|learn|find out|ask|hear)(?: about| if| whether)?\b[\s,:]*"
            ),
            "",
        ),
        (
            r"^(?:do|does) (?:you|anyone|anybody|someone|somebody) know(?: if| whether)?\b[\s,:]*",
            "",
        ),
        (r"^(?:i am|i'm|i’m|i was) (?:just )?wondering(?: if| whether)?\b[\s,:]*", ""),
        (r"^(?:i wonder|my question is|question:?|quick question:?)(?: if| whether)?\b[\s,:]*", ""),
        (r"^(?:tell|show) (?:me|us)(?: about)?\b[\s,:]*", ""),
        (r"\b(explain|describe)(?: to)? (?:me|us)\b", r"\1"),
        (r"[\s,]*\b(?:to me|to us)[\s.!?]*$", ""),
        (r"[\s,]*\b(?:please|thanks|thank you|thx|for me)[\s.!]*$", ""),
        (
            (
                r"\bwhat(?: is|'s|’s| are) (?:the )?(?:best |right |correct |proper |recommended )?"
                r"(?:way|ways|method|step|steps|process|procedure)(?: for me)? (?:to|of|for)\b"
            ),
            "how to",
        ),
        (r"\bthe (?:way|steps) to\b", "how to"),
        (
            r"\bhow (?:do|does|can|could|should|would|might|may|shall|will) (?:i|you|we|one)\b",
            "how to",
        ),
        (r"\bhow to (?:go about|best)\b", "how to"),
        (r"\bfor what reasons?\b|\bhow come\b|\bwhat is the reason(?: that| why)?\b", "why"),
        (r"\b(?:at )?what time\b|\bon what date\b|\bin (?:what|which) year\b", "when"),
        (r"\bin (?:what|which) (?:place|location)\b|\bat (?:what|which) place\b", "where"),
        (r"\bwhich person\b|\bwhat person\b", "who"),
        (r"\bwhat(?:'s|’s)\b", "what is"),
        (r"\bwho(?:'s|’s)\b", "who is"),
        (r"\bwhere(?:'s|’s)\b", "where is"),
        (r"\bhow(?:'s|’s)\b", "how is"),
        (r"\bwhen(?:'s|’s)\b", "when is"),
        (r"\b(?:i'm|i’m)\b", "i am"),
        (r"^(?=the )", "what is "),
        (r"\bhow far away\b", "how far"),
    ),
    questions={
        "who": "who",
        "whom": "who",
        "whose": "whose",
        "what": "what",
        "which": "what",
        "when": "when",
        "where": "where",
        "why": "why",
        "how": "how",
    },
    directions=_words(
        "than to from into onto before after over under above below versus vs vs. against by toward "
        "towards between instead rather inside outside via until till since beat beats beating"
    ),
    numbers={
        word: str(value)
        for value, word in enumerate(
            [
                "zero",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "ten",
                "eleven",
                "twelve",
                "thirteen",
                "fourteen",
                "fifteen",
                "sixteen",
                "seventeen",
                "eighteen",
                "nineteen",
                "twenty",
            ]
        )
        if word != "one"
    }
    | {
        "thirty": "30",
        "forty": "40",
        "fifty": "50",
        "hundred": "100",
        "thousand": "1000",
        "million": "1000000",
        "billion": "1000000000",
        "half": "1/2",
        "dozen": "12",
        "twice": "2",
        "double": "2",
        "second": "2.",
        "third": "3.",
        "fourth": "4.",
        "fifth": "5.",
        "once": "1",
    },
    past=_words("was were did had used"),
    future=_words("will won't going gonna shall"),
    persons=_words(
        "your yours he him his she her hers they them their theirs our ours its who's myself yourself"
    ),
)
