"""Claim by claim: what the world grader finds unsupported in free prose about `visgar`.

    .venv/bin/python bench/free_prose.py --json /tmp/free_prose.json
    .venv/bin/python bench/free_prose.py --file tests/data/free_prose_dev.jsonl --errors

Each answer is graded as the answer to an open question. A claim of the grader belongs to the
labelled claim of the same sentence that names the same subject and object (a claim without
an object, or of words that no relation stands for: to the one whose text it shares most with,
in letters); of several, that of the same relation, then the one it shares most text with.
The object of a labelled claim that no relation stands for (`other`) is a paraphrase, so there the
same subject is enough; `objects_of_others_matched` has the figures where it is not, as up to
world@3.
A labelled claim is called unsupported if one of the grader's claims that belong to it is
contradicted, untold or about an unknown entity; one of those that belongs to no labelled claim,
or lies in an aside, is a false positive of its own. Precision, recall and F1 are of
`unsupported`; intervals are clustered by answer. Undecided: labelled claims to which no decided
claim of the grader belongs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from rendering import exposures

from harness.core.records import Claim, ClaimStatus, Question
from harness.grading.world.grader import WorldGrader
from harness.stats.agreement import agreement
from harness.suites import with_semantics
from harness.world.graph import World
from harness.world.story import load_story

FILE = Path(__file__).resolve().parents[1] / "tests" / "data" / "free_prose.jsonl"
BAD = (ClaimStatus.CONTRADICTED, ClaimStatus.UNKNOWN_ENTITY, ClaimStatus.UNTOLD)


@dataclass
class Outcome:
    """One labelled claim, or a claim of the grader that belongs to none (`label` empty)."""

    answer: str
    text: str
    label: str
    relation: str
    said: list[Claim] = field(default_factory=list)

    @property
    def called(self) -> bool:
        """Whether the grader calls it unsupported."""
        return any(claim.status in BAD for claim in self.said)

    @property
    def decided(self) -> bool:
        """Whether the grader says anything of it."""
        return any(claim.status is not ClaimStatus.UNDECIDABLE for claim in self.said)


def outcomes(row: dict[str, Any], grader: WorldGrader, *, strict: bool = False) -> list[Outcome]:
    """The labelled claims of one answer with the grader's claims that belong to each.

    strict: objects of claims that no relation stands for have to match as well.
    """
    question = with_semantics(Question(
        id=row["id"], suite="open_ended", text=row["question"], gold="", must_refuse=False,
        cluster=row["id"],
    ))  # fmt: skip
    grade = grader.grade(question, row["answer"])
    found = [Outcome(row["id"], c["text"], c["label"], c["relation"]) for c in row["claims"]]
    strays: list[Outcome] = []
    for claim in grade.claims:
        place = belongs(claim, row, grader.world, strict=strict)
        if place is not None:
            found[place].said.append(claim)
        elif claim.status in BAD:
            strays.append(Outcome(row["id"], claim.text, "", claim.relation or "", [claim]))
    return found + strays


def belongs(claim: Claim, row: dict[str, Any], world: World, *, strict: bool) -> int | None:
    """Which labelled claim a claim of the grader belongs to, by the rule above."""
    text, answer = _flat(claim.text), _flat(row["answer"])
    if any(_shared(text, _flat(aside)) > 0.8 * len(text) for aside in row["asides"]):
        return None
    start = answer.find(text)
    best, chosen = (0, 0, 0), None
    for place, one in enumerate(row["claims"]):
        at = answer.find(_flat(one["text"]))
        inside = start < 0 or (at < start + len(text) and at + len(one["text"]) > start)
        if not inside:
            continue
        named = _same_names(claim, one, world, strict=strict)
        if named is False:
            continue
        shared = _shared(text, _flat(one["text"]))
        key = (1 + bool(named), int(claim.relation == one["relation"]), shared)
        if key > best and shared > 0:
            best, chosen = key, place
    return chosen


def _same_names(claim: Claim, one: dict[str, Any], world: World, *, strict: bool) -> bool | None:
    """Whether both name the same two; None where the grader's claim names no two."""
    names = [one["subject"], one["object"]]
    if claim.status is ClaimStatus.UNKNOWN_ENTITY:
        fields = _flat(f"{one['subject']} {one['object']} {one['text']}")
        return any(
            name and _flat(world.label(name)) in fields for name in (claim.subject, claim.object)
        )
    if claim.subject is None or claim.object is None:
        return None
    mine = {_key(claim.subject, world), _key(claim.object, world)}
    theirs = {_key(name, world) for name in names}
    if mine != theirs and one["relation"] == "other" and not strict:
        return None if _key(one["subject"], world) in mine else False
    return mine == theirs


def _key(name: str, world: World) -> str:
    low = _flat(name)
    for full, entity in world.names.items():
        if low in (full.lower(), entity, full.lower().removeprefix("the ")):
            return entity
    return re.sub(r"^(?:to|the|an?) ", "", low)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("’", "'")).strip().lower()


def _shared(a: str, b: str) -> int:
    return SequenceMatcher(None, a, b, autojunk=False).find_longest_match().size


def figures(found: list[Outcome]) -> dict[str, Any]:
    """Precision, recall, F1 with intervals, and the share left undecided."""
    measured = agreement(
        [one.label == "unsupported" for one in found],
        [one.called for one in found],
        [one.answer for one in found],
    )
    labelled = [one for one in found if one.label]
    data = measured.to_data()
    kept = {name: data[name] for name in ("precision", "recall", "f1", "confusion")}
    kept["intervals"] = {name: data["intervals"][name] for name in ("precision", "recall", "f1")}
    return {
        "answers": len({one.answer for one in found}),
        "claims": len(labelled),
        "unsupported": sum(one.label == "unsupported" for one in labelled),
        **kept,
        "strays": len(found) - len(labelled),
        "undecided": round(sum(not one.decided for one in labelled) / len(labelled), 4),
    }


def show_errors(found: list[Outcome]) -> None:
    """Misses and false positives; only ever of the development set."""
    for one in found:
        if one.called == (one.label == "unsupported"):
            continue
        print(f"\n[{one.answer}] {one.label or 'STRAY'} {one.relation}: {one.text!r}")
        for claim in one.said:
            print(f"    {claim.status} {claim.subject} {claim.relation} {claim.object}")
            print(f"      {claim.reason}")


def main() -> int:
    """Read, grade, match, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--errors", action="store_true", help="print them (development set only)")
    parser.add_argument("--encoder", action="store_true", help="decide by meaning as well")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    world = load_story("visgar")
    meaning = "default" if args.encoder else None
    grader = WorldGrader(world, exposures(world), meaning=meaning)
    with args.file.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    found = [one for row in rows for one in outcomes(row, grader)]
    strict = [one for row in rows for one in outcomes(row, grader, strict=True)]
    data = {"grader": grader.version, "file": args.file.name} | figures(found)
    data["objects_of_others_matched"] = figures(strict)
    data["of_relations"] = figures([one for one in found if one.relation != "other"])
    print(json.dumps(data, indent=1))
    if args.errors and args.file != FILE:
        show_errors(found)
    if args.json:
        args.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
