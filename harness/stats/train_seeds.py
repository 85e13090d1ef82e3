"""Differences between recipes or sizes: training seeds as the outer level.

Each side is several adapters that differ in their training seed. The variance of a
difference is the sum of two: over the clusters, as for two checkpoints, and over the seeds
of each side (what is random in an answer is in both, so the sum errs on the large side).
Few seeds leave few degrees of freedom: Welch's, and so between N - 1 and 2N - 2 for N
seeds a side. An interval is never narrower than that of these very checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.stats.intervals import CONFIDENCE
from harness.stats.paired import Contrasts, PairedRates
from harness.stats.power import POWER

if TYPE_CHECKING:
    import numpy as np

    from harness.stats.pairs import Pairs


def run_rates(pairs: Pairs, by: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean share of every run in every group, [runs, G] for the first and the second side.

    Groups are those of `rates_of_pairs` with the same `by`, in the same order.
    """
    import numpy as np
    import pandas as pd

    index = pd.MultiIndex.from_arrays([pairs.table[column].astype(str) for column in by])
    group, keys = index.factorize(sort=True)
    n = np.bincount(group, minlength=len(keys))

    def means(runs: np.ndarray) -> np.ndarray:
        return np.array([np.bincount(group, run, len(keys)) / n for run in runs])

    return means(pairs.first_runs), means(pairs.second_runs)


def with_seeds(contrasts: Contrasts, first: np.ndarray, second: np.ndarray) -> Contrasts:
    """The contrasts [G] with the training seeds as outer level.

    first, second: the rates run by run, [runs, G], at least two runs a side.
    """
    import numpy as np
    from scipy import special

    ours, theirs = (side.var(0, ddof=1) / len(side) for side in (first, second))
    seeds = ours + theirs
    least, most = min(len(first), len(second)) - 1, len(first) + len(second) - 2
    with np.errstate(invalid="ignore", divide="ignore"):
        welch = seeds**2 / (ours**2 / (len(first) - 1) + theirs**2 / (len(second) - 1))
    freedom = np.clip(np.nan_to_num(welch, nan=float(most)), least, most)
    error = np.sqrt(contrasts.variance + seeds)
    middle = contrasts.difference

    def limits(confidence: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = special.stdtrit(freedom, (1 + np.asarray(confidence)) / 2) * error
        low, high = contrasts.limits(confidence)
        return np.minimum(low, middle - half), np.maximum(high, middle + half)

    quantiles = special.stdtrit(freedom, (1 + CONFIDENCE) / 2) + special.stdtrit(freedom, POWER)
    reach = np.fmax(quantiles * error, contrasts.detectable)
    return replace(
        contrasts,
        variance=error**2,
        detectable=np.where(reach <= 1, reach, np.nan),
        limits=limits,
        freedom=freedom,
    )


def seeded(pairs: Pairs, by: Sequence[str], paired: PairedRates) -> Contrasts:
    """The contrasts of `paired` group by group, with seeds where a side has several."""
    found = paired.contrasts()
    if not _several(pairs):
        return found
    return with_seeds(found, *run_rates(pairs, by))


def seeded_macro(
    pairs: Pairs, by: Sequence[str], paired: PairedRates, members: Sequence[Sequence[int]]
) -> Contrasts:
    """The means over `members` of `paired`, with seeds where a side has several."""
    import numpy as np

    found = paired.macro(members)
    if not _several(pairs):
        return found
    first, second = (
        np.array([side[:, list(chosen)].mean(1) for chosen in members]).T
        for side in run_rates(pairs, by)
    )
    return with_seeds(found, first, second)


def _several(pairs: Pairs) -> bool:
    return min(len(pairs.first_runs), len(pairs.second_runs)) > 1
