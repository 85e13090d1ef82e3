import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.core.seeds import derive_seed
from harness.stats.intervals import CONFIDENCE, grouped_rates, macro_average, wilson


def one_group(events_C, totals_C, **options):
    """The estimate of a single group from events and answers of each cluster."""
    events, totals = np.asarray(events_C, float), np.asarray(totals_C, float)
    group = np.zeros(len(events), dtype=int)
    return grouped_rates(group, np.arange(len(events)), events, totals, groups=1, **options)


def test_wilson_is_statsmodels_wilson():
    for events, n in ((0, 10), (3, 20), (50, 100), (99, 100)):
        low, high = wilson(np.array([events / n]), np.array([n]), stats.norm.ppf(0.975))
        assert (low[0], high[0]) == pytest.approx(proportion_confint(events, n, method="wilson"))


def test_clusters_of_one_answer_give_wilson_with_a_t_quantile():
    events = np.array([1] * 40 + [0] * 60)
    found = one_group(events, np.ones(100)).estimate(0)
    n = 100 * (1 - 1 / 100)  # the sample variance has n - 1 in it
    want = wilson(np.array([0.4]), np.array([n]), stats.t.ppf(0.975, 99))
    assert (found.low, found.high) == pytest.approx((want[0][0], want[1][0]))
    # and that is close to the textbook interval of independent answers
    assert (found.low, found.high) == pytest.approx(
        proportion_confint(40, 100, method="wilson"), abs=0.005
    )


def test_equal_answers_within_clusters_count_once():
    whole = np.array([1.0] * 15 + [0.0] * 25)
    once = one_group(whole, np.ones(40)).estimate(0)
    eight = one_group(whole * 8, np.full(40, 8.0)).estimate(0)
    assert (eight.low, eight.high) == pytest.approx((once.low, once.high))
    assert (eight.n, once.n) == (320, 40)
    assert eight.clusters == once.clusters == 40


