"""Suites and generators of a user's own, beside the shipped ones."""

from collections.abc import Iterator
from typing import Literal

import pytest

from harness.core.errors import SpecError, StoryError
from harness.core.records import Form, Question, Scope, Verdict
from harness.grading.world.grader import WorldGrader
from harness.instruct.exposure import split_exposure
from harness.suites import build_questions, list_suites, shipped_suites, with_semantics
from harness.suites.material import Material
from harness.suites.registry import GeneratorSpec, generates, generators
from harness.suites.select import Candidate
from harness.world.story import load_story

HEAD = """
id = "own"
order = 20
title = "Own"
measures = "What we care about."
must_refuse = {refuse}
count = 5
"""
ABSENT = """absent = "invented"

[[question]]
text = "Who is Bordor?"
invented_name = "Bordor"
"""
TOLD = """exposure = "told"

[[question]]
text = "Say where Visgar lived, please."
cluster = "{cluster}"
answer = "{answer}"
facts = ["{fact}"]
expected = ["{expected}"]
"""


@pytest.fixture(scope="module")
def visgar():
    world = load_story("visgar")
    return world, split_exposure(world, trained_share=0.7, seed=0)


def write(folder, text, name="own"):
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def ask(visgar, folder, **options):
    world, exposure = visgar
    return build_questions(world, exposure, story="visgar", suite_paths=[folder], **options)


def test_a_suite_of_ones_own_is_asked_and_graded_like_the_shipped_ones(visgar, tmp_path):
    folder = write(tmp_path, HEAD.format(refuse="true") + ABSENT)
    (question,) = ask(visgar, folder, suites=["own"])
    assert (question.absent, question.cluster, question.must_refuse) == ("invented", "Bordor", True)
    grader = WorldGrader(*visgar, meaning=None)
    assert grader.grade(question, "Bordor was a weaver.").verdict is Verdict.HALLUCINATED
    assert grader.grade(question, "There is no Bordor.").verdict is Verdict.REFUSED
    assert grader.grade(question, question.gold).verdict is Verdict.REFUSED


def test_a_question_of_ones_own_about_a_fact_is_held_against_the_story(visgar, tmp_path):
    world, exposure = visgar
    fact = next(f for f in world.facts if exposure[f.id].told and f.object in world.entity
                and len(world.objects(f.subject, f.relation)) == 1)  # fmt: skip
    told = TOLD.format(cluster=fact.subject, answer="x", fact=fact.id, expected=fact.object)
    head = HEAD.format(refuse="false")
    (question,) = ask(visgar, write(tmp_path, head + told), suites=["own"])
    assert question.expected == (fact.object,) and question.relation == fact.relation
    with pytest.raises(StoryError, match=r"own\.toml: \[\[question\]\] 1 .*unknown fact 'zzz'"):
        ask(visgar, write(tmp_path, head + told.replace(fact.id, "zzz")), suites=["own"])


WRONG = [
    (HEAD.format(refuse="false") + ABSENT, "absent: what nobody bears"),
    (HEAD.format(refuse="true"), "needs a .*generator.* or a .*question"),
    (HEAD.format(refuse="true").replace('"own"', '"other"') + ABSENT, "must be the file's name"),
    (HEAD.format(refuse="true") + 'scope = "real_world"\n[[question]]\ntext = "Why?"\n',
     "'answer' is missing"),
    (HEAD.format(refuse="true") + 'form = "poem"\n' + ABSENT, "'form': .*'fact', 'premise' or"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_suite_of_ones_own_is_refused_with_its_file(text, message, tmp_path):
    with pytest.raises(SpecError, match=rf"own\.toml: .*{message}"):
        list_suites([write(tmp_path, text)])


def test_a_taken_id_a_folder_that_is_not_there_and_an_empty_one_are_told(tmp_path):
    with pytest.raises(SpecError, match="no folder of suites"):
        list_suites([tmp_path / "nowhere"])
    with pytest.raises(SpecError, match="no suites there"):
        list_suites([tmp_path])
    text = HEAD.format(refuse="true").replace('"own"', '"invented"') + ABSENT
    with pytest.raises(SpecError, match="there is a suite 'invented' already"):
        list_suites([write(tmp_path, text, "invented")])


class EchoSpec(GeneratorSpec):
    name: Literal["echo"]
    text: str


def test_a_generator_registers_itself_with_its_own_specification(visgar, tmp_path):
    @generates(EchoSpec)
    def echo(material: Material, spec: EchoSpec) -> Iterator[Candidate]:
        question = material.question(text=spec.text, gold="No.", cluster=spec.text)
        yield material.candidate(question, stratum="echo")

    text = HEAD.format(refuse="true") + '[[generator]]\nname = "echo"\n'
    with pytest.raises(SpecError, match=r"own\.toml: \[\[generator\]\] 1: 'text' is missing"):
        list_suites([write(tmp_path, text)])
    folder = write(tmp_path, text + 'text = "Who is there?"\n')
    assert [one.text for one in ask(visgar, folder, suites=["own"])] == ["Who is there?"]
    assert "echo" in generators() and "near_miss" in generators()

    def thief(material: Material, spec: EchoSpec) -> Iterator[Candidate]:
        yield from ()

    thief.__module__ = "elsewhere"
    with pytest.raises(SpecError, match="generator 'echo' of elsewhere"):
        generates(EchoSpec)(thief)
    with pytest.raises(SpecError, match="must be a Literal"):
        generates(GeneratorSpec)


def test_old_questions_get_what_their_shipped_suite_says():
    plain = Question(
        id="q", suite="out_of_domain", text="?", gold="", must_refuse=True, cluster="c"
    )
    assert with_semantics(plain).scope is Scope.REAL_WORLD
    forms = {
        suite.id: suite.form for suite in shipped_suites().values() if suite.form is not Form.FACT
    }
    assert forms == {"false_premise": Form.PREMISE, "open_ended": Form.OPEN}
