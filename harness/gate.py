"""The gate: may the candidate replace the baseline? From two run folders to an exit code.

Every rule of a policy is a test (`harness.stats.noninferiority`); what each came to, and
why, is written as Markdown, JUnit XML and JSON.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DamageError, PairingError, StoreError
from harness.files import append_text, make_folder, write_json, write_text
from harness.pairing import Audit, differences, read_audit
from harness.policy import PolicySpec, RuleSpec
from harness.seeds import content_hash
from harness.stats.intervals import macro_average
from harness.stats.noninferiority import Outcome, RuleTest, judge, one_sided, overall
from harness.stats.paired import Contrasts, p_above, rates_of_pairs
from harness.stats.pairs import pair_cells
from harness.stats.power import OUT_OF_REACH, POWER, Needed, needed
from harness.stats.rates import METRICS, rates_by
from harness.stats.tables import greedy, sampled
from harness.store import slug

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
INCOMPLETE = "incomplete"
EXIT_CODES = {
    str(Outcome.PASS): 0,
    str(Outcome.FAILED): 100,
    str(Outcome.UNDERPOWERED): 101,
    INCOMPLETE: 102,
}
FOLDER = "gate"  # under the folder of the runs


@dataclass(frozen=True, kw_only=True)
class Gated:
    """What the gate came to (`gate.json`) and where it is written."""

    folder: Path
    data: dict[str, Any]
    unwritten: str | None = None  # why the step's summary was not written

    @property
    def exit_code(self) -> int:
        """0 pass, 100 failed, 101 underpowered, 102 incomplete."""
        return int(self.data["exit_code"])


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A rule over certain suites, tested."""

    rule: RuleSpec
    name: str
    suites: tuple[str, ...]
    test: RuleTest
    rates: tuple[float | None, float]  # baseline (None under a ceiling), candidate
    clusters: int
    pairs: int
    needed: Needed
    unpaired: int = 0


def gate(
    baseline: Path,
    candidate: Path,
    policy: PolicySpec,
    *,
    out: Path,
    to: Path | None = None,
) -> Gated:
    """Test the candidate against the baseline and write gate.json, gate.md and junit.xml.

    out: the folder of the runs; to: where the files go, `out`/gate/... where None. Where
    $GITHUB_STEP_SUMMARY names a file, gate.md is appended to it.
    Raises StoreError for what is no run folder, and where the files cannot be written; runs
    that cannot be paired, or whose files are not as they were written, end as incomplete.
    """
    from harness.report.gate_outputs import gate_junit, gate_markdown

    data = {
        "schema": SCHEMA,
        "policy": policy.model_dump(),
        "baseline": str(baseline),
        "candidate": str(candidate),
        **decide(baseline, candidate, policy),
    }
    data["exit_code"] = EXIT_CODES[data["outcome"]]
    folder = to or out / FOLDER / _name(baseline, candidate, policy)
    make_folder(folder)
    text = gate_markdown(data)
    write_json(folder / "gate.json", data)
    write_text(folder / "gate.md", text)
    write_text(folder / "junit.xml", gate_junit(data))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    unwritten = _append(Path(summary), text + "\n") if summary else None
    return Gated(folder=folder, data=data, unwritten=unwritten)


def _append(path: Path, text: str) -> str | None:
    """Append to the step's summary; says what is wrong where it cannot be: the verdict stands."""
    try:
        append_text(path, text)
    except StoreError as error:
        return f"$GITHUB_STEP_SUMMARY: {error}"
    return None


