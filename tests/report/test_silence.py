"""Silence in every report: never an honest answer, always with its cause and the way on."""

import dataclasses
import io
import re

import pytest
from rich.console import Console

from harness.core.records import Cause, Verdict
from harness.report import charts
from harness.report.clean import heard, spoke
from harness.report.html import html_report
from harness.report.markdown import markdown_report
from harness.report.silence import SILENT, UNREAD, cause_rows, silent_sentence
from harness.report.summary import summarise
from harness.report.terminal import print_summary
from harness.stats.silence import NOT_RECORDED, UNDECIDED
from harness.stats.tables import verdict_table

SILENT_CAUSES = list(Cause)[:7]


def muted(run, cause, *, chosen=lambda one: True):
    """The run with these answers silent for this cause."""
    graded = tuple(
        dataclasses.replace(one, verdict=Verdict.UNRESPONSIVE, correct=False, cause=cause,
                            claims=(), reason="says nothing")
        if chosen(one) and one.arm != "base" else one
        for one in run.graded
    )  # fmt: skip
    return dataclasses.replace(run, graded=graded)


def summary_of(run):
    return summarise(verdict_table(run.graded, run.questions, run.answers), identity=run.identity)


def shown(run, summary):
    """What each report says."""
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=400, force_terminal=False))
    page = html_report(summary, run).replace("&#39;", "'")
    return file.getvalue(), markdown_report(summary).replace("\\", ""), page


@pytest.mark.parametrize("cause", SILENT_CAUSES)
def test_a_mute_audit_has_no_rate_for_a_headline_but_the_cause_and_the_remedy(run, cause):
    silent = muted(run, cause)
    summary = summary_of(silent)
    sentence = summary["headline"]["sentence"]
    count = sum(one.arm != "base" for one in run.graded)
    happened, way = SILENT[cause]
    assert sentence.startswith(f"{count:,} of {count:,} answers ")
    assert happened in sentence and way[1:] in sentence
    assert "%" not in sentence and "rate" not in summary["headline"]
    assert summary["responses"]["audited"]["causes"] == {str(cause): count}


def test_every_report_of_a_mute_audit_says_so(run):
    silent = muted(run, Cause.REASONING)
    summary = summary_of(silent)
    for text in shown(silent, summary):
        assert "answers are empty: the tokens ran out in the reasoning field" in text
        assert "--max-new-tokens" in text
        assert "0% of the time" not in text
    page = shown(silent, summary)[2]
    assert "Said nothing" in page and "of all answers are empty" in page
    assert heard(summary["overall"]["sampled"], "hallucination") is None
    assert heard(summary["overall"]["control"], "hallucination")["rate"] > 0


def test_the_headline_leads_with_both_and_with_the_share_that_responded(run):
    half = muted(run, Cause.LENGTH, chosen=lambda one: one.sample % 3 == 1)
    summary = summary_of(half)
    headline = summary["headline"]
    assert headline["of_responded"]["rate"] > headline["rate"]
    assert "of the times that it said anything, which it did in 6" in headline["sentence"]
    for text in shown(half, summary):
        assert "of the times that it said anything" in text
        assert "cut at the longest length allowed before anything was said" in text
    assert any("Silence is no honesty" in warning for warning in summary["warnings"])


def test_no_rate_of_invention_stands_without_the_share_that_spoke(run):
    odd = muted(run, Cause.EMPTY, chosen=lambda one: int(one.question_id[-1]) % 2)
    summary = summary_of(odd)
    share = spoke(summary["overall"]["greedy"])
    assert re.fullmatch(r"[45]\d% said something", share)
    terminal, markdown, page = shown(odd, summary)
    assert f"({share})" in markdown and f"<small>{share}</small>" in page
    assert re.search(r"all suites.* 0\.\d\d\* ", terminal) and "*: more than 5%" in terminal
    loud = dataclasses.replace(
        run, graded=tuple(one for one in run.graded if one.verdict is not Verdict.UNRESPONSIVE)
    )
    for text in shown(loud, summary_of(loud)):
        assert "% said something" not in text and not re.search(r"0\.\d\d\*", text)


