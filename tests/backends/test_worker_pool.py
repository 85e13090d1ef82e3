"""Shards side by side in forked processes: the same answers, whatever happens to one of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.backends.local import TransformersBackend
from harness.backends.worker_pool import work_side_by_side, worker_count
from harness.core.errors import BackendError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="one process elsewhere")


@pytest.fixture
def shards(make_requests):
    requests = make_requests(60, samples=2)
    requests += [replace(request, arm="base") for request in requests[:20]]
    return {at: requests[start : start + 16] for at, start in enumerate(range(0, 80, 16))}


def alone(backend, shards):
    return {at: backend.generate(shard) for at, shard in shards.items()}


def tokens(found):
    return {
        at: [(a.arm, a.request_id, a.sample, a.token_ids) for a in answers]
        for at, answers in found.items()
    }


def no_child_is_left():
    for _ in range(100):
        if not multiprocessing.active_children():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_answers_do_not_depend_on_how_many_workers_there_are(load, shards, workers):
    import torch

    backend = TransformersBackend(load(), workers=workers)
    assert backend.identity["engine"]["workers"] == workers
    wanted = alone(TransformersBackend(load(), workers=1), shards)
    threads = torch.get_num_threads()
    found = dict(backend.generate_shards(shards))
    assert tokens(found) == tokens(wanted)
    assert torch.get_num_threads() == threads and no_child_is_left()


def test_a_shard_gives_the_same_bits_in_a_worker_and_in_this_process(load, shards):
    backend = TransformersBackend(load("nf4"), workers=2)
    assert dict(backend.generate_shards(shards)) == alone(backend, shards)


def test_where_memory_is_short_fewer_workers_answer_the_same(load, shards, monkeypatch):
    from harness.backends import local

    backend = TransformersBackend(load(), workers=3)
    asked = []

    def watched(work, shards, workers):
        asked.append(workers)
        return work_side_by_side(work, shards, workers)

    monkeypatch.setattr(local, "work_side_by_side", watched)
    found = []
    for free_gib in (100.0, 1.2, 0.1):
        monkeypatch.setattr(local, "free_memory_gib", lambda free_gib=free_gib: free_gib)
        found.append(dict(backend.generate_shards(shards)))
    assert asked == [3, 2, 1]
    assert found[0] == found[1] == found[2]


def test_a_fault_is_raised_and_what_the_others_did_is_kept(load, shards):
    backend = TransformersBackend(load(), workers=2)
    bad = {**shards, 2: [replace(shards[2][0], token_ids=(1,) * 256)]}
    found = {}
    with pytest.raises(BackendError, match="shorten"):
        for at, answers in backend.generate_shards(bad):
            found[at] = answers
    wanted = alone(backend, {at: shards[at] for at in found})
    assert 0 in found and 2 not in found and tokens(found) == tokens(wanted)
    assert tokens(dict(backend.generate_shards(shards))) == tokens(alone(backend, shards))


def test_memory_running_out_in_a_worker_halves_its_batch_and_is_counted(
    load, shards, short_of_memory
):
    backend = TransformersBackend(load(), workers=2)
    wanted = alone(backend, shards)
    short_of_memory(backend)
    assert tokens(dict(backend.generate_shards(shards))) == tokens(wanted)
    assert backend.oom_retries >= len(shards)


def test_a_worker_that_is_killed_is_told_with_what_to_do():
    def work(requests):
        if requests == ["killed"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return [], 0

    with pytest.raises(BackendError, match=r"ended from outside.*goes on there"):
        list(work_side_by_side(work, {0: ["whole"], 1: ["killed"], 2: ["whole"]}, 2))
    assert no_child_is_left()


def test_a_consumer_that_stops_early_leaves_no_worker(load, shards):
    found = TransformersBackend(load(), workers=2).generate_shards(shards)
    next(found)
    found.close()
    assert no_child_is_left()


SLOW = """
import os, sys, time
from harness.backends.worker_pool import work_side_by_side

def work(requests):
    print(os.getpid(), flush=True)
    time.sleep(60)
    return [], 0

list(work_side_by_side(work, {0: ["a"], 1: ["b"]}, 2))
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_started_them(ending):
    clone = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True, cwd=clone
    )
    assert parent.stdout
    children = [int(parent.stdout.readline()) for _ in range(2)]
    parent.send_signal(ending)
    parent.wait(timeout=20)
    parent.stdout.close()
    for _ in range(200):
        left = [child for child in children if runs(child)]
        if not left:
            break
        time.sleep(0.05)
    assert not left


def runs(process):
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "zombie" not in status


def test_a_small_folded_model_gets_a_worker_for_each_thread_and_a_large_one_one(load, monkeypatch):
    import torch

    from harness.backends import worker_pool

    backend = TransformersBackend(load("nf4"))
    assert backend.folded and backend.workers == torch.get_num_threads()
    assert TransformersBackend(load("nf4"), fold=False).workers == 1
    size = worker_pool._size(backend._model)
    named = load().model.named_parameters()
    assert size == sum(p.numel() for name, p in named if "lora_" not in name)
    monkeypatch.setattr(worker_pool, "SMALL", size - 1)
    assert worker_count(backend._model) == 1
