"""Claims and passages as tokens: sentences with offsets, stems, numbers, names, weights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log

from harness.encoder.embedding import model_folder
from harness.grading.text.numbers import NUMBER_WORDS, find_numbers

MAX_WORDS = 160  # of one sentence; what is longer is cut into pieces of this length

_TOKEN = re.compile(
    r"\d+(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d+(?=(?:st|nd|rd|th|s)\b)|(?:[A-Z]\.){2,}"
    r"|[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*|\d+|['’]s\b|[^\w\s]"
)
_END = re.compile(
    r"(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s|$)|[.!?](?=[A-Z][a-z])|\n+|(?<=[a-z]);(?=\s)"
)
_NO_END = re.compile(
    r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|No|Inc|Ltd|Co|Gen|Lt|Col|Sen|Rep|Gov"
    r"|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|approx|(?:[A-Za-z]\.)*[A-Za-z])\.$"
)
_LETTER = re.compile(r"[^\W\d_]")
_LISTED = re.compile(r"\s*(?:\(?\d{1,2}[.):]|[-*•–]|\(?[a-z]\))\s+")
_BRACKETS = re.compile(r"-[LR][RSC]B-")

FUNCTION_WORDS = frozenset(
    "a an the this that these those and or but nor so if then than as of in on at by for with "
    "from to into onto upon about over under between among during after before since until while "
    "is are was were be been being am do does did doing have has had having will would shall "
    "should can could may might must it its he she they them him her his hers their theirs we us "
    "our you your i me my who whom whose which what when where why how there here also too very "
    "just not no never n't s 's t d ll re ve m such both each any some all other another more "
    "most many much own same itself himself herself themselves one's out up down off again "
    "further once only however therefore thus hence moreover additionally furthermore including "
    "includes include etc e.g i.e per via within without through because although though whether "
    "either neither yet still even ever".split()
)
NEGATIONS = frozenset(
    "not no never n't neither nor none nobody nothing without unable incapable cannot can't don't "
    "doesn't didn't isn't aren't wasn't weren't won't wouldn't couldn't shouldn't hasn't haven't "
    "hadn't failed fails fail failing lacks lack lacked lacking refused refuses refuse denied "
    "denies deny hardly barely rarely seldom impossible yet stopped avoided prevented".split()
) - {"yet"}
_PLACES = frozenset(  # a number after these points at a part of the text, and is no quantity
    "passage passages step steps source sources paragraph document section context text no".split()
)
_MAGNITUDES = {"million": 1e6, "billion": 1e9, "trillion": 1e12, "hundred": 1e2, "thousand": 1e3}
_ORDINALS = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),
        start=1,
    )
}
_SUFFIXES = (
    ("ational", "ate"), ("ization", "ize"), ("isation", "ize"), ("fulness", "ful"),
    ("ousness", "ous"), ("iveness", "ive"), ("ments", ""), ("ment", ""), ("ations", "ate"),
    ("ation", "ate"), ("ators", "ate"), ("ator", "ate"), ("ingly", ""), ("edly", ""),
    ("ities", ""), ("ity", ""), ("ically", "ic"), ("ness", ""), ("ings", ""), ("ing", ""),
    ("ers", ""), ("ied", "y"), ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ally", "al"),
    ("er", ""), ("ed", ""), ("es", "e"), ("ly", ""), ("or", ""), ("ors", ""), ("s", ""), ("e", ""),
)  # fmt: skip
_IRREGULAR = {
    "born": "birth", "births": "birth", "wrote": "write", "written": "write", "won": "win",
    "made": "make", "began": "begin", "begun": "begin", "became": "become", "led": "lead",
    "held": "hold", "grew": "grow", "grown": "grow", "gave": "give", "given": "give",
    "took": "take", "taken": "take", "went": "go", "gone": "go", "came": "come", "sang": "sing",
    "sung": "sing", "ran": "run", "built": "build", "taught": "teach", "left": "leave",
    "met": "meet", "fought": "fight", "died": "death", "dies": "death", "die": "death",
    "dead": "death", "dying": "death", "men": "man", "women": "woman", "children": "child",
    "people": "person", "wives": "wife", "lives": "live", "knew": "know", "known": "know",
    "said": "say", "told": "tell", "sold": "sell", "bought": "buy", "found": "find",
    "kept": "keep", "lost": "lose", "sent": "send", "spent": "spend", "fell": "fall",
    "chose": "choose", "chosen": "choose", "drew": "draw", "saw": "see", "seen": "see",
    "u.s.": "american", "us": "american", "usa": "american", "u.s": "american",
    "america": "american", "united": "united", "tv": "television", "uk": "british",
    "britain": "british", "better": "good", "best": "good", "worse": "bad", "worst": "bad",
    "larger": "large", "largest": "large", "bigger": "big", "biggest": "big",
}  # fmt: skip

_ANTONYMS = (
    "first/last north/south east/west northern/southern eastern/western male/female man/woman "
    "father/mother son/daughter brother/sister husband/wife boy/girl king/queen uncle/aunt "
    "before/after early/late old/young older/younger oldest/youngest new/old increase/decrease "
    "increase/reduce rise/fall rose/fell high/low higher/lower highest/lowest upper/lower "
    "large/small larger/smaller largest/smallest big/small long/short longer/shorter "
    "longest/shortest more/less most/least more/fewer best/worst better/worse good/bad "
    "strong/weak hot/cold warm/cool wet/dry open/close begin/end start/end start/finish "
    "start/stop win/lose won/lost victory/defeat success/failure succeed/fail accept/reject "
    "allow/forbid allow/prohibit legal/illegal public/private major/minor maximum/minimum "
    "positive/negative true/false right/wrong left/right inside/outside internal/external "
    "always/never all/none everyone/nobody include/exclude enter/leave arrive/depart "
    "import/export buy/sell give/receive lend/borrow teach/learn love/hate friend/enemy "
    "alive/dead birth/death born/died married/unmarried married/divorced single/married "
    "active/inactive possible/impossible able/unable capable/incapable known/unknown "
    "popular/unpopular common/rare same/different similar/different rich/poor cheap/expensive "
    "heavy/light dark/light day/night summer/winter spring/autumn top/bottom above/below "
    "over/under up/down fast/slow quick/slow hard/soft hard/easy difficult/easy simple/complex "
    "full/empty deep/shallow wide/narrow thick/thin rural/urban ancient/modern past/future "
    "former/current former/latter amateur/professional professional/amateur fiction/nonfiction "
    "natural/artificial multiple/single many/few many/one several/one plural/singular "
    "positive/negative safe/dangerous guilty/innocent attack/defend create/destroy "
    "appear/disappear remember/forget raise/lower lengthen/shorten gain/lose add/remove "
    "only/multiple live/recorded solo/group sole/joint present/absent presence/absence"
)


@dataclass(frozen=True, slots=True)
class EvidenceToken:
    """One word, number or sign of a sentence.

    start, end: offsets in the text given. stem: "" for signs. number: its value, on the first
    word of a number. content: carries meaning of its own. name: looks like part of a name.
    weight: rarity between 0.2 and 1.
    """

    text: str
    low: str
    stem: str
    start: int
    end: int
    number: float | None
    content: bool
    name: bool
    weight: float


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text: offsets in it, and its tokens."""

    start: int
    end: int
    tokens: tuple[EvidenceToken, ...]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Tokens as written: the key of its vectors."""
        return tuple(token.text for token in self.tokens)

    @cached_property
    def content(self) -> tuple[int, ...]:
        """Places of the content words and numbers."""
        return tuple(place for place, token in enumerate(self.tokens) if token.content)

    @cached_property
    def negations(self) -> tuple[int, ...]:
        """Places of negating words."""
        return tuple(place for place, token in enumerate(self.tokens) if token.low in NEGATIONS)


def split(text: str) -> list[tuple[int, int]]:
    """Offsets of the sentences of a text; a full stop within an abbreviation ends none."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.group() == "." and _NO_END.search(text[max(0, match.end() - 12) : match.end()]):
            continue
        _add(found, text, start, match.end())
        start = match.end()
    _add(found, text, start, len(text))
    return found


