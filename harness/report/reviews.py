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

from harness.core.errors import StoreError
from harness.core.records import Verdict
from harness.runs.layout import list_runs
from harness.runs.store import RunFolder

if TYPE_CHECKING:
    from harness.runs.read import Run

FOLDER = "review"
REVIEW_PLAN, SAMPLE, LABELS = (
    f"{FOLDER}/{name}" for name in ("plan.json", "sample.jsonl", "labels.jsonl")
)
Said = tuple[str, str]  # question id, text of the answer


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One text given to one question; `answers`: how many sampled answers of the run say it.

    `verdict`: the grader's when the sample was drawn.
    """

    id: str
    question_id: str
    suite: str
    cluster: str
    answer: str
    verdict: Verdict
    answers: int


@dataclass(frozen=True, kw_only=True)
class Drawn(Candidate):
    """A text drawn for people to label.

    `weight`: how many answers of its stratum (suite and verdict) it stands for, None for one
    that only an earlier sample had.
    """

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


@dataclass(frozen=True)
class Relatives:
    """Labelled runs of one family; `left_out`: a sentence about each that is damaged."""

    found: tuple[tuple[Path, Review], ...] = ()
    left_out: tuple[str, ...] = ()


def reviewed_relatives(run_folder: Path, about: Mapping[str, Any]) -> Relatives:
    """The labelled runs of the same family under the same folder of runs.

    That with the most labels first, of several the newest. What is wrong with another run does
    not stop this one's reports.
    """
    own = family(about)
    if own is None:
        return Relatives()
    found, damaged = [], []
    for path in list_runs(run_folder.resolve().parent.parent):
        if path == run_folder.resolve() or not (path / LABELS).is_file():
            continue
        try:
            if family(RunFolder.open(path).about()) != own:
                continue
            review = read_review(path)
        except StoreError as error:
            damaged.append(left_out(path, error))
            continue
        if review is not None and review.labels:
            found.append((path, review))
    found.sort(key=lambda one: (len(one[1].by_answer), one[0].name), reverse=True)
    return Relatives(found=tuple(found), left_out=tuple(damaged))


def left_out(path: Path, error: StoreError) -> str:
    """That the labels of a damaged run are not used, and why, as a sentence."""
    why = str(error).replace(f"{path}/", "").rstrip(".")
    return f"The labels of another run, {path.name}, are not used, because it is damaged: {why}."


def last_label(labels: Sequence[Label]) -> Label:
    """The label that was given last: what reports show beside the verdict."""
    return max(labels, key=lambda label: (label.at, label.by))


def labels_by_answer(review: Review | None) -> dict[Said, list[Label]]:
    """Labels by question and text, for the table of answers."""
    return dict(review.said()) if review else {}


def texts_of(run: Run) -> dict[tuple[str, int], str]:
    """Texts by request id and sample."""
    return {(answer.request_id, answer.sample): answer.text for answer in run.answers}
