"""The questions of an audit: for every suite its candidates, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core.errors import UsageError
from harness.core.records import Exposure, Question
from harness.core.specs import did_you_mean
from harness.suites.material import Material
from harness.suites.registry import generators
from harness.suites.select import choose
from harness.suites.spec import SuiteSpec, list_suites
from harness.suites.written import pack_questions, read_written, story_questions, suite_questions
from harness.world.graph import World


def build_questions(
    world: World,
    exposure: Mapping[str, Exposure],
    *,
    story: str | None,
    suites: Sequence[str] | None = None,
    suite_paths: Sequence[Path] = (),
    limit: int | None = None,
    seed: int = 0,
) -> tuple[Question, ...]:
    """The questions of the suites (all by default) about a world.

    exposure: by fact id, as `harness.instruct.exposure` split it.
    story: where the story's own questions by hand are found; None for none.
    suite_paths: folders with suites of the user's beside the shipped ones.
    limit: questions per suite, instead of each suite's own count. A smaller limit gives
    a part of what a larger one gives. A suite for which the world has no question (as
    `in_domain` where nothing was trained) is left out, unless it was named.
    Raises UsageError for an unknown or empty suite that was named, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}: ask at least 1 question per suite")
    every = {suite.id: suite for suite in list_suites(suite_paths)}
    by_hand = read_written(story, world, every) if story else ()
    by_hand += suite_questions(world, every)
    questions: list[Question] = []
    for suite in _named(suites, every):
        material = Material(world=world, exposure=exposure, suite=suite, seed=seed)
        candidates = [*story_questions(material, by_hand, every), *pack_questions(material)]
        for generator in suite.generator:
            candidates += generators()[generator.name].ask(material, generator)
        found = choose(candidates, count=limit or suite.count, seed=seed)
        if suites and not found:
            raise UsageError(
                f"suite '{suite.id}' has no question about {world.name} with this recipe: "
                "name other suites or leave --suites out"
            )
        questions += found
    return tuple(questions)


def _named(names: Sequence[str] | None, every: Mapping[str, SuiteSpec]) -> list[SuiteSpec]:
    for name in names or ():
        if name not in every:
            hint = did_you_mean(name, list(every)) or f"; known: {', '.join(every)}"
            raise UsageError(f"no suite '{name}'{hint}")
    return [suite for suite in every.values() if not names or suite.id in names]
