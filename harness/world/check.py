"""Checks of a story: its graph against the relations, its prose and questions against it.

Every finding is one line that names the file, the entry and the remedy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from harness.core.records import Entity, Fact, Relation
from harness.core.specs import KINDS, WrittenQuestionSpec, did_you_mean
from harness.world.graph import World

TOLD_SUITES = ("in_domain", "paraphrase", "text_only", "relational")  # ask told facts
ABSENT_SUITES = ("invented", "near_miss")  # ask about a name that nobody bears
REFUSED_SUITES = ("unstated", "false_premise", *ABSENT_SUITES, "out_of_domain")
SUITES = (*TOLD_SUITES, "open_ended", *REFUSED_SUITES)


def check_world(world: World, *, graph: str, prose: str) -> list[str]:
    """What is wrong with a world read from the files `graph` and `prose`; empty if nothing."""
    return [
        *(f"{graph}: {finding}" for finding in _check_relations(world.relations)),
        *(f"{graph}: {finding}" for finding in _check_entities(world)),
        *(f"{graph}: {finding}" for finding in _check_facts(world)),
        *(f"{prose}: {finding}" for finding in _check_marks(world)),
    ]


def check_questions(
    questions: Sequence[WrittenQuestionSpec], world: World, *, where: str
) -> list[str]:
    """What is wrong with questions by hand about a sound world; empty if nothing."""
    return [
        f"{where}: [[question]] {number} ('{question.text}'): {finding}"
        for number, question in enumerate(questions, start=1)
        for finding in _check_question(question, world)
    ]


def _check_relations(relations: Sequence[Relation]) -> Iterator[str]:
    for relation_id, count in Counter(relation.id for relation in relations).items():
        if count > 1:
            yield (
                f"relation '{relation_id}' is defined {count} times; rename it here or leave "
                "it to the shared file"
            )


def _check_entities(world: World) -> Iterator[str]:
    for entity_id, count in Counter(entity.id for entity in world.entities).items():
        if count > 1:
            yield f"entity '{entity_id}' is defined {count} times; give each an id of its own"
    values = {value for relation in world.relations for value in relation.values}
    holder: dict[str, Entity] = {}
    for entity in world.entities:
        if entity.kind not in KINDS:
            known = did_you_mean(entity.kind, KINDS) or f"; kinds are {', '.join(KINDS)}"
            yield f"entity '{entity.id}': unknown kind '{entity.kind}'{known}"
        if entity.id in values:
            yield (
                f"entity '{entity.id}': its id is also a value of a relation, so that facts "
                "could mean either; choose another id"
            )
        for name in (entity.name, *entity.aliases):
            other = holder.setdefault(name.lower(), entity)
            if other is not entity:
                yield (
                    f"entity '{entity.id}': the name '{name}' belongs to entity '{other.id}' "
                    "already; rename one of them"
                )
        own = [name.lower() for name in (entity.name, *entity.aliases)]
        for name in sorted({name for name in own if own.count(name) > 1}):
            yield f"entity '{entity.id}': the name '{name}' is given twice; drop the alias"


def _check_facts(world: World) -> Iterator[str]:
    seen: dict[str, Fact] = {}
    triples: dict[tuple[str, str, str], Fact] = {}
    given: dict[tuple[str, str], Fact] = {}
    taken: dict[tuple[str, str], Fact] = {}
    for row, fact in enumerate(world.facts, start=1):
        at = f"fact '{fact.id}' (row {row})"
        if seen.setdefault(fact.id, fact) is not fact:
            yield f"{at}: another fact has this id; number it anew"
            continue
        problems = list(_check_fact(fact, world))
        if problems:
            yield from (f"{at}: {problem}" for problem in problems)
            continue
        relation = world.relation[fact.relation]
        pair = (fact.subject, fact.object)
        key = sorted(pair) if relation.symmetric else pair
        same = triples.setdefault((key[0], relation.id, key[1]), fact)
        if same is not fact:
            yield f"{at}: duplicate of fact '{same.id}'; remove one of them"
            continue
        for subject in pair if relation.symmetric else pair[:1]:
            first = given.setdefault((subject, relation.id), fact)
            if relation.functional and first is not fact:
                yield (
                    f"{at}: '{subject}' has an object of '{relation.id}' already, in fact "
                    f"'{first.id}', and can have only one; remove one of them"
                )
        first = taken.setdefault((fact.object, relation.id), fact)
        if relation.inverse_functional and first is not fact:
            yield (
                f"{at}: '{fact.object}' is the object of '{relation.id}' in fact '{first.id}' "
                "already, and can be so only once; remove one of them"
            )


def _check_fact(fact: Fact, world: World) -> Iterator[str]:
    """Whether one fact uses known words, in the domain and range of its relation."""
    relation = world.relation.get(fact.relation)
    if relation is None:
        known = did_you_mean(fact.relation, list(world.relation)) or "; define it first"
        yield f"unknown relation '{fact.relation}'{known}"
        return
    yield from _check_end(fact.subject, relation, relation.domain, "domain", world)
    if relation.range == "number":
        low, high = relation.values or ("0", "999999")
        plain = fact.object.isascii() and fact.object.isdigit() and fact.object[:1] != "0"
        if not plain or not int(low) <= int(fact.object) <= int(high):
            yield f"'{fact.object}' is no number from {low} to {high}, written in digits"
    elif relation.range == "value":
        if relation.values and fact.object not in relation.values:
            known = did_you_mean(fact.object, relation.values)
            yield (f"'{fact.object}' is no value of '{relation.id}'{known or '; add it to values'}")
    else:
        yield from _check_end(fact.object, relation, relation.range, "range", world)
        if fact.object == fact.subject:
            yield f"'{fact.subject}' stands to itself in '{relation.id}'; name somebody else"


def _check_end(
    entity_id: str, relation: Relation, kind: str, side: str, world: World
) -> Iterator[str]:
    entity = world.entity.get(entity_id)
    if entity is None:
        known = did_you_mean(entity_id, list(world.entity)) or "; add an [[entity]] for it"
        yield f"unknown entity '{entity_id}'{known}"
    elif entity.kind != kind:
        yield (
            f"'{entity_id}' is a {entity.kind}, outside the {side} of '{relation.id}', which is "
            f"{kind}; use another relation or correct the kind"
        )


def _check_marks(world: World) -> Iterator[str]:
    for number, passage in enumerate(world.passages, start=1):
        for fact_id in passage.fact_ids:
            if fact_id not in world.fact:
                known = did_you_mean(fact_id, list(world.fact)) or "; add it to story.toml"
                yield (
                    f"paragraph {number} ('{passage.text[:40]}…'): marks fact '{fact_id}', "
                    f"which does not exist{known}"
                )


def _check_question(question: WrittenQuestionSpec, world: World) -> Iterator[str]:
    suite = question.suite
    if suite not in SUITES:
        known = did_you_mean(suite, SUITES) or f"; suites are {', '.join(SUITES)}"
        yield f"unknown suite '{suite}'{known}"
        return
    unknown = [fact_id for fact_id in question.facts if fact_id not in world.fact]
    for fact_id in unknown:
        known = did_you_mean(fact_id, list(world.fact)) or "; add it to the facts"
        yield f"unknown fact '{fact_id}'{known}"
    yield from _check_cluster(question, world)
    if suite in ABSENT_SUITES:
        yield from _check_absent(question, world)
    if unknown:
        return
    if suite in REFUSED_SUITES:
        if question.expected:
            yield f"'{suite}' questions must be refused; remove 'expected'"
        told = [fact_id for fact_id in question.facts if fact_id in world.told_ids]
        if suite == "unstated" and (told or not question.facts):
            yield (
                f"fact '{told[0]}' is told in the prose; ask about an untold one"
                if told
                else "'facts' is empty; name the untold fact that it asks for"
            )
    elif question.gold is None:
        yield f"'gold' is missing; '{suite}' questions have an answer"
    else:
        yield from _check_expected(question, world)


def _check_cluster(question: WrittenQuestionSpec, world: World) -> Iterator[str]:
    if question.cluster in world.entity or question.suite == "out_of_domain":
        return
    if question.suite in ABSENT_SUITES and question.cluster == question.invented_name:
        return
    known = did_you_mean(question.cluster, list(world.entity))
    yield (
        f"unknown cluster '{question.cluster}'{known or ''}; it is an entity's id, or the "
        "invented name"
    )


def _check_absent(question: WrittenQuestionSpec, world: World) -> Iterator[str]:
    name = question.invented_name
    names = {known.lower(): known for known in world.names}
    if not name:
        yield "'invented_name' is missing; write the name that it asks about"
    elif name.lower() in names:
        yield f"the invented name '{name}' belongs to the story; ask about somebody absent"
    elif name.lower() not in question.text.lower():
        yield f"the invented name '{name}' does not stand in the question"
    if question.suite == "near_miss" and (question.nearest_name or "").lower() not in names:
        known = did_you_mean(question.nearest_name or "", list(world.names))
        yield (
            f"'nearest_name' must be a name of the story, not '{question.nearest_name or ''}'"
            f"{known}"
        )


def _check_expected(question: WrittenQuestionSpec, world: World) -> Iterator[str]:
    """Whether the graph gives `expected` from the question's facts, and nothing else too."""
    facts = [world.fact[fact_id] for fact_id in question.facts]
    untold = [fact.id for fact in facts if fact.id not in world.told_ids]
    if untold:
        yield f"fact '{untold[0]}' is not told in the prose; only 'unstated' may ask for it"
    if question.suite in TOLD_SUITES and not (facts and question.expected):
        yield "'facts' and 'expected' must both be given; name what answers the question"
        return
    given = _given(facts, counting=question.suite == "relational")
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
