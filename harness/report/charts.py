"""The charts of the report as SVG text: drawn by altair, rendered by vl-convert, offline.

They hold names of suites, verdicts and variants and numbers, never text from a model.
Colours of text and lines are left to the page's style sheet, for light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.core.records import Verdict
from harness.report.clean import heard, in_order, printable

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
LINES = ("#c8434f", "#d3a03c", "#2f9083", "#5f83b8", "#8e6bb0")  # warning signals
PARTS = ("#5f83b8", "#2f9083", "#8e6bb0", "#d3a03c")  # question, variant, both, within a cell
ALL_SUITES = "all suites"
WIDTH_PX = 720
MOST_COLUMNS = 160  # of the heat map; beyond it neighbours are averaged
INK = "#333333"
# Pixels; on the left some for labels in a wider font than the one they were measured in.
_PADDING = {"left": 18, "top": 4, "right": 4, "bottom": 4}


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
        found = heard(suite[kind], "hallucination")
        if found and found["rate"] is not None:
            limits.append({"suite": printable(name), **found})
        for label, other in zip(OTHERS, ("greedy", "control"), strict=True):
            rate = (heard(suite[other], "hallucination") or {}).get("rate")
            if rate is not None and other != kind:
                marks.append({"suite": printable(name), "answers": label, "rate": rate})
    names = [str(verdict) for verdict in COLOURS]
    y = alt.Y("suite:N", sort=order, title=None)
    bars = (
        alt.Chart(pd.DataFrame(shares))
        .mark_bar(height=17, aria=False)
        .encode(
            y=y,
            x=alt.X("start:Q", title="share of scored answers", axis=alt.Axis(format="%"),
                    scale=alt.Scale(domain=[0, 1])),
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
        {"distance": distance, "answers": titles[kind], **found}
        for distance, kinds in summary["distances"].items()
        for kind, metrics in kinds.items()
        if (found := heard(metrics, "hallucination")) and found["rate"] is not None
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


def risk_chart(summary: Mapping[str, Any]) -> str:
    """Hallucination rate of the answers kept against the share kept, a line for each signal.

    The band is the 95% interval of the signal with the least area. Empty without a signal.
    """
    import altair as alt
    import pandas as pd

    section = summary["signals"]
    found = section.get(summary["headline"]["kind"]) or {}
    if not found:
        return ""
    titles = {signal: section["about"][signal]["title"] for signal in found}
    rows = [
        {"signal": titles[signal], "coverage": coverage, "risk": risk, "low": low, "high": high}
        for signal, one in found.items()
        for coverage, risk, low, high in one["curve"]
    ]
    best = min(found, key=lambda signal: (found[signal]["aurc"]["value"], signal))
    data = pd.DataFrame(rows)
    x = alt.X("coverage:Q", title="answers kept, least suspicious first",
              axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))  # fmt: skip
    top = min(1.0, max(0.1, float(data["risk"].max()) * 1.15))
    data["high"] = data["high"].clip(upper=top)
    y = alt.Y("risk:Q", title="hallucinated among those kept",
              axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, top]))  # fmt: skip
    shades = list(LINES[: len(titles)])
    colour = alt.Color("signal:N", title=None, sort=list(titles.values()),
                       scale=alt.Scale(domain=list(titles.values()), range=shades),
                       legend=alt.Legend(columns=2))  # fmt: skip
    place = list(found).index(best)
    band = (
        alt.Chart(data[data["signal"] == titles[best]])
        .mark_area(opacity=0.16, color=LINES[place], aria=False)
        .encode(x=x, y=alt.Y("low:Q", title="hallucinated among those kept"), y2="high:Q")
    )
    share = found[best]["events"] / max(found[best]["n"], 1)
    every = (
        alt.Chart(pd.DataFrame([{"rate": share}]))
        .mark_rule(strokeDash=[4, 4], color="#8e8e93", aria=False)
        .encode(y="rate:Q")
    )
    lines = alt.Chart(data).mark_line(strokeWidth=2, aria=False).encode(x=x, y=y, color=colour)
    return _svg((band + every + lines).properties(width=420, height=270))


def component_bars(summary: Mapping[str, Any]) -> str:
    """Shares of the variance of hallucination in each suite; empty where nothing was estimated."""
    import altair as alt
    import pandas as pd

    section = summary["components"]
    if not section["overall"]:
        return ""
    suites = [(printable(name), one) for name, one in in_order(section["suites"])]
    suites.append((ALL_SUITES, section["overall"]))
    names = list(section["overall"]["components"])
    rows = []
    for suite, one in suites:
        start = 0.0
        for name, part in one["components"].items():
            end = start + part["share"]
            rows.append({"suite": suite, "source": name, "start": start, "end": end})
            start = end
    shades = PARTS if len(names) == len(PARTS) else (*PARTS, *LINES)[: len(names)]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(height=15, aria=False)
        .encode(
            y=alt.Y("suite:N", sort=[name for name, _ in suites], title=None),
            x=alt.X("start:Q", title="share of the variance", axis=alt.Axis(format="%"),
                    scale=alt.Scale(domain=[0, 1])),
            x2="end:Q",
            color=alt.Color("source:N", title=None, sort=names,
                            scale=alt.Scale(domain=names, range=list(shades)),
                            legend=alt.Legend(columns=4)),
        )
        .properties(width=WIDTH_PX - 130, height=alt.Step(24))
    )  # fmt: skip
    return _svg(chart)


def _svg(chart: alt.TopLevelMixin) -> str:
    """Render to SVG text; the page styles text and lines, see report.css."""
    import vl_convert

    font = "system-ui, sans-serif"
    styled = chart.configure(background="transparent", font=font, padding=_PADDING)
    styled = styled.configure_view(stroke=None)
    styled = styled.configure_axis(grid=False, labelFontSize=12, titleFontSize=12,
                                   titleFontWeight="normal", labelLimit=160)  # fmt: skip
    styled = styled.configure_legend(
        orient="top", labelFontSize=12, symbolStrokeWidth=1.5, columnPadding=18, offset=14
    )
    styled = styled.configure_title(anchor="start", fontSize=12, fontWeight=600, offset=5)
    spec = styled.to_dict(validate=False)  # tests do: it costs more than the drawing
    return str(vl_convert.vegalite_to_svg(spec))