def test_variance_equals_the_cluster_robust_regression_of_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(derive_seed(1, "robust"))
    sizes = rng.integers(1, 12, 30)
    cluster = np.repeat(np.arange(30), sizes)
    y = (rng.random(len(cluster)) < rng.beta(2, 2, 30)[cluster]).astype(float)
    rates = grouped_rates(np.zeros(len(y), int), cluster, y, np.ones(len(y)), groups=1)
    fit = sm.OLS(y, np.ones(len(y))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    m = 30
    assert (rates.influence**2).sum() == pytest.approx(fit.bse[0] ** 2 * m / (m - 1))


@pytest.mark.parametrize("clusters", [1, 5, 40])
def test_without_events_the_bound_is_exact_on_clusters(clusters):
    none = one_group(np.zeros(clusters), np.full(clusters, 8.0)).estimate(0)
    want = proportion_confint(0, clusters, method="beta")
    assert (none.rate, none.low, none.high) == pytest.approx((0, 0, want[1]))
    every = one_group(np.full(clusters, 8.0), np.full(clusters, 8.0)).estimate(0)
    assert (every.rate, every.low, every.high) == pytest.approx((1, 1 - want[1], 1))


def test_one_cluster_with_both_says_nothing():
    found = one_group([3.0], [8.0]).estimate(0)
    assert (found.rate, found.low, found.high) == (0.375, 0.0, 1.0)


def test_clusters_that_agree_by_chance_give_no_empty_interval():
    found = one_group(np.full(30, 4.0), np.full(30, 8.0)).estimate(0)
    assert found.high - found.low > 0.05


def test_nothing_counted_has_no_rate_but_its_unscored():
    found = one_group([0.0, 0.0], [0.0, 0.0], unscored=np.array([1.0, 2.0])).estimate(0)
    assert (found.rate, found.low, found.high, found.n, found.clusters) == (None, None, None, 0, 0)
    assert found.unscored == 3


def simulated(clusters, rate, correlation, repetitions, *, size=8):
    """Events per cluster [repetitions, clusters], beta-binomial."""
    rng = np.random.default_rng(derive_seed(2, clusters, rate, correlation))
    chance = np.full((repetitions, clusters), rate)
    if correlation:
        total = 1 / correlation - 1
        chance = rng.beta(rate * total, (1 - rate) * total, (repetitions, clusters))
    return rng.binomial(size, chance)


@pytest.mark.parametrize("clusters", [20, 40, 80])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("correlation", [0, 0.2, 0.5])
def test_intervals_cover_the_truth(clusters, rate, correlation):
    repetitions = 4000
    events = simulated(clusters, rate, correlation, repetitions)
    found = grouped_rates(
        np.repeat(np.arange(repetitions), clusters),
        np.tile(np.arange(clusters), repetitions),
        events.ravel().astype(float),
        np.full(events.size, 8.0),
        groups=repetitions,
    )
    coverage = ((found.low <= rate) & (rate <= found.high)).mean()
    assert 0.935 <= coverage <= 0.99


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("rates", [(0.5,) * 6, (0.05, 0.1, 0.3, 0.5, 0.9, 0.95)])
def test_the_macro_interval_covers_the_truth(shared, rates):
    rng = np.random.default_rng(derive_seed(3, shared, rates))
    clusters, repetitions, hits = 40, 400, 0
    edges = stats.norm.ppf(rates)
    for _ in range(repetitions):
        common = np.tile(rng.normal(size=clusters), (len(rates), 1))
        entity = common if shared else rng.normal(size=(len(rates), clusters))
        noise = rng.normal(size=(len(rates), clusters, 8))
        made_up = 0.6 * entity[:, :, None] + 0.8 * noise < edges[:, None, None]
        group, cluster = np.divmod(np.arange(len(rates) * clusters), clusters)
        cluster = cluster if shared else cluster + group * clusters
        found = macro_average(
            grouped_rates(group, cluster, made_up.sum(2).ravel().astype(float),
                          np.full(len(group), 8.0), groups=len(rates))
        )  # fmt: skip
        hits += found.low <= np.mean(rates) <= found.high
    assert 0.92 <= hits / repetitions <= 0.985


def test_macro_average_is_the_mean_of_suites_not_of_answers():
    group = np.array([0, 0, 1, 1])
    rates = grouped_rates(
        group,
        np.arange(4),
        np.array([1.0, 0.0, 90.0, 90.0]),
        np.array([1.0, 1.0, 100.0, 100.0]),
        groups=2,
    )
    found = macro_average(rates)
    assert found.rate == pytest.approx((0.5 + 0.9) / 2)
    assert (found.n, found.clusters, found.suites, found.events) == (202, 4, 2, 181)


def test_macro_average_of_one_suite_is_that_suite():
    rates = one_group([2.0, 5.0, 1.0, 0.0] * 10, np.full(40, 8.0))
    one, all_ = rates.estimate(0), macro_average(rates)
    assert (all_.rate, all_.low, all_.high) == pytest.approx((one.rate, one.low, one.high))


def test_suites_at_their_limits_bring_in_their_exact_bounds():
    group = np.repeat([0, 1], 40)
    events = np.repeat([0.0, 8.0], 40)
    found = macro_average(
        grouped_rates(group, np.arange(80), events, np.full(80, 8.0), groups=2)
    )  # fmt: skip
    bound = proportion_confint(0, 40, method="beta")[1]
    assert found.rate == 0.5
    assert found.high - 0.5 == pytest.approx(bound / 2)
    assert 0.5 - found.low == pytest.approx(bound / 2)


def test_silent_suites_over_the_same_entities_are_one_witness():
    group, same = np.repeat([0, 1], 40), np.tile(np.arange(40), 2)
    zeros, totals = np.zeros(80), np.full(80, 8.0)
    apart = macro_average(grouped_rates(group, np.arange(80), zeros, totals, groups=2))
    shared = macro_average(grouped_rates(group, same, zeros, totals, groups=2))
    assert shared.high == pytest.approx(proportion_confint(0, 40, method="beta")[1])
    assert apart.high < shared.high


def test_confidence_is_ninety_five_percent():
    assert CONFIDENCE == 0.95