def decide(baseline: Path, candidate: Path, policy: PolicySpec) -> dict[str, Any]:
    """The outcome with its rules, notes and warnings, as plain data.

    Raises StoreError for what is no run folder.
    """
    try:
        first, second = read_audit(baseline), read_audit(candidate)
        apart = differences([first], [second])
        if apart.never or apart.unlike:
            told = "; ".join([*apart.never, *apart.unlike])
            raise PairingError(f"the runs cannot be paired: {told}")
        itself = _is_itself(first, second)
        cases = [case for rule in policy.rule for case in _cases(rule, first, second, itself)]
    except (PairingError, DamageError) as error:
        return {"outcome": INCOMPLETE, "reason": str(error), "notes": [], "rules": [
            {"id": rule.id, "title": rule.title or rule.id, "outcome": INCOMPLETE,
             "reason": str(error)} for rule in policy.rule]}  # fmt: skip
    outcomes, adjusted = judge([case.test for case in cases])
    samples = second.about.get("sampling", {}).get("seeds")
    rules = [
        _told(case, outcome, p, samples)
        for case, outcome, p in zip(cases, outcomes, adjusted, strict=True)
    ]
    outcome = overall(outcomes)
    notes = []
    if itself:
        notes.append("The candidate is the baseline itself: no rule with a margin can fail.")
    lost = max((case.unpaired for case in cases), default=0)
    if lost:
        notes.append(f"{lost:,} questions in a variant were asked of one run only: left out.")
    notes += apart.warnings
    return {
        "outcome": str(outcome),
        "reason": _reason(outcome, rules),
        "notes": notes,
        "rules": rules,
    }


def _is_itself(first: Audit, second: Audit) -> bool:
    return first.path.resolve() == second.path.resolve() or first.digest() == second.digest()


def _cases(rule: RuleSpec, first: Audit, second: Audit, itself: bool) -> list[_Case]:
    """The tests of a rule: one, or with `each` one for every suite.

    Raises PairingError when the runs have nothing that the rule is about.
    """
    absent = sorted(set(rule.suites) - set(second.suites))
    if absent:
        raise PairingError(
            f"rule '{rule.id}' is about {', '.join(absent)}, which the runs do not have: "
            "audit both again with these suites, or take them out of the policy"
        )
    select = sampled if rule.answers == "sampled" else greedy
    tables = [_chosen(select(audit.table), rule) for audit in (first, second)]
    for audit, table in zip((first, second), tables, strict=True):
        if not len(table):
            raise PairingError(f"rule '{rule.id}': {audit.label} has no {rule.answers} answers")
    if rule.ceiling is not None:
        return _ceilings(rule, tables[1])
    return _margins(rule, tables[0], tables[1], itself)


def _chosen(table: pd.DataFrame, rule: RuleSpec) -> pd.DataFrame:
    return table[table["suite"].isin(rule.suites)] if rule.suites else table


def _margins(
    rule: RuleSpec, first: pd.DataFrame, second: pd.DataFrame, itself: bool
) -> list[_Case]:
    assert rule.margin is not None
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
    p = contrasts.p_above(rule.margin)
    if itself:  # nothing differs, so nothing is estimated
        low, high, p = low * 0, high * 0, p * 0 + 1
    cases = [
        _margin_case(rule, contrasts, members[i], i, (low[i], high[i], p[i]), itself)
        for i in range(len(members))
    ]
    return [replace(case, unpaired=pairs.unpaired) for case in cases]


def _margin_case(
    rule: RuleSpec,
    contrasts: Contrasts,
    suites: tuple[str, ...],
    i: int,
    found: tuple[float, float, float],
    itself: bool,
) -> _Case:
    assert rule.margin is not None
    low, high, p = map(float, found)
    estimate, clusters = float(contrasts.difference[i]), int(contrasts.clusters[i])
    test = RuleTest(
        estimate=estimate,
        low=low,
        high=high,
        bound=rule.margin,
        p=p,
        confidence=rule.confidence,
        enough=clusters >= rule.min_clusters or itself,
    )
    return _Case(
        rule=rule,
        name=f"{rule.id}[{suites[0]}]" if rule.each else rule.id,
        suites=suites,
        test=test,
        rates=(float(contrasts.first[i]), float(contrasts.second[i])),
        clusters=clusters,
        pairs=int(contrasts.pairs[i]),
        needed=_needed(test, float(contrasts.variance[i]), float(contrasts.noise[i])),
    )


