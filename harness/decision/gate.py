"""The gate: may the candidate replace the baseline? From two run folders to an exit code.

Every rule of a policy is a test (`harness.stats.noninferiority`); what each came to, and
why, is written as Markdown, JUnit XML and JSON.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import DamageError, PairingError, StoreError
from harness.core.files import append_text, make_folder, write_json, write_text
from harness.core.seeds import content_hash
from harness.decision.gate_heard import check_heard, heard_of, silence_notes
from harness.decision.gate_rules import cases
from harness.decision.gate_rules import told as told_rule
from harness.decision.policy import PolicySpec
from harness.runs.layout import slug
from harness.runs.pairing import differences, read_pairable
from harness.runs.read import Run
from harness.stats.noninferiority import Outcome, judge, overall

SCHEMA = 2  # 1 had no `responses`, and no rules of good things
INCOMPLETE = "incomplete"
EXIT_CODES = {
    str(Outcome.PASS): 0,
    str(Outcome.FAILED): 100,
    str(Outcome.UNDERPOWERED): 101,
    INCOMPLETE: 102,
}
FOLDER = "gate"  # under the folder of the runs


@dataclass(frozen=True, kw_only=True)
class Gated:
    """What the gate came to (`gate.json`) and where it is written."""

    folder: Path
    data: dict[str, Any]
    unwritten: str | None = None  # why the step's summary was not written

    @property
    def exit_code(self) -> int:
        """0 pass, 100 failed, 101 underpowered, 102 incomplete."""
        return int(self.data["exit_code"])


def gate(
    baseline: Path,
    candidate: Path,
    policy: PolicySpec,
    *,
    out: Path,
    to: Path | None = None,
) -> Gated:
    """Test the candidate against the baseline and write gate.json, gate.md and junit.xml.

    out: the folder of the runs; to: where the files go, `out`/gate/... where None. Where
    $GITHUB_STEP_SUMMARY names a file, gate.md is appended to it.
    Raises StoreError for what is no run folder, and where the files cannot be written; runs
    that cannot be paired, whose files are not as they were written, or that say too little to
    be judged, end as incomplete.
    """
    from harness.report.gate_outputs import gate_junit, gate_markdown

    data = {
        "schema": SCHEMA,
        "policy": policy.model_dump(),
        "baseline": str(baseline),
        "candidate": str(candidate),
        **decide(baseline, candidate, policy),
    }
    data["exit_code"] = EXIT_CODES[data["outcome"]]
    folder = to or out / FOLDER / _name(baseline, candidate, policy)
    make_folder(folder)
    text = gate_markdown(data)
    write_json(folder / "gate.json", data)
    write_text(folder / "gate.md", text)
    write_text(folder / "junit.xml", gate_junit(data))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    unwritten = _append(Path(summary), text + "\n") if summary else None
    return Gated(folder=folder, data=data, unwritten=unwritten)


def _append(path: Path, text: str) -> str | None:
    """Append to the step's summary; says what is wrong where it cannot be: the verdict stands."""
    try:
        append_text(path, text)
    except StoreError as error:
        return f"$GITHUB_STEP_SUMMARY: {error}"
    return None


def decide(baseline: Path, candidate: Path, policy: PolicySpec) -> dict[str, Any]:
    """The outcome with its rules, responses, notes and warnings, as plain data.

    Raises StoreError for what is no run folder.
    """
    heard: dict[str, Any] = {}
    try:
        first, second = read_pairable(baseline), read_pairable(candidate)
        apart = differences([first], [second])
        if apart.never or apart.unlike:
            told = "; ".join([*apart.never, *apart.unlike])
            raise PairingError(f"the runs cannot be paired: {told}")
        sides = {"baseline": first, "candidate": second}
        heard = {side: heard_of(audit, policy).to_data() for side, audit in sides.items()}
        check_heard(sides, policy)
        itself = _is_itself(first, second)
        found = [one for rule in policy.rule for one in cases(rule, first, second, itself=itself)]
    except (PairingError, DamageError) as error:
        return {
            "outcome": INCOMPLETE, "reason": str(error), "responses": heard, "notes": [],
            "rules": [
                {"id": rule.id, "title": rule.title or rule.id, "outcome": INCOMPLETE,
                 "reason": str(error)} for rule in policy.rule
            ],
        }  # fmt: skip
    outcomes, adjusted = judge([case.test for case in found])
    samples = second.samples
    rules = [
        told_rule(case, outcome, p, samples)
        for case, outcome, p in zip(found, outcomes, adjusted, strict=True)
    ]
    outcome = overall(outcomes)
    notes = []
    if itself:
        notes.append("The candidate is the baseline itself: no rule with a margin can fail.")
    lost = max((case.unpaired for case in found), default=0)
    if lost:
        notes.append(f"{lost:,} questions in a variant were asked of one run only: left out.")
    notes += silence_notes(heard, policy)
    notes += apart.warnings
    return {
        "outcome": str(outcome),
        "reason": _reason(outcome, rules),
        "responses": heard,
        "notes": notes,
        "rules": rules,
    }


def _is_itself(first: Run, second: Run) -> bool:
    return first.path.resolve() == second.path.resolve() or first.digest() == second.digest()


def _reason(outcome: Outcome, rules: Sequence[dict[str, Any]]) -> str:
    of = f"of {len(rules)} rules"
    if outcome is Outcome.PASS:
        return f"all {len(rules)} rules pass"
    named = [rule["id"] for rule in rules if rule["outcome"] == str(outcome)]
    word = "failed" if outcome is Outcome.FAILED else "could not be decided"
    return f"{len(named)} {of} {word}: {', '.join(named)}"


def _name(baseline: Path, candidate: Path, policy: PolicySpec) -> str:
    names = [slug(path.resolve().parent.name) for path in (baseline, candidate)]
    key = content_hash(*(path.resolve().name for path in (baseline, candidate)),
                       policy.model_dump_json())  # fmt: skip
    return f"{names[0]}-vs-{names[1]}-{key}"
