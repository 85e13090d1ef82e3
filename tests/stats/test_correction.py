import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from harness.stats.correction import (
    ROGAN_GLADEN,
    TWO_PHASE,
    Accuracy,
    Answers,
    Labels,
    accuracy,
    mean_of,
    not_corrected,
    observed,
    rogan_gladen,
    two_phase,
)
from harness.stats.shares import Share, jeffreys

BENCH = Path(__file__).parents[2] / "bench" / "correction_simulation.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("correction_simulation", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(said: int, others: int) -> Answers:
    """That many answers on either side, each in a cluster of its own."""
    flags = np.array([True] * said + [False] * others)
    return Answers(said=flags, weight=np.ones(len(flags)), cluster=np.arange(len(flags)))


def labels(of: Answers, right: int, wrong: int, missed: int, clear: int) -> Labels:
    """Labels by the grader's word and the truth; weights fill the strata."""
    said = np.array([True] * (right + wrong) + [False] * (missed + clear))
    truth = np.array([1.0] * right + [0.0] * wrong + [1.0] * missed + [0.0] * clear)
    sizes = [max((said == side).sum(), 1) for side in (True, False)]
    strata = [of.said.sum() / sizes[0], (~of.said).sum() / sizes[1]]
    at = np.concatenate([np.arange(right + wrong), of.said.sum() + np.arange(missed + clear)])
    weight = np.where(said, *strata)
    return Labels(said=said, truth=truth, weight=weight, cluster=of.cluster[at])


def known(se: float, n_se: float, sp: float, n_sp: float) -> Accuracy:
    def share(rate, n):
        low, high = jeffreys(rate * n, n)
        return Share(rate=rate, low=low, high=high, effective=n)

    return Accuracy(sensitivity=share(se, n_se), specificity=share(sp, n_sp), labels=100)


def test_two_phase_is_the_sum_over_what_the_grader_said():
    of = answers(400, 600)
    found = two_phase(of, labels(of, right=50, wrong=50, missed=10, clear=90))
    assert found.rate == pytest.approx(0.4 * 0.5 + 0.6 * 0.1)
    assert 0.2 < found.low < 0.22 and 0.31 < found.high < 0.33
    assert (found.method, found.labels) == (TWO_PHASE, 200)


def test_a_grader_that_is_always_right_is_not_corrected_away():
    of = answers(300, 700)
    found = two_phase(of, labels(of, right=100, wrong=0, missed=0, clear=100))
    assert found.rate == pytest.approx(0.3)
    assert found.low < 0.28 and found.high > 0.31  # labels are few: not as sure as the grader


def test_a_grader_that_is_always_wrong_is_turned_round():
    of = answers(300, 700)
    found = two_phase(of, labels(of, right=0, wrong=100, missed=100, clear=0))
    assert found.rate == pytest.approx(0.7)
    assert 0 <= found.low < 0.7 < found.high <= 1


def test_more_labels_make_the_interval_narrower():
    of = answers(2000, 3000)
    widths = []
    for times in (1, 4, 16):
        found = two_phase(of, labels(of, 20 * times, 5 * times, 2 * times, 23 * times))
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < widths[0] / 2


def test_two_people_who_differ_count_half_each():
    of = answers(400, 600)
    one = labels(of, right=50, wrong=50, missed=0, clear=100)
    split = Labels(said=one.said, truth=np.where(one.said, 0.5, 0.0), weight=one.weight,
                   cluster=one.cluster)  # fmt: skip
    assert two_phase(of, split).rate == pytest.approx(two_phase(of, one).rate)


def test_the_order_of_answers_and_labels_does_not_matter():
    of = answers(40, 60)
    mine = labels(of, 15, 5, 2, 18)
    a, b = np.random.default_rng(0).permutation(100), np.random.default_rng(1).permutation(40)
    mixed = two_phase(
        Answers(said=of.said[a], weight=of.weight[a], cluster=of.cluster[a]),
        Labels(said=mine.said[b], truth=mine.truth[b], weight=mine.weight[b],
               cluster=mine.cluster[b]),
    )  # fmt: skip
    first = two_phase(of, mine)
    for key in ("rate", "low", "high"):
        assert getattr(mixed, key) == pytest.approx(getattr(first, key), abs=1e-12)


def test_weights_make_suites_count_the_same():
    of = answers(100, 100)
    heavy = Answers(said=of.said, weight=np.where(of.said, 3.0, 1.0), cluster=of.cluster)
    mine = labels(of, 50, 0, 0, 50)
    weighted = Labels(said=mine.said, truth=mine.truth, cluster=mine.cluster,
                      weight=mine.weight * np.where(mine.said, 3.0, 1.0))  # fmt: skip
    assert two_phase(heavy, weighted).rate == pytest.approx(0.75)


EMPTY = [
    ((10, 10), (0, 0, 2, 8), "called hallucinated is labelled"),
    ((10, 10), (5, 5, 0, 0), "anything but hallucinated is labelled"),
]


@pytest.mark.parametrize(("sizes", "counts", "why"), EMPTY)
def test_a_side_without_labels_gives_a_reason_and_no_number(sizes, counts, why):
    of = answers(*sizes)
    found = two_phase(of, labels(of, *counts))
    assert found.rate is None and found.low is None and found.method is None
    assert why in found.reason
    assert why in accuracy(of, labels(of, *counts))


