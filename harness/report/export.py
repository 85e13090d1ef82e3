"""`answers.parquet`: one row per graded answer, with its texts, for notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.records import to_json

if TYPE_CHECKING:
    from harness.runs.read import Run


def export_answers(run: Run, path: Path) -> int:
    """Write every graded answer of `run` to `path`; returns the number of rows.

    Columns: those of `stats.tables.verdict_table`, and question, gold, answer (raw model
    text, not escaped), reason, claims (JSON list), n_tokens.
    """
    import pandas as pd

    texts = {(answer.request_id, answer.sample): answer for answer in run.answers}
    asked = {question.id: question for question in run.questions}
    keys = ["arm", "suite", "question_id", "variant", "sample"]
    rows = []
    for one in run.graded:
        answer = texts.get((one.request_id, one.sample))
        question = asked[one.question_id]
        rows.append(
            {
                **{key: getattr(one, key) for key in keys},
                "question": question.text,
                "gold": question.gold,
                "answer": answer.text if answer else None,
                "reason": one.reason,
                "claims": "[" + ", ".join(map(to_json, one.claims)) + "]",
                "n_tokens": len(answer.token_ids) if answer else None,
            }
        )
    joined = run.table.merge(pd.DataFrame(rows), on=keys, how="left", validate="1:1")
    joined.to_parquet(path, index=False)
    return len(joined)
