"""The part of summary.json about rates corrected by people's labels, and agreement with them.

Its shape stands at the head of summary.py. Rates are of the headline's answers (sampled, or
greedy where none was sampled), hallucinated out of scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import StoreError
from harness.core.records import Form, Scope, Verdict
from harness.report.reviews import (
    Label,
    Review,
    Said,
    left_out,
    read_review,
    reviewed_relatives,
    texts_of,
)
from harness.stats import rates, tables
from harness.stats.correction import (
    ROGAN_GLADEN,
    TWO_PHASE,
    Accuracy,
    Answers,
    Corrected,
    Labels,
    accuracy,
    mean_of,
    not_corrected,
    observed,
    rogan_gladen,
    two_phase,
)
from harness.stats.intervals import macro_average
from harness.stats.raters import raters

if TYPE_CHECKING:
    import pandas as pd

    from harness.runs.read import Run

KINDS = ("answerable", "must_refuse", str(Form.OPEN), str(Scope.REAL_WORLD))
KIND_TITLES = {
    "answerable": "has an answer",
    "must_refuse": "must be refused",
    Form.OPEN: "open-ended",
    Scope.REAL_WORLD: "the real world",
}
LEAST_OWN = 15  # labels of a suite on either side, below which those of its kind are taken
NO_LABELS = "no labelled answers of such questions"


@dataclass(frozen=True)
class Reviewed:
    """A run with its review, as arrays: what was said of each scored answer, and the labels.

    `rows`: scored answers of the headline's kind, with `kind` (of suite) and `said`;
    `items`: the labelled answers of the sample, with `truth`, `weight`, `said`.
    """

    rows: pd.DataFrame
    items: pd.DataFrame
    review: Review

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind by suite."""
        return dict(self.rows.groupby("suite", sort=True)["kind"].first())

    def answers(self, suites: Sequence[str]) -> Answers:
        """The answers of these suites; each suite counts the same."""
        rows = self.rows[self.rows["suite"].isin(suites)]
        return Answers(
            said=rows["said"].to_numpy(bool),
            weight=1 / rows.groupby("suite")["said"].transform("size").to_numpy(float),
            cluster=rows["code"].to_numpy(),
        )

    def labels(self, suites: Sequence[str]) -> Labels:
        """The labels of these suites, on the scale of `answers`."""
        items = self.items[self.items["suite"].isin(suites)]
        sizes = self.rows.groupby("suite")["said"].size()
        return Labels(
            said=items["said"].to_numpy(bool),
            truth=items["truth"].to_numpy(float),
            weight=items["weight"].to_numpy(float) / items["suite"].map(sizes).to_numpy(float),
            cluster=items["code"].to_numpy(),
        )


def corrected_section(run_folder: Path, run: Run) -> tuple[dict[str, Any] | None, list[str]]:
    """Corrected rates by the run's own labels, else by those of its family; None without any.

    Beside them a sentence about each other run whose labels are not used because it is damaged.
    Raises StoreError when the review of this run is.
    """
    own = read_review(run_folder)
    rows = scored_rows(run)
    if own is not None and own.labels and len(rows):
        reviewed = _reviewed(run, rows, own)
        if len(reviewed.items):
            about = _about(run_folder, run, own, same=True, labels=len(reviewed.items))
            return {**about, **_by_own(reviewed), **agreement(run, own)}, []
    if not len(rows):
        return None, []
    return _by_relatives(run_folder, run, rows)


def _by_relatives(
    run_folder: Path, run: Run, rows: pd.DataFrame
) -> tuple[dict[str, Any] | None, list[str]]:
    """By the first run of the family whose labels say anything, and what is wrong with others."""
    from harness.runs.read import read_run

    relatives = reviewed_relatives(run_folder, run.identity)
    warnings = list(relatives.left_out)
    for path, review in relatives.found:
        try:
            other = read_run(path)
            other_rows = scored_rows(other)
        except StoreError as error:
            warnings.append(left_out(path, error))
            continue
        reviewed = _reviewed(other, other_rows, review)
        if len(reviewed.items):
            return _by_relative(rows, run, path, other, reviewed), warnings
    return None, warnings


def _about(path: Path, run: Run, review: Review, *, same: bool, labels: int) -> dict[str, Any]:
    """What the labels are; `labels`: how many labelled answers the rates rest on."""
    return {
        "run": path.resolve().name,
        "same_run": same,
        "grader": _graders(run),
        "labels": labels,
        "people": review.people,
        "method": TWO_PHASE if same else ROGAN_GLADEN,
    }


def _graders(run: Run) -> str:
    return ", ".join(sorted({one.grader for one in run.graded}))


