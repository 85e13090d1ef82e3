"""Fit the weights of the refusal grader on the project's own answers and EVOUNA.

    python bench/fit_refusal.py --evouna <equivalence_evouna.jsonl>
        [--prose <controls_paws.jsonl> <controls_fever_symmetric.jsonl>] [--fast] [--write]

Training data: the answers written for this project (`tests/grading/refusal_cases.jsonl`),
longer ones put together from them and from `refusal_sentences.json` (an answer and a
warning, a refusal and its reasons, a refusal followed by an answer), answers in sixteen
voices (`refusal_voices.py`), and, as answers that comply, right answers of EVOUNA and
statements of PAWS and FEVER-symmetric. The sign of a cue's weight is given by what the
feature means: a declining cue cannot speak for compliance. Words may weigh either way.

Prints the figures of eightfold cross-validation, grouped by the answer or the matter that a
text begins with, and sets the thresholds there; then those of voices that were left out
together with half of the matters. `--write` fits on everything and writes the weights.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from refusal_voices import voices
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from harness.grading.refusal.conduct import ABILITY, ACTS
from harness.grading.refusal.knowledge import KNOWLEDGE
from harness.grading.refusal.refusals import named_features
from harness.grading.refusal.score import JUDGES, LEADS_AWAY, MODELS, WEIGHTS
from harness.grading.refusal.words import FIRST, SHARE

DATA = Path(__file__).resolve().parents[1] / "tests" / "grading"
SEED, FOLDS, RIDGE = 7, 8, 1.5
WORD_RIDGE, WORD_GROUPS = 2.0, 3  # a word counts that so many answers or matters have
MADE_WEIGHT, EVOUNA_WEIGHT, EVOUNA_COUNT = 0.4, 0.05, 3000
VOICE_WEIGHT, PER_VOICE, PROSE_COUNT = 0.5, 3, 1500
LEAST_CUE, LEAST_WORD = 0.02, 0.03  # smaller weights are left out
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

Row = tuple[str, str, bool, int, float, str, str]


def training_rows(rng: random.Random) -> list[Row]:
    """Text, label, unable, group, weight, question, source: answers written and put together.

    An answer that is written with its question stands there twice, with and without it.
    """
    cases = [json.loads(line) for line in (DATA / "refusal_cases.jsonl").open(encoding="utf-8")]
    parts = json.loads((DATA / "refusal_sentences.json").read_text(encoding="utf-8"))
    rows: list[Row] = [
        (c["text"], c["label"], c["unable"], i, 1.0, question, "written")
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
        rows.append((text, label, unable, group, MADE_WEIGHT, question, "made"))

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
    return rows + list(voice_rows(len(cases), rng))


def voice_rows(first_group: int, rng: random.Random) -> Iterator[Row]:
    """Answers in many voices; a matter is a group. Half of them know their question."""
    groups: dict[str, int] = {}
    for said in voices(PER_VOICE, rng):
        group = first_group + groups.setdefault(said.topic, len(groups))
        question = said.question if rng.random() < 0.5 else ""
        yield said.text, said.label, said.unable, group, VOICE_WEIGHT, question, said.voice


def evouna_rows(path: Path, rng: random.Random) -> list[Row]:
    """Right answers to questions of fact: none declines."""
    found = [json.loads(line) for line in path.open(encoding="utf-8")]
    right = [row["answer"] for row in found if row["label"] == "correct"]
    chosen = rng.sample(right, min(EVOUNA_COUNT, len(right)))
    return [
        (text, "comply", False, -1 - i, EVOUNA_WEIGHT, "", "evouna")
        for i, text in enumerate(chosen)
    ]


def prose_rows(paths: Sequence[Path], rng: random.Random) -> list[Row]:
    """One to five statements of fact in a row: none declines."""
    found = [json.loads(line) for path in paths for line in path.open(encoding="utf-8")]
    known = sorted({row.get("a") or row["passage"] for row in found})
    count = PROSE_COUNT if known else 0
    texts = [" ".join(rng.sample(known, rng.choice((1, 2, 3, 5)))) for _ in range(count)]
    return [
        (text, "comply", False, -1 - EVOUNA_COUNT - i, EVOUNA_WEIGHT, "", "prose")
        for i, text in enumerate(texts)
    ]


class Problem:
    """All rows as a sparse matrix of features; fits and guesses for one model at a time."""

    def __init__(self, rows: Sequence[Row]) -> None:
        named = [named_features(row[0], question=row[5]) for row in rows]
        self.names = _kept_names(rows, named)
        place = {name: i for i, name in enumerate(self.names)}
        seen = [
            (i, place[n], v) for i, one in enumerate(named) for n, v in one.items() if n in place
        ]
        at, columns, values = zip(*seen, strict=True)
        self.x = csr_matrix((values, (at, columns)), shape=(len(rows), len(place)))
        self.weight = np.array([row[4] for row in rows])
        words = np.array([_is_word(name) for name in self.names])
        self._ridge = np.where(words, WORD_RIDGE, RIDGE)

    def fit(self, model: str, y: np.ndarray, use: np.ndarray) -> np.ndarray:
        """Ridge logistic regression with the signs of cues held; the bias comes last."""
        ends = {1: (0.0, None), -1: (None, 0.0), 0: (0.0, 0.0), None: (None, None)}
        x, weight = self.x[use], self.weight[use]
        turned = x.T.tocsr()
        target = np.where(y[use], 1.0, -1.0)

        def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
            margin = target * (x @ beta[:-1] + beta[-1])
            slope = -target * weight / (1.0 + np.exp(np.clip(margin, -30, 30)))
            held = self._ridge * beta[:-1]
            total = (weight * np.logaddexp(0.0, -margin)).sum() + (held * beta[:-1]).sum()
            return total, np.append(turned @ slope + 2 * held, slope.sum())

        signs = [None if _is_word(name) else sign_of(model, name) for name in self.names]
        bounds = [ends[sign] for sign in signs] + [(None, None)]
        start = np.zeros(len(bounds))
        return minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x

    def guess(self, beta: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.x[rows] @ beta[:-1] + beta[-1]


def _is_word(name: str) -> bool:
    return name.startswith((FIRST, SHARE))


def _kept_names(rows: Sequence[Row], named: Sequence[Mapping[str, float]]) -> list[str]:
    """All cues, and the words of enough groups."""
    groups: dict[str, set[int]] = defaultdict(set)
    for row, one in zip(rows, named, strict=True):
        for name in one:
            if not _is_word(name):
                groups[name].update(range(WORD_GROUPS))
            elif row[3] >= 0:
                groups[name].add(row[3])
    return sorted(name for name, seen in groups.items() if len(seen) >= WORD_GROUPS)


def sign_of(model: str, name: str) -> int | None:
    for beginnings, sign in SIGNS[model]:
        if name.startswith(beginnings):
            return sign
    return None


def told(what: str, y: np.ndarray, guess: np.ndarray) -> None:
    if not y.any():
        print(f"{what}: n {len(y)}, false {(guess > 0).sum()}")
        return
    print(
        f"{what}: n {len(y)}, kappa {cohen_kappa_score(y, guess > 0):.3f}, F1 "
        f"{f1_score(y, guess > 0):.3f}, AUROC {roc_auc_score(y, guess):.3f}"
    )


def cross_validate(
    problem: Problem, model: str, y: np.ndarray, among: np.ndarray, rows: Sequence[Row]
) -> float:
    """Print how the model does on groups that it was not fitted on; returns its threshold.

    The threshold is where the written answers, without their questions, are as often taken
    for declining by mistake as they are missed.
    """
    group, source = np.array([row[3] for row in rows]), np.array([row[6] for row in rows])
    guess = np.zeros(len(rows))
    for train, test in GroupKFold(FOLDS).split(problem.x, y, group):
        guess[test] = problem.guess(problem.fit(model, y, train[among[train]]), test)
    alone = among & (source == "written") & np.array([not row[5] for row in rows])
    threshold = float(np.sort(guess[alone])[-(y[alone].sum() + 1)])
    for what in ("written", "evouna", "prose"):
        part = among & (source == what)
        if part.any():
            told(f"{model:9} {what}", y[part], guess[part] - threshold)
    return threshold


def leave_voices_out(
    problem: Problem, model: str, y: np.ndarray, among: np.ndarray, rows: Sequence[Row]
) -> None:
    """Print how the model does on voices, and matters, that it was not fitted on."""
    group, source = np.array([row[3] for row in rows]), np.array([row[6] for row in rows])
    guess = np.zeros(len(rows))
    in_voice = ~np.isin(source, ["written", "made", "evouna", "prose"])
    known = sorted(set(source[in_voice]))
    tested = np.zeros(len(rows), bool)
    for part in range(4):
        chosen = in_voice & np.isin(source, known[part::4])
        for half in range(2):
            test = chosen & (group % 2 == half) & among
            train = among & ~(chosen | (in_voice & (group % 2 == half)))
            guess[test] = problem.guess(problem.fit(model, y, train), test)
            tested |= test
    told(f"{model:9} voices left out", y[tested], guess[tested])


def written_out(problem: Problem, betas: Mapping[str, np.ndarray]) -> dict[str, object]:
    """The weights as the grader reads them: cues by model, words with one row for all models."""
    models: dict[str, object] = {}
    words: dict[str, list[float]] = defaultdict(lambda: [0.0] * (2 * len(MODELS)))
    for at, model in enumerate(MODELS):
        cues: dict[str, float] = {}
        for name, value in zip(problem.names, betas[model], strict=False):
            if _is_word(name):
                if abs(value) >= LEAST_WORD:
                    later = len(MODELS) * name.startswith(SHARE)
                    words[name[len(FIRST) :]][at + later] = round(float(value), 2)
            elif abs(value) >= LEAST_CUE:
                cues[name] = round(float(value), 3)
        models[model] = {"bias": round(float(betas[model][-1]), 3), "weights": cues}
    return {"models": models, "words": dict(sorted(words.items()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--evouna", type=Path, required=True)
    parser.add_argument("--prose", type=Path, nargs="*", default=[])
    parser.add_argument("--fast", action="store_true", help="no voices left out")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rng = random.Random(SEED)
    rows = training_rows(rng)
    counts = {
        "written_answers": sum(row[6] == "written" and not row[5] for row in rows),
        "answers_in_voices": sum(row[4] == VOICE_WEIGHT for row in rows),
    }
    rows += evouna_rows(options.evouna, rng) + prose_rows(options.prose, rng)
    problem = Problem(rows)
    labels = np.array([row[1] for row in rows])
    declines, every = labels != "comply", np.ones(len(rows), bool)
    targets = {
        "declines": (declines, every),
        "partial": (labels == "partial", declines),
        "unable": (np.array([row[2] for row in rows]), every),
    }
    betas = {}
    for model, (y, among) in targets.items():
        threshold = cross_validate(problem, model, y, among, rows)
        if not options.fast:
            leave_voices_out(problem, model, y, among, rows)
        betas[model] = problem.fit(model, y, among)
        betas[model][-1] -= threshold
    if options.write:
        made = {"fitted_by": "bench/fit_refusal.py", **counts, "seed": SEED}
        text = json.dumps(made | written_out(problem, betas), ensure_ascii=False, indent=1)
        WEIGHTS.write_text(_one_row_a_word(text) + "\n", encoding="utf-8")


def _one_row_a_word(text: str) -> str:
    return re.sub(
        r"\[\n\s+([^\]\[{}\"]*?)\n\s+\]", lambda m: "[" + re.sub(r"\s+", "", m[1]) + "]", text
    )


if __name__ == "__main__":
    main()
