"""Whether finished runs can be paired at all, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import PairingError
from harness.runs.read import Run, read_run
from harness.runs.store import RunFolder
from harness.runs.verify import SEALED_LATE, check_believable
from harness.stats.tables import scored

# How answers are drawn: equal in two audits that can be paired.
_SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k",
             "max_new_tokens": "longest answer"}  # fmt: skip


def read_pairable(path: Path) -> Run:
    """Read a finished run that can be held against another one.

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
    run = read_run(path, claims=False, may_be_empty=True)
    if not run.graders:
        raise PairingError(
            f"{path}: the run is empty, it has no verdict on an answer of its model; "
            "grade it with 'bordor grade RUN' or audit again"
        )
    for suite, versions in run.graders.items():
        if len(versions) > 1:
            raise PairingError(
                f"{path}: verdicts of different graders are mixed in suite {suite} "
                f"({', '.join(versions)}); grade the whole run again with 'bordor grade RUN'"
            )
    audited = run.verdicts[run.verdicts["arm"] == "adapter"]
    if not scored(audited).any():
        raise PairingError(
            f"{path}: all {len(audited):,} answers of the model are unscored, so it has no rate; "
            "'bordor view RUN' shows them"
        )
    return run


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How runs differ, in sentences that name the difference.

    `never`: no pair would mean anything. `unlike`: other things were asked, or in another
    way; what both were asked can be paired, but a gate refuses. `warnings`: to be known.
    """

    never: tuple[str, ...]
    unlike: tuple[str, ...]
    warnings: tuple[str, ...]


def differences(first: Sequence[Run], second: Sequence[Run]) -> Apart:
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
            one.by_id[key].exposure != other.by_id[key].exposure
            for key in one.by_id.keys() & other.by_id.keys()
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


def check_pairable(first: Sequence[Run], second: Sequence[Run]) -> list[str]:
    """Raise PairingError when the runs cannot be compared; returns what a reader must know."""
    apart = differences(first, second)
    if apart.never:
        raise PairingError("these runs cannot be compared: " + "; ".join(apart.never))
    return [*apart.unlike, *apart.warnings]


def same_model(first: Run, second: Run) -> bool:
    """Whether both audited one model, by content."""
    return bool(first.model) and first.model == second.model


def _fundamental(one: Run, other: Run) -> list[tuple[str, str, str]]:
    """What must be equal: (what, here, there)."""
    return [
        ("story", _story(one), _story(other)),
        ("grader version", one.grader, other.grader),
    ]


def _story(side: Run) -> str:
    """Name and content hash of the story, or of the corpus."""
    told = side.about.get("world") or side.about.get("corpus") or {}
    if not isinstance(told, dict):
        return str(told)
    return f"{told.get('name', '?')} [{told.get('hash', '?')}]"


def _missing(
    what: str, one: Run, left: Sequence[str], other: Run, right: Sequence[str]
) -> list[str]:
    found = []
    for side, lost in ((one, set(right) - set(left)), (other, set(left) - set(right))):
        if lost:
            found.append(f"{what} differ: {side.label} lacks {', '.join(sorted(lost))}")
    return found
