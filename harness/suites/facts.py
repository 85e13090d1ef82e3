"""Questions about single facts, and open ones about all that is told of an entity."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.records import Exposure, Fact
from harness.suites.select import Candidate
from harness.suites.source import REFUSAL, Source
from harness.suites.spec import FactsSpec, OpenEndedSpec
from harness.world.graph import fill


def fact_questions(source: Source, spec: FactsSpec) -> Iterator[Candidate]:
    """Ask the object of every fact that has the exposure.

    An unstated fact is asked only where no told fact answers the same question.
    """
    world, wanted = source.world, Exposure(spec.exposure)
    for fact in world.facts:
        if source.exposure[fact.id] is not wanted:
            continue
        relation = world.relation[fact.relation]
        answering = _same_question(source, fact)
        if not wanted.told and any(source.is_told(other) for other in answering):
            continue
        templates = relation.questions if spec.phrasing == "trained" else relation.heldout_questions
        right = [other for other in answering if source.is_told(other)]
        for template in templates:
            question = source.question(
                text=fill(template, s=world.label(fact.subject)),
                gold=source.sentence(fact) if wanted.told else REFUSAL,
                cluster=fact.subject,
                expected=tuple(_other_side(other, fact.subject) for other in right),
                fact_ids=tuple(other.id for other in right) or (fact.id,),
                relation=fact.relation,
                subject=fact.subject,
                exposure=wanted,
            )
            yield source.candidate(question, stratum="generated")


def _same_question(source: Source, fact: Fact) -> list[Fact]:
    """All facts that answer the question about `fact`, itself first."""
    others = source.world.objects(fact.subject, fact.relation)
    return [fact, *(other for other in others if other != fact)]


def _other_side(fact: Fact, subject: str) -> str:
    return fact.object if fact.subject == subject else fact.subject


def open_ended(source: Source, spec: OpenEndedSpec) -> Iterator[Candidate]:
    """Ask for whatever is told about an entity; the gold answer states some of it."""
    by_subject: dict[str, list[Fact]] = {}
    for fact in source.told:
        by_subject.setdefault(fact.subject, []).append(fact)
    for subject, facts in by_subject.items():
        if len(facts) < spec.least_facts:
            continue
        entity = source.world.entity[subject]
        trained_first = sorted(facts, key=lambda f: source.exposure[f.id] is not Exposure.TRAINED)
        gold = trained_first[: spec.gold_facts]
        for template in spec.templates:
            question = source.question(
                text=fill(template, s=entity.name),
                gold=" ".join(source.sentence(fact) for fact in gold),
                cluster=subject,
                fact_ids=tuple(fact.id for fact in facts),
                subject=subject,
                exposure=source.joint_exposure(gold),
            )
            yield source.candidate(question, stratum=entity.kind)
