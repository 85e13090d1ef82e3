"""What decides without asking for meaning: numbers, dates, units, names, lists, yes and no.

`rule_on(question, gold, answer)` compares an answer with one gold answer. It rules only
where a bare answer stands against a gold answer of the same kind; everything else is left
to the classifier (`equivalence/grader.py`), for which the same comparisons are features.

The rules, in order:
 1. Nothing said: different. Declined, and nothing said besides: different.
 2. The same normal words, in the answer as given or without what it repeats of the
    question ("The capital is Lund."): same. "Not X" is not X.
 3. Yes or no: the same word, same; the other one, different.
 4. Dates: all that the gold tells is told, same; a part that both tell differs, different.
 5. Numbers with units, converted within a dimension: within 1%, same; else different.
 6. Names: the same in another order ("Tolkien, J. R. R."), with initials or middle names on
    one side only, or an acronym of the other: same. The same last name behind another first
    name: different.
 7. The gold stands in a longer answer, but only behind a negation: different.
 8. Lists: the same items in any order, same; only some of them, different.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from harness.grading.equivalence.names import is_acronym, name_words, other_name, same_name
from harness.grading.equivalence.reading import (
    MONTHS,
    STOP,
    AnswerReading,
    is_number,
    is_ordinal,
    read,
    stem,
)
from harness.grading.refusal.refusals import find_refusal

LONGEST_DENIED = 6  # words of a gold answer that a negation before it can deny
NEAR_NUMBER = 0.01  # relative difference up to which two converted quantities are the same

_YES = frozenset("yes yeah yep true correct right indeed".split())
_NO = frozenset("no nope false incorrect not never".split())
_AUXILIARIES = frozenset(
    "is are was were do does did has have had can could will would should may might".split()
)
_NOT_ONLY = frozenset(
    ("not", word) for word in ("only", "just", "merely", "until", "before", "after", "sure")
)
_USUALLY = frozenset("typically usually generally normally mostly well".split())
_NEGATORS = frozenset("not never isnt wasnt neither nor except without unlike".split())
_FILLERS = STOP | frozenset(
    "answer called named known name approximately about around roughly nearly exactly circa "
    "ca year date number total located found mr mrs ms dr sir probably think believe yes "
    "according would it's that's one".split()
)
_UNITS: dict[str, tuple[str, float]] = {}
for _dimension, _names in {
    "length": {
        1e-3: "mm millimetre millimeter", 1e-2: "cm centimetre centimeter",
        1.0: "m metre meter", 1e3: "km kilometre kilometer kms", 0.0254: "inch in",
        0.3048: "ft foot feet", 0.9144: "yard yd", 1609.344: "mile mi", 1852.0: "nautical",
    },
    "mass": {
        1e-6: "mg milligram", 1e-3: "g gram", 1.0: "kg kilogram kilo", 1e3: "tonne",
        0.45359237: "lb pound lbs", 0.028349523: "ounce oz", 907.18474: "ton",
    },
    "time": {
        1.0: "second sec", 60.0: "minute min", 3600.0: "hour hr", 86400.0: "day",
        604800.0: "week", 2629746.0: "month", 31556952.0: "year yr",
    },
    "share": {1.0: "% percent percentage"},
    "money in dollars": {1.0: "$ dollar usd"},
    "money in pounds": {1.0: "£ sterling gbp"},
    "money in euros": {1.0: "€ euro eur"},
}.items():  # fmt: skip
    for _factor, _words in _names.items():
        for _word in _words.split():
            _UNITS[_word] = _UNITS[stem(_word)] = (_dimension, _factor)
_ALIASES = {
    "usa": "united states", "us": "united states", "united states of america": "united states",
    "america": "united states", "uk": "united kingdom", "great britain": "united kingdom",
    "britain": "united kingdom", "ussr": "soviet union", "uae": "united arab emirates",
    "un": "united nations", "eu": "european union", "nyc": "new york city", "la": "los angeles",
    "holland": "netherlands", "burma": "myanmar", "persia": "iran", "peking": "beijing",
    "bombay": "mumbai", "ww1": "world war 1", "wwi": "world war 1", "ww2": "world war 2",
    "wwii": "world war 2", "first world war": "world war 1", "1th world war": "world war 1",
    "2th world war": "world war 2",
}  # fmt: skip
_VAGUE = re.compile(
    r"\b(?:about|around|approx\w*|roughly|nearly|almost|over|more than|less than|estimated|circa"
    r"|some|up to|at least|between|by|after|before|century|bc|ad|ce|bce)\b|\d\s?[-–~]\s?\d|\ds\b|~",
    re.IGNORECASE,
)
_ASKS_MANY = re.compile(
    r"\b(?:who|what|which|where) (?:\w+ )?(?:are|were)\b|\b(?:two|three|four|five|six|seven"
    r"|both|names of|all)\b|\b(?:name|list) the\b",
    re.IGNORECASE,
)
_SPLIT_LIST = re.compile(r"[,;/\n]|\band\b|&|\bor\b|\bplus\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule found: the same or not, and by which rule."""

    same: bool
    reason: str


