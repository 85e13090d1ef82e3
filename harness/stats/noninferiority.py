"""The test behind the gate: is the second side no worse than the first by a margin?

A rule passes when the one-sided upper bound of its difference lies under the margin. All
rules must pass, so no correction is needed (intersection-union test; Berger 1982). It fails
when its lower bound, corrected by Holm over all rules, lies above the margin. What does
neither is underpowered.
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
    """One rule against its bound. `enough`: whether it has the clusters its policy wants."""

    estimate: float
    low: float  # one-sided, at `confidence`, not corrected
    high: float  # one-sided, at `confidence`
    bound: float  # margin or ceiling
    p: float  # of "not above the bound"
    confidence: float
    enough: bool = True


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
        elif test.high < test.bound:
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
