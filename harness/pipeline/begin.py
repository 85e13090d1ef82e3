"""The run folder of an audit: gone on with where it is unfinished, else begun with run.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.backends.factory import Opened
from harness.core.errors import DamageError
from harness.pipeline.settings import Subject
from harness.pipeline.trained_on import assumptions
from harness.prompts.plan import Plan
from harness.runs.layout import PLAN, QUESTIONS
from harness.runs.store import RunFolder, records_text
from harness.suites import list_suites


def open_run(
    subject: Subject, plan: Plan, opened: Opened, note: Callable[[str], None]
) -> RunFolder:
    """The unfinished run of this plan, with what was found this time, or a new one."""
    settings, name = subject.settings, subject.spec.name
    files = {
        **subject.source.files(),
        QUESTIONS: records_text(subject.questions),
        PLAN: records_text(plan.requests),
    }
    found = [] if settings.fresh else RunFolder.find_unfinished(
        settings.out, model=name, plan_hash=plan.hash, passed_over=note
    )  # fmt: skip
    for unfinished in found:
        try:
            run = RunFolder.resume(unfinished, files=files)
        except DamageError as error:  # it must not stand in the way of the same plan for ever
            note(f"{unfinished} is passed over: {error}")
            continue
        try:
            run.keep_whole_shards(plan.expected())
        except DamageError as error:
            run.close()
            note(f"{unfinished} is passed over: {error}")
            continue
        note(f"going on with {unfinished}")
        run.update(**opened.found)
        run.warn(_warnings(subject, opened))
        return run
    run = RunFolder.create(
        settings.out,
        model=name,
        plan_hash=plan.hash,
        files=files,
        run=_about(subject, plan, opened),
    )
    note(f"run folder {run.path}")
    return run


def _about(subject: Subject, plan: Plan, opened: Opened) -> dict[str, Any]:
    """run.json: what was audited, on what, with what, where."""
    from harness.core.provenance import provenance

    settings = subject.settings
    return {
        "command": settings.command(),
        "model": subject.spec.name,
        "story": settings.story,
        "recipe": settings.recipe,
        "sampling": settings.sampling.to_data(),
        "suites": sorted({question.suite for question in subject.questions}),
        "graded_by": _graded_by(subject),
        "variants": [variant.id for variant in subject.variants],
        **_changed(subject, opened),
        "plan": {
            "hash": plan.hash,
            "questions": len(subject.questions),
            "prompts": len(plan.requests),
            "answers": plan.answers,
            "shards": len(plan.shard_sizes),
        },
        "source": subject.source.kind,
        **subject.source.about(),
        "adapter": {
            "folder": str(subject.adapter) if subject.adapter else None,
            "largest_logit_difference": opened.difference,
        },
        "identity": dict(opened.backend.identity),
        **opened.found,
        **_warned(_warnings(subject, opened)),
        **provenance(),
    }


def _graded_by(subject: Subject) -> dict[str, str]:
    """The grader that each suite names."""
    asked = {question.suite for question in subject.questions}
    suites = list_suites(subject.settings.suite_paths)
    return {suite.id: suite.grader for suite in suites if suite.id in asked}


def _warnings(subject: Subject, opened: Opened) -> list[str]:
    settings = subject.settings
    assumed = assumptions(subject.spec, story=settings.story, recipe=settings.recipe)
    return [*opened.warnings, *_system_role(subject, opened), *assumed]


def _changed(subject: Subject, opened: Opened) -> dict[str, Any]:
    """The variants that are put otherwise than `suites/variants.toml` has them."""
    from harness.models.template import FOLDED

    if opened.backend.identity.get("system_role") != FOLDED:
        return {}
    told = [variant.id for variant in subject.variants if variant.system is not None]
    return {"changed_variants": told} if told else {}


def _system_role(subject: Subject, opened: Opened) -> list[str]:
    changed = _changed(subject, opened).get("changed_variants")
    if not changed:
        return []
    who = "server" if subject.spec.elsewhere else "model's chat template"
    return [
        f"The {who} takes no system role (it refuses one, or leaves its text out). So in the "
        f"variants {', '.join(changed)} the system text stands in front of the question, in the "
        "user's turn: they are not those of models that take one."
    ]


def _warned(sentences: list[str]) -> dict[str, Any]:
    return {"warnings": sentences} if sentences else {}
