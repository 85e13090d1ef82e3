"""Coverage of the 95% intervals of single rates, on simulated tables whose rate is known.

    python bench/interval_simulation.py [--repetitions 20000]

Clusters of 8 questions; the chance of an event is Beta-distributed over clusters with the
true rate as its mean and the intra-cluster correlation given. Prints a Markdown table:
coverage, mean width, how many clusters have events (median), and whether the aim is met:
93.5 to 96.5% where at least 10 clusters have events, elsewhere at least 93.5%. Then how
often the exact bound of a table without events misses a rate that lies just above it.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np

from harness.core.seeds import derive_seed
from harness.stats.intervals import FEW, grouped_rates

SIZE = 8  # questions of a cluster
CLUSTERS = (20, 40, 80)
RATES = (0.02, 0.1, 0.5)
CORRELATIONS = (0.0, 0.2, 0.5)
TOGETHER = 2000  # tables whose intervals are computed at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{options.repetitions:,} tables each; simulation error of a coverage of 95%: "
          f"{np.sqrt(0.05 * 0.95 / options.repetitions):.2%}\n")  # fmt: skip
    print("| clusters | rate | correlation | coverage | below | above | mean width | clusters "
          "with events | met |")  # fmt: skip
    print("| --- " * 9 + "|")
    missed = 0
    for clusters, rate, correlation in itertools.product(CLUSTERS, RATES, CORRELATIONS):
        found = cover(clusters, rate, correlation, options.repetitions, options.seed)
        coverage, below, above, width, with_events = found
        enough = with_events >= FEW
        met = coverage >= 0.935 and (not enough or coverage <= 0.965)
        missed += not met
        print(f"| {clusters} | {rate} | {correlation} | {coverage:.1%} | {below:.1%} | {above:.1%} "
              f"| {width:.3f} | {with_events:.0f} | {'yes' if met else 'NO'} |")  # fmt: skip
    print(f"\n{missed} of 27 miss the aim. Below, above: the interval lies below or above the "
          "true rate.\n")  # fmt: skip
    silent(options.repetitions, options.seed)


def draw(
    rng: np.random.Generator, clusters: int, rate: float, correlation: float, tables: int
) -> np.ndarray:
    """Events of each cluster [tables, clusters] out of `SIZE`."""
    shape = (tables, clusters)
    if correlation == 1:
        return SIZE * (rng.random(shape) < rate)
    chance = np.full(shape, rate)
    if correlation:
        total = 1 / correlation - 1
        chance = rng.beta(rate * total, (1 - rate) * total, shape)
    return rng.binomial(SIZE, chance)


def intervals(events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Limits [tables] from events [tables, clusters]."""
    low, high = [], []
    for part in np.array_split(events, max(1, len(events) // TOGETHER)):
        tables, clusters = part.shape
        # every table keeps its own columns of clusters: the groups never share one
        found = grouped_rates(
            np.repeat(np.arange(tables), clusters),
            np.tile(np.arange(clusters), tables),
            part.ravel().astype(float),
            np.full(part.size, float(SIZE)),
            groups=tables,
        )
        low.append(found.low)
        high.append(found.high)
    return np.concatenate(low), np.concatenate(high)


def cover(
    clusters: int, rate: float, correlation: float, repetitions: int, seed: int
) -> tuple[float, float, float, float, float]:
    """Coverage, share below, share above, mean width, median number of clusters with events."""
    rng = np.random.default_rng(derive_seed(seed, "intervals", clusters, rate, correlation))
    events = draw(rng, clusters, rate, correlation, repetitions)
    low, high = intervals(events)
    below, above = float((high < rate).mean()), float((low > rate).mean())
    with_events = float(np.median((events > 0).sum(1)))
    return 1 - below - above, below, above, float((high - low).mean()), with_events


def silent(repetitions: int, seed: int) -> None:
    """The exact bound without events, where it is hardest: the true rate just above it."""
    print("No events at all: true rate just above the bound, share of tables that show none "
          "(so that the bound misses; at most 2.5%).\n")  # fmt: skip
    print(
        "| clusters | bound | " + " | ".join(f"correlation {c}" for c in (*CORRELATIONS, 1)) + " |"
    )
    print("| --- " * (3 + len(CORRELATIONS)) + "|")
    for clusters in CLUSTERS:
        bound = float(intervals(np.zeros((1, clusters), dtype=int))[1][0])
        cells = []
        for correlation in (*CORRELATIONS, 1):
            rng = np.random.default_rng(derive_seed(seed, "silent", clusters, correlation))
            events = draw(rng, clusters, bound * 1.0001, correlation, repetitions)
            cells.append(f"{(events.sum(1) == 0).mean():.2%}")
        print(f"| {clusters} | {bound:.4f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
