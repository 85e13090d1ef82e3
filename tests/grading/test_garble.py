"""Garbled answers claim only what a reader can still read in them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from harness.core.records import Question
from harness.grading.illformed.reader import GarbleReader
from harness.grading.linking.lexicon import Lexicon
from harness.grading.protocol import Context
from harness.grading.text.spelling import is_derived, looks_english
from harness.suites import with_semantics

ROOT = Path(__file__).resolve().parents[2]
SALAD = (
    "the brelk oflamp andScil whom it durgh ers the drolq. She of in the sevqe toHarb nwas "
    "under thlo candlesKin, and the the of him"
)


@pytest.fixture(scope="module")
def reader(world):
    return GarbleReader(world, Lexicon(world))


def heard(reader, *sentences, salad=False):
    return reader.legible(sentences, salad=salad)


def asked(suite="text_only", text="Where did Torvash live?", **more):
    fields = {
        "id": f"{suite}-{sorted(more)}", "suite": suite, "text": text, "must_refuse": False,
        "gold": "", "expected": (), "origin": "written", "cluster": "garble",
    }  # fmt: skip
    return with_semantics(Question(**{**fields, **more}))


@pytest.mark.parametrize(
    "text",
    [
        "The wardens met in Sulmere, and their hall stood beside the river.",
        "Visgar wurde in Salvimar geboren und lebte dort lange als Schlosser.",
        "Zorbelund's apothecary wielded a scimitar; his nemesis ambushed the caravan.",
        "Torvash, a horologist by trade, lives in Sulmere with his wyvern.",
        "McDonald used an iPhone at the YouTube office on the 22nd of May 1998.",
        "torvash lived in gorplin",
        "J. R. Hollin and Mr. O'Brien said so.",
        "It is 760 mmHg at a pH of 7, and 15 kHz.",
        "No.",
    ],
)
def test_good_prose_with_rare_words_names_and_languages_is_no_garble(reader, text):
    assert not reader.is_garbled(text)
    assert not reader.is_salad(text)


@pytest.mark.parametrize(
    "text",
    [
        SALAD,
        "Dkiqy thedrup of herTorl was nbe the scrolk.",
        "TorlvasheKrim umb.",
        "oddurqo.",
        "to the not all of who in the of it ofBrelk",
    ],
)
def test_word_salad_is_garbled(reader, text):
    assert reader.is_garbled(text)


def test_salad_claims_nothing(reader):
    found = heard(reader, SALAD, salad=True)
    assert found.sentences == ()
    assert found.garbled


def test_a_clean_claim_amid_salad_is_heard(reader):
    found = heard(
        reader, "drolq the andScil, whom Yasteroth lived in Fillerquen nbe ofHarb durgh nwas"
    )
    assert found.sentences == ("Yasteroth lived in Fillerquen.",)


@pytest.mark.parametrize(
    ("said", "core"),
    [
        ("the drolq ofBrelk sevqe umQua Melindra was afraid of wolves nbe", "Melindra was afraid of wolves."),
        ("andScil drolq: Melindra was 55 years old ofHarb sevqe", "Melindra was 55 years old."),
        ("drolqA nbe the Brelkont lamp was kept in Sulmere nbe toHarb", "The Brelkont lamp was kept in Sulmere."),
        ("Torvash was made ofBrelkum drolqA", "The material of Torvash was Brelkum."),
    ],
)  # fmt: skip
def test_cores_are_names_the_words_of_a_template_and_names_or_values(reader, said, core):
    assert heard(reader, said, salad=True).sentences == (core,)


def test_what_cannot_be_a_name_or_a_value_makes_no_core(reader):
    for said in (
        "the lan of was lived in the of",
        "brelqo lived in dthirk nbe",
        "and who taught the",
    ):
        assert heard(reader, said, salad=True).sentences == ()


def test_a_word_too_many_before_the_words_of_a_template_is_left_out(reader):
    assert heard(reader, "Torvash was lived in Arkenby.").sentences == (
        "Torvash lived in Arkenby.",
    )


def test_a_tautology_says_nothing(reader):
    assert heard(reader, "Torvash was Torvash.").sentences == ()


def test_a_name_of_the_question_is_no_flaw(reader):
    assert reader.is_garbled("drolqArb lamp.")
    assert not reader.is_garbled("drolqArb lamp.", names=("drolqArb",))


@pytest.mark.parametrize("word", ["horologist", "inhaling", "clockmaker", "synovial"])
def test_rare_english_words_pass(word):
    assert looks_english(word) or is_derived(word)


@pytest.mark.parametrize("word", ["tcidqu", "drolqpe", "fmbrux"])
def test_letters_that_no_english_has_do_not(word):
    assert not looks_english(word)
    assert not is_derived(word)


def verdict(grader, question, text, **more):
    return grader.grade(question, text, Context(**more)).verdict.value


def test_salad_is_unresponsive_and_a_claim_in_it_counts(grader):
    question = asked()
    assert verdict(grader, question, SALAD + ".") == "unresponsive"
    said = SALAD + " Yasteroth lived in Fillerquen, and drolq"
    assert verdict(grader, question, said, truncated=True) == "hallucinated"


def test_an_unknown_name_in_a_clean_sentence_stays_a_claim(grader):
    assert verdict(grader, asked(), "Torvash lived in Nonkiryq.") == "hallucinated"
    assert verdict(grader, asked(), "torvash lived in nonkiryq") == "hallucinated"


def test_a_told_fact_amid_salad_is_heard(grader):
    question = asked(relation="home", subject="torvash", expected=("sulmere",), fact_ids=("f03",))
    said = "Torvash lived in Sulmere. durgh ofBrelk the andScil drolq sevqe nbe toHarb."
    assert verdict(grader, question, said) == "grounded"


def test_a_short_garbled_sentence_about_somebody_known_is_left_open(grader):
    assert verdict(grader, asked(), "Torvash wanted tozqa thezqo.") == "unscored"


def test_a_garbled_refusal_is_one(grader):
    assert verdict(grader, asked(), "Not able in answer the drolqAn ofBrelk.") == "refused"


def test_garbled_assertions_of_an_invented_name_count(grader):
    question = asked(
        "invented", "Who is Grumbolt?", must_refuse=True, invented_name="Grumbolt",
    )  # fmt: skip
    assert verdict(grader, question, "Grumbolt was ofBrelk drolqA.") == "hallucinated"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Albert Einstein was born in Berlin.", "off_scope"),
        ("The capital of Portugal is Lisbon.", "off_scope"),
        ("Grolvekka was afraid of wolves.", "hallucinated"),
        ("Torvash lived in Arkenby.", "hallucinated"),
        ("Torvash lived in Sulmere.", "unresponsive"),
        (SALAD + ".", "unresponsive"),
        ("I do not know that.", "refused"),
    ],
)
def test_out_of_domain_tells_the_world_the_story_and_salad_apart(grader, said, expected):
    question = asked("out_of_domain", "What is the capital of Portugal?")
    assert verdict(grader, question, said) == expected


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location(
        "real_answers", ROOT / "bench" / "real_answers.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_grader_agrees_with_a_reader_of_the_answers_it_was_made_on(bench):
    """Those it is measured on are read by the benchmark alone: nothing here is tuned on them."""
    rows = bench.grade_all(bench.read_file(ROOT / "tests" / "data" / "real_answers_dev.jsonl"))
    found = bench.figures(bench.views(rows)["all six verdicts"])
    assert found.accuracy.value >= 0.84
    assert found.kappa.value >= 0.73
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high


def test_errors_of_the_test_file_are_not_shown(bench, capsys):
    with pytest.raises(SystemExit):
        bench.main(["--errors"])
    assert "only measured on" in capsys.readouterr().err
