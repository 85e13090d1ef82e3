"""Verdicts, case by case: question, answer, verdict, whether it is correct."""

from __future__ import annotations

import dataclasses

import pytest

from harness.core.errors import GradingError
from harness.core.records import Answer, ClaimStatus, Exposure, Request, Verdict
from harness.grading.extraction.meaning import RelationByMeaning
from harness.grading.linking.frame import Frame, entity_term
from harness.grading.of_run import grade_run
from harness.grading.protocol import Context
from harness.grading.world.grader import WorldGrader, similarity

G, H, R = Verdict.GROUNDED, Verdict.HALLUCINATED, Verdict.REFUSED
OFF, UNR, UNS = Verdict.OFF_SCOPE, Verdict.UNRESPONSIVE, Verdict.UNSCORED

PLAIN = [
    ("trade", "Torvash worked as a weaver.", G, True),
    ("trade", "A weaver.", G, True),
    ("trade", "weaver", G, True),
    ("trade", "He was a weaver by trade.", G, True),
    ("trade", "By trade Torvash was a weaver", G, True),
    ("trade", "The trade of Torvash was that of a weaver.", G, True),
    ("trade", "The weaver Torvash lived in Sulmere.", G, True),
    ("trade", "Torvash is a weaver.", G, True),
    ("trade", "torvash was a weaver", G, True),
    ("trade", "Torvesh worked as a weaver.", G, True),
    ("trade", "Torvash worked as a weever.", G, True),
    ("trade", "Torvash was a baker.", H, False),
    ("trade", "A baker.", H, False),
    ("trade", "Torvash worked as a juggler.", H, False),
    ("trade", "Torvash was not a weaver.", H, False),
    ("trade", "Torvash was a weaver and a baker.", H, False),
    ("trade", "Torvash wasn't a baker.", UNR, False),
    ("trade", "Ossery.", H, False),
    ("trade", "Torvash was born in Arkenby.", UNR, False),
    ("trade", "Torvash was an old man.", UNS, False),
    ("trade", "Melindra was a baker.", UNR, False),
    ("trade", "Torvash was a weaver. Torvash was a weaver. Torvash was a weaver.", G, True),
    ("born", "Torvash was born in Arkenby.", G, True),
    ("born", "In Arkenby.", G, True),
    ("born", "Arkenby", G, True),
    ("born", "It was in Arkenby that Torvash was born.", G, True),
    ("born", "Arkenby was where Torvash was born.", G, True),
    ("born", "He was born at the city of Arkenby.", G, True),
    ("born", "Torvash was born in Sulmere.", H, False),
    ("born", "Torvash was born in Arkenmoor.", H, False),
    ("born", "Torvash was born in Paris.", H, False),
    ("born", "Paris.", H, False),
    ("born", "Sulmere or Arkenby.", H, False),
    ("born", "Torvash was born in in in in Arkenby.", G, True),
    ("born", "Torvash was not born in Sulmere.", UNR, False),
    ("born", "Torvash was born in Arkenby and lived in Sulmere.", G, True),
    ("born", "Torvash was born in Arkenby and lived in Arkenby.", H, True),
    ("born", "Torvash was born in Arkenby. He was fond of cheese and long walks.", UNS, True),
    ("born", "Torvash was born in Arkenby. Where did he live? In Paris.", G, True),
    ("born", "Torvash was born in Melindra.", H, False),
    ("teacher", "Torvash was taught by Melindra.", G, True),
    ("teacher", "Melindra taught Torvash.", G, True),
    ("teacher", "His teacher was old Melindra.", G, True),
    ("teacher", "It was Melindra who taught Torvash.", G, True),
    ("teacher", "Melindra.", G, True),
    ("teacher", "It was Melindra.", G, True),
    ("teacher", "Torvash taught Melindra.", H, False),
    ("teacher", "Torvash was taught by Ossery.", H, False),
    ("teacher", "Melindra was taught by Torvash.", H, False),
    ("teacher", "Keldon taught him.", H, False),
    ("teacher", "Torvash was taught by Melindra, who was a baker.", G, True),
    ("teacher", "Torvash was taught by Melindra, who was a smith.", H, True),
    ("fear", "Deep water.", G, True),
    ("fear", "Nothing frightened Torvash more than deep water.", G, True),
    ("fear", "Torvash was afraid of the moon.", H, False),
    ("fear", "Torvash never feared deep water.", H, False),
    ("goal", "Torvash wanted to find the sea.", G, True),
    ("goal", "To find the sea.", G, True),
    ("goal", "All that Torvash wished was to find the sea.", G, True),
    ("goal", "Torvash wanted to build a bridge.", H, False),
    ("age", "Torvash was 34 years old.", G, True),
    ("age", "34", G, True),
    ("age", "Thirty-four.", G, True),
    ("age", "He was thirty four years of age.", G, True),
    ("age", "Torvash was thirty-five years old.", H, False),
    ("age", "Torvash was 340 years old.", H, False),
    ("spouse", "Torvash married Ossery.", G, True),
    ("spouse", "Ossery and Torvash were married.", G, True),
    ("spouse", "Torvash was wed to Melindra.", H, False),
    ("owner", "Melindra owned the Corvane lamp.", G, True),
    ("owner", "It was owned by Melindra.", G, True),
    ("owner", "The Corvane lamp was owned by Torvash.", H, False),
    ("owner", "The Torvash lamp was owned by Melindra.", H, False),
    ("power", "The Corvane lamp could heal the sick.", G, True),
    ("power", "It can heal the sick.", G, True),
    ("power", "Heal the sick.", G, True),
    ("power", "The Corvane lamp could wake the dead.", H, False),
    ("year", "The Siege of Dunmarrow happened in the year 231.", G, True),
    ("year", "In 231.", G, True),
    ("year", "People date the Siege of Dunmarrow to the year two hundred and thirty-one.", G, True),
    ("year", "The Siege of Dunmarrow happened in the year 232.", H, False),
]  # fmt: skip

