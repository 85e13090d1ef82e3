"""What the classifier of equivalence sees of a question, its gold answers and an answer.

Words count by how rare they are; words that the question already has count little. Where
there are several gold answers, wording is compared with the one nearest in wording, and
meaning with the three nearest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.encoder.embedding import word_ranks
from harness.grading.equivalence.names import is_acronym, name_words, near_name, same_name
from harness.grading.equivalence.reading import STOP, AnswerReading, read, stem
from harness.grading.equivalence.rules import bare_words, is_negated, items_of, place_of
from harness.grading.refusal.refusals import refusal_in

if TYPE_CHECKING:
    import numpy

KEPT_GOLDS = 3  # gold answers nearest in wording, whose meaning is compared
CONTEXT_WORDS = 32  # of an answer, that the encoder gets
COMMON, RARE = 1_000, 22_500  # ranks in the word list between which weights rise
CLOSE = 0.98  # share of the larger of two numbers, from which on they are close
_FUZZY = 0.8  # similarity of two words from which on one may be a spelling of the other
_HEDGE = re.compile(
    r"\b(?:may|might|possibly|perhaps|probably|not sure|unclear|uncertain|could be|one possible"
    r"|some sources|it depends|seems?|appears?|likely|i think|i believe|no definitive|various"
    r"|several|according to some|debated|disputed|difficult to)\b",
    re.IGNORECASE,
)
_CORRECTS = re.compile(
    r"\b(?:however|actually|although|there (?:is|was) no|did not|does not|has not|have not"
    r"|was not|is not|as of my|knowledge cutoff|as an ai|instead)\b",
    re.IGNORECASE,
)
_KINDS = ("who", "when", "where", "how many", "how", "what", "which", "why")
_ASKED_TIME = re.compile(r"\b(?:when|what (?:year|date|day|month|time)|which year)\b")
_ASKED_NUMBER = re.compile(
    r"\b(?:how (?:many|much|old|long|far|tall|high|big|often)|what number)\b"
)

NAMES: tuple[str, ...] = (
    "contained", "contained_spaceless", "any_contained", "share_contained", "place_contained",
    "in_first_sentence", "recall", "residue_recall", "residue_precision", "residue_f1",
    "fuzzy_recall", "best_recall", "token_set", "partial", "ratio", "jaro_winkler", "residue_set",
    "last_word_said", "first_word_said", "same_name", "near_name", "untitled", "acronym",
    "gold_has_number", "number_recall", "number_conflict", "number_nearness", "number_close",
    "gold_has_date", "date_covered", "date_agrees", "date_conflict", "year_said",
    "span_covers", "more_dates",
    "answer_words", "gold_words", "answer_residue", "gold_residue", "gold_asked",
    "declines", "hedges", "corrects", "negated", "new_names", "gold_named", "names_precision",
    "items", "item_recall", "golds",
    "asks_who", "asks_when", "asks_where", "asks_number", "asks_why",
    "sim_context", "sim_residue", "sim_question_answer", "sim_question_gold", "sim_gain",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """One answer against its gold answers, read, with the golds nearest in wording first.

    `sentence`: the answer's sentence that says most of the gold.
    """

    question: AnswerReading
    golds: tuple[AnswerReading, ...]
    answer: AnswerReading
    residue: tuple[str, ...]
    sentence: str
    gold_count: int
    contained: int

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts whose vectors `vector` needs."""
        asked = self.question.text
        found = [asked, f"{asked} {_head(self.sentence)}"]
        found.append(" ".join(self.residue[:CONTEXT_WORDS]) or "nothing")
        for gold in self.golds:
            found += [f"{asked} {_head(gold.text)}", _head(gold.text)]
        return tuple(found)


def compare(
    question: AnswerReading, golds: Sequence[AnswerReading], answer: AnswerReading
) -> Comparison:
    """Order the golds by wording and find the sentence of the answer that matters."""
    said = frozenset(answer.stems)
    asked = frozenset(question.stems)

    def nearness(gold: AnswerReading) -> tuple[float, float, int, str]:
        contained = place_of(gold.stems, answer.stems) is not None
        recall = weighted_recall(gold.stems, said, asked)
        return (-float(contained), -recall, -len(gold.words) if contained else 0, gold.text)

    ordered = sorted(golds, key=nearness)
    contained = sum(place_of(gold.stems, answer.stems) is not None for gold in golds)
    return Comparison(
        question=question,
        golds=tuple(ordered[:KEPT_GOLDS]),
        answer=answer,
        residue=bare_words(question, answer),
        sentence=_best_sentence(answer, ordered[0]),
        gold_count=len(golds),
        contained=contained,
    )


