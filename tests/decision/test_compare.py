from __future__ import annotations

import json
import re
import shutil
from io import StringIO

import pytest
from rich.console import Console

from harness.core.errors import PairingError, StoreError, UsageError
from harness.decision.compare import compare
from harness.report import compare_words as words
from harness.report.compare_html import compare_html
from harness.report.compare_markdown import compare_markdown
from harness.report.compare_terminal import print_comparison
from harness.runs.pairing import read_pairable
from harness.runs.verify import seal_by_hand


@pytest.fixture(scope="session")
def found(careful, wild, tmp_path_factory):
    return compare([careful], [wild], out=tmp_path_factory.mktemp("out"))


def test_the_worse_model_is_found_and_the_report_says_so(found):
    overall = found.data["differences"]["sampled"]["hallucination"]["overall"]
    assert 0.05 < overall["first"] < 0.2
    assert 0.45 < overall["second"] < 0.75
    assert overall["low"] > 0.2
    assert overall["low"] < overall["second"] - overall["first"] < overall["high"]
    assert overall["p"] < 0.001
    assert "hallucinates more" in found.data["headline"]
    assert {one.name for one in found.folder.iterdir()} == {
        "compare.json", "compare.md", "compare.html",
    }  # fmt: skip
    assert json.loads((found.folder / "compare.json").read_text()) == found.data


def test_less_invention_by_silence_is_called_so(careful, make_run, tmp_path):
    half = make_run(0.05, silent=0.4, name="careful")
    found = compare([careful], [half], out=tmp_path)
    assert re.search(r"says nothing in [34]\d% of its answers", found.data["headline"])
    assert "of those that respond:" in found.data["headline"]
    mute = compare([careful], [make_run(answer="", name="mute")], out=tmp_path)
    assert "too little is said to compare" in mute.data["headline"]
    text = (found.folder / "compare.md").read_text()
    assert "too little is said" in (mute.folder / "compare.md").read_text()
    assert "too little is said" in (mute.folder / "compare.html").read_text()
    assert "second worse (more)" in text  # of silence
    assert "second worse (less)" in text  # of correct
    assert 'class="worse"' in (found.folder / "compare.html").read_text()


def test_a_rate_that_falls_by_silence_is_not_called_better(wild, tmp_path):
    quiet = shutil.copytree(wild, tmp_path / wild.parent.name / wild.name)
    rewrite(quiet, lambda i, row: row.update(verdict="unresponsive", cause="empty", correct=False)
            if i % 5 < 2 else None)  # fmt: skip
    found = compare([wild], [quiet], out=tmp_path)
    said = {line[0]: line for line in words.rows(found.data, "sampled", "hallucination", "suites")}
    assert [one[-1] for one in said.values()] == ["less, only by saying less"] * 3
    assert re.fullmatch(r"0\.00, 0\.[34]\d", said["all suites"][-2])
    for name in ("compare.md", "compare.html"):
        assert "second better" not in (found.folder / name).read_text()
    back = compare([quiet], [wild], out=tmp_path)
    assert "second better (more)" in (back.folder / "compare.md").read_text()  # of correct


def test_pairs_are_questions_by_variants_and_holm_never_lowers_p(found):
    suites = found.data["differences"]["sampled"]["hallucination"]["suites"]
    assert set(suites) == {"in_domain", "invented"}
    for one in suites.values():
        assert one["pairs"] == 32  # 16 questions in 2 variants
        assert one["holm"] >= one["p"]
    variants = found.data["differences"]["sampled"]["hallucination"]["variants"]
    assert {name: one["pairs"] for name, one in variants.items()} == {"article": 32, "none": 32}


def test_flips_are_listed_with_both_texts_beside_what_sampling_flips(found):
    flips = found.data["flips"]
    became = flips["majority"]["became"]
    assert became
    assert len(became) > len(flips["majority"]["stopped"])
    for flip in became:
        assert flip["second"]["text"] == "The device was made of cheese."
        assert flip["second"]["verdict"] == "hallucinated"
        assert flip["first"]["verdict"] in ("grounded", "refused")
        assert flip["first"]["text"]
    assert flips["halves"]["between"]["rate"] > flips["halves"]["first"]["rate"]


def test_one_training_run_each_is_called_two_checkpoints(found):
    assert found.data["training_seeds"] == 1
    assert any("two checkpoints" in note for note in found.data["notes"])
    assert "two checkpoints" in (found.folder / "compare.md").read_text()
    assert found.data["over_time"] is None


def test_two_audits_of_one_model_report_drift_over_time(careful, again, tmp_path):
    data = compare([careful], [again], out=tmp_path).data
    excess = data["over_time"]["excess"]
    assert excess["low"] <= 0 <= excess["high"]
    assert any("drift over time" in note for note in data["notes"])
    assert "no more than sampling alone" in compare_markdown(data)


