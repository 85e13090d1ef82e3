"""Rates of clustered answers with intervals, and their macro-average.

Answers to questions about one entity are not independent, so entities are the clusters.
A rate is a ratio of sums over clusters; its variance comes from how the clusters scatter
(Taylor linearisation; Cochran 1977, chapter 6), and its interval is Wilson's on the
effective sample size that this variance implies, with a t quantile (Korn and Graubard
1998; Dean and Pagano 2015). In 20,000 simulated tables each at 20, 40 and 80 clusters of
8 answers, rates .02, .1, .5 and intra-cluster correlations 0, .2, .5 it covered the truth
94.4 to 98.3% of the time, where a percentile cluster bootstrap covered 54 to 95%
(tests/stats/test_intervals.py repeats it at a smaller size).
Everything is closed form: the same table gives the same interval, without a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

CONFIDENCE = 0.95
FEW = 10  # clusters with (or without) events below which the scatter itself is uncertain
LEAST_DESIGN_EFFECT = 0.5  # so that clusters that agree by chance give no interval of width 0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A rate with its interval and denominators. `rate` is None when nothing was counted.

    `n` is the denominator (answers, or pairs of answers), `unscored` what was left out of
    it because the grader could not tell, `suites` how many suites a macro-average is over.
    """

    rate: float | None
    low: float | None
    high: float | None
    events: int
    n: int
    clusters: int
    unscored: int = 0
    suites: int | None = None

    def to_data(self) -> dict[str, Any]:
        """Plain data for summary.json; rates rounded to six digits."""
        rounded = {
            key: None if value is None else round(value, 6)
            for key, value in (("rate", self.rate), ("low", self.low), ("high", self.high))
        }
        counts = {"events": self.events, "n": self.n, "clusters": self.clusters}
        data = {**rounded, **counts, "unscored": self.unscored}
        return data if self.suites is None else {**data, "suites": self.suites}


@dataclass(frozen=True, kw_only=True)
class GroupedRates:
    """Rates of G groups. Arrays of length G; `rate`, `low`, `high` are NaN where n is 0.

    `influence` [G, C] is each cluster's share in the deviation of a group's rate (the
    linearised residuals, scaled for small numbers of clusters); `present` [G, C] tells
    which clusters a group has. Both serve what combines groups.
    """

    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    events: np.ndarray
    n: np.ndarray
    clusters: np.ndarray
    unscored: np.ndarray
    influence: np.ndarray
    present: np.ndarray
    scarce: np.ndarray  # clusters with events or clusters without, whichever are fewer

    @cached_property
    def few(self) -> np.ndarray:
        """Bool [G]: fewer than FEW clusters with (or without) events."""
        import numpy as np

        return np.asarray(self.scarce < FEW)

    @cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums over the clusters of the influences squared, cubed, to the fourth [G] each."""
        squares = self.influence**2
        return squares.sum(1), (squares * self.influence).sum(1), (squares**2).sum(1)

    @cached_property
    def design_effect(self) -> np.ndarray:
        """Variance over that of independent answers [G]; NaN at rates of 0 and 1."""
        import numpy as np

        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.moments[0] / (self.rate * (1 - self.rate) / self.n)
        return np.maximum(found, np.where(self.few, 1.0, LEAST_DESIGN_EFFECT))

    @cached_property
    def freedom(self) -> np.ndarray:
        """Degrees of freedom of the t quantile [G], 1 to clusters - 1.

        Satterthwaite's, doubled, in a group with `few`: the variance rests on the clusters
        that have events alone; the factor is the smallest that covers in simulation.
        """
        import numpy as np

        variance, _, fourths = self.moments
        with np.errstate(invalid="ignore", divide="ignore"):
            carried = np.nan_to_num(2 * variance**2 / fourths, nan=2.0)
        found = np.where(self.few, np.maximum(carried, 2), np.inf)
        return np.asarray(np.maximum(np.minimum(found, self.clusters - 1), 1))

    def limits(
        self,
        confidence: float | np.ndarray,
        *,
        design_effect: np.ndarray | None = None,
        skew: float | np.ndarray = 0.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lows and highs [G] of a confidence, one or [G].

        design_effect: another one than their own [G]; skew: how much of the skewness that
        the clusters show beyond that of a rate is corrected for (0 to 1, one or [G]).
        """
        return _limits(self, confidence, design_effect=design_effect, skew=skew)

    def at(self, confidence: float, *, skew: float = 0.0) -> GroupedRates:
        """The same rates with limits of another confidence; `skew` as of `limits`."""
        low, high = self.limits(confidence, skew=skew)
        return replace(self, low=low, high=high)

    def of(self, groups: np.ndarray) -> GroupedRates:
        """The rates of these group codes, in this order."""
        return GroupedRates(**{one.name: getattr(self, one.name)[groups] for one in fields(self)})

    def estimate(self, group: int) -> Estimate:
        """The rate of one group."""
        counts: dict[str, Any] = {
            "events": int(self.events[group]),
            "n": int(self.n[group]),
            "clusters": int(self.clusters[group]),
            "unscored": int(self.unscored[group]),
        }
        if not self.n[group]:
            return Estimate(rate=None, low=None, high=None, **counts)
        return Estimate(
            rate=float(self.rate[group]),
            low=float(self.low[group]),
            high=float(self.high[group]),
            **counts,
        )


