"""The rules of verdicts.py, one row each, and the borders between them; no text is read here."""

import pytest

from harness.core.records import Cause, Claim, ClaimStatus, Form, Question, Scope, Verdict
from harness.grading.illformed.reader import NOTHING_GARBLED, Legible
from harness.grading.linking.frame import Frame, Term
from harness.grading.refusal.refusals import Refusal
from harness.grading.text.prepare import Prepared
from harness.grading.world.verdicts import Case, decide, is_correct

G, H, R, OFF, N, U = (Verdict.GROUNDED, Verdict.HALLUCINATED, Verdict.REFUSED, Verdict.OFF_SCOPE,
                    Verdict.UNRESPONSIVE, Verdict.UNSCORED)  # fmt: skip
S = ClaimStatus
WHO = Frame(relation="trade", asks="o", given=Term("person", ("torvash",), "Torvash"))
ASKED = {"id": "q", "suite": "s", "text": "What was the trade of Torvash?", "gold": "",
         "must_refuse": False, "cluster": "torvash", "expected": ("weaver",),
         "relation": "trade"}  # fmt: skip
SAID = Prepared(sentences=("He was a weaver.",))
NOTHING = Prepared(sentences=())
REPEATS = Prepared(sentences=("the the the",), degenerate=True)
DECLINES = Refusal(declines=True, kinds=("knowledge",), spans=("I do not know.",))
PLAIN = Refusal(declines=False)
SALAD = Legible(sentences=(), garbled=True)


def claim(status, *, relation="trade", subject="torvash", object="weaver", negated=False):
    return Claim(text="a saying", status=status, reason=f"because {status}", subject=subject,
                 relation=relation, object=object, negated=negated)  # fmt: skip


def case(*statuses, refuse=False, form=Form.FACT, scope=Scope.SOURCE, said=SAID, refusal=PLAIN,
         correct=False, heard=NOTHING_GARBLED, of_story=False, frame=WHO):  # fmt: skip
    expected = () if refuse or form is Form.OPEN else ASKED["expected"]
    question = Question(**ASKED | {"must_refuse": refuse, "form": form, "scope": scope,
                                   "expected": expected})  # fmt: skip
    claims = [one if isinstance(one, Claim) else claim(one) for one in statuses]
    return Case(question=question, frame=frame, prepared=said, refusal=refusal, claims=claims,
                correct=correct, heard=heard, of_story=of_story)  # fmt: skip


