"""The table of verdicts: one row per graded answer of one cell, the input of every rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from harness.core.errors import StoreError
from harness.core.records import Answer, GradedAnswer, Question, Verdict
from harness.core.seeds import content_hash
from harness.stats.entropy import Equivalent, meaning_codes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

VERDICTS: tuple[str, ...] = tuple(verdict.value for verdict in Verdict)
KEY = ["arm", "suite", "question_id", "variant", "sample"]


def verdict_table(
    graded: Iterable[GradedAnswer],
    questions: Sequence[Question],
    answers: Iterable[Answer] = (),
    *,
    equivalent: Equivalent | None = None,
) -> pd.DataFrame:
    """Join verdicts, their questions and their answers into one table, sorted by `KEY`.

    Columns: arm, suite, question_id, variant, sample (0 is greedy), request_id, cluster,
    verdict, correct, grader, cause ("" where none is known), thought (thinking came with it);
    of the question: scope, form, absent (see `Question`), must_refuse, told (it has an answer
    that the model could have learned), gold (told, with one expected answer: not open-ended),
    exposure, relation, distance; of the answer, where given: mean_logprob (nats per token),
    min_logprob (nats, of the least likely token), mean_entropy (nats, of the distributions
    before its tokens), tokens (hash of the token ids, or of the text where a server gave
    none), finish_reason, ended_by ("" where no end token is known); and meaning, a code that
    two answers to one question share when they say the same (stats/entropy.py; `equivalent`
    may merge more).
    Sorting makes every later sum independent of the order of the input.
    Raises StoreError for a verdict without its question and for a cell graded twice.
    """
    import pandas as pd

    rows = list(graded)
    by_id = {question.id: question for question in questions}
    lost = sorted({row.question_id for row in rows} - by_id.keys())
    if lost:
        raise StoreError(
            f"verdicts.jsonl: {len(lost)} questions, first '{lost[0]}', are not in "
            "questions.jsonl; grade the run again with 'bordor grade RUN'"
        )
    asked = [by_id[row.question_id] for row in rows]
    table = pd.DataFrame(
        {
            "arm": [row.arm for row in rows],
            "suite": [row.suite for row in rows],
            "question_id": [row.question_id for row in rows],
            "variant": [row.variant for row in rows],
            "sample": pd.array([row.sample for row in rows], dtype="int64"),
            "request_id": [row.request_id for row in rows],
            "cluster": [row.cluster for row in rows],
            "verdict": pd.Categorical([str(row.verdict) for row in rows], categories=VERDICTS),
            "correct": pd.array([row.correct for row in rows], dtype="bool"),
            "grader": [row.grader for row in rows],
            "cause": [str(row.cause) if row.cause else "" for row in rows],
            "thought": pd.array([bool(row.thought) for row in rows], dtype="bool"),
            **_question_columns(asked),
            **_answer_columns(rows, answers, asked, equivalent),
        }
    )
    table = table.sort_values(KEY, kind="stable", ignore_index=True)
    twice = table.duplicated(KEY)
    if twice.any():
        first = table[twice][KEY].iloc[0].to_dict()
        raise StoreError(
            f"verdicts.jsonl: {int(twice.sum())} answers are graded twice, first {first}; "
            "grade the run again with 'bordor grade RUN'"
        )
    return table


def _question_columns(asked: list[Question]) -> dict[str, Any]:
    import pandas as pd

    told = [not one.must_refuse and one.exposure is not None and one.exposure.told for one in asked]
    return {
        "scope": [str(one.scope) for one in asked],
        "form": [str(one.form) for one in asked],
        "absent": [one.absent for one in asked],
        "must_refuse": pd.array([one.must_refuse for one in asked], dtype="bool"),
        "told": pd.array(told, dtype="bool"),
        "gold": pd.array(
            [known and bool(one.expected) for known, one in zip(told, asked, strict=True)],
            dtype="bool",
        ),
        "exposure": [str(one.exposure) if one.exposure else "none" for one in asked],
        "relation": [one.relation or "" for one in asked],
        "distance": pd.array([one.distance for one in asked], dtype="Int64"),
    }


def _answer_columns(
    rows: list[GradedAnswer],
    answers: Iterable[Answer],
    asked: list[Question],
    equivalent: Equivalent | None,
) -> dict[str, Any]:
    unknown = float("nan")
    found = {
        (answer.request_id, answer.sample): (
            sum(answer.logprobs) / len(answer.logprobs) if answer.logprobs else unknown,
            min(answer.logprobs, default=unknown),
            content_hash(repr(answer.token_ids or answer.text)),
            answer.finish_reason,
            answer.text,
            sum(answer.entropies) / len(answer.entropies) if answer.entropies else unknown,
            answer.ended_by or "",
        )
        for answer in answers
    }
    missing = (unknown, unknown, "", "", "", unknown, "")
    joined = [found.get((row.request_id, row.sample), missing) for row in rows]
    return {
        "mean_logprob": [one[0] for one in joined],
        "min_logprob": [one[1] for one in joined],
        "mean_entropy": [one[5] for one in joined],
        "tokens": [one[2] for one in joined],
        "finish_reason": [one[3] for one in joined],
        "ended_by": [one[6] for one in joined],
        "meaning": meaning_codes(rows, [one[4] for one in joined], asked, equivalent=equivalent),
    }


def sampled(table: pd.DataFrame, *, arm: str = "adapter") -> pd.DataFrame:
    """The headline's rows: answers drawn at temperature, never the greedy one."""
    return table[(table["arm"] == arm) & (table["sample"] >= 1)]


def greedy(table: pd.DataFrame, *, arm: str = "adapter") -> pd.DataFrame:
    """The greedy answers of an arm."""
    return table[(table["arm"] == arm) & (table["sample"] == 0)]


def scored(table: pd.DataFrame) -> np.ndarray:
    """Bool [rows]: whether the grader could tell what the answer is."""
    return (table["verdict"] != Verdict.UNSCORED.value).to_numpy()


def responded(table: pd.DataFrame) -> np.ndarray:
    """Bool [rows]: whether the answer says something: scored, and not unresponsive.

    What asks how often, or how surely, a model makes things up looks at these: an answer
    that says nothing made nothing up, and shows nothing about the model either.
    """
    silent = (table["verdict"] == Verdict.UNRESPONSIVE.value).to_numpy()
    return scored(table) & ~silent


def cell_codes(table: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Codes [rows] of the combinations of `columns`, and the first row [cells] of each.

    Cells are numbered in the sorted order of their values.
    """
    import numpy as np
    import pandas as pd

    codes = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        part, values = pd.factorize(table[column], sort=True)
        codes = codes * max(len(values), 1) + part
    _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    return codes, first
