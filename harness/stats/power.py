"""What a run could have found, and how much larger one would have to be.

Planning formulas on what the run itself shows: effective sample sizes, the correlation of
the two sides, and the share of the variance that more samples would remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.stats.intervals import CONFIDENCE, FEW, correlations, excess_slope, wilson

if TYPE_CHECKING:
    import numpy as np

    from harness.stats.intervals import GroupedRates

POWER = 0.8
STEPS = 40  # of the bisection
OUT_OF_REACH = 50.0  # times as much as there is: not a plan any more


class Paired(Protocol):
    """What planning looks at of rates on two sides; see `harness.stats.paired.PairedRates`."""

    @property
    def first(self) -> GroupedRates: ...  # noqa: D102
    @property
    def second(self) -> GroupedRates: ...  # noqa: D102
    @property
    def correlation(self) -> np.ndarray: ...  # noqa: D102
    @property
    def skew(self) -> np.ndarray: ...  # noqa: D102
    @property
    def design_effects(self) -> tuple[np.ndarray, np.ndarray]: ...  # noqa: D102
    @property
    def influence(self) -> np.ndarray: ...  # noqa: D102


def smallest_detectable(
    paired: Paired,
    members: Sequence[Sequence[int]],
    *,
    confidence: float = CONFIDENCE,
    power: float = POWER,
) -> np.ndarray:
    """Smallest true difference found with this power, for the mean of each list of groups.

    Found: the two-sided interval leaves out 0. The first side stays where it is and the
    second moves away from the nearer end of the scale (up from a rate under 0.5), where
    there is room and where its variance grows. NaN where even the largest is not found, or
    nothing was paired.
    """
    import numpy as np

    found = np.full(len(members), np.nan)
    by_size: dict[int, list[int]] = {}
    for m, chosen in enumerate(members):
        by_size.setdefault(len(chosen), []).append(m)
    for size, which in by_size.items():
        if size:
            groups = np.array([members[m] for m in which])
            found[which] = _detectable(paired, groups, confidence, power)
    return found


def _detectable(paired: Paired, groups: np.ndarray, confidence: float, power: float) -> np.ndarray:
    """For each row of group codes [M, size]."""
    import numpy as np
    from scipy import special

    clusters = paired.first.clusters[groups]
    aimed = special.stdtrit(np.maximum(clusters.max(1) - 1, 1), power)
    rate, shared = paired.first.rate[groups], paired.correlation[groups]
    falls = rate.mean(1) > 0.5
    rate = np.where(falls[:, None], 1 - rate, rate)  # a fall is a rise of the complement
    effects = paired.design_effects
    ours = _Side(paired.first, groups, falls, effects[0])
    theirs = _Side(paired.second, groups, falls, effects[1])
    n_first, n_second = ours.effective(), theirs.effective()
    slope = ours.slope(n_first) * paired.skew[groups]
    upper = wilson(rate, n_first, ours.quantile(rate, confidence), slope)[1]
    together = _together(paired, groups)

    def is_found(rise: np.ndarray) -> np.ndarray:
        moved = np.minimum(rate + rise[:, None], 1.0)
        below = moved - wilson(moved, n_second, theirs.quantile(moved, confidence))[0]
        kept = shared * _still_shared(rate, moved)
        half = _length(below, upper - rate, kept)
        spread = _length(
            np.sqrt(moved * (1 - moved) / n_second), np.sqrt(rate * (1 - rate) / n_first), kept
        )
        size = groups.shape[1]
        half_M = np.sqrt(np.einsum("mi,mij,mj->m", half, together, half)) / size
        spread_M = np.sqrt(np.einsum("mi,mij,mj->m", spread, together, spread)) / size
        return np.asarray((moved - rate).mean(1) - half_M - aimed * spread_M >= 0)

    low, high = np.zeros(len(groups)), 1 - rate.min(1)
    possible = is_found(high) & (clusters.min(1) > 1)
    for _ in range(STEPS):
        middle = (low + high) / 2
        enough = is_found(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(possible, high, np.nan)


class _Side:
    """What one side shows of its scatter, for rates that it does not have yet. Arrays [M, size].

    Rates are those of the events, or of the others where `falls`.
    """

    def __init__(
        self, rates: GroupedRates, groups: np.ndarray, falls: np.ndarray, effect: np.ndarray
    ) -> None:
        import numpy as np

        self.clusters = rates.clusters[groups]
        self.n = rates.n[groups]
        rate = rates.rate[groups]
        self.rate = np.where(falls[:, None], 1 - rate, rate)
        influence = rates.influence[groups]
        self.few = rates.few[groups]
        self.effect = effect[groups]
        with np.errstate(invalid="ignore", divide="ignore"):
            found = rates.moments[1][groups] / rates.moments[0][groups]
        self.found_slope = np.where(falls[:, None], -found, found)
        sign = np.where(falls, -1.0, 1.0)[:, None, None]
        self.with_events = (sign * influence > 1e-12).sum(-1)  # more than their share, if few

    def effective(self) -> np.ndarray:
        """Effective sample sizes: as many as the scatter implies.

        Where few clusters have events the scatter is hardly known, and the size is drawn
        towards the number of clusters, the least that it can sensibly be.
        """
        import numpy as np

        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(np.isnan(self.effect), self.clusters, self.n / self.effect)
        known = np.where(self.few, np.minimum(self.with_events / FEW, 1.0), 1.0)
        return np.maximum(found**known * self.clusters ** (1.0 - known), 1e-9)

    def slope(self, effective: np.ndarray) -> np.ndarray:
        """The slope beyond Wilson's that an interval around its own rate uses."""
        import numpy as np

        with np.errstate(invalid="ignore", divide="ignore"):
            found = excess_slope(self.rate, effective, self.found_slope)
        return np.nan_to_num(found)

    def quantile(self, rate: np.ndarray, confidence: float) -> np.ndarray:
        """The t quantile that an interval around `rate` will use."""
        import numpy as np
        from scipy import special

        with np.errstate(invalid="ignore", divide="ignore"):
            more = np.where(
                self.rate > 0, self.with_events * rate / self.rate, rate * self.clusters
            )
        expected = np.clip(more, 1, self.clusters)
        freedom = np.where(self.few & (expected < FEW), np.clip(2 * expected, 2, None), np.inf)
        freedom = np.maximum(np.minimum(freedom, self.clusters - 1), 1)
        return np.asarray(special.stdtrit(freedom, (1 + confidence) / 2))


