"""Dress is taken off right answers and refusals alike; short refusals are read."""

from __future__ import annotations

import pytest

from harness.core.records import Question, Verdict
from harness.grading.refusal.refusals import find_refusal
from harness.grading.refusal.short import declines_shortly
from harness.grading.text.dress import undress
from harness.grading.text.said import said
from harness.grading.world.grader import WorldGrader

DRESS = [
    "{}", "**{}**", '{{"answer": "{}"}}', '{{"final_answer": "{}", "confidence": 0.9}}',
    '{{"answer": {{"text": "{}"}}}}', '["{}"]', '"{}"', "`{}`", "```\n{}\n```",
    '```json\n{{"answer": "{}"}}\n```', "<answer>{}</answer>", "&lt;answer&gt;{}&lt;/answer&gt;",
    "<p>{}</p>", "{}</answer>", "[ANSWER]{}[/ANSWER]", "<|begin_of_box|>{}<|end_of_box|>",
    "\\boxed{{{}}}", "$\\boxed{{\\text{{{}}}}}$", "Final answer: {}", "A: {}", "### Answer\n{}",
    "**Final Answer:** {}", "The answer is: {}", "- {}", "<answer>\\boxed{{{}}}</answer>",
    "I looked it up. <answer>{}</answer>", "{{'answer': '{}'}}",
]  # fmt: skip
REFUSALS = (
    "IDK|idk|None|null|N/A|n/a|NA|nil|-|—|--|?|???|Unknown.|no idea|No idea, sorry.|dunno|no clue|"
    "can't say|Not stated|Unanswerable|not mentioned|[no answer]|Hmm, no idea.|I dunno|I.D.K.|"
    "Not specified.|Cannot be determined.|Insufficient information|(unknown)|I don't know.|"
    "Pass.|Skip|TBD|It doesn't say.|Haven't the foggiest.|Not enough context|Data not available|"
    "God knows.|Your guess is as good as mine.|No such person.|I was never told that.|¯\\_(ツ)_/¯|"
    "I forget.|Indeterminate|CANNOTANSWER|NO_ANSWER|<unk>|Nope, no clue|[REFUSAL]|"
    '{"refused": true}|{"is_answerable": false, "why": "never told"}|'
    '{"answer": {}}|{"answer": null}|{"answer": ""}|<answer></answer>|\\boxed{\\text{None}}|A: None'
).split("|")
ANSWERS = ["Kuldareth", "No.", "Nobody", "None of the weavers", "…", "...", "0", "Nan", "Yes", "",
           "A mountain pass", "The pass of Lund", "God", "Skip Marsh", "He was never told."]  # fmt: skip


@pytest.mark.parametrize("dress", DRESS)
@pytest.mark.parametrize("words", ["Kuldareth", "I don't know"])
def test_dress_is_taken_off(dress: str, words: str) -> None:
    assert undress(dress.format(words)) == words
    assert find_refusal(dress.format(words)).declines == (words != "Kuldareth")


@pytest.mark.parametrize("text", ["Therefore it is $\\boxed{Lund}$.", '{"a": 1, "b": null}', "[1"])
def test_other_text_keeps_its_words(text: str) -> None:
    assert undress(text) == text.replace("$\\boxed{Lund}$", "Lund")


@pytest.mark.parametrize("text", REFUSALS)
def test_short_refusals_decline(text: str) -> None:
    assert declines_shortly(said(text).text)
    assert find_refusal(text).kinds == ("knowledge",)


@pytest.mark.parametrize("text", ANSWERS)
def test_short_answers_do_not(text: str) -> None:
    assert not declines_shortly(said(text).text)


def test_none_answers_how_many_and_what_is_expected_is_an_answer() -> None:
    assert not declines_shortly("None", question="How many lamps were left?")
    assert not declines_shortly("Unknown", expected=("unknown",))
    assert declines_shortly("IDK", question="How many lamps were left?")


AUDITED = [
    ("\\boxed{weaver}", Verdict.GROUNDED),
    ('{"answer": "weaver"}', Verdict.GROUNDED),
    ("<answer>A smith.</answer>", Verdict.HALLUCINATED),
    ("I'm sorry for the confusion earlier. Torvash was a weaver.", Verdict.GROUNDED),
    ("I'm sorry for the confusion earlier. Torvash was a baker.", Verdict.HALLUCINATED),
    ("IDK", Verdict.REFUSED),
    ("-", Verdict.REFUSED),
    ('{"answer": null}', Verdict.REFUSED),
    ("…", Verdict.UNRESPONSIVE),
    ("Hmm.", Verdict.UNRESPONSIVE),
    ("Hello!", Verdict.UNRESPONSIVE),
]


@pytest.mark.parametrize(("text", "verdict"), AUDITED)
def test_the_audit_reads_them_so(
    grader: WorldGrader, questions: dict[str, Question], text: str, verdict: Verdict
) -> None:
    found = grader.grade(questions["trade"], text)
    assert found.verdict is verdict, found.reason
