import numpy as np
import pytest

from harness.stats.drift import (
    disagreeing_pairs,
    drift_over_seeds,
    drift_over_variants,
    hallucination_matrix,
    noise_floor,
)
from harness.stats.tables import verdict_table


def test_pairs_are_counted_as_by_hand():
    counts = np.array([[3, 1, 0], [2, 2, 0], [4, 0, 0], [1, 0, 0], [1, 1, 1]])
    differing, pairs = disagreeing_pairs(counts)
    assert list(differing) == [3, 4, 0, 0, 3]
    assert list(pairs) == [6, 6, 6, 0, 3]


def test_drift_over_seeds_by_hand(question, table):
    rows = table(
        [
            (question("q1"), "rhhhg", {"variant": "a"}),  # greedy r apart; hhhg: 3 of 6 differ
            (question("q1"), "hgg?g", {"variant": "b"}),  # ggg: 0 of 3, one unscored
            (question("q2", suite="invented"), "hhr", {"variant": "a"}),  # hr: 1 of 1
        ]
    )
    found = drift_over_seeds(rows)
    one = found.suites["in_domain"]
    assert (one.events, one.n, one.unscored, one.clusters) == (3, 9, 1, 1)
    assert found.suites["invented"].rate == 1
    assert found.overall.rate == pytest.approx((3 / 9 + 1) / 2)


def test_drift_over_variants_uses_greedy_answers_only(question, table):
    rows = table(
        [
            (question("q1"), "hgggg", {"variant": "a"}),
            (question("q1"), "hrrrr", {"variant": "b"}),
            (question("q1"), "ghhhh", {"variant": "c"}),
            (question("q1"), "?hhhh", {"variant": "d"}),
            (question("q2"), "ghhhh", {"variant": "a"}),
            (question("q2"), "grrrr", {"variant": "b"}),
        ]
    )
    one = drift_over_variants(rows).suites["in_domain"]
    assert (one.events, one.n, one.unscored) == (2, 4, 1)  # hhg: 2 of 3; gg: 0 of 1


def test_the_control_has_no_part_in_drift(question, table):
    asked = question("q1")
    rows = table([(asked, "gg", {}), (asked, "h", {"arm": "base"})])
    assert drift_over_variants(rows).overall.rate is None
    assert drift_over_seeds(rows).overall.n == 0


def floor_table(question, graded, answer, cells):
    """cells: (question id, verdict and tokens first, verdict and tokens again)."""
    rows, answers, questions = [], [], []
    for name, (first, tokens), (again, others) in cells:
        questions.append(question(name))
        for arm, letter, ids in (("adapter", first, tokens), ("floor", again, others)):
            row = graded(questions[-1], letter, arm=arm)[0]
            rows.append(row)
            answers.append(answer(row, token_ids=ids, logprobs=(-1.0,) * len(ids)))
    return verdict_table(rows, questions, answers)


def test_noise_floor_compares_token_ids_and_verdicts(question, graded, answer):
    cells = [
        ("same", ("g", (1, 2)), ("g", (1, 2))),
        ("words", ("g", (1, 2)), ("g", (1, 3))),
        ("verdict", ("g", (1, 2)), ("h", (1, 4))),
        ("unknown", ("?", (1, 2)), ("h", (1, 5))),
    ]
    found = noise_floor(floor_table(question, graded, answer, cells))
    assert (found.tokens.events, found.tokens.n) == (3, 4)
    assert (found.verdict.events, found.verdict.n, found.verdict.unscored) == (1, 3, 1)


def test_a_request_of_several_cells_counts_once_in_the_noise_floor(question, graded, answer):
    from dataclasses import replace

    asked = question("q")
    rows = [
        replace(graded(asked, "g", arm=arm, variant=variant)[0], request_id=arm)
        for arm in ("adapter", "floor")
        for variant in "ab"
    ]
    table = verdict_table(rows, [asked], [answer(rows[0]), answer(rows[2])])
    assert noise_floor(table).tokens.n == 1


def test_without_repeats_there_is_no_noise_floor(question, table):
    assert noise_floor(table([(question("q"), "gh", {})])) is None


def test_the_matrix_holds_the_sampled_rate_of_each_cell(question, table):
    rows = table(
        [
            (question("q1"), "ghhg?", {"variant": "a"}),
            (question("q1"), "hgggg", {"variant": "b"}),
            (question("q2"), "hh?", {"variant": "a"}),
            (question("q2"), "h??", {"variant": "b"}),
        ]
    )
    matrix = hallucination_matrix(rows)
    assert matrix.loc[("in_domain", "q1"), "a"] == pytest.approx(2 / 3)
    assert matrix.loc[("in_domain", "q1"), "b"] == 0
    assert matrix.loc[("in_domain", "q2"), "a"] == 1
    assert np.isnan(matrix.loc[("in_domain", "q2"), "b"])
