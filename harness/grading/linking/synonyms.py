"""The words by which a relation is known beside its templates: `fixtures/stories/synonyms.toml`.

A cue is a word or phrase with the part it plays. Where subject and object are of different
kinds the part does not matter; between two people it tells who is who.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain

from harness.core.errors import GradingError
from harness.core.paths import data_folder
from harness.core.records import Relation
from harness.grading.text.words import NEGATIONS

Canonical = Callable[[str], Sequence[str]]  # from a text to its canonical words
PARTS = ("words", "likely", "object_roles", "subject_roles", "forward", "backward")
TRAITS = ("mutual", "by", "of_either", "object_he", "object_she")
_TRAITS = "traits"
OTHERS = "others"  # values that are none of a story's own, so that "jade" is read as one
WORD, LIKELY, OBJECT_ROLE, SUBJECT_ROLE, FORWARD, BACKWARD = PARTS

EXACT = "="  # before a cue: this form only
GAP = "*"  # stands for a name inside a cue
_IRREGULAR = {
    "taught": "teach", "led": "lead", "made": "make", "kept": "keep", "met": "meet",
    "came": "come", "stood": "stand", "held": "hold", "took": "take", "taken": "take",
    "built": "build", "bore": "bear", "knew": "know", "known": "know", "laid": "lay",
    "begun": "begin", "began": "begin", "went": "go", "gone": "go", "goes": "go", "gave": "give",
    "given": "give", "dwelt": "dwell", "sought": "seek", "strove": "strive", "swore": "swear",
    "sworn": "swear", "sat": "sit", "hid": "hide", "hidden": "hide", "fell": "fall",
    "saw": "see", "seen": "see", "wrought": "work", "fought": "fight", "sprang": "spring",
    "begot": "beget", "begat": "beget", "rode": "ride", "broke": "break", "brought": "bring",
    "dreamt": "dream", "learnt": "learn", "struck": "strike", "shrank": "shrink",
    "learned": "learn", "owed": "owe", "belongings": "belong",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RelationCue:
    """A word or phrase, as stems, that names a relation; `part` is one of PARTS."""

    stems: tuple[str, ...]
    relation: str
    part: str
    negative: bool = False  # it needs a negation ("could not bear")
    noun: bool = False  # a noun for a person, so no form in -ed or -ing will do
    exact: str = ""  # the one form of the word that will do ("years", not "year")

    @property
    def head(self) -> int:
        """How many words it has before its gap, if it has one ("brought * into the world")."""
        return self.stems.index(GAP) if GAP in self.stems else len(self.stems)

    @property
    def letters(self) -> int:
        """How many letters it has: the longer, the surer."""
        return sum(map(len, self.stems))


@lru_cache(maxsize=100_000)
def stem(low: str) -> str:
    """A lower-case word without its inflection: "governs", "governed" and "governing" are one.

    Crude on purpose: both cues and texts go through it, and nothing else does.
    """
    low = _IRREGULAR.get(low, low)
    if len(low) <= 3 or not low.isalpha():
        return low
    for end in ("ing", "ed"):
        if low.endswith(end) and len(low) - len(end) >= 3:
            low = low[: -len(end)]
            if low[-1] == low[-2] and low[-1] not in "sl":
                low = low[:-1]
            break
    else:
        if low.endswith("ies") and len(low) > 4:
            low = low[:-3] + "y"
        elif low.endswith("s") and not low.endswith(("ss", "us", "is")):
            low = low[:-1]
    low = low[:-1] if low.endswith("e") and len(low) > 3 else low
    low = low[:-1] + "i" if low.endswith("y") and len(low) > 3 else low
    return low[:-1] if low.endswith("ll") else low


@cache
def _table() -> dict[str, dict[str, tuple[str, ...]]]:
    path = data_folder("fixtures") / "stories" / "synonyms.toml"
    with path.open("rb") as file:
        table = tomllib.load(file)
    for relation, parts in table.items():
        unknown = set(parts) - {*PARTS, OTHERS, _TRAITS}
        unknown |= set(parts.get(_TRAITS, ())) - set(TRAITS)
        if unknown:
            raise GradingError(
                f"{path}: [{relation}] has the unknown key '{min(unknown)}'; "
                f"known: {', '.join((*PARTS, OTHERS, _TRAITS, *TRAITS))}"
            )
    return {r: {p: tuple(words) for p, words in parts.items()} for r, parts in table.items()}


def cues_of(relations: Iterable[Relation], canonical: Canonical) -> list[RelationCue]:
    """Every cue of every relation, its own and those of the shared table.

    Raises GradingError when the table is malformed.
    """
    found: dict[RelationCue, None] = {}
    for relation in relations:
        known = _table().get(relation.id, {})
        parts = {part: words for part, words in known.items() if part in PARTS}
        named = {stems_of(word, canonical) for words in parts.values() for word in words}
        for cue in relation.cues:
            if stems_of(cue, canonical) not in named:
                parts[WORD] = (*parts.get(WORD, ()), cue)
        for part, words in parts.items():
            for word in words:
                exact = word[1:] if word[0] == EXACT else ""
                bare = " ".join(w for w in (exact or word).split() if w not in NEGATIONS)
                stems = stems_of(bare, canonical)
                if stems:
                    negative = bare != (exact or word)
                    noun = part in (OBJECT_ROLE, SUBJECT_ROLE) and not bare.endswith(("ed", "ing"))
                    found[RelationCue(stems, relation.id, part, negative, noun, exact)] = None
    return list(found)


def stems_of(text: str, canonical: Canonical) -> tuple[str, ...]:
    """The stems of a phrase."""
    if GAP in text:
        before, after = text.split(GAP)
        return (*stems_of(before, canonical), GAP, *stems_of(after, canonical))
    return tuple(stem(word) for word in canonical(text))


def traits(relation: str) -> frozenset[str]:
    """What the shared table says of a relation: some of TRAITS."""
    return frozenset(_table().get(relation, {}).get(_TRAITS, ()))


def other_values(relation: str) -> frozenset[str]:
    """Words for values of a relation that are in no list of a story."""
    return frozenset(_table().get(relation, {}).get(OTHERS, ()))


@cache
def synonym_words() -> frozenset[str]:
    """All words of the shared table, lower-cased: none of them is a name."""
    phrases = chain.from_iterable(
        words for parts in _table().values() for part, words in parts.items() if part != _TRAITS
    )
    return frozenset(word.strip(",") for phrase in phrases for word in phrase.split())


def object_roles(relation: str) -> tuple[str, ...]:
    """The nouns of the shared table for what the object is to the subject."""
    return tuple(
        word for word in _table().get(relation, {}).get(OBJECT_ROLE, ()) if " " not in word
    )
