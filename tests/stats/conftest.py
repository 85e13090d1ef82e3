"""Small verdict tables written by hand."""

import pytest

from harness.core.records import Answer, Exposure, GradedAnswer, Question, Verdict
from harness.stats.tables import verdict_table
from harness.suites import with_semantics

LETTERS = {
    "g": Verdict.GROUNDED,
    "h": Verdict.HALLUCINATED,
    "r": Verdict.REFUSED,
    "o": Verdict.OFF_SCOPE,
    "u": Verdict.UNRESPONSIVE,
    "?": Verdict.UNSCORED,
}


def make_question(question_id, *, suite="in_domain", cluster=None, must_refuse=False, **more):
    exposure = None if suite == "out_of_domain" else Exposure.TRAINED
    exposure = Exposure.ABSENT if must_refuse and exposure else exposure
    return with_semantics(
        Question(
            id=question_id,
            suite=suite,
            text=f"{question_id}?",
            gold="Gold.",
            must_refuse=must_refuse,
            cluster=cluster or question_id,
            exposure=more.pop("exposure", exposure),
            **more,
        )
    )


def make_graded(question, verdicts, *, variant="bare", arm="adapter", first=0, grader="world@1"):
    """One graded answer a letter; the first has sample number `first` (0 is greedy)."""
    return [
        GradedAnswer(
            question_id=question.id,
            variant=variant,
            request_id=f"{arm}-{question.id}-{variant}",
            arm=arm,
            sample=first + i,
            suite=question.suite,
            cluster=question.cluster,
            verdict=LETTERS[letter],
            correct=letter == "g",
            reason="",
            grader=grader,
        )
        for i, letter in enumerate(verdicts)
    ]


def make_answer(graded, *, token_ids=(5, 6), logprobs=(-1.0, -3.0)):
    return Answer(
        request_id=graded.request_id,
        arm=graded.arm,
        sample=graded.sample,
        text="Text.",
        token_ids=tuple(token_ids),
        logprobs=tuple(logprobs),
        finish_reason="stop",
    )


@pytest.fixture(scope="session")
def question():
    return make_question


@pytest.fixture(scope="session")
def graded():
    return make_graded


@pytest.fixture(scope="session")
def answer():
    return make_answer


@pytest.fixture(scope="session")
def table():
    """Build a table from [(question, verdict letters, options of make_graded)]."""

    def build(cells, answers=()):
        rows, questions = [], {}
        for asked, letters, options in cells:
            questions[asked.id] = asked
            rows.extend(make_graded(asked, letters, **options))
        return verdict_table(rows, list(questions.values()), answers)

    return build