def vector(pair: Comparison, vectors: Mapping[str, numpy.ndarray]) -> list[float]:
    """The features in the order of NAMES. `vectors`: unit vectors of `pair.texts`."""
    gold = pair.golds[0]
    return [
        *_containment(pair, gold),
        *_overlap(pair, gold),
        *_strings(pair, gold),
        *_numbers(gold, pair.answer, pair.question),
        *_dates(pair.golds, pair.answer),
        *_lengths(pair, gold),
        *_manner(pair, gold),
        *_asked(pair.question),
        *_meaning(pair, vectors),
    ]


@lru_cache(maxsize=1)
def _ranks() -> dict[str, int]:
    """Stems with the rank of their commonest word."""
    found: dict[str, int] = {}
    for word, rank in word_ranks().items():
        found.setdefault(stem(word), rank)
    return found


@lru_cache(maxsize=50_000)
def weight(root: str) -> float:
    """How much a stem tells: 0.05 for stop words, 0.2 for common ones, 1 for unknown ones."""
    if root in STOP:
        return 0.05
    if root[0].isdigit():
        return 1.0
    rank = _ranks().get(root, RARE)
    return 0.2 + 0.8 * math.log(max(rank, COMMON) / COMMON) / math.log(RARE / COMMON)


def weighted_recall(
    wanted: Sequence[str], said: frozenset[str], asked: frozenset[str] = frozenset()
) -> float:
    """Share of `wanted` that is `said`, by weight; words of the question count a tenth."""
    total = found = 0.0
    for word in wanted:
        worth = weight(word) * (0.1 if word in asked else 1.0)
        total += worth
        found += worth * (word in said)
    return found / total if total else 0.0


def _head(text: str) -> str:
    return " ".join(text.split()[:CONTEXT_WORDS])[:300]


def _best_sentence(answer: AnswerReading, gold: AnswerReading) -> str:
    if len(answer.sentences) <= 1:
        return answer.text
    shown = answer.sentences[:12]
    scores = [weighted_recall(gold.stems, frozenset(read(one).stems)) for one in shown]
    return shown[max(range(len(shown)), key=lambda n: (scores[n], -n))]


def _containment(pair: Comparison, gold: AnswerReading) -> list[float]:
    place = place_of(gold.stems, pair.answer.stems)
    first = pair.answer.sentences[0] if pair.answer.sentences else ""
    spaceless = len(gold.spaceless) >= 4 and gold.spaceless in pair.answer.spaceless
    return [
        float(place is not None),
        float(spaceless),
        float(pair.contained > 0),
        pair.contained / pair.gold_count,
        1.0 if place is None else place / len(pair.answer.stems),
        float(gold.text.lower().rstrip(".") in first.lower()),
    ]


def _overlap(pair: Comparison, gold: AnswerReading) -> list[float]:
    asked = frozenset(pair.question.stems)
    said = frozenset(pair.answer.stems)
    rest = [s for s in gold.stems if s not in asked and s not in STOP]
    rest_said = [s for s in pair.answer.stems if s not in asked and s not in STOP]
    recall = weighted_recall(gold.stems, said)
    residue_recall = weighted_recall(rest, said) if rest else recall
    precision = weighted_recall(rest_said, frozenset(gold.stems)) if rest_said else recall
    both = residue_recall + precision
    return [
        recall,
        residue_recall,
        precision,
        2 * residue_recall * precision / both if both else 0.0,
        _fuzzy_recall(rest or list(gold.stems), said),
        max(weighted_recall(one.stems, said, asked) for one in pair.golds),
    ]


def _fuzzy_recall(wanted: Sequence[str], said: frozenset[str]) -> float:
    from rapidfuzz import fuzz, process

    total = found = 0.0
    choices = sorted(said)
    for word in wanted[:40]:
        worth = weight(word)
        total += worth
        if word in said:
            found += worth
        elif len(word) > 3 and word.isalpha() and choices:
            near = process.extractOne(word, choices, scorer=fuzz.ratio, score_cutoff=100 * _FUZZY)
            found += worth * near[1] / 100 if near else 0.0
    return found / total if total else 0.0


def _strings(pair: Comparison, gold: AnswerReading) -> list[float]:
    from rapidfuzz import fuzz
    from rapidfuzz.distance import JaroWinkler

    a, b = " ".join(pair.answer.words), " ".join(gold.words)
    residue = " ".join(pair.residue)
    one, other = name_words(gold.text), name_words(pair.sentence)
    runs = _runs(other, len(one)) if one and one[-1] in other else []
    content = [root for root in gold.stems if root not in STOP] or list(gold.stems) or [""]
    said = frozenset(pair.answer.stems)
    return [
        fuzz.token_set_ratio(a, b) / 100,
        fuzz.partial_ratio(a, b) / 100,
        fuzz.ratio(a, b) / 100,
        JaroWinkler.similarity(residue, b),
        fuzz.token_set_ratio(residue, b) / 100,
        float(content[-1] in said),
        float(content[0] in said),
        float(len(one) > 1 and any(same_name(one, part) for part in runs)),
        float(len(one) > 1 and any(near_name(one, part) for part in runs)),
        float(place_of(one, other) is not None),
        float(
            any(is_acronym(gold.words, part) for part in _runs(pair.answer.words, 5))
            or any(is_acronym((word,), gold.words) for word in pair.answer.words)
        ),
    ]


