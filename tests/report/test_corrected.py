"""Rates corrected by labels, from a review laid into a synthetic run folder."""

import json
import shutil

import pytest
from rich.console import Console

from harness.core.errors import StoreError
from harness.core.records import Verdict, to_json
from harness.core.seeds import stream
from harness.report.corrected import LEAST_OWN, corrected_section, headline_rows
from harness.report.html import html_report
from harness.report.markdown import markdown_report
from harness.report.reviews import LABELS, SAMPLE, Drawn, Label, labels_by_answer, read_review
from harness.report.summary import summarise
from harness.report.terminal import print_summary
from harness.runs.read import read_run

HOSTILE_NAME = "<b>Eve</b> [red]"
PUT = ("article", "bare", "terse", "typo")


def lay_review(folder, *, every=1, wrong=0.0, suites=None, by=HOSTILE_NAME):
    """Label one in `every` texts as the grader did, but a share `wrong` the other way round."""
    run = read_run(folder)
    rows = headline_rows(run)
    rng = stream(5, "labels")
    drawn, labels, seen = [], [], set()
    for row in rows.to_dict("records"):
        key = (row["question_id"], row["text"])
        if key in seen or (suites and row["suite"] not in suites):
            continue
        seen.add(key)
        if len(seen) % every:
            continue
        name = f"{len(drawn):06x}"
        same = rows[(rows["question_id"] == key[0]) & (rows["text"] == key[1])]
        drawn.append(Drawn(id=name, question_id=key[0], suite=row["suite"], cluster=row["cluster"],
                           answer=key[1], verdict=Verdict(row["verdict"]), answers=len(same),
                           weight=float(len(same))))  # fmt: skip
        said = Verdict(row["verdict"])
        if rng.random() < wrong:
            said = Verdict.REFUSED if said is Verdict.HALLUCINATED else Verdict.HALLUCINATED
        labels.append(Label(id=name, label=said, note="<i>why</i>", by=by, at="2026-01-01T00:00:00+00:00"))  # fmt: skip
    (folder / "review").mkdir(exist_ok=True)
    for name, records in ((SAMPLE, drawn), (LABELS, labels)):
        text = "".join(f"{to_json(one)}\n" for one in records)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def reviewed(make_run, tmp_path_factory):
    """A run with labels of which a tenth differ from the verdict."""
    folder = make_run(
        tmp_path_factory.mktemp("reviewed") / "m" / "r", per_suite=8, samples=3, variants=PUT
    )
    return lay_review(folder, wrong=0.1)


@pytest.fixture(scope="module")
def shown(reviewed):
    """The run, its review and its summary."""
    run = read_run(reviewed)
    found, _ = corrected_section(reviewed, run)
    return run, read_review(reviewed), summarise(run.table, identity=run.identity, corrected=found)


def entries(found):
    return [found["overall"], *found["kinds"].values(), *found["suites"].values()]


def test_every_suite_and_kind_is_there_beside_what_was_observed(shown):
    _, _, summary = shown
    found = summary["corrected"]
    assert set(found["suites"]) == set(summary["suites"])
    assert list(found["kinds"]) == ["answerable", "must_refuse", "open", "real_world"]
    assert "unstated" in found["kinds"]["must_refuse"]["suites"]
    for suite, entry in found["suites"].items():
        seen = summary["suites"][suite]["sampled"]["hallucination"]
        assert entry["observed"] == {key: seen[key] for key in ("rate", "low", "high")}
    for entry in entries(found):
        assert entry["rate"] is None or 0 <= entry["low"] <= entry["rate"] <= entry["high"] <= 1
    overall = found["overall"]
    assert overall["observed"]["rate"] == summary["overall"]["sampled"]["hallucination"]["rate"]


def test_sensitivity_and_specificity_stand_by_kind(shown):
    _, _, summary = shown
    for name in ("answerable", "must_refuse"):
        kind = summary["corrected"]["kinds"][name]
        assert kind["sensitivity"]["low"] < kind["sensitivity"]["rate"] < 1
        assert 0 < kind["specificity"]["rate"] < kind["specificity"]["high"] <= 1


def test_a_suite_with_few_labels_takes_those_of_its_kind(make_run, tmp_path):
    folder = make_run(tmp_path / "m" / "r", per_suite=8, samples=3, variants=PUT)
    lay_review(folder, every=12, wrong=0.1)
    found, _ = corrected_section(folder, read_run(folder))
    few = found["suites"]["in_domain"]
    assert few["method"] == "Rogan-Gladen"
    assert few["labels"] == found["kinds"]["answerable"]["labels"] > LEAST_OWN
    assert found["suites"]["open_ended"]["method"] == "two-phase"  # the only one of its kind
    assert found["overall"]["method"] == "two-phase"