def test_training_seeds_are_the_outer_level_and_their_freedom_is_printed(
    careful, wild, again, tmp_path
):
    several = compare([careful, again], [wild, wild], out=tmp_path)
    one = compare([careful], [wild], out=tmp_path)
    outer = several.data["differences"]["sampled"]["hallucination"]["overall"]
    inner = one.data["differences"]["sampled"]["hallucination"]["overall"]
    assert 1 <= outer["freedom"] <= 2
    assert outer["high"] - outer["low"] > inner["high"] - inner["low"]
    assert "1 to 2 degrees of freedom" in " ".join(several.data["notes"])
    assert "Degrees of freedom" in (several.folder / "compare.md").read_text()
    assert one.data["components"] is None
    assert "Training seeds" not in (one.folder / "compare.md").read_text()
    for side in ("first", "second"):
        parts = several.data["components"][side]["overall"]["components"]
        assert "training seed" in parts and "training seed x question" in parts
        assert sum(part["share"] for part in parts.values()) == pytest.approx(1)
    # the second side is one run twice: nothing of its scatter is between seeds
    same = several.data["components"]["second"]["overall"]["components"]["training seed"]
    assert same["variance"] <= 0 and same["share"] == 0
    for page in ("compare.md", "compare.html"):
        assert "training seed x variant" in (several.folder / page).read_text()
    screen = StringIO()
    print_comparison(several.data, Console(file=screen, width=100))
    assert "training seed" in screen.getvalue()
    with pytest.raises(UsageError, match="one side has 2 runs"):
        compare([careful, again], [wild], out=tmp_path)


def test_what_has_no_partner_is_counted_and_left_out(careful, make_run, tmp_path):
    fewer = make_run(0.1, name="fewer", limit=10)
    data = compare([careful], [fewer], out=tmp_path).data
    left = data["differences"]["sampled"]["hallucination"]["left_out"]
    assert left["unpaired"] == 2 * 6 * 2  # suites, questions, variants
    assert data["differences"]["sampled"]["hallucination"]["overall"]["pairs"] == 2 * 10 * 2


def test_greedy_answers_are_compared_where_none_are_sampled(careful, make_run, tmp_path):
    unsampled = make_run(0.1, name="greedy", samples=0)
    data = compare([careful], [unsampled], out=tmp_path).data
    assert data["kind"] == "greedy"
    assert any("greedy answers are compared" in note for note in data["notes"])
    assert data["flips"]["halves"] is None


def test_the_same_runs_give_the_same_report(careful, wild, found, tmp_path):
    twice = compare([careful], [wild], out=tmp_path)
    for name in ("compare.json", "compare.md", "compare.html"):
        assert (twice.folder / name).read_bytes() == (found.folder / name).read_bytes()


HOSTILE = "<script>alert(1)</script> [red]x[/red] | \x1b[31m `a` ](javascript:x)"


def test_text_of_a_model_is_shown_and_never_run(found):
    data = json.loads(json.dumps(found.data))
    data["flips"]["majority"]["became"][0]["second"]["text"] = HOSTILE
    data["headline"] = HOSTILE
    page, text = compare_html(data), compare_markdown(data)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page + text
    assert "\\<script\\>" in text
    stream = StringIO()
    print_comparison(data, Console(file=stream, width=200))
    assert "[red]x[/red]" in stream.getvalue()
    assert "\x1b[31m" not in stream.getvalue()


def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / run.parent.name / run.name)


def rewrite(run, change):
    """Change every line of verdicts.jsonl."""
    path = run / "verdicts.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for i, row in enumerate(rows):
        change(i, row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seal_by_hand(run)


def edit_about(run, **changes):
    seal_by_hand(run, plan={}, **changes)  # whose hash would tell that it was edited


def test_runs_that_cannot_be_read_for_a_comparison_say_why(careful, tmp_path):
    with pytest.raises(StoreError, match="no run folder"):
        read_pairable(tmp_path)
    empty = copy(careful, tmp_path / "empty")
    (empty / "verdicts.jsonl").write_text("")
    seal_by_hand(empty)
    with pytest.raises(PairingError, match="the run is empty"):
        read_pairable(empty)
    mixed = copy(careful, tmp_path / "mixed")
    rewrite(mixed, lambda i, row: row.update(grader="world@9") if i % 2 else None)
    with pytest.raises(PairingError, match=r"world@9.*bordor grade"):
        read_pairable(mixed)
    blank = copy(careful, tmp_path / "blank")
    rewrite(blank, lambda i, row: row.update(verdict="unscored"))
    with pytest.raises(PairingError, match="unscored"):
        read_pairable(blank)
    unfinished = copy(careful, tmp_path / "unfinished")
    edit_about(unfinished, finished=None)
    with pytest.raises(PairingError, match=r"unfinished.*bordor audit"):
        read_pairable(unfinished)
    torn = copy(careful, tmp_path / "torn")
    (torn / "verdicts.jsonl").write_text('{"arm": "adap')
    with pytest.raises(StoreError, match=r"verdicts.jsonl:1"):
        read_pairable(torn)


def test_other_stories_and_graders_are_refused_with_the_difference_named(careful, tmp_path):
    other = copy(careful, tmp_path / "story")
    edit_about(other, world={"name": "elsewhere", "hash": "0"})
    with pytest.raises(PairingError, match=r"story differs.*visgar.*elsewhere"):
        compare([careful], [other], out=tmp_path)
    newer = copy(careful, tmp_path / "grader")
    rewrite(newer, lambda i, row: row.update(grader="world@9"))
    with pytest.raises(PairingError, match=r"grader version differs.*world@9"):
        compare([careful], [newer], out=tmp_path)


@pytest.mark.parametrize("margin", [0.0, 1.0, float("nan")])
def test_a_margin_that_is_none_is_refused(careful, wild, tmp_path, margin):
    with pytest.raises(UsageError, match="margin"):
        compare([careful], [wild], out=tmp_path, margin=margin)
