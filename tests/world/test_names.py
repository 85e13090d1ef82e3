from __future__ import annotations

import random
from itertools import islice

import pytest
from rapidfuzz.distance import Levenshtein

from harness.core.errors import UsageError
from harness.world.names import (
    ARTICLE_NAMES,
    blocked_names,
    coin_name,
    coined_word,
    invented_title,
    is_reserved,
    near_names,
    pronounceable,
)


def test_coined_names_are_never_reserved_or_blocked() -> None:
    rng = random.Random(1)
    for _ in range(3000):
        name = coin_name(rng)
        assert not is_reserved(name)
        assert name.lower() not in blocked_names()
        assert name.isalpha() and name == name.capitalize() and 5 <= len(name) <= 9


def test_a_blocked_name_that_the_grammar_makes_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = coin_name(random.Random(5))
    monkeypatch.setattr("harness.world.names.blocked_names", lambda: frozenset({first.lower()}))
    assert coin_name(random.Random(5)) != first


def test_names_coined_for_audits_are_all_reserved() -> None:
    rng = random.Random(2)
    assert all(is_reserved(coin_name(rng, reserved=True)) for _ in range(200))


def test_a_tenth_of_the_name_space_is_reserved_whatever_the_case() -> None:
    rng = random.Random(3)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(10_000)]
    assert 0.085 < sum(map(is_reserved, words)) / len(words) < 0.12
    assert all(is_reserved(word) == is_reserved(word.upper()) for word in words[:100])


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_near_names_are_reserved_distinct_and_exactly_so_many_edits_away(distance: int) -> None:
    found = list(islice(near_names("Torvash", distance, random.Random(4)), 12))
    assert len(found) == len(set(found)) >= 4
    for name in found:
        assert Levenshtein.distance(name.lower(), "torvash") == distance
        assert is_reserved(name)
        assert pronounceable(name.lower())
        assert name.lower() not in blocked_names()


def test_near_names_change_the_coined_word_and_leave_its_frame() -> None:
    for name in islice(near_names("the Order of Torvash", 2, random.Random(5)), 5):
        assert name.startswith("the Order of ")
        changed = name.removeprefix("the Order of ")
        assert is_reserved(changed)
        assert Levenshtein.distance(changed.lower(), "torvash") == 2


def test_near_names_depend_on_the_seed_alone() -> None:
    def first(seed: int) -> list[str]:
        return list(islice(near_names("Torvash", 2, random.Random(seed)), 5))

    assert first(6) == first(6)
    assert first(6) != first(7)


@pytest.mark.parametrize(("name", "distance"), [("Torvash", 0), ("the siege", 1)])
def test_near_names_of_nothing_are_refused(name: str, distance: int) -> None:
    with pytest.raises(UsageError, match="near_names"):
        next(near_names(name, distance, random.Random(0)))


@pytest.mark.parametrize("kind", ["person", "place", "object", "group", "event"])
def test_the_coined_word_of_a_title_is_the_name_it_was_made_of(kind: str) -> None:
    rng = random.Random(8)
    for _ in range(40):
        assert coined_word(invented_title(kind, "Orvek", rng)) == "Orvek"


def test_names_of_the_article_and_of_shipped_stories_are_blocked() -> None:
    assert blocked_names() >= ARTICLE_NAMES
    assert all(name == name.lower() for name in blocked_names())
    assert len(blocked_names()) > len(ARTICLE_NAMES)
