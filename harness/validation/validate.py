"""`bordor validate`: how far the graders agree with answers that people labelled.

Read the sets, run the graders, measure, keep a grader card, and point at the worst errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import UsageError
from harness.core.progress import OnProgress, Progress
from harness.core.seeds import content_hash
from harness.grading.cards import write_card
from harness.stats.agreement import (
    Agreement,
    Figure,
    agreement,
    auroc_figure,
    correlation,
    length_strata,
)
from harness.validation import KINDS, Item, LabelledSet, read_set
from harness.validation.judging import Judged, judge_of

if TYPE_CHECKING:
    from harness.encoder.embedding import Entailment

SPLIT = "set"  # a field of the lines: where it has several values, each is measured apart too
MOST_PARTS = 20
ROUND = 6


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """An item that the grader and the label see differently."""

    item: Item
    judged: Judged

    @property
    def confidence(self) -> float:
        """How sure the grader was of its error, 0 to 1."""
        return self.judged.score if self.judged.positive else 1 - self.judged.score


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A set of labels and what the grader made of it."""

    labelled: LabelledSet
    grader: str
    fitted: bool  # the grader's weights were fitted on a set of this name
    agreement: Agreement
    parts: Mapping[str, Agreement]  # by the values of SPLIT
    more: Mapping[str, Any]  # figures that only this kind has, as plain data
    mistakes: tuple[Mistake, ...]  # the surest first

    def to_data(self) -> dict[str, Any]:
        """Plain data for `--json` and for the card; no text of the set."""
        data = {
            **self.agreement.to_data(),
            "grader": self.grader,
            "fitted_on_this_set": self.fitted,
            "sampled_from_clusters": self.labelled.sampled_from,
            "positive": self.labelled.positive,
            "negative": self.labelled.negative,
            **self.more,
        }
        if self.parts:
            data["by"] = {SPLIT: {name: one.to_data() for name, one in self.parts.items()}}
        return data


def validate(
    files: Mapping[str, Sequence[Path]],
    *,
    sample: int | None = None,
    nli: Entailment | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Measured]:
    """Measure the graders on files of labels, {kind: files}, set by set in the order of KINDS.

    sample: at most so many clusters of each file, drawn at random. All files are read
    before a grader runs, so that a wrong line is told at once. nli: an entailment model that
    the evidence grader shall ask as well.
    Raises LabelError for a wrong file and UsageError where there is none, or two sets of a
    kind have one name.
    """
    sets = [one.sample(sample) if sample else one for one in read_sets(files)]
    total = sum(len(labelled.items) for labelled in sets)
    report = on_progress or (lambda progress: None)
    done = 0
    for labelled in sets:

        def advance(more: int, note: str = labelled.stem) -> None:
            nonlocal done
            done += more
            report(Progress(stage="validate", done=done, total=total, unit="items", note=note))

        advance(0)
        grader = judge_of(labelled, nli=nli)
        judged = grader.judge(labelled, on_done=advance)
        fitted = grader.fitted_on(labelled)
        yield measure(labelled, judged, grader=grader.name, fitted=fitted)


def read_sets(files: Mapping[str, Sequence[Path]]) -> list[LabelledSet]:
    """Read all files, {kind: files}. Raises LabelError and UsageError as `validate` does."""
    sets = [read_set(kind, path) for kind in KINDS for path in files.get(kind, ())]
    if not sets:
        flags = ", ".join(f"--{kind}" for kind in KINDS)
        raise UsageError(f"no labelled answers are named: say {flags} FILE; see docs/validate.md")
    seen: dict[tuple[str, str], Path] = {}
    for labelled in sets:
        other = seen.setdefault((labelled.kind, labelled.stem), labelled.path)
        if other is not labelled.path:
            raise UsageError(
                f"--{labelled.kind}: {other} and {labelled.path} have one name, "
                f"'{labelled.stem}', under which figures are kept; rename one of them"
            )
    return sets


def measure(
    labelled: LabelledSet, judged: Sequence[Judged], *, grader: str, fitted: bool = False
) -> Measured:
    """Compare what a grader said of every item with the labels.

    fitted: the grader's weights were fitted on this set.
    """
    items = labelled.items
    values = [str(item.fields.get(SPLIT, "")) for item in items]
    names = sorted(set(values))
    apart = names if 1 < len(names) <= MOST_PARTS else []
    rows = {name: [i for i, value in enumerate(values) if value == name] for name in apart}
    wrong = [
        Mistake(item=item, judged=one)
        for item, one in zip(items, judged, strict=True)
        if item.positive != one.positive
    ]
    return Measured(
        labelled=labelled,
        grader=grader,
        fitted=fitted,
        agreement=_agreement(items, judged, range(len(items))),
        parts={name: _agreement(items, judged, chosen) for name, chosen in rows.items()},
        more=_more(labelled, judged),
        mistakes=tuple(sorted(wrong, key=lambda one: (-one.confidence, one.item.line))),
    )


