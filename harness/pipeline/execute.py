"""Carries out a plan: shard by shard, appended in plan order, from where a killed run stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.backends import AnswersShards, Backend
from harness.core.errors import BackendError, StoreError
from harness.core.progress import OnProgress, Progress
from harness.core.records import Answer, Request
from harness.prompts.plan import Plan, answer_keys, count_answers
from harness.runs.store import RunFolder


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
    plan: Plan, backend: Backend, run: RunFolder, *, on_progress: OnProgress | None = None
) -> Executed:
    """Generate what `run` lacks of `plan` and append it.

    Raises BackendError when the backend gives other answers than it was asked for, and
    whatever the backend raises; the shards appended before stay.
    """
    whole = run.keep_whole_shards(plan.expected())
    sizes = [sum(count_answers(request) for request in shard) for shard in plan.shards]
    order = _InOrder(plan, run, whole)
    resumed = done = sum(sizes[: order.next]) + sum(sizes[at] for at in order.ahead)
    report = on_progress or (lambda progress: None)
    report(_progress(plan, done=done, resumed=resumed))
    started = time.monotonic()
    missing = {at: plan.shards[at] for at in range(order.next, len(sizes)) if at not in order.ahead}
    for at, answers in each_shard(backend, missing):
        _check(plan.shards[at], answers)
        order.add(at, answers)
        done += sizes[at]
        report(_progress(plan, done=done, resumed=resumed))
    return Executed(answers=done - resumed, seconds=time.monotonic() - started, resumed=resumed)


class _InOrder:
    """Appends shards in plan order, in whatever order they are done.

    `next` is the number of the first shard that is not appended, `ahead` holds those behind
    it that lie beside the answers, of this process or of an earlier one.
    """

    def __init__(self, plan: Plan, run: RunFolder, whole: int) -> None:
        self._run = run
        self.next = whole
        self.ahead: set[int] = set()
        for at in run.shards_ahead():
            if whole <= at < len(plan.shards) and self._is_whole(plan.shards[at], at):
                self.ahead.add(at)
            else:
                run.drop_ahead(at)
        self._append_kept()

    def _is_whole(self, shard: Sequence[Request], at: int) -> bool:
        try:
            return _fits(shard, self._run.take_ahead(at))
        except StoreError:  # damaged: generated again
            return False

    def add(self, at: int, answers: Sequence[Answer]) -> None:
        """Append a shard, or keep it until those before it are there."""
        if at != self.next:
            self._run.keep_ahead(at, answers)
            self.ahead.add(at)
            return
        self._run.append_shard(answers)
        self.next += 1
        self._append_kept()

    def _append_kept(self) -> None:
        while self.next in self.ahead:
            self._run.append_shard(self._run.take_ahead(self.next))
            self._run.drop_ahead(self.next)
            self.ahead.remove(self.next)
            self.next += 1


def each_shard(
    backend: Backend, shards: Mapping[int, Sequence[Request]]
) -> Iterator[tuple[int, list[Answer]]]:
    """(number, answers) of every shard: by the backend as they are done, or one by one."""
    if isinstance(backend, AnswersShards):
        yield from backend.generate_shards(shards)
        return
    for at, shard in shards.items():
        yield at, backend.generate(shard)


def _fits(shard: Sequence[Request], answers: Sequence[Answer]) -> bool:
    return list(answer_keys(shard)) == [(one.request_id, one.sample) for one in answers]


def _progress(plan: Plan, *, done: int, resumed: int) -> Progress:
    return Progress(stage="generate", done=done, total=plan.answers, resumed=resumed)


def _check(shard: Sequence[Request], answers: Sequence[Answer]) -> None:
    if not _fits(shard, answers):
        asked = sum(count_answers(request) for request in shard)
        raise BackendError(
            f"the backend gave {len(answers)} answers where {asked} were asked, or in "
            "another order: they would be read as answers to other questions"
        )
