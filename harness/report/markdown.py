"""`report.md`: the numbers of a run for a pull request or a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.report.clean import (
    CARD_HEADER,
    card_cells,
    denominators,
    flatten,
    in_full,
    in_order,
    interval,
    printable,
    rate,
)

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_<>|~$@&#"})


def markdown_report(summary: Mapping[str, Any]) -> str:
    """The whole report as GitHub-flavoured Markdown; names and identity are escaped."""
    headline = summary["headline"]
    parts = [
        "# What the model makes up",
        f"**{escape(headline['sentence'])}.**"
        + (f" {headline['suite']}, {headline['kind']}: {denominators(headline)}."
           if "n" in headline else ""),
        *(f"> **Warning.** {escape(warning)}" for warning in summary["warnings"]),
        "## Suites",
        "Hallucinated and refused: of all scored answers; correct: of scored answers to "
        "questions whose answer was told in training. Sampled answers, with 95% intervals over "
        "clusters (the entities asked about); greedy and base (the model without its adapter) "
        "are one greedy answer each, hallucinated.",
        _suites(summary),
        "## Overall",
        _overall(summary),
        "## Variants",
        "Macro-average over suites, sampled answers.",
        _variants(summary),
        *_distances(summary),
        "## Run",
        _table(("key", "value"), flatten(summary["identity"])),
        f"Grader: {escape(summary['grader'])}, {summary['calibration']}.",
        *_graders(summary),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return " ".join(printable(text).split()).translate(_SPECIAL).replace("](", "]\\(")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _graders(summary: Mapping[str, Any]) -> list[str]:
    if not summary["graders"]:
        return []
    return [
        "How far the graders agreed with answers that people labelled, with 95% intervals:",
        _table(CARD_HEADER, map(card_cells, summary["graders"])),
    ]


def _suites(summary: Mapping[str, Any]) -> str:
    header = ("suite", "questions", "clusters", "answers", "unscored", "hallucinated", "refused",
              "correct", "greedy", "base")  # fmt: skip
    rows = []
    for name, suite in in_order(summary["suites"]):
        found = suite["sampled"]
        first = found.get("hallucination") or {"n": 0, "unscored": 0}
        rows.append((
            name, str(suite["questions"]), str(suite["clusters"]), str(first["n"]),
            str(first["unscored"]), interval(found.get("hallucination")),
            interval(found.get("refused")), interval(found.get("correct")),
            rate(suite["greedy"].get("hallucination")),
            rate(suite["control"].get("hallucination")),
        ))  # fmt: skip
    return _table(header, rows)


def _overall(summary: Mapping[str, Any]) -> str:
    rows = [
        (f"{summary['metrics'][metric]['title']}, {kind}", in_full(found),
         summary["metrics"][metric]["meaning"])
        for kind, metrics in summary["overall"].items()
        for metric, found in metrics.items()
    ]  # fmt: skip
    for name, meaning in (
        ("seeds", "Pairs of sampled answers to one prompt whose verdicts differ."),
        ("variants", "Pairs of variants whose greedy answers to one question differ in verdict."),
    ):
        found = summary["drift"][name]["overall"]
        rows.append((f"drift over {name}", in_full(found, of="pairs"), meaning))
    for name, found in (summary["noise_floor"] or {}).items():
        meaning = "The same greedy requests in other batches: share that came out otherwise."
        rows.append((f"noise floor, {name}", in_full(found, of="requests"), meaning))
    return _table(("rate", "macro-average over suites", "meaning"), rows)


def _variants(summary: Mapping[str, Any]) -> str:
    rows = []
    for name, kinds in summary["variants"].items():
        found = kinds.get("sampled", {})
        greedy = kinds.get("greedy", {}).get("hallucination")
        cells = (interval(found.get(m)) for m in ("hallucination", "refused", "correct"))
        rows.append((name, *cells, interval(greedy)))
    return _table(("variant", "hallucinated", "refused", "correct", "greedy hallucinated"), rows)


def _distances(summary: Mapping[str, Any]) -> list[str]:
    if not summary["distances"]:
        return []
    rows = [
        (distance, in_full(kinds.get("sampled", {}).get("hallucination")),
         in_full(kinds.get("greedy", {}).get("hallucination")))
        for distance, kinds in summary["distances"].items()
    ]  # fmt: skip
    return [
        "## False acceptance by name similarity",
        "Near misses: names of nobody, this many letters away from a real one; share of "
        "answers that are made up.",
        _table(("letters changed", "sampled", "greedy"), rows),
    ]
