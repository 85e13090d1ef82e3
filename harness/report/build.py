"""Everything a finished run shows, built from its folder alone.

Reads run.json, world.json (where there is one), questions.jsonl, answers.jsonl,
verdicts.jsonl and what people labelled, there or in another run of the model's family
(reviews.py); writes summary.json, answers.parquet, report.md and report.html. No model, no
network, no clock: the same folders give the same summary, byte for byte.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import StoreError
from harness.files import told_writing
from harness.records import Answer, GradedAnswer, Question
from harness.stats.tables import verdict_table
from harness.store import (
    ANSWERS,
    MARKDOWN,
    PAGE,
    QUESTIONS,
    SUMMARY,
    TABLE,
    VERDICTS,
    WORLD,
    RunFolder,
)
from harness.verify import check_run, read_world
from harness.world.graph import World

if TYPE_CHECKING:
    import pandas as pd

# Of run.json: what the files hold, and not what was audited.
_SEALS = ("files", "digest", "verified_from", "regraded")


@dataclass(frozen=True)
class Run:
    """A run folder read into memory."""

    identity: Mapping[str, Any]
    world: World | None
    questions: tuple[Question, ...]
    answers: tuple[Answer, ...]
    graded: tuple[GradedAnswer, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The verdict table; see `harness.stats.tables`."""
        with _collector_resting():
            return verdict_table(self.graded, self.questions, self.answers)


def read_run(run_folder: Path) -> Run:
    """Read what reporting needs of a run folder.

    Raises StoreError naming the file (and line) that is missing or damaged.
    """
    folder = RunFolder.open(run_folder)
    check_run(folder, read=(WORLD, QUESTIONS, ANSWERS, VERDICTS))
    about = folder.about()
    has_world = WORLD in folder.seals() or (run_folder / WORLD).exists()
    with _collector_resting():
        run = Run(
            identity={key: about[key] for key in about if key not in _SEALS},
            world=read_world(folder) if has_world else None,
            questions=tuple(folder.read_records(QUESTIONS, Question)),
            answers=tuple(folder.read_records(ANSWERS, Answer)),
            graded=tuple(folder.read_records(VERDICTS, GradedAnswer)),
        )
    if not run.graded:
        raise StoreError(f"{run_folder / VERDICTS}: empty; run 'bordor grade' on this run")
    unknown = {one.question_id for one in run.graded} - {one.id for one in run.questions}
    if unknown:
        raise folder.damaged(QUESTIONS, f"lacks {min(unknown)}, which has verdicts")
    return run


@contextlib.contextmanager
def _collector_resting() -> Iterator[None]:
    """Switch garbage collection off meanwhile.

    Records hold no cycles, and walking millions of them again and again takes as long as
    reading them.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def write_reports(run_folder: Path) -> dict[str, Any]:
    """Write summary.json, answers.parquet, report.md and report.html; returns the summary.

    Raises StoreError when a file of the run is missing or damaged.
    """
    from harness.grading.cards import read_cards
    from harness.report.corrected import corrected_section
    from harness.report.export import export_answers
    from harness.report.html import html_report
    from harness.report.markdown import markdown_report
    from harness.report.reviews import labels_by_answer, read_review
    from harness.report.summary import summarise

    run = read_run(run_folder)
    corrected, warnings = corrected_section(run_folder, run)
    summary = summarise(
        run.table, identity=run.identity, warnings=warnings, cards=read_cards(), corrected=corrected
    )
    page = html_report(summary, run, labels_by_answer(read_review(run_folder)))
    folder = RunFolder.open(run_folder)
    folder.write_json(SUMMARY, summary)
    folder.write_text(MARKDOWN, markdown_report(summary))
    folder.write_text(PAGE, page)
    part = run_folder / f".{TABLE}.part"
    with told_writing(run_folder / TABLE):
        try:
            export_answers(run, part)
            part.replace(run_folder / TABLE)
        finally:
            part.unlink(missing_ok=True)
    if folder.sealed:
        folder.seal(TABLE)
    return summary
