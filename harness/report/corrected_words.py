"""Corrected rates and agreement with people in words, for every report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.records import Verdict
from harness.report.clean import in_order, interval, printable
from harness.report.corrected import KIND_TITLES

HEADER = ("hallucinated", "observed", "corrected", "labels", "method")
CITED = {
    "two-phase": "two-phase estimator (Cochran 1977, chapter 12; MOVER interval)",
    "Rogan-Gladen": "Rogan and Gladen 1978, interval of Lang and Reiczigel 2014",
}


def source(found: Mapping[str, Any]) -> str:
    """Whose labels, of which run, by which method."""
    run = "this run" if found["same_run"] else f"run {found['run']} of the same base and recipe"
    people = ", ".join(printable(name) for name in found["people"])
    if not found["labels"]:
        return f"none of the labels that {people} gave to {run}: {found['overall']['reason']}"
    method = CITED[found["method"]]
    return f"{found['labels']:,} answers of {run}, labelled by {people}; {method}"


def corrected(entry: Mapping[str, Any]) -> str:
    """Such as "0.08 [0.05, 0.13]", or why there is none."""
    if entry["rate"] is None:
        return f"cannot be corrected: {entry['reason']}"
    return interval(entry)


def rate_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Rows of HEADER: suites, kinds of suites where they hold several, and all suites."""
    rows = [(printable(name), found["suites"][name]) for name, _ in in_order(found["suites"])]
    rows += [
        (f"all: {KIND_TITLES[kind]}", entry)
        for kind, entry in found["kinds"].items()
        if len(entry["suites"]) > 1
    ]
    rows.append(("all suites", found["overall"]))
    return [
        (name, interval(entry["observed"]), corrected(entry), f"{entry['labels']:,}",
         entry["method"] or "–")
        for name, entry in rows
    ]  # fmt: skip


def short(entry: Mapping[str, Any]) -> str:
    """The corrected rate of a table's cell: with limits, or a dash."""
    return interval(entry) if entry["rate"] is not None else "–"


def agreement_lines(found: Mapping[str, Any]) -> list[str]:
    """How far the grader agrees with people, and people with each other, a line each."""
    lines = []
    agreed = found["agreement"]
    if agreed:
        lines.append(
            f"grader against people, all verdicts: {_figures(agreed)} ({agreed['n']:,} labels, "
            f"{agreed['clusters']:,} clusters; weighted to all answers)"
        )
        lines.append(
            f"grader against people, hallucinated or not: {_figures(agreed['hallucinated'])}"
        )
    for one in found["between"]:
        names = " and ".join(printable(name) for name in one["people"])
        lines.append(f"{names}: {_figures(one)} ({one['n']:,} answers that both labelled)")
    return lines


def _figures(found: Mapping[str, Any]) -> str:
    return f"agree {_figure(found['accuracy'])}, kappa {_figure(found['kappa'])}"


def _figure(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "–"
    limits = found["limits"]
    return f"{found['value']:.2f}" + (f" [{limits[0]:.2f}, {limits[1]:.2f}]" if limits else "")


def confusion(table: Mapping[str, Mapping[str, int]]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Header and rows: the grader's verdicts down, people's labels across, plain counts."""
    labels = [str(one) for one in Verdict if any(str(one) in row for row in table.values())]
    rows = [
        [str(verdict), *(f"{table[verdict].get(label, 0):,}" for label in labels)]
        for verdict in map(str, Verdict)
        if verdict in table
    ]
    return ("grader \\ people", *labels), rows
