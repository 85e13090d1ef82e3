"""Fit the equivalence grader's weights and print how good they are.

    python bench/fit_equivalence.py --data FOLDER [--vectors FILE] [--questions N] [--dry-run]

FOLDER holds equivalence_evouna.jsonl (fields question, gold, answer, label, set), which is
fitted on, and equivalence_nq301.jsonl, which is only measured on. Agreement and AUROC on
EVOUNA come from five folds grouped by question, so no question is scored by weights that saw
it. Pairs are two answers to one question: both right, the same; one right, different; none
right, left out. Features of all answers are standardised together; both models are logistic
regressions with the same fixed penalty. Writes harness/grading/equivalence/weights.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from harness.encoder.embedding import default_encoder
from harness.grading.equivalence.features import NAMES, vector
from harness.grading.equivalence.grader import (
    GRADER,
    RULED,
    SAME,
    WEIGHTS,
    Compared,
    comparison_of,
    pair_of,
)

PENALTY = 0.3  # scikit-learn's C
FOLDS = 5
DIGITS = 6
BLOCK = 2048


class KeptVectors:
    """Vectors of texts by text, kept in a NumPy file between fits (float16)."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, np.ndarray] = {}
        if path and path.is_file():
            with np.load(path) as kept:
                self.known = dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True))

    def add(self, texts: Iterable[str]) -> None:
        fresh = sorted({text for text in texts if text not in self.known}, key=len)
        for start in range(0, len(fresh), BLOCK):
            block = fresh[start : start + BLOCK]
            rows = default_encoder().encode(block).astype(np.float16)
            self.known.update(zip(block, rows, strict=True))
            print(f"encoded {start + len(block):,} of {len(fresh):,}", flush=True)
            self._keep()

    def _keep(self) -> None:
        if self.path:
            texts, rows = list(self.known), np.stack(list(self.known.values()))
            np.savez(self.path, texts=np.array(texts), vectors=rows)

    def __getitem__(self, text: str) -> np.ndarray:
        return self.known[text].astype(np.float32)


class Table:
    """Items with features [N, F], label [N], question [N], set [N], ruling [N] (-1: none)."""

    def __init__(
        self, found: Sequence[Compared], labels: Sequence[bool], rows: Sequence[dict[str, Any]]
    ) -> None:
        self.found = found
        self.label = np.array(labels)
        self.question = np.array([row["question"] for row in rows])
        self.set = np.array([row.get("set", "") for row in rows])
        self.ruling = np.array([-1 if one.ruling is None else one.ruling.same for one in found])
        self.features = np.empty((0, len(NAMES)))

    def featurise(self, vectors: KeptVectors) -> Table:
        vectors.add(text for one in self.found if one.comparison for text in one.comparison.texts)
        self.features = np.array(
            [
                vector(one.comparison, vectors) if one.comparison else [0.0] * len(NAMES)
                for one in self.found
            ]
        )
        return self


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, help="keeps sentence vectors between fits")
    parser.add_argument("--questions", type=int, help="every n-th question only, for trials")
    parser.add_argument("--dry-run", action="store_true", help="print figures, write nothing")
    options = parser.parse_args()
    evouna = read_rows(options.data / "equivalence_evouna.jsonl", options.questions)
    nq301 = read_rows(options.data / "equivalence_nq301.jsonl")
    vectors = KeptVectors(options.vectors)
    right, held = (answers(rows).featurise(vectors) for rows in (evouna, nq301))
    same, held_pairs = (pairs(rows).featurise(vectors) for rows in (evouna, nq301))
    figures: dict[str, Any] = {}
    for name, table, other in (("right", right, held), ("same", same, held_pairs)):
        figures[name] = {
            **cross_validated(table),
            "nq301, not fitted": measure(other.label, predict(fit(table), other)),
        }
    print(json.dumps(figures, indent=2))
    if options.dry_run:
        return
    data = {
        "grader": GRADER,
        "fitted_on": "EVOUNA (NQ, TriviaQA)",
        "features": list(NAMES),
        "right": weights(fit(right)),
        "same": weights(fit(same)),
        "figures": figures,
    }
    WEIGHTS.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(WEIGHTS)


def read_rows(path: Path, every: int | None = None) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if every:
        kept = set(sorted({row["question"] for row in rows})[::every])
        rows = [row for row in rows if row["question"] in kept]
    return rows


def answers(rows: Sequence[dict[str, Any]]) -> Table:
    found = [comparison_of(row["question"], row["gold"], str(row["answer"])) for row in rows]
    return Table(found, [row["label"] == "correct" for row in rows], rows)


def pairs(rows: Sequence[dict[str, Any]]) -> Table:
    by_question: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_question.setdefault(row["question"], []).append(row)
    found, labels, kept = [], [], []
    for question, group in by_question.items():
        for a, b in combinations(group, 2):
            rights = [row["label"] == "correct" for row in (a, b)]
            if any(rights):
                found.append(pair_of(str(a["answer"]), str(b["answer"]), question))
                labels.append(all(rights))
                kept.append(a)
    return Table(found, labels, kept)


def fit(table: Table, chosen: np.ndarray | None = None) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    use = table.ruling == -1
    if chosen is not None:
        use = use & chosen
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=5000))
    return model.fit(table.features[use], table.label[use])


def predict(model: Any, table: Table) -> np.ndarray:
    scores = model.predict_proba(table.features)[:, 1]
    return np.where(table.ruling == -1, scores, np.abs(table.ruling - RULED))


def cross_validated(table: Table) -> dict[str, Any]:
    from sklearn.model_selection import GroupKFold

    scores = np.zeros(len(table.label))
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    for seen, unseen in folds.split(table.features, table.label, table.question):
        chosen = np.zeros(len(scores), dtype=bool)
        chosen[seen] = True
        scores[unseen] = predict(fit(table, chosen), table)[unseen]
    found = {}
    for name in sorted(set(table.set)):
        part = table.set == name
        found[f"evouna {name}, cross-validated"] = measure(table.label[part], scores[part])
        ruled = part & (table.ruling >= 0)
        found[f"evouna {name}, cross-validated"]["ruled"] = round(
            float(ruled.sum() / part.sum()), 4
        )
    return found


def measure(label: np.ndarray, score: np.ndarray) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    agreement = np.mean((score >= SAME) == label)
    return {
        "n": len(label),
        "agreement": round(float(agreement), 4),
        "auroc": round(float(roc_auc_score(label, score)), 4),
        "share same": round(float(label.mean()), 4),
    }


def weights(model: Any) -> dict[str, Any]:
    scaler, regression = model[0], model[1]
    return {
        "mean": np.round(scaler.mean_, DIGITS).tolist(),
        "scale": np.round(scaler.scale_, DIGITS).tolist(),
        "coefficient": np.round(regression.coef_[0], DIGITS).tolist(),
        "intercept": round(float(regression.intercept_[0]), DIGITS),
    }


if __name__ == "__main__":
    main()
