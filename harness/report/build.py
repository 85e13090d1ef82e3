"""Everything a finished run shows, built from its folder alone.

Reads run.json, world.json (where there is one), questions.jsonl, answers.jsonl,
verdicts.jsonl and what people labelled, there or in another run of the model's family
(reviews.py); writes summary.json, answers.parquet, report.md and report.html. No model, no
network, no clock: the same folders give the same summary, byte for byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.core.files import told_writing
from harness.runs.layout import MARKDOWN, PAGE, SUMMARY, TABLE
from harness.runs.read import read_run
from harness.runs.store import RunFolder


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
    from harness.report.schema import check_shape
    from harness.report.summary import summarise

    run = read_run(run_folder)
    corrected, warnings = corrected_section(run_folder, run)
    summary = summarise(
        run.table, identity=run.identity, warnings=warnings, cards=read_cards(), corrected=corrected
    )
    page = html_report(summary, run, labels_by_answer(read_review(run_folder)))
    check_shape(summary)
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
