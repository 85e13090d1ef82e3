"""Flips: answers that became hallucinations, or stopped being, beside what chance flips.

A call says for one cell (question in one variant) whether it is hallucinated: of the one
greedy answer, or of the majority of the samples that say something: falling silent is no
flip, it has a rate of its own. A model drawn twice flips some
calls too; how many is told by the halves of its own samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.records import Verdict
from harness.stats.drift import disagreeing_pairs
from harness.stats.intervals import CONFIDENCE, Estimate, grouped_rates
from harness.stats.pairs import CELL
from harness.stats.tables import VERDICTS, greedy, responded, sampled, scored

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Cell = tuple[str, str, str]  # suite, question id, variant


@dataclass(frozen=True, kw_only=True)
class Flips:
    """Cells that changed their call from the first to the second side.

    `rate` is of all flips, over the cells that have a call on both sides (`n`).
    """

    became: tuple[Cell, ...]
    stopped: tuple[Cell, ...]
    rate: Estimate


@dataclass(frozen=True, kw_only=True)
class HalfFlips:
    """Share of calls that differ between halves of the samples: like against like.

    `between` compares halves of the two sides, `first` and `second` the two halves of one
    side, which is what sampling alone flips.
    """

    between: Estimate
    first: Estimate
    second: Estimate


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over cells with a cluster-robust t interval. None where there is none."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int

    def to_data(self) -> dict[str, float | int | None]:
        """Plain data, rounded to six digits."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in vars(self).items()}


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """Drift between two audits of one model: pairs of samples whose verdicts differ.

    `between` pairs a sample of one audit with another of the other, `within` two of one
    audit, which is what sampling alone gives; `excess` is the first less the second, cell
    by cell, and 0 on average where nothing but sampling differs.
    """

    between: Mean
    within: Mean
    excess: Mean


def greedy_flips(first: pd.DataFrame, second: pd.DataFrame) -> Flips:
    """Flips of the greedy answers of two verdict tables."""
    return _flips(_calls(greedy(first)), _calls(greedy(second)))


def majority_flips(first: pd.DataFrame, second: pd.DataFrame) -> Flips:
    """Flips of the majority of the samples that say something; ties make no call."""
    return _flips(_calls(sampled(first)), _calls(sampled(second)))


def half_flips(first: pd.DataFrame, second: pd.DataFrame) -> HalfFlips | None:
    """Flips among halves (odd and even samples); None where a side has under two samples."""
    halves = [_half(sampled(table), part) for table in (first, second) for part in (1, 0)]
    if not all(len(half) for half in halves):
        return None
    a, b, c, d = halves
    return HalfFlips(
        between=_share([(a, c), (a, d), (b, c), (b, d)]),
        first=_share([(a, b)]),
        second=_share([(c, d)]),
    )


def drift_over_time(first: pd.DataFrame, second: pd.DataFrame) -> OverTime | None:
    """How much two audits of one model disagree beyond sampling; None without two samples.

    Samples of the same number are not paired with each other: two audits with one seed
    draw them from the same random stream.
    """
    import numpy as np

    ours, theirs = _counts(sampled(first)), _counts(sampled(second))
    cells = ours.index.intersection(theirs.index)
    a, b = (side.loc[cells, list(VERDICTS)].to_numpy(dtype=float) for side in (ours, theirs))
    same, unlike = _same_number(sampled(first), sampled(second), cells)
    pairs = a.sum(1) * b.sum(1) - same
    differing = a.sum(1) * b.sum(1) - (a * b).sum(1) - unlike
    (d_a, n_a), (d_b, n_b) = disagreeing_pairs(a), disagreeing_pairs(b)
    whole = (pairs > 0) & (n_a > 0) & (n_b > 0)
    if not whole.any():
        return None
    between = differing[whole] / pairs[whole]
    within = (d_a[whole] / n_a[whole] + d_b[whole] / n_b[whole]) / 2
    cluster = ours.loc[cells, "cluster"].to_numpy()[whole]
    named = np.unique(cluster, return_inverse=True)[1]
    return OverTime(
        between=clustered_mean(between, named),
        within=clustered_mean(within, named),
        excess=clustered_mean(between - within, named),
    )


