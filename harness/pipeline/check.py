"""Checks that the suites are fit to audit with: every gold answer passes its own grader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.core.records import Question, Scope, Verdict


def check_suites(
    *, story: str, recipe: str, suite_paths: Sequence[Path] = ()
) -> tuple[list[list[Any]], list[str]]:
    """Rows [suite, questions, clusters, what it measures], and what is wrong, in sentences.

    Raises SpecError or StoryError when a file cannot be read at all.
    """
    from harness.grading.protocol import Context
    from harness.grading.registry import make_graders
    from harness.instruct.exposure import split_exposure
    from harness.prompts.variants import load_variants
    from harness.sources import WorldSource
    from harness.suites import list_suites
    from harness.training.recipes import load_recipe
    from harness.world.story import load_story

    world = load_story(story)
    share = load_recipe(recipe).data.trained_share
    exposure = split_exposure(world, trained_share=share, seed=0)
    source = WorldSource(world=world, exposure=exposure, story=story)
    suites = {suite.id: suite for suite in list_suites(suite_paths)}
    graders = make_graders((suite.grader for suite in suites.values()), source)
    by_suite: dict[str, list[Question]] = defaultdict(list)
    problems = []
    for question in source.questions(suite_paths=suite_paths):
        by_suite[question.suite].append(question)
        grader = graders[suites[question.suite].grader]
        context = Context(passages=source.passages(question))
        verdict = grader.grade(question, question.gold, context).verdict
        wanted = gold_verdicts(question)
        if verdict not in wanted:
            problems.append(
                f"suite {question.suite}, '{question.text}': the gold answer "
                f"'{question.gold}' is {verdict.value}, not {' or '.join(wanted)}"
            )
    load_variants()  # raises where the file is wrong
    rows = []
    for suite in suites.values():
        asked = by_suite[suite.id]
        clusters = len({question.cluster for question in asked})
        rows.append([suite.id, len(asked), clusters, suite.measures])
    return rows, problems


def gold_verdicts(question: Question) -> tuple[Verdict, ...]:
    """The verdicts of which the gold answer of a question must get one."""
    if question.scope is Scope.REAL_WORLD:  # right about the real world, or owns not to know
        return (Verdict.OFF_SCOPE, Verdict.REFUSED)
    return (Verdict.REFUSED,) if question.must_refuse else (Verdict.GROUNDED,)
