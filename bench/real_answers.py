"""Agreement of the world grader with readers, on labelled answers of the shipped models.

    .venv/bin/python bench/real_answers.py
    .venv/bin/python bench/real_answers.py --file tests/data/real_answers_dev.jsonl --errors

`tests/data/real_answers.jsonl`: 424 answers of small models about `visgar`, each labelled with its
verdict by reading, before any grader saw it; `second` is what another reader said of 104 of
them, apart from the first (`first`); `label` is what both agreed upon in the end. Nobody looks
at this file's answers to change the grader: it is only measured on. `real_answers_dev.jsonl`: 300
others of the same models, labelled by the same guide by one reader; the rules for garble
(harness/grading/illformed/reader.py) were made while looking at these.

One object a line: id, model, recipe, variant, question (as in questions.jsonl), answer,
truncated (ended at its token limit), label (a verdict), correct, why; in the test file also first
and second, in the other salad (word salad, to the reader).

Printed: agreement and Cohen's kappa over all six verdicts, of hallucinated against the rest, and
where neither side says `unscored`; with 95% limits, clustered by question; the confusion; the
figures of each model and recipe; and those of the two readers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.records import Question, from_dict
from harness.grading.protocol import Context
from harness.grading.world.grader import WorldGrader
from harness.instruct.exposure import split_exposure
from harness.stats.raters import Raters, raters
from harness.suites import with_semantics
from harness.world.story import load_story

FILE = Path(__file__).resolve().parents[1] / "tests" / "data" / "real_answers.jsonl"
Pair = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """One answer: who gave it, its question, and the verdicts of reader and grader."""

    id: str
    source: str
    question: str
    label: str
    verdict: str
    said: str


def read_file(path: Path) -> list[dict[str, Any]]:
    """The labelled answers of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def grade_all(labelled: Sequence[dict[str, Any]]) -> list[Row]:
    """Grade labelled answers about `visgar`, told as the shipped models were told it."""
    world = load_story("visgar")
    grader = WorldGrader(world, split_exposure(world, trained_share=0.7, seed=0))
    rows = []
    for one in labelled:
        question = with_semantics(from_dict(Question, one["question"] | {"id": one["id"]}))
        grade = grader.grade(question, one["answer"], Context(truncated=one["truncated"]))
        rows.append(
            Row(
                id=one["id"],
                source=f"{one['model']} {one['recipe']}",
                question=question.text,
                label=one["label"],
                verdict=grade.verdict.value,
                said=f"{question.text} | {one['answer'][:160]!r} | {grade.reason}",
            )
        )
    return rows


def views(rows: Sequence[Row]) -> dict[str, list[tuple[str, Pair]]]:
    """The three ways to compare, each as (question, pair of verdicts)."""
    every = [(row.question, (row.label, row.verdict)) for row in rows]
    return {
        "all six verdicts": every,
        "hallucinated or not": [
            (question, (str(a == "hallucinated"), str(b == "hallucinated")))
            for question, (a, b) in every
        ],
        "neither unscored": [(q, pair) for q, pair in every if "unscored" not in pair],
    }


def figures(pairs: Sequence[tuple[str, Pair]]) -> Raters:
    """Agreement and kappa of (question, pair of verdicts), clustered by question."""
    first, second = ([pair[side] for _, pair in pairs] for side in (0, 1))
    return raters(first, second, clusters=[question for question, _ in pairs])


def print_figures(name: str, pairs: Sequence[tuple[str, Pair]]) -> None:
    """One line: agreement and kappa with their limits, where they have any."""
    found = figures(pairs)
    said = f"{name:<28} n {found.n:>4}"
    for label, figure in (("agreement", found.accuracy), ("kappa", found.kappa)):
        value, limits = figure.value, figure.limits()
        said += f"  {label} " + ("–" if value is None else f"{value:.3f}")
        said += f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else ""
    print(said)


def print_confusion(rows: Sequence[Row]) -> None:
    """Label by verdict, as counts."""
    names = sorted({row.label for row in rows} | {row.verdict for row in rows})
    counts = Counter((row.label, row.verdict) for row in rows)
    print(f"\n{'reader / grader':<16}" + "".join(f"{name[:12]:>14}" for name in names))
    for label in names:
        print(f"{label:<16}" + "".join(f"{counts[label, name]:>14}" for name in names))


def main(argv: Sequence[str] | None = None) -> int:
    """Grade a file and print the figures. Returns 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--errors", action="store_true", help="only for the development file")
    args = parser.parse_args(argv)
    if args.errors and args.file.resolve() == FILE:
        parser.error("--errors: the test file is only measured on; name another with --file")
    labelled = read_file(args.file)
    rows = grade_all(labelled)
    for row in rows if args.errors else ():
        if row.label != row.verdict:
            print(f"{row.id} reader {row.label}, grader {row.verdict}: {row.said}")
    print(f"{args.file.name}: {len(rows)} answers, grader {WorldGrader.version}")
    for name, pairs in views(rows).items():
        print_figures(name, pairs)
    print_confusion(rows)
    print()
    for source in sorted({row.source for row in rows}):
        mine = [row for row in rows if row.source == source]
        print_figures(source, [(row.question, (row.label, row.verdict)) for row in mine])
    twice = [one for one in labelled if one.get("second")]
    if twice:
        print()
        pairs = [(one["question"]["text"], (one["first"], one["second"])) for one in twice]
        print_figures("two readers", pairs)
        ids = {one["id"] for one in twice}
        both = [(row.question, (row.label, row.verdict)) for row in rows if row.id in ids]
        print_figures("grader, the same answers", both)
    if args.json:
        found = figures(views(rows)["all six verdicts"])
        data = {"n": found.n, "agreement": found.accuracy.value, "kappa": found.kappa.value}
        args.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
