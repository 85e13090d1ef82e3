"""The audit, from what the user names to the report: `audit` reads from top to bottom.

Stages leave files in the run folder and the later ones read only that folder, so
`harness.pipeline.grade` can redo them without torch and without the model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.backends.factory import (
    OpenBackend,
    Opened,
    open_local,
    open_server,
    plugged_backend,
    refuse_server_options,
)
from harness.core import speed
from harness.core.errors import UsageError
from harness.core.progress import OnProgress, Progress
from harness.core.records import Sampling, Variant
from harness.executors.ray_backend import open_on_ray
from harness.pipeline.begin import open_run
from harness.pipeline.execute import Executed, execute
from harness.pipeline.grade import grade
from harness.pipeline.settings import Settings, Subject
from harness.pipeline.trained_on import (
    DEFAULT_RECIPE,
    DEFAULT_STORY,
    find_exposure,
    metadata_folder,
    story_and_recipe,
    where_base_is_from,
)
from harness.prompts.plan import Messages, Plan, make_plan

if TYPE_CHECKING:
    from harness.core.specs import ModelSpec

__all__ = ["DEFAULT_RECIPE", "DEFAULT_STORY", "Settings", "Subject", "audit", "prepare"]
MOST_ANSWERS = 20_000  # of an audit whose size was not asked for
PROBES = 4
ENOUGH_TO_MEASURE = 200  # answers that tell how fast a model is here


def audit(
    settings: Settings,
    *,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
    open_backend: OpenBackend | None = None,
) -> Path:
    """Audit a model from end to end and return its run folder.

    on_note: told what is found or built on the way, in sentences. open_backend: turns a
    specification and an adapter folder into something that answers; the local engine
    where none is given.
    Raises UsageError, ModelError, TrainingError, BackendError or StoreError; a run that
    was begun stays and is resumed by the same settings.
    """
    from harness.report.build import write_reports

    report = on_progress or (lambda progress: None)
    note = on_note or (lambda text: None)
    started = time.monotonic()
    subject = prepare(settings, build=True, on_progress=report, on_note=note)
    report(Progress(stage="load", done=0, total=0))
    with closing(open_subject(subject, open_backend)) as opened:
        for sentence in opened.urgent:
            note(f"warning: {sentence}")
        plan = plan_audit(subject, opened)
        with open_run(subject, plan, opened, note) as run:
            try:
                executed = execute(plan, opened.backend, run, on_progress=report)
            finally:  # what was seen by then is told, whenever the run is taken up again
                run.warn(opened.late_warnings())
            opened.close()  # grading needs no model
            graded_s = _timed(lambda: grade(run, on_progress=report))
            report(Progress(stage="report", done=0, total=0))
            reported_s = _timed(lambda: write_reports(run.path))
            timing = _timing(executed, graded_s, reported_s, time.monotonic() - started)
            run.finalise(timing=timing)
    if executed.answers >= ENOUGH_TO_MEASURE and not settings.ray:  # a speed of one machine
        key = speed.answers_key(subject.spec.name, opened.backend.identity)
        speed.remember(key, executed.rate)
    return run.path


def prepare(
    settings: Settings,
    *,
    build: bool,
    on_progress: OnProgress,
    on_note: Callable[[str], None],
) -> Subject:
    """Resolve what the settings name, and with `build` train the adapter where none is."""
    from harness.models.registry import resolve_model
    from harness.prompts.variants import load_variants
    from harness.sources import WorldSource
    from harness.world.story import load_story

    spec = resolve_model(
        settings.model,
        quantisation=settings.quantisation,
        base=settings.base,
        as_is=settings.as_is,
        fetch=on_note if build else None,
    )
    if spec.named_by and spec.adapter:
        on_note(where_base_is_from(spec))
    if not spec.server:
        refuse_server_options(settings.server)
    if spec.elsewhere and settings.ray:
        who = "a server" if spec.server else "its package"
        raise UsageError(f"{spec.name}: {who} answers by itself; leave --executor out")
    story, recipe = story_and_recipe(
        metadata_folder(spec), story=settings.story, recipe=settings.recipe
    )
    settings = replace(settings, story=story, recipe=recipe)
    world = load_story(story)
    variants = load_variants(settings.variants or None)
    adapter = Path(spec.adapter) if spec.adapter else None
    exposure = find_exposure(world, spec, story=story, recipe=recipe, on_note=on_note)
    source = WorldSource(world=world, exposure=exposure, story=story)
    questions = source.questions(
        suites=settings.suites or None,
        suite_paths=settings.suite_paths,
        limit=settings.limit,
        seed=settings.seed,
    )
    if build and spec.trains:
        adapter = train_adapter(spec, story=story, recipe=recipe, seed=0, on_progress=on_progress)
    return Subject(
        settings=settings,
        spec=spec,
        source=source,
        adapter=adapter,
        questions=questions,
        variants=variants,
    )


def open_subject(subject: Subject, open_backend: OpenBackend | None = None) -> Opened:
    """What answers: `open_backend`, on actors or here, the model's server, or this process."""
    settings, spec, chats = subject.settings, subject.spec, probes(subject)
    if settings.ray:
        opening = open_backend or open_local
        return open_on_ray(spec, subject.adapter, chats, settings.ray, open_backend=opening)
    if spec.scheme and not open_backend:
        return plugged_backend(spec.scheme)(spec, None, chats)
    if open_backend or not spec.server:
        return (open_backend or open_local)(spec, subject.adapter, chats)
    return open_server(
        spec,
        chats,
        settings.server,
        base=settings.base,
        sampling=settings.sampling,
        system_chat=_system_chat(subject),
    )


