"""What an audit would do, cost and take, without doing it: `bordor audit --dry-run`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from harness.backends.factory import OpenBackend, Opened
from harness.core import speed
from harness.core.progress import OnProgress, Progress
from harness.pipeline.audit import Settings, open_subject, plan_audit, prepare
from harness.pipeline.execute import each_shard
from harness.prompts.plan import Plan, count_answers

PROBE_ANSWERS = 320
PROBE_SHARDS = 4  # so that workers side by side have two each


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The size of an audit and the time it will take; seconds are None where unknown."""

    model: str
    story: str
    recipe: str
    questions: dict[str, int]  # by suite, in the order of the plan
    variants: tuple[str, ...]
    prompts: int
    answers: dict[str, int]  # by arm
    shards: int
    longest_prompt: int  # tokens; 0 where a server counts them
    new_tokens: int  # at most, over all answers
    adapter_ready: bool
    adapter_s: float | None
    answers_per_s: float
    generate_s: float
    measured: str  # how answers_per_s is known
    warnings: tuple[str, ...] = ()  # what was seen of the model or its server


def preview(
    settings: Settings,
    *,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
    open_backend: OpenBackend | None = None,
) -> Preview:
    """Lay out the plan of an audit and tell its time; trains and writes nothing.

    The speed is that of the last audit of this model here, or that of a short probe.
    Raises what `harness.pipeline.audit.audit` would raise before it generates.
    """
    report = on_progress or (lambda progress: None)
    subject = prepare(
        settings, build=False, on_progress=report, on_note=on_note or (lambda _: None)
    )
    report(Progress(stage="load", done=0, total=0))
    opened = open_subject(subject, open_backend)
    plan = plan_audit(subject, opened)
    rate, measured = _speed(subject.spec.name, opened, plan, report)
    filled = subject.settings
    assert filled.story is not None and filled.recipe is not None
    trained = speed.recall(
        speed.adapter_key(subject.spec.name, story=filled.story, recipe=filled.recipe)
    )
    return Preview(
        model=subject.spec.name,
        story=filled.story,
        recipe=filled.recipe,
        questions=dict(Counter(question.suite for question in subject.questions)),
        variants=tuple(variant.id for variant in subject.variants),
        prompts=len(plan.requests),
        answers=plan.answers_by_arm(),
        shards=len(plan.shard_sizes),
        longest_prompt=max(len(request.token_ids) for request in plan.requests),
        new_tokens=sum(count_answers(r) * r.max_new_tokens for r in plan.requests),
        adapter_ready=bool(subject.adapter) or not subject.spec.trains,
        adapter_s=trained[0] if trained else None,
        answers_per_s=rate,
        generate_s=plan.answers / rate,
        measured=measured,
        warnings=(*opened.warnings, *opened.late_warnings()),
    )


def _speed(model: str, opened: Opened, plan: Plan, report: OnProgress) -> tuple[float, str]:
    known = speed.recall(speed.answers_key(model, opened.backend.identity))
    if known and known[0] > 0:
        return known[0], f"the speed of the audit of {known[1]} on this machine"
    chosen, answers = [], 0
    for request in plan.requests:
        if answers >= PROBE_ANSWERS:
            break
        chosen.append(request)
        answers += count_answers(request)
    report(Progress(stage="probe", done=0, total=answers))
    started = time.monotonic()
    shards = {at: chosen[at::PROBE_SHARDS] for at in range(min(PROBE_SHARDS, len(chosen)))}
    for _ in each_shard(opened.backend, shards):
        pass
    elapsed = max(time.monotonic() - started, 1e-6)
    report(Progress(stage="probe", done=answers, total=answers))
    return answers / elapsed, f"a probe of {answers} answers just now"
