"""A run folder that is not as it was written is refused by name, whatever was done to it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.backends.scripted import ScriptedBackend
from harness.cli import app
from harness.core.errors import StoreError
from harness.core.records import GradedAnswer
from harness.core.seeds import stream
from harness.pipeline.audit import Opened, Settings, audit
from harness.runs.layout import RUN, list_runs
from harness.runs.store import RunFolder
from harness.runs.verify import seal_by_hand, verify
from tests.stand_in import adapter_folder

runner = CliRunner()
SAID = ("Not able to answer.", "Elorna.", "The device was made of cheese.") * 5 + ("", "Yes.")
POLICY = 'title = "T"\n[[rule]]\nid = "h"\nmetric = "hallucination"\nmargin = 0.2\n'


def script(request, sample):
    return stream(request.seed, request.prompt, request.arm, sample).choice(SAID)


def settings(adapter: Path, out: Path) -> Settings:
    return Settings(model=str(adapter), out=out, limit=4, samples=1, variants=("article",),
                    suites=("in_domain", "invented"))  # fmt: skip


def audited(settings: Settings, **options) -> Path:
    return audit(
        settings,
        open_backend=lambda *_: Opened(backend=ScriptedBackend(script), context=4096),
        **options,
    )


@pytest.fixture(scope="module")
def adapter(tmp_path_factory) -> Path:
    return adapter_folder(tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="module")
def whole(adapter, tmp_path_factory) -> Path:
    """A finished run, to be left as it is."""
    return audited(settings(adapter, tmp_path_factory.mktemp("runs")))


@pytest.fixture
def run(whole, tmp_path) -> Path:
    """A copy of it, to be damaged."""
    copied = tmp_path / "reports" / whole.parent.name / whole.name
    shutil.copytree(whole, copied)
    (tmp_path / "policy.toml").write_text(POLICY)
    return copied


def bordor(*words: object):
    done = runner.invoke(app, [str(word) for word in words])
    crash = done.exception is not None and not isinstance(done.exception, SystemExit)
    assert not crash, (words, done.exception)
    return done


def gate(first: Path, second: Path, tmp_path: Path):
    return bordor("gate", first, second, "--policy", tmp_path / "policy.toml", "--to",
                  tmp_path / "to", "--out", tmp_path / "reports")  # fmt: skip


def edit_lines(path: Path, change) -> None:
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def flip(lines):
    return [line.replace('"hallucinated"', '"refused"') for line in lines]


# file, what is done to it: what a gate, and everybody else, must notice.
EDITS = {
    "verdicts deleted": ("verdicts.jsonl", lambda p: edit_lines(p, lambda x: x[:-2])),
    "verdicts flipped": ("verdicts.jsonl", lambda p: edit_lines(p, flip)),
    "verdicts moved": ("verdicts.jsonl", lambda p: edit_lines(p, lambda x: x[::-1])),
    "answers cut to a tenth": ("answers.jsonl", lambda p: edit_lines(p, lambda x: x[: len(x) // 9])),
    "an answer twice": ("answers.jsonl", lambda p: edit_lines(p, lambda x: [*x, x[-1]])),
    "exposure emptied": ("exposure.json", lambda p: p.write_text("{}")),
    "another world": ("world.json", lambda p: p.write_text(p.read_text().replace("Igodo", "Bob"))),
    "another plan": ("plan.jsonl", lambda p: edit_lines(p, lambda x: x[1:])),
    "another question": ("questions.jsonl", lambda p: edit_lines(p, lambda x: x[1:])),
    "run.json edited": (RUN, lambda p: p.write_text(p.read_text().replace("scripted", "better"))),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_an_edited_file_is_named_and_no_gate_believes_it(whole, run, tmp_path, case):
    name, edit = EDITS[case]
    edit(run / name)
    done = gate(whole, run, tmp_path)
    assert done.exit_code == 102, done.output
    assert name in json.loads((tmp_path / "to" / "gate.json").read_text())["reason"]
    done = bordor("verify", run, "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1 and not told["whole"]
    assert name in {one["file"] for one in told["files"] if one["wrong"]}
    commands = [("report", run), ("baseline", "set", run, "--out", tmp_path), ("review", run)]
    for words in commands:
        done = bordor(*words)
        assert done.exit_code == 1 and name in done.stderr, (words, done.output)


@pytest.mark.parametrize("case", EDITS)
def test_grading_again_mends_verdicts_and_refuses_everything_else(whole, run, tmp_path, case):
    name, edit = EDITS[case]
    edit(run / name)
    done = bordor("grade", run)
    if name == "verdicts.jsonl":  # as the message says
        assert done.exit_code == 0, done.output
        assert (run / name).read_bytes() == (whole / name).read_bytes()
        assert bordor("verify", run).exit_code == 0
        assert gate(whole, run, tmp_path).exit_code in (0, 101)
    else:
        assert done.exit_code == 1 and name in done.stderr


@pytest.mark.parametrize("case", ["answers cut to a tenth", "exposure emptied", "another plan",
                                  "another question", "another world"])  # fmt: skip
def test_files_sealed_by_hand_must_still_fit_the_plan(run, case):
    name, edit = EDITS[case]
    edit(run / name)
    seal_by_hand(run)
    wrong = [one.file for one in verify(run) if one.wrong]
    assert wrong, case
    assert bordor("grade", run).exit_code == 1


def test_a_whole_run_is_whole_and_so_it_is_after_every_command_that_writes_in_it(run, tmp_path):
    assert bordor("verify", run).exit_code == 0
    for words in (("grade", run), ("report", run), ("review", run, "--n", 4)):
        assert bordor(*words).exit_code == 0
        done = bordor("verify", run)
        assert done.exit_code == 0, (words, done.output)
    assert "review/sample.jsonl" in done.output


def before_seals(run: Path) -> None:
    """Make of a run one as it was written before run folders were sealed."""
    about = json.loads((run / RUN).read_text())
    for key in ("files", "digest", "verified_from"):
        del about[key]
    (run / RUN).write_text(json.dumps(about | {"format": 1}))


def test_a_sealed_run_does_not_become_an_old_one_by_its_number(run):
    about = json.loads((run / RUN).read_text())
    for left in ({}, {"files": {}}):
        (run / RUN).write_text(json.dumps({**about, "format": 1, "model": "better", **left}))
        for words in (("verify", run), ("view", run), ("report", run), ("grade", run)):
            done = bordor(*words)
            assert done.exit_code == 1 and "edited since bordor wrote it" in " ".join(
                done.output.split()
            ), words


def test_a_run_from_before_seals_is_taken_in_by_grading_and_says_so(whole, run, tmp_path):
    before_seals(run)
    assert bordor("view", run).exit_code == 0
    done = bordor("report", run)
    assert done.exit_code == 0 and "before run folders were sealed" in " ".join(done.stderr.split())
    assert bordor("verify", run).exit_code == 1
    done = gate(whole, run, tmp_path)
    assert done.exit_code == 102
    reason = json.loads((tmp_path / "to" / "gate.json").read_text())["reason"]
    assert "before run folders were sealed" in reason and "bordor grade RUN" in reason
    done = bordor("grade", run)
    assert done.exit_code == 0 and "sealed from now on" in " ".join(done.stderr.split())
    assert bordor("verify", run).exit_code == 0
    assert gate(whole, run, tmp_path).exit_code in (0, 101)
    notes = json.loads((tmp_path / "to" / "gate.json").read_text())["notes"]
    assert any("graded again" in note for note in notes)


def test_an_old_run_whose_files_do_not_fit_is_not_taken_in(run):
    before_seals(run)
    edit_lines(run / "answers.jsonl", lambda lines: lines[: len(lines) // 2])
    done = bordor("grade", run)
    assert done.exit_code == 1 and "answers.jsonl" in done.stderr


REPORTS = ("summary.json", "report.md", "report.html", "answers.parquet")


def test_an_edited_report_is_named_stops_no_gate_and_is_written_anew(whole, run, tmp_path):
    kept = {name: (run / name).read_bytes() for name in REPORTS}
    for edit in (lambda data: data.replace(b"0", b"1"), lambda data: data[:-7], None):
        for name, data in kept.items():
            (run / name).unlink()
            if edit is not None:
                (run / name).write_bytes(edit(data))
            done = bordor("verify", run)
            told = " ".join(done.output.split())
            assert done.exit_code == 1 and name in told and "bordor report RUN" in told
        assert gate(whole, run, tmp_path).exit_code in (0, 101)
        assert bordor("report", run).exit_code == 0
        assert bordor("verify", run).exit_code == 0
        now = {name: (run / name).read_bytes() for name in REPORTS}
        del now["report.html"]  # it also says when the run finished, once that is known
        assert now == {name: kept[name] for name in now}


def test_a_summary_of_former_verdicts_is_not_shown(run):
    folder = RunFolder.open(run)
    graded = list(folder.read_records("verdicts.jsonl", GradedAnswer))
    folder.write_records("verdicts.jsonl", [replace(one, reason="another") for one in graded])
    for words in (("view", run), ("verify", run)):  # as where the disk was full just then
        done = bordor(*words)
        assert done.exit_code == 1, words
        assert "not written since the verdicts were" in " ".join(done.output.split())
    assert bordor("report", run).exit_code == 0
    assert bordor("view", run).exit_code == bordor("verify", run).exit_code == 0


@pytest.mark.parametrize("name", ["summary.json", "verdicts.jsonl"])
def test_a_file_takes_its_place_only_where_its_seal_can_be_kept(run, name):
    folder, kept = RunFolder.open(run), (run / name).read_bytes()
    (run / RUN).rename(run / "aside")
    (run / RUN).mkdir()
    with pytest.raises(StoreError):
        folder.write_records(name, [])
    (run / RUN).rmdir()
    (run / "aside").rename(run / RUN)
    assert (run / name).read_bytes() == kept
    assert bordor("verify", run).exit_code == 0
    assert not list(run.glob(".*.tmp"))


def test_new_verdicts_are_told_and_the_old_hash_is_kept(run):
    edit_lines(run / "verdicts.jsonl", lambda lines: [x.replace("world@", "old@") for x in lines])
    seal_by_hand(run)
    before = RunFolder.open(run).seals()["verdicts.jsonl"]
    done = bordor("grade", run)
    assert done.exit_code == 0 and "new verdicts" in " ".join(done.stderr.split())
    about = RunFolder.open(run).about()
    assert about["regraded"][0]["verdicts_before"] == before.to_data()


ODD = {
    "missing": lambda path: None,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a dangling link": lambda path: path.symlink_to("gone"),
    "a circle of links": lambda path: path.symlink_to(path),
    "empty": lambda path: path.write_text(""),
    "not UTF-8": lambda path: path.write_bytes(b'{"\xff": 1}\n'),
    "a list": lambda path: path.write_text("[1]\n"),
    "null": lambda path: path.write_text("null\n"),
    "a number": lambda path: path.write_text("42\n"),
    "infinite": lambda path: path.write_text('{"text": 1e999}\n'),
    "deep": lambda path: path.write_text("[" * 100_000 + "]" * 100_000),
    "many digits": lambda path: path.write_text('{"sample": ' + "1" * 5_000 + "}\n"),
    "null for a text": lambda path: path.write_text('{"id": null, "name": null, "text": null}\n'),
}
FILES = (RUN, "world.json", "exposure.json", "questions.jsonl", "plan.jsonl", "answers.jsonl",
         "verdicts.jsonl", "summary.json")  # fmt: skip


def damaged(whole: Path, folder: Path, name: str, case: str) -> Path:
    """A copy of a run with one file damaged; a link to each of the others is enough."""
    run = folder / case / whole.parent.name / whole.name
    shutil.copytree(whole, run)
    (run / name).unlink()
    ODD[case](run / name)
    return run


@pytest.mark.parametrize("name", FILES)
def test_no_damage_is_a_traceback_and_the_file_is_named(whole, tmp_path, name):
    for case in ODD:
        run = damaged(whole, tmp_path, name, case)
        for words in (("verify", run), ("report" if name != "summary.json" else "view", run)):
            done = bordor(*words)
            assert done.exit_code == 1 and name in done.output, (case, words, done.output)
    done = bordor("ls", "--out", tmp_path / case)
    assert (done.exit_code == 0 and "finished" in done.stdout) or "damaged" in done.stdout


@pytest.mark.parametrize("name", FILES[:-1])
def test_a_damaged_run_is_incomplete_to_a_gate_and_grading_mends_what_it_can(whole, tmp_path, name):
    (tmp_path / "policy.toml").write_text(POLICY)
    for case in ("missing", "a list", "a pipe"):
        run = damaged(whole, tmp_path, name, case)
        assert gate(whole, run, tmp_path).exit_code == 102, case
        done = bordor("grade", run)
        if name == "verdicts.jsonl":
            assert done.exit_code == 0 and bordor("verify", run).exit_code == 0, case
        else:
            assert done.exit_code == 1 and name in done.stderr, (case, done.stderr)


@pytest.mark.parametrize("name", FILES)
def test_shapes_are_checked_where_no_seal_tells(whole, tmp_path, name):
    for case in ("missing", "a list", "null", "infinite", "deep", "null for a text"):
        run = damaged(whole, tmp_path, name, case)
        if name != RUN:
            before_seals(run)
        command = {"summary.json": "view", "verdicts.jsonl": "report"}.get(name, "grade")
        done = bordor(command, run)
        assert done.exit_code == 1 and name in done.stderr, (case, done.output)


@pytest.mark.parametrize("name", FILES[:-2])
def test_a_damaged_unfinished_run_is_passed_over_and_the_next_audit_ends(adapter, tmp_path, name):
    asked = settings(adapter, tmp_path)

    def stop(progress):
        if progress.stage == "grade":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audited(asked, on_progress=stop)
    (begun,) = list_runs(tmp_path)
    edit_lines(begun / name, lambda lines: ["[1]\n", *lines[1:]])
    notes: list[str] = []
    ended = audited(asked, on_note=notes.append)
    assert ended != begun and bordor("verify", ended).exit_code == 0
    assert any("passed over" in note and name in note for note in notes)
    listed = bordor("ls", "--out", tmp_path)
    assert listed.exit_code == 0
    assert (name in listed.stderr) is (name != "answers.jsonl")  # which is too large for a list