def _by_relative(
    rows: pd.DataFrame, run: Run, path: Path, other: Run, reviewed: Reviewed
) -> dict[str, Any]:
    """By the labels of another run of the family: sensitivity and specificity carried over."""
    review, here, there = reviewed.review, _graders(run), _graders(other)
    this = Reviewed(rows=rows, items=reviewed.items, review=review)
    shared = reviewed.items["suite"].map(reviewed.kinds).isin(set(this.kinds.values()))
    reason, used = None, int(shared.sum())
    if there != here:
        reason, used = f"the labelled run was graded by {there}, this one by {here}", 0
    about = _about(path, other, review, same=False, labels=used)
    known: dict[str, Accuracy | str] = {
        kind: reason or _accuracy(reviewed, kind) for kind in sorted(set(this.kinds.values()))
    }
    by_kind = {kind: _carried(this, _of_kind(this, kind), known[kind]) for kind in known}
    sizes = [len(_of_kind(this, kind)) / len(this.kinds) for kind in by_kind]
    answers = [this.answers(_of_kind(this, kind)) for kind in by_kind]
    return {
        **about,
        "overall": _entry(this, list(this.kinds), mean_of(list(by_kind.values()), sizes, answers)),
        "kinds": _kind_entries(this, by_kind, known),
        "suites": {
            suite: _entry(this, [suite], _carried(this, [suite], known[kind]))
            for suite, kind in this.kinds.items()
        },
        **agreement(other, review),
    }


def _by_own(reviewed: Reviewed) -> dict[str, Any]:
    """By labels of these very answers; a suite with few of its own by those of its kind."""
    kinds = sorted(set(reviewed.kinds.values()))
    known = {kind: _accuracy(reviewed, kind) for kind in kinds}
    by_kind = {kind: _two_phase(reviewed, _of_kind(reviewed, kind)) for kind in kinds}
    suites = {}
    for suite, kind in reviewed.kinds.items():
        alone = len(_of_kind(reviewed, kind)) == 1
        if alone or _enough(reviewed, suite):
            found = _two_phase(reviewed, [suite])
        else:
            found = _carried(reviewed, [suite], known[kind])
        suites[suite] = _entry(reviewed, [suite], found)
    everything = list(reviewed.kinds)
    bare = [KIND_TITLES[kind] for kind in kinds if by_kind[kind].reason == NO_LABELS]
    overall = (
        not_corrected(f"{NO_LABELS}: {', '.join(bare)}", labels=len(reviewed.items))
        if bare
        else _two_phase(reviewed, everything)
    )
    return {
        "overall": _entry(reviewed, everything, overall),
        "kinds": _kind_entries(reviewed, by_kind, known),
        "suites": suites,
    }


def _two_phase(reviewed: Reviewed, suites: Sequence[str]) -> Corrected:
    labels = reviewed.labels(suites)
    if not len(labels.said):
        return not_corrected(NO_LABELS)
    return two_phase(reviewed.answers(suites), labels)


def _accuracy(reviewed: Reviewed, kind: str) -> Accuracy | str:
    suites = _of_kind(reviewed, kind)
    labels = reviewed.labels(suites)
    if not len(labels.said):
        return NO_LABELS
    return accuracy(reviewed.answers(suites), labels)


def _carried(reviewed: Reviewed, suites: Sequence[str], known: Accuracy | str) -> Corrected:
    if isinstance(known, str):
        return not_corrected(known)
    return rogan_gladen(*observed(reviewed.answers(suites)), known)


def _of_kind(reviewed: Reviewed, kind: str) -> list[str]:
    return [suite for suite, found in reviewed.kinds.items() if found == kind]


def _enough(reviewed: Reviewed, suite: str) -> bool:
    """Whether a suite has labels enough of its own wherever the grader put answers of it.

    All that there are is enough, however few.
    """
    rows = reviewed.rows[reviewed.rows["suite"] == suite]
    items = reviewed.items[reviewed.items["suite"] == suite]
    texts = rows.drop_duplicates(["question_id", "text"])["said"]
    return all(
        (items["said"] == said).sum() >= min(LEAST_OWN, (texts == said).sum())
        for said in (True, False)
    )


def _entry(reviewed: Reviewed, suites: Sequence[str], found: Corrected) -> dict[str, Any]:
    """The corrected rate beside the grader's own, the macro-average over `suites`."""
    rows = reviewed.rows[reviewed.rows["suite"].isin(suites)]
    metric = rates.METRICS["hallucination"]
    _, by_suite = rates.rates_by(rows, ["suite"], metrics=[metric])
    seen = macro_average(by_suite[metric.id]).to_data()
    return {**found.to_data(), "observed": {key: seen[key] for key in ("rate", "low", "high")}}


def _kind_entries(
    reviewed: Reviewed, by_kind: Mapping[str, Corrected], known: Mapping[str, Accuracy | str]
) -> dict[str, Any]:
    entries = {}
    for kind in (kind for kind in KINDS if kind in by_kind):
        suites = _of_kind(reviewed, kind)
        entries[kind] = {**_entry(reviewed, suites, by_kind[kind]), "suites": suites}
        grader = known[kind]
        for name in ("sensitivity", "specificity"):
            share = None if isinstance(grader, str) else getattr(grader, name)
            entries[kind][name] = None if share is None else {
                key: round(getattr(share, key), 6) for key in ("rate", "low", "high")
            }  # fmt: skip
    return entries


