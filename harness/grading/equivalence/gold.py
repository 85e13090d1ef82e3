"""The grader against gold answers: does an answer say what a right one says?

For answers to questions of which only right answers are known, as in logs of other programs.
docs/logs.md says how each verdict comes about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.records import Cause, Question, Verdict
from harness.grading.equivalence.grader import GRADER, EquivalenceGrader, Sameness
from harness.grading.equivalence.reading import STOP, read
from harness.grading.equivalence.run_on import cut_run_on
from harness.grading.protocol import NO_CONTEXT, Context, Grade, Item, offers
from harness.grading.refusal.refusals import find_refusal
from harness.grading.refusal.short import declines_shortly
from harness.grading.text.prepare import Prepared, prepare
from harness.grading.text.said import Said, said
from harness.grading.text.unreadable import Readable, readable


@offers(GRADER)
def for_source(source: Any) -> GoldGrader:
    """Agreement with the gold answer: another answer than a right one is made up."""
    return GoldGrader()


@dataclass(frozen=True, kw_only=True)
class GoldGrade(Grade):
    """A grade, and how it came about.

    `agrees`: the answer says what a gold answer says; None where there is no gold or nothing
    was said. `cut`: what was cut away before grading, "" for nothing.
    """

    agrees: bool | None = None
    degenerate: bool = False
    cut: str = ""


class GoldGrader:
    """Grades answers against gold answers, any of which is right; by `same` where it is given."""

    version = GRADER

    def __init__(self, same: EquivalenceGrader | None = None) -> None:
        self._same = same or EquivalenceGrader()

    def grade(self, question: Question, answer: str, context: Context = NO_CONTEXT) -> GoldGrade:
        """Grade one answer."""
        return self.grade_many([Item(question=question, answer=answer, context=context)])[0]

    def grade_many(self, items: Sequence[Item]) -> list[GoldGrade]:
        """Grade answers, those that are weighed encoded together."""
        heard = [said(one.answer) for one in items]
        clear = [readable(one.text) for one in heard]
        cuts = [cut_run_on(i.question.text, c.text) for i, c in zip(items, clear, strict=True)]
        places = [n for n, one in enumerate(items) if _golds(one) and cuts[n][0].strip()]
        judged = self._same.right_many(
            [(items[n].question.text, _golds(items[n]), cuts[n][0]) for n in places]
        )
        found = dict(zip(places, judged, strict=True))
        return [
            _graded(
                item,
                _Read(heard=heard[n], clear=clear[n], prepared=prepare(cuts[n][0])),
                found.get(n),
                cut=cuts[n][1],
            )
            for n, item in enumerate(items)
        ]


def _golds(item: Item) -> tuple[str, ...]:
    own = item.question.gold
    return item.context.golds or ((own,) if own and not item.question.must_refuse else ())


def _graded(item: Item, read: _Read, same: Sameness | None, *, cut: object) -> GoldGrade:
    agrees = same.same if same else None
    verdict, reason, cause = _verdict(item, read, agrees)
    if cause is Cause.NO_ANSWER and not read.heard.closed:
        cause = Cause.REASONING
    return GoldGrade(
        verdict=verdict,
        correct=bool(agrees) and not item.question.must_refuse,
        reason=reason if same is None else f"{reason} ({same.reason})",
        score=round(same.score, 4) if same else None,
        cause=cause,
        thought=read.heard.thought,
        agrees=agrees,
        degenerate=read.degenerate,
        cut="; ".join([*(["run-on text"] if cut else []), *read.prepared.cut]),
    )


@dataclass(frozen=True, kw_only=True)
class _Read:
    """An answer without thinking and dress, what of it can be read, and that in sentences."""

    heard: Said
    clear: Readable
    prepared: Prepared

    @property
    def short(self) -> bool:
        return not self.prepared.sentences and bool(self.heard.text.strip())

    @property
    def degenerate(self) -> bool:
        """Nothing, or hardly anything but repetition; a dash or a strange script is neither."""
        if self.clear.cause or self.short:
            return False
        return not self.prepared.sentences or self.prepared.degenerate


def _verdict(item: Item, read: _Read, agrees: bool | None) -> tuple[Verdict, str, Cause | None]:
    """The rules of docs/logs.md, in order."""
    question = item.question
    if read.heard.only_thought:
        return Verdict.UNRESPONSIVE, "thinking, and no answer", Cause.REASONING
    if not agrees and declines_shortly(
        read.heard.text, question=question.text, expected=_golds(item)
    ):
        return Verdict.REFUSED, "declines for knowledge", None
    if read.clear.cause and not read.clear.text.strip():
        return Verdict.UNSCORED, read.clear.reason, read.clear.cause
    if not read.prepared.sentences and not agrees:
        empty = not item.answer.strip()
        return Verdict.UNRESPONSIVE, "says nothing", Cause.EMPTY if empty else Cause.NO_ANSWER
    if read.degenerate and not agrees:
        return Verdict.UNRESPONSIVE, "repeats itself", Cause.GARBLE
    refusal = find_refusal(" ".join(read.prepared.sentences), question=question.text)
    hedged = [part for part in refusal.rest if _asserts(part, question.text)]
    if refusal.declines and not hedged and not agrees:
        return Verdict.REFUSED, f"declines for {refusal.kinds[0]}", None
    if question.must_refuse:
        return Verdict.HALLUCINATED, "guess" if agrees else "answers what it cannot know", None
    if agrees is None:
        return Verdict.UNSCORED, "no gold answer", None
    if agrees:
        return Verdict.GROUNDED, "agrees with gold", None
    declined = "declines, then says something else" if refusal.declines else "differs from gold"
    return Verdict.HALLUCINATED, declined, None


def _asserts(part: str, question: str) -> bool:
    """Whether words after a refusal name something: a name or number that was not asked about."""
    asked = set(read(question).words)
    said = read(part)
    fresh = [name for name in said.names if not asked.intersection(name.split())]
    named = any(name.split()[0] not in STOP and not part.lower().startswith(name) for name in fresh)
    return named or any(number not in read(question).numbers for number in said.numbers)
