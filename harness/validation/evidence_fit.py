"""Fitting the evidence grader to a user's own labels: `bordor validate --fit`.

The features are those of the shipped grader, put together over the claims of an answer, with
the shipped score among them; the learner is the mean of a logistic regression and boosted
trees. What it reaches is measured by cross-validation in which no group (question, source)
is on both sides; the thresholds come from within the training side.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.core.errors import GradingError
from harness.core.files import read_object
from harness.core.seeds import content_hash
from harness.grading.evidence.answer import answer_row
from harness.grading.evidence.grader import Evidence, EvidenceGrader
from harness.grading.evidence.model import Trees, trees_data
from harness.stats.agreement import agreement, auroc_figure, length_strata

if TYPE_CHECKING:
    import numpy

    from harness.validation import LabelledSet

FOLDS = 5
INNER_FOLDS = 4
MIN_LABELS = 60  # of answers, and at least MIN_CLASS of either label
MIN_CLASS = 15
_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
_SEED = 20


Number = Annotated[float, Field(allow_inf_nan=False)]
Place = Annotated[int, Field(ge=0)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Tree(_Shape):
    feature: list[Place]
    threshold: list[Number]
    left: list[Place]
    right: list[Place]
    value: list[Number]


class _Trees(_Shape):
    base: Number
    depth: Annotated[int, Field(ge=0, le=1000)]
    trees: Annotated[list[_Tree], Field(min_length=1)]


class _Data(_Shape):
    mean: list[Number]
    scale: list[Annotated[Number, Field(gt=0)]]
    weights: list[Number]
    bias: Number
    penalty: Number
    trees: _Trees


class _Saved(_Shape):
    """The file that `FittedEvidence.save` writes."""

    data: _Data
    threshold: Number
    card: dict[str, Any]


@dataclass(frozen=True)
class FittedEvidence:
    """An evidence grader fitted on labelled answers, and what it reached on held-out ones.

    held_out: for each answer its score from the folds that did not see its group. card: the
    figures, with how they were got.
    """

    data: dict[str, Any]
    threshold: float
    card: dict[str, Any]
    held_out: tuple[float, ...] = field(repr=False, default=())

    def scores(
        self, items: Sequence[Evidence], grader: EvidenceGrader | None = None
    ) -> list[float]:
        """Chance that each answer holds something unsupported, between 0 and 1."""
        rows = answer_rows(items, grader or EvidenceGrader())
        return [float(value) for value in _Learnt(self.data)(rows)]

    def save(self, path: Path) -> None:
        """Write model and card as JSON."""
        text = json.dumps({k: v for k, v in asdict(self).items() if k != "held_out"}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> FittedEvidence:
        """Read what `save` wrote. Raises GradingError naming file and key."""
        try:
            kept = _Saved.model_validate(read_object(path)).model_dump()
            if not _computes(kept["data"]):
                raise ValueError("its weights and trees do not fit each other")
        except ValidationError as error:
            first = error.errors()[0]
            what = f"'{'.'.join(map(str, first['loc']))}': {first['msg']}"
            raise GradingError(f"{path}: no fitted evidence grader ({what})") from None
        except ValueError as error:  # also of a file that cannot be read
            raise GradingError(f"{path}: no fitted evidence grader ({error})") from None
        return cls(**kept)


def fit_evidence(
    items: Sequence[Evidence],
    labels: Sequence[bool],
    *,
    groups: Sequence[str],
    grader: EvidenceGrader | None = None,
) -> FittedEvidence:
    """Fit on labelled answers (True: something in it is unsupported).

    groups: one name an answer; answers of one group (question, source) are never on both
    sides of a split. Raises GradingError if there are too few labels or groups.
    """
    import numpy

    _check(items, labels, groups)
    grader = grader or EvidenceGrader()
    rows = answer_rows(items, grader)
    truth = numpy.array(labels, dtype=bool)
    names = numpy.unique(numpy.array(groups), return_inverse=True)[1]
    scores = numpy.zeros(len(truth))
    called = numpy.zeros(len(truth), dtype=bool)
    for train, test in _splits(rows, truth, names, FOLDS):
        model = _learn(rows[train], truth[train], names[train])
        inner = _held_out(rows[train], truth[train], names[train], INNER_FOLDS)
        scores[test] = model(rows[test])
        called[test] = scores[test] >= best_threshold(truth[train], inner)
    whole = _learn(rows, truth, names)
    card = {
        **agreement(truth, called, groups, scores=scores).to_data(),
        "grader": "evidence-fitted@2",
        "based_on": grader.version,
        "method": f"{FOLDS}-fold cross-validation grouped by question or source; "
        "penalty and threshold chosen inside the training side",
        "length": _length(truth, scores, items, groups),
    }
    return FittedEvidence(
        data=whole.data,
        threshold=best_threshold(truth, scores),
        card=card,
        held_out=tuple(float(score) for score in scores),
    )


def fit_labelled(labelled: LabelledSet, grader: EvidenceGrader | None = None) -> FittedEvidence:
    """Fit on a set of `bordor validate --grounding`. Raises GradingError."""
    return fit_evidence(
        [Evidence(item.response, item.passages, item.question) for item in labelled.items],
        [item.positive for item in labelled.items],
        groups=[item.cluster for item in labelled.items],
        grader=grader,
    )


def fitted_card(fitted: FittedEvidence, labelled: LabelledSet) -> dict[str, Any]:
    """The grader card of a fit, for `harness.grading.cards.write_card`."""
    return {
        **fitted.card,
        "kind": "grounding_fitted",  # beside the card of the shipped grader, not in its place
        "set": labelled.stem,
        "set_sha256": content_hash(labelled.path.read_bytes()),
        "positive": labelled.positive,
        "negative": labelled.negative,
        "fitted_on_this_set": True,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": f"bordor validate --grounding {labelled.path.name} --fit FOLDER",
    }


def answer_rows(items: Sequence[Evidence], grader: EvidenceGrader) -> numpy.ndarray:
    """One row of features an answer, float64 [N, A]; see evidence_answer.py."""
    import numpy

    return numpy.stack(
        [
            answer_row(item.answer, item.passages, item.question, features, logits)
            for item, (features, logits) in zip(items, grader.features(items), strict=True)
        ]
    )


def _length(
    truth: numpy.ndarray, scores: numpy.ndarray, items: Sequence[Evidence], groups: Sequence[str]
) -> dict[str, Any]:
    """What length alone tells, and what the score tells among answers of like length."""
    lengths = [len(item.answer) for item in items]
    alone = auroc_figure(truth, lengths, groups)
    within = auroc_figure(truth, scores, groups, strata=length_strata(lengths))
    return {
        "auroc_of_length": {"value": alone.value, "interval": alone.limits()},
        "auroc_within_tenths_of_length": {"value": within.value, "interval": within.limits()},
    }


def best_threshold(truth: numpy.ndarray, scores: numpy.ndarray) -> float:
    """The threshold of the highest F1."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / (precision + recall + 1e-12)
    return float(thresholds[int(f1[:-1].argmax())])