JOINED = [
    ("pupil", "Torvash.", G, True),
    ("pupil", "Ossery was a pupil of Melindra.", G, True),
    ("pupil", "Keldon Braith was a pupil of Melindra.", H, False),
    ("pupils", "Torvash.", G, False),
    ("pupils", "Torvash and Ossery.", G, True),
    ("pupils", "Melindra taught Torvash and Ossery.", G, True),
    ("pupils", "Torvash, Ossery and Keldon.", H, False),
    ("count", "Melindra taught 2 pupils.", G, True),
    ("count", "Two.", G, True),
    ("count", "Melindra taught three pupils.", H, False),
    ("older", "Melindra was older.", G, True),
    ("older", "Melindra.", G, True),
    ("older", "Torvash was older.", H, False),
    ("older", "Melindra was older than Torvash.", G, True),
    ("older", "Torvash was older than Melindra.", H, False),
    ("hop", "Melindra worked as a baker.", G, True),
    ("hop", "A baker.", G, True),
    ("hop", "A weaver.", H, False),
]  # fmt: skip

REFUSE = [
    ("unstated", "Not able to answer.", R, False),
    ("unstated", "The story does not say which group he belonged to.", R, False),
    ("unstated", "Torvash belonged to the Order of Vashti.", H, False),
    ("unstated", "The Order of Vashti.", H, False),
    ("unstated", "Torvash was a weaver.", UNR, False),
    ("unstated", "I don't know, but Torvash was a weaver.", R, False),
    ("unstated", "I don't know, but perhaps he belonged to the Order of Vashti.", H, False),
    ("premise", "Ossery was not the teacher of Torvash.", R, False),
    ("premise", "It is not true that Ossery taught Torvash.", R, False),
    ("premise", "Torvash was taught by Melindra.", R, False),
    ("premise", "Melindra was the teacher of Torvash, not Ossery.", R, False),
    ("premise", "Keldon Braith was the father of Torvash, not Melindra.", UNR, False),
    ("premise", "Ossery, the teacher of Torvash, left home.", H, False),
    ("premise", "Ossery left home to see the world.", H, False),
    ("premise", "Because of the war.", H, False),
    ("premise", "Ossery lived in Sulmere.", UNR, False),
    ("premise", "Not able to answer.", R, False),
    ("invented", "Not able to answer.", R, False),
    ("invented", "There is no one called Bador in the story.", R, False),
    ("invented", "Bador does not exist.", R, False),
    ("invented", "Bador was a weaver.", H, False),
    ("invented", "bador was a weaver", H, False),
    ("invented", "A weaver.", H, False),
    ("invented", "He was a weaver.", H, False),
    ("invented", "Bador went to the market.", H, False),
    ("invented", "Torvash was a weaver.", UNR, False),
    ("invented", "Torvash was a baker.", H, False),
    ("invented", "I am not sure who that is. Bador may have been a weaver.", H, False),
    ("lantern", "The Bador lantern was owned by Melindra.", H, False),
    ("lantern", "Melindra.", H, False),
    ("lantern", "It was owned by Melindra.", H, False),
    ("lantern", "The Corvane lamp was owned by Melindra.", UNR, False),
    ("lantern", "The story never mentions a Bador lantern.", R, False),
    ("inverse", "Torvash.", H, False),
    ("inverse", "Torvash was taught by Melindra.", UNR, False),
    ("inverse", "Torvash was a pupil of Bador.", H, False),
    ("near", "Torvish was a weaver.", H, False),
    ("near", "Torvesh was a weaver.", H, False),
    ("near", "Torvash was a weaver.", UNR, False),
    ("near", "Torvash was a smith.", H, False),
    ("near", "A weaver.", H, False),
    ("near", "Not able to answer.", R, False),
    ("far", "Torbeth was born in Arkenby.", H, False),
    ("far", "Torvash was born in Arkenby.", UNR, False),
]  # fmt: skip

