from __future__ import annotations

from collections import Counter

import pytest

from harness.core.errors import UsageError
from harness.core.records import Exposure
from harness.instruct.exposure import premise_is_for_audit, split_exposure
from harness.world.generator import generate_world

WORLD = generate_world(3, people=20)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_exactly_the_share_of_told_facts_is_trained(share):
    exposure = split_exposure(WORLD, trained_share=share, seed=0)
    counts = Counter(exposure.values())
    assert counts[Exposure.TRAINED] == round(share * len(WORLD.told_ids))
    assert counts[Exposure.UNSTATED] == len(WORLD.facts) - len(WORLD.told_ids)
    assert all(exposure[fact_id].told for fact_id in WORLD.told_ids)


def test_the_split_is_by_seed():
    first = split_exposure(WORLD, trained_share=0.5, seed=0)
    assert first == split_exposure(WORLD, trained_share=0.5, seed=0)
    assert first != split_exposure(WORLD, trained_share=0.5, seed=1)


def test_a_larger_share_trains_a_superset():
    def trained(share):
        exposure = split_exposure(WORLD, trained_share=share, seed=5)
        return {fact for fact, value in exposure.items() if value is Exposure.TRAINED}

    assert trained(0.3) < trained(0.6) < trained(1.0)


def test_a_share_outside_zero_to_one_is_refused():
    with pytest.raises(UsageError, match="from 0 to 1"):
        split_exposure(WORLD, trained_share=1.2, seed=0)


def test_about_two_thirds_of_the_facts_keep_their_false_premises_for_audits():
    share = sum(premise_is_for_audit(fact) for fact in WORLD.facts) / len(WORLD.facts)
    assert 0.55 < share < 0.78
