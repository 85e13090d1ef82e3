from harness.report import charts
from harness.stats.drift import hallucination_matrix


def test_every_chart_holds_to_the_schema_of_vega_lite(run, summary, monkeypatch):
    """A report leaves this check out, which takes longer than the drawing."""
    held = []
    monkeypatch.setattr(charts, "_svg", lambda chart: held.append(chart.to_dict(validate=True)))
    charts.verdict_bars(summary)
    charts.heat_map(hallucination_matrix(run.table))
    charts.near_miss_chart(summary)
    charts.component_bars(summary)
    charts.risk_chart(summary)
    assert len(held) == 5
