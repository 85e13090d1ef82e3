from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from harness.core.errors import StoreError
from harness.core.files import atomic_file
from harness.core.records import Answer
from harness.runs.layout import ANSWERS, list_runs, slug
from harness.runs.store import RunFolder

PLAN_HASH = "0123456789ab"


def make(out, **changes):
    settings = {
        "model": "m",
        "plan_hash": PLAN_HASH,
        "files": {"world.json": "{}"},
        "run": {"story": "s"},
    }
    return RunFolder.create(out, **(settings | changes))


def answer(request: str, sample: int) -> Answer:
    return Answer(
        request_id=request,
        arm="adapter",
        sample=sample,
        text="né\u2028\n",
        token_ids=(1,),
        logprobs=(-0.5,),
        finish_reason="stop",
    )


EXPECTED = [[("a", 0), ("a", 1)], [("b", 0), ("b", 1)]]
SHARDS = [[answer(*key) for key in shard] for shard in EXPECTED]


def test_a_new_run_has_its_files_and_its_name_tells_time_and_plan(tmp_path):
    with make(tmp_path) as run:
        assert run.path.parent.name == "m"
        assert run.path.name.endswith(f"Z-{PLAN_HASH}")
        assert run.about()["story"] == "s"
        assert not run.finished
        assert (run.path / "world.json").read_text() == "{}"
    assert list_runs(tmp_path) == [run.path]


def test_an_unfinished_run_of_the_same_plan_is_found_and_a_finished_one_is_not(tmp_path):
    with make(tmp_path) as run:
        pass
    find = RunFolder.find_unfinished
    assert find(tmp_path, model="m", plan_hash=PLAN_HASH) == [run.path]
    assert find(tmp_path, model="m", plan_hash="f" * 12) == []
    assert find(tmp_path, model="other", plan_hash=PLAN_HASH) == []
    with RunFolder.resume(run.path) as again:
        again.finalise(timing={"seconds": 1})
    assert RunFolder.open(run.path).about()["timing"] == {"seconds": 1}
    assert find(tmp_path, model="m", plan_hash=PLAN_HASH) == []
    with pytest.raises(StoreError, match="finished"):
        RunFolder.resume(run.path)


def test_two_runs_in_one_second_get_two_folders(tmp_path):
    with make(tmp_path) as first, make(tmp_path) as second, make(tmp_path) as third:
        assert len({first.path, second.path, third.path}) == 3
    assert set(list_runs(tmp_path)) == {first.path, second.path, third.path}


def test_a_run_that_is_being_written_is_locked_until_its_writer_closes(tmp_path):
    run = make(tmp_path)
    with pytest.raises(StoreError, match=f"process {os.getpid()}"):
        RunFolder.resume(run.path)
    run.close()
    RunFolder.resume(run.path).close()


def test_the_lock_of_a_killed_process_is_void(tmp_path):
    script = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from harness.runs.store import RunFolder
        run = RunFolder.create(Path({str(tmp_path)!r}), model="m", plan_hash="{PLAN_HASH}",
                               files={{}}, run={{}})
        print("made", flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"made\n"
        (path,) = list_runs(tmp_path)
        with pytest.raises(StoreError, match="another bordor"):
            RunFolder.resume(path)
        process.send_signal(signal.SIGKILL)
    RunFolder.resume(path).close()


def test_what_a_killed_creation_left_is_swept_by_the_next(tmp_path):
    left = tmp_path / "m" / f".making-{PLAN_HASH}-1"
    left.mkdir(parents=True)
    with make(tmp_path):
        assert not left.exists()


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
@pytest.mark.parametrize("torn", [b"", b'{"request_id": "b", "sam'])
def test_answers_are_cut_back_to_the_last_whole_shard(tmp_path, cut, torn):
    with make(tmp_path) as run:
        run.append_shard(SHARDS[0])
        run.append_shard(SHARDS[1])
        path = run.path / ANSWERS
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:cut]) + torn)
        shards = run.keep_whole_shards(EXPECTED)
        assert shards == cut // 2
        assert path.read_bytes() == b"".join(lines[: shards * 2])
        for shard in SHARDS[shards:]:
            run.append_shard(shard)
        assert path.read_bytes() == whole
        assert run.keep_whole_shards(EXPECTED) == 2
        assert list(run.read_records(ANSWERS, Answer)) == SHARDS[0] + SHARDS[1]


def test_answers_of_another_plan_are_not_cut_but_refused(tmp_path):
    with make(tmp_path) as run:
        run.append_shard(SHARDS[1])
        before = (run.path / ANSWERS).read_bytes()
        with pytest.raises(StoreError, match="damaged"):
            run.keep_whole_shards(EXPECTED)
        assert (run.path / ANSWERS).read_bytes() == before


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(path) as file:
        file.write("half of the ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_damage_is_reported_with_file_line_and_remedy(tmp_path):
    with make(tmp_path) as run:
        (run.path / ANSWERS).write_text(json.dumps({"request_id": "a"}) + "\n")
        with pytest.raises(StoreError, match=r"answers.jsonl:1: damaged record"):
            list(run.read_records(ANSWERS, Answer))
        with pytest.raises(StoreError, match="bordor grade RUN"):
            list(run.read_records("verdicts.jsonl", Answer))
        for damaged in ("{", "[]", "null"):
            (run.path / "run.json").write_text(damaged)
            with pytest.raises(StoreError, match=r"run.json: damaged"):
                run.about()
    with pytest.raises(StoreError, match="no run folder"):
        RunFolder.open(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--out"):
        make(tmp_path / "file")


def test_model_names_become_folder_names_inside_the_place():
    assert slug("org/name") == "org--name"
    assert slug("../../etc") == "etc"
    assert "/" not in slug("a/../b")
    assert slug("..") == "model"
