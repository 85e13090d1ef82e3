"""A world: the whole truth about a story, and the questions one can put to it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.core.records import Entity, Fact, Passage, Relation, from_json
from harness.core.seeds import content_hash
from harness.core.specs import RelationFile, RelationSpec, load_toml


@dataclass(frozen=True, kw_only=True)
class World:
    """Entities, relations and facts, with the passages that tell some of the facts.

    `told` facts are those that a passage tells; the others are true and untold.
    """

    name: str
    title: str
    entities: tuple[Entity, ...]
    relations: tuple[Relation, ...]
    facts: tuple[Fact, ...]
    passages: tuple[Passage, ...] = field(default=())

    @cached_property
    def entity(self) -> dict[str, Entity]:
        """Entities by id."""
        return {entity.id: entity for entity in self.entities}

    @cached_property
    def relation(self) -> dict[str, Relation]:
        """Relations by id."""
        return {relation.id: relation for relation in self.relations}

    @cached_property
    def fact(self) -> dict[str, Fact]:
        """Facts by id."""
        return {fact.id: fact for fact in self.facts}

    @cached_property
    def told_ids(self) -> frozenset[str]:
        """Ids of the facts that a passage tells."""
        return frozenset(fact_id for passage in self.passages for fact_id in passage.fact_ids)

    @cached_property
    def _by_subject(self) -> dict[tuple[str, str], tuple[Fact, ...]]:
        found: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.facts:
            found.setdefault((fact.subject, fact.relation), []).append(fact)
        return {key: tuple(facts) for key, facts in found.items()}

    @cached_property
    def _by_object(self) -> dict[tuple[str, str], tuple[Fact, ...]]:
        found: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.facts:
            found.setdefault((fact.relation, fact.object), []).append(fact)
        return {key: tuple(facts) for key, facts in found.items()}

    def objects(self, subject: str, relation: str) -> tuple[Fact, ...]:
        """Facts that give `subject` an object under `relation`; symmetric ones both ways."""
        found = self._by_subject.get((subject, relation), ())
        if self.relation[relation].symmetric:
            found += self._by_object.get((relation, subject), ())
        return found

    def subjects(self, relation: str, object: str) -> tuple[Fact, ...]:
        """Facts in which `object` stands under `relation`."""
        found = self._by_object.get((relation, object), ())
        if self.relation[relation].symmetric:
            found += self._by_subject.get((object, relation), ())
        return found

    def label(self, entity_or_value: str) -> str:
        """The name of an entity id, or the value itself."""
        found = self.entity.get(entity_or_value)
        return found.name if found else entity_or_value

    @cached_property
    def names(self) -> dict[str, str]:
        """Every name and alias, as written, to the entity id it stands for."""
        return {
            name: entity.id for entity in self.entities for name in (entity.name, *entity.aliases)
        }

    def to_data(self) -> dict[str, Any]:
        """Plain data for `world.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> World:
        """Read what `to_data` gave, as JSON. Raises ValueError naming the key that is wrong."""
        return from_json(cls, text)

    @cached_property
    def hash(self) -> str:
        """Content hash over everything in the world."""
        return content_hash(json.dumps(self.to_data(), sort_keys=True, ensure_ascii=False))


def fill(template: str, **slots: str) -> str:
    """Fill {s}, {o} and the like, and start the sentence with a capital."""
    text = template
    for slot, value in slots.items():
        text = text.replace(f"{{{slot}}}", value)
    return text[:1].upper() + text[1:]


def relation_from_spec(spec: RelationSpec) -> Relation:
    """The record of a relation as a TOML file states it."""
    data: dict[str, Any] = spec.model_dump()
    for key, value in data.items():
        if isinstance(value, list):
            data[key] = tuple(value)
    return Relation(**data)


def load_relations(path: Path) -> tuple[Relation, ...]:
    """Read a file of shared relations. Raises SpecError."""
    return tuple(relation_from_spec(spec) for spec in load_toml(path, RelationFile).relation)
