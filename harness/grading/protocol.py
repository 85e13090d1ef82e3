"""The seam between answers and graders: `grade(question, answer, context) -> Grade`.

A grader is anything with a `version` and that method; `registry.py` finds it by name. One that
is faster with many at a time has `grade_many`, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from harness.core.records import Cause, Claim, Question, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a grader may know beside question and answer.

    `truncated`: generation ended at its token limit. `golds`: right answers, any of which is
    one; the question's own gold where empty. `passages`: what the answer may rest on.
    """

    truncated: bool = False
    golds: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()


NO_CONTEXT = Context()


@dataclass(frozen=True, kw_only=True)
class Grade:
    """What a grader says of one text as the answer to one question.

    `spans`: [start, end) of the text that nothing bears out, where the grader tells.
    `score`: between 0 and 1, higher where the grader is surer that something is made up (of
    a grader against gold answers: that the answer is right); None where it gives none.
    `cause`: what of the text alone explains that it says nothing, or cannot be read.
    `thought`: thinking was taken off.
    """

    verdict: Verdict
    correct: bool
    reason: str
    claims: tuple[Claim, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    score: float | None = None
    cause: Cause | None = None
    thought: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One answer to grade."""

    question: Question
    answer: str
    context: Context = NO_CONTEXT


class Grader(Protocol):
    """Says of an answer what it is. It never guesses: what it cannot tell is `unscored`."""

    @property
    def version(self) -> str:
        """Name and version, as records keep it: "world@5"."""
        ...

    def grade(self, question: Question, answer: str, context: Context = NO_CONTEXT) -> Grade:
        """Grade `answer` as the answer to `question`. Raises GradingError."""
        ...


@runtime_checkable
class GradesMany(Protocol):
    """What a grader may offer that is faster with many answers at a time."""

    def grade_many(self, items: Sequence[Item]) -> list[Grade]:
        """The grades of all items, in their order."""
        ...


Make = TypeVar("Make", bound=Callable[..., Any])


def offers(version: str | Callable[[], str]) -> Callable[[Make], Make]:
    """Say of a factory of graders which version it makes, without making one.

    The factory turns a source into a grader; the first line of its docstring says what for.
    """

    def mark(make: Make) -> Make:
        make.version = version  # type: ignore[attr-defined]
        return make

    return mark


def grade_all(grader: Grader, items: Sequence[Item]) -> list[Grade]:
    """The grades of all items, in their order: by `grade_many` where the grader has it."""
    if isinstance(grader, GradesMany):
        return grader.grade_many(items)
    return [grader.grade(one.question, one.answer, one.context) for one in items]
