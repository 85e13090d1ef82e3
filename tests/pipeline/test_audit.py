from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.backends.scripted import ScriptedBackend
from harness.core.errors import BackendError, StoreError, UsageError
from harness.core.progress import Progress
from harness.core.records import Answer, GradedAnswer, Request
from harness.pipeline.audit import Opened, Settings, audit
from harness.pipeline.grade import regrade, rereport
from harness.pipeline.preview import preview
from harness.runs.layout import ANSWERS, SUMMARY, VERDICTS, list_runs
from harness.runs.store import RunFolder
from tests.stand_in import adapter_folder

DRIVER = Path(__file__).parents[1] / "scripted_audit.py"
RESULTS = (ANSWERS, VERDICTS, SUMMARY, "plan.jsonl", "questions.jsonl", "report.md")
SMALL = {"limit": 2, "samples": 1, "variants": ("article",), "suites": ("in_domain", "invented")}


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that counts as an adapter for everything but loading it."""
    return adapter_folder(tmp_path_factory.mktemp("adapters"))


def scripted(script=lambda request, sample: "Not able to answer."):
    backend = ScriptedBackend(script)
    return lambda spec, folder, chats: Opened(backend=backend, context=4096)


def small(adapter: Path, out: Path, **changes) -> Settings:
    return Settings(model=str(adapter), out=out, **(SMALL | changes))


def run_driver(out: Path, adapter: Path, stage: str, done: int) -> subprocess.CompletedProcess:
    command = [sys.executable, str(DRIVER), str(out), str(adapter), stage, str(done)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


# Where a process is killed: inside the first shard, between shards, inside a later arm,
# while grading, and before the report.
MOMENTS = [("asked", 30), ("generate", 1), ("asked", 10), ("grade", 1), ("report", 0)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, adapter) -> Path:
    done = run_driver(tmp_path_factory.mktemp("whole"), adapter, "never", 0)
    assert done.returncode == 0, done.stderr
    path, torch_was_imported = done.stdout.splitlines()
    assert torch_was_imported == "False"
    return Path(path)


def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(uninterrupted, adapter, tmp_path):
    for stage, count in MOMENTS:
        killed = run_driver(tmp_path, adapter, stage, count)
        assert killed.returncode == -signal.SIGKILL, (stage, killed.stderr)
        (path,) = list_runs(tmp_path)
        assert not RunFolder.open(path).finished
    done = run_driver(tmp_path, adapter, "never", 0)
    assert done.returncode == 0, done.stderr
    assert list_runs(tmp_path) == [path]
    assert RunFolder.open(path).finished
    for name in RESULTS:
        assert (path / name).read_bytes() == (uninterrupted / name).read_bytes(), name
    left = [one.name for one in path.iterdir() if one.name.startswith(".")]
    assert left == [".lock"]


@pytest.mark.parametrize("bytes_left", [10, 20_000])
def test_a_torn_last_shard_is_generated_again_whole(uninterrupted, adapter, tmp_path, bytes_left):
    run_driver(tmp_path, adapter, "grade", 0)
    (path,) = list_runs(tmp_path)
    whole = (path / ANSWERS).read_bytes()
    assert bytes_left < len(whole)
    with (path / ANSWERS).open("r+b") as file:
        file.truncate(bytes_left)
    run_driver(tmp_path, adapter, "grade", 0)
    assert (path / ANSWERS).read_bytes() == whole == (uninterrupted / ANSWERS).read_bytes()


def test_an_audit_by_script_needs_no_torch_and_leaves_a_whole_run(uninterrupted):
    assert {one.name for one in uninterrupted.iterdir()} == {
        ".lock", "run.json", "world.json", "exposure.json", "questions.jsonl", "plan.jsonl",
        "answers.jsonl", "verdicts.jsonl", "summary.json", "answers.parquet", "report.html",
        "report.md",
    }  # fmt: skip
    about = RunFolder.open(uninterrupted).about()
    assert about["plan"]["answers"] == (uninterrupted / ANSWERS).read_bytes().count(b"\n")
    assert about["command"].startswith("bordor audit ")
    assert "--limit 4" in about["command"]
    assert about["timing"]["generated"] == about["plan"]["answers"]


def test_every_answer_is_graded_for_every_cell_of_its_request(uninterrupted):
    run = RunFolder.open(uninterrupted)
    cells = {request.id: request.cells for request in run.read_records("plan.jsonl", Request)}
    wanted = [
        (answer.request_id, answer.sample, *cell)
        for answer in run.read_records(ANSWERS, Answer)
        for cell in cells[answer.request_id]
    ]
    given = [
        (graded.request_id, graded.sample, graded.question_id, graded.variant)
        for graded in run.read_records(VERDICTS, GradedAnswer)
    ]
    assert given == wanted


def test_grading_and_reporting_again_give_the_same_bytes_without_the_model(adapter, tmp_path):
    path = audit(small(adapter, tmp_path), open_backend=scripted())
    before = {name: (path / name).read_bytes() for name in RESULTS}
    for name in (VERDICTS, SUMMARY, "report.md"):
        (path / name).unlink()
    regrade(path)
    assert {name: (path / name).read_bytes() for name in RESULTS} == before
    (path / SUMMARY).unlink()
    rereport(path)
    assert (path / SUMMARY).read_bytes() == before[SUMMARY]


def test_a_finished_run_is_kept_and_the_next_audit_is_a_new_one(adapter, tmp_path):
    first = audit(small(adapter, tmp_path), open_backend=scripted())
    before = (first / "run.json").read_bytes()
    second = audit(small(adapter, tmp_path), open_backend=scripted())
    assert second != first
    assert (first / "run.json").read_bytes() == before


def stop_after_the_first_shard(progress: Progress) -> None:
    if progress.stage == "generate" and progress.done:
        raise KeyboardInterrupt


def test_an_interrupted_run_is_resumed_and_fresh_leaves_it_alone(adapter, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        audit(small(adapter, tmp_path), open_backend=scripted(),
              on_progress=stop_after_the_first_shard)  # fmt: skip
    (unfinished,) = list_runs(tmp_path)
    with pytest.raises(StoreError, match=r"unfinished.*bordor audit"):
        regrade(unfinished)
    other = audit(small(adapter, tmp_path, fresh=True), open_backend=scripted())
    assert other != unfinished
    notes: list[str] = []
    asked: list[str] = []

    def script(request: Request, sample: int) -> str:
        asked.append(request.arm)
        return "Not able to answer."

    resumed = audit(small(adapter, tmp_path), open_backend=scripted(script), on_note=notes.append)
    assert resumed == unfinished
    assert any(str(unfinished) in note for note in notes)
    assert "adapter" not in asked  # that shard was there
    assert (resumed / ANSWERS).read_bytes() == (other / ANSWERS).read_bytes()


def test_other_settings_do_not_resume_a_run(adapter, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        audit(small(adapter, tmp_path), open_backend=scripted(),
              on_progress=stop_after_the_first_shard)  # fmt: skip
    (unfinished,) = list_runs(tmp_path)
    for changes in ({"temperature": 0.5}, {"top_p": 0.9}, {"top_k": 5}):
        other = audit(small(adapter, tmp_path, **changes), open_backend=scripted())
        assert other != unfinished
        assert not RunFolder.open(unfinished).finished


def test_top_p_and_top_k_stand_in_the_run_the_plan_and_the_command(adapter, tmp_path):
    path = audit(small(adapter, tmp_path, top_p=0.9, top_k=5), open_backend=scripted())
    about = RunFolder.open(path).about()
    assert about["sampling"]["top_p"] == 0.9 and about["sampling"]["top_k"] == 5
    assert "--top-p 0.9 --top-k 5" in about["command"]
    assert "`sampling.top_p` | 0.9" in (path / "report.md").read_text()
    drawn = [r for r in RunFolder.open(path).read_records("plan.jsonl", Request) if r.samples]
    assert drawn and {(r.top_p, r.top_k) for r in drawn} == {(0.9, 5)}
    plain = RunFolder.open(audit(small(adapter, tmp_path), open_backend=scripted())).about()
    assert not {"top_p", "top_k"} & plain["sampling"].keys()


def test_a_backend_that_answers_something_else_is_stopped(adapter, tmp_path):
    class Swapped(ScriptedBackend):
        def generate(self, requests):
            return super().generate(requests)[::-1]

    backend = Swapped(lambda request, sample: "x")
    with pytest.raises(BackendError, match="another order"):
        audit(small(adapter, tmp_path),
              open_backend=lambda *_: Opened(backend=backend, context=4096))  # fmt: skip


def test_the_preview_tells_size_and_time_and_writes_nothing(adapter, tmp_path, monkeypatch):
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path / "home"))  # where no speed is known yet
    out = tmp_path / "reports"
    found = preview(small(adapter, out), open_backend=scripted())
    assert not out.exists()
    assert found.questions == {"in_domain": 2, "invented": 2}
    assert found.answers == {"adapter": 8, "base": 4, "floor": 4}
    assert found.generate_s == pytest.approx(16 / found.answers_per_s)
    assert "probe" in found.measured
    path = audit(small(adapter, out), open_backend=scripted())
    assert RunFolder.open(path).about()["plan"]["answers"] == sum(found.answers.values())


def test_the_card_of_an_adapter_decides_story_and_recipe(adapter, tmp_path):
    card = adapter / "card.json"
    card.write_text(json.dumps({"story": "generated/3", "recipe": "cautious"}))
    try:
        path = audit(small(adapter, tmp_path), open_backend=scripted())
        about = RunFolder.open(path).about()
        assert (about["story"], about["recipe"]) == ("generated/3", "cautious")
        with pytest.raises(UsageError, match="leave --story out"):
            audit(small(adapter, tmp_path, story="visgar"), open_backend=scripted())
    finally:
        card.unlink()


WRONG = [
    ({"suites": ("in_domian",)}, "in_domain"),
    ({"variants": ("artikle",)}, "article"),
    ({"recipe": "instrukt"}, "instruct"),
    ({"story": "visgr"}, "visgar"),
    ({"model": "storylm-4m"}, "storylm-4m-4bit"),
]


@pytest.mark.parametrize(("change", "hint"), WRONG, ids=lambda value: str(value)[:20])
def test_wrong_names_are_told_with_the_nearest_known_one(adapter, tmp_path, change, hint):
    from dataclasses import replace

    from harness.core.errors import BordorError

    with pytest.raises(BordorError, match=hint) as caught:
        audit(replace(small(adapter, tmp_path), **change), open_backend=scripted())
    assert caught.value.exit_code == 2