def grouped_rates(
    group: np.ndarray,
    cluster: np.ndarray,
    events: np.ndarray,
    totals: np.ndarray,
    *,
    groups: int,
    unscored: np.ndarray | None = None,
    confidence: float = CONFIDENCE,
) -> GroupedRates:
    """Rate of events in every group, with a cluster-robust interval.

    group, cluster: int codes [R], groups in 0..groups-1; events, totals: numbers [R], what
    a row adds to the numerator and to the denominator (0 and 1 for an answer, counts for
    pairs); unscored: what a row adds to the count of those left out.
    A group without events (or without non-events) gets the exact Clopper-Pearson bound on
    its clusters; a group of one cluster with both gets [0, 1], as nothing shows its scatter.
    """
    import numpy as np

    width = int(cluster.max()) + 1 if len(cluster) else 1
    cell = group.astype(np.int64) * width + cluster
    shape = (groups, width)
    events_GC = np.bincount(cell, weights=events, minlength=groups * width).reshape(shape)
    totals_GC = np.bincount(cell, weights=totals, minlength=groups * width).reshape(shape)
    left_out = np.zeros(groups) if unscored is None else np.bincount(group, unscored, groups)
    present = totals_GC > 0
    clusters, n, hits = present.sum(1), totals_GC.sum(1), events_GC.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = hits / n
        scale = np.sqrt(clusters / np.maximum(clusters - 1, 1))
        influence = (events_GC - rate[:, None] * totals_GC) / n[:, None] * scale[:, None]
    influence = np.where(present, influence, 0.0)
    unlimited = GroupedRates(
        rate=rate,
        low=np.full(groups, np.nan),
        high=np.full(groups, np.nan),
        events=hits,
        n=n,
        clusters=clusters,
        unscored=left_out,
        influence=influence,
        present=present,
        scarce=np.minimum((events_GC > 0).sum(1), (events_GC < totals_GC).sum(1)),
    )
    return unlimited.at(confidence)


