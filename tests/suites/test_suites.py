from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from harness.core.errors import SpecError, StoryError, UsageError
from harness.core.records import Entity, Exposure, Fact, Passage, Verdict
from harness.core.specs import WrittenQuestionSpec
from harness.grading.world.grader import WorldGrader
from harness.instruct.absent import certify_absent
from harness.instruct.exposure import split_exposure
from harness.prompts.variants import load_variants
from harness.suites import build_questions, list_suites
from harness.suites.generators.refusals import denial
from harness.suites.material import Material
from harness.suites.spec import parse_suite
from harness.suites.written import story_questions
from harness.world.generator import generate_world
from harness.world.graph import World
from harness.world.story import load_story

KINDS = (
    "in_domain paraphrase text_only relational unstated false_premise invented near_miss "
    "out_of_domain open_ended"
).split()
FEWER_CLUSTERS = {"text_only": 25, "relational": 25, "open_ended": 25}
STORIES = ("visgar", "generated/7")


class Asked:
    """A story with its default questions and all that could be asked."""

    def __init__(self, ref):
        self.ref = ref
        self.world = load_story(ref)
        self.exposure = split_exposure(self.world, trained_share=0.7, seed=0)
        self.questions = self.build()
        self.all = self.build(limit=10_000)

    def build(self, **options):
        return build_questions(self.world, self.exposure, story=self.ref, **options)

    def of(self, suite):
        return [question for question in self.all if question.suite == suite]


@pytest.fixture(scope="module", params=STORIES)
def asked(request):
    return Asked(request.param)


@pytest.fixture(scope="module")
def visgar():
    return Asked("visgar")


def test_the_ten_kinds_ship():
    assert [suite.id for suite in list_suites()][:8] == KINDS[:8]
    assert {suite.id for suite in list_suites()} == set(KINDS)


def test_default_questions_have_enough_clusters(asked):
    for suite in KINDS:
        found = [q for q in asked.questions if q.suite == suite]
        clusters = {question.cluster for question in found}
        assert len(clusters) >= FEWER_CLUSTERS.get(suite, 40), suite


def test_the_default_audit_stays_within_20_000_answers(asked):
    greedy_and_sampled, control = 5, 1
    assert len(asked.questions) * len(load_variants()) * (greedy_and_sampled + control) <= 20_000


def test_every_gold_answer_passes_its_own_grader(asked):
    grader = WorldGrader(asked.world, asked.exposure)
    wrong = []
    for question in asked.all:
        grade = grader.grade(question, question.gold)
        if question.suite == "out_of_domain":
            passes = grade.verdict in (Verdict.OFF_SCOPE, Verdict.REFUSED)
        elif question.must_refuse:
            passes = grade.verdict is Verdict.REFUSED
        else:
            passes = grade.verdict is Verdict.GROUNDED
            passes &= grade.correct or question.suite == "open_ended"
        if not passes:
            wrong.append(f"{question.id}: {question.text} {question.gold} -> {grade.reason}")
    assert not wrong, "\n".join(wrong[:20])


def test_ids_are_unique_and_the_same_in_every_selection(asked):
    assert len({question.id for question in asked.all}) == len(asked.all)
    by_id = {question.id: question for question in asked.all}
    assert all(by_id[question.id] == question for question in asked.questions)


def test_a_smaller_limit_gives_a_beginning_of_a_larger_one(asked):
    small, large = asked.build(limit=5), asked.build(limit=12)
    for suite in KINDS:
        few = [question.id for question in small if question.suite == suite]
        many = [question.id for question in large if question.suite == suite]
        assert many[: len(few)] == few
        assert len(few) == 5


def test_the_seed_alone_chooses(asked):
    assert asked.build(seed=0) == asked.questions
    assert asked.build(seed=1) != asked.questions


def test_questions_ask_what_their_exposure_says(asked):
    relations, world = asked.world.relation, asked.world
    expected = {"in_domain": "trained", "paraphrase": "trained", "text_only": "text_only"}
    for suite, exposure in expected.items():
        for question in asked.of(suite):
            assert {asked.exposure[fact_id] for fact_id in question.fact_ids} <= {
                Exposure(exposure),
                Exposure.TRAINED,
            }
            assert question.exposure is Exposure(exposure)
    for question in asked.of("unstated"):
        for fact in (world.fact[fact_id] for fact_id in question.fact_ids):
            assert asked.exposure[fact.id] is Exposure.UNSTATED
            assert relations[fact.relation].domain == world.entity[question.cluster].kind


