"""The questions of an audit: for every suite its candidates, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.core.errors import UsageError
from harness.core.records import Exposure, Question
from harness.core.specs import did_you_mean
from harness.suites import facts, refusals, relational, written
from harness.suites.select import Candidate, choose
from harness.suites.source import Source
from harness.suites.spec import SuiteSpec, list_suites
from harness.world.graph import World
from harness.world.story import written_questions

GENERATORS: dict[str, Callable[[Source, Any], Iterator[Candidate]]] = {
    "facts": facts.fact_questions,
    "open_ended": facts.open_ended,
    "inverse": relational.inverse,
    "two_hop": relational.two_hop,
    "comparison": relational.comparison,
    "count": relational.count,
    "false_premise": refusals.false_premise,
    "invented": refusals.invented,
    "near_miss": refusals.near_miss,
}


def build_questions(
    world: World,
    exposure: Mapping[str, Exposure],
    *,
    story: str | None,
    suites: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> tuple[Question, ...]:
    """The questions of the suites (all by default) about a world.

    exposure: by fact id, as `harness.instruct.exposure` split it.
    story: where the story's own questions by hand are found; None for none.
    limit: questions per suite, instead of each suite's own count. A smaller limit gives
    a part of what a larger one gives. A suite for which the world has no question (as
    `in_domain` where nothing was trained) is left out, unless it was named.
    Raises UsageError for an unknown or empty suite that was named, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}: ask at least 1 question per suite")
    by_hand = written_questions(story) if story else ()
    questions: list[Question] = []
    for suite in _named(suites):
        source = Source(world=world, exposure=exposure, suite=suite, seed=seed)
        candidates = [*written.story_questions(source, by_hand), *written.pack_questions(source)]
        for generator in suite.generator:
            candidates += GENERATORS[generator.name](source, generator)
        found = choose(candidates, count=limit or suite.count, seed=seed)
        if suites and not found:
            raise UsageError(
                f"suite '{suite.id}' has no question about {world.name} with this recipe: "
                "name other suites or leave --suites out"
            )
        questions += found
    return tuple(questions)


def _named(names: Sequence[str] | None) -> list[SuiteSpec]:
    suites = list_suites()
    known = [suite.id for suite in suites]
    for name in names or ():
        if name not in known:
            hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
            raise UsageError(f"no suite '{name}'{hint}")
    return [suite for suite in suites if not names or suite.id in names]
