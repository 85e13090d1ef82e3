"""How far two who labelled the same answers agree, over any number of labels.

Used for a grader against people and for one person against another. Weights let a
stratified sample speak for all answers it was drawn from.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core.seeds import derive_seed
from harness.stats.agreement import DRAWS, LEAST_DEFINED, Figure
from harness.stats.intervals import CONFIDENCE, grouped_rates

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Raters:
    """Agreement of two raters; `table` counts items (unweighted) by first and second label."""

    n: int
    clusters: int
    accuracy: Figure
    kappa: Figure
    table: dict[str, dict[str, int]]

    def to_data(self) -> dict[str, Any]:
        """Plain data for summary.json."""
        figures = {
            name: {"value": _rounded(one.value), "limits": one.limits()}
            for name, one in (("accuracy", self.accuracy), ("kappa", self.kappa))
        }
        return {"n": self.n, "clusters": self.clusters, **figures, "table": self.table}


def raters(
    first: Sequence[str],
    second: Sequence[str],
    *,
    clusters: Sequence[Hashable],
    weights: Sequence[float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Raters:
    """Share of equal labels and Cohen's kappa over N items, weighted, with 95% intervals.

    clusters [N]: what items are not independent of. Accuracy has the closed-form interval of
    `harness.stats.intervals`, kappa (Cohen 1960) percentiles over resampled clusters; None
    where it is not defined. The result does not depend on the order of the items.
    Raises ValueError when lengths differ or there is no item.
    """
    import numpy as np

    if not len(first) or not len(first) == len(second) == len(clusters):
        raise ValueError("two labels and a cluster for each item, and at least one item")
    items = sorted(
        zip(map(str, clusters), first, second, weights or [1.0] * len(first), strict=True)
    )
    names = sorted({*first, *second})
    place = {name: i for i, name in enumerate(names)}
    groups = {name: i for i, name in enumerate(dict.fromkeys(item[0] for item in items))}
    cluster = np.array([groups[item[0]] for item in items])
    codes = np.array([place[item[1]] * len(names) + place[item[2]] for item in items])
    weight = np.array([item[3] for item in items], dtype=float)
    weight *= weight.sum() / (weight**2).sum()  # sums to what they are worth in equal ones
    same = np.array([item[1] == item[2] for item in items])
    zeros = np.zeros(len(items), dtype=np.int64)
    found = grouped_rates(zeros, cluster, weight * same, weight, groups=1).estimate(0)
    table = np.zeros((len(groups), len(names) ** 2))
    np.add.at(table, (cluster, codes), weight)
    counts = np.bincount(codes, minlength=len(names) ** 2).reshape(len(names), len(names))
    return Raters(
        n=len(items),
        clusters=len(groups),
        accuracy=Figure(value=found.rate, low=found.low, high=found.high),
        kappa=_kappa_figure(table, len(names), draws, seed),
        table={
            one: {other: int(counts[i, j]) for j, other in enumerate(names) if counts[i, j]}
            for i, one in enumerate(names)
            if counts[i].any()
        },
    )


def _kappa_figure(table: np.ndarray, labels: int, draws: int, seed: int) -> Figure:
    """Kappa with its interval; table [C, K * K]: weights of each cluster by both labels."""
    import numpy as np

    value = float(_kappa(table.sum(0)[None, :], labels)[0])
    if np.isnan(value):
        return Figure(value=None)
    clusters = len(table)
    rng = np.random.default_rng(derive_seed(seed, "raters", clusters, draws))
    drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws) @ table
    found = _kappa(drawn, labels)
    found = found[~np.isnan(found)]
    if clusters < 2 or len(found) < LEAST_DEFINED * draws:
        return Figure(value=value)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(q) for q in np.quantile(found, [tail, 1 - tail]))
    if low >= 1 - 1e-12:
        return Figure(value=value)  # all agree: resampling shows no scatter
    return Figure(value=value, low=min(low, value), high=max(high, value))


def _kappa(flat: np.ndarray, labels: int) -> np.ndarray:
    """Cohen's kappa of tables [B, K * K]; NaN where chance alone agrees fully."""
    import numpy as np

    square = flat.reshape(len(flat), labels, labels)
    total = square.sum((1, 2))
    agree = np.trace(square, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = (square.sum(2) * square.sum(1)).sum(1) / total**2
        return np.where(chance < 1 - 1e-12, (agree / total - chance) / (1 - chance), np.nan)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
