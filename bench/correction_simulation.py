"""Coverage of the 95% intervals of corrected rates, on simulated reviews whose truth is known.

    python bench/correction_simulation.py [--repetitions 2000] [--labels 200] [--method two-phase]

Clusters of 20 answers; the chance of a hallucination is Beta-distributed over clusters with
the true rate as its mean and the intra-cluster correlation given; the grader is right with
its sensitivity and specificity. Half of the labels are drawn from the answers that it called
hallucinated (all of them where they are fewer), the rest from the others. "two-phase": the
labels are of the answers themselves; "Rogan-Gladen": of another run of the same size whose
true rate is 30%. Prints Markdown tables: coverage, share of intervals below and above the
truth, mean estimate and width, limits outside 0 to 1, reviews that could not be corrected,
and whether coverage is within 93 to 97.5% (for the second table: at least 93%).
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np

from harness.core.seeds import derive_seed
from harness.stats.correction import (
    Answers,
    Corrected,
    Labels,
    accuracy,
    observed,
    rogan_gladen,
    two_phase,
)

RATES = (0.02, 0.1, 0.5)
GRADERS = ((0.95, 0.98), (0.85, 0.95), (0.98, 0.90))  # sensitivity, specificity
# clusters, their size, correlation within them; the last is as large as a whole audit
SHAPES = ((60, 20, 0.0), (60, 20, 0.1), (60, 20, 0.2), (40, 30, 0.1), (300, 40, 0.2))
OTHER_RATE = 0.3  # of the run that the labels of Rogan-Gladen are of
LEAST, MOST = 0.93, 0.975
METHODS = {"two-phase": MOST, "Rogan-Gladen": 1.0}  # and the most that is aimed at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method", choices=METHODS, help="Only this one of the two.")
    options = parser.parse_args()
    print(f"{options.repetitions:,} reviews of {options.labels} labels each; simulation error of a "
          f"coverage of 95%: {np.sqrt(0.05 * 0.95 / options.repetitions):.2%}\n")  # fmt: skip
    for method, most in METHODS.items():
        if options.method not in (None, method):
            continue
        print(f"## {method}\n")
        print("| clusters, size, correlation | rate | se, sp | coverage | below | above | mean | "
              "width | outside | not corrected | met |")  # fmt: skip
        print("| --- " * 11 + "|")
        missed = cases = 0
        for shape, rate, grader in itertools.product(SHAPES, RATES, GRADERS):
            found = cover(method, rate, grader, shape, options.labels, options.repetitions,
                          options.seed)  # fmt: skip
            met = LEAST <= found["coverage"] <= most and not found["outside"]
            missed, cases = missed + (not met), cases + 1
            print(f"| {shape[0]}, {shape[1]}, {shape[2]} | {rate:.0%} | {grader[0]}, {grader[1]} | "
                  f"{found['coverage']:.1%} | {found['below']:.1%} | {found['above']:.1%} | "
                  f"{found['mean']:.3f} | {found['width']:.3f} | {found['outside']:.0f} | "
                  f"{found['failed']:.1%} | {'yes' if met else 'NO'} |", flush=True)  # fmt: skip
        print(f"\n{missed} of {cases} miss the aim.\n")


def draw(
    rng: np.random.Generator, rate: float, grader: tuple[float, float],
    shape: tuple[int, int, float],
) -> tuple[Answers, np.ndarray]:  # fmt: skip
    """A run of answers, and the truth of each."""
    clusters, size, correlation = shape
    chance = np.full(clusters, rate)
    if correlation:
        total = 1 / correlation - 1
        chance = rng.beta(rate * total, (1 - rate) * total, clusters)
    truth = (rng.random((clusters, size)) < chance[:, None]).ravel()
    right = rng.random(truth.size) < np.where(truth, grader[0], grader[1])
    answers = Answers(
        said=np.where(right, truth, ~truth),
        weight=np.ones(truth.size),
        cluster=np.repeat(np.arange(clusters), size),
    )
    return answers, truth


def review(rng: np.random.Generator, answers: Answers, truth: np.ndarray, labels: int) -> Labels:
    """Half of the labels from what the grader called hallucinated, as far as there is any."""
    strata = [np.flatnonzero(answers.said), np.flatnonzero(~answers.said)]
    first = min(max(labels // 2, labels - len(strata[1])), len(strata[0]))
    counts = first, min(labels - first, len(strata[1]))
    drawn = [rng.choice(of, n, replace=False) for of, n in zip(strata, counts, strict=True)]
    weights = [np.full(n, len(of) / max(n, 1)) for of, n in zip(strata, counts, strict=True)]
    chosen = np.concatenate(drawn)
    return Labels(
        said=answers.said[chosen],
        truth=truth[chosen].astype(float),
        weight=np.concatenate(weights),
        cluster=answers.cluster[chosen],
    )


def corrected(
    rng: np.random.Generator, method: str, rate: float, grader: tuple[float, float],
    shape: tuple[int, int, float], labels: int,
) -> Corrected | None:  # fmt: skip
    """One simulated review; None where the rate cannot be corrected."""
    answers, truth = draw(rng, rate, grader, shape)
    if method == "two-phase":
        found = two_phase(answers, review(rng, answers, truth, labels))
    else:
        others, known = draw(rng, OTHER_RATE, grader, shape)
        card = accuracy(others, review(rng, others, known, labels))
        if isinstance(card, str):
            return None
        found = rogan_gladen(*observed(answers), card)
    return None if found.rate is None else found


def cover(
    method: str, rate: float, grader: tuple[float, float], shape: tuple[int, int, float],
    labels: int, repetitions: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    """Coverage and what else the tables show, over `repetitions` reviews."""
    rng = np.random.default_rng(derive_seed(seed, method, rate, *grader, *shape, labels))
    made = [corrected(rng, method, rate, grader, shape, labels) for _ in range(repetitions)]
    found = [one for one in made if one is not None]
    low, high, mean = (np.array([getattr(one, key) for one in found]) for key in
                       ("low", "high", "rate"))  # fmt: skip
    below, above = float((high < rate).mean()), float((low > rate).mean())
    return {
        "coverage": 1 - below - above,
        "below": below,
        "above": above,
        "mean": float(mean.mean()),
        "width": float((high - low).mean()),
        "outside": float(((low < 0) | (high > 1) | (mean < low) | (mean > high)).sum()),
        "failed": 1 - len(found) / repetitions,
    }


if __name__ == "__main__":
    main()
