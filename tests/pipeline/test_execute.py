from __future__ import annotations

import pytest

from harness.backends.scripted import ScriptedBackend
from harness.core.errors import BackendError, StoreError
from harness.core.progress import Progress
from harness.core.records import Answer, Request
from harness.pipeline.execute import Executed, execute
from harness.prompts.plan import Plan
from harness.runs.layout import ANSWERS
from harness.runs.store import RunFolder


def request(name: str, arm: str = "adapter", samples: int = 2) -> Request:
    return Request(
        id=name, arm=arm, prompt=name, token_ids=(1,), cells=(("q", "v"),), samples=samples,
        temperature=1.0, max_new_tokens=50, seed=0,
    )  # fmt: skip


PLAN = Plan(
    requests=(request("a"), request("b"), request("c"), request("d", "base", 0)),
    shard_sizes=(2, 1, 1),
    hash="0" * 12,
)


@pytest.fixture
def run(tmp_path):
    with RunFolder.create(tmp_path, model="m", plan_hash=PLAN.hash, files={}, run={}) as made:
        yield made


def echo(asked: Request, sample: int) -> str:
    return f"{asked.id}{sample}"


def test_shards_are_generated_and_appended_in_plan_order_with_progress(run):
    seen: list[Progress] = []
    done = execute(PLAN, ScriptedBackend(echo), run, on_progress=seen.append)
    texts = [answer.text for answer in run.read_records(ANSWERS, Answer)]
    assert texts == ["a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2", "d0"]
    assert [(progress.done, progress.total) for progress in seen] == [
        (0, 10), (6, 10), (9, 10), (10, 10),
    ]  # fmt: skip
    assert (done.answers, done.resumed) == (10, 0)
    assert done.rate > 0


def test_only_what_is_missing_is_asked(run):
    def failing(asked: Request, sample: int) -> str:
        if asked.id == "c":
            raise BackendError("out of memory")
        return echo(asked, sample)

    with pytest.raises(BackendError, match="out of memory"):
        execute(PLAN, ScriptedBackend(failing), run)
    asked: list[str] = []

    def noting(request: Request, sample: int) -> str:
        asked.append(request.id)
        return echo(request, sample)

    seen: list[Progress] = []
    done = execute(PLAN, ScriptedBackend(noting), run, on_progress=seen.append)
    assert set(asked) == {"c", "d"}
    assert (done.answers, done.resumed) == (4, 6)
    assert (seen[0].done, seen[0].resumed) == (6, 6)
    assert execute(PLAN, ScriptedBackend(noting), run) == Executed(
        answers=0, seconds=pytest.approx(0, abs=1), resumed=10
    )


def test_missing_or_swapped_answers_are_refused_and_nothing_of_the_shard_is_kept(run):
    class Short(ScriptedBackend):
        def generate(self, requests):
            return super().generate(requests)[:-1]

    with pytest.raises(BackendError, match="5 answers where 6 were asked"):
        execute(PLAN, Short(echo), run)
    assert (run.path / ANSWERS).read_bytes() == b""


def test_a_disk_that_is_full_is_told_with_the_way_on(run, monkeypatch):
    (run.path / ANSWERS).unlink()
    (run.path / ANSWERS).symlink_to("/dev/full")
    monkeypatch.setattr(RunFolder, "keep_whole_shards", lambda self, expected: 0)
    with pytest.raises(StoreError, match=r"No space left on device.*same command again"):
        execute(PLAN, ScriptedBackend(echo), run)


@pytest.mark.parametrize("damage", [b"\xff\xfe\n", b"{\n", b""])
def test_a_damaged_shard_ahead_is_generated_again(run, damage):
    backend = ScriptedBackend(echo)
    run.keep_ahead(1, backend.generate(PLAN.requests[2:3]))
    [kept] = run.path.glob(".ahead-*")
    kept.write_bytes(kept.read_bytes()[:40] + damage)
    done = execute(PLAN, backend, run)
    assert (done.answers, done.resumed) == (10, 0)
    texts = [answer.text for answer in run.read_records(ANSWERS, Answer)]
    assert texts == ["a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2", "d0"]
    assert not list(run.path.glob(".ahead-*"))
