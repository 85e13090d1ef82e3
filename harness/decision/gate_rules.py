"""The rules of a gate, tested: from two runs and a rule to its test, and the test in words.

A rule says how far a rate may be worse than the baseline's (a margin), or bounds the
candidate's own (a ceiling; a floor where higher is better). Everything is the same in both
directions but the side on which a bound lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.core.errors import PairingError
from harness.decision.policy import RuleSpec
from harness.runs.read import Run
from harness.stats.intervals import macro_average
from harness.stats.noninferiority import Outcome, RuleTest, one_sided
from harness.stats.paired import Contrasts, p_above, rates_of_pairs
from harness.stats.pairs import pair_cells
from harness.stats.power import OUT_OF_REACH, POWER, Needed, needed
from harness.stats.rates import METRICS, rates_by
from harness.stats.tables import greedy, sampled

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Case:
    """A rule over certain suites, tested."""

    rule: RuleSpec
    name: str
    suites: tuple[str, ...]
    test: RuleTest
    rates: tuple[float | None, float]  # baseline (None without a margin), candidate
    clusters: int
    pairs: int
    needed: Needed
    unpaired: int = 0


def cases(rule: RuleSpec, first: Run, second: Run, *, itself: bool) -> list[Case]:
    """The tests of a rule: one, or with `each` one for every suite.

    itself: both runs are one. Raises PairingError when the runs have nothing that the rule
    is about.
    """
    absent = sorted(set(rule.suites) - set(second.suites))
    if absent:
        raise PairingError(
            f"rule '{rule.id}' is about {', '.join(absent)}, which the runs do not have: "
            "audit both again with these suites, or take them out of the policy"
        )
    select = sampled if rule.answers == "sampled" else greedy
    tables = [_chosen(select(audit.verdicts), rule) for audit in (first, second)]
    for audit, table in zip((first, second), tables, strict=True):
        if not len(table):
            raise PairingError(f"rule '{rule.id}': {audit.label} has no {rule.answers} answers")
    if rule.margin is None:
        return _alone(rule, tables[1])
    return _margins(rule, tables[0], tables[1], itself)


def _chosen(table: pd.DataFrame, rule: RuleSpec) -> pd.DataFrame:
    return table[table["suite"].isin(rule.suites)] if rule.suites else table


def _margins(rule: RuleSpec, first: pd.DataFrame, second: pd.DataFrame, itself: bool) -> list[Case]:
    pairs = pair_cells([first], [second], METRICS[rule.metric])
    if not len(pairs.table):
        raise PairingError(_nothing(rule))
    keys, paired = rates_of_pairs(pairs, ["suite"])
    suites = [key[0] for key in keys]
    _check_suites(rule, suites)
    members: list[tuple[str, ...]] = (
        [(suite,) for suite in suites] if rule.each else [tuple(suites)]
    )
    if rule.each:
        contrasts = paired.contrasts(detectable=False)
    else:
        contrasts = paired.macro([range(len(suites))])
    low, high = one_sided(contrasts.limits, rule.confidence)
    p = _beyond(rule, contrasts.p_above(rule.bound))
    if itself:  # nothing differs, so nothing is estimated
        low, high, p = low * 0, high * 0, p * 0 + 1
    found = [
        _margin_case(rule, contrasts, members[i], i, (low[i], high[i], p[i]), itself)
        for i in range(len(members))
    ]
    return [replace(case, unpaired=pairs.unpaired) for case in found]


def _beyond(rule: RuleSpec, above: np.ndarray) -> np.ndarray:
    """P of "not beyond the bound" from that of "not above it": the other side's is its rest."""
    return 1 - above if rule.upwards else above


def _margin_case(
    rule: RuleSpec,
    contrasts: Contrasts,
    suites: tuple[str, ...],
    i: int,
    found: tuple[float, float, float],
    itself: bool,
) -> Case:
    low, high, p = map(float, found)
    clusters = int(contrasts.clusters[i])
    test = RuleTest(
        estimate=float(contrasts.difference[i]),
        low=low,
        high=high,
        bound=rule.bound,
        p=p,
        confidence=rule.confidence,
        enough=clusters >= rule.min_clusters or itself,
        higher_is_better=rule.upwards,
    )
    return Case(
        rule=rule,
        name=f"{rule.id}[{suites[0]}]" if rule.each else rule.id,
        suites=suites,
        test=test,
        rates=(float(contrasts.first[i]), float(contrasts.second[i])),
        clusters=clusters,
        pairs=int(contrasts.pairs[i]),
        needed=_needed(test, float(contrasts.variance[i]), float(contrasts.noise[i])),
    )


