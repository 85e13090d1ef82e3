"""Common nouns that stand for something named: general ones, and those of one world's names.

"The town" may be any place that was named. "The comet" is one where the world has a Comet: its
names say which nouns stand for its events, groups and objects, and for which of them. The values
of its relations say which words are plurals, however much they look like verbs ("wolves").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.grading.text.words import tokenise
from harness.world.graph import World

# Nouns of any story by which something named before is spoken of again, by kind.
NOUNS = {
    "place": ("city", "town", "village", "place", "settlement", "port", "hamlet"),
    "group": ("guild", "order", "company", "circle", "group", "brotherhood", "sisterhood",
              "society", "organisation", "organization", "brothers"),
    "event": ("siege", "flood", "fire", "blaze", "landslide", "trial", "feast", "event", "battle",
              "disaster", "catastrophe", "festival", "plague"),
    "object": ("object", "artefact", "artifact", "thing", "item", "relic"),
    "person": ("boy", "lad"),
}  # fmt: skip
_KIND_OF = {noun: kind for kind, nouns in NOUNS.items() for noun in nouns}
_NAMED = ("event", "group", "object")  # kinds whose names hold common nouns
_TIMES = frozenset("year month week day night hour time age season".split())  # "in the year 231"
_SHORTEST_PLURAL = 4


@dataclass(frozen=True)
class Nouns:
    """The nouns of one world beside the general ones.

    `own`: a noun in the names of entities, to the ids of those entities; `loose`: those of one
    event or group alone, to its kind, for any of which they may stand as the general ones do;
    `plurals`: words that are no verbs.
    """

    own: Mapping[str, frozenset[str]] = field(default_factory=dict)
    loose: Mapping[str, str] = field(default_factory=dict)
    plurals: frozenset[str] = frozenset()

    def __contains__(self, low: str) -> bool:
        """Whether a word may stand for something named before."""
        return low in _KIND_OF or low in self.own

    def bearers(self, low: str) -> frozenset[str]:
        """The entities of whose names a noun is, where it does not stand for others as well."""
        return frozenset() if low in self.loose else self.own.get(low, frozenset())

    def kind(self, low: str) -> str | None:
        """The kind of entity that a noun may stand for, whatever its name."""
        return _KIND_OF.get(low) or self.loose.get(low)


GENERAL = Nouns()


def nouns_of(world: World) -> Nouns:
    """The nouns in the names of a world, and the plurals in its names and values."""
    found: dict[str, set[str]] = {}
    for entity in world.entities:
        if entity.kind in _NAMED:
            for name in (entity.name, *entity.aliases):
                head = _head(tokenise(name))
                if head and head not in _TIMES:
                    found.setdefault(head, set()).add(entity.id)
    own = {noun: frozenset(ids) for noun, ids in found.items()}
    kinds = {noun: world.entity[min(ids)].kind for noun, ids in own.items() if len(ids) == 1}
    loose = {noun: kind for noun, kind in kinds.items() if kind != "object"}
    values = [[word.lower() for word in tokenise(value)] for value in _values(world)]
    # "To map the marshes" begins with a verb, so "maps" is no sure plural.
    verbs = {low for words in values for low in words[words[0] == "to" :][:1] if len(words) > 1}
    plurals = {low for words in values for low in words if _is_plural(low)}
    sure = {low for low in plurals if verbs.isdisjoint({low[:-1], low[:-2]})}
    return Nouns(own=own, loose=loose, plurals=frozenset(sure | set(filter(_is_plural, own))))


def _values(world: World) -> Iterator[str]:
    for relation in world.relations:
        if relation.range == "value":
            yield from relation.values
    for fact in world.facts:
        if world.relation[fact.relation].range == "value":
            yield fact.object


def _head(words: list[str]) -> str:
    """The noun of a name: "order" of "the Order of Vashti", "comet" of "the Great Comet"."""
    lows = [word.lower() for word in words]
    if "of" in lows[1:]:
        head = lows[lows.index("of", 1) - 1]
    elif lows[:1] == ["the"] or (words and words[-1].islower()):
        head = lows[-1]
    else:
        return ""
    return head if head.isalpha() and head != "the" else ""


def _is_plural(low: str) -> bool:
    return low.isalpha() and len(low) >= _SHORTEST_PLURAL and low[-1] == "s" and low[-2] not in "su"
