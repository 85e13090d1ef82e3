"""From features to probabilities: the shipped weights of the evidence grader.

Two small models in one JSON file, made by bench/fit_evidence.py: boosted trees over the
features of a claim, where the plainest features may push in one direction only (so that no
quirk of the fitting sets can turn them round), and a logistic rule from the claims of an
answer to the answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import GradingError
from harness.grading.evidence.features import FEATURES

if TYPE_CHECKING:
    import numpy

WEIGHTS = Path(__file__).with_name("weights.json")
ANSWER_FEATURES = ("worst", "second", "expected", "share")

# Which way a feature may push towards "unsupported"; one that is not here, either way.
DIRECTIONS = {
    "contained": -1,
    "contained_best": -1,
    "contained_pair": -1,
    "missing": 1,
    "names_missing": 1,
    "names_missing_best": 1,
    "numbers_missing": 1,
    "numbers_missing_best": 1,
    "meaning": -1,
    "same_low": -1,
    "antonym": 1,
    "rare_contained": -1,
    "rare_best": -1,
    "rare_window": -1,
    "rare_nearest": -1,
    "names_window": 1,
    "numbers_window": 1,
    "bigrams": -1,
    "prefixes": -1,
}


@dataclass(frozen=True)
class Trees:
    """Boosted trees: float [T, N] thresholds and leaf values, int [T, N] features and children.

    A leaf is its own child, so that walking `depth` steps ends in one.
    """

    base: float
    depth: int
    feature: numpy.ndarray
    threshold: numpy.ndarray
    left: numpy.ndarray
    right: numpy.ndarray
    value: numpy.ndarray

    def logits(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Log-odds for float rows [R, F]: float [R]."""
        import numpy

        tree = numpy.arange(len(self.value))[None, :]
        at = numpy.zeros((len(rows), len(self.value)), dtype=numpy.intp)
        line = numpy.arange(len(rows))[:, None]
        for _ in range(self.depth):
            goes_left = rows[line, self.feature[tree, at]] <= self.threshold[tree, at]
            at = numpy.where(goes_left, self.left[tree, at], self.right[tree, at])
        return self.base + self.value[tree, at].sum(axis=1)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Trees:
        """Read what `trees_data` gave."""
        import numpy

        width = max(len(tree["value"]) for tree in data["trees"])

        def table(name: str, kind: type) -> numpy.ndarray:
            rows = [tree[name] + [0] * (width - len(tree[name])) for tree in data["trees"]]
            return numpy.array(rows, dtype=kind)

        return cls(
            base=data["base"],
            depth=data["depth"],
            feature=table("feature", int),
            threshold=table("threshold", float),
            left=table("left", int),
            right=table("right", int),
            value=table("value", float),
        )


def trees_data(fitted: Any) -> dict[str, Any]:
    """Plain data of a binary HistGradientBoostingClassifier.

    Thresholds keep every digit: one may be a value that rows have, and those go left.
    """
    trees = [_tree_data(predictor.nodes) for (predictor,) in fitted._predictors]
    depth = max(int(predictor.nodes["depth"].max()) for (predictor,) in fitted._predictors)
    return {"base": float(fitted._baseline_prediction.item()), "depth": depth, "trees": trees}


def _tree_data(nodes: Any) -> dict[str, list[float]]:
    import numpy

    leaf = nodes["is_leaf"].astype(bool)
    own = numpy.arange(len(nodes))
    columns = {
        "feature": numpy.where(leaf, 0, nodes["feature_idx"]),
        "threshold": numpy.where(leaf, 0.0, nodes["num_threshold"]),
        "left": numpy.where(leaf, own, nodes["left"]),
        "right": numpy.where(leaf, own, nodes["right"]),
        "value": numpy.where(leaf, nodes["value"], 0.0).round(4),
    }
    return {name: column.tolist() for name, column in columns.items()}


@dataclass(frozen=True)
class EvidenceModel:
    """The weights: trees for a claim, a logistic rule for an answer, thresholds, their origin.

    answer_mean, answer_scale, answer_weights: over ANSWER_FEATURES.
    """

    version: str
    claims: Trees
    answer_bias: float
    answer_weights: tuple[float, ...]
    claim_threshold: float
    answer_threshold: float
    made_from: dict[str, Any]

    def claim_logits(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Log-odds that claims with these features, float [R, F], are unsupported."""
        return self.claims.logits(rows)

    def answer_logit(self, logits: Sequence[float]) -> float:
        """Log-odds that an answer whose claims have these log-odds holds an unsupported one."""
        values = answer_features(logits)
        return self.answer_bias + sum(
            w * v for w, v in zip(self.answer_weights, values, strict=True)
        )


def answer_features(logits: Sequence[float]) -> tuple[float, ...]:
    """From the log-odds of an answer's claims, in the order of ANSWER_FEATURES.

    worst: the highest; second: the next (the lowest there is, if alone); expected: log of the
    expected number of unsupported claims; share: their expected share.
    """
    from math import log

    ordered = sorted(logits, reverse=True)
    chances = [probability(value) for value in ordered]
    expected = sum(chances)
    return (
        ordered[0],
        ordered[min(1, len(ordered) - 1)],
        log(expected + 1e-4),
        expected / len(ordered),
    )


def probability(logit: float) -> float:
    """The logistic function, safe at both ends."""
    from math import exp

    return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))


def load_model(path: Path) -> EvidenceModel:
    """Read weights. Raises GradingError if the file is missing, damaged or of other features."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if tuple(data["features"]) != FEATURES:
            raise GradingError(
                f"{path}: weights for other features; make them again with "
                "'python bench/fit_evidence.py --data FOLDER'"
            )
        return EvidenceModel(
            version=data["version"],
            claims=Trees.from_data(data["claims"]),
            answer_bias=data["answer"]["bias"],
            answer_weights=tuple(data["answer"]["weights"][name] for name in ANSWER_FEATURES),
            claim_threshold=data["thresholds"]["claim"],
            answer_threshold=data["thresholds"]["answer"],
            made_from=data["made_from"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GradingError(
            f"{path}: no usable weights of the evidence grader ({error}); reinstall bordor or run "
            "'python bench/fit_evidence.py --data FOLDER'"
        ) from error


@lru_cache(maxsize=1)
def shipped_model() -> EvidenceModel:
    """The weights that come with Bordor."""
    return load_model(WEIGHTS)
