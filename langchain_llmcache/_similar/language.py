"""What a language's words do to the meaning of a question: the tables of the gate.

English is built in. A table for another language is a ``Language`` with its own words; without
one, texts of that language match only where they are equal but for case and spaces.
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
        markers: Words that show that a text is in this language: without one, nothing is light.
        foreign: Words (as they are written) that show that a text is in another language.
        auxiliaries: Forms of "be", "do", "can" and the like, whose place depends on the way
            in which a question is put, each with its kind; "" for those that may come and go.
        contractions: Short forms, each with the words that it stands for.
        negations: Words that turn a meaning round.
        opposites: Pairs of words that never stand for each other.
        synonyms: Groups of words that may stand for each other.
        framing: Regular expressions (of lower-case text) for polite or wordy beginnings, each
            with what stands in its place.
        questions: Words that say what kind of answer is wanted, each with its kind.
        directions: Words that make the order of what they connect matter.
        fronting: Words that a phrase begins with which may also stand at the front of a question.
        numbers: Number words, each with its digits.
        past: Words that place a question in the past.
        future: Words that place it in the future.
        persons: Pronouns that say whom a question is about.
        endings: Endings of a plural, each with what stands in its place in the singular.
        plurals: Words that only look like a plural, or mean something else than their singular.
        counting: Words that make one thing and several things different: "the best", "my".
        proper: Words that are one name, in whatever case they are written.
        capitals: Words that are another word when they begin with a capital letter.
        mentions: Words that show that words themselves are asked about: each of them counts then.
    """

    light: frozenset[str] = frozenset()
    markers: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    auxiliaries: Mapping[str, str] = field(default_factory=dict)
    contractions: Mapping[str, str] = field(default_factory=dict)
    negations: frozenset[str] = frozenset()
    opposites: tuple[tuple[str, str], ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    framing: tuple[tuple[str, str], ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)
    directions: frozenset[str] = frozenset()
    fronting: frozenset[str] = frozenset()
    numbers: Mapping[str, str] = field(default_factory=dict)
    past: frozenset[str] = frozenset()
    future: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()
    endings: tuple[tuple[str, str], ...] = ()
    plurals: frozenset[str] = frozenset()
    counting: frozenset[str] = frozenset()
    proper: frozenset[str] = frozenset()
    capitals: frozenset[str] = frozenset()
    mentions: frozenset[str] = frozenset()

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
    def small(self) -> frozenset[str]:
        """Words that are another word in capital letters: AND, IT, NOT."""
        return (
            self.capitals
            | self.light
            | self.auxiliaries.keys()
            | self.questions.keys()
            | self.negations
            | self.directions
            | self.fronting
            | self.markers
        )

    @cached_property
    def common(self) -> frozenset[str]:
        """Small words that are no names in any case."""
        return self.small - self.capitals

    @cached_property
    def version(self) -> str:
        """A digest of the tables: signatures made by other tables are not compared."""
        tables = [
            sorted(value) if isinstance(value, frozenset) else value
            for name, value in sorted(vars(self).items())
            if name in self.__dataclass_fields__
        ]
        return hashlib.sha256(repr(tables).encode()).hexdigest()[:8]


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (pair.split("/") for pair in text.split())
    return tuple((left, right) for left, right in pairs)


def _kinds(text: str) -> dict[str, str]:
    groups = (group.split(":") for group in text.split(";"))
    return {word: kind.strip() for kind, words in groups for word in words.split()}


# What follows a phrase that only introduces a question ("do you know").
_ASKS = r"(?=(?:what|which|who|whom|whose|when|where|why|how|if|whether|the|is|are|for what)\b)"
# What shows that words themselves are asked about.
_MENTIONS = (
    "word words phrase phrases sentence say says said spell spells spelled spelling spellings pronounce "
    "pronounced pronunciation mean means meant meaning meanings define defined definition synonym synonyms "
    "antonym antonyms homonym anagram palindrome rhyme rhymes syllable syllables letter letters vowel vowels "
    "noun verb adverb adjective tense plural singular conjugate conjugation grammar grammatical grammatically "
    "etymology acronym abbreviation abbreviated idiom slang prefix suffix hyphen hyphenated capitalize "
    "capitalized crossword scrabble translate translated translates translation rewrite rephrase paraphrase "
    "proofread stand stands written called named title titled lyrics sang sing quote quoted "
    "spanish french german italian portuguese russian chinese mandarin cantonese japanese korean arabic hindi "
    "urdu bengali dutch turkish polish greek latin hebrew swedish norwegian danish finnish ukrainian vietnamese "
    "thai english"
)
_THANKS = r"(?:please|thanks|thank you|thx)[\s.!?]*$"
# Verbs of a state: "how do you feel" does not ask for a way to do it.
_STATES = (
    "feel|think|know|like|love|hate|look|sound|seem|mean|want|need|believe|exist|live|die|work|sleep|"
    "see|age|rate|compare|differ|be|have|remember|understand"
)
_COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()

ENGLISH = Language(
    light=words("a an the exactly actually really basically so ever"),
    markers=words(
        "the of and what which who whom whose when where why how is are does did can could should "
        "would will my you your it this that with for tell please explain show give write translate "
        "summarize summarise describe help list find create make have been not there they them she his we our "
        "name suggest recommend do two three four five seven eight nine ten"
    ),
    # The most frequent words of languages that are written alike, without those that are English too.
    foreign=words(
        "der das dem des ein eine einen einem einer und ist nicht ich du er sie wir ihr wie wo "
        "warum wann wer mit von zu zum zur für auf aus bei nach über kann mein dein kein keine sind "
        "le la les un une du et est que qui quoi dans pour pas je tu il elle nous vous ce cette mon "
        "où comment pourquoi avec sans el o w los las una es en por para con como cómo qué cuál "
        "dónde mi su lo gli che di non del della sono ho perché dove os um uma não ao da dos "
        "das na com eu meu het een niet ik wij maar naar hoe waarom wat waar zijn voor att och "
        "det som är inte jag på hur og ikke jeg hvor hvad hvordan av til på ja mit jak jest nie czy "
        "się bir ve bu nasıl ne mi mı için je se na co proč kako"
    ),
    auxiliaries=_kinds(
        "be: is are am be; be past: was were; : do does; past: did; have: have has; had: had; "
        "can: can could; should: should; must: must; shall: shall; will: will; would: would; "
        "may: may; might: might"
    ),
    contractions={
        "can't": "can not",
        "cant": "can not",
        "cannot": "can not",
        "won't": "will not",
        "shan't": "shall not",
        "ain't": "be not",
        "let's": "let us",
        "i'm": "i am",
        "im": "i am",
        "ive": "i have",
        "it's": "it is",
        "that's": "that is",
        "there's": "there is",
        "here's": "here is",
        "he's": "he is",
        "she's": "she is",
        "whats": "what is",
    }
    | {
        short + "nt": f"{short} not"
        for short in sorted(
            words("do does did is are was were has have had could should would must")
        )
    },
    negations=words(
        "not no never none nobody nothing nowhere neither nor cannot without except unless hardly "
        "barely stop avoid prevent"
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
        ("photo", "photograph"),
        ("movie", "film"),
        ("car", "automobile"),
        ("phone", "telephone"),
        ("repair", "fix", "mend"),
        ("begin", "start", "commence"),
        ("end", "finish"),
        ("quick", "fast", "rapid", "quickly", "rapidly"),
        ("kid", "child"),
        ("kids", "children"),
        ("doctor", "physician"),
        ("delete", "erase"),
        ("change", "modify", "alter"),
        ("choose", "select"),
        ("reply", "respond"),
        ("hard", "difficult"),
        ("large", "big"),
        ("largest", "biggest"),
        ("often", "frequently"),
        ("about", "regarding", "concerning"),
        ("job", "occupation"),
        ("lawyer", "attorney"),
        ("email", "e-mail"),
        ("info", "information"),
        ("tv", "television"),
        ("maths", "math", "mathematics"),
        ("usa", "u.s", "u.s.a", "us as a name"),
        ("uk", "u.k"),
        ("colour", "color"),
        ("favourite", "favorite"),
        ("organise", "organize"),
        ("center", "centre"),
    ),
    framing=(
        (r"^(?:please|kindly|so)\b[\s,.!:]*(?!(?:in|is|means?|and|or)\b)", ""),
        (
            (
                r"^(?:hello|hi|hey|ok|okay|well|thanks|good (?:morning|evening|afternoon))(?: there| all| everyone)?"
                r"\s*[,.!]+\s*"
            ),
            "",
        ),
        (
            (
                r"^(?:can|could|would|will) (?:you|someone|somebody|anyone|anybody) (?:please |kindly )?"
                r"(?=(?:tell|show|explain|help|give|describe|let|list|write|name|summarize|translate)\b)"
            ),
            "",
        ),
        (rf"^let (?:me|us) know(?: if| whether)? {_ASKS}", ""),
        (r"^help (?:me|us)(?: to)? understand (?=(?:what|where|why|how)\b)", ""),
        (
            (
                rf"^(?:i|we) (?:want|need|would like|wish) to (?:know|understand|find out|ask|hear)"
                rf"(?: if| whether)? {_ASKS}"
            ),
            "",
        ),
        (
            rf"^(?:do|does) (?:you|anyone|anybody|someone|somebody) know(?: if| whether)? {_ASKS}",
            "",
        ),
        (rf"^(?:i am|i was) (?:just )?wondering(?: if| whether)? {_ASKS}", ""),
        (r"^(?:my question is|question:|quick question:)\s*", ""),
        (rf"^i wonder(?: if| whether)? {_ASKS}", ""),
        (rf"^tell (?:me|us) {_ASKS}", ""),
        (r"^show (?:me|us) (?=(?:what|where|why|how)\b)", ""),
        (r"^(explain|describe)( .+)? to (?:me|us)[\s.!?]*$", r"\1\2"),
        (r"^(explain|describe) to (?:me|us)\b", r"\1"),
        # Amid a sentence, they may be what is asked about: "the Spanish for please".
        (rf"\s*[,.!?]\s*{_THANKS}", ""),
        (rf"^(?!.*\b(?:{'|'.join(_MENTIONS.split())})\b)(.*[^\s:])\s+{_THANKS}", r"\1"),
        (
            (
                r"\bwhat (?:is|are) (?:the )?(?:best |right |correct |proper |recommended )?"
                r"(?:way|ways|method|steps|procedure)(?: for me)? to\b"
            ),
            "how to",
        ),
        (r"^what (?:can|could|should) (?:i|you|we|one) do (?:in order )?to\b", "how to"),
        (r"^the (?:best )?(?:way|steps) to\b", "how to"),
        (r"^is it possible (?:for me )?to (?=\w)", "can i "),
        (r"^what should (?:i|one) (?=\w)", "what to "),
        (
            (
                r"\bwhere (?:do|can|could) (?:i|you|we|one) (?=(?:buy|purchase|find|get|watch|download|see|learn|rent|"
                r"order|read|report|apply|register|complain)\b)"
            ),
            "where to ",
        ),
        (
            rf"\bhow (?:do|does|can|could|should|would) (?:i|you|we|one) (?!(?:{_STATES})\b)",
            "how to ",
        ),
        # Of these things one has one: "reset my password" is "reset a password", but to get my dog back
        # is not to get a dog.
        (
            (
                r"^(how to (?:reset|change|cancel|delete|remove|close|update|edit|recover|restore|unlock|"
                r"verify|renew|track|clean|repair|fix|improve|increase|return|rename|print|send|set up|speed up) )my "
            ),
            r"\1",
        ),
        (r"\bfor what reasons?\b|\bhow come\b|\bwhat is the reason(?: that| why)\b", "why"),
        (r"\bat what time\b|\bon what date\b", "when"),
        (r"\bin (?:what|which) (?:place|location)\b|\bat (?:what|which) place\b", "where"),
        (r"\bwhich person\b|\bwhat person\b", "who"),
        (r"\b(what|who|where|how|when|why)'s\b", r"\1 is"),
        (r"\bi'd like\b", "i would like"),
        (r"\bi'm\b", "i am"),
        (r"^what (?:does|do) (.+?) mean[\s?.!]*$", r"what is the meaning of \1"),
        (r"^what (.+?) means[\s?.!]*$", r"what is the meaning of \1"),
        (r"^(?:explain|describe) (?=(?:what|why|how|who|when|where)\b)", ""),
        (r"^(how (?:many|much) .+? (?:is|are)) there\b", r"\1"),
        (r"^(?=the )", "what is "),
        (
            r"\b(a|an|the) (?!meaning)(\w+ing|one|second|third|quarter|half|right|left|cold)\b",
            r"\1-\2",
        ),
        (r"\bhow far away\b", "how far"),
        (r"\b(?:a|an) (few|little|lot|number|couple|bit) ", r"a-\1 "),
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
    directions=words(
        "than to from into onto before after over under above below versus vs against by toward "
        "towards between instead rather inside outside via until till since beat beats beating"
    ),
    fronting=words("in on at for with during within"),
    numbers={word: str(value) for value, word in enumerate(_COUNTED) if word != "one"}
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
    past=words("was were did had used"),
    future=words("will going gonna shall"),
    persons=words(
        "i me my mine you your yours we us our ours he him his she her hers it its they them their "
        "theirs myself yourself himself herself itself ourselves themselves who's"
    ),
    endings=(
        ("ies", "y"),
        ("sses", "ss"),
        ("shes", "sh"),
        ("ches", "ch"),
        ("xes", "x"),
        ("atoes", "ato"),
        ("s", ""),
    ),
    plurals=words(
        "news goods customs glasses arms means pants odds savings earnings belongings windows "
        "series species sales jeans scissors contents clothes brains spirits grounds manners "
        "premises spectacles papers forces irons honors honours states times always perhaps "
        "sometimes afterwards besides yes as his hers ours theirs headquarters stairs lens bus gas "
        "minutes has does was christmas wales texas athens looks directions letters regards "
        "damages resources remains stocks rights lines vegas kids ones "
        "https ftps smtps ldaps imaps pops valkeys pandas keras rails canvas shorts futures options "
        "calls puts securities dues surroundings humanities amenities communications waters "
        "authorities checkers darts billiards marbles dominoes heads tails greens tops briefs quarters "
        "wits tears"
    ),
    counting=words(
        "best worst most least first last only my your his her our their this these those each"
    ),
    proper=words(
        "facebook google gmail youtube instagram whatsapp twitter linkedin reddit quora wikipedia netflix "
        "spotify tiktok snapchat paypal ebay microsoft samsung sony nokia toyota honda tesla bmw "
        "linux ubuntu debian fedora macos ios iphone ipad android photoshop powerpoint outlook "
        "python javascript typescript kotlin php html css sql mysql postgres postgresql mongodb redis "
        "git github gitlab kubernetes bitcoin ethereum chatgpt internet "
        "america africa asia europe india pakistan usa uk france germany spain italy portugal greece "
        "sweden norway denmark finland russia ukraine poland japan korea vietnam thailand indonesia "
        "malaysia singapore australia canada mexico brazil argentina peru egypt nigeria kenya israel "
        "iran iraq syria afghanistan bangladesh nepal delhi mumbai bangalore london paris berlin rome "
        "madrid moscow tokyo beijing shanghai sydney toronto chicago boston texas california florida "
        "indian american british french german spanish italian russian japanese korean "
        "arabic hindi muslim muslims christian islam christianity hinduism buddhism hitler einstein "
        "obama modi clinton putin shakespeare gandhi quran christmas"
    ),
    capitals=words(
        "may march august turkey china polish apple amazon windows us it who shell target gap "
        "orange chile jordan guinea mercury swift rust go excel access word bill mark will rose "
        "aids time times people fortune life guardian economist mirror express star post globe "
        "nation notion slack teams zoom word access paint edge safari chrome spark storm hive pig "
        "flask ruby pearl perl crystal oracle sage square stripe block meta alphabet uber lyft "
        "friends lost office house heroes her up cars frozen twilight it avatar gravity "
        "god lord king queen prince bishop baker cook smith young long short brown white black green "
        "gray grace hope faith joy dawn summer autumn april june august penny jack rob pat art "
        "frank grant earnest pierce chase drew dale glen heath lane rich ray sandy sky victor "
        "finnish danish scotch dutch swiss roman greek arctic moor pole magi tang delta "
        "nice reading bath today yesterday tomorrow cork job lent catholic democrat republican english"
    ),
    mentions=words(_MENTIONS),
)