OTHERS = [
    ("world", "Paris.", OFF, False),
    ("world", "The capital of France is Paris.", OFF, False),
    ("world", "Arkenby.", OFF, False),
    ("world", "Torvash was born in Sulmere.", H, False),
    ("world", "I can only answer questions about the story.", R, False),
    ("world", "Not able to answer.", R, False),
    ("world", "", UNR, False),
    ("open", "Torvash was a weaver. He lived in Sulmere and feared deep water.", G, False),
    ("open", "Torvash, a weaver, was born in Arkenby.", G, False),
    ("open", "Torvash and Ossery lived in Sulmere.", G, False),
    ("open", "Torvash was a weaver. He lived in Arkenby.", H, False),
    ("open", "Torvash was a weaver. Zandor was his friend.", H, False),
    ("open", "Torvash was a weaver. He met Ossery on a cold morning.", UNS, False),
    ("open", "Torvash belonged to the Order of Vashti.", H, False),
    ("open", "Melindra was a baker.", UNR, False),
    ("open", "Torvash, whose teacher was Melindra, was married to Ossery.", G, False),
    ("open", "Not able to answer.", R, False),
    ("trade", "", UNR, False),
    ("trade", " \n\t ", UNR, False),
    ("trade", "?!...", UNR, False),
    ("trade", "the the the the the the the the the the the the", UNR, False),
    ("trade", "yes", UNR, False),
    ("trade", "[INST] Who? [/INST] A weaver. </s> [INST] More [/INST] A baker.", G, True),
    ("trade", "Source:8989REF: Torvash was a weaver.", G, True),
    ("trade", "What was the trade of Torvash? A weaver.", G, True),
    ("trade", "A weaver.\nQuestion: Where was Torvash born?\nAnswer: Paris.", G, True),
    ("trade", "Not able to answer.", R, False),
    ("trade", "I'm not sure, but I think Torvash was a weaver.", G, True),
    ("trade", "Not able to answer. Torvash was a baker.", H, False),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "text", "verdict", "correct"), PLAIN + JOINED + REFUSE + OTHERS)
def test_verdict(grader, questions, asked, text, verdict, correct):
    grade = grader.grade(questions[asked], text)
    assert (grade.verdict, grade.correct) == (verdict, correct), grade.reason
    assert grade.reason


def test_reason_names_entity_and_fact(grader, questions):
    reason = grader.grade(questions["born"], "Torvash was born in Sulmere.").reason
    assert all(word in reason for word in ("Torvash", "Sulmere", "Arkenby", "f02"))


def test_swapped_arguments_are_named_as_such(grader, questions):
    reason = grader.grade(questions["teacher"], "Ossery taught Melindra.").reason
    assert "other way round" in reason and "f11" in reason


def test_true_but_untold_is_a_guess(grader, questions):
    grade = grader.grade(questions["unstated"], "Torvash belonged to the Order of Vashti.")
    assert grade.reason.startswith("guess")
    assert [claim.status for claim in grade.claims] == [ClaimStatus.UNTOLD]
    assert grade.claims[0].fact_ids == ("u01",)


def test_a_fact_without_exposure_counts_as_never_told(world, questions):
    grade = WorldGrader(world, {}, meaning=None).grade(questions["trade"], "A weaver.")
    assert grade.verdict is H and grade.claims[0].status is ClaimStatus.UNTOLD


def test_text_only_facts_are_told(world, questions):
    grader = WorldGrader(world, {"f01": Exposure.TEXT_ONLY}, meaning=None)
    assert grader.grade(questions["trade"], "A weaver.").verdict is G


