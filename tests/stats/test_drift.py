import numpy as np
import pytest

from harness.stats.drift import (
    disagreeing_pairs,
    drift_over_seeds,
    drift_over_variants,
    drift_within_seed,
    hallucination_matrix,
    noise_floor,
    question_drift,
    spread_over_variants,
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


def test_agreement_and_entropy_by_hand(question, table):
    rows = table(
        [
            (question("q1"), "grrrg", {"variant": "a"}),  # sampled: three refusals, one other
            (question("q1"), "ggggg", {"variant": "b"}),  # equal words: one meaning
            (question("q2", suite="invented"), "hrh", {"variant": "a"}),
        ]
    )
    found = drift_over_seeds(rows)
    one = found.agreement.suites["in_domain"]
    assert (one.events, one.n) == (3 + 6, 12)
    nats = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert found.nats["in_domain"] == pytest.approx(nats / 2)
    assert found.entropy.suites["in_domain"].rate == pytest.approx(nats / np.log(4) / 2)
    assert found.entropy.suites["invented"].rate == 1
    assert found.mean_nats == pytest.approx((nats / 2 + np.log(2)) / 2)


def test_within_a_seed_variants_are_compared_sample_by_sample(question, table):
    rows = table(
        [
            (question("q1"), "ghr", {"variant": "a"}),
            (question("q1"), "rhh", {"variant": "b"}),
        ]
    )
    found = drift_within_seed(rows).suites["in_domain"]
    assert (found.events, found.n) == (1, 2)  # h with h, r with h; greedy g with r apart


def test_unscored_answers_still_have_a_meaning(question, table):
    found = drift_over_seeds(table([(question("q1"), "g??", {})]))
    assert found.overall.n == 0
    assert (found.agreement.overall.events, found.agreement.overall.n) == (1, 1)


def test_a_lone_answer_has_no_entropy(question, table):
    found = drift_over_seeds(table([(question("q1"), "gh", {})]))
    assert found.entropy.overall.rate is None
    assert found.mean_nats is None


def test_every_question_has_its_own_figures(question, table):
    rows = table(
        [
            (question("q1"), "ghh", {"variant": "a"}),
            (question("q1"), "ghr", {"variant": "b"}),
            (question("q2"), "ggg", {"variant": "a"}),
        ]
    )
    found = question_drift(rows)
    one = found.loc[("in_domain", "q1")]
    assert (one["seeds_flips"], one["seeds_agreement"]) == (0.5, 0.5)
    assert one["seeds_entropy"] == pytest.approx(np.log(2) / 2)
    assert (one["variants_flips"], one["within_seed_flips"]) == (0, 0.5)
    assert np.isnan(found.loc[("in_domain", "q2"), "variants_flips"])
    assert list(found.index.names) == ["suite", "question_id"]


def test_the_floor_counts_meanings_too(question, graded, answer):
    cells = [
        ("same", ("g", (1, 2)), ("g", (1, 2))),
        ("verdict", ("g", (1, 2)), ("h", (1, 4))),
        ("unknown", ("?", (1, 2)), ("h", (1, 5))),
    ]
    found = noise_floor(floor_table(question, graded, answer, cells))
    assert (found.meaning.events, found.meaning.n) == (2, 3)


def varied(question, table, harm):
    """30 questions, variants a to d; the first `harm` of them hallucinate in variant d only."""
    cells = []
    for i in range(30):
        for variant in "abcd":
            letters = "ghhhh" if variant == "d" and i < harm else "g" + ("h" if i % 7 == 0 else "g")
            cells.append((question(f"q{i:02d}"), letters.ljust(5, "g"), {"variant": variant}))
    return table(cells)


def test_a_harmful_variant_stands_out_of_chance(question, table):
    found = spread_over_variants(varied(question, table, 15))["in_domain"]
    assert found.worst == "d"
    assert found.p == pytest.approx(1 / 200)
    assert found.spread > found.by_chance[1] > found.by_chance[0] > 0
    assert found.rates["d"] - found.rates[found.best] == pytest.approx(found.spread)


def test_without_an_effect_the_spread_is_what_chance_gives(question, table):
    rows = table(
        [
            (question(f"q{i:02d}"), "g" + "h" * (i + j) + "g" * (8 - i - j), {"variant": name})
            for i in range(5)
            for j, name in enumerate("abcd")
        ]
    )
    rng = np.random.default_rng(0)
    for asked in rows["question_id"].unique():
        mine = rows["question_id"] == asked
        rows.loc[mine, "variant"] = rows.loc[mine, "variant"].map(
            dict(zip("abcd", rng.permutation(list("abcd")), strict=True))
        )
    assert spread_over_variants(rows)["in_domain"].p > 0.05


def test_one_variant_has_no_spread(question, table):
    assert spread_over_variants(table([(question("q1"), "ghg", {})])) == {}


def test_drift_of_no_answers_is_empty(question, table):
    rows = table([(question("q1"), "g", {"arm": "base"})])
    assert drift_over_seeds(rows).suites == {}
    assert question_drift(rows).empty
    assert spread_over_variants(rows) == {}
