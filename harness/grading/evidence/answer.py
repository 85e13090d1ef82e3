"""What is measured of a whole answer, for a fit on labels: how its claims fare, what is new in it.

Few and broad features, because labelled answers are few: the spread of the claims' scores, how
much stands nowhere in the passages, sequences of words that the passages do not have, size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import expm1, log1p
from typing import TYPE_CHECKING

from harness.grading.evidence.features import FEATURES
from harness.grading.evidence.model import answer_features
from harness.grading.evidence.text import FUNCTION_WORDS

if TYPE_CHECKING:
    import numpy

_SUMMED = ("names_missing", "numbers_missing", "names_window", "numbers_window")
_SPREAD = (
    "contained", "contained_best", "rare_contained", "rare_window", "bigrams", "meaning",
    "nearest", "rare_nearest_window", "same_low", "prefixes",
)  # fmt: skip
_LONGEST = 3  # words in a sequence
_NO_CLAIM = -6.0  # log-odds of an answer that claims nothing
_WORD = re.compile(r"\w+")
_OPENING = re.compile(r"(based on|according to|the (given )?(passage|context))")


def answer_row(
    answer: str, passages: Sequence[str], question: str | None,
    features: numpy.ndarray, logits: numpy.ndarray,
) -> numpy.ndarray:  # fmt: skip
    """Features of an answer, float64 [A]; features: of its claims, [C, F], logits: [C]."""
    import numpy

    if len(logits) == 0:
        features, logits = numpy.zeros((1, len(FEATURES))), numpy.array([_NO_CLAIM])
    columns = dict(zip(FEATURES, features.T.astype(float), strict=True))
    missing = [expm1(value) for value in columns["missing"]]
    values = [*_scores(logits), sum(missing), max(missing), sum(missing) / len(missing)]
    for name in _SUMMED:
        values += [columns[name].sum(), columns[name].max()]
    for name in _SPREAD:
        values += [columns[name].mean(), columns[name].min()]
    values += _novelty(answer, passages, question or "")
    values += [log1p(len(logits)), *_manner(answer)]
    return numpy.array(values, dtype=numpy.float64)


def _scores(logits: numpy.ndarray) -> list[float]:
    """The shipped view of the answer, and how the claims' log-odds lie and where."""
    import numpy

    ordered = numpy.sort(logits)[::-1]
    return [
        *answer_features([float(value) for value in logits]),
        float(ordered[min(2, len(ordered) - 1)]),
        float(numpy.median(logits)),
        float(ordered[-1]),
        float(logits.std()),
        float((logits > 0).sum()),
        float((logits > numpy.log(4)).sum()),
        float(logits.argmax()) / len(logits),
        float(logits[-1]),
        float(logits[0]),
    ]


def _novelty(answer: str, passages: Sequence[str], question: str) -> list[float]:
    """Sequences of one to three words that the passages do not have, and sizes."""
    own, source = _words(answer), _words(" ".join(passages))
    asked, known = set(_words(question)), set(source)
    found: list[float] = []
    for size in range(1, _LONGEST + 1):
        there = set(_sequences(source, size))
        new = [sequence not in there for sequence in _sequences(own, size)]
        found += [sum(new) / len(new) if new else 1.0, log1p(sum(new))]
    content = [word for word in own if word not in FUNCTION_WORDS]
    return [
        *found,
        log1p(sum(word not in known and word not in asked for word in content)),
        log1p(len(own)),
        len(own) / max(1, len(source)),
        sum(word in asked for word in content) / max(1, len(content)),
        log1p(len(source)),
        len(known & set(content)) / max(1, len(known)),
    ]


def _manner(answer: str) -> list[float]:
    """Whether it is a list, speaks of its passages at once, or at all."""
    low = answer.lower()
    return [
        float(answer.count("\n") > 1),
        float(bool(_OPENING.match(low))),
        float("passage" in low),
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _sequences(words: list[str], size: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(size)), strict=False))
