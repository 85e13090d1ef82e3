import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.core.seeds import derive_seed
from harness.stats.paired import holm, holm_adjusted, paired_rates, rates_of_pairs
from harness.stats.pairs import Pairs, pair_cells
from harness.stats.power import needed, smallest_detectable
from harness.stats.rates import METRICS
from harness.stats.tables import sampled
from harness.stats.train_seeds import with_seeds

HALLUCINATION = METRICS["hallucination"]


def drawn(rates, *labels, clusters=40, size=8, tables=1, icc=0.2):
    """Shares of both sides per pair, [tables, clusters * size], with shared chances."""
    rng = np.random.default_rng(derive_seed(5, *map(str, (rates, clusters, tables, *labels))))
    total = 1 / icc - 1
    uniform = rng.random((tables, clusters))
    sides = []
    for rate in rates:
        chance = stats.beta.ppf(uniform, rate * total, (1 - rate) * total)
        sides.append((rng.random((tables, clusters, size)) < chance[:, :, None]).astype(float))
    return sides


def paired(first, second):
    """Paired rates, a group a table, from shares [tables, clusters, size]."""
    tables, clusters, size = first.shape
    group = np.repeat(np.arange(tables), clusters)
    cluster = np.tile(np.arange(clusters), tables)
    sums = (side.sum(2).ravel() for side in (first, second))
    return paired_rates(group, cluster, *sums, np.full(len(group), float(size)), groups=tables)