def _alone(rule: RuleSpec, table: pd.DataFrame) -> list[Case]:
    """The candidate's own rate against an absolute ceiling or floor."""
    import numpy as np

    metric = METRICS[rule.metric]
    keys, found = rates_by(table, ["suite"], metrics=[metric])
    rates = found[metric.id]
    counted = [i for i in range(len(keys)) if rates.n[i]]
    if not counted:
        raise PairingError(_nothing(rule))
    _check_suites(rule, [keys[i][0] for i in counted])
    made = []
    for chosen in [[i] for i in counted] if rule.each else [counted]:

        def limits(
            confidence: float | np.ndarray, chosen: list[int] = chosen
        ) -> tuple[np.ndarray, np.ndarray]:
            one = macro_average(rates.at(float(np.ravel(confidence)[0]), skew=1.0), chosen)
            return np.array([one.low]), np.array([one.high])

        estimate = macro_average(rates, chosen)
        assert estimate.rate is not None
        low, high = one_sided(limits, rule.confidence)
        p = _beyond(rule, p_above(limits, np.array([estimate.rate]), rule.bound))
        test = RuleTest(
            estimate=estimate.rate,
            low=float(low[0]),
            high=float(high[0]),
            bound=rule.bound,
            p=float(p[0]),
            confidence=rule.confidence,
            enough=estimate.clusters >= rule.min_clusters,
            higher_is_better=rule.upwards,
        )
        suites = tuple(keys[i][0] for i in chosen)
        variance = float((rates.influence[chosen].sum(0) ** 2).sum()) / len(chosen) ** 2
        made.append(
            Case(
                rule=rule,
                name=f"{rule.id}[{suites[0]}]" if rule.each else rule.id,
                suites=suites,
                test=test,
                rates=(None, estimate.rate),
                clusters=estimate.clusters,
                pairs=estimate.n,
                needed=_needed(test, variance, float("nan")),
            )
        )
    return made


def _check_suites(rule: RuleSpec, found: Sequence[str]) -> None:
    lost = sorted(set(rule.suites) - set(found))
    if lost:
        raise PairingError(
            f"rule '{rule.id}': no answer of {', '.join(lost)} counts for '{rule.metric}' on "
            "both sides"
        )


def _nothing(rule: RuleSpec) -> str:
    where = f" in {', '.join(rule.suites)}" if rule.suites else ""
    return (
        f"rule '{rule.id}': the runs have no scored answer{where} that '{rule.metric}' counts: "
        f"{METRICS[rule.metric].meaning}"
    )


def _needed(test: RuleTest, variance: float, noise: float) -> Needed:
    above = test.estimate < test.bound  # then it is the upper bound that must come down
    half = test.high - test.estimate if above else test.estimate - test.low
    return needed(difference=test.estimate, margin=test.bound, half_width=half,
                  variance=variance, noise=noise)  # fmt: skip


def told(case: Case, outcome: Outcome, p: float, samples: int | None) -> dict[str, Any]:
    """One rule as plain data; p: adjusted by Holm; samples: drawn of each prompt."""
    test, rule = case.test, case.rule
    return {
        "id": case.name,
        "title": rule.title or case.name,
        "outcome": str(outcome),
        "reason": _why(case, outcome, p, samples),
        "metric": rule.metric,
        "suites": list(case.suites),
        "answers": rule.answers,
        "kind": rule.kind,
        "higher_is_better": rule.upwards,
        "bound": test.bound,
        "confidence": test.confidence,
        "min_clusters": rule.min_clusters,
        "baseline_rate": None if case.rates[0] is None else round(case.rates[0], 6),
        "candidate_rate": round(case.rates[1], 6),
        "estimate": round(test.estimate, 6),
        "low": round(test.low, 6),
        "high": round(test.high, 6),
        "p": float(f"{test.p:.3g}"),
        "holm": float(f"{p:.3g}"),
        "clusters": case.clusters,
        "pairs" if rule.margin is not None else "answers_counted": case.pairs,
        "needed": _amounts(case, samples) if outcome is Outcome.UNDERPOWERED else None,
    }


def _amounts(case: Case, samples: int | None) -> dict[str, int | None]:
    """Clusters in all, and samples a prompt, that would decide; None where they cannot."""
    times, more = case.needed.times, case.needed.samples
    clusters = None if times is None else math.ceil(case.clusters * times)
    if clusters is not None:
        clusters = max(clusters, case.rule.min_clusters)
    wanted = None if more is None or not samples else math.ceil(samples * more)
    if not case.test.enough:
        wanted = None
    return {"clusters": clusters, "samples": wanted}


def _why(case: Case, outcome: Outcome, p: float, samples: int | None) -> str:
    test, rule, up = case.test, case.rule, case.test.higher_is_better
    what = "difference" if rule.margin is not None else "rate"
    bound = f"the {rule.kind} {getattr(rule, rule.kind):g}"
    if rule.margin is not None and up:
        bound = f"minus the margin, {test.bound:g}"
    if outcome is Outcome.PASS:
        if up:
            return f"lower bound {test.low:.3f} of the {what} lies above {bound}"
        return f"upper bound {test.high:.3f} of the {what} lies under {bound}"
    if outcome is Outcome.FAILED:
        side = "under" if up else "above"
        return f"the {what} {test.estimate:.3f} lies {side} {bound} (Holm-adjusted p {p:.2g})"
    if not test.enough:
        return f"only {case.clusters} clusters, the policy wants {rule.min_clusters}"
    between = f"{bound} lies between the bounds {test.low:.3f} and {test.high:.3f} of the {what}"
    amounts = _amounts(case, samples)
    if amounts["clusters"] is None:
        return (
            f"{between}; what is seen lies so near that even {OUT_OF_REACH:g} times as many "
            "clusters would hardly decide"
        )
    ways = [f"about {amounts['clusters'] - case.clusters} more clusters (with as many questions "
            f"each; {amounts['clusters']} in all)"]  # fmt: skip
    if amounts["samples"]:
        ways.append(f"{amounts['samples']} samples a prompt (--samples) instead of {samples}")
    return (
        f"{between}; if it is truly {test.estimate:.3f}, {' or '.join(ways)} would decide "
        f"with {POWER:.0%} power"
    )
