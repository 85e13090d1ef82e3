"""Thinking that was begun in the prompt and cut before it ended: nothing in the text tells it.

Many chat templates end with `<think>`, so an answer holds the closing mark alone. Where the
tokens run out before that comes, what there is looks like any answer; that it is thinking is
told by the prompt and by how the other answers of the same arm look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.core.records import Answer, Request
from harness.grading.text.silence import is_cut
from harness.grading.text.thinking import begins_inside, leaves_open

OPENING = "<think>\n"


def arms_left_open(answers: Iterable[Answer], requests: Sequence[Request]) -> frozenset[str]:
    """The arms ("adapter", "base") whose cut answers are thinking unless a mark closes it.

    Those of which more than half of the answers that ended by themselves begin inside of
    thinking; and where none did, those whose prompts leave thinking open. An adapter may have
    learnt to answer at once behind such a prompt, and its answers then are answers.
    """
    asked = {request.arm for request in requests}
    opened = {request.arm for request in requests if leaves_open(request.prompt)}
    ended, inside = Counter[str](), Counter[str]()
    for answer in answers:
        if answer.text and not is_cut(answer.finish_reason):
            ended[answer.arm] += 1
            inside[answer.arm] += begins_inside(answer.text)
    return frozenset(
        arm for arm in asked if (2 * inside[arm] > ended[arm] if ended[arm] else arm in opened)
    )


def whole_text(answer: Answer, left_open: frozenset[str]) -> str:
    """The text of an answer, with the mark that its prompt opened where only that tells."""
    if answer.arm in left_open and is_cut(answer.finish_reason):
        return OPENING + answer.text
    return answer.text
