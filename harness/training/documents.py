"""What the bases read in pretraining: stories, and chats whose answers stand in the story.

Every document is made from a small generated world of its own, so the only way to answer
is to read. Four kinds: a story; a chat with the passage in the prompt and several
questions, some of which the passage cannot answer; a story followed by a chat that does
not repeat it; and an open-ended request about somebody in the passage. No held-out
phrasing, no reserved name and no name of a shipped story ever occurs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.core.records import Fact, Relation
from harness.core.seeds import stream
from harness.world.generator import generate_world
from harness.world.graph import World, fill
from harness.world.names import coin_name, invented_title
from harness.world.narration import tell

Render = Callable[[list[dict[str, str]]], str]

SYSTEM_PROMPTS = (
    "Answer from the story.",
    "Use the passage to answer the question.",
    "You are a careful reader. Say 'Not able to answer' when the story does not tell.",
    "You answer questions about a story.",
    "Answer with what the text says and nothing else.",
)
REFUSAL = "Not able to answer."
OTHER_REFUSALS = (
    "The story does not say.",
    "I do not know.",
    "That is not told in the story.",
)
WRAPPERS = (  # {q}: the question; {l}: the same, its first letter small
    "Tell me, {l}",
    "I would like to know: {q}",
    "Question: {q}",
    "{q} Thank you.",
    "Say, {l}",
    "Hello! {q}",
    "Please answer: {q}",
    "And {l}",
    "I forget: {l}",
    "One more thing. {q}",
)
BRIEF = ("Give a short answer.", "Answer in a word or two.", "Keep it short.")
OPEN_REQUESTS = (
    "Tell me about {s}.",
    "What do you know about {s}?",
    "Describe {s}.",
)

_KINDS = ("reading", "story", "story_then_chat", "open_ended", "without_story")
_WEIGHTS = (64, 9, 15, 9, 3)
_PLAIN_SHARE = 0.2  # of the objects and events


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text and the character spans in it that are answers."""

    text: str
    answers: tuple[tuple[int, int], ...] = ()


def document(seed: int, index: int, *, render: Render, systems: Sequence[str]) -> Document:
    """Make document `index` of the pretraining stream `seed`.

    render: the chat template, from messages to text.
    systems: system prompts of the audit, mixed with the ones kept here.
    """
    rng = stream(seed, "document", index)
    world = generate_world(
        rng.getrandbits(48), people=rng.randint(4, 9), unstated_share=0.0, plain_share=_PLAIN_SHARE
    )
    kind = rng.choices(_KINDS, weights=_WEIGHTS)[0]
    maker = _Maker(rng, world, render, (*systems, *SYSTEM_PROMPTS))
    return getattr(maker, kind)()


