"""Questions that join facts: inverse, two hops, comparison, count.

Each is asked only where every fact that bears on its answer is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.records import Fact, Relation
from harness.suites.select import Candidate
from harness.suites.source import Source
from harness.suites.spec import ComparisonSpec, CountSpec, InverseSpec, TwoHopSpec
from harness.world.graph import fill

_PARTNERS = 3  # with whom one entity is compared


def inverse(source: Source, spec: InverseSpec) -> Iterator[Candidate]:
    """Ask the subjects of an object. Any of them is right: `expected` holds them all.

    The cluster is the object; where that is a value, the first right subject.
    """
    world = source.world
    for relation, object, facts in _by_object(source):
        if relation.symmetric:
            continue  # the inverse question would be the plain one
        subjects = tuple(fact.subject for fact in facts)
        for template in relation.inverse_questions:
            question = source.question(
                text=fill(template, o=world.label(object)),
                gold=" ".join(source.sentence(fact) for fact in facts),
                cluster=object if object in world.entity else subjects[0],
                expected=subjects,
                fact_ids=tuple(fact.id for fact in facts),
                relation=relation.id,
                exposure=source.joint_exposure(facts),
            )
            yield source.candidate(question, stratum="inverse")


def count(source: Source, spec: CountSpec) -> Iterator[Candidate]:
    """Ask how many subjects an object has; the number is `expected`, in digits."""
    world = source.world
    for relation, object, facts in _by_object(source):
        if not relation.count or object not in world.entity or len(facts) < spec.least:
            continue
        asked, answer = relation.count[:2]
        name, number = world.label(object), str(len(facts))
        question = source.question(
            text=fill(asked, o=name),
            gold=fill(answer, o=name, n=number),
            cluster=object,
            expected=(number,),
            fact_ids=tuple(fact.id for fact in facts),
            relation=relation.id,
            exposure=source.joint_exposure(facts),
        )
        yield source.candidate(question, stratum="count")


def _by_object(source: Source) -> Iterator[tuple[Relation, str, list[Fact]]]:
    """Relation and object with all facts that join them, where all of those are told."""
    found: dict[tuple[str, str], list[Fact]] = {}
    for fact in source.world.facts:
        found.setdefault((fact.relation, fact.object), []).append(fact)
    for (relation, object), facts in found.items():
        if all(source.is_told(fact) for fact in facts):
            yield source.world.relation[relation], object, facts


def two_hop(source: Source, spec: TwoHopSpec) -> Iterator[Candidate]:
    """Ask a relation of "the teacher of Orvek" instead of the teacher by name.

    `subject` is the entity in the middle, which the asked relation is about; the cluster
    is the entity that the question names.
    """
    world = source.world
    for first in source.told:
        near = world.relation[first.relation]
        if first.object not in world.entity or len(world.objects(first.subject, near.id)) != 1:
            continue
        described = near.phrase.replace("{s}", world.label(first.subject))
        for far in world.relations:
            second = world.objects(first.object, far.id)
            if len(second) != 1 or not source.is_told(second[0]) or second[0] == first:
                continue
            answer = second[0].object if second[0].subject == first.object else second[0].subject
            if answer == first.subject:
                continue
            for template in far.questions:
                question = source.question(
                    text=fill(template, s=described),
                    gold=source.sentence(second[0]),
                    cluster=first.subject,
                    expected=(answer,),
                    fact_ids=(first.id, second[0].id),
                    relation=far.id,
                    subject=first.object,
                    exposure=source.joint_exposure((first, second[0])),
                )
                yield source.candidate(question, stratum="two_hop")


def comparison(source: Source, spec: ComparisonSpec) -> Iterator[Candidate]:
    """Ask who of two has the larger or smaller number; never of equal ones."""
    world = source.world
    for relation in world.relations:
        if not relation.compare:
            continue
        asked, answer, sense = relation.compare
        facts = [fact for fact in source.told if fact.relation == relation.id]
        for fact in facts:
            rivals = [other for other in facts if other.object != fact.object]
            rng = source.random("comparison", fact.id)
            for other in rng.sample(rivals, k=min(_PARTNERS, len(rivals))):
                pick = max if sense == "max" else min
                winner = pick((fact, other), key=lambda one: int(one.object))
                question = source.question(
                    text=fill(asked, a=world.label(fact.subject), b=world.label(other.subject)),
                    gold=fill(answer, s=world.label(winner.subject)),
                    cluster=fact.subject,
                    expected=(winner.subject,),
                    fact_ids=(fact.id, other.id),
                    relation=relation.id,
                    exposure=source.joint_exposure((fact, other)),
                )
                yield source.candidate(question, stratum="comparison")
