import dataclasses
import json

import pytest

from harness.core.errors import StoreError
from harness.core.records import Verdict
from harness.report.schema import SCHEMA, Summary, check_shape, read_summary
from harness.report.summary import summarise
from harness.runs.store import RunFolder
from harness.stats.tables import verdict_table


def changed(run, change):
    """The summary after `change` on each verdict; None drops it."""
    rows = [found for one in run.graded if (found := change(one)) is not None]
    table = verdict_table(rows, run.questions, run.answers)
    return summarise(table, identity=run.identity)


def test_every_key_is_documented(summary):
    assert summary["schema"] == SCHEMA
    check_shape(summary)
    assert {one.alias or name for name, one in Summary.model_fields.items()} == summary.keys()


def test_counts_add_up(run, summary):
    counts = summary["counts"]
    kinds = ("sampled", "greedy", "control", "floor")
    assert sum(counts[kind] for kind in kinds) == len(run.graded)
    assert counts["samples"] == 3
    for suite in summary["suites"].values():
        for kind in ("sampled", "greedy", "control"):
            found = suite[kind]["hallucination"]
            total = sum(suite["verdicts"][kind].values())
            assert found["n"] + found["unscored"] == total
            assert found["events"] == suite["verdicts"][kind]["hallucinated"]


def test_all_suites_is_the_macro_average(summary):
    rates = [suite["sampled"]["hallucination"]["rate"] for suite in summary["suites"].values()]
    overall = summary["overall"]["sampled"]["hallucination"]
    assert overall["rate"] == pytest.approx(sum(rates) / len(rates), abs=1e-5)
    assert overall["suites"] == 10


def test_greedy_control_and_floor_never_touch_the_headline(run, summary):
    def flip(one):
        if one.arm == "adapter" and one.sample > 0:
            return one
        return dataclasses.replace(one, verdict=Verdict.HALLUCINATED)

    flipped = changed(run, flip)
    assert flipped["overall"]["sampled"] == summary["overall"]["sampled"]
    assert flipped["grid"] == summary["grid"]
    assert flipped["headline"] == summary["headline"]
    assert flipped["overall"]["greedy"]["hallucination"]["rate"] == 1
    assert flipped["overall"]["control"]["hallucination"]["rate"] == 1


def test_unscored_answers_are_counted_and_left_out(run):
    def lose(one):
        gone = one.suite == "in_domain" and one.arm == "adapter" and one.sample == 1
        return dataclasses.replace(one, verdict=Verdict.UNSCORED) if gone else one

    found = changed(run, lose)["suites"]["in_domain"]["sampled"]["hallucination"]
    assert found["unscored"] == 24
    assert found["n"] == 48


def test_the_headline_is_about_what_does_not_exist(summary):
    assert summary["headline"]["suite"] == "invented"
    assert summary["headline"]["sentence"].startswith("Asked about people and things")
    assert "%" in summary["headline"]["sentence"]


def test_fabrication_leaves_the_real_world_out(summary):
    fabrication = summary["overall"]["sampled"]["fabrication"]
    assert fabrication["suites"] == 4  # unstated, false_premise, invented, near_miss
    assert summary["overall"]["sampled"]["off_scope"]["suites"] == 1


def test_distances_and_exposures_have_their_rows(summary):
    assert list(summary["distances"]) == ["1", "2", "3"]
    assert set(summary["exposures"]) == {"trained", "text_only", "unstated", "absent", "none"}
    assert set(summary["distances"]["1"]) == {"sampled", "greedy", "control"}


def test_times_are_no_part_of_the_identity(summary):
    assert "started" not in summary["identity"]
    assert summary["identity"]["model"] == "storylm-4m-4bit"


WARNINGS = [
    ("graders are mixed", lambda one: dataclasses.replace(one, grader=f"world@{one.sample}")),
    ("No sampled answers", lambda one: one if one.sample == 0 else None),
    ("No control", lambda one: one if one.arm == "adapter" else None),
    ("fewer than 10 clusters", lambda one: one),
    ("could not tell", lambda one: dataclasses.replace(one, verdict=Verdict.UNSCORED)),
    ("No answer could be scored", lambda one: dataclasses.replace(one, verdict=Verdict.UNSCORED)),
]


@pytest.mark.parametrize(("words", "change"), WARNINGS)
def test_a_reader_is_warned(run, words, change):
    assert any(words in warning for warning in changed(run, change)["warnings"])


def test_warnings_of_the_caller_come_first(run):
    found = summarise(run.table, identity={}, warnings=["The disk was slow."])
    assert found["warnings"][0] == "The disk was slow."


def test_a_run_without_the_audited_model_is_an_error(run):
    with pytest.raises(StoreError, match="no answers of the audited model"):
        changed(run, lambda one: one if one.arm == "base" else None)


def wrong(summary, change):
    found = json.loads(json.dumps(summary))
    change(found)
    return found


WRONG = [
    (lambda s: s.pop("counts"), "'counts' is missing"),
    (lambda s: s.update(extra=1), "unknown key 'extra'"),
    (lambda s: s["overall"]["sampled"]["hallucination"].update(rate=1.2),
     r"'overall\.sampled\.hallucination\.rate': .*less than or equal to 1"),
    (lambda s: s["suites"]["invented"].update(questions="many"), r"'suites\.invented\.questions'"),
    (lambda s: s["responses"].update(drawn={}), r"'responses\.drawn"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_summary_of_another_shape_is_refused_with_its_key(summary, change, message):
    with pytest.raises(ValueError, match=message):
        check_shape(wrong(summary, change))


@pytest.mark.parametrize(("schema", "message"), [
    (1, "schema 1, and this version of bordor reads 2: write it anew with 'bordor report RUN'"),
    (3, "schema 3"),
    ("2", r"summary\.json: damaged: 'schema'"),
])  # fmt: skip
def test_a_summary_of_another_version_is_refused_with_the_way_on(
    summary, tmp_path, schema, message
):
    (tmp_path / "run.json").write_text('{"format": 1, "started": "2026-01-01T00:00:00+00:00"}')
    (tmp_path / "summary.json").write_text(json.dumps({**summary, "schema": schema}))
    with pytest.raises(StoreError, match=message):
        read_summary(RunFolder.open(tmp_path))
