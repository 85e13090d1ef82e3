"""Checks of a story's questions by hand: each against the graph, and what its suite asks.

Every finding is one line that names the file, the entry and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.core.records import Fact, Form, Scope
from harness.core.specs import WrittenQuestionSpec, did_you_mean
from harness.suites.spec import SuiteSpec
from harness.world.graph import World


def check_questions(
    questions: Sequence[WrittenQuestionSpec],
    world: World,
    *,
    suites: Mapping[str, SuiteSpec],
    where: str,
) -> list[str]:
    """What is wrong with questions by hand about a sound world; empty if nothing."""
    return [
        f"{where}: [[question]] {number} ('{question.text}'): {finding}"
        for number, question in enumerate(questions, start=1)
        for finding in _check_question(question, world, suites)
    ]


def _check_question(
    question: WrittenQuestionSpec, world: World, suites: Mapping[str, SuiteSpec]
) -> Iterator[str]:
    suite = suites.get(question.suite)
    if suite is None:
        known = did_you_mean(question.suite, list(suites)) or f"; suites are {', '.join(suites)}"
        yield f"unknown suite '{question.suite}'{known}"
        return
    unknown = [fact_id for fact_id in question.facts if fact_id not in world.fact]
    for fact_id in unknown:
        known = did_you_mean(fact_id, list(world.fact)) or "; add it to the facts"
        yield f"unknown fact '{fact_id}'{known}"
    yield from _check_cluster(question, suite, world)
    if suite.absent:
        yield from _check_absent(question, suite, world)
    if unknown:
        return
    if suite.must_refuse:
        if question.expected:
            yield f"'{suite.id}' questions must be refused; remove 'expected'"
        told = [fact_id for fact_id in question.facts if fact_id in world.told_ids]
        if suite.exposure == "unstated" and (told or not question.facts):
            yield (
                f"fact '{told[0]}' is told in the prose; ask about an untold one"
                if told
                else "'facts' is empty; name the untold fact that it asks for"
            )
    elif question.gold is None:
        yield f"'gold' is missing; '{suite.id}' questions have an answer"
    else:
        yield from _check_expected(question, suite, world)


def _check_cluster(question: WrittenQuestionSpec, suite: SuiteSpec, world: World) -> Iterator[str]:
    if question.cluster in world.entity or suite.scope is Scope.REAL_WORLD:
        return
    if suite.absent and question.cluster == question.invented_name:
        return
    known = did_you_mean(question.cluster, list(world.entity))
    yield (
        f"unknown cluster '{question.cluster}'{known or ''}; it is an entity's id, or the "
        "invented name"
    )


def _check_absent(question: WrittenQuestionSpec, suite: SuiteSpec, world: World) -> Iterator[str]:
    name = question.invented_name
    names = {known.lower(): known for known in world.names}
    if not name:
        yield "'invented_name' is missing; write the name that it asks about"
    elif name.lower() in names:
        yield f"the invented name '{name}' belongs to the story; ask about somebody absent"
    elif name.lower() not in question.text.lower():
        yield f"the invented name '{name}' does not stand in the question"
    if suite.absent == "near_miss" and (question.nearest_name or "").lower() not in names:
        known = did_you_mean(question.nearest_name or "", list(world.names))
        yield (
            f"'nearest_name' must be a name of the story, not '{question.nearest_name or ''}'"
            f"{known}"
        )


def _check_expected(question: WrittenQuestionSpec, suite: SuiteSpec, world: World) -> Iterator[str]:
    """Whether the graph gives `expected` from the question's facts, and nothing else too."""
    facts = [world.fact[fact_id] for fact_id in question.facts]
    untold = [fact.id for fact in facts if fact.id not in world.told_ids]
    if untold:
        yield f"fact '{untold[0]}' is not told in the prose; only 'unstated' may ask for it"
    if suite.form is not Form.OPEN and not (facts and question.expected):
        yield "'facts' and 'expected' must both be given; name what answers the question"
        return
    given = _given(facts, counting=suite.joins)
    for item in question.expected:
        if item not in given:
            yield (
                f"the graph does not give '{item}' from {', '.join(question.facts) or 'no facts'}"
                f"{did_you_mean(item, sorted(given))}"
            )
    if question.expected:
        yield from _check_complete(question, facts, world)


def _check_complete(
    question: WrittenQuestionSpec, facts: Sequence[Fact], world: World
) -> Iterator[str]:
    """Whether a question that asks subjects or their number leaves none out."""
    asked = {(fact.relation, fact.object) for fact in facts}
    if len(asked) != 1:
        return
    relation, object = asked.pop()
    known = {fact.id: fact.subject for fact in world.subjects(relation, object)}
    if list(question.expected) == [str(len(facts))]:
        left_out = sorted(known.keys() - set(question.facts))
        if left_out:
            yield f"the graph also counts fact '{left_out[0]}'; add it to 'facts' and count again"
    elif {fact.subject for fact in facts} >= set(question.expected):
        told = {subject for fact_id, subject in known.items() if fact_id in world.told_ids}
        for other in sorted(told - set(question.expected) - {question.cluster}):
            yield (
                f"the graph also gives '{other}'; add it to 'expected', or ask what has one answer"
            )


def _given(facts: Iterable[Fact], *, counting: bool) -> set[str]:
    """What facts can answer: their ends, but for the middle of a chain; or their number."""
    facts = tuple(facts)
    subjects = {fact.subject for fact in facts}
    objects = {fact.object for fact in facts}
    given = (subjects | objects) - (subjects & objects)
    return given | {str(len(facts))} if counting else given
