"""Differences of paired rates: intervals, p-values, equivalence, smallest detectable one.

A difference is the second side less the first, so above 0 the second has more. Its interval
recovers variances from the limits of both rates (MOVER: Newcombe 1998, method 10, with the
cluster-robust limits of `harness.stats.intervals` and the correlation that shared clusters
bring; Zou and Donner 2008), so that a side without events brings in its exact bound. A
p-value is where that interval, widened or narrowed, would just touch the null, and so never
contradicts it. Everything is closed form or bisection, without a seed.
`bench/gate_simulation.py` measures coverage and power; see reports/LOG.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.stats.intervals import CONFIDENCE, FEW, GroupedRates, correlations, grouped_rates
from harness.stats.power import smallest_detectable

if TYPE_CHECKING:
    import numpy as np

    from harness.stats.pairs import Pairs

# A confidence, the same for all or one for each [G], to lows and highs [G]
Limits = Callable[["float | np.ndarray"], tuple["np.ndarray", "np.ndarray"]]
LEAST_P = 1e-12
STEPS = 34  # of a bisection over the logarithm of p


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference with what to make of it. None where nothing was paired.

    `p` tests no difference, two-sided; `holm` is it after Holm's correction; `detectable`
    the smallest true difference that this run finds with 80% power at 95% confidence;
    `equivalent` whether the 90% interval lies within `margin` on both sides of 0 (two
    one-sided tests at 5%); `freedom` the degrees of freedom where training seeds set them.
    """

    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    equivalent: bool
    margin: float
    pairs: int
    clusters: int
    suites: int | None = None
    freedom: float | None = None
    holm: float | None = None

    def to_data(self) -> dict[str, Any]:
        """Plain data for compare.json; numbers rounded to six digits, p to three figures."""
        found: dict[str, Any] = {}
        for key, value in vars(self).items():
            if key in ("suites", "freedom", "holm") and value is None:
                continue
            if key in ("p", "holm") and value is not None:
                found[key] = float(f"{value:.3g}")
            else:
                found[key] = round(value, 6) if isinstance(value, float) else value
        return found


@dataclass(frozen=True, kw_only=True)
class Contrasts:
    """G differences, every array [G].

    `variance` of the difference, `noise` its part that is due to the few samples alone (NaN
    where unknown); `suites` and `freedom` where they say something.
    """

    first: np.ndarray
    second: np.ndarray
    variance: np.ndarray
    noise: np.ndarray
    pairs: np.ndarray
    clusters: np.ndarray
    detectable: np.ndarray
    limits: Limits
    suites: np.ndarray | None = None
    freedom: np.ndarray | None = None

    @cached_property
    def difference(self) -> np.ndarray:
        """Second less first [G]."""
        return self.second - self.first

    def p_above(self, null: float | np.ndarray) -> np.ndarray:
        """P-values [G] of the one-sided test that the difference is not above `null`."""
        return p_above(self.limits, self.difference, null)

    def estimates(self, *, margin: float) -> list[Difference]:
        """All of them as records; `margin` is that of the equivalence statement."""
        import numpy as np

        low, high = self.limits(CONFIDENCE)
        narrow_low, narrow_high = self.limits(2 * CONFIDENCE - 1)
        one_sided = self.p_above(0.0)
        p = np.minimum(2 * np.minimum(one_sided, 1 - one_sided), 1.0)
        return [
            Difference(
                first=_number(self.first[i]),
                second=_number(self.second[i]),
                difference=_number(self.difference[i]),
                low=_number(low[i]),
                high=_number(high[i]),
                p=_number(p[i]),
                detectable=_number(self.detectable[i]),
                equivalent=bool(-margin < narrow_low[i] and narrow_high[i] < margin),
                margin=margin,
                pairs=int(self.pairs[i]),
                clusters=int(self.clusters[i]),
                suites=None if self.suites is None else int(self.suites[i]),
                freedom=None if self.freedom is None else _number(self.freedom[i]),
            )
            for i in range(len(self.first))
        ]


