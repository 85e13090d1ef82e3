"""Carries out a plan: shard by shard, in plan order, from where a killed run stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.errors import BackendError
from harness.plan import Plan, answer_keys, count_answers
from harness.records import Answer, Request
from harness.store import RunFolder


class Generates(Protocol):
    """What execution asks of a backend: the answers to some requests, in plan order."""

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Per request its greedy answer and then its samples in ascending order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a stage is. `done` and `total` count `unit`; `resumed` of `done` were there."""

    stage: str
    done: int
    total: int
    unit: str = "answers"
    resumed: int = 0
    note: str = ""


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class Executed:
    """What an execution did: answers it generated itself, and the seconds that took."""

    answers: int
    seconds: float
    resumed: int  # answers found from an earlier process

    @property
    def rate(self) -> float:
        """Answers per second; 0 where nothing was generated."""
        return self.answers / self.seconds if self.answers and self.seconds > 0 else 0.0


def execute(
    plan: Plan, backend: Generates, run: RunFolder, *, on_progress: OnProgress | None = None
) -> Executed:
    """Generate what `run` lacks of `plan` and append it.

    Raises BackendError when the backend gives other answers than it was asked for, and
    whatever the backend raises; the shards appended before stay.
    """
    whole = run.keep_whole_shards(plan.expected())
    sizes = [sum(count_answers(request) for request in shard) for shard in plan.shards]
    resumed = done = sum(sizes[:whole])
    report = on_progress or (lambda progress: None)
    report(_progress(plan, done=done, resumed=resumed))
    started = time.monotonic()
    for shard, size in zip(plan.shards[whole:], sizes[whole:], strict=True):
        answers = backend.generate(shard)
        _check(shard, answers)
        run.append_shard(answers)
        done += size
        report(_progress(plan, done=done, resumed=resumed))
    return Executed(answers=done - resumed, seconds=time.monotonic() - started, resumed=resumed)


def _progress(plan: Plan, *, done: int, resumed: int) -> Progress:
    return Progress(stage="generate", done=done, total=plan.answers, resumed=resumed)


def _check(shard: Sequence[Request], answers: Sequence[Answer]) -> None:
    asked = list(answer_keys(shard))
    given = [(answer.request_id, answer.sample) for answer in answers]
    if asked != given:
        raise BackendError(
            f"the backend gave {len(given)} answers where {len(asked)} were asked, or in "
            "another order: they would be read as answers to other questions"
        )