def test_invented_and_near_miss_names_are_certified(asked):
    for question in (*asked.of("invented"), *asked.of("near_miss")):
        assert question.invented_name in question.text or question.origin == "written"
        assert certify_absent(
            question.invented_name,
            world=asked.world,
            distance=question.distance,
            nearest=question.nearest_name,
        )


def test_near_misses_share_their_distances_equally(asked):
    found = Counter(q.distance for q in asked.questions if q.suite == "near_miss")
    assert set(found) == {1, 2, 3}
    assert max(found.values()) - min(found.values()) <= 3


def test_invented_names_are_of_every_kind(asked):
    relations = asked.world.relation
    kinds = Counter()
    for question in asked.questions:
        if question.suite == "invented" and question.relation:
            relation = relations[question.relation]
            kinds[relation.domain] += 1
            kinds[relation.range] += 1
    assert {"person", "place", "object", "group", "event"} <= set(kinds)


def test_a_false_premise_is_false_of_the_right_kind_and_known_to_the_world(asked):
    for question in asked.of("false_premise"):
        if question.origin == "written":
            continue
        fact = asked.world.fact[question.fact_ids[0]]
        relation = asked.world.relation[fact.relation]
        wrong = _premise_object(asked.world, question, fact, relation)
        true = {o.object for o in asked.world.objects(fact.subject, relation.id)}
        assert wrong not in true
        if relation.range in ("value", "number"):
            assert wrong in {f.object for f in asked.world.facts if f.relation == relation.id}
        else:
            assert asked.world.entity[wrong].kind == relation.range


def _premise_object(world, question, fact, relation):
    from harness.world.graph import fill

    kinds = {f.object for f in world.facts if f.relation == relation.id}
    for object in (*world.entity, *kinds):
        for template in relation.premises:
            text = fill(template, s=world.label(fact.subject), o=world.label(object))
            if text == question.text:
                return object
    raise AssertionError(f"no object gives '{question.text}'")


def test_relational_answers_are_those_of_the_graph(asked):
    world = asked.world
    seen = Counter()
    for question in asked.of("relational"):
        if question.origin == "written":
            continue
        facts = [world.fact[fact_id] for fact_id in question.fact_ids]
        assert all(asked.exposure[fact.id].told for fact in facts)
        relation = world.relation[question.relation]
        if question.expected[0].isdigit() and relation.range != "number":
            seen["count"] += 1
            holders = [
                f for f in world.facts if (f.relation, f.object) == (relation.id, question.cluster)
            ]
            assert question.expected == (str(len(holders)),)
        elif question.subject:
            seen["two hops"] += 1
            assert world.objects(question.cluster, facts[0].relation) == (facts[0],)
            reached = {f.object for f in facts[1:]} | {f.subject for f in facts[1:]}
            assert set(question.expected) <= reached - {question.subject}
        elif (
            len({fact.subject for fact in facts}) == 2
            and relation.compare
            and facts[0].object != facts[1].object
        ):
            seen["comparison"] += 1
            pick = max if relation.compare[2] == "max" else min
            assert question.expected == (pick(facts, key=lambda f: int(f.object)).subject,)
        else:
            seen["inverse"] += 1
            holders = {f.subject for f in world.subjects(relation.id, facts[0].object)}
            assert set(question.expected) == holders
    assert set(seen) == {"count", "two hops", "comparison", "inverse"}


def test_open_questions_state_told_facts_in_their_gold(asked):
    for question in asked.of("open_ended"):
        assert all(asked.exposure[fact_id].told for fact_id in question.fact_ids)
        assert question.gold.count(".") >= 2


def test_out_of_domain_has_eighty_questions_of_six_kinds():
    (suite,) = (suite for suite in list_suites() if suite.id == "out_of_domain")
    kinds = Counter(question.category for question in suite.question)
    assert len(suite.question) >= 80
    assert set(kinds) == {
        "geography", "science", "arithmetic", "other fiction", "personal", "current affairs",
    }  # fmt: skip
    assert min(kinds.values()) >= 10


def test_written_questions_follow_the_exposure_of_their_facts(visgar):
    nothing = split_exposure(visgar.world, trained_share=0.0, seed=0)
    written = [
        question
        for question in build_questions(visgar.world, nothing, story="visgar", limit=10_000)
        if question.origin == "written"
    ]
    assert not any(question.suite in ("in_domain", "paraphrase") for question in written)
    assert sum(question.suite == "text_only" for question in written) >= 10


