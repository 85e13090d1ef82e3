"""Answers made elsewhere: read from a JSONL file, graded, counted. No model at hand.

One JSON object a line: `question` and `answer` (texts); optional `gold` (a text or a list of
texts, any of which is right), `model`, `split`, `cluster` (what the question is about; the
question itself where it is missing), `must_refuse` (true where nobody can know the answer),
`id`. Other fields are kept out. docs/logs.md says how each verdict comes about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.errors import SpecError, StoreError
from harness.files import write_json, write_text
from harness.grading.equivalence import GRADER, EquivalenceGrader
from harness.grading.equivalence_reading import STOP, read
from harness.grading.refusal import find_refusal
from harness.grading.run_on import cut_run_on
from harness.grading.text import Prepared, prepare
from harness.records import Cause, Verdict

BLOCK = 512  # answers between two reports of progress
ALL = "all"
VERDICTS, SUMMARY = "verdicts.jsonl", "summary.json"
_PROMPT = re.compile(r"^\s*(?:Q(?:uestion)?|User|Human)\s?:\s*", re.IGNORECASE)

Done = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Logged:
    """One answer of a log. `golds` is empty where none is given."""

    id: str
    question: str
    answer: str
    golds: tuple[str, ...] = ()
    model: str = ""
    split: str = ""
    cluster: str = ""
    must_refuse: bool = False


@dataclass(frozen=True, kw_only=True)
class GradedLog:
    """The verdict on one answer of a log.

    `agrees`: the answer says what a gold answer says; None where there is no gold or nothing
    was said. `cut`: what was cut away before grading, "" for nothing. `cause`: why it says
    nothing, beside `unresponsive`.
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


def read_log(path: Path, *, must_refuse: Sequence[str] = ()) -> list[Logged]:
    """Read a log. Raises SpecError naming file and line.

    `must_refuse`: patterns like "retain*/forget*" over model/split, whose questions have no
    answer that the model could know, besides those that say so themselves.
    """
    rows = list(_rows(path))
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


def _rows(path: Path) -> Iterator[Logged]:
    try:
        with path.open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                if raw.strip():
                    yield _row(raw, f"{path}:{number}", number)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from None


def _row(raw: bytes, where: str, number: int) -> Logged:
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SpecError(f"{where}: not UTF-8; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{where}: no JSON object: {error}") from None
    if not isinstance(data, dict):
        raise SpecError(f"{where}: a JSON object is expected, not {type(data).__name__}")
    question = _PROMPT.sub("", _text(data, "question", where, required=True)).strip()
    if not question:
        raise SpecError(f"{where}: 'question' is empty")
    return Logged(
        id=_text(data, "id", where) or str(number),
        question=question,
        answer=_text(data, "answer", where, required=True),
        golds=_golds(data.get("gold"), where),
        model=_text(data, "model", where),
        split=_text(data, "split", where),
        cluster=_text(data, "cluster", where) or question,
        must_refuse=_flag(data.get("must_refuse"), where),
    )


def _text(data: dict[str, Any], key: str, where: str, *, required: bool = False) -> str:
    value = data.get(key)
    if value is None and not required:
        return ""
    if value is None:
        known = ", ".join(f"'{name}'" for name in sorted(data)[:8])
        raise SpecError(f"{where}: '{key}' is missing; this line has {known or 'no fields'}")
    if isinstance(value, int) and not isinstance(value, bool) and not required:
        return str(value)
    if not isinstance(value, str):
        raise SpecError(f"{where}: '{key}' is {type(value).__name__}, a text is expected")
    # a lone surrogate, which JSON can hold and UTF-8 cannot, becomes U+FFFD
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _golds(value: Any, where: str) -> tuple[str, ...]:
    golds = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(golds, list) or not all(isinstance(gold, str) for gold in golds):
        raise SpecError(f"{where}: 'gold' is neither a text nor a list of texts")
    return tuple(gold for gold in golds if read(gold).words)


