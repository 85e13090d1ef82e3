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

from harness.core.records import Form
from harness.encoder.embedding import vocabulary
from harness.grading.illformed.template_spans import CoreReader
from harness.grading.linking.frame import Frame
from harness.grading.linking.lexicon import Lexicon
from harness.grading.linking.linker import FUZZY_DISTANCE, FUZZY_LETTERS, INVENTED
from harness.grading.text.prepare import MAX_SENTENCES, Prepared, prepare
from harness.grading.text.salad_words import (
    CAMEL,
    DIGITS,
    FOOTNOTE,
    FUNCTION,
    JOINED_NAME,
    MARKED,
    ORDINAL,
    SHORT,
    UNIT,
    WORD,
    is_odd_pair,
    is_stray,
    unglue,
)
from harness.grading.text.spelling import is_derived, looks_english
from harness.grading.verification.lookup import Found
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

_DECLINES = re.compile(
    r"\bnot able (?:to|in|for)\W+(?:the )?(?:answer|say|tell|thing)\b|\bthe story (?:does|do) not"
    r"|\bnot (?:told |even |in ){1,3}(?:the )?story\b",
    re.IGNORECASE,
)
_BARE_INABILITY = re.compile(
    r"\W*(?:[A-Za-z]+ )?[Nn]ot (?:able (?:to|in|for)\b[^A-Z]{1,60}|in\b[^A-Z]{1,40})$"
)
_TAUTOLOGY = re.compile(r"\W*([A-Z]\w+) (?:was|is) \1\W*$")


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
            for word in WORD.findall(name)
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
            sentences=tuple(kept[:MAX_SENTENCES]), flawed=frozenset(flawed), half=tuple(half),
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
            named = [w for w in ends if len(w) > 2 and w.lower() not in FUNCTION]
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
        words = [match.group() for match in WORD.finditer(text)]
        lows = [word.lower().removesuffix("'s") for word in words]
        known = {word.lower() for name in names for word in WORD.findall(name)}
        flaws = [
            self._flaw(word) for word, low in zip(words, lows, strict=True) if low not in known
        ]
        if text.islower() and (known | self._cores.name_words) & set(lows):
            flaws = [BROKEN] * flaws.count(BROKEN)  # who writes no capitals has names without
        strays = {word for word in set(words) if is_stray(word, text)}  # each looked for once
        strange = flaws.count(STRANGE) + sum(word in strays for word in words)
        strange += sum(is_odd_pair(a, b) for a, b in pairwise(lows))
        function = sum(low in FUNCTION for low in lows)
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
        if MARKED.search(word):
            return BROKEN
        if word.isdigit() or len(word) == 1 or not word.isascii():
            return SOUND
        if FOOTNOTE.fullmatch(word) or UNIT.fullmatch(word):
            return SOUND
        if DIGITS.search(word):
            return SOUND if ORDINAL.match(word) else BROKEN
        if CAMEL.search(word):
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
            return low not in SHORT and not self._lexicon.is_common(low)
        return not self._lexicon.is_word(low) and not is_derived(low)

    def _is_joined_name(self, word: str) -> bool:
        if JOINED_NAME.fullmatch(word) or re.fullmatch(r"[A-Z]+s", word):
            return True
        pieces = re.findall(r"[A-Z][a-z]+|[a-z]+|[A-Z]+(?![a-z])", word)
        return word[0].isupper() and all(
            len(piece) > 2 and self._lexicon.is_word(piece.lower()) for piece in pieces
        )


def doubted(found: Sequence[Found], heard: Legible, frame: Frame, form: Form) -> list[Found]:
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
                if form is not Form.PREMISE and (known or heard.named):
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
    return {word.lower() for word in WORD.findall(text)}


def _asserts_of(name: str, sentence: str) -> bool:
    """Whether a sentence begins with a name and a verb."""
    verbs = r"(?:was|is|had|has|wanted|could|lived|worked|belonged|travelled|married)\b"
    return bool(name) and bool(re.match(rf"\W*(?:the )?{re.escape(name)} {verbs}", sentence, re.I))
