"""Drift, its sources and warning signals: in summary.json and in every report."""

import dataclasses
import io
import json

import pytest
from rich.console import Console

from harness.core.records import Verdict
from harness.report.html import html_report, most_adrift
from harness.report.markdown import markdown_report
from harness.report.sections import MEASURES, OVER
from harness.report.summary import summarise
from harness.report.terminal import print_summary
from harness.stats.signals import SIGNALS, TARGETS
from harness.stats.tables import verdict_table


@pytest.fixture(scope="module")
def page(summary, run):
    return html_report(summary, run)


def test_drift_is_there_for_every_suite_and_question(summary):
    for over in OVER:
        found = summary["drift"][over]
        for measure in (found, found["agreement"], found["entropy"]):
            assert set(measure["suites"]) == set(summary["suites"])
            assert 0 < measure["overall"]["rate"] < 1
        assert found["entropy"]["mean_nats"] > 0
    questions = summary["drift"]["questions"]
    assert len(questions) == summary["counts"]["questions"]
    one = next(iter(questions.values()))
    assert all(set(one[over]) == set(MEASURES) for over in OVER)
    assert set(summary["noise_floor"]) == {"tokens", "meaning", "verdict"}


def test_components_and_spread_are_there_for_every_suite(summary):
    assert set(summary["spread"]) == set(summary["suites"])
    parts = summary["components"]["overall"]["components"]
    assert sum(part["share"] for part in parts.values()) == pytest.approx(1, abs=1e-4)
    assert set(summary["components"]["suites"]) <= set(summary["suites"])


def test_every_signal_is_judged_for_both_kinds(summary):
    for kind in ("sampled", "greedy"):
        assert set(summary["signals"][kind]) == set(SIGNALS)
        for found in summary["signals"][kind].values():
            assert [at["target"] for at in found["thresholds"]] == list(TARGETS)
            assert found["curve"][-1][0] == 1
    assert summary["signals"]["not_recorded"] == ["entropy of each token"]


def test_the_summary_is_plain_json_without_nan(summary):
    text = json.dumps(summary, allow_nan=False)
    assert json.loads(text)["drift"] == summary["drift"]


def test_the_page_shows_them(page, summary):
    for words in ("over variants, sampled", "What the answers mean", "The worst way to put a",
                  "Where the scatter comes from", "Questions that drift most",
                  "Warning signals", "Holding back what looks suspicious",
                  "AUROC suite by suite", "entropy of each token"):  # fmt: skip
        assert words in page
    part = summary["components"]["overall"]["components"]["within cell"]
    assert f"{part['variance']:.4f}" in page
    assert page.count("<figure") == 5


def test_markdown_shows_them(summary):
    text = markdown_report(summary)
    assert "## Drift" in text
    assert "## Warning signals" in text
    for found in SIGNALS.values():
        assert f"| {found.title} |" in text
    part = summary["components"]["overall"]["components"]["question"]
    assert f"{part['variance']:.4f}" in text


def printed(summary):
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=100, force_terminal=False))
    return file.getvalue()


def test_the_terminal_has_a_line_for_each(summary):
    text = printed(summary)
    for words in ("widest over variants", "variance comes from", "best warning signal"):
        assert words in text


def test_the_summary_of_an_older_run_can_still_be_printed(summary):
    older = {k: v for k, v in summary.items() if k not in ("spread", "components", "signals")}
    assert "drift over seeds" in printed(older)


def test_the_questions_shown_are_those_that_flip_most(summary):
    found = most_adrift(summary, {})
    flips = [max(one["within_seed"]["flips"], one["variants"]["flips"]) for one in found]
    assert flips == sorted(flips, reverse=True)
    assert flips[0] == max(
        max(one["within_seed"]["flips"] or 0, one["variants"]["flips"] or 0)
        for one in summary["drift"]["questions"].values()
    )


def test_a_hostile_question_is_shown_as_text(run, summary, hostile):
    questions = tuple(
        dataclasses.replace(question, text=hostile[i % len(hostile)])
        for i, question in enumerate(run.questions)
    )
    changed = dataclasses.replace(run, questions=questions)
    page = html_report(summary, changed)
    assert "<script>document.title" not in page.split('type="application/json"')[0]
    assert "\u202e" not in page.split('type="application/json"')[0]


ODD = {
    "greedy answers only": lambda one: one if one.sample == 0 else None,
    "one sample": lambda one: one if one.sample <= 1 else None,
    "all unscored": lambda one: dataclasses.replace(one, verdict=Verdict.UNSCORED),
    "all refused": lambda one: dataclasses.replace(one, verdict=Verdict.REFUSED),
    "all hallucinated": lambda one: dataclasses.replace(one, verdict=Verdict.HALLUCINATED),
    "one variant": lambda one: one if one.variant == "article" else None,
    "one cluster": lambda one: dataclasses.replace(one, cluster="only"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_runs_still_have_every_report(run, name):
    rows = [found for one in run.graded if (found := ODD[name](one)) is not None]
    table = verdict_table(rows, run.questions, run.answers)
    found = summarise(table, identity=run.identity)
    json.dumps(found, allow_nan=False)
    if name in ("greedy answers only", "all unscored", "one cluster"):  # a page takes a second
        changed = dataclasses.replace(run, graded=tuple(rows))
        assert "</html>" in html_report(found, changed)
    assert markdown_report(found).startswith("# ")
    assert printed(found)
