"""`compare.md`: a comparison for a pull request or a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.report import compare_words as words
from harness.report.clean import one_line
from harness.report.markdown import escape

TEXT_WIDTH = 160


def compare_markdown(data: Mapping[str, Any]) -> str:
    """The whole comparison as GitHub-flavoured Markdown; names and texts are escaped."""
    parts = [
        "# Two audits compared",
        f"**{escape(data['headline'])}**",
        "\n".join(f"- {escape(line)}" for line in words.sides(data)),
        *(f"> {escape(note)}" for note in data["notes"]),
        *(f"> **Warning.** {escape(warning)}" for warning in data["warnings"]),
    ]
    for kind, metrics in data["differences"].items():
        for metric, found in metrics.items():
            if kind == data["kind"] or metric == "hallucination":
                parts += _metric(data, kind, metric, found)
    components = words.component_rows(data)
    if components:
        parts += ["## Training seeds", escape(words.COMPONENTS_MEANING)]
        parts.append(table(words.COMPONENTS_HEADER, components))
    parts += ["## Read it so", escape(words.MEANING)]
    parts += _flips(data)
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of escaped cells."""
    cells = [[escape(cell) for cell in row] for row in (header, *rows)]
    lines = [cells[0], ["---"] * len(header), *cells[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _metric(data: Mapping[str, Any], kind: str, metric: str, found: Mapping[str, Any]) -> list[str]:
    about = data["metrics"][metric]
    parts = [
        f"## {escape(about['title'].capitalize())}, {kind}",
        escape(f"{about['meaning']} {words.left_out(found).capitalize()}.{_freedom(found)}"),
        table(("suite", *words.HEADER[1:]), words.rows(data, kind, metric, "suites")),
    ]
    if metric == "hallucination" and len(found["variants"]) > 1:
        variants = words.rows(data, kind, metric, "variants")
        parts.append(table(("variant, all suites", *words.HEADER[1:]), variants))
    return parts


def _freedom(found: Mapping[str, Any]) -> str:
    freedom = found["overall"].get("freedom")
    return "" if freedom is None else f" Degrees of freedom over all suites: {freedom:.1f}."


def _flips(data: Mapping[str, Any]) -> list[str]:
    lines = [*words.flip_lines(data), *words.time_lines(data)]
    if not lines:
        return []
    parts = ["## Flips", "\n".join(f"- {escape(line)}" for line in lines)]
    for kind in ("greedy", "majority"):
        for what, title in (("became", "became hallucinations"), ("stopped", "stopped being")):
            listed = data["flips"][kind][what] if data["flips"] else []
            if not listed:
                continue
            rows = [
                (one["suite"], one["variant"], one["question"], *_answers(one))
                for one in listed[: words.SHOWN_FLIPS]
            ]
            more = len(listed) - len(rows)
            parts.append(f"### {kind.capitalize()}: {title} ({len(listed)})")
            parts.append(table(("suite", "variant", "question", "first", "second"), rows))
            if more:
                parts.append(f"And {more} more in compare.json.")
    return parts


def _answers(flip: Mapping[str, Any]) -> tuple[str, str]:
    first, second = (
        f"{flip[side]['verdict']}: {one_line(flip[side]['text'], width=TEXT_WIDTH)}"
        for side in ("first", "second")
    )
    return first, second
