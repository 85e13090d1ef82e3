"""What a question asks, in terms of its world: the context of short answers.

"Pentiagon." says nothing by itself; as an answer to "Where did Visgar live?" it says
that Visgar lived in Pentiagon.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.records import Fact, Form, Question
from harness.grading.linking.linker import INVENTED, Mention
from harness.world.graph import World, fill


@dataclass(frozen=True, slots=True)
class Term:
    """One end of a claim.

    `kind`: kind of entity, "value", "number", "open" (words that are
    no listed value), or "unknown", "invented", "cut". `ids`: entity ids or the value.
    """

    kind: str
    ids: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What is asked, and of whom.

    `asks`: which slot the answer fills: "o", "s", "n" (how many subjects), "pair" (which
    of two subjects), or None. `given`: what stands in the other slot, or whom an open
    question is about. `rivals`: the two subjects of a comparison. `named`: the names in the
    question's text.
    """

    relation: str | None = None
    asks: str | None = None
    given: Term | None = None
    rivals: tuple[str, ...] = ()
    named: tuple[Mention, ...] = ()


def entity_term(world: World, entity_id: str) -> Term:
    """The term of a known entity, or of a plain value."""
    entity = world.entity.get(entity_id)
    if entity is None:
        return Term("number" if entity_id.isdigit() else "value", (entity_id,), entity_id)
    return Term(entity.kind, (entity_id,), entity.name)


def frame_of(question: Question, world: World) -> Frame:
    """The frame of a question, from its record and, for invented names, from its wording."""
    facts = [world.fact[i] for i in question.fact_ids if i in world.fact]
    relation = question.relation if question.relation in world.relation else None
    if relation is None and facts and len({fact.relation for fact in facts}) == 1:
        relation = facts[0].relation if question.form is not Form.OPEN else None
    if question.invented_name:
        given = Term(INVENTED, (), question.invented_name)
        return Frame(relation, _asked_of_invented(question, world, relation), given)
    subject = question.subject if question.subject in world.entity else None
    about = entity_term(world, subject) if subject else None
    if question.form is not Form.FACT or relation is None:
        return Frame(relation, None, about)
    return _answerable(question, world, relation, facts, about)


def _answerable(
    question: Question, world: World, relation: str, facts: list[Fact], about: Term | None
) -> Frame:
    record, expected = world.relation[relation], set(question.expected)
    mine = [fact for fact in facts if fact.relation == relation]
    subjects = {fact.subject for fact in mine}
    differ = len(subjects) == 2 and len({fact.object for fact in mine}) == 2
    if record.compare and len(mine) == 2 and differ and expected < subjects:
        return Frame(relation, "pair", None, tuple(fact.subject for fact in mine))
    counted = record.count and record.range != "number" and mine
    if counted and expected and all(word.isdigit() for word in expected):
        return Frame(relation, "n", entity_term(world, mine[0].object))
    for fact in reversed(mine):
        if fact.object in expected and fact.subject not in expected:
            return Frame(relation, "o", entity_term(world, fact.subject))
        if fact.subject in expected and fact.object not in expected:
            asks = "o" if record.symmetric else "s"
            return Frame(relation, asks, entity_term(world, fact.object))
    if about is None and mine:
        about = entity_term(world, mine[-1].subject)
    return Frame(relation, "o" if about else None, about)


def _asked_of_invented(question: Question, world: World, relation: str | None) -> str | None:
    if relation is None:
        return None
    asked = question.text.lower()
    name = str(question.invented_name)
    inverse = world.relation[relation].inverse_questions
    turned = any(fill(template, o=name).lower() in asked for template in inverse)
    return "s" if turned else "o"
