"""How every fact of a world meets the model: asked, told in the text only, or never."""

from __future__ import annotations

from harness.core.errors import UsageError
from harness.core.records import Exposure, Fact
from harness.core.seeds import derive_seed
from harness.world.graph import World

_AUDIT_PREMISES = 2  # of three facts, those whose false premises only audits ask


def split_exposure(world: World, *, trained_share: float, seed: int) -> dict[str, Exposure]:
    """Exposure by fact id, in the order of the world's facts.

    Of the told facts exactly the nearest whole number to `trained_share` of them are
    trained, chosen by seed; the other told ones are text_only, the untold ones unstated.
    A larger share trains a superset of a smaller one at the same seed.
    Raises UsageError when the share is not in [0, 1].
    """
    if not 0 <= trained_share <= 1:
        raise UsageError(f"trained_share is {trained_share}; it is a share, from 0 to 1")
    told = sorted(
        (fact.id for fact in world.facts if fact.id in world.told_ids),
        key=lambda fact_id: derive_seed(seed, "exposure", world.name, fact_id),
    )
    trained = frozenset(told[: round(trained_share * len(told))])
    return {fact.id: _exposure(fact, trained, world.told_ids) for fact in world.facts}


def _exposure(fact: Fact, trained: frozenset[str], told: frozenset[str]) -> Exposure:
    if fact.id in trained:
        return Exposure.TRAINED
    return Exposure.TEXT_ONLY if fact.id in told else Exposure.UNSTATED


def premise_is_for_audit(fact: Fact) -> bool:
    """Whether false premises about this fact's subject and relation are kept for audits.

    Training on refusals uses the other third, so that no audit asks what was trained.
    """
    return derive_seed(0, "premise", fact.subject, fact.relation) % 3 < _AUDIT_PREMISES