def rule_on(question: AnswerReading, gold: AnswerReading, answer: AnswerReading) -> Ruling | None:
    """Rule on an answer against one gold answer; None where no rule decides."""
    if not answer.words:
        return Ruling(same=False, reason="nothing said")
    if place_of(gold.stems, answer.stems) is None and declines_only(answer.text):
        return Ruling(same=False, reason="declines")
    bare = bare_words(question, answer)
    wanted = bare_words(question, gold) or gold.words
    ruling = _by_yes_or_no(gold, answer)
    if ruling is not None:
        return ruling
    for rule in (_by_words, _by_date, _by_quantity, _by_name):
        ruling = rule(gold, answer, wanted, bare)
        if ruling is not None:
            if ruling.same and _turns(question, gold) != _turns(question, answer):
                return Ruling(same=False, reason="denies the gold answer")
            return ruling
    if is_denied(question, gold, answer):
        return Ruling(same=False, reason="denies the gold answer")
    return _by_list(question, gold, answer)


@lru_cache(maxsize=4_096)
def declines_only(text: str) -> bool:
    """Whether a text declines and says nothing besides."""
    found = find_refusal(text)
    return found.declines and not found.rest


def bare_words(question: AnswerReading, text: AnswerReading) -> tuple[str, ...]:
    """The words of a text that neither repeat the question nor fill the sentence."""
    asked = set(question.stems)
    return tuple(
        word
        for word, root in zip(text.words, text.stems, strict=True)
        if root not in asked and word not in _FILLERS
    )


def is_negated(words: Sequence[str], start: int) -> bool:
    """Whether a negation stands within the four words before place `start`."""
    before = tuple(words[max(0, start - 4) : start])
    if any(pair in _NOT_ONLY for pair in pairwise(before)):
        return False
    return any(word in _NEGATORS for word in before) or before[-2:] in (
        ("rather", "than"), ("instead", "of"), ("other", "than"),
    )  # fmt: skip


def is_denied(question: AnswerReading, gold: AnswerReading, answer: AnswerReading) -> bool:
    """Whether an answer names the gold only behind a negation that the question has not."""
    if len(gold.stems) > LONGEST_DENIED or any(w in _NEGATORS for w in question.words + gold.words):
        return False
    if place_of(gold.stems, answer.stems) is None:
        return False
    named = denied = 0
    for sentence in answer.sentences:
        words = read(sentence)
        places = places_of(gold.stems, words.stems)
        named += len(places)
        for place in places:
            after = words.words[place + len(gold.stems) :][:2]
            denied += is_negated(words.words, place) or _is_negation(after)
    return named > 0 and denied == named


def _is_negation(words: Sequence[str]) -> bool:
    return len(words) == 2 and words[0] in _AUXILIARIES and words[1] in ("not", "never")


def places_of(part: Sequence[str], whole: Sequence[str]) -> list[int]:
    """All places where `part` stands in `whole` as a run of words."""
    size = len(part)
    return [n for n in range(len(whole) - size + 1) if tuple(whole[n : n + size]) == tuple(part)]


def place_of(part: Sequence[str], whole: Sequence[str]) -> int | None:
    """Where `part` stands in `whole` as a run of words; None where it does not."""
    size = len(part)
    if not size:
        return None
    first = part[0]
    for start in range(len(whole) - size + 1):
        if whole[start] == first and tuple(whole[start : start + size]) == tuple(part):
            return start
    return None


def _turns(question: AnswerReading, text: AnswerReading) -> bool:
    """Whether a text negates where the question does not."""
    return any(word in _NEGATORS and word not in question.words for word in text.words)


def _by_words(
    gold: AnswerReading, answer: AnswerReading, wanted: tuple[str, ...], bare: tuple[str, ...]
) -> Ruling | None:
    if _alias(answer.words) == _alias(gold.words):
        return Ruling(same=True, reason="same words")
    if answer.spaceless == gold.spaceless and len(answer.spaceless) > 3:
        return Ruling(same=True, reason="same letters")
    if wanted and _stems(bare) == _stems(wanted):
        return Ruling(same=True, reason="same words beside the question's")
    return None


def _by_yes_or_no(gold: AnswerReading, answer: AnswerReading) -> Ruling | None:
    wanted, said = _polarity(gold), _polarity(answer)
    if (
        len([word for word in gold.words if word not in _USUALLY]) > 1
        or wanted is None
        or said is None
    ):
        return None
    return Ruling(same=wanted == said, reason="yes or no")


def _polarity(text: AnswerReading) -> bool | None:
    words = [word for word in text.words if word not in _USUALLY]
    first = words[0] if words else ""
    if first in _YES:
        return True
    if first in _NO and (len(words) == 1 or first not in ("not", "never")):
        return False
    return None


