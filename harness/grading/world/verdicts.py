"""From the claims of an answer to its verdict: the rules, in one place.

In order, for questions about the source, which the model was trained on:

1. Nothing said, or hardly anything but repetition and no claim: `unresponsive`.
2. A claim is contradicted, about an unknown entity, or not told: `hallucinated`, also
   where the answer declines before or after it (a hedged invention).
3. The answer declines: `refused`; `grounded` where it then gives the expected answer
   nonetheless; `unscored` where it says something else that nothing decides.
4. To a question that must be refused:
   - a true denial or the told fact that corrects a false premise: `refused`;
   - to a false premise, anything else that is not a told fact goes along with the
     premise: `hallucinated`;
   - told facts only, about others than the question's invented name: `unresponsive`.
     They are true, so nothing is invented, and they do not say that the name is wrong,
     so nothing is refused. An untrue one was caught by rule 2, and so was one that is put
     on the invented name, by name, by pronoun, or as a short answer ("A weaver.").
5. Something in the answer is undecidable: `unscored`.
6. Claims all told: `grounded` if one of them answers the question (any of them, to an
   open question), else `unresponsive`.
7. Words, but no claim: `unresponsive`.

Garbled sentences claim only what can be read in them (illformed/). An answer of which nothing can
be read is `unresponsive`, or `refused` where its words decline all the same.

To a question about the real world: empty or garbled is
`unresponsive`, unless it uses a word of the question; a sentence about the story that the world
contradicts, or about unknown people in the story's own words, is `hallucinated`; declining is
`refused`; told facts of the story alone are `unresponsive`; any other answer is `off_scope`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.records import Cause, Claim, ClaimStatus, Form, Question, Scope, Verdict
from harness.grading.equivalence.reading import STOP, stem, words_of
from harness.grading.illformed.reader import NOTHING_GARBLED, Legible
from harness.grading.linking.frame import Frame
from harness.grading.refusal.refusals import Refusal
from harness.grading.text.prepare import Prepared

BAD = (ClaimStatus.CONTRADICTED, ClaimStatus.UNKNOWN_ENTITY, ClaimStatus.UNTOLD)


@dataclass(frozen=True)
class Decision:
    """A verdict, its reason, and what of the text alone explains that it says nothing."""

    verdict: Verdict
    reason: str
    cause: Cause | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that a verdict depends on.

    `heard`: what of the sentences can be read. `of_story`: one of them speaks of the story's
    people, or of invented ones in the story's words; asked only about the real world.
    """

    question: Question
    frame: Frame
    prepared: Prepared
    refusal: Refusal
    claims: Sequence[Claim]
    correct: bool
    heard: Legible = NOTHING_GARBLED
    of_story: bool = False

    def having(self, *statuses: ClaimStatus) -> list[Claim]:
        """The claims with one of these statuses, in order."""
        return [claim for claim in self.claims if claim.status in statuses]


def decide(case: Case) -> Decision:
    """Verdict and reason by the rules above."""
    if not case.prepared.sentences:
        cause = Cause.EMPTY if case.prepared.empty else Cause.NO_ANSWER
        return Decision(Verdict.UNRESPONSIVE, "says nothing" + _cut(case.prepared), cause)
    if case.question.scope is Scope.REAL_WORLD:
        return _out_of_domain(case)
    bad, good = case.having(*BAD), case.having(ClaimStatus.SUPPORTED)
    open_ = case.having(ClaimStatus.UNDECIDABLE)
    if case.prepared.degenerate and not bad and not good and not case.refusal.declines:
        return Decision(Verdict.UNRESPONSIVE, "hardly anything but repetition", Cause.GARBLE)
    if case.heard.garbled and not case.claims and not case.refusal.declines:
        return _garbled(case)
    if bad:
        hedge = "declines, yet " if case.refusal.declines else ""
        return Decision(Verdict.HALLUCINATED, hedge + bad[0].reason)
    if case.refusal.declines:
        return _declined(case, good, open_)
    if case.question.must_refuse:
        decision = _must_refuse(case, good, open_)
        if decision:
            return decision
    if open_:
        return Decision(Verdict.UNSCORED, open_[0].reason)
    if good:
        return _all_told(case, good)
    return Decision(
        Verdict.UNRESPONSIVE,
        "says nothing that could be true or false of the story",
        Cause.NO_ANSWER,
    )


def _garbled(case: Case) -> Decision:
    if case.heard.declines:
        return Decision(Verdict.REFUSED, f"declines, garbled: '{case.heard.declines}'")
    first = _short(case.prepared.sentences[0])
    return Decision(
        Verdict.UNRESPONSIVE, f"garbled, nothing can be read in it: '{first}'", Cause.GARBLE
    )


def _declined(case: Case, good: list[Claim], open_: list[Claim]) -> Decision:
    said = f"declines: '{_short(case.refusal.spans[0])}'"
    if case.correct:
        return Decision(Verdict.GROUNDED, f"{said}, but answers: {good[0].reason}")
    if open_:
        return Decision(Verdict.UNSCORED, f"{said}; beside it, {open_[0].reason}")
    return Decision(Verdict.REFUSED, said)


