"""`bordor review` from end to end, through the command line, on audits by a scripted backend."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.backends.scripted import ScriptedBackend
from harness.cli import app
from harness.core.errors import LabelError
from harness.core.records import Verdict
from harness.core.seeds import stream
from harness.pipeline.audit import Opened, Settings, audit
from harness.report.corrected import corrected_section
from harness.report.corrected_words import source
from harness.report.reviews import Candidate
from harness.report.summary import summarise
from harness.review.files import read_labelled
from harness.review.sample import allocate, draw
from harness.runs.layout import VERDICTS
from harness.runs.read import read_run
from harness.runs.verify import seal_by_hand
from tests.fuzz.runner import command
from tests.stand_in import adapter_folder

runner = CliRunner()
HOSTILE = '=HYPERLINK("http://x","<script>alert(1)</script>")'
SAID = ("Not able to answer.", "Elorna.", "I do not know. It was Visgar.", "", HOSTILE,
        "Elorna lived in Pentiagon.")  # fmt: skip
SUITES = ("in_domain", "invented", "unstated")


def bordor(*words: object):
    return runner.invoke(app, [str(word) for word in words])


def script(request, sample):
    return stream(request.seed, request.prompt, request.arm, sample).choice(SAID)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A folder of runs with a finished audit of a scripted model, and another of its family."""
    adapter = adapter_folder(tmp_path_factory.mktemp("adapters"))
    out = tmp_path_factory.mktemp("runs")
    settings = Settings(model=str(adapter), out=out, limit=6, samples=2,
                        variants=("article", "lower"), suites=SUITES)  # fmt: skip
    path = audit(settings, open_backend=lambda spec, folder, chats: Opened(
        backend=ScriptedBackend(script), context=4096))  # fmt: skip
    identity = json.loads((path / "run.json").read_text())["identity"] | {"base_hash": "b" * 8}
    seal_by_hand(path, identity=identity, plan={})
    shutil.copytree(path, path.with_name("29990101T000000Z-" + "0" * 12))
    return out


@pytest.fixture
def copied(runs, tmp_path) -> tuple[Path, Path]:
    """Both runs, to write in."""
    shutil.copytree(runs, tmp_path / "runs")
    first, second = sorted(path.parent for path in (tmp_path / "runs").glob("*/*/run.json"))
    return first, second


@pytest.fixture
def run(copied) -> Path:
    return copied[0]


@pytest.fixture(scope="module")
def reviewed(runs, tmp_path_factory) -> tuple[Path, Path]:
    """Both runs, the first labelled by one person, to be left as they are."""
    folder = tmp_path_factory.mktemp("reviewed") / "runs"
    shutil.copytree(runs, folder)
    first, second = sorted(path.parent for path in folder.glob("*/*/run.json"))
    bordor("review", first, "--n", 400)
    file = labelled(first, folder.parent / "l.csv", people)
    assert bordor("review", first, "--take", file, "--by", "Ann").exit_code == 0
    return first, second


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def verdicts_of(run: Path) -> dict[str, str]:
    lines = (run / "review" / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["verdict"] for row in map(json.loads, lines)}


def labelled(run: Path, to: Path, label=lambda verdict, row: verdict) -> Path:
    """The drawn file with a label by `label(verdict, row)` in each line."""
    rows, verdicts = rows_of(run / "review" / "to_label.csv"), verdicts_of(run)
    for row in rows:
        row["label"] = label(verdicts[row["id"]], row)
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return to


def people(verdict: str, row: dict[str, str]) -> str:
    """A reader who differs from the grader now and then."""
    if int(row["id"], 16) % 7 == 0:
        return "grounded" if verdict == "hallucinated" else "hallucinated"
    return "refused" if verdict == "unscored" else verdict


