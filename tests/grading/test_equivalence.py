"""Equivalence of short answers: rules, classifier, and what it must not depend on."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from harness.core.errors import GradingError
from harness.grading.equivalence import grader as equivalence
from harness.grading.equivalence.grader import EquivalenceGrader
from harness.grading.equivalence.reading import Date, read, read_answer
from harness.grading.equivalence.rules import rule_on


@pytest.fixture(scope="module")
def grader():
    return EquivalenceGrader()


class NoEncoder:
    def encode(self, sentences):
        raise AssertionError(f"asked for the meaning of {sentences}")


READINGS = [
    ("twenty-three thousand", ("23000",)),
    ("23,000", ("23000",)),
    ("36.0", ("36",)),
    ("2.5 million", ("2500000",)),
    ("£50m", ("£", "50000000")),
    ("the Second Sunday", ("2th", "sunday")),
    ("2nd sunday", ("2th", "sunday")),
    ("World War II", ("world", "war", "2")),
    ("Émile & Söhne", ("emile", "and", "sohne")),
    ("U.S.A.", ("usa",)),
    ("J.R.R. Tolkien", ("j", "r", "r", "tolkien")),
    ("DÃ¡in", ("dain",)),
    ("The first book of all the books was written byAnna Berg12.",
     ("1th", "book", "of", "all", "books", "was", "written", "by", "anna", "berg")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), READINGS)
def test_spelling_variants_have_one_normal_form(text, words):
    assert read(text).words == words


DATES = [
    ("4 July 1776", Date(1776, 7, 4)),
    ("July 4th, 1776", Date(1776, 7, 4)),
    ("the 4th of July, 1776", Date(1776, 7, 4)),
    ("1776-07-04", Date(1776, 7, 4)),
    ("Jul. 1776", Date(1776, 7)),
    ("July 4", Date(None, 7, 4)),
    ("1776", Date(1776)),
]


@pytest.mark.parametrize(("text", "date"), DATES)
def test_dates_are_read_in_any_order(text, date):
    assert read(text).dates == (date,)


# question, gold, answer, the same or not
RULED = [
    ("Who wrote it?", "J. R. R. Tolkien", "Tolkien, J. R. R.", True),
    ("Who wrote it?", "John Ronald Reuel Tolkien", "J.R.R. Tolkien", True),
    ("Who wrote it?", "JRR Tolkien", "John Tolkien", True),
    ("Who wrote it?", "Anna Maria Berg", "Anna Berg.", True),
    ("Who founded it?", "Environmental Protection Agency", "EPA", True),
    ("Where is it?", "United States", "the U.S.A.", True),
    ("How many are there?", "twelve", "12", True),
    ("How many are there?", "There are 12.", "thirteen", False),
    ("How many lamps are there?", "12", "There are twelve lamps.", True),
    ("How far is it?", "5 km", "5,000 metres", True),
    ("How far is it?", "5 km", "3.1 miles", True),
    ("How far is it?", "5 km", "5 miles", False),
    ("How heavy is it?", "2 kg", "2 metres", False),
    ("What did it cost?", "$1.5 million", "$1,500,000", True),
    ("When was it?", "4 July 1776", "July 4th, 1776", True),
    ("When was it?", "1776", "It was in 1776.", True),
    ("When was it?", "July 1776", "4 July 1776", True),
    ("When was it?", "4 July 1776", "5 July 1776", False),
    ("Is it open?", "yes", "Yes, it is.", True),
    ("Is it open?", "yes", "No.", False),
    ("Is it open?", "No", "no, it is not open", True),
    ("What colours has it?", "red, green and blue", "Blue, red & green", True),
    ("What colours are there?", "red, green and blue", "red and green", False),
    ("What is the capital of Lurria?", "Lund", "The capital of Lurria is Lund.", True),
    ("What is the capital of Lurria?", "Lund", "The capital of Lurria is not Lund.", False),
    ("Which tool is not sharp?", "spoon", "The tool that is not sharp is the spoon.", True),
    ("Who built it?", "Anna Berg", "It was not built by Anna Berg but by Bruno Holm.", False),
    ("Who built it?", "Anna Berg", "Anna Berg didn't build it. Bruno Holm, rather than Anna Berg, did.", False),
    ("Who built it?", "Anna Berg", "Bruno Berg", False),
    ("Where was he born?", "South Lurria", "North Lurria", False),
    ("Who is it?", "Anna Berg", "", False),
    ("Who is it?", "Anna Berg", "I'm sorry, I don't know who that is.", False),
]  # fmt: skip


@pytest.mark.parametrize(("question", "gold", "answer", "same"), RULED)
def test_rules_decide_without_the_encoder(question, gold, answer, same):
    found = EquivalenceGrader(NoEncoder()).right(question, [gold], answer)
    assert found.same is same and found.reason.startswith("rule: ")
    assert (found.score > 0.9) is same


LEFT_OPEN = [
    ("When was it?", "4 July 1776", "July 1776"),
    ("How many people lived there?", "about 5,000", "around 4,900"),
    ("Who wrote it?", "Anna Berg", "Anna Maria Lund"),
    ("Who wrote it?", "Anna Berg", "Anne Berg"),
    ("Who wrote it?", "Anna Berg", "Not only Anna Berg but many others."),
    ("Who did not write it?", "Anna Berg", "Those who did not write it are Anna Berg and others."),
    ("Who wrote it?", "Anna Berg", "That is not known for sure. Anna Berg has been named."),
    ("Where is it?", "in the old harbour", "at the docks"),
]


@pytest.mark.parametrize(("question", "gold", "answer"), LEFT_OPEN)
def test_what_no_rule_decides_is_left_to_the_classifier(question, gold, answer):
    assert rule_on(read(question), read(gold), read_answer(answer)) is None


WEIGHED = [
    ("who built the old bridge of Lurria", ["Anna Berg"],
     "The old bridge of Lurria was built by the engineer Anna Berg in 1820.", True),
    ("who built the old bridge of Lurria", ["Anna Berg"],
     "The old bridge of Lurria was built by the engineer Bruno Holm in 1820.", False),
    ("what does the woolly yak eat", ["grass and sedges"],
     "Its diet is mainly grasses and sedges.", True),
    ("who was the first keeper of the lamp", ["Smriti Kalrani"], "Smiriti Kalrani", True),
    ("where did the ship sink", ["off the coast of Norway"], "in the Gulf of Mexico", False),
]  # fmt: skip


@pytest.mark.parametrize(("question", "golds", "answer", "same"), WEIGHED)
def test_the_classifier_weighs_sentences(grader, question, golds, answer, same):
    found = grader.right(question, golds, answer)
    assert found.same is same and found.reason.startswith("classifier: ")


def test_one_gold_of_several_is_enough_and_wrong_takes_all():
    grader = EquivalenceGrader(NoEncoder())
    assert grader.right("How many?", ["11", "12"], "twelve").same
    assert not grader.right("How many?", ["11", "12"], "13").same


def test_a_pair_may_change_places_and_needs_no_question(grader):
    pairs = [
        ("Anna Berg", "It was Anna Berg who built it.", "Who built it?"),
        ("in the harbour", "Down at the docks, I think.", None),
        ("5 km", "5,000 metres", None),
    ]
    there = grader.same_many(pairs)
    back = grader.same_many([(b, a, question) for a, b, question in pairs])
    assert [one.score for one in there] == pytest.approx([one.score for one in back])
    assert there[2].same and grader.same("", "").same and not grader.same("", "Lund").same


def test_scores_do_not_depend_on_order_or_company(grader):
    items = [(question, golds, answer) for question, golds, answer, _ in WEIGHED]
    items += [(question, [gold], answer) for question, gold, answer, _ in RULED[:6]]
    mixed = list(items)
    random.Random(3).shuffle(mixed)
    together = dict(zip(map(str, mixed), grader.right_many(mixed), strict=True))
    for item in items:
        alone = EquivalenceGrader().right(*item)
        assert together[str(item)].score == pytest.approx(alone.score, abs=1e-5)
    golds = ["Bruno Holm", "Anna Berg", "Berg"]
    first, second = (
        grader.right("who built it", order, "The builder was A. Berg.")
        for order in (golds, golds[::-1])
    )
    assert first.score == pytest.approx(second.score)


def test_hostile_and_odd_texts_get_a_finite_score(grader):
    odd = ["\x00\x1b[31m", "?" * 5000, "a " * 3000, "\ud800", "½", "²", "1" * 400, "𝟙𝟚",
           "[INST] x [/INST]", "٣", "1.2.3.4", "$", "Ⅷ", "NaN", "1e999", "\n\n"]  # fmt: skip
    for text in odd:
        for other in ("Lund", "12", text):
            found = grader.same(text, other)
            assert 0 <= found.score <= 1 and math.isfinite(found.score)
    with pytest.raises(GradingError, match="no gold answer"):
        grader.right("who", ["?!"], "Anna")


def test_weights_for_other_features_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.json"
    path.write_text('{"grader": "equivalence@1", "features": ["other"]}', encoding="utf-8")
    monkeypatch.setattr(equivalence, "WEIGHTS", path)
    equivalence.load_weights.cache_clear()
    try:
        with pytest.raises(GradingError, match="fit_equivalence"):
            EquivalenceGrader()
    finally:
        monkeypatch.undo()
        equivalence.load_weights.cache_clear()


def test_shipped_weights_are_finite_and_the_meaning_has_a_say():
    for weights in equivalence.load_weights():
        assert np.isfinite([*weights.coefficient, *weights.mean, weights.intercept]).all()
        assert min(weights.scale) > 0
