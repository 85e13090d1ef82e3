import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from harness.core.seeds import derive_seed
from harness.stats.signals import (
    POINTS,
    SIGNALS,
    auroc,
    half_of,
    risk_curve,
    warning_signals,
    with_signals,
)
from harness.stats.tables import greedy, sampled, verdict_table


def drawn(seed, *, clusters=60, size=8, shift=1.0, rate=0.4):
    """Scores, hallucinated or not, clusters; both share a normal effect of the cluster."""
    rng = np.random.default_rng(derive_seed(seed, "signals"))
    cluster = np.repeat(np.arange(clusters), size)
    y = (rng.random(len(cluster)) < rng.beta(rate * 3, (1 - rate) * 3, clusters)[cluster]) * 1.0
    score = rng.normal(size=clusters)[cluster] * 0.7 + rng.normal(size=len(cluster)) + shift * y
    return score, y, cluster


@pytest.mark.parametrize("digits", [12, 0])  # without ties, and with many
def test_auroc_is_that_of_scikit_learn(digits):
    score, y, cluster = drawn(1)
    score = score.round(digits)
    found = auroc(score, y, cluster)
    assert found.value == pytest.approx(roc_auc_score(y, score))
    assert found.low < found.value < found.high


def test_the_interval_of_auroc_holds_the_truth_although_answers_are_clustered():
    from scipy import stats

    truth = stats.norm.cdf(1.0 / np.sqrt(2 * (0.7**2 + 1)))  # two answers of two clusters
    held = []
    for seed in range(300):
        found = auroc(*drawn(seed))
        held.append(found.low <= truth <= found.high)
    assert 0.91 <= np.mean(held) <= 0.985


def test_clusters_make_the_interval_wider():
    score, y, cluster = drawn(2)
    alone = auroc(score, y, np.arange(len(y)))
    together = auroc(score, y, cluster)
    assert together.high - together.low > alone.high - alone.low


def test_without_both_kinds_there_is_no_auroc():
    score, y, cluster = drawn(3)
    assert auroc(score, np.ones_like(y), cluster).value is None
    assert auroc(y, y, cluster).value == 1


def test_risk_grows_with_what_is_kept_and_ties_count_as_their_mean():
    hits, kept = risk_curve(np.array([3.0, 1.0, 2.0, 2.0]), np.array([1.0, 0.0, 1.0, 0.0]))
    assert list(hits) == [0, 0.5, 1, 2]
    assert list(kept) == [1, 2, 3, 4]


@pytest.fixture
def made(question, graded, answer):
    """A table of 40 entities whose hallucinated answers say so by their log-probabilities."""

    def build(seed=0, noise=0.3):
        rng = np.random.default_rng(derive_seed(seed, "warned"))
        rows, answers, questions = [], [], []
        for i in range(40):
            asked = question(f"q{i:02d}", cluster=f"c{i:02d}")
            questions.append(asked)
            for variant in "ab":
                letters = "".join(rng.choice(list("gggh?"), 5))
                for row in graded(asked, letters, variant=variant):
                    rows.append(row)
                    made_up = row.verdict == "hallucinated"
                    mean = -0.2 - 1.0 * made_up - noise * rng.exponential()
                    answers.append(answer(row, logprobs=(mean, mean * 1.5)))
        return verdict_table(rows, questions, answers)

    return build


def test_signals_of_one_prompt_by_hand(question, graded, answer):
    rows = graded(question("q"), "ggrh?")
    logprobs = [(-1.0, -3.0), (-1.0,), (-2.0,), (-3.0,), (-4.0,)]
    answers = [answer(row, logprobs=one) for row, one in zip(rows, logprobs, strict=True)]
    table = verdict_table(rows, [question("q")], answers)
    found = with_signals(table, sampled(table))
    assert list(found["mean_logprob"]) == [-1, -2, -3, -4]
    assert list(found["agreement"]) == [0, 0, 0, 0]
    assert found["semantic_entropy"].tolist() == pytest.approx([np.log(4)] * 4)
    assert found["predictive_entropy"].tolist() == pytest.approx([2.5] * 4)
    alone = with_signals(table, greedy(table)).iloc[0]
    assert (alone["min_logprob"], alone["mean_logprob"]) == (-3, -2)
    assert alone["agreement"] == pytest.approx(1 / 4)  # of all four samples, one says the same


def test_agreement_counts_the_other_samples(question, table):
    rows = table([(question("q"), "rhrrr", {})])
    assert with_signals(rows, sampled(rows))["agreement"].tolist() == pytest.approx(
        [0, 2 / 3, 2 / 3, 2 / 3]
    )


def test_a_lone_sample_agrees_with_nothing(question, table):
    rows = table([(question("q"), "gh", {})])
    found = with_signals(rows, sampled(rows))
    assert found[["agreement", "semantic_entropy", "predictive_entropy"]].isna().all(axis=None)


def test_a_signal_that_tells_gives_a_threshold_that_holds_on_the_other_half(made):
    table = made()
    found = warning_signals(table, sampled(table))["mean_logprob"]
    assert found.auroc.value > 0.95
    at = found.thresholds[0.05]
    assert at.kept_chosen.rate <= 0.05
    assert at.kept_shown.rate <= 0.2
    assert 0.5 < at.coverage_shown.rate < 1
    rows = sampled(table)
    rows = rows[rows["verdict"] != "unscored"]
    other = rows[[half_of(name) == 1 for name in rows["cluster"]]]
    kept = other[other["mean_logprob"] >= at.value]
    assert (at.kept_shown.n, at.coverage_shown.n) == (len(kept), len(other))
    assert at.kept_shown.events == (kept["verdict"] == "hallucinated").sum()


def test_the_other_half_has_no_say_in_the_threshold(made):
    table = made()
    changed = table.copy()
    other = [half_of(name) == 1 for name in table["cluster"]]
    changed.loc[other, "verdict"] = "hallucinated"
    before, after = (
        warning_signals(one, sampled(one))["mean_logprob"].thresholds[0.1]
        for one in (table, changed)
    )
    assert after.value == before.value
    assert after.kept_shown.rate == 1


def test_no_threshold_where_no_signal_tells(made):
    table = made()
    table["mean_logprob"] = 0.0
    found = warning_signals(table, sampled(table))["mean_logprob"]
    assert found.auroc.value == 0.5
    assert found.auroc.low is not None
    assert found.thresholds[0.05] is None


def test_the_curve_ends_at_the_plain_rate_and_its_area_is_its_mean(made):
    table = made()
    rows = sampled(table)
    for found in warning_signals(table, rows).values():
        assert len(found.curve) == len(POINTS)
        assert found.curve[-1][1] == pytest.approx(found.events / found.n)
        assert found.aurc.low <= found.aurc.value <= found.aurc.high
        assert all(low <= risk <= high for _, risk, low, high in found.curve[10:])


def test_every_entity_stays_in_its_half():
    halves = [half_of(f"entity {i}") for i in range(400)]
    assert 160 < sum(halves) < 240
    assert halves == [half_of(f"entity {i}") for i in range(400)]


def test_answers_without_log_probabilities_are_counted_as_missing(made):
    table = made()
    table.loc[table.index[:50], ["mean_logprob", "min_logprob"]] = np.nan
    found = warning_signals(table, sampled(table))["min_logprob"]
    assert found.missing > 0
    table[["mean_logprob", "min_logprob"]] = np.nan
    assert set(warning_signals(table, sampled(table))) == {"agreement", "semantic_entropy"}


def test_every_signal_says_what_it_means():
    assert all(signal.meaning.endswith(".") for signal in SIGNALS.values())