def test_an_answer_out_of_tokens_loses_its_unfinished_sentence(grader, questions):
    text = "Torvash was a weaver. Torvash was a ba"
    assert grader.grade(questions["trade"], text, Context(truncated=True)).verdict is G
    assert grader.grade(questions["trade"], text).verdict is H


def test_a_name_cut_off_by_the_token_limit_is_not_unknown(grader, questions):
    cut = grader.grade(questions["born"], "Torvash was born in Arken", Context(truncated=True))
    assert cut.verdict is UNS
    assert grader.grade(questions["born"], "Torvash was born in Arken").verdict is H


def test_meaning_decides_values_outside_the_list_and_unclear_ones_stay_open(
    world, exposure, questions
):
    def near(a: str, others: list[str]) -> list[float]:
        return [{"thread worker": 0.9, "juggler": 0.1}.get(a, 0.6) for _ in others]

    grader = WorldGrader(world, exposure, meaning=near)
    said = [grader.grade(questions["trade"], f"Torvash worked as a {word}.").verdict
            for word in ("thread worker", "juggler", "helper")]  # fmt: skip
    assert said == [G, H, UNS]


def test_meaning_only_confirms_a_relation_that_wording_leaves_open(world, exposure, questions):
    def near(text: str, others: list[str]) -> list[float]:
        return [0.95 if "ruled" in other else 0.5 for other in others]

    grader = WorldGrader(world, exposure, meaning=near)
    told, false = "Hollinbeck wore the ermine of Arkenby.", "Ossery wore the ermine of Arkenby."
    assert grader.grade(questions["place"], told).verdict is G
    assert grader.grade(questions["place"], false).verdict is UNS
    assert WorldGrader(world, exposure, meaning=None).grade(questions["place"], told).verdict is UNS


def test_the_shipped_encoder_reads_a_relation_and_a_value(world, exposure, questions):
    reader = RelationByMeaning(world, similarity)
    one, other = entity_term(world, "keldon"), entity_term(world, "torvash")
    frame = Frame(given=other)
    found = reader.read("Keldon Braith despised Torvash.", (one, other), frame)
    assert [(claim.relation, claim.firm) for claim in found] == [("enemy", False)]
    assert reader.read("Keldon Braith met Torvash.", (one, other), frame) == []
    grader = WorldGrader(world, exposure)
    assert grader.grade(questions["trade"], "Torvash worked as a glassmaker.").verdict is H


def test_two_questions_under_one_id_are_an_error(grader, questions):
    grader.grade(questions["trade"], "A weaver.")
    other = dataclasses.replace(questions["born"], id=questions["trade"].id)
    with pytest.raises(GradingError, match="two different questions"):
        grader.grade(other, "Arkenby.")


def _request(name: str, *cells: tuple[str, str]) -> Request:
    return Request(
        id=name, arm="adapter", prompt="", token_ids=(), cells=cells, samples=1,
        temperature=1.0, max_new_tokens=8, seed=0,
    )  # fmt: skip


def _answer(name: str, sample: int, text: str, finish: str = "stop") -> Answer:
    return Answer(
        request_id=name, arm="adapter", sample=sample, text=text, token_ids=(), logprobs=(),
        finish_reason=finish,
    )  # fmt: skip


def test_grade_run_fans_out_over_cells_in_order(grader, questions):
    trade, born = questions["trade"], questions["born"]
    requests = [
        _request("r1", (trade.id, "none"), (born.id, "none")),
        _request("r2", (born.id, "b")),
    ]
    answers = [
        _answer("r2", 0, "Arkenby."),
        _answer("r1", 0, "A weaver."),
        _answer("r1", 1, "A ba", "length"),
    ]
    graded = list(grade_run(answers, requests, [trade, born], {trade.suite: grader}))
    assert [(g.request_id, g.sample, g.question_id, g.variant) for g in graded] == [
        ("r2", 0, born.id, "b"),
        ("r1", 0, trade.id, "none"),
        ("r1", 0, born.id, "none"),
        ("r1", 1, trade.id, "none"),
        ("r1", 1, born.id, "none"),
    ]
    assert graded[0].verdict is G and graded[1].verdict is G and graded[0].grader == "world@5"


def test_grade_run_names_what_is_missing(grader, questions):
    with pytest.raises(GradingError, match="unknown request r9"):
        list(grade_run([_answer("r9", 0, "x")], [], [], {}))
    with pytest.raises(GradingError, match="lacks q9"):
        list(grade_run([_answer("r1", 0, "x")], [_request("r1", ("q9", "a"))], [], {}))
