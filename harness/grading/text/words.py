"""Words in a canonical form, so that one template covers tense, person and spelling.

The same canonical form is given to the templates of a world and to what a model says:
"lives in", "has lived at" and "lived in" become one. Negations and adverbs are taken
out of the text and their places kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

TOKEN = re.compile(r"'s\b|\d+(?:,\d{3})+|\d+|[^\W\d_]+(?:-[^\W\d_]+)*|[^\w\s]")

PRONOUNS = frozenset(["he", "she", "it", "they", "him", "her", "them"])
POSSESSIVES = {"his": "he", "their": "they", "its": "it"}
NEGATIONS = frozenset(["not", "never", "n't", "neither", "nor", "hardly", "no"])
# Modifiers that may stand right before a name without changing whom it means.
TITLES = frozenset(
    "the old young great wise good poor king queen lord lady master mistress captain dear little "
    "brave mr mrs ms dr sir dame father mother brother sister uncle aunt grandfather grandmother "
    "prince princess duke duchess count countess saint teacher doctor ancient famous mysterious "
    "late certain beautiful city town village place".split()
) - {"father", "mother", "teacher"}
ADVERBS = frozenset(
    "also once really always famously probably perhaps maybe actually indeed truly only just very "
    "simply certainly surely apparently reportedly supposedly allegedly originally formerly "
    "himself herself itself themselves well clearly currently now today still even rather quite "
    "later eventually finally secretly deeply greatly mostly mainly definitely obviously "
    "together basically therefore thus hence so long ago".split()
)
_BE = dict.fromkeys(["is", "are", "were", "be", "been", "am", "being", "was"], "was")
_FIXED = _BE | {
    "has": "had", "have": "had", "having": "had", "an": "a", "whom": "who", "can": "could",
    "at": "in", "inside": "in", "within": "in", "into": "in", "traveled": "travelled",
    "neighbor": "neighbour", "traveling": "travelling", "fulfil": "fulfill", "an-": "a",
    "these": "the", "those": "the", "will": "could", "cannot": "could",
}  # fmt: skip
_IRREGULAR = {
    "taught": "teach", "led": "lead", "made": "make", "kept": "keep", "met": "meet",
    "came": "come", "stood": "stand", "lay": "lie", "held": "hold", "saw": "see",
    "went": "go", "took": "take", "built": "build", "bore": "bear", "knew": "know",
    "laid": "lay", "learned": "learn", "sworn": "swear", "begun": "begin", "had": "have",
    "travelled": "travel", "called": "call", "wed": "wed", "began": "begin", "won": "win",
    "wrote": "write", "found": "find", "gave": "give", "told": "tell", "spoke": "speak",
}  # fmt: skip
_EXTRA = {"learnt": "learned", "dreamt": "dreamed", "weds": "wed", "wedded": "wed"}


# Words whose form hangs on those beside them, or that stand for two.
_BY_PLACE = NEGATIONS | frozenset("did does do had has have called named whose her cannot".split())
MAX_SIMPLE = 100_000  # words kept


@dataclass(frozen=True, slots=True)
class Plain:
    """Canonical words, and for each the index of the raw word it came from.

    `negations`: places in `words` before which a negation was taken out.
    """

    words: tuple[str, ...]
    origin: tuple[int, ...]
    negations: tuple[int, ...]


def tokenise(text: str) -> list[str]:
    """Words, numbers, "'s" and punctuation signs of a text, as written."""
    return TOKEN.findall(text)


class Canon:
    """Canonical forms of words, made for the templates of one world.

    `keep`: words that stand in templates; no adverb among them is dropped, no verb form
    among them is changed.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        keep: set[str] = set()
        for template in templates:
            keep.update(word.lower() for word in tokenise(template.replace("{", " ")))
        self.drop = ADVERBS - keep
        self._base: dict[str, str] = {}
        self._simple: dict[str, str] = {}  # forms of words that do not hang on their neighbours
        self._map = dict(_FIXED) | _EXTRA
        for word in sorted(keep):
            for form in _bases(word):
                self._base.setdefault(form, word)
                for shape in (form, form + "s", form + "es", form[:-1] + "ies"):
                    if shape not in keep and shape not in self._map and len(shape) > 2:
                        self._map[shape] = word

    def word(self, low: str) -> str:
        """Canonical form of one lower-case word."""
        return self._map.get(low, low)

    def plain(self, lows: list[str], *, strip_negations: bool) -> Plain:
        """Canonical words of a sentence; punctuation other than , ; : is dropped."""
        words: list[str] = []
        origin: list[int] = []
        negations: list[int] = []
        after_not = False
        size = len(lows)
        simple = self._simple
        for place, low in enumerate(lows):
            form = simple.get(low)
            if form is not None and not after_not:
                words.append(form)
                origin.append(place)
                continue
            if strip_negations and low in NEGATIONS:
                negations.append(len(words))
                after_not = True
                continue
            if low in ("did", "does", "do") and place + 1 < size and lows[place + 1] in NEGATIONS:
                continue
            follow = lows[place + 1] if place + 1 < size else ""
            if low in ("had", "has", "have") and follow == "been":
                continue
            if low in ("called", "named") and words[-1:] == ["was"] and follow >= "\ue000":
                continue
            if low in self.drop or not (low[0].isalnum() or low in ",;:('s" or low >= "\ue000"):
                continue
            if low == "whose":
                words += ["who", "'s"]
                origin += [place, place]
                continue
            if low in POSSESSIVES or (low == "her" and _possessive(lows, place)):
                words += [POSSESSIVES.get(low, "she"), "'s"]
                origin += [place, place]
                continue
            form = "," if low == "(" else self._map.get(low, low)
            if after_not:
                form, after_not = self._base.get(low, form), False
            elif low not in _BY_PLACE and len(simple) < MAX_SIMPLE:
                simple[low] = form
            if low == "cannot":
                negations.append(len(words))
            words.append(form)
            origin.append(place)
        return Plain(tuple(words), tuple(origin), tuple(negations))


def _possessive(lows: list[str], place: int) -> bool:
    follow = lows[place + 1] if place + 1 < len(lows) else "."
    return follow.isalpha() and follow not in _AFTER_OBJECT


_AFTER_OBJECT = frozenset(
    "and or but who which that in on at with to for by from was is when because while as the a an "
    "of before after everything first so then".split()
)


def _bases(word: str) -> list[str]:
    if word in _IRREGULAR:
        return [_IRREGULAR[word]]
    if len(word) < 5 or not word.endswith("ed"):
        return []
    stem = word[:-2]
    forms = [stem, stem + "e"]
    if stem.endswith("i"):
        forms.append(stem[:-1] + "y")
    if len(stem) > 3 and stem[-1] == stem[-2]:
        forms.append(stem[:-1])
    return forms
