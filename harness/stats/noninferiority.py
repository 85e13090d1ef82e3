"""The test behind the gate: is the second side no worse than the first by a margin?

A rule on a rate of bad things passes when the one-sided upper bound of its difference lies
under the margin; one on a rate of good things when the lower bound lies above minus the
margin. All rules must pass, so no correction is needed (intersection-union test; Berger 1982).
A rule fails when its other bound, corrected by Holm over all rules of both directions, lies
beyond the margin. What does neither is underpowered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.stats.paired import holm_adjusted

if TYPE_CHECKING:
    import numpy as np

    from harness.stats.paired import Limits


class Outcome(StrEnum):
    """What a rule, or a gate as a whole, came to."""

    PASS = "pass"
    FAILED = "failed"
    UNDERPOWERED = "underpowered"


@dataclass(frozen=True, kw_only=True)
class RuleTest:
    """One rule against its bound. `enough`: whether it has the clusters its policy wants.

    `bound`: what `estimate` must stay under, or with `higher_is_better` above: a margin
    (minus the margin) of a difference, a ceiling (a floor) of a rate.
    """

    estimate: float
    low: float  # one-sided, at `confidence`, not corrected
    high: float  # one-sided, at `confidence`
    bound: float
    p: float  # of "not beyond the bound": not above it, or with `higher_is_better` not below
    confidence: float
    enough: bool = True
    higher_is_better: bool = False

    @property
    def within(self) -> bool:
        """Whether the bound of the interval that matters lies on the right side."""
        return self.low > self.bound if self.higher_is_better else self.high < self.bound


def one_sided(limits: Limits, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds, each with this one-sided confidence."""
    return limits(2 * confidence - 1)


def judge(tests: Sequence[RuleTest]) -> tuple[list[Outcome], list[float]]:
    """The outcome of each test and its Holm-adjusted p."""
    adjusted = holm_adjusted([test.p for test in tests])
    found = []
    for test, p in zip(tests, adjusted, strict=True):
        if not test.enough:
            found.append(Outcome.UNDERPOWERED)
        elif test.within:
            found.append(Outcome.PASS)
        else:
            failed = p < 1 - test.confidence
            found.append(Outcome.FAILED if failed else Outcome.UNDERPOWERED)
    return found, adjusted


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """Failed when any failed, passed when all passed, else underpowered."""
    if Outcome.FAILED in outcomes:
        return Outcome.FAILED
    if outcomes and all(one is Outcome.PASS for one in outcomes):
        return Outcome.PASS
    return Outcome.UNDERPOWERED
