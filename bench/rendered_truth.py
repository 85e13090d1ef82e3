"""Precision and recall of the world grader on rendered answers whose truth is known.

    .venv/bin/python bench/rendered_truth.py --json /tmp/rendered.json

Renders true and false claims over generated worlds and `visgar` in phrasings from outside
the grader's tables, grades them, and reports `hallucinated` against the truth: unscored
answers count as missed. Development and held-out phrasings are reported apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from phrasings import DEVELOPMENT
from rendering import Case, exposures, render

from harness.core.records import Verdict
from harness.grading.world.grader import Grade, WorldGrader, similarity
from harness.world.generator import generate_world
from harness.world.story import load_story

KNOWN = frozenset(form for forms in DEVELOPMENT.values() for form in forms)
HALVES = {"development": False, "held_out": True}
FIRST_SEED = 9_000  # of the generated worlds


@dataclass
class Counts:
    """Outcomes of a group of answers."""

    right: int = 0  # false and found
    missed: int = 0  # false and not found, unscored included
    wrong: int = 0  # true and called hallucinated
    passed: int = 0  # true and not called so
    unscored: int = 0

    def add(self, case: Case, grade: Grade) -> None:
        said = grade.verdict is Verdict.HALLUCINATED
        self.unscored += grade.verdict is Verdict.UNSCORED
        if case.false:
            self.right, self.missed = self.right + said, self.missed + (not said)
        else:
            self.wrong, self.passed = self.wrong + said, self.passed + (not said)

    def figures(self) -> dict[str, float | int | None]:
        n = self.right + self.missed + self.wrong + self.passed
        return {
            "n": n,
            "precision": _share(self.right, self.right + self.wrong),
            "recall": _share(self.right, self.right + self.missed),
            "unscored": _share(self.unscored, n),
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


class CountingMeaning:
    """The shipped encoder, counting how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, a: str, others: Sequence[str]) -> list[float]:
        self.asked += 1
        return similarity(a, others)


def worlds(count: int) -> Iterator:
    """The generated worlds and `visgar`."""
    for number in range(count):
        yield generate_world(FIRST_SEED + number)
    yield load_story("visgar")


def graded(
    count: int, *, seed: int, per_fact: int, meaning: CountingMeaning | None, clock: list[float],
    halves: Sequence[bool],
) -> Iterator[tuple[Case, Grade, bool]]:  # fmt: skip
    """Every rendered answer with its grade, and whether the encoder was asked."""
    for world in worlds(count):
        grader = WorldGrader(world, exposures(world), meaning=meaning)
        cases = list(render(world, seed=seed, per_fact=per_fact, halves=halves))
        start = time.process_time()
        for case in cases:
            before = meaning.asked if meaning else 0
            grade = grader.grade(case.question, case.text)
            yield case, grade, bool(meaning) and meaning.asked > before
        clock[0] += time.process_time() - start


def report(rows: Iterable[tuple[Case, Grade, bool]]) -> dict[str, object]:
    """Figures of all rows, by way, by style and by relation."""
    whole, groups = Counts(), defaultdict(Counts)
    asked = 0
    for case, grade, encoder in rows:
        asked += encoder
        whole.add(case, grade)
        for key in (("way", case.way), ("style", case.style), ("relation", case.relation)):
            groups[key].add(case, grade)
    found: dict[str, object] = whole.figures() | {"encoder_asked": asked}
    for kind in ("way", "style", "relation"):
        found[f"by_{kind}"] = {
            name: counts.figures() for (k, name), counts in sorted(groups.items()) if k == kind
        }
    return found


def show(half: str, figures: dict, *, details: bool) -> None:
    print(f"\n{half}: " + _line(figures))
    for kind in ("way", "style", "relation") if details else ("way",):
        print(f"  by {kind}")
        for name, one in figures[f"by_{kind}"].items():
            print(f"    {name:18s} {_line(one)}")


def _line(one: dict) -> str:
    def put(value: float | None) -> str:
        return "   - " if value is None else f"{value:.3f}"

    return (
        f"n {one['n']:6d}  precision {put(one['precision'])}  recall {put(one['recall'])}  "
        f"unscored {put(one['unscored'])}"
    )


def show_errors(rows: Sequence[tuple[Case, Grade, bool]], limit: int) -> None:
    """Development errors, grouped by relation and wording; never the held-out ones."""
    seen: Counter[tuple[str, str]] = Counter()
    for case, grade, _ in rows:
        said = grade.verdict is Verdict.HALLUCINATED
        bad = said != case.false or grade.verdict is Verdict.UNSCORED
        if case.held_out or not bad:
            continue
        key = (case.relation, case.way)
        seen[key] += 1
        if seen[key] <= limit:
            print(f"\n[{case.relation} {case.way} {case.style}] {case.question.text}")
            print(f"  {case.text!r}\n  {grade.verdict}: {grade.reason}")


def main() -> int:
    """Parse, render, grade, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=20, help="generated worlds beside visgar")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-fact", type=int, default=4, help="answers per fact and half")
    parser.add_argument("--encoder", action="store_true", help="decide by meaning as well")
    parser.add_argument("--details", action="store_true", help="tables by style and relation")
    parser.add_argument("--errors", type=int, default=0, help="development errors to print a kind")
    parser.add_argument("--development-only", action="store_true")
    parser.add_argument("--blind-only", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    meaning = CountingMeaning() if args.encoder else None
    clock = [0.0]
    halves = [
        half for half, skip in ((False, args.blind_only), (True, args.development_only)) if not skip
    ]
    rows = list(
        graded(
            args.worlds,
            seed=args.seed,
            per_fact=args.per_fact,
            meaning=meaning,
            clock=clock,
            halves=halves,
        )
    )
    found: dict[str, object] = {"grader": WorldGrader.version, "seed": args.seed}
    for half, held_out in HALVES.items():
        mine = [row for row in rows if row[0].held_out == held_out]
        if mine:
            found[half] = figures = report(mine)
            show(half, figures, details=args.details)
    new = [row for row in rows if row[0].held_out and row[0].form not in KNOWN]
    if new:
        found["held_out_new"] = figures = report(new)
        print(f"\nheld_out, less what development holds by chance: {_line(figures)}")
    show_errors(rows, args.errors)
    print(f"\n{len(rows) / clock[0]:,.0f} answers a second of processor time")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
