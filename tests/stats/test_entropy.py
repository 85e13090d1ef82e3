import math

import numpy as np
import pytest

from harness.core.records import Claim, ClaimStatus, Verdict
from harness.stats.entropy import meaning_of, normalised, semantic_entropy
from harness.stats.tables import verdict_table


def claim(subject="igodo", relation="trade", object="weaver", **more):
    return Claim(text="said", status=ClaimStatus.SUPPORTED, reason="", subject=subject,
                 relation=relation, object=object, **more)  # fmt: skip


@pytest.fixture
def said(question, graded):
    """A graded answer with a verdict letter and claims."""
    from dataclasses import replace

    def make(letter, *claims):
        return replace(graded(question("q"), letter)[0], claims=claims)

    return make


ALIKE = [
    ("other words, one claim", ("g", claim()), "He was a weaver.", ("g", claim()), "A weaver!"),
    ("claims in any order", ("h", claim(), claim(object="smith")), "x",
     ("h", claim(object="smith"), claim()), "y"),
    ("refusals", ("r",), "Not able to answer.", ("r",), "I do not know."),
    ("a refusal that corrects", ("r", claim()), "No, a weaver.", ("r",), "I do not know."),
    ("words without claims", ("?",), "The  Weaver, a man.", ("?",), "weaver man"),
]  # fmt: skip
APART = [
    ("other object", ("h", claim()), "x", ("h", claim(object="smith")), "x"),
    ("negated", ("h", claim()), "x", ("h", claim(negated=True)), "x"),
    ("other verdict", ("g", claim()), "x", ("h", claim()), "x"),
    ("a claim half read", ("h", claim(object=None)), "one", ("h", claim(object=None)), "two"),
    ("one claim more", ("h", claim()), "x", ("h", claim(), claim(relation="age")), "x"),
]


@pytest.mark.parametrize(("name", "a", "said_a", "b", "said_b"), ALIKE)
def test_answers_that_mean_the_same(said, name, a, said_a, b, said_b):
    assert meaning_of(said(*a), said_a) == meaning_of(said(*b), said_b)


@pytest.mark.parametrize(("name", "a", "said_a", "b", "said_b"), APART)
def test_answers_that_mean_something_else(said, name, a, said_a, b, said_b):
    assert meaning_of(said(*a), said_a) != meaning_of(said(*b), said_b)


def test_words_are_compared_without_case_articles_and_punctuation():
    assert normalised("The “Weaver”, a MAN — of\nthe north.") == "weaver man of north"
    assert normalised("…") == ""


def test_entropy_is_that_of_the_shares():
    counts = np.array([4.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    cell = np.array([0, 1, 1, 1, 2, 2, 2, 2])
    found = semantic_entropy(counts, cell, cells=4)
    assert found[0] == 0
    assert found[1] == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(4))
    assert found[2] == pytest.approx(math.log(4))
    assert np.isnan(found[3])


def texts_table(question, graded, answer, texts, **options):
    from dataclasses import replace

    rows = graded(question("q"), "?" * len(texts))
    answers = [replace(answer(row), text=text) for row, text in zip(rows, texts, strict=True)]
    return verdict_table(rows, [question("q")], answers, **options)


def test_an_equivalence_can_be_given_and_must_hold_both_ways(question, graded, answer):
    texts = ["a weaver", "a weaver of cloth", "someone who weaves", "a smith"]
    plain = texts_table(question, graded, answer, texts)
    assert plain["meaning"].nunique() == 4
    asked = []

    def same(question_text, a, b):
        asked.append(question_text)
        weavers = {"a weaver", "someone who weaves"}
        return {a, b} <= weavers or (a in weavers and b == "a weaver of cloth")

    merged = texts_table(question, graded, answer, texts, equivalent=same)["meaning"].tolist()
    assert merged[0] == merged[2]
    assert len(set(merged)) == 3  # cloth is entailed one way only
    assert set(asked) == {"q?"}


def test_an_equivalence_never_joins_different_verdicts(question, graded, answer):
    rows = graded(question("q"), "gh")
    answers = [answer(row) for row in rows]
    table = verdict_table(rows, [question("q")], answers, equivalent=lambda *_: True)
    assert table["meaning"].nunique() == 2
    assert set(table["verdict"].astype(str)) == {Verdict.GROUNDED, Verdict.HALLUCINATED}
