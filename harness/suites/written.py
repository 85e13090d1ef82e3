"""Questions by hand: those of a story, and the packs that suites carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rapidfuzz.distance import Levenshtein

from harness.core.errors import StoryError
from harness.core.records import Exposure, Fact, Question
from harness.core.specs import WrittenQuestionSpec
from harness.suites.select import Candidate, question_id
from harness.suites.source import REFUSAL, Source
from harness.world.names import coin_name, near_names

_ANSWERED = ("in_domain", "paraphrase", "text_only")


def pack_questions(source: Source) -> Iterator[Candidate]:
    """The `[[question]]`s of the suite itself; each is a cluster of its own."""
    for spec in source.suite.question:
        question = source.question(
            text=spec.text,
            gold=spec.answer,
            cluster=question_id(source.suite.id, spec.text),
            origin="written",
        )
        yield source.candidate(question, stratum=spec.category)


def story_questions(source: Source, written: Iterable[WrittenQuestionSpec]) -> Iterator[Candidate]:
    """Those of a story's own questions that belong to the suite at these exposures.

    No wording by hand was ever trained, so a question about trained facts counts as a
    paraphrase, and one about facts that were only told in the text as `text_only`.
    """
    for spec in written:
        facts = [source.world.fact[fact_id] for fact_id in spec.facts]
        if _suite_of(source, spec, facts) == source.suite.id:
            _certify(source, spec)
            yield source.candidate(_question(source, spec, facts), stratum="written")


def _certify(source: Source, spec: WrittenQuestionSpec) -> None:
    if not spec.invented_name:
        return
    near = _distance(spec.invented_name, spec.nearest_name)
    problem = source.absence.problem(spec.invented_name, distance=near, nearest=spec.nearest_name)
    if problem:
        raise StoryError(
            f"{source.world.name}: [[question]] '{spec.text}' asks about '{spec.invented_name}' as "
            f"nobody, but that name {problem}; {_remedy(source, spec, near)}"
        )


def _remedy(source: Source, spec: WrittenQuestionSpec, near: int | None) -> str:
    rng = source.random("written", spec.invented_name)
    names: Iterable[str] = (coin_name(rng, reserved=True) for _ in range(1000))
    if spec.nearest_name and near:
        names = near_names(spec.nearest_name, near, rng)
    for name in names:
        if not source.absence.problem(name, distance=near, nearest=spec.nearest_name):
            return f"take for example '{name}'"
    return "ask about another one"


def _suite_of(source: Source, spec: WrittenQuestionSpec, facts: list[Fact]) -> str | None:
    told = all(source.is_told(fact) for fact in facts)
    if spec.suite in _ANSWERED:
        if not told:
            return None
        trained = source.joint_exposure(facts) is Exposure.TRAINED
        return "paraphrase" if trained else "text_only"
    if spec.suite == "unstated":
        return None if facts and any(source.is_told(fact) for fact in facts) else "unstated"
    return spec.suite if told else None


def _question(source: Source, spec: WrittenQuestionSpec, facts: list[Fact]) -> Question:
    single = facts[0] if len(facts) == 1 else None
    plain = " ".join(source.sentence(fact) for fact in facts)
    return source.question(
        text=spec.text,
        gold=spec.gold or (REFUSAL if source.suite.must_refuse else plain),
        cluster=spec.cluster,
        expected=tuple(spec.expected),
        needs_all=spec.needs_all,
        fact_ids=tuple(spec.facts),
        relation=single.relation if single else None,
        subject=_subject(source, spec, facts),
        exposure=source.joint_exposure(facts) if facts else None,
        invented_name=spec.invented_name,
        nearest_name=spec.nearest_name,
        distance=_distance(spec.invented_name, spec.nearest_name),
        origin="written",
    )


def _subject(source: Source, spec: WrittenQuestionSpec, facts: list[Fact]) -> str | None:
    """The entity that the relation asked is about; None where several facts are joined."""
    joined = source.suite.id == "relational" and facts != [
        f for f in facts if f.subject == spec.cluster
    ]
    return None if joined or spec.cluster not in source.world.entity else spec.cluster


def _distance(name: str | None, other: str | None) -> int | None:
    if name is None or other is None:
        return None
    return int(Levenshtein.distance(name.lower(), other.lower()))
