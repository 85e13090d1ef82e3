"""The charts of the report as SVG text: drawn by altair, rendered by vl-convert, offline.

They hold names of suites, verdicts and variants and numbers, never text from a model.
Colours of text and lines are left to the page's style sheet, for light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.records import Verdict
from harness.report.clean import in_order, printable

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

COLOURS = {
    Verdict.HALLUCINATED: "#c8434f",
    Verdict.GROUNDED: "#2f9083",
    Verdict.REFUSED: "#5f83b8",
    Verdict.OFF_SCOPE: "#d3a03c",
    Verdict.UNRESPONSIVE: "#8e8e93",
}
HEAT = ("#2f9083", "#e3cf95", "#c8434f")  # none, half, all answers made up
OTHERS = {"greedy": "diamond", "base, no adapter": "circle"}
WIDTH_PX = 720
MOST_COLUMNS = 160  # of the heat map; beyond it neighbours are averaged
INK = "#333333"


def verdict_bars(summary: Mapping[str, Any]) -> str:
    """Stacked verdict shares of each suite with the interval of the hallucination rate."""
    import altair as alt
    import pandas as pd

    kind = summary["headline"]["kind"]
    suites = in_order(summary["suites"])
    order = [printable(name) for name, _ in suites]
    shares, marks, limits = [], [], []
    for name, suite in suites:
        shares.extend(_shares(printable(name), suite["verdicts"][kind]))
        found = suite[kind].get("hallucination")
        if found and found["rate"] is not None:
            limits.append({"suite": printable(name), **found})
        for label, other in zip(OTHERS, ("greedy", "control"), strict=True):
            rate = suite[other].get("hallucination", {}).get("rate")
            if rate is not None and other != kind:
                marks.append({"suite": printable(name), "answers": label, "rate": rate})
    names = [str(verdict) for verdict in COLOURS]
    y = alt.Y("suite:N", sort=order, title=None)
    bars = (
        alt.Chart(pd.DataFrame(shares))
        .mark_bar(height=17, aria=False)
        .encode(
            y=y,
            x=alt.X("start:Q", title="share of scored answers", axis=alt.Axis(format="%")),
            x2="end:Q",
            color=alt.Color("verdict:N", title=None,
                            scale=alt.Scale(domain=names, range=list(COLOURS.values()))),
        )
    )  # fmt: skip
    layers: list[Any] = [bars]
    if limits:
        whiskers = alt.Chart(pd.DataFrame(limits)).encode(y=y)
        layers.append(whiskers.mark_rule(strokeWidth=2, aria=False, color=INK)
                      .encode(x="low:Q", x2="high:Q"))  # fmt: skip
        for end in ("low", "high"):
            layers.append(whiskers.mark_tick(size=11, thickness=2, aria=False, color=INK)
                          .encode(x=f"{end}:Q"))  # fmt: skip
    if marks:
        layers.append(_points(pd.DataFrame(marks), y))
    chart = alt.layer(*layers).properties(width=WIDTH_PX - 130, height=alt.Step(31))
    return _svg(chart.resolve_legend(color="independent", shape="independent"))


def _shares(suite: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    total = sum(counts.get(str(verdict), 0) for verdict in COLOURS)
    rows, start = [], 0.0
    for verdict in COLOURS:
        end = start + (counts.get(str(verdict), 0) / total if total else 0.0)
        rows.append({"suite": suite, "verdict": str(verdict), "start": start, "end": end})
        start = end
    return rows


def _points(marks: pd.DataFrame, y: alt.Y) -> alt.Chart:
    import altair as alt

    scale = alt.Scale(domain=list(OTHERS), range=list(OTHERS.values()))
    return (
        alt.Chart(marks)
        .mark_point(
            size=62, filled=True, fill="#ffffff", stroke=INK, strokeWidth=1.6, opacity=1, aria=False
        )
        .encode(y=y, x="rate:Q", shape=alt.Shape("answers:N", title=None, scale=scale))
    )


def heat_map(matrix: pd.DataFrame) -> str:
    """Hallucination rate of every question [columns] in every variant [rows], by suite.

    matrix: as `stats.drift.hallucination_matrix` gives it. Questions are sorted from least
    to most made up; of more than `MOST_COLUMNS` in a suite, neighbours are averaged.
    Empty where nothing was scored.
    """
    import altair as alt
    import pandas as pd

    if not len(matrix):
        return ""
    suites = {str(name): rows for name, rows in matrix.groupby(level="suite")}
    strips = []
    for name, rows in in_order(suites):
        ranked = rows.loc[rows.mean(axis=1).sort_values(kind="stable").index]
        columns = min(len(ranked), MOST_COLUMNS)
        ranked = ranked.groupby([i * columns // len(ranked) for i in range(len(ranked))]).mean()
        long = ranked.rename_axis("column").reset_index()
        long = long.melt("column", var_name="variant", value_name="rate").dropna()
        long["variant"] = long["variant"].astype(str).map(printable)
        strips.append(
            alt.Chart(pd.DataFrame(long), title=f"{printable(name)} ({len(rows)} questions)")
            .mark_rect(aria=False)
            .encode(
                x=alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.06)),
                y=alt.Y("variant:N", title=None, axis=alt.Axis(labelFontSize=9)),
                color=alt.Color("rate:Q", title="hallucinated", legend=None,
                                scale=alt.Scale(domain=[0, 0.5, 1], range=list(HEAT))),
            )
            .properties(width=WIDTH_PX - 100, height=alt.Step(11))
        )  # fmt: skip
    return _svg(alt.vconcat(*strips, spacing=14))


def near_miss_chart(summary: Mapping[str, Any]) -> str:
    """Share of made-up answers about near-miss names, by letters changed; empty without any."""
    import altair as alt
    import pandas as pd

    titles = {"sampled": "sampled", "greedy": "greedy", "control": "base, no adapter"}
    rows = [
        {"distance": distance, "answers": titles[kind], **metrics["hallucination"]}
        for distance, kinds in summary["distances"].items()
        for kind, metrics in kinds.items()
        if metrics.get("hallucination", {}).get("rate") is not None
    ]
    if not rows:
        return ""
    colour = alt.Color(
        "answers:N",
        title=None,
        scale=alt.Scale(domain=list(titles.values()), range=["#c8434f", "#d3a03c", "#8e8e93"]),
    )
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("distance:O", title="letters changed in a real name", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("answers:N", sort=list(titles.values())),
        color=colour,
    )
    limits = base.mark_rule(strokeWidth=2, aria=False).encode(
        y=alt.Y("low:Q", title="made up", scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", tickCount=5)),
        y2="high:Q",
    )  # fmt: skip
    points = base.mark_point(size=70, filled=True, opacity=1, aria=False).encode(y="rate:Q")
    return _svg((limits + points).properties(width=380, height=210))


def _svg(chart: alt.TopLevelMixin) -> str:
    """Render to SVG text; the page styles text and lines, see report.css."""
    import vl_convert

    font = "system-ui, sans-serif"
    styled = chart.configure(background="transparent", font=font, padding=4)
    styled = styled.configure_view(stroke=None)
    styled = styled.configure_axis(grid=False, labelFontSize=12, titleFontSize=12,
                                   titleFontWeight="normal", labelLimit=160)  # fmt: skip
    styled = styled.configure_legend(orient="top", labelFontSize=12, symbolStrokeWidth=1.5)
    styled = styled.configure_title(anchor="start", fontSize=12, fontWeight=600, offset=5)
    spec = styled.to_dict()
    return str(vl_convert.vegalite_to_svg(spec))
