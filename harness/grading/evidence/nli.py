"""What an entailment model that the user names says of claims; off by default.

Each claim is put before the sentences that fit it best, alone and with their neighbours, and
the one that entails it most counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

from harness.grading.evidence.features import ClaimReading, Index
from harness.grading.evidence.text import Sentence

if TYPE_CHECKING:
    import numpy

    from harness.encoder.embedding import Entailment

_SURE = 0.998  # of a chance, at most: one model shall not outvote all else


def entailment_logits(
    nli: Entailment, answers: Sequence[str],
    measured: Sequence[Sequence[tuple[Sentence, ClaimReading, Index]]],
) -> numpy.ndarray:  # fmt: skip
    """Log-odds that nothing entails each claim, float [C], within about -6 and 6.

    measured: for each answer its claims, with their features and passages.
    """
    import numpy

    pairs = [
        [(premise, answer[claim.start : claim.end]) for premise in premises(reading, passages)]
        for answer, found in zip(answers, measured, strict=True)
        for claim, reading, passages in found
    ]
    chances = iter(nli([pair for own in pairs for pair in own]))
    best = [max(next(chances) for _ in own) for own in pairs]
    return numpy.array([_logit(1 - chance) for chance in best])


def premises(reading: ClaimReading, passages: Index) -> list[str]:
    """The nearest sentences of the passages, each alone and between its neighbours."""
    texts: dict[str, None] = {}
    for number in reading.candidates:
        texts[passages.texts[number]] = None
        texts[" ".join(passages.texts[max(0, number - 1) : number + 2])] = None
    return list(texts)


def _logit(chance: float) -> float:
    kept = min(_SURE, max(1 - _SURE, chance))
    return log(kept / (1 - kept))
