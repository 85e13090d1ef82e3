"""Training questions that must be refused, none of which an audit asks.

Three kinds in equal parts. Names of nobody are coined outside the tenth that is reserved
for audits. What the story leaves open is asked of pairs (subject, relation) for which
the world has no fact at all, so never of an unstated fact. False premises are made about
the third of the facts that `premise_is_for_audit` leaves to training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from harness.core.records import Entity, Exposure, Fact, Relation
from harness.core.seeds import stream
from harness.instruct.absent import AbsenceCheck
from harness.instruct.exposure import premise_is_for_audit
from harness.world.graph import World, fill
from harness.world.names import coin_name, invented_title

_MAX_TRIES = 10_000


def refusal_questions(
    world: World, exposure: Mapping[str, Exposure], *, count: int, seed: int
) -> list[str]:
    """At most `count` distinct questions that must be refused, the kinds in turn.

    Fewer come back only where the world is too small to give as many.
    """
    kinds = [
        _invented(world, stream(seed, "refusals", "invented", world.name)),
        _open(world, stream(seed, "refusals", "open", world.name)),
        _false(world, exposure, stream(seed, "refusals", "premise", world.name)),
    ]
    found: dict[str, None] = {}
    while kinds and len(found) < count:
        for kind in list(kinds):
            question = next((text for text in kind if text not in found), None)
            if question is None:
                kinds.remove(kind)
            elif len(found) < count:
                found[question] = None
    return list(found)


def _invented(world: World, rng: random.Random) -> Iterator[str]:
    check = AbsenceCheck(world)
    relations = [relation for relation in world.relations if relation.questions]
    for _ in range(_MAX_TRIES):
        core = coin_name(rng)
        relation = rng.choice(relations)
        name = invented_title(relation.domain, core, rng)
        if check.problem(name, reserved=False) is None:
            yield fill(rng.choice(relation.questions), s=name)


def _open(world: World, rng: random.Random) -> Iterator[str]:
    pairs: list[tuple[Entity, Relation]] = [
        (entity, relation)
        for entity in world.entities
        for relation in world.relations
        if relation.domain == entity.kind and not world.objects(entity.id, relation.id)
    ]
    rng.shuffle(pairs)
    for entity, relation in pairs:
        yield fill(rng.choice(relation.questions), s=entity.name)


def _false(world: World, exposure: Mapping[str, Exposure], rng: random.Random) -> Iterator[str]:
    facts = [
        fact
        for fact in world.facts
        if exposure[fact.id].told
        and world.relation[fact.relation].functional
        and world.relation[fact.relation].premises
        and not premise_is_for_audit(fact)
    ]
    rng.shuffle(facts)
    for fact in facts:
        wrong = wrong_objects(world, fact)
        template = rng.choice(world.relation[fact.relation].premises)
        if wrong:
            object = world.label(rng.choice(wrong))
            yield fill(template, s=world.label(fact.subject), o=object)


def wrong_objects(world: World, fact: Fact) -> list[str]:
    """Objects of the right kind that occur in the world and are wrong for `fact`, sorted.

    Entity ids of the relation's range, or the values and numbers that other facts of the
    relation have.
    """
    relation = world.relation[fact.relation]
    if relation.range in ("value", "number"):
        found = {other.object for other in world.facts if other.relation == fact.relation}
    else:
        found = {entity.id for entity in world.entities if entity.kind == relation.range}
    true = world.objects(fact.subject, fact.relation)
    found -= {side for one in true for side in (one.subject, one.object)}
    return sorted(found - {fact.subject})