def _computes(data: dict[str, Any]) -> bool:
    """Whether saved weights and trees give a row of features a score."""
    import numpy

    try:
        scores = _Learnt(data)(numpy.zeros((1, len(data["mean"]))))
    except (IndexError, ValueError):
        return False
    return bool(scores.shape == (1,) and numpy.isfinite(scores).all())


class _Learnt:
    """A logistic regression and trees on the same rows; calling it gives scores."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def __call__(self, rows: numpy.ndarray) -> numpy.ndarray:
        import numpy

        scaled = (rows - numpy.array(self.data["mean"])) / numpy.array(self.data["scale"])
        linear = scaled @ numpy.array(self.data["weights"]) + self.data["bias"]
        both = (linear + Trees.from_data(self.data["trees"]).logits(rows)) / 2
        return 1 / (1 + numpy.exp(-both))


def _learn(rows: numpy.ndarray, truth: numpy.ndarray, names: numpy.ndarray) -> _Learnt:
    from sklearn.ensemble import HistGradientBoostingClassifier

    penalty = max(_PENALTIES, key=lambda c: (_quality(rows, truth, names, c), -c))
    mean, scale, linear = _linear(rows, truth, penalty)
    trees = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.06, max_leaf_nodes=6, min_samples_leaf=12,
        l2_regularization=5.0, max_features=0.3, early_stopping=False, random_state=_SEED,
    ).fit(rows, truth)  # fmt: skip
    return _Learnt(
        {
            "mean": mean.tolist(),
            "scale": scale.tolist(),
            "weights": linear.coef_[0].tolist(),
            "bias": float(linear.intercept_[0]),
            "penalty": penalty,
            "trees": trees_data(trees),
        }
    )


def _linear(
    rows: numpy.ndarray, truth: numpy.ndarray, penalty: float
) -> tuple[numpy.ndarray, numpy.ndarray, Any]:
    import numpy
    from sklearn.linear_model import LogisticRegression

    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = numpy.where(scale > 1e-9, scale, 1.0)
    fitted = LogisticRegression(C=penalty, max_iter=2000).fit((rows - mean) / scale, truth)
    return mean, scale, fitted


def _quality(
    rows: numpy.ndarray, truth: numpy.ndarray, names: numpy.ndarray, penalty: float
) -> float:
    import numpy
    from sklearn.metrics import roc_auc_score

    scores = numpy.zeros(len(truth))
    for train, test in _splits(rows, truth, names, INNER_FOLDS):
        mean, scale, fitted = _linear(rows[train], truth[train], penalty)
        scores[test] = fitted.decision_function((rows[test] - mean) / scale)
    return float(roc_auc_score(truth, scores))


def _held_out(
    rows: numpy.ndarray, truth: numpy.ndarray, names: numpy.ndarray, folds: int
) -> numpy.ndarray:
    import numpy

    scores = numpy.zeros(len(truth))
    for train, test in _splits(rows, truth, names, folds):
        scores[test] = _learn(rows[train], truth[train], names[train])(rows[test])
    return scores


def _splits(rows: numpy.ndarray, truth: numpy.ndarray, names: numpy.ndarray, folds: int) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=_SEED)
    return splitter.split(rows, truth, groups=names)


def _check(items: Sequence[Evidence], labels: Sequence[bool], groups: Sequence[str]) -> None:
    if not len(items) == len(labels) == len(groups):
        raise GradingError(
            f"fit: {len(items)} answers, {len(labels)} labels and {len(groups)} groups; "
            "give one label and one group an answer"
        )
    positives = sum(labels)
    if len(labels) < MIN_LABELS or min(positives, len(labels) - positives) < MIN_CLASS:
        raise GradingError(
            f"fit: {positives} of {len(labels)} answers are labelled hallucinated; at least "
            f"{MIN_LABELS} answers with {MIN_CLASS} of either label are needed"
        )
    if len(set(groups)) < 2 * FOLDS:
        raise GradingError(
            f"fit: {len(set(groups))} groups; at least {2 * FOLDS} questions or sources are needed"
        )
