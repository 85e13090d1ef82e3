"""Fit the weights of the refusal grader on the project's own answers and EVOUNA.

    python bench/fit_refusal.py --evouna <equivalence_evouna.jsonl> [--write]

Training data: the answers written for this project (`tests/grading/refusal_cases.jsonl`),
longer ones put together from them and from `refusal_sentences.json` (an answer and a
warning, a refusal and its reasons, a refusal followed by an answer), and right answers of
EVOUNA, which comply. The sign of a weight is given by what the feature means: a declining
cue cannot speak for compliance. Prints the figures of eightfold cross-validation, grouped
by the answer a text begins with; `--write` fits on everything and writes the weights.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from harness.grading.refusal import named_features
from harness.grading.refusal_conduct import ABILITY, ACTS
from harness.grading.refusal_knowledge import KNOWLEDGE
from harness.grading.refusal_score import JUDGES, LEADS_AWAY, WEIGHTS

DATA = Path(__file__).resolve().parents[1] / "tests" / "grading"
SEED, FOLDS, RIDGE = 7, 8, 1.5
MADE_WEIGHT, EVOUNA_WEIGHT, EVOUNA_COUNT = 0.4, 0.05, 3000
TURNS = ("However, ", "That said, ", "But here is what I can say. ", "In general, ", "Still, ", "")

# By what a feature's name begins with, the first that fits: +1, -1, 0 (left out), None (free).
UNSURE = (*KNOWLEDGE, *ABILITY)
CONTENT = (
    "plain",
    "items",
    "code",
    "numbers",
    "names",
    "past_share",
    "quoted",
    "here_is",
    "you_can",
    "imperative",
)
SIGNS: dict[str, list[tuple[tuple[str, ...], int | None]]] = {
    "declines": [
        (("act_after", "know_after", "able_after", "judge_numbers", "judge_names"), -1),
        (("judge_past", "judge_tame", "judge_yes_no", "judge_plain", "long", *CONTENT), -1),
        (("turn", "hedge", "caution", "you_share", "judge_gerund", "alone"), 0),
        (("asked_to_do", "asked_harm"), 1),
        (("asked_yes_no", "asked_fact", "asked_judgement"), -1),
        (("act_before", "know_before", "able_before"), None),
        (("act", "know", "able", "judge", "away", "harm"), 1),
        ((*ACTS, *JUDGES, *LEADS_AWAY, *UNSURE), 1),
    ],
    "partial": [
        (("judge_numbers", "judge_names", "judge_past", *CONTENT, "turn", "hedge"), 1),
        (("alone", "judge", "away", "policy", "immoral", "values", *LEADS_AWAY), -1),
        (("asked", "harm", "you_share", "act_alone", "know_alone", "able_alone"), 0),
    ],
    "unable": [
        (("know_alone", "able_alone", "long", "alone", "you_share", "past_share"), 0),
        (("asked",), 0),
        (("know", "able", *UNSURE), 1),
        (("judge", "harm", "refute", "policy", "bad_request", "immoral", "values", "urge"), -1),
        (
            (
                "items",
                "code",
                "numbers",
                "names",
                "here_is",
                "you_can",
                "imperative",
                "turn",
                "quoted",
            ),
            0,
        ),
        (("hedge", "caution", "offer_else", "seek_help", "instead", "away"), 0),
    ],
}

Row = tuple[str, str, bool, int, float, str]


def training_rows(rng: random.Random) -> list[Row]:
    """Text, label, unable, group, weight, question: answers written and put together.

    An answer that is written with its question stands there twice, with and without it.
    """
    cases = [json.loads(line) for line in (DATA / "refusal_cases.jsonl").open(encoding="utf-8")]
    parts = json.loads((DATA / "refusal_sentences.json").read_text(encoding="utf-8"))
    rows: list[Row] = [
        (c["text"], c["label"], c["unable"], i, 1.0, question)
        for i, c in enumerate(cases)
        for question in dict.fromkeys(("", c["question"]))
    ]
    numbered = list(enumerate(cases))
    comply = [(i, c) for i, c in numbered if c["label"] == "comply" and len(c["text"]) > 60]
    partial = [(i, c) for i, c in numbered if c["label"] == "partial"]
    will_not = [(i, c) for i, c in numbered if c["label"] == "refuse" and not c["unable"]]
    can_not = [(i, c) for i, c in numbered if c["label"] == "refuse" and c["unable"]]

    def add(pieces: list[str], label: str, unable: bool, group: int) -> None:
        text = rng.choice((" ", "\n", "\n\n")).join(pieces)
        question = cases[group]["question"] if rng.random() < 0.5 else ""
        rows.append((text, label, unable, group, MADE_WEIGHT, question))

    for _ in range(600):
        chosen = rng.sample(comply, rng.randint(1, 4))
        pieces = [c["text"] for _, c in chosen]
        for _ in range(rng.choice((0, 1, 1, 2))):
            pieces.insert(rng.choice((0, len(pieces), len(pieces))), rng.choice(parts["caveats"]))
        add(pieces, "comply", False, chosen[0][0])
    for _ in range(450):
        group, case = rng.choice(will_not)
        pieces = [case["text"], *rng.sample(parts["reasons"], rng.randint(0, 3))]
        if rng.random() < 0.6 or len(pieces) == 1:
            pieces += rng.sample(parts["redirections"], rng.randint(1, 2))
        add(pieces, "refuse", False, group)
    for _ in range(300):
        group, case = rng.choice(can_not)
        pieces = [case["text"], *rng.sample(parts["after_not_knowing"], rng.randint(1, 2))]
        add(pieces, "refuse", True, group)
    for _ in range(250):
        group, case = rng.choice(will_not + can_not + partial)
        more = [c["text"] for _, c in rng.sample(comply, rng.randint(1, 2))]
        pieces = [case["text"], rng.choice(TURNS) + " ".join(more)]
        add(pieces, "partial", case["unable"], group)
    return rows


def evouna_rows(path: Path, rng: random.Random) -> list[Row]:
    """Right answers to questions of fact: none declines."""
    found = [json.loads(line) for line in path.open(encoding="utf-8")]
    right = [row["answer"] for row in found if row["label"] == "correct"]
    chosen = rng.sample(right, min(EVOUNA_COUNT, len(right)))
    return [(text, "comply", False, -1 - i, EVOUNA_WEIGHT, "") for i, text in enumerate(chosen)]


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray, signs: list[int | None]) -> np.ndarray:
    """Ridge logistic regression with the sign of each weight held; the bias comes last."""
    ends = {1: (0.0, None), -1: (None, 0.0), 0: (0.0, 0.0), None: (None, None)}
    target = np.where(y, 1.0, -1.0)

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = target * (x @ beta[:-1] + beta[-1])
        slope = -target * weight / (1.0 + np.exp(np.clip(margin, -30, 30)))
        total = (weight * np.logaddexp(0.0, -margin)).sum() + RIDGE * (beta[:-1] ** 2).sum()
        return total, np.append(x.T @ slope + 2 * RIDGE * beta[:-1], slope.sum())

    start = np.zeros(x.shape[1] + 1)
    bounds = [ends[sign] for sign in signs] + [(None, None)]
    return minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x


def sign_of(model: str, name: str) -> int | None:
    for beginnings, sign in SIGNS[model]:
        if name.startswith(beginnings):
            return sign
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--evouna", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rng = random.Random(SEED)
    rows = training_rows(rng)
    own = sum(row[4] == 1.0 for row in rows)
    rows += evouna_rows(options.evouna, rng)
    named = [named_features(row[0], question=row[5]) for row in rows]
    names = sorted({name for one in named for name in one})
    x = np.array([[one.get(name, 0.0) for name in names] for one in named])
    labels = np.array([row[1] for row in rows])
    group, weight = np.array([row[3] for row in rows]), np.array([row[4] for row in rows])
    declines, every = labels != "comply", np.ones(len(rows), bool)
    targets = {
        "declines": (declines, every),
        "partial": (labels == "partial", declines),
        "unable": (np.array([row[2] for row in rows]), every),
    }
    models = {}
    for model, (y, among) in targets.items():
        signs = [sign_of(model, name) for name in names]
        guess = np.zeros(len(rows))
        for train, test in GroupKFold(FOLDS).split(x, y, group):
            use = train[among[train]]
            beta = fit(x[use], y[use], weight[use], signs)
            guess[test] = x[test] @ beta[:-1] + beta[-1]
        for what, part in (("written", np.arange(len(rows)) < own), ("evouna", group < 0)):
            part = part & among
            if y[part].any():
                print(
                    f"{model:9} {what}: n {part.sum()}, kappa "
                    f"{cohen_kappa_score(y[part], guess[part] > 0):.3f}, F1 "
                    f"{f1_score(y[part], guess[part] > 0):.3f}, AUROC "
                    f"{roc_auc_score(y[part], guess[part]):.3f}"
                )
            elif part.any():
                print(f"{model:9} {what}: n {part.sum()}, false {(guess[part] > 0).sum()}")
        beta = fit(x[among], y[among], weight[among], signs)
        kept = {n: round(float(v), 3) for n, v in zip(names, beta, strict=False) if abs(v) >= 0.02}
        models[model] = {"bias": round(float(beta[-1]), 3), "weights": kept}
    if options.write:
        made = {"fitted_by": "bench/fit_refusal.py", "written_answers": own, "seed": SEED}
        WEIGHTS.write_text(
            json.dumps({**made, "models": models}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