def _by_date(
    gold: AnswerReading, answer: AnswerReading, wanted: tuple[str, ...], bare: tuple[str, ...]
) -> Ruling | None:
    if len(gold.dates) != 1 or len(answer.dates) != 1:
        return None
    if gold.spans or answer.spans or not (_only_date(wanted) and _only_date(bare)):
        return None
    told, said = gold.dates[0], answer.dates[0]
    if said.covers(told):
        return Ruling(same=True, reason="same date")
    if told.agrees(said):
        return None  # less is told than the gold answer does
    return Ruling(same=False, reason="another date")


def _only_date(words: Sequence[str]) -> bool:
    return all(word[0].isdigit() or word in MONTHS or word[:3] in _MONTH_STARTS for word in words)


_MONTH_STARTS = frozenset(name[:3] for name in MONTHS)


def _by_quantity(
    gold: AnswerReading, answer: AnswerReading, wanted: tuple[str, ...], bare: tuple[str, ...]
) -> Ruling | None:
    told, said = quantity(gold.words), quantity(answer.words)
    if told is None or said is None or len(bare) > 3 or len(wanted) > 3:
        return None
    if answer.dates or _VAGUE.search(f"{gold.text} {answer.text}"):
        return None
    if any(is_ordinal(word) for word in (*gold.words, *answer.words)):
        return None
    (value, unit), (other, other_unit) = told, said
    if unit and other_unit and unit[0] == other_unit[0]:
        value, other = value * unit[1], other * other_unit[1]
        near = NEAR_NUMBER if unit[1] != other_unit[1] else 0.0
    elif unit and other_unit:
        return Ruling(same=False, reason="another unit")
    else:
        near = 0.0
    if abs(value - other) > near * max(abs(value), abs(other)):
        return Ruling(same=False, reason="another number")
    extra = _other_words(wanted) ^ _other_words(bare)
    return None if extra else Ruling(same=True, reason="same number")


def quantity(words: Sequence[str]) -> tuple[float, tuple[str, float] | None] | None:
    """The only number among `words` with the unit beside it, if one is; None for no or more.

    The unit comes as (dimension, factor to the dimension's base unit).
    """
    places = [n for n, word in enumerate(words) if is_number(word)]
    if len(places) != 1:
        return None
    place = places[0]
    beside = [*words[place + 1 : place + 2], *words[max(0, place - 1) : place]]
    units = [_UNITS.get(word) or _UNITS.get(stem(word)) for word in beside]
    return float(words[place]), next((unit for unit in units if unit), None)


def _other_words(words: Sequence[str]) -> set[str]:
    return {
        stem(word)
        for word in words
        if not word[0].isdigit() and word not in _UNITS and stem(word) not in _UNITS
    }


def _by_name(
    gold: AnswerReading, answer: AnswerReading, wanted: tuple[str, ...], bare: tuple[str, ...]
) -> Ruling | None:
    if len(answer.words) > 6 or len(gold.words) > 6:
        return None
    one, other = name_words(gold.text), name_words(answer.text)
    if len(one) > 1 and len(other) > 1 and same_name(one, other):
        return Ruling(same=True, reason="same name")
    if other_name(one, other) and _capitalised(gold.text) and _capitalised(answer.text):
        return Ruling(same=False, reason="another name")
    if is_acronym(gold.words, answer.words) or is_acronym(answer.words, gold.words):
        return Ruling(same=True, reason="acronym")
    return None


def _capitalised(text: str) -> bool:
    words = [word for word in text.split() if word[0].isalpha() and word.lower() not in STOP]
    return bool(words) and all(word[0].isupper() for word in words)


def items_of(text: str) -> list[tuple[str, ...]]:
    """Items of a list as content stems, empty ones left out; one item where it is no list."""
    parts = [_stems(w for w in read(part).words if w not in _FILLERS) for part in _split(text)]
    return [part for part in parts if part]


def _split(text: str) -> list[str]:
    parts = (part.strip() for part in _SPLIT_LIST.split(text[:1_000]))
    return [part for part in parts if part]


def _by_list(question: AnswerReading, gold: AnswerReading, answer: AnswerReading) -> Ruling | None:
    if gold.dates or len(answer.words) > 20:
        return None
    told = items_of(gold.text)
    if len(told) < 2:
        return None
    said = items_of(answer.text)
    if {frozenset(item) for item in told} == {frozenset(item) for item in said}:
        return Ruling(same=True, reason="same list")
    if _ASKS_MANY.search(question.text) and said and set(said) < set(told):
        return Ruling(same=False, reason="only some of the list")
    return None


def _alias(words: Sequence[str]) -> str:
    text = " ".join(words)
    return _ALIASES.get(text, text)


def _stems(words: object) -> tuple[str, ...]:
    return tuple(stem(word) for word in words)  # type: ignore[attr-defined]
