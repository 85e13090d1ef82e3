"""Questions that join facts: inverse, two hops, comparison, count.

Each is asked only where every fact that bears on its answer is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from harness.core.records import Fact, Relation
from harness.suites.material import Material
from harness.suites.registry import GeneratorSpec, generates
from harness.suites.select import Candidate
from harness.world.graph import fill

_PARTNERS = 3  # with whom one entity is compared


class InverseSpec(GeneratorSpec):
    """Asks who or what stands under a relation to a given object; all of it must be told."""

    name: Literal["inverse"]


@generates(InverseSpec)
def inverse(material: Material, spec: InverseSpec) -> Iterator[Candidate]:
    """Ask the subjects of an object. Any of them is right: `expected` holds them all.

    The cluster is the object; where that is a value, the first right subject.
    """
    world = material.world
    for relation, object, facts in _by_object(material):
        if relation.symmetric:
            continue  # the inverse question would be the plain one
        subjects = tuple(fact.subject for fact in facts)
        for template in relation.inverse_questions:
            question = material.question(
                text=fill(template, o=world.label(object)),
                gold=" ".join(material.sentence(fact) for fact in facts),
                cluster=object if object in world.entity else subjects[0],
                expected=subjects,
                fact_ids=tuple(fact.id for fact in facts),
                relation=relation.id,
                exposure=material.joint_exposure(facts),
            )
            yield material.candidate(question, stratum="inverse")


class CountSpec(GeneratorSpec):
    """Asks how many stand under a relation to a given object."""

    name: Literal["count"]
    least: int = Field(default=2, ge=1)  # smallest number that is asked for


@generates(CountSpec)
def count(material: Material, spec: CountSpec) -> Iterator[Candidate]:
    """Ask how many subjects an object has; the number is `expected`, in digits."""
    world = material.world
    for relation, object, facts in _by_object(material):
        if not relation.count or object not in world.entity or len(facts) < spec.least:
            continue
        asked, answer = relation.count[:2]
        name, number = world.label(object), str(len(facts))
        question = material.question(
            text=fill(asked, o=name),
            gold=fill(answer, o=name, n=number),
            cluster=object,
            expected=(number,),
            fact_ids=tuple(fact.id for fact in facts),
            relation=relation.id,
            exposure=material.joint_exposure(facts),
        )
        yield material.candidate(question, stratum="count")


def _by_object(material: Material) -> Iterator[tuple[Relation, str, list[Fact]]]:
    """Relation and object with all facts that join them, where all of those are told."""
    found: dict[tuple[str, str], list[Fact]] = {}
    for fact in material.world.facts:
        found.setdefault((fact.relation, fact.object), []).append(fact)
    for (relation, object), facts in found.items():
        if all(material.is_told(fact) for fact in facts):
            yield material.world.relation[relation], object, facts


class TwoHopSpec(GeneratorSpec):
    """Asks a relation of somebody who is himself described by a relation."""

    name: Literal["two_hop"]


@generates(TwoHopSpec)
def two_hop(material: Material, spec: TwoHopSpec) -> Iterator[Candidate]:
    """Ask a relation of "the teacher of Orvek" instead of the teacher by name.

    `subject` is the entity in the middle, which the asked relation is about; the cluster
    is the entity that the question names.
    """
    world = material.world
    for first in material.told:
        near = world.relation[first.relation]
        if first.object not in world.entity or len(world.objects(first.subject, near.id)) != 1:
            continue
        described = near.phrase.replace("{s}", world.label(first.subject))
        for far in world.relations:
            second = world.objects(first.object, far.id)
            if len(second) != 1 or not material.is_told(second[0]) or second[0] == first:
                continue
            answer = second[0].object if second[0].subject == first.object else second[0].subject
            if answer == first.subject:
                continue
            for template in far.questions:
                question = material.question(
                    text=fill(template, s=described),
                    gold=material.sentence(second[0]),
                    cluster=first.subject,
                    expected=(answer,),
                    fact_ids=(first.id, second[0].id),
                    relation=far.id,
                    subject=first.object,
                    exposure=material.joint_exposure((first, second[0])),
                )
                yield material.candidate(question, stratum="two_hop")


class ComparisonSpec(GeneratorSpec):
    """Asks which of two has the larger or the smaller number."""

    name: Literal["comparison"]


@generates(ComparisonSpec)
def comparison(material: Material, spec: ComparisonSpec) -> Iterator[Candidate]:
    """Ask who of two has the larger or smaller number; never of equal ones."""
    world = material.world
    for relation in world.relations:
        if not relation.compare:
            continue
        asked, answer, sense = relation.compare
        facts = [fact for fact in material.told if fact.relation == relation.id]
        for fact in facts:
            rivals = [other for other in facts if other.object != fact.object]
            rng = material.random("comparison", fact.id)
            for other in rng.sample(rivals, k=min(_PARTNERS, len(rivals))):
                pick = max if sense == "max" else min
                winner = pick((fact, other), key=lambda one: int(one.object))
                question = material.question(
                    text=fill(asked, a=world.label(fact.subject), b=world.label(other.subject)),
                    gold=fill(answer, s=world.label(winner.subject)),
                    cluster=fact.subject,
                    expected=(winner.subject,),
                    fact_ids=(fact.id, other.id),
                    relation=relation.id,
                    exposure=material.joint_exposure((fact, other)),
                )
                yield material.candidate(question, stratum="comparison")