def _add(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    marker = _LISTED.match(text, start, end)
    start = marker.end() if marker else start
    piece = text[start:end]
    start, end = start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
    if start < end and _LETTER.search(text, start, end):
        found.append((start, end))


def sentences(text: str) -> list[Sentence]:
    """Sentences of a text with their tokens, in order."""
    return [piece for start, end in split(text) for piece in read(text, start, end)]


def read(text: str, start: int = 0, end: int | None = None) -> list[Sentence]:
    """The stretch from `start` to `end` as one sentence, in pieces if over MAX_WORDS words."""
    end = len(text) if end is None else end
    body = _BRACKETS.sub(lambda match: " " * len(match.group()), text[start:end])
    matches = list(_TOKEN.finditer(body))
    pieces = [matches[at : at + MAX_WORDS] for at in range(0, len(matches), MAX_WORDS)]
    return [
        Sentence(
            start=start + piece[0].start(),
            end=start + piece[-1].end(),
            tokens=_tokens(piece, start),
        )
        for piece in pieces
    ]


def _tokens(matches: list[re.Match[str]], offset: int) -> tuple[EvidenceToken, ...]:
    texts = [match.group().replace("’", "'") for match in matches]
    lows = [text.lower() for text in texts]
    values = _numbers(lows)
    tokens = []
    for place, (match, text, low) in enumerate(zip(matches, texts, lows, strict=True)):
        value, in_number = values[place]
        word = text[0].isalpha()
        content = value is not None or (word and not in_number and low not in FUNCTION_WORDS)
        name = word and text[0].isupper() and (place > 0 or rank(low) > 8000) and content
        tokens.append(
            EvidenceToken(
                text=text,
                low=low,
                stem=stem(low) if word else (low if low[0].isdigit() else ""),
                start=offset + match.start(),
                end=offset + match.end(),
                number=value,
                content=content,
                name=name and value is None,
                weight=1.0 if value is not None else weight(low),
            )
        )
    return tuple(tokens)


def _numbers(lows: list[str]) -> list[tuple[float | None, bool]]:
    """Per word: the value of the number that begins here, and whether it is part of one."""
    found: list[tuple[float | None, bool]] = [(None, False)] * len(lows)
    if not any(low[0].isdecimal() or low in NUMBER_WORDS or low in _ORDINALS for low in lows):
        return found
    spoken = {start: (end, float(value)) for start, end, value in find_numbers(lows)}
    place = 0
    while place < len(lows):
        low, end, value = lows[place], place + 1, None
        if low[0].isdecimal():
            value = float(low.replace(",", ""))
        elif place in spoken:
            end, value = spoken[place]
        elif low in _ORDINALS:
            value = float(_ORDINALS[low])
        if value is not None and place and lows[place - 1] in _PLACES:
            found[place] = (None, True)
        elif value is not None:
            while end < len(lows) and lows[end] in _MAGNITUDES:
                value, end = value * _MAGNITUDES[lows[end]], end + 1
            found[place:end] = [(value, True), *[(None, True)] * (end - place - 1)]
        place = end
    return found


@lru_cache(maxsize=100_000)
def stem(low: str) -> str:
    """A word without its endings: blunt, so that derived forms meet ("founded", "founder")."""
    low = _IRREGULAR.get(low, low)
    if len(low) <= 3:
        return low
    for suffix, instead in _SUFFIXES:
        if low.endswith(suffix) and len(low) - len(suffix) >= 3:
            low = low[: -len(suffix)] + instead
            break
    if low.endswith("e") and len(low) > 3:
        low = low[:-1]
    if len(low) > 3 and low[-1] == low[-2] and low[-1] not in "aeiou":
        low = low[:-1]
    return low[:-1] + "i" if low.endswith("y") and len(low) > 3 else low


@lru_cache(maxsize=1)
def _ranks() -> dict[str, int]:
    lines = (model_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    words = [word for word in lines if word.isalpha() and len(word) > 1]
    return {word: place for place, word in enumerate(words)}


def rank(low: str) -> int:
    """Place of a word in the encoder's word list, which runs from frequent to rare."""
    ranks = _ranks()
    return ranks.get(low, len(ranks))


@lru_cache(maxsize=100_000)
def weight(low: str) -> float:
    """Rarity of a word between 0.2 (frequent) and 1, by Zipf's law from its rank."""
    return max(0.2, log(1 + rank(low)) / log(1 + len(_ranks())))


@lru_cache(maxsize=1)
def opposites() -> dict[str, frozenset[str]]:
    """Stems of words to the stems of their opposites."""
    found: dict[str, set[str]] = {}
    for pair in _ANTONYMS.split():
        one, two = (stem(word) for word in pair.split("/"))
        if one != two:
            found.setdefault(one, set()).add(two)
            found.setdefault(two, set()).add(one)
    return {word: frozenset(rivals) for word, rivals in found.items()}
