"""Verdicts from passages: the evidence grader behind the door that all graders share.

In order: thinking alone, nothing, and what cannot be read, as for every grader; an answer that
declines and of whose other words the passages bear all out is `refused`; one with anything
that they do not is `hallucinated`, also where it declines besides; to a question that must be
refused, borne out and not declined is `unresponsive`; anything else is `grounded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.core.records import Cause, Question, Verdict
from harness.grading.equivalence.grader import EquivalenceGrader
from harness.grading.evidence.grader import Evidence, EvidenceGrade, EvidenceGrader
from harness.grading.evidence.model import shipped_model
from harness.grading.protocol import NO_CONTEXT, Context, Grade, Item, offers
from harness.grading.refusal.refusals import Refusal, find_refusal
from harness.grading.text.prepare import Prepared, prepare
from harness.grading.text.said import Said, said
from harness.grading.text.unreadable import Readable, readable


@offers(lambda: shipped_model().version)
def for_source(source: Any) -> EvidenceVerdicts:
    """Every sentence held against passages: what they do not bear out is made up."""
    return EvidenceVerdicts()


NO_PASSAGE = EvidenceGrade(score=1.0, hallucinated=True, unsupported=())


class EvidenceVerdicts:
    """Grades answers against the passages of their context."""

    def __init__(
        self, evidence: EvidenceGrader | None = None, same: EquivalenceGrader | None = None
    ) -> None:
        self._evidence = evidence or EvidenceGrader()
        self._same = same or EquivalenceGrader()

    @property
    def version(self) -> str:
        """The evidence grader's: "evidence@2"."""
        return self._evidence.version

    def grade(self, question: Question, answer: str, context: Context = NO_CONTEXT) -> Grade:
        """Grade one answer."""
        return self.grade_many([Item(question=question, answer=answer, context=context)])[0]

    def grade_many(self, items: Sequence[Item]) -> list[Grade]:
        """Grade answers, their sentences encoded together."""
        heard = [said(one.answer) for one in items]
        clear = [readable(one.text) for one in heard]
        held = self._held(items, clear)
        right = self._right(items, clear)
        return [
            _verdict(item, heard[n], clear[n], held[n], correct=right[n])
            for n, item in enumerate(items)
        ]

    def _held(self, items: Sequence[Item], clear: Sequence[Readable]) -> list[EvidenceGrade]:
        """Each answer held against its passages; where there are none, nothing bears it out."""
        work = [
            (n, Evidence(text.text, item.context.passages, item.question.text))
            for n, (item, text) in enumerate(zip(items, clear, strict=True))
            if any(passage.strip() for passage in item.context.passages)
        ]
        graded = self._evidence.grade_many([one for _, one in work])
        found = dict(zip((n for n, _ in work), graded, strict=True))
        return [found.get(n, NO_PASSAGE) for n in range(len(items))]

    def _right(self, items: Sequence[Item], clear: Sequence[Readable]) -> list[bool]:
        """Whether each answer says what the question's gold answer says."""
        asked = [
            n
            for n, (item, text) in enumerate(zip(items, clear, strict=True))
            if item.question.gold and not item.question.must_refuse and text.text.strip()
        ]
        found = self._same.right_many(
            [(items[n].question.text, (items[n].question.gold,), clear[n].text) for n in asked]
        )
        right = dict(zip(asked, (one.same for one in found), strict=True))
        return [right.get(n, False) for n in range(len(items))]


def _verdict(
    item: Item, heard: Said, clear: Readable, held: EvidenceGrade, *, correct: bool
) -> Grade:
    """The rules at the head of this file, in order."""
    prepared = prepare(clear.text, truncated=item.context.truncated)

    def grade(verdict: Verdict, reason: str, cause: Cause | None = None) -> Grade:
        made_up = verdict is Verdict.HALLUCINATED
        return Grade(
            verdict=verdict,
            correct=correct and verdict is Verdict.GROUNDED,
            reason=reason,
            spans=tuple((one.start, one.end) for one in held.unsupported) if made_up else (),
            score=round(held.score, 4),
            cause=cause,
            thought=heard.thought,
        )

    if heard.only_thought:
        return grade(Verdict.UNRESPONSIVE, "thinking, and no answer", Cause.REASONING)
    if clear.cause and not clear.text.strip():
        return grade(Verdict.UNSCORED, clear.reason, clear.cause)
    if not prepared.sentences:
        cause = Cause.EMPTY if not item.answer.strip() else Cause.NO_ANSWER
        return grade(Verdict.UNRESPONSIVE, "says nothing", cause)
    if prepared.degenerate:
        return grade(Verdict.UNRESPONSIVE, "hardly anything but repetition", Cause.GARBLE)
    return grade(*_read(item, prepared, held))


def _read(item: Item, prepared: Prepared, held: EvidenceGrade) -> tuple[Verdict, str]:
    refusal: Refusal = find_refusal(" ".join(prepared.sentences), question=item.question.text)
    declined = f"declines: '{refusal.spans[0][:120]}'" if refusal.declines else ""
    if held.hallucinated and not (refusal.declines and refusal.extent == "full"):
        reason = held.unsupported[0].reason if held.unsupported else "no passage is about it"
        return Verdict.HALLUCINATED, f"declines, yet {reason}" if declined else reason
    if refusal.declines:
        return Verdict.REFUSED, declined
    if item.question.must_refuse:
        return Verdict.UNRESPONSIVE, "borne out by the passages, and no answer"
    return Verdict.GROUNDED, "the passages bear it out"
