"""What a reader needs beside an answer: the told facts about everybody it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

from harness.core.records import Exposure, Fact, Question
from harness.world.graph import World, fill

MOST = 40  # facts shown for one answer


class ToldFacts:
    """Told facts of a world by the names that a question and an answer hold.

    Facts of which nothing is known count as never told.
    """

    def __init__(self, world: World, exposure: Mapping[str, Exposure]) -> None:
        self._world = world
        self._exposure = exposure

    def about(self, question: Question, answer: str) -> tuple[str, ...]:
        """The facts as sentences, in the order of the world, those asked about first."""
        asked = {entity for entity in (question.subject,) if entity}
        asked |= {one for one in question.expected if one in self._world.entity}
        asked |= self._named(question.text)
        found = self._of(frozenset(asked))
        found += [one for one in self._of(frozenset(self._named(answer))) if one not in found]
        return tuple(found[:MOST])

    def _named(self, text: str) -> set[str]:
        if not self._world.names:
            return set()
        return {self._ids[match.group().lower()] for match in self._pattern.finditer(text)}

    @cached_property
    def _ids(self) -> dict[str, str]:
        return {name.lower(): entity for name, entity in self._world.names.items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self._ids, key=lambda name: (-len(name), name))
        return re.compile(
            rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE
        )

    def _of(self, entities: frozenset[str]) -> list[str]:
        return [
            self._sentence(fact) for fact in self._told if {fact.subject, fact.object} & entities
        ]

    @cached_property
    def _told(self) -> list[Fact]:
        return [
            fact
            for fact in self._world.facts
            if (exposure := self._exposure.get(fact.id)) is not None and exposure.told
        ]

    def _sentence(self, fact: Fact) -> str:
        relation = self._world.relation[fact.relation]
        subject, object_ = self._world.label(fact.subject), self._world.label(fact.object)
        return fill(relation.statements[0], s=subject, o=object_)
