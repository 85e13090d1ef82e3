"""Questions by hand: those of a story, and the packs that suites carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rapidfuzz.distance import Levenshtein

from harness.core.errors import StoryError
from harness.core.records import Fact, Question, Scope
from harness.core.specs import WrittenQuestionSpec
from harness.suites.check_written import check_questions
from harness.suites.material import REFUSAL, Material
from harness.suites.select import Candidate, question_id
from harness.suites.spec import SuiteSpec, shipped_suites
from harness.world.graph import World
from harness.world.names import coin_name, near_names
from harness.world.story import written_questions

_OF_ONE_FACT = ("trained", "text_only")  # exposures between which a question is moved


def read_written(
    ref: str, world: World, suites: Mapping[str, SuiteSpec]
) -> tuple[WrittenQuestionSpec, ...]:
    """The questions by hand of the story `ref`, held against its world and the suites.

    Raises StoryError with everything that is wrong, a line each.
    """
    where, found = written_questions(ref)
    return _checked(found, world, suites, where=str(where))


def suite_questions(
    world: World, suites: Mapping[str, SuiteSpec]
) -> tuple[WrittenQuestionSpec, ...]:
    """The questions about the source that suites themselves carry, held against the world.

    Raises StoryError with everything that is wrong, a line each.
    """
    found: list[WrittenQuestionSpec] = []
    for suite in suites.values():
        if suite.scope is Scope.SOURCE:
            own = [one.written(suite.id) for one in suite.question]
            found += _checked(own, world, suites, where=f"{suite.id}.toml")
    return tuple(found)


def _checked(
    found: Sequence[WrittenQuestionSpec],
    world: World,
    suites: Mapping[str, SuiteSpec],
    *,
    where: str,
) -> tuple[WrittenQuestionSpec, ...]:
    problems = check_questions(found, world, suites=suites, where=where)
    if problems:
        raise StoryError("\n".join(problems))
    return tuple(found)


def pack_questions(material: Material) -> Iterator[Candidate]:
    """The suite's own questions about the real world; each is a cluster of its own."""
    if material.suite.scope is Scope.SOURCE:
        return
    for spec in material.suite.question:
        question = material.question(
            text=spec.text,
            gold=spec.answer or REFUSAL,
            cluster=question_id(material.suite.id, spec.text),
            origin="written",
        )
        yield material.candidate(question, stratum=spec.category)


def story_questions(
    material: Material,
    written: Iterable[WrittenQuestionSpec],
    suites: Mapping[str, SuiteSpec] | None = None,
) -> Iterator[Candidate]:
    """Those of a story's own questions that belong to the suite at these exposures.

    No wording by hand was ever trained, so a question about trained facts belongs to the suite
    that asks them in other words, and one about facts that were only told in the text to the
    suite of those. suites: all there are, by id; the shipped ones by default.
    """
    for spec in written:
        facts = [material.world.fact[fact_id] for fact_id in spec.facts]
        if _suite_of(material, spec, facts, suites or shipped_suites()) == material.suite.id:
            _certify(material, spec)
            yield material.candidate(_question(material, spec, facts), stratum="written")


def _certify(material: Material, spec: WrittenQuestionSpec) -> None:
    if not spec.invented_name:
        return
    near = _distance(spec.invented_name, spec.nearest_name)
    problem = material.absence.problem(spec.invented_name, distance=near, nearest=spec.nearest_name)
    if problem:
        raise StoryError(
            f"{material.world.name}: [[question]] '{spec.text}' asks about '{spec.invented_name}' "
            f"as nobody, but that name {problem}; {_remedy(material, spec, near)}"
        )


def _remedy(material: Material, spec: WrittenQuestionSpec, near: int | None) -> str:
    rng = material.random("written", spec.invented_name)
    names: Iterable[str] = (coin_name(rng, reserved=True) for _ in range(1000))
    if spec.nearest_name and near:
        names = near_names(spec.nearest_name, near, rng)
    for name in names:
        if not material.absence.problem(name, distance=near, nearest=spec.nearest_name):
            return f"take for example '{name}'"
    return "ask about another one"


def _suite_of(
    material: Material,
    spec: WrittenQuestionSpec,
    facts: list[Fact],
    suites: Mapping[str, SuiteSpec],
) -> str | None:
    """The suite that a question belongs to, as its facts were met in training; None for none."""
    suite = suites[spec.suite]
    told = all(material.is_told(fact) for fact in facts)
    if suite.exposure == "unstated":
        return None if facts and any(material.is_told(fact) for fact in facts) else suite.id
    if not told:
        return None
    if suite.exposure not in _OF_ONE_FACT:
        return suite.id
    exposure = str(material.joint_exposure(facts))
    if suite.by_hand and suite.exposure == exposure:
        return suite.id
    fit = [one for one in suites.values() if one.by_hand and one.exposure == exposure]
    return min(fit, key=lambda one: (one.order, one.id)).id if fit else None


def _question(material: Material, spec: WrittenQuestionSpec, facts: list[Fact]) -> Question:
    single = facts[0] if len(facts) == 1 else None
    plain = " ".join(material.sentence(fact) for fact in facts)
    return material.question(
        text=spec.text,
        gold=spec.gold or (REFUSAL if material.suite.must_refuse else plain),
        cluster=spec.cluster,
        expected=tuple(spec.expected),
        needs_all=spec.needs_all,
        fact_ids=tuple(spec.facts),
        relation=single.relation if single else None,
        subject=_subject(material, spec, facts),
        exposure=material.joint_exposure(facts) if facts else None,
        invented_name=spec.invented_name,
        nearest_name=spec.nearest_name,
        distance=_distance(spec.invented_name, spec.nearest_name),
        origin="written",
    )


def _subject(material: Material, spec: WrittenQuestionSpec, facts: list[Fact]) -> str | None:
    """The entity that the relation asked is about; None where several facts are joined."""
    joined = material.suite.joins and facts != [f for f in facts if f.subject == spec.cluster]
    return None if joined or spec.cluster not in material.world.entity else spec.cluster


def _distance(name: str | None, other: str | None) -> int | None:
    if name is None or other is None:
        return None
    return int(Levenshtein.distance(name.lower(), other.lower()))
