"""Which nouns stand for something named, and which words are no verbs: as each world has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.records import ClaimStatus, Entity, Fact, Passage
from harness.grading.coreference.discourse import Discourse
from harness.grading.linking.lexicon import Lexicon
from harness.grading.linking.linker import Linker
from harness.grading.linking.nouns import nouns_of
from harness.grading.syntax.clauses import split_clauses
from harness.grading.world.grader import WorldGrader
from harness.world.graph import World
from harness.world.story import load_story

S, C = ClaimStatus.SUPPORTED, ClaimStatus.CONTRADICTED
MORE = (
    Entity(id="quake", kind="event", name="the Great Earthquake"),
    Entity(id="bexley", kind="object", name="the Bexley lantern"),
    Entity(id="dorrin", kind="object", name="the Dorrin lantern"),
    Entity(id="east", kind="group", name="the Watch of Eastry"),
    Entity(id="west", kind="group", name="the Watch of Westry"),
)
ROWS = ("quake site sulmere", "bexley material glass", "dorrin material iron",
        "east leader ossery", "west leader melindra", "ossery fear wasps")  # fmt: skip


@pytest.fixture(scope="module")
def other(world: World) -> World:
    """The small world with an earthquake, two lanterns, two watches and wasps."""
    rows = [row.split() for row in ROWS]
    facts = [Fact(id=f"n{i}", subject=s, relation=r, object=o) for i, (s, r, o) in enumerate(rows)]
    told = (*world.told_ids, *(fact.id for fact in facts))
    return replace(
        world,
        name="other",
        entities=(*world.entities, *MORE),
        facts=(*world.facts, *facts),
        passages=(Passage(id="p1", text="", fact_ids=told),),
    )


SAID = [
    ("The Great Earthquake killed many. The earthquake struck Sulmere.", [("site", S)]),
    ("The Great Earthquake killed many. The earthquake struck Arkenby.", [("site", C)]),
    ("The Dorrin lantern is famous. The lantern is made of iron.", [("material", S)]),
    ("The Dorrin lantern is famous. The lantern is made of glass.", [("material", C)]),
    ("The Watch of Westry is old. The watch is led by Melindra.", [("leader", S)]),
    ("The Watch of Westry is old. The watch is led by Ossery.", [("leader", C)]),
]


@pytest.mark.parametrize(("text", "claims"), SAID)
def test_a_noun_of_the_worlds_own_names_stands_for_what_was_named(
    other, exposure, questions, text, claims
):
    found = exposure | {f"n{i}": next(iter(exposure.values())) for i in range(len(ROWS))}
    grade = WorldGrader(other, found, meaning=None).grade(questions["open"], text)
    decided = [(c.relation, c.status) for c in grade.claims if c.relation is not None]
    assert decided == claims, grade.claims


def clauses_of(world: World, sentence: str) -> list[str]:
    linker = Linker(world, Lexicon(world))
    discourse = Discourse({}, nouns_of(world))
    split_clauses(linker.link("The Siege of Dunmarrow was long."), discourse)
    found, _ = split_clauses(linker.link(sentence), discourse)
    return [" ".join(one.linked().words) for one in found]


def test_nouns_of_another_world_stand_for_nobody(world, other):
    """Neither a landslip, of which only the shipped story tells, nor another's earthquake."""
    assert clauses_of(world, "The disaster struck Arkenby.") == [
        "The Siege of Dunmarrow struck Arkenby"
    ]
    for noun in ("landslip", "silence", "earthquake"):
        assert clauses_of(world, f"The {noun} struck Arkenby.") == [f"The {noun} struck Arkenby"]
    visgar = nouns_of(load_story("visgar"))
    assert "landslip" in visgar and "silence" in visgar and "earthquake" not in visgar
    assert "earthquake" in nouns_of(other) and "landslip" not in nouns_of(other)


def test_plurals_among_a_worlds_values_are_no_verbs(world, other):
    sentence = "In dread of wasps, Torvash and Ossery lived in Sulmere."
    whole = "In dread of wasps , Torvash and Ossery lived in Sulmere"
    assert clauses_of(other, sentence) == [whole]
    assert clauses_of(world, sentence) != [whole]


def test_a_value_that_begins_with_a_verb_makes_no_plural_of_it(world):
    """Who can "map the marshes" also maps them."""
    plurals = nouns_of(world).plurals
    assert "marshes" in plurals
    assert "maps" not in plurals
