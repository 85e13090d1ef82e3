"""A person's look at a run: answers drawn for labelling, labels taken back, agreement.

`write_sample` draws a sample stratified by suite and by the grader's verdict and writes it
without the verdicts; `take_labels` reads it back labelled and writes the reports again. What
is kept lies in `review/` in the run folder (harness/report/reviews.py); verdicts.jsonl never
changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core.errors import StoreError, UsageError
from harness.core.files import write_text
from harness.core.records import Verdict
from harness.core.seeds import content_hash, derive_seed
from harness.pipeline.grade import open_finished
from harness.report.build import write_reports
from harness.report.corrected import headline_rows
from harness.report.reviews import (
    FOLDER,
    LABELS,
    REVIEW_PLAN,
    SAMPLE,
    Candidate,
    Drawn,
    Label,
    read_labels,
    read_review,
)
from harness.review.files import ReadLabel, Sheet, read_labelled, sheet_text
from harness.review.sample import draw
from harness.runs.layout import WORLD
from harness.runs.read import Run, read_run
from harness.runs.store import RunFolder

MUST_REFUSE = "must be refused"


@dataclass(frozen=True, kw_only=True)
class Written:
    """Where a sample was written, how many answers, from how many, in how many strata."""

    path: Path
    lines: int
    answers: int
    strata: int


@dataclass(frozen=True, kw_only=True)
class Taken:
    """How many labels were new, changed, or as before, and how many lines had none."""

    new: int
    changed: int
    same: int
    empty: int


def write_sample(
    path: Path, *, n: int, kind: str, seed: int = 0, to: Path | None = None
) -> Written:
    """Draw `n` answers of the run at `path` and write them for a person to label.

    kind: csv or jsonl; to: the file, in the run's folder `review/` where None. The same
    seed and a larger `n` keep nearly all that was drawn before. Raises StoreError for a run
    that is unfinished or damaged, UsageError where a file with other content is there.
    """
    with open_finished(path) as folder:
        run = read_run(path)
        candidates = _candidates(run)
        if not candidates:
            raise StoreError(f"{path}: no answers of the audited model to label")
        drawn = draw(candidates, n, seed=seed)
        (path / FOLDER).mkdir(exist_ok=True)
        target = to or path / FOLDER / f"to_label.{kind}"
        _write_sheet(target, sheet_text(_sheet(run, folder, drawn, seed), kind))
        _keep(folder, drawn, _plan(run, candidates, drawn, n, seed))
    strata = {(one.suite, one.verdict) for one in drawn}
    return Written(
        path=target,
        lines=len(drawn),
        answers=sum(one.answers for one in candidates),
        strata=len(strata),
    )


def take_labels(path: Path, file: Path, *, by: str) -> tuple[Taken, dict[str, Any]]:
    """Take a labelled file back, write the reports again; returns counts and the summary.

    All lines are checked before anything is kept. Raises LabelError naming file and line,
    StoreError for a run of which no sample was drawn, UsageError for an empty name.
    """
    name = " ".join(by.split())
    if not name or not name.isprintable():
        raise UsageError("--by needs the name of the person who labelled, in plain letters")
    with open_finished(path) as folder:
        review = read_review(path)
        if review is None:
            raise StoreError(
                f"{path}: nothing was drawn for review yet; 'bordor review {path.name}' does it"
            )
        read = read_labelled(file, review.drawn.keys())
        kept = read_labels(folder)
        added, taken = _new_labels(read, kept, name, datetime.now(UTC))
        if added:
            folder.write_records(LABELS, [*kept, *added])
        summary = write_reports(path)
    return taken, summary


def _new_labels(
    read: Sequence[ReadLabel], kept: Sequence[Label], by: str, now: datetime
) -> tuple[list[Label], Taken]:
    """What a file adds to the labels of one person. An empty line takes nothing away."""
    before = {label.id: label for label in kept if label.by == by}
    stamp = now.isoformat(timespec="seconds")
    added, counts = [], {"new": 0, "changed": 0, "same": 0, "empty": 0}
    for one in read:
        old = before.get(one.id)
        if one.label is None:
            counts["empty"] += 1
        elif old is not None and (old.label, old.note) == (one.label, one.note):
            counts["same"] += 1
        else:
            counts["new" if old is None else "changed"] += 1
            added.append(Label(id=one.id, label=one.label, note=one.note, by=by, at=stamp))
    return added, Taken(**counts)


def _candidates(run: Run) -> list[Candidate]:
    """Every text given to a question by the headline's answers, with how many say it."""
    found: dict[tuple[str, str], Candidate] = {}
    rows = headline_rows(run)
    columns = rows[["question_id", "text", "suite", "cluster", "verdict"]]
    for question, text, suite, cluster, verdict in columns.itertuples(index=False):
        known = found.get((question, text))
        found[(question, text)] = (
            replace(known, answers=known.answers + 1)
            if known
            else Candidate(
                id=content_hash(question, text.encode("utf-8", "surrogatepass"), length=10),
                question_id=question,
                suite=suite,
                cluster=cluster,
                answer=text,
                verdict=Verdict(verdict),
                answers=1,
            )
        )
    return list(found.values())