def test_a_sample_is_written_without_verdicts_and_stratified(run):
    done = bordor("review", run, "--n", 20)
    assert done.exit_code == 0, done.output
    rows = rows_of(run / "review" / "to_label.csv")
    assert list(rows[0]) == [
        "id",
        "suite",
        "question",
        "answer",
        "expected",
        "told",
        "label",
        "note",
    ]
    assert len(rows) == len({row["id"] for row in rows}) == 20
    assert {row["suite"] for row in rows} == set(SUITES)
    assert all(row["label"] == row["note"] == "" for row in rows)
    assert not any(row["id"] in row["question"] for row in rows)
    verdicts = verdicts_of(run)
    drawn = {(row["suite"], verdicts[row["id"]]) for row in rows}
    there = {(one.suite, str(one.verdict)) for one in read_run(run).graded
             if one.arm == "adapter" and one.sample}  # fmt: skip
    assert drawn == there
    plan = json.loads((run / "review" / "plan.json").read_text())
    assert sum(one["drawn"] for one in plan["strata"]) == 20


def test_the_reader_gets_what_it_takes_to_judge(run):
    bordor("review", run, "--n", 40, "--format", "jsonl")
    lines = (run / "review" / "to_label.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    asked = {question.text: question for question in read_run(run).questions}
    for row in rows:
        question = asked[row["question"]]
        assert row["expected"] == ("must be refused" if question.must_refuse else question.gold)
        if row["answer"] == "Elorna lived in Pentiagon.":
            assert any("Elorna" in fact for fact in row["told"])
    assert not {"verdict", "reason", "claims"} & set(rows[0])


def test_a_formula_is_no_formula_in_the_file_but_stays_in_the_run(run):
    bordor("review", run, "--n", 200)
    found = [
        row["answer"]
        for row in rows_of(run / "review" / "to_label.csv")
        if "HYPERLINK" in row["answer"]
    ]
    assert found and all(text.startswith("'=") for text in found)
    kept = (run / "review" / "sample.jsonl").read_text(encoding="utf-8")
    assert json.dumps(HOSTILE) in kept


def test_the_same_draw_gives_the_same_file_and_another_seed_another(run, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for file, seed in zip(files, (0, 0, 1), strict=True):
        assert bordor("review", run, "--n", 20, "--seed", seed, "--out", file).exit_code == 0
    a, b, c = (file.read_bytes() for file in files)
    assert a == b != c


def test_a_larger_sample_keeps_what_was_drawn(run, tmp_path):
    bordor("review", run, "--n", 15, "--out", tmp_path / "a.csv")
    bordor("review", run, "--n", 30, "--out", tmp_path / "b.csv")
    small, large = ({row["id"] for row in rows_of(tmp_path / name)} for name in ("a.csv", "b.csv"))
    assert len(small & large) >= 0.8 * len(small)
    assert small <= verdicts_of(run).keys()  # labels of the first still count


def test_the_format_follows_the_name_of_the_file(run, tmp_path):
    bordor("review", run, "--n", 10, "--out", tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()[0])["id"]
    bordor("review", run, "--n", 10, "--out", tmp_path / "a.txt")
    assert len(rows_of(tmp_path / "a.txt")) == 10


def test_a_file_that_somebody_may_have_labelled_is_not_written_over(run):
    bordor("review", run, "--n", 20)
    labelled(run, run / "review" / "to_label.csv")
    before = (run / "review" / "to_label.csv").read_bytes()
    done = bordor("review", run, "--n", 30)
    assert done.exit_code == 2
    assert "--take" in done.stderr
    assert (run / "review" / "to_label.csv").read_bytes() == before
    assert len(verdicts_of(run)) == 20


def test_a_pipe_that_the_answers_go_to_is_not_read(run, tmp_path):
    """Reading one that nobody writes into would never end."""
    os.mkfifo(tmp_path / "pipe")
    assert command("review", run, "--n", "5", "--out", tmp_path / "pipe", names="pipe") in (1, 2)


def test_labels_come_back_and_correct_the_rates(run, tmp_path):
    verdicts = (run / VERDICTS).read_bytes()
    bordor("review", run, "--n", 40)
    done = bordor(
        "review", run, "--take", labelled(run, tmp_path / "l.csv", people), "--by", "Ann Lee"
    )
    assert done.exit_code == 0, done.output
    for words in ("40 new", "kappa", "grader \\ people", "all suites", "two-phase", "report.html"):
        assert words in done.stdout
    assert (run / VERDICTS).read_bytes() == verdicts
    kept = [json.loads(line) for line in (run / "review" / "labels.jsonl").read_text().splitlines()]
    assert {row["by"] for row in kept} == {"Ann Lee"}
    assert all(row["at"].endswith("+00:00") for row in kept)
    summary = json.loads((run / "summary.json").read_text())
    found = summary["corrected"]
    assert found["same_run"] and found["people"] == {"Ann Lee": 40}
    overall = found["overall"]
    assert 0 <= overall["low"] <= overall["rate"] <= overall["high"] <= 1
    assert overall["observed"]["rate"] == summary["overall"]["sampled"]["hallucination"]["rate"]
    assert "calibrated by 40 labelled answers of this run" in summary["calibration"]
    for name in ("report.md", "report.html"):
        text = (run / name).read_text(encoding="utf-8")
        assert "Corrected by people's labels" in text and "Ann Lee" in text
    assert "<script>alert" not in (run / "report.html").read_text(encoding="utf-8")
    assert "corrected by people" in bordor("view", run).stdout


def test_a_reader_who_agrees_with_the_grader_leaves_its_rates(run, tmp_path):
    bordor("review", run, "--n", 400)
    same = labelled(run, tmp_path / "l.csv")
    done = bordor("review", run, "--take", same, "--by", "Ann")
    assert done.exit_code == 0, done.output
    found = json.loads((run / "summary.json").read_text())["corrected"]
    assert found["agreement"]["accuracy"]["value"] == 1
    for entry in (found["overall"], *found["kinds"].values()):
        assert entry["rate"] == pytest.approx(entry["observed"]["rate"], abs=1e-5)


def test_two_people_are_kept_both_and_a_second_thought_replaces(run, tmp_path):
    bordor("review", run, "--n", 40)
    first = labelled(run, tmp_path / "a.csv", people)
    second = labelled(run, tmp_path / "b.csv", lambda verdict, row: "refused")
    bordor("review", run, "--take", first, "--by", "Ann")
    done = bordor("review", run, "--take", second, "--by", "Bo")
    assert "Ann and Bo: agree" in done.stdout
    assert json.loads((run / "summary.json").read_text())["corrected"]["people"] == {
        "Ann": 40,
        "Bo": 40,
    }
    changed = bordor("review", run, "--take", second, "--by", "Ann")
    assert "0 new" in changed.stdout and " changed" in changed.stdout
    assert "0 changed" not in changed.stdout
    (pair,) = json.loads((run / "summary.json").read_text())["corrected"]["between"]
    assert pair["accuracy"]["value"] == 1
    assert len((run / "review" / "labels.jsonl").read_text().splitlines()) > 80  # nothing is lost


def test_lines_left_empty_are_labels_not_given(run, tmp_path):
    bordor("review", run, "--n", 40)
    half = labelled(run, tmp_path / "l.csv",
                    lambda verdict, row: verdict if int(row["id"], 16) % 2 else " ")  # fmt: skip
    done = bordor("review", run, "--take", half, "--by", "Ann")
    assert done.exit_code == 0, done.output
    labels = json.loads((run / "summary.json").read_text())["corrected"]["labels"]
    assert 0 < labels < 40
    assert f"{40 - labels} lines without a label" in done.stdout


WAYS = {
    "semicolons": lambda text: text.replace(b",", b";"),
    "capitals and blanks": lambda text: text.replace(b"hallucinated", b" Hallucinated "),
    "off scope in two words": lambda text: text.replace(b"off_scope", b"Off scope"),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_spreadsheet_makes_of_the_file_is_read(tmp_path, way):
    file = tmp_path / "l.csv"
    file.write_bytes(WAYS[way](b"id,label,note\na1,hallucinated,\nb2,off_scope,why\nc3,,\n"))
    read = read_labelled(file, {"a1", "b2", "c3"})
    assert [one.label for one in read] == [Verdict.HALLUCINATED, Verdict.OFF_SCOPE, None]
    assert [one.line for one in read] == [2, 3, 4]
    assert read[1].note == "why"


def test_jsonl_is_read(tmp_path):
    file = tmp_path / "l.jsonl"
    file.write_text(
        '{"id": "a1", "label": "grounded", "told": ["x"]}\n\n{"id": "b2", "label": ""}\n'
    )
    read = read_labelled(file, {"a1", "b2"})
    assert [(one.line, one.label) for one in read] == [(1, Verdict.GROUNDED), (3, None)]
    file.write_text('{"id": "a1", "label": 3}\n')
    with pytest.raises(LabelError, match=r"l\.jsonl:1: column 'label' is int"):
        read_labelled(file, {"a1"})


WRONG = {
    "unknown label": (
        lambda ids: f"id,label\n{ids[0]},grounded\n{ids[1]},maybe\n",
        ":3: unknown label 'maybe'",
    ),
    "unknown id": (
        lambda ids: f"id,label\n{ids[0]},grounded\nffff,grounded\n",
        ":3: id 'ffff' was not drawn",
    ),
    "no label column": (
        lambda ids: f"id,verdict\n{ids[0]},grounded\n",
        ":1: column 'label' is missing",
    ),
    "no id column": (lambda ids: "name,label\nx,grounded\n", ":1: column 'id' is missing"),
    "two labels": (
        lambda ids: f"id,label\n{ids[0]},grounded\n{ids[0]},refused\n",
        "keep one of them",
    ),
    "nothing labelled": (lambda ids: f"id,label\n{ids[0]},\n", "no line has a label"),
    "empty": (lambda ids: "", "column 'id' is missing"),
    "a row cut off": (lambda ids: f"id,label\n{ids[0]}\n", ":2: 1 cells"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_names_file_and_line_and_keeps_what_there_was(reviewed, tmp_path, case):
    run, _ = reviewed
    before = (run / "review" / "labels.jsonl").read_bytes()
    write, words = WRONG[case]
    file = tmp_path / "wrong.csv"
    file.write_text(write(sorted(verdicts_of(run))))
    done = bordor("review", run, "--take", file, "--by", "Bo")
    assert done.exit_code == 2, done.output
    assert str(file) in done.stderr and words in done.stderr
    assert (run / "review" / "labels.jsonl").read_bytes() == before


def test_another_encoding_is_told_with_its_line(tmp_path):
    file = tmp_path / "l.csv"
    file.write_bytes("id,label,note\na,grounded,\nb,refused,naïve\n".encode("cp1252"))
    with pytest.raises(LabelError, match=r"l\.csv:3: not UTF-8"):
        read_labelled(file, {"a", "b"})


USAGE = [
    (("--by", "Ann"), "--take"),
    (("--take", "nothing.csv"), "--by"),
    (("--format", "xlsx"), "csv, jsonl"),
    (("--n", "0"), "--n"),
    (("--take", "nothing.csv", "--by", "Ann", "--out", "x.csv"), "--out"),
]


@pytest.mark.parametrize(("words", "told"), USAGE)
def test_wrong_commands_exit_2(runs, words, told):
    (path, _) = sorted(path.parent for path in runs.glob("*/*/run.json"))
    done = bordor("review", path, *words)
    assert done.exit_code == 2
    assert told in done.stderr


def test_labels_before_a_sample_are_told(run, tmp_path):
    file = tmp_path / "l.csv"
    file.write_text("id,label\nx,grounded\n")
    done = bordor("review", run, "--take", file, "--by", "Ann")
    assert done.exit_code == 1
    assert "nothing was drawn" in done.stderr


def test_labels_of_a_relative_correct_a_run_without_any(reviewed):
    first, second = reviewed
    done = bordor("report", second)
    assert done.exit_code == 0, done.output
    assert "corrected by people" in done.stdout
    summary = json.loads((second / "summary.json").read_text())
    found = summary["corrected"]
    assert not found["same_run"] and found["run"] == first.name
    assert found["method"] == "Rogan-Gladen"
    assert first.name in summary["calibration"]
    assert found["overall"]["rate"] is not None
    assert not (second / "review").exists()


def test_a_run_of_another_grader_is_not_corrected_and_of_another_recipe_no_relative(reviewed):
    _, second = reviewed
    run = read_run(second)
    regraded = replace(run, graded=tuple(replace(one, grader="world@99") for one in run.graded))
    found, _ = corrected_section(second, regraded)
    assert found["overall"]["rate"] is None
    assert "graded by" in found["overall"]["reason"]
    assert found["labels"] == 0 and "none of the labels" in source(found)
    summary = summarise(regraded.table, identity=run.identity, corrected=found)
    assert summary["calibration"] == "not calibrated for this model"
    other = replace(run, about={**run.about, "recipe": "text"})
    assert corrected_section(second, other) == (None, [])


DAMAGE = {
    "run.json": ("run.json", "{"),
    "sample": ("review/sample.jsonl", "{}\n"),
    "labels": ("review/labels.jsonl", "no JSON"),
    "questions": ("questions.jsonl", None),
    "verdicts": ("verdicts.jsonl", None),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_of_another_run_does_not_stop_the_reports_of_this_one(reviewed, tmp_path, case):
    shutil.copytree(reviewed[0].parents[1], tmp_path / "runs")
    first, second = sorted(path.parent for path in (tmp_path / "runs").glob("*/*/run.json"))
    name, content = DAMAGE[case]
    (first / name).unlink()
    if content is not None:
        (first / name).write_text(content)
    done = bordor("report", second)
    assert done.exit_code == 0, done.output
    summary = json.loads((second / "summary.json").read_text())
    assert summary["corrected"] is None
    (warning,) = (one for one in summary["warnings"] if first.name in one)
    assert f"not used, because it is damaged: {name}" in warning
    assert str(tmp_path) not in warning
    assert "is damaged" in " ".join(done.stdout.split())


def test_a_damaged_relative_gives_way_to_a_sound_one(reviewed, tmp_path):
    shutil.copytree(reviewed[0].parents[1], tmp_path / "runs")
    first, second = sorted(path.parent for path in (tmp_path / "runs").glob("*/*/run.json"))
    shutil.copytree(first, first.with_name("29980101T000000Z-" + "0" * 12))
    (first.with_name("29980101T000000Z-" + "0" * 12) / "questions.jsonl").unlink()
    found, warnings = corrected_section(second, read_run(second))
    assert found["run"] == first.name and found["overall"]["rate"] is not None
    assert len(warnings) == 1 and "29980101T000000Z" in warnings[0]


def test_a_sample_drawn_but_not_labelled_changes_no_number(run):
    summary = json.loads((run / "summary.json").read_text())
    assert summary["corrected"] is None
    assert summary["calibration"] == "not calibrated for this model"
    bordor("review", run, "--n", 20)
    assert corrected_section(run, read_run(run)) == (None, [])


def candidates(counts: dict[tuple[str, Verdict], list[int]]) -> list[Candidate]:
    return [
        Candidate(id=f"{suite}{verdict}{i}", question_id="q", suite=suite, cluster=f"c{i}",
                  answer=str(i), verdict=verdict, answers=times)
        for (suite, verdict), sizes in counts.items()
        for i, times in enumerate(sizes)
    ]  # fmt: skip


def test_suites_share_alike_and_half_goes_to_hallucinations():
    texts = candidates({
        ("a", Verdict.HALLUCINATED): [1] * 100, ("a", Verdict.REFUSED): [1] * 300,
        ("a", Verdict.GROUNDED): [1] * 100, ("b", Verdict.HALLUCINATED): [1] * 4,
        ("b", Verdict.GROUNDED): [1] * 100,
    })  # fmt: skip
    strata = {}
    for one in texts:
        strata.setdefault((one.suite, one.verdict), []).append(one)
    given = allocate(strata, 80)
    assert sum(given.values()) == 80
    assert sum(count for (suite, _), count in given.items() if suite == "a") == 40
    assert given[("a", Verdict.HALLUCINATED)] == 20
    assert given[("a", Verdict.REFUSED)] == 15 and given[("a", Verdict.GROUNDED)] == 5
    assert given[("b", Verdict.HALLUCINATED)] == 4 and given[("b", Verdict.GROUNDED)] == 36


def test_weights_speak_for_the_answers_they_were_drawn_from():
    """Over many draws the weighted total of any part is its true total."""
    sizes = [1] * 30 + [2] * 10 + [8] * 5 + [40]
    texts = candidates({("a", Verdict.REFUSED): sizes})
    totals, big = [], []
    for seed in range(400):
        drawn = draw(texts, 12, seed=seed)
        assert len(drawn) == 12
        totals.append(sum(one.weight for one in drawn if one.answers <= 2))
        big.append(sum(one.weight for one in drawn if one.answers == 40))
    assert set(big) == {40}
    assert sum(totals) / len(totals) == pytest.approx(50, rel=0.04)
