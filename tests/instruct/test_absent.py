from __future__ import annotations

import pytest
from rapidfuzz.distance import Levenshtein

from harness.core.errors import StoryError
from harness.core.seeds import stream
from harness.instruct.absent import AbsenceCheck, certify_absent, name_cores
from harness.world.generator import generate_world
from harness.world.names import coin_name, is_reserved, near_names

WORLD = generate_world(3, people=20)
PERSON = next(entity for entity in WORLD.entities if " " not in entity.name)


def far_name():
    rng = stream(0, "test")
    check = AbsenceCheck(WORLD)
    return next(
        n for n in iter(lambda: coin_name(rng, reserved=True), None) if not check.problem(n)
    )


def test_a_far_reserved_name_is_certified():
    name = far_name()
    assert certify_absent(name, world=WORLD) == name
    assert is_reserved(name)
    cores = {core for known in WORLD.names for core in name_cores(known)}
    assert min(Levenshtein.distance(name.lower(), core) for core in cores) >= 4


def test_a_title_is_certified_by_its_coined_word():
    assert certify_absent(f"the Order of {far_name()}", world=WORLD)


def test_a_real_name_is_not():
    with pytest.raises(StoryError, match="stands in the world"):
        certify_absent(PERSON.name.upper().title(), world=WORLD)


def test_a_name_from_the_texts_is_not_whatever_its_case():
    name = far_name()
    with pytest.raises(StoryError, match="text about it"):
        certify_absent(name, world=WORLD, texts=[f"They spoke of {name.upper()}, long ago."])
    assert certify_absent(name, world=WORLD, texts=[f"They spoke of {name}ish things."]) == name


def test_a_name_that_pretraining_may_emit_is_not():
    rng = stream(0, "test")
    with pytest.raises(StoryError, match="not reserved"):
        certify_absent(coin_name(rng, reserved=False), world=WORLD)


def test_a_name_near_a_real_one_is_no_invented_name_but_a_near_miss():
    near = next(near_names(PERSON.name, 2, stream(0, "near")))
    with pytest.raises(StoryError, match="2 edits from"):
        certify_absent(near, world=WORLD)
    assert certify_absent(near, world=WORLD, distance=2, nearest=PERSON.name) == near
    with pytest.raises(StoryError, match=r"is not 1 edits|is 2 edits"):
        certify_absent(near, world=WORLD, distance=1, nearest=PERSON.name)
    with pytest.raises(StoryError, match="nearer than 3"):
        certify_absent(near, world=WORLD, distance=3, nearest=PERSON.name)


def test_the_article_s_names_are_absent_from_other_stories():
    assert certify_absent("Bordor", world=WORLD) == "Bordor"
