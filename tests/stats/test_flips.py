import numpy as np
import pytest

from harness.core.seeds import derive_seed
from harness.stats.flips import (
    clustered_mean,
    drift_over_time,
    greedy_flips,
    half_flips,
    majority_flips,
)


def test_greedy_flips_go_both_ways_and_unscored_answers_make_no_call(table, question):
    a, b, c, d = (question(name) for name in "abcd")
    first = table([(a, "g", {}), (b, "h", {}), (c, "h", {}), (d, "g", {})])
    second = table([(a, "h", {}), (b, "r", {}), (c, "h", {}), (d, "?", {})])
    found = greedy_flips(first, second)
    assert found.became == (("in_domain", "a", "bare"),)
    assert found.stopped == (("in_domain", "b", "bare"),)
    assert (found.rate.events, found.rate.n) == (2, 3)


def test_the_majority_of_the_samples_decides_and_a_tie_makes_no_call(table, question):
    a, b = question("a"), question("b")
    first = table([(a, "ghhg?", {"first": 0}), (b, "hgg", {"first": 1})])
    second = table([(a, "hggg", {"first": 0}), (b, "hhg", {"first": 1})])
    found = majority_flips(first, second)
    assert found.stopped == (("in_domain", "a", "bare"),)  # greedy answers are not counted
    assert found.became == (("in_domain", "b", "bare"),)
    tied = table([(a, "hg", {"first": 1})])
    assert majority_flips(tied, second).rate.n == 0


def test_halves_tell_what_sampling_alone_flips(table, question):
    rng = np.random.default_rng(derive_seed(1, "halves"))
    questions = [question(f"q{i}") for i in range(80)]

    def audit(chance):
        return table([
            (one, "".join("hg"[int(x > chance)] for x in rng.random(4)), {"first": 1})
            for one in questions
        ])  # fmt: skip

    same = half_flips(audit(0.5), audit(0.5))
    assert same.between.rate == pytest.approx((same.first.rate + same.second.rate) / 2, abs=0.12)
    steady = half_flips(audit(0.0), audit(1.0))
    assert (steady.between.rate, steady.first.rate, steady.second.rate) == (1.0, 0.0, 0.0)
    greedy_only = table([(questions[0], "h", {})])
    assert half_flips(greedy_only, greedy_only) is None


def two_audits(table, question, rng, shift, cells=150):
    questions = [question(f"q{i}", cluster=f"c{i // 3}") for i in range(cells)]
    chances = rng.random(cells)
    tables = []
    for extra in (0.0, shift):
        rows = []
        for one, chance in zip(questions, chances, strict=True):
            draws = rng.random(4) < min(chance + extra, 1)
            rows.append((one, "".join("gh"[int(x)] for x in draws), {"first": 1}))
        tables.append(table(rows))
    return tables


def test_drift_over_time_is_nothing_beyond_sampling_for_one_model(table, question):
    rng = np.random.default_rng(derive_seed(2, "time"))
    found = drift_over_time(*two_audits(table, question, rng, 0.0))
    assert found.excess.low < 0 < found.excess.high
    assert found.between.value == pytest.approx(found.within.value, abs=0.08)
    moved = drift_over_time(*two_audits(table, question, rng, 0.6))
    assert moved.excess.low > 0


def test_samples_drawn_from_one_stream_are_not_paired_with_themselves(table, question):
    rng = np.random.default_rng(derive_seed(3, "stream"))
    once, _ = two_audits(table, question, rng, 0.0)
    found = drift_over_time(once, once)
    assert found.excess.value == pytest.approx(0.0, abs=1e-12)
    assert found.between.value > 0.1


def test_one_sample_shows_no_drift(table, question):
    alone = table([(question("a"), "h", {"first": 1})])
    assert drift_over_time(alone, alone) is None


def test_a_clustered_mean_of_single_values_is_the_t_interval():
    from scipy import stats

    values = np.random.default_rng(derive_seed(4, "mean")).normal(size=30)
    found = clustered_mean(values, np.arange(30))
    want = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((want.low, want.high))
    assert clustered_mean(values, np.zeros(30, dtype=int)).low is None