def headline_rows(run: Run) -> pd.DataFrame:
    """The answers of the headline (sampled, else greedy), with their texts in `text`."""
    table = run.table
    rows = tables.sampled(table)
    rows = (rows if len(rows) else tables.greedy(table)).copy()
    texts = texts_of(run)
    keys = zip(rows["request_id"], rows["sample"], strict=True)
    rows["text"] = [texts.get(key, "") for key in keys]
    return rows


def scored_rows(run: Run) -> pd.DataFrame:
    """The scored answers of the headline, with `kind` of suite, `said` and cluster `code`."""
    import pandas as pd

    rows = headline_rows(run)
    rows = rows[tables.scored(rows)].copy()
    rows["said"] = (rows["verdict"] == str(Verdict.HALLUCINATED)).to_numpy(bool)
    rows["code"], _ = pd.factorize(rows["cluster"], sort=True)
    kinds = {str(suite): _kind_of(of) for suite, of in rows.groupby("suite")}
    rows["kind"] = rows["suite"].map(kinds)
    return rows


def _kind_of(rows: pd.DataFrame) -> str:
    for column, kind in (("scope", Scope.REAL_WORLD), ("form", Form.OPEN)):
        if (rows[column] == kind).all():
            return str(kind)
    return "must_refuse" if rows["must_refuse"].all() else "answerable"


def _reviewed(run: Run, rows: pd.DataFrame, review: Review) -> Reviewed:
    """Labels joined to verdicts as they are now, with weights that add up to the answers.

    A label that no person could score, or whose answer the grader could not, says nothing.
    """
    import pandas as pd

    said: dict[Said, tuple[bool, int]] = {}
    columns = (rows[name] for name in ("question_id", "text", "said", "code"))
    for question, text, hallucinated, code in zip(*columns, strict=True):
        said.setdefault((question, text), (hallucinated, code))
    found = []
    for key, labels in review.by_answer.items():
        one = review.drawn[key]
        truth = _truth(labels)
        place = said.get((one.question_id, one.answer))
        if truth is None or place is None or not one.weight:
            continue
        found.append((key, one.suite, place[0], place[1], truth, one.weight))
    names = ["id", "suite", "said", "code", "truth", "weight"]
    items = pd.DataFrame(found, columns=names).sort_values("id", ignore_index=True)
    sizes = rows.groupby(["suite", "said"])["code"].size()
    if len(items):
        cells = pd.MultiIndex.from_frame(items[["suite", "said"]])
        labelled = items.groupby(["suite", "said"])["weight"].transform("sum")
        items["weight"] *= sizes.reindex(cells).to_numpy(float) / labelled.to_numpy(float)
    return Reviewed(rows=rows, items=items, review=review)


def _truth(labels: Sequence[Label]) -> float | None:
    """Share of the people who could tell that found it hallucinated."""
    told = [label for label in labels if label.label is not Verdict.UNSCORED]
    if not told:
        return None
    return sum(label.label is Verdict.HALLUCINATED for label in told) / len(told)


def agreement(run: Run, review: Review) -> dict[str, Any]:
    """The grader against every person's labels, and people against each other.

    Weighted by what each answer stands for, so it speaks for all answers of the headline.
    """
    rows = headline_rows(run)
    verdicts: dict[Said, str] = {}
    columns = (rows[name] for name in ("question_id", "text", "verdict"))
    for question, text, verdict in zip(*columns, strict=True):
        verdicts.setdefault((question, text), str(verdict))
    said, told, clusters, weights = [], [], [], []
    for label in review.labels:
        one = review.drawn[label.id]
        called = verdicts.get((one.question_id, one.answer))
        if called is not None and one.weight:
            said.append(called)
            told.append(str(label.label))
            clusters.append(one.cluster)
            weights.append(one.weight)
    if not said:
        return {"agreement": None, "between": []}
    found = raters(said, told, clusters=clusters, weights=weights).to_data()
    flags = [[str(one == Verdict.HALLUCINATED) for one in side] for side in (said, told)]
    binary = raters(*flags, clusters=clusters, weights=weights).to_data()
    both = {key: binary[key] for key in ("accuracy", "kappa")}
    return {"agreement": {**found, "hallucinated": both}, "between": between(review)}


def between(review: Review) -> list[dict[str, Any]]:
    """Every two people who labelled the same answers: how far they agree, unweighted."""
    people = list(review.people)
    by_person: dict[str, dict[str, Label]] = {name: {} for name in people}
    for label in review.labels:
        by_person[label.by][label.id] = label
    found = []
    for place, first in enumerate(people):
        for second in people[place + 1 :]:
            shared = sorted(by_person[first].keys() & by_person[second].keys())
            if shared:
                sides = [[str(by_person[who][key].label) for key in shared]
                         for who in (first, second)]  # fmt: skip
                clusters = [review.drawn[key].cluster for key in shared]
                found.append(
                    {"people": [first, second], **raters(*sides, clusters=clusters).to_data()}
                )
    return found
