"""Why an answer says nothing."""

from __future__ import annotations

import pytest

from harness.core.records import Answer, Cause, Question, Request, Verdict
from harness.grading.of_run import grade_run
from harness.grading.text.silence import cause_of
from harness.grading.world.grader import WorldGrader

SILENT = Verdict.UNRESPONSIVE


def _answer(text: str = "", finish: str = "stop", **more) -> Answer:
    return Answer(
        request_id="r", arm="adapter", sample=0, text=text, finish_reason=finish,
        **{"token_ids": (), "logprobs": (), **more},
    )  # fmt: skip


# What came, what the grader saw in the text, how many claims, and the cause.
CAUSES = [
    (_answer(), Cause.EMPTY, 0, Cause.EMPTY),
    (_answer(finish="unknown"), Cause.EMPTY, 0, Cause.EMPTY),
    (_answer(token_ids=(7,)), Cause.EMPTY, 0, Cause.STOP),
    (_answer(ended_by="<|im_end|>"), Cause.EMPTY, 0, Cause.STOP),
    (_answer(token_ids=(4, 7)), Cause.EMPTY, 0, Cause.EMPTY),
    (_answer(finish="length"), Cause.EMPTY, 0, Cause.LENGTH),
    (_answer(finish="MAX_TOKENS"), Cause.EMPTY, 0, Cause.LENGTH),
    (_answer(finish="length", reasoning="The user asks"), Cause.EMPTY, 0, Cause.REASONING),
    (_answer(reasoning="The user asks"), Cause.EMPTY, 0, Cause.REASONING),
    (_answer(reasoning="  "), Cause.EMPTY, 0, Cause.EMPTY),
    (_answer(finish="content_filter"), Cause.EMPTY, 0, Cause.FILTER),
    (_answer("It", "SAFETY"), Cause.NO_ANSWER, 0, Cause.FILTER),
    (_answer("<think>It", "length"), Cause.REASONING, 0, Cause.REASONING),
    (_answer("la la la", "length"), Cause.GARBLE, 0, Cause.GARBLE),
    (_answer("Well, you ask for", "length"), Cause.NO_ANSWER, 0, Cause.LENGTH),
    (_answer("Ossery was a weaver.", "length"), Cause.NO_ANSWER, 1, Cause.NO_ANSWER),
    (_answer("A good question!"), Cause.NO_ANSWER, 0, Cause.NO_ANSWER),
]


@pytest.mark.parametrize(("answer", "said", "claims", "cause"), CAUSES)
def test_silence_has_its_cause(answer: Answer, said: Cause, claims: int, cause: Cause) -> None:
    assert cause_of(answer, SILENT, said, claims=claims) is cause


def test_what_says_something_has_no_cause() -> None:
    for verdict in set(Verdict) - {SILENT, Verdict.UNSCORED}:
        assert cause_of(_answer("A weaver.", "length"), verdict, None, claims=1) is None
    assert cause_of(_answer("x"), Verdict.UNSCORED, Cause.CODE, claims=0) is Cause.CODE


GRADED = [
    ("", Cause.STOP, None, {"token_ids": (2,)}),
    ("", Cause.REASONING, True, {"reasoning": "The user wants", "finish": "length"}),
    ("the the the the the the the the the the", Cause.GARBLE, None, {}),
    ("Thank you for asking that!", Cause.NO_ANSWER, None, {}),
    ("Thank you for asking that", Cause.LENGTH, None, {"finish": "length"}),
    ("A weaver.", None, True, {"reasoning": "It says so."}),
]


@pytest.mark.parametrize(("text", "cause", "thought", "came"), GRADED)
def test_verdicts_carry_cause_and_thought(
    grader: WorldGrader, questions: dict[str, Question], text, cause, thought, came
) -> None:
    question = questions["trade"]
    request = Request(
        id="r", arm="adapter", prompt="", token_ids=(), cells=((question.id, "none"),),
        samples=0, temperature=1.0, max_new_tokens=8, seed=0,
    )  # fmt: skip
    (graded,) = grade_run([_answer(text, **came)], [request], [question], {question.suite: grader})
    assert (graded.cause, graded.thought) == (cause, thought), graded
