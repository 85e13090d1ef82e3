"""Text made to break the grader is graded, in time, and never raises."""

from __future__ import annotations

import time

import pytest

from harness.core.records import Verdict
from harness.core.seeds import stream
from harness.grading.equivalence.names import name_words
from harness.grading.equivalence.reading import read, read_answer
from harness.grading.equivalence.rules import items_of
from harness.grading.equivalence.run_on import cut_run_on
from harness.grading.evidence.text import sentences
from harness.grading.refusal.refusals import find_refusal
from harness.grading.syntax.framing import unframe
from harness.grading.syntax.rewording import settled_on
from harness.grading.text.numbers import read_number
from harness.grading.text.prepare import prepare

BOMBS = {
    "nothing but names": "Torvash " * 3000,
    "one word without end": "a" * 200_000,
    "one sentence without end": "Torvash was born in " * 4000,
    "and and and": "Torvash and " * 3000 + "Ossery lived in Sulmere.",
    "commas": "," * 50_000,
    "slots": "\ue000\ue001\uf8ff was born in \ue000 " * 500,
    "brackets": "[INST]" * 5000,
    "half brackets": "<<SYS" * 5000,
    "escape codes": "\x1b[31mTorvash\x1b[0m was a \x00weaver.",
    "mixed scripts": "Тorvash был ткачом. 托尔瓦什是织工。 " * 200,
    "emoji": "🧵" * 3000,
    "combining marks": "T" + "\u0301" * 20_000,
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)> Torvash was a weaver.",
    "numbers": "one hundred and " * 3000,
    "digits": "1" * 30_000,
    "negations": "not never no " * 3000,
    "quotes": "'s" * 10_000,
    "values": "was a weaver or a baker and " * 1500,
    "who": "Torvash, who " * 2000,
    "questions": "Who? " * 3000,
    "new lines": "\n" * 50_000,
    "lone surrogate": "Torvash \ud800 was a weaver.",
    "letters": "b c " * 5000,
    "initials": "A. " * 6666,
    "halves of a claim": "was a " * 3333,
    "not": "not a not b " * 1666,
    "guesses": ", i guess" * 2222,
    "nobody": "Nobody A d " * 1818,
    "both": "both A and B " * 1538,
    "claims": "Torvash lived in Sulmere " * 800,
    "full stops": "." * 19_999 + "x",
    "marks": "Torvash was a weaver" + "!" * 19_000 + "x",
    "dashes behind if": "if " + "-" * 19_000 + "x",
    "lines": "A\n" * 10_000,
    "clauses of names": "".join(f"Va{n:x} was a ko{n:x}, ".replace("0", "o") for n in range(1100)),
    "no end of blanks": "Torvash was a weaver" + " " * 19_000 + "x",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("asked", ["trade", "open", "invented", "world"])
def test_hostile_text_is_graded_in_time(grader, questions, name, asked):
    start = time.process_time()
    grade = grader.grade(questions[asked], BOMBS[name])
    assert time.process_time() - start < 1.0
    assert isinstance(grade.verdict, Verdict) and grade.reason


def test_any_soup_of_words_is_graded(grader, questions):
    words = "Torvash Melindra Arkenby the lamp was taught by in born 's , . not who and 34 weaver he [INST]".split()
    rng = stream(3, "soup")
    for number in range(1500):
        text = " ".join(rng.choice(words) for _ in range(rng.randrange(1, 30)))
        asked = list(questions.values())[number % len(questions)]
        assert grader.grade(asked, text).reason


# Twice as long as what is graded, so that quadratic time would be half a minute (bench/nasty.py
# looks for such texts; the names say what took that long once, or longer).
SIZE = 40_000
SLOW = {
    "digits, cut as run-on text": lambda: cut_run_on("Who?", "1" * SIZE),
    "digits, read as an answer": lambda: read_answer("7" * SIZE + "x"),
    "lines, cut as run-on text": lambda: cut_run_on("Who?", "A.\n" * (SIZE // 3)),
    "full stops, in sentences": lambda: prepare("." * SIZE + "x"),
    "marks, in sentences of evidence": lambda: sentences("!" * SIZE + "x"),
    "a surname without end": lambda: name_words("Vell, A" + "a" * SIZE + "!"),
    "dashes behind if": lambda: unframe("If " + "-" * SIZE + "x"),
    "blanks before a second thought": lambda: settled_on("She lived in Lund" + " " * SIZE + "x"),
    "blanks in a list": lambda: items_of("a" + " " * SIZE + "b"),
    "marks, refused": lambda: find_refusal("I can't" + "?" * SIZE + "x"),
    "stops, read": lambda: read("." * SIZE + "x"),
    "groups of digits": lambda: read_number("1" + ",000" * SIZE),
}


@pytest.mark.parametrize("name", SLOW)
def test_time_does_not_grow_with_the_square_of_the_length(name):
    start = time.process_time()
    SLOW[name]()
    assert time.process_time() - start < 5.0


def test_what_is_longer_than_any_number_is_none():
    cases = [("12", 12), ("1,000,000", 1_000_000), ("1" + ",000" * 20, None), ("1" * 20_000, None)]
    assert [read_number(text) for text, _ in cases] == [number for _, number in cases]


def test_marks_end_a_sentence_as_they_did():
    cases = {
        'He left... Then "stop!" she said?! Yes.': [
            "He left...",
            'Then "stop!"',
            "she said?!",
            "Yes.",
        ],
        "He left.Then he came...Back": ["He left.", "Then he came...", "Back"],
        "version 1.2.3 is out.": ["version 1.2.3 is out."],
        "Well...x and so on.": ["Well...x and so on."],
    }
    for text, wanted in cases.items():
        assert list(prepare(text).sentences) == wanted


def test_run_on_text_is_cut_behind_a_finished_line():
    cases = {
        "Ada built it.\nThe sea is blue.": "Ada built it.",
        'She said "yes."\n\nThe sea is blue.': 'She said "yes."',
        "Ada built it\nThe sea is blue.": "Ada built it\nThe sea is blue.",
        'Ada built it.\n"\nThe sea is blue.': "Ada built it.",
        "Ada built it. \n \nAda was from Lund. \n": "Ada built it. \n \nAda was from Lund.",
    }
    for text, kept in cases.items():
        assert cut_run_on("Who built the bridge?", text)[0] == kept


def test_lists_and_turned_names_are_read_as_they_were():
    assert items_of("red, green and  blue \n or\tblack") == [
        ("red",),
        ("green",),
        ("blu",),
        ("black",),
    ]
    assert name_words("Tolkien, J. R. R.") == ("j", "r", "r", "tolkien")
    assert name_words("Vell, Ada Maria .") == ("ada", "maria", "vell")
