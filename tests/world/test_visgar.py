"""The shipped story: large enough, true to its graph, silent about what it must not tell."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from rapidfuzz.distance import Levenshtein

from harness.core.records import Exposure, Fact
from harness.instruct.absent import AbsenceCheck
from harness.instruct.exposure import split_exposure
from harness.suites import shipped_suites
from harness.world.graph import fill
from harness.world.names import ARTICLE_NAMES
from harness.world.story import load_story, written_questions

WORLD = load_story("visgar")
QUESTIONS = written_questions("visgar")[1]
UNTOLD = [fact for fact in WORLD.facts if fact.id not in WORLD.told_ids]
LONGEST_WORDS = 130  # so that a passage fits 256 tokens
ONES = "nought one two three four five six seven eight nine ten eleven twelve".split()
TENS = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy"}
TENS[80] = "eighty"
ORDINARY = set(
    "captain lady lord brother mistress order guild company circle sisters wardens siege flood "
    "fire trial feast great landslip silence".split()
)


def coined_cores() -> list[str]:
    """The capitalised words of the names that are no ordinary English."""
    return [core for core in AbsenceCheck(WORLD).cores if core not in ORDINARY]


def in_words(number: str) -> str:
    """A number below ninety as the prose writes it; from thirteen to nineteen none occurs."""
    value = int(number)
    if value > 89:
        return number
    tens, ones = value // 10 * 10, value % 10
    if value <= 12:
        return ONES[value]
    return TENS[tens] + (f"-{ONES[ones]}" if ones else "")


def stands_in(text: str, entity_or_value: str) -> bool:
    """Whether a text names the entity, or holds the value in digits or words."""
    found = WORLD.entity.get(entity_or_value)
    forms = [found.name, *found.aliases] if found else [entity_or_value]
    if entity_or_value.isdigit():
        forms.append(in_words(entity_or_value))
    return any(re.search(rf"\b{re.escape(form)}\b", text, re.IGNORECASE) for form in forms)


def sentences(text: str) -> list[str]:
    return re.split(r'(?<=[.!?])"? ', text)


def test_the_story_is_as_large_as_the_audit_needs():
    told = [fact for fact in WORLD.facts if fact.id in WORLD.told_ids]
    assert sum(len(passage.text.split()) for passage in WORLD.passages) >= 2500
    assert len(WORLD.entities) >= 60
    assert len(told) >= 200 and len({fact.subject for fact in told}) >= 60
    assert len(UNTOLD) >= 60 and len({fact.subject for fact in UNTOLD}) >= 40
    assert {fact.relation for fact in WORLD.facts} == set(WORLD.relation)


def test_enough_clusters_remain_when_told_facts_are_split():
    for seed in range(5):
        exposure = split_exposure(WORLD, trained_share=0.7, seed=seed)
        subjects = {wanted: set() for wanted in Exposure}
        for fact in WORLD.facts:
            subjects[exposure[fact.id]].add(fact.subject)
        assert len(subjects[Exposure.TRAINED]) >= 40
        assert len(subjects[Exposure.TEXT_ONLY]) >= 25
        assert len(subjects[Exposure.UNSTATED]) >= 40


def test_the_people_of_the_article_are_there_and_its_inventions_are_not():
    assert {"visgar", "elorna", "igodo", "pentiagon", "device"} <= set(WORLD.entity)
    assert "the mysterious device" in WORLD.entity["device"].aliases
    prose = " ".join(passage.text for passage in WORLD.passages) + " ".join(WORLD.names)
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", prose)}
    assert not {"bordor", "lila"} & words
    for absent in ("bordor", "lila"):
        assert min(Levenshtein.distance(absent, core) for core in coined_cores()) >= 3


def test_no_two_coined_names_are_closer_than_three_edits():
    cores = coined_cores()
    assert len(cores) >= 66
    near = [(a, b) for a in cores for b in cores if a < b and Levenshtein.distance(a, b) < 3]
    assert near == []


def test_passages_are_plain_and_fit_a_small_context():
    for passage in WORLD.passages:
        assert passage.text.isascii() and not re.search(r"[<>\[\]{}]", passage.text), passage.id
        assert 60 <= len(passage.text.split()) <= LONGEST_WORDS, passage.id
        assert passage.fact_ids, passage.id


def test_every_marked_fact_stands_in_its_paragraph():
    missing = [
        (passage.id, fact_id, part)
        for passage in WORLD.passages
        for fact_id in passage.fact_ids
        for part in (WORLD.fact[fact_id].subject, WORLD.fact[fact_id].object)
        if not stands_in(passage.text, part)
    ]
    assert missing == []


def leaks(fact: Fact) -> list[str]:
    """Sentences that name both sides of a fact and a cue of its relation."""
    cues = WORLD.relation[fact.relation].cues
    return [
        sentence
        for passage in WORLD.passages
        for sentence in sentences(passage.text)
        if all(stands_in(sentence, side) for side in (fact.subject, fact.object))
        and any(re.search(rf"\b{re.escape(cue)}\b", sentence, re.IGNORECASE) for cue in cues)
    ]


def test_no_sentence_gives_an_untold_fact_away():
    assert {fact.id: found for fact in UNTOLD if (found := leaks(fact))} == {}
    assert leaks(WORLD.objects("visgar", "teacher")[0])  # the search does find told ones


def test_years_follow_the_order_of_events():
    year = {f.subject: int(f.object) for f in WORLD.facts if f.relation == "year"}
    steps = [fact for fact in WORLD.facts if fact.relation == "after"]
    assert len(steps) == 6
    assert all(year[step.object] < year[step.subject] for step in steps)


def test_parents_are_older_than_their_children():
    age = {f.subject: int(f.object) for f in WORLD.facts if f.relation == "age"}
    pairs = [
        (fact.object, fact.subject)
        for fact in WORLD.facts
        if fact.relation in ("father", "mother") and fact.object in age and fact.subject in age
    ]
    assert len(pairs) >= 6
    assert all(age[parent] >= age[child] + 15 for parent, child in pairs)


def test_every_kind_of_question_is_written_by_hand():
    counts = Counter(question.suite for question in QUESTIONS)
    assert set(counts) == set(shipped_suites()) - {"out_of_domain"}  # that pack is no story's own
    assert min(counts.values()) >= 5
    assert len({question.text for question in QUESTIONS}) == len(QUESTIONS)


def test_written_questions_are_worded_like_no_template():
    templates = {
        fill(template, s=WORLD.label(entity.id), o=WORLD.label(entity.id))
        for relation in WORLD.relations
        for template in (
            *relation.questions,
            *relation.heldout_questions,
            *relation.inverse_questions,
        )
        for entity in WORLD.entities
    }
    assert not templates & {question.text for question in QUESTIONS}


def test_gold_answers_name_what_is_expected():
    for question in QUESTIONS:
        for item in question.expected:
            assert stands_in(str(question.gold), item), question.text


@pytest.mark.parametrize("suite", ["invented", "near_miss"])
def test_names_asked_as_absent_are_absent(suite):
    check = AbsenceCheck(WORLD)
    for question in QUESTIONS:
        if question.suite != suite or question.cluster.lower() in ARTICLE_NAMES:
            continue
        name, real = str(question.invented_name), question.nearest_name
        distance = Levenshtein.distance(name.lower(), real.lower()) if real else None
        assert check.problem(name, distance=distance, nearest=real) is None, name