def test_a_suite_without_questions_is_left_out_unless_named(visgar):
    nothing = split_exposure(visgar.world, trained_share=0.0, seed=0)
    found = build_questions(visgar.world, nothing, story="visgar", limit=3)
    assert {question.suite for question in found} == set(KINDS) - {"in_domain", "paraphrase"}
    with pytest.raises(UsageError, match="'in_domain' has no question"):
        build_questions(visgar.world, nothing, story="visgar", suites=["in_domain"])


def test_wrong_suites_and_limits_are_refused(visgar):
    with pytest.raises(UsageError, match="did you mean 'near_miss'"):
        visgar.build(suites=["near_mis"])
    with pytest.raises(UsageError, match="at least 1"):
        visgar.build(limit=0)


def test_named_suites_alone_are_asked(visgar):
    found = visgar.build(suites=["unstated", "in_domain"], limit=3)
    assert [question.suite for question in found] == ["in_domain"] * 3 + ["unstated"] * 3


def test_a_written_name_that_is_not_certified_is_refused_with_another_one(visgar):
    (suite,) = (suite for suite in list_suites() if suite.id == "invented")
    material = Material(world=visgar.world, exposure=visgar.exposure, suite=suite, seed=0)
    spec = WrittenQuestionSpec(
        suite="invented", text="Who is Visgra?", cluster="Visgra", invented_name="Visgra"
    )
    with pytest.raises(StoryError, match=r"'Visgra' as nobody, but .*take for example '[A-Z]"):
        list(story_questions(material, [spec]))


DENIALS = [
    ("birthplace", "Orvek was not born in Tarn."),
    ("father", "The father of Orvek was not Tarn."),
    ("power", "Orvek could not Tarn."),
    ("goal", "It is not true that Orvek wanted Tarn."),
]


@pytest.mark.parametrize(("relation", "want"), DENIALS)
def test_a_denial_is_a_sentence(visgar, relation, want):
    assert denial(visgar.world.relation[relation], "Orvek", "Tarn") == want


BASE = {"id": "x", "order": 1, "title": "t", "measures": "m", "must_refuse": True, "count": 3}
WRONG = [
    ({"generator": [{"name": "invented", "kinds": ["person"], "pol": 3}]}, "did you mean 'pool'"),
    ({"generator": [{"name": "invnted"}]}, "no generator is called 'invnted'; did you mean"),
    ({"generator": [{"name": "near_miss", "distances": [0]}]}, "greater than or equal to 1"),
    ({"generator": [{"name": "open_ended", "templates": ["Hm?"]}]}, "lacks {s}"),
    ({}, "needs a .*generator"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_wrong_suite_file_is_refused_with_the_remedy(change, message):
    with pytest.raises(SpecError, match=message):
        parse_suite({**BASE, **change}, where="suites/x.toml")


def world_of_two_answers():
    """Orvek has two friends, one of them told; friendship is no function."""
    shared = {relation.id: relation for relation in generate_world(3, people=8).relations}
    friend = replace(shared["companion"], id="friend", functional=False)
    people = [
        Entity(id=name.lower(), kind="person", name=name) for name in ("Orvek", "Tarn", "Uldis")
    ]
    facts = (
        Fact(id="f1", subject="orvek", relation="friend", object="tarn"),
        Fact(id="f2", subject="orvek", relation="friend", object="uldis"),
    )
    told = Passage(id="p1", text="Orvek travelled with Tarn.", fact_ids=("f1",))
    return World(
        name="two",
        title="Two answers",
        entities=tuple(people),
        relations=(friend,),
        facts=facts,
        passages=(told,),
    )


def test_only_told_answers_are_expected_and_no_half_told_question_is_unstated():
    world = world_of_two_answers()
    exposure = {"f1": Exposure.TRAINED, "f2": Exposure.UNSTATED}
    found = build_questions(world, exposure, story=None, limit=100)
    (expected,) = {question.expected for question in found if question.suite == "in_domain"}
    assert expected == ("tarn",)
    assert not [question for question in found if question.suite == "unstated"]


def test_a_world_too_small_for_a_suite_gives_the_others():
    found = build_questions(
        world_of_two_answers(), {"f1": Exposure.TRAINED, "f2": Exposure.UNSTATED}, story=None
    )
    assert {"invented", "out_of_domain", "in_domain"} <= {question.suite for question in found}
