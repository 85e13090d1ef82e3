import numpy as np
import pandas as pd
import pytest

from harness.core.seeds import derive_seed
from harness.stats.components import variance_components
from harness.stats.tables import VERDICTS


def simulated(seed, *, clusters=30, size=2, variants=6, samples=3, question=0.2, variant=0.1,
              both=0.1, training=0.0, trainings=1, dropped=0.0):  # fmt: skip
    """Answers whose chance is one half plus effects of two values each, so their variances
    are the squares of the numbers given, and the rest is decoding."""
    rng = np.random.default_rng(derive_seed(seed, "components"))
    count = clusters * size

    def effect(scale, *shape):
        return rng.choice([-scale, scale], shape)

    chance = (
        0.5
        + effect(training, trainings, 1, 1)
        + effect(question, 1, count, 1)
        + effect(variant, 1, 1, variants)
        + effect(both, 1, count, variants)
    )
    made_up = rng.random((trainings, count, variants, samples)) < chance[..., None]
    t, q, v, s = (place.ravel() for place in np.indices(made_up.shape))
    table = pd.DataFrame(
        {
            "train_seed": t,
            "suite": "in_domain",
            "question_id": [f"q{i:03d}" for i in q],
            "variant": [f"v{i}" for i in v],
            "sample": s + 1,
            "cluster": [f"c{i // size:03d}" for i in q],
            "verdict": pd.Categorical(
                np.where(made_up.ravel(), "hallucinated", "grounded"), categories=VERDICTS
            ),
        }
    )
    return table[rng.random(len(table)) >= dropped].reset_index(drop=True)


def test_a_balanced_table_gives_the_textbook_analysis_of_variance():
    table = simulated(1, clusters=12, size=1, variants=4, samples=3)
    y = (table["verdict"] == "hallucinated").to_numpy(float).reshape(12, 4, 3)
    cell, q, v, all_ = y.mean(2), y.mean((1, 2)), y.mean((0, 2)), y.mean()
    within = ((y - cell[..., None]) ** 2).sum() / (12 * 4 * 2)
    both = 3 * ((cell - q[:, None] - v + all_) ** 2).sum() / (11 * 3)
    question, variant = 12 * ((q - all_) ** 2).sum() / 11, 36 * ((v - all_) ** 2).sum() / 3
    want = [(question - both) / 12, (variant - both) / 36, (both - within) / 3, within]
    found, suites = variance_components(table, repetitions=10)
    assert [one.variance for one in found.components.values()] == pytest.approx(want)
    assert list(found.components) == ["question", "variant", "question x variant", "within cell"]
    assert list(suites) == ["in_domain"]


@pytest.mark.parametrize("dropped", [0.0, 0.3])
def test_known_components_are_found_on_average(dropped):
    found = []
    for seed in range(60):
        table = simulated(seed, dropped=dropped)
        parts = variance_components(table, repetitions=2)[0].components
        found.append([one.variance for one in parts.values()])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    want = np.array([0.04, 0.01, 0.01, 0.25 - 0.06])
    assert np.all(np.abs(np.mean(found, axis=0) - want) < 3.5 * error)


def test_training_seeds_are_an_outer_factor():
    found = []
    for seed in range(40):
        table = simulated(seed, clusters=15, variants=4, training=0.15, trainings=4, dropped=0.1)
        parts = variance_components(table, repetitions=2)[0].components
        found.append([parts[name].variance for name in
                      ("training seed", "training seed x question", "question")])  # fmt: skip
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(np.mean(found, axis=0) - [0.0225, 0, 0.04]) < 3.5 * error)


def test_intervals_hold_the_question_component():
    held = []
    for seed in range(120):
        table = simulated(seed, clusters=40, size=1, question=0.25, dropped=0.1)
        part = variance_components(table, repetitions=150)[0].components["question"]
        held.append(part.low <= 0.0625 <= part.high)
    assert 0.86 <= np.mean(held) <= 1


def test_shares_add_up_and_nothing_counts_below_zero():
    table = simulated(3, both=0.0, variant=0.0)
    found = variance_components(table, repetitions=20)[0]
    assert sum(one.share for one in found.components.values()) == pytest.approx(1)
    assert all(one.share >= 0 for one in found.components.values())
    assert (found.answers, found.questions, found.clusters) == (60 * 6 * 3, 60, 30)
    assert found.levels == {"variant": 6}


def test_the_order_of_rows_does_not_matter():
    table = simulated(4, dropped=0.2)
    shuffled = table.sample(frac=1, random_state=1)
    assert variance_components(table, repetitions=30) == variance_components(
        shuffled, repetitions=30
    )


CANNOT = {
    "one sample a cell": {"samples": 1},
    "one variant": {"variants": 1},
    "one cluster": {"clusters": 1, "size": 1},
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_told_apart_is_left_out(name):
    assert variance_components(simulated(5, **CANNOT[name]), repetitions=5) == (None, {})


def test_no_answers_have_no_components():
    assert variance_components(simulated(6).iloc[:0]) == (None, {})