def _still_shared(rate: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """How much of a correlation is left when one of two equal rates moves away.

    The largest correlation of two indicators of these rates is the square root of their
    odds ratio; half of that loss (its root again) comes nearest in simulation, because
    chances that are shared by whole clusters lose less than single answers do.
    """
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        found = (rate * (1 - moved) / (moved * (1 - rate))) ** 0.25
    return np.nan_to_num(found, nan=0.0)


def _together(paired: Paired, groups: np.ndarray) -> np.ndarray:
    """Correlations [M, size, size] of the differences through the clusters they share."""
    import numpy as np

    if groups.shape[1] == 1:
        return np.ones((len(groups), 1, 1))
    influence, present = paired.influence, paired.first.present
    return np.array([np.maximum(correlations(influence[c], present[c]), 0.0) for c in groups])


def _length(ours: np.ndarray, theirs: np.ndarray, shared: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.sqrt(np.maximum(ours**2 + theirs**2 - 2 * shared * ours * theirs, 0.0))


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What would bring a decision, if the true difference is the one observed.

    `times`: how many times as many clusters (or questions of new ones), None where even 50
    times would not do; `samples`: how many times as many samples of the same questions,
    None where more samples alone cannot decide.
    """

    times: float | None
    samples: float | None


def needed(
    *,
    difference: float,
    margin: float,
    half_width: float,
    variance: float,
    noise: float,
    power: float = POWER,
) -> Needed:
    """How much more would decide on which side of `margin` a difference lies.

    half_width: from the difference to its one-sided bound on the margin's side; variance:
    of the difference; noise: its part that is due to few samples (NaN where unknown).
    Widths shrink with the square root of the number of clusters.
    """
    from scipy import stats

    distance = abs(margin - difference)
    reach = half_width + stats.norm.ppf(power) * variance**0.5
    if distance <= 0 or reach > distance * OUT_OF_REACH**0.5:
        return Needed(times=None, samples=None)
    times = max((reach / distance) ** 2, 1.0)
    spared = variance * (1 - 1 / times)  # what must go of the variance
    if not noise > 0 or spared >= noise:
        return Needed(times=times, samples=None)
    more = noise / (noise - spared)
    return Needed(times=times, samples=more if more <= OUT_OF_REACH else None)
