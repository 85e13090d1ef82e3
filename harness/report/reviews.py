"""Labels that people gave to answers of a run: the folder `review/` beside its verdicts.

    review/plan.json      seed, size and strata of the sample
    review/sample.jsonl   one line an answer drawn: what it is, what it stands for
    review/labels.jsonl   one line a label: who, when; the last of a person counts

Nothing here changes a verdict: labels stand beside verdicts.jsonl.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.records import Verdict
from harness.store import RunFolder, list_runs

if TYPE_CHECKING:
    from harness.report.build import Run

FOLDER = "review"
REVIEW_PLAN, SAMPLE, LABELS = (
    f"{FOLDER}/{name}" for name in ("plan.json", "sample.jsonl", "labels.jsonl")
)
Said = tuple[str, str]  # question id, text of the answer


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One text given to one question, drawn for people to label.

    `answers`: how many sampled answers of the run say just this; `weight`: how many answers
    of its stratum (suite and verdict) it stands for, None for one that only an earlier
    sample had; `verdict`: the grader's when it was drawn.
    """

    id: str
    question_id: str
    suite: str
    cluster: str
    answer: str
    verdict: Verdict
    answers: int
    weight: float | None


@dataclass(frozen=True, kw_only=True)
class Label:
    """What one person said of one drawn answer; `at` is UTC."""

    id: str
    label: Verdict
    note: str
    by: str
    at: str


@dataclass(frozen=True)
class Review:
    """The sample of a run and its labels: of each person the last of each answer."""

    drawn: Mapping[str, Drawn]
    labels: tuple[Label, ...]

    @cached_property
    def by_answer(self) -> dict[str, list[Label]]:
        """Labels by the id of the answer, people in alphabetical order."""
        found: dict[str, list[Label]] = {}
        for label in self.labels:
            found.setdefault(label.id, []).append(label)
        return found

    @property
    def people(self) -> dict[str, int]:
        """How many answers each person labelled, by name."""
        names = sorted({label.by for label in self.labels})
        return {name: sum(label.by == name for label in self.labels) for name in names}

    def said(self) -> Iterator[tuple[Said, list[Label]]]:
        """The labels of each text given to a question."""
        for key, labels in self.by_answer.items():
            yield (self.drawn[key].question_id, self.drawn[key].answer), labels


def read_review(run_folder: Path) -> Review | None:
    """The review of a run, or None where nothing was drawn. Raises StoreError."""
    if not (run_folder / SAMPLE).is_file():
        return None
    folder = RunFolder.open(run_folder)
    drawn = {one.id: one for one in folder.read_records(SAMPLE, Drawn)}
    kept = read_labels(folder)
    last = {(label.id, label.by): label for label in kept if label.id in drawn}
    return Review(drawn=drawn, labels=tuple(last[key] for key in sorted(last)))


def read_labels(folder: RunFolder) -> list[Label]:
    """Every label ever taken back, in order. Raises StoreError."""
    if not (folder.path / LABELS).is_file():
        return []
    return list(folder.read_records(LABELS, Label))


def family(about: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What two runs of one model family share: the base's content, the recipe and the story.

    None where run.json does not say, as of a hand-made folder.
    """
    identity = about.get("identity") or {}
    base = identity.get("base_hash") or identity.get("base")
    found = (base, about.get("recipe"), about.get("story"))
    return tuple(map(str, found)) if all(found) else None


def reviewed_relative(run_folder: Path, about: Mapping[str, Any]) -> tuple[Path, Review] | None:
    """The run of the same family under the same folder of runs with the most labels.

    The newest of several; None where there is none.
    """
    own = family(about)
    if own is None:
        return None
    best: tuple[tuple[int, str], Path, Review] | None = None
    for path in list_runs(run_folder.resolve().parent.parent):
        if path == run_folder.resolve() or not (path / LABELS).is_file():
            continue
        if family(RunFolder.open(path).about()) != own:
            continue
        review = read_review(path)
        if review is None or not review.labels:
            continue
        rank = (len(review.by_answer), path.name)
        if best is None or rank > best[0]:
            best = rank, path, review
    return None if best is None else (best[1], best[2])


def last_label(labels: Sequence[Label]) -> Label:
    """The label that was given last: what reports show beside the verdict."""
    return max(labels, key=lambda label: (label.at, label.by))


def labels_by_answer(review: Review | None) -> dict[Said, list[Label]]:
    """Labels by question and text, for the table of answers."""
    return dict(review.said()) if review else {}


def texts_of(run: Run) -> dict[tuple[str, int], str]:
    """Texts by request id and sample."""
    return {(answer.request_id, answer.sample): answer.text for answer in run.answers}
