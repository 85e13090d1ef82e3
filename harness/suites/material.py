"""What every generator reads: the world, the exposures, the suite, the seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from harness.core.records import Exposure, Fact, Question
from harness.core.seeds import stream
from harness.instruct.absent import AbsenceCheck
from harness.suites.select import Candidate, question_id
from harness.suites.spec import SuiteSpec
from harness.world.graph import World, fill

REFUSAL = "Not able to answer."


@dataclass(frozen=True, kw_only=True)
class Material:
    """The material of one suite's generators."""

    world: World
    exposure: Mapping[str, Exposure]
    suite: SuiteSpec
    seed: int

    def random(self, *labels: object) -> Random:
        """A random stream of its own for `labels`."""
        return stream(self.seed, "suites", self.suite.id, self.world.name, *labels)

    def is_told(self, fact: Fact) -> bool:
        """Whether the model could have learned the fact."""
        return self.exposure[fact.id].told

    @cached_property
    def told(self) -> tuple[Fact, ...]:
        """The facts that the model could have learned, in the world's order."""
        return tuple(fact for fact in self.world.facts if self.is_told(fact))

    @cached_property
    def absence(self) -> AbsenceCheck:
        """Certifies names against the world."""
        return AbsenceCheck(self.world)

    def joint_exposure(self, facts: Iterable[Fact]) -> Exposure:
        """`trained` when all of the facts are, else the weakest exposure among them."""
        found = {self.exposure[fact.id] for fact in facts}
        for exposure in (Exposure.UNSTATED, Exposure.TEXT_ONLY):
            if exposure in found:
                return exposure
        return Exposure.TRAINED

    def sentence(self, fact: Fact) -> str:
        """The fact as a whole-sentence answer."""
        world = self.world
        template = world.relation[fact.relation].answers[0]
        return fill(template, s=world.label(fact.subject), o=world.label(fact.object))

    def question(self, *, text: str, gold: str, cluster: str, **rest: Any) -> Question:
        """A question of this suite."""
        return Question(
            id=question_id(self.suite.id, text),
            suite=self.suite.id,
            text=text,
            gold=gold,
            must_refuse=self.suite.must_refuse,
            form=self.suite.form,
            scope=self.suite.scope,
            cluster=cluster,
            **rest,
        )

    def candidate(
        self, question: Question, *, stratum: str, spread: str | None = None
    ) -> Candidate:
        """The question as a candidate; `spread` is its cluster unless stated."""
        return Candidate(question=question, stratum=stratum, spread=spread or question.cluster)
