"""Finished runs read for a comparison, and whether two of them can be paired at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import PairingError
from harness.records import Answer, GradedAnswer, Question
from harness.stats.tables import scored, verdict_table
from harness.store import ANSWERS, QUESTIONS, VERDICTS, RunFolder
from harness.verify import SEALED_LATE, check_believable, check_run

if TYPE_CHECKING:
    import pandas as pd

# What makes a model the one it is: equal in two audits of one model.
IDENTITY = ("base_hash", "revision", "adapter_hash", "quantisation", "double_quantisation",
            "template_hash")  # fmt: skip
# How answers are drawn: equal in two audits that can be paired.
_SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k",
             "max_new_tokens": "longest answer"}  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """One finished run: what it is, and its verdicts."""

    path: Path
    about: dict[str, Any]
    questions: dict[str, Question]
    table: pd.DataFrame

    @property
    def label(self) -> str:
        """Model and run, as people find it again."""
        return f"{self.about.get('model', '?')} ({self.path.name})"

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites that were asked, sorted."""
        return tuple(sorted(map(str, self.table["suite"].unique())))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that were asked, sorted."""
        return tuple(sorted(map(str, self.table["variant"].unique())))

    @property
    def grader(self) -> str:
        """The one version that graded the run."""
        return str(self.table["grader"].iloc[0])

    @property
    def identity(self) -> dict[str, Any]:
        """What makes the model the one it is."""
        found = self.about.get("identity", {})
        return {key: found[key] for key in IDENTITY if key in found} or dict(found)

    @cached_property
    def texts(self) -> dict[tuple[str, int], str]:
        """Answers by request id and sample; read when first asked for."""
        answers = RunFolder.open(self.path).read_records(ANSWERS, Answer)
        return {(one.request_id, one.sample): one.text for one in answers}

    def digest(self) -> str:
        """Of all answers and verdicts."""
        return " ".join(self.about["files"][name]["sha256"] for name in (ANSWERS, VERDICTS))


def read_audit(path: Path) -> Audit:
    """Read a finished run.

    Raises StoreError when `path` is no run folder, DamageError when a file of it is not as it
    was written (or nothing shows that it is); PairingError when
    the run is unfinished, empty, graded by several versions, or has no scored answer.
    """
    folder = RunFolder.open(path)
    about = folder.about()
    if about.get("finished") is None:
        raise PairingError(
            f"{path}: this run is unfinished; go on with it first: {about.get('command')}"
        )
    check_believable(folder)
    check_run(folder, read=(QUESTIONS, VERDICTS))
    graded = _read_verdicts(folder)
    if not any(row.arm == "adapter" for row in graded):
        raise PairingError(
            f"{path}: the run is empty, it has no verdict on an answer of its model; "
            "grade it with 'bordor grade RUN' or audit again"
        )
    questions = {one.id: one for one in folder.read_records(QUESTIONS, Question)}
    table = verdict_table(graded, list(questions.values()))
    audited = table[table["arm"] == "adapter"]
    graders = sorted(set(audited["grader"]))
    if len(graders) > 1:
        raise PairingError(
            f"{path}: verdicts of different graders are mixed ({', '.join(graders)}); "
            "grade the whole run again with 'bordor grade RUN'"
        )
    if not scored(audited).any():
        raise PairingError(
            f"{path}: all {len(audited):,} answers of the model are unscored, so it has no rate; "
            "'bordor view RUN' shows them"
        )
    return Audit(path=path, about=about, questions=questions, table=table)


def _read_verdicts(folder: RunFolder) -> list[GradedAnswer]:
    """The verdicts without their claims, which are many and not needed."""
    read = folder.read_records(VERDICTS, GradedAnswer)
    return [replace(one, claims=()) if one.claims else one for one in read]


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How runs differ, in sentences that name the difference.

    `never`: no pair would mean anything. `unlike`: other things were asked, or in another
    way; what both were asked can be paired, but a gate refuses. `warnings`: to be known.
    """

    never: tuple[str, ...]
    unlike: tuple[str, ...]
    warnings: tuple[str, ...]


def differences(first: Sequence[Audit], second: Sequence[Audit]) -> Apart:
    """How the runs of two sides differ from the first of them."""
    one = first[0]
    never: list[str] = []
    unlike: list[str] = []
    warnings: list[str] = []
    for other in (*first[1:], *second):
        for what, a, b in _fundamental(one, other):
            if a != b:
                never.append(f"{what} differs: {a} in {one.label}, {b} in {other.label}")
        for what, left, right in (("suites", one.suites, other.suites),
                                  ("variants", one.variants, other.variants)):  # fmt: skip
            unlike += _missing(what, one, left, other, right)
        for key, title in _SAMPLING.items():
            a, b = (side.about.get("sampling", {}).get(key, "not set") for side in (one, other))
            if a != b:
                unlike.append(f"{title} differs: {a} in {one.label}, {b} in {other.label}")
        late = [side.label for side in (one, other)
                if side.about.get("verified_from") == "regrade"]  # fmt: skip
        warnings += [f"{label}: {SEALED_LATE}" for label in late]
        changed = sum(
            one.questions[key].exposure != other.questions[key].exposure
            for key in one.questions.keys() & other.questions.keys()
        )
        if changed:
            warnings.append(
                f"{changed} questions are about facts that one model was trained on in another "
                f"way than the other (asked, in the text only): {one.label}, {other.label}"
            )
    return Apart(
        never=tuple(dict.fromkeys(never)),
        unlike=tuple(dict.fromkeys(unlike)),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def check_pairable(first: Sequence[Audit], second: Sequence[Audit]) -> list[str]:
    """Raise PairingError when the runs cannot be compared; returns what a reader must know."""
    apart = differences(first, second)
    if apart.never:
        raise PairingError("these runs cannot be compared: " + "; ".join(apart.never))
    return [*apart.unlike, *apart.warnings]


def same_model(first: Audit, second: Audit) -> bool:
    """Whether both audited one model, by content."""
    return bool(first.identity) and first.identity == second.identity


def _fundamental(one: Audit, other: Audit) -> list[tuple[str, str, str]]:
    """What must be equal: (what, here, there)."""
    return [
        ("story", _story(one), _story(other)),
        ("grader version", one.grader, other.grader),
    ]


def _story(side: Audit) -> str:
    """Name and content hash of the story, or of the corpus."""
    told = side.about.get("world") or side.about.get("corpus") or {}
    if not isinstance(told, dict):
        return str(told)
    return f"{told.get('name', '?')} [{told.get('hash', '?')}]"


def _missing(
    what: str, one: Audit, left: Sequence[str], other: Audit, right: Sequence[str]
) -> list[str]:
    found = []
    for side, lost in ((one, set(right) - set(left)), (other, set(left) - set(right))):
        if lost:
            found.append(f"{what} differ: {side.label} lacks {', '.join(sorted(lost))}")
    return found
