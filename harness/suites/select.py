"""Chooses questions from candidates: clusters first, then kinds, then by hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.records import Question
from harness.core.seeds import content_hash, derive_seed


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A question that a suite could ask.

    stratum: its kind within the suite ("two_hop", "distance 2"); strata get equal shares.
    spread: what must not be asked twice before all were asked once: the cluster, or for
    a near miss the entity that it imitates.
    """

    question: Question
    stratum: str
    spread: str


def question_id(suite: str, text: str) -> str:
    """A question is what it asks: the same text in the same suite has the same id."""
    return f"{suite}-{content_hash(suite, text, length=10)}"


def choose(candidates: Iterable[Candidate], *, count: int, seed: int) -> list[Question]:
    """At most `count` questions, in the order in which they were chosen.

    Each time the candidate whose `spread`, then whose `stratum` was chosen least, and
    among those the one with the smallest hash. So a smaller count gives a beginning of a
    larger one, and the order of the candidates does not matter. Of candidates with one
    id the first is kept.
    """
    waiting: dict[str, Candidate] = {}
    for candidate in candidates:
        waiting.setdefault(candidate.question.id, candidate)
    order = sorted(waiting.values(), key=lambda one: derive_seed(seed, "choose", one.question.id))
    spread: Counter[str] = Counter()
    strata: Counter[str] = Counter()
    chosen: list[Question] = []
    while order and len(chosen) < count:
        best = min(order, key=lambda one: (spread[one.spread], strata[one.stratum]))
        order.remove(best)
        spread[best.spread] += 1
        strata[best.stratum] += 1
        chosen.append(best.question)
    return chosen
