"""Answers made elsewhere: graded and counted, with no model at hand.

log_files.py reads them; docs/logs.md says how each verdict comes about.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.core.errors import SpecError, StoreError
from harness.core.files import write_json, write_text
from harness.core.records import Cause, Question, Verdict
from harness.grading.equivalence.grader import GRADER
from harness.grading.protocol import Context, Grade, Grader, Item, grade_all
from harness.grading.registry import make_graders
from harness.logs.files import Logged, rows_of

BLOCK = 512  # answers between two reports of progress
ALL = "all"
VERDICTS, SUMMARY = "verdicts.jsonl", "summary.json"

Done = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class GradedLog:
    """The verdict on one answer of a log.

    `agrees`: the answer says what a gold answer says; None where there is no gold or nothing
    was said. `cut`: what was cut away before grading, "" for nothing. `cause`: why it says
    nothing or cannot be read. `thought`: thinking was taken off.
    """

    id: str
    model: str
    split: str
    cluster: str
    must_refuse: bool
    verdict: Verdict
    agrees: bool | None
    score: float | None
    degenerate: bool
    cut: str
    reason: str
    grader: str = GRADER
    cause: Cause | None = None
    thought: bool = False


def read_log(path: Path, *, must_refuse: Sequence[str] = ()) -> list[Logged]:
    """Read a log. Raises SpecError naming file and line.

    `must_refuse`: patterns like "retain*/forget*" over model/split, whose questions have no
    answer that the model could know, besides those that say so themselves.
    """
    rows = list(rows_of(path))
    if not rows:
        raise SpecError(f"{path}: no answers here; one JSON object a line is expected")
    for pattern in must_refuse:
        if not any(_fits(row, pattern) for row in rows):
            raise SpecError(
                f"{path}: no answer is of '{pattern}'; say MODEL/SPLIT, * stands for any"
            )
    return [
        replace(row, must_refuse=row.must_refuse or any(_fits(row, one) for one in must_refuse))
        for row in rows
    ]


def _fits(row: Logged, pattern: str) -> bool:
    return fnmatchcase(f"{row.model}/{row.split}", pattern)


def grade_log(
    rows: Sequence[Logged], *, grader: Grader | None = None, on_done: Done | None = None
) -> list[GradedLog]:
    """Grade every answer of a log, in its order. `on_done(done, total)` is told of progress.

    grader: the one against gold answers where none is given.
    """
    judge = grader or make_graders(["gold"], None)["gold"]
    graded: list[GradedLog] = []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        grades = grade_all(judge, [_item(row) for row in block])
        graded += [_record(row, one, judge.version) for row, one in zip(block, grades, strict=True)]
        if on_done:
            on_done(len(graded), len(rows))
    return graded


def _item(row: Logged) -> Item:
    question = Question(
        id=row.id,
        suite=row.split,
        text=row.question,
        gold="",
        must_refuse=row.must_refuse,
        cluster=row.cluster,
    )
    return Item(question=question, answer=row.answer, context=Context(golds=row.golds))


def _record(row: Logged, grade: Grade, version: str) -> GradedLog:
    return GradedLog(
        id=row.id,
        model=row.model,
        split=row.split,
        cluster=row.cluster,
        must_refuse=row.must_refuse,
        verdict=grade.verdict,
        agrees=getattr(grade, "agrees", None),
        score=grade.score,
        degenerate=getattr(grade, "degenerate", False),
        cut=getattr(grade, "cut", ""),
        reason=grade.reason,
        grader=version,
        cause=grade.cause,
        thought=grade.thought,
    )


def summarise_log(graded: Sequence[GradedLog]) -> dict[str, Any]:
    """Shares by model and split with 95% intervals clustered by what the question is about.

    {"grader", "answers", "groups": [{"model", "split", "answers", "verdicts", "cut",
    metric: rate with interval and denominators}]}; split "all" pools a model's splits.
    """
    keys = sorted({(one.model, one.split) for one in graded})
    models = sorted({model for model, _ in keys})
    several = {model for model in models if sum(key[0] == model for key in keys) > 1}
    wanted = sorted(
        [*keys, *((model, ALL) for model in several)], key=lambda k: (k[0], k[1] == ALL, k)
    )
    groups = []
    for model, split in wanted:
        rows = [one for one in graded if one.model == model and split in (one.split, ALL)]
        groups.append({"model": model, "split": split, **_counts(rows)})
    return {"grader": GRADER, "answers": len(graded), "groups": groups}


def _counts(rows: Sequence[GradedLog]) -> dict[str, Any]:
    verdicts = {verdict.value: sum(one.verdict is verdict for one in rows) for verdict in Verdict}
    read = [not _is_unread(one) for one in rows]
    answered = [
        one.verdict not in (Verdict.REFUSED, Verdict.UNRESPONSIVE) and not _is_unread(one)
        for one in rows
    ]
    gold = [one.agrees is not None and known for one, known in zip(rows, read, strict=True)]
    counted: dict[str, tuple[list[bool], list[bool]]] = {
        "refused": ([one.verdict is Verdict.REFUSED for one in rows], read),
        "degenerate": ([one.degenerate for one in rows], read),
        "agrees": ([bool(one.agrees) for one in rows], gold),
        "agrees_of_answered": (
            [bool(one.agrees) for one in rows],
            [a and b for a, b in zip(answered, gold, strict=True)],
        ),
        "false_acceptance": (
            answered,
            [one.must_refuse and known for one, known in zip(rows, read, strict=True)],
        ),
    }
    clusters = [one.cluster for one in rows]
    estimates = {name: _estimate(e, among, clusters) for name, (e, among) in counted.items()}
    return {
        "answers": len(rows),
        "verdicts": {name: count for name, count in verdicts.items() if count},
        "cut": sum(bool(one.cut) for one in rows),
        "causes": dict(sorted(Counter(one.cause.value for one in rows if one.cause).items())),
        "thought": sum(one.thought for one in rows),
        **estimates,
    }


def _is_unread(one: GradedLog) -> bool:
    """Whether the grader could not read an answer, so that no rate counts it as answered."""
    return one.verdict is Verdict.UNSCORED and one.cause is not None


def _estimate(events: list[bool], among: list[bool], clusters: list[str]) -> dict[str, Any]:
    import numpy as np

    from harness.stats.intervals import grouped_rates

    codes = {name: code for code, name in enumerate(sorted(set(clusters)))}
    counted = np.array(among, dtype=float)
    rates = grouped_rates(
        np.zeros(len(among), dtype=int),
        np.array([codes[name] for name in clusters]),
        np.array(events, dtype=float) * counted,
        counted,
        groups=1,
    )
    return rates.estimate(0).to_data()


def write_log(
    folder: Path,
    logged: Sequence[Logged],
    graded: Sequence[GradedLog],
    summary: dict[str, Any],
) -> Path:
    """Write verdicts.jsonl (with the texts) and summary.json. Raises StoreError."""
    lines = []
    for row, one in zip(logged, graded, strict=True):
        texts = {"question": row.question, "answer": row.answer, "gold": list(row.golds)}
        data = {**asdict(one), "verdict": one.verdict.value, **texts}
        lines.append(json.dumps(data, ensure_ascii=False, sort_keys=True) + "\n")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / VERDICTS, "".join(lines))
        write_json(folder / SUMMARY, summary)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror}") from None
    return folder
