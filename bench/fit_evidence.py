"""Makes harness/grading/evidence/weights.json again.

    python bench/fit_evidence.py --data FOLDER

FOLDER holds controls_paws.jsonl, controls_fever_symmetric.jsonl and equivalence_evouna.jsonl in
the formats of docs/evidence.md. Nothing else is read: no set on which the grader is measured.
Prints AUROC by set from cross-validation grouped by sentence pair, claim, question or world, and
from leaving out a whole family of sets.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy
import sklearn
from evidence_data import Item, everything, responses
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from harness.core.seeds import content_hash, stream
from harness.encoder import embedding
from harness.encoder.embedding import native_bfloat16
from harness.grading.evidence.features import FEATURES
from harness.grading.evidence.grader import Evidence, EvidenceGrader, claims_of
from harness.grading.evidence.model import (
    ANSWER_FEATURES,
    DIRECTIONS,
    WEIGHTS,
    answer_features,
    trees_data,
)
from harness.grading.evidence.text import read

VERSION = "evidence@2"
FILES = ("controls_paws.jsonl", "controls_fever_symmetric.jsonl", "equivalence_evouna.jsonl")
SHARES = {  # of all weight, by set; half of each set's to either label, alike by way of untruth
    "paws": 0.17,
    "paws_placed": 0.17,
    "fever": 0.13,
    "fever_placed": 0.23,
    "evouna": 0.16,
    "world": 0.07,
    "biography": 0.07,
}
DOCUMENT_SETS = ("paws_placed", "fever_placed", "evouna", "world")
MODELS = 3  # whose mean ships
BAGS = 1_000  # answers made of claims, of each of these sets
ALARMS = 0.1  # of answers supported throughout that the threshold lets be called hallucinated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=2_400, help="of PAWS, for claims")
    parser.add_argument("--questions", type=int, default=900, help="of EVOUNA")
    parser.add_argument("--answers", type=int, default=800, help="rendered long answers")
    parser.add_argument("--cache", type=Path, help="keep features in this folder, to fit again")
    chosen = parser.parse_args()
    embedding.MAX_CACHED_WORDS = 1_500_000
    grader = EvidenceGrader()
    items = everything(
        chosen.data, seed=chosen.seed, pairs=chosen.pairs, questions=chosen.questions
    )
    told(f"{len(items)} claims rendered")
    items, rows = measured(items, grader, whole=True, cache=chosen.cache)
    flat = numpy.concatenate(rows)
    truth = numpy.array([item.unsupported for item in items])
    answers = list(
        responses(chosen.data, chosen.answers, stream(chosen.seed, "paws"), skip=chosen.pairs)
    )
    answers, rows = measured(answers, grader, whole=False, cache=chosen.cache)
    report, crossed = validated(items, flat, truth)
    fitted = fit(flat, truth, weights(items, truth))
    rule, report["answers"] = answer_rule(answers, rows, fitted, bags(items, crossed, chosen.seed))
    made_from = {
        "command": f"python bench/fit_evidence.py --data FOLDER --seed {chosen.seed} "
        f"--pairs {chosen.pairs} --questions {chosen.questions} --answers {chosen.answers}",
        "files": {name: digest(chosen.data / name) for name in FILES},
        "claims": len(items),
        "answers": len(answers),
        "auroc": report,
        "bfloat16": native_bfloat16(),
        "scikit-learn": sklearn.__version__,
    }
    write(chosen.out, fitted.data(), rule, made_from)


def write(path: Path, claims: object, rule: dict[str, object], made_from: object) -> None:
    data = {
        "version": VERSION,
        "features": FEATURES,
        "claims": claims,
        "answer": {
            "bias": rule["bias"],
            "weights": dict(zip(ANSWER_FEATURES, rule["weights"], strict=True)),
        },
        "thresholds": {"claim": 0.5, "answer": rule["threshold"]},
        "made_from": made_from,
    }
    text = json.dumps(data, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")
    told(f"{path}: {len(text) // 1024} kB")


def told(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:16]


def measured(
    items: Sequence[Item], grader: EvidenceGrader, *, whole: bool, cache: Path | None
) -> tuple[list[Item], list[numpy.ndarray]]:
    """Items that claim something, and the features of their claims, [C, F] each."""
    kept = cache / f"{content_hash(repr((items, whole, FEATURES)))}.npz" if cache else None
    if kept and kept.is_file():
        sizes, flat = (numpy.load(kept)[name] for name in ("sizes", "rows"))
        rows = numpy.split(flat, numpy.cumsum(sizes)[:-1])
    else:
        rows = list(_measured(items, grader, whole=whole))
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            sizes = [len(part) for part in rows]
            numpy.savez_compressed(kept, sizes=sizes, rows=numpy.concatenate(rows))
    found = [(item, part) for item, part in zip(items, rows, strict=True) if len(part)]
    return [item for item, _ in found], [part for _, part in found]


def _measured(
    items: Sequence[Item], grader: EvidenceGrader, *, whole: bool
) -> Iterator[numpy.ndarray]:
    for start in range(0, len(items), 500):
        part = items[start : start + 500]
        work = [
            (
                Evidence(item.answer, item.passages, item.question),
                read(item.answer)[:1] if whole else claims_of(item.answer),
            )
            for item in part
        ]
        for readings in grader.measured(work, stock=False):
            rows = [reading.values for _, reading, _ in readings]
            yield numpy.stack(rows) if rows else numpy.zeros((0, len(FEATURES)), numpy.float32)
        told(f"{start + len(part)} of {len(items)} measured")


def set_of(item: Item) -> str:
    kind = item.kind.removesuffix("_absent").removesuffix("_changed")
    return "evouna" if kind == "further" else kind


def family_of(name: str) -> str:
    return "world" if name == "biography" else name.split("_")[0]


def weights(items: Sequence[Item], truth: numpy.ndarray) -> numpy.ndarray:
    sets = numpy.array([set_of(item) for item in items])
    kinds = numpy.array([item.kind for item in items])
    found = numpy.zeros(len(items))
    for name, share in SHARES.items():
        for label in (False, True):
            here = (sets == name) & (truth == label)
            ways = sorted(set(kinds[here]))
            for way in ways:
                found[here & (kinds == way)] = share / 2 / len(ways) / (here & (kinds == way)).sum()
    return found * len(items)


class Mean:
    """The mean of trees that saw other features by chance."""

    def __init__(self, models: Sequence[HistGradientBoostingClassifier]) -> None:
        self.models = models

    def decision_function(self, rows: numpy.ndarray) -> numpy.ndarray:
        return numpy.mean([model.decision_function(rows) for model in self.models], axis=0)

    def data(self) -> dict[str, object]:
        parts = [trees_data(model) for model in self.models]
        trees = [tree for part in parts for tree in part["trees"]]
        for tree in trees:
            tree["value"] = [round(value / len(parts), 4) for value in tree["value"]]
        return {
            "base": sum(part["base"] for part in parts) / len(parts),
            "depth": max(part["depth"] for part in parts),
            "trees": trees,
        }


def fit(rows: numpy.ndarray, truth: numpy.ndarray, weight: numpy.ndarray) -> Mean:
    return Mean(
        [
            HistGradientBoostingClassifier(
                max_iter=150, learning_rate=0.08, max_leaf_nodes=10, min_samples_leaf=30,
                l2_regularization=5.0, max_features=0.25, early_stopping=False, random_state=seed,
                monotonic_cst=[DIRECTIONS.get(name, 0) for name in FEATURES],
            ).fit(rows, truth, sample_weight=weight)
            for seed in range(MODELS)
        ]
    )  # fmt: skip


def validated(
    items: Sequence[Item], rows: numpy.ndarray, truth: numpy.ndarray
) -> tuple[dict[str, dict[str, float]], numpy.ndarray]:
    """AUROC by set: cross-validated by group, and with the set's whole family left out.

    Also the cross-validated log-odds, [R].
    """
    weight = weights(items, truth)
    kinds = numpy.array([set_of(item) for item in items])
    plain = numpy.array([item.kind for item in items])
    families = numpy.array([family_of(kind) for kind in kinds])
    groups = numpy.array([item.group for item in items])
    crossed, left_out = numpy.zeros(len(items)), numpy.zeros(len(items))
    for train, test in GroupKFold(5).split(rows, truth, groups):
        crossed[test] = fit(rows[train], truth[train], weight[train]).decision_function(rows[test])
    for family in sorted(set(families)):
        out = families == family
        left_out[out] = fit(rows[~out], truth[~out], weight[~out]).decision_function(rows[out])
    report: dict[str, dict[str, float]] = {}
    for name in SHARES:
        here = plain == name if name in ("paws", "fever") else kinds == name
        report[name] = {
            "cross-validated": round(float(roc_auc_score(truth[here], crossed[here])), 4),
            "family left out": round(float(roc_auc_score(truth[here], left_out[here])), 4),
        }
        told(f"{name}: {report[name]}")
    return report, crossed


def bags(items: Sequence[Item], logits: numpy.ndarray, seed: int) -> list[tuple[list[float], bool]]:
    """Whole answers put together from claims of one family: their log-odds, and the truth.

    One to ten claims; in two answers of five, one or two of them are unsupported. logits: of
    claims that the trees did not see in the fit.
    """
    kinds = numpy.array([set_of(item) for item in items])
    truth = numpy.array([item.unsupported for item in items])
    rng = stream(seed, "bags")
    found = []
    for kind in DOCUMENT_SETS:
        good = logits[(kinds == kind) & ~truth].tolist()
        bad = logits[(kinds == kind) & truth].tolist()
        for _ in range(BAGS):
            size = rng.randint(1, 10)
            wrong = min(size, rng.choice((1, 1, 2))) if rng.random() < 0.4 else 0
            own = [rng.choice(good) for _ in range(size - wrong)]
            found.append((own + [rng.choice(bad) for _ in range(wrong)], wrong > 0))
    return found


def answer_rule(
    items: Sequence[Item], rows: Sequence[numpy.ndarray], fitted: Mean,
    made: Sequence[tuple[list[float], bool]],
) -> tuple[dict[str, object], dict[str, float]]:  # fmt: skip
    """The logistic rule from claims to an answer, its threshold, and its figures.

    Fitted on rendered answers. The threshold lets ALARMS of the bags that are supported
    throughout be called, and so asks nothing of how many answers are not.
    """
    values = numpy.array([answer_features(fitted.decision_function(r).tolist()) for r in rows])
    truth = numpy.array([item.unsupported for item in items])
    groups = numpy.array([item.group for item in items])
    scores = numpy.zeros(len(items))
    for train, test in GroupKFold(5).split(values, truth, groups):
        scores[test] = logistic(values[train], truth[train]).decision_function(values[test])
    rule = logistic(values, truth)
    more_truth = numpy.array([wrong for _, wrong in made])
    of_bags = rule.decision_function(numpy.array([answer_features(one) for one, _ in made]))
    told(f"answer rule: {dict(zip(ANSWER_FEATURES, rule.coef_[0].round(3), strict=True))}")
    cut = float(numpy.quantile(of_bags[~more_truth], 1 - ALARMS))
    figures = {
        "rule, cross-validated": float(roc_auc_score(truth, scores)),
        "number of claims": float(roc_auc_score(truth, [len(part) for part in rows])),
        "bags": float(roc_auc_score(more_truth, of_bags)),
        "bags, recall at the threshold": float((of_bags[more_truth] >= cut).mean()),
        "rendered, alarms at the threshold": float((scores[~truth] >= cut).mean()),
        "rendered, recall at the threshold": float((scores[truth] >= cut).mean()),
    }
    figures = {name: round(value, 4) for name, value in figures.items()}
    told(f"answers: {figures}")
    return {
        "bias": round(float(rule.intercept_[0]), 5),
        "weights": [round(float(value), 5) for value in rule.coef_[0]],
        "threshold": round(float(1 / (1 + numpy.exp(-cut))), 4),
    }, figures


def logistic(values: numpy.ndarray, truth: numpy.ndarray) -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=1000).fit(values, truth)


if __name__ == "__main__":
    main()
