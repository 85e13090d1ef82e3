from __future__ import annotations

import json
import random

import numpy
import pytest

from harness.core.errors import GradingError
from harness.grading.evidence.grader import Evidence, EvidenceGrader
from harness.grading.evidence.model import (
    WEIGHTS,
    Trees,
    answer_features,
    load_model,
    shipped_model,
    trees_data,
)
from harness.grading.evidence.text import read, sentences, split, stem
from harness.validation.evidence_fit import FittedEvidence, fit_evidence

PASSAGES = (
    "Ostrina was the mother of Harl the ferryman. She was born in Dunmere in 1612 and kept "
    "forty-three goats on the hill above the mill.",
    "The mill burnt down in the autumn. Harl sold the boat to Wendel, and Wendel never paid for "
    "it. The council of Dunmere forbade fires on the quay.",
)
# one supported claim, and what must score higher than it
CASES = {
    "roles": (
        "Harl sold the boat to Wendel.",
        "Wendel sold the boat to Harl.",
    ),
    "parent": (
        "Ostrina was the mother of Harl the ferryman.",
        "Harl the ferryman was the mother of Ostrina.",
    ),
    "negation": ("The mill burnt down in the autumn.", "The mill did not burn down in the autumn."),
    "number": ("She was born in Dunmere in 1612.", "She was born in Dunmere in 1640."),
    "invented name": ("She was born in Dunmere in 1612.", "Bordor was born in Dunmere in 1612."),
    "place": ("She was born in Dunmere in 1612.", "She was born in Tarsk in 1612."),
    "extra": ("Wendel never paid for the boat.", "Wendel became a famous composer of operas."),
}


@pytest.fixture(scope="module")
def grader() -> EvidenceGrader:
    return EvidenceGrader()


@pytest.mark.parametrize("case", CASES)
def test_what_the_passages_do_not_say_scores_higher(grader, case):
    true, false = (grader.grade_claim(claim, PASSAGES) for claim in CASES[case])
    assert true.score < false.score, (true.score, false.score)
    assert bool(false.unsupported) == false.hallucinated


def test_numbers_agree_in_digits_and_words(grader):
    same = grader.grade_claim("She kept 43 goats on the hill.", PASSAGES)
    other = grader.grade_claim("She kept 44 goats on the hill.", PASSAGES)
    assert same.score < other.score
    assert [span.text for span in other.unsupported] == ["44"]
    assert other.unsupported[0].reason == "number not in the passages"


def test_spans_are_offsets_of_the_answer_as_given(grader):
    answer = (
        "  - Ostrina was the mother of Harl.\n  - She composed operas in Tarsk Vale, and in 1640 "
        "King Orlo crowned her.  "
    )
    grade = grader.grade(answer, PASSAGES)
    assert grade.hallucinated
    assert all(answer[span.start : span.end] == span.text for span in grade.unsupported)
    assert "Tarsk Vale" in [span.text for span in grade.unsupported]
    assert all(span.start >= answer.index("She") for span in grade.unsupported)


def test_each_claim_comes_with_the_sentence_it_was_held_against(grader):
    grade = grader.grade("The mill burnt down. Wendel paid in gold.", PASSAGES)
    assert grade.claims[0].evidence == "The mill burnt down in the autumn."
    assert grade.claims[0].score < grade.claims[1].score


@pytest.mark.parametrize(
    "answer",
    ["", "  \n ", "...", "The passages do not say who built it.", "I don't know.", "Is it so?"],
)
def test_an_answer_that_claims_nothing_is_not_hallucinated(grader, answer):
    grade = grader.grade(answer, PASSAGES)
    assert grade.score == 0.0 and not grade.hallucinated and grade.unsupported == ()


def test_words_of_the_question_need_no_evidence(grader):
    answer = "The tanner's widow was Ostrina, born in Dunmere."
    bare = grader.grade(answer, PASSAGES).score
    asked = grader.grade(answer, PASSAGES, question="Who was the tanner's widow?").score
    assert asked < bare


def test_one_bad_sentence_raises_the_score_of_a_long_answer(grader):
    good = "Ostrina was born in Dunmere. The mill burnt down in the autumn. Harl sold the boat."
    bad = good + " In 1633 King Orlo of Tarsk made Wendel an admiral."
    assert grader.grade(bad, PASSAGES).score > grader.grade(good, PASSAGES).score


def test_grading_in_bulk_gives_what_grading_one_by_one_gives():
    items = [Evidence(claim, PASSAGES) for pair in CASES.values() for claim in pair]
    together = EvidenceGrader().grade_many(items)
    turned = EvidenceGrader().grade_many(items[::-1])[::-1]
    alone = [EvidenceGrader().grade(item.answer, item.passages) for item in items[:4]]
    assert together == turned and together[:4] == alone


@pytest.mark.parametrize("passages", [(), ("",), (" ... ", "!!")])
def test_passages_without_words_are_an_error(grader, passages):
    with pytest.raises(GradingError, match="at least one passage"):
        grader.grade("Harl was a ferryman.", passages)


def test_one_text_in_the_place_of_passages_is_an_error(grader):
    with pytest.raises(GradingError, match="list of texts"):
        grader.grade("Harl was a ferryman.", "Harl was a ferryman.")