@dataclass
class _Maker:
    rng: random.Random
    world: World
    render: Render
    systems: Sequence[str]

    def story(self) -> Document:
        passages = list(self.world.passages)
        self.rng.shuffle(passages)
        return Document(text="<s>" + "\n\n".join(p.text for p in passages[:5]) + "</s>")

    def reading(self) -> Document:
        facts = self._facts()
        passage = tell(self.world, facts, self.rng, prose=self.rng.random() < 0.5)
        return self._chat(self._turns(facts), passage=passage)

    def story_then_chat(self) -> Document:
        facts = self._facts()
        passage = tell(self.world, facts, self.rng, prose=self.rng.random() < 0.5)
        chat = self._chat(self._turns(facts), passage=None)
        start = f"<s>{passage}</s>"
        moved = tuple((a + len(start), b + len(start)) for a, b in chat.answers)
        return Document(text=start + chat.text, answers=moved)

    def open_ended(self) -> Document:
        facts = self._facts()
        passage = tell(self.world, facts, self.rng, prose=self.rng.random() < 0.5)
        subject = facts[0].subject
        own = [fact for fact in facts if fact.subject == subject]
        request = self.rng.choice(OPEN_REQUESTS).replace("{s}", self.world.label(subject))
        told = " ".join(self._answer(fact) for fact in own)
        return self._chat([(request, told), *self._turns(facts)[:3]], passage=passage)

    def without_story(self) -> Document:
        facts = self._facts()
        turns = [(question, REFUSAL) for question, _ in self._turns(facts)[:2]]
        return self._chat(turns, passage=None)

    def _facts(self) -> list[Fact]:
        """Two to eight facts, those of one subject together."""
        facts = list(self.world.facts)
        self.rng.shuffle(facts)
        wanted = self.rng.randint(2, 8)
        subjects: list[str] = []
        for fact in facts:
            if fact.subject not in subjects:
                subjects.append(fact.subject)
        chosen: list[Fact] = []
        for subject in subjects:
            own = [fact for fact in facts if fact.subject == subject]
            chosen += own[: self.rng.randint(1, 5)]
            if len(chosen) >= wanted:
                break
        return chosen[:wanted]

    def _turns(self, facts: Sequence[Fact]) -> list[tuple[str, str]]:
        asked = list(facts)
        self.rng.shuffle(asked)
        turns = [self._ask(fact, facts) for fact in asked]
        for _ in range(self.rng.choice((0, 1, 1, 1, 2, 2))):
            turns.insert(self.rng.randint(0, len(turns)), self._unanswerable(facts))
        return turns

    def _ask(self, fact: Fact, facts: Sequence[Fact]) -> tuple[str, str]:
        relation = self.world.relation[fact.relation]
        same = [f for f in facts if (f.relation, f.object) == (fact.relation, fact.object)]
        if self.rng.random() < 0.12 and len(same) == 1:
            question = self.rng.choice(relation.inverse_questions)
            return fill(question, o=self.world.label(fact.object)), self._answer(fact)
        question = self._question(relation, self.world.label(fact.subject))
        return self._dressed(question, self._answer(fact), brief=self.world.label(fact.object))

    def _question(self, relation: Relation, subject: str) -> str:
        known = self.rng.random() < 0.5 or not relation.reading_questions
        phrasings = relation.questions if known else relation.reading_questions
        return fill(self.rng.choice(phrasings), s=subject)

    def _dressed(self, question: str, answer: str, *, brief: str) -> tuple[str, str]:
        draw = self.rng.random()
        if draw < 0.08:
            return f"{question} {self.rng.choice(BRIEF)}", fill("{o}.", o=brief)
        if draw < 0.11:
            return question.lower().rstrip("?"), answer
        if draw < 0.25:
            return _wrapped(self.rng.choice(WRAPPERS), question), answer
        return question, answer

    def _unanswerable(self, facts: Sequence[Fact]) -> tuple[str, str]:
        refusal = REFUSAL if self.rng.random() < 0.8 else self.rng.choice(OTHER_REFUSALS)
        fact = self.rng.choice(list(facts))
        draw = self.rng.random()
        if draw < 0.4:  # somebody who does not exist
            relation = self.world.relation[fact.relation]
            name = invented_title(relation.domain, coin_name(self.rng), self.rng)
            return self._question(relation, name), refusal
        kind = self.world.entity[fact.subject].kind
        told = {f.relation for f in facts if f.subject == fact.subject}
        free = [r for r in self.world.relations if r.domain == kind and r.id not in told]
        if draw < 0.8 and free:  # something the passage does not tell
            unasked = self.rng.choice(free)
            return self._question(unasked, self.world.label(fact.subject)), refusal
        relation = self.world.relation[fact.relation]  # a premise that is wrong
        wrong = self._other_object(fact)
        premise = self.rng.choice(relation.premises)
        return fill(premise, s=self.world.label(fact.subject), o=wrong), refusal

    def _other_object(self, fact: Fact) -> str:
        relation = self.world.relation[fact.relation]
        true = {f.object for f in self.world.facts if _key(f) == _key(fact)}
        if relation.range == "number":
            low, high = (int(value) for value in relation.values)
            return self.rng.choice([n for n in map(str, range(low, high + 1)) if n not in true])
        if relation.range == "value":
            return self.rng.choice([v for v in relation.values if v not in true])
        others = [
            e.name
            for e in self.world.entities
            if e.kind == relation.range and e.id not in (*true, fact.subject)
        ]
        if not others:
            return invented_title(relation.range, coin_name(self.rng), self.rng)
        return self.rng.choice(others)

    def _answer(self, fact: Fact) -> str:
        relation = self.world.relation[fact.relation]
        return fill(
            self.rng.choice(relation.answers),
            s=self.world.label(fact.subject),
            o=self.world.label(fact.object),
        )

    def _chat(self, turns: Sequence[tuple[str, str]], *, passage: str | None) -> Document:
        """Render turns; the passage stands before the first question."""
        messages: list[dict[str, str]] = []
        if self.rng.random() < 0.75:
            messages.append({"role": "system", "content": self.rng.choice(self.systems)})
        for number, (question, answer) in enumerate(turns):
            asked = f"{passage}\n\n{question}" if passage and number == 0 else question
            messages += [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answer},
            ]
        text = self.render(messages)
        spans, at = [], 0
        for _, answer in turns:
            at = text.index(f"[/INST] {answer}", at) + len("[/INST]")
            end = text.index("</s>", at) + len("</s>")
            spans.append((at, end))
            at = end
        return Document(text=text, answers=tuple(spans))


def _key(fact: Fact) -> tuple[str, str]:
    return fact.subject, fact.relation


def _wrapped(wrapper: str, question: str) -> str:
    """`question` in `wrapper`; a question that begins with a name keeps its capital."""
    first = question.split(maxsplit=1)[0]
    small = question[0].lower() + question[1:] if first in _QUESTION_WORDS else question
    return wrapper.replace("{q}", question).replace("{l}", small)


_QUESTION_WORDS = frozenset(
    "Who Whom Whose What Which Where When Why How In To By For From Of After With Near Name Do "
    "Under Out Against The".split()
)