TRUE, WRONG, OPEN = S.SUPPORTED, S.CONTRADICTED, S.UNDECIDABLE
ELSEWHERE = claim(TRUE, relation="home", subject="ossery", object="sulmere")
DENIED = claim(TRUE, negated=True)
PREMISE = {"refuse": True, "form": Form.PREMISE}
WORLD = {"refuse": True, "scope": Scope.REAL_WORLD}
RULES = {
    "1 nothing": (case(said=NOTHING), N),
    "1 repetition and no claim": (case(said=REPEATS), N),
    "1 repetition with a claim": (case(TRUE, said=REPEATS, correct=True), G),
    "2 contradicted": (case(WRONG), H),
    "2 of somebody unknown": (case(S.UNKNOWN_ENTITY), H),
    "2 a lucky guess": (case(S.UNTOLD), H),
    "2 right, and something wrong besides": (case(TRUE, WRONG, correct=True), H),
    "2 a hedged invention": (case(WRONG, refusal=DECLINES), H),
    "3 declines": (case(refusal=DECLINES), R),
    "3 declines, and answers all the same": (case(TRUE, refusal=DECLINES, correct=True), G),
    "3 declines, and says what nothing decides": (case(OPEN, refusal=DECLINES), U),
    "3 declines, and tells of somebody else": (case(ELSEWHERE, refusal=DECLINES), R),
    "4 a true denial": (case(DENIED, refuse=True), R),
    "4 the told fact corrects a premise": (case(TRUE, **PREMISE), R),
    "4 a premise that is gone along with": (case(OPEN, **PREMISE), H),
    "4 told facts about others": (case(ELSEWHERE, refuse=True), N),
    "4 told and open about others": (case(ELSEWHERE, OPEN, refuse=True), U),
    "5 undecidable": (case(OPEN), U),
    "5 told, and something undecidable": (case(TRUE, OPEN, correct=True), U),
    "6 told, and it answers": (case(TRUE, correct=True), G),
    "6 told of another": (case(ELSEWHERE), N),
    "6 whatever is told answers an open question": (case(TRUE, form=Form.OPEN), G),
    "6 but not about somebody else": (case(ELSEWHERE, form=Form.OPEN), N),
    "7 words and no claim": (case(), N),
    "salad": (case(heard=SALAD), N),
    "salad that declines": (case(heard=Legible(sentences=(), garbled=True, declines="not able")), R),
    "salad with a claim": (case(WRONG, heard=SALAD), H),
    "world: any answer": (case(OPEN, **WORLD), OFF),
    "world: no claim": (case(**WORLD), OFF),
    "world: declines": (case(refusal=DECLINES, **WORLD), R),
    "world: nothing": (case(said=NOTHING, **WORLD), N),
    "world: repetition": (case(said=REPEATS, **WORLD), N),
    "world: the story contradicts it": (case(WRONG, **WORLD), H),
    "world: unknown people in the story's words": (
        case(S.UNKNOWN_ENTITY, of_story=True, heard=Legible(sentences=("x",)), **WORLD), H),
    "world: unknown people in other words": (case(S.UNKNOWN_ENTITY, **WORLD), OFF),
    "world: told facts of the story": (case(TRUE, **WORLD), N),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_gives_its_verdict_and_says_why(rule):
    asked, wanted = RULES[rule]
    found = decide(asked)
    assert found.verdict is wanted, found.reason
    assert found.reason
    if wanted is N:
        assert found.cause in (Cause.NO_ANSWER, Cause.GARBLE, Cause.EMPTY)
    else:
        assert found.cause is None


def test_nothing_and_hardly_anything_have_causes_of_their_own():
    assert decide(case(said=Prepared(sentences=(), empty=True))).cause is Cause.EMPTY
    assert decide(case(said=NOTHING)).cause is Cause.NO_ANSWER
    assert decide(case(said=REPEATS)).cause is Cause.GARBLE


CORRECT = [
    ((claim(TRUE),), True),
    ((claim(TRUE), claim(WRONG, object="baker")), False),  # names a rival besides
    ((claim(TRUE, negated=True),), False),
    ((claim(TRUE, relation="home"),), False),
    ((claim(TRUE, subject="ossery"),), False),  # the right word of the wrong person
    ((claim(OPEN),), False),
    ((), False),
]


@pytest.mark.parametrize(("claims", "wanted"), CORRECT)
def test_correct_is_the_expected_answer_about_the_one_that_was_asked(claims, wanted):
    question = Question(**ASKED)
    assert is_correct(question, WHO, claims) is wanted
    assert not is_correct(Question(**ASKED | {"must_refuse": True}), WHO, claims)
    assert not is_correct(Question(**ASKED | {"expected": ()}), WHO, claims)


def test_all_of_several_are_wanted_where_the_question_says_so():
    pupils = Frame(relation="teacher", asks="s", given=Term("person", ("melindra",), "Melindra"))
    fields = ASKED | {"relation": "teacher", "expected": ("torvash", "ossery")}
    both = [claim(TRUE, relation="teacher", subject=one, object="melindra")
            for one in ("torvash", "ossery")]  # fmt: skip
    all_of_them, any_of_them = (Question(**fields | {"needs_all": flag}) for flag in (True, False))
    assert is_correct(all_of_them, pupils, both) and is_correct(any_of_them, pupils, both)
    assert not is_correct(all_of_them, pupils, both[:1])
    assert is_correct(any_of_them, pupils, both[:1])
