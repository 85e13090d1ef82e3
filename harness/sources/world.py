"""A story as a source: its world's facts are the evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.core.records import Exposure, Question
from harness.sources.protocol import Kept
from harness.sources.told import ToldFacts
from harness.suites import build_questions
from harness.world.graph import World, fill

WORLD, EXPOSURE = "world.json", "exposure.json"  # in a run folder


@dataclass(frozen=True, kw_only=True)
class WorldSource:
    """A world, how its facts met the model, and the story whose questions by hand are asked.

    `story` is None where the world was read again from a run.
    """

    world: World
    exposure: Mapping[str, Exposure]
    story: str | None = None

    @classmethod
    def read(cls, run: Kept) -> WorldSource:
        """The source of a run. Raises DamageError where its files are not those that were asked."""
        return cls(world=read_world(run), exposure=read_exposure(run))

    @property
    def kind(self) -> str:
        """As run.json says it."""
        return "world"

    @property
    def name(self) -> str:
        """The story's name."""
        return self.world.name

    @property
    def hash(self) -> str:
        """Of the world."""
        return self.world.hash

    def questions(
        self,
        *,
        suites: Sequence[str] | None = None,
        suite_paths: Sequence[Path] = (),
        limit: int | None = None,
        seed: int = 0,
    ) -> tuple[Question, ...]:
        """The questions of the suites about it; see `harness.suites.build_questions`."""
        return build_questions(
            self.world,
            self.exposure,
            story=self.story,
            suites=suites,
            suite_paths=suite_paths,
            limit=limit,
            seed=seed,
        )

    def files(self) -> dict[str, str]:
        """world.json and exposure.json."""
        return {
            WORLD: json.dumps(self.world.to_data(), ensure_ascii=False, indent=1) + "\n",
            EXPOSURE: json.dumps(self.exposure, ensure_ascii=False, indent=1) + "\n",
        }

    def about(self) -> dict[str, Any]:
        """Name and hash of the world, and how many facts met the model in which way."""
        counts = {str(one): 0 for one in sorted(map(str, set(self.exposure.values())))}
        for one in self.exposure.values():
            counts[str(one)] += 1
        return {"world": {"name": self.name, "hash": self.hash}, "exposure": counts}

    def planned(self) -> dict[str, Any]:
        """The world's hash, and the exposures."""
        return {"story": self.hash, "exposure": self.exposure}

    def evidence(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Facts as sentences."""
        return tuple(self._sentence(one) for one in ids)

    def _sentence(self, fact_id: str) -> str:
        fact = self.world.fact.get(fact_id)
        relation = self.world.relation.get(fact.relation) if fact else None
        if fact is None or relation is None:
            return fact_id
        subject, object_ = self.world.label(fact.subject), self.world.label(fact.object)
        return fill(relation.statements[0], s=subject, o=object_)

    @cached_property
    def _told(self) -> ToldFacts:
        return ToldFacts(self.world, self.exposure)

    def told_about(self, question: Question, answer: str) -> tuple[str, ...]:
        """The told facts about all that question and answer name."""
        return self._told.about(question, answer)

    def passages(self, question: Question) -> tuple[str, ...]:
        """The passages that tell anything of the facts or the subject of the question."""
        about = {question.subject, *question.expected}
        facts = {one.id for one in self.world.facts if {one.subject, one.object} & about}
        wanted = facts | set(question.fact_ids)
        return tuple(one.text for one in self.world.passages if wanted & set(one.fact_ids))


def read_world(run: Kept) -> World:
    """The world of a run. Raises DamageError when world.json holds none, or another one."""
    world = run.read_record(WORLD, World)
    said = run.about().get("world", {}).get("hash")
    if said not in (None, world.hash):
        raise run.damaged(WORLD, "another world than the one that was asked about")
    return world


def read_exposure(run: Kept) -> dict[str, Exposure]:
    """How each fact met the model. Raises DamageError naming the fact."""
    kept = run.read_json(EXPOSURE)
    if not isinstance(kept, dict):
        raise run.damaged(EXPOSURE, "no object of exposures by fact")
    for fact, value in kept.items():
        if not isinstance(value, str) or value not in set(Exposure):
            raise run.damaged(EXPOSURE, f"'{fact[:60]}': no exposure ({', '.join(Exposure)})")
    return {fact: Exposure(value) for fact, value in kept.items()}


def planned_world(run: Kept) -> dict[str, Any]:
    """What of a run's world its plan's hash holds: the hash that run.json says, the exposures."""
    return {"story": run.about().get("world", {}).get("hash"), "exposure": read_exposure(run)}
