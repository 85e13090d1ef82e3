"""Garbled answers of small models: what a reader would still read in them.

A model too small for its tokens runs words together ("thatpearl"), puts capitals inside them
("scrollsKlu"), coins words ("sevice") and strings function words in orders that no English has
("with the not all of"). Read word for word, such a text seems to name many unknown people, and
patterns match by chance.

`GarbleReader.legible` leaves a sentence as it is where it can be read. Of a garbled one it
keeps only the cores that stand in it without a flaw: a name, the words of one of the world's own
templates, and a name or a value, side by side ("Yastruth lived in Fillerpenged"). All else in it
says nothing.

What speaks for garble: words that are neither English (the encoder's word list, and the
world's own texts) nor shaped like a name; capitals and digits inside words; single letters;
remains of prompt markers; pairs of function words that do not go together. A text with few
English function words is another language, not garble.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from harness.embedding import vocabulary
from harness.grading.cores import CoreReader
from harness.grading.frame import Frame
from harness.grading.lexicon import Lexicon
from harness.grading.linking import FUZZY_DISTANCE, FUZZY_LETTERS, INVENTED
from harness.grading.lookup import Found
from harness.grading.spelling import is_derived, looks_english
from harness.grading.text import Prepared, prepare
from harness.world.graph import World

MIN_FLAWS = 2  # fewer do not make a long sentence garbled
FLAWED_SHARE = 0.16  # of a sentence's words, from which it is
TEXT_SHARE = 0.10  # of all words, from which a whole answer is
ONE_FLAW_SHARE = 0.25
SOUND, RARE, STRANGE, BROKEN = range(4)
FEW_WORDS = 5
MAX_WEIGHED = 20_000  # sentences whose weight is kept
MAX_HALF = 9  # words of a garbled sentence that may be half a claim
FUNCTION_SHARE = 0.15  # English has more function words than this

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|\ufffd")
_CAMEL = re.compile(r"[^\W\d_A-Z][A-Z]|[A-Z]{2}[a-z]{2}")
_JOINED_NAME = re.compile(r"(?:Mc|Mac|De|Di|Du|La|Le|Van|Fitz|O'|D'|L')[A-Z][a-z]+|[ie][A-Z][a-z]+")
_GLUED = re.compile(
    r"\b(of|the|The|and|in|at|by|to|from|with|was|who|It|that|for|as|a)(?=[A-Z][a-z])"
)
_MARKED = re.compile(r"INST|SYS|^\ufffd$")
_DIGITS = re.compile(r"[a-z]\d|\d[a-z]{3}")
_UNIT = re.compile(r"pH|[kM]?eV|[kMG]?Hz|k?Wh|dB|mRNA|tRNA")
_FOOTNOTE = re.compile(r"[A-Za-z]{4,}\d{1,2}|\d{4}(?:when|by|and|in|to)")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|am|pm|km|kg|cm|mm|m|g|ft|years?)$", re.I)
_DECLINES = re.compile(
    r"\bnot able (?:to|in|for)\W+(?:the )?(?:answer|say|tell|thing)\b|\bthe story (?:does|do) not"
    r"|\bnot (?:told |even |in ){1,3}(?:the )?story\b",
    re.IGNORECASE,
)
_BARE_INABILITY = re.compile(
    r"\W*(?:[A-Za-z]+ )?[Nn]ot (?:able (?:to|in|for)\b[^A-Z]{1,60}|in\b[^A-Z]{1,40})$"
)
_TAUTOLOGY = re.compile(r"\W*([A-Z]\w+) (?:was|is) \1\W*$")
_SHORT = frozenset(
    "a i am an as at be by do go he hi if in is it me my no of oh ok on or so to up us we ah ex "
    "ma pa ye vs re mr ms dr st act add age ago aid aim air ale all and ant any ape apt arc are "
    "ark arm art ash ask ate awe axe bad bag ban bar bat bay bed bee beg bet bid big bin bit bow "
    "box boy bud bug bun bus but buy bye can cap car cat cod cow cry cub cup cut dad dam day den "
    "dew did die dig dim dip dog dot dry due dug dye ear eat ebb eel egg ego elf elm end era etc "
    "eve ewe eye fan far fat fed fee few fig fin fir fit fix flu fly foe fog for fox fry fun fur "
    "gap gas gem get god got gum gun gut guy gym had ham has hat hay hen her hid him hip his hit "
    "hog hop hot how hue hug hum hut ice icy ill ink inn its ivy jar jaw jet job jog joy jug key "
    "kid kin kit lad lap law lay led leg let lid lie lip lit log lot low mad man map mat may men "
    "met mix mob mom mop mud mug mum nap net new nod nor not now nun nut oak oar oat odd off oil "
    "old one opt orb ore our out owe owl own pad pan pat paw pay pea pen per pet pie pig pin pip "
    "pit ply pod pop pot pro pub pup put rag ram ran rat raw ray red rib rid rim rip rob rod rot "
    "row rub rug rum run rye sad sap sat saw say sea see set sew she shy sin sip sir sit six ski "
    "sky sly sob son sow soy spa spy sue sum sun tag tan tap tar tax tea ten the thy tie tin tip "
    "toe ton too top toy try tub tug two urn use van vat vet via vow war was wax way web wed wet "
    "who why wig win wit woe won yes yet you zoo ie eg ad tv ive pm km kg ft mid pre non sub ion "
    "gel loo duo lab jam ape bra cop cab dab cue ode ohm owl pug yam yen "
    "de la le el di da du von der van den al del los las des les".split()
)
_DETERMINERS = frozenset("the a an every my your our their its".split())
_PREPOSITIONS = frozenset(
    "of in at by to from with near under for on into onto upon between among without".split()
)
_NOT_AFTER_DETERMINER = frozenset(
    "the a an of in at to from with into was were is are had has have and or he she they him them "
    "who whom which what that where when not it its his her their did does could would should "
    "be been upon than if because there you we me us".split()
)
_NOT_AFTER_PREPOSITION = frozenset(
    "of and or he she they was were is are had has have did does could would should than if "
    "not to".split()
) - {"not"}
_FUNCTION = (
    _DETERMINERS
    | _PREPOSITIONS
    | _NOT_AFTER_DETERMINER
    | frozenset("i but as so do can will not no this these those said by about all one".split())
)


@dataclass(frozen=True, slots=True)
class Legibility:
    """Words of a text, its flaws and function words, counted.

    `broken`: words with capitals, digits or markers inside; `strange`: words that no English
    looks like, single letters, odd pairs; `rare`: other words that are not known.
    """

    words: int = 0
    broken: int = 0
    strange: int = 0
    rare: int = 0
    function: int = 0

    @property
    def flaws(self) -> int:
        """All flaws."""
        return self.broken + self.strange + self.rare

    @property
    def hard(self) -> int:
        """Flaws that not even a rare word has."""
        return self.broken + self.strange

    @property
    def share(self) -> float:
        """Flaws a word, 0 for nothing."""
        return self.flaws / self.words if self.words else 0.0

    @property
    def english(self) -> bool:
        """Whether this is no other language; a few words may have no function word."""
        few = self.words <= FEW_WORDS or self.broken > 0
        return few or self.function >= FUNCTION_SHARE * self.words


@dataclass(frozen=True, kw_only=True)
class Legible:
    """What of an answer's sentences a reader reads.

    `sentences`: the readable ones and the cores of the others, in order. `flawed`: those of them
    in which something is garbled. `half`: short garbled sentences that say something of a known
    name, without its being clear what. `invented`: garbled ones that assert something
    of a name that the question invents. `garbled`: whether any sentence was; `declines`: words of
    one that declines all the same ("Not able in answer"); `named`: a flawed one names somebody
    known.
    """

    sentences: tuple[str, ...]
    flawed: frozenset[str] = frozenset()
    half: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    garbled: bool = False
    declines: str = ""
    named: bool = False

    @property
    def spoilt(self) -> bool:
        """Whether anything in them is garbled."""
        return self.garbled or bool(self.flawed)


NOTHING_GARBLED = Legible(sentences=())


class GarbleReader:
    """Tells garbled sentences about one world, and what can still be read in them."""

    def __init__(self, world: World, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._names = {
            word.lower()
            for entity in world.entities
            for name in (entity.name, *entity.aliases)
            for word in _WORD.findall(name)
        }
        self._seen: dict[str, int] = {}
        self._weighed: dict[tuple[str, tuple[str, ...]], Legibility] = {}
        self._cores = CoreReader(world, self.is_flawed)

    def prepare(
        self, text: str, *, truncated: bool, names: Sequence[str] = ()
    ) -> tuple[Prepared, bool]:
        """The graded part of a text, and whether it is salad.

        Of salad the last, unfinished sentence stays, but for a last word that may be cut off.
        names: of the question, never flawed.
        """
        prepared = prepare(text, truncated=truncated)
        whole = prepare(text) if truncated else prepared
        if not self.is_salad(" ".join(whole.sentences), names):
            return prepared, False
        *before, last = whole.sentences
        if truncated and last[-1] not in '.!?"' and not self._lexicon.is_word(last.split()[-1]):
            last = last.rpartition(" ")[0]
        sentences = (*before, last) if last else tuple(before)
        return replace(whole, sentences=sentences), True

    def is_salad(self, text: str, names: Sequence[str] = ()) -> bool:
        """Whether a text as a whole is garbled. `names`: of the question, never flawed."""
        weight = self.weigh(text, names)
        many = weight.flaws > MIN_FLAWS and weight.hard >= MIN_FLAWS
        return weight.english and many and weight.share >= TEXT_SHARE

    def is_garbled(self, sentence: str, names: Sequence[str] = ()) -> bool:
        """Whether one sentence is, by itself."""
        weight = self.weigh(sentence, names)
        if not weight.english or not weight.hard:
            return False
        if weight.words > FEW_WORDS and weight.hard < MIN_FLAWS and not weight.broken:
            return False
        several = weight.flaws >= MIN_FLAWS and weight.share >= FLAWED_SHARE
        return several or weight.share >= ONE_FLAW_SHARE

    def legible(
        self, sentences: Sequence[str], *, salad: bool, names: Sequence[str] = ()
    ) -> Legible:
        """Sentences as they are where they can be read, the cores of those that cannot.

        salad: the answer as a whole is garbled, so that only cores count.
        """
        kept: list[str] = []
        flawed: set[str] = set()
        half: list[str] = []
        invented: list[str] = []
        garbled, declines = salad, ""
        for sentence in sentences:
            broken = salad or self.is_garbled(sentence, names)
            empty = _says_nothing(sentence)
            if not broken and not empty:
                short = len(sentence.split()) <= MAX_HALF
                mended = self._cores.mended(sentence) if short else []
                if mended:
                    kept += mended
                    continue
                kept.append(sentence)
                weight = self.weigh(sentence, names)
                if weight.hard and weight.english:
                    flawed.add(sentence)
                continue
            garbled = True
            found = _DECLINES.search(sentence)
            declines = declines or (found.group() if found else "")
            if empty:
                continue
            clear = unglue(sentence)
            cores = self._cores.read(clear)
            kept += [core.text for core in cores]
            if any(_asserts_of(name, clear) for name in names) and not cores:
                invented.append(sentence)
                continue
            words = _lows(clear)
            short = not salad and len(words) <= MAX_HALF
            if not cores and short and self._cores.name_words & words:
                half.append(sentence)
        return Legible(
            sentences=tuple(kept), flawed=frozenset(flawed), half=tuple(half),
            invented=tuple(invented), garbled=garbled, declines=declines,
            named=any(self._cores.name_words & _lows(sentence) for sentence in flawed),
        )  # fmt: skip

    def of_the_story(self, sentences: Sequence[str], question: str) -> bool:
        """Whether one speaks of the story's people, or of invented ones in the story's words.

        Not where a name in it is an English word ("Paris") or stands in the question.
        """
        asked = _lows(question)
        cores = [core for one in sentences for core in self._cores.read(unglue(one))]
        for core in cores:
            ends = [word for word in (*core.first, *core.second) if word[:1].isalpha()]
            lows = {word.lower() for word in ends}
            if lows & self._cores.name_words:
                return True
            named = [w for w in ends if len(w) > 2 and w.lower() not in _FUNCTION]
            capitals = [w for w in named if w[:1].isupper() or self.is_flawed(w)]
            strange = not any(word.lower() in vocabulary() for word in capitals)
            if capitals and strange and not lows & asked:
                return True
        return False

    def weigh(self, text: str, names: Sequence[str] = ()) -> Legibility:
        """Words, flaws and function words of a text."""
        key = (text, tuple(names))
        if (weighed := self._weighed.get(key)) is None:
            if len(self._weighed) > MAX_WEIGHED:
                self._weighed.clear()
            weighed = self._weighed[key] = self._weigh(text, names)
        return weighed

    def _weigh(self, text: str, names: Sequence[str]) -> Legibility:
        words = [match.group() for match in _WORD.finditer(text)]
        lows = [word.lower() for word in words]
        known = {word.lower() for name in names for word in _WORD.findall(name)}
        flaws = [self._flaw(word) for word in words if word.lower() not in known]
        if text.islower() and (known | self._cores.name_words) & set(lows):
            flaws = [BROKEN] * flaws.count(BROKEN)  # who writes no capitals has names without
        strange = flaws.count(STRANGE) + sum(_is_stray(word, text) for word in words)
        strange += sum(_odd_pair(a, b) for a, b in pairwise(lows))
        function = sum(low in _FUNCTION for low in lows)
        return Legibility(len(words), flaws.count(BROKEN), strange, flaws.count(RARE), function)

    def is_flawed(self, word: str) -> bool:
        """Whether no English text has such a word, and it is not shaped like a name."""
        return self._flaw(word) != SOUND

    def _flaw(self, word: str) -> int:
        known = self._seen.get(word)
        if known is None:
            if len(self._seen) > 100_000:
                self._seen.clear()
            known = self._seen[word] = self._flaw_of(word)
        return known

    def _flaw_of(self, word: str) -> int:
        if _MARKED.search(word):
            return BROKEN
        if word.isdigit() or len(word) == 1 or not word.isascii():
            return SOUND
        if _FOOTNOTE.fullmatch(word) or _UNIT.fullmatch(word):
            return SOUND
        if _DIGITS.search(word):
            return SOUND if _ORDINAL.match(word) else BROKEN
        if _CAMEL.search(word):
            return SOUND if self._is_joined_name(word) else BROKEN
        parts = re.split(r"['-]", word)
        if word[0].isupper() and len(parts) > 1:
            return SOUND  # "Saint-aubin", "Nan's"
        odd = [part for part in parts if len(part) > 1 and self._is_strange(part)]
        if not odd:
            return SOUND
        return RARE if all(len(p) > 3 and looks_english(p) for p in odd) else STRANGE

    def _is_strange(self, low: str) -> bool:
        if low in self._names or not low.isalpha() or not low.islower():
            return False
        if len(low) >= FUZZY_LETTERS - 1 and any(
            Levenshtein.distance(low, name, score_cutoff=FUZZY_DISTANCE) <= FUZZY_DISTANCE
            for name in self._cores.name_words
            if len(name) >= FUZZY_LETTERS
        ):
            return False  # a misspelt name
        if len(low) <= 3:
            return low not in _SHORT and not self._lexicon.is_common(low)
        return not self._lexicon.is_word(low) and not is_derived(low)

    def _is_joined_name(self, word: str) -> bool:
        if _JOINED_NAME.fullmatch(word) or re.fullmatch(r"[A-Z]+s", word):
            return True
        pieces = re.findall(r"[A-Z][a-z]+|[a-z]+|[A-Z]+(?![a-z])", word)
        return word[0].isupper() and all(
            len(piece) > 2 and self._lexicon.is_word(piece.lower()) for piece in pieces
        )


def doubted(found: Sequence[Found], heard: Legible, frame: Frame, suite: str) -> list[Found]:
    """Claims of an answer, those left out or left open that a flaw in their sentence spoils.

    In a flawed sentence that was kept, what no wording covers, or what only the question's
    slots make a claim, is left open. To a false premise it says nothing: half a sentence does not
    go along with one.
    """
    kept: list[Found] = []
    for one in found:
        loose = one.relation is None or one.basis == "question"
        if loose and any(one.text in sentence for sentence in heard.flawed):
            ends = [term for term in (one.subject, one.object) if term is not None]
            invented = any(t.kind == INVENTED and t.text.split()[-1] in one.text for t in ends)
            if not invented:
                known = any(term.ids and term.text in one.text for term in ends)
                if suite != "false_premise" and (known or heard.named):
                    kept.append(Found(one.text, None, None, None, basis="none"))
                continue
        kept.append(one)
    kept += [Found(text, None, frame.given, None, basis="none") for text in heard.invented]
    return kept + [Found(text, None, None, None, basis="none") for text in heard.half]


def _says_nothing(sentence: str) -> bool:
    """A tautology, or a want of ability without who or whom."""
    bare = _BARE_INABILITY.match(sentence)
    return bool(bare or _TAUTOLOGY.match(sentence))


def _lows(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _asserts_of(name: str, sentence: str) -> bool:
    """Whether a sentence begins with a name and a verb."""
    verbs = r"(?:was|is|had|has|wanted|could|lived|worked|belonged|travelled|married)\b"
    return bool(name) and bool(re.match(rf"\W*(?:the )?{re.escape(name)} {verbs}", sentence, re.I))


def unglue(text: str) -> str:
    """Words run together at a capital, apart where the first is English: "ofNenuxy", "andYou".

    >>> unglue("was made ofNenuxy")
    'was made of Nenuxy'
    """
    return _GLUED.sub(r"\1 ", text)


def _is_stray(word: str, text: str) -> bool:
    """A single letter that is neither a word nor an initial."""
    if len(word) != 1 or not word.isalpha() or word in "aAI" or not word.isascii():
        return False
    return not re.search(rf"\b{word}\.|\w[-'&]{word}\b|\b{word}[-'&]\w", text)


def _odd_pair(low: str, follow: str) -> bool:
    if low in _DETERMINERS:
        return follow in _NOT_AFTER_DETERMINER
    if low in _PREPOSITIONS:
        return follow in _NOT_AFTER_PREPOSITION
    return False