def test_a_suite_of_which_everything_is_labelled_uses_its_own_labels_however_few(
    make_run, tmp_path
):
    folder = make_run(tmp_path / "m" / "r", per_suite=6, samples=1, variants=PUT[:1])
    lay_review(folder, wrong=0.1)
    found, _ = corrected_section(folder, read_run(folder))
    whole = found["suites"]["in_domain"]
    assert whole["labels"] < LEAST_OWN
    assert whole["method"] == "two-phase"


def test_only_labels_that_are_used_are_counted(make_run, tmp_path):
    """Not those of an earlier sample, and not those where no person could tell."""
    folder = make_run(tmp_path / "m" / "r", per_suite=8, samples=3, variants=PUT)
    lay_review(folder)
    before = corrected_section(folder, read_run(folder))[0]["labels"]
    for name, place, change in ((SAMPLE, 0, {"weight": None}), (LABELS, 1, {"label": "unscored"})):
        lines = (folder / name).read_text(encoding="utf-8").split("\n")
        used = [i for i, line in enumerate(lines) if '"unscored"' not in line]
        lines[used[place]] = json.dumps(json.loads(lines[used[place]]) | change, sort_keys=True)
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    run = read_run(folder)
    found, _ = corrected_section(folder, run)
    assert found["labels"] == before - 2 == found["overall"]["labels"]
    summary = summarise(run.table, identity=run.identity, corrected=found)
    assert f"calibrated by {before - 2:,} labelled answers" in summary["calibration"]


def test_a_kind_nobody_labelled_is_told_and_no_number_is_made_up(make_run, tmp_path):
    folder = make_run(tmp_path / "m" / "r", per_suite=8, samples=3, variants=PUT)
    lay_review(folder, suites=("in_domain", "paraphrase"))
    found, _ = corrected_section(folder, read_run(folder))
    assert found["overall"]["rate"] is None
    assert "must be refused" in found["overall"]["reason"]
    assert found["suites"]["invented"]["rate"] is None
    assert found["suites"]["in_domain"]["rate"] is not None


def test_without_labels_nothing_is_corrected(run_folder, run):
    assert corrected_section(run_folder, run) == (None, [])
    assert read_review(run_folder) is None


def test_the_order_of_files_does_not_matter(reviewed, tmp_path):
    other = tmp_path / "m" / "r"
    shutil.copytree(reviewed, other)
    for name in ("verdicts.jsonl", SAMPLE, LABELS):
        lines = (other / name).read_text(encoding="utf-8").split("\n")[:-1]
        (other / name).write_text(
            "".join(f"{line}\n" for line in reversed(lines)), encoding="utf-8"
        )
    assert corrected_section(other, read_run(other)) == corrected_section(
        reviewed, read_run(reviewed)
    )


def test_every_report_shows_the_correction_and_nothing_runs(shown):
    run, review, summary = shown
    markdown = markdown_report(summary)
    assert "## Corrected by people's labels" in markdown
    assert "all suites" in markdown and "\\<b\\>Eve" in markdown
    page = html_report(summary, run, labels_by_answer(review))
    assert 'id="corrected"' in page and "&lt;b&gt;Eve" in page
    assert "<b>Eve" not in page and "<i>why" not in page
    console = Console(record=True, width=100)
    print_summary(summary, console)
    text = console.export_text()
    assert "corrected by people" in text and "calibrated by" in text


def test_the_table_of_answers_holds_what_people_said(shown):
    from harness.report.answers import answer_data

    run, review, _ = shown
    data = answer_data(run, labels_by_answer(review))
    marked = [place for place in data["rows"]["p"] if place >= 0]
    assert marked and max(marked) == len(data["people"]) - 1
    verdict, lines = data["people"][marked[0]]
    assert data["verdicts"][verdict] in lines[0] and "why" in lines[0]
    plain = answer_data(run)
    assert plain["people"] == [] and "p" not in plain["rows"]


def test_reports_without_a_review_say_nothing_of_it(run, summary):
    assert summary["corrected"] is None
    assert "Corrected by" not in markdown_report(summary)
    assert 'id="corrected"' not in html_report(summary, run)


def test_a_damaged_label_names_its_line(reviewed, tmp_path):
    other = tmp_path / "m" / "r"
    shutil.copytree(reviewed, other)
    with (other / LABELS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "000000", "label": "maybe"}) + "\n")
    with pytest.raises(StoreError, match=r"labels\.jsonl:\d+"):
        read_review(other)
