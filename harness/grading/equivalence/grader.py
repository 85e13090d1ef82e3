"""Is a short answer right given gold answers, and do two answers say the same.

Rules come first (`equivalence/rules.py`): what numbers, dates, names, lists, yes and no
decide is not asked of meaning. Everything else goes to a logistic regression over overlap,
containment, spelling, agreement of numbers and dates, manner, and the similarity of answer
and gold in the context of the question. Its coefficients lie in `equivalence_weights.json`;
`bench/fit_equivalence.py` made them and docs/equivalence.md says from what, and how good it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.core.errors import GradingError
from harness.grading.equivalence.features import NAMES, Comparison, compare, vector
from harness.grading.equivalence.reading import AnswerReading, read, read_answer
from harness.grading.equivalence.rules import Ruling, bare_words, rule_on

if TYPE_CHECKING:
    import numpy

GRADER = "equivalence@2"
WEIGHTS = Path(__file__).with_name("weights.json")
SAME = 0.5  # score from which on two answers are the same
RULED = 0.015  # distance from 0 or 1 of a score that a rule gave
BLOCK = 512  # comparisons whose texts are encoded together
REPORTED = 3  # features that a reason names


@dataclass(frozen=True, kw_only=True, slots=True)
class Sameness:
    """How sure it is that two answers say the same (0 to 1), the decision, and why."""

    score: float
    same: bool
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """A logistic regression over standardised features, in the order of NAMES."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficient: tuple[float, ...]
    intercept: float

    def probability(self, features: Sequence[float]) -> float:
        """The probability of the class "same", between 0 and 1."""
        parts = zip(features, self.mean, self.scale, self.coefficient, strict=True)
        total = self.intercept + sum((x - m) / s * w for x, m, s, w in parts)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))

    def strongest(self, features: Sequence[float], *, positive: bool) -> list[str]:
        """Names of the features that speak most for (or against) "same"."""
        parts = zip(NAMES, features, self.mean, self.scale, self.coefficient, strict=True)
        pulls = {name: (x - m) / s * w * (1 if positive else -1) for name, x, m, s, w in parts}
        ordered = sorted(pulls, key=lambda name: -pulls[name])
        return [name for name in ordered[:REPORTED] if pulls[name] > 0]


class SentenceEncoder(Protocol):
    """What is asked of an encoder: unit vectors float32 [N, D] of N texts."""

    def encode(self, sentences: Sequence[str]) -> numpy.ndarray:
        """Unit vectors, in the order of `sentences`."""
        ...


