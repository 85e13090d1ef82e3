"""Text made to break the grader is graded, in time, and never raises."""

from __future__ import annotations

import time

import pytest

from harness.records import Verdict
from harness.seeds import stream

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
