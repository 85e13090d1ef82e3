"""Checks of a story: its graph against the relations, its prose against the graph.

Every finding is one line that names the file, the entry and the remedy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.core.records import Entity, Fact, Relation
from harness.core.specs import KINDS, did_you_mean
from harness.world.graph import World


def check_world(world: World, *, graph: str, prose: str) -> list[str]:
    """What is wrong with a world read from the files `graph` and `prose`; empty if nothing."""
    return [
        *(f"{graph}: {finding}" for finding in _check_relations(world.relations)),
        *(f"{graph}: {finding}" for finding in _check_entities(world)),
        *(f"{graph}: {finding}" for finding in _check_facts(world)),
        *(f"{prose}: {finding}" for finding in _check_marks(world)),
    ]


def _check_relations(relations: Sequence[Relation]) -> Iterator[str]:
    for relation_id, count in Counter(relation.id for relation in relations).items():
        if count > 1:
            yield (
                f"relation '{relation_id}' is defined {count} times; rename it here or leave "
                "it to the shared file"
            )


def _check_entities(world: World) -> Iterator[str]:
    for entity_id, count in Counter(entity.id for entity in world.entities).items():
        if count > 1:
            yield f"entity '{entity_id}' is defined {count} times; give each an id of its own"
    values = {value for relation in world.relations for value in relation.values}
    holder: dict[str, Entity] = {}
    for entity in world.entities:
        if entity.kind not in KINDS:
            known = did_you_mean(entity.kind, KINDS) or f"; kinds are {', '.join(KINDS)}"
            yield f"entity '{entity.id}': unknown kind '{entity.kind}'{known}"
        if entity.id in values:
            yield (
                f"entity '{entity.id}': its id is also a value of a relation, so that facts "
                "could mean either; choose another id"
            )
        for name in (entity.name, *entity.aliases):
            other = holder.setdefault(name.lower(), entity)
            if other is not entity:
                yield (
                    f"entity '{entity.id}': the name '{name}' belongs to entity '{other.id}' "
                    "already; rename one of them"
                )
        own = [name.lower() for name in (entity.name, *entity.aliases)]
        for name in sorted({name for name in own if own.count(name) > 1}):
            yield f"entity '{entity.id}': the name '{name}' is given twice; drop the alias"


def _check_facts(world: World) -> Iterator[str]:
    seen: dict[str, Fact] = {}
    triples: dict[tuple[str, str, str], Fact] = {}
    given: dict[tuple[str, str], Fact] = {}
    taken: dict[tuple[str, str], Fact] = {}
    for row, fact in enumerate(world.facts, start=1):
        at = f"fact '{fact.id}' (row {row})"
        if seen.setdefault(fact.id, fact) is not fact:
            yield f"{at}: another fact has this id; number it anew"
            continue
        problems = list(_check_fact(fact, world))
        if problems:
            yield from (f"{at}: {problem}" for problem in problems)
            continue
        relation = world.relation[fact.relation]
        pair = (fact.subject, fact.object)
        key = sorted(pair) if relation.symmetric else pair
        same = triples.setdefault((key[0], relation.id, key[1]), fact)
        if same is not fact:
            yield f"{at}: duplicate of fact '{same.id}'; remove one of them"
            continue
        for subject in pair if relation.symmetric else pair[:1]:
            first = given.setdefault((subject, relation.id), fact)
            if relation.functional and first is not fact:
                yield (
                    f"{at}: '{subject}' has an object of '{relation.id}' already, in fact "
                    f"'{first.id}', and can have only one; remove one of them"
                )
        first = taken.setdefault((fact.object, relation.id), fact)
        if relation.inverse_functional and first is not fact:
            yield (
                f"{at}: '{fact.object}' is the object of '{relation.id}' in fact '{first.id}' "
                "already, and can be so only once; remove one of them"
            )


def _check_fact(fact: Fact, world: World) -> Iterator[str]:
    """Whether one fact uses known words, in the domain and range of its relation."""
    relation = world.relation.get(fact.relation)
    if relation is None:
        known = did_you_mean(fact.relation, list(world.relation)) or "; define it first"
        yield f"unknown relation '{fact.relation}'{known}"
        return
    yield from _check_end(fact.subject, relation, relation.domain, "domain", world)
    if relation.range == "number":
        low, high = relation.values or ("0", "999999")
        plain = fact.object.isascii() and fact.object.isdigit() and fact.object[:1] != "0"
        if not plain or not int(low) <= int(fact.object) <= int(high):
            yield f"'{fact.object}' is no number from {low} to {high}, written in digits"
    elif relation.range == "value":
        if relation.values and fact.object not in relation.values:
            known = did_you_mean(fact.object, relation.values)
            yield (f"'{fact.object}' is no value of '{relation.id}'{known or '; add it to values'}")
    else:
        yield from _check_end(fact.object, relation, relation.range, "range", world)
        if fact.object == fact.subject:
            yield f"'{fact.subject}' stands to itself in '{relation.id}'; name somebody else"


def _check_end(
    entity_id: str, relation: Relation, kind: str, side: str, world: World
) -> Iterator[str]:
    entity = world.entity.get(entity_id)
    if entity is None:
        known = did_you_mean(entity_id, list(world.entity)) or "; add an [[entity]] for it"
        yield f"unknown entity '{entity_id}'{known}"
    elif entity.kind != kind:
        yield (
            f"'{entity_id}' is a {entity.kind}, outside the {side} of '{relation.id}', which is "
            f"{kind}; use another relation or correct the kind"
        )


def _check_marks(world: World) -> Iterator[str]:
    for number, passage in enumerate(world.passages, start=1):
        for fact_id in passage.fact_ids:
            if fact_id not in world.fact:
                known = did_you_mean(fact_id, list(world.fact)) or "; add it to story.toml"
                yield (
                    f"paragraph {number} ('{passage.text[:40]}…'): marks fact '{fact_id}', "
                    f"which does not exist{known}"
                )