def _limits(
    rates: GroupedRates,
    confidence: float | np.ndarray,
    *,
    design_effect: np.ndarray | None,
    skew: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Both limits of every group [G]: Wilson on the effective size, exact at 0 and 1."""
    import numpy as np
    from scipy import special

    rate, n, clusters = rates.rate, rates.n, rates.clusters
    tail = (1 - confidence) / 2
    variance, cubes, _ = rates.moments
    effect = rates.design_effect if design_effect is None else design_effect
    with np.errstate(invalid="ignore", divide="ignore"):
        effective = n / effect
        slope = skew * excess_slope(rate, effective, cubes / variance)
        low, high = wilson(rate, effective, special.stdtrit(rates.freedom, 1 - tail), slope)
        exact = tail ** (1 / np.maximum(clusters, 1))  # Clopper-Pearson, no event in `clusters`
    none, all_ = rate <= 0, rate >= 1
    alone = (clusters == 1) & ~none & ~all_
    low = np.where(none | alone, 0.0, np.where(all_, exact, low))
    high = np.where(all_ | alone, 1.0, np.where(none, 1 - exact, high))
    empty = n == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def excess_slope(rate: np.ndarray, n: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """How much steeper the variance of a rate grows with it than Wilson supposes; never less.

    slope: the sum of the clusters' cubed influences over that of their squares, which
    estimates the regression of the variance on the rate (both are sums over clusters). The
    correction fades towards a rate of 0.5, where skewness has no direction.
    """
    import numpy as np

    lean = 1 - 2 * rate
    away = np.sign(lean)
    return np.asarray(lean * np.maximum(away * (slope - lean / n), 0.0))


def wilson(
    rate: np.ndarray,
    n: np.ndarray,
    quantile: np.ndarray | float,
    slope: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval for a rate over `n`, which may be fractional.

    A limit is where the squared distance to the rate is `quantile` squared times the
    variance there. slope: by how much faster than p (1 - p) / n that variance grows towards
    0.5, used for the limit on that side. With clusters more skewed than a rate is, the
    plain limit would be too near (Hall 1992 corrects the same by a third moment).
    statsmodels has Wilson's for normal quantiles only; here each rate brings its own t.
    Source: Wilson 1927.
    """
    import numpy as np

    square = np.asarray(quantile) ** 2
    scale = 1 + square / n
    middle = (rate + square / (2 * n)) / scale
    half = np.sqrt(square * (rate * (1 - rate) / n + square / (4 * n**2))) / scale
    steep = (1 - 2 * rate) / n + slope
    root = np.sqrt((square * steep) ** 2 + 4 * scale * square * rate * (1 - rate) / n)
    far = np.abs(slope) > 0
    low = np.where(far & (rate > 0.5), rate + (square * steep - root) / (2 * scale), middle - half)
    high = np.where(far & (rate < 0.5), rate + (square * steep + root) / (2 * scale), middle + half)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def macro_average(
    rates: GroupedRates, members: Sequence[int] | np.ndarray | None = None
) -> Estimate:
    """The plain mean of the members' rates, each group counting the same.

    members: int codes of groups, all by default; those that counted nothing are left out.
    The interval recovers variances from the members' own limits (MOVER; Zou and Donner
    2008), with the correlations that shared clusters bring; so a suite at 0 or 1 brings in
    its exact bound, and the limits never leave 0 to 1.
    """
    import numpy as np

    chosen = np.arange(len(rates.rate)) if members is None else np.asarray(members, dtype=int)
    left_out = int(rates.unscored[chosen].sum())
    chosen = chosen[rates.n[chosen] > 0]
    counts: dict[str, Any] = {
        "events": int(rates.events[chosen].sum()),
        "n": int(rates.n[chosen].sum()),
        "clusters": int(rates.present[chosen].any(0).sum()),
        "unscored": left_out,
        "suites": len(chosen),
    }
    if not len(chosen):
        return Estimate(rate=None, low=None, high=None, **counts)
    rate = float(rates.rate[chosen].mean())
    shared = correlations(rates.influence[chosen], rates.present[chosen])
    below = (rates.rate - rates.low)[chosen] / len(chosen)
    above = (rates.high - rates.rate)[chosen] / len(chosen)
    low = rate - float(np.sqrt(max(below @ shared @ below, 0.0)))
    high = rate + float(np.sqrt(max(above @ shared @ above, 0.0)))
    return Estimate(rate=rate, low=max(low, 0.0), high=min(high, 1.0), **counts)


def correlations(influence: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Correlation [G, G] of the groups' rates through the clusters they share.

    A group whose clusters do not scatter at all (rate 0 or 1) counts as the plain sum of
    its clusters, so that two such groups over the same entities are not taken for two
    independent witnesses. A Gram matrix of unit vectors: no variance comes out negative.
    """
    import numpy as np

    still = (influence**2).sum(1) < 1e-24
    vectors = np.where(still[:, None], present.astype(float), influence)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1), 1e-300)[:, None]
    return vectors @ vectors.T