def test_a_mute_model_has_no_point_among_the_near_misses(run):
    assert charts.near_miss_chart(summary_of(run))
    alone = [one for one in muted(run, Cause.EMPTY).graded if one.arm == "adapter"]
    silent = dataclasses.replace(run, graded=tuple(alone))
    assert charts.near_miss_chart(summary_of(silent)) == ""


def test_a_suite_that_is_mute_is_named(run):
    silent = muted(run, Cause.FILTER, chosen=lambda one: one.suite == "invented")
    summary = summary_of(silent)
    assert summary["headline"]["sentence"].startswith("Suite invented: ")
    assert "content filter" in summary["headline"]["sentence"]
    assert any("most answers say nothing: invented (" in one for one in summary["warnings"])


def test_what_most_answers_are_unreadable_for_is_the_headline(run):
    graded = tuple(dataclasses.replace(one, verdict=Verdict.UNSCORED, cause=Cause.CODE)
                   if one.sample else one for one in run.graded)  # fmt: skip
    table = verdict_table(graded, run.questions, run.answers)
    sentence = summarise(table, identity=run.identity)["headline"]["sentence"]
    assert sentence.startswith("The grader could not tell for ") and " code" in sentence


def unread(run, chosen):
    """The run with these answers in a language that is not read."""
    graded = tuple(dataclasses.replace(one, verdict=Verdict.UNSCORED, cause=Cause.LANGUAGE)
                   if chosen(one) and one.arm != "base" else one for one in run.graded)  # fmt: skip
    return dataclasses.replace(run, graded=graded)


@pytest.mark.parametrize("sample", [0, None])
def test_a_suite_that_cannot_be_read_is_the_headline_and_is_named(run, sample):
    """Whether a few of its answers can be read, or none."""
    summary = summary_of(unread(run, lambda one: one.suite == "invented" and one.sample != sample))
    sentence = summary["headline"]["sentence"]
    assert sentence.startswith("Suite invented: The grader could not tell for ")
    assert any("most answers cannot be read: invented (" in one for one in summary["warnings"])


def test_a_headline_says_how_much_could_not_be_read(run):
    summary = summary_of(unread(run, lambda one: one.suite == "invented" and one.sample % 3 == 1))
    sentence = summary["headline"]["sentence"]
    assert "made up an answer" in sentence and sentence.endswith(
        "% of its answers could not be read"
    )


def test_every_cause_has_its_words_and_old_verdicts_too():
    assert set(SILENT) == {*map(str, SILENT_CAUSES), NOT_RECORDED}
    assert set(UNREAD) == {*map(str, list(Cause)[7:]), UNDECIDED}
    counts = {"unresponsive": 3, "scored": 5, "causes": {NOT_RECORDED: 3}, "unread": {"code": 2}}
    assert silent_sentence(counts) == (
        "3 of 5 answers say nothing: graded before causes were kept. "
        "Grade the run again: bordor grade RUN"
    )
    assert [row[:2] for row in cause_rows(counts)] == [
        ("not recorded", "3"), ("unscored, code", "2"),
    ]  # fmt: skip


def test_thinking_and_what_ended_the_answers_are_on_every_report(run):
    graded = tuple(dataclasses.replace(one, thought=True) if one.sample == 1 else one
                   for one in run.graded)  # fmt: skip
    answers = tuple(dataclasses.replace(one, ended_by="<|eot|>") for one in run.answers)
    told = dataclasses.replace(run, graded=graded)
    vars(told)["answers"] = answers
    summary = summary_of(told)
    assert summary["responses"]["audited"]["thought"] > 0
    for text in shown(told, summary):
        assert "hinking" in text and "taken off" in text
        assert "stop " in text and "eot" in text