def _sheet(run: Run, folder: RunFolder, drawn: Sequence[Drawn], seed: int) -> list[Sheet]:
    """The lines a person sees, in an order that tells nothing."""
    asked = {question.id: question for question in run.questions}
    shuffled = sorted(drawn, key=lambda one: (derive_seed(seed, "review order", one.id), one.id))
    return [
        Sheet(
            id=one.id,
            suite=one.suite,
            question=asked[one.question_id].text,
            answer=one.answer,
            expected=MUST_REFUSE
            if asked[one.question_id].must_refuse
            else asked[one.question_id].gold,
            told=run.source.told_about(asked[one.question_id], one.answer) if run.source else (),
        )
        for one in shuffled
    ]


def _write_sheet(path: Path, text: str) -> None:
    """Write the file, never over somebody's labels. Raises UsageError.

    A device or a pipe is written to and never read, which might not end.
    """
    try:
        if path.is_file() and path.read_bytes() != text.encode("utf-8"):
            raise UsageError(
                f"{path}: there already, with other content (labels?): take it back with "
                "--take, or name another file with --out"
            )
        write_text(path, text)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}; name another file with --out"
        ) from None


def _keep(folder: RunFolder, drawn: Sequence[Drawn], plan: Mapping[str, Any]) -> None:
    """Keep the sample; what earlier samples had stays known, without a weight."""
    review = read_review(folder.path)
    now = {one.id: one for one in drawn}
    before = review.drawn if review else {}
    earlier = [replace(one, weight=None) for key, one in before.items() if key not in now]
    kept = sorted([*now.values(), *earlier], key=lambda one: one.id)
    folder.write_records(SAMPLE, kept)
    folder.write_json(REVIEW_PLAN, dict(plan))


def _plan(
    run: Run, candidates: Sequence[Candidate], drawn: Sequence[Drawn], n: int, seed: int
) -> dict[str, Any]:
    """How the sample was drawn, by stratum."""
    strata = sorted({(one.suite, one.verdict) for one in candidates})

    def rows(suite: str, verdict: Verdict) -> dict[str, Any]:
        there = [one for one in candidates if (one.suite, one.verdict) == (suite, verdict)]
        taken = [one for one in drawn if (one.suite, one.verdict) == (suite, verdict)]
        return {
            "suite": suite,
            "verdict": str(verdict),
            "answers": sum(one.answers for one in there),
            "texts": len(there),
            "drawn": len(taken),
        }

    return {
        "seed": seed,
        "asked_for": n,
        "drawn": len(drawn),
        "grader": ", ".join(sorted({one.grader for one in run.graded})),
        "world": WORLD if run.source is not None else None,
        "strata": [rows(*stratum) for stratum in strata],
    }