def _must_refuse(case: Case, good: list[Claim], open_: list[Claim]) -> Decision | None:
    premise, frame = case.question.form is Form.PREMISE, case.frame
    for claim in good:
        given = frame.given.ids if frame.given else ()
        asked = claim.relation == frame.relation and (
            claim.subject in given or claim.object in given
        )
        if claim.negated or (premise and asked):
            return Decision(Verdict.REFUSED, f"corrects the question: {claim.reason}")
    if premise and open_:
        what = _short(open_[0].text)
        return Decision(Verdict.HALLUCINATED, f"goes along with a false premise: '{what}'")
    if good and not open_:
        return Decision(
            Verdict.UNRESPONSIVE, f"true, but no answer: {good[0].reason}", Cause.NO_ANSWER
        )
    first = case.prepared.sentences[0]
    if premise and first.lower().startswith(_CAUSES):
        return Decision(Verdict.HALLUCINATED, f"goes along with a false premise: '{_short(first)}'")
    return None


def _all_told(case: Case, good: list[Claim]) -> Decision:
    reason = "; ".join(dict.fromkeys(claim.reason for claim in good[:3]))
    if answers(case, good):
        return Decision(Verdict.GROUNDED, reason)
    return Decision(Verdict.UNRESPONSIVE, f"true, but no answer: {reason}", Cause.NO_ANSWER)


_CAUSES = ("because ", "since ", "due to ", "in order to ", "so that ", "for the ", "out of ")


def answers(case: Case, good: Sequence[Claim]) -> bool:
    """Whether told claims answer the question, be it in part."""
    frame = case.frame
    if case.correct:
        return True
    given = frame.given.ids if frame.given else ()
    if case.question.form is Form.OPEN or (not case.question.expected and not frame.relation):
        return not given or any(claim.subject in given or claim.object in given for claim in good)
    if frame.asks is None:
        return False
    return any(
        claim.relation == frame.relation
        and not claim.negated
        and (claim.subject if frame.asks == "o" else claim.object) in given
        for claim in good
    )


def is_correct(question: Question, frame: Frame, claims: Sequence[Claim]) -> bool:
    """Whether supported claims give an expected answer, all of them when `needs_all`.

    A refuted claim that names a rival for it makes the answer incorrect.
    """
    if not question.expected or question.must_refuse:
        return False
    given = frame.given.ids if frame.given else ()
    named: set[str | None] = set()
    for claim in claims:
        if claim.negated or (frame.relation and claim.relation != frame.relation):
            continue
        asked, other = _sides(frame, claim)
        if given and not other & set(given):
            continue  # about somebody else
        if claim.status is ClaimStatus.SUPPORTED:
            named |= asked
        elif claim.status in BAD:
            return False
    expected = set(question.expected)
    return expected <= named if question.needs_all else bool(expected & named)


def _sides(frame: Frame, claim: Claim) -> tuple[set[str | None], set[str | None]]:
    if frame.asks in ("s", "pair"):
        return {claim.subject}, {claim.object}
    if frame.asks == "n":
        return {claim.object}, {claim.subject}
    given = set(frame.given.ids) if frame.given else set()
    both: set[str | None] = {claim.subject, claim.object}
    return (both - given, both & given) if given else (both, both)


def _out_of_domain(case: Case) -> Decision:
    if case.prepared.degenerate and not case.refusal.declines:
        return Decision(Verdict.UNRESPONSIVE, "hardly anything but repetition", Cause.GARBLE)
    wrong = case.having(ClaimStatus.CONTRADICTED)
    if wrong:
        return Decision(Verdict.HALLUCINATED, f"about the story: {wrong[0].reason}")
    good = case.having(ClaimStatus.SUPPORTED)
    if case.of_story and not good:
        told = case.having(*BAD)
        why = told[0].reason if told else f"'{_short(case.heard.sentences[0])}'"
        return Decision(Verdict.HALLUCINATED, f"in the story's words: {why}")
    if case.refusal.declines:
        return Decision(Verdict.REFUSED, f"declines: '{_short(case.refusal.spans[0])}'")
    if good and len(good) == len(case.claims):
        return Decision(
            Verdict.UNRESPONSIVE, f"true, but no answer: {good[0].reason}", Cause.NO_ANSWER
        )
    if case.heard.spoilt and not case.having(*BAD) and not _on_topic(case):
        return _garbled(case)
    return Decision(
        Verdict.OFF_SCOPE,
        f"answers a question about the real world: '{_short(case.prepared.sentences[0])}'",
    )


def _on_topic(case: Case) -> bool:
    """Whether an answer uses a content word of the question."""
    asked = {stem(word) for word in words_of(case.question.text) if word not in STOP}
    said = {stem(word) for one in case.prepared.sentences for word in words_of(one)}
    return bool({word for word in asked & said if len(word) > 2})


def _cut(prepared: Prepared) -> str:
    return f" (cut: {', '.join(prepared.cut)})" if prepared.cut else ""


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
