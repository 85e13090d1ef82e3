"""Shares of labels: Jeffreys' limits, and figures made of two shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.stats.intervals import CONFIDENCE

LARGEST = 1e6  # of an effective sample size


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share with its limits, and the number of independent labels it is worth."""

    rate: float
    low: float
    high: float
    effective: float


def jeffreys(events: float, n: float) -> tuple[float, float]:
    """95% limits of a share of `events` out of `n`, which may be fractional.

    Equal tails of the posterior under Jeffreys' prior, 0 and 1 where there is no event (no
    non-event). Source: Brown, Cai and DasGupta 2001.
    """
    from scipy import stats

    tail = (1 - CONFIDENCE) / 2
    rest = n - events
    low = float(stats.beta.ppf(tail, events + 0.5, rest + 0.5)) if events > 1e-9 else 0.0
    high = float(stats.beta.ppf(1 - tail, events + 0.5, rest + 0.5)) if rest > 1e-9 else 1.0
    rate = events / n
    return min(low, rate), max(high, rate)


def figure_of_two(figure: Callable[[float, float], float], a: Share, b: Share) -> Share:
    """A figure of two independent shares with limits by MOVER, and the labels it is worth.

    The figure rises or falls with each share throughout. Source: Zou and Donner 2008.
    """
    rate = figure(a.rate, b.rate)
    ends = [(figure(a.low, b.rate), figure(a.high, b.rate)),
            (figure(a.rate, b.low), figure(a.rate, b.high))]  # fmt: skip
    below = math.hypot(*(rate - min(pair) for pair in ends))
    above = math.hypot(*(max(pair) - rate for pair in ends))
    low, high = max(rate - below, 0.0), min(rate + above, 1.0)
    return Share(rate=rate, low=low, high=high, effective=_worth(rate, low, high))


def _worth(rate: float, low: float, high: float) -> float:
    """How many independent labels give Jeffreys limits as wide as these."""
    from scipy.optimize import brentq

    def too_wide(log_n: float) -> float:
        n = float(10**log_n)
        one, other = jeffreys(rate * n, n)
        return (other - one) - (high - low)

    ends = -2.0, 6.0
    if too_wide(ends[0]) <= 0:
        return float(10 ** ends[0])
    if too_wide(ends[1]) >= 0:
        return LARGEST
    return float(10 ** brentq(too_wide, *ends))
