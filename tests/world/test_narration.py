from __future__ import annotations

import random

import pytest

from harness.world.generator import generate_world
from harness.world.graph import World
from harness.world.narration import MAX_FACTS, narrate, statement, tell
from harness.world.scenery import closing, opening, scene


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(21, people=12, unstated_share=0.0)


def test_every_fact_is_told_once_and_no_passage_is_too_long(world: World) -> None:
    passages = narrate(world, world.facts, random.Random(0))
    told = [fact_id for passage in passages for fact_id in passage.fact_ids]
    assert sorted(told) == sorted(fact.id for fact in world.facts)
    assert all(1 <= len(passage.fact_ids) <= MAX_FACTS for passage in passages)
    assert len({passage.id for passage in passages}) == len(passages)


def test_no_facts_make_no_passages(world: World) -> None:
    assert narrate(world, (), random.Random(0)) == ()


def test_a_subject_with_more_facts_than_a_passage_holds_is_split(world: World) -> None:
    facts = [fact for fact in world.facts if fact.subject == world.facts[0].subject]
    many = (facts * (2 * MAX_FACTS // len(facts) + 1))[: 2 * MAX_FACTS]
    passages = narrate(world, many, random.Random(1))
    assert sum(len(p.fact_ids) for p in passages) == len(many)
    assert max(len(p.fact_ids) for p in passages) <= MAX_FACTS


@pytest.mark.parametrize("prose", [False, True])
def test_a_passage_names_subject_and_object_of_all_its_facts(world: World, prose: bool) -> None:
    for number in range(0, len(world.facts), 5):
        facts = world.facts[number : number + 5]
        text = tell(world, facts, random.Random(number), prose=prose)
        for fact in facts:
            assert world.label(fact.object).lower() in text.lower()
            assert world.label(fact.subject).lower() in text.lower()
        assert "{" not in text and "}" not in text
        assert text[0].isupper() or text[0] == '"'
        assert text.endswith(".")


def test_statements_are_paraphrases_of_the_relation(world: World) -> None:
    fact = world.facts[0]
    said = {statement(world, fact, random.Random(seed)) for seed in range(40)}
    assert len(said) == len(world.relation[fact.relation].statements)


def test_a_parent_keeps_the_pronoun_that_the_story_gives(world: World) -> None:
    fathers = {fact.object for fact in world.facts if fact.relation == "father"}
    mothers = {fact.object for fact in world.facts if fact.relation == "mother"}
    assert fathers and mothers
    for person in fathers | mothers:
        facts = [fact for fact in world.facts if fact.subject == person]
        for seed in range(8):
            words = " ".join(_no_scenery(world, facts, seed)).lower().split()
            assert ("she" if person in fathers else "he") not in words


def _no_scenery(world: World, facts: list, seed: int) -> list[str]:
    text = tell(world, facts, random.Random(seed), prose=True) if facts else ""
    return text.split(". ")


def test_scenery_names_nobody_and_never_asks() -> None:
    rng = random.Random(2)
    for make in (opening, closing, scene):
        for _ in range(300):
            sentence = make(rng)
            assert sentence.endswith(".") and "?" not in sentence and "  " not in sentence
            start = sentence.lstrip('"')
            assert start[0].isupper()
            assert not any(word[0].isupper() for word in start.split()[1:])
