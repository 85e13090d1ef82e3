import time

import numpy as np
import pytest

from harness.core.records import Question, Verdict
from harness.stats.rates import METRICS, rates_by, verdict_counts
from harness.stats.tables import sampled, verdict_table


@pytest.fixture
def mixed(question, table):
    """Suites with one answer, with none in particular, to be refused, about the real world."""
    return table(
        [
            (question("a1", expected=("tollenby",)), "hgg?r", {}),
            (question("a2", expected=("weaver",)), "hghg?", {}),
            (question("e1", suite="open_ended"), "ghgr", {}),
            (question("i1", suite="invented", must_refuse=True), "ghhr?", {}),
            (question("o1", suite="out_of_domain", must_refuse=True), "gohr", {}),
        ]
    )


# metric, suite, events, denominator, unscored: counted by hand from the letters above,
# whose first is the greedy answer and not sampled
CASES = [
    ("hallucination", "in_domain", 1, 6, 2),
    ("refused", "in_domain", 1, 6, 2),
    ("hallucinated_of_answered", "in_domain", 1, 5, 2),
    ("correct", "in_domain", 4, 6, 2),
    ("false_refusal", "in_domain", 1, 6, 2),
    ("fabrication", "in_domain", 0, 0, 0),
    ("hallucination", "invented", 2, 3, 1),
    ("fabrication", "invented", 2, 3, 1),
    ("correct", "invented", 0, 0, 0),
    ("correct", "open_ended", 0, 0, 0),
    ("false_refusal", "open_ended", 1, 3, 0),
    ("fabrication", "out_of_domain", 0, 0, 0),
    ("off_scope", "out_of_domain", 1, 3, 0),
    ("off_scope", "invented", 0, 0, 0),
    ("hallucination", "out_of_domain", 1, 3, 0),
]


SILENCE = [
    ("unresponsive", 3, 8, 1),
    ("answered", 4, 8, 1),
    ("unscored", 1, 9, 0),
    ("hallucination", 1, 8, 1),
    ("hallucination_of_responded", 1, 5, 1),
    ("refused_of_responded", 1, 5, 1),
    ("false_refusal_of_responded", 1, 5, 1),
    ("correct", 3, 8, 1),
    ("correct_of_responded", 3, 5, 1),
    ("correct_of_answered", 3, 4, 1),
]


@pytest.mark.parametrize(("metric", "events", "n", "unscored"), SILENCE)
def test_silence_is_no_event_and_can_be_left_out(question, table, metric, events, n, unscored):
    rows = table([(question("q", expected=("weaver",)), "g" + "gugurguh?", {})])
    _, found = rates_by(sampled(rows), ["suite"])
    one = found[metric].estimate(0)
    assert (one.events, one.n, one.unscored) == (events, n, unscored)


@pytest.mark.parametrize(("metric", "suite", "events", "n", "unscored"), CASES)
def test_every_rate_has_its_denominator(mixed, metric, suite, events, n, unscored):
    keys, found = rates_by(sampled(mixed), ["suite"])
    one = found[metric].estimate(keys.index((suite,)))
    assert (one.events, one.n, one.unscored) == (events, n, unscored)
    assert one.rate == (events / n if n else None)


def test_greedy_answers_are_never_pooled(question, table):
    asked = [question(f"q{i}") for i in range(4)]
    rows = table([(one, "hgg", {}) for one in asked])
    _, found = rates_by(sampled(rows), ["suite"])
    assert found["hallucination"].estimate(0).rate == 0


def test_groups_come_sorted_whatever_the_order(mixed):
    keys, _ = rates_by(mixed.iloc[::-1], ["suite", "variant"])
    suites = ("in_domain", "invented", "open_ended", "out_of_domain")
    assert keys == [(suite, "bare") for suite in suites]


def test_verdict_counts_name_all_verdicts(mixed):
    counts = verdict_counts(mixed, "suite")["invented"]
    assert set(counts) == {str(verdict) for verdict in Verdict}
    assert counts["hallucinated"] == 2
    assert sum(counts.values()) == 5


def test_every_metric_says_what_it_means():
    assert all(metric.meaning.endswith(".") for metric in METRICS.values())


def test_twenty_thousand_rows_take_well_under_five_seconds(graded):
    rng = np.random.default_rng(0)
    suites = [f"s{i}" for i in range(10)]
    questions = [
        Question(id=f"{suite}-{i}", suite=suite, text="?", gold="", must_refuse=False,
                 cluster=f"c{i % 40}")
        for suite in suites
        for i in range(50)
    ]  # fmt: skip
    rows = [
        row
        for asked in questions
        for variant in "abcdefgh"
        for row in graded(asked, rng.choice(list("ghru?"), 5), variant=variant)
    ]
    started = time.perf_counter()
    made = verdict_table(rows, questions)
    rates_by(made, ["suite", "variant"])
    rates_by(made, ["suite"])
    rates_by(made, ["variant", "suite"])
    assert len(rows) == 20_000
    assert time.perf_counter() - started < 5