@pytest.mark.parametrize(
    "text",
    [
        "x" * 30_000,
        "a. " * 9_000,
        "\x00\u202e⁷²½ \ud7ff",
        "1. 2) 3: ¹",
        "(" * 4_000,
        "[/b] [red]no",
    ],
)
def test_hostile_text_is_graded_without_error(grader, text):
    assert 0 <= grader.grade(text, PASSAGES).score <= 1
    assert 0 <= grader.grade("Harl was a ferryman.", [*PASSAGES, text]).score <= 1


def test_sentences_end_at_full_stops_that_are_none_of_an_abbreviation():
    text = "Mr. Harl met Dr. A. B. Wend in the U.S. state. He left.\n1. Boil it\n2. Eat it"
    assert [text[a:b] for a, b in split(text)] == [
        "Mr. Harl met Dr. A. B. Wend in the U.S. state.",
        "He left.",
        "Boil it",
        "Eat it",
    ]
    assert all(text[t.start : t.end] == t.text for s in sentences(text) for t in s.tokens)


def test_forms_of_a_word_meet_and_others_do_not():
    for forms in ("founded founder founding", "city cities", "directed director directs"):
        assert len({stem(word) for word in forms.split()}) == 1
    assert stem("poison") != stem("poet")


def test_numbers_are_read_with_magnitudes_and_ordinals():
    values = [t.number for t in read("In 1,200 houses 2.5 million of the third")[0].tokens]
    assert [value for value in values if value is not None] == [1200, 2.5e6, 3]


def test_shipped_weights_are_of_these_features_and_say_what_they_are_made_of():
    model = shipped_model()
    assert model.version == "evidence@2"
    assert set(model.made_from["files"]) == {
        "controls_paws.jsonl",
        "controls_fever_symmetric.jsonl",
        "equivalence_evouna.jsonl",
    }


@pytest.mark.parametrize("spoil", [lambda d: d["features"].pop(), lambda d: d.pop("answer")])
def test_weights_that_do_not_fit_are_an_error_naming_the_file(tmp_path, spoil):
    data = json.loads(WEIGHTS.read_text())
    spoil(data)
    path = tmp_path / "weights.json"
    path.write_text(json.dumps(data))
    with pytest.raises(GradingError, match=r"weights\.json.*fit_evidence"):
        load_model(path)


def test_trees_say_what_scikit_learn_says():
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = numpy.random.default_rng(5)
    rows = rng.normal(size=(300, 4))
    truth = rows[:, 0] * rows[:, 1] + rng.normal(size=300) > 0
    fitted = HistGradientBoostingClassifier(max_iter=20).fit(rows, truth)
    trees = Trees.from_data(json.loads(json.dumps(trees_data(fitted))))
    assert numpy.allclose(trees.logits(rows), fitted.decision_function(rows), atol=0.01)


def test_more_bad_claims_never_lower_the_expected_number():
    few, many = answer_features([2.0, -3.0]), answer_features([2.0, 1.0, -3.0])
    assert many[2] > few[2] and many[0] == few[0]


def _labelled(count: int, *, noise: bool = False) -> tuple[list[Evidence], list[bool], list[str]]:
    rng = random.Random(3)
    items, labels, groups = [], [], []
    towns = ["Dunmere", "Tarsk", "Wick", "Orlo", "Senn", "Palt", "Grune", "Hask"]
    for number in range(count):
        home, other = rng.sample(towns, 2)
        wrong = number % 2 == 0
        items.append(
            Evidence(
                f"The smith number {number % 40} lived in {other if wrong else home}.",
                (f"In {home} lived the smith number {number % 40}.", "The mill burnt down."),
            )
        )
        labels.append(bool(rng.getrandbits(1)) if noise else wrong)
        groups.append(f"q{number % 40}")
    return items, labels, groups


def test_fitting_learns_from_labels_and_its_card_is_of_held_out_groups(grader, tmp_path):
    items, labels, groups = _labelled(100)
    fitted = fit_evidence(items, labels, groups=groups, grader=grader)
    assert fitted.card["auroc"] > 0.95 and fitted.card["n"] == 100 and fitted.card["clusters"] == 40
    fitted.save(tmp_path / "mine.json")
    again = FittedEvidence.load(tmp_path / "mine.json")
    assert again.scores(items[:3], grader) == fitted.scores(items[:3], grader)
    whole = json.loads((tmp_path / "mine.json").read_text())
    for key, value, told in (
        ("threshold", None, "'threshold': "),
        ("data", [], "'data': "),
        ("data", whole["data"] | {"weights": whole["data"]["weights"][:-1]}, "do not fit"),
        ("data", whole["data"] | {"scale": [0.0] * len(whole["data"]["scale"])}, "'data.scale.0'"),
    ):
        (tmp_path / "mine.json").write_text(json.dumps(whole | {key: value}))
        with pytest.raises(GradingError, match=f"mine.json: no fitted evidence grader.*{told}"):
            FittedEvidence.load(tmp_path / "mine.json")


def test_fitting_on_noise_promises_nothing(grader):
    items, labels, groups = _labelled(80, noise=True)
    assert 0.3 < fit_evidence(items, labels, groups=groups, grader=grader).card["auroc"] < 0.7


def test_fitting_needs_labels_of_both_kinds_and_groups(grader):
    items, labels, groups = _labelled(100)
    with pytest.raises(GradingError, match="at least 60"):
        fit_evidence(items[:20], labels[:20], groups=groups[:20], grader=grader)
    with pytest.raises(GradingError, match="groups"):
        fit_evidence(items, labels, groups=["one"] * 100, grader=grader)
    with pytest.raises(GradingError, match="one label"):
        fit_evidence(items, labels[:-1], groups=groups, grader=grader)
