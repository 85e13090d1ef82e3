import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from harness.core.seeds import derive_seed
from harness.stats.agreement import (
    FIGURES,
    agreement,
    auroc,
    auroc_figure,
    correlation,
    length_strata,
)


def made(seed, *, clusters=40, size=6, noise=1.5):
    """Labels, verdicts and scores of `size` items a cluster, alike within a cluster."""
    rng = np.random.default_rng(derive_seed(seed, "made"))
    cluster = np.repeat(np.arange(clusters), size)
    pull = rng.normal(size=clusters)[cluster]
    truth = pull + rng.normal(size=len(cluster)) > 0
    shared = rng.normal(size=clusters)[cluster]
    score = truth * 3.0 + noise * (0.7 * shared + 0.7 * rng.normal(size=len(cluster)))
    return truth, score > 1.5, cluster, np.round(score, 1)


def test_figures_are_those_of_scikit_learn():
    truth, said, cluster, score = made(1)
    figures = agreement(truth, said, cluster, scores=score).figures
    want = {
        "accuracy": accuracy_score(truth, said),
        "precision": precision_score(truth, said),
        "recall": recall_score(truth, said),
        "f1": f1_score(truth, said),
        "kappa": cohen_kappa_score(truth, said),
        "auroc": roc_auc_score(truth, score),
    }
    assert {name: figures[name].value for name in FIGURES} == pytest.approx(want)
    assert all(f.low < f.value < f.high for f in figures.values())


def test_weighted_areas_are_those_of_scikit_learn():
    truth, _, cluster, score = made(2, clusters=12)
    weights = np.random.default_rng(3).integers(0, 4, (5, len(cluster))).astype(float)
    want = [roc_auc_score(truth, score, sample_weight=row) for row in weights]
    assert auroc(truth, score, weights=weights) == pytest.approx(want)


def test_within_strata_only_pairs_of_one_stratum_count():
    truth, _, _, score = made(4, clusters=20)
    strata = np.arange(len(truth)) % 3
    areas = [roc_auc_score(truth[strata == s], score[strata == s]) for s in range(3)]
    pairs = [truth[strata == s].sum() * (~truth[strata == s]).sum() for s in range(3)]
    assert auroc(truth, score, strata=strata)[0] == pytest.approx(np.average(areas, weights=pairs))


def test_a_score_that_is_only_length_says_nothing_within_lengths():
    rng = np.random.default_rng(derive_seed(5, "length"))
    length = rng.integers(10, 400, 3000)
    truth = rng.random(3000) < length / 500
    assert auroc(truth, length.astype(float))[0] > 0.65
    strata = length_strata(length)
    within = auroc_figure(truth, length, np.arange(3000), strata=strata, draws=200)
    assert len(set(strata)) == 10
    assert within.value == pytest.approx(0.5, abs=0.05)


def test_the_order_of_the_items_changes_nothing():
    truth, said, cluster, score = made(6)
    order = np.random.default_rng(7).permutation(len(truth))
    first = agreement(truth, said, cluster, scores=score).to_data()
    again = agreement(truth[order], said[order], cluster[order], scores=score[order]).to_data()
    assert first == again
    assert agreement(truth, said, cluster, scores=score, seed=1).to_data() != first


@pytest.mark.parametrize("clusters", [40, 85])
def test_intervals_cover_the_truth(clusters):
    far = made(8, clusters=40_000)
    truth = {name: f.value for name, f in agreement(*far[:3], draws=2).figures.items()}
    truth["auroc"] = auroc(far[0], far[3])[0]
    repeats = 150
    hits = dict.fromkeys(FIGURES, 0)
    for i in range(repeats):
        labels, said, cluster, score = made(100 + i, clusters=clusters)
        found = agreement(labels, said, cluster, scores=score, draws=400).figures
        for name in FIGURES:
            hits[name] += found[name].low <= truth[name] <= found[name].high
    assert all(0.87 <= count / repeats <= 1.0 for count in hits.values()), hits


def test_repeated_labels_of_one_cluster_make_no_interval_narrower():
    truth, said, cluster, score = made(9, size=1)
    once = agreement(truth, said, cluster, scores=score).figures
    six = [np.repeat(column, 6) for column in (truth, said, cluster, score)]
    often = agreement(*six[:3], scores=six[3]).figures
    for name in FIGURES:
        assert often[name].high - often[name].low == pytest.approx(
            once[name].high - once[name].low, rel=0.15
        )


def test_no_error_at_all_still_leaves_doubt():
    truth = np.array([True, False] * 10)
    found = agreement(truth, truth, range(20), scores=truth.astype(float)).figures
    assert all(f.value == 1 and f.high == 1 for f in found.values())
    assert found["accuracy"].low == pytest.approx(0.025 ** (1 / 20))
    assert all(0.5 < f.low < 0.9 for f in found.values()), found


def test_what_is_not_defined_is_none():
    found = agreement([False] * 5, [False] * 5, range(5), scores=[0.1] * 5)
    data = found.to_data()
    assert data["accuracy"] == 1.0
    assert [data[name] for name in ("precision", "recall", "f1", "kappa", "auroc")] == [None] * 5
    assert data["intervals"]["kappa"] is None
    assert data["confusion"]["true_negative"] == 5
    with pytest.raises(ValueError, match="no items"):
        agreement([], [], [])


def test_correlation_is_pearsons_with_an_interval():
    rng = np.random.default_rng(derive_seed(10, "correlation"))
    x = rng.normal(size=80)
    y = x + rng.normal(size=80)
    found = correlation(x, y, np.arange(80) // 2)
    assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found.low < found.value < found.high
    assert correlation([1, 1, 1], [0, 1, 2], range(3)).value is None
