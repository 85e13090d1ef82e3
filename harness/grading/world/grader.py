"""The world grader: from a question and a model's words to a verdict that says why.

`WorldGrader.grade` reads the answer (text/), settles short refusals and what it cannot read, looks
for a refusal (refusal/), leaves of ill-formed sentences what can be read in them (illformed/),
finds the claims in that (linking/, coreference/, syntax/, extraction/), looks each up in the world
(verification/), and decides by the rules of verdicts.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from harness.core.errors import GradingError, UsageError
from harness.core.records import (
    Cause,
    Exposure,
    Question,
    Scope,
    Verdict,
)
from harness.grading.extraction.claims import ClaimFinder
from harness.grading.extraction.meaning import RelationByMeaning
from harness.grading.extraction.patterns import PatternBook
from harness.grading.illformed.reader import GarbleReader, doubted
from harness.grading.linking.frame import Frame, frame_of
from harness.grading.linking.lexicon import Lexicon
from harness.grading.linking.linker import UNKNOWN, Guard, Linker, Mention, guard_for, with_names
from harness.grading.protocol import NO_CONTEXT, Context, Grade, offers
from harness.grading.refusal.refusals import refusal_in
from harness.grading.refusal.short import declines_shortly, says_no_word
from harness.grading.text.said import said
from harness.grading.text.unreadable import Readable, readable
from harness.grading.text.words import Canon
from harness.grading.verification.lookup import Lookup, Meaning
from harness.grading.verification.values import ValueReader
from harness.grading.world.verdicts import Case, decide, is_correct
from harness.world.graph import World

MAX_KEPT = 200_000  # grades kept, so that one text is graded once


class WorldGrader:
    """Grades answers about one world. Facts without an exposure count as never told.

    `meaning` gives the cosines of a text with others; by default the shipped encoder, loaded only
    when wording does not decide; None to leave such claims undecided.
    """

    version = "world@5"

    def __init__(
        self,
        world: World,
        exposure: Mapping[str, Exposure],
        *,
        meaning: Meaning | str | None = "default",
    ) -> None:
        self.world = world
        chosen: Meaning | None = similarity if isinstance(meaning, str) else meaning
        canon = Canon(_templates(world))
        values = ValueReader(world, canon)
        self._linker = linker = Linker(world, Lexicon(world))
        self._garble = GarbleReader(world, linker.lexicon)
        book = PatternBook(world.relations, canon)
        by_meaning = RelationByMeaning(world, chosen) if chosen else None
        self._finder = ClaimFinder(world, linker, book, canon, values, by_meaning)
        self._lookup = Lookup(world, exposure, values, chosen)
        names = [name for entity in world.entities for name in (entity.name, *entity.aliases)]
        self._names = tuple(dict.fromkeys(names))
        self._words = frozenset(word for name in names for word in name.lower().split())
        self._frames: dict[str, tuple[Question, Frame, Guard]] = {}
        self._grades: dict[tuple[str, str, bool], Grade] = {}

    def grade(self, question: Question, answer: str, context: Context = NO_CONTEXT) -> Grade:
        """Grade `answer` as the answer to `question`.

        Raises GradingError when two questions come under one id.
        """
        frame, guard = self._frame(question)
        truncated = context.truncated
        key = (question.id, answer, truncated)
        found = self._grades.get(key)
        if found is None:
            if len(self._grades) >= MAX_KEPT:
                self._grades.clear()
            found = self._grades[key] = self._grade(question, frame, guard, answer, truncated)
        return found

    def _grade(
        self, question: Question, frame: Frame, guard: Guard, text: str, truncated: bool
    ) -> Grade:
        """First what needs no claims: thinking alone, a short refusal, no English."""
        heard = said(text)
        if heard.only_thought:
            return Grade(
                verdict=Verdict.UNRESPONSIVE,
                correct=False,
                reason="thinking, and no answer",
                cause=Cause.REASONING,
                thought=True,
            )
        expected = (*question.expected, *self._names)
        if declines_shortly(heard.text, question=question.text, expected=expected):
            reason = f"declines: '{heard.text}'"
            return Grade(
                verdict=Verdict.REFUSED, correct=False, reason=reason, thought=heard.thought
            )
        if says_no_word(heard.text) and heard.text.lower() not in self._words:
            return Grade(
                verdict=Verdict.UNRESPONSIVE, correct=False, reason="says nothing",
                cause=Cause.NO_ANSWER, thought=heard.thought,
            )  # fmt: skip
        clear = readable(heard.text, self._words)
        if clear.cause and not clear.text.strip():
            grade = _unread(clear)
        else:
            grade = self._grade_words(question, frame, guard, clear.text, truncated)
            if clear.cause and grade.verdict is Verdict.UNRESPONSIVE:
                grade = _unread(clear)
        if not heard.closed and grade.verdict is Verdict.UNRESPONSIVE:
            grade = replace(grade, cause=Cause.REASONING)
        return replace(grade, thought=heard.thought) if heard.thought else grade

    def _frame(self, question: Question) -> tuple[Frame, Guard]:
        known = self._frames.get(question.id)
        if known is None:
            guard, frame = guard_for(question.invented_name), frame_of(question, self.world)
            if frame.given is not None:
                given = frame.given
                named: tuple[Mention, ...] = (Mention(0, 1, given.text, given.kind, given.ids),)
            else:
                named = tuple(self._linker.link(question.text, guard).mentions)
                guard = with_names(guard, [m.text for m in named if m.kind == UNKNOWN])
            frame = replace(frame, named=named)
            self._frames[question.id] = (question, frame, guard)
            return frame, guard
        if known[0] is not question and known[0] != question:
            raise GradingError(f"question {question.id}: two different questions have this id")
        return known[1], known[2]

    def _grade_words(
        self, question: Question, frame: Frame, guard: Guard, text: str, truncated: bool
    ) -> Grade:
        names = (question.invented_name,) if question.invented_name else ()
        prepared, salad = self._garble.prepare(text, truncated=truncated, names=names)
        refusal = refusal_in(prepared.sentences, states=self._finder.states, absent=names)
        unfinished = prepared.unfinished and not refusal.declines
        echo = _bare(question.text)
        said = [sentence for sentence in refusal.rest if _bare(sentence) != echo]
        silent = [sentence for sentence in prepared.sentences if sentence not in said]
        heard = self._garble.legible(said, salad=salad, names=names)
        unfinished = unfinished and not heard.garbled
        found = self._finder.find(
            heard.sentences, frame, guard, unfinished=unfinished, silent=silent
        )
        found = doubted(found, heard, frame, question.form)
        claims = tuple(dict.fromkeys(self._lookup.judge(one) for one in found))
        correct = is_correct(question, frame, claims)
        case = Case(
            question=question,
            frame=frame,
            prepared=prepared,
            refusal=refusal,
            claims=claims,
            correct=correct,
            heard=heard,
            of_story=question.scope is Scope.REAL_WORLD
            and self._garble.of_the_story(heard.sentences, question.text),
        )
        decision = decide(case)
        return Grade(
            verdict=decision.verdict,
            correct=correct,
            reason=decision.reason,
            claims=claims,
            cause=decision.cause,
        )


@offers(WorldGrader.version)
def for_source(source: Any) -> WorldGrader:
    """Claims looked up in a story's world: what is contradicted, unknown or untold is made up.

    source: one that has a `world` and an `exposure`. Raises UsageError for another one.
    """
    world, exposure = getattr(source, "world", None), getattr(source, "exposure", None)
    if world is None or exposure is None:
        raise UsageError(
            "the grader 'world' needs a story whose facts are known; name another one ('grader' "
            "in the suite's file; 'bordor graders' lists them)"
        )
    return WorldGrader(world, exposure)


def _unread(clear: Readable) -> Grade:
    return Grade(verdict=Verdict.UNSCORED, correct=False, reason=clear.reason, cause=clear.cause)


def similarity(a: str, others: Sequence[str]) -> list[float]:
    """Cosine of a text with each of `others`, by the shipped encoder."""
    from harness.encoder.embedding import default_encoder

    return default_encoder().similarity(a, others)


def _bare(sentence: str) -> str:
    return sentence.strip(" .?!\"'").lower()


def _templates(world: World) -> Iterator[str]:
    for relation in world.relations:
        yield from chain(relation.statements, relation.clauses, relation.answers)
        yield from chain(relation.count[1:2], relation.compare[1:2])
