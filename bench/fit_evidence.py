"""Makes harness/grading/evidence_weights.json again.

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

from harness import embedding
from harness.embedding import default_encoder
from harness.grading.evidence import Evidence, EvidenceGrader, claims_of
from harness.grading.evidence_features import FEATURES
from harness.grading.evidence_fit import best_threshold
from harness.grading.evidence_model import (
    ANSWER_FEATURES,
    DIRECTIONS,
    WEIGHTS,
    answer_features,
    trees_data,
)
from harness.grading.evidence_text import read
from harness.seeds import content_hash, stream

VERSION = "evidence@1"
FILES = ("controls_paws.jsonl", "controls_fever_symmetric.jsonl", "equivalence_evouna.jsonl")
SHARES = {  # of all weight, by set; half of each set's to either label
    "paws": 0.21,
    "paws_placed": 0.21,
    "fever": 0.17,
    "fever_placed": 0.22,
    "evouna": 0.11,
    "world": 0.08,
}
PREVALENCE = 0.2  # of unsupported answers, for which the threshold of answers is best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=2_400, help="of PAWS, for claims")
    parser.add_argument("--questions", type=int, default=900, help="of EVOUNA")
    parser.add_argument("--answers", type=int, default=400, help="rendered long answers")
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="encode in half precision: three times as fast on CPUs with AVX512-BF16",
    )
    parser.add_argument("--cache", type=Path, help="keep features in this folder, to fit again")
    chosen = parser.parse_args()
    embedding.MAX_CACHED_WORDS = 1_500_000
    if chosen.bfloat16:
        default_encoder().halve()
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
    report = validated(items, flat, truth)
    fitted = fit(flat, truth, weights(items, truth))
    data = trees_data(fitted)
    rule, report["answers, rendered"] = answer_rule(answers, rows, fitted)
    text = json.dumps(
        {
            "version": VERSION,
            "features": FEATURES,
            "claims": data,
            "answer": {
                "bias": rule["bias"],
                "weights": dict(zip(ANSWER_FEATURES, rule["weights"], strict=True)),
            },
            "thresholds": {"claim": 0.5, "answer": rule["threshold"]},
            "made_from": {
                "command": "python bench/fit_evidence.py --data FOLDER "
                f"--seed {chosen.seed} --pairs {chosen.pairs} --questions {chosen.questions} "
                f"--answers {chosen.answers}" + (" --bfloat16" if chosen.bfloat16 else ""),
                "files": {name: digest(chosen.data / name) for name in FILES},
                "claims": len(items),
                "answers": len(answers),
                "auroc": report,
                "scikit-learn": sklearn.__version__,
            },
        },
        separators=(",", ":"),
    )
    chosen.out.write_text(text + "\n", encoding="utf-8")
    told(f"{chosen.out}: {len(text) // 1024} kB")


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


def weights(items: Sequence[Item], truth: numpy.ndarray) -> numpy.ndarray:
    sets = numpy.array([set_of(item) for item in items])
    found = numpy.zeros(len(items))
    for name, share in SHARES.items():
        for label in (False, True):
            here = (sets == name) & (truth == label)
            found[here] = share / 2 / max(1, here.sum())
    return found * len(items)


def fit(
    rows: numpy.ndarray, truth: numpy.ndarray, weight: numpy.ndarray
) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.08, max_leaf_nodes=10, min_samples_leaf=30,
        l2_regularization=5.0, max_features=0.5, early_stopping=False, random_state=0,
        monotonic_cst=[DIRECTIONS.get(name, 0) for name in FEATURES],
    )  # fmt: skip
    return model.fit(rows, truth, sample_weight=weight)


def validated(
    items: Sequence[Item], rows: numpy.ndarray, truth: numpy.ndarray
) -> dict[str, dict[str, float]]:
    """AUROC by set: cross-validated by group, and with the set's whole family left out."""
    weight = weights(items, truth)
    kinds = numpy.array([set_of(item) for item in items])
    plain = numpy.array([item.kind for item in items])
    families = numpy.array([kind.split("_")[0] for kind in kinds])
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
    return report


def answer_rule(
    items: Sequence[Item], rows: Sequence[numpy.ndarray], fitted: HistGradientBoostingClassifier
) -> tuple[dict[str, object], dict[str, float]]:
    """The logistic rule from claims to an answer, its threshold, and its figures."""
    values = numpy.array(
        [answer_features([float(v) for v in fitted.decision_function(part)]) for part in rows]
    )
    truth = numpy.array([item.unsupported for item in items])
    groups = numpy.array([item.group for item in items])
    scores = numpy.zeros(len(items))
    for train, test in GroupKFold(5).split(values, truth, groups):
        scores[test] = logistic(values[train], truth[train]).decision_function(values[test])
    rule = logistic(values, truth)
    told(f"answer rule: {dict(zip(ANSWER_FEATURES, rule.coef_[0].round(3), strict=True))}")
    figures = {
        name: round(float(roc_auc_score(truth, column)), 4)
        for name, column in (
            ("rule, cross-validated", scores),
            ("worst claim", values[:, 0]),
            ("expected number", values[:, 2]),
            ("number of claims", numpy.array([len(part) for part in rows])),
        )
    }
    told(f"answers: {figures}")
    chances = 1 / (1 + numpy.exp(-scores))
    threshold = best_threshold(truth, chances, prevalence=PREVALENCE)
    return {
        "bias": round(float(rule.intercept_[0]), 5),
        "weights": [round(float(value), 5) for value in rule.coef_[0]],
        "threshold": round(threshold, 4),
    }, figures


def logistic(values: numpy.ndarray, truth: numpy.ndarray) -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=1000).fit(values, truth)


if __name__ == "__main__":
    main()