def _system_chat(subject: Subject) -> Messages | None:
    """A chat of the audit with a system turn; None where no variant has one."""
    from harness.prompts.variants import render_variant

    told = [variant for variant in subject.variants if variant.system is not None]
    if not told:
        return None
    return render_variant(subject.questions[0].text, told[0], seed=subject.settings.seed)


def probes(subject: Subject) -> list[Messages]:
    """A few of the audit's own chats, on which the adapter must be seen to act."""
    from harness.prompts.variants import render_variant

    first, seed = subject.variants[0], subject.settings.seed
    return [
        render_variant(question.text, first, seed=seed) for question in subject.questions[:PROBES]
    ]


def plan_audit(subject: Subject, opened: Opened) -> Plan:
    """The grid of an audit. Raises UsageError when nothing limited it and it is too large."""
    from harness.models.template import fold_system
    from harness.prompts.variants import render_variant

    settings = subject.settings

    def folded(text: str, variant: Variant, *, seed: int) -> Messages:
        return fold_system(render_variant(text, variant, seed=seed))

    plan = make_plan(
        subject.questions,
        subject.variants,
        encode=opened.backend.encode,
        render=folded if opened.fold_system else render_variant,
        sampling=settings.sampling,
        identity={
            "model": opened.backend.identity,
            **subject.source.planned(),
        },
        context=opened.context,
        control=opened.control and not subject.spec.as_is,
        encode_control=opened.encode_control,
    )
    asked_for = settings.limit is not None or settings.samples != Sampling().samples
    if plan.answers > MOST_ANSWERS and not asked_for:
        raise UsageError(
            f"this audit would give {plan.answers:,} answers, more than {MOST_ANSWERS:,}: "
            "choose its size with --limit or --samples"
        )
    return plan


def train_adapter(
    spec: ModelSpec, *, story: str, recipe: str, seed: int, on_progress: OnProgress
) -> Path:
    """The adapter of this model, story, recipe and seed: as kept, or trained now."""
    from harness.training.adapter import build_adapter

    steps = 0

    def show(done: int, total: int, note: str) -> None:
        nonlocal steps
        steps = done
        on_progress(Progress(stage="adapter", done=done, total=total, unit="steps", note=note))

    started = time.monotonic()
    folder = build_adapter(spec, story=story, recipe=recipe, seed=seed, on_progress=show)
    if steps:  # it was trained, not found
        key = speed.adapter_key(spec.name, story=story, recipe=recipe)
        speed.remember(key, time.monotonic() - started)
    return folder


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def _timing(
    executed: Executed, graded_s: float, reported_s: float, total_s: float
) -> dict[str, Any]:
    return {
        "total_s": round(total_s, 2),
        "generate_s": round(executed.seconds, 2),
        "grade_s": round(graded_s, 2),
        "report_s": round(reported_s, 2),
        "generated": executed.answers,
        "resumed": executed.resumed,
    }
