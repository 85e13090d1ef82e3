"""Thinking is no answer: told apart in all the marks that are in use, and taken off."""

from __future__ import annotations

import pytest

from harness.core.records import Answer, Cause, Question, Request, Verdict
from harness.grading.of_run import grade_run
from harness.grading.protocol import Context
from harness.grading.refusal.refusals import find_refusal
from harness.grading.text.left_open import arms_left_open
from harness.grading.text.said import said
from harness.grading.text.thinking import leaves_open, masked, split_thinking
from harness.grading.world.grader import WorldGrader

T = "The user asks for a trade.\nHe may be a baker, or a smith."
A = "A weaver."
BLOCKS = [
    f"<think>\n{T}\n</think>\n\n{A}",
    f"{T}\n</think>\n\n{A}",
    f"</think>{A}",
    f"<thinking>{T}</thinking>{A}",
    f"<THINK>{T}</THINK>\n{A}",
    f"< think >{T}</ think >{A}",
    f"<think time='3'>{T}</think>{A}",
    f"&lt;think&gt;{T}&lt;/think&gt;{A}",
    f"<Thought>{T}</Thought>\n<Output>{A}</Output>",
    f"<think>{T}</think>\n<answer>{A}</answer>",
    f"<think>{T}</think><response>{A}</response>",
    f"<reasoning>{T}</reasoning>{A}",
    f"<REASONING>{T}</REASONING><CONCLUSION>{A}</CONCLUSION>",
    f"<hidden_reasoning>{T}</hidden_reasoning>{A}",
    f"<details>\n<summary>Thinking</summary>\n{T}\n</details>\n{A}",
    f"<思考>{T}</思考>{A}",
    f"[[ ## reasoning ## ]]\n{T}\n\n[[ ## answer ## ]]\n{A}\n\n[[ ## completed ## ]]",
    f"Reasoning: {T} Answer: {A}",
    f"<scratchpad>{T}</scratchpad>{A}",
    f"<thinking>{T}<reflection>Right.</reflection>{T}</thinking><output>{A}</output>",
    f"<think>{T}<think>{T}</think>{T}</think>{A}",
    f"<think>\n<think>\n{T}</think>\n{A}",
    f"<think>{T}</think>{A}</think>",
    f"<think>{T}</thinking>{A}",
    f"<think>{T}</think>\n<think>{T}</think>{A}",
    f"<think>{T} <answer>{A}</answer>",
    f"<think></think>\n\n{A}",
    f"<|begin_of_thought|>{T}<|end_of_thought|>\n<|begin_of_solution|>{A}<|end_of_solution|>",
    f"<|START_THINKING|>{T}<|END_THINKING|><|START_RESPONSE|>{A}<|END_RESPONSE|>",
    f"<|inner_prefix|>{T}<|inner_suffix|>{A}",
    f"<|think|>{T}<|end|><|begin|>assistant<|content|>{A}",
    f"<|think:start|>{T}<|think:end|>{A}",
    f"<|thinking|>{T}<|/thinking|>{A}",
    f"<|startofthink|>{T}<|endofthink|>{A}",
    f"<think_never_used_51bce0c785ca2f68>{T}</think_never_used_51bce0c785ca2f68>{A}",
    f"<cot>{T}</cot>{A}",
    f"[BEGIN THINKING]{T}[END THINKING]{A}",
    f"<|im_start|>think\n{T}<|im_end|><|im_start|>answer\n{A}",
    f"think\n{T}\nanswer\n{A}",
    f"<seed:think>{T}<seed:cot_budget_reflect>129 used</seed:cot_budget_reflect></seed:think>{A}",
    f"<mm:think>{T}</mm:think>{A}",
    f"[THINK]{T}[/THINK]{A}",
    f"[unused16]{T}[unused17]{A}",
    f"<unused94>thought\n{T}<unused95>{A}",
    f"<|channel>thought\n{T}<channel|>{A}",
    f"◁think▷{T}◁/think▷{A}",
    f"<|channel|>analysis<|message|>{T}<|end|><|start|>assistant<|channel|>final<|message|>{A}",
    f"analysis{T}assistantfinal{A}",
    f"Here is my thought process: {T} Here is my response: {A}",
    f"## Thinking\n{T}\n\n## Answer\n{A}",
    f"**Thinking:**\n{T}\n\n**Final Answer:** {A}",
    f"Thought: {T}\nFinal Answer: {A}",
    f"Thinking...\n{T}\n...done thinking.\n\n{A}",
    f"*Thinking...*\n> {T.replace(chr(10), chr(10) + '> ')}\n\n{A}",
    f"```thinking\n{T}\n```\n{A}",
    f'<details type="reasoning" done="true">\n<summary>Thought</summary>\n{T}\n</details>\n{A}',
]
OPEN = [
    f"<think>\n{T}",
    f"<think>{T}</thi",
    f"[THINK]{T}",
    f"◁think▷{T}",
    f"<|channel|>analysis<|message|>{T}",
    f"analysis{T}",
    f"Here is my thought process: {T}",
    f"Thinking Process:\n\n1. {T}",
    f"<|im_start|>think\n{T}",
]
PLAIN = [
    "He was thinking of Lund.",
    "The <think> tag is used for reasoning.",
    "Use `<think>` and `</think>` for that.",
    "The <think> and </think> tags hold thoughts.",
    "The </think> tag closes it.",
    "Thought to be in Lund.",
    "Reasoning: he lived in Lund.",
    "Analysis of the lamp shows glass.",
    "Thoughts of Visgar filled the hall.",
    "[thinking of you] was the song",
]


