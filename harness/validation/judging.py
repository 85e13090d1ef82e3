"""Runs the grader of a kind over a set of labelled items: what it says of each, and how surely.

refusal      find_refusal            does the answer decline, or decline for want of knowledge
grounding    EvidenceGrader.grade    is anything in the answer unsupported by its passages
claims       EvidenceGrader          the same of one statement
equivalence  EquivalenceGrader.right is the answer right, given the gold answers
pairs        EquivalenceGrader.same  do two answers to a question say the same; statements
             without a question go to the evidence grader: does each bear out the other
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.validation import (
    ClaimItem,
    EquivalenceItem,
    GroundingItem,
    LabelledSet,
    PairItem,
    RefusalItem,
)
from harness.validation.sets import FOR_WANT_OF_KNOWLEDGE

if TYPE_CHECKING:
    from harness.encoder.embedding import Entailment
    from harness.grading.equivalence.grader import EquivalenceGrader
    from harness.grading.evidence.grader import EvidenceGrade, EvidenceGrader
    from harness.grading.refusal.refusals import Refusal

AT_ONCE = 256  # items handed to a grader together, so that it can batch and progress shows
# Sets by name whose answers the shipped weights were fitted on: their figures are of the fit.
FITTED_ON = {
    "refusal": frozenset({"equivalence_evouna"}),
    "evidence": frozenset({"controls_paws", "controls_fever_symmetric", "equivalence_evouna"}),
    "equivalence": frozenset({"equivalence_evouna"}),
}

OnDone = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a grader says of one item. `score` in [0, 1], higher for the positive class."""

    positive: bool
    score: float
    reason: str = ""
    spans: tuple[tuple[int, int], ...] | None = None  # [start, end) held to be unsupported


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A grader by name and version ("refusal@2"), and how it reads items of a set."""

    name: str
    grade: Callable[[Sequence[Any]], list[Judged]]

    def fitted_on(self, labelled: LabelledSet) -> bool:
        """Whether the grader's weights were fitted on a set of this name."""
        return labelled.stem in FITTED_ON.get(self.name.partition("@")[0], ())

    def judge(self, labelled: LabelledSet, *, on_done: OnDone | None = None) -> list[Judged]:
        """Grade every item of a set, in order; `on_done` hears how many more are done."""
        found: list[Judged] = []
        for part in _parts(labelled.items):
            found += self.grade(part)
            if on_done:
                on_done(len(part))
        return found


def judge_of(labelled: LabelledSet, *, nli: Entailment | None = None) -> Judge:
    """The grader that reads this set, ready to grade; nli: asked by the evidence grader."""
    if labelled.kind == "refusal":
        from harness.grading.refusal.refusals import GRADER

        epistemic = labelled.items[0].label in FOR_WANT_OF_KNOWLEDGE
        return Judge(name=GRADER, grade=_declines_for_want if epistemic else _declines)
    if labelled.kind == "equivalence" or (labelled.kind == "pairs" and _answers(labelled)):
        from harness.grading.equivalence.grader import EquivalenceGrader

        same = EquivalenceGrader()
        read = _right if labelled.kind == "equivalence" else _same
        return Judge(name=same.version, grade=partial(read, same))
    from harness.grading.evidence.grader import EvidenceGrader

    evidence = EvidenceGrader(nli=nli)
    readers: dict[str, Callable[[EvidenceGrader, Sequence[Any]], list[Judged]]] = {
        "grounding": _grounded,
        "claims": _supported,
        "pairs": _supports,
    }
    return Judge(name=evidence.version, grade=partial(readers[labelled.kind], evidence))


def _answers(labelled: LabelledSet) -> bool:
    """Whether the pairs are of answers to a question."""
    return labelled.items[0].question is not None


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _declines(items: Sequence[RefusalItem]) -> list[Judged]:
    from harness.grading.refusal.refusals import find_refusal

    found = [find_refusal(item.response) for item in items]
    return [
        Judged(positive=one.extent != "none", score=one.score, reason=_kinds(one)) for one in found
    ]


def _declines_for_want(items: Sequence[RefusalItem]) -> list[Judged]:
    from harness.grading.refusal.refusals import find_refusal

    found = [find_refusal(item.response) for item in items]
    return [
        Judged(positive=one.unable, score=one.unable_score, reason=_kinds(one)) for one in found
    ]


def _kinds(found: Refusal) -> str:
    return f"{found.extent}: {', '.join(sorted(found.kinds)) or 'nothing declines'}"


def _grounded(grader: EvidenceGrader, items: Sequence[GroundingItem]) -> list[Judged]:
    from harness.grading.evidence.grader import Evidence

    graded = grader.grade_many([Evidence(i.response, i.passages, i.question) for i in items])
    return [_of_evidence(grade) for grade in graded]


def _supported(grader: EvidenceGrader, items: Sequence[ClaimItem]) -> list[Judged]:
    from harness.grading.evidence.grader import Evidence

    graded = grader.grade_claims([Evidence(item.claim, item.passages) for item in items])
    return [_of_evidence(grade) for grade in graded]


def _supports(grader: EvidenceGrader, items: Sequence[PairItem]) -> list[Judged]:
    """The same where nothing in `b` is unsupported by `a`, nor, of two equals, the other way."""
    from harness.grading.evidence.grader import Evidence

    ways = [Evidence(item.b, (item.a,)) for item in items]
    ways += [Evidence(item.a, (item.b,)) for item in items if not item.premise]
    graded = [_of_evidence(grade) for grade in grader.grade_claims(ways)]
    back = iter(graded[len(items) :])
    return [
        _turned(one) if item.premise else _turned(max(one, next(back), key=lambda way: way.score))
        for item, one in zip(items, graded, strict=False)
    ]


def _turned(one: Judged) -> Judged:
    return Judged(positive=not one.positive, score=1 - one.score, reason=one.reason)


def _right(grader: EquivalenceGrader, items: Sequence[EquivalenceItem]) -> list[Judged]:
    found = grader.right_many([(i.question, i.gold, i.answer) for i in items])
    return [Judged(positive=one.same, score=one.score, reason=one.reason) for one in found]


def _same(grader: EquivalenceGrader, items: Sequence[PairItem]) -> list[Judged]:
    found = grader.same_many([(i.a, i.b, i.question) for i in items])
    return [Judged(positive=one.same, score=one.score, reason=one.reason) for one in found]


def _of_evidence(grade: EvidenceGrade) -> Judged:
    spans = tuple((span.start, span.end) for span in grade.unsupported)
    reason = "; ".join(dict.fromkeys(span.reason for span in grade.unsupported))
    return Judged(positive=grade.hallucinated, score=grade.score, reason=reason, spans=spans)
