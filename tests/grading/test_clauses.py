"""Long sentences as short ones, pronouns by topic and gender, and sayings beside the prose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.records import ClaimStatus, Passage, Verdict
from harness.core.seeds import stream
from harness.grading.coreference.discourse import Discourse, genders
from harness.grading.extraction.prose import Prose
from harness.grading.linking.lexicon import Lexicon
from harness.grading.linking.linker import Linker
from harness.grading.syntax.clauses import split_clauses
from harness.world.graph import World
from harness.world.story import load_story

S, C, U = ClaimStatus.SUPPORTED, ClaimStatus.CONTRADICTED, ClaimStatus.UNTOLD

SENTENCES = [
    ("Torvash is a weaver who lives in Sulmere.",
     ["Torvash is a weaver", "Torvash lives in Sulmere"]),
    ("Melindra, a baker of eighty-one, owned the Corvane lamp.",
     ["Melindra was a baker", "Melindra was eighty-one years old",
      "Melindra owned the Corvane lamp"]),
    ("Ossery lived in Sulmere, and so did Melindra.",
     ["Ossery lived in Sulmere", "Melindra lived in Sulmere"]),
    ("Torvash's old teacher Melindra was born there.",
     ["Melindra was Torvash 's old teacher", "Melindra was born there"]),
    ("In 231 the Siege of Dunmarrow struck Arkenby.",
     ["the Siege of Dunmarrow struck Arkenby", "the Siege of Dunmarrow was in the year 231"]),
    ("Arkenby lies near Sulmere; its ruler is Lord Hollinbeck.",
     ["Arkenby lies near Sulmere", "Arkenby 's ruler is Lord Hollinbeck"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def linker(world: World) -> Linker:
    return Linker(world, Lexicon(world))


@pytest.mark.parametrize(("sentence", "clauses"), SENTENCES)
def test_a_sentence_is_cut_at_its_joints(world, linker, sentence, clauses):
    found, _ = split_clauses(linker.link(sentence), Discourse(genders(world)))
    assert [" ".join(one.linked().words) for one in found] == clauses


def test_pronouns_mean_the_topic_where_gender_allows_it(world, linker):
    discourse = Discourse(genders(world))
    split_clauses(linker.link("Keldon Braith had an enemy in Torvash."), discourse)
    assert discourse.meant("he").ids == ("keldon",)  # a father: "she" cannot be he
    assert discourse.meant("she").ids == ("torvash",)
    assert discourse.meant("he").ids == ("keldon",)


PROSE = [
    ("Torvash is a baker who was born in Arkenby.", [("trade", C), ("birthplace", S)]),
    ("Melindra is a baker. Her pupil Torvash lives in Arkenby.",
     [("trade", S), ("teacher", S), ("home", C)]),
    ("Arkenby lies near Sulmere. The town is ruled by Ossery.", [("near", S), ("ruler", C)]),
    ("The Corvane lamp is made of jade.", [("material", C)]),
    ("Torvash: deep water", [("fear", S)]),
    ("Torvash: fire", [("fear", C)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "claims"), PROSE)
def test_claims_of_free_prose(grader, questions, text, claims):
    grade = grader.grade(questions["open"], text)
    assert sorted((c.relation, c.status) for c in grade.claims) == sorted(claims), grade.claims


def test_reasons_tell_swapped_ends_and_another_relation_from_plain_contradiction(grader, questions):
    swapped = grader.grade(questions["open"], "Melindra was taught by Ossery.")
    assert "the other way round it would be true" in swapped.reason
    other = grader.grade(questions["open"], "Keldon Braith was the teacher of Torvash.")
    assert other.verdict is Verdict.HALLUCINATED
    assert "told is another relation: father (f05)" in other.reason


def test_a_saying_is_held_beside_the_prose_of_a_written_story(world):
    prose = Prose(load_story("visgar"))
    assert not prose.lacks("He shaved by touch")
    assert prose.lacks("pleaded for him in tears")
    assert not Prose(world).lacks("pleaded for him in tears")  # facts alone: nobody can tell


def test_a_saying_of_which_half_stands_in_one_place_was_not_told_whatever_its_words(world):
    """The two halves weigh the same: no order of summing may tip the scales."""
    left = [first + "brin" for first in "dul fos gro kli mar nep pol ruv sot tum vek zor".split()]
    right = [word.replace("brin", "stak") for word in left]
    rare = [f"{left[i]} {right[i]}" for i in range(12) for _ in range(i)]
    sentences = ["night fell", " ".join(left), " ".join(right), *rare, "night fell"]
    text = " Quiet lay the land. Quiet lay it. ".join(f"{one.title()}." for one in sentences)
    passages = tuple(Passage(id=str(i), text=text, fact_ids=("f01",)) for i in range(2))
    prose = Prose(replace(world, passages=passages))
    rng = stream(1, "halves")
    for _ in range(300):
        chosen = rng.sample(range(12), rng.randrange(4, 9))
        assert prose.lacks(" ".join([*(left[i] for i in chosen), *(right[i] for i in chosen)]))