@pytest.mark.parametrize("text", BLOCKS)
def test_thinking_is_taken_off_and_the_answer_stays(text: str) -> None:
    found = said(text)
    assert (found.text, found.closed) == (A, True)
    assert "baker" not in found.text and found.thought == (T in text or "> " in text)
    shown = masked(text, most=20_000)
    assert "baker" not in shown and text.startswith(A, shown.index(A))


@pytest.mark.parametrize("text", OPEN)
def test_a_block_that_never_closes_is_no_answer(text: str) -> None:
    found = said(text)
    assert found.only_thought and not found.closed and "baker" in found.thinking


@pytest.mark.parametrize("text", PLAIN)
def test_what_speaks_of_thinking_is_an_answer(text: str) -> None:
    found = split_thinking(text)
    assert (found.answer, found.thought, found.spans) == (text, False, ((0, len(text)),))


PROMPTS = [
    ("<|im_start|>assistant\n<think>\n", True), ("<|im_start|>assistant\n", False),
    ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False), ("What is <think>? [/INST]", False),
    ("<|START_THINKING|>", True), ("<|start|>assistant<|channel|>analysis<|message|>", True),
    ("<|start|>assistant<|channel|>final<|message|>", False), ("[/INST][THINK]", True), ("", False),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "opens"), PROMPTS)
def test_a_prompt_that_leaves_thinking_open_is_told(prompt: str, opens: bool) -> None:
    assert leaves_open(prompt) == opens


RUNS = [  # the prompt's end, answers with their finish reasons, verdict of the last one, its cause
    ("<think>\n", [("Perhaps he was a baker. Let me", "length")], Cause.REASONING),
    ("<think>\n", [(f"{T}</think>{A}", "stop"), ("He was a baker, or", "length")], Cause.REASONING),
    ("<think>\n", [("A baker.", "stop"), ("He was a baker, or", "length")], None),  # it learnt to
    (
        "",
        [(f"{T}</think>{A}", "stop"), ("He was a baker, or", "length")],
        Cause.REASONING,
    ),  # server
    ("", [(A, "stop"), ("He was a baker, or", "length")], None),
    ("<think>\n", [(f"{T}</think>{A}", "stop"), (f"{T}</think>A baker", "length")], None),
]


@pytest.mark.parametrize(("end", "came", "cause"), RUNS)
def test_thinking_that_its_prompt_opened_is_no_answer_when_it_is_cut(
    grader: WorldGrader, questions: dict[str, Question], end, came, cause
) -> None:
    question = questions["trade"]
    request = Request(
        id="r", arm="adapter", prompt=f"Who?{end}", token_ids=(), cells=((question.id, "none"),),
        samples=1, temperature=1.0, max_new_tokens=8, seed=0,
    )  # fmt: skip
    answers = [
        Answer(request_id="r", arm="adapter", sample=at, text=text, finish_reason=finish,
               token_ids=(), logprobs=())
        for at, (text, finish) in enumerate(came)
    ]  # fmt: skip
    left = arms_left_open(answers, [request])
    last = list(
        grade_run(answers, [request], [question], {question.suite: grader}, left_open=left)
    )[-1]
    assert last.verdict is (Verdict.UNRESPONSIVE if cause else Verdict.HALLUCINATED)
    assert last.cause is cause


def test_an_answer_before_an_unclosed_block_counts() -> None:
    found = said(f"{A}\n<think>{T}")
    assert found.text == A and found.thought and not found.closed


def test_marks_without_end_take_no_time() -> None:
    for mark in ("<think>", "</think>", "[THINK]", "<", "&lt;", "Thinking:\n", "assistantfinal"):
        assert split_thinking(mark * 20_000) is not None


def test_all_graders_read_past_thinking(
    grader: WorldGrader, questions: dict[str, Question]
) -> None:
    hers = questions["trade"]
    assert grader.grade(hers, BLOCKS[0]).verdict is Verdict.GROUNDED
    wrong = grader.grade(hers, "<think>He was a weaver.</think>A baker.")
    assert wrong.verdict is Verdict.HALLUCINATED and wrong.thought
    cut = grader.grade(hers, f"<think>\n{T}", Context(truncated=True))
    assert (cut.verdict, cut.cause) == (Verdict.UNRESPONSIVE, Cause.REASONING)
    assert find_refusal("<think>He may be a baker.</think>I do not know.").extent == "full"
    assert not find_refusal("<think>I do not know this.</think>He was a baker.").declines
