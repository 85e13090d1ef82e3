"""Run-on text without markers is cut; what goes on about the same things stays."""

from __future__ import annotations

import pytest

from harness.grading.equivalence.run_on import cut_run_on

QUESTION = "Where was the weaver Torvash born?"
ANSWER = "Torvash was born in Lund."

CUT = [
    "The children asked for more bread.\n\nThe road was long.",
    "Paris has many bridges.",
    '"Snow fell," said nobody in particular.',
    "def add(a, b): return a + b".capitalize(),
]
KEPT = [
    "His weaving was famous in Lund.",  # the same things
    "Later, in Lund, a house was built.",
    "She also kept bees.",  # a pronoun goes on
    "This was long ago.",
    "- Sulmere\n- Arkenby",  # a list
    "1. Sulmere\n2. Arkenby",
    "and nobody knows the year.",  # the sentence goes on
    "",
]


@pytest.mark.parametrize("tail", CUT)
def test_a_line_about_something_else_and_all_after_it_is_cut(tail):
    assert cut_run_on(QUESTION, f"{ANSWER}\n{tail}") == (ANSWER, tail)
    assert cut_run_on(QUESTION, f"{ANSWER}\n\n{tail}\n{ANSWER}")[0] == ANSWER


@pytest.mark.parametrize("tail", KEPT)
def test_what_belongs_to_the_answer_stays(tail):
    assert cut_run_on(QUESTION, f"{ANSWER}\n{tail}") == (f"{ANSWER}\n{tail}".rstrip(), "")


def test_an_unfinished_line_and_a_heading_run_into_the_next():
    assert cut_run_on(QUESTION, "The places are:\nSulmere\nArkenby")[1] == ""
    assert cut_run_on(QUESTION, "In the town of\nArkenby.")[1] == ""
    assert cut_run_on(QUESTION, "\n\nLund.\nThe cat sat.") == (
        "Lund.".rjust(7, "\n"),
        "The cat sat.",
    )
    assert cut_run_on(QUESTION, "") == ("", "")


def test_only_the_beginning_of_a_huge_answer_is_read():
    kept, cut = cut_run_on(QUESTION, "Torvash was born in Lund.\n" * 50_000)
    assert 19_000 < len(kept) + len(cut) <= 20_000
