import pytest

from harness.core.records import Cause, Question, Verdict
from harness.grading.evidence.verdicts import EvidenceVerdicts
from harness.grading.protocol import Context

PASSAGES = (
    "Torvash was a weaver from Arkenby. He was born in 204 and was taught by Melindra.",
    "The Corvane lamp belonged to Melindra, who kept it in a cellar.",
)
TOLD, ABSENT = False, True
CASES = [
    ("Torvash was a weaver from Arkenby.", TOLD, Verdict.GROUNDED),
    ("Torvash was a baker from Paris, and died in 1999 in Rome.", TOLD, Verdict.HALLUCINATED),
    ("I don't know.", TOLD, Verdict.REFUSED),
    ("", TOLD, Verdict.UNRESPONSIVE),
    ("<think>Torvash was a weaver", TOLD, Verdict.UNRESPONSIVE),
    ("the the the the the the the the the the the the the", TOLD, Verdict.UNRESPONSIVE),
    ("Torvash era un tejedor que vivía en la ciudad con su hermana.", TOLD, Verdict.UNSCORED),
    ("There is no one called Bador in the story.", ABSENT, Verdict.REFUSED),
    ("Bador was a baker from Paris, and died in 1999 in Rome.", ABSENT, Verdict.HALLUCINATED),
    ("The Corvane lamp belonged to Melindra.", ABSENT, Verdict.UNRESPONSIVE),
]


@pytest.fixture(scope="module")
def grader():
    return EvidenceVerdicts()


@pytest.mark.parametrize(("answer", "absent", "wanted"), CASES)
def test_every_rule_of_a_verdict_from_passages(grader, answer, absent, wanted):
    text = "Who is Bador?" if absent else "What was the trade of Torvash?"
    asked = Question(id="q", suite="s", text=text, gold="" if absent else "He was a weaver.",
                     must_refuse=absent, cluster="c")  # fmt: skip
    grade = grader.grade(asked, answer, Context(passages=PASSAGES))
    assert grade.verdict is wanted, grade.reason
    assert grade.correct == (wanted is Verdict.GROUNDED)
    assert bool(grade.spans) == (wanted is Verdict.HALLUCINATED)
    assert (grade.cause is not None) == (
        wanted is Verdict.UNSCORED or (wanted is Verdict.UNRESPONSIVE and not absent)
    )
    alone = grader.grade(asked, answer, Context())
    made_up = wanted in (Verdict.GROUNDED, Verdict.HALLUCINATED)
    assert alone.verdict is (Verdict.HALLUCINATED if made_up else wanted) or absent
    if answer.startswith("<think>"):
        assert grade.cause is Cause.REASONING and grade.thought
