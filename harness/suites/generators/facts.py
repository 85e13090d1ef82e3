"""Questions about single facts, and open ones about all that is told of an entity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from harness.core.records import Exposure, Fact
from harness.suites.material import REFUSAL, Material
from harness.suites.registry import GeneratorSpec, generates
from harness.suites.select import Candidate
from harness.world.graph import fill


class FactsSpec(GeneratorSpec):
    """Asks the object of every fact of one exposure, in each of its phrasings."""

    name: Literal["facts"]
    exposure: Literal["trained", "text_only", "unstated"]
    phrasing: Literal["trained", "heldout"]


@generates(FactsSpec)
def fact_questions(material: Material, spec: FactsSpec) -> Iterator[Candidate]:
    """Ask the object of every fact that has the exposure.

    An unstated fact is asked only where no told fact answers the same question.
    """
    world, wanted = material.world, Exposure(spec.exposure)
    for fact in world.facts:
        if material.exposure[fact.id] is not wanted:
            continue
        relation = world.relation[fact.relation]
        answering = _same_question(material, fact)
        if not wanted.told and any(material.is_told(other) for other in answering):
            continue
        templates = relation.questions if spec.phrasing == "trained" else relation.heldout_questions
        right = [other for other in answering if material.is_told(other)]
        for template in templates:
            question = material.question(
                text=fill(template, s=world.label(fact.subject)),
                gold=material.sentence(fact) if wanted.told else REFUSAL,
                cluster=fact.subject,
                expected=tuple(_other_side(other, fact.subject) for other in right),
                fact_ids=tuple(other.id for other in right) or (fact.id,),
                relation=fact.relation,
                subject=fact.subject,
                exposure=wanted,
            )
            yield material.candidate(question, stratum="generated")


def _same_question(material: Material, fact: Fact) -> list[Fact]:
    """All facts that answer the question about `fact`, itself first."""
    others = material.world.objects(fact.subject, fact.relation)
    return [fact, *(other for other in others if other != fact)]


def _other_side(fact: Fact, subject: str) -> str:
    return fact.object if fact.subject == subject else fact.subject


class OpenEndedSpec(GeneratorSpec):
    """Asks for whatever the story tells about an entity with enough told facts."""

    name: Literal["open_ended"]
    templates: list[str] = Field(min_length=1)  # hold {s}
    least_facts: int = Field(default=2, ge=1)  # told of the entity
    gold_facts: int = Field(default=3, ge=1)  # at most, in the gold answer

    @model_validator(mode="after")
    def _check(self) -> OpenEndedSpec:
        for template in self.templates:
            if "{s}" not in template:
                raise ValueError(f"templates: '{template}' lacks {{s}}")
        return self


@generates(OpenEndedSpec)
def open_ended(material: Material, spec: OpenEndedSpec) -> Iterator[Candidate]:
    """Ask for whatever is told about an entity; the gold answer states some of it."""
    by_subject: dict[str, list[Fact]] = {}
    for fact in material.told:
        by_subject.setdefault(fact.subject, []).append(fact)
    for subject, facts in by_subject.items():
        if len(facts) < spec.least_facts:
            continue
        entity = material.world.entity[subject]
        trained_first = sorted(facts, key=lambda f: material.exposure[f.id] is not Exposure.TRAINED)
        gold = trained_first[: spec.gold_facts]
        for template in spec.templates:
            question = material.question(
                text=fill(template, s=entity.name),
                gold=" ".join(material.sentence(fact) for fact in gold),
                cluster=subject,
                fact_ids=tuple(fact.id for fact in facts),
                subject=subject,
                exposure=material.joint_exposure(gold),
            )
            yield material.candidate(question, stratum=entity.kind)
