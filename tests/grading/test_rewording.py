"""Lists, second thoughts, gaps, couples, and what the story's prose tells of a saying."""

from __future__ import annotations

import pytest

from harness.core.records import ClaimStatus, Exposure, Question
from harness.grading.coreference.tokens import ClauseToken
from harness.grading.extraction.prose import Prose
from harness.grading.syntax.framing import unframe
from harness.grading.syntax.rewording import filled_gaps, labelled, settled_on
from harness.grading.world.grader import WorldGrader
from harness.suites import with_semantics
from harness.world.graph import World
from harness.world.story import load_story

S, C, U = ClaimStatus.SUPPORTED, ClaimStatus.CONTRADICTED, ClaimStatus.UNTOLD


@pytest.fixture(scope="module")
def visgar() -> World:
    return load_story("visgar")


@pytest.fixture(scope="module")
def told(visgar):
    exposure = dict.fromkeys(visgar.told_ids, Exposure.TRAINED)
    grader = WorldGrader(visgar, exposure, meaning=None)

    def claims(question: str, answer: str) -> list[tuple]:
        asked = with_semantics(Question(
            id=question, suite="open_ended", text=question, gold="", must_refuse=False,
            cluster=question,
        ))  # fmt: skip
        found = grader.grade(asked, answer).claims
        return [(one.subject, one.relation, one.object, one.status) for one in found]

    return claims


SECOND_THOUGHTS = [
    ("She lived in Lund, no, sorry, in Turin.", "She lived in Turin."),
    ("He was thirty, wait, no, thirty-one.", "He was thirty-one."),
    ("They feed the poor, sorry, I mean they tend the sick.", "they tend the sick."),
    ("Nobody knew him, no one at all.", "Nobody knew him, no one at all."),
]


@pytest.mark.parametrize(("said", "left"), SECOND_THOUGHTS)
def test_what_an_answer_takes_back_is_not_claimed(said, left):
    assert settled_on(said).replace(" .", ".") == left


def test_a_line_of_a_list_is_about_whom_the_answer_is_about():
    assert labelled("- **Home**: Lund", "Igodo") == "Igodo's home is Lund"
    assert labelled("One thing: he left.", "Igodo") == "One thing: he left."
    assert labelled("Home: Lund", None) == "Home: Lund"


@pytest.mark.parametrize(
    "doubt", ["if I am not mistaken", "if memory serves", "though I am not sure", "I would say"]
)
def test_a_doubt_behind_a_claim_denies_nothing(doubt):
    assert unframe(f"It was made of oak, {doubt}.").text == "It was made of oak."


def test_a_row_without_verbs_has_the_verb_of_its_first_clause(visgar):
    from harness.grading.linking.lexicon import Lexicon
    from harness.grading.linking.linker import Linker

    linked = Linker(visgar, Lexicon(visgar)).link("Visgar went with Elorna, Igodo with Fennimo")
    starts = {mention.start: mention for mention in linked.mentions}
    tokens = [ClauseToken(word, at, starts.get(at)) for at, word in enumerate(linked.words)]
    rows = [" ".join(token.text for token in row) for row in filled_gaps(tokens)]
    assert rows == ["Visgar went with Elorna", "Igodo went with Fennimo"]


PROSE = [
    ("Who is Maldrec?", "Maldrec was a pupil of Quillabe. He lived in Kuldareth.",
     [("maldrec", "teacher", "quillabe", S), ("maldrec", "home", "kuldareth", S)]),
    ("Who is Maldrec?", "His teacher was Quillabe. He lived in Kuldareth.",
     [("maldrec", "home", "kuldareth", S)]),
    ("Was Visgar ever afraid?", "Yes, Visgar was afraid of mirrors.",
     [("visgar", "fear", "mirrors", S)]),
    ("Tell me about Igodo.", "Igodo was married to Wendaly. They both lived in Yaxwick.",
     [("igodo", "home", "yaxwick", C), ("wendaly", "home", "yaxwick", C)]),
    ("Where does the Circle meet?",
     "The Order of Sethrin meets in Kuldareth. It is ruled by Thessolin.",
     [("kuldareth", "ruler", "thessolin", C)]),
    ("What is it made of?", "The lantern is of tin, the bell of silver, the flute of oak.",
     [("halvane_lantern", "material", "tin", S), ("jaspeth_flute", "material", "oak", C)]),
    ("Who rules Pentiagon?", "Pentiagon is ruled by Igodo, not by Thessolin.",
     [("pentiagon", "ruler", "igodo", C), ("pentiagon", "ruler", "thessolin", C)]),
    ("Who is Visgar?", "Visgar juggled burning torches at every wedding.",
     [("visgar", None, None, U)]),
    ("Who is Visgar?", "Visgar came to Pentiagon in the year 198.", [("visgar", None, None, U)]),
    ("Who is Fennimo?", "Fennimo is a boy, the son of Jorbeth.",
     [("fennimo", "mother", "jorbeth", S)]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "answer", "wanted"), PROSE)
def test_claims_of_free_prose_about_the_written_story(told, question, answer, wanted):
    found = told(question, answer)
    assert [one for one in wanted if one not in found] == []


HARMLESS = [
    "He is the character whom most readers like best.",
    "Note that this is only a short account.",
    "Visgar did not become a baker.",
    "Oswenna's lessons shaped Visgar.",  # told: she taught him
    "Elorna told him four things.",
    "Seven of them were counted in a thimble by me.",
]


@pytest.mark.parametrize("saying", HARMLESS)
def test_talk_and_denials_and_told_facts_reworded_are_not_untold(told, saying):
    assert all(status is not U for *_, status in told("Who is Visgar?", saying))


def test_a_number_of_things_is_no_age(told):
    found = told("Who is Thessolin?", "Thessolin was chosen by the five guilds.")
    assert all(relation != "age" for _, relation, *_ in found)


def test_rare_words_weigh_more_than_common_ones(visgar):
    prose = Prose(visgar)
    assert prose.lacks("juggled torches", ("visgar",))
    assert not prose.lacks("shaved by touch", ("visgar",))
    assert not prose.lacks("went", ("visgar",))