class EquivalenceGrader:
    """Compares short answers by rule and, where no rule decides, by a small classifier.

    `encoder` gives the sentence vectors; the shipped one where it is None. Scores depend on
    nothing but the texts: not on the order of a list nor on what else is in it.
    """

    version = GRADER

    def __init__(self, encoder: SentenceEncoder | None = None) -> None:
        self._encoder = encoder
        self._right, self._same = load_weights()

    def right(self, question: str, golds: Sequence[str], answer: str) -> Sameness:
        """Whether `answer` is right, given any one of `golds`. Raises GradingError without."""
        return self.right_many([(question, golds, answer)])[0]

    def same(self, a: str, b: str, *, question: str | None = None) -> Sameness:
        """Whether two answers (to `question`) say the same; a and b may change places."""
        return self.same_many([(a, b, question)])[0]

    def right_many(self, items: Sequence[tuple[str, Sequence[str], str]]) -> list[Sameness]:
        """`right` of (question, golds, answer) triples, encoded together."""
        return self._decide([comparison_of(*item) for item in items], self._right)

    def same_many(self, items: Sequence[tuple[str, str, str | None]]) -> list[Sameness]:
        """`same` of (a, b, question or None) triples, encoded together."""
        return self._decide([pair_of(a, b, question or "") for a, b, question in items], self._same)

    def _decide(self, found: Sequence[Compared], weights: Weights) -> list[Sameness]:
        decided: list[Sameness] = []
        for start in range(0, len(found), BLOCK):
            block = found[start : start + BLOCK]
            vectors = self._vectors([one.comparison for one in block if one.comparison])
            decided += [_decide(one, weights, vectors) for one in block]
        return decided

    def _vectors(self, comparisons: Sequence[Comparison]) -> Mapping[str, numpy.ndarray]:
        texts = list(dict.fromkeys(text for one in comparisons for text in one.texts))
        if not texts:
            return {}
        if self._encoder is None:
            from harness.encoder.embedding import default_encoder

            self._encoder = default_encoder()
        return dict(zip(texts, self._encoder.encode(texts), strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What the rules found of one item, or, where they do not settle it, what to weigh."""

    ruling: Ruling | None
    comparison: Comparison | None


def comparison_of(question: str, golds: Sequence[str], answer: str) -> Compared:
    """Read an answer against its golds: right by one of them, wrong only by all of them."""
    if isinstance(golds, str):
        golds = [golds]
    wanted = [gold for gold in map(read, dict.fromkeys(golds)) if gold.words]
    if not wanted:
        raise GradingError(f"no gold answer with words in it for '{question[:80]}'")
    return _compared(read(question), wanted, read_answer(answer))


def pair_of(a: str, b: str, question: str) -> Compared:
    """Read two answers; the one that says less beside the question stands as the gold."""
    asked = read(question)
    short, long = sorted(
        (read_answer(a), read_answer(b)),
        key=lambda one: (len(bare_words(asked, one)), len(one.words), one.text),
    )
    if not short.words or not long.words:
        same = not short.words and not long.words
        return Compared(ruling=Ruling(same=same, reason="nothing said"), comparison=None)
    return _compared(asked, [short], long)


def _compared(
    question: AnswerReading, golds: list[AnswerReading], answer: AnswerReading
) -> Compared:
    ruling = ruling_of(question, golds, answer)
    if ruling is not None:
        return Compared(ruling=ruling, comparison=None)
    return Compared(ruling=None, comparison=compare(question, golds, answer))


def ruling_of(
    question: AnswerReading, golds: Sequence[AnswerReading], answer: AnswerReading
) -> Ruling | None:
    """The rules over all golds: one that agrees is enough, to differ it takes all."""
    rulings = [rule_on(question, gold, answer) for gold in golds]
    agreed = next((one for one in rulings if one is not None and one.same), None)
    if agreed is not None or any(one is None for one in rulings):
        return agreed
    return rulings[0]


def _decide(found: Compared, weights: Weights, vectors: Mapping[str, numpy.ndarray]) -> Sameness:
    if found.ruling is not None:
        score = 1 - RULED if found.ruling.same else RULED
        return Sameness(score=score, same=found.ruling.same, reason=f"rule: {found.ruling.reason}")
    assert found.comparison is not None
    features = vector(found.comparison, vectors)
    score = weights.probability(features)
    same = score >= SAME
    pulled = ", ".join(weights.strongest(features, positive=same))
    return Sameness(score=score, same=same, reason=f"classifier: {pulled}")


@lru_cache(maxsize=1)
def load_weights() -> tuple[Weights, Weights]:
    """The shipped weights of `right` and of `same`. Raises GradingError if they do not fit."""
    data = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    if data.get("grader") != GRADER or tuple(data.get("features", ())) != NAMES:
        raise GradingError(
            f"{WEIGHTS}: made for other features than {GRADER} has; "
            "run bench/fit_equivalence.py again"
        )
    return _weights(data["right"]), _weights(data["same"])


def _weights(data: Mapping[str, Any]) -> Weights:
    return Weights(
        mean=tuple(data["mean"]),
        scale=tuple(data["scale"]),
        coefficient=tuple(data["coefficient"]),
        intercept=data["intercept"],
    )
