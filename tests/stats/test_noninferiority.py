from dataclasses import replace

import numpy as np
import pytest

from harness.core.seeds import derive_seed
from harness.stats.noninferiority import Outcome, RuleTest, judge, one_sided, overall
from harness.stats.paired import paired_rates

PASS, FAILED, UNDERPOWERED = Outcome.PASS, Outcome.FAILED, Outcome.UNDERPOWERED


def case(low, high, p, *, enough=True, bound=0.05):
    return RuleTest(estimate=(low + high) / 2, low=low, high=high, bound=bound, p=p,
                confidence=0.95, enough=enough)  # fmt: skip


CASES = [
    ([case(-0.1, 0.04, 0.99)], [PASS], PASS),
    ([case(-0.1, 0.05, 0.95)], [UNDERPOWERED], UNDERPOWERED),  # the bound itself is not under
    ([case(0.06, 0.2, 0.01)], [FAILED], FAILED),
    ([case(0.06, 0.2, 0.03), case(-0.1, 0.04, 0.99)], [UNDERPOWERED, PASS], UNDERPOWERED),  # Holm
    ([case(0.06, 0.2, 0.01), case(-0.1, 0.1, 0.5)], [FAILED, UNDERPOWERED], FAILED),
    ([case(-0.1, 0.04, 0.99, enough=False)], [UNDERPOWERED], UNDERPOWERED),
    ([case(0.06, 0.2, 0.01, enough=False)], [UNDERPOWERED], UNDERPOWERED),
]


def good(low, high, p, **more):
    return replace(case(low, high, p, bound=-0.05, **more), higher_is_better=True)


CASES += [
    ([good(-0.04, 0.1, 0.99)], [PASS], PASS),
    ([good(-0.05, 0.1, 0.95)], [UNDERPOWERED], UNDERPOWERED),  # the bound itself is not above
    ([good(-0.2, -0.06, 0.01)], [FAILED], FAILED),
    ([good(-0.2, -0.06, 0.03), case(-0.1, 0.04, 0.9)], [UNDERPOWERED, PASS], UNDERPOWERED),  # Holm
    ([good(-0.04, 0.1, 0.99, enough=False)], [UNDERPOWERED], UNDERPOWERED),
]


@pytest.mark.parametrize(("tests", "each", "whole"), CASES)
def test_outcomes_of_rules_and_of_the_gate(tests, each, whole):
    found, _ = judge(tests)
    assert found == each
    assert overall(found) is whole


def test_a_fall_of_good_things_is_judged_as_the_rise_of_their_absence():
    rng = np.random.default_rng(3)
    sides = [rng.binomial(8, rate, (60, 40)).astype(float).ravel() for rate in (0.2, 0.26)]
    group, cluster = np.divmod(np.arange(60 * 40), 40)
    full = np.full(len(group), 8.0)
    bad = paired_rates(group, cluster, *sides, full, groups=60).contrasts(detectable=False)
    fine = paired_rates(group, cluster, *(8 - side for side in sides), full, groups=60)
    fine = fine.contrasts(detectable=False)
    high, low = one_sided(bad.limits, 0.95)[1], one_sided(fine.limits, 0.95)[0]
    assert np.allclose(high, -low)
    assert np.allclose(bad.p_above(0.05), 1 - fine.p_above(-0.05), atol=1e-9)


def test_no_rule_is_no_pass():
    assert judge([]) == ([], [])
    assert overall([]) is UNDERPOWERED


def simulated(rates, gates, suites, *, clusters=40):
    rng = np.random.default_rng(derive_seed(8, *map(str, (rates, gates, suites))))
    tables = gates * suites
    sides = [rng.binomial(8, rate, (tables, clusters)).astype(float).ravel() for rate in rates]
    group, cluster = np.divmod(np.arange(tables * clusters), clusters)
    return paired_rates(group, cluster, *sides, np.full(len(group), 8.0), groups=tables)


def ends(rates, margin, gates, suites):
    paired = simulated(rates, gates, suites)
    contrasts = paired.contrasts(detectable=False)
    low, high = one_sided(contrasts.limits, 0.95)
    p = contrasts.p_above(margin)
    found = []
    for start in range(0, gates * suites, suites):
        tests = [case(low[i], high[i], p[i], bound=margin) for i in range(start, start + suites)]
        found.append(overall(judge(tests)[0]))
    return found, paired


def test_a_model_at_the_margin_seldom_passes_and_one_against_itself_seldom_fails():
    at_margin = simulated((0.2, 0.25), 1000, 1).contrasts(detectable=False)
    assert (one_sided(at_margin.limits, 0.95)[1] < 0.05).mean() < 0.075
    itself, paired = ends((0.2, 0.2), 1e-6, 30, 5)
    assert itself.count(FAILED) / 30 < 0.2
    # Holm rejects something just when one bound at the divided level does: the shortcut of
    # bench/gate_simulation.py
    low = paired.limits(1 - 2 * 0.05 / 5)[0].reshape(-1, 5)
    assert ((low > 1e-6).any(1) == np.array([one is FAILED for one in itself])).all()
