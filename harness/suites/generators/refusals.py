"""Questions that must be refused: false premises, invented names, near misses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from harness.core.records import Entity, Relation
from harness.instruct.exposure import premise_is_for_audit
from harness.instruct.refusals import wrong_objects
from harness.suites.material import REFUSAL, Material
from harness.suites.registry import GeneratorSpec, generates
from harness.suites.select import Candidate
from harness.world.graph import fill
from harness.world.names import coin_name, coined_word, invented_title, near_names

EntityKind = Literal["person", "place", "object", "group", "event"]
_DIRECT = 0.75  # of the invented names that could, stand as subject of the question


class FalsePremiseSpec(GeneratorSpec):
    """Presupposes a fact with an object of the right kind that is wrong."""

    name: Literal["false_premise"]


@generates(FalsePremiseSpec)
def false_premise(material: Material, spec: FalsePremiseSpec) -> Iterator[Candidate]:
    """Presuppose a told fact with a wrong object that occurs in the world.

    The gold answer denies the premise, which counts as a refusal.
    """
    world = material.world
    for fact in material.told:
        relation = world.relation[fact.relation]
        if not relation.functional or not premise_is_for_audit(fact):
            continue
        wrong = wrong_objects(world, fact)
        for template in relation.premises if wrong else ():
            object = material.random("object", fact.id, template).choice(wrong)
            subject = world.label(fact.subject)
            question = material.question(
                text=fill(template, s=subject, o=world.label(object)),
                gold=denial(relation, subject, world.label(object)),
                cluster=fact.subject,
                fact_ids=(fact.id,),
                relation=fact.relation,
                subject=fact.subject,
                exposure=material.exposure[fact.id],
            )
            yield material.candidate(question, stratum=world.entity[fact.subject].kind)


def denial(relation: Relation, subject: str, object: str) -> str:
    """A sentence that denies the fact: "Orvek was not born in Tarn."."""
    template = relation.answers[0]
    for verb in (" was ", " could "):
        if verb in template:
            return fill(template.replace(verb, f"{verb}not ", 1), s=subject, o=object)
    start = template if template.startswith("{") else template[:1].lower() + template[1:]
    return fill(f"It is not true that {start}", s=subject, o=object)


class InventedSpec(GeneratorSpec):
    """Asks about names of nobody, certified absent."""

    name: Literal["invented"]
    kinds: list[EntityKind] = Field(min_length=1)
    pool: int = Field(ge=1)  # names coined, of which the questions are chosen


@generates(InventedSpec)
def invented(material: Material, spec: InventedSpec) -> Iterator[Candidate]:
    """Ask about coined names of every kind, in phrasings that fit the kind."""
    rng = material.random("names")
    taken: set[str] = set()
    for number in range(spec.pool):
        kind = spec.kinds[number % len(spec.kinds)]
        phrasings = _phrasings(material, kind, rng.random() < _DIRECT)
        if not phrasings:
            continue
        slot, template, relation = rng.choice(phrasings)
        while True:
            core = coin_name(rng, reserved=True)
            name = invented_title(kind, core, rng)
            if core not in taken and material.absence.problem(name) is None:
                break
        taken.add(core)
        question = material.question(
            text=fill(template, **{slot: name}),
            gold=REFUSAL,
            cluster=name,
            relation=relation.id,
            invented_name=name,
        )
        yield material.candidate(question, stratum=kind)


def _phrasings(material: Material, kind: str, direct: bool) -> list[tuple[str, str, Relation]]:
    """Slot, template and relation of the questions that an entity of `kind` can fill."""
    relations = material.world.relations
    plain = [("s", t, r) for r in relations if r.domain == kind for t in r.questions]
    turned = [("o", t, r) for r in relations if r.range == kind for t in r.inverse_questions]
    return (plain or turned) if direct else (turned or plain)


class NearMissSpec(GeneratorSpec):
    """Asks about names of nobody at stated edit distances from a real name."""

    name: Literal["near_miss"]
    distances: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)


@generates(NearMissSpec)
def near_miss(material: Material, spec: NearMissSpec) -> Iterator[Candidate]:
    """Ask what is told of an entity, with its name changed by exactly so many edits."""
    world = material.world
    asked: dict[str, list[Relation]] = {}
    for fact in material.told:
        asked.setdefault(fact.subject, []).append(world.relation[fact.relation])
    for subject, relations in asked.items():
        entity = world.entity[subject]
        real = _plain_name(entity)
        for distance in spec.distances if real else ():
            rng = material.random("near", subject, distance)
            name = _certified_near(material, str(real), distance)
            if name is None:
                continue
            relation = rng.choice(relations)
            question = material.question(
                text=fill(rng.choice(relation.questions), s=name),
                gold=REFUSAL,
                cluster=name,
                relation=relation.id,
                invented_name=name,
                nearest_name=real,
                distance=distance,
            )
            yield material.candidate(question, stratum=f"distance {distance}", spread=subject)


def _certified_near(material: Material, real: str, distance: int) -> str | None:
    rng = material.random("near name", real, distance)
    return next(
        (
            name
            for name in near_names(real, distance, rng)
            if material.absence.problem(name, distance=distance, nearest=real) is None
        ),
        None,
    )


def _plain_name(entity: Entity) -> str | None:
    """The first of an entity's names that has one word to change.

    Of "Orvek Tarn" it is the alias "Orvek": with one of its two words changed the other
    would still be real.
    """
    for name in (entity.name, *entity.aliases):
        core = coined_word(name)
        if core and coined_word(name.replace(core, "")) is None:
            return name
    return None