@dataclass(frozen=True, kw_only=True)
class PairedRates:
    """Rates of G groups on both sides over the same pairs; `noise` [G] as in `Contrasts`."""

    first: GroupedRates
    second: GroupedRates
    noise: np.ndarray

    @cached_property
    def correlation(self) -> np.ndarray:
        """Of the two rates of each group [G]; 0 where a side does not vary."""
        import numpy as np

        ours, theirs = self.first.influence, self.second.influence
        length = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = (ours * theirs).sum(1) / length
        return np.where(length > 1e-12, np.clip(found, -1, 1), 0.0)

    @cached_property
    def skew(self) -> np.ndarray:
        """How much of each side's skewness matters [G]: what the sides share cancels."""
        import numpy as np

        return np.asarray(1 - np.clip(self.correlation, 0, 1))

    @cached_property
    def design_effects(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the first and of the second side [G] each; drawn to the larger where unsure.

        The sides answer the same questions. Where few clusters of a side have events, those
        few may not happen to agree within themselves, and the rate would look far surer than
        it is; so its effect is drawn towards the other side's where that is larger.
        """
        ours, theirs = self.first.design_effect, self.second.design_effect
        return _drawn(ours, theirs, self.first.scarce), _drawn(theirs, ours, self.second.scarce)

    @cached_property
    def influence(self) -> np.ndarray:
        """Each cluster's share in the deviation of the differences [G, C]."""
        return self.second.influence - self.first.influence

    def limits(self, confidence: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lows and highs of the differences [G] at a two-sided confidence, one or [G]."""
        first, second = self.design_effects
        low, high = self.first.limits(confidence, design_effect=first, skew=self.skew)
        other_low, other_high = self.second.limits(confidence, design_effect=second, skew=self.skew)
        rate, other = self.first.rate, self.second.rate
        below = joined(other - other_low, high - rate, self.correlation)
        above = joined(other_high - other, rate - low, self.correlation)
        return other - rate - below, other - rate + above

    def of(self, groups: np.ndarray) -> PairedRates:
        """The rates of these group codes, in this order."""
        return PairedRates(
            first=self.first.of(groups), second=self.second.of(groups), noise=self.noise[groups]
        )

    def contrasts(self, *, detectable: bool = True) -> Contrasts:
        """The differences group by group; without `detectable` that is NaN, which is faster."""
        import numpy as np

        groups = [[i] for i in range(len(self.first.rate))]
        return Contrasts(
            first=self.first.rate,
            second=self.second.rate,
            variance=(self.influence**2).sum(1),
            noise=self.noise,
            pairs=self.first.n,
            clusters=self.first.clusters,
            detectable=smallest_detectable(self, groups)
            if detectable
            else np.full(len(groups), np.nan),
            limits=self.limits,
        )

    def macro(self, members: Sequence[Sequence[int]]) -> Contrasts:
        """Plain means over groups (suites), one for each list of group codes in `members`."""
        import numpy as np

        kept = [[i for i in chosen if self.first.n[i] > 0] for chosen in members]
        shared = [correlations(self.influence[c], self.first.present[c]) for c in kept]

        def mean(values: np.ndarray) -> np.ndarray:
            return np.array([values[c].mean() if c else np.nan for c in kept])

        flat = np.array([i for chosen in kept for i in chosen], dtype=int)
        owner = np.repeat(np.arange(len(kept)), [len(chosen) for chosen in kept])
        ends = np.cumsum([len(chosen) for chosen in kept])[:-1]
        inside = self.of(flat)
        middle = inside.second.rate - inside.first.rate

        def limits(confidence: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            low, high = inside.limits(np.broadcast_to(confidence, len(kept))[owner])
            below, above = np.split(middle - low, ends), np.split(high - middle, ends)
            means = mean(self.second.rate - self.first.rate)
            return (
                means - np.array([_mean_length(*both) for both in zip(below, shared, strict=True)]),
                means + np.array([_mean_length(*both) for both in zip(above, shared, strict=True)]),
            )

        summed = [self.influence[c].sum(0) / max(len(c), 1) for c in kept]
        return Contrasts(
            first=mean(self.first.rate),
            second=mean(self.second.rate),
            variance=np.array([(one**2).sum() for one in summed]),
            noise=np.array([self.noise[c].sum() / max(len(c), 1) ** 2 for c in kept]),
            pairs=np.array([self.first.n[c].sum() for c in kept]),
            clusters=np.array([self.first.present[c].any(0).sum() for c in kept]),
            detectable=smallest_detectable(self, kept),
            limits=limits,
            suites=np.array([len(c) for c in kept]),
        )


def paired_rates(
    group: np.ndarray,
    cluster: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    totals: np.ndarray,
    *,
    groups: int,
    noise: np.ndarray | None = None,
) -> PairedRates:
    """Rates of both sides in every group.

    group, cluster: int codes [R]; first, second: what a row adds to the events of each
    side; totals: to the number of pairs (1 for a pair); noise: variance of a pair's
    difference by its few samples.
    """
    import numpy as np

    ours = grouped_rates(group, cluster, first, totals, groups=groups)
    theirs = grouped_rates(group, cluster, second, totals, groups=groups)
    unknown = np.full(len(group), np.nan) if noise is None else noise
    with np.errstate(invalid="ignore", divide="ignore"):
        summed = np.bincount(group, unknown, groups) / ours.n**2
    return PairedRates(first=ours, second=theirs, noise=summed)


def rates_of_pairs(pairs: Pairs, by: Sequence[str]) -> tuple[list[tuple[str, ...]], PairedRates]:
    """The paired rates for each combination of the columns `by`, keys in sorted order."""
    import numpy as np
    import pandas as pd

    table = pairs.table
    index = pd.MultiIndex.from_arrays([table[column].astype(str) for column in by])
    group, keys = index.factorize(sort=True)
    cluster, _ = pd.factorize(table["cluster"], sort=True)
    first, second, noise = (table[c].to_numpy(dtype=float) for c in ("first", "second", "noise"))
    found = paired_rates(
        group, cluster, first, second, np.ones(len(table)), groups=len(keys), noise=noise
    )
    return [tuple(key) for key in keys], found


def p_above(limits: Limits, difference: np.ndarray, null: float | np.ndarray) -> np.ndarray:
    """One-sided p [G] against "not above `null`": where the lower limit would touch it.

    Below `null` it is one less the p of the other side.
    """
    import numpy as np

    null_G = np.broadcast_to(np.asarray(null, dtype=float), difference.shape)
    over = difference > null_G
    least = np.full(difference.shape, np.log(LEAST_P))
    most = np.full(difference.shape, np.log(0.5))
    for _ in range(STEPS):
        tried = (least + most) / 2
        low, high = limits(1 - 2 * np.exp(tried))
        outside = np.where(over, low > null_G, high < null_G)
        most, least = np.where(outside, tried, most), np.where(outside, least, tried)
    p = np.exp(most)
    return np.where(np.isnan(difference), np.nan, np.where(over, p, 1 - p))


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """The same with p corrected for their number by Holm (1979), over those that have one."""
    corrected = iter(holm_adjusted([d.p for d in differences if d.p is not None]))
    return [d if d.p is None else replace(d, holm=next(corrected)) for d in differences]


def holm_adjusted(p: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values in the given order. Source: Holm 1979.

    The k-th smallest of n is multiplied by n - k + 1, none is below a smaller one's. statsmodels
    has the same, and collects garbage at every call: 0.4 s beside a loaded torch.
    """
    import numpy as np

    order = np.argsort(p, kind="stable")
    times = np.asarray(p, dtype=float)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(times), 1.0)
    return [float(one) for one in adjusted]


def joined(ours: np.ndarray, theirs: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Length of the difference of two correlated errors of these lengths."""
    import numpy as np

    return np.sqrt(np.maximum(ours**2 + theirs**2 - 2 * correlation * ours * theirs, 0.0))


def _drawn(own: np.ndarray, other: np.ndarray, scarce: np.ndarray) -> np.ndarray:
    """Geometric mean of a design effect and the larger one; its own from FEW clusters on.

    The weight is the square of the share of FEW: the smallest whole power at which the gate
    keeps its error rate (bench/gate_simulation.py).
    """
    import numpy as np

    larger = np.fmax(own, other)
    known = np.minimum(scarce / FEW, 1.0) ** 2
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(np.isnan(own), larger, own**known * larger ** (1 - known)))


def _mean_length(parts: np.ndarray, shared: np.ndarray) -> float:
    import numpy as np

    if not len(parts):
        return float("nan")
    return float(np.sqrt(max(parts @ shared @ parts, 0.0))) / len(parts)


def _number(value: float) -> float | None:
    import math

    return None if math.isnan(value) else float(value)
