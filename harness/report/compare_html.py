"""`compare.html`: one page that works offline and runs no script at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report import compare_words as words
from harness.report.html import TEMPLATES, page_environment


def compare_html(data: Mapping[str, Any]) -> str:
    """The whole page as text; everything from a model is escaped."""
    from markupsafe import Markup

    template = page_environment().get_template("compare.html.j2")
    return template.render(
        data=data,
        header=words.HEADER,
        meaning=words.MEANING,
        side_of=words.side_of,
        sides=words.sides(data),
        tables=_tables(data),
        lines=[*words.flip_lines(data), *words.time_lines(data)],
        lists=_lists(data),
        components=words.component_rows(data),
        components_header=words.COMPONENTS_HEADER,
        components_meaning=words.COMPONENTS_MEANING,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )


def _tables(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Title, sentence and rows of every table, in the order in which they are read."""
    found = []
    for kind, metrics in data["differences"].items():
        for metric, rated in metrics.items():
            about = data["metrics"][metric]
            found.append({
                "title": f"{about['title'].capitalize()}, {kind}",
                "meaning": f"{about['meaning']} {words.left_out(rated).capitalize()}.",
                "rows": words.rows(data, kind, metric, "suites"),
                "variants": words.rows(data, kind, metric, "variants"),
                "open": metric == "hallucination" and kind == data["kind"],
            })  # fmt: skip
    return found


def _lists(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The flips by kind and direction."""
    if not data["flips"]:
        return []
    return [
        {"title": f"{kind.capitalize()}: {title}", "flips": data["flips"][kind][what]}
        for kind in ("greedy", "majority")
        for what, title in (("became", "became hallucinations"), ("stopped", "stopped being"))
        if data["flips"][kind][what]
    ]
