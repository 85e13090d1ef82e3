import math
import random

import pandas as pd
import pytest

from harness.core.errors import StoreError
from harness.core.records import Exposure
from harness.stats.tables import greedy, sampled, verdict_table


def test_rows_carry_question_and_answer(question, graded, answer):
    asked = question("q", suite="near_miss", cluster="Bador", must_refuse=True, distance=2)
    rows = graded(asked, "hr")
    table = verdict_table(rows, [asked], [answer(rows[0])])
    assert list(table["verdict"].astype(str)) == ["hallucinated", "refused"]
    assert table.loc[0, "mean_logprob"] == -2.0
    assert math.isnan(table.loc[1, "mean_logprob"])
    assert list(table["distance"]) == [2, 2]
    assert list(table["cluster"]) == ["Bador", "Bador"]
    assert not table["told"].any()


@pytest.mark.parametrize(
    ("exposure", "told"),
    [
        (Exposure.TRAINED, True),
        (Exposure.TEXT_ONLY, True),
        (Exposure.UNSTATED, False),
        (Exposure.ABSENT, False),
        (None, False),
    ],
)
def test_told_is_what_the_model_could_have_learned(question, graded, exposure, told):
    asked = question("q", exposure=exposure)
    assert verdict_table(graded(asked, "g"), [asked])["told"].all() == told


def test_the_order_of_the_input_does_not_matter(question, graded):
    questions = [question(f"q{i}") for i in range(5)]
    rows = [row for asked in questions for row in graded(asked, "ghr?")]
    shuffled = random.Random(1).sample(rows, len(rows))
    pd.testing.assert_frame_equal(
        verdict_table(rows, questions), verdict_table(shuffled, questions[::-1])
    )


def test_greedy_and_sampled_rows_are_apart(question, graded):
    asked = question("q")
    rows = [
        *graded(asked, "ghh"),
        *graded(asked, "r", arm="base"),
        *graded(asked, "g", arm="floor"),
    ]
    table = verdict_table(rows, [asked])
    assert list(sampled(table)["sample"]) == [1, 2]
    assert list(greedy(table)["verdict"].astype(str)) == ["grounded"]
    assert list(greedy(table, arm="base")["verdict"].astype(str)) == ["refused"]


def test_a_verdict_without_its_question_is_an_error(question, graded):
    with pytest.raises(StoreError, match=r"'lost'.*bordor grade"):
        verdict_table(graded(question("lost"), "g"), [question("other")])


def test_an_answer_graded_twice_is_an_error(question, graded):
    asked = question("q")
    with pytest.raises(StoreError, match="graded twice"):
        verdict_table([*graded(asked, "g"), *graded(asked, "h")], [asked])