def to_data(measured: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """{kind: {set: figures}}, as `--json` writes it."""
    found: dict[str, dict[str, Any]] = {}
    for one in measured:
        found.setdefault(one.labelled.kind, {})[one.labelled.stem] = one.to_data()
    return found


def keep_card(one: Measured, folder: Path) -> Path:
    """Write the grader card of a measured set; returns its file. Raises GradingError."""
    labelled = one.labelled
    clusters = one.agreement.clusters
    _, _, nli = one.grader.partition("+nli:")
    sampled = "" if labelled.sampled_from is None else f" --sample {clusters}"
    card = {
        **one.to_data(),
        "kind": labelled.kind,
        "set": labelled.stem,
        "set_sha256": content_hash(labelled.path.read_bytes()),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": f"bordor validate --{labelled.kind} {labelled.path.name}{sampled}"
        + (f" --nli {nli}" if nli else ""),
    }
    return write_card(card, folder)


def _agreement(items: Sequence[Item], judged: Sequence[Judged], rows: Sequence[int]) -> Agreement:
    return agreement(
        [items[i].positive for i in rows],
        [judged[i].positive for i in rows],
        [items[i].cluster for i in rows],
        scores=[judged[i].score for i in rows],
    )


def _more(labelled: LabelledSet, judged: Sequence[Judged]) -> dict[str, Any]:
    """Figures that one kind of set has besides: length taken out, spans, correlations."""
    if labelled.kind == "grounding":
        found = {"length": _length(labelled, judged)}
        spans = _spans(labelled, judged)
        return found | ({"spans": spans} if spans else {})
    if labelled.kind == "claims":
        return _correlations(labelled, judged)
    return {}


def _length(labelled: LabelledSet, judged: Sequence[Judged]) -> dict[str, Any]:
    """What the length of an answer alone tells, and what the score tells beyond it."""
    truth = [item.positive for item in labelled.items]
    clusters = [item.cluster for item in labelled.items]
    lengths = [len(item.response) for item in labelled.items]
    within = auroc_figure(
        truth, [one.score for one in judged], clusters, strata=length_strata(lengths)
    )
    alone = auroc_figure(truth, lengths, clusters)
    return {"auroc_of_length": _plain(alone), "auroc_within_tenths_of_length": _plain(within)}


def _spans(labelled: LabelledSet, judged: Sequence[Judged]) -> dict[str, Any] | None:
    """Precision and recall of the unsupported spans, by characters, over the whole set."""
    both = found = marked = 0
    for item, one in zip(labelled.items, judged, strict=True):
        if item.spans is None or one.spans is None:
            return None
        want, got = _characters(item.spans), _characters(one.spans)
        both, found, marked = both + len(want & got), found + len(got), marked + len(want)
    precision = round(both / found, ROUND) if found else None
    recall = round(both / marked, ROUND) if marked else None
    f1 = round(2 * both / (found + marked), ROUND) if found + marked else None
    return {"unit": "characters", "marked": marked, "found": found, "precision": precision,
            "recall": recall, "f1": f1}  # fmt: skip


def _characters(spans: Sequence[tuple[int, int]]) -> set[int]:
    return {place for start, end in spans for place in range(start, end)}


def _correlations(labelled: LabelledSet, judged: Sequence[Judged]) -> dict[str, Any]:
    """Of the share of unsupported claims and the grader's mean score, per text and article.

    A text is what one model wrote about one article (a biography), an article all of them.
    """
    articles = {item.cluster for item in labelled.items}
    if not all("article_id" in item.fields for item in labelled.items) or len(articles) < 3:
        return {}
    found = {"article": _correlation(labelled, judged, [i.cluster for i in labelled.items])}
    texts = [item.about for item in labelled.items]
    if len(set(texts)) > len(articles):
        found["text"] = _correlation(labelled, judged, texts)
    return {"correlation": found}


def _correlation(
    labelled: LabelledSet, judged: Sequence[Judged], units: Sequence[str]
) -> dict[str, Any]:
    sums: dict[str, list[float]] = {}
    article: dict[str, str] = {}
    for unit, item, one in zip(units, labelled.items, judged, strict=True):
        kept = sums.setdefault(unit, [0.0, 0.0, 0.0])
        for place, value in enumerate((1.0, float(item.positive), one.score)):
            kept[place] += value
        article[unit] = item.cluster
    names = sorted(sums)
    figure = correlation(
        [sums[name][1] / sums[name][0] for name in names],
        [sums[name][2] / sums[name][0] for name in names],
        [article[name] for name in names],
    )
    return {**_plain(figure), "n": len(names)}


def _plain(figure: Figure) -> dict[str, Any]:
    value = None if figure.value is None else round(figure.value, ROUND)
    return {"value": value, "interval": figure.limits()}