def test_a_side_without_answers_needs_no_labels():
    of = answers(0, 100)
    found = two_phase(of, labels(of, 0, 0, 2, 38))
    assert found.rate == pytest.approx(0.05)
    assert found.low >= 0


def test_no_scored_answer_is_a_reason():
    assert "scored" in two_phase(answers(0, 0), labels(answers(1, 1), 1, 0, 0, 1)).reason


def test_sensitivity_and_specificity_come_from_stratified_labels():
    of = answers(100, 900)
    found = accuracy(of, labels(of, right=80, wrong=20, missed=2, clear=98))
    assert found.sensitivity.rate == pytest.approx(80 / (80 + 18))
    assert found.specificity.rate == pytest.approx(882 / (882 + 20))
    # two missed among a hundred stand for eighteen: sensitivity rests on few labels
    assert found.sensitivity.effective < 30 < found.specificity.effective


NOTHING_FOUND = [((0, 50, 0, 50), "no hallucinated"), ((50, 0, 50, 0), "every labelled")]


@pytest.mark.parametrize(("counts", "why"), NOTHING_FOUND)
def test_labels_of_one_kind_say_nothing_of_the_grader(counts, why):
    of = answers(100, 100)
    assert why in accuracy(of, labels(of, *counts))


def test_rogan_gladen_inverts_the_errors():
    found = rogan_gladen(0.95 * 0.2 + 0.1 * 0.8, 1000, known(0.95, 300, 0.9, 300))
    assert found.rate == pytest.approx(0.2)
    assert 0.12 < found.low < 0.2 < found.high < 0.28
    assert found.method == ROGAN_GLADEN


def test_rogan_gladen_is_cut_to_possible_rates():
    assert rogan_gladen(0.01, 500, known(0.9, 100, 0.95, 100)).rate == 0
    assert rogan_gladen(0.99, 500, known(0.9, 100, 0.95, 100)).rate == 1


def test_a_grader_no_better_than_chance_cannot_be_corrected():
    found = rogan_gladen(0.3, 500, known(0.4, 100, 0.6, 100))
    assert found.rate is None
    assert "0.40" in found.reason and "0.60" in found.reason


def test_too_few_labels_to_know_the_grader_are_told():
    found = rogan_gladen(0.3, 500, known(0.65, 1, 0.65, 1))
    assert found.rate is None
    assert "too few" in found.reason


def test_nothing_leaves_zero_to_one():
    rng = np.random.default_rng(7)
    for _ in range(300):
        of = answers(*(int(n) for n in rng.integers(0, 60, 2) + 1))
        counts = [int(n) for n in rng.integers(0, 9, 4)]
        found = two_phase(of, labels(of, *counts)) if sum(counts[:2]) <= of.said.sum() and sum(
            counts[2:]) <= (~of.said).sum() else not_corrected("")  # fmt: skip
        se, sp, n = rng.random(), rng.random(), float(rng.integers(1, 50))
        for one in (found, rogan_gladen(rng.random(), n, known(se, n, sp, n))):
            if one.rate is not None:
                assert 0 <= one.low <= one.rate <= one.high <= 1


def test_the_mean_of_kinds_is_no_wider_than_its_widest_and_needs_them_all():
    of = answers(300, 700)
    parts = [two_phase(of, labels(of, 40, 10, 1, 49)), two_phase(of, labels(of, 45, 5, 2, 48))]
    mean = mean_of(parts, [0.5, 0.5], [of, of])
    assert mean.rate == pytest.approx((parts[0].rate + parts[1].rate) / 2)
    assert mean.high - mean.low < max(part.high - part.low for part in parts) + 1e-9
    lost = mean_of([parts[0], not_corrected("nobody looked")], [0.5, 0.5], [of, of])
    assert lost.rate is None and lost.reason == "nobody looked"


def test_clusters_that_agree_are_worth_fewer_answers():
    said = np.repeat([True, False], 50)
    alone = Answers(said=said, weight=np.ones(100), cluster=np.arange(100))
    together = Answers(said=said, weight=np.ones(100), cluster=np.arange(100) // 10)
    assert observed(together)[1] < observed(alone)[1] / 4


RATES, GRADERS = (0.02, 0.1, 0.5), ((0.95, 0.98), (0.85, 0.95), (0.98, 0.90))


@pytest.mark.parametrize(("rate", "grader"), list(itertools.product(RATES, GRADERS)))
def test_two_phase_intervals_cover_the_truth(bench, rate, grader):
    """200 labels; bench/correction_simulation.py does it with thousands of reviews."""
    found = bench.cover("two-phase", rate, grader, (60, 20, 0.1), 200, 200, 0)
    assert 0.905 <= found["coverage"] <= 0.995  # two and a half simulation errors around
    assert found["outside"] == 0 and found["failed"] == 0
    assert found["mean"] == pytest.approx(rate, abs=0.012)


@pytest.mark.parametrize("rate", RATES)
def test_rogan_gladen_intervals_cover_the_truth(bench, rate):
    found = bench.cover("Rogan-Gladen", rate, (0.95, 0.98), (60, 20, 0.1), 200, 150, 0)
    assert found["coverage"] >= 0.90
    assert found["outside"] == 0