def _flag(value: Any, where: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise SpecError(f"{where}: 'must_refuse' is {value!r}; true or false is expected")


def grade_log(
    rows: Sequence[Logged], *, grader: EquivalenceGrader | None = None, on_done: Done | None = None
) -> list[GradedLog]:
    """Grade every answer of a log, in its order. `on_done(done, total)` is told of progress."""
    grader = grader or EquivalenceGrader()
    graded: list[GradedLog] = []
    for start in range(0, len(rows), BLOCK):
        graded += _grade_block(rows[start : start + BLOCK], grader)
        if on_done:
            on_done(len(graded), len(rows))
    return graded


def _grade_block(rows: Sequence[Logged], grader: EquivalenceGrader) -> list[GradedLog]:
    cuts = [cut_run_on(row.question, row.answer) for row in rows]
    places = [n for n, row in enumerate(rows) if row.golds and cuts[n][0].strip()]
    judged = grader.right_many([(rows[n].question, rows[n].golds, cuts[n][0]) for n in places])
    found = dict(zip(places, judged, strict=True))
    graded = []
    for place, (row, (kept, cut)) in enumerate(zip(rows, cuts, strict=True)):
        prepared = prepare(kept)
        said = found.get(place)
        agrees = said.same if said else None
        degenerate = not prepared.sentences or prepared.degenerate
        verdict, reason, cause = _verdict(row, prepared, agrees, degenerate=degenerate)
        graded.append(
            GradedLog(
                id=row.id, model=row.model, split=row.split, cluster=row.cluster,
                must_refuse=row.must_refuse, verdict=verdict, agrees=agrees,
                score=round(said.score, 4) if said else None, degenerate=degenerate,
                cut="; ".join([*(["run-on text"] if cut else []), *prepared.cut]),
                reason=reason if said is None else f"{reason} ({said.reason})", cause=cause,
            )
        )  # fmt: skip
    return graded


def _verdict(
    row: Logged, prepared: Prepared, agrees: bool | None, *, degenerate: bool
) -> tuple[Verdict, str, Cause | None]:
    """The rules of docs/logs.md, in order."""
    if not prepared.sentences and not agrees:
        empty = not row.answer.strip()
        return Verdict.UNRESPONSIVE, "says nothing", Cause.EMPTY if empty else Cause.NO_ANSWER
    if degenerate and not agrees:
        return Verdict.UNRESPONSIVE, "repeats itself", Cause.GARBLE
    refusal = find_refusal(" ".join(prepared.sentences))
    hedged = [part for part in refusal.rest if _asserts(part, row.question)]
    if refusal.declines and not hedged and not agrees:
        return Verdict.REFUSED, f"declines for {refusal.kinds[0]}", None
    if row.must_refuse:
        return Verdict.HALLUCINATED, "guess" if agrees else "answers what it cannot know", None
    if agrees is None:
        return Verdict.UNSCORED, "no gold answer", None
    if agrees:
        return Verdict.GROUNDED, "agrees with gold", None
    declined = "declines, then says something else" if refusal.declines else "differs from gold"
    return Verdict.HALLUCINATED, declined, None


def _asserts(part: str, question: str) -> bool:
    """Whether words after a refusal name something: a name or number that was not asked about."""
    asked = set(read(question).words)
    said = read(part)
    fresh = [name for name in said.names if not asked.intersection(name.split())]
    named = any(name.split()[0] not in STOP and not part.lower().startswith(name) for name in fresh)
    return named or any(number not in read(question).numbers for number in said.numbers)


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
    answered = [one.verdict not in (Verdict.REFUSED, Verdict.UNRESPONSIVE) for one in rows]
    gold = [one.agrees is not None for one in rows]
    counted: dict[str, tuple[list[bool], list[bool]]] = {
        "refused": ([one.verdict is Verdict.REFUSED for one in rows], [True] * len(rows)),
        "degenerate": ([one.degenerate for one in rows], [True] * len(rows)),
        "agrees": ([bool(one.agrees) for one in rows], gold),
        "agrees_of_answered": (
            [bool(one.agrees) for one in rows],
            [a and b for a, b in zip(answered, gold, strict=True)],
        ),
        "false_acceptance": (answered, [one.must_refuse for one in rows]),
    }
    clusters = [one.cluster for one in rows]
    estimates = {name: _estimate(e, among, clusters) for name, (e, among) in counted.items()}
    return {
        "answers": len(rows),
        "verdicts": {name: count for name, count in verdicts.items() if count},
        "cut": sum(bool(one.cut) for one in rows),
        **estimates,
    }


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
