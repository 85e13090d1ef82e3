"""Verdicts from a run folder: grading and reporting need neither torch nor the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.errors import StoreError
from harness.execute import OnProgress, Progress
from harness.records import Answer, Exposure, GradedAnswer, Question, Request
from harness.store import ANSWERS, EXPOSURE, PLAN, QUESTIONS, VERDICTS, WORLD, RunFolder
from harness.world.graph import World

REPORT_EVERY = 500  # verdicts


def grade(run: RunFolder, *, on_progress: OnProgress | None = None) -> Counter[str]:
    """Grade every answer of a run from its folder; returns how many got which verdict.

    verdicts.jsonl takes its place whole, in the order of the answers and their cells.
    """
    from harness.grading.grader import WorldGrader, grade_run

    kept: dict[str, str] = run.read_json(EXPOSURE)
    exposure = {fact_id: Exposure(value) for fact_id, value in kept.items()}
    grader = WorldGrader(read_world(run), exposure)
    questions = list(run.read_records(QUESTIONS, Question))
    requests = list(run.read_records(PLAN, Request))
    total = sum((1 + request.samples) * len(request.cells) for request in requests)
    report = on_progress or (lambda progress: None)
    counts: Counter[str] = Counter()

    def watched() -> Iterator[GradedAnswer]:
        answers = run.read_records(ANSWERS, Answer)
        for graded in grade_run(answers, requests, questions, grader):
            counts[graded.verdict.value] += 1
            done = counts.total()
            if done % REPORT_EVERY == 0 or done == total:
                report(Progress(stage="grade", done=done, total=total, unit="verdicts"))
            yield graded

    report(Progress(stage="grade", done=0, total=total, unit="verdicts"))
    run.write_records(VERDICTS, watched())
    return counts


def regrade(path: Path, *, on_progress: OnProgress | None = None) -> Counter[str]:
    """Grade a finished run again and write its reports again, without the model.

    Raises StoreError when the run is unfinished or damaged.
    """
    from harness.report.build import write_reports

    with open_finished(path) as run:
        counts = grade(run, on_progress=on_progress)
        write_reports(path)
    return counts


def rereport(path: Path) -> None:
    """Write the reports of a finished run again from its verdicts. Raises StoreError."""
    from harness.report.build import write_reports

    with open_finished(path):
        write_reports(path)


def read_world(run: RunFolder) -> World:
    """The world of a run. Raises StoreError when world.json holds none."""
    try:
        return World.from_data(run.read_json(WORLD))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StoreError(f"{run.path / WORLD}: holds no world: {error}") from None


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
