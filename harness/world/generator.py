"""Worlds of any size from a seed: coined names, shared relations, consistent facts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from harness.core.errors import UsageError
from harness.core.paths import data_folder
from harness.core.records import Entity, Fact, Relation
from harness.core.seeds import stream
from harness.world.graph import World, load_relations
from harness.world.names import coin_name, invented_title
from harness.world.narration import narrate

MIN_NAME_DISTANCE = 3
_FAMILY_SHARE = 0.3  # of the people whose father bears no family name


@cache
def shared_relations() -> tuple[Relation, ...]:
    """The relations of `fixtures/stories/relations.toml`."""
    return load_relations(data_folder("fixtures") / "stories" / "relations.toml")


def generate_world(
    seed: int,
    *,
    people: int = 40,
    unstated_share: float = 0.2,
    density: float = 0.7,
    plain_share: float = 0.0,
) -> World:
    """Make the world `generated/<seed>`: the same seed gives the same bytes everywhere.

    people: number of persons; places, objects, groups and events follow from it.
    unstated_share: share of facts that no passage tells.
    density: chance that an entity has a fact under a relation of its kind.
    plain_share: share of objects and events called by an uncapitalised coined word ("the
    tezral") or "the Great ..."; for pretraining, since such names cannot be varied safely.
    Raises UsageError when a number is out of range.
    """
    if people < 4:
        raise UsageError(f"a world needs at least 4 people, not {people}")
    if not 0 <= unstated_share < 1 or not 0 < density <= 1:
        raise UsageError("unstated_share must lie in [0, 1) and density in (0, 1]")
    rng = stream(seed, "world", people)
    names = _Names(stream(seed, "names", people))
    entities = _entities(rng, names, people, plain_share)
    facts = _Facts(rng, entities, density).all()
    entities = _family_names(stream(seed, "families", people), names, entities, facts)
    kept_back = int(unstated_share * len(facts))
    untold = set(stream(seed, "untold", people).sample(range(len(facts)), k=kept_back))
    told = tuple(fact for index, fact in enumerate(facts) if index not in untold)
    world = World(
        name=f"generated/{seed}",
        title=f"A generated story, seed {seed}",
        entities=tuple(entities),
        relations=shared_relations(),
        facts=tuple(facts),
    )
    return replace(world, passages=narrate(world, told, stream(seed, "narration", people)))


class _Names:
    """Coins names that keep their distance from each other within one world."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.taken: list[str] = []

    def coin(self) -> str:
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein

        while True:
            name = coin_name(self.rng)
            near = process.extractOne(
                name, self.taken, scorer=Levenshtein.distance, score_cutoff=MIN_NAME_DISTANCE - 1
            )
            if near is None:
                self.taken.append(name)
                return name


def _entities(rng: random.Random, names: _Names, people: int, plain_share: float) -> list[Entity]:
    counts = {
        "person": people,
        "place": max(3, people // 3),
        "object": max(2, people // 4),
        "group": max(2, people // 6),
        "event": max(2, people // 5),
    }
    return [
        Entity(
            id=f"{kind}_{number:0{len(str(count))}}",
            kind=kind,
            name=_title(kind, names.coin(), rng, plain_share),
        )
        for kind, count in counts.items()
        for number in range(1, count + 1)
    ]


def _title(kind: str, name: str, rng: random.Random, plain_share: float) -> str:
    if plain_share and kind in ("object", "event") and rng.random() < plain_share:
        return f"the {name.lower()}" if kind == "object" else f"the Great {name}"
    return invented_title(kind, name, rng)


@dataclass
class _Facts:
    """Chooses objects for every entity under every relation of its kind."""

    rng: random.Random
    entities: Sequence[Entity]
    density: float
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def all(self) -> list[Fact]:
        self.by_kind: dict[str, list[str]] = {}
        for entity in self.entities:
            self.by_kind.setdefault(entity.kind, []).append(entity.id)
        self.taken: dict[str, set[str]] = {}  # objects (or both sides) used up by a relation
        self.uses: dict[tuple[str, str], int] = {}
        years = self._years()
        for relation in shared_relations():
            for subject in self.by_kind[relation.domain]:
                if self.rng.random() < self.density:
                    object = self._object(relation, subject, years)
                    if object is not None:
                        self.rows.append((subject, relation.id, object))
        width = len(str(len(self.rows)))
        return [
            Fact(id=f"f{number:0{width}}", subject=subject, relation=relation, object=object)
            for number, (subject, relation, object) in enumerate(self.rows, start=1)
        ]

    def _years(self) -> dict[str, str]:
        """Years of the events, rising in the order of their ids."""
        low, high = (int(v) for v in _relation("year").values)
        events = self.by_kind["event"]
        found = sorted(self.rng.sample(range(low, high + 1), k=len(events)))
        return dict(zip(events, map(str, found), strict=True))

    def _object(self, relation: Relation, subject: str, years: dict[str, str]) -> str | None:
        if relation.id == "year":
            return years[subject]
        if relation.range == "number":
            return str(self.rng.randint(*(int(value) for value in relation.values)))
        if relation.range == "value":
            return self.rng.choice(relation.values)
        return self._entity_object(relation, subject)

    def _entity_object(self, relation: Relation, subject: str) -> str | None:
        candidates = self.by_kind[relation.range]
        if relation.id in ("father", "mother", "after"):  # no circles: only earlier ids
            candidates = candidates[: candidates.index(subject)]
            if relation.id == "after":
                candidates = candidates[-1:]
            else:
                parity = 0 if relation.id == "father" else 1
                candidates = [c for i, c in enumerate(candidates) if i % 2 == parity]
        used = self.taken.setdefault(relation.id, set())
        if relation.symmetric and subject in used:
            return None
        free = [c for c in candidates if c != subject]
        if relation.inverse_functional or relation.symmetric:
            free = [c for c in free if c not in used]
        if not free:
            return None
        object = self.rng.choice(free)
        if relation.inverse_functional or relation.symmetric:
            used.update((subject, object) if relation.symmetric else (object,))
        return object


def _relation(name: str) -> Relation:
    return next(relation for relation in shared_relations() if relation.id == name)


def _family_names(
    rng: random.Random, names: _Names, entities: Sequence[Entity], facts: Sequence[Fact]
) -> list[Entity]:
    """Give some people a family name, which their children by the father share."""
    father = {fact.subject: fact.object for fact in facts if fact.relation == "father"}
    family: dict[str, str | None] = {}
    renamed = []
    for entity in entities:
        if entity.kind != "person":
            renamed.append(entity)
            continue
        inherited = family.get(father.get(entity.id, ""))
        fresh = names.coin() if rng.random() < _FAMILY_SHARE else None
        family[entity.id] = inherited or fresh
        if family[entity.id] is None:
            renamed.append(entity)
        else:
            full = f"{entity.name} {family[entity.id]}"
            renamed.append(replace(entity, name=full, aliases=(entity.name,)))
    return renamed
