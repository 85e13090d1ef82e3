"""Do intervals of differences cover, does the gate keep its error rates, is power as stated?

    nice .venv/bin/python bench/gate_simulation.py coverage|gate|power [--repetitions 2000]

Verdict tables with known truth (bench/verdict_tables.py) go through the functions that
`bordor compare` and `bordor gate` use. Prints Markdown tables; the gate takes half an hour,
the rest ten minutes.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from verdict_tables import Design, draw_counts, pairs_per_cluster, per_cluster  # noqa: E402

from harness.core.seeds import derive_seed  # noqa: E402
from harness.stats.paired import PairedRates, paired_rates  # noqa: E402
from harness.stats.power import smallest_detectable  # noqa: E402

CLUSTERS = (20, 40, 80)
RATES = (0.02, 0.1, 0.5)
ICCS = (0.0, 0.2, 0.5)
PAIRS = (0.0, 0.5, 0.8)
MARGIN = 0.05
CONFIDENCE = 0.95
GATE_CLUSTERS = (20, 40, 80, 160, 320)
SUITES = 10
TOGETHER = 2000  # tables drawn at once
VARIANTS = (-0.01, 0.01)


def simulate(design: Design, repetitions: int, *labels: object) -> PairedRates:
    """Paired rates of many tables of one design, a group a table."""
    rng = np.random.default_rng(derive_seed(0, *map(str, (design, repetitions, *labels))))
    parts = []
    per_part = max(1, 4_000_000 // (sum(pairs_per_cluster(design)) * design.samples))
    for start in range(0, repetitions, per_part):
        size = min(per_part, repetitions - start)
        first, second, cluster = draw_counts(design, size, rng)
        parts.append([per_cluster(one, cluster, design.samples) for one in (first, second)])
    first, second = (np.concatenate(side) for side in zip(*parts, strict=True))
    clusters = first.shape[1]
    return paired_rates(
        np.repeat(np.arange(repetitions), clusters),
        np.tile(np.arange(clusters), repetitions),
        first.ravel(),
        second.ravel(),
        np.tile(np.asarray(pairs_per_cluster(design), float), repetitions),
        groups=repetitions,
    )


def coverage(repetitions: int) -> None:
    """Part 1: 95% intervals of paired differences."""
    print("clusters | rate | icc | pair | difference | clusters with events | coverage | width")
    print("---|---|---|---|---|---|---|---")
    worst = {True: [1.0, 0.0], False: [1.0, 0.0]}
    for clusters, rate, icc, pair in itertools.product(CLUSTERS, RATES, ICCS, PAIRS):
        for difference in (0.0, 0.05):
            design = Design(rates=(rate, rate + difference), clusters=clusters, icc=icc,
                            pair=pair, samples=1)  # fmt: skip
            paired = simulate(design, repetitions, "coverage")
            low, high = paired.limits(CONFIDENCE)
            held = ((low <= difference + 1e-9) & (difference - 1e-9 <= high)).mean()
            events = with_events(paired)
            enough = events >= 10
            worst[enough] = [min(worst[enough][0], held), max(worst[enough][1], held)]
            print(f"{clusters} | {rate} | {icc} | {pair} | {difference} | {events:.0f} | "
                  f"{held:.4f} | {(high - low).mean():.3f}")  # fmt: skip
    for enough, (least, most) in worst.items():
        kind = "at least 10" if enough else "fewer than 10"
        print(f"\n{kind} clusters with events on both sides (median): {least:.4f} to {most:.4f}")


def with_events(paired: PairedRates) -> float:
    """Median number of clusters with events, on the side that has fewer."""
    sides = (paired.first, paired.second)
    return min(float(np.median((_events(side) > 1e-9).sum(1))) for side in sides)


def _events(side: object) -> np.ndarray:
    # influence = (events - rate * n_c) / n * scale, so events can be read back
    clusters = side.clusters[:, None]
    scale = np.sqrt(clusters / np.maximum(clusters - 1, 1))
    each = side.n[:, None] / clusters
    return side.influence * side.n[:, None] / scale + side.rate[:, None] * each


def gate(repetitions: int) -> None:
    """Part 2: error rates of the gate."""
    print(f"Margin {MARGIN}, one-sided confidence {CONFIDENCE}, clusters of 8 questions, 2")
    print("variants, 2 samples. One suite with one rule, and 10 suites with one rule each. The")
    print("sides share half of their chances (pair .5); in brackets: nothing but questions.\n")
    print("clusters | rate | icc | P(pass, at the margin), 1 | P(failed, itself), 10 | "
          "P(underpowered, itself), 1 / 10 | P(failed, twice the margin), 1")  # fmt: skip
    print("---|---|---|---|---|---|---")
    worst = 0.0
    for clusters, rate, icc in itertools.product(GATE_CLUSTERS, RATES, ICCS):
        base = Design(rates=(rate, rate), clusters=clusters, icc=icc, effects=VARIANTS, samples=2)
        apart = replace(base, pair=0.0)
        shared, unshared = (
            outcomes(one.with_second(rate + MARGIN), repetitions)[1]["pass"]
            for one in (base, apart)
        )
        twice = outcomes(base.with_second(rate + 2 * MARGIN), repetitions)[1]
        itself = outcomes(base, repetitions * SUITES)
        worst = max(worst, shared, unshared)
        print(f"{clusters} | {rate} | {icc} | {shared:.4f} ({unshared:.4f}) | "
              f"{itself[SUITES]['failed']:.4f} | {itself[1]['underpowered']:.3f} / "
              f"{itself[SUITES]['underpowered']:.3f} | {twice['failed']:.3f}",
              flush=True)  # fmt: skip
    print(f"\nLargest P(pass, at the margin): {worst:.4f}; its simulation error is "
          f"{(0.05 * 0.95 / repetitions) ** 0.5:.4f}.")  # fmt: skip


def outcomes(design: Design, tables: int) -> dict[int, dict[str, float]]:
    """How often a gate ends how: with a rule for each table, and with one for every `SUITES`.

    Holm rejects something when the smallest p is under the level divided by the number of
    rules, so one bound at that confidence tells without computing p (`judge` computes it;
    tests/stats/test_noninferiority.py holds the two against each other).
    """
    lows: dict[int, list[np.ndarray]] = {1: [], SUITES: []}
    highs = []
    for start in range(0, tables, TOGETHER):
        paired = simulate(design, min(TOGETHER, tables - start), "gate", start)
        highs.append(paired.limits(2 * CONFIDENCE - 1)[1])
        for suites, found in lows.items():
            corrected = 1 - (1 - CONFIDENCE) / suites
            found.append(paired.limits(2 * corrected - 1)[0])
    high = np.concatenate(highs)
    ends = {}
    for suites, found in lows.items():
        whole = len(high) // suites * suites
        failed = (np.concatenate(found)[:whole].reshape(-1, suites) > MARGIN).any(1).mean()
        passed = (high[:whole].reshape(-1, suites) < MARGIN).all(1).mean()
        ends[suites] = {"failed": failed, "pass": passed, "underpowered": 1 - failed - passed}
    return ends


def power(repetitions: int) -> None:
    """Part 3: power at the smallest detectable difference that runs state."""
    print("A run of a model against itself states the smallest difference it could find (the")
    print("median over runs is taken); then the second side is made worse by just that.\n")
    print(
        "clusters | rate | icc | pair | clusters with events | stated (5% to 95% of runs) | power"
    )
    print("---|---|---|---|---|---|---")
    for clusters, rate, icc, pair in itertools.product((20, 40, 80, 160), RATES, ICCS, PAIRS[1:]):
        design = Design(rates=(rate, rate), clusters=clusters, icc=icc, pair=pair)
        paired = simulate(design, repetitions, "plan")
        stated = smallest_detectable(paired, [[i] for i in range(repetitions)])
        if np.isnan(stated).mean() > 0.5:
            print(f"{clusters} | {rate} | {icc} | {pair} | | none within reach | ")
            continue
        low, middle, high = np.nanquantile(stated, (0.05, 0.5, 0.95))
        middle = min(middle, 1 - rate)
        worse = simulate(design.with_second(rate + middle), repetitions, "power")
        lower, upper = worse.limits(CONFIDENCE)
        print(f"{clusters} | {rate} | {icc} | {pair} | {with_events(paired):.0f} | "
              f"{middle:.3f} ({low:.3f} to {high:.3f}) | "
              f"{((lower > 0) | (upper < 0)).mean():.3f}", flush=True)  # fmt: skip


PARTS = {"coverage": coverage, "gate": gate, "power": power}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("--repetitions", type=int, default=2000)
    asked = parser.parse_args()
    for name, part in PARTS.items():
        if asked.part in (name, "all"):
            started = time.monotonic()
            print(f"\n## {name}, {asked.repetitions:,} repetitions\n")
            part(asked.repetitions)
            print(f"\n{time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