def clustered_mean(values: np.ndarray, cluster: np.ndarray) -> Mean:
    """The mean of `values` [R] with a t interval over the clusters, int codes [R]."""
    import numpy as np
    from scipy import stats

    counts = np.bincount(cluster)
    kept = counts > 0
    clusters = int(kept.sum())
    if not clusters:
        return Mean(value=None, low=None, high=None, n=0, clusters=0)
    mean = float(values.mean())
    if clusters == 1:
        return Mean(value=mean, low=None, high=None, n=len(values), clusters=1)
    off = (np.bincount(cluster, values) - mean * counts)[kept] / len(values)
    error = float(np.sqrt((off**2).sum() * clusters / (clusters - 1)))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, clusters - 1)) * error
    return Mean(value=mean, low=mean - half, high=mean + half, n=len(values), clusters=clusters)


def _flips(first: pd.DataFrame, second: pd.DataFrame) -> Flips:
    both = first.join(second["call"].rename("other"), how="inner").sort_index()
    changed = both[both["call"] != both["other"]]
    became = changed[changed["other"]].index
    stopped = changed[~changed["other"]].index
    return Flips(
        became=tuple(tuple(map(str, cell)) for cell in became),  # type: ignore[misc]
        stopped=tuple(tuple(map(str, cell)) for cell in stopped),  # type: ignore[misc]
        rate=_share([(first, second)]),
    )


def _calls(rows: pd.DataFrame) -> pd.DataFrame:
    """`call` (bool) and `cluster` of cells with a majority among what says something."""
    found = _by_cell(rows)
    found = found[found["share"] != 0.5]
    return found.assign(call=found["share"] > 0.5)[["call", "cluster"]]


def _half(rows: pd.DataFrame, odd: int) -> pd.DataFrame:
    """The calls of the odd or of the even samples; a tie goes with the first of them."""
    found = _by_cell(rows[rows["sample"] % 2 == odd])
    call = found["share"].where(found["share"] != 0.5, found["first"]) > 0.5
    return found.assign(call=call)[["call", "cluster"]]


def _by_cell(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[responded(rows)]
    made_up = (rows["verdict"] == str(Verdict.HALLUCINATED)).astype(float)
    grouped = rows.assign(made_up=made_up).groupby(CELL, observed=True, sort=True)
    return grouped.agg(
        share=("made_up", "mean"), first=("made_up", "first"), cluster=("cluster", "first")
    )


def _share(pairs: list[tuple[pd.DataFrame, pd.DataFrame]]) -> Estimate:
    """Share of differing calls over all these pairs of sides."""
    import numpy as np
    import pandas as pd

    joined = pd.concat(
        [a.join(b["call"].rename("other"), how="inner").reset_index() for a, b in pairs]
    )
    cluster, _ = pd.factorize(joined["cluster"], sort=True)
    differs = (joined["call"] != joined["other"]).to_numpy(dtype=float)
    group = np.zeros(len(joined), dtype=np.int64)
    return grouped_rates(group, cluster, differs, np.ones(len(joined)), groups=1).estimate(0)


def _counts(rows: pd.DataFrame) -> pd.DataFrame:
    """How many scored samples of each cell got which verdict, and its cluster."""
    rows = rows[scored(rows)]
    keys = [rows[column] for column in CELL]
    counts = rows.groupby([*keys, rows["verdict"].astype(str)], observed=True).size()
    wide = counts.unstack(fill_value=0).reindex(columns=list(VERDICTS), fill_value=0)
    return wide.assign(cluster=rows.groupby(keys, observed=True)["cluster"].first())


def _same_number(
    first: pd.DataFrame, second: pd.DataFrame, cells: pd.Index
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of samples with the same number, and those that differ, for each of `cells`."""
    columns = [*CELL, "sample", "verdict"]
    joined = first.loc[scored(first), columns].merge(
        second.loc[scored(second), columns], on=[*CELL, "sample"], suffixes=("", "_other")
    )
    unlike = (joined["verdict"].astype(str) != joined["verdict_other"].astype(str)).astype(float)
    grouped = joined.assign(unlike=unlike).groupby(CELL, observed=True)["unlike"]
    found = grouped.agg(["size", "sum"]).reindex(cells, fill_value=0)
    return found["size"].to_numpy(dtype=float), found["sum"].to_numpy(dtype=float)
