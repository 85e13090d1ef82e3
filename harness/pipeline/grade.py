"""Verdicts from a run folder: grading and reporting need neither torch nor the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness import __version__
from harness.core.errors import StoreError
from harness.core.progress import OnProgress, Progress
from harness.core.records import GradedAnswer, Question, Request
from harness.runs.layout import ANSWERS, PLAN, RUN, VERDICTS
from harness.runs.store import RunFolder
from harness.runs.verify import (
    SEAL_IT,
    SEALED_LATE,
    adopt,
    check_run,
    planned_answers,
    read_questions,
)
from harness.sources import Source, read_source

if TYPE_CHECKING:
    from harness.grading.protocol import Grader

REPORT_EVERY = 500  # verdicts


def grade(run: RunFolder, *, on_progress: OnProgress | None = None) -> Counter[str]:
    """Grade every answer of a run from its folder; returns how many got which verdict.

    verdicts.jsonl takes its place whole, in the order of the answers and their cells.
    """
    from harness.grading.of_run import grade_run
    from harness.grading.text.left_open import arms_left_open

    requests = list(run.read_records(PLAN, Request))
    questions = read_questions(run, requests)
    source = read_source(run)
    graders = graders_of(run, source, questions)
    passages = {one.id: source.passages(one) for one in questions}
    total = sum((1 + request.samples) * len(request.cells) for request in requests)
    report = on_progress or (lambda progress: None)
    counts: Counter[str] = Counter()

    left_open = arms_left_open(planned_answers(run, requests), requests)

    def watched() -> Iterator[GradedAnswer]:
        answers = planned_answers(run, requests)
        for graded in grade_run(
            answers, requests, questions, graders, left_open=left_open, passages=passages
        ):
            counts[graded.verdict.value] += 1
            done = counts.total()
            if done % REPORT_EVERY == 0 or done == total:
                report(Progress(stage="grade", done=done, total=total, unit="verdicts"))
            yield graded

    report(Progress(stage="grade", done=0, total=total, unit="verdicts"))
    run.write_records(VERDICTS, watched())
    versions = {suite: grader.version for suite, grader in sorted(graders.items())}
    if run.about().get("graders") != versions:
        run.update(graders=versions)
    if run.sealed:
        run.seal(ANSWERS)
    return counts


def graders_of(run: RunFolder, source: Source, questions: Sequence[Question]) -> dict[str, Grader]:
    """The grader of every suite of a run: as run.json names it, else the one for worlds.

    Raises UsageError for a name that is not installed here.
    """
    from harness.grading.registry import DEFAULT, make_graders

    said = run.about().get("graded_by", {})
    names = {one.suite: str(said.get(one.suite, DEFAULT)) for one in questions}
    made = make_graders(names.values(), source)
    return {suite: made[name] for suite, name in names.items()}


def regrade(
    path: Path,
    *,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Counter[str]:
    """Grade a finished run again and write its reports again, without the model.

    on_note: told in a sentence where what run.json says of the files is new.
    Raises StoreError when the run is unfinished or damaged.
    """
    from harness.report.build import write_reports

    note = on_note or (lambda text: None)
    with open_finished(path) as run:
        if not run.sealed:
            adopt(run)
            note(f"{path}: sealed from now on, as it was found: {SEALED_LATE}")
        before = run.seals().get(VERDICTS)
        check_run(run, read=(ANSWERS, VERDICTS))
        counts = grade(run, on_progress=on_progress)
        after = run.seals()[VERDICTS]
        if before not in (None, after):
            note(f"{path / VERDICTS}: new verdicts, their hash {after.sha256[:12]} is now in {RUN}")
            earlier = run.about().get("regraded", [])
            now = f"{datetime.now(UTC).isoformat(timespec='seconds')}"
            was = {"at": now, "bordor": __version__, "verdicts_before": before.to_data()}
            run.update(regraded=[*earlier, was])
        write_reports(path)
    return counts


def rereport(path: Path, *, on_note: Callable[[str], None] | None = None) -> None:
    """Write the reports of a finished run again from its verdicts. Raises StoreError.

    on_note: told where nothing shows that the files are as they were written.
    """
    from harness.report.build import write_reports

    with open_finished(path) as run:
        if on_note and not run.sealed:
            on_note(f"{path}: {SEAL_IT}")
        write_reports(path)


def open_finished(path: Path) -> RunFolder:
    """The finished run at `path`, locked, so that two do not write its reports at once.

    Raises StoreError when it is no run, unfinished, or written by another process.
    """
    run = RunFolder.open(path)
    if not run.finished:
        raise StoreError(
            f"{path}: this run is unfinished; go on with it first: {run.about().get('command')}"
        )
    return run.locked()
