"""The bench of rendered truth: fair by construction, the same from the same seed, and passed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.core.records import Verdict
from harness.grading.world.grader import WorldGrader
from harness.world.generator import generate_world, shared_relations

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
from phrasings import phrasings
from rendering import exposures, render
from wording import in_words


@pytest.fixture(scope="module")
def small():
    return generate_world(77, people=12)


def test_no_phrasing_stands_in_the_tables():
    for relation in shared_relations():
        own = {
            *relation.statements, *relation.answers, *relation.questions,
            *("{s} " + clause + "." for clause in relation.clauses),
        }  # fmt: skip
        for held_out, least in ((False, 20), (True, 5)):
            forms = phrasings(relation.id, held_out=held_out)
            plain = len(set(forms)) == len(forms) and not own & set(forms)
            slots = all("{s}" in form and "{o}" in form for form in forms)
            # nothing of a blind phrasing may come out where this fails
            assert len(forms) >= least and plain and slots, (relation.id, held_out)


def test_the_same_seed_renders_the_same(small):
    first, again = (list(render(small, seed=3, per_fact=1, halves=(False,))) for _ in range(2))
    assert first == again != list(render(small, seed=4, per_fact=1, halves=(False,)))


def test_rendered_claims_are_told_apart(small):
    grader = WorldGrader(small, exposures(small), meaning=None)
    cases = list(render(small, seed=0, per_fact=4, halves=(False,)))
    said = [grader.grade(case.question, case.text).verdict for case in cases]
    bad = [v is Verdict.HALLUCINATED for v in said]
    hits = sum(b and case.false for b, case in zip(bad, cases, strict=True))
    assert len(cases) > 300
    assert hits / sum(bad) > 0.98
    assert hits / sum(case.false for case in cases) > 0.93


def test_numbers_in_words():
    assert [in_words(n) for n in (7, 19, 40, 88, 300, 231)] == [
        "seven", "nineteen", "forty", "eighty-eight", "three hundred", "two hundred and thirty-one",
    ]  # fmt: skip
