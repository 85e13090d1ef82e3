"""Pairs: the same question in the same variant, answered on two sides.

Each side is one run, or several whose adapters differ in their training seed alone. The
samples of a run are averaged within a pair, and its runs then over the side, so that every
pair counts the same whatever the number of samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from harness.stats.rates import Metric, Rows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CELL = ["suite", "question_id", "variant"]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The pairs of a metric.

    `table`: one row a pair, sorted, with suite, question_id, variant, cluster, `first` and
    `second` (share of events on each side) and `noise` (variance of their difference that
    is due to the few samples alone; NaN where a side has one sample).
    `first_runs`, `second_runs`: the shares run by run, float [runs, pairs].
    `unpaired`: cells that were asked of one side only; `unscored`: cells asked of both, of
    which a side has no answer that counts.
    """

    table: pd.DataFrame
    first_runs: np.ndarray
    second_runs: np.ndarray
    unpaired: int
    unscored: int

    def of(self, chosen: np.ndarray) -> Pairs:
        """The pairs at bool [pairs]; what was left out stays counted for the whole."""
        return Pairs(
            table=self.table[chosen].reset_index(drop=True),
            first_runs=self.first_runs[:, chosen],
            second_runs=self.second_runs[:, chosen],
            unpaired=self.unpaired,
            unscored=self.unscored,
        )


def pair_cells(
    first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame], metric: Metric
) -> Pairs:
    """Pair two sides, each one or more verdict tables of answers of one kind.

    A cell is paired when every run of both sides has an answer to it that the metric
    counts. What was asked of some runs only has no partner and is counted as such.
    """
    import numpy as np
    import pandas as pd

    runs = [_cells(table, metric) for table in (*first, *second)]
    asked = [run.index for run in runs]
    common = reduce(lambda a, b: a.intersection(b, sort=False), asked)
    everything = reduce(lambda a, b: a.union(b, sort=False), asked)
    inside = [run.loc[common] for run in runs]
    counted = np.logical_and.reduce([run["counted"].to_numpy() > 0 for run in inside])
    kept = [run[counted].sort_index() for run in inside]
    shares = np.array([(run["events"] / run["counted"]).to_numpy() for run in kept])
    shares = shares.reshape(len(runs), -1)
    ours, theirs = shares[: len(first)], shares[len(first) :]
    noise = _noise(kept[: len(first)], ours) + _noise(kept[len(first) :], theirs)
    table = kept[0][["cluster"]].reset_index() if kept else pd.DataFrame(columns=[*CELL, "cluster"])
    return Pairs(
        table=table.assign(first=ours.mean(0), second=theirs.mean(0), noise=noise),
        first_runs=ours,
        second_runs=theirs,
        unpaired=len(everything) - len(common),
        unscored=int((~counted).sum()),
    )


def _cells(table: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Events, counted answers and cluster of every cell that the metric asks about."""
    events, counted, unscored = Rows(table).events_of(metric)
    rows = table.assign(events=events.astype(float), counted=counted.astype(float))
    rows = rows[_asked_cells(rows, counted | unscored)]
    grouped = rows.groupby(CELL, observed=True, sort=True)
    return grouped.agg(
        events=("events", "sum"), counted=("counted", "sum"), cluster=("cluster", "first")
    )


def _asked_cells(rows: pd.DataFrame, asked: np.ndarray) -> np.ndarray:
    """Bool [rows]: whether any answer of the row's cell belongs to the metric.

    A metric may count some verdicts only ("of those that answered"); its other cells were
    asked, and no answer of theirs counts.
    """
    questions = set(rows["question_id"].to_numpy()[asked])
    return rows["question_id"].isin(questions).to_numpy(dtype=bool)


def _noise(runs: Sequence[pd.DataFrame], shares: np.ndarray) -> np.ndarray:
    """Variance [pairs] of a side's share over samples: p(1 - p) / (n - 1), mean of its runs."""
    import numpy as np

    n = np.array([run["counted"].to_numpy() for run in runs]).reshape(shares.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(n > 1, shares * (1 - shares) / (n - 1), np.nan)
    return each.sum(0) / len(runs) ** 2
