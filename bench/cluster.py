"""Answers a second of two single-thread Ray actors against one, on the same prompts.

    python bench/cluster.py [--model storylm-4m-4bit] [--prompts 1024] [--shard 64]
                            [--rounds 5] [--json OUT]

Takes prompts from the plan of the default audit (one greedy answer and four samples each)
and lets one actor, then two, answer them in shards, in alternating rounds; the actors are
opened before the clock starts, and answer a first shard that is not timed. As a yardstick
the same two runs are made without Ray: one process, then two at once with half of the
shards each. Prints each round's answers/s, the ratios, and the machine's load before it;
checks that one and two actors gave the same answers.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
Shards = dict[int, tuple[Any, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="storylm-4m-4bit")
    parser.add_argument("--prompts", type=int, default=1024)
    parser.add_argument("--shard", type=int, default=64, help="prompts in a shard")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    subject, shards = prepare(asked)
    answers = sum(1 + one.samples for shard in shards.values() for one in shard)
    print(
        f"{asked.model}: {asked.prompts} prompts in {len(shards)} shards, {answers} answers a run"
    )
    print("| round | load before | 1 actor, answers/s | 2 actors | ratio | 1 process | 2 processes "
          "| ratio |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    rounds = []
    for number in range(asked.rounds):
        load = os.getloadavg()[0]
        order = (1, 2) if number % 2 == 0 else (2, 1)
        actors = {n: on_actors(subject, shards, n) for n in order}
        if actors[1][1] != actors[2][1]:
            raise SystemExit("one actor and two gave different answers")
        alone = {n: in_processes(subject, shards, n) for n in order}
        rounds.append({
            "load": load,
            "actors": {n: answers / actors[n][0] for n in (1, 2)},
            "processes": {n: answers / alone[n] for n in (1, 2)},
            "ratio": actors[1][0] / actors[2][0],
            "processes_ratio": alone[1] / alone[2],
        })  # fmt: skip
        show(number + 1, rounds[-1])
    found = {
        "model": asked.model,
        "answers": answers,
        "cores": os.cpu_count(),
        "ratio": median(one["ratio"] for one in rounds),
        "processes_ratio": median(one["processes_ratio"] for one in rounds),
        "rounds": rounds,
    }
    print(f"median ratio: actors {found['ratio']:.2f}, processes {found['processes_ratio']:.2f}")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def prepare(asked: argparse.Namespace) -> tuple[Any, Shards]:
    """What is audited, and its prompts in shards; their order is mixed, so shards are alike."""
    from harness.core.seeds import stream
    from harness.pipeline.audit import Settings, open_subject, plan_audit
    from harness.pipeline.audit import prepare as find

    subject = find(
        Settings(model=asked.model), build=True, on_progress=lambda _: None, on_note=print
    )
    plan = plan_audit(subject, open_subject(subject))
    requests = [one for one in plan.requests if one.arm == "adapter"]
    if len(requests) < asked.prompts:
        raise SystemExit(f"the default audit has {len(requests)} prompts, not {asked.prompts}")
    chosen = stream(0, "bench/cluster").sample(requests, asked.prompts)
    cut = [tuple(chosen[at : at + asked.shard]) for at in range(0, len(chosen), asked.shard)]
    return subject, dict(enumerate(cut))


def on_actors(subject: Any, shards: Shards, actors: int) -> tuple[float, dict[int, Any]]:
    """Seconds, and the answers of each shard."""
    from harness.backends.factory import open_local
    from harness.executors.ray_backend import open_on_ray
    from harness.executors.ray_session import RayOptions
    from harness.pipeline.audit import probes

    opened = open_on_ray(subject.spec, subject.adapter, probes(subject),
                         RayOptions(actors=actors), open_backend=open_local)  # fmt: skip
    try:
        warm = dict.fromkeys(range(actors), shards[0])
        list(opened.backend.generate_shards(warm))
        started = time.monotonic()
        found = dict(opened.backend.generate_shards(shards))
        return time.monotonic() - started, found
    finally:
        opened.close()


def in_processes(subject: Any, shards: Shards, processes: int) -> float:
    """Seconds until the last of some processes has answered its share of the shards."""
    context = multiprocessing.get_context("spawn")
    start, done = context.Barrier(processes + 1), context.Barrier(processes + 1)
    shares = [list(shards.values())[at::processes] for at in range(processes)]
    started = [
        context.Process(target=answer, args=(subject.spec, subject.adapter, share, start, done))
        for share in shares
    ]
    for one in started:
        one.start()
    start.wait(300)
    clock = time.monotonic()
    done.wait(600)
    seconds = time.monotonic() - clock
    for one in started:
        one.join()
    return seconds


def answer(spec: Any, adapter: Path, shards: list[Any], start: Any, done: Any) -> None:
    from harness.backends.local import TransformersBackend
    from harness.models.loading import load_model

    backend = TransformersBackend(load_model(spec, adapter=adapter))
    backend.generate(shards[0])
    start.wait(300)
    for shard in shards:
        backend.generate(shard)
    done.wait(600)


def show(number: int, one: dict[str, Any]) -> None:
    actors, processes = one["actors"], one["processes"]
    print(f"| {number} | {one['load']:.1f} | {actors[1]:.0f} | {actors[2]:.0f} | "
          f"{one['ratio']:.2f} | {processes[1]:.0f} | {processes[2]:.0f} | "
          f"{one['processes_ratio']:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