def _runs(words: Sequence[str], longest: int) -> list[tuple[str, ...]]:
    """Runs of 2 to `longest` words, in the first 40."""
    shown = tuple(words[:40])
    sizes = range(2, max(3, longest + 2))
    return [shown[n : n + size] for size in sizes for n in range(len(shown) - size + 1)]


def _numbers(gold: AnswerReading, answer: AnswerReading, question: AnswerReading) -> list[float]:
    asked = set(question.numbers)
    wanted = [n for n in gold.numbers if n not in asked]
    said = [n for n in answer.numbers if n not in asked]
    if not wanted:
        return [0.0] * 5
    hit = sum(n in said for n in wanted) / len(wanted)
    near = max(
        (1 - min(1.0, abs(a - b) / max(abs(a), abs(b), 1e-9)) for a in wanted for b in said),
        default=0.0,
    )
    close = float(hit < 1 and near > CLOSE and not gold.dates)
    return [1.0, hit, float(bool(said) and hit == 0), near, close]


def _dates(golds: Sequence[AnswerReading], answer: AnswerReading) -> list[float]:
    told = [date for gold in golds for date in gold.dates]
    spanned = float(
        _spans(golds, [date.year for date in answer.dates])
        or _spans([answer], [date.year for date in told])
    )
    if not told:
        return [0.0] * 5 + [spanned, float(bool(answer.dates))]
    best = max(told, key=lambda d: (d.day is not None, d.month is not None, d.year is not None))
    years = {date.year for date in answer.dates if date.year}
    agrees = any(best.agrees(date) for date in answer.dates)
    clash = any(date.year == best.year and not best.agrees(date) for date in answer.dates)
    return [
        1.0,
        float(any(date.covers(best) for date in answer.dates)),
        float(agrees),
        float(bool(answer.dates) and (not agrees or clash)),
        float(any(date.year in years for date in told if date.year)),
        spanned,
        math.log1p(len(set(answer.dates))),
    ]


def _spans(texts: Sequence[AnswerReading], years: Sequence[int | None]) -> bool:
    spans = [span for text in texts for span in text.spans]
    return any(year and first <= year <= last for first, last in spans for year in years)


def _lengths(pair: Comparison, gold: AnswerReading) -> list[float]:
    asked = frozenset(pair.question.stems)
    rest = [root for root in gold.stems if root not in asked and root not in STOP]
    return [
        math.log1p(len(pair.answer.words)),
        math.log1p(len(gold.words)),
        math.log1p(len(set(pair.residue))),
        math.log1p(len(rest)),
        1 - len(rest) / max(1, len([root for root in gold.stems if root not in STOP])),
    ]


def _manner(pair: Comparison, gold: AnswerReading) -> list[float]:
    answer = pair.answer
    place = place_of(gold.stems, answer.stems)
    known = set(pair.question.words) | {word for one in pair.golds for word in one.words}
    names = [name for name in answer.names if name.split()[0] not in STOP]
    new = [name for name in names if not known.intersection(name.split())]
    wanted = [name for name in gold.names if name]
    items = items_of(gold.text)
    said = frozenset(answer.stems)
    return [
        float(refusal_in(answer.sentences[:4]).declines),
        float(len(_HEDGE.findall(answer.text))),
        float(bool(_CORRECTS.search(answer.text))),
        float(place is not None and is_negated(answer.words, place)),
        math.log1p(len(new)),
        float(bool(wanted)),
        1 - len(new) / len(names) if names else 0.5,
        float(len(items)),
        sum(set(item) <= said for item in items) / len(items) if items else 0.0,
        math.log1p(pair.gold_count),
    ]


def _asked(question: AnswerReading) -> list[float]:
    text = question.text.lower()
    return [
        float("who" in question.words or "whose" in question.words),
        float(bool(_ASKED_TIME.search(text))),
        float("where" in question.words),
        float(bool(_ASKED_NUMBER.search(text))),
        float("why" in question.words),
    ]


def _meaning(pair: Comparison, vectors: Mapping[str, numpy.ndarray]) -> list[float]:
    asked, said, residue = (vectors[text] for text in pair.texts[:3])
    context = alone = -1.0
    nearest = 0.0
    for place in range(3, len(pair.texts), 2):
        gold_context, gold_alone = vectors[pair.texts[place]], vectors[pair.texts[place + 1]]
        if float(said @ gold_context) > context:
            context, nearest = float(said @ gold_context), float(asked @ gold_context)
        alone = max(alone, float(residue @ gold_alone))
    question_answer = float(asked @ said)
    return [context, alone, question_answer, nearest, context - question_answer * nearest]