def _ceilings(rule: RuleSpec, table: pd.DataFrame) -> list[_Case]:
    """The candidate's own rate against an absolute ceiling."""
    import numpy as np

    assert rule.ceiling is not None
    metric = METRICS[rule.metric]
    keys, found = rates_by(table, ["suite"], metrics=[metric])
    rates = found[metric.id]
    counted = [i for i in range(len(keys)) if rates.n[i]]
    if not counted:
        raise PairingError(_nothing(rule))
    _check_suites(rule, [keys[i][0] for i in counted])
    cases = []
    for chosen in [[i] for i in counted] if rule.each else [counted]:

        def limits(
            confidence: float | np.ndarray, chosen: list[int] = chosen
        ) -> tuple[np.ndarray, np.ndarray]:
            one = macro_average(rates.at(float(np.ravel(confidence)[0]), skew=1.0), chosen)
            return np.array([one.low]), np.array([one.high])

        estimate = macro_average(rates, chosen)
        assert estimate.rate is not None
        low, high = one_sided(limits, rule.confidence)
        p = p_above(limits, np.array([estimate.rate]), rule.ceiling)
        test = RuleTest(
            estimate=estimate.rate,
            low=float(low[0]),
            high=float(high[0]),
            bound=rule.ceiling,
            p=float(p[0]),
            confidence=rule.confidence,
            enough=estimate.clusters >= rule.min_clusters,
        )
        suites = tuple(keys[i][0] for i in chosen)
        variance = float((rates.influence[chosen].sum(0) ** 2).sum()) / len(chosen) ** 2
        cases.append(
            _Case(
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
    return cases


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


def _told(case: _Case, outcome: Outcome, p: float, samples: int | None) -> dict[str, Any]:
    """One rule as plain data."""
    test, rule = case.test, case.rule
    return {
        "id": case.name,
        "title": rule.title or case.name,
        "outcome": str(outcome),
        "reason": _why(case, outcome, p, samples),
        "metric": rule.metric,
        "suites": list(case.suites),
        "answers": rule.answers,
        "kind": "margin" if rule.margin is not None else "ceiling",
        "bound": test.bound,
        "confidence": test.confidence,
        "min_clusters": rule.min_clusters,
        "baseline_rate": None if case.rates[0] is None else round(case.rates[0], 6),
        "candidate_rate": round(case.rates[1], 6),
        "estimate": round(test.estimate, 6),
        "low": round(test.low, 6),
        "high": round(test.high, 6),
        "p_above": float(f"{test.p:.3g}"),
        "holm": float(f"{p:.3g}"),
        "clusters": case.clusters,
        "pairs" if rule.margin is not None else "answers_counted": case.pairs,
        "needed": _amounts(case, samples) if outcome is Outcome.UNDERPOWERED else None,
    }


def _amounts(case: _Case, samples: int | None) -> dict[str, int | None]:
    """Clusters in all, and samples a prompt, that would decide; None where they cannot."""
    import math

    times, more = case.needed.times, case.needed.samples
    clusters = None if times is None else math.ceil(case.clusters * times)
    if clusters is not None:
        clusters = max(clusters, case.rule.min_clusters)
    wanted = None if more is None or not samples else math.ceil(samples * more)
    if not case.test.enough:
        wanted = None
    return {"clusters": clusters, "samples": wanted}


def _why(case: _Case, outcome: Outcome, p: float, samples: int | None) -> str:
    test, rule = case.test, case.rule
    what = "difference" if rule.margin is not None else "rate"
    bound = f"the {'margin' if rule.margin is not None else 'ceiling'} {test.bound:g}"
    if outcome is Outcome.PASS:
        return f"upper bound {test.high:.3f} of the {what} lies under {bound}"
    if outcome is Outcome.FAILED:
        return f"the {what} {test.estimate:.3f} lies above {bound} (Holm-adjusted p {p:.2g})"
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
        ways.append(f"{amounts['samples']} samples a prompt (--seeds) instead of {samples}")
    return (
        f"{between}; if it is truly {test.estimate:.3f}, {' or '.join(ways)} would decide "
        f"with {POWER:.0%} power"
    )


def _reason(outcome: Outcome, rules: Sequence[dict[str, Any]]) -> str:
    of = f"of {len(rules)} rules"
    if outcome is Outcome.PASS:
        return f"all {len(rules)} rules pass"
    named = [rule["id"] for rule in rules if rule["outcome"] == str(outcome)]
    word = "failed" if outcome is Outcome.FAILED else "could not be decided"
    return f"{len(named)} {of} {word}: {', '.join(named)}"


def _name(baseline: Path, candidate: Path, policy: PolicySpec) -> str:
    names = [slug(path.resolve().parent.name) for path in (baseline, candidate)]
    key = content_hash(*(path.resolve().name for path in (baseline, candidate)),
                       policy.model_dump_json())  # fmt: skip
    return f"{names[0]}-vs-{names[1]}-{key}"