def test_variance_is_the_cluster_robust_variance_of_the_mean_difference():
    import statsmodels.api as sm

    first, second = drawn((0.2, 0.4), "robust")
    d = (second - first)[0].ravel()
    cluster = np.repeat(np.arange(40), 8)
    fit = sm.OLS(d, np.ones(len(d))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    found = paired(first, second).contrasts()
    assert found.difference[0] == pytest.approx(d.mean())
    assert found.variance[0] == pytest.approx(fit.bse[0] ** 2 * 40 / 39)


def test_without_events_on_either_side_the_bounds_are_exact_on_clusters():
    none = np.zeros((1, 40, 8))
    low, high = paired(none, none).limits(0.95)
    bound = proportion_confint(0, 40, method="beta")[1]
    assert (low[0], high[0]) == pytest.approx((-bound, bound))
    every = np.ones((1, 40, 8))
    low, high = paired(none, every).limits(0.95)
    assert 1 - np.sqrt(2) * bound == pytest.approx(low[0])


def test_sides_swapped_mirror_the_interval():
    first, second = drawn((0.1, 0.3), "mirror")
    low, high = paired(first, second).limits(0.9)
    back_low, back_high = paired(second, first).limits(0.9)
    assert (low[0], high[0]) == pytest.approx((-back_high[0], -back_low[0]))


def test_p_and_interval_never_contradict_each_other():
    first, second = drawn((0.2, 0.3), "agree", tables=200)
    contrasts = paired(first, second).contrasts(detectable=False)
    low, high = contrasts.limits(0.95)
    above = contrasts.p_above(0.0)
    p = 2 * np.minimum(above, 1 - above)
    clear = np.abs(p - 0.05) > 1e-6
    outside = (low > 0) | (high < 0)
    assert ((p < 0.05) == outside)[clear].all()
    assert 0 < outside.mean() < 1


def test_intervals_of_differences_cover_the_truth():
    for rates in ((0.1, 0.1), (0.1, 0.2), (0.5, 0.5)):
        first, second = drawn(rates, "cover", tables=1500)
        low, high = paired(first, second).limits(0.95)
        difference = rates[1] - rates[0]
        held = ((low <= difference) & (difference <= high)).mean()
        assert 0.93 <= held <= 0.975, (rates, held)


def test_a_macro_of_one_suite_is_that_suite_and_of_two_their_mean():
    first, second = drawn((0.2, 0.4), "macro", tables=2)
    rates = paired(first, second)
    alone, both = rates.macro([[0]]), rates.macro([[0, 1]])
    low, high = rates.limits(0.95)
    assert (alone.limits(0.95)[0][0], alone.limits(0.95)[1][0]) == pytest.approx((low[0], high[0]))
    assert both.difference[0] == pytest.approx(rates.contrasts().difference.mean())
    assert both.suites[0] == 2
    single = rates.contrasts().estimates(margin=0.1)[0]
    assert alone.estimates(margin=0.1)[0].p == pytest.approx(single.p, rel=1e-3)


def test_at_the_smallest_detectable_difference_the_power_is_as_stated():
    first, second = drawn((0.3, 0.3), "plan", clusters=60, tables=300)
    rates = paired(first, second)
    stated = float(np.median(smallest_detectable(rates, [[i] for i in range(300)])))
    first, second = drawn((0.3, 0.3 + stated), "power", clusters=60, tables=1500)
    low, high = paired(first, second).limits(0.95)
    assert 0.72 <= ((low > 0) | (high < 0)).mean() <= 0.88


def test_equivalence_needs_the_interval_within_the_margin():
    first, _ = drawn((0.3, 0.3), "equal", clusters=200)
    one = paired(first, first).contrasts().estimates(margin=0.05)[0]
    assert one.equivalent
    assert not paired(first, first).contrasts().estimates(margin=1e-9)[0].equivalent


def test_holm_is_over_those_that_have_a_p():
    assert holm_adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm_adjusted([]) == []
    from statsmodels.stats.multitest import multipletests

    for n in (1, 2, 7, 40):
        p = np.random.default_rng(n).random(n).round(2) ** 3  # some are tied
        assert holm_adjusted(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)
    first, second = drawn((0.2, 0.5), "holm", tables=3)
    found = holm(paired(first, second).contrasts().estimates(margin=0.05))
    assert all(one.holm >= one.p for one in found)


def test_samples_are_averaged_and_what_has_no_partner_is_counted(table, question):
    a, b, c = question("a"), question("b"), question("c")
    first = table([(a, "hhgg", {"first": 1}), (b, "hh", {"first": 1}), (c, "??", {"first": 1})])
    second = table([(a, "g", {"first": 1}), (c, "hg", {"first": 1})])
    pairs = pair_cells([sampled(first)], [sampled(second)], HALLUCINATION)
    assert pairs.table["question_id"].tolist() == ["a"]
    assert (pairs.table["first"][0], pairs.table["second"][0]) == (0.5, 0.0)
    assert (pairs.unpaired, pairs.unscored) == (1, 1)
    assert np.isnan(pairs.table["noise"][0])  # one sample tells nothing of its noise
    swapped = pair_cells([sampled(second)], [sampled(first)], HALLUCINATION)
    assert swapped.table["first"][0] == 0.0


def test_nothing_in_common_is_no_pair(table, question):
    one = table([(question("a"), "hh", {"first": 1})])
    other = table([(question("b"), "hh", {"first": 1})])
    pairs = pair_cells([sampled(one)], [sampled(other)], HALLUCINATION)
    assert (len(pairs.table), pairs.unpaired) == (0, 2)


def test_the_noise_of_few_samples_is_unbiased():
    rng = np.random.default_rng(derive_seed(6, "noise"))
    p, n = 0.3, 4
    shares = rng.binomial(n, p, 40_000) / n
    assert (shares * (1 - shares) / (n - 1)).mean() == pytest.approx(p * (1 - p) / n, rel=0.02)


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(derive_seed(7, "order"))
    frame = pd.DataFrame(
        {
            "suite": "s", "question_id": [f"q{i}" for i in range(60)], "variant": "v",
            "cluster": [f"c{i % 20}" for i in range(60)],
            "first": rng.random(60).round(1), "second": rng.random(60).round(1), "noise": 0.1,
        }
    )  # fmt: skip

    def estimate(rows):
        runs = rows[["first"]].to_numpy().T, rows[["second"]].to_numpy().T
        pairs = Pairs(table=rows.reset_index(drop=True), first_runs=runs[0],
                      second_runs=runs[1], unpaired=0, unscored=0)  # fmt: skip
        return rates_of_pairs(pairs, ["suite"])[1].contrasts().estimates(margin=0.05)[0]

    one, other = estimate(frame), estimate(frame.sample(frac=1, random_state=1))
    assert (one.low, one.high, one.p) == pytest.approx((other.low, other.high, other.p))


def test_what_is_needed_shrinks_with_the_distance_and_knows_when_samples_cannot_help():
    width = {"half_width": 0.05, "variance": 0.03**2}
    near = needed(difference=0.01, margin=0.03, noise=0.0, **width)
    far = needed(difference=0.0, margin=0.05, noise=0.0, **width)
    assert near.times > far.times > 1
    assert near.samples is None
    assert needed(difference=0.03, margin=0.03, noise=0.0, **width).times is None
    noisy = needed(difference=0.0, margin=0.05, noise=0.9 * 0.03**2, **width)
    assert noisy.samples > noisy.times


def test_training_seeds_give_the_welch_test_where_questions_have_no_scatter():
    constant = np.zeros((1, 40, 8))
    contrasts = paired(constant, constant).contrasts()
    first, second = np.array([[0.1], [0.2], [0.15]]), np.array([[0.5], [0.7], [0.9]])
    flat = with_seeds(
        type(contrasts)(**{**vars(contrasts), "first": first.mean(0), "second": second.mean(0),
                           "variance": np.zeros(1),
                           "limits": lambda c: (second.mean(0) - first.mean(0),) * 2}),
        first, second,
    )  # fmt: skip
    want = stats.ttest_ind(second[:, 0], first[:, 0], equal_var=False)
    interval = want.confidence_interval()
    low, high = flat.limits(0.95)
    assert (low[0], high[0]) == pytest.approx((interval.low, interval.high))
    assert flat.freedom[0] == pytest.approx(want.df)


def test_intervals_over_training_seeds_are_never_narrower_than_of_the_checkpoints():
    first, second = drawn((0.3, 0.5), "seeds")
    contrasts = paired(first, second).contrasts()
    rates = np.array([[0.3], [0.31]]), np.array([[0.5], [0.5]])
    low, high = with_seeds(contrasts, *rates).limits(0.95)
    plain_low, plain_high = contrasts.limits(0.95)
    assert low[0] <= plain_low[0]
    assert high[0] >= plain_high[0]
