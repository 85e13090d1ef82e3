"""The answers of a run graded, each by the grader that its question's suite names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from harness.core.errors import GradingError
from harness.core.records import Answer, GradedAnswer, Question, Request
from harness.grading.protocol import Context, Grade, Grader, Item, grade_all
from harness.grading.text.left_open import whole_text
from harness.grading.text.silence import cause_of, is_cut

BLOCK = 512  # answers handed to a grader at a time

Cell = tuple[Answer, Request, Question, str]  # the last is the variant


def grade_run(
    answers: Iterable[Answer],
    requests: Sequence[Request],
    questions: Sequence[Question],
    graders: Mapping[str, Grader],
    *,
    left_open: frozenset[str] = frozenset(),
    passages: Mapping[str, tuple[str, ...]] | None = None,
) -> Iterator[GradedAnswer]:
    """Grade every answer for every cell of its request, in the order of `answers`.

    graders: by suite. left_open: arms whose cut answers are thinking, see text/left_open.py.
    passages: by question id, what its answers may rest on.
    Raises GradingError for an answer or a cell whose request or question is missing.
    """
    given = passages or {}
    cells = _cells(answers, requests, questions)
    while block := list(islice(cells, BLOCK)):
        items = [
            Item(
                question=question,
                answer=whole_text(answer, left_open),
                context=Context(
                    truncated=is_cut(answer.finish_reason), passages=given.get(question.id, ())
                ),
            )
            for answer, _, question, _ in block
        ]
        grades = _graded(items, graders)
        for cell, grade in zip(block, grades, strict=True):
            yield _record(cell, grade, graders[cell[2].suite].version)


def _cells(
    answers: Iterable[Answer], requests: Sequence[Request], questions: Sequence[Question]
) -> Iterator[Cell]:
    by_request = {request.id: request for request in requests}
    by_question = {question.id: question for question in questions}
    for answer in answers:
        request = by_request.get(answer.request_id)
        if request is None:
            raise GradingError(
                f"answer to unknown request {answer.request_id}: plan.jsonl lacks it"
            )
        for question_id, variant in request.cells:
            question = by_question.get(question_id)
            if question is None:
                raise GradingError(f"request {request.id}: questions.jsonl lacks {question_id}")
            yield answer, request, question, variant


def _graded(items: Sequence[Item], graders: Mapping[str, Grader]) -> list[Grade]:
    """The grades in the order of the items, those of one grader asked for together."""
    places: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        grader = graders.get(item.question.suite)
        if grader is None:
            raise GradingError(f"question {item.question.id}: its suite has no grader")
        places.setdefault(id(grader), []).append(place)
    found: dict[int, Grade] = {}
    for mine in places.values():
        grades = grade_all(graders[items[mine[0]].question.suite], [items[n] for n in mine])
        found.update(zip(mine, grades, strict=True))
    return [found[place] for place in range(len(items))]


def _record(cell: Cell, grade: Grade, version: str) -> GradedAnswer:
    answer, request, question, variant = cell
    return GradedAnswer(
        question_id=question.id,
        variant=variant,
        request_id=request.id,
        arm=answer.arm,
        sample=answer.sample,
        suite=question.suite,
        cluster=question.cluster,
        verdict=grade.verdict,
        correct=grade.correct,
        reason=grade.reason,
        claims=grade.claims,
        grader=version,
        cause=cause_of(answer, grade.verdict, grade.cause, claims=len(grade.claims)),
        thought=True if grade.thought or (answer.reasoning or "").strip() else None,
    )
